"""Many fits on a cluster: a worker dies, a run is stopped, and yet every fit is there once, and none was done twice."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fits_for_dask import fails_for_odd, normal_mean

from sidebyside import dask_fits

HERE = Path(__file__).parent
PATIENCE = 40  # seconds


def wait_for(condition, what):
    """Wait until ``condition()`` is true, and return what it gave."""
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > until:
            raise TimeoutError(f"waited {PATIENCE} s for {what}")
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """Start a scheduler as on another machine; yield its address and a function that starts a worker."""
    logs, processes = tmp_path_factory.mktemp("dask"), []
    paths = os.pathsep.join([str(HERE), str(Path(dask_fits.__file__).parents[1])])

    def start(name, *arguments):
        log = logs / f"{len(processes)}-{name}.log"
        command = [sys.executable, "-m", "dask", name, *arguments]
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        with log.open("w") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=logs)
        processes.append(process)
        return process, log

    _, log = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = wait_for(lambda: re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text()), "the scheduler").group()

    def worker():
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        return start("worker", address, *options)[0]

    yield address, worker
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.fixture
def two_workers(dask):
    """Return the address of a cluster with two workers, and their processes."""
    address, worker = dask
    workers = [worker(), worker()]
    yield address, workers
    for process in workers:
        process.kill()
        process.wait()


@pytest.fixture
def ledger(tmp_path):
    folder = tmp_path / "ledger"
    folder.mkdir()
    return folder


def marks(ledger, kind):
    """Return (seed, process) of each fit that began or ended, as often as it did."""
    return [tuple(map(int, path.stem.split("-")[:2])) for path in ledger.glob(f"*.{kind}")]


def once_each(ledger, kind="ended"):
    return Counter(seed for seed, _ in marks(ledger, kind))


def check_all_there_once(fit, jobs, ledger):
    """Every fit is there once and right, no finished fit was computed again, nothing half-written is left."""
    results = [fit.load(*job) for job in jobs]
    for (seed, *_), result in zip(jobs, results, strict=True):
        readings = np.random.default_rng(seed).normal(0.5, 1, size=20)
        assert result["mean"] == pytest.approx(readings.sum() / 21)
    assert sorted(path.name for path in fit.folder.glob("*.npz")) == sorted(fit.path(*job).name for job in jobs)
    assert not list(fit.folder.glob("*.draft"))
    assert once_each(ledger) == {job[0]: 1 for job in jobs}
    assert Counter(entry["key"] for entry in fit.log()) == {fit.path(*job).stem: 1 for job in jobs}


def test_a_worker_is_killed_in_mid_run(two_workers, tmp_path, ledger):
    """Two workers, a scheduler known by its address alone, one worker killed while it computes."""
    address, workers = two_workers
    fit = dask_fits.keep(normal_mean, tmp_path / "fits")
    jobs = [(seed, str(ledger), 0.4) for seed in range(12)]
    results = []
    with dask_fits.cluster(address) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
        run = threading.Thread(target=lambda: results.extend(dask_fits.fit_all(fit, jobs, client)))
        run.start()
        victim = workers[0].pid

        def at_work():
            finished = [seed for seed, process in marks(ledger, "ended") if process == victim]
            begun = [seed for seed, process in marks(ledger, "began") if process == victim]
            return finished and set(begun) - set(finished)

        broken = wait_for(at_work, "the first worker to have one fit done and another begun")
        workers[0].kill()
        run.join(PATIENCE)
        assert not run.is_alive()
    assert len(results) == 12
    check_all_there_once(fit, jobs, ledger)
    (seed,) = broken
    assert once_each(ledger, "began")[seed] == 2  # broken off, and begun again by the other
    assert {process for _, process in marks(ledger, "ended")} == {worker.pid for worker in workers}


STOPPED_RUN = """
import sys
from fits_for_dask import normal_mean
from sidebyside import dask_fits

folder, ledger, address = sys.argv[1:]
with dask_fits.cluster(address) as client:
    dask_fits.fit_all(dask_fits.keep(normal_mean, folder), [(seed, ledger, 0.3) for seed in range(10)], client)
