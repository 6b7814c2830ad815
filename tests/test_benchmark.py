"""The benchmark: limits hold, an interrupted run goes on, and a quick wrong answer is not right."""

import ast
import json
import math
import os
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest

from benchmark import __main__ as command
from benchmark import cells, child, plan, problems, report, watch, ways
from benchmark.__main__ import Runner
from benchmark.plan import Configuration, Settings
from benchmark.ways import CANARY, WAYS
from sidebyside import benchmark_results
from sidebyside.libraries import LIBRARIES, TAGS
from sidebyside.references import Reference

TINY = Settings("tiny", warmup=150, draws=200, repeats=1, seconds=120, memory_gb=6)
GOOD = Configuration("numpyro-vectorized", "hogg", 4)


def run(tmp_path, code, seconds=30.0, memory_gb=4.0):
    """Run Python code under the watch."""
    return watch.run([sys.executable, "-c", code], dict(os.environ), tmp_path / "log.txt", seconds, memory_gb)


def test_what_runs_too_long_is_stopped_with_all_its_children(tmp_path):
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    ending = run(tmp_path, code, seconds=1.5)
    assert ending.status == "timeout" and "1.5 s" in ending.reason and ending.wall_s < 10
    pid = int((tmp_path / "pid").read_text())
    time.sleep(0.5)  # until the system has buried it
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_what_takes_too_much_memory_is_stopped(tmp_path):
    ending = run(tmp_path, "held = bytearray(400_000_000); import time; time.sleep(30)", memory_gb=0.2)
    assert ending.status == "memory" and ending.memory_mb > 200


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("raise SystemExit('no such sampler')", "failed", "no such sampler"),
        (f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", "killed", "SIGKILL"),
        ("print('fine')", "done", ""),
    ],
)
def test_a_crash_is_told_apart_from_an_end(tmp_path, code, status, reason):
    ending = run(tmp_path, code)
    assert ending.status == status and reason in ending.reason and ending.memory_mb >= 0


def facts(**other):
    """Return what a finished child has told."""
    told = {"stage": "done", "import_s": 1.0, "compile_s": 2.0, "first_draw_s": 5.0, "sampling_s": 2.0}
    told |= {"ess_bulk": 1000.0, "ess_tail": 900.0, "rhat": 1.001, "divergences": 0, "gradients": 8000.0}
    return told | {"limit_per_s": 9000.0, "z": 1.0, "z_passes": 4.0, "fault": "", "density_off": 1e-9} | other


class Stub(Runner):
    """A runner whose children are made up; ``ran`` lists them."""

    endings: dict = {}  # noqa: RUF012

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.ran = []

    def child(self, module, spec, extra, device="cpu", seconds=None):
        self.ran.append(spec["log"])
        if module == "density":
            fault = "the prior is another" if spec["log"] == "density/canary" else ""
            told = [{"data": Path(path).stem, "density_off": 1e-9, "density_fault": fault} for path in spec["problems"]]
            return watch.Ending("done", "", 3.0, 500.0), told
        status, reason = self.endings.get(spec["log"].rpartition("/")[0], ("done", ""))
        return watch.Ending(status, reason, 3.0, 500.0), [facts()] if status == "done" else [{"stage": "started"}]


def stub(folder, **changes):
    return Stub(replace(TINY, **changes), folder, cells.ROOT / "notebooks")


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    first = stub(tmp_path)
    first.measure(GOOD, 0)
    with first.records_file.open("a") as file:
        file.write('{"key": "half-written')  # the power went off here
    second = stub(tmp_path)
    second.measure(GOOD, 0)
    second.measure(GOOD, 1)
    assert first.ran == ["numpyro-vectorized/hogg/4/0"] and second.ran == ["numpyro-vectorized/hogg/4/1"]


CANARY_RUN = Configuration(CANARY[0], CANARY[1], 4, canary=True)
STAN, ONE = replace(GOOD, way="stan"), replace(GOOD, chains=1)


@pytest.fixture
def run_command(tmp_path, monkeypatch):
    """Return a function that runs the command in an empty folder, with stubs as children and a plan of three."""
    stored = tmp_path / "src" / "sidebyside" / "results" / "benchmark"
    stored.mkdir(parents=True)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "Runner", Stub)
    monkeypatch.setattr(command.machine, "gpus", lambda: ({}, "no GPU"))
    monkeypatch.setattr(plan, "parts", lambda settings, gpu=(): {"models": [CANARY_RUN, GOOD, STAN], "chains": [ONE]})

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["benchmark", "--notebooks", str(cells.ROOT / "notebooks"), *arguments])
        return command.main(), list(stored.iterdir())

    return run


