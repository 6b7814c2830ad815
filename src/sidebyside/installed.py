"""What of the course is installed, what it asks for, and how to install the rest.

The doctor, the set-up cell of notebooks and the study folder share these facts. Old Pythons must be able to import this
file, since the doctor does; versions are compared by the package ``packaging``, loaded when first needed.
"""

from __future__ import annotations

import platform
from pathlib import Path

# Of the markers in pyproject.toml only the extra counts here: on Windows, too, the doctor must name PyStan.
ANYWHERE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def this_system() -> str:
    """Return ``linux``, ``wsl``, ``macos`` or ``windows``; any other system is taken for Linux."""
    if "microsoft" in platform.release().lower():
        return "wsl"
    return {"Darwin": "macos", "Windows": "windows"}.get(platform.system(), "linux")


def install(tag: str, system: str) -> str:
    """Return what to type to install the library with a cell tag, on one of the systems of :func:`this_system`."""
    if system == "windows" and tag == "stan":
        return "PyStan has no Windows build: type wsl --install in PowerShell, and set the course up in WSL."
    if system == "windows":
        return f'In the course\'s folder: pip install -e ".[lab,{tag}]"'
    return f'In the course\'s folder: make lab LIBS="{tag}"'


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
        Per extra ("" for none), in the order of pyproject.toml, the bounds of each distribution, as in ``>=6.4,<7``.

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
            if requirement.marker is None or requirement.marker.evaluate({**ANYWHERE, "extra": extra}):
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
