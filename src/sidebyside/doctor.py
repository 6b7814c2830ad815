"""Is this machine ready for the course? ``python -m sidebyside doctor`` tells, with a fix for what is not.

Each check is a function from what the machine is to a :class:`Check`; :func:`plan` says which there are, and
:func:`main` prints a line for each. The libraries run in processes of their own (``doctor_models.py``), so that one
that crashes or hangs takes nothing else down. Old Pythons must be able to read this file: it is to find them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sidebyside.installed import fits, install, requirements, this_system, version_of, why_no_pystan
from sidebyside.libraries import TAGS
from sidebyside.stan_engine import SWITCH, compiler, engine

GB = 1e9
CGROUP = Path("/sys/fs/cgroup")
# A container's limit, what it uses, and the line of memory.stat on cached files: first of today's cgroups, then of old
# ones.
CONTAINER_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
LIMIT = 300  # seconds for a library's import and model; compiling Stan's took a minute on two busy cores
MAX_Z = 5  # Monte Carlo errors; right draws are further off less than once in ten thousand runs
OK, WARNING, FAILS, NONE = "ok", "warning", "fails", "-"


@dataclass(frozen=True)
class Check:
    """What a check found, and what to do about it."""

    status: str
    text: str
    fix: str = ""


# ---- the machine -----------------------------------------------------------------------------


def check_python(version: tuple[int, ...], asked: Collection[str], system: str, no_pystan: str | None = None) -> Check:
    """3.12 and 3.13 have all five libraries; 3.14 lacks TensorFlow, and Intel Macs lack most of them.

    ``no_pystan`` is why PyStan is not for this machine and this Python; Stan then runs on stanli.
    """
    get = {"macos": "brew install python@3.12", "windows": "winget install Python.Python.3.12"}
    fix = (
        f"Install Python 3.12 ({get.get(system, 'pyenv install 3.12')}, or uv python install 3.12, or conda), "
        "remove the folder .venv if there is one, and install the libraries again."
    )
    shown = ".".join(map(str, version[:3]))
    if version < (3, 12):
        return Check(FAILS, f"{shown} is too old: PyMC 6 and ArviZ 1 need 3.12", fix)
    notes = [f"{no_pystan}, so Stan runs on stanli"] if no_pystan else []
    if version >= (3, 14):
        notes.append("TensorFlow 2.21 has no build for 3.14, so TFP is not to be had; the course was not tried on it")
        return Check(FAILS if "tfp" in asked else WARNING, f"{shown}: {'; '.join(notes)}", fix)
    return Check(OK, ": ".join([shown, *notes]))


def check_intel_mac(asked: Collection[str]) -> Check:
    """JAX, PyTorch and TensorFlow have no current builds for Intel Macs, and Numba's locked version has none."""
    gone = {"numpyro", "pyro", "tfp"}
    text = "an Intel Mac, for which JAX, PyTorch and TensorFlow have no current builds: NumPyro, Pyro and TFP can't run"
    fix = 'Take Stan, or PyMC without the locked versions (pip install -e ".[lab,pymc]"), or use Colab.'
    return Check(FAILS if gone & set(asked) else WARNING, text, fix)


def memory() -> tuple[float, float | None] | None:
    """Return total and free bytes, the smaller of machine and container; None for what the system does not tell."""
    try:
        total, available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
        lines = Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []
        for line in lines:
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
        container = container_memory()
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
    if container and container[0] < total:
        total, free = container
        available = free if available is None else min(available, free)
    return total, available


def container_memory() -> tuple[float, float] | None:
    """Return a container's limit and what is left of it, in bytes; None where there is no limit."""
    for limit, used, cache in CONTAINER_FILES:
        if not (CGROUP / limit).exists():
            continue
        text = (CGROUP / limit).read_text().strip()
        if text == "max":
            return None
        lines = (CGROUP / limit).with_name("memory.stat").read_text().splitlines()
        # Files that are cached count as used, but the system gives their memory up when it is asked for.
        given_up = int(dict(line.split() for line in lines)[cache])
        return int(text), max(0, int(text) - int((CGROUP / used).read_text()) + given_up)
    return None


