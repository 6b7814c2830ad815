"""Make one notebook per library from each chapter: ``make cuts``.

A cut keeps the cells of everybody and of one library, without outputs. The book's roles and directives, which would
show raw in JupyterLab, on Colab and on GitHub, become plain Markdown with links to the book. The same chapter gives
the same bytes.
"""

import argparse
import posixpath
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat
import yaml
from nbformat import NotebookNode
from pybtex.database import BibliographyData, Entry, parse_file

from sidebyside.libraries import LIBRARIES, TAGS, Library
from sidebyside.publish.tags import TagError, cell_name, library_tag

ROLE = re.compile(r"(?<!`)\{(?P<role>[a-z][\w:-]*)\}`(?P<content>[^`]+)`")
DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<title>.*)\n(?P<body>(?s:.*?))^(?P=fence)[ \t]*$",
    re.MULTILINE,
)
RAW = re.compile(r"(?<!`)\{[a-z][\w:-]*\}`|^(?:`{3,}|:{3,})\{.*$|^\([\w-]+\)=$", re.MULTILINE)
TARGET = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
ADMONITIONS = {"admonition", "caution", "dropdown", "hint", "important", "note", "seealso", "tip", "warning"}


class CutError(ValueError):
    """A chapter can't be cut; the message names the notebook and the cell and says what to do."""


def site_address(repository: str) -> str:
    """Return the address, with a slash at its end, of the book that GitHub Pages serves for a repository's address."""
    owner, name = repository.removesuffix("/").removesuffix(".git").split("/")[-2:]
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

    def file(self, path: PurePosixPath | str) -> str:
        """Return the address of a file in the repository, given its path from the root."""
        return f"{self.repository}/blob/{self.branch}/{path}"


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


def introduce(text: str, library: Library, chapter: PurePosixPath, book: Book) -> str:
    """Return a cut's first cell: the chapter's own ``text``, and below its title what this notebook is."""
    note = (
        f"> **This is the {library.name} notebook** of a chapter of [{book.title}]({site_address(book.repository)}), "
        f"made by machine: to change it, change [the chapter]({book.file(chapter)}). "
        f"[The book's page]({book.page(chapter)}) shows it with the other libraries and the outputs.\n"
        ">\n"
        f"> It needs {library.name} and none of the others. "
        f"In a copy of [the repository]({book.repository}), with Python 3.12, "
        f'`make lab LIBS="{library.tag}"` installs JupyterLab and {library.name}; '
        f'`pip install ".[{library.tag}]"` installs {library.name} alone.'
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

    Raises :class:`CutError`, naming the cell, at malformed tags and at an import of another library.
    """
    tags = []
    for number, cell in enumerate(notebook.cells, start=1):
        where = cell_name(chapter, number, cell.source)
        try:
            tags.append(library_tag(cell.metadata.get("tags", []), where))
        except TagError as error:
            raise CutError(str(error)) from error
        if cell.cell_type == "code":
            check_imports(cell.source, tags[-1], where)
    return tags


def cut(notebook: NotebookNode, library: Library, chapter: PurePosixPath, book: Book) -> NotebookNode:
    """Return the part of a chapter's ``notebook`` that is for one library.

    Raises :class:`CutError`, naming the cell, where :func:`libraries_of` does and at a role or directive that has no
    plain form.
    """
    cells = []
    for number, (cell, tag) in enumerate(zip(notebook.cells, libraries_of(notebook, chapter), strict=True), start=1):
        if tag not in {None, library.tag}:
            continue
        kept = nbformat.from_dict(cell)
        if kept.cell_type == "code":
            kept.outputs, kept.execution_count = [], None
        else:
            kept.source = plain_markdown(kept.source, chapter, book, cell_name(chapter, number, cell.source))
        cells.append(kept)
    if not cells or cells[0].cell_type != "markdown":
        cells.insert(0, nbformat.v4.new_markdown_cell(id="introduction"))
    cells[0].source = introduce(cells[0].source, library, chapter, book)
    metadata = {key: notebook.metadata[key] for key in ("kernelspec", "language_info") if key in notebook.metadata}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def write_cuts(folder: Path, target: Path) -> list[Path]:
    """Write the cuts of every ``.ipynb`` in ``folder`` to ``target/<tag>/``, and return their paths."""
    book = Book.above(folder)
    written = []
    for old in (file for tag in TAGS for file in (target / tag).glob("*.ipynb")):
        old.unlink()  # else the cut of a chapter that was renamed would stay
    for path in sorted(folder.glob("*.ipynb")):
        chapter = PurePosixPath(path.resolve().relative_to(book.root).as_posix())
        notebook = nbformat.read(path, as_version=4)
        used = libraries_of(notebook, chapter)
        for library in (library for library in LIBRARIES.values() if library.tag in used):
            made = cut(notebook, library, chapter, book)
            (target / library.tag).mkdir(parents=True, exist_ok=True)
            nbformat.write(made, target / library.tag / path.name)
            written.append(target / library.tag / path.name)
    return written


def main(arguments: list[str] | None = None) -> int:
    """Make the cuts, list them, and return 1 if a chapter can't be cut."""
    parser = argparse.ArgumentParser(prog="make cuts", description="Make one notebook per library from each chapter.")
    parser.add_argument("folder", type=Path, help="where the chapters are: notebooks")
    parser.add_argument("target", type=Path, help="where the cuts go: build/cuts")
    given = parser.parse_args(arguments)
    try:
        for path in write_cuts(given.folder, given.target):
            print(path)
    except CutError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
