"""The branch that Colab and Binder open: what is on it, that a workshop never changes, that nothing else moves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import test_cuts
import yaml

from publish import branch, cuts, launch, study
from sidebyside.libraries import TAGS

ENVIRONMENT = "dependencies:\n  - python=3.12\n  - pip:\n      - -e .\n"
DAY = "2026-12-01"

course = test_cuts.course


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


@pytest.fixture
def repository(course, monkeypatch):
    """Return the small course of test_cuts as a repository with one commit."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.org")
    (course / "environment.yml").write_text(ENVIRONMENT)
    (course / "src").mkdir()
    (course / "src" / "package.py").write_text("x = 1\n")
    (course / "publish").mkdir()
    (course / "publish" / "cuts.py").write_text("x = 1\n")
    git(course, "init", "--quiet", "--initial-branch=main")
    commit(course)
    return course


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A change")
    return git(folder, "rev-parse", "HEAD")


def change_chapter(folder):
    test_cuts.write(folder, [*test_cuts.chapter_cells(), test_cuts.markdown("One more.")])
    return commit(folder)


def files(folder, commit="notebooks"):
    listed = git(folder, "ls-tree", "-r", f"{commit}^{{tree}}").splitlines()
    return {line.split("\t")[1]: line.split()[2] for line in listed}


def show(folder, path):
    return git(folder, "show", f"refs/heads/notebooks:{path}")


def test_the_branch_holds_the_newest_notebooks_and_what_binder_needs(repository):
    pinned = git(repository, "rev-parse", "HEAD")
    change_chapter(repository)  # not the package
    assert branch.publish(repository)
    expected = {f"{folder}/06_small.ipynb" for folder in (*TAGS, "full")} | {"README.md", "environment.yml"}
    assert set(files(repository)) == expected
    notebook = nbformat.reads(show(repository, "pymc/06_small.ipynb"), as_version=4)
    assert f'course = "git+https://github.com/Side/course.git@{pinned}"' in notebook.cells[1].source
    asked = yaml.safe_load(show(repository, "environment.yml"))["dependencies"][-1]["pip"]
    assert asked == [f"sidebyside @ git+https://github.com/Side/course.git@{pinned}"]
    assert "[The book](https://side.github.io/course/)" in show(repository, "README.md")


def test_notebooks_install_the_package_of_the_commit_that_made_them_wherever_they_are_written(repository):
    pinned = git(repository, "rev-parse", "HEAD")
    change_chapter(repository)  # not the package
    assert cuts.package_commit(repository) == pinned
    assert cuts.main([str(repository / "notebooks"), str(repository / "build")]) == 0
    app = SimpleNamespace(srcdir=repository, outdir=repository / "site", builder=SimpleNamespace(format="html"))
    launch.write_notebooks(app, None)
    study.copy_notebooks(repository / "notebooks", repository / "study", ["pymc"])
    for folder in ("build", "site/cuts", "study"):
        notebook = nbformat.read(repository / folder / "pymc" / "06_small.ipynb", as_version=4)
        assert f'course = "git+https://github.com/Side/course.git@{pinned}"' in notebook.cells[1].source, folder
    (repository / "src" / "package.py").write_text("x = 2\n")
    assert commit(repository) == cuts.package_commit(repository) != pinned


def test_without_a_commit_of_its_own_a_course_names_the_branch(repository, monkeypatch):
    inner = repository / "copies" / "course"  # such as a download, unpacked in another project's repository
    shutil.copytree(repository / "src", inner / "src")
    (inner / "pyproject.toml").touch()
    commit(repository)
    assert cuts.package_commit(inner) is None
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent))
    shutil.rmtree(repository / ".git")
    assert cuts.package_commit(repository) is None
    monkeypatch.setenv("PATH", "")
    assert cuts.package_commit(repository) is None, "no git at all"


def test_published_again_without_a_change_there_is_no_new_commit(repository):
    first = branch.publish(repository, DAY)
    assert branch.publish(repository, DAY) is None
    assert branch.publish(repository) is None
    assert git(repository, "rev-parse", "refs/heads/notebooks") == first


def test_a_workshop_is_a_folder_of_its_own_with_the_package_of_its_commit(repository):
    pinned = git(repository, "rev-parse", "HEAD")
    change_chapter(repository)  # not the package
    branch.publish(repository, DAY)
    frozen = {path for path in files(repository) if path.startswith("workshop/")}
    assert frozen == {f"workshop/{DAY}/{folder}/06_small.ipynb" for folder in (*TAGS, "full")}
    notebook = nbformat.reads(show(repository, f"workshop/{DAY}/stan/06_small.ipynb"), as_version=4)
    assert f'course = "git+https://github.com/Side/course.git@{pinned}"' in notebook.cells[1].source


def test_a_published_workshop_never_changes(repository, capsys):
    branch.publish(repository, DAY)
    before = files(repository)
    change_chapter(repository)
    assert branch.main([str(repository), "--workshop", DAY]) == 1
    said = capsys.readouterr().err
    assert f"The workshop of {DAY} is published, and 6 of its notebooks would change" in said
    assert "choose another day" in said
    assert files(repository) == before, "nothing was published"
    branch.publish(repository, "2026-12-02")
    after = files(repository)
    old = {path: stored for path, stored in before.items() if path.startswith("workshop/")}
    assert old.items() <= after.items(), "the older day stays as it was"
    assert after["pymc/06_small.ipynb"] != before["pymc/06_small.ipynb"], "the newest are new"
    assert len([path for path in after if path.startswith("workshop/")]) == 2 * len(old)


def test_a_change_of_the_package_alone_is_a_change_too(repository):
    branch.publish(repository, DAY)
    (repository / "src" / "package.py").write_text("x = 2\n")
    commit(repository)
    with pytest.raises(branch.PublishError, match="is published, and 6 of its notebooks would change"):
        branch.publish(repository, DAY)


