"""Simulation-based calibration of chapter 6's Student-t regression, and of chapter 14's trial over several seeds.

``make calibration`` runs the first, ``make calibration SEEDS=10`` the second, right and wrong program, with the seeds
1 to 10. Results go to ``src/sidebyside/results/calibration/*.json``; what fails the check is stored too, reported, and
makes the exit status 1.

No model is written here: the programs are the cells of the chapters, the functions ``worlds_...`` and ``fit_...`` are
chapter 14's. Each library runs in a process of its own, one after the other, so that the times are a library's own.
``python trials/calibrate.py student_t NumPyro`` runs one model and one library (or several) and stores nothing.
What a library has finished is kept in ``build/calibration`` as long as the cells that it ran are the same, so an
interrupted run goes on where it stopped.
"""

import ast
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
import numpy as np
from scipy import stats

from sidebyside.calibration import CalibrationError, calibration_band, check_calibration, cumulated, flatness
from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
STORE = ROOT / "src" / "sidebyside" / "results" / "calibration"
KEPT = ROOT / "build" / "calibration"
PACKAGES = ("pymc", "nutpie", "pystan", "numpyro", "jax", "pyro-ppl", "torch", "tensorflow-probability", "tensorflow")
SEED, DRAWS, THIN, WARMUP = 20114, 99, 5, 300


@dataclass(frozen=True)
class Model:
    """A model of an earlier chapter, and what it takes to run its cells for many worlds.

    ``data`` are the beginnings of everybody's cells that it needs; ``replaced`` says what has to be changed in a
    library's program, the model staying what it is; ``recipe`` makes the worlds of Stan.
    """

    chapter: str
    stem: str
    worlds: int
    names: tuple[str, ...]
    data: tuple[str, ...]
    inputs: Mapping[str, str]
    replaced: Mapping[str, tuple[str, str]]
    recipe: str


MODELS = {
    "student_t": Model(
        chapter="06",
        stem="student-t",
        worlds=100,
        names=("alpha", "beta", "nu"),
        data=("import arviz", "from importlib.resources", "x_centre =", "chains, warmup, draws ="),
        inputs={"NumPyro": "[x, sigma_y]", "Pyro": "[x_t, sigma_t]"},
        replaced={"PyMC": ("observed=y,", 'observed=pm.Data("readings", y),')},  # data that can be changed
        recipe="""
data {
  int<lower=1> N;
  vector[N] x;
  vector<lower=0>[N] sigma_y;
}
generated quantities {
  real alpha = normal_rng(4, 2);
  real beta = normal_rng(0, 3);
  real nu = gamma_rng(2, 0.1);
  array[N] real y = student_t_rng(nu, alpha + beta * x, sigma_y);
}
""",
    ),
}


def cells_of(chapter: str, library: str) -> list[nbformat.NotebookNode]:
    """Return a chapter's code cells that are everybody's or this library's, without figures and solutions."""
    notebook = nbformat.read(next((ROOT / "notebooks").glob(f"{chapter}_*.ipynb")), 4)
    foreign = set(TAGS) - {LIBRARIES[library].tag}
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and not (foreign | {"solution"}) & set(cell.metadata.get("tags", []))
        and not cell.metadata.get("name", "").startswith("fig-")
    ]


def named(cells: list[nbformat.NotebookNode], name: str) -> str:
    """Return the source of the cell with this name."""
    return next(cell.source for cell in cells if cell.metadata.get("name") == name)


def beginning(cells: list[nbformat.NotebookNode], start: str) -> str:
    """Return the source of the first cell that begins with ``start``."""
    return next(cell.source for cell in cells if cell.source.startswith(start))


