"""The locks with hashes are the plain ones, and CI and the hub install by them."""

import re
import tomllib
from pathlib import Path

import hub_trial
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]
PLAIN, HASHED = ROOT / "requirements", ROOT / "requirements" / "hashed"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SHA256 = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def plain(name: str) -> set[str]:
    """Return the lines of a lock without hashes."""
    return {line for line in (PLAIN / f"{name}.txt").read_text("utf-8").splitlines() if not line.startswith("#")}


def hashed(name: str) -> dict[str, list[str]]:
    """Return the hashes in a lock by its lines, as those would stand in the plain lock."""
    text = (HASHED / f"{name}.txt").read_text("utf-8").replace(" \\\n", " ")
    found = {}
    for line in (line for line in text.splitlines() if not line.startswith("#")):
        requirement, *hashes = re.split(r"\s+(?=--hash=)", line.strip())
        found[requirement] = hashes
    return found


@pytest.mark.parametrize("name", ["book", "all", "hub"])
def test_a_lock_with_hashes_is_the_plain_lock(name):
    assert set(hashed(name)) == plain(name), "make lock"


@pytest.mark.parametrize("name", ["book", "all", "hub", *TAGS])
def test_each_locked_package_has_hashes_and_no_address(name):
    for requirement, hashes in hashed(name).items():
        assert hashes, requirement
        assert all(map(SHA256.fullmatch, hashes)), requirement
    assert "://" not in (HASHED / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("tag", TAGS)
def test_a_librarys_lock_is_a_part_of_the_whole_and_holds_what_its_notebooks_need(tag):
    everything = {re.split(r"[ ;]", line)[0] for line in plain("all")}
    locked = {re.split(r"[ ;]", line)[0] for line in hashed(tag)}
    assert locked <= everything, "make lock"
    extras = PROJECT["optional-dependencies"]
    asked = {Requirement(line).name for line in [*PROJECT["dependencies"], *extras["lab"], *extras[tag]]}
    assert {canonicalize_name(name) for name in asked} <= {line.partition("==")[0] for line in locked}, "make lock"


def test_ci_and_the_hub_install_by_hashes():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in ("book", "all", "hub"):
        assert re.search(rf"^\t.+ -r \$\(LOCKS\)/{name}\.txt$", makefile, re.MULTILINE), name
    assert "\nexport LOCKS=requirements/hashed\n" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "\n  LOCKS: requirements/hashed" in (ROOT / ".github" / "workflows" / "course.yml").read_text("utf-8")
    assert " --require-hashes -r requirements/hashed/pymc.txt\n" in hub_trial.PAGE.read_text("utf-8")
