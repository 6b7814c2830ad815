"""The doctor, on made-up machines; and once on this one, with what is installed."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from sidebyside import __main__ as commands
from sidebyside import doctor, doctor_models, installed
from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]
SYSTEMS = ("linux", "wsl", "macos", "windows")
WORKING = """
import numpy as np
class Model:
    def __enter__(self): return self
    def __exit__(self, *_): pass
def Beta(*_, **__): pass
Binomial = Beta
class Draws:
    def __init__(self, values): self.values = np.asarray(values)
def draw(size): return np.random.default_rng(1).beta(14, 32, size)
def sample(size, **_): return {"posterior": {"share": Draws([draw(size)])}}
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return a function that puts a made-up PyMC before the real one, for this process and those it starts."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT / "src")]))
    monkeypatch.syspath_prepend(tmp_path)

    def make(code: str, version: str = "6.4.0") -> None:
        (tmp_path / "pymc.py").write_text(code)
        for name, number in (("pymc", version), ("nutpie", "0.16.11")):
            folder = tmp_path / f"{name}-{number}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")

    return make


# ---- the machine -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "asked", "status"),
    [
        ((3, 9, 18), [], "fails"),
        ((3, 11, 7), [], "fails"),
        ((3, 12, 1), ["stan"], "ok"),
        ((3, 13, 0), [], "ok"),
        ((3, 13, 0), ["stan", "tfp"], "ok"),
        ((3, 14, 2), [], "warning"),
        ((3, 14, 2), ["stan"], "warning"),
        ((3, 14, 2), ["tfp"], "fails"),
    ],
)
def test_python(version, asked, status):
    for system in SYSTEMS:
        for no_pystan in (None, "PyStan has no build for this machine"):
            check = doctor.check_python(version, asked, system, no_pystan)
            assert check.status == status and ".".join(map(str, version)) in check.text
            assert ("3.12" in check.fix and ".venv" in check.fix) == (status != "ok")
            stanli = no_pystan is not None and version >= (3, 12)
            assert ("PyStan has no build for this machine, so Stan runs on stanli" in check.text) == stanli
    assert ("not tried" in check.text) == ("TFP" in check.text) == (version >= (3, 14))


@pytest.mark.parametrize(("asked", "status"), [([], "warning"), (["stan", "pymc"], "warning"), (["pyro"], "fails")])
def test_an_intel_mac_is_told_which_libraries_have_no_builds(monkeypatch, asked, status):
    assert "Processor" not in dict(doctor.plan(asked, "linux"))
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    check = dict(doctor.plan(asked, "macos"))["Processor"]()
    assert check.status == status and "NumPyro, Pyro and TFP can't run" in check.text and "Colab" in check.fix
    monkeypatch.setattr(doctor.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(doctor.platform, "release", lambda: "25.0.0")
    assert "Processor" not in dict(doctor.plan(asked, "macos"))


def interpreter(version):
    """Return the Python of a version, such as "3.8", among pyenv's or on the PATH; None if there is none."""
    among = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    found = str(among[-1]) if among else shutil.which(f"python{version}")
    # pyenv's shims are on the PATH for versions, too, that it can't start
    starts = found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    return found if starts else None


@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9", "3.10", "3.11"])
def test_an_old_python_is_told_that_it_is_too_old(version):
    python = interpreter(version)
    if not python:
        pytest.skip(f"no Python {version} on this machine")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-m", "sidebyside", "doctor", "pymc"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1 and done.stderr == ""
    assert re.search(rf"^Python +fails +{version}\.\d+ is too old", done.stdout, re.MULTILINE)
    assert "install Python 3.12" in " ".join(done.stdout.split()).replace("Install", "install")
    assert "Memory" in done.stdout and "PyMC   " not in done.stdout


@pytest.mark.parametrize("name", ["__init__", "__main__", "doctor", "installed", "libraries", "stan_engine"])
def test_an_old_python_can_read_the_doctor(name):
    """Holds where no old Python is at hand: 3.7's syntax, its modules, and no annotation that it would evaluate."""
    tree = ast.parse((ROOT / "src" / "sidebyside" / f"{name}.py").read_text(), feature_version=(3, 7))
    assert "annotations" in {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    loaded = {
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        for name in (alias.name, f"{getattr(node, 'module', '')}.{alias.name}")
    }
    assert not loaded & {"importlib.metadata", "tomllib", "zoneinfo", "graphlib"}


def test_an_old_python_is_not_asked_for_libraries(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 4, "final", 0))
    names = [name for name, _ in doctor.plan(["pymc", "stan"], "linux")]
    assert names == ["Python", "Memory", "Disk", "C++ compiler"]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ((16e9, 0.9e9), "fails"),
        ((16e9, 3.9e9), "warning"),
        ((16e9, 4.1e9), "ok"),
        ((8e9, None), "ok"),
        ((3e9, None), "warning"),
        (None, "-"),
    ],
)
def test_memory(found, status):
    for system in SYSTEMS:
        check = doctor.check_memory(found, system)
        assert check.status == status
        assert ("free" in check.text) == (found is not None and found[1] is not None)
        assert (".wslconfig" in check.fix) == (system == "wsl" and status in ("fails", "warning"))


