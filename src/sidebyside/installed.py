"""What of the course is installed, what it asks for, and how to install the rest.

The doctor, the set-up cell of notebooks and the study folder share these facts. Old Pythons must be able to import this
file, since the doctor does; versions are compared by the package ``packaging``, loaded when first needed.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path


def this_system() -> str:
    """Return ``linux``, ``wsl``, ``macos`` or ``windows``; any other system is taken for Linux."""
    if "microsoft" in platform.release().lower():
        return "wsl"
    return {"Darwin": "macos", "Windows": "windows"}.get(platform.system(), "linux")


def install(tag: str, system: str) -> str:
    """Return what to type to install the library with a cell tag, on one of the systems of :func:`this_system`."""
    if system == "windows":
        return f'In the course\'s folder: pip install -e ".[lab,{tag}]"'
    return f'In the course\'s folder: make lab LIBS="{tag}"'


def pystan_fails_to_load() -> bool:
    """Return whether PyStan 3.14 installs on this machine with this Python, compiles a program, and can't load it."""
    return (sys.platform, platform.machine(), sys.version_info[:2]) == ("linux", "x86_64", (3, 13))


def why_no_pystan() -> str | None:
    """Return why PyStan is not installed on this machine with this Python, None where it is.

    The environment markers of the extra ``stan`` in pyproject.toml say the same to pip.
    """
    system, machine = sys.platform, platform.machine()
    if pystan_fails_to_load():
        return "PyStan 3.14 does not load on Linux x86-64 with Python 3.13"
    if system == "linux" and machine == "x86_64":
        return None
    if system == "darwin" and machine == "arm64":
        old = int(platform.release().split(".")[0]) < 23  # Darwin 23 is macOS 14
        return "PyStan 3.14 needs macOS 14" if old else None
    if system == "darwin":
        return "PyStan 3.14 has no build for Intel Macs"
    return f"PyStan 3.14 has no build for {'Windows' if system == 'win32' else f'{platform.system()} on {machine}'}"


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, None if it is not installed."""
    from importlib import metadata  # not in Python 3.7

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def requirements() -> dict[str, dict[str, str]]:
    """Return what the course's package asks for.

    Returns
    -------
    dict of str to dict of str to str
        Per extra ("" for none), in the order of pyproject.toml, the bounds of each distribution, as in ``>=6.4,<7``;
        without those that are not for this machine and this Python.

    Raises
    ------
    ModuleNotFoundError
        If this Python has neither ``packaging`` nor pip.
    """
    from importlib import metadata

    read = _packaging("requirements").Requirement
    try:
        lines = metadata.requires("sidebyside") or []
        extras = metadata.metadata("sidebyside").get_all("Provides-Extra", [])
    except metadata.PackageNotFoundError:  # run from the sources, with PYTHONPATH=src
        import tomllib

        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
        lines, extras = list(project["dependencies"]), list(project["optional-dependencies"])
        for extra, asked in project["optional-dependencies"].items():
            for line in asked:
                requirement, _, marker = line.partition(";")
                lines.append(f"{requirement}; {f'({marker}) and ' if marker else ''}extra == '{extra}'")
    found: dict[str, dict[str, str]] = {}
    for requirement in map(read, lines):
        bounds = ",".join(sorted(map(str, requirement.specifier), reverse=True))  # the lower bound first
        for extra in ["", *extras]:
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                found.setdefault(extra, {})[requirement.name] = bounds
                break
    return found


def fits(version: str, bounds: str) -> bool:
    """Return whether a version is within bounds such as ``>=6.4,<7``; one that can't be read is not."""
    versions = _packaging("version")
    try:
        return _packaging("specifiers").SpecifierSet(bounds).contains(versions.Version(version), prereleases=True)
    except versions.InvalidVersion:
        return False


def _packaging(module: str):
    """Return a module of ``packaging``, or of the copy inside pip where a bare Python has no other."""
    from importlib import import_module

    try:
        return import_module(f"packaging.{module}")
    except ModuleNotFoundError:
        return import_module(f"pip._vendor.packaging.{module}")
