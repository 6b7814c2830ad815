"""Run each cut in an environment of its own: ``python -m trials.cuts_alone [tag ...] [chapter ...]``, or all of them.

For each library: a fresh environment with the locked versions of this package, that library and JupyterLab, and no
other library; the library's cuts, those of the workshop too, run in it from top to bottom; the environment is removed.
What it took is printed as a table: megabytes, seconds to install, seconds to run. ``full`` runs the cuts with all five
libraries, in the environment of the author.

All of them take hours, so what ran is kept in ``build/cuts-ran.json``, with the commit it ran at, and is not run again
while its notebook stays the same. Remove that file to begin anew.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from publish.cuts import write_cuts
from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build" / "cuts"
ENVIRONMENTS = ROOT / "build" / "cuts-env"
RAN = ROOT / "build" / "cuts-ran.json"
FULL = "full"
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
notebook, resources = nbformat.read(path, as_version=4), {"metadata": {"path": str(path.parent)}}
NotebookClient(notebook, timeout=1800, resources=resources).execute()
"""


def fingerprint(cut: Path) -> str:
    """Return what changes when the notebook does."""
    return hashlib.sha256(cut.read_bytes()).hexdigest()


def load_ran() -> dict[str, dict]:
    """Return what ran: per cut its fingerprint, seconds and commit."""
    return json.loads(RAN.read_text()) if RAN.exists() else {}


def run_cuts(python: Path | str, cuts: list[Path], **options) -> float:
    """Run cuts one after the other, keep a record of each that came to its end, and return the seconds."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    started = time.monotonic()
    for path in cuts:
        began = time.monotonic()
        subprocess.run([python, "-c", RUN, str(path)], check=True, **options)
        seconds, name = round(time.monotonic() - began), str(path.relative_to(TARGET))
        print(f"  {name}: {seconds} s", flush=True)
        ran = load_ran() | {name: {"sha256": fingerprint(path), "seconds": seconds, "commit": commit.strip()}}
        RAN.write_text(json.dumps(ran, indent=1, sort_keys=True))
    return time.monotonic() - started


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
        return size, install_time, run_cuts(python, cuts, env=own, cwd=environment)
    finally:
        shutil.rmtree(environment)


def main() -> None:
    """Make the cuts, run those of the libraries named on the command line, and print a table."""
    chapters = tuple(argument for argument in sys.argv[1:] if argument[:2].isdigit())  # "08", or "08b" alone
    tags = [argument for argument in sys.argv[1:] if argument not in chapters] or [*TAGS, FULL]
    if unknown := set(tags) - {*TAGS, FULL}:
        sys.exit(f"No library is tagged {', '.join(sorted(unknown))}; there are: {', '.join(TAGS)}, and {FULL}.")
    written, ran = write_cuts(ROOT / "notebooks", TARGET), load_ran()
    print("library    environment (MB)  install (s)  run (s)", flush=True)
    for tag in tags:
        folders = TARGET / tag, TARGET / "workshop" / tag
        cuts = [path for path in written if path.parent in folders and path.name.startswith(chapters or "")]
        if not cuts:
            sys.exit(f"No chapter of those named has a cell tagged {tag!r}: nothing to run.")
        left = [path for path in cuts if ran.get(str(path.relative_to(TARGET)), {}).get("sha256") != fingerprint(path)]
        if len(left) < len(cuts):
            print(f"  {tag}: {len(cuts) - len(left)} of {len(cuts)} ran before, as they are ({RAN.relative_to(ROOT)})")
        if left and tag == FULL:
            print(f"{FULL:<10} {'':16}  {'':11}  {run_cuts(sys.executable, left, cwd=TARGET):7.0f}", flush=True)
        elif left:
            size, install, run = alone(tag, left)
            print(f"{TAGS[tag]:<10} {size:16.0f}  {install:11.0f}  {run:7.0f}", flush=True)


if __name__ == "__main__":
    main()
