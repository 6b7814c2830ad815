"""Run made notebooks as on Colab: ``make colab``, or ``python -m trials.colab_stand_in 3.13 pymc full 06``.

No machine of Google's is at hand, so this stands in for one. Per notebook: a copy of an environment that holds what
Colab's runtime has (``trials/colab_packages/3.13.txt`` says where that list is from; ``--bare`` leaves all but the
kernel out), a fake ``google.colab``, an empty folder and an empty home, none of this repository's environment, and
this repository's last commit in the place of its address. The notebook's bytes are not changed. It runs from top to
bottom, and a table says what it took. What is not simulated: Colab's network and machine, a GPU, its front end.

Arguments: Python versions (both if none is named), editions (``pymc``, ``full``, ``workshop/stan``; all libraries if
none is named) and chapters (``06``). Python 3.12 and 3.13 are looked for on PATH and among pyenv's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from publish.cuts import Book, package_commit, write_cuts
from sidebyside.libraries import TAGS
from trials.cuts_alone import megabytes

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "colab"
VERSIONS = ("3.12", "3.13")
TORCH = "torch==2.11.0"  # both runtimes have it; for Pyro and the full notebook alone
KERNEL = ["ipykernel==6.17.1", "ipython==7.34.0", "setuptools", "traitlets<5.15"]
POSTERIOR = re.compile(r"^ *posteriors\[", re.MULTILINE)
LIMIT = 1800  # seconds for one cell


def find_python(version: str) -> str:
    """Return a Python of this version, to make environments with."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    found = shutil.which(f"python{version}") if not pyenv else str(pyenv[-1])
    if found is None:
        sys.exit(f"There is no Python {version} here: install it (uv python install {version}) and try again.")
    return found


