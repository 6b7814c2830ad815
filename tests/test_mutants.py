"""The mutants of trials/mutants.py still fit their chapters (``make mutants`` runs them; it takes too long for here)."""

import pytest
from mutants import MUTANTS, scratch_copy


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.chapter}-{mutant.library}-{mutant.what}")
def test_a_mutant_changes_its_chapter(mutant):
    assert any(mutant.new in cell.source for cell in scratch_copy(mutant).cells)


def test_each_chapter_with_models_has_mutants_of_every_library():
    for chapter in {mutant.chapter for mutant in MUTANTS}:
        assert len({mutant.library for mutant in MUTANTS if mutant.chapter == chapter}) == 5
