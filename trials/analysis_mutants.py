"""Break a page's analysis at random and see whether the page notices: ``make mutants ANALYSIS=1 NB=...``.

A mutant is one small change in one code cell that belongs to no library: a number doubled, a sign flipped, a term
dropped, a mean made a median. It dies if a cell raises, or if a cell whose output is compared by the tests prints
something else than is stored. Pages with library cells are run with one library.

The page is run once and the state after each slow cell is kept in a file. A mutant's run loads that state in the place
of a slow cell, unless the cell depends on what the mutant may have changed: then it runs again. Cells that the mutant
cannot have changed, and that nothing needs, are left out.
"""

import argparse
import ast
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from mutants import keep_library
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
SLOW = 1.0  # seconds: the state after cells that took as long is kept
ALLOWED_TO_LIVE = 1  # mutants that may live without a reason
COMPARED = "nbval-check-output"
PICTURES = {"image/png", "image/jpeg"}  # nbval does not compare them either

# Mutants that may live: chapter, cell (name or number), a fragment of the line that was changed, and why it may.
REASONS: list[tuple[str, str, str, str]] = [
    ("01", "fig-staircase", "", "the cell only draws: its loop variable has the name of functions' arguments"),
    ("01", "", "mass = 4200 + 45 * (flipper - 200)", "adding a constant to all masses changes no error"),
    ("01", "", "known = rng.uniform([-68, 0, 0]", "trees give the same predictions whatever a column's scale"),
    ("02", "doors-solution", "prior=1 / 3", "the table normalises: a prior's constant factor changes no posterior"),
    ("02", "grid", "np.linspace(0, 1, 201)", "a finer grid gives the same posterior"),
    ("02", "elicit", "root(too_much", "the solver finds the same prior from other starting values"),
    ("02", "elicit", "middle, sd =", "the solver finds the same prior from other starting values"),
    ("02", "elicit", "worth = middle *", "the solver finds the same prior from other starting values"),
    ("04", "large-effect", "size=(2, 200_000)", "more draws give the same answer within its Monte Carlo error"),
    ("04", "", "chains, warmup, draws =", "more draws or warm-up give the same answer within its Monte Carlo error"),
    ("06", "", "chains, warmup, draws =", "more draws or warm-up give the same answer within its Monte Carlo error"),
    ("06", "", "np.linspace(-1.4, 1.35", "more points draw the same curve"),
    ("06", "huber", "max_iter", "the optimiser has converged long before"),
    ("06", "other-priors", "stats.norm(0, 3)", "a prior twice as wide moves the slope by .006, less than draws show"),
    ("06", "", "Huber's regression {", "the number is compared with an independent one; the sentence rounds it"),
    ("06", "steeper-solution", '"normal"', "the probability is zero either way"),
    ("06", "", "effective = ratio", "a remark on the precision of an answer that is compared itself"),
    ("06", "", 'z["moment"]', "a label in a figure"),
    ("06", "scaled-grid", "np.linspace(3.2, 5.2, 41)", "a finer grid gives the same posterior"),
    ("06", "", "size=4000", "more draws give the same answer within its Monte Carlo error"),
]

