"""The self-checks of chapter 11, large data: right answers from closed forms and sums over grids, without any draws."""

import numpy as np
from scipy import stats

from sidebyside.exercises import Exercise, Mistake
from sidebyside.references import load_reference

SD, CORRELATION = 2.0, 0.8
POSTERIOR_SD, WANTED = 0.0004, 0.0001
FITS, WORKERS, MINUTES, COMPILE = 65, 10, 4, 1
INSIDE, COUNTIES = 54, 65
EPOCHS = (POSTERIOR_SD / WANTED) ** 2


def _sd(reference: str, name: str = "beta") -> float:
    """Return the standard deviation of an unknown in a stored reference."""
    return float(load_reference(reference).parameters[name]["sd"])


EXERCISES = {
    "11-tilted": Exercise(
        right=lambda: SD * np.sqrt(1 - CORRELATION**2),
        tolerance=0.02,
        low=0,
        high=SD,
        asks="a standard deviation",
        praise="It is the width that is left when the other unknown is known.",
        hint="Invert the covariance matrix. One over a diagonal element is the variance that you want.",
        mistakes=(
            Mistake(lambda: SD, "That is the posterior's own. Mean-field curves are narrower where unknowns are tied."),
            Mistake(lambda: SD**2 * (1 - CORRELATION**2), "That is the variance. Take its root."),
            Mistake(lambda: SD * (1 - CORRELATION**2), "Close: that factor belongs to the variance, not to the sd."),
            Mistake(lambda: SD * (1 - CORRELATION), "One minus the correlation is a good thought; square first."),
            Mistake(
                lambda: np.sqrt(1 - CORRELATION**2), "That would be right if the unknowns had standard deviations of 1."
            ),
        ),
    ),
    "11-epochs": Exercise(
        right=lambda: EPOCHS,
        tolerance=0.5,
        low=0,
        asks="a number of epochs",
        praise="Each halving of the error costs four times the epochs.",
        hint="After k epochs the error is about one posterior standard deviation divided by the root of k.",
        mistakes=(
            Mistake(lambda: POSTERIOR_SD / WANTED, "The error falls with the root of the number of epochs."),
            Mistake(lambda: (WANTED / POSTERIOR_SD) ** 2, "Turn the fraction round: more epochs, smaller error."),
            Mistake(lambda: 1000 * EPOCHS, "That is the number of batches, not of epochs."),
        ),
    ),
    "11-green": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="Green does not prove, red does.",
        hint="Where do the draws come from that are weighed?",
        mistakes=(
            Mistake(lambda: "a", "Would any of its draws have landed on the second hill?"),
            Mistake(lambda: "c", "Look up the limit: is a small k-hat good or bad?"),
            Mistake(lambda: "d", "More draws of the same curve land in the same place."),
        ),
    ),
    "11-workers": Exercise(
        right=lambda: float(COMPILE + MINUTES * np.ceil(FITS / WORKERS)),
        tolerance=0.1,
        low=0,
        asks="a number of minutes",
        praise="The last round leaves half of the workers without work.",
        hint="How many rounds of fits does the busiest worker do? And how often does it compile?",
        mistakes=(
            Mistake(lambda: COMPILE + MINUTES * FITS / WORKERS, "Fits can't be cut in pieces: round up."),
            Mistake(lambda: MINUTES * np.ceil(FITS / WORKERS), "And compiling?"),
            Mistake(lambda: (COMPILE + MINUTES) * np.ceil(FITS / WORKERS), "A process compiles once, not each time."),
            Mistake(lambda: COMPILE + MINUTES * FITS, "That is one worker alone."),
        ),
    ),
    "11-key": Exercise(
        right=lambda: "c",
        asks="your choice",
        praise="A key can only know what it was told of.",
        hint="What goes into the key: which sources, which contents?",
        mistakes=(
            Mistake(lambda: "a", "What is named in `uses` goes into the key, by its source."),
            Mistake(lambda: "b", "Do arguments go into the key by name or by content?"),
            Mistake(lambda: "d", "The seed is an argument like others."),
        ),
    ),
    "11-inside": Exercise(
        right=lambda: float(stats.binom.cdf(INSIDE, COUNTIES, 0.9)),
        tolerance=0.01,
        low=0,
        high=1,
        asks="a probability",
        praise="Rare, and not rare enough to accuse anybody.",
        hint="Each of the counties is inside with probability 0.9, independently: which distribution counts them?",
        mistakes=(
            Mistake(lambda: float(stats.binom.sf(INSIDE, COUNTIES, 0.9)), "That is the probability of more than that."),
            Mistake(
                lambda: float(stats.binom.pmf(INSIDE, COUNTIES, 0.9)), "That is the probability of exactly that many."
            ),
            Mistake(lambda: INSIDE / COUNTIES, "That is the share that was inside."),
        ),
    ),
    "11-not-centred": Exercise(
        right=lambda: _sd("robust_not_centred"),
        tolerance=0.006,
        low=0,
        asks="the standard deviation of the slope",
        praise="The model is the same; what the shortcut makes of it is not.",
        hint="Give x in hundreds, without its mean taken off, to the same model, and read the sd of beta.",
        mistakes=(
            Mistake(lambda: _sd("robust_mean_field"), "That is what one finds with x centred."),
            Mistake(lambda: _sd("robust_log"), "That is the posterior's own. What has the mean-field curve?"),
            Mistake(lambda: _sd("robust_not_centred", "alpha"), "That is the intercept's."),
            Mistake(lambda: _sd("robust_not_centred") / 100, "Is x in hundreds?"),
        ),
    ),
}
