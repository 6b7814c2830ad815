"""The self-checks of chapter 7, measurement noise: right answers from formulas and from the reference posteriors."""

import numpy as np
from scipy import stats

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored
from sidebyside.references import load_reference


def _area(limit: float = np.log(1.95)) -> float:
    return float(stats.norm.cdf(limit, 0.5, 1))


def _ruler(spread: float = 44, kept: float = 0.9) -> float:
    """Error (standard deviation) that flattens a slope to the share ``kept``."""
    return float(spread * np.sqrt(1 / kept - 1))


def _left(beta: float = 2, r: float = 0.6, error: float = 1) -> float:
    """Coefficient of a predictor without effect, next to a confounder with an error of variance ``error``."""
    return beta * r * error / (1 - r**2 + error)


def _accidents(parameter: str) -> float:
    return load_reference("accident_counts").parameters[parameter]["mean"]


EXERCISES = {
    "07-area": Exercise(
        right=_area,
        tolerance=0.005,
        high=1,
        asks="a probability",
        praise="That is all that the reading says, and it is something.",
        hint="The area left of the limit: the cumulative distribution function, at the limit's logarithm.",
        mistakes=(
            Mistake(lambda: _area(1.95), "The model describes logarithms: the limit has to be one, too."),
            Mistake(
                lambda: _area(np.log(2)),
                "Nearly: that is the area below 2.0. The table has steps of 0.1: where does its '< 2' begin?",
            ),
            Mistake(
                lambda: float(stats.norm.pdf(np.log(1.95), 0.5, 1)),
                "That is the height of the density at the limit, as if the reading had been exactly there.",
            ),
            Mistake(lambda: 1 - _area(), "That is the area on the other side: readings that the detector can see."),
            Mistake(
                lambda: float(np.log(_area())), "That is the logarithm of it. Here the probability itself is asked."
            ),
        ),
    ),
    "07-ruler": Exercise(
        right=_ruler,
        tolerance=0.1,
        drawn=False,
        low=0,
        high=1000,
        asks="a standard deviation, in the units of the positions and to one decimal",
        praise="About a third of the spread of the positions.",
        hint="Set spread squared / (spread squared + error squared) to the share of the slope that may be left.",
        mistakes=(
            Mistake(lambda: float(np.floor(_ruler())), "That is a safe whole number. One decimal is asked.", 0.03),
            Mistake(
                lambda: float(np.ceil(_ruler())),
                "Rounded up? With that error the slope loses a little more than a tenth. One decimal is asked.",
                0.03,
            ),
            Mistake(lambda: _ruler() ** 2, "That is a variance. The square root of it is asked."),
            Mistake(
                lambda: 44 * (1 / 0.9 - 1),
                "Variances add up, not standard deviations: the factor holds the squares of both.",
            ),
            Mistake(lambda: 44 * np.sqrt(0.1), "At most a tenth may be lost: the factor is 0.9, not 1 / 1.1.", 0.05),
            Mistake(lambda: _ruler(kept=0.1), "A tenth may be lost, not a tenth be left."),
            Mistake(lambda: _ruler(spread=0.44), "Mind the units: the answer is asked in units, not in hundreds."),
        ),
    ),
    "07-adjust": Exercise(
        right=_left,
        tolerance=0.01,
        drawn=False,
        low=-10,
        high=10,
        asks="a coefficient",
        praise="More than half of the confounding is left after the adjustment.",
        hint="Half error means that the error variance is as large as the true one. Then use the formula for b2.",
        mistakes=(
            Mistake(lambda: 0.0, "That would be so if x1 had no error: what does lambda say?"),
            Mistake(lambda: 2 * 0.6, "That is the coefficient without any adjustment for x1."),
            Mistake(
                lambda: 0.5 * 2 * 0.6,
                "The reliability is that of x1 once x2 is known, and x2 explains a part of the true variance.",
            ),
            Mistake(lambda: 2 * 0.6 - _left(), "That is the share that the adjustment removes."),
            Mistake(lambda: 2 - _left() / 0.6, "That is the coefficient of x1. The other one is asked."),
            Mistake(lambda: _left(error=0.5), "Half of the measured variance is error, not half of the true one."),
        ),
    ),
    "07-two": Exercise(
        right=lambda: (_accidents("phi") + 2) / (_accidents("phi") / _accidents("mu") + 1),
        tolerance=0.04,
        low=0,
        high=10,
        asks="an expected number of accidents",
        praise="Between what she had and what all have.",
        hint="The posterior of her rate is a gamma distribution: its mean is its first number over its second.",
        mistakes=(
            Mistake(lambda: 2.0, "That takes her two accidents for the truth. How much of them was luck?"),
            Mistake(lambda: _accidents("mu"), "That is the mean of all women: her own two accidents count too."),
            Mistake(
                lambda: 1 / (_accidents("phi") / _accidents("mu") + 1) * 2,
                "Did you add phi to her accidents? Her prior counts too.",
            ),
        ),
    ),
    "07-spelling": Exercise(
        right=lambda: 3 / 5,
        tolerance=0.005,
        high=1,
        asks="a probability",
        praise="The mean is phi p / (1 - p), which is 3.",
        hint="Look for the row of your library in the table: probs is mu / (mu + phi).",
        mistakes=(
            Mistake(lambda: 2 / 5, "That is p as PyMC and SciPy have it: success and failure are turned round."),
            Mistake(lambda: 3 / (3 + 1 / 2), "That takes 1 / phi for phi."),
            Mistake(lambda: float(np.log(3 / 2)), "That is close to the logits, log(mu / phi). probs is asked."),
        ),
    ),
    "07-exposure": Exercise(
        right=lambda: (_accidents("phi") + 3) / (_accidents("phi") / _accidents("mu") + 4),
        tolerance=0.03,
        low=0,
        high=10,
        asks="an expected number of accidents",
        praise="Less than half of what is expected of the woman with three accidents in five weeks.",
        hint="Her exposure is four periods of five weeks: put it in the place of the 1 in the gamma's second number.",
        mistakes=(
            Mistake(
                lambda: (_accidents("phi") + 3) / (_accidents("phi") / _accidents("mu") + 1),
                "That is a woman with three accidents in five weeks. This one was watched for twenty.",
            ),
            Mistake(lambda: 3 / 4, "That takes her own rate for the truth. All women's mean counts too."),
            Mistake(
                lambda: 4 * (_accidents("phi") + 3) / (_accidents("phi") / _accidents("mu") + 4),
                "That is for the next twenty weeks. Five are asked.",
            ),
        ),
    ),
    "07-blinder": Exercise(
        right=lambda: stored("07-blinder"),
        tolerance=0.1,
        low=0,
        high=50,
        asks="a radon level in pCi/L",
        praise="Near the answer from all readings, from a quarter of them.",
        hint="Is the limit in the model the new one, in logarithms, and are the readings those that are seen now?",
        mistakes=(
            Mistake(
                lambda: load_reference("censored_radon_4").parameters["mu"]["mean"],
                "That is mu, a logarithm. The typical level is its exponential.",
            ),
            Mistake(
                lambda: stored("07-blinder, half the limit filled in"),
                "That is what half the limit in the hidden rows would give.",
            ),
            Mistake(
                lambda: stored("07-blinder, the limit filled in"),
                "That is what the limit itself in the hidden rows would give.",
            ),
        ),
    ),
    "07-both-ends": Exercise(
        right=lambda: stored("07-both-ends"),
        tolerance=0.03,
        low=0,
        high=10,
        asks="a standard deviation of logarithms",
        praise="The area on the right says that there is a tail, if not how long.",
        hint="Heights for what is seen, one area on the left, one on the right, each times its number of readings.",
        mistakes=(
            Mistake(
                lambda: stored("07-both-ends, neither end"),
                "That leaves the hidden readings out, at both ends. Each end contributes an area.",
            ),
            Mistake(
                lambda: stored("07-both-ends, left end alone"),
                "That leaves the readings above 6 out. They too have an area.",
            ),
            Mistake(
                lambda: load_reference("censored_radon").parameters["sigma"]["mean"],
                "That is the detector which is blind on the left alone.",
            ),
        ),
    ),
}
