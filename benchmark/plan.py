"""What runs: configurations in their parts, all of a part interleaved and repeated."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from benchmark.problems import COURSE, MATCHES
from benchmark.problems import describe as describe_problem
from benchmark.ways import CANARY, WAYS

EVERY_WAY = ("hogg", "radon")  # a few unknowns, and many: here all ways run, elsewhere the chapters' and SCALED
# what a chapter asks of one library alone, and the data on which it asks
ASIDE = {
    "pyro-jit-threads": ("hogg",),
    "pyro-shallow": ("radon", "matches"),
    "tfp-shallow": ("radon", "matches"),
}
# what is followed to large data: of each library what may be its quickest
SCALED = ["pymc-nutpie-numba", "pymc-numpyro-parallel", "stan", "numpyro-vectorized", "numpyro-parallel"]
SCALED += ["pyro-fused", "tfp-packed"]
# what draws many chains at once
MANY_CHAINS = ["pymc-nutpie-numba", "numpyro-vectorized", "pyro-replayed", "tfp"]


PATIENCE = 180  # seconds: what took longer is measured once


@dataclass(frozen=True)
class Settings:
    """What all configurations share; ``seconds`` and ``memory_gb`` are the limits of one process tree."""

    kind: str = "full"
    chains: int = 4
    warmup: int = 300
    draws: int = 500
    target: float = 0.8
    repeats: int = 3
    seconds: float = 600
    memory_gb: float = 12


QUICK = Settings("quick", warmup=150, draws=200, repeats=2, seconds=90, memory_gb=6)


@dataclass(frozen=True)
class Configuration:
    """One way on one problem with so many chains, on a device."""

    way: str
    data: str
    chains: int
    device: str = "cpu"
    canary: bool = False

    @property
    def name(self) -> str:
        """Return the way's name in the results."""
        return "canary" if self.canary else self.way + ("@gpu" if self.device == "gpu" else "")

    def key(self, repeat: int) -> str:
        """Return what the run of one repeat is filed under."""
        return f"{self.name}/{self.data}/{self.chains}/{repeat}"

    def changes(self) -> list[tuple[str, str]]:
        """Return what is changed in the model's cell."""
        return CANARY[2] if self.canary else []


def parts(settings: Settings, gpu_libraries: Iterable[str] = ()) -> dict[str, list[Configuration]]:
    """Return the parts of the benchmark, by name. On a GPU's machine the ways that can use it come twice."""
    chains, gpu_libraries = settings.chains, set(gpu_libraries)

    def on_devices(ways: Iterable[str], data: str, chains: int = chains) -> list[Configuration]:
        found = [Configuration(way, data, chains) for way in ways]
        return found + [
            Configuration(way, data, chains, "gpu")
            for way in ways
            if WAYS[way].gpu and WAYS[way].library in gpu_libraries
        ]

    canary = Configuration(CANARY[0], CANARY[1], chains, canary=True)
    if settings.kind == "quick":
        return {"models": [*on_devices(course_ways("hogg"), "hogg"), canary]}
    return {
        "models": [canary, *(one for data in COURSE for one in on_devices(ways_on(data), data))],
        "chains": [one for many in (1, 16, 64) for one in on_devices(MANY_CHAINS, "hogg", many)],
        "rows": [one for power in (2, 4, 5, 6) for one in on_devices(SCALED, f"student-t-{10**power}")],
        "matches": [one for rows in (2_000, 20_000, MATCHES) for one in on_devices(SCALED, f"bradley-terry-{rows}")],
    }


def ways_on(data: str) -> list[str]:
    """Return the ways that are compared on one of the course's data sets."""
    chosen = WAYS if data in EVERY_WAY else {*SCALED, *(name for name, way in WAYS.items() if way.course)}
    return [way for way in WAYS if way in chosen and data in ASIDE.get(way, COURSE)]


def course_ways(data: str) -> list[str]:
    """Return the ways in which the chapters run the model of one of the course's data sets."""
    return [name for name, way in WAYS.items() if describe_problem(data)["model"] in way.course]


def order(configurations: list[Configuration], repeat: int) -> list[Configuration]:
    """Shuffle a repeat's configurations, the same on each run: what disturbs the machine should not hit one way alone.

    Small data come first all the same, so that a way that is too slow for them is not tried on larger ones.
    """

    def rows(one: Configuration) -> int:
        tail = one.data.rpartition("-")[2]
        return int(tail) if tail.isdigit() else 0

    shuffled = np.random.default_rng(repeat).permutation(len(configurations))
    return sorted((configurations[i] for i in shuffled), key=rows)


def describe(settings: Settings) -> dict:
    """Return the settings as the results show them."""
    shown = {"target": "target_accept", "seconds": "seconds_limit", "memory_gb": "memory_limit_gb"}
    return {shown.get(name, name): value for name, value in asdict(settings).items()}
