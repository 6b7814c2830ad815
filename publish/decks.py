"""Make the decks: reveal.js slides that need no network, and a PDF of each where Chromium is installed.

Run ``python -m publish.decks SLIDES_DIR OUT_DIR``. A deck is a notebook of Markdown cells whose metadata
say where a slide begins (nbconvert's ``slideshow.slide_type``). A deck computes nothing: it shows what chapters hold.

- ``![words](chapter:06_robust_regression#fig-outliers)`` becomes the stored figure of the cell with that name. With
  no words of its own it takes the chapter's alternative text. Of two pictures of a figure it is the one for a
  projector (``publish/projector.py``); an animation brings its last frame, for paper.
- A fenced block whose line is ``# chapter:06_robust_regression#mixture-model-pymc lines=2-9 steps=1-3|4,6`` becomes
  that cell's code. ``lines`` (counted from 1, both ends included, ranges joined by commas) may be left out. ``steps``
  lights some of the lines shown, counted anew, first these, then those.
- With ``{library}`` at the label's end the block shows five tabs; a further line ``# stan lines=4-9 steps=1|2-6`` says
  what is other for that library.
- The same in a block that opens with ```` ```output ```` becomes what the cell has printed; Markdown stays Markdown.
- ``![words](qr:ADDRESS)`` becomes a QR code with its address in letters; ``ADDRESS`` is an https address,
  ``repository:``, or ``site:notebooks/06_robust_regression.html`` for a page of the published book.
- ``**PyMC**``, the name of a library in bold, gets that library's colour and marker.
- ``<repository:>`` becomes the repository's address, from ``_config.yml``.

Each slide has notes, and they open with the minute at which the slide begins (``**1:30**``); the last ones close with
the minute at which the talk ends. The speaker view paces the talk by these.

A deck whose name ends in a language (``lightning_ja``) is in that language, and a font that can draw it travels with
it; every other deck is in English.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from functools import cache
from html import escape
from importlib.metadata import distribution
from io import BytesIO
from itertools import pairwise
from mimetypes import guess_type
from pathlib import Path

import nbformat
import segno
import yaml
from nbconvert import SlidesExporter
from nbconvert.preprocessors import Preprocessor
from traitlets import Unicode

from publish.cuts import site_address
from publish.deck_code import OF_A_LIBRARY, Asked, Code, code_block, select_lines
from publish.pictures import PROJECTOR, last_frame
from sidebyside.doctor import last_lines, run
from sidebyside.libraries import LIBRARIES, TAGS

# What the decks load, all of it from packages in the lock: (distribution, folder in it, files).
ASSETS = (
    ("sphinx-revealjs", "sphinx_revealjs/_static/revealjs", ("LICENSE",)),
    ("sphinx-revealjs", "sphinx_revealjs/_static/revealjs/dist", ("reset.css", "reveal.css", "reveal.js")),
    ("sphinx-revealjs", "sphinx_revealjs/_static/revealjs/plugin/notes", ("notes.js",)),
    ("sphinx-mathjax-offline", "sphinx-mathjax-offline/static/mathjax", ("tex-svg.js",)),
)
# Each language's font: its name, then as above, with the font's file first.
FONTS = {
    "ja": (
        "IPAexGothic",
        ("matplotlib-fontja", "matplotlib_fontja/fonts", ("ipaexg.ttf", "IPA_Font_License_Agreement_v1.0.txt")),
    ),
}
# The Talks page of the book is built before the decks. It loads this style sheet, which is there when their PDFs are,
# and shows the links to them.
PRINTED = "printed.css"
LEFT_OUT = "The decks' PDF files were left out"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
GLYPHS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼"}  # matplotlib's markers, as characters

IMAGE = re.compile(r"!\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(
    r"^```(?P<language>\w+)\n"
    r"# (?P<target>chapter:\S+)(?P<asked>(?: (?:lines|steps)=\S+)*)\n"
    r"(?P<further>(?:#.*\n)*)"
    r"```$",
    re.MULTILINE,
)
# What is meant as a reference and is none of the above; prose has a space after its colon ("next chapter: priors").
MISWRITTEN = re.compile(r"chapter:[\w#{]|\]\(\s*chapter:|^```\w*\n#\s*chapter:", re.MULTILINE)
LIBRARY = re.compile(rf"\*\*({'|'.join(LIBRARIES)})\*\*")
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
OPENS = re.compile(r"\*\*(\d+):([0-5]\d)\*\*")
CLOSES = re.compile(r"\*\*(\d+):([0-5]\d)\*\*$")


class DeckError(ValueError):
    """A deck asks for what is not there; the message names the deck, the slide and the label."""


class PrintError(DeckError):
    """No browser here prints a deck; the decks themselves are built."""


@cache
def named_cells(chapter: Path) -> dict[str, nbformat.NotebookNode]:
    """Return the cells of the notebook at ``chapter`` that carry a ``name``, by name."""
    cells = nbformat.read(chapter, as_version=4).cells
    return {cell.metadata["name"]: cell for cell in cells if "name" in cell.metadata}


def figures_shown(slides: Path, chapter: str) -> set[str]:
    """Return the names of the figures of ``chapter`` (``"06_robust_regression"``) that decks in ``slides`` show."""
    cells = [cell for deck in slides.glob("*.ipynb") for cell in nbformat.read(deck, as_version=4).cells]
    targets = [found["target"] for cell in cells for found in IMAGE.finditer(cell.source)]
    return {target.partition("#")[2] for target in targets if target.startswith(f"chapter:{chapter}#")}


class Chapters(Preprocessor):
    """Puts the chapters' figures and code in the place of the references to them."""

    notebooks = Unicode(help="folder that holds the chapters")
    slides = Unicode(help="folder that holds the decks")

    def preprocess(self, nb, resources):
        """Return the deck with every reference resolved. Raises :class:`DeckError` where one cannot be."""
        slide = self.blocks = 0
        for cell in nb.cells:
            slide += starts_slide(cell)
            self.where = f"{resources['metadata']['name']}.ipynb, slide {slide}"
            if cell.cell_type != "markdown":
                raise DeckError(
                    f"{self.where}: holds a {cell.cell_type} cell. A deck is Markdown alone: "
                    "put the code into a chapter and refer to its cell's name."
                )
            if MISWRITTEN.search(IMAGE.sub("", CODE.sub("", cell.source))):
                raise DeckError(
                    f"{self.where}: a reference to a chapter cannot be read. Write "
                    "![words](chapter:NOTEBOOK#NAME), or a fenced block with the line '# chapter:NOTEBOOK#NAME', which "
                    "may end in lines=1-9 and steps=1-3|4-9."
                )
            cell.source = LIBRARY.sub(library, cell.source)
            if "<repository:>" in cell.source:
                cell.source = cell.source.replace("<repository:>", f"<{self.repository()}>")
            cell.source = IMAGE.sub(lambda found, cell=cell: self.image(found, cell), cell.source)
            # Last: nothing may change what the chapter holds.
            cell.source = CODE.sub(self.block, cell.source)
        return nb, resources

    def find(self, target: str) -> nbformat.NotebookNode:
        """Return the cell that ``target`` (``chapter:NOTEBOOK#NAME``) refers to."""
        stem, _, name = target.removeprefix("chapter:").partition("#")
        chapter = Path(self.notebooks) / f"{stem}.ipynb"
        if not chapter.exists():
            raise DeckError(f"{self.where}: {target}: there is no notebook {chapter}.")
        cells = named_cells(chapter)
        if name not in cells:
            raise DeckError(f"{self.where}: {target}: no cell of {chapter} has this name. It has: {', '.join(cells)}.")
        return cells[name]

    def image(self, found: re.Match, cell: nbformat.NotebookNode) -> str:
        """Attach the figure to ``cell``, so that it travels inside the page, and return the Markdown that shows it."""
        words, target = found["words"], found["target"]
        scheme, _, rest = target.partition(":")
        if scheme == "chapter":
            figure = self.find(target)
            pictures = self.pictures(target, figure)
            words = words or " ".join(figure.metadata.get("mystnb", {}).get("image", {}).get("alt", "").split())
            words = re.sub(r"([\[\]])", r"\\\1", words)
        elif scheme == "qr":
            address = self.address(rest)
            pictures = {"image/svg+xml": b64encode(qr_code(address)).decode()}
        else:
            file = Path(self.slides) / target
            if not file.is_file():
                raise DeckError(f"{self.where}: there is no image {target} beside the deck.")
            pictures = {guess_type(file)[0]: b64encode(file.read_bytes()).decode()}
        if not words:
            raise DeckError(
                f"{self.where}: {target}: the figure has no alternative text. Write it between the brackets; "
                "a chapter's figure may carry it instead, in its cell's metadata: mystnb: {image: {alt: ...}}."
            )
        attachments = cell.setdefault("attachments", {})
        shown = ""
        for kind, data in pictures.items():
            name = f"figure-{len(attachments)}"
            attachments[name] = {kind: data}
            shown += f"![{words}](attachment:{name})"
        if scheme == "qr":
            return f'<span class="qr">{shown}{in_letters(address)}</span>'
        return f'<span class="animation">{shown}</span>' if len(pictures) > 1 else shown

    def pictures(self, target: str, figure: nbformat.NotebookNode) -> dict[str, str]:
        """Return the one image (base64) that the cell ``figure`` stores, by type; of an animation, its last frame too.

        Where there is a picture for the projector, it is taken.
        """
        images = []
        for data in (out.get("data", {}) for out in figure.get("outputs", [])):
            if "image/png" in data:
                images.append({"image/png": data.get(PROJECTOR, data["image/png"])})
            elif "image/gif" in data:
                images.append({"image/gif": data["image/gif"], "image/png": last_frame(data["image/gif"])})
        if len(images) != 1:
            raise DeckError(
                f"{self.where}: {target}: the cell stores {len(images)} images (PNG or GIF) and a deck shows exactly "
                "one. Execute the chapter (make run NB=...), or name another cell."
            )
        return {kind: "".join(data.split()) for kind, data in images[0].items()}

    def block(self, found: re.Match) -> str:
        """Return what stands in the place of a fenced block."""
        return self.output(found) if found["language"] == "output" else self.code(found)

    def code(self, found: re.Match) -> str:
        """Return the HTML of the chapter's code that the block asks for."""
        target, all_asked = found["target"], Asked().update(found["asked"])
        if not target.endswith("{library}"):
            if found["further"]:
                raise DeckError(f"{self.where}: {target}: lines for a library need a label that ends in {{library}}.")
            asked = {None: all_asked}
        else:
            asked = dict.fromkeys(TAGS, all_asked)
            for line in found["further"].splitlines():
                own = OF_A_LIBRARY.fullmatch(line)
                if not own:
                    raise DeckError(
                        f"{self.where}: {target}: {line!r} is not of the form '# stan lines=4-9 steps=1|2-6', with one "
                        f"of {', '.join(TAGS)}."
                    )
                asked[own["tag"]] = all_asked.update(own["asked"])
        codes = {}
        for tag, its in asked.items():
            label = target.replace("{library}", tag) if tag else target
            cell = self.find(label)
            if cell.cell_type != "code":
                raise DeckError(f"{self.where}: {label}: this is not a code cell.")
            try:
                codes[tag] = Code.of(cell.source, its, found["language"], tag)
            except ValueError as error:
                raise DeckError(f"{self.where}: {label}: {error}.") from error
        self.blocks += 1
        try:
            return code_block(codes, self.blocks)
        except ValueError as error:
            raise DeckError(f"{self.where}: {target}: {error}.") from error

    def output(self, found: re.Match) -> str:
        """Return what the cell has printed or displayed as text, as Markdown."""
        target, asked = found["target"], Asked().update(found["asked"])
        if asked.steps or found["further"]:
            raise DeckError(f"{self.where}: {target}: an output has no steps; lines= alone may follow its label.")
        shown = []
        for output in self.find(target).get("outputs", []):
            data = output.get("data", {})
            if not any(kind.startswith("image/") for kind in data):
                shown.append((data["text/markdown"], True) if "text/markdown" in data else (printed(output), False))
        if not shown:
            raise DeckError(
                f"{self.where}: {target}: the cell stores no output of text. "
                "Execute the chapter (make run NB=...), or name another cell."
            )
        if asked.lines and len(shown) > 1:
            raise DeckError(
                f"{self.where}: {target}: lines= needs one output of text and the cell stores {len(shown)}."
            )
        blocks = []
        for text, markdown in shown:
            try:
                text = select_lines(text, asked.lines)
            except ValueError as error:
                raise DeckError(f"{self.where}: {target}: {error}.") from error
            if not markdown:
                size = f"--columns: {max(map(len, text.splitlines()))}; --lines: {len(text.splitlines())}"
                text = escape(text).replace("\n\n", "\n&#8203;\n")  # a blank line would end the block of HTML
                text = f'<pre class="output" style="{size}"><samp>{text}</samp></pre>'
            blocks.append(text)
        return "\n\n".join(blocks)

    def address(self, asked: str) -> str:
        """Return the address that ``asked`` stands for: itself, the repository's, or that of a page of the book."""
        scheme, _, rest = asked.partition(":")
        if scheme == "https":
            return asked
        if asked == "repository:":
            return self.repository()
        if scheme != "site":
            raise DeckError(f"{self.where}: qr:{asked}: write an https address, repository: or site:PATH.")
        page = Path(self.slides).resolve().parent / (rest or "index.html")
        sources = [page.with_suffix(kind) for kind in (".ipynb", ".md")]
        if rest and not any(source.is_file() for source in sources):
            raise DeckError(f"{self.where}: qr:{asked}: no page of the book: there is no {sources[0]} and no .md.")
        return site_address(self.repository()) + rest

    def repository(self) -> str:
        """Return the repository's address, which stands in ``_config.yml`` alone."""
        config = Path(self.slides).resolve().parent / "_config.yml"
        return yaml.safe_load(config.read_text("utf-8"))["repository"]["url"]


