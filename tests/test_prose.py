"""Numbers that stand in a chapter's prose are true: each is held against what it speaks of.

A number in prose is found by a key word near it, not by its sentence: other words may come and go. Where a cell shows
the number, the cell's stored output is read, by the cell's name. Chapter 6's numbers stand in a table of their own.
"""

import ast
import itertools
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import metadata
from itertools import pairwise
from math import factorial
from pathlib import Path

import arviz as az
import nbformat
import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from scipy import integrate, optimize, signal, special, stats

import sidebyside as sbs
from benchmark import problems
from make_references import (
    both_errors,
    bradley_terry,
    decisions,
    measurement_noise,
    sampling,
    several_predictors,
    time_order,
    two_proportions,
    varying_effects,
    why_bayes,
)
from make_references.answers import after_reading
from make_references.page_values import Line, _height
from sidebyside import packaged_json, radon_grid
from sidebyside.datasets import load_radon
from sidebyside.exercises import exercises_of
from sidebyside.exercises.chapter_10 import _gain
from sidebyside.installed import version_of
from sidebyside.references import load_reference

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

# ---- numbers in texts ------------------------------------------------------------------------------

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
WORDS += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
VALUES = {word: value for value, word in enumerate(WORDS)} | TENS | {"half": 0.5, "half a": 0.5, "twice": 2, "a": 1}
SCALES = {"hundred": 100, "thousand": 1000, "million": 1e6}
PARTS = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4, "fifth": 1 / 5}
NUMBER = re.compile(
    r"(?:(?P<digits>(?<![\w.,])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?!\.?\d))"
    rf"|\b(?P<tens>{'|'.join(TENS)})-(?P<ones>{'|'.join(WORDS[1:10])})\b"
    rf"|\b(?P<word>{'|'.join(sorted(VALUES, key=len, reverse=True))})\b)"
    rf"(?P<scales>(?:[ -](?:{'|'.join(SCALES)})\b)*)(?:[ -](?P<part>{'|'.join(PARTS)})s?\b)?",
    re.IGNORECASE,
)
SHARE = re.compile(r"(?:\s+[a-z]+){0,2}?\s+(?:in|of)\s+(?:the\s+)?", re.IGNORECASE)  # "four chances in ten", "9 of 98"


def numbers(text: str) -> list[float]:
    """Return the numbers in a text, in digits or in words, and the shares ("one bird in five" gives 1, 5 and 0.2)."""
    found = []
    for match in NUMBER.finditer(text):
        if match["digits"]:
            value = float(match["digits"].replace(",", "").replace("−", "-"))
        elif match["tens"]:
            value = TENS[match["tens"].lower()] + WORDS.index(match["ones"].lower())
        else:
            if match["word"].lower() == "a" and not match["scales"] and not match["part"]:
                continue
            value = VALUES[match["word"].lower()]
        for scale in re.findall(r"\w+", match["scales"]):
            value *= SCALES[scale.lower()]
        found.append((value * PARTS.get((match["part"] or "").lower(), 1), match.start(), match.end()))
    shares = [
        one / other
        for (one, _, end), (other, start, _) in pairwise(found)
        if other and SHARE.fullmatch(text[end:start])
    ]
    return [value for value, _, _ in found] + shares


def shown_by(cell: nbformat.NotebookNode) -> list[str]:
    """Return the texts that a cell's stored outputs show, without bold."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})  # an error has none
        texts.append(output.get("text") or data.get("text/markdown") or data.get("text/plain", ""))
    return [text.replace("*", "") for text in texts]


@dataclass
class Page:
    """A stored chapter."""

    name: str

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        """Return the notebook."""
        return nbformat.read(NOTEBOOKS / f"{self.name}.ipynb", 4)

    @cached_property
    def prose(self) -> str:
        """Return the chapter's prose on one line, without emphasis."""
        cells = [cell.source for cell in self.notebook.cells if cell.cell_type == "markdown"]
        return " ".join(" ".join(cells).replace("*", "").split())

    @cached_property
    def code(self) -> str:
        """Return the chapter's code."""
        return "\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "code")

    def cell(self, name: str) -> nbformat.NotebookNode:
        """Return the cell of that name."""
        [cell] = [cell for cell in self.notebook.cells if cell.metadata.get("name") == name]
        return cell

    def shown(self, name: str) -> str:
        """Return the text that a cell's stored output shows, without bold."""
        return "\n".join(shown_by(self.cell(name)))

    def shown_with(self, words: str) -> str:
        """Return the one shown text of the chapter that has these words, without bold."""
        [found] = [text for cell in self.notebook.cells for text in shown_by(cell) if words in text]
        return found

    def table(self, name: str) -> dict[str, list[float]]:
        """Return the table that a cell shows, by row; a row's last words are numbers."""
        rows = {}
        for line in self.shown(name).splitlines()[1:]:
            if found := re.match(r"\s*(.*?)\s+(-?\d[\d.]*(?:\s+-?\d[\d.]*)*)\s*$", line):
                rows[found.group(1)] = [float(value) for value in found.group(2).split()]
        assert rows, f"cell {name} of {self.name} shows no table"
        return rows

    def set_to(self, name: str) -> float:
        """Return the number that the code gives to a variable of that name, at first."""
        for node in ast.walk(ast.parse(self.code)):
            if isinstance(node, ast.Assign):
                targets, values = node.targets, [node.value]
                if isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                    targets, values = targets[0].elts, node.value.elts
                for target, value in zip(targets, values, strict=False):
                    if ast.unparse(target) == name and isinstance(value, ast.Constant):
                        return value.value
        raise AssertionError(f"{self.name} sets no {name} to a number")

    def given(self, cell: str, function: str) -> list[float]:
        """Return the numbers with which a cell calls a function."""
        for node in ast.walk(ast.parse(self.cell(cell).source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                return [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        raise AssertionError(f"cell {cell} of {self.name} does not call {function}")

    def entry(self, key: str) -> float | list[float]:
        """Return what stands under a key in a dictionary of the code."""
        for node in ast.walk(ast.parse(self.code)):
            if isinstance(node, ast.Dict):
                for name, value in zip(node.keys, node.values, strict=True):
                    if isinstance(name, ast.Constant) and name.value == key:
                        return ast.literal_eval(value)
        raise AssertionError(f"{self.name} has no dictionary with {key!r}")

    def says(self, value: float, near: str, within: float = 1e-9, reach: int = 60) -> bool:
        """Tell whether the prose has a number within ``within`` of ``value``, at most ``reach`` characters from a word.

        Parameters
        ----------
        value : what the number should be
        near : a regular expression for a word or two that the number can't do without
        within : how far the number may be off
        reach : characters on either side of the word
        """
        return any(abs(number - value) <= within for number in self.near(near, reach))

    def near(self, word: str, reach: int = 60) -> list[float]:
        """Return the numbers at most ``reach`` characters from any place where the prose has ``word``."""
        places = list(re.finditer(word, self.prose, re.IGNORECASE))
        assert places, f"{self.name} has no {word!r} any more: choose another word near the number"
        windows = [self.prose[max(0, place.start() - reach) : place.end() + reach] for place in places]
        # a number that the window's edge cuts is none
        windows = [re.sub(r"^[\w.,-]*\s|\s\S*$", " ", f"{window} ") for window in windows]
        return [number for window in windows for number in numbers(window)]


def page_values(chapter: str) -> dict:
    """Return the stored independent numbers of a chapter."""
    return json.loads(packaged_json.read("page_values", chapter, "chapter with expected numbers"))


def page_of(text: str) -> Page:
    """Return a page of one paragraph."""
    page = Page("made up")
    page.notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    return page


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,500 draws, −50.5 and $-0.29$; 7–9", [1500, -50.5, -0.29, 7, 9]),
        ("twenty-one readings, three hundred worlds, ten million copies", [21, 300, 1e7]),
        ("half a million, a third, two thirds, three quarters, twice", [5e5, 1 / 3, 2 / 3, 0.75, 2]),
        ("one bird in five", [1, 5, 0.2]),
        ("About four chances in ten", [4, 10, 0.4]),
        ("a house, the third of them, some words", []),
        ("x2 and 3.14.15", []),
    ],
)
def test_numbers_are_read_in_digits_and_words(text, found):
    assert numbers(text) == pytest.approx(found)


def test_a_changed_number_is_found_and_a_changed_word_is_not():
    sentence = "The survey holds readings from **919** houses in 85 counties."
    assert page_of(sentence).says(919, "houses")
    assert page_of(sentence.replace("survey holds readings from", "data set has")).says(919, "houses")
    assert not page_of(sentence.replace("919", "918")).says(919, "houses")
    assert not page_of(sentence.replace("919", "9190")).says(919, "houses")
    with pytest.raises(AssertionError, match="choose another word"):
        page_of(sentence).says(919, "penguins")


# ---- all chapters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_time_to_run_was_measured(name):
    """The promised minutes cover the stored run, and not by more than a factor of two (or a minute)."""
    page = Page(name)
    minutes = int(re.search(r"(\d+) minutes? to run", page.prose).group(1))
    measured = page.notebook.metadata["sidebyside"]["seconds"] / 60
    assert measured <= minutes <= max(1, 2 * measured)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("04_five_libraries", "draws each"),
        ("05_linear_regression", "draws each"),
        ("05b_several_predictors", "draws each"),
        ("06_robust_regression", "draws each"),
        ("07b_detection_limit", "draws each after"),
        ("08_hierarchical_regression", "draws each"),
        ("08b_varying_slopes", "times a chain"),
        ("09_generalisation", "draws each"),
        ("09b_time_order", "draws each"),
        ("10_decisions", "draws each"),
        ("10b_advice", "draws each"),
        ("13_choosing_a_library", "adaptation, double"),
    ],
)
def test_the_prose_has_the_code_s_draws(name, unit):
    page = Page(name)
    chains, warmup, draws = map(page.set_to, ("chains", "warmup", "draws"))
    assert chains == 4 and page.says(draws, unit)
    if name != "08b_varying_slopes":  # where the prose names the draws alone
        assert page.says(chains, unit) and page.says(warmup, unit)


# ---- chapter 6: what has to stand in its prose -----------------------------------------------------------
# (what it is, its value, a word near it in the prose, how far the prose may be off)

MEASURED = sbs.load_hogg()["y"] / 100
CHAPTER_06 = [
    ("lowest measurement, in hundreds", MEASURED.min(), "comes from the data", 0.05),
    ("highest measurement, in hundreds", MEASURED.max(), "comes from the data", 0.05),
    ("prior mean of nu", stats.gamma(2, scale=1 / 0.1).mean(), "common default", 1e-9),
    ("prior mean of p_out, a share", stats.beta(1, 4).mean(), "minority", 1e-9),
]


@pytest.mark.parametrize(("what", "value", "near", "within"), CHAPTER_06, ids=[row[0] for row in CHAPTER_06])
def test_chapter_06_says_what_is_true(what, value, near, within):
    assert Page("06_robust_regression").says(value, near, within, reach=80), what


def test_chapter_06_says_what_an_unknown_scale_changes():
    page = Page("06_robust_regression")
    slope, _, low, high, *_ = page.table("scaled-grid")["s unknown"]
    assert page.says(slope, "slope falls to", within=0.05, reach=10)
    for end in (low, high):
        assert page.says(end, "interval reaches from", within=0.05, reach=20)


# ---- the other chapters ----------------------------------------------------------------------------------


def test_chapter_01_says_what_its_cells_found():
    page = Page("01_why_bayes")
    plain, boosting, mean = numbers(page.shown("grams-off"))
    assert boosting < 0.9 * plain < plain < mean, "boosting wins clearly"
    alone = page.table("grams-off-with-species")
    (plain_alone, plain_species), (boosting_alone, boosting_species) = alone.values()
    assert boosting_alone < plain_alone and plain_species <= boosting_species, "boosting's lead is gone"
    rows = page.table("promises-of-the-search")
    means = {name: row[0] for name, row in rows.items()}
    estimated, true = means["search: estimated"], means["search: true"]
    too_good, teams = numbers(page.shown("promises-of-the-search").splitlines()[-1])[:2]
    assert estimated < true - 20 and too_good > teams / 2, "most estimates are too good"
    assert page.says(means["search: own"], "overfitting", reach=100)
    assert true / means["search: own"] == pytest.approx(2, abs=0.1), "on others by twice as much"
    better, better_sem = rows["search less line: true"][:2]
    assert page.says(better, "Least squares was better", reach=30) and better > 1.5 * better_sem
    assert page.says(better_sem, "Least squares was better", reach=30)
    gap, gap_sem = rows["search: too good"][:2]
    assert page.says(gap, "On average it is", reach=20) and page.says(gap_sem, "On average it is", reach=20)
    right, right_sem = rows["line: too good"][:2]
    assert abs(right) < right_sem and page.says(right_sem, "right on average, within the", reach=12)
    *_, lowest, hers_estimated = rows["search: estimated"]
    assert hers_estimated == lowest, "the friend's is the lowest of sixteen"
    assert 1.7 < rows["search: true"][-1] / hers_estimated < 2, "off by nearly twice what the search reported"
    random, whole, new = (row[0] for row in page.table("colony-scores").values())
    gap, error = numbers(page.shown("colony-scores").splitlines()[-1])
    assert random < 0.75 * new and gap == pytest.approx(whole - new, abs=1.1) and abs(gap) < 2.5 * error


def test_chapter_01_compares_boosting_with_least_squares_on_equal_terms():
    page = Page("01_why_bayes")
    assert page.cell("fig-staircase").source.count("with_species") == page.cell("fig-staircase").source.count("X") + 1
    line, _, low, high, _, above, boosted, _, boosted_low, boosted_high = numbers(page.shown("bootstrap"))
    assert above == pytest.approx(numbers(page.shown("depth-answer"))[-1], abs=0.02), "the two are close"
    assert low < boosted and line < boosted_high, "similar numbers, overlapping intervals"
    assert low < line < high and boosted_low < boosted < boosted_high
    for reach in (high - low, boosted_high - boosted_low):
        assert 40 < reach < 140, "to some tens of grams"


def test_chapter_01_states_its_answers_with_their_uncertainty():
    page = Page("01_why_bayes")
    mean, _, low, high, _, above = numbers(page.shown("depth-answer"))
    assert page.says(mean, "bill depth goes with about", within=5) and 0.97 < above < 0.99
    for end in (low, high):
        assert page.says(end, "95% probability between about 1", within=5)
    slopes = [numbers(row.partition(":")[2])[:2] for row in page.shown("depth-and-sex").splitlines()]
    (same_sex, reach), of_species = slopes[-1], slopes[:-1]
    assert 0 < same_sex - reach and len(of_species) == 3
    for one, other in itertools.combinations(of_species, 2):
        assert abs(one[0] - other[0]) < np.hypot(one[1], other[1]), "too uncertain to show whether they differ"
    assert same_sex / mean == pytest.approx(1 / 2, abs=0.05) and page.says(1 / 2, "sex held fixed")
    _, _, low, high, _, chance = numbers(page.shown("friend-answer"))
    for end in (low, high):
        assert page.says(end, "g with 80% probability", within=40)
    assert 0.5 < chance < 0.6 and page.says(1 / 2, "may carry the tracker")
    mean, _, low, high, wide, _, wide_low, wide_high = numbers(page.shown("camera-answer"))
    assert max(wide - mean, wide_low - low, wide_high - high) < 9, "the wide prior moves it by a few grams"
    by_hand, _, hand_reach, by_camera, _, camera_reach = numbers(page.shown("slopes"))
    for value in (mean, low, high):
        assert page.says(value, "95% probability between about 4", within=3)
    assert 1 - by_camera / by_hand == pytest.approx(1 / 3, abs=0.05) and page.says(1 / 3, "camera's error makes")
    factor = numbers(page.shown("attenuation"))[0]
    assert page.says(100 * (1 - factor), "with many birds", within=0.6)
    assert by_camera + camera_reach < by_hand and low < by_hand < high and (high - low) / 2 > hand_reach


def test_chapter_01_says_what_a_prior_is_worth():
    page = Page("01_why_bayes")
    rows = [row for name, row in page.table("kept-of-80").items() if name != "birds"]
    five, ten, twenty = (row[1:] for row in rows)  # without least squares on all three measurements
    assert 1 - five[2] / five[0] == pytest.approx(1 / 6, abs=0.02) and "saves a sixth of the error" in page.prose
    assert five[2] < five[1] < five[0] and ten[2] < ten[1] < ten[0]
    assert max(twenty[:3]) - min(twenty[:3]) < 5, "with twenty birds the prior changes little"
    assert (five[0] - five[1]) / (five[0] - five[2]) == pytest.approx(1 / 2, abs=0.1), "about half with the wide prior"
    shares = []
    for team in why_bayes.teams():
        rest = why_bayes.others_of(team)
        posterior = why_bayes.Line(team, why_bayes.SLOPES["prior"])
        level = posterior.below(rest["body_mass_g"].to_numpy(), rest["flipper_length_mm"].to_numpy())
        shares.append(100 * np.mean((level > 0.1) & (level < 0.9)))
    for share, shown in zip((min(shares), max(shares), shares[10]), twenty[4:], strict=True):
        assert shown == pytest.approx(share, abs=1.5) and page.says(share, "the shares range", within=1.5)
    five_birds, mean, error, median, *_ = numbers(page.shown("saved"))
    assert five_birds == 5 and mean == pytest.approx(five[0] - five[2], abs=1) and mean > 2 * error > 4 * median / 2
    assert page.says(twenty[2] - rows[-1][0], "with all three is about", within=3)
    assert all(abs(row[3] - 80) < 5 for row in (five, ten, twenty))


def test_chapter_01_says_what_the_prior_saves_with_ten_birds():
    saved = []
    for team in why_bayes.teams():
        some, rest = team.iloc[:10], why_bayes.others_of(team)
        x, truth = rest["flipper_length_mm"].to_numpy(float), rest["body_mass_g"].to_numpy(float)
        line = stats.linregress(some["flipper_length_mm"], some["body_mass_g"])
        middle = why_bayes.Line(some, why_bayes.SLOPES["prior"]).quantile(0.5, x)
        off = [np.mean(np.abs(guess - truth)) for guess in (line.intercept + line.slope * x, middle)]
        saved.append(off[0] - off[1])
    page = Page("01_why_bayes")
    assert min(saved) > 0 and page.says(np.median(saved), "helped every team", within=1)


def test_chapter_01_gives_the_chance_its_uncertainty():
    """The chance of more than 5 kg at 215 mm, on a grid finer than the page's, and by its standard error."""
    page, team = Page("01_why_bayes"), why_bayes.teams()[10]
    height, slope, scatter = np.meshgrid(
        np.linspace(3000, 6000, 101), np.linspace(-60, 120, 91), np.linspace(100, 1000, 61), indexing="ij"
    )
    log_weight = stats.norm.logpdf(height, 4000, 1000) + stats.norm.logpdf(slope, 30, 30)
    for x, grams in zip(team["flipper_length_mm"], team["body_mass_g"], strict=True):
        log_weight += -np.log(scatter) - ((grams - height - slope * (x - 200)) / scatter) ** 2 / 2
    weight = np.exp(log_weight - log_weight.max())
    chance = stats.norm.sf(5000, height + 15 * slope, scatter)
    for end in np.quantile(chance, [0.025, 0.975], weights=weight, method="inverted_cdf"):
        assert page.says(end, "Each candidate has a chance", within=0.01, reach=90)
    gentoo = sbs.load_penguins().query("species == 'Gentoo'").dropna(subset=["flipper_length_mm"])
    x, y = (gentoo[name].to_numpy(float) for name in ("flipper_length_mm", "body_mass_g"))
    line, away = stats.linregress(x, y), 215 - x.mean()
    scatter = np.sqrt(np.sum((y - line.intercept - line.slope * x) ** 2) / (len(x) - 2))
    error = scatter * np.sqrt(1 / len(x) + away**2 / np.sum((x - x.mean()) ** 2))
    for side in (-1, 1):
        end = stats.norm.sf(5000, line.intercept + line.slope * 215 + side * 1.96 * error, scatter)
        assert page.says(end, "for the line's own error", within=0.01)


def test_chapter_01_boosting_finds_too_small_a_change():
    """The tuned setting on masses simulated from the least-squares fit, where every bird changes by 140 g."""
    table = why_bayes.birds()
    species = pd.get_dummies(table[[*why_bayes.MEASURES, "species"]], dtype=float)
    model = why_bayes.best_of(why_bayes.search(species, table["body_mass_g"], 15))
    columns = np.column_stack([np.ones(len(table)), species.iloc[:, :-1]])
    fitted = columns @ np.linalg.lstsq(columns, table["body_mass_g"].to_numpy(float))[0]
    left, rng = (table["body_mass_g"] - fitted).std(), np.random.default_rng(1)
    deeper, found = species.assign(bill_depth_mm=species["bill_depth_mm"] + 1), []
    for _ in range(40):
        model.fit(species, fitted + rng.normal(0, left, len(table)))
        found.append(np.mean(model.predict(deeper) - model.predict(species)))
    page, error = Page("01_why_bayes"), np.std(found) / np.sqrt(len(found))
    assert page.says(np.mean(found), "the same setting finds", within=3 * error) and np.mean(found) < 140 - 5 * error


def test_chapter_01_compares_the_errors_bird_by_bird():
    table = why_bayes.birds()
    mass, page = table["body_mass_g"], Page("01_why_bayes")
    species = pd.get_dummies(table[[*why_bayes.MEASURES, "species"]], dtype=float)
    for columns, words, sign in (
        (table[why_bayes.MEASURES], "Boosting wins clearly", 1),
        (species, "its lead is gone", -1),
    ):
        better = np.empty(len(mass))
        for test in why_bayes.folds(len(mass), 5, why_bayes.SEED):
            train = np.setdiff1d(np.arange(len(mass)), test)
            model = why_bayes.best_of(why_bayes.search(columns.iloc[train], mass.iloc[train], 12, parts=3))
            own, new = (np.column_stack([np.ones(len(t)), t]) for t in (columns.iloc[train], columns.iloc[test]))
            line = new @ np.linalg.lstsq(own, mass.iloc[train].to_numpy(float))[0]
            boosted = model.fit(columns.iloc[train], mass.iloc[train]).predict(columns.iloc[test])
            better[test] = np.abs(line - mass.iloc[test]) - np.abs(boosted - mass.iloc[test])
        assert page.says(sign * better.mean(), words, within=2.5)
        assert page.says(stats.sem(better), words, within=0.6)


def test_chapter_01_random_parts_are_right_without_columns_that_name_the_colony():
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.model_selection import KFold, cross_val_score

    rng, gaps = np.random.default_rng(5), []
    for _ in range(15):
        seasons = []
        for colonies in (15, 60):
            flipper = rng.normal(200, 8, 20 * colonies)
            fishing = np.repeat(rng.normal(0, 350, colonies), 20)
            seasons.append((flipper[:, None], 45 * (flipper - 200) + fishing + rng.normal(0, 250, len(flipper))))
        (x, mass), (x_new, mass_new) = seasons
        model = GradientBoostingRegressor(n_estimators=40, random_state=0)
        folds = KFold(5, shuffle=True, random_state=0)
        random = -cross_val_score(model, x, mass, cv=folds, scoring="neg_mean_absolute_error").mean()
        gaps.append(random - np.mean(np.abs(model.fit(x, mass).predict(x_new) - mass_new)))
    assert abs(np.mean(gaps)) < 25, "random parts would have been about right"


