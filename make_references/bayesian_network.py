"""Chapter 12's small network, written once more in NumPy: what the five libraries are held against.

Given the hidden units' weights and offsets the network is a linear regression on its units, with a Gaussian prior and
Gaussian noise of known size. So the output layer is integrated out in closed form, and Hamiltonian Monte Carlo moves
the hidden layer alone. Many chains run side by side, each from its own draw of the prior. The moments of the network's
value are those of a mixture of bell curves, one a draw; how far the chains' averages differ gives their error.

In comments: C chains, N readings, H hidden units, K = H + 1 outputs' weights (the last one is the offset c).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sidebyside.datasets import load_co2

UNITS = 8  # hidden units
W_SD, B_SD, V_SD, C_SD = 2.0, 2.0, 2.0, 1.5  # prior standard deviations; that of v is divided by the root of UNITS
CENTRE, UNIT, SIGMA = 319.0, 2.0, 0.3  # ppm: y = (reading - CENTRE) / UNIT; SIGMA is the noise
SEED, YEAR = 20112, 1964
BEFORE, AFTER = 6, 6  # months on both sides of the window at which the network's value is kept, too


@dataclass(frozen=True)
class Window:
    """Two years of readings around a spring.

    Attributes
    ----------
    x : time of each reading, in years from the first of May in the middle; shape (N,)
    y : the readings, (ppm - centre) / UNIT; shape (N,)
    centre : CENTRE for the spring of 1964, for other springs the readings' mean; in ppm
    months, grid : names and times of the months at which the network's value is wanted, beginning six months before
        the window and ending six months after it; 36 of them
    """

    x: np.ndarray
    y: np.ndarray
    centre: float
    months: list[str]
    grid: np.ndarray


def month_names(first: int, count: int) -> list[str]:
    """Return ``count`` months as in "1964-02"; ``first`` is counted from January of the year 0."""
    return [f"{month // 12}-{month % 12 + 1:02d}" for month in range(first, first + count)]


def window(year: int = YEAR) -> Window:
    """Return the readings from May of the year before to April of the year after, those of February to April left out.

    In 1964 there is nothing to leave out: the instrument stood still.
    """
    ppm = load_co2().set_index("month")["co2_ppm"]
    first = 12 * (year - 1) + 4
    months = month_names(first - BEFORE, BEFORE + 24 + AFTER)
    grid = (np.arange(-BEFORE, 24 + AFTER) - 11.5) / 12
    left_out = spring(year)
    inside = [
        place for place in range(BEFORE, BEFORE + 24) if months[place] in ppm.index and months[place] not in left_out
    ]
    reading = ppm[[months[place] for place in inside]].to_numpy()
    centre = CENTRE if year == YEAR else reading.mean()
    return Window(grid[inside], (reading - centre) / UNIT, centre, months, grid)


def spring(year: int) -> list[str]:
    """Return the names of the three months that are left out."""
    return [f"{year}-{month:02d}" for month in (2, 3, 4)]


def other_springs() -> list[int]:
    """Return the years, 1964 aside, around whose spring no month's reading is missing."""
    months = set(load_co2()["month"])
    years = range(1959, 2002)
    return [year for year in years if year != YEAR and set(month_names(12 * (year - 1) + 4, 24)) <= months]


def network(w, b, v, c, x) -> np.ndarray:
    """Return the network's value at the times ``x``; in units of UNIT from CENTRE."""
    return c + np.tanh(np.multiply.outer(x, w) + b) @ np.asarray(v)


def log_density(w, b, v, c) -> float:
    """Log joint density of the network's weights and the readings around the spring of 1964."""
    data = window()
    return float(
        stats.norm.logpdf(w, 0, W_SD).sum()
        + stats.norm.logpdf(b, 0, B_SD).sum()
        + stats.norm.logpdf(v, 0, V_SD / np.sqrt(len(w))).sum()
        + stats.norm.logpdf(c, 0, C_SD)
        + stats.norm.logpdf(data.y, network(w, b, v, c, data.x), SIGMA / UNIT).sum()
    )


# ---- the hidden layer's posterior ---------------------------------------------------------------


