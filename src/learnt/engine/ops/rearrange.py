"""Parts of tensors, and parts put together anew: split, diagonal, unfold; repeat, flip, roll, tril.

Parts are views, as in PyTorch; what is put together lies in new memory.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from learnt.engine.autograd import Tensor, apply, mode, wrap
from learnt.engine.op import Array, Grads, GraphBuilder, Op, normalize_dims
from learnt.engine.ops.index import axis, masked_fill, put
from learnt.engine.ops.pick import ALL, Slice, scatter_rows
from learnt.engine.ops.shape import Dims, cat, expand, movedim, own, reshape, unpack


class Strided(Op):
    """z[j] = x[j @ steps], a view; ∂L/∂x = g, added up where windows overlap."""

    view = True

    def __init__(self, shape: Sequence[int], steps: Array, overlap: bool = False) -> None:
        self.wanted, self.steps, self.overlap = shape, steps, overlap  # steps: (z.ndim, x.ndim)

    def forward(self, x: Array) -> Array:
        self.shape, strides = x.shape, self.steps @ x.strides
        return as_strided(x, self.wanted, strides, writeable=x.flags.writeable and not self.overlap)

    def places(self) -> Array:
        """Where each z is in x, counted through."""
        return self.forward(np.arange(prod(self.shape)).reshape(self.shape))

    def backward(self, grad: Array) -> Grads:
        back = scatter_rows((prod(self.shape),), self.places(), grad)
        return (back.reshape(self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        row = graph.add("Reshape", x, graph.constant([-1], "int64"))
        return graph.add("Gather", row, graph.constant(self.places()), axis=0)


class Whole(Op):
    """z = x, of which only `Piece`s are taken: their gradients meet in one array."""

    view = True
    buffer: Array | None = None

    def forward(self, x: Array) -> Array:
        return x.view()

    def backward(self, grad: Array) -> Grads:
        self.buffer = None
        return (grad,)


class Piece(Slice):
    """z = a piece of x that overlaps with no other; ∂L/∂x = g there, all pieces together."""

    def __init__(self, index: tuple[Any, ...], whole: Whole) -> None:
        super().__init__(index)
        self.whole = whole

    def backward(self, grad: Array) -> Grads:
        known = self.whole.buffer
        buffer = np.zeros(self.shape, grad.dtype) if known is None else known
        self.whole.buffer, buffer[self.index] = buffer, grad
        return (buffer if known is None else None,)  # the first has brought it, for all


class Flip(Op):
    """z = x backwards along `dims`; and so is the gradient."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Array) -> Array:
        return np.flip(x, self.dims).copy(order="K")

    def backward(self, grad: Array) -> Grads:
        return (np.flip(grad, self.dims),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        n = len(self.dims)
        lists = ([-1] * n, [-(2**31)] * n, self.dims, [-1] * n)
        return graph.add("Slice", x, *[graph.constant(v, "int64") for v in lists]) if n else x


def repeat(input: Tensor, *times: Dims, repeats: Sequence[int] | None = None) -> Tensor:
    """Copies side by side: so many along each dimension."""
    each, shape = list(unpack(times, repeats)), input.array.shape
    if len(each) < len(shape):
        raise RuntimeError(f"repeat needs a number for each dimension of {shape}; got {each}")
    pairs = list(zip(each, (1,) * (len(each) - len(shape)) + shape, strict=True))
    apart = reshape(input, [n for _, size in pairs for n in (1, size)])
    wide = expand(apart, [n for pair in pairs for n in pair])
    return own(reshape(wide, [k * n for k, n in pairs]))


def tile(input: Tensor, *times: Dims, dims: Sequence[int] | None = None) -> Tensor:
    """As `repeat`, where the first numbers, if 1, may be left out."""
    each = list(unpack(times, dims))
    return repeat(input, [1] * (input.array.ndim - len(each)) + each)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice of `dim` (or each number) `repeats` times; that may be a number for each.

    Of numbers alone, the places: 0 so many times, then 1, and so on.
    """
    if repeats is None:
        return repeat_interleave(wrap(np.arange(input.array.size)), input, 0)
    if dim is None:
        return repeat_interleave(reshape(input, -1), repeats, 0)
    if isinstance(repeats, Tensor) and mode.trace and repeats.op is not None:
        raise NotImplementedError("export of repeat_interleave by a number that inputs decide")
    n = input.array.shape[axis(input, dim)]
    times = repeats.array if isinstance(repeats, Tensor) else np.asarray(repeats)
    if times.size not in (1, n):
        raise RuntimeError(f"repeats must be one number, or {n} of them; got {times.size}")
    return input.index_select(dim, wrap(np.repeat(np.arange(n), times)))


def cuts(sizes: Sequence[int], dim: int) -> list[tuple[Any, ...]]:
    """The index of each of the pieces of those sizes along `dim`."""
    return [(*[ALL] * dim, slice(a, b)) for a, b in pairwise(np.cumsum([0, *sizes]).tolist())]


def pieces(input: Tensor, indices: Sequence[tuple[Any, ...]]) -> tuple[Tensor, ...]:
    """Views that do not overlap."""
    if not (mode.grad and input.requires_grad):
        return tuple([apply(Slice(index), input) for index in indices])
    op = Whole()
    whole = apply(op, input)
    return tuple([apply(Piece(index, op), whole) for index in indices])


def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of that size along `dim` (the last may be smaller), or of those sizes."""
    sizes, at = split_size_or_sections, axis(tensor, dim)
    n = tensor.array.shape[at]
    if isinstance(sizes, int) and (sizes > 0 or sizes == n == 0):
        sizes = [min(sizes, n - i) for i in range(0, n, sizes or 1)] or [0]
    if isinstance(sizes, int) or sum(sizes) != n or min(sizes, default=0) < 0:
        raise RuntimeError(f"split needs sizes that add up to {n}, or one above 0; got {sizes}")
    return pieces(tensor, cuts(sizes, at))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of one size along `dim` (the last may be smaller)."""
    if chunks < 1:
        raise RuntimeError(f"chunk needs at least 1 chunk; got {chunks}")
    n = input.array.shape[axis(input, dim)]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all slices along `dim`, without it."""
    at = axis(input, dim)
    return pieces(input, [(*[ALL] * at, i) for i in range(input.array.shape[at])])


def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """A view of `length` slices along `dim`, from `start` on."""
    at, first = axis(input, dim), int(start)
    n = input.array.shape[at]
    if not -n <= first <= n:
        raise IndexError(f"start must be from {-n} to {n}; got {first}")
    end = first % n + length if first < n else first + length
    if length < 0 or end > n:
        raise RuntimeError(f"start + length must be at most {n}; got {first} + {length}")
    return apply(Slice((*[ALL] * at, slice(end - length, end))), input)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one slice along `dim`, without it."""
    return input[(*[ALL] * axis(input, dim), index)]


def flip(input: Tensor, *axes: Dims, dims: Sequence[int] | None = None) -> Tensor:
    """Backwards along `dims`; a copy."""
    return apply(Flip(normalize_dims(tuple(unpack(axes, dims)), input.array.ndim)), input)


def roll(input: Tensor, shifts: Dims, dims: Dims | None = None) -> Tensor:
    """Shifted along `dims` (or through all numbers); what leaves at the end enters in front."""
    if dims is None:
        return reshape(roll(reshape(input, -1), shifts, 0), input.array.shape)
    steps, axes = ([v] if isinstance(v, int) else list(v) for v in (shifts, dims))
    if len(steps) != len(axes):
        raise RuntimeError(f"roll needs a shift for each dim; got {shifts} for {dims}")
    for step, d in zip(steps, axes, strict=True):
        n = input.array.shape[axis(input, d)]
        at = -step % n if n else 0
        input = cat([narrow(input, d, at, n - at), narrow(input, d, 0, at)], d)
    return input


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, up to that diagonal; 0 above."""
    return masked_fill(input, wrap(~_triangle(input, diagonal)), 0)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, from that diagonal on; 0 below."""
    return masked_fill(input, wrap(_triangle(input, diagonal - 1)), 0)


def _triangle(input: Tensor, diagonal: int) -> Array:
    if input.array.ndim < 2:
        raise RuntimeError(f"a triangle needs matrices; got shape {input.array.shape}")
    rows, columns = input.array.shape[-2:]
    return np.tri(rows, columns, diagonal, dtype=np.bool_)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of dim1 and dim2, as the last dimension; `offset` is to the right."""
    moved = movedim(input, (dim1, dim2), (-2, -1))[..., max(-offset, 0) :, max(offset, 0) :]
    *lead, rows, columns = moved.array.shape
    steps = np.eye(len(lead) + 1, len(lead) + 2, dtype=int)
    steps[-1, -1] = 1
    return apply(Strided((*lead, min(rows, columns)), steps), moved)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, in dim1 and dim2, with the last dimension on that diagonal, and 0 elsewhere."""
    *lead, n = input.array.shape
    zeros = wrap(np.zeros((*lead, n + abs(offset), n + abs(offset)), input.array.dtype))
    places = [wrap(np.arange(n) + max(k, 0)) for k in (-offset, offset)]
    return movedim(put(zeros, input, [len(lead), len(lead) + 1], places), (-2, -1), (dim1, dim2))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix; or of a vector, the matrix with that diagonal."""
    if input.array.ndim not in (1, 2):
        raise RuntimeError(f"diag takes a vector or a matrix; got shape {input.array.shape}")
    if input.array.ndim == 1:
        return diag_embed(input, diagonal)
    return own(_diagonal(input, diagonal))


_diagonal = diagonal  # also the name of an argument


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` along a dimension, every `step`; they are the last one."""
    x, at = input.array, axis(input, dimension)
    if size > x.shape[at] or size < 0 or step < 1:
        raise RuntimeError(f"unfold needs windows that fit into {x.shape}; got {size}, by {step}")
    shape = (*x.shape[:at], (x.shape[at] - size) // step + 1, *x.shape[at + 1 :], size)
    steps = np.eye(x.ndim + 1, x.ndim, dtype=int)
    steps[at, at], steps[-1, at] = step, 1
    return apply(Strided(shape, steps, size > step), input)