"""


def test_a_run_is_stopped_and_begun_again(two_workers, tmp_path, ledger):
    """The program that asked for the fits dies; called again, it does only what is missing."""
    address, _ = two_workers
    fit = dask_fits.keep(normal_mean, tmp_path / "fits")
    jobs = [(seed, str(ledger), 0.3) for seed in range(10)]
    paths = os.pathsep.join([str(HERE), str(Path(dask_fits.__file__).parents[1])])
    first = subprocess.Popen(
        [sys.executable, "-c", STOPPED_RUN, fit.folder, ledger, address], env=os.environ | {"PYTHONPATH": paths}
    )
    wait_for(lambda: len(list(fit.folder.glob("*.npz"))) >= 3, "three fits")
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_for(lambda: len(marks(ledger, "began")) == len(marks(ledger, "ended")), "the fits under way to end")
    done = sum(fit.done(*job) for job in jobs)
    assert 3 <= done < 10
    with dask_fits.cluster(address) as client:
        dask_fits.fit_all(fit, jobs, client)
        began = len(marks(ledger, "began"))
        dask_fits.fit_all(fit, jobs, client)  # a third time, all is there
        assert len(marks(ledger, "began")) == began
    check_all_there_once(fit, jobs, ledger)


def test_workers_that_do_not_see_the_folder_send_their_results(two_workers, tmp_path, ledger):
    address, workers = two_workers
    fit = dask_fits.keep(normal_mean, tmp_path / "fits")
    elsewhere = replace(fit, mark="not-here.mark")
    jobs = [(seed, str(ledger), 0.2) for seed in range(4)]
    with dask_fits.cluster(address) as client:
        dask_fits.fit_all(elsewhere, jobs, client)
    check_all_there_once(fit, jobs, ledger)
    computed = {
        fit.path(*job).stem: process for job in jobs for seed, process in marks(ledger, "ended") if seed == job[0]
    }
    assert {entry["key"]: int(entry["worker"].split()[-1]) for entry in fit.log()} == computed
    assert set(computed.values()) <= {worker.pid for worker in workers}
    for worker in computed.values():  # each fit has its own time, not the run's
        own = sorted((entry["began"], entry["ended"]) for entry in fit.log() if entry["worker"].endswith(f" {worker}"))
        assert all(ended <= began for (_, ended), (began, _) in pairwise(own))


def test_a_fit_that_fails_is_named_and_the_others_are_kept(two_workers, tmp_path):
    address, _ = two_workers
    fit = dask_fits.keep(fails_for_odd, tmp_path / "fits")
    with (
        dask_fits.cluster(address) as client,
        pytest.raises(dask_fits.FitsFailedError, match=r"2 of 5 .*\(1\): ValueError: 1 is"),
    ):
        dask_fits.fit_all(fit, range(5), client)
    assert [fit.done(seed) for seed in range(5)] == [True, False, True, False, True]


def test_a_local_cluster_is_the_default(tmp_path, ledger, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    fit = dask_fits.keep(normal_mean, tmp_path / "fits")
    jobs = [(seed, str(ledger), 0.0) for seed in (3, 1, 3)]  # the same fit twice is one fit
    with dask_fits.cluster() as client:
        assert len(client.scheduler_info()["workers"]) == 2
        first, second, third = dask_fits.fit_all(fit, jobs, client)
    assert first["mean"] == third["mean"] != second["mean"]
    assert once_each(ledger) == {1: 1, 3: 1}


def test_the_address_may_come_from_the_environment(two_workers, tmp_path, ledger, monkeypatch):
    address, workers = two_workers
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    with dask_fits.cluster() as client:
        dask_fits.fit_all(dask_fits.keep(normal_mean, tmp_path / "fits"), [(1, str(ledger), 0.0)], client)
    assert {process for _, process in marks(ledger, "ended")} <= {worker.pid for worker in workers}


# ---- keys and files, without Dask -------------------------------------------------------------------


def test_a_key_tells_contents_apart():
    contents = [
        1, 1.0, True, "1", None, b"1", (1, 2), (2, 1), ((1,), 2), ("12",), ("1", "2"), {"a": 1}, {"b": 1},
        np.array([1, 2]), np.array([1.0, 2.0]), np.array([[1, 2]]), np.array([2, 1]), normal_mean, fails_for_odd,
        np.array(1.0), np.array([1.0]), np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2).T,
    ]  # fmt: skip
    keys = [dask_fits.content_key(content) for content in contents]
    assert len(set(keys)) == len(contents)
    assert dask_fits.content_key({"a": 1, "b": 2}) == dask_fits.content_key({"b": 2, "a": 1})
    assert dask_fits.content_key(np.arange(6)[::2]) == dask_fits.content_key(np.array([0, 2, 4]))
    assert dask_fits.content_key(np.array([1], ">f8")) == dask_fits.content_key(np.array([1], "<f8"))
    matrix = np.arange(6.0).reshape(2, 3)
    assert dask_fits.content_key(np.asfortranarray(matrix)) == dask_fits.content_key(matrix)
    assert dask_fits.content_key(1, "a", np.array([0.5])) == "b3656528290119cd901b"  # on any machine, on any day


def test_what_has_no_content_has_no_key():
    with pytest.raises(dask_fits.ContentError, match=r"A object has no key"):
        dask_fits.content_key(object())
    with pytest.raises(dask_fits.ContentError, match=r"A ndarray has no key"):
        dask_fits.content_key(np.array([object()]))


def scaled_by(factor, offset=0):
    def scaled(value, plus=offset):
        return {"scaled": np.array(factor * value + plus)}

    return scaled


def counts_down(start):
    def down(value=start):
        return down(value - 1) if value else 0

    return down


def test_functions_with_other_values_inside_have_other_keys():
    keys = [dask_fits.content_key(function) for function in (scaled_by(2), scaled_by(3), scaled_by(2, offset=1))]
    assert len(set(keys)) == 3
    assert dask_fits.content_key(scaled_by(2)) == keys[0]
    assert dask_fits.content_key(counts_down(3)) == dask_fits.content_key(counts_down(3))  # it closes over itself
    assert dask_fits.content_key(counts_down(3)) != dask_fits.content_key(counts_down(4))


def test_a_lambda_has_no_key():
    one, two = lambda: 1, lambda: 2
    for function in (one, two):
        with pytest.raises(dask_fits.ContentError, match=r"A lambda has no key"):
            dask_fits.content_key(function)


def test_a_newer_library_makes_other_keys(tmp_path, monkeypatch):
    before = dask_fits.keep(fails_for_odd, tmp_path).path(2)
    installed = dask_fits.version
    monkeypatch.setattr(dask_fits, "version", lambda name: "999.0" if name == "numpyro" else installed(name))
    after = dask_fits.keep(fails_for_odd, tmp_path)
    assert after.path(2) != before
    assert set(after.versions) == {*dask_fits.VERSIONED, "Stan's engine"} and after.versions["numpyro"] == "999.0"


def test_other_data_or_another_model_are_other_fits(tmp_path):
    keeper = dask_fits.keep(fails_for_odd, tmp_path, uses=[np.array([1.0])])
    assert keeper.path(2) != dask_fits.keep(fails_for_odd, tmp_path, uses=[np.array([2.0])]).path(2)
    assert keeper.path(2) != dask_fits.keep(fails_for_odd, tmp_path, uses=[np.array([1.0]), normal_mean]).path(2)
    assert keeper.path(2) == dask_fits.keep(fails_for_odd, tmp_path, uses=[np.array([1.0])]).path(2)


def test_a_write_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    keeper = dask_fits.keep(fails_for_odd, tmp_path)

    def broken(file, **arrays):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(dask_fits.np, "savez", broken)
    with pytest.raises(OSError, match="no space"):
        keeper(2)
    assert not keeper.done(2)
    assert [path.suffix for path in tmp_path.iterdir()] == [".mark"]


def test_without_a_cluster_a_kept_fit_is_computed_once(tmp_path, ledger):
    keeper = dask_fits.keep(normal_mean, tmp_path / "fits")
    assert keeper(5, str(ledger), 0.0) == keeper(5, str(ledger), 0.0)
    assert once_each(ledger) == {5: 1}


def test_once_makes_a_thing_once():
    made = []
    assert dask_fits.once("a test's own", lambda: made.append(1) or 7) == 7
    assert dask_fits.once("a test's own", lambda: made.append(1) or 8) == 7
    assert made == [1]
