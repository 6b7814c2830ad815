"""The decks: references to chapters, their errors, their languages, and what a talk may hold."""

import re
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from PIL import Image

from publish import decks
from publish.deck_code import highlighted, select_lines
from publish.pictures import PROJECTOR
from sidebyside.benchmark_results import load_benchmark
from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
NAMES = sorted(deck.stem for deck in (ROOT / "slides").glob("*.ipynb"))
TRANSLATED = [name for name in NAMES if decks.language(Path(name)) != "en"]
MINUTES = {"lightning": 5, "talk": 25}
TALKS = [name for name in NAMES if name.partition("_")[0] in MINUTES]
PNG = b64encode(b"the bytes of a figure").decode()
CODE = "def model(x):\n    slope = sample()\n    return slope * x"
# What a speaker says in a minute: words, and in Japanese characters. On a slide a word may take 2.5 of these.
A_MINUTE = {"en": 130, "ja": 340}
# Thirty words are read in ten seconds, and then people listen again. A workshop's slide stays while people work by it.
WORDS_A_SLIDE = {"lightning": 30, "talk": 30, "workshop": 45}
LINES_A_SLIDE = 12
LANGUAGES = {"en": "English", "ja": "Japanese"}
LATIN = re.compile(r"[A-Za-z+]+")


# ---- a small chapter and a small deck --------------------------------------------------------------


def gif():
    """Return an animation of two frames, a red one and a blue one, as base64."""
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    file = BytesIO()
    red.save(file, "GIF", save_all=True, append_images=[blue])
    return b64encode(file.getvalue()).decode()


GIF = gif()


def figure(name, alt, images=1, data=None):
    cell = new_code_cell("plot()", metadata={"name": name, "mystnb": {"image": {"alt": alt}}})
    data = data or {"image/png": PNG[:4] + "\n" + PNG[4:]}
    cell.outputs = [new_output("display_data", data) for _ in range(images)]
    return cell


PRINTED = {
    "says": [new_output("stream", text="slope  1.2 < 2\n\nwidth  0.3\n")],
    "shows": [new_output("display_data", {"text/markdown": "The slope is **1.2**.", "text/plain": "<Markdown>"})],
    "value": [new_output("execute_result", {"text/plain": "1.25"})],
    "silent": [],
    "both": [new_output("stream", text="one"), new_output("execute_result", {"text/plain": "two"})],
}


