"""Chapter 6's two models, written once more in NumPy and SciPy: what the five libraries are held against.

Both take the Hogg, Bovy and Lang points, x centred, x, y and sigma_y divided by 100. Parameters may be arrays of one
shape; the log joint density comes back in that shape.
"""

import numpy as np
from scipy import stats
from scipy.special import expit

from make_references.quadrature import make_reference
from sidebyside.datasets import load_hogg

_hogg = load_hogg()
X = ((_hogg["x"] - _hogg["x"].mean()) / 100).to_numpy()
Y = (_hogg["y"] / 100).to_numpy()
SIGMA = (_hogg["sigma_y"] / 100).to_numpy()


def _log_prior_line(alpha, beta):
    return stats.norm.logpdf(alpha, 4, 2) + stats.norm.logpdf(beta, 0, 3)


def student_t(alpha, beta, nu):
    """Log joint density of the Student-t regression at (alpha, beta, nu)."""
    log_joint = _log_prior_line(alpha, beta) + stats.gamma.logpdf(nu, 2, scale=10)
    for x, y, sigma in zip(X, Y, SIGMA, strict=True):
        log_joint = log_joint + stats.t.logpdf(y, nu, alpha + beta * x, sigma)
    return log_joint


def mixture(alpha, beta, p_out, tau):
    """Log joint density of the outlier mixture at (alpha, beta, p_out, tau), the labels summed out."""
    log_joint = _log_prior_line(alpha, beta) + stats.beta.logpdf(p_out, 1, 4) + stats.halfnorm.logpdf(tau, scale=2)
    for x, y, sigma in zip(X, Y, SIGMA, strict=True):
        line = alpha + beta * x
        good = np.log1p(-p_out) + stats.norm.logpdf(y, line, sigma)
        bad = np.log(p_out) + stats.norm.logpdf(y, line, np.hypot(sigma, tau))
        log_joint = log_joint + np.logaddexp(good, bad)
    return log_joint


MODELS = {
    "robust_student_t": {
        "log_density": student_t,
        # the first is the base; then one parameter changes at a time, so that a fault names it; then all
        "points": [
            {"alpha": 4.2, "beta": 2.2, "nu": 2.0},
            {"alpha": 3.1, "beta": 2.2, "nu": 2.0},
            {"alpha": 4.2, "beta": -0.4, "nu": 2.0},
            {"alpha": 4.2, "beta": 2.2, "nu": 7.0},
            {"alpha": 5.5, "beta": 1.3, "nu": 25.0},
        ],
        "integrand": lambda a, b, u: student_t(a, b, np.exp(u)) + u,
        "box": {"alpha": (2.5, 5.5), "beta": (-1.5, 5.0), "nu": (np.log(0.05), np.log(300))},
        "forward": {"nu": np.exp},
        "grids": (100, 140),
    },
    "robust_mixture": {
        "log_density": mixture,
        "points": [
            {"alpha": 4.2, "beta": 2.2, "p_out": 0.2, "tau": 2.5},
            {"alpha": 3.1, "beta": 2.2, "p_out": 0.2, "tau": 2.5},
            {"alpha": 4.2, "beta": -0.4, "p_out": 0.2, "tau": 2.5},
            {"alpha": 4.2, "beta": 2.2, "p_out": 0.6, "tau": 2.5},
            {"alpha": 4.2, "beta": 2.2, "p_out": 0.2, "tau": 0.8},
            {"alpha": 5.5, "beta": 1.3, "p_out": 0.9, "tau": 0.3},
        ],
        "integrand": lambda a, b, u, v: mixture(a, b, expit(u), np.exp(v)) + np.log(expit(u)) + np.log(expit(-u)) + v,
        "box": {"alpha": (3.0, 5.2), "beta": (-0.5, 3.8), "p_out": (-7.0, 5.0), "tau": (np.log(0.05), np.log(20))},
        "forward": {"p_out": expit, "tau": np.exp},
        "grids": (40, 56),
    },
}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make one of this module's references; ``grids`` are the coarser and the finer number of points an axis."""
    return make_reference(name, MODELS[name], grids)