@pytest.mark.parametrize(
    "arguments",
    [(), ("--part", "models"), ("--only", "stan"), ("--part", "models", "--only", "stan"), ("--quick",)],
)
def test_no_run_writes_into_the_package(tmp_path, run_command, arguments):
    code, stored = run_command(*arguments)
    assert (code, stored) == (0, [])
    made = tmp_path / "build" / "benchmark" / ("quick.json" if "--quick" in arguments else "full.json")
    assert json.loads(made.read_text())["machine"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--part", "models"), r"it is partial: 1 planned run\(s\) missing, numpyro-vectorized/hogg/1/0"),
        (("--part", "models", "--only", "stan"), r"it is partial: 3 planned run\(s\) missing, canary/hogg/4/0, "),
        (("--repeats", "2"), r"its repeats is 2, and a full run's is 3"),
        (("--seconds", "5"), r"its seconds_limit is 5, and a full run's is 600"),
    ],
)
def test_only_a_whole_run_is_promoted(run_command, capsys, arguments, said):
    assert run_command("--promote") == (1, []) and "Nothing to promote" in capsys.readouterr().out
    assert run_command(*arguments) == (0, [])
    capsys.readouterr()
    assert run_command("--promote") == (1, []) and re.search(f"Not promoted, for {said}", capsys.readouterr().out)
    run_command("--repeats", "3", "--seconds", "600", "--fresh")
    code, (stored,) = run_command("--promote")
    found = json.loads(stored.read_text())
    assert code == 0 and stored.stem == found["machine"]["name"] and "missing" not in found
    assert {row["way"] for row in found["results"]} == {"canary", "numpyro-vectorized", "stan"}
    assert benchmark_results.Benchmark.of(found).right["repeats"].tolist() == [3, 3, 3]


def test_a_run_stopped_in_its_second_repeat_is_partial(tmp_path):
    runner = stub(tmp_path, repeats=2)
    for one, repeat in ((GOOD, 0), (STAN, 0), (GOOD, 1)):
        runner.measure(one, repeat)
    assert runner.missing([GOOD, STAN, ONE]) == [STAN.key(1), ONE.key(0)]
    runner.measure(STAN, 1)
    assert runner.missing([GOOD, STAN]) == []


def test_where_nothing_is_measured_nothing_is_written(tmp_path, run_command, capsys):
    assert run_command("--report") == (1, []) and run_command("--only", "nothing") == (1, [])
    assert "Nothing was measured" in capsys.readouterr().out
    assert not (tmp_path / "build" / "benchmark" / "full.json").exists()


def test_a_quick_run_is_not_promoted(run_command, capsys):
    run_command("--quick")
    assert run_command("--quick", "--promote") == (1, [])
    assert "Not promoted, for it is a quick run" in capsys.readouterr().out


def test_a_run_whose_wrong_model_passed_is_not_promoted(run_command, capsys, monkeypatch):
    density = Stub.density
    monkeypatch.setattr(Stub, "density", lambda self, way, data: density(self, way, data) | {"density_fault": ""})
    assert run_command() == (1, [])
    assert run_command("--promote") == (1, [])
    assert "wrong model was not found to be wrong" in capsys.readouterr().out


def test_what_was_stopped_at_its_limit_is_not_missing(run_command, monkeypatch):
    monkeypatch.setattr(Stub, "endings", {STAN.key(0).rpartition("/")[0]: ("timeout", "ran past its limit of 600 s")})
    run_command()
    code, (stored,) = run_command("--promote")
    status = {row["way"]: row["status"] for row in json.loads(stored.read_text())["results"]}
    assert code == 0 and status["stan"] == "timeout"


def test_what_is_not_planned_any_more_is_not_in_the_results(tmp_path):
    runner = stub(tmp_path)
    runner.measure(GOOD, 0)
    runner.measure(replace(GOOD, way="tfp", data="penguins"), 0)
    found = command.results(runner, ({}, "no GPU"))
    assert [(row["way"], row["data"]) for row in found["results"]] == [("numpyro-vectorized", "hogg")]


def test_a_line_after_a_broken_one_is_read_too(tmp_path):
    first = stub(tmp_path)
    with first.records_file.open("a") as file:
        file.write('{"key": "half-written')
    stub(tmp_path).measure(GOOD, 0)
    assert GOOD.key(0) in stub(tmp_path).records