def printing(name, outputs):
    cell = new_code_cell("print()", metadata={"name": name})
    cell.outputs = outputs
    return cell


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder like the repository, with one chapter and no deck yet; PDFs are optional, as for readers."""
    monkeypatch.delenv("SIDEBYSIDE_REQUIRE_BROWSER", raising=False)
    for name in ("notebooks", "slides"):
        (tmp_path / name).mkdir()
    shutil.copytree(ROOT / "slides" / "template", tmp_path / "slides" / "template")
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://example.org/course\n")
    chapter = new_notebook(
        cells=[
            new_markdown_cell("# Chapter", metadata={"name": "words"}),
            figure("fig-line", "A line in [0, 1]"),
            figure("fig-silent", ""),
            figure("fig-none", "Nothing", images=0),
            figure("fig-twice", "Two", images=2),
            figure("fig-large", "Large", data={"image/png": PNG, PROJECTOR: b64encode(b"large").decode()}),
            figure("fig-moving", "It moves", data={"image/gif": GIF}),
            new_code_cell(CODE, metadata={"name": "model"}),
            new_code_cell("a = 1\n\nb = 2", metadata={"name": "gap"}),
            *(new_code_cell(f"import {tag}\n{tag}.go()\n{tag}.end()", metadata={"name": f"own-{tag}"}) for tag in TAGS),
            *(printing(name, outputs) for name, outputs in PRINTED.items()),
        ]
    )
    nbformat.write(chapter, tmp_path / "notebooks" / "01_toy.ipynb")
    return tmp_path


def text(kind, source):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def write_deck(folder, second, notes="**0:10** Say this. **0:30**", more=()):
    """Write a deck of two slides, whose second holds the Markdown ``second``, and return its path."""
    cells = [text("slide", "# Toy talk"), text("notes", "**0:00** Welcome."), text("slide", second), *more]
    nbformat.write(new_notebook(cells=[*cells, text("notes", notes)]), folder / "slides" / "toy.ipynb")
    return folder / "slides" / "toy.ipynb"


def second_slide(folder, *arguments, **more):
    """Return the second slide of the deck made of these, as parsed HTML."""
    page = BeautifulSoup(decks.export(write_deck(folder, *arguments, **more), folder / "notebooks"), "html.parser")
    return page.select(".slides > section > section")[1]


def code_reference(rest):
    return f"```python\n# chapter:{rest}\n```"


# ---- what references become ------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "alt"), [("A slope", "A slope"), ("", "A line in [0, 1]")])
def test_a_figure_travels_inside_the_page_with_its_words(folder, words, alt):
    image = second_slide(folder, f"![{words}](chapter:01_toy#fig-line)").img
    assert image["src"] == f"data:image/png;base64,{PNG}"
    assert image["alt"] == alt


def test_a_figure_for_the_projector_is_taken(folder):
    image = second_slide(folder, "![](chapter:01_toy#fig-large)").img
    assert image["src"] == f"data:image/png;base64,{b64encode(b'large').decode()}"


def test_an_animation_brings_its_last_frame(folder):
    moving, still = second_slide(folder, "![](chapter:01_toy#fig-moving)").select(".animation > img")
    assert moving["src"] == f"data:image/gif;base64,{GIF}"
    assert moving["alt"] == still["alt"] == "It moves"
    picture = Image.open(BytesIO(b64decode(still["src"].removeprefix("data:image/png;base64,"))))
    assert picture.getpixel((0, 0)) == (0, 0, 255)


def test_an_image_beside_the_deck_travels_inside_the_page(folder):
    (folder / "slides" / "dot.svg").write_text("<svg/>")
    image = second_slide(folder, "![A dot](dot.svg)").img
    assert image["src"] == "data:image/svg+xml;base64," + b64encode(b"<svg/>").decode()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [("", CODE), (" lines=2-3", "    slope = sample()\n    return slope * x"), (" lines=1", "def model(x):")],
)
def test_code_comes_from_the_chapter_and_is_highlighted(folder, lines, expected):
    block = second_slide(folder, code_reference(f"01_toy#model{lines}")).select_one(".highlight")
    assert block.get_text().rstrip("\n") == expected
    assert block.select("span")


@pytest.mark.parametrize(
    ("lines", "expected"), [("2", "b"), ("2-3", "b\nc"), ("1,3-4", "a\nc\nd"), ("1-4", "a\nb\nc\nd")]
)
def test_selected_lines(lines, expected):
    assert select_lines("a\nb\nc\nd", lines) == expected


@pytest.mark.parametrize(
    ("lines", "said"), [("0-2", "form"), ("3-2", "form"), ("x", "form"), ("2-", "form"), ("3-5", "beyond its 4 lines")]
)
def test_lines_that_cannot_be(lines, said):
    with pytest.raises(ValueError, match=said):
        select_lines("a\nb\nc\nd", lines)


def lit(block):
    """Return for each line of a block of code the steps in which it is lit."""
    return [line["data-lit"] for line in block.select(".line")]


def test_code_steps_through_its_lines(folder):
    block = second_slide(folder, code_reference("01_toy#model steps=1|2-3|1,3")).select_one(".code")
    assert lit(block) == ["1 3", "2", "2 3"]
    assert len(block.select(":scope > .fragment")) == 2  # the first step needs none
    assert "stepped" in block["class"]


def test_steps_count_the_lines_that_are_shown(folder):
    block = second_slide(folder, code_reference("01_toy#model lines=2-3 steps=1|2")).select_one(".code")
    assert lit(block) == ["1", "2"]
    assert block.get_text() == "    slope = sample()\n    return slope * x\n"


def test_code_without_steps_has_no_fragment(folder):
    block = second_slide(folder, code_reference("01_toy#model")).select_one(".code")
    assert not block.select(".fragment")
    assert "stepped" not in block["class"]


def test_a_blank_line_of_code_stays_one(folder):
    assert second_slide(folder, code_reference("01_toy#gap")).select_one("pre").get_text() == "a = 1\n\nb = 2\n"


def test_tabs_show_each_library_s_cell(folder):
    slide = second_slide(folder, code_reference("01_toy#own-{library} steps=1|2-3\n# stan lines=2-3 steps=2|1"))
    tabs, panels = slide.select("[role=tab]"), slide.select("[role=tabpanel]")
    assert [tab.get_text() for tab in tabs] == list(LIBRARIES)
    assert [tab["aria-selected"] for tab in tabs] == ["true", *["false"] * 4]
    assert [panel.has_attr("hidden") for panel in panels] == [False, *[True] * 4]
    for tag, tab, panel in zip(TAGS, tabs, panels, strict=True):
        assert {"library", tag} <= set(tab["class"])
        assert (tab["aria-controls"], panel["aria-labelledby"]) == (panel["id"], tab["id"])
        shown = f"{tag}.go()\n{tag}.end()\n"
        assert panel.get_text() == (shown if tag == "stan" else f"import {tag}\n{shown}")
        assert lit(panel) == (["2", "1"] if tag == "stan" else ["1", "2", "2"])
    assert len(slide.select(".tabs > .fragment")) == 1


def test_each_block_of_tabs_has_its_own_ids(folder):
    slide = second_slide(folder, "\n\n".join([code_reference("01_toy#own-{library}")] * 2))
    ids = [tag["id"] for tag in slide.select("[id]")]
    assert len(ids) == len(set(ids)) == 20


def test_a_stan_program_is_highlighted_as_stan():
    source = 'program = """\ndata {\n  int N;\n}\n"""\nfit = build(program)'
    lines = highlighted(source, "python", "stan")
    assert BeautifulSoup("<pre>" + "\n".join(lines) + "</pre>", "html.parser").get_text() == source
    assert '<span class="kt">int</span>' in lines[2]
    assert '<span class="kt">' not in "".join(highlighted(source, "python", "pymc"))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("01_toy#says", "slope  1.2 < 2\n\nwidth  0.3"),
        ("01_toy#says lines=3", "width  0.3"),
        ("01_toy#value", "1.25"),
    ],
)
def test_stored_text_stands_as_it_was_printed(folder, reference, expected):
    shown = second_slide(folder, f"```output\n# chapter:{reference}\n```").select_one("pre.output")
    assert shown.get_text().replace("\u200b", "") == expected


def test_all_that_a_cell_printed_is_shown(folder):
    slide = second_slide(folder, "```output\n# chapter:01_toy#both\n```")
    assert [shown.get_text() for shown in slide.select("pre.output")] == ["one", "two"]


def test_stored_markdown_stays_markdown(folder):
    shown = second_slide(folder, "```output\n# chapter:01_toy#shows\n```").p
    assert str(shown) == "<p>The slope is <strong>1.2</strong>.</p>"


@pytest.mark.parametrize(
    ("asked", "address", "typed"),
    [
        ("https://example.org/a_b?c=1&d=2", "https://example.org/a_b?c=1&d=2", "example.org/a_b?c=1&d=2"),
        ("repository:", "https://example.org/course", "example.org/course"),
        ("site:", "https://example.github.io/course/", "example.github.io/course"),
        ("site:notebooks/01_toy.html", "https://example.github.io/course/notebooks/01_toy.html", None),
    ],
)
def test_a_qr_code_and_its_address_in_letters(folder, asked, address, typed):
    (folder / "_config.yml").write_text("repository:\n  url: https://example.org/example/course\n")
    address = address.replace("example.org/course", "example.org/example/course")
    typed = (typed or address.removeprefix("https://")).replace("example.org/course", "example.org/example/course")
    shown = second_slide(folder, f"![Scan it](qr:{asked})").select_one(".qr")
    assert shown.img["alt"] == "Scan it"
    assert shown.a["href"] == address
    assert shown.a.get_text() == typed
    svg = b64decode(shown.img["src"].removeprefix("data:image/svg+xml;base64,")).decode()
    assert svg == decks.qr_code(address).decode()
    path = BeautifulSoup(svg, "html.parser").select_one("path.qrline")["d"]
    assert path.count("h") > 100


def test_a_library_in_bold_gets_its_colour_and_marker(folder):
    slide = second_slide(folder, "**NumPyro** and **Pyro**, not **something**")
    assert [(mark["class"], mark.text) for mark in slide.select("strong.library")] == [
        (["library", "numpyro"], "NumPyro"),
        (["library", "pyro"], "Pyro"),
    ]
    css = decks.library_css()
    for library in LIBRARIES.values():
        assert f'.{library.tag}::before {{ color: {library.colour}; content: "{decks.GLYPHS[library.marker]}"' in css


def test_the_repository_address_comes_from_the_configuration(folder):
    link = second_slide(folder, "<repository:>").a
    assert link["href"] == link.text == "https://example.org/course"


def test_the_pace_follows_the_times_in_the_notes(folder):
    html = decks.export(write_deck(folder, "## Two"), folder / "notebooks")
    slides = BeautifulSoup(html, "html.parser").select(".slides > section > section")
    assert [slide["data-timing"] for slide in slides] == ["10", "20"]
    assert "totalTime: 30," in html
    assert "<title>Toy talk</title>" in html


def test_notes_after_a_fragment_are_the_slide_s(folder):
    slide = second_slide(folder, "## Two", more=[text("fragment", "More")])
    assert slide.select_one(".fragment").get_text().strip() == "More"
    assert slide.select_one("aside.notes").find_parent(class_="fragment") is None


# ---- errors name the deck, the slide and the label -------------------------------------------------


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("![x](chapter:02_gone#fig-line)", ["chapter:02_gone#fig-line", "no notebook", "02_gone.ipynb"]),
        ("![x](chapter:01_toy#fig-lime)", ["chapter:01_toy#fig-lime", "no cell", "01_toy.ipynb", "fig-line"]),
        (code_reference("01_toy#modell"), ["chapter:01_toy#modell", "no cell", "It has: ", "model"]),
        ("![x](chapter:01_toy#fig-none)", ["chapter:01_toy#fig-none", "stores 0 images", "make run"]),
        ("![x](chapter:01_toy#fig-twice)", ["chapter:01_toy#fig-twice", "stores 2 images"]),
        ("![](chapter:01_toy#fig-silent)", ["chapter:01_toy#fig-silent", "no alternative text"]),
        ("![x](chapter:01_toy#words)", ["chapter:01_toy#words", "stores 0 images"]),
        (code_reference("01_toy#words"), ["chapter:01_toy#words", "not a code cell"]),
        (code_reference("01_toy#model lines=2-9"), ["chapter:01_toy#model", "lines=2-9 goes beyond its 3 lines"]),
        (code_reference("01_toy#model\nmore = 1"), ["cannot be read"]),
        (code_reference("01_toy#model steps=1|2-4"), ["01_toy#model: steps=2-4 goes beyond its 3 lines"]),
        (code_reference("01_toy#model lines=2-3 steps=1|3"), ["01_toy#model: steps=3 goes beyond its 2 lines"]),
        (code_reference("01_toy#model steps=1||2"), ["01_toy#model: steps= is not of the form"]),
        (code_reference("01_toy#model\n# stan lines=1"), ["01_toy#model", "a label that ends in {library}"]),
        (code_reference("01_toy#mod-{library}"), ["chapter:01_toy#mod-pymc", "no cell"]),
        (code_reference("01_toy#own-{library}\n# bugs lines=1"), ["'# bugs lines=1' is not of the form"]),
        (code_reference("01_toy#own-{library}\n# tfp steps=1|4"), ["own-tfp: steps=4 goes beyond its 3 lines"]),
        (code_reference("01_toy#own-{library} steps=1|2\n# tfp steps=1"), ["as many steps", "pymc has 2", "tfp has 1"]),
        ("```output\n# chapter:01_toy#silent\n```", ["chapter:01_toy#silent", "stores no output of text", "make run"]),
        ("```output\n# chapter:01_toy#both lines=1\n```", ["chapter:01_toy#both", "lines= needs one output of text"]),
        ("```output\n# chapter:01_toy#says lines=4\n```", ["chapter:01_toy#says", "lines=4 goes beyond its 3 lines"]),
        ("```output\n# chapter:01_toy#says steps=1\n```", ["chapter:01_toy#says", "an output has no steps"]),
        ("![x](qr:site:notebooks/02_gone.html)", ["qr:site:notebooks/02_gone.html", "02_gone.ipynb"]),
        ("![x](qr:http://example.org)", ["qr:http://example.org", "https address, repository: or site:"]),
        ("![](qr:repository:)", ["qr:repository:", "no alternative text"]),
        ("[x](chapter:01_toy#fig-line)", ["cannot be read", "![words]"]),
        ("![x](gone.png)", ["no image gone.png beside the deck"]),
    ],
)
def test_a_reference_that_leads_nowhere(folder, second, said):
    with pytest.raises(decks.DeckError) as error:
        decks.export(write_deck(folder, second), folder / "notebooks")
    for words in ["toy.ipynb, slide 2: ", *said]:
        assert words in str(error.value)


@pytest.mark.parametrize(
    "miswritten",
    [
        "See chapter:01_toy#model.",
        "![x](chapter:01_toy #fig-line)",
        "![x]( chapter:01_toy#fig-line)",
        "![x](chapter: 01_toy#fig-line)",
        "```python\n#chapter: 01_toy#model\n```",
    ],
)
def test_a_miswritten_reference_is_no_prose(folder, miswritten):
    with pytest.raises(decks.DeckError, match="slide 2: a reference to a chapter cannot be read"):
        decks.export(write_deck(folder, miswritten), folder / "notebooks")


@pytest.mark.parametrize(
    "prose",
    ["Now the next chapter: priors.", "The next **chapter:** priors.", "- one chapter: *one* question"],
)
def test_a_sentence_may_have_a_colon_after_chapter(folder, prose):
    assert "chapter:" in second_slide(folder, prose).get_text()


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ("No time.", "slide 2: its notes must open with a time, as in **1:30**"),
        ("**0:10** No end.", "slide 2: the last notes must close with a time"),
        ("**0:10** Too late. **0:10**", "slide 2: begins at 10 s and ends at 10 s"),
        ("**0:00** Too early. **0:30**", "slide 1: begins at 0 s and ends at 0 s"),
    ],
)
def test_times_that_cannot_be(folder, notes, said):
    with pytest.raises(decks.DeckError, match=re.escape(f"toy.ipynb, {said}")):
        decks.export(write_deck(folder, "## Two", notes), folder / "notebooks")


@pytest.mark.parametrize("cell", [new_code_cell("1 + 1"), new_raw_cell("<b>")])
def test_a_deck_computes_nothing(folder, cell):
    with pytest.raises(decks.DeckError, match=f"toy.ipynb, slide 2: holds a {cell.cell_type} cell"):
        decks.export(write_deck(folder, "## Two", more=[cell]), folder / "notebooks")


def test_a_deck_without_a_title(folder):
    deck = write_deck(folder, "## Two")
    deck.write_text(deck.read_text().replace("# Toy talk", "Toy talk"))
    with pytest.raises(decks.DeckError, match=r"toy.ipynb: the first cell must start a slide and hold the title"):
        decks.export(deck, folder / "notebooks")


# ---- the command -----------------------------------------------------------------------------------


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["decks", *map(str, arguments)])
    monkeypatch.setattr(decks, "BROWSERS", ("no-such-browser",))
    return decks.main()


def test_the_command_writes_the_same_bytes_again(folder, monkeypatch, capsys):
    write_deck(folder, "![](chapter:01_toy#fig-line)")
    for out in ("one", "two"):
        assert run(monkeypatch, folder / "slides", folder / out) == 0
    one, two = ({file.name: file.read_bytes() for file in (folder / out).rglob("*.*")} for out in ("one", "two"))
    assert one == two
    assert {"toy.html", "reveal.js", "notes.js", "tex-svg.js"} <= set(one)
    assert "PDF files were left out: none of no-such-browser is installed" in capsys.readouterr().out


def test_the_command_fails_with_one_line(folder, monkeypatch, capsys):
    write_deck(folder, "![](chapter:01_toy#fig-lime)")
    assert run(monkeypatch, folder / "slides", folder / "out") == 1
    said = capsys.readouterr().err
    assert said.startswith("decks: toy.ipynb, slide 2: chapter:01_toy#fig-lime: ")
    assert said.count("\n") == 1
    assert not (folder / "out").exists()


def test_the_command_says_what_to_install_where_pdfs_are_demanded(folder, monkeypatch, capsys):
    write_deck(folder, "## Two")
    assert run(monkeypatch, folder / "slides", folder / "out", "--pdf") == 1
    said = capsys.readouterr().err
    assert "none of no-such-browser is on your PATH" in said
    assert "apt install chromium" in said


PRINTS = """#!/bin/sh
echo chatter
echo 'no display' >&2
for asked; do case $asked in --print-to-pdf=*) echo "/CreationDate (D:2026)" > "${asked#*=}";; esac; done
"""
SNAP = """#!/bin/sh
echo "
Command '/usr/bin/chromium-browser' requires the chromium snap to be installed.
Please install it with:

snap install chromium
" >&2
exit 10
"""


def run_with(monkeypatch, folder, *browsers, arguments=(), limit=120):
    """Run the command where ``browsers``, each a program's text, are what there is; return its exit status."""
    paths = [folder / f"browser-{number}" for number in range(len(browsers))]
    for path, text in zip(paths, browsers, strict=True):
        path.write_text(text)
        path.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["decks", str(folder / "slides"), str(folder / "out"), *arguments])
    monkeypatch.setattr(decks, "BROWSERS", tuple(map(str, paths)) or ("no-such-browser",))
    monkeypatch.setattr(decks.print_pdf, "__defaults__", (limit,))
    return decks.main()


def test_what_a_browser_prints_stands_beside_the_deck(folder, monkeypatch, capsys):
    write_deck(folder, "## Two")
    assert run_with(monkeypatch, folder, PRINTS) == 0
    assert (folder / "out" / decks.PRINTED).exists()
    assert "D:2026" not in (folder / "out" / "toy.pdf").read_text()
    said = capsys.readouterr()
    assert "chatter" not in said.out and said.err == ""


@pytest.mark.parametrize("demanded_by", ["nobody", "--pdf", "the environment"])
@pytest.mark.parametrize(
    ("browser", "said"),
    [
        (PRINTS + "exit 3\n", "could not print {html}: no display"),
        ("#!/bin/sh\n", "could not print {html}: it ended with code 0"),
        (SNAP, "requires the chromium snap to be installed. Please install it with: snap install chromium"),
        ("#!/bin/sh\nprintf '\\377 no display' >&2; exit 1\n", "could not print {html}: ? no display"),
        ("#!/no/such/interpreter\n", "could not be started: No such file or directory"),
        ("neither a script nor a program", "could not be started: Exec format error"),
        ("#!/bin/sh\nsleep 60 & exec sleep 60\n", "did not print {html} within 1 seconds and was stopped"),
    ],
    ids=["fails", "prints nothing", "snap", "not UTF-8", "no interpreter", "no program", "hangs"],
)
def test_a_browser_that_fails_costs_the_pdfs_alone(folder, monkeypatch, capsys, browser, said, demanded_by):
    """They are optional, unless ``make slides-pdf`` or CI asks for them."""
    write_deck(folder, "## Two")
    if demanded_by == "the environment":
        monkeypatch.setenv("SIDEBYSIDE_REQUIRE_BROWSER", "1")
    arguments = ["--pdf"] if demanded_by == "--pdf" else []
    status = run_with(monkeypatch, folder, browser, arguments=arguments, limit=1)
    assert status == (0 if demanded_by == "nobody" else 1)
    line = capsys.readouterr().err
    assert line.startswith(f"{decks.LEFT_OUT}: " if status == 0 else "decks: ")
    assert said.format(html=folder / "out" / "toy.html") in line and line.count("\n") == 1
    assert (folder / "out" / "toy.html").is_file()
    assert not (folder / "out" / "toy.pdf").exists()
    assert not (folder / "out" / decks.PRINTED).exists()


