"""Function: an operation of one's own, written as a forward and a backward of tensors.

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x ** 2 * g

y = Cube.apply(x)
"""

from typing import Any

import numpy as np

from learnt.engine.autograd.mode import no_grad
from learnt.engine.autograd.variable import Tensor, Variable, apply, wrap
from learnt.engine.op import Array, Grads, Op


class Context:
    """What forward leaves for backward: saved tensors, and any attribute."""

    saved_tensors: tuple[Tensor, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()
    fixed: tuple[int, ...] = ()  # ids of results without gradient

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors for `backward`, as `ctx.saved_tensors`."""
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Results that have no gradient."""
        self.fixed = tuple(id(t) for t in tensors)

    def set_materialize_grads(self, value: bool) -> None:
        """Missing gradients are always zeros here."""


class Function:
    """An operation of one's own: static `forward(ctx, …)` and `backward(ctx, …)`.

    `backward` takes a gradient for each result and gives one for each argument of `forward`
    (None for what has none).  `setup_context(ctx, inputs, output)` may take the place of `ctx`
    in `forward`.

    >>> import learnt.engine as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The results, from a context (unless there is `setup_context`) and the arguments."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradients of the arguments, from those of the results."""
        raise NotImplementedError("a Function needs a static method backward(ctx, ...)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward`, and put `backward` on record."""
        op = _Custom(cls, args)
        tensors = [a for a in args if isinstance(a, Variable)]
        flat = apply(op, *tensors)  # all results in one row: an operation has one
        results = []
        for known, (start, end) in zip(op.results, op.places, strict=True):
            differentiable = isinstance(known, Variable) and start < end
            if differentiable and id(known) not in op.context.fixed:
                results.append(flat[start:end].reshape(known.array.shape).to(known.array.dtype))
            else:
                results.append(known)
        return tuple(results) if op.many else results[0]


class _Custom(Op):
    """The flat results of a Function; its gradient is what the Function's backward says."""

    def __init__(self, function: type[Function], args: tuple[Any, ...]) -> None:
        self.function, self.args, self.context = function, args, Context()

    def forward(self, *arrays: Array) -> Array:
        wanted = iter(self.needs or [False] * len(arrays))
        self.context.needs_input_grad = tuple(
            isinstance(a, Variable) and next(wanted) for a in self.args
        )
        with no_grad():
            if hasattr(self.function, "setup_context"):
                output = self.function.forward(*self.args)
                self.function.setup_context(self.context, self.args, output)
            else:
                output = self.function.forward(self.context, *self.args)
        self.many = isinstance(output, tuple)
        self.results = output if self.many else (output,)
        found, self.places, end = [], [], 0
        for result in self.results:
            size = 0
            if isinstance(result, Variable) and result.array.dtype.kind == "f":
                found.append(result.array.reshape(-1))
                size = result.array.size
            self.places.append((end, end + size))
            end += size
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def backward(self, grad: Array) -> Grads:
        given = []
        for result, (start, end) in zip(self.results, self.places, strict=True):
            shape = result.array.shape if isinstance(result, Variable) else ()
            part = grad[start:end] if end > start else np.zeros(shape, grad.dtype)
            given.append(wrap(part.reshape(shape)))
        with no_grad():
            grads = self.function.backward(self.context, *given)
        listed = grads if isinstance(grads, tuple) else (grads,)
        if len(listed) < len(self.args):
            raise RuntimeError(
                f"{self.function.__name__}.backward must return a gradient for each of the "
                f"{len(self.args)} arguments of forward; got {len(listed)}"
            )
        pairs = zip(self.args, listed, strict=False)
        return tuple(
            None if g is None else g.array.view() for a, g in pairs if isinstance(a, Variable)
        )
