"""One notebook per library: nothing of the others in it, plain Markdown, the same bytes each time."""

from pathlib import Path, PurePosixPath

import nbformat
import pytest

from sidebyside.libraries import LIBRARIES, TAGS
from sidebyside.publish import cuts
from sidebyside.publish.tags import TagError, library_tag

ROOT = Path(__file__).parents[1]
CHAPTER = PurePosixPath("notebooks/06_small.ipynb")
SITE = "https://side.github.io/course/"
CONFIG = """\
title: A course
repository:
  url: https://github.com/Side/course
  branch: main
bibtex_bibfiles:
  - book/references.bib
"""
BIBLIOGRAPHY = """\
@article{one, author = {Stan, Ann}, title = {A}, year = {2001}}
@article{two, author = {Pyro, Ann and {van der} Bo, Bo}, title = {B}, year = {2002}}
@article{many, author = {Pyro, Ann and Bo, Bo and {TensorFlow} Probability, Cy}, title = {C}, year = {2003}}
"""


def markdown(source, *tags):
    return nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def code(source, *tags):
    output = nbformat.v4.new_output("stream", text="an output")
    metadata = {"tags": list(tags)} if tags else {}
    return nbformat.v4.new_code_cell(source, metadata=metadata, outputs=[output], execution_count=1)


def chapter_cells():
    cells = [markdown("# Robust {term}`regression`\n\nA question."), code("import numpy as np")]
    for library in LIBRARIES.values():
        cells.append(markdown(f"How {library.name} says it.", library.tag))
        cells.append(code(f"import {library.modules[0]}\nposteriors['{library.name}'] = 1", library.tag))
    return [*cells, code("list(posteriors)", "nbval-check-output"), code("answer = 42", "solution")]


@pytest.fixture
def course(tmp_path):
    """Return a folder like the repository, with a small chapter and the rest of what a cut looks at."""
    (tmp_path / "_config.yml").write_text(CONFIG)
    for folder in ("book", "notebooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "book" / "references.bib").write_text(BIBLIOGRAPHY)
    (tmp_path / "book" / "sources.md").write_text("# References\n\n```{bibliography}\n```\n")
    write(tmp_path, chapter_cells())
    return tmp_path


def write(course, cells, name=CHAPTER.name):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "sidebyside": {"executed": []}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.write(notebook, course / "notebooks" / name)


def make(course):
    """Make the cuts of a course, and return them by library tag."""
    paths = cuts.write_cuts(course / "notebooks", course / "build" / "cuts")
    return {path.parent.name: nbformat.read(path, as_version=4) for path in paths}


def sources(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_each_library_gets_its_own_cells_and_everybodys(course):
    made = make(course)
    assert list(made) == list(TAGS)
    for library in LIBRARIES.values():
        notebook = made[library.tag]
        nbformat.validate(notebook)
        assert [cell.source.split("\n")[0] for cell in notebook.cells[1:]] == [
            "import numpy as np",
            f"How {library.name} says it.",
            f"import {library.modules[0]}",
            "list(posteriors)",
            "answer = 42",
        ]
        assert [cell.metadata.get("tags") for cell in notebook.cells] == [
            None,
            None,
            [library.tag],
            [library.tag],
            ["nbval-check-output"],
            ["solution"],
        ]


def test_a_cut_has_no_outputs_and_no_trace_of_the_run(course):
    for notebook in make(course).values():
        for cell in notebook.cells:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None
        assert notebook.metadata == {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def test_the_first_cell_says_which_library_and_how_to_install_it(course):
    for tag, notebook in make(course).items():
        first = notebook.cells[0].source
        assert first.startswith(f"# Robust regression\n\n> **This is the {TAGS[tag]} notebook**")
        assert first.endswith("\n\nA question.")
        assert f'`make lab LIBS="{tag}"`' in first
        assert "made by machine" in first
        assert "(https://github.com/Side/course/blob/main/notebooks/06_small.ipynb)" in first
        assert f"({SITE}notebooks/06_small.html)" in first


def test_a_chapter_that_opens_with_code_still_says_so(course):
    write(course, [code("x = 1"), code("import pymc", "pymc")])
    notebook = make(course)["pymc"]
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("> **This is the PyMC notebook**")
    assert notebook.cells[1].source == "x = 1"


def test_the_same_chapter_gives_the_same_bytes(course):
    target = course / "build" / "cuts"
    first = {path: path.read_bytes() for path in cuts.write_cuts(course / "notebooks", target)}
    assert {path: path.read_bytes() for path in cuts.write_cuts(course / "notebooks", target)} == first
    assert len(first) == len(LIBRARIES)
    source = nbformat.read(course / CHAPTER, as_version=4)
    for path in first:
        assert {cell.id for cell in nbformat.read(path, as_version=4).cells} <= {cell.id for cell in source.cells}


def test_a_chapter_without_library_cells_gives_no_cuts(course):
    write(course, [markdown("# Bayes\n\n```{figure} x.png\n```"), code("x = 1")])
    assert make(course) == {}


def test_cuts_of_a_chapter_that_was_renamed_go(course):
    make(course)
    (course / CHAPTER).rename(course / "notebooks" / "07_small.ipynb")
    make(course)
    assert {path.name for path in (course / "build" / "cuts").rglob("*.ipynb")} == {"07_small.ipynb"}


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["pymc", "stan"], "the tags 'pymc' and 'stan' name more than one library; keep one"),
        (["PyMC"], "the tag 'PyMC' looks like the library tag 'pymc'; write 'pymc'"),
        (["pymcc"], "the tag 'pymcc' looks like the library tag 'pymc'; write 'pymc'"),
        (["solutions"], "the tag 'solutions' looks like the tag 'solution'; write 'solution'"),
        (["solution", "NumPyro"], "the tag 'NumPyro' looks like the library tag 'numpyro'; write 'numpyro'"),
        (["pystan"], "the tag 'pystan' looks like the library tag 'stan'; write 'stan'"),
    ],
)
def test_malformed_tags_fail_with_notebook_cell_and_remedy(course, tags, said, capsys):
    write(course, [*chapter_cells(), code("mistake = 1", *tags)])
    assert cuts.main([str(course / "notebooks"), str(course / "build" / "cuts")]) == 1
    assert f"notebooks/06_small.ipynb, cell 15 (mistake = 1): {said}" in capsys.readouterr().err


