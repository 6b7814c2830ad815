"""The versions of the packages that a notebook has used, for its last cell."""

from importlib import metadata

import pandas as pd

from sidebyside.libraries import LIBRARIES
from sidebyside.stan_engine import engine


def versions(*names: str) -> pd.DataFrame:
    """Return the installed versions, in the order asked for, each package once.

    Parameters
    ----------
    *names : str
        Each the name of a package, as in ``pip install``, or of one of the five libraries, as in :data:`LIBRARIES`.
        ``*posteriors`` gives the libraries that a notebook holds draws of. Stan's package is the engine that runs it.

    Returns
    -------
    pandas.DataFrame
        One row per package, with one column, ``version``.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If one of them is not installed.
    """
    named = {name: library.package for name, library in LIBRARIES.items()} | {"Stan": engine()}
    packages = list(dict.fromkeys(named.get(name, name) for name in names))
    return pd.DataFrame({"version": [metadata.version(package) for package in packages]}, index=packages)
