"""Answers: a chapter's number that is off is named; the stored numbers are what the independent computation gives."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

import sidebyside as sbs
from make_references import page_values, sampling, two_proportions
from sidebyside.values import WrongValueError

STORED = {path.stem: json.loads(path.read_text()) for path in sorted(page_values.STORE.glob("*.json"))}
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DRAWN = {"slope": {"value": 2.2, "spread": 0.2, "error": 0.0}}
EXACT = {"slopes": {"value": [1.0, 2.0], "error": [1e-9, 1e-9]}}


def draws_of(values):
    return xr.DataArray(values, dims=("chain", "draw", *"abc"[: np.ndim(values) - 2]))


def independent(mean, sd, seed=0):
    return draws_of(np.random.default_rng(seed).normal(mean, sd, (4, 1000)))


@pytest.mark.parametrize("chapter", STORED)
def test_stored_numbers_pass_and_are_off_when_moved(chapter):
    right = {name: np.array(entry["value"]) for name, entry in STORED[chapter].items()}
    table = sbs.check_values(chapter, draws=4000, **right)
    assert list(table.index) == list(right)
    for name, value in right.items():
        # a number in grams has a larger standard error than 1
        far = max(1.0, np.max(STORED[chapter][name].get("spread", 0)))
        with pytest.raises(WrongValueError, match=name):
            sbs.check_values(chapter, draws=4000, **{name: value + far})


def test_exact_number_must_be_exact_and_the_element_is_named():
    sbs.check_values(EXACT, slopes=np.array([1.0, 2.0 + 1e-9]))
    with pytest.raises(WrongValueError, match=r"slopes\[1\] is 2\.001, an independent computation gives 2 "):
        sbs.check_values(EXACT, slopes=np.array([1.0, 2.001]))


@pytest.mark.parametrize("errors, passes", [(-4.4, True), (-4.6, False), (4.4, True), (4.6, False)])
def test_number_from_draws_may_be_off_by_its_monte_carlo_error(errors, passes):
    found = 2.2 + errors * 0.2 / np.sqrt(400)
    if passes:
        sbs.check_values(DRAWN, draws=400, slope=found)
    else:
        with pytest.raises(WrongValueError, match="slope"):
            sbs.check_values(DRAWN, draws=400, slope=found)


def test_numerical_error_of_the_expected_number_counts():
    entry = {"slope": DRAWN["slope"] | {"error": 0.1}}
    sbs.check_values(entry, draws=400, slope=2.6)
    with pytest.raises(WrongValueError):
        sbs.check_values(DRAWN, draws=400, slope=2.6)


def test_draws_are_judged_by_their_own_effective_size():
    sbs.check_values(DRAWN, slope=independent(2.2, 0.2))
    with pytest.raises(WrongValueError):
        sbs.check_values(DRAWN, slope=independent(2.22, 0.2))  # off by 6 of its errors
    lazy = np.repeat(independent(2.22, 0.2).values[:, ::100], 100, axis=1)  # only every 100th draw is new
    sbs.check_values(DRAWN, slope=draws_of(lazy))


def test_dataset_gives_the_smallest_effective_size():
    fine, lazy = independent(0, 1), np.repeat(independent(0, 1).values[:, ::100], 100, axis=1)
    good = xr.DataTree.from_dict({"posterior": xr.Dataset({"a": fine})})
    bad = xr.DataTree.from_dict({"posterior": xr.Dataset({"a": fine, "b": draws_of(lazy)})})
    sbs.check_values(DRAWN, bad, slope=2.25)
    for draws in (good, good["posterior"], good["posterior"].to_dataset()):
        with pytest.raises(WrongValueError):
            sbs.check_values(DRAWN, draws, slope=2.25)


def test_share_near_one_is_judged_by_the_binomial_distribution():
    rare = {"steeper": {"value": 1e-4, "error": 0.0, "share": True}}
    sbs.check_values(rare, draws=1000, steeper=2 / 1000)  # normal theory allows 1.5 of 1,000
    with pytest.raises(WrongValueError):
        sbs.check_values(rare, draws=1000, steeper=6 / 1000)
    never = draws_of(np.zeros((4, 250), dtype=bool))
    sbs.check_values(rare, steeper=never)
    with pytest.raises(WrongValueError):
        sbs.check_values(rare, steeper=~never)


def test_share_from_an_array_of_draws():
    expected = {"bad": {"value": [0.5, 0.9], "error": [0, 0], "share": True}}
    random = np.random.default_rng(1).random((4, 1000, 2))
    sbs.check_values(expected, bad=draws_of(random < [0.5, 0.9]))
    with pytest.raises(WrongValueError, match=r"bad\[1\]"):
        sbs.check_values(expected, bad=draws_of(random < [0.5, 0.8]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_does_not_pass(value):
    with pytest.raises(WrongValueError, match="slope"):
        sbs.check_values(DRAWN, draws=400, slope=value)


def test_all_that_is_off_is_named():
    with pytest.raises(WrongValueError, match=r"slopes\[0\].*slopes\[1\]"):
        sbs.check_values(EXACT, slopes=[0, 0])


def test_misuse_is_explained():
    with pytest.raises(ValueError, match=r"no number called steep.*slope"):
        sbs.check_values(DRAWN, draws=400, steep=2.2)
    with pytest.raises(ValueError, match="draws="):
        sbs.check_values(DRAWN, slope=2.2)
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        sbs.check_values(EXACT, slopes=[1, 2, 3])
    with pytest.raises(ValueError, match="chapter with expected numbers called '99'"):
        sbs.check_values("99", slope=1)


def test_closed_forms_are_what_is_stored():
    made = page_values._gaussian()
    assert made.keys() <= STORED["06"].keys()
    for name, entry in made.items():
        np.testing.assert_allclose(STORED["06"][name]["value"], entry["value"], rtol=1e-8, atol=1e-12)


def test_chapter_02_stored_numbers_are_what_other_formulas_give():
    """What is stored by integration and by binomial tails, against SciPy's own distributions."""
    stored = {name: np.array(entry["value"]) for name, entry in STORED["02"].items()}
    sensitivity, maker, alarm_rate = stats.beta(27, 14), stats.beta(80, 9), stats.beta(3, 459)
    truth = {
        "sensitivity": [sensitivity.mean(), *sensitivity.interval(0.95)],
        "sensitivity_above": sensitivity.sf([0.5, 0.8]),
        "stanford_larger": sensitivity.expect(maker.cdf),
        "alarm_rate": alarm_rate.interval(0.95),
        "prior_rates": stats.beta(1, 60).ppf([0.05, 0.5, 0.95]),
        "fisher": stats.fisher_exact([[50, 3280], [2, 399]]).pvalue,
    }
    for name, value in truth.items():
        np.testing.assert_allclose(stored[name], value, rtol=1e-7)
    other_priors = ((1, 60), (1, 1), (0.5, 0.5), (1, 30))
    by_prior = [stats.betabinom(3330, a + 2, b + 399).sf(49) for a, b in other_priors]
    np.testing.assert_allclose(stored["fifty_or_more"][1:], by_prior, rtol=1e-7)
    assert stored["stanford_larger"] > 100 * sensitivity.sf(78 / 85), "the maker's estimate is not the maker's rate"


