"""Chapter 5b's models, written once more in NumPy and SciPy: what the five libraries are held against.

``penguins_several``: mass (kg) by species, by sex within species, and by flipper length (standardised). Given sigma its
other parameters are jointly normal, so the moments are exact but for a sum over sigma.
``penguins_total``: the same with the flipper of every bird set to 0, so that the slope keeps its prior.
``penguins_sex``: the sex of an Adelie by mass and bill depth (standardised), a logistic regression, by quadrature.
"""

import numpy as np
from scipy import special, stats

from make_references.quadrature import make_reference
from sidebyside.datasets import load_penguins

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
PRIOR_MEAN = np.array([4.0, 4, 4, 0, 0, 0, 0])  # level and gain of each species, slope
PRIOR_SD = np.array([1.5, 1.5, 1.5, 0.5, 0.5, 0.5, 0.5])


def standardised(values) -> np.ndarray:
    """Return values with mean 0 and standard deviation 1."""
    values = np.asarray(values, dtype=float)
    return (values - values.mean()) / values.std()


def birds():
    """Return the 333 penguins of known sex."""
    return load_penguins().dropna()


def data() -> dict[str, np.ndarray]:
    """Return species (0 to 2), male (0 or 1), standardised flipper length and mass in kg, each of shape (birds,)."""
    penguins = birds()
    return {
        "species": penguins["species"].map(SPECIES.index).to_numpy(),
        "male": (penguins["sex"] == "male").to_numpy(dtype=int),
        "flipper": standardised(penguins["flipper_length_mm"]),
        "y": penguins["body_mass_g"].to_numpy() / 1000,
    }


def without_flipper() -> dict[str, np.ndarray]:
    """Return the same with the flipper of every bird set to 0."""
    table = data()
    return table | {"flipper": np.zeros_like(table["flipper"])}


def design(species, male, flipper) -> np.ndarray:
    """Return one row per bird: level and gain of each species, and the flipper."""
    own = np.eye(3)[species]
    return np.column_stack([own, own * male[:, None], flipper])


def several(level, gain, slope, sigma, *, species, male, flipper, y) -> float:
    """Log joint density of the linear model."""
    mean = np.asarray(level)[species] + np.asarray(gain)[species] * male + slope * flipper
    return float(
        stats.norm.logpdf(level, 4, 1.5).sum()
        + stats.norm.logpdf(gain, 0, 0.5).sum()
        + stats.norm.logpdf(slope, 0, 0.5)
        + stats.halfnorm.logpdf(sigma)
        + stats.norm.logpdf(y, mean, sigma).sum()
    )


