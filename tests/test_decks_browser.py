"""The built decks as speakers meet them, in a browser: served by a local server, and opened from the folder."""

import re
import zlib
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import build_deck, reached
from nbformat.v4 import new_code_cell, new_notebook

from publish import decks
from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
NAMES = sorted(deck.stem for deck in (ROOT / "slides").glob("*.ipynb"))
FOREIGN = {name: decks.FONTS[spoken][0] for name in NAMES if (spoken := decks.language(Path(name))) in decks.FONTS}

# What stands outside its slide's padding or is cut off by its own box, and figures too small to read.
MISFITS = """slide => {
  const found = [];
  const style = getComputedStyle(slide), box = slide.getBoundingClientRect();
  const scale = box.width / slide.offsetWidth, pad = side => parseFloat(style["padding" + side]) * scale;
  const room = {left: box.left + pad("Left"), right: box.right - pad("Right"),
                top: box.top + pad("Top"), bottom: box.bottom - pad("Bottom")};
  for (const node of slide.querySelectorAll("*:not(aside, aside *, mjx-container *, wbr)")) {
    if (!node.checkVisibility()) continue;
    const its = node.getBoundingClientRect(), name = `${node.tagName} ${node.textContent.trim().slice(0, 40)}`;
    if (Math.min(its.left - room.left, room.right - its.right, its.top - room.top, room.bottom - its.bottom) < -1)
      found.push(`${name} leaves its slide's room`);
    if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "inline")
      found.push(`${name} is wider than its box`);
    // a QR code may stand beside words, and paper, which has no last row, shows two figures side by side
    const least = node.closest(".qr, .pdf-page") ? 0.4 : 0.5;
    if (node.tagName === "IMG" && Math.max(its.height / box.height, its.width / box.width) < least)
      found.push(`${name} ${node.alt} is too small for the last row`);
  }
  return found;
}"""

# The number of characters on each line of a heading, squeezed from its full width to a third of it.
SQUEEZED = """heading => {
  const found = [];
  for (let width = heading.clientWidth; width > 420; width -= 10) {
    heading.style.width = `${width}px`;
    const lines = new Map(), range = document.createRange();
    const walker = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode())
      for (let at = 0; at < text.length; at++) {
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        const bottom = Math.round(range.getBoundingClientRect().bottom / 20);
        lines.set(bottom, (lines.get(bottom) || "") + text.data[at]);
      }
    found.push([...lines.values()]);
  }
  heading.style.width = "";
  return found;
}"""


@pytest.fixture(params=["http", "file"])
def address(request, site, site_address):
    """Return a function from a deck's name to its address, once at a local server, once in the folder."""
    start = site_address if request.param == "http" else site.as_uri()
    return lambda name: f"{start}/slides/{built(site, name).name}"


@pytest.fixture
def served(site, site_address):
    """Return a function from a deck's name to its address at a local server."""
    return lambda name: f"{site_address}/slides/{built(site, name).name}"


def built(site, name):
    """Return the built page of a deck; fail where it was not built."""
    page = site / "slides" / f"{name}.html"
    if not page.exists():
        pytest.fail(f"{page} is missing: run make book")
    return page


def start(page, address):
    """Open a deck and wait until it stands."""
    page.goto(address)
    page.wait_for_function("() => window.Reveal && Reveal.isReady()")


def slides(page):
    """Visit every slide with the keyboard, from the first to the last, and yield each as it opens."""
    total = page.evaluate("Reveal.getTotalSlides()")
    for number in range(1, total + 1):
        assert page.locator(".slide-number").inner_text().split() == [str(number), "/", str(total)]
        yield page.locator("section.present:not(.stack)")
        for _ in steps(page):
            pass
        if number < total:
            page.keyboard.press("Space")
    assert page.evaluate("Reveal.isLastSlide()")


def steps(page):
    """Yield a slide's steps by number, from the first, which shows when the slide opens, to the last."""
    number = 1
    yield number
    while page.evaluate("Reveal.availableFragments().next"):
        page.keyboard.press("Space")
        number += 1
        yield number


def libraries(page):
    """Yield the libraries that the slide's tabs show one after the other; None where it has no tabs."""
    if not page.locator("section.present [role=tab]").count():
        yield None
        return
    for number, tag in enumerate(TAGS, start=1):
        page.keyboard.press(str(number))
        yield tag


