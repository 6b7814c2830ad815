"""Chapter 7's models, written once more in NumPy and SciPy: what the five libraries are held against.

A line with errors in both directions (Hogg, Bovy and Lang's points 5 to 20, x centred, all divided by 100); radon that
a detector can't see below a limit (houses measured on the first floor, in log pCi/L), with the hidden houses in the
table (censored) or not (truncated); and counts of accidents, the
last class of the table open. Parameters may be arrays of one shape; the log joint density comes back in that shape.
"""

from functools import partial

import numpy as np
from scipy import optimize, special, stats

from make_references.quadrature import make_reference
from sidebyside.datasets import load_hogg, load_radon

_hogg = load_hogg().loc[5:]
X = ((_hogg["x"] - _hogg["x"].mean()) / 100).to_numpy()
Y = (_hogg["y"] / 100).to_numpy()
# per point the covariance of the two errors: [[sigma_x^2, c], [c, sigma_y^2]]
ERRORS = [
    np.array([[s_x**2, rho * s_x * s_y], [rho * s_x * s_y, s_y**2]]) / 1e4
    for s_x, s_y, rho in zip(_hogg["sigma_x"], _hogg["sigma_y"], _hogg["rho_xy"], strict=True)
]

# Greenwood and Yule (1920), J. Roy. Stat. Soc. 83(2): 255-279: accidents of 647 women working on high-explosive shells
# in five weeks; the last class is "5 or more"
WOMEN = np.array([447, 132, 42, 21, 3, 2])


def both_errors(alpha, beta, mu_x, tau_x, errors=ERRORS):
    """Log joint density of the line with errors in both directions, the true positions integrated out.

    Each pair of readings is bivariate normal. That is written here by the determinant and the inverse of its 2 x 2
    covariance, unlike in the chapter, which factors it.
    """
    log_joint = (
        stats.norm.logpdf(alpha, 4, 2)
        + stats.norm.logpdf(beta, 0, 3)
        + stats.norm.logpdf(mu_x, 0, 1)
        + stats.halfnorm.logpdf(tau_x)
    )
    for x, y, error in zip(X, Y, errors, strict=True):
        xx, xy, yy = (
            tau_x**2 + error[0, 0],
            beta * tau_x**2 + error[0, 1],
            beta**2 * tau_x**2 + error[1, 1],
        )
        d_x, d_y = x - mu_x, y - alpha - beta * mu_x
        determinant = xx * yy - xy**2
        squares = (yy * d_x**2 - 2 * xy * d_x * d_y + xx * d_y**2) / determinant
        log_joint = log_joint - np.log(2 * np.pi) - 0.5 * np.log(determinant) - 0.5 * squares
    return log_joint


def latent(alpha, beta, mu_x, tau_x, x_true):
    """Log joint density of the line with errors in both directions, given the true positions, shape (16,).

    The two errors of a point are bivariate normal; the chapter factors that into two normal distributions.
    """
    log_joint = (
        stats.norm.logpdf(alpha, 4, 2)
        + stats.norm.logpdf(beta, 0, 3)
        + stats.norm.logpdf(mu_x, 0, 1)
        + stats.halfnorm.logpdf(tau_x)
        + stats.norm.logpdf(x_true, mu_x, tau_x).sum()
    )
    for x, y, error, true in zip(X, Y, ERRORS, x_true, strict=True):
        log_joint += stats.multivariate_normal.logpdf([x, y], [true, alpha + beta * true], error)
    return log_joint


def conditional_positions(alpha, beta, mu_x, tau_x):
    """Mean and variance of each true position, given the other parameters (arrays of one shape): shape (16, ...).

    By the precision matrix of each point's two errors, which the chapter does without.
    """
    means, variances = [], []
    for x, y, error in zip(X, Y, ERRORS, strict=True):
        (xx, xy), (_, yy) = np.linalg.inv(error)
        precision = 1 / tau_x**2 + xx + 2 * beta * xy + beta**2 * yy
        pull = mu_x / tau_x**2 + (xx + beta * xy) * x + (xy + beta * yy) * (y - alpha)
        means.append(pull / precision)
        variances.append(1 / precision)
    return np.array(means), np.array(variances)


