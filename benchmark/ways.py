"""How each library is run. A way knows its imports, its compilation, its draws, and its bare gradient.

All draw by NUTS with a diagonal mass matrix and the same number of chains, warm-up steps and draws, aiming at the same
acceptance; each library's own defaults hold for everything else. Libraries are imported when a child runs, never here.
"""

import ctypes
import dataclasses
import os
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmark import cells

BARE_SECONDS = 1.0  # for so long the bare gradient is evaluated
COUNT_SECONDS = 20.0  # a run that took no longer is repeated where warm-up steps can't be counted otherwise
# samplers in JAX trace parts of themselves anew at each call; with its cache the second call needs no compiler
JAX_CACHE = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
# JAX runs a chain a device, so it is told that the processor is as many
JAX_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count={chains}"}


ALL_MODELS = ("line", "student-t", "intercepts", "bradley-terry")
FEW_UNKNOWNS = ("line", "student-t")
MANY_UNKNOWNS = ("intercepts", "bradley-terry")  # chapters 8 and 13


@dataclass
class Task:
    """One configuration, in the process that runs it."""

    about: dict
    data: dict
    chains: int
    warmup: int
    draws: int
    target: float
    changes: Sequence[tuple[str, str]]
    notebooks: Path

    def __post_init__(self):
        self.names = {"np": np, "chains": self.chains, "warmup": self.warmup, "draws": self.draws, "live": False}
        self.names |= {"SEED": 1, "posteriors": {}, "densities": {}} | self.data
        # chapter 5 names its birds, chapter 6 its points
        self.names["coords"] = {name: np.arange(self.about["rows"]) for name in ("bird", "point")}
        if "u" in self.data:  # chapter 8 names its counties and houses
            self.names["coords"] = {"county": np.arange(len(self.data["u"])), "house": np.arange(self.about["rows"])}
        import sidebyside

        self.names["sbs"] = sidebyside

    def cells(self, tag: str) -> tuple[str, str]:
        """Return the library's import cell and its model cell, without what only the chapter's analysis needs."""
        imports, model = cells.sources(
            self.about["chapter"], tag, f"{self.about['model']}-model-{tag}", folder=self.notebooks
        )
        return imports, cells.lean(cells.change(model, self.changes))

    def arguments(self, convert: Callable = lambda value: value) -> list:
        """Return what NumPyro's and Pyro's models are called with."""
        return [
            convert(self.data[name]) if isinstance(self.data[name], np.ndarray) else self.data[name]
            for name in self.about["arguments"]
        ]


@dataclass
class Draws:
    """What a run gave: ``posterior`` arrays (chain, draw, ...), divergences, and how many gradients it took."""

    posterior: dict[str, np.ndarray]
    divergences: int
    gradients: float | None = None
    seconds: float | None = None  # by the library's own clock, where its call compiles anew each time


class Way:
    """One way to run a library; :data:`WAYS` lists them.

    Attributes
    ----------
    library, tag, label : of which library, and what it is called in tables
    course : the models that the chapters run this way
    at_once : how chains run side by side: "vectorised", "threads", "processes", "in turn"
    """

    library = tag = label = at_once = ""
    course: tuple[str, ...] = ()
    next_seed = 1  # what the second call adds to the first one's seed
    gpu = False  # worth a column on a GPU
    environment: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, task: Task):
        self.task = task
        self.imports, self.model_cell = task.cells(self.tag)

    def load(self) -> None:
        """Import the library."""
        exec(self.imports, self.task.names)

    def build(self):
        """Make the model by its chapter's cell."""
        exec(self.model_cell, self.task.names)
        self.model = self.task.names[f"{self.task.about['objects']}_{self.tag}"]

    def compile(self) -> None:
        """Make the model and return from the first gradient of its compiled log density."""
        raise NotImplementedError

    def sample(self, seed: int):
        """Warm up and draw; what comes back goes to :meth:`read`."""
        raise NotImplementedError

    def read(self, run) -> Draws:
        """Turn a run into arrays."""
        raise NotImplementedError

    def count(self, seed: int) -> float | None:
        """Count the gradients of warm-up, where :meth:`read` could not, by the same run once more."""
        return None

    def bare(self) -> float | None:
        """Return how many gradients a second the compiled log density gives, nothing else being done."""
        return None

    def at_a_time(self) -> int:
        """How many chains run at a time in processes or threads of their own."""
        return min(self.task.chains, os.cpu_count() or 1) if self.at_once in ("threads", "processes") else 1

    def density(self, points: list[dict]) -> np.ndarray:
        """Return the log joint density of the model at ``points``, by ``sidebyside.density``."""
        raise NotImplementedError