@pytest.mark.parametrize(("size", "longer"), [(5, 1 / 8), (20, 0)])
def test_chapter_01_is_fair_to_the_classical_prediction_interval(size, longer):
    inside, widths, bayesian = [], [], []
    for team in why_bayes.teams():
        some, rest = team.iloc[:size], why_bayes.others_of(team)
        x, y = (some[name].to_numpy(float) for name in ("flipper_length_mm", "body_mass_g"))
        line, far = stats.linregress(x, y), rest["flipper_length_mm"].to_numpy() - x.mean()
        noise = np.sqrt(np.sum((y - line.intercept - line.slope * x) ** 2) / (size - 2))
        reach = stats.t.ppf(0.9, size - 2) * noise * np.sqrt(1 + 1 / size + far**2 / np.sum((x - x.mean()) ** 2))
        middle = line.intercept + line.slope * (far + x.mean())
        inside.append(np.mean(np.abs(rest["body_mass_g"] - middle) < reach))
        widths.append(2 * reach.mean())
        posterior = why_bayes.Line(some, why_bayes.SLOPES["prior"])
        low, high = (posterior.quantile(share, rest["flipper_length_mm"].to_numpy()) for share in (0.1, 0.9))
        bayesian.append(np.mean(high - low))
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)
    assert np.mean(widths) / np.mean(bayesian) - 1 == pytest.approx(longer, abs=0.03)
    shown = Page("01_why_bayes").table("classical-intervals")
    column = {5: 0, 20: 2}[size]
    assert shown["line, g"][column] == pytest.approx(np.mean(widths), abs=8)
    assert shown["Bayesian, g"][column] == pytest.approx(np.mean(bayesian), abs=8)
    assert all(abs(share - 80) < 3 for share in shown["line, in 80%"] + shown["three, in 80%"]), "about 80%"
    shorter = 100 * (1 - shown["three, g"][-1] / shown["Bayesian, g"][-1])
    assert Page("01_why_bayes").says(shorter, "its classical interval is", within=0.5)
    assert "With five birds they are an eighth longer" in Page("01_why_bayes").prose


def test_chapter_01_the_flat_line_scores_better_on_photographs():
    gentoo = sbs.load_penguins().query("species == 'Gentoo'").dropna(subset=["flipper_length_mm"])
    x, y = (gentoo[name].to_numpy(float) for name in ("flipper_length_mm", "body_mass_g"))
    photo = x + np.random.default_rng(why_bayes.SEED).normal(0, 5, len(x))
    flat, steep = stats.linregress(photo, y), stats.linregress(x, y)

    def off(line, at):
        return np.mean(np.abs(line.intercept + line.slope * at - y))

    assert off(flat, photo) < off(steep, photo) and off(flat, x) > off(steep, x)
    assert "the flat line is even the better one" in Page("01_why_bayes").prose


def test_chapter_01_widens_its_answer_in_a_new_colony():
    page = Page("01_why_bayes")
    for scatter in (250, np.hypot(250, 350)):
        assert page.says(stats.norm.ppf(0.9) * scatter, "80% interval for a bird", within=3)
    assert page.says(stats.norm.ppf(0.9), "80% interval for a bird", within=0.002)
    known, new = np.hypot(250, 350 * 0), np.hypot(250, 350)  # and the means, from 15 colonies of 20 birds
    for scatter, of_mean in ((known, 250 / 20**0.5), (new, np.sqrt((350**2 + 250**2 / 20) / 15))):
        assert page.says(100 * (np.hypot(scatter, of_mean) / scatter - 1), "makes both 2% longer", within=0.5)
        assert page.says(stats.norm.ppf(0.9) * np.hypot(scatter, of_mean), "in a new colony the 80%", within=5)


def test_chapter_01_gives_reasons_that_hold():
    page = Page("01_why_bayes")
    heavier = 4000 * ((202 / 200) ** 3 - 1)  # an enlarged bird with a flipper 2 mm longer
    assert page.says(heavier, r"more mass \(", within=2) and heavier / 2 == pytest.approx(60, abs=1)
    assert stats.norm(30, 30).interval(0.6827)[1] == pytest.approx(60, abs=0.1)
    assert page.says(100 * 2 * stats.norm(0, 200).sf(400), "beyond 400 g", within=0.5)
    assert 2 * stats.norm(4000, 1000).sf(6000) < 0.05, "almost certainly between 2 and 6 kg"
    wider = np.sqrt(342 / (342 - 5)) - 1  # five more coefficients estimated, with flat priors
    assert page.says(100 * wider, "too narrow", within=0.05, reach=20)


def test_chapter_01_s_line_through_carbon_dioxide():
    """Exercise 5: what a right model gives for years that were used, and what a year of nine months does."""
    page = Page("01_why_bayes")
    years = np.arange(20) - 9.5
    design = np.column_stack([np.ones(20), years])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    noise = np.random.default_rng(0).normal(size=(40_000, 20))
    residual = noise - noise @ hat
    scale = np.sqrt((residual**2).sum(axis=1, keepdims=True) / 17)  # a flat prior of the scatter leaves 17 degrees
    inside = np.abs(residual) < stats.t.ppf(0.9, 17) * scale * np.sqrt(1 + np.diag(hat))
    assert page.says(100 * inside.mean(), "a right model gives", within=0.5, reach=20)
    assert np.mean(inside.sum(axis=1) >= 19) > 0.05, "the share inside is no sign"
    co2 = sbs.load_co2()
    months = co2.assign(year=co2["month"].str[:4], month=co2["month"].str[5:]).pivot(
        index="year", columns="month", values="co2_ppm"
    )
    there = months.loc["1964"].notna()
    assert list(months.columns[~there]) == ["02", "03", "04"] and months.loc["1959":].drop("1964").notna().all().all()
    near = [months.loc[year, there].mean() - months.loc[year].mean() for year in ("1963", "1965")]
    assert page.says(-np.mean(near), "The mean of 1964", within=0.03)


def test_chapter_01_checks_the_friend_s_answer_with_all_gentoo_penguins():
    page = Page("01_why_bayes")
    gentoo = sbs.load_penguins().query("species == 'Gentoo'").dropna(subset=["flipper_length_mm"])
    x, y = (gentoo[name].to_numpy(float) for name in ("flipper_length_mm", "body_mass_g"))
    line = stats.linregress(x, y)
    scatter = np.sqrt(np.sum((y - line.intercept - line.slope * x) ** 2) / (len(x) - 2))
    chance = stats.norm.sf(5000, line.intercept + 215 * line.slope, scatter)
    assert chance == pytest.approx(numbers(page.shown("all-gentoo"))[-1], abs=0.006)
    assert page.says(chance, "A line through all", within=0.006) and page.says(len(x), "A line through all")


def test_chapter_01_on_luck_and_grids():
    page = Page("01_why_bayes")
    rng = np.random.default_rng(1)
    best = {n: -rng.normal(size=(20_000, n)).min(axis=1).mean() for n in (2, 25, 1000)}
    assert 0.5 < best[2] < 0.6 and 1.85 < best[25] < 2 and 3 < best[1000] < 3.5
    assert page.says(best[2], "2 settings", within=0.1) and page.says(best[1000], "with 1,000", within=0.5)
    assert page.says(best[25], "of one score", within=0.15)
    unknowns, values = 50, 60
    assert page.says(unknowns, "atoms", reach=120) and page.says(values, "atoms", reach=120)
    assert unknowns * np.log10(values) > 82  # atoms: some 10^80


def test_chapter_01_on_species():
    birds = sbs.load_penguins().dropna(subset=["bill_depth_mm", "body_mass_g"])
    groups = birds.groupby("species")
    assert groups["body_mass_g"].mean().idxmax() == groups["bill_depth_mm"].mean().idxmin() == "Gentoo"
    slopes = [stats.linregress(own["bill_depth_mm"], own["body_mass_g"]).slope for _, own in groups]
    assert len(slopes) == 3 and min(slopes) > 0
    males = birds[birds["sex"] == "male"].groupby("species")[["bill_depth_mm", "body_mass_g"]].mean()
    females = birds[birds["sex"] == "female"].groupby("species")[["bill_depth_mm", "body_mass_g"]].mean()
    assert (males > females).all().all(), "males are heavier and have deeper bills"


def test_chapter_02_counts_and_names_its_numbers():
    """Chapter 2: what the prose says of counts, beta distributions and predictions is what the formulas give."""
    page = Page("02_bayes_theorem")
    (_, healthy, patients, _), (_, wrong, right, _) = page.entry("samples"), page.entry("positive")
    assert (healthy, wrong, patients, right) == (401, 2, 37, 25)
    assert page.says(100 * (1 - wrong / healthy), "seems to promise", within=0.05)
    found, alarms = 1000 * 0.01 * 0.7, 1000 * 0.99 * 0.005
    assert page.says(round(found) / (round(found) + round(alarms)), "coin flip")
    assert (
        round(found / (round(found) + round(alarms)), 3) in page.near("rounded")
        and page.says(alarms, "rounded")
        and page.says(round(alarms), "rounded")
    )
    assert page.says(found / (found + 1000 * 0.99 * 0.015), "would fall", within=0.02)
    ratio = 0.7 / 0.005
    assert page.says(ratio, "multiplies", reach=70)
    odds = 10 / 990 * ratio**2
    assert page.says(odds, "After two", within=0.5) and page.says(100 * odds / (1 + odds), "After two", within=0.05)
    a, b = 2 + right, 2 + patients - right
    assert page.says(a, "the posterior is", reach=80) and page.says(b, "the posterior is", reach=80)
    for end in stats.beta(a, b).interval(0.95):
        assert page.says(end, "of the patients", within=0.01, reach=30)
    hill = stats.beta(2, 2)
    assert page.says(100 * hill.sf(0.9), "a wide hill", within=0.05)
    assert page.says(100 * (hill.cdf(0.9) - hill.cdf(0.1)), "a wide hill", within=0.5)
    hits = (np.random.default_rng(1763).random(500) < 0.68).sum()  # figure fig-priors
    firm, open_mind = stats.beta(80 + hits, 509 - hits), stats.beta(1 + hits, 501 - hits)
    assert page.says((firm.mean() - open_mind.mean()) / firm.std(), "after 500 samples", within=0.05)
    for end in stats.beta(a - (right - 25), 2).interval(0.95):
        assert page.says(end, "in a row", within=0.005, reach=90)
    plug_in = stats.binom(3330, wrong / healthy)
    assert page.says(round(plug_in.mean()), "give or take") and page.says(round(plug_in.std()), "give or take")
    chosen, alarm_rate = stats.beta(1, 60), stats.beta(1 + wrong, 60 + healthy - wrong)
    assert page.says(chosen.args[0] + chosen.args[1], "two decimals", reach=80)
    assert page.says(alarm_rate.args[0], "the posterior is", reach=80)
    assert page.says(alarm_rate.args[1], "the posterior is", reach=80)
    assert page.says(stats.betabinom(healthy, 1, 1).median(), "not neutral", within=1)
    for end, near in zip(stats.beta(1, 40).ppf([0.05, 0.95]), (0.005, 0.05), strict=True):
        assert page.says(100 * end, "5% and 95% quantiles", within=near)
    later = 3324
    assert page.says(later, "without the disease") and page.says(later / healthy, "as many samples", within=0.5)
    hits, others = 1000 * 0.01 * 0.9, 990 * 0.09
    assert page.says(hits / (hits + round(others)), "other 990", reach=90)
    assert page.says(hits / (hits + others), "about one in", within=0.0009)


def test_chapter_02_says_what_its_tables_say():
    """The sentences that give the chapter's answers say the numbers of the tables above them."""
    page = Page("02_bayes_theorem")
    estimate, *once_in = (float(row[-6:].replace(",", "")) for row in page.shown("fifty").splitlines()[1:])
    assert page.says(once_in[0], "predictive says") and estimate > 1000
    assert page.says(100 / once_in[0], "one-sided p", within=0.1)
    assert page.says(numbers(page.shown("fisher").splitlines()[1])[-1], "one-sided p", within=0.005)
    assert page.says(100 / once_in[1], "flat prior it is", within=0.5)
    assert page.says(min(once_in[1:]), "predictive says") and page.says(max(once_in[1:]), "predictive says")
    rows = {name: row[-4:] for name, row in page.table("answers").items()}
    tiny = rows["q tiny, Beta(1, 1000)"]
    own, *others, three_alarms, later = (row for row in rows.values() if row is not tiny)
    assert list(rows)[-2:] == ["later: 3 of 401 samples", "later: 16 of 3,324 samples"] and len(others) == 6
    for words in ("still answers", "Only somebody who was nearly sure beforehand"):
        assert page.says(100 * tiny[2], words, within=0.5, reach=70)
    below = stats.beta(1, 1000).ppf(0.95)
    assert page.says(100 * below, "had it, six for each confirmed case", within=0.005)
    assert page.says(1000 * below, "95% sure of fewer than", within=0.05) and round(below * 2000) == 6
    assert page.says(100 * tiny[3], "95% sure of fewer than", within=0.5, reach=60)
    for end in own[:2]:
        assert page.says(end, "With 95% probability", reach=40)
    assert page.says(100 * own[2], "you had had it", within=0.5, reach=50)
    assert page.says(100 * own[2], "The answer will be about", within=0.5)
    flat_theta, ours = stats.beta(26, 13), stats.beta(27, 14)
    changes = [flat_theta.mean() - ours.mean(), *np.subtract(flat_theta.interval(0.95), ours.interval(0.95))]
    changes += list(flat_theta.sf([0.5, 0.8]) - ours.sf([0.5, 0.8]))
    assert 0.009 < np.abs(changes).max() < 0.01, "a flat prior changes the numbers by a hundredth at most"
    assert abs(rows["θ flat, Beta(1, 1)"][2] - own[2]) < 0.005, "and the chapter's answers by less"
    assert page.says(100 * rows["θ: the maker's alone"][2], "your 55% would be", within=0.5, reach=10)
    for column, scale in ((1, 1), (2, 100)):
        values = [scale * row[column] for row in others]
        assert page.says(min(values), "other priors and patients give", reach=110)
        assert page.says(max(values), "other priors and patients give", reach=110)
    for row in (three_alarms, later):
        assert page.says(100 * row[2], "of a later report", within=0.5, reach=140)
        assert page.says(100 * row[2], "with other priors and data", within=0.5, reach=20) == (row is three_alarms), (
            "66%: exercise 7"
        )
    assert page.says(100 * max(row[2] for row in others), "with other priors and data", within=0.5, reach=20)
    without_tiny = [row[2] for row in rows.values() if row is not tiny]
    assert min(without_tiny) == three_alarms[2] and max(without_tiny) == later[2]
    assert page.says(100 * own[3], "By the table", within=0.05)
    assert page.says(100 * own[3], "With our prior the probability is", within=0.05, reach=30)
    for value in (own[3], min(row[3] for row in others), tiny[3]):
        assert page.says(100 * value, "all false alarms", within=0.05 if value < 0.1 else 0.5, reach=110)
    for value in (min(row[3] for row in others), max(row[3] for row in others), tiny[3]):
        assert page.says(100 * value, "with most other priors", within=0.05 if value < 0.1 else 0.5)
    nobody, narrower, narrowest, flat = (row[0] for row in page.table("nobody").values())
    assert nobody == pytest.approx(1 / 4, abs=0.05) == narrower and page.says(1 / 4, "falls from one half")
    assert 0.4 < narrowest < 0.5, "with a much narrower prior it hardly falls"
    for value in (nobody, narrower, flat):
        assert page.says(100 * value, "Did nobody have it", within=0.5, reach=80)
    assert (
        page.says(1 / 5, "the answer runs from", within=0.03) and page.says(9, "the answer runs from") and flat > 0.85
    )
    assert page.says(min(once_in[1:]), "How often would 50", reach=110)
    mean, _, low, high = numbers(page.shown("false-alarms"))
    assert low < 5 < mean < 40 < high, "from a few to more than forty"
    with_three = [1 / stats.betabinom(3330, a + 3, b + 398).sf(49) for a, b in ((1, 60), (1, 1))]
    for once in with_three:
        assert page.says(once, "With 3 alarms, fifty or more", within=0.5, reach=100)
    [chi_squared] = {round(value) for value in page.table("laboratories-solution")["differences, data"][-1:]}
    assert page.says(chi_squared, "Pearson's chi-squared", reach=100)
    fixed = numbers(page.shown("marginalise"))
    assert set(fixed) <= set(numbers(page.cell("fig-share").metadata["mystnb"]["image"]["alt"]))


def _with_risk(names: dict) -> dict:
    """Return names with chapter 3's function ``risk``."""
    source = Page("03_sampling").cell("prior-predictive").source
    [risk] = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "risk"]
    exec(ast.unparse(risk), names)
    return names


def test_chapter_03_describes_its_own_code():
    page = Page("03_sampling")
    step, draws = page.given("metropolis-run", "metropolis")
    assert draws == 5500 and page.says(step, "We took")
    repeats = ast.parse(page.cell("errors-of-best").source).body[0].args.defaults[0].value
    assert page.says(repeats, "do so", reach=20) and page.says(repeats, "answers are", reach=20)
    _, draws = page.given("many-runs", "metropolis")
    assert page.says(4 * draws, "draws enough", reach=20)


def test_chapter_03_says_what_is_true():
    page = Page("03_sampling")
    for odds in (2, -2):
        assert page.says(odds, "Log-odds of", reach=80)
        assert page.says(100 * special.expit(odds), "Log-odds of", within=0.5, reach=80)
    values = {}
    exec(page.cell("flights").source, {"np": np}, values)
    assert page.says(values["damaged"].sum(), "flights with damage", reach=30)
    assert page.says(values["temperature"].min(), "coldest flight was") and len(values["damaged"]) == 23
    years = 100**10 / 1e6 / (365.25 * 86400)
    assert page.says(3e6, "million years", reach=30) and round(years / 1e6) == 3
    assert page.says(1 / special.expit(-8), "Two standard deviations", within=25, reach=80)
    assert page.says(100 * special.expit(4), "may take the risk", within=0.5)
    wanted = 1 / 0.1**2  # hits, for an error of one tenth
    assert page.says(wanted, "hits") and page.says(wanted / 0.001, "hits")
    assert page.says(10_000, "are worth some") and page.says(10_000 * 0.1 / 1.9, "are worth some", within=50)


def test_chapter_03_puts_other_priors_beside_its_answer():
    """The headline has the interval, and the numbers under two other priors, each as the table shows it."""
    page = Page("03_sampling")
    wide, moderate, weak = page.table("sensitivity").values()
    near = {"With the wide prior": wide, "With the moderate prior it is": moderate, "doubts strong effects 76": weak}
    for words, row in near.items():
        for number in row[:3]:
            shown = page.says(100 * number, words, within=0.6, reach=110)
            assert shown or page.says(100 * number, "With the moderate prior", within=0.6, reach=180), (words, number)
        assert page.says(100 * row[3], "as measured at the launch", within=0.6)
        assert row[6] >= 0.9495
    assert page.says(100 * wide[0], "The answer of this chapter", within=0.6, reach=130)
    assert page.says(100 * moderate[0], "The answer of this chapter", within=0.6, reach=130)
    assert page.says(100 * weak[0], "The answer of this chapter", within=0.6, reach=130)
    low, mixed = re.search(r"quantile: ([\d.]+).*mixed up: ([\d.]+)", page.shown("wrong-pairs")).groups()
    for shown in (low, mixed):
        assert page.says(100 * float(shown), "Mixed up, the interval begins", reach=30)
    assert float(page.shown("prior-predictive").split("wide")[1].split()[0]) > 1 / 2, "more than half at the ends"
    assert page.says(31, "The forecast for the launch") and page.says(36, "the next morning")
    for row in (wide, moderate, weak):
        assert page.says(100 * row[1], "intervals reach down", within=0.6, reach=60)
    assert page.says(53 - 31, "below the coldest flight", reach=40)


def test_chapter_03_says_what_another_reference_temperature_changes():
    page = Page("03_sampling")
    names = _with_risk({"np": np, "special": special})
    exec("\n".join(page.cell(name).source for name in ("flights", "log-launches", "launch-grid")), names)
    pairs, risk = names["pairs"], names["risk"](*names["pairs"].T)
    likelihood = names["grid_posterior"](1e6, 1e6)
    _, moderate, _ = page.table("sensitivity").values()
    for reference, words in ((50, None), (65, "moderate prior's numbers at 65"), (85, "and at 85 °F")):
        log_odds = pairs[:, 0] + pairs[:, 1] * (reference - 50) / 10
        weight = likelihood * np.exp(-((log_odds / 1.5) ** 2) / 2 - pairs[:, 1] ** 2 / 2)
        weight /= weight.sum()
        low = np.quantile(risk, 0.025, weights=weight, method="inverted_cdf")
        if words:
            for number in (weight @ risk, low):
                assert page.says(100 * number, words, within=0.6, reach=70), (reference, number)
        else:
            assert [weight @ risk, low] == pytest.approx(moderate[:2], abs=1e-3)


def test_chapter_03_says_how_far_its_draws_can_be_trusted():
    """Monte Carlo errors of quantiles, the accepted share, and the step that is best on the ridge."""
    page = Page("03_sampling")
    _, average, _, low, _, high = tail = page.table("many-runs")["1% quantile"]
    for number in (low, high, average - tail[0]):
        assert page.says(number, "reports this roughly", within=5e-4, reach=180), number
    quantile, error = re.search(r"2\.5% quantile: ([\d.]+), MCSE ([\d.]+)", page.shown("wrong-pairs")).groups()
    assert page.says(100 * float(quantile), "interval's lower end is", reach=60)
    assert page.says(100 * float(error), "with an MCSE of", within=0.5, reach=30)
    wide, *_ = page.table("sensitivity").values()
    assert page.says(100 * wide[1], "points, and", within=0.6, reach=30)
    assert abs(float(quantile) - wide[1]) < 3 * float(error)
    hills = page.table("failures")["two hills"]
    assert page.says(hills[0], "bulk ESS of two hills", within=0.5) and page.says(hills[3], "makes the MCSE", reach=20)
    assert page.says((np.sqrt(37) / hills[3]) ** 2, "that of the mean", within=0.5, reach=20)
    [accepted] = re.findall(r"(\d+)% of the proposals", page.shown("launch-draws"))
    assert page.says(float(accepted), "even with a good step", reach=40)
    names = _with_risk({"np": np, "special": special})
    exec("\n".join(page.cell(name).source for name in ("flights", "log-launches", "metropolis")), names)
    worth = {}
    for step in (0.4, 0.8, page.given("launch-draws", "metropolis")[0], 3.5):
        rng = np.random.default_rng(0)
        walk, _ = names["metropolis"](names["log_launches"], rng.normal([2, -2], 1, size=(8, 2)), step, 6000, rng)
        worth[step] = float(az.ess(walk[:, 500:, 0], method="mean"))
    assert max(worth, key=worth.get) == 1.8, worth
    near = {}
    for step in (1.4, 1.8, 2.2):
        rng = np.random.default_rng(1)
        walk, share = names["metropolis"](names["log_launches"], rng.normal([2, -2], 1, size=(8, 2)), step, 6000, rng)
        alpha, beta = np.moveaxis(walk[:, 500:], -1, 0)
        quantities = (alpha, beta, names["risk"](alpha, beta))
        near[step] = min(float(az.ess(quantity, method="mean")) for quantity in quantities)
        if step != 1.8:
            assert page.says(step, "it hardly changes", reach=30)
            assert page.says(100 * share, "share accepted falls", within=0.6)
    assert min(near.values()) > 0.75 * max(near.values()), near


