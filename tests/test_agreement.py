"""Diagnostics and moments: right draws pass, small faults are found and named."""

import pickle
from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from toy_posteriors import COUNTIES, REFERENCE, county_tree, right_draws, tree_of

import sidebyside as sbs
from sidebyside import agreement


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


def in_order(names, changed):
    """Return right draws of ``names``, in that order, of which those in ``changed`` are others."""
    rng = np.random.default_rng(3)
    draws = {name: rng.normal(size=(4, 1000)) for name in names} | changed
    groups = {"posterior": {name: draws[name] for name in names}}
    return az.from_dict(groups | {"sample_stats": {"diverging": np.zeros((4, 1000), dtype=bool)}})


@pytest.mark.parametrize("names", [("mu", "k"), ("k", "mu")])
def test_rhat_that_is_nan_is_named_whatever_the_order(names):
    posteriors = {"Pyro": in_order(names, {"k": np.full((4, 1000), 3.0)})}
    with pytest.raises(agreement.SamplingError, match="Pyro: R-hat of k is NaN"):
        sbs.check_sampling(posteriors)


@pytest.mark.parametrize("names", [("mu", "k"), ("k", "mu")])
@pytest.mark.parametrize("kind", ["bulk", "tail"])
def test_an_effective_sample_size_that_is_nan_is_named_whatever_the_order(names, kind, monkeypatch):
    tree, ess = in_order(names, {}), az.ess

    def nan_for_k(dataset, method):
        found = ess(dataset, method=method)
        return found.assign(k=found["k"] * np.nan) if method == kind else found

    monkeypatch.setattr(az, "ess", nan_for_k)
    with pytest.raises(agreement.SamplingError, match=rf"TFP: too few effective draws of k \({kind} ESS nan"):
        sbs.check_sampling({"TFP": tree})


@pytest.mark.parametrize("counties", [[np.nan, 1.0, 2.0], [0.0, 1.0, np.nan]])
def test_one_rhat_of_an_array_that_is_nan_is_found(counties):
    theta = np.random.default_rng(3).normal(size=(4, 1000, 3))
    theta[..., np.isnan(counties)] = 0.5
    with pytest.raises(agreement.SamplingError, match="Stan: R-hat of theta is NaN"):
        sbs.check_sampling({"Stan": in_order(("mu", "theta"), {"theta": theta})})


def test_a_parameter_without_elements_is_passed_over():
    table = sbs.check_sampling({"Stan": in_order(("none", "mu"), {"none": np.empty((4, 1000, 0))})})
    assert table.loc["Stan", "smallest bulk ESS"] > 400


@pytest.mark.parametrize("there", [True, False])
def test_a_parameter_without_elements_has_nothing_to_compare(there):
    """ArviZ's converter of PyStan leaves it out."""
    kinds = ("mean", "sd", "kurtosis", "mean_error", "sd_error")
    reference = replace(REFERENCE, parameters=REFERENCE.parameters | {"none": dict.fromkeys(kinds, np.empty(0))})
    draws = right_draws(np.random.default_rng(3)) | ({"none": np.empty((4, 1000, 0))} if there else {})
    tree = az.from_dict({"posterior": draws, "sample_stats": {"diverging": np.zeros((4, 1000), dtype=bool)}})
    assert set(sbs.check_agreement({"Stan": tree}, reference).index) == {("mu", "Stan"), ("sigma", "Stan")}


def test_a_divergence_that_is_nan_counts():
    diverging = np.zeros((4, 1000))
    diverging[1, 3] = np.nan
    with pytest.raises(agreement.SamplingError, match=r"TFP: 1 draw\(s\) diverged"):
        sbs.check_sampling({"TFP": tree_of(**right_draws(), diverging=diverging)})


STACK = pd.DataFrame.stack


@pytest.mark.parametrize("old_pandas", [True, False])
@pytest.mark.parametrize("places", [(2, 1), (1, 2), (0,), (0, 1, 2)])
@pytest.mark.parametrize("moment", ["mean", "sd"])
def test_a_z_that_is_nan_is_named_whatever_the_place_and_the_pandas(places, moment, old_pandas, monkeypatch):
    """By a reference whose error is NaN; pandas 2.2 leaves NaN out of what ``stack`` returns, later ones don't."""
    if old_pandas:
        monkeypatch.setattr(pd.DataFrame, "stack", lambda self: STACK(self).dropna())
    truth = {kind: values.copy() for kind, values in COUNTIES.parameters["theta"].items()}
    truth[f"{moment}_error"][list(places)] = np.nan
    with pytest.raises(agreement.DisagreementError) as caught:
        sbs.check_agreement({"Stan": county_tree()}, replace(COUNTIES, parameters={"theta": truth}))
    for place in places:
        assert f"Stan: the posterior {moment} of theta[{('Anoka', 'Becker', 'Cook')[place]}]" in str(caught.value)
    assert "z = +nan" in str(caught.value)


@pytest.mark.parametrize("names", [("mu", "sigma"), ("sigma", "mu")])
@pytest.mark.parametrize("old_pandas", [True, False])
def test_draws_that_never_change_are_a_disagreement(names, old_pandas, monkeypatch):
    if old_pandas:
        monkeypatch.setattr(pd.DataFrame, "stack", lambda self: STACK(self).dropna())
    reference = replace(REFERENCE, parameters={name: REFERENCE.parameters[name] for name in names})
    draws = right_draws(np.random.default_rng(3)) | {"sigma": np.full((4, 1000), 2.0)}
    with pytest.raises(agreement.DisagreementError, match=r"PyMC: the posterior sd of sigma .*z = \+nan"):
        sbs.check_agreement({"PyMC": tree_of(**draws)}, reference)


def test_counties_of_one_name_are_each_checked():
    with pytest.raises(agreement.DisagreementError, match=r"Pyro: the posterior mean of theta\[Lake\]"):
        sbs.check_agreement({"Pyro": county_tree(0.3, ("Lake", "Anoka", "Lake"))}, COUNTIES)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("part", ["mean", "variance"])
def test_an_approximation_that_is_nan_is_named_whatever_the_place(place, part):
    reference = sbs.load_reference("robust_mean_field")
    mean, covariance = normal(reference)
    if part == "mean":
        mean[place] = np.nan
    else:
        covariance[place, place] = np.nan
    name = list(reference.parameters)[place]
    with pytest.raises(agreement.DisagreementError, match=f"Pyro: {name} is .*nan"):
        sbs.check_approximations({"Pyro": (mean, covariance)}, reference)


def test_a_disagreement_carries_its_table():
    with pytest.raises(agreement.DisagreementError) as caught:
        sbs.check_agreement({"Stan": county_tree(), "Pyro": county_tree(shift=0.3)}, COUNTIES)
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value) and error.table.equals(caught.value.table)
    row = error.table.loc["theta", "Pyro"]
    assert row["element"] == "[Cook]" and row["z of mean"] > error.table.attrs["threshold"]
    assert abs(error.table.loc[("theta", "Stan"), "z of mean"]) < error.table.attrs["threshold"]


def test_an_approximation_that_is_off_carries_its_table():
    reference = sbs.load_reference("robust_mean_field")
    with pytest.raises(agreement.DisagreementError) as caught:
        sbs.check_approximations({"Pyro": normal(reference, 0.2)}, reference)
    assert caught.value.table.loc[("alpha", "Pyro"), "off (sds)"] == pytest.approx(0.2)
