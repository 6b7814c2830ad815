"""Break one library's model or sampler at a time and see whether the chapter notices: ``make mutants``.

Each mutant is one change of one library's cells in a scratch copy of a chapter, run until a cell raises. A mutant is
caught if what is raised is one of the chapter's own checks and its message names the library. The other libraries'
cells are left out: each check looks at one library at a time. The models before the mutant's are written and compared
but not drawn from, unless the chapter uses their draws later.

``python trials/mutants.py`` runs all, ``python trials/mutants.py 05 Stan`` those of chapter 5 and Stan.
"""

import os
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from sidebyside.libraries import LIBRARIES, TAGS

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
USES_EARLIER_DRAWS = {"05", "05b", "06", "07", "07b", "07c", "08", "08b"}
DENSITY, SAMPLING, POSTERIOR = "DensityDisagreementError", "SamplingError", "DisagreementError"


@dataclass(frozen=True)
class Mutant:
    """One change: in the cell called ``cell`` of ``chapter`` (two digits), ``old`` becomes ``new``."""

    library: str
    what: str
    cell: str
    old: str
    new: str
    caught_by: tuple[str, ...] = (DENSITY,)
    chapter: str = ""


BROKEN = (SAMPLING, POSTERIOR)
CROOKED = ("CalibrationError",)
_BY_CHAPTER = {
    "04": [
        Mutant("PyMC", "prior of p_b turned round", "two-proportions-model-pymc", '"p_b", 2, 4', '"p_b", 4, 2'),
        Mutant("PyMC", "fixed huge step size", "two-proportions-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("Stan", "prior of p_a another", "two-proportions-model-stan", "p_a ~ beta(2, 4)", "p_a ~ beta(1, 4)"),
        Mutant("Stan", "prior of p_b left out", "two-proportions-model-stan", "  p_b ~ beta(2, 4);\n", ""),
        Mutant("NumPyro", "arm B with arm A's patients", "two-proportions-model-numpyro", "dist.Binomial(n_b, p_b)",
               "dist.Binomial(n_a, p_b)"),
        Mutant("NumPyro", "fixed huge step size", "two-proportions-draw-numpyro", "NUTS(two_proportions_numpyro)",
               "NUTS(two_proportions_numpyro, step_size=20.0, adapt_step_size=False)", BROKEN),
        Mutant("Pyro", "arm A dies with arm B's probability", "two-proportions-model-pyro", "pdist.Binomial(n_a, p_a)",
               "pdist.Binomial(n_a, p_b)"),
        Mutant("Pyro", "fixed huge step size", "two-proportions-draw-pyro", "jit_compile=True,",
               "jit_compile=True, step_size=20.0, adapt_step_size=False,", BROKEN),
        Mutant("TFP", "probability taken for log odds", "two-proportions-model-tfp", "tfd.Binomial(n_a, probs=p_a)",
               "tfd.Binomial(n_a, p_a)"),
        Mutant("TFP", "too little adaptation", "two-proportions-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "05": [
        Mutant("PyMC", "prior scale of alpha doubled", "line-model-pymc", '"alpha", 4, 1.5', '"alpha", 4, 3.0'),
        Mutant("PyMC", "fixed huge step size", "line-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("Stan", "too little adaptation", "line-draw-stan", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Stan", "spread squared, as if it were a variance", "line-model-stan", "y ~ normal(line, sigma)",
               "y ~ normal(line, square(sigma))"),
        Mutant("NumPyro", "prior of beta shifted", "line-model-numpyro", "dist.Normal(0, 0.5)", "dist.Normal(0.5, 0.5)"),
        Mutant("NumPyro", "too little adaptation", "line-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Pyro", "sign of the slope term", "line-model-pyro", "alpha + beta * x", "alpha - beta * x"),
        Mutant("Pyro", "prior scale of sigma doubled", "line-model-pyro", "HalfNormal(1.0)", "HalfNormal(2.0)"),
        Mutant("TFP", "likelihood Student-t, not Gaussian", "line-model-tfp", "tfd.Normal(alpha + beta * x, sigma)",
               "tfd.StudentT(double(4), alpha + beta * x, sigma)"),
        Mutant("TFP", "too little adaptation", "line-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "05b": [
        Mutant("PyMC", "one gain for all species", "several-model-pymc", "gain[species] * male", "gain[0] * male"),
        Mutant("PyMC", "prior scale of the coefficients doubled", "sex-model-pymc", '"b_mass", 0, 1.5', '"b_mass", 0, 3.0'),
        Mutant("PyMC", "flipper left in the total effect", "total-draw-pymc", '"flipper": no_flipper', '"flipper": flipper'),
        Mutant("Stan", "species and sex don't interact", "several-model-stan", "gain[species] .* male", "gain[1] * male"),
        Mutant("Stan", "sign of bill depth", "sex-model-stan", "+ b_depth * depth", "- b_depth * depth"),
        Mutant("NumPyro", "prior scale of level doubled", "several-model-numpyro", "dist.Normal(4, 1.5)", "dist.Normal(4, 3)"),
        Mutant("NumPyro", "log odds doubled", "sex-model-numpyro", "dist.Bernoulli(logits=log_odds)",
               "dist.Bernoulli(probs=1 / (1 + jax.numpy.exp(-2 * log_odds)))"),
        Mutant("Pyro", "flipper left out", "several-model-pyro", " + slope * flipper", ""),
        Mutant("Pyro", "prior of the intercept shifted", "sex-model-pyro", '"intercept", pdist.Normal(0.0, 1.5)',
               '"intercept", pdist.Normal(1.0, 1.5)'),
        Mutant("TFP", "females and males mixed up", "several-model-tfp", "own_gain * male", "own_gain * (1 - male)"),
        Mutant("TFP", "too little adaptation", "several-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "06": [
        Mutant("PyMC", "prior scale of beta doubled", "student-t-model-pymc", '"beta", 0, 3', '"beta", 0, 6'),
        Mutant("PyMC", "sign of the slope term", "mixture-model-pymc", "alpha + beta * x", "alpha - beta * x"),
        Mutant("PyMC", "error bars squared", "student-t-model-pymc", "sigma=error", "sigma=error**2"),
        Mutant("PyMC", "fixed huge step size", "student-t-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("Stan", "likelihood Gaussian, not Student-t", "student-t-model-stan",
               "y ~ student_t(nu, line, sigma_y)", "y ~ normal(line, sigma_y)"),
        Mutant("Stan", "measurements left out", "student-t-model-stan", "if (!prior_only)", "if (prior_only)"),
        Mutant("Stan", "prior scale of tau doubled", "mixture-model-stan", "tau ~ normal(0, 2)", "tau ~ normal(0, 4)"),
        Mutant("Stan", "too little adaptation", "student-t-draw-stan", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("NumPyro", "prior sd of alpha halved", "student-t-model-numpyro", "dist.Normal(4, 2)", "dist.Normal(4, 1)"),
        Mutant("NumPyro", "mixture weights swapped", "mixture-model-numpyro", "[1 - p_out, p_out]", "[p_out, 1 - p_out]"),
        Mutant("NumPyro", "too little adaptation", "student-t-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Pyro", "prior rate of nu doubled", "student-t-model-pyro", "Gamma(2.0, 0.1)", "Gamma(2.0, 0.2)"),
        Mutant("Pyro", "wide error without the instrument's part", "mixture-model-pyro", "torch.hypot(sigma_y, tau)",
               "tau * torch.ones_like(sigma_y)"),
        Mutant("Pyro", "fixed huge step size", "student-t-draw-pyro", "transforms=compiled.transforms",
               "transforms=compiled.transforms, step_size=20.0, adapt_step_size=False", BROKEN),
        Mutant("TFP", "likelihood Gaussian, not Student-t", "student-t-model-tfp", "tfd.StudentT(nu, ", "tfd.Normal("),
        Mutant("TFP", "prior of p_out turned round", "mixture-model-tfp", "tfd.Beta(double(1), double(4))",
               "tfd.Beta(double(4), double(1))"),
        Mutant("TFP", "too little adaptation", "student-t-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "07": [
        Mutant("PyMC", "correlation of the errors dropped", "latent-model-pymc", " + k * (measured - x_true)", ""),
        Mutant("PyMC", "covariance of the errors dropped", "marginal-model-pymc", " + cov_xy", ""),
        Mutant("PyMC", "fixed huge step size", "latent-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("Stan", "height at the measured position", "latent-model-stan",
               "y ~ normal(alpha + beta * x_true", "y ~ normal(alpha + beta * x"),
        Mutant("Stan", "prior scale of tau_x doubled", "marginal-model-stan", "tau_x ~ normal(0, 1)",
               "tau_x ~ normal(0, 2)"),
        Mutant("NumPyro", "true positions around 0", "latent-model-numpyro", "dist.Normal(mu_x, tau_x)",
               "dist.Normal(0, tau_x)"),
        Mutant("NumPyro", "prior scale of tau_x doubled", "marginal-model-numpyro", "HalfNormal(1)", "HalfNormal(2)"),
        Mutant("Pyro", "error in y not reduced", "latent-model-pyro", "(mean_y, sigma_given_x_t)", "(mean_y, sigma_y_t)"),
        Mutant("Pyro", "slope of the measurements not flattened", "marginal-model-pyro", "c / v * (measured",
               "beta * (measured"),
        Mutant("TFP", "sign of the shared error", "latent-model-tfp", "k * (x - x_true)", "k * (x_true - x)"),
        Mutant("TFP", "covariance of the errors dropped", "marginal-model-tfp", " + cov_xy", ""),
    ],
    "07b": [
        Mutant("PyMC", "limit not halfway to the next reading", "censored-model-pymc", "lower=log_limit", "lower=np.log(1.9)"),
        Mutant("PyMC", "prior of sigma doubled", "censored-model-pymc", '"sigma", 1)', '"sigma", 2)'),
        Mutant("PyMC", "plain normal distribution", "truncated-model-pymc", "pm.Truncated(\"seen\", log_radon, lower=log_limit,",
               "pm.Normal(\"seen\", mu, sigma,"),
        Mutant("PyMC", "prior of mu shifted", "truncated-model-pymc", '"mu", 1, 1', '"mu", 0, 1'),
        Mutant("Stan", "the other area", "censored-model-stan", "normal_lcdf", "normal_lccdf"),
        Mutant("Stan", "too little adaptation", "censored-draw-stan", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Stan", "truncated on the other side", "truncated-model-stan", "T[log_limit, ]", "T[ , 10 * log_limit]"),
        Mutant("Stan", "prior of sigma left out", "truncated-model-stan", "  sigma ~ normal(0, 1);\n", ""),
        Mutant("NumPyro", "nothing hidden", "censored-model-numpyro", "(log_radon, is_hidden)", "(log_radon, 0 * is_hidden)"),
        Mutant("NumPyro", "prior of mu wider", "censored-model-numpyro", "dist.Normal(1, 1)", "dist.Normal(1, 2)"),
        Mutant("NumPyro", "limit too low", "truncated-model-numpyro", "low=log_limit", "low=log_limit - 0.2"),
        Mutant("NumPyro", "too little adaptation", "truncated-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Pyro", "the area counted once", "censored-model-pyro", "(houses - len(seen)) * log_area", "log_area"),
        Mutant("Pyro", "fixed huge step size", "censored-draw-pyro", "transforms=compiled.transforms",
               "transforms=compiled.transforms, step_size=20.0, adapt_step_size=False", BROKEN),
        Mutant("Pyro", "the other area", "truncated-model-pyro", "(mu - log_limit)", "(log_limit - mu)"),
        Mutant("Pyro", "multiplied instead of divided", "truncated-model-pyro", "-len(seen) * log_area", "len(seen) * log_area"),
        Mutant("TFP", "the other area", "censored-model-tfp", "log_cdf", "log_survival_function"),
        Mutant("TFP", "prior of sigma halved", "censored-model-tfp", "HalfNormal(double(1))", "HalfNormal(double(0.5))"),
        Mutant("TFP", "the other area", "truncated-model-tfp", "log_survival_function", "log_cdf"),
        Mutant("TFP", "too little adaptation", "truncated-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "07c": [
        Mutant("PyMC", "prior rate of mu doubled", "luck-model-pymc", '"mu", 2, 2', '"mu", 2, 4'),
        Mutant("PyMC", "five or more taken for five", "luck-model-pymc", 'pm.Censored("accidents", count, None, 5,',
               'pm.Poisson("accidents", mu,'),
        Mutant("PyMC", "fixed huge step size", "luck-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("PyMC", "dispersion turned round", "counts-model-pymc", "alpha=phi", "alpha=1 / phi"),
        Mutant("PyMC", "five or more taken for five", "counts-model-pymc", 'pm.Censored("accidents", count, None, 5,',
               'pm.NegativeBinomial("accidents", mu=mu, alpha=phi,'),
        Mutant("Stan", "six or more in the place of five or more", "luck-model-stan", "poisson_lccdf(4", "poisson_lccdf(5"),
        Mutant("Stan", "prior rate of mu doubled", "luck-model-stan", "gamma(2, 2)", "gamma(2, 4)"),
        Mutant("Stan", "prior rate of phi doubled", "counts-model-stan", "gamma(2, 0.5)", "gamma(2, 1)"),
        Mutant("Stan", "the first parametrisation", "counts-model-stan", "neg_binomial_2_lpmf(k", "neg_binomial_lpmf(k"),
        Mutant("NumPyro", "prior rate of mu doubled", "luck-model-numpyro", "dist.Gamma(2, 2)", "dist.Gamma(2, 4)"),
        Mutant("NumPyro", "classes off by one", "luck-model-numpyro", "jnp.arange(5)", "jnp.arange(1, 6)"),
        Mutant("NumPyro", "fixed huge step size", "luck-draw-numpyro", "NUTS(model)",
               "NUTS(model, step_size=20.0, adapt_step_size=False)", BROKEN),
        Mutant("NumPyro", "dispersion turned round", "counts-model-numpyro", "NegativeBinomial2(mu, phi)",
               "NegativeBinomial2(mu, 1 / phi)"),
        Mutant("NumPyro", "prior of phi turned round", "counts-model-numpyro", "dist.Gamma(2, 0.5)", "dist.Gamma(0.5, 2)"),
        Mutant("Pyro", "prior rate of mu halved", "luck-model-pyro", "Gamma(2.0, 2.0)", "Gamma(2.0, 1.0)"),
        Mutant("Pyro", "classes off by one", "luck-model-pyro", "torch.arange(5.0)", "torch.arange(1.0, 6.0)"),
        Mutant("Pyro", "success and failure turned round", "counts-model-pyro", "torch.log(mu / phi)", "torch.log(phi / mu)"),
        Mutant("Pyro", "dispersion turned round", "counts-model-pyro", "total_count=phi", "total_count=1 / phi"),
        Mutant("TFP", "mean taken for its logarithm", "luck-model-tfp", "tfd.Poisson(mu)", "tfd.Poisson(log_rate=mu)"),
        Mutant("TFP", "prior rate of mu a quarter", "luck-model-tfp", "tfd.Gamma(double(2), double(2))",
               "tfd.Gamma(double(2), double(0.5))"),
        Mutant("TFP", "success and failure turned round", "counts-model-tfp", "probs=mu / (mu + phi)", "probs=phi / (mu + phi)"),
        Mutant("TFP", "dispersion turned round", "counts-model-tfp", "total_count=phi", "total_count=1 / phi"),
    ],
    "08": [
        Mutant("PyMC", "prior scale of gamma_1 doubled", "intercepts-model-pymc", '"gamma_1", 0, 1', '"gamma_1", 0, 2'),
        Mutant("PyMC", "fixed huge step size", "intercepts-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("PyMC", "levels around the mean alone", "centred-model-pymc", "gamma_0 + gamma_1 * u, sigma_alpha",
               "gamma_0, sigma_alpha"),
        Mutant("PyMC", "floor dropped", "centred-model-pymc", "alpha[county] + beta * x", "alpha[county]"),
        Mutant("Stan", "uranium dropped", "intercepts-model-stan", "gamma_0 + gamma_1 * u +", "gamma_0 +"),
        Mutant("Stan", "prior scale of beta doubled", "intercepts-model-stan", "beta ~ normal(0, 1)", "beta ~ normal(0, 2)"),
        Mutant("Stan", "levels with the houses' scatter", "centred-model-stan", "gamma_1 * u, sigma_alpha)",
               "gamma_1 * u, sigma_y)"),
        Mutant("Stan", "counties off by one", "centred-model-stan", '"county": county + 1', '"county": county % 84 + 1'),
        Mutant("NumPyro", "non-centring without the scale", "intercepts-model-numpyro", "+ sigma_alpha * z", "+ z"),
        Mutant("NumPyro", "levels around the mean alone", "centred-model-numpyro", "gamma_0 + gamma_1 * u", "gamma_0 + 0 * u"),
        Mutant("NumPyro", "prior scale of sigma_alpha doubled", "centred-model-numpyro",
               '"sigma_alpha", dist.HalfNormal(1)', '"sigma_alpha", dist.HalfNormal(2)'),
        Mutant("Pyro", "counties' effects dropped", "intercepts-model-pyro", " + sigma_alpha * z", ""),
        Mutant("Pyro", "fixed huge step size", "centred-draw-pyro", "max_tree_depth=5,",
               "max_tree_depth=5, step_size=20.0, adapt_step_size=False,", BROKEN),
        Mutant("Pyro", "counties off by one", "centred-model-pyro", "alpha[..., county] +", "alpha[..., county - 1] +"),
        Mutant("Pyro", "step with another sign", "centred-model-pyro", "+ beta * x", "- beta * x"),
        Mutant("TFP", "prior scale of sigma_y halved", "intercepts-model-tfp", '"sigma_y": tfd.HalfNormal(double(1))',
               '"sigma_y": tfd.HalfNormal(double(0.5))'),
        Mutant("TFP", "scale of the levels squared", "centred-model-tfp", "gamma_1 * u, sigma_alpha",
               "gamma_1 * u, sigma_alpha**2"),
        Mutant("TFP", "prior of gamma_0 shifted", "centred-model-tfp", '"gamma_0": tfd.Normal(double(1), double(1))',
               '"gamma_0": tfd.Normal(double(0), double(1))'),
    ],
    "08b": [
        Mutant("PyMC", "LKJ prior with another eta", "slopes-model-pymc", "eta=2", "eta=1"),
        Mutant("PyMC", "steps not correlated with levels", "slopes-model-pymc", "(sigma[:, None] * L) @ z",
               "sigma[:, None] * z + 0 * L[1, 0]"),
        Mutant("PyMC", "counties off by one", "three-fit-pymc", "county_3, y_3, coords_3", "(county_3 + 1) % 60, y_3, coords_3"),
        Mutant("PyMC", "the winter's effect the same everywhere", "three-fit-pymc", "varying_pymc(Z_3, Z_3,",
               "varying_pymc(Z_3, Z_3 * [1, 1, 0],"),
        Mutant("PyMC", "prior scale of beta doubled", "one-model-pymc", '"beta", 0, 1', '"beta", 0, 2'),
        Mutant("PyMC", "uranium dropped", "one-model-pymc", "gamma_0 + gamma_1 * u +", "gamma_0 +"),
        Mutant("Stan", "LKJ prior left out", "slopes-model-stan", "  L ~ lkj_corr_cholesky(2);\n", ""),
        Mutant("Stan", "scale of the columns in the place of the rows'", "slopes-model-stan", "diag_pre_multiply(sigma, L)",
               "diag_post_multiply(L, sigma)"),
        Mutant("Stan", "too little adaptation", "slopes-draw-stan", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Stan", "floor and winter swapped", "three-fit-stan", "varying_stan(Z_3, Z_3,", "varying_stan(Z_3, Z_3[:, [0, 2, 1]],"),
        Mutant("Stan", "measurements left out", "three-fit-stan", "county_3, y_3)", "county_3, y_3, prior_only=1)"),
        Mutant("Stan", "levels without their scale", "one-model-stan", "+ sigma_alpha * z", "+ z"),
        Mutant("Stan", "prior of gamma_0 shifted", "one-model-stan", "gamma_0 ~ normal(1, 1)", "gamma_0 ~ normal(0, 1)"),
        Mutant("NumPyro", "LKJ prior with another eta", "slopes-model-numpyro", "concentration=2", "concentration=1"),
        Mutant("NumPyro", "covariance factor transposed", "slopes-model-numpyro", "(sigma[:, None] * L) @ z",
               "(sigma[:, None] * L).T @ z"),
        Mutant("NumPyro", "too little adaptation", "slopes-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("NumPyro", "the mean step the same as the winter's", "three-fit-numpyro", "data_3 = (60, Z_3, Z_3,",
               "data_3 = (60, Z_3[:, [0, 2, 2]], Z_3,"),
        Mutant("NumPyro", "counties off by one", "three-fit-numpyro", "Z_3, county_3, y_3)", "Z_3, (county_3 + 1) % 60, y_3)"),
        Mutant("NumPyro", "floor dropped", "one-model-numpyro", "alpha[county] + beta * x", "alpha[county] + beta"),
        Mutant("NumPyro", "prior scale of sigma_y doubled", "one-model-numpyro", '"sigma_y", dist.HalfNormal(1)',
               '"sigma_y", dist.HalfNormal(2)'),
        Mutant("Pyro", "counties off by one", "slopes-model-pyro", "effects[:, county]", "effects[:, county - 1]"),
        Mutant("Pyro", "LKJ prior with another eta", "slopes-model-pyro", "concentration=2.0", "concentration=3.0"),
        Mutant("Pyro", "floor and winter swapped", "three-fit-pyro", "in (Z_3, Z_3, county_3, y_3)",
               "in (Z_3, Z_3[:, [0, 2, 1]], county_3, y_3)"),
        Mutant("Pyro", "the winter's effect the same everywhere", "three-fit-pyro", "in (Z_3, Z_3, county_3, y_3)",
               "in (Z_3, Z_3 * [1, 1, 0], county_3, y_3)"),
        Mutant("Pyro", "counties' effects dropped", "one-model-pyro", " + sigma_alpha * z", ""),
        Mutant("Pyro", "prior scale of gamma_1 doubled", "one-model-pyro", '"gamma_1", pdist.Normal(0.0, 1.0)',
               '"gamma_1", pdist.Normal(0.0, 2.0)'),
        Mutant("TFP", "covariance factor without the scales", "slopes-model-tfp", "sigma[:, None] * L", "L + 0 * sigma[0]"),
        Mutant("TFP", "LKJ prior with another eta", "slopes-model-tfp", "concentration=double(2)", "concentration=double(1)"),
        Mutant("TFP", "too little adaptation", "slopes-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
        Mutant("TFP", "counties off by one", "three-fit-tfp", "varying_tfp(Z_3, Z_3, county_3)",
               "varying_tfp(Z_3, Z_3, (county_3 + 1) % 60)"),
        Mutant("TFP", "other measurements", "three-fit-tfp", "sbs.program(three_tfp, y=y_3)", "sbs.program(three_tfp, y=y_3 + 0.1)"),
        Mutant("TFP", "step with another sign", "one-model-tfp", "+ beta * x", "- beta * x"),
        Mutant("TFP", "prior scale of sigma_alpha halved", "one-model-tfp", '"sigma_alpha": tfd.HalfNormal(double(1))',
               '"sigma_alpha": tfd.HalfNormal(double(0.5))'),
    ],
    "09": [
        Mutant("PyMC", "prior scale of beta doubled", "intercepts-model-pymc", '"beta", 0, 1', '"beta", 0, 2'),
        Mutant("Stan", "prior of gamma_0 shifted", "intercepts-model-stan", "gamma_0 ~ normal(1, 1)",
               "gamma_0 ~ normal(0, 1)"),
        Mutant("NumPyro", "non-centring without the scale", "intercepts-model-numpyro", "+ sigma_alpha * z", "+ z"),
        Mutant("NumPyro", "too little adaptation", "intercepts-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Pyro", "counties' effects dropped", "intercepts-model-pyro", " + sigma_alpha * z", ""),
        Mutant("TFP", "floor dropped", "intercepts-model-tfp", " + beta * x", ""),
    ],
    "09b": [
        Mutant("PyMC", "offset dropped", "regression-model-pymc", "offset + pm.math", "pm.math"),
        Mutant("PyMC", "prior scale of sigma doubled", "regression-model-pymc", '"sigma", 1)', '"sigma", 2)'),
        Mutant("Stan", "prior scale of b doubled", "regression-model-stan", "b ~ normal(m, s)", "b ~ normal(m, 2 * s)"),
        Mutant("Stan", "too little adaptation", "regression-model-stan", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("NumPyro", "offset dropped", "regression-model-numpyro", "offset + X @ b", "X @ b"),
        Mutant("NumPyro", "prior of sigma left wide", "regression-model-numpyro", "HalfNormal(1)", "HalfNormal(10)"),
        Mutant("Pyro", "last column dropped", "regression-model-pyro", "range(len(m))", "range(len(m) - 1)"),
        Mutant("Pyro", "prior mean dropped", "regression-model-pyro", "pdist.Normal(m, s)", "pdist.Normal(0 * m, s)"),
        Mutant("TFP", "offset counted twice", "regression-model-tfp", "offset + tf", "2 * offset + tf"),
        Mutant("TFP", "prior scale of sigma doubled", "regression-model-tfp", "double(1)", "double(2)"),
    ],
    "10": [
        Mutant("PyMC", "prior scale of beta doubled", "intercepts-model-pymc", '"beta", 0, 1', '"beta", 0, 2'),
        Mutant("Stan", "counties' effects dropped", "intercepts-model-stan", " + sigma_alpha * z", ""),
        Mutant("NumPyro", "non-centring without the scale", "intercepts-model-numpyro", "+ sigma_alpha * z", "+ z"),
        Mutant("Pyro", "prior scale of sigma_y doubled", "intercepts-model-pyro", '"sigma_y", pdist.HalfNormal(1.0)',
               '"sigma_y", pdist.HalfNormal(2.0)'),
        Mutant("TFP", "prior scale of gamma_1 doubled", "intercepts-model-tfp",
               '"gamma_1": tfd.Normal(double(0), double(1))', '"gamma_1": tfd.Normal(double(0), double(2))'),
        Mutant("PyMC", "prior of sigma_y doubled", "intercepts-model-pymc", '"sigma_y", 1)', '"sigma_y", 2)'),
        Mutant("Stan", "prior of gamma_1 shifted", "intercepts-model-stan", "gamma_1 ~ normal(0, 1)",
               "gamma_1 ~ normal(1, 1)"),
        Mutant("NumPyro", "floor dropped", "intercepts-model-numpyro", " + beta * x", ""),
        Mutant("Pyro", "uranium dropped", "intercepts-model-pyro", " + gamma_1 * u", ""),
        Mutant("TFP", "counties' effects dropped", "intercepts-model-tfp", " + sigma_alpha * z", ""),
    ],
    "10b": [
        Mutant("PyMC", "uranium dropped", "intercepts-model-pymc", " + gamma_1 * u", ""),
        Mutant("Stan", "prior of beta left out", "intercepts-model-stan", "  beta ~ normal(0, 1);\n", ""),
        Mutant("NumPyro", "floor dropped", "intercepts-model-numpyro", " + beta * x", ""),
        Mutant("NumPyro", "too little adaptation", "intercepts-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Pyro", "non-centring without the scale", "intercepts-model-pyro", "+ sigma_alpha * z", "+ z"),
        Mutant("TFP", "prior of gamma_0 shifted", "intercepts-model-tfp",
               '"gamma_0": tfd.Normal(double(1), double(1))', '"gamma_0": tfd.Normal(double(0), double(1))'),
    ],
    "11": [
        Mutant("PyMC", "prior rate of nu doubled", "student-t-model-pymc", '"nu", 2, 0.1', '"nu", 2, 0.2'),
        Mutant("PyMC", "steps that do not shrink", "mean-field-pymc", "rate.set_value(step_size(step))", "None",
               (POSTERIOR,)),
        Mutant("Stan", "the ELBO without its entropy's half", "mean-field-model-stan", "target += sum(log_sd);",
               "target += 0.5 * sum(log_sd);", (POSTERIOR,)),
        Mutant("Stan", "non-centring without the scale", "funnel-model-stan", "mu + tau * effect", "mu + effect"),
        Mutant("NumPyro", "non-centring without the scale", "funnel-model-numpyro", "mu + tau * numpyro", "mu + numpyro"),
        Mutant("NumPyro", "a search that stops early", "mean-field-numpyro", "SEED), steps,", "SEED), 60,", (POSTERIOR,)),
        Mutant("Pyro", "root of the covariance turned round", "laplace-pyro", "root @ root.T", "root.T @ root", (POSTERIOR,)),
        Mutant("Pyro", "errors taken for known", "funnel-model-pyro", "(level, se_t)", "(level, 1.0)"),
        Mutant("TFP", "change of variable forgotten", "laplace-tfp", "return log_p + log_nu", "return log_p", (POSTERIOR,)),
        Mutant("TFP", "softplus in the place of exp", "laplace-tfp", "nu=tf.exp(log_nu)", "nu=tf.math.softplus(log_nu)",
               (POSTERIOR,)),
    ],
    "11b": [
        Mutant("PyMC", "the seen houses left out", "intercepts-fit-pymc", "(county != left_out)", "(county == left_out)",
               BROKEN),
        Mutant("Stan", "nothing left out", "intercepts-model-stan", "seen = county != left_out", "seen = county >= 0", BROKEN),
        Mutant("NumPyro", "uranium dropped", "intercepts-model-numpyro", "gamma_0 + gamma_1 * u +", "gamma_0 +"),
        Mutant("Pyro", "another county left out", "intercepts-fit-pyro", "county != left_out", "county != left_out - 1", BROKEN),
        Mutant("TFP", "nothing left out", "intercepts-fit-tfp", "county != left_out", "county >= 0", BROKEN),
    ],
    "12": [
        Mutant("PyMC", "scale of v not divided by the root of H", "network-model-pymc", '"v", 0, v_scale', '"v", 0, 2'),
        Mutant("PyMC", "fixed huge step size", "network-draw-pymc", "target_accept=0.95,",
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False),", BROKEN),
        Mutant("Stan", "another bend", "network-model-stan", "tanh(x * w", "atan(x * w"),
        Mutant("Stan", "too little adaptation", "network-draw-stan", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("NumPyro", "offset of the output dropped", "network-model-numpyro", "hidden @ v + c", "hidden @ v"),
        Mutant("NumPyro", "fixed huge step size", "network-draw-numpyro", "target_accept_prob=0.95,",
               "step_size=5.0, adapt_step_size=False,", BROKEN),
        Mutant("Pyro", "prior scale of b halved", "network-model-pyro", '"b", pdist.Normal(0.0, 2.0)',
               '"b", pdist.Normal(0.0, 1.0)'),
        Mutant("Pyro", "fixed huge step size", "network-draw-pyro", "target_accept_prob=0.7,",
               "step_size=5.0, adapt_step_size=False,", BROKEN),
        Mutant("TFP", "noise taken in ppm", "network-model-tfp", "double(sigma)", "double(2 * sigma)"),
        Mutant("TFP", "too little adaptation", "network-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "13": [
        Mutant("PyMC", "prior scale of sd doubled", "bradley-terry-model-pymc", '"sd", 1', '"sd", 2'),
        Mutant("PyMC", "fixed huge step size", "bradley-terry-draw-pymc", "quiet=not live", "quiet=not live, "
               "nuts_sampler='pymc', step=pm.NUTS(step_scale=40.0, adapt_step_size=False)", BROKEN),
        Mutant("Stan", "winners and losers swapped", "bradley-terry-model-stan", "skill[winner] - skill[loser]",
               "skill[loser] - skill[winner]"),
        Mutant("Stan", "one loser taken for another", "bradley-terry-model-stan", '"loser": loser + 1', '"loser": loser % 59 + 1'),
        Mutant("NumPyro", "probabilities instead of log odds", "bradley-terry-model-numpyro", "logits=gap", "probs=0.5 + gap / 20"),
        Mutant("NumPyro", "too little adaptation", "bradley-terry-draw-numpyro", "num_warmup=warmup", "num_warmup=3", BROKEN),
        Mutant("Pyro", "non-centring without the scale", "bradley-terry-model-pyro", "skill = sd * raw", "skill = raw + 0 * sd"),
        Mutant("Pyro", "fixed huge step size", "bradley-terry-draw-pyro", "max_tree_depth=5,",
               "max_tree_depth=5, step_size=20.0, adapt_step_size=False, adapt_mass_matrix=False,", BROKEN),
        Mutant("TFP", "one player's matches dropped", "bradley-terry-model-tfp", "tf.gather(skill, winner)",
               "tf.gather(skill * (np.arange(60) > 0), winner)"),
        Mutant("TFP", "too little adaptation", "bradley-terry-sampler-tfp", "num_adaptation_steps=warmup",
               "num_adaptation_steps=2", BROKEN),
    ],
    "14": [
        Mutant("PyMC", "prior scale of beta doubled", "line-model-pymc", '"beta", 0, 0.5', '"beta", 0, 1'),
        Mutant("PyMC", "draws of another world", "fit-pymc", "readings=readings", "readings=masses[world - 1]", CROOKED),
        Mutant("PyMC", "the wrong program is right", "wrong-pymc", "sigma**2", "sigma", ("AssertionError",)),
        Mutant("Stan", "the recipe's spread is a variance", "worlds-stan", "alpha + beta * x, sigma)",
               "alpha + beta * x, square(sigma))", CROOKED),
        Mutant("Stan", "the wrong program is right", "wrong-stan", "square(sigma)", "sigma", ("AssertionError",)),
        Mutant("NumPyro", "prior sd of alpha halved", "line-model-numpyro", "dist.Normal(4, 1.5)", "dist.Normal(4, 0.75)"),
        Mutant("NumPyro", "fixed huge step size", "fit-numpyro", "NUTS(model)",
               "NUTS(model, step_size=20.0, adapt_step_size=False)", CROOKED),
        Mutant("Pyro", "sign of the slope term", "line-model-pyro", "alpha + beta * x", "alpha - beta * x"),
        Mutant("Pyro", "worlds and draws mixed up", "fit-pyro", ".transpose(0, 1)", ".flip(1).transpose(0, 1)", CROOKED),
        Mutant("TFP", "likelihood Student-t, not Gaussian", "line-model-tfp", "tfd.Normal(alpha + beta * x, sigma)",
               "tfd.StudentT(double(4), alpha + beta * x, sigma)"),
        Mutant("TFP", "worlds and draws mixed up", "fit-tfp", "np.moveaxis(fits[name], 0, 1)",
               "np.moveaxis(fits[name], 0, 1)[::-1]", CROOKED),
    ],
}  # fmt: skip
MUTANTS = [replace(mutant, chapter=chapter) for chapter, mutants in _BY_CHAPTER.items() for mutant in mutants]


def keep_library(notebook: nbformat.NotebookNode, library: str) -> None:
    """Take out, in place, the cells of every other library."""
    others = set(TAGS) - {LIBRARIES[library].tag}
    notebook.cells = [cell for cell in notebook.cells if not others & set(cell.metadata.get("tags", []))]


def leave_out_other_models(notebook: nbformat.NotebookNode, model: str) -> None:
    """Take out, in place, what draws from the models before ``model``: from the first draw to the section's end.

    A chapter in which later sections use those draws is in ``USES_EARLIER_DRAWS``, and keeps them.
    """
    kept, drawing = [], False
    for cell in notebook.cells:
        name = cell.metadata.get("name", "")
        if cell.cell_type == "markdown" and re.search("^## ", cell.source, re.MULTILINE):
            drawing = False
        if name.startswith(f"{model}-"):
            break
        drawing |= "-draw-" in name or "-sampler-" in name
        if not drawing:
            kept.append(cell)
    notebook.cells = kept + notebook.cells[notebook.cells.index(cell) :]


def scratch_copy(mutant: Mutant) -> nbformat.NotebookNode:
    """Return the mutated notebook; a mutant that no longer fits the chapter is an error."""
    notebook = nbformat.read(next(NOTEBOOKS.glob(f"{mutant.chapter}_*.ipynb")), 4)
    cells = [cell for cell in notebook.cells if cell.metadata.get("name") == mutant.cell]
    if len(cells) != 1 or cells[0].source.count(mutant.old) != 1:
        raise SystemExit(
            f"The mutant '{mutant.what}' no longer fits cell {mutant.cell!r} of chapter {mutant.chapter}: "
            "mend trials/mutants.py."
        )
    cells[0].source = cells[0].source.replace(mutant.old, mutant.new)
    keep_library(notebook, mutant.library)
    if mutant.chapter not in USES_EARLIER_DRAWS:
        leave_out_other_models(notebook, mutant.cell.rsplit("-", 2)[0])
    return notebook


def run(mutant: Mutant) -> tuple[bool, str]:
    """Run a mutant; return whether it was caught, and what was raised."""
    client = NotebookClient(
        scratch_copy(mutant), timeout=900, startup_timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        message = f"{error.ename}: {error.evalue}"
        return error.ename in mutant.caught_by and mutant.library in error.evalue, message
    return False, "nothing was raised"


def main() -> None:
    """Run the mutants and report each; exit 1 if one lived."""
    os.environ["SIDEBYSIDE_STORING"] = "1"
    chapters = {argument for argument in sys.argv[1:] if argument[:2].isdigit()}  # "08", "08b"
    libraries = set(sys.argv[1:]) - chapters
    chosen = [
        mutant
        for mutant in MUTANTS
        if (not chapters or mutant.chapter in chapters) and (not libraries or mutant.library in libraries)
    ]
    if not chosen:
        sys.exit(f"There is no mutant of {' '.join(sys.argv[1:])}.")
    lived = 0
    for mutant in chosen:
        start = time.perf_counter()
        caught, message = run(mutant)
        lived += not caught
        verdict = "caught" if caught else "LIVED"
        seconds = time.perf_counter() - start
        print(f"{verdict}  {mutant.chapter} {mutant.library}: {mutant.what} ({seconds:.0f} s)\n        {message}")
        sys.stdout.flush()
    print(f"{len(chosen) - lived} of {len(chosen)} mutants caught")
    sys.exit(lived > 0)


if __name__ == "__main__":
    main()
