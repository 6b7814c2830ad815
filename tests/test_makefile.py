"""The Makefile: GNU make 3.81 can read it, and it mends an environment that no longer works.

Most of these tests run ``make`` in a small folder with the course's Makefile. Its Python makes real environments, whose
pip and Jupyter only write down how they were called.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)


# ---- what GNU make 3.81 can read -------------------------------------------------------------

# macOS comes with make 3.81, which could not be installed where these tests were written. So they compare the Makefile
# with the grammar that 3.81 documents: what is not listed here is refused.
MODIFIER = r"(?:(?:export|override) )?"  # one at most; 3.82 brought `private` and several at once
ASSIGNMENT = rf"{MODIFIER}[A-Za-z_.][\w.]*\s*(?:=|:=|\+=|\?=)(?:\s.*)?"  # 4.0 brought != and ::=
NAME = r"(?!(?:private|undefine|load|export|override|unexport|define)\b)[\w./$()%-]+"  # `&:` came with 4.3
LINE_OF_3_81 = [
    re.compile(pattern)
    for pattern in (
        ASSIGNMENT,
        rf"{NAME}(?:\s+{NAME})*\s*::?\s*{ASSIGNMENT}",  # of some targets
        rf"{NAME}(?:\s+{NAME})*\s*::?(?:\s+{NAME})*(?:\s+\|(?:\s+{NAME})*)?",  # a rule
        r"(?:un)?export(?:\s+[A-Za-z_]\w*)*",
        r"-?include\s.*",
        r"(?:else )?(?:ifdef|ifndef|ifeq|ifneq)\s.*|else|endif",
        r"define\s+[\w.-]+|endef",  # 3.82 brought `define NAME =`
    )
]
FUNCTIONS_OF_3_81 = shlex.split(
    "abspath addprefix addsuffix and basename call dir error eval filter filter-out findstring firstword flavor "
    "foreach if info join lastword notdir or origin patsubst realpath shell sort strip subst suffix value warning "
    "wildcard word wordlist words"
)
SPECIAL_NAMES_OF_3_81 = shlex.split(
    ".DEFAULT .DEFAULT_GOAL .DELETE_ON_ERROR .EXPORT_ALL_VARIABLES .FEATURES .IGNORE .INCLUDE_DIRS .INTERMEDIATE "
    ".LIBPATTERNS .LOW_RESOLUTION_TIME .NOTPARALLEL .PHONY .PRECIOUS .SECONDARY .SECONDEXPANSION .SILENT .SUFFIXES "
    ".VARIABLES"
)


def newer_than_3_81(makefile):
    """Return what GNU make 3.81 does not understand in a makefile."""
    found = []
    text = re.sub(r"\\\n", " ", makefile)
    for line in text.splitlines():
        if line.startswith("\t"):
            continue
        statement = re.sub(r"(?<!\\)#.*", "", line).strip()
        if statement and not any(pattern.fullmatch(statement) for pattern in LINE_OF_3_81):
            found.append(statement)
    # of $$(...) make sees one dollar sign, which is the shell's
    functions = set(re.findall(r"\$[({]([a-z-]+)\s", text.replace("$$", "")))
    found += sorted(functions.difference(FUNCTIONS_OF_3_81))
    special = set(re.findall(r"(?<![\w./*])\.[A-Z_]{3,}\b", text))
    return found + sorted(special.difference(SPECIAL_NAMES_OF_3_81))


def test_make_3_81_can_read_the_makefile():
    assert newer_than_3_81(MAKEFILE) == []


@pytest.mark.parametrize(
    "line",
    [
        "test: private export CXXFLAGS += -O0",
        "test: private CXXFLAGS = -O0",
        "private CXXFLAGS = -O0",
        "override export CXXFLAGS = -O0",
        "undefine CXXFLAGS",
        "define RECIPE =",
        "REVISION != git rev-parse HEAD",
        "REVISION ::= 1",
        "a b &: c",
        "load thing.so",
        ".ONESHELL:",
        ".RECIPEPREFIX = >",
        ".SHELLFLAGS := -ec",
        ".EXTRA_PREREQS = a",
        "a: b .WAIT c",
        "a:\n\techo $(file < b)",
        "A := $(let x,1,$(x))",
        "A := $(intcmp 1,2,3,4)",
        "a:\n\techo $(guile 1)",
    ],
)
def test_what_is_newer_than_make_3_81_is_refused(line):
    assert newer_than_3_81(f"A := 1\n{line}\n") != []


@pytest.mark.parametrize(
    "line",
    [
        "export CXXFLAGS ?= -O0  # a comment",
        "test mutants: export CXXFLAGS += -O0",
        "a/%.o: $(B)/c.x d | $(E)",
        "ifeq ($(A),1)\nelse ifneq ($(A),2)\nendif",
        "define RECIPE\nendef",
        "a:\n\t@echo $(if $(filter b,$(C)),,$$(private x))",
        ".PHONY: a \\\n  b",
    ],
)
def test_what_make_3_81_can_read_is_not_refused(line):
    assert newer_than_3_81(f"A := 1\n{line}\n") == []


# ---- a small course --------------------------------------------------------------------------

# What a real environment gets in the place of pip and Jupyter. Both write a line to called.txt.
FILL = '''
import pathlib, sys, sysconfig
folder = pathlib.Path(sys.argv[1]).absolute()
packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
(packages / "pip").mkdir()
(packages / "pip" / "__init__.py").write_text("")
(packages / "pip" / "__main__.py").write_text("""
import os, pathlib, sys, time
busy = pathlib.Path(sys.prefix, "busy")
busy.touch(exist_ok=False)  # a second pip at the same time fails
time.sleep(0.1)
busy.unlink()
with open("called.txt", "a") as file:
    print("pip", *sys.argv[1:], "CXXFLAGS=" + os.environ["CXXFLAGS"], file=file)
