"""The Sphinx extension that makes tabs and dropdowns: a tiny book with one notebook, built for each question."""

import json
import subprocess
import sys
from pathlib import Path, PurePath

import pytest
from bs4 import BeautifulSoup

from publish.book_tabs import find_problems
from sidebyside.libraries import LIBRARIES

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "book" / "_static"
CONF = f"""
import sys

sys.path.append({str(ROOT)!r})
extensions = ["publish.book_tabs", "sphinxcontrib.bibtex"]
bibtex_bibfiles = ["references.bib"]
nb_execution_mode = "off"
html_theme = "basic"
html_static_path = [{str(STATIC)!r}]
"""
INDEX = """# A tiny book

```{toctree}
chapter
```

(over-there)=
## Words

```{glossary}
Outlier
  A point far off.
```

```{bibliography}
```
"""
BIB = "@book{someone2020, author = {Someone, Sam}, title = {A book}, publisher = {House}, year = {2020}}\n"


def code(source: str, *tags: str, output: str = "") -> dict:
    """Make a code cell, with text output if any."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    return {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": {"tags": list(tags)},
        "outputs": outputs,
        "source": source,
    }


def markdown(source: str, *tags: str) -> dict:
    """Make a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)} if tags else {}, "source": source}


CELLS = [
    markdown("# Chapter\n\nWords for all."),
    code("secret_setup()", "setup"),
    markdown("secret words", "setup"),
    # The first run: out of order, two code cells and some words of Stan's.
    code("tfp_model()", "tfp"),
    markdown("Stan says {cite:t}`someone2020`, {term}`Outlier` and [there](#over-there).", "stan"),
    code("stan_model()", "stan"),
    code("pymc_model()", "pymc", output="drawn by PyMC"),
    code("stan_draw()", "stan"),
    markdown("Untagged words end a run."),
    code("second_run()", "pymc"),
    code("second_run_pyro()", "pyro"),
    code("for_all()"),
    code("alone()", "numpyro"),
    markdown("## Exercises"),
    markdown("A hint for all.", "solution"),
    code("solved_stan()", "solution", "stan"),
    code("solved_pymc()", "solution", "pymc"),
    code("solved_for_all()", "solution"),
    markdown("### The next exercise"),
    code("solved_too()", "solution"),
]


def build(folder: Path, cells: list[dict]) -> subprocess.CompletedProcess:
    """Build the tiny book in ``folder`` as `make book` does: nitpicky, warnings are errors."""
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(INDEX)
    (folder / "references.bib").write_text(BIB)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    language = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": kernel | language, "cells": cells}
    (folder / "chapter.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", str(folder), str(folder / "html")]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """Build :data:`CELLS` once; return the folder of the pages."""
    folder = tmp_path_factory.mktemp("book")
    result = build(folder, CELLS)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def chapter(book) -> BeautifulSoup:
    return BeautifulSoup((book / "chapter.html").read_text(), "html.parser")


def labels(tab_set) -> list[str]:
    return [label.get_text(strip=True) for label in tab_set.find_all("label", recursive=False)]


def panel(tab_set, name: str):
    """Return the content of the tab called ``name``."""
    return tab_set.find_all("label")[labels(tab_set).index(name)].find_next_sibling("div")


def test_tabs_stand_in_the_course_order(chapter):
    assert labels(chapter.select(".sd-tab-set")[0]) == ["PyMC", "Stan", "TFP"]


def test_an_untagged_cell_ends_a_run(chapter):
    sets = [labels(tab_set) for tab_set in chapter.select(".sd-tab-set") if not tab_set.find_parent("details")]
    assert sets == [["PyMC", "Stan", "TFP"], ["PyMC", "Pyro"], ["NumPyro"]]
    for words in ("Words for all.", "Untagged words end a run.", "for_all"):
        assert chapter.find(string=lambda text, words=words: words in text).find_parent(class_="sd-tab-set") is None


def test_cells_of_one_library_stand_in_one_tab_in_their_order(chapter):
    stan = panel(chapter.select(".sd-tab-set")[0], "Stan")
    text = stan.get_text()
    assert text.index("Stan says") < text.index("stan_model") < text.index("stan_draw")
    assert "pymc" not in text
    assert "drawn by PyMC" in panel(chapter.select(".sd-tab-set")[0], "PyMC").get_text()


def test_citations_terms_and_links_work_in_a_tab(chapter):
    stan = panel(chapter.select(".sd-tab-set")[0], "Stan")
    targets = [link["href"] for link in stan.select("a")]
    assert "index.html#term-Outlier" in targets
    assert "index.html#over-there" in targets
    assert any(target.startswith("index.html#id") for target in targets), "the citation leads to the bibliography"


