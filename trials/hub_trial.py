"""How many students does this machine carry? A JupyterHub and a simulated class on it: ``make hub-trial``.

Simulated students log in as a browser does, each gets a server of their own, opens the workshop notebook through it
and runs it from top to bottom. Then one kernel is killed, one runs into its memory limit, and one server is killed,
while the others work. Last, a stranger tries to log in with other people's names. What was found goes to
``build/hub-trial/trial.json`` and is printed as the tables of ``book/jupyterhub.md`` and the sentences of
``book/instructors.md``; ``--keep`` puts it there and into ``deploy/jupyterhub/trial.json``, and a test compares them.
"""

import argparse
import asyncio
import dbm
import json
import os
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import nbformat
import psutil
import yaml
from yarl import URL

from sidebyside.libraries import TAGS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "hub-trial"
CUTS = ROOT / "build" / "cuts" / "workshop"
CHAPTER = "06_robust_regression.ipynb"
PACKAGES = Path(os.environ.get("HUB_TRIAL_PACKAGES", ROOT / ".cache" / "hub"))
PROXY = PACKAGES / "node_modules" / ".bin" / "configurable-http-proxy"
PAGE = ROOT / "book" / "jupyterhub.md"
GUIDE = ROOT / "book" / "instructors.md"
KEPT = ROOT / "deploy" / "jupyterhub" / "trial.json"
VALUES = KEPT.with_name("values.yaml")
PASSWORDS = KEPT.with_name("passwords.py")
ARRIVAL = 60.0  # seconds within which a class that does not come at once has arrived
TOO_SLOW = 3  # times what one student alone needs
GB, MB = 2**30, 2**20
MEMORY_LEFT = 1.5 * GB  # below this no more students are let in
CELL_LIMIT = 1200  # seconds
HOW = ("passwords set in advance", "passwords not set")  # two ways to open a hub


class TrialError(Exception):
    """The trial can't go on; the message says why."""


# ---- a student -------------------------------------------------------------------------------