def _launches() -> tuple[Page, dict]:
    """Return chapter 3 and the names of its model and grid."""
    page, names = Page("03_sampling"), _with_risk({"np": np, "special": special})
    exec("\n".join(page.cell(name).source for name in ("flights", "log-launches", "launch-grid")), names)
    return page, names


def test_chapter_03_says_what_its_priors_do():
    """The first prior's posterior is the narrowest ridge; the second is moderate at 50 °F; curves below one half."""
    page, names = _launches()
    narrow, below = [], []
    for sds in ((4, 2), (1.5, 1), (4, 0.5)):
        weight = names["grid_posterior"](*sds)
        low, high = np.linalg.eigvalsh(np.cov(names["pairs"].T, aweights=weight))
        narrow.append(high / low)
        below.append(weight[names["risk"](*names["pairs"].T) < 0.5].sum())
    assert narrow[0] > 1.5 * max(narrow[1:]) and "hardest to sample" in page.prose
    inside = 1 - 2 * stats.norm.cdf(special.logit(0.05) / 1.5)
    assert page.says(100 * inside, "of it is on risks between", within=0.5, reach=5)
    assert page.says(1 / round(1 / below[2]), "although one curve in seven", reach=5) and below[2] == max(below)


def test_chapter_03_says_what_another_curve_or_fewer_flights_change():
    """A complementary log-log curve, no flight at 53 °F, and the flights with the last pressure of the leak test."""
    page, names = _launches()
    temperature, damaged = names["temperature"], names["damaged"]
    late, of_late = np.array(sampling.LATE_FLIGHTS).T  # a subset of the chapter's flights
    flights = list(zip(temperature, damaged, strict=True))
    for flight in sampling.LATE_FLIGHTS:
        flights.remove(flight)
    assert len(flights) == 8 and page.says(len(late), "later, higher pressure", reach=40)
    alpha, beta = np.meshgrid(np.linspace(-18, 18, 601), np.linspace(-12, 8, 601))
    log_prior = -((alpha / 4) ** 2) / 2 - (beta / 2) ** 2 / 2

    def answer(log_damage, log_none, at, outcome):
        log_density = log_prior.copy()
        for degrees, damage in zip(at, outcome, strict=True):
            log_density += (log_damage if damage else log_none)(alpha + beta * (degrees - 50) / 10)
        weight = np.exp(log_density - log_density.max())
        weight /= weight.sum()
        risk = np.exp(log_damage(alpha - 1.9 * beta))
        low = np.quantile(risk.ravel(), 0.025, weights=weight.ravel(), method="inverted_cdf")
        return 100 * np.sum(weight * risk), 100 * low

    def log_log(line):
        return np.log(-np.expm1(-np.exp(np.clip(line, -50, 20))))

    logistic = special.log_expit, lambda line: special.log_expit(-line)
    found = {
        "complementary log-log curve": answer(log_log, lambda line: -np.exp(line), temperature, damaged),
        "without the flight at 53": answer(*logistic, temperature[1:], damaged[1:]),
        "pressure in the leak test": answer(*logistic, late, of_late),
    }
    for words, values in found.items():
        for number in values:
            assert page.says(number, words, within=0.6, reach=60), (words, number)


def test_chapter_03_says_how_far_its_first_averages_are_off():
    page, exact = Page("03_sampling"), stats.beta(27, 14)
    [seed] = re.findall(r"default_rng\((\d+)\)", page.code)[:1]
    theta = np.random.default_rng(int(seed)).beta(27, 14, size=1000)
    assert [round(theta.mean(), 3), round(np.mean(theta > 0.7), 3)] == [
        row[0] for row in page.table("thousand-draws").values()
    ]
    errors = [exact.std() / np.sqrt(1000), np.sqrt(exact.sf(0.7) * exact.cdf(0.7) / 1000)]
    off = [(exact.mean() - theta.mean()) / errors[0], (exact.sf(0.7) - np.mean(theta > 0.7)) / errors[1]]
    for number, within in zip([*errors, *off], [5e-5, 5e-4, 0.05, 0.05], strict=True):
        assert page.says(number, "In the table above, the MCSE is", within=within, reach=110), number
    assert page.says(round(page.table("two-checks")["mean of θ"][2], -2), "independent ones", reach=30)
    assert sampling._share_of_ball(10) * 1e20 > 1e17 and "$10^{17}$" in page.prose


def test_chapter_03_says_why_the_quantile_is_off():
    """More uncertain than the mean with any number of draws; too large by NumPy's definition; few independent draws."""
    page, exact, names = Page("03_sampling"), stats.beta(27, 14), {"np": np, "positive": 25, "patients": 37}
    ratio = np.sqrt(0.01 * 0.99) / exact.pdf(exact.ppf(0.01)) / exact.std()
    assert ratio > 3 and page.says(3, "times as much as the mean", reach=10)
    source = next(cell.source for cell in page.notebook.cells if cell.source.startswith("def log_sensitivity"))
    exec(source + "\n" + page.cell("metropolis").source, names)
    rng = np.random.default_rng(0)
    start = exact.rvs((2000 * 4, 1), random_state=rng)
    walk, _ = names["metropolis"](names["log_sensitivity"], start, 0.18, 100, rng)
    runs = walk[..., 0].reshape(2000, 400)
    bias = {by: np.mean(np.quantile(runs, 0.01, axis=1, method=by)) - exact.ppf(0.01) for by in ("linear", "weibull")}
    _, average, *_ = row = page.table("many-runs")["1% quantile"]
    assert bias["linear"] == pytest.approx(average - row[0], abs=0.003) and abs(bias["weibull"]) < 0.002
    assert np.quantile(np.arange(1, 401), 0.01) == pytest.approx(5, abs=0.02) and "fifth smallest" in page.prose
    assert np.std(np.quantile(runs, 0.01, axis=1)) > 3 * np.std(runs.mean(axis=1))
    assert exact.var() / np.var(runs.mean(axis=1)) == pytest.approx(100, abs=15)
    assert "worth about a hundred independent ones" in page.prose


def test_chapter_03_says_how_arviz_judges_draws():
    """Tail ESS by ``ci_prob``, disagreement between chains in the ESS, two R-hats, a rank test of independent draws."""
    rng, page = np.random.default_rng(0), Page("03_sampling")
    chains = np.exp(signal.lfilter([1], [1, -0.9], rng.normal(size=(4, 1000)), axis=1))
    tree = az.from_dict({"posterior": {"x": chains}})
    for inside, shown in ((0.95, (0.05, 0.95)), (0.89, (0.11, 0.89))):
        with az.rc_context({"stats.ci_prob": inside}):
            tail = float(az.ess(tree, method="tail")["x"])
        smaller = min(float(az.ess(chains, method="quantile", prob=prob)) for prob in shown)
        assert tail == pytest.approx(smaller, rel=1e-6)
        for prob in shown:
            assert page.says(100 * prob, "the smaller one for its", reach=60)
    apart = rng.normal(size=(4, 1000)) + np.array([[-6], [-6], [6], [6]])
    assert float(az.ess(apart, method="mean")) < 10, "chains that disagree"
    wide = rng.normal(size=(4, 1000)) * np.array([[1], [1], [1], [3]])
    assert float(az.rhat(wide, method="z_scale")) < 1.01 < 1.1 < float(az.rhat(wide)), "the larger of two"
    rejected = {}
    for correlation, thin in ((0.9, 1), (0.9, 20)):
        noise = rng.normal(size=(10, 4, 250 * thin + 500))
        runs = signal.lfilter([1], [1, -correlation], noise, axis=-1)[..., 500::thin]
        ranks = [(stats.rankdata(run).reshape(run.shape) - 0.5) / run.size for run in runs]
        rejected[thin] = sum(float(np.ravel(array_stats.mchain_uniformity_test(one)[0])[0]) < 0.01 for one in ranks)
    assert rejected[1] >= 7 and rejected[20] <= 2, rejected


def test_chapter_03_metropolis_refuses_what_would_go_wrong_unseen():
    exec(Page("03_sampling").cell("metropolis").source, names := {"np": np})
    start, rng = np.zeros((4, 1)), np.random.default_rng(0)
    for wrong in (lambda place: -(place**2), lambda place: -np.sum(place**2)):
        with pytest.raises(AssertionError, match="one number for each chain"):
            names["metropolis"](wrong, start, 1, 2, rng)
    with pytest.raises(AssertionError, match="where the density is positive"):
        names["metropolis"](lambda place: np.full(4, -np.inf), start, 1, 2, rng)


def test_chapter_03_says_how_the_moderate_prior_looks_in_the_cold():
    [alt] = [Page("03_sampling").cell("fig-prior").metadata["mystnb"]["image"]["alt"]]
    below = [stats.norm.cdf(special.logit(risk), 0, np.hypot(1.5, 1.9)) for risk in (0.05, 0.45, 0.5)]
    assert below[0] / (below[2] - below[1]) == pytest.approx(3, abs=0.5)
    assert "three times as high at the ends" in " ".join(alt.split())


def test_chapter_03_takes_the_effective_sample_size_of_the_mean():
    """MCSE = sd / sqrt(ESS) holds for ArviZ's ESS of the mean, and not for its default."""
    rng = np.random.default_rng(0)
    skewed = np.exp(signal.lfilter([1], [1, -0.9], rng.normal(size=(4, 2000)), axis=1))  # dependent, far from normal
    error = float(az.mcse(skewed))
    assert skewed.std() / float(az.ess(skewed, method="mean")) ** 0.5 == pytest.approx(error, rel=1e-3)
    assert abs(skewed.std() / float(az.ess(skewed)) ** 0.5 / error - 1) > 0.02
    for name in ("03_sampling", "03b_hamiltonian"):
        for call in (node for node in ast.walk(ast.parse(Page(name).code)) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == "az.mcse":
                assert len(call.args) == 1
    assert 'method="mean"' in Page("03_sampling").cell("two-checks").source


def test_chapter_03b_counts_the_evaluations_that_its_code_makes():
    page = Page("03b_hamiltonian")
    counts = {"density": 0, "gradient": 0}

    def density(position):
        counts["density"] += 1
        return -np.sum(position**2, axis=1) / 2

    def gradient(position):
        counts["gradient"] += 1
        return -position

    exec("\n".join(page.cell(name).source for name in ("leapfrog", "hmc")), functions := {"np": np})
    functions["hmc"](density, gradient, np.zeros((4, 2)), 0.3, 8, 10, np.random.default_rng(0))
    assert counts == {"density": 1 + 10, "gradient": 1 + 10 * 8}, "one of each at the start, then 9 per draw"
    for number in (8, 9):
        assert page.says(number, "HMC with 8 steps", reach=100)
    for name in ("price", "dimensions", "mass-matrix"):
        assert "steps + 1)" in page.cell(name).source and re.search(r"(walks?, 1\))", page.cell(name).source)
    steps = page.given("fig-same-work", "leapfrog")[-1]
    assert page.given("fig-same-work", "metropolis")[1] == 10 * (steps + 1), "as many evaluations in both panels"
    counts.update(density=0)
    exec(page.cell("metropolis-again").source, functions)
    functions["metropolis"](density, np.zeros((4, 2)), 1, 10, np.random.default_rng(0))
    assert counts["density"] == 1 + 10


def test_chapter_03b_says_what_its_tables_say():
    page = Page("03b_hamiltonian")
    walk, short, right, _ = page.table("price")["smallest"]
    assert 2 < right / walk < 3, "a factor of two to three"
    assert short < 1.2 * walk, "with 4 steps no better"
    squares = page.table("price")["(β + 1.9)²"]
    assert squares[3] < squares[0], "with 12 steps the squares are worse"
    assert page.says(12, "it overshoots", reach=10)
    table = page.table("dimensions")
    assert 2 < table["2"][2] < 3 and 35 < table["100"][2] < 47, "two to three with two, about fortyfold with a hundred"
    plain, diagonal, dense = (row[2:] for row in page.table("mass-matrix").values())
    assert plain[0] < diagonal[0] < dense[0] and dense[0] > 3 * plain[0], "the dense matrix more than triples the yield"
    assert dense[1] / plain[1] > dense[0] / plain[0], "Metropolis gains even more"
    assert 1.5 < dense[0] / dense[1] < 2 < plain[0] / plain[1], "the lead falls to less than two"
    raw, ours = page.table("raw-in-pymc").values()
    assert raw[0] == 0 and raw[1] < 8 and raw[3] < 1.01 and 10 < raw[2] < 14, "shallow trees, no alarm"
    assert 1.8 < raw[2] / ours[2] < 2.6 and raw[4] < ours[4], "about twice the gradients, and worth less"
    centred, free = page.table("funnel-table").values()
    assert 2 <= centred[0] <= 23 and page.says(23, "divergences, at places", reach=20) and free[0] == 0
    assert 1.03 <= centred[1] < 1.235 and page.says(1.23, "R-hat was between", reach=40) and free[1] < 1.01
    assert centred[2] < 100 and page.says(100, "the bulk ESS below", reach=40)
    assert centred[3] < 0.11 and page.says(0.1, "the clearest alarm", reach=30) and free[3] > 0.3
    assert centred[5] < 0.03 and page.says(3, "In our runs, at most", reach=40)
    [low] = re.findall(r"low = (-[\d.]+)", page.cell("funnel-table").source)
    assert page.says(float(low), "The centred run misses", reach=50)
    assert centred[6] == pytest.approx(1 / 4, abs=0.005)
    lower_end = page.table("pymc-summary")["risk[31]"][2]
    [error] = re.findall(r"31 °F: ([\d.]+)", page.shown("pymc-summary"))
    assert page.says(float(error), "interval's lower end is", within=0.005, reach=40)
    assert page.says(lower_end, "interval's lower end is", reach=60)
    wide, *_ = Page("03_sampling").table("sensitivity").values()
    assert page.says(wide[1], "interval's lower end is", within=6e-4, reach=80)
    assert abs(lower_end - wide[1]) < 3 * float(error)
    first = {}
    exec(Page("03_sampling").cell("flights").source, {"np": np}, first)
    again = {}
    code = page.cell("launches").source.split("t = ")[0]
    exec(code, {"np": np}, again)
    assert all(np.array_equal(first[name], again[name]) for name in ("temperature", "damaged"))
    near, far = stats.chi(100).interval(0.999)
    assert 7.5 < near < 8.5 and 11.5 < far < 12.5
    assert page.says(8, "practically all draws") and page.says(12, "practically all draws")


def test_chapter_03b_says_what_a_path_and_a_mass_matrix_change():
    """What the text says of 12 steps, of Metropolis in better coordinates, of turns and of the ridge's shape."""
    page = Page("03b_hamiltonian")
    names = {"np": np, "special": special, "xr": None}
    parts = ["launches", "metropolis-again", "gradient", "leapfrog", "hmc"]
    code = "\n".join(page.cell(name).source for name in parts).split("point = np.array")
    exec(code[0] + "\n".join(page.cell(name).source for name in ("leapfrog", "hmc")), names)
    pairs = np.stack(np.meshgrid(np.arange(-10, 14, 0.05), np.arange(-9, 4, 0.04)), axis=-1).reshape(-1, 2)
    weight = np.exp(names["log_launches"](pairs))
    weight /= weight.sum()

    def ratio(unknowns):
        low, high = np.linalg.eigvalsh(np.cov(unknowns.T, aweights=weight))
        return np.sqrt(high / low)

    for degrees, within, words in (
        (0, 0.5, "That shortens the ridge"),
        (50, 0.05, "from 50 °F shortens"),
        (65, 0.05, "nearly round"),
    ):
        log_odds = pairs[:, 0] + pairs[:, 1] * (degrees - 50) / 10
        slope = pairs[:, 1] / 10 if degrees == 0 else pairs[:, 1]  # per °F in the colleague's model
        unknowns = np.column_stack([log_odds, slope])
        shape = ratio(unknowns)
        assert page.says(shape, words, within=within, reach=60), (degrees, shape)
        if degrees == 0:
            correlation = np.cov(unknowns.T, aweights=weight)
            spread = np.sqrt(np.diag(correlation))
            assert page.says((correlation / np.outer(spread, spread))[0, 1], "But the correlation of", within=5e-4)
            assert page.says(ratio(unknowns / spread), "That shortens the ridge", within=0.5, reach=60)
            narrow = np.sqrt(np.linalg.eigvalsh(correlation))
            assert np.pi * narrow[1] / (2 * narrow[0]) > 1023, "half a turn is cut short, without a mass matrix"

    rng = np.random.default_rng(0)
    starts = rng.choice(pairs, 2000, p=weight)
    covariance = np.cov(pairs.T, aweights=weight)
    source = page.cell("fig-u-turn").source.split("starts = ")[0]
    exec(source, names)
    directions = np.linalg.eigh(covariance)[1].T
    turns = [
        names["steps_until_turn"](starts, np.tile(push, (2000, 1)) * rng.choice([-1, 1], (2000, 1)), 0.3, 60)
        for push in directions
    ]
    assert np.mean(turns[0] <= 3) > 0.8, "across: one to three"
    pushes = rng.normal(size=(20_000, 2))
    pushes = pushes[abs(pushes @ directions[1]) > np.cos(np.pi / 9) * np.linalg.norm(pushes, axis=1)]
    along = names["steps_until_turn"](rng.choice(pairs, len(pushes), p=weight), pushes, 0.3, 60)
    for share, steps in ((0.05, 3), (0.95, 15)):
        assert np.quantile(along, share) == steps and page.says(steps, "pushed along it", reach=50)
    narrow, wide = np.sqrt(np.linalg.eigvalsh(covariance))
    assert page.says(narrow, "Across the ridge", within=5e-4) and page.says(2 * narrow, "So the limit is", within=5e-3)
    assert page.says(wide, "Along the ridge", within=5e-3) and 0.35 < 2 * narrow < 0.54
    assert page.says(np.pi / 2 * wide / 0.3, "a quarter turn takes", within=0.05, reach=60)

    def worth(draws, evaluations):
        squares = (draws[..., 1] + 1.9) ** 2
        values = [draws[..., 0], draws[..., 1], squares, names["risk"](draws[..., 0], draws[..., 1])]
        return [1000 * float(az.ess(each, method="mean")) / evaluations for each in values]

    start = rng.choice(pairs, 4, p=weight)
    target, slope = names["log_launches"], names["gradient_launches"]
    walk, _ = names["metropolis"](target, start, 1.8, 20_000, rng)
    long, _ = names["hmc"](target, slope, start, 0.3, 12, 2000, rng)
    assert worth(long, 8000 * 13)[2] < worth(walk, 80_000)[2], "12 steps: worse for the squares"
    assert min(float(az.ess(long[..., k], method="mean")) for k in (0, 1)) > 8000, "more than the number of draws"
    best, hurt = (
        min(worth(names["hmc"](target, slope, start, step, steps, 4000, rng)[0], 16_000 * (steps + 1)))
        for step, steps in ((0.3, 8), (0.4, 6))
    )
    assert hurt == pytest.approx(best / 2, rel=0.25) and page.says(0.4, "which go as far", reach=30)
    for step in (1.4, 2.6):
        other, _ = names["metropolis"](target, start, step, 20_000, rng)
        assert min(worth(other, 80_000)) == pytest.approx(min(worth(walk, 80_000)), rel=0.3)
        assert page.says(step, "Metropolis does about equally well", reach=40)
    many = rng.choice(pairs, 100_000, p=weight)
    for evaluated, words in (
        (names["hmc"](target, slope, many, 0.3, 8, 1, rng)[0], "But one HMC draw"),
        (names["metropolis"](target, many, 1.8, 9, rng)[0], "nine Metropolis steps"),
    ):
        moved = np.sqrt(np.mean(np.sum((evaluated[:, -1] - many) ** 2, axis=1)))
        assert page.says(moved, words, within=0.08, reach=30), (words, moved)

    place, push = np.array([[0.5, -0.7]]), np.array([[1.6, -0.3]])
    path = names["leapfrog"](place, push, slope, 0.54, 9)
    before, after = (names["energy"](target(q), m)[0] for q, m, _ in (path[0], path[-1]))
    assert page.says(after - before, "with an error of", within=0.5, reach=10)


def test_chapter_03b_says_how_a_random_step_leaves_the_shell():
    """From a draw of 100 independent normals, a step of length s is accepted with probability 2 Φ(-s / 2)."""
    page = Page("03b_hamiltonian")
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(50_000, 100))
    step = rng.normal(size=(50_000, 100))
    step *= 2.4 / np.linalg.norm(step, axis=1, keepdims=True)
    drop = (np.sum(draws**2, axis=1) - np.sum((draws + step) ** 2, axis=1)) / 2
    assert np.minimum(1, np.exp(drop)).mean() == pytest.approx(2 * stats.norm.cdf(-1.2), abs=0.01)
    assert 2 * stats.norm.cdf(-10 / 2) < 1e-6 and page.says(10, "as long as its radius", reach=20)
    assert page.says(2.4, "Metropolis does best", reach=30)


@pytest.mark.parametrize("seed", [1, 2])
def test_chapter_03b_has_a_funnel_that_fails_with_other_seeds(seed):
    """What the cell ``funnel-table`` asserts does not depend on the page's seed."""
    pm = pytest.importorskip("pymc")
    pytest.importorskip("nutpie")
    page = Page("03b_hamiltonian")
    code = page.cell("funnel-centred").source
    exec(code, drawn := {"pm": pm, "SEED": seed, "live": False})
    v = drawn["funnel"]["posterior"]["v"]
    assert float((v < -2).mean()) < stats.norm(0, 3).cdf(-2) / 2
    assert float(az.rhat(v)) > 1.01 and float(az.ess(v)) < 400
    assert float(az.bfmi(drawn["funnel"])["energy"].min()) < 0.3


def test_chapter_03b_takes_the_tail_at_5_and_95_percent():
    page = Page("03b_hamiltonian")
    assert 'az.rcParams["stats.ci_prob"] = 0.95' in page.code
    rng = np.random.default_rng(0)
    walk = az.from_dict({"posterior": {"x": np.cumsum(rng.normal(size=(4, 1000)), axis=1)}})["posterior"]["x"]
    with az.rc_context({"stats.ci_prob": 0.95}):
        tail = float(az.ess(walk, method="tail"))
    assert tail == pytest.approx(min(float(az.ess(walk, method="quantile", prob=p)) for p in (0.05, 0.95)))
    assert page.says(5, "The tail ESS is", reach=40) and page.says(95, "The tail ESS is", reach=40)


