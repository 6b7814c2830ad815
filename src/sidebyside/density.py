"""Each library's log joint density at given parameter values, and the check that all are one function.

A probabilistic program is a log density. Two programs are the same model if their log densities, on the constrained
scale, differ by one constant; that needs no draws and is exact. Stan's ``~`` drops constants, so differences between
points are compared, never the values themselves.

Every function takes ``points``, a list of ``{parameter: value}``, and returns an array of shape ``(len(points),)``,
in the precision in which the library computed it: ``float64``, or ``float32`` for single precision.
"""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from sidebyside.libraries import need
from sidebyside.references import Reference

Points = Sequence[Mapping[str, float | np.ndarray]]

TOLERANCE = 1e-6
# Rounding to single precision moved the log densities of regressions by up to 1.2 units of its relative spacing.
SINGLE = 10 * float(np.finfo(np.float32).eps)  # of the largest log density
DOUBLE = {
    "PyMC": "leave pytensor.config.floatX at 'float64', and give data as float64",
    "Stan": "give data as float64; Stan itself computes in double precision",
    "NumPyro": "call numpyro.enable_x64() before anything else of JAX, and give data as float64",
    "Pyro": "call torch.set_default_dtype(torch.float64) before the first tensor, and give data as float64",
    "TFP": "write every number as np.float64(...), and give data as float64",
}


class DensityDisagreementError(AssertionError):
    """A library's log density is not the reference's, up to a constant.

    Attributes
    ----------
    table : DataFrame
        What the check would have returned, had all agreed: a row per point, a column per library.
    """

    def __init__(self, message: str, table: pd.DataFrame | None = None):  # unpickling passes the message alone
        super().__init__(message)
        self.table = table


class ParameterNamesError(ValueError):
    """A library's model has other parameters than the points name.

    Attributes
    ----------
    only_model, only_point : list of str
        The names that stand on one side alone.
    """

    def __init__(self, message: str, only_model: Sequence[str] = (), only_point: Sequence[str] = ()):
        super().__init__(message)
        self.only_model, self.only_point = list(only_model), list(only_point)


def _same_names(library: str, model_names: set[str], points: Points, start: int = 0) -> None:
    for number, point in enumerate(points, start):
        if set(point) != set(model_names):
            only_model, only_point = sorted(set(model_names) - set(point)), sorted(set(point) - set(model_names))
            raise ParameterNamesError(
                f"{library}: point {number} and the model name different parameters "
                f"(only in the model: {only_model or 'none'}; only in the point: {only_point or 'none'}).",
                only_model,
                only_point,
            )


def pymc(model, points: Points) -> np.ndarray:
    """Log joint density of a ``pymc.Model``."""
    need("PyMC")
    from pytensor import tensor

    _same_names("PyMC", _pymc_parameters(model), points)
    log_density = model.compile_logp(jacobian=False)
    values = []
    for point in points:
        inputs = {}
        for variable in model.free_RVs:
            value, transform = np.asarray(point[variable.name], dtype=float), model.rvs_to_transforms[variable]
            if transform is not None:  # some, as LKJCholeskyCov's, index as only a tensor can be
                value = transform.forward(tensor.as_tensor(value), *variable.owner.inputs).eval()
            inputs[model.rvs_to_values[variable].name] = value
        values.append(log_density(inputs))
    return _array(values)


def stan(model, points: Points) -> np.ndarray:
    """Log joint density, constants dropped, of what ``stan.build`` returned (PyStan 3).

    Parameters of size 0, such as a vector for groups of which there are none, may be in the points or not.
    """
    need("Stan")
    if model is None:  # what stan.build returns when it is interrupted
        raise ValueError("Stan: the model is None. Was stan.build interrupted? Run it again, to its end.")
    plain = [{name: np.asarray(value).tolist() for name, value in point.items() if np.size(value)} for point in points]
    parameters, values = None, []
    for number, point in enumerate(plain):
        if parameters is not None:
            _same_names("Stan", parameters, [point], number)
        unconstrained = _unconstrain(model, point, number)
        if parameters is None:
            parameters = _stan_parameters(model, unconstrained)
            _same_names("Stan", parameters, [point], number)
        values.append(model.log_prob(unconstrained, adjust_transform=False))
    return np.array(values)


def _unconstrain(model, point: Mapping, number: int) -> list[float]:
    """Return ``point`` on Stan's unconstrained scale; a parameter that it lacks is an error that names it."""
    try:
        return model.unconstrain_pars(point)
    except RuntimeError as error:
        lacking = {name for name in model.param_names if f"variable name={name};" in str(error)} - set(point)
        if lacking:
            _same_names("Stan", set(point) | lacking, [point], number)
        raise


