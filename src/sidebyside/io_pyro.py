"""Draws of Pyro as an ArviZ DataTree, as PyMC and ``arviz.from_numpyro`` return them; ArviZ reads no runs of Pyro."""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

from collections.abc import Mapping, Sequence

import arviz as az
import numpy as np
import xarray as xr

from sidebyside.draws import NO_DRAWS, DrawsError, check_draws
from sidebyside.pyro_compile import ALL


def from_pyro(
    mcmc, *, vectorized: bool = False, coords: Mapping | None = None, dims: Mapping | None = None
) -> xr.DataTree:
    """Convert a ``pyro.infer.MCMC`` that has run, or a list of them with one chain (or more) each.

    Parameters
    ----------
    mcmc : pyro.infer.MCMC or list of pyro.infer.MCMC
        The run, or the runs.
    vectorized : bool
        The run has moved several chains as one, stacked in the first axis of each value, as those of
        ``compile_pyro(..., chains=4)``. A divergence is then one of all its chains.
    coords, dims : mapping, optional
        As ``arviz.from_dict`` takes them: ``dims={"theta": ["school"]}`` names the axes of a parameter after chain and
        draw.

    Returns
    -------
    DataTree
        ``posterior``, each parameter of shape (chain, draw, ...), and ``sample_stats`` with ``diverging``.

    Raises
    ------
    DrawsError
        If draws are NaN or infinite; names the parameter. If a run has no draws: its sampling was interrupted.
    """
    runs = list(mcmc) if isinstance(mcmc, Sequence) else [mcmc]
    samples = [run.get_samples(group_by_chain=True) for run in runs]
    if None in samples or not samples:
        raise DrawsError(NO_DRAWS.format(library="Pyro"))
    if set(samples[0]) == {ALL}:  # the runs of a model that compile_pyro made
        samples = [run.transforms[ALL].unpack(sample[ALL]) for run, sample in zip(runs, samples, strict=True)]
    posterior = {
        name: np.concatenate([sample[name].detach().cpu().numpy() for sample in samples]) for name in samples[0]
    }
    diverging = []
    for run in runs:
        for divergent_draws in run.diagnostics()["divergences"].values():
            chain = np.zeros(run.num_samples, dtype=bool)
            chain[list(divergent_draws)] = True
            diverging.append(chain)
    divergent = np.array(diverging)
    if vectorized:  # (runs, draws, chains, ...) becomes (runs * chains, draws, ...)
        posterior = {name: np.concatenate(np.moveaxis(values, 2, 1)) for name, values in posterior.items()}
        divergent = np.repeat(divergent, len(next(iter(posterior.values()))) // len(divergent), axis=0)
    tree = az.from_dict(
        {"posterior": posterior, "sample_stats": {"diverging": divergent}},
        coords=coords,
        dims=dims,
        attrs={"posterior": {"inference_library": "Pyro"}},
    )
    check_draws("Pyro", tree)
    return tree
