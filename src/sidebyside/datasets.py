"""The course's data, packaged: no notebook needs the network. Each set carries its source, licence and units."""

from importlib.resources import files

import numpy as np
import pandas as pd


def _read(name: str, index: str | None = None, **attrs: str) -> pd.DataFrame:
    """Read a packaged table; ``attrs`` say its source, licence and units."""
    with (files("sidebyside") / "data" / f"{name}.csv").open() as table:
        data = pd.read_csv(table, index_col=index)
    data.attrs = attrs
    return data


def load_hogg() -> pd.DataFrame:
    """Twenty points near a line, a few of them outliers, with every point's own measurement errors.

    Returns
    -------
    DataFrame with 20 rows, index ``id`` (1 to 20), and the columns

    - ``x``, ``y``: position and reading (arbitrary units: the source gives none);
    - ``sigma_y``, ``sigma_x``: standard deviation of the error in each (same units);
    - ``rho_xy``: correlation of the two errors (no unit).

    The source sets points 1 to 4 aside as outliers. ``attrs`` holds source and licence.

    Source: table 1 of Hogg, Bovy and Lang (2010), Data analysis recipes: Fitting a model to data,
    arXiv:1008.4686. The numbers are facts, carried over with their source; the paper's text is not used.
    """
    return _read(
        "hogg_bovy_lang_2010",
        index="id",
        source="Hogg, Bovy and Lang (2010), arXiv:1008.4686, table 1",
        licence="numbers published as facts in a scientific paper; no licence is claimed on them",
        units="arbitrary",
    )


def load_penguins() -> pd.DataFrame:
    """Size measurements of 344 adult penguins of three species, on three islands near Palmer Station, Antarctica.

    Returns
    -------
    DataFrame with 344 rows, and the columns

    - ``species``: Adelie, Chinstrap or Gentoo; ``island``: Biscoe, Dream or Torgersen;
    - ``bill_length_mm``, ``bill_depth_mm``, ``flipper_length_mm`` (millimetres), ``body_mass_g`` (grams);
    - ``sex``: male or female; ``year``: of the study, 2007 to 2009.

    Two birds have no measurements and nine others no known sex: these entries are NaN. ``attrs`` holds source and
    licence.

    Source: Gorman, Williams and Fraser (2014), PLoS ONE 9(3): e90081, doi:10.1371/journal.pone.0090081, by way of
    Horst, Hill and Gorman's palmerpenguins (the file is the one in PyPI's palmerpenguins 0.1.6). Licence: CC0.
    """
    return _read(
        "penguins",
        source="Gorman, Williams and Fraser (2014), doi:10.1371/journal.pone.0090081; Palmer Station LTER",
        licence="CC0 1.0",
        units="millimetres and grams, as the columns' names say",
    )


def load_radon() -> pd.DataFrame:
    """Radon in 919 houses of Minnesota's 85 counties, as the EPA measured it in its survey of 1987 and 1988.

    Returns
    -------
    DataFrame with 919 rows, one a house, in the survey's order, and the columns

    - ``county``: the county's name;
    - ``floor``: where the detector stood: 0 in the basement, 1 on the first floor (at ground level);
    - ``radon_pci_l``: radon activity (picocuries per litre of air), recorded in steps of 0.1; three readings are 0;
    - ``uranium_ppm``: uranium in the soil of the county (parts per million), the same for all its houses.

    The published multilevel analyses take plain logarithms of both, with a reading of 0 set to 0.1.

    Source: the State Residential Radon Survey of the United States Environmental Protection Agency, and the county
    uranium that Phillip Price added to it, as in Gelman and Hill (2007), chapter 12 (their files srrs2.dat and cty.dat,
    taken from PyPI's pymc3 3.11.4; counties are matched by FIPS code). Licence: public domain.
    """
    return _read(
        "radon_minnesota",
        source="US EPA, State Residential Radon Survey; county uranium as in Gelman and Hill (2007), chapter 12",
        licence="public domain",
        units="picocuries per litre of air; parts per million of uranium in soil",
    )


def load_co2() -> pd.DataFrame:
    """Carbon dioxide in the air at Mauna Loa, Hawaii: monthly means, March 1958 to December 2001.

    Returns
    -------
    DataFrame with 521 rows, one a month (five months have no reading), and the columns

    - ``month``: as in "1958-03";
    - ``co2_ppm``: carbon dioxide (parts per million of dry air, by volume), the mean of the month's weekly averages.

    Source: Keeling and Whorf (2004), Atmospheric CO2 concentrations derived from flask air samples at sites in the SIO
    network, Carbon Dioxide Information Analysis Center, Oak Ridge National Laboratory: the weekly averages of the
    continuous record, as the file co2.csv of PyPI's statsmodels 0.15.0 holds them. Licence: public domain, as
    statsmodels states.
    """
    return _read(
        "co2_mauna_loa",
        source="Keeling and Whorf (2004), CDIAC, Oak Ridge National Laboratory; weekly averages in statsmodels 0.15.0",
        licence="public domain",
        units="parts per million by volume",
    )


def load_landscape() -> pd.DataFrame:
    """Load the five libraries' newest releases, their engines and licences, as looked up on one day.

    Returns
    -------
    DataFrame with five rows, one a library, all text, and the columns

    - ``library``; ``package``: its name for pip; ``version`` and ``released``: its newest release and the month of it;
    - ``engine``, ``engine package``, ``engine version``, ``engine released``: the same of what computes the gradients;
    - ``licence``; ``python``: the versions of Python on which it runs (PyStan's metadata admit later ones, on which it
      fails to load a model);
    - ``checked``: the day on which this was looked up.

    Source: versions and months from the Python package index; licences and versions of Python from the packages'
    metadata. Facts; no licence is claimed on them.
    """
    with (files("sidebyside") / "data" / "landscape.csv").open() as table:
        data = pd.read_csv(table, dtype=str)
    data.attrs = {"source": "Python package index; metadata of the packages", "licence": "facts", "units": "none"}
    return data


def simulate_matches(n_players: int, n_matches: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Simulate matches between players whose skills are known: chapter 13's data, in any size.

    Skills are drawn from a normal distribution with mean 0 and standard deviation 1, in log odds. Player ``i`` beats
    player ``j`` with log odds ``skill[i] - skill[j]`` (Bradley and Terry 1952). Good players play more often, as in
    tournaments, where whoever wins plays on: a player's share of the matches grows as ``exp(skill)``.

    Parameters
    ----------
    n_players : at least 2
    n_matches : how many matches
    seed : of NumPy's default generator; the same seed and sizes make the same matches

    Returns
    -------
    DataFrame with the columns ``winner`` and ``loser`` (players' numbers, 0 to ``n_players - 1``), a row a match; and
    the true skills, shape ``(n_players,)``, log odds.

    Raises
    ------
    ValueError : fewer than two players
    """
    if n_players < 2:
        raise ValueError(f"A match needs two players; n_players is {n_players}.")
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=n_players)
    share = np.exp(skill) / np.exp(skill).sum()
    first, second = (rng.choice(n_players, n_matches, p=share) for _ in range(2))
    while np.any(same := first == second):  # nobody plays against himself
        second[same] = rng.choice(n_players, same.sum(), p=share)
    first_wins = rng.random(n_matches) < 1 / (1 + np.exp(skill[second] - skill[first]))
    winner, loser = np.where(first_wins, [first, second], [second, first])
    return pd.DataFrame({"winner": winner, "loser": loser}), skill