def test_chapter_04_describes_its_data_and_prior():
    page = Page("04_five_libraries")
    a, b = two_proportions.PATIENTS.values()
    dead_a, dead_b = two_proportions.DEATHS.values()
    entries = {"n_a": a, "n_b": b, "deaths_a": dead_a, "deaths_b": dead_b}
    assert {key: page.entry(key) for key in entries} == entries
    for count in (a, b, dead_a, dead_b):
        assert page.says(count, "were dead")
    assert page.says(round(100 * (dead_a / a - dead_b / b)), "percentage points", reach=10)
    assert page.says(dead_a + dead_b, "deaths fell")
    assert dead_a - 5 == dead_b + 5 and page.near("nothing to see").count(dead_a - 5) == 2
    prior_dead, prior_alive = two_proportions.PRIOR
    for arm in "AB":
        assert page.says(prior_dead, f"p_{arm} &", reach=30) and page.says(prior_alive, f"p_{arm} &", reach=30)
    assert page.says(prior_dead + prior_alive, "seen before", reach=25) and page.says(
        prior_dead, "seen before", reach=25
    )
    large = 2 * stats.beta(*two_proportions.PRIOR).expect(lambda p: stats.beta.sf(p + 0.2, *two_proportions.PRIOR))
    assert page.says(100 * large, "gain or a loss of more than 20", within=0.5, reach=60)
    assert numbers(page.shown("large-effect"))[-1] == pytest.approx(large, abs=0.01)
    p = (np.arange(1000) + 0.5) / 1000
    p_a, p_b = np.meshgrid(p, p)
    density = stats.beta.pdf(p_a, *two_proportions.PRIOR) * stats.beta.pdf(p_b, *two_proportions.PRIOR)
    density *= stats.norm(0, 0.7).pdf(special.logit(p_a) - special.logit(p_b))
    seldom = density[abs(p_a - p_b) > 0.2].sum() / density.sum()
    assert page.says(100 * seldom, "Under it a gain or a loss of more than 20", within=0.5)
    assert numbers(page.shown("large-effect-small"))[-1] == pytest.approx(seldom, abs=0.01)
    firm = 2 * stats.beta(8, 16).expect(lambda p: stats.beta.sf(p + 0.2, 8, 16))
    assert page.says(100 * firm, "a loss or a gain of over 20 points", within=0.5)
    ours = stats.beta.pdf(p_a, *two_proportions.PRIOR) * stats.beta.pdf(p_b, *two_proportions.PRIOR)
    extreme = abs(special.logit(p_a) - special.logit(p_b)) > np.log(4)
    for weight in (density, ours):
        share = 100 * weight[extreme].sum() / weight.sum()
        assert page.says(share, "to an odds ratio below 1/4 or above 4", within=0.5, reach=50)
    patients_in_bed_alone = stats.beta(8 + 14, 16 + 38).mean() - two_proportions.posterior("b").mean()
    assert page.says(round(100 * patients_in_bed_alone), "larger than ours", reach=20)
    for count in (*two_proportions.IMPROVED.values(), a, b):
        assert page.says(count, "considerably improved")
    # the appendix breaks the same model
    for numbers_of in ("data = {.*?}", 'program = """.*?"""', r"two_proportions_tfp = tfd.*?^\)"):
        [here, there] = (
            re.search(f"^{numbers_of}", Page(name).code, re.MULTILINE | re.DOTALL).group()
            for name in ("04_five_libraries", "04b_error_messages")
        )
        assert here == there


def worse_than_zero() -> float:
    """Return the probability that the drug of chapter 4 is no better."""
    return 1 - two_proportions.exceeds(0)


def test_chapter_04_says_at_once_what_the_answer_is():
    page = Page("04_five_libraries")
    low, high = (
        optimize.brentq(lambda gain, p=p: 1 - two_proportions.exceeds(gain) - p, -0.3, 0.6) for p in (0.025, 0.975)
    )
    mean = two_proportions.posterior("a").mean() - two_proportions.posterior("b").mean()
    for value in (mean, low, high):
        assert page.says(round(100 * value), "the answer will be", reach=160)
        assert round(100 * value) in numbers(page.shown("answer"))
    for row in page_values("04")["other_priors"]["value"][1:]:
        for value in row:  # the mean and its interval
            assert page.says(round(100 * value), "With priors that expect smaller effects, it", reach=50)
            assert round(100 * value) in numbers(page.shown("answer"))
    assert page.says(100 * mean, "the mean of the gain must be", within=0.05, reach=30)
    expected = [100 * (1 - better) for better in page_values("04")["other_priors_better"]["value"]]
    said = numbers(page.shown("other-priors-say").partition("rises from")[2])[:2]
    assert said[0] == pytest.approx(expected[0], abs=0.45) and said[1] == pytest.approx(expected[2], abs=1)
    assert 4000 * worse_than_zero() == pytest.approx(20, abs=1) and page.says(20, "show no gain", reach=20)
    worse = worse_than_zero()
    assert page.says(100 * worse, "the drug is worse", within=0.1)
    [upside_down] = numbers(page.shown("upside-down"))
    assert 5 < upside_down / worse < 10  # "several times as probable"


def test_chapter_04_reads_its_density_checks():
    page = Page("04_five_libraries")
    copied, mixed_up = (
        [float(off) for off in re.findall(r"off\s+by\s+([+-][\d.]*\d)", page.shown(name))]
        for name in ("silent-mistake-pymc", "silent-mistake-stan-found")
    )
    whole_term = -(4 * np.log(0.4 / 0.1) + 51 * np.log(0.6 / 0.9))
    assert copied[3] == pytest.approx(whole_term, abs=0.05) and page.says(copied[3], "the change is off by")
    assert page.says(max(map(abs, mixed_up)), "the log density is off by up to", reach=20)
    interchanged = stats.beta(2 + 14, 4 + 55 - 14).mean() - stats.beta(2 + 4, 4 + 52 - 4).mean()
    assert page.says(round(100 * interchanged), "the mean gain is", reach=20)


def test_chapter_04_says_which_mistakes_a_repeat_would_show():
    page = Page("04_five_libraries")
    log_odds = (np.arange(2000) + 0.5) / 2000  # a probability taken for log odds
    chance = special.expit(log_odds)
    weight = stats.beta.pdf(log_odds, 2, 4) * stats.binom.pmf(4, 55, chance)
    weight /= weight.sum()
    assert page.says(55 * weight @ chance, "deaths in arm B, where there were 4", within=0.5)
    assert weight @ stats.binom.cdf(4, 55, chance) < 1e-6, "a grave mistake shows"
    mixed_up = stats.betabinom(55, 2 + 14, 4 + 55 - 14), stats.betabinom(52, 2 + 4, 4 + 52 - 4)
    for repeat, seen in zip(mixed_up, (14, 4), strict=True):
        assert 0.1 < repeat.cdf(seen) < 0.9, "mixed-up arms do not"


def test_chapter_04_s_larger_claim_depends_more_on_the_prior():
    page = Page("04_five_libraries")
    share = (np.arange(1000) + 0.5) / 1000
    p_a, p_b = np.meshgrid(share, share, indexing="ij")
    likelihood = stats.binom.pmf(14, 52, p_a) * stats.binom.pmf(4, 55, p_b)
    ours, firm = (stats.beta.pdf(p_a, *prior) * stats.beta.pdf(p_b, *prior) for prior in ((2, 4), (8, 16)))
    small = ours * stats.norm(0, 0.7).pdf(special.logit(p_a) - special.logit(p_b))
    shown = page.shown("tenpoints-other-priors").splitlines()
    for prior, line in zip((ours, firm, small), shown, strict=True):
        posterior = prior * likelihood
        claim = posterior[p_a - p_b > 0.1].sum() / posterior.sum()
        assert numbers(line)[-1] == pytest.approx(claim, abs=0.06)  # 4.5 errors of 1,050 effective draws, and 0.005
        digits = 0.005 if prior is ours else 0.05
        assert page.says(claim, "with the two that expect smaller effects", within=digits, reach=90)


def test_chapter_04_describes_its_repeats():
    """The bars are of 95%; draws move their ends by a death or so."""
    alt = Page("04_five_libraries").cell("fig-repeat").metadata["mystnb"]["image"]["alt"]
    bars = numbers(re.search(r"95% intervals, (.*?)\. Dashed", alt).group(1))
    for arm, patients, ends in (("a", 52, bars[:2]), ("b", 55, bars[2:])):
        exact = stats.betabinom(patients, *two_proportions.posterior(arm).args).ppf([0.025, 0.975])
        assert ends == pytest.approx(exact, abs=1)


def test_chapter_04_divides_one_by_the_quantiles_of_the_gain():
    """Not the quantiles of one divided by the gain: where the drug does harm these are on the wrong side."""
    shown = Page("04_five_libraries").shown("treat-solution")
    right = [1 / optimize.brentq(lambda g, p=p: two_proportions.exceeds(g) - p, -0.3, 0.6) for p in (0.025, 0.975)]
    assert right == pytest.approx([3.17, 23.4], abs=0.05)
    low, high = numbers(re.search(r"^95% interval (.*)$", shown, re.MULTILINE).group(1))
    error = 4.5 * 0.1847 / np.sqrt(2000)  # of a limit of the gain: its spread, and 2,000 effective draws at least
    assert 1 / low == pytest.approx(1 / right[0], abs=error) and 1 / high == pytest.approx(1 / right[1], abs=error)
    wrong_low, wrong_high = numbers(re.search(r"wrong: (.*)$", shown, re.MULTILINE).group(1))
    assert wrong_low < low and wrong_high < high
    median, less = (
        numbers(re.search(rf"{words}(.*)$", shown, re.MULTILINE).group(1))[0]
        for words in ("^one divided by the median gain: ", "the best case: ")
    )
    assert 0 <= median - less < 0.1  # "hardly"
    page = Page("04_five_libraries")
    assert page.says(round(1 / 0.52, 1), "the numbers needed to treat would run") and page.says(
        1 / -0.05, "infinity to"
    )


def test_chapter_04_s_sceptics_and_small_trial():
    page = Page("04_five_libraries")
    rows = page.table("ecmo-solution")
    ours, firm = (rows[name] for name in ("Beta(2, 4) for both", "firm, a third die: Beta(8, 16) for both"))
    assert ours[1] < 0 < ours[0] and firm[0] < 0.55 * ours[0]  # "halves the gain"
    assert rows["flat for both"][1] > 0  # "leaves zero out"
    records, both = (rows[name] for name in ("earlier records: Beta(8, 2), Beta(2, 4)", "records for both: Beta(8, 2)"))
    assert 0.99 < records[3] < 1, "large and nearly certain"
    after, before = 12 / 20 - 2 / 15, 8 / 10 - 2 / 6
    assert [records[0], records[4]] == pytest.approx([after, before], abs=2e-3)
    for gain, words in ((before, "so it expects a gain of"), (after, "the data leave the gain at")):
        assert page.says(round(100 * gain), words, reach=30)
    better = [stats.beta(8, 2).expect(stats.beta(2, 4).cdf), stats.beta(12, 8).expect(stats.beta(8, 11).cdf)]
    assert [records[5], both[3]] == pytest.approx(better, abs=5e-3)
    assert page.says(better[0], "that ECMO is better; and", within=0.005)
    assert page.says(better[1], "as in the last row", within=0.005) and both[0] == pytest.approx(
        12 / 20 - 8 / 19, abs=2e-3
    )
    assert page.says(round(100 * both[0]), "as in the last row")
    assert page.says(round(ours[1], 2), "If that reached from", reach=30)
    assert page.says(round(ours[2], 2), "If that reached from", reach=30)
    middle, low, high = numbers(page.shown("ecmo-check").splitlines()[0])
    assert 0 < low < 0.05 < middle < high  # "just leaves zero out"
    assert numbers(page.shown("ecmo-check").splitlines()[1])[-1] > 0.05


def test_chapter_04b_shows_a_traceback_with_the_message_that_a_cell_prints():
    page = Page("04b_error_messages")
    [block] = re.findall(r"```text\n(.*?)```", "\n".join(c.source for c in page.notebook.cells), re.DOTALL)
    line, message = (
        re.search(rf"^(?:----> 3)?\s*(.*?)\s*<- {what}$", block, re.MULTILINE).group(1)
        for what in ("your line", "the message")
    )
    [cell] = [c for c in page.notebook.cells if c.cell_type == "code" and line in c.source and "pm." in c.source]
    assert cell.outputs[0]["text"].strip() == message


def test_chapter_04b_compares_the_two_kinds_of_interval():
    page, posterior = Page("04b_error_messages"), two_proportions.posterior("b")
    assert posterior.args == (6, 55) and page.says(55, r"For a Beta\(6,")
    low = optimize.minimize_scalar(
        lambda low: posterior.ppf(posterior.cdf(low) + 0.95) - low, bounds=(0, posterior.ppf(0.049)), method="bounded"
    ).x
    ends = (low, posterior.ppf(posterior.cdf(low) + 0.95), *posterior.ppf([0.025, 0.975]))
    said = page.near("the 95% interval of highest density is", reach=75)
    assert [number for number in said if 0 < number < 0.3] == pytest.approx(ends, abs=5e-4)
    assert az.rcParams["stats.ci_kind"] == "eti" and page.says(100 * az.rcParams["stats.ci_prob"], "equal tails, of")


def test_chapter_04b_translates_old_code():
    """Each is tried: what is ignored, what is gone, and what a replacement does differently."""
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        pm.Normal("old", 0, sd=5, testval=3.0)
        pm.Normal("new", 0, sigma=5, initval=3.0)
    start = model.initial_point()
    assert (start["old"], start["new"]) == (0, 3)
    assert re.findall(r"~ Normal\(0, (\d)\)", model.str_repr()) == ["1", "5"]
    assert not {"MutableData", "ConstantData"} & set(dir(pm)) and "Data" in dir(pm)
    one, other = (az.from_dict({"posterior": {"p": np.full((2, 4), value)}}) for value in (0.0, 1.0))
    with pytest.raises(TypeError, match="hdi_prob"):
        az.summary(one, hdi_prob=0.95)
    one.update(other)
    assert not hasattr(one, "extend") and (one["posterior"]["p"] == 1).all()
    said = "contains missing values and will be automatically imputed"
    assert said in Page("04b_error_messages").prose
    with pytest.warns(pm.exceptions.ImputationWarning, match=said), model:
        pm.Normal("y", 0, 1, observed=[1.0, np.nan, 3.0])


def test_chapter_05_describes_its_prior():
    for end in stats.norm(4, 1.5).interval(0.95):
        assert Page("05_linear_regression").says(end, "kg with", within=0.1)


def test_chapter_05_says_what_its_posterior_says():
    page = Page("05_linear_regression")
    line, adelie = (load_reference(name).parameters for name in ("penguins_line", "penguins_adelie"))
    flipper_mean = sbs.load_penguins()["flipper_length_mm"].mean() / 10
    slope, sigma = line["beta"]["mean"], line["sigma"]["mean"]
    assert page.says(slope, "by a centimetre", within=0.02)
    weightless = line["alpha"]["mean"] - slope * flipper_mean
    assert page.says(-weightless, "without flippers", within=0.5, reach=30)
    # the longer-flippered of two birds, 1 cm apart, is the lighter one
    lighter = stats.norm.cdf(0, slope, sigma * 2**0.5)
    assert page.says(lighter, "lighter one", within=0.03)
    steep = stats.norm.sf(0.5, slope, line["beta"]["sd"])
    assert page.says(steep, "chances", within=0.03)
    over = stats.norm.sf(5, line["alpha"]["mean"] + slope * (21 - flipper_mean), sigma)
    assert page.says(over, "answered zero", within=0.03)
    assert page.says(1 - adelie["beta"]["mean"] / slope, "flatter", within=0.05)
    crossing = (line["alpha"]["mean"] - slope * flipper_mean - adelie["alpha"]["mean"]) / (
        adelie["beta"]["mean"] - slope
    )
    adelie_mean = sbs.load_penguins().query("species == 'Adelie'")["flipper_length_mm"].mean() / 10
    crossing += adelie["beta"]["mean"] * adelie_mean / (adelie["beta"]["mean"] - slope)
    assert 18.5 < crossing < 19.5, "the two lines cross near 19 cm"


def test_chapter_05_says_what_another_prior_would_have_changed():
    page = Page("05_linear_regression")
    ours, first, flat, small = page_values("05")["other_priors"]["value"]
    assert page.says(flat[2][0], "concludes", within=0.2) and page.says(flat[2][1], "concludes", within=0.5)
    assert abs(ours[1][0] - flat[1][0]) < 0.2 * ours[1][1], "with eight birds ours and the flat prior agree"
    assert small[1][0] == pytest.approx(ours[1][0] / 2, rel=0.15), "the stubborn prior halves the slope"
    assert page.says(ours[0][0] - small[0][0], "stubborn prior moves the slope", within=5e-4)
    assert abs(small[0][0] - ours[0][0]) < ours[0][1], "less than one posterior standard deviation"
    for one in (ours, small):
        assert page.says(stats.norm.sf(0.5, *one[0]), "would fall from", within=0.005)
    assert ours[0] == pytest.approx(first[0], abs=5e-4), "with all birds ours and chapter 1's agree"
    for kg_per_cm in Page("01_why_bayes").near(r"slope \(g per mm\) \| Normal", reach=8):
        assert page.says(kg_per_cm / 100, "argued for a slope of", reach=12)
    share = page.table("statements")["a bird with 20 cm flippers is over 4.5 kg"][0]
    assert page.says((share * (1 - share) / 4000) ** 0.5, "has a Monte Carlo error", within=5e-4)
    exact = page_values("05")["statements"]["value"][1]
    assert page.says(exact, "so report", within=5e-4) and numbers(page.shown("statements"))[1] == round(exact, 3)
    assert ours[2][1] == pytest.approx(0.5, abs=0.1), "with two birds our posterior is the prior"
    # sigma unknown: the eight and the two birds by themselves
    birds = sbs.load_penguins().dropna(subset=["flipper_length_mm", "body_mass_g"])
    x = (birds["flipper_length_mm"] - birds["flipper_length_mm"].mean()).to_numpy() / 10
    y, sigma = birds["body_mass_g"].to_numpy() / 1000, np.geomspace(0.01, 5, 1500)
    stubborn = Line(x[::43], y[::43], sigma, (4, 0), (1.5, 0.1)).moments(0, slope=True)
    two = Line(x[[1, 43]], y[[1, 43]], sigma, (0, 0), (100, 100)).moments(0, slope=True)
    for value, within in zip(stubborn, (0.006, 0.006), strict=True):
        assert page.says(value, "the stubborn prior would give", within=within, reach=15), value
    for value in two:
        assert page.says(value, "two birds and .no opinion.", within=0.5, reach=12), value


def _least_squares(birds):
    """Return slope, its standard error, and the residuals (kg) of mass on flipper length (cm)."""
    flipper, y = birds["flipper_length_mm"] / 10, birds["body_mass_g"] / 1000
    fit = stats.linregress(flipper, y)
    return fit.slope, fit.stderr, y - fit.intercept - fit.slope * flipper


def test_chapter_05_says_what_the_birds_are_like():
    page = Page("05_linear_regression")
    birds = sbs.load_penguins().dropna(subset=["flipper_length_mm", "body_mass_g"])
    mass = birds["body_mass_g"] / 1000
    # the simulated flocks: the line with normal errors
    line = {name: entry["mean"] for name, entry in load_reference("penguins_line").parameters.items()}
    centred = (birds["flipper_length_mm"] - birds["flipper_length_mm"].mean()).to_numpy() / 10
    errors = np.random.default_rng(1).normal(0, line["sigma"], size=(4000, len(birds)))
    flocks = line["alpha"] + line["beta"] * centred + errors
    shown = [numbers(text) for text in page.shown("flock-check").splitlines()]
    for text, ask, within in zip(
        shown,
        (
            lambda one: one.min(-1),
            lambda one: ((one >= 4) & (one < 5)).sum(-1),
            lambda one: ((one >= 5.5) & (one < 6)).sum(-1),
        ),
        (0.1, 4, 3),
        strict=True,
    ):
        assert ask(mass.to_numpy()) == pytest.approx(text[-4])
        assert np.quantile(ask(flocks), [0.025, 0.975]) == pytest.approx(text[-3:-1], abs=within)
    # the probabilities of the line beside the birds
    near_20 = birds[(birds["flipper_length_mm"] - 200).abs() <= 2]
    assert page.says(len(near_20), "within 2 mm of 20 cm") and not (near_20["body_mass_g"] > 4500).any()
    over = page_values("05")["statements"]["value"][1] * len(near_20)
    assert page.says(over, "where the model expects", within=0.5)
    short = (birds["flipper_length_mm"] < 185).to_numpy()
    *_, residual = _least_squares(birds)
    assert page.says(short.sum(), "birds with flippers under 18.5 cm")
    assert page.says(residual[short].mean(), "kg above it", within=0.005)
    # the slopes of the species
    for name, own in birds.groupby("species"):
        assert page.says(_least_squares(own)[0], "their own slopes are", within=0.005)
        assert page.says(_least_squares(own)[0], "a centimetre of flipper goes with", within=0.006, reach=80)
        assert page.says(len(own), "occur as in this sample"), name
    within = birds.groupby("species")[["flipper_length_mm", "body_mass_g"]].transform(lambda one: one - one.mean())
    assert page.says(_least_squares(within)[0], "within species the slope is", within=0.005)
    near = birds[(birds["flipper_length_mm"] - 210).abs() <= 2]
    heavy = near.query("body_mass_g > 5000")
    assert page.says(len(near), "2 mm of 21 cm") and page.says(len(heavy), "2 mm of 21 cm")
    assert page.says(100 * len(heavy) / len(near), "2 mm of 21 cm", within=0.5)
    assert set(heavy["species"]) == {"Gentoo"}


def test_chapter_05_says_what_the_adelies_are_like():
    page = Page("05_linear_regression")
    adelie = sbs.load_penguins().query("species == 'Adelie'").dropna(subset=["flipper_length_mm", "body_mass_g"])
    *_, residual = _least_squares(adelie)
    sexes = residual.groupby(adelie["sex"]).agg(["mean", "size"])
    for mean, size in sexes.to_numpy():
        assert page.says(size, "on average 0.26 kg below") and page.says(abs(mean), "kg below it", within=0.005)
    assert page.says(adelie["sex"].isna().sum(), "Adelies of unknown sex", reach=10)
    assert page.says(1.96 * residual.std() / 73**0.5, "such a mean stays within", within=0.01)
    answer = numbers(page.shown("answer"))
    mass = adelie["body_mass_g"] / 1000
    ends = [mass.mean() + sign * 1.96 * mass.std() for sign in (-1, 1)]
    torgersen = residual[(adelie["island"] == "Torgersen") & (adelie["year"] == 2009)].mean()
    places = residual.groupby([adelie["island"], adelie["year"]]).mean()
    assert places.min() == torgersen and len(places) in answer
    for value in (*ends, ends[1] - ends[0], 4 * residual.std(), -torgersen):
        assert min(abs(value - number) for number in answer) <= 0.051, value
    # another island or year: a random intercept for each of the nine, by restricted maximum likelihood
    flipper = adelie["flipper_length_mm"].to_numpy() / 10
    design = np.column_stack([np.ones(len(adelie)), flipper - flipper.mean()])
    code = adelie.groupby(["island", "year"]).ngroup().to_numpy()

    def fitted(log_sds):
        within, between = np.exp(2 * log_sds)
        weight = np.linalg.inv(within * np.eye(len(adelie)) + between * (code[:, None] == code))
        inside = design.T @ weight @ design
        off = mass.to_numpy() - design @ np.linalg.solve(inside, design.T @ weight @ mass)
        likelihood = np.linalg.slogdet(weight)[1] - np.linalg.slogdet(inside)[1] - off @ weight @ off
        return -likelihood, np.linalg.inv(inside)

    best = optimize.minimize(lambda sds: fitted(sds)[0], [-1, -2], method="Nelder-Mead").x
    at = np.array([1, 18 - flipper.mean()])
    another = 1.96 * np.sqrt(at @ fitted(best)[1] @ at + np.exp(2 * best[1]))
    assert another == pytest.approx(0.25, abs=0.03) and "a quarter of a kilogram either way" in page.shown("answer")
    at_18 = page_values("05")["typical_18"]["spread"][0]
    assert page.says(1000 * at_18, "Adelies' own line alone", within=3)