class Pace(Preprocessor):
    """Gives each slide its seconds (nbconvert writes them as ``data-timing``), from the times in the notes."""

    def preprocess(self, nb, resources):
        """Return the deck with its timings. Raises :class:`DeckError` where a time is missing or not in order."""
        deck = f"{resources['metadata']['name']}.ipynb"
        slides = []
        for cell in nb.cells:
            if starts_slide(cell):
                slides.append([])
            slides[-1].append(cell)
        times = []
        for number, slide in enumerate(slides, start=1):
            notes = [cell for cell in slide if slide_type(cell) == "notes"]
            # Notes before fragments: reveal.js takes notes inside a fragment for that fragment's own.
            slide[1:] = notes + [cell for cell in slide[1:] if cell not in notes]
            text = "\n".join(cell.source for cell in notes)
            times.append(seconds(OPENS.match(text), f"{deck}, slide {number}: its notes must open with a time"))
        times.append(seconds(CLOSES.search(text), f"{deck}, slide {number}: the last notes must close with a time"))
        for number, (slide, (begin, end)) in enumerate(zip(slides, pairwise(times), strict=True), start=1):
            if end <= begin:
                raise DeckError(f"{deck}, slide {number}: begins at {begin} s and ends at {end} s.")
            slide[0].metadata["slideshow"]["data"] = {"timing": end - begin}
        nb.cells = [cell for slide in slides for cell in slide]
        resources["total_time"] = times[-1] - times[0]
        return nb, resources


