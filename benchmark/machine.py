"""Which machine and which versions a run used."""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = ["pymc", "pytensor", "nutpie", "numba", "blackjax", "pystan", "httpstan", "numpyro", "jax", "jaxlib"]
PACKAGES += ["pyro-ppl", "torch", "tensorflow-probability", "tensorflow", "tf-keras", "arviz", "numpy", "scipy"]

# the framework under each library, and how it is asked for a GPU
FRAMEWORKS = {
    "NumPyro": "import jax; found = [d.device_kind for d in jax.devices() if d.platform == 'gpu']",
    "Pyro": "import torch; found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]",
    "TFP": "import tensorflow as tf; found = [d.name for d in tf.config.list_physical_devices('GPU')]",
}
NODES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # where Linux shows GPUs of NVIDIA, of AMD, and under WSL


def versions() -> dict[str, str]:
    """Return the versions of what is measured; what is missing is left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (model := re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)):
        return model.group(1).strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> tuple[dict[str, list[str]], str]:
    """Ask JAX, PyTorch and TensorFlow for GPUs. Returns them by library, and a sentence."""
    if not any(Path(node).exists() for node in NODES) and not shutil.which("nvidia-smi"):
        return {}, "This machine has no GPU, so there are no figures for one."
    found, said = {}, []
    for library, code in FRAMEWORKS.items():
        answer = subprocess.run(
            [sys.executable, "-c", f"{code}; print('FOUND', *found, sep='|')"], capture_output=True, text=True
        )
        line = next((line for line in answer.stdout.splitlines() if line.startswith("FOUND")), "FOUND")
        if seen := [name for name in line.split("|")[1:] if name]:
            found[library] = seen
        said.append(f"{library}'s framework sees {', '.join(seen) or 'none'}")
    if "NumPyro" in found:
        found["PyMC"] = found["NumPyro"]  # PyMC reaches a GPU through JAX
    return found, f"There is a GPU: {'; '.join(said)}."


def describe(gpu: dict[str, list[str]], note: str) -> dict:
    """Return what the results say of the machine."""
    processor, cores = _processor(), _cores()
    kind = f"{processor} {next(iter(gpu.values()))[0]}" if gpu else processor
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)|processor|cpu|@.*", " ", kind.lower())).strip("-")
    return {
        "name": f"{slug}-{cores}-cores",
        "cpu": processor,
        "cores": cores,
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "gpu": sorted({name for names in gpu.values() for name in names}),
        "gpu_note": note,
    }
