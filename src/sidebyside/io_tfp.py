"""Draws of TFP as an ArviZ DataTree, as PyMC and ``arviz.from_numpyro`` return them; ArviZ reads no runs of TFP."""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

from collections.abc import Mapping

import arviz as az
import numpy as np
import xarray as xr

from sidebyside.draws import check_draws


def from_tfp(draws, trace: Mapping, *, coords: Mapping | None = None, dims: Mapping | None = None) -> xr.DataTree:
    """Convert what ``tfp.experimental.mcmc.windowed_adaptive_nuts`` returned.

    Parameters
    ----------
    draws : mapping or named tuple of arrays
        Each of shape (draw, chain, ...).
    trace : mapping
        The sampler's trace, with ``diverging`` among its keys, shape (draw, chain).
    coords, dims : mapping, optional
        As ``arviz.from_dict`` takes them: ``dims={"theta": ["school"]}`` names the axes of a parameter after chain and
        draw.

    Returns
    -------
    DataTree
        ``posterior``, each parameter of shape (chain, draw, ...), and ``sample_stats`` with ``diverging``.

    Raises
    ------
    ValueError
        If the trace has no ``diverging``.
    DrawsError
        If draws are NaN or infinite; names the parameter.
    """
    named = draws if isinstance(draws, Mapping) else draws._asdict()
    posterior = {name: np.swapaxes(np.asarray(values), 0, 1) for name, values in named.items()}
    names = {"diverging": "diverging", "target_log_prob": "lp", "n_steps": "n_steps", "accept_ratio": "acceptance_rate"}
    stats = {names[key]: np.swapaxes(np.asarray(values), 0, 1) for key, values in trace.items() if key in names}
    if "diverging" not in stats:
        raise ValueError("TFP: the trace has no 'diverging'; keep the default trace_fn of windowed_adaptive_nuts.")
    tree = az.from_dict(
        {"posterior": posterior, "sample_stats": stats},
        coords=coords,
        dims=dims,
        attrs={"posterior": {"inference_library": "TFP"}},
    )
    check_draws("TFP", tree)
    return tree
