"""Are two programs one model? Compared with each other, without a reference.

The chapters compare with a log density that none of the libraries computed (``density.py``). A reader who ports a model
has none; there are the two programs.
"""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from sidebyside import density
from sidebyside.agreement import MAX_FAULTS
from sidebyside.density import DensityDisagreementError, ParameterNamesError
from sidebyside.draws import DrawsError
from sidebyside.libraries import LIBRARIES
from sidebyside.proofs import Program, ProgramError, evaluate

DRAWN = 4  # points drawn where none are given
DRAW_FROM = ("PyMC", "NumPyro", "Pyro", "TFP")  # whose prior is drawn from, the first that is there
# Sums of many terms in double precision: their rounding grows with the sum.
RELATIVE = 1e-12
ADVICE = (
    "Common slips: rate for scale, variance for sd, success for failure, another order of arguments, rows for columns."
)

Points = Sequence[Mapping[str, float | np.ndarray]]


def compare_densities(
    programs: Mapping[str, Any],
    points: Points | xr.DataTree | None = None,
    *,
    names: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 0,
    tolerance: float = density.TOLERANCE,
) -> pd.DataFrame:
    """Compare the log joint densities of two or more programs, in one library or several.

    Two programs are the same model if their log densities differ by one constant. So each program's log density is
    computed at several points, and its changes from the first point are compared with those of the first program. One
    parameter at a time is changed, which tells where programs differ, and then all of them.

    Parameters
    ----------
    programs : mapping of str to Program or model
        Two or more. Each name is a library's ("PyMC", "Stan", "NumPyro", "Pyro", "TFP"), or begins with one, as in
        "PyMC, my port". Each value is what :func:`~sidebyside.program` returned; a PyMC model and what ``stan.build``
        returned can stand by themselves.
    points : sequence of mappings, DataTree or None
        Where to compare: two points or more, each ``{parameter: value}`` with values on the constrained scale; or a
        DataTree, from whose posterior (or, without one, prior) four draws are taken, and only the parameters of the
        model; or None: four draws from the prior of the first program that isn't Stan's, PyMC's if there is one.
    names : mapping of str to mapping, optional
        Per program, its own names of parameters: ``{"NumPyro": {"sigma": "sd"}}`` says that NumPyro's ``sd`` is what
        the points call ``sigma``.
    seed : int, optional
        For drawing points.
    tolerance : float, optional
        Largest difference that passes, in natural-log units. To it is added 1e-12 of the largest log density, for
        rounding.

    Returns
    -------
    DataFrame, shape (rows, programs)
        A row per change from the first point, named by what was changed; a column per program: the change of its log
        density, in natural-log units.

    Raises
    ------
    DensityDisagreementError
        If a program differs from the first one; names the program and the parameters. Its ``table`` is the one above.
    ParameterNamesError
        If programs name different parameters.
    ProgramError
        If a program is none, or a name is no library's.
    ValueError
        If there are fewer than two programs or usable points.
    LibraryMissingError
        If a library isn't installed.

    Notes
    -----
    Not seen are: a factor that no parameter changes, such as a normalising constant; what the sampler does; what was
    done to the data before both programs; a mistake in places where no point lies. Programs that describe one model by
    different parameters (a sd and a precision) have different densities, and can't be compared here.

    Examples
    --------
    >>> sbs.compare_densities({"PyMC": pymc_model, "NumPyro": sbs.program(numpyro_model, x, y)})
    """
    programs = {name: _program(name, program) for name, program in programs.items()}
    if len(programs) < 2:
        raise ValueError(f"{len(programs)} program(s): a comparison needs two.")
    names = own_names(programs, names)
    given = _points(programs, points, names, seed)
    values = {label: _values(label, programs[label], given, names) for label in programs}
    base = _first_finite(values, points)
    rows = _changes(given, base)
    points_of_rows = [point for _, point in rows]
    found = {label: _values(label, programs[label], points_of_rows, names) for label in programs}
    columns = {label: found[label].astype(float) - float(values[label][base]) for label in programs}
    table = pd.DataFrame(columns, index=pd.Index([change for change, _ in rows], name="parameters changed"))
    _judge(table, {label: np.append(values[label], found[label]) for label in programs}, tolerance)
    return table


def _library(label: str) -> str:
    """Return the library that a program's name begins with."""
    for library in LIBRARIES:
        if label == library or label.startswith((f"{library} ", f"{library},", f"{library}:", f"{library}(")):
            return library
    raise ProgramError(f"{label!r} begins with no library's name; there are: {', '.join(LIBRARIES)}.")


def _program(label: str, program: Any) -> Program:
    """Return what stands for a program; a model that holds its data is one."""
    library = _library(label)
    if isinstance(program, Program):
        return program
    if library in ("PyMC", "Stan"):
        return Program(program)
    raise ProgramError(f"{label}: say what the model is called with, as in sbs.program(model, x, y).")


