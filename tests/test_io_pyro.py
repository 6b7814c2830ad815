"""Draws of Pyro as ArviZ takes them, and chains that are drawn one after the other."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import numpy as np
import pytest

import sidebyside as sbs
from sidebyside.draws import DrawsError


def test_from_pyro_takes_real_runs_one_or_several():
    pyro = pytest.importorskip("pyro")
    import torch

    def model():
        pyro.sample("theta", pyro.distributions.Normal(torch.zeros(3), 1.0).to_event(1))

    def run(seed):
        pyro.set_rng_seed(seed)
        mcmc = pyro.infer.MCMC(
            pyro.infer.NUTS(model), num_samples=20, warmup_steps=10, num_chains=1, disable_progbar=True
        )
        mcmc.run()
        return mcmc

    runs = [run(seed) for seed in range(4)]
    tree = sbs.from_pyro(runs, dims={"theta": ["school"]})
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "school")
    assert tree["posterior"]["theta"].shape == (4, 20, 3)
    np.testing.assert_array_equal(tree["posterior"]["theta"].values[2], runs[2].get_samples()["theta"].numpy())
    assert tree["sample_stats"]["diverging"].shape == (4, 20)
    assert sbs.from_pyro(runs[1])["posterior"]["theta"].shape == (1, 20, 3)


class FakePyroRun:
    """What a Pyro run with divergences answers; a real one diverges when it likes."""

    num_samples = 5

    def get_samples(self, group_by_chain):
        import torch

        return {"theta": torch.zeros(2, 5, 2)}

    def diagnostics(self):
        return {"theta": {}, "divergences": {"chain 0": [3], "chain 1": []}}


def test_from_pyro_marks_divergences():
    pytest.importorskip("torch")
    diverging = sbs.from_pyro(FakePyroRun())["sample_stats"]["diverging"].values
    assert np.argwhere(diverging).tolist() == [[0, 3]]
    tree = sbs.from_pyro(FakePyroRun(), vectorized=True)  # two runs of two chains
    assert tree["posterior"]["theta"].shape == (4, 5)
    assert np.argwhere(tree["sample_stats"]["diverging"].values).tolist() == [[0, 3], [1, 3]]


def test_a_run_of_pyro_without_draws_is_named():
    pyro = pytest.importorskip("pyro")

    def interrupted(kernel, samples, stage, i):
        raise KeyboardInterrupt

    def model():
        pyro.sample("theta", pyro.distributions.Normal(0.0, 1.0))

    mcmc = pyro.infer.MCMC(
        pyro.infer.NUTS(model), num_samples=20, warmup_steps=10, disable_progbar=True, hook_fn=interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        mcmc.run()
    for runs in (mcmc, [mcmc], []):
        with pytest.raises(DrawsError, match="Pyro: there are no posterior draws"):
            sbs.from_pyro(runs)


# ---- one chain a run: Pyro's processes can't find a model that was written in a notebook --------------

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def several_chains_in(source: str) -> list[str]:
    """Return the calls of Pyro's MCMC that ask for several chains."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [
        ast.unparse(call)
        for call in calls
        if "MCMC" in ast.unparse(call.func)
        and any(each.arg == "num_chains" and ast.unparse(each.value) != "1" for each in call.keywords)
    ]


def cells_of_pyro(path: Path) -> list[nbformat.NotebookNode]:
    """Return a chapter's code cells that have Pyro's tag or its name."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [
        cell
        for cell in cells
        if "pyro" in cell.metadata.get("tags", []) or re.search(r"(?<!num)pyro\.infer", cell.source)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_chapter_lets_pyro_start_processes(path):
    """With more cores than chains Pyro starts a process each; on macOS and Windows the cell would never end."""
    several = [call for cell in cells_of_pyro(path) for call in several_chains_in(cell.source)]
    assert not several, f"{path.stem}: run one chain a call, as chapter 4 does, instead of {several[0]}"


def test_several_chains_are_found():
    assert several_chains_in("pyro.infer.MCMC(kernel, num_samples=10, num_chains=chains)")
    assert not several_chains_in("pyro.infer.MCMC(kernel, num_samples=10)")


BEFORE = """
    import multiprocessing
    import os

    multiprocessing.set_start_method("spawn")  # as on macOS and Windows
    os.cpu_count = lambda: 8
    import pyro
    import pyro.distributions as pdist
    import torch
    import xarray as xr

    import sidebyside as sbs

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    assert torch.multiprocessing.cpu_count() == 8
    data = {"n_a": 52, "n_b": 55, "deaths_a": 14, "deaths_b": 4}
    data_t = {name: torch.tensor(float(value)) for name, value in data.items()}
    SEED, chains, warmup, draws, live = 1948, 4, 20, 20, False
    posteriors = {"Pyro": xr.DataTree()}
"""


def test_chapter_04_draws_with_eight_cores_and_spawned_processes():
    """In a ``__main__`` without a file, as a kernel's is."""
    pytest.importorskip("pyro")
    [path] = [path for path in NOTEBOOKS if path.stem.startswith("04_")]
    cells = {cell.metadata.get("name"): cell.source for cell in cells_of_pyro(path)}
    program = "\n".join(
        [
            textwrap.dedent(BEFORE),
            cells["two-proportions-model-pyro"],
            cells["two-proportions-draw-pyro"],
            "print(dict(posteriors['Pyro']['posterior'].sizes))",
        ]
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n")[-2] == "{'chain': 4, 'draw': 20}"
