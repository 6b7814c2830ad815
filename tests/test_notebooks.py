"""What is stored in notebooks/ and slides/ is in step, executed as it stands, clean, and described for all readers."""

import base64
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from jupytext.cli import jupytext

from publish import execute

ROOT = Path(__file__).parents[1]
# A README beside the notebooks is no notebook.
FILES = [file for folder in ("notebooks", "slides") for file in (ROOT / folder).glob("*.*")]
STEMS = {file.with_suffix("") for file in FILES if file.suffix in {".md", ".ipynb"} and file.stem != "README"}
PAIRS = [stem.relative_to(ROOT) for stem in sorted(STEMS)]


@pytest.fixture
def in_root(monkeypatch):
    """Work in the repository, so that messages name files as people type them."""
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("stem", PAIRS, ids=str)
def test_pair_is_in_step(stem, in_root):
    assert not (messages := execute.differences(*execute.pair_of(stem))), "\n".join(messages)


@pytest.mark.parametrize("stem", PAIRS, ids=str)
@pytest.mark.parametrize("check", execute.CHECKS, ids=lambda check: check.__name__)
def test_stored_outputs(stem, check, in_root):
    path = execute.pair_of(stem)[1]
    assert not (messages := check(nbformat.read(path, as_version=4), path)), "\n".join(messages)


@pytest.mark.parametrize("stem", PAIRS, ids=str)
def test_no_backslash_was_taken_for_a_control_character(stem):
    """A script that writes backslash-rho in an ordinary string leaves a line that begins with "ho" instead."""
    text = (ROOT / stem).with_suffix(".md").read_text("utf-8")
    assert not re.findall(r"[\a\b\t\v\f\r].{0,20}", text)
    assert not re.findall(r"(?<!\$)\$\n(?:ho|ight|angle|eq|abla|ewline)(?![a-z]).{0,20}", text)


@pytest.mark.parametrize("stem", PAIRS, ids=str)
def test_a_worked_example_is_left_out_of_the_workshop(stem):
    cells = nbformat.read((ROOT / stem).with_suffix(".ipynb"), as_version=4).cells
    announced = [cell for cell in cells if cell.cell_type == "markdown" and cell.source.startswith("A worked ")]
    assert all("solution" in cell.metadata.get("tags", []) for cell in announced)


# ---- the checks themselves, on a small notebook damaged in each way --------------------------------

SMALL = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---

# A small chapter

```{code-cell} ipython3
:tags: [nbval-check-output]

total = 1 + 1
print("one and one make", total)
```

And a figure.

