"""One tiny model in each library, for ``python -m sidebyside doctor``, which starts this file anew for each of them.

The model has a known answer: a share with a Beta(2, 4) prior, and 12 of 40 seen. Its posterior is Beta(14, 32).
Standard output carries two lines of JSON, after the import and after the model; all that a library prints, from
Python or from C++, goes to standard error.
"""

import json
import math
import os
import statistics
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from sidebyside.libraries import LIBRARIES, TAGS, compile_stan_elsewhere
from sidebyside.notebook_output import silence_known_warnings
from sidebyside.stan_engine import engine

PRIOR = (2.0, 4.0)
TRIALS, SEEN = 40, 12
_A, _B = PRIOR[0] + SEEN, PRIOR[1] + TRIALS - SEEN
EXACT_MEAN = _A / (_A + _B)
EXACT_SD = (_A * _B / (_A + _B + 1)) ** 0.5 / (_A + _B)
WARMUP, DRAWS, BATCHES, SEED = 500, 2000, 40, 6


def pymc() -> Sequence[float]:
    """Draw with PyMC's default sampler."""
    import pymc as pm

    with pm.Model():
        share = pm.Beta("share", *PRIOR)
        pm.Binomial("seen", n=TRIALS, p=share, observed=SEEN)
        tree = pm.sample(DRAWS, tune=WARMUP, chains=1, cores=1, random_seed=SEED, quiet=True)
    return tree["posterior"]["share"].values.ravel()


def stan() -> Sequence[float]:
    """Build, draw, and take PyStan's compiled model out of its cache: next time, too, the compiler is to be tried.

    The program holds the time, so that a model left by a run that was stopped is not taken for it.
    """
    import stan

    program = f"""
    // {time.time_ns()}
    data {{ int trials; int seen; real a; real b; }}
    parameters {{ real<lower=0, upper=1> share; }}
    model {{ share ~ beta(a, b); seen ~ binomial(trials, share); }}
    """
    data = {"trials": TRIALS, "seen": SEEN, "a": PRIOR[0], "b": PRIOR[1]}
    try:
        model = stan.build(program, data=data, random_seed=SEED)
        return model.sample(num_chains=1, num_samples=DRAWS, num_warmup=WARMUP)["share"].ravel()
    finally:
        if engine() == "pystan":
            import httpstan.cache
            import httpstan.models

            httpstan.cache.delete_model_directory(httpstan.models.calculate_model_name(program))


def numpyro() -> Sequence[float]:
    """Draw with NumPyro's NUTS."""
    import jax
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer import MCMC, NUTS

    def model():
        share = numpyro.sample("share", dist.Beta(*PRIOR))
        numpyro.sample("seen", dist.Binomial(TRIALS, share), obs=SEEN)

    mcmc = MCMC(NUTS(model), num_warmup=WARMUP, num_samples=DRAWS, progress_bar=False)
    mcmc.run(jax.random.key(SEED))
    return mcmc.get_samples()["share"]


def pyro() -> Sequence[float]:
    """Draw with Pyro's NUTS, compiled, as the chapters do."""
    import pyro
    import torch
    from pyro import distributions as dist

    torch.set_num_threads(1)  # faster for a model this small
    pyro.set_rng_seed(SEED)

    def model():
        share = pyro.sample("share", dist.Beta(*PRIOR))
        pyro.sample("seen", dist.Binomial(TRIALS, share), obs=torch.tensor(float(SEEN)))

    nuts = pyro.infer.NUTS(model, jit_compile=True, ignore_jit_warnings=True)
    mcmc = pyro.infer.MCMC(nuts, num_samples=DRAWS, warmup_steps=WARMUP, disable_progbar=True)
    mcmc.run()
    return mcmc.get_samples()["share"]


def tfp() -> Sequence[float]:
    """Draw with TFP, compiled by XLA."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    prior = tfp.distributions.Beta(*PRIOR)

    def log_density(share):
        return prior.log_prob(share) + tfp.distributions.Binomial(float(TRIALS), probs=share).log_prob(float(SEEN))

    # Plain HMC: the chapters' adaptive NUTS takes longer to compile than all the rest of this file to run.
    hmc = tfp.mcmc.HamiltonianMonteCarlo(log_density, step_size=0.1, num_leapfrog_steps=5)
    kernel = tfp.mcmc.TransformedTransitionKernel(hmc, tfp.bijectors.Sigmoid())

    @tf.function(jit_compile=True, autograph=False)
    def sample(seed):
        return tfp.mcmc.sample_chain(
            DRAWS, tf.constant(0.5), kernel=kernel, num_burnin_steps=WARMUP, trace_fn=None, seed=seed
        )

    return sample(tf.constant([0, SEED])).numpy()


MODELS = {"pymc": pymc, "stan": stan, "numpyro": numpyro, "pyro": pyro, "tfp": tfp}


def summary(draws: Sequence[float]) -> dict[str, float]:
    """Return the draws' mean, its Monte Carlo error by the means of batches (neighbours are alike), and their sd."""
    values = [float(value) for value in draws]
    if not all(map(math.isfinite, values)):
        raise ValueError("some draws are NaN or infinite")
    size = len(values) // BATCHES
    means = [statistics.fmean(values[start : start + size]) for start in range(0, size * BATCHES, size)]
    error = statistics.stdev(means) / BATCHES**0.5
    return {"mean": statistics.fmean(values), "error": error, "sd": statistics.stdev(values)}


def main() -> None:
    """Import the library whose tag is the first argument, run its model, and report both."""
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    tag = sys.argv[1]
    silence_known_warnings()
    compile_stan_elsewhere()
    started = time.monotonic()
    for module in LIBRARIES[TAGS[tag]].modules:
        import_module(module)
    imported = time.monotonic()
    print(json.dumps({"seconds": imported - started}), file=report, flush=True)
    found = summary(MODELS[tag]()) | {"exact mean": EXACT_MEAN, "exact sd": EXACT_SD}
    print(json.dumps(found | {"seconds": time.monotonic() - imported}), file=report, flush=True)


if __name__ == "__main__":
    main()
