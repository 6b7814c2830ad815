"""The package that notebooks import: data, references, converters, densities, agreement, clean outputs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import linalg, special, stats

import sidebyside as sbs
from make_references import (
    approximations,
    bayesian_network,
    bradley_terry,
    hierarchical_regression,
    linear_regression,
    measurement_noise,
    quadrature,
    robust_regression,
    two_proportions,
)
from sidebyside import agreement, density, libraries, notebook_output, radon_grid
from sidebyside.references import Reference

RNG = np.random.default_rng(6)


# ---- data and references ---------------------------------------------------------------------


def test_hogg_data_is_complete_and_says_where_it_comes_from():
    points = sbs.load_hogg()
    assert list(points.columns) == ["x", "y", "sigma_y", "sigma_x", "rho_xy"]
    assert list(points.index) == list(range(1, 21))
    # sums of the columns as printed in the paper's table 1: a digit changed by mistake changes one of them
    assert points.sum().round(2).tolist() == [3463.0, 8389.0, 540.0, 131.0, -0.94]
    assert "1008.4686" in points.attrs["source"] and points.attrs["units"] == "arbitrary"


def test_penguins_are_complete_and_say_where_they_come_from():
    penguins = sbs.load_penguins()
    # the counts of birds and of gaps are those that the data's own documentation gives
    assert penguins.shape == (344, 8)
    assert penguins["species"].value_counts().to_dict() == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert penguins.isna().sum()[["flipper_length_mm", "body_mass_g", "sex"]].tolist() == [2, 2, 11]
    assert penguins["flipper_length_mm"].mean() == pytest.approx(200.915, abs=0.001)
    assert penguins["body_mass_g"].mean() == pytest.approx(4201.754, abs=0.001)
    assert "pone.0090081" in penguins.attrs["source"] and penguins.attrs["licence"].startswith("CC0")


def test_co2_is_the_record_and_says_where_it_comes_from():
    co2 = sbs.load_co2()
    # 1958-03 to 2001-12 are 526 months; five have no reading (one of 1958 and 1964's gap among them)
    months = pd.period_range("1958-03", "2001-12", freq="M").astype(str)
    assert co2.shape == (521, 2) and set(co2["month"]) < set(months) and co2["month"].is_monotonic_increasing
    assert co2["co2_ppm"].iloc[[0, -1]].tolist() == [316.1, 371.02]  # the file's first week; the mean of its last month
    assert co2["co2_ppm"].mean() == pytest.approx(339.8225, abs=1e-3)
    assert co2.attrs["licence"] == "public domain" and "Keeling" in co2.attrs["source"]


def test_radon_is_the_data_of_the_published_analyses():
    radon = sbs.load_radon()
    # 919 houses, 85 counties, 153 detectors on the first floor, mean log radon 1.22: as in Gelman and Hill's chapter 12
    assert radon.shape == (919, 4) and radon["county"].nunique() == 85 and radon["floor"].sum() == 153
    assert (radon["radon_pci_l"] == 0).sum() == 3 and not radon.isna().any().any()
    assert np.log(radon["radon_pci_l"].clip(lower=0.1)).mean() == pytest.approx(1.2246, abs=1e-4)
    assert (radon.groupby("county")["uranium_ppm"].nunique() == 1).all()
    assert "public domain" in radon.attrs["licence"]


def test_matches_are_the_same_on_every_machine_and_follow_the_skills():
    matches, skill = sbs.simulate_matches(60, 1500, 20113)
    again, _ = sbs.simulate_matches(60, 1500, 20113)
    assert matches.equals(again) and list(matches.columns) == ["winner", "loser"] and len(skill) == 60
    # chapter 13's reference posterior belongs to these very matches
    assert (matches["winner"] * np.arange(1500)).sum() == 37_846_417
    many, skill = sbs.simulate_matches(50, 100_000, 1)
    assert (many["winner"] != many["loser"]).all() and set(dask_fits.stack().unique()) <= set(range(50))
    best, worst = np.argmax(skill), np.argmin(skill)
    played = np.bincount(dask_fits.to_numpy().ravel(), minlength=50)
    assert played[best] / played[worst] == pytest.approx(np.exp(skill[best] - skill[worst]), rel=0.5)
    first, second = np.argsort(played)[-2:]
    won = ((many["winner"] == first) & (many["loser"] == second)).sum()
    lost = ((many["winner"] == second) & (many["loser"] == first)).sum()
    assert won / (won + lost) == pytest.approx(special.expit(skill[first] - skill[second]), abs=0.05)
    with pytest.raises(ValueError, match="two players"):
        sbs.simulate_matches(1, 10, 1)


def test_importing_the_package_imports_no_probabilistic_library():
    # ArviZ itself imports NumPyro and JAX where they are installed: that is not ours to forbid
    modules = sorted({module for library in sbs.LIBRARIES.values() for module in library.modules})
    code = (
        "import sys, arviz; before = set(sys.modules); import sidebyside as sbs\n"
        "sbs.prepare(); sbs.check_agreement; sbs.density; sbs.from_pyro\n"
        f"print([module for module in {modules} if module in set(sys.modules) - before])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_unknown_attribute_and_unknown_reference_say_so():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sbs.nonsense  # noqa: B018
    with pytest.raises(ValueError, match=r"no reference posterior called 'nope'.*robust_mixture, robust_not_centred"):
        sbs.load_reference("nope")


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setattr(libraries, "find_spec", lambda module: None)
    with pytest.raises(sbs.LibraryMissingError, match=r'NumPyro is not installed.*make lab LIBS="numpyro"'):
        libraries.need("NumPyro")


@pytest.mark.parametrize(
    ("chapter", "name"),
    [
        (chapter, name)
        for chapter in (
            linear_regression,
            robust_regression,
            measurement_noise,
            hierarchical_regression,
            approximations,
        )
        for name in chapter.MODELS
    ],
)
def test_stored_reference_is_what_its_command_makes(chapter, name):
    """A coarser grid, seconds instead of minutes: still right to three digits."""
    # chapters 5 to 7 say six digits; four unknowns are a coarser grid
    error = {"radon_slopes": 2e-5, "robust_mean_field": 1e-4}.get(name, 1e-6)
    stored = sbs.load_reference(name)
    grids = {"robust_student_t": (50, 60), "radon_slopes": (10, 14), "robust_log": (50, 60)}
    grids |= {name: (7, 10) for name in ("robust_mean_field", "robust_not_centred")}
    grids |= {name: (200, 300) for name in ("funnel_centred", "funnel_non_centred")}
    made = chapter.make(name, grids=grids.get(name, (26, 32)))
    np.testing.assert_allclose(stored.log_density, made["log_density"], rtol=1e-12)
    np.testing.assert_equal(stored.points, [{key: np.array(v)[()] for key, v in p.items()} for p in made["points"]])
    for parameter, values in stored.parameters.items():
        assert np.max([values["mean_error"], values["sd_error"]]) < error
        np.testing.assert_allclose(made["parameters"][parameter]["mean"], values["mean"], rtol=0, atol=1e-3)
        np.testing.assert_allclose(made["parameters"][parameter]["sd"], values["sd"], rtol=0, atol=1e-3)
        if "kurtosis" in values:  # approximations are normal
            np.testing.assert_allclose(made["parameters"][parameter]["kurtosis"], values["kurtosis"], rtol=0.05)


def test_the_funnel_of_chapter_11_is_the_one_of_chapter_8():
    """The stored moments against a grid of mu and tau, written as chapter 8's small world is."""
    seen, se = approximations.SEEN, approximations.SE
    mu, tau = np.linspace(-1, 4, 301)[:, None, None], np.exp(np.linspace(-9, 1.7, 400))[:, None]
    log_p = stats.norm.logpdf(seen, mu, np.hypot(tau, se)).sum(axis=-1) + stats.norm.logpdf(mu[..., 0], 1, 1)
    weight = np.exp(log_p + stats.halfnorm.logpdf(tau[:, 0]) + np.log(tau[:, 0]))
    weight /= weight.sum()
    stored = sbs.load_reference("funnel_centred").parameters
    mean = np.sum(weight * mu[..., 0])
    assert stored["mu"]["mean"] == pytest.approx(mean, abs=1e-3)
    log_tau = np.sum(weight * np.log(tau[:, 0]))
    assert stored["log_tau"]["mean"] == pytest.approx(log_tau, abs=5e-3)
    own = (tau / np.hypot(tau, se)) ** 2
    level = np.sum(weight[..., None] * (own * seen + (1 - own) * mu), axis=(0, 1))
    np.testing.assert_allclose(stored["level"]["mean"], level, atol=1e-3)


