"""Put the made notebooks on the branch that Colab, Binder and nbviewer open: ``make publish-notebooks``.

The branch ``notebooks`` holds, at its root, the newest notebooks (``pymc/`` to ``tfp/``, ``full/``) and what Binder
needs, and below ``workshop/`` a folder for each day that was published for a workshop (``WORKSHOP=2026-12-01``), which
never changes afterwards: the notebooks that an attendee opened are the notebooks that are still there. All of them,
and Binder's environment, install this package as it was at the commit that they were made from.

Everything happens in the object store of the local repository: no network, and neither the working tree nor the index
is touched. Pushing the branch is left to a person.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from publish.cuts import Book, CutError, package_commit, site_address, write_cuts
from sidebyside.libraries import TAGS

BRANCH = "notebooks"
LATEST = (*TAGS, "full")
SOURCES = ("_config.yml", "book/references.bib", "environment.yml", "notebooks", "publish", "pyproject.toml", "src")
README = """\
# {title}: the notebooks

Made by machine from [the course]({repository}), so don't change them here.

- `{latest}`: the newest notebooks, one folder for each library and one for all five. The chapters that use none of
  the libraries are in `full`.
- `workshop/`: what a workshop was held with. A folder that bears a date never changes.

[The book]({site}) has a button on each page that opens its notebook on Colab or Binder.
"""


class PublishError(Exception):
    """The notebooks can't be published; the message says why and what to do."""