def test_there_are_decks():
    assert {"lightning", "lightning_ja"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_slide_is_whole_by_itself(name, address, make_reader):
    """Images, mathematics, notes; nothing fails or comes from another machine (see make_reader)."""
    page = make_reader().page
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    start(page, address(name))
    for slide in slides(page):
        assert slide.is_visible()
        assert slide.locator("h1, h2").count() == 1
        for image in slide.locator("img").all():
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            assert image.get_attribute("alt").strip()
        notes = slide.locator("aside.notes")
        assert re.match(r"\d+:\d\d \S", notes.text_content().strip())
        assert not notes.is_visible()
        assert "$" not in slide.text_content(), "mathematics was not typeset"
    assert page.locator("[data-mjx-error], mjx-merror").count() == 0
    assert failed == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.partition("_")[0] == "lightning"])
def test_the_lightning_talk_s_mathematics_is_typeset(name, served, make_reader):
    page = make_reader().page
    start(page, served(name))
    shown = [slide.locator("mjx-container svg").filter(visible=True).count() for slide in slides(page)]
    assert sum(map(bool, shown)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaves_its_slide(name, served, make_reader):
    page = make_reader(width=1280, height=720).page
    start(page, served(name))
    for slide in slides(page):
        box = slide.bounding_box()
        assert min(box["x"], box["y"]) >= -1
        assert box["x"] + box["width"] <= 1280 + 1
        assert box["y"] + box["height"] <= 720 + 1
        for step in steps(page):
            for library in libraries(page):
                assert slide.evaluate(MISFITS) == [], f"step {step}, {library}: {slide.inner_text()}"


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1024, 768)])
def test_another_screen_shows_the_same_slide_at_another_size(width, height, served, make_reader):
    """Reveal lays a slide out at 1280 by 720 and scales the whole, so that what fits on one screen fits on all."""
    page = make_reader(width=width, height=height).page
    start(page, served(NAMES[0]))
    slide = page.locator("section.present:not(.stack)")
    assert slide.evaluate("slide => slide.offsetWidth") == 1280
    box, scale = slide.bounding_box(), min(width / 1280, height / 720)
    assert box["width"] == pytest.approx(1280 * scale, abs=1)
    assert box["x"] == pytest.approx((width - 1280 * scale) / 2, abs=1) and box["y"] >= -1
    assert box["y"] + box["height"] <= height + 1


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaves_its_printed_page(name, served, make_reader):
    page = make_reader().page
    start(page, served(name) + "?print-pdf")
    page.wait_for_function("() => document.querySelectorAll('.pdf-page').length === Reveal.getTotalSlides()")
    for sheet in page.locator(".pdf-page").all():
        assert sheet.bounding_box()["height"] <= 720, "a slide that takes two pages"
        assert sheet.locator("> section").evaluate(MISFITS) == []
        for image in sheet.locator("section img:not(.animation *)").all():
            assert image.is_visible(), "a figure that paper loses"


@pytest.mark.parametrize("name", NAMES)
def test_the_pdf_has_a_page_for_each_slide(name, site, served, make_reader):
    page = make_reader().page
    start(page, served(name))
    total = page.evaluate("Reveal.getTotalSlides()")
    file = built(site, name).with_suffix(".pdf")
    assert file.exists(), f"{file} is missing: run make book"
    pdf = file.read_bytes()
    # Chromium writes its page objects plainly and the drawing of each page deflated.
    pages = re.findall(rb"<</Type /Page\b.*?/Contents (\d+) 0 R", pdf, re.DOTALL)
    assert len(pages) == total
    for number in pages:
        drawing = re.search(rb"\n%s 0 obj\n<<.*?>> stream\n(.*?)\nendstream" % number, pdf, re.DOTALL)[1]
        assert b"BT" in zlib.decompress(drawing), "a page without text"


@pytest.mark.parametrize("name", NAMES)
def test_the_speaker_view_shows_notes_and_pace(name, address, make_reader):
    reader = make_reader()
    start(reader.page, address(name))
    with reader.context.expect_page() as opened:
        reader.page.keyboard.press("s")
    view = opened.value
    view.locator(".pacing").wait_for()
    shown = [view.frame_locator(f"{part} iframe") for part in ("#current-slide", "#upcoming-slide")]
    for frame in shown:  # as a speaker waits: what Reveal posts to a slide that is still loading is lost
        frame.locator("section.present").first.wait_for()
    reader.page.keyboard.press("ArrowRight")
    mark = reader.page.locator("section.present aside.notes strong").first.text_content()
    view.locator(".speaker-controls-notes .value", has_text=mark).wait_for()
    for frame in shown:
        frame.locator("section.present h2").first.wait_for()