def own_names(programs: Mapping, names: Mapping | None) -> dict[str, dict[str, str]]:
    """Return per program, or set of draws, its own names of parameters where they differ from the common ones.

    Parameters
    ----------
    programs : mapping
        Whose keys ``names`` may have.
    names : mapping of str to mapping, or None
        As the reader gave them: ``{"NumPyro": {"sigma": "sd"}}``.

    Raises
    ------
    ValueError
        If a key is unknown, or two parameters get one name.
    """
    names = {label: dict(own) for label, own in (names or {}).items()}
    if unknown := sorted(set(names) - set(programs)):
        raise ValueError(f"names: there is nothing called {', '.join(unknown)}; there are: {', '.join(programs)}.")
    for label, own in names.items():
        if len(set(own.values())) < len(own):
            raise ValueError(f"names: two parameters have one name in {label}.")
    return names


def _common(point: Mapping, own: Mapping[str, str]) -> dict:
    """Return a point of one program under the names that all share."""
    back = {theirs: common for common, theirs in own.items()}
    return {back.get(name, name): value for name, value in point.items()}


def _points(programs: Mapping, points: Any, names: Mapping, seed: int) -> list[dict[str, np.ndarray]]:
    """Return the points at which to compare, under the common names."""
    drawing = {_library(label): label for label in reversed(programs)}
    label = next((drawing[library] for library in DRAW_FROM if library in drawing), None)
    if points is None:
        return _prior_points(label, programs, names, seed)
    if isinstance(points, xr.DataTree):
        parameters = None if label is None else _parameters(label, programs[label], names)
        return _draws_of(points, parameters, seed)
    points = [{name: np.asarray(value) for name, value in point.items()} for point in points]
    if len(points) < 2:
        raise ValueError(f"{len(points)} point(s): differences of log densities need at least two.")
    for number, point in enumerate(points[1:], 1):
        if set(point) != set(points[0]):
            raise ParameterNamesError(
                f"points[{number}] names {', '.join(sorted(point))}; points[0] names {', '.join(sorted(points[0]))}."
            )
    return points


def _parameters(label: str, program: Program, names: Mapping) -> list[str]:
    """Return the common names of a program's parameters."""
    own = density.parameter_names(_library(label), program.model, *program.args, **program.data)
    return list(_common(dict.fromkeys(own), names.get(label, {})))


def _prior_points(label: str | None, programs: Mapping, names: Mapping, seed: int) -> list[dict[str, np.ndarray]]:
    """Return draws from a program's prior, under the common names."""
    advice = "Give points=, two or more values of every parameter, or the DataTree of a fit."
    if label is None:
        raise ValueError(f"Stan can't draw from a program's prior. {advice}")
    program = programs[label]
    try:
        drawn = density.draw_prior(_library(label), program.model, DRAWN, seed, *program.args, **program.data)
    except Exception as error:
        raise ValueError(f"{label} can't draw from this prior. {advice}") from error
    return [_common(point, names.get(label, {})) for point in drawn]


def _draws_of(tree: xr.DataTree, parameters: list[str] | None, seed: int) -> list[dict[str, np.ndarray]]:
    """Return a few draws of a DataTree's posterior, or prior, as points."""
    group = next((group for group in ("posterior", "prior") if group in tree), None)
    if group is None:
        raise DrawsError("points: the DataTree has neither posterior nor prior.")
    dataset = tree[group].to_dataset()
    if missing := sorted(set(parameters or []) - set(dataset.data_vars)):
        raise ParameterNamesError(
            f"points: the {group} holds no {', '.join(missing)}; it holds {', '.join(dataset.data_vars)}."
        )
    chosen = dataset[parameters or list(dataset.data_vars)].stack(sample=("chain", "draw")).transpose("sample", ...)
    places = np.random.default_rng(seed).choice(chosen.sizes["sample"], DRAWN, replace=False)
    return [{name: values.values[place] for name, values in chosen.data_vars.items()} for place in places]


def _values(label: str, program: Program, points: Points, names: Mapping) -> np.ndarray:
    """Return a program's log densities; the parameters' names in the points are the common ones."""
    own = names.get(label, {})
    theirs = [{own.get(name, name): value for name, value in point.items()} for point in points]
    try:
        return evaluate(_library(label), program, theirs, label)
    except ParameterNamesError as error:
        advice = f"Where one parameter has two names, say so: {_example(label, error)}."
        raise ParameterNamesError(
            f"{label} has other parameters than the points. {error} {advice}", error.only_model, error.only_point
        ) from error
    except Exception as error:
        error.add_note(f"This is what {label} raised when its log density was computed at the points.")
        raise


def _example(label: str, error: ParameterNamesError) -> str:
    """Return the argument that would map one name to another."""
    common, own = (error.only_point or ["sigma"])[0], (error.only_model or ["sd"])[0]
    return f'names={{"{label}": {{"{common}": "{own}"}}}}'