""")
shebang = f"#!{folder}/bin/python\\n"
for name, code in {
    "pip": "from pip import __main__",
    "jupyter": "import sys; print('jupyter', *sys.argv[1:], file=open('called.txt', 'a'))",
}.items():
    (folder / "bin" / name).write_text(shebang + code + "\\n")
    (folder / "bin" / name).chmod(0o755)
'''
# Each says that it ran, and with which flags for Stan's compiler.
STUB = """import os, sys
with open("called.txt", "a") as file:
    print({name!r}, *sys.argv[1:], "CXXFLAGS=" + os.environ["CXXFLAGS"], file=file)
"""
LOCKS = ("requirements/book.txt", "requirements/all.txt", "requirements/hub.txt")
STUBS = ("publish/study.py", "publish/cuts.py", "tools/precompile_stan.py", "trials/mutants.py")


class Course:
    """A folder with the Makefile, and the machine around it."""

    def __init__(self, folder, machine):
        self.folder, self.machine = folder, machine
        self.path = [machine]

    def make(self, *arguments):
        """Run make, and return what it did."""
        # nothing of a make that may run this test; sh and the like stay
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        path = os.pathsep.join(map(str, [*self.path, os.defpath.lstrip(":")]))
        command = [shutil.which("make"), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=kept | {"PATH": path}, capture_output=True, text=True, timeout=60
        )

    def called(self):
        """Return how pip, Jupyter and the course's scripts were called since the last time."""
        log = self.folder / "called.txt"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def user(self, number):
        """Become another user, as far as the command ``id`` tells."""
        self.program("id", f"echo {number}")

    def program(self, name, code):
        """Put a program of the shell first on the PATH."""
        (self.machine / name).write_text(f"#!/bin/sh\n{code}\n")
        (self.machine / name).chmod(0o755)


@pytest.fixture
def course(tmp_path):
    folder, machine = tmp_path / "course", tmp_path / "machine"
    for place in (machine, folder / "requirements", folder / "src" / "sidebyside"):
        place.mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", *LOCKS, "src/sidebyside/__init__.py"):
        (folder / name).touch()
    (folder / "src" / "sidebyside" / "__main__.py").write_text("print('All well')")
    for name in STUBS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(STUB.format(name=name))
    (machine / "fill.py").write_text(FILL)
    found = Course(folder, machine)
    python = shlex.quote(sys.executable)
    found.program(
        "python3.12",
        f'if [ "$1 $2" = "-m venv" ]; then {python} -m venv --without-pip "$3" && {python} "{machine}/fill.py" "$3"\n'
        f'else exec {python} "$@"; fi',
    )
    for name in ("python3", "python", "python3.13", "python3.14"):
        found.program(name, "exit 1")  # none of this machine's own
    found.user(1000)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_make_n_reads_every_target(course, target):
    done = course.make("-n", target, "NB=notebooks/x")
    assert (done.returncode, done.stderr) == (0, "")
    assert course.called() == [] and not (course.folder / ".venv").exists()


def test_help_lists_every_command(course):
    done = course.make()
    assert re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE) == TARGETS
    assert "\t" not in done.stdout


