"""Figures for a projector: the figure a cell has just shown, with larger type, fewer ticks and the shape of a slide.

``make run`` loads this into the kernel as an IPython extension and names the cells whose figures decks show. In such a
cell the figure is drawn twice, once for the page and once, from the same object, for the projector. The second picture
is stored beside the first, under a type of its own (:data:`PROJECTOR`) that every reader but a deck passes over.
"""

import os
import textwrap
from base64 import b64encode
from hashlib import sha256
from io import BytesIO

from IPython.core.formatters import BaseFormatter
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import AutoLocator, MaxNLocator
from PIL import Image
from traitlets import Unicode

from publish.pictures import FOR_DECKS, PROJECTOR

WIDTH, HEIGHT = 11.5, 5.4  # inches: what a slide of 12.8 by 7.2 inches leaves to a figure below one line of heading
SMALLEST = 18  # points: capitals as high as a fortieth of the slide
LARGER = 1.6  # type; lines and markers grow half as much
TICKS = 4
DOTS = 150  # an inch: a slide is then 1920 wide
COLOURS = 64  # they halve the file and cannot be seen


def enlarge(figure: Figure) -> None:
    """Change ``figure`` in place: the shape of a slide, type that is read from the last row, few ticks, thick lines."""
    width, height = figure.get_size_inches()
    equal = any(ax.get_aspect() != "auto" for ax in figure.axes)
    shrink = min(WIDTH / width, HEIGHT / height)
    figure.set_size_inches((width * shrink, height * shrink) if equal else (WIDTH, HEIGHT))
    larger = {text: max(text.get_fontsize() * LARGER, SMALLEST) for text in figure.findobj(Text)}
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        size = max((larger[label] for label in axis.get_ticklabels() if label in larger), default=SMALLEST)
        axis.set_tick_params(labelsize=size, width=1.5, length=6)  # for the ticks to come too
        if isinstance(axis.get_major_locator(), AutoLocator):
            axis.set_major_locator(MaxNLocator(TICKS, steps=[1, 2, 2.5, 5, 10]))
    for text, size in larger.items():
        text.set_fontsize(size)
    grow = 1 + (LARGER - 1) / 2
    for line in figure.findobj(Line2D):
        line.set_linewidth(line.get_linewidth() * grow)
        line.set_markersize(line.get_markersize() * grow)
        line.set_markeredgewidth(line.get_markeredgewidth() * grow)
    for patch in figure.findobj(Patch):
        patch.set_linewidth(patch.get_linewidth() * grow)
    for drawn in figure.findobj(Collection):
        drawn.set_linewidth([width * grow for width in drawn.get_linewidth()])
        if hasattr(drawn, "set_sizes"):
            drawn.set_sizes(drawn.get_sizes() * grow**2)
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("tight")
    figure.draw_without_rendering()
    for ax in figure.axes:
        break_lines(ax.xaxis.label, ax.bbox.width)
        break_lines(ax.yaxis.label, ax.bbox.height)


def break_lines(label: Text, room: float) -> None:
    """Break an axis's label into lines that fit into ``room`` pixels along the axis."""
    extent = label.get_window_extent()
    length = extent.height if label.get_rotation() == 90 else extent.width
    if length > room:
        longest = max(map(len, label.get_text().splitlines()))
        words = " ".join(label.get_text().split())
        label.set_text(textwrap.fill(words, int(longest * room / length), break_long_words=False))


def picture(figure: Figure) -> str:
    """Return the PNG (base64) of ``figure`` for a projector; the figure is changed."""
    enlarge(figure)
    drawn, png = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS, bbox_inches="tight")
    Image.open(drawn).convert("RGB").quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE).save(
        png, "PNG", optimize=True
    )
    return b64encode(png.getvalue()).decode()


class Projector(BaseFormatter):
    """Draws figures of the cells whose source's sha256 is in ``cells``.

    IPython asks it after the formatter of the page's picture. It looks at the type itself, since matplotlib's backend,
    when it loads, takes its figures away from every formatter.
    """

    format_type = Unicode(PROJECTOR)
    cells: frozenset[str] = frozenset()

    def __call__(self, shown: object) -> str | None:
        """Return the picture of a figure, and of all else nothing."""
        return picture(shown) if self.enabled and isinstance(shown, Figure) else None

    def switch(self, info) -> None:
        """Draw in the cell that begins if it is one of ours."""
        self.enabled = sha256(info.raw_cell.encode()).hexdigest() in self.cells


def load_ipython_extension(shell) -> None:
    """Draw figures for the projector too, in the cells that the environment names."""
    projector = Projector(parent=shell.display_formatter)
    projector.cells = frozenset(os.environ[FOR_DECKS].split())
    shell.display_formatter.formatters[PROJECTOR] = projector
    shell.events.register("pre_run_cell", projector.switch)
