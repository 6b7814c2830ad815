"""Draws of PyStan, Pyro and TFP as an ArviZ DataTree, as PyMC and ``arviz.from_numpyro`` give them.

All take ``coords`` and ``dims`` as ``arviz.from_dict`` does: ``dims={"theta": ["school"]}`` names the axes of a
parameter after chain and draw. The tree holds ``posterior`` and ``sample_stats``; the latter always has ``diverging``.
"""

from collections.abc import Mapping, Sequence

import arviz as az
import numpy as np
import xarray as xr

from sidebyside.agreement import check_draws

_STAN_STATS = {
    "lp__": "lp",
    "accept_stat__": "acceptance_rate",
    "stepsize__": "step_size",
    "treedepth__": "tree_depth",
    "n_leapfrog__": "n_steps",
    "divergent__": "diverging",
    "energy__": "energy",
}


def _tree(library: str, posterior: dict, sample_stats: dict, coords, dims) -> xr.DataTree:
    tree = az.from_dict(
        {"posterior": posterior, "sample_stats": sample_stats},
        coords=coords,
        dims=dims,
        attrs={"posterior": {"inference_library": library}},
    )
    check_draws(library, tree)
    return tree


def from_pystan(fit, *, coords: Mapping | None = None, dims: Mapping | None = None) -> xr.DataTree:
    """Convert a ``stan.fit.Fit`` of PyStan 3.

    Parameters
    ----------
    fit : what ``model.sample()`` returned. Warm-up draws, if saved, are left out.
    """
    draws = -(-fit.num_samples // fit.num_thin)  # Stan keeps every num_thin-th draw, the first included

    def by_chain(name: str) -> np.ndarray:
        flat = fit[name]  # (*shape, draws * chains), the chain running fastest
        shape = tuple(fit.dims[fit.param_names.index(name)]) if name in fit.param_names else ()
        values = flat.reshape(*shape, -1, fit.num_chains)[..., -draws:, :]
        return np.moveaxis(values, (-1, -2), (0, 1))

    posterior = {name: by_chain(name) for name in fit.param_names}
    stats = {_STAN_STATS[name]: by_chain(name) for name in fit.sample_and_sampler_param_names if name in _STAN_STATS}
    for name, kind in (("diverging", bool), ("tree_depth", int), ("n_steps", int)):
        if name in stats:
            stats[name] = stats[name].astype(kind)
    return _tree("Stan", posterior, stats, coords, dims)


def from_pyro(
    mcmc, *, vectorized: bool = False, coords: Mapping | None = None, dims: Mapping | None = None
) -> xr.DataTree:
    """Convert a ``pyro.infer.MCMC`` that has run, or a list of them with one chain (or more) each.

    Parameters
    ----------
    mcmc : the run, or the runs
    vectorized : the run has moved several chains as one, stacked in the first axis of each value, as those of
        ``compile_pyro(..., chains=4)``. A divergence is then one of all its chains
    coords, dims : as ArviZ takes them
    """
    runs = list(mcmc) if isinstance(mcmc, Sequence) else [mcmc]
    samples = [run.get_samples(group_by_chain=True) for run in runs]
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
    return _tree("Pyro", posterior, {"diverging": divergent}, coords, dims)


def from_tfp(draws, trace: Mapping, *, coords: Mapping | None = None, dims: Mapping | None = None) -> xr.DataTree:
    """Convert what ``tfp.experimental.mcmc.windowed_adaptive_nuts`` returned.

    Parameters
    ----------
    draws : mapping or named tuple of arrays, each of shape (draw, chain, ...)
    trace : the sampler's trace, a mapping with ``diverging`` among its keys, shape (draw, chain)
    """
    named = draws if isinstance(draws, Mapping) else draws._asdict()
    posterior = {name: np.swapaxes(np.asarray(values), 0, 1) for name, values in named.items()}
    names = {"diverging": "diverging", "target_log_prob": "lp", "n_steps": "n_steps", "accept_ratio": "acceptance_rate"}
    stats = {names[key]: np.swapaxes(np.asarray(values), 0, 1) for key, values in trace.items() if key in names}
    if "diverging" not in stats:
        raise ValueError("TFP: the trace has no 'diverging'; keep the default trace_fn of windowed_adaptive_nuts.")
    return _tree("TFP", posterior, stats, coords, dims)
