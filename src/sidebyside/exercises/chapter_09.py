"""The self-checks of chapter 9, generalisation: right answers from closed forms and grids, without any draws."""

import numpy as np
from scipy.stats import norm

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

DIFFERENCE, ERROR, HOUSES, YEARS = 3, 4, 10, 10


def _widths(houses: float = HOUSES, county: bool = True, share: float = 0.9) -> list[float]:
    """Widths of the interval for the average of some basements of a new county: pooled, hierarchical."""
    widths = []
    for model in ("pooled", "hierarchical"):
        level, between, within = stored(f"09-ten-houses, variances of the {model} model")
        widths.append(float(2 * norm.isf((1 - share) / 2) * np.sqrt(level + county * between + within / houses)))
    return widths


EXERCISES = {
    "09-difference": Exercise(
        right=lambda: float(norm.cdf(DIFFERENCE / ERROR)),
        tolerance=0.011,
        low=0,
        high=1,
        asks="a probability",
        praise="Better than a coin, and far from certain.",
        hint="The true difference is normally distributed around 3 with standard deviation 4. How much of it lies "
        "above zero? `stats.norm.cdf` knows.",
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
        hint="For each draw: a new county's level (the typical one plus a deviation with the sd sigma_alpha), then the "
        "average of ten houses around it. Then the distance of two quantiles.",
        mistakes=(
            Mistake(lambda: _widths(1), "Those are the intervals for a single house. An average of ten scatters less."),
            Mistake(
                lambda: _widths(county=False),
                "Your counties are all alike. Where is the new county's deviation in the second model?",
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
        right=lambda: stored("09-refit"),
        tolerance=0.3,
        asks="a log score",
        praise="That is point 4's score under a posterior that has not seen it.",
        hint="The posterior without the point is normal, and so is the prediction: around the mean line at the point's "
        "position, with the variance of its error plus that of the line there. Near -44 is what PSIS says, and its "
        "k-hat is near 2.",
        mistakes=(
            Mistake(
                lambda: stored("09-refit, nothing left out"), "That is the score of a model that has seen the point."
            ),
            Mistake(
                lambda: stored("09-refit, point 5"),
                "That is point 5. Python's places begin with 0, the numbers of the points with 1.",
            ),
            Mistake(
                lambda: stored("09-refit") - float(np.log(100)),
                "Your y is not divided by 100. A density has a unit: per unit of y it is a hundredth.",
            ),
        ),
    ),
    "09-horizon": Exercise(
        right=lambda: [float(np.sqrt(YEARS)), 1.0],
        tolerance=0.02,
        low=0,
        asks="two factors, of the growth model and of the curve",
        praise="What is added stays; what is scattered around a curve does not.",
        hint="How many independent surprises are in the level of the tenth year, under each model? Variances add.",
        mistakes=(
            Mistake(lambda: [float(YEARS), 1.0], "That is the factor of the variance. And of the width?"),
            Mistake(
                lambda: [float(np.sqrt(YEARS))] * 2,
                "Under the curve, does the level of the tenth year contain the surprises of the years before it?",
            ),
            Mistake(lambda: [1.0, float(np.sqrt(YEARS))], "Is the growth model the first of your two?"),
        ),
    ),
    "09-county": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="Weights can take out what the rest of the data can do without.",
        hint="Sum the log densities of each county's houses, give ArviZ the sums as measurements, and count "
        "k-hat above 0.7.",
        mistakes=(
            Mistake(lambda: "a", "Did you sum the log densities of a county's houses, or look at single houses?"),
            Mistake(lambda: "c", "Ask where a county's level is without its own houses. Which model has a substitute?"),
            Mistake(lambda: "d", "For one of the models the soil stands in for the houses. Count again for that one."),
        ),
    ),
}
