"""Scripts that run for hours, on demand: each loads, and stops with a sentence where it is asked for nonsense.

A renamed module or cell breaks a test here, and not an author's night.
"""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import dask_trial
import nbformat
import pytest
import seeds

from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.relative_to(ROOT) for folder in ("trials", "tools") for path in ROOT.glob(f"{folder}/*.py"))
HUB_CONFIG = Path("trials/hub_config.py")  # JupyterHub loads it, where JupyterHub is installed
NOTEBOOKS = ROOT / "notebooks"


def run(*command: str) -> subprocess.CompletedProcess:
    """Run a script as an author does, with this repository's sources."""
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True
    )


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path != HUB_CONFIG], ids=str)
def test_a_script_loads_without_running(script, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / script.parent))
    if script.stem == "precompile_stan":
        pytest.importorskip("httpstan")
    spec = importlib.util.spec_from_file_location(f"loaded_{script.stem}", ROOT / script)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    assert callable(module.main) and module.__doc__


def test_the_hub_s_configuration_asks_for_what_the_trial_says():
    asked = set(re.findall(r'os\.environ\["(HUB_TRIAL_\w+)"\]', (ROOT / HUB_CONFIG).read_text()))
    settings = re.search(r"settings = (\{.*?\})", (ROOT / "trials/hub_trial.py").read_text()).group(1)
    assert asked == {f"HUB_TRIAL_{name}" for name in re.findall(r'"(\w+)":', settings)}


def test_every_command_of_the_makefile_has_its_script():
    makefile = (ROOT / "Makefile").read_text()
    named = {Path(found) for found in re.findall(r"(?:trials|tools)/\w+\.py", makefile)}
    named |= {Path("trials", f"{module}.py") for module in re.findall(r"-m trials\.(\w+)", makefile)}
    assert named == set(SCRIPTS) - {HUB_CONFIG}


def test_help_is_printed():
    done = run("trials/hub_trial.py", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: make hub-trial")


@pytest.mark.parametrize("script", ["mutants", "seeds"])
def test_nonsense_stops_with_a_sentence(script):
    done = run(f"trials/{script}.py", "05", "Nonsense")
    assert done.returncode == 1 and re.match(r"There is no \w+ (of|called) .*Nonsense", done.stderr), done.stderr


def checking_cells() -> dict[str, list[str]]:
    """Return each chapter's cells, outside solutions, that hold draws against a reference."""
    chapters = {path.stem: seeds.parts_of(nbformat.read(path, 4).cells) for path in NOTEBOOKS.glob("*.ipynb")}
    return {name: [part[-1].source for part in parts] for name, parts in chapters.items() if parts}


def test_seeds_report_on_what_the_chapter_checks():
    """Chapter 12 checks curves: the weights that they are made of are not identified, and their R-hat is large."""
    checked = {name: [seeds.report_of(source) for source in cells] for name, cells in checking_cells().items()}
    [report] = checked["12_bayesian_neural_network"]
    assert "_draws, _reference = curves_only, reference\n" in report
    assert [
        report.count("_draws, _reference = posteriors, reference\n") for report in checked["06_robust_regression"]
    ] == [1, 1]
    assert "_draws, _reference = posteriors, reference\n" in checked["05_linear_regression"][0]
    assert "_draws, _reference = on_engine, reference\n" in checked["13_choosing_a_library"][-1]
    for reports in checked.values():
        for report in reports:
            ast.parse(report)


STAND_IN = """
from types import SimpleNamespace
import pandas as pd
def compare(draws, reference):
    table = pd.DataFrame({"z of mean": [draws["tiny"]["drawn"]], "z of sd": [0.0]})
    table.attrs["threshold"] = 4.0
    return table
def prove(programs, draws, reference):
    print("proved")
sbs = SimpleNamespace(check_agreement=compare, proof=prove)
programs, posteriors = {}, {}
"""


def tiny_chapter(*cells):
    """Return a notebook of cells, each a source and its name."""
    made = [nbformat.v4.new_code_cell(source, metadata={"name": name} if name else {}) for source, name in cells]
    first = [nbformat.v4.new_code_cell(source) for source in (STAND_IN, "SEED = 7")]
    return nbformat.v4.new_notebook(cells=first + made)


def reported(notebook, folder, capsys, count=2):
    """Run the chapter's seeds; return what was reported: seed, reference, largest z."""
    nbformat.write(notebook, folder / "01_tiny.ipynb")
    seeds.run(folder / "01_tiny.ipynb", {"NumPyro"}, count)
    return re.findall(r"seed +(\d) +(\w+) +largest \|z\| ([\d.]+)", capsys.readouterr().out)


def test_each_seed_is_drawn_and_reported_once(tmp_path, capsys):
    chapter = tiny_chapter(
        ("reference = SimpleNamespace(name='tiny')", ""),
        ("posteriors['tiny'] = {'drawn': float(SEED)}", "tiny-draw-numpyro"),
        ("sbs.check_agreement(posteriors, reference)", ""),
    )
    assert reported(chapter, tmp_path, capsys) == [("1", "tiny", "1.0"), ("2", "tiny", "2.0")]


def test_a_later_model_takes_no_name_from_an_earlier_one_s_seeds(tmp_path, capsys):
    """Chapter 6 has two models, whose cells share names; its draws go through cells of three kinds."""
    chapter = tiny_chapter(
        ("reference, scale = SimpleNamespace(name='one'), 1.0", ""),
        ("key = SEED", "one-prior-numpyro"),
        ("raw = float(key)", "one-draw-numpyro"),
        ("posteriors['tiny'] = {'drawn': scale * raw}", "one-predict-numpyro"),
        ("sbs.proof(programs, posteriors, reference)", "one-proof"),
        ("reference, scale = SimpleNamespace(name='two'), 0.5", ""),
        ("posteriors['tiny'] = {'drawn': scale * SEED}", "two-draw-numpyro"),
        ("sbs.proof(programs, posteriors, reference)", "two-proof"),
        ("raise ValueError('nobody needs what follows the last check')", ""),
    )
    expected = [("1", "one", "1.0"), ("2", "one", "2.0"), ("1", "two", "0.5"), ("2", "two", "1.0")]
    assert reported(chapter, tmp_path, capsys) == expected


@pytest.mark.parametrize("tag", TAGS)
def test_the_dask_trial_finds_a_library_s_fit(tag):
    """Its cells end before the first that runs fits, and hold one library's fit, which the trial's own code uses."""
    cells = [cell.source for cell in dask_trial.definitions(tag).cells]
    assert [TAGS[tag]] == re.findall(r'^fits\["(.*?)"\] = ', "\n".join(cells), re.MULTILINE)
    assert "def pick(" in "\n".join(cells) and "sbs.cluster(" not in "\n".join(cells)
    ast.parse(dask_trial.FITS.format(folder="somewhere", number=3, address="tcp://127.0.0.1:1"))
    ast.parse(dask_trial.CHECKS)
