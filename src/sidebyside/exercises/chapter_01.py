"""Checks of chapter 1, why Bayes."""

import numpy as np
import pandas as pd
from scipy import integrate, stats

from sidebyside.datasets import load_penguins
from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

CAMERA_ERROR = 5  # mm
SETTINGS, TRUE_ERROR, ACCIDENT = 25, 380, 60  # grams, the last two
LIMIT, FLIPPER = 5000, 210  # g, mm


def birds() -> pd.DataFrame:
    """Return the birds that were measured, as the chapter has them."""
    return load_penguins().dropna(subset=["bill_length_mm", "bill_depth_mm", "flipper_length_mm"])


def slope(error: float) -> float:
    """Return the slope of mass on flipper length (g per mm) of Gentoo penguins, given the length's error in mm."""
    gentoo = birds().query("species == 'Gentoo'")
    flipper, mass = gentoo["flipper_length_mm"], gentoo["body_mass_g"]
    variance = flipper.var(ddof=0)
    return float(stats.linregress(flipper, mass).slope * variance / (variance + error**2))


def best_of(settings: int) -> float:
    """Return the mean of the smallest of so many independent standard normal values."""

    def mean_density(z: float) -> float:
        return z * settings * stats.norm.pdf(z) * stats.norm.sf(z) ** (settings - 1)

    return integrate.quad(mean_density, -10, 10)[0]


EXERCISES = {
    "01-split": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="The patients will be new when the model is used, so they must be new in the test.",
        hint="What will be new when the model is used: samples, patients, or clinics? The test must make the same new.",
        mistakes=(
            Mistake(
                lambda: "a",
                "Each patient gave some ten samples. Where are the other nine while one of them is being tested?",
            ),
            Mistake(
                lambda: "c",
                "That tests for a clinic never seen before. Read again where the model will be used.",
            ),
        ),
    ),
    "01-photos": Exercise(
        right=lambda: slope(CAMERA_ERROR / np.sqrt(2)),
        tolerance=0.4,
        drawn=False,
        asks="the slope in g per mm",
        low=0,
        high=200,
        praise="Half the error's variance, and yet the slope stays too flat.",
        hint="True slope, times the flippers' variance, divided by that variance plus the error's variance.",
        mistakes=(
            Mistake(lambda: slope(CAMERA_ERROR), "That is the slope with a single photograph."),
            Mistake(lambda: slope(0), "That is the true slope. Two photographs still have an error."),
            Mistake(
                lambda: slope(CAMERA_ERROR / 2),
                "The mean of two has its standard deviation divided by the square root of two, not by two.",
            ),
            Mistake(
                lambda: slope(np.sqrt(CAMERA_ERROR / np.sqrt(2))),
                "Did you add the standard deviation where the formula has the variance, its square?",
            ),
            Mistake(
                lambda: slope(CAMERA_ERROR / np.sqrt(2)) / slope(0),
                "That is the factor by which the slope shrinks. Multiply the true slope by it.",
                tolerance=0.01,
            ),
            Mistake(
                lambda: slope(CAMERA_ERROR) / slope(0),
                "That is the factor with a single photograph. The mean of two has half the error's variance.",
                tolerance=0.01,
            ),
        ),
    ),
    "01-luck": Exercise(
        right=lambda: -best_of(SETTINGS) * ACCIDENT,
        tolerance=2.0,
        asks="the number of grams by which the best score is better than the truth",
        low=-1000,
        high=1000,
        praise="No skill, and an estimate far better than the truth.",
        hint="Draw all the scores of one search, subtract the smallest from the truth; repeat, and take the mean.",
        mistakes=(
            Mistake(
                lambda: TRUE_ERROR + best_of(SETTINGS) * ACCIDENT,
                "That is the estimated error itself. How far is it from the truth?",
            ),
            Mistake(
                lambda: best_of(SETTINGS) * ACCIDENT,
                "Turn the sign round: the smallest score is below the truth, and the answer is how far below.",
            ),
            Mistake(lambda: ACCIDENT, "That is the typical accident of one score. The search keeps the luckiest."),
        ),
    ),
    "01-tracker": Exercise(
        right=lambda: stored("01-tracker"),
        tolerance=0.02,
        asks="a probability",
        low=0,
        high=1,
        praise="The share of draws in which the statement is true.",
        hint="Draw masses of a bird with that flipper, and count in what share of the draws the limit is exceeded.",
        mistakes=(
            Mistake(lambda: 1 - stored("01-tracker"), "Turned round: that is the probability of a lighter bird."),
            Mistake(lambda: stored("01-tracker, flipper of 215 mm"), "That is the bird with a flipper of 215 mm."),
            Mistake(
                lambda: stored("01-tracker, mean of all such birds"),
                "That is the probability that the mean of all such birds exceeds the limit. Single birds scatter.",
            ),
        ),
    ),
}
