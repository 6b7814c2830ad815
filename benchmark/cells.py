"""What a child needs before it imports a library: data, and the chapters' own cells. Nothing heavy is imported here."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
ELEMENTS = 60  # how many elements of a long parameter are held against the other libraries' draws


def sources(chapter: str, tag: str, name: str, folder: Path = ROOT / "notebooks") -> tuple[str, str]:
    """Return the code of a chapter's first cell of a library (its imports), and of its cell called ``name``."""
    path = folder / f"{chapter}.ipynb"
    cells = [
        cell
        for cell in json.loads(path.read_text())["cells"]
        if cell["cell_type"] == "code" and tag in cell["metadata"].get("tags", [])
    ]
    named = [cell for cell in cells if cell["metadata"].get("name") == name]
    if len(named) != 1:
        raise LookupError(f"{path.name}: {len(named)} cells are called {name!r}; the benchmark needs one.")
    first, wanted = ("".join(cell["source"]) for cell in (cells[0], named[0]))
    return first, wanted


def change(source: str, changes: Sequence[tuple[str, str]]) -> str:
    """Replace text in a cell; each text must stand there once, so that a wrong model is really wrong."""
    for old, new in changes:
        if source.count(old) != 1:
            raise LookupError(f"{old!r} stands {source.count(old)} times in the cell; the change needs one place.")
        source = source.replace(old, new)
    return source


def lean(source: str) -> str:
    """Leave out of a model cell what a chapter keeps with every draw and does not sample; the density stays the same.

    With a million rows, a value per row and draw would fill the memory. ``Deterministic("line", EXPR, ...)`` becomes
    ``EXPR``, also in NumPyro and Pyro. In a Stan program, what ``transformed parameters`` declare is declared in the
    model block, and ``generated quantities`` are left out.
    """
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    segments = {
        ast.get_source_segment(source, call): ast.get_source_segment(source, call.args[1])
        for call in calls
        if getattr(call.func, "attr", "") in ("Deterministic", "deterministic")
    }
    for whole, expression in segments.items():
        source = source.replace(whole, expression)
    source = re.sub(r"^generated quantities \{\n.*?^\}\n", "", source, flags=re.MULTILINE | re.DOTALL)
    return re.sub(
        r"^transformed parameters \{\n(.*?)^\}\nmodel \{\n",
        r"model {\n\1",
        source,
        flags=re.MULTILINE | re.DOTALL,
    )


def read(path: str | Path) -> tuple[dict, dict]:
    """Return what :func:`write` wrote: what the problem is, and its data."""
    with np.load(path) as stored:
        data = {name: stored[name] for name in stored.files}
    about = json.loads(str(data.pop("about")))
    return about, {name: int(values) if values.ndim == 0 else values for name, values in data.items()}


def derived(model: str, data: Mapping, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the references know beside the unknowns themselves, from draws of shape (chain, draw, ...)."""
    if model == "intercepts":
        column = {name: draws[name][..., None] for name in ("gamma_0", "gamma_1", "sigma_alpha")}
        return {"alpha": column["gamma_0"] + column["gamma_1"] * data["u"] + column["sigma_alpha"] * draws["z"]}
    if model == "bradley-terry":
        return {"skill": draws["sd"][..., None] * draws["raw"]}
    return {}


def thin(draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keep at most :data:`ELEMENTS` elements of each parameter, spread evenly over it."""
    kept = {}
    for name, values in draws.items():
        flat = values.reshape(*values.shape[:2], -1)
        chosen = np.unique(np.linspace(0, flat.shape[2] - 1, min(ELEMENTS, flat.shape[2])).round().astype(int))
        kept[name] = flat[:, :, chosen] if values.ndim > 2 else values
    return kept
