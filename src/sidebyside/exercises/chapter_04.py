"""Self-checks of chapter 4, all from the closed form of its model."""

import numpy as np
from scipy import stats

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored
from sidebyside.references import load_reference


def mystery_density() -> np.ndarray:
    """Return the log densities of a program with one mistake, at the reference's points: exercise 3 asks for it."""
    reference = load_reference("two_proportions")
    p_b = np.array([point["p_b"] for point in reference.points])
    return reference.log_density + stats.beta.logpdf(p_b, 4, 2) - stats.beta.logpdf(p_b, 2, 4)


EXERCISES = {
    "04-tenpoints": Exercise(
        right=lambda: stored("04-tenpoints"),
        tolerance=0.02,
        asks="a probability, as a share",
        praise="Likely, but far less certain than that there is any gain at all: the larger the claim, the less sure.",
        hint="Take the draws of p_a - p_b and find the share of them that lie above ten points, written as 0.10.",
        low=0,
        high=1,
        mistakes=(
            Mistake(
                lambda: 1 - stored("04-tenpoints"), "That is the probability of the opposite, a gain below ten points."
            ),
            Mistake(
                lambda: stored("04-tenpoints, any gain"),
                "That is the probability of any gain at all. Which limit is asked for?",
            ),
        ),
    ),
    "04-flat": Exercise(
        right=lambda: 100 * stored("04, gain under a flat prior"),
        tolerance=0.25,
        asks="a number of deaths avoided per hundred patients",
        praise="A little more than under the chapter's prior, which pulls both arms towards the same third.",
        hint="With a flat prior, each posterior is a Beta with one added to deaths and one added to survivors.",
        low=-100,
        high=100,
        mistakes=(
            Mistake(
                lambda: 100 * stored("04, gain"),
                "That is the answer under the chapter's own prior. Change its two numbers.",
            ),
            Mistake(
                lambda: 100 * stored("04, gain of the raw shares"),
                "That is the difference of the raw shares: a flat prior still counts.",
            ),
            Mistake(
                lambda: stored("04, gain under a flat prior"),
                "You gave a share. How many is that among a hundred patients?",
            ),
            Mistake(
                lambda: -100 * stored("04, gain under a flat prior"),
                "Look at the sign: deaths are avoided by B, so take A minus B.",
            ),
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
        right=lambda: stored("04-treat"),
        tolerance=0.36,  # a whole number passes, rounded up as reports give it
        asks="the number of patients for the middle draw",
        praise="Reports round it up to a whole number of patients. Its interval is wide and far from symmetric.",
        hint="Take the median of the gain and divide one by it.",
        low=0,
        mistakes=(
            Mistake(
                lambda: 1 / stored("04, gain of the raw shares"),
                "That comes from the raw shares. Use the draws of the posterior.",
            ),
            Mistake(
                lambda: stored("04, gain"), "That is the gain itself. How many patients does one avoided death take?"
            ),
            Mistake(
                lambda: 1 / stored("04, probability of death in arm A"),
                "That is one divided by p_a alone. Where is arm B?",
            ),
        ),
    ),
    "04-ecmo": Exercise(
        right=lambda: stored("04-ecmo"),
        tolerance=0.01,
        asks="the probability that ECMO is better, as a share",
        praise="Probable, and not certain: 19 newborns leave a lot open.",
        hint="Find the share of draws in which the probability of death is lower with ECMO: 4 of 10 died without it, "
        "0 of 9 with it, and both have the prior Beta(2, 4).",
        low=0,
        high=1,
        mistakes=(
            Mistake(lambda: 1 - stored("04-ecmo"), "That is the probability that ECMO is worse."),
            Mistake(lambda: stored("04-ecmo, flat prior"), "That is under flat priors. Take Beta(2, 4) for both arms."),
        ),
    ),
    "04-improved": Exercise(
        right=lambda: -stored("04, gain in improved patients"),
        tolerance=0.01,
        asks="the posterior mean of p_b - p_a, as a share",
        praise="On this outcome the two arms are even further apart than on deaths.",
        hint="Put the improved patients in the place of the deaths; priors and patients stay as they are.",
        low=-1,
        high=1,
        mistakes=(
            Mistake(
                lambda: stored("04, gain in improved patients"),
                "Look at the sign: improving is good, so here it is B minus A.",
            ),
            Mistake(
                lambda: -stored("04, gain in improved patients of the raw shares"),
                "That is the difference of the raw shares, without the prior.",
            ),
            Mistake(lambda: stored("04, gain"), "Those are still the deaths."),
            Mistake(
                lambda: -stored("04, gain in improved patients under a flat prior"),
                "That is under flat priors. Keep the chapter's prior.",
            ),
        ),
    ),
}
