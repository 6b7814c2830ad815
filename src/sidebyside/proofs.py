"""The proof that programs in several libraries are one model, and that their draws are one posterior, in one call.

The module is not called ``proof``: once imported, a module of that name would take the place of ``sbs.proof``.
"""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from sidebyside import density
from sidebyside.agreement import MAX_RHAT, MIN_ESS, check_agreement, check_sampling
from sidebyside.libraries import LIBRARIES
from sidebyside.references import Reference

_NUMBERS = dict(enumerate(("Two", "Three", "Four", "Five", "Six", "Seven", "Eight"), start=2))


class ProgramError(TypeError):
    """A program that is not one: not made by :func:`program`, or with data that its library takes elsewhere."""


@dataclass(frozen=True)
class Program:
    """A library's model, and what its log density is evaluated with; :func:`program` makes it."""

    model: Any
    args: tuple = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Proof:
    """What :func:`proof` found; a notebook shows its line, with the tables folded under it.

    Attributes
    ----------
    line : str
        The result in one sentence.
    densities : DataFrame, shape (points - 1, libraries + 1)
        What :func:`~sidebyside.check_densities` returned.
    sampling : DataFrame, shape (libraries, 6)
        What :func:`~sidebyside.check_sampling` returned.
    agreement : DataFrame, shape (parameters * libraries, 6), or 7 columns if a parameter is an array
        What :func:`~sidebyside.check_agreement` returned.
    tolerance : mapping of str to float
        Of the libraries whose log density may differ by more than 1e-6, how much may.
    """

    line: str
    densities: pd.DataFrame
    sampling: pd.DataFrame
    agreement: pd.DataFrame
    tolerance: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.line

    def _repr_html_(self) -> str:
        threshold = self.agreement.attrs["threshold"]
        wider = "".join(f" For {library} {limit:g} passes." for library, limit in self.tolerance.items())
        tables = (
            (
                "One function: how much the log joint density changes, from the reference's first point, "
                f"when the parameters named are changed. The columns are equal to within {density.TOLERANCE:g}.{wider}",
                self.densities,
            ),
            (
                "The samplers did their work: each library's diagnostics at their worst over all parameters. "
                f"R-hat is at most {MAX_RHAT}, effective sample sizes (ESS) are at least {MIN_ESS}, no draw diverged.",
                self.sampling,
            ),
            (
                "One posterior: means and standard deviations (sd) of the draws beside those of the reference. "
                f"z is the difference in Monte Carlo errors; |z| up to {threshold:.1f} passes.",
                self.agreement,
            ),
        )
        shown = "".join(f"<p>{escape(caption, quote=False)}</p>\n{table.to_html()}\n" for caption, table in tables)
        line = f"<p>{escape(self.line, quote=False)}</p>"
        return f"{line}\n<details>\n<summary>The tables behind this line</summary>\n{shown}</details>"


def program(model: Any, *args: Any, **data: Any) -> Program:
    """Say what a library's log density is evaluated with.

    Parameters
    ----------
    model : Any
        PyMC: the ``pymc.Model``. Stan: what ``stan.build`` returned. NumPyro and Pyro: the model function. TFP: a joint
        distribution with named parts.
    *args : Any
        NumPyro and Pyro: what the function is called with.
    **data : Any
        NumPyro and Pyro: keyword arguments of the function. TFP: the values of the observed parts, by name.

    Returns
    -------
    Program
        What :func:`proof` takes.

    Examples
    --------
    >>> sbs.program(pymc_model)
    >>> sbs.program(numpyro_model, x, y)
    >>> sbs.program(joint_distribution, y=y)
    """
    return Program(model, args, data)


