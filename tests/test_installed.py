"""What is installed and what is asked for: bounds of every kind, with packages or on a bare Python."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sidebyside import installed
from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("release", "name"), [("5.15.1-microsoft-standard-WSL2", "wsl"), ("6.1.0", "linux")])
def test_wsl_is_told_from_linux(monkeypatch, release, name):
    monkeypatch.setattr(installed.platform, "release", lambda: release)
    monkeypatch.setattr(installed.platform, "system", lambda: "Linux")
    assert installed.this_system() == name


@pytest.mark.parametrize(
    ("version", "bounds", "expected"),
    [
        ("6.4", ">=6.4.0,<7", True),
        ("6.4.0", ">=6.4,<7", True),
        ("6.10.1", ">=6.4,<7", True),
        ("6.3.9", ">=6.4,<7", False),
        ("7.0.0", ">=6.4,<7", False),
        ("0.12.0.1", ">=0.12", True),
        ("2.15.0+cpu", ">=2.15", True),
        ("1.9.1", ">=1.9.2", False),
        ("6.4.1", ">=6.4,!=6.4.1", False),
        ("6.4.2", ">=6.4,!=6.4.1", True),
        ("6.4.1", ">=6.4,!=6.4.*", False),
        ("6.9", "~=6.4", True),
        ("7.0", "~=6.4", False),
        ("6.4.3", "==6.4.*", True),
        ("6.4.0rc1", ">=6.4", False),
        ("6.5.0rc1", ">=6.4", True),
        ("1.0", "", True),
        ("unknown", ">=6.4", False),
    ],
)
def test_bounds(version, bounds, expected):
    assert installed.fits(version, bounds) is expected


def test_requirements_are_those_of_pyproject_installed_or_not(monkeypatch):
    by_pip = installed.requirements()

    def missing(_):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", missing)
    found = installed.requirements()
    assert found["pyro"] == {"pyro-ppl": ">=1.9.2", "torch": ">=2.9"}
    assert found["pymc"]["pymc"] == ">=6.4,<7"
    assert next(iter(found["stan"])) == ("stanli" if installed.why_no_pystan() else "pystan") and "numpy" in found[""]
    assert found[""]["packaging"] == ">=24"
    for extra in TAGS:
        assert by_pip[extra] == found[extra]
        for distribution, bounds in found[extra].items():
            assert installed.fits(bounds.split(",")[0].removeprefix(">="), bounds), distribution


def test_a_requirement_of_any_kind_is_read(monkeypatch):
    lines = [
        "numpy!=2.1.0,>=2.0",
        "dask[distributed]>=2025.5",
        "jupyter_book (>=1.0,<2)",
        "pymc~=6.4; extra == 'pymc'",
        f'pystan>=3.14; sys_platform != "{sys.platform}" and extra == "stan"',
        'stanli>=0.24; extra == "stan"',
        "tomli>=2; python_version < '3.9'",
        "plain",
    ]
    extras = {"get_all": lambda *_: ["pymc", "stan"]}
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    monkeypatch.setattr(metadata, "metadata", lambda _: type("Message", (), {"get_all": extras["get_all"]}))
    assert installed.requirements() == {
        "": {"numpy": ">=2.0,!=2.1.0", "dask": ">=2025.5", "jupyter_book": ">=1.0,<2", "plain": ""},
        "pymc": {"pymc": "~=6.4"},
        "stan": {"stanli": ">=0.24"},
    }


MACHINES = {
    ("linux", "x86_64", "6.8.0-45-generic", "#46-Ubuntu SMP", "3.12"): None,
    ("linux", "x86_64", "6.8.0-45-generic", "#46-Ubuntu SMP", "3.13"): "does not load on Linux x86-64 with Python 3.13",
    ("linux", "x86_64", "6.8.0-45-generic", "#46-Ubuntu SMP", "3.14"): None,
    ("linux", "aarch64", "6.8.0-45-generic", "#46-Ubuntu SMP", "3.12"): "no build for Linux on aarch64",
    ("darwin", "arm64", "25.0.0", "Darwin Kernel Version 25.0.0: root:xnu", "3.14"): None,
    ("darwin", "arm64", "23.1.0", "Darwin Kernel Version 23.1.0: root:xnu", "3.13"): None,
    ("darwin", "arm64", "22.6.0", "Darwin Kernel Version 22.6.0: root:xnu", "3.12"): "needs macOS 14",
    ("darwin", "arm64", "20.1.0", "Darwin Kernel Version 20.1.0: root:xnu", "3.12"): "needs macOS 14",
    ("darwin", "x86_64", "23.1.0", "Darwin Kernel Version 23.1.0: root:xnu", "3.12"): "no build for Intel Macs",
    ("win32", "AMD64", "11", "10.0.22631", "3.12"): "no build for Windows",
    ("win32", "ARM64", "11", "10.0.26100", "3.13"): "no build for Windows",
}


@pytest.mark.parametrize("where", MACHINES, ids=" ".join)
def test_where_pystan_is_left_out_pip_and_the_doctor_agree(monkeypatch, where):
    system, machine, release, kernel, python = where
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["stan"]
    pystan, *others = map(Requirement, extra)
    told = {"sys_platform": system, "platform_machine": machine, "platform_release": release}
    told |= {"platform_version": kernel, "python_version": python, "python_full_version": f"{python}.1"}
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "version_info", (*map(int, python.split(".")), 1, "final", 0))
    monkeypatch.setattr(installed.platform, "machine", lambda: machine)
    monkeypatch.setattr(installed.platform, "release", lambda: release)
    monkeypatch.setattr(installed.platform, "system", lambda: system.title())
    why = installed.why_no_pystan()
    assert (why is None) == pystan.marker.evaluate(told) == (MACHINES[where] is None)
    assert MACHINES[where] is None or MACHINES[where] in why
    assert all(requirement.marker is None for requirement in others), "stanli and the rest are for all machines"
    locked = (ROOT / "requirements" / "all.txt").read_text().splitlines()
    for name in ("pystan", "httpstan"):
        (line,) = (line for line in locked if line.startswith(f"{name}=="))
        assert Requirement(line).marker.evaluate(told) == (why is None), line


@pytest.mark.parametrize("there", ["pip", ""])
def test_a_bare_python_reads_versions_by_pips_own_copy(tmp_path, there):
    """Python -S sees no installed package; pip is added, and is what a bare Python has."""
    code = "from sidebyside.installed import fits, requirements as asked; print(fits('6.9', '~=6.4'), asked()['pymc'])"
    paths = [str(ROOT / "src")]
    if there:
        pip = pytest.importorskip("pip")
        (tmp_path / "pip").symlink_to(Path(pip.__file__).parent)
        paths.append(str(tmp_path))
    command = f"import sys; sys.path += {paths!r}; {code}"
    done = subprocess.run([sys.executable, "-S", "-c", command], capture_output=True, text=True, timeout=60)
    if there:
        assert done.stdout == "True {'pymc': '>=6.4,<7', 'nutpie': '>=0.16', 'numba': '>=0.61'}\n", done.stderr
    else:
        assert "ModuleNotFoundError: No module named 'pip'" in done.stderr
