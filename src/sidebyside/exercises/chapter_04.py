"""Self-checks of chapter 4, all from the closed form of its model."""

from functools import cache

import numpy as np
from scipy import optimize, stats

from make_references.two_proportions import DEATHS, IMPROVED, MODELS, PATIENTS, exceeds, log_density, posterior
from sidebyside.exercises import Exercise, Mistake

FLAT = (1, 1)


def mystery_density() -> np.ndarray:
    """Return the log densities of a program with one mistake, at the reference's points: exercise 3 asks for it."""
    points = {name: np.array([point[name] for point in MODELS["two_proportions"]["points"]]) for name in ("p_a", "p_b")}
    wrong = stats.beta.logpdf(points["p_b"], 4, 2) - stats.beta.logpdf(points["p_b"], 2, 4)
    return log_density(**points) + wrong


def _gain(counts=DEATHS, **prior) -> float:
    return posterior("a", counts, **prior).mean() - posterior("b", counts, **prior).mean()


def _raw_gain(counts=DEATHS) -> float:
    return counts["a"] / PATIENTS["a"] - counts["b"] / PATIENTS["b"]


@cache
def median_needed_to_treat() -> float:
    """Return the posterior median of 1 / (p_a - p_b), with the few negative values counted as very large."""
    return 1 / optimize.brentq(lambda gain: exceeds(gain) - 0.5, 0.05, 0.5)  # 1 / gain falls where the gain rises


EXERCISES = {
    "04-tenpoints": Exercise(
        right=lambda: exceeds(0.1),
        tolerance=0.02,
        asks="a probability, as a share",
        praise="Likely, but far less certain than that there is any gain at all: the larger the claim, the less sure.",
        hint="Take the draws of p_a - p_b and find the share of them that lie above ten points, written as 0.10.",
        low=0,
        high=1,
        mistakes=(
            Mistake(lambda: 1 - exceeds(0.1), "That is the probability of the opposite, a gain below ten points."),
            Mistake(lambda: exceeds(0), "That is the probability of any gain at all. Which limit is asked for?"),
        ),
    ),
    "04-flat": Exercise(
        right=lambda: 100 * _gain(prior=FLAT),
        tolerance=0.25,
        asks="a number of deaths avoided per hundred patients",
        praise="A little more than under the chapter's prior, which pulls both arms towards the same third.",
        hint="With a flat prior, each posterior is a Beta with one added to deaths and one added to survivors.",
        low=-100,
        high=100,
        mistakes=(
            Mistake(lambda: 100 * _gain(), "That is the answer under the chapter's own prior. Change its two numbers."),
            Mistake(lambda: 100 * _raw_gain(), "That is the difference of the raw shares: a flat prior still counts."),
            Mistake(lambda: _gain(prior=FLAT), "You gave a share. How many is that among a hundred patients?"),
            Mistake(lambda: -100 * _gain(prior=FLAT), "Look at the sign: deaths are avoided by B, so take A minus B."),
        ),
    ),
    "04-culprit": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="Twice the change of the log odds is what two swapped arguments leave behind.",
        hint="Which parameter's line is off, and by how much? Work out what each mistake would change.",
        mistakes=(
            Mistake(
                lambda: "a",
                "The right parameter. But how much would three patients fewer change when p_b goes from 0.1 to 0.4? "
                "Three times the change of log(1 - p_b) is less than what you see.",
            ),
            Mistake(lambda: "c", "Then the lines that change p_a would be off. Are they?"),
            Mistake(lambda: "d", "Then the lines that change p_a would be off too. Are they?"),
        ),
    ),
    "04-treat": Exercise(
        right=median_needed_to_treat,
        tolerance=0.2,
        asks="the posterior median of a number of patients",
        praise="Its interval is wide, though, and far from symmetric: see below.",
        hint="Compute one number of patients for every draw, one divided by the gain, and take the median of them.",
        low=0,
        mistakes=(
            Mistake(lambda: 1 / _raw_gain(), "That comes from the raw shares. Use the draws of the posterior."),
            Mistake(lambda: _gain(), "That is the gain itself. How many patients does one avoided death take?"),
            Mistake(lambda: 1 / posterior("a").mean(), "That is one divided by p_a alone. Where is arm B?"),
        ),
    ),
    "04-improved": Exercise(
        right=lambda: -_gain(IMPROVED),
        tolerance=0.01,
        asks="the posterior mean of p_b - p_a, as a share",
        praise="On this outcome the two arms are even further apart than on deaths.",
        hint="Put the improved patients in the place of the deaths; priors and patients stay as they are.",
        low=-1,
        high=1,
        mistakes=(
            Mistake(lambda: _gain(IMPROVED), "Look at the sign: improving is good, so here it is B minus A."),
            Mistake(lambda: -_raw_gain(IMPROVED), "That is the difference of the raw shares, without the prior."),
            Mistake(lambda: _gain(), "Those are still the deaths."),
            Mistake(lambda: -_gain(IMPROVED, prior=FLAT), "That is under flat priors. Keep the chapter's prior."),
        ),
    ),
}