def test_memory_without_a_container_is_the_machines(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "CGROUP", tmp_path)
    total, available = doctor.memory()
    assert total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if Path("/proc/meminfo").exists():
        assert 0 < available < total
    else:
        assert available is None, "macOS tells the total alone"


NEW, OLD = ("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")
STAT = {NEW: "anon 1\ninactive_file {}\n", OLD: "inactive_file 7\ntotal_inactive_file {}\n"}


@pytest.mark.parametrize("files", [NEW, OLD])
@pytest.mark.parametrize(
    ("limit", "used", "cached", "free"),
    [
        (50_000_000, 30_000_000, 0, 20_000_000),
        (50_000_000, 30_000_000, 10_000_000, 30_000_000),  # cached files make room
        (50_000_000, 50_004_096, 0, 0),
    ],
)
def test_what_is_free_in_a_container_is_what_is_left_of_its_limit(
    monkeypatch, tmp_path, files, limit, used, cached, free
):
    monkeypatch.setattr(doctor, "CGROUP", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / files[0]).write_text(f"{limit}\n")
    (tmp_path / files[1]).write_text(f"{used}\n")
    (tmp_path / files[0]).with_name("memory.stat").write_text(STAT[files].format(cached))
    assert doctor.memory() == (limit, free)
    monkeypatch.setattr(doctor.os, "sysconf", lambda _: 2_000)  # a machine smaller than the limit
    total, _ = doctor.memory()
    assert total == 4_000_000


@pytest.mark.parametrize(("file", "text"), [(NEW[0], "max\n"), (OLD[0], "9223372036854771712\n")])
def test_a_container_without_a_limit_has_what_the_machine_has(monkeypatch, tmp_path, file, text):
    monkeypatch.setattr(doctor, "CGROUP", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / file).write_text(text)
    (tmp_path / OLD[1]).write_text("1000\n")
    (tmp_path / file).with_name("memory.stat").write_text("total_inactive_file 0\n")
    total, available = doctor.memory()
    assert total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert available is None or available <= total


def test_the_machine_may_have_less_than_the_container_could_take(monkeypatch):
    monkeypatch.setattr(doctor, "container_memory", lambda: (1e6 + 4096, 1e6))
    assert doctor.memory() == (1e6 + 4096, 1e6)
    _, available = doctor.memory()
    assert available <= 1e6
    if Path("/proc/meminfo").exists():
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        monkeypatch.setattr(doctor, "container_memory", lambda: (total - 1, total - 1))
        assert doctor.memory()[1] < total - 1, "the host's other programs leave less"