def missing_glyphs(page, selector, family):
    """Return the elements in ``selector`` whose Japanese is not all drawn by ``family``, as it came with the page."""
    count = page.locator(selector).evaluate_all(
        """all => all.flatMap(root => [...root.querySelectorAll("*:not(style, aside *, mjx-assistive-mml *)")])
          .filter(node => node.checkVisibility()).reduce((count, node) => {
            const own = [...node.childNodes].filter(child => child.nodeType === 3).map(child => child.data).join("");
            const japanese = own.match(/[\\u3000-\\u9fff\\uff00-\\uffef]/g);
            if (japanese) node.dataset.japanese = japanese.length;
            return count + (japanese ? 1 : 0);
          }, 0)"""
    )
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    nodes = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": f"{selector} [data-japanese]"})["nodeIds"]
    assert len(nodes) == count > 0
    missing = []
    for node in nodes:
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        drawn = sum(font["glyphCount"] for font in fonts if font["isCustomFont"] and font["familyName"] == family)
        attributes = session.send("DOM.getAttributes", {"nodeId": node})["attributes"]
        if drawn < int(attributes[attributes.index("data-japanese") + 1]):
            missing.append(session.send("DOM.getOuterHTML", {"nodeId": node})["outerHTML"])
    session.detach()
    return missing


@pytest.mark.parametrize("name", FOREIGN)
def test_the_deck_is_drawn_with_the_font_that_travels_with_it(name, address, browser):
    """Headings, items, tables and formulas. Without make_reader: DevTools log an error for a local file's styles."""
    family = FOREIGN[name]
    with browser.new_context() as context:
        page = context.new_page()
        start(page, address(name))
        for slide in slides(page):
            assert page.evaluate(
                "([font, text]) => document.fonts.check(font, text)", [f"9px {family}", slide.inner_text()]
            )
            assert missing_glyphs(page, "section.present:not(.stack)", family) == []


@pytest.mark.parametrize("name", FOREIGN)
def test_the_notes_are_drawn_with_it_too(name, address, browser):
    """In the speaker view. Without make_reader: what it does to requests holds up those of a page without address."""
    with browser.new_context() as context:
        page = context.new_page()
        start(page, address(name))
        with context.expect_page() as opened:
            page.keyboard.press("s")
        view = opened.value
        view.locator(".speaker-controls-notes [lang]").wait_for()
        for slide in slides(page):
            mark = slide.locator("aside.notes strong").first.text_content()
            view.locator(".speaker-controls-notes .value", has_text=mark).wait_for()
            for _ in range(50):
                if view.evaluate("[...document.fonts].some(font => font.status === 'loaded')"):
                    break
                page.wait_for_timeout(100)
            assert missing_glyphs(view, ".speaker-controls-notes .value", FOREIGN[name]) == []


@pytest.mark.parametrize("name", FOREIGN)
def test_a_character_is_as_wide_as_the_font_says(name, served, make_reader):
    """Kana and kanji take one em; Latin letters tell the font from another, for they keep this font's own widths."""
    page = make_reader().page
    start(page, served(name))
    width = """([font, text]) => {
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = `100px ${font}`;
      return pen.measureText(text).width;
    }"""
    assert page.evaluate(width, [FOREIGN[name], "事後分布とベイズ"]) == pytest.approx(800)
    letters = [page.evaluate(width, [font, "Bayes"]) for font in (FOREIGN[name], "no-such-font, sans-serif")]
    assert letters[0] != pytest.approx(letters[1], abs=1)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_heading_never_leaves_one_character_alone(name, served, make_reader):
    page = make_reader().page
    start(page, served(name))
    broken = 0
    for slide in slides(page):
        for lines in slide.locator("h1, h2").evaluate(SQUEEZED):
            broken += len(lines) > 1
            assert min(map(len, lines)) > 1, lines
    assert broken, "no heading was ever too long for its line"


@pytest.mark.parametrize("name", FOREIGN)
def test_the_pdf_holds_the_font(name, site):
    pdf = built(site, name).with_suffix(".pdf").read_bytes()
    descriptors = re.findall(rb"<</Type /FontDescriptor\b.*?>>", pdf, re.DOTALL)
    ours = [one for one in descriptors if f"+{FOREIGN[name]}".encode() in one]
    assert any(b"/FontFile2" in one for one in ours)  # headings, made bold by Chromium, are drawings beside it