def test_tabs_are_in_step_over_the_book(chapter):
    for tab_set in chapter.select(".sd-tab-set"):
        for label in tab_set.find_all("label", recursive=False):
            assert label["data-sync-group"] == "lib"
            assert LIBRARIES[label.get_text(strip=True)].tag == label["data-sync-id"]


def test_a_run_of_solutions_is_one_closed_dropdown_with_tabs_inside(chapter):
    first, second = chapter.select("details")
    for solution in (first, second):
        assert solution.select_one("summary").get_text(strip=True) == "Solution"
        assert not solution.has_attr("open")
    assert labels(first.select_one(".sd-tab-set")) == ["PyMC", "Stan"]
    text = first.get_text()
    assert text.index("A hint") < text.index("solved_pymc") < text.index("solved_stan") < text.index("solved_for_all")
    assert "solved_too" in second.get_text()
    assert chapter.find(string="The next exercise").find_parent("details") is None


def test_setup_cells_are_not_in_the_book(chapter):
    assert "secret" not in chapter.get_text()


def test_each_library_brings_its_own_colour(book):
    rules = (book / "_static" / "libraries.css").read_text()
    for library in LIBRARIES.values():
        assert f'[data-sync-id="{library.tag}"]' in rules
        assert f"--library: {library.colour};" in rules


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (code("x = 1", "pymc", "stan"), ["'pymc'", "'stan'", "more than one library"]),
        (code("x = 1", "pymcc"), ["'pymcc'", "write 'pymc'"]),
        (markdown("x", "PyMC"), ["'PyMC'", "write 'pymc'"]),
        (markdown("## x", "pyro"), ["heading", "move it"]),
        (markdown("x\n---", "solution"), ["heading", "move it"]),
    ],
)
def test_a_malformed_cell_is_named_with_what_to_do(cell, words):
    good = [markdown("# Title"), code("y = 2", "stan", "hide-input"), markdown("`# no heading`", "tfp")]
    [problem] = find_problems(PurePath("notebooks/a.ipynb"), [*good, cell, *good])
    for word in ("notebooks/a.ipynb", "cell 4", cell["source"].splitlines()[0], *words):
        assert word in problem


def test_prose_for_the_page_alone_is_on_the_page(tmp_path):
    tab = [markdown("See the next tab.", "stan", "book"), code("import stan", "stan")]
    result = build(tmp_path, [markdown("# Title"), markdown("Choose in the tabs.", "book"), *tab])
    assert result.returncode == 0, result.stderr
    page = BeautifulSoup((tmp_path / "html" / "chapter.html").read_text(), "html.parser")
    assert "Choose in the tabs." in page.get_text()
    assert page.select_one(".sd-tab-content").get_text().strip().startswith("See the next tab.")


def test_a_malformed_tag_fails_the_build(tmp_path):
    cells = [code("x = 1", "pymcc"), code("y = 2", "pymc", "stan"), markdown("In the tabs.", "books")]
    result = build(tmp_path, [markdown("# Title"), *cells])
    assert result.returncode != 0
    for words in ("chapter.ipynb, cell 2 (x = 1)", "write 'pymc'", "cell 3 (y = 2)", "write 'book'"):
        assert words in result.stderr


@pytest.mark.parametrize("number", [0, 1, 2])
def test_only_a_set_of_several_libraries_has_the_button(book, make_reader, number):
    reader = make_reader()
    reader.page.goto((book / "chapter.html").as_uri())
    tab_set = reader.page.locator(".sd-tab-set:not(details *)").nth(number)
    several = tab_set.locator("> label").count() > 1
    assert tab_set.get_by_role("button", name="Side by side").count() == several


def test_a_set_without_the_chosen_library_keeps_its_tab(book, make_reader):
    page = make_reader().page
    page.goto((book / "chapter.html").as_uri() + "?lib=pyro")
    page.get_by_text("second_run_pyro()").wait_for()
    assert page.get_by_text("pymc_model()").is_visible()
    assert page.get_by_text("alone()").is_visible()


def test_a_library_with_fewer_cells_stands_beside_an_empty_one(book, make_reader):
    page = make_reader().page
    page.goto((book / "chapter.html").as_uri())
    page.get_by_role("button", name="Side by side").first.click()
    first, second = page.get_by_role("dialog").get_by_role("region").all()
    assert [cell.inner_text().strip() for cell in first.locator("pre").all()] == ["pymc_model()", ""]
    assert [cell.inner_text().strip() for cell in second.locator("pre").all()] == ["stan_model()", "stan_draw()"]
