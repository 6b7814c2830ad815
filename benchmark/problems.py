"""What is fitted: the course's models on the course's data, and on simulated data of growing size.

A model's code is not here: it stands in its chapter's named cells. Here are the data that those cells are given, and
the same log density once more in plain NumPy and SciPy, which the libraries' densities are held against.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from scipy import stats

from make_references import bradley_terry as bradley_terry_reference
from make_references import linear_regression, robust_regression
from sidebyside import radon_grid
from sidebyside.datasets import simulate_matches
from sidebyside.references import Reference, load_reference

Arrays = Mapping[str, np.ndarray]

# Ingram's published comparison (22 December 2021): so many matches, and so many players in his stored notebook
MATCHES, PLAYERS = 160_420, 4804


def line(data: Arrays, alpha, beta, sigma) -> float:
    """Log joint density of chapter 5's line."""
    prior = stats.norm.logpdf(alpha, 4, 1.5) + stats.norm.logpdf(beta, 0, 0.5) + stats.halfnorm.logpdf(sigma)
    return prior + stats.norm.logpdf(data["y"], alpha + beta * data["x"], sigma).sum()


def student_t(data: Arrays, alpha, beta, nu) -> float:
    """Log joint density of chapter 6's robust line."""
    prior = stats.norm.logpdf(alpha, 4, 2) + stats.norm.logpdf(beta, 0, 3) + stats.gamma.logpdf(nu, 2, scale=10)
    return prior + stats.t.logpdf(data["y"], nu, alpha + beta * data["x"], data["sigma_y"]).sum()


def bradley_terry(data: Arrays, sd, raw) -> float:
    """Log joint density of chapter 13's players: whoever is better by ``gap`` wins with probability expit(gap)."""
    gap = sd * (raw[data["winner"]] - raw[data["loser"]])
    return stats.halfnorm.logpdf(sd) + stats.norm.logpdf(raw).sum() - np.logaddexp(0, -gap).sum()


@dataclass(frozen=True)
class Model:
    """Where a model's code stands, and what its cells need.

    ``name`` is the beginning of the cells' names, ``objects`` that of the objects they make. ``arguments`` are what
    NumPyro's and Pyro's functions are called with, in their order; ``observed`` is what TFP pins.
    """

    name: str
    chapter: str
    objects: str
    arguments: tuple[str, ...]
    observed: str
    log_density: Callable[..., float] | None = None


MODELS = {
    model.name: model
    for model in (
        Model("line", "05_linear_regression", "line", ("x", "y"), "y", line),
        Model("student-t", "06_robust_regression", "student_t", ("x", "sigma_y", "y"), "y", student_t),
        Model("intercepts", "08_hierarchical_regression", "intercepts", ("county", "x", "u", "y"), "y"),
        Model(
            "bradley-terry",
            "13_choosing_a_library",
            "bradley_terry",
            ("winner", "loser", "n_players"),
            "won",
            bradley_terry,
        ),
    )
}


@dataclass(frozen=True)
class Problem:
    """A model and its data.

    Attributes
    ----------
    name, title : as in the results
    model : key of :data:`MODELS`
    source : "course" (then ``reference`` holds the posterior's moments) or "simulated"
    data : arrays and numbers by the names that the chapter's cells use
    rows, unknowns : how many observations, how many numbers are sampled
    reference : log densities at a few points; the moments too where the course has them
    main : the model's own data in its chapter (of each model there is one)
    """

    name: str
    title: str
    model: str
    source: str
    data: dict[str, np.ndarray | int]
    rows: int
    unknowns: int
    reference: Reference = field(repr=False)
    main: bool = False

    def describe(self) -> dict:
        """Return what the results say of the problem."""
        return {
            "model": self.model,
            "rows": self.rows,
            "parameters": self.unknowns,
            "source": self.source,
            "title": self.title,
        }


def _simulated(model: str, rows: int, data: dict, points: list[dict], unknowns: int) -> Problem:
    """Put a simulated problem together; its densities come from the plain programs above."""
    reference = Reference(
        name=f"{model}-{rows}",
        how="plain NumPy and SciPy",
        parameters={},
        points=points,
        log_density=np.array([MODELS[model].log_density(data, **point) for point in points]),
    )
    what = "matches" if model == "bradley-terry" else "readings"
    title = f"{rows:,} simulated {what}"
    return Problem(f"{model}-{rows}", title, model, "simulated", data, rows, unknowns, reference)


def simulate_line(rows: int) -> Problem:
    """Simulate many penguins; as in the chapter the predictor is in centimetres from its mean."""
    rng = np.random.default_rng([5, rows])
    x = rng.normal(0, 1.4, rows)
    data = {"x": x - x.mean(), "y": 4.2 + 0.5 * x + rng.normal(0, 0.4, rows)}
    base = {"alpha": 4.2, "beta": 0.5, "sigma": 0.4}
    points = [base, base | {"alpha": 3.6}, base | {"beta": -0.1}, base | {"sigma": 1.1}]
    return _simulated("line", rows, data, points, 3)