def loop_of(rows: int) -> int:
    """Return how many evaluations to make for one call from Python, which costs as much as a small model's gradient."""
    return 100 if rows <= 10_000 else 1


def jax_rate(density_and_slope: Callable, start, rows: int, each: int = 1) -> float:
    """Return gradients a second of a JAX function, the loop in machine code too; a call makes ``each`` of them."""
    import jax

    loop = loop_of(rows)

    @jax.jit
    def spell(position):
        def step(_, position):
            value, slope = density_and_slope(position)
            spared = 1e-300 * jax.numpy.sum(value)  # so that nothing can be spared
            return jax.tree.map(lambda part, along: part + 1e-12 * along + spared, position, slope)

        return jax.lax.fori_loop(0, loop, step, position)

    return rate(lambda: jax.block_until_ready(spell(start)), loop * each)


def rate(evaluate: Callable[[], object], each: int = 1) -> float:
    """Call ``evaluate`` for a while and return evaluations a second; a call makes ``each`` of them.

    The median of five spells, so that one interruption does not tell.
    """
    evaluate()
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < BARE_SECONDS / 10:
        evaluate()
        calls += 1
    rates = []
    for _ in range(5):
        spell = max(1, calls * 2)
        start = time.perf_counter()
        for _ in range(spell):
            evaluate()
        rates.append(spell * each / (time.perf_counter() - start))
    return statistics.median(rates)


def _free(tree, names) -> dict[str, np.ndarray]:
    return {name: np.asarray(tree["posterior"][name].transpose("chain", "draw", ...)) for name in names}


def leading(names: Sequence[str], shapes: Sequence[Sequence[int]], numbers: int) -> list[str]:
    """Return the first names whose shapes hold so many numbers: Stan lists what is sampled before what is derived."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [name for name, end in zip(names, ends, strict=True) if end <= numbers]


def _gradients(tree) -> float:
    """Count a run's gradients, where warm-up's steps are kept beside the draws'."""
    return float(sum(tree[group]["n_steps"].sum() for group in ("sample_stats", "warmup_sample_stats")))


# ---- PyMC ------------------------------------------------------------------------------------
class PyMC(Way):
    """What all PyMC's ways share."""

    library, tag = "PyMC", "pymc"

    def density(self, points):
        return self.task.names["sbs"].density.pymc(self.model, points)

    def read(self, run) -> Draws:
        names = [variable.name for variable in self.model.free_RVs]
        stats = run["sample_stats"]
        return Draws(_free(run, names), int(stats["diverging"].sum()))


class Nutpie(PyMC):
    """PyMC's default sampler; compiled and drawn in two calls, where ``pm.sample`` does both in one."""

    backend = "numba"

    def load(self):
        super().load()
        import nutpie

        self.nutpie = nutpie

    def compile(self):
        self.build()
        self.compiled = self.nutpie.compile_pymc_model(self.model, backend=self.backend)
        self.point = np.zeros(self.compiled.n_dim)
        self.gradient()()

    def gradient(self) -> Callable[[], object]:
        """Return the compiled log density with its gradient, as a function of nothing."""
        raise NotImplementedError

    def sample(self, seed):
        task = self.task
        return self.nutpie.sample(
            self.compiled,
            draws=task.draws,
            tune=task.warmup,
            chains=task.chains,
            target_accept=task.target,
            seed=seed,
            progress_bar=False,
        )

    def read(self, run):
        found = super().read(run)
        found.gradients = _gradients(run)
        return found

    def bare(self):
        return rate(self.gradient())


