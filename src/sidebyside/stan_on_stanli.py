"""PyStan's calls on stanli, an interpreter for Stan programs: what ``import stan`` loads where PyStan can't run.

``stan_engine.py`` decides where that is. stanli translates and samples; BridgeStan, which it serves, transforms
parameters and evaluates log densities. Of PyStan this has what the course and ``arviz_base.from_pystan`` use.
Differences: a variable of size 0 has no name here, ``fixed_param`` needs initial values if the program has parameters,
and an interrupted ``sample`` raises KeyboardInterrupt (PyStan returns None).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import stanli

from sidebyside.stan_engine import why_stanli

__version__ = f"stanli {stanli.__version__}"

if __name__ == "stan":
    print(  # noqa: T201
        f"Stan runs on stanli {stanli.__version__}, because {why_stanli()}. stanli interprets Stan programs and is "
        "young (first release in August 2026); the checks in the chapter verify its results."
    )

_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"[^"\n]*"|\w+|[{}]', re.DOTALL)  # comments and strings first
_NO_VALUE = re.compile(r"no starting value for parameter (\w+)")
# stanli's names for arguments of PyStan's sample
_ARGUMENTS = {
    "num_samples": "samples",
    "num_warmup": "warmup",
    "num_thin": "thin",
    "save_warmup": "save_warmup",
    "delta": "delta",
    "max_depth": "max_depth",
    "stepsize": "step_size",
    "init_radius": "init_radius",
    "refresh": "refresh",
}


def build(program_code: str, data: Mapping[str, Any] | None = None, random_seed: int | None = None) -> Model:
    """Translate a Stan program and bind its data.

    Parameters
    ----------
    program_code : str
        The Stan program.
    data : mapping of str to number, sequence or array, optional
        The value of each variable in the data block.
    random_seed : int, optional
        Seeds the sampler; without it each fit has other draws.

    Returns
    -------
    Model
        With PyStan's attributes and methods.

    Raises
    ------
    ValueError
        If the program has a syntax or semantic error; the translator's message is printed to stderr, as by PyStan.
    RuntimeError
        If the data don't fit their declarations.
    """
    try:
        _translated(program_code)
    except RuntimeError as error:
        kind = re.search(r"(Syntax|Semantic) error", str(error))
        if kind is None:
            raise
        print(str(error), file=sys.stderr)  # noqa: T201
        raise ValueError(kind[0]) from None
    plain = json.loads(json.dumps(dict(data or {}), default=_plain))
    names = _bridge(program_code, plain, random_seed).param_names(include_tp=True, include_gq=True)
    shapes: dict[str, list[int]] = {}
    for name in names:  # such as y.2.3
        variable, *index = name.split(".")
        shapes[variable] = [int(part) for part in index]  # the last element has the largest indices
    constrained = tuple(names)
    digest = hashlib.sha256(program_code.encode()).hexdigest()[:8]
    return Model(
        f"models/{digest}", program_code, plain, tuple(shapes), constrained, tuple(shapes.values()), random_seed
    )


@lru_cache(maxsize=32)
def _translated(program_code: str) -> str:
    return stanli.stan_to_mir(program_code)


def _plain(value: Any) -> Any:
    """Return an array or a number of NumPy's, or a column of pandas', as JSON has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be data of a Stan program: give numbers, lists or arrays.")


def _bridge(program_code: str, data: Mapping[str, Any], seed: int | None):
    """Return a ``bridgestan.StanModel`` of a program with its data."""
    return stanli.bridgestan_model(mir=_translated(program_code), data=data, seed=1 if seed is None else seed)


def without_model(program_code: str) -> str:
    """Return a Stan program with its model block emptied: its log density is that of the transforms' Jacobian alone."""
    depth, start, word = 0, None, ""
    for token in _TOKENS.finditer(program_code):
        text = token[0]
        if text.startswith(("//", "/*", '"')):
            continue
        if text == "{":
            if depth == 0 and word == "model":
                start = token.end()
            depth += 1
        elif text == "}":
            depth -= 1
            if depth == 0 and start is not None:
                return program_code[:start] + program_code[token.start() :]
        word = text
    return program_code


