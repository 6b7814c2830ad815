"""The notebooks that people run: a library's alone, the full one, the workshop's; plain Markdown, the same bytes."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import nbformat
import pytest

from publish import cuts
from publish.tags import TagError, library_tag
from sidebyside.libraries import LIBRARIES, TAGS

ROOT = Path(__file__).parents[1]
FOLDERS = [f"{start}{folder}" for start in ("", "workshop/") for folder in (*TAGS, "full")]
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
    """Make the notebooks of a course with one chapter, and return them by folder: "pymc", "workshop/full"."""
    target = course / "build" / "cuts"
    paths = cuts.write_cuts(course / "notebooks", target)
    return {path.parent.relative_to(target).as_posix(): nbformat.read(path, as_version=4) for path in paths}


def sources(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_each_library_gets_its_own_cells_and_everybodys(course):
    made = make(course)
    assert list(made) == FOLDERS
    for library in LIBRARIES.values():
        notebook = made[library.tag]
        nbformat.validate(notebook)
        assert [cell.source.split("\n")[0] for cell in notebook.cells[2:]] == [
            "import numpy as np",
            f"How {library.name} says it.",
            f"import {library.modules[0]}",
            "list(posteriors)",
            "#@title Solution",
        ]
        assert [cell.metadata.get("tags") for cell in notebook.cells] == [
            None,
            ["setup"],
            None,
            [library.tag],
            [library.tag],
            ["nbval-check-output"],
            ["solution"],
        ]


def test_the_full_notebook_has_all_cells_and_says_whose_they_are(course):
    notebook = make(course)["full"]
    nbformat.validate(notebook)
    firsts = [cell.source.split("\n")[0] for cell in notebook.cells[2:]]
    named = [line for library in LIBRARIES.values() for line in (f"**{library.name}**", f"# {library.name}")]
    assert firsts == ["import numpy as np", *named, "list(posteriors)", "#@title Solution"]


def test_a_text_that_begins_with_the_librarys_name_is_not_named_again(course):
    texts = ["**TensorFlow Probability** (TFP) is.", "TFP is."]
    write(course, [markdown("# R"), *(markdown(text, "tfp") for text in texts), code("import jax", "numpyro")])
    assert [cell.source for cell in make(course)["full"].cells if cell.metadata.get("tags") == ["tfp"]] == [
        "**TensorFlow Probability** (TFP) is.",
        "**TFP**\n\nTFP is.",
    ]


def test_a_workshop_notebook_has_a_place_to_write_above_the_check_and_no_solution(course):
    exercise = [markdown("## Exercise 1"), code('answer = ...\nsbs.check("06-x", answer)')]
    solution = [code("secret = 42", "solution"), markdown("Because.", "solution"), code("s = 1", "solution", "pymc")]
    open_end = [markdown("## Exercise 2"), code("given = 1"), code("secret + 1", "solution", "stan")]
    write(course, [*chapter_cells()[:-1], *exercise, *solution, *open_end, markdown("Go on.")])
    made = make(course)
    for folder in ("workshop/pymc", "workshop/full"):
        notebook = made[folder]
        nbformat.validate(notebook)
        assert [cell.source.split("\n")[0] for cell in notebook.cells if not cell.metadata.get("tags")][2:] == [
            "## Exercise 1",
            cuts.place_to_write(1).source,
            "answer = ...",
            "## Exercise 2",
            "given = 1",
            *([cuts.place_to_write(2).source] if folder == "workshop/full" else []),
            "Go on.",
        ]
        assert "secret" not in sources(notebook)
        assert "Because" not in sources(notebook)
    assert "secret = 42" in sources(made["pymc"])


def test_solutions_are_folded_and_a_workshop_notebook_says_where_they_are(course):
    write(course, [*chapter_cells()[:-1], markdown("It is $x$.", "solution"), code("x = 1", "solution")])
    made = make(course)
    *_, words, program = made["pymc"].cells
    assert words.source == "<details>\n<summary>Solution</summary>\n\nIt is $x$.\n\n</details>"
    assert program.source == "#@title Solution\nx = 1"
    assert program.metadata.cellView == "form"
    assert program.metadata.jupyter.source_hidden is True
    page = f"[The book's page]({SITE}notebooks/06_small.html)"
    for folder in ("workshop/pymc", "workshop/full"):
        assert f"{page} shows the outputs too and the solutions" in made[folder].cells[0].source


@pytest.mark.parametrize("tags", [["book"], ["book", "stan"], ["book", "solution"]])
def test_prose_about_the_books_page_is_in_no_notebook(course, tags):
    write(course, [*chapter_cells(), markdown("Choose in the tabs.", *tags), markdown("All use it.")])
    made = make(course)
    assert list(made) == FOLDERS
    for folder, notebook in made.items():
        assert "tabs" not in sources(notebook), folder
        assert notebook.cells[-1].source == "All use it.", folder


def test_code_cant_be_for_the_book_alone(course):
    write(course, [*chapter_cells(), code("x = 1", "book")])
    with pytest.raises(cuts.CutError, match=r"cell 15 \(x = 1\): the tag 'book' is for prose"):
        make(course)


def test_a_cut_has_no_outputs_and_no_trace_of_the_run(course):
    for notebook in make(course).values():
        for cell in notebook.cells:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None
        assert notebook.metadata == {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def test_the_first_cell_says_which_library_and_how_to_install_it(course):
    made = make(course)
    for tag, name in TAGS.items():
        first = made[tag].cells[0].source
        assert first.startswith(f"# Robust regression\n\n> **This is the {name} notebook**")
        assert first.endswith("\n\nA question.")
        assert f'`make lab LIBS="{tag}"`' in first
        assert "made by machine" in first
        assert "(https://github.com/Side/course/blob/main/notebooks/06_small.ipynb)" in first
        assert f"({SITE}notebooks/06_small.html)" in first
        assert f"> **This is the {name} workshop notebook**" in made[f"workshop/{tag}"].cells[0].source
    first = made["full"].cells[0].source
    assert "> **This is the full notebook, in PyMC, Stan, NumPyro, Pyro and TFP** of a chapter" in first


def test_a_chapter_that_opens_with_code_still_says_so(course):
    write(course, [code("x = 1"), code("import pymc", "pymc")])
    notebook = make(course)["pymc"]
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("> **This is the PyMC notebook**")
    assert notebook.cells[2].source == "x = 1"


def test_the_same_chapter_gives_the_same_bytes(course):
    target = course / "build" / "cuts"
    first = {path: path.read_bytes() for path in cuts.write_cuts(course / "notebooks", target)}
    assert {path: path.read_bytes() for path in cuts.write_cuts(course / "notebooks", target)} == first
    assert len(first) == len(FOLDERS)
    ids = {cell.id for cell in nbformat.read(course / CHAPTER, as_version=4).cells} | {"set-up", "your-work-1"}
    for path in first:
        assert {cell.id for cell in nbformat.read(path, as_version=4).cells} <= ids


def test_a_chapter_without_library_cells_is_cut_once(course):
    write(course, [markdown("# Bayes\n\nA."), code("import sklearn.svm\nimport os"), code("y = 2", "solution")])
    made = make(course)
    assert list(made) == ["full", "workshop/full"]
    assert made["full"].cells[0].source.startswith("# Bayes\n\n> **This is the notebook** of a chapter")
    assert 'sbs.set_up(\n    packages=["scikit-learn"],\n' in made["full"].cells[1].source


def test_every_notebook_has_a_set_up_cell_for_what_it_imports(course):
    imports = code("import daft\nimport numpy as np\nfrom IPython.display import Markdown\nimport sidebyside as sbs")
    write(course, [markdown("# R"), imports, code("import stan, nest_asyncio", "stan"), code("import jax", "numpyro")])
    made = make(course)
    for folder, tags in {"stan": ["stan"], "full": ["stan", "numpyro"], "workshop/numpyro": ["numpyro"]}.items():
        cell = made[folder].cells[1]
        assert cell.metadata.tags == ["setup"]
        assert f'"sidebyside[{",".join(tags)}] @ {{course}}"' in cell.source
        assert 'course = "git+https://github.com/Side/course.git@main"' in cell.source
        assert 'packages=["daft-pgm", "numpy"],' in cell.source
        assert re.findall(r'^    "(\w+)",$', cell.source, re.MULTILINE) == tags


def test_the_package_can_be_fetched_from_one_commit(course):
    (path, *_) = cuts.write_cuts(course / "notebooks", course / "out", commit="0123abc")
    assert 'course = "git+https://github.com/Side/course.git@0123abc"' in path.read_text().replace('\\"', '"')


@pytest.mark.parametrize(("tag", "whose"), [("pymc", "a library's cell"), ("solution", "a solution")])
def test_a_magic_may_not_take_the_place_of_a_mark(course, tag, whose):
    write(course, [code("%%time\nx = 1", tag)])
    with pytest.raises(cuts.CutError, match=rf"cell 1 \(%%time\): {whose} can't begin with %%"):
        make(course)


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
        (["books"], "the tag 'books' looks like the tag 'book'; write 'book'"),
        (["pystan"], "the tag 'pystan' looks like the library tag 'stan'; write 'stan'"),
    ],
)
def test_malformed_tags_fail_with_notebook_cell_and_remedy(course, tags, said, capsys):
    write(course, [*chapter_cells(), code("mistake = 1", *tags)])
    assert cuts.main([str(course / "notebooks"), str(course / "build" / "cuts")]) == 1
    assert f"notebooks/06_small.ipynb, cell 15 (mistake = 1): {said}" in capsys.readouterr().err


@pytest.mark.parametrize("tag", [*TAGS, None])
def test_every_known_tag_is_taken_as_it_is(tag):
    others = [
        "solution",
        "setup",
        "book",
        "hide-input",
        "remove-output",
        "nbval-check-output",
        "raises-exception",
        "margin",
    ]
    assert library_tag([*others, tag] if tag else others, "here") == tag


def test_a_shared_cell_may_begin_with_ipythons_own_syntax(course):
    cells = [
        code("%matplotlib inline\nimport daft"),
        code("!echo hello\nfiles = !ls\nimport sklearn.svm"),
        code("%%time\nimport seaborn"),
        code("%%bash\nimport nothing, this is no Python"),
        code("import numpy\nnumpy.mean?"),
    ]
    write(course, [markdown("# R"), *cells, code("import pymc", "pymc")])
    for notebook in make(course).values():
        assert 'packages=["daft-pgm", "numpy", "scikit-learn", "seaborn"],' in notebook.cells[1].source
        assert [cell.source for cell in notebook.cells[2:7]] == [cell.source for cell in cells]


def test_a_cell_that_is_not_python_is_named(course):
    write(course, [*chapter_cells(), code("x = 1\ny = = 2")])
    with pytest.raises(cuts.CutError, match=r"cell 15 \(x = 1\) is not Python: invalid syntax, line 2"):
        make(course)


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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder with all that is made from the chapters; cutting fails by itself at what can't be cut."""
    target = tmp_path_factory.mktemp("cuts")
    cuts.write_cuts(ROOT / "notebooks", target)
    return target


