"""Numbers that stand in a chapter's prose are true: each is held against what it speaks of."""

import re
import subprocess
import sys
from importlib.metadata import metadata
from math import factorial
from pathlib import Path

import nbformat
import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

import sidebyside as sbs
from benchmark import problems
from make_references import bradley_terry, measurement_noise, two_proportions
from make_references.answers import after_reading
from sidebyside import radon_grid
from sidebyside.datasets import load_radon
from sidebyside.exercises import exercises_of
from sidebyside.exercises.chapter_10 import _gain
from sidebyside.installed import version_of
from sidebyside.references import load_reference

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def chapter(name: str) -> tuple[nbformat.NotebookNode, str]:
    """Return a stored chapter and its prose on one line."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    return notebook, " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def shown(notebook, start):
    """Return what the cell that shows a text beginning with ``start`` says, without bold."""
    texts = [
        output["data"].get("text/markdown", output["data"].get("text/plain", "")).replace("*", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    return next(text for text in texts if text.lstrip().startswith(start))


def numbers(text):
    """Return the numbers in a text."""
    return [float(found) for found in re.findall(r"\d+(?:\.\d+)?", text)]


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
    assert chains == 4 and f"four chains, {draws:,} draws each after {warmup} steps of warm-up" in prose


def test_chapter_06_describes_its_priors():
    _, prose = chapter("06_robust_regression")
    low, high = map(
        int, re.search(r"middle of the line is between (\d+) and (\d+) with 95% probability", prose).groups()
    )
    assert [100 * end for end in stats.norm(4, 2).interval(0.95)] == pytest.approx([low, high], abs=10)
    assert "one in five on average" in prose and stats.beta(1, 4).mean() == 1 / 5


def test_chapter_01_says_what_its_cells_found():
    notebook, prose = chapter("01_why_bayes")
    plain, boosting, mean = numbers(shown(notebook, "The plain model is off"))[:3]
    assert "Boosting wins, and clearly" in prose and boosting < 0.9 * plain < plain < mean
    plain_alone, plain_species, boosting_alone, boosting_species = numbers(shown(notebook, "measurements alone"))
    assert "its lead is gone" in prose and "predicts at least as well on these birds" in prose
    assert boosting_alone < plain_alone and plain_species <= boosting_species
    promised, kept, broken, _, plain_kept = numbers(shown(notebook, "On average the search promised"))
    assert "the plain model does better on other birds" in prose and plain_kept < kept
    assert promised < kept and broken > 17 / 2, "Most promises are broken"
    by_hand, by_camera, _ = numbers(shown(notebook, "By hand"))
    assert "too flat by a third" in prose and abs(by_camera / by_hand - 2 / 3) < 0.05
    scores = numbers(shown(notebook, "on photographs"))
    assert "It would have praised the flat line" in prose and scores[0] < scores[2] and scores[1] > scores[3]
    random, _, new, line = numbers(shown(notebook, "grams off, mean of 15"))[1:]
    assert "the straight line, which can't learn names, does better there" in prose and line < new
    assert abs(random - 199) < abs(random - 343), "nearer to the first, says the solution of exercise 4"
    inside = numbers(shown(notebook, "Promised: 80%"))
    assert "On average over the teams the promise holds" in prose and abs(inside[1] - 80) <= 3
    assert "Least squares guesses just as well" in prose and abs(inside[4] - inside[5]) <= 5


def test_chapter_01_on_luck_and_grids():
    _, prose = chapter("01_why_bayes")
    rng = np.random.default_rng(1)
    best = {n: -rng.normal(size=(20_000, n)).min(axis=1).mean() for n in (2, 25, 1000)}
    assert "a little over half of it, with 1,000 more than three times" in prose and "Nearly twice" in prose
    assert 0.5 < best[2] < 0.6 and 1.85 < best[25] < 2 and 3 < best[1000] < 3.5
    assert "Fifty, at sixty values each" in prose and 50 * np.log10(60) > 82  # atoms: some 10^80


def test_chapter_01_on_species():
    _, prose = chapter("01_why_bayes")
    birds = sbs.load_penguins().dropna(subset=["bill_depth_mm", "body_mass_g"])
    groups = birds.groupby("species")
    assert "the heaviest species happens to have the shallowest bills" in prose
    assert groups["body_mass_g"].mean().idxmax() == groups["bill_depth_mm"].mean().idxmin() == "Gentoo"
    assert "Within each species the line rises" in prose
    assert all(stats.linregress(own["bill_depth_mm"], own["body_mass_g"]).slope > 0 for _, own in groups)


def test_chapter_01_counts_its_models():
    notebook, prose = chapter("01_why_bayes")
    assert "trained nearly three thousand boosting models" in prose
    nested, box, friend = 2 * 5 * (12 * 3 + 1), 15 * 5 + 1, 25 * 5
    teams, species, seasons = 17 * 25 * 5, 5 + 3, 15 * (5 + 5 + 1)
    fewest, most = (nested + box + friend + teams + species + seasons + 17 * n for n in (1, 12))
    assert 2700 < fewest < most < 3100
    assert notebook.metadata["sidebyside"]["seconds"] <= 120 and "in a minute or two" in prose


def test_chapter_02_counts_and_names_its_numbers():
    """Chapter 2: what the prose says of counts, beta distributions and predictions is what the formulas give."""
    notebook, prose = chapter("02_bayes_theorem")
    shown = "\n".join(cell.source for cell in notebook.cells)
    assert '"samples": [3330, 401, 37, 85]' in shown and '"positive": [50, 2, 25, 78]' in shown
    assert "99.5 percent" in prose and 1 - 2 / 401 == pytest.approx(0.995, abs=5e-4)
    found, alarms = 1000 * 0.01 * 0.7, 1000 * 0.99 * 0.005
    assert "7 in 12" in prose and (round(found), round(found) + round(alarms)) == (7, 12)
    assert "7 of 12, or 0.583, because it rounded 4.95 people to 5" in prose
    assert alarms == pytest.approx(4.95) and 7 / 12 == pytest.approx(0.583, abs=5e-4)
    assert "your 7 in 12 would fall to one in three" in prose
    assert found / (found + 1000 * 0.99 * 0.015) == pytest.approx(1 / 3, abs=0.02)
    assert "by the same 140" in prose and 0.7 / 0.005 == pytest.approx(140)
    assert "the posterior is $\\mathrm{Beta}(27, 14)$" in prose and (2 + 25, 2 + 12) == (27, 14)
    sensitivity = stats.beta(27, 14)
    assert "between half and four fifths of the patients" in prose
    assert sensitivity.interval(0.95) == pytest.approx((0.5, 0.8), abs=0.01)
    after_25 = stats.beta(2 + 25, 2)
    assert "leaves out the place where you end" in prose and after_25.ppf(0.025) > sensitivity.mean()
    plug_in = stats.binom(3330, 2 / 401)
    mean, spread = map(int, re.search(r"about (\d+), give or take (\d+)", prose).groups())
    assert (mean, spread) == (round(plug_in.mean()), round(plug_in.std()))
    odds = int(re.search(r"with the one in (\d+) of the last section", prose).group(1))
    assert odds == round(1 / stats.betabinom(3330, 3, 400).sf(49))
    assert "two that expect one false alarm in 20 and in 100" in prose
    assert (stats.beta(1, 19).mean(), stats.beta(1, 99).mean()) == pytest.approx((1 / 20, 1 / 100))
    assert "eight times as many samples" in prose and 3324 / 401 == pytest.approx(8, abs=0.5)
    assert "So 9 of 98: about one in eleven" in prose and 98 / 9 == pytest.approx(11, abs=0.5)


def test_chapter_03_describes_its_own_code():
    notebook, prose = chapter("03_sampling")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    metropolis = next(cell.source for cell in notebook.cells if cell.metadata.get("name") == "metropolis")
    body = metropolis.splitlines()[2:]  # below signature and docstring
    assert len(body) == 12 and "Twelve lines of NumPy" in code
    assert "We took 0.18." in prose and "metropolis(log_sensitivity, start, 0.18, 5500, rng)" in code
    assert "do so 500 times" in prose and "repeats=500" in code
    assert "steps of 0.004. We let it run twenty thousand draws" in prose
    assert "metropolis(log_sensitivity, start, 0.004, 5000, rng)" in code  # by four chains
    assert "You have 400 draws" in prose and "metropolis(log_sensitivity, start, 0.18, 100, rng)" in code
    assert "120 steps each" in prose and "0.35, 120, pair_rng" in code and "gradient_launches, 0.3, 12)" in code
    assert "(3 leapfrog steps a draw instead of 20)" in prose
    assert "np.negative, start, 0.5, 3, 3000" in code and "start, step, 20, 3000, rng" in code


def test_chapter_03_says_what_is_true():
    notebook, prose = chapter("03_sampling")
    assert "2 means about 88%, −2 about 12%" in prose
    assert special.expit([2, -2]) == pytest.approx([0.88, 0.12], abs=0.005)
    data = next(cell.source for cell in notebook.cells if cell.source.startswith("temperature = np.array"))
    values = {}
    exec(data, {"np": np}, values)  # the cell of the flights
    assert "all seven flights with damage" in prose and values["damaged"].sum() == 7
    assert "the coldest flight was at 53" in prose and values["temperature"].min() == 53
    assert "about a hundred hits, 100,000 draws here" in prose and 100 / 0.001 == 100_000
    assert "worth some five hundred" in prose and 10_000 * 0.1 / 1.9 == pytest.approx(500, rel=0.1)


def test_chapter_04_describes_its_data_prior_and_settings():
    notebook, prose = chapter("04_five_libraries")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    a, b = two_proportions.PATIENTS.values()
    dead_a, dead_b = two_proportions.DEATHS.values()
    assert f"{dead_a} of the {a} were dead, and {dead_b} of the {b}" in prose
    assert f'data = {{"n_a": {a}, "n_b": {b}, "deaths_a": {dead_a}, "deaths_b": {dead_b}}}' in code
    assert "about 20 percentage points" in prose and round(100 * (dead_a / a - dead_b / b)) == 20
    assert f"Then the {dead_a + dead_b} deaths fell" in prose and "Five patients of 107" in prose and a + b == 107
    assert "nine here, nine there" in prose and dead_a - 5 == dead_b + 5 == 9
    assert r"\mathrm{Beta}(2,\ 4)" in prose and two_proportions.PRIOR == (2, 4)
    assert "worth six patients seen before, two of whom died" in prose
    chains, warmup, draws = map(int, re.search(r"chains, warmup, draws = (\d+), (\d+), (\d+)", code).groups())
    assert chains == 4 and f"four chains, {draws:,} draws each after {warmup} steps of warm-up" in prose
    assert chains * draws == 4000 and "run the trial again, 4,000 times" in prose
    assert "worse has a probability of about half a percent" in prose and 0.004 < 1 - two_proportions.exceeds(0) < 0.006
    improved_a, improved_b = two_proportions.IMPROVED.values()
    assert (
        f"{improved_b} of the {b} patients with streptomycin were considerably improved, and {improved_a} of the {a}"
        in prose
    )


def test_chapter_05_describes_its_settings_and_priors():
    notebook, prose = chapter("05_linear_regression")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    chains, warmup, draws = map(int, re.search(r"chains, warmup, draws = (\d+), (\d+), (\d+)", code).groups())
    assert chains == 4 and f"four chains, {draws:,} draws each after {warmup} steps of warm-up" in prose
    assert "puts it between 1 and 7 kg with 95% probability" in prose
    assert stats.norm(4, 1.5).interval(0.95) == pytest.approx([1, 7], abs=0.1)


def test_chapter_05_says_what_its_posterior_says():
    _, prose = chapter("05_linear_regression")
    line, adelie = (load_reference(name).parameters for name in ("penguins_line", "penguins_adelie"))
    flipper_mean = sbs.load_penguins()["flipper_length_mm"].mean() / 10
    slope, sigma = line["beta"]["mean"], line["sigma"]["mean"]
    assert "differ by about half a kilogram" in prose and slope == pytest.approx(0.5, abs=0.02)
    assert "weighs minus six kilograms" in prose and line["alpha"]["mean"] - slope * flipper_mean == pytest.approx(
        -6, abs=0.5
    )
    # the longer-flippered of two birds, 1 cm apart, is the lighter one
    assert "the lighter one about one time in five" in prose and stats.norm.cdf(
        0, slope, sigma * 2**0.5
    ) == pytest.approx(1 / 5, abs=0.03)
    assert "About four chances in ten" in prose and stats.norm.sf(0.5, slope, line["beta"]["sd"]) == pytest.approx(
        0.4, abs=0.03
    )
    assert "about one bird in five" in prose
    over = stats.norm.sf(5, line["alpha"]["mean"] + slope * (21 - flipper_mean), sigma)
    assert over == pytest.approx(1 / 5, abs=0.03)
    assert "A third flatter" in prose and adelie["beta"]["mean"] / slope == pytest.approx(2 / 3, abs=0.05)


def test_chapter_07_says_what_is_true():
    notebook, prose = chapter("07_measurement_noise")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    radon = sbs.load_radon()
    readings = radon.loc[radon["floor"] == 1, "radon_pci_l"].to_numpy()
    assert "in 153 houses" in prose and len(readings) == 153
    assert "In 71 of the rows" in prose and np.sum(readings < 2) == 71
    assert "Three houses have exactly none" in prose and np.sum(readings == 0) == 3
    assert "two of our houses have exactly 2.0" in prose and np.sum(readings == 2) == 2
    assert "three quarters of the readings are hidden" in prose
    assert np.mean(readings < 4) == pytest.approx(0.75, abs=0.01)
    seen, below = measurement_noise.radon_readings(2)
    logs = [seen, *(np.append(seen, np.full(below, np.log(value))) for value in (2, 1, 0.1))]
    assert "anything from 0.7 to 4.2 pCi/L" in prose
    typical = [np.exp(values.mean()) for values in logs]
    assert (min(typical), max(typical)) == pytest.approx((0.7, 4.2), abs=0.05)
    assert "spread over 160 units and their errors are 11 at most" in prose
    hogg = sbs.load_hogg().loc[5:]
    assert np.ptp(hogg["x"]) == 160 and hogg["sigma_x"].max() == 11
    assert "between 0.4 and 20 pCi/L" in prose
    assert np.exp(stats.norm(1, 1).interval(0.95)) == pytest.approx([0.4, 20], rel=0.06)
    assert "expects one accident, with 95% probability between 0.1 and 2.8" in prose
    assert stats.gamma(2, scale=1 / 2).interval(0.95) == pytest.approx((0.1, 2.8), abs=0.03)
    assert "by 30% of the mean or by 140%" in prose
    assert stats.gamma(2, scale=1 / 0.5).interval(0.95) == pytest.approx((1.4**-2, 0.3**-2), rel=0.06)
    both, accidents = (load_reference(name).parameters for name in ("both_errors", "accident_counts"))
    assert "standard deviation of about 44 units" in prose and 100 * both["tau_x"]["mean"] == pytest.approx(44, abs=0.5)
    mu, phi = accidents["mu"]["mean"], accidents["phi"]["mean"]
    assert "about a third of the way" in code and 1 / (phi / mu + 1) == pytest.approx(1 / 3, abs=0.01)
    assert "more than half of her three were bad luck" in " ".join(code.split()).replace('" "', "")
    assert (phi + 3) / (phi / mu + 1) < 1.5
    assert "Take two of the 647 women" in prose and measurement_noise.WOMEN.sum() == 647


def test_chapter_08_describes_its_settings_and_priors():
    notebook, prose = chapter("08_hierarchical_regression")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    chains, warmup, draws = map(int, re.search(r"chains, warmup, draws = (\d+), (\d+), (\d+)", code).groups())
    assert chains == 4 and f"four chains, {draws:,} draws each after {warmup} steps of adaptation" in prose
    assert "that is 0.4 and 20 pCi/L" in prose
    assert np.exp(stats.norm(1, 1).interval(0.95)) == pytest.approx([0.4, 20], rel=0.05)


def test_chapter_08_says_what_the_survey_says():
    _, prose = chapter("08_hierarchical_regression")
    houses = radon_grid.data()
    counts = np.bincount(houses.county)
    assert "between 1 and 116 houses" in prose and (counts.min(), counts.max()) == (1, 116)
    readings = np.unique(np.exp(houses.y))
    assert "the smallest reading that is not zero" in prose and readings[0] == pytest.approx(0.1)
    own = np.linalg.lstsq(np.column_stack([np.eye(85)[houses.county], houses.floor]), houses.y)[0]
    pooled = np.linalg.lstsq(np.column_stack([np.ones_like(houses.y), houses.floor]), houses.y)[0]
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    assert "nearly five times the limit" in prose and 4.6 < np.exp(own[here]) / 4 < 5
    assert "just below the agency's limit" in prose and 3.6 < np.exp(pooled[0]) < 4


def test_chapter_08_says_what_its_posterior_says():
    _, prose = chapter("08_hierarchical_regression")
    posterior = load_reference("radon_intercepts").parameters
    with_uranium, without = posterior["sigma_alpha"]["mean"], exercises_of("08")["08-no-uranium"].right()
    assert "Twice as much as with uranium" in prose and without / with_uranium == pytest.approx(2, abs=0.2)
    assert "about three quarters of the *variance*" in prose
    assert 1 - (with_uranium / without) ** 2 == pytest.approx(0.75, abs=0.04)
    assert "the textbook's value for this model is 0.33" in prose and without == pytest.approx(0.33, abs=0.01)
    assert "a factor of two up or down" in prose and np.exp(posterior["sigma_y"]["mean"]) == pytest.approx(2, abs=0.2)
    assert "Eight percent" in prose and exercises_of("08")["08-weight"].right() == pytest.approx(0.08, abs=0.005)


def test_second_part_of_chapter_08_says_what_its_settings_and_data_say():
    notebook, prose = chapter("08b_varying_slopes")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert re.search(r"chains, warmup, draws = 4, 500, 1500\n", code) and "draw 1,500 times a chain" in prose
    houses = radon_grid.data()
    assert "Only one house in six" in prose and houses.floor.mean() == pytest.approx(1 / 6, abs=0.01)
    counts, upstairs = np.bincount(houses.county), np.bincount(houses.county, houses.floor)
    mixed = np.flatnonzero((upstairs > 0) & (upstairs < counts))
    lines = [np.polyfit(houses.floor[houses.county == j], houses.y[houses.county == j], 1) for j in mixed]
    assert "was clearly negative" in prose and np.corrcoef(np.transpose(lines))[0, 1] < -0.3
    same, vary = (load_reference(name).parameters for name in ("radon_intercepts", "radon_slopes"))
    here = sorted(set(load_radon()["county"])).index("Lac qui Parle")
    difference = abs(vary["alpha"]["mean"][here] - same["alpha"]["mean"][here])
    assert "it makes hardly a difference" in prose and difference < 0.5 * same["alpha"]["sd"][here]
    redwood = sorted(set(load_radon()["county"])).index("Redwood")
    assert "Redwood County's step, for one, is $-0.29$, give or take $0.38$" in prose
    steps = vary["beta"]
    assert (steps["mean"][redwood], steps["sd"][redwood]) == pytest.approx((-0.29, 0.38), abs=0.006)
    spread = vary["sigma_beta"]
    assert "anything from 0.1 to 0.6" in prose
    assert spread["mean"] - 2 * spread["sd"] == pytest.approx(0.1, abs=0.05)
    assert spread["mean"] + 2 * spread["sd"] == pytest.approx(0.6, abs=0.05)


def table(notebook, start):
    """Return the table whose plain text begins with ``start`` (spaces aside), by row: the last words are numbers."""
    rows = {}
    for line in shown(notebook, start).splitlines()[1:]:
        found = re.match(r"\s*(.*?)\s+(-?\d[\d.]*(?:\s+-?\d[\d.]*)*)\s*$", line)
        if found:
            rows[found.group(1)] = [float(value) for value in found.group(2).split()]
    return rows


def test_chapter_09_says_what_its_cells_found():
    notebook, prose = chapter("09_generalisation")
    seen = table(notebook, "RMSE  log score of a house")
    assert 'By both scores "no pooling" wins' in prose
    assert min(seen, key=lambda m: seen[m][0]) == max(seen, key=lambda m: seen[m][1]) == "no pooling"
    p = table(notebook, "elpd    se     p")["no sampler"][2]
    assert "`p` is near twenty" in prose and abs(p - 20) < 2
    refits = table(notebook, "k-hat")
    assert "PSIS was off by less than 0.2" in prose and "above 2 by eight and twelve" in prose
    for k_hat, psis, exact in refits.values():
        assert abs(psis - exact) < 0.2 if k_hat < 0.9 else abs(psis - exact) > 0.2
    off = sorted(abs(psis - exact) for k_hat, psis, exact in refits.values() if k_hat > 2)
    assert [round(value) for value in off] == [8, 12]
    assert "the Gaussian gave this point less than −50" in prose
    assert refits["point 4, Gaussian"][2] < -50
    kept = table(notebook, "random houses  whole counties  the envelope")
    pooled = kept["pooled"]
    assert 'Even "no pooling" beats the pooled model' in prose and kept["no pooling"][0] < pooled[0]
    assert '"No pooling" is far behind everybody' in prose
    assert kept["no pooling"][1] == max(row[1] for row in kept.values())
    assert "are as good as the pooled model" in prose
    assert all(abs(kept[name][1] - pooled[1]) < 0.01 for name in ("hierarchical", "boosting"))
    assert "For all models but one, the envelope's errors are smaller than *both* promises" in prose
    assert sum(row[2] < min(row[:2]) for row in kept.values()) == len(kept) - 1
    tuned = table(notebook, "tuned with random parts")
    assert "Hardly, in these data" in prose and all(abs(one - other) < 0.02 for one, other in tuned.values())
    expected = table(notebook, "expected, known county")
    assert "agree to a hundredth, nearly" in prose
    assert all(abs(a - b) < 0.015 and abs(c - d) < 0.015 for a, b, c, d in expected.values())
    inside = table(notebook, "whole counties, of 65")
    assert "In the envelope the two pooled models fall short" in prose and "No pooling misses none" in prose
    assert inside["no pooling"][1] == 20 and max(inside[m][1] for m in ("pooled", "pooled + uranium")) < 16
    assert min(inside[m][1] for m in ("hierarchical", "hierarchical + uranium")) >= 17
    months = table(notebook, "rolling forecasts  the decade put away")
    assert "hold far less than 90%" in prose and months["smooth curve"][0] < 0.7 and months["smooth curve"][1] < 0.05
    assert months["a family of years"][0] > 0.9


def test_chapter_09_on_counties_and_widths():
    from sidebyside.exercises import chapter_09
    from sidebyside.radon_grid import PUT_AWAY, SEED, split

    notebook, prose = chapter("09_generalisation")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    survey, envelope = split()
    assert f"SEED = {SEED}" in code and f"{PUT_AWAY}, replace=False" in code
    assert f"fit the model to the other {len(survey.y) - 1}" in prose
    assert f"Add up {len(survey.y)} such scores" in prose
    level = {name: np.mean(h.y + 0.7 * h.floor) for name, h in (("survey", survey), ("envelope", envelope))}
    assert "the twenty happen to have more radon" in prose and level["envelope"] > level["survey"] > 1
    truth = load_reference("radon_training").parameters
    assert "is near 0.15, and houses scatter by almost 0.8" in prose
    assert abs(truth["sigma_alpha"]["mean"] - 0.15) < 0.02 and 0.77 < truth["sigma_y"]["mean"] < 0.8
    pooled, hierarchical = chapter_09._widths()
    assert "differ by half as much again about averages" in prose
    assert hierarchical / pooled == pytest.approx(1.5, abs=0.1)
    pooled, hierarchical = chapter_09._widths(100)
    assert "by a factor of nearly four" in prose and 3.4 < hierarchical / pooled < 4
    assert "more than $e^{40}$ times as much" in prose


def test_chapter_10_describes_its_settings_and_inputs():
    notebook, prose = chapter("10_decisions")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    chains, warmup, draws = map(int, re.search(r"chains, warmup, draws = (\d+), (\d+), (\d+)", code).groups())
    assert chains == 4 and f"four chains of {draws:,} draws each after {warmup} steps" in prose
    assert "a table of 30,000 imaginary houses" in prose and chains * draws * 5 == 30_000 and "per_draw=5" in code
    radon = sbs.load_radon()
    assert "919 houses in 85 counties" in prose and (len(radon), radon["county"].nunique()) == (919, 85)
    houses = radon.groupby("county").size()
    assert "one of them rests on 25 houses. The other is a single reading" in prose
    assert (houses["Stearns"], houses["Mahnomen"]) == (25, 1)
    assert "rng.beta(12, 8," in code and "The first lies between 0.4 and 0.8 with 95% probability" in prose
    assert stats.beta(12, 8).interval(0.95) == pytest.approx((0.4, 0.8), abs=0.02)
    assert "rng.normal(np.log(0.64), 0.15," in code and "the second between 0.48 and 0.86" in prose
    assert np.exp(stats.norm(np.log(0.64), 0.15).interval(0.95)) == pytest.approx([0.48, 0.86], abs=0.006)


def test_chapter_10_takes_two_numbers_from_iowa():
    _, prose = chapter("10_decisions")
    test, air = stats.norm.isf(0.60), stats.norm.isf(0.30)
    rho = optimize.brentq(
        lambda r: stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([-test, -air]) - 0.60 * 0.44, 0, 0.99
    )
    assert "well over half of the variance" in prose and 1 - rho**2 == pytest.approx(0.6, abs=0.01)
    assert "about two thirds of what the basement holds" in prose
    assert np.exp(0.76 * (test - rho * air)) == pytest.approx(0.64, abs=0.005)
    assert load_reference("radon_intercepts").parameters["sigma_y"]["mean"] == pytest.approx(0.76, abs=0.005)


def test_chapter_10_says_what_its_numbers_say():
    _, prose = chapter("10_decisions")
    assert "if you would pay half a million dollars for a life, your dial is near 4" in prose
    assert 2000 / 2 / (30 / 75 * 3 * 7 / 1000 / 4) == pytest.approx(5e5, rel=0.06)
    # the gain is zero where the expected improvement is the dial less the 2 pCi/L that are left
    assert "at about 5 in one county, and far above 10 in another" in prose
    assert after_reading(5, "Lincoln")[0] == pytest.approx(2, abs=0.15) and after_reading(12, "Lake")[0] < 1.6
    assert "you end near 3 (exercise 4)" in prose and exercises_of("10")["10-dial"].right() == pytest.approx(
        3, abs=0.15
    )
    assert "A third more than the typical house" in prose
    assert exercises_of("10")["10-average"].right() / np.exp(1.5) == pytest.approx(4 / 3, abs=0.01)
    assert "fixing loses 400 dollars on average" in prose
    assert 0.2 * _gain(6, 3) + 0.8 * _gain(2, 3) == pytest.approx(-400)
    assert "win 6,000 there" in prose and _gain(6, 3) == 6000


def test_chapter_11_says_what_its_approximations_are():
    _, prose = chapter("11_large_data")
    tilted = 1 / np.sqrt(np.diag(np.linalg.inv([[1, 0.9], [0.9, 1]])))
    assert "less than half of what they should be" in prose and 0.4 < tilted[0] < 0.5
    sd = {
        name: load_reference(name).parameters["beta"]["sd"]
        for name in ("robust_log", "robust_laplace", "robust_mean_field")
    }
    assert "Laplace's is about a quarter too short" in prose
    assert 1 - sd["robust_laplace"] / sd["robust_log"] == pytest.approx(0.25, abs=0.04)
    assert sd["robust_laplace"] < sd["robust_mean_field"] < sd["robust_log"]
    truth, non_centred = (load_reference(name).parameters["log_tau"] for name in ("funnel_centred", FREE))
    assert "less than half as wide as it should be" in prose and non_centred["sd"] < truth["sd"] / 2
    peak = load_reference("funnel_non_centred_laplace").parameters["log_tau"]["mean"]
    assert "at a $\\tau$ that is much too large" in prose and peak > truth["mean"] + 1.5 * truth["sd"]
    assert "at a correlation of 0.8 you lose 40% of the width, at 0.95 more than two thirds".lower() in prose.lower()
    assert 1 - np.sqrt(1 - 0.8**2) == pytest.approx(0.4) and 1 - np.sqrt(1 - 0.95**2) > 2 / 3


FREE = "funnel_non_centred_mean_field"


def test_second_part_of_chapter_11_counts():
    _, prose = chapter("11b_many_machines")
    houses, _ = radon_grid.split()
    assert "691 houses" in prose and len(houses.y) == 691 and "65 counties" in prose and len(houses.u) == 65
    assert "about six percent" in prose and stats.binom.cdf(54, 65, 0.9) == pytest.approx(0.06, abs=0.005)
    assert "65 counties can tell 90% from 70%, but not from 85%" in prose
    assert stats.binom.cdf(65 * 0.7, 65, 0.9) < 0.001 and stats.binom.cdf(65 * 0.85, 65, 0.9) > 0.05


def test_chapter_12_says_what_its_numbers_say():
    notebook, prose = chapter("12_bayesian_neural_network")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "units = 8" in code and "There are `3 * 8 + 1 = 25` weights" in prose and 3 * 8 + 1 == 25
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert (
        "a time, a reading, twenty-one times" in prose and "21 readings; none in 1964-02, 1964-03, 1964-04" in printed
    )
    roughness = float(re.search(r"(\S+) ppm\n", printed).group(1))
    assert "We round up a little" in prose and 0.25 <= roughness <= 0.3 and "sigma = 0.3 / 2" in code
    assert "more than ten million copies" in prose and 10e6 < 2**8 * factorial(8) < 11e6
    assert "exchange units 3 and 5" in prose and "order = [0, 1, 2, 5, 4, 3, 6, 7]" in code
    assert "month by month**: 36 numbers" in prose and "each of 36 values" in prose
    assert "So it moves only 16 numbers" in prose and 2 * 8 == 16
    assert "a linear regression with nine coefficients" in prose and 8 + 1 == 9
    assert "Forty networks" in code and "- 1, 160, dtype=int)" in code and "drawn[::4]" in code
    assert len(range(160)[::4]) == 40
    unit = integrate.quad(lambda b: np.tanh(b) ** 2 * stats.norm.pdf(b, 0, 2), -40, 40)[0]
    assert "has the mean 0.635 if" in prose and unit == pytest.approx(0.635, abs=0.0005)
    assert "in units of 2 ppm from 319 ppm" in prose and "return 319 + 2 * value" in code
    assert "Air that swings by some 4 ppm" in prose
    assert exercises_of("12")["12-prior"].right() == pytest.approx(4.4, abs=0.5)
    assert "$3! = 6$ orders" in prose and "$2^3 = 8$" in prose and exercises_of("12")["12-copies"].right() == 48
    bells, layer, bells_ends, layer_ends = numbers(shown(notebook, "Of the width"))
    assert "Why are bells too narrow where there are no readings?" in prose
    assert bells < 100 and layer < 100 and bells_ends < layer_ends < 100
    kept = shown(notebook, f"{len(load_reference('network_springs').parameters['f']['pit'])} springs")
    _, first, second, third, _ = (float(rate.rstrip("%")) for rate in re.findall(r"\d+%", kept))
    assert "The order is what theory says" in prose and first < second < third


def test_chapter_14_says_what_its_numbers_say():
    notebook, prose = chapter("14_calibration")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "495 draws, of which 99 are kept" in prose
    assert "worlds, draws = 100, 99" in code and "warmup, thin = 300, 5" in code and 99 * 5 == 495
    assert "keep every fifth draw" in prose and "a hundred worlds side by side" in prose.lower()
    assert "with three hundred parameters" in prose and 100 * 3 == 300
    assert "one in four such figures" in prose and 1 - 0.95**5 == pytest.approx(1 / 4, abs=0.03)
    assert "Nearly one in five" in prose and 1 - 0.95**4 == pytest.approx(1 / 5, abs=0.02)
    assert "about 98.7%" in prose and 0.95 ** (1 / 4) == pytest.approx(0.987, abs=0.0005)
    assert "gives 98.75%" in prose and 1 - 0.05 / 4 == 0.9875
    assert "it is 2 in 100" in prose and 2 / (99 + 1) == 0.02
    sticky = exercises_of("14")["14-sticky"].right()
    assert "Four times too often, as often as with some twenty independent draws" in prose
    assert sticky / 0.02 == pytest.approx(4, abs=0.5) and 2 / sticky - 1 == pytest.approx(22, abs=2)
    # at its top the log of Beta(2 + k, 2 + 5 - k) has the curvature 7 / (m (1 - m))
    m = (1 + 2) / 7
    assert "$\\sqrt{m(1 - m)/7}$" in prose and 3 / m**2 + 4 / (1 - m) ** 2 == pytest.approx(7 / (m * (1 - m)))
    assert stats.norm.ppf(0.9) == pytest.approx(1.28, abs=0.005) and "$m \\pm 1.28$ standard deviations" in prose
    band = sbs.calibration_band(100, 99)
    assert (band[2] - band[0]).max() == pytest.approx(0.14, abs=0.02)  # as the figure's description says
    how = sbs.load_calibration("student_t").how
    assert shown(notebook, how[:60]) == how
    for name, worlds in (("line", 100), ("wrong_line", 40)):  # the page cuts the ranks into ten seeds
        assert len(sbs.load_calibration(name).ranks["PyMC"]["alpha"]) == 10 * worlds


def test_chapter_13_describes_its_settings_and_data():
    notebook, prose = chapter("13_choosing_a_library")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "60 players, 1,500 matches" in prose
    assert "chains, warmup, draws = 4, 1000, 2000" in code
    assert "four chains of 2,000 draws after 1,000 steps of adaptation" in prose
    assert "lets no path take more than 31 steps" in prose and code.count("max_tree_depth=5") == 2
    assert (bradley_terry.PLAYERS, bradley_terry.MATCHES) == (60, 1500)
    assert "n_players = 60" in code and "sbs.simulate_matches(n_players, 1500, SEED)" in code
    assert f"SEED = {bradley_terry.SEED}" in code
    assert "as many as Ingram had, with as many players: 160,420 and 4,804" in prose
    assert (problems.MATCHES, problems.PLAYERS) == (160_420, 4804)
    model = bradley_terry.MODELS["bradley_terry"]
    assert "on more than a hundred thousand independent draws" in prose and model["batches"] * model["draws"] > 100_000
    assert "a difference of 1 makes about three to one, of 2 more than seven to one" in prose
    assert np.exp([1, 2]) == pytest.approx([2.7, 7.4], abs=0.05)
    assert (
        "looks, steps = 20_000, 20" in code
        and "20,000 a chain. Metropolis spends one on each draw, Hamiltonian Monte" in prose
    )
    matches, true_skill = sbs.simulate_matches(60, 1500, bradley_terry.SEED)
    lead = load_reference("bradley_terry").parameters["skill"]["mean"] - true_skill
    assert "The weakest players are worse than the model believes, all of them" in prose
    assert np.sum(true_skill < -2) == 3 and np.all(lead[true_skill < -2] > 1)
    played = np.bincount(matches.to_numpy().ravel(), minlength=60)
    never = ~np.isin(np.arange(60), matches["winner"])
    assert "Those who never won have played little" in code and played[never].max() < 20 < np.median(played)
    sd = load_reference("bradley_terry").parameters["sd"]["mean"]
    assert "two draws from such a family differ by about 1" in prose and 0.75 < 2 * sd / np.sqrt(np.pi) < 1.5
    assert "a player who is better by 1 still loses one match in four" in prose
    assert special.expit(-1) == pytest.approx(1 / 4, abs=0.03)
    assert "About seven in ten" in prose
    assert exercises_of("13")["13-newcomers"].right() == pytest.approx(0.7, abs=0.05)
    assert "They meet at 1,800" in prose and exercises_of("13")["13-pays"].right() == pytest.approx(1800)
    assert "Y has 150 effective draws a second and X about 22" in prose
    assert (1800 / 12, 90 / 4) == pytest.approx((150, 22), abs=0.6)


def test_chapter_13_says_what_its_cells_found():
    notebook, prose = chapter("13_choosing_a_library")
    lengths = table(notebook, "model  drawing")
    together = {library: row[2] for library, row in lengths.items()}
    assert "take PyMC. It needs few lines" in prose and together["PyMC"] == min(together.values())
    assert "Pyro's drawing is long here" in prose
    assert lengths["Pyro"][1] == max(row[1] for row in lengths.values())
    assert "Stan has many lines because it *declares*" in prose
    assert lengths["Stan"][0] == max(row[0] for row in lengths.values())
    assert "one density, one posterior, and no change to the model" in prose
    outputs = [str(output) for cell in notebook.cells for output in cell.get("outputs", [])]
    engines = ("PyMC on numba", "PyMC on c", "PyMC on jax")
    assert sum(all(engine in output for engine in engines) for output in outputs) == 2  # diagnostics, and agreement


def test_chapter_13_advises_what_the_measurements_say():
    """Advice that is not computed on the page still has to hold in the stored benchmark."""
    _, prose = chapter("13_choosing_a_library")
    bench = sbs.load_benchmark()
    assert "or you want hundreds of chains at once, **then** take NumPyro" in prose
    assert bench.ways.loc["numpyro-vectorized", "at_once"] == "vectorised"
    many = bench.right[bench.right["chains"] > bench.settings["chains"]]
    if len(many):
        most = many[many["chains"] == many["chains"].max()]
        assert "numpyro-vectorized" in set(most["way"])
    assert "There is no GPU in our column" not in prose  # the page says it from the file
    assert len(bench.canary) and set(bench.canary["status"]) == {"wrong"}


def test_chapter_13_shows_code_that_runs_today():
    """What stands under "now" runs, on fewer draws; what stands under "then" is refused or gone."""
    pytest.importorskip("pymc"), pytest.importorskip("tensorflow_probability"), pytest.importorskip("stan")
    notebook, _ = chapter("13_choosing_a_library")
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
