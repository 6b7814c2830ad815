"""The references of the radon models of chapters 8 to 10: what the five libraries are held against.

The log densities are written once more in NumPy and SciPy; the moments come from :mod:`sidebyside.radon_grid`.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import stats

from make_references import varying_effects
from sidebyside.radon_grid import PRIOR_MEAN, PRIOR_SD, Houses, data, grid_moments

# Grid points an axis, coarser and finer.
MODELS = {
    "radon_intercepts": {"grids": (40, 60)},
    "radon_training": {"grids": (40, 60)},
    "radon_slopes": {"grids": (16, 22)},
}


def _log_priors(gamma_0, gamma_1, beta, sigma_alpha, sigma_y) -> float:
    return (
        stats.norm.logpdf([gamma_0, gamma_1, beta], PRIOR_MEAN, PRIOR_SD).sum()
        + stats.halfnorm.logpdf([sigma_alpha, sigma_y]).sum()
    )


def intercepts(gamma_0, gamma_1, beta, sigma_alpha, sigma_y, z, *, houses: Houses) -> float:
    """Log joint density of the model with varying intercepts."""
    alpha = gamma_0 + gamma_1 * houses.u + sigma_alpha * np.asarray(z)
    mean = alpha[houses.county] + beta * houses.floor
    return float(
        _log_priors(gamma_0, gamma_1, beta, sigma_alpha, sigma_y)
        + stats.norm.logpdf(z).sum()
        + stats.norm.logpdf(houses.y, mean, sigma_y).sum()
    )


def _points(name: str) -> tuple[list[dict], Callable[..., float]]:
    """Where the log density is stored: the first is the base; then one parameter changes at a time; then all."""
    if name == "radon_slopes":
        groups = varying_effects.radon(effects=2)
        return varying_effects.points(groups), partial(varying_effects.log_density, groups=groups)
    counties = len(data(name).u)
    wave = np.round(np.sin(np.arange(counties)), 3)  # any fixed numbers of about the right size
    other = np.round(np.cos(2.0 * np.arange(counties)), 3)
    single = wave.copy()
    single[0] += 1.5  # one county alone
    base = {"gamma_0": 1.4, "gamma_1": 0.7, "beta": -0.6, "sigma_alpha": 0.2, "sigma_y": 0.8, "z": wave}
    changes = {"gamma_0": 1.1, "gamma_1": 0.1, "beta": -0.1, "sigma_alpha": 0.5, "sigma_y": 1.1, "z": other}
    points = [base, *({**base, key: value} for key, value in changes.items())]
    return [*points, {**base, "z": single}, changes], partial(intercepts, houses=data(name))


def _stacked(moments: dict[str, dict]) -> dict[str, dict]:
    """Return the moments of varying slopes by the names of chapter 8b, whose parameters are arrays."""
    names = {
        "b": ("gamma_0", "gamma_1", "mu_beta"),
        "sigma": ("sigma_alpha", "sigma_beta"),
        "rho": ("rho",),
        "coefficients": ("alpha", "beta"),
    }
    stacked = {
        new: {kind: np.array([moments[old][kind] for old in olds]) for kind in moments["rho"]}
        for new, olds in names.items()
    }
    return stacked | {"sigma_y": moments["sigma_y"]}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make one of this module's references; ``grids`` are the coarser and the finer number of points an axis."""
    coarse_points, fine_points = grids or MODELS[name]["grids"]
    coarse, fine = grid_moments(name, coarse_points), grid_moments(name, fine_points)
    edge = fine.pop("edge")
    if name == "radon_slopes":
        coarse, fine = _stacked(coarse), _stacked(fine)
    parameters = {
        parameter: {kind: np.round(value, 8).tolist() for kind, value in moments.items()}
        | {f"{kind}_error": np.abs(moments[kind] - coarse[parameter][kind]).tolist() for kind in ("mean", "sd")}
        for parameter, moments in fine.items()
    }
    points, function = _points(name)
    return {
        "name": name,
        "how": (
            "All but the standard deviations (and the correlation) integrated in closed form, these by Gauss-Legendre "
            f"quadrature on {fine_points} points an axis, in NumPy and SciPy; the errors are the differences from "
            f"{coarse_points} points an axis; mass at the upper edges of the box: {edge:.0e}. "
            "Made by `make references`."
        ),
        "parameters": parameters,
        "points": [{key: np.asarray(value).tolist() for key, value in point.items()} for point in points],
        "log_density": [function(**point) for point in points],
    }