def environment_of(version: str, with_torch: bool, bare: bool) -> Path:
    """Return the folder of an environment like Colab's, made once and kept in build/colab."""
    folder = WORK / "-".join([version, *(["bare"] if bare else []), *(["torch"] if with_torch and not bare else [])])
    done = folder / "complete"
    if done.exists():
        return folder
    print(f"Making {folder.relative_to(ROOT)} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    if with_torch and not bare:
        shutil.copytree(environment_of(version, False, False), folder, symlinks=True)
        (folder / "complete").unlink()
        pip(folder, TORCH)
    else:
        subprocess.run([find_python(version), "-m", "venv", folder], check=True)
        pip(folder, *(KERNEL if bare else ["-r", str(ROOT / "trials" / "colab_packages" / f"{version}.txt")]))
    colab = next(folder.glob("lib/python3.*/site-packages")) / "google" / "colab"
    colab.mkdir(parents=True, exist_ok=True)
    (colab / "__init__.py").write_text('"""Not Colab: a stand-in that knows its name."""\n')
    (colab / "output.py").write_text('"""JAX imports it on Colab."""\n')
    done.touch()
    return folder


def pip(environment: Path, *arguments: str) -> None:
    """Install into an environment."""
    command = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-cache-dir", *arguments]
    subprocess.run(command, check=True)


@dataclass
class Run:
    """What one run took and said: seconds since the first code cell began, and megabytes that were installed."""

    set_up: float = float("nan")
    first_posterior: float = float("nan")
    total: float = float("nan")
    installed: float = float("nan")
    said: str = ""
    failed: str = ""
    libraries: list[str] = field(default_factory=list)


def serve(folder: Path) -> Path:
    """Put the last commit into a repository of its own, as the branch that notebooks fetch; return git's settings."""
    dirty = subprocess.run(
        ["git", "status", "--porcelain", "--", "src", "pyproject.toml"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    if dirty:
        sys.exit(f"Notebooks fetch what is committed; commit first:\n{dirty}")
    book = Book.above(ROOT)
    served = folder / "served.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, served], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    subprocess.run(["git", "update-ref", f"refs/heads/{book.branch}", head.stdout.strip()], cwd=served, check=True)
    subprocess.run(["git", "config", "uploadpack.allowFilter", "true"], cwd=served, check=True)
    settings = folder / "gitconfig"
    settings.write_text(f'[url "file://{served}"]\n\tinsteadOf = {book.helper().split("@")[0].removeprefix("git+")}\n')
    return settings


def run(path: Path, environment: Path, git_settings: Path) -> Run:
    """Run a notebook in a copy of the environment."""
    result, began = Run(), time.monotonic()
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        place = Path(folder)
        copy, home, content = place / "env", place / "home", place / "content"
        # hard links: pip and Python replace files, and write into none
        shutil.copytree(environment, copy, symlinks=True, copy_function=os.link)
        home.mkdir()
        content.mkdir()
        before = megabytes(copy)
        kernel = place / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        preload = "--IPKernelApp.exec_lines=import google.colab"  # as Colab's kernel does
        argv = [str(copy / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}", preload]
        (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Colab", "language": "python"}))
        outside = ("PYTHON", "JUPYTER", "IPYTHON", "VIRTUAL_ENV", "XDG", "SIDEBYSIDE", "CONDA")
        own = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
        own |= {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(git_settings), "JUPYTER_PATH": str(place / "jupyter")}
        own["PATH"] = f"{copy / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell("print(*globals().get('posteriors', []), sep='|')"))

        def start(cell, cell_index):
            nonlocal began
            if cell.cell_type == "code" and "setup" in cell.metadata.get("tags", []):
                began = time.monotonic()

        def clock(cell, cell_index, execute_reply):
            now = time.monotonic() - began
            if "setup" in cell.metadata.get("tags", []):
                result.set_up, result.said = now, text_of(cell)
                result.installed = megabytes(copy) - before
            elif POSTERIOR.search(cell.source) and result.first_posterior != result.first_posterior:
                result.first_posterior = now

        os.environ["JUPYTER_PATH"] = own["JUPYTER_PATH"]  # where nbclient itself looks for the kernel
        client = NotebookClient(
            notebook,
            timeout=LIMIT,
            kernel_name="python3",
            resources={"metadata": {"path": str(content)}},
            on_cell_execute=start,
            on_cell_executed=clock,
        )
        try:
            client.execute(env=own)
        except Exception as error:  # a kernel that dies, say: one notebook must not take the others down
            result.failed = f"{type(error).__name__}: {error}"
        result.total = time.monotonic() - began
        result.libraries = [name for name in text_of(notebook.cells[-1]).strip().split("|") if name]
        kept = WORK / "ran" / f"{environment.name}-{'-'.join(path.relative_to(WORK / 'cuts').parts)}"
        kept.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, kept)
    return result


def text_of(cell) -> str:
    """Return what a code cell has printed, or its error."""
    return "".join(
        output.get("text", "") or f"{output.get('ename', '')}: {output.get('evalue', '')}"
        for output in cell.get("outputs", [])
        if output.output_type in ("stream", "error")
    )


def report(version: str, edition: str, name: str, result: Run) -> bool:
    """Print a line of the table and what the set-up cell said; return whether the notebook ran to its end."""
    times = f"{result.set_up:10.0f} {result.first_posterior:15.0f} {result.total:9.0f} {result.installed:14.0f}"
    print(f"{version:<7} {f'{edition}/{name}':<44} {times}  {', '.join(result.libraries)}")
    for line in (result.said or result.failed).splitlines():
        print(f"        | {line}")
    if result.failed:
        print(f"FAILED: {result.failed}")
    sys.stdout.flush()
    return not result.failed


def main() -> None:
    """Run the notebooks asked for, print a table, and exit with 1 if one failed."""
    given = sys.argv[1:]
    bare = "--bare" in given
    versions = [argument for argument in given if argument in VERSIONS] or list(VERSIONS)
    chapters = tuple(argument for argument in given if re.fullmatch(r"\d\d[a-z]?", argument))
    wanted = [argument for argument in given if argument.removeprefix("workshop/") in {*TAGS, "full"}] or [*TAGS]
    if unknown := set(given) - {*versions, *chapters, *wanted, "--bare"}:
        sys.exit(f"What is {', '.join(sorted(unknown))}? Give Python versions, editions and chapters.")
    WORK.mkdir(parents=True, exist_ok=True)
    written = write_cuts(ROOT / "notebooks", WORK / "cuts", package_commit(ROOT))
    right = []
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        settings = serve(Path(folder))
        print(f"{'Python':<7} {'notebook':<44} set-up (s)  first posterior  total (s)  installed (MB)", flush=True)
        for version in versions:
            for edition in wanted:
                with_torch = edition.split("/")[-1] in ("pyro", "full")
                for path in (path for path in written if path.parent == WORK / "cuts" / edition):
                    if path.name.startswith(chapters or ""):
                        result = run(path, environment_of(version, with_torch, bare), settings)
                        right.append(report(version, edition, path.stem, result))
    print(f"{sum(right)} of {len(right)} ran to their end.")
    sys.exit(0 if right and all(right) else 1)


if __name__ == "__main__":
    main()
