"""Pooling: a picture made smaller by the maximum or the mean of each window.

A window is a slice of each dimension, so a pool is a matrix of ones for each: see `resize`. The
largest is looked for over all elements of the windows, a slice of the picture each.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.conv import Sizes, sizes
from learnt.engine.ops.resize import Axis, Resample, cut, parts

Slices = tuple[Any, ...]


@lru_cache(maxsize=512)
def windows(
    before: int, kernel: int, stride: int, padding: int, gap: int, ceil: bool, mean: str = ""
) -> Axis:
    """Which elements each window holds, in one dimension; with weights if a `mean` is wanted.

    Windows may go beyond the end with `ceil`, as long as they begin in what is padded. A mean is
    of the elements "inside" only, or of "all" with the padding.
    """
    if min(kernel, stride, gap) < 1 or not 0 <= padding <= (gap * (kernel - 1) + 1) // 2:
        raise RuntimeError(
            "pooling needs kernel, stride and dilation of at least 1, and padding of at most half "
            f"the kernel; got {kernel}, {stride}, {gap} and {padding}"
        )
    spare = before + 2 * padding - gap * (kernel - 1) - 1
    after = (-(-spare // stride) if ceil else spare // stride) + 1
    if ceil and (after - 1) * stride >= before + padding:
        after -= 1
    if after < 1 or before < 1:
        raise RuntimeError(f"pooling by {kernel} needs pictures at least that large; got {before}")
    matrix = np.zeros((after, before))
    for i in range(after):
        start = i * stride - padding
        held = np.arange(start, start + gap * kernel, gap)
        inside = held[(held >= 0) & (held < before)]
        count = len(inside) if mean == "inside" else np.sum(held < before + padding)
        matrix[i, inside] = 1 / count if mean else 1
    return cut(matrix, 1, stride)


class MaxPool(Op):
    """z = the largest of each window; the gradient goes to the first element that had it.

    Where an element is not a number, so is the result; the last such gets the gradient.
    """

    def __init__(self, axes: Sequence[Axis], **native: Any) -> None:
        self.axes, self.native = list(axes), native
        pairs = itertools.product(*[axis.runs for axis in axes])
        self.runs = [((..., *[r[0] for r in p]), (..., *[r[1] for r in p])) for p in pairs]

    def forward(self, x: Array) -> Array:
        shape = (*x.shape[: -len(self.axes)], *[len(axis.matrix) for axis in self.axes])
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        z = np.full_like(x, lowest, shape=shape)
        for out, seen in self.runs:
            np.maximum(z[out], x[seen], out=z[out])
        if self.needs:
            self.x, self.z = x, z
        return z

    def backward(self, grad: Array) -> Grads:
        back, nan = np.zeros_like(self.x), np.isnan(self.z)
        apart = all(
            ((axis.matrix != 0).sum(0) < 2).all() for axis in self.axes
        )  # no two windows meet
        rounds = [(self.runs, ~nan)] + ([(self.runs[::-1], nan)] if nan.any() else [])
        for runs, left in rounds:  # the windows whose maximum is still to be found
            for out, seen in runs:
                here = self.x[seen] == self.z[out]
                if len(rounds) > 1:
                    here |= np.isnan(self.x[seen])
                here &= left[out]
                left[out] ^= here
                if apart and len(rounds) == 1:
                    np.multiply(grad[out], here, out=back[seen])
                else:
                    back[seen] += grad[out] * here
        return (back,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        if self.native and graph.traced(x).ndim == len(self.axes) + 2:
            return graph.add("MaxPool", x, **self.native)
        elements = _elements(graph, x, self.axes)
        z = graph.add("ReduceMax", elements, graph.constant([-1], "int64"), keepdims=0)
        return _as_picture(graph, z, x, self.axes)


class MaxPlace(Op):
    """z = where the largest of each window is, counted in the picture; the first of equals."""

    differentiable = False

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = list(axes)

    def forward(self, x: Array) -> Array:
        places = table(self.axes)
        values = x.reshape(*x.shape[: -len(self.axes)], -1)[..., places]
        found, nan = values.argmax(-1), np.isnan(values)
        last = places.shape[1] - 1 - nan[..., ::-1].argmax(-1)
        found = places[np.arange(len(places)), np.where(nan.any(-1), last, found)]
        return found.reshape(*x.shape[: -len(self.axes)], *[len(a.matrix) for a in self.axes])

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        places = table(self.axes)
        at = graph.add("ArgMax", _elements(graph, x, self.axes), axis=-1)
        same = graph.add("Equal", at, graph.constant(np.arange(places.shape[1])))
        kept = graph.add("Where", same, graph.constant(places), graph.constant(0, "int64"))
        z = graph.add("ReduceSum", kept, graph.constant([-1], "int64"), keepdims=0)
        return _as_picture(graph, z, x, self.axes)


def table(axes: Sequence[Axis]) -> Array:
    """The elements of each window, counted in the picture: (windows, elements), the last one
    repeated where a window holds fewer than others."""
    flat = np.zeros((1, 1), np.int64)
    for axis in axes:
        held = [np.flatnonzero(row) for row in axis.matrix]
        most = max(map(len, held))
        rows = np.stack([np.pad(h, (0, most - len(h)), "edge") for h in held])
        flat = flat[:, None, :, None] * axis.matrix.shape[1] + rows[None, :, None, :]
        flat = flat.reshape(flat.shape[0] * flat.shape[1], -1)
    return flat


def _elements(graph: GraphBuilder, x: str, axes: Sequence[Axis]) -> str:
    """In a graph, the elements of each window: (…, windows, elements)."""
    lead = graph.traced(x).shape[: -len(axes)]
    size = int(np.prod([axis.matrix.shape[1] for axis in axes]))
    flat = graph.add("Reshape", x, graph.constant((*lead, size), "int64"))
    return graph.add("Gather", flat, graph.constant(table(axes)), axis=len(lead))


def _as_picture(graph: GraphBuilder, z: str, x: str, axes: Sequence[Axis]) -> str:
    """In a graph, a row of windows as a picture of them."""
    shape = (*graph.traced(x).shape[: -len(axes)], *[len(axis.matrix) for axis in axes])
    return graph.add("Reshape", z, graph.constant(shape, "int64"))


def _axes(
    n: int, input: Tensor, options: Sequence[Sizes], *same: Any
) -> tuple[list[Axis], dict[str, Any]]:
    """The windows in each of the last `n` dimensions; and as ONNX says it, if it can."""
    shape = input.array.shape
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(f"pooling needs pictures (N, C, *S) or (C, *S); got {shape}, S has {n}")
    kernel, stride, padding, gap = (sizes(o, n, "each option of a pool") for o in options)
    each = list(zip(shape[-n:], kernel, stride, padding, gap, strict=True))
    axes = [windows(*one, *same) for one in each]
    beyond = [
        (len(axis.matrix) - 1) * s + d * (k - 1) + 1 - m - p
        for axis, (m, k, s, p, d) in zip(axes, each, strict=True)
    ]
    pads = [*padding, *[max(b, 0) for b in beyond]]
    if any(p >= k for p, k in zip(pads, kernel * 2, strict=True)):  # more than ONNX Runtime takes
        return axes, {}
    return axes, {"kernel_shape": kernel, "strides": stride, "pads": pads}


def max_pool(n: int) -> Callable[..., Any]:
    """`max_pool1d` or `max_pool2d`."""

    def pool(
        input: Tensor,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        step = kernel_size if stride in (None, (), []) else stride
        axes, native = _axes(n, input, (kernel_size, step, padding, dilation), ceil_mode)  # type: ignore[arg-type]
        native |= {"dilations": sizes(dilation, n, "dilation")} if native else {}
        return _largest(input, axes, return_indices, **native)

    pool.__name__ = pool.__qualname__ = f"max_pool{n}d"
    return pool


def _largest(input: Tensor, axes: list[Axis], return_indices: bool, **native: Any) -> Any:
    z = apply(MaxPool(axes, **native), input)
    return (z, apply(MaxPlace(axes), input)) if return_indices else z


def avg_pool(n: int) -> Callable[..., Tensor]:
    """`avg_pool1d` or `avg_pool2d`."""

    def pool(
        input: Tensor,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        step = kernel_size if stride in (None, (), []) else stride
        mean = "" if divisor_override else "all" if count_include_pad else "inside"
        axes, native = _axes(n, input, (kernel_size, step, padding, 1), ceil_mode, mean)  # type: ignore[arg-type]
        if divisor_override:
            return apply(Resample(axes), input) / divisor_override
        if native and not ceil_mode:
            native |= {"kind": "AveragePool", "count_include_pad": int(count_include_pad)}
        else:
            native = {}
        return apply(Resample(axes, **native), input)

    pool.__name__ = pool.__qualname__ = f"avg_pool{n}d"
    return pool


def _parts(n: int, input: Tensor, output_size: Any) -> list[Axis]:
    """Each dimension in as many parts as asked for; None leaves it as it is."""
    shape = input.array.shape
    wanted = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,) * n
    if len(shape) not in (n + 1, n + 2) or len(wanted) != n or min(shape[-n:]) < 1:
        raise RuntimeError(
            f"adaptive pooling needs pictures (N, C, *S) or (C, *S), S of {n} sizes, and as many "
            f"output sizes; got {shape} and {output_size}"
        )
    return [parts(m, m if w is None else w) for m, w in zip(shape[-n:], wanted, strict=True)]


def adaptive_avg_pool(n: int) -> Callable[..., Tensor]:
    """`adaptive_avg_pool1d` or `adaptive_avg_pool2d`."""

    def pool(input: Tensor, output_size: Any) -> Tensor:
        axes = _parts(n, input, output_size)
        whole = all(len(axis.matrix) == 1 for axis in axes)
        return apply(Resample(axes, kind="GlobalAveragePool" if whole else ""), input)

    pool.__name__ = pool.__qualname__ = f"adaptive_avg_pool{n}d"
    return pool


def adaptive_max_pool(n: int) -> Callable[..., Any]:
    """`adaptive_max_pool1d` or `adaptive_max_pool2d`."""

    def pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        return _largest(input, _parts(n, input, output_size), return_indices)

    pool.__name__ = pool.__qualname__ = f"adaptive_max_pool{n}d"
    return pool


max_pool1d, max_pool2d = max_pool(1), max_pool(2)
avg_pool1d, avg_pool2d = avg_pool(1), avg_pool(2)
adaptive_avg_pool1d, adaptive_avg_pool2d = adaptive_avg_pool(1), adaptive_avg_pool(2)
adaptive_max_pool1d, adaptive_max_pool2d = adaptive_max_pool(1), adaptive_max_pool(2)
