"""Shapes: the same numbers, arranged otherwise; gradients go back the way the numbers came."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, Variable, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op, normalize_dim, unbroadcast

Index = Any  # what NumPy takes between [ and ]


class Reshape(Op):
    """The same numbers in the same order, in another shape; one dimension may be −1."""

    view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.wanted = shape

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        z = x.reshape(self.wanted)
        self.result = z.shape
        return z

    def backward(self, grad: Array) -> Grads:
        return (grad.reshape(self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Reshape", x, graph.constant(self.result, "int64"))


class Permute(Op):
    """The dimensions in another order."""

    view = True

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Array) -> Array:
        return x.transpose(self.dims)

    def backward(self, grad: Array) -> Grads:
        return (grad.transpose(np.argsort(self.dims)),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Transpose", x, perm=list(self.dims))


class Expand(Op):
    """Dimensions of size 1 repeated without a copy; backwards the repeats are added up."""

    view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.wanted = shape

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return np.broadcast_to(x, self.wanted)

    def backward(self, grad: Array) -> Grads:
        return (unbroadcast(grad, self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Expand", x, graph.constant(self.wanted, "int64"))


class GetItem(Op):
    """z = x[index]; backwards into zeros, added where an index repeats."""

    def __init__(self, index: Index) -> None:
        parts = index if isinstance(index, tuple) else (index,)
        self.index, self.view = (
            index,
            all(p is None or p is Ellipsis or isinstance(p, int | slice) for p in parts),
        )
        if self.view and Ellipsis not in parts:
            self.index = (*parts, ...)  # then also a single number is a view, of no dimensions

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return np.asarray(x[self.index])

    def backward(self, grad: Array) -> Grads:
        back = np.zeros(self.shape, grad.dtype)
        if self.view:
            back[self.index] = grad  # no element is taken twice
        else:
            np.add.at(back, self.index, grad)
        return (back,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        parts = list(self.index if isinstance(self.index, tuple) else (self.index,))
        if not all(isinstance(p, int | slice) or p is Ellipsis for p in parts):
            raise NotImplementedError("export of x[index] takes integers, slices and '...'")
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts[at : at + 1] = [slice(None)] * (len(self.shape) - len(parts) + 1)
        starts, ends, axes, steps, gone = [], [], [], [], []
        for axis, part in enumerate(parts):
            if isinstance(part, int):
                gone.append(axis)
                cut = slice(part, part + 1 if part != -1 else None)
            else:
                cut = part
            if cut != slice(None):
                starts.append(cut.start or 0)
                ends.append(2**31 - 1 if cut.stop is None else cut.stop)
                axes.append(axis)
                steps.append(cut.step or 1)
        if axes:
            spec = [graph.constant(v, "int64") for v in (starts, ends, axes, steps)]
            x = graph.add("Slice", x, *spec)
        return graph.add("Squeeze", x, graph.constant(gone, "int64")) if gone else x


class Cat(Op):
    """The inputs one after the other along `dim`; backwards each gets its own piece."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *inputs: Array) -> Array:
        self.ends = np.cumsum([x.shape[self.dim] for x in inputs])[:-1]
        return np.concatenate(inputs, axis=self.dim)

    def backward(self, grad: Array) -> Grads:
        return tuple(np.split(grad, self.ends, axis=self.dim))

    def onnx(self, graph: GraphBuilder, *inputs: str) -> str:
        return graph.add("Concat", *inputs, axis=self.dim)


class Pad(Op):
    """Constant values around; `pads` holds (before, after) for every dimension, none negative."""

    def __init__(self, pads: tuple[tuple[int, int], ...], value: float) -> None:
        self.pads, self.value = pads, value

    def forward(self, x: Array) -> Array:
        self.inside = tuple(
            slice(before, before + n) for (before, _), n in zip(self.pads, x.shape, strict=True)
        )
        z = np.full(
            [n + sum(p) for n, p in zip(x.shape, self.pads, strict=True)], self.value, x.dtype
        )
        z[self.inside] = x
        return z

    def backward(self, grad: Array) -> Grads:
        return (grad[self.inside],)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        pads = [p[0] for p in self.pads] + [p[1] for p in self.pads]
        return graph.add(
            "Pad", x, graph.constant(pads, "int64"), graph.constant(self.value, "float32")
        )


