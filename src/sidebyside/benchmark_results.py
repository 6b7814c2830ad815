"""The stored benchmark: what ``make benchmark`` measured, as tables and figures for chapters 6 and 13.

Each JSON file in ``results/benchmark`` holds one run on one machine: the machine, all versions, the command, every
repeat, medians and spreads. ``benchmark/README.md`` describes what is measured and how to repeat it.
"""

import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sidebyside.libraries import LIBRARIES

VARIABLE = "SIDEBYSIDE_BENCHMARK"  # a file to be loaded in the place of the packaged one
CANARY = "canary"
_SPREAD = ("low", "high")


@dataclass(frozen=True)
class Benchmark:
    """One stored run.

    Attributes
    ----------
    machine, versions, settings : as the JSON has them
    command, date : what was typed, and when
    seconds : how long all processes ran, seconds
    ways : a row a way to run a library: library, label, course (the models that the chapters run so), device,
        at_once
    data : a row a data set: model, rows, parameters, source ("course" or "simulated"), title
    results : a row per way, data set and number of chains, canary left out; medians over the repeats, and the smallest
        and largest of each measure as ``_low`` and ``_high``. Times are in seconds, memory in MB; ``limit_s`` is when a
        process would have been stopped.
    canary : the same for the model that is wrong on purpose
    """

    machine: dict
    versions: dict
    settings: dict
    command: str
    date: str
    seconds: float
    ways: pd.DataFrame
    data: pd.DataFrame
    results: pd.DataFrame
    canary: pd.DataFrame

    @classmethod
    def of(cls, stored: dict) -> "Benchmark":
        """Make a benchmark of what a JSON file holds."""
        ways = pd.DataFrame.from_dict(stored["ways"], orient="index").rename_axis("way")
        data = pd.DataFrame.from_dict(stored["data"], orient="index").rename_axis("data")
        rows = []
        for row in stored["results"]:
            flat = {name: row[name] for name in ("way", "data", "chains", "status", "reason", "density_off")}
            flat["repeats"] = len(row["repeats"])
            flat["limit_s"] = max(repeat["limit_s"] for repeat in row["repeats"])
            flat |= row["median"]
            flat |= {f"{name}_{kind}": value for kind in _SPREAD for name, value in row[kind].items()}
            rows.append(flat)
        results = pd.DataFrame(rows).merge(ways, left_on="way", right_index=True)
        results = results.merge(data[["model", "rows", "parameters"]], left_on="data", right_index=True)
        pairs = zip(results["course"], results["model"], strict=True)
        results["course"] = [model in models for models, model in pairs]  # the chapter runs this model so
        numbers = [name for measure in stored["results"][0]["median"] for name in (measure, *_both(measure))]
        results[numbers] = results[numbers].astype(float)  # null becomes NaN
        results = results.sort_index().reset_index(drop=True)
        wrong = results["way"] == CANARY
        plain = {name: stored[name] for name in ("machine", "versions", "settings", "command", "date", "seconds")}
        return cls(**plain, ways=ways, data=data, results=results[~wrong], canary=results[wrong])

    @property
    def right(self) -> pd.DataFrame:
        """The results that count: density and posterior are the reference's, and the chains have met."""
        return self.results[self.results["status"] == "right"]

    def of_data(self, data: str, chains: int | None = None) -> pd.DataFrame:
        """Return the right results on a data set with so many chains (the settings' if not told), quickest first."""
        chains = chains or self.settings["chains"]
        chosen = self.right[(self.right["data"] == data) & (self.right["chains"] == chains)]
        return chosen.sort_values("ess_bulk_per_s", ascending=False)

    def table(self, data: str) -> pd.DataFrame:
        """Return the results on a data set for people: medians as text, quickest first, those not right at the end."""
        here = self.results[(self.results["data"] == data) & (self.results["chains"] == self.settings["chains"])]
        here = pd.concat([self.of_data(data), here[here["status"] != "right"]])
        columns = {
            "bulk ESS/s": "ess_bulk_per_s",
            "first draws (s)": "first_draw_s",
            "memory (MB)": "memory_mb",
            "import (s)": "import_s",
            "compile (s)": "compile_s",
            "sampling (s)": "sampling_s",
            "tail ESS/s": "ess_tail_per_s",
            "gradients/s": "gradients_per_s",
            "limit (gradients/s)": "limit_per_s",
        }
        table = pd.DataFrame({title: [_short(value) for value in here[name]] for title, name in columns.items()})
        spread = zip(here["ess_bulk_per_s_low"], here["ess_bulk_per_s_high"], strict=True)
        table.insert(1, "from – to", [f"{_short(low)} – {_short(high)}" for low, high in spread])
        table["verdict"] = [
            status if status == "right" else f"{status}: {reason}"[:90]
            for status, reason in zip(here["status"], here["reason"], strict=True)
        ]
        table.index = pd.MultiIndex.from_frame(here[["library", "label"]])
        return table

    def fastest(self, library: str, data: str) -> tuple[str, float] | None:
        """Return the label and the ESS/s of a library's quickest right way on a data set; None if there is none."""
        here = self.of_data(data)
        here = here[here["library"] == library]
        return None if here.empty else (here.iloc[0]["label"], float(here.iloc[0]["ess_bulk_per_s"]))

    def ratio(self, way: str, data: str) -> float:
        """Return how many times as many ESS/s the library's quickest way gives as ``way`` does; NaN if unknown."""
        here = self.of_data(data).set_index("way")
        best = self.fastest(self.ways.loc[way, "library"], data) if way in self.ways.index else None
        return best[1] / here.loc[way, "ess_bulk_per_s"] if best and way in here.index else float("nan")

    def plot_speed(self, data: str) -> Figure:
        """Draw each right way's smallest bulk ESS/s: the median as a mark, the repeats' spread as a line."""
        here = self.of_data(data).iloc[::-1]
        fig, ax = plt.subplots(figsize=(7.4, 1.1 + 0.32 * max(len(here), 2)), layout="constrained")
        for place, (_, row) in enumerate(here.iterrows()):
            look = LIBRARIES[row["library"]]
            ax.plot([row["ess_bulk_per_s_low"], row["ess_bulk_per_s_high"]], [place, place], color=look.colour)
            filled = look.colour if row["course"] else "white"
            ax.plot(row["ess_bulk_per_s"], place, look.marker, color=look.colour, mfc=filled, ms=8)
        ax.set_yticks(range(len(here)), here["library"] + ": " + here["label"])
        ax.set(xscale="log", xlabel="smallest bulk ESS per second (filled: as in the chapters)")
        ax.grid(axis="x", which="both", color="0.9")
        self._say_if_empty(ax, here)
        return fig

    def plot_stack(self, data: str) -> Figure:
        """Draw what passes before the first draws are there: import, compilation, the first sampling call."""
        here = self.of_data(data).sort_values("first_draw_s", ascending=False)
        fig, ax = plt.subplots(figsize=(7.4, 1.1 + 0.32 * max(len(here), 2)), layout="constrained")
        imported, compiled = here["import_s"].to_numpy(), here["compile_s"].fillna(0).to_numpy()
        rest = np.maximum(here["first_draw_s"].to_numpy() - imported - compiled, 0)
        left = np.zeros(len(here))
        for values, colour, hatch, label in (
            (imported, "#BBBBBB", "", "import"),
            (compiled, "#E69F00", "//", "model and compilation"),
            (rest, "#56B4E9", "", "first sampling call"),
        ):
            ax.barh(range(len(here)), values, left=left, color=colour, hatch=hatch, edgecolor="white", label=label)
            left = left + values
        ax.set_yticks(range(len(here)), here["library"] + ": " + here["label"])
        ax.set_xlabel("seconds until the first draws are there")
        if len(here):
            ax.legend(loc="upper right")  # the longest bars are at the bottom
        self._say_if_empty(ax, here)
        return fig

    def plot_rows(self, model: str, column: str = "sampling_s") -> Figure:
        """Draw a measure over the number of rows, a line a way; both axes are logarithmic."""
        here = self.right[(self.right["model"] == model) & (self.right["chains"] == self.settings["chains"])]
        here = here[here["way"].isin(here["way"].value_counts()[lambda counts: counts > 1].index)]
        here = here[here["data"].isin(self.data.index[self.data["source"] == "simulated"])]
        axis = {"bradley-terry": "matches", "student-t": "readings"}.get(model, "rows")
        return self._lines(here, "rows", axis, column)

    def plot_chains(self, data: str, column: str = "ess_bulk_per_s") -> Figure:
        """Draw a measure over the number of chains, a line a way; both axes are logarithmic."""
        here = self.right[self.right["data"] == data]
        here = here[here["way"].isin(here["way"].value_counts()[lambda counts: counts > 1].index)]
        return self._lines(here, "chains", "chains", column)

    def _lines(self, here: pd.DataFrame, over: str, label: str, column: str) -> Figure:
        titles = {
            "sampling_s": "seconds of warm-up and draws",
            "ess_bulk_per_s": "smallest bulk ESS per second",
            "first_draw_s": "seconds until the first draws",
            "memory_mb": "peak memory (MB)",
        }
        fig, ax = plt.subplots(figsize=(7.4, 4.4), layout="constrained")
        styles = dict.fromkeys(LIBRARIES, 0)
        for way, rows in here.groupby("way", sort=False):
            rows = rows.sort_values(over)
            library = rows.iloc[0]["library"]
            look, style = LIBRARIES[library], ("-", "--", ":", "-.")[styles[library] % 4]
            styles[library] += 1
            label_of = f"{library}: {self.ways.loc[way, 'label']}"
            ax.plot(rows[over], rows[column], style, marker=look.marker, color=look.colour, label=label_of)
            spread = rows[f"{column}_low"], rows[f"{column}_high"]
            ax.fill_between(rows[over], *spread, color=look.colour, alpha=0.15, lw=0)
        ax.set(xscale="log", yscale="log", xlabel=label, ylabel=titles.get(column, column))
        ax.grid(which="major", color="0.9")
        if over == "chains" and len(here):
            ax.set_xticks(sorted(here[over].unique()), sorted(here[over].unique()))
            ax.minorticks_off()
        if len(here):
            ax.legend(fontsize=9)
        self._say_if_empty(ax, here)
        return fig

    def _say_if_empty(self, ax, here: pd.DataFrame) -> None:
        if here.empty:
            text = f"not measured in this run ({self.command})"
            ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color="0.4")


