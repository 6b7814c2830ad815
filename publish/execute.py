"""Execute a chapter and store its outputs: ``make run NB=notebooks/06_robust_regression``.

The ``.md`` is what people edit; the ``.ipynb`` beside it holds the outputs. A run replaces the ``.ipynb`` only when it
went through and its outputs are clean; otherwise the run is kept in ``build/failed`` and the stored notebook stays.
``tests/test_notebooks.py`` applies the same checks to what is stored.
"""

import argparse
import base64
import hashlib
import os
import re
import sys
import time
from difflib import SequenceMatcher
from pathlib import Path

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs
from jupytext.config import load_jupytext_config
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from publish.decks import figures_shown
from publish.pictures import FOR_DECKS
from publish.tags import cell_name

TEXT_FORMAT = "md:myst"
FIGURE_WARNING = 100_000  # bytes
FIGURE_LIMIT = 150_000  # bytes
SLOW = 3  # seconds: cells that took as long are listed after a run

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What no stored output may hold. Paths of any machine, not only this one: a test may run elsewhere than the notebook.
NOISE = {
    "an absolute path": re.compile(
        r"site-packages|(?<![\w.])/(?:tmp/|home/\w|root/|Users/\w|var/folders/|content/)|[A-Z]:\\+Users\\"
    ),
    "ANSI escapes": ANSI,
    "a progress bar": re.compile(r"\r(?!\n)|\d%\||<progress|━━|Sampling:\s+\d+%"),
}
MEMORY_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")
WIDGET = "application/vnd.jupyter.widget-view+json"


class ExecuteError(Exception):
    """A notebook could not be executed, or its outputs are not fit to be stored."""


# ---- the pair --------------------------------------------------------------------------------


def pair_of(path: str | Path) -> tuple[Path, Path]:
    """Return the ``.md`` and the ``.ipynb`` of a notebook named with either suffix or with none."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in {".md", ".ipynb"} else path
    return stem.with_name(stem.name + ".md"), stem.with_name(stem.name + ".ipynb")


def differences(text: Path, stored: Path) -> list[str]:
    """Return a message for each way in which the two files of a pair are out of step."""
    for path, other in ((text, stored), (stored, text)):
        if not path.is_file():
            return [f"{path} is missing; its twin is {other}. Write it: {_remedy(text, stored)}"]
    ours = jupytext.read(text, config=_config(text))
    # Through the text format and back: what the .md does not carry (outputs, ids) is not compared.
    notebook = nbformat.read(stored, as_version=4)
    theirs = jupytext.reads(jupytext.writes(notebook, fmt=TEXT_FORMAT, config=_config(text)), fmt=TEXT_FORMAT)
    messages = []
    for key in sorted((set(ours.metadata) | set(theirs.metadata)) - {"jupytext"}):
        if ours.metadata.get(key) != theirs.metadata.get(key):
            messages.append(f"{text}: the notebook's {key} differs from the .ipynb's. {_remedy(text, stored)}")
    if len(ours.cells) != len(theirs.cells):
        messages.append(
            f"{text} has {len(ours.cells)} cells and the .ipynb has {len(theirs.cells)}. {_remedy(text, stored)}"
        )
    for number, (mine, other) in enumerate(zip(ours.cells, theirs.cells, strict=False), start=1):
        changed = [
            what
            for what, same in {
                "type": mine.cell_type == other.cell_type,
                "source": mine.source == other.source,
                **{
                    key: mine.metadata.get(key) == other.metadata.get(key)
                    for key in sorted(set(mine.metadata) | set(other.metadata))
                },
            }.items()
            if not same
        ]
        if changed:
            where = cell_name(text, number, mine.source)
            messages.append(f"{where}: {', '.join(changed)} differs from the .ipynb. {_remedy(text, stored)}")
            break  # one cell too many or too few moves all that follow: the first is what to look at
    return messages


def read_pair(text: Path, stored: Path) -> NotebookNode:
    """Return the notebook to execute: text and tags of the ``.md``, cell ids and other metadata of the ``.ipynb``."""
    if not text.is_file():
        raise ExecuteError(f"{text} is missing" + (f": {_remedy(text, stored)}" if stored.is_file() else "."))
    notebook = jupytext.read(text, config=_config(text))
    notebook.metadata.get("jupytext", {}).pop("text_representation", None)  # of the .md alone
    if not stored.is_file():
        return notebook
    if stored.stat().st_mtime > text.stat().st_mtime and (messages := differences(text, stored)):
        raise ExecuteError(
            f"{messages[0]}\n{stored} is newer than {text}, so it is not clear which to keep. "
            f"To keep the .ipynb's text: jupytext --sync {stored}. To keep the .md's: touch {text}."
        )
    return combine_inputs_with_outputs(notebook, nbformat.read(stored, as_version=4), fmt=TEXT_FORMAT)


def _config(text: Path):
    """Return the settings of jupytext for this file, from the nearest pyproject.toml."""
    return load_jupytext_config(str(text.resolve()))


def _remedy(text: Path, stored: Path) -> str:
    """Return what to type to bring a pair in step."""
    return f"jupytext --sync {text if text.is_file() else stored}, or make run NB={text.with_suffix('')}."


# ---- checks of what is stored: each returns messages, none where all is well ---------------------


def fingerprints(notebook: NotebookNode) -> list[str]:
    """Return the sha256 of every code cell's source, in order."""
    return [hashlib.sha256(cell.source.encode()).hexdigest() for _, cell in _code(notebook)]


