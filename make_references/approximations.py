"""Chapter 11's approximations, found without draws: the peak, and the mean-field normal nearest to the posterior.

A library's variational inference searches, with random draws, for the product of normal distributions that is nearest
to the posterior (smallest Kullback-Leibler divergence, on the unconstrained scale). For two of the course's posteriors
it can be found exactly: for the robust line the expectation over three independent normals is a Gauss-Hermite sum, for
the funnel of the smallest counties it is a formula. Scales are those of chapter 11: ``log_nu`` and ``log_tau`` stand
for nu and tau.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

from make_references import robust_regression
from make_references.quadrature import grid_moments
from sidebyside import radon_grid
from sidebyside.datasets import load_hogg

LARGEST = 2  # houses: the counties with at most so many make the funnel
NOT_CENTRED = load_hogg()["x"].mean() / 100  # what chapter 6 takes off x
TAU_LIMIT = 8.0  # the prior HalfNormal(1) leaves nothing beyond


# ---- the robust line: alpha, beta, log_nu ------------------------------------------------------


def robust_line(position: np.ndarray, x: np.ndarray = robust_regression.X) -> np.ndarray:
    """Log density of (alpha, beta, log_nu) at positions of shape (..., 3), the change of variable included.

    ``x`` are the twenty positions in hundreds, centred unless others are given.
    """
    alpha, beta, log_nu = (position[..., [i]] for i in range(3))
    nu = np.exp(log_nu)
    r = (robust_regression.Y - alpha - beta * x) / robust_regression.SIGMA
    log_t = gammaln((nu + 1) / 2) - gammaln(nu / 2) - np.log(nu * np.pi) / 2 - np.log(robust_regression.SIGMA)
    log_t = log_t - (nu + 1) / 2 * np.log1p(r**2 / nu)
    log_prior = stats.norm.logpdf(alpha, 4, 2) + stats.norm.logpdf(beta, 0, 3) + 2 * log_nu - nu / 10 + np.log(0.01)
    return log_t.sum(axis=-1) + log_prior[..., 0]


# ---- the funnel: mu, log_tau, and eleven counties' level or z ---------------------------------------


def small_counties() -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest counties' own levels (log pCi/L), as no pooling has them, and their standard errors."""
    houses = radon_grid.data()
    counties = len(houses.u)
    design = np.column_stack([np.eye(counties)[houses.county], houses.floor])
    best, squares, *_ = np.linalg.lstsq(design, houses.y)
    scatter = np.sqrt(squares[0] / (len(houses.y) - design.shape[1]))
    number = np.bincount(houses.county)
    small = np.flatnonzero(number <= LARGEST)
    return best[small], scatter / np.sqrt(number[small])


SEEN, SE = small_counties()


def funnel(mu, tau, effect, *, centred: bool) -> float:
    """Log joint density of the funnel; ``effect`` is the counties' level, or z = (level - mu) / tau."""
    level = effect if centred else mu + tau * np.asarray(effect)
    of_effect = stats.norm.logpdf(effect, mu, tau) if centred else stats.norm.logpdf(effect)
    return float(
        stats.norm.logpdf(mu, 1, 1)
        + stats.halfnorm.logpdf(tau)
        + of_effect.sum()
        + stats.norm.logpdf(SEEN, level, SE).sum()
    )


def funnel_expectation(mean: np.ndarray, sd: np.ndarray, *, centred: bool) -> float:
    """Mean of the log density of (mu, log_tau, effects) under independent normals, up to a constant."""
    m_mu, m_tau, m = mean[0], mean[1], mean[2:]
    s_mu, s_tau, s = sd[0], sd[1], sd[2:]
    tau, tau_squared = np.exp(m_tau + s_tau**2 / 2), np.exp(2 * m_tau + 2 * s_tau**2)  # their means
    value = -((m_mu - 1) ** 2 + s_mu**2) / 2 - tau_squared / 2 + m_tau
    if centred:
        spread = np.sum((m - m_mu) ** 2 + s**2 + s_mu**2)
        misfit = (SEEN - m) ** 2 + s**2
        value += -len(m) * m_tau - spread * np.exp(-2 * m_tau + 2 * s_tau**2) / 2
    else:
        rest = SEEN - m_mu
        misfit = rest**2 + s_mu**2 - 2 * rest * tau * m + tau_squared * (m**2 + s**2)
        value -= np.sum(m**2 + s**2) / 2
    return float(value - np.sum(misfit / SE**2) / 2)


