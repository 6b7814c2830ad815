"""The self-checks of chapters 5 and 5b, regression: right answers from the reference posteriors and from the data."""

import numpy as np
from scipy.stats import norm

from sidebyside.datasets import load_co2, load_penguins, load_radon
from sidebyside.exercises import Exercise, Mistake
from sidebyside.exercises.stored import stored
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


def _several(parameter: str, species: int) -> float:
    """Return a posterior mean of chapter 5b's linear model (kg); species: 0 Adelie, 1 Chinstrap, 2 Gentoo."""
    return float(load_reference("penguins_several").parameters[parameter]["mean"][species])


def _ahead(sigmas: float) -> float:
    """Return P(a male Chinstrap outweighs a female Adelie of its flipper), for errors of that many sigmas."""
    typical = _several("level", 1) + _several("gain", 1) - _several("level", 0)
    sigma = load_reference("penguins_several").parameters["sigma"]["mean"]
    return float(norm.cdf(typical, 0, np.hypot(0.07, sigmas * sigma)))  # the typical difference is known to 0.07


def _odds(standard_deviations: float) -> float:
    """Return the factor of the odds of being male for a difference in mass."""
    return float(np.exp(_mean("b_mass", "penguins_sex") * standard_deviations))


def _basement(uranium: bool) -> float:
    """Return the least-squares difference of log radon, basement minus first floor, with uranium or without."""
    radon = load_radon()
    columns = [np.ones(len(radon)), radon["floor"] == 0]
    design = np.column_stack(columns + [np.log(radon["uranium_ppm"])] * uranium).astype(float)
    return float(np.linalg.lstsq(design, np.log(radon["radon_pci_l"].clip(lower=0.1)), rcond=None)[0][1])


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
    "05-indicator": Exercise(
        right=lambda: _several("level", 2) - _several("level", 0),
        tolerance=0.03,
        asks="a difference in kg",
        praise="An indicator's coefficient is a difference of two levels.",
        hint="With Adelie as the reference, the coefficient is what a Gentoo has more than an Adelie.",
        mistakes=(
            Mistake(lambda: _several("level", 2), "That is the Gentoos' level; she asks for the difference."),
            Mistake(lambda: _several("level", 0) - _several("level", 2), "Look at the sign: Gentoo minus Adelie."),
            Mistake(
                lambda: _several("level", 2) - _several("level", 0) + _several("gain", 2) - _several("gain", 0),
                "That is the difference between males; the question is about females.",
            ),
        ),
    ),
    "05-two-birds": Exercise(
        right=lambda: _ahead(np.sqrt(2)),
        tolerance=0.03,
        low=0,
        high=1,
        asks="a probability",
        praise="Both birds vary around what is typical for them.",
        hint="Let each draw make both birds, each with its own error of standard deviation sigma.",
        mistakes=(
            Mistake(lambda: _ahead(1), "Both birds vary around what is typical, not one of them alone."),
            Mistake(lambda: _ahead(0), "That compares the typical birds. Single birds vary around them."),
            Mistake(lambda: 1 - _ahead(np.sqrt(2)), "That is the probability that the Adelie is the heavier one."),
        ),
    ),
    "05-leave-out": Exercise(
        right=lambda: "b",
        asks="your choice",
        praise="A fork belongs in the model; a pipe and a collider don't, if the total effect is asked for.",
        hint="Draw the arrows: which is a fork, which a pipe, and which a collider?",
        mistakes=(
            Mistake(lambda: "a", "More predictors are not safer: what does a common effect do?"),
            Mistake(lambda: "c", "The path may act through stress. Do you want to remove that part of its effect?"),
            Mistake(lambda: "d", "Older pairs differ in both distance and success. What does leaving age out do?"),
        ),
    ),
    "05-odds": Exercise(
        right=lambda: stored("05-odds"),
        tolerance=1.6,
        low=0,
        asks="a factor",
        praise="Log odds add, so odds multiply.",
        hint="How many standard deviations of the Adelies' mass is half a kilogram? The coefficient is for one.",
        mistakes=(
            Mistake(lambda: _odds(0.5), "The coefficient is for one standard deviation, not for one kilogram.", 0.5),
            Mistake(lambda: _odds(1.0), "That is for one whole standard deviation of mass."),
            Mistake(
                lambda: float(np.log(stored("05-odds"))),
                "That is the change of the log odds: take the exponential.",
            ),
        ),
    ),
    "05-radon": Exercise(
        right=lambda: _basement(uranium=True),
        tolerance=0.015,
        asks="a difference of natural logarithms",
        praise="Uranium is not on the way from the floor to the radon, and explains part of the rest.",
        hint="Basement (floor 0) minus first floor (floor 1), with the logarithm of uranium as a further predictor.",
        mistakes=(
            Mistake(lambda: -_basement(uranium=True), "Look at the sign: basement minus first floor."),
            Mistake(lambda: _basement(uranium=False), "That is the difference without uranium in the model."),
            Mistake(lambda: _basement(uranium=True) / np.log(10), "That is in decimal logarithms."),
        ),
    ),
}
