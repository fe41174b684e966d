"""Pooling: a picture made smaller by the maximum or the mean of each window.

A window is a few elements of each dimension, so a mean is a matrix for each: see `resize`. The
maximum is looked for among as many slices of the picture as a window has elements.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.conv import Sizes, of_dimensions, sizes
from learnt.engine.ops.resize import Axis, Resample, cut, parts


@lru_cache(maxsize=64)
def windows(
    before: int, kernel: int, stride: int, padding: int, gap: int, ceil: bool, mean: str
) -> Axis:
    """Which elements each window holds in one dimension; with weights, where a `mean` is wanted:
    of the elements "inside" the picture, or of "all" with the padding.

    With `ceil` a window may go beyond the end, if it begins before the padding's.
    """
    if min(kernel, stride, gap) < 1 or not 0 <= padding <= kernel // 2:
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
    places = np.arange(after)[:, None] * stride - padding + np.arange(kernel) * gap
    inside = (places >= 0) & (places < before)
    if not inside.any(1).all():
        raise NotImplementedError("a pool with a window that holds nothing but padding")
    counted = inside if mean == "inside" else places < before + padding
    weights = 1 / counted.sum(1, keepdims=True) if mean else 1
    return cut(before, places, weights, 1, stride)


class MaxPool(Op):
    """z = the largest of each window; the gradient goes to the first element that had it.

    A window with an element that is not a number has no number, and that is its place.
    """

    def __init__(self, axes: Sequence[Axis], **native: Any) -> None:
        self.axes, self.native = list(axes), native
        pairs = itertools.product(*[axis.runs for axis in axes])
        self.runs: list[tuple[Any, Any]] = [
            ((..., *[r[0] for r in p]), (..., *[r[1] for r in p])) for p in pairs
        ]

    def forward(self, x: Array) -> Array:
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        z = np.full_like(x, lowest, shape=self.result(x.shape))
        for out, seen in self.runs:
            np.maximum(z[out], x[seen], out=z[out])
        if self.needs:
            self.x, self.z = x, z
        return z

    def backward(self, grad: Array) -> Grads:
        back, nan = np.zeros_like(self.x), bool(np.isnan(self.z).any())
        left = np.ones_like(self.z, bool)  # the windows whose maximum is still to be found
        apart = all((np.bincount(axis.entries[1]) < 2).all() for axis in self.axes)  # no two meet
        for out, seen in self.runs:
            here = self.x[seen] == self.z[out]
            if nan:
                here |= np.isnan(self.x[seen])
            here &= left[out]
            left[out] ^= here
            if apart:
                np.multiply(grad[out], here, out=back[seen])
            else:
                back[seen] += grad[out] * here
        return (back,)

    def result(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the result."""
        return *shape[: -len(self.axes)], *[axis.after for axis in self.axes]

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        """Where ONNX has no such windows: all elements of each, and the largest of those."""
        shape = graph.traced(x).shape
        if self.native and len(shape) == len(self.axes) + 2:
            return graph.add("MaxPool", x, **self.native)
        flat = (*shape[: -len(self.axes)], int(np.prod(shape[-len(self.axes) :])))
        x = graph.add("Reshape", x, graph.constant(flat, "int64"))
        x = graph.add("Gather", x, graph.constant(table(self.axes)), axis=len(flat) - 1)
        z = graph.add("ReduceMax", x, graph.constant([-1], "int64"), keepdims=0)
        return graph.add("Reshape", z, graph.constant(self.result(shape), "int64"))


def table(axes: Sequence[Axis]) -> Array:
    """The elements of each window, as places in the whole picture: (windows, elements); the last
    is repeated where a window holds fewer than others."""
    flat = np.zeros((1, 1), np.int64)
    for axis in axes:
        i, j, _ = axis.entries
        counts = np.bincount(i, minlength=axis.after)[:, None]
        nth = np.minimum(np.arange(counts.max()), counts - 1)
        rows = j[np.cumsum(counts)[:, None] - counts + nth]  # (after, elements)
        flat = flat[:, None, :, None] * axis.before + rows[None, :, None, :]
        flat = flat.reshape(flat.shape[0] * len(rows), -1)
    return flat