def _first_finite(values: Mapping[str, np.ndarray], points: Any) -> int:
    """Return the first point at which every program has a finite log density."""
    finite = np.all([np.isfinite(each) for each in values.values()], axis=0)
    if finite.any():
        return int(np.argmax(finite))
    found = "; ".join(f"{label}: {', '.join(f'{v:.4g}' for v in each)}" for label, each in values.items())
    more = "Give points nearer to the posterior." if points is None else "Are they inside the parameters' supports?"
    raise ValueError(f"At no point have all programs a finite log density ({found}). {more}")


def _changes(points: Points, base: int) -> list[tuple[str, dict]]:
    """Return what is compared with the base: each parameter changed alone, then the other points as they are."""
    first = points[base]
    others = {number: point for number, point in enumerate(points) if number != base}
    rows = []
    for name in first if len(first) > 1 else ():
        other = next((each[name] for each in others.values() if not np.array_equal(each[name], first[name])), None)
        if other is not None:
            rows.append((name, {**first, name: other}))
    alone = [point for _, point in rows]
    for number, point in others.items():
        changed = [name for name in first if not np.array_equal(point[name], first[name])]
        if changed and not any(all(np.array_equal(point[n], seen[n]) for n in first) for seen in alone):
            everything = len(changed) == len(first) > 1
            rows.append((f"all, as in point {number}" if everything else ", ".join(changed), dict(point)))
    if not rows:
        raise ValueError("All points are equal: differences of log densities need two.")
    return rows


def _judge(table: pd.DataFrame, values: Mapping[str, np.ndarray], tolerance: float) -> None:
    """Raise if a program's column differs from the first one's."""
    first, *rest = table.columns
    faults, roundings = [], []
    for label in rest:
        mine, base = table[label].to_numpy(), table[first].to_numpy()
        both = np.isfinite(mine) & np.isfinite(base)
        # outside the support of both, where both are minus infinity, they agree
        off = np.where(both, np.subtract(mine, base, where=both, out=np.zeros_like(mine)), np.nan)
        apart = (both & (np.abs(np.nan_to_num(off)) > _allowed(values, first, label, tolerance))) | (
            ~both & ~((mine == base) & np.isneginf(mine))
        )
        if not apart.any():
            continue
        largest = max(float(np.abs(each[np.isfinite(each)]).max()) for each in (values[first], values[label]))
        if both[apart].all() and np.abs(off[both]).max() <= density.SINGLE * largest:
            roundings.append(_rounding(label, first, float(np.abs(off[both]).max()), values))
            continue
        where = "; ".join(
            f"changing {table.index[n]}: {_difference(off[n], mine[n], base[n], label, first)}"
            for n in np.flatnonzero(apart)[:MAX_FAULTS]
        )
        faults.append(f"{label} and {first} are different models ({where}). {_guess(table.index, apart)}")
    if faults:
        faults.append(ADVICE)
    if faults or roundings:
        raise DensityDisagreementError(" ".join(faults + roundings), table)


def _rounding(label: str, first: str, off: float, values: Mapping[str, np.ndarray]) -> str:
    """Return what is said of a difference that rounding to single precision explains."""
    single = [each for each in (first, label) if values[each].dtype == np.float32]
    how = "; ".join(f"{each}: {density.double_precision(_library(each))}" for each in single or (first, label))
    found = (
        f"{label}'s log densities differ from {first}'s by {off:.1g}, no more than single precision (float32) leaves."
    )
    if single:
        return f"{found} {' and '.join(single)} {'compute' if single[1:] else 'computes'} in it. For double, {how}."
    return f"{found} Are all numbers double? For that, {how}. If they are, look at priors and likelihood."


def _allowed(values: Mapping[str, np.ndarray], first: str, label: str, tolerance: float) -> float:
    finite = [each[np.isfinite(each)] for each in (values[first], values[label])]
    return tolerance + RELATIVE * max(float(np.abs(each).max()) for each in finite)


def _difference(off: float, mine: float, base: float, label: str, first: str) -> str:
    if np.isfinite(off):
        return f"off by {off:+.3g}"
    return f"{label} {mine:.4g}, {first} {base:.4g}"


def _guess(changes: pd.Index, apart: np.ndarray) -> str:
    """Return which parameters the difference belongs to, where the changes of single ones show it."""
    single = [n for n, change in enumerate(changes) if ", " not in change]
    wrong = [changes[n] for n in single if apart[n]]
    if not single or len(wrong) == len(single) > 1:
        return "Every parameter changes the difference: look at the likelihood and the data first."
    if len(wrong) == 1:
        return f"Of single changes only that of {wrong[0]} shows it: look at its prior first."
    if wrong:
        return f"Look at where {', '.join(wrong[:-1])} and {wrong[-1]} enter."
    return "No single change shows it: look at what joins two parameters."
