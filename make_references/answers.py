"""The exercises' answers that take a grid, an integral or a simulation: ``make references`` stores them.

``sidebyside/exercises/answers.json`` holds them under the names of :data:`ANSWERS`. What is a line of arithmetic stands
in ``exercises/chapter_NN.py`` itself. A test computes every one of these anew.
"""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy import integrate, optimize, stats
from scipy.interpolate import CubicSpline
from scipy.special import expit, logsumexp

from make_references import bayesian_network as network
from make_references import measurement_noise, several_predictors
from make_references.page_values import Posterior
from make_references.quadrature import grid_moments
from make_references.robust_regression import MODELS, SIGMA, X, Y
from make_references.two_proportions import DEATHS, IMPROVED, PATIENTS, PRIOR, exceeds, posterior
from make_references.why_bayes import heavy
from sidebyside import radon_grid
from sidebyside.datasets import load_radon
from sidebyside.exercises import chapter_01, chapter_10, chapter_14
from sidebyside.references import load_reference

STORE = Path(__file__).parents[1] / "src" / "sidebyside" / "exercises" / "answers.json"

# ---- chapter 3 ---------------------------------------------------------------------------------

POSITIVE, TESTED = 25, 37  # chapter 2's data; its prior is Beta(2, 2)
FIVE_BIRDS = np.array([4.5, 5.7, 4.45, 5.7, 5.4])  # kg, the first five Gentoo penguins
DAMAGED_AT = np.array([53, 57, 58, 63, 70, 70, 75])  # °F, the flights with damage (Dalal et al. 1989)


def acceptance(step: float, cells: int = 1000) -> float:
    """Return the long-run acceptance of random-walk Metropolis on chapter 2's posterior, over pairs of places."""
    theta = (np.arange(cells) + 0.5) / cells
    height = stats.beta(2 + POSITIVE, 2 + TESTED - POSITIVE).pdf(theta)
    jump = stats.norm.pdf(theta[None, :], theta[:, None], step)
    return float(np.sum(jump * np.minimum(height[None, :], height[:, None])) / cells**2)


def colder_is_worse() -> float:
    """Return P(beta < 0) from the flights with damage alone, on a grid."""
    alpha, beta = np.meshgrid(np.linspace(-12, 20, 641), np.linspace(-9.99, 9.99, 1000))
    log_posterior = -((alpha / 4) ** 2) / 2 - (beta / 2) ** 2 / 2
    for value in (DAMAGED_AT - 50) / 10:
        log_posterior -= np.logaddexp(0, -(alpha + beta * value))
    weight = np.exp(log_posterior - log_posterior.max())
    return float(weight[beta < 0].sum() / weight.sum())


def scatter_of_five_birds(jacobian: bool = True) -> float:
    """Return the posterior mean of sigma (kg) from five Gentoo penguins; mu is integrated out in closed form.

    Without the Jacobian, it is that of a sampler that moves in log sigma and forgets the change of variable.
    """
    mass = FIVE_BIRDS

    def height(sigma, power):
        variance = 1.5**2 + sigma**2 / len(mass)  # of the mean, mu integrated out
        log_likelihood = -(len(mass) - 1) * np.log(sigma) - np.sum((mass - mass.mean()) ** 2) / (2 * sigma**2)
        log_likelihood -= np.log(variance) / 2 + (mass.mean() - 4) ** 2 / (2 * variance)
        return np.exp(log_likelihood - 2 * sigma) * sigma**power

    shift = 0 if jacobian else -1
    moments = [integrate.quad(height, 1e-3, 20, args=(power + shift,), limit=200)[0] for power in (0, 1)]
    return moments[1] / moments[0]


# ---- chapter 4 ---------------------------------------------------------------------------------


def gain(counts: dict[str, int] = DEATHS, **prior) -> float:
    """Return the posterior mean of p_a - p_b."""
    return float(posterior("a", counts, **prior).mean() - posterior("b", counts, **prior).mean())


def raw_gain(counts: dict[str, int] = DEATHS) -> float:
    """Return the difference of the raw shares."""
    return counts["a"] / PATIENTS["a"] - counts["b"] / PATIENTS["b"]


