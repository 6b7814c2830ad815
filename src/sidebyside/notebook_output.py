"""Clean stored outputs: progress bars and chatter for whoever runs a notebook, none in what is stored.

``make run`` and ``make test`` set ``SIDEBYSIDE_STORING=1``; everybody else runs live and sees all that the libraries
print. The few warnings silenced for everyone are in :data:`SILENCED`, each with its reason.
"""

import logging
import os
import re
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO

from sidebyside.libraries import need

# (category, start of the message, why a reader can do nothing about it)
SILENCED = [
    (FutureWarning, r"`torch\.jit\.trace` is deprecated", "Pyro 1.9 compiles its potential by it; no other way yet"),
    (
        UserWarning,
        r"PyTensor could not link to a BLAS",
        "of every installation by pip; nutpie samples without it, only an LKJ prior's first draws multiply by C code",
    ),
    (
        RuntimeWarning,
        r"stanli: parts of this model have no compiled path",
        "stanli 0.24 says which part of a Stan program it computes more slowly",
    ),
]

# (variable, value, why): settings for libraries that are imported later; what the reader has set stays
SETTINGS = [
    ("TF_ENABLE_ONEDNN_OPTS", "0", "TensorFlow's oneDNN writes an error to stderr where the processor has no AVX-512"),
    ("TF_CPP_MIN_LOG_LEVEL", "1", "TensorFlow notes on stderr what it has compiled; its warnings and errors stay"),
    ("TORCHINDUCTOR_COMPILE_THREADS", "1", "PyTorch's compiler starts processes that outlive a kernel which dies"),
]


# Loggers kept quiet while outputs are stored; live, they speak
CHATTY_LOGGERS = ("pymc.sampling.forward",)  # lists the variables that a prediction draws


def silence_known_warnings() -> None:
    """Silence the warnings of :data:`SILENCED`, by category and message, and apply :data:`SETTINGS`."""
    for category, message, _ in SILENCED:
        warnings.filterwarnings("ignore", category=category, message=message)
    for variable, value, _ in SETTINGS:
        os.environ.setdefault(variable, value)
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET if is_live() else logging.WARNING)


def is_live() -> bool:
    """Tell whether a person is running this, so that progress bars are wanted; False while outputs are stored."""
    return os.environ.get("SIDEBYSIDE_STORING", "") in ("", "0")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what a library prints, from Python or from C++, out of stored outputs. Live, it changes nothing.

    Log messages below a warning are dropped. If the block raises, what was held back is printed, so that no error loses
    its explanation.
    """
    if is_live():
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    level = logging.root.manager.disable
    with tempfile.TemporaryFile(mode="w+") as held:
        saved = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
        failed = True
        try:
            for descriptor in saved:
                os.dup2(held.fileno(), descriptor)
            logging.disable(max(level, logging.INFO))  # handlers hold the stream that was there when they were made
            with redirect_stdout(held), redirect_stderr(held):
                yield
            failed = False
        finally:
            logging.disable(level)
            _let_go(held)
            held.flush()
            for descriptor, original in saved.items():
                os.dup2(original, descriptor)
                os.close(original)
            if failed:
                held.seek(0)
                print(held.read(), file=sys.stderr)  # noqa: T201


def _let_go(held: IO[str]) -> None:
    """Give every log handler that was made in a quiet block, and writes to its file, the real stderr."""
    loggers = [logging.root, *(one for one in logging.root.manager.loggerDict.values() if hasattr(one, "handlers"))]
    for handler in (handler for logger in loggers for handler in logger.handlers):
        if getattr(handler, "stream", None) is held:
            handler.setStream(sys.stderr)


def quiet_tensorflow() -> None:
    """Load TensorFlow, and keep out of stored outputs what it writes where there is no GPU. Live, it only loads it.

    TensorFlow 2.21 writes "Could not find cuda drivers" while it is loaded, and "failed call to cuInit" when it first
    looks for devices. The former no setting prevents, since it comes before TensorFlow has read its settings; the
    latter would need ``TF_CPP_MIN_LOG_LEVEL=3``, which hides all other errors too.

    Raises
    ------
    LibraryMissingError
        If TensorFlow is not installed.
    """
    need("TFP")
    with quiet():
        import tensorflow as tf

        tf.config.list_physical_devices()
    if not is_live():
        logging.getLogger("tensorflow").setLevel(
            logging.ERROR
        )  # it warns of functions traced anew, as predictions are, call by call


class NoErrorError(AssertionError):
    """What was to show an error raised none."""


_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PATHS = re.compile(r"(?:/[\w.@+-]+){2,}/")
_ADDRESSES = re.compile(r" at 0x[0-9a-fA-F]+")


@contextmanager
def show_error(lines: int = 8, width: int = 88) -> Iterator[None]:
    """Run a mistake for real and print the error's type and message, without the traceback; the notebook goes on.

    What a library prints before it raises is printed too (a compiler's message, say). Colours, folders and memory
    addresses are left out, since they differ from machine to machine.

    Parameters
    ----------
    lines : how many lines of the message are shown, once wrapped; the others are counted
    width : where lines wrap, in characters

    Raises
    ------
    NoErrorError if nothing was raised: the library has changed, and the page would explain an error that is gone.
    """
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as printed:
        try:
            with redirect_stdout(printed), redirect_stderr(printed):
                yield
        except Exception as error:
            printed.seek(0)
            print(_plain(f"{printed.read()}\n{type(error).__name__}: {error}", lines, width))  # noqa: T201
            return
    raise NoErrorError("This was to show an error, and none was raised: the library no longer objects. Mend the page.")


def _plain(text: str, lines: int, width: int) -> str:
    """Return the first lines of a message, wrapped, without what depends on the machine."""
    text = _ADDRESSES.sub("", _PATHS.sub("", _ESCAPES.sub("", text)))
    wrapped = [
        part
        for line in text.splitlines()
        if line.strip()
        for part in textwrap.wrap(line.rstrip(), width, subsequent_indent="    ")
    ]
    rest = len(wrapped) - lines
    return "\n".join([*wrapped[:lines], *([f"... and {rest} more lines"] if rest > 0 else [])])