@pytest.mark.parametrize("centred", [True, False])
def test_the_funnels_expectation_is_the_mean_of_its_log_density(centred):
    """The formula against draws; what it leaves out is a constant."""
    rng = np.random.default_rng(2)
    differences = []
    for shift in (0.0, 0.4):
        size = approximations.COUNTIES + 2
        mean, sd = np.linspace(0.2, 1, size) + shift, np.linspace(0.1, 0.3, size)
        draws = mean + sd * rng.normal(size=(20_000, size))
        drawn = np.mean([approximations._funnel_log(draw, centred) for draw in draws[:4000]])
        differences.append(drawn - approximations.funnel_expectation(mean, sd, centred=centred))
    assert differences[0] == pytest.approx(differences[1], abs=0.5)


def normal(reference, shift=0.0, scale=1.0):
    """Return mean and covariance of a stored approximation, moved by ``shift`` sds and widened by ``scale``."""
    parts = reference.parameters.values()
    mean, sd = (np.concatenate([np.ravel(part[kind]) for part in parts]) for kind in ("mean", "sd"))
    return mean + shift * sd, np.diag((scale * sd) ** 2)


def test_an_approximation_that_is_right_passes_and_its_table_shows_the_worst_element():
    reference = sbs.load_reference("funnel_centred_mean_field")
    mean, covariance = normal(reference)
    mean = mean.copy()
    mean[7] += 0.05 * np.sqrt(covariance[7, 7])
    table = sbs.check_approximations({"PyMC": (mean, covariance), "Stan": normal(reference)}, reference)
    assert list(table.index) == [(name, library) for name in ("mu", "log_tau", "level") for library in ("PyMC", "Stan")]
    assert table.loc[("level", "PyMC"), "off (sds)"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("shift", "scale", "said"),
    [(0.2, 1.0, r"Pyro: alpha is"), (0.0, 1.2, r"Pyro: alpha is"), (np.nan, 1.0, r"Pyro: alpha is nan")],
)
def test_an_approximation_that_is_off_is_named(shift, scale, said):
    reference = sbs.load_reference("robust_mean_field")
    with pytest.raises(agreement.DisagreementError, match=said):
        sbs.check_approximations({"PyMC": normal(reference), "Pyro": normal(reference, shift, scale)}, reference)


def test_an_approximation_of_another_size_is_refused():
    reference = sbs.load_reference("robust_mean_field")
    with pytest.raises(agreement.DrawsError, match="TFP: expected 3 unknowns, alpha, beta, log_nu"):
        sbs.check_approximations({"TFP": (np.zeros(2), np.eye(2))}, reference)
    with pytest.raises(agreement.DrawsError, match="no approximation"):
        sbs.check_approximations({}, reference)


def test_a_county_left_out_is_predicted_from_the_others():
    """Without its houses a county's level is the line plus the family's spread: wider than with them."""
    whole, county = sbs.load_reference("radon_training").parameters["alpha"], 3
    left_out = radon_grid.leave_out(county, grids=(20, 26)).parameters
    assert left_out["alpha_new"]["sd"] > whole["sd"][county]
    line = left_out["gamma_0"]["mean"] + left_out["gamma_1"]["mean"] * radon_grid.data("radon_training").u[county]
    assert left_out["alpha_new"]["mean"] == pytest.approx(line, abs=2e-3)


def test_network_reference_integrates_the_output_layer_exactly():
    """Differences of the hidden layer's log density against multivariate normals, its slopes against differences."""
    data, rng = bayesian_network.window(), np.random.default_rng(3)
    position = rng.normal(size=(4, 2, 5))
    design = bayesian_network.features(position, data.x)
    noise = bayesian_network.SIGMA / bayesian_network.UNIT
    prior = np.append(np.full(5, bayesian_network.V_SD / np.sqrt(5)), bayesian_network.C_SD) ** 2
    exact = [
        stats.multivariate_normal(cov=(one * prior) @ one.T + noise**2 * np.eye(len(data.y))).logpdf(data.y)
        for one in design
    ]
    found = bayesian_network.last_layer(design, data.y)[2]
    np.testing.assert_allclose(found - found[0], np.array(exact) - exact[0], rtol=1e-7)
    energy, slope = bayesian_network.energy_and_slopes(position, data.x, data.y)
    np.testing.assert_allclose(energy, (position**2).sum(axis=(1, 2)) / 2 - found, rtol=1e-12)
    for place in ((0, 0), (0, 4), (1, 2)):
        step = np.zeros_like(position)
        step[:, *place] = 1e-5
        ends = [bayesian_network.energy_and_slopes(position + side * step, data.x, data.y)[0] for side in (-1, 1)]
        np.testing.assert_allclose((ends[1] - ends[0]) / 2e-5, slope[:, *place], rtol=1e-4, atol=1e-4)


def test_network_reference_is_what_its_command_makes():
    """Shorter and with fewer chains, seconds instead of minutes: right within the errors of both."""
    stored, made = sbs.load_reference("small_network"), bayesian_network.make("small_network", (16, 60, 60))
    np.testing.assert_allclose(stored.log_density, made["log_density"], rtol=1e-12)
    np.testing.assert_equal(stored.points, [{key: np.array(v)[()] for key, v in p.items()} for p in made["points"]])
    truth, short = stored.parameters["f"], made["parameters"]["f"]
    assert np.max(truth["mean_error"] / truth["sd"]) < 0.02 and np.max(truth["sd_error"] / truth["sd"]) < 0.02
    for moment in ("mean", "sd"):
        error = np.hypot(short[f"{moment}_error"], truth[f"{moment}_error"])
        assert np.max(np.abs(short[moment] - truth[moment]) / error) < 5
    assert np.median(truth["kurtosis"]) == pytest.approx(3, abs=1)


