"""The numbers of chapter 1, why Bayes, computed without it.

Least squares by NumPy alone. The posteriors of lines integrate height and slope in closed form, given the scatter,
and the scatter numerically. The camera's posterior uses the joint normal distribution of photographs and masses.
Boosting is trained by scikit-learn and tuned by Optuna, as in the chapter. Masses are in kilograms.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from sidebyside.exercises.chapter_01 import CAMERA_ERROR, LIMIT, birds

SEED = 2014
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
SIZES, SETTINGS = (5, 10, 20), 25
MORE_BIRDS = np.array([50, 200, 1000, 5000, 20000])
SLOPES = {"wide prior": (0, 100), "prior": (30, 30)}  # mean and standard deviation, g per mm
SCATTERS = np.linspace(100, 1000, 181)  # g
BOOSTING_ERROR = 5e-4  # kg: trees break ties differently on different machines


def teams() -> list[pd.DataFrame]:
    """Return the sixteen teams of twenty birds, each of one species."""
    shuffled = birds().sample(frac=1, random_state=SEED)
    of_species = [shuffled[shuffled["species"] == name] for name in ("Adelie", "Chinstrap", "Gentoo")]
    return [own.iloc[20 * team : 20 * team + 20] for own in of_species for team in range(len(own) // 20)]


def others_of(team: pd.DataFrame) -> pd.DataFrame:
    """Return the birds of the team's species that are not in it."""
    everyone = birds()
    return everyone[(everyone["species"] == team["species"].iloc[0]) & ~everyone.index.isin(team.index)]


def least_squares(columns: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return the coefficients of the columns, the intercept last."""
    return np.linalg.lstsq(np.column_stack([columns, np.ones(len(mass))]), mass)[0]


def with_dummies(table: pd.DataFrame, *groups: str) -> np.ndarray:
    """Return the measurements and a column of zeros and ones for each value of the groups but the first."""
    columns = [table[name].to_numpy() for name in MEASURES]
    for group in groups:
        columns += [(table[group] == value).to_numpy(float) for value in sorted(table[group].unique())[1:]]
    return np.column_stack(columns)


def folds(size: int, parts: int, seed: int) -> list[np.ndarray]:
    """Return the rows of each part, shuffled as scikit-learn's KFold does."""
    rows = np.arange(size)
    np.random.RandomState(seed).shuffle(rows)
    return np.array_split(rows, parts)


def off_in_folds(columns: np.ndarray, mass: np.ndarray, parts: list[np.ndarray]) -> float:
    """Return the mean absolute error of least squares in g, each part predicted from the others."""
    errors = []
    for test in parts:
        train = np.setdiff1d(np.arange(len(mass)), test)
        found = least_squares(columns[train], mass[train])
        errors.append(np.mean(np.abs(columns[test] @ found[:-1] + found[-1] - mass[test])))
    return float(np.mean(errors))


# ---- boosting --------------------------------------------------------------------------------------


def boosting(most_trees: int, **setting):
    """Return a model with a setting, and the function with which Optuna proposes one."""
    from sklearn.ensemble import GradientBoostingRegressor

    def propose(trial) -> dict:
        return {
            "n_estimators": trial.suggest_int("n_estimators", 5, most_trees),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.5, log=True),
            "max_depth": trial.suggest_int("max_depth", 1, 5),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 6),
            "max_features": trial.suggest_int("max_features", 1, 3),
        }

    return GradientBoostingRegressor(random_state=0, **setting), propose