def _largest(input: Tensor, axes: list[Axis], return_indices: bool, **native: Any) -> Any:
    """The largest of each window, and if asked for where in the picture it is."""
    op = MaxPool(axes, **native)
    z = apply(op, input)
    if not return_indices:
        return z
    places, n = table(axes), len(axes)
    at = input.detach().flatten(-n)[..., wrap(places)].argmax(-1, keepdim=True)
    found = wrap(places) * (at == wrap(np.arange(places.shape[1])))
    return z, found.sum(-1).reshape(*z.array.shape)


def _axes(
    n: int, input: Tensor, options: Sequence[Any], ceil: bool, mean: str = ""
) -> tuple[list[Axis], dict[str, Any]]:
    """The windows in each of the last `n` dimensions; and as ONNX says it, if it can."""
    shape = input.array.shape
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(f"pooling in {n}d needs pictures (N, C, *S) or (C, *S); got {shape}")
    kernel, stride, padding, gap = (sizes(o, n, "each option of a pool") for o in options)
    each = list(zip(shape[-n:], kernel, stride, padding, gap, strict=True))
    axes = [windows(*one, ceil, mean) for one in each]
    ends = [
        max((axis.after - 1) * s + d * (k - 1) + 1 - m - p, 0)
        for axis, (m, k, s, p, d) in zip(axes, each, strict=True)
    ]
    if any(p >= k for p, k in zip((*padding, *ends), kernel * 2, strict=True)):
        return axes, {}  # more padding than ONNX Runtime takes
    return axes, {"kernel_shape": kernel, "strides": stride, "pads": [*padding, *ends]}


def max_pool(
    n: int, input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    dilation: Sizes = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest of each window, every `stride` (the kernel's size) places; and where it is."""
    step = kernel_size if stride in (None, (), []) else stride
    axes, native = _axes(n, input, (kernel_size, step, padding, dilation), ceil_mode)
    native |= {"dilations": sizes(dilation, n, "dilation")} if native else {}
    return _largest(input, axes, return_indices, **native)


def avg_pool(
    n: int, input: Tensor, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window, every `stride` (the kernel's size) places; padding counts as 0."""
    step = kernel_size if stride in (None, (), []) else stride
    mean = "" if divisor_override else "all" if count_include_pad else "inside"
    axes, native = _axes(n, input, (kernel_size, step, padding, 1), ceil_mode, mean)
    if divisor_override or ceil_mode or not native:
        z = apply(Resample(axes), input)
        return z / divisor_override if divisor_override else z
    counted = int(count_include_pad)
    return apply(Resample(axes, kind="AveragePool", count_include_pad=counted, **native), input)


def _parts(n: int, input: Tensor, output_size: Any) -> list[Axis]:
    """Each of the last `n` dimensions in as many parts as asked for; None leaves it as it is."""
    shape = input.array.shape
    wanted = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,) * n
    if len(shape) not in (n + 1, n + 2) or len(wanted) not in (1, n) or min(shape[-n:]) < 1:
        raise RuntimeError(
            f"adaptive pooling in {n}d needs pictures (N, C, *S) or (C, *S), and as many output "
            f"sizes; got {shape} and {output_size}"
        )
    each = zip(shape[-n:], wanted * (n // len(wanted)), strict=True)
    return [parts(m, m if w is None else w) for m, w in each]


def adaptive_avg_pool(n: int, input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` parts of the picture, as equal as can be."""
    axes = _parts(n, input, output_size)
    if all(axis.after == 1 for axis in axes):
        return input.mean(tuple(range(-n, 0)), keepdim=True)
    return apply(Resample(axes), input)


def adaptive_max_pool(n: int, input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of each of `output_size` parts of the picture; and where it is."""
    return _largest(input, _parts(n, input, output_size), return_indices)


max_pool1d, max_pool2d = of_dimensions(max_pool)
avg_pool1d, avg_pool2d = of_dimensions(avg_pool)
adaptive_avg_pool1d, adaptive_avg_pool2d = of_dimensions(adaptive_avg_pool)
adaptive_max_pool1d, adaptive_max_pool2d = of_dimensions(adaptive_max_pool)
