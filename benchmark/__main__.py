"""Run the benchmark: ``make benchmark``, or ``python -m benchmark --help`` for parts and limits.

Each configuration runs in a process of its own. What has finished stands in ``build/benchmark/<kind>/records.jsonl``
at once, so that an interrupted run goes on where it was; a configuration that crashes or passes a limit is a result
like any other. Results go to ``build/benchmark/full.json`` or ``quick.json``; ``--promote`` makes those of a whole run
the ones that the package holds.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmark import machine, plan, problems, report, watch
from benchmark.cells import ROOT
from benchmark.plan import Configuration, Settings
from benchmark.ways import WAYS

DENSITY_SECONDS = 900
STORED = Path("src", "sidebyside", "results", "benchmark")  # below the repository's folder


class Runner:
    """Runs configurations and keeps their records."""

    def __init__(self, settings: Settings, folder: Path, notebooks: Path, keep: bool = True):
        self.settings, self.folder, self.notebooks = settings, folder, notebooks
        self.records_file = folder / "records.jsonl"
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        for name in ("data", "draws", "logs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # records of other settings or versions are not mixed with these
        same = asdict(settings) | {"repeats": 0, "seconds": 0, "memory_gb": 0}
        told = json.dumps([same, machine.versions()], sort_keys=True)
        self.stamp = hashlib.sha256(told.encode()).hexdigest()[:12]
        self.records = self._stored()

    def _stored(self) -> dict[str, dict]:
        if not self.records_file.exists():
            return {}
        text = self.records_file.read_text()
        if text and not text.endswith("\n"):  # the last line was cut off
            text = text[: text.rfind("\n") + 1]
            self.records_file.write_text(text)
        found = [json.loads(line) for line in text.splitlines()]
        return {record["key"]: record for record in found if record["stamp"] == self.stamp}

    def keep(self, record: dict) -> None:
        """File a record, on disk too."""
        record["stamp"] = self.stamp
        self.records[record["key"]] = record
        with self.records_file.open("a") as file:
            file.write(json.dumps(report.clean(record)) + "\n")

    def problem(self, name: str) -> tuple[problems.Problem, Path]:
        """Return a problem and the file of its data."""
        made = problems.make(name)
        path = self.folder / "data" / f"{name}.npz"
        return made, path if path.exists() else problems.write(made, self.folder / "data")

    def environment(self, extra: dict[str, str], device: str, cache: Path) -> dict[str, str]:
        """Return a child's environment: empty caches, so that what is compiled is compiled for it."""
        own = {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
            "XDG_CACHE_HOME": str(cache),
            "PYTENSOR_FLAGS": f"base_compiledir={cache / 'pytensor'}",
            "NUMBA_CACHE_DIR": str(cache / "numba"),
            "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
            "MPLCONFIGDIR": str(ROOT / ".cache" / "matplotlib"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "BENCHMARK_DEVICE": device,
        }
        if device == "cpu":
            own |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" in extra:
            own["JAX_COMPILATION_CACHE_DIR"] = str(cache / "jax")
        return os.environ | own | extra

    def child(self, module: str, spec: dict, extra: dict, device: str = "cpu", seconds: float | None = None) -> tuple:
        """Run a module of this package on ``spec``; returns how it ended and the lines that it wrote."""
        cache, out = self.folder / "cache", self.folder / "child.jsonl"
        shutil.rmtree(cache, ignore_errors=True)
        compiled = self.folder / "stan"  # Stan programs that the densities' check has compiled
        if spec.get("warm") and compiled.exists():
            shutil.copytree(compiled, cache / "httpstan")
        out.write_text("")
        log = self.folder / "logs" / f"{spec['log'].replace('/', '_')}.txt"
        ending = watch.run(
            [sys.executable, "-m", f"benchmark.{module}", json.dumps(spec | {"out": str(out)})],
            self.environment(extra, device, cache),
            log,
            seconds or self.settings.seconds,
            self.settings.memory_gb,
        )
        lines = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
        if module == "density" and (cache / "httpstan").exists():
            shutil.copytree(
                cache / "httpstan", compiled, ignore=shutil.ignore_patterns("*.jsonlines.gz"), dirs_exist_ok=True
            )
        shutil.rmtree(cache, ignore_errors=True)
        return ending, lines

    def densities(self, configurations: list[Configuration]) -> None:
        """Ask each library whether its density is the plain program's, on all data, before anything is timed."""
        asked = {}
        for one in configurations:
            who = "canary" if one.canary else WAYS[one.way].library
            if f"density/{who}/{one.data}" not in self.records:
                asked.setdefault(who, (one, set()))[1].add(one.data)
        for who, (one, names) in asked.items():
            paths = [str(self.problem(name)[1]) for name in sorted(names)]
            spec = {"way": one.way, "problems": paths, "changes": one.changes(), "notebooks": str(self.notebooks)}
            spec |= {"log": f"density/{who}", "warm": True}
            ending, lines = self.child("density", spec, {}, seconds=DENSITY_SECONDS)
            for line in lines:
                self.keep({"key": f"density/{who}/{line['data']}", "facts": line})
                say(f"density  {who:8} {line['data']:22} off by {line['density_off']:.1e} {line['density_fault'][:60]}")
            if ending.status != "done":
                say(f"density  {who}: {ending.status}: {ending.reason}")

    def density(self, way: str, data: str) -> dict:
        """Return what is known of a way's density on a data set."""
        who = "canary" if way == "canary" else WAYS[way.removesuffix("@gpu")].library
        facts = self.records.get(f"density/{who}/{data}", {}).get("facts", {})
        return {name: value for name, value in facts.items() if name != "data"}

    def measured(self) -> list[dict]:
        """Return the records of what was measured, each with what is known of its density."""
        return [
            record | {"facts": record["facts"] | self.density(record["way"], record["data"])}
            for record in self.records.values()
            if "way" in record
        ]

    def stopped(self, record: dict) -> bool:
        """Tell whether a run was stopped at limits no lower than those of now."""
        limits = {"timeout": "seconds", "memory": "memory_gb"}
        which = limits.get(record.get("status"))
        return bool(which) and record["limits"][which] >= getattr(self.settings, which)

    def hopeless(self, one: Configuration) -> dict | None:
        """Return the record of less of the same that passed a limit, or of the same in an earlier repeat."""
        problem = problems.describe(one.data)
        for record in self.records.values():
            if record.get("way") != one.name or not self.stopped(record):
                continue
            less = problems.describe(record["data"])
            same = less["model"] == problem["model"]
            if same and less["rows"] <= problem["rows"] and record["chains"] <= one.chains:
                return record
        return None

    def projected(self, one: Configuration) -> tuple[str, float] | None:
        """Return the largest data set done with fewer rows, and the seconds that sampling would take at that growth."""
        problem = problems.describe(one.data)
        done = []
        for record in self.records.values():
            if record.get("way") != one.name or record["status"] != "done" or record["chains"] != one.chains:
                continue
            less = problems.describe(record["data"])
            if less["model"] == problem["model"] and less["rows"] < problem["rows"]:
                done.append((less["rows"], record["facts"]["sampling_s"], record["data"]))
        if not done:
            return None
        (few, quick, _), (many, slow, data) = min(done), max(done)
        if many < 10 * few:  # the line through two points so near to each other may go anywhere
            return None
        return data, slow + (slow - quick) / (many - few) * (problem["rows"] - many)

    def not_worth_trying(self, one: Configuration) -> str:
        """Return why a configuration would pass its limit of time, from what is known of less data; "" if it may do."""
        if stopped := self.hopeless(one):
            return f"on {stopped['data']}, {stopped['chains']} chains, it {stopped['reason']}"
        data, seconds = self.projected(one) or ("", 0)
        if seconds <= self.settings.seconds:
            return ""
        return (
            f"going by {data}, sampling would take some {seconds:.0f} s, and the limit is {self.settings.seconds:g} s"
        )

    def repeats(self, one: Configuration) -> bool:
        """Tell whether a configuration is measured more than once."""
        sings_once = one.canary and self.settings.kind == "quick"
        return not sings_once and (self.records[one.key(0)].get("wall_s") or 0) <= plan.PATIENCE

    def missing(self, configurations: list[Configuration]) -> list[str]:
        """Return the keys of what is planned and not measured; what was not worth trying is not missing."""
        keys = []
        for one in configurations:
            if one.key(0) not in self.records:
                keys.append(one.key(0))
            elif self.repeats(one) and not self.not_worth_trying(one):
                keys += [key for key in map(one.key, range(self.settings.repeats)) if key not in self.records]
        return keys

    def compiles(self, one: Configuration) -> bool:
        """Tell whether Stan's compiler is timed: on a model's own data."""
        return self.problem(one.data)[0].main and one.chains == self.settings.chains

    def measure(self, one: Configuration, repeat: int, retry: bool = False) -> None:
        """Run one configuration once, unless that was done; ``retry`` runs what has failed again."""
        key = one.key(repeat)
        known = self.records.get(key, {}).get("status")
        over = ["done", *([] if retry else ["failed", "killed"])]
        if known in over or (known and self.stopped(self.records[key])):
            return
        limits = {name: getattr(self.settings, name) for name in ("seconds", "memory_gb")}
        base = {"key": key, "way": one.name, "data": one.data, "chains": one.chains, "repeat": repeat}
        base |= {"limits": limits}
        if reason := self.not_worth_trying(one):
            if repeat == 0:
                told = {"status": "skipped", "reason": f"not tried: {reason}", "memory_mb": None, "facts": {}}
                self.keep(base | told)
                say(f"skipped  {key:44} {reason}")
            return
        way, path = WAYS[one.way], self.problem(one.data)[1]
        draws_file = self.folder / "draws" / f"{key.replace('/', '_')}.npz"
        spec = {
            "way": one.way,
            "problem": str(path),
            "chains": one.chains,
            "warmup": self.settings.warmup,
            "draws": self.settings.draws,
            "target": self.settings.target,
            "changes": one.changes(),
            "notebooks": str(self.notebooks),
            "seed": 1000 * repeat + 1,
            "draws_file": str(draws_file),
            "log": key,
            "warm": way.library == "Stan" and not self.compiles(one),
        }
        extra = {name: value.format(chains=one.chains) for name, value in way.environment.items()}
        ending, lines = self.child("child", spec, extra, one.device)
        facts = {name: value for line in lines for name, value in line.items()}
        if spec["warm"]:
            facts.pop("compile_s", None)  # it was compiled before
        record = base | asdict(ending) | {"facts": facts}
        if draws_file.exists():
            record["draws_file"] = str(draws_file)
        if ending.status != "done":
            record["reason"] += f" (stage: {facts.get('stage', 'none')})"
        self.keep(record)
        rate = report.rates(facts).get("ess_bulk_per_s")
        told = f"{rate:9.1f} ESS/s" if rate else record["reason"][:90]
        say(f"{ending.status:8} {key:44} {ending.wall_s:6.1f} s {ending.memory_mb:5.0f} MB {told}")
        if facts.get("fault"):
            say(f"         {facts['fault'][:110]}")


def say(text: str) -> None:
    """Tell how it goes."""
    print(f"{datetime.now():%H:%M:%S} {text}", flush=True)  # noqa: T201


def results(runner: Runner, gpu: tuple) -> dict:
    """Put together what is stored."""
    plans = [one for configurations in plan.parts(runner.settings, gpu[0]).values() for one in configurations]
    planned = {(one.name, one.data, one.chains) for one in plans}
    # an earlier plan may have left others, with fewer repeats
    records = [one for one in runner.measured() if (one["way"], one["data"], one["chains"]) in planned]
    rows = report.summarise(records)
    spent = sum(record.get("wall_s") or 0 for record in records)
    return report.clean(
        {
            "schema": 1,
            "machine": machine.describe(*gpu),
            "versions": machine.versions(),
            "command": "make benchmark" + (" QUICK=1" if runner.settings.kind == "quick" else ""),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "seconds": spent,
            "settings": plan.describe(runner.settings),
            "missing": runner.missing(plans),
            "ways": report.describe_ways({row["way"] for row in rows}),
            "data": {name: problems.describe(name) for name in sorted({row["data"] for row in rows})},
            "results": rows,
        }
    )


def main() -> int:
    """Run what is asked for and store the results. Returns 1 if the model that is wrong on purpose passed."""
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few minutes: the chapters' ways on 20 readings")
    parser.add_argument("--part", action="append", help="only this part: models, chains, rows, matches (repeatable)")
    parser.add_argument("--only", default="", help="only configurations whose name has this in it, as stan/hogg")
    parser.add_argument("--repeats", type=int, help="how often each is measured (3; quick: 2)")
    parser.add_argument("--seconds", type=float, help="limit of one process (600; quick: 90)")
    parser.add_argument("--memory", type=float, help="limit of one process tree in GB (12; quick: 6)")
    parser.add_argument("--retry", action="store_true", help="run again what has failed or was killed")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has measured")
    parser.add_argument("--report", action="store_true", help="run nothing, put together what there is")
    parser.add_argument(
        "--promote", action="store_true", help="run nothing, store a whole run's results in the package"
    )
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="where the chapters are")
    told = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; the same command goes on from here"))
    settings = plan.QUICK if told.quick else Settings()
    given = {"repeats": told.repeats, "seconds": told.seconds, "memory_gb": told.memory}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    out = ROOT / "build" / "benchmark" / f"{settings.kind}.json"
    if told.promote:
        return promote(out, ROOT / STORED)
    gpu = machine.gpus()
    runner = Runner(settings, ROOT / "build" / "benchmark" / settings.kind, told.notebooks, keep=not told.fresh)
    parts = {
        name: [one for one in configurations if told.only in one.key(0)]
        for name, configurations in plan.parts(settings, gpu[0]).items()
        if not told.part or name in told.part
    }
    started = time.monotonic()
    if not told.report:
        runner.densities([one for configurations in parts.values() for one in configurations])
        for repeat in range(settings.repeats):
            for name, configurations in parts.items():
                say(f"-------- {name}: repeat {repeat + 1} of {settings.repeats}")
                for one in plan.order(configurations, repeat):
                    if not repeat or runner.repeats(one):
                        runner.measure(one, repeat, retry=told.retry)
    found = results(runner, gpu)
    if not found["results"]:
        say("Nothing was measured: no configuration is called so, or nothing has run yet.")
        return 1
    out.write_text(json.dumps(found, indent=1) + "\n")
    say(f"{len(found['results'])} configurations in {time.monotonic() - started:.0f} s: {out.resolve()}")
    if found["missing"]:
        say(f"This is a partial run: {few(found['missing'])}.")
    return tell(found)


