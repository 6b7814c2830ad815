"""Programs compared with each other: what is found, what it is called, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import sidebyside as sbs
from sidebyside import compare_programs, density
from sidebyside.proofs import ProgramError

X, Y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.2, 1.9, 3.2, 3.8])
STAN = """
data { int n; vector[n] x; vector[n] y; }
parameters { real alpha; vector[2] beta; real<lower=0> sigma; }
transformed parameters { real twice = 2 * alpha; }
model {
  alpha ~ normal(0, 5); beta ~ normal(0, 2); sigma ~ exponential(0.5);
  y ~ normal(alpha + beta[1] * x + beta[2] * square(x), sigma);
}
"""


@pytest.fixture(scope="module")
def pymc_model():
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        alpha, beta = pm.Normal("alpha", 0, 5), pm.Normal("beta", 0, 2, shape=2)
        sigma = pm.Exponential("sigma", scale=2)
        pm.Deterministic("twice", 2 * alpha)
        pm.Normal("y", alpha + beta[0] * X + beta[1] * X**2, sigma, observed=Y)
    return model


def in_numpyro(x=X, y=Y, rate=0.5, sd="sigma", order=(0, 1)):
    numpyro = pytest.importorskip("numpyro")
    numpyro.enable_x64()
    from numpyro import distributions as dist

    def model(x, y):
        alpha = numpyro.sample("alpha", dist.Normal(0, 5))
        beta = numpyro.sample("beta", dist.Normal(0, 2).expand([2]).to_event(1))
        sigma = numpyro.sample(sd, dist.Exponential(rate))
        numpyro.deterministic("twice", 2 * alpha)
        line = alpha + beta[order[0]] * x + beta[order[1]] * x**2
        numpyro.sample("y", dist.Normal(line, sigma), obs=y)

    return sbs.program(model, x, y)


def in_stan(code=STAN):
    pytest.importorskip("stanli")
    from sidebyside import stan_on_stanli  # no compiler, and as the reader's PyStan: one interface

    return stan_on_stanli.build(code, data={"n": len(X), "x": X.tolist(), "y": Y.tolist()}, random_seed=1)


def in_pyro():
    pyro = pytest.importorskip("pyro")
    import torch
    from pyro import distributions as dist

    def model(x, y):
        zero = torch.zeros((), dtype=torch.float64)
        alpha = pyro.sample("alpha", dist.Normal(zero, 5))
        beta = pyro.sample("beta", dist.Normal(zero, 2).expand([2]).to_event(1))
        sigma = pyro.sample("sigma", dist.Exponential(zero + 0.5))
        with pyro.plate("rows", len(y)):
            pyro.sample("y", dist.Normal(alpha + beta[0] * x + beta[1] * x**2, sigma), obs=y)

    return sbs.program(model, torch.tensor(X), torch.tensor(Y))


def in_tfp():
    tfp = pytest.importorskip("tensorflow_probability")
    tfd, double = tfp.distributions, np.float64
    joint = tfd.JointDistributionNamedAutoBatched(
        {
            "alpha": tfd.Normal(double(0), double(5)),
            "beta": tfd.Sample(tfd.Normal(double(0), double(2)), 2),
            "sigma": tfd.Exponential(double(0.5)),
            "y": lambda alpha, beta, sigma: tfd.Normal(alpha + beta[0] * X + beta[1] * X**2, sigma),
        }
    )
    return sbs.program(joint, y=Y)


def test_one_model_in_five_libraries_passes_and_constants_do_not_matter(pymc_model):
    programs = {"Stan": in_stan(), "PyMC": pymc_model, "NumPyro": in_numpyro(), "Pyro": in_pyro(), "TFP": in_tfp()}
    table = sbs.compare_densities(programs)
    assert list(table) == list(programs)
    assert list(table.index[:3]) == ["alpha", "beta", "sigma"]
    assert all(change.startswith("all, as in point") for change in table.index[3:]) and len(table) == 6
    spread = table.max(axis="columns") - table.min(axis="columns")
    assert (spread < 1e-6).all() and (table["PyMC"].abs() > 0.01).all()


def test_a_rate_for_a_scale_is_found_by_library_and_parameter(pymc_model):
    with pytest.raises(sbs.DensityDisagreementError, match="NumPyro and PyMC are different models") as raised:
        sbs.compare_densities({"PyMC": pymc_model, "NumPyro": in_numpyro(rate=2.0)})
    assert "Of single changes only that of sigma shows it: look at its prior first." in str(raised.value)
    off = raised.value.table["NumPyro"] - raised.value.table["PyMC"]
    np.testing.assert_allclose(off[["alpha", "beta"]], 0, atol=1e-6)
    assert abs(off["sigma"]) > 0.1


def test_two_elements_exchanged_are_found(pymc_model):
    with pytest.raises(sbs.DensityDisagreementError, match="NumPyro, my port and PyMC"):
        sbs.compare_densities({"PyMC": pymc_model, "NumPyro, my port": in_numpyro(order=(1, 0))})


def test_a_difference_in_the_data_shows_in_every_parameter(pymc_model):
    with pytest.raises(sbs.DensityDisagreementError, match="look at the likelihood and the data first"):
        sbs.compare_densities({"PyMC": pymc_model, "NumPyro": in_numpyro(x=X + 0.1)})


def test_other_names_are_mapped_and_the_error_says_how(pymc_model):
    programs = {"PyMC": pymc_model, "NumPyro": in_numpyro(sd="sd")}
    sbs.compare_densities(programs, names={"NumPyro": {"sigma": "sd"}})
    sbs.compare_densities(dict(reversed(programs.items())), names={"PyMC": {"sd": "sigma"}}, points=points("sd"))
    with pytest.raises(sbs.ParameterNamesError, match=r'names=\{"NumPyro": \{"sigma": "sd"\}\}'):
        sbs.compare_densities(programs)
    with pytest.raises(ValueError, match="nothing called Stan"):
        sbs.compare_densities(programs, names={"Stan": {"sigma": "sd"}})


def points(sd="sigma"):
    return [
        {"alpha": 0.1, "beta": np.array([1.0, 0.2]), sd: 0.5},
        {"alpha": 0.1, "beta": np.array([1.0, 0.2]), sd: 1.5},
        {"alpha": -0.4, "beta": np.array([0.7, -0.1]), sd: 1.0},
    ]


def test_points_can_be_given_and_stan_alone_needs_them():
    flipped = STAN.replace("sigma ~ exponential(0.5)", "sigma ~ exponential(2)")
    with pytest.raises(ValueError, match=r"Stan can't draw from a program's prior\. Give points="):
        sbs.compare_densities({"Stan": in_stan(), "Stan, new": in_stan(flipped)})
    sbs.compare_densities({"Stan": in_stan(), "Stan, new": in_stan()}, points())
    with pytest.raises(sbs.DensityDisagreementError, match=r"Stan, new and Stan are different models \(changing sigma"):
        sbs.compare_densities({"Stan": in_stan(), "Stan, new": in_stan(flipped)}, points())


def test_points_can_be_draws_with_deterministics_among_them(pymc_model):
    rng = np.random.default_rng(3)
    shape = (4, 50)
    posterior = xr.Dataset(
        {
            "twice": (("chain", "draw"), np.zeros(shape)),
            "alpha": (("chain", "draw"), rng.normal(size=shape)),
            "beta": (("chain", "draw", "k"), rng.normal(size=(*shape, 2))),
            "sigma": (("chain", "draw"), rng.exponential(size=shape)),
        }
    )
    tree = xr.DataTree.from_dict({"posterior": posterior})
    table = sbs.compare_densities({"PyMC": pymc_model, "NumPyro": in_numpyro()}, tree)
    assert len(table) == 6
    lacking = xr.DataTree.from_dict({"posterior": posterior.drop_vars("sigma")})
    with pytest.raises(sbs.ParameterNamesError, match="the posterior holds no sigma"):
        sbs.compare_densities({"PyMC": pymc_model, "NumPyro": in_numpyro()}, lacking)


def test_points_outside_the_support_agree_and_a_support_that_differs_does_not():
    values = {"a": np.array([-1.0, -np.inf]), "b": np.array([-3.0, -np.inf])}
    table = compare_programs.pd.DataFrame({"PyMC": [-np.inf, 1.0], "Stan": [-np.inf, 1.0]}, index=["x", "y"])
    compare_programs._judge(table, dict(zip(table, values.values(), strict=True)), 1e-6)
    table.loc["x", "Stan"] = -2.0
    with pytest.raises(sbs.DensityDisagreementError, match="changing x: Stan -2, PyMC -inf"):
        compare_programs._judge(table, dict(zip(table, values.values(), strict=True)), 1e-6)
    with pytest.raises(ValueError, match=r"At no point have all programs a finite log density .*PyMC: -inf, 2"):
        compare_programs._first_finite({"PyMC": np.array([-np.inf, 2.0]), "Stan": np.array([1.0, np.nan])}, None)


def test_what_a_library_raises_names_the_program():
    outside = [points()[0], {**points()[0], "sigma": -1.0}]
    with pytest.raises(ValueError, match="invalid scale") as raised:
        sbs.compare_densities({"NumPyro": in_numpyro(), "TFP": in_tfp()}, outside)
    assert "This is what NumPyro raised" in raised.value.__notes__[0]


def test_a_single_change_is_not_repeated_as_a_point():
    table = sbs.compare_densities({"NumPyro": in_numpyro(), "TFP": in_tfp()}, points())
    assert list(table.index) == ["alpha", "beta", "sigma", "all, as in point 2"]


def test_single_precision_is_called_that(pymc_model):
    values = {"PyMC": np.array([-1000.0, -1010.0]), "NumPyro": np.array([-1000.0, -1010.0003], dtype=np.float32)}
    table = compare_programs.pd.DataFrame({"PyMC": [-10.0], "NumPyro": [-10.0003]}, index=["mu"])
    with pytest.raises(sbs.DensityDisagreementError, match=r"NumPyro computes in it. For double, .*enable_x64"):
        compare_programs._judge(table, values, density.TOLERANCE)


@pytest.mark.parametrize(
    ("programs", "error", "said"),
    [
        ({}, ValueError, "a comparison needs two"),
        ({"Edward": 1, "PyMC": 2}, ProgramError, "'Edward' begins with no library's name"),
        ({"NumPyro": print, "PyMC": 2}, ProgramError, r"NumPyro: say what the model is called with"),
    ],
)
def test_what_cannot_be_compared_is_refused(programs, error, said):
    with pytest.raises(error, match=said):
        sbs.compare_densities(programs)


def test_points_that_are_too_few_or_unlike_are_refused(pymc_model):
    programs = {"PyMC": pymc_model, "NumPyro": in_numpyro()}
    with pytest.raises(ValueError, match="at least two"):
        sbs.compare_densities(programs, points()[:1])
    with pytest.raises(ValueError, match="All points are equal"):
        sbs.compare_densities(programs, points()[:1] * 2)
    with pytest.raises(sbs.ParameterNamesError, match=r"points\[1\] names"):
        sbs.compare_densities(programs, [points()[0], {"alpha": 1.0}])


def test_a_prior_that_cannot_be_drawn_from_asks_for_points():
    pm = pytest.importorskip("pymc")
    with pm.Model() as flat:
        mu = pm.Flat("mu")
        pm.Normal("y", mu, 1, observed=Y)
    with pytest.raises(ValueError, match=r"PyMC can't draw from this prior\. Give points="):
        sbs.compare_densities({"PyMC": flat, "PyMC, again": flat})
    sbs.compare_densities({"PyMC": flat, "PyMC, again": flat}, [{"mu": 0.0}, {"mu": 1.0}])
    fit = xr.DataTree.from_dict({"posterior": xr.Dataset({"mu": (("chain", "draw"), [[0.0, 1.0, 2.0, 3.0, 4.0]])})})
    sbs.compare_densities({"PyMC": flat, "PyMC, again": flat}, fit)


def test_the_script_of_the_readme_finds_its_slip_and_passes_when_it_is_mended():
    pytest.importorskip("pymc")
    pytest.importorskip("numpyro")
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    script, test = re.findall(r"```python\n(.*?)```", readme.partition("### Compare your own port")[2], re.DOTALL)
    assert len([line for line in script.splitlines() if line]) <= 15
    with pytest.raises(sbs.DensityDisagreementError) as raised:
        exec(script, {})
    said = re.sub(r"\(changing sigma: .*?\)", "(changing sigma: off by ...)", str(raised.value))
    assert " ".join(re.findall(r"^> (.*)$", readme, re.MULTILINE)) in said
    names = {}
    exec(script.replace("dist.Exponential(3)", "dist.Exponential(1 / 3)") + test, names)
    names["test_the_port_is_still_the_original"]()