def check_memory(found: tuple[float, float | None] | None, system: str) -> Check:
    """One library takes 0.4 to 1.6 GB for a tiny model; chapter 6 with all five took 3.6 GB."""
    if found is None:
        return Check(NONE, "this system does not tell; 8 GB are enough")
    total, available = found
    shown = f"{total / GB:.1f} GB in all"
    if available is not None:
        shown = f"{available / GB:.1f} GB free of {total / GB:.1f} GB"
    usable = total if available is None else available
    fix = {
        "wsl": "Close other programs. WSL gets half of the machine's memory: in %UserProfile%\\.wslconfig, under "
        "[wsl2], write memory=8GB, then type wsl --shutdown.",
        "linux": "Close other programs, browsers above all; in a container or on a hub, ask for a larger limit.",
    }.get(system, "Close other programs, browsers above all.")
    if usable < 1 * GB:
        return Check(FAILS, f"{shown}: too little for a library and JupyterLab", fix)
    if usable < 4 * GB:
        text = f"{shown}: enough for one library; a chapter with all five took 3.6 GB"
        return Check(WARNING, text, fix)
    return Check(OK, shown)


def check_disk(free: float, all_installed: bool) -> Check:
    """Stan's compiled models and the other caches need some; libraries that are still to come need much more."""
    shown = f"{free / GB:.1f} GB free"
    fix = "Make room (pip cache purge, conda clean --all, docker system prune, and what else you no longer need)."
    if free < 1 * GB:
        return Check(FAILS, f"{shown}: too little for compiled models", fix)
    if free < 10 * GB and not all_installed:
        return Check(WARNING, f"{shown}: all five libraries take 9.5 GB, PyMC alone 1.2 GB", fix)
    return Check(OK, shown)


def check_folder(folder: Path) -> Check:
    """Notebooks are saved in the course's folder, and make keeps its caches there."""
    text = f"{folder} can't be written to, so notebooks can't be saved here; is it shared?"
    fix = "Copy the course's folder to one of your own, and work there."
    environment = Path(sys.prefix)
    if folder in environment.parents:
        program = Path(sys.executable).with_name("jupyter")
        fix += f" The environment that is installed here serves there too: type {program} lab."
    return Check(WARNING, text, fix)


def check_compiler(command: list[str], include: str, needed: bool, system: str) -> Check:
    """Compile three lines with Python's headers, as PyStan will compile each model.

    PyStan needs it, and so does Pyro where a chapter calls ``sbs.compile_pyro`` (chapters 8 to 10).
    """
    bad = FAILS if needed else WARNING
    purpose = "" if needed else " (Pyro needs one from chapter 8 on; without one Stan runs on stanli, not on PyStan)"
    if system == "windows":
        return Check(NONE, "only Pyro needs one, from chapter 8 on; in WSL it has it")
    debian = "sudo apt install g++ python3-dev (Fedora: sudo dnf install gcc-c++ python3-devel)"
    fix = ("xcode-select --install" if system == "macos" else debian) + "; with conda: conda install cxx-compiler"
    if shutil.which(command[0]) is None:
        other = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
        if other:
            fix = f"{other} is there: export CXX={other}, or unset CXX if you set it."
        return Check(bad, f"{command[0]} not found{purpose}", fix)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.cpp")
        source.write_text("#include <Python.h>\n#include <vector>\nint main() { return std::vector<int>().size(); }\n")
        compile_it = [*command, "-std=c++17", f"-I{include}", "-c", str(source), "-o", str(source.with_suffix(".o"))]
        code, printed = run(compile_it, limit=60)
    if code is None:
        return Check(bad, f"{command[0]} did not finish three lines in a minute{purpose}", fix)
    if code:
        first = next((line for line in printed.splitlines() if "error" in line), last_lines(printed))
        return Check(bad, f"{command[0]} can't compile{purpose}:\n{first.strip()}", fix)
    return Check(OK, (run([*command, "--version"], limit=60)[1].splitlines() or command)[0])


# ---- what is installed -----------------------------------------------------------------------


