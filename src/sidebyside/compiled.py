"""A Pyro model as machine code, for models whose chains would take many minutes.

Pyro evaluates a model one PyTorch operation at a time. ``jit_compile=True`` spares Python the model's own code but not
the many small operations. Here PyTorch records the operations of the log density and of its gradient once
(``make_fx``) and its compiler (``torch.compile``, which needs a C++ compiler) fuses them into a few loops: ten times
faster for chapter 8's models. The sampler stays Pyro's own.
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
    potential : minus the log density at unconstrained values, ``{name: tensor}``; differentiable once
    transforms : per constrained parameter, the transform to the unconstrained scale
    start : draws a starting point anew at each call, ``{name: tensor}``, unconstrained; its randomness is Pyro's
    """

    potential: Callable[[Mapping[str, Any]], Any]
    transforms: Mapping[str, Any]
    start: Callable[[], dict[str, Any]]


def compile_pyro(model: Callable, *data) -> CompiledModel:
    """Compile a Pyro model's log density and its gradient.

    Parameters
    ----------
    model : a Pyro model whose unknowns are all continuous and always the same (no branches that hang on their values)
    data : what the model is called with, tensors and others; it becomes part of the compiled code

    Raises
    ------
    LibraryMissingError : Pyro is not installed
    """
    need("Pyro")
    import pyro
    import torch
    from pyro.infer.mcmc.util import initialize_model
    from torch.fx.experimental.proxy_tensor import make_fx

    # Triton serves GPUs, and aborts the process where TensorFlow has loaded its own LLVM before; PyTorch does without
    sys.modules.setdefault("triton", None)

    # Pyro's validation looks at values, and there are none while operations are recorded
    with pyro.validation_enabled(False):
        start, potential, transforms, _ = initialize_model(model, data)
        names = list(start)

        def energy_and_slopes(*values):
            position = {name: value.detach().requires_grad_() for name, value in zip(names, values, strict=True)}
            energy = potential(position)
            return energy.detach(), *torch.autograd.grad(energy, list(position.values()))

        fused = torch.compile(make_fx(energy_and_slopes)(*start.values()))
        fused(*start.values())  # compiles

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
        start=lambda: initialize_model(model, data)[0],
    )