def test_chapter_05_diagnoses_its_line():
    page = Page("05_linear_regression")
    table = page.table("species-check")
    assert max(table["Chinstrap"][-1:]) == 0.0 and page.says(4000, "simulated data sets")
    for group, (*_, low) in table.items():
        assert not 0.025 < low < 0.975, f"{group} is not outside"
    before, after = (numbers(page.shown(name)) for name in ("co2-solution", "co2-repair"))
    assert after[0] / before[0] - 1 == pytest.approx(1 / 50, abs=0.004) and page.says(2, "calendar month the slope")
    _, error, sigma, correlation, factor, wide, season, largest = after
    assert sigma / before[2] == pytest.approx(1 / 3, abs=0.04), "sigma falls to a third"
    for value in (before[3], correlation):
        assert page.says(value, "even a little higher", within=0.001)
    assert factor == pytest.approx(((1 + correlation) / (1 - correlation)) ** 0.5, abs=0.15)
    assert before[6:8] == [round(before[0], 2), round(before[1], 2)], "the posterior slope is that of least squares"
    assert page.says(error, "less certain than least squares") and page.says(wide, "neighbouring errors", within=0)
    assert page.says(season, "through the season alone") and page.says(largest, "largest residual")


def _birds_of_05b():
    """Return chapter 5b's birds (species, male, flipper, y) and their design matrix."""
    table = several_predictors.data()
    design = several_predictors.design(table["species"], table["male"], table["flipper"])
    return table, design


def _slope_and_error(design, y, column=-1):
    """Return a least-squares coefficient and its standard error."""
    best, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    covariance = squares[0] / (len(y) - design.shape[1]) * np.linalg.inv(design.T @ design)
    return best[column], np.sqrt(covariance[column, column])


def test_chapter_05b_says_what_is_true():
    page = Page("05b_several_predictors")
    stored = page_values("05b")
    rows = page.table("other-priors").values()
    for (coefficient, *_), sd in zip(rows, stored["b_mass_sd"]["value"], strict=True):
        assert page.says(coefficient, "coefficient of mass depends on the prior", within=0.06)
        if sd > 0.5:  # ours and the wider one; the draws' own sds are held against these by the page
            assert page.says(coefficient, "report should give both", within=0.06)
            assert page.says(sd, "report should give both", within=0.05)
    assert np.ptp(stored["p_heavy"]["value"]) < 0.1, "though less"
    assert page.says(np.exp(2 * 1.5), "times, up or down", within=0.2)
    assert page.says(np.exp(stored["b_mass"]["value"]), "too narrow for", within=0.2)
    measured = sbs.load_penguins().dropna(subset=["body_mass_g", "flipper_length_mm"])  # chapter 5's birds
    birds = measured.dropna()
    assert page.says(birds["flipper_length_mm"].std(ddof=0), "one standard deviation, 14", within=0.1)
    assert page.says(len(measured) - len(birds), "whose sex is not known")
    assert page.says(np.ptp(birds["body_mass_g"]) / 2000, "about half the range", within=0.25, reach=80)
    assert page.says(np.hypot(1.5, 0.5), "wider for males", within=0.005)
    assert page.says(np.hypot(1.5, 1.5), "the sum has", within=0.03)
    flippers = birds.loc[birds["species"] == "Gentoo", "flipper_length_mm"]
    assert page.says(birds["flipper_length_mm"].mean(), "too short for any Gentoo", within=0.5) and flippers.min() > 201


def test_chapter_05b_s_prior_predicts_what_the_prose_says():
    page = Page("05b_several_predictors")
    _, design = _birds_of_05b()
    prior = several_predictors.PRIOR_SD
    sigma = np.abs(stats.norm.ppf((np.arange(2000) + 0.5) / 4000 + 0.5))  # the half-normal's quantiles
    sd = np.sqrt((design**2 @ prior**2)[:, None] + sigma**2)
    below, above = stats.norm.cdf(0, 4, sd).mean(), stats.norm.sf(10, 4, sd).mean()
    assert page.says(100 * below, "less than nothing", within=0.5) and above < 0.005
    shares = numbers(page.shown("prior-birds"))
    assert shares[1] == pytest.approx(100 * below, abs=1) and shares[-1] < 1


def test_chapter_05b_s_slopes_and_spreads_are_true():
    page = Page("05b_several_predictors")
    birds = sbs.load_penguins().dropna()
    table, design = _birds_of_05b()
    y = table["y"]
    ratio, low, high, as_large = numbers(page.shown("spread-check"))
    assert page.says(100 * (ratio - 1), "more, at the edge", within=1)
    assert as_large == pytest.approx(page_values("05b")["spread"]["value"], abs=0.02)
    residuals = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    male = table["male"] == 1
    assert ratio == pytest.approx(residuals[male].std() / residuals[~male].std(), abs=0.015)
    assert abs(ratio - high) < 0.03 and low < 1, "at the edge of what one sigma allows"
    # bill depth in the model, one slope for each species
    depth = birds["bill_depth_mm"].to_numpy()
    own = np.eye(3)[table["species"]]
    deep = np.column_stack([design, own * (depth - depth.mean())[:, None]])
    for place in (-3, -2, -1):
        for value in _slope_and_error(deep, y, place):
            assert page.says(value, "plot understates it", within=0.006, reach=160)
    alone = birds.assign(residual=residuals).groupby("species")
    for place, (_, own_birds) in enumerate(alone):
        shrunken = np.polyfit(own_birds["bill_depth_mm"], own_birds["residual"], 1)[0]
        assert 0 < shrunken < _slope_and_error(deep, y, place - 3)[0], "rises, and understates it"
    # separate slopes of the flipper
    apart = np.column_stack([own, own * male[:, None], own * table["flipper"][:, None]])
    per_cm = 10 / birds["flipper_length_mm"].std(ddof=0)
    slopes = np.array([_slope_and_error(apart, y, place) for place in (-3, -2, -1)]) * per_cm
    for value in (slopes[:, 0].min(), slopes[:, 0].max(), slopes[:, 1].min(), slopes[:, 1].max()):
        assert page.says(value, "Separate slopes", within=0.006, reach=90)
    for one, other in itertools.combinations(slopes, 2):
        assert abs(one[0] - other[0]) < 1.96 * np.hypot(one[1], other[1]), "no more than their errors allow"
    for row in ("and sex", "and flipper"):
        assert page.says(page.table("fork")[row][0], "second common cause", within=0.006, reach=180)
    for value in page.table("fork")["with species"]:
        assert page.says(value, "by it the slope would vanish", within=0.006, reach=80)


def test_chapter_05b_measures_a_flipper_twice():
    page = Page("05b_several_predictors")
    table, _ = _birds_of_05b()
    rows = page.table("correlated")
    (slope, sd), (_, first), (_, second), (_, mean_sd) = (row[-2:] for row in rows.values())
    for wider in (first, second):
        assert 2 < wider / sd < 3.3 and page.says(2, "as uncertain") and page.says(3, "as uncertain")
    for value, error in (row[-2:] for row in list(rows.values())[1:3]):
        assert abs(value) < 1.96 * error, "neither is clearly different from zero"
    assert mean_sd == pytest.approx(sd, rel=0.05), "as certain as before"
    whole = sbs.load_reference("penguins_several").parameters["slope"]["mean"]
    assert page.says(whole, "that of the whole model", within=0.006) and abs(slope - whole) < 0.05
    # other second measurements
    chosen = (table["species"] == 2) & (table["male"] == 1)
    flipper, y = table["flipper"][chosen], table["y"][chosen]
    mm, rng = sbs.load_penguins().dropna()["flipper_length_mm"].std(ddof=0), np.random.default_rng(8)
    once = _slope_and_error(np.column_stack([np.ones_like(flipper), flipper]), y)[1]
    ratios = []
    for _ in range(200):
        again = flipper + rng.normal(0, 2 / mm, len(flipper))
        both = np.column_stack([np.ones_like(flipper), flipper, again])
        ratios += [_slope_and_error(both, y, place)[1] / once for place in (1, 2)]
    assert 2.3 < np.quantile(ratios, 0.1) and np.quantile(ratios, 0.9) < 3.5, "two to three times"


def test_chapter_05b_s_answer_comes_from_its_programs():
    page = Page("05b_several_predictors")
    answer, stored = page.shown("answer"), page_values("05b")
    found = numbers(answer)
    rows = page.table("contrasts")
    for name, factor, digits in (("total", 1000, 10), ("contrasts", 1000, 10), ("per_cent", 1, 1)):
        for value in np.ravel(stored[name]["value"]):
            assert min(abs(factor * value - number) for number in found) <= 0.9 * digits, (name, value)
    for value in stored["per_cent_apart"]["value"]:
        assert min(abs(value - number) for number in found) <= 0.9, value
    chance = stored["gentoo_leads"]["value"]
    assert min(abs(chance - number) for number in found) < 0.02 and chance < 0.975
    share = np.array(stored["per_cent"]["value"])[:, 0]
    assert share[0] > share[2] > share[1], "Gentoos no longer lead"
    apart, grams = stored["per_cent_apart"], np.array(stored["contrasts"]["value"])[0]
    z = [mean / (high - low) for mean, low, high in (apart["value"], grams)]
    assert z[0] == pytest.approx(z[1], rel=0.1), "as clearly apart as in grams"
    for name, value in (("gain[Adelie]", 0.667), ("gain[Gentoo minus Chinstrap]", 0.393)):
        assert rows[name][0] == pytest.approx(value, abs=0.01), "the table is of the model without the flipper"
    means = sbs.load_penguins().dropna().groupby(["species", "sex"])["body_mass_g"].mean().unstack()
    pulled = (means["male"] - means["female"]).to_numpy() - 1000 * np.array(stored["total"]["value"])[:, 0]
    assert (pulled > 0).all() and page.says(pulled.mean(), "pulled towards zero", within=2)


def test_chapter_05b_s_solutions_state_their_answers():
    page = Page("05b_several_predictors")
    answers = exercises_of("05")
    for name, near, within in (
        ("05-indicator", "coefficient, 0", 0.005),
        ("05-two-birds", "probability is 0", 0.006),
        ("05-odds", "with a median of", 0.5),
    ):
        assert page.says(answers[name].right(), near, within=within), name
    # a sentence that announces a solution must be cut with it
    cells = page.notebook.cells
    asked = [place for place, cell in enumerate(cells) if "answer = ..." in cell.source]
    assert len(asked) == 5
    for place in asked:
        assert "solution" in cells[place + 1].metadata["tags"], cells[place + 1].source


def test_chapter_05b_s_logistic_regression_says_what_is_true():
    page = Page("05b_several_predictors")
    stored = page_values("05b")
    chance, low, high = numbers(page.shown("heavy").partition("=")[2])
    assert page.says(chance, "with an average bill is a male with", within=0.006)
    for end, exact in zip((low, high), stored["heavy"]["value"], strict=True):
        assert end == pytest.approx(exact, abs=0.02)
        assert abs(abs(end - chance) - 0.1) < 0.035, "give or take 0.1"
    assert page.says(0.1, "give or take", within=0)
    extreme = 2 * stats.norm.sf(special.logit(0.95) / 10)
    assert page.says(extreme, "birds in four there", within=0.03)
    assert page.says(2 * stats.norm.sf(special.logit(0.95) / 3), "average bird's probability below", within=0.02)
    assert page.shown("psense").count("conflict") == 1
    table = sbs.load_penguins().dropna().query("species == 'Adelie'")
    columns = [stats.zscore(table[name]) for name in ("body_mass_g", "bill_depth_mm")]
    design = np.column_stack([np.ones(len(table)), *columns])
    wide = 2 * stats.norm.sf(special.logit(0.95) / (1.5 * np.sqrt((design**2).sum(axis=1))))
    shares = [float(line.split()[-1]) for line in page.shown("logistic-prior").splitlines()]
    assert page.says(100 * wide.mean(), "lies there for the Adelies", within=1)
    exact = [2 * stats.norm.sf(special.logit(0.95) / 1.5), wide.mean(), extreme]
    assert shares == pytest.approx(exact, abs=0.015)
    sign = np.where(table["sex"] == "male", 1, -1)
    peak = optimize.minimize(lambda b: np.logaddexp(0, -sign * (design @ b)).sum(), np.zeros(3)).x[1]
    assert page.says(peak, "maximum-likelihood estimate", within=0.05)
    low, high = numbers(page.shown("odds-interval").replace("[", " ").replace("]", " "))[-2:]
    assert page.says(low, "interval reaches from", within=0.5) and high > 80
    without, _, uranium, _, counties, _ = page.table("radon-solution")["basement minus first floor"]
    for difference in (without, uranium, counties):
        assert page.says(difference, "removes little of the confounding|the county itself belongs", reach=120)
    difference, uncorrelated = numbers(page.shown("indicator-sd"))
    for sd in (difference, uncorrelated):
        assert page.says(sd, "is larger than the", within=0.006)


def test_chapter_07_says_what_is_true():
    page, hogg = Page("07_measurement_noise"), sbs.load_hogg().loc[5:]
    assert page.says(len(hogg), "measurements rise") and page.says(hogg["sigma_x"].max(), "their errors are")
    latent = load_reference("both_errors_latent").parameters
    spread, slope = 100 * latent["tau_x"]["mean"], latent["beta"]["mean"]
    for near in ("positions scatter by about", "true positions have a standard deviation of"):
        assert page.says(spread, near, within=0.5)
    assert page.says(slope, "The slope is", within=0.006)
    assert page.says(latent["beta"]["sd"], "The slope is", within=0.006)
    stored = page_values("07")
    for value in (slope, *stored["ruler"]["value"][0][1:]):
        assert page.says(10 * value, "rises by about", within=0.5)
    assert page.says(stored["least_squares"]["value"][0], "Least squares \\(", within=0.006, reach=30)
    assert page.says(stored["york"]["value"][0][0], "and York \\(", within=0.006, reach=30)
    _, reach = numbers(page.shown("fig-largest"))[:2]
    assert page.says(100 - reach, "largest residual as small", within=1, reach=80)
    sets = [values for row, values in page.table("work").items() if "latent" in row or "marginal" in row]
    worth = [values[2] for values in sets if len(values) == 3]
    assert len(worth) == 8 and all(np.array(worth[4:]) > worth[:4]), "a row for each form and library but Pyro"


def test_chapter_07_says_of_other_priors_and_of_the_blunt_ruler_what_is_true():
    """Words for numbers: what is wide, what moves, what ends earlier."""
    stored = {name: np.array(entry["value"]) for name, entry in page_values("07").items()}
    ours, york, others = stored["ruler"], stored["york"], stored["other_priors"]
    assert np.all(np.diff(ours[:, 2] - ours[:, 1]) > 0) and np.all(np.diff(york[:, 2] - york[:, 1]) > 0)
    for found in (ours, york):
        assert np.all((found[:, 1] < ours[0, 0]) & (ours[0, 0] < found[:, 2])), "intervals keep the slope"
    assert np.all(ours[-2:, 2] < york[-2:, 2]), "where the error is large the model's interval ends earlier"
    assert np.max(np.ptp(others[:, :3], axis=0)) < 0.03, "for accurate positions priors hardly matter"
    low, high = np.ptp(others[:, 4:], axis=0)
    assert high > 5 * low, "the upper end moves"
    blunt, se = stored["least_squares"][2:]
    assert blunt + 4 * se < ours[0, 0], "least squares is sure of too flat a line"


def test_chapter_07_s_wrong_mode_has_hardly_any_probability():
    """Exercise 4: chains that get stuck below 0 are wrong, although the density has a maximum there."""
    slope, _, log_p = both_errors.log_posterior(*both_errors._blunt(40), both_errors.SHAPES["page"])
    p = np.exp(log_p - log_p.max()).sum(axis=1)
    below = slope < 0
    assert p[below].sum() / p.sum() < 1e-4
    valley = np.argmin(p[below])
    assert -4 < slope[below][valley] and p[below][0] > 10 * p[below][valley], "it rises again, until the prior ends it"


def test_chapter_07b_says_what_is_true():
    page = Page("07b_detection_limit")
    radon = sbs.load_radon()
    readings = radon.loc[radon["floor"] == 1, "radon_pci_l"].to_numpy()
    assert page.says(len(readings), "a radioactive gas")
    assert page.says(np.sum(readings < 2), "of its rows")
    assert page.says(np.sum(readings >= 2), "numbers alone")
    assert page.says(np.sum(readings == 0), "of the hidden readings are", reach=7)
    assert page.says(np.sum(readings == 2), "of our houses, which have exactly", reach=8)
    assert page.says(np.mean(readings < 4), "are hidden. Fit", within=0.01)
    typical = [row[0] for row in page.table("fillings").values()]
    for end in (min(typical), max(typical)):
        assert page.says(end, "as you like", within=0.05)
    for end in np.exp(stats.norm(1, 1).interval(0.95)):
        assert page.says(end, "typical house between", within=0.06 * end)
    assert page.says(np.e, "one standard deviation above", within=0.05) and page.says(
        np.exp(2), "is improbable", within=0.5
    )


def test_chapter_07b_says_what_its_posteriors_are():
    page, found = Page("07b_detection_limit"), page_values("07b")
    censored, truncated = (load_reference(f"{name}_radon").parameters["mu"]["sd"] for name in ("censored", "truncated"))
    assert 5 < truncated / censored < 6 and page.says(5, "more than")
    everything, left_out, _, half, _, at_2, tied = np.array(found["on_grid"]["value"])
    mean, sd = found["censored"]["value"], found["censored"]["spread"]
    for place in (0, 3):
        assert abs(mean[place] - everything[place]) < sd[place] / 2, "agrees with all readings"
        assert left_out[place] / everything[place] == pytest.approx(2, abs=0.15), "doubles both answers"
    for place in (0, 3):
        assert mean[place + 2] - mean[place + 1] < 1.15 * (everything[place + 2] - everything[place + 1])
        assert found["truncated"]["value"][place + 1] < everything[place] < found["truncated"]["value"][place + 2]
    assert half[0] == pytest.approx(everything[0], abs=0.2), "half the limit comes close"
    assert 0 < at_2[0] - mean[0] < sd[0] / 5 and abs(tied[0] - mean[0]) < (at_2[0] - mean[0]) / 3, "nearly cancel"
    moved = np.array(found["censored_priors"]["value"])
    assert np.max(np.abs(moved - moved[0]) / [sd[0], sd[3]]) < 1 / 5, "no answer moves by a fifth"


def radon_posterior(seen, below, limit, prior=(1, 1), truncated=False):
    """Posterior weights on a grid of the chapter's mu and sigma, written without the chapter's function."""
    mu, sigma = np.meshgrid(np.linspace(-5, 2.5, 751), np.linspace(0.3, 3.5, 321), indexing="ij")
    log_p = stats.norm.logpdf(mu, *prior) + stats.halfnorm.logpdf(sigma)
    log_p += sum(stats.norm.logpdf(one, mu, sigma) for one in seen)
    log_p += below * stats.norm.logcdf(np.log(limit), mu, sigma)
    if truncated:
        log_p -= len(seen) * stats.norm.logsf(np.log(limit), mu, sigma)
    weight = np.exp(log_p - log_p.max())
    return mu, sigma, weight / weight.sum()


def below_the_limit(mu, sigma, limit):
    """Return the geometric mean of lognormal readings below a limit."""
    z = (np.log(limit) - mu) / sigma
    return np.exp(mu - sigma * stats.norm.pdf(z) / stats.norm.cdf(z))


def test_chapter_07b_says_what_sorting_and_the_likelihood_answer():
    page = Page("07b_detection_limit")
    radon = sbs.load_radon()
    readings = np.sort(radon.loc[radon["floor"] == 1, "radon_pci_l"].to_numpy())
    middle = (len(readings) + 1) // 2
    assert page.says(middle, "is the sixth number", reach=20) and middle - np.sum(readings < 2) == 6
    assert page.says(np.median(readings), "is the sixth number", reach=20)
    assert page.says(np.sum(readings >= 4), "is a count", reach=10)
    assert page.says(100 * np.mean(readings >= 4), "is a count", reach=30, within=0.5)
    rank = int(stats.binom.ppf(0.025, len(readings), 0.5))  # order statistics with 95% or nearly
    assert page.says(rank, "where sorting has no numbers") and readings[rank - 1] < 2
    # the interval from the likelihood's curvature is nearly the posterior's
    seen, below = np.log(readings[readings >= 2]), np.sum(readings < 2)
    mu, sigma, weight = radon_posterior(seen, below, 1.95)
    mean, sd = np.sum(weight * mu), np.sqrt(np.sum(weight * mu**2) - np.sum(weight * mu) ** 2)

    def minus_log_likelihood(at):
        return -stats.norm.logpdf(seen, *at).sum() - below * stats.norm.logcdf(np.log(1.95), *at)

    peak = optimize.minimize(minus_log_likelihood, [0.7, 1], tol=1e-8)
    assert np.sqrt(peak.hess_inv[0, 0]) == pytest.approx(sd, rel=0.1) and abs(peak.x[0] - mean) < sd / 5
    assert page.says(np.sum(weight * sigma), "that of all readings", within=0.005)
    positive = readings[readings > 0]
    _, sigma, weight = radon_posterior(np.log(positive), np.sum(readings == 0), 0.05)
    assert page.says(np.sum(weight * sigma), "that of all readings", within=0.005)
    # what the censored model expects of the hidden readings
    for limit, words in ((2, "geometric mean"), (4, "says it as well")):
        seen, below = np.log(readings[readings >= limit]), np.sum(readings < limit)
        mu, sigma, weight = radon_posterior(seen, below, limit - 0.05)
        expected = below_the_limit(np.sum(weight * mu), np.sum(weight * sigma), limit - 0.05)
        assert page.says(expected, words, within=0.05), expected
    # the half step at 4 pCi/L
    mu, sigma, weight = radon_posterior(np.log(readings[readings >= 2]), np.sum(readings < 2), 1.95)
    more = np.sum(weight * (stats.norm.sf(np.log(3.95), mu, sigma) - stats.norm.sf(np.log(4), mu, sigma)))
    assert 0 < more < 0.005 and "less than half a percentage point" in page.prose
    assert page.says(2 * stats.norm.sf(2), "chance in", within=0.001)