def check_installed(asked: dict[str, str], fix: str) -> Check:
    """Hold what is installed against the bounds; the first distribution is the library itself."""
    versions = {distribution: version_of(distribution) for distribution in asked}
    shown = ", ".join(f"{distribution} {version}" for distribution, version in versions.items() if version)
    missing = [distribution for distribution, version in versions.items() if not version]
    faults = [f"not installed: {', '.join(missing)}"] if missing else []
    for distribution, version in versions.items():
        if version and not fits(version, asked[distribution]):
            faults.append(f"{distribution} is {version}, the course needs {asked[distribution]}")
    return Check(FAILS, "; ".join(faults), fix) if faults else Check(OK, shown)


# ---- the libraries at work -------------------------------------------------------------------


def run(command: list[str], limit: float, stdout=None) -> tuple[int | None, str]:
    """Run a command; return its exit code (None: it ran past the limit and was ended) and what it printed.

    With ``stdout``, a file, only what it wrote to standard error is returned. What it started in turn, compilers or
    workers, is ended with it.
    """
    with tempfile.TemporaryFile() as held:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout or held, stderr=held, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError, PermissionError):  # nothing is left of it
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
        held.seek(0)
        # to ASCII: not every terminal shows the rest, and a report must not fail over a quotation mark
        return code, held.read().decode(errors="replace").encode("ascii", "replace").decode()