def test_records_of_other_settings_are_not_mixed_in(tmp_path):
    stub(tmp_path).measure(GOOD, 0)
    longer = stub(tmp_path, draws=5000)
    longer.measure(GOOD, 0)
    assert longer.ran == [GOOD.key(0)]


def test_what_ran_past_its_limit_is_a_result_and_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Stub, "endings", {"tfp/line-100/4": ("timeout", "ran past its limit of 120 s")})
    runner = stub(tmp_path)
    small, large, other = (
        Configuration(*one, 4) for one in (("tfp", "line-100"), ("tfp", "line-1000"), ("stan", "hogg"))
    )
    for one in (small, large, other):
        for repeat in range(2):
            runner.measure(one, repeat)
    assert runner.ran == [small.key(0), other.key(0), other.key(1)], "neither repeated nor tried on more rows"
    rows = {(row["way"], row["data"]): row for row in report.summarise(list(runner.records.values()))}
    assert (
        rows["tfp", "line-100"]["status"] == "timeout" and "120 s (stage: started)" in rows["tfp", "line-100"]["reason"]
    )
    assert rows["tfp", "line-1000"]["status"] == "skipped" and "line-100" in rows["tfp", "line-1000"]["reason"]
    assert rows["stan", "hogg"]["status"] == "right"
    monkeypatch.setattr(Stub, "endings", {})
    raised = stub(tmp_path, seconds=600)
    raised.measure(small, 0)
    assert raised.ran == [small.key(0)], "with a higher limit it is tried again"


@pytest.mark.parametrize(("seconds", "tried"), [((1.0, 2.0), True), ((1.0, 20.0), False), ((7.0, 7.0), True)])
def test_what_would_run_past_its_limit_is_not_tried(tmp_path, seconds, tried):
    """The limit is 120 seconds: a second for a thousand rows makes a hundred seconds for a hundred thousand."""
    runner = stub(tmp_path)
    for rows, took in zip((100, 1_000), seconds, strict=True):
        one = Configuration("stan", f"line-{rows}", 4)
        runner.measure(one, 0)
        runner.records[one.key(0)]["facts"]["sampling_s"] = took
    large = Configuration("stan", "line-10000", 4)
    for repeat in range(2):
        runner.measure(large, repeat)
    known = runner.records[large.key(0)]
    assert (large.key(0) in runner.ran) is tried
    assert tried or (known["status"] == "skipped" and "line-1000" in known["reason"] and "120 s" in known["reason"])


def record(way="stan", repeat=0, data="hogg", **told):
    one = {"key": f"{way}/{repeat}", "way": way, "data": data, "chains": 4, "repeat": repeat, "status": "done"}
    one |= {"limits": {"seconds": 600, "memory_gb": 12}, "reason": "", "wall_s": 9.0, "memory_mb": 300.0}
    return one | {"facts": facts(**told)}


def test_median_and_spread():
    (row,) = report.summarise(
        [record(repeat=number, sampling_s=seconds) for number, seconds in enumerate((1.0, 4.0, 2.0))]
    )
    assert [row[kind]["sampling_s"] for kind in ("low", "median", "high")] == [1, 2, 4]
    assert row["median"]["ess_bulk_per_s"] == 500 and row["median"]["gradients_per_s"] == 4000
    assert row["status"] == "right" and len(row["repeats"]) == 3


def test_where_the_compiler_was_not_timed_nothing_is_told_of_the_first_draws():
    (row,) = report.summarise([record(repeat=0), record(repeat=1, compile_s=None, first_draw_s=0.5)])
    assert row["median"]["first_draw_s"] == 5 and row["high"]["ess_bulk_per_total_s"] == 200
    assert row["median"]["sampling_s"] == 2


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"density_fault": "Stan's model is not the reference's"}, "wrong"),
        ({"fault": "the posterior mean of alpha is 3"}, "wrong"),
        ({"rhat": 1.4}, "unconverged"),
        ({"rhat": math.nan}, "unconverged"),
        ({"rhat": None}, "unconverged"),
    ],
)
def test_quick_and_wrong_does_not_count(told, status):
    slow = [record("stan", repeat) for repeat in range(2)]
    quick = [record("tfp", 0, sampling_s=0.01), record("tfp", 1, sampling_s=0.01, **told)]
    made = results(report.summarise(slow + quick))
    assert list(made.right["way"]) == ["stan"] and made.fastest("TFP", "hogg") is None
    table = made.table("hogg")
    assert table["verdict"].iloc[-1].startswith(status) and table.index[-1][0] == "TFP"