def _stan_parameters(model, unconstrained: list[float]) -> set[str]:
    """Return the names of a Stan program's ``parameters`` block, without those of size 0.

    ``model.param_names`` lists them first, then transformed parameters and generated quantities.
    """
    numbers = len(model.constrain_pars(unconstrained, include_tparams=False, include_gqs=False))
    sizes = [int(np.prod(shape)) for shape in model.dims]
    ends = np.cumsum(sizes)
    return {name for name, size, end in zip(model.param_names, sizes, ends, strict=True) if size and end <= numbers}


def numpyro(model, points: Points, *args, **kwargs) -> np.ndarray:
    """Log joint density of a NumPyro model called with ``args`` and ``kwargs``."""
    need("NumPyro")
    from numpyro.infer.util import log_density

    _same_names("NumPyro", set(_numpyro_draw(model, 0, *args, **kwargs)), points)
    arrays = [{name: np.asarray(value) for name, value in point.items()} for point in points]
    return _array(log_density(model, args, kwargs, values)[0] for values in arrays)


def pyro(model, points: Points, *args, **kwargs) -> np.ndarray:
    """Log joint density of a Pyro model called with ``args`` and ``kwargs``."""
    need("Pyro")
    import torch
    from pyro import poutine

    _same_names("Pyro", set(_pyro_draw(model, *args, **kwargs)), points)
    values = []
    for point in points:
        tensors = {name: torch.as_tensor(value, dtype=torch.float64) for name, value in point.items()}
        conditioned = poutine.trace(poutine.condition(model, data=tensors)).get_trace(*args, **kwargs)
        values.append(conditioned.log_prob_sum().detach().cpu())
    return _array(values)


def tfp(joint, points: Points, **data) -> np.ndarray:
    """Log joint density of a TFP joint distribution with named parts; ``data`` gives the observed parts."""
    need("TFP")
    _same_names("TFP", set(joint.dtype) - set(data), points)
    tensors = [{name: np.asarray(value, dtype=np.float64) for name, value in point.items()} for point in points]
    return _array(joint.log_prob(**point, **data) for point in tensors)


def draw_prior(library: str, model, count: int, seed: int, *args, **kwargs) -> list[dict[str, np.ndarray]]:
    """Draw points from a model's prior.

    Parameters
    ----------
    library : {"PyMC", "NumPyro", "Pyro", "TFP"}
        A Stan program can't draw from its prior: write it as a program of its own, or give points.
    model, args, kwargs
        As for the library's log density.
    count : int
        How many points.
    seed : int
        Of the library's random numbers. Global states of random numbers stay as they were.

    Returns
    -------
    list of dict
        Per point every parameter's value, an array of the parameter's shape.
    """
    need(library)
    if library == "PyMC":
        import pymc as pm

        draws = pm.draw(model.free_RVs, draws=count, random_seed=seed)
        names = [variable.name for variable in model.free_RVs]
        return [dict(zip(names, map(np.asarray, values), strict=True)) for values in zip(*draws, strict=True)]
    if library == "NumPyro":
        return [_numpyro_draw(model, seed + number, *args, **kwargs) for number in range(count)]
    if library == "Pyro":
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return [_pyro_draw(model, *args, **kwargs) for _ in range(count)]
    if library == "TFP":
        draws = model.sample(count, seed=(0, seed))
        names = set(model.dtype) - set(kwargs)
        return [{name: np.asarray(draws[name])[number] for name in names} for number in range(count)]
    raise ValueError(f"{library} can't draw from the prior of a program.")


def parameter_names(library: str, model, *args, **kwargs) -> list[str]:
    """Return the names of a model's parameters, without drawing from its prior where the library can tell them so.

    Parameters
    ----------
    library : {"PyMC", "NumPyro", "Pyro", "TFP"}
        Of a Stan program, its own ``parameters`` block says it.
    model, args, kwargs
        As for the library's log density.
    """
    need(library)
    if library == "PyMC":
        return [variable.name for variable in model.free_RVs]
    if library == "TFP":
        return [name for name in model.dtype if name not in kwargs]
    draw = _pyro_draw(model, *args, **kwargs) if library == "Pyro" else _numpyro_draw(model, 0, *args, **kwargs)
    return list(draw)


def _pymc_parameters(model) -> set[str]:
    return {variable.name for variable in model.free_RVs}