def test_chapter_03_stored_numbers_are_what_other_formulas_give():
    """The beta distribution by SciPy, and the launches by adding up a grid in other coordinates."""
    stored = {name: np.array(entry["value"]) for name, entry in STORED["03"].items()}
    beta = stats.beta(27, 14)
    truth = [beta.mean(), beta.sf(0.7), beta.std(), beta.ppf(0.01)]
    np.testing.assert_allclose(stored["sensitivity"], truth, rtol=1e-7)
    middle, slope = np.meshgrid(np.linspace(-6, 4, 301), np.linspace(-9, 4, 301))  # log-odds at 65 °F, and per 10 °F
    for (alpha_sd, beta_sd), row in zip(sampling.PRIORS, stored["by_prior"], strict=True):
        alpha = middle - 1.5 * slope
        weight = np.exp(-((alpha / alpha_sd) ** 2) / 2 - (slope / beta_sd) ** 2 / 2)
        for flights, sign in ((sampling.WITH_DAMAGE, 1), (sampling.WITHOUT, -1)):
            for temperature in flights:
                weight *= special.expit(sign * (middle + slope * (temperature - 65) / 10))
        weight /= weight.sum()
        for degrees, mean in zip((31, 36), row[[0, 3]], strict=True):
            assert np.sum(weight * special.expit(middle + slope * (degrees - 65) / 10)) == pytest.approx(mean, abs=1e-3)
    wide, moderate, weak = stored["by_prior"][:, :3]
    assert wide[0] - weak[0] > 0.2 and moderate[1] < 0.4, "the prior matters"


