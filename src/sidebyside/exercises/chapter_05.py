"""The self-checks of chapters 5 and 5b, regression: right answers from the reference posteriors and from the data."""

import numpy as np
from scipy.stats import norm

from sidebyside.datasets import load_co2, load_penguins
from sidebyside.exercises import Exercise, Mistake
from sidebyside.references import load_reference


def _mean(parameter: str, reference: str = "penguins_line") -> float:
    return load_reference(reference).parameters[parameter]["mean"]


def _sd(parameter: str) -> float:
    return load_reference("penguins_line").parameters[parameter]["sd"]


def _flipper_mean(species: str | None = None) -> float:
    """Mean flipper length of the birds that were measured, or of one species of them, in cm."""
    penguins = load_penguins()
    chosen = penguins if species is None else penguins[penguins["species"] == species]
    return float(chosen["flipper_length_mm"].mean() / 10)


def _repaired(flipper_cm: float, own_centre: bool = True) -> float:
    """Return how much heavier (g) an Adelie is by the Adelies' line than by the line through all birds."""
    line = {
        name: (_mean("alpha", name), _mean("beta", name), _flipper_mean(species))
        for name, species in (("penguins_line", None), ("penguins_adelie", "Adelie" if own_centre else None))
    }
    common, own = (height + slope * (flipper_cm - centre) for height, slope, centre in line.values())
    return 1000 * (own - common)


def _co2_slope(since: int) -> float:
    """Return the least-squares slope (ppm per year) of the months since a year's January."""
    co2 = load_co2()
    year = co2["month"].str[:4].astype(int) + (co2["month"].str[5:].astype(int) - 0.5) / 12
    late = year > since
    return float(np.polyfit(year[late] - 1990, co2.loc[late, "co2_ppm"], 1)[0])


def _over_5_kg(spread: bool = True, centred: bool = True) -> float:
    """Probability that a bird with 21 cm flippers (spread) or its typical mass (no spread) exceeds 5 kg."""
    x = 21 - _flipper_mean() if centred else 21.0
    sd_of_line = np.hypot(_sd("alpha"), _sd("beta") * x)
    return float(norm.sf(5, _mean("alpha") + _mean("beta") * x, np.hypot(sd_of_line, _mean("sigma") * spread)))


EXERCISES = {
    "05-half-kilogram": Exercise(
        right=lambda: float(norm.sf(0.5, _mean("beta"), _sd("beta"))),
        tolerance=0.04,
        low=0,
        high=1,
        asks="a probability",
        praise="The data leave it open on which side of half a kilogram the slope lies.",
        hint="A statement's probability is the share of draws in which it is true: the mean of a comparison.",
        mistakes=(
            Mistake(
                lambda: float(norm.cdf(0.5, _mean("beta"), _sd("beta"))),
                "That is the probability of less than half a kilogram.",
            ),
        ),
    ),
    "05-intercept": Exercise(
        right=lambda: _mean("alpha") - _mean("beta") * _flipper_mean(),
        tolerance=0.08,
        asks="an intercept in kg",
        praise="It is the line's value 17 centimetres away from the nearest bird.",
        hint="Write alpha + beta * (f - mean of f) out, and collect what does not depend on f.",
        mistakes=(
            Mistake(
                lambda: _mean("beta") * _flipper_mean() - _mean("alpha"),
                "Look at the sign: which way does the line go as the flipper shrinks to nothing?",
            ),
            Mistake(
                lambda: _mean("alpha"),
                "That is alpha, the typical mass at the average flipper. Walk from there to a flipper of length zero.",
            ),
            Mistake(
                lambda: _mean("alpha") - 10 * _mean("beta") * _flipper_mean(),
                "Mind the units: the slope is per centimetre, so the mean flipper must be in centimetres too.",
            ),
        ),
    ),
    "05-sedative": Exercise(
        right=_over_5_kg,
        tolerance=0.03,
        low=0,
        high=1,
        asks="a probability",
        praise="Line and spread together: the question was about one bird.",
        hint="Let each draw make one bird with 21 cm flippers, and count those over 5 kg.",
        mistakes=(
            Mistake(
                lambda: _over_5_kg(spread=False),
                "That is the probability that the typical mass is over 5 kg. Single birds differ from the typical one.",
            ),
            Mistake(
                lambda: 1 - _over_5_kg(),
                "That is the probability that the bird is lighter.",
            ),
            Mistake(
                lambda: _over_5_kg(centred=False),
                "The line was fitted to centred flippers: subtract their mean from 21 first.",
            ),
        ),
    ),
    "05-adelie": Exercise(
        right=lambda: [_repaired(18.0), _repaired(20.0)],
        tolerance=15,
        asks="two differences in grams, at 18 and at 20 cm",
        praise="The lines cross in between, so no single correction repairs the wrong line.",
        hint="Each line has its own centre: subtract the mean flipper of the birds it was fitted to.",
        mistakes=(
            Mistake(
                lambda: [-_repaired(18.0), -_repaired(20.0)],
                "Look at the signs: the repaired model's mass minus that of the line through all birds.",
            ),
            Mistake(
                lambda: [_repaired(18.0) / 1000, _repaired(20.0) / 1000],
                "That is in kilograms; the question asks for grams.",
            ),
            Mistake(
                lambda: [_repaired(18.0, own_centre=False), _repaired(20.0, own_centre=False)],
                "The Adelies' line was fitted to flippers centred on the Adelies' own mean.",
            ),
        ),
    ),
    "05-co2": Exercise(
        right=lambda: _co2_slope(1990),
        tolerance=0.04,
        asks="a slope in ppm per year",
        praise="The slope is the line's most trustworthy number; its interval is not.",
        hint="Keep the months from 1990 on, and measure time in years: January 1990 is 1990 and half a month.",
        mistakes=(
            Mistake(lambda: _co2_slope(1958), "That is the slope of all months since 1958."),
            Mistake(lambda: _co2_slope(1990) / 12, "That is in ppm per month."),
        ),
    ),
    "05-why": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="Between species and within a species are two different comparisons.",
        hint="Try it: what does least squares, which has no prior, say about the Adelies alone?",
        mistakes=(
            Mistake(
                lambda: "a", "Test that idea: least squares has no prior. What slope does it find for the Adelies?"
            ),
            Mistake(lambda: "c", "Test that idea: shift all x by a constant and fit again. Does the slope move?"),
        ),
    ),
}
