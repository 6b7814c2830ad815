"""What every converter and every check asks of draws: that they are numbers."""

import numpy as np
import xarray as xr


class DrawsError(ValueError):
    """Draws that cannot be judged: NaN, too few chains, or a parameter missing."""


def check_draws(library: str, tree: xr.DataTree) -> None:
    """Raise :class:`DrawsError` if a parameter of ``tree``'s posterior holds NaN or infinite values."""
    for name, values in tree["posterior"].data_vars.items():
        bad = int(np.sum(~np.isfinite(values.values)))
        if bad:
            raise DrawsError(
                f"{library}: {bad} of {values.size} draws of {name!r} are NaN or infinite. "
                "Look for a log or a division by zero in the model, or start the chains nearer to the posterior."
            )
