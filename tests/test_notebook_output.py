"""Clean outputs: chatter, warnings and errors in stored notebooks."""

import logging
import os
import subprocess
import sys

import pytest

import sidebyside as sbs
from sidebyside import notebook_output

CHATTER = """
import os, sys, sidebyside as sbs
with sbs.quiet():
    print("from python"); print("from python too", file=sys.stderr); os.write(2, b"from C")
    {last}
print("after")
"""


def run_chatter(storing: str, last: str = "pass"):
    environment = {**os.environ, "SIDEBYSIDE_STORING": storing}
    code = CHATTER.format(last=last)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_quiet_hides_chatter_only_while_outputs_are_stored():
    stored, live = run_chatter("1"), run_chatter("")
    assert (stored.stdout, stored.stderr) == ("after\n", "")
    assert live.stdout == "from python\nafter\n" and "from C" in live.stderr


def test_quiet_loses_nothing_when_the_block_fails():
    failed = run_chatter("1", "raise RuntimeError('broken')")
    assert failed.returncode != 0
    assert all(words in failed.stderr for words in ("from python", "from C", "RuntimeError: broken"))


def test_a_log_handler_made_in_a_quiet_block_works_after_it(monkeypatch, capsys):
    monkeypatch.setenv("SIDEBYSIDE_STORING", "1")
    logger = logging.getLogger("made-in-a-quiet-block")
    with sbs.quiet():
        handler = logging.StreamHandler()  # as TensorFlow makes one while it is imported
        logger.addHandler(handler)
    try:
        logger.warning("heard")
    finally:
        logger.removeHandler(handler)
    assert capsys.readouterr().err == "heard\n"


def test_only_the_listed_warnings_are_silenced(recwarn):
    import warnings

    notebook_output.silence_known_warnings()
    warnings.warn("`torch.jit.trace` is deprecated. Please switch", FutureWarning, stacklevel=1)
    assert not recwarn.list
    warnings.warn("something else", FutureWarning, stacklevel=1)
    assert len(recwarn.list) == 1


@pytest.mark.parametrize(("variable", "value"), [setting[:2] for setting in notebook_output.SETTINGS])
def test_settings_keep_what_the_reader_has_set(monkeypatch, variable, value):
    monkeypatch.delenv(variable, raising=False)
    notebook_output.silence_known_warnings()
    assert os.environ[variable] == value
    monkeypatch.setenv(variable, "7")
    notebook_output.silence_known_warnings()
    assert os.environ[variable] == "7"


@pytest.mark.parametrize(("value", "live"), [("", True), ("0", True), ("1", False)])
def test_is_live_follows_the_environment(monkeypatch, value, live):
    monkeypatch.setenv("SIDEBYSIDE_STORING", value)
    assert sbs.is_live() is live


def test_show_error_shows_the_message_and_nothing_of_the_machine(capsys):
    with sbs.show_error(lines=3):
        print("compiling")
        raise ValueError(
            "\x1b[31mno such thing\x1b[0m <Node at 0x7f00deadbeef> in /opt/deep/site-packages/lib/odd.py\n" * 9
        )
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["compiling", "ValueError: no such thing <Node> in odd.py"]
    assert said[-1] == "... and 7 more lines"


def test_show_error_shows_what_the_system_s_encoding_lacks():
    """As on Windows, whose encoding has no Greek letters."""
    code = "import sidebyside as sbs\nwith sbs.show_error():\n    print('\\u03c3'); raise ValueError('negative')"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-X", "utf8=0", "-c", code]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=60)
    assert (done.stdout, done.returncode) == ("\u03c3\nValueError: negative\n", 0), done.stderr


def test_show_error_objects_when_there_is_no_error():
    with pytest.raises(notebook_output.NoErrorError, match="none was raised"), sbs.show_error():
        pass
