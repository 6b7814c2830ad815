"""What TensorFlow writes on a machine without a GPU: nothing of it is stored, and no real error is lost."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

import sidebyside as sbs

STAND_IN = """
import os
os.write(2, b"Could not find cuda drivers;")
{last}
class config:
    @staticmethod
    def list_physical_devices():
        os.write(2, b"failed call to cuInit;")
"""
ALL_OF_IT = "Could not find cuda drivers;failed call to cuInit;"


def load(folder, storing, last=""):
    """Return what a process wrote that has loaded a TensorFlow which writes as the real one does."""
    (folder / "tensorflow.py").write_text(STAND_IN.format(last=last))
    (folder / "tensorflow_probability.py").touch()
    code = "import sidebyside as sbs; sbs.quiet_tensorflow(); import tensorflow"
    environment = {**os.environ, "SIDEBYSIDE_STORING": storing}
    environment["PYTHONPATH"] = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(("storing", "written"), [("1", ""), ("", ALL_OF_IT)])
def test_what_it_writes_is_hidden_only_while_outputs_are_stored(tmp_path, storing, written):
    done = load(tmp_path, storing)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", written)


def test_an_error_is_shown_with_what_was_written_before(tmp_path):
    done = load(tmp_path, "1", "raise ImportError('libtensorflow_cc.so.2: cannot open')")
    assert done.returncode != 0
    assert "Could not find cuda drivers;" in done.stderr
    assert "ImportError: libtensorflow_cc.so.2: cannot open" in done.stderr


def test_a_missing_tensorflow_is_named(monkeypatch):
    monkeypatch.setattr("sidebyside.libraries.find_spec", lambda module: None)
    with pytest.raises(sbs.LibraryMissingError, match="TFP is not installed"):
        sbs.quiet_tensorflow()


MODEL = """
import sys
import numpy as np
import sidebyside as sbs

sbs.prepare()
sbs.quiet_tensorflow()

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras


@tf.function(jit_compile=True)
def density(x):
    return tfp.distributions.Normal(np.float64(0), np.float64(1)).log_prob(x)


assert abs(density(np.float64(0)) + 0.9189385) < 1e-6
"""


@pytest.mark.skipif(not find_spec("tensorflow_probability"), reason="TFP is not installed")
def test_a_model_writes_nothing_in_a_stored_output():
    environment = {**os.environ, "SIDEBYSIDE_STORING": "1"}
    for variable in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        environment.pop(variable, None)  # importing the package in this process may have set them
    done = subprocess.run(
        [sys.executable, "-c", MODEL], capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
