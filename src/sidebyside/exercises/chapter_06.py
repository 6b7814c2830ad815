"""The self-checks of chapter 6, robust regression: right answers from the models' log densities on a grid."""

from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import expit, logsumexp
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from make_references.robust_regression import MODELS, SIGMA, X, Y
from sidebyside.exercises import Exercise, Mistake


def _gaussian_slope(keep: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of the slope under Gaussian errors, from the points in ``keep``."""
    design = np.column_stack([np.ones(keep.sum()), X[keep]])
    weighted = design / SIGMA[keep, None] ** 2
    prior = np.diag([1 / 2**2, 1 / 3**2])
    covariance = np.linalg.inv(prior + weighted.T @ design)
    return float((covariance @ (prior @ [4, 0] + weighted.T @ Y[keep]))[1]), float(np.sqrt(covariance[1, 1]))


def _all_but(*numbers: int) -> np.ndarray:
    """Tell which points are kept if those with these numbers (from 1) are left out."""
    return ~np.isin(np.arange(1, len(X) + 1), numbers)


@cache
def _grid(name: str, points: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return a grid over a model's box, and the posterior's weight at each of its points."""
    axes = [np.linspace(*ends, points) for ends in MODELS[name]["box"].values()]
    grid = np.meshgrid(*axes, indexing="ij")
    log_weight = np.stack([MODELS[name]["integrand"](*plane) for plane in zip(*grid, strict=True)])
    return tuple(grid), np.exp(log_weight - logsumexp(log_weight))


def _steeper_than_two(name: str, points: int) -> float:
    """Return the posterior probability that the slope exceeds 2."""
    grid, weight = _grid(name, points)
    slope, mass = grid[1][0, :, *[0] * (weight.ndim - 2)], weight.sum(axis=(0, *range(2, weight.ndim)))
    fine = np.linspace(slope[0], slope[-1], 4000)
    density = np.exp(CubicSpline(slope, np.log(mass))(fine))
    return float(density[fine > 2].sum() / density.sum())


def _point_1_is_bad(a: float, b: float) -> float:
    """Return the posterior probability that point 1 is bad if p has the prior Beta(a, b)."""
    (alpha, slope, u, v), weight = _grid("robust_mixture", 28)
    p, tau = expit(u), np.exp(v)
    weight = weight * beta_distribution.pdf(p, a, b) / beta_distribution.pdf(p, 1, 4)
    bad = p * norm.pdf(Y[0], alpha + slope * X[0], np.hypot(SIGMA[0], tau))
    good = (1 - p) * norm.pdf(Y[0], alpha + slope * X[0], SIGMA[0])
    return float(np.sum(weight * bad / (bad + good)) / weight.sum())


EXERCISES = {
    "06-steeper": Exercise(
        right=lambda: [
            float(norm.sf(2, *_gaussian_slope(_all_but()))),
            _steeper_than_two("robust_student_t", 50),
            _steeper_than_two("robust_mixture", 28),
        ],
        tolerance=0.04,
        low=0,
        high=1,
        asks="three probabilities, in the order Gaussian, Student-t, mixture",
        praise="One model is sure that the colleague is wrong, two think that the colleague is probably right.",
        hint="A statement's probability is the share of draws in which it is true. The draws of the Gaussian model are "
        "in gaussian_draws, with the slope in the second column.",
        mistakes=(
            Mistake(
                lambda: [
                    float(norm.cdf(2, *_gaussian_slope(_all_but()))),
                    1 - _steeper_than_two("robust_student_t", 50),
                    1 - _steeper_than_two("robust_mixture", 28),
                ],
                "Those are the probabilities that the colleague is wrong.",
            ),
        ),
    ),
    "06-finger": Exercise(
        right=lambda: _gaussian_slope(_all_but(2, 3, 4))[0],
        tolerance=0.006,
        asks="a slope (no unit)",
        praise="Very near to the mixture's. Now say why you left out these three and no other.",
        hint="Use gaussian_posterior with x, y and sigma_y of the points that you keep; the first result has the means "
        "of intercept and slope.",
        mistakes=(
            Mistake(lambda: _gaussian_slope(_all_but())[0], "That is the slope with all points still in."),
            Mistake(
                lambda: _gaussian_slope(_all_but(1, 2, 3))[0],
                "The numbers in the table begin with 1, Python's places with 0: use the table's index.",
            ),
            Mistake(lambda: _gaussian_slope(_all_but(1, 2, 3, 4))[0], "Point 1 should stay in."),
        ),
    ),
    "06-prior": Exercise(
        right=lambda: _point_1_is_bad(1, 1),
        tolerance=0.025,
        low=0,
        high=1,
        asks="a probability",
        praise="A little more than before: the prior matters for a single doubtful point, and hardly for the slope.",
        hint="Weight each draw by the new prior's density at its p_out over the old one's, and let the weights add up "
        "to one.",
        mistakes=(
            Mistake(
                lambda: _point_1_is_bad(1, 4), "That is the probability under the old prior: did the weights go in?"
            ),
            Mistake(
                lambda: _point_1_is_bad(1, 7),
                "Your weights are upside down: the new prior's density belongs above the line, the old one's below.",
            ),
        ),
    ),
}
