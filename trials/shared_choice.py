"""See whether R-hat and effective sample size mislead where chains share NUTS's choice: ``make shared-choice``.

``sbs.compile_pyro`` moves four copies of a model as one chain. Chapter 5's line is sampled 100 times (minutes): so, and
as four independent chains. NumPyro stands in for Pyro. For each parameter the largest R-hat, the mean effective sample
size and the standard deviation over the runs of the mean's error are printed, the error in units of the Monte Carlo
standard error: it is 1 where the effective sample size is right.
"""

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr
from numpyro.infer import MCMC, NUTS

import sidebyside as sbs

RUNS, COPIES, DRAWS = 100, 4, 1000


def copies_of_the_line(copies: int, x: np.ndarray, y: np.ndarray) -> None:
    """Chapter 5's line, ``copies`` times as one model; ``x`` in cm from its mean, ``y`` in kg."""
    with numpyro.plate("copy", copies):
        alpha = numpyro.sample("alpha", dist.Normal(4, 1.5))
        beta = numpyro.sample("beta", dist.Normal(0, 0.5))
        sigma = numpyro.sample("sigma", dist.HalfNormal(1))
    line = alpha[:, None] + beta[:, None] * x
    numpyro.sample("y", dist.Normal(line, sigma[:, None]), obs=jnp.broadcast_to(y, (copies, len(y))))


def sample(copies: int, chains: int, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return each parameter's draws, an array of shape (runs, 4, draws)."""
    mcmc = MCMC(
        NUTS(copies_of_the_line),
        num_warmup=500,
        num_samples=DRAWS,
        num_chains=chains,
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(3), copies, x, y)
    draws = mcmc.get_samples(group_by_chain=True)  # (chains, draws, copies)
    return {name: np.moveaxis(np.asarray(one), 1, 2).reshape(RUNS, COPIES, DRAWS) for name, one in draws.items()}


def main() -> None:
    """Run both ways and print a line for each parameter."""
    numpyro.enable_x64()
    birds = sbs.load_penguins().dropna(subset=["flipper_length_mm", "body_mass_g"])
    flipper = birds["flipper_length_mm"].to_numpy() / 10
    x, y = flipper - flipper.mean(), birds["body_mass_g"].to_numpy() / 1000
    truth = sbs.load_reference("penguins_line").parameters
    for way, copies, chains in (("shared", COPIES, RUNS), ("independent", 1, COPIES * RUNS)):
        for name, runs in sample(copies, chains, x, y).items():
            arrays = [xr.DataArray(one, dims=("chain", "draw")) for one in runs]
            size = np.array([float(az.ess(one, method="mean")) for one in arrays])
            z = (runs.mean((1, 2)) - truth[name]["mean"]) / (runs.std((1, 2)) / np.sqrt(size))
            largest = max(float(az.rhat(one)) for one in arrays)
            print(f"{way:12} {name:6} R-hat {largest:.4f} or less, ESS {size.mean():.0f}, sd of z {z.std():.2f}")


if __name__ == "__main__":
    main()
