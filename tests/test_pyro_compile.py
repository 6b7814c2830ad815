"""The compiled Pyro model is the model, and several chains move as one."""

import os
import subprocess
import sys

import numpy as np
import pytest

import sidebyside as sbs


def groups_pyro():
    """Return a small Pyro model with a scalar, a positive and a vector unknown, and its data."""
    import pyro
    import torch

    zero, one = torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)

    def model(y):
        mu = pyro.sample("mu", pyro.distributions.Normal(zero, 2 * one))
        sigma = pyro.sample("sigma", pyro.distributions.HalfNormal(one))
        with pyro.plate("data", len(y)):
            level = pyro.sample("level", pyro.distributions.Normal(mu, sigma))
            pyro.sample("y", pyro.distributions.Normal(level, one), obs=y)

    return model, torch.tensor([1.0, 3.0, 2.5], dtype=torch.float64)


@pytest.mark.parametrize("fuse", [True, False])
def test_compiled_pyro_model_is_the_model_and_its_chains_are_right(fuse, recwarn):
    pyro = pytest.importorskip("pyro")
    from pyro.infer.mcmc.util import initialize_model
    from pyro.ops.integrator import potential_grad

    model, data = groups_pyro()
    pyro.set_rng_seed(2)
    compiled = sbs.compile_pyro(model, data, fuse=fuse)
    assert [
        warning for warning in recwarn if "deprecated" in str(warning.message) and "jit" in str(warning.message)
    ] == []
    after_compiling = compiled.unknowns.split(compiled.start()["unconstrained"])["mu"]
    pyro.set_rng_seed(2)
    _, potential, _, _ = initialize_model(model, (data,))
    assert after_compiling == initialize_model(model, (data,))[0]["mu"]  # a seed set before means what it did
    pyro.set_rng_seed(1)
    first, second = compiled.start(), compiled.start()
    assert not (first["unconstrained"] == second["unconstrained"]).any()  # chains start at different places
    for position in (first, second):
        slopes, energy = potential_grad(potential, compiled.unknowns.split(position["unconstrained"]))
        compiled_slope, compiled_energy = potential_grad(compiled.potential, position)
        assert float(compiled_energy) == pytest.approx(float(energy), rel=1e-12)
        for name, slope in compiled.unknowns.split(compiled_slope["unconstrained"]).items():
            np.testing.assert_allclose(slope, slopes[name], rtol=1e-10)

    kernel = pyro.infer.NUTS(potential_fn=compiled.potential, transforms=compiled.transforms)
    mcmc = pyro.infer.MCMC(kernel, num_samples=20, warmup_steps=20, initial_params=first, disable_progbar=True)
    mcmc.run()
    assert (sbs.from_pyro(mcmc)["posterior"]["sigma"].values > 0).all()  # back on the model's own scale


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("fuse", [True, False])
def test_a_cholesky_factor_is_compiled_too(fuse, size):
    """Its transform fills a triangle by a mask, whose number of places PyTorch's compiler can't tell."""
    pyro = pytest.importorskip("pyro")
    import torch
    from pyro.infer.mcmc.util import initialize_model
    from pyro.ops.integrator import potential_grad

    one = torch.ones((), dtype=torch.float64)

    def model(y):
        L = pyro.sample("L", pyro.distributions.LKJCholesky(size, concentration=2 * one))
        z = pyro.sample("z", pyro.distributions.Normal(0 * one, one).expand([size]).to_event(1))
        pyro.sample("y", pyro.distributions.Normal(L @ z, one).to_event(1), obs=y)

    data = torch.arange(size, dtype=torch.float64)
    pyro.set_rng_seed(1)
    compiled = sbs.compile_pyro(model, data, chains=4, fuse=fuse)
    start = compiled.start()
    slope, energy = potential_grad(compiled.potential, start)
    _, potential, _, _ = initialize_model(model, (data,))
    total = 0.0
    for place, vector in enumerate(start["unconstrained"]):
        slopes, own = potential_grad(potential, compiled.unknowns.split(vector))
        total += float(own)
        for name, expected in compiled.unknowns.split(slope["unconstrained"][place]).items():
            np.testing.assert_allclose(expected, slopes[name], rtol=1e-9)
    assert float(energy) == pytest.approx(total, rel=1e-12)
    factors = compiled.unknowns.unpack(start["unconstrained"])["L"]
    np.testing.assert_allclose((factors**2).sum(-1), 1.0)


