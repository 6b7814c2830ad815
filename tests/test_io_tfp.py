"""Draws of TFP as ArviZ takes them."""

import numpy as np
import pytest

import sidebyside as sbs
from sidebyside import draws

RNG = np.random.default_rng(6)


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
    with pytest.raises(draws.DrawsError, match="TFP: 1 of 120 draws of 'theta' are NaN"):
        sbs.from_tfp({"theta": values}, {"diverging": np.zeros((30, 4), dtype=bool)})


def test_a_parameter_of_tfp_without_elements_is_converted():
    values = {"theta": RNG.normal(size=(30, 4)), "none": np.empty((30, 4, 0))}
    tree = sbs.from_tfp(values, {"diverging": np.zeros((30, 4), dtype=bool)})
    assert tree["posterior"]["none"].shape == (4, 30, 0)
