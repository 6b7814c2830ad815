"""The places that name versions agree: pyproject.toml, the two locks, environment.yml, .python-version."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from publish.cuts import site_address
from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
LOCK_LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[0-9][0-9a-z.]*)( ; [^@:]+)?")
CONDA_LINE = re.compile(r"(?P<name>[a-z0-9_-]+)(=(?P<version>[0-9][0-9a-z.]*)(=[a-z0-9*]+)?)?")
# Where conda-forge's name is another than PyPI's.
PYPI_NAMES = {"pytorch": "torch", "python-graphviz": "graphviz"}
# What conda brings that is no package of PyPI, or has no version of ours.
CONDA_ALONE = {"python", "pip", "cxx-compiler"}


def lines(name):
    """Return a lock's lines without the comments."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def versions(name):
    """Return a lock's versions by package."""
    return {match["name"]: match["version"] for line in lines(name) if (match := LOCK_LINE.fullmatch(line))}


def conda():
    """Return what environment.yml asks of conda and of pip: versions by PyPI's names."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge"]
    (by_pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    found = {}
    for line in (entry for entry in environment["dependencies"] if isinstance(entry, str)):
        match = CONDA_LINE.fullmatch(line)
        assert match, f"environment.yml: {line!r} is not name=version or name=version=build."
        if match["name"] not in CONDA_ALONE:
            found[PYPI_NAMES.get(match["name"], match["name"])] = match["version"]
    (pystan,) = (requirement for requirement in map(Requirement, EXTRAS["stan"]) if requirement.name == "pystan")
    for line in by_pip:
        if line != "-e .":
            requirement = Requirement(line)
            assert requirement.marker == (pystan.marker if requirement.name == "pystan" else None), line
            found[requirement.name] = str(requirement.specifier).removeprefix("==")
    return found


@pytest.mark.parametrize("name", ["book", "all"])
def test_a_lock_holds_names_and_versions_and_no_address(name):
    for line in lines(name):
        assert LOCK_LINE.fullmatch(line), f"requirements/{name}.txt: {line!r}; make it anew: make lock"
    assert "://" not in (ROOT / "requirements" / f"{name}.txt").read_text()
    assert len(versions(name)) == len(lines(name)) > 0


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_lock_holds_all_that_pyproject_asks_for(extra):
    locked = versions("all")
    for requirement in map(Requirement, EXTRAS[extra]):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} of [{extra}] is not in requirements/all.txt: make lock"
        assert locked[name] in requirement.specifier, f"{name} {locked[name]} is not {requirement.specifier}: make lock"


def test_each_library_has_an_extra_named_like_its_tag():
    assert set(TAGS) <= set(EXTRAS)


def test_the_books_lock_is_a_part_of_the_whole():
    # by versions: a package may be needed on more platforms by the whole than by the book
    assert versions("book").items() <= versions("all").items(), "make lock"
    asked = {canonicalize_name(Requirement(line).name) for line in EXTRAS["book"]}
    assert asked <= set(versions("book")), "make lock"


def test_the_book_needs_none_of_the_five_libraries():
    libraries = {canonicalize_name(Requirement(line).name) for tag in TAGS for line in EXTRAS[tag]}
    # setuptools is the book's too, and the plots of PyMC's graphs are no library.
    assert not (libraries - {"setuptools", "graphviz", "nest-asyncio"}) & set(versions("book"))


def test_condas_versions_are_those_of_the_lock():
    locked = versions("all")
    for name, version in conda().items():
        assert version == locked.get(name), f"environment.yml has {name} {version}, the lock {locked.get(name)}"


@pytest.mark.parametrize("extra", ["", *TAGS, "lab", "book"])
def test_conda_gets_all_that_readers_need(extra):
    asked = {canonicalize_name(Requirement(line).name) for line in EXTRAS[extra]}
    assert asked <= set(conda()), f"environment.yml lacks {', '.join(sorted(asked - set(conda())))}"


def test_pytorch_is_the_cpu_build():
    text = (ROOT / "environment.yml").read_text()
    assert re.search(r"- pytorch=[0-9.]+=cpu\*", text)


def test_one_python_everywhere():
    pinned = (ROOT / ".python-version").read_text().strip()
    assert re.fullmatch(r"3\.\d+", pinned)
    assert pinned in SpecifierSet(PROJECT["requires-python"])
    assert f"- python={pinned}\n" in (ROOT / "environment.yml").read_text()
    assert f"--python-version={pinned}" in (ROOT / "tools" / "lock.py").read_text()
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/setup-python@"):
                    versions = job.get("strategy", {}).get("matrix", {}).get("python")
                    asked = {"python-version": "${{ matrix.python }}"} if versions else {}
                    assert step["with"] == (asked or {"python-version-file": ".python-version"}), workflow
                    assert versions is None or pinned in versions, workflow


def test_the_workflow_elsewhere_tries_each_library_on_each_python_and_system():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "elsewhere.yml").read_text())["jobs"]
    lock = (ROOT / "requirements" / "all.txt").read_text()
    for job in (jobs["cuts"], jobs["lab"]):
        matrix = job["strategy"]["matrix"]
        assert matrix["python"] == ["3.12", "3.13", "3.14"] and matrix["library"] == list(TAGS)
        # to be taken out with the next TensorFlow that has a build for 3.14
        assert matrix["exclude"] == [{"python": "3.14", "library": "tfp"}] and "\ntensorflow==2.21.0\n" in lock
    systems = " ".join(jobs["lab"]["strategy"]["matrix"]["system"])
    assert all(system in systems for system in ("windows", "macos", "arm"))
    assert jobs["colab"]["strategy"]["matrix"]["edition"] == [*TAGS, "full"]
    makefile = (ROOT / "Makefile").read_text()
    for step in jobs["lab"]["steps"][2:5]:  # make lab's own commands, without make
        command = step["run"].replace("${{ matrix.library }}", "$(shell echo $(LIBS) | tr ' ' ',')")
        assert (
            command.replace("pip install", "@$(PIP)").replace("python -m publish", "@$(BIN)/python -m publish")
            in makefile
        )


def test_the_repositorys_address_is_the_one_in_the_config():
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == repository
    assert citation["url"] == site_address(repository)
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "github.com/" not in (ROOT / name).read_text(), f"{name}: the address stands in _config.yml"


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert set(citation["license"]) == {PROJECT["license"], "CC-BY-4.0"}
