"""Are ranks flat? The test behind simulation-based calibration, and the stored runs.

In each of many simulated worlds the truth is ranked among posterior draws. If generator, model and sampler belong
together, every rank is as likely as every other. How far a count may stray from that is known exactly, so nothing here
is simulated: ArviZ 1.3 draws such ranks, but its simultaneous bands come from simulation and are on their way out, and
its p-values are approximations for values that are not discrete.

Pure: ranks in, table out. What does not pass raises, and names the library and the quantity. The stored runs are made
by ``make calibration``; each JSON file says how, when, and with which versions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import bdtr, bdtrc, gammaln

from sidebyside import packaged_json

Ranks = Mapping[str, Mapping[str, np.ndarray]]


class CalibrationError(AssertionError):
    """A library's ranks are not flat."""


class RanksError(ValueError):
    """Ranks that can't be judged: none, or outside 0 to the number of draws."""


@dataclass(frozen=True)
class Calibration:
    """A stored run.

    Attributes
    ----------
    name : as in ``load_calibration(name)``
    how : what was run, in words
    draws : number of posterior draws that each truth was ranked among
    ranks : per library and quantity the ranks, shape ``(worlds,)``, each from 0 to ``draws``
    seconds : per library the time that it took, on the machine that ``how`` names
    versions : per package its version
    """

    name: str
    how: str
    draws: int
    ranks: dict[str, dict[str, np.ndarray]]
    seconds: dict[str, float]
    versions: dict[str, str]


def load_calibration(name: str) -> Calibration:
    """Load the stored run called ``name``; an unknown name raises ``ValueError`` with the known ones."""
    run = json.loads(packaged_json.read("results/calibration", name, "stored calibration"))
    run["ranks"] = {
        library: {quantity: np.array(ranks) for quantity, ranks in quantities.items()}
        for library, quantities in run["ranks"].items()
    }
    return Calibration(**run)


@lru_cache(maxsize=8)
def _tails(worlds: int, draws: int) -> np.ndarray:
    """Return the smaller binomial tail of 0, 1, ... ranks below k = 1, ..., ``draws``: shape ``(worlds + 1, draws)``.

    The tail of a count is the probability of it or fewer, or of it or more, whichever is smaller.
    """
    count, below = np.arange(worlds + 1)[:, None], np.arange(1, draws + 1) / (draws + 1)
    return np.minimum(bdtr(count, worlds, below), np.where(count, bdtrc(count - 1, worlds, below), 1))


