"""A Pyro model as recorded or compiled code, for models whose chains would take many minutes.

Pyro evaluates a model one PyTorch operation at a time. ``jit_compile=True`` spares Python the model's own code but not
the bookkeeping of its gradient. Here PyTorch records the operations of the log density and of its gradient once
(``make_fx``); then either its compiler (TorchInductor, which needs a C++ compiler) fuses them into a few loops, or
TorchScript replays them one by one (``torch.jit.trace``). All unknowns are one vector, as in ``pack_tfp``, since Pyro's
sampler does its own bookkeeping for each unknown that it is given. Several chains can be one array
(``torch.func.vmap``), so that Python's part of a step is paid once for all of them. The sampler stays Pyro's own.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidebyside.libraries import leave_triton_out, need

ALL = "unconstrained"  # the one unknown that Pyro's sampler sees


@dataclass(frozen=True)
class UnknownsInOneVector:
    """Where each unknown of a model stands in the vector of all of them; to ``pyro.infer.MCMC`` it is a transform.

    Attributes
    ----------
    shapes : mapping
        Shape of each unknown on the unconstrained scale, in the order of the vector.
    transforms : mapping
        Per constrained unknown, the transform to the unconstrained scale.
    """

    shapes: Mapping[str, tuple[int, ...]]
    transforms: Mapping[str, Any]

    def pack(self, values: Mapping[str, Any]):
        """Return unconstrained values, ``{name: shape (..., *shape)}``, as a tensor of shape (..., unknowns)."""
        import torch

        parts = []
        for name, shape in self.shapes.items():
            before = values[name].shape[: values[name].dim() - len(shape)]
            parts.append(values[name].reshape((*before, math.prod(shape))))
        return torch.cat(parts, -1)

    def split(self, vector) -> dict[str, Any]:
        """Return the unknowns of a tensor of shape (..., unknowns), unconstrained, ``{name: shape (..., *shape)}``."""
        parts = vector.split([math.prod(shape) for shape in self.shapes.values()], -1)
        return {
            name: part.reshape((*vector.shape[:-1], *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def unpack(self, vector) -> dict[str, Any]:
        """Return the unknowns of a tensor of shape (..., unknowns) on the model's scale, ``{name: tensor}``."""
        return {
            name: self.transforms[name].inv(values) if name in self.transforms else values
            for name, values in self.split(vector).items()
        }

    def inv(self, vector):
        """Return draws as they are: a transform of Pyro's returns one tensor, so that ``from_pyro`` unpacks them."""
        return vector


@dataclass(frozen=True)
class CompiledModel:
    """What ``pyro.infer.NUTS`` and ``pyro.infer.MCMC`` take in place of a model.

    The sampler's one unknown, "unconstrained", is the vector of all unknowns of the model, and so it is in
    ``mcmc.get_samples()``. ``from_pyro`` returns the model's own; ``unknowns.unpack`` does so by hand.

    Attributes
    ----------
    potential : callable
        Minus the log density at ``{"unconstrained": tensor}`` of shape (unknowns,); differentiable once. With several
        chains the shape is (chains, unknowns), and it is the sum over them.
    unknowns : UnknownsInOneVector
        Where each unknown stands in that vector.
    start : callable
        Draws a starting point anew at each call, ``{"unconstrained": tensor}``, with several chains one for each; its
        randomness is Pyro's.
    """

    potential: Callable[[Mapping[str, Any]], Any]
    unknowns: UnknownsInOneVector
    start: Callable[[], dict[str, Any]]

    @property
    def transforms(self) -> dict[str, Any]:
        """What Pyro's ``NUTS`` takes as ``transforms``, and ``from_pyro`` finds in its run."""
        return {ALL: self.unknowns}


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
    fuse : True has the operations fused by PyTorch's compiler, which takes 2 to 10 seconds (longest the first time) and
        needs a C++ compiler. False replays them one by one: ready in a second, and each step takes longer, 0.47 instead
        of 0.26 ms with a line of three unknowns, 0.76 instead of 0.29 ms with the ninety of chapter 8 (four chains, one
        core)

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
        unknowns = UnknownsInOneVector({name: tuple(value.shape) for name, value in first.items()}, transforms)

        def start() -> dict[str, Any]:
            starts = [unknowns.pack(initialize_model(model, data)[0]) for _ in range(chains or 1)]
            return {ALL: starts[0] if chains is None else torch.stack(starts)}

        # recorded, the model is PyTorch's operations alone, and those are what vmap can do for all chains at once
        names = list(first)
        energy_of = make_fx(lambda *values: potential(dict(zip(names, values, strict=True))))(*first.values())

        def energy_and_slope(vector):
            leaf = vector.detach().requires_grad_()
            values = unknowns.split(leaf).values()
            energy = energy_of(*values) if chains is None else torch.func.vmap(energy_of)(*values).sum()
            return energy.detach(), *torch.autograd.grad(energy, leaf)

        # not start(): what is drawn after a seed must not depend on an example
        example = unknowns.pack(first) if chains is None else torch.stack([unknowns.pack(first)] * chains)
        recorded = make_fx(energy_and_slope)(example)
        _keep_what_masks_find(recorded)
        fast = _fused(recorded, example) if fuse else _replayed(recorded, example)

    class Energy(torch.autograd.Function):
        """Gives Pyro, which asks autograd for the gradient, the one that the compiled code has found already."""

        @staticmethod
        def forward(ctx, vector):
            # compiled code reads memory without looking at what it holds
            if vector.shape != example.shape or vector.dtype != example.dtype:
                raise ValueError(
                    f"The compiled model takes {example.dtype} of shape {tuple(example.shape)}, as start() returns, "
                    f"and got {vector.dtype} of shape {tuple(vector.shape)}."
                )
            energy, ctx.slope = fast(vector.detach().contiguous())
            return energy

        @staticmethod
        def backward(ctx, outer):
            return outer * ctx.slope

    return CompiledModel(potential=lambda position: Energy.apply(position[ALL]), unknowns=unknowns, start=start)


