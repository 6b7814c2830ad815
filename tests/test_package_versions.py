"""The last cell of a notebook: what ``sbs.versions`` returns."""

import sys
from importlib import metadata
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

import sidebyside as sbs

INSTALLED = {
    "numpy": "2.5.5",
    "arviz": "1.3.0",
    "pymc": "6.4.0",
    "pystan": "3.14.0",
    "stanli": "0.24.0",
    "numpyro": "0.22.0",
    "pyro-ppl": "1.9.2",
    "tensorflow-probability": "0.25.0",
}


@pytest.fixture
def installed(monkeypatch):
    """Install exactly ``INSTALLED``, and run Stan on PyStan."""
    monkeypatch.setenv("SIDEBYSIDE_STAN", "pystan")

    def version(package):
        if package not in INSTALLED:
            raise metadata.PackageNotFoundError(package)
        return INSTALLED[package]

    monkeypatch.setattr(metadata, "version", version)


def test_packages_stand_in_the_order_asked_for(installed):
    assert sbs.versions("numpy", "arviz").to_dict() == {"version": {"numpy": "2.5.5", "arviz": "1.3.0"}}
    assert list(sbs.versions("numpy", "arviz").index) == ["numpy", "arviz"]


def test_each_library_is_named_by_its_package(installed):
    posteriors = dict.fromkeys(sbs.LIBRARIES)
    packages = ["pymc", "pystan", "numpyro", "pyro-ppl", "tensorflow-probability"]
    assert sbs.versions(*posteriors)["version"].to_dict() == {package: INSTALLED[package] for package in packages}


def test_it_looks_as_the_stored_footers_do(installed):
    assert str(sbs.versions("arviz", "Stan")) == "       version\narviz    1.3.0\npystan  3.14.0"


def test_stan_is_named_by_the_engine_that_runs_it(installed, monkeypatch):
    monkeypatch.setenv("SIDEBYSIDE_STAN", "stanli")
    monkeypatch.setitem(sys.modules, "stanli", ModuleType("stanli"))
    sys.modules["stanli"].__spec__ = ModuleSpec("stanli", None)
    assert sbs.versions("Stan")["version"].to_dict() == {"stanli": "0.24.0"}
    assert list(sbs.versions("Stan", "stanli").index) == ["stanli"]  # each package once


def test_the_versions_are_those_installed():
    assert sbs.versions("numpy").loc["numpy", "version"] == metadata.version("numpy")


def test_what_is_not_installed_is_named(installed):
    with pytest.raises(metadata.PackageNotFoundError, match="nompy"):
        sbs.versions("numpy", "nompy")
