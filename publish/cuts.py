"""Make the notebooks that people run from each chapter: ``make cuts``.

A cut keeps the cells of everybody and those of one library, the full notebook those of all, both without outputs and
without the prose tagged ``book``, which is true of the book's page alone. A workshop notebook is a cut, or a full
notebook, whose solutions have become a place to write. The first code cell of each is made here: it calls
:func:`sidebyside.colab.set_up`. The book's roles and directives, which would show raw in JupyterLab, on Colab and on
GitHub, become plain Markdown with links to the book. The same chapter gives the same bytes.
"""

import argparse
import ast
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

import nbformat
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from pybtex.database import BibliographyData, Entry, parse_file

from publish.tags import BOOK, TagError, cell_name, library_tag
from sidebyside.colab import marks
from sidebyside.libraries import LIBRARIES, TAGS, Library

ROLE = re.compile(r"(?<!`)\{(?P<role>[a-z][\w:-]*)\}`(?P<content>[^`]+)`")
DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<title>.*)\n(?P<body>(?s:.*?))^(?P=fence)[ \t]*$",
    re.MULTILINE,
)
RAW = re.compile(r"(?<!`)\{[a-z][\w:-]*\}`|^(?:`{3,}|:{3,})\{.*$|^\([\w-]+\)=$", re.MULTILINE)
TARGET = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
ADMONITIONS = {"admonition", "caution", "dropdown", "hint", "important", "note", "seealso", "tip", "warning"}

PIP_NAMES = {"daft": "daft-pgm", "sklearn": "scikit-learn"}
PYTHON_BODIES = {"capture", "prun", "time", "timeit"}  # cell magics that run what stands below them as Python
OF_THE_HOST = {"IPython", "ipywidgets"}  # tied to the front end: whoever runs the notebook has the right ones


class CutError(ValueError):
    """A chapter can't be cut; the message names the notebook and the cell and says what to do."""


def owner_and_name(repository: str) -> tuple[str, str]:
    """Return the owner and the name that a repository's address ends in."""
    owner, name = repository.removesuffix("/").removesuffix(".git").split("/")[-2:]
    return owner, name


def site_address(repository: str) -> str:
    """Return the address, with a slash at its end, of the book that GitHub Pages serves for a repository's address."""
    owner, name = owner_and_name(repository)
    return f"https://{owner.lower()}.github.io/{name}/"


@dataclass(frozen=True)
class Book:
    """What a cut says of the book: where it is, and what it cites."""

    root: Path
    title: str
    repository: str
    branch: str
    references: str
    bibliography: BibliographyData

    @classmethod
    def above(cls, folder: Path) -> "Book":
        """Read the book whose ``_config.yml`` stands in the nearest folder at or above ``folder``."""
        folder = folder.resolve()
        root = next((place for place in (folder, *folder.parents) if (place / "_config.yml").is_file()), None)
        if root is None:
            raise CutError(f"No _config.yml at or above {folder}: it holds the repository's address.")
        config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
        bibliography = BibliographyData()
        for file in config.get("bibtex_bibfiles", []):
            bibliography.add_entries(parse_file(root / file).entries.items())
        pages = [page for page in sorted(root.glob("book/*.md")) if "{bibliography}" in page.read_text("utf-8")]
        references = f"{pages[0].relative_to(root).with_suffix('').as_posix()}.html" if pages else ""
        repository = config["repository"]
        return cls(root, config["title"], repository["url"], repository["branch"], references, bibliography)

    def page(self, source: PurePosixPath | str) -> str:
        """Return the address of the book's page made from ``source``, a path from the repository's root."""
        return f"{site_address(self.repository)}{PurePosixPath(source).with_suffix('.html')}"

    def helper(self, commit: str | None = None) -> str:
        """Return the address from which pip takes this package, at a commit, or where there is none at the branch."""
        return f"git+{self.repository.removesuffix('.git')}.git@{commit or self.branch}"

    def file(self, path: PurePosixPath | str) -> str:
        """Return the address of a file in the repository, given its path from the root."""
        return f"{self.repository}/blob/{self.branch}/{path}"


