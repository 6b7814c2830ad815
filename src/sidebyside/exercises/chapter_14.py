"""Checks of chapter 14, calibration."""

import numpy as np
from scipy import stats

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

DRAWS = 99
PATIENTS = 5  # of the exercise on the Laplace approximation; the prior is chapter 2's, Beta(2, 2)


def _held(share: float = 0.8, patients: int = PATIENTS, observed_prior: bool = True) -> float:
    """Share of worlds whose truth lies within the Laplace approximation's central interval, by a sum over counts."""
    k = np.arange(patients + 1)
    chance = stats.betabinom.pmf(k, patients, 2, 2)
    tops, information = ((1 + k) / (patients + 2), patients + 2) if observed_prior else (k / patients, patients)
    reach = stats.norm.ppf((1 + share) / 2) * np.sqrt(tops * (1 - tops) / information)
    posterior = stats.beta(2 + k, 2 + patients - k)
    return float(chance @ (posterior.cdf(tops + reach) - posterior.cdf(tops - reach)))


EXERCISES = {
    "14-picture": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="Too few at both ends, too many in the middle: a hill.",
        hint="The line falls where ranks are too few and rises where they are too many. Where are they?",
        mistakes=(
            Mistake(lambda: "a", "For that, the ends would hold too many: the line would rise first."),
            Mistake(lambda: "c", "A shifted posterior keeps the line on one side of zero. This one is on both."),
            Mistake(lambda: "d", "A shifted posterior keeps the line on one side of zero. This one is on both."),
        ),
    ),
    "14-windows": Exercise(
        right=lambda: 1 - 0.95**4,
        tolerance=0.004,
        low=0,
        high=1,
        asks="a probability",
        praise="Whoever looks through many windows sees something odd in one of them.",
        hint="What is the probability that all four stay inside? And the opposite of that?",
        mistakes=(
            Mistake(lambda: 0.95**4, "That is the probability that all four stay inside."),
            Mistake(lambda: 4 * 0.05, "Close: adding counts twice the cases in which two lines leave together."),
            Mistake(lambda: 0.05, "That is for one line. There are four chances."),
            Mistake(lambda: 4 * 0.05 * 0.95**3, "That is for exactly one line. At least one is asked."),
        ),
    ),
    "14-sticky": Exercise(
        right=lambda: stored("14-sticky"),
        tolerance=0.012,
        low=0,
        high=1,
        asks="a share of worlds",
        praise="Sticky draws look like a posterior that is too narrow.",
        hint="Simulate the chain for many worlds (start it with a draw from the standard normal), rank a fresh number "
        "of that kind among its draws, and count the ranks 0 and 99.",
        mistakes=(
            Mistake(lambda: 2 / (DRAWS + 1), "That is for independent draws."),
            Mistake(lambda: stored("14-sticky") / 2, "That is one of the two ends."),
        ),
    ),
    "14-laplace": Exercise(
        right=_held,
        tolerance=0.006,
        low=0,
        high=1,
        asks="a share of worlds",
        praise="An interval that holds more than it promises is too wide: safe, and wasteful.",
        hint="Draw many truths from Beta(2, 2), for each the number of five, and count how often the truth lies within "
        "1.28 standard deviations of m.",
        mistakes=(
            Mistake(lambda: _held(0.9), "That is the interval of 90%. Which quantile belongs to 80%?"),
            Mistake(lambda: _held(patients=37), "That is with 37 patients. How good is it with five?"),
            Mistake(lambda: _held(observed_prior=False), "Your m is k/5. Where is the prior?"),
        ),
    ),
}