def functions(source: str) -> str:
    """Return the function definitions of a cell, without the lines that call them."""
    return "\n\n".join(ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


def quantities(model: str, values: Mapping[str, np.ndarray], readings: np.ndarray, scope: dict) -> dict:
    """Return what is ranked: parameters and log likelihood, for truths (worlds,) or draws (worlds, draws)."""
    if model != "student_t":
        raise ValueError(f"What is to be ranked in {model!r}? Say it in {__file__}.")
    mean = values["alpha"][..., None] + values["beta"][..., None] * scope["x"]
    likelihood = stats.t.logpdf(readings, values["nu"][..., None], mean, scope["sigma_y"])
    return {**values, "log likelihood": likelihood.sum(axis=-1)}


def run_model(name: str, library: str) -> dict:
    """Run one model in one library; return its ranks and the seconds of its fits."""
    model, tag = MODELS[name], LIBRARIES[library].tag
    theirs, ours = cells_of(model.chapter, library), cells_of("14", library)
    scope = {}
    for start in model.data:
        exec(beginning(theirs, start), scope)
    imports = [cell.source for cell in theirs if tag in cell.metadata.get("tags", []) and "import " in cell.source]
    program = named(theirs, f"{model.stem}-model-{tag}")
    if library in model.replaced:
        old, new = model.replaced[library]
        if program.count(old) != 1:
            sys.exit(f"{library}: the program of chapter {model.chapter} has no {old!r} any more: mend {__file__}.")
        program = program.replace(old, new)
    for source in (imports[0], named(ours, f"import-{tag}"), program):
        exec(source, scope)
    for stem in ("worlds", "fit"):
        exec(functions(named(ours, f"{stem}-{tag}")), scope)
    scope |= {"SEED": SEED, "worlds": model.worlds, "draws": DRAWS, "thin": THIN, "warmup": WARMUP, "live": False}
    scope["names"], stem = list(model.names), model.stem.replace("-", "_")
    if library == "Stan":
        inputs = {key: value for key, value in scope["stan_data"].items() if key != "y"}
        truth, readings = scope["worlds_stan"](model.recipe, inputs, model.names)
        fit = (scope["program"], inputs)
    else:
        fit = (scope[f"{stem}_{tag}"],)
        if library in model.inputs:
            fit += (eval(model.inputs[library], scope),)
        truth, readings = scope[f"worlds_{tag}"](*fit, model.names)
    start = time.perf_counter()
    kept = scope[f"fit_{tag}"](*fit, readings, model.names)
    seconds = time.perf_counter() - start
    of_truth = quantities(name, truth, readings, scope)
    of_draws = quantities(name, kept, readings[:, None], scope)
    ranks = {key: (of_draws[key] < of_truth[key][:, None]).sum(axis=1).tolist() for key in of_truth}
    return {"ranks": {name: ranks}, "seconds": {name: seconds}}


def trial(library: str) -> tuple[list[str], int]:
    """Return the cells of chapter 14's trial, and the number of the first that each seed runs.

    Checks are left out: one that stops would hide the seeds behind it. So are texts, which quote figures and checks.
    """
    sources = [cell.source for cell in cells_of("14", library)]
    sources = [one for one in sources if "check_calibration(" not in one and not one.startswith("Markdown(")]
    last = next(place for place, source in enumerate(sources) if source.startswith("threshold ="))
    first = next(place for place, source in enumerate(sources) if f"def worlds_{LIBRARIES[library].tag}(" in source)
    return sources[:last], first


def run_seeds(seeds: int, library: str) -> dict:
    """Run chapter 14's trial, right and wrong, with the seeds 1 to ``seeds``; return the ranks, seed after seed."""
    sources, first = trial(library)
    scope = {}
    for source in sources[:first]:
        exec(source, scope)
    ranks = {"line": {}, "wrong_line": {}}
    start = time.perf_counter()
    for seed in range(1, seeds + 1):
        scope["SEED"] = seed
        for source in sources[first:]:
            exec(source, scope)
        found = {"line": scope["ranks"][library], "wrong_line": scope["wrong_ranks"][library]}
        for name, of_seed in found.items():
            for quantity, values in of_seed.items():
                ranks[name].setdefault(quantity, []).extend(values.tolist())
        right, wrong = (min(flatness(values, DRAWS) for values in of_seed.values()) for of_seed in found.values())
        print(f"{library}, seed {seed}: smallest p, right {right:.2g}, wrong {wrong:.1g}", flush=True)
    seconds = time.perf_counter() - start
    return {"ranks": ranks, "seconds": {"line": seconds, "wrong_line": seconds}}


def report_seeds(ranks: Mapping[str, Mapping[str, list[int]]], seeds: int, right: bool) -> list[str]:
    """Report each library's seeds; return what is amiss: a right seed below the threshold, a wrong one above it."""
    amiss = []
    for library, quantities_ranked in ranks.items():
        by_seed = {q: np.reshape(values, (seeds, -1)) for q, values in quantities_ranked.items()}
        worlds = next(iter(by_seed.values())).shape[1]
        per_seed = [{q: values[seed] for q, values in by_seed.items()} for seed in range(seeds)]
        threshold = 1e-3 / (len(LIBRARIES) * len(quantities_ranked))
        smallest = [min(flatness(values, DRAWS) for values in found.values()) for found in per_seed]
        _, low, high = calibration_band(worlds, DRAWS, 1 - 0.05 / len(quantities_ranked))
        outside = sum(
            any(np.any((cumulated(v, DRAWS) < low - 1e-12) | (cumulated(v, DRAWS) > high + 1e-12)) for v in f.values())
            for f in per_seed
        )
        print(
            f"{'right' if right else 'wrong'} {library:8s} {outside} of {len(per_seed)} seeds outside the 95% bands; "
            f"p from {min(smallest):.2g} to {max(smallest):.2g}"
        )
        for seed, chance in enumerate(smallest, start=1):
            if (chance < threshold) is right:
                amiss.append(f"{library}, seed {seed}: p = {chance:.2g}")
    return amiss


def finished(what: str, library: str) -> dict:
    """Return what a library's process found, from an earlier run of the same cells if there is one."""
    if what.isdigit():
        ran, _ = trial(library)
    else:
        ran = [cell.source for chapter in (MODELS[what].chapter, "14") for cell in cells_of(chapter, library)]
    mark = hashlib.sha256("\0".join([*ran, *map(version, PACKAGES)]).encode()).hexdigest()[:12]
    target = KEPT / f"{what}_{library}_{mark}.json"
    if not target.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, "--worker", what, library, str(target)]
        subprocess.run(command, check=True, cwd=ROOT / "notebooks")
    return json.loads(target.read_text())


