"""Which engine runs Stan programs: PyStan where it works, stanli elsewhere, or the one that the reader asks for.

Chapters write ``import stan`` and PyStan's calls. Importing ``sidebyside`` registers a finder that answers this import
with ``stan_on_stanli.py``, PyStan's calls on stanli, where PyStan can't run. The environment variable
``SIDEBYSIDE_STAN``, set to ``stanli`` or ``pystan`` before ``import stan``, decides instead. Old Pythons must be able
to import this file, since the doctor does.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path

from sidebyside.installed import pystan_fails_to_load, version_of

SWITCH = "SIDEBYSIDE_STAN"
BROKEN = "4.17.0"  # this httpstan's wheel for Linux x86-64 and Python 3.13 holds a part built for Python 3.10


class StanEngineError(ImportError):
    """The engine that was asked for does not exist, or is not installed."""


def why_stanli() -> str | None:
    """Return why Stan runs on stanli in this environment, None where it runs on PyStan.

    Raises
    ------
    StanEngineError
        If the environment variable names no engine.
    """
    asked = os.environ.get(SWITCH, "")
    if asked not in ("", "stanli", "pystan"):
        raise StanEngineError(f"{SWITCH} is {asked!r}; it can be stanli or pystan, or not set.")
    if asked:
        return f"{SWITCH} asks for it" if asked == "stanli" else None
    if PathFinder.find_spec("stan") is None:
        return "PyStan is not installed"
    if pystan_is_broken():
        return f"PyStan does not load on Linux x86-64 with Python 3.13 (httpstan {BROKEN})"
    if shutil.which(compiler()[0]) is None:
        return f"PyStan needs a C++ compiler, and {compiler()[0]} is not found"
    return None


def engine() -> str:
    """Return the name of the distribution that ``import stan`` loads, or would load: ``pystan`` or ``stanli``."""
    return "stanli" if why_stanli() and find_spec("stanli") else "pystan"


def compiler() -> list[str]:
    """Return the command of the C++ compiler that PyStan will call, as setuptools finds it."""
    return shlex.split(os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++")


def pystan_is_broken() -> bool:
    """Return whether PyStan would import here, compile a program, and then fail to load it."""
    return pystan_fails_to_load() and version_of("httpstan") == BROKEN


class StanFinder:
    """Finds ``stan`` in ``stan_on_stanli.py`` where Stan is to run on stanli, and leaves all else to other finders."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return where to load the module from, None to let the next finder look.

        Raises
        ------
        StanEngineError
            If the engine can't be told, or only stanli would do and is not installed.
        """
        reason = why_stanli() if name == "stan" else None
        if reason is None:
            return None
        if find_spec("stanli"):
            return spec_from_file_location(name, Path(__file__).with_name("stan_on_stanli.py"))
        if os.environ.get(SWITCH) or pystan_is_broken():
            raise StanEngineError(f"stanli is not installed ({reason}). Install it with: pip install stanli bridgestan")
        return None


def register() -> None:
    """Put the finder first, once."""
    if StanFinder not in sys.meta_path:
        sys.meta_path.insert(0, StanFinder)
