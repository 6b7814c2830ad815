"""Sphinx extension of the book: cells tagged with a library become tabs, solutions a closed dropdown.

A run of sibling cells that carry a library tag becomes one tab-set (in the order of
:data:`sidebyside.libraries.LIBRARIES`); a run of cells tagged ``solution`` becomes one dropdown, with tabs inside it;
cells tagged ``setup`` are left out of the book. A malformed tag stops the build and says what to do.
"""

import json
from itertools import groupby
from pathlib import Path, PurePath

from docutils import nodes
from markdown_it import MarkdownIt
from myst_nb import sphinx_ as myst_nb_sphinx
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx_design.shared import create_component

from publish.pictures import PROJECTOR, last_frame
from publish.tags import TagError, cell_name, library_tag
from sidebyside.libraries import LIBRARIES, TAGS

GATHERED = (*TAGS, "solution")


def find_problems(notebook: PurePath, cells: list[dict]) -> list[str]:
    """Return one message for each cell (nbformat 4) of ``notebook`` whose tags or headings the book can't show."""
    problems = []
    for number, cell in enumerate(cells, start=1):
        tags, text = cell["metadata"].get("tags", []), "".join(cell["source"])
        where = cell_name(notebook, number, text)
        try:
            library_tag(tags, where)
        except TagError as error:
            problems.append(str(error))
        if cell["cell_type"] == "markdown" and set(tags) & set(GATHERED):
            tokens = MarkdownIt("commonmark").parse(text)
            if any(token.type == "heading_open" for token in tokens):
                problems.append(
                    f"{where}: a heading can't stand in a tab or in a solution; "
                    "move it to a cell of its own that has no library tag and is no solution."
                )
    return problems


def prepare(app: Sphinx, docname: str, source: list[str]) -> None:
    """Stop at malformed tags, drop the cells tagged ``setup``, add stills (Sphinx's event ``source-read``)."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    if problems := find_problems(path.relative_to(app.srcdir), notebook["cells"]):
        raise ExtensionError("\n".join(problems))
    notebook["cells"] = [cell for cell in notebook["cells"] if "setup" not in cell["metadata"].get("tags", [])]
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [shown for output in cell["outputs"] for shown in pictures(output)]
    source[0] = json.dumps(notebook)


def pictures(output: dict) -> list[dict]:
    """Return ``output`` without its picture for a projector, and beside an animation its last frame.

    The style sheet shows one of the two.
    """
    data = output.get("data", {})
    data.pop(PROJECTOR, None)
    gif = "".join(data.get("image/gif", ""))
    return [output, {**output, "data": {"image/png": last_frame(gif)}}] if gif else [output]


class TaggedRenderer(myst_nb_sphinx.SphinxNbRenderer):
    """MyST-NB's renderer, which keeps the tags of a Markdown cell as it does those of a code cell: as classes."""

    def render_nb_cell_markdown(self, token):
        """Wrap a Markdown cell that belongs in a tab or a solution in a container."""
        tags = [tag for tag in token.meta["metadata"].get("tags", []) if tag in GATHERED]
        if not tags:
            super().render_nb_cell_markdown(token)
            return
        with self.current_node_context(nodes.container(classes=[f"tag_{tag}" for tag in tags]), append=True):
            super().render_nb_cell_markdown(token)


def has_tag(node: nodes.Node, *tags: str) -> bool:
    """Say whether ``node`` is a cell with one of these tags."""
    return isinstance(node, nodes.container) and any(f"tag_{tag}" in node["classes"] for tag in tags)


def make_tabs(cells: list[nodes.Node]) -> nodes.container:
    """Return a tab-set with one tab for each library in a run of library cells."""
    tab_set = create_component("tab-set", ["sd-tab-set"])
    for library in LIBRARIES.values():
        own = [cell for cell in cells if has_tag(cell, library.tag)]
        if own:
            label = nodes.rubric("", library.name, classes=["sd-tab-label"], sync_group="lib", sync_id=library.tag)
            content = create_component("tab-content", ["sd-tab-content"], children=own)
            tab_set += create_component("tab-item", ["sd-tab-item"], children=[label, content], selected=False)
    return tab_set


def make_dropdown(children: list[nodes.Node]) -> nodes.container:
    """Return a closed dropdown (in HTML a <details>) with the title "Solution"."""
    classes = {"container_classes": ["sd-mb-3", "solution"], "title_classes": [], "body_classes": []}
    options = {"opened": False, "has_title": True, "icon": None, "chevron": None}
    return create_component("dropdown", children=[nodes.rubric("", "Solution"), *children], **options, **classes)


def gather_runs(children: list[nodes.Node], tags: tuple[str, ...], make) -> list[nodes.Node]:
    """Return ``children`` with each run of cells that have one of ``tags`` replaced by ``make(run)``."""
    gathered = []
    for tagged, group in groupby(children, lambda node: has_tag(node, *tags)):
        run = list(group)
        gathered += [make(run)] if tagged else run
    return gathered


def gather(app: Sphinx, doctree: nodes.document) -> None:
    """Put runs of solution cells in dropdowns and runs of library cells in tabs (Sphinx's event ``doctree-read``)."""

    def make_solution(run: list[nodes.Node]) -> nodes.container:
        return make_dropdown(gather_runs(run, tuple(TAGS), make_tabs))

    for parent in [doctree, *doctree.findall(nodes.section)]:
        # Solutions first: their library tabs stand inside the dropdown.
        children = gather_runs(list(parent.children), ("solution",), make_solution)
        parent.children = []
        parent.extend(gather_runs(children, tuple(TAGS), make_tabs))


def add_assets(app: Sphinx) -> None:
    """Write each library's colour as CSS into the build, and load the book's own CSS and JavaScript."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    rules = [
        f'[data-sync-id="{library.tag}"], [data-sync-id="{library.tag}"] + .sd-tab-content, '
        f'[data-library="{library.tag}"] {{ --library: {library.colour}; }}\n'
        for library in LIBRARIES.values()
    ]
    (static / "libraries.css").write_text("".join(rules), encoding="utf-8")
    app.add_css_file("libraries.css")
    app.add_css_file("sidebyside.css")
    app.add_js_file("sidebyside.js", **{"data-libraries": " ".join(TAGS)})


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.setup_extension("myst_nb")
    app.setup_extension("sphinx_design")
    # MyST-NB has no hook for Markdown cells: its parser finds the renderer under this name.
    myst_nb_sphinx.SphinxNbRenderer = TaggedRenderer
    app.connect("source-read", prepare)
    app.connect("doctree-read", gather)
    app.connect("builder-inited", add_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