SIBLINGS = {
    name: other
    for pair in (
        ("mean", "median"),
        ("std", "var"),
        ("min", "max"),
        ("argmin", "argmax"),
        ("sf", "cdf"),
        ("logsf", "logcdf"),
        ("ppf", "isf"),
    )
    for name, other in (pair, pair[::-1])
} | {"sum": "mean"}
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}
COMPARISONS = {ast.Lt: ">", ast.Gt: "<", ast.LtE: ">=", ast.GtE: "<=", ast.Eq: "!=", ast.NotEq: "=="}
SYMBOLS = {ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
PLOTTING_MODULES = {"plt", "sns", "mpl", "daft", "widgets"}
PLOTTING_METHODS = set(
    "add_artist add_edge add_node add_patch add_plate annotate axhline axhspan axline axvline axvspan bar barh "
    "boxplot clabel colorbar contour contourf errorbar fill fill_between fill_betweenx hexbin hist hlines imshow "
    "legend margins pcolormesh plot quiver render scatter semilogx semilogy set set_axis_off set_label set_title "
    "set_visible set_xlabel set_xlim set_xscale set_xticklabels set_xticks set_ylabel set_ylim set_yscale "
    "set_yticklabels set_yticks stairs step subplots subplots_adjust suptitle supxlabel supylabel text "
    "tick_params twinx violinplot vlines".split()
)
NOT_ANALYSIS = set("prepare default_rng key PRNGKey seed round head tail sort_values set_up check_values".split())
NOT_ANALYSIS_KEYWORDS = set(
    "figsize figure_kwargs alpha color colour c cmap ms lw linewidth ls linestyle fontsize label marker s title width "
    "height zorder edgecolor xytext textcoords layout seed random_state random_seed rng dpi bins xlim ylim".split()
)
IN_PLACE = set("append extend update pop insert sort setdefault clear remove add fill partition put resize".split())


@dataclass(frozen=True)
class Change:
    """Characters ``start`` to ``end`` of a cell's source become ``new``."""

    start: int
    end: int
    new: str

    def of(self, source: str) -> str:
        """Return the source with this change."""
        return source[: self.start] + self.new + source[self.end :]


def difference(before: str, after: str) -> tuple[str, str]:
    """Return the first line that differs, before and after."""
    pairs = zip(before.split("\n"), after.split("\n"), strict=False)
    return next((old.strip(), new.strip()) for old, new in pairs if old != new)


# ---- what can be changed in a cell -----------------------------------------------------------------


class Changes:
    """The changes of one cell's source, a list for each place.

    Parameters
    ----------
    source : str
        The cell's source.
    drawing : set of str
        Names of the page's own functions that draw: calls of them are left alone.
    figure : bool
        Whether the cell is a folded one that draws, among other things.
    """

    def __init__(self, source: str, drawing: set[str] = frozenset(), figure: bool = False):
        self.source, self.drawing, self.figure = source, drawing, figure
        self._lines = [0]  # where each line begins, in bytes, as ast counts columns
        for line in source.encode().split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.places = []
        self._visit(ast.parse(source), [])

    def _span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends, in characters."""
        encoded = self.source.encode()
        ends = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        return tuple(len(encoded[: self._lines[line - 1] + column].decode()) for line, column in ends)

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self.source[start:end]

    def _visit(self, node: ast.AST, parents: list[ast.AST]) -> None:
        if self._left_out(node):
            return
        if changes := [change for change in self._of(node, parents) if self._is_real(change)]:
            self.places.append(changes)
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                is_argument = isinstance(node, ast.Call) and name != "func"
                if isinstance(child, ast.AST) and not (is_argument and called(node) in NOT_ANALYSIS):
                    self._visit(child, [*parents, node])

    def _is_real(self, change: Change) -> bool:
        """Tell whether the changed cell is another program."""
        try:
            return ast.dump(ast.parse(change.of(self.source))) != ast.dump(ast.parse(self.source))
        except SyntaxError:  # a minus dropped may leave none
            return False

    def _left_out(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):  # an assertion is a guard
            return True
        if isinstance(node, ast.Assign):
            return any("seed" in name.id.lower() for name in ast.walk(node) if _is_stored(name))
        if isinstance(node, ast.keyword):
            return node.arg in NOT_ANALYSIS_KEYWORDS
        if isinstance(node, ast.Call) and draws(node, self.drawing):
            return True
        if self.figure and isinstance(node, ast.Call):  # where a figure's curves begin and end
            return called(node) in {"linspace", "geomspace", "logspace", "arange"}
        if self.figure and isinstance(node, ast.Tuple):  # (3, "o", colour): how a figure shows it
            return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in node.elts)
        return False

    def _of(self, node: ast.AST, parents: list[ast.AST]) -> Iterator[Change]:
        if isinstance(node, ast.Constant):
            yield from self._of_number(node, parents)
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            start, end = self._span(node)
            neutral = 1 if isinstance(node.op, ast.Mult | ast.Div) else 0
            if not _is_number(node.right, neutral):
                yield self._operator(node.left, node.right, OPERATORS[type(node.op)])
                yield Change(start, end, f"({self._text(node.left)})")
            if isinstance(node.op, ast.Add | ast.Mult) and not _is_number(node.left, neutral):
                yield Change(start, end, f"({self._text(node.right)})")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
            start, end = self._span(node)
            yield Change(start, end, f"({self._text(node.operand)})")
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
            yield self._operator(node.left, node.comparators[0], COMPARISONS[type(node.ops[0])])
        elif isinstance(node, ast.Attribute) and node.attr in SIBLINGS:
            end = self._span(node)[1]
            of_array = node.attr == "mean" and getattr(node.value, "id", "") != "np"  # an array has no median()
            yield Change(end - len(node.attr), end, "sum" if of_array else SIBLINGS[node.attr])

    def _operator(self, left: ast.AST, right: ast.AST, new: str) -> Change:
        """Return the change of the operator between two operands."""
        start, end = self._span(left)[1], self._span(right)[0]
        match = re.search(r"[-+*/<>=!]+", self.source[start:end])  # brackets may stand beside it
        return Change(start + match.start(), start + match.end(), new)

    def _of_number(self, node: ast.Constant, parents: list[ast.AST]) -> Iterator[Change]:
        start, end = self._span(node)
        value = node.value
        if isinstance(value, bool):
            yield Change(start, end, str(not value))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return
        if any(isinstance(parent, ast.Subscript) and _inside(node, parent.slice) for parent in parents[-4:]):
            if isinstance(value, int):
                yield Change(start, end, str(value + 1))
            return
        in_call = next((parent for parent in reversed(parents) if isinstance(parent, ast.Call)), None)
        keyword = next((parent.arg for parent in reversed(parents) if isinstance(parent, ast.keyword)), None)
        if keyword == "axis":
            yield Change(start, end, str(1 - value) if value in (0, 1) else "0")
        elif value == 0:
            yield Change(start, end, "1")
        elif in_call is not None and called(in_call) in {"quantile", "ppf", "isf"} and 0.5 < value < 1:
            yield Change(start, end, f"{1 - 2 * (1 - value):.6g}")
        else:
            yield Change(start, end, f"{2 * value!r}")
            if isinstance(value, int) and value <= 10:
                yield Change(start, end, str(value + 1))


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _is_number(node: ast.AST, value: float) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, bool) and node.value == value


def _inside(node: ast.AST, tree: ast.AST) -> bool:
    return any(node is other for other in ast.walk(tree))


def called(call: ast.Call) -> str:
    """Return the last name of what is called, "" if it has none."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def draws(call: ast.Call, drawing: set[str] = frozenset()) -> bool:
    """Tell whether a call only draws."""
    name, root = called(call), call.func
    while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
        root = root.func if isinstance(root, ast.Call) else root.value
    module = getattr(root, "id", "") if isinstance(call.func, ast.Attribute) else ""
    is_method = isinstance(call.func, ast.Attribute) and name in PLOTTING_METHODS and module not in {"np", "stats"}
    return is_method or module in PLOTTING_MODULES or name.startswith("plot_") or name in drawing or name == "animate"


# ---- the page: its cells, and what depends on what ------------------------------------------------


@dataclass
class Cell:
    """A code cell of a page."""

    number: int
    source: str
    tags: set[str]
    outputs: list
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"cell {self.number}"

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.source)

    @cached_property
    def bound(self) -> set[str]:
        """Names that the cell binds anew: they no longer hold what they held."""
        found = {name.id for name in ast.walk(self.tree) if _is_stored(name)} | self.imported
        return found | {node.name for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}

    @cached_property
    def changed(self) -> set[str]:
        """Names whose objects the cell may have changed: bound, or changed in place."""
        roots = set()
        for node in ast.walk(self.tree):
            target = None
            if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
                target = node
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in IN_PLACE:
                target = node.func
            while isinstance(target, ast.Subscript | ast.Attribute | ast.Call):
                target = target.func if isinstance(target, ast.Call) else target.value
            if isinstance(target, ast.Name):
                roots.add(target.id)
        return self.bound | roots

    @cached_property
    def read(self) -> set[str]:
        """Every name that the cell reads."""
        nodes = list(ast.walk(self.tree))
        loaded = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        targets = [node.target for node in nodes if isinstance(node, ast.AugAssign)]
        return loaded | {target.id for target in targets if isinstance(target, ast.Name)}

    @cached_property
    def needed_from_before(self) -> set[str]:
        """Names that are read in a line before any that binds them."""
        bound_in = {}
        for node in ast.walk(self.tree):
            if _is_stored(node):
                bound_in[node.id] = min(node.lineno, bound_in.get(node.id, node.lineno))
        loads = [node for node in ast.walk(self.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
        return {node.id for node in loads if node.lineno <= bound_in.get(node.id, node.lineno)}

    @cached_property
    def plots(self) -> bool:
        """Whether anything is drawn."""
        return any(isinstance(node, ast.Call) and draws(node) for node in ast.walk(self.tree))

    @property
    def is_figure(self) -> bool:
        """Whether it is folded and draws."""
        return "hide-input" in self.tags and self.plots

    @cached_property
    def functions(self) -> str:
        """The source of the functions and classes that the cell defines."""
        kinds = ast.FunctionDef | ast.ClassDef
        return "\n".join(ast.unparse(node) for node in self.tree.body if isinstance(node, kinds))

    @cached_property
    def imported(self) -> set[str]:
        """Names that the cell imports."""
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        return {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}


@dataclass
class Page:
    """A page with one library's cells."""

    path: Path
    cells: list[Cell] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, library: str) -> "Page":
        """Read a notebook, the cells of other libraries left out."""
        notebook = nbformat.read(path, 4)
        numbers = {id(cell): number for number, cell in enumerate(notebook.cells, start=1)}
        keep_library(notebook, library)
        page = cls(path)
        for cell in notebook.cells:
            tags = set(cell.metadata.get("tags", []))
            if cell.cell_type == "code" and not tags & {"setup", "skip-execution"}:
                name = cell.metadata.get("name", "")
                page.cells.append(Cell(numbers[id(cell)], cell.source, tags, cell.outputs, name))
        return page

    @property
    def drawing(self) -> set[str]:
        """The page's own functions that draw."""
        return {
            node.name
            for cell in self.cells
            for node in cell.tree.body
            if isinstance(node, ast.FunctionDef)
            if any(isinstance(call, ast.Call) and draws(call) for call in ast.walk(node))
        }

    def analysis(self) -> list[Cell]:
        """Return the cells to mutate: those of no library, without folded ones that make nothing but figures."""
        found, used = [], set()
        for cell in reversed(self.cells):
            only_draws = cell.is_figure and not cell.bound & used
            if not only_draws:
                used = (used - cell.bound) | cell.needed_from_before
                if not cell.tags & set(TAGS):
                    found.append(cell)
        return found[::-1]

    def reaching(self, cell: Cell) -> set[str]:
        """Return every name that the cell reaches, through the page's own functions too."""
        functions = {
            node.name: {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            for other in self.cells
            for node in other.tree.body
            if isinstance(node, ast.FunctionDef)
        }
        reached, new = set(), set(cell.read)
        while new:
            reached |= new
            new = set().union(*(functions.get(name, set()) for name in new)) - reached
        return reached

    def run_again(self, mutated: Cell, generators: set[str]) -> set[int]:
        """Return the numbers of cells that depend on what a mutant may have changed.

        ``generators`` are the names of random number generators: whoever draws from one changes it.
        """
        tainted, again, after = set(), set(), False
        for cell in self.cells:
            reached = self.reaching(cell)
            after |= cell is mutated
            if cell is mutated or (after and reached & tainted):
                again.add(cell.number)
                tainted |= cell.changed | (reached & generators)
            elif after:
                tainted -= cell.bound
        return again

    def needed(self, again: set[int], kept: set[int], generators: set[str]) -> set[int]:
        """Return the numbers of the cells without which those in ``again`` cannot run; ``kept`` are loaded, not run.

        What a figure's cell reads it leaves as it is; any other cell may change what it reads.
        """
        imported = set().union(*(cell.imported for cell in self.cells))
        names, run = set(), set()
        for cell in reversed(self.cells):
            reached = self.reaching(cell)
            gives = cell.changed | (reached & generators) | (set() if cell.plots else cell.read - imported)
            if cell.number in again or gives & names:
                run.add(cell.number)
                if cell.number in again or cell.number not in kept or cell.functions:
                    names |= reached
        return run


# ---- running ---------------------------------------------------------------------------------------

HELPERS = """
import cloudpickle as _cloudpickle
def _keep(path, names):
    import types
    kinds = types.ModuleType, types.FunctionType, type
    kept = {name: globals()[name] for name in names if not isinstance(globals().get(name, type), kinds)}
    with open(path, "wb") as file:
        _cloudpickle.dump(kept, file)
def _load(path):
    with open(path, "rb") as file:
        globals().update(_cloudpickle.load(file))
def _generators():
    import numpy
    kinds = (numpy.random.Generator, numpy.random.RandomState)
    print(*[name for name, value in globals().items() if isinstance(value, kinds)])
"""


@dataclass
class Death:
    """Where a mutant died, and of what."""

    cell: Cell
    message: str


class Runner:
    """Runs a page, with and without kept states."""

    def __init__(self, page: Page, folder: Path):
        self.page, self.folder = page, folder
        self.kept: dict[int, Path] = {}
        self.generators: set[str] = set()

    def _client(self) -> NotebookClient:
        resources = {"metadata": {"path": str(self.page.path.parent)}}
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=900, startup_timeout=300, resources=resources)
        client.extra_arguments = ["--log-level=ERROR"]  # every kernel warns that its port is not encrypted
        return client

    @staticmethod
    def _execute(client: NotebookClient, source: str) -> list:
        """Execute a source in the client's kernel and return its outputs."""
        cell = nbformat.v4.new_code_cell(source)
        client.nb.cells = [cell]
        return client.execute_cell(cell, 0).outputs

    def record(self) -> list[tuple[Cell, float]]:
        """Run the page as it is, keep the states after slow cells, and return these cells with their seconds."""
        slow = []
        client = self._client()
        with client.setup_kernel():
            self._execute(client, HELPERS)
            for cell in self.page.cells:
                start = time.perf_counter()
                self._execute(client, cell.source)
                seconds = time.perf_counter() - start
                if seconds < SLOW or cell.imported:  # modules are imported again, not kept
                    continue
                path = self.folder / f"{cell.number}.pickle"
                names = sorted(self.page.reaching(cell) | cell.bound)
                try:
                    self._execute(client, f"_keep({str(path)!r}, {names!r})")
                except CellExecutionError as error:
                    print(f"        {cell} ({seconds:.0f} s) can't be kept, it will run again: {error.evalue[:80]}")
                else:
                    self.kept[cell.number] = path
                    slow.append((cell, seconds))
            found = self._execute(client, "_generators()")
            self.generators = set("".join(output["text"] for output in found).split())
        return slow

    def run(self, mutated: Cell | None = None, source: str = "") -> Death | None:
        """Run the page with ``source`` in the place of one cell's; return where it died, None if it lived.

        Cells that neither depend on the mutated one nor are needed by those that do are left out.
        """
        everything = {cell.number for cell in self.page.cells}
        if mutated is None:
            return self._run(None, "", set(), everything)
        again = self.page.run_again(mutated, self.generators)
        death = self._run(mutated, source, again, self.page.needed(again, set(self.kept), self.generators))
        if death and death.message.startswith("NameError"):  # is it the mutant's, or was a cell left out wrongly?
            return self._run(mutated, source, again, everything)
        return death

    def _run(self, mutated: Cell | None, source: str, again: set[int], chosen: set[int]) -> Death | None:
        """Run the cells numbered ``chosen``: those in ``again`` anew, the others by their kept state if any."""
        client = self._client()
        with client.setup_kernel():
            self._execute(client, HELPERS)
            for cell in (cell for cell in self.page.cells if cell.number in chosen):
                loaded = cell.number in self.kept and cell.number not in again
                try:
                    if loaded:
                        self._execute(client, f"_load({str(self.kept[cell.number])!r})\n{cell.functions}")
                        continue
                    outputs = self._execute(client, source if cell is mutated else cell.source)
                except CellExecutionError as error:
                    return Death(cell, f"{error.ename}: {error.evalue}".partition("\n")[0])
                if COMPARED in cell.tags and texts(outputs) != texts(cell.outputs):
                    return Death(cell, f"prints {first_difference(texts(outputs), texts(cell.outputs))}")
        return None


def texts(outputs: list) -> dict[str, str]:
    """Return what nbval compares: the text of every kind of output, streams joined."""
    found = {}
    for output in outputs:
        if output.output_type == "stream":
            found[output.name] = found.get(output.name, "") + output.text
        for kind, value in output.get("data", {}).items():
            if kind not in PICTURES:
                found[kind] = found.get(kind, "") + str(value)
    return found


def first_difference(now: dict[str, str], stored: dict[str, str]) -> str:
    """Return the first line that differs, in words."""
    for kind in sorted(now | stored):
        lines = now.get(kind, "").split("\n"), stored.get(kind, "").split("\n")
        for new, old in zip(*lines, strict=False):
            if new != old:
                return f"{new.strip()[:100]!r}, stored {old.strip()[:100]!r}"
    return "more or fewer lines than are stored"


def reason_for(path: Path, cell: Cell, lines: tuple[str, str]) -> str | None:
    """Return why a mutant may live, None if there is no reason."""
    chapter = path.stem.partition("_")[0]
    for of, where, fragment, reason in REASONS:
        if of == chapter and where in ("", str(cell)) and fragment in lines[0]:
            return reason
    return None


def choose(page: Page, count: int, seed: int) -> list[tuple[Cell, str]]:
    """Return ``count`` random mutants, each a cell and its changed source; no place is changed twice."""
    places = [
        (cell, changes)
        for cell in page.analysis()
        for changes in Changes(cell.source, page.drawing, cell.is_figure).places
    ]
    chooser = random.Random(seed)
    chosen = chooser.sample(range(len(places)), min(count, len(places)))
    return [(places[i][0], chooser.choice(places[i][1]).of(places[i][0].source)) for i in sorted(chosen)]


def main() -> None:
    """Run the mutants of one page and report each; exit 1 if more than one lived without a reason."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", help="as in notebooks/06_robust_regression")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--library", default="NumPyro", choices=LIBRARIES)
    parser.add_argument("--list", action="store_true", help="say what would be changed, and run nothing")
    options = parser.parse_args()
    os.environ["SIDEBYSIDE_STORING"] = "1"
    path = (ROOT / options.notebook).with_suffix(".ipynb")
    page = Page.read(path, options.library)
    chosen = choose(page, options.count, options.seed)
    if options.list:
        for cell, source in chosen:
            print(cell, *difference(cell.source, source), sep="\n        ")
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(report(Runner(page, Path(folder)), chosen))


def report(runner: Runner, chosen: list[tuple[Cell, str]]) -> int:
    """Run the page and its mutants, report each, and return the exit status."""
    start = time.perf_counter()
    for cell, seconds in runner.record():
        print(f"        kept: {cell} ({seconds:.0f} s)")
    print(f"        the page ran in {time.perf_counter() - start:.0f} s", flush=True)
    start = time.perf_counter()
    if death := runner.run():
        sys.exit(f"The page itself dies, in {death.cell}: {death.message}")
    print(f"        with what was kept it runs in {time.perf_counter() - start:.0f} s", flush=True)
    lived = excused = 0
    for cell, source in chosen:
        start = time.perf_counter()
        death = runner.run(cell, source)
        lines = difference(cell.source, source)
        reason = None if death else reason_for(runner.page.path, cell, lines)
        lived += not death
        excused += bool(reason)
        verdict = "died " if death else "LIVED"
        why = f"in {death.cell}: {death.message[:200]}" if death else reason or "without a reason"
        seconds = time.perf_counter() - start
        print(
            f"{verdict}  {cell} ({seconds:.0f} s)\n        - {lines[0]}\n        + {lines[1]}\n        {why}",
            flush=True,
        )
    print(f"{lived} of {len(chosen)} mutants lived, {excused} of them with a reason")
    return int(lived - excused > ALLOWED_TO_LIVE)


if __name__ == "__main__":
    main()
