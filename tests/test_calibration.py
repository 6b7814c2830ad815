"""Flat ranks pass as often as promised, crooked ones are named, bands are exact, stored runs are what they say."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import sidebyside as sbs
from sidebyside import calibration
from sidebyside.calibration import CalibrationError, RanksError

RNG = np.random.default_rng(14)
STORED = sorted(path.stem for path in (Path(calibration.__file__).parent / "results" / "calibration").glob("*.json"))


def test_with_one_place_to_look_at_the_p_value_is_the_binomial_one():
    for below in (3, 10, 17):
        ranks = np.repeat([0, 1], [below, 20 - below])
        tail = min(binom.cdf(below, 20, 0.5), binom.sf(below - 1, 20, 0.5))
        assert sbs.flatness(ranks, 1) == pytest.approx(min(1, 2 * tail))


def test_the_coverage_is_that_of_all_ways_to_fall():
    """Three ranks among two draws fall in 27 ways, all alike."""
    tails = []
    for way in np.ndindex(3, 3, 3):
        counts = [sum(rank < k for rank in way) for k in (1, 2)]
        both = [(binom.cdf(c, 3, k / 3), binom.sf(c - 1, 3, k / 3)) for c, k in zip(counts, (1, 2), strict=True)]
        tails.append(np.min(both))
    for way, tail in zip(np.ndindex(3, 3, 3), tails, strict=True):
        assert sbs.flatness(np.array(way), 2) == pytest.approx(np.mean(np.array(tails) <= tail + 1e-12))


@pytest.mark.parametrize(("worlds", "draws"), [(40, 19), (30, 49)])
def test_false_alarms_are_as_rare_as_promised(worlds, draws):
    chances = np.array([sbs.flatness(RNG.integers(0, draws + 1, worlds), draws) for _ in range(4000)])
    for level in (0.05, 0.2, 0.5):  # counts are whole numbers, so a little below the level
        error = 4 * np.sqrt(level * (1 - level) / 4000)
        assert level / 2 < level - error - 0.01 < np.mean(chances <= level) < level + error


def test_the_band_holds_as_many_as_it_says_and_agrees_with_the_p_value():
    expected, low, high = sbs.calibration_band(50, 19, 0.9)
    assert expected[0] == low[0] == high[0] == 0 and expected[-1] == low[-1] == high[-1] == 1
    inside = []
    for _ in range(600):
        ranks = RNG.integers(0, 20, 50)
        share = sbs.cumulated(ranks, 19)
        inside.append(bool(np.all((share >= low - 1e-12) & (share <= high + 1e-12))))
        assert inside[-1] == (sbs.flatness(ranks, 19) > 0.1 - 1e-9) or abs(sbs.flatness(ranks, 19) - 0.1) < 0.02
    assert 0.9 - 0.04 < np.mean(inside) < 0.97


def test_the_band_is_arvizs_without_the_simulation():
    from arviz_stats.ecdf_utils import ecdf_pit

    points, _, low, high = ecdf_pit(np.linspace(0, 1, 100), 0.95, 4000, rng=np.random.default_rng(1))
    expected, own_low, own_high = sbs.calibration_band(100, 99, 0.95)
    np.testing.assert_allclose(points, expected)
    for theirs, ours in ((low, own_low), (high, own_high)):
        assert np.max(np.abs(theirs - ours)) < 0.0101  # a world more or less of 100


def crooked(kind, worlds=200, draws=99):
    place = {
        "flat": RNG.random(worlds),
        "too high": RNG.beta(2, 1, worlds),
        "too low": RNG.beta(1, 2, worlds),
        "outside": RNG.beta(0.4, 0.4, worlds),
        "amid": RNG.beta(3, 3, worlds),
    }[kind]
    return np.floor(place * (draws + 1)).astype(int)


@pytest.mark.parametrize("kind", ["too high", "too low", "outside", "amid"])
def test_crooked_ranks_name_library_quantity_and_shape(kind):
    ranks = {"PyMC": {"beta": crooked("flat")}, "TFP": {"beta": crooked("flat"), "sigma": crooked(kind)}}
    with pytest.raises(CalibrationError, match=rf"^TFP: the ranks of sigma are not flat \(.*\): the truth .*{kind}"):
        sbs.check_calibration(ranks, 99)
    del ranks["TFP"]["sigma"]
    table = sbs.check_calibration(ranks, 99)
    assert table.attrs["threshold"] == pytest.approx(1e-3 / 2)
    assert list(table.index) == ["PyMC", "TFP"] and table.loc["TFP", "beta"] > 1e-3 / 2


def test_extreme_ranks_have_a_tiny_p_value_and_not_a_negative_one():
    assert 0 <= sbs.flatness(np.zeros(300, dtype=int), 99) < 1e-100


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ({}, "no ranks to check"),
        ({"PyMC": {}}, "no ranks to check"),
        ({"PyMC": {"beta": np.zeros((3, 2))}}, r"one row of whole numbers"),
        ({"PyMC": {"beta": np.array([])}}, r"one row of whole numbers"),
        ({"PyMC": {"beta": np.array([3, 100])}}, "from 0 to 99"),
        ({"PyMC": {"beta": np.array([3, 1.5])}}, "from 0 to 99"),
        ({"PyMC": {"beta": np.array([3, np.nan])}}, "from 0 to 99"),
    ],
)
def test_ranks_that_cannot_be_judged_are_named(ranks, said):
    with pytest.raises(RanksError, match=said):
        sbs.check_calibration(ranks, 99)


def test_an_unknown_run_says_which_there_are():
    with pytest.raises(ValueError, match=r"no stored calibration called 'nonsense'\. There are: "):
        sbs.load_calibration("nonsense")


@pytest.mark.parametrize("name", STORED)
def test_a_stored_run_is_whole(name):
    stored = sbs.load_calibration(name)
    assert stored.name == name and "make calibration" in stored.how
    assert set(stored.seconds) == set(stored.ranks) == set(sbs.LIBRARIES)
    assert {"pymc", "pystan", "numpyro", "pyro-ppl", "tensorflow-probability"} <= set(stored.versions)
    shapes = {values.shape for quantities in stored.ranks.values() for values in quantities.values()}
    assert len(shapes) == 1
    assert len({tuple(quantities) for quantities in stored.ranks.values()}) == 1
    sizes = len(json.dumps({lib: {q: r.tolist() for q, r in qs.items()} for lib, qs in stored.ranks.items()}))
    assert sizes < 300_000  # it travels with the package