@pytest.mark.parametrize("name", NAMES)
def test_light_and_dark(name, served, make_reader):
    def paper(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = "rgb(255, 255, 255)", "rgb(20, 24, 29)"
    for scheme, asked, expected in [("light", "", light), ("dark", "", dark), ("light", "?theme=dark", dark)]:
        page = make_reader(scheme=scheme).page
        start(page, served(name) + asked)
        assert paper(page) == expected
    page.keyboard.press("t")
    assert paper(page) == light


def serious(page):
    """Return axe-core's serious and critical violations."""
    found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_every_slide_is_accessible(name, scheme, served, make_reader):
    """As it is laid out for print, where all slides and fragments stand on one page."""
    page = make_reader().page
    start(page, f"{served(name)}?print-pdf&theme={scheme}")
    page.wait_for_function("() => document.querySelectorAll('.pdf-page').length === Reveal.getTotalSlides()")
    # reveal.js hides all but one from screen readers there; what is checked is each slide as it is shown.
    page.evaluate("document.querySelectorAll('section').forEach(slide => slide.removeAttribute('aria-hidden'))")
    assert serious(page) == []


# ---- code that steps, and tabs: a small deck ---------------------------------------------------------


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Return the folder of a small deck: code in steps, then the five libraries' tabs on two slides."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "notebooks").mkdir()
    cells = [new_code_cell(f"import {tag}\n{tag}.draw()\n{tag}.show()", metadata={"name": tag}) for tag in TAGS]
    nbformat.write(new_notebook(cells=cells), folder / "notebooks" / "01_toy.ipynb")
    shown = [
        "# Toy",
        "## Steps\n\n```python\n# chapter:01_toy#stan steps=1|2-3|1,3\n```",
        "## Tabs\n\n```python\n# chapter:01_toy#{library} steps=1|2\n# pyro steps=3|1\n```",
        "## Again\n\n```python\n# chapter:01_toy#{library}\n```",
    ]
    return build_deck(folder, shown)


@pytest.fixture(params=["http", "file"])
def toy_address(request, toy):
    """Return the small deck's address, once at a local server, once in the folder."""
    with reached(toy, request.param) as address:
        yield f"{address}/toy.html"


def lit(slide):
    """Return the numbers of the lines that are lit in the code that shows; none where it has no steps."""
    lines = slide.locator("pre").filter(visible=True).locator(".line")
    return [number for number, line in enumerate(lines.all(), 1) if "lit" in line.get_attribute("class").split()]


def test_code_steps_forwards_and_back(toy_address, make_reader):
    page = make_reader().page
    start(page, f"{toy_address}#/1")
    slide = page.locator("section.present:not(.stack)")
    for keys, expected in [("", [1]), ("Space", [2, 3]), ("Space", [1, 3]), ("ArrowLeft", [2, 3]), ("ArrowLeft", [1])]:
        if keys:
            page.keyboard.press(keys)
        assert lit(slide) == expected
    dim, bright = (slide.locator(".line").nth(at).evaluate("line => getComputedStyle(line).color") for at in (1, 0))
    assert dim != bright
    for _ in range(3):
        page.keyboard.press("Space")
    assert slide.locator("h2").inner_text() == "Tabs"
    page.keyboard.press("ArrowLeft")
    assert lit(slide) == [1, 3], "back on the slide, at its last step"


def chosen(page):
    """Return the tags of the tab and of the code that show on a page, after a check that they are the same."""
    tab = page.locator("section.present [role=tab][aria-selected=true]").inner_text()
    code = page.locator("section.present [role=tabpanel]").filter(visible=True).inner_text()
    tag = LIBRARIES[tab.strip()].tag
    assert f"import {tag}\n" in code
    return tag


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("slide", [1, 2])
def test_code_that_is_not_lit_and_tabs_are_accessible(slide, scheme, toy, make_reader):
    page = make_reader(scheme=scheme).page
    start(page, f"{(toy / 'toy.html').as_uri()}#/{slide}")
    assert serious(page) == []


def test_keys_clicks_and_arrows_choose_a_library(toy_address, make_reader):
    page = make_reader().page
    start(page, f"{toy_address}#/2")
    slide = page.locator("section.present:not(.stack)")
    assert (chosen(page), lit(slide)) == ("pymc", [1])
    page.keyboard.press("4")
    assert (chosen(page), lit(slide)) == ("pyro", [3])
    page.keyboard.press("Space")
    assert (chosen(page), lit(slide)) == ("pyro", [1])
    page.keyboard.press("2")
    assert (chosen(page), lit(slide)) == ("stan", [2])
    page.get_by_role("tab", name="TFP").click()
    assert chosen(page) == "tfp"
    page.keyboard.press("ArrowRight")  # a click leaves the arrow keys to the slides
    assert slide.locator("h2").inner_text() == "Again"
    assert chosen(page) == "tfp", "the choice holds for the slides to come"
    page.get_by_role("tab", name="TFP").focus()
    for key, tag in [("ArrowLeft", "pyro"), ("Home", "pymc"), ("ArrowLeft", "tfp"), ("ArrowRight", "pymc")]:
        page.keyboard.press(key)
        assert (chosen(page), slide.locator("h2").inner_text()) == (tag, "Again")
        assert page.evaluate("document.activeElement.ariaSelected") == "true"
    page.keyboard.press("3")
    page.reload()
    page.wait_for_function("() => window.Reveal && Reveal.isReady()")
    assert chosen(page) == "numpyro", "the choice outlives a reload"


@pytest.mark.parametrize(("asked", "tag"), [("?lib=stan", "stan"), ("?lib=bugs", "pymc"), ("", "pymc")])
def test_the_address_chooses_a_library(asked, tag, toy_address, make_reader):
    page = make_reader().page
    start(page, f"{toy_address}{asked}#/3")
    assert chosen(page) == tag


@pytest.mark.parametrize(("asked", "name"), [("", "PyMC"), ("&lib=stan", "Stan")])
def test_paper_shows_one_library_and_every_line_alike(asked, name, toy_address, make_reader):
    page = make_reader().page
    start(page, f"{toy_address}?print-pdf{asked}")
    sheets = page.locator(".pdf-page")
    page.wait_for_function("() => document.querySelectorAll('.pdf-page').length === 4")
    assert sheets.nth(2).locator("[role=tab]").filter(visible=True).all_inner_texts() == [name]
    assert sheets.nth(2).locator("pre").filter(visible=True).count() == 1
    for sheet in (1, 2):
        lines = sheets.nth(sheet).locator("pre").filter(visible=True).locator(".line")
        looks = lines.evaluate_all(
            "all => all.map(line => getComputedStyle(line).color + getComputedStyle(line).background)"
        )
        assert len(set(looks)) == 1


def test_the_speaker_view_follows_the_library(toy_address, make_reader):
    """From the slides to the speaker view, and from it to the slides."""
    reader = make_reader()
    start(reader.page, f"{toy_address}?lib=stan#/2")
    with reader.context.expect_page() as opened:
        reader.page.keyboard.press("s")
    view = opened.value
    frames = [view.frame_locator(f"{frame} iframe") for frame in ("#current-slide", "#upcoming-slide")]

    def wait(name):
        for frame in frames:
            tab = frame.locator("section.present [role=tab][aria-selected=true]")
            tab.filter(has_text=re.compile(f"^{name}$")).wait_for()

    wait("Stan")
    reader.page.keyboard.press("5")
    wait("TFP")
    view.locator("body").press("3")
    wait("NumPyro")
    assert chosen(reader.page) == "numpyro"
    frames[0].locator("section.present").get_by_role("tab", name="PyMC").click()
    wait("PyMC")
    assert chosen(reader.page) == "pymc"


# ---- an animation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("motion", "asked", "moves"),
    [("no-preference", "", True), ("reduce", "", False), ("no-preference", "?print-pdf", False)],
)
def test_an_animation_stands_still_on_paper_and_where_motion_is_unwanted(motion, asked, moves, served, make_reader):
    page = make_reader().page
    page.emulate_media(reduced_motion=motion)
    start(page, served("talk") + asked)
    shown = page.locator(".animation > img")
    assert shown.count() == 2
    if not asked:
        page.evaluate("Reveal.slide(Reveal.getSlides().findIndex(slide => slide.querySelector('.animation')))")
    (visible,) = shown.filter(visible=True).all()
    assert visible.get_attribute("src").startswith("data:image/gif" if moves else "data:image/png")
