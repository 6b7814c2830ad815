"""The self-checks of chapter 9, generalisation: right answers from closed forms and grids, without any draws."""

from functools import cache

import numpy as np
from scipy.special import logsumexp
from scipy.stats import gamma, halfnorm, norm
from scipy.stats import t as student_t

from make_references.robust_regression import SIGMA, X, Y
from sidebyside.exercises import Exercise, Mistake
from sidebyside.radon_grid import Houses, conditional, split

DIFFERENCE, ERROR, HOUSES = 3, 4, 10


@cache
def _variances(hierarchical: bool) -> tuple[float, float, float]:
    """Posterior variance of the typical county's level, and means of sigma_alpha² and sigma_y², without uranium."""
    houses, _ = split()
    blind = Houses(houses.y, houses.floor, houses.county, np.zeros_like(houses.u))
    spreads = np.arange(0.01, 0.75, 0.02) if hierarchical else np.zeros(1)
    sigma_alpha, sigma_y = map(np.ravel, np.meshgrid(spreads, np.arange(0.65, 0.96, 0.01), indexing="ij"))
    zero = np.zeros_like(sigma_y)
    log_likelihood, ((theta, theta_variance), *_) = conditional(blind, sigma_alpha, zero, zero, sigma_y)
    log_weight = log_likelihood + halfnorm.logpdf(sigma_alpha) + halfnorm.logpdf(sigma_y)
    weight = np.exp(log_weight - logsumexp(log_weight))
    level = weight @ (theta_variance[:, 0] + theta[:, 0] ** 2) - (weight @ theta[:, 0]) ** 2
    return float(level), float(weight @ sigma_alpha**2), float(weight @ sigma_y**2)


def _widths(houses: float = HOUSES, county: bool = True, share: float = 0.9) -> list[float]:
    """Widths of the interval for the average of some basements of a new county: pooled, hierarchical."""
    widths = []
    for hierarchical in (False, True):
        level, between, within = _variances(hierarchical)
        widths.append(float(2 * norm.isf((1 - share) / 2) * np.sqrt(level + county * between + within / houses)))
    return widths


@cache
def _student_t_score(left_out: tuple[int, ...], scored: int = 3) -> float:
    """Log predictive density of one of chapter 6's points (its place), under a posterior without some of them."""
    axes = np.linspace(3.4, 5.0, 90), np.linspace(0.8, 3.6, 90), np.geomspace(0.25, 90, 90)
    alpha, beta, nu = np.meshgrid(*axes, indexing="ij", sparse=True)
    log_weight = norm.logpdf(alpha, 4, 2) + norm.logpdf(beta, 0, 3) + gamma.logpdf(nu, 2, scale=10) + np.log(nu)
    for i in set(range(len(Y))) - set(left_out):
        log_weight = log_weight + student_t.logpdf(Y[i], nu, alpha + beta * X[i], SIGMA[i])
    height = student_t.logpdf(Y[scored], nu, alpha + beta * X[scored], SIGMA[scored])
    return float(logsumexp(log_weight + height) - logsumexp(log_weight))


EXERCISES = {
    "09-difference": Exercise(
        right=lambda: float(norm.cdf(DIFFERENCE / ERROR)),
        tolerance=0.011,
        low=0,
        high=1,
        asks="a probability",
        praise="Better than a coin, and far from certain.",
        hint="The true difference is a bell curve around 3 with standard deviation 4. How much of it lies above zero? "
        "`stats.norm.cdf` knows.",
        mistakes=(
            Mistake(lambda: float(norm.sf(DIFFERENCE / ERROR)), "That is the probability that B is better."),
            Mistake(
                lambda: float(norm.cdf(DIFFERENCE / ERROR) - norm.cdf(-DIFFERENCE / ERROR)),
                "That is the probability of a difference within one such distance on both sides. Only zero is asked.",
            ),
            Mistake(lambda: float(norm.cdf(ERROR / DIFFERENCE)), "How many errors is the difference: 3 / 4 or 4 / 3?"),
            Mistake(lambda: DIFFERENCE / ERROR, "That is the distance in standard errors. What area belongs to it?"),
        ),
    ),
    "09-ten-houses": Exercise(
        right=_widths,
        tolerance=0.06,
        low=0,
        asks="the widths of two intervals in log pCi/L, pooled and hierarchical",
        praise="What ten houses of a county have in common does not average out.",
        hint="For each draw: a new county's level (the typical one plus a departure with the spread), then the average "
        "of ten houses around it. Then the distance of two quantiles.",
        mistakes=(
            Mistake(lambda: _widths(1), "Those are the intervals for a single house. An average of ten scatters less."),
            Mistake(
                lambda: _widths(county=False),
                "Your counties are all alike. Where is the new county's departure in the second model?",
            ),
            Mistake(lambda: _widths(HOUSES**2), "Averages scatter by the scatter over the root of ten, not over ten."),
            Mistake(lambda: _widths(share=0.95), "That is an interval of 95%. Which quantiles bound 90%?"),
            Mistake(
                lambda: [width / 2 for width in _widths()], "That is half of the width, from the middle to an end."
            ),
            Mistake(lambda: _widths()[::-1], "Is the pooled model the first of your two?"),
        ),
    ),
    "09-refit": Exercise(
        right=lambda: _student_t_score((3,)),
        tolerance=0.2,
        asks="a log score",
        praise="That is leave-one-out as it was meant: a fit without the point.",
        hint="Draw with `student_t_draws([i for i in range(20) if i != 3])`, take the Student-t's log density of "
        "reading[3] under each draw, and average the densities with `log_score`.",
        mistakes=(
            Mistake(lambda: _student_t_score(()), "That is the score of a model that has seen the point."),
            Mistake(
                lambda: _student_t_score((4,), 4),
                "That is point 5. Python's places begin with 0, the numbers of the points with 1.",
            ),
        ),
    ),
    "09-county": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="Weights can take out what the rest of the data can do without.",
        hint="Sum the log densities of each county's houses, give ArviZ the sums as readings, count k-hat above 0.7.",
        mistakes=(
            Mistake(lambda: "a", "Did you sum the log densities of a county's houses, or look at single houses?"),
            Mistake(lambda: "c", "Ask where a county's level is without its own houses. Which model has a substitute?"),
            Mistake(lambda: "d", "For one of the models the soil stands in for the houses. Count again for that one."),
        ),
    ),
}
