"""Checks of chapter 2: Bayes' theorem."""

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from sidebyside.exercises import Exercise, Mistake


def _mammogram(ill: float = 0.01, found: float = 0.9, alarm: float = 0.09) -> float:
    """Return the probability of cancer after a positive mammogram."""
    return ill * found / (ill * found + (1 - ill) * alarm)


def _doors(opens: tuple[float, float, float]) -> float:
    """Return the probability of door 2, given how probable the host's move is for a car behind door 1, 2 or 3."""
    return opens[1] / sum(opens)


def _belief(tail: float) -> float:
    """Return a, so that Beta(a, a) has a probability of ``tail`` below 0.3."""
    return brentq(lambda a: stats.beta(a, a).cdf(0.3) - tail, 0.1, 1000)


def _kits(powers: int = 3, smallest: int = 33) -> float:
    """Return the posterior mean of N from 1 to 200, with likelihood 1/N to a power from ``smallest`` on."""
    sizes = np.arange(1.0, 201.0)
    belief = np.where(sizes >= smallest, sizes**-powers, 0)
    return float(sizes @ belief / belief.sum())


EXERCISES = {
    "02-mammogram": Exercise(
        right=_mammogram,
        tolerance=0.001,
        drawn=False,
        asks="the probability of cancer after a positive mammogram",
        praise="About one woman in eleven: most positive mammograms in a screening are false alarms.",
        hint="Take 1,000 women. How many have cancer and a positive mammogram? How many have a positive one at all?",
        low=0,
        high=1,
        mistakes=(
            Mistake(
                lambda: 0.9, "That is the probability of a positive mammogram given cancer: the question turned round."
            ),
            Mistake(
                lambda: 0.9 / (0.9 + 0.09),
                "Far too high. Did you leave the prior out? Before the mammogram, far more women are healthy than ill. "
                "Or is this the probability that she does not have it?",
            ),
            Mistake(
                lambda: 0.09,
                "That is how often a healthy woman has a positive mammogram: the question turned round. "
                "If it is your answer, rounded, give three decimals.",
            ),
            Mistake(lambda: round(_mammogram(), 1), "That may be your answer, rounded. Give three decimals."),
            Mistake(
                lambda: 0.81, "You subtracted the false alarms from the hits. They are shares of different crowds."
            ),
            Mistake(
                lambda: 0.01 * 0.9,
                "That is the share of all women who have cancer and a positive mammogram. Divide by all positives.",
            ),
            Mistake(
                lambda: 0.01 * 0.9 + 0.99 * 0.09,
                "That is how many test positive at all, the evidence: it goes under the fraction bar.",
            ),
        ),
    ),
    "02-doors": Exercise(
        right=lambda: [_doors((0.5, 1, 0)), _doors((0.5, 0.5, 0))],
        tolerance=0.01,
        drawn=False,
        asks="the probabilities of door 2 with the host who knows and with the one who does not",
        praise="The same open door, two answers: the likelihood is a model of how the data came to you.",
        hint="Make a table with a row for each door: how probable is what the host did, if the car is behind it?",
        low=0,
        high=1,
        mistakes=(
            Mistake(
                lambda: [0.5, 0.5],
                "The second is right. In the first, the host had no choice if the car is behind door 2.",
            ),
            Mistake(
                lambda: [_doors((0.5, 1, 0))] * 2,
                "The first is right. In the second, the host could have shown the car, and did not: use that.",
            ),
            Mistake(
                lambda: [_doors((0.5, 0.5, 0)), _doors((0.5, 1, 0))],
                "Both numbers are there, in the other order: first the host who knows.",
            ),
            Mistake(
                lambda: [1 / 3, 1 / 3],
                "That is the prior. What the host did is data; let it count.",
            ),
            Mistake(
                lambda: [1 / 3, 0.5],
                "Nearly: for the host who knows you gave the probability of your own door.",
            ),
            Mistake(
                lambda: [round(_doors((0.5, 1, 0)), 1), _doors((0.5, 0.5, 0))],
                "That may be right, but it is rounded too much. Give two decimals, or a fraction.",
            ),
        ),
    ),
    "02-belief": Exercise(
        right=lambda: _belief(0.025),
        tolerance=0.3,
        drawn=False,
        asks="the number a of Beta(a, a)",
        praise="A vague sentence has the weight of more than twenty letters.",
        hint="Compute stats.beta(a, a).cdf(0.3) for a few values of a: larger a, smaller tail. It should be 0.025.",
        low=0,
        high=1000,
        mistakes=(
            Mistake(lambda: _belief(0.05), "You have left 5 percent at each end. The two ends together are to have 5."),
            Mistake(
                lambda: 2 * _belief(0.025), "That is a + a, what the opinion is worth in letters. The check asks for a."
            ),
            Mistake(lambda: 0.5, "That is the mean of the belief. The check asks for a, which sets how sure it is."),
            Mistake(
                lambda: brentq(lambda a: stats.beta(a, a).std() - 0.2, 0.1, 100),
                "You took the distance from the middle for one standard deviation. It is about two.",
            ),
        ),
    ),
    "02-alarms": Exercise(
        right=lambda: float(stats.betabinom(3330, 1 + 16, 1 + 3324 - 16).ppf(0.975)),
        tolerance=1.0,
        drawn=False,
        asks="the number of false alarms below which 97.5 percent of the posterior predictive lies",
        praise="Fifty would be surprising now, where it was not with 2 of 401: that is what more healthy samples buy.",
        hint="The posterior is a beta distribution: add the alarms to a and the others to b. Then stats.betabinom.",
        low=0,
        high=3330,
        mistakes=(
            Mistake(
                lambda: float(stats.binom(3330, 16 / 3324).ppf(0.975)),
                "That is the best guess, taken for the truth. Average over the posterior: stats.betabinom.",
            ),
            Mistake(
                lambda: float(3330 * stats.beta(1 + 16, 1 + 3324 - 16).ppf(0.975)),
                "That is the uncertainty of the rate alone. The counts scatter too: stats.betabinom has both.",
            ),
            Mistake(
                lambda: float(stats.betabinom(3330, 1 + 2, 1 + 401 - 2).ppf(0.975)),
                "That is the prediction from 2 of 401. Use the new samples.",
            ),
            Mistake(
                lambda: float(stats.betabinom(3330, 1 + 16, 1 + 3324 - 16).ppf(0.025)),
                "That is the lower end. Fifty is a question about the upper one.",
            ),
            Mistake(
                lambda: float(stats.betabinom(3330, 1 + 16, 1 + 3324 - 16).mean()),
                "That is how many to expect. How many would be surprising?",
            ),
        ),
    ),
    "02-kits": Exercise(
        right=_kits,
        tolerance=0.5,
        drawn=False,
        asks="the posterior mean of the number of kits",
        praise="Three numbers, the largest of them 33, and yet the mean lies well above it.",
        hint="The likelihood of a number x is 1/N where N is at least x, and zero elsewhere. Multiply three of them.",
        low=1,
        high=200,
        mistakes=(
            Mistake(lambda: 33.0, "That is the most probable N, and the smallest possible one. Asked is the mean."),
            Mistake(
                lambda: _kits(powers=1),
                "That is the mean if you had read one number, the largest. All three make large N less probable.",
            ),
            Mistake(
                lambda: _kits(powers=2),
                "That is the mean after two numbers. The third rules nothing out, and still counts.",
            ),
            Mistake(
                lambda: _kits(powers=0),
                "You ruled out what is too small, but gave all other N the same likelihood. It is 1/N for each number.",
            ),
            Mistake(
                lambda: _kits(smallest=1),
                "You did not rule anything out. Could a crate of 20 kits hold one with a larger number than that?",
            ),
        ),
    ),
}
