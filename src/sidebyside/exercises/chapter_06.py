"""The self-checks of chapter 6, robust regression: right answers from the models' log densities on a grid."""

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

EXERCISES = {
    "06-steeper": Exercise(
        right=lambda: [
            stored("06-steeper, Gaussian"),
            stored("06-steeper, Student-t"),
            stored("06-steeper, mixture"),
        ],
        tolerance=0.04,
        low=0,
        high=1,
        asks="three probabilities, in the order Gaussian, Student-t, mixture",
        praise="One model is sure that the colleague is wrong, two think that the colleague is probably right.",
        hint="A statement's probability is the share of draws in which it is true. The draws of the Gaussian model are "
        "in gaussian_draws, with the slope in the second column.",
        mistakes=(
            Mistake(
                lambda: [
                    1 - stored("06-steeper, Gaussian"),
                    1 - stored("06-steeper, Student-t"),
                    1 - stored("06-steeper, mixture"),
                ],
                "Those are the probabilities that the colleague is wrong.",
            ),
        ),
    ),
    "06-finger": Exercise(
        right=lambda: stored("06-finger"),
        tolerance=0.006,
        asks="a slope (no unit)",
        praise="Very near to the mixture's. Now say why you left out these three and no other.",
        hint="Use gaussian_posterior with x, y and sigma_y of the points that you keep; the first result has the means "
        "of intercept and slope.",
        mistakes=(
            Mistake(lambda: stored("06-finger, all points"), "That is the slope with all points still in."),
            Mistake(
                lambda: stored("06-finger, without 1 to 3"),
                "The numbers in the table begin with 1, Python's places with 0: use the table's index.",
            ),
            Mistake(lambda: stored("06-finger, without 1 to 4"), "Point 1 should stay in."),
        ),
    ),
    "06-prior": Exercise(
        right=lambda: stored("06-prior"),
        tolerance=0.025,
        low=0,
        high=1,
        asks="a probability",
        praise="A little more than before: the prior matters for a single doubtful point, and hardly for the slope.",
        hint="Weight each draw by the new prior's density at its p_out over the old one's, and let the weights add up "
        "to one.",
        mistakes=(
            Mistake(
                lambda: stored("06-prior, the old one"),
                "That is the probability under the old prior: did the weights go in?",
            ),
            Mistake(
                lambda: stored("06-prior, weights upside down"),
                "Your weights are upside down: the new prior's density belongs above the line, the old one's below.",
            ),
        ),
    ),
}