def _both(measure: str) -> list[str]:
    return [f"{measure}_{kind}" for kind in _SPREAD]


def _short(value: float) -> str:
    """Write a number with two or three digits; nothing where it is not known."""
    if not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 10 else f"{value:.2g}"


def stored() -> list[str]:
    """Return the names of the packaged runs."""
    folder = files("sidebyside") / "results" / "benchmark"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def load_benchmark(name: str | None = None) -> Benchmark:
    """Load a stored run of the benchmark.

    Parameters
    ----------
    name : the machine's name, one of :func:`stored`; if not told, the newest run. Where the environment variable
        ``SIDEBYSIDE_BENCHMARK`` names a file, that is loaded instead.

    Raises
    ------
    ValueError : there is no such run
    """
    if name is None and os.environ.get(VARIABLE):
        return Benchmark.of(json.loads(Path(os.environ[VARIABLE]).read_text()))
    known = stored()
    if name not in (None, *known) or not known:
        raise ValueError(f"There is no stored benchmark called {name!r}. There are: {', '.join(known) or 'none'}.")
    folder = files("sidebyside") / "results" / "benchmark"
    found = [json.loads((folder / f"{one}.json").read_text()) for one in ([name] if name else known)]
    return Benchmark.of(max(found, key=lambda run: run["date"]))
