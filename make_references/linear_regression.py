"""Chapter 5's line, written once more in NumPy and SciPy: what the five libraries are held against.

Both models are the same line, for all penguins and for the Adelie penguins alone: flipper length in cm from its mean,
mass in kg. Parameters may be arrays of one shape; the log joint density comes back in that shape.
"""

from functools import partial

import numpy as np
from scipy import stats

from make_references.quadrature import make_reference
from sidebyside.datasets import load_penguins

_penguins = load_penguins().dropna(subset=["flipper_length_mm", "body_mass_g"])
_adelie = _penguins[_penguins["species"] == "Adelie"]


def data(penguins=_penguins) -> tuple[np.ndarray, np.ndarray]:
    """Flipper length in cm from its mean, and mass in kg, each of shape (birds,)."""
    flipper = penguins["flipper_length_mm"].to_numpy() / 10
    return flipper - flipper.mean(), penguins["body_mass_g"].to_numpy() / 1000


def line(alpha, beta, sigma, *, x, y):
    """Log joint density of the line at (alpha, beta, sigma), for x in cm from the mean and y in kg."""
    log_joint = stats.norm.logpdf(alpha, 4, 1.5) + stats.norm.logpdf(beta, 0, 0.5) + stats.halfnorm.logpdf(sigma)
    for x_i, y_i in zip(x, y, strict=True):
        log_joint = log_joint + stats.norm.logpdf(y_i, alpha + beta * x_i, sigma)
    return log_joint


def _model(penguins, half_widths: tuple[float, float, float]) -> dict:
    x, y = data(penguins)
    log_density = partial(line, x=x, y=y)
    fit = stats.linregress(x, y)
    log_sigma = np.log((y - fit.intercept - fit.slope * x).std(ddof=2))
    centres = {"alpha": fit.intercept, "beta": fit.slope, "sigma": log_sigma}
    return {
        "log_density": log_density,
        # the first is the base; then one parameter changes at a time, so that a fault names it; then all
        "points": [
            {"alpha": 4.2, "beta": 0.4, "sigma": 0.5},
            {"alpha": 3.6, "beta": 0.4, "sigma": 0.5},
            {"alpha": 4.2, "beta": -0.1, "sigma": 0.5},
            {"alpha": 4.2, "beta": 0.4, "sigma": 1.1},
            {"alpha": 5.0, "beta": 0.7, "sigma": 0.3},
        ],
        "integrand": lambda alpha, beta, u: log_density(alpha, beta, np.exp(u)) + u,
        # around the least-squares line, ten standard errors or so to each side
        "box": {
            name: (centre - half_width, centre + half_width)
            for (name, centre), half_width in zip(centres.items(), half_widths, strict=True)
        },
        "forward": {"sigma": np.exp},
        "grids": (40, 56),
    }


MODELS = {
    "penguins_line": _model(_penguins, (0.22, 0.16, 0.40)),
    "penguins_adelie": _model(_adelie, (0.32, 0.52, 0.60)),
}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make one of this module's references; ``grids`` are the coarser and the finer number of points an axis."""
    return make_reference(name, MODELS[name], grids)
