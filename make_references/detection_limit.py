"""The numbers of chapter 7b's answer, a detection limit: integrated by the trapezoidal rule over mu and log sigma."""

import numpy as np
from scipy import optimize, special, stats

from make_references import measurement_noise
from sidebyside.datasets import load_radon

# (parameter, prior in place of the model's own): Normal(1, 1) for mu, HalfNormal(1) for sigma
OTHER_PRIORS = (
    ("mu", stats.norm(0, 1)),
    ("mu", stats.norm(1, 0.5)),
    ("sigma", stats.expon(0, 1)),
)
OWN_PRIORS = {"mu": stats.norm(1, 1), "sigma": stats.halfnorm(0, 1)}
ENDS = np.array([0.025, 0.975])


class _Grid:
    """A posterior of mu and sigma, given its log joint density as a function of both."""

    def __init__(self, log_joint, mu: tuple[float, float], log_sigma: tuple[float, float], points: int = 700):
        self.mu, u = np.meshgrid(np.linspace(*mu, points), np.linspace(*log_sigma, points), indexing="ij")
        self.sigma = np.exp(u)
        log_weight = log_joint(self.mu, self.sigma) + u
        self.weight = np.exp(log_weight - special.logsumexp(log_weight))
        self.answers = (np.exp(self.mu), special.ndtr((self.mu - np.log(4)) / self.sigma))

    def row(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and 95% interval of the typical level, then of the share from 4, and their spreads."""
        values, spreads = [], []
        for answer in self.answers:
            mean = np.sum(self.weight * answer)
            value, place = np.unique(answer, return_inverse=True)
            weight = np.bincount(place.ravel(), self.weight.ravel())
            below = np.cumsum(weight) - weight / 2
            ends = np.interp(ENDS, below, value)
            near = 0.02 * (ends[1] - ends[0])
            density = (np.interp(ends + near, value, below) - np.interp(ends - near, value, below)) / (2 * near)
            values += [mean, *ends]
            spreads += [np.sqrt(np.sum(self.weight * (answer - mean) ** 2)), *(np.sqrt(ENDS * (1 - ENDS)) / density)]
        return np.array(values), np.array(spreads)

    def with_other_priors(self) -> dict[str, np.ndarray]:
        """Return the answers' means under each prior, and the spreads of means that are weighted by the ratio."""
        ratios = [np.ones_like(self.mu)]
        for name, prior in OTHER_PRIORS:
            values = getattr(self, name)
            ratio = prior.pdf(values) / OWN_PRIORS[name].pdf(values)
            ratios.append(ratio / np.sum(self.weight * ratio))
        means = [[np.sum(self.weight * ratio * answer) for answer in self.answers] for ratio in ratios]
        spreads = [
            [
                np.sqrt(np.sum(self.weight * (ratio * (answer - mean)) ** 2))
                for answer, mean in zip(self.answers, row, strict=True)
            ]
            for ratio, row in zip(ratios, means, strict=True)
        ]
        return {"value": np.array(means), "spread": np.array(spreads), "error": np.full((4, 2), 1e-5)}


def _log_joint(seen: np.ndarray, below: int = 0, limit: float = 1.0):
    """Return the log joint density of readings that are seen, and of ``below`` ones under ``limit`` pCi/L."""

    def log_joint(mu, sigma):
        density = stats.norm.logpdf(mu, 1, 1) + stats.halfnorm.logpdf(sigma)
        for reading in seen:
            density = density - np.log(sigma) - ((reading - mu) / sigma) ** 2 / 2
        return density + below * special.log_ndtr((np.log(limit) - mu) / sigma)

    return log_joint


def values() -> dict[str, dict]:
    """Return the entries of chapter 7b."""
    radon = load_radon()
    readings = radon.loc[radon["floor"] == 1, "radon_pci_l"].to_numpy()
    seen, below = measurement_noise.radon_readings(1.95)
    filled = [seen, *(np.append(seen, np.full(below, np.log(value))) for value in (2, 1, 0.1))]
    substituted = [
        [np.exp(logs.mean()), special.ndtr((logs.mean() - np.log(4)) / np.sqrt(np.mean((logs - logs.mean()) ** 2)))]
        for logs in filled
    ]

    def loss(unknowns):
        mu, sigma = unknowns[0], np.exp(unknowns[1])
        heights = np.sum(((seen - mu) / sigma) ** 2) / 2 + len(seen) * unknowns[1]
        return heights - below * special.log_ndtr((np.log(1.95) - mu) / sigma)

    found = optimize.minimize(loss, [1, 0], method="BFGS", options={"gtol": 1e-8}).x
    mu, sigma = found[0], np.exp(found[1])
    above = readings[readings > 2]
    tables = [
        (np.log(readings[readings > 0]), int(np.sum(readings == 0)), 0.05),
        *((logs,) for logs in filled),
        (seen, below, 2.0),
        (np.log(above), len(readings) - len(above), 2.0),
    ]
    rows = np.array([_Grid(_log_joint(*table), (-0.8, 2.6), (-1.4, 0.85)).row()[0] for table in tables])
    error = 1.5e-3 * rows + 5e-4  # the page's quantiles are grid points of mu
    error[:, [0, 3]] = 1e-4
    entries = {
        "substituted": {"value": np.array(substituted), "error": np.full((4, 2), 1e-9)},
        "likelihood": {
            "value": np.array([mu, sigma, special.ndtr((mu - np.log(4)) / sigma)]),
            "error": np.full(3, 1e-4),  # of the page's optimiser
        },
        "on_grid": {"value": rows, "error": error},
    }
    for name, log_joint, box in (
        ("censored", measurement_noise.censored, ((-0.5, 1.7), (-0.85, 0.9))),
        ("truncated", measurement_noise.truncated, ((-6.0, 3.0), (-1.6, 1.8))),
    ):
        grid = _Grid(lambda mu, sigma, log_joint=log_joint: log_joint(mu, sigma, limit=1.95), *box)
        value, spread = grid.row()
        entries[name] = {"value": value, "spread": spread, "error": np.full(6, 1e-4)}
        entries[f"{name}_priors"] = grid.with_other_priors()
    return entries