def funnel_moments(points: int) -> dict[str, dict[str, np.ndarray]]:
    """Moments of the funnel's posterior: given tau all is Gaussian, and tau has a grid of ``points``."""
    log_tau = np.linspace(-25, np.log(TAU_LIMIT), points)  # the trapezoidal rule: the density vanishes at both ends
    tau = np.exp(log_tau)[:, None]
    variance = tau**2 + SE**2
    precision = 1 + np.sum(1 / variance, axis=1, keepdims=True)
    mu = (1 + np.sum(SEEN / variance, axis=1, keepdims=True)) / precision
    log_weight = log_tau + stats.halfnorm.logpdf(tau[:, 0]) - np.log(precision[:, 0]) / 2
    log_weight += precision[:, 0] * mu[:, 0] ** 2 / 2 - np.sum(np.log(variance) + SEEN**2 / variance, axis=1) / 2
    weight = np.exp(log_weight - logsumexp(log_weight))
    own = tau**2 / variance
    level = own * SEEN + (1 - own) * mu, own * SE**2 + (1 - own) ** 2 / precision
    z = tau * (SEEN - mu) / variance, SE**2 / variance + (tau / variance) ** 2 / precision
    pairs = {"mu": (mu[:, 0], 1 / precision[:, 0]), "log_tau": (log_tau, 0), "level": level, "z": z}
    moments = {}
    for name, (mean, spread) in pairs.items():
        w = weight.reshape(-1, *[1] * (np.ndim(mean) - 1))
        middle = np.sum(w * mean, axis=0)
        d = mean - middle
        second = np.sum(w * (d**2 + spread), axis=0)
        fourth = np.sum(w * (d**4 + 6 * d**2 * spread + 3 * spread**2), axis=0)
        moments[name] = {"mean": middle, "sd": np.sqrt(second), "kurtosis": fourth / second**2}
    return moments


# ---- the peak, and the nearest mean-field normal ------------------------------------------------


