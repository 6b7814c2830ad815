"""Figures for a projector: what becomes of a figure, and what a run stores."""

import shutil
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.text import Text
from nbformat.v4 import new_markdown_cell, new_notebook
from PIL import Image

from publish import book_tabs, execute, projector
from publish.pictures import PROJECTOR

ROOT = Path(__file__).parents[1]
CHAPTER = """\
---
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---

```{code-cell} ipython3
import matplotlib.pyplot as plt
```

```{code-cell} ipython3
---
name: fig-shown
mystnb: {image: {alt: A line.}}
---
plt.plot([1, 2, 3])
plt.show()
```

```{code-cell} ipython3
---
name: fig-other
mystnb: {image: {alt: Another line.}}
---
plt.plot([3, 2, 1])
plt.show()
```
"""


@pytest.fixture
def figure():
    """Return a figure as chapters draw them: two panels, a legend, a colour bar, marks, a note."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 4.2))
    left.plot(np.linspace(0, 1, 50), label="a line")
    left.legend()
    left.set(xlabel="time (s)", title="Left")
    left.text(3, 0.5, "a note", fontsize=9)
    fig.colorbar(right.scatter([1, 2], [3, 4], c=[0, 1], s=20), ax=right)
    right.set_xticks([1, 2], ["one", "two"])
    yield fig
    plt.close(fig)


def test_type_is_large_and_ticks_are_few(figure):
    projector.enlarge(figure)
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert {"a line", "a note", "time (s)", "Left", "one", "two"} <= {text.get_text() for text in texts}
    assert min(text.get_fontsize() for text in texts) >= projector.SMALLEST
    left, right, _ = figure.axes
    for axis in (left.xaxis, left.yaxis):
        low, high = axis.get_view_interval()
        assert 2 <= sum(low <= tick <= high for tick in axis.get_ticklocs()) <= projector.TICKS + 1
    assert [label.get_text() for label in right.get_xticklabels()] == ["one", "two"], "ticks that were named stay"


@pytest.mark.parametrize("between", [" ", "\n"])
def test_the_labels_of_two_panels_stay_apart(between):
    fig, axes = plt.subplots(1, 2, figsize=(7, 4.2), layout="constrained")
    for ax in axes:
        ax.set_xlabel(f"an error that is clearly smaller than the one of the{between}pooled model by (%)")
    projector.enlarge(fig)
    fig.draw_without_rendering()
    left, right = (ax.xaxis.label.get_window_extent() for ax in axes)
    assert left.x1 < right.x0
    assert "\n" in axes[0].get_xlabel()
    plt.close(fig)


def test_type_is_a_fortieth_of_the_slide():
    """Capitals of DejaVu Sans, matplotlib's font, are 0.73 of the type's size; a figure takes 5.4 of 7.2 inches."""
    assert 0.73 * projector.SMALLEST / 72 >= 7.2 / 40


def test_the_picture_has_the_shape_of_a_slide(figure):
    picture = Image.open(BytesIO(b64decode(projector.picture(figure))))
    assert picture.width / picture.height == pytest.approx(projector.WIDTH / projector.HEIGHT, rel=0.1)
    assert picture.width > 1500


def test_a_round_thing_stays_round():
    fig, ax = plt.subplots(figsize=(4, 4))
    ax.set_aspect("equal")
    projector.enlarge(fig)
    assert fig.get_size_inches()[0] == fig.get_size_inches()[1] == projector.HEIGHT
    plt.close(fig)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a folder like the repository, with a chapter of two figures."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("notebooks", "slides"):
        (tmp_path / name).mkdir()
    (tmp_path / "notebooks" / "01_toy.md").write_text(CHAPTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run():
    """Execute the chapter and return for each figure what it stores by type."""
    assert execute.run(*execute.pair_of("notebooks/01_toy")) == []
    cells = nbformat.read("notebooks/01_toy.ipynb", as_version=4).cells
    return {cell.metadata["name"]: cell.outputs[0].data for cell in cells if "name" in cell.metadata}


def test_a_run_draws_what_decks_show_a_second_time(repository):
    without = run()
    assert all(PROJECTOR not in figure for figure in without.values())
    deck = new_notebook(cells=[new_markdown_cell("![](chapter:01_toy#fig-shown)")])
    nbformat.write(deck, repository / "slides" / "toy.ipynb")
    stored = run()
    assert PROJECTOR in stored["fig-shown"]
    assert PROJECTOR not in stored["fig-other"]
    for name, figure in without.items():
        assert stored[name]["image/png"] == figure["image/png"], "the page's picture stays as it was"
    picture = Image.open(BytesIO(b64decode(stored["fig-shown"][PROJECTOR])))
    assert picture.width > 1500


def test_the_book_passes_over_the_picture_for_a_projector():
    output = {"output_type": "display_data", "data": {"image/png": "page", PROJECTOR: "large", "text/plain": "x"}}
    assert book_tabs.pictures(output) == [
        {"output_type": "display_data", "data": {"image/png": "page", "text/plain": "x"}}
    ]
    assert book_tabs.pictures({"output_type": "stream", "text": "x"}) == [{"output_type": "stream", "text": "x"}]
