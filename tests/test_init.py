"""What the package offers, and that it loads no library before one is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

import sidebyside as sbs


def test_importing_the_package_imports_no_probabilistic_library():
    # ArviZ itself imports NumPyro and JAX where they are installed: that is not ours to forbid
    modules = sorted({module for library in sbs.LIBRARIES.values() for module in library.modules})
    code = (
        "import sys, arviz; before = set(sys.modules); import sidebyside as sbs\n"
        "sbs.prepare(); sbs.check_agreement; sbs.density; sbs.from_pyro\n"
        f"print([module for module in {modules} if module in set(sys.modules) - before])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_unknown_attribute_and_unknown_reference_say_so():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sbs.nonsense  # noqa: B018
    with pytest.raises(ValueError, match=r"no reference posterior called 'nope'.*robust_mixture, robust_not_centred"):
        sbs.load_reference("nope")


def test_no_module_takes_the_place_of_a_public_name():
    """Once a module is imported, the package's attribute of its name is the module."""
    modules = {path.stem for path in Path(sbs.__file__).parent.iterdir()}
    assert set(sbs._HOME) & modules == set() and set(sbs._MODULES) <= modules


def test_converters_do_not_import_the_judge():
    code = (
        "import sys, sidebyside.io_pyro, sidebyside.io_tfp\n"
        "print([name for name in sys.modules if name in ('sidebyside.agreement', 'sidebyside.density')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