def last_lines(printed: str, count: int = 3, width: int = 300) -> str:
    """Return the last lines that say something, without colours."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", printed).splitlines()]
    return "\n".join(line[:width] for line in [line for line in lines if line][-count:])


def check_model(tag: str, system: str, limit: float = LIMIT) -> Check:
    """Import a library and run its tiny model, in a process of its own; the mean must be the known one."""
    with tempfile.TemporaryFile("w+") as report:
        code, printed = run([sys.executable, "-m", "sidebyside.doctor_models", tag], limit, stdout=report)
        report.seek(0)
        stages = [json.loads(line) for line in report.read().splitlines()]
    doing = "in its model" if stages else "while it was imported"
    fresh = _new_environment(install(tag, system))
    if not os.access(sys.prefix, os.W_OK):
        fresh = f"You can't change this environment ({sys.prefix}): ask whoever looks after it to make it anew."
    if code is None:
        fix = "Close other programs and try again. If that does not help: " + fresh
        return Check(FAILS, f"not done after {limit:g} s ({doing})", fix)
    if code or len(stages) < 2:
        text = f"{_died(code)} {doing}\n{last_lines(printed)}".strip()
        return Check(FAILS, text, _cure(tag, code, printed, fresh))
    imported, found = stages
    z = (found["mean"] - found["exact mean"]) / (found["error"] or float("nan"))
    shown = f"posterior mean {found['mean']:.4f}, exactly {found['exact mean']:.4f} (z = {z:+.1f})"
    if not abs(z) <= MAX_Z:  # a NaN must not pass
        return Check(FAILS, f"wrong draws: {shown}", fresh)
    if not 0.8 <= found["sd"] / found["exact sd"] <= 1.25:  # a chain that stays where the mean is must not pass
        return Check(
            FAILS, f"wrong draws: standard deviation {found['sd']:.4f}, exactly {found['exact sd']:.4f}", fresh
        )
    if tag == "stan":
        shown = f"on {engine()}: {shown}"
    return Check(OK, f"{shown}; import {imported['seconds']:.0f} s, model {found['seconds']:.0f} s")


def _new_environment(how: str) -> str:
    """Return how to make the environment of this Python anew; conda's and the system's own are not removed."""
    if sys.prefix == sys.base_prefix:
        return f"Install into a new environment. {how}"
    return f"Make a new environment: remove the folder of this one ({sys.prefix}) and start again. {how}"


def _died(code: int) -> str:
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    return "an error" if code == 1 else f"ended (code {code})"


def _cure(tag: str, code: int, printed: str, fresh: str) -> str:
    """Return the fix for the failures we know, a fresh environment for all others."""
    known = {
        -9: "The system ended it, most often for want of memory: close other programs and try again.",
        -4: "This processor lacks an instruction that the library was built for (often AVX): use Colab, or another "
        "of the five libraries.",
    }
    if code in known:
        return known[code]
    if tag == "stan" and "PyThreadState_UncheckedGet" in printed:
        return f"PyStan 3.14 does not load on Linux x86-64 with Python 3.13: unset {SWITCH}, and Stan runs on stanli."
    if "No space left on device" in printed:
        return "The disk is full: make room and try again."
    if re.search(r"Permission denied|Read-only file system|Check the permissions", printed):
        return "A folder can't be written to: work in a copy of the course's folder that is your own."
    if tag == "stan" and re.search(r"CompileError|command .* failed", printed):
        return "Its compiler failed: see the line on the C++ compiler. If that one is ok: " + fresh
    return fresh


# ---- the report ------------------------------------------------------------------------------


def plan(asked: list[str], system: str) -> Iterator[tuple[str, Callable[[], Check]]]:
    """Yield each check's name and the check."""
    version = sys.version_info[:3]
    new_enough = version >= (3, 12)  # no library of the course installs on an older one
    bounds, unread = {}, ""
    if new_enough:
        try:
            bounds = requirements()
        except ModuleNotFoundError as error:
            unread = f"this Python has neither packaging nor pip ({error}), so what is installed was not looked at"
    tags = (asked or list(TAGS)) if bounds else []
    there = [tag for tag in tags if version_of(next(iter(bounds[tag])))]
    yield "Python", partial(check_python, version, asked, system, why_no_pystan())
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        yield "Processor", partial(check_intel_mac, asked)
    yield "Memory", partial(check_memory, memory(), system)
    yield "Disk", partial(check_disk, shutil.disk_usage(sys.prefix).free, bool(bounds) and there == tags)
    if not os.access(Path.cwd(), os.W_OK):
        yield "Folder", partial(check_folder, Path.cwd())
    compiled = {"stan", "pyro"}
    if not asked or compiled & set(asked):
        include, needed = sysconfig.get_paths()["include"], "pyro" in {*asked, *there}
        yield "C++ compiler", partial(check_compiler, compiler(), include, needed, system)
    fix = install((asked or ["pymc"])[0], system)
    if unread:
        yield "Shared packages", partial(Check, FAILS, unread, fix)
    elif new_enough:
        yield "Shared packages", partial(check_installed, bounds[""], fix)
    for tag in tags:
        if tag in there:
            yield TAGS[tag], partial(check_installed, bounds[tag], install(tag, system))
            yield f"{TAGS[tag]}, a model", partial(check_model, tag, system)
        else:
            yield TAGS[tag], partial(Check, FAILS if asked else NONE, "not installed", install(tag, system))
    if bounds and not there and not asked:
        yield "Libraries", partial(Check, WARNING, "none is installed, so no model was run", install("pymc", system))


def main(asked: list[str]) -> int:
    """Print the report, a check at a time; return 1 if a check fails, else 0."""
    system, statuses = this_system(), []
    _say(f"Bayes Side by Side on {platform.platform()}, {sys.executable}\n")
    for name, check in plan(asked, system):
        _say(f"{name:16}", end=" ")
        try:
            found = check()
        except Exception as error:  # one check that breaks must not take the others down
            found = Check(FAILS, f"the check itself broke: {type(error).__name__}: {error}", "Please tell us.")
        statuses.append(found.status)
        _say(f"{found.status:8} {_wrapped(found.text)}")
        if found.fix and found.status in (FAILS, WARNING):
            _say(f"{'':16} fix:     {_wrapped(found.fix)}")
    failed, warned = statuses.count(FAILS), statuses.count(WARNING)
    verdict = "Something fails" if failed else "Fit for the course, with a warning" if warned else "All well"
    _say(f"\n{verdict}: {statuses.count(OK)} ok, {warned} warning(s), {failed} failure(s).")
    return 1 if failed else 0


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201


def _wrapped(text: str) -> str:
    """Wrap each line so that it stands in the report's last column."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, 92)]
    return ("\n" + " " * 26).join(lines)