def unpack(values: Sequence[int | Sequence[int]]) -> Sequence[int]:
    """`f(2, 3)` and `f((2, 3))` alike."""
    first = values[0] if len(values) == 1 else values
    return first if isinstance(first, Sequence) else values  # type: ignore[return-value]


def reshape(input: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """The same numbers in another shape; one size may be −1."""
    wanted = tuple(unpack(shape))
    try:
        return apply(Reshape(wanted), input)
    except RuntimeError:
        raise RuntimeError(
            f"reshape keeps every number: {input.array.shape} holds {input.numel()}, "
            f"which does not fit {wanted}"
        ) from None


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` as one."""
    if not input.array.ndim:
        return reshape(input, 1)
    shape = input.array.shape
    first, last = normalize_dim(start_dim, len(shape)), normalize_dim(end_dim, len(shape))
    size = int(np.prod(shape[first : last + 1]))
    return reshape(input, *shape[:first], size, *shape[last + 1 :])


def permute(input: Tensor, *dims: int | Sequence[int]) -> Tensor:
    """The dimensions in another order."""
    return apply(Permute(tuple(normalize_dim(d, input.array.ndim) for d in unpack(dims))), input)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    order = list(range(input.array.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(input, *order)


def squeeze(input: Tensor, dim: int) -> Tensor:
    """Without dimension `dim`, where that is of size 1."""
    shape = input.array.shape
    at = normalize_dim(dim, len(shape))
    return reshape(input, shape[:at] + shape[at + 1 :]) if shape[at] == 1 else input


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at `dim`."""
    shape = input.array.shape
    at = normalize_dim(dim, len(shape) + 1)
    return reshape(input, *shape[:at], 1, *shape[at:])


def expand(input: Tensor, *sizes: int | Sequence[int]) -> Tensor:
    """Dimensions of size 1 repeated, without a copy; −1 leaves one as it is."""
    wanted = list(unpack(sizes))
    for i, n in enumerate(reversed(input.array.shape), 1):
        if wanted[-i] == -1:
            wanted[-i] = n
    return apply(Expand(tuple(wanted)), input)


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index]."""
    return apply(GetItem(_arrays(index)), input)


def _arrays(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_arrays(part) for part in index)
    if isinstance(index, slice) and index.step is not None and index.step < 1:
        raise ValueError(f"a slice needs a step of at least 1; got {index.step}")
    return index.array if isinstance(index, Variable) else index


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`; their other sizes must be equal."""
    at = normalize_dim(dim, tensors[0].array.ndim) if tensors else 0
    sizes = {t.array.shape[:at] + t.array.shape[at + 1 :] for t in tensors}
    if len(sizes) != 1:
        raise RuntimeError(
            f"cat along {dim} needs tensors equal in all other dimensions; "
            f"got {', '.join(str(t.array.shape) for t in tensors)}"
        )
    return apply(Cat(at), *tensors)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors along a new dimension."""
    return cat([unsqueeze(t, dim) for t in tensors], dim)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """`value` (0) around: `pad` is (left, right, top, bottom, …), the last dimension first."""
    if mode != "constant" or min(pad, default=0) < 0:
        raise NotImplementedError(f"pad is constant and adds, so far; got {mode!r} and {pad}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise RuntimeError(
            f"pad needs two numbers a dimension, for at most {input.ndim}; got {pad}"
        )
    sides = [(0, 0)] * input.ndim
    for i in range(len(pad) // 2):
        sides[-1 - i] = (pad[2 * i], pad[2 * i + 1])
    return apply(Pad(tuple(sides), value or 0.0), input)