def stale(notebook: NotebookNode, path: Path) -> list[str]:
    """Return a message for each code cell that is not the one whose outputs are stored."""
    remedy = f"make run NB={path.with_suffix('')}"
    cells = _code(notebook)
    if cells and "sidebyside" not in notebook.metadata:
        return [f"{path} does not say what was executed: {remedy}"]
    messages = [
        f"{cell_name(path, number, cell.source)} was not executed: {remedy}"
        for number, cell in cells
        if cell.execution_count is None and "skip-execution" not in _tags(cell)
    ]
    now, then = fingerprints(notebook), notebook.metadata.get("sidebyside", {}).get("executed", [])
    for kind, a, b, i, j in SequenceMatcher(a=then, b=now, autojunk=False).get_opcodes():
        if kind in {"replace", "insert"}:
            messages += [
                f"{cell_name(path, number, cell.source)} was changed or moved after its outputs were stored: {remedy}"
                for number, cell in cells[i:j]
            ]
        elif kind == "delete":
            place = f"before cell {cells[i][0]}" if i < len(cells) else "at the end"
            messages.append(f"{path}: {b - a} code cell(s) {place} went after the outputs were stored: {remedy}")
    return messages


def noise(notebook: NotebookNode, path: Path) -> list[str]:
    """Return a message for each output that holds an error, stderr, or what only this machine or run would show."""
    places = [re.escape(str(place)) for place in (Path.home(), _root(path)) if len(place.parts) > 1]
    patterns = [*NOISE.items(), ("an absolute path", re.compile(rf"(?<![\w.])(?:{'|'.join(places)})(?!\w)"))]
    messages = []
    for number, cell in _code(notebook):
        found = {}
        for output in cell.outputs:
            text = _text(output)
            if output.output_type == "error":
                found["an error"] = f"{output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                found["text on stderr"] = text
            if WIDGET in output.get("data", {}):
                found["a live widget, which a page can't show"] = text
            found |= {what: _around(text, match) for what, pattern in patterns if (match := pattern.search(text))}
        where = cell_name(path, number, cell.source)
        messages += [f"{where} shows {what}: {ANSI.sub('', text).strip()[:200]!r}" for what, text in found.items()]
    return messages