def _numpyro_draw(model, seed: int, *args, **kwargs) -> dict[str, np.ndarray]:
    """Return one prior draw of a NumPyro model's parameters."""
    from numpyro import handlers

    trace = handlers.trace(handlers.seed(model, seed)).get_trace(*args, **kwargs)
    sites = {name: site for name, site in trace.items() if site["type"] == "sample" and not site["is_observed"]}
    return {name: np.asarray(site["value"]) for name, site in sites.items()}


def _pyro_draw(model, *args, **kwargs) -> dict[str, np.ndarray]:
    """Return one prior draw of a Pyro model's parameters."""
    from pyro import poutine
    from pyro.poutine.util import site_is_subsample

    trace = poutine.trace(model).get_trace(*args, **kwargs)
    latent = [name for name in trace.stochastic_nodes if not site_is_subsample(trace.nodes[name])]  # no plates
    return {name: trace.nodes[name]["value"].detach().cpu().numpy() for name in latent}


def _array(values: Iterable) -> np.ndarray:
    """Return a library's log densities in the precision in which it computed them."""
    return np.array([np.asarray(value).reshape(()) for value in values])


def check_densities(
    densities: Mapping[str, np.ndarray], reference: Reference, tolerance: float | Mapping[str, float] = TOLERANCE
) -> pd.DataFrame:
    """Show the libraries' log densities as changes from the first point, beside the reference's.

    Parameters
    ----------
    densities : mapping of str to ndarray
        Per library its log joint density at ``reference.points``, shape (points,).
    reference : Reference
        What they are compared with; point 0 is the base, the others change some of its parameters.
    tolerance : float or mapping of str to float, optional
        Largest difference that passes, in natural-log units; or that of single libraries, by name (1e-6 for the
        others).

    Returns
    -------
    DataFrame, shape (points - 1, libraries + 1)
        A row per change from point 0, named by the parameters that were changed; the reference, then a column per
        library.

    Raises
    ------
    DensityDisagreementError
        If a library differs; names it and the parameters that were changed where it does. Its ``table`` is the one
        above.
    ValueError
        If there is no density, or fewer than two points.
    """
    if not densities:
        raise ValueError("There is no density to check: fill densities['PyMC'] (and so on) first.")
    if len(reference.points) < 2:
        raise ValueError(f"{len(reference.points)} point(s): differences of log densities need at least two.")
    expected = reference.log_density - reference.log_density[0]
    base = reference.points[0]
    changed = [
        ", ".join(name for name in base if not np.array_equal(point[name], base[name])) for point in reference.points
    ]
    rounding = SINGLE * np.abs(reference.log_density).max()
    columns, faults, roundings = {"reference": expected}, [], []
    for library, values in densities.items():
        if np.shape(values) != expected.shape:
            raise ValueError(f"{library}: {np.shape(values)} log densities for {len(expected)} points.")
        in_single = np.asarray(values).dtype == np.float32
        values = np.asarray(values, dtype=float)
        columns[library] = values - values[0]
        off = columns[library] - expected
        passes = tolerance.get(library, TOLERANCE) if isinstance(tolerance, Mapping) else tolerance
        wrong = [number for number in range(1, len(expected)) if not abs(off[number]) <= passes]
        if not wrong:
            continue
        if np.abs(off).max() <= rounding:  # a NaN is not
            roundings.append(_rounding_fault(library, np.abs(off).max(), passes, in_single))
            continue
        where = "; ".join(f"changing {changed[n]}: off by {off[n]:+.3g}" for n in wrong)
        faults.append(f"{library}'s model is not the reference's ({where}).")
        if in_single:
            roundings.append(f"{library} computes in single precision (float32), too: {double_precision(library)}.")
    table = pd.DataFrame(columns).iloc[1:]
    table.index = pd.Index(changed[1:], name="parameters changed")
    if faults:
        faults.append("Look at its priors, its likelihood and the order of their arguments.")
    if faults or roundings:
        raise DensityDisagreementError(" ".join(faults + roundings), table)
    return table


def _rounding_fault(library: str, off: float, tolerance: float, in_single: bool) -> str:
    """Return what is said of a difference that rounding to single precision explains."""
    found = f"{library}'s log densities are off by {off:.1g}, and {tolerance:g} passes"
    if in_single:
        return f"{found}: it computes in single precision (float32). For double, {double_precision(library)}."
    return (
        f"{found}: no more than single precision (float32) leaves. Are all its numbers double? For that, "
        f"{double_precision(library)}. If they are, look at its priors and its likelihood."
    )


def double_precision(library: str) -> str:
    """Return how to make a library compute in double precision, in words."""
    return DOUBLE.get(library, "make every number float64")
