"""The benchmark's ways run on chapter 6's twenty readings: it compiles, draws, and is the chapter's model.

A library's ways share a process, since importing takes longer than drawing. Few draws are asked for, so what comes back
is looked at for its shape and its place; that a run is right is what the benchmark itself checks.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmark import cells, problems
from benchmark.ways import WAYS, Task

# What is not executed here, and why: seconds of processor time of the way alone, its imports included. Over 20 are too
# many. The thirteen of the fourteen executed that were timed together take 119, the fourteenth (pyro-fused) 22 alone.
NOT_EXECUTED = {
    "pymc-blackjax-vectorized": "31 s",
    "pymc-blackjax-parallel": "not timed; pymc-blackjax-vectorized, which compiles the same, takes 31 s",
    "stan": "35 s, 33 of them the C++ compiler's",
    "pyro-shallow": "not timed; pyro-fused with shorter paths",
    "tfp": "76 s",
    "tfp-packed": "46 s",
    "tfp-shallow": "not timed; tfp-packed, from which it differs in the length of its paths, takes 46 s",
}

PROGRAM = """
import json, sys, time
import numpy as np
from benchmark import cells, child, problems, ways
ways.BARE_SECONDS = 0.02  # the rate itself is not looked at
path, *names = sys.argv[1:]
about, data = cells.read(path)
points = problems.make(about["name"]).reference.points
for name in names:
    # counting and a second call compile NumPyro's and PyMC's programs anew
    child.LONG = 90.0 if ways.WAYS[name].library in ("Stan", "Pyro") else -1.0
    child.COUNT_SECONDS = ways.COUNT_SECONDS if ways.WAYS[name].library == "Stan" else 0.0
    told, before = {}, time.process_time()
    way = ways.WAYS[name](ways.Task(about, data, 4, 60, 60, 0.8, [], cells.ROOT / "notebooks"))
    draws = child.measure(way, 1, told.update)
    told |= {"posterior": {key: np.asarray(values).tolist() for key, values in draws.posterior.items()}}
    told |= {"divergences": draws.divergences, "density": way.density(points).tolist()}
    print("WAY", name, json.dumps(told), flush=True)
    print(f"CPU {name} {time.process_time() - before:.1f}", file=sys.stderr)
"""


@cache
def told_by(library: str, path: Path) -> tuple[dict[str, dict], str]:
    """Run a library's ways in one process; return what each told, and what was printed where one failed."""
    names = [name for name, way in WAYS.items() if way.library == library and name not in NOT_EXECUTED]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(cells.ROOT), str(cells.ROOT / "src")]),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), *names], capture_output=True, text=True, env=environment
    )
    lines = [line.split(" ", 2)[1:] for line in done.stdout.splitlines() if line.startswith("WAY ")]
    return {name: json.loads(told) for name, told in lines}, done.stderr


@pytest.fixture(scope="module")
def hogg(tmp_path_factory):
    return problems.write(problems.make("hogg"), tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("name", [name for name in WAYS if name not in NOT_EXECUTED])
def test_a_way_runs_and_is_the_chapters_model(name, hogg):
    found, printed = told_by(WAYS[name].library, hogg)
    assert name in found, printed[-3000:]
    told, reference = found[name], problems.make("hogg").reference
    change = np.array(told["density"]) - told["density"][0]
    np.testing.assert_allclose(change, reference.log_density - reference.log_density[0], atol=1e-6)
    assert set(told["posterior"]) == {"alpha", "beta", "nu"}
    for parameter, values in told["posterior"].items():
        values, truth = np.array(values), reference.parameters[parameter]
        assert values.shape == (4, 60) and len(np.unique(values)) > 60
        # a chain of the few draws may be slow, but its place is the posterior's: 10 sds hold all of 240 draws
        assert np.all(np.abs(values - truth["mean"]) < 10 * truth["sd"])
        assert abs(np.median(values) - truth["mean"]) < 1.5 * truth["sd"]
    assert min(told[stage] for stage in ("import_s", "compile_s", "first_draw_s", "sampling_s")) >= 0
    assert told["limit_per_s"] > 0 and told["divergences"] >= 0


@pytest.mark.parametrize("name", ["pymc-nutpie-numba", "numpyro-vectorized"])
def test_what_is_left_out_of_a_cell_changes_no_density(name, hogg, monkeypatch):
    about, data = cells.read(hogg)
    points, found, ran = problems.make("hogg").reference.points, [], []
    for lean in (cells.lean, lambda source: source):
        monkeypatch.setattr(cells, "lean", lean)
        way = WAYS[name](Task(about, data, 4, 1, 1, 0.8, [], cells.ROOT / "notebooks"))
        way.load()
        way.build()
        ran.append(way.model_cell)
        found.append(way.density(points))
    assert ["eterministic" in source for source in ran] == [False, True]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_only_what_the_table_names_is_not_executed():
    executed = {
        *("numpyro-vectorized", "numpyro-parallel", "numpyro-sequential", "pyro-jit", "pyro-jit-threads"),
        *(
            "pyro-replayed",
            "pyro-fused",
            "pymc-nutpie-numba",
            "pymc-nutpie-jax",
            "pymc-own-numba",
            "pymc-own-c",
            "pymc-own-jax",
        ),
        *("pymc-numpyro-vectorized", "pymc-numpyro-parallel"),
    }
    assert set(WAYS) - set(NOT_EXECUTED) == executed