@pytest.fixture(scope="module")
def notebooks(made):
    return {path.relative_to(made): nbformat.read(path, as_version=4) for path in sorted(made.rglob("*.ipynb"))}


@pytest.fixture(scope="module")
def chapters():
    return {path.name: nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


def tags_of(cell):
    return set(cell.metadata.get("tags", []))


def test_each_chapter_has_its_notebooks(made, chapters):
    for name, chapter in chapters.items():
        used = set().union(*map(tags_of, chapter.cells)) & set(TAGS)
        wanted = {f"{start}{folder}" for start in ("", "workshop/") for folder in (*used, "full")}
        assert {path.parent.relative_to(made).as_posix() for path in made.rglob(name)} == wanted


def test_made_again_they_are_the_same_to_the_byte(made, tmp_path):
    again = cuts.write_cuts(ROOT / "notebooks", tmp_path)
    for path in again:
        assert path.read_bytes() == (made / path.relative_to(tmp_path)).read_bytes(), path
    assert {path.relative_to(tmp_path) for path in again} == {path.relative_to(made) for path in made.rglob("*.ipynb")}


def test_nothing_shows_raw_and_the_first_code_cell_sets_up(notebooks):
    for path, notebook in notebooks.items():
        nbformat.validate(notebook)
        text = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        assert not [source for source in text if cuts.RAW.search(source)], path
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        assert tags_of(first) == {"setup"}, path
        assert not any(cell.get("outputs") for cell in notebook.cells), path


def test_a_notebook_has_its_libraries_cells_and_no_others(notebooks, chapters):
    for path, notebook in notebooks.items():
        used = set().union(*map(tags_of, notebook.cells)) & set(TAGS)
        assert used <= (set(TAGS) if path.parent.name == "full" else {path.parent.name}), path
        if path.parts[0] != "workshop":
            cells = chapters[path.name].cells
            cells = [cell for cell in cells if "book" not in tags_of(cell)]
            kept = [cell for cell in cells if path.parent.name == "full" or not tags_of(cell) & set(TAGS) - used]
            assert len(notebook.cells) == len(kept) + 1, path  # the set-up cell


# What is true of the book's page alone. "Side by side" is there a button, elsewhere an adverb.
OF_THE_PAGE = re.compile(
    r"\btabs?\b|\"Side by side\"|wide screen|the page remembers|else on this page|\bunfold\b|folded (?:away|cell|code)"
    r"|(?:all|the) five libraries below|below[^.]* all five\b|choose your library",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "told",
    [
        "Choose your library in the tabs.",
        "As in the Stan tab.",
        'On a wide screen, "Side by side" puts two next to each other.',
        "Solutions are folded away below each exercise.",
        "They were run like everything else on this page.",
        "The five libraries below differ.",
        "The second table below holds all five libraries against it.",
    ],
)
def test_words_about_the_page_are_recognised(told):
    assert OF_THE_PAGE.search(told)


@pytest.mark.parametrize("told", ["They run side by side.", "It is in the table.", "### Side by side"])
def test_other_words_are_not_taken_for_them(told):
    assert not OF_THE_PAGE.search(told)


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))])
def test_no_notebook_speaks_of_the_books_page(notebooks, name):
    told = {
        f"{path}: {line}"
        for path, notebook in notebooks.items()
        if path.name == name
        for cell in notebook.cells
        for line in cell.source.splitlines()
        if OF_THE_PAGE.search(line)
    }
    assert not told