def test_notebooks_of_a_chapter_that_is_gone_go_but_not_from_a_workshop(repository):
    branch.publish(repository, DAY)
    (repository / "notebooks" / "06_small.ipynb").rename(repository / "notebooks" / "07_small.ipynb")
    commit(repository)
    branch.publish(repository)
    assert "pymc/06_small.ipynb" not in files(repository)
    assert "pymc/07_small.ipynb" in files(repository)
    assert f"workshop/{DAY}/pymc/06_small.ipynb" in files(repository)


def test_working_tree_index_and_branch_are_left_alone(repository):
    (repository / "README.md").write_text("staged\n")
    git(repository, "add", "README.md")
    (repository / "notes.txt").write_text("mine\n")
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD"), git(repository, "branch")
    assert branch.publish(repository)
    status, head, branches = before
    assert git(repository, "status", "--porcelain") == status == "A  README.md\n?? notes.txt"
    assert git(repository, "rev-parse", "HEAD") == head
    assert git(repository, "branch").splitlines() == [branches, "  notebooks"]


@pytest.mark.parametrize("source", ["src/package.py", "publish/cuts.py"])
def test_what_is_not_committed_is_not_published(repository, capsys, source):
    (repository / source).write_text("x = 3\n")
    assert branch.main([str(repository)]) == 1
    assert "Commit first" in capsys.readouterr().err
    assert "notebooks" not in git(repository, "branch")


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "2026-02-30", "2026-1-1", "../2026-01-01"])
def test_a_workshops_folder_is_a_day(repository, day):
    with pytest.raises(branch.PublishError, match="write it as in WORKSHOP=2026-12-01"):
        branch.publish(repository, day)


def test_a_clone_goes_on_from_the_published_branch_and_never_falls_behind_it(repository, tmp_path_factory):
    branch.publish(repository, DAY)
    clone = tmp_path_factory.mktemp("clone") / "course"
    git(repository.parent, "clone", "--quiet", str(repository), str(clone))
    change_chapter(clone)
    made = branch.publish(clone)
    assert git(clone, "rev-parse", f"{made}^") == git(clone, "rev-parse", "origin/notebooks")
    assert f"workshop/{DAY}/pymc/06_small.ipynb" in files(clone, "refs/heads/notebooks")
    change_chapter(repository)
    branch.publish(repository, "2026-12-02")
    git(clone, "fetch", "--quiet")
    with pytest.raises(branch.PublishError, match="git branch --force notebooks origin/notebooks"):
        branch.publish(clone)


def test_a_chapter_that_cant_be_cut_is_not_published(repository, capsys):
    test_cuts.write(repository, [test_cuts.code("x = 1", "pymcc")])
    commit(repository)
    assert branch.main([str(repository)]) == 1
    assert "looks like the library tag 'pymc'" in capsys.readouterr().err


# ---- the workflow on GitHub, which has not run where these tests were written ---------------------


WORKFLOW = yaml.safe_load((Path(__file__).parents[1] / ".github" / "workflows" / "course.yml").read_text())
JOBS = WORKFLOW["jobs"]


def test_the_workflow_publishes_book_and_notebooks_from_one_commit_once_all_passed():
    notebooks, book = JOBS["notebooks"], JOBS["publish"]
    assert notebooks["if"] == book["if"] == "github.ref == 'refs/heads/main'"
    assert notebooks["needs"] == "build" and set(book["needs"]) == {"build", "notebooks"}, "no book without notebooks"
    (checkout,) = (step for step in notebooks["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"] == {"fetch-depth": 0}, "the commit of this run, and the published branch"
    runs = [step["run"] for step in notebooks["steps"] if "run" in step]
    assert runs[0] == "make publish-notebooks" and "git push origin notebooks" in runs[1]
    assert not any("WORKSHOP" in run or "--force" in run for run in runs)


def test_only_the_job_that_pushes_may_write():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {
        "notebooks": {"contents": "write"},
        "publish": {"pages": "write", "id-token": "write"},
    }


def test_the_workflows_commands_publish_and_push(repository, tmp_path_factory, monkeypatch):
    """Runs the job's own commands, with a bare repository in GitHub's place."""
    (repository / "Makefile").write_text(
        f"publish-notebooks:\n\tPYTHONPATH={Path(__file__).parents[1]} {sys.executable} -m {branch.__name__} .\n"
    )
    commit(repository)
    place = tmp_path_factory.mktemp("github")
    git(place, "clone", "--quiet", "--bare", str(repository), "course.git")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # GitHub's machine knows nobody's name

    def run_job(number):
        clone = place / f"run-{number}"
        git(place, "clone", "--quiet", "course.git", clone.name)  # as fetch-depth: 0 does, with all branches
        for step in JOBS["notebooks"]["steps"]:
            if "run" in step:
                subprocess.run(
                    ["bash", "-e", "-c", step["run"]], cwd=clone, env=os.environ | JOBS["notebooks"]["env"], check=True
                )
        return git(place / "course.git", "rev-parse", "refs/heads/notebooks")

    first = run_job(1)
    assert "pymc/06_small.ipynb" in files(place / "course.git", "refs/heads/notebooks")
    assert git(place / "course.git", "log", "-1", "--format=%an", "notebooks") == "github-actions[bot]"
    assert run_job(2) == first, "nothing new, and no failure"
    for name, value in JOBS["notebooks"]["env"].items():
        monkeypatch.setenv(name, value)
    change_chapter(repository)
    git(repository, "push", "--quiet", str(place / "course.git"), "main")
    third = run_job(3)
    assert git(place / "course.git", "rev-parse", f"{third}^") == first, "it goes on from what is published"
