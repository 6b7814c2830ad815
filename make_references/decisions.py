"""Chapter 10's expected losses by quadrature: the radon posterior on a grid, the rest in closed form.

Given the standard deviations, a county's level is normal, and so are the logarithms of tests and of the air. Expected
harm is then the expectation of a truncated lognormal distribution. The standard deviations (by the grid of
:mod:`sidebyside.radon_grid`), the share of noise and the ratio of upstairs to basement are integrated by quadrature.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from scipy import optimize, special, stats

from sidebyside import radon_grid
from sidebyside.datasets import load_radon

FIX, KIT, AFTER = 2000, 30, 2  # dollars, dollars, pCi/L
CHOSEN = ["Lake", "Dakota", "Stearns", "Mahnomen", "Lac qui Parle", "Lincoln"]
FLICKER = 1 - 0.87**2
LOG_TESTS = np.linspace(-5, 8, 521)
HOUSES, HOUSES_AFTER_TEST = 8, 4  # simulated for each draw
RATIO, OTHER_RATIO = 0.64, 0.55
VARIANTS = {
    "as described": {},
    "φ = 0.4": {"phi": 0.4},
    "φ = 0.8": {"phi": 0.8},
    "ρ = 0.48": {"rho": 0.48},
    "ρ = 0.86": {"rho": 0.86},
    "air varies": {"air_varies": True},
}
TWO_CHANGED = {"φ = 0.8, ρ = 0.48": {"phi": 0.8, "rho": 0.48}, "φ = 0.8, ρ = 0.86": {"phi": 0.8, "rho": 0.86}}


@cache
def names() -> list[str]:
    """Return the counties in alphabetical order."""
    return sorted(set(load_radon()["county"]))


@cache
def _levels(points: int) -> tuple[np.ndarray, ...]:
    """Return weight and sigma_y of each grid point, shape (G,), and mean and variance of each level, (G, counties)."""
    node, share = leggauss(points)
    box = radon_grid.BOXES["radon_intercepts"].values()
    axes = [low + (node + 1) / 2 * (high - low) for low, high in box]
    sigma_alpha, sigma_y = (part.ravel() for part in np.meshgrid(*axes, indexing="ij"))
    log_weight = np.log(np.outer(share, share)).ravel()
    log_weight += stats.halfnorm.logpdf(sigma_alpha) + stats.halfnorm.logpdf(sigma_y)
    zero = np.zeros_like(sigma_y)
    log_likelihood, (_, (mean, variance), _) = radon_grid.conditional(
        radon_grid.data(), sigma_alpha, zero, zero, sigma_y
    )
    log_weight += log_likelihood
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > 1e-4
    return weight[kept] / weight[kept].sum(), sigma_y[kept], mean[kept], variance[kept]


@dataclass
class House:
    """A new house of a county: the mixture over the unknowns, arrays of shape (components, 1).

    ``weight``; mean and variance of the log test; mean and variance of the log air; their covariance; and the variance
    within the county, of which the test does not share ``noise`` with the air.
    """

    weight: np.ndarray
    test: np.ndarray
    test_variance: np.ndarray
    air: np.ndarray
    air_variance: np.ndarray
    covariance: np.ndarray
    within: np.ndarray
    noise: np.ndarray


def house(
    county: int, points: int = 24, phi: float | None = None, rho: float | None = None, air_varies: bool = False
) -> House:
    """Return the mixture for a county, with ``phi`` or ``rho`` fixed if given."""
    weight, sigma, level, level_variance = _levels(points)
    nodes = max(points // 4, 4)
    phis, phi_weights = special.roots_sh_jacobi(nodes, 19, 12) if phi is None else (np.array([phi]), np.ones(1))
    normals, rho_weights = hermegauss(nodes)
    rhos = np.log(RATIO) + 0.15 * normals
    if rho is not None:
        rhos, rho_weights = np.array([np.log(rho)]), np.ones(1)
    if air_varies:
        rhos = rhos + np.log(OTHER_RATIO / RATIO)
    w, f, r = np.meshgrid(np.arange(len(weight)), phis, rhos, indexing="ij")
    w, f, r = w.reshape(-1, 1), f.reshape(-1, 1), r.reshape(-1, 1)
    together = np.outer(phi_weights / phi_weights.sum(), rho_weights / rho_weights.sum()).ravel()
    sigma, level, variance = sigma[w], level[:, county][w], level_variance[:, county][w]
    test_variance = variance + sigma**2
    # the house's part of the covariance of test and air, and of the variance of the air
    shared = sigma**2 * (np.sqrt(1 - f) if air_varies else 1 - f)
    own = sigma**2 * (1 if air_varies else 1 - f)
    return House(
        weight=np.outer(weight, together).reshape(-1, 1),
        test=level,
        test_variance=test_variance,
        air=level + r,
        air_variance=variance + own,
        covariance=variance + shared,
        within=sigma**2,
        noise=sigma**2 * f,
    )


def excess(mean, variance, power: int = 1) -> np.ndarray:
    """Return the expectation of max(air - 2, 0), or of its square, of a lognormal air."""
    sd = np.sqrt(variance)
    d = (mean - np.log(AFTER)) / sd
    if power == 1:
        return np.exp(mean + variance / 2) * special.ndtr(d + sd) - AFTER * special.ndtr(d)
    return (
        np.exp(2 * mean + 2 * variance) * special.ndtr(d + 2 * sd)
        - 2 * AFTER * np.exp(mean + variance / 2) * special.ndtr(d + sd)
        + AFTER**2 * special.ndtr(d)
    )


def given_tests(at: House, log_test: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weighted density of these log tests, and mean and variance of the log air given them."""
    density = at.weight * stats.norm.pdf(log_test, at.test, np.sqrt(at.test_variance))
    slope = at.covariance / at.test_variance
    return density, at.air + slope * (log_test - at.test), at.air_variance - slope * at.covariance