def simulate_student_t(rows: int) -> Problem:
    """Simulate readings like Hogg, Bovy and Lang's: each has its own error bar, and a few are wild."""
    rng = np.random.default_rng([6, rows])
    x, sigma_y = rng.uniform(-1.4, 1.3, rows), rng.uniform(0.1, 0.4, rows)
    data = {"x": x, "sigma_y": sigma_y, "y": 4.1 + 2.2 * x + sigma_y * rng.standard_t(4, rows)}
    base = {"alpha": 4.1, "beta": 2.2, "nu": 4.0}
    points = [base, base | {"alpha": 3.1}, base | {"beta": -0.4}, base | {"nu": 9.0}]
    return _simulated("student-t", rows, data, points, 3)


def players_of(matches: int) -> int:
    """How many players such a record has: as many as Ingram's for his number of matches, and fewer for fewer."""
    return round(PLAYERS * (matches / MATCHES) ** 0.5)


def _record(players: int, matches: int, seed: int) -> dict:
    record, _ = simulate_matches(players, matches, seed)
    return {
        "winner": record["winner"].to_numpy(),
        "loser": record["loser"].to_numpy(),
        "n_players": players,
        "won": np.ones(matches, dtype=np.int32),  # what TFP pins
    }


def simulate_bradley_terry(matches: int) -> Problem:
    """Simulate a record of matches by as many players as such a record has."""
    players = players_of(matches)
    data = _record(players, matches, seed=13)
    base = {"sd": 1.0, "raw": np.round(np.sin(np.arange(players)), 3)}
    points = [base, base | {"sd": 0.4}, base | {"raw": np.round(np.cos(2.0 * np.arange(players)), 3)}]
    return _simulated("bradley-terry", matches, data, points, players + 1)


def penguins() -> Problem:
    """Chapter 5's data."""
    x, y = linear_regression.data()
    reference = load_reference("penguins_line")
    return Problem("penguins", "342 penguins", "line", "course", {"x": x, "y": y}, len(x), 3, reference, True)


def hogg() -> Problem:
    """Chapter 6's data."""
    data = {"x": robust_regression.X, "y": robust_regression.Y, "sigma_y": robust_regression.SIGMA}
    reference = load_reference("robust_student_t")
    return Problem("hogg", "20 readings", "student-t", "course", data, len(data["x"]), 3, reference, True)


def radon() -> Problem:
    """Chapter 8's data."""
    houses = radon_grid.data()
    data = {"county": houses.county.astype(int), "x": houses.floor, "u": houses.u, "y": houses.y}
    reference = load_reference("radon_intercepts")
    unknowns = 5 + len(houses.u)
    return Problem(
        "radon", "919 houses in 85 counties", "intercepts", "course", data, len(houses.y), unknowns, reference, True
    )


def matches() -> Problem:
    """Chapter 13's data."""
    players, rows = bradley_terry_reference.PLAYERS, bradley_terry_reference.MATCHES
    data = _record(players, rows, bradley_terry_reference.SEED)
    title, reference = f"{rows:,} matches of {players} players", load_reference("bradley_terry")
    return Problem("matches", title, "bradley-terry", "course", data, rows, players + 1, reference, True)


COURSE = {problem.__name__: problem for problem in (penguins, hogg, radon, matches)}


@cache
def make(name: str) -> Problem:
    """Make the problem called ``name``: one of :data:`COURSE`, or a model and a number of rows, as "line-1000"."""
    if name in COURSE:
        return COURSE[name]()
    model, _, rows = name.rpartition("-")
    simulate = {"line": simulate_line, "student-t": simulate_student_t, "bradley-terry": simulate_bradley_terry}
    if model not in simulate or not rows.isdigit():
        raise ValueError(f"There is no problem {name!r}. There are {', '.join(COURSE)}, and such as line-1000.")
    return simulate[model](int(rows))


def write(problem: Problem, folder: Path) -> Path:
    """Write a problem's data where a child can read them without pandas, which would make its imports look quick."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{problem.name}.npz"
    model = MODELS[problem.model]
    about = problem.describe() | {
        "name": problem.name,
        "chapter": model.chapter,
        "objects": model.objects,
        "arguments": model.arguments,
        "observed": model.observed,
        "main": problem.main,
        "reference": problem.reference.name,
    }
    np.savez(path, about=np.array(json.dumps(about)), **problem.data)
    return path


@cache
def describe(name: str) -> dict:
    """Return :meth:`Problem.describe` of the problem called ``name``."""
    return make(name).describe()
