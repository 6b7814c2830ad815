"""Many fits on many machines: every finished fit is kept, and none is done twice.

A fit is a function of its inputs that returns named arrays. :func:`keep` gives it a folder. Each result is one file
there, named by a key that is computed from the function's source, the libraries' versions and the inputs' content:
other data, another seed or another model are other files. A file appears whole or not at all. :func:`fit_all` hands the
fits to Dask.

Where the workers see the folder (the same machine, a shared disk) they write the files themselves, so that not even a
worker's death loses a fit that was done. Where they don't, results travel to whoever asked, and are kept on arrival.
"""

import hashlib
import inspect
import json
import os
import socket
import textwrap
import time
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from sidebyside.notebook_output import is_live
from sidebyside.stan_engine import engine

Result = dict[str, np.ndarray]

LOG = "fits.log"
# the packages whose releases change what a fit returns
VERSIONED = (
    "numpy", "scipy", "pymc", "nutpie", "pystan", "stanli", "numpyro", "jax", "pyro-ppl", "torch",
    "tensorflow-probability", "tensorflow",
)  # fmt: skip

_MADE: dict[Hashable, Any] = {}


class ContentError(TypeError):
    """An input has no content that a key could be made of."""


class FitsFailedError(RuntimeError):
    """Some fits raised; the others are kept."""


def once(name: Hashable, make: Callable[[], Any]) -> Any:
    """Return what ``make()`` gives, made once in each process: a compiled model, say, that many fits share."""
    if name not in _MADE:
        _MADE[name] = make()
    return _MADE[name]


# ---- a fit's key ---------------------------------------------------------------------------------
# Not Dask's tokenize, which gives a matrix and its transpose one key, a notebook's function another key in each
# session, and a module's function a key without its source; nor joblib.hash, which leaves the source out, too, has no
# key for a closure, and gives other keys to equal content in another memory layout.


def content_key(*content: Any) -> str:
    """Return a key of 20 letters and digits, the same for the same content on every machine and in every session.

    Parameters
    ----------
    content : numbers, strings, None, arrays of numbers, functions, and lists, tuples or mappings of these
        Of a function count its source, its defaults and the values that it closes over, not what it calls.

    Raises
    ------
    ContentError for anything else: its content can't be told.
    """
    digest = hashlib.sha256()
    for part in _parts(content):
        digest.update(len(part).to_bytes(8, "big") + part)  # the length first, so that parts can't run together
    return digest.hexdigest()[:20]


def _parts(value: Any) -> Iterator[bytes]:
    """Yield the bytes that say what ``value`` holds, its type first."""
    if value is None or isinstance(value, bool | int | float | str):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, bytes):
        yield b"bytes"
        yield value
    elif isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcUS":
        array = np.asarray(value, value.dtype.newbyteorder("<"))
        yield f"array {array.dtype.str} {array.shape}".encode()
        yield array.tobytes()
    elif isinstance(value, list | tuple):
        yield f"{len(value)} in a row".encode()
        for element in value:
            yield from _parts(element)
    elif isinstance(value, Mapping):
        yield f"{len(value)} named".encode()
        for name in sorted(value, key=repr):
            yield from _parts(name)
            yield from _parts(value[name])
    elif inspect.isfunction(value):
        if value.__name__ == "<lambda>":  # two in one line have the same source
            raise ContentError("A lambda has no key: make it a function with a name.")
        try:
            source = textwrap.dedent(inspect.getsource(value))
        except OSError as error:
            raise ContentError(f"The source of {value.__qualname__} can't be read, so it has no key.") from error
        yield f"function {value.__qualname__}".encode()
        yield source.encode()
        closed_over = inspect.getclosurevars(value).nonlocals
        yield from _parts({name: inner for name, inner in closed_over.items() if inner is not value})  # a recursion
        yield from _parts([value.__defaults__, value.__kwdefaults__])
    else:
        raise ContentError(
            f"A {type(value).__name__} has no key: give numbers, strings, arrays, functions, or lists of these."
        )


# ---- a folder of finished fits ---------------------------------------------------------------------


@dataclass(frozen=True)
class Keeper:
    """A fit that keeps its results; call it as the fit itself. Made by :func:`keep`.

    Attributes
    ----------
    function : the fit; takes any content (see :func:`content_key`), returns ``{name: array}``
    folder : where the results are
    mark : the name of an empty file there, by which a worker knows that it sees the same folder
    uses : what else the results depend on, as :func:`keep` takes it
    versions : of the packages in VERSIONED, None where one is not installed, and the engine that runs Stan
    """

    function: Callable[..., Result]
    folder: Path
    mark: str
    uses: tuple
    versions: dict[str, str | None]

    def path(self, *inputs: Any) -> Path:
        """Return the file in which the result for ``inputs`` is, or will be."""
        return self.folder / f"{content_key(self.function, self.uses, self.versions, inputs)}.npz"

    def done(self, *inputs: Any) -> bool:
        """Tell whether the result for ``inputs`` is there."""
        return self.path(*inputs).exists()

    def load(self, *inputs: Any) -> Result:
        """Return a result that is there."""
        return _load(self.path(*inputs))

    def __call__(self, *inputs: Any) -> Result:
        """Return the result for ``inputs``: loaded if it is there, else computed and, if the folder is, kept."""
        result, _ = _fit_here(self.function, self.folder, self.mark, self.path(*inputs).name, inputs)
        return result

    def log(self) -> list[dict[str, Any]]:
        """Return what was computed and kept, in order: ``key``, ``worker`` (host and process), ``began``, ``ended``.

        The worker is the one that computed the fit, whoever wrote the file. Times are in seconds since 1970. A fit that
        was computed twice is here twice.
        """
        path = self.folder / LOG
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _fit_here(
    function: Callable, folder: Path, mark: str, name: str, inputs: tuple
) -> tuple[Result, dict[str, Any] | None]:
    """Load a fit or compute it, in whatever process this is; return it, and its line of the log if it was computed.

    The file's name comes along: a worker can't read the source, from which the key is made.
    """
    shared = (folder / mark).exists()
    path = folder / name
    if shared and path.exists():
        return _load(path), None
    began = time.time()
    result = {key: np.asarray(values) for key, values in function(*inputs).items()}
    worker = f"{socket.gethostname()}, process {os.getpid()}"
    entry = {"key": path.stem, "worker": worker, "began": began, "ended": time.time()}
    if shared:
        _write(path, result, entry)
    return result, entry


