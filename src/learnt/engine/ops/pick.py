"""The operations of indexing: a slice is a view; places and masks pick a copy, or are put into.

NumPy's rules say what is picked; backwards, the gradients are added up where they came from.
"""

from collections.abc import Sequence
from math import prod
from types import NoneType
from typing import Any

import numpy as np

from learnt.engine.op import Array, Grads, GraphBuilder, Op, unbroadcast

ALL = slice(None)
WIDE = 256  # numbers a row, from which on rows are added one by one


class Slice(Op):
    """z = x[index], a view; ∂L/∂x = g there, and 0 elsewhere."""

    view = True

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index if Ellipsis in index else (*index, ...)  # never a bare number
        for part in index:
            if type(part) is slice and part.step is not None and part.step < 1:
                raise ValueError(f"a slice needs a step of at least 1; got {part.step}")

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        z: Array = x[self.index]
        return z

    def backward(self, grad: Array) -> Grads:
        back = np.zeros(self.shape, grad.dtype)
        back[self.index] = grad
        return (back,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        at, parts, cuts = self.index.index(...), list(self.index), []
        rest = len(self.shape) - sum(p is not None and p is not Ellipsis for p in parts)
        parts[at : at + 1] = [ALL] * rest
        before, after = ([p for p in parts if type(p) is not t] for t in (NoneType, int))
        for axis, part in enumerate(before):
            cut = slice(part, part + 1 or None) if type(part) is int else part
            if cut != ALL:
                stop = 2**31 - 1 if cut.stop is None else int(cut.stop)
                cuts.append((int(cut.start or 0), stop, axis, int(cut.step or 1)))
        if cuts:
            lists = [graph.constant(c, "int64") for c in zip(*cuts, strict=True)]
            x = graph.add("Slice", x, *lists)
        gone = [i for i, p in enumerate(before) if type(p) is int]
        new = [i for i, p in enumerate(after) if p is None]
        x = graph.add("Squeeze", x, graph.constant(gone, "int64")) if gone else x
        return graph.add("Unsqueeze", x, graph.constant(new, "int64")) if new else x


class Pick(Op):
    """z = x[:, i, j], by arrays of places (or a mask) for `dims`; ∂L/∂x = g, added up there.

    `along` is gather: z[i, j] = x[i, index[i, j]], where the dimension is 1.
    """

    def __init__(self, dims: Sequence[int], along: bool = False) -> None:
        self.dims, self.along = dims, along

    def places(self, indices: Sequence[Array]) -> tuple[Any, ...]:
        """What NumPy takes between [ and ]."""
        if self.along:
            found = list[Any](np.indices(indices[0].shape, sparse=True))
            found[self.dims[0]] = indices[0]
            return tuple(found)
        found, covered = [], 0
        for dim, index in zip(self.dims, indices, strict=True):
            found += [*[ALL] * (dim - covered), index]
            covered = dim + width(index)
        return tuple(found)

    def forward(self, x: Array, *indices: Array) -> Array:
        self.shape = x.shape
        self.kept = self.places([i.copy() for i in indices] if self.needs else indices)
        return np.asarray(x[self.kept])

    def backward(self, grad: Array) -> Grads:
        return spread(self.shape, self.kept, grad), *[None] * (len(self.needs) - 1)

    def onnx(self, graph: GraphBuilder, x: str, *indices: str) -> str:
        if self.along:
            return graph.add("GatherElements", x, int64(graph, indices[0]), axis=self.dims[0])
        return graph.add("Gather", *self.merged(graph, x, indices), axis=self.dims[0])

    def merged(self, graph: GraphBuilder, x: str, indices: Sequence[str]) -> tuple[str, str]:
        """x with its indexed dimensions as one, and the places in that."""
        arrays, shape = [graph.traced(i) for i in indices], graph.traced(x).shape
        first, end = self.dims[0], self.dims[-1] + width(arrays[-1])
        masks = [a for a in arrays if a.dtype.kind == "b"]
        if len(arrays) > 1 and (masks or end - first > len(arrays)):
            raise NotImplementedError("export of x[i, :, j], or of a mask beside another tensor")
        if end - first > 1:
            sizes = (*shape[:first], prod(shape[first:end]), *shape[end:])
            x = graph.add("Reshape", x, graph.constant(sizes, "int64"))
        if masks:
            flat = graph.constant([-1], "int64")
            rows = graph.add("NonZero", graph.add("Reshape", indices[0], flat))
            return x, graph.add("Reshape", rows, flat)
        place, *others = [int64(graph, i) for i in indices]
        for other, size in zip(others, shape[first + 1 : end], strict=True):
            n = graph.constant(size, "int64")
            place = graph.add("Add", graph.add("Mul", place, n), graph.add("Mod", other, n))
        return x, place


class Put(Pick):
    """z = x, but v at the places (or v added, or multiplied, there).

    ∂L/∂x = g, but 0 where v replaced it; ∂L/∂v = g at the places.
    """

    def __init__(self, dims: Sequence[int], along: bool = False, reduce: str = "none") -> None:
        super().__init__(dims, along)
        self.reduce = reduce

    def forward(self, x: Array, value: Array, *indices: Array) -> Array:  # type: ignore[override]
        self.shape = value.shape
        self.kept = self.places([i.copy() for i in indices] if self.needs else indices)
        if self.reduce == "add":
            return x + spread(x.shape, self.kept, value)
        z = x.copy(order="K")
        if self.reduce == "mul":
            np.multiply.at(z, self.kept, value)
        else:
            z[self.kept] = value
        return z

    def backward(self, grad: Array) -> Grads:
        if self.reduce == "mul":
            raise NotImplementedError("scatter that multiplies has no gradient, as in PyTorch")
        part = grad[self.kept]
        extra = max(len(self.shape) - part.ndim, 0)  # ones in front
        part = unbroadcast(part, self.shape[extra:]).reshape(self.shape)
        rest = grad.copy() if self.reduce == "none" else grad.view()
        if self.reduce == "none":
            rest[self.kept] = 0
        return rest, part, *[None] * (len(self.needs) - 2)

    def onnx(self, graph: GraphBuilder, x: str, *names: str) -> str:
        value, *indices = names
        arrays, shape, at = [graph.traced(i) for i in indices], graph.traced(x).shape, self.dims[0]
        wanted = graph.traced(x)[self.places(arrays)].shape
        value = graph.add("Expand", value, graph.constant(wanted, "int64"))
        place = int64(graph, indices[0])
        if not self.along:  # then a whole row has the same place
            rest = shape[self.dims[-1] + width(arrays[-1]) :]
            rows = prod(wanted[at : len(wanted) - len(rest)])
            sizes = np.array((*shape[:at], rows, *rest))
            x, place = self.merged(graph, x, indices)
            column = graph.constant((-1, *[1] * len(rest)), "int64")
            place = graph.add("Reshape", place, column)
            place = graph.add("Expand", place, graph.constant(sizes))
            value = graph.add("Reshape", value, graph.constant(sizes))
        z = graph.add("ScatterElements", x, place, value, axis=at, reduction=self.reduce)
        return graph.add("Reshape", z, graph.constant(shape, "int64"))


class NonZero(Op):
    """z = the places of all elements that are not 0, a row each: (number, dimensions)."""

    differentiable = False

    def forward(self, x: Array) -> Array:
        return np.argwhere(x)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Transpose", graph.add("NonZero", graph.add("Cast", x, to=9)), perm=[1, 0])


def int64(graph: GraphBuilder, name: str) -> str:
    """The value as int64, which every operator takes as places."""
    return name if graph.traced(name).dtype == np.int64 else graph.add("Cast", name, to=7)


def width(index: Any) -> int:
    """How many dimensions a part of an index stands for: a mask, for as many as it has."""
    return index.ndim if getattr(index, "dtype", None) == np.bool_ else 1


def spread(shape: tuple[int, ...], places: tuple[Any, ...], values: Array) -> Array:
    """Zeros of `shape`, with the values added at the places: x[places], backwards."""
    covered = sum(map(width, places))
    lead, rest = shape[:covered], shape[covered:]
    if all(type(p) is not slice and p.dtype.kind != "b" for p in places) and 0 not in lead:
        rows = np.ravel_multi_index(places, lead, mode="wrap")
    else:
        rows = np.arange(prod(lead)).reshape(lead)[places]
    values = np.broadcast_to(values, rows.shape + rest)
    return scatter_rows((prod(lead), *rest), rows, values).reshape(shape)


def scatter_rows(shape: tuple[int, ...], indices: Array, grad: Array) -> Array:
    """Zeros of `shape` (rows, …), with each of `grad` (*indices.shape, …) added to its row.

    Short rows are added number by number, all at once, and long ones row by row: each is faster.
    """
    back = np.zeros((shape[0], prod(shape[1:])), grad.dtype)
    n, rows = back.shape[1], indices.reshape(-1)
    pieces = grad.reshape(rows.size, n)
    if n < WIDE:
        places = rows[:, None] * n + np.arange(n)
        np.add.at(back.reshape(-1), places.reshape(-1), pieces.reshape(-1))
    else:
        for row, piece in zip(rows.tolist(), pieces, strict=True):
            total = back[row]
            total += piece
    return back.reshape(shape)