def names(notebook: NotebookNode, path: Path) -> list[str]:
    """Return a message for each cell whose ``name`` another cell before it has."""
    first, messages = {}, []
    for number, cell in enumerate(notebook.cells, start=1):
        name = cell.metadata.get("name")
        if name is not None and first.setdefault(name, number) != number:
            where = cell_name(path, number, cell.source)
            messages.append(f"{where} is named {name!r} like cell {first[name]}: give each cell its own name.")
    return messages


def figures(notebook: NotebookNode, path: Path, limit: int = FIGURE_LIMIT) -> list[str]:
    """Return a message for each figure without alternative text or of more than ``limit`` bytes."""
    messages = []
    for number, cell in _code(notebook):
        where = cell_name(path, number, cell.source)
        images = [image for output in cell.outputs for image in _images(output)]
        if images and not _alternative_text(cell).strip():
            messages.append(
                f"{where} shows a figure without alternative text: "
                "say in mystnb: image: alt: of the cell's metadata what the figure shows."
            )
        messages += [
            f"{where} shows a figure of {size / 1000:.0f} kB, more than {limit / 1000:.0f} kB: "
            "make it smaller, or draw fewer points, or rasterise less finely."
            for size in images
            if size > limit
        ]
    return messages


def missing(notebook: NotebookNode, path: Path) -> list[str]:
    """Return a message for each cell that must have an output and has none."""
    remedy = f"make run NB={path.with_suffix('')}"
    messages = []
    for number, cell in _code(notebook):
        where = cell_name(path, number, cell.source)
        figure = "image" in cell.metadata.get("mystnb", {}) or cell.metadata.get("name", "").startswith("fig-")
        if figure and not any(_images(output) for output in cell.outputs):
            messages.append(f"{where} is labelled as a figure and stores no image: {remedy}")
        if "nbval-check-output" in _tags(cell) and not cell.outputs:
            messages.append(f"{where} is to be compared by nbval and stores no output: {remedy}")
    return messages


CHECKS = (stale, noise, names, figures, missing)