def search(columns: pd.DataFrame, mass: pd.Series, trials: int, parts: int = 5, most_trees: int = 60) -> pd.DataFrame:
    """Return each trial's setting, and its cross-validated error in g as ``off``."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pieces = folds(len(mass), parts, 0)
    study, rows = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0)), []
    for _ in range(trials):
        trial = study.ask()
        setting = boosting(most_trees)[1](trial)
        errors = []
        for test in pieces:
            train = np.setdiff1d(np.arange(len(mass)), test)
            model = boosting(most_trees, **setting)[0].fit(columns.iloc[train], mass.iloc[train])
            errors.append(np.mean(np.abs(model.predict(columns.iloc[test]) - mass.iloc[test])))
        study.tell(trial, np.mean(errors))
        rows.append(setting | {"off": np.mean(errors)})
    return pd.DataFrame(rows).astype(object)


def best_of(found: pd.DataFrame, **limits):
    """Return a model with the best setting of a search."""
    row = found.loc[found["off"].astype(float).idxmin()].drop("off")
    return boosting(limits.get("most_trees", 60), **row)[0]


def tuned_off(columns: pd.DataFrame, mass: pd.Series) -> float:
    """Return the error in g of boosting that is tuned without the birds it is scored on."""
    errors = []
    for test in folds(len(mass), 5, SEED):
        train = np.setdiff1d(np.arange(len(mass)), test)
        model = best_of(search(columns.iloc[train], mass.iloc[train], 12, parts=3))
        model.fit(columns.iloc[train], mass.iloc[train])
        errors.append(np.mean(np.abs(model.predict(columns.iloc[test]) - mass.iloc[test])))
    return float(np.mean(errors))


def searches() -> tuple[np.ndarray, np.ndarray]:
    """Return estimated and true errors in g, shape (teams, settings): of the best setting so far."""
    estimated, true = np.empty((2, len(teams()), SETTINGS))
    for row, team in enumerate(teams()):
        found = search(team[MEASURES], team["body_mass_g"], SETTINGS, most_trees=30)
        estimated[row] = np.minimum.accumulate(found["off"].astype(float))
        rest, known = others_of(team), {}
        for place, best in enumerate(estimated[row]):
            if best not in known:
                model = best_of(found[: place + 1]).fit(team[MEASURES], team["body_mass_g"])
                known[best] = np.mean(np.abs(model.predict(rest[MEASURES]) - rest["body_mass_g"]))
            true[row, place] = known[best]
    return estimated, true


def _boosting_values() -> dict[str, dict]:
    table = birds()
    mass = table["body_mass_g"]
    species = pd.get_dummies(table[[*MEASURES, "species"]], dtype=float)
    model = best_of(search(species, mass, 15)).fit(species, mass)
    deeper = species.copy()
    deeper["bill_depth_mm"] += 1
    estimated, true = searches()
    values = {
        "boosting_off": [tuned_off(table[MEASURES], mass), tuned_off(species, mass)],
        "boosted_mean": np.mean(model.predict(deeper)) - np.mean(model.predict(species)),
        "friend_estimated": estimated[10, -1],
        "search_estimated": estimated.mean(axis=0),
        "search_true": true.mean(axis=0),
    }
    values = {name: np.asarray(value) / 1000 for name, value in values.items()}
    return {name: {"value": value, "error": np.full_like(value, BOOSTING_ERROR)} for name, value in values.items()}


# ---- least squares ---------------------------------------------------------------------------------


def _least_squares_values() -> dict[str, dict]:
    table = birds()
    mass = table["body_mass_g"].to_numpy(float)
    sexed = table.dropna(subset=["sex"])
    slopes = [
        least_squares(table[["bill_depth_mm"]].to_numpy(), mass)[0],
        least_squares(table[MEASURES].to_numpy(), mass)[1],
        least_squares(with_dummies(table, "species"), mass)[1],
        least_squares(with_dummies(sexed, "species", "sex"), sexed["body_mass_g"].to_numpy(float))[1],
    ]
    outer = folds(len(mass), 5, SEED)
    off = [
        off_in_folds(table[MEASURES].to_numpy(), mass, outer),
        off_in_folds(with_dummies(table, "species"), mass, outer),
        np.mean(np.abs(mass - np.mean(mass))),
    ]
    estimated, true = [], []
    for team in teams():
        columns, own = team[MEASURES].to_numpy(), team["body_mass_g"].to_numpy(float)
        estimated.append(off_in_folds(columns, own, folds(20, 5, 0)))
        found, rest = least_squares(columns, own), others_of(team)
        true.append(np.mean(np.abs(rest[MEASURES].to_numpy() @ found[:-1] + found[-1] - rest["body_mass_g"])))
    values = {
        "depth_slopes": slopes,
        "least_squares_off": off,
        "line_estimated": np.mean(estimated),
        "line_true": np.mean(true),
    }
    values = {name: np.asarray(value) / 1000 for name, value in values.items()}
    return {name: {"value": value, "error": 1e-9 * np.abs(value)} for name, value in values.items()}


def _drawn(mean: float, sd: float, quantile: Callable[[float], float], density: Callable[[float], float]) -> tuple:
    """Return the entries of a mean and of a central 95% interval, made from draws; arguments in g, entries in kg."""
    ends = np.array([quantile(0.025), quantile(0.975)])
    spread = np.sqrt(0.025 * 0.975) / np.array([density(end) for end in ends])
    return (
        {"value": mean / 1000, "spread": sd / 1000, "error": 1e-5},
        {"value": ends / 1000, "spread": spread / 1000, "error": np.full(2, 2e-4)},
    )


def _depth_values() -> dict[str, dict]:
    """Return the first posterior: the slope is normal given the scatter, whose density is integrated numerically."""
    table = birds()
    mass = table["body_mass_g"].to_numpy(float)
    kept = np.column_stack([with_dummies(table, "species"), np.ones(len(mass))])
    depth, others = kept[:, 1], np.delete(kept, 1, axis=1)
    x, y = (values - others @ np.linalg.lstsq(others, values)[0] for values in (depth, mass))
    scatter = np.linspace(100, 1000, 9001)
    precision = x @ x / scatter**2 + 1 / 200**2
    mean, sd = x @ y / scatter**2 / precision, precision**-0.5
    log_weight = -len(y) * np.log(scatter) - y @ y / scatter**2 / 2 + mean**2 * precision / 2 + np.log(sd)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()

    def below(limit):
        return float(weight @ stats.norm.cdf(limit, mean, sd))

    average = float(weight @ mean)
    deviation = float(np.sqrt(weight @ (sd**2 + (mean - average) ** 2)))
    depth_mean, interval = _drawn(
        average,
        deviation,
        lambda share: optimize.brentq(lambda limit: below(limit) - share, 0, 300),
        lambda value: float(weight @ stats.norm.pdf(value, mean, sd)),
    )
    interval["error"] = np.full(2, 4e-4)  # the chapter's grid has steps of 2 g
    return {
        "depth_mean": depth_mean,
        "depth_interval": interval,
        "above_100": {"value": 1 - below(100), "share": True, "error": 0.003},
    }


# ---- the line of a team ----------------------------------------------------------------------------


class Line:
    """The posterior of a line: height at 200 mm and slope in closed form, the scatter on a fine grid."""

    def __init__(self, some: pd.DataFrame, slope_prior: tuple[float, float]):
        x = some["flipper_length_mm"].to_numpy() - 200
        y = some["body_mass_g"].to_numpy(float)
        design = np.column_stack([np.ones_like(x), x])
        prior_precision = np.diag([1000.0**-2, float(slope_prior[1]) ** -2])
        prior_mean = np.array([4000.0, slope_prior[0]])
        precision = prior_precision + (design.T @ design) / SCATTERS[:, None, None] ** 2
        pull = prior_precision @ prior_mean + (design.T @ y) / SCATTERS[:, None] ** 2
        self.covariance = np.linalg.inv(precision)
        self.mean = np.einsum("kij,kj->ki", self.covariance, pull)
        square = y @ y / SCATTERS**2 - np.einsum("ki,ki->k", self.mean, pull)
        log_weight = -len(y) * np.log(SCATTERS) - square / 2 + np.linalg.slogdet(self.covariance)[1] / 2
        self.weight = special.softmax(log_weight)

    def of(self, flipper: np.ndarray, scatter_too: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of new masses given each scatter, shape (scatters, birds)."""
        at = np.stack([np.ones(len(flipper)), np.asarray(flipper, dtype=float) - 200])
        variance = np.einsum("ib,kij,jb->kb", at, self.covariance, at)
        return self.mean @ at, np.sqrt(variance + scatter_too * SCATTERS[:, None] ** 2)

    def below(self, limit: np.ndarray, flipper: np.ndarray, **what) -> np.ndarray:
        """Return the probability that new birds weigh less than a limit each."""
        return self.weight @ stats.norm.cdf(limit, *self.of(flipper, **what))

    def quantile(self, share: float, flipper: np.ndarray) -> np.ndarray:
        """Return a quantile of the masses of new birds, by bisection."""
        low, high = np.full((2, len(flipper)), [[-2000.0], [12000.0]])
        mean, sd = self.of(flipper)
        for _ in range(30):
            middle = (low + high) / 2
            less = self.weight @ stats.norm.cdf(middle, mean, sd) < share
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        return (low + high) / 2


