"""Posterior moments of a model with a few parameters, by the trapezoidal rule on a grid.

For a smooth density that vanishes at the edges of its box the rule converges faster than any power of the step
(Trefethen and Weideman 2014, The exponentially convergent trapezoidal rule, SIAM Review 56(3)).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp


def grid_moments(
    log_density: Callable[..., np.ndarray],
    box: dict[str, tuple[float, float]],
    forward: dict[str, Callable[[np.ndarray], np.ndarray]],
    points: int,
) -> dict[str, dict[str, float]]:
    """Mean, standard deviation and kurtosis of each parameter.

    Parameters
    ----------
    log_density : log density on the *integration* scale (Jacobian included), called with one array per parameter, all
        of one shape ``(block,)``; returns shape ``(block,)``
    box : per parameter the two ends of its range on the integration scale
    forward : per parameter the function from the integration scale to the parameter's own (identity if missing)
    points : grid points along each axis

    Returns
    -------
    ``{parameter: {"mean", "sd", "kurtosis", "edge"}}``; ``edge`` is the share of the mass on the two outermost grid
    planes, which must be negligible.
    """
    axes = [np.linspace(*ends, points) for ends in box.values()]
    rest = np.meshgrid(*axes[1:], indexing="ij")
    rest_flat = [axis.ravel() for axis in rest]
    plane = points ** len(rest_flat)
    log_weight = np.empty((points, plane))
    for i, value in enumerate(axes[0]):  # one plane at a time keeps the memory small
        log_weight[i] = log_density(np.full(plane, value), *rest_flat)
    weight = np.exp(log_weight - logsumexp(log_weight)).reshape((points,) * len(axes))
    moments = {}
    for k, (name, axis) in enumerate(zip(box, axes, strict=True)):
        marginal = weight.sum(axis=tuple(j for j in range(len(axes)) if j != k))
        value = forward.get(name, lambda u: u)(axis)
        mean = float(marginal @ value)
        sd = float(np.sqrt(marginal @ (value - mean) ** 2))
        kurtosis = float(marginal @ (value - mean) ** 4) / sd**4
        moments[name] = {"mean": mean, "sd": sd, "kurtosis": kurtosis, "edge": float(marginal[0] + marginal[-1])}
    return moments


def make_reference(name: str, model: dict, grids: tuple[int, int] | None = None) -> dict:
    """Make a reference: moments on the finer grid, their error from the difference to the coarser one.

    Parameters
    ----------
    name : the reference's name
    model : ``log_density`` (the log joint density, called with the parameters by name), ``points`` at which it is
        stored, ``integrand``, ``box`` and ``forward`` as :func:`grid_moments` takes them, and ``grids``
    grids : points an axis of the coarser and the finer grid, in the place of the model's own

    Returns
    -------
    What the JSON file holds: the fields of :class:`sidebyside.references.Reference`.
    """
    coarse_points, fine_points = grids or model["grids"]
    coarse, fine = (
        grid_moments(model["integrand"], model["box"], model["forward"], points)
        for points in (coarse_points, fine_points)
    )
    parameters = {
        parameter: {
            "mean": value["mean"],
            "sd": value["sd"],
            "kurtosis": value["kurtosis"],
            "mean_error": abs(value["mean"] - coarse[parameter]["mean"]),
            "sd_error": abs(value["sd"] - coarse[parameter]["sd"]),
        }
        for parameter, value in fine.items()
    }
    worst_edge = max(value["edge"] for value in fine.values())
    return {
        "name": name,
        "how": (
            f"Log density in NumPy and SciPy, integrated by the trapezoidal rule on {fine_points} points an axis; "
            f"the errors are the differences from {coarse_points} points an axis; mass at the edges of the box: "
            f"{worst_edge:.0e}. Made by `make references`."
        ),
        "parameters": parameters,
        "points": model["points"],
        "log_density": [float(model["log_density"](**point)) for point in model["points"]],
    }
