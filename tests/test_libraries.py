"""Missing libraries, and libraries that get in each other's way."""

import subprocess
import sys

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