@pytest.mark.parametrize("fuse", [True, False])
def test_compiled_pyro_model_moves_chains_together_that_know_nothing_of_one_another(fuse):
    pyro = pytest.importorskip("pyro")
    from pyro.infer.mcmc.util import initialize_model
    from pyro.ops.integrator import potential_grad

    model, data = groups_pyro()
    compiled = sbs.compile_pyro(model, data, chains=3, fuse=fuse)
    _, potential, _, _ = initialize_model(model, (data,))
    pyro.set_rng_seed(1)
    start = compiled.start()
    apart = compiled.unknowns.split(start["unconstrained"])
    assert apart["level"].shape == (3, 3) and len(set(apart["mu"].tolist())) == 3  # chains start at different places
    slope, energy = potential_grad(compiled.potential, start)
    slopes = compiled.unknowns.split(slope["unconstrained"])
    single = [potential_grad(potential, {name: value[chain] for name, value in apart.items()}) for chain in range(3)]
    assert float(energy) == pytest.approx(sum(float(one) for _, one in single), rel=1e-12)
    for chain, (own, _) in enumerate(single):
        for name, slope in own.items():
            np.testing.assert_allclose(slopes[name][chain], slope, rtol=1e-10)

    kernel = pyro.infer.NUTS(potential_fn=compiled.potential, transforms=compiled.transforms)
    mcmc = pyro.infer.MCMC(kernel, num_samples=400, warmup_steps=200, initial_params=start, disable_progbar=True)
    mcmc.run()
    tree = sbs.from_pyro(mcmc, vectorized=True, dims={"level": ["group"]})
    assert tree["posterior"]["level"].shape == (3, 400, 3) and tree["sample_stats"]["diverging"].shape == (3, 400)
    raw = mcmc.get_samples()["unconstrained"]  # (draws, chains, unknowns)
    np.testing.assert_array_equal(tree["posterior"]["level"].values[2, 7], compiled.unknowns.unpack(raw[7, 2])["level"])
    assert tree["posterior"]["sigma"].values[2, 7] == float(compiled.unknowns.split(raw[7, 2])["sigma"].exp())
    mu = tree["posterior"]["mu"].values
    assert np.abs(np.corrcoef(mu)[np.triu_indices(3, 1)]).max() < 0.3
    with pytest.raises(ValueError, match="chains must be at least 1"):
        sbs.compile_pyro(model, data, chains=0)


@pytest.mark.parametrize("fuse", [True, False])
def test_a_start_of_another_kind_is_rejected(fuse):
    """Compiled code reads memory without looking: of 32-bit numbers it would make other numbers."""
    pytest.importorskip("pyro")
    model, data = groups_pyro()
    compiled = sbs.compile_pyro(model, data, fuse=fuse)
    start = compiled.start()["unconstrained"]
    for wrong in (start.float(), start[:-1], start[None]):
        with pytest.raises(ValueError, match=r"float64 of shape \(5,\), as start"):
            compiled.potential({"unconstrained": wrong})


def test_packed_unknowns_come_apart_again():
    torch = pytest.importorskip("torch")
    from sidebyside.pyro_compile import UnknownsInOneVector

    unknowns = UnknownsInOneVector({"mu": (), "level": (3,), "none": (0,), "table": (2, 2)}, {})
    values = {name: torch.rand(7, 4, *shape) for name, shape in unknowns.shapes.items()}
    packed = unknowns.pack(values)
    assert packed.shape == (7, 4, 1 + 3 + 0 + 4)
    apart = unknowns.split(packed)
    assert list(apart) == list(values)
    for name, value in values.items():
        assert apart[name].shape == value.shape and (apart[name] == value).all()


def test_without_a_compiler_one_is_told_of_the_way_that_needs_none(tmp_path):
    pytest.importorskip("pyro")
    program = (
        "import torch, pyro, pyro.distributions as d, sidebyside as sbs\n"
        "model = lambda: pyro.sample('x', d.Normal(0.0, 1.0))\n"
        "print('energy', float(sbs.compile_pyro(model, fuse=False).potential({'unconstrained': torch.ones(1)})))\n"
        "sbs.compile_pyro(model)\n"
    )
    bare = os.environ | {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "CXX": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=bare, timeout=300, check=False
    )
    assert done.returncode == 1 and done.stdout.startswith("energy"), done.stderr[-2000:]
    assert "fuse=False" in done.stderr.splitlines()[-1]
