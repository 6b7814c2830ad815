"""Draws compared with each other, and posteriordb's reference draws."""

import json
import warnings
import zipfile

import arviz as az
import numpy as np
import pytest
from toy_posteriors import county_tree, right_draws, tree_of

import sidebyside as sbs


def tree(seed, **changes):
    draws = right_draws(np.random.default_rng(seed))
    return tree_of(**{name: draws[name] * changes.get(name, 1) for name in draws})


def test_draws_of_one_posterior_agree():
    table = sbs.compare_posteriors({"PyMC": tree(1), "NumPyro": tree(2), "mine": tree(3)})
    assert list(table.index[:3]) == [("mu", "PyMC – NumPyro"), ("mu", "PyMC – mine"), ("mu", "NumPyro – mine")]
    assert table[["z of mean", "z of sd"]].abs().max().max() < table.attrs["threshold"]
    assert table.attrs["remarks"] == [] and table.attrs["left out"] == []


def test_the_threshold_holds_what_it_promises():
    """With a family error of 30% some 30% of tables of right draws fail, or fewer (Bonferroni)."""
    failed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        pair = {name: tree_of(rng.normal(size=(4, 250)), rng.normal(2, 0.5, (4, 250))) for name in ("one", "other")}
        try:
            with warnings.catch_warnings(action="ignore"):  # four short chains: R-hat a little above 1.01
                sbs.compare_posteriors(pair, family_error=0.3)
        except sbs.DisagreementError:
            failed += 1
    assert 0.15 * 200 < failed < 0.4 * 200


def test_the_one_that_differs_from_all_others_is_named():
    posteriors = {"PyMC": tree(1), "NumPyro": tree(2), "Stan": tree(3, sigma=1.2)}
    with pytest.raises(sbs.DisagreementError, match="The posterior mean of sigma is 2") as raised:
        sbs.compare_posteriors(posteriors)
    assert "Stan differs from all others, which agree." in str(raised.value)
    assert ("sigma", "PyMC – Stan") in raised.value.table.index
    del posteriors["NumPyro"]
    with pytest.raises(sbs.DisagreementError, match="Two posteriors can't show which of them is wrong"):
        sbs.compare_posteriors(posteriors)


def test_an_sd_that_differs_is_found():
    wide = right_draws(np.random.default_rng(4))
    with pytest.raises(sbs.DisagreementError, match="The posterior sd of mu is"):
        sbs.compare_posteriors({"PyMC": tree(1), "Stan": tree_of(1.2 * wide["mu"], wide["sigma"])})


def test_an_element_is_named_by_its_coordinate():
    with pytest.raises(sbs.DisagreementError, match=r"theta\[Cook\] is 2\.0"):
        sbs.compare_posteriors({"PyMC": county_tree(), "Stan": county_tree(shift=0.5)})


def test_names_are_mapped_and_other_variables_are_left_out():
    renamed = az.from_dict({"posterior": {"mu": right_draws()["mu"], "sd": right_draws()["sigma"]}})
    table = sbs.compare_posteriors({"PyMC": tree(1), "Pyro": renamed}, names={"Pyro": {"sigma": "sd"}})
    assert set(table.index.get_level_values("parameter")) == {"mu", "sigma"}
    assert sbs.compare_posteriors({"PyMC": tree(1), "Pyro": renamed}).attrs["left out"] == ["sd", "sigma"]
    with pytest.raises(sbs.DrawsError, match="Pyro: no draws of sigma; there are: mu, sd"):
        sbs.compare_posteriors({"PyMC": tree(1), "Pyro": renamed}, parameters=["sigma"])
    only = az.from_dict({"posterior": {"nu": right_draws()["mu"]}})
    with pytest.raises(sbs.DrawsError, match="No variable is in all posteriors"):
        sbs.compare_posteriors({"PyMC": tree(1), "Pyro": only})


