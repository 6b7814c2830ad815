"""The self-checks of chapter 13, choosing a library: right answers from arithmetic and the reference posterior."""

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from sidebyside.exercises import Exercise, Mistake
from sidebyside.references import load_reference

START_A, SPEED_A, START_B, SPEED_B = 20, 900, 4, 100  # seconds before the first draw; effective draws a second
ITER, WARMUP, CHAINS = 3000, 1000, 4


def _better_wins(spread: float | None = None) -> float:
    """Probability that the better of two newcomers wins, averaged over sd (or at one value of it).

    The difference of two skills from the family is normal, sqrt(2) times as wide as the family.
    """
    truth = load_reference("bradley_terry").parameters["sd"]
    quantiles = (np.arange(2000) + 0.5) / 2000
    gap = np.abs(norm.ppf(quantiles))[:, None] * np.sqrt(2)
    widths = norm.ppf(quantiles[::20], truth["mean"], truth["sd"]) if spread is None else np.array([spread])
    return float(expit(gap * widths).mean())


EXERCISES = {
    "13-pays": Exercise(
        right=lambda: (START_A - START_B) / (1 / SPEED_B - 1 / SPEED_A),
        tolerance=20,
        low=0,
        asks="a number of effective draws",
        praise="With fewer draws than that, the slow starter comes second.",
        hint="Write down the seconds that each needs for n effective draws, set them equal, and solve for n.",
        mistakes=(
            Mistake(
                lambda: (START_A - START_B) * (SPEED_A - SPEED_B),
                "Speeds can't be subtracted; seconds can. A needs n divided by its speed.",
            ),
            Mistake(
                lambda: (START_A - START_B) * SPEED_B,
                "So many draws B makes in its head start. But A needs some time for them too, and B goes on meanwhile.",
            ),
            Mistake(
                lambda: (START_A - START_B) * SPEED_A,
                "It is B that draws during the head start, and B is the slower one.",
            ),
            Mistake(lambda: START_A * SPEED_B, "B does not begin at zero seconds either."),
        ),
    ),
    "13-blog": Exercise(
        right=lambda: "b",
        asks="the letter of your choice",
        praise="Effective draws a second, and first of all an answer that can be trusted.",
        hint="Divide each smallest effective sample size by the seconds. Then look at R-hat.",
        mistakes=(
            Mistake(lambda: "a", "Seconds for a fixed number of draws: what is such a draw worth in X, and in Y?"),
            Mistake(lambda: "c", "Draws are not effective draws. The small print tells how many of those there were."),
            Mistake(
                lambda: "d",
                "Another machine changes the seconds. It does not change the effective sample size, nor R-hat.",
            ),
        ),
    ),
    "13-newcomers": Exercise(
        right=_better_wins,
        tolerance=0.01,
        low=0.5,
        high=1,
        asks="a probability",
        praise="What nobody has seen is judged by the family.",
        hint="For each draw of sd, draw two skills from Normal(0, sd). The better one's lead is the absolute "
        "difference; turn it into a probability with expit, and average.",
        mistakes=(
            Mistake(
                lambda: float(expit(np.sqrt(2) * load_reference("bradley_terry").parameters["sd"]["mean"])),
                "That is one typical lead put into the curve. Average the probabilities, not the leads.",
            ),
            Mistake(lambda: 0.5, "That would be either of the two. The question is about the better one."),
            Mistake(
                lambda: _better_wins(load_reference("bradley_terry").parameters["sd"]["mean"] / np.sqrt(2)),
                "That is one newcomer against an average player. Both come from the family.",
            ),
        ),
    ),
    "13-page": Exercise(
        right=lambda: "c",
        asks="the letter of your choice",
        praise="Every visitor waits for the import and the compiler.",
        hint="Follow one visitor from the click to the result. What is waited for, and how long?",
        mistakes=(
            Mistake(lambda: "a", "That counts once drawing has begun. How long does it take to get there?"),
            Mistake(lambda: "b", "That tells who is to blame for slow drawing. Does drawing take long here?"),
            Mistake(lambda: "d", "Four chains are enough here, and so is one processor for so few numbers."),
        ),
    ),
    "13-iter": Exercise(
        right=lambda: ITER - WARMUP,
        tolerance=0.5,
        low=0,
        asks="a number of draws a chain",
        praise="And num_warmup stands beside it.",
        hint="What did iter count, and what does num_samples count?",
        mistakes=(
            Mistake(
                lambda: ITER, "iter counted the adaptation too. These steps were thrown away then, as they are now."
            ),
            Mistake(
                lambda: (ITER - WARMUP) * CHAINS,
                "That is all chains together. Both programs are told what one chain does.",
            ),
            Mistake(lambda: ITER + WARMUP, "The adaptation was part of iter, not beside it."),
        ),
    ),
}
