"""The five libraries: their names, cell tags, extras, and how figures show them."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """One probabilistic library.

    ``tag`` is the cell tag and the name of the package's extra; ``package`` is its name for pip; ``modules`` are what a
    model in this library imports; ``colour`` and ``marker`` are the same in every figure (colours: Okabe and Ito 2008,
    safe for colour-blind readers).
    """

    name: str
    tag: str
    package: str
    modules: tuple[str, ...]
    colour: str
    marker: str


LIBRARIES = {
    library.name: library
    for library in (
        Library("PyMC", "pymc", "pymc", ("pymc",), "#0072B2", "o"),
        Library("Stan", "stan", "pystan", ("stan",), "#D55E00", "s"),
        Library("NumPyro", "numpyro", "numpyro", ("numpyro", "jax"), "#009E73", "^"),
        Library("Pyro", "pyro", "pyro-ppl", ("pyro", "torch"), "#CC79A7", "D"),
        Library("TFP", "tfp", "tensorflow-probability", ("tensorflow_probability", "tensorflow"), "#E69F00", "v"),
    )
}

TAGS = {library.tag: library.name for library in LIBRARIES.values()}


class LibraryMissingError(ImportError):
    """A probabilistic library is needed and not installed."""


def need(name: str) -> None:
    """Raise :class:`LibraryMissingError`, saying what to install, if the library called ``name`` is missing."""
    library = LIBRARIES[name]
    missing = [module for module in library.modules if find_spec(module) is None]
    if missing:
        raise LibraryMissingError(
            f"{name} is not installed (no module named {', '.join(missing)}). "
            f'In a copy of the repository, install it with: make lab LIBS="{library.tag}" '
            f'(or, in an environment of your own: pip install ".[{library.tag}]").'
        )


def leave_triton_out() -> None:
    """Keep PyTorch from loading Triton where TensorFlow is installed, too.

    Triton serves GPUs, and PyTorch's optimisers and compiler load it where they can. It ends the whole process if
    TensorFlow has loaded its own LLVM before; PyTorch does without.
    """
    if find_spec("tensorflow"):
        sys.modules.setdefault("triton", None)


_STAN_OBJECTS: list[tempfile.TemporaryDirectory] = []


def compile_stan_elsewhere() -> None:
    """Have PyStan's compiler write its object files to a temporary folder, removed when this process ends.

    Otherwise they go to ``build/`` in the working directory, and nobody may write to a course folder that a server
    shares. setuptools, with which PyStan compiles, reads the file that ``DIST_EXTRA_CONFIG`` names; if that is set, it
    stays.
    """
    if find_spec("httpstan") and "DIST_EXTRA_CONFIG" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="sidebyside-stan-", ignore_cleanup_errors=True)
        _STAN_OBJECTS.append(folder)
        settings = Path(folder.name, "setuptools.cfg")
        settings.write_text(f"[build]\nbuild_temp = {folder.name}\n", "utf-8")
        os.environ["DIST_EXTRA_CONFIG"] = str(settings)
