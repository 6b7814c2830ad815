"""Cheap fits that tests/test_dask.py sends to workers; in a module of its own, so that workers can import it."""

import os
import time
import uuid
from pathlib import Path

import numpy as np


def normal_mean(seed: int, ledger: str, seconds: float) -> dict[str, np.ndarray]:
    """Posterior mean and sd of a normal mean under a Normal(0, 1) prior; says in ``ledger`` when it begins and ends."""
    entry = Path(ledger) / f"{seed}-{os.getpid()}-{uuid.uuid4().hex}"
    entry.with_suffix(".began").touch()
    readings = np.random.default_rng(seed).normal(0.5, 1, size=20)
    time.sleep(seconds)
    precision = 1 + len(readings)
    entry.with_suffix(".ended").touch()
    return {"mean": readings.sum() / precision, "sd": precision**-0.5}


def fails_for_odd(seed: int) -> dict[str, np.ndarray]:
    """Fail for odd seeds."""
    if seed % 2:
        raise ValueError(f"{seed} is odd")
    return {"seed": np.array(seed)}
