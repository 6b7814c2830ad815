"""Are two sets of draws one posterior? Compared with each other, without a reference.

The chapters compare with a reference that none of the libraries made (``agreement.py``). A reader who ports a model has
none.
"""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm

from sidebyside.agreement import MAX_RHAT, MIN_CHAINS, MIN_ESS, SamplingError, agreed, element_names
from sidebyside.compare_programs import own_names
from sidebyside.draws import DrawsError, check_draws

UNMET = 1.05  # an R-hat above it says that the chains are in different places; up to it, that they need more draws


def compare_posteriors(
    posteriors: Mapping[str, xr.DataTree],
    *,
    names: Mapping[str, Mapping[str, str]] | None = None,
    parameters: Sequence[str] | None = None,
    family_error: float = 1e-3,
) -> pd.DataFrame:
    """Compare two or more sets of draws with each other: means and standard deviations, in Monte Carlo errors.

    Every pair is compared. ``z`` is a difference divided by the combined Monte Carlo error of both: by the effective
    sample size of each, and by the larger sd and kurtosis of the two, since draws that miss a long tail understate
    their own error. The threshold is Bonferroni's for all comparisons: if all draws are of one posterior, the check
    fails with a probability of at most about ``family_error``.

    Parameters
    ----------
    posteriors : mapping of str to DataTree
        Two or more, by any names: ``posterior``, variables of shape (chain, draw, ...). Reference draws are one of
        them (:func:`~sidebyside.from_posteriordb` reads posteriordb's).
    names : mapping of str to mapping, optional
        Per DataTree, its own names of parameters: ``{"NumPyro": {"sigma": "sd"}}``.
    parameters : sequence of str, optional
        What to compare; if left out, every variable that all have.
    family_error : float, optional
        Probability that the table fails although all draws are of one posterior.

    Returns
    -------
    DataFrame, shape (parameters * pairs, 7)
        By parameter and pair: both means, z of the mean, both sds, z of the sd, and ``element``, which of an array's
        elements the row shows: the one with the largest ``|z|``. ``attrs["threshold"]`` is the largest ``|z|`` that
        passes, ``attrs["left out"]`` the variables that not all have, ``attrs["remarks"]`` what weakens the
        comparison, such as fewer than four chains; remarks are warned of, too.

    Raises
    ------
    DisagreementError
        If two differ; names parameter and both, and the one that differs from all others where there are three or
        more. Its ``table`` is the one above.
    SamplingError
        If an R-hat exceeds 1.05.
    DrawsError
        If draws can't be judged, or no variable is in all.
    ValueError
        If there are fewer than two posteriors.

    Notes
    -----
    Draws that agree can be wrong together: from one wrong model, or from chains that all missed a mode.

    Examples
    --------
    >>> sbs.compare_posteriors({"PyMC": pymc_tree, "NumPyro": numpyro_tree})
    """
    if len(posteriors) < 2:
        raise ValueError(f"{len(posteriors)} posterior(s): a comparison needs two.")
    names = own_names(posteriors, names)
    datasets = {}
    for label, tree in posteriors.items():
        check_draws(label, tree)
        datasets[label] = (
            tree["posterior"].to_dataset().rename({own: common for common, own in names.get(label, {}).items()})
        )
    chosen, left_out = _shared(datasets, parameters)
    remarks = _remarks({label: dataset[chosen] for label, dataset in datasets.items()})
    for remark in remarks:
        warnings.warn(remark, stacklevel=2)
    pairs = list(combinations(datasets, 2))
    moments = {(label, name): _moments(dataset[name]) for label, dataset in datasets.items() for name in chosen}
    elements = sum(moments[pairs[0][0], name]["mean"].size for name in chosen)
    threshold = float(norm.isf(family_error / (2 * len(pairs) * elements * 2)))
    rows, faults = {}, []
    for name in chosen:
        for one, other in pairs:
            row, wrong = _compare_pair(name, one, other, moments, threshold)
            rows[name, f"{one} – {other}"] = row
            faults += [(one, other, fault) for fault in wrong]
    table = pd.DataFrame.from_dict(rows, orient="index").round({"z of mean": 1, "z of sd": 1})
    table.index = pd.MultiIndex.from_tuples(table.index, names=["parameter", "pair"])
    table.attrs |= {"threshold": threshold, "left out": left_out, "remarks": remarks}
    advice = [*_who_differs(list(datasets), faults), *remarks]
    return agreed(table, [fault for _, _, fault in faults], "".join(f" {sentence}" for sentence in advice))


