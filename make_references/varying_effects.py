"""Chapter 8b without any of the five libraries: groups whose coefficients vary together, with an LKJ prior.

Given the standard deviations and the correlations, coefficients and effects are jointly normal and are integrated in
closed form. Two effects leave four numbers, which are integrated on a grid; three effects leave seven, which are
integrated by importance sampling from a t distribution at their mode. There the correlations have the LKJ prior as a
vine, partial correlations with independent beta priors, while the stored log densities have it as a power of the
determinant. In comments: N rows, J groups, P coefficients, K effects, D draws or grid points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy import optimize, special, stats

from sidebyside import radon_grid

SEED = 20109  # as in the chapter
ETA = 2.0  # of the LKJ prior
PRIOR_MEAN = np.array([1.0, 0.0, 0.0])  # of the coefficients; their prior standard deviations are 1
MODELS = {"three_effects": {"batches": 20, "draws": 4_000}}
FREEDOM = 8  # degrees of freedom of the t distribution: tails heavier than the posterior's
BLOCK = 1_000  # draws or grid points at a time
GRIDS = {1: (60, 90), 2: (14, 18)}  # of the chapter's comparison, by the number of effects: points an axis


@dataclass(frozen=True)
class Groups:
    """Rows in groups: ``X``, shape (N, P), ``Z``, shape (N, K), ``group``, 0 to J - 1, and ``y``, both of shape (N,).

    The mean of a row is X times the coefficients plus Z times its group's effects.
    """

    X: np.ndarray
    Z: np.ndarray
    group: np.ndarray
    y: np.ndarray

    def sums(self) -> dict[str, np.ndarray]:
        """Return each group's sums of products, such as ``XZ``, shape (J, P, K), and its number of rows ``n``."""
        parts = {"X": self.X, "Z": self.Z, "y": self.y[:, None]}
        found = {"n": np.bincount(self.group)}
        for one, other in ("XX", "XZ", "ZZ", "Xy", "Zy", "yy"):
            product = np.zeros((len(found["n"]), parts[one].shape[1], parts[other].shape[1]))
            np.add.at(product, self.group, parts[one][:, :, None] * parts[other][:, None, :])
            found[one + other] = product
        return found


def simulated_survey() -> tuple[Groups, np.ndarray]:
    """Return chapter 8b's simulated survey, and its counties' own coefficients, shape (J, 3)."""
    simulation = np.random.default_rng(SEED)
    mean, sd = np.array([1.3, -0.6, 0.3]), np.array([0.4, 0.4, 0.3])
    correlation = np.array([[1, -0.5, 0.3], [-0.5, 1, 0], [0.3, 0, 1]])
    own = simulation.multivariate_normal(mean, np.outer(sd, sd) * correlation, size=60, method="cholesky")
    floors, winters = np.tile([0, 0, 1, 1], 4), np.tile([0, 1, 0, 1], 4)
    group = np.repeat(np.arange(60), 16)
    design = np.column_stack([np.ones(960), np.tile(floors, 60), np.tile(winters, 60)])
    return Groups(design, design, group, simulation.normal(np.sum(design * own[group], axis=1), 0.75)), own


def radon(effects: int) -> Groups:
    """Return the survey of chapter 8, with a level (1) or a level and a step (2) that vary between counties."""
    houses = radon_grid.data()
    ones = np.ones_like(houses.y)
    design = np.column_stack([ones, houses.u[houses.county], houses.floor])
    return Groups(design, np.column_stack([ones, houses.floor])[:, :effects], houses.county, houses.y)