class NutpieNumba(Nutpie):
    """The chapters' way."""

    label, course, at_once = "nutpie, numba", ALL_MODELS, "threads"

    def gradient(self):
        # what nutpie calls: a C function of (dimension, position, where gradient and density go, data)
        function, size = self.compiled.compiled_logp_func.ctypes, self.compiled.n_dim
        pointer = ctypes.POINTER(ctypes.c_double)
        arrays = [array.ctypes.data_as(pointer) for array in (self.point, np.empty(size), np.empty(()))]
        return lambda: function(size, *arrays, self.compiled.user_data.ctypes.data)

    def bare(self):
        import numba

        density = self.compiled.logp_func.vm.jit_fn
        data = tuple(variable.get_value() for variable in self.compiled.logp_func.get_shared())

        @numba.njit
        def spell(position, evaluations, *data):
            for _ in range(evaluations):
                value, slope = density(position, *data)
                position = position + 1e-12 * slope + 1e-300 * value  # so that nothing can be spared
            return position

        loop = loop_of(self.task.about["rows"])
        return rate(lambda: spell(self.point, loop, *data), loop)


class NutpieJax(Nutpie):
    """The same sampler with the density compiled by JAX."""

    label, backend, at_once, gpu = "nutpie, JAX", "jax", "threads", True

    def gradient(self):
        return partial(self.compiled._make_logp_func(), self.point, **self.compiled._shared_data)


class PyMCSample(PyMC):
    """Ways that go through ``pm.sample``, which compiles at each call: its own clock tells how long it sampled."""

    backend: str | None = None
    sampler = "pymc"
    nuts: dict = {}  # noqa: RUF012

    def compile(self):
        self.build()
        self.point = self.model.initial_point()

    def sample(self, seed):
        task = self.task
        with self.model:
            return self.task.names["pm"].sample(
                task.draws,
                tune=task.warmup,
                chains=task.chains,
                random_seed=seed,
                nuts_sampler=self.sampler,
                nuts={"target_accept": task.target} | self.nuts,
                backend=self.backend,
                quiet=True,
                compute_convergence_checks=False,
                **self.options(),
            )

    def options(self) -> dict:
        """Return what else ``pm.sample`` is given."""
        return {}

    def read(self, run):
        found = super().read(run)
        found.seconds = float(run["posterior"].attrs["sampling_time"])
        return found

    def gradient(self) -> Callable[[], object]:
        """Return the compiled log density with its gradient, as a function of nothing."""
        function = self.model.logp_dlogp_function(ravel_inputs=True, mode=self.mode())
        function.set_extra_values({})
        flat = np.concatenate([np.ravel(value) for value in self.point.values()]).astype(float)
        inner = getattr(function, "_pytensor_function", None)
        return lambda: (inner or function)(flat)

    def mode(self):
        """Return PyTensor's mode of this way."""
        return {"c": "CVM", "numba": "NUMBA", "jax": "JAX"}[self.backend]

    def bare(self):
        return rate(self.gradient())


class PyMCOwn(PyMCSample):
    """PyMC's own NUTS, written in Python."""

    at_once = "processes"

    def options(self):
        return {"discard_tuned_samples": False, "idata_kwargs": {"save_warmup": True}}

    def read(self, run):
        found = super().read(run)
        found.gradients = _gradients(run)
        return found


class PyMCOwnNumba(PyMCOwn):
    """On numba."""

    label, backend = "own NUTS, numba", "numba"


class PyMCOwnC(PyMCOwn):
    """On C, PyMC's oldest backend."""

    label, backend = "own NUTS, C", "c"


class PyMCOwnJax(PyMCOwn):
    """On JAX: the density alone is compiled, the sampler stays in Python."""

    label, backend = "own NUTS, JAX", "jax"


class PyMCJax(PyMCSample):
    """A sampler written in JAX draws from PyMC's model; density and sampler become one program."""

    backend = "jax"
    environment = JAX_CACHE

    def bare(self):
        import jax
        from pymc.sampling.jax import get_jaxified_logp

        density = get_jaxified_logp(self.model, negative_logp=False)
        flat = [np.asarray(value, dtype=float) for value in self.point.values()]
        function, each = jax.value_and_grad(density), 1
        if self.at_once == "vectorised":
            function, each = jax.vmap(function), self.task.chains
            flat = [np.broadcast_to(value, (each, *value.shape)) for value in flat]
        return jax_rate(function, flat, self.task.about["rows"], each)


class PyMCNumPyroVectorised(PyMCJax):
    """NumPyro's NUTS, all chains in one program."""

    label, sampler, at_once, gpu = "NumPyro's NUTS, vectorised", "numpyro", "vectorised", True
    nuts = {"chain_method": "vectorized"}  # noqa: RUF012