def _load(path: Path) -> Result:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _write(path: Path, result: Result, entry: dict[str, Any]) -> None:
    """Write a result, whole or not at all: first under another name, then renamed, which is one step. Then log it."""
    draft = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.draft")
    try:
        with draft.open("wb") as file:
            np.savez(file, **result)
            file.flush()
            os.fsync(file.fileno())  # the content before the name, should the machine lose power
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    with (path.parent / LOG).open("a") as file:  # a short line is appended in one step, whoever else writes
        file.write(json.dumps(entry) + "\n")


def keep(function: Callable[..., Result], folder: str | Path, uses: Iterable[Any] = ()) -> Keeper:
    """Give a fit a folder in which its results are kept.

    Parameters
    ----------
    function : the fit. All that changes from fit to fit must come in as arguments.
    folder : made if it is not there
    uses : what the results depend on beside function and arguments: other functions that it calls, data, a program's
        text, the version of a package that VERSIONED does not name. It goes into the keys, so that results of another
        model are not taken for this one's.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    marks = sorted(folder.glob("*.mark"))
    if not marks:
        (folder / f"{uuid.uuid4().hex}.mark").touch()
        marks = sorted(folder.glob("*.mark"))
    versions = {name: _version(name) for name in VERSIONED} | {"Stan's engine": engine()}
    return Keeper(function, folder, marks[0].name, tuple(uses), versions)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# ---- Dask --------------------------------------------------------------------------------------------


@contextmanager
def cluster(address: str | None = None, workers: int = 2) -> Iterator[Any]:
    """Connect to a cluster for the length of a ``with`` block; yields a ``distributed.Client``.

    Parameters
    ----------
    address : the scheduler's, as in ``"tcp://10.0.0.7:8786"``; None takes the environment variable
        DASK_SCHEDULER_ADDRESS, and if that is not set, starts ``workers`` processes on this machine for the block
    workers : processes on this machine, if there is no address
    """
    import logging

    import dask
    from distributed import Client, LocalCluster

    address = address or os.environ.get("DASK_SCHEDULER_ADDRESS")
    level = logging.WARNING if is_live() else logging.CRITICAL  # a worker's death is no news for a stored page
    logging.getLogger("distributed").setLevel(level)
    if address:
        with Client(address, set_as_default=False) as client:
            yield client
        return
    with dask.config.set({"distributed.worker.daemon": False}):  # PyStan starts processes, which daemons may not
        local = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=level, memory_limit=0
        )
    with local, Client(local, set_as_default=False) as client:
        yield client


def fit_all(fit: Keeper, jobs: Iterable[tuple], client: Any) -> list[Result]:
    """Do all fits that are not done yet, on a cluster, and return all results in the order of ``jobs``.

    A fit is handed out again if the worker that had it dies. Whatever ends the call early (an error, the keyboard, a
    lost connection), finished fits are kept: call again, and the rest is done.

    Parameters
    ----------
    fit : what :func:`keep` returned
    jobs : the inputs of each fit, a tuple each
    client : what :func:`cluster` yields, or any ``distributed.Client``

    Raises
    ------
    FitsFailedError, after all others are done, if fits raised (or killed three workers); it says which.
    """
    from distributed import as_completed
    from tqdm.auto import tqdm

    jobs = [job if isinstance(job, tuple) else (job,) for job in jobs]
    missing = {fit.path(*job).stem: job for job in jobs if not fit.done(*job)}  # the same job twice is one fit
    fixed = (fit.function, fit.folder, fit.mark)
    futures = {
        client.submit(_fit_here, *fixed, fit.path(*job).name, job, key=f"fit-{key}"): job
        for key, job in missing.items()
    }
    failures = []
    arrived = as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)
    with tqdm(total=len(jobs), initial=len(jobs) - len(missing), unit="fit", disable=not is_live()) as bar:
        for future, returned in arrived:
            job = futures[future]
            if future.status == "error":
                failures.append((job, future.exception()))
            elif not fit.done(*job):  # the worker does not see our folder
                _write(fit.path(*job), *returned)
            future.release()  # a result that is kept need not stay in the workers' memory
            bar.update()
    if failures:
        said = "; ".join(f"{_brief(job)}: {type(error).__name__}: {error}" for job, error in failures)
        raise FitsFailedError(f"{len(failures)} of {len(missing)} fits failed, the others are kept. {said}")
    return [fit.load(*job) for job in jobs]


def _brief(job: tuple) -> str:
    """Return a job's inputs in a few words."""
    words = [f"array {value.shape}" if isinstance(value, np.ndarray) else repr(value) for value in job]
    return f"({', '.join(word if len(word) < 40 else word[:36] + ' ...' for word in words)})"
