"""The self-checks of chapter 10, decisions: right answers from formulas and from the reference posterior."""

import numpy as np

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

MU, SIGMA = 1.2, 0.9  # of log readings, exercise 1
AFTER, FIX_COST = 2, 2000  # pCi/L left after fixing, dollars
LOW, HIGH, CHANCE = 2, 6, 0.2  # the two levels of exercise 2, and the probability of the higher
TYPICAL, READING, NOISE = 4, 8, 0.6  # pCi/L, pCi/L, share of the variance: exercise 3


def _gain(air: float, action_level: float) -> float:
    """Dollars that fixing gains over leaving it."""
    return FIX_COST * (max(air - AFTER, 0) / (action_level - AFTER) - 1)


def _detector(action_level: float = 3) -> float:
    """Worth of a detector that is never wrong, if without it one would leave the house as it is."""
    return CHANCE * _gain(HIGH, action_level)


def _basement(weight: float) -> float:
    """Level of the basement if the readings have this weight, on the scale of the logarithm."""
    return float(np.exp(np.log(TYPICAL) + weight * np.log(READING / TYPICAL)))


def _weight(readings: int) -> float:
    return (1 - NOISE) / (1 - NOISE + NOISE / readings)


EXERCISES = {
    "10-average": Exercise(
        right=lambda: float(np.exp(MU + SIGMA**2 / 2)),
        tolerance=0.2,
        low=0,
        high=100,
        asks="a radon level in pCi/L",
        praise="The tail on the right pulls it up.",
        hint="Draw many normal numbers with this mean and standard deviation, turn each back by exp, then average.",
        mistakes=(
            Mistake(lambda: float(np.exp(MU)), "That is the typical house: exp of the mean. Average after exp."),
            Mistake(
                lambda: float(np.exp(MU + SIGMA)),
                "That is a house one standard deviation above the typical one, not the average house.",
            ),
            Mistake(lambda: float(np.exp(MU + SIGMA**2)), "In the formula it is half of the variance that is added."),
            Mistake(lambda: MU, "That is the mean of the logarithms. The average of the tests themselves is asked."),
        ),
    ),
    "10-perfect": Exercise(
        right=_detector,
        tolerance=2,
        low=-10_000,
        high=10_000,
        asks="an amount in dollars",
        praise="No real detector can be worth more than that.",
        hint="Compare two averages: what you gain if you know the level before you act, and the best without knowing.",
        mistakes=(
            Mistake(
                lambda: _gain(HIGH, 3), "That is what a fix gains in the bad house. How often is it the bad house?"
            ),
            Mistake(
                lambda: -(1 - CHANCE) * _gain(LOW, 3),
                "You compared with fixing it blindly. Is that the best that you can do without the detector?",
            ),
            Mistake(
                lambda: CHANCE * _gain(HIGH, 3) + (1 - CHANCE) * _gain(LOW, 3),
                "That is what fixing gains without the detector. What would you do when it shows 2?",
            ),
            Mistake(lambda: _detector(action_level=4), "That is for an action level of 4. Here it is 3."),
        ),
    ),
    "10-two-readings": Exercise(
        right=lambda: _basement(_weight(2)),
        tolerance=0.05,
        low=0,
        high=100,
        asks="a radon level in pCi/L",
        praise="Between the county and the tests, nearer to these than with one test.",
        hint="The mean of two tests has half of the noise variance. Then weigh it against the county, in logs.",
        mistakes=(
            Mistake(lambda: READING, "That ignores the county: the posterior lies between the county and the tests."),
            Mistake(lambda: _basement(_weight(1)), "That is the result of one test. You have two."),
            Mistake(
                lambda: TYPICAL + _weight(2) * (READING - TYPICAL),
                "The weight is right, but it belongs on the scale of the logarithm.",
            ),
            Mistake(
                lambda: _basement(2 * _weight(1)),
                "Two tests do not have twice the weight of one: then three would have more than all of it.",
            ),
            Mistake(lambda: _basement(NOISE), "That is the share of the noise. What is the weight of the tests?"),
        ),
    ),
    "10-action-level": Exercise(
        right=lambda: AFTER + stored("10-action-level, improvement"),
        tolerance=0.1,
        low=0,
        high=100,
        asks="an action level in pCi/L",
        praise="The agency pays for health at lower levels than an action level of 4 does.",
        hint="At the threshold, price times expected improvement is the cost of fixing. What is the price, given A?",
        mistakes=(
            Mistake(
                lambda: 4.0,
                "4 is the test. The action level is about the air that one breathes, if one knew it exactly.",
            ),
            Mistake(
                lambda: stored("10-action-level, improvement"),
                "That is the expected improvement. Which level does it start from?",
            ),
            Mistake(
                lambda: stored("10-action-level, level of the air"),
                "That is the typical level of the air after such a test. Average the improvement over the draws.",
            ),
        ),
    ),
}
