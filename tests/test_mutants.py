"""The mutants of trials/mutants.py still fit their chapters (``make mutants`` runs them, which takes hours)."""

import ast
from dataclasses import replace

import nbformat
import pytest
from mutants import MUTANTS, NOTEBOOKS, scratch_copy

from sidebyside.libraries import LIBRARIES, TAGS


def cell_named(notebook, name):
    """Return the source of the one cell of that name."""
    [source] = [cell.source for cell in notebook.cells if cell.metadata.get("name") == name]
    return source


def chapters_with_models():
    """Return the chapters ("08b") in which a named cell holds a library's model."""
    endings = tuple(f"-model-{tag}" for tag in TAGS)
    return {
        path.stem.partition("_")[0]
        for path in NOTEBOOKS.glob("*.ipynb")
        if any(cell.metadata.get("name", "").endswith(endings) for cell in nbformat.read(path, 4).cells)
    }


def check_that_it_changes_its_cell(mutant):
    """Fail unless the mutated cell is there and is another program than the chapter's, by more than a comment."""
    chapter = nbformat.read(next(NOTEBOOKS.glob(f"{mutant.chapter}_*.ipynb")), 4)
    before, after = cell_named(chapter, mutant.cell), cell_named(scratch_copy(mutant), mutant.cell)
    assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))
    assert len(after) - len(before) == len(mutant.new) - len(mutant.old)
    assert mutant.old in mutant.new or mutant.old not in after


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.chapter}-{mutant.library}-{mutant.what}")
def test_a_mutant_changes_its_chapter(mutant):
    check_that_it_changes_its_cell(mutant)


def test_a_mutant_that_changes_nothing_is_found():
    with pytest.raises(AssertionError):
        check_that_it_changes_its_cell(replace(MUTANTS[0], new=MUTANTS[0].old))


def test_a_mutation_that_was_not_made_is_found(monkeypatch):
    """Also where something is taken out, so that what takes its place is in every cell."""
    mutant = next(mutant for mutant in MUTANTS if not mutant.new)
    chapter = nbformat.read(next(NOTEBOOKS.glob(f"{mutant.chapter}_*.ipynb")), 4)
    monkeypatch.setitem(globals(), "scratch_copy", lambda _: chapter)
    with pytest.raises(AssertionError):
        check_that_it_changes_its_cell(mutant)


def test_each_chapter_with_models_has_mutants_of_every_library():
    chapters = chapters_with_models()
    assert {"04", "11b", "14"} <= chapters
    missing = {(chapter, library) for chapter in chapters for library in LIBRARIES}
    missing -= {(mutant.chapter, mutant.library) for mutant in MUTANTS}
    assert not missing
