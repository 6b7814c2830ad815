"""Bayes Side by Side: the course's data, and the checks that five probabilistic libraries agree.

Notebooks write ``import sidebyside as sbs``. What stands in ``_HOME`` is loaded when first used, so that building
the book needs no numerical package and a reader of one library installs that library alone.
"""

from importlib import import_module

from sidebyside.libraries import LIBRARIES, LibraryMissingError

__version__ = "0.1.0"

_HOME = {}

__all__ = ["LIBRARIES", "LibraryMissingError", *_HOME]


def __getattr__(name: str):
    """Import the module that holds ``name``, on first use (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f"sidebyside.{_HOME[name]}"), name)
    raise AttributeError(f"module 'sidebyside' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