def losses(at: House, action_level: float) -> np.ndarray:
    """Return the expected losses of leaving, measuring and fixing, in dollars."""
    price = FIX / (action_level - AFTER)
    density, mean, variance = given_tests(at, LOG_TESTS)
    step = LOG_TESTS[1] - LOG_TESTS[0]
    saved = ((density * (price * excess(mean, variance) - FIX)).sum(axis=0) * step)[::-1].cumsum()
    leave = price * float(np.sum(at.weight * excess(at.air, at.air_variance)))
    return np.array([leave, leave + KIT - max(_top(saved), 0), FIX])


def _top(values: np.ndarray) -> float:
    """Return the maximum of a parabola through the largest value and its neighbours."""
    i = int(np.clip(np.argmax(values), 1, len(values) - 2))
    left, middle, right = values[i - 1 : i + 2]
    bend = left - 2 * middle + right
    return float(middle - (right - left) ** 2 / bend / 8) if bend < 0 else float(values.max())


def saved_after(at: House, log_test: float, action_level: float) -> float:
    """Return the expected dollars that fixing saves after a test."""
    density, mean, variance = given_tests(at, log_test)
    harm = FIX / (action_level - AFTER) * excess(mean, variance)
    return float((density * harm).sum() / density.sum()) - FIX


def threshold(county: int, action_level: float, points: int = 24) -> float:
    """Return the test (pCi/L) from which on fixing pays."""
    at = house(county, points)
    return float(np.exp(optimize.brentq(lambda log_test: saved_after(at, log_test, action_level), -2, 5)))


def after(at: House, test: float, flicker: float | None = None) -> House:
    """Return the mixture for a second test, given a first; ``flicker``: the share of the variance that is new."""
    density, mean, variance = given_tests(at, np.log(test))
    new = at.noise if flicker is None else np.minimum(flicker * at.within, at.noise)
    both = at.test_variance - new  # covariance of the two tests
    slope = both / at.test_variance
    return House(
        weight=density / density.sum(),
        test=at.test + slope * (np.log(test) - at.test),
        test_variance=at.test_variance - slope * both,
        air=mean,
        air_variance=variance,
        covariance=at.covariance * (1 - slope),
        within=at.within,
        noise=new,
    )


def second_kit(at: House, test: float, action_level: float = 4, flicker: float | None = None) -> float:
    """Return what a second test is worth, in dollars, the kit not yet paid."""
    leave, measure, fix = losses(after(at, test, flicker), action_level)
    return min(leave, fix) - (measure - KIT)