def test_network_springs_hide_three_months_of_complete_years():
    years = bayesian_network.other_springs()
    springs = sbs.load_reference("network_springs").parameters["f"]
    assert 1964 not in years and springs["pit"].shape == (len(years), 3)
    assert np.max(springs["pit_error"]) < 0.03
    ppm = sbs.load_co2().set_index("month")["co2_ppm"]
    seen = np.array([[ppm[month] for month in bayesian_network.spring(year)] for year in years])
    side = np.sign(seen - springs["mean"]) == np.sign(springs["pit"] - 0.5)
    assert side.mean() > 0.95, "a reading above the predictive mean has more than half of the distribution below it"
    window = bayesian_network.window(1970)
    assert len(window.x) == 21 and len(window.grid) == len(window.months) == 36
    assert not np.any((window.x > -0.25) & (window.x < 0)) and np.mean(window.y) == pytest.approx(0, abs=1e-12)


def test_stored_reference_of_the_matches_is_what_its_command_makes():
    """A fiftieth of the draws: the same densities, and moments within the errors."""
    stored, made = sbs.load_reference("bradley_terry"), bradley_terry.make("bradley_terry", draws=400)
    np.testing.assert_allclose(stored.log_density, made["log_density"], rtol=1e-12)
    np.testing.assert_equal(stored.points, [{key: np.array(v)[()] for key, v in p.items()} for p in made["points"]])
    for parameter, values in stored.parameters.items():
        assert np.max(np.divide([values["mean_error"], values["sd_error"]], values["sd"])) < 0.01
        for kind in ("mean", "sd"):
            error = np.hypot(made["parameters"][parameter][f"{kind}_error"], values[f"{kind}_error"])
            assert np.max(np.abs(made["parameters"][parameter][kind] - values[kind]) / error) < 5


def test_the_matches_reference_agrees_with_plain_sums_where_there_are_two_players(monkeypatch):
    """Importance sampling around the mode, against sums over sd and both skills (sd from 0.3 on, for both)."""
    box, winner, loser = (0.3, 5.0), np.array([0, 0, 0, 1]), np.array([1, 1, 1, 0])
    monkeypatch.setattr(bradley_terry, "PLAYERS", 2)
    monkeypatch.setattr(bradley_terry, "data", lambda: (winner, loser))
    found, _ = bradley_terry.sums(20_000, 2, 30, box)
    node, share = np.polynomial.legendre.leggauss(30)
    sd = (box[0] + (node + 1) / 2 * (box[1] - box[0]))[:, None, None]
    first, second = np.linspace(-15, 15, 301)[:, None], np.linspace(-15, 15, 301)
    weight = (
        share[:, None, None] * stats.halfnorm.pdf(sd) * stats.norm.pdf(first, 0, sd) * stats.norm.pdf(second, 0, sd)
    )
    weight = weight * special.expit(first - second) ** 3 * special.expit(second - first)
    weight /= weight.sum()
    for name, values in (("sd", sd), ("skill", first)):
        centre, powers = found[name]
        moments = {kind: np.ravel(moment)[0] for kind, moment in bradley_terry._moments(centre, powers.sum(0)).items()}
        mean = np.sum(weight * values)
        variance = np.sum(weight * (values - mean) ** 2)
        assert (moments["mean"], moments["sd"]) == pytest.approx((mean, np.sqrt(variance)), abs=0.01)
        assert moments["kurtosis"] == pytest.approx(np.sum(weight * (values - mean) ** 4) / variance**2, rel=0.05)


def test_hierarchical_reference_integrates_the_gaussian_part_exactly():
    """Marginal likelihood and conditional means of a small survey, against one large multivariate normal."""
    rng = np.random.default_rng(5)
    county = np.repeat(np.arange(4), [6, 3, 2, 1])
    floor, u = rng.integers(0, 2, len(county)).astype(float), rng.normal(size=4)
    y = rng.normal(1, 1, len(county))
    houses = radon_grid.Houses(y=y, floor=floor, county=county, u=u)
    sigma_alpha, sigma_beta, rho, sigma_y = 0.4, 0.7, -0.5, 0.8
    log_likelihood, pairs = radon_grid.conditional(
        houses, *(np.array([value]) for value in (sigma_alpha, sigma_beta, rho, sigma_y))
    )
    # all unknowns in one vector: (gamma_0, gamma_1, mean slope), then each county's two effects
    spreads = np.array([sigma_alpha, sigma_beta])
    effect = np.outer(spreads, spreads) * [[1, rho], [rho, 1]]
    prior = linalg.block_diag(np.eye(3), *[effect] * 4)
    start = np.array([1.0, 0, 0] + [0] * 8)
    design = np.zeros((len(y), 11))
    design[:, :3] = np.column_stack([np.ones_like(y), u[county], floor])
    design[np.arange(len(y)), 3 + 2 * county], design[np.arange(len(y)), 4 + 2 * county] = 1, floor
    covariance = design @ prior @ design.T + sigma_y**2 * np.eye(len(y))
    expected = stats.multivariate_normal(design @ start, covariance).logpdf(y)
    gain = prior @ design.T @ np.linalg.inv(covariance)
    mean, spread = start + gain @ (y - design @ start), prior - gain @ design @ prior
    levels = np.zeros((4, 11))
    levels[:, 0], levels[:, 1], levels[np.arange(4), 3 + 2 * np.arange(4)] = 1, u, 1
    (gamma, gamma_variance), (alpha, alpha_variance), _ = pairs
    assert log_likelihood[0] == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(gamma[0], mean[:3])
    np.testing.assert_allclose(gamma_variance[0], np.diag(spread)[:3])
    np.testing.assert_allclose(alpha[0], levels @ mean)
    np.testing.assert_allclose(alpha_variance[0], np.diag(levels @ spread @ levels.T))


def test_errors_in_both_directions_are_the_integral_over_the_true_positions():
    """The reference sums the true positions out in closed form; here each is integrated on a grid."""
    alpha, beta, mu_x, tau_x = 1.6, 2.2, 0.1, 0.5
    true = np.linspace(-4, 4, 4001)
    prior = stats.norm.logpdf([alpha, beta, mu_x], [4, 0, 0], [2, 3, 1]).sum() + stats.halfnorm.logpdf(tau_x)
    total = prior
    for x, y, error in zip(measurement_noise.X, measurement_noise.Y, measurement_noise.ERRORS, strict=True):
        reading = stats.multivariate_normal(cov=error).pdf(np.column_stack([x - true, y - alpha - beta * true]))
        total += np.log(np.sum(reading * stats.norm.pdf(true, mu_x, tau_x)) * (true[1] - true[0]))
    assert measurement_noise.both_errors(alpha, beta, mu_x, tau_x) == pytest.approx(total, abs=1e-6)


def test_two_proportions_are_what_the_command_makes():
    made = two_proportions.make("two_proportions")
    assert made == json.loads((Path(sbs.__file__).parent / "references" / "two_proportions.json").read_text())


