"""What a made notebook's first code cell calls: ``sbs.set_up("pymc", packages=["arviz"])``.

On Colab it installs what the notebook lacks beside what Colab has, and touches nothing that is good enough. Anywhere
else it installs nothing and says what to type. A notebook of several libraries goes on without those that can't be
had; it says so, and their cells say so too.
"""

import importlib
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib import metadata

from sidebyside.installed import fits, install, requirements, this_system, version_of
from sidebyside.libraries import TAGS

# Loaded before the first cell or by this one, or tied to Colab's hardware: where they are good enough, pip may not move
# them. Others it moves only where a library asks for it (PyMC 6.4 wants SciPy 1.18).
KEPT = ("numpy", "packaging", "ipython", "ipykernel", "jax", "jaxlib", "torch", "tensorflow")


class SetUpError(Exception):
    """The notebook can't run here; the message says what to do. IPython shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def on_colab() -> bool:
    """Tell whether this kernel is Colab's, which loads ``google.colab`` before the first cell."""
    return "google.colab" in sys.modules


def set_up(*libraries: str, packages: Sequence[str] = (), started: float | None = None) -> None:
    """See to it that a notebook finds what it imports, and print what was done.

    Parameters
    ----------
    libraries : cell tags of the probabilistic libraries that the notebook uses
    packages : other distributions that it imports, as ``pyproject.toml`` names them
    started : ``time.monotonic()`` when the cell began, for the seconds that are printed

    Raises
    ------
    SetUpError : a package, the notebook's only library, or each of its libraries can't be had here
    """
    started = time.monotonic() if started is None else started
    bounds = requirements()
    own = {package: (bounds[""] | bounds["lab"]).get(package, ">=0") for package in packages}
    asked = {tag: bounds[tag] for tag in libraries}
    lines = []
    if on_colab():
        lacking = _lacking(own, *asked.values())
        lines = _install(lacking) if lacking else ["Nothing had to be installed."]
    elif lacking := _lacking(own):
        raise SetUpError(f"Missing here: {', '.join(lacking)}. Type in a terminal:\n{_pip(lacking)}")
    absent = {}  # what is left out, and why
    for tag, wanted in asked.items():
        if lacking := _lacking(wanted):
            absent[tag] = (
                f"{TAGS[tag]} is not here, or too old ({', '.join(lacking)}). {install(tag, this_system())}\n"
                f"Or, in an environment of your own: {_pip(lacking)}"
            )
    there = [tag for tag in libraries if tag not in absent]
    if libraries and not there:
        raise SetUpError("\n".join(absent.values()))
    where = "Google Colab" if on_colab() else "Not Colab, so nothing is installed"
    ready = ", ".join(TAGS[tag] for tag in there) or "All that this notebook needs"
    took = f" after {time.monotonic() - started:.0f} s" if on_colab() else ""
    _say(f"{where}; Python {platform.python_version()}. Ready{took}: {ready}.", *lines)
    for tag, reason in absent.items():
        _say(f"This notebook goes on without {TAGS[tag]}. {reason}")
    _leave_out(absent)


def _lacking(*wanted: dict[str, str]) -> dict[str, str]:
    """Return what is not installed, or not within its bounds."""
    return {
        distribution: bound
        for asked in wanted
        for distribution, bound in asked.items()
        if (version := version_of(distribution)) is None or not fits(version, bound)
    }


def _pip(lacking: dict[str, str]) -> str:
    """Return the command that installs what is lacking."""
    return "pip install " + " ".join(f'"{distribution}{bound}"' for distribution, bound in lacking.items())


def _install(lacking: dict[str, str]) -> list[str]:
    """Install what is lacking with pip, and return lines that say what has changed.

    Raises :class:`SetUpError` if pip fails, and if something was replaced that this session has loaded already.
    """
    _say(f"Installing {', '.join(lacking)} ...")
    before = _versions()
    modules = metadata.packages_distributions()  # of what was there: {module: [distribution]}
    kept = [name for name in KEPT if name in before and name not in lacking]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("".join(f"{name}=={before[name]}\n" for name in kept))
        constraints.flush()
        options = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "-c", constraints.name]
        specifiers = [f"{distribution}{bound}" for distribution, bound in lacking.items()]
        command = [sys.executable, "-m", "pip", "install", *options, *specifiers]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetUpError(f"pip could not install {', '.join(lacking)}:\n{done.stderr.strip()}")
    importlib.invalidate_caches()
    after = _versions()
    replaced = {name: version for name, version in before.items() if after.get(name) != version}
    loaded = sorted(
        {name for module, names in modules.items() if module in sys.modules for name in map(_normal, names)}
        & set(replaced)
    )
    if loaded:
        raise SetUpError(
            f"Replaced, and in use by this session already: {', '.join(loaded)}. "
            "Restart it (Runtime > Restart session), then run all cells."
        )
    new = [name for name in after if name not in before]
    named = [f"{name} {after[name]}" for name in map(_normal, lacking) if name in new]
    named += [f"{name} {after.get(name, 'removed')} (was {version})" for name, version in sorted(replaced.items())]
    others = len(set(new) - set(map(_normal, lacking)))
    lines = [f"Installed: {', '.join(named)}" + (f", and {others} more that these need." if others else ".")]
    if untouched := ", ".join(f"{name} {before[name]}" for name in kept if not name.startswith("ip")):
        lines.append(f"Left as they were: {untouched}.")
    return lines


def _versions() -> dict[str, str]:
    """Return the version of all that is installed, by normal name."""
    found = ((distribution.metadata["Name"], distribution.version) for distribution in metadata.distributions())
    return {_normal(name): version for name, version in found if name}


def _normal(name: str) -> str:
    """Return a distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


class LeaveOut:
    """Replaces a cell that is marked as one of an absent library's, before IPython runs it, by a line that says so.

    The full notebook marks each library's code cells in their first line (:func:`marks`).
    """

    def __init__(self, tags: Iterable[str]):
        self.names = {mark: TAGS[tag] for tag in tags for mark in marks(tag)}

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines of a cell, or that one line."""
        name = self.names.get(lines[0].strip()) if lines else None
        return [f'print("Left out: {name} is not here (the set-up cell says why).")\n'] if name else lines


def marks(tag: str) -> tuple[str, str]:
    """Return the first line of a library's code cells in a full notebook, and that of its solutions."""
    return f"# {TAGS[tag]}", f"#@title Solution: {TAGS[tag]}"


def _leave_out(tags: Iterable[str]) -> None:
    """Leave out the cells of these libraries from now on, and of no others."""
    from IPython import get_ipython

    if shell := get_ipython():
        transforms = shell.input_transformers_cleanup
        transforms[:] = [transform for transform in transforms if not isinstance(transform, LeaveOut)]
        if tags:
            transforms.append(LeaveOut(tags))


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201