def test_the_header_is_compiled_into_programs_of_tests_and_mutants_alone(course):
    """A target's variable would go to what the target needs, too, and 3.81 has no way to keep it from there."""
    header = f'-include "{course.folder}/.cache/stan/model_header.hpp"'
    assert course.make("mutants").returncode == 0
    called = course.called()
    assert [line.split()[0] for line in called] == ["pip", "pip", "tools/precompile_stan.py", "trials/mutants.py"]
    assert [header in line for line in called] == [False, False, False, True]
    assert all("-g0" in line for line in called)
    (last,) = (line for line in course.make("-n", "test").stdout.splitlines() if "-m pytest" in line)
    words = shlex.split(last.replace("$CXXFLAGS", "-g0"))
    assert f"CXXFLAGS=-g0 {header}" in words and words.index(f"CXXFLAGS=-g0 {header}") < words.index("-m")


# ---- an environment that no longer works -----------------------------------------------------


def packages(course):
    """Return the site-packages of the course's environment."""
    (found,) = (course.folder / ".venv" / "lib").glob("python3*/site-packages")
    return found


def without_pip(course):
    """Python makes such an environment where it lacks ensurepip, and so does uv."""
    shutil.rmtree(packages(course) / "pip")
    (course.folder / ".venv" / "bin" / "pip").unlink()


def moved(course):
    course.folder = course.folder.rename(course.folder.with_name("renamed"))


def copied(course):
    course.folder = Path(shutil.copytree(course.folder, course.folder.with_name("copy"), symlinks=True))


