"""Small posteriors with a known reference, for the tests that check or draw them."""

from dataclasses import replace

import arviz as az
import numpy as np
import xarray as xr

from sidebyside.references import Reference

REFERENCE = Reference(
    name="toy",
    how="by hand",
    parameters={
        "mu": {"mean": 0.0, "sd": 1.0, "kurtosis": 3.0, "mean_error": 0.0, "sd_error": 0.0},
        "sigma": {"mean": 2.0, "sd": 0.5, "kurtosis": 3.0, "mean_error": 0.0, "sd_error": 0.0},
    },
    points=[{"mu": 0.0, "sigma": 1.0}, {"mu": 1.0, "sigma": 1.0}, {"mu": 0.0, "sigma": 2.0}],
    log_density=np.array([-3.0, -3.5, -4.0]),
)
RNG = np.random.default_rng(6)


def tree_of(mu, sigma, diverging=None) -> xr.DataTree:
    diverging = np.zeros(mu.shape, dtype=bool) if diverging is None else diverging
    return az.from_dict({"posterior": {"mu": mu, "sigma": sigma}, "sample_stats": {"diverging": diverging}})


def right_draws(rng=RNG, shape=(4, 1000)):
    return {"mu": rng.normal(0, 1, shape), "sigma": rng.normal(2, 0.5, shape)}


def county_tree(shift=0.0, counties=("Anoka", "Becker", "Cook")):
    """Draws of one parameter with an element a county; the last one is shifted."""
    theta = np.random.default_rng(5).normal([0.0, 1.0, 2.0], [1.0, 0.5, 2.0], (4, 1000, 3))
    theta[:, :, 2] += shift
    stats_group = {"diverging": np.zeros((4, 1000), dtype=bool)}
    groups = {"posterior": {"theta": theta}, "sample_stats": stats_group}
    return az.from_dict(groups, dims={"theta": ["county"]}, coords={"county": list(counties)})


COUNTIES = replace(
    REFERENCE,
    parameters={
        "theta": {
            "mean": np.array([0.0, 1.0, 2.0]),
            "sd": np.array([1.0, 0.5, 2.0]),
            "kurtosis": np.full(3, 3.0),
            "mean_error": np.zeros(3),
            "sd_error": np.zeros(3),
        }
    },
)
