"""Reference draws as posteriordb stores them, as an ArviZ DataTree."""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import arviz_base
import numpy as np
import xarray as xr

from sidebyside.draws import DrawsError

_NAME = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<place>[\d,\s]+)\])?")


def from_posteriordb(draws: Sequence[Mapping[str, Sequence[float]]] | str | Path) -> xr.DataTree:
    """Return posteriordb's reference draws as a DataTree.

    Parameters
    ----------
    draws : sequence of mappings, or path
        Per chain ``{"mu": [draws], "theta[1]": [draws], ...}``, elements counted from 1; or the path of such a file,
        ``.json`` or ``.json.zip``.

    Returns
    -------
    DataTree
        With ``posterior``: per parameter an array of shape (chain, draw, ...).

    Raises
    ------
    DrawsError
        If chains or elements are missing.

    Notes
    -----
    The format is that of posteriordb's ``reference_posteriors/draws`` (https://github.com/stan-dev/posteriordb).
    """
    chains = _read(Path(draws)) if isinstance(draws, str | Path) else draws
    if not chains:
        raise DrawsError("There are no chains in these draws.")
    names = list(chains[0])
    for number, chain in enumerate(chains):
        if set(chain) != set(names):
            raise DrawsError(f"Chain {number} holds other parameters than chain 0.")
    elements: dict[str, dict[tuple[int, ...], np.ndarray]] = {}
    for full in names:
        match = _NAME.fullmatch(full)
        if match is None:
            raise DrawsError(f"{full!r} is not a parameter's name as in 'mu' or 'theta[1,2]'.")
        place = tuple(int(number) - 1 for number in match["place"].split(",")) if match["place"] else ()
        values = np.array([chain[full] for chain in chains], dtype=float)
        elements.setdefault(match["name"], {})[place] = values
    return arviz_base.from_dict({"posterior": {name: _array(name, found) for name, found in elements.items()}})


def _read(path: Path) -> Any:
    """Read a JSON file, or the one in a zip file."""
    if path.suffix != ".zip":
        return json.loads(path.read_text("utf-8"))
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(archive.namelist()[0]))


def _array(name: str, found: Mapping[tuple[int, ...], np.ndarray]) -> np.ndarray:
    """Return one parameter's draws in its own shape."""
    shape = tuple(np.max(list(found), axis=0) + 1) if () not in found else ()
    if len(found) != int(np.prod(shape)):
        raise DrawsError(f"{name}: {len(found)} elements are there, and shape {shape} has {int(np.prod(shape))}.")
    array = np.empty((*next(iter(found.values())).shape, *shape))
    for place, values in found.items():
        array[(..., *place)] = values
    return array
