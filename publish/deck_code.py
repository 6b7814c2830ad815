"""Code on slides: one chapter's cell, or five in tabs, and the lines that are lit step by step.

What a deck's fenced block asks for is read here and becomes HTML; the deck's script (slides/template) moves the light.
"""

import re
from dataclasses import dataclass, replace

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from sidebyside.libraries import TAGS

ASKED = re.compile(r"(?: lines=(?P<lines>\S+)| steps=(?P<steps>\S+))*")
STAN_PROGRAM = re.compile(r'(?<=^program = """\n).*?(?=""")', re.DOTALL | re.MULTILINE)
OF_A_LIBRARY = re.compile(rf"# (?P<tag>{'|'.join(TAGS)})(?P<asked>(?: (?:lines|steps)=\S+)+)")


@dataclass(frozen=True)
class Asked:
    """What a block says of one cell's code: the lines to show, and the lines to light in each step, as written."""

    lines: str | None = None
    steps: str | None = None

    def update(self, text: str) -> "Asked":
        """Return this with what ``text`` says (``" lines=2-9 steps=1-3|4-8"``) in its place."""
        return replace(self, **{key: value for key, value in ASKED.fullmatch(text).groupdict().items() if value})


def select(asked: str, total: int, name: str = "lines") -> list[int]:
    """Return the numbers in ``asked``: ``"3-9"``, or ranges joined by commas, ``"1,3-9"``, from 1 to ``total``.

    Raises :class:`ValueError` where ``asked`` is no such text or goes beyond ``total``.
    """
    chosen = []
    for part in asked.split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last:
            raise ValueError(f"{name}={asked} is not of the form 3-9 or 1,3-9")
        if last > total:
            raise ValueError(f"{name}={asked} goes beyond its {total} lines")
        chosen += range(first, last + 1)
    return chosen


def select_lines(text: str, lines: str | None) -> str:
    """Return the ``lines`` of ``text`` (see :func:`select`), or all of it."""
    have = text.splitlines()
    return "\n".join(have[number - 1] for number in select(lines, len(have))) if lines else text.strip("\n")


def highlighted(source: str, language: str, tag: str | None = None) -> list[str]:
    """Return the lines of ``source`` as HTML; a Stan program inside Python's quotes is highlighted as Stan."""

    def marked(text: str, language: str) -> list[str]:
        return highlight(text, get_lexer_by_name(language, stripnl=False), HtmlFormatter(nowrap=True)).splitlines()

    lines = marked(source, language)
    for program in STAN_PROGRAM.finditer(source) if tag == "stan" else ():
        first = source.count("\n", 0, program.start())
        inside = marked(program[0], "stan")
        lines[first : first + len(inside)] = inside
    return lines


@dataclass(frozen=True)
class Code:
    """The code of one cell as a slide shows it.

    ``lines`` are as HTML; ``columns`` is the length of the longest; ``steps`` holds for each step the numbers (from 1)
    of the lines that are lit.
    """

    lines: tuple[str, ...]
    columns: int
    steps: tuple[frozenset[int], ...] = ()

    @classmethod
    def of(cls, source: str, asked: Asked, language: str, tag: str | None = None) -> "Code":
        """Take from a cell's ``source`` what is asked for; raise :class:`ValueError` where it is not there."""
        source = source.strip("\n")
        text, marked = source.splitlines(), highlighted(source, language, tag)
        chosen = [number - 1 for number in select(asked.lines or f"1-{len(text)}", len(text))]
        steps = asked.steps.split("|") if asked.steps else []
        return cls(
            lines=tuple(marked[at] for at in chosen),
            columns=max(len(text[at]) for at in chosen),
            steps=tuple(frozenset(select(step, len(chosen), "steps")) for step in steps),
        )

    def html(self) -> str:
        """Return the lines, each in a span that names the steps in which it is lit."""
        spans = []
        for number, line in enumerate(self.lines, start=1):
            lit = " ".join(str(step) for step, numbers in enumerate(self.steps, start=1) if number in numbers)
            # The line's end is inside: Markdown would end the block of HTML at a blank line.
            spans.append(f'<span class="line" data-lit="{lit}">{line}\n</span>')
        size = f"--columns: {self.columns}; --lines: {len(self.lines)}"
        return f'<pre style="{size}"><code>{"".join(spans)}</code></pre>'


def code_block(codes: dict[str | None, Code], number: int) -> str:
    """Return the HTML of a block of code: ``codes`` by tag in tabs, or the one of no library (None) by itself.

    ``number`` tells the blocks of a deck from each other. Each step after the first is a fragment without a look of
    its own, which reveal.js counts. Raises :class:`ValueError` where libraries differ in their number of steps.
    """
    counts = {tag: len(code.steps) for tag, code in codes.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{tag} has {steps}" for tag, steps in counts.items())
        raise ValueError(f"each library needs as many steps as the others, for the notes are the same: {said}")
    steps = '<i class="fragment" hidden></i>' * (max(counts.values()) - 1)
    stepped = " stepped" * bool(steps)
    if None in codes:
        return f'<div class="code highlight{stepped}">{codes[None].html()}{steps}</div>'
    chosen = next(iter(codes))  # the page shows another where the address or a key asks for it
    tabs, panels = [], []
    for tag, code in codes.items():
        tab, panel = f"tab-{number}-{tag}", f"code-{number}-{tag}"
        tabs.append(
            f'<button type="button" role="tab" class="library {tag}" id="{tab}" aria-controls="{panel}" '
            f'aria-selected="{str(tag == chosen).lower()}" tabindex="{-(tag != chosen)}">{TAGS[tag]}</button>'
        )
        panels.append(
            f'<div role="tabpanel" class="highlight" id="{panel}" aria-labelledby="{tab}"'
            f"{' hidden' * (tag != chosen)}>{code.html()}</div>"
        )
    row = f'<div role="tablist" aria-label="Library">{"".join(tabs)}</div>'
    return f'<div class="code tabs{stepped}">{row}{"".join(panels)}{steps}</div>'
