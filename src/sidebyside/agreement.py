"""Do the libraries agree? Diagnostics of each, and each one's moments against a reference, in Monte Carlo errors.

Pure: draws in, table out. What does not pass raises, and names the library and the parameter.
"""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

from collections.abc import Mapping
from itertools import product

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm

from sidebyside.draws import DrawsError, check_draws
from sidebyside.references import Reference

# Vehtari et al. 2021 recommend four chains, R-hat below 1.01 and an effective sample size above 400.
MIN_CHAINS = 4
MAX_RHAT = 1.01
MIN_ESS = 400
MAX_FAULTS = 5  # how many an error names before it counts the rest


class SamplingError(AssertionError):
    """A library's sampler did not do its work."""


class DisagreementError(AssertionError):
    """A library's posterior is not the reference's.

    Attributes
    ----------
    table : DataFrame
        What the check would have returned, had all agreed: a row per parameter and library, with the largest ``|z|``.
    """

    def __init__(self, message: str, table: pd.DataFrame | None = None):  # unpickling passes the message alone
        super().__init__(message)
        self.table = table


def _check_usable(posteriors: Mapping[str, xr.DataTree], parameters: list[str] | None = None) -> None:
    if not posteriors:
        raise DrawsError("There is no posterior to check: fill posteriors['PyMC'] (and so on) first.")
    for library, tree in posteriors.items():
        check_draws(library, tree)
        chains = tree["posterior"].sizes["chain"]
        if chains < MIN_CHAINS:
            raise DrawsError(f"{library}: {chains} chain(s); the diagnostics need at least {MIN_CHAINS}.")
        missing = sorted(set(parameters or []) - set(tree["posterior"].data_vars))
        if missing:
            there = ", ".join(tree["posterior"].data_vars)
            raise DrawsError(f"{library}: no draws of {', '.join(missing)}; there are: {there}.")


def _worst(dataset: xr.Dataset, largest: bool) -> tuple[float, str]:
    """Return the most extreme value over all elements of all parameters, and its parameter; NaN is the worst of all."""
    names = [name for name, values in dataset.data_vars.items() for _ in range(values.size)]
    values = np.concatenate([np.ravel(values.values) for values in dataset.data_vars.values()])
    badness = np.where(np.isnan(values), np.inf, values if largest else -values)
    place = int(np.argmax(badness))
    return float(values[place]), names[place]


def check_sampling(posteriors: Mapping[str, xr.DataTree]) -> pd.DataFrame:
    """Each library's diagnostics at their worst over all parameters.

    Parameters
    ----------
    posteriors : mapping of str to DataTree
        Per library its draws: ``posterior``, variables of shape (chain, draw, ...), four chains or more, and
        ``sample_stats["diverging"]``, shape (chain, draw).

    Returns
    -------
    DataFrame, shape (libraries, 6)
        Chains, draws per chain, largest R-hat, smallest bulk and tail effective sample size (in draws), number of
        divergences.

    Raises
    ------
    SamplingError
        If an R-hat exceeds 1.01, an effective sample size is below 400, or a draw diverged; names library and
        parameter.
    DrawsError
        If draws can't be judged.
    """
    _check_usable(posteriors)
    rows, faults = {}, []
    for library, tree in posteriors.items():
        posterior = tree["posterior"].to_dataset()
        rhat, rhat_name = _worst(az.rhat(posterior), largest=True)
        bulk, bulk_name = _worst(az.ess(posterior, method="bulk"), largest=False)
        tail, tail_name = _worst(az.ess(posterior, method="tail"), largest=False)
        divergences = np.count_nonzero(tree["sample_stats"]["diverging"])  # counts NaN, where a sum leaves it out
        rows[library] = {
            "chains": posterior.sizes["chain"],
            "draws": posterior.sizes["draw"],
            "largest R-hat": rhat,
            "smallest bulk ESS": bulk,
            "smallest tail ESS": tail,
            "divergences": divergences,
        }
        if np.isnan(rhat):
            faults.append(f"{library}: R-hat of {rhat_name} is NaN, as it is of draws that never change.")
        elif rhat > MAX_RHAT:
            faults.append(f"{library}: the chains disagree on {rhat_name} (R-hat {rhat:.3f} > {MAX_RHAT}).")
        for kind, ess, name in (("bulk", bulk, bulk_name), ("tail", tail, tail_name)):
            if not ess >= MIN_ESS:  # a NaN must not pass
                faults.append(f"{library}: too few effective draws of {name} ({kind} ESS {ess:.0f} < {MIN_ESS}).")
        if divergences:
            faults.append(f"{library}: {divergences} draw(s) diverged.")
    if faults:
        raise SamplingError(" ".join(faults) + " Give the sampler more adaptation steps or a higher target acceptance.")
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("library")
    return table.round({"smallest bulk ESS": 0, "smallest tail ESS": 0}).astype(
        {"smallest bulk ESS": int, "smallest tail ESS": int}
    )