@dataclass
class Student:
    """One student: a browser session, and what was measured.

    ``seconds`` holds login, server (from the wish to JupyterLab's page), first (opening the notebook, starting the
    kernel, the first cell) and notebook (all cells, pauses taken out); ``errors`` what cells raised, in order.
    """

    name: str
    hub: str
    session: aiohttp.ClientSession
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    password: str = "trial"
    kernel: str = ""
    socket: aiohttp.ClientWebSocketResponse | None = None
    finished: bool = False
    restarts: int = 0

    @property
    def server(self) -> str:
        """The address of this student's own server."""
        return f"{self.hub}/user/{self.name}"

    def token(self, url: str) -> str:
        """Return the token against forged requests that this browser has for an address."""
        return self.session.cookie_jar.filter_cookies(URL(url))["_xsrf"].value

    async def ask(self, method: str, url: str, **options) -> Any:
        """Ask the hub or the server, and return what it says, from JSON where it is JSON."""
        headers = {"X-XSRFToken": self.token(url), "Referer": f"{self.hub}/hub/home"}
        async with self.session.request(method, url, headers=headers, **options) as answer:
            if answer.status >= 400:
                raise TrialError(f"{self.name}: {method} {url}: {answer.status} {await answer.text()}")
            return await answer.json() if "json" in answer.headers.get("Content-Type", "") else await answer.text()

    async def is_let_in(self) -> bool:
        """Send the login form, and return whether the hub accepts it."""
        page = f"{self.hub}/hub/login"
        async with self.session.get(page) as answer:
            answer.raise_for_status()
        form = {"username": self.name, "password": self.password, "_xsrf": self.token(page)}
        async with self.session.post(f"{page}?next=/hub/home", data=form) as answer:
            if answer.status == 200 and answer.url.path.endswith("/hub/home"):
                return True
            if answer.status == 403:
                return False
            raise TrialError(f"{self.name}: the login page answered {answer.status} at {answer.url}")

    async def log_in(self) -> None:
        """Log in, or fail."""
        if not await self.is_let_in():
            raise TrialError(f"{self.name} could not log in")

    async def start_server(self) -> None:
        """Ask for a server, wait until it is ready, and load JupyterLab's page from it."""
        user = f"{self.hub}/hub/api/users/{self.name}"
        await self.ask("POST", f"{user}/server", json={})
        while not (await self.ask("GET", user))["servers"].get("", {}).get("ready"):
            await asyncio.sleep(0.25)
        async with self.session.get(f"{self.server}/lab") as answer:  # by way of the hub, which gives the right
            if answer.status != 200 or f"/user/{self.name}/lab" not in answer.url.path:
                raise TrialError(f"{self.name} was not let in: {answer.status} at {answer.url}")
            await answer.read()

    async def stop_server(self) -> None:
        """Stop the server, and with it the kernel."""
        if self.socket is not None:
            await self.socket.close()
        user = f"{self.hub}/hub/api/users/{self.name}"
        await self.ask("DELETE", f"{user}/server")
        while (await self.ask("GET", user))["servers"]:
            await asyncio.sleep(0.25)

    async def open_notebook(self, name: str) -> nbformat.NotebookNode:
        """Read the notebook, start its kernel, connect to it as JupyterLab does."""
        content = await self.ask("GET", f"{self.server}/api/contents/{name}", params={"content": "1"})
        notebook = nbformat.from_dict(content["content"])
        wish = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        self.kernel = (await self.ask("POST", f"{self.server}/api/sessions", json=wish))["kernel"]["id"]
        channels = f"{self.server}/api/kernels/{self.kernel}/channels"
        self.socket = await self.session.ws_connect(
            f"{channels}?session_id={uuid.uuid4().hex}", max_msg_size=0, headers={"Origin": self.hub}
        )
        return notebook

    async def save(self, name: str, notebook: nbformat.NotebookNode) -> None:
        """Save the notebook with its outputs."""
        body = {"type": "notebook", "format": "json", "content": notebook}
        await self.ask("PUT", f"{self.server}/api/contents/{name}", json=body)

    async def run(self, code: str) -> tuple[str, list[dict]]:
        """Run a cell; return ok, error or died, and its outputs."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": self.name, "version": "5.4"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        message = {"header": header | {"session": self.name}, "parent_header": {}, "metadata": {}, "content": content}
        await self.socket.send_json(message | {"channel": "shell", "buffers": []})
        status, idle, outputs = "", False, []
        while not (status and idle):
            received = await self.socket.receive(timeout=CELL_LIMIT)
            if received.type != aiohttp.WSMsgType.TEXT:
                return "died", outputs
            message = json.loads(received.data)
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] in {"restarting", "autorestarting", "dead"}:
                self.restarts += 1
                return "died", outputs
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if kind == "execute_reply":
                status = content["status"]
            elif kind == "status":
                idle = content["execution_state"] == "idle"
            elif kind in {"stream", "display_data", "execute_result", "error"}:
                outputs.append({"output_type": kind, **{k: v for k, v in content.items() if k != "transient"}})
                if kind == "error":
                    self.errors.append(f"{content['ename']}: {content['evalue']}")
        return status, outputs

    async def run_notebook(self, name: str, pause: float = 0.0, cells: int | None = None) -> str:
        """Run the (first so many) code cells in order, pausing ``pause`` seconds on average before each.

        Returns ok, or what ended it: error or died.
        """
        started = time.monotonic()
        notebook = await self.open_notebook(name)
        waited, chance = 0.0, random.Random(self.name)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"][:cells]
        for number, cell in enumerate(code):
            nap = chance.uniform(0, 2 * pause) if number else 0.0
            waited += nap
            await asyncio.sleep(nap)
            status, cell.outputs = await self.run(cell.source)
            self.seconds.setdefault("first", time.monotonic() - started)
            if status != "ok":
                return status
        self.seconds["notebook"] = time.monotonic() - started - waited
        await self.save(name, notebook)
        self.finished = True
        return "ok"


# ---- the machine -----------------------------------------------------------------------------


def processes(hub: int) -> dict[str, dict[str, psutil.Process]]:
    """Return each student's processes, by student: the server and, once there is one, the kernel."""
    found: dict[str, dict[str, psutil.Process]] = {}
    for process in psutil.Process(hub).children(recursive=True):
        with suppress(psutil.Error):
            module = "".join(process.cmdline()[2:3])  # python -m module; a process that just ends has none
            if kind := {"jupyterhub.singleuser": "server", "ipykernel_launcher": "kernel"}.get(module):
                found.setdefault(process.environ()["HOME"].rsplit("/", 1)[-1], {})[kind] = process
    return found


