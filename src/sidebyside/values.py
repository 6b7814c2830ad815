"""Are a chapter's numbers right? What its answer rests on, against numbers computed without the chapter.

The independent numbers are stored in ``page_values/NN.json``, by name: ``value`` (a number or an array) and
``error``, what is left of numerical error. A value that varies with the draws also has ``spread``, its standard error
with a single independent draw, or ``share`` if it is a share of draws. A value with neither is deterministic.
"""

import json
from collections.abc import Mapping

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import binom, norm

from sidebyside import packaged_json

STANDARD_ERRORS = 4.5  # the largest difference that passes


class WrongValueError(AssertionError):
    """A number of a chapter is not what an independent computation gives."""


def check_values(
    expected: str | Mapping[str, Mapping],
    draws: xr.DataTree | xr.Dataset | int | None = None,
    **found: float | np.ndarray | pd.Series | xr.DataArray,
) -> pd.DataFrame:
    """Hold numbers of a chapter against numbers that were computed without it.

    A number made from draws may differ by 4.5 standard errors: its Monte Carlo error and the numerical error of the
    expected number. A deterministic number may differ by 4.5 times the latter.

    Parameters
    ----------
    expected : str or mapping
        The chapter's two digits; or expected numbers of your own, each ``{"value", "error"}`` and, if it varies with
        the draws, ``"spread"`` (its standard error with one independent draw) or ``"share": True``.
    draws : DataTree, Dataset or int, optional
        The draws from which the numbers were made: their smallest effective sample size gives the Monte Carlo error.
        An integer is a number of independent draws.
    **found : number, array, Series or DataArray
        The chapter's numbers, by their names in ``expected``. Of a DataArray with the dimensions ``chain`` and ``draw``
        the mean is compared, with its own effective sample size.

    Returns
    -------
    DataFrame
        A row per name: the number found, the number expected, their difference and the largest that passes. Of an
        array, the row of the element that is nearest to failing (``element``, counted from 0).

    Raises
    ------
    WrongValueError
        If a number is off: names it, with both numbers.
    ValueError
        If a name is unknown, a shape differs, or a number varies with draws and ``draws`` is not given.
    """
    if isinstance(expected, str):
        expected = json.loads(packaged_json.read("page_values", expected, "chapter with expected numbers"))
    if unknown := sorted(set(found) - set(expected)):
        raise ValueError(f"There is no number called {', '.join(unknown)}. There are: {', '.join(sorted(expected))}.")
    size = _effective_size(draws)
    rows, faults = {}, []
    for name, value in found.items():
        right, low, high, value = _limits(name, expected[name], value, size)
        # as a share of what passes; "not <=" rather than ">": a NaN must not pass
        off = (value - right) / np.where(value < right, right - low, high - right)
        for element in np.argwhere(~(np.abs(off) <= 1)):
            place = tuple(element)
            where = f"{list(map(int, place))}" if place else ""
            faults.append(
                f"{name}{where} is {value[place]:.5g}, an independent computation gives {right[place]:.5g} "
                f"(passes from {low[place]:.5g} to {high[place]:.5g})."
            )
        place = np.unravel_index(np.argmax(np.abs(off)), off.shape)
        rows[name] = {
            "element": ", ".join(map(str, place)),
            "found": value[place],
            "expected": right[place],
            "difference": value[place] - right[place],
            "passes from": low[place],
            "to": high[place],
        }
    if faults:
        raise WrongValueError(" ".join(faults))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("number")


def _effective_size(draws: xr.DataTree | xr.Dataset | int | None) -> float | None:
    """Return the smallest effective sample size of ``draws``, None if there are none."""
    if draws is None or isinstance(draws, int):
        return draws
    posterior = draws["posterior"].to_dataset() if isinstance(draws, xr.DataTree) and "posterior" in draws else draws
    posterior = posterior.to_dataset() if isinstance(posterior, xr.DataTree) else posterior
    sizes = [az.ess(posterior, method=method) for method in ("bulk", "tail")]
    return min(float(values.min()) for size in sizes for values in size.data_vars.values() if values.size)


def _limits(name: str, entry: Mapping, value, size: float | None) -> tuple[np.ndarray, ...]:
    """Return the expected number, the smallest and the largest that pass, and the number found, as arrays."""
    if isinstance(value, xr.DataArray) and {"chain", "draw"} <= set(value.dims):
        value = value.astype(float).transpose("chain", "draw", ...)
        independent = value.sizes["chain"] * value.sizes["draw"]
        size = az.ess(value, method="mean").fillna(independent).values  # where all draws are equal it is not defined
        value = value.mean(("chain", "draw"))
    value, right, error = (np.asarray(array, dtype=float) for array in (value, entry["value"], entry["error"]))
    if value.shape != right.shape:
        raise ValueError(f"{name} has the shape {value.shape}; the independent computation's is {right.shape}.")
    varies = "spread" in entry or entry.get("share", False)
    if varies and size is None:
        raise ValueError(f"{name} varies with the draws: say by draws= from which it was made.")
    numerical = STANDARD_ERRORS * error
    if not varies:
        return right, right - numerical, right + numerical, value
    if "spread" in entry:
        allowed = STANDARD_ERRORS * np.hypot(np.asarray(entry["spread"]) / np.sqrt(size), error)
        return right, right - allowed, right + allowed, value
    # a share near 0 or 1 is not normally distributed: the binomial distribution's own limits
    tail, size = norm.sf(STANDARD_ERRORS), np.floor(size)
    probability = np.clip(right, 0, 1)
    low, high = binom.ppf(tail, size, probability) - 1, binom.isf(tail, size, probability) + 1
    return right, low / size - numerical, high / size + numerical, value