def actions(action_level: float, variant: str = "as described", points: int = 12) -> np.ndarray:
    """Return each county's best action: 0 leave it, 1 measure first, 2 fix now."""
    changed = (VARIANTS | TWO_CHANGED)[variant]
    return np.array([losses(house(county, points, **changed), action_level).argmin() for county in range(len(names()))])


def _spread(county: int, function, each: int, points: int = 24) -> float:
    """Return the standard deviation, per draw, of the mean of ``function`` over ``each`` houses of that draw.

    ``function`` returns mean and mean square, given mean and variance of the log air.
    """
    at = house(county, points)
    nodes, share = hermegauss(12)
    level_variance = at.test_variance - at.within
    mean, square = function(at.air + np.sqrt(level_variance) * nodes, at.air_variance - level_variance)
    weight = at.weight * share / share.sum()
    middle = np.sum(weight * mean)
    between = np.sum(weight * (mean - middle) ** 2)
    return float(np.sqrt(between + np.sum(weight * (square - mean**2)) / each))


def _values(points: int) -> dict[str, dict]:
    """Return the entries of chapter 10, the first part."""
    price = FIX / 2  # at an action level of 4

    def harm(mean, variance):
        return price * excess(mean, variance), price**2 * excess(mean, variance, 2)

    def over(mean, variance):
        share = special.ndtr((mean - np.log(4)) / np.sqrt(variance))
        return share, share

    counties = [names().index(name) for name in CHOSEN]
    houses = [house(county, points) for county in counties]
    table = np.array([losses(at, 4) for at in houses])
    spread = np.array([_spread(county, harm, HOUSES, points) for county in counties])
    share = [float(np.sum(at.weight * over(at.air, at.air_variance)[0])) for at in houses]
    return {
        "leave": {"value": table[:, 0], "spread": spread},
        "measure": {"value": table[:, 1], "spread": spread},  # its losses vary less
        "over": {"value": share, "spread": [_spread(county, over, HOUSES, points) for county in counties]},
    }


def _values_b(points: int) -> dict[str, dict]:
    """Return the entries of chapter 10b."""
    counties = [names().index(name) for name in CHOSEN]
    rows, spread = [], []
    for county in counties:
        at = house(county, points)
        rows.append([threshold(county, level, points) for level in (3, 4)])
        spread.append([])
        for level, limit in zip((3, 4), rows[-1], strict=True):
            density, mean, variance = given_tests(at, np.log(limit))
            weight, price = density / density.sum(), FIX / (level - AFTER)
            sd = np.sqrt(np.sum(weight * price**2 * excess(mean, variance, 2)) - FIX**2)
            slope = (saved_after(at, np.log(limit) + 0.01, level) - saved_after(at, np.log(limit) - 0.01, level)) / 0.02
            spread[-1].append(limit * sd / slope)
    at = house(names().index("Stearns"), points)
    density, mean, variance = given_tests(at, np.log(8))
    weight = density / density.sum()
    above = float(np.sum(weight * special.ndtr((mean - np.log(4)) / np.sqrt(variance))))
    sd = float(np.sqrt(np.sum(weight * 1000**2 * excess(mean, variance, 2))))
    return {
        "thresholds": {"value": rows, "spread": spread},
        "eight_pays": {"value": above, "spread": np.sqrt(above * (1 - above))},
        "eight_saves": {"value": saved_after(at, np.log(8), 4), "spread": sd},
        "second_kit": {"value": [second_kit(at, 8, 4, share) for share in (None, FLICKER)], "spread": [sd / 2, sd / 2]},
    }


def _with_errors(make) -> dict[str, dict]:
    coarse, fine = make(20), make(32)
    for name, entry in fine.items():
        entry["error"] = np.abs(np.subtract(entry["value"], coarse[name]["value"]))
    return fine


def values() -> dict[str, dict]:
    """Return the entries of chapter 10, decisions."""
    return _with_errors(_values)


def values_b() -> dict[str, dict]:
    """Return the entries of chapter 10b, advice."""
    return _with_errors(_values_b)
