"""Back-propagation: the chain rule, walked backwards through what was computed.

A `Variable` is an array that remembers the operation and the inputs it came from. `backward()`
visits every ancestor once, results before inputs, and asks each operation for the gradients of
its inputs.  (Rumelhart, Hinton & Williams 1986; Baydin et al. 2018 for the general algorithm)
"""

import builtins
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, overload

import numpy as np

from learnt.engine.ops.op import Array, Op


class _Mode(threading.local):
    """What `apply` records in this thread: nothing, what needs gradients, or everything."""

    grad = True
    trace = False


mode = _Mode()


@contextmanager
def _set_mode(name: str, value: bool) -> Iterator[None]:
    before = getattr(mode, name)
    setattr(mode, name, value)
    try:
        yield
    finally:
        setattr(mode, name, before)


def no_grad() -> Any:
    """Within this, nothing is recorded for `backward`: for evaluation.  Also a decorator."""
    return _set_mode("grad", False)


def trace() -> Any:
    """Within this, every operation is recorded, so that the result can be exported."""
    return _set_mode("trace", True)


def is_grad_enabled() -> bool:
    """Is what needs a gradient recorded just now?"""
    return mode.grad


class Variable:
    """An array, its gradient, and how it was computed: what `Tensor` builds on."""

    __slots__ = ("__weakref__", "array", "grad", "inputs", "op", "requires_grad")

    def __init__(self, array: Array, requires_grad: bool = False) -> None:
        self.array = array if type(array) is np.ndarray else np.asarray(array)
        if requires_grad:
            check_fractions(self.array)
        self.grad: Any = None  # a tensor, once backward() has reached this leaf
        self.requires_grad = requires_grad
        self.op: Op | None = None
        self.inputs: tuple[Variable, ...] = ()

    def backward(self, gradient: "Variable | None" = None, retain_graph: bool = False) -> None:
        """Add to the `grad` of every leaf the gradient of this scalar by it (the chain rule).

        `gradient` (same shape) replaces the 1 that a scalar starts from. Without
        `retain_graph` what was saved is freed, and a second call is a RuntimeError.
        """
        grads = {id(self): self._seed(gradient)}
        for node in reversed(topological_order(self)):
            grad = grads.pop(id(node))
            if node.op is None:
                node._accumulate(grad)
                continue
            for source, part in zip(node.inputs, node.op.backward(grad), strict=True):
                if part is not None and source.requires_grad:
                    known = grads.get(id(source))
                    grads[id(source)] = part if known is None else known + part
            if not retain_graph:
                node.op, node.inputs = _freed, ()

    def _seed(self, gradient: "Variable | None") -> Array:
        if not self.requires_grad:
            raise RuntimeError(
                "backward() needs a tensor computed from one with requires_grad=True"
            )
        if gradient is None:
            if self.array.size != 1:
                raise RuntimeError(
                    f"backward() starts from one number; got shape {self.array.shape}: "
                    "reduce it first (.sum(), .mean()), or pass gradient="
                )
            return np.ones(self.array.shape, self.array.dtype)
        if gradient.array.shape != self.array.shape:
            raise RuntimeError(
                f"gradient must have shape {self.array.shape}; got {gradient.array.shape}"
            )
        return gradient.array.copy()

    def _accumulate(self, grad: Array) -> None:
        if self.grad is not None:
            self.grad = self._plain(self.grad.array + grad)
        else:  # a view belongs to somebody else (see Op.backward)
            self.grad = self._plain(grad if grad.base is None else grad.copy())

    def _plain(self, array: Array) -> Self:
        """`array` as a tensor without history."""
        return self.__class__(array)

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not computed by a recorded operation."""
        return self.op is None

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    @overload
    def size(self, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def size(self, dim: int) -> int: ...
    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    def numel(self) -> int:
        """How many numbers it holds."""
        return self.array.size

    def numpy(self) -> Array:
        """The array itself (shared memory); a tensor that requires grad is detached first."""
        if self.requires_grad:
            raise RuntimeError("numpy() needs a tensor without gradient: call .detach().numpy()")
        return self.array

    def item(self) -> Any:
        """The one number it holds, as Python's."""
        return self.array.item()

    def tolist(self) -> Any:
        """Its numbers as nested lists."""
        return self.array.tolist()

    def __len__(self) -> int:
        return len(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> builtins.float:
        return builtins.float(self.array.item())

    def __int__(self) -> int:
        return int(self.array.item())


def check_fractions(array: Array) -> None:
    if array.dtype.kind != "f":
        raise RuntimeError(f"only tensors of fractions can require gradients; got {array.dtype}")


def topological_order(root: Variable) -> list[Variable]:
    """Every tensor that `root` was computed from with a gradient, inputs before results.

    Iterative, so that a chain of ten thousand operations needs no recursion.
    """
    order: list[Variable] = []
    seen = {id(root)}
    stack = [(root, iter(root.inputs))]
    while stack:
        node, inputs = stack[-1]
        for source in inputs:
            if (source.requires_grad or mode.trace) and id(source) not in seen:
                seen.add(id(source))
                stack.append((source, iter(source.inputs)))
                break
        else:
            order.append(node)
            stack.pop()
    return order


class _Freed(Op):
    """Stands where an operation was whose saved values a backward pass has freed."""

    def backward(self, grad: Array) -> Any:
        raise RuntimeError(
            "this graph was already used: a second backward() needs the first one called with "
            "retain_graph=True, or the loss computed again"
        )


_freed = _Freed()
