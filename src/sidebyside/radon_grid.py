"""The radon model of chapters 8 to 11, integrated on a grid: exact, in seconds, without any of the five libraries.

Given the standard deviations (and the correlation), everything else in the model is Gaussian. So the fixed effects and
the counties' effects are integrated out in closed form, and only two or four numbers are left for a grid: the posterior
is a mixture of Gaussians, one for each grid point, and its moments are sums. With varying intercepts alone, the
standard deviation of the slopes is zero. Chapter 11 fits it 65 times on many machines; ``make references`` makes the
reference posteriors of chapters 8 and 9 with it.

In comments: J counties, G grid points, e[j] = (intercept's effect, slope's effect) of county j.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.polynomial.legendre import leggauss
from scipy import stats
from scipy.special import logsumexp

from sidebyside.datasets import load_radon
from sidebyside.references import Reference

PRIOR_MEAN, PRIOR_SD = np.array([1.0, 0.0, 0.0]), 1.0  # of (gamma_0, gamma_1, beta)
BLOCK = 2000  # grid points at a time
SEED, PUT_AWAY = 20109, 20  # chapter 9's draw of the counties that it puts away
NEGLIGIBLE = 1e-14  # share of the largest weight below which a grid point is left out
# From and to of each standard deviation and of the correlation.
BOXES = {
    "radon_intercepts": {"sigma_alpha": (0, 0.6), "sigma_y": (0.66, 0.87)},
    "radon_training": {"sigma_alpha": (0, 0.6), "sigma_y": (0.66, 0.93)},
    "radon_slopes": {"sigma_alpha": (0, 0.6), "sigma_beta": (0, 1.4), "rho": (-1, 1), "sigma_y": (0.66, 0.87)},
}


@dataclass(frozen=True)
class Houses:
    """Each house's log radon ``y`` (log pCi/L), ``floor`` and ``county`` (0 to J - 1); each county's log ppm ``u``."""

    y: np.ndarray
    floor: np.ndarray
    county: np.ndarray
    u: np.ndarray

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Return per county X'X, shape (J, 2, 2), and X'y, shape (J, 2), where X has a column of ones and the floor."""
        design = np.column_stack([np.ones_like(self.y), self.floor])
        counties = len(self.u)
        xx, xy = np.zeros((counties, 2, 2)), np.zeros((counties, 2))
        np.add.at(xx, self.county, design[:, :, None] * design[:, None, :])
        np.add.at(xy, self.county, design * self.y[:, None])
        return xx, xy


def data(name: str = "radon_intercepts") -> Houses:
    """Return the houses that a model is fitted to: all of the survey, or for "radon_training" those not put away."""
    return split()[0] if name == "radon_training" else _houses(load_radon())


def split() -> tuple[Houses, Houses]:
    """Return the houses of chapter 9's training counties, and those of the counties that it puts away."""
    radon = load_radon()
    names = np.random.default_rng(SEED).choice(np.unique(radon["county"]), PUT_AWAY, replace=False)
    away = radon["county"].isin(names)
    return _houses(radon[~away]), _houses(radon[away])


def _houses(radon: pd.DataFrame) -> Houses:
    """Counties are numbered in alphabetical order."""
    return Houses(
        y=np.log(radon["radon_pci_l"].replace(0, 0.1).to_numpy()),
        floor=radon["floor"].to_numpy(dtype=float),
        county=radon["county"].astype("category").cat.codes.to_numpy(),
        u=np.log(radon.groupby("county")["uranium_ppm"].first().to_numpy()),
    )


