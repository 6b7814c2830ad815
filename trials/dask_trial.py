"""Kill a worker in mid-run, with real fits: ``make dask-trial``, or ``make dask-trial DASK="stan 12"``.

A scheduler and two workers are started as on other machines; all that the program knows of them is the scheduler's
address. The fits are those of chapter 11's second part, from its own cells: chapter 9's model without one county after
the other, by a library's sampler (NumPyro's and all 65, if nothing else is said). When a third of them are done, one
worker is killed by a signal that no process can refuse. In the end every fit must be there once, none may have been
computed twice, and each is held against the exact posterior. What happened is printed.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from sidebyside.libraries import TAGS

CHAPTER = Path(__file__).parents[1] / "notebooks" / "11b_many_machines.ipynb"
FITS = """
((library, (function, uses)),) = fits.items()
fit = sbs.keep(function, {folder!r}, uses=[*uses, x, county, u, chains, warmup, draws])
jobs = [(y, left_out, SEED) for left_out in range({number})]
with sbs.cluster({address!r}) as client:
    client.wait_for_workers(2, timeout=120)
    results = sbs.fit_all(fit, jobs, client)
    computed = len(fit.log())
    sbs.fit_all(fit, jobs, client)
    assert len(fit.log()) == computed, "called again, it computed again"
"""
CHECKS = """
import json

largest, said = 0, []
for left_out, result in enumerate(results):
    values = dict(result)
    diverging = values.pop("diverging")
    tree = az.from_dict({"posterior": values, "sample_stats": {"diverging": diverging}})
    try:
        table = sbs.check_agreement(
            {library: tree}, radon_grid.leave_out(left_out), family_error=1e-3 / len(results)
        )
        largest = max(largest, float(table[["z of mean", "z of sd"]].abs().max().max()))
    except AssertionError as error:
        said.append(f"without county {left_out}: {error}")
print(json.dumps({"largest |z|": largest, "disagreements": said}))
"""


def definitions(tag: str) -> nbformat.NotebookNode:
    """Return the chapter's cells up to the first one that runs fits, of everybody and of one library."""
    notebook = nbformat.read(CHAPTER, 4)
    kept = []
    for cell in notebook.cells:
        if "sbs.cluster(" in cell.source and cell.cell_type == "code":
            break
        others = set(cell.metadata.get("tags", [])) & set(TAGS) - {tag}
        if cell.cell_type == "code" and not others:
            kept.append(cell)
    notebook.cells = kept
    return notebook


def start(folder: Path, name: str, *arguments: str) -> subprocess.Popen:
    """Start a Dask process; what it says goes into a file of its own."""
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", name, *arguments], stdout=file, stderr=file, cwd=folder
        )
    process.log = log
    return process


def kill_one(worker: subprocess.Popen, fits: Path, after: int, said: dict) -> None:
    """Kill a worker once ``after`` fits are done and it has done one of them."""
    log = fits / "fits.log"
    while True:
        done = log.read_text().splitlines() if log.exists() else []
        if len(done) >= after and any(line.count(f'process {worker.pid}"') for line in done):
            break
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    said.update(at=time.time(), done=len(done))


def main() -> None:
    """Run the trial and report; exit 1 if a fit is missing, was computed twice, or is wrong."""
    words = " ".join(sys.argv[1:]).split()
    tag = next((word for word in words if word in TAGS), "numpyro")
    number = next((int(word) for word in words if word.isdigit()), 65)
    os.environ["SIDEBYSIDE_STORING"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fits = folder / "fits"
        scheduler = start(folder, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not (found := re.search(r"tcp://127\.0\.0\.1:\d+", scheduler.log.read_text())):
            time.sleep(0.1)
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        workers = [start(folder, "worker", found.group(), *options) for _ in range(2)]
        try:
            notebook, killed, began = definitions(tag), {}, time.time()
            code = FITS.format(folder=str(fits), number=number, address=found.group())
            notebook.cells += [nbformat.v4.new_code_cell(source) for source in (code, CHECKS)]
            murder = threading.Thread(target=kill_one, args=[workers[0], fits, number // 3, killed], daemon=True)
            murder.start()
            NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": str(CHAPTER.parent)}}).execute()
            report = json.loads(notebook.cells[-1].outputs[-1]["text"])
            log = [json.loads(line) for line in (fits / "fits.log").read_text().splitlines()]
        finally:
            for process in (*workers, scheduler):
                process.kill()
                process.wait()
        files = len(list(fits.glob("*.npz")))
    computed, by_worker = Counter(entry["key"] for entry in log), Counter(entry["worker"] for entry in log)
    twice = [key for key, times in computed.items() if times > 1]
    seconds = sorted(entry["ended"] - entry["began"] for entry in log)
    print(f"{TAGS[tag]}: {number} fits on two workers in {time.time() - began:.0f} s, known by {found.group()} alone.")
    print(f"A fit took {seconds[len(seconds) // 2]:.1f} s (the median), {seconds[-1]:.1f} s at most.")
    after = killed.get("at", began) - began
    print(f"One worker was killed {after:.0f} s after the start, when {killed.get('done')} fits were done.")
    shares = " and ".join(map(str, by_worker.values()))
    print(f"The workers finished {shares} fits. Files: {files}. Computed twice: {len(twice)}.")
    print(f"Largest |z| against the exact posteriors: {report['largest |z|']:.1f}.", *report["disagreements"], sep="\n")
    sys.exit(not killed or files != number or len(computed) != number or bool(twice) or bool(report["disagreements"]))


if __name__ == "__main__":
    main()
