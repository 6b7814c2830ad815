"""The self-checks of chapter 12, the Bayesian network: right answers in closed form or by quadrature."""

from math import factorial

from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored

THREE = 3  # hidden units in exercise 1


EXERCISES = {
    "12-copies": Exercise(
        right=lambda: 2**THREE * factorial(THREE),
        tolerance=0.5,
        low=1,
        asks="how many networks, a whole number",
        praise="Each choice of signs goes with each order of the units.",
        hint="In how many orders can three units stand? How many ways are there to turn some of their signs round? "
        "Each of the one goes with each of the other.",
        mistakes=(
            Mistake(lambda: factorial(THREE), "Those are the orders. Each unit's signs may be turned round as well."),
            Mistake(lambda: 2**THREE, "Those are the signs. The units may change places as well."),
            Mistake(lambda: 2**THREE + factorial(THREE), "Each order goes with each choice of signs: not a sum."),
            Mistake(
                lambda: 2 ** (3 * THREE) * factorial(THREE),
                "The signs of w, b and v of one unit must turn together: one choice a unit, not three.",
            ),
        ),
    ),
    "12-prior": Exercise(
        right=lambda: stored("12-prior"),
        tolerance=0.25,
        low=0,
        asks="a standard deviation in ppm",
        praise="The number of units is not in it: that is what the root of H was for.",
        hint="Draw many b, w does not matter at x = 0, many v and many c; compute the networks' values; their standard "
        "deviation; then ppm. Or add variances.",
        mistakes=(
            Mistake(
                lambda: stored("12-prior, in the network's unit"), "That is in the network's unit. How many ppm is one?"
            ),
            Mistake(lambda: stored("12-prior, no offset"), "Did you forget the offset c?"),
            Mistake(
                lambda: stored("12-prior, v not scaled"),
                "Did you divide the scale of v by the root of the number of units?",
            ),
        ),
    ),
    "12-wide": Exercise(
        right=lambda: stored("12-wide"),
        tolerance=0.01,
        low=0,
        asks="a standard deviation in ppm",
        praise="A network that nobody trained knows how little it knows.",
        hint="`last_layer(w_wide, b_wide, x, y, grid)` gives means and standard deviations at all months, in the "
        "network's unit; `march` is the place of March 1964.",
        mistakes=(
            Mistake(
                lambda: stored("12-wide, in the network's unit"), "That is in the network's unit. How many ppm is one?"
            ),
            Mistake(lambda: stored("12-wide, first month"), "That is the first month of the 36. Use `march`."),
            Mistake(lambda: stored("12-wide, last month"), "That is the last month of the 36. Use `march`."),
        ),
    ),
    "12-rhat": Exercise(
        right=lambda: "c",
        asks="your choice",
        praise="What all copies share has an answer; which copy a chain is in has none.",
        hint="What do the chains disagree on: on curves, or on which unit is called the first?",
        mistakes=(
            Mistake(lambda: "a", "How long until a chain has visited ten million copies equally often?"),
            Mistake(lambda: "b", "What would the network of the average weights predict?"),
            Mistake(lambda: "d", "One chain can't disagree with itself. Does that make it right?"),
        ),
    ),
    "12-seasons": Exercise(
        right=lambda: stored("12-seasons"),
        tolerance=0.1,
        low=300,
        high=340,
        asks="a value in ppm",
        praise="Six coefficients that know of seasons see further than a network that does not.",
        hint="Six columns at the readings and the same six at the month that is asked; precision: 1 / 1.5² on the "
        "diagonal plus columns'columns / sigma²; then the mean, then ppm.",
        mistakes=(
            Mistake(lambda: stored("12-seasons, one wave"), "Is the wave of half a year among your columns?"),
            Mistake(
                lambda: stored("12-seasons, September"), "That is September. The last month of `months` is October."
            ),
            Mistake(lambda: stored("12-seasons, July"), "That is July. The last month of `months` is October."),
        ),
    ),
}
