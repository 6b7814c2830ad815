"""Sphinx extension of the book: each chapter's buttons that run it on Colab or Binder, or download its notebook.

The notebooks are those of ``make cuts``: Colab and Binder open them on the branch that ``make publish-notebooks``
makes; to be downloaded they are written into the site, below ``cuts/``. The links made here are to the full notebook;
``sidebyside.js`` adds those to the reader's library.
"""

import json
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from publish.branch import BRANCH
from publish.cuts import Book, CutError, owner_and_name, package_commit, write_cuts
from sidebyside.libraries import TAGS

FOLDER = "cuts"
COLAB = "https://colab.research.google.com/github/{owner}/blob/{branch}/full/{name}"
BINDER = "https://mybinder.org/v2/gh/{owner}/{branch}?urlpath={path}"


def buttons(name: str, owner: str, download: str, libraries: dict[str, str]) -> str:
    """Return a chapter's buttons as HTML.

    Parameters
    ----------
    name : the notebook's file
    owner : the repository's owner and name, with a slash between them
    download : where the full notebook is, as seen from the page
    libraries : tag and name of the chapter's libraries
    """
    colab = COLAB.format(owner=owner, branch=BRANCH, name=quote(name))
    binder = BINDER.format(owner=owner, branch=BRANCH, path=quote(f"lab/tree/full/{name}", safe=""))
    all_of_it = ": all five" if len(libraries) == len(TAGS) else ": full" if libraries else ""
    mine = ""
    if libraries:
        mine = f'<a class="sbs-button" data-open="{escape(colab)}" aria-label="Open in Colab" hidden></a>'
    return (
        f'<nav class="sbs-launch" aria-label="Run this chapter" data-libraries="{escape(json.dumps(libraries))}">'
        f"<span>Run it:</span>{mine}"
        f'<a class="sbs-button" href="{escape(colab)}" aria-label="Open in Colab{all_of_it}">Colab{all_of_it}</a>'
        f'<a class="sbs-button" href="{escape(binder)}" aria-label="Open in Binder{all_of_it}">Binder</a>'
        f'<a class="sbs-button" href="{escape(download)}" download aria-label="Download the notebook">Download</a>'
        "</nav>"
    )


def libraries_of(notebook: Path) -> dict[str, str]:
    """Return tag and name of the libraries that a chapter has cells of."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    used = {tag for cell in cells for tag in cell["metadata"].get("tags", [])}
    return {tag: name for tag, name in TAGS.items() if tag in used}


@cache  # every page asks, and a book reads its bibliography too
def owner_of(root: Path) -> str:
    """Return the repository's owner and name, with a slash between them, for the book in ``root``."""
    return "/".join(owner_and_name(Book.above(root).repository))


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Put a chapter's buttons below its title (Sphinx's event ``html-page-context``)."""
    source = Path(app.env.doc2path(pagename)) if doctree else None
    if source is None or source.suffix != ".ipynb":
        return
    download = context["pathto"](f"{FOLDER}/full/{source.name}", 1)
    title, end, rest = context["body"].partition("</h1>")
    made = buttons(source.name, owner_of(Path(app.srcdir)), download, libraries_of(source))
    context["body"] = title + end + made + rest


def write_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Write the made notebooks into the site (Sphinx's event ``build-finished``)."""
    if exception or app.builder.format != "html":
        return
    try:
        write_cuts(Path(app.srcdir, "notebooks"), Path(app.outdir, FOLDER), package_commit(Path(app.srcdir)))
    except CutError as error:
        raise ExtensionError(str(error)) from error


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect("html-page-context", add_buttons)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