def mean_field(expectation: Callable, size: int, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the means and sds of the product of normals nearest to a posterior.

    Parameters
    ----------
    expectation : the posterior log density's mean under independent normals, called with means and sds
    size : number of unknowns
    start : means to start from
    """

    def loss(theta):
        return -expectation(theta[:size], np.exp(theta[size:])) - theta[size:].sum()

    found = minimize(loss, np.concatenate([start, np.full(size, -1.0)]), method="BFGS", options={"gtol": 1e-5})
    return found.x[:size], np.exp(found.x[size:])


def peak(log_density: Callable, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the peak, and the sds of the normal distribution with the same curvature there (Laplace)."""
    found = minimize(lambda theta: -log_density(theta), start, method="BFGS", options={"gtol": 1e-7})
    step = 1e-3 * np.eye(len(start))
    curvature = np.array(
        [
            [
                log_density(found.x + a + b)
                - log_density(found.x + a - b)
                - log_density(found.x - a + b)
                + log_density(found.x - a - b)
                for b in step
            ]
            for a in step
        ]
    )
    return found.x, np.sqrt(np.diag(np.linalg.inv(-curvature / 4e-6)))


def _hermite(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (points**3, 3) and weights with which a sum is the mean over three standard normals."""
    node, weight = hermegauss(points)
    noise = np.stack([axis.ravel() for axis in np.meshgrid(node, node, node, indexing="ij")], axis=1)
    weight = np.prod([axis.ravel() for axis in np.meshgrid(weight, weight, weight, indexing="ij")], axis=0)
    return noise, weight / weight.sum()


def _robust_mean_field(points: int, x: np.ndarray = robust_regression.X) -> tuple[np.ndarray, np.ndarray]:
    noise, weight = _hermite(points)
    start = np.array([4.2 - 2.2 * x.mean(), 2.2, 0.5])
    return mean_field(lambda mean, sd: weight @ robust_line(mean + sd * noise, x), 3, start)


def _funnel_log(position: np.ndarray, centred: bool) -> float:
    return funnel(position[0], np.exp(position[1]), position[2:], centred=centred) + position[1]


ROBUST, CENTRED, NON_CENTRED = ("alpha", "beta", "log_nu"), ("mu", "log_tau", "level"), ("mu", "log_tau", "z")


def _named(names: tuple[str, ...], mean: np.ndarray, sd: np.ndarray) -> dict[str, dict]:
    """Split vectors into parameters; the last takes what is left, as an array if there are more values than names."""
    last = len(names) - 1
    parts = [*range(last), last if len(mean) == len(names) else slice(last, None)]
    return {name: {"mean": mean[part], "sd": sd[part]} for name, part in zip(names, parts, strict=True)}


def _funnel_points(effect: str) -> list[dict]:
    """Where the log density is stored: a base; then one parameter changes at a time; then all."""
    wave = np.round(np.sin(np.arange(len(SEEN))), 3)
    base = {"mu": 1.2, "tau": 0.4, effect: (wave + 1 if effect == "level" else wave).tolist()}
    single = list(base[effect])
    single[3] += 1.5
    other = {"mu": 0.7, "tau": 0.9, effect: np.round(np.cos(2.0 * np.arange(len(SEEN))), 3).tolist()}
    return [base, *({**base, name: value} for name, value in other.items()), {**base, effect: single}, other]


COUNTIES = len(SEEN)
_FUNNEL_START = np.concatenate([[1.3, -1.0], SEEN.mean() + 0.3 * (SEEN - SEEN.mean())])
_Z_START = np.concatenate([[1.3, -1.0], np.zeros(COUNTIES)])
_FUNNEL = {
    "how": "posterior of the counties with at most two houses; all but tau in closed form, log tau on {} points",
    "make": funnel_moments,
    "grids": (500, 900),
}
MODELS = {
    "robust_log": {
        "how": "chapter 6's Student-t line with log nu in the place of nu; trapezoidal rule, {} points an axis",
        "make": lambda points: grid_moments(
            lambda *position: robust_line(np.stack(position, axis=-1)),
            {"alpha": (2.5, 5.5), "beta": (-1.5, 5.0), "log_nu": (np.log(0.05), np.log(300))},
            {},
            points,
        ),
        "grids": (80, 110),
    },
    "robust_laplace": {
        "how": "peak and curvature of robust_log's density (central differences)",
        "make": lambda _: _named(ROBUST, *peak(robust_line, np.array([4.2, 2.2, 0.4]))),
    },
    "robust_mean_field": {
        "how": "the product of normals nearest to robust_log; expectations by Gauss-Hermite sums of {} points an axis",
        "make": lambda points: _named(ROBUST, *_robust_mean_field(points)),
        "grids": (12, 16),
    },
    "robust_not_centred": {
        "how": "as robust_mean_field, of the same line with x in hundreds and not centred; {} points an axis",
        "make": lambda points: _named(ROBUST, *_robust_mean_field(points, robust_regression.X + NOT_CENTRED)),
        "grids": (12, 16),
    },
    "funnel_centred": _FUNNEL
    | {
        "points": _funnel_points("level"),
        "log_density": lambda mu, tau, level: funnel(mu, tau, np.array(level), centred=True),
    },
    "funnel_non_centred": _FUNNEL
    | {
        "points": _funnel_points("z"),
        "log_density": lambda mu, tau, z: funnel(mu, tau, np.array(z), centred=False),
    },
    "funnel_centred_mean_field": {
        "how": "the product of normals nearest to the funnel's posterior, centred; the expectation is a formula",
        "make": lambda _: _named(
            CENTRED,
            *mean_field(lambda *q: funnel_expectation(*q, centred=True), 2 + COUNTIES, _FUNNEL_START),
        ),
    },
    "funnel_non_centred_mean_field": {
        "how": "the product of normals nearest to the funnel's posterior, non-centred; the expectation is a formula",
        "make": lambda _: _named(
            NON_CENTRED, *mean_field(lambda *q: funnel_expectation(*q, centred=False), 2 + COUNTIES, _Z_START)
        ),
    },
    "funnel_non_centred_laplace": {
        "how": "peak and curvature of the funnel's density, non-centred (central differences)",
        "make": lambda _: _named(NON_CENTRED, *peak(lambda u: _funnel_log(u, centred=False), _Z_START)),
    },
}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make one of this module's references; ``grids`` are the coarser and the finer number of points an axis."""
    model = MODELS[name]
    coarse_points, fine_points = grids or model.get("grids", (0, 0))
    fine = model["make"](fine_points)
    coarse = model["make"](coarse_points) if coarse_points else fine
    points = model.get("points", [])
    return {
        "name": name,
        "how": f"{model['how'].format(fine_points)}, in NumPy and SciPy. Made by `make references`.",
        "parameters": {
            parameter: {kind: np.round(value, 8).tolist() for kind, value in moments.items() if kind != "edge"}
            | {f"{kind}_error": np.abs(moments[kind] - coarse[parameter][kind]).tolist() for kind in ("mean", "sd")}
            for parameter, moments in fine.items()
        },
        "points": points,
        "log_density": [model["log_density"](**point) for point in points],
    }