def test_what_nothing_checked_is_not_right():
    unchecked = record()
    del unchecked["facts"]["z"]
    assert report.judge(unchecked)[0] == "unchecked"


def results(rows):
    """Make a Benchmark of rows as the results hold them."""
    stored = {
        "machine": {"name": "test"},
        "versions": {},
        "settings": plan.describe(TINY),
        "command": "make benchmark QUICK=1",
        "date": "2026-11-26",
        "seconds": 1.0,
        "ways": report.describe_ways({row["way"] for row in rows}),
        "data": {name: problems.describe(name) for name in {row["data"] for row in rows}},
        "results": report.clean(rows),
    }
    return benchmark_results.Benchmark.of(json.loads(json.dumps(stored)))


def test_on_simulated_data_each_way_is_held_against_the_others(tmp_path):
    rng, rows = np.random.default_rng(1), []
    shifts = {"stan": 0, "tfp": 0, "pyro-jit": 0, "numpyro-vectorized": 0.3}
    astray = ["pymc-own-c", "pymc-own-numba", "pymc-own-jax", "pyro-fused"]  # more than half, but chains have not met
    for way, shift in (shifts | dict.fromkeys(astray, 5)).items():
        one = record(way, data="line-100", rhat=2.1 if way in astray else 1.0)
        del one["facts"]["z"]
        one["draws_file"] = str(tmp_path / f"{way}.npz")
        np.savez(one["draws_file"], alpha=rng.normal(shift, 1, (4, 1000)), beta=rng.normal(size=(4, 1000, 3)))
        rows.append(one)
    found = {row["way"]: row for row in report.summarise(rows)}
    assert {way: row["status"] for way, row in found.items() if row["status"] != "right"} == {
        "numpyro-vectorized": "wrong"
    } | dict.fromkeys(astray, "unconverged")
    assert "alpha" in found["numpyro-vectorized"]["reason"]


def test_the_wrong_model_is_found_out_and_the_right_one_passes(tmp_path):
    """For real, in processes: a prior that is wrong on purpose, by its density and by its draws."""
    canary = Configuration(CANARY[0], CANARY[1], 4, canary=True)
    runner = Runner(TINY, tmp_path, cells.ROOT / "notebooks")
    runner.densities([canary, GOOD])
    for one in (canary, GOOD):
        runner.measure(one, 0)
    rows = {row["way"]: row for row in report.summarise(runner.measured())}
    wrong, right = rows["canary"], rows["numpyro-vectorized"]
    assert right["status"] == "right", right["reason"]
    assert wrong["status"] == "wrong" and wrong["density_off"] > 0.1 > 1e-6 > right["density_off"]
    assert "changing alpha" in wrong["reason"] and "posterior mean of alpha" in wrong["reason"]
    measured = right["median"]
    assert all(measured[name] > 0 for name in ("import_s", "compile_s", "sampling_s", "memory_mb", "limit_per_s"))
    assert measured["first_draw_s"] > measured["import_s"] + measured["compile_s"] > 0
    assert measured["gradients"] > 4 * (TINY.warmup + TINY.draws), "each step takes a gradient at least"
    assert {"NumPyro"} == set(results(list(rows.values())).right["library"])


def test_the_largest_z_is_told_wherever_it_stands():
    """Five faults are named in words, and the largest need not be among them."""
    rng, parameters, draws = np.random.default_rng(1), {}, {}
    for number in range(8):
        parameters[f"p{number}"] = {"mean": 0.0, "sd": 1.0, "kurtosis": 3.0, "mean_error": 0.0, "sd_error": 0.0}
        draws[f"p{number}"] = rng.normal(20 if number == 7 else 0.3, 1, (4, 1000))
    reference = Reference("toy", "by hand", parameters, [], np.array([]))
    z, passes, fault = child.agree(draws, reference)
    assert z == pytest.approx(20 * math.sqrt(4000), rel=0.05) and passes == pytest.approx(5.2, abs=0.3)
    assert fault.startswith("the posterior mean of p0 is 0.") and "p7" not in fault
    right, passes, fault = child.agree(
        {"p0": rng.normal(size=(4, 1000))}, replace(reference, parameters=dict([*parameters.items()][:1]))
    )
    assert right < passes and fault == ""
    draws["p0"][0, 0] = np.nan
    z, passes, fault = child.agree(draws, reference)
    assert math.isnan(z) and math.isnan(passes) and "1 of 4000 draws of 'p0' are NaN" in fault


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("model", problems.MODELS)
def test_models_come_from_the_chapters(model, tag):
    about = problems.MODELS[model]
    imports, code = cells.sources(about.chapter, tag, f"{model}-model-{tag}")
    assert "import" in imports and f"{about.objects}_{tag}" in code


