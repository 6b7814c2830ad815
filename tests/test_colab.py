"""The set-up cell as notebooks have it, in an IPython of its own: a fake google.colab, a pip that only records."""

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from publish import cuts
from sidebyside import colab
from sidebyside.colab import LeaveOut
from sidebyside.libraries import LIBRARIES

ROOT = Path(__file__).parents[1]
# Runs in each Python below: what is installed is what STAND_IN says.
SITE = """
import importlib.metadata, json, os, sys
told = json.loads(os.environ["STAND_IN"])

class Told(importlib.metadata.Distribution):
    def __init__(self, name, version):
        about = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
        self.texts = {"METADATA": about, "top_level.txt": name.replace("-", "_")}
    def read_text(self, filename):
        return self.texts.get(filename)
    def locate_file(self, path):
        return path

class Finder:
    def find_spec(self, *_):
        return None
    def find_distributions(self, context=importlib.metadata.DistributionFinder.Context()):
        with open(told["installed"]) as file:
            for name, version in json.load(file).items():
                if context.name is None or context.name.lower().replace("_", "-") == name.lower().replace("_", "-"):
                    yield Told(name, version)

class NoDistributions:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *rest):
        if name in told["hidden"]:
            return None
        return self.finder.find_spec(name, *rest) if hasattr(self.finder, "find_spec") else None
    def invalidate_caches(self):
        pass
sys.meta_path[:] = [Finder(), *map(NoDistributions, sys.meta_path)]
"""
# Records what it is called with, and "installs" what it is told to.
PIP = """
import json, os, re, sys
told = json.loads(os.environ["STAND_IN"])
arguments = sys.argv[1:]
constraints = open(arguments[arguments.index("-c") + 1]).read().split() if "-c" in arguments else []
with open(told["calls"], "a") as file:
    print(json.dumps({"arguments": arguments, "constraints": constraints}), file=file)
if told["pip_fails"]:
    sys.exit(told["pip_fails"])
with open(told["installed"]) as file:
    installed = json.load(file)
installed |= told["pip_brings"]
with open(told["installed"], "w") as file:
    json.dump(installed, file)
"""
RUN = """
import platform, sys
import packaging.requirements  # it looks at Python's version, and must see the real one
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
sys.version_info = VERSION
platform.python_version = lambda: ".".join(map(str, VERSION))
platform.python_version_tuple = lambda: tuple(map(str, VERSION))  # environment markers are evaluated with it
for cell in CELLS:
    if not shell.run_cell(cell).success:
        break
"""
COLAB = {
    "numpy": "2.1.3",
    "scipy": "1.16.3",
    "pandas": "2.2.3",
    "matplotlib": "3.10.0",
    "xarray": "2025.12.0",
    "ipython": "7.34.0",
    "ipykernel": "6.17.1",
    "jax": "0.11.1",
    "jaxlib": "0.11.1",
    "torch": "2.11.0+cpu",
    "tensorflow": "2.20.0",
    "tf_keras": "2.20.1",
    "tensorflow-probability": "0.25.0",
    "pymc": "5.28.5",
    "pytensor": "2.38.3",
    "numba": "0.61.2",
    "arviz": "0.22.0",
    "scikit-learn": "1.6.1",
    "setuptools": "80.10.2",
    "nest-asyncio": "1.6.0",
}


def good_enough():
    """Return everything that the course asks for, at its lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [project["dependencies"], *project["optional-dependencies"].values()]
    return dict(re.match(r"([\w.-]+).*>=([\d.]+)", line).groups() for lines in asked for line in lines)


@pytest.fixture
def machine(tmp_path):
    """Return a function that runs the set-up cell of an edition, and more cells; it returns output and pip's calls."""
    site = tmp_path / "site"
    (site / "google" / "colab").mkdir(parents=True)
    (site / "google" / "colab" / "__init__.py").touch()
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").touch()
    (site / "pip" / "__main__.py").write_text(PIP)
    (site / "sitecustomize.py").write_text(SITE)

    def run(
        edition,
        *more,
        installed,
        colab=True,
        python=(3, 12, 1),
        brings=None,
        fails="",
        hidden=(),
        preloaded=(),
        packages=("arviz",),
    ):
        libraries = tuple(library for library in LIBRARIES.values() if edition in (library.tag, "full"))
        imports = nbformat.v4.new_code_cell("\n".join(f"import {name}" for name in packages))
        cell = cuts.set_up_cell([imports], cuts.Edition(edition, libraries), "git+https://example.org/course.git@main")
        calls, held = tmp_path / "calls", tmp_path / "installed"
        held.write_text(json.dumps(installed))
        told = {
            "installed": str(held),
            "calls": str(calls),
            "pip_fails": fails,
            "pip_brings": brings or {},
            "hidden": list(hidden),
        }
        before = "".join(f"import {name}\n" for name in ["google.colab"] * colab + list(preloaded))
        script = f"{before}CELLS = {[cell.source, *more]!r}\nVERSION = {python!r}\n{RUN}"
        environment = os.environ | {
            "STAND_IN": json.dumps(told),
            "PYTHONPATH": f"{site}:{ROOT / 'src'}",
            "IPYTHONDIR": str(tmp_path / "ipython"),
        }
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        recorded = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
        calls.unlink(missing_ok=True)
        return done.stdout + done.stderr, recorded

    return run