@pytest.mark.parametrize(
    ("free", "all_installed", "status"),
    [(0.9e9, True, "fails"), (5e9, False, "warning"), (5e9, True, "ok"), (11e9, False, "ok")],
)
def test_disk(free, all_installed, status):
    assert doctor.check_disk(free, all_installed).status == status


def test_a_folder_that_cannot_be_written_to_is_named_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "Folder" not in dict(doctor.plan([], "linux"))
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: Path(path) != tmp_path)
    check = dict(doctor.plan([], "linux"))["Folder"]()
    assert check.status == "warning" and f"{tmp_path} can't be written to" in check.text
    assert "to one of your own" in check.fix and "jupyter" not in check.fix and "remove" not in check.fix
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(doctor.sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(doctor.sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert f"type {tmp_path}/.venv/bin/jupyter lab" in dict(doctor.plan([], "linux"))["Folder"]().fix


def test_nobody_is_told_to_remove_an_environment_that_is_not_theirs(monkeypatch, library):
    library("raise ImportError('libmissing.so.6: no such file')")
    assert "remove the folder" in doctor.check_model("pymc", "linux").fix
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    fix = doctor.check_model("pymc", "linux").fix
    assert "ask whoever looks after it" in fix and "remove" not in fix


# ---- the compiler ----------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "fix"), [("linux", "apt install g++"), ("wsl", "apt"), ("macos", "xcode-select")])
def test_no_compiler_fails_where_pyro_is_wanted_and_else_warns(monkeypatch, system, fix):
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    for needed, status in ((True, "fails"), (False, "warning")):
        check = doctor.check_compiler(["c++"], "include", needed, system)
        assert check.status == status and "c++ not found" in check.text and fix in check.fix
        assert ("without one Stan runs on stanli" in check.text) is not needed


@pytest.mark.parametrize(("library", "status"), [("stan", "warning"), ("pyro", "fails")])
def test_stan_does_without_a_compiler_and_pyro_does_not(monkeypatch, library, status):
    monkeypatch.setattr(doctor, "compiler", lambda: ["no-such-compiler"])
    results = dict(doctor.plan([library], "linux"))
    assert results["C++ compiler"]().status == status


def test_the_wrong_compiler_is_told_from_none(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/g++" if name == "g++" else None)
    check = doctor.check_compiler(["clang++"], "include", True, "linux")
    assert check.status == "fails" and "export CXX=g++" in check.fix


def test_the_compiler_is_the_one_that_pystan_calls(monkeypatch):
    monkeypatch.setenv("CXX", "ccache 'my c++'")
    assert doctor.compiler() == ["ccache", "my c++"]
    monkeypatch.delenv("CXX")
    monkeypatch.setattr(doctor.sysconfig, "get_config_var", {"CXX": "g++ -pthread"}.get)
    assert doctor.compiler() == ["g++", "-pthread"]


@pytest.mark.parametrize(("library", "wanted"), [("stan", True), ("pyro", True), ("numpyro", False)])
def test_a_compiler_is_looked_for_where_a_chapter_compiles(library, wanted):
    assert ("C++ compiler" in [name for name, _ in doctor.plan([library], "linux")]) is wanted


def test_on_windows_no_compiler_is_wanted():
    assert doctor.check_compiler(["no-such-compiler"], "include", False, "windows").status == "-"


@pytest.mark.skipif(not shutil.which(doctor.compiler()[0]), reason="no C++ compiler on this machine")
def test_the_compiler_needs_pythons_headers(tmp_path):
    check = doctor.check_compiler(doctor.compiler(), sysconfig.get_paths()["include"], True, "linux")
    assert check.status == "ok" and check.text
    check = doctor.check_compiler(doctor.compiler(), str(tmp_path), True, "linux")
    assert check.status == "fails" and "Python.h" in check.text and "python3-dev" in check.fix


def test_a_compiler_that_hangs_is_no_compiler(monkeypatch):
    monkeypatch.setattr(doctor, "run", lambda *_, **__: (None, ""))
    check = doctor.check_compiler([sys.executable], "include", True, "macos")
    assert check.status == "fails" and "did not finish" in check.text


# ---- what is installed -----------------------------------------------------------------------


def test_a_version_out_of_bounds_and_a_missing_companion_fail(monkeypatch):
    monkeypatch.setattr(doctor, "version_of", {"pyro-ppl": "1.8.0"}.get)
    check = doctor.check_installed({"pyro-ppl": ">=1.9.2", "torch": ">=2.15"}, "what to type")
    assert check == doctor.Check(
        "fails", "not installed: torch; pyro-ppl is 1.8.0, the course needs >=1.9.2", "what to type"
    )
    monkeypatch.setattr(doctor, "version_of", {"pyro-ppl": "1.9.2", "torch": "2.15.0+cpu"}.get)
    check = doctor.check_installed({"pyro-ppl": ">=1.9.2", "torch": ">=2.15"}, "what to type")
    assert check == doctor.Check("ok", "pyro-ppl 1.9.2, torch 2.15.0+cpu")


@pytest.mark.parametrize(
    ("system", "says"), [("linux", 'make lab LIBS="stan"'), ("windows", 'pip install -e ".[lab,stan]"')]
)
def test_a_library_that_is_not_there_fails_only_if_asked_for(monkeypatch, system, says, capsys):
    monkeypatch.setattr(doctor, "version_of", lambda _: None)
    monkeypatch.setattr(doctor, "this_system", lambda: system)
    results = {name: check() for name, check in doctor.plan([], system)}
    assert all(results[name].status == "-" for name in TAGS.values())
    assert results["Libraries"].status == "warning", "all well would be too much said: nothing was run"
    results = {name: check() for name, check in doctor.plan(["stan"], system)}
    assert results["Stan"].status == "fails" and says in results["Stan"].fix
    assert "PyMC" not in results and "Libraries" not in results
    monkeypatch.setattr(doctor, "check_installed", lambda *_: doctor.Check("ok", ""))
    monkeypatch.setattr(doctor, "check_compiler", lambda *_: doctor.Check("ok", ""))
    monkeypatch.setattr(doctor.sys, "version_info", (3, 12, 1, "final", 0))
    assert doctor.main([]) == 0 and "fails" not in capsys.readouterr().out
    assert doctor.main(["stan"]) == 1 and says in capsys.readouterr().out


# ---- the libraries at work -------------------------------------------------------------------


def test_a_working_library_is_ok_and_its_chatter_is_kept_out(library, capfd):
    chatter = "import os, sys\nprint('Sampling 50%')\nos.system('echo compiling')\nprint('hm', file=sys.stderr)\n"
    library(chatter + WORKING)
    check = doctor.check_model("pymc", "linux")
    assert check.status == "ok" and f"exactly {14 / 46:.4f}" in check.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("draw", "what"),
    [
        ("np.random.default_rng(1).beta(14, 29, size)", "another model"),
        ("np.full(size, 14 / 46)", "a chain that never moves"),
        ("np.tile(np.linspace(0.2, 0.4, 50), size // 50)", "draws that repeat: no error can be told"),
        ("14 / 46 + 1e-4 * np.random.default_rng(1).normal(size=size)", "a chain that hardly moves"),
    ],
)
def test_wrong_draws_fail(library, draw, what):
    library(WORKING + f"def draw(size): return {draw}\n")
    check = doctor.check_model("pymc", "linux")
    assert check.status == "fails" and check.text.startswith("wrong draws"), what


@pytest.mark.parametrize(
    ("code", "text", "fix"),
    [
        ("raise ImportError('libmissing.so.6: no such file')", ("an error", "libmissing.so.6"), "new environment"),
        ("import ctypes; ctypes.string_at(0)", ("crashed (SIGSEGV)",), "new environment"),
        ("import os; os.abort()", ("crashed (SIGABRT)",), "new environment"),
        ("import os; os.kill(os.getpid(), 9)", ("crashed (SIGKILL)",), "memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", ("crashed (SIGILL)",), "processor"),
        ("import os; os._exit(0)", ("ended (code 0)",), "new environment"),
        ("raise OSError(28, 'No space left on device')", ("an error", "No space left"), "disk is full"),
        ("raise ValueError('\\x1b[31m\u00e9' + 'x' * 900)", ("ValueError: ?xx",), "new environment"),
    ],
)
def test_a_broken_library_is_a_line_of_the_report(library, code, text, fix):
    library(code)
    check = doctor.check_model("pymc", "linux")
    assert check.status == "fails" and fix in check.fix and "while it was imported" in check.text
    assert all(part in check.text for part in text) and len(check.text) < 1000 and check.text.isascii()


def test_the_environment_to_make_anew_is_the_one_that_the_library_is_in(library, monkeypatch, tmp_path):
    library("raise ImportError('libmissing.so.6: no such file')")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(doctor.sys, "prefix", str(tmp_path / "elsewhere"))
    fix = doctor.check_model("pymc", "linux").fix
    assert f"remove the folder of this one ({tmp_path / 'elsewhere'})" in fix and ".venv" not in fix
    monkeypatch.setattr(doctor.sys, "base_prefix", str(tmp_path / "elsewhere"))  # conda's, or the system's own Python
    fix = doctor.check_model("pymc", "linux").fix
    assert "remove" not in fix and "new environment" in fix and 'make lab LIBS="pymc"' in fix


def test_a_library_that_breaks_in_its_model_says_so(library):
    library(WORKING + "def sample(*_, **__): raise RuntimeError('Initialization failed.')\n")
    check = doctor.check_model("pymc", "linux")
    assert check.status == "fails" and "an error in its model" in check.text
    assert check.text.endswith("RuntimeError: Initialization failed.")


def test_draws_that_are_no_numbers_are_an_error(library):
    library(WORKING + "def draw(size): return np.where(np.arange(size) == 7, np.nan, 14 / 46)\n")
    check = doctor.check_model("pymc", "linux")
    assert check.status == "fails" and check.text.endswith("ValueError: some draws are NaN or infinite")


def test_a_library_that_hangs_is_ended_with_all_that_it_started(library, tmp_path):
    library(
        "import pathlib, subprocess, time\nworker = subprocess.Popen(['sleep', '99'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(worker.pid))\ntime.sleep(99)\n"
    )
    began = time.monotonic()
    check = doctor.check_model("pymc", "linux", limit=5)
    assert check.status == "fails" and "not done after 5 s (while it was imported)" in check.text
    assert time.monotonic() - began < 30
    state = ["ps", "-o", "stat=", "-p", (tmp_path / "pid").read_text()]
    for _ in range(50):  # an orphan is reaped by another process, in its own time
        if subprocess.run(state, capture_output=True, text=True).stdout.strip()[:1] in ("", "Z"):
            break
        time.sleep(0.1)
    else:
        pytest.fail("what the library started still runs")


@pytest.mark.parametrize(
    ("printed", "fix"),
    [
        (
            "ImportError: undefined symbol: _PyThreadState_UncheckedGet",
            "unset SIDEBYSIDE_STAN, and Stan runs on stanli",
        ),
        ("distutils.errors.CompileError: command '/usr/bin/g++' failed with exit code 1", "C++ compiler"),
        ("PermissionError(13, 'Permission denied')", "a copy of the course's folder"),
        ("OSError: [Errno 30] Read-only file system: 'build'", "a copy of the course's folder"),
        ("ValueError: nothing we know", "new environment"),
    ],
)
def test_stans_known_failures_have_their_own_fix(monkeypatch, printed, fix):
    monkeypatch.setattr(doctor, "run", lambda *_, **__: (1, printed))
    for version in ((3, 12, 1, "final", 0), (3, 13, 0, "final", 0)):
        monkeypatch.setattr(doctor.sys, "version_info", version)
        assert fix in doctor.check_model("stan", "linux").fix


def test_the_doctor_names_the_engine_that_ran_stans_model(monkeypatch):
    monkeypatch.setenv("SIDEBYSIDE_STAN", "stanli")
    check = doctor.check_model("stan", "linux")
    assert check.status == "ok" and check.text.startswith("on stanli: posterior mean 0.3"), check


def test_every_library_has_its_model_and_the_answer_is_the_beta_distributions():
    from scipy import stats

    assert list(doctor_models.MODELS) == list(TAGS)
    posterior = stats.beta(14, 32)
    assert pytest.approx((posterior.mean(), posterior.std())) == (doctor_models.EXACT_MEAN, doctor_models.EXACT_SD)


def test_monte_carlo_error_counts_what_neighbours_share():
    import numpy as np

    noise = np.random.default_rng(2).normal(size=40_000)
    assert doctor_models.summary(noise)["error"] == pytest.approx(1 / 200, rel=0.4)
    chain = np.zeros_like(noise)
    for place in range(1, len(noise)):
        chain[place] = 0.9 * chain[place - 1] + noise[place]
    # of an autoregression with coefficient 0.9 the error is 1 / (1 - 0.9) times that of its noise
    assert doctor_models.summary(chain)["error"] == pytest.approx(10 / 200, rel=0.4)


# ---- the command -----------------------------------------------------------------------------


def test_one_library_that_crashes_does_not_take_the_report_down(library, capsys):
    library("import ctypes; ctypes.string_at(0)", version="6.3.0")
    assert commands.main(["doctor", "PyMC"]) == 1
    out = capsys.readouterr().out
    assert "pymc is 6.3.0, the course needs" in out and "crashed (SIGSEGV)" in out and "fix:" in out
    assert "C++ compiler" not in out and "Stan" not in out, "only what was asked for"
    assert out.rstrip().splitlines()[-1].startswith("Something fails:") and "2 failure(s)" in out
    assert max(map(len, out.splitlines()[2:])) <= 120


def test_a_check_that_breaks_is_a_failure_and_the_others_go_on(library, capsys, monkeypatch):
    library(WORKING)

    def broken(*_):
        raise TypeError("a mistake of ours")

    monkeypatch.setattr(doctor, "check_installed", broken)
    monkeypatch.setattr(doctor.sys, "version_info", (3, 12, 1, "final", 0))
    assert commands.main(["doctor", "pymc", "PyMC"]) == 1
    out = capsys.readouterr().out
    assert "the check itself broke: TypeError: a mistake of ours" in out
    assert out.count("PyMC, a model    ok") == 1, "named twice, run once"


def test_all_well_is_said_and_returned(library, capsys, monkeypatch):
    library(WORKING)
    monkeypatch.setattr(doctor, "memory", lambda: (16e9, 8e9))
    monkeypatch.setattr(doctor.sys, "version_info", (3, 12, 1, "final", 0))
    assert commands.main(["doctor", "pymc"]) == 0
    out = capsys.readouterr().out
    assert "All well: 6 ok" in out and "fix:" not in out
    monkeypatch.setattr(doctor, "memory", lambda: (16e9, 3e9))
    assert commands.main(["doctor", "pymc"]) == 0, "a warning is no failure"
    assert "with a warning" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Say which command"),
        (["docter"], 2, "no command 'docter'"),
        (["doctor", "pymc", "jags"], 2, "No library is called jags; there are: pymc, stan, numpyro, pyro, tfp."),
        (["doctor", "--help"], 0, "Installs nothing"),
    ],
)
def test_usage(arguments, code, says):
    done = subprocess.run([sys.executable, "-m", "sidebyside", *arguments], capture_output=True, text=True, timeout=60)
    said, silent = (done.stderr, done.stdout) if code else (done.stdout, done.stderr)
    assert done.returncode == code and says in said and silent == ""
    assert "usage: python -m sidebyside doctor" in said and "Traceback" not in said