def position_grid(points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and variance of each true position on a grid of the other parameters, and the weights of its points."""
    model = MODELS["both_errors"]
    first, *rest = (np.linspace(*ends, points) for ends in model["box"].values())
    log_weight, places = [], []
    for value in first:  # one plane at a time keeps the memory small
        plane = np.meshgrid([value], *rest, indexing="ij")
        log_plane = model["integrand"](*plane).ravel()
        kept = log_plane > _TOP - 30
        log_weight.append(log_plane[kept])
        places.append([axis.ravel()[kept] for axis in plane])
    weight = np.exp(np.concatenate(log_weight) - _TOP)
    alpha, beta, mu_x, log_tau = np.concatenate(places, axis=1)
    return *conditional_positions(alpha, beta, mu_x, np.exp(log_tau)), weight / weight.sum()


def position_moments(points: int) -> dict[str, np.ndarray]:
    """Posterior mean, standard deviation and kurtosis of each true position, from a grid of the other parameters."""
    centre, variance, weight = position_grid(points)
    mean = centre @ weight
    off = centre - mean[:, None]
    sd = np.sqrt((off**2 + variance) @ weight)
    fourth = (off**4 + 6 * off**2 * variance + 3 * variance**2) @ weight
    return {"mean": mean, "sd": sd, "kurtosis": fourth / sd**4}


def radon_readings(limit: float) -> tuple[np.ndarray, int]:
    """First-floor readings of at least ``limit`` pCi/L, as logs, and how many readings are below."""
    radon = load_radon()
    readings = radon.loc[radon["floor"] == 1, "radon_pci_l"].to_numpy()
    return np.log(readings[readings >= limit]), int(np.sum(readings < limit))


def censored(mu, sigma, *, limit: float):
    """Log joint density of lognormal radon at (mu, sigma), readings below ``limit`` (pCi/L) censored."""
    seen, below = radon_readings(limit)
    log_joint = stats.norm.logpdf(mu, 1, 1) + stats.halfnorm.logpdf(sigma)
    for log_reading in seen:
        log_joint = log_joint + stats.norm.logpdf(log_reading, mu, sigma)
    return log_joint + below * stats.norm.logcdf(np.log(limit), mu, sigma)


def truncated(mu, sigma, *, limit: float):
    """Log joint density of lognormal radon at (mu, sigma), houses below ``limit`` (pCi/L) missing from the table."""
    seen, _ = radon_readings(limit)
    log_joint = stats.norm.logpdf(mu, 1, 1) + stats.halfnorm.logpdf(sigma)
    for log_reading in seen:
        log_joint = log_joint + stats.norm.logpdf(log_reading, mu, sigma)
    return log_joint - len(seen) * stats.norm.logsf(np.log(limit), mu, sigma)


def counts(mu, phi):
    """Log joint density of negative binomial accidents with mean mu and dispersion phi, the last class open."""
    log_joint = stats.gamma.logpdf(mu, 2, scale=1 / 2) + stats.gamma.logpdf(phi, 2, scale=1 / 0.5)
    share = phi / (phi + mu)  # scipy's p
    for accidents, women in enumerate(WOMEN[:-1]):
        log_joint = log_joint + women * stats.nbinom.logpmf(accidents, phi, share)
    constant = stats.multinomial.logpmf(WOMEN, WOMEN.sum(), np.full(6, 1 / 6)) + WOMEN.sum() * np.log(6)
    return log_joint + WOMEN[-1] * stats.nbinom.logsf(4, phi, share) + constant


def luck(mu):
    """Log joint density of Poisson accidents with mean mu, the last class open."""
    log_joint = stats.gamma.logpdf(mu, 2, scale=1 / 2) + WOMEN[-1] * stats.poisson.logsf(4, mu)
    for accidents, women in enumerate(WOMEN[:-1]):
        log_joint = log_joint + women * stats.poisson.logpmf(accidents, mu)
    return log_joint


def _radon_model(limit: float, box: dict, log_joint=censored) -> dict:
    log_density = partial(log_joint, limit=limit)
    return {
        "log_density": log_density,
        "points": [
            {"mu": 0.7, "sigma": 1.0},
            {"mu": 1.6, "sigma": 1.0},
            {"mu": 0.7, "sigma": 0.5},
            {"mu": -0.4, "sigma": 1.7},
        ],
        "integrand": lambda m, u: log_density(m, np.exp(u)) + u,
        "box": box,
        "forward": {"sigma": np.exp},
        "grids": (100, 140),
    }


# the base point of the model with true positions
BASE = {"alpha": 4.0, "beta": 2.2, "mu_x": 0.0, "tau_x": 0.4, "x_true": [round(float(x), 2) for x in X]}
_TOP = float(both_errors(4.05, 2.23, 0.0, 0.44)) + np.log(0.44)  # close to the largest value of the integrand

MODELS = {
    "both_errors": {
        "log_density": both_errors,
        # the first is the base; then one parameter changes at a time, so that a fault names it; then all
        "points": [
            {"alpha": 4.0, "beta": 2.2, "mu_x": 0.0, "tau_x": 0.4},
            {"alpha": 3.5, "beta": 2.2, "mu_x": 0.0, "tau_x": 0.4},
            {"alpha": 4.0, "beta": 1.2, "mu_x": 0.0, "tau_x": 0.4},
            {"alpha": 4.0, "beta": 2.2, "mu_x": 0.3, "tau_x": 0.4},
            {"alpha": 4.0, "beta": 2.2, "mu_x": 0.0, "tau_x": 0.9},
            {"alpha": 4.4, "beta": 2.8, "mu_x": -0.2, "tau_x": 0.2},
        ],
        "integrand": lambda a, b, m, u: both_errors(a, b, m, np.exp(u)) + u,
        "box": {"alpha": (3.5, 4.6), "beta": (1.2, 3.4), "mu_x": (-1.3, 1.3), "tau_x": (-2.0, 1.1)},
        "forward": {"tau_x": np.exp},
        "grids": (36, 50),
    },
    # the table has steps of 0.1: what it calls "less than 2" is below 1.95
    "censored_radon": _radon_model(1.95, {"mu": (-0.5, 1.7), "sigma": (-0.85, 0.9)}),
    "censored_radon_4": _radon_model(3.95, {"mu": (-1.6, 2.0), "sigma": (-1.0, 1.3)}),
    "truncated_radon": _radon_model(1.95, {"mu": (-6.0, 4.0), "sigma": (-2.0, 2.0)}, truncated),
    "accident_luck": {
        "log_density": luck,
        "points": [{"mu": 0.5}, {"mu": 0.3}, {"mu": 0.8}, {"mu": 1.2}],
        "integrand": lambda u: luck(np.exp(u)) + u,
        "box": {"mu": (np.log(0.3), np.log(0.75))},
        "forward": {"mu": np.exp},
        "grids": (100, 140),
    },
    "both_errors_latent": {
        "log_density": latent,
        "points": [
            BASE | change
            for change in (
                {},
                {"alpha": 3.5},
                {"beta": 1.2},
                {"mu_x": 0.3},
                {"tau_x": 0.9},
                {"x_true": [x + 0.05 for x in BASE["x_true"]]},
                {"x_true": [x * (1.1 if i % 2 else 0.9) for i, x in enumerate(BASE["x_true"])]},
            )
        ],
        "grids": (36, 50),
    },
    "accident_counts": {
        "log_density": counts,
        "points": [
            {"mu": 0.5, "phi": 1.0},
            {"mu": 1.2, "phi": 1.0},
            {"mu": 0.5, "phi": 4.0},
            {"mu": 0.3, "phi": 0.4},
        ],
        "integrand": lambda u, v: counts(np.exp(u), np.exp(v)) + u + v,
        "box": {"mu": (np.log(0.28), np.log(0.8)), "phi": (np.log(0.25), np.log(16.0))},
        "forward": {"mu": np.exp, "phi": np.exp},
        "grids": (100, 140),
    },
}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make one of this module's references; ``grids`` are the coarser and the finer number of points an axis."""
    if name != "both_errors_latent":
        return make_reference(name, MODELS[name], grids)
    model = MODELS[name]
    points = grids or model["grids"]
    reference = make_reference(name, MODELS["both_errors"], points)
    coarse, fine = (position_moments(number) for number in points)
    errors = {f"{moment}_error": np.abs(fine[moment] - coarse[moment]) for moment in ("mean", "sd")}
    reference["parameters"]["x_true"] = {key: value.tolist() for key, value in (fine | errors).items()}
    how = reference["how"].replace("Made by", "The true positions are normal given the other parameters. Made by")
    log_density = [float(model["log_density"](**point)) for point in model["points"]]
    return reference | {"how": how, "points": model["points"], "log_density": log_density}


# ---- the numbers of chapter 7c's answer ------------------------------------------------------

ACCIDENT_PRIORS = (  # the log densities that stand in the place of the page's, at (mu, phi)
    lambda mu, phi: stats.gamma.logpdf(mu, 2, scale=1 / 4) - stats.gamma.logpdf(mu, 2, scale=1 / 2),
    lambda mu, phi: stats.gamma.logpdf(phi, 4) - stats.gamma.logpdf(phi, 2, scale=1 / 0.5),
    # 1 / sqrt(phi) half-normal: its density times the derivative
    lambda mu, phi: stats.halfnorm.logpdf(phi**-0.5) - 1.5 * np.log(phi) - stats.gamma.logpdf(phi, 2, scale=1 / 0.5),
)
TURNED = (  # what the page's table of traps describes: successes, and the probability of one
    (0.96, 0.96 / (0.47 + 0.96)),
    (0.96, 0.47 / (0.47 + 0.96)),
    (1 / 0.96, 1 / (1 + 0.47 * 0.96)),
    (4, 4 / (4 + 0.47)),
    (1 / 4, 1 / (1 + 0.47 * 4)),
)


def _next_accidents(points: int) -> dict[str, dict]:
    """Return what the page says of the next five weeks, on a grid with ``points`` values of log mu and of log phi."""
    model = MODELS["accident_counts"]
    log_mu, log_phi = np.meshgrid(*(np.linspace(*ends, points) for ends in model["box"].values()))
    mu, phi = np.exp(log_mu.ravel()), np.exp(log_phi.ravel())
    log_weight = model["integrand"](log_mu.ravel(), log_phi.ravel())
    weight = np.exp(log_weight - log_weight.max())

    def mean(value: np.ndarray, prior=None) -> tuple[float, float]:
        """Return mean and standard deviation; under another prior, that of the weighted draws."""
        share = weight / weight.sum()
        ratio = np.ones_like(mu) if prior is None else np.exp(prior(mu, phi))
        ratio = ratio / (share @ ratio)
        centre = share @ (ratio * value)
        return centre, np.sqrt(share @ (ratio * (value - centre)) ** 2)

    def expected(k: int) -> np.ndarray:
        return (phi + k) / (phi / mu + 1)

    def entry(values: list) -> dict:
        value, spread = np.array(values, dtype=float).reshape(-1, 2).T
        return {"value": value, "spread": spread}

    def interval(k: int, probability: float) -> tuple[float, float]:
        """Return a quantile of the rate of a woman with k accidents, and its standard error with a single draw."""
        kept = weight > 1e-12 * weight.max()
        share = weight[kept] / weight[kept].sum()
        first, second = phi[kept] + k, phi[kept] / mu[kept] + 1

        def below(rate: float) -> float:
            return share @ stats.gamma.cdf(rate, first, scale=1 / second) - probability

        rate = optimize.brentq(below, 1e-9, 20)
        density = share @ stats.gamma.pdf(rate, first, scale=1 / second)
        return rate, np.sqrt(probability * (1 - probability)) / density

    none = []
    for k in range(5):  # the sd is that of exp(-rate), whose square has twice the rate
        second = phi / mu + 1
        first_moment, second_moment = (mean((second / (second + times)) ** (phi + k))[0] for times in (1, 2))
        none.append((first_moment, np.sqrt(second_moment - first_moment**2)))
    others = []
    for prior in ACCIDENT_PRIORS:
        others.append([mean(value, prior) for value in (phi, expected(0), expected(3))])
    others = np.array(others)
    return {
        "own_weight": dict(zip(("value", "spread"), mean(mu / (mu + phi)), strict=True)),
        "expected_next": entry([mean(expected(k)) for k in range(5)]),
        "rate_low": entry([interval(k, 0.025) for k in (0, 3)]),
        "rate_high": entry([interval(k, 0.975) for k in (0, 3)]),
        "no_accident": entry(none),
        "other_priors": {"value": others[..., 0], "spread": others[..., 1]},
    }


def accident_values() -> dict[str, dict]:
    """Return the numbers that chapter 7c's answer rests on."""
    coarse, values = _next_accidents(100), _next_accidents(140)
    for name, entry in values.items():
        entry["error"] = np.abs(np.asarray(entry["value"]) - np.asarray(coarse[name]["value"])) + 1e-12
    robbins = [(k + 1) * WOMEN[k + 1] / WOMEN[k] for k in range(4)]
    traps = []
    for successes, p in TURNED:
        shares = [
            np.exp(special.gammaln(k + successes) - special.gammaln(successes) - special.gammaln(k + 1))
            * p**successes
            * (1 - p) ** k
            for k in range(3)
        ]
        traps.append([successes * (1 - p) / p, successes * (1 - p) / p**2, shares[0], 1 - sum(shares)])
    for name, value in (("robbins", robbins), ("traps", traps)):
        value = np.array(value)
        values[name] = {"value": value, "error": 1e-9 * np.maximum(np.abs(value), 1e-3)}
    return values