def interpreter_gone(course):
    for link in (course.folder / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/opt/no-longer-there/python3.12")


def interpreter_upgraded(course):
    """Leave a link to a Python that looks for its packages in another folder."""
    packages(course).parent.rename(packages(course).parent.with_name("python3.1"))


def empty(course):
    shutil.rmtree(course.folder / ".venv")
    (course.folder / ".venv").mkdir()


DAMAGES = [without_pip, moved, copied, interpreter_gone, interpreter_upgraded, empty]


def test_a_working_environment_is_made_once(course):
    assert "Making .venv with Python 3" in course.make("cuts").stdout
    assert [line.split()[0] for line in course.called()] == ["pip", "pip", "publish/cuts.py"]
    made = (course.folder / ".venv" / "pyvenv.cfg").stat()
    done = course.make("cuts")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [line.split()[0] for line in course.called()] == ["publish/cuts.py"]
    assert (course.folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made.st_mtime_ns


def test_an_environment_on_another_disk_stays(course):
    """Python makes none through a link, so its scripts name the other folder."""
    other = course.machine / "environment"
    subprocess.run([course.machine / "python3.12", "-m", "venv", other], check=True, timeout=60)
    (course.folder / ".venv").symlink_to(other)
    for installed in (2, 0):
        done = course.make("cuts")
        assert (done.returncode, done.stderr) == (0, "") and "Making .venv" not in done.stdout
        assert [line.split()[0] for line in course.called()] == ["pip"] * installed + ["publish/cuts.py"]
    assert (course.folder / ".venv").is_symlink()


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_environment_that_does_not_work_is_made_anew(course, damage):
    assert course.make("lab", "LIBS=pymc").returncode == 0
    assert course.make("cuts").returncode == 0
    course.called()
    damage(course)
    for target, last in {"cuts": "publish/cuts.py", "lab": "jupyter"}.items():
        done = course.make(target, "LIBS=pymc")
        assert (done.returncode, done.stderr) == (0, ""), "never 'No module named pip', nor 'bad interpreter'"
        assert ("The environment .venv does not work here" in done.stdout) == (target == "cuts"), "made anew once"
        called = course.called()
        assert len([line for line in called if line.startswith("pip install")]) == 2
        assert called[-1].split()[0] == last
    script = (course.folder / ".venv" / "bin" / "jupyter").read_text()
    assert script.startswith(f"#!{course.folder}/.venv/bin/python\n")


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_doctor_never_says_all_well_beside_an_environment_that_does_not_work(course, damage):
    course.make("cuts")
    done = course.make("doctor")
    assert (done.returncode, done.stdout) == (0, "All well\n")
    damage(course)
    left = sorted((course.folder / ".venv").rglob("*"))
    done = course.make("doctor", "LIBS=stan")
    assert done.returncode != 0 and "All well" not in done.stdout
    assert "does not work here" in done.stderr and 'make lab LIBS="stan"' in done.stderr
    assert "Traceback" not in done.stderr and "No such file" not in done.stderr
    assert sorted((course.folder / ".venv").rglob("*")) == left, "the doctor changes nothing"


def test_an_environment_that_is_active_is_made_anew_with_another_python(course):
    course.make("cuts")
    without_pip(course)
    course.path.insert(0, course.folder / ".venv" / "bin")
    done = course.make("cuts")
    assert done.returncode == 0 and "Making .venv" in done.stdout
    assert len(course.called()) == 2 * 3


def test_an_environment_stays_where_no_python_can_make_another(course):
    course.make("cuts")
    moved(course)
    course.program("python3.12", "exit 1")
    done = course.make("cuts")
    assert done.returncode != 0 and "This course needs Python 3.12: install it" in done.stderr
    assert (course.folder / ".venv" / "bin" / "jupyter").exists()


def test_a_python_without_ensurepip_is_passed_over_or_named(course):
    """Debian and Ubuntu keep ensurepip in a package of its own."""
    whole = (course.machine / "python3.12").read_text()
    (course.machine / "lacks").mkdir()
    (course.machine / "lacks" / "ensurepip.py").write_text("raise ModuleNotFoundError(\"No module named 'ensurepip'\")")
    lacking = f'export PYTHONPATH="{course.machine}/lacks"; exec {shlex.quote(sys.executable)} "$@"'
    course.program("python3.12", lacking)
    done = course.make("cuts")
    assert done.returncode != 0 and "python3.12-venv" in done.stderr and "Traceback" not in done.stderr
    assert not (course.folder / ".venv").exists()
    (course.machine / "python3").write_text(whole)
    assert course.make("cuts").returncode == 0


@pytest.mark.parametrize("jobs", ["-j", "-j4"])
def test_two_things_are_never_installed_at_the_same_time(course, jobs):
    done = course.make(jobs, ".venv/.book", ".venv/.all")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(course.called()) == 4


# ---- make lab --------------------------------------------------------------------------------


def test_lab_as_root_says_what_to_type_before_it_installs(course):
    course.user(0)
    done = course.make("lab", "LIBS=pymc stan")
    assert done.returncode != 0 and "root" in done.stderr
    assert course.called() == [] and not (course.folder / ".venv").exists()
    (command,) = re.findall(r"make (lab .*)$", done.stderr, re.MULTILINE)
    done = course.make(*shlex.split(command))
    called = course.called()
    assert done.returncode == 0 and called[-1].startswith("jupyter lab ") and called[-1].endswith(" --allow-root")
    assert "[lab,pymc,stan]" in called[1]


def test_lab_hands_options_to_jupyter(course):
    assert course.make("lab", "LIBS=pymc", "LAB=--no-browser --port=8889").returncode == 0
    start = "jupyter lab --LabApp.default_url=/lab/tree/study/START.ipynb --no-browser --port=8889"
    assert course.called()[-1] == start


def test_the_commands_for_windows_are_those_of_make_lab(course):
    text = (ROOT / "README.md").read_text("utf-8")
    assert "\n### On Windows, without make\n" in text and "(#on-windows-without-make)" in text
    (block,) = re.findall(r"```powershell\n(.*?)```", text, re.DOTALL)
    first, *others = block.splitlines()
    assert first == f"py -{(ROOT / '.python-version').read_text().strip()} -m venv .venv"
    lines = course.make("-n", "lab", "LIBS=pymc").stdout.splitlines()
    run_by_make = [shlex.split(line) for line in lines if line.startswith(".venv/bin/") and " -c 'import" not in line]
    ours = {"--quiet", "--require-virtualenv"}  # without these, pip shows what it does
    assert [shlex.split(line.replace("\\", "/").replace("/Scripts/", "/bin/")) for line in others] == [
        [word for word in words if word not in ours] for words in run_by_make
    ]


def test_readme_names_the_variable_for_root(course):
    (command,) = re.findall(r"`make (lab [^`]*--allow-root\")`", (ROOT / "README.md").read_text("utf-8"))
    course.user(0)
    assert course.make(*shlex.split(command)).returncode == 0


# ---- line ends -------------------------------------------------------------------------------


def test_line_ends_stay_on_windows(tmp_path):
    """A clone as git makes it on Windows, where bash stops at a carriage return."""
    names = [".gitattributes", ".ci/run", "Makefile", "postBuild", "book/_static/screenshot.png"]
    for pattern in ("notebooks/0[1-3]*.md", "notebooks/0[1-3]*.ipynb", "slides/*.ipynb", "src/sidebyside/data/*.csv"):
        found = [str(path.relative_to(ROOT)) for path in ROOT.glob(pattern)]
        assert found
        names += found
    source, clone = tmp_path / "source", tmp_path / "clone"
    source.mkdir()
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=tmp_path, env=alone, check=True, capture_output=True, text=True)

    alone = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    alone |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git("init", "--quiet", "source")
    git("-C", "source", "add", ".")
    git("-C", "source", *identity, "commit", "--quiet", "--message=All")
    git("-c", "core.autocrlf=true", "clone", "--quiet", "source", "clone")
    assert [name for name in names if (clone / name).read_bytes() != (ROOT / name).read_bytes()] == []
