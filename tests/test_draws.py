"""Draws that are not there, and draws of which only a part was made."""

import time

import arviz as az
import arviz_base
import numpy as np
import pytest
from toy_posteriors import REFERENCE, right_draws, tree_of

import sidebyside as sbs
from sidebyside.draws import DrawsError, check_draws

CHECKS = (sbs.check_sampling, lambda posteriors: sbs.check_agreement(posteriors, REFERENCE))


def interrupted(made, draws=500):
    """Return what nutpie returns when it is interrupted after ``made`` draws of each chain."""
    values, steps = right_draws(shape=(len(made), draws)), np.full((len(made), draws), 7)
    values["beta"] = np.random.default_rng(3).normal(size=(len(made), draws, 2))
    for chain, count in enumerate(made):
        steps[chain, count:] = 0
        for name in values:
            values[name][chain, count:] = np.nan
    return az.from_dict(
        {"posterior": values, "sample_stats": {"diverging": np.zeros(steps.shape, bool), "n_steps": steps}}
    )


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "tree",
    [None, tree_of(**right_draws(shape=(4, 0))), az.from_dict({"prior": right_draws()})],
    ids=["None", "no draws", "a prior alone"],
)
def test_draws_that_are_not_there_are_named(check, tree):
    with pytest.raises(DrawsError, match="Stan: there are no posterior draws"):
        check({"Stan": tree})


def test_what_pystan_returns_when_it_is_interrupted_is_named():
    pytest.importorskip("stan")
    with pytest.raises(DrawsError, match="Stan: there are no posterior draws"):
        sbs.check_sampling({"Stan": arviz_base.from_pystan(None)})


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("made", [(86, 500, 0, 0), (500, 500, 500, 499)])
def test_sampling_that_was_interrupted_is_named(check, made):
    with pytest.raises(DrawsError) as caught:
        check({"PyMC": interrupted(made)})
    message = str(caught.value)
    assert message.startswith(f"PyMC: sampling was interrupted: the chains hold {', '.join(map(str, made))} draws")
    assert "log" not in message and "division" not in message


def test_chains_that_are_whole_were_not_interrupted():
    check_draws("PyMC", interrupted((500, 500, 500, 500)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree["sample_stats"]["n_steps"].values.fill(7),  # steps were made, and they led to NaN
        lambda tree: tree["posterior"]["mu"].values.fill(0.5),  # one parameter holds numbers
    ],
)
def test_nan_that_a_model_made_is_no_interruption(spoil):
    tree = interrupted((86, 500, 500, 500))
    spoil(tree)
    with pytest.raises(DrawsError, match=r"draws of '(mu|sigma)' are NaN or infinite"):
        check_draws("PyMC", tree)


def test_nutpie_that_is_interrupted_is_recognised():
    """By nutpie itself: one chain at a time, stopped while the first is drawn."""
    nutpie = pytest.importorskip("nutpie")
    from nutpie.compiled_pyfunc import from_pyfunc

    def make_density():
        return lambda theta: (-theta @ theta / 2, -theta)

    def make_expand(*_):
        return lambda theta: {"theta": theta}

    normal = from_pyfunc(2, make_density, make_expand, [np.dtype(float)], [(2,)], ["theta"])
    sampler = nutpie.sample(normal, draws=100_000, tune=50, chains=4, cores=1, blocking=False, progress_bar=False)
    for _ in range(600):
        if sampler.inspect()["posterior"].sizes["draw"] > 10:
            break
        time.sleep(0.1)
    with pytest.raises(DrawsError, match=r"PyMC: sampling was interrupted: the chains hold [1-9]\d*, 0, 0, 0 draws"):
        check_draws("PyMC", sampler.abort())
