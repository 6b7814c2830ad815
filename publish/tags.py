"""Which library a cell belongs to, by its tags; the book's tabs and the cuts both ask here."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import PurePath

from sidebyside.libraries import TAGS

BOOK = "book"  # prose about the page, of its tabs for instance, which no notebook has
PROOF = "proof"  # a cell of a chapter's last section, which shows that the five programs are one model
KNOWN = {
    BOOK,
    "full-width",
    "margin",
    "output_scroll",
    PROOF,
    "raises-exception",
    "scroll-output",
    "setup",
    "skip-execution",
    "solution",
}
# A misspelt one of these would do harm in silence: an open solution, a set-up cell in the book, tabs in a notebook.
GUARDED = (*TAGS, "solution", "setup", BOOK, PROOF)
KNOWN_PREFIXES = ("hide-", "hide_", "nbval-", "remove-", "remove_")
NEAR = 0.8


class TagError(ValueError):
    """A cell's tags do not say clearly which library it belongs to."""


def library_tag(tags: Iterable[str], where: str) -> str | None:
    """Return the library tag among a cell's ``tags``, or None where the cell is everybody's.

    ``where`` names the notebook and the cell in the message. Raises :class:`TagError` on two library tags, and on a
    tag that looks like a misspelt one (``PyMC``, ``pymcc``, ``solutions``).
    """
    tags = list(tags)
    for tag in tags:
        if tag in TAGS or tag in KNOWN or tag.startswith(KNOWN_PREFIXES):
            continue
        nearest = max(GUARDED, key=lambda known: _likeness(tag, known))
        if _likeness(tag, nearest) >= NEAR:
            kind = "library tag" if nearest in TAGS else "tag"
            raise TagError(f"{where}: the tag {tag!r} looks like the {kind} {nearest!r}; write {nearest!r}.")
    found = sorted(set(tags) & set(TAGS), key=list(TAGS).index)
    if len(found) > 1:
        names = " and ".join(repr(tag) for tag in found)
        raise TagError(
            f"{where}: the tags {names} name more than one library; keep one, or none if the cell is everybody's."
        )
    return found[0] if found else None


def _likeness(tag: str, known: str) -> float:
    """Return difflib's ratio of the two tags, upper and lower case taken as one; 1 is the same word."""
    return SequenceMatcher(None, tag.lower(), known).ratio()


def cell_name(notebook: PurePath, number: int, source: str) -> str:
    """Return how messages name a cell: the notebook, the cell's number from 1, and the first line of ``source``."""
    first = next((line.strip() for line in source.splitlines() if line.strip()), "empty")
    return f"{notebook}, cell {number} ({first[:60]})"
