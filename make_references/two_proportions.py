"""Chapter 4's model in closed form: two Beta posteriors, and the distribution of their difference.

The streptomycin trial of 1948: deaths within six months among patients with bed rest alone (arm A) and among patients
with bed rest and streptomycin (arm B). Nothing is sampled here: a Beta prior and a binomial likelihood make a Beta
posterior, and what is asked of the difference is one integral.
"""

from scipy import integrate, stats

# Medical Research Council (1948), BMJ 2(4582): 769-782, doi:10.1136/bmj.2.4582.769
PATIENTS = {"a": 52, "b": 55}
DEATHS = {"a": 14, "b": 4}
IMPROVED = {"a": 4, "b": 28}  # "considerable improvement" of the X-ray picture at six months
PRIOR = (2, 4)


def posterior(arm: str, counts: dict[str, int] = DEATHS, prior: tuple[float, float] = PRIOR):
    """Return the posterior of one arm's probability, a frozen ``scipy.stats.beta``."""
    return stats.beta(prior[0] + counts[arm], prior[1] + PATIENTS[arm] - counts[arm])


def exceeds(gain: float, counts: dict[str, int] = DEATHS, prior: tuple[float, float] = PRIOR) -> float:
    """Return the posterior probability of p_a - p_b > ``gain``, by quadrature."""
    p_a, p_b = posterior("a", counts, prior), posterior("b", counts, prior)
    low, high = max(gain, 0.0), min(1.0, 1.0 + gain)
    # Above p_a = low, the probability that p_b stays under p_a - gain; where p_a - gain > 1 that is certain.
    inner = integrate.quad(lambda x: p_a.pdf(x) * p_b.cdf(x - gain), low, high, epsabs=1e-13, limit=200)[0]
    return min(1.0, inner + p_a.sf(high))


def log_density(p_a, p_b, counts: dict[str, int] = DEATHS):
    """Log joint density of priors and data at (p_a, p_b), all constants kept."""
    return (
        stats.beta.logpdf(p_a, *PRIOR)
        + stats.beta.logpdf(p_b, *PRIOR)
        + stats.binom.logpmf(counts["a"], PATIENTS["a"], p_a)
        + stats.binom.logpmf(counts["b"], PATIENTS["b"], p_b)
    )


MODELS = {
    "two_proportions": {
        "log_density": log_density,
        # the first is the base; then one parameter changes at a time, so that a fault names it; then both
        "points": [
            {"p_a": 0.3, "p_b": 0.1},
            {"p_a": 0.15, "p_b": 0.1},
            {"p_a": 0.6, "p_b": 0.1},
            {"p_a": 0.3, "p_b": 0.04},
            {"p_a": 0.3, "p_b": 0.4},
            {"p_a": 0.2, "p_b": 0.2},
        ],
    },
}


def make(name: str) -> dict:
    """Make the reference: moments of the two Betas, exact to the last digit of a float."""
    model = MODELS[name]
    parameters = {}
    for arm in PATIENTS:
        mean, variance, _, excess = (float(moment) for moment in posterior(arm).stats("mvsk"))
        parameters[f"p_{arm}"] = {
            "mean": mean,
            "sd": variance**0.5,
            "kurtosis": 3 + excess,
            "mean_error": 0.0,
            "sd_error": 0.0,
        }
    (a, b), (c, d) = posterior("a").args, posterior("b").args
    return {
        "name": name,
        "how": f"Closed form: the posteriors are Beta({a}, {b}) and Beta({c}, {d}). Made by `make references`.",
        "parameters": parameters,
        "points": model["points"],
        "log_density": [float(model["log_density"](**point)) for point in model["points"]],
    }
