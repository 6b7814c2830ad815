"""A Pyro model as machine code, for models whose chains would take many minutes.

Pyro evaluates a model one PyTorch operation at a time. ``jit_compile=True`` spares Python the model's own code but not
the many small operations. Here PyTorch records the operations of the log density and of its gradient once
(``make_fx``) and its compiler (``torch.compile``, which needs a C++ compiler) fuses them into a few loops: ten times
faster for chapter 8's models. Several chains can be one array (``torch.func.vmap``), so that Python's part of a step is
paid once for all of them. The sampler stays Pyro's own.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidebyside.libraries import need


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


def compile_pyro(model: Callable, *data, chains: int | None = None) -> CompiledModel:
    """Compile a Pyro model's log density and its gradient.

    Parameters
    ----------
    model : a Pyro model whose unknowns are all continuous and always the same (no branches that hang on their values)
    data : what the model is called with, tensors and others; it becomes part of the compiled code
    chains : number of chains that one sampler shall move together, each on a copy of the model of its own. They have
        the step size and the length of each path in common (NumPyro's vectorized chains have not), and nothing else.
        Convert the run with ``from_pyro(mcmc, vectorized=True)``. None: one chain, without an axis for it

    Raises
    ------
    ValueError : ``chains`` is less than 1
    LibraryMissingError : Pyro is not installed
    """
    need("Pyro")
    if chains is not None and chains < 1:
        raise ValueError(f"chains must be at least 1, or left out; it is {chains}.")
    import pyro
    import torch
    from pyro.infer.mcmc.util import initialize_model
    from torch.fx.experimental.proxy_tensor import make_fx

    # Triton serves GPUs, and aborts the process where TensorFlow has loaded its own LLVM before; PyTorch does without
    sys.modules.setdefault("triton", None)

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

        # not start(): what is drawn after a seed must not hang on an example
        example = [value if chains is None else torch.stack([value] * chains) for value in first.values()]
        fused = torch.compile(make_fx(energy_and_slopes)(*example))
        fused(*example)  # compiles

    class Energy(torch.autograd.Function):
        """Gives Pyro, which asks autograd for the gradient, the one that the compiled code has found already."""

        @staticmethod
        def forward(ctx, *values):
            energy, *ctx.slopes = fused(*values)
            return energy

        @staticmethod
        def backward(ctx, outer):
            return tuple(outer * slope for slope in ctx.slopes)

    return CompiledModel(
        potential=lambda position: Energy.apply(*(position[name] for name in names)),
        transforms=transforms,
        start=start,
    )