def test_chapter_07b_says_what_the_truncated_model_knows():
    page, found = Page("07b_detection_limit"), page_values("07b")
    radon = sbs.load_radon()
    readings = radon.loc[radon["floor"] == 1, "radon_pci_l"].to_numpy()
    seen = np.log(readings[readings >= 2])
    everything, _, *fillings = np.array(found["on_grid"]["value"])[:5]
    censored, truncated = (np.array(found[name]["value"]) for name in ("censored", "truncated"))
    assert 1.05 < (censored[2] - censored[1]) / (everything[2] - everything[1]) < 1.15, "about a tenth wider"
    assert (censored[5] - censored[4]) / (everything[5] - everything[4]) == pytest.approx(1, abs=0.02), "no wider"
    assert page.says(truncated[0], "below the interval of all readings", within=0.05) and truncated[0] < everything[1]
    assert all(row[2] - row[1] < everything[2] - everything[1] for row in fillings), "claims too much"
    mu, _, weight = radon_posterior(seen, 0, 1.95, (0, 1), truncated=True)
    assert page.says(np.sum(weight * np.exp(mu)), "integrated", within=0.005)
    mu, _, weight = radon_posterior(seen, 0, 1.95, (0.73, 0.1), truncated=True)
    sd = load_reference("censored_radon").parameters["mu"]["sd"]
    assert np.sqrt(np.sum(weight * mu**2) - np.sum(weight * mu) ** 2) == pytest.approx(sd, abs=0.01)
    assert page.says(0.1, "worth as much as a prior")

    def best(mu):
        """Return the largest log likelihood at that mu."""
        return -optimize.minimize_scalar(
            lambda sigma: -np.sum(stats.norm.logpdf(seen, mu, sigma) - stats.norm.logsf(np.log(1.95), mu, sigma)),
            bounds=(0.3, 4),
            method="bounded",
        ).fun

    highest = max(best(mu) for mu in np.linspace(0, 0.7, 29))
    assert page.says(np.exp(best(-3) - highest), "of the highest likelihood", within=0.01)


def test_chapter_07b_says_where_the_libraries_tails_end():
    """Far out the plain logarithm of the area is lost, and each library's stable form is not."""
    page = Page("07b_detection_limit")
    assert page.says(stats.norm.logcdf(np.log(1.95), 5, 0.1), "returns −|log_ndtr returns", within=0.5)
    torch = pytest.importorskip("torch")
    for stable in (True, False):
        mu = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
        z = (np.log(1.95) - mu) / 0.1
        (torch.special.log_ndtr(z) if stable else torch.distributions.Normal(0.0, 1.0).cdf(z).log()).backward()
        assert bool(torch.isfinite(mu.grad)) == stable
    pymc, dist = pytest.importorskip("pymc"), pytest.importorskip("numpyro.distributions")
    jax = pytest.importorskip("jax")
    with pymc.Model() as model:
        mu = pymc.Normal("mu", 1, 1)
        pymc.Censored("y", pymc.Normal.dist(mu, 0.1), lower=np.log(1.95), upper=None, observed=[np.log(1.95)])
    assert np.isfinite(model.compile_dlogp()({"mu": 5.0})).all()
    with jax.enable_x64(True):
        censored = [
            jax.grad(lambda z: dist.LeftCensoredDistribution(dist.Normal(z, 1.0), True).log_prob(0.0))(z)
            for z in (36.0, 39.0)
        ]
        assert censored[0] != 0 and censored[1] == 0, "flat with the limit more than 37 standard deviations below"
        floor = dist.LeftCensoredDistribution(dist.Normal(50.0, 1.0), True).log_prob(0.0)
        assert np.exp(floor) == pytest.approx(2e-306, rel=0.15) and "$2\\times10^{-306}$" in page.prose
        truncated = jax.value_and_grad(lambda z: dist.TruncatedNormal(z, 1.0, low=0.0).log_prob(0.1))
        assert np.isfinite(truncated(-37.5)).all() and page.says(38, "density becomes infinite")
        assert np.isinf(truncated(-38.0)[0]) and np.isnan(truncated(-38.0)[1])
    # pm.Censored compares exactly, and has no density below the limit
    limit = np.log(1.95)
    log_p = pymc.logp(pymc.Censored.dist(pymc.Normal.dist(0.7, 1), lower=limit, upper=None), [limit, limit - 1e-12, 0])
    assert np.isfinite(log_p.eval()).tolist() == [True, False, False]


def test_chapter_07c_says_what_is_true():
    page = Page("07c_counts")
    for end in stats.gamma(2, scale=1 / 2).interval(0.95):
        assert page.says(end, "one accident", within=0.03)
    for shape, scale, words in ((2, 1 / 0.5, "Rates differ by between"), (4, 1, "under which rates differ")):
        for phi in stats.gamma(shape, scale=scale).interval(0.95):
            assert page.says(100 * phi**-0.5, words, within=3 * phi**-0.5)
    accidents = load_reference("accident_counts").parameters
    mu, phi = accidents["mu"]["mean"], accidents["phi"]["mean"]
    weight = mu / (mu + phi)
    assert "about a third of the weight" in page.code and abs(weight - 1 / 3) < 0.02
    assert 3 - (phi + 3) / (phi / mu + 1) > 1.5, "three accidents fall by more than half without a cause"
    women = measurement_noise.WOMEN
    assert page.says(women.sum(), "who worked on high-explosive shells")
    assert page.says(4 * women[4] / women[3], "less than for one accident", within=0.005)
    for number in (3 / 5, 2 / 5):
        assert page.says(number, "Check it by the mean|In PyMC and SciPy the same", within=1e-9)
    assert 4 / (phi / mu + 4) == pytest.approx(2 / 3, abs=0.01), "four periods have two thirds of the weight"


def test_chapter_07c_other_priors_change_little():
    values = page_values("07c")
    found, other = np.array(values["expected_next"]["value"])[[0, 3]], np.array(values["other_priors"]["value"])[:, 1:]
    assert np.all(np.abs(other - found) < 0.5 * np.array(values["expected_next"]["spread"])[[0, 3]])


def test_chapter_07c_describes_its_study():
    """The worked example, computed by adding up probabilities of counts instead of simulating women."""
    accidents = load_reference("accident_counts").parameters
    mu, phi = accidents["mu"]["mean"], accidents["phi"]["mean"]
    counts = np.arange(3, 60)
    chance = stats.nbinom(phi, phi / (mu + phi)).pmf(counts)
    fall = 1 - chance @ (phi + counts) / (phi / mu + 1) / (chance @ counts)
    for row in Page("07c_counts").table("measure").values():
        no_effect, _, real, difference, *_ = row
        assert no_effect == pytest.approx(fall, abs=0.02) and 0.5 < fall
        assert real == pytest.approx(1 - 2 / 3 * (1 - fall), abs=0.02)
        assert difference == pytest.approx((1 - fall) / 3, abs=0.02)
    one, ten = Page("07c_counts").table("measure").values()
    assert one[4] > one[3] and one[5] == pytest.approx(1 / 6, abs=0.04) and ten[5] > 0.7


def test_chapter_08_describes_its_prior():
    for end in np.exp(stats.norm(1, 1).interval(0.95)):
        assert Page("08_hierarchical_regression").says(end, "ordinary county", within=0.05 * end)


def test_chapter_08_says_what_the_survey_says():
    page = Page("08_hierarchical_regression")
    houses = radon_grid.data()
    counts = np.bincount(houses.county)
    readings = np.unique(np.exp(houses.y))
    assert page.says(readings[0], "these three", within=1e-6)
    own = np.linalg.lstsq(np.column_stack([np.eye(85)[houses.county], houses.floor]), houses.y)[0]
    pooled = np.linalg.lstsq(np.column_stack([np.ones_like(houses.y), houses.floor]), houses.y)[0]
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    assert 4.6 < np.exp(own[here]) / 4 < 5 and page.says(np.exp(own[here]) / 4, "times the limit", within=0.4)
    assert 3.6 < np.exp(pooled[0]) < 4, "just below the limit"
    lower = load_radon().query("county == 'Lac qui Parle' and floor == 1")["radon_pci_l"].item()
    assert page.says(lower / np.exp(own[-1]), "corresponds to", within=0.5)
    counts, average = np.bincount(houses.county), np.bincount(houses.county, houses.y) / np.bincount(houses.county)
    within = np.sqrt(np.sum((houses.y - average[houses.county]) ** 2) / (len(houses.y) - 85))
    outside = np.abs(average - houses.y.mean()) > 1.96 * within / np.sqrt(counts)
    assert page.says(outside.sum(), "outside the grey band", reach=30)
    assert page.says(85 / 20, "would put about", within=0.5, reach=10), "what chance alone puts outside of 95%"
    order = np.argsort(average)
    for count in (4, counts[order[-4:]].min(), counts[order[-4:]].max()):
        assert page.says(count, "highest rest on", reach=20)
    for count in (10, counts[order[:10]].max()):
        assert page.says(count, "lowest on more than", reach=15)
    uranium = np.column_stack([np.ones_like(houses.y), houses.floor, houses.u[houses.county]])
    apart = np.column_stack([np.eye(85)[houses.county], houses.floor])
    squares, left = (np.linalg.lstsq(design, houses.y)[1][0] for design in (uranium, apart))
    p = stats.f.sf((squares - left) / 83 / (left / (919 - 86)), 83, 919 - 86)
    assert page.says(p, "which an F test rejects", within=0.0005, reach=15)


def test_chapter_08_says_what_its_posterior_says():
    page = Page("08_hierarchical_regression")
    posterior = load_reference("radon_intercepts").parameters
    with_uranium, without = posterior["sigma_alpha"]["mean"], exercises_of("08")["08-no-uranium"].right()
    assert page.says(without / with_uranium, "with uranium", within=0.2)
    assert page.says(1 - (with_uranium / without) ** 2, "uranium explains", within=0.04)
    assert page.says(without, "textbook's value", within=0.01)
    spread = posterior["sigma_y"]["mean"]
    assert stats.norm.cdf(np.log(2) / spread) * 2 - 1 == pytest.approx(2 / 3, abs=0.035)
    for number in (2 / 3, 2):
        assert page.says(number, "of the houses lie within a factor", reach=12)
    assert page.says(np.exp(1.96 * spread), "95% within a factor of", within=0.06, reach=8)
    edges = np.linspace(0, 0.6, 601)
    height = np.cumsum([_height(radon_grid.data(), value) for value in (edges[1:] + edges[:-1]) / 2])
    for end in np.interp([0.025, 0.975], height / height[-1], edges[1:]):
        assert page.says(end, "anything from", within=0.005, reach=30)
        assert page.says(100 * (1 - (end / without) ** 2), "anything from", within=0.6, reach=20)
    assert page.says(2 ** posterior["gamma_1"]["mean"], "times the radon", within=0.06)
    for name in ("gamma_0", "gamma_1", "beta", "sigma_alpha", "sigma_y"):  # the textbook's, to what it printed
        assert page.says(posterior[name]["mean"], "The textbook has", within=0.0151, reach=45)
    summary = page.table("intercepts-summary")
    for row in ("eti95_lb", "eti95_ub"):
        assert page.says(summary[row][3], "95% interval reaches", within=0.006, reach=30)
    assert max(summary["r_hat"]) <= 1.01 and min(summary["ess_bulk"] + summary["ess_tail"]) > 400
    weight = 100 * exercises_of("08")["08-weight"].right()
    assert page.says(weight, "on two houses", within=0.5)


def test_second_part_of_chapter_08_says_what_its_data_say():
    page = Page("08b_varying_slopes")
    houses = radon_grid.data()
    assert page.says(houses.floor.mean(), "house in", within=0.01)
    counts, upstairs = np.bincount(houses.county), np.bincount(houses.county, houses.floor)
    mixed = np.flatnonzero((upstairs > 0) & (upstairs < counts))
    lines = [np.polyfit(houses.floor[houses.county == j], houses.y[houses.county == j], 1) for j in mixed]
    assert np.corrcoef(np.transpose(lines))[0, 1] < -0.3, "clearly negative"
    same, vary = (load_reference(name).parameters for name in ("radon_intercepts", "radon_slopes"))
    level, step = ({kind: values[row] for kind, values in vary["coefficients"].items()} for row in (0, 1))
    names = sorted(set(load_radon()["county"]))
    here = names.index("Lac qui Parle")
    difference = abs(level["mean"][here] - same["alpha"]["mean"][here])
    assert difference < 0.5 * same["alpha"]["sd"][here], "hardly a difference"
    highest = mixed[np.argmax(step["mean"][mixed])]
    shown = page.table("steps")
    for found, moment in zip(shown[f"step in {names[highest]} County"], ("mean", "sd"), strict=False):
        assert found == pytest.approx(step[moment][highest], abs=0.03)
    steps = stats.norm(step["mean"][mixed], step["sd"][mixed])
    assert shown["counties with more radon upstairs"][0] == pytest.approx(steps.sf(0).sum(), abs=0.6)
    priors = page.table("other-priors")
    ours, narrow, *_ = (row[0] for row in priors.values())
    assert narrow < ours - 0.05, "brings its mean down"
    assert np.ptp([row[-1] for row in priors.values()]) < 0.15, "hardly moves"
    numbers_of = sum(np.size(values["mean"]) for values in vary.values())
    assert page.says(numbers_of, "a mean and a standard deviation of each")
    assert page.says(10 * numbers_of, "comparisons")
    assert page.says(round(10 * numbers_of * 2 * stats.norm.sf(3)), "by chance", reach=25)


def test_the_simulated_survey_of_chapter_08b_is_the_reference_s():
    page, found = Page("08b_varying_slopes"), load_reference("three_effects").parameters
    source = page.cell("simulated-survey").source
    for said in ("1.3, -0.6, 0.3", "0.4, 0.4, 0.3", "[[1, -0.5, 0.3], [-0.5, 1, 0], [0.3, 0, 1]]"):
        assert said in source
    true_sd, true_rho = np.array([0.4, 0.4, 0.3]), np.array([-0.5, 0.3, 0])
    for name, true in (("sigma", true_sd), ("rho", true_rho)):
        assert np.all(np.abs(found[name]["mean"] - true) < 1.96 * found[name]["sd"]), "within the intervals"
    assert page.says(found["sigma"]["sd"].mean(), "standard deviations are known", within=0.005)
    assert page.says(found["rho"]["sd"].mean(), "correlations are still known", within=0.03)
    assert np.all(found["sigma"]["mean"] > 4 * found["sigma"]["sd"]), "none can be near zero"


def _integrate_steps(groups, axis_points: int) -> dict:
    """Integrate chapter 8b's model on a grid: its evidence, its posterior, and counties' scores, split by floor."""
    effects, low = groups.Z.shape[1], groups.X[:, 2] == 0
    basements = varying_effects.Groups(*(part[low] for part in vars(groups).values()))
    axes = {}
    for name, (start, end) in radon_grid.BOXES[("radon_intercepts", "radon_slopes")[effects - 1]].items():
        parts = []
        for low_end, high_end in pairwise((start, -0.6, end) if name == "rho" else (start, end)):
            node, share = np.polynomial.legendre.leggauss(axis_points)
            half = (high_end - low_end) / 2
            parts.append((low_end + (node + 1) * half, np.log(share * half)))
        axes[name] = np.concatenate(parts, axis=1)
    values, shares = (np.meshgrid(*(axis[row] for axis in axes.values()), indexing="ij") for row in (0, 1))
    grid = {name: part.ravel() for name, part in zip(axes, values, strict=True)}
    log_weight = sum(part.ravel() for part in shares)
    for name, part in grid.items():
        log_weight = log_weight + (np.log(0.75 * (1 - part**2)) if name == "rho" else stats.halfnorm.logpdf(part))
    scales = np.stack([grid["sigma_alpha"], grid.get("sigma_beta", grid["sigma_alpha"])][:effects], axis=-1)
    covariance = scales[:, :, None] * scales[:, None, :]
    if effects == 2:
        covariance[:, 0, 1] *= grid["rho"]
        covariance[:, 1, 0] *= grid["rho"]
    found = {"all": [], "without": [], "basements": []}
    for start in range(0, len(log_weight), 1_000):
        block = slice(start, start + 1_000)
        whole, floor = (
            varying_effects.Marginal(g, covariance[block], grid["sigma_y"][block]) for g in (groups, basements)
        )
        names = ("precisions", "shifts", "constants")
        parts = [getattr(whole, name).sum(1, keepdims=True) - getattr(whole, name) for name in names]
        found["all"].append(log_weight[block] + whole.log_likelihood())
        found["without"].append(log_weight[block, None] + whole.log_likelihood_without())
        with_floor = [part + getattr(floor, name) for part, name in zip(parts, names, strict=True)]
        found["basements"].append(log_weight[block, None] + whole._log_likelihood(*with_floor))
    found = {name: np.concatenate(parts) for name, parts in found.items()}
    evidence, without, basements = (special.logsumexp(part, axis=0) for part in found.values())
    scores = {"elpd": evidence - without, "basements": basements - without, "floors": evidence - basements}
    return grid | scores | {"evidence": evidence, "weight": np.exp(found["all"] - evidence)}


def test_chapter_08b_says_where_the_difference_comes_from():
    page, groups = Page("08b_varying_slopes"), varying_effects.radon(2)
    one, two = _integrate_steps(varying_effects.radon(1), 40), _integrate_steps(groups, 11)
    assert page.says(np.exp(two["evidence"] - one["evidence"]), "Bayes factor", within=0.1)
    assert page.says(two["weight"][two["rho"] < -0.6].sum(), "strongly negative", within=0.005, reach=140)
    assert page.says(stats.beta.cdf(0.2, 2, 2), "strongly negative", within=0.005, reach=140)
    for name in ("basements", "floors"):
        gain = two[name] - one[name]
        near = {"basements": "basements contributes", "floors": "given the basements"}[name]
        assert page.says(gain.sum(), near, within=0.1, reach=30)
        assert page.says(np.sqrt(len(gain)) * gain.std(ddof=1), near, within=0.06, reach=30)
    gain = two["elpd"] - one["elpd"]
    names, counts = sorted(set(load_radon()["county"])), np.bincount(groups.group)
    most, least = np.argmax(gain), np.argmin(gain)
    assert (names[most], names[least]) == ("Winona", "St. Louis") and least == np.argmax(counts)
    assert abs(gain[most] + gain[least]) < 0.1 and abs(gain.sum() - gain[most]) < 0.2, "nothing is left"
    assert page.says(counts.max(), "houses", reach=20) and counts.min() == 1
    for elpd in page_values("08b")["elpd"]["value"]:
        assert page.says(elpd, "really left out", within=0.0501)
    zero = load_radon()["radon_pci_l"].to_numpy() == 0
    assert zero.sum() == 3 and np.all(groups.X[zero, 2] == 1), "three readings, all on first floors"
    other = varying_effects.Groups(groups.X, groups.Z, groups.group, np.where(zero, np.log(0.05), groups.y))
    less = varying_effects.Groups(*(part[~zero] for part in vars(groups).values()))
    for changed in (other, less):
        found = _integrate_steps(changed, 9)
        assert page.says(found["weight"] @ found["sigma_beta"], "zeros matter", within=0.01, reach=120)


def test_chapter_08b_says_what_one_step_for_all_would_show():
    page, houses = Page("08b_varying_slopes"), radon_grid.data()
    same, vary = (load_reference(name).parameters for name in ("radon_intercepts", "radon_slopes"))
    mean = {name: np.array(values["mean"]) for name, values in same.items()}
    first, counts = np.bincount(houses.county, houses.floor), np.bincount(houses.county)
    mixed = (first > 0) & (first < counts)
    fewer = np.minimum(first, counts - first)[mixed]

    def own(y):
        upper = np.bincount(houses.county, y * houses.floor)[mixed] / first[mixed]
        lower = np.bincount(houses.county, y * (1 - houses.floor))[mixed] / (counts - first)[mixed]
        return lower, upper - lower

    step = own(houses.y)[1]
    for end in (step[fewer <= 4].min(), step[fewer <= 4].max(), step[fewer > 4].min(), step[fewer > 4].max()):
        assert page.says(end, "four houses or fewer", within=0.0501, reach=110)
    assert np.sum(fewer > 4) == 4
    rng, found = np.random.default_rng(1), []
    for _ in range(400):
        level = mean["gamma_0"] + mean["gamma_1"] * houses.u + mean["sigma_alpha"] * rng.normal(size=len(houses.u))
        lower, step = own(rng.normal(level[houses.county] + mean["beta"] * houses.floor, mean["sigma_y"]))
        found.append([np.corrcoef(lower, step)[0, 1], np.sum(step > 0)])
    correlation, upstairs = np.mean(found, axis=0)
    assert page.says(correlation, "on average, and", within=0.05) and page.says(upstairs, "on average, and", within=0.6)
    own_level, own_step = np.array(vary["coefficients"]["mean"])
    change = np.expm1(np.abs(own_level - mean["alpha"]))
    assert page.says(100 * change.max(), "expected level change", within=0.5)
    winona = sorted(set(load_radon()["county"])).index("Winona")
    ratio = np.exp(own_level + own_step - mean["alpha"] - mean["beta"])[winona]
    assert page.says(1 - ratio, "in Winona County by", within=0.02, reach=15)


def test_chapter_08b_reads_its_tables():
    page = Page("08b_varying_slopes")
    summary = page.table("slopes-summary")
    assert max(summary["r_hat"]) <= 1.004 and min(summary["ess_tail"] + summary["ess_bulk"]) == summary["ess_tail"][4]
    assert page.says(summary["ess_tail"][4], "smallest effective sample size")
    assert all(line.split()[-1] == "0" for line in page.shown("slopes-sampling").splitlines()[2:]), "none diverged"
    assert page.shown("compare-models").count("1 k̂ > 0.70") == 2 and "N < 100" in page.shown("compare-models")
    rows = page.table("three-table")
    for name, (true, _, _, low, high) in rows.items():
        assert low < true < high and (low < 0 < high) == name.startswith("rho"), name
    assert page.says(0.75 * np.sqrt(2 / 8), "own step,", within=0.01)
    assert page.says(np.mean([(1 - r**2) / np.sqrt(59) for r in (-0.5, 0.3, 0)]), "sample of", within=0.02)
    assert page.says(page_values("08b")["other_rho"]["value"][3], "the exact one", within=0.006)
    lines = page.shown("soil-solution").splitlines()
    for found in numbers(lines[0]):
        assert page.says(abs(found), "is about −0.4", within=0.05) or page.says(found, "is about −0.4", within=0.05)
    fall, sd = (
        numbers(lines[2])[-1] - numbers(lines[1])[-1],
        load_reference("radon_slopes").parameters["sigma"]["sd"][1],
    )
    assert 0 < fall < 0.5 * sd and page.says(sd, "own uncertainty", within=0.005)


def test_chapter_09_says_what_its_cells_found():
    page = Page("09_generalisation")
    p_loo = float(re.search(r"p_loo\s+([\d.]+)", page.shown("loo")).group(1))
    assert page.says(round(p_loo), "here about", reach=10) and page.says(70, "though the model has", reach=10)
    estimated = page.table("promises")
    pooled = estimated["pooled"]
    assert estimated["no pooling"][0] < pooled[0], "by houses no pooling beats pooled"
    assert estimated["no pooling"][1] == max(row[1] for row in estimated.values()), "the worst of all"
    for name in ("hierarchical", "boosting"):
        assert abs(estimated[name][1] - pooled[1]) < 0.01, "about as good as pooled"
        assert abs(estimated[name][0] - estimated["hierarchical + uranium"][0]) < 0.02, "close to the models that did"
    kept = page.table("scores")
    for name, (by_houses, by_counties, test) in kept.items():
        assert (test < min(by_houses, by_counties)) == (name != "no pooling"), "all models but no pooling"
    best = sorted(kept, key=lambda name: kept[name][1])[:2]
    assert set(best) == {"pooled + uranium", "hierarchical + uranium"}, "the two models with uranium lead"
    expected = page.table("errors-expected")
    assert all(abs(a - b) < 0.025 and abs(c - d) < 0.025 for a, b, c, d in expected.values()), "they agree"
    by_prior = page.table("other-priors")
    for end in (1, 2):
        assert np.ptp([row[end] for row in by_prior.values()]) < 0.2, "the answer hardly changes"