def package_commit(root: Path) -> str | None:
    """Return the last commit that changed this package, None if ``root`` is not the top folder of a git repository."""
    if shutil.which("git") is None:
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    if git("rev-parse", "--is-inside-work-tree") != "true" or git("rev-parse", "--show-prefix"):
        return None
    return git("log", "-1", "--format=%H", "--", "src", "pyproject.toml") or None


# ---- Markdown --------------------------------------------------------------------------------


def plain_markdown(text: str, chapter: PurePosixPath, book: Book, where: str) -> str:
    """Return ``text``, from the notebook ``chapter`` (a path from the root), as Markdown without roles and directives.

    Raises :class:`CutError`, which begins with ``where``, at what it can't put plainly.
    """

    def directive(match: re.Match) -> str:
        if match["name"] not in ADMONITIONS:
            raise CutError(f"{where}: {{{match['name']}}} has no plain form in a cut; write it in plain Markdown.")
        lines = [line for line in match["body"].strip().splitlines() if not re.match(r":[\w-]+:", line)]
        title = match["title"].strip() or match["name"].replace("seealso", "see also").capitalize()
        return "\n".join(f"> {line}".rstrip() for line in [f"**{title}**", "", *lines])

    def role(match: re.Match) -> str:
        return _role(match["role"], match["content"], chapter, book, where)

    def link(match: re.Match) -> str:
        target = _absolute(match["target"], chapter, book, image=bool(match["image"]))
        return f"{match['image']}[{match['text']}]({target})"

    text = LINK.sub(link, ROLE.sub(role, DIRECTIVE.sub(directive, TARGET.sub("", text))))
    if left := RAW.search(text):
        raise CutError(f"{where}: {left[0]!r} has no plain form in a cut; write it in plain Markdown.")
    return text


def _role(role: str, content: str, chapter: PurePosixPath, book: Book, where: str) -> str:
    """Return a role as plain Markdown."""
    words, target = content, content
    if titled := re.fullmatch(r"(.+?)\s*<(.+)>", content, re.DOTALL):
        words, target = titled.groups()
    match role:
        case "term":
            return words
        case "math":
            return f"${content}$"
        case "cite" | "cite:p" | "cite:t":
            return _citation(role, [key.strip() for key in content.split(",")], book, where)
        case "ref" | "numref" | "doc":
            if role != "doc" and words is target:
                raise CutError(f"{where}: give the link words of its own, {{{role}}}`words <{target}>`.")
            target = f"{target}.md" if role == "doc" else f"#{target.lower().replace('_', '-')}"
            return f"[{words}]({target})"
    raise CutError(f"{where}: {{{role}}} has no plain form in a cut; write it in plain Markdown.")


def _citation(role: str, keys: list[str], book: Book, where: str) -> str:
    """Return a citation as author and year, with a link to the book's list of references."""
    parts = []
    for key in keys:
        if key not in book.bibliography.entries:
            raise CutError(f"{where}: no entry {key!r} in the bibliography; add it, or correct the key.")
        entry = book.bibliography.entries[key]
        year, address = entry.fields["year"], book.page(book.references)
        linked = f"{_authors(entry)} ([{year}]({address}))"
        parts.append(linked if role == "cite:t" else f"[{_authors(entry)}, {year}]({address})")
    return " and ".join(parts) if role == "cite:t" else f"({'; '.join(parts)})"


def _authors(entry: Entry) -> str:
    """Return the surnames of up to two authors, or the first and "et al."."""
    people = entry.persons.get("author") or entry.persons["editor"]
    surnames = [" ".join(map(str, person.rich_prelast_names + person.rich_last_names)) for person in people]
    return " and ".join(surnames) if len(surnames) < 3 else f"{surnames[0]} et al."


