"""Chapter 13's model of matches, written once more in NumPy and SciPy: what the five libraries are held against.

Given the standard deviation of the skills, the skills' density is nearly Gaussian. So the standard deviation is
integrated on a grid, and at each of its points the skills are integrated by importance sampling: draws from a Gaussian
at the mode, each weighted by what the Gaussian got wrong. The draws are independent, so the errors that are left are
simple: the scatter of batches.
"""

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy import stats
from scipy.special import expit, log_expit

from sidebyside.datasets import simulate_matches

PLAYERS, MATCHES, SEED = 60, 1500, 20113  # as in the chapter
MODELS = {"bradley_terry": {"box": (0.4, 2.2), "nodes": 24, "batches": 20, "draws": 6_000}}
WIDER = 1.05  # the Gaussian that is drawn from is a little wider than the one at the mode, for the tails
NEGLIGIBLE = 1e-7  # share of the largest weight below which a grid point is left out


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return the chapter's matches: winners and losers, each of shape ``(MATCHES,)``."""
    matches, _ = simulate_matches(PLAYERS, MATCHES, SEED)
    return matches["winner"].to_numpy(), matches["loser"].to_numpy()


def log_density(sd: float, raw: np.ndarray) -> float:
    """Log joint density at the scale ``sd`` and the standardised skills ``raw``, shape ``(PLAYERS,)``."""
    winner, loser = data()
    skill = sd * np.asarray(raw)
    return float(
        stats.halfnorm.logpdf(sd) + stats.norm.logpdf(raw).sum() + log_expit(skill[winner] - skill[loser]).sum()
    )


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Return a row for each (winner, loser), +1 for the winner and -1 for the loser, and how often that happened."""
    met, times = np.unique(np.column_stack(data()), axis=0, return_counts=True)
    design = np.zeros((len(met), PLAYERS))
    design[np.arange(len(met)), met[:, 0]] = 1
    design[np.arange(len(met)), met[:, 1]] = -1
    return design, times


def gaussian(design: np.ndarray, times: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mode of the skills given ``sd``, and a triangular root of their covariance there."""
    mode = np.zeros(design.shape[1])
    for _ in range(50):  # Newton; the density is log-concave
        chance = expit(design @ mode)
        gradient = design.T @ (times * (1 - chance)) - mode / sd**2
        precision = (design.T * (times * chance * (1 - chance))) @ design + np.eye(len(mode)) / sd**2
        step = np.linalg.solve(precision, gradient)
        mode = mode + step
        if np.max(np.abs(step)) < 1e-12:
            break
    return mode, np.linalg.cholesky(np.linalg.inv(precision))


def sums(draws: int, batches: int, nodes: int, box: tuple[float, float]) -> tuple[dict, float]:
    """Weighted sums of the first four powers about a centre, batch by batch.

    Returns
    -------
    ``{parameter: (centre, powers)}`` with powers of shape ``(batches, 5, ...)``, the zeroth first; and the share of the
    grid's weight on its two outermost nodes.
    """
    design, times = pairs()
    node, share = leggauss(nodes)
    grid = box[0] + (node + 1) / 2 * (box[1] - box[0])
    shapes = [gaussian(design, times, sd) for sd in grid]

    def log_joint(sd: float, skill: np.ndarray) -> np.ndarray:
        """Log density of ``skill``, shape (draws, players), with sd's prior."""
        prior = stats.halfnorm.logpdf(sd) - PLAYERS * np.log(sd) - np.sum(skill**2, axis=1) / sd**2 / 2
        return prior - np.log1p(np.exp(-skill @ design.T)) @ times

    # what each grid point would weigh if the skills were Gaussian
    roughly = np.log(share) + [
        log_joint(sd, mode[None])[0] + np.log(np.diag(root)).sum()
        for sd, (mode, root) in zip(grid, shapes, strict=True)
    ]
    kept, highest = np.flatnonzero(roughly > roughly.max() + np.log(NEGLIGIBLE)), roughly.max()
    centres = {"sd": float(grid[np.argmax(roughly)]), "skill": shapes[int(np.argmax(roughly))][0]}
    powers = {"sd": np.zeros((batches, 5)), "skill": np.zeros((batches, 5, PLAYERS))}
    by_node = np.zeros(len(kept))
    rng = np.random.default_rng(SEED)
    for batch in range(batches):
        half = rng.normal(size=(draws // 2, PLAYERS))
        z = np.concatenate([half, -half])  # in pairs, so that what is odd cancels
        for place, k in enumerate(kept):
            sd, (mode, root) = grid[k], shapes[k]
            skill = mode + WIDER * z @ root.T
            log_weight = log_joint(sd, skill) - highest + np.sum(z**2, axis=1) / 2 + np.log(np.diag(root)).sum()
            weight = share[k] * np.exp(log_weight)
            by_node[place] += weight.sum()
            away, term = skill - centres["skill"], np.ones_like(skill)
            for power in range(5):
                powers["sd"][batch, power] += weight.sum() * (sd - centres["sd"]) ** power
                powers["skill"][batch, power] += weight @ term
                term *= away
    return {name: (centres[name], powers[name]) for name in powers}, float(by_node[[0, -1]].sum() / by_node.sum())


def _moments(centre: float | np.ndarray, powers: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, sd and kurtosis from sums of powers about ``centre``; ``powers`` has them on its first axis."""
    first, second, third, fourth = powers[1:] / powers[0]
    variance = second - first**2
    central = fourth - 4 * third * first + 6 * second * first**2 - 3 * first**4
    return {"mean": centre + first, "sd": np.sqrt(variance), "kurtosis": central / variance**2}


def _points() -> list[dict[str, float | np.ndarray]]:
    """Where the log density is stored: the first is the base; then one parameter changes at a time; then all."""
    wave = np.round(np.sin(np.arange(PLAYERS)), 3)  # any fixed numbers of about the right size
    other = np.round(np.cos(2.0 * np.arange(PLAYERS)), 3)
    single = wave.copy()
    single[0] += 1.5  # one player alone
    base = {"sd": 0.9, "raw": wave}
    return [base, {**base, "sd": 1.6}, {**base, "raw": other}, {**base, "raw": single}, {"sd": 0.5, "raw": other}]


def make(name: str, draws: int | None = None) -> dict:
    """Make this module's reference; ``draws`` is the number of draws a batch and grid point, in place of its own."""
    model = MODELS[name]
    draws = draws or model["draws"]
    found, edge = sums(draws, model["batches"], model["nodes"], model["box"])
    parameters = {}
    for parameter, (centre, powers) in found.items():
        moments = _moments(centre, powers.sum(axis=0))
        each = [_moments(centre, batch) for batch in powers]
        errors = {
            f"{kind}_error": np.std([batch[kind] for batch in each], axis=0, ddof=1) / np.sqrt(len(each))
            for kind in ("mean", "sd")
        }
        parameters[parameter] = {kind: np.round(value, 8).tolist() for kind, value in (moments | errors).items()}
    points = _points()
    return {
        "name": name,
        "how": (
            f"The skills' scale by Gauss-Legendre quadrature on {model['nodes']} points; at each of them the skills by "
            f"importance sampling from a Gaussian at their mode, {model['batches']} batches of {draws:,} draws, in "
            f"NumPy and SciPy; the errors are the scatter of the batches; mass at the edges of the box: {edge:.0e}. "
            "Made by `make references`."
        ),
        "parameters": parameters,
        "points": [{key: np.asarray(value).tolist() for key, value in point.items()} for point in points],
        "log_density": [log_density(**point) for point in points],
    }