def heavy(flipper: float, scatter_too: bool = True) -> float:
    """Return the probability that a bird of the friend's species (or the mean of such birds) exceeds the limit."""
    line = Line(teams()[10], SLOPES["prior"])
    return float(1 - line.below(LIMIT, [flipper], scatter_too=scatter_too)[0])


def _team_values() -> dict[str, dict]:
    worth, inside = np.zeros((len(SIZES), 3)), np.zeros(len(SIZES))
    for team in teams():
        rest = others_of(team)
        x, truth = rest["flipper_length_mm"].to_numpy(), rest["body_mass_g"].to_numpy()
        for row, size in enumerate(SIZES):
            some = team.iloc[:size]
            slope, height = least_squares(some[["flipper_length_mm"]].to_numpy(), some["body_mass_g"].to_numpy(float))
            worth[row, 0] += np.mean(np.abs(height + slope * x - truth))
            for column, prior in enumerate(SLOPES.values(), start=1):
                line = Line(some, prior)
                worth[row, column] += np.mean(np.abs(line.quantile(0.5, x) - truth))
            level = line.below(truth, x)
            inside[row] += np.mean((level > 0.1) & (level < 0.9))
    number = len(teams())
    friend = Line(teams()[10], SLOPES["prior"])
    ends = np.array([friend.quantile(share, [215])[0] for share in (0.1, 0.9)])
    density = [friend.weight @ stats.norm.pdf(end, *friend.of([215]))[:, 0] for end in ends]
    return {
        "worth": {"value": worth / number / 1000, "error": np.full_like(worth, 5e-4)},  # 4,000 draws for each bird
        "inside": {"value": inside / number, "error": np.full_like(inside, 0.003)},
        "bird_interval": {
            "value": ends / 1000,
            "spread": 0.3 / np.array(density) / 1000,
            "error": np.full(2, 2e-4),
        },
        "may_carry": {"value": heavy(215), "share": True, "error": 3e-4},
    }


