"""What a reader installs: the package alone, and all of it."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sidebyside"
BESIDE = {path.parent.name for path in ROOT.glob("*/*.py")}


def imported(module):
    """Return the top-level names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_the_package_imports_nothing_that_stands_beside_it():
    assert {"benchmark", "make_references", "publish", "trials"} <= BESIDE
    found = {module.name: names for module in PACKAGE.rglob("*.py") if (names := BESIDE & set(imported(module)))}
    assert not found


def test_every_file_of_the_package_is_installed():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["sidebyside"]
    installed = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} == installed
