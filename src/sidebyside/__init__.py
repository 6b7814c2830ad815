"""Bayes Side by Side: the course's data, and the checks that five probabilistic libraries agree.

Notebooks write ``import sidebyside as sbs``. What stands in ``_HOME`` is loaded when first used, so that building
the book needs no numerical package and a reader of one library installs that library alone.
"""

from __future__ import annotations

from importlib import import_module

from sidebyside import stan_engine
from sidebyside.libraries import LIBRARIES, LibraryMissingError

stan_engine.register()

__version__ = "0.1.0"

_HOME = {
    "set_up": "colab",
    "load_hogg": "datasets",
    "load_penguins": "datasets",
    "load_radon": "datasets",
    "load_co2": "datasets",
    "load_landscape": "datasets",
    "simulate_matches": "datasets",
    "check": "exercises",
    "load_reference": "references",
    "Reference": "references",
    "load_benchmark": "benchmark_results",
    "from_pyro": "io_pyro",
    "from_tfp": "io_tfp",
    "compile_pyro": "pyro_compile",
    "pack_tfp": "tfp_pack",
    "program": "proofs",
    "proof": "proofs",
    "compare_densities": "compare_programs",
    "compare_posteriors": "compare_draws",
    "from_posteriordb": "io_posteriordb",
    "check_densities": "density",
    "check_sampling": "agreement",
    "check_agreement": "agreement",
    "check_approximations": "agreement",
    "check_values": "values",
    "ProgramError": "proofs",
    "DensityDisagreementError": "density",
    "ParameterNamesError": "density",
    "DisagreementError": "agreement",
    "SamplingError": "agreement",
    "DrawsError": "draws",
    "keep": "dask_fits",
    "once": "dask_fits",
    "cluster": "dask_fits",
    "fit_all": "dask_fits",
    "check_calibration": "calibration",
    "calibration_band": "calibration",
    "cumulated": "calibration",
    "flatness": "calibration",
    "load_calibration": "calibration",
    "versions": "package_versions",
    "is_live": "notebook_output",
    "quiet": "notebook_output",
    "show_error": "notebook_output",
    "quiet_tensorflow": "notebook_output",
    "prepare": "style",
    "plot_agreement": "style",
    "plot_calibration": "style",
    "animate": "style",
    "DATA_COLOUR": "style",
    "POSTERIOR_COLOUR": "style",
    "CONTRAST_COLOUR": "style",
}
_MODULES = ("density",)

__all__ = ["LIBRARIES", "LibraryMissingError", *_HOME, *_MODULES]


def __getattr__(name: str):
    """Import the module that holds ``name``, on first use (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"sidebyside.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"sidebyside.{name}")
    raise AttributeError(f"module 'sidebyside' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