class PyMCNumPyroParallel(PyMCJax):
    """NumPyro's NUTS, a chain a device: JAX is told that the processor is several."""

    label, sampler, at_once = "NumPyro's NUTS, parallel", "numpyro", "threads"
    nuts = {"chain_method": "parallel"}  # noqa: RUF012
    environment = JAX_CACHE | JAX_DEVICES


class PyMCBlackJaxVectorised(PyMCJax):
    """BlackJAX's NUTS, all chains in one program."""

    label, sampler, at_once, gpu = "BlackJAX, vectorised", "blackjax", "vectorised", True
    nuts = {"chain_method": "vectorized"}  # noqa: RUF012


class PyMCBlackJaxParallel(PyMCJax):
    """BlackJAX's NUTS, a chain a device."""

    label, sampler, at_once = "BlackJAX, parallel", "blackjax", "threads"
    nuts = {"chain_method": "parallel"}  # noqa: RUF012
    environment = JAX_CACHE | JAX_DEVICES


# ---- Stan ------------------------------------------------------------------------------------
class Stan(Way):
    """PyStan: a C++ program a model, a process a chain."""

    library, tag, label, course, at_once = "Stan", "stan", "PyStan", ALL_MODELS, "processes"

    def compile(self):
        self.build()
        self.model.grad_log_prob([0.1] * self.task.about["parameters"])

    def _sample(self, seed, **options):
        model = dataclasses.replace(self.model, random_seed=seed)
        return model.sample(
            num_chains=self.task.chains,
            num_samples=self.task.draws,
            num_warmup=self.task.warmup,
            delta=self.task.target,
            **options,
        )

    def sample(self, seed):
        return self._sample(seed)

    def read(self, run):
        import arviz_base

        tree = arviz_base.from_pystan(run)
        steps = tree["sample_stats"]["n_steps"].to_numpy()
        self.drawn = float(steps.sum())
        # Stan tells each chain's seconds, warm-up and draws apart (and PyStan hands the words on three times)
        clocks = [re.search(r"([\d.]+) seconds \(Warm-up\)", output.decode()) for output in run.stan_outputs]
        self.warm_seconds = sum(float(found[1]) for found in clocks)
        names = leading(run.param_names, run.dims, self.task.about["parameters"])
        return Draws(_free(tree, names), int(tree["sample_stats"]["diverging"].sum()))

    def count(self, seed):
        run = self._sample(seed, save_warmup=True)
        counted = float(run["n_leapfrog__"].sum())
        self.warm_rate = (counted - self.drawn) / self.warm_seconds if self.warm_seconds > 0 else None
        return counted

    def bare(self):
        # by Stan's own clock of a warm-up whose draws nobody gets, the nearest there is to a gradient alone
        return getattr(self, "warm_rate", None)

    def density(self, points):
        return self.task.names["sbs"].density.stan(self.model, points)


