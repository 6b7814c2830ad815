"""The numbers that chapters' answers rest on, computed without the chapters and without any of the five libraries.

``python -m make_references.page_values`` writes ``page_values/NN.json``, which
:func:`sidebyside.values.check_values` reads. Posterior expectations are integrated on the grids of the references;
the error of each is its difference from the coarser grid.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import integrate, interpolate, optimize, signal, special, stats

from make_references import (
    both_errors,
    decisions,
    detection_limit,
    generalisation,
    measurement_noise,
    robust_regression,
    sampling,
    several_predictors,
    time_order,
    two_proportions,
    varying_effects,
    why_bayes,
)
from make_references.robust_regression import SIGMA, X, Y
from sidebyside.datasets import load_penguins, load_radon
from sidebyside.radon_grid import BOXES, Houses, conditional, data

STORE = Path(__file__).parents[1] / "src" / "sidebyside" / "page_values"
NEGLIGIBLE = 1e-16  # grid points with less than this share of the largest weight are left out
ROUNDING = 1e-9  # relative error of what has a closed form
COUNTS = 11  # of the number of wild readings: 0 to 10


class Posterior:
    """A posterior on a grid: expectations, and the distribution function of each parameter.

    Parameters
    ----------
    model : dict
        As in ``robust_regression.MODELS``: ``integrand``, ``box`` and ``forward``.
    points : int
        Grid points along each axis.
    another_prior : callable, optional
        Given the parameters by name, returns what to add to the log density.
    """

    def __init__(self, model: dict, points: int, another_prior: Callable | None = None):
        self.axes = {name: np.linspace(*ends, points) for name, ends in model["box"].items()}
        self._forward = model["forward"]
        log_weight = []
        for first in next(iter(self.axes.values())):  # one plane at a time keeps the memory small
            plane = np.meshgrid([first], *list(self.axes.values())[1:], indexing="ij")
            log_plane = model["integrand"](*plane)
            if another_prior:
                log_plane = log_plane + another_prior(**self._natural(plane))
            log_weight.append(log_plane[0])
        weight = np.exp(np.array(log_weight) - np.max(log_weight))
        self._marginal = {
            name: weight.sum(axis=tuple(other for other in range(weight.ndim) if other != place))
            for place, name in enumerate(self.axes)
        }
        kept = np.nonzero(weight > NEGLIGIBLE)
        self.values = self._natural([axis[place] for axis, place in zip(self.axes.values(), kept, strict=True)])
        self.weight = weight[kept] / weight[kept].sum()

    def _natural(self, on_grid: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the parameters on their own scale."""
        return {
            name: self._forward.get(name, lambda value: value)(values)
            for name, values in zip(self.axes, on_grid, strict=True)
        }

    def mean(self, value: np.ndarray) -> float:
        """Return the posterior mean of a function of the parameters, given its values on the grid."""
        return float(value @ self.weight)

    def moments(self, value: np.ndarray) -> tuple[float, float, float]:
        """Return mean, standard deviation and kurtosis."""
        mean = self.mean(value)
        sd = np.sqrt(self.mean((value - mean) ** 2))
        return mean, float(sd), self.mean((value - mean) ** 4) / sd**4

    def _density(self, name: str):
        """Return the density of a parameter on the integration scale, a spline."""
        spline = interpolate.CubicSpline(self.axes[name], self._marginal[name])
        return spline, spline.integrate(*self.axes[name][[0, -1]])

    def below(self, name: str, limit: float) -> float:
        """Return the probability that a parameter (on the integration scale) is below ``limit``."""
        spline, total = self._density(name)
        return float(spline.integrate(self.axes[name][0], limit) / total)

    def quantile(self, name: str, probability: float) -> tuple[float, float]:
        """Return a quantile (on the integration scale), and its standard error with a single draw."""
        spline, total = self._density(name)
        place = optimize.brentq(lambda limit: self.below(name, limit) - probability, *self.axes[name][[0, -1]])
        return place, float(np.sqrt(probability * (1 - probability)) * total / spline(place))


def _exactly(value) -> dict:
    """Return the entry of a deterministic value in closed form."""
    value = np.asarray(value, dtype=float)
    return {"value": value, "error": ROUNDING * np.maximum(np.abs(value), 1e-3)}


def _shares(value) -> dict:
    """Return the entry of a share of draws."""
    return {"value": np.asarray(value), "share": True}


def _means(posterior: Posterior, functions: list[np.ndarray]) -> dict:
    """Return the entry of an array of posterior means."""
    moments = np.array([posterior.moments(function) for function in functions])
    return {"value": moments[:, 0], "spread": moments[:, 1]}


def _line(prefix: str, posterior: Posterior) -> dict[str, dict]:
    """Return what each model's page says of its line: the slope, its spread, its interval and P(slope > 2)."""
    mean, sd, kurtosis = posterior.moments(posterior.values["beta"])
    entries = {
        "slope": {"value": mean, "spread": sd},
        "slope_sd": {"value": sd, "spread": sd * np.sqrt(kurtosis - 1) / 2},
        "steeper": _shares(1 - posterior.below("beta", 2)),
    }
    for name, probability in (("slope_low", 0.025), ("slope_high", 0.975)):
        entries[name] = dict(zip(("value", "spread"), posterior.quantile("beta", probability), strict=True))
    alpha = posterior.moments(posterior.values["alpha"])
    entries["intercept"] = {"value": alpha[0], "spread": alpha[1]}
    residuals = (Y - alpha[0] - mean * X) / SIGMA
    entries["observed_count"] = _exactly(np.sum(np.abs(residuals) > 3))
    return {f"{prefix}_{name}": entry for name, entry in entries.items()}


def _count_distribution(chances: list[np.ndarray], weight: np.ndarray) -> np.ndarray:
    """Return P(count = 0, 1, ...) of independent events, one an element of ``chances``, averaged with ``weight``."""
    count = np.zeros((len(chances) + 1, len(weight)))
    count[0] = 1
    for chance in chances:
        count[1:] = count[1:] * (1 - chance) + count[:-1] * chance
        count[0] *= 1 - chance
    return (count @ weight)[:COUNTS]


def _counts(prefix: str, posterior: Posterior, wild: Callable[[np.ndarray, float], np.ndarray]) -> dict[str, dict]:
    """Return the predictive distributions of the number of readings more than three error bars from a line.

    ``wild(offset, sigma)`` is the chance, draw by draw, that a reading is wild whose own line stands ``offset`` error
    bars above the line from which it is measured. The line is each draw's own, or that of the posterior mean.
    """
    alpha, beta = posterior.values["alpha"], posterior.values["beta"]
    above = alpha - posterior.mean(alpha), beta - posterior.mean(beta)
    own = [wild(0.0, sigma) for sigma in SIGMA]
    mean_line = [wild((above[0] + above[1] * x) / sigma, sigma) for x, sigma in zip(X, SIGMA, strict=True)]
    return {
        f"{prefix}_counts": _shares(_count_distribution(own, posterior.weight)),
        f"{prefix}_counts_mean_line": _shares(_count_distribution(mean_line, posterior.weight)),
    }