class Watch(threading.Thread):
    """Watches memory every two seconds: proportional set sizes (PSS) of servers and kernels, what the machine has left.

    A page that several processes share counts in each by its share, so that the sum over students is what they take.
    """

    def __init__(self, hub: int):
        super().__init__(daemon=True)
        self.hub, self.over = hub, threading.Event()
        self.error: Exception | None = None
        self.peaks: dict[tuple[str, str], int] = {}
        self.data: dict[tuple[str, str], int] = {}  # what the limit counts
        self.together, self.least_left = 0, psutil.virtual_memory().available

    def run(self) -> None:
        """Look until :meth:`stop`; what goes wrong is raised there."""
        try:
            while not self.over.wait(2):
                self.look()
        except Exception as error:
            self.error = error

    def look(self) -> None:
        """Take each process's memory, and what is left."""
        total = 0
        for student, kinds in processes(self.hub).items():
            for kind, process in kinds.items():
                with suppress(psutil.Error):
                    memory, key = process.memory_full_info(), (student, kind)
                    total += memory.pss
                    self.peaks[key] = max(self.peaks.get(key, 0), memory.pss)
                    self.data[key] = max(self.data.get(key, 0), memory.data)
        self.together = max(self.together, total)
        self.least_left = min(self.least_left, psutil.virtual_memory().available)

    def stop(self) -> dict[str, int]:
        """Stop, and return in MB (2**20 bytes) the median over students of each one's peak, and the peak of all."""
        self.over.set()
        self.join()
        if self.error:
            raise self.error
        middle = {
            f"{kind}_{measure}": round(statistics.median(value for key, value in peaks.items() if key[1] == kind) / MB)
            for kind in ("server", "kernel")
            for measure, peaks in (("pss_mb", self.peaks), ("data_mb", self.data))
        }
        return middle | {"together_mb": round(self.together / MB), "least_left_mb": round(self.least_left / MB)}


