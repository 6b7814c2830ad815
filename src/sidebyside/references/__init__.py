"""Reference posteriors: what the libraries' draws are held against.

Each reference is made without any of the five libraries, by an independent log density in NumPy and SciPy.
``make references`` makes them all anew (``make_references/``, which is no part of the package); each JSON file says how
it was made and how exact it is.
"""

import json
from dataclasses import dataclass

import numpy as np

from sidebyside import packaged_json


@dataclass(frozen=True)
class Reference:
    """A model's reference: the posterior's moments, and its log density at a few points.

    Attributes
    ----------
    name : str
        The model's name, as in ``load_reference(name)``.
    how : str
        How it was made, in words.
    parameters : dict
        Per parameter ``{"mean", "sd", "kurtosis", "mean_error", "sd_error"}``, each a number, or an array in the
        parameter's shape; the kurtosis is the fourth standardised moment (3 for a normal distribution), the errors are
        what is left of numerical or Monte Carlo error, in the parameter's unit.
    points : list of dict
        Parameter values at which the log joint density is known, each ``{parameter: number or array}``.
    log_density : ndarray, shape (points,)
        The log joint density (prior times likelihood, on the constrained scale, all constants kept) at ``points``.
    """

    name: str
    how: str
    parameters: dict[str, dict[str, float | np.ndarray]]
    points: list[dict[str, float | np.ndarray]]
    log_density: np.ndarray


def load_reference(name: str) -> Reference:
    """Load the reference called ``name``; an unknown name raises ``ValueError`` with the known ones."""
    return Reference(**json.loads(packaged_json.read("references", name, "reference posterior"), object_hook=_arrays))


def _arrays(read: dict) -> dict:
    """Turn lists of numbers into arrays; a list of points stays a list."""
    return {
        key: np.array(value) if isinstance(value, list) and not (value and isinstance(value[0], dict)) else value
        for key, value in read.items()
    }