def conditional(houses: Houses, sigma_alpha, sigma_beta, rho, sigma_y) -> tuple:
    """Integrate the Gaussian part in closed form, at G grid points (all arguments of shape (G,)).

    Returns
    -------
    log marginal likelihood (without the priors of the four arguments), shape (G,); and the conditional mean and
    variance of (gamma_0, gamma_1, mean slope) (G, 3), alpha (G, J) and beta (G, J), in pairs.
    """
    xx, xy = houses.sums()
    identity = np.eye(2)
    covariance = np.empty((len(sigma_y), 1, 2, 2))
    covariance[:, 0, 0, 0], covariance[:, 0, 1, 1] = sigma_alpha**2, sigma_beta**2
    covariance[:, 0, 0, 1] = covariance[:, 0, 1, 0] = rho * sigma_alpha * sigma_beta
    variance = (sigma_y**2)[:, None, None, None]
    m = xx / variance  # (G, J, 2, 2): what the houses say about e[j]
    t = xy / variance[..., 0]  # (G, J, 2)
    a = identity + m @ covariance
    determinant = a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]
    inverse = np.empty_like(a)
    inverse[..., 0, 0], inverse[..., 1, 1] = a[..., 1, 1], a[..., 0, 0]
    inverse[..., 0, 1], inverse[..., 1, 0] = -a[..., 0, 1], -a[..., 1, 0]
    inverse /= determinant[..., None, None]
    k = covariance @ inverse  # (G, J, 2, 2): covariance of e[j], given the fixed effects
    w = inverse @ m  # information about (alpha[j], beta[j]) with e[j] integrated out
    s = np.einsum("gjab,gjb->gja", inverse, t)
    # theta = (gamma_0, gamma_1, mean slope); county j's expected (alpha, beta) is f[j] @ theta
    f = np.zeros((len(houses.u), 2, 3))
    f[:, 0, 0], f[:, 0, 1], f[:, 1, 2] = 1, houses.u, 1
    precision = np.eye(3) / PRIOR_SD**2 + np.einsum("jac,gjab,jbd->gcd", f, w, f, optimize=True)
    h = PRIOR_MEAN / PRIOR_SD**2 + np.einsum("jac,gja->gc", f, s)
    theta_covariance = np.linalg.inv(precision)
    theta = np.einsum("gab,gb->ga", theta_covariance, h)
    size = len(houses.y)
    log_likelihood = (
        -size / 2 * np.log(2 * np.pi * sigma_y**2)
        - np.log(determinant).sum(axis=1) / 2
        - (houses.y**2).sum() / sigma_y**2 / 2
        + np.einsum("gja,gjab,gjb->g", t, k, t, optimize=True) / 2
        + np.einsum("ga,ga->g", h, theta) / 2
        - np.linalg.slogdet(precision)[1] / 2
        - 3 / 2 * np.log(PRIOR_SD**2)
        - (PRIOR_MEAN**2).sum() / PRIOR_SD**2 / 2
    )
    # (alpha[j], beta[j]) = e[j] + f[j] theta, and e[j] given theta has mean k (t - m f theta)
    slope = f - k @ m @ f  # (G, J, 2, 3)
    effect = np.einsum("gjab,gjb->gja", k, t) + np.einsum("gjac,gc->gja", slope, theta)
    spread = np.einsum("gjaa->gja", k) + np.einsum("gjac,gcd,gjad->gja", slope, theta_covariance, slope, optimize=True)
    pairs = (
        (theta, np.einsum("gaa->ga", theta_covariance)),
        (effect[..., 0], spread[..., 0]),
        (effect[..., 1], spread[..., 1]),
    )
    return log_likelihood, pairs


