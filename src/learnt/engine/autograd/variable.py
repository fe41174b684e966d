"""A variable: an array, its gradient, and how it was computed; `apply` computes the next one.

That record is a graph of operations, from results back to inputs; `backward` walks it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from learnt.engine.autograd.changes import Clock, rebased_since
from learnt.engine.autograd.mode import mode
from learnt.engine.op import Array, Op


class Variable:
    """What `Tensor` builds on; everything but the array has a default in the class."""

    make: ClassVar[Callable[[Array], Any]]  # the class of results: Tensor, as soon as there is one

    grad: Any = None  # a tensor, once backward() has reached this leaf
    requires_grad: bool = False
    op: Op | None = None  # what it was computed by, where that is recorded
    inputs: tuple[Any, ...] = ()  # none: among operations, a variable is a leaf, …
    time: int = 0  # … older than all of them
    base: "Variable | None" = None  # whose memory this is a view of, and …
    view_op: Op | None = None  # … how
    shared: bool = False  # does anything else look at this memory?
    hooks: dict[int, Callable[[Any], Any]] | None = None  # called with the gradient

    def __init__(self, array: Array, requires_grad: bool = False) -> None:
        self.array = array if type(array) is np.ndarray else np.asarray(array)
        if requires_grad:
            check_fractions(self.array)
            self.requires_grad = True


if TYPE_CHECKING:  # operations take and return tensors, and a tensor is made of operations
    from learnt.engine.tensor import Tensor
else:
    Tensor = Variable


def wrap(array: Any) -> Tensor:
    """A tensor without history, on the memory of `array`."""
    found: Tensor = Variable.make(array)
    return found


def apply(op: Op, *inputs: Variable) -> Tensor:
    """The result of `op` on `inputs`, remembering both where a gradient will be wanted."""
    for t in inputs:
        if not isinstance(t, Variable):
            name, given = type(op).__name__.lower(), type(t).__name__
            raise TypeError(f"{name} takes tensors; got {given}: torch.tensor(…) makes one")
    recorded = mode.trace and any(t.op is not None for t in inputs)  # what inputs decide
    if mode.grad and op.differentiable:
        needs = tuple([t.requires_grad for t in inputs])
        if True in needs:
            op.needs = needs
            recorded = True
    if Clock.rebased:
        _check_views(inputs)
    try:
        out: Tensor = Variable.make(op.forward(*[t.array for t in inputs]))
    except ValueError as error:  # NumPy's; a dimension that is not there is an IndexError too
        raise _explained(error, op, inputs) from None
    if recorded:
        op.inputs = tuple([t.op or (t if t.requires_grad else None) for t in inputs])
        out.op, out.requires_grad, op.time = op, True in op.needs, Clock.tick()
        if mode.trace:
            _keep_values(op, inputs, out)
    if op.view is True:
        source = inputs[0]
        out.base, out.view_op, source.shared = source, op, True
        op.time = op.time or Clock.tick()
    return out


class Constant(Op):
    """In a trace, a value that no recorded operation computed: a parameter, or a number."""

    def __init__(self, array: Array) -> None:
        self.traced = array


def _keep_values(op: Op, inputs: tuple[Variable, ...], out: Variable) -> None:
    """For export: every input as an operation, and the value of the result."""
    op.inputs = tuple([t.op or Constant(t.array) for t in inputs])
    op.traced = out.array


def _explained(error: ValueError, op: Op, inputs: tuple[Variable, ...]) -> Exception:
    if isinstance(error, IndexError):
        return error
    shapes = " and ".join(str(t.array.shape) for t in inputs)
    return RuntimeError(f"{type(op).__name__.lower()} cannot be of shapes {shapes}: {error}")


def _check_views(inputs: tuple[Variable, ...]) -> None:
    """A view taken before its base was changed through another view has an outdated history."""
    for t in inputs:
        if t.base is not None and t.view_op is not None and mode.grad:
            taken = t.op.time if t.op is not None else t.view_op.time
            if rebased_since(t.array, taken):
                raise RuntimeError(
                    "a view was taken, its base was then changed in place with gradients, and "
                    "now the view is used: take the view again after the change"
                )


def check_fractions(array: Array) -> None:
    """RuntimeError unless it holds fractions: only they have gradients."""
    if array.dtype.kind != "f":
        raise RuntimeError(f"only tensors of fractions can require gradients; got {array.dtype}")