def ecmo_is_better(prior: tuple[float, float] = PRIOR) -> float:
    """Return P(p_ecmo < p_conventional) after 4 deaths of 10 and 0 of 9, a sum of binomial tails (whole numbers)."""
    a, b = prior[0] + 4, prior[1] + 6
    c, d = prior[0], prior[1] + 9
    # p_ecmo < x where at least c of c + d - 1 uniform numbers are below x; x is averaged over its own beta
    size = c + d - 1
    return float(sum(stats.betabinom.pmf(below, size, a, b) for below in range(c, size + 1)))


def median_needed_to_treat() -> float:
    """Return the posterior median of 1 / (p_a - p_b), with the few negative values counted as very large."""
    return 1 / optimize.brentq(lambda gain: exceeds(gain) - 0.5, 0.05, 0.5)  # 1 / gain falls where the gain rises


# ---- chapter 5b --------------------------------------------------------------------------------


def odds_of_half_a_kilogram() -> float:
    """Return the posterior median of the factor of an Adelie's odds of being male for half a kilogram more."""
    birds = several_predictors.birds()
    masses = birds.loc[birds["species"] == "Adelie", "body_mass_g"] / 1000
    median, _ = Posterior(several_predictors.MODELS["penguins_sex"], 72).quantile("b_mass", 0.5)
    return float(np.exp(median * 0.5 / masses.std(ddof=0)))


# ---- chapter 6 ---------------------------------------------------------------------------------


def gaussian_slope(*left_out: int) -> tuple[float, float]:
    """Return mean and sd of the slope under Gaussian errors, without the points of these numbers (from 1)."""
    keep = ~np.isin(np.arange(1, len(X) + 1), left_out)
    design = np.column_stack([np.ones(keep.sum()), X[keep]])
    weighted = design / SIGMA[keep, None] ** 2
    prior = np.diag([1 / 2**2, 1 / 3**2])
    covariance = np.linalg.inv(prior + weighted.T @ design)
    return float((covariance @ (prior @ [4, 0] + weighted.T @ Y[keep]))[1]), float(np.sqrt(covariance[1, 1]))


