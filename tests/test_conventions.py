"""Version, changelog, citation, templates and containers: what can fall behind the course is compared with it."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

import sidebyside
from publish.study import START
from sidebyside.libraries import LIBRARIES

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = SETTINGS["project"]["version"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
AUDIENCES = ("Readers", "Speakers", "Hosts", "Contributors")


# ---- version and changelog -------------------------------------------------------------------


def releases() -> list[tuple[str, str, str]]:
    """Return the changelog's parts, newest first: version, day or "unreleased", text."""
    _, *parts = re.split(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    found = []
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        match = re.fullmatch(r"(\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)", heading)
        assert match, f"CHANGELOG.md: {heading!r} is not like '0.2.0 (2026-12-15)' or '0.2.0 (unreleased)'"
        found.append((match[1], match[2], text))
    return found


RELEASES = releases()


def test_one_version_everywhere():
    assert RELEASES[0][0] == VERSION
    assert sidebyside.__version__ == VERSION
    assert str(CITATION["version"]) == VERSION


def test_the_citation_has_the_day_of_the_release_and_no_other():
    day = RELEASES[0][1]
    assert str(CITATION.get("date-released", "unreleased")) == day


def test_versions_go_down_and_only_the_first_may_be_unreleased():
    versions = [Version(version) for version, _, _ in RELEASES]
    assert versions == sorted(set(versions), reverse=True)
    days = [day for _, day, _ in RELEASES]
    assert "unreleased" not in days[1:]
    assert days[1:] == sorted(days[1:], reverse=True)


@pytest.mark.parametrize(("version", "day", "text"), RELEASES, ids=[version for version, _, _ in RELEASES])
def test_a_release_says_for_whom_what_changed(version, day, text):
    _, *parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
    audiences = parts[::2]
    assert audiences == [name for name in AUDIENCES if name in audiences] != []
    for name, part in zip(audiences, parts[1::2], strict=True):
        assert part.strip().startswith("- "), f"{version}, {name}: nothing is listed"


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CODE_OF_CONDUCT.md", "README.md", "CONTRIBUTING.md"])
def test_files_that_a_root_page_names_are_there(name):
    text = (ROOT / name).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:\s]+)\)", text):
        assert (ROOT / target).exists(), f"{name}: {target}"
    for command in re.findall(r"`make ([a-z-]+)", text):
        assert command in TARGETS, f"{name}: make {command}"


def test_the_changelog_names_what_the_package_has():
    for name in set(re.findall(r"`sbs\.([a-z_.]+)`", RELEASES[0][2])):
        found = sidebyside
        for part in name.split("."):
            found = getattr(found, part)


def test_the_steps_of_a_release_name_each_place_of_the_version():
    steps = CONTRIBUTING.partition("\n## Make a release\n")[2].partition("\n## ")[0]
    for name in ("pyproject.toml", "src/sidebyside/__init__.py", "CITATION.cff", "CHANGELOG.md"):
        assert f"`{name}`" in steps
        assert (ROOT / name).is_file()
    assert not (ROOT / ".zenodo.json").exists(), "Zenodo would read it in the place of CITATION.cff"


# ---- GitHub's templates ----------------------------------------------------------------------

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one_that_github_takes(path):
    """As GitHub documents the syntax: it shows no form at all where a key is wrong."""
    form = yaml.safe_load(path.read_text("utf-8"))
    assert set(form) == {"name", "description", "labels", "body"}
    names = [field["id"] for field in form["body"]]
    assert len(set(names)) == len(names) > 0
    allowed = {"input": {"placeholder"}, "textarea": {"placeholder", "render"}, "dropdown": {"options", "multiple"}}
    for field in form["body"]:
        assert set(field) <= {"type", "id", "attributes", "validations"}
        attributes = set(field["attributes"])
        assert {"label"} <= attributes <= {"label", "description"} | allowed[field["type"]], field["id"]
        assert field.get("validations", {"required": True}) == {"required": True}
        assert ("options" in attributes) == (field["type"] == "dropdown")


def test_the_form_for_faults_knows_the_libraries():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "fault.yml").read_text("utf-8"))
    (field,) = (field for field in form["body"] if field["id"] == "library")
    assert field["attributes"]["options"] == [*LIBRARIES, "none of them"]


def test_templates_name_commands_that_there_are():
    text = "".join(path.read_text("utf-8") for path in [*FORMS, ROOT / ".github" / "pull_request_template.md"])
    commands = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert {"lint", "test", "run", "doctor"} <= commands <= TARGETS


def test_dependabot_looks_where_something_is():
    settings = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))
    assert settings["version"] == 2
    looked = {"github-actions": ".github/workflows", "devcontainers": ".devcontainer", "pip": "requirements"}
    assert {update["package-ecosystem"] for update in settings["updates"]} == set(looked)
    for update in settings["updates"]:
        assert any((ROOT / looked[update["package-ecosystem"]]).iterdir())
        assert (ROOT / update["directory"].lstrip("/")).is_dir()
    (pip,) = (update for update in settings["updates"] if update["package-ecosystem"] == "pip")
    assert pip["open-pull-requests-limit"] == 0, "a lock that changes alone fails the tests of the others"


# ---- Codespaces ------------------------------------------------------------------------------


def test_the_container_installs_what_the_course_has():
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8")
    container = json.loads(re.sub(r"^//.*$", "", text, flags=re.MULTILINE))
    python = (ROOT / ".python-version").read_text().strip()
    assert container["image"].endswith(f"/python:{python}")
    command = container["onCreateCommand"]
    for name in re.findall(r"-[rc] (\S+)", command):
        assert (ROOT / name).is_file()
    (extras,) = re.findall(r"-e '\.\[(.+?)\]'", command)
    assert set(extras.split(",")) <= set(SETTINGS["project"]["optional-dependencies"])
    folder = command.rpartition(" ")[2]
    assert container["customizations"]["codespaces"]["openFiles"] == [f"{folder}/{START}"]
