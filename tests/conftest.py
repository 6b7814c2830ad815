"""The built site in a browser, for every test that looks at what readers see."""

import contextlib
import functools
import http.server
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 180_000  # milliseconds: an overloaded machine shall be slow, not fail
NO_BROWSER = "no Chromium or Chrome on this machine"


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built book; fail where it was not built."""
    if not (SITE / "index.html").exists():
        pytest.fail("build/_build/html is missing: run make book")
    return SITE


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_):
        """Say nothing."""


class PatientServer(http.server.ThreadingHTTPServer):
    """Lets all of a browser's connections wait: by default the sixth is dropped while a busy machine accepts none."""

    request_queue_size = 128


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve ``folder`` on this machine, and give its address, without a slash at the end."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with PatientServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def build_deck(folder: Path, slides: Sequence[str]) -> Path:
    """Build in ``folder`` the deck "toy" of these slides' Markdown, a minute each; return the folder that holds it.

    Chapters that it shows stand in ``folder / "notebooks"``.
    """
    from publish import decks  # here: most tests need no deck

    shutil.copytree(ROOT / "slides" / "template", folder / "slides" / "template")
    cells = []
    for minute, source in enumerate(slides):
        end = f" **{len(slides)}:00**" if minute == len(slides) - 1 else ""
        for kind, text in (("slide", source), ("notes", f"**{minute}:00** Say this.{end}")):
            cells.append(new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}}))
    nbformat.write(new_notebook(cells=cells), folder / "slides" / "toy.ipynb")
    decks.build(folder / "slides", folder / "out", folder / "notebooks")
    return folder / "out"


@contextlib.contextmanager
def reached(folder: Path, way: str) -> Iterator[str]:
    """Give the address of ``folder``, without a slash at the end: at a local server ("http"), or in place ("file")."""
    if way == "file":
        yield folder.as_uri()
        return
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="session")
def site_address(site):
    """Serve the built book on this machine and return its address, without a slash at the end."""
    with serve(site) as address:
        yield address


# Of module scope: Playwright keeps an event loop running, which a notebook's test in the same process must not meet.
@pytest.fixture(scope="module")
def browser():
    """Return a headless Chromium of Playwright's; skip where none is installed, and in CI (.ci/run) fail."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None and os.environ.get("SIDEBYSIDE_REQUIRE_BROWSER"):
        pytest.fail(f"SIDEBYSIDE_REQUIRE_BROWSER is set, and there is {NO_BROWSER}")
    if program is None:
        pytest.skip(NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        chromium.on("context", lambda context: context.set_default_timeout(PATIENCE))
        yield chromium
        chromium.close()


@dataclass
class Reader:
    """One reader's browser: what it stores is kept from page to page, and what goes wrong is noted."""

    context: Any
    page: Any
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    last_request: float = field(default_factory=time.monotonic)

    def settle(self) -> None:
        """Wait for half a second in which nothing is asked for (Playwright's "networkidle" may miss it with frames)."""
        while time.monotonic() - self.last_request < 0.5:
            self.page.wait_for_timeout(100)


@contextlib.contextmanager
def readers_of(browser) -> Iterator[Callable[..., Reader]]:
    """Give a function that makes a :class:`Reader`; in the end none may have met an error or left this machine."""
    readers = []

    def make(width: int = 1440, height: int = 900, scheme: str = "light") -> Reader:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        reader = Reader(context, context.new_page())
        readers.append(reader)

        def stop(route):
            reader.outside.append(route.request.url)
            route.abort()

        def note(line):
            if line.type == "error":
                reader.errors.append(f"{line.text} ({line.location['url']})")

        context.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), stop)
        context.on("weberror", lambda failure: reader.errors.append(str(failure.error)))
        context.on("console", note)
        context.on("request", lambda _: setattr(reader, "last_request", time.monotonic()))
        return reader

    yield make
    for reader in readers:
        reader.context.close()
    assert [url for reader in readers for url in reader.outside] == [], "a page asked another machine for something"
    assert [error for reader in readers for error in reader.errors] == [], "a page wrote errors to the console"


@pytest.fixture
def make_reader(browser):
    """Return the function of :func:`readers_of` for one test."""
    with readers_of(browser) as make:
        yield make


def pytest_terminal_summary(terminalreporter):
    """Say plainly what was left out where there is no browser (with pytest-xdist too: reports are counted)."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(report.longrepr)]
    if skipped:
        files = ", ".join(sorted({report.nodeid.partition("::")[0] for report in skipped}))
        terminalreporter.write_line(
            f"NOT TESTED: {len(skipped)} tests of what readers see ({files}), for there is {NO_BROWSER}. "
            "Install chromium and run make test again."
        )