@dataclass(frozen=True)
class Model:
    """A Stan program with its data, as PyStan's ``stan.model.Model``; :func:`build` makes it.

    Attributes
    ----------
    model_name : str
        Depends on the program's text alone.
    program_code : str
        The program.
    data : dict
        Numbers and lists, by variable. Another copy of the model may have other data (``dataclasses.replace``).
    param_names : tuple of str
        Parameters, transformed parameters, generated quantities, in the program's order.
    constrained_param_names : tuple of str
        The name of each number, such as ``theta.2``.
    dims : tuple of list of int
        The shape of each variable in ``param_names``.
    random_seed : int or None
        The sampler's seed.
    """

    model_name: str
    program_code: str
    data: dict
    param_names: tuple[str, ...]
    constrained_param_names: tuple[str, ...]
    dims: tuple[list[int], ...]
    random_seed: int | None

    @cached_property
    def _model(self):
        return _bridge(self.program_code, self.data, self.random_seed)

    @cached_property
    def _jacobian(self):
        return _bridge(without_model(self.program_code), self.data, self.random_seed)

    def _seed(self) -> int:
        return int(np.random.default_rng().integers(1, 2**31)) if self.random_seed is None else self.random_seed

    def sample(self, *, num_chains: int = 4, init: Sequence[Mapping] | None = None, **arguments: Any) -> Fit:
        """Draw with NUTS and a diagonal metric.

        Parameters
        ----------
        num_chains : int
            How many chains.
        init : sequence of mapping of str to value, optional
            For each chain the initial value of every parameter.
        **arguments
            ``num_samples``, ``num_warmup``, ``num_thin``, ``save_warmup``, ``delta``, ``max_depth``, ``stepsize``,
            ``init_radius`` and ``refresh``, with PyStan's meaning. Others raise TypeError.

        Returns
        -------
        Fit
            The draws.
        """
        if unknown := sorted(set(arguments) - set(_ARGUMENTS)):
            raise TypeError(f"stanli has no argument for {', '.join(unknown)}; sample takes {', '.join(_ARGUMENTS)}.")
        given = {"refresh": 0} | {_ARGUMENTS[name]: value for name, value in arguments.items()}
        if init is not None:
            given["inits"] = self._starts(init, num_chains)
        seed = self._seed()
        model = stanli.Model(mir=_translated(self.program_code), data=self.data, seed=seed)
        drawn = model.sample(chains=num_chains, seed=seed, **given)
        values = np.concatenate([drawn.sampler_stats, drawn.draws()], axis=2).transpose(2, 1, 0)
        return self._fit(values, stanli.SAMPLER_COLUMNS, **arguments)

    hmc_nuts_diag_e_adapt = sample

    def fixed_param(
        self, *, num_chains: int = 4, num_samples: int = 1000, num_thin: int = 1, init: Sequence[Mapping] | None = None
    ) -> Fit:
        """Compute the generated quantities again and again, with parameters that stay as they are.

        Parameters
        ----------
        num_chains, num_samples, num_thin : int
            How many chains, how many sets of generated quantities in each, and each how-manieth of them is kept.
        init : sequence of mapping of str to value, optional
            For each chain the value of every parameter.

        Returns
        -------
        Fit
            The draws.

        Raises
        ------
        ValueError
            If the program has parameters and no ``init`` is given: PyStan would choose the values at random.
        """
        size = self._model.param_unc_num()
        if size and init is None:
            raise ValueError("On stanli, fixed_param needs init: the value of every parameter, for each chain.")
        starts = self._starts(init, num_chains) if init else np.empty((num_chains, 0))
        seed, chains = self._seed(), []
        for chain, start in enumerate(starts):
            dice = self._model.new_rng(seed + chain)
            rows = [
                self._model.param_constrain(start, include_tp=True, include_gq=True, rng=dice)
                for _ in range(num_samples)
            ]
            chains.append(np.array(rows)[::num_thin].T)
        draws = np.stack(chains, axis=2)
        values = np.concatenate([np.zeros((2, *draws.shape[1:])), draws])
        return self._fit(values, ("lp__", "accept_stat__"), num_samples=num_samples, num_warmup=0, num_thin=num_thin)

    def _fit(self, values: np.ndarray, statistics: Sequence[str], **arguments: Any) -> Fit:
        lengths = {"num_samples": 1000, "num_warmup": 1000, "num_thin": 1, "save_warmup": False} | arguments
        kept = {name: lengths[name] for name in ("num_warmup", "num_samples", "num_thin", "save_warmup")}
        names = self.param_names, self.constrained_param_names, self.dims
        return Fit(values, tuple(statistics), *names, num_chains=values.shape[2], **kept)

    def _starts(self, init: Sequence[Mapping], num_chains: int) -> np.ndarray:
        if len(init) != num_chains:
            raise ValueError("Initial values must be provided for each chain.")
        return np.array([self.unconstrain_pars(values) for values in init])

    def constrain_pars(
        self, unconstrained_parameters: Sequence[float], include_tparams: bool = True, include_gqs: bool = True
    ) -> list[float]:
        """Return parameters on their own scale, with transformed parameters and generated quantities if asked for."""
        at = np.asarray(unconstrained_parameters, dtype=float)
        dice = self._model.new_rng(self._seed()) if include_gqs else None
        return self._model.param_constrain(at, include_tp=include_tparams, include_gq=include_gqs, rng=dice).tolist()

    def unconstrain_pars(self, constrained_parameters: Mapping[str, Any]) -> list[float]:
        """Return parameters, given by name, on the unconstrained scale. Other names are ignored, as PyStan does.

        Raises
        ------
        RuntimeError
            If a parameter is lacking, or has a value that its declaration excludes.
        """
        parameters = {name.split(".")[0]: None for name in self._model.param_names()}
        for name in parameters:
            if name not in constrained_parameters:
                raise RuntimeError(f"variable does not exist; variable name={name}; base type=double")
        values = {name: constrained_parameters[name] for name in parameters}
        while True:
            try:
                return self._model.param_unconstrain_json(json.dumps(values, default=_plain)).tolist()
            except RuntimeError as error:
                lacking = _NO_VALUE.search(str(error))
                if lacking is None or lacking[1] in values:
                    raise
                values[lacking[1]] = []  # no number bears its name, so its size is 0

    def log_prob(self, unconstrained_parameters: Sequence[float], adjust_transform: bool = True) -> float:
        """Return the log density, constants dropped, with the Jacobian of the transforms or without."""
        at = np.asarray(unconstrained_parameters, dtype=float)
        density = self._model.log_density(at)
        return density if adjust_transform else density - self._jacobian.log_density(at)

    def grad_log_prob(self, unconstrained_parameters: Sequence[float]) -> list[float]:
        """Return the gradient of the log density, the Jacobian of the transforms included."""
        return self._model.log_density_gradient(np.asarray(unconstrained_parameters, dtype=float))[1].tolist()


