"""Run a command in a process tree of its own, with a limit of time and one of memory."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY = 0.25  # seconds between two looks at the tree's memory


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes
    ----------
    status, reason : "done", "failed", "killed", "timeout" or "memory", and why
    wall_s, cpu_s : seconds by the clock, and of processors' time
    memory_mb : peak memory of the process tree
    others : the share of the machine's processors that other processes had meanwhile; timings are good where it is 0
    """

    status: str
    reason: str
    wall_s: float
    memory_mb: float
    cpu_s: float = 0.0
    others: float = 0.0


def _spent() -> float:
    """Return the processors' seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy() -> float:
    """Return the processors' seconds that the whole machine has worked since it was switched on."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0) - getattr(times, "guest", 0)


def memory_mb(process: psutil.Process) -> float:
    """Return the memory of a process and its descendants; what they share counts once."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for member in family:
        try:
            if len(family) == 1:
                total += member.memory_info().rss
            else:
                full = member.memory_full_info()
                total += getattr(full, "pss", full.uss)
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            continue
    return total / 2**20


def run(command: Sequence[str], environment: dict, log: Path, seconds: float, memory_gb: float) -> Ending:
    """Run ``command``; its output goes to ``log``."""
    start, peak, spent, busy = time.monotonic(), 0.0, _spent(), _busy()
    with log.open("w") as output:
        child = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        status, reason = "", ""
        try:
            process = psutil.Process(child.pid)
            while child.poll() is None:
                peak = max(peak, memory_mb(process))
                if peak > 1024 * memory_gb:
                    status, reason = "memory", f"took more than its {memory_gb:g} GB of memory"
                elif time.monotonic() - start > seconds:
                    status, reason = "timeout", f"ran past its limit of {seconds:g} s"
                if status:
                    break
                time.sleep(EVERY)
        finally:  # an interrupted run leaves nothing behind
            stop(child)
    if not status:
        code = child.returncode
        status = "done" if code == 0 else "killed" if code < 0 else "failed"
        reason = f"killed by signal {-code} ({signal.Signals(-code).name})" if code < 0 else last_words(log, code)
    wall, cpu = time.monotonic() - start, _spent() - spent
    others = max(0.0, (_busy() - busy - cpu) / (wall * (psutil.cpu_count() or 1)))
    return Ending(status, reason, wall, peak, cpu, others)


def stop(child: subprocess.Popen) -> None:
    """Kill what is left of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def last_words(log: Path, code: int) -> str:
    """Return the last line that a failed command wrote."""
    if code == 0:
        return ""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return (lines[-1] if lines else f"ended with exit code {code}")[:400]