@cache
def robust_grid(name: str, points: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return a grid over a model's box, and the posterior's weight at each of its points."""
    axes = [np.linspace(*ends, points) for ends in MODELS[name]["box"].values()]
    grid = np.meshgrid(*axes, indexing="ij")
    log_weight = np.stack([MODELS[name]["integrand"](*plane) for plane in zip(*grid, strict=True)])
    return tuple(grid), np.exp(log_weight - logsumexp(log_weight))


def steeper_than_two(name: str, points: int) -> float:
    """Return the posterior probability that the slope exceeds 2."""
    grid, weight = robust_grid(name, points)
    slope, mass = grid[1][0, :, *[0] * (weight.ndim - 2)], weight.sum(axis=(0, *range(2, weight.ndim)))
    fine = np.linspace(slope[0], slope[-1], 4000)
    density = np.exp(CubicSpline(slope, np.log(mass))(fine))
    return float(density[fine > 2].sum() / density.sum())


def point_1_is_bad(a: float, b: float) -> float:
    """Return the posterior probability that point 1 is bad if p has the prior Beta(a, b)."""
    (alpha, slope, u, v), weight = robust_grid("robust_mixture", 28)
    p, tau = expit(u), np.exp(v)
    weight = weight * stats.beta.pdf(p, a, b) / stats.beta.pdf(p, 1, 4)
    bad = p * stats.norm.pdf(Y[0], alpha + slope * X[0], np.hypot(SIGMA[0], tau))
    good = (1 - p) * stats.norm.pdf(Y[0], alpha + slope * X[0], SIGMA[0])
    return float(np.sum(weight * bad / (bad + good)) / weight.sum())


# ---- chapter 7 ---------------------------------------------------------------------------------


def filled_in(limit: float, filling: float) -> float:
    """Return exp of the mean log radon where readings below the limit get the value ``filling``."""
    seen, below = measurement_noise.radon_readings(limit)
    return float(np.exp(np.append(seen, np.full(below, np.log(filling))).mean()))


def typical_radon(name: str) -> float:
    """Return the posterior mean of exp(mu)."""
    model = measurement_noise.MODELS[name]
    forward = model["forward"] | {"mu": np.exp}
    return grid_moments(model["integrand"], model["box"], forward, 100)["mu"]["mean"]


def sigma_between(low: float = 1.95, high: float = 6.05, left: bool = True, right: bool = True) -> float:
    """Return the posterior mean of sigma where only readings from ``low`` to ``high`` are seen.

    A side without area (``left`` or ``right`` is false) is left out.
    """
    seen, below = measurement_noise.radon_readings(low)
    above = int(np.sum(seen > np.log(high))) if right else 0
    below *= left
    seen = seen[seen <= np.log(high)]

    def integrand(mu, log_sigma):
        sigma = np.exp(log_sigma)
        log_joint = stats.norm.logpdf(mu, 1, 1) + stats.halfnorm.logpdf(sigma) + log_sigma
        for log_reading in seen:
            log_joint = log_joint + stats.norm.logpdf(log_reading, mu, sigma)
        log_joint = log_joint + below * stats.norm.logcdf(np.log(low), mu, sigma)
        return log_joint + above * stats.norm.logsf(np.log(high), mu, sigma)

    box = {"mu": (-1.0, 3.0), "sigma": (np.log(0.15), np.log(4))}
    return grid_moments(integrand, box, {"sigma": np.exp}, 100)["sigma"]["mean"]


# ---- chapters 8 to 10: radon ---------------------------------------------------------------------


def without_uranium() -> float:
    """Return the posterior mean of sigma_alpha with u = 0 in all counties."""
    houses = radon_grid.data()
    blind = radon_grid.Houses(houses.y, houses.floor, houses.county, np.zeros_like(houses.u))
    return float(radon_grid.grid_moments("radon_intercepts", 32, blind)["sigma_alpha"]["mean"])


def variances(hierarchical: bool) -> list[float]:
    """Return the variance of the typical county's level, and means of sigma_alpha² and sigma_y², without uranium."""
    houses, _ = radon_grid.split()
    blind = radon_grid.Houses(houses.y, houses.floor, houses.county, np.zeros_like(houses.u))
    spreads = np.arange(0.01, 0.75, 0.02) if hierarchical else np.zeros(1)
    sigma_alpha, sigma_y = map(np.ravel, np.meshgrid(spreads, np.arange(0.65, 0.96, 0.01), indexing="ij"))
    zero = np.zeros_like(sigma_y)
    log_likelihood, pairs = radon_grid.conditional(blind, sigma_alpha, zero, zero, sigma_y)
    theta, theta_variance = pairs[0]
    log_weight = log_likelihood + stats.halfnorm.logpdf(sigma_alpha) + stats.halfnorm.logpdf(sigma_y)
    weight = np.exp(log_weight - logsumexp(log_weight))
    level = weight @ (theta_variance[:, 0] + theta[:, 0] ** 2) - (weight @ theta[:, 0]) ** 2
    return [float(level), float(weight @ sigma_alpha**2), float(weight @ sigma_y**2)]


def line_score(left_out: tuple[int, ...], scored: int = 3) -> float:
    """Return the log predictive density of one of chapter 6's points (its place) under normal errors.

    The line is fitted without the points in ``left_out``. Point and line are jointly normal, so the point's density
    given the others is the ratio of two joint densities.
    """
    design = np.column_stack([np.ones_like(X), X])
    covariance = design @ np.diag([2**2, 3**2]) @ design.T + np.diag(SIGMA**2)
    mean = design @ [4, 0]
    seen = [i for i in range(len(Y)) if i not in left_out]
    both = np.array([*seen, len(Y)])
    # the point is measured once more, independently of its first measurement
    again = np.append(Y, Y[scored])
    wider = np.pad(covariance, (0, 1))
    wider[-1, :-1] = wider[:-1, -1] = covariance[scored] - np.eye(len(Y))[scored] * SIGMA[scored] ** 2
    wider[-1, -1] = covariance[scored, scored]
    centre = np.append(mean, mean[scored])
    joint = stats.multivariate_normal.logpdf(again[both], centre[both], wider[np.ix_(both, both)])
    return float(joint - stats.multivariate_normal.logpdf(again[seen], centre[seen], wider[np.ix_(seen, seen)]))


@cache
def after_reading(reading: float = 4, county: str = "Stearns") -> tuple[float, float]:
    """Return expected improvement and median level of the air in a house with this reading (pCi/L)."""
    parameters = load_reference("radon_intercepts").parameters
    place = sorted(set(load_radon()["county"])).index(county)
    rng = np.random.default_rng(10)
    size = 400_000
    level = rng.normal(parameters["alpha"]["mean"][place], parameters["alpha"]["sd"][place], size)
    sigma = rng.normal(parameters["sigma_y"]["mean"], parameters["sigma_y"]["sd"], size)
    noise, upstairs = rng.beta(12, 8, size), np.exp(rng.normal(np.log(0.64), 0.15, size))
    weight = stats.norm.pdf(np.log(reading), level, sigma)
    centre = level + (1 - noise) * (np.log(reading) - level)
    air = upstairs * np.exp(rng.normal(centre, sigma * np.sqrt(noise * (1 - noise))))
    return float(np.average(np.maximum(air - chapter_10.AFTER, 0), weights=weight)), float(np.median(air))


# ---- chapter 12 --------------------------------------------------------------------------------

WIDE = 2000  # hidden units
MARCH, AUGUST = 16, 33  # places of March 1964 and August 1965 among the 36 months


@cache
def unit_variance() -> float:
    """Return the prior variance of one hidden unit at x = 0."""
    return integrate.quad(lambda b: np.tanh(b) ** 2 * stats.norm.pdf(b, 0, network.B_SD), -40, 40)[0]


def prior_sd(units: float = 1, offset: bool = True) -> float:
    """Return the prior sd of the network's value at x = 0, in units of 2 ppm; ``units`` more than one: not scaled."""
    return float(np.sqrt(offset * network.C_SD**2 + units * network.V_SD**2 * unit_variance()))


def wide_sd(month: int) -> float:
    """Return the sd of a wide network's value, hidden units drawn from the prior, in units of 2 ppm."""
    data = network.window()
    position = np.random.default_rng(1).normal(size=(1, 2, WIDE))
    _, covariance, _ = network.last_layer(network.features(position, data.x), data.y)
    there = network.features(position, data.grid[[month]])[0, 0]
    return float(np.sqrt(there @ covariance[0] @ there))


def seasons(waves: int = 2, month: int = AUGUST) -> float:
    """Return the mean of a line with waves of one year, half a year and so on, in ppm."""
    data = network.window()

    def columns(x: np.ndarray) -> np.ndarray:
        turns = [wave(2 * np.pi * often * x) for often in range(1, waves + 1) for wave in (np.sin, np.cos)]
        return np.column_stack([np.ones_like(x), x, *turns])

    design, noise = columns(data.x), network.SIGMA / network.UNIT
    precision = np.eye(design.shape[1]) / network.C_SD**2 + design.T @ design / noise**2
    mean = np.linalg.solve(precision, design.T @ data.y / noise**2)
    return float(network.CENTRE + network.UNIT * (columns(data.grid[[month]]) @ mean)[0])


# ---- chapter 14 --------------------------------------------------------------------------------


def at_ends(correlation: float = 0.9) -> float:
    """Return how often a truth is below or above all of a chain's draws; all of them standard normal."""
    rng = np.random.default_rng(14)
    value = rng.normal(size=100_000)
    low, high = value, value
    for _ in range(chapter_14.DRAWS - 1):
        value = correlation * value + np.sqrt(1 - correlation**2) * rng.normal(size=value.size)
        low, high = np.minimum(low, value), np.maximum(high, value)
    return float(np.mean(stats.norm.cdf(low) + stats.norm.sf(high)))  # the truth is integrated out


FLAT = (1, 1)
ANSWERS: dict[str, Callable[[], float | list[float]]] = {
    "01-tracker": partial(heavy, chapter_01.FLIPPER),
    "01-tracker, flipper of 215 mm": partial(heavy, 215),
    "01-tracker, mean of all such birds": partial(heavy, chapter_01.FLIPPER, scatter_too=False),
    "03-acceptance": partial(acceptance, 0.3),
    "03-acceptance, step of 0.18": partial(acceptance, 0.18),
    "03-omitted": colder_is_worse,
    "03-scatter": scatter_of_five_birds,
    "03-scatter, no Jacobian": partial(scatter_of_five_birds, jacobian=False),
    "04-tenpoints": partial(exceeds, 0.1),
    "04-tenpoints, any gain": partial(exceeds, 0),
    "04-treat": median_needed_to_treat,
    "04-ecmo": ecmo_is_better,
    "04-ecmo, flat prior": partial(ecmo_is_better, FLAT),
    "04, gain": gain,
    "04, gain under a flat prior": partial(gain, prior=FLAT),
    "04, gain of the raw shares": raw_gain,
    "04, probability of death in arm A": lambda: float(posterior("a").mean()),
    "04, gain in improved patients": partial(gain, IMPROVED),
    "04, gain in improved patients under a flat prior": partial(gain, IMPROVED, prior=FLAT),
    "04, gain in improved patients of the raw shares": partial(raw_gain, IMPROVED),
    "05-odds": odds_of_half_a_kilogram,
    "06-steeper, Gaussian": lambda: float(stats.norm.sf(2, *gaussian_slope())),
    "06-steeper, Student-t": partial(steeper_than_two, "robust_student_t", 50),
    "06-steeper, mixture": partial(steeper_than_two, "robust_mixture", 28),
    "06-finger": lambda: gaussian_slope(2, 3, 4)[0],
    "06-finger, all points": lambda: gaussian_slope()[0],
    "06-finger, without 1 to 3": lambda: gaussian_slope(1, 2, 3)[0],
    "06-finger, without 1 to 4": lambda: gaussian_slope(1, 2, 3, 4)[0],
    "06-prior": partial(point_1_is_bad, 1, 1),
    "06-prior, the old one": partial(point_1_is_bad, 1, 4),
    "06-prior, weights upside down": partial(point_1_is_bad, 1, 7),
    "07-blinder": partial(typical_radon, "censored_radon_4"),
    "07-blinder, half the limit filled in": partial(filled_in, 4.0, 2.0),
    "07-blinder, the limit filled in": partial(filled_in, 4.0, 4.0),
    "07-both-ends": sigma_between,
    "07-both-ends, neither end": partial(sigma_between, left=False, right=False),
    "07-both-ends, left end alone": partial(sigma_between, right=False),
    "08-no-uranium": without_uranium,
    "09-ten-houses, variances of the pooled model": partial(variances, False),
    "09-ten-houses, variances of the hierarchical model": partial(variances, True),
    "09-refit": partial(line_score, (3,)),
    "09-refit, nothing left out": partial(line_score, ()),
    "09-refit, point 5": partial(line_score, (4,), 4),
    "10-action-level, improvement": lambda: after_reading(county="Lac qui Parle")[0],
    "10-action-level, level of the air": lambda: after_reading(county="Lac qui Parle")[1],
    "12-prior": lambda: network.UNIT * prior_sd(),
    "12-prior, in the network's unit": prior_sd,
    "12-prior, no offset": lambda: network.UNIT * prior_sd(offset=False),
    "12-prior, v not scaled": lambda: network.UNIT * prior_sd(network.UNITS),
    "12-wide": lambda: network.UNIT * wide_sd(MARCH),
    "12-wide, in the network's unit": partial(wide_sd, MARCH),
    "12-wide, first month": lambda: network.UNIT * wide_sd(0),
    "12-wide, last month": lambda: network.UNIT * wide_sd(35),
    "12-seasons": seasons,
    "12-seasons, one wave": partial(seasons, 1),
    "12-seasons, September": partial(seasons, month=AUGUST + 1),
    "12-seasons, July": partial(seasons, month=AUGUST - 1),
    "14-sticky": at_ends,
}


def main() -> None:
    """Compute every answer and write them into the package."""
    answers = {name: compute() for name, compute in ANSWERS.items()}
    STORE.write_text(json.dumps(answers, indent=2) + "\n", "utf-8")
    print(f"{len(answers)} answers of exercises, in {STORE.name}")  # noqa: T201


if __name__ == "__main__":
    main()