@dataclass(frozen=True, repr=False)
class Fit(Mapping):
    """Draws, as PyStan's ``stan.fit.Fit``; ``fit["theta"]`` has the shape (*dims, draws of all chains).

    Attributes
    ----------
    sample_and_sampler_param_names : tuple of str
        The sampler's statistics, such as ``divergent__``.
    param_names, constrained_param_names, dims
        As in :class:`Model`.
    num_chains, num_warmup, num_samples, num_thin, save_warmup
        How it was drawn.
    """

    _draws: np.ndarray  # (statistics, then numbers; draws; chains), which arviz_base reads
    sample_and_sampler_param_names: tuple[str, ...]
    param_names: tuple[str, ...]
    constrained_param_names: tuple[str, ...]
    dims: tuple[list[int], ...]
    num_chains: int
    num_warmup: int
    num_samples: int
    num_thin: int
    save_warmup: bool

    def __contains__(self, name: object) -> bool:
        return name in self.param_names

    def __getitem__(self, name: str) -> np.ndarray:
        shape = [] if name in self.sample_and_sampler_param_names else self.dims[self.param_names.index(name)]
        rows = self._draws[list(self._parameter_indexes(name))]
        return rows.reshape(len(rows), -1).reshape(*(shape or [1]), -1, order="F")

    def __iter__(self) -> Iterator[str]:
        return iter(self.param_names)

    def __len__(self) -> int:
        return len(self.param_names)

    def __repr__(self) -> str:
        lines = [f"    {name}: {tuple(shape)}" for name, shape in zip(self.param_names, self.dims, strict=True)]
        return "\n".join(["<stan.Fit>", "Parameters:", *lines, f"Draws: {self._draws[0].size}"])

    def to_frame(self):
        """Return a pandas DataFrame with one row per draw, one column per statistic and number."""
        import pandas as pd

        columns = self.sample_and_sampler_param_names + self.constrained_param_names
        frame = pd.DataFrame(self._draws.reshape(len(columns), -1).T, columns=columns)
        frame.index.name, frame.columns.name = "draws", "parameters"
        return frame

    def _parameter_indexes(self, name: str) -> tuple[int, ...]:
        """Return the rows of ``_draws`` that hold a variable; arviz_base asks for it."""
        if name in self.sample_and_sampler_param_names:
            return (self.sample_and_sampler_param_names.index(name),)
        which = self.param_names.index(name)
        sizes = [int(np.prod(shape)) for shape in self.dims]
        start = len(self.sample_and_sampler_param_names) + sum(sizes[:which])
        return tuple(range(start, start + sizes[which]))