def test_two_proportions_closed_form_is_the_integral_of_its_density():
    """The moments come from the beta distributions' formulas; here they come from the log density, on a grid."""
    share = np.linspace(0, 1, 1002)[1:-1]
    p_a, p_b = np.meshgrid(share, share, indexing="ij")
    weight = np.exp(two_proportions.log_density(p_a, p_b))
    weight /= weight.sum()
    for name, values in (("p_a", p_a), ("p_b", p_b)):
        stored = sbs.load_reference("two_proportions").parameters[name]
        mean = np.sum(weight * values)
        sd = np.sqrt(np.sum(weight * (values - mean) ** 2))
        assert (mean, sd) == pytest.approx((stored["mean"], stored["sd"]), abs=1e-6)
        assert np.sum(weight * (values - mean) ** 4) / sd**4 == pytest.approx(stored["kurtosis"], abs=1e-4)
    for gain in (0.0, 0.1, -0.05):
        assert np.sum(weight[p_a - p_b > gain]) == pytest.approx(two_proportions.exceeds(gain), abs=2e-3)


def test_quadrature_finds_known_moments():
    moments = quadrature.grid_moments(
        lambda a, u: stats.norm.logpdf(a, 1, 2) + stats.gamma.logpdf(np.exp(u), 3, scale=2) + u,
        {"a": (-15, 17), "g": (-9, 5)},
        {"g": np.exp},
        120,
    )
    assert moments["a"]["mean"] == pytest.approx(1) and moments["a"]["sd"] == pytest.approx(2)
    assert moments["a"]["kurtosis"] == pytest.approx(3) and moments["g"]["kurtosis"] == pytest.approx(3 + 6 / 3)
    assert moments["g"]["mean"] == pytest.approx(6) and moments["g"]["sd"] == pytest.approx(np.sqrt(12))
    assert moments["a"]["edge"] < 1e-10


# ---- converters ------------------------------------------------------------------------------


def stan_fit(values, *, num_warmup=0, save_warmup=False, num_thin=1, divergent=None):
    """Build a real PyStan Fit from ``values``, shape (chain, draw, 2, 3), as httpstan would have sent them."""
    fit = pytest.importorskip("stan.fit", reason="PyStan is not installed")
    chains, draws = values.shape[:2]
    names = [f"theta.{i}.{j}" for j in (1, 2, 3) for i in (1, 2)]  # Stan counts down the columns
    sent = []
    for chain in range(chains):
        lines = []
        for draw in range(draws):
            row = {"lp__": -1.0 * draw, "divergent__": float(divergent == (chain, draw)), "treedepth__": 2.0}
            row |= {f"theta.{i}.{j}": values[chain, draw, i - 1, j - 1] for j in (1, 2, 3) for i in (1, 2)}
            lines.append(json.dumps({"topic": "sample", "values": row}))
        sent.append("\n".join(lines).encode())
    kept = (draws * num_thin) - num_warmup if save_warmup else draws * num_thin
    return fit.Fit(tuple(sent), chains, ("theta",), tuple(names), ([2, 3],), num_warmup, kept, num_thin, save_warmup)


def test_from_pystan_keeps_chain_draw_and_shape_apart():
    values = RNG.normal(size=(4, 30, 2, 3))
    tree = sbs.from_pystan(
        stan_fit(values, divergent=(2, 7)), dims={"theta": ["row", "column"]}, coords={"row": ["a", "b"]}
    )
    np.testing.assert_array_equal(tree["posterior"]["theta"].values, values)
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "row", "column")
    assert list(tree["posterior"]["row"].values) == ["a", "b"]
    assert tree["sample_stats"]["diverging"].dtype == bool
    assert np.argwhere(tree["sample_stats"]["diverging"].values).tolist() == [[2, 7]]
    np.testing.assert_array_equal(tree["sample_stats"]["lp"].values[1], -np.arange(30.0))
    assert tree["posterior"].attrs["inference_library"] == "Stan"


def test_from_pystan_leaves_warm_up_out():
    values = RNG.normal(size=(4, 30, 2, 3))
    tree = sbs.from_pystan(stan_fit(values, num_warmup=10, save_warmup=True))
    np.testing.assert_array_equal(tree["posterior"]["theta"].values, values[:, 10:])


def test_from_pyro_takes_real_runs_one_or_several():
    pyro = pytest.importorskip("pyro")
    import torch

    def model():
        pyro.sample("theta", pyro.distributions.Normal(torch.zeros(3), 1.0).to_event(1))

    def run(seed):
        pyro.set_rng_seed(seed)
        mcmc = pyro.infer.MCMC(
            pyro.infer.NUTS(model), num_samples=20, warmup_steps=10, num_chains=1, disable_progbar=True
        )
        mcmc.run()
        return mcmc

    runs = [run(seed) for seed in range(4)]
    tree = sbs.from_pyro(runs, dims={"theta": ["school"]})
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "school")
    assert tree["posterior"]["theta"].shape == (4, 20, 3)
    np.testing.assert_array_equal(tree["posterior"]["theta"].values[2], runs[2].get_samples()["theta"].numpy())
    assert tree["sample_stats"]["diverging"].shape == (4, 20)
    assert sbs.from_pyro(runs[1])["posterior"]["theta"].shape == (1, 20, 3)


def groups_pyro():
    """Return a small Pyro model with a scalar, a positive and a vector unknown, and its data."""
    import pyro
    import torch

    zero, one = torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)

    def model(y):
        mu = pyro.sample("mu", pyro.distributions.Normal(zero, 2 * one))
        sigma = pyro.sample("sigma", pyro.distributions.HalfNormal(one))
        with pyro.plate("data", len(y)):
            level = pyro.sample("level", pyro.distributions.Normal(mu, sigma))
            pyro.sample("y", pyro.distributions.Normal(level, one), obs=y)

    return model, torch.tensor([1.0, 3.0, 2.5], dtype=torch.float64)


@pytest.mark.parametrize("fuse", [True, False])
def test_compiled_pyro_model_is_the_model_and_its_chains_are_right(fuse, recwarn):
    pyro = pytest.importorskip("pyro")
    from pyro.infer.mcmc.util import initialize_model
    from pyro.ops.integrator import potential_grad

    model, data = groups_pyro()
    pyro.set_rng_seed(2)
    compiled = sbs.compile_pyro(model, data, fuse=fuse)
    assert [
        warning for warning in recwarn if "deprecated" in str(warning.message) and "jit" in str(warning.message)
    ] == []
    after_compiling = compiled.start()["mu"]
    pyro.set_rng_seed(2)
    _, potential, _, _ = initialize_model(model, (data,))
    assert after_compiling == initialize_model(model, (data,))[0]["mu"]  # a seed set before means what it did
    pyro.set_rng_seed(1)
    first, second = compiled.start(), compiled.start()
    assert first["mu"] != second["mu"]  # chains start at different places
    for position in (first, second):
        slopes, energy = potential_grad(potential, position)
        compiled_slopes, compiled_energy = potential_grad(compiled.potential, position)
        assert float(compiled_energy) == pytest.approx(float(energy), rel=1e-12)
        for name, slope in slopes.items():
            np.testing.assert_allclose(compiled_slopes[name], slope, rtol=1e-10)

    kernel = pyro.infer.NUTS(potential_fn=compiled.potential, transforms=compiled.transforms)
    mcmc = pyro.infer.MCMC(kernel, num_samples=20, warmup_steps=20, initial_params=first, disable_progbar=True)
    mcmc.run()
    assert (sbs.from_pyro(mcmc)["posterior"]["sigma"].values > 0).all()  # back on the model's own scale