# ---- the camera ------------------------------------------------------------------------------------


def _camera_values() -> dict[str, dict]:
    gentoo = birds().query("species == 'Gentoo'")
    length, mass = gentoo["flipper_length_mm"].to_numpy(), gentoo["body_mass_g"].to_numpy(float)
    photo = length + np.random.default_rng(SEED).normal(0, CAMERA_ERROR, size=len(length))

    def line(x):
        """Return slope and standard error."""
        slope = np.cov(x, mass)[0, 1] / np.var(x, ddof=1)
        residual = mass - mass.mean() - slope * (x - x.mean())
        return slope, np.sqrt(residual @ residual / (len(x) - 2) / (np.var(x) * len(x)))

    hand = line(length)
    share = np.var(length) / (np.var(length) + CAMERA_ERROR**2)
    # what very many birds give: drawn from those we have, whose variance is the population's
    variance, cross = np.var(length), np.cov(length, mass, ddof=0)[0, 1]
    noisy = variance + CAMERA_ERROR**2
    slope = np.array([cross / noisy, cross / variance])  # by camera, by hand
    scatter = np.sqrt(np.var(mass) - np.array([cross**2 / noisy, cross**2 / variance]))
    error = scatter / np.sqrt(np.array([noisy, variance])) / np.sqrt(MORE_BIRDS[:, None])

    # photograph and mass, less their means, are jointly normal: the sums of squares hold all that the data say
    x, y = photo - photo.mean(), mass - mass.mean()
    sums = x @ x, x @ y, y @ y
    steep, noise, spread = np.meshgrid(
        np.linspace(-40, 160, 161), np.linspace(100, 1000, 181), np.linspace(2, 12, 101), indexing="ij"
    )
    a, b, c = spread**2 + CAMERA_ERROR**2, steep * spread**2, steep**2 * spread**2 + noise**2
    determinant = a * c - b**2
    log_weight = -len(x) / 2 * np.log(determinant)
    log_weight -= (c * sums[0] - 2 * b * sums[1] + a * sums[2]) / determinant / 2
    log_weight += stats.norm.logpdf(steep, 30, 30)
    weight = special.softmax(log_weight).sum(axis=(1, 2))
    slopes = steep[:, 0, 0]
    mean = float(weight @ slopes)
    edges = np.append(slopes - (slopes[1] - slopes[0]) / 2, slopes[-1] + (slopes[1] - slopes[0]) / 2)
    cumulated = np.append(0, np.cumsum(weight))
    camera_mean, interval = _drawn(
        mean,
        float(np.sqrt(weight @ (slopes - mean) ** 2)),
        lambda level: float(np.interp(level, cumulated, edges)),
        lambda value: float(np.interp(value, slopes, weight / (slopes[1] - slopes[0]))),
    )
    interval["error"] = np.full(2, 4e-4)  # the chapter's grid has steps of 2 g per mm
    return {
        "by_hand": {"value": np.array(hand) / 1000, "error": np.array(hand) * 1e-12},
        "by_camera": {"value": np.array(line(photo)) / 1000, "error": np.array(line(photo)) * 1e-12},
        "factor": {"value": share, "error": 1e-9},
        "more_birds": {"value": np.broadcast_to(slope, error.shape) / 1000, "error": error / 1000},
        # the standard error itself varies by chance: by some 10% with 50 birds
        "reach": {"value": 1.96 * error / 1000, "error": 1.96 * error / np.sqrt(MORE_BIRDS[:, None]) / 1000},
        "camera_mean": camera_mean,
        "camera_interval": interval,
    }


def values() -> dict[str, dict]:
    """Return the chapter's entries of ``page_values/01.json``."""
    return _least_squares_values() | _depth_values() | _team_values() | _camera_values() | _boosting_values()
