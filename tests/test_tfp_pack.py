"""The packed TFP model is the model on its unconstrained scale."""

import numpy as np
import pytest
from scipy import stats

import sidebyside as sbs

RNG = np.random.default_rng(6)


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