@pytest.mark.parametrize("tag", [*TAGS, None])
def test_every_known_tag_is_taken_as_it_is(tag):
    others = ["solution", "setup", "hide-input", "remove-output", "nbval-check-output", "raises-exception", "margin"]
    assert library_tag([*others, tag] if tag else others, "here") == tag


def test_a_tag_error_begins_with_the_cell():
    with pytest.raises(TagError, match=r"^06\.ipynb, cell 3 \(x = 1\): the tag 'Stan' looks like"):
        library_tag(["Stan"], "06.ipynb, cell 3 (x = 1)")


@pytest.mark.parametrize(
    ("source", "tags", "said"),
    [
        ("import pymc as pm", [], "imports pymc and has no library tag; tag it 'pymc', or import in a cell of PyMC"),
        ("if True:\n    from jax import numpy", ["tfp"], "imports jax and is tagged 'tfp'; tag it 'numpyro'"),
        ("import torch.nn", ["solution"], "imports torch and has no library tag; tag it 'pyro'"),
    ],
)
def test_an_import_of_another_library_is_found(course, source, tags, said):
    write(course, [*chapter_cells(), code(source, *tags)])
    with pytest.raises(cuts.CutError) as raised:
        make(course)
    assert "notebooks/06_small.ipynb, cell 15 (" in str(raised.value)
    assert said in str(raised.value)


