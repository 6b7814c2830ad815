"""The second part of chapter 9: carbon dioxide as a random walk with drift and as a curve, in NumPy and SciPy.

Both are linear regressions with normal errors of unknown size. Given sigma everything is jointly normal, so the
coefficients are integrated in closed form and sigma on a grid.
"""

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from sidebyside.datasets import load_co2

FIRST, LAST, SCORED = 1960, 1991, 1972  # years to learn from; the first year that is scored ahead
SIGMA = np.geomspace(0.12, 2.5, 160)


def level() -> tuple[np.ndarray, np.ndarray]:
    """Return the years from 1959 and the mean level of each, ppm; a missing month is the mean of its neighbours."""
    table = load_co2()
    year, month = table["month"].str.split("-", expand=True).astype(int).to_numpy().T
    years = np.arange(1959, year.max() + 1)
    by_month = np.full((len(years), 12), np.nan)
    known = year >= years[0]
    by_month[year[known] - years[0], month[known] - 1] = table["co2_ppm"].to_numpy()[known]
    for row, column in np.argwhere(np.isnan(by_month)):
        by_month[row, column] = (by_month[row - 1, column] + by_month[row + 1, column]) / 2
    return years, by_month.mean(axis=1)


def data(model: str, years: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return offset, columns, prior mean, prior sd and level of a model, for some years."""
    known, levels = level()
    at = years - known[0]
    d = (years - 1975) / 10
    if model == "growth":
        columns, mean, sd = [np.ones_like(d), d], [1, 0], [1, 1]
        offset = levels[at - 1]
    else:
        columns, mean, sd = [np.ones_like(d), d, d**2], [330, 10, 0], [20, 10, 5]
        offset = np.zeros_like(d)
    return offset, np.column_stack(columns), np.array(mean, float), np.array(sd, float), levels[at]


def _given(sigma: float, model: str, years: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean and covariance of the coefficients given sigma, and the log joint density of the levels."""
    offset, columns, mean, sd, levels = data(model, years)
    rest = levels - offset - columns @ mean
    total = (columns * sd**2) @ columns.T + sigma**2 * np.eye(len(years))
    gain = (sd**2)[:, None] * columns.T @ np.linalg.inv(total)
    log_joint = stats.multivariate_normal.logpdf(rest, cov=total)
    return mean + gain @ rest, np.diag(sd**2) - gain @ columns * sd**2, log_joint


def log_evidence(model: str, years: np.ndarray) -> np.ndarray:
    """Return log p(levels | sigma) + log p(sigma) + log sigma on the grid, which is even in log sigma."""
    likelihood = [_given(sigma, model, years)[2] for sigma in SIGMA]
    return np.array(likelihood) + stats.halfnorm.logpdf(SIGMA) + np.log(SIGMA)


def lfo(model: str) -> float:
    """Return the sum of the years' log scores, each given the years before it: a telescoping sum."""

    def evidence(last: int) -> float:
        return float(logsumexp(log_evidence(model, np.arange(FIRST, last + 1))))

    return evidence(LAST) - evidence(SCORED - 1)


def loo(model: str) -> float:
    """Return the sum of the log scores of the years' terms, each left out alone."""
    years = np.arange(FIRST, LAST + 1)
    whole = logsumexp(log_evidence(model, years))
    return float(sum(whole - logsumexp(log_evidence(model, np.delete(years, k))) for k in range(len(years))))


def level_ahead(model: str, year: int = 2001) -> tuple[float, float]:
    """Return mean and sd of the level of a year, forecast from the last known one."""
    years = np.arange(FIRST, LAST + 1)
    log_weight = log_evidence(model, years)
    weight = np.exp(log_weight - logsumexp(log_weight))
    ahead = np.arange(LAST + 1, year + 1)
    known, levels = level()
    _, columns, *_ = data(model, ahead)
    row = columns.sum(axis=0) if model == "growth" else columns[-1]
    start = levels[LAST - known[0]] if model == "growth" else 0.0
    steps = len(ahead) if model == "growth" else 1
    moments = []
    for sigma in SIGMA:
        mean, covariance, _ = _given(sigma, model, years)
        moments.append((start + row @ mean, row @ covariance @ row + steps * sigma**2))
    mean, variance = np.array(moments).T
    centre = weight @ mean
    return float(centre), float(np.sqrt(weight @ (variance + (mean - centre) ** 2)))


def values() -> dict[str, dict]:
    """Return the entries of the page; ``error`` is what 4,000 draws and importance weights leave."""
    models = ("growth", "curve")
    ahead = np.array([level_ahead(model) for model in models])
    return {
        "loo": {"value": [loo(model) for model in models], "error": [0.08, 0.08]},
        "lfo": {"value": [lfo(model) for model in models], "error": [0.15, 0.15]},
        "level_2001": {"value": ahead[:, 0], "error": 0.03 * ahead[:, 1]},
        "level_2001_sd": {"value": ahead[:, 1], "error": 0.03 * ahead[:, 1]},
    }


def log_density(b: np.ndarray, sigma: float) -> float:
    """Return the log joint density of the growth model."""
    offset, columns, mean, sd, levels = data("growth", np.arange(FIRST, LAST + 1))
    return float(
        stats.norm.logpdf(b, mean, sd).sum()
        + stats.halfnorm.logpdf(sigma)
        + stats.norm.logpdf(levels, offset + columns @ b, sigma).sum()
    )


MODELS = {"co2_growth": {"grids": (60, 120)}}


def _moments(points: int) -> dict[str, dict]:
    """Return mean, sd and kurtosis of b and sigma, with ``points`` values of sigma."""
    years = np.arange(FIRST, LAST + 1)
    grid = np.geomspace(0.2, 1.2, points)
    parts = [_given(sigma, "growth", years) for sigma in grid]
    log_weight = np.array([part[2] for part in parts]) + stats.halfnorm.logpdf(grid) + np.log(grid)
    weight = np.exp(log_weight - logsumexp(log_weight))
    means = np.array([part[0] for part in parts])
    variances = np.array([np.diag(part[1]) for part in parts])

    def of(mean: np.ndarray, variance: np.ndarray) -> dict:
        centre = weight @ mean
        off = mean - centre
        second = weight @ (off**2 + variance)
        fourth = weight @ (off**4 + 6 * off**2 * variance + 3 * variance**2)
        return {"mean": centre, "sd": np.sqrt(second), "kurtosis": fourth / second**2}

    return {"b": of(means, variances), "sigma": of(grid, np.zeros_like(grid))}


def make(name: str, grids: tuple[int, int] | None = None) -> dict:
    """Make this module's reference; ``grids`` are the coarser and the finer number of values of sigma."""
    coarse_points, fine_points = grids or MODELS[name]["grids"]
    coarse, fine = _moments(coarse_points), _moments(fine_points)
    parameters = {
        parameter: {kind: np.asarray(value).tolist() for kind, value in moments.items()}
        | {f"{kind}_error": np.abs(moments[kind] - coarse[parameter][kind]).tolist() for kind in ("mean", "sd")}
        for parameter, moments in fine.items()
    }
    points = [
        {"b": [1.2, 0.3], "sigma": 0.5},
        {"b": [0.8, 0.3], "sigma": 0.5},
        {"b": [1.2, -0.2], "sigma": 0.5},
        {"b": [1.2, 0.3], "sigma": 0.9},
        {"b": [1.5, 0.6], "sigma": 0.35},
    ]
    return {
        "name": name,
        "how": (
            "The coefficients integrated in closed form, sigma by the trapezoidal rule in its logarithm on "
            f"{fine_points} points, in NumPy and SciPy; the errors are the differences from {coarse_points} points. "
            "Made by `make references`."
        ),
        "parameters": parameters,
        "points": points,
        "log_density": [log_density(np.array(point["b"]), point["sigma"]) for point in points],
    }
