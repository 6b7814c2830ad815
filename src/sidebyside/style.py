"""How the course's figures look: one style, one colour for data, one for posteriors, one per library."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO

import IPython.display
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from sidebyside.calibration import Ranks, calibration_band, cumulated
from sidebyside.libraries import LIBRARIES, compile_stan_elsewhere, leave_triton_out
from sidebyside.notebook_output import silence_known_warnings
from sidebyside.references import Reference

DATA_COLOUR = "#222222"
POSTERIOR_COLOUR = "#0072B2"
CONTRAST_COLOUR = "#D55E00"

_STYLE = {
    "figure.figsize": (7.0, 4.2),
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.prop_cycle": plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]),
    "legend.facecolor": "white",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.8,
}


def prepare() -> None:
    """Give a notebook the course's figure style, tables with three decimals, no warning one can't act on, no Triton.

    PyStan then compiles outside the working directory, which may be read-only.
    """
    plt.rcParams.update(_STYLE)
    pd.set_option("display.precision", 3, "display.width", 120)
    silence_known_warnings()
    leave_triton_out()
    compile_stan_elsewhere()


def plot_agreement(posteriors: Mapping[str, xr.DataTree], reference: Reference, labels: Mapping[str, str]) -> Figure:
    """Draw each library's posterior mean and 95% interval: a panel a parameter, a row a library.

    Parameters
    ----------
    posteriors : per library a DataTree with the parameters named in ``labels``
    reference : its mean is the line, mean ± standard deviation the band
    labels : per parameter the label of its axis, unit included; one element of an array is named by its place, as
        in ``theta[3]``
    """
    columns = 2 if len(labels) in (2, 4) else 3
    rows = -(-len(labels) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(7.4, 0.4 + 2.4 * rows), sharey=True, squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(labels) :]:
        ax.set_visible(False)
    for ax, (name, label) in zip(axes.flat, labels.items(), strict=False):
        name, _, place = name.rstrip("]").partition("[")
        element = tuple(map(int, place.split(","))) if place else ()
        truth = {moment: np.asarray(value)[element] for moment, value in reference.parameters[name].items()}
        ax.axvspan(truth["mean"] - truth["sd"], truth["mean"] + truth["sd"], color="0.9")
        ax.axvline(truth["mean"], color="0.5", lw=1)
        for row, (library, tree) in enumerate(posteriors.items()):
            values = tree["posterior"][name].transpose("chain", "draw", ...).values[:, :, *element].ravel()
            look = LIBRARIES[library]
            ax.plot(np.quantile(values, [0.025, 0.975]), [row, row], color=look.colour)
            ax.plot(values.mean(), row, look.marker, color=look.colour, ms=7)
        ax.set_xlabel(label)
    axes[0, 0].set_yticks(range(len(posteriors)), list(posteriors))
    axes[0, 0].invert_yaxis()
    fig.suptitle("Posterior means and 95% intervals (line and band: reference mean ± sd)", fontsize=12)
    return fig


def plot_calibration(ranks: Ranks, draws: int, labels: Mapping[str, str], level: float = 0.95) -> Figure:
    """Draw how far the cumulated ranks stray from flat ones: a panel a quantity, a line a library.

    Parameters
    ----------
    ranks : per library and quantity the ranks of the truths, shape ``(worlds,)``, of as many worlds in each library
    draws : number of draws that each truth was ranked among
    labels : per quantity the title of its panel
    level : probability that a library's lines stay within the bands of *all* panels if its ranks are flat (Bonferroni)
    """
    rows = -(-len(labels) // 2)
    fig, axes = plt.subplots(
        rows, 2, figsize=(7.4, 0.9 + 1.9 * rows), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(labels) :]:
        ax.set_visible(False)
    worlds = len(next(iter(next(iter(ranks.values())).values())))
    expected, low, high = calibration_band(worlds, draws, 1 - (1 - level) / len(labels))
    for ax, (quantity, label) in zip(axes.flat, labels.items(), strict=False):
        ax.fill_between(expected, low - expected, high - expected, step="mid", color="0.88", lw=0)
        ax.axhline(0, color="0.5", lw=1)
        for number, (library, quantities) in enumerate(ranks.items()):
            look = LIBRARIES[library]
            stray = cumulated(quantities[quantity], draws) - expected
            every = (number * draws // 25, max(1, draws // 4))  # the marks of two libraries should not hide each other
            ax.plot(expected, stray, look.marker + "-", color=look.colour, ms=5, lw=1.3, markevery=every, label=library)
        ax.set_title(label, fontsize=11)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), fontsize=10, ncols=len(ranks), loc="outside upper center")
    fig.supxlabel("share of the draws that lie below the truth", fontsize=11)
    fig.supylabel("share of worlds, less what flat ranks give", fontsize=11)
    return fig


def animate(fig: Figure, draw: Callable, frames: Iterable, seconds: float = 0.25) -> IPython.display.Image:
    """Return ``fig`` as an animated GIF, small enough to be stored in a notebook: 16 colours, those of the last frame.

    Parameters
    ----------
    fig : it is closed in the end, so that it does not show a second time
    draw : changes the figure; called with each of ``frames`` in turn
    frames : the last one stays for three seconds, then all begins anew
    seconds : for how long each of the others is seen
    """
    canvas, drawn = FigureCanvasAgg(fig), []
    for frame in frames:
        draw(frame)
        canvas.draw()
        drawn.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    plt.close(fig)
    palette = drawn[-1].quantize(16, kmeans=1)
    first, *others = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in drawn)
    gif, durations = BytesIO(), [*[1000 * seconds] * len(others), 3000]
    first.save(gif, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
    return IPython.display.Image(gif.getvalue(), format="gif")