def _student_t(prefix: str, posterior: Posterior) -> dict[str, dict]:
    alpha, beta, nu = (posterior.values[name] for name in ("alpha", "beta", "nu"))

    def wild(offset, _):
        return stats.t.cdf(-3 - offset, nu) + stats.t.sf(3 - offset, nu)

    squares = [((y - alpha - beta * x) / sigma) ** 2 for x, y, sigma in zip(X, Y, SIGMA, strict=True)]
    mean, sd, _ = posterior.moments(nu)
    # a new data set's largest residual from the posterior mean line reaches the observed one
    middle = posterior.mean(alpha) + posterior.mean(beta) * X
    largest = np.max(np.abs(Y - middle) / SIGMA)
    smaller = np.ones_like(nu)
    for x, line, sigma in zip(X, middle, SIGMA, strict=True):
        offset = (alpha + beta * x - line) / sigma
        smaller *= stats.t.cdf(largest - offset, nu) - stats.t.cdf(-largest - offset, nu)
    return {
        **_line(prefix, posterior),
        f"{prefix}_nu": {"value": mean, "spread": sd},
        f"{prefix}_nu_below_2": _shares(posterior.below("nu", np.log(2))),
        f"{prefix}_largest_reached": _shares(1 - posterior.mean(smaller)),
        f"{prefix}_weights": _means(posterior, [(nu + 1) / (nu + square) for square in squares]),
        **_counts(prefix, posterior, wild),
    }


def _mixture(posterior: Posterior) -> dict[str, dict]:
    alpha, beta, p_out, tau = (posterior.values[name] for name in ("alpha", "beta", "p_out", "tau"))

    def wild(offset, sigma):
        wide = np.hypot(1, tau / sigma)
        good = stats.norm.cdf(-3 - offset) + stats.norm.sf(3 - offset)
        bad = stats.norm.cdf((-3 - offset) / wide) + stats.norm.sf((3 - offset) / wide)
        return (1 - p_out) * good + p_out * bad

    log_odds = []
    for x, y, sigma in zip(X, Y, SIGMA, strict=True):
        square, variance = (y - alpha - beta * x) ** 2, sigma**2 + tau**2
        log_odds.append(
            special.logit(p_out) + np.log(sigma**2 / variance) / 2 + square / 2 * (sigma**-2 - 1 / variance)
        )
    mean, sd, _ = posterior.moments(p_out)
    return {
        **_line("mixture", posterior),
        "mixture_p_out": {"value": mean, "spread": sd},
        "mixture_bad": _means(posterior, [special.expit(each) for each in log_odds]),
        **_counts("mixture", posterior, wild),
    }


