"""From the records of finished processes to the results: who is right, medians, spreads."""

import math
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmark.child import MAX_RHAT, agree
from benchmark.ways import CANARY, WAYS
from sidebyside.references import Reference

# what is told of each repeat, and as median, low and high
MEASURED = ["import_s", "compile_s", "first_draw_s", "sampling_s", "ess_bulk", "ess_tail", "ess_bulk_per_s"]
MEASURED += ["ess_tail_per_s", "ess_bulk_per_total_s", "gradients", "gradients_per_s", "limit_per_s", "memory_mb"]
MEASURED += ["rhat", "divergences", "z", "z_passes", "others"]
MEDIAN_LOSS = math.sqrt(math.pi / 2)  # the standard error of a median beside that of a mean


def rates(facts: dict) -> dict:
    """Add what follows from a repeat's measurements."""
    found = dict(facts)
    if facts.get("compile_s") is None:  # compiled before, so the first draws came too soon
        found["first_draw_s"] = None

    def divided(name: str, numerator: str, denominator: str) -> None:
        above, below = found.get(numerator), found.get(denominator)
        found[name] = above / below if above is not None and below else None

    divided("ess_bulk_per_s", "ess_bulk", "sampling_s")
    divided("ess_tail_per_s", "ess_tail", "sampling_s")
    divided("ess_bulk_per_total_s", "ess_bulk", "first_draw_s")
    divided("gradients_per_s", "gradients", "sampling_s")
    return found


def moments(draws: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return mean, sd, kurtosis and their Monte Carlo errors of each parameter."""
    import arviz as az

    found = {}
    for name, values in draws.items():
        values = values.astype(float)
        flat = values.reshape(-1, *values.shape[2:])
        mean, sd = flat.mean(axis=0), flat.std(axis=0, ddof=1)
        kurtosis = np.mean((flat - mean) ** 4, axis=0) / sd**4
        tree = az.from_dict({"posterior": {name: values}})["posterior"][name]
        found[name] = {
            "mean": mean,
            "sd": sd,
            "kurtosis": kurtosis,
            "mean_error": sd / np.sqrt(az.ess(tree, method="mean").values),
            "sd_error": sd * np.sqrt(kurtosis - 1) / np.sqrt(4 * az.ess(tree, method="sd").values),
        }
    return found


def pooled(others: list[dict]) -> Reference:
    """Return a reference from other ways' moments: their medians, so that one that is wrong does not move it."""
    parameters = {}
    for name in others[0]:
        each = {kind: np.array([one[name][kind] for one in others]) for kind in others[0][name]}
        parameters[name] = {kind: np.median(each[kind], axis=0) for kind in ("mean", "sd", "kurtosis")}
        for kind in ("mean", "sd"):
            errors = np.median(each[f"{kind}_error"], axis=0)
            parameters[name][f"{kind}_error"] = MEDIAN_LOSS * errors / np.sqrt(len(others))
    return Reference("pooled", "medians of the other ways", parameters, [], np.array([]))


def have_met(record: dict) -> bool:
    """Tell whether the chains of a finished run agree with each other; a NaN does not."""
    return record["chains"] == 1 or (record["facts"]["rhat"] or math.nan) <= MAX_RHAT  # stored, a NaN is None


def compare_simulated(records: list[dict]) -> None:
    """Hold each run on simulated data against the other ways' runs; ``facts`` gains z, z_passes and fault.

    Runs whose chains have not met say nothing of the posterior; they are left out.
    """
    by_data = defaultdict(lambda: defaultdict(list))
    for record in records:
        usable = record["status"] == "done" and not record["facts"].get("density_fault")
        if usable and have_met(record) and "draws_file" in record:
            with np.load(record["draws_file"]) as stored:
                draws = {name: stored[name] for name in stored.files}
            by_data[record["data"]][record["way"]].append((record, draws))
    for ways in by_data.values():
        known = {
            way: moments({name: np.concatenate([draws[name] for _, draws in runs]) for name in runs[0][1]})
            for way, runs in ways.items()
        }
        for way, runs in ways.items():
            others = [known[other] for other in known if other != way]
            for record, draws in runs:
                if others:
                    z, passes, fault = agree({k: v.astype(float) for k, v in draws.items()}, pooled(others))
                    record["facts"] |= {"z": z, "z_passes": passes, "fault": fault}


def judge(record: dict) -> tuple[str, str]:
    """Return a finished run's status and the reason, if it is not right."""
    facts = record["facts"]
    faults = [facts[kind] for kind in ("density_fault", "fault") if facts.get(kind)]
    if record["status"] != "done":
        return record["status"], record["reason"]
    if faults:
        return "wrong", " ".join(faults)[:600]
    if not have_met(record):
        return "unconverged", f"the chains disagree (R-hat {facts['rhat'] or math.nan:.2f})"
    if "density_off" not in facts or "z" not in facts:
        return "unchecked", "there was nothing to hold it against: " + (
            "its density was not checked" if "density_off" not in facts else "no other way finished these data"
        )
    return "right", ""


def summarise(records: list[dict]) -> list[dict]:
    """Return a row per way, data set and number of chains: status, repeats, median, low and high of each measure."""
    compare_simulated(records)
    groups = defaultdict(list)
    for record in records:
        groups[record["way"], record["data"], record["chains"]].append(record)
    rows = []
    for (way, data, chains), runs in groups.items():
        verdicts = [judge(run) for run in runs]
        # one bad repeat is the configuration's: it is not right now and then
        status, reason = next((verdict for verdict in verdicts if verdict[0] != "right"), ("right", ""))
        repeats = [
            rates(run["facts"])
            | {"memory_mb": run["memory_mb"], "others": run.get("others"), "status": verdict}
            | {"limit_s": run["limits"]["seconds"]}
            for run, (verdict, _) in zip(runs, verdicts, strict=True)
        ]
        row = {"way": way, "data": data, "chains": chains, "status": status, "reason": reason, "repeats": repeats}
        for kind, function in (("median", statistics.median), ("low", min), ("high", max)):
            row[kind] = {}
            for name in MEASURED:
                values = [one[name] for one in repeats if isinstance(one.get(name), int | float)]
                values = [value for value in values if math.isfinite(value)]
                row[kind][name] = function(values) if values else None
        row["density_off"] = max((run["facts"].get("density_off", math.nan) for run in runs), default=None)
        rows.append(row)
    return rows


def describe_ways(names: set[str]) -> dict[str, dict]:
    """Return what the results say of each way."""
    found = {}
    for name in sorted(names, key=[*WAYS, "canary"].index if not any("@" in n for n in names) else None):
        way = WAYS[CANARY[0] if name == "canary" else name.removesuffix("@gpu")]
        label = way.label + (", GPU" if name.endswith("@gpu") else "")
        found[name] = {
            "library": way.library,
            "label": "wrong on purpose" if name == "canary" else label,
            "course": list(way.course) if name in WAYS else [],
            "device": "gpu" if name.endswith("@gpu") else "cpu",
            "at_once": way.at_once,
        }
    return found


def clean(value):
    """Return ``value`` as JSON can hold it: rounded to six digits, NaN as null."""
    if isinstance(value, dict):
        return {key: clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
