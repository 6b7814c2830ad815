"""Log densities of the five libraries, and the check that they are one function."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from toy_posteriors import REFERENCE

import sidebyside as sbs
from sidebyside import density

OBSERVED = np.array([0.3, -1.2, 2.1])
POINTS = [{"mu": 0.1, "sigma": 1.3}, {"mu": -2.0, "sigma": 0.4}, {"mu": 3.0, "sigma": 2.5}]


def exact(point):
    log_prior = stats.norm.logpdf(point["mu"], 1, 2) + stats.halfnorm.logpdf(point["sigma"], scale=3)
    return log_prior + stats.norm.logpdf(OBSERVED, point["mu"], point["sigma"]).sum()


EXACT = np.array([exact(point) for point in POINTS])


def test_density_of_pymc_is_exact():
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 1, 2), pm.HalfNormal("sigma", 3)
        pm.Normal("y", mu, sigma, observed=OBSERVED)
    np.testing.assert_allclose(density.pymc(model, POINTS), EXACT, atol=1e-7)  # its half-normal's constant: 2e-8 off
    with pytest.raises(density.ParameterNamesError, match=r"PyMC: point 0.*only in the model: \['sigma'\]"):
        density.pymc(model, [{"mu": 0.1}])


def test_density_of_numpyro_is_exact():
    numpyro = pytest.importorskip("numpyro")
    numpyro.enable_x64()
    from numpyro import distributions as dist

    def model(y):
        mu, sigma = numpyro.sample("mu", dist.Normal(1, 2)), numpyro.sample("sigma", dist.HalfNormal(3))
        numpyro.sample("y", dist.Normal(mu, sigma), obs=y)

    np.testing.assert_allclose(density.numpyro(model, POINTS, OBSERVED), EXACT, rtol=1e-9)
    with pytest.raises(density.ParameterNamesError, match=r"NumPyro: .*only in the point: \['nu'\]"):
        density.numpyro(model, [{**POINTS[0], "nu": 1.0}], OBSERVED)


def test_density_of_pyro_is_exact():
    pyro = pytest.importorskip("pyro")
    import torch
    from pyro import distributions as dist

    def model(y):
        mu = pyro.sample("mu", dist.Normal(torch.tensor(1.0).double(), 2))
        sigma = pyro.sample("sigma", dist.HalfNormal(torch.tensor(3.0).double()))
        with pyro.plate("rows", len(y)):
            pyro.sample("y", dist.Normal(mu, sigma), obs=y)

    np.testing.assert_allclose(density.pyro(model, POINTS, torch.tensor(OBSERVED)), EXACT, rtol=1e-9)


def test_density_of_tfp_is_exact():
    tfp = pytest.importorskip("tensorflow_probability")
    tfd, double = tfp.distributions, np.float64
    joint = tfd.JointDistributionNamedAutoBatched(
        {
            "mu": tfd.Normal(double(1), double(2)),
            "sigma": tfd.HalfNormal(double(3)),
            "y": lambda mu, sigma: tfd.Sample(tfd.Normal(mu, sigma), 3),
        }
    )
    np.testing.assert_allclose(density.tfp(joint, POINTS, y=OBSERVED), EXACT, rtol=1e-9)


class FakeStanModel:
    """A built PyStan model's interface; the chapters check the real one, which takes a compiler's minute."""

    param_names = ("mu", "sigma")

    def unconstrain_pars(self, point):
        return [point["mu"], np.log(point["sigma"])]

    def log_prob(self, unconstrained, adjust_transform):
        assert adjust_transform is False
        return exact({"mu": unconstrained[0], "sigma": np.exp(unconstrained[1])}) + 17


def test_density_of_stan_asks_for_the_constrained_scale():
    pytest.importorskip("stan")
    np.testing.assert_allclose(density.stan(FakeStanModel(), POINTS) - 17, EXACT, rtol=1e-9)


def test_densities_may_differ_by_a_constant():
    table = sbs.check_densities({"PyMC": REFERENCE.log_density, "Stan": REFERENCE.log_density + 5}, REFERENCE)
    assert table.loc["sigma", "Stan"] == -1.0 and list(table.columns) == ["reference", "PyMC", "Stan"]


@pytest.mark.parametrize("bad", [1e-5, -0.3, np.nan])
def test_a_density_that_differs_names_library_and_parameter(bad):
    values = REFERENCE.log_density + np.array([0, 0, bad])
    with pytest.raises(density.DensityDisagreementError, match=r"Pyro's model is not .* \(changing sigma:"):
        sbs.check_densities({"PyMC": REFERENCE.log_density, "Pyro": values}, REFERENCE)


def test_densities_of_the_wrong_number_or_none_are_errors():
    with pytest.raises(ValueError, match=r"TFP: \(2,\) log densities for 3 points"):
        sbs.check_densities({"TFP": np.zeros(2)}, REFERENCE)
    with pytest.raises(ValueError, match="no density to check"):
        sbs.check_densities({}, REFERENCE)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_density_that_is_not_finite_is_a_disagreement_at_any_point(place, value):
    values = REFERENCE.log_density.copy()
    values[place] = value
    with pytest.raises(density.DensityDisagreementError, match="TFP's model"):
        sbs.check_densities({"PyMC": REFERENCE.log_density, "TFP": values}, REFERENCE)


@pytest.mark.parametrize("count", [0, 1])
def test_one_point_has_nothing_to_differ_from(count):
    few = replace(REFERENCE, points=REFERENCE.points[:count], log_density=REFERENCE.log_density[:count])
    with pytest.raises(ValueError, match="need at least two"):
        sbs.check_densities({"PyMC": few.log_density}, few)