def test_another_browser_prints_where_the_first_cannot(folder, monkeypatch, capsys):
    write_deck(folder, "## Two")
    assert run_with(monkeypatch, folder, SNAP, PRINTS, arguments=["--pdf"]) == 0
    assert (folder / "out" / "toy.pdf").exists() and (folder / "out" / decks.PRINTED).exists()
    assert capsys.readouterr().err == ""


def test_a_browser_that_hangs_is_stopped_with_what_it_started(folder, monkeypatch):
    write_deck(folder, "## Two")
    started = folder / "helper"
    assert run_with(monkeypatch, folder, f"#!/bin/sh\nsleep 60 &\necho $! > {started}\nwait\n", limit=2) == 0
    state = subprocess.run(["ps", "-o", "stat=", "-p", started.read_text()], capture_output=True, text=True)
    assert state.stdout.strip()[:1] in ("", "Z"), "what the browser started still runs"


def test_ci_needs_a_browser(folder, monkeypatch, capsys):
    write_deck(folder, "## Two")
    monkeypatch.setenv("SIDEBYSIDE_REQUIRE_BROWSER", "1")
    assert run_with(monkeypatch, folder) == 1
    assert "apt install chromium" in capsys.readouterr().err


def test_without_pdfs_nothing_says_that_there_are_any(folder, monkeypatch):
    write_deck(folder, "## Two")
    (folder / "out").mkdir()
    for name in ("toy.pdf", decks.PRINTED):
        (folder / "out" / name).write_text("of an earlier build")
    assert run(monkeypatch, folder / "slides", folder / "out") == 0
    assert not (folder / "out" / "toy.pdf").exists()
    assert not (folder / "out" / decks.PRINTED).exists()