def _fit(rows: np.ndarray, prior_precision: np.ndarray, prior_mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of (alpha, beta) under Gaussian errors, from the points numbered ``rows``."""
    precision = prior_precision + sum(np.outer([1, X[i]], [1, X[i]]) / SIGMA[i] ** 2 for i in rows)
    pull = prior_precision @ prior_mean + sum(np.array([1, X[i]]) * Y[i] / SIGMA[i] ** 2 for i in rows)
    return np.linalg.solve(precision, pull), np.linalg.inv(precision)


def _huber(threshold: float = 1.345) -> np.ndarray:
    """Return (alpha, beta) of Huber's regression with the scale of the residuals estimated along with the line.

    The loss is Huber's, as in scikit-learn: the sum of s + s * rho(r / s) over the points, whose residuals r are in
    error bars, with rho(z) = z^2 up to the threshold and 2 * threshold * abs(z) - threshold^2 beyond it.
    """
    design = np.column_stack([np.ones_like(X), X]) / SIGMA[:, None]

    def loss(unknowns):
        scale = np.exp(unknowns[2])
        return np.sum(scale + 2 * scale * special.huber(threshold, (Y / SIGMA - design @ unknowns[:2]) / scale))

    found = optimize.minimize(
        loss, [4, 1, 0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}
    )
    return found.x[:2]


def _gaussian() -> dict[str, dict]:
    """Return what has a closed form: least squares, with the priors and without, all points and without the first 4."""
    everyone, no_prior = np.arange(20), np.zeros((2, 2))
    mean, covariance = _fit(everyone, np.diag([2.0**-2, 3.0**-2]), np.array([4, 0]))
    slope = stats.norm(mean[1], np.sqrt(covariance[1, 1]))
    tail, _ = _fit(everyone[4:], no_prior, np.zeros(2))
    misfits = (Y - tail[0] - tail[1] * X) / SIGMA
    residuals = (Y - mean[0] - mean[1] * X) / SIGMA
    per_point = 2 * stats.norm.sf(3)

    # the draws' line lies off the mean line by a two-dimensional normal distribution: Gauss and Hermite's rule
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    offsets = np.linalg.cholesky(covariance) @ [axis.ravel() for axis in np.meshgrid(nodes, nodes)]
    weight = np.outer(weights, weights).ravel() / weights.sum() ** 2
    chances = [
        stats.norm.cdf(-3, offset) + stats.norm.sf(3, offset)
        for offset in ((offsets[0] + offsets[1] * x) / sigma for x, sigma in zip(X, SIGMA, strict=True))
    ]
    misfit = np.arange(-6.0, 7.0, 2.0)

    def t_cost(nu):
        return (nu + 1) / 2 * np.log1p(misfit**2 / nu)

    return {
        "gaussian_mean": _exactly(mean),
        "gaussian_covariance": _exactly(covariance),
        "gaussian_slope_interval": _exactly(slope.ppf([0.025, 0.975])),
        "gaussian_steeper": _shares(slope.sf(2)),
        "gaussian_observed_count": _exactly(np.sum(np.abs(residuals) > 3)),
        "gaussian_counts": _shares(stats.binom.pmf(np.arange(COUNTS), 20, per_point)),
        "gaussian_counts_mean_line": _shares(_count_distribution(chances, weight)),
        "least_squares": _exactly(_fit(everyone, no_prior, np.zeros(2))[0]),
        "tail_line": _exactly(tail),
        "tail_chi_squared": _exactly(np.sum(misfits[4:] ** 2)),
        "tail_misfits_of_first_four": _exactly(misfits[:4]),
        "huber": {"value": _huber(), "error": np.array([1e-4, 1e-4])},  # what scikit-learn's optimiser leaves
        "nu_prior_below": _exactly([1 - (1 + limit / 10) * np.exp(-limit / 10) for limit in (2, 5, 30, 60)]),
        "exponential_prior_below": _exactly([1 - np.exp(-limit / 29) for limit in (2, 5, 30, 60)]),
        # of the figure of tails, at misfits of -6, -4, ... 6 error bars: Gaussian, Student-t with 4 and with 1
        "tails_cost": _exactly([misfit**2 / 2, t_cost(4), t_cost(1), special.huber(1.345, misfit)]),
        "tails_density": _exactly(
            [
                np.exp(-(misfit**2) / 2) / np.sqrt(2 * np.pi),
                3 / 8 * np.exp(-t_cost(4)),
                1 / np.pi * np.exp(-t_cost(1)),
            ]
        ),
    }


def _from_grids(finer: bool) -> dict[str, dict]:
    """Return what chapter 6 takes from its posteriors, on the finer or on the coarser grids."""
    student_t, mixture = (robust_regression.MODELS[f"robust_{name}"] for name in ("student_t", "mixture"))

    def exponential(nu, **_):
        return stats.expon.logpdf(nu, scale=29) - stats.gamma.logpdf(nu, 2, scale=10)

    def wide_alpha(alpha, **_):
        return stats.norm.logpdf(alpha, 0, 10) - stats.norm.logpdf(alpha, 4, 2)

    def narrow_beta(beta, **_):
        return stats.norm.logpdf(beta, 0, 1) - stats.norm.logpdf(beta, 0, 3)

    return (
        _student_t("student_t", Posterior(student_t, student_t["grids"][finer]))
        | _student_t("exponential", Posterior(student_t, student_t["grids"][finer], exponential))
        | _student_t("wide_alpha", Posterior(student_t, student_t["grids"][finer], wide_alpha))
        | _student_t("narrow_beta", Posterior(student_t, student_t["grids"][finer], narrow_beta))
        | _mixture(Posterior(mixture, mixture["grids"][finer]))
    )


def _wilson(k: int, n: int) -> list[float]:
    """Return Wilson's 95% interval: the shares from which k of n lies less than 1.96 standard errors off."""

    def off(share):
        return abs(k / n - share) - stats.norm.ppf(0.975) * np.sqrt(share * (1 - share) / n)

    return [optimize.brentq(off, 1e-12, k / n, xtol=1e-14), optimize.brentq(off, k / n, 1 - 1e-12, xtol=1e-14)]


def _fisher(first: int, people: int, second: int, others: int) -> float:
    """Return the two-sided p-value of Fisher's exact test, by adding up hypergeometric probabilities."""
    tables = np.arange(first + second + 1)
    chances = stats.hypergeom.pmf(tables, people + others, first + second, people)
    return float(chances[chances <= chances[first] * (1 + 1e-7)].sum())


def _beta_mean(function: Callable, a: float, b: float, points: int = 20_001) -> float:
    """Return the mean of a function under Beta(a, b), by Simpson's rule on the scale of the log odds."""
    share = special.expit(np.linspace(-18, 18, points))
    weight = share**a * (1 - share) ** b  # one power more than the density: the log odds' Jacobian
    return float(integrate.simpson(function(share) * weight) / integrate.simpson(weight))


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Return a quantile of Beta(a, b), with whole a and b, from binomial tails."""

    def below(share):  # at least a of a + b - 1 fall below the share
        return stats.binom.sf(a - 1, a + b - 1, share) - probability

    return optimize.brentq(below, 1e-9, 1 - 1e-9, xtol=1e-14)


def _beta_rule(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Return places and weights that integrate over Beta(a, b): Gauss and Jacobi's, or Gauss and Legendre's rule.

    The weights of the former overflow if a and b are large.
    """
    if a + b < 1000:
        places, weights = special.roots_jacobi(30, b - 1, a - 1)
        return (1 + places) / 2, weights / weights.sum()
    low, high = stats.beta.ppf([1e-13, 1 - 1e-13], a, b)
    places, weights = special.roots_legendre(200)
    places = low + (high - low) * (1 + places) / 2
    weights = weights * stats.beta.pdf(places, a, b)
    return places, weights / weights.sum()


def _share(q_prior=(1, 40), sensitivity=(27, 14), alarms=(3, 459), points=2001) -> dict:
    """Return what 50 positives among 3,330 say of the share of people who had the disease.

    At each share both rates are integrated out by a Gauss rule, and the share by Simpson's rule.
    """
    shares = np.linspace(0, 0.2, points)
    (thetas, theta_weights), (phis, phi_weights) = (_beta_rule(a, b) for a, b in (sensitivity, alarms))
    weights = np.outer(theta_weights, phi_weights)
    height, false_mean, false_square, none = np.empty((4, len(shares)))
    for place, q in enumerate(shares):
        positive = q * thetas[:, None] + (1 - q) * phis
        product = weights * stats.binom.pmf(50, 3330, positive)
        false = (1 - q) * phis / positive
        height[place] = product.sum()
        false_mean[place], false_square[place] = (product * false).sum(), (product * false**2).sum()
        none[place] = (product * false**50).sum()
    prior = stats.beta.pdf(shares, *q_prior)
    evidence = integrate.simpson(height * prior, x=shares)
    mean, square, false_mean, false_square, none = (
        integrate.simpson(values * prior, x=shares) / evidence
        for values in (height * shares, height * shares**2, false_mean, false_square, none)
    )
    cumulated = integrate.cumulative_simpson(height * prior, x=shares, initial=0) / evidence
    ends = 100 * np.interp([0.025, 0.975], cumulated, shares)
    variance_of_count = 50 * (false_mean - false_square) + 50**2 * (false_square - false_mean**2)
    return {
        "row": [*ends, 1 - false_mean, none],
        "evidence": evidence,
        "share": {"value": mean, "spread": np.sqrt(square - mean**2), "error": 1e-6},
        "false_alarms": {"value": 50 * false_mean, "spread": np.sqrt(variance_of_count), "error": 1e-3},
    }


def chapter_02() -> dict[str, dict]:
    """Return the entries of chapter 2, Bayes' theorem."""
    sensitivity = [_beta_mean(lambda share: share, 27, 14), *(_beta_quantile(p, 27, 14) for p in (0.025, 0.975))]
    masses = np.array([5.6, 4.625, 4.65, 5.0, 4.4])  # kg, the five Gentoo penguins of the page
    mu = np.linspace(0, 10, 20_001)
    height = np.exp(-((mu - 4) ** 2) / 4.5 - 2 * ((masses[:, None] - mu) ** 2).sum(axis=0))
    height /= integrate.simpson(height, x=mu)
    mean = integrate.simpson(mu * height, x=mu)

    def fifty_or_more(a, b):
        return _beta_mean(lambda rate: stats.binom.sf(49, 3330, rate), a, b)

    priors = {"ours": {}, "flat q": {"q_prior": (1, 1)}, "small q": {"q_prior": (1, 100)}}
    priors |= {"smallest q": {"q_prior": (1, 1000), "points": 20_001}}
    priors |= {"flat phi": {"alarms": (3, 400)}, "flat theta": {"sensitivity": (26, 13)}}
    priors |= {
        "maker": {"sensitivity": (80, 9)},
        "both": {"sensitivity": (105, 21)},
        "3 alarms": {"alarms": (4, 458)},
        "later": {"alarms": (17, 3368)},
    }
    shares = {name: _share(**prior) for name, prior in priors.items()}
    nobody = _beta_mean(lambda rate: stats.binom.pmf(50, 3330, rate), 3, 459)
    rate, square = (_beta_mean(lambda share, power=power: share**power, 3, 459) for power in (1, 2))
    fixed = np.linspace(0, 0.06, 60_001)  # the share, with both rates at their estimates
    fixed_height = stats.beta.pdf(fixed, 1, 40) * stats.binom.pmf(50, 3330, fixed * 25 / 37 + (1 - fixed) * 2 / 401)
    below = integrate.cumulative_simpson(fixed_height, x=fixed, initial=0)
    entries = {
        "had_it": 0.01 * 0.7 / (0.01 * 0.7 + 0.99 * 0.005),
        "fisher": _fisher(50, 3330, 2, 401),
        "sensitivity": sensitivity,
        "sensitivity_above": stats.binom.cdf(26, 40, [0.5, 0.8]),  # at most 26 of 40 fall below the limit
        "stanford_larger": _beta_mean(lambda share: special.betainc(80, 9, share), 27, 14),
        "normal": [mean, np.sqrt(integrate.simpson((mu - mean) ** 2 * height, x=mu))],
        "in_a_row": [_beta_quantile(p, 27, 2) for p in (0.025, 0.975)],
        "prior_rates": [1 - (1 - p) ** (1 / 60) for p in (0.05, 0.5, 0.95)],
        "alarm_rate": [_beta_quantile(p, 3, 459) for p in (0.025, 0.975)],
        "fifty_or_more": [
            stats.binom.sf(49, 3330, 2 / 401),
            *(fifty_or_more(2 + a, 399 + b) for a, b in ((1, 60), (1, 1), (0.5, 0.5), (1, 30))),
        ],
        "wilson": [_wilson(k, n) for k, n in ((50, 3330), (2, 401), (25, 37), (78, 85))],
        "fixed_rates": 100 * np.interp([0.025, 0.975], below / below[-1], fixed),
        "nobody": [
            nobody / (nobody + shares[name]["evidence"]) for name in ("ours", "small q", "smallest q", "flat q")
        ],
    }
    stored = {name: {"value": np.asarray(value), "error": 1e-8 * np.abs(value)} for name, value in entries.items()}
    # what the chapter's own grid and this quadrature leave
    rows = [share["row"] for share in shares.values()]
    row_error = np.tile([1e-4, 1e-4, 1e-5, 1e-5], (len(rows), 1))
    # the chapter's steps of 0.01% are coarse beside Beta(1, 1000), and its lowest quantile is the first step's end
    row_error[list(shares).index("smallest q")] = [8e-3, 2e-3, 5e-5, 2e-3]
    stored["nobody"]["error"] = 1e-5
    stored["fixed_rates"]["error"] = np.array([1e-4, 1e-4])
    return stored | {
        "answers": {"value": np.array(rows), "error": row_error},
        "simulated_rate": {"value": rate, "spread": np.sqrt(square - rate**2), "error": 0.0},
        "simulated_fifty": _shares(entries["fifty_or_more"][1]) | {"error": 0.0},
        "false_alarms": shares["ours"]["false_alarms"],
        "share": shares["ours"]["share"],
    }


def _gain_density(gain: float) -> float:
    """Return the density of p_a - p_b under chapter 4's posterior, by quadrature."""
    p_a, p_b = two_proportions.posterior("a"), two_proportions.posterior("b")
    return integrate.quad(lambda x: p_a.pdf(x) * p_b.pdf(x - gain), max(gain, 0), min(1, 1 + gain))[0]


def _gain_row(log_prior: Callable, points: int = 800) -> tuple[list, list, float]:
    """Return mean and 95% interval of p_a - p_b, their spreads with one draw, and P(gain > 0), on a grid."""
    share = (np.arange(points) + 0.5) / points
    p_a, p_b = share[:, None], share[None, :]
    log_weight = 14 * np.log(p_a) + 38 * np.log1p(-p_a) + 4 * np.log(p_b) + 51 * np.log1p(-p_b) + log_prior(p_a, p_b)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    steps = np.arange(points)[:, None] - np.arange(points)[None, :]  # the gain, in steps of the grid
    mass = np.bincount((steps + points - 1).ravel(), weight.ravel())
    gain = np.arange(1 - points, points) / points
    below = np.concatenate([[0], np.cumsum(mass)])
    ends = np.concatenate([[gain[0] - 0.5 / points], gain + 0.5 / points])
    mean = gain @ mass
    sd = np.sqrt(mass @ (gain - mean) ** 2)
    limits = np.interp([0.025, 0.975], below, ends)
    heights = np.interp(limits, gain, mass * points)
    spreads = [sd, *(np.sqrt(0.025 * 0.975) / heights)]
    return [mean, *limits], spreads, 1 - np.interp(0, ends, below)


def chapter_04() -> dict[str, dict]:
    """Return the entries of chapter 4, two proportions."""

    def beta(a, b):
        return lambda p: (a - 1) * np.log(p) + (b - 1) * np.log1p(-p)

    def small_effects(p_a, p_b):
        return ours(p_a) + ours(p_b) - (special.logit(p_a) - special.logit(p_b)) ** 2 / (2 * 0.7**2)

    ours, firm = beta(2, 4), beta(8, 16)
    rows = [
        _gain_row(lambda p_a, p_b: ours(p_a) + ours(p_b)),
        _gain_row(lambda p_a, p_b: firm(p_a) + firm(p_b)),
        _gain_row(small_effects),
    ]
    better = two_proportions.exceeds(0)
    low, high = (
        optimize.brentq(lambda gain, p=p: 1 - two_proportions.exceeds(gain) - p, -0.3, 0.6) for p in (0.025, 0.975)
    )
    spreads = [float(np.sqrt(0.025 * 0.975) / _gain_density(place)) for place in (low, high)]
    p_a, p_b = (two_proportions.posterior(arm) for arm in "ab")
    chances_a = stats.betabinom.pmf(np.arange(53), 52, *p_a.args)[:, None]
    chances_b = stats.betabinom.pmf(np.arange(56), 55, *p_b.args)[None, :]
    no_fewer = np.arange(56)[None, :] * 52 >= np.arange(53)[:, None] * 55
    wilson = np.array([_wilson(14, 52), _wilson(4, 55)])
    off = (np.array([[14 / 52], [4 / 55]]) - wilson) ** 2  # of each arm, at the lower and at the upper end
    difference = 14 / 52 - 4 / 55
    points = [(point["p_a"], point["p_b"]) for point in two_proportions.MODELS["two_proportions"]["points"]]

    def log_density(a, b):
        constants = -2 * special.betaln(2, 4) - np.log(53) - special.betaln(15, 39) - np.log(56) - special.betaln(5, 52)
        return constants + 15 * np.log(a) + 41 * np.log1p(-a) + 5 * np.log(b) + 54 * np.log1p(-b)

    return {
        "p_value": _exactly(_fisher(14, 52, 4, 55)),
        "newcombe": _exactly(
            [difference, difference - np.sqrt(off[0, 0] + off[1, 1]), difference + np.sqrt(off[0, 1] + off[1, 0])]
        ),
        "better": _exactly(better),
        "gain": _exactly(16 / 58 - 6 / 61),
        "log_density": _exactly([log_density(*point) for point in points]),
        "drawn_gain": {"value": 16 / 58 - 6 / 61, "spread": float(np.hypot(p_a.std(), p_b.std())), "error": 0.0},
        "drawn_better": _shares(better) | {"error": 0.0},
        "gain_low": {"value": low, "spread": spreads[0], "error": 1e-8},
        "gain_high": {"value": high, "spread": spreads[1], "error": 1e-8},
        "no_better": _shares(1 - better) | {"error": 0.0},
        "upside_down": _shares(float((chances_a * chances_b)[no_fewer].sum())) | {"error": 0.0},
        "other_priors": {
            "value": np.array([row[0] for row in rows]),
            "spread": np.array([row[1] for row in rows]),
            "error": np.full((3, 3), 1e-4),
        },
        "other_priors_better": _shares([row[2] for row in rows]) | {"error": np.full(3, 1e-4)},
    }


class Line:
    """Chapter 5's posterior: given sigma, intercept and slope are jointly normal; sigma is added up on a grid.

    Parameters
    ----------
    x, y : array of shape (birds,)
        Flipper length in cm from its mean, and mass in kg.
    sigma : array of shape (points,), optional
        Values of sigma, even on a logarithmic scale; one value alone fixes it.
    mean, sd : sequence of two numbers
        The priors of intercept and slope.
    """

    def __init__(self, x, y, sigma=None, mean=(4, 0), sd=(1.5, 0.5)):
        self.sigma = np.geomspace(0.2, 0.8, 150) if sigma is None else np.asarray(sigma, dtype=float)
        design, prior = np.column_stack([np.ones_like(x), x]), np.diag(np.square(sd, dtype=float))
        log_weight, self._mean, self._covariance = [], [], []
        for one in self.sigma:
            # as a joint normal distribution of parameters and masses, conditioned on the masses
            whole = design @ prior @ design.T + one**2 * np.eye(len(y))
            off = y - design @ mean
            solved = np.linalg.solve(whole, np.column_stack([design @ prior, off]))
            gain = solved[:, :2].T
            self._mean.append(mean + gain @ off)
            self._covariance.append(prior - gain @ design @ prior)
            log_weight.append(stats.halfnorm.logpdf(one) + np.log(one) - np.linalg.slogdet(whole)[1] / 2)
            log_weight[-1] -= off @ solved[:, 2] / 2
        self.weight = np.exp(np.array(log_weight) - np.max(log_weight))
        self.weight /= self.weight.sum()

    def parts(self, at: float, noise: float = 0, slope: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd, given each sigma, of the line at ``at`` (or of the slope), plus ``noise`` errors."""
        direction = np.array([0.0, 1.0]) if slope else np.array([1.0, at])
        variance = [direction @ one @ direction for one in self._covariance]
        return np.array(self._mean) @ direction, np.sqrt(variance + noise * self.sigma**2)

    def moments(self, *what, **how) -> tuple[float, float]:
        """Return mean and standard deviation."""
        mean, sd = self.parts(*what, **how)
        whole = float(mean @ self.weight)
        return whole, float(np.sqrt((sd**2 + (mean - whole) ** 2) @ self.weight))

    def above(self, limit: float, *what, **how) -> float:
        """Return the probability of more than ``limit``."""
        return float(stats.norm.sf(limit, *self.parts(*what, **how)) @ self.weight)

    def interval(self, *what, **how) -> dict:
        """Return the entry of the central 95%."""
        mean, sd = self.moments(*what, **how)
        ends, spread = [], []
        for p in (0.025, 0.975):
            at = optimize.brentq(lambda q, p=p: self.above(q, *what, **how) - 1 + p, mean - 9 * sd, mean + 9 * sd)
            density = stats.norm.pdf(at, *self.parts(*what, **how)) @ self.weight
            ends.append(at)
            spread.append(np.sqrt(p * (1 - p)) / density)
        return {"value": ends, "spread": spread, "error": [1e-6, 1e-6]}

    def mean_and_interval(self, *what, **how) -> dict:
        """Return the entry of the mean and the central 95%."""
        mean, sd = self.moments(*what, **how)
        ends = self.interval(*what, **how)
        return {name: [first, *ends[name]] for name, first in (("value", mean), ("spread", sd), ("error", 1e-6))}


def chapter_05() -> dict[str, dict]:
    """Return the entries of chapter 5, a straight line."""
    birds = load_penguins().dropna(subset=["flipper_length_mm", "body_mass_g"])
    flipper, y = birds["flipper_length_mm"].to_numpy() / 10, birds["body_mass_g"].to_numpy() / 1000
    centre = flipper.mean()
    x = flipper - centre
    adelie = (birds["species"] == "Adelie").to_numpy()
    own_centre = flipper[adelie].mean()
    line, own = Line(x, y), Line(flipper[adelie] - own_centre, y[adelie])

    design = np.column_stack([np.ones_like(flipper), flipper])
    best, squares, *_ = np.linalg.lstsq(design, y)
    covariance = squares[0] / (len(y) - 2) * np.linalg.inv(design.T @ design)
    t, new = stats.t.ppf(0.975, len(y) - 2), np.array([1.0, 20.0])
    reach = t * np.sqrt(new @ covariance @ new + squares[0] / (len(y) - 2))

    other = []
    for mean, sd in (((4, 0), (1.5, 0.5)), ((4, 0.3), (1.5, 0.3)), ((0, 0), (100, 100)), ((4, 0), (1.5, 0.1))):
        for rows in (np.arange(len(y)), np.arange(len(y))[::43], [1, 43]):
            other.append(Line(x[rows], y[rows], [0.4], mean, sd).moments(0, slope=True))

    def off(line, those, middle):
        mean, sd = line.moments(flipper[those].mean() - middle)
        return y[those].mean() - mean, sd

    # mean residual of a group around the data set's own least-squares line; simulated, it is normal given sigma
    groups = [birds["species"] == name for name in ("Adelie", "Chinstrap", "Gentoo")] + [flipper < 18.5]
    shares = np.array([np.asarray(group) / np.sum(group) for group in groups])
    beside = shares - np.linalg.lstsq(design, shares.T)[0].T @ design.T  # what of a group's mean no line can take up
    group_off = beside @ y
    group_low = stats.norm.cdf(group_off[:, None] / np.linalg.norm(beside, axis=1)[:, None] / line.sigma) @ line.weight

    # the prior's birds: the share between 0 and 10 kg, and its sd from one draw of the parameters to the next
    sd = np.sqrt(1.5**2 + (0.5 * x) ** 2)
    inside = integrate.quad_vec(
        lambda sigma: (
            stats.halfnorm.pdf(sigma) * np.diff(stats.norm.cdf([[0], [10]], 4, np.hypot(sd, sigma)), axis=0).mean()
        ),
        0,
        10,
    )[0]
    rng = np.random.default_rng(5)
    drawn = rng.normal([4, 0, 0], [1.5, 0.5, 1], size=(20_000, 3))
    typical_mass = drawn[:, :1] + drawn[:, 1:2] * x
    chance = np.diff(stats.norm.cdf([[[0]], [[10]]], typical_mass, np.abs(drawn[:, 2:])), axis=0)[0]
    # the page counts birds, so the noise of 342 birds is added
    spread = np.sqrt(chance.mean(1).var() + (chance * (1 - chance)).mean() / len(x))

    sexes = [off(own, adelie & (birds["sex"] == sex), own_centre) for sex in ("female", "male")]
    typical, common = own.moments(18 - own_centre), line.moments(18 - centre)
    older, newer = line.parts(0, slope=True), line.sigma * np.sqrt(2)
    return {
        "least_squares": _exactly([*best, np.sqrt(covariance[1, 1])]),
        "classical": _exactly(new @ best + np.array([-reach, reach])),
        "other_priors": {"value": np.reshape(other, (4, 3, 2)), "error": np.full((4, 3, 2), 1e-6)},
        "bird_20": line.interval(20 - centre, noise=1),
        "statements": _shares(
            [
                line.above(0.45, 0, slope=True),
                line.above(4.5, 20 - centre, noise=1),
                float(stats.norm.sf(0, older[0], np.hypot(older[1], newer)) @ line.weight),
            ]
        )
        | {"error": 1e-6},
        "prior_birds": {"value": inside, "spread": spread, "error": 1e-6},
        "group_off": _exactly(group_off),
        "group_low": _shares(group_low) | {"error": 1e-6},
        "adelie_sexes": {"value": [mean for mean, _ in sexes], "spread": [sd for _, sd in sexes], "error": 1e-6},
        "typical_18": own.mean_and_interval(18 - own_centre),
        "bird_18": own.interval(18 - own_centre, noise=1),
        "adelie_slope": own.mean_and_interval(0, slope=True),
        "gap": {
            "value": 1000 * (typical[0] - common[0]),
            "spread": 1000 * np.hypot(typical[1], common[1]),
            "error": 1e-3,
        },
    }


def chapter_05b() -> dict[str, dict]:
    """Return the entries of chapter 5b, several predictors."""
    table, made = several_predictors.data(), several_predictors.posterior()
    without = several_predictors.posterior(table=several_predictors.without_flipper())
    penguins = several_predictors.birds()
    own = np.eye(3)[table["species"]]
    depth = several_predictors.standardised(penguins["bill_depth_mm"])
    sexes = np.column_stack([own, own * table["male"][:, None]])

    def conditioned(x: np.ndarray, prior_sd: np.ndarray) -> np.ndarray:
        """Return the mean of the coefficients: with the masses one normal distribution, conditioned."""
        y = table["y"] - 4
        q, _ = np.linalg.qr(x)
        off = y - q @ (q.T @ y)
        sigma = np.sqrt(off @ off / (len(y) - x.shape[1]))
        prior = np.diag(prior_sd**2)
        return np.linalg.solve(x @ prior @ x.T + sigma**2 * np.eye(len(y)), x @ prior).T @ y

    ones = np.ones((len(own), 1))
    both = np.column_stack([sexes, table["flipper"]])
    fork = [
        conditioned(np.column_stack([x, depth]), np.full(x.shape[1] + 1, 1.5))[-1] for x in (ones, own, sexes, both)
    ]
    unit = np.eye(7)
    gains = [made.moments(row) for row in unit[3:6]]
    flipper = penguins["flipper_length_mm"]
    at_220 = unit[2] + unit[5] + unit[6] * (220 - flipper.mean()) / flipper.std(ddof=0)
    pairs = [unit[3 + one] - unit[3 + other] for one, other in ((0, 1), (2, 1), (2, 0))]
    ratios = [_ratio(without, level, gain) for level, gain in zip(unit[:3], unit[3:6], strict=True)]

    sex = Posterior(several_predictors.MODELS["penguins_sex"], 72)
    adelie_mass = penguins.loc[penguins["species"] == "Adelie", "body_mass_g"] / 1000
    heavy = (4 - adelie_mass.mean()) / adelie_mass.std(ddof=0)
    p_male = special.expit(sex.values["intercept"] + sex.values["b_mass"] * heavy)
    squares = sum(sex.values[name] ** 2 for name in ("b_mass", "b_depth"))
    reweighted, slopes = [], []
    for scale in (0.75, 1.5, 3):
        ratio = np.exp(squares / 2 * (1 / 1.5**2 - 1 / scale**2))
        ratio /= sex.mean(ratio)
        mean = sex.mean(ratio * p_male)
        reweighted.append((mean, np.sqrt(sex.mean((ratio * (p_male - mean)) ** 2))))
        slopes.append(_weighted_sd(sex, sex.values["b_mass"], ratio))
    b_mean, b_sd, _ = sex.moments(sex.values["b_mass"])
    heavy_ends = [_quantile(sex, p_male, p) for p in (0.025, 0.975)]
    entries = {
        "fork": _exactly(fork),
        "gain": {"value": [one["mean"] for one in gains], "spread": [one["sd"] for one in gains]},
        "difference": _mean_and_ends(made, unit[5] - unit[4]),
        "larger": _shares(made.above(0, unit[5] - unit[4])),
        "bird": _mean_and_ends(made, at_220, noise=1),
        "spread": _shares(_males_vary_as_much(made, table)) | {"error": 0.002},
        "total": _stacked([_mean_and_ends(without, row) for row in unit[3:6]]),
        "contrasts": _stacked([_mean_and_ends(without, row) for row in pairs]),
        "gentoo_leads": _shares(without.above(0, pairs[-1])),
        "per_cent": _stacked([_summed_up(grid, without.weight @ density) for grid, density in ratios]),
        "per_cent_apart": _summed_up(*_difference(without, *ratios[:2])),
        "b_mass": {"value": b_mean, "spread": b_sd},
        "p_heavy": {"value": [mean for mean, _ in reweighted], "spread": [sd for _, sd in reweighted]},
        "heavy": _stacked(heavy_ends),
        "b_mass_sd": _stacked(slopes),
    }
    for entry in entries.values():
        entry.setdefault("error", 1e-6 * np.ones_like(entry["value"]))
    return entries


def _stacked(entries: list[dict]) -> dict:
    """Return one entry, an array, of several."""
    return {name: np.array([entry[name] for entry in entries]) for name in entries[0]}


def _mean_and_ends(made: several_predictors.Conditional, direction: np.ndarray, noise: float = 0) -> dict:
    """Return the entry of the mean and the central 95% of a linear combination."""
    moments = made.moments(direction, noise)
    reach, tail = 8 * moments["sd"], np.sqrt(0.025 * 0.975)
    middle, sd = made.parts(direction, noise)
    ends = [
        optimize.brentq(
            lambda limit, p=p: made.above(limit, direction, noise) - 1 + p,
            moments["mean"] - reach,
            moments["mean"] + reach,
            xtol=1e-12,
        )
        for p in (0.025, 0.975)
    ]
    density = [float(made.weight @ stats.norm.pdf(end, middle, sd)) for end in ends]
    return {"value": [moments["mean"], *ends], "spread": [moments["sd"], *(tail / np.array(density))]}


def _ratio(made: several_predictors.Conditional, level: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a grid of per cents, and on it the density of 100 gain / level given each sigma, shape (sigma, grid).

    The level is positive for certain: the ratio exceeds q where gain - q level exceeds 0, which is normal.
    """
    edges = np.linspace(-30, 60, 9001)
    above = np.array([stats.norm.sf(0, *made.parts(gain - edge / 100 * level)) for edge in edges]).T
    return (edges[1:] + edges[:-1]) / 2, -np.diff(above) / (edges[1] - edges[0])


def _difference(made: several_predictors.Conditional, one: tuple, other: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of the difference of two ratios, which given sigma are independent (the flipper is left out)."""
    grid, first = one
    _, second = other
    step, likely = grid[1] - grid[0], made.weight > 1e-9
    density = np.zeros((len(likely), 2 * len(grid) - 1))
    both = zip(first[likely], second[likely], strict=True)
    density[likely] = [signal.fftconvolve(a, b[::-1]) * step for a, b in both]
    return step * (np.arange(density.shape[1]) - len(grid) + 1), made.weight @ density


def _summed_up(grid: np.ndarray, density: np.ndarray) -> dict:
    """Return the entry of the mean and the central 95% of a density on a grid."""
    step = grid[1] - grid[0]
    mean = grid @ density * step
    sd = np.sqrt((grid - mean) ** 2 @ density * step)
    cumulated = np.cumsum(density) * step
    ends = np.interp([0.025, 0.975], cumulated, grid + step / 2)
    spread = np.sqrt(0.025 * 0.975) / np.interp(ends, grid, density)
    return {"value": [mean, *ends], "spread": [sd, *spread], "error": [1e-4] * 3}


def _males_vary_as_much(made: several_predictors.Conditional, table: dict, draws: int = 40_000) -> float:
    """Return P(males' sd of residuals / females' of simulated birds >= the same of the birds), from exact draws."""
    rng = np.random.default_rng(20251201)
    x, male = several_predictors.design(table["species"], table["male"], table["flipper"]), table["male"] == 1
    roots = np.linalg.cholesky(made.covariance)
    as_large = 0
    for _ in range(draws // 1000):
        of = rng.choice(len(made.weight), 1000, p=made.weight)
        coefficients = made.mean[of] + np.einsum("dij,dj->di", roots[of], rng.normal(size=(1000, x.shape[1])))
        residuals = table["y"] - coefficients @ x.T
        noise = rng.normal(size=residuals.shape)  # in units of sigma, which the ratio doesn't depend on
        ratios = [part[:, male].std(axis=1) / part[:, ~male].std(axis=1) for part in (noise, residuals)]
        as_large += int((ratios[0] >= ratios[1]).sum())
    return as_large / draws


def _quantile(made: Posterior, values: np.ndarray, p: float) -> dict:
    """Return the entry of a quantile of a function of the parameters on the grid."""
    order = np.argsort(values)
    weight = made.weight[order]
    end, low, high = np.interp([p, p - 0.01, p + 0.01], np.cumsum(weight) - weight / 2, values[order])
    return {"value": end, "spread": np.sqrt(p * (1 - p)) * (high - low) / 0.02, "error": 2e-4}


def _weighted_sd(made: Posterior, values: np.ndarray, ratio: np.ndarray) -> dict:
    """Return the entry of the standard deviation of reweighted draws; ``ratio`` has the posterior mean 1."""
    mean = made.mean(ratio * values)
    off = (values - mean) ** 2
    sd = np.sqrt(made.mean(ratio * off))
    return {"value": sd, "spread": np.sqrt(made.mean((ratio * (off - sd**2)) ** 2)) / (2 * sd), "error": 1e-6}


def chapter_06() -> dict[str, dict]:
    """Return the entries of chapter 6, robust regression."""
    coarse, fine = _from_grids(finer=False), _from_grids(finer=True)
    for name, entry in fine.items():
        entry.setdefault("error", np.abs(np.subtract(entry["value"], coarse[name]["value"])))
    entries = _gaussian()
    for entry in entries.values():
        entry.setdefault("error", ROUNDING * np.asarray(entry["value"]))
    return entries | fine


# Standard deviations between schools that exercise 6 of chapter 8 replaces one by another.
SCHOOL_PRIORS = (stats.halfnorm(0, 5), stats.halfnorm(0, 20), stats.expon(0, 10), stats.t(3, 0, 10))
# Of sigma_alpha in chapter 8: its own, and what is put in its place.
LEVEL_PRIORS = (stats.halfnorm(0, 1), stats.halfnorm(0, 0.2), stats.expon(0, 0.5), stats.t(3))


def _schools(prior, points: int) -> list[float]:
    """Return tau, school A, its standard deviation, school C and P(a ninth school > 0); mu has a closed form."""
    effect = np.array([28, 8, -3, 7, -1, 1, 18, 12])
    error = np.array([15, 10, 16, 11, 9, 11, 10, 18])
    node, share = np.polynomial.legendre.leggauss(points)
    log_tau = np.log(0.001) + (node + 1) / 2 * np.log(500 / 0.001)
    tau = np.exp(log_tau)[:, None]
    variance = tau**2 + error**2
    precision = 1 / 20**2 + (1 / variance).sum(axis=1)  # of mu, whose prior is Normal(0, 20)
    mu = (effect / variance).sum(axis=1) / precision
    log_weight = (stats.norm.logpdf(effect, mu[:, None], np.sqrt(variance))).sum(axis=1)  # at mu, its posterior mean
    log_weight += stats.norm.logpdf(mu, 0, 20) - np.log(precision) / 2
    log_weight += prior.logpdf(tau[:, 0]) + log_tau + np.log(share)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    own = tau**2 / variance
    mean = own * effect + (1 - own) * mu[:, None]
    spread = own * error**2 + (1 - own) ** 2 / precision[:, None]
    school = weight @ mean
    second = weight @ (mean**2 + spread)
    ninth = weight @ stats.norm.sf(0, mu, np.sqrt(1 / precision + tau[:, 0] ** 2))
    return [weight @ tau[:, 0], school[0], np.sqrt(second[0] - school[0] ** 2), school[2], ninth]


def _levels(points: int) -> dict[str, dict]:
    """Return the numbers of chapter 8's answer: all but two standard deviations integrated in closed form."""
    survey = data()
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    # one county more, with the uranium of Lac qui Parle and no houses: its level is that of a county never measured
    houses = Houses(survey.y, survey.floor, survey.county, np.append(survey.u, survey.u[here]))
    node, share = np.polynomial.legendre.leggauss(points)
    axes = [low + (node + 1) / 2 * (high - low) for low, high in BOXES["radon_intercepts"].values()]
    sigma_alpha, sigma_y = (part.ravel() for part in np.meshgrid(*axes, indexing="ij"))
    zero = np.zeros_like(sigma_y)
    log_weight, (_, (level, variance), _) = conditional(houses, sigma_alpha, zero, zero, sigma_y)
    log_weight += np.log(np.outer(share, share)).ravel() + stats.halfnorm.logpdf(sigma_y)
    log_weight += LEVEL_PRIORS[0].logpdf(sigma_alpha)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    found = {}
    for name, county in (("level_here", here), ("new_level", -1)):
        mean = weight @ level[:, county]
        sd = np.sqrt(weight @ (level[:, county] ** 2 + variance[:, county]) - mean**2)
        found[name] = {"value": mean, "spread": sd}
    # a house's probability of more than 4 pCi/L, given the level and sigma_y; its spread over both by Gauss-Hermite
    place, part = np.polynomial.hermite_e.hermegauss(40)
    part /= part.sum()
    for name, county in (("house_here", here), ("house_elsewhere", -1)):
        sd = np.sqrt(variance[:, county])
        mean = weight @ stats.norm.sf(np.log(4), level[:, county], np.hypot(sd, sigma_y))
        over = stats.norm.sf(np.log(4), level[:, [county]] + sd[:, None] * place, sigma_y[:, None])
        found[name] = {"value": mean, "spread": np.sqrt(weight @ (over**2 @ part) - mean**2)}
    found["other_sigma_alpha"], found["other_levels"] = {"value": [], "spread": []}, {"value": [], "spread": []}
    for prior in LEVEL_PRIORS:
        ratio = prior.pdf(sigma_alpha) / LEVEL_PRIORS[0].pdf(sigma_alpha)
        ratio /= weight @ ratio
        own = {"other_sigma_alpha": (sigma_alpha, zero), "other_levels": (level[:, here], variance[:, here])}
        for name, (centre, extra) in own.items():
            mean = weight @ (ratio * centre)
            found[name]["value"].append(mean)  # the spread is that of a mean weighted by the ratio
            found[name]["spread"].append(np.sqrt(weight @ (ratio**2 * ((centre - mean) ** 2 + extra))))
    return found


def chapter_08() -> dict[str, dict]:
    """Return the entries of chapter 8, hierarchical regression."""
    houses = data()
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")

    def squares(design):
        best = np.linalg.solve(design.T @ design, design.T @ houses.y)
        return best, np.sum((houses.y - design @ best) ** 2)

    counties = len(houses.u)
    (intercept, _), pooled = squares(np.column_stack([np.ones_like(houses.y), houses.floor]))
    own, apart = squares(np.column_stack([np.eye(counties)[houses.county], houses.floor]))
    freedom = len(houses.y) - counties - 1
    ratio = (pooled - apart) / (counties - 1) / (apart / freedom)
    coarse, fine = _levels(80), _levels(120)
    for name, entry in fine.items():
        entry["error"] = np.abs(np.subtract(entry["value"], coarse[name]["value"]))
    box, step = BOXES["radon_intercepts"]["sigma_alpha"], 2000
    edges = np.linspace(*box, step + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    height = np.array([_height(houses, value) for value in middle])
    small = {"value": height[middle < 0.1].sum() / height.sum(), "share": True, "error": 1e-6}
    schools = np.array([_schools(prior, 400) for prior in SCHOOL_PRIORS])
    return {
        "least_squares": _exactly([intercept, own[here], own[-1], ratio]),
        "schools": {"value": schools, "error": 2e-4 * np.abs(schools)},
        "sigma_alpha_small": small,
    } | fine


def _height(houses: Houses, sigma_alpha: float, points: int = 40) -> float:
    """Return the posterior density of chapter 8's sigma_alpha, up to a constant."""
    node, share = np.polynomial.legendre.leggauss(points)
    low, high = BOXES["radon_intercepts"]["sigma_y"]
    sigma_y = low + (node + 1) / 2 * (high - low)
    spread, zero = np.full(points, sigma_alpha), np.zeros(points)
    log_weight = conditional(houses, spread, zero, zero, sigma_y)[0]
    log_weight += stats.halfnorm.logpdf(sigma_y) + stats.halfnorm.logpdf(sigma_alpha)
    return float(share @ np.exp(log_weight + 1100))


CHAPTERS = {
    "01": why_bayes.values,
    "02": chapter_02,
    "03": sampling.values,
    "04": chapter_04,
    "05": chapter_05,
    "05b": chapter_05b,
    "06": chapter_06,
    "07": both_errors.values,
    "07b": detection_limit.values,
    "07c": measurement_noise.accident_values,
    "08": chapter_08,
    "08b": varying_effects.values,
    "09": generalisation.values,
    "09b": time_order.values,
    "10": decisions.values,
    "10b": decisions.values_b,
}


def main() -> None:
    """Write each chapter's numbers."""
    for chapter, make in CHAPTERS.items():
        written = json.dumps(make(), indent=1, default=lambda value: value.tolist())
        (STORE / f"{chapter}.json").write_text(written + "\n")


if __name__ == "__main__":
    main()