WITHOUT_EXERCISES = {"04b_error_messages.ipynb"}  # an appendix, to look things up


def test_workshop_notebooks_hold_nothing_of_a_solution_and_keep_the_self_checks(notebooks, chapters):
    for path, notebook in notebooks.items():
        if path.parts[0] != "workshop":
            continue
        cells, text = chapters[path.name].cells, sources(notebook)
        others = "\n".join(cell.source for cell in cells if "solution" not in tags_of(cell))
        for cell in (cell for cell in cells if "solution" in tags_of(cell)):
            for line in cell.source.splitlines():
                # a line that the chapter also has elsewhere (an import, a bracket) tells nothing
                assert len(line) < 12 or line in others or line not in text, f"{path}: {line}"
        asked = re.findall(r"sbs\.check\(\"[\w-]+\", answer\)", others)
        assert re.findall(r"sbs\.check\(.*\)", text) == asked, path
        assert text.count(cuts.place_to_write(1).source) >= len(asked), path
        assert bool(asked) == (path.name not in WITHOUT_EXERCISES), path


def test_every_name_is_defined_before_it_is_used(made):
    """For cells that are left out may define what a cell that stays uses."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821"]
    assert subprocess.run([*command, made], check=False).returncode == 0
    text = (made / "full" / "06_robust_regression.ipynb").read_text()
    assert "posteriors, programs = {}, {}" in text
    broken = made / "broken.ipynb"
    broken.write_text(text.replace("posteriors, programs = {}, {}", "programs = {}"))
    try:
        assert subprocess.run([*command, broken], check=False, capture_output=True).returncode == 1
    finally:
        broken.unlink()


def test_all_that_a_set_up_cell_asks_for_is_declared(notebooks):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["lab"]
    names = {re.match(r"[\w.-]+", line)[0] for line in declared}
    for path, notebook in notebooks.items():
        asked = re.search(r"packages=\[(.*)\]", notebook.cells[1].source)[1]
        assert set(re.findall(r'"([\w.-]+)"', asked)) <= names, f"{path}: declare it in pyproject.toml, under lab"


# ---- what everybody's cells read of the draws, every library must keep -----------------------------

KEPT_BY_ITSELF = {"pymc", "stan", "numpyro"}  # the posterior of these holds the model's deterministic quantities
NAMED = re.compile(r"""\b[Dd]eterministic\(\s*["'](\w+)["']""")
GROUPS = ("prior", "prior_predictive", "posterior_predictive", "log_likelihood", "predictions")


def _root(node, known):
    """Return the known name from which an expression is made: ``name["a"].mean()``, ``az.extract(name, ...)``."""
    if isinstance(node, ast.Name):
        return node.id if node.id in known else None
    if isinstance(node, ast.Subscript | ast.Attribute):
        return _root(node.value, known)
    if isinstance(node, ast.Call):
        return next(filter(None, (_root(part, known) for part in (node.func, *node.args[:1]))), None)
    return None


def _key(node):
    """Return the string of ``...["string"]``, None for what is no such subscript."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None


def _stored(source):
    """Return the strings under which a library's cell keeps something: ``["x"] = ...``, ``{"x": ...}``, samples."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            yield _key(node)
        elif isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pyro.sample":
            yield ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else None


def read_and_not_kept(cells):
    """Return what untagged cells read of draws that some library's cells don't keep: (name, tag, first line).

    A new ``posteriors = {}`` begins a new set of draws: what was added to the earlier ones is not in it. A name that is
    made from ``posteriors`` belongs to the set of that moment.
    """
    tags = [tag for tag in TAGS if any(tag in tags_of(cell) for cell in cells)]
    named = {name for cell in cells if tags_of(cell) & set(TAGS) for name in NAMED.findall(cell.source)}
    sets, owner, faults = [{tag: [] for tag in tags}], {"posteriors": 0}, []
    for cell in cells:
        if cell.cell_type != "code" or cell.source.lstrip().startswith("%"):
            continue
        if library := next((tag for tag in TAGS if tag in tags_of(cell)), None):
            sets[-1][library].append(cell.source)
            continue
        for statement in ast.parse(re.sub(r"^[!%].*$", "pass", cell.source, flags=re.MULTILINE)).body:
            for node in ast.walk(statement):
                name = _key(node)
                root = _root(node, owner) if name and isinstance(node.ctx, ast.Load) else None
                for tag, kept in sets[owner[root]].items() if root else ():
                    if name in named:
                        found = tag in KEPT_BY_ITSELF or any(name in set(_stored(source)) for source in kept)
                    else:
                        found = name not in GROUPS or any(name in source for source in kept)
                    if not found:
                        faults.append((name, tag, cell.source.split("\n")[0]))
            if not isinstance(statement, ast.Assign):
                continue
            targets = {name.id for part in statement.targets for name in ast.walk(part) if isinstance(name, ast.Name)}
            source = _root(statement.value, owner)
            if "posteriors" in targets:
                sets.append({tag: [] for tag in tags})
                owner["posteriors"] = len(sets) - 1
            elif source:
                owner |= dict.fromkeys(targets, owner[source])
            elif not any(isinstance(part, ast.Subscript) for part in statement.targets):
                owner = {name: number for name, number in owner.items() if name not in targets}
    return faults


MODELS = {"pymc": 'pm.Deterministic("line", a)', "pyro": 'pyro.deterministic("line", a)', "tfp": "a = tfd.Normal"}
LINE_READ = 'draws = next(iter(posteriors.values()))["posterior"].to_dataset()\nmiddle = draws["line"].mean()'


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ({}, ["pyro", "tfp"]),
        ({"pyro": 'posteriors["Pyro"]["posterior"]["line"] = 1'}, ["tfp"]),
        (
            {"pyro": 'posteriors["Pyro"]["posterior"]["line"] = 1', "tfp": 'az.from_dict({"posterior": {"line": 1}})'},
            [],
        ),
    ],
)
def test_a_quantity_that_one_library_leaves_out_is_found(later, found):
    """In the second set of draws; to the first every library has added it."""
    models = [code(source, tag) for tag, source in MODELS.items()]
    added = [code('found["line"] = 1', tag) for tag in ("pyro", "tfp")]
    second = [code("posteriors, programs = {}, {}"), *(code(source, tag) for tag, source in later.items())]
    cells = [code("posteriors = {}"), *models, *added, code(LINE_READ), *second]
    assert read_and_not_kept([*cells, code('middle = draws["line"]')]) == []
    assert [tag for _, tag, _ in read_and_not_kept([*cells, code(LINE_READ)])] == found


def test_a_group_that_one_library_leaves_out_is_found():
    cells = [code("posteriors = {}"), code("pm.compute_log_likelihood(tree)", "pymc"), code("x = 1", "stan")]
    cells += [code("tree = next(iter(posteriors.values()))")]
    assert read_and_not_kept([*cells, code('other["log_likelihood"]')]) == []
    assert [tag for _, tag, _ in read_and_not_kept([*cells, code('tree["log_likelihood"]["y"]')])] == ["stan"]


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))])
def test_what_everybodys_cells_read_of_the_draws_every_library_keeps(chapters, name):
    """For with one library alone its draws are the first: ``python -m trials.cuts_alone`` shows it by running."""
    assert not read_and_not_kept(chapters[name].cells)