def test_the_command_says_that_there_is_no_deck(folder, monkeypatch, capsys):
    assert run(monkeypatch, folder / "slides", folder / "out") == 1
    assert "there is no deck" in capsys.readouterr().err


def test_a_page_loads_its_own_files_only(folder, monkeypatch):
    write_deck(folder, "![](chapter:01_toy#fig-line) <repository:>")
    assert run(monkeypatch, folder / "slides", folder / "out") == 0
    html = (folder / "out" / "toy.html").read_text()
    page = BeautifulSoup(html, "html.parser")
    loaded = [tag.get("src") or tag.get("href") for tag in page.select("[src], link")]
    assert len(loaded) == 6
    for address in loaded:
        assert address.startswith("data:") or (folder / "out" / address).is_file()
    for link in page.select("a[href]"):
        link.decompose()
    assert not re.search(r"https?://|url\(", str(page))


# ---- the decks' languages --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "language"), [("talk", "en"), ("talk_ja", "ja"), ("my_talk", "en")])
def test_the_name_of_a_deck_says_its_language(name, language):
    assert decks.language(Path("slides") / f"{name}.ipynb") == language


def test_a_deck_in_japanese_brings_its_font_and_the_fonts_licence(folder, monkeypatch):
    write_deck(folder, "## Two").rename(folder / "slides" / "toy_ja.ipynb")
    write_deck(folder, "## Two")
    assert run(monkeypatch, folder / "slides", folder / "out") == 0
    pages = {name: (folder / "out" / f"{name}.html").read_text() for name in ("toy", "toy_ja")}
    assert BeautifulSoup(pages["toy_ja"], "html.parser").html["lang"] == "ja"
    assert BeautifulSoup(pages["toy"], "html.parser").html["lang"] == "en"
    assert "@font-face" not in pages["toy"]
    assert set(re.findall(r"url\((.*?)\)", pages["toy_ja"])) == {'"assets/ipaexg.ttf"'}
    family, (package, fonts, names) = decks.FONTS["ja"]
    assert f"font-family: {family};" in pages["toy_ja"]
    for name in names:  # the font's licence wants both unchanged, and together
        assert (folder / "out" / "assets" / name).read_bytes() == Path(
            distribution(package).locate_file(f"{fonts}/{name}")
        ).read_bytes()
    assert "License" in names[1]