class Repository:
    """The local repository, through git's plumbing."""

    def __init__(self, root: Path):
        self.root = root

    def git(self, *arguments: str, data: str | None = None, index: Path | None = None) -> str:
        """Run git and return what it prints, without the last line's end."""
        environment = os.environ | ({"GIT_INDEX_FILE": str(index)} if index else {})
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment, input=data, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PublishError(f"git {' '.join(arguments[:3])}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def commit(self, name: str) -> str | None:
        """Return the commit that a reference names, None if there is none."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except PublishError:
            return None

    def files(self, tree: str | None) -> dict[str, str]:
        """Return the files of a tree: path and object."""
        lines = self.git("ls-tree", "-r", "-z", tree).split("\0") if tree else []
        parts = (line.split("\t", 1) for line in lines if line)
        return {path: about.split()[2] for about, path in parts}

    def write(self, files: dict[str, Path]) -> dict[str, str]:
        """Store files as objects; return path and object."""
        paths = "".join(f"{file}\n" for file in files.values())
        return dict(
            zip(files, self.git("hash-object", "-w", "--stdin-paths", "--no-filters", data=paths).split(), strict=True)
        )

    def tree(self, files: dict[str, str], index: Path) -> str:
        """Return the tree that holds these files (path and object), made with an index of its own."""
        entries = "".join(f"100644 {stored}\t{path}\n" for path, stored in sorted(files.items()))
        self.git("update-index", "--add", "--index-info", data=entries, index=index)
        return self.git("write-tree", index=index)


def published(repository: Repository) -> str | None:
    """Return the newest commit of the branch, None if there is none; refuse where the remote's is newer than ours."""
    local, remote = repository.commit(f"refs/heads/{BRANCH}"), repository.commit(f"refs/remotes/origin/{BRANCH}")
    if local and remote and repository.git("merge-base", local, remote) != remote:
        raise PublishError(
            f"The branch {BRANCH} is not up to date. Take the published one, then try again: "
            f"git branch --force {BRANCH} origin/{BRANCH}"
        )
    return local or remote


def environment(text: str, helper: str) -> str:
    """Return environment.yml for the branch, where this package is not in the folder and comes from ``helper``."""
    if text.count("- -e .\n") != 1:
        raise PublishError("environment.yml has no line '- -e .' to replace by the package's address.")
    return text.replace(", from this folder", "").replace("- -e .\n", f"- sidebyside @ {helper}\n")


def publish(root: Path, workshop: str | None = None) -> str | None:
    """Commit the notebooks to the branch; return the commit, None if there was nothing new.

    Parameters
    ----------
    root : the repository's folder, whose last commit is published
    workshop : a day, YYYY-MM-DD: publish that folder of workshop notebooks too

    Raises
    ------
    PublishError : the day's folder is there with other bytes, sources are not committed, or git fails
    """
    if workshop and not _is_day(workshop):
        raise PublishError(f"WORKSHOP={workshop} is no day: write it as in WORKSHOP=2026-12-01.")
    repository, book = Repository(root), Book.above(root)
    sources = [source for source in SOURCES if (root / source).exists()]
    if changed := repository.git("status", "--porcelain", "--", *sources):
        raise PublishError(f"Commit first, for what is published must be made from a commit:\n{changed}")
    # The last commit that changed the package: another commit must not give each notebook other bytes.
    pinned = package_commit(root)
    if pinned is None:
        raise PublishError(f"{root} has no commit with the package, so notebooks can't install it.")
    parent = published(repository)
    before = repository.files(parent)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_cuts(root / "notebooks", place / "latest", pinned)
        (place / "README.md").write_text(
            README.format(
                title=book.title,
                repository=book.repository,
                site=site_address(book.repository),
                latest="`, `".join(LATEST),
            ),
            encoding="utf-8",
        )
        (place / "environment.yml").write_text(
            environment((root / "environment.yml").read_text("utf-8"), book.helper(pinned)), encoding="utf-8"
        )
        wanted = {name: place / name for name in ("README.md", "environment.yml")}
        wanted |= {
            path.relative_to(place / "latest").as_posix(): path
            for start in LATEST
            for path in (place / "latest" / start).glob("*.ipynb")
        }
        files = repository.write(wanted)
        files |= {path: stored for path, stored in before.items() if path.startswith("workshop/")}
        if workshop:
            made = place / "latest" / "workshop"
            new = {f"workshop/{workshop}/{path.relative_to(made).as_posix()}": path for path in made.rglob("*.ipynb")}
            files |= _frozen(repository.write(new), before, workshop)
        tree = repository.tree(files, place / "index")
    if parent and tree == repository.git("rev-parse", f"{parent}^{{tree}}"):
        return None
    source = repository.git("rev-parse", "--short", "HEAD")
    message = f"Notebooks of {source}" + (f", and the workshop of {workshop}" if workshop else "")
    commit = repository.git("commit-tree", tree, *(["-p", parent] if parent else []), "-m", message)
    repository.git("update-ref", f"refs/heads/{BRANCH}", commit, repository.commit(f"refs/heads/{BRANCH}") or "0" * 40)
    return commit


def _is_day(text: str) -> bool:
    """Tell whether a text is a day as YYYY-MM-DD."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _frozen(new: dict[str, str], before: dict[str, str], workshop: str) -> dict[str, str]:
    """Return the files of a workshop's day; raise where they are published already and are others."""
    old = {path: stored for path, stored in before.items() if path.startswith(f"workshop/{workshop}/")}
    if old and old != new:
        others = sorted(path for path in old | new if old.get(path) != new.get(path))
        raise PublishError(
            f"The workshop of {workshop} is published, and {len(others)} of its notebooks would change "
            f"({others[0]}, for one). Attendees have copies: choose another day, such as "
            f"WORKSHOP={datetime.date.today()}."
        )
    return new


def main(arguments: list[str] | None = None) -> int:
    """Publish, say what was done and how to push it, and return 1 if it could not be done."""
    parser = argparse.ArgumentParser(prog="make publish-notebooks", description=f"Commit to the branch {BRANCH}.")
    parser.add_argument("root", type=Path, help="the repository's folder")
    parser.add_argument("--workshop", metavar="DAY", help="YYYY-MM-DD: publish workshop/DAY too, for good")
    given = parser.parse_args(arguments)
    try:
        commit = publish(given.root.resolve(), given.workshop or None)
    except (PublishError, CutError) as error:
        print(error, file=sys.stderr)
        return 1
    if commit is None:
        print(f"The branch {BRANCH} holds these notebooks already.")
    else:
        print(f"Committed to the branch {BRANCH}: {commit[:10]}. Nothing was pushed: git push origin {BRANCH}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
