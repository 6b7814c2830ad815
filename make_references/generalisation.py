"""Chapter 9's scores without draws: each house and each county left out in closed form, on a grid of the two scales.

Given the standard deviations, all 691 measurements are jointly normal, and with the inverse of their covariance matrix
any block of them can be left out at once. So nothing here is shared with the chapter's importance weights or with its
draws. In comments: N houses, J counties.
"""

import numpy as np
from scipy import optimize, stats
from scipy.special import logsumexp

from sidebyside import radon_grid

SPREADS, SCATTERS = np.linspace(0.0, 0.62, 14), np.linspace(0.68, 0.92, 15)  # of sigma_alpha and sigma_y
MODELS = {  # prior variances of (gamma_0, gamma_1, beta), and the grid of sigma_alpha
    "pooled": ([1, 0, 1], [0]),
    "pooled + uranium": ([1, 1, 1], [0]),
    "no pooling": ([0, 0, 1], [1]),
    "hierarchical": ([1, 0, 1], SPREADS),
    "hierarchical + uranium": ([1, 1, 1], SPREADS),
}


def _columns(houses: radon_grid.Houses) -> np.ndarray:
    """Return a column of ones, the log uranium of the county and the floor, shape (N, 3)."""
    return np.column_stack([np.ones_like(houses.y), houses.u[houses.county], houses.floor])


def scores(model: str) -> dict[str, np.ndarray]:
    """Return a model's scores.

    Returns
    -------
    dict
        ``houses``: log score and predicted value of each house left out alone, shape (2, N). ``counties``: the same
        with its whole county left out. ``joint``: log score of each county's houses together, shape (J,). ``test``:
        predicted values of the test counties' houses. ``typical``: 5% and 95% of a new county's level at 1 ppm.
    """
    houses, test = radon_grid.split()
    variance, spreads = np.array(MODELS[model][0], dtype=float), MODELS[model][1]
    columns, group, size = _columns(houses), houses.county, len(houses.y)
    same = group[:, None] == group[None, :]
    rest = houses.y - columns @ radon_grid.PRIOR_MEAN
    rows = [np.flatnonzero(group == j) for j in range(len(houses.u))]
    log_weight, alone, joint, single, shift, effects = [], [], [], [], [], []
    for sigma_alpha in spreads:
        for sigma_y in SCATTERS:
            covariance = (columns * variance) @ columns.T + sigma_alpha**2 * same + sigma_y**2 * np.eye(size)
            precision = np.linalg.inv(covariance)
            pulled = precision @ rest
            log_determinant = np.linalg.slogdet(covariance)[1]
            log_prior = stats.halfnorm.logpdf([sigma_alpha, sigma_y]).sum()
            log_weight.append(log_prior - (log_determinant + rest @ pulled) / 2)
            diagonal = np.diag(precision)
            off = [pulled / diagonal, np.empty(size)]  # measured minus predicted: house alone, whole county left out
            alone.append(stats.norm.logpdf(off[0], 0, 1 / np.sqrt(diagonal)))
            joint.append([])
            single.append(np.empty(size))
            for row in rows:
                block = np.linalg.inv(precision[np.ix_(row, row)])
                off[1][row] = block @ pulled[row]
                joint[-1].append(stats.multivariate_normal.logpdf(off[1][row], cov=block))
                single[-1][row] = stats.norm.logpdf(off[1][row], 0, np.sqrt(np.diag(block)))
            shift.append(off)
            gain = variance[:, None] * columns.T
            mean = radon_grid.PRIOR_MEAN + gain @ pulled
            level_variance = variance[0] - (gain @ precision @ gain.T)[0, 0] + sigma_alpha**2
            effects.append([*mean, level_variance])
    log_weight, alone, joint, single = map(np.array, (log_weight, alone, joint, single))
    shift, effects = np.array(shift), np.array(effects)
    weight = np.exp(log_weight - logsumexp(log_weight))
    # the posterior of the scales without a block: its weight divided by the block's density
    without_house = log_weight[:, None] - alone
    without_house -= logsumexp(without_house, axis=0)
    without_county = log_weight[:, None] - joint
    without_county = (without_county - logsumexp(without_county, axis=0))[:, group]
    mean = weight @ effects[:, :3]

    def below(level: float) -> float:
        return float(weight @ stats.norm.cdf(level, effects[:, 0], np.sqrt(effects[:, 3])))

    return {
        "houses": np.array(
            [
                logsumexp(without_house + alone, axis=0),
                houses.y - (np.exp(without_house) * shift[:, 0]).sum(axis=0),
            ]
        ),
        "counties": np.array(
            [
                logsumexp(without_county + single, axis=0),
                houses.y - (np.exp(without_county) * shift[:, 1]).sum(axis=0),
            ]
        ),
        "joint": -logsumexp(log_weight[:, None] - joint, axis=0) + logsumexp(log_weight),
        "test": _columns(test) @ mean,
        "typical": np.exp(
            [optimize.brentq(lambda level, p=p: below(level) - p, -3, 6) for p in (0.05, 0.95)],
        ),
    }


def values() -> dict[str, dict]:
    """Return the entries of chapter 9; ``error`` is what 4,000 draws and importance weights leave (see the tests)."""
    houses, test = radon_grid.split()
    found = {model: scores(model) for model in MODELS}

    def rmse(predicted: np.ndarray, measured: np.ndarray) -> float:
        return float(np.sqrt(np.mean((predicted - measured) ** 2)))

    hard = np.array([1, 1, 2.5, 1.5, 1])  # importance weights are less accurate where a house has much influence
    rows = {
        "elpd_houses": ([one["houses"][0].sum() for one in found.values()], hard * 0.1),
        "elpd_counties": ([one["joint"].sum() for one in found.values()], 0.2),
        "rmse_houses": ([rmse(one["houses"][1], houses.y) for one in found.values()], hard * 5e-4),
        "rmse_counties": ([rmse(one["counties"][1], houses.y) for one in found.values()], 1e-3),
        "rmse_test": ([rmse(one["test"], test.y) for one in found.values()], 5e-4),
        "typical_basement": (found["hierarchical + uranium"]["typical"], np.array([0.03, 0.05])),
        "single_houses_without_county": (found["hierarchical + uranium"]["counties"][0].sum(), 0.1),
    }
    return {
        name: {"value": np.asarray(value), "error": error * np.ones_like(value)}
        for name, (value, error) in rows.items()
    }