@pytest.mark.parametrize("fuse", [True, False])
def test_compiled_pyro_model_moves_chains_together_that_know_nothing_of_one_another(fuse):
    pyro = pytest.importorskip("pyro")
    from pyro.infer.mcmc.util import initialize_model
    from pyro.ops.integrator import potential_grad

    model, data = groups_pyro()
    compiled = sbs.compile_pyro(model, data, chains=3, fuse=fuse)
    _, potential, _, _ = initialize_model(model, (data,))
    pyro.set_rng_seed(1)
    start = compiled.start()
    assert start["level"].shape == (3, 3) and len(set(start["mu"].tolist())) == 3  # chains start at different places
    slopes, energy = potential_grad(compiled.potential, start)
    single = [potential_grad(potential, {name: value[chain] for name, value in start.items()}) for chain in range(3)]
    assert float(energy) == pytest.approx(sum(float(one) for _, one in single), rel=1e-12)
    for chain, (own, _) in enumerate(single):
        for name, slope in own.items():
            np.testing.assert_allclose(slopes[name][chain], slope, rtol=1e-10)

    kernel = pyro.infer.NUTS(potential_fn=compiled.potential, transforms=compiled.transforms)
    mcmc = pyro.infer.MCMC(kernel, num_samples=400, warmup_steps=200, initial_params=start, disable_progbar=True)
    mcmc.run()
    tree = sbs.from_pyro(mcmc, vectorized=True, dims={"level": ["group"]})
    assert tree["posterior"]["level"].shape == (3, 400, 3) and tree["sample_stats"]["diverging"].shape == (3, 400)
    raw = mcmc.get_samples()["level"].numpy()  # (draws, chains, groups)
    np.testing.assert_array_equal(tree["posterior"]["level"].values[2, 7], raw[7, 2])
    assert (tree["posterior"]["sigma"].values > 0).all()
    mu = tree["posterior"]["mu"].values
    assert np.abs(np.corrcoef(mu)[np.triu_indices(3, 1)]).max() < 0.3
    with pytest.raises(ValueError, match="chains must be at least 1"):
        sbs.compile_pyro(model, data, chains=0)


@pytest.mark.parametrize(
    "lines",
    [
        "c = sbs.compile_pyro(lambda: pyro.sample('x', d.Normal(0.0, 1.0))); float(c.potential(c.start()))",
        "sbs.prepare(); pyro.optim.Adam({'lr': 0.1})([pyro.param('x', torch.tensor(1.0)).unconstrained()])",
    ],
    ids=["compiler", "optimiser"],
)
def test_pytorch_works_after_tensorflow_was_loaded(lines):
    """Triton, which PyTorch's compiler and optimisers load where they can, ends a process that holds TensorFlow."""
    for module in ("pyro", "tensorflow"):
        pytest.importorskip(module)
    program = f"import tensorflow, torch, pyro, pyro.distributions as d, sidebyside as sbs\n{lines}\nprint('alive')\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and done.stdout == "alive\n", done.stderr[-2000:]


def test_without_a_compiler_one_is_told_of_the_way_that_needs_none(tmp_path):
    pytest.importorskip("pyro")
    program = (
        "import torch, pyro, pyro.distributions as d, sidebyside as sbs\n"
        "model = lambda: pyro.sample('x', d.Normal(0.0, 1.0))\n"
        "print('energy', float(sbs.compile_pyro(model, fuse=False).potential({'x': torch.ones(())})))\n"
        "sbs.compile_pyro(model)\n"
    )
    bare = os.environ | {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "CXX": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=bare, timeout=300, check=False
    )
    assert done.returncode == 1 and done.stdout.startswith("energy"), done.stderr[-2000:]
    assert "fuse=False" in done.stderr.splitlines()[-1]


class FakePyroRun:
    """What a Pyro run with divergences answers; a real one diverges when it likes."""

    num_samples = 5

    def get_samples(self, group_by_chain):
        import torch

        return {"theta": torch.zeros(2, 5, 2)}

    def diagnostics(self):
        return {"theta": {}, "divergences": {"chain 0": [3], "chain 1": []}}


def test_from_pyro_marks_divergences():
    pytest.importorskip("torch")
    diverging = sbs.from_pyro(FakePyroRun())["sample_stats"]["diverging"].values
    assert np.argwhere(diverging).tolist() == [[0, 3]]
    tree = sbs.from_pyro(FakePyroRun(), vectorized=True)  # two runs of two chains
    assert tree["posterior"]["theta"].shape == (4, 5)
    assert np.argwhere(tree["sample_stats"]["diverging"].values).tolist() == [[0, 3], [1, 3]]


def groups_tfp():
    """Return :func:`groups_pyro`'s model in TFP, and its data."""
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd

    zero, one = np.float64(0), np.float64(1)
    model = tfd.JointDistributionNamedAutoBatched(
        {
            "mu": tfd.Normal(zero, 2 * one),
            "sigma": tfd.HalfNormal(one),
            "level": lambda mu, sigma: tfd.Normal(mu * tf.ones(3, tf.float64), sigma),
            "y": lambda level: tfd.Normal(level, one),
        }
    )
    return model, np.array([1.0, 3.0, 2.5])


def test_packed_tfp_model_is_the_model_on_the_unconstrained_scale():
    tf = pytest.importorskip("tensorflow")
    pytest.importorskip("tensorflow_probability")
    model, y = groups_tfp()
    packed = sbs.pack_tfp(model, y=y)
    vectors = RNG.normal(size=(2, 4, 5))
    named = packed.unpack([tf.constant(vectors)])
    assert {name: values.shape.as_list() for name, values in named.items()} == {
        "mu": [2, 4],
        "sigma": [2, 4],
        "level": [2, 4, 3],
    }
    density = packed.unnormalized_log_prob([tf.constant(vectors)])
    assert density.shape == (2, 4)
    for place in np.ndindex(2, 4):
        vector = tf.Variable(vectors[place])
        with tf.GradientTape() as tape:
            own = packed.unpack([vector])
            flat = tf.concat([tf.reshape(own[name], [-1]) for name in ("mu", "sigma", "level")], 0)
        change = np.linalg.slogdet(tape.jacobian(flat, vector).numpy())[1]
        mu, sigma, level = (own[name].numpy() for name in ("mu", "sigma", "level"))
        exact = stats.norm.logpdf(mu, 0, 2) + stats.halfnorm.logpdf(sigma)
        exact += stats.norm.logpdf(level, mu, sigma).sum() + stats.norm.logpdf(y, level, 1).sum()
        assert float(density[place]) == pytest.approx(exact + change, rel=1e-10)