# ---- NumPyro ---------------------------------------------------------------------------------
class NumPyro(Way):
    """NumPyro: model and sampler become one program of XLA's."""

    library, tag = "NumPyro", "numpyro"
    method = "vectorized"
    environment = JAX_CACHE

    def load(self):
        super().load()
        import jax
        import numpyro.infer

        self.jax, self.infer = jax, numpyro.infer

    def compile(self):
        self.build()
        jax = self.jax
        found = self.infer.util.initialize_model(jax.random.key(0), self.model, model_args=self.task.arguments())
        self.start = found.param_info.z
        density = jax.value_and_grad(found.potential_fn)
        self.each = 1
        if self.method == "vectorized":
            self.each = self.task.chains
            density = jax.vmap(density)
            self.start = jax.tree.map(
                lambda value: jax.numpy.broadcast_to(value, (self.each, *value.shape)), self.start
            )
        self.gradient = density
        jax.block_until_ready(jax.jit(density)(self.start))

    def _mcmc(self):
        return self.infer.MCMC(
            self.infer.NUTS(self.model, target_accept_prob=self.task.target),
            num_warmup=self.task.warmup,
            num_samples=self.task.draws,
            num_chains=self.task.chains,
            chain_method=self.method,
            progress_bar=False,
        )

    def sample(self, seed):
        if not hasattr(self, "program"):
            arguments = self.task.arguments()
            arrays = [value for value in arguments if isinstance(value, np.ndarray)]

            def run(key, *traced):
                mcmc, left = self._mcmc(), iter(traced)
                whole = [next(left) if isinstance(value, np.ndarray) else value for value in arguments]
                mcmc.run(key, *whole, extra_fields=("num_steps", "diverging"))
                return mcmc.get_samples(group_by_chain=True), mcmc.get_extra_fields(group_by_chain=True)

            # MCMC compiles its loop anew at each call, a function compiles once
            self.program, self.arrays = self.jax.jit(run), arrays
        return self.jax.block_until_ready(self.program(self.jax.random.key(seed), *self.arrays))

    def read(self, run):
        samples, extra = run
        self.drawn = float(np.sum(extra["num_steps"]))
        posterior = {name: np.asarray(values) for name, values in samples.items()}
        return Draws(posterior, int(np.sum(extra["diverging"])))

    def count(self, seed):
        mcmc = self._mcmc()
        key = self.jax.random.key(seed)
        mcmc.warmup(key, *self.task.arguments(), extra_fields=("num_steps",), collect_warmup=True)
        return self.drawn + float(np.sum(mcmc.get_extra_fields()["num_steps"]))

    def bare(self):
        return jax_rate(self.gradient, self.start, self.task.about["rows"], self.each)

    def density(self, points):
        return self.task.names["sbs"].density.numpyro(self.model, points, *self.task.arguments())


class NumPyroVectorised(NumPyro):
    """The way of chapters 5 to 8: all chains step together."""

    label, course, at_once, gpu = "vectorised", ("line", "student-t", "intercepts"), "vectorised", True


class NumPyroParallel(NumPyro):
    """Chapter 13's way: a chain a device; JAX is told that the processor is several."""

    label, course, method, at_once = "parallel", ("bradley-terry",), "parallel", "threads"
    environment = JAX_CACHE | JAX_DEVICES


class NumPyroSequential(NumPyro):
    """One chain after the other."""

    label, method, at_once = "sequential", "sequential", "in turn"


# ---- Pyro ------------------------------------------------------------------------------------
class Pyro(Way):
    """Pyro: the sampler is Python; the density is traced or compiled."""

    library, tag, at_once = "Pyro", "pyro", "in turn"

    def load(self):
        super().load()
        import pyro
        import torch
        from pyro.ops import integrator

        self.pyro, self.torch, self.integrator = pyro, torch, integrator
        if os.environ.get("BENCHMARK_DEVICE") == "gpu":
            torch.set_default_device("cuda")
        elif self.task.about["rows"] >= 10_000:
            torch.set_num_threads(os.cpu_count() or 1)  # one thread, as in the chapters, serves small models

        self.gradients, original = 0, integrator.potential_grad

        def counted(*arguments):
            self.gradients += 1
            return original(*arguments)

        integrator.potential_grad = counted  # leapfrog steps look it up here

    def arguments(self):
        """Return the data as tensors."""
        return self.task.arguments(self.torch.tensor)

    def sample(self, seed):
        self.gradients = 0
        return self.runs(seed)

    def read(self, run):
        tree = self.tree(run)
        posterior = {name: np.asarray(values) for name, values in tree["posterior"].data_vars.items()}
        # where chains got processes of their own, this process saw none of their steps
        gradients = float(self.gradients) * self.each() or None
        return Draws(posterior, int(tree["sample_stats"]["diverging"].sum()), gradients)

    def tree(self, run):
        """Return a run as a DataTree."""
        return self.task.names["sbs"].from_pyro(run)

    def each(self):
        """Return how many chains' gradients one evaluation gives."""
        return 1

    def bare(self):
        return rate(lambda: self.integrator.potential_grad(self.potential, self.start), self.each())

    def density(self, points):
        return self.task.names["sbs"].density.pyro(self.model, points, *self.arguments())


class PyroJit(Pyro):
    """Chapter 4's way: ``jit_compile=True``."""

    label = "jit_compile"

    def compile(self):
        self.build()
        from pyro.infer.mcmc.util import initialize_model

        self.start, self.potential, _, _ = initialize_model(
            self.model, self.arguments(), jit_compile=True, skip_jit_warnings=True
        )
        self.integrator.potential_grad(self.potential, self.start)

    def runs(self, seed):
        infer = self.pyro.infer
        self.pyro.set_rng_seed(seed)
        kernel = infer.NUTS(self.model, jit_compile=True, ignore_jit_warnings=True, target_accept_prob=self.task.target)
        mcmc = infer.MCMC(
            kernel,
            warmup_steps=self.task.warmup,
            num_samples=self.task.draws,
            num_chains=self.task.chains,
            disable_progbar=True,
        )
        mcmc.run(*self.arguments())
        return mcmc


