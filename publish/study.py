"""Make the folder that ``make lab`` opens: a copy of each notebook for you to work in, and a start page.

A copy is made once. What you have changed since is yours, and stays as it is.
"""

import argparse
import shutil
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from nbformat import NotebookNode

from publish.cuts import Book, CutError, package_commit, site_address, write_cuts
from sidebyside.installed import requirements, version_of
from sidebyside.libraries import LIBRARIES, TAGS
from sidebyside.stan_engine import engine

START = "START.ipynb"
# The course's own setting would give a notebook a text twin when it is saved; a copy to work in needs none.
NO_TWINS = 'formats = "ipynb"\n'


def installed_libraries() -> dict[str, str]:
    """Return the tags of the libraries that are installed, with their versions."""
    there = [library.tag for library in LIBRARIES.values() if all(map(find_spec, library.modules))]
    asked = requirements()  # of each library's extra the first distribution is the library itself
    versions = {tag: version_of(next(iter(asked[tag]))) for tag in there}
    if "stan" in versions and engine() == "stanli":
        versions["stan"] = f"on stanli {version_of('stanli')}"
    return versions


def useful(made: Collection[str], installed: Collection[str]) -> list[str]:
    """Return which of a chapter's editions run with the ``installed`` libraries.

    The full notebook does where its chapter needs no library; beside the cuts it is of use where two libraries meet.
    """
    cuts = [tag for tag in TAGS if tag in made and tag in installed]
    return cuts + ["full"] * (len(cuts) > 1 or not set(TAGS) & set(made))


def copy_notebooks(notebooks: Path, study: Path, installed: Collection[str]) -> dict[str, list[str]]:
    """Copy what runs with ``installed`` to ``study``, where it isn't yet, and return each chapter's editions."""
    made: dict[str, dict[str, Path]] = {}
    with TemporaryDirectory() as fresh:
        for path in write_cuts(notebooks, Path(fresh), package_commit(Book.above(notebooks).root)):
            made.setdefault(path.name, {})[path.parent.relative_to(fresh).as_posix()] = path
        chapters = {name: useful(made[name], installed) for name in sorted(made)}
        for name, edition in ((name, edition) for name, editions in chapters.items() for edition in editions):
            copy = study / edition / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists():
                shutil.copyfile(made[name][edition], copy)
    return chapters


def start_page(
    notebooks: Path, study: Path, chapters: Mapping[str, list[str]], installed: Mapping[str, str]
) -> NotebookNode:
    """Return the start page: the chapters that have notebooks in ``study``, first steps, the libraries there are."""
    book = Book.above(notebooks)
    rows = []
    for name, editions in chapters.items():
        first = nbformat.read(notebooks / name, as_version=4).cells[0].source
        names = {"full": "all in one" if len(editions) > 1 else "open"} | TAGS
        links = " · ".join(f"[{names[edition]}]({edition}/{name})" for edition in editions)
        number, title = name.partition("_")[0].lstrip("0"), first.partition("\n")[0].removeprefix("# ")
        rows.append(f"| {number} | {title} | {links or 'needs one of the libraries'} |")
    libraries = f"Installed: {', '.join(f'{TAGS[tag]} {version}' for tag, version in installed.items()) or 'none'}."
    if absent := [tag for tag in TAGS if tag not in installed]:
        names = [TAGS[tag] for tag in absent]
        others = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        command = f'make lab LIBS="{" ".join([*installed, absent[0]])}"'
        libraries += f" Not here: {others}. To add one, stop, and type for example `{command}`."
    page = Template(Path(__file__).with_name("start.md").read_text("utf-8")).substitute(
        title=book.title,
        chapters="\n".join(rows),
        folder=study.name,
        libraries=libraries,
        site=site_address(book.repository),
    )
    notebook = jupytext.reads(page, "md:myst")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"start-{number}"
        cell.metadata |= {"editable": False, "deletable": False}  # a double click shows no source
    notebook.metadata.pop("jupytext", None)
    return notebook


def main(arguments: list[str] | None = None) -> int:
    """Make the folder, say what is in it, and return 1 if a chapter can't be cut."""
    parser = argparse.ArgumentParser(prog="python -m publish.study", description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", type=Path, help="where the chapters are: notebooks")
    parser.add_argument("study", type=Path, help="the folder to work in; what is there already stays")
    given = parser.parse_args(arguments)
    installed = installed_libraries()
    try:
        chapters = copy_notebooks(given.notebooks, given.study, installed)
    except CutError as error:
        print(error, file=sys.stderr)
        return 1
    (given.study / "jupytext.toml").write_text(NO_TWINS, "utf-8")
    nbformat.write(start_page(given.notebooks, given.study, chapters, installed), given.study / START)
    print(f"Your notebooks are in {given.study}; begin with {given.study / START}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