def test_packed_tfp_model_is_sampled_as_the_model_itself():
    tf = pytest.importorskip("tensorflow")
    tfp = pytest.importorskip("tensorflow_probability")
    tfd, one = tfp.distributions, np.float64(1)
    prior = {"mu": tfd.Normal(np.float64(0), 2 * one), "theta": tfd.Normal(np.zeros(2), one)}
    seen = {"y": lambda mu: tfd.Normal(mu, one), "z": lambda theta: tfd.Normal(theta, one / 2)}
    packed = sbs.pack_tfp(tfd.JointDistributionNamedAutoBatched(prior | seen), y=np.float64(1), z=np.array([2.0, -1.0]))

    @tf.function(jit_compile=True, autograph=False)
    def sample(seed):
        return tfp.experimental.mcmc.windowed_adaptive_nuts(
            400, packed, n_chains=4, num_adaptation_steps=200, max_tree_depth=4, seed=seed
        )

    vectors, trace = sample(tf.constant([0, 1]))
    tree = sbs.from_tfp(packed.unpack(vectors), trace)
    assert tree["posterior"]["theta"].shape == (4, 400, 2)
    # conjugate: the precisions add up, and the data's part of them pulls the mean from 0
    exact = {"mu": (4 / 5, (4 / 5) ** 0.5), "theta": (np.array([2, -1]) * 4 / 5, 5**-0.5)}
    for name, (mean, sd) in exact.items():
        values = tree["posterior"][name]
        error = np.asarray(sd) / np.sqrt(values.sizes["chain"] * values.sizes["draw"] / 4)  # a quarter of it effective
        assert np.all(np.abs(values.mean(["chain", "draw"]) - mean) < 4 * error)
        np.testing.assert_allclose(values.std(["chain", "draw"]), sd, rtol=0.15)


def test_what_pack_tfp_cannot_pack_is_said():
    tfp = pytest.importorskip("tensorflow_probability")
    tfd, one = tfp.distributions, np.float64(1)
    model, y = groups_tfp()
    with pytest.raises(ValueError, match="no part x, z; it has level, mu, sigma, y"):
        sbs.pack_tfp(model, x=1, z=2)
    with pytest.raises(ValueError, match="every part of the model is observed"):
        sbs.pack_tfp(model, y=y, mu=one, sigma=one, level=y)
    mixed = tfd.JointDistributionNamedAutoBatched({"a": tfd.Normal(0.0, 1.0), "b": tfd.Normal(0 * one, one)})
    with pytest.raises(ValueError, match="several dtypes, float32 and float64"):
        sbs.pack_tfp(mixed)
    batch = tfd.JointDistributionNamed({"a": tfd.Normal(np.zeros(3), one), "b": tfd.Normal(0 * one, one)})
    with pytest.raises(ValueError, match=r"a batch, of shape \(3,\)"):
        sbs.pack_tfp(batch)


def test_from_tfp_swaps_draw_and_chain():
    values, diverging = RNG.normal(size=(30, 4, 2)), np.zeros((30, 4), dtype=bool)
    diverging[5, 3] = True
    tree = sbs.from_tfp({"theta": values}, {"diverging": diverging, "n_steps": np.ones((30, 4)), "tune": diverging})
    np.testing.assert_array_equal(tree["posterior"]["theta"].values, values.swapaxes(0, 1))
    assert np.argwhere(tree["sample_stats"]["diverging"].values).tolist() == [[3, 5]]
    assert set(tree["sample_stats"].data_vars) == {"diverging", "n_steps"}
    with pytest.raises(ValueError, match="no 'diverging'"):
        sbs.from_tfp({"theta": values}, {})


def test_converters_name_library_and_parameter_of_nan():
    values = RNG.normal(size=(30, 4))
    values[2, 1] = np.nan
    with pytest.raises(agreement.DrawsError, match="TFP: 1 of 120 draws of 'theta' are NaN"):
        sbs.from_tfp({"theta": values}, {"diverging": np.zeros((30, 4), dtype=bool)})


# ---- densities -------------------------------------------------------------------------------

OBSERVED = np.array([0.3, -1.2, 2.1])
POINTS = [{"mu": 0.1, "sigma": 1.3}, {"mu": -2.0, "sigma": 0.4}, {"mu": 3.0, "sigma": 2.5}]


def exact(point):
    log_prior = stats.norm.logpdf(point["mu"], 1, 2) + stats.halfnorm.logpdf(point["sigma"], scale=3)
    return log_prior + stats.norm.logpdf(OBSERVED, point["mu"], point["sigma"]).sum()


EXACT = np.array([exact(point) for point in POINTS])


def test_density_of_pymc_is_exact():
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 1, 2), pm.HalfNormal("sigma", 3)
        pm.Normal("y", mu, sigma, observed=OBSERVED)
    np.testing.assert_allclose(density.pymc(model, POINTS), EXACT, atol=1e-7)  # its half-normal's constant: 2e-8 off
    with pytest.raises(density.ParameterNamesError, match=r"PyMC: point 0.*only in the model: \['sigma'\]"):
        density.pymc(model, [{"mu": 0.1}])


def test_density_of_numpyro_is_exact():
    numpyro = pytest.importorskip("numpyro")
    numpyro.enable_x64()
    from numpyro import distributions as dist

    def model(y):
        mu, sigma = numpyro.sample("mu", dist.Normal(1, 2)), numpyro.sample("sigma", dist.HalfNormal(3))
        numpyro.sample("y", dist.Normal(mu, sigma), obs=y)

    np.testing.assert_allclose(density.numpyro(model, POINTS, OBSERVED), EXACT, rtol=1e-9)
    with pytest.raises(density.ParameterNamesError, match=r"NumPyro: .*only in the point: \['nu'\]"):
        density.numpyro(model, [{**POINTS[0], "nu": 1.0}], OBSERVED)


def test_density_of_pyro_is_exact():
    pyro = pytest.importorskip("pyro")
    import torch
    from pyro import distributions as dist

    def model(y):
        mu = pyro.sample("mu", dist.Normal(torch.tensor(1.0).double(), 2))
        sigma = pyro.sample("sigma", dist.HalfNormal(torch.tensor(3.0).double()))
        with pyro.plate("rows", len(y)):
            pyro.sample("y", dist.Normal(mu, sigma), obs=y)

    np.testing.assert_allclose(density.pyro(model, POINTS, torch.tensor(OBSERVED)), EXACT, rtol=1e-9)


def test_density_of_tfp_is_exact():
    tfp = pytest.importorskip("tensorflow_probability")
    tfd, double = tfp.distributions, np.float64
    joint = tfd.JointDistributionNamedAutoBatched(
        {
            "mu": tfd.Normal(double(1), double(2)),
            "sigma": tfd.HalfNormal(double(3)),
            "y": lambda mu, sigma: tfd.Sample(tfd.Normal(mu, sigma), 3),
        }
    )
    np.testing.assert_allclose(density.tfp(joint, POINTS, y=OBSERVED), EXACT, rtol=1e-9)


class FakeStanModel:
    """A built PyStan model's interface; the chapters check the real one, which takes a compiler's minute."""

    param_names = ("mu", "sigma")

    def unconstrain_pars(self, point):
        return [point["mu"], np.log(point["sigma"])]

    def log_prob(self, unconstrained, adjust_transform):
        assert adjust_transform is False
        return exact({"mu": unconstrained[0], "sigma": np.exp(unconstrained[1])}) + 17


def test_density_of_stan_asks_for_the_constrained_scale():
    pytest.importorskip("stan")
    np.testing.assert_allclose(density.stan(FakeStanModel(), POINTS) - 17, EXACT, rtol=1e-9)


REFERENCE = Reference(
    name="toy",
    how="by hand",
    parameters={
        "mu": {"mean": 0.0, "sd": 1.0, "kurtosis": 3.0, "mean_error": 0.0, "sd_error": 0.0},
        "sigma": {"mean": 2.0, "sd": 0.5, "kurtosis": 3.0, "mean_error": 0.0, "sd_error": 0.0},
    },
    points=[{"mu": 0.0, "sigma": 1.0}, {"mu": 1.0, "sigma": 1.0}, {"mu": 0.0, "sigma": 2.0}],
    log_density=np.array([-3.0, -3.5, -4.0]),
)


