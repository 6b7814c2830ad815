"""The built site as readers meet it, in a browser: served by a local server, and opened from the folder."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from conftest import readers_of

from sidebyside.libraries import LIBRARIES, TAGS

TOC = yaml.safe_load((Path(__file__).parents[1] / "book" / "_toc.yml").read_text())
CHAPTERS = [chapter for part in TOC["parts"] for chapter in part["chapters"]]
PAGES = [TOC["root"], *(page["file"] for chapter in CHAPTERS for page in (chapter, *chapter.get("sections", [])))]
CHAPTER = "notebooks/06_robust_regression"
PHONE = {"width": 390, "height": 844}

# Axe's findings in what our tools write and we can't mend from here: the rule, and the selector it is forgiven for.
FORGIVEN = {
    # docutils writes the bibliography as a list whose items have the role of a bibliography's entry.
    "aria-required-children": ".citation-list",
}


@pytest.fixture(params=["http", "file"])
def address(request, site, site_address):
    """Return a function from a page to its address, once at a local server, once in the folder."""
    start = site_address if request.param == "http" else site.as_uri()
    return lambda page: f"{start}/{page}.html"


@pytest.fixture
def chapter_at(site_address):
    return f"{site_address}/{CHAPTER}.html"


def tab(page, tag: str):
    """Return the label of the first tab of the library with this tag."""
    return page.locator(f".sd-tab-label[data-sync-id={tag}]").first


def shown(page) -> set[str]:
    """Return the tags of the libraries whose tabs are open, over all tab-sets that have all the libraries."""
    script = """(sets, all) => sets.filter(set => set.querySelectorAll(":scope > label").length === all)
        .map(set => set.querySelector(":scope > input:checked + label").dataset.syncId)"""
    return set(page.locator(".sd-tab-set").evaluate_all(script, len(TAGS)))


def open_solutions(page):
    """Open every solution on the page that is closed, once its mathematics is typeset."""
    page.evaluate("() => window.MathJax?.startup.promise")
    for solution in page.locator("details.solution").all():
        if solution.get_attribute("open") is None:
            solution.locator("> summary").click()


def richest(page):
    """Return the tab-set with the most code, of those that are not in a solution."""
    sets = page.locator(".sd-tab-set:not(details *)")
    lengths = sets.evaluate_all("sets => sets.map(set => set.textContent.length)")
    return sets.nth(lengths.index(max(lengths)))


def open_side_by_side(page, tabs=None):
    """Open a tab-set, else the richest, side by side; return the view, its two selects and its two columns."""
    (tabs or richest(page)).get_by_role("button", name="Side by side").click()
    view = page.get_by_role("dialog", name="Side by side")
    return view, view.get_by_role("combobox").all(), view.get_by_role("region").all()


# ---- each page ----


def whole(page):
    """Assert that images are there and described, and that mathematics is typeset, on the page that is open."""
    for image in page.locator("img").all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        alternative = image.get_attribute("alt") or ""
        source = image.get_attribute("src")
        assert alternative.strip(), f"{source} has no alternative text"
        assert not alternative.endswith((".png", ".svg")), f"{source}: its alternative text is a file name"
    if page.locator(".math").count():
        page.evaluate("() => MathJax.startup.promise")
        assert page.locator(".math:not(:has(mjx-container))").count() == 0, "mathematics was not typeset"
        assert page.locator("mjx-merror, [data-mjx-error]").count() == 0, "mathematics with an error"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_the_folder_is_whole_by_itself(name, site, make_reader):
    """Images, mathematics, no error, nothing asked from another machine (the last two: make_reader's own checks)."""
    reader = make_reader()
    reader.page.goto(f"{site.as_uri()}/{name}.html")
    reader.settle()  # so that late requests are seen too
    whole(reader.page)
    assert bool(reader.page.locator(".sbs-launch").count()) == name.startswith("notebooks/")


# Of module scope, so that pytest runs all tests of one page together, in the order of this file: opening a page and
# typesetting it takes as long as most of what is looked at.
@pytest.fixture(scope="module", params=PAGES)
def opened(request, site_address, browser):
    """Return a page's name and a :class:`conftest.Reader` who has opened it, at a local server."""
    with readers_of(browser) as make:
        reader = make()
        reader.page.goto(f"{site_address}/{request.param}.html")
        reader.settle()
        yield request.param, reader


def test_a_page_at_a_server_is_whole_by_itself(opened):
    whole(opened[1].page)


def test_a_chapter_has_one_way_to_each_notebook_that_is_made(opened, site):
    name, reader = opened
    if not name.startswith("notebooks/"):
        assert reader.page.locator(".sbs-launch").count() == 0
        return
    addresses = list(launch(reader.page).values())
    assert len(set(addresses)) == len(addresses) == (4 if reader.page.locator(".sd-tab-set").count() else 3)
    for link in addresses[:-2]:
        assert (site / "cuts" / link.split("/blob/notebooks/")[1]).is_file()
    elsewhere = reader.page.locator(
        "a[href*='colab.research']:not(.sbs-launch a), a[href*='mybinder']:not(.sbs-launch a)"
    )
    assert elsewhere.count() == 0, "the theme's own buttons would open something else"


def test_no_table_is_cut_off_on_paper(opened):
    page = opened[1].page
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 less Chromium's margins, in CSS pixels
    page.emulate_media(media="print")
    too_wide = page.locator(".bd-content table:visible").evaluate_all(
        "tables => tables.filter(table => table.getBoundingClientRect().right > innerWidth + 1)"
        ".map(table => table.textContent.trim().slice(0, 60))"
    )
    page.emulate_media(media="screen")
    assert too_wide == []


def test_a_page_is_no_wider_than_the_screen(opened):
    page = opened[1].page
    open_solutions(page)
    for width in (390, 1000, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def set_scheme(page, scheme: str):
    """Switch to the light or dark scheme and wait until all colours have arrived."""
    page.emulate_media(color_scheme=scheme)
    page.locator(f"html[data-theme={scheme}]").wait_for()
    page.evaluate("() => Promise.all(document.getAnimations().map(animation => animation.finished))")


# axe-core takes a minute for the thousands of coloured words in a page's code: one of each kind has the colours of all
ONE_WORD_OF_EACH_KIND = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll(".highlight pre span[class]")) {
        const kind = `${word.closest(".cell_output") !== null} ${word.className}`;
        if (seen.has(kind)) word.replaceWith(...word.childNodes);
        seen.add(kind);
    }
}"""
RULES_ON_COLOURS = ["color-contrast", "link-in-text-block"]


def serious(page, rules: list[str] | None = None) -> list[str]:
    """Return axe-core's serious and critical violations of all ``rules``, without the few that are :data:`FORGIVEN`."""
    found = []
    options = {"preload": False, "resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    for violation in Axe().run(page, options=options).response["violations"]:
        for node in violation["nodes"]:
            selector, rule = node["target"][0], violation["id"]
            forgiven = rule in FORGIVEN and page.locator(selector).evaluate("(e, s) => e.matches(s)", FORGIVEN[rule])
            if violation["impact"] in ("serious", "critical") and not forgiven:
                found.append(f"{rule}: {selector}: {node['html'][:120]}")
    return found


def test_a_page_is_accessible(opened):
    """With its solutions open. The last look at an opened page, since it takes the page's words apart."""
    page = opened[1].page
    open_solutions(page)
    page.evaluate(ONE_WORD_OF_EACH_KIND)
    for scheme, rules in (("light", None), ("dark", RULES_ON_COLOURS)):
        set_scheme(page, scheme)
        assert serious(page, rules) == [], scheme


def test_the_way_back_to_the_top_can_be_read(site_address, make_reader):
    """The theme shows it only to readers who scroll up."""
    page = make_reader().page
    page.goto(f"{site_address}/book/glossary.html")
    page.add_style_tag(content="#pst-back-to-top { display: block !important; visibility: visible !important }")
    for scheme in ("light", "dark"):
        set_scheme(page, scheme)
        assert serious(page, RULES_ON_COLOURS) == [], scheme


def test_a_pale_word_in_code_is_noticed(site_address, make_reader):
    page = make_reader().page
    page.goto(f"{site_address}/notebooks/05_linear_regression.html")
    page.evaluate(ONE_WORD_OF_EACH_KIND)
    page.add_style_tag(content=".highlight .k { color: #ddd !important }")
    set_scheme(page, "light")
    assert any("color-contrast" in found for found in serious(page, RULES_ON_COLOURS))


def test_every_local_link_leads_somewhere(site):
    pages = {path: BeautifulSoup(path.read_text(), "html.parser") for path in site.resolve().glob("[bn]*/*.html")}
    lost = []
    for path, soup in pages.items():
        for element in soup.select("[href], [src]"):
            link = urlsplit(element.get("href") or element.get("src"))
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            if link.scheme or link.netloc:
                continue
            if not target.exists() or (
                link.fragment and target in pages and not pages[target].find(id=unquote(link.fragment))
            ):
                lost.append(f"{path.relative_to(site.resolve())}: {link.geturl()}")
    assert len(pages) >= len(PAGES)
    assert lost == []


# ---- tabs ----


def test_first_visit_shows_the_first_library(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    assert shown(page) == {"pymc"}


def test_tabs_of_the_whole_page_switch_together(address, make_reader):
    page = make_reader().page
    page.goto(address(CHAPTER))
    for tag in reversed(TAGS):
        tab(page, tag).click()
        assert shown(page) == {tag}
        for other in TAGS:
            assert page.locator(f".tag_{other}").first.is_visible() is (other == tag)


def test_choice_is_remembered_over_reload_pages_and_visits(address, make_reader):
    reader = make_reader()
    reader.page.goto(address(CHAPTER))
    tab(reader.page, "numpyro").click()
    reader.page.reload()
    assert shown(reader.page) == {"numpyro"}
    reader.page.goto(address("book/index"))
    reader.page.get_by_role("link", name="Robust regression").first.click()
    reader.page.wait_for_url("**/06_robust_regression.html")
    assert shown(reader.page) == {"numpyro"}
    another = reader.context.new_page()
    another.goto(address(CHAPTER))
    assert shown(another) == {"numpyro"}


def test_the_address_can_choose_the_library(address, make_reader):
    page = make_reader().page
    page.goto(address(CHAPTER) + "?lib=stan")
    assert shown(page) == {"stan"}
    page.goto(address(CHAPTER))
    assert shown(page) == {"stan"}, "what the address chose is remembered"
    page.goto(address("book/index") + "?lib=tfp")
    page.goto(address(CHAPTER))
    assert shown(page) == {"tfp"}, "a page without tabs can choose too"


def test_a_later_choice_outlives_the_address(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at + "?lib=stan#references")
    tab(page, "pyro").click()
    page.reload()
    assert shown(page) == {"pyro"}
    assert page.url.endswith("#references")


def test_an_unknown_library_in_the_address_is_ignored(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at + "?lib=pyro")
    page.goto(chapter_at + "?lib=nonsense")
    assert shown(page) == {"pyro"}
    page.reload()
    assert shown(page) == {"pyro"}


def test_tabs_work_with_the_keyboard(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    page.locator(".sd-tab-set > input:checked").first.focus()
    for tag in [*TAGS, "pymc"]:
        assert shown(page) == {tag}
        page.keyboard.press("ArrowRight")
    assert shown(page) == {"stan"}
    assert tab(page, "stan").evaluate("label => parseFloat(getComputedStyle(label).outlineWidth)") >= 2
    assert tab(page, "stan").evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
    assert tab(page, "pymc").evaluate("label => getComputedStyle(label).outlineStyle") == "none"


def test_a_tab_stays_where_it_was_clicked(chapter_at, make_reader):
    """Other sets above change their height at the same moment; the reader's place must not move."""
    page = make_reader().page
    page.goto(chapter_at)
    open_solutions(page)
    label = page.locator(".sd-tab-label[data-sync-id=stan]:not(details *)").last
    label.scroll_into_view_if_needed()
    before = label.bounding_box()["y"]
    label.click()
    page.wait_for_function("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    assert label.bounding_box()["y"] == pytest.approx(before, abs=2)


def test_tabs_carry_the_colours_of_the_figures(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    for library in LIBRARIES.values():
        tab(page, library.tag).click()
        page.mouse.move(0, 0)
        colour = tab(page, library.tag).evaluate("label => getComputedStyle(label).borderBottomColor")
        assert colour == "rgb({}, {}, {})".format(*bytes.fromhex(library.colour[1:]))


def test_tabs_fit_a_phone(chapter_at, make_reader):
    page = make_reader(**PHONE).page
    page.goto(chapter_at)
    open_solutions(page)
    labels = page.locator(".sd-tab-label").all()
    assert labels
    for label in labels:
        box = label.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert label.evaluate("label => label.scrollWidth <= label.clientWidth")
    assert not page.locator(".sbs-open").first.is_visible(), "two columns don't fit a phone"


def test_print_shows_the_chosen_library_with_its_name(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at + "?lib=pyro")
    page.emulate_media(media="print")
    first = page.locator(".sd-tab-set").first
    assert [label.inner_text().strip() for label in first.locator("> label:visible").all()] == ["Pyro"]
    assert page.locator(".tag_pyro").first.is_visible()
    assert not page.locator(".tag_pymc").first.is_visible()
    assert not page.locator(".sbs-open").first.is_visible()


def test_solutions_are_closed_until_opened(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    cell = page.locator("details.solution .cell_input").first
    assert not cell.is_visible()
    page.locator("details.solution > summary").first.focus()
    page.keyboard.press("Enter")
    assert cell.is_visible()


# ---- side by side ----


def test_side_by_side_shows_two_libraries_cell_beside_cell(address, make_reader):
    page = make_reader().page
    page.goto(address(CHAPTER) + "?lib=stan")
    count = richest(page).locator("> .sd-tab-content:visible .cell_input").count()
    view, selects, columns = open_side_by_side(page)
    assert [select.input_value() for select in selects] == ["stan", "pymc"]
    for column in columns:
        assert column.is_visible()
        assert column.locator("pre").count() == count > 0
        assert column.locator(".k, .kn, .n, .s2").count() > 0, "syntax highlighting is kept"
    for left, right in zip(*(column.locator("pre").all() for column in columns), strict=True):
        one, two = left.bounding_box(), right.bounding_box()
        assert one["y"] == pytest.approx(two["y"], abs=0.5)
        assert one["height"] == pytest.approx(two["height"], abs=0.5)
        assert one["x"] < two["x"]
    heights = {line.bounding_box()["height"] for line in view.locator(".sbs-line").all()}
    assert max(heights) - min(heights) < 0.1, "no line wraps, all are of one height"


def test_side_by_side_has_all_the_code(chapter_at, make_reader):
    """What stands in the columns is what stands in the tabs, line for line."""
    page = make_reader().page
    page.goto(chapter_at)
    texts = {
        tag: [pre.text_content().rstrip("\n") for pre in richest(page).locator(f".tag_{tag} .cell_input pre").all()]
        for tag in TAGS
    }
    _, selects, columns = open_side_by_side(page)
    for tag in TAGS:
        selects[1].select_option(tag)
        cells = [
            "\n".join(line.text_content() for line in pre.locator(".sbs-line").all())
            for pre in columns[1].locator("pre:not(:empty)").all()
        ]
        assert cells == texts[tag]


def test_side_by_side_closes_with_escape_and_focus_returns(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    view, *_ = open_side_by_side(page)
    assert view.is_visible()
    page.keyboard.press("Escape")
    assert not view.is_visible()
    button = richest(page).get_by_role("button", name="Side by side")
    assert button.evaluate("node => node === document.activeElement")


def test_side_by_side_remembers_the_two_libraries(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    view, selects, _ = open_side_by_side(page)
    selects[0].select_option("tfp")
    selects[1].select_option("pyro")
    page.keyboard.press("Escape")
    page.reload()
    view, selects, columns = open_side_by_side(page)
    assert [select.input_value() for select in selects] == ["tfp", "pyro"]
    assert [column.get_attribute("aria-label") for column in columns] == ["TFP code", "Pyro code"]
    view.get_by_role("button", name="Swap").click()
    assert [select.input_value() for select in selects] == ["pyro", "tfp"]
    selects[0].select_option("tfp")
    assert [select.input_value() for select in selects] == ["tfp", "pyro"], "never the same library twice"


@pytest.mark.parametrize("tag", sorted(set(TAGS) - {"pymc"}))
def test_side_by_side_marks_a_parameter_in_both_columns(tag, chapter_at, make_reader):
    """Paired by the parameter's name, since the libraries' lines and cells do not follow each other."""
    page = make_reader().page
    page.goto(chapter_at)
    model = page.locator(".sd-tab-set:not(details *)").filter(has_text='pm.Gamma("nu"').first
    view, selects, columns = open_side_by_side(page, model)
    selects[0].select_option("pymc")
    selects[1].select_option(tag)
    for name in ("alpha", "beta", "nu"):
        columns[0].locator(".sbs-line").filter(has_text=re.compile(rf'pm\.\w+\("{name}"')).first.hover()
        for column in columns:
            marked = column.locator(".sbs-marked").all_text_contents()
            assert marked and all(re.search(rf"\b{name}\b", line) for line in marked), marked
        assert len(columns[0].locator(".sbs-marked").all()) == 1
    view.get_by_role("heading").hover()
    assert view.locator(".sbs-marked").count() == 0


def test_what_is_printed_in_the_dark_scheme_is_light(chapter_at, make_reader):
    page = make_reader(scheme="dark").page
    page.goto(chapter_at)
    page.locator("html[data-theme=dark]").wait_for()
    text = page.locator("article p").first
    screen = text.evaluate("text => getComputedStyle(text).color")
    page.evaluate(
        """() => addEventListener("beforeprint", () =>
            window.printed = getComputedStyle(document.querySelector("article p")).color)"""
    )
    page.pdf()
    assert max(map(int, re.findall(r"\d+", page.evaluate("() => window.printed"))[:3])) < 100, "pale on white paper"
    assert page.locator("html[data-theme=dark]").count() == 1, "after printing, the reader's scheme is back"
    assert text.evaluate("text => getComputedStyle(text).color") == screen


def test_a_solution_is_printed_where_it_is_open_and_else_leaves_no_empty_box(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    solutions = page.locator("details.solution")
    solutions.first.locator("> summary").click()
    page.emulate_media(media="print")
    shown = [solution.is_visible() for solution in solutions.all()]
    assert len(shown) > 1 and shown[0] and not any(shown[1:])


def test_side_by_side_is_accessible(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    open_side_by_side(page)
    for scheme in ("light", "dark"):
        set_scheme(page, scheme)
        assert serious(page) == [], scheme


def test_the_button_shows_on_wide_screens(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    for width, visible in ((1000, True), (999, False)):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.locator(".sbs-open").first.is_visible() is visible


@pytest.mark.parametrize("width", [1440, PHONE["width"]])
def test_what_scrolls_can_be_reached_by_keyboard(width, chapter_at, make_reader):
    """Whatever a tab or a solution shows later, too: the theme looks only when the page is loaded or resized."""
    page = make_reader(width=width).page
    page.goto(chapter_at)
    page.wait_for_timeout(500)  # the theme waits 300 ms before it looks
    open_solutions(page)
    for tag in TAGS:
        tab(page, tag).click()
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        scrolling = page.locator(".bd-content :is(pre, .cell_output > .output):visible").evaluate_all(
            "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.tabIndex)"
        )
        assert scrolling and set(scrolling) == {0}, tag


def test_figures_lie_on_a_white_card_in_dark_mode(chapter_at, make_reader):
    page = make_reader(scheme="dark").page
    page.goto(chapter_at)
    style = page.locator(".cell_output img").first.evaluate(
        "image => { const {backgroundColor, filter, padding} = getComputedStyle(image);"
        " return [backgroundColor, filter, padding]; }"
    )
    assert style == ["rgb(255, 255, 255)", "none", "12px"]


# ---- the buttons that run a chapter ----


def test_an_animation_can_be_paused(site_address, make_reader):
    page = make_reader().page
    page.emulate_media(reduced_motion="no-preference")
    page.goto(f"{site_address}/notebooks/03_sampling.html")
    output = page.locator(".cell_output:has(img[src$='.gif'])")
    moving, still = output.locator("img[src$='.gif']"), output.locator("img[src$='.png']")
    for name, moves in (("Pause", True), ("Play", False), ("Pause", True)):
        assert (moving.is_visible(), still.is_visible()) == (moves, not moves)
        output.get_by_role("button", name=name, exact=True).click()
    page.emulate_media(reduced_motion="reduce")
    assert still.is_visible() and output.get_by_role("button").count() == 0


def launch(page):
    """Return the buttons of a chapter: accessible name, address."""
    links = page.get_by_role("navigation", name="Run this chapter").get_by_role("link").all()
    return {link.get_attribute("aria-label"): link.get_attribute("href") for link in links}


def test_buttons_open_the_full_notebook_and_that_of_the_chosen_library(address, make_reader):
    page = make_reader().page
    page.goto(address(CHAPTER) + "?lib=stan")
    for tag in ("stan", "pyro"):
        name = TAGS[tag]
        tab(page, tag).click()
        found = launch(page)
        assert list(found) == [
            f"Open in Colab: {name}",
            "Open in Colab: all five",
            "Open in Binder: all five",
            f"Download: {name} notebook",
        ]
        colab, full, binder, download = found.values()
        assert colab.endswith(f"/blob/notebooks/{tag}/06_robust_regression.ipynb")
        assert full.startswith("https://colab.research.google.com/github/")
        assert full.endswith("/blob/notebooks/full/06_robust_regression.ipynb")
        assert binder.endswith("/notebooks?urlpath=lab%2Ftree%2Ffull%2F06_robust_regression.ipynb")
        assert download == f"../cuts/{tag}/06_robust_regression.ipynb"
    page.goto(address("notebooks/08b_varying_slopes"))
    assert "Open in Colab: Pyro" in launch(page), "the choice is remembered"


def test_buttons_follow_the_keyboard(chapter_at, make_reader):
    page = make_reader().page
    page.goto(chapter_at)
    assert "Open in Colab: PyMC" in launch(page), "on a first visit, that of the tab that is open"
    page.locator(".sd-tab-set > input:checked").first.focus()
    page.keyboard.press("ArrowRight")
    assert "Open in Colab: Stan" in launch(page)
    link = page.get_by_role("link", name="Open in Colab: Stan")
    link.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert link.evaluate("link => link === document.activeElement")
    assert link.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"


def test_what_is_downloaded_is_the_notebook(chapter_at, site, make_reader):
    page = make_reader().page
    page.goto(chapter_at + "?lib=tfp")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download: TFP notebook").click()
    assert download.value.suggested_filename == "06_robust_regression.ipynb"
    made = site / "cuts" / "tfp" / "06_robust_regression.ipynb"
    assert Path(download.value.path()).read_bytes() == made.read_bytes()


def test_without_javascript_the_buttons_are_those_of_the_full_notebook(chapter_at, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(chapter_at)
    names = ["Open in Colab: all five", "Open in Binder: all five", "Download the notebook"]
    assert [link.get_attribute("aria-label") for link in page.locator(".sbs-launch a:visible").all()] == names
    context.close()


def test_buttons_fit_a_phone(chapter_at, make_reader):
    page = make_reader(**PHONE).page
    page.goto(chapter_at + "?lib=numpyro")
    links = page.get_by_role("navigation", name="Run this chapter").get_by_role("link").all()
    assert len(links) == 4
    for link in links:
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["height"] >= 24


def test_search_finds_a_term(site_address, make_reader):
    page = make_reader().page
    page.goto(f"{site_address}/search.html?q=posterior")
    page.locator("#search-results li").first.wait_for()