class Marginal:
    """The normal part integrated in closed form, at each of D covariance matrices of the effects.

    Parameters
    ----------
    groups : Groups
        The data.
    covariance : array, shape (D, K, K)
        Of a group's effects.
    sigma_y : array, shape (D,)
        Standard deviation of a row.
    """

    def __init__(self, groups: Groups, covariance: np.ndarray, sigma_y: np.ndarray):
        s = self.sums = groups.sums()
        effects = covariance.shape[-1]
        self.variance = variance = (sigma_y**2)[:, None, None, None]
        inner = variance * np.eye(effects) + covariance[:, None] @ s["ZZ"]  # (D, J, K, K)
        self.m = m = np.linalg.solve(inner, np.broadcast_to(covariance[:, None], inner.shape))
        # the inverse of a group's covariance matrix is (I - Z m Z') / variance
        self.precisions = (s["XX"] - s["XZ"] @ m @ np.swapaxes(s["XZ"], -1, -2)) / variance  # (D, J, P, P)
        self.shifts = ((s["Xy"] - s["XZ"] @ m @ s["Zy"]) / variance)[..., 0]
        squares = ((s["yy"] - np.swapaxes(s["Zy"], -1, -2) @ m @ s["Zy"]) / variance)[..., 0, 0]
        log_determinant = (s["n"] - effects) * np.log(variance[..., 0, 0]) + np.linalg.slogdet(inner)[1]
        self.constants = -(s["n"] * np.log(2 * np.pi) + log_determinant + squares) / 2  # (D, J)

    def _log_likelihood(self, precision, shift, constant) -> np.ndarray:
        """Integrate the coefficients, given sums over groups of precisions, shifts and constants."""
        identity = np.eye(len(PRIOR_MEAN))
        shift = shift + PRIOR_MEAN
        fitted = np.linalg.solve(precision + identity, shift[..., None])[..., 0]
        determinant = np.linalg.slogdet(precision + identity)[1]
        return constant + ((shift * fitted).sum(-1) - PRIOR_MEAN @ PRIOR_MEAN - determinant) / 2

    def log_likelihood(self) -> np.ndarray:
        """Return the log marginal likelihood of all groups, shape (D,)."""
        return self._log_likelihood(self.precisions.sum(1), self.shifts.sum(1), self.constants.sum(1))

    def log_likelihood_without(self) -> np.ndarray:
        """Return the log marginal likelihood of all groups but one, shape (D, J)."""
        parts = self.precisions, self.shifts, self.constants
        return self._log_likelihood(*(part.sum(1, keepdims=True) - part for part in parts))

    def moments(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return mean and variance of b, (D, P), and of each group's own coefficients, (D, K, J); X must be Z."""
        covariance = np.linalg.inv(self.precisions.sum(1) + np.eye(len(PRIOR_MEAN)))
        b = np.einsum("dab,db->da", covariance, self.shifts.sum(1) + PRIOR_MEAN)
        slope = np.eye(len(PRIOR_MEAN)) - self.m @ np.swapaxes(self.sums["XZ"], -1, -2)
        own = (self.m @ self.sums["Zy"])[..., 0] + np.einsum("djkp,dp->djk", slope, b)
        own_variance = np.einsum("djkk->djk", self.m * self.variance)
        own_variance = own_variance + np.einsum("djkp,dpq,djkq->djk", slope, covariance, slope, optimize=True)
        return {
            "b": (b, np.einsum("dpp->dp", covariance)),
            "coefficients": (np.swapaxes(own, 1, 2), np.swapaxes(own_variance, 1, 2)),
        }


def log_lkj(L: np.ndarray) -> float:
    """Log density of the LKJ prior at a Cholesky factor: that of the correlation matrix and the change of variables."""
    size, k = len(L), np.arange(1, len(L))
    log_total = k * np.log(np.pi) / 2 + special.gammaln(ETA + (size - 1 - k) / 2)
    log_total = log_total - special.gammaln(ETA + (size - 1) / 2)
    change = (size - k - 1) @ np.log(np.diag(L)[1:])
    return float((ETA - 1) * np.linalg.slogdet(L @ L.T)[1] + change - log_total.sum())


def log_density(b, sigma, L, z, sigma_y, *, groups: Groups) -> float:
    """Log joint density of the model with its effects not centred; ``z`` has the shape (K, J)."""
    scaled = np.linalg.cholesky(np.outer(sigma, sigma) * (np.asarray(L) @ np.transpose(L)))
    effects = (scaled @ z).T
    mean = groups.X @ b + np.sum(groups.Z * effects[groups.group], axis=1)
    return float(
        stats.norm.logpdf(b, PRIOR_MEAN, 1).sum()
        + stats.halfnorm.logpdf(sigma).sum()
        + stats.halfnorm.logpdf(sigma_y)
        + log_lkj(np.asarray(L))
        + stats.norm.logpdf(z).sum()
        + stats.norm.logpdf(groups.y, mean, sigma_y).sum()
    )


def points(groups: Groups) -> list[dict]:
    """Return parameter values: a base; then one parameter, or a part of it, changed at a time; then all."""
    effects, count = groups.Z.shape[1], int(groups.group.max()) + 1
    wave = np.round(np.sin(np.arange(effects * count)), 3).reshape(effects, count)
    other = np.round(np.cos(2.0 * np.arange(effects * count)), 3).reshape(effects, count)
    sigma = np.array([0.2, 0.3, 0.25])[:effects], np.array([0.5, 0.6, 0.4])[:effects]
    partial = [-0.2, 0.3, 0.1], [0.6, -0.4, 0.5]
    L = [np.round(cholesky(np.array(p[: effects * (effects - 1) // 2])[None], effects)[0], 15) for p in partial]
    base = {"b": np.array([1.4, 0.7, -0.6]), "sigma": sigma[0], "L": L[0], "z": wave, "sigma_y": 0.8}
    changes = {"b": np.array([1.1, 0.1, -0.1]), "sigma": sigma[1], "L": L[1], "z": other, "sigma_y": 1.1}
    found = [base, *({**base, name: value} for name, value in changes.items())]
    for name in ("b", "sigma", "z"):  # a part alone
        for place in range(len(base[name])):
            part = base[name].copy()
            if name == "z":
                part[place, -1 - place] += 1.5  # one effect of one group
            else:
                part[place] = changes[name][place]
            found.append({**base, name: part})
    return [*found, changes]


def cholesky(partial: np.ndarray, size: int) -> np.ndarray:
    """Return the Cholesky factors that partial correlations make, shape (D, size, size), row by row of the triangle."""
    L = np.zeros((len(partial), size, size))
    L[:, 0, 0], place = 1, 0
    for row in range(1, size):
        left = np.ones(len(partial))
        for column in range(row):
            L[:, row, column] = partial[:, place] * np.sqrt(left)
            left = left - L[:, row, column] ** 2
            place += 1
        L[:, row, row] = np.sqrt(left)
    return L


def _three(groups: Groups):
    """Return the functions of seven unconstrained numbers, shape (D, 7): scales and factors; the log posterior."""
    # the first effect's partial correlations are in the vine's first tree, the last one is in its second
    shape = np.array([ETA + 1 / 2, ETA + 1 / 2, ETA])

    def forward(free):
        return np.exp(free[:, :3]), np.tanh(free[:, 3:6]), np.exp(free[:, 6])

    def covariance(free):
        sigma, partial, _ = forward(free)
        root = sigma[:, :, None] * cholesky(partial, 3)
        return root @ np.swapaxes(root, 1, 2)

    def log_posterior(free):
        sigma, partial, sigma_y = forward(free)
        prior = stats.halfnorm.logpdf(sigma).sum(1) + stats.halfnorm.logpdf(sigma_y) + free[:, :3].sum(1) + free[:, 6]
        prior = prior + (shape * np.log1p(-(partial**2))).sum(1)  # one power more: tanh's own slope
        return prior + Marginal(groups, covariance(free), sigma_y).log_likelihood()

    return forward, covariance, log_posterior


def _sums(groups: Groups, batches: int, draws: int) -> tuple[dict, float]:
    """Weighted sums of the first four powers about a centre, batch by batch, and the efficiency of the weights."""
    forward, covariance, log_posterior = _three(groups)
    start = np.array([-1.0, -1, -1.2, 0, 0, 0, -0.3])
    best = optimize.minimize(lambda free: -log_posterior(free[None])[0], start, method="BFGS").x
    step, size = 1e-3 * np.eye(7), range(7)
    shifted = np.array([best + step[i] * a + step[j] * b for i in size for j in size for a in (1, -1) for b in (1, -1)])
    height = log_posterior(shifted).reshape(7, 7, 4)
    hessian = -(height @ [1, -1, -1, 1]) / (4 * 1e-6)
    root = np.linalg.cholesky(np.linalg.inv(hessian))
    highest, rng = log_posterior(best[None])[0], np.random.default_rng(SEED)
    proposal = stats.multivariate_t(np.zeros(7), np.eye(7), df=FREEDOM)
    sums, centres, efficiency = {}, {}, []
    for batch in range(batches):
        total = []
        for _ in range(0, draws, BLOCK):
            z = rng.normal(size=(BLOCK, 7)) / np.sqrt(rng.chisquare(FREEDOM, (BLOCK, 1)) / FREEDOM)
            free = best + z @ root.T
            weight = np.exp(log_posterior(free) - highest - proposal.logpdf(z) + proposal.logpdf(np.zeros(7)))
            sigma, partial, sigma_y = forward(free)
            L = cholesky(partial, 3)
            correlation = L @ np.swapaxes(L, 1, 2)
            rows, columns = np.tril_indices(3, -1)
            exact = {"sigma": sigma, "rho": correlation[:, rows, columns], "sigma_y": sigma_y}
            given = {name: (value, np.zeros_like(value)) for name, value in exact.items()}
            given |= Marginal(groups, covariance(free), sigma_y).moments()
            total.append(weight)
            for name, (mean, variance) in given.items():
                centre = centres.setdefault(name, np.average(mean, axis=0, weights=weight))
                d = mean - centre
                raw = np.ones_like(d), d, d**2 + variance, d**3 + 3 * d * variance
                raw = *raw, d**4 + 6 * d**2 * variance + 3 * variance**2
                powers = sums.setdefault(name, np.zeros((batches, 5, *centre.shape)))
                powers[batch] += [np.tensordot(weight, part, axes=1) for part in raw]
        total = np.concatenate(total)
        efficiency.append(total.sum() ** 2 / (total**2).sum() / len(total))
    return {name: (centres[name], sums[name]) for name in sums}, float(np.mean(efficiency))


def _moments(centre, powers: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, sd and kurtosis from sums of powers about ``centre``; ``powers`` has them on its first axis."""
    first, second, third, fourth = powers[1:] / powers[0]
    variance = second - first**2
    central = fourth - 4 * third * first + 6 * second * first**2 - 3 * first**4
    return {"mean": centre + first, "sd": np.sqrt(variance), "kurtosis": central / variance**2}


def make(name: str, draws: int | None = None) -> dict:
    """Make this module's reference; ``draws`` is the number of draws in each batch, in place of its own."""
    batches, draws = MODELS[name]["batches"], draws or MODELS[name]["draws"]
    groups, _ = simulated_survey()
    found, efficiency = _sums(groups, batches, draws)
    parameters = {}
    for parameter, (centre, powers) in found.items():
        each = [_moments(centre, batch) for batch in powers]
        errors = {
            f"{kind}_error": np.std([batch[kind] for batch in each], axis=0, ddof=1) / np.sqrt(batches)
            for kind in ("mean", "sd")
        }
        moments = _moments(centre, powers.sum(axis=0)) | errors
        parameters[parameter] = {kind: np.round(value, 8).tolist() for kind, value in moments.items()}
    at = points(groups)
    return {
        "name": name,
        "how": (
            "Coefficients and effects integrated in closed form; standard deviations and correlations by importance "
            f"sampling from a t distribution at their mode, {batches} batches of {draws:,} draws, in NumPy and SciPy; "
            f"the errors are the scatter of the batches; efficiency of the weights: {efficiency:.2f}. "
            "Made by `make references`."
        ),
        "parameters": parameters,
        "points": [{key: np.asarray(value).tolist() for key, value in point.items()} for point in at],
        "log_density": [log_density(**point, groups=groups) for point in at],
    }


# ---- what chapter 8b says of the survey's steps ------------------------------------------------------------

STEP_PRIORS = (  # of sigma_beta, as in the chapter
    stats.halfnorm(0, 1),
    stats.halfnorm(0, 0.25),
    stats.expon(0, 0.5),
)
ETAS = (1, 2, 5)


def survey(effects: int, axis_points: int) -> dict[str, np.ndarray]:
    """Integrate the survey's model on a grid of its standard deviations and correlation.

    Returns
    -------
    dict
        ``weight`` of each grid point, ``sigma_beta`` and ``rho`` there (two effects), and ``elpd``, the log score of
        each county's houses together, predicted from all other counties, shape (J,).
    """
    groups = radon(effects)
    box = radon_grid.BOXES["radon_slopes" if effects == 2 else "radon_intercepts"]
    node, share = leggauss(axis_points)
    axes = [low + (node + 1) / 2 * (high - low) for low, high in box.values()]
    grid = dict(zip(box, (part.ravel() for part in np.meshgrid(*axes, indexing="ij")), strict=True))
    log_weight = sum(np.log(part.ravel()) for part in np.meshgrid(*[share] * len(axes), indexing="ij"))
    for name, values in grid.items():
        log_weight = log_weight + (np.log(1 - values**2) if name == "rho" else stats.halfnorm.logpdf(values))
    scales = [grid["sigma_alpha"], grid.get("sigma_beta")][:effects]
    covariance = np.zeros((len(log_weight), effects, effects))
    for place, scale in enumerate(scales):
        covariance[:, place, place] = scale**2
    if effects == 2:
        covariance[:, 0, 1] = covariance[:, 1, 0] = grid["rho"] * scales[0] * scales[1]
    without = []
    for start in range(0, len(log_weight), BLOCK):
        block = slice(start, start + BLOCK)
        marginal = Marginal(groups, covariance[block], grid["sigma_y"][block])
        without.append(log_weight[block, None] + marginal.log_likelihood_without())
        log_weight[block] += marginal.log_likelihood()
    everything = special.logsumexp(log_weight)
    elpd = everything - special.logsumexp(np.concatenate(without), axis=0)
    return {**grid, "weight": np.exp(log_weight - everything), "elpd": elpd}


def _of_steps(found: dict[str, np.ndarray]) -> dict[str, dict]:
    """Return the entries of the table of priors: means of sigma_beta and rho, with the spread of a weighted draw."""
    weight, spread, rho = found["weight"], found["sigma_beta"], found["rho"]
    ratios = [prior.pdf(spread) / STEP_PRIORS[0].pdf(spread) for prior in STEP_PRIORS]
    ratios += [(1 - rho**2) ** (eta - ETA) for eta in ETAS if eta != ETA]
    entries = {name: {"value": [], "spread": []} for name in ("other_sigma_beta", "other_rho")}
    for ratio in ratios:
        share = ratio / (weight @ ratio)
        for name, value in (("other_sigma_beta", spread), ("other_rho", rho)):
            mean = weight @ (share * value)
            entries[name]["value"].append(mean)
            entries[name]["spread"].append(np.sqrt(weight @ (share**2 * (value - mean) ** 2)))
    return entries


def values() -> dict[str, dict]:
    """Return the entries of chapter 8b; an elpd's ``error`` is what 6,000 draws and importance weights leave."""
    (one, two), (_, rough) = ([survey(effects, GRIDS[effects][way]) for effects in (1, 2)] for way in (1, 0))
    entries, coarse = _of_steps(two), _of_steps(rough)
    for name, entry in entries.items():
        entry["error"] = np.abs(np.subtract(entry["value"], coarse[name]["value"]))
    houses = radon_grid.data()
    counts, upstairs = np.bincount(houses.county), np.bincount(houses.county, houses.floor)
    mixed = np.flatnonzero((upstairs > 0) & (upstairs < counts))
    lines = [np.polyfit(houses.floor[houses.county == j], houses.y[houses.county == j], 1) for j in mixed]
    own = np.array([len(mixed), np.sum(np.array(lines)[:, 0] > 0), np.corrcoef(np.transpose(lines))[0, 1]])
    return {
        "own_lines": {"value": own, "error": 1e-9 * np.abs(own)},
        "elpd": {"value": np.array([two["elpd"].sum(), one["elpd"].sum()]), "error": np.full(2, 0.15)},
    } | entries