def test_densities_may_differ_by_a_constant():
    table = sbs.check_densities({"PyMC": REFERENCE.log_density, "Stan": REFERENCE.log_density + 5}, REFERENCE)
    assert table.loc["sigma", "Stan"] == -1.0 and list(table.columns) == ["reference", "PyMC", "Stan"]


@pytest.mark.parametrize("bad", [1e-5, -0.3, np.nan])
def test_a_density_that_differs_names_library_and_parameter(bad):
    values = REFERENCE.log_density + np.array([0, 0, bad])
    with pytest.raises(density.DensityDisagreementError, match=r"Pyro's model is not .* \(changing sigma:"):
        sbs.check_densities({"PyMC": REFERENCE.log_density, "Pyro": values}, REFERENCE)


def test_densities_of_the_wrong_number_or_none_are_errors():
    with pytest.raises(ValueError, match=r"TFP: \(2,\) log densities for 3 points"):
        sbs.check_densities({"TFP": np.zeros(2)}, REFERENCE)
    with pytest.raises(ValueError, match="no density to check"):
        sbs.check_densities({}, REFERENCE)


# ---- agreement -------------------------------------------------------------------------------


def tree_of(mu, sigma, diverging=None) -> xr.DataTree:
    diverging = np.zeros(mu.shape, dtype=bool) if diverging is None else diverging
    return az.from_dict({"posterior": {"mu": mu, "sigma": sigma}, "sample_stats": {"diverging": diverging}})


def right_draws(rng=RNG, shape=(4, 1000)):
    return {"mu": rng.normal(0, 1, shape), "sigma": rng.normal(2, 0.5, shape)}


def test_right_draws_agree_and_the_table_says_what_it_compared():
    posteriors = {name: tree_of(**right_draws()) for name in sbs.LIBRARIES}
    table = sbs.check_agreement(posteriors, REFERENCE)
    assert list(table.loc["mu"].index) == list(sbs.LIBRARIES)
    assert (table.loc["sigma", "reference mean"] == 2.0).all()
    # 5 libraries x 2 parameters x 2 moments, two-sided, Bonferroni at 0.001
    assert table.attrs["threshold"] == pytest.approx(stats.norm.isf(0.001 / 20 / 2))
    diagnostics = sbs.check_sampling(posteriors)
    assert (diagnostics["draws"] == 1000).all() and (diagnostics["divergences"] == 0).all()


def test_false_alarms_are_as_rare_as_promised():
    """200 tables of right draws at a family error of 5%: about 10 may fail (16 is over three sigma; few, under)."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(200):
        try:
            sbs.check_agreement({"Stan": tree_of(**right_draws(rng, (4, 300)))}, REFERENCE, family_error=0.05)
        except agreement.DisagreementError:
            alarms += 1
    assert 1 <= alarms <= 22


@pytest.mark.parametrize(
    ("parameter", "change", "moment"),
    [
        ("mu", lambda v: v + 0.12, "mean of mu"),
        ("mu", lambda v: v * 1.15, "sd of mu"),
        ("sigma", lambda v: v - 0.06, "mean of sigma"),
        ("sigma", lambda v: 2 + (v - 2) * 0.85, "sd of sigma"),
    ],
)
def test_small_faults_are_found_and_named(parameter, change, moment):
    draws = right_draws(np.random.default_rng(3))
    draws[parameter] = change(draws[parameter])
    posteriors = {"PyMC": tree_of(**right_draws(np.random.default_rng(4))), "NumPyro": tree_of(**draws)}
    with pytest.raises(agreement.DisagreementError, match=f"NumPyro: the posterior {moment}") as caught:
        sbs.check_agreement(posteriors, REFERENCE)
    assert "PyMC" not in str(caught.value)


def test_false_alarms_are_as_rare_for_a_long_tail():
    """Student-t draws with 9 degrees of freedom: the sample's own kurtosis would claim too small an error too often."""
    rng = np.random.default_rng(2)
    tail = {"mean": 0.0, "sd": np.sqrt(9 / 7), "kurtosis": 3 + 6 / 5, "mean_error": 0.0, "sd_error": 0.0}
    reference, alarms = replace(REFERENCE, parameters={"mu": tail}), 0
    for _ in range(200):
        draws = {"mu": rng.standard_t(9, (4, 300)), "sigma": rng.normal(2, 0.5, (4, 300))}
        try:
            sbs.check_agreement({"Stan": tree_of(**draws)}, reference, family_error=0.05)
        except agreement.DisagreementError:
            alarms += 1
    assert 1 <= alarms <= 22


def gaussian_with_a_far_region(share: float, distance: float) -> dict:
    """Moments of a standard Gaussian of which ``share`` lies in a second one, ``distance`` away."""
    mean = -share * distance
    second = 1 + share * distance**2 - mean**2
    fourth = (1 - share) * (3 + 6 * mean**2 + mean**4) + share * (
        3 + 6 * (distance + mean) ** 2 + (distance + mean) ** 4
    )
    return {"mean": mean, "sd": second**0.5, "kurtosis": fourth / second**2, "mean_error": 0.0, "sd_error": 0.0}


def test_one_visit_to_a_rare_far_region_is_no_disagreement():
    """As chapter 6's mixture has one, of probability 1e-4: most runs never see it, and one stays for 23 draws."""
    truth = gaussian_with_a_far_region(1e-4, 14.0)
    assert truth["kurtosis"] == pytest.approx(6.6, abs=0.2)
    reference = replace(REFERENCE, parameters={"mu": truth})
    draws = right_draws(np.random.default_rng(3))
    sbs.check_agreement({"TFP": tree_of(**draws)}, reference)
    draws["mu"][0, 400:423] -= 14.0
    row = sbs.check_agreement({"TFP": tree_of(**draws)}, reference).loc["mu", "TFP"]
    assert row["sd"] > 1.3 * row["reference sd"]


def test_too_long_a_tail_is_a_disagreement():
    rng = np.random.default_rng(3)
    draws = {"mu": rng.standard_t(5, (4, 1000)), "sigma": rng.normal(2, 0.5, (4, 1000))}
    with pytest.raises(agreement.DisagreementError, match="TFP: the posterior sd of mu"):
        sbs.check_agreement({"TFP": tree_of(**draws)}, REFERENCE)


def county_tree(shift=0.0, counties=("Anoka", "Becker", "Cook")):
    """Draws of one parameter with an element a county; the last one is shifted."""
    theta = np.random.default_rng(5).normal([0.0, 1.0, 2.0], [1.0, 0.5, 2.0], (4, 1000, 3))
    theta[:, :, 2] += shift
    stats_group = {"diverging": np.zeros((4, 1000), dtype=bool)}
    groups = {"posterior": {"theta": theta}, "sample_stats": stats_group}
    return az.from_dict(groups, dims={"theta": ["county"]}, coords={"county": list(counties)})


