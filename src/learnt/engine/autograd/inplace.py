"""Changes in place that gradients follow: the tensor gets the new value and the new history.

Where nothing is recorded, the memory changes. Where something is, a tensor that shares its
memory with no other takes the result as its own; through a view, the base changes too, and
its history says which part was replaced (`ReplacePart`, as PyTorch's CopySlices).
"""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import numpy as np

from learnt.engine.autograd.changes import Clock, note_change
from learnt.engine.autograd.mode import mode
from learnt.engine.autograd.variable import Tensor, Variable, apply, wrap
from learnt.engine.op import Array, Grads, GraphBuilder, Op

P = ParamSpec("P")
Function = Callable[Concatenate[Tensor, P], Tensor]


def in_place(function: Function[P]) -> Function[P]:
    """The in-place form of a function: `add_ = in_place(add)`."""

    @functools.wraps(function)
    def method(input: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        if not (mode.grad or mode.trace):
            return write(input, function(input, *args, **kwargs))
        before = stand_in(input)
        given: Any = [before if a is input else a for a in args]
        result = function(before, *given, **kwargs)
        if result.op is None and not (input.requires_grad and mode.grad):
            return write(input, result)
        return rebase(input, before, result)

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"`{function.__name__}`, in place: the tensor itself changes."
    return method


def write(target: Tensor, result: Tensor) -> Tensor:
    """The numbers of `result`, written into the memory of `target`."""
    _check(target, result)
    np.copyto(target.array, result.array, casting="same_kind")
    note_change(target.array)
    return target


def stand_in(tensor: Tensor) -> Tensor:
    """What `tensor` is now, as a tensor of its own: its history lives on in this one."""
    copy = wrap(tensor.array)
    copy.requires_grad, copy.op = tensor.requires_grad, tensor.op
    if tensor.base is not None or tensor.shared:  # its memory is about to change
        copy.array = tensor.array.copy(order="K")
    return copy


def rebase(target: Tensor, before: Tensor, result: Tensor) -> Tensor:
    """`target` becomes `result`, in value and in history."""
    _check(target, result)
    base: Variable = target
    views: list[Op] = []
    chain: list[Variable] = []  # from the target to its base, a view of a view of …
    while base.base is not None and base.view_op is not None:
        views.append(base.view_op)
        chain.append(base)
        base = base.base
    if any(t.requires_grad and t.op is None for t in (*chain, base)):
        raise RuntimeError(
            "a leaf that requires grad cannot be changed in place: do so in no_grad(), or change "
            "a clone()"
        )
    result = result.to(target.array.dtype)
    if base is target and (mode.trace or not target.shared):
        target.array = result.array
        _adopt(target, result)
        return target
    if not mode.trace:
        np.copyto(target.array, result.array)
        note_change(target.array, through_view=True)
    if base is target:
        _adopt(target, result)
        return target
    changed = apply(ReplacePart(views[::-1]), stand_in(base), result)  # type: ignore[arg-type]
    _adopt(base, changed)
    if mode.trace:
        base.array = changed.array
    for i, view in enumerate(chain):
        part = apply(Part(views[i:][::-1]), base)
        _adopt(view, part)
        if mode.trace:
            view.array = part.array
    return target


def _adopt(target: Variable, result: Variable) -> None:
    target.op, target.requires_grad = result.op, result.requires_grad
    if result.op is not None:
        result.op.time = Clock.tick()


def _check(target: Tensor, result: Tensor) -> None:
    if result.array.shape != target.array.shape:
        raise RuntimeError(
            f"in place, shape {target.array.shape} must stay; got {result.array.shape}"
        )
    if not np.can_cast(result.array.dtype, target.array.dtype, "same_kind"):
        raise RuntimeError(
            f"in place, {target.array.dtype} must stay; got {result.array.dtype}: "
            "convert the tensor first (.float())"
        )
    if not target.array.flags.writeable:
        raise RuntimeError(
            "in place needs memory of its own; this tensor is expanded (or read-only): "
            "call .clone() first"
        )


class Views(Op):
    """What the two operations on a part of an array share: the chain of views that finds it."""

    def __init__(self, views: list[Op]) -> None:
        self.views = views

    def of(self, whole: Array) -> Array:
        for view in self.views:
            whole = view.forward(whole)
        return whole

    def like(self, x: Array) -> None:
        """Remember how x lies in memory: in what lies alike, the views are views again."""
        self.order = sorted(range(x.ndim), key=lambda d: -x.strides[d])
        self.sizes, self.dtype = [x.shape[d] for d in self.order], x.dtype

    def zeros(self) -> Array:
        return np.zeros(self.sizes, self.dtype).transpose(np.argsort(self.order))

    def write(self, graph: GraphBuilder, x: str) -> str:
        """The views in the graph, one after the other."""
        for view in self.views:
            x = view.onnx(graph, x)
        return x


class Part(Views):
    """z = the part of x that a chain of views looks at; ∂L/∂x = g there, and 0 elsewhere."""

    def forward(self, x: Array) -> Array:
        self.like(x)
        return self.of(x)

    def backward(self, grad: Array) -> Grads:
        back = self.zeros()
        self.of(back)[...] = grad
        return (back,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return self.write(graph, x)


class ReplacePart(Views):
    """z = x, but p where the views look; ∂L/∂x = g elsewhere and 0 there, ∂L/∂p = g there."""

    def forward(self, x: Array, part: Array) -> Array:
        self.like(x)
        z = x.copy(order="K")
        self.of(z)[...] = part
        return z

    def backward(self, grad: Array) -> Grads:
        rest = self.zeros()
        rest[...] = grad
        part = self.of(rest)
        replaced = part.copy()
        part[...] = 0
        return rest, replaced

    def onnx(self, graph: GraphBuilder, x: str, part: str) -> str:
        shape, flat = graph.add("Shape", x), graph.constant([-1], "int64")
        zero, one = graph.constant(0, "int64"), graph.constant(1, "int64")
        places = graph.add("Range", zero, graph.add("Size", x), one)
        places = self.write(graph, graph.add("Reshape", places, shape))
        rows = [graph.add("Reshape", name, flat) for name in (x, places, part)]
        return graph.add("Reshape", graph.add("ScatterElements", *rows, axis=0), shape)