def store(name: str, how: str, results: Mapping[str, dict]) -> None:
    """Write one stored run."""
    document = {
        "name": name,
        "how": how,
        "draws": DRAWS,
        "ranks": {library: result["ranks"][name] for library, result in results.items()},
        "seconds": {library: round(result["seconds"][name], 1) for library, result in results.items()},
        "versions": {package: version(package) for package in PACKAGES},
    }
    text = json.dumps(document, indent=1)
    text = re.sub(r"\[[\d\s,]*\]", lambda numbers: re.sub(r"\s", "", numbers[0]), text)  # a list on a line
    (STORE / f"{name}.json").write_text(text + "\n")


def main() -> None:
    """Run what the command line names, in a process for each library, check, and store if all libraries ran."""
    os.environ |= {"SIDEBYSIDE_STORING": "1", "MPLBACKEND": "agg"}
    arguments = sys.argv[1:]
    if arguments[:1] == ["--worker"]:
        what, library, target = arguments[1:]
        result = run_seeds(int(what), library) if what.isdigit() else run_model(what, library)
        Path(target).write_text(json.dumps(result))
        return
    libraries = [library for library in LIBRARIES if library in arguments] or list(LIBRARIES)
    others = [argument for argument in arguments if argument not in LIBRARIES]
    if unknown := [argument for argument in others if not argument.isdigit() and argument not in MODELS]:
        sys.exit(f"No model or library is called {', '.join(unknown)}; there are: {', '.join([*MODELS, *LIBRARIES])}.")
    amiss = []
    where = f"Made by `make calibration` on {os.cpu_count()} cores ({platform.machine()})."
    for what in others or MODELS:
        results = {}
        for library in libraries:
            results[library] = finished(what, library)
            print(f"{what} {library}: {max(results[library]['seconds'].values()):.0f} s", flush=True)
        if what.isdigit():
            seeds = f"Chapter 14's trial with the seeds 1 to {what}, one after the other"
            runs = {"line": f"{seeds}. {where}", "wrong_line": f"{seeds}: the program with the mistake. {where}"}
            for name in runs:
                ranks = {library: result["ranks"][name] for library, result in results.items()}
                amiss += report_seeds(ranks, int(what), right=name == "line")
        else:
            model = MODELS[what]
            runs = {
                what: f"{model.worlds} worlds, each fitted by the programs of chapter {int(model.chapter)}; "
                f"{DRAWS} of {DRAWS * THIN} draws after {WARMUP} steps of adaptation. {where}"
            }
        for name, how in runs.items():
            if set(results) == set(LIBRARIES):
                store(name, how, results)
            if name != "wrong_line":
                ranks = {lib: {q: np.array(r) for q, r in res["ranks"][name].items()} for lib, res in results.items()}
                try:
                    print(check_calibration(ranks, DRAWS).round(4).to_string(), flush=True)
                except CalibrationError as error:
                    amiss.append(f"{name}: {error}")
    if amiss:
        sys.exit("\n".join(amiss))


if __name__ == "__main__":
    main()
