"""The numbers of chapter 7's first page, errors in x and y, computed without the page.

York's slopes come from his iteration, which the page replaces by a search; the slope's posterior from each point's
inverse covariance, where the page has the covariance of all points; the coefficients of two predictors from the
predictors' covariance matrix.
"""

import numpy as np
from scipy import interpolate, optimize, stats

from make_references.measurement_noise import ERRORS, X, Y, position_grid
from sidebyside.references import load_reference

SEED = 20107  # the page's: its first random numbers are the blunt ruler's
UNITS = (0, 10, 20, 30, 40, 50)
SIGMA_X, SIGMA_Y = (np.sqrt([error[i, i] for error in ERRORS]) for i in (0, 1))
COV = np.array([error[0, 1] for error in ERRORS])
RISE = 3.84  # of chi-squared, at the ends of an interval of 95%
SEARCH = 3e-4  # error of the page's slopes of York, whose steps are 0.001
SHAPES = {"page": (361, 40), "fine": (1441, 120)}  # slopes and spreads


def _blunt(units: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions with a blunt ruler, and their standard deviations."""
    shake = np.random.default_rng(SEED).normal(size=len(X))
    return X + units / 100 * shake, np.hypot(SIGMA_X, units / 100)


def least_squares(x: np.ndarray) -> list[float]:
    """Return the slope and its standard error by the closed form."""
    weight = 1 / SIGMA_Y**2
    off = x - np.average(x, weights=weight)
    return [np.sum(weight * off * Y) / np.sum(weight * off**2), 1 / np.sqrt(np.sum(weight * off**2))]


def york(x: np.ndarray, sigma_x: np.ndarray) -> list[float]:
    """Return York's slope by the iteration of York et al. (2004), and where chi-squared has risen by 3.84."""
    in_x, in_y = 1 / sigma_x**2, 1 / SIGMA_Y**2
    both = COV / (sigma_x * SIGMA_Y) / np.sqrt(in_x * in_y)
    slope = 2.0
    for _ in range(500):
        weight = 1 / (1 / in_y + slope**2 / in_x - 2 * slope * both)
        u, v = x - np.average(x, weights=weight), Y - np.average(Y, weights=weight)
        moved = weight * (u / in_y + slope * v / in_x - (slope * u + v) * both)
        slope = np.sum(weight * moved * v) / np.sum(weight * moved * u)

    def chi_squared(slope):
        variance = SIGMA_Y**2 - 2 * slope * COV + slope**2 * sigma_x**2
        return optimize.minimize_scalar(lambda alpha: np.sum((Y - alpha - slope * x) ** 2 / variance)).fun

    limit = chi_squared(slope) + RISE
    ends = [optimize.brentq(lambda b: chi_squared(b) - limit, *bracket) for bracket in ((0.5, slope), (slope, 14))]
    return [slope, *ends]


def log_posterior(x: np.ndarray, sigma_x: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return slopes, spreads, and the log posterior density of slope and logarithm of the spread on their grid.

    Intercept and centre are integrated out: the two are normal given the rest, with the precision ``p``.
    """
    slope, spread = np.linspace(-6, 12, shape[0]), np.geomspace(0.02, 2.5, shape[1])
    b, tau = np.meshgrid(slope, spread, indexing="ij")
    log_p = stats.norm.logpdf(b, 0, 3) + stats.halfnorm.logpdf(tau) + np.log(tau)
    p_mm, p_ma, p_aa, g_m, g_a, rest = np.ones_like(b), 0 * b, 0 * b + 1 / 4, 0 * b, 0 * b, 0 * b
    for x_i, y_i, s_x, s_y, c in zip(x, Y - 4, sigma_x, SIGMA_Y, COV, strict=True):
        xx, xy, yy = tau**2 + s_x**2, b * tau**2 + c, b**2 * tau**2 + s_y**2
        determinant = xx * yy - xy**2
        i_xx, i_xy, i_yy = yy / determinant, -xy / determinant, xx / determinant
        p_mm = p_mm + i_xx + 2 * b * i_xy + b**2 * i_yy
        p_ma = p_ma + i_xy + b * i_yy
        p_aa = p_aa + i_yy
        g_a = g_a + i_xy * x_i + i_yy * y_i
        g_m = g_m + i_xx * x_i + i_xy * y_i + b * (i_xy * x_i + i_yy * y_i)
        rest = rest + np.log(determinant) + i_xx * x_i**2 + 2 * i_xy * x_i * y_i + i_yy * y_i**2
    determinant = p_mm * p_aa - p_ma**2
    explained = (p_aa * g_m**2 - 2 * p_ma * g_m * g_a + p_mm * g_a**2) / determinant
    return slope, spread, log_p - (rest + np.log(determinant) - explained) / 2


def _slope(slope: np.ndarray, p: np.ndarray, fine: bool) -> list[float]:
    """Return the mean of the slope and its 95% interval, given its probabilities on a grid."""
    p = p / p.sum()
    if fine:
        density = interpolate.CubicSpline(slope, p / (slope[1] - slope[0]))
        ends = [
            optimize.brentq(lambda b, q=q: density.integrate(slope[0], b) - q, slope[0], slope[-1])
            for q in (0.025, 0.975)
        ]
    else:
        ends = np.interp([0.025, 0.975], p.cumsum() - p / 2, slope)
    return [p @ slope, *ends]


def slopes(shape: str) -> tuple[list, list]:
    """Return the rows of the page's tables of the ruler and of other priors."""
    rows, by_prior = [], []
    for units in UNITS:
        slope, spread, log_p = log_posterior(*_blunt(units), SHAPES[shape])
        p = np.exp(log_p - log_p.max())
        rows.append(_slope(slope, p.sum(axis=1), shape == "fine"))
        if units in (0, 40):
            angle = (1 + slope**2) ** -1.5 / stats.norm.pdf(slope, 0, 3)
            wide = stats.norm.pdf(slope, 0, 10) / stats.norm.pdf(slope, 0, 3)
            crowded = stats.halfnorm.pdf(spread, 0, 0.3) / stats.halfnorm.pdf(spread)
            weights = (p, p * angle[:, None], p * wide[:, None], p * crowded)
            by_prior.append([_slope(slope, weight.sum(axis=1), shape == "fine") for weight in weights])
    return rows, np.concatenate(by_prior, axis=1).tolist()


def second_coefficient(beta: tuple[float, float], r: float, sigma: float = 0.7) -> float:
    """Return what least squares finds for x2, from the covariance matrices of the predictors."""
    true = np.array([[1, r], [r, 1]])
    return np.linalg.solve(true + np.diag([sigma**2, 0]), true @ beta)[1]


def values() -> dict[str, dict]:
    """Return the entries of the page."""
    exact = {
        "least_squares": least_squares(X) + least_squares(_blunt(40)[0]),
        "either_way": [second_coefficient(*case) for case in (((1, 0), 0.7), ((1, 0.5), 0.7), ((1, 0.5), -0.7),
                                                              ((1, -0.2), 0.7))],
    }  # fmt: skip
    entries = {name: {"value": value, "error": 1e-9} for name, value in exact.items()}
    entries["york"] = {"value": [york(*_blunt(units)) for units in UNITS], "error": SEARCH}
    for name, fine, page in zip(("ruler", "other_priors"), slopes("fine"), slopes("page"), strict=True):
        entries[name] = {"value": fine, "error": np.maximum(np.abs(np.subtract(fine, page)), 1e-6)}
    latent = load_reference("both_errors_latent").parameters
    beta, positions = latent["beta"], latent["x_true"]
    slope, _, log_p = log_posterior(X, SIGMA_X, SHAPES["fine"])
    p = np.exp(log_p - log_p.max()).sum(axis=1)
    density = interpolate.CubicSpline(slope, p / p.sum() / (slope[1] - slope[0]))
    for name, end, share in zip(
        ("slope_low", "slope_high"), entries["ruler"]["value"][0][1:], (0.025, 0.975), strict=True
    ):
        spread = np.sqrt(share * (1 - share)) / float(density(end))
        entries[name] = {"value": end, "spread": spread, "error": 1e-5}
    sd = beta["sd"]
    entries["slope"] = {"value": beta["mean"], "spread": sd, "error": 1e-6}
    entries["slope_sd"] = {"value": sd, "spread": sd * np.sqrt(beta["kurtosis"] - 1) / 2, "error": 1e-6}
    entries["x_true"] = {"value": positions["mean"], "spread": positions["sd"], "error": 1e-6}
    centre, _, weight = position_grid(28)
    off = centre - (centre @ weight)[:, None]
    entries["x_mean"] = {"value": positions["mean"], "spread": np.sqrt(off**2 @ weight), "error": 1e-5}
    return entries
