"""Missing libraries, and libraries that get in each other's way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sidebyside as sbs
from sidebyside import libraries


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setattr(libraries, "find_spec", lambda module: None)
    with pytest.raises(sbs.LibraryMissingError, match=r'NumPyro is not installed.*make lab LIBS="numpyro"'):
        libraries.need("NumPyro")


@pytest.mark.parametrize(
    "lines",
    [
        "c = sbs.compile_pyro(lambda: pyro.sample('x', d.Normal(0.0, 1.0))); float(c.potential(c.start()))",
        "sbs.prepare(); pyro.optim.Adam({'lr': 0.1})([pyro.param('x', torch.tensor(1.0)).unconstrained()])",
    ],
    ids=["compiler", "optimiser"],
)
def test_pytorch_works_after_tensorflow_was_loaded(lines):
    """Triton, which PyTorch's compiler and optimisers load where they can, ends a process that holds TensorFlow."""
    for module in ("pyro", "tensorflow"):
        pytest.importorskip(module)
    program = f"import tensorflow, torch, pyro, pyro.distributions as d, sidebyside as sbs\n{lines}\nprint('alive')\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and done.stdout == "alive\n", done.stderr[-2000:]


def test_stan_compiles_outside_the_working_directory(tmp_path):
    """By the settings that setuptools, PyStan's way to the compiler, finds; and nothing is left behind."""
    pytest.importorskip("httpstan")
    program = (
        "import sidebyside as sbs, setuptools; sbs.prepare(); course = setuptools.Distribution()\n"
        "course.parse_config_files(course.find_config_files()); build = course.get_command_obj('build')\n"
        "build.ensure_finalized(); print(build.build_temp)"
    )
    kept = {name: value for name, value in os.environ.items() if name != "DIST_EXTRA_CONFIG"}
    where = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 300, "check": True}
    source = {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    done = subprocess.run([sys.executable, "-c", program], env=kept | source, **where)
    folder = Path(done.stdout.strip())
    assert folder.is_absolute() and tmp_path not in folder.parents and not folder.exists()
    assert not list(tmp_path.iterdir())
    own = {"DIST_EXTRA_CONFIG": str(tmp_path / "own.cfg")}
    done = subprocess.run([sys.executable, "-c", program], env=kept | source | own, **where)
    assert done.stdout.startswith("build"), "what a reader has set stays"