def slide_type(cell: nbformat.NotebookNode) -> str:
    """Return nbconvert's word for what ``cell`` is in the deck: slide, subslide, fragment, notes, skip or -."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def starts_slide(cell: nbformat.NotebookNode) -> bool:
    """Say whether a slide begins with ``cell``; reveal's numbers count both directions."""
    return slide_type(cell) in {"slide", "subslide"}


def seconds(time: re.Match | None, otherwise: str) -> int:
    """Return the seconds of a ``**1:30**``; raise :class:`DeckError` with the words ``otherwise`` where it is None."""
    if time is None:
        raise DeckError(f"{otherwise}, as in **1:30**.")
    return 60 * int(time[1]) + int(time[2])


def printed(output: nbformat.NotebookNode) -> str:
    """Return the plain text of a stored output."""
    return output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")


def qr_code(address: str) -> bytes:
    """Return the QR code of ``address`` as SVG, dark on white whatever the deck's theme."""
    svg = BytesIO()
    segno.make(address, micro=False).save(svg, kind="svg", light="white", omitsize=True, xmldecl=False)
    return svg.getvalue()


def in_letters(address: str) -> str:
    """Return a link that shows ``address`` as one types it; long ones break after a slash."""
    typed = escape(address).removeprefix("https://").removesuffix("/").replace("/", "/<wbr>")
    return f'<a href="{escape(address)}">{typed}</a>'