def _shared(datasets: Mapping[str, xr.Dataset], parameters: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the variables to compare, and those that not all have."""
    sets = {label: set(dataset.data_vars) for label, dataset in datasets.items()}
    everywhere = set.intersection(*sets.values())
    if parameters is not None:
        for label, own in sets.items():
            if missing := [name for name in parameters if name not in own]:
                raise DrawsError(f"{label}: no draws of {', '.join(missing)}; there are: {', '.join(sorted(own))}.")
        return list(parameters), []
    first = next(iter(datasets.values()))
    chosen = [name for name in first.data_vars if name in everywhere and first[name].size]
    if not chosen:
        found = "; ".join(f"{label}: {', '.join(sorted(own))}" for label, own in sets.items())
        raise DrawsError(f"No variable is in all posteriors ({found}). Where one has two names, give names=.")
    return chosen, sorted(set.union(*sets.values()) - everywhere)


def _remarks(datasets: Mapping[str, xr.Dataset]) -> list[str]:
    """Return what weakens a comparison of these draws."""
    remarks = []
    for label, dataset in datasets.items():
        chains = dataset.sizes["chain"]
        if chains == 1:
            remarks.append(
                f"{label}: one chain. Chains that started elsewhere could be in another mode, which one chain never "
                "shows."
            )
        else:
            if chains < MIN_CHAINS:
                remarks.append(f"{label}: {chains} chains. R-hat is less able to show chains that have not met.")
            # constants have none, such as the 1s of a correlation matrix: their values are compared
            rhat = {name: float(values.max(skipna=True)) for name, values in az.rhat(dataset).data_vars.items()}
            worst = max(rhat, key=lambda name: -np.inf if np.isnan(rhat[name]) else rhat[name])
            if rhat[worst] > UNMET:
                raise SamplingError(
                    f"{label}: the chains disagree with each other on {worst} (R-hat {rhat[worst]:.2f}): their mean is "
                    "not the posterior's. Mend the sampling before you compare."
                )
            if rhat[worst] > MAX_RHAT:
                remarks.append(
                    f"{label}: R-hat of {worst} is {rhat[worst]:.2f}, above {MAX_RHAT}: more draws would make the "
                    "comparison surer."
                )
        ess = min(float(np.min(values)) for values in az.ess(dataset).data_vars.values())
        if not ess >= MIN_ESS:
            remarks.append(
                f"{label}: the smallest effective sample size is {ess:.0f}, below {MIN_ESS}: the errors of its means "
                "are large and themselves uncertain, and only a large difference can be seen."
            )
    return remarks


def _moments(values: xr.DataArray) -> dict[str, Any]:
    """Return a parameter's moments and effective sample sizes, each of the parameter's shape."""
    values = values.transpose("chain", "draw", ...)
    draws = values.values.astype(float).reshape(-1, *values.shape[2:])
    mean, sd = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    return {
        "mean": mean,
        "sd": sd,
        "fourth": np.mean((draws - mean) ** 4, axis=0),
        "ess of mean": az.ess(values, method="mean").values,
        "ess of sd": az.ess(values, method="sd").values,
        "elements": element_names(values),
    }


def _compare_pair(name: str, one: str, other: str, moments: Mapping, threshold: float) -> tuple[dict, list[str]]:
    """Return the row of one parameter and pair, and a sentence for each element that differs."""
    first, second = moments[one, name], moments[other, name]
    if first["mean"].shape != second["mean"].shape:
        raise DrawsError(
            f"{name}: {one} has shape {first['mean'].shape} after chain and draw, {other} {second['mean'].shape}."
        )
    sd = np.maximum(first["sd"], second["sd"])
    constant = sd == 0  # an element that never changes, such as the 1 in a correlation matrix
    safe = np.where(constant, 1.0, sd)
    spread = np.sqrt(np.maximum(np.maximum(first["fourth"], second["fourth"]) / safe**4 - 1, 1e-12)) * safe
    mean_error = safe * np.sqrt(1 / first["ess of mean"] + 1 / second["ess of mean"])
    sd_error = spread * np.sqrt(1 / first["ess of sd"] + 1 / second["ess of sd"]) / 2
    z = {
        "mean": np.where(
            constant, _constant_z(first["mean"], second["mean"]), (first["mean"] - second["mean"]) / mean_error
        ),
        "sd": np.where(constant, 0.0, (first["sd"] - second["sd"]) / sd_error),
    }
    both = np.stack([np.ravel(z["mean"]), np.ravel(z["sd"])], axis=1)
    bad = ~(np.abs(both) <= threshold)  # a NaN must not pass
    faults = []
    for row, column in np.argwhere(bad):
        moment = ("mean", "sd")[column]
        mine, theirs = np.ravel(first[moment])[row], np.ravel(second[moment])[row]
        faults.append(
            f"The posterior {moment} of {name}{first['elements'][row]} is {mine:.4g} in {one} and {theirs:.4g} in "
            f"{other} (z = {both[row, column]:+.1f}, passes up to {threshold:.1f})."
        )
    worst = int(np.argmax(np.where(np.isnan(both), np.inf, np.abs(both)).max(axis=1)))
    row = {"element": first["elements"][worst]}
    for moment in ("mean", "sd"):
        row |= {
            f"{moment} of first": np.ravel(first[moment])[worst],
            f"{moment} of second": np.ravel(second[moment])[worst],
            f"z of {moment}": np.ravel(z[moment])[worst],
        }
    return row, faults


def _constant_z(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return 0 where two constants are equal, infinity where not."""
    return np.where(np.isclose(mine, theirs, rtol=1e-6, atol=1e-9), 0.0, np.inf)


def _who_differs(labels: list[str], faults: list[tuple[str, str, str]]) -> list[str]:
    """Return a sentence that names the one that differs from all others, if there are others that agree."""
    apart = {frozenset(pair[:2]) for pair in faults}
    if len(labels) < 3:
        return [
            "Two posteriors can't show which of them is wrong: compare the programs' densities (compare_densities)."
        ]
    involved = [
        label for label in labels if all(frozenset((label, other)) in apart for other in labels if other != label)
    ]
    others_agree = all(involved and involved[0] in pair for pair in apart)
    if len(involved) == 1 and others_agree:
        return [f"{involved[0]} differs from all others, which agree."]
    return []