def test_a_font_travels_only_with_a_deck_that_needs_it(folder, monkeypatch):
    write_deck(folder, "## Two")
    assert run(monkeypatch, folder / "slides", folder / "out") == 0
    assert not list((folder / "out").rglob("*.ttf"))


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_font_has_every_character_of_the_deck(name):
    _, (package, folder, (file, *_)) = decks.FONTS[decks.language(Path(name))]
    has = TTFont(distribution(package).locate_file(f"{folder}/{file}")).getBestCmap()
    text = "".join(shown + notes for shown, notes in slides_of(name))
    assert {character for character in text if ord(character) not in has} <= {"\n"}


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translation_is_the_same_deck(name):
    """Slide by slide: the same figures and code from the same places, the same formulas' symbols, at the same time."""
    original = name.rpartition("_")[0]
    assert original in NAMES
    ours, theirs = slides_of(name), slides_of(original)
    assert len(ours) == len(theirs)
    for number, (mine, its) in enumerate(zip(ours, theirs, strict=True), start=1):
        for what, found in {
            "figures": lambda slide: [image["target"] for image in decks.IMAGE.finditer(slide[0])],
            "code": lambda slide: [code[0] for code in decks.CODE.finditer(slide[0])],
            "libraries": lambda slide: [mark[1] for mark in decks.LIBRARY.finditer(slide[0])],
            "items": lambda slide: re.findall(r"^(?:-|\d\.|\|)", slide[0], re.MULTILINE),
            "formulas": lambda slide: re.findall(r"\\(?!text|underset)\w+", slide[0]),
            "times": lambda slide: re.findall(r"\*\*(\d+:\d\d)\*\*", slide[1]),
        }.items():
            assert found(mine) == found(its), f"{name}, slide {number}: {what}"


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translation_is_one(name):
    """Every heading, every figure's words and all notes are in the deck's language, not left in English."""
    japanese = r"[\u3040-\u30ff\u4e00-\u9fff]"
    for shown, notes in slides_of(name):
        headings = re.findall(r"^#+ (.+)$", decks.CODE.sub("", shown), re.MULTILINE)
        for text in (*headings, *(image["words"] for image in decks.IMAGE.finditer(shown))):
            assert re.search(japanese, text), text
        assert len(re.findall(japanese, notes)) > count(notes, "ja") / 2, notes