def library(found: re.Match) -> str:
    """Return a library's name with its colour and marker."""
    return f'<strong class="library {LIBRARIES[found[1]].tag}">{found[1]}</strong>'


def library_css() -> str:
    """Return the style sheet that gives each library the colour and marker it has in every figure."""
    return "\n".join(
        f'.{lib.tag}::before {{ color: {lib.colour}; content: "{GLYPHS[lib.marker]}" / ""; }}'
        for lib in LIBRARIES.values()
    )


def language(deck: Path) -> str:
    """Return the language of the deck at ``deck``: what its name ends in, where we have a font for it, or English."""
    ending = deck.stem.rpartition("_")[2]
    return ending if ending in FONTS else "en"


def font_css(language: str) -> str:
    """Return the style sheet that names the font of ``language``; English needs none."""
    if language not in FONTS:
        return ""
    family, (_, _, (file, *_)) = FONTS[language]
    return (
        f'@font-face {{ font-family: {family}; src: url("assets/{file}"); font-display: block; }}\n'
        f":root {{ --script: {family}; }}"
    )


def export(deck: Path, notebooks: Path) -> str:
    """Return the HTML of the notebook at ``deck``, with figures and code from the chapters in ``notebooks``."""
    nb = nbformat.read(deck, as_version=4)
    if not nb.cells or not starts_slide(nb.cells[0]) or not (title := TITLE.search(nb.cells[0].source)):
        raise DeckError(f"{deck.name}: the first cell must start a slide and hold the title, as in '# Title'.")
    resources = {"metadata": {"name": deck.stem}, "title": title[1], "library_css": library_css()}
    resources |= {"font_css": font_css(language(deck)), "libraries": list(TAGS)}
    # Before the exporter's own preprocessors, which mark where slides end: Pace may move a cell.
    for step in (Chapters(notebooks=str(notebooks), slides=str(deck.parent)), Pace()):
        nb, resources = step.preprocess(nb, resources)
    exporter = SlidesExporter(
        template_name="sidebyside",
        extra_template_basedirs=[str(deck.parent / "template")],
        exclude_anchor_links=True,
        language_code=language(deck),
    )
    return exporter.from_notebook_node(nb, resources)[0]