def check_agreement(
    posteriors: Mapping[str, xr.DataTree], reference: Reference, family_error: float = 1e-3
) -> pd.DataFrame:
    """Each library's posterior means and standard deviations against the reference, in Monte Carlo errors.

    ``z`` is the difference from the reference divided by the combined error: the Monte Carlo standard error and what
    error the reference itself has. The Monte Carlo error is that of right draws, by the reference's sd and kurtosis and
    the draws' effective sample size: draws that miss a long tail must not vouch for their own error. For the sd it is
    the draws' own, by their kurtosis, where that is larger: a chain that paid a rare, far region its first visit says
    so itself, by a few draws far away, and is not wrong.

    With as many comparisons as there are (libraries x parameters x 2, every element of an array counted), the threshold
    is Bonferroni's: if all libraries are right, the check fails with a probability of ``family_error``.

    Parameters
    ----------
    posteriors : mapping of str to DataTree
        Per library its draws of the reference's parameters, four chains or more.
    reference : Reference
        Moments and their errors.
    family_error : float, optional
        Probability that the whole table fails although everything is right.

    Returns
    -------
    DataFrame, shape (parameters * libraries, 6), or 7 columns if a parameter is an array
        By parameter and library: mean, the reference's mean, z; sd, the reference's sd, z. Of a parameter that is an
        array all elements are checked, and the row shows the one with the largest ``|z|``, named in the column
        ``element``. ``attrs["threshold"]`` holds the largest ``|z|`` that passes.

    Raises
    ------
    DisagreementError
        If a posterior is not the reference's; names library and parameter. Its ``table`` is the one above.
    DrawsError
        If draws can't be judged.
    """
    parameters = {name: truth for name, truth in reference.parameters.items() if np.size(truth["mean"])}
    _check_usable(posteriors, list(parameters))
    elements = sum(np.size(truth["mean"]) for truth in parameters.values())
    threshold = float(norm.isf(family_error / (2 * len(posteriors) * elements * 2)))
    rows, faults = {}, []
    for name, truth in parameters.items():
        for library, tree in posteriors.items():
            table = _compare(library, tree["posterior"][name], truth)
            z = np.abs(table[["z of mean", "z of sd"]].to_numpy())  # not by pandas, whose methods leave NaN out
            for row, column in np.argwhere(~(z <= threshold)):  # a NaN must not pass
                moment, element, found = ("mean", "sd")[column], table.index[row], table.iloc[row]
                faults.append(
                    f"{library}: the posterior {moment} of {name}{element} is {found[moment]:.4g}, the reference says "
                    f"{found[f'reference {moment}']:.4g} (z = {found[f'z of {moment}']:+.1f}, "
                    f"passes up to {threshold:.1f})."
                )
            worst = int(np.argmax(np.where(np.isnan(z), np.inf, z).max(axis=1)))
            element = table.index[worst]
            rows[name, library] = ({"element": element} if element else {}) | table.iloc[worst].to_dict()
    table = _table(rows).round({"z of mean": 1, "z of sd": 1})
    if "element" in table:
        table["element"] = table["element"].fillna("")
    table.attrs["threshold"] = threshold
    return agreed(table, faults)


def _table(rows: Mapping[tuple[str, str], Mapping]) -> pd.DataFrame:
    """Return the rows as a table by parameter and library."""
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["parameter", "library"])
    return table


def agreed(table: pd.DataFrame, faults: list[str], advice: str = "") -> pd.DataFrame:
    """Return the table, or raise with the first few faults.

    Parameters
    ----------
    table : DataFrame
        What a check returns if all agree.
    faults : list of str
        A sentence for each disagreement.
    advice : str, optional
        What the message ends with; begins with a space.

    Raises
    ------
    DisagreementError
        If there is a fault; its ``table`` is the one above.
    """
    if faults:
        rest = f" And {len(faults) - MAX_FAULTS} more." if len(faults) > MAX_FAULTS else ""
        raise DisagreementError(" ".join(faults[:MAX_FAULTS]) + rest + advice, table)
    return table


