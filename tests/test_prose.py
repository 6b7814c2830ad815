"""Numbers that stand in a chapter's prose are true: each is held against what it speaks of."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from scipy import special, stats

import sidebyside as sbs
from sidebyside.references import load_reference, measurement_noise, two_proportions

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