# ---- what the decks in slides/ show -----------------------------------------------------------------


def test_every_figure_was_drawn_for_the_projector():
    """``make run`` draws the figures that decks show a second time; a deck may have got a new one since."""
    missing = []
    for chapter in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = decks.named_cells(chapter)
        for name in sorted(decks.figures_shown(ROOT / "slides", chapter.stem) & set(cells)):
            kinds = {kind for output in cells[name].outputs for kind in output.get("data", {})}
            if not kinds & {PROJECTOR, "image/gif"}:
                missing.append(f"{name}: make run NB=notebooks/{chapter.stem}")
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_code_and_output_are_short(name):
    page = BeautifulSoup(decks.export(ROOT / "slides" / f"{name}.ipynb", ROOT / "notebooks"), "html.parser")
    for block in page.select("pre"):
        assert len(block.get_text().strip("\n").splitlines()) <= LINES_A_SLIDE, block.get_text()


def test_the_page_of_talks_shows_every_deck():
    source = (ROOT / "book" / "talks.md").read_text()
    page = BeautifulSoup(source, "html.parser")
    assert {frame["src"] for frame in page.select("iframe")} == {f"../slides/{name}.html" for name in NAMES}
    for talk in page.select(".talk"):
        frame, links = talk.iframe, talk.select("a")
        name = Path(frame["src"]).stem
        language = decks.language(Path(name))
        assert [link["href"] for link in links] == [f"../slides/{name}.html", f"../slides/{name}.pdf"]
        assert "pdf" in links[1]["class"]
        slides = slides_of(name)
        assert frame["title"] == links[0].get_text() == decks.TITLE.search(slides[0][0])[1]
        assert frame.get("lang", "en") == links[0].get("lang", "en") == language
        lasts = decks.seconds(decks.CLOSES.search(slides[-1][1]), "") // 60
        assert f", {lasts} minutes, in {LANGUAGES[language]}" in talk.get_text()
    assert f"../slides/{decks.PRINTED}" in source


# ---- the talks -------------------------------------------------------------------------------------


def slides_of(name):
    """Return a deck's slides, each with its Markdown and its notes."""
    slides = []
    for cell in nbformat.read(ROOT / "slides" / f"{name}.ipynb", as_version=4).cells:
        if decks.starts_slide(cell):
            slides.append(("", ""))
        shown, notes = slides[-1]
        is_notes = decks.slide_type(cell) == "notes"
        slides[-1] = (shown, notes + cell.source) if is_notes else (shown + cell.source + "\n", notes)
    return slides


def minutes(name):
    """Return how long the talk lasts, a translation as long as its original."""
    return MINUTES[name.partition("_")[0]]