class Conditional:
    """The posterior of a normal linear model with normal priors: exactly normal given each of a grid's sigmas.

    Attributes
    ----------
    weight : posterior probability of each sigma, shape (points,)
    mean, covariance : of the coefficients given each sigma, shapes (points, k) and (points, k, k)
    """

    def __init__(self, x, y, prior_mean, prior_sd, points: int = 240):
        self.sigma = np.geomspace(0.18, 0.9, points)
        prior = np.diag(1 / np.square(prior_sd))
        square, cross = x.T @ x, x.T @ y
        self.covariance = np.array([np.linalg.inv(prior + square / one**2) for one in self.sigma])
        pull = [prior @ prior_mean + cross / one**2 for one in self.sigma]
        self.mean = np.einsum("pij,pj->pi", self.covariance, pull)
        # evidence = likelihood * prior / posterior, at the posterior mean
        log_weight = [
            stats.norm.logpdf(y, x @ mean, one).sum()
            + stats.norm.logpdf(mean, prior_mean, prior_sd).sum()
            + np.linalg.slogdet(covariance)[1] / 2
            + stats.halfnorm.logpdf(one)
            + np.log(one)  # the grid is even in log sigma
            for one, mean, covariance in zip(self.sigma, self.mean, self.covariance, strict=True)
        ]
        self.weight = special.softmax(log_weight)

    def parts(self, direction, noise: float = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sd, given each sigma, of a linear combination plus ``noise`` times one bird's error."""
        direction = np.asarray(direction, dtype=float)
        variance = np.einsum("i,pij,j->p", direction, self.covariance, direction)
        return self.mean @ direction, np.sqrt(variance + noise * self.sigma**2)

    def moments(self, direction, noise: float = 0) -> dict[str, float]:
        """Return mean, sd and kurtosis of a linear combination."""
        middle, sd = self.parts(direction, noise)
        mean = float(self.weight @ middle)
        off = middle - mean
        variance = float(self.weight @ (sd**2 + off**2))
        fourth = float(self.weight @ (3 * sd**4 + 6 * sd**2 * off**2 + off**4))
        return {"mean": mean, "sd": np.sqrt(variance), "kurtosis": fourth / variance**2}

    def above(self, limit: float, direction, noise: float = 0) -> float:
        """Return the probability that a linear combination exceeds ``limit``."""
        return float(self.weight @ stats.norm.sf(limit, *self.parts(direction, noise)))


def posterior(points: int = 240, table: dict | None = None) -> Conditional:
    """Return the posterior of the linear model; ``table`` is what :func:`data` returns, or :func:`without_flipper`."""
    table = data() if table is None else table
    return Conditional(
        design(table["species"], table["male"], table["flipper"]), table["y"], PRIOR_MEAN, PRIOR_SD, points
    )


def _moments(points: int, table: dict) -> dict[str, dict]:
    made = posterior(points, table)
    each = [made.moments(row) for row in np.eye(7)]
    mean = float(made.weight @ made.sigma)
    variance = float(made.weight @ (made.sigma - mean) ** 2)
    return {
        "level": {key: [one[key] for one in each[:3]] for key in each[0]},
        "gain": {key: [one[key] for one in each[3:6]] for key in each[0]},
        "slope": each[6],
        "sigma": {
            "mean": mean,
            "sd": np.sqrt(variance),
            "kurtosis": float(made.weight @ (made.sigma - mean) ** 4) / variance**2,
        },
    }


_BASE = {"level": [3.6, 3.7, 4.4], "gain": [0.6, 0.3, 0.6], "slope": 0.3, "sigma": 0.3}
POINTS = [
    _BASE,
    _BASE | {"level": [3.2, 3.7, 4.6]},
    _BASE | {"gain": [0.9, -0.2, 0.6]},
    _BASE | {"slope": -0.1},
    _BASE | {"sigma": 0.6},
    {"level": [4.0, 3.0, 5.0], "gain": [0.2, 0.5, 1.0], "slope": 0.6, "sigma": 0.45},
]


def adelies() -> dict[str, np.ndarray]:
    """Return mass and bill depth, standardised over the Adelies of known sex, and 1 for males."""
    table = birds().query("species == 'Adelie'")
    return {
        "mass": standardised(table["body_mass_g"]),
        "depth": standardised(table["bill_depth_mm"]),
        "male": (table["sex"] == "male").to_numpy(dtype=int),
    }


_ADELIES = adelies()


def sex(intercept, b_mass, b_depth):
    """Log joint density of the logistic model; the parameters may be arrays of one shape."""
    log_joint = sum(stats.norm.logpdf(value, 0, 1.5) for value in (intercept, b_mass, b_depth))
    for mass, depth, male in zip(*_ADELIES.values(), strict=True):
        log_odds = intercept + b_mass * mass + b_depth * depth
        log_joint = log_joint - np.logaddexp(0, np.where(male, -log_odds, log_odds))
    return log_joint


MODELS = {
    "penguins_several": {"grids": (120, 240), "data": data},
    "penguins_total": {"grids": (120, 240), "data": without_flipper},
    "penguins_sex": {
        "log_density": sex,
        "points": [
            {"intercept": 0.1, "b_mass": 2.0, "b_depth": 1.5},
            {"intercept": 1.0, "b_mass": 2.0, "b_depth": 1.5},
            {"intercept": 0.1, "b_mass": -0.5, "b_depth": 1.5},
            {"intercept": 0.1, "b_mass": 2.0, "b_depth": 0.2},
            {"intercept": -0.5, "b_mass": 3.0, "b_depth": 1.0},
        ],
        "integrand": sex,
        "box": {"intercept": (-2.1, 2.4), "b_mass": (0.0, 7.4), "b_depth": (-1.2, 4.4)},
        "forward": {},
        "grids": (52, 72),
    },
}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make one of this module's references; ``grids`` are the coarser and the finer number of points an axis."""
    if "data" not in MODELS[name]:
        return make_reference(name, MODELS[name], grids)
    coarse_points, fine_points = grids or MODELS[name]["grids"]
    table = MODELS[name]["data"]()
    coarse, fine = _moments(coarse_points, table), _moments(fine_points, table)
    for parameter, values in fine.items():
        for moment in ("mean", "sd"):
            difference = np.abs(np.subtract(values[moment], coarse[parameter][moment]))
            values[f"{moment}_error"] = difference.tolist()
    return {
        "name": name,
        "how": (
            f"Exactly normal given sigma, added up over {fine_points} values of sigma; the errors are the differences "
            f"from {coarse_points} values. Made by `make references`."
        ),
        "parameters": fine,
        "points": POINTS,
        "log_density": [several(**point, **table) for point in POINTS],
    }