def _absolute(target: str, chapter: PurePosixPath, book: Book, image: bool) -> str:
    """Return a link's target as an address: a page of the book, or a file in the repository."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return target
    path, hash_sign, anchor = target.partition("#")
    # As in Sphinx, a path with a slash before it starts at the root.
    source = path.lstrip("/") if path.startswith("/") else posixpath.normpath(chapter.parent / path)
    source = source if path else str(chapter)
    if PurePosixPath(source).suffix in {".md", ".ipynb"}:
        return book.page(source) + hash_sign + anchor
    return book.file(source) + ("?raw=true" if image else "")


# ---- notebooks -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edition:
    """One of the notebooks made from a chapter.

    Attributes
    ----------
    folder : where it goes, below the folder of all cuts: ``pymc``, ``full``, ``workshop/pymc``, ``workshop/full``
    libraries : whose cells it keeps, beside everybody's
    """

    folder: str
    libraries: tuple[Library, ...]

    @property
    def workshop(self) -> bool:
        """Whether its solutions are taken out."""
        return self.folder.startswith("workshop/")

    @property
    def full(self) -> bool:
        """Whether it has all the libraries of its chapter (none, if the chapter has none)."""
        return self.folder.endswith("full")


def editions(used: Iterable[str | None]) -> Iterator[Edition]:
    """Yield what is made from a chapter with cells of these libraries (tags; None is everybody's)."""
    libraries = tuple(library for library in LIBRARIES.values() if library.tag in set(used))
    for start in ("", "workshop/"):
        for library in libraries:
            yield Edition(f"{start}{library.tag}", (library,))
        yield Edition(f"{start}full", libraries)


def introduce(text: str, edition: Edition, chapter: PurePosixPath, book: Book) -> str:
    """Return a notebook's first cell: the chapter's own ``text``, and below its title what this notebook is."""
    names = [library.name for library in edition.libraries]
    tags = " ".join(library.tag for library in edition.libraries)
    kind = "workshop notebook" if edition.workshop else "notebook"
    what = f"the {kind}"
    if len(names) == 1:
        what = f"the {names[0]} {kind}"
    elif names:
        what = f"the full {kind}, in {', '.join(names[:-1])} and {names[-1]}"
    install = f'`make lab LIBS="{tags}"`' if tags else "`make lab`"
    page = f"[The book's page]({book.page(chapter)})"
    solutions = " and the solutions, closed until you open them" if edition.workshop else ""
    note = (
        f"> **This is {what}** of a chapter of [{book.title}]({site_address(book.repository)}), "
        f"made by machine: to change it, change [the chapter]({book.file(chapter)}). "
        f"{page} shows the outputs too{solutions}.\n"
        ">\n"
        "> Run the next cell first. On Colab it installs what is missing there. On your own machine it only looks: "
        f"in a copy of [the repository]({book.repository}), with Python 3.12 or 3.13, {install} installs what is "
        "needed."
    )
    title, _, rest = text.partition("\n")
    parts = (title, note, rest.strip()) if title.startswith("# ") else (note, text)
    return "\n\n".join(part for part in parts if part)


def check_imports(code: str, tag: str | None, where: str) -> None:
    """Raise :class:`CutError` if a cell imports a library that its tag is not of: some cut would not run alone."""
    for library in LIBRARIES.values():
        found = re.search(rf"^\s*(?:import|from)\s+({'|'.join(library.modules)})\b", code, re.MULTILINE)
        if found and library.tag != tag:
            has = f"is tagged {tag!r}" if tag else "has no library tag"
            raise CutError(
                f"{where} imports {found[1]} and {has}; tag it {library.tag!r}, or import in a cell of {library.name}."
            )


def libraries_of(notebook: NotebookNode, chapter: PurePosixPath) -> list[str | None]:
    """Return the library tag of every cell, None where the cell is everybody's.

    Raises :class:`CutError`, naming the cell, at malformed tags, at an import of another library, and at code that
    can't be cut: tagged ``book``, begun with a cell magic where a comment has to come first, or not Python.
    """
    tags = []
    for number, cell in enumerate(notebook.cells, start=1):
        where, given = cell_name(chapter, number, cell.source), cell.metadata.get("tags", [])
        try:
            tags.append(library_tag(given, where))
        except TagError as error:
            raise CutError(str(error)) from error
        if cell.cell_type == "code":
            check_imports(cell.source, tags[-1], where)
            if BOOK in given:
                raise CutError(f"{where}: the tag {BOOK!r} is for prose; the notebooks run all code.")
            if cell.source.startswith("%%") and (tags[-1] or "solution" in given):
                whose = "a library's cell" if tags[-1] else "a solution"
                raise CutError(f"{where}: {whose} can't begin with %%, for notebooks begin it with #.")
            try:
                imported_modules(cell.source)
            except SyntaxError as error:
                raise CutError(f"{where} is not Python: {error.msg}, line {error.lineno}.") from error
    return tags


def imported_modules(source: str) -> set[str]:
    """Return the top-level modules that a cell imports; lines with ``%``, ``!`` or ``?`` are IPython's, and may stand.

    Raises SyntaxError where the rest is not Python.
    """
    first, _, body = source.partition("\n")
    if first.startswith("%%"):
        return imported_modules(body) if first[2:].partition(" ")[0] in PYTHON_BODIES else set()
    imported = set()
    for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    return imported


def distributions(cells: Iterable[NotebookNode]) -> list[str]:
    """Return, by the names that pip knows, what everybody's code cells import and the set-up cell has to look for."""
    imported = set()
    for cell in cells:
        if cell.cell_type == "code" and not set(cell.metadata.get("tags", [])) & set(TAGS):
            imported |= imported_modules(cell.source)
    asked = imported - sys.stdlib_module_names - {"sidebyside"} - OF_THE_HOST
    return sorted(PIP_NAMES.get(module, module) for module in asked)


def set_up_cell(cells: Sequence[NotebookNode], edition: Edition, helper: str) -> NotebookNode:
    """Return the first code cell, which finds or installs what the notebook's ``cells`` import.

    ``helper`` is the address from which pip takes this package.
    """
    tags = [library.tag for library in edition.libraries]
    extras = f"[{','.join(tags)}]" if tags else ""
    needs = [f'    "{tag}",' for tag in tags]
    packages = ", ".join(f'"{name}"' for name in distributions(cells))
    call = [*needs, f"    packages=[{packages}],", "    started=set_up_started,"]
    source = f"""\
# Set-up. On Colab it installs what this notebook lacks; elsewhere it only looks.
import sys
import time
from importlib.util import find_spec

set_up_started = time.monotonic()
course = "{helper}"
if find_spec("sidebyside") is None:
    if "google.colab" not in sys.modules:
        raise ImportError(f'First, in a terminal: pip install "sidebyside{extras} @ {{course}}"')
    !{{sys.executable}} -m pip install --quiet --no-deps "{{course}}"

import sidebyside as sbs

sbs.set_up(
{"\n".join(call)}
)"""
    return nbformat.v4.new_code_cell(source, id="set-up", metadata={"tags": ["setup"]})


def fold(cell: NotebookNode, tag: str | None) -> None:
    """Close a solution's cell until the reader opens it, in JupyterLab and on Colab."""
    if cell.cell_type == "code":
        cell.source = f"{marks(tag)[1] if tag else '#@title Solution'}\n{cell.source}"
        cell.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    else:
        cell.source = f"<details>\n<summary>Solution</summary>\n\n{cell.source}\n\n</details>"


def name_library(cell: NotebookNode, tag: str) -> None:
    """Say in a cell of the full notebook, which has no tabs, whose it is."""
    name = TAGS[tag]
    if cell.cell_type == "code":
        cell.source = f"{marks(tag)[0]}\n{cell.source}"
    elif not re.match(rf"\*\*({name}|TensorFlow Probability)\b", cell.source):
        cell.source = f"**{name}**\n\n{cell.source}"


def place_to_write(number: int) -> NotebookNode:
    """Return the cell that a workshop notebook has in the place of an exercise's solution, counted from 1."""
    return nbformat.v4.new_code_cell("# Your work goes here. Add cells as you need them.", id=f"your-work-{number}")


def without_solutions(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Return cells with a place to write for each run of solutions, above the exercise's self-check if it has one."""
    kept, places = [], 0
    for solution, run in groupby(cells, lambda cell: "solution" in cell.metadata.get("tags", [])):
        if not solution:
            kept += run
            continue
        places += 1
        checked = kept and kept[-1].cell_type == "code" and "sbs.check(" in kept[-1].source
        kept.insert(len(kept) - bool(checked), place_to_write(places))
    return kept


def cut(
    notebook: NotebookNode, edition: Edition, chapter: PurePosixPath, book: Book, helper: str | None = None
) -> NotebookNode:
    """Return what is made from a chapter's ``notebook`` for one edition.

    Raises :class:`CutError`, naming the cell, where :func:`libraries_of` does and at a role or directive that has no
    plain form.
    """
    cells = []
    wanted = {None, *(library.tag for library in edition.libraries)}
    for number, (cell, tag) in enumerate(zip(notebook.cells, libraries_of(notebook, chapter), strict=True), start=1):
        if tag not in wanted or BOOK in cell.metadata.get("tags", []):
            continue
        kept, solution = nbformat.from_dict(cell), "solution" in cell.metadata.get("tags", [])
        if kept.cell_type == "code":
            kept.outputs, kept.execution_count = [], None
        else:
            kept.source = plain_markdown(kept.source, chapter, book, cell_name(chapter, number, cell.source))
            kept.source = kept.source.strip()
        if tag and edition.full and not (solution and kept.cell_type == "code"):
            name_library(kept, tag)
        if solution:
            fold(kept, tag)
        cells.append(kept)
    if edition.workshop:
        cells = without_solutions(cells)
    if not cells or cells[0].cell_type != "markdown":
        cells.insert(0, nbformat.v4.new_markdown_cell(id="introduction"))
    cells[0].source = introduce(cells[0].source, edition, chapter, book)
    cells.insert(1, set_up_cell(cells, edition, helper or book.helper()))
    metadata = {key: notebook.metadata[key] for key in ("kernelspec", "language_info") if key in notebook.metadata}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def write_cuts(folder: Path, target: Path, commit: str | None = None) -> list[Path]:
    """Write what is made from every ``.ipynb`` in ``folder`` to ``target``, and return the paths.

    On Colab they install this package at ``commit``; without one, as it is on the book's branch that day.
    """
    book = Book.above(folder)
    written = []
    for old in editions(TAGS):
        shutil.rmtree(target / old.folder, ignore_errors=True)  # else what was made of a renamed chapter would stay
    for path in sorted(folder.glob("*.ipynb")):
        chapter = PurePosixPath(path.resolve().relative_to(book.root).as_posix())
        notebook = nbformat.read(path, as_version=4)
        for edition in editions(libraries_of(notebook, chapter)):
            made = cut(notebook, edition, chapter, book, book.helper(commit))
            (target / edition.folder).mkdir(parents=True, exist_ok=True)
            nbformat.write(made, target / edition.folder / path.name)
            written.append(target / edition.folder / path.name)
    return written


def main(arguments: list[str] | None = None) -> int:
    """Make all notebooks, list them, and return 1 if a chapter can't be cut."""
    parser = argparse.ArgumentParser(prog="make cuts", description="Make the notebooks that people run.")
    parser.add_argument("folder", type=Path, help="where the chapters are: notebooks")
    parser.add_argument("target", type=Path, help="where the cuts go: build/cuts")
    given = parser.parse_args(arguments)
    try:
        for path in write_cuts(given.folder, given.target, package_commit(Book.above(given.folder).root)):
            print(path)
    except CutError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