def _code(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """Return the code cells that are not blank, each with its number (from 1) among all cells."""
    numbered = enumerate(notebook.cells, start=1)
    return [(number, cell) for number, cell in numbered if cell.cell_type == "code" and cell.source.strip()]


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _alternative_text(cell: NotebookNode) -> str:
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt") or ""


def _text(output: NotebookNode) -> str:
    """Return all of an output that is text: the stream, the traceback, or every text form of what is displayed."""
    if output.output_type == "error":
        return "\n".join(output.traceback)
    data = output.get("data", {})
    forms = [str(data[kind]) for kind in data if not kind.startswith("image/") or kind == "image/svg+xml"]
    return output.get("text", "") + "\n".join(forms)


def _images(output: NotebookNode) -> list[int]:
    """Return the size in bytes of each image in an output."""
    return [
        len(image.encode()) if kind == "image/svg+xml" else len(base64.b64decode(image))
        for kind, image in output.get("data", {}).items()
        if kind.startswith("image/")
    ]


def _around(text: str, match: re.Match) -> str:
    """Return the line in which ``match`` stands."""
    return text[text.rfind("\n", 0, match.start()) + 1 :].split("\n")[0]


def _root(path: Path) -> Path:
    """Return the repository: the nearest folder above ``path`` with a pyproject.toml."""
    path = path.resolve()
    return next((folder for folder in path.parents if (folder / "pyproject.toml").is_file()), path.parent)


# ---- a run -----------------------------------------------------------------------------------


def clean(notebook: NotebookNode) -> None:
    """Take out, in place, what differs from run to run or shows nothing; merge streams that follow one another."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for _, cell in _code(notebook):
        cell.metadata.pop("execution", None)
        outputs = []
        for output in cell.outputs:
            plain = output.get("data", {}).get("text/plain")
            if plain is not None:
                output.data["text/plain"] = MEMORY_ADDRESS.sub("", plain)
            last = outputs[-1] if outputs else {}
            if output.output_type == "stream" and last.get("name") == output.name:
                last.text += output.text
            elif output.output_type == "error" or _text(output).strip() or _images(output):
                outputs.append(output)
        cell.outputs = outputs


def run(text: Path, stored: Path) -> list[str]:
    """Execute a pair in its own folder and store its outputs; return warnings.

    Raises :class:`ExecuteError`, naming the cell, if a cell fails or an output is not fit to be stored. Then the
    stored notebook is as it was, and what was executed is in ``build/failed``.
    """
    notebook = read_pair(text, stored)
    executed, before = fingerprints(notebook), notebook.metadata.get("sidebyside", {})
    shown = figures_shown(_root(text) / "slides", stored.stem)
    cells = zip(executed, _code(notebook), strict=True)
    for_decks = [fingerprint for fingerprint, (_, cell) in cells if cell.metadata.get("name") in shown]
    where, began, took = str(text), 0.0, {}

    def remember(cell: NotebookNode, cell_index: int) -> None:
        nonlocal where, began
        where, began = cell_name(text, cell_index + 1, cell.source), time.monotonic()

    def clock(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        took[cell.metadata.get("name") or where] = time.monotonic() - began

    # The kernel starts in the notebook's folder, and what draws for decks is no part of the installed package.
    search = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    settings = {"PYTHONPATH": search, "SIDEBYSIDE_STORING": "1", FOR_DECKS: " ".join(for_decks)}
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(text.parent.resolve())}},
        record_timing=False,
        store_widget_state=False,
        on_cell_execute=remember,
        on_cell_executed=clock,
        extra_arguments=[
            "--log-level=ERROR",  # else it warns of its TCP ports, about which an author can do nothing
            "--IPKernelApp.extensions=['publish.projector']",
        ],
    )
    started = time.monotonic()
    try:
        # The package switches progress bars off when outputs are going to be stored.
        client.execute(env={**os.environ, **settings})
    except (CellExecutionError, DeadKernelError) as error:
        raise ExecuteError(f"{where} failed:\n{ANSI.sub('', str(error))}" + _keep_failed(notebook, stored)) from error
    seconds = time.monotonic() - started
    messages = noise(notebook, stored)
    clean(notebook)
    # What the same code took before counts too: a busy machine only adds to it.
    took_before = before["seconds"] if before.get("executed") == executed else seconds
    notebook.metadata["sidebyside"] = {"executed": executed, "seconds": round(min(seconds, took_before))}
    if messages:
        raise ExecuteError("\n".join(messages) + _keep_failed(notebook, stored))
    nbformat.write(notebook, stored)
    jupytext.write(notebook, text, fmt=TEXT_FORMAT, config=_config(text))
    print(f"{stored}: executed in {seconds:.0f} s, outputs stored.")
    for cell, cell_seconds in took.items():
        if cell_seconds >= SLOW:
            print(f"{cell_seconds:6.0f} s  {cell}")
    return names(notebook, stored) + figures(notebook, stored, FIGURE_WARNING) + missing(notebook, stored)


def _keep_failed(notebook: NotebookNode, stored: Path) -> str:
    """Write a run that failed into ``build/failed``, and return a line that says so."""
    failed = _root(stored) / "build" / "failed" / stored.name
    failed.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, failed)
    return f"\nThe stored notebook was left as it was; this run is in {failed}."


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks named on the command line, and return 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="make run NB=", description="Execute notebooks and store their outputs.")
    parser.add_argument("notebook", nargs="+", help="its path, with .md, with .ipynb, or with neither")
    failures = 0
    for name in parser.parse_args(arguments).notebook:
        try:
            for warning in run(*pair_of(name)):
                print(f"Warning: {warning}", file=sys.stderr)
        except ExecuteError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failures += 1
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