def bare(markdown):
    """Return what a person reads or speaks: no images, code, mathematics or times."""
    for pattern in (decks.IMAGE, decks.OPENS, r"```.*?```", r"\$\$.*?\$\$", r"\$.*?\$"):
        markdown = re.sub(pattern, " ", markdown, flags=0 if isinstance(pattern, re.Pattern) else re.DOTALL)
    return markdown


def count(markdown, language):
    """Count the words of :func:`bare` text; in Japanese its characters, punctuation too, as on manuscript paper."""
    markdown = bare(markdown)
    if language == "ja":
        return len(re.sub(r"[\s#*|]|^- |^\d\. |[:|-]{3,}", "", markdown, flags=re.MULTILINE))
    return len(re.findall(r"[\w+:/.'’-]*\w[\w+:/.'’-]*", markdown))


def test_the_count_of_japanese_takes_characters_and_leaves_signs():
    assert count("## 図\n\n- **読む**：本\n\n| a | b |\n|:--|:--|\n\n$$x$$\n\n![図](a.svg)\n\n**1:30**", "ja") == 7


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_has_notes(name):
    for shown, notes in slides_of(name):
        assert decks.OPENS.match(notes), shown
        assert len(notes) > 40, shown


@pytest.mark.parametrize("name", TALKS)
def test_the_talk_fits_its_minutes(name):
    language = decks.language(Path(name))
    assert sum(count(notes, language) for _, notes in slides_of(name)) <= minutes(name) * A_MINUTE[language]


@pytest.mark.parametrize("name", TALKS)
def test_each_slide_has_the_time_its_words_need(name):
    slides, language = slides_of(name), decks.language(Path(name))
    times = [decks.seconds(decks.OPENS.match(notes), "") for _, notes in slides]
    times.append(decks.seconds(decks.CLOSES.search(slides[-1][1]), ""))
    assert (times[0], times[-1]) == (0, 60 * minutes(name))
    for (_, notes), begin, end in zip(slides, times, times[1:], strict=False):
        assert count(notes, language) / A_MINUTE[language] * 60 <= end - begin, notes


@pytest.mark.parametrize("name", NAMES)
def test_a_slide_holds_few_words(name):
    language = decks.language(Path(name))
    for shown, _ in slides_of(name):
        words = count(shown, language)
        if language == "ja":
            words = count(LATIN.sub("", shown), language) / 2.5 + len(LATIN.findall(bare(shown)))
        assert words <= WORDS_A_SLIDE[name.partition("_")[0]], shown


WAITED = {"nutpie": "pymc-nutpie-numba", "PyStan": "stan", "parallel": "numpyro-parallel"}
WAITED |= {"`jit_compile`": "pyro-jit", "XLA": "tfp"}


def test_the_talk_shows_the_seconds_that_were_measured():
    benchmark = load_benchmark()
    measured = benchmark.right.query("chains == 4").set_index(["way", "data"])
    [shown] = [shown for shown, _ in slides_of("talk") if "Seconds until the first answer" in shown]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in shown.splitlines() if "| **" in line]
    assert [row[0].strip("*") for row in rows] == list(LIBRARIES)
    for _, way, *seconds in rows:
        found = [measured.loc[(WAITED[way], data), "first_draw_s"] for data in ("hogg", "radon")]
        assert [int(second) for second in seconds] == [round(one) for one in found], way
    # "most of the wait is compiling, except in Pyro": a second call, compiled, takes less than half of the whole wait
    again = measured.loc[[(way, "radon") for way in WAITED.values()]].eval("sampling_s / first_draw_s")
    assert [way for (way, _), share in again.items() if share > 0.5] == ["pyro-jit"]
    assert benchmark.machine["cores"] == 2


@pytest.mark.parametrize("name", NAMES)
def test_no_deck_speaks_of_finished_work_as_of_work_to_come(name):
    promise = r"not (in )?yet (in|measured|written|ready)|not in yet|has not yet|will be one command|to come\b"
    promise += r"|coming soon|is planned|準備中|近日公開|まだ(測|書|でき)"
    for shown, notes in slides_of(name):
        assert not re.search(promise, f"{shown} {notes}"), shown


def test_the_picture_of_bayes_is_to_scale():
    svg = BeautifulSoup((ROOT / "slides" / "bayes.svg").read_text(), "html.parser")
    curves = {
        line["id"]: np.array([pair.split(",") for pair in line["points"].split()], dtype=float)
        for line in svg.select("polyline")
    }
    at = np.linspace(520, 900, 50)  # where all three are drawn
    prior, likelihood, posterior = (
        360 - np.interp(at, *curves[name].T) for name in ("prior", "likelihood", "posterior")
    )
    product = prior * likelihood
    np.testing.assert_allclose(product / product.sum(), posterior / posterior.sum(), atol=2e-4)
