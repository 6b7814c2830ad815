"""Run each cut in an environment of its own: ``python tests/cuts_alone.py [tag ...] [chapter ...]``, or all of them.

For each library: a fresh environment with the locked versions of this package, that library and JupyterLab, and no
other library; the library's cuts run in it from top to bottom; the environment is removed. What it took is printed as
a table: megabytes, seconds to install, seconds to run.
"""

import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from sidebyside.libraries import LIBRARIES, TAGS
from sidebyside.publish.cuts import write_cuts

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build" / "cuts"
ENVIRONMENTS = ROOT / "build" / "cuts-env"
ABSENT = """
import sys
from importlib.util import find_spec

if found := [module for module in sys.argv[1:] if find_spec(module)]:
    sys.exit(f"Other libraries are installed too: {', '.join(found)}")
"""
RUN = """
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

path = Path(sys.argv[1])
NotebookClient(nbformat.read(path, as_version=4), resources={"metadata": {"path": str(path.parent)}}).execute()
"""


def megabytes(folder: Path) -> float:
    """Return what the files in a folder take, in units of 1e6 bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file()) / 1e6


def alone(tag: str, cuts: list[Path]) -> tuple[float, float, float]:
    """Run the cuts of one library without the others; return MB installed, seconds to install, seconds to run."""
    environment = ENVIRONMENTS / tag
    if environment.exists():
        shutil.rmtree(environment)
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    # Kernels and caches of this machine must not stand in for what a reader would have to install.
    outside = ("PYTHON", "JUPYTER", "IPYTHON", "VIRTUAL_ENV")
    own = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    own |= {"JUPYTER_DATA_DIR": str(environment / "data"), "XDG_CACHE_HOME": str(environment / "cache")}
    try:
        started = time.monotonic()
        options = ["--quiet", "--disable-pip-version-check", "-c", str(ROOT / "requirements" / "all.txt")]
        install = [python, "-m", "pip", "install", *options, "-e", f"{ROOT}[{tag},lab]"]
        subprocess.run(install, check=True, env=own, cwd=ROOT)
        install_time = time.monotonic() - started
        size = megabytes(environment)
        foreign = [module for library in LIBRARIES.values() if library.tag != tag for module in library.modules]
        subprocess.run([python, "-c", ABSENT, *foreign], check=True, env=own, cwd=environment)
        started = time.monotonic()
        for path in cuts:
            began = time.monotonic()
            subprocess.run([python, "-c", RUN, str(path)], check=True, env=own, cwd=environment)
            print(f"  {path.stem}: {time.monotonic() - began:.0f} s", flush=True)
        return size, install_time, time.monotonic() - started
    finally:
        shutil.rmtree(environment)


def main() -> None:
    """Make the cuts, run those of the libraries named on the command line, and print a table."""
    chapters = tuple(argument for argument in sys.argv[1:] if argument[:2].isdigit())  # "08", or "08b" alone
    tags = [argument for argument in sys.argv[1:] if argument not in chapters] or list(TAGS)
    if unknown := set(tags) - set(TAGS):
        sys.exit(f"No library is tagged {', '.join(sorted(unknown))}; there are: {', '.join(TAGS)}.")
    written = write_cuts(ROOT / "notebooks", TARGET)
    print("library    environment (MB)  install (s)  run (s)", flush=True)
    for tag in tags:
        cuts = [path for path in written if path.parent == TARGET / tag and path.name.startswith(chapters or "")]
        if not cuts:
            sys.exit(f"No chapter of those named has a cell tagged {tag!r}: nothing to run.")
        size, install, run = alone(tag, cuts)
        print(f"{TAGS[tag]:<10} {size:16.0f}  {install:11.0f}  {run:7.0f}", flush=True)


if __name__ == "__main__":
    main()