def print_pdf(browser: str, html: Path, pdf: Path, limit: float = 120) -> None:
    """Print the deck at ``html`` to ``pdf``, one page a slide.

    Raises :class:`PrintError` where the browser fails, or is not done after ``limit`` seconds.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # in containers people are root, and Chromium's sandbox refuses root
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=10000",
            "--no-pdf-header-footer",
            f"--print-to-pdf={pdf.resolve()}",
            f"{html.resolve().as_uri()}?print-pdf&theme=light",
        ]
        try:
            code, said = run(command, limit, stdout=subprocess.DEVNULL)
        except OSError as error:
            raise PrintError(f"{browser} could not be started: {error.strerror}") from error
    if code is None:
        raise PrintError(f"{browser} did not print {html} within {limit:g} seconds and was stopped")
    if code or not pdf.exists():
        said = " ".join(last_lines(said).split()) or f"it ended with code {code}"
        raise PrintError(f"{browser} could not print {html}: {said}")
    # Two prints differ in their dates alone; blanks of the same length keep the file's offsets right.
    pdf.write_bytes(re.sub(rb"/(Creation|Mod)Date \([^)]*\)", lambda date: b" " * len(date[0]), pdf.read_bytes()))


def print_pdfs(browsers: list[str], pages: list[Path]) -> None:
    """Print every deck, by the first of ``browsers`` that can.

    Raises :class:`PrintError` with each browser's fault, and leaves no PDF, where none can.
    """
    faults = []
    for browser in browsers:
        try:
            for page in pages:
                print_pdf(browser, page, page.with_suffix(".pdf"))
                print(f"PDF:  {page.with_suffix('.pdf')}")
            return
        except PrintError as error:
            faults.append(str(error))
            for page in pages:
                page.with_suffix(".pdf").unlink(missing_ok=True)
    raise PrintError("; ".join(faults))


def build(slides: Path, out: Path, notebooks: Path) -> list[Path]:
    """Write the HTML of every deck in ``slides``, and what they load, into ``out``; return the HTML files."""
    decks = sorted(slides.glob("*.ipynb"))
    if not decks:
        raise DeckError(f"there is no deck (*.ipynb) in {slides}.")
    pages = {out / f"{deck.stem}.html": export(deck, notebooks) for deck in decks}
    (out / "assets").mkdir(parents=True, exist_ok=True)
    fonts = [FONTS[spoken][1] for spoken in sorted({language(deck) for deck in decks} & set(FONTS))]
    for package, folder, names in (*ASSETS, *fonts):
        for name in names:
            shutil.copyfile(distribution(package).locate_file(f"{folder}/{name}"), out / "assets" / name)
    (out / PRINTED).unlink(missing_ok=True)
    for page, html in pages.items():
        page.write_text(html, encoding="utf-8")
        page.with_suffix(".pdf").unlink(missing_ok=True)  # one of an earlier build would be out of step
    return list(pages)


def main() -> int:
    """Build the decks from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m publish.decks", description=__doc__.split("\n")[0])
    parser.add_argument("slides", type=Path, help="folder of the decks")
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--notebooks", type=Path, help="folder of the chapters (default: beside the decks' folder)")
    parser.add_argument(
        "--pdf",
        action="store_true",
        help="fail where no browser prints the decks, as with SIDEBYSIDE_REQUIRE_BROWSER=1 in the environment",
    )
    arguments = parser.parse_args()
    notebooks = arguments.notebooks or arguments.slides.resolve().parent / "notebooks"
    browsers = list(filter(None, map(shutil.which, BROWSERS)))
    demanded = arguments.pdf or bool(os.environ.get("SIDEBYSIDE_REQUIRE_BROWSER"))
    try:
        if demanded and not browsers:
            raise PrintError(
                f"PDFs are printed by Chromium or Chrome, and none of {', '.join(BROWSERS)} is on your PATH. Install "
                "one (on Debian or Ubuntu: apt install chromium), or build the decks without PDFs: make slides."
            )
        pages = build(arguments.slides, arguments.out, notebooks)
        for page in pages:
            print(f"Deck: {page}")
        if browsers:
            print_pdfs(browsers, pages)
            (arguments.out / PRINTED).write_text(".no-pdf { display: none; }\n.pdf { display: inline !important; }\n")
        else:
            print(f"{LEFT_OUT}: none of {', '.join(BROWSERS)} is installed.")
    except DeckError as error:
        optional = isinstance(error, PrintError) and not demanded
        print(f"{LEFT_OUT if optional else 'decks'}: {error}", file=sys.stderr)
        return 0 if optional else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