def test_a_module_that_only_begins_like_a_library_may_be_imported():
    cuts.check_imports("import stanza\nimport pyrofoo\nfrom pymc_extras import x", None, "here")


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("a {term}`prior` and {term}`draws <draw>`", "a prior and draws"),
        ("{math}`x^2`", "$x^2$"),
        ("{cite:p}`one`", f"([Stan, 2001]({SITE}book/sources.html))"),
        ("{cite:t}`two`", f"Pyro and van der Bo ([2002]({SITE}book/sources.html))"),
        (
            "{cite:p}`one,many`",
            f"([Stan, 2001]({SITE}book/sources.html); [Pyro et al., 2003]({SITE}book/sources.html))",
        ),
        ("{ref}`the data <Data_Here>`", f"[the data]({SITE}notebooks/06_small.html#data-here)"),
        ("{doc}`before <05_line>`", f"[before]({SITE}notebooks/05_line.html)"),
        ("{doc}`words </book/glossary>`", f"[words]({SITE}book/glossary.html)"),
        ("[see](#data)", f"[see]({SITE}notebooks/06_small.html#data)"),
        ("[see](05_line.ipynb#x)", f"[see]({SITE}notebooks/05_line.html#x)"),
        ("[see](../book/glossary.md)", f"[see]({SITE}book/glossary.html)"),
        ("[see](../LICENSE)", "[see](https://github.com/Side/course/blob/main/LICENSE)"),
        ("![a line](../book/x.png)", "![a line](https://github.com/Side/course/blob/main/book/x.png?raw=true)"),
        ("[see](https://example.org/a#b) ![x](attachment:x.png)", None),
        ("Plain `{x}` $\\{a\\}$ f(x)[1] and\n\n```python\nx = {1}\n```", None),
        ("(label)=\n## Data", "## Data"),
        (
            ":::{note}\n:class: wide\nMind the *gap*.\n\nAnd {term}`it`.\n:::",
            "> **Note**\n>\n> Mind the *gap*.\n>\n> And it.",
        ),
        ("```{admonition} For teachers\nWait.\n```", "> **For teachers**\n>\n> Wait."),
    ],
)
def test_roles_directives_and_links_become_plain_markdown(course, raw, plain):
    book = cuts.Book.above(course)
    assert cuts.plain_markdown(raw, CHAPTER, book, "here") == (raw if plain is None else plain)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("{eval}`1 + 1`", "{eval} has no plain form in a cut; write it in plain Markdown"),
        ("```{figure} x.png\n```", "{figure} has no plain form in a cut; write it in plain Markdown"),
        (":::{note}\nnever closed", "':::{note}' has no plain form"),
        ("{ref}`label`", "give the link words of its own, {ref}`words <label>`"),
        ("{cite:p}`nobody`", "no entry 'nobody' in the bibliography"),
    ],
)
def test_what_has_no_plain_form_fails_with_notebook_and_cell(course, raw, said):
    write(course, [*chapter_cells(), markdown(f"Look.\n\n{raw}")])
    with pytest.raises(cuts.CutError) as raised:
        make(course)
    assert f"notebooks/06_small.ipynb, cell 15 (Look.): {said}" in str(raised.value)


@pytest.mark.parametrize("ending", ["", "/", ".git"])
def test_the_books_address_follows_from_the_repositorys(ending):
    assert cuts.site_address(f"https://github.com/Ab-C/d-e{ending}") == "https://ab-c.github.io/d-e/"


def test_without_a_config_the_cut_says_what_is_missing(tmp_path):
    with pytest.raises(cuts.CutError, match=r"No _config\.yml at or above"):
        cuts.write_cuts(tmp_path, tmp_path / "out")


# ---- the chapters as they stand --------------------------------------------------------------


def test_cuts_of_the_course(tmp_path):
    """Of every chapter; cutting fails by itself at another library's import, at malformed tags, at raw roles."""
    chapters = {path.name: nbformat.read(path, as_version=4) for path in (ROOT / "notebooks").glob("*.ipynb")}
    written = cuts.write_cuts(ROOT / "notebooks", tmp_path)
    assert {path.name for path in written} == {
        name
        for name, chapter in chapters.items()
        if any(set(cell.metadata.get("tags", [])) & set(TAGS) for cell in chapter.cells)
    }
    for path in written:
        own = path.parent.name
        made = nbformat.read(path, as_version=4)
        others = set(TAGS) - {own}
        assert not any(set(cell.metadata.get("tags", [])) & others for cell in made.cells), path
        dropped = [cell.id for cell in chapters[path.name].cells if set(cell.metadata.get("tags", [])) & others]
        assert len(made.cells) == len(chapters[path.name].cells) - len(dropped), path
        assert "{cite" not in sources(made), path
        assert "{term" not in sources(made), path
