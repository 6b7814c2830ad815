"""A Pyro model as recorded or compiled code, for models whose chains would take many minutes.

Pyro evaluates a model one PyTorch operation at a time. ``jit_compile=True`` spares Python the model's own code but not
the bookkeeping of its gradient. Here PyTorch records the operations of the log density and of its gradient once
(``make_fx``); then either its compiler (``torch.compile``, which needs a C++ compiler) fuses them into a few loops, or
TorchScript replays them one by one (``torch.jit.trace``). Several chains can be one array (``torch.func.vmap``), so
that Python's part of a step is paid once for all of them. The sampler stays Pyro's own.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidebyside.libraries import leave_triton_out, need


@dataclass(frozen=True)
class CompiledModel:
    """What ``pyro.infer.NUTS`` and ``pyro.infer.MCMC`` take in place of a model.

    Attributes
    ----------
    potential : minus the log density at unconstrained values, ``{name: tensor}``; differentiable once. With several
        chains the tensors have the shape (chains, ...), and it is the sum over them
    transforms : per constrained parameter, the transform to the unconstrained scale
    start : draws a starting point anew at each call, ``{name: tensor}``, unconstrained, with several chains one for
        each; its randomness is Pyro's
    """

    potential: Callable[[Mapping[str, Any]], Any]
    transforms: Mapping[str, Any]
    start: Callable[[], dict[str, Any]]


def compile_pyro(model: Callable, *data, chains: int | None = None, fuse: bool = True) -> CompiledModel:
    """Compile a Pyro model's log density and its gradient.

    Parameters
    ----------
    model : a Pyro model whose unknowns are all continuous and always the same (no branches that depend on their values)
    data : what the model is called with, tensors and others; it becomes part of the compiled code
    chains : number of chains that one sampler moves together, each on its own copy of the model. Pyro sees
        one chain with that many times the unknowns: the step size, each path's direction and length, and the choice of
        the point on it are common to all (NumPyro's vectorized chains make their own), and a divergence counts for all.
        R-hat and effective sample size, which assume independent chains, hold only approximately. With chapter 5's
        line and 100 runs of 1,000 draws in NumPyro, no R-hat exceeded 1.01, and errors of means were 0.9 to 1.0 times
        what the effective sample size says, with the common choice as with independent chains. Not measured for
        posteriors with several modes. Convert the run with ``from_pyro(mcmc, vectorized=True)``.
        None: one chain, without an axis for it
    fuse : True has the operations fused by PyTorch's compiler, which takes some 15 seconds the first time and needs a
        C++ compiler. False replays them one by one: ready in a second, and no slower for a model of few operations
        (chapter 6's; for chapter 8b's, with some hundred, two thirds as fast)

    Raises
    ------
    ValueError : ``chains`` is less than 1
    RuntimeError : PyTorch finds no C++ compiler to fuse with
    LibraryMissingError : Pyro is not installed
    """
    need("Pyro")
    if chains is not None and chains < 1:
        raise ValueError(f"chains must be at least 1, or left out; it is {chains}.")
    import pyro
    import torch
    from pyro.infer.mcmc.util import initialize_model
    from torch.fx.experimental.proxy_tensor import make_fx

    leave_triton_out()

    # Pyro's validation looks at values, and there are none while operations are recorded
    with pyro.validation_enabled(False):
        first, potential, transforms, _ = initialize_model(model, data)
        names = list(first)

        def start() -> dict[str, Any]:
            if chains is None:
                return initialize_model(model, data)[0]
            starts = [initialize_model(model, data)[0] for _ in range(chains)]
            return {name: torch.stack([one[name] for one in starts]) for name in names}

        # recorded, the model is PyTorch's operations alone, and those are what vmap can do for all chains at once
        energy_of = make_fx(lambda *values: potential(dict(zip(names, values, strict=True))))(*first.values())

        def energy_and_slopes(*values):
            leaves = [value.detach().requires_grad_() for value in values]
            energy = energy_of(*leaves) if chains is None else torch.func.vmap(energy_of)(*leaves).sum()
            return energy.detach(), *torch.autograd.grad(energy, leaves)

        # not start(): what is drawn after a seed must not depend on an example
        example = [value if chains is None else torch.stack([value] * chains) for value in first.values()]
        recorded = make_fx(energy_and_slopes)(*example)
        fast = _fused(recorded, example) if fuse else _replayed(recorded, example)

    class Energy(torch.autograd.Function):
        """Gives Pyro, which asks autograd for the gradient, the one that the compiled code has found already."""

        @staticmethod
        def forward(ctx, *values):
            energy, *ctx.slopes = fast(*values)
            return energy

        @staticmethod
        def backward(ctx, outer):
            return tuple(outer * slope for slope in ctx.slopes)

    return CompiledModel(
        potential=lambda position: Energy.apply(*(position[name] for name in names)),
        transforms=transforms,
        start=start,
    )


def _fused(recorded: Callable, example: list) -> Callable:
    import torch
    from torch._inductor.exc import InductorError, InvalidCxxCompiler

    fused = torch.compile(recorded)
    try:
        fused(*example)  # compiles
    except InductorError as error:
        if not isinstance(error.inner_exception, InvalidCxxCompiler):
            raise
        raise RuntimeError(
            "PyTorch finds no C++ compiler: install one ('python -m sidebyside doctor' says how), "
            "or call compile_pyro(..., fuse=False), which needs none and takes longer for each step."
        ) from error
    return fused


def _replayed(recorded: Callable, example: list) -> Callable:
    import torch

    with warnings.catch_warnings():
        # deprecated, and what Pyro's own jit_compile=True rests on too: both will need another way when it goes
        warnings.filterwarnings("ignore", "`torch.jit.trace` is deprecated", FutureWarning)
        return torch.jit.trace(lambda *values: recorded(*values), tuple(example), check_trace=False)
