"""The self-checks of chapter 12, the Bayesian network: right answers in closed form or by quadrature."""

from functools import cache
from math import factorial

import numpy as np
from scipy import integrate, stats

from make_references import bayesian_network as network
from sidebyside.exercises import Exercise, Mistake

THREE, WIDE = 3, 2000  # hidden units in exercises 1 and 3
MARCH, AUGUST = 16, 33  # places of March 1964 and August 1965 among the 36 months


@cache
def _unit_variance() -> float:
    """Return the prior variance of one hidden unit at x = 0."""
    return integrate.quad(lambda b: np.tanh(b) ** 2 * stats.norm.pdf(b, 0, network.B_SD), -40, 40)[0]


def _prior_sd(units: float = 1, offset: bool = True) -> float:
    """Return the prior sd of the network's value at x = 0, in units of 2 ppm; ``units`` more than one: not scaled."""
    return float(np.sqrt(offset * network.C_SD**2 + units * network.V_SD**2 * _unit_variance()))


@cache
def _wide_sd(month: int = MARCH) -> float:
    """Return the sd of a wide network's value, hidden units drawn from the prior, in units of 2 ppm."""
    data = network.window()
    position = np.random.default_rng(1).normal(size=(1, 2, WIDE))
    _, covariance, _ = network.last_layer(network.features(position, data.x), data.y)
    there = network.features(position, data.grid[[month]])[0, 0]
    return float(np.sqrt(there @ covariance[0] @ there))


@cache
def _seasons(waves: int = 2, month: int = AUGUST) -> float:
    """Return the mean of a line with waves of one year, half a year and so on, in ppm."""
    data = network.window()

    def columns(x: np.ndarray) -> np.ndarray:
        turns = [wave(2 * np.pi * often * x) for often in range(1, waves + 1) for wave in (np.sin, np.cos)]
        return np.column_stack([np.ones_like(x), x, *turns])

    design, noise = columns(data.x), network.SIGMA / network.UNIT
    precision = np.eye(design.shape[1]) / network.C_SD**2 + design.T @ design / noise**2
    mean = np.linalg.solve(precision, design.T @ data.y / noise**2)
    return float(network.CENTRE + network.UNIT * (columns(data.grid[[month]]) @ mean)[0])


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
        right=lambda: network.UNIT * _prior_sd(),
        tolerance=0.25,
        low=0,
        asks="a standard deviation in ppm",
        praise="The number of units is not in it: that is what the root of H was for.",
        hint="Draw many b, w does not matter at x = 0, many v and many c; compute the networks' values; their standard "
        "deviation; then ppm. Or add variances.",
        mistakes=(
            Mistake(lambda: _prior_sd(), "That is in the network's unit. How many ppm is one?"),
            Mistake(lambda: network.UNIT * _prior_sd(offset=False), "Did you forget the offset c?"),
            Mistake(
                lambda: network.UNIT * _prior_sd(network.UNITS),
                "Did you divide the scale of v by the root of the number of units?",
            ),
        ),
    ),
    "12-wide": Exercise(
        right=lambda: network.UNIT * _wide_sd(),
        tolerance=0.01,
        low=0,
        asks="a standard deviation in ppm",
        praise="A network that nobody trained knows how little it knows.",
        hint="`last_layer(w_wide, b_wide, x, y, grid)` gives means and standard deviations at all months, in the "
        "network's unit; `march` is the place of March 1964.",
        mistakes=(
            Mistake(lambda: _wide_sd(), "That is in the network's unit. How many ppm is one?"),
            Mistake(lambda: network.UNIT * _wide_sd(0), "That is the first month of the 36. Use `march`."),
            Mistake(lambda: network.UNIT * _wide_sd(35), "That is the last month of the 36. Use `march`."),
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
        right=_seasons,
        tolerance=0.1,
        low=300,
        high=340,
        asks="a value in ppm",
        praise="Six coefficients that know of seasons see further than a network that does not.",
        hint="Six columns at the readings and the same six at the month that is asked; precision: 1 / 1.5² on the "
        "diagonal plus columns'columns / sigma²; then the mean, then ppm.",
        mistakes=(
            Mistake(lambda: _seasons(1), "Is the wave of half a year among your columns?"),
            Mistake(lambda: _seasons(month=AUGUST + 1), "That is September. The last month of `months` is October."),
            Mistake(lambda: _seasons(month=AUGUST - 1), "That is July. The last month of `months` is October."),
        ),
    ),
}