```{code-cell} ipython3
---
mystnb:
  image:
    alt: A small square.
name: fig-square
---
import base64
from IPython.display import Image

Image(base64.b64decode("PNG"))
```
"""
PNG = base64.b64encode(b"\x89PNG not really a figure").decode()


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return a folder like the repository, with a small notebook that ``make run`` has executed."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "small.md").write_text(SMALL.replace("PNG", PNG))
    warnings = execute.run(*execute.pair_of(folder / "notebooks" / "small"))
    assert warnings == []
    return folder


@pytest.fixture
def small(executed, tmp_path, monkeypatch):
    """Return the two paths of a scratch copy of the small notebook."""
    shutil.copytree(executed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return execute.pair_of("notebooks/small")


@pytest.fixture
def stored(small):
    """Return the stored notebook of the scratch copy, and its path."""
    return nbformat.read(small[1], as_version=4), small[1]


def replace(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_clean_notebook_passes(small, stored):
    assert execute.differences(*small) == []
    for check in execute.CHECKS:
        assert check(*stored) == []


def test_running_again_changes_nothing_but_the_time(small):
    before = nbformat.read(small[1], as_version=4)
    text = small[0].read_text()
    execute.run(*small)
    after = nbformat.read(small[1], as_version=4)
    before.metadata.sidebyside.pop("seconds")
    after.metadata.sidebyside.pop("seconds")
    assert after == before
    assert small[0].read_text() == text
    assert "sidebyside" not in text


@pytest.mark.parametrize(("code", "kept"), [("total = 1 + 1", True), ("total = 2", False)])
def test_a_busy_machine_does_not_make_a_chapter_slow(small, code, kept):
    """The least that the same code took is what is told; other code is measured anew."""
    notebook = nbformat.read(small[1], as_version=4)
    notebook.metadata.sidebyside.seconds = -1  # faster than any run
    nbformat.write(notebook, small[1])
    replace(small[0], "total = 1 + 1", code)
    os.utime(small[0])
    execute.run(*small)
    assert (nbformat.read(small[1], as_version=4).metadata.sidebyside.seconds == -1) is kept


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("total = 1 + 1", "total = 1 + 2", "cell 2 (total = 1 + 2): source differs"),
        ("And a figure.", "And a picture.", "cell 3 (And a picture.): source differs"),
        ("nbval-check-output", "hide-input", "cell 2 (total = 1 + 1): tags differs"),
        ("fig-square", "fig-round", "cell 4 (import base64): name differs"),
        ("A small square.", "A round.", "cell 4 (import base64): mystnb differs"),
        ("And a figure.", "And a figure.\n\n+++\n\nMore.", "has 5 cells and the .ipynb has 4"),
        ("name: python3", "name: julia", "kernelspec differs"),
    ],
)
def test_a_change_in_the_text_alone_is_found(small, old, new, said):
    replace(small[0], old, new)
    message = execute.differences(*small)[0]
    assert said in message
    assert "jupytext --sync notebooks/small.md, or make run NB=notebooks/small" in message


@pytest.mark.parametrize("gone", [0, 1])
def test_a_missing_twin_is_found(small, gone):
    small[gone].unlink()
    message = execute.differences(*small)[0]
    assert f"{small[gone]} is missing" in message
    assert f"jupytext --sync {small[1 - gone]}" in message


def cell(source):
    new = nbformat.v4.new_code_cell(source)
    new.execution_count = 9
    return new


def change(cells):
    cells[1].source += "  # more"


def never_run(cells):
    cells[1].execution_count = None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change, "cell 2 (total = 1 + 1) was changed or moved after its outputs were stored"),
        (never_run, "cell 2 (total = 1 + 1) was not executed"),
        (lambda cells: cells.insert(2, cell("new = 1")), "cell 3 (new = 1) was changed or moved"),
        (lambda cells: cells.pop(1), "1 code cell(s) before cell 3 went after the outputs were stored"),
        (lambda cells: cells.pop(3), "1 code cell(s) at the end went after the outputs were stored"),
        (lambda cells: cells.append(cells.pop(1)), "cell 3 (import base64) was changed or moved"),
    ],
)
def test_outputs_of_other_code_are_found(stored, damage, said):
    damage(stored[0].cells)
    messages = "\n".join(execute.stale(*stored))
    assert said in messages
    assert "make run NB=notebooks/small" in messages


def test_jupytext_keeps_old_outputs_and_the_check_says_so(small):
    """Why the code's fingerprints are stored: bringing the pair in step leaves the outputs of the code before."""
    replace(small[0], "total = 1 + 1", "total = 1 + 2")
    os.utime(small[0])
    jupytext(["--quiet", "--sync", str(small[0])])
    notebook = nbformat.read(small[1], as_version=4)
    assert "one and one make 2" in notebook.cells[1].outputs[0].text
    assert "cell 2 (total = 1 + 2) was changed" in execute.stale(notebook, small[1])[0]


def test_a_notebook_that_was_never_run_is_found(stored):
    del stored[0].metadata["sidebyside"]
    assert "does not say what was executed: make run NB=notebooks/small" in execute.stale(*stored)[0]


def shown(kind, text):
    return nbformat.v4.new_output("display_data", data={kind: text})