class PyroThreads(PyroJit):
    """The same, with as many threads as PyTorch likes."""

    label = "jit_compile, many threads"

    def load(self):
        super().load()
        self.torch.set_num_threads(os.cpu_count() or 1)


class PyroReplayed(Pyro):
    """``sbs.compile_pyro``: the recorded density, replayed, and all chains one array."""

    label, course, at_once, fuse, depth = "compile_pyro, replayed", FEW_UNKNOWNS, "vectorised", False, 10

    def compile(self):
        self.build()
        compile_pyro = self.task.names["sbs"].compile_pyro
        self.compiled = compile_pyro(self.model, *self.arguments(), chains=self.task.chains, fuse=self.fuse)
        self.potential, self.start = self.compiled.potential, self.compiled.start()
        self.integrator.potential_grad(self.potential, self.start)

    def runs(self, seed):
        infer = self.pyro.infer
        self.pyro.set_rng_seed(seed)
        kernel = infer.NUTS(
            potential_fn=self.compiled.potential,
            transforms=self.compiled.transforms,
            target_accept_prob=self.task.target,
            max_tree_depth=self.depth,
        )
        mcmc = infer.MCMC(
            kernel,
            warmup_steps=self.task.warmup,
            num_samples=self.task.draws,
            initial_params=self.compiled.start(),
            disable_progbar=True,
        )
        mcmc.run()
        return mcmc

    def tree(self, run):
        return self.task.names["sbs"].from_pyro(run, vectorized=True)

    def each(self):
        return self.task.chains


class PyroFused(PyroReplayed):
    """The same, its operations fused by PyTorch's compiler."""

    label, course, gpu, fuse = "compile_pyro, fused", (), True, True


class PyroShallow(PyroFused):
    """Chapter 8's way: paths of at most 31 steps."""

    label, course, gpu, depth = "compile_pyro, fused, at most 31 steps", MANY_UNKNOWNS, False, 5


# ---- TFP -------------------------------------------------------------------------------------
class Tfp(Way):
    """TensorFlow Probability's windowed NUTS, model and sampler one program of XLA's, all chains together."""

    library, tag, label = "TFP", "tfp", "windowed NUTS, XLA"
    at_once, gpu, depth = "vectorised", True, 10
    next_seed = 0  # XLA compiles the sampler anew for each seed, and that should not count as sampling

    def load(self):
        super().load()
        self.tf, self.tfp = self.task.names["tf"], self.task.names["tfp"]

    def compile(self):
        self.build()
        tf, observed = self.tf, self.task.about["observed"]
        self.pins = {observed: self.task.names[observed]}
        pinned = self.posterior()
        bijector = pinned.experimental_default_event_space_bijector()
        start = self.begin(bijector)
        self.start = [tf.convert_to_tensor(part) for part in tf.nest.flatten(start)]

        def density(*parts):
            place = tf.nest.pack_sequence_as(start, parts)
            return pinned.unnormalized_log_prob(bijector.forward(place)) + bijector.forward_log_det_jacobian(place)

        self.gradient = lambda *parts: self.tfp.math.value_and_gradient(density, list(parts))
        tf.function(self.gradient, jit_compile=True, autograph=False)(*self.start)[0].numpy()

    def posterior(self):
        """Return what has the posterior's density."""
        return self.model.experimental_pin(**self.pins)

    def begin(self, bijector):
        """Return a place to begin for each chain, unconstrained."""
        first = self.model.experimental_pin(**self.pins)
        return bijector.inverse(first.sample_unpinned(self.task.chains, seed=self.tf.constant([0, 1])))

    def sampled(self):
        """Return what the sampler is given: the model, and the parts that are observed."""
        return self.model, self.pins

    def named(self, draws):
        """Return the sampler's draws by name."""
        return draws if isinstance(draws, dict) else draws._asdict()

    def sample(self, seed):
        if not hasattr(self, "program"):
            task, (model, pins) = self.task, self.sampled()

            @self.tf.function(jit_compile=True, autograph=False)
            def program(seed):
                return self.tfp.experimental.mcmc.windowed_adaptive_nuts(
                    task.draws,
                    model,
                    n_chains=task.chains,
                    num_adaptation_steps=task.warmup,
                    dual_averaging_kwargs={"target_accept_prob": task.target},
                    max_tree_depth=self.depth,
                    discard_tuning=False,  # so that warm-up's steps can be counted
                    seed=seed,
                    **pins,
                )

            self.program = program
        draws, trace = self.program(self.tf.constant([0, seed]))
        named = self.named(draws)
        kept = {name: trace[name].numpy() for name in ("n_steps", "diverging")}
        return {name: values.numpy() for name, values in named.items()}, kept

    def read(self, run):
        draws, trace = run
        kept = slice(self.task.warmup, None)
        posterior = {name: np.swapaxes(values[kept], 0, 1) for name, values in draws.items()}
        return Draws(posterior, int(trace["diverging"][kept].sum()), float(trace["n_steps"].sum()))

    def bare(self):
        tf, loop = self.tf, loop_of(self.task.about["rows"])

        def step(*parts):
            value, slopes = self.gradient(*parts)
            spared = 1e-300 * tf.reduce_sum(value)  # so that nothing can be spared
            return [part + 1e-12 * slope + spared for part, slope in zip(parts, slopes, strict=True)]

        @tf.function(jit_compile=True, autograph=False)
        def spell(*parts):
            return tf.while_loop(lambda *_: True, step, parts, maximum_iterations=loop)

        return rate(lambda: spell(*self.start)[0].numpy(), loop * self.task.chains)

    def density(self, points):
        observed = self.task.about["observed"]
        return self.task.names["sbs"].density.tfp(self.model, points, **{observed: self.task.names[observed]})


