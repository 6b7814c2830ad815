"""Log densities of the five libraries, and the check that they are one function."""

import pickle
from dataclasses import replace

import arviz_base
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


def test_density_of_pymc_takes_a_cholesky_factor():
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.HalfNormal.dist(1, shape=2))
    # rows of the lower triangle: sd 1, then sd 2 with the correlation r
    points = [{"chol": np.array([1.0, 2 * r, 2 * np.sqrt(1 - r**2)])} for r in (0.0, 0.5, -0.8)]
    found = density.pymc(model, points)
    # LKJ(2) is (1 - r^2); r and the second sd become the factor's second row, with the Jacobian 4 sqrt(1 - r^2)/2
    exact = [np.log(1 - r**2) - np.log(1 / np.sqrt(1 - r**2)) for r in (0.0, 0.5, -0.8)]
    np.testing.assert_allclose(found - found[0], np.subtract(exact, exact[0]), atol=1e-6)


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
    """A built PyStan model's interface, with transformed parameters, generated quantities and a vector of size 0."""

    param_names = ("mu", "sigma", "none", "tau", "also_none", "y_rep")
    dims = ((), (), (0,), (), (0,), (3,))

    def unconstrain_pars(self, point):
        for name in ("mu", "sigma"):
            if name not in point:
                raise RuntimeError({"message": f"variable does not exist; variable name={name}; base type=double"})
        if point["sigma"] <= 0:
            raise RuntimeError(
                {"message": "lb_free: Lower bounded variable is -1, but must be greater than or equal to 0"}
            )
        return [point["mu"], np.log(point["sigma"])]

    def constrain_pars(self, unconstrained, include_tparams, include_gqs):
        assert include_tparams is False and include_gqs is False
        return [unconstrained[0], np.exp(unconstrained[1])]

    def log_prob(self, unconstrained, adjust_transform):
        assert adjust_transform is False
        return exact({"mu": unconstrained[0], "sigma": np.exp(unconstrained[1])}) + 17


def test_density_of_stan_asks_for_the_constrained_scale():
    pytest.importorskip("stan")
    np.testing.assert_allclose(density.stan(FakeStanModel(), POINTS) - 17, EXACT, rtol=1e-9)
    with_none = [{**point, "none": np.empty(0)} for point in POINTS]
    np.testing.assert_allclose(density.stan(FakeStanModel(), with_none) - 17, EXACT, rtol=1e-9)


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sigma": None}, r"Stan: point {} .*only in the model: \['sigma'\]; only in the point: none"),
        ({"nu": 1.0}, r"Stan: point {} .*only in the model: none; only in the point: \['nu'\]"),
        ({"tau": 1.0}, r"Stan: point {} .*only in the model: none; only in the point: \['tau'\]"),
    ],
)
def test_points_name_a_stan_programs_parameters_and_no_more(number, change, said):
    pytest.importorskip("stan")
    points = [dict(point) for point in POINTS]
    points[number] = {name: value for name, value in (points[number] | change).items() if value is not None}
    with pytest.raises(density.ParameterNamesError, match=said.format(number)):
        density.stan(FakeStanModel(), points)


def test_what_stan_says_of_a_value_outside_the_support_is_passed_on():
    pytest.importorskip("stan")
    with pytest.raises(RuntimeError, match="Lower bounded variable is -1"):
        density.stan(FakeStanModel(), [{"mu": 0.0, "sigma": -1.0}])


STAN_PROGRAM = """
data { int none; vector[3] y; }
parameters { real mu; real<lower=0> sigma; vector[none] left_out; }
transformed parameters { real tau = sigma^2; }
model { mu ~ normal(1, 2); sigma ~ normal(0, 3); y ~ normal(mu, sigma); }
generated quantities { vector[3] y_rep = to_vector(normal_rng(rep_vector(mu, 3), sigma)); }
"""


def test_density_of_a_real_stan_program_with_derived_quantities_is_exact():
    """The fake model's promises, by PyStan itself (compiled once, then cached)."""
    stan = pytest.importorskip("stan")
    model = stan.build(STAN_PROGRAM, data={"none": 0, "y": OBSERVED.tolist()}, random_seed=1)
    assert model.param_names == ("mu", "sigma", "left_out", "tau", "y_rep")
    found = density.stan(model, POINTS)
    np.testing.assert_allclose(found - found[0], EXACT - EXACT[0], atol=1e-9)
    for change, said in (({"tau": 1.0}, r"only in the point: \['tau'\]"), ({"sigma": None}, r"the model: \['sigma'\]")):
        point = {name: value for name, value in (POINTS[0] | change).items() if value is not None}
        with pytest.raises(density.ParameterNamesError, match=said):
            density.stan(model, [point])
    with pytest.raises(RuntimeError, match="Lower bounded variable is -1"):
        density.stan(model, [{"mu": 0.0, "sigma": -1.0}])


