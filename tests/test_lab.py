"""``make lab``: your folder and its start page, and in a browser JupyterLab with text twins, widgets and solutions."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from publish import study
from publish.cuts import LINK
from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
# In front: pages that are open in other tabs are in the document too.
FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"
MADE = {"01_a.ipynb": ["full", "workshop/full"], "06_b.ipynb": ["pymc", "stan", "full", "workshop/pymc"]}


# ---- the folder ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("installed", "first", "second"),
    [
        ([], ["full"], []),
        (["pymc"], ["full"], ["pymc"]),
        (["stan", "pymc"], ["full"], ["pymc", "stan", "full"]),
        (["tfp"], ["full"], []),
    ],
)
def test_a_chapter_offers_what_runs_with_the_libraries_there_are(installed, first, second):
    assert study.useful(MADE["01_a.ipynb"], installed) == first
    assert study.useful(MADE["06_b.ipynb"], installed) == second


def test_the_start_page_names_stans_engine(monkeypatch):
    monkeypatch.setattr(study, "LIBRARIES", {"Stan": LIBRARIES["Stan"]})
    monkeypatch.setattr(study, "find_spec", lambda _: True)
    monkeypatch.setattr(study, "version_of", {"pystan": "3.14.0", "stanli": "0.24.0"}.get)
    for engine, version in (("stanli", "on stanli 0.24.0"), ("pystan", "3.14.0")):
        monkeypatch.setattr(study, "engine", lambda engine=engine: engine)
        monkeypatch.setattr(study, "requirements", lambda engine=engine: {"stan": {engine: ">=0"}})
        assert study.installed_libraries() == {"stan": version}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a folder like the repository with two chapters: 6, and 2 cut to its explorer and an exercise."""
    root = tmp_path_factory.mktemp("course")
    for name in ("_config.yml", "pyproject.toml", "CONTRIBUTING.md", "book", ".jupyter/labconfig"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (root / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, root / name)
    (root / "notebooks").mkdir()
    for suffix in (".md", ".ipynb"):
        shutil.copy(ROOT / "notebooks" / f"06_robust_regression{suffix}", root / "notebooks")
    chapter = nbformat.read(ROOT / "notebooks" / "02_bayes_theorem.ipynb", as_version=4)
    code = [cell for cell in chapter.cells if cell.cell_type == "code"]
    explorer = [cell for cell in code if cell.metadata.get("name") == "explorer"]
    solutions = [cell for cell in chapter.cells if "solution" in cell.metadata.get("tags", [])]
    folded = [next(cell for cell in solutions if cell.cell_type == kind) for kind in ("code", "markdown")]
    chapter.cells = [chapter.cells[0], code[0], *explorer, *folded]
    nbformat.write(chapter, root / "notebooks" / "02_bayes_theorem.ipynb")
    assert study.main([str(root / "notebooks"), str(root / "study")]) == 0
    return root


def test_your_notebook_is_never_written_over(course):
    mine = course / "study" / "full" / "02_bayes_theorem.ipynb"
    made = mine.read_bytes()
    mine.write_text("mine")
    try:
        assert study.main([str(course / "notebooks"), str(course / "study")]) == 0
        assert mine.read_text() == "mine"
        mine.unlink()
        assert study.main([str(course / "notebooks"), str(course / "study")]) == 0
        assert mine.read_bytes() == made
    finally:
        mine.write_bytes(made)


def test_the_start_page_links_to_notebooks_that_are_there(course):
    page = nbformat.read(course / "study" / study.START, as_version=4)
    nbformat.validate(page)
    text = "\n".join(cell.source for cell in page.cells)
    links = [link["target"] for link in LINK.finditer(text) if "://" not in link["target"]]
    assert "full/02_bayes_theorem.ipynb" in links
    assert [target for target in links if not (course / "study" / target).is_file()] == []
    assert "$" not in text


def test_the_start_page_says_what_is_installed_and_how_to_add_the_next(course):
    page = study.start_page(course / "notebooks", Path("study"), {}, {"pymc": "6.4.0", "tfp": "0.25.0"})
    text = "\n".join(cell.source for cell in page.cells)
    assert "Installed: PyMC 6.4.0, TFP 0.25.0. Not here: Stan, NumPyro and Pyro." in text
    assert '`make lab LIBS="pymc tfp stan"`' in text
    everything = study.start_page(course / "notebooks", Path("study"), {}, dict.fromkeys(TAGS, "1.0"))
    assert "Not here" not in "\n".join(cell.source for cell in everything.cells)


# ---- in the browser --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(course):
    """Start JupyterLab as ``make lab`` does, in the small course, and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {f"JUPYTER_{kind}_DIR": str(course / ".cache" / kind.lower()) for kind in ("DATA", "RUNTIME")}
    environment = os.environ | folders | {"JUPYTER_CONFIG_DIR": str(course / ".jupyter"), "IPYTHONDIR": str(course)}
    environment.pop("SIDEBYSIDE_STORING", None)
    options = f"--ServerApp.port={port} --ServerApp.ip=127.0.0.1 --IdentityProvider.token= --no-browser --allow-root"
    options += " --LabApp.expose_app_in_browser=True"
    make = ["make", "-n", "-f", str(ROOT / "Makefile"), "lab", f"LAB={options}"]
    told = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    typed = subprocess.run(make, cwd=course, env=told, capture_output=True, text=True, check=True, timeout=60).stdout
    start = next(line for line in typed.splitlines() if "/jupyter lab" in line)
    command = [sys.executable, "-m", "jupyter", *shlex.split(start)[1:]]
    log = course / "lab.log"
    with log.open("w") as output, subprocess.Popen(command, cwd=course, env=environment, stderr=output) as server:
        for _ in range(120):
            if server.poll() is not None:
                pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                    break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


@pytest.fixture
def page(lab, make_reader):
    """Return the page that ``make lab`` opens."""
    page = make_reader().page
    page.goto(lab)
    page.locator(f"{FRONT} h1").wait_for(timeout=60_000)
    return page


def test_lab_lands_on_the_start_page_and_opens_a_text_twin_as_a_notebook(page, course):
    assert page.locator(f"{FRONT} h1").inner_text().startswith("Bayes Side by Side")
    assert page.locator(f"{FRONT} table tr").count() == 3
    page.locator(f"{FRONT} h1").dblclick()
    assert page.locator(f"{FRONT} .jp-MarkdownCell:not(.jp-mod-rendered)").count() == 0  # shows no source

    page.locator(".jp-BreadCrumbs-home").click()
    page.locator(".jp-DirListing-item", has_text="notebooks").dblclick()
    page.locator(".jp-DirListing-item", has_text="06_robust_regression.md").dblclick()
    page.locator(f"{FRONT} h1", has_text="which points should I believe?").wait_for()
    page.wait_for_url("**/lab/tree/notebooks/06_robust_regression.md")
    chapter = nbformat.read(course / "notebooks" / "06_robust_regression.ipynb", as_version=4)
    assert page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length") == len(chapter.cells)


def test_a_click_opens_a_chapter_that_is_alive_and_saved_where_it_is(page, course):
    page.locator(f"{FRONT} a", has_text="open").click()
    page.locator(f"{FRONT} h1", has_text="what does a positive test tell you?").wait_for()
    page.wait_for_url("**/lab/tree/study/full/02_bayes_theorem.ipynb")
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.ready")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")

    # a slider that moves redraws the figure
    sliders, image = page.locator(f"{FRONT} .widget-slider"), f"{FRONT} .jp-OutputArea img"
    page.locator(image).wait_for(timeout=60_000)
    assert sliders.count() == 4
    before = page.locator(image).get_attribute("src")
    sliders.filter(has_text="negative").locator(".noUi-handle").press("PageUp")
    moved = "([image, before]) => ![undefined, before].includes(document.querySelector(image)?.getAttribute('src'))"
    page.wait_for_function(moved, arg=[image, before])

    # solutions are closed until they are opened
    assert page.locator(f"{FRONT} .jp-CodeCell .jp-InputPlaceholder").count() == 1
    words = page.locator(f"{FRONT} details")
    assert not words.locator("p").first.is_visible()
    words.locator("summary").click()
    assert len(words.locator("p").first.inner_text()) > 40

    # the copy is saved with its outputs, and without a text twin
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    saved = nbformat.read(course / "study" / "full" / "02_bayes_theorem.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in saved.cells)
    assert list((course / "study").rglob("*.md")) == []