def grid_moments(name: str, points: int, houses: Houses | None = None) -> dict[str, dict[str, np.ndarray]]:
    """Mean, standard deviation and kurtosis of each parameter by Gauss-Legendre quadrature with ``points`` an axis.

    ``houses`` are other data in the place of the model's own.
    """
    houses, box = houses or data(name), BOXES[name]
    node, share = leggauss(points)
    axes = {axis: low + (node + 1) / 2 * (high - low) for axis, (low, high) in box.items()}
    grid = {axis: values.ravel() for axis, values in zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True)}
    log_weight = sum(np.log(part.ravel()) for part in np.meshgrid(*[share] * len(axes), indexing="ij"))
    for axis, values in grid.items():
        log_weight = log_weight + (np.log(1 - values**2) if axis == "rho" else stats.halfnorm.logpdf(values))

    def at(block: slice | np.ndarray) -> tuple:
        zero = np.zeros_like(grid["sigma_y"][block])
        return conditional(
            houses,
            *(grid[axis][block] if axis in grid else zero for axis in ("sigma_alpha", "sigma_beta", "rho", "sigma_y")),
        )

    for start in range(0, len(log_weight), BLOCK):
        block = slice(start, start + BLOCK)
        log_weight[block] += at(block)[0]
    log_weight -= logsumexp(log_weight)
    weight = np.exp(log_weight)
    kept = np.flatnonzero(weight > NEGLIGIBLE * weight.max())
    best = at(kept[[np.argmax(weight[kept])]])[1]
    names = ["gamma", "alpha", "beta"]
    centres = {
        key: mean[0] for key, (mean, _) in zip(names, best, strict=True)
    }  # moments about these, to lose no digits
    powers = {key: np.zeros((4, *centre.shape)) for key, centre in centres.items()}
    for start in range(0, len(kept), BLOCK):
        block = kept[start : start + BLOCK]
        for key, (mean, variance) in zip(names, at(block)[1], strict=True):
            d = mean - centres[key]
            raw = d, d**2 + variance, d**3 + 3 * d * variance, d**4 + 6 * d**2 * variance + 3 * variance**2
            powers[key] += np.array([np.tensordot(weight[block], part, axes=1) for part in raw])
    moments = {key: _moments(centres[key], powers[key]) for key in names}
    edges = []
    for axis, values in grid.items():
        centre = weight @ values
        moments[axis] = _moments(centre, np.array([weight @ (values - centre) ** power for power in range(1, 5)]))
        if axis != "rho":  # the correlation's box is all there is, and so is zero for a standard deviation
            top = values == values.max()
            edges.append(weight[top].sum())
    gamma, alpha, beta = (moments.pop(key) for key in names)
    moments["gamma_0"], moments["gamma_1"], common = (
        {kind: value[i] for kind, value in gamma.items()} for i in range(3)
    )
    moments["alpha"] = alpha
    if "sigma_beta" in box:
        moments |= {"mu_beta": common, "beta": beta}
    else:
        moments["beta"] = common
    moments["edge"] = max(edges)
    return moments


def _moments(centre, powers: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, sd and kurtosis from the first four moments about ``centre``."""
    first, second, third, fourth = powers
    variance = second - first**2
    central = fourth - 4 * third * first + 6 * second * first**2 - 3 * first**4
    return {"mean": centre + first, "sd": np.sqrt(variance), "kurtosis": central / variance**2}


def leave_out(county: int, grids: tuple[int, int] = (40, 60)) -> Reference:
    """Exact posterior of chapter 9's model without the houses of one county: what chapter 11's fits are held against.

    Parameters
    ----------
    county : its number, 0 to 64; its own level is the parameter ``alpha_new``
    grids : the coarser and the finer number of points an axis
    """
    houses = data("radon_training")
    seen = houses.county != county
    rest = Houses(houses.y[seen], houses.floor[seen], houses.county[seen], houses.u)
    coarse, fine = (grid_moments("radon_training", points, rest) for points in grids)
    parameters = {}
    for name in ("gamma_0", "gamma_1", "beta", "sigma_alpha", "sigma_y", "alpha"):
        own, rough = (
            {kind: np.asarray(v)[county] if name == "alpha" else v for kind, v in part[name].items()}
            for part in (fine, coarse)
        )
        errors = {f"{kind}_error": abs(own[kind] - rough[kind]) for kind in ("mean", "sd")}
        parameters["alpha_new" if name == "alpha" else name] = own | errors
    how = f"as radon_training, without county {county}"
    return Reference(name="radon_left_out", how=how, parameters=parameters, points=[], log_density=np.array([]))