def test_chapter_09_reads_its_comparisons():
    page = Page("09_generalisation")
    shown = page.shown("compare-houses")
    order = [line.split("  ")[0].strip() for line in shown.splitlines()[1:6]]
    assert order == ["hierarchical + uranium", "pooled + uranium", "hierarchical", "no pooling", "pooled"]
    factors = page.table("bayes-factor")
    narrow, _, wide = (row[0] for row in factors.values())
    assert page.says(5, "nearly five to one", reach=5) and 4 < narrow < 5
    assert page.says(8, "eight to one", reach=5) and 1 / wide == pytest.approx(8, abs=1)
    assert np.ptp([row[1] for row in factors.values()]) < 0.03, "the posterior hardly changes"
    lines = [numbers(line) for line in page.shown("moment-match").splitlines()[1:]]
    matched = {int(row[0]): row[1:] for row in lines}  # by the point's number
    _, psis, _, _, exact = matched[4]
    assert page.says(psis, "log score of about", within=3, reach=30)
    assert abs(psis - exact) > 8 and all(abs(row[2] - row[4]) < 0.5 for row in matched.values()), "off by ten"
    for *_, k_hat, psis, again in page.table("reloo").values():
        assert k_hat < 0.95 and abs(psis - again) < 0.25, "off by little"
    weights, fits, largest, _ = page.shown("kfold").splitlines()
    weights, fits = numbers(weights)[-1], numbers(fits)[-1]
    assert abs(weights - fits) < 0.25, "they agree within a few tenths"
    assert largest.startswith("St. Louis") and abs(np.subtract(*numbers(largest)[-2:])) < 0.35
    [bad] = re.findall(r"(\d+) k̂ > 0.70", shown)
    assert bad == "4" and "For four houses of" in page.prose
    four = page.shown("reloo").splitlines()[1:]
    low = [line for line in four if numbers(line)[-1] < -9]
    assert len(four) == 4 and len(low) == 3 and "Three have 0.1" in page.prose, "three of four are the lowest"
    assert all(4 <= numbers(line)[1] <= 6 for line in low), "in counties of four to six houses"
    inside = page.table("inside-90")
    assert inside["pooled"][0] < inside["pooled + uranium"][0] < 58 <= inside["hierarchical"][0] + 1
    assert inside["pooled"][1] < 0.05 < inside["pooled + uranium"][1], "too few; within what luck does"


def test_chapter_09_on_counties_and_widths():
    from sidebyside.exercises import chapter_09
    from sidebyside.radon_grid import PUT_AWAY, SEED, split

    page = Page("09_generalisation")
    survey, test = split()
    assert page.set_to("SEED") == SEED and f"{PUT_AWAY}, replace=False" in page.code
    assert page.says(len(survey.y) - 1, "posterior of the other", reach=10)
    assert page.says(np.bincount(survey.county).max(), "For St. Louis")
    assert page.says(len(survey.y), "houses, .{3,12} is largest")
    low = np.exp(survey.y) < 0.11
    assert low.sum() == 4 and page.says(0.1, "The four lowest have", reach=10)
    assert not np.any(np.exp(test.y) < 0.11), "all of them in the survey"
    radon = load_radon()
    zeros = radon[radon["radon_pci_l"] == 0]
    assert page.says(3, "were measured as zero") and len(zeros) >= 3
    assert zeros["county"].isin(["Carver", "Cottonwood", "Faribault"]).sum() == 2, "two of them by our stand-in"
    truth = load_reference("radon_training").parameters
    for name, near in (("sigma_alpha", "differ little"), ("sigma_y", "differ much")):
        assert page.says(truth[name]["mean"], near, within=0.006, reach=40)
    pooled, hierarchical = chapter_09._widths()
    assert page.says(hierarchical / pooled - 1, "about averages", within=0.1)
    pooled, hierarchical = chapter_09._widths(100)
    assert page.says(hierarchical / pooled, "they would differ", within=0.6) and hierarchical < 4 * pooled


def test_chapter_09_on_the_errors_of_new_counties(monkeypatch):
    """Without the lowest houses, with another centre of the prior, and inside the intervals: all in closed form."""
    from make_references import generalisation

    page, (survey, test) = Page("09_generalisation"), radon_grid.split()

    def rmse(predicted, houses, kept):
        return np.sqrt(np.mean((predicted - houses.y)[kept] ** 2))

    every, kept = np.full(len(survey.y), True), np.exp(survey.y) > 0.11
    uranium, pooled = (generalisation.scores(name) for name in ("hierarchical + uranium", "pooled"))
    without = uranium["counties"][1]
    assert page.says(rmse(without, survey, every), "without them the", within=0.006, reach=5)
    assert page.says(rmse(without, survey, kept), "uranium. would be", within=0.006, reach=8)
    start = radon_grid.PRIOR_MEAN.copy()
    start[0] = 1.3
    monkeypatch.setattr(radon_grid, "PRIOR_MEAN", start)
    moved = rmse(generalisation.scores("no pooling")["counties"][1], survey, every)
    assert page.says(1.3, "depends on its prior alone. Around", reach=5)
    assert page.says(moved, "RMSE with counties left out would be", within=0.006, reach=8)
    assert moved < rmse(pooled["counties"][1], survey, every), "no worse than the pooled model's"
    answer = page.shown_with("inside their 90% intervals")
    off = test.y - uranium["test"]
    found, error, factor = re.search(r"was ([\d.]+) ± ([\d.]+) in .*? a factor of ([\d.]+)\.", answer).groups()
    assert float(found) == pytest.approx(np.sqrt(np.mean(off**2)), abs=0.006)
    assert float(factor) == pytest.approx(np.exp(np.sqrt(np.mean(off**2))), abs=0.06)
    squares, houses = np.bincount(test.county, off**2), np.bincount(test.county)
    squares, houses = squares[houses > 0], houses[houses > 0]
    again = np.random.default_rng(1).integers(len(houses), size=(4000, len(houses)))
    spread = np.std(np.sqrt(squares[again].sum(axis=1) / houses[again].sum(axis=1)))
    assert float(error) == pytest.approx(spread, abs=0.006)
    truth = load_reference("radon_training").parameters
    sd = np.hypot(truth["sigma_y"]["mean"], truth["sigma_alpha"]["mean"])
    inside = np.mean(np.abs(off) < stats.norm.isf(0.05) * sd)
    assert float(re.search(r"There (\d+)% of the houses", answer).group(1)) == pytest.approx(100 * inside, abs=1.5)


def test_chapter_09_s_priors_say_what_they_say():
    page = Page("09_generalisation")
    assert page.says(np.exp(1), "pCi/L, within a factor", within=0.05, reach=15)
    assert page.says(np.exp(1.96), "within a factor of", within=0.2, reach=5)


def test_chapter_09_s_closed_form_leaves_out_what_it_says():
    """The stored score of a house left out, against a fit to the other houses by chapter 11's own integration."""
    from make_references import generalisation

    houses, _ = radon_grid.split()
    found = generalisation.scores("pooled + uranium")
    columns = generalisation._columns(houses)
    for out in (0, 300):
        seen = np.arange(len(houses.y)) != out
        densities, weights = [], []
        for sigma in generalisation.SCATTERS:
            precision = np.eye(3) + columns[seen].T @ columns[seen] / sigma**2
            mean = np.linalg.solve(precision, radon_grid.PRIOR_MEAN + columns[seen].T @ houses.y[seen] / sigma**2)
            sd = np.sqrt(sigma**2 + columns[out] @ np.linalg.solve(precision, columns[out]))
            densities.append(stats.norm.pdf(houses.y[out], columns[out] @ mean, sd))
            at_mean = stats.norm.logpdf(houses.y[seen], columns[seen] @ mean, sigma).sum()
            at_mean += stats.norm.logpdf(mean, radon_grid.PRIOR_MEAN, 1).sum()
            weights.append(at_mean - np.linalg.slogdet(precision)[1] / 2 + stats.halfnorm.logpdf(sigma))
        weights = np.exp(np.array(weights) - max(weights))
        assert found["houses"][0][out] == pytest.approx(np.log(weights @ densities / weights.sum()), abs=1e-6)


def test_chapter_09b_says_what_its_cells_found():
    page = Page("09b_time_order")
    loo, lfo = page.table("compare-loo"), page.table("lfo")
    assert "curve" in page.shown("compare-loo").splitlines()[1], "the curve is slightly better by leave-one-out"
    assert loo
    assert page.says(lfo["curve"][0] - lfo["growth"][0], "the curve was ahead by", within=0.4, reach=8)
    assert page.says(lfo["growth"][1] - lfo["curve"][1], "and is behind by", within=0.4, reach=8)
    assert page.says(lfo["curve"][0] - lfo["curve"][1], "The curve loses about", within=0.8, reach=10)
    assert abs(lfo["growth"][0] - lfo["growth"][1]) < 1.2, "nearly what it scored by leave-one-out"
    assert lfo["growth"][3] == 1 and lfo["curve"][3] == 2, "one fit and two"
    rows = page.table("forecasts")
    starts = ("1967", "1972", "1977", "1982")
    assert [rows[start][3] for start in starts] == [10, 10, 10, 5], "ten of ten three times, then five"
    assert page.says(sum(rows[start][0] for start in starts), "The growth model's bands held", reach=8)
    assert page.says(rows["1992"][0], "The growth model's band holds only", within=1e-9, reach=10)
    last = time_order.data("curve", np.arange(1960, 1982))
    assert len(last[0]) == 22 and 2.5 < rows["1982"][4] / rows["1982"][5] < 3.2, "nearly three"
    growth, curve = rows["1992"][1], rows["1992"][4]
    assert page.says(growth, "growth model was off by", within=0.2, reach=10) and 5.4 < curve < 6
    (mean, _), spread = time_order.level_ahead("growth"), page_values("09b")["level_2001_sd"]["value"]
    assert growth / spread[0] < 2 and curve / spread[1] > 8, "less than two; more than eight"
    came = time_order.level()[1][-1]
    assert "below the interval" in page.shown("answer") and came < mean - 1.645 * spread[0], "outside the interval"
    as_low = float(re.search(r"a probability of (\d+)%", page.shown("answer")).group(1))
    assert as_low == pytest.approx(100 * stats.norm.cdf(came, mean, spread[0]), abs=1)
    assert page.says(1.2, "Growth was about", reach=10) and page.says(0.3, "and rose by", reach=10)
    b = load_reference("co2_growth").parameters["b"]["mean"]
    assert b == pytest.approx([1.2, 0.3], abs=0.05)
    by_prior = page.table("other-priors")
    medians = [row[1] for row in by_prior.values()]
    assert page.says(medians[0] - medians[1], "forecast for 2001 by", within=0.3, reach=15)
    assert abs(medians[0] - medians[2]) < 0.2, "a wider one changes nothing"


def _co2_posterior(model, years, size=40_000, seed=3):
    """Draw the coefficients and sigma of a model of carbon dioxide from a grid, without a sampler."""
    rng = np.random.default_rng(seed)
    log_weight = time_order.log_evidence(model, years)
    which = rng.choice(len(log_weight), size, p=np.exp(log_weight - special.logsumexp(log_weight)))
    b = np.empty((size, 2 + (model == "curve")))
    for place in np.unique(which):
        mean, covariance, _ = time_order._given(time_order.SIGMA[place], model, years)
        b[which == place] = rng.multivariate_normal(mean, covariance, size=np.sum(which == place))
    return b, time_order.SIGMA[which], rng


def test_chapter_09b_s_check_of_residuals():
    """The share of simulated data sets whose residuals are as correlated, each draw from its own line."""
    page, years = Page("09b_time_order"), np.arange(time_order.FIRST, time_order.LAST + 1)

    def lag_1(off):
        return np.sum(off[:, 1:] * off[:, :-1], axis=1) / np.sum(off**2, axis=1)

    shares = {}
    for model in ("growth", "curve"):
        b, sigma, rng = _co2_posterior(model, years)
        offset, columns, _, _, levels = time_order.data(model, years)
        measured = lag_1(levels - offset - b @ columns.T)
        simulated = lag_1(sigma[:, None] * rng.normal(size=(len(sigma), len(years))))
        shares[model] = np.mean(simulated >= measured)
        shown = re.search(rf"{model}: measured (-?[\d.]+), .* in ([\d.]+)%", page.shown("autocorrelation")).groups()
        assert float(shown[0]) == pytest.approx(measured.mean(), abs=0.02)
        assert float(shown[1]) == pytest.approx(100 * shares[model], abs=4 * 100 * np.sqrt(shares[model] / 4000))
    assert page.says(1 / shares["curve"], "only one simulated data set in", within=4, reach=10)
    assert 0.3 < shares["growth"] < 0.7, "the growth model passes"


def test_chapter_09b_s_scores_of_the_tenth_level():
    """Against averages over draws from the grid, where these reach far enough."""
    page = Page("09b_time_order")
    for start, scores in page.table("decade-scores").items():
        seen, ahead = np.arange(time_order.FIRST, int(start)), np.arange(int(start), int(start) + 10)
        known, levels = time_order.level()
        for model, score in zip(("growth", "curve"), scores, strict=True):
            b, sigma, _ = _co2_posterior(model, seen)
            columns, came = time_order.data(model, ahead)[1], levels[ahead[-1] - known[0]]
            mean, sd = b @ columns[-1], sigma
            if model == "growth":
                mean, sd = levels[ahead[0] - 1 - known[0]] + b @ columns.sum(axis=0), sigma * np.sqrt(10)
            found = np.log(np.mean(stats.norm.pdf(came, mean, sd)))
            if (start, model) == ("1992", "curve"):
                moments = stats.norm.logpdf(came, *time_order.level_ahead("curve"))
                assert max(found, moments) < score - 5, "far too low a score"
                parts = [time_order._given(s, model, seen)[:2] for s in time_order.SIGMA]
                row, weight = columns[-1], time_order.log_evidence(model, seen)
                at = [
                    stats.norm.logpdf(came, row @ m, np.sqrt(row @ c @ row + s**2))
                    for (m, c), s in zip(parts, time_order.SIGMA, strict=True)
                ]
                found = special.logsumexp(weight + at) - special.logsumexp(weight)
            assert score == pytest.approx(found, abs=0.15), (start, model)


def test_chapter_08_shows_centred_draws_that_are_not_good_enough():
    """Every library's centred draws fail the page's limits; the non-centred ones are several times as good."""
    page = Page("08_hierarchical_regression")
    for library, (divergences, rhat, bulk, *_) in page.table("centred-table").items():
        assert divergences < 10 and rhat > 1.01 and bulk < 400, library
    shares = [row[-1] for row in page.table("centred-table").values()]
    for share in (min(shares), max(shares), page_values("08")["sigma_alpha_small"]["value"]):
        assert page.says(share, "centred draws give anything from|All five programs", within=0.005, reach=120)
    forms = page.table("two-forms")
    assert forms["non-centred"][2] > 3 * forms["centred"][2]
    assert "E-BFMI values are below the threshold" in page.shown("diagnose")
    observed, simulated = numbers(page.shown("very-low").splitlines()[0])[-2:]
    assert observed > 3 * simulated, "the lower tail is heavier than a normal distribution's"
    houses, moments = radon_grid.data(), load_reference("radon_intercepts").parameters
    level = np.array(moments["alpha"]["mean"])[houses.county] + moments["beta"]["mean"] * houses.floor
    spread = np.hypot(np.array(moments["alpha"]["sd"])[houses.county], moments["sigma_y"]["mean"])
    observed, simulated = numbers(page.shown("very-low").splitlines()[-1])[-2:]
    expected = stats.norm.sf(np.log(16), level, spread).sum()
    assert observed == np.sum(houses.y > np.log(16)) and simulated == pytest.approx(expected, abs=2)
    assert observed < expected, "the upper tail is lighter"
    share = stats.norm.sf(np.log(4), level, spread).mean()
    observed = np.mean(houses.y > np.log(4))
    assert abs(observed - share) < 2 * np.sqrt(share * (1 - share) / 919), "the first check passes"


def test_chapter_08_s_table_of_two_houses():
    """Each row of the answer's table, and the answer, against normal distributions in closed form."""
    page, houses = Page("08_hierarchical_regression"), radon_grid.data()
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    one, soil = np.ones_like(houses.y), houses.u[houses.county] - houses.u[here]
    expected = {}
    for row, design, column in (
        ("complete pooling", np.column_stack([one, houses.floor]), 0),
        ("... with uranium", np.column_stack([one, houses.floor, soil]), 0),
        ("no pooling", np.column_stack([np.eye(85)[houses.county], houses.floor]), here),
    ):
        best, squares, *_ = np.linalg.lstsq(design, houses.y)
        size = np.sqrt(squares[0] / (len(houses.y) - design.shape[1]))
        expected[row] = best[column], size * np.sqrt(np.linalg.inv(design.T @ design)[column, column]), size
    stored, scatter = page_values("08"), load_reference("radon_intercepts").parameters["sigma_y"]["mean"]
    for row, name in (("partial pooling", "level_here"), ("never measured", "new_level")):
        expected[row] = stored[name]["value"], stored[name]["spread"], scatter
    table = page.table("two-houses")
    assert list(table) == list(expected)
    for row, (level, error, scatter) in expected.items():
        shown, house = np.log(table[row][:5]), np.hypot(error, scatter)
        assert shown[0] == pytest.approx(level, abs=0.02 + 0.05 * error), row
        assert shown[1:3] == pytest.approx(stats.norm(level, error).interval(0.95), abs=0.02 + 0.2 * error), row
        assert shown[3:5] == pytest.approx(stats.norm(level, house).interval(0.95), abs=0.2 * house), row
        assert table[row][5] == pytest.approx(stats.norm.sf(np.log(4), level, house), abs=0.011), row
    here, never = table["partial pooling"], table["never measured"]
    found = numbers(page.shown("answer"))
    for value, within in [(value, 0.51 if value > 10 else 0.051) for row in (here, never) for value in row[1:5]]:
        assert any(abs(number - value) <= within for number in found), value
    for value in (here[5], never[5]):
        assert any(abs(number - 100 * value) <= 0.51 for number in found), value


def test_chapter_08_s_centred_stan_program_diverges_with_few_houses_and_its_short_form_does_not():
    pytest.importorskip("stanli")
    from sidebyside import stan_on_stanli

    page, houses = Page("08_hierarchical_regression"), radon_grid.data()
    code = ast.parse(page.cell("centred-model-stan").source)
    [program] = [
        node.value.value for node in code.body if isinstance(node, ast.Assign) and "parameters {" in ast.unparse(node)
    ]
    counts = np.bincount(houses.county)
    few = np.flatnonzero(counts <= 3)
    assert page.says(len(few), "counties with at most three", reach=12)
    seen = np.isin(houses.county, few)
    data = {"N": int(seen.sum()), "J": len(few), "county": np.searchsorted(few, houses.county[seen]) + 1}
    data |= {"x": houses.floor[seen], "u": houses.u[few], "y": houses.y[seen]}
    [short] = [found[1] for cell in page.notebook.cells if (found := re.search("`(vector<offset=.*?;)`", cell.source))]
    assert program.count("vector[J] alpha;") == 1
    lengths = {"num_chains": 4, "num_samples": 1000, "num_warmup": 500}
    found = {}
    for name, text in (("centred", program), ("short", program.replace("vector[J] alpha;", short))):
        fits = [stan_on_stanli.build(text, data=data, random_seed=seed).sample(**lengths) for seed in (1, 2, 3)]
        found[name] = [fit["divergent__"].sum() for fit in fits]
    assert 24 < min(found["centred"]) and 200 < max(found["centred"]) < 1000, "dozens to hundreds"
    assert max(found["short"]) < 24


def test_chapter_08_says_what_two_houses_do_to_the_line():
    """A new county's level with the uranium of Lac qui Parle, whose two houses are left out of the fit."""
    houses = radon_grid.data()
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    seen = houses.county != here
    rest = radon_grid.Houses(houses.y[seen], houses.floor[seen], houses.county[seen], houses.u)
    without = radon_grid.grid_moments("radon_intercepts", 30, rest)["alpha"]["mean"][here]
    lower = np.exp(page_values("08")["new_level"]["value"]) - np.exp(without)
    assert 0 < lower < 0.1 and Page("08_hierarchical_regression").says(0.1, "lower by less than", reach=20)


def test_chapter_08_s_eight_schools():
    """What the open exercise says of its table, whose numbers the page checks, and of the centred form."""
    page = Page("08_hierarchical_regression")
    stored = np.array(page_values("08")["schools"]["value"])
    for column, words in (
        (1, "partial pooling gives it"),
        (2, "standard deviation of"),
        (4, "with a probability of about"),
    ):
        for end in (stored[:, column].min(), stored[:, column].max()):
            assert page.says(end, words, within=0.006 if column == 4 else 0.5, reach=40)
    assert page.says(2 * 20, "either way, would", reach=20)
    stanli = pytest.importorskip("sidebyside.stan_on_stanli")
    program = """
    data { vector[8] y; vector[8] se; }
    parameters { real mu; real<lower=0> tau; vector[8] t; }
    model { mu ~ normal(0, 20); tau ~ normal(0, 20); t ~ normal(mu, tau); y ~ normal(t, se); }
    """
    data = {"y": [28, 8, -3, 7, -1, 1, 18, 12], "se": [15, 10, 16, 11, 9, 11, 10, 18]}
    fit = stanli.build(program, data=data, random_seed=1).sample(num_chains=4, num_samples=1000, num_warmup=500)
    assert fit["divergent__"].sum() > 20


def test_chapter_10_describes_its_inputs():
    page = Page("10_decisions")
    radon = sbs.load_radon()
    houses = radon.groupby("county").size()
    assert page.says(len(radon), "has a survey of") and page.says(len(houses), "has a survey of")
    assert page.says(houses["Stearns"], "Stearns has") and houses["Mahnomen"] == 1
    rule = page.table("rule")
    low, high = rule["Mahnomen"][2:]
    assert page.says(low, "compatible with", within=0.4) and page.says(high, "compatible with", within=1)
    for county in ("Mahnomen", "Stearns"):
        average = np.exp(np.log(radon.loc[radon["county"] == county, "radon_pci_l"]).mean())
        assert rule[county][1] == pytest.approx(average, abs=0.006) and average < 4
        assert page.says(average, "just below the limit", within=0.006)
    phi = stats.beta(*numbers(re.search(r"rng\.beta\((.*?), size", page.code).group(1)))
    middle, sd = re.search(r"rng\.normal\(np\.log\((.*?)\), (.*?), size", page.code).groups()
    rho = stats.norm(np.log(float(middle)), float(sd))
    for end in (*phi.interval(0.95), *np.exp(rho.interval(0.95))):
        assert page.says(end, "With 95% probability", within=0.006, reach=100)


def test_chapter_10_says_which_priors_it_has():
    page = Page("10_decisions")
    for end in np.exp(stats.norm(1, 1).interval(0.95)):
        assert page.says(end, "Typical levels between", within=0.8, reach=45)
    assert page.says(np.exp(stats.norm.isf(0.025)), "in either direction", within=0.2, reach=30)
    assert page.says(np.exp(1), "is a factor of", within=0.05, reach=15)