def test_a_version_that_cant_be_read_fails_in_a_sentence(library, capsys, monkeypatch):
    library(WORKING, version="unknown")
    monkeypatch.setattr(doctor.sys, "version_info", (3, 12, 1, "final", 0))
    assert commands.main(["doctor", "pymc"]) == 1
    assert "pymc is unknown, the course needs >=6.4,<7" in " ".join(capsys.readouterr().out.split())


def test_a_python_without_packaging_and_pip_still_gets_a_report():
    source = str(ROOT / "src")
    command = f"import sys; sys.path.append({source!r}); from sidebyside import __main__; __main__.main(['doctor'])"
    done = subprocess.run([sys.executable, "-S", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == "" and "Memory" in done.stdout
    said = " ".join(done.stdout.split())
    assert "Shared packages fails this Python has neither packaging nor pip" in said and 'make lab LIBS="pymc"' in said


def test_the_command_needs_no_package_but_its_own():
    code = "import sys; import sidebyside.__main__, sidebyside.doctor_models; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"numpy", "arviz", "packaging", "pymc", "jax", "torch"} & set(done.stdout.split())


@pytest.mark.parametrize(("given", "asked"), [([], ""), (["LIBS=pymc stan"], "pymc stan")])
def test_make_doctor_uses_what_is_there_and_installs_nothing(tmp_path, given, asked):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / "bin" / "python3.12"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "ran: $@ in $PYTHONPATH"\n')
    python.chmod(0o755)
    kept = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
    environment = kept | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", "doctor", *given], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "There is no .venv here yet" in done.stdout
    assert f"ran: -m sidebyside doctor {asked}".rstrip() + " in src" in done.stdout
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("writable", [True, False])
def test_in_a_folder_that_cannot_be_written_to_make_only_looks(tmp_path, writable):
    """As root one may write to any folder, so what make found out is overridden."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / "bin" / "python3.12"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "caches: $XDG_CACHE_HOME $PYTENSOR_FLAGS"\n')
    python.chmod(0o755)
    environment = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": "/own"}
    command = ["make", *([] if writable else ["WRITABLE="])]
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 60}
    caches = tmp_path / ".cache" if writable else "/own/.cache/bayes-side-by-side"
    done = subprocess.run([*command, "doctor"], **run)
    assert f"caches: {caches} base_compiledir={caches}/pytensor" in done.stdout
    done = subprocess.run([*command, "--dry-run", "lab"], **run)
    assert (done.returncode == 0) == writable
    assert writable or f"{tmp_path} can't be written to: copy it to a folder of your own" in done.stderr


def test_make_doctor_says_which_python_is_missing(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("python3.12", "python3", "python"):  # all of them older than 3.7
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    kept = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
    environment = kept | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["make", "doctor"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "There is no Python 3.7 or newer here, and the course needs 3.12: install Python 3.12" in done.stderr


# ---- this machine ----------------------------------------------------------------------------


@pytest.mark.parametrize("tag", TAGS)
def test_the_real_library_works_and_writes_nothing_into_the_working_directory(tag, tmp_path, monkeypatch):
    """A course folder may be read-only. All five take a minute of one processor, a third of it Stan's compiler."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIST_EXTRA_CONFIG", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    main = next(iter(installed.requirements()[tag]))
    if not installed.version_of(main):
        pytest.skip(f"{main} is not installed")
    check = doctor.check_model(tag, "linux")
    assert check.status == "ok", check.text
    assert not list(tmp_path.iterdir())