def test_chapter_04_stored_numbers_are_what_other_formulas_give():
    """What is stored by quadrature and on a grid, against SciPy's own distributions and a million draws."""
    stored = {name: np.array(entry["value"]) for name, entry in STORED["04"].items()}
    arm_a, arm_b = stats.beta(16, 42), stats.beta(6, 55)
    points = two_proportions.MODELS["two_proportions"]["points"]
    truth = {
        "p_value": stats.fisher_exact([[14, 38], [4, 51]]).pvalue,
        "better": arm_a.expect(arm_b.cdf),
        "log_density": [two_proportions.log_density(**point) for point in points],
    }
    for name, value in truth.items():
        np.testing.assert_allclose(stored[name], value, rtol=1e-7)
    [mean, low, high], *_ = stored["other_priors"]
    exact = [stored[name] for name in ("gain", "gain_low", "gain_high")]
    np.testing.assert_allclose([mean, low, high], exact, atol=1e-5)
    rng = np.random.default_rng(4)
    p_a, p_b = arm_a.rvs(10**6, random_state=rng), arm_b.rvs(10**6, random_state=rng)
    small = stats.norm.pdf(special.logit(p_a) - special.logit(p_b), 0, 0.7)
    assert np.average(p_a - p_b, weights=small) == pytest.approx(stored["other_priors"][2, 0], abs=5e-4)
    assert np.average(p_a > p_b, weights=small) == pytest.approx(stored["other_priors_better"][2], abs=2e-3)
    again = rng.binomial(55, p_b) / 55 >= rng.binomial(52, p_a) / 52
    assert np.mean(again) == pytest.approx(stored["upside_down"], abs=1e-3)


@pytest.mark.parametrize("model, prefix", [("robust_student_t", "student_t"), ("robust_mixture", "mixture")])
def test_moments_are_those_of_the_reference(model, prefix):
    """Two quadratures of one density: the reference's and this one."""
    truth = sbs.load_reference(model).parameters["beta"]
    for name, moment in ((f"{prefix}_slope", "mean"), (f"{prefix}_slope_sd", "sd")):
        assert STORED["06"][name]["value"] == pytest.approx(truth[moment], abs=1e-6)


def test_counts_are_distributions():
    for name, entry in STORED["06"].items():
        if "counts" in name:
            assert 0.99 < sum(entry["value"]) <= 1 + 1e-9, name


def test_a_parameter_without_elements_has_no_sample_size():
    mu = np.random.default_rng(0).normal(size=(4, 1000))
    draws = xr.Dataset({"mu": draws_of(mu), "none": draws_of(np.empty((4, 1000, 0)))})
    assert sbs.check_values(DRAWN, draws=draws, slope=2.2).loc["slope", "found"] == 2.2
