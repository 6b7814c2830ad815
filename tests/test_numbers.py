"""The Sphinx extension that numbers chapters by their files: a tiny book in which chapters 2 and 3 are not there."""

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
CONF = f"""
import sys

sys.path.append({str(ROOT)!r})
extensions = ["myst_parser", "publish.numbers"]
html_theme = "basic"
"""
INDEX = """# A tiny book

```{toctree}
:numbered: 1

chapters/01_first
chapters/04_fourth
```

```{toctree}
about
```
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(INDEX)
    (folder / "about.md").write_text("# About\n")
    (folder / "chapters").mkdir()
    (folder / "chapters" / "01_first.md").write_text("# First\n")
    (folder / "chapters" / "04_fourth.md").write_text("# Fourth\n\n## A part\n")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(folder), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return lambda page: BeautifulSoup((folder / "html" / f"{page}.html").read_text(), "html.parser")


@pytest.mark.parametrize(
    ("page", "said"), [("chapters/01_first", "1. First"), ("chapters/04_fourth", "4. Fourth"), ("about", "About")]
)
def test_a_chapter_has_the_number_of_its_file(book, page, said):
    assert book(page).h1.get_text().startswith(said)


def test_the_table_of_contents_and_the_links_to_neighbours_say_the_same(book):
    listed = [link.get_text() for link in book("index").select(".toctree-wrapper a.reference.internal")]
    assert [text for text in listed if "part" not in text] == ["1. First", "4. Fourth", "About"]
    assert "4. Fourth" in book("chapters/01_first").select_one("a[href='04_fourth.html']")["title"]
