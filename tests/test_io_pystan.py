"""Draws of PyStan as ArviZ takes them."""

import json

import numpy as np
import pytest

import sidebyside as sbs

RNG = np.random.default_rng(6)


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