@pytest.mark.parametrize(
    ("shape", "said"),
    [((1, 4000), "Pyro: one chain"), ((2, 2000), "Pyro: 2 chains"), ((4, 50), "effective sample size is")],
)
def test_what_fewer_chains_cost_is_said(shape, said):
    few = tree_of(**right_draws(np.random.default_rng(8), shape))
    with pytest.warns(UserWarning, match=said):
        table = sbs.compare_posteriors({"PyMC": tree(1), "Pyro": few})
    assert any(said in remark for remark in table.attrs["remarks"])


def test_chains_that_have_not_met_cannot_be_compared():
    apart = right_draws(np.random.default_rng(9))
    apart["mu"][0] += 3
    with pytest.raises(sbs.SamplingError, match="Pyro: the chains disagree with each other on mu"):
        sbs.compare_posteriors({"PyMC": tree(1), "Pyro": tree_of(**apart)})


def test_draws_that_never_change_do_not_pass():
    stuck = right_draws(np.random.default_rng(9))
    stuck["mu"][:] = 0
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(sbs.DisagreementError, match="The posterior sd of mu is"),
    ):
        sbs.compare_posteriors({"PyMC": tree(1), "Pyro": tree_of(**stuck)})


def test_constants_agree_and_shapes_must():
    fixed = np.tile([[1.0, 0.2], [0.2, 1.0]], (4, 1000, 1, 1)) * 1.0
    fixed[..., 0, 1] += np.random.default_rng(1).normal(0, 0.1, (4, 1000))
    other = fixed.copy()
    other[..., 0, 1] = 0.2 + np.random.default_rng(2).normal(0, 0.1, (4, 1000))
    one, two = (az.from_dict({"posterior": {"corr": values}}) for values in (fixed, other))
    with warnings.catch_warnings(action="ignore"):  # R-hat of a constant
        sbs.compare_posteriors({"PyMC": one, "Stan": two})
        other[..., 0, 0] = 1.1
        with pytest.raises(sbs.DisagreementError, match=r"corr\[0, 0\] is 1 in PyMC and 1.1"):
            sbs.compare_posteriors({"PyMC": one, "Stan": az.from_dict({"posterior": {"corr": other}})})
        with pytest.raises(sbs.DrawsError, match=r"corr: PyMC has shape \(2, 2\)"):
            flat = az.from_dict({"posterior": {"corr": other.reshape(4, 1000, 4)}})
            sbs.compare_posteriors({"PyMC": one, "Stan": flat})


def test_one_posterior_is_none_to_compare():
    with pytest.raises(ValueError, match="needs two"):
        sbs.compare_posteriors({"PyMC": tree(1)})
    with pytest.raises(sbs.DrawsError, match="Stan: there are no posterior draws"):
        sbs.compare_posteriors({"PyMC": tree(1), "Stan": None})


def test_posteriordbs_draws_become_arrays(tmp_path):
    chains = [{"mu": [1.0, 2.0], "theta[1]": [3.0, 4.0], "theta[2]": [5.0, 6.0]} for _ in range(2)]
    posterior = sbs.from_posteriordb(chains)["posterior"]
    assert posterior["mu"].shape == (2, 2)
    np.testing.assert_array_equal(posterior["theta"].values[0], [[3.0, 5.0], [4.0, 6.0]])
    path = tmp_path / "draws.json.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("draws.json", json.dumps(chains))
    np.testing.assert_array_equal(sbs.from_posteriordb(path)["posterior"]["theta"], posterior["theta"])
    two = sbs.from_posteriordb([{"m[1,1]": [1.0], "m[1,2]": [2.0], "m[2,1]": [3.0], "m[2,2]": [4.0]}])
    np.testing.assert_array_equal(two["posterior"]["m"].values[0, 0], [[1.0, 2.0], [3.0, 4.0]])
    for broken, said in (([], "no chains"), ([{"m[2]": [1.0]}], "1 elements are there"), ([{"m[a]": [1.0]}], "m.a.")):
        with pytest.raises(sbs.DrawsError, match=said):
            sbs.from_posteriordb(broken)