def test_a_stan_parameter_of_size_0_is_left_out_of_the_draws_and_of_their_checks():
    """The same program, whose vector ``left_out`` has no elements."""
    stan = pytest.importorskip("stan")
    model = stan.build(STAN_PROGRAM, data={"none": 0, "y": OBSERVED.tolist()}, random_seed=1)
    fit = model.sample(num_chains=4, num_samples=1000, num_warmup=500, delta=0.99)
    tree = arviz_base.from_pystan(fit, posterior_model=model, posterior_predictive="y_rep")
    assert set(tree["posterior"].data_vars) == {"mu", "sigma", "tau"} and tree["posterior"].sizes["draw"] == 1000
    assert sbs.check_sampling({"Stan": tree}).loc["Stan", "chains"] == 4
    mu = tree["posterior"]["mu"].values
    truth = {"mean": np.empty(0), "sd": np.empty(0), "kurtosis": np.empty(0)}
    found = {"mean": mu.mean(), "sd": mu.std(), "kurtosis": 4.0}
    errors = {"mean_error": 0.0, "sd_error": 0.0}
    reference = replace(REFERENCE, parameters={"left_out": truth | errors, "mu": found | errors})
    assert list(sbs.check_agreement({"Stan": tree}, reference).index) == [("mu", "Stan")]


def test_a_parameter_of_size_0_counts_nothing_in_any_library():
    pm, numpyro, pyro = (pytest.importorskip(name) for name in ("pymc", "numpyro", "pyro"))
    tfp = pytest.importorskip("tensorflow_probability")
    import torch
    from numpyro import distributions as dist

    numpyro.enable_x64()
    points = [{"mu": mu, "none": np.empty(0)} for mu in (0.1, 1.3)]
    right = stats.norm.logpdf([0.1, 1.3])
    with pm.Model() as model:
        pm.Normal("mu")
        pm.Normal("none", shape=0)
    np.testing.assert_allclose(density.pymc(model, points), right)

    def numpyro_model():
        numpyro.sample("mu", dist.Normal())
        numpyro.sample("none", dist.Normal(np.zeros(0), 1.0))

    np.testing.assert_allclose(density.numpyro(numpyro_model, points), right)

    def pyro_model():
        pyro.sample("mu", pyro.distributions.Normal(torch.tensor(0.0).double(), 1.0))
        pyro.sample("none", pyro.distributions.Normal(torch.zeros(0).double(), 1.0).to_event(1))

    np.testing.assert_allclose(density.pyro(pyro_model, points), right)
    tfd, double = tfp.distributions, np.float64
    parts = {"mu": tfd.Normal(double(0), double(1)), "none": tfd.Sample(tfd.Normal(double(0), double(1)), 0)}
    np.testing.assert_allclose(density.tfp(tfd.JointDistributionNamedAutoBatched(parts), points), right)


def test_deterministic_quantities_are_no_parameters():
    pm = pytest.importorskip("pymc")
    numpyro = pytest.importorskip("numpyro")
    pyro = pytest.importorskip("pyro")
    import torch
    from numpyro import distributions as dist

    numpyro.enable_x64()
    with pm.Model() as pymc_model:
        mu, sigma = pm.Normal("mu", 1, 2), pm.HalfNormal("sigma", 3)
        pm.Deterministic("tau", sigma**2)
        pm.Normal("y", mu, sigma, observed=OBSERVED)

    def numpyro_model(y):
        mu, sigma = numpyro.sample("mu", dist.Normal(1, 2)), numpyro.sample("sigma", dist.HalfNormal(3))
        numpyro.deterministic("tau", sigma**2)
        numpyro.sample("y", dist.Normal(mu, sigma), obs=y)

    def pyro_model(y):
        mu = pyro.sample("mu", pyro.distributions.Normal(torch.tensor(1.0).double(), 2))
        sigma = pyro.sample("sigma", pyro.distributions.HalfNormal(torch.tensor(3.0).double()))
        pyro.deterministic("tau", sigma**2)
        with pyro.plate("rows", len(y)):
            pyro.sample("y", pyro.distributions.Normal(mu, sigma), obs=y)

    np.testing.assert_allclose(density.pymc(pymc_model, POINTS), EXACT, atol=1e-7)
    np.testing.assert_allclose(density.numpyro(numpyro_model, POINTS, OBSERVED), EXACT, rtol=1e-9)
    np.testing.assert_allclose(density.pyro(pyro_model, POINTS, torch.tensor(OBSERVED)), EXACT, rtol=1e-9)


def test_densities_may_differ_by_a_constant():
    table = sbs.check_densities({"PyMC": REFERENCE.log_density, "Stan": REFERENCE.log_density + 5}, REFERENCE)
    assert table.loc["sigma", "Stan"] == -1.0 and list(table.columns) == ["reference", "PyMC", "Stan"]


@pytest.mark.parametrize("bad", [1e-5, -0.3, np.nan])
def test_a_density_that_differs_names_library_and_parameter(bad):
    values = REFERENCE.log_density + np.array([0, 0, bad])
    with pytest.raises(density.DensityDisagreementError, match=r"Pyro's model is not .* \(changing sigma:"):
        sbs.check_densities({"PyMC": REFERENCE.log_density, "Pyro": values}, REFERENCE)