@pytest.mark.parametrize("tag", TAGS)
def test_what_only_the_analysis_needs_is_left_out(tag):
    """A value per row and draw would fill the memory: chapter 6's ``line``, and in Stan also y_rep and log_lik."""
    _, code = cells.sources("06_robust_regression", tag, f"student-t-model-{tag}")
    found = cells.lean(code)
    ast.parse(found)
    assert not re.search("eterministic|transformed parameters|generated quantities", found)
    assert (found == code) is (tag == "tfp")  # TFP's model has nothing to leave out


def test_a_lean_stan_program_declares_in_the_model_block_what_it_needs():
    _, code = cells.sources("06_robust_regression", "stan", "student-t-model-stan")
    program = ast.literal_eval(ast.parse(cells.lean(code)).body[0].value)
    assert re.findall(r"^[a-z ]+(?= \{$)", program, re.MULTILINE) == ["data", "parameters", "model"]
    declared, used = program.index("vector[N] line = alpha + beta * x;"), program.index("student_t(nu, line, sigma_y)")
    assert program.index("model {") < declared < used
    assert program.count("{") == program.count("}")


def test_other_chapters_cells_stay_as_they_are():
    for tag in TAGS:
        _, code = cells.sources(problems.MODELS["bradley-terry"].chapter, tag, f"bradley-terry-model-{tag}")
        assert cells.lean(code) == code


@pytest.mark.parametrize("model", ["line", "intercepts"])
def test_what_chapters_5_and_8_keep_with_every_draw_is_left_out(model):
    for tag in TAGS:
        _, code = cells.sources(problems.MODELS[model].chapter, tag, f"{model}-model-{tag}")
        found = cells.lean(code)
        assert (found == code) == (tag == "tfp"), "only TFP's cell keeps nothing but what it samples"
        assert not re.search("eterministic|generated quantities|transformed parameters", found)
        ast.parse(found)


def test_of_stans_draws_only_what_was_sampled_is_measured():
    names, shapes = ["alpha", "none", "z", "tau", "y_rep"], [(), (0,), (2, 3), (), (20,)]
    assert ways.leading(names, shapes, 7) == ["alpha", "none", "z"]
    assert ways.leading(names[2:3], shapes[2:3], 6) == ["z"]


def test_a_change_must_change_one_place():
    with pytest.raises(LookupError, match="2 times"):
        cells.change("a + a", [("a", "b")])
    with pytest.raises(LookupError, match="0 times"):
        cells.change("a + a", [("c", "b")])


@pytest.mark.parametrize("name", [*problems.COURSE, "line-100", "student-t-100", "bradley-terry-2000"])
def test_problems_are_written_and_read_whole(tmp_path, name):
    problem = problems.make(name)
    about, data = cells.read(problems.write(problem, tmp_path))
    assert about["rows"] == problem.rows and about["source"] == problem.source
    assert set(problems.MODELS[problem.model].arguments) <= set(data)
    for key, values in problem.data.items():
        np.testing.assert_array_equal(data[key], values)
    assert len(problem.reference.log_density) == len(problem.reference.points) > 2


@pytest.mark.parametrize("name", ["penguins", "hogg", "matches"])
def test_the_plain_densities_are_the_references(name):
    problem = problems.make(name)
    found = [problems.MODELS[problem.model].log_density(problem.data, **point) for point in problem.reference.points]
    np.testing.assert_allclose(found, problem.reference.log_density, atol=1e-8)


def test_as_many_players_as_in_ingrams_record():
    assert (
        problems.players_of(problems.MATCHES)
        == problems.PLAYERS
        == problems.make("bradley-terry-160420").data["n_players"]
    )


