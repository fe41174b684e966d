"""Resizing: along each dimension, every new element is a weighted sum of a few old ones.

A matrix a dimension says of which; interpolation, averages and padding differ only in it. What
is not 0 in it lies on diagonals, and a diagonal is a slice of the old, added to a slice of the
new: an infinite or missing number stays where it belongs.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op

Run = tuple[slice, slice, Array | None]  # of the result, of the input, and the weights if not 1
Sizes = int | Sequence[int]
DIMENSIONS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


@dataclass(frozen=True)
class Axis:
    """z[i] = Σ_j matrix[i, j] · x[j], which is scale[i] · the sum of the runs."""

    matrix: Array  # (after, before)
    runs: tuple[Run, ...]  # every i meets its j in order
    scale: Array | None
    choice: bool  # each i is one j


def cut(matrix: Array, up: int, down: int) -> Axis:
    """A matrix cut into runs (i, j), (i + up, j + down), …"""
    scale = matrix.max(1, keepdims=True)
    if ((matrix != 0) & (matrix != scale)).any() or not scale.all():
        scale = np.ones_like(scale)
    places = defaultdict(list)
    for i, j in np.argwhere(matrix).tolist():
        places[i % up, j - i // up * down].append((i, j))
    runs: list[Run] = []
    for _, ((i, j), *more) in sorted(places.items()):
        m, n = more[-1] if more else (i, j)
        weights = (matrix / scale)[range(i, m + 1, up), range(j, n + 1, down)]
        one = bool((weights == 1).all())
        runs.append((slice(i, m + 1, up), slice(j, n + 1, down), None if one else weights))
    same = bool((scale == 1).all())
    choice = same and all(w is None for *_, w in runs) and bool((matrix.sum(1) == 1).all())
    return Axis(matrix, tuple(runs), None if same else scale[:, 0], choice)


class Resample(Op):
    """z = M₁ ⊗ … ⊗ M_n · x, on the last n dimensions, one after the other; ∂L/∂x by each Mᵀ."""

    def __init__(self, axes: Sequence[Axis], **native: Any) -> None:
        self.axes, self.native = list(axes), native  # the ONNX operator that does it: kind, …

    def forward(self, x: Array) -> Array:
        for dim, axis in enumerate(self.axes, -len(self.axes)):
            x = _mix(x, dim, len(axis.matrix), axis.runs, axis.choice)
            if axis.scale is not None:
                x *= _along(axis.scale, dim, x)
        return x

    def backward(self, grad: Array) -> Grads:
        for dim, axis in enumerate(self.axes, -len(self.axes)):
            if axis.scale is not None:
                grad = grad * _along(axis.scale, dim, grad)
            back = [(seen, out, weights) for out, seen, weights in axis.runs]
            grad = _mix(grad, dim, axis.matrix.shape[1], back)
        return (grad,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        """A choice is a Gather; else a product, with the dimension brought to the end."""
        like = graph.traced(x)
        if self.native and like.ndim == len(self.axes) + 2:
            attributes = dict(self.native)
            return graph.add(attributes.pop("kind"), x, **attributes)
        for dim, axis in enumerate(self.axes, like.ndim - len(self.axes)):
            if axis.choice:
                x = graph.add("Gather", x, graph.constant(axis.matrix.argmax(1)), axis=dim)
                continue
            order = list(range(like.ndim))
            order[dim], order[-1] = order[-1], order[dim]
            product = graph.constant(axis.matrix.T, like.dtype)
            x = graph.add("MatMul", graph.add("Transpose", x, perm=order), product)
            x = graph.add("Transpose", x, perm=order)
        return x


def _along(values: Array, dim: int, like: Array) -> Array | np.generic:
    """One number an element of a dimension counted from the end; one for all, if equal."""
    values = values.astype(like.dtype)
    return values[0] if (values == values[0]).all() else values.reshape(-1, *(1,) * (-1 - dim))


def _mix(x: Array, dim: int, size: int, runs: Sequence[Run], choice: bool = False) -> Array:
    """One dimension made `size` long by runs; it lies in memory as x does."""
    shape, every = list(x.shape), (slice(None),) * (x.ndim + dim)
    shape[dim] = size
    z = (np.empty_like if choice else np.zeros_like)(x, shape=shape)
    for out, seen, weights in runs:
        if choice:
            z[*every, out] = x[*every, seen]
        elif weights is None:
            z[*every, out] += x[*every, seen]
        else:
            z[*every, out] += x[*every, seen] * _along(weights, dim, x)
    return z


@lru_cache(maxsize=512)
def parts(before: int, after: int) -> Axis:
    """The average of each of `after` equal parts of `before`; what is cut belongs to both."""
    i, j, g = np.arange(after)[:, None], np.arange(before), math.gcd(before, after)
    held = (j >= i * before // after) & (j < -(-(i + 1) * before // after))
    return cut(held / held.sum(1, keepdims=True), after // g, before // g)


def _kernel(x: Array, cubic: bool, a: float) -> Array:
    """What an element at distance x counts: a triangle, or Keys' cubic (1981)."""
    x = np.abs(x)
    if not cubic:
        return np.asarray(np.maximum(1 - x, 0))
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=512)
def interpolation(
    mode: str, before: int, after: int, scale: float | None, align: bool, antialias: bool, kind: str
) -> Axis:
    """The matrix of one dimension. Elements are as wide as the distance between them, unless
    `align`: then the first and the last stay where they are."""
    matrix, i, cubic = np.zeros((after, before)), np.arange(after), mode == "bicubic"
    copied = before == after and (antialias or mode.endswith("linear"))  # whatever the scale
    step = before / after if scale is None or copied else 1 / scale
    if align:
        step = (before - 1) / (after - 1) if after > 1 else 0.0
    if mode in ("nearest", "nearest-exact"):
        half = 0.5 if mode == "nearest-exact" else 0  # and rounded as PyTorch rounds
        at = ((i + half) * float(np.asarray(step, kind)) - half).astype(kind) + half
        matrix[i, np.minimum(at.astype(np.float32).astype(int), before - 1)] = 1
    elif antialias:  # the kernel as wide as a new element
        wide, middle = max(step, 1.0), (step * (i + 0.5))[:, None]
        first, last = ((middle + s * (2 if cubic else 1) * wide + 0.5).astype(int) for s in (-1, 1))
        j = np.arange(before)
        matrix = _kernel((j - middle + 0.5) / wide, cubic, -0.5) * ((j >= first) & (j < last))
        matrix /= matrix.sum(1, keepdims=True)
    else:
        at = i * step if align else (i + 0.5) * step - 0.5
        at = at if cubic else np.maximum(at, 0)
        low = np.floor(at)
        for tap in (-1, 0, 1, 2) if cubic else (0, 1):
            places = np.clip(low + tap, 0, before - 1).astype(int)
            np.add.at(matrix, (i, places), _kernel(at - low - tap, cubic, -0.75))
    g = math.gcd(before, after)
    return cut(matrix, after // g, before // g)


def interpolate(
    input: Tensor, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Pictures (N, C, *S) to another `size`, or `scale_factor` times as large.

    By `mode` nearest, nearest-exact, area (averages), linear, bilinear, trilinear or bicubic.

    >>> import learnt.engine as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    own, given = input.array.shape[2:], scale_factor if size is None else size
    if (size is None) == (scale_factor is None) or (size is not None and recompute_scale_factor):
        raise ValueError("interpolate needs either a size, or a scale_factor (maybe to recompute)")
    each = tuple(given) if isinstance(given, Sequence) else (given,) * len(own)
    if not own or len(each) != len(own):
        raise ValueError(f"interpolate of {own} needs as many sizes; got {given}")
    if (align_corners is not None and mode not in DIMENSIONS) or (
        antialias and mode not in ("bilinear", "bicubic")
    ):
        raise ValueError(f"align_corners is for {[*DIMENSIONS]}, antialias for two; got {mode!r}")
    nearest, fractions = mode in ("nearest", "nearest-exact"), input.array.dtype.kind == "f"
    dims = DIMENSIONS.get(mode, len(own) if nearest or mode == "area" else 0)
    if not 1 <= len(own) == dims <= 3 or not (nearest or fractions):
        raise NotImplementedError(
            f"interpolate: mode={mode!r} of shape {input.array.shape} and {input.array.dtype}"
        )
    after = (
        each if size is not None else [math.floor(n * f) for n, f in zip(own, each, strict=True)]
    )
    if mode == "area":
        return apply(Resample(list(map(parts, own, after))), input)
    if min(*own, *after) < 1:
        raise RuntimeError(f"interpolate needs sizes of at least 1; got {own} and {tuple(after)}")
    scales = (None,) * len(own) if size is not None or recompute_scale_factor else each
    double = input.array.dtype == np.float64
    options = bool(align_corners), antialias, "float64" if double else "float32"
    steps = zip(own, after, scales, strict=True)
    return apply(Resample([interpolation(mode, *step, *options) for step in steps]), input)


upsample_nearest = partial(interpolate, mode="nearest")
upsample_bilinear = partial(interpolate, mode="bilinear", align_corners=True)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(…, C·r², H, W) → (…, C, H·r, W·r): channels become places.  (Shi et al. 2016)"""
    *lead, c, h, w = input.array.shape
    r, n = upscale_factor, len(lead)
    if r < 1 or c % r**2:
        raise RuntimeError(f"pixel_shuffle by {r} needs channels that {r}² divides; got {c}")
    x = input.reshape(*lead, c // r**2, r, r, h, w)
    x = x.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, c // r**2, h * r, w * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(…, C, H·r, W·r) → (…, C·r², H, W): the way back from `pixel_shuffle`."""
    *lead, c, h, w = input.array.shape
    r, n = downscale_factor, len(lead)
    if r < 1 or h % r or w % r:
        raise RuntimeError(f"pixel_unshuffle by {r} needs sizes that it divides; got {h} and {w}")
    x = input.reshape(*lead, c, h // r, r, w // r, r)
    x = x.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, c * r**2, h // r, w // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, groups·C, …): the channels of all groups in turn.  (Zhang et al. 2018, ShuffleNet)"""
    n, c, *size = input.array.shape
    if groups < 1 or c % groups:
        raise RuntimeError(f"channel_shuffle needs channels that {groups} divides; got {c}")
    return input.reshape(n, groups, c // groups, *size).transpose(1, 2).reshape(n, c, *size)