def iowa(both: float, test_only: float, air_only: float, _: float) -> tuple[float, float]:
    """Return the share of noise and log ratio, given the shares of homes high in both, in one, and in neither."""
    test, air = stats.norm.isf([both + test_only, both + air_only])
    node, weight = np.polynomial.legendre.leggauss(60)

    def excess(correlation):  # the derivative of the bivariate normal in its correlation is its density
        angle = (node + 1) / 2 * np.arcsin(correlation)
        density = np.exp(-(test**2 + air**2 - 2 * test * air * np.sin(angle)) / (2 * np.cos(angle) ** 2))
        more = np.arcsin(correlation) / 2 * np.sum(weight * density) / (2 * np.pi)
        return (both + test_only) * (both + air_only) + more - both

    correlation = optimize.brentq(excess, -0.5, 0.99999) if air_only > 0 else 1
    return 1 - correlation**2, 0.76 * (test - correlation * air)


def test_chapter_10_takes_two_numbers_from_iowa():
    page = Page("10_decisions")
    test, air = stats.norm.isf(0.60), stats.norm.isf(0.30)
    rho = optimize.brentq(
        lambda r: stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([-test, -air]) - 0.60 * 0.44, 0, 0.99
    )
    found = [1 - rho**2, np.exp(0.76 * (test - rho * air)), np.exp(0.76 * (test - air))]
    np.testing.assert_allclose(numbers(page.shown("iowa"))[:3], found, atol=0.006)
    mean = stats.beta(*numbers(page.code.split("rng.beta(")[1][:5])).mean()
    assert found[0] == pytest.approx(mean, abs=0.01)
    assert found[1] == pytest.approx(float(page.code.split("rng.normal(np.log(")[1][:4]), abs=0.005)
    assert page.says(found[2], "around 0", within=0.006, reach=20)
    assert (decisions.RATIO, decisions.OTHER_RATIO) == pytest.approx(found[1:], abs=0.006)
    both = 0.60 * 0.44
    cells = np.array([both, 0.60 - both, 0.30 - both, 0.10 + both])
    resampled = np.array([iowa(*homes) for homes in np.random.default_rng(0).multinomial(158, cells, 1000) / 158])
    for end in np.quantile(resampled[:, 0], [0.025, 0.975]):
        assert page.says(end, "Resampling the 158 homes", within=0.025)
    assert 1.5 < 0.15 / resampled[:, 1].std() < 2, "nearly twice as wide as resampling makes it"
    between = 0.10  # variance between places
    within = 1 - ((1 - found[0]) * (between + 0.76**2) - between) / 0.76**2
    assert page.says(within, "within one county", within=0.02)
    assert load_reference("radon_intercepts").parameters["sigma_y"]["mean"] == pytest.approx(0.76, abs=0.005)


def test_chapter_10_on_losses():
    page = Page("10_decisions")
    house = stats.lognorm(0.76, scale=np.exp(1.5))
    best = [house.mean(), house.median(), house.ppf(0.9)]
    rows = [re.findall(r"\d+\.\d", line) for line in page.shown("three-losses").splitlines()[1:]]
    for row, value in zip(rows, best, strict=True):
        assert [float(number) for number in row] == pytest.approx([value, value], abs=0.25)
    assert page.says(best[0] / best[1] - 1, "above the median", within=0.01)
    for gamma in (1, 1.5, 2):
        sure = 4000 * 0.5 ** (1 / gamma)
        assert any(abs(number - sure) < 1 for number in numbers(page.shown("certainty")))
    assert page.says(4000 * 0.5 ** (1 / 1.5), "be rid of the coin flip", within=30)


def test_chapter_10_on_lives():
    page = Page("10_decisions")
    deaths = 30 / 75 * 3 * 7 / 1000 / 4  # per pCi/L
    assert page.says(2000 / 2 / deaths, "dollars for a death prevented puts", within=3e4, reach=25)
    assert page.says(2 + 2000 / (7e6 * deaths), "which puts", within=0.05)
    loss, gain = 0.2 * _gain(6, 3) + 0.8 * _gain(2, 3), _gain(6, 3)
    assert page.says(-loss, "fixing loses", within=1e-6) and page.says(gain, "out of five", within=1e-6)
    average = exercises_of("10")["10-average"].right() / np.exp(1.2)
    assert page.says(average, "times the typical", within=0.01)
    assert page.says(np.exp(1.2), "The typical house has", within=0.05)
    assert page.says(45 / (45 + 10), "the quantile of 45", within=0.003)


@pytest.mark.parametrize("action_level", [3, 4])
def test_chapter_10_counts_counties_as_quadrature_does(action_level):
    """A county at the border between two actions may be on either side."""
    page = Page("10_decisions")
    [shown] = page.cell("answers").outputs  # the text is wrapped, the HTML is not
    rows = re.findall(r"<th>(.*?)</th>((?:\s*<td>\d+</td>){6})", shown["data"]["text/html"])
    assert len(rows) == 10
    rows = {label: [int(number) for number in re.findall(r"\d+", cells)] for label, cells in rows}
    names = {"air varies": "air varies like the tests"}
    changed = {}
    for variant in decisions.VARIANTS | decisions.TWO_CHANGED:
        row = rows[names.get(variant, variant)]
        found = row[:3] if action_level == 3 else row[3:]
        expected = np.bincount(decisions.actions(action_level, variant), minlength=3)
        assert np.abs(np.subtract(found, expected)).max() <= (4 if variant.startswith("φ = 0.8") else 2), variant
        changed[variant] = expected
    leave, fix = changed["φ = 0.8, ρ = 0.48"][0], changed["φ = 0.8, ρ = 0.86"][2]
    answer = page.shown("answer")
    assert any(abs(number - leave) <= 4 for number in numbers(answer.split("The softest number")[1]))
    assert any(abs(number - fix) <= 4 for number in numbers(answer.split("The softest number")[0]))
    if action_level == 4:
        assert not any(changed[variant][2] for variant in decisions.VARIANTS), "fix now is best in none"
        level = 2 + 2000 / (7e6 * 30 / 75 * 3 * 7 / 1000 / 4)
        [at_once] = numbers(re.search(r"puts A near .*? counties as described", answer.replace("$", ""))[0])[1:]
        leaving, _, fixing = np.bincount(decisions.actions(level), minlength=3)
        assert abs(at_once - fixing) <= 4 and leaving == 0 and "leaving it in none" in answer


def test_chapter_10b_says_what_is_true():
    page = Page("10b_advice")
    lives = 3 * 7 / 1000 / 4 * 30 / 75
    assert page.says(3, "The agency's limit is a test of 4", reach=110)
    assert after_reading(4, "Stearns")[0] + 2 == pytest.approx(3, abs=0.1)
    for county, test in (("Lincoln", 5), ("Lake", 20)):
        assert page.says(test, f"in {county}", reach=80)
        assert decisions.threshold(decisions.names().index(county), 4) == pytest.approx(test, abs=0.7)
    stearns = decisions.house(decisions.names().index("Stearns"))
    new, flicker = (decisions.second_kit(stearns, 8, 4, share) for share in (None, decisions.FLICKER))
    assert 0.5 < flicker / new < 0.65, "a little more than half as much"
    assert 3 * decisions.KIT < flicker, "several times its price"
    assert page.says(1 - 0.87**2, "variance", within=0.01)
    firsts = np.geomspace(3, 30, 60)
    for row, share in zip(page.table("second-kit").values(), (None, decisions.FLICKER), strict=True):
        pays = [first for first in firsts if decisions.second_kit(stearns, first, 4, share) > decisions.KIT]
        np.testing.assert_allclose(row[-2:], [min(pays), max(pays)], rtol=0.06)
    level = 2 + 2000 / (7e6 * lives)
    assert any(abs(number - level) < 0.05 for number in numbers(page.shown("brief")[-100:]))
    assert page.says(40, "lin1999", reach=40), "the abstract's number: the same lives for 40% less"
    saves = page_values("10b")["eight_saves"]
    assert page.table("the-eight")["expected saving ($)"][0] < saves["spread"] / np.sqrt(16_000), (
        "smaller than its error"
    )


def test_page_for_the_health_office_says_what_is_true():
    page = Page("10b_advice")
    brief = page.shown("brief").replace(">", "")
    answer, unsaid = (" ".join(part.split()) for part in re.split(r"What we can't say\.|When is a test", brief)[:2])
    level = 2 + 2000 / (7e6 * 3 * 7 / 1000 / 4 * 30 / 75)
    at_agency = {variant: decisions.actions(level, variant) for variant in decisions.VARIANTS}
    assert not any(np.any(found == 0) for found in at_agency.values()), "doing nothing is best in none"
    fixing = [np.sum(found == 2) for found in at_agency.values()]
    shown = numbers(re.search(r"then best in .*?;", answer)[0])
    np.testing.assert_allclose(shown, [fixing[0], min(fixing), max(fixing)], atol=4)
    at_4 = np.array([decisions.actions(4, variant) for variant in decisions.VARIANTS])
    two = {at: decisions.actions(at, "φ = 0.8, ρ = 0.48") for at in (3, 4)}
    kit = [np.sum(at_4[0] == 1), np.all(at_4 == 1, axis=0).sum(), np.sum(two[4] == 1)]
    shown = numbers(re.search(r"worth its price in .*", answer)[0])
    for number in kit:
        assert any(abs(other - number) <= 2 for other in shown)
    for at in (3, 4):
        assert any(abs(number - np.sum(two[at] == 0)) <= 4 for number in numbers(unsaid))
    for county in range(0, 85, 6):
        for at in (level, 3, 4):
            leave, measure, fix = decisions.losses(decisions.house(county, 12), at)
            assert measure <= min(leave, fix) + decisions.KIT + 1e-6, "at most the price of the kit"
    stearns = decisions.house(decisions.names().index("Stearns"))
    density, mean, variance = decisions.given_tests(stearns, np.log(8))
    weight = density / density.sum()

    def below(air):
        return np.sum(weight * special.ndtr((np.log(air) - mean) / np.sqrt(variance)))

    shown = numbers(" ".join(re.search(r"a test of 8 means .*? in eight", brief, re.DOTALL)[0].split()))[1:4]
    for number, q in zip(shown, (0.5, 0.1, 0.9), strict=True):
        assert number == pytest.approx(optimize.brentq(lambda air, q=q: below(air) - q, 0.1, 60), abs=0.15)


def test_chapter_11_says_what_its_approximations_are():
    page = Page("11_large_data")
    tilted = 1 / np.sqrt(np.diag(np.linalg.inv([[1, 0.9], [0.9, 1]])))
    assert 0.4 < tilted[0] < 0.5 and page.says(tilted[0], "they should be", within=0.1)
    mean_field, laplace, exact = (
        load_reference(name).parameters["beta"]["sd"] for name in ("robust_mean_field", "robust_laplace", "robust_log")
    )
    assert page.says(1 - laplace / exact, "interval for the slope", within=0.04) and laplace < mean_field < exact
    truth, free = (
        load_reference(name).parameters["log_tau"] for name in ("funnel_centred", "funnel_non_centred_mean_field")
    )
    assert free["sd"] < truth["sd"] / 2 and page.says(1 / 2, "as it should be")
    peak = load_reference("funnel_non_centred_laplace").parameters["log_tau"]["mean"]
    assert peak > truth["mean"] + 1.5 * truth["sd"], "at a tau that is much too large"
    mild, strong = 0.8, 0.95
    assert page.says(mild, "correlation of") and page.says(100 * (1 - np.sqrt(1 - mild**2)), "of the width")
    assert page.says(strong, "of the width") and page.says(2 / 3, "of the width")
    assert 1 - np.sqrt(1 - strong**2) > 2 / 3


def test_second_part_of_chapter_11_counts():
    page = Page("11b_many_machines")
    houses, _ = radon_grid.split()
    counties = len(houses.u)
    assert page.says(len(houses.y), "keep all") and page.says(counties, "survey is chapter")
    chance = 100 * stats.binom.cdf(54, counties, 0.9)
    assert page.says(chance, "binomial distribution", within=0.5)
    clear, unclear = 70, 85
    assert page.says(clear, "can tell 90%") and page.says(unclear, "can tell 90%")
    assert stats.binom.cdf(counties * clear / 100, counties, 0.9) < 0.001
    assert stats.binom.cdf(counties * unclear / 100, counties, 0.9) > 0.05


def test_chapter_12_says_what_its_numbers_say():
    page = Page("12_bayesian_neural_network")
    units = page.set_to("units")
    assert page.says(units, "` weights") and page.says(3 * units + 1, "` weights")
    readings = numbers(page.shown("readings"))[0]
    assert page.says(readings, "a reading") and page.shown("readings").count("1964-") == 3
    [roughness] = numbers(page.shown("roughness"))
    assert 0.25 <= roughness <= 0.3 and "sigma = 0.3 / 2" in page.code
    copies = 2**units * factorial(units)
    assert copies == numbers(page.shown("one-curve"))[0] and 10e6 < copies < 11e6
    assert page.says(copies, "copies of the same", within=1e6)
    order = ast.literal_eval(re.search(r"order = (\[.*?\])", page.cell("one-curve").source).group(1))
    for unit in np.flatnonzero(order != np.arange(units)):
        assert page.says(unit, "exchange units")
    months = load_reference("small_network").parameters["f"]["mean"].size
    assert page.says(months, "month by month") and page.says(months, "agree on each of")
    assert page.says(2 * units, "moves only") and page.says(units + 1, "linear regression with")
    shown = page.given("drawn-curves", "np.linspace")[-1]
    every = int(re.search(r"in drawn\[::(\d+)\]", page.code).group(1))
    title = re.search(r"\w+ networks, and the band", page.code).group()
    assert numbers(title) == [len(range(shown)[::every])]
    unit = integrate.quad(lambda b: np.tanh(b) ** 2 * stats.norm.pdf(b, 0, 2), -40, 40)[0]
    assert page.says(unit, "has the mean", within=5e-4)
    base, scale = map(int, re.search(r"return (\d+) \+ (\d+) \* value", page.code).groups())
    assert page.says(base, "in units of") and page.says(scale, "in units of")
    assert page.says(exercises_of("12")["12-prior"].right(), "Air that swings", within=0.5)
    assert page.says(factorial(3), "units can stand") and page.says(2**3, "turned round", reach=14)
    assert exercises_of("12")["12-copies"].right() == factorial(3) * 2**3
    bells, layer, bells_ends, layer_ends = (float(rate) for rate in re.findall(r"(\d+)%", page.shown("widths-kept")))
    assert bells < 100 and layer < 100 and bells_ends < layer_ends < 100
    kept = page.shown("springs-kept")
    assert numbers(kept)[0] == len(load_reference("network_springs").parameters["f"]["pit"])
    _, first, second, third, _ = (float(rate) for rate in re.findall(r"(\d+)%", kept))
    assert first < second < third, "the order is what theory says"


def test_chapter_14_says_what_its_numbers_say():
    page = Page("14_calibration")
    worlds, draws, thin = map(page.set_to, ("worlds", "draws", "thin"))
    assert page.says(thin * draws, "of which") and page.says(draws, "of which") and thin == 5, "every fifth draw"
    assert page.says(worlds, "side by side") and page.says(3 * worlds, "parameters, and")
    assert page.says(1 - 0.95**5, "such figures", within=0.03)
    four = 1 - 0.95**4
    assert page.says(four, "5% in all", within=0.02)
    assert page.says(100 * 0.95 ** (1 / 4), "each band needs", within=0.05)
    assert page.says(100 * (1 - 0.05 / 4), "Bonferroni")
    outside = 2 / (draws + 1)
    assert page.says(outside, "independent draws")
    sticky = exercises_of("14")["14-sticky"].right()
    assert page.says(sticky / outside, "times too often", within=0.5)
    assert page.says(2 / sticky - 1, "times too often", within=3)
    # at its top the log of Beta(2 + k, 2 + 5 - k) has the curvature 7 / (m (1 - m))
    m = (1 + 2) / 7
    assert "m(1 - m)/7" in page.prose and 3 / m**2 + 4 / (1 - m) ** 2 == pytest.approx(7 / (m * (1 - m)))
    assert page.says(stats.norm.ppf(0.9), "central 80%", within=0.005)
    band = sbs.calibration_band(worlds, draws)
    assert (band[2] - band[0]).max() == pytest.approx(0.14, abs=0.02)  # as the figure's description says
    assert page.shown("student-t-how") == sbs.load_calibration("student_t").how
    for name, stored in (("line", 100), ("wrong_line", 40)):  # the page cuts the ranks into ten seeds
        assert len(sbs.load_calibration(name).ranks["PyMC"]["alpha"]) == 10 * stored


def test_chapter_13_describes_its_settings_and_data():
    page = Page("13_choosing_a_library")
    players, matches = bradley_terry.PLAYERS, bradley_terry.MATCHES
    assert numbers(page.shown("matches"))[:2] == [matches, players] and page.set_to("SEED") == bradley_terry.SEED
    assert page.says(players, "tournament") and page.says(matches, "tournament")
    depths = {int(depth) for depth in re.findall(r"max_tree_depth=(\d+)", page.code)}
    assert page.code.count("max_tree_depth=") == 2 and len(depths) == 1
    assert page.says(2 ** depths.pop() - 1, "no path take", reach=25)
    assert page.says(problems.MATCHES, "Ingram had") and page.says(problems.PLAYERS, "Ingram had")
    model = bradley_terry.MODELS["bradley_terry"]
    independent = model["batches"] * model["draws"]
    assert independent > 100_000 and page.says(1e5, "independent draws")
    for difference in (1, 2):
        assert page.says(np.exp(difference), "a difference of", within=0.45, reach=90)
    assert page.says(page.set_to("looks"), "Metropolis spends") and page.says(
        page.set_to("steps"), "Metropolis spends", reach=80
    )
    winners, true_skill = sbs.simulate_matches(players, matches, bradley_terry.SEED)
    lead = load_reference("bradley_terry").parameters["skill"]["mean"] - true_skill
    assert np.sum(true_skill < -2) == 3 and np.all(lead[true_skill < -2] > 1), "the weakest are worse than it believes"
    played = np.bincount(winners.to_numpy().ravel(), minlength=players)
    never = ~np.isin(np.arange(players), winners["winner"])
    assert never.any() and played[never].max() < 20 < np.median(played), "those who never won have played little"
    sd = load_reference("bradley_terry").parameters["sd"]["mean"]
    assert 0.75 < 2 * sd / np.sqrt(np.pi) < 1.5 and page.says(1, "such a family differ", reach=20)
    assert page.says(special.expit(-1), "still loses", within=0.03)
    assert page.says(exercises_of("13")["13-newcomers"].right(), "hardly matters", within=0.05)
    pays = exercises_of("13")["13-pays"].right()
    assert page.says(pays, "meet at", within=1e-6)
    assert page.says(1800 / 12, "X about") and page.says(90 / 4, "X about", within=0.6)


def test_chapter_13_says_what_its_cells_found():
    page = Page("13_choosing_a_library")
    lengths = page.table("program-lengths")
    model, drawing, together = ({library: row[column] for library, row in lengths.items()} for column in range(3))
    assert together["PyMC"] == min(together.values()), "PyMC needs few lines"
    assert drawing["Pyro"] == max(drawing.values()) and model["Stan"] == max(model.values())
    outputs = [str(output) for cell in page.notebook.cells for output in cell.get("outputs", [])]
    engines = ("PyMC on numba", "PyMC on c", "PyMC on jax")
    assert sum(all(engine in output for engine in engines) for output in outputs) == 2  # diagnostics, and agreement


def test_chapter_13_advises_what_the_measurements_say():
    """Advice that is not computed on the page still has to hold in the stored benchmark."""
    bench = sbs.load_benchmark()
    assert bench.ways.loc["numpyro-vectorized", "at_once"] == "vectorised"  # hundreds of chains: NumPyro
    many = bench.right[bench.right["chains"] > bench.settings["chains"]]
    most = many[many["chains"] == many["chains"].max()]
    assert "numpyro-vectorized" in set(most["way"])
    assert len(bench.canary) and set(bench.canary["status"]) == {"wrong"}


def test_chapter_13_shows_code_that_runs_today():
    """What stands under "now" runs, on fewer draws; what stands under "then" is refused or gone."""
    pytest.importorskip("pymc"), pytest.importorskip("tensorflow_probability"), pytest.importorskip("stan")
    notebook = Page("13_choosing_a_library").notebook
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    blocks = re.findall(r"```python\n(# (?:then|now).*?)\n```", text, re.DOTALL)
    now = {block.splitlines()[0].split(": ")[1]: block for block in blocks if block.startswith("# now")}
    assert list(now) == ["PyMC 6", "PyStan 3", "TFP"] and len(blocks) == 6
    program = next(cell.source for cell in notebook.cells if cell.metadata.get("name") == "bradley-terry-model-stan")
    script = f"""
import warnings
import numpy as np, nest_asyncio, tensorflow as tf, tensorflow_probability as tfp
nest_asyncio.apply()
tfd = tfp.distributions
rng = np.random.default_rng(1)
n_players, winner, loser = 8, rng.integers(0, 4, 50), rng.integers(4, 8, 50)
won = np.ones(50, dtype=np.int32)
SEED = 1
{re.search(r'program = """.*?"""', program, re.DOTALL).group()}
stan_data = dict(N=50, J=n_players, winner=winner + 1, loser=loser + 1)
{now["PyMC 6"].replace("1000", "100")}
{now["PyStan 3"].replace("1000", "100")}
assert fit["sd"].shape == (1, 400)
{now["TFP"].replace("1000", "100")}
draws, trace = sample()
assert draws.raw.shape == (100, 4, 8)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_landscape_is_what_the_installed_packages_say():
    """Where the release that was looked up is the one installed here, its metadata have to agree."""
    landscape = sbs.load_landscape()
    assert list(landscape["library"]) == list(sbs.LIBRARIES)
    for _, row in landscape.iterrows():
        if version_of(row["package"]) == row["version"]:
            about = metadata(row["package"])
            licence = (
                about.get("License-Expression") or about.get("License") or " ".join(about.get_all("Classifier", []))
            )
            assert row["licence"].split("-")[0] in licence
            oldest = re.search(r">=\s*(\d\.\d+)", about["Requires-Python"])[1]
            assert row["python"].startswith(oldest)


def test_chapter_07c_s_simplest_forecast_is_the_best_linear_one():
    page, women = Page("07c_counts"), np.repeat(np.arange(6), measurement_noise.WOMEN)
    own = 1 - women.mean() / women.var()
    assert page.says(own, "is the share of the variance", within=0.02)
    assert page.says((1 - own) * women.mean() + own * 3, "For three accidents it is", within=0.02)
    assert page.says(np.sqrt(2 / (len(women) - 1)), "chance moves the ratio by", within=0.005)


def test_chapter_07c_s_wrong_programs_fit_as_well_as_the_right_one():
    """Each is the same family under other names, so the largest likelihood is the same."""
    women, largest = measurement_noise.WOMEN, []
    right = (lambda mu, phi: (phi, phi / (mu + phi))), (lambda mu, phi: (phi, mu / (mu + phi)))
    for shape_and_p in (*right, lambda mu, phi: (1 / phi, 1 / (1 + mu * phi))):

        def loss(log, shape_and_p=shape_and_p):
            shape, p = shape_and_p(*np.exp(log))
            seen = stats.nbinom.logpmf(np.arange(5), shape, p)
            return -(women[:-1] @ seen + women[-1] * stats.nbinom.logsf(4, shape, p))

        largest.append(optimize.minimize(loss, [-0.3, 0.2], method="Nelder-Mead", options={"xatol": 1e-8}).fun)
    assert np.ptp(largest) < 1e-4
