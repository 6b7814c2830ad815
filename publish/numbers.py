"""Sphinx extension of the book: a chapter has the number in its file's name, whichever chapters stand before it.

Sphinx numbers what the table of contents lists from 1 on, so that chapter 13 would be called 11 as long as two of the
chapters before it are not there; prose and file names say 13.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

CHAPTER = re.compile(r"(?:.*/)?(\d+)_[^/]+")
AFTER_SPHINX = 900  # Sphinx's own listener, which has the usual 500, has counted


def renumber(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Set the first number of each numbered chapter (Sphinx's event ``env-get-updated``); return what changed."""
    changed = []
    for page, sections in env.toc_secnumbers.items():
        found, counted = CHAPTER.fullmatch(page), sections.get("")
        if not found or not counted or counted[0] == int(found[1]):
            continue
        sections |= {anchor: (int(found[1]), *number[1:]) for anchor, number in sections.items() if number}
        for node in [env.titles[page], *env.tocs[page].findall(nodes.reference)]:
            if number := node.get("secnumber"):
                node["secnumber"] = [int(found[1]), *number[1:]]
        changed.append(page)
    return changed


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect("env-get-updated", renumber, priority=AFTER_SPHINX)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