def test_on_colab_only_what_lacks_is_installed_and_the_rest_is_kept(machine):
    brings = {"pymc": "6.4.0", "nutpie": "0.16.11", "arviz": "1.3.0", "pytensor": "3.3.8", "zarr": "3.4.2"}
    said, (call,) = machine("pymc", installed=COLAB, brings=brings, packages=("arviz", "numpy", "pandas"))
    asked = call["arguments"]
    assert asked[0] == "install"
    assert [argument for argument in asked if ">=" in argument] == ["arviz>=1.3", "pymc>=6.4,<7", "nutpie>=0.16"]
    assert "--upgrade" not in asked
    kept = ["numpy==2.1.3", "ipython==7.34.0", "ipykernel==6.17.1", "jax==0.11.1", "jaxlib==0.11.1"]
    kept += ["torch==2.11.0+cpu", "tensorflow==2.20.0"]
    assert call["constraints"] == kept
    assert "Google Colab; Python 3.12.1. Ready after" in said
    assert said.count(" s: PyMC.") == 1
    installed = "nutpie 0.16.11, arviz 1.3.0 (was 0.22.0), pymc 6.4.0 (was 5.28.5), pytensor 3.3.8 (was 2.38.3)"
    assert f"Installed: {installed}, and 1 more that these need." in said
    assert "Left as they were: numpy 2.1.3, jax 0.11.1," in said


def test_the_package_that_set_up_compares_versions_with_is_not_moved_under_it(machine):
    brings = {"numpyro": "0.22.0", "arviz": "1.3.0"}
    _, (call,) = machine("numpyro", installed=COLAB | {"packaging": "25.0"}, brings=brings)
    assert "packaging==25.0" in call["constraints"]


@pytest.mark.parametrize(("bound", "lacks"), [("~=1.6", True), (">=1,!=1.6.1", True), ("~=1.5,!=1.6.2", False)])
def test_a_bound_of_any_kind_is_held(monkeypatch, bound, lacks):
    monkeypatch.setattr(colab, "version_of", {"toy": "1.6.1" if "!=1.6.1" in bound else "1.5.9"}.get)
    assert colab._lacking({"toy": bound}) == ({"toy": bound} if lacks else {})


def test_on_colab_with_everything_there_nothing_is_installed(machine):
    for edition in ("tfp", "full"):
        said, calls = machine(edition, installed=good_enough() | COLAB | {"arviz": "1.3.0", "pymc": "6.4.0"})
        assert calls == []
        assert "Nothing had to be installed." in said


@pytest.mark.parametrize(
    ("edition", "lacks"), [("numpyro", ["numpyro>=0.22"]), ("pyro", ["pyro-ppl>=1.9.2"]), ("tfp", [])]
)
def test_jax_torch_and_tensorflow_of_colab_are_good_enough(machine, edition, lacks):
    brings = {"numpyro": "0.22.0", "pyro-ppl": "1.9.2", "arviz": "1.3.0"}
    _, (call,) = machine(edition, installed=COLAB, brings=brings)
    assert [argument for argument in call["arguments"] if ">=" in argument] == ["arviz>=1.3", *lacks]


def test_a_chapter_without_a_library_installs_only_what_it_imports(machine):
    said, (call,) = machine(
        "no library", installed=COLAB, packages=("optuna", "numpy", "sklearn"), brings={"optuna": "5.0"}
    )
    assert call["arguments"][-1] == "optuna>=4.5"
    assert "All that this notebook needs." in said


def test_on_colab_the_package_itself_is_fetched_alone(machine):
    said, (call,) = machine("pymc", installed=COLAB, hidden=["sidebyside"])
    fetched = ["install", "--quiet", "--no-deps", "git+https://example.org/course.git@main"]
    assert call["arguments"] == fetched
    assert "ModuleNotFoundError" in said, "the recorder installs nothing"


def test_what_was_loaded_and_then_replaced_asks_for_a_restart(machine):
    installed = COLAB | {"packaging": "1.0"}
    # a module of that name is loaded, and its distribution is replaced
    said, _ = machine(
        "tfp",
        "print('went on')",
        installed=installed,
        brings={"arviz": "1.3.0", "packaging": "26.0"},
        preloaded=["packaging"],
    )
    assert "in use by this session already: packaging" in said
    assert "Runtime > Restart session" in said
    assert "went on" not in said


def test_where_pip_fails_its_words_are_shown_and_the_notebook_stops(machine):
    said, _ = machine("pymc", "print('went on')", installed=COLAB, fails="ERROR: No matching distribution found")
    assert "SetUpError" not in said, "no traceback"
    assert "pip could not install arviz, pymc, nutpie:\nERROR: No matching distribution found" in said
    assert "went on" not in said