def features(position: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the hidden units' values and a column of ones, shape (C, N, K).

    ``position`` holds each chain's w / W_SD and b / B_SD, shape (C, 2, H); ``x`` has shape (N,) or (C, N).
    """
    w, b = W_SD * position[:, 0], B_SD * position[:, 1]
    hidden = np.tanh(np.broadcast_to(x, (len(w), np.shape(x)[-1]))[:, :, None] * w[:, None] + b[:, None])
    return np.concatenate([hidden, np.ones_like(hidden[:, :, :1])], axis=2)


def last_layer(
    design: np.ndarray, y: np.ndarray, noise: float = SIGMA / UNIT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean (C, K) and covariance (C, K, K) of the output layer given the hidden one, and log p(y | hidden) (C,).

    The log density lacks a constant. ``y`` has shape (N,) or (C, N); ``noise`` is the readings' sd, in units of UNIT.
    """
    units = design.shape[2] - 1
    prior_precision = 1 / np.append(np.full(units, V_SD / np.sqrt(units)), C_SD) ** 2
    transposed = design.transpose(0, 2, 1)
    precision = transposed @ design / noise**2
    precision[:, np.arange(units + 1), np.arange(units + 1)] += prior_precision
    covariance = np.linalg.inv(precision)
    pull = (transposed @ np.broadcast_to(y, design.shape[:2])[:, :, None])[..., 0] / noise**2
    mean = (covariance @ pull[..., None])[..., 0]
    log_likelihood = (
        np.linalg.slogdet(covariance)[1] / 2 + (pull * mean).sum(axis=1) / 2 - (y**2).sum(axis=-1) / noise**2 / 2
    )
    return mean, covariance, log_likelihood


def energy_and_slopes(
    position: np.ndarray, x: np.ndarray, y: np.ndarray, noise: float = SIGMA / UNIT
) -> tuple[np.ndarray, np.ndarray]:
    """Return minus the log density of each chain's hidden layer, shape (C,), and its gradient, shape (C, 2, H)."""
    design = features(position, x)
    mean, covariance, log_likelihood = last_layer(design, y, noise)
    misfit = (y - (design @ mean[..., None])[..., 0]) / noise**2
    # with S the covariance of y: d log p / d design = (S^-1 y y' S^-1 - S^-1) design (prior covariance)
    slope = misfit[:, :, None] * mean[:, None] - design @ covariance / noise**2
    slope = (slope * (1 - design**2))[:, :, :-1]
    times = np.broadcast_to(x, design.shape[:2])[:, :, None]
    gradient = np.stack([W_SD * (slope * times).sum(axis=1), B_SD * slope.sum(axis=1)], axis=1)
    return (position**2).sum(axis=(1, 2)) / 2 - log_likelihood, position - gradient


def sample(x, y, rng, chains: int, warmup: int, draws: int, keep, steps: int = 24, units: int = UNITS) -> np.ndarray:
    """Draw hidden layers by Hamiltonian Monte Carlo, from the prior on; all chains move together.

    In the first half of the warm-up the noise falls from eight times its value: a chain that meets the full likelihood
    at once can be caught where a network misses a few readings altogether.
    ``keep(position)`` says what is kept of each draw; returned are its results, one a draw.
    """
    position = rng.normal(size=(chains, 2, units))
    step, kept = 0.02, []
    for turn in range(warmup + draws):
        noise = SIGMA / UNIT * 8 ** max(0, 1 - 2 * turn / max(1, warmup))
        if turn <= warmup / 2 + 1:
            energy, slope = energy_and_slopes(position, x, y, noise)
        momentum = rng.normal(size=position.shape)
        size = step * rng.uniform(0.7, 1.3, size=(chains, 1, 1))
        moved, new_slope, push = position, slope, momentum
        for _ in range(rng.integers(steps // 2, steps + steps // 2)):
            push = push - size / 2 * new_slope
            moved = moved + size * push
            new_energy, new_slope = energy_and_slopes(moved, x, y, noise)
            push = push - size / 2 * new_slope
        change = energy + (momentum**2).sum(axis=(1, 2)) / 2 - new_energy - (push**2).sum(axis=(1, 2)) / 2
        accepted = np.log(rng.uniform(size=chains)) < change
        position = np.where(accepted[:, None, None], moved, position)
        slope = np.where(accepted[:, None, None], new_slope, slope)
        energy = np.where(accepted, new_energy, energy)
        if turn < warmup:
            step *= np.exp((accepted.mean() - 0.85) / (1 + turn / 10) ** 0.6)
        else:
            kept.append(keep(position))
    return np.array(kept)


# ---- the references ---------------------------------------------------------------------------


def _values(x, y, grid):
    """Return a function that gives the network's mean and variance at ``grid`` for each chain, shape (2, C, G)."""

    def keep(position: np.ndarray) -> np.ndarray:
        mean, covariance, _ = last_layer(features(position, x), y)
        wanted = features(position, grid)
        return np.stack([(wanted @ mean[..., None])[..., 0], ((wanted @ covariance) * wanted).sum(axis=2)])

    return keep


def chain_moments(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each chain's first four moments about the grand mean, shape (4, C, G), and that mean, shape (G,)."""
    mean, variance = kept[:, 0], kept[:, 1]
    centre = mean.mean(axis=(0, 1))
    d = mean - centre
    powers = d, d**2 + variance, d**3 + 3 * d * variance, d**4 + 6 * d**2 * variance + 3 * variance**2
    return np.stack([power.mean(axis=0) for power in powers]), centre


def _moments(powers: np.ndarray, centre: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, sd and kurtosis with Monte Carlo errors, in ppm, from the chains' moments."""
    first, second, third, fourth = powers.mean(axis=1)
    variance = second - first**2
    sd = np.sqrt(variance)
    root = np.sqrt(powers.shape[1])
    spread = powers[1] - 2 * first * powers[0]  # each chain's share in the variance, up to a constant
    return {
        "mean": CENTRE + UNIT * (centre + first),
        "sd": UNIT * sd,
        "kurtosis": (fourth - 4 * third * first + 6 * second * first**2 - 3 * first**4) / variance**2,
        "mean_error": UNIT * powers[0].std(axis=0, ddof=1) / root,
        "sd_error": UNIT * spread.std(axis=0, ddof=1) / (2 * sd * root),
    }


def _network(chains: int, warmup: int, draws: int) -> dict[str, dict[str, np.ndarray]]:
    """Return the moments of the network's value around the spring of 1964, month by month."""
    data = window()
    keep = _values(data.x, data.y, data.grid)
    kept = sample(data.x, data.y, np.random.default_rng(SEED), chains, warmup, draws, keep)
    return {"f": _moments(*chain_moments(kept))}


def _springs(chains: int, warmup: int, draws: int) -> dict[str, dict[str, np.ndarray]]:
    """Return where the readings of other springs lie in their predictive distributions.

    All arrays have shape (springs, 3). ``pit`` is the probability of a smaller reading.
    """
    years = other_springs()
    windows = [window(year) for year in years]
    ppm = load_co2().set_index("month")["co2_ppm"]
    x = np.repeat([one.x for one in windows], chains, axis=0)
    y = np.repeat([one.y for one in windows], chains, axis=0)
    gap = BEFORE + np.array([9, 10, 11])  # February to April, counted from the first of the grid
    keep = _values(x, y, windows[0].grid[gap])
    kept = sample(x, y, np.random.default_rng(SEED), len(x), warmup, draws, keep)
    by_spring = kept.reshape(draws, 2, len(years), chains, len(gap))
    mean, variance = by_spring[:, 0], by_spring[:, 1]
    seen = np.array([[ppm[month] for month in spring(year)] for year in years])
    centre = np.array([one.centre for one in windows])[:, None]
    reading = ((seen - centre) / UNIT)[:, None]
    pit = stats.norm.cdf(reading, mean, np.sqrt(variance + (SIGMA / UNIT) ** 2))
    spread = np.sqrt(mean.var(axis=(0, 2)) + variance.mean(axis=(0, 2)))
    root = np.sqrt(chains)
    return {
        "f": {
            "mean": centre + UNIT * mean.mean(axis=(0, 2)),
            "sd": UNIT * spread,
            "mean_error": UNIT * mean.mean(axis=0).std(axis=1, ddof=1) / root,
            "pit": pit.mean(axis=(0, 2)),
            "pit_error": pit.mean(axis=0).std(axis=1, ddof=1) / root,
        }
    }


MODELS = {"small_network": (_network, (100, 200, 400)), "network_springs": (_springs, (8, 200, 250))}


def _points() -> list[dict[str, np.ndarray]]:
    """Where the log density is stored: the first is the base; then one parameter changes at a time; then all."""
    place = np.arange(UNITS)
    base = {"w": 3 * np.sin(1.0 + place), "b": 2 * np.cos(2.0 * place), "v": np.sin(3.0 * place), "c": 0.3}
    single = base["w"].copy()
    single[0] += 1.5  # one unit alone
    changes = {"w": base["w"][::-1], "b": 3 * np.sin(2.0 + place), "v": np.cos(place), "c": -0.8}
    points = [base, *({**base, key: value} for key, value in changes.items()), {**base, "w": single}, changes]
    return [{key: np.round(value, 3) for key, value in point.items()} for point in points]


def make(name: str, size: tuple[int, int, int] | None = None) -> dict:
    """Make one of this module's references; ``size`` is chains, warm-up and draws of each."""
    function, usual = MODELS[name]
    chains, warmup, draws = size or usual
    points = _points()
    return {
        "name": name,
        "how": (
            "Hamiltonian Monte Carlo on the hidden layer in NumPy, the output layer integrated in closed form: "
            f"{chains} chains {'for each spring ' if name == 'network_springs' else ''}from draws of the prior, "
            f"{warmup} steps of warm-up and {draws} draws each; the errors are those of the chains' averages. "
            "Made by `make references`."
        ),
        "parameters": {
            parameter: {kind: np.round(value, 8).tolist() for kind, value in moments.items()}
            for parameter, moments in function(chains, warmup, draws).items()
        },
        "points": [{key: np.asarray(value).tolist() for key, value in point.items()} for point in points],
        "log_density": [log_density(**point) for point in points],
    }
