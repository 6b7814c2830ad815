"""Answers that take a grid, an integral or a simulation: ``make_references/answers.py`` computed them."""

import json
from functools import cache

from sidebyside import packaged_json


@cache
def _answers() -> dict[str, float | list[float]]:
    return json.loads(packaged_json.read("exercises", "answers", "store of answers"))


def stored(name: str) -> float | list[float]:
    """Return a stored answer; ``name`` begins with the exercise's, or with the chapter's two digits."""
    return _answers()[name]