@pytest.mark.parametrize(
    ("python", "asked"),
    [
        ((3, 12, 1), ["pystan>=3.14", "stanli>=0.24", "bridgestan>=2.9"]),
        ((3, 13, 5), ["stanli>=0.24", "bridgestan>=2.9"]),
    ],
)
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="Colab's machines are Linux x86-64"
)
def test_stan_on_colab_gets_the_engines_of_its_python_and_runs(machine, python, asked):
    brings = {"arviz": "1.3.0", "arviz-base": "1.3.0", "pystan": "3.14.0", "stanli": "0.24.0", "bridgestan": "2.9.0"}
    if python >= (3, 13):
        del brings["pystan"]
    said, (call,) = machine("stan", "print('went on')", installed=COLAB, brings=brings, python=python)
    wanted = call["arguments"][call["arguments"].index("arviz>=1.3") :]
    assert wanted == ["arviz>=1.3", *asked, "arviz-base>=1.3"]
    assert said.count(": Stan.") == 1 and "went on" in said
    assert "runtime" not in said.lower(), "nobody has to change Colab's Python"


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="Colab's machines are Linux x86-64"
)
def test_the_full_notebook_runs_with_all_five_on_colabs_python(machine):
    cells = ["# Stan\nprint('Stan ran')", "#@title Solution: Stan\nprint('Stan ran')", "# PyMC\nprint('PyMC ran')"]
    enough = good_enough() | COLAB | {"arviz": "1.3.0", "pymc": "6.4.0"}
    del enough["pystan"]
    said, calls = machine("full", *cells, installed=enough, python=(3, 13, 5))
    assert calls == [], "PyStan is not wanted on this Python"
    assert ": PyMC, Stan, NumPyro, Pyro, TFP." in said
    assert said.count("Stan ran") == 2 and "PyMC ran" in said and "goes on without" not in said


def test_outside_colab_nothing_is_installed_and_what_is_there_is_told(machine):
    said, calls = machine("pymc", installed=good_enough(), colab=False)
    assert calls == []
    assert said.strip() == "Not Colab, so nothing is installed; Python 3.12.1. Ready: PyMC."


@pytest.mark.parametrize("version", [None, "5.20.0"])
def test_outside_colab_a_library_that_is_missing_or_old_stops_with_what_to_type(machine, version):
    installed = good_enough() | {"pymc": version}
    if version is None:
        del installed["pymc"]
    said, calls = machine("pymc", "print('went on')", installed=installed, colab=False)
    assert calls == []
    assert "PyMC is not here, or too old (pymc)." in said
    assert 'make lab LIBS="pymc"' in said
    assert 'pip install "pymc>=6.4,<7"' in said
    assert "went on" not in said


def test_outside_colab_a_missing_package_stops_with_what_to_type(machine):
    installed = good_enough()
    del installed["optuna"]
    said, calls = machine(
        "no library", "print('went on')", installed=installed, colab=False, packages=("optuna", "numpy")
    )
    assert calls == []
    assert 'Missing here: optuna. Type in a terminal:\npip install "optuna>=4.5"' in said
    assert "went on" not in said


def test_outside_colab_without_the_package_the_cell_says_what_to_type(machine):
    said, calls = machine("numpyro", installed=good_enough(), colab=False, hidden=["sidebyside"])
    assert calls == []
    assert 'pip install "sidebyside[numpyro] @ git+https://example.org/course.git@main"' in said


def test_outside_colab_the_full_notebook_runs_with_the_libraries_that_are_there(machine):
    installed = good_enough()
    del installed["numpyro"]
    said, _ = machine(
        "full", "# NumPyro\nprint('NumPyro ran')", "# Stan\nprint('Stan ran')", installed=installed, colab=False
    )
    assert "Ready: PyMC, Stan, Pyro, TFP." in said
    assert "This notebook goes on without NumPyro. NumPyro is not here, or too old (numpyro)." in said
    assert "Left out: NumPyro is not here" in said
    assert "Stan ran" in said


def test_set_up_again_once_the_library_is_there_its_cells_run(machine):
    installed = good_enough()
    del installed["numpyro"]
    put = "import json, os\nheld = json.loads(os.environ['STAND_IN'])['installed']\n"
    put += "there = json.load(open(held)) | {'numpyro': '0.22.0'}\njson.dump(there, open(held, 'w'))"
    again = "sbs.set_up('pymc', 'numpyro')"
    said, _ = machine("full", put, again, "# NumPyro\nprint('NumPyro ran')", installed=installed, colab=False)
    assert "NumPyro ran" in said


def test_a_cell_that_is_not_marked_is_left_as_it_is():
    leave_out = LeaveOut(["stan"])
    assert leave_out(["# Stanford\n", "x = 1\n"]) == ["# Stanford\n", "x = 1\n"]
    assert leave_out([]) == []
    assert leave_out(["# Stan\n", "x = 1\n"]) == ['print("Left out: Stan is not here (the set-up cell says why).")\n']