def few(missing: list[str]) -> str:
    """Return how many runs are missing, with the names of a few."""
    return f"{len(missing)} planned run(s) missing, {', '.join(missing[:3])}{' and so on' if missing[3:] else ''}"


def unfit(found: dict) -> str:
    """Return why results are not fit for the package; "" if they are."""
    settings, full = found["settings"], plan.describe(Settings())
    if settings["kind"] != "full":
        return f"it is a {settings['kind']} run"
    if less := [name for name in ("repeats", "seconds_limit", "memory_limit_gb") if settings[name] < full[name]]:
        return f"its {less[0]} is {settings[less[0]]:g}, and a full run's is {full[less[0]]:g}"
    if missing := found["missing"]:
        return f"it is partial: {few(missing)}"
    if not_caught(found) or not any(row["way"] == "canary" for row in found["results"]):
        return "its deliberately wrong model was not found to be wrong"
    return ""


def promote(made: Path, stored: Path) -> int:
    """Copy results into the package, under their machine's name. Returns 1, saying why, if they are not fit for it."""
    if not made.exists():
        say(f"Nothing to promote: {made} is missing; make benchmark makes it.")
        return 1
    found = json.loads(made.read_text())
    if reason := unfit(found):
        say(f"Not promoted, for {reason}.")
        return 1
    del found["missing"]
    out = stored / f"{found['machine']['name']}.json"
    out.write_text(json.dumps(found, indent=1) + "\n")
    say(f"The package holds these results now: {out}")
    return 0


def not_caught(found: dict) -> list[dict]:
    """Return the rows in which the model that is wrong on purpose was not found to be wrong."""
    return [row for row in found["results"] if row["way"] == "canary" and row["status"] != "wrong"]


def tell(found: dict) -> int:
    """Print the results as tables; report if the model that is wrong on purpose passed."""
    from sidebyside.benchmark_results import Benchmark

    benchmark = Benchmark.of(found)
    for data in benchmark.data.index:
        say(f"\n{benchmark.data.loc[data, 'title']}\n{benchmark.table(data).to_string()}\n")
    passed = not_caught(found)
    if passed:
        say("The model that is wrong on purpose was not found out: believe none of these figures.")
    return int(bool(passed))


if __name__ == "__main__":
    sys.exit(main())
