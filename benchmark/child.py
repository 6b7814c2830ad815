"""One configuration in a process of its own: ``python -m benchmark.child '{...}'``.

It writes a line of JSON per stage into the file that it is told, so that whoever waits knows how far it came. What is
timed runs before anything else is imported that a library would import too.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmark import cells
from benchmark.ways import COUNT_SECONDS, WAYS, Draws, Task, Way

LONG = 90.0  # a first sampling call that took longer is not repeated
FAMILY_ERROR = 1e-5  # of one agreement check: there are hundreds in a run
MAX_RHAT = 1.05  # above it chains have not met, and effective sample sizes mean nothing


def clock(action, *arguments):
    """Run ``action`` and return its result and its seconds."""
    start = time.perf_counter()
    result = action(*arguments)
    return result, time.perf_counter() - start


def tree_of(draws: dict[str, np.ndarray], chains: int = 0):
    """Put draws into a DataTree; ``chains`` cuts them into so many chains, since checks ask for four."""
    import arviz as az

    if chains:
        draws = {
            name: values[:, : values.shape[1] * values.shape[0] // chains * chains // values.shape[0]].reshape(
                chains, -1, *values.shape[2:]
            )
            for name, values in draws.items()
        }
    return az.from_dict({"posterior": draws})


def diagnose(draws: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the smallest effective sample sizes and the largest R-hat over all that was sampled."""
    import arviz as az

    posterior = tree_of(draws)["posterior"].to_dataset()

    def extreme(values, function):
        return float(function([function(part.values) for part in values.data_vars.values()]))

    found = {f"ess_{kind}": extreme(az.ess(posterior, method=kind), np.min) for kind in ("bulk", "tail")}
    return found | {"rhat": extreme(az.rhat(posterior), np.max) if posterior.sizes["chain"] > 1 else float("nan")}


def agree(draws: dict[str, np.ndarray], reference) -> tuple[float, float, str]:
    """Hold draws against a reference. Returns the largest |z|, the largest that passes, and what is wrong (or "")."""
    from sidebyside.agreement import DisagreementError, check_agreement
    from sidebyside.draws import DrawsError

    chains = next(iter(draws.values())).shape[0]
    tree = tree_of(draws, 0 if chains >= 4 else 4)
    fault = ""
    try:
        table = check_agreement({"draws": tree}, reference, family_error=FAMILY_ERROR)
    except DrawsError as error:
        return float("nan"), float("nan"), str(error).replace("draws: ", "")[:400]
    except DisagreementError as error:
        table, fault = error.table, str(error).replace("draws: ", "")[:400]
    return float(table[["z of mean", "z of sd"]].abs().to_numpy().max()), table.attrs["threshold"], fault


def measure(way: Way, seed: int, tell) -> Draws:
    """Run the stages in their order, tell what they took, and return the last run's draws."""
    _, imported = clock(way.load)
    tell(import_s=imported)
    _, compiled = clock(way.compile)
    tell(compile_s=compiled)
    first, call = clock(way.sample, seed)
    tell(first_call_s=call, first_draw_s=imported + compiled + call)
    draws = way.read(first)
    seconds, compiled_anew = draws.seconds or call, call - (draws.seconds or call)
    if call <= LONG:
        del first
        seed += way.next_seed
        second, seconds = clock(way.sample, seed)
        tell(second_call_s=seconds)
        draws = way.read(second)
        seconds = draws.seconds or seconds
    if draws.seconds is not None:  # pm.sample compiled within the call
        compiled += compiled_anew
    if draws.gradients is None and seconds <= COUNT_SECONDS:
        draws.gradients = way.count(seed)
    limit = way.bare()
    limit = limit and limit * way.at_a_time()
    repeated = call <= LONG
    tell(compile_s=compiled, sampling_s=seconds, repeated=repeated, gradients=draws.gradients, limit_per_s=limit)
    return draws


def main() -> None:
    """Run the configuration given as JSON in the first argument."""
    spec = json.loads(sys.argv[1])
    about, data = cells.read(spec["problem"])
    task = Task(
        about=about,
        data=data,
        chains=spec["chains"],
        warmup=spec["warmup"],
        draws=spec["draws"],
        target=spec["target"],
        changes=[tuple(pair) for pair in spec["changes"]],
        notebooks=Path(spec["notebooks"]),
    )
    way = WAYS[spec["way"]](task)

    with Path(spec["out"]).open("a") as out:

        def tell(**facts) -> None:
            out.write(json.dumps(facts) + "\n")
            out.flush()

        tell(stage="started")
        draws = measure(way, spec["seed"], tell)
        tell(stage="sampled", **diagnose(draws.posterior), divergences=draws.divergences)
        shown = draws.posterior | cells.derived(about["model"], data, draws.posterior)
        if about["source"] == "course":
            from sidebyside.references import load_reference

            z, passes, fault = agree(shown, load_reference(about["reference"]))
            tell(z=z, z_passes=passes, fault=fault)
        else:
            np.savez(spec["draws_file"], **{name: part.astype("f4") for name, part in cells.thin(shown).items()})
        tell(stage="done")


if __name__ == "__main__":
    main()