STREAM = nbformat.v4.new_output


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (STREAM("stream", name="stderr", text="W0000 oneDNN"), "text on stderr"),
        (STREAM("error", ename="KeyError", evalue="'x'", traceback=[]), "an error: \"KeyError: 'x'\""),
        (STREAM("stream", text="saved in /home/me/x.csv"), "an absolute path"),
        (STREAM("stream", text="in /srv/people/me/x.py"), "an absolute path"),
        (STREAM("stream", text="lib/python3.12/site-packages/arviz"), "an absolute path"),
        (STREAM("stream", text="'/tmp/ipykernel_1/2.py'"), "an absolute path"),
        (STREAM("stream", text=r"C:\Users\me\x.csv"), "an absolute path"),
        (STREAM("stream", text="\x1b[31mred"), "ANSI escapes"),
        (STREAM("stream", text="1/10\r2/10"), "a progress bar"),
        (STREAM("stream", text="100%|####| 10/10"), "a progress bar"),
        (STREAM("stream", text="Sampling:  45% (450/1000)"), "a progress bar"),
        (shown("text/html", "<progress value=3>"), "a progress bar"),
        (shown(execute.WIDGET, {"model_id": "1"}), "a live widget"),
    ],
)
def test_noise_is_found(stored, output, said, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/srv/people/me"))
    stored[0].cells[1].outputs.append(output)
    (message,) = execute.noise(*stored)
    assert "notebooks/small.ipynb, cell 2 (total = 1 + 1) shows " + said in message


@pytest.mark.parametrize(
    "text", ["89% of the draws", "see example.org/tmp/x", "mean\r\nsd", "a/home/b", "50%  1.0", "square/root/x"]
)
def test_plain_text_is_no_noise(stored, text):
    stored[0].cells[1].outputs.append(STREAM("stream", text=text))
    assert execute.noise(*stored) == []


def test_two_cells_of_one_name_are_found(stored):
    stored[0].cells[1].metadata["name"] = "fig-square"
    (message,) = execute.names(*stored)
    assert "cell 4 (import base64) is named 'fig-square' like cell 2: give each cell its own name" in message


@pytest.mark.parametrize("metadata", [{}, {"mystnb": {"image": {}}}, {"mystnb": {"image": {"alt": "  "}}}])
def test_a_figure_without_alternative_text_is_found(stored, metadata):
    stored[0].cells[3].metadata = nbformat.from_dict(metadata)
    (message,) = execute.figures(*stored)
    assert "cell 4 (import base64) shows a figure without alternative text: say in mystnb: image: alt:" in message


def test_a_large_figure_is_found(stored):
    big = base64.b64encode(bytes(execute.FIGURE_LIMIT + 1000)).decode()
    stored[0].cells[3].outputs[0].data["image/png"] = big
    (message,) = execute.figures(*stored)
    assert "cell 4 (import base64) shows a figure of 151 kB, more than 150 kB: make it smaller" in message


@pytest.mark.parametrize(
    ("number", "said"),
    [(2, "cell 2 (total = 1 + 1) is to be compared by nbval"), (4, "cell 4 (import base64) is labelled as a figure")],
)
def test_a_missing_output_is_found(stored, number, said):
    stored[0].cells[number - 1].outputs = []
    (message,) = execute.missing(*stored)
    assert said in message
    assert "make run NB=notebooks/small" in message


# ---- a run -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('total = {}["key"]', ["cell 2 (total = ", "failed", "KeyError: 'key'", "----> 1"]),
        ('total = 2; print("see /tmp/x")', ["cell 2 (total = 2; print(", "shows an absolute path: 'see /tmp/x'"]),
    ],
)
def test_a_run_that_fails_leaves_the_stored_notebook(small, code, said, capsys):
    before = small[1].read_bytes()
    replace(small[0], "total = 1 + 1", code)
    os.utime(small[0])
    assert execute.main(["notebooks/small"]) == 1
    message = capsys.readouterr().err
    for part in [*said, "The stored notebook was left as it was"]:
        assert part in message
    assert "\x1b" not in message
    assert small[1].read_bytes() == before
    failed = nbformat.read(Path("build/failed/small.ipynb"), as_version=4)
    assert failed.cells[1].source.startswith(code)


def test_a_newer_ipynb_that_differs_is_not_overwritten(small, capsys):
    notebook = nbformat.read(small[1], as_version=4)
    notebook.cells[0].source = "# Edited in the .ipynb"
    nbformat.write(notebook, small[1])
    os.utime(small[0], (0, 0))
    before = small[1].read_bytes()
    assert execute.main(["notebooks/small.ipynb"]) == 1
    message = capsys.readouterr().err
    assert "jupytext --sync notebooks/small.ipynb" in message
    assert "touch notebooks/small.md" in message
    assert small[1].read_bytes() == before


def test_a_notebook_that_is_not_there_is_named(small, capsys):
    assert execute.main(["notebooks/smal"]) == 1
    assert "notebooks/smal.md is missing" in capsys.readouterr().err


def test_what_differs_from_run_to_run_is_taken_out(stored):
    notebook = stored[0]
    notebook.metadata["widgets"] = {"state": {}}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.12.1"}
    first = notebook.cells[1]
    first.metadata["execution"] = {"iopub.execute_input": "2026-11-23T00:00:00Z"}
    first.outputs += [
        STREAM("stream", text=" and\n"),
        STREAM("stream", text=""),
        shown("text/plain", ""),
        shown("text/plain", "<Legend at 0x7f00aa11bb22>"),
    ]
    execute.clean(notebook)
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.language_info == {"name": "python"}
    assert "execution" not in first.metadata
    assert [output.output_type for output in first.outputs] == ["stream", "display_data"]
    assert first.outputs[0].text == "one and one make 2\n and\n"
    assert first.outputs[1].data["text/plain"] == "<Legend>"
