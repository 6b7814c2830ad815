"""What is installed and what is asked for: bounds of every kind, with packages or on a bare Python."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

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
    assert next(iter(found["stan"])) == "pystan" and "numpy" in found[""]
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
        'pystan>=3.14; sys_platform != "win32" and extra == "stan"',
        "tomli>=2; python_version < '3.9'",
        "plain",
    ]
    extras = {"get_all": lambda *_: ["pymc", "stan"]}
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    monkeypatch.setattr(metadata, "metadata", lambda _: type("Message", (), {"get_all": extras["get_all"]}))
    monkeypatch.setattr(sys, "platform", "win32")
    assert installed.requirements() == {
        "": {"numpy": ">=2.0,!=2.1.0", "dask": ">=2025.5", "jupyter_book": ">=1.0,<2", "plain": ""},
        "pymc": {"pymc": "~=6.4"},
        "stan": {"pystan": ">=3.14"},
    }


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
