"""Shapes: the same numbers, arranged otherwise; gradients go back the way the numbers came.

Where PyTorch's result is a view, so is ours: it lies in the memory of its input.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, mode, wrap
from learnt.engine.op import (
    Array,
    Grads,
    GraphBuilder,
    Op,
    normalize_dim,
    normalize_dims,
    numpy_names,
    unbroadcast,
)
from learnt.engine.ops.arithmetic import RANKS
from learnt.engine.ops.cast import Copy
from learnt.engine.ops.index import broadcast_shapes

Dims = int | Sequence[int]


class Reshape(Op):
    """The same numbers in the same order, in another shape; one dimension may be −1."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.wanted = shape

    def forward(self, x: Array) -> Array:
        z = x.reshape(self.wanted)
        self.shape, self.result = x.shape, z.shape
        self.view = z.base is x or (x.base is not None and z.base is x.base)  # else it is a copy
        return z

    def backward(self, grad: Array) -> Grads:
        return (grad.reshape(self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        zero = {"allowzero": 1} if 0 in self.result else {}
        return graph.add("Reshape", x, graph.constant(self.result, "int64"), **zero)


class Permute(Op):
    """The dimensions in another order."""

    view = True

    def __init__(self, dims: Sequence[int]) -> None:
        self.dims = dims

    def forward(self, x: Array) -> Array:
        return x.transpose(self.dims)

    def backward(self, grad: Array) -> Grads:
        order = [0] * grad.ndim
        for i, d in enumerate(self.dims):
            order[d] = i
        return (grad.transpose(order),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        dims = [d % len(self.dims) for d in self.dims]
        return graph.add("Transpose", x, perm=dims) if dims else x


class Expand(Op):
    """Dimensions of size 1 repeated without a copy; backwards the repeats are added up."""

    view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.wanted = shape

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.view() if x.shape == self.wanted else np.broadcast_to(x, self.wanted)

    def backward(self, grad: Array) -> Grads:
        return (unbroadcast(grad.view(), self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        if 0 in self.wanted and 0 not in self.shape:
            raise NotImplementedError("export of an expand to nothing")
        return graph.add("Expand", x, graph.constant(self.wanted, "int64"))


class Cat(Op):
    """The inputs one after the other along `dim`; backwards each gets its own piece."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *inputs: Array) -> Array:
        self.sizes = [x.shape[self.dim] for x in inputs if x.ndim]
        return np.concatenate(inputs, axis=self.dim)

    def backward(self, grad: Array) -> Grads:
        ends = np.cumsum(self.sizes)[:-1]
        return tuple(np.split(grad, ends, self.dim))

    def onnx(self, graph: GraphBuilder, *inputs: str) -> str:
        return graph.add("Concat", *inputs, axis=self.dim)


class Ordered(Copy):
    """z = x, in memory of its own and in order; ∂L/∂x = g."""

    def forward(self, x: Array) -> Array:
        return x.copy()


def unpack(values: Sequence[Any], named: Sequence[Any] | None = None) -> Sequence[Any]:
    """`f(2, 3)` and `f((2, 3))` alike; or what was given by name."""
    if named is not None:
        return named
    return values[0] if len(values) == 1 and isinstance(values[0], tuple | list) else values


NEEDS = {
    "reshape": "as many numbers in the new shape; at most one size is -1, for what is left",
    "permute": "each dimension once",
    "expand": "the same sizes but where there is 1, and new ones only in front",
}


def attempt(op: Op, input: Tensor, name: str, wanted: Sequence[int]) -> Tensor:
    """The result; RuntimeError saying what the operation needs, if it does not get that."""
    try:
        return apply(op, input)
    except RuntimeError:
        shape = input.array.shape
        raise RuntimeError(f"{name} of {shape} needs {NEEDS[name]}; got {tuple(wanted)}") from None


def reshape(input: Tensor, *sizes: Dims, shape: Sequence[int] | None = None) -> Tensor:
    """The same numbers in another shape; one size may be −1."""
    wanted = unpack(sizes, shape)
    if min(wanted, default=0) < -1:
        raise RuntimeError(f"a size must be at least 0, or -1 for what is left; got {wanted}")
    return attempt(Reshape(wanted), input, "reshape", wanted)


def view(input: Tensor, *shape: Any) -> Tensor:
    """As `reshape`, in the same memory."""
    if isinstance(shape[0], np.dtype):
        raise NotImplementedError("view(dtype), the same memory as another type: .to() converts")
    if not (input.array.flags.c_contiguous or input.shared or input.base is not None):
        input.array = np.ascontiguousarray(input.array)  # in PyTorch's order: the view can share it
    return reshape(input, *shape)


def contiguous(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """Itself, but for a view that is not in order: that is copied."""
    ordered = input.base is None or input.array.flags.c_contiguous
    return input if ordered else apply(Ordered(), input)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` as one."""
    shape = input.array.shape or (1,)
    first, last = normalize_dim(start_dim, len(shape)), normalize_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError(f"start_dim must not be after end_dim; got {start_dim} and {end_dim}")
    size = prod(shape[first : last + 1])
    return reshape(input, (*shape[:first], size, *shape[last + 1 :]))


ravel = flatten


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several; one of their sizes may be −1."""
    shape = input.array.shape
    at = normalize_dim(dim, len(shape))
    return reshape(input, (*shape[:at], *sizes, *shape[at + 1 :]))


def squeeze(input: Tensor, dim: Dims | None = None) -> Tensor:
    """Without the dimensions of size 1, or without those that `dim` names."""
    shape = input.array.shape
    gone = normalize_dims(dim if dim is None or isinstance(dim, int) else tuple(dim), len(shape))
    return reshape(input, [n for d, n in enumerate(shape) if n != 1 or d not in gone])


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at `dim`."""
    shape = input.array.shape
    at = normalize_dim(dim, len(shape) + 1)
    return reshape(input, (*shape[:at], 1, *shape[at:]))


def permute(input: Tensor, *order: Dims, dims: Sequence[int] | None = None) -> Tensor:
    """The dimensions in another order."""
    wanted = unpack(order, dims)
    return attempt(Permute(wanted), input, "permute", wanted)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    order = list(range(input.array.ndim))
    a, b = normalize_dim(dim0, len(order)), normalize_dim(dim1, len(order))
    order[a : a + 1], order[b : b + 1] = order[b : b + 1], order[a : a + 1]
    return apply(Permute(order), input)


def t(input: Tensor) -> Tensor:
    """A matrix transposed; vectors and numbers stay."""
    if input.array.ndim > 2:
        raise RuntimeError(f"t() takes at most two dimensions; got shape {input.array.shape}")
    return reverse(input)


def reverse(input: Tensor) -> Tensor:
    """`x.T`: the dimensions in reverse order."""
    return apply(Permute(range(input.array.ndim)[::-1]), input)


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged: also `x.mT`, `x.mH`."""
    if input.array.ndim < 2:
        raise RuntimeError(f"mT needs matrices; got shape {input.array.shape}")
    return transpose(input, -2, -1)


def movedim(input: Tensor, source: Dims, destination: Dims) -> Tensor:
    """The dimensions `source` at `destination`, the others in their order."""
    n = input.array.ndim
    start, goal = ([normalize_dim(d, n) for d in ([dims] if isinstance(dims, int) else dims)]
                   for dims in (source, destination))  # fmt: skip
    if not len(start) == len(goal) == len(set(start)) == len(set(goal)):
        raise RuntimeError(
            f"movedim needs as many goals, all different; got {source}, {destination}"
        )
    order = [d for d in range(n) if d not in start]
    for at, d in sorted(zip(goal, start, strict=True)):
        order.insert(at, d)
    return apply(Permute(order), input)


swapaxes = swapdims = transpose
moveaxis = movedim


def expand(input: Tensor, *sizes: Dims, size: Sequence[int] | None = None) -> Tensor:
    """Dimensions of size 1 repeated, without a copy; −1 leaves one as it is."""
    wanted, shape = list(unpack(sizes, size)), input.array.shape
    for i in range(-min(len(shape), len(wanted)), 0):
        wanted[i] = shape[i] if wanted[i] == -1 else wanted[i]
    return attempt(Expand(tuple(wanted)), input, "expand", wanted)


broadcast_to = expand


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All expanded to the one shape that they broadcast to."""
    shape = broadcast_shapes(*[t.array.shape for t in unpack(tensors)])
    return tuple([expand(t, shape) for t in unpack(tensors)])


def as_other(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The form of a function that takes the shape of another tensor."""

    def like(input: Tensor, other: Tensor) -> Tensor:
        return function(input, other.array.shape)

    like.__doc__ = f"`{function.__name__}`, to the shape of `other`."
    return like


reshape_as, view_as, expand_as = as_other(reshape), as_other(view), as_other(expand)


def become(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of a view: the tensor becomes that view of what it was."""

    def method(input: Tensor, /, *args: Any, **kwargs: Any) -> Tensor:
        if input.requires_grad and input.op is None and mode.grad:
            raise RuntimeError("a leaf that requires grad cannot be changed in place: no_grad()")
        was = wrap(input.array)
        vars(was).update(vars(input))
        vars(input).update(vars(function(was, *args, **kwargs)))
        return input

    method.__doc__ = f"`{function.__name__}`, in place: the tensor itself changes."
    return method


def own(found: Tensor) -> Tensor:
    """A copy of what is a view."""
    return found if found.base is None else found.clone()


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Grids of coordinates: result i follows vector i along dimension i.

    With indexing "xy", the first two dimensions are exchanged.
    """
    given = unpack(tensors)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'indexing must be "ij" or "xy"; got {indexing!r}')
    shapes = [[1] * i + [-1] + [1] * (len(given) - i - 1) for i in range(len(given))]
    grids = broadcast_tensors([reshape(t, s) for t, s in zip(given, shapes, strict=True)])
    swap = indexing == "xy" and len(given) > 1
    return tuple([transpose(grid, 0, 1) for grid in grids]) if swap else grids


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`; their other sizes must be equal."""
    if isinstance(tensors, Tensor):
        raise TypeError(f"cat needs a list of tensors; got one tensor of {tensors.array.shape}")
    if not tensors:
        raise ValueError("cat needs at least one tensor; got none")
    given = [t for t in tensors if t.array.shape != (0,)] or tensors  # as PyTorch still does
    rich = max([t.array.dtype for t in tensors], key=lambda d: (RANKS[d.kind], d.itemsize))
    op = Cat(normalize_dim(dim, given[0].array.ndim))
    try:
        return apply(op, *[t if t.array.dtype == rich else t.to(rich) for t in given])
    except RuntimeError:
        shapes = " and ".join(str(t.array.shape) for t in given)
        raise RuntimeError(
            f"cat along dim {dim} needs all other sizes to be equal; got {shapes}"
        ) from None


concat = concatenate = cat


@numpy_names
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors, of one shape, along a new dimension."""
    shapes = {t.array.shape for t in tensors}
    if len(shapes) != 1:
        found = " and ".join(str(t.array.shape) for t in tensors)
        raise RuntimeError(f"stack needs tensors, all of one shape; got {found or 'none'}")
    return cat([unsqueeze(t, dim) for t in tensors], dim)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: along dimension 1, or 0 for vectors."""
    given = [t if t.array.ndim else reshape(t, 1) for t in tensors]
    return cat(given, min(given[0].array.ndim - 1, 1))


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One above the other; a vector is a row."""
    return cat([t if t.array.ndim > 1 else reshape(t, 1, -1) for t in tensors])
