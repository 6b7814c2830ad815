"""Checks of chapter 3, sampling."""

import numpy as np
from scipy import special

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

EXERCISES = {
    "03-draws": Exercise(
        right=lambda: 1000 * (0.02 / 0.005) ** 2,
        tolerance=100,
        asks="a number of draws",
        praise="A quarter of the error costs sixteen times the draws.",
        hint="The error goes with one over the square root of the number of draws.",
        low=1,
        mistakes=(
            Mistake(lambda: 1000 * 0.02 / 0.005, "That would be so if the error fell like 1/n. It falls like 1/√n."),
            Mistake(lambda: 1000 * np.sqrt(0.02 / 0.005), "You took the root where the square belongs."),
            Mistake(
                lambda: 1000 * (0.02 / 0.005) ** 2 - 1000,
                "That is how many *more* you need. How many are there in all?",
            ),
        ),
    ),
    "03-rare": Exercise(
        right=lambda: np.sqrt(0.001 * 0.999 / 4000) / 0.001,
        tolerance=0.01,
        asks="the error as a share of the true probability (0.1 for 10%)",
        praise="You expect four hits, give or take two: the answer may well be off by half.",
        hint="Standard deviation of a 0-or-1 number, over the root of the number of draws, over the probability.",
        low=0,
        mistakes=(
            Mistake(
                lambda: np.sqrt(0.001 * 0.999 / 4000),
                "That is the error itself. What share of the true probability is it?",
            ),
            Mistake(lambda: 100 * np.sqrt(0.001 * 0.999 / 4000) / 0.001, "That is in percent. This asks for a share."),
            Mistake(lambda: 50, "That may be the percent, rounded. This asks for a share, with two decimals."),
            Mistake(
                lambda: np.sqrt(0.001 * 0.999) / 0.001,
                "That is for a single draw. Divide by the root of the number of draws.",
            ),
        ),
    ),
    "03-acceptance": Exercise(
        right=lambda: stored("03-acceptance"),
        tolerance=0.02,
        asks="the share of proposals that are accepted",
        praise="It takes no more than a run to find it. Larger than the share for a step of 4, smaller than for 0.004.",
        hint="Is the step the one asked for, is the start inside the hill, and are there some thousand draws?",
        low=0,
        high=1,
        mistakes=(
            Mistake(lambda: 1 - stored("03-acceptance"), "That is the share refused."),
            Mistake(
                lambda: stored("03-acceptance, step of 0.18"),
                "That is the share for the step of 0.18, which the text uses.",
            ),
        ),
    ),
    "03-ess": Exercise(
        right=lambda: 10_000 * (1 - 0.9) / (1 + 0.9),
        tolerance=40,
        asks="a number of independent draws",
        praise="One draw in nineteen: the price of staying near where you were.",
        hint="Divide the number of draws by one plus twice the sum of the correlations.",
        low=1,
        mistakes=(
            Mistake(lambda: 10_000 * (1 - 0.9), "You left out the factor 2 before the sum."),
            Mistake(lambda: 10_000 / (1 + 2 * 0.9), "You took the first correlation only. All of them count."),
            Mistake(
                lambda: 10_000 * (1 + 0.9) / (1 - 0.9), "More than there are draws? You turned the fraction round."
            ),
        ),
    ),
    "03-bug": Exercise(
        right=lambda: "d",
        asks="your choice among the four reasons",
        praise="Accepting by the ratio of heights is right only if steps there and back are proposed alike.",
        hint="Think of the two flows between a place at 0.4 and one at 0.8. What must be equal?",
        mistakes=(
            Mistake(
                lambda: "a",
                "Staying is a visit too: walkers stay in high places. The chapter writes them down.",
            ),
            Mistake(
                lambda: "b",
                "Too much refused makes a sampler slow, not wrong. And the effective sample size is large.",
            ),
            Mistake(
                lambda: "c",
                "The constant is in both heights, whatever the proposal, so it cancels in their ratio.",
            ),
        ),
    ),
    "03-omitted": Exercise(
        right=lambda: stored("03-omitted"),
        tolerance=0.03,
        asks="the probability that beta is negative",
        praise="Without the other flights the model leans the wrong way. What was left out was what there was to know.",
        hint="Use only the flights with damage, the same priors, and count the draws with beta below zero.",
        low=0,
        high=1,
        mistakes=(
            Mistake(
                lambda: 1 - stored("03-omitted"), "That is the probability that damage gets *less* likely in the cold."
            ),
        ),
    ),
    "03-scatter": Exercise(
        right=lambda: stored("03-scatter"),
        tolerance=0.015,
        asks="the posterior mean of sigma in kg",
        praise="Five birds leave the scatter open: look at its interval, too.",
        hint="Two unknowns, mu and sigma. Average sigma over the draws, or over a grid.",
        low=0,
        mistakes=(
            Mistake(
                lambda: stored("03-scatter, no Jacobian"),
                "Do you sample log sigma? Then its log density has one term more, log sigma: the change of variable.",
            ),
            Mistake(
                lambda: 1000 * stored("03-scatter"),
                "That is in grams. This asks for kilograms.",
            ),
        ),
    ),
    "03-limit": Exercise(
        right=lambda: 0.2,
        tolerance=0.005,
        asks="the largest stable step",
        praise="Twice the standard deviation of the narrowest direction. The wide direction would have allowed 6.",
        hint="For one normal unknown the step must stay below twice its standard deviation. Which unknown decides?",
        low=0,
        mistakes=(
            Mistake(lambda: 6.0, "That is the limit of the wide direction. A step has to suit the narrow one, too."),
            Mistake(lambda: 0.1, "That is the standard deviation. The limit is a multiple of it."),
            Mistake(lambda: 2.0, "That is for a standard deviation of one."),
        ),
    ),
    "03-tree": Exercise(
        right=lambda: 4 * 1000 * (2**7 - 1),
        tolerance=5000,
        asks="a number of gradient evaluations",
        praise="Half a million gradients for 4,000 draws: a deep tree is a slow sampler, not a wrong one.",
        hint="A tree of depth d has 2 to the power d points. One of them is the start, whose gradient is known.",
        low=1,
        mistakes=(
            Mistake(lambda: 4 * 1000 * 7, "The path doubles each time: a tree of depth d has far more than d points."),
            Mistake(lambda: 1000 * (2**7 - 1), "That is one chain. There are four."),
            Mistake(lambda: 2**7 - 1, "That is one draw. How many draws are there?"),
            Mistake(lambda: 4 * 1000 * (2**6 - 1), "That is for a depth of 6. Each doubling counts."),
        ),
    ),
    "03-shell": Exercise(
        right=lambda: float(np.sqrt(2) * np.exp(special.gammaln(200.5) - special.gammaln(200))),
        tolerance=0.2,
        asks="a distance in standard deviations",
        praise="No draw comes near the mode, although the density is largest there.",
        hint="The squared distance is a sum of 400 squares, each with mean 1.",
        low=0,
        mistakes=(
            Mistake(lambda: 400, "That is the squared distance."),
            Mistake(lambda: 0, "The density is largest there, but there is hardly any room."),
            Mistake(lambda: 1, "That is the typical distance in a single direction. There are 400 of them."),
        ),
    ),
}
