"""Draws of Pyro as ArviZ takes them."""

import numpy as np
import pytest

import sidebyside as sbs
from sidebyside.draws import DrawsError


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


def test_a_run_of_pyro_without_draws_is_named():
    pyro = pytest.importorskip("pyro")

    def interrupted(kernel, samples, stage, i):
        raise KeyboardInterrupt

    def model():
        pyro.sample("theta", pyro.distributions.Normal(0.0, 1.0))

    mcmc = pyro.infer.MCMC(
        pyro.infer.NUTS(model), num_samples=20, warmup_steps=10, disable_progbar=True, hook_fn=interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        mcmc.run()
    for runs in (mcmc, [mcmc], []):
        with pytest.raises(DrawsError, match="Pyro: there are no posterior draws"):
            sbs.from_pyro(runs)