def _keep_what_masks_find(recorded) -> None:
    """Replace, in place, constant masks by the places that they find, whose number PyTorch's compiler can't tell.

    The transform of an LKJ prior's Cholesky factor fills and reads the triangle of a matrix by such masks.
    """
    import torch

    aten, graph = torch.ops.aten, recorded.graph

    def kept(value, node):
        name = f"found_by_mask_{len(list(recorded.buffers()))}"
        recorded.register_buffer(name, value)
        with graph.inserting_before(node):
            return graph.get_attr(name)

    def places(index, node) -> list:
        value = _constant(recorded, index) if isinstance(index, torch.fx.Node) else None
        if value is None or value.dtype != torch.bool:
            return [index]
        return [kept(column.contiguous(), node) for column in value.nonzero().unbind(1)]

    for node in list(graph.nodes):
        if node.target == aten.nonzero.default and (value := _constant(recorded, node)) is not None:
            node.replace_all_uses_with(kept(value, node))
            graph.erase_node(node)
        elif node.target in (aten.index.Tensor, aten.index_put.default, aten.index_put_.default):
            indices = [place for index in node.args[1] for place in places(index, node)]
            node.args = (node.args[0], indices, *node.args[2:])
    recorded.recompile()


def _constant(recorded, node):
    """Return the value of a node of a recorded graph; None if it depends on an unknown."""
    import torch

    if node.op == "get_attr":
        return getattr(recorded, node.target)
    if node.op != "call_function":
        return None
    known = {other: _constant(recorded, other) for other in node.all_input_nodes}
    if any(value is None for value in known.values()):
        return None
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), known.get)
    return node.target(*args, **kwargs)


def _fused(recorded: Callable, example) -> Callable:
    import torch
    from torch._inductor.exc import InductorError, InvalidCxxCompiler

    try:
        # not torch.compile, which looks at each call whether its code still holds: longer than the code itself takes
        return torch._inductor.compile(recorded, [example])
    except (InductorError, InvalidCxxCompiler) as error:
        if not isinstance(getattr(error, "inner_exception", error), InvalidCxxCompiler):
            raise
        raise RuntimeError(
            "PyTorch finds no C++ compiler: install one ('python -m sidebyside doctor' says how), "
            "or call compile_pyro(..., fuse=False), which needs none and takes longer for each step."
        ) from error


def _replayed(recorded: Callable, example) -> Callable:
    import torch

    with warnings.catch_warnings():
        # deprecated, and what Pyro's own jit_compile=True rests on too: both will need another way when it goes
        warnings.filterwarnings("ignore", "`torch.jit.trace` is deprecated", FutureWarning)
        return torch.jit.trace(lambda vector: recorded(vector), (example,), check_trace=False)