COUNTIES = replace(
    REFERENCE,
    parameters={
        "theta": {
            "mean": np.array([0.0, 1.0, 2.0]),
            "sd": np.array([1.0, 0.5, 2.0]),
            "kurtosis": np.full(3, 3.0),
            "mean_error": np.zeros(3),
            "sd_error": np.zeros(3),
        }
    },
)


def test_every_element_of_an_array_is_checked_and_the_worst_is_shown():
    table = sbs.check_agreement({"Stan": county_tree(), "Pyro": county_tree()}, COUNTIES)
    assert list(table.index) == [("theta", "Stan"), ("theta", "Pyro")]
    assert set(table["element"]) <= {"[Anoka]", "[Becker]", "[Cook]"}
    # 2 libraries x 3 elements x 2 moments
    assert table.attrs["threshold"] == pytest.approx(stats.norm.isf(0.001 / 12 / 2))
    with pytest.raises(
        agreement.DisagreementError, match=r"Pyro: the posterior mean of theta\[Cook\] is 2\.\d+"
    ) as caught:
        sbs.check_agreement({"Stan": county_tree(), "Pyro": county_tree(shift=0.3)}, COUNTIES)
    assert "Stan" not in str(caught.value) and "Anoka" not in str(caught.value)


def test_an_array_of_another_shape_is_named():
    with pytest.raises(agreement.DrawsError, match=r"TFP: 'mu' has shape \(\).*expected \(3,\)"):
        array = {"mu": COUNTIES.parameters["theta"]}
        sbs.check_agreement({"TFP": tree_of(**right_draws())}, replace(COUNTIES, parameters=array))


def test_reference_error_counts():
    draws = right_draws(np.random.default_rng(3))
    draws["mu"] = draws["mu"] + 0.12
    doubtful = {**REFERENCE.parameters, "mu": {**REFERENCE.parameters["mu"], "mean_error": 0.1}}
    sbs.check_agreement({"Stan": tree_of(**draws)}, replace(REFERENCE, parameters=doubtful))


def test_chains_that_disagree_are_named():
    draws = right_draws()
    draws["sigma"][2] += 0.4
    with pytest.raises(agreement.SamplingError, match=r"Pyro: the chains disagree on sigma \(R-hat"):
        sbs.check_sampling({"Pyro": tree_of(**draws)})


def test_too_few_effective_draws_are_named():
    draws = right_draws()
    draws["mu"] = np.repeat(draws["mu"][:, :50], 20, axis=1)
    with pytest.raises(agreement.SamplingError, match="Stan: too few effective draws of mu"):
        sbs.check_sampling({"Stan": tree_of(**draws)})


def test_divergences_are_counted_and_named():
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging[1, 3:6] = True
    with pytest.raises(agreement.SamplingError, match=r"TFP: 3 draw\(s\) diverged"):
        sbs.check_sampling({"TFP": tree_of(**right_draws(), diverging=diverging)})


def test_unusable_draws_are_named():
    good = tree_of(**right_draws())
    with pytest.raises(agreement.DrawsError, match=r"PyMC: 2 chain\(s\); the diagnostics need at least 4"):
        sbs.check_sampling({"PyMC": tree_of(**right_draws(shape=(2, 1000)))})
    with pytest.raises(agreement.DrawsError, match="Stan: no draws of nu; there are: mu, sigma"):
        sbs.check_agreement(
            {"Stan": good}, replace(REFERENCE, parameters={**REFERENCE.parameters, "nu": REFERENCE.parameters["mu"]})
        )
    draws = right_draws()
    draws["mu"][0, 0] = np.inf
    with pytest.raises(agreement.DrawsError, match="Pyro: 1 of 4000 draws of 'mu' are NaN or infinite"):
        sbs.check_sampling({"Pyro": tree_of(**draws)})
    with pytest.raises(agreement.DrawsError, match="no posterior to check"):
        sbs.check_agreement({}, REFERENCE)


# ---- clean outputs ---------------------------------------------------------------------------

CHATTER = """
import os, sys, sidebyside as sbs
with sbs.quiet():
    print("from python"); print("from python too", file=sys.stderr); os.write(2, b"from C")
    {last}
print("after")
"""


def run_chatter(storing: str, last: str = "pass"):
    environment = {**os.environ, "SIDEBYSIDE_STORING": storing}
    code = CHATTER.format(last=last)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_quiet_hides_chatter_only_while_outputs_are_stored():
    stored, live = run_chatter("1"), run_chatter("")
    assert (stored.stdout, stored.stderr) == ("after\n", "")
    assert live.stdout == "from python\nafter\n" and "from C" in live.stderr


def test_quiet_loses_nothing_when_the_block_fails():
    failed = run_chatter("1", "raise RuntimeError('broken')")
    assert failed.returncode != 0
    assert all(words in failed.stderr for words in ("from python", "from C", "RuntimeError: broken"))


def test_only_the_listed_warnings_are_silenced(recwarn):
    import warnings

    notebook_output.silence_known_warnings()
    warnings.warn("`torch.jit.trace` is deprecated. Please switch", FutureWarning, stacklevel=1)
    assert not recwarn.list
    warnings.warn("something else", FutureWarning, stacklevel=1)
    assert len(recwarn.list) == 1


@pytest.mark.parametrize(("variable", "value"), [setting[:2] for setting in notebook_output.SETTINGS])
def test_settings_keep_what_the_reader_has_set(monkeypatch, variable, value):
    monkeypatch.delenv(variable, raising=False)
    notebook_output.silence_known_warnings()
    assert os.environ[variable] == value
    monkeypatch.setenv(variable, "7")
    notebook_output.silence_known_warnings()
    assert os.environ[variable] == "7"


@pytest.mark.parametrize(("value", "live"), [("", True), ("0", True), ("1", False)])
def test_is_live_follows_the_environment(monkeypatch, value, live):
    monkeypatch.setenv("SIDEBYSIDE_STORING", value)
    assert sbs.is_live() is live


def test_show_error_shows_the_message_and_nothing_of_the_machine(capsys):
    with sbs.show_error(lines=3):
        print("compiling")
        raise ValueError(
            "\x1b[31mno such thing\x1b[0m <Node at 0x7f00deadbeef> in /opt/deep/site-packages/lib/odd.py\n" * 9
        )
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["compiling", "ValueError: no such thing <Node> in odd.py"]
    assert said[-1] == "... and 7 more lines"


def test_show_error_objects_when_there_is_no_error():
    with pytest.raises(notebook_output.NoErrorError, match="none was raised"), sbs.show_error():
        pass


def test_plot_agreement_draws_an_element_of_an_array():
    import matplotlib.pyplot as plt

    figure = sbs.plot_agreement({"Stan": county_tree()}, COUNTIES, {"theta[2]": "theta of Cook (m)"})
    (line,) = (line for line in figure.axes[0].lines if line.get_marker() == "s")
    assert line.get_xdata()[0] == pytest.approx(2.0, abs=0.2)
    plt.close(figure)


def test_plot_agreement_draws_a_panel_a_parameter():
    import matplotlib.pyplot as plt

    figure = sbs.plot_agreement({"Stan": tree_of(**right_draws())}, REFERENCE, {"mu": "mu (m)", "sigma": "sigma (m)"})
    assert [ax.get_xlabel() for ax in figure.axes if ax.get_visible()] == ["mu (m)", "sigma (m)"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Stan"]
    plt.close(figure)
