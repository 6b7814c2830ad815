"""Stored reference posteriors: what their commands make, against independent computations."""

import json
from pathlib import Path

import numpy as np
import pytest
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
    several_predictors,
    time_order,
    two_proportions,
    varying_effects,
)
from sidebyside import radon_grid


@pytest.mark.parametrize(
    ("chapter", "name"),
    [
        (chapter, name)
        for chapter in (
            linear_regression,
            several_predictors,
            robust_regression,
            measurement_noise,
            hierarchical_regression,
            time_order,
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


def small_groups():
    rng = np.random.default_rng(6)
    group = np.repeat(np.arange(4), [6, 3, 2, 1])
    design = np.column_stack([np.ones(12), rng.integers(0, 2, 12), rng.normal(size=12)])
    return varying_effects.Groups(design, design, group, rng.normal(1, 1, 12))


def test_varying_effects_are_integrated_exactly_and_groups_left_out():
    """Marginal likelihoods and coefficients of a small survey, against one large multivariate normal."""
    groups = small_groups()
    sigma, L = np.array([0.4, 0.7, 0.3]), varying_effects.cholesky(np.array([[0.5, -0.4, 0.3]]), 3)[0]
    effect, sigma_y = np.outer(sigma, sigma) * (L @ L.T), 0.8
    marginal = varying_effects.Marginal(groups, effect[None], np.array([sigma_y]))
    design = np.zeros((12, 15))  # b, then each group's effects
    design[:, :3] = groups.X
    for row, j in enumerate(groups.group):
        design[row, 3 + 3 * j : 6 + 3 * j] = groups.Z[row]
    prior = linalg.block_diag(np.eye(3), *[effect] * 4)
    start = np.append(varying_effects.PRIOR_MEAN, np.zeros(12))
    covariance = design @ prior @ design.T + sigma_y**2 * np.eye(12)

    def expected(kept):
        return stats.multivariate_normal((design @ start)[kept], covariance[np.ix_(kept, kept)]).logpdf(groups.y[kept])

    assert marginal.log_likelihood()[0] == pytest.approx(expected(np.arange(12)), abs=1e-9)
    without = [expected(np.flatnonzero(groups.group != j)) for j in range(4)]
    np.testing.assert_allclose(marginal.log_likelihood_without()[0], without)
    gain = prior @ design.T @ np.linalg.inv(covariance)
    mean, spread = start + gain @ (groups.y - design @ start), prior - gain @ design @ prior
    (b, b_variance), (own, own_variance) = marginal.moments().values()
    np.testing.assert_allclose(b[0], mean[:3])
    np.testing.assert_allclose(b_variance[0], np.diag(spread)[:3])
    for j in range(4):
        pick = np.zeros((3, 15))
        pick[:, :3], pick[:, 3 + 3 * j : 6 + 3 * j] = np.eye(3), np.eye(3)
        np.testing.assert_allclose(own[0, :, j], pick @ mean)
        np.testing.assert_allclose(own_variance[0, :, j], np.diag(pick @ spread @ pick.T))


def test_two_varying_effects_are_the_grid_of_the_radon_models():
    scales = [np.array([value]) for value in (0.2, 0.4, -0.3, 0.75)]
    sigma_alpha, sigma_beta, rho, _ = (value[0] for value in scales)
    off = rho * sigma_alpha * sigma_beta
    covariance = np.array([[[sigma_alpha**2, off], [off, sigma_beta**2]]])
    marginal = varying_effects.Marginal(varying_effects.radon(effects=2), covariance, scales[-1])
    assert marginal.log_likelihood()[0] == pytest.approx(radon_grid.conditional(radon_grid.data(), *scales)[0][0])


@pytest.mark.parametrize("size", [2, 3])
def test_the_two_ways_to_write_the_lkj_prior_agree(size):
    """A power of the determinant, and independent beta distributions of partial correlations, are one density."""
    partial = np.array([0.5, -0.4, 0.3])[: size * (size - 1) // 2]
    L = varying_effects.cholesky(partial[None], size)[0]
    change = np.log(1 - partial[1] ** 2) / 2 if size == 3 else 0  # from partial correlations to L
    shapes = np.array([2.5, 2.5, 2.0]) if size == 3 else np.array([2.0])
    vine = stats.beta.logpdf((partial + 1) / 2, shapes, shapes).sum() - len(partial) * np.log(2)
    assert varying_effects.log_lkj(L) + change == pytest.approx(vine)


def test_reference_of_three_effects_is_what_its_command_makes():
    stored, made = sbs.load_reference("three_effects"), varying_effects.make("three_effects", draws=1_000)
    np.testing.assert_allclose(stored.log_density, made["log_density"], rtol=1e-12)
    np.testing.assert_equal(stored.points, [{key: np.array(v)[()] for key, v in p.items()} for p in made["points"]])
    for parameter, values in stored.parameters.items():
        new = made["parameters"][parameter]
        assert np.all(np.asarray(values["mean_error"]) < 0.01 * np.asarray(values["sd"]))
        for kind in ("mean", "sd"):
            error = np.hypot(values[f"{kind}_error"], new[f"{kind}_error"])
            assert np.all(np.abs(np.subtract(values[kind], new[kind])) < 5 * error + 1e-9), parameter


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


def test_true_positions_given_the_rest_are_what_integration_leaves_out():
    """Bayes' theorem: the latent form over the positions' conditional density is the marginal form."""
    rest, rng = {"alpha": 3.8, "beta": 2.0, "mu_x": 0.1, "tau_x": 0.5}, np.random.default_rng(4)
    mean, variance = measurement_noise.conditional_positions(**rest)
    for x_true in mean + 0.1 * rng.normal(size=(3, len(mean))):
        left = measurement_noise.latent(**rest, x_true=x_true)
        left -= stats.norm.logpdf(x_true, mean, np.sqrt(variance)).sum()
        assert left == pytest.approx(measurement_noise.both_errors(**rest), abs=1e-9)


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