def test_the_plan_covers_the_libraries_and_what_the_issue_names():
    full, quick = plan.parts(Settings()), plan.parts(plan.QUICK)
    for data in problems.COURSE:
        ways = {one.way for one in full["models"] if one.data == data}
        assert ways >= set(plan.course_ways(data)) and {WAYS[way].library for way in ways} == set(LIBRARIES)
        assert data not in plan.EVERY_WAY or ways >= set(WAYS) - set(plan.ASIDE)
    assert {WAYS[one.way].library for one in quick["models"]} == set(LIBRARIES)
    assert {one.data for one in full["rows"]} >= {"student-t-100", "student-t-1000000"}
    assert f"bradley-terry-{problems.MATCHES}" in {one.data for one in full["matches"]}
    assert all(any(one.canary for one in parts["models"]) for parts in (full, quick))
    keys = [one.key(0) for part in full.values() for one in part]
    assert len(keys) == len(set(keys))


def test_a_gpu_adds_columns():
    found = plan.parts(Settings(), {"NumPyro", "TFP"})["models"]
    added = {one.name for one in found if one.device == "gpu"}
    assert added == {"numpyro-vectorized@gpu", "tfp@gpu", "tfp-packed@gpu"}
    described = report.describe_ways(added)
    assert described["tfp@gpu"]["device"] == "gpu" and "GPU" in described["tfp@gpu"]["label"]


def test_repeats_are_shuffled_and_small_data_come_first():
    rows = plan.parts(Settings())["rows"]
    first, second = plan.order(rows, 0), plan.order(rows, 1)
    assert first != second and plan.order(rows, 0) == first and set(first) == set(second) == set(rows)
    sizes = [int(one.data.rpartition("-")[2]) for one in first]
    assert sizes == sorted(sizes)


def test_figures_and_tables_do_with_what_is_there():
    made = results(report.summarise([record("stan"), record("tfp", sampling_s=0.5)]))
    figures = [made.plot_speed("hogg"), made.plot_stack("hogg"), made.plot_rows("line"), made.plot_chains("radon")]
    assert made.fastest("TFP", "hogg") == ("windowed NUTS, XLA", 2000) and made.ratio("stan", "hogg") == 1
    assert math.isnan(made.ratio("stan", "radon")) and made.table("radon").empty and len(made.table("hogg")) == 2
    assert any("not measured in this run" in text.get_text() for text in figures[2].axes[0].texts)
    plt.close("all")


@pytest.mark.parametrize("name", benchmark_results.stored())
def test_a_stored_run_is_whole(name):
    folder = Path(benchmark_results.__file__).parent / "results" / "benchmark"
    stored = json.loads((folder / f"{name}.json").read_text())
    made = benchmark_results.load_benchmark(name)
    assert stored["machine"]["name"] == name and made.machine["cores"] and made.machine["gpu_note"]
    assert stored["command"] == "make benchmark" and made.settings["kind"] == "full"
    assert {"pymc", "nutpie", "pystan", "numpyro", "jax", "pyro-ppl", "torch", "tensorflow-probability"} <= set(
        made.versions
    )
    assert list(made.canary["status"]) == ["wrong"]
    often = made.right[made.right["first_draw_s"] < plan.PATIENCE / 3]
    assert often["repeats"].min() >= 3, "a median of fewer than three says little"
    assert (made.right["density_off"] < 1e-3).all() and (made.right["z"] <= made.right["z_passes"]).all()
    right = set(zip(made.right["way"], made.right["data"], strict=True))
    for data in problems.COURSE:
        assert {way for way, of in right if of == data} >= set(plan.course_ways(data)), data
    assert made.right["others"].median() < 0.05, "the machine was busy with something else"
    for row in stored["results"]:
        assert row["status"] == "right" or row["reason"], f"{row['way']} on {row['data']}: why?"


def test_the_variable_names_another_file(tmp_path, monkeypatch):
    rows = report.clean(report.summarise([record("stan")]))
    made = {"schema": 1, "machine": {"name": "elsewhere"}, "versions": {}, "settings": plan.describe(TINY)}
    made |= {"command": "make benchmark QUICK=1", "date": "2026-11-26", "seconds": 1.0, "results": rows}
    made |= {"ways": report.describe_ways({"stan"}), "data": {"hogg": problems.describe("hogg")}}
    path = tmp_path / "quick.json"
    path.write_text(json.dumps(made))
    monkeypatch.setenv(benchmark_results.VARIABLE, str(path))
    assert benchmark_results.load_benchmark().machine["name"] == "elsewhere"
    with pytest.raises(ValueError, match="no stored benchmark called 'nowhere'"):
        benchmark_results.load_benchmark("nowhere")