class TfpPacked(Tfp):
    """``sbs.pack_tfp``: the unknowns are one vector, which XLA compiles faster."""

    label, course = "windowed NUTS, XLA, packed", FEW_UNKNOWNS

    def posterior(self):
        self.packed = self.task.names["sbs"].pack_tfp(self.model, **self.pins)
        return self.packed

    def begin(self, bijector):
        parts = self.tf.nest.flatten(super().begin(self.packed._constrain))
        flat = [self.tf.reshape(part, (self.task.chains, -1)) for part in parts]
        return [self.tf.concat(flat, axis=-1)]

    def sampled(self):
        return self.packed, {}

    def named(self, draws):
        return super().named(self.packed.unpack(draws))


class TfpShallow(TfpPacked):
    """Chapter 8's way: packed, and paths of at most 31 steps, for which XLA sets less room aside."""

    label, course, gpu, depth = "windowed NUTS, XLA, packed, at most 31 steps", MANY_UNKNOWNS, False, 5


WAYS: dict[str, type[Way]] = {
    "pymc-nutpie-numba": NutpieNumba,
    "pymc-nutpie-jax": NutpieJax,
    "pymc-own-numba": PyMCOwnNumba,
    "pymc-own-c": PyMCOwnC,
    "pymc-own-jax": PyMCOwnJax,
    "pymc-numpyro-vectorized": PyMCNumPyroVectorised,
    "pymc-numpyro-parallel": PyMCNumPyroParallel,
    "pymc-blackjax-vectorized": PyMCBlackJaxVectorised,
    "pymc-blackjax-parallel": PyMCBlackJaxParallel,
    "stan": Stan,
    "numpyro-vectorized": NumPyroVectorised,
    "numpyro-parallel": NumPyroParallel,
    "numpyro-sequential": NumPyroSequential,
    "pyro-jit": PyroJit,
    "pyro-jit-threads": PyroThreads,
    "pyro-replayed": PyroReplayed,
    "pyro-fused": PyroFused,
    "pyro-shallow": PyroShallow,
    "tfp": Tfp,
    "tfp-packed": TfpPacked,
    "tfp-shallow": TfpShallow,
}

# A model that is wrong on purpose: a prior that knows the line to be low. It is quick, and must not count.
CANARY = ("numpyro-vectorized", "hogg", [("dist.Normal(4, 2)", "dist.Normal(0, 0.5)")])