def _limits(worlds: int, draws: int, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest count of ranks below 1, 2, ..., ``draws`` whose tail exceeds ``tail``."""
    inside = _tails(worlds, draws) > tail * (1 + 1e-9)  # two tails that are equal may differ in their last digits
    low = np.where(inside.any(axis=0), inside.argmax(axis=0), worlds + 1)
    high = np.where(inside.any(axis=0), worlds - inside[::-1].argmax(axis=0), -1)
    return low, high


@lru_cache(maxsize=512)
def _coverage(worlds: int, draws: int, tail: float) -> float:
    """Return the probability that flat ranks stay within :func:`_limits` at all points, exactly.

    From point to point the counts are a Markov chain: of the ranks that are not below k, each is k with probability
    1 / (number of ranks left), independently (the recursion of Säilynoja, Bürkner and Vehtari 2022).
    """
    low, high = _limits(worlds, draws, tail)
    log_factorial = gammaln(np.arange(worlds + 1) + 1.0)
    counts, chance = np.array([0]), np.array([1.0])
    for k in range(draws):
        reached = np.arange(low[k], high[k] + 1)
        if not reached.size:
            return 0.0
        left, more = worlds - counts, reached[:, None] - counts
        possible = more >= 0
        more = np.where(possible, more, 0)
        log_step = log_factorial[left] - log_factorial[more] - log_factorial[left - more]
        log_step = log_step + more * np.log(1 / (draws + 1 - k)) + (left - more) * np.log1p(-1 / (draws + 1 - k))
        counts, chance = reached, np.where(possible, np.exp(log_step), 0) @ chance
    return float(chance.sum())


@lru_cache(maxsize=64)
def _tail(worlds: int, draws: int, level: float) -> float:
    """Return the largest tail at which flat ranks stay inside everywhere with a probability of at least ``level``."""
    low, high = np.log(1e-12), np.log(0.5)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _coverage(worlds, draws, float(np.exp(middle))) >= level else (low, middle)
    return float(np.exp(low))


def calibration_band(worlds: int, draws: int, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Band in which the cumulated share of flat ranks stays *everywhere*, with a probability of at least ``level``.

    Parameters
    ----------
    worlds : number of ranks
    draws : number of draws that each truth was ranked among, so that ranks go from 0 to ``draws``
    level : probability that flat ranks stay inside from end to end

    Returns
    -------
    Three arrays of shape ``(draws + 2,)``: the share of ranks expected below k for k = 0, 1, ..., ``draws`` + 1, the
    lower and the upper end of the band, as shares too.

    Source: Säilynoja, Bürkner and Vehtari (2022), Graphical test for discrete uniformity, Statistics and Computing 32:
    equal binomial tails at every point, chosen so that all of them together keep the level.
    """
    low, high = _limits(worlds, draws, _tail(worlds, draws, level))
    expected = np.arange(draws + 2) / (draws + 1)
    return expected, np.array([0, *low / worlds, 1]), np.array([0, *high / worlds, 1])


def cumulated(ranks: np.ndarray, draws: int) -> np.ndarray:
    """Share of ``ranks`` below k, for k = 0, 1, ..., ``draws`` + 1; shape ``(draws + 2,)``."""
    counts = np.bincount(_checked(ranks, draws), minlength=draws + 1)
    return np.concatenate([[0], np.cumsum(counts)]) / len(ranks)


def _checked(ranks: np.ndarray, draws: int) -> np.ndarray:
    ranks = np.asarray(ranks)
    if ranks.ndim != 1 or not ranks.size:
        raise RanksError(f"Ranks must be one row of whole numbers, one a world; these have shape {ranks.shape}.")
    if not np.all((ranks >= 0) & (ranks <= draws) & (ranks == np.floor(ranks))):
        raise RanksError(f"A rank among {draws} draws is a whole number from 0 to {draws}; some of these are not.")
    return ranks.astype(int)


def flatness(ranks: np.ndarray, draws: int) -> float:
    """Probability that flat ranks stray at least as far as these do, somewhere (a p-value, exact).

    How far: at each k, count the ranks below k and take the smaller of the two binomial tails of that count; the
    smallest of all these is compared with its own distribution.

    Parameters
    ----------
    ranks : whole numbers from 0 to ``draws``, shape ``(worlds,)``
    draws : number of draws that each truth was ranked among
    """
    worlds = len(ranks)
    counts = np.rint(cumulated(ranks, draws)[1:-1] * worlds).astype(int)
    tail = float(_tails(worlds, draws)[counts, np.arange(draws)].min())
    if tail <= 1e-12:  # 1 - coverage would be nothing but rounding; the sum over all points bounds it from above
        return float(min(1.0, 2 * draws * tail))
    return float(np.clip(1 - _coverage(worlds, draws, tail), 0, 1))


def _shape(ranks: np.ndarray, draws: int) -> str:
    """Say in words where the ranks are too many."""
    place = (np.asarray(ranks) + 0.5) / (draws + 1)
    shift = (place.mean() - 0.5) * np.sqrt(12)
    spread = (np.mean((place - 0.5) ** 2) - 1 / 12) * np.sqrt(180)
    if abs(shift) >= abs(spread):
        return "the truth stands too high among its draws" if shift > 0 else "the truth stands too low among its draws"
    return "the truth is too often outside its draws" if spread > 0 else "the truth is too often amid its draws"


def check_calibration(ranks: Ranks, draws: int, family_error: float = 1e-3) -> pd.DataFrame:
    """Say how probable each library's ranks are if generator, model and sampler belong together.

    With as many comparisons as there are (libraries x quantities) the threshold is Bonferroni's: if all is right, the
    check fails with a probability of at most ``family_error``.

    Parameters
    ----------
    ranks : per library and quantity the ranks of the truths, shape ``(worlds,)``
    draws : number of draws that each truth was ranked among
    family_error : probability that the whole table fails although everything is right

    Returns
    -------
    DataFrame, a row a library, a column a quantity: the p-value of :func:`flatness`. ``attrs["threshold"]`` holds the
    smallest that passes.

    Raises
    ------
    CalibrationError, naming each library and quantity that does not pass, and in which way it strays. RanksError for
    ranks that can't be judged.
    """
    if not ranks or not all(ranks.values()):
        raise RanksError("There are no ranks to check: fill ranks['PyMC'] (and so on) first.")
    threshold = family_error / sum(len(quantities) for quantities in ranks.values())
    rows, faults = {}, []
    for library, quantities in ranks.items():
        rows[library] = {quantity: flatness(values, draws) for quantity, values in quantities.items()}
        for quantity, chance in rows[library].items():
            if not chance >= threshold:  # a NaN must not pass
                faults.append(
                    f"{library}: the ranks of {quantity} are not flat (p = {chance:.1g}, passes from {threshold:.1g}): "
                    f"{_shape(quantities[quantity], draws)}."
                )
    if faults:
        raise CalibrationError(
            " ".join(faults) + " Does the program say what its worlds were made by? Has the sampler done its work?"
        )
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("library")
    table.attrs["threshold"] = threshold
    return table