def _compare(library: str, values: xr.DataArray, truth: Mapping[str, float | np.ndarray]) -> pd.DataFrame:
    """Hold one parameter's draws against the reference: a row an element, named as in ``[Aitkin]`` ("" if a number)."""
    values = values.transpose("chain", "draw", ...)
    shape = values.shape[2:]
    expected = np.shape(truth["mean"])
    if shape != expected:
        raise DrawsError(f"{library}: {values.name!r} has shape {shape} after chain and draw; expected {expected}.")
    draws = values.values.reshape(-1, *shape)
    mean, sd = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    spread = np.maximum(
        truth["sd"] * np.sqrt(truth["kurtosis"] - 1),
        sd * np.sqrt(np.mean((draws - mean) ** 4, axis=0) / sd**4 - 1),
    )
    errors = {
        "mean": truth["sd"] / np.sqrt(az.ess(values, method="mean").values),
        "sd": spread / np.sqrt(4 * az.ess(values, method="sd").values),
    }
    columns = {}
    for moment, found in {"mean": mean, "sd": sd}.items():
        z = (found - truth[moment]) / np.hypot(errors[moment], truth[f"{moment}_error"])
        columns |= {moment: found, f"reference {moment}": truth[moment], f"z of {moment}": z}
    return pd.DataFrame({column: np.ravel(value) for column, value in columns.items()}, index=element_names(values))


def element_names(values: xr.DataArray) -> list[str]:
    """Return what each element of a parameter is called in messages, as in ``[Aitkin]``; "" for a number.

    Parameters
    ----------
    values : DataArray
        Draws of shape (chain, draw, ...); elements are named by coordinates, or counted from 0 without.
    """
    labels = [values[dim].values if dim in values.coords else range(values.sizes[dim]) for dim in values.dims[2:]]
    return [f"[{', '.join(map(str, element))}]" if element else "" for element in product(*labels)]


def check_approximations(
    approximations: Mapping[str, tuple[np.ndarray, np.ndarray]], reference: Reference, tolerance: float = 0.1
) -> pd.DataFrame:
    """Hold normal approximations that libraries found against the one that they should have found.

    Parameters
    ----------
    approximations : mapping of str to (ndarray, ndarray)
        Per library the mean, shape (unknowns,), and the covariance, shape (unknowns, unknowns), on the unconstrained
        scale, the unknowns in the order of the reference's parameters.
    reference : Reference
        Mean and sd of the approximation that each should be, found without any of the libraries.
    tolerance : float, optional
        Largest distance of a mean that passes, in the reference's sds; and of the logarithm of an sd.

    Returns
    -------
    DataFrame, shape (parameters * libraries, 6)
        By parameter and library: mean, the exact mean, how far off in sds; sd, the exact sd, their ratio. Of a
        parameter that is an array the row shows the element that is farthest off.

    Raises
    ------
    DisagreementError
        If an approximation is another; names library and parameter.
    DrawsError
        If there is none, or its shape is not the reference's.
    """
    if not approximations:
        raise DrawsError("There is no approximation to check: fill mean_fields['PyMC'] (and so on) first.")
    names, exact = [], {"mean": [], "sd": []}
    for name, truth in reference.parameters.items():
        names += [name] if np.ndim(truth["mean"]) == 0 else [f"{name}[{i}]" for i in range(len(truth["mean"]))]
        for kind, values in exact.items():
            values.extend(np.ravel(truth[kind]))
    rows, faults = {}, []
    for library, (mean, covariance) in approximations.items():
        if np.shape(mean) != (len(names),) or np.shape(covariance) != (len(names), len(names)):
            raise DrawsError(f"{library}: expected {len(names)} unknowns, {', '.join(names[:4])} and so on.")
        sd = np.sqrt(np.diag(covariance))
        off = (np.asarray(mean) - exact["mean"]) / exact["sd"]
        ratio = sd / exact["sd"]
        worst = np.maximum(np.abs(off), np.abs(np.log(ratio)))
        for place in np.flatnonzero(~(worst <= tolerance)):  # a NaN must not pass
            faults.append(
                f"{library}: {names[place]} is {mean[place]:.4g} ± {sd[place]:.4g}; the approximation that it should "
                f"be has {exact['mean'][place]:.4g} ± {exact['sd'][place]:.4g}."
            )
        for parameter in reference.parameters:
            own = [place for place, name in enumerate(names) if name.partition("[")[0] == parameter]
            place = max(own, key=lambda place: worst[place])
            rows[parameter, library] = {
                "mean": mean[place],
                "exact mean": exact["mean"][place],
                "off (sds)": off[place],
                "sd": sd[place],
                "exact sd": exact["sd"][place],
                "ratio": ratio[place],
            }
    in_order = product(reference.parameters, approximations)
    return agreed(_table({each: rows[each] for each in in_order}), faults, " Give it more steps, the last ones small.")