def free_port() -> int:
    """Return a port of which the next two are free too."""
    for port in range(18000, 19000, 3):
        with suppress(OSError):
            for offset in range(3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
            return port
    raise TrialError("No free ports between 18000 and 19000.")


@contextmanager
def running_hub(notebook: Path, limit: int, values: Path | None = None):
    """Start JupyterHub in a fresh folder, and give its address and process id.

    Parameters
    ----------
    notebook : Path
        What each student finds in the home folder.
    limit : int
        Bytes of data that each process may hold.
    values : Path or None
        Values for Kubernetes from which the hub takes its accounts; without, everybody is let in with one password.
    """
    port = free_port()
    folder = FOLDER / f"hub-{port}"  # two trials at a time have two ports
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    settings = {"FOLDER": folder, "PORT": port, "NOTEBOOK": notebook, "DATA_LIMIT": limit, "PROXY": PROXY}
    settings |= {"VALUES": values} if values else {}
    environment = kept | {f"HUB_TRIAL_{name}": str(value) for name, value in settings.items()}
    environment["PYTHONPATH"] = os.pathsep.join([str(PACKAGES), *filter(None, [kept.get("PYTHONPATH")])])
    environment["HOME"] = str(folder)
    log = folder / "hub.log"
    command = [sys.executable, "-m", "jupyterhub", "--config", str(Path(__file__).with_name("hub_config.py"))]
    with log.open("w") as output:
        hub = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            for _ in range(240):
                if hub.poll() is not None or "JupyterHub is now running" in log.read_text():
                    break
                time.sleep(0.25)
            if hub.poll() is not None or "JupyterHub is now running" not in log.read_text():
                raise TrialError(f"JupyterHub did not start:\n{log.read_text()[-3000:]}")
            yield f"http://127.0.0.1:{port}", hub.pid
        finally:
            hub.terminate()
            try:
                hub.wait(60)
            except subprocess.TimeoutExpired:
                hub.kill()


# ---- the trial -------------------------------------------------------------------------------


async def timed(student: Student, step: str, work: Awaitable) -> None:
    """Do a step and keep its seconds."""
    started = time.monotonic()
    await work
    student.seconds[step] = time.monotonic() - started


def students_of(hub: str, names: Sequence[str]) -> list[Student]:
    """Return students that have a browser each."""
    limit = aiohttp.ClientTimeout(total=CELL_LIMIT)
    made = []
    for name in names:
        jar = aiohttp.CookieJar(unsafe=True)  # unsafe: takes the cookies of a bare address, 127.0.0.1
        made.append(Student(name, hub, aiohttp.ClientSession(cookie_jar=jar, timeout=limit)))
    return made


async def arrive(student: Student, after: float = 0.0) -> None:
    """Log in and get a server, ``after`` so many seconds."""
    await asyncio.sleep(after)
    await timed(student, "login", student.log_in())
    await timed(student, "server", student.start_server())


async def leave(students: Sequence[Student]) -> None:
    """Stop the servers that run, and close the browsers."""

    async def one(student: Student) -> None:
        with suppress(TrialError, KeyError):  # whoever could not log in has nothing to stop
            await student.stop_server()
        await student.session.close()

    await asyncio.gather(*map(one, students))


async def measure(hub: str, pid: int, name: str, count: int, spread: float, pause: float, cells: int | None) -> dict:
    """Let a class of ``count`` run the notebook, and return what it took.

    They arrive within ``spread`` seconds and think for ``pause`` seconds on average before each cell.
    """
    students = students_of(hub, [f"s{count}-{number:02d}" for number in range(1, count + 1)])
    chance, watch, load = random.Random(count), Watch(pid), os.getloadavg()[0]
    watch.start()

    async def attend(student: Student) -> None:
        await arrive(student, chance.uniform(0, spread))
        await student.run_notebook(name, pause, cells)

    results = await asyncio.gather(*map(attend, students), return_exceptions=True)
    await leave(students)
    if first := next((result for result in results if isinstance(result, TrialError)), None):
        raise first
    memory = watch.stop()
    errors = [error for student in students for error in student.errors]
    errors += [f"{type(result).__name__}: {result}" for result in results if isinstance(result, BaseException)]
    seconds = {
        step: {"median": round(statistics.median(values), 1), "slowest": round(max(values), 1)}
        for step in ("login", "server", "first", "notebook")
        if (values := [student.seconds[step] for student in students if step in student.seconds])
    }
    return {
        "students": count,
        "finished": sum(student.finished for student in students),
        "arrive_within_s": spread,
        "pause_s": pause,
        "load_before": round(load, 1),
        "seconds": seconds,
        "memory": memory,
        "errors": sorted(set(errors)),
    }


async def faults(hub: str, pid: int, name: str, others: int, cells: int | None) -> dict:
    """Kill a kernel, fill another's memory, kill a server, while ``others`` work; return what the students saw.

    Afterwards each of the three runs the notebook from its top.
    """
    unlucky = killed, greedy, stopped = students_of(hub, ["killed", "greedy", "stopped"])
    bystanders = students_of(hub, [f"other{number}" for number in range(1, others + 1)])
    seen: dict[str, dict] = {}

    async def again(student: Student) -> dict:
        """Run the notebook from its top."""
        student.errors.clear()
        outcome = await student.run_notebook(name, cells=cells)
        return {"again": outcome, "errors_again": student.errors}

    async def kill(student: Student, process: str) -> tuple[str, float]:
        """Kill a student's kernel or server in the middle of a cell; return what the cell ended in, and when it was."""
        await student.run_notebook(name, cells=5)
        cell = asyncio.create_task(student.run("import time; time.sleep(600)"))
        await asyncio.sleep(2)
        when = time.monotonic()
        processes(pid)[student.name][process].send_signal(signal.SIGKILL)
        status, _ = await cell
        return status, when

    async def kill_kernel() -> None:
        status, when = await kill(killed, "kernel")
        told = time.monotonic() - when
        # A new connection waits until the new kernel answers. The server's own word for the old one may stay "busy".
        seen["kernel killed"] = {"cell": status, "told_after_s": round(told, 1)} | await again(killed)

    async def fill_memory() -> None:
        await greedy.run_notebook(name, cells=5)
        status, _ = await greedy.run(f"hoard = [bytearray(100 * {MB}) for _ in range(400)]")
        error = (greedy.errors or ["none"])[-1]
        alive, _ = await greedy.run("len(points)")
        seen["memory limit"] = {"cell": status, "error": error, "kernel_alive": alive == "ok"} | await again(greedy)

    async def kill_server() -> None:
        status, when = await kill(stopped, "server")
        user = f"{hub}/hub/api/users/stopped"
        while (await stopped.ask("GET", user))["servers"]:
            await asyncio.sleep(0.5)
        noticed = time.monotonic() - when
        await timed(stopped, "restart", stopped.start_server())
        seen["server killed"] = {
            "cell": status,
            "noticed_after_s": round(noticed, 1),
            "restart_s": round(stopped.seconds["restart"], 1),
        } | await again(stopped)

    everybody = [*unlucky, *bystanders]
    await asyncio.gather(*map(arrive, everybody))
    work = [
        kill_kernel(),
        fill_memory(),
        kill_server(),
        *(student.run_notebook(name, cells=cells) for student in bystanders),
    ]
    results = await asyncio.gather(*work, return_exceptions=True)
    await leave(everybody)
    if failures := [result for result in results if isinstance(result, BaseException)]:
        raise TrialError(f"The trial of faults failed: {failures!r}")
    disturbed = {
        student.name: student.errors + ["kernel lost"] * student.restarts
        for student in bystanders
        if student.errors or student.restarts or not student.finished
    }
    return seen | {"others": {"students": others, "finished": others - len(disturbed), "disturbed": disturbed}}


def give_passwords(hub: int, names: Sequence[str]) -> dict[str, str]:
    """Give accounts of the hub with this process id a password each, as the page says, and return them by name."""
    process = psutil.Process(hub)
    made = subprocess.run(
        [sys.executable, str(PASSWORDS), *names],
        cwd=process.cwd(),
        env=process.environ(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(line.split("\t") for line in made.stdout.splitlines())


async def strangers(hub: str, pid: int, accounts: dict[str, list[str]], prepared: bool) -> dict[str, str]:
    """Let a stranger try other people's names at the login page, before and after their owners' first log-in.

    Parameters
    ----------
    hub : str
        The hub's address.
    pid : int
        The hub's process id.
    accounts : dict
        The names of the accounts: ``admin_users`` and ``allowed_users``, the first of each is tried.
    prepared : bool
        Whether each account has got a password before the stranger comes.

    Returns
    -------
    dict
        For each attempt: refused, let in, or admin (let in with the hub's administration). And whether the password
        that the stranger typed for a name that is not on the list was kept or not: if it was, the stranger can log in
        as soon as somebody of this name is added to the list.
    """
    instructor, student = accounts["admin_users"][0], accounts["allowed_users"][0]
    passwords = give_passwords(pid, [name for names in accounts.values() for name in names]) if prepared else {}

    async def attempt(name: str, password: str) -> str:
        (visitor,) = students_of(hub, [name])
        visitor.password = password
        async with visitor.session:
            if not await visitor.is_let_in():
                return "refused"
            return "admin" if (await visitor.ask("GET", f"{hub}/hub/api/user"))["admin"] else "let in"

    typed, own = "the-stranger-chose-this", "the-owner-chose-this"
    found = {
        "stranger as instructor, before": await attempt(instructor, typed),
        "stranger as student, before": await attempt(student, typed),
        "stranger with another name": await attempt("nobody", typed),
        "instructor": await attempt(instructor, passwords.get(instructor, own)),
        "student": await attempt(student, passwords.get(student, own)),
        "stranger as instructor, after": await attempt(instructor, typed),
        "stranger as student, after": await attempt(student, typed),
    }
    with dbm.open(str(Path(psutil.Process(pid).cwd()) / "passwords.dbm"), "r") as stored:
        return found | {"the password with another name": "kept" if b"nobody" in stored else "not kept"}


def run_strangers(notebook: Path, limit: int) -> dict[str, dict[str, str]]:
    """Try the values' accounts with passwords and without, each on a fresh hub."""
    accounts = yaml.safe_load(VALUES.read_text("utf-8"))["hub"]["config"]["Authenticator"]
    found = {}
    for how, prepared in zip(HOW, (True, False), strict=True):
        with running_hub(notebook, limit, VALUES) as (hub, pid):
            found[how] = asyncio.run(strangers(hub, pid, accounts, prepared))
    return found


def too_much(steps: Sequence[dict]) -> str:
    """Return why no more students should come, or nothing."""
    first, last = steps[0], steps[-1]
    if last["finished"] < last["students"]:
        return f"only {last['finished']} of {last['students']} finished: {'; '.join(last['errors']) or 'no error'}"
    if last["memory"]["least_left_mb"] * MB < MEMORY_LEFT:
        return f"{last['memory']['least_left_mb']} MB of memory left"
    slow = last["seconds"]["notebook"]["slowest"] / first["seconds"]["notebook"]["slowest"]
    return f"the slowest took {slow:.1f} times as long as one alone" if slow > TOO_SLOW else ""


def machine() -> dict:
    """Return what machine this is."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / GB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


# ---- the page --------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], words: int = 1) -> str:
    """Return a Markdown table whose first columns, so many, hold words, and the others numbers."""
    lines = [head, [":--"] * words + ["--:"] * (len(head) - words), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def steps_of(trial: dict) -> list[tuple[list, dict]]:
    """Return each class with the first columns of its line: library, how they came, how many."""
    found = []
    for tag, result in trial["libraries"].items():
        for step in result["steps"]:
            how = f"spread, {step['pause_s']:g} s a cell" if step["pause_s"] else "all at once"
            found.append(([TAGS[tag], how, step["students"]], step))
    return found


def slowest(step: dict, what: str) -> float | str:
    """Return the seconds of the slowest student, or "never" if none came so far."""
    return step["seconds"].get(what, {"slowest": "never"})["slowest"]


def machine_words(trial: dict) -> str:
    """Return which machine it was, and why larger classes were not tried."""
    there, versions = trial["machine"], trial["versions"]
    text = (
        f"The machine: {there['cores']} cores, {there['memory_gb']:g} GB of memory, {there['system']}, "
        f"Python {there['python']}, JupyterHub {versions['jupyterhub']}, JupyterLab {versions['jupyterlab']}."
    )
    first = next((step["load_before"] for _, step in steps_of(trial)), 0.0)  # later ones remember the class before
    if first > there["cores"]:
        text += (
            f"\nIt was busy with other work, too: the load average before the first class was {first:g}. So the "
            "seconds are longer than on a machine of your own. The memory is the same."
        )
    for tag, result in trial["libraries"].items():
        if why := result.get("stopped_at_once"):
            largest = max(step["students"] for step in result["steps"] if not step["pause_s"])
            text += f"\nWith {TAGS[tag]}, the trial went no further than {largest} students at once: {why}."
    return text


def guide_words(trial: dict) -> str:
    """Return what an instructor wants to know first: how long one waits alone and in a class, and the memory."""
    if not steps_of(trial):
        return "Not tried."
    there, (tag, result) = trial["machine"], next(iter(trial["libraries"].items()))
    alone = result["steps"][0]
    text = (
        f"We let simulated students run the workshop notebook of chapter 6 in {TAGS[tag]}, on a machine with "
        f"{there['cores']} cores and {there['memory_gb']:g} GB of memory.\nOne alone had finished after "
        f"{slowest(alone, 'notebook')} seconds"
    )
    for step in (steps := [step for step in result["steps"] if step["students"] > 1])[-2:]:
        how = (
            "who came and read at their own pace (pauses not counted)"
            if step["pause_s"]
            else 'who pressed "Run All" together'
        )
        text += f"; of {step['students']} {how}, the slowest waited {slowest(step, 'notebook')} seconds"
    most = max(steps or [alone], key=lambda step: step["memory"]["together_mb"])
    memory = most["memory"]["together_mb"] * MB / GB
    return f"{text}.\nThe class of {most['students']} took {memory:.1f} GB of memory together."


def accidents(trial: dict) -> str:
    """Return the table of faults."""
    found = trial["faults"]
    killed, greedy, stopped, others = (
        found[name] for name in ("kernel killed", "memory limit", "server killed", "others")
    )
    words = {"ok": "ran from the top, without an error", "error": "failed", "died": "died again"}
    rows = [
        ["The kernel was killed", f"told after {killed['told_after_s']:g} s", words[killed["again"]]],
        [
            f"A cell asked for more than the limit of {trial['data_limit_gb']:g} GB",
            f"`{greedy['error'].strip(': ')}`; the kernel {'lived on' if greedy['kernel_alive'] else 'died'}",
            words[greedy["again"]],
        ],
        [
            "The whole server was killed",
            f"connection lost; the hub noticed after {stopped['noticed_after_s']:g} s, "
            f"a new server took {stopped['restart_s']:g} s",
            words[stopped["again"]],
        ],
        [
            "None, but worked beside these",
            "nothing" if not others["disturbed"] else str(others["disturbed"]),
            f"{others['finished']} of {others['students']} finished without an error",
        ],
    ]
    return table(["Accident", "What the student saw", "Afterwards, the notebook"], rows, words=3)


def accounts_words(trial: dict) -> str:
    """Return the table of who was let in under which name."""
    rows = {
        "stranger as instructor, before": "first, a stranger with the instructor's name",
        "stranger as student, before": "first, a stranger with a student's name",
        "stranger with another name": "a stranger with a name that is not on the list",
        "instructor": "then the instructor",
        "student": "then the student",
        "stranger as instructor, after": "the stranger again, with the instructor's name",
        "stranger as student, after": "the stranger again, with the student's name",
    }
    words = {"admin": "let in, as the hub's admin"}
    found = []
    for what, text in rows.items():
        outcomes = [trial["accounts"][how][what] for how in HOW]
        found.append([text, *(words.get(outcome, outcome) for outcome in outcomes)])
    return table(["Who logs in", *(how[0].upper() + how[1:] for how in HOW)], found, words=3)


def parts(trial: dict) -> dict[str, str]:
    """Return what a trial puts into the pages, by the names of the places there."""
    waits = ("login", "server", "first", "notebook")
    times = [[*first, *(slowest(step, name) for name in waits), step["load_before"]] for first, step in steps_of(trial)]
    sizes = [
        [*first, *(step["memory"][name] for name in ("server_pss_mb", "kernel_pss_mb", "together_mb"))]
        for first, step in steps_of(trial)
    ]
    head = ["Library", "How they came", "Students"]
    return {
        "machine": machine_words(trial),
        "seconds": table([*head, "Log-in", "Server", "First cell", "Notebook", "Load"], times, words=2),
        "memory": table([*head, "Server", "Kernel", "Class"], sizes, words=2),
        "faults": accidents(trial) if "faults" in trial else "Not tried.",
        "accounts": accounts_words(trial) if "accounts" in trial else "Not tried.",
        "guide": guide_words(trial),
    }


def fill(page: str, trial: dict) -> str:
    """Return the page's text with the trial's parts in their places."""
    for name, text in parts(trial).items():
        start, end = f"% trial: {name}\n", "% end\n"
        before, found, rest = page.partition(start)
        if not found:
            continue  # it stands in the other page
        page = f"{before}{start}\n{text}\n\n{end}{rest.partition(end)[2]}"
    return page


# ---- the command -----------------------------------------------------------------------------


def run_trial(library: str, given: argparse.Namespace) -> dict:
    """Run the trial with a library's workshop notebook, and return what was found."""
    notebook = CUTS / library / CHAPTER
    if not notebook.exists():
        raise TrialError(f"{notebook} is missing: make cuts")
    found: dict[str, Any] = {"notebook": CHAPTER, "steps": []}
    limit = int(given.limit * GB)
    for spread, pause, counts in ((0.0, 0.0, given.at_once), (ARRIVAL, given.pause, given.spread)):
        for count in counts:
            with running_hub(notebook, limit) as (hub, pid):
                step = asyncio.run(measure(hub, pid, CHAPTER, count, spread, pause, given.cells))
            found["steps"].append(step)
            print(json.dumps(step), flush=True)
            if why := too_much(found["steps"]):
                print(f"No larger class: {why}.", flush=True)
                found["stopped" if pause else "stopped_at_once"] = why
                break
    return found


def main() -> int:
    """Run what was asked for, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(prog="make hub-trial", description=__doc__.partition("\n\n")[0])
    parser.add_argument("libraries", nargs="*", choices=list(TAGS), metavar="library", help="pymc, if none is named")
    parser.add_argument("--at-once", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32], help="classes, all at once")
    parser.add_argument("--spread", type=int, nargs="*", default=[8, 16], help="classes that arrive and think")
    parser.add_argument("--pause", type=float, default=10.0, help="seconds to think before a cell, on average")
    parser.add_argument("--limit", type=float, default=6.0, help="data that one process may hold, in GB")
    parser.add_argument("--cells", type=int, help="run so many cells alone, to try the trial")
    parser.add_argument("--others", type=int, default=2, help="students who work while faults are made; 0: no faults")
    accounts = argparse.BooleanOptionalAction
    parser.add_argument("--accounts", action=accounts, default=True, help="let a stranger try other people's names")
    parser.add_argument("--keep", action="store_true", help="put it into deploy/jupyterhub/trial.json and the page")
    given = parser.parse_args()
    given.libraries = given.libraries or ["pymc"]  # argparse refuses a list as the default of a list of choices
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hub is stopped, too
    if not PROXY.exists():
        print(f"{PROXY} is missing: make hub-trial installs it", file=sys.stderr)
        return 2
    packages = ("jupyterhub", "jupyter-server", "jupyterlab", "ipykernel")
    trial: dict[str, Any] = {
        "machine": machine(),
        "versions": {name: version(name) for name in packages},
        "data_limit_gb": given.limit,
        "arrive_within_s": ARRIVAL,
    }
    result = FOLDER / "trial.json"
    before = json.loads(result.read_text()) if result.exists() else {}
    if trial.items() <= before.items():
        trial = before  # of the same machine and packages: what was found then stays, unless it is tried again
    trial.setdefault("libraries", {})
    try:
        for library in given.libraries if given.at_once or given.spread else ():
            trial["libraries"][library] = run_trial(library, given)
        if given.others:
            with running_hub(CUTS / given.libraries[0] / CHAPTER, int(given.limit * GB)) as (hub, pid):
                trial["faults"] = asyncio.run(faults(hub, pid, CHAPTER, given.others, given.cells))
            print(json.dumps(trial["faults"]), flush=True)
        if given.accounts:
            trial["accounts"] = run_strangers(CUTS / given.libraries[0] / CHAPTER, int(given.limit * GB))
            print(json.dumps(trial["accounts"]), flush=True)
    except TrialError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(trial, indent=1) + "\n")
    if given.keep:
        shutil.copyfile(result, KEPT)
        for page in (PAGE, GUIDE):
            page.write_text(fill(page.read_text("utf-8"), trial), "utf-8")
    print("\n\n".join(parts(trial).values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
