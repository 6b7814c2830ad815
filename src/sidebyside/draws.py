"""What every converter and every check asks of draws: that they are there, and that they are numbers."""

from __future__ import annotations  # the book is built without ArviZ, pandas and xarray

import numpy as np
import xarray as xr

NO_DRAWS = (
    "{library}: there are no posterior draws. Was sampling interrupted, or its cell not run? Run it again, to its end."
)


class DrawsError(ValueError):
    """Draws that cannot be judged: NaN, too few chains, a parameter missing, or sampling that was interrupted."""


def check_draws(library: str, tree: xr.DataTree | None) -> None:
    """Check that the posterior of ``tree`` holds draws, and numbers alone.

    Parameters
    ----------
    library : str
        The library's name, for the message.
    tree : DataTree or None
        With ``posterior``, variables of shape (chain, draw, ...).

    Raises
    ------
    DrawsError
        If there are no draws, if sampling was interrupted, or if a parameter holds NaN or infinite values.
    """
    # PyStan returns None when it is interrupted, and arviz_base.from_pystan makes a tree without groups of that.
    variables = tree["posterior"].data_vars if tree is not None and "posterior" in tree else {}
    if not any(values.size for values in variables.values()):
        raise DrawsError(NO_DRAWS.format(library=library))
    made = _draws_made(tree)
    if np.any(made < tree["posterior"].sizes["draw"]):
        raise DrawsError(
            f"{library}: sampling was interrupted: the chains hold {', '.join(map(str, made))} draws, and NaN after "
            "them. Run it again, to its end."
        )
    for name, values in variables.items():
        bad = int(np.sum(~np.isfinite(values.values)))
        if bad:
            raise DrawsError(
                f"{library}: {bad} of {values.size} draws of {name!r} are NaN or infinite. "
                "Look for a log or a division by zero in the model, or start the chains nearer to the posterior."
            )


def _draws_made(tree: xr.DataTree) -> np.ndarray:
    """Return the number of draws of each chain up to the last one that was made.

    nutpie, when it is interrupted, fills its chains up to the length of the longest: with NaN where a variable can be
    NaN, and with 0 steps of the sampler.
    """
    posterior, draws = tree["posterior"], tree["posterior"].sizes["draw"]
    steps = tree["sample_stats"].get("n_steps") if "sample_stats" in tree else None
    if steps is None:
        return np.full(posterior.sizes["chain"], draws)
    filled = (steps == 0).transpose("chain", "draw")
    for values in posterior.data_vars.values():
        if values.dtype.kind == "f":
            filled = filled & values.isnull().all([dim for dim in values.dims if dim not in ("chain", "draw")])
    made = ~filled.transpose("chain", "draw").values
    return np.where(made.any(axis=1), draws - np.argmax(made[:, ::-1], axis=1), 0)