def proof(
    programs: Mapping[str, Program],
    posteriors: Mapping[str, xr.DataTree],
    reference: Reference,
    tolerance: Mapping[str, float] | None = None,
) -> Proof:
    """Prove that programs are one function, up to a constant, and that draws from them are one posterior.

    Every program's log joint density is evaluated at ``reference.points`` and compared with
    ``reference.log_density`` (:func:`~sidebyside.check_densities`). Then the samplers' diagnostics are checked
    (:func:`~sidebyside.check_sampling`), and the moments of the draws are compared with ``reference.parameters``
    (:func:`~sidebyside.check_agreement`).

    Parameters
    ----------
    programs : mapping of str to Program
        By the library's name, as in ``sbs.LIBRARIES``: what :func:`program` returned.
    posteriors : mapping of str to DataTree
        By the same names: the draws, with ``posterior``, variables of shape (chain, draw, ...), four chains or more,
        and ``sample_stats["diverging"]``, shape (chain, draw).
    reference : Reference
        What every library is compared with; made without any of them.
    tolerance : mapping of str to float, optional
        By the library's name: by how much its log density may differ, in natural-log units, where its own functions
        are computed less exactly than to 1e-6.

    Returns
    -------
    Proof
        One line, such as ``Five libraries, one function, one posterior (largest |z| 2.1; 3.9 allowed).``, and the three
        tables behind it.

    Raises
    ------
    DensityDisagreementError
        If a log density is not the reference's; names library and parameters. It comes before any look at the draws.
    SamplingError
        If a sampler did not do its work; names library and parameter.
    DisagreementError
        If a posterior is not the reference's; names library and parameter.
    ValueError
        If there is no library, one is unknown, or one stands in ``programs`` or ``posteriors`` alone; if a point names
        other parameters than a model has (ParameterNamesError), or draws can't be judged (DrawsError).
    ProgramError
        If a program is not what :func:`program` returned, or has arguments that its library has no use for.
    LibraryMissingError
        If a library isn't installed.

    Examples
    --------
    >>> programs = {"PyMC": sbs.program(pymc_model), "NumPyro": sbs.program(numpyro_model, x, y)}
    >>> posteriors = {"PyMC": pymc_tree, "NumPyro": numpyro_tree}
    >>> sbs.proof(programs, posteriors, sbs.load_reference("penguins_line"))
    Two libraries, one function, one posterior (largest |z| 1.6; 3.7 allowed).
    """
    _check_names(programs, posteriors)
    found = {library: evaluate(library, program, reference.points) for library, program in programs.items()}
    tolerance = {library: limit for library, limit in (tolerance or {}).items() if library in programs}
    densities = density.check_densities(found, reference, tolerance)
    sampling = check_sampling(posteriors)
    agreement = check_agreement(posteriors, reference)
    largest = agreement[["z of mean", "z of sd"]].abs().to_numpy().max()
    line = (
        f"{_who(list(programs))} one function, one posterior "
        f"(largest |z| {largest:.1f}; {agreement.attrs['threshold']:.1f} allowed)."
    )
    return Proof(line, densities, sampling, agreement, tolerance)


def _check_names(programs: Mapping, posteriors: Mapping) -> None:
    if not programs and not posteriors:
        raise ValueError("There is nothing to prove: fill programs['PyMC'] and posteriors['PyMC'] (and so on) first.")
    if unknown := sorted({*programs, *posteriors} - set(LIBRARIES)):
        raise ValueError(f"No library is called {', '.join(unknown)}; there are: {', '.join(LIBRARIES)}.")
    for one, other, has, lacks in (
        (programs, posteriors, "program", "posterior"),
        (posteriors, programs, "posterior", "program"),
    ):
        if alone := [library for library in one if library not in other]:
            raise ValueError(f"{', '.join(alone)}: there is a {has}, and no {lacks}.")


def evaluate(library: str, program: Program, points: density.Points, label: str = "") -> np.ndarray:
    """Return a program's log joint densities.

    Parameters
    ----------
    library : str
        As in ``sbs.LIBRARIES``.
    program : Program
        What :func:`program` returned.
    points : sequence of mappings
        Each ``{parameter: value}``, on the constrained scale.
    label : str, optional
        What the program is called in messages, if not by its library's name.

    Returns
    -------
    ndarray, shape (points,)
        float32 if the library computed in single precision, else float64.

    Raises
    ------
    ProgramError
        If the program is not what :func:`program` returned, or has arguments that its library has no use for.
    """
    label = label or library
    if not isinstance(program, Program):
        raise ProgramError(f"{label}: programs[{label!r}] must be made by sbs.program(model, ...).")
    alone = library in ("PyMC", "Stan")
    if alone and (program.args or program.data):
        raise ProgramError(f"{label}: a program is the model alone, which holds its data.")
    if library == "TFP" and program.args:
        raise ProgramError(f"{label}: give the observed parts by name, as in sbs.program(joint, y=y).")
    return getattr(density, LIBRARIES[library].tag)(program.model, points, *program.args, **program.data)


def _who(libraries: list[str]) -> str:
    return f"{_NUMBERS[len(libraries)]} libraries," if len(libraries) > 1 else f"{libraries[0]} and the reference:"