TOY = replace(REFERENCE, points=POINTS, log_density=EXACT)


def in_single_precision_by_numpyro(y):
    import jax
    import numpyro
    from numpyro import distributions as dist

    def model(y):
        mu, sigma = numpyro.sample("mu", dist.Normal(1, 2)), numpyro.sample("sigma", dist.HalfNormal(3))
        numpyro.sample("y", dist.Normal(mu, sigma), obs=y)

    with jax.enable_x64(False):
        return density.numpyro(model, POINTS, y)


def in_single_precision_by_pyro(y):
    import pyro
    import torch

    def model(y):
        mu = pyro.sample("mu", pyro.distributions.Normal(torch.tensor(1.0), torch.tensor(2.0)))
        sigma = pyro.sample("sigma", pyro.distributions.HalfNormal(torch.tensor(3.0)))
        with pyro.plate("rows", len(y)):
            pyro.sample("y", pyro.distributions.Normal(mu * torch.ones(len(y), dtype=torch.float32), sigma), obs=y)

    return density.pyro(model, POINTS, torch.tensor(y, dtype=torch.float32))


def in_single_precision_by_tfp(y):
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    joint = tfd.JointDistributionNamedAutoBatched(
        {
            "mu": tfd.Normal(1.0, 2.0),
            "sigma": tfd.HalfNormal(3.0),
            "y": lambda mu, sigma: tfd.Sample(tfd.Normal(mu, sigma), 3),
        }
    )
    return density.tfp(joint, POINTS, y=y)


def in_single_precision_by_pymc(y):
    import pymc as pm
    import pytensor

    with pytensor.config.change_flags(floatX="float32"), pm.Model() as model:
        mu, sigma = pm.Normal("mu", 1, 2), pm.HalfNormal("sigma", 3)
        pm.Normal("y", mu, sigma, observed=y)
        return density.pymc(model, POINTS)


@pytest.mark.parametrize(
    ("library", "evaluate", "advice"),
    [
        ("PyMC", in_single_precision_by_pymc, "floatX"),
        ("NumPyro", in_single_precision_by_numpyro, r"enable_x64\(\)"),
        ("Pyro", in_single_precision_by_pyro, "set_default_dtype"),
        ("TFP", in_single_precision_by_tfp, "np.float64"),
    ],
)
def test_a_right_model_in_single_precision_is_called_so(library, evaluate, advice):
    pytest.importorskip({"TFP": "tensorflow_probability"}.get(library, library.lower()))
    found = evaluate(OBSERVED)
    with pytest.raises(
        density.DensityDisagreementError, match=rf"{library}'s log densities .*single.*{advice}"
    ) as caught:
        sbs.check_densities({library: found}, TOY)
    assert "model is not" not in str(caught.value)
    assert 1e-6 < np.abs(np.diff(found - EXACT)).max() < 1e-4 and caught.value.table.shape == (2, 2)


def test_a_wrong_model_in_single_precision_is_both():
    wrong = (EXACT + np.array([0, 0.01, 0])).astype(np.float32)
    with pytest.raises(density.DensityDisagreementError) as caught:
        sbs.check_densities({"NumPyro": wrong, "PyMC": EXACT}, TOY)
    said = str(caught.value)
    assert "NumPyro's model is not the reference's" in said and "single precision (float32), too" in said


def test_single_precision_that_is_exact_enough_passes():
    sbs.check_densities({"NumPyro": REFERENCE.log_density.astype(np.float32)}, REFERENCE)


@pytest.mark.parametrize(("off", "small"), [(2e-4, True), (0.01, False)])
def test_a_difference_counts_as_rounding_by_the_size_of_the_density(off, small):
    """Of log densities as large as those of chapter 8: data in single precision, and a prior with another scale."""
    large = replace(REFERENCE, log_density=REFERENCE.log_density - 1300)
    with pytest.raises(density.DensityDisagreementError) as caught:
        sbs.check_densities({"Stan": large.log_density + np.array([0, off, 0])}, large)
    said = str(caught.value)
    assert ("no more than single precision (float32) leaves" in said) == small
    assert ("Stan's model is not the reference's" in said) != small


def test_a_stan_model_whose_build_was_interrupted_is_named():
    pytest.importorskip("stan")
    with pytest.raises(ValueError, match=r"Was stan\.build interrupted"):
        density.stan(None, POINTS)


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


def test_a_density_that_differs_carries_its_table():
    densities = {"PyMC": REFERENCE.log_density, "Pyro": REFERENCE.log_density + np.array([0, 0, 0.3])}
    with pytest.raises(density.DensityDisagreementError) as caught:
        sbs.check_densities(densities, REFERENCE)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.table["Pyro"].tolist() == pytest.approx([-0.5, -0.7]) and error.table.loc["sigma", "PyMC"] == -1.0
