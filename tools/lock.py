"""Make the locks from pyproject.toml: ``make lock`` (uv resolves for every platform and Python 3.12 or newer).

``book.txt`` holds what builds the book and the decks; ``all.txt`` holds everything, with the book's versions;
``hub.txt`` holds what the trial of a JupyterHub needs beside ``all.txt``, and none of its lines. Versions that are
locked already stay, so that a new package moves no other; ``make lock UPGRADE=1`` takes the newest of all.

``hashed/`` holds the same locks with the hashes of their files, and one lock for each library, for a hub: pip then
refuses a file that is not the one that was locked.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from sidebyside.libraries import TAGS

HERE = Path(__file__).parents[1] / "requirements"
HASHED = HERE / "hashed"
HEADER = "# Made by `make lock` from pyproject.toml: do not edit.\n"


def compile_lock(requirements: list[str], target: Path, *options: str) -> None:
    """Resolve ``requirements`` into ``target``, one ``name==version`` a line."""
    command = [
        str(Path(sys.executable).with_name("uv")),
        "pip",
        "compile",
        "-",
        "--universal",
        "--python-version=3.12",
        "--no-annotate",
        "--no-header",
    ]
    command += ["--no-emit-index-url", "--quiet", f"--output-file={target}", *options]  # uv prefers the file's versions
    if os.environ.get("UPGRADE"):
        command.append("--upgrade")
    subprocess.run(command, input="\n".join(requirements), text=True, check=True, stdout=subprocess.DEVNULL)
    target.write_text(HEADER + target.read_text())


def add_hashes(lock: Path) -> None:
    """Write the lock with its hashes into ``hashed/``: the same lines, nothing resolved."""
    target = HASHED / lock.name
    target.unlink(missing_ok=True)
    compile_lock([f"-r {lock}"], target, "--no-deps", "--generate-hashes")


def main() -> None:
    """Write all locks."""
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    project, extras = settings["project"], settings["project"]["optional-dependencies"]
    compile_lock(extras["book"], HERE / "book.txt")
    everything = project["dependencies"] + [requirement for extra in extras.values() for requirement in extra]
    compile_lock(everything, HERE / "all.txt", f"--constraint={HERE / 'book.txt'}")
    hub, there = HERE / "hub.txt", set((HERE / "all.txt").read_text().splitlines())
    compile_lock(settings["dependency-groups"]["hub"], hub, f"--constraint={HERE / 'all.txt'}")
    hub.write_text(HEADER + "".join(f"{line}\n" for line in hub.read_text().splitlines() if line not in there))
    HASHED.mkdir(exist_ok=True)
    for name in ("book", "all", "hub"):
        add_hashes(HERE / f"{name}.txt")
    for tag in TAGS:
        target = HASHED / f"{tag}.txt"
        target.unlink(missing_ok=True)
        needed = [*project["dependencies"], *extras["lab"], *extras[tag]]
        compile_lock(needed, target, f"--constraint={HERE / 'all.txt'}", "--generate-hashes")


if __name__ == "__main__":
    main()
