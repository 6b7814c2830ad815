"""The numbers of chapter 3, sampling and Hamiltonian Monte Carlo, computed without it.

The posterior of the launches is integrated by Simpson's rule over the log-odds of damage at one temperature and the
slope; the chapter adds up a grid over the log-odds at 50 °F and the slope.
"""

import numpy as np
from scipy import integrate, optimize, special, stats

WITH_DAMAGE = np.array([53, 57, 58, 63, 70, 70, 75])  # °F (Dalal et al. 1989)
WITHOUT = np.array([66, 67, 67, 67, 68, 69, 70, 70, 72, 73, 75, 76, 76, 78, 79, 81])
LATE_FLIGHTS = (  # °F and damage, of the flights whose joints were tested for leaks at 200 psi (Dalal et al., table 1)
    *((53, 1), (57, 1), (58, 1), (63, 1), (67, 0), (67, 0), (70, 1), (70, 0)),
    *((75, 1), (75, 0), (76, 0), (76, 0), (78, 0), (79, 0), (81, 0)),
)
PRIORS = ((4.0, 2.0), (1.5, 1.0), (4.0, 0.5))  # standard deviations of alpha and of beta
GRID_QUANTILE = 1e-3  # what the chapter's grid leaves of a quantile


class LaunchesAt:
    """Posterior of the log-odds of damage at a temperature (°F), the slope integrated out.

    Parameters
    ----------
    degrees : float
        The temperature.
    alpha_sd, beta_sd : float
        Standard deviations of the priors of the log-odds at 50 °F and of the change per 10 °F.
    """

    def __init__(self, degrees: float, alpha_sd: float, beta_sd: float):
        self.log_odds, self.slope = np.linspace(-30, 45, 1501), np.linspace(-10, 5, 601)
        odds, slope = self.log_odds[:, None], self.slope
        alpha = odds + slope * (50 - degrees) / 10
        log_density = stats.norm.logpdf(alpha, 0, alpha_sd) + stats.norm.logpdf(slope, 0, beta_sd)
        for damage, flights in ((1, WITH_DAMAGE), (-1, WITHOUT)):
            for temperature in flights:
                log_density += special.log_expit(damage * (odds + slope * (temperature - degrees) / 10))
        self._joint = np.exp(log_density - log_density.max())
        self._joint /= integrate.simpson(integrate.simpson(self._joint, x=self.slope), x=self.log_odds)
        self._marginal = integrate.simpson(self._joint, x=self.slope)

    def moments(self, values: np.ndarray) -> dict[str, float]:
        """Return mean and standard deviation of a function of the log-odds, given on its grid."""
        mean, square = (integrate.simpson(self._marginal * values**power, x=self.log_odds) for power in (1, 2))
        return {"value": mean, "spread": np.sqrt(square - mean**2), "error": 1e-5}

    def risk(self) -> dict[str, float]:
        """Return mean and standard deviation of the probability of damage."""
        return self.moments(special.expit(self.log_odds))

    def interval(self) -> np.ndarray:
        """Return the central 95% interval of the probability of damage."""
        below = integrate.cumulative_simpson(self._marginal, x=self.log_odds, initial=0)
        return special.expit(np.interp([0.025, 0.975], below, self.log_odds))

    def slopes(self, power: int) -> float:
        """Return the posterior mean of a power of the slope."""
        marginal = integrate.simpson(self._joint, x=self.log_odds, axis=0)
        return integrate.simpson(marginal * self.slope**power, x=self.slope)

    def falls(self) -> float:
        """Return the probability that damage gets more likely in the cold."""
        marginal, below = integrate.simpson(self._joint, x=self.log_odds, axis=0), self.slope <= 0
        return integrate.simpson(marginal[below], x=self.slope[below])


def _exactly(value) -> dict:
    return {"value": np.asarray(value), "error": 1e-8 * np.abs(value)}


def _share_of_ball(unknowns: int) -> float:
    """Return the volume of the ball with 99% of a normal distribution, as a share of a cube of 10 sds a side."""

    def outside(radius):
        return special.gammaincc(unknowns / 2, radius**2 / 2) - 0.01

    radius = optimize.brentq(outside, 0.1, 20, xtol=1e-14)
    return np.pi ** (unknowns / 2) / special.gamma(unknowns / 2 + 1) * (radius / 10) ** unknowns


def values() -> dict[str, dict]:
    """Return the entries of chapter 3, both parts."""
    # Beta(27, 14) by binomial tails: at least 27 of 40 uniform numbers fall below the share
    low_tail = optimize.brentq(lambda share: stats.binom.sf(26, 40, share) - 0.01, 0.1, 0.9, xtol=1e-14)
    mean, above = 27 / 41, stats.binom.cdf(26, 40, 0.7)
    sd = np.sqrt(27 * 14 / (41**2 * 42))
    by_prior = {sds: [LaunchesAt(degrees, *sds) for degrees in (31, 36)] for sds in PRIORS}
    cold, launch = by_prior[PRIORS[0]]
    beta, square = cold.slopes(1), cold.slopes(2)
    alpha = LaunchesAt(50, *PRIORS[0])
    spreads = [np.hypot(alpha_sd, 1.9 * beta_sd) for alpha_sd, beta_sd in PRIORS]  # of the log-odds at 31 °F
    distances = [np.sqrt(2) * np.exp(special.gammaln((d + 1) / 2) - special.gammaln(d / 2)) for d in (2, 20, 100)]
    rows = [[number for at in both for number in (at.risk()["value"], *at.interval())] for both in by_prior.values()]
    launches = [alpha.moments(alpha.log_odds)["value"], beta, cold.risk()["value"], launch.risk()["value"]]
    return {
        "sensitivity": _exactly([mean, above, sd, low_tail]),
        "share_of_points": _exactly([_share_of_ball(d) for d in (1, 10, 20)]),
        "drawn_mean": {"value": mean, "spread": sd, "error": 0.0},
        "drawn_above": {"value": above, "share": True, "error": 0.0},
        "launches": {"value": np.array(launches), "error": np.full(4, 1e-5)},
        "launches_squared": {"value": np.array([beta, square + 3.8 * beta + 3.61]), "error": np.full(2, 1e-5)},
        "by_prior": {"value": np.array(rows), "error": np.tile([1e-5, *[GRID_QUANTILE] * 2], (3, 2))},
        "colder_is_worse": {
            "value": np.array([both[0].falls() for both in by_prior.values()]),
            "error": np.full(3, 1e-4),
        },
        "alpha": alpha.moments(alpha.log_odds),
        "beta": {"value": beta, "spread": np.sqrt(square - beta**2), "error": 1e-5},
        "risk_31": cold.risk(),
        "risk_36": launch.risk(),
        "prior_extreme": {
            "value": np.array([2 * stats.norm.sf(special.logit(0.95), 0, spread) for spread in spreads]),
            "share": True,
            "error": np.zeros(3),
        },
        "distance": {
            "value": np.array(distances),
            "spread": np.sqrt(np.array([2, 20, 100]) - np.square(distances)),
            "error": np.zeros(3),
        },
        "funnel_neck": {"value": stats.norm.cdf(-2 / 3), "share": True, "error": 0.0},
    }
