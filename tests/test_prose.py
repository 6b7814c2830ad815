"""Numbers that stand in a chapter's prose are true: each is held against what it speaks of."""

import re
from pathlib import Path

import nbformat
import pytest
from scipy import stats

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def chapter(name: str) -> tuple[nbformat.NotebookNode, str]:
    """Return a stored chapter and its prose on one line."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    return notebook, " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("name", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_time_to_run_was_measured(name):
    """The promised minutes cover the stored run, and not by more than a factor of two (or a minute)."""
    notebook, prose = chapter(name)
    minutes = int(re.search(r"about (\d+) minutes? to run", prose).group(1))
    measured = notebook.metadata["sidebyside"]["seconds"] / 60
    assert measured <= minutes <= max(1, 2 * measured)


def test_chapter_06_describes_its_own_settings():
    notebook, prose = chapter("06_robust_regression")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    chains, warmup, draws = map(int, re.search(r"chains, warmup, draws = (\d+), (\d+), (\d+)", code).groups())
    assert chains == 4 and f"four chains, {draws:,} draws each after {warmup} steps of adaptation" in prose


def test_chapter_06_describes_its_priors():
    _, prose = chapter("06_robust_regression")
    low, high = map(
        int, re.search(r"middle of the line is between (\d+) and (\d+) with 95% probability", prose).groups()
    )
    assert [100 * end for end in stats.norm(4, 2).interval(0.95)] == pytest.approx([low, high], abs=10)
    assert "one in five on average" in prose and stats.beta(1, 4).mean() == 1 / 5
