"""The course's data, packaged: no notebook needs the network. Each set carries its source, licence and units."""

from importlib.resources import files

import pandas as pd


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
    with (files("sidebyside") / "data" / "hogg_bovy_lang_2010.csv").open() as table:
        data = pd.read_csv(table, index_col="id")
    data.attrs = {
        "source": "Hogg, Bovy and Lang (2010), arXiv:1008.4686, table 1",
        "licence": "numbers published as facts in a scientific paper; no licence is claimed on them",
        "units": "arbitrary",
    }
    return data
