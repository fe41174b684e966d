"""Shapes: the same numbers, arranged otherwise; gradients go back the way the numbers came."""

from typing import Any

import numpy as np

from learnt.engine.ops.op import Array, Grads, GraphBuilder, Op, unbroadcast

Index = Any  # what NumPy takes between [ and ]


class Reshape(Op):
    """The same numbers in the same order, in another shape; one dimension may be −1."""

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
        # A dimension that stays is written 0 ("as it was"), so the batch stays free.
        wanted = [
            0 if i < len(self.shape) and n == self.shape[i] else n
            for i, n in enumerate(self.result)
        ]
        for i, n in enumerate(wanted):
            if n and n % graph.batch == 0 and -1 not in wanted:
                wanted[i] = -1
        return graph.add("Reshape", x, graph.constant(wanted, "int64"))


class Permute(Op):
    """The dimensions in another order."""

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

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.wanted = shape

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return np.broadcast_to(x, self.wanted)

    def backward(self, grad: Array) -> Grads:
        return (unbroadcast(grad, self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        # 1 stands for "as it was", so a batch that is there already stays free.
        own = (1,) * (len(self.wanted) - len(self.shape)) + self.shape
        wanted = [1 if n == was else n for n, was in zip(self.wanted, own, strict=True)]
        if wanted[:1] == [graph.batch]:
            raise NotImplementedError(
                "export of expand to the size of the batch, which is not known: leave that "
                "dimension 1, and let the next operation broadcast it"
            )
        return graph.add("Expand", x, graph.constant(wanted, "int64"))


class GetItem(Op):
    """z = x[index]; backwards into zeros, added where an index repeats."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def forward(self, x: Array) -> Array:
        self.like = x
        return np.asarray(x[self.index])

    def backward(self, grad: Array) -> Grads:
        back = np.zeros(self.like.shape, grad.dtype)
        parts = self.index if isinstance(self.index, tuple) else (self.index,)
        if all(p is None or p is Ellipsis or isinstance(p, int | slice) for p in parts):
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
            parts[at : at + 1] = [slice(None)] * (self.like.ndim - len(parts) + 1)
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
