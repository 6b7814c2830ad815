"""The self-checks of chapter 8, hierarchical regression: right answers from formulas and the reference posteriors."""

import numpy as np
from scipy.stats import beta, norm, uniform

from sidebyside.datasets import load_radon
from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored
from sidebyside.references import load_reference

TAU, SIGMA, HOUSES = 0.16, 0.76, 2
LIMIT = 4  # pCi/L


def _weight(houses: int = HOUSES) -> float:
    """Weight of a county's own average in the partially pooled level."""
    return TAU**2 / (TAU**2 + SIGMA**2 / houses)


def _over_limit(limit: float = np.log(LIMIT), step: bool = True, one_house: bool = True) -> float:
    """Probability that a house in Lac qui Parle (or the typical one) is over a limit on the scale of the logarithm.

    Level and step are nearly independent for a county with so few houses on the first floor.
    """
    parameters = load_reference("radon_intercepts").parameters
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    level, drop = parameters["alpha"], parameters["beta"]
    spread = np.hypot(level["sd"][here], drop["sd"] * step)
    if one_house:
        spread = np.hypot(spread, parameters["sigma_y"]["mean"])
    return float(norm.sf(limit, level["mean"][here] + drop["mean"] * step, spread))


EXERCISES = {
    "08-weight": Exercise(
        right=_weight,
        tolerance=0.005,
        low=0,
        high=1,
        asks="a weight",
        praise="Two houses do not say much against all the others.",
        hint="Put n = 2 into the formula for w: squares of the two standard deviations, and the second divided by n.",
        mistakes=(
            Mistake(lambda: 1 - _weight(), "That is the weight of the family. The county's own average has the rest."),
            Mistake(lambda: _weight(1), "That is the weight of one house. An average of two errs less."),
            Mistake(
                lambda: TAU / (TAU + SIGMA / HOUSES), "It is the squares of the standard deviations that are compared."
            ),
            Mistake(
                lambda: TAU**2 / (TAU**2 + (SIGMA / HOUSES) ** 2),
                "The square of an average's error is the square of one house's error divided by n, not by n squared.",
            ),
        ),
    ),
    "08-half": Exercise(
        right=lambda: SIGMA**2 / TAU**2,
        tolerance=0.45,  # 23 passes, and 22, with which the weight is below one half, does not
        low=0,
        asks="a number of houses",
        praise="What the other counties say is worth as much as measuring so many houses.",
        hint="Set w to one half: then the two terms below the fraction bar are equal. Solve for n.",
        mistakes=(
            Mistake(lambda: SIGMA / TAU, "Don't forget the squares."),
            Mistake(lambda: 22, "With 22 houses the weight is still just below one half."),
            Mistake(lambda: (SIGMA / TAU) ** 2 / 2, "At one half the two terms are equal, with no factor of 2."),
        ),
    ),
    "08-upstairs": Exercise(
        right=_over_limit,
        tolerance=0.03,
        low=0,
        high=1,
        asks="a probability",
        praise="Level, step and the scatter of houses, all three.",
        hint="For each draw make one house: level plus step, and then the scatter. Count those over the limit.",
        mistakes=(
            Mistake(lambda: _over_limit(step=False), "That is a house with a basement. Where is the step?"),
            Mistake(
                lambda: _over_limit(one_house=False),
                "That is the probability that the typical first floor is over the limit. Single houses scatter.",
            ),
            Mistake(
                lambda: _over_limit(limit=LIMIT), "The model is on the scale of log pCi/L. Is your limit on that scale?"
            ),
            Mistake(lambda: 1 - _over_limit(), "That is the probability of a reading below the limit."),
        ),
    ),
    "08-divergences": Exercise(
        right=lambda: "d",
        asks="your choice",
        praise="The sampler has to get into the narrow region; nothing done to the draws afterwards can.",
        hint="Ask of each choice: does it make the sampler visit the place where it has not been?",
        mistakes=(
            Mistake(lambda: "a", "The draws that are there do no harm. What is missing, and does this add it?"),
            Mistake(
                lambda: "b",
                "R-hat compares chains. What does it say if all of them miss the same place? Look at the funnel again.",
            ),
            Mistake(lambda: "c", "The same step and the same walls: will ten times as many paths get into the neck?"),
        ),
    ),
    "08-no-uranium": Exercise(
        right=lambda: stored("08-no-uranium"),
        tolerance=0.03,
        low=0,
        asks="a standard deviation in log pCi/L",
        praise="Much of what distinguishes counties is in their soil.",
        hint="Set the uranium in the program's data to zero as the exercise says for your library, draw again and "
        "take the mean of the draws of sigma_alpha. Leave `u` itself as it is: the proof needs it.",
        mistakes=(
            Mistake(
                lambda: load_reference("radon_intercepts").parameters["sigma_alpha"]["mean"],
                "That is the scatter around the line with uranium. Take the line away.",
            ),
            Mistake(
                lambda: load_reference("radon_intercepts").parameters["sigma_y"]["mean"],
                "That is how houses differ within a county. The question is how counties differ.",
            ),
        ),
    ),
    "08-lkj": Exercise(
        right=lambda: float(2 * beta(2, 2).std()),
        tolerance=0.01,
        low=0,
        asks="a standard deviation of a correlation",
        praise="Wide, but not flat: a flat prior on the range from -1 to 1 would have 0.58.",
        hint="Draw r from Beta(2, 2), turn it into rho = 2 r - 1, and take the standard deviation.",
        mistakes=(
            Mistake(lambda: float(beta(2, 2).std()), "That is the standard deviation of r, which has half the range."),
            Mistake(lambda: float(4 * beta(2, 2).var()), "That is the variance of rho. Take its root."),
            Mistake(lambda: float(uniform(-1, 2).std()), "That belongs to eta = 1, the flat prior."),
        ),
    ),
    "08-root": Exercise(
        right=lambda: 0.4 * float(np.hypot(0.8, 1 - 0.8**2)),
        tolerance=0.004,
        low=0,
        asks="a standard deviation in log pCi/L",
        praise="Less than the 0.4 that the colleague's program calls sigma_beta.",
        hint="Both z have variance 1 and are independent: add the squares of what stands before them, take the root.",
        mistakes=(
            Mistake(lambda: 0.4, "That is what it would be with the root. What do the two squares add up to without?"),
            Mistake(lambda: 0.4 * (0.8 + 0.36), "Squares of independent scatters add up, not the scatters themselves."),
            Mistake(lambda: 0.4 * (0.64 + 0.36**2), "That is the variance inside the bracket. Take its root first."),
            Mistake(lambda: float(np.hypot(0.8, 0.36)), "That is the bracket alone. What stands before it?"),
        ),
    ),
    "08-step": Exercise(
        right=lambda: 0.4 * -0.5 * 0.3 / 0.2,
        tolerance=0.01,
        asks="a difference of steps in log pCi/L, with its sign",
        praise="A high level with a steeper step down, as a negative correlation has it.",
        hint="How many sigma_alpha above its line is the level? Then the formula for beta_j, with z_beta at zero.",
        low=-3,
        high=3,
        mistakes=(
            Mistake(lambda: 0.4 * 0.5 * 0.3 / 0.2, "Which sign has the correlation, and which has the surprise?"),
            Mistake(lambda: -0.5 * 0.3 / 0.2, "That is in units of sigma_beta. Multiply by it."),
            Mistake(lambda: -0.5 * 0.3, "A correlation compares numbers in units of their own spread. Which are they?"),
            Mistake(lambda: 0.2 / 0.4 * -0.5 * 0.3, "Which of the two spreads belongs below the fraction bar?"),
        ),
    ),
}
