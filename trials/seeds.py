"""Draw the chapters' posteriors with ten other seeds and report the largest z: ``make seeds``.

A chapter is run part by part; a part ends with its check of the draws. Each part is run once, then the cells in it that
draw or check are run again for each seed, before the next part takes their names for another model.
``python trials/seeds.py 06 Pyro`` does so for one chapter and one library (or several); with fewer libraries the checks
compare fewer values and are stricter, not laxer. ``SEEDS=1 python trials/seeds.py 12 NumPyro`` takes one seed alone.
"""

import ast
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from sidebyside.libraries import TAGS

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CHECKS = ("sbs.check_agreement", "sbs.proof")
REPORT = """
_draws, _reference = {draws}, {reference}
_z = sbs.check_agreement(_draws, _reference)
_sampled = {{name: tree for name, tree in _draws.items() if "sample_stats" in tree}}
_rhat = sbs.check_sampling(_sampled)["largest R-hat"].max() if _sampled else float("nan")
print(f"{{_reference.name:17s}} largest |z| {{_z[['z of mean', 'z of sd']].abs().max().max():.1f}} "
      f"(passes up to {{_z.attrs['threshold']:.1f}}), largest R-hat {{_rhat:.3f}}")
"""


def belongs(cell: nbformat.NotebookNode, libraries: set[str]) -> bool:
    """Tell whether a code cell is everybody's or one of ``libraries``."""
    owners = {TAGS[tag] for tag in cell.metadata.get("tags", []) if tag in TAGS}
    return cell.cell_type == "code" and owners <= libraries


def draws_or_checks(cell: nbformat.NotebookNode) -> bool:
    """Tell whether a cell must run again for another seed. Stan's seed belongs to its model, which is cached."""
    name = cell.metadata.get("name", "")
    named = any(part in name for part in ("-prior-", "-draw-", "-predict-")) or name.endswith("model-stan")
    return named or any(word in cell.source for word in ("load_reference", "check_", "sbs.proof("))


def checks_draws(cell: nbformat.NotebookNode) -> bool:
    """Tell whether a cell holds draws against a reference."""
    return cell.cell_type == "code" and any(f"{check}(" in cell.source for check in CHECKS)


def report_of(source: str) -> str:
    """Return code that reports on the draws and the reference that a cell hands to its check.

    Not always all that was drawn: chapter 12 compares curves, since its weights are not identified.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CHECKS:
            *_, draws, reference = map(ast.unparse, node.args)  # a proof is given the programs before them
            return REPORT.format(draws=draws, reference=reference)
    raise ValueError(f"no call of {' or '.join(CHECKS)} in: {source}")


def parts_of(cells: list[nbformat.NotebookNode]) -> list[list[nbformat.NotebookNode]]:
    """Cut the cells after each that checks draws, outside solutions; what follows the last check is left out."""
    parts, part = [], []
    for cell in cells:
        part.append(cell)
        if checks_draws(cell) and "solution" not in cell.metadata.get("tags", []):
            parts.append(part)
            part = []
    return parts


def run(path: Path, libraries: set[str], seeds: int) -> None:
    """Run every seed of one chapter; the first failing check stops with its message."""
    notebook = nbformat.read(path, 4)
    parts = parts_of([cell for cell in notebook.cells if belongs(cell, libraries)])
    client = NotebookClient(
        notebook, timeout=900, startup_timeout=300, resources={"metadata": {"path": str(path.parent)}}
    )

    def execute(cell: nbformat.NotebookNode) -> str:
        done = client.execute_cell(cell, 0)  # it also puts the cell into the notebook's first place
        return "".join(output.get("text", "") for output in done.outputs if output.output_type == "stream")

    with client.setup_kernel():
        for part in parts:
            for cell in part:
                execute(cell)
            again = [cell for cell in part if draws_or_checks(cell) and "check_densities" not in cell.source]
            for seed in range(1, seeds + 1):
                start = time.perf_counter()
                execute(nbformat.v4.new_code_cell(f"SEED = {seed}"))
                for cell in again:
                    execute(cell)
                report = execute(nbformat.v4.new_code_cell(report_of(part[-1].source))).strip()
                print(f"seed {seed:2d}  {report}, {time.perf_counter() - start:.0f} s", flush=True)
    print(f"{path.stem}: all {seeds} seeds pass for {', '.join(sorted(libraries))}.")


def main() -> None:
    """Run the chapters and libraries named on the command line, all if none is named."""
    os.environ["SIDEBYSIDE_STORING"] = "1"
    seeds = int(os.environ.get("SEEDS", "10"))
    chapters = tuple(argument for argument in sys.argv[1:] if argument[:2].isdigit())  # "08", or "08b" alone
    libraries = set(sys.argv[1:]) - set(chapters) or set(TAGS.values())
    if unknown := libraries - set(TAGS.values()):
        sys.exit(f"There is no library called {', '.join(sorted(unknown))}; there are: {', '.join(TAGS.values())}.")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if (not chapters or path.stem.startswith(chapters)) and any(
            f"{check}(" in path.read_text() for check in CHECKS
        ):
            run(path, libraries, seeds)


if __name__ == "__main__":
    main()
