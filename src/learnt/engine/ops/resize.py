"""Resizing: along each dimension, every new element is a weighted sum of a few old ones.

A matrix a dimension says of which; interpolation, averages and padding differ only in it. What
is not 0 in it lies on diagonals, and a diagonal is a slice of the old, added to a slice of the
new: an infinite or missing number stays where it belongs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.conv import Sizes

Run = tuple[slice, slice, Any]  # of the result, of the input, and the weights: 1, or an array
DIMENSIONS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


@dataclass(frozen=True)
class Axis:
    """z[i] = Σ_j matrix[i, j] · x[j] along one dimension."""

    after: int
    before: int
    entries: tuple[Array, Array, Array]  # i, j and the weight of all that is not 0, in order
    runs: tuple[Run, ...]  # the same, as diagonals; every i meets its j in order

    @property
    def choice(self) -> bool:
        """Is each i one j?"""
        i, _, w = self.entries
        return bool((w == 1).all()) and np.array_equal(i, np.arange(self.after))

    def matrix(self, dtype: Any) -> Array:
        """All of it: (after, before)."""
        found = np.zeros((self.after, self.before), dtype)
        found[self.entries[:2]] = self.entries[2]
        return found


def cut(before: int, places: Array, weights: Any, up: int, down: int) -> Axis:
    """The elements j that each i is a sum of, (after, some), as runs (i + up, j + down), …

    Places outside of 0 … before − 1 are left out; the weights of equal ones are added.
    """
    after, inside = len(places), (places >= 0) & (places < before)
    flat = (np.arange(after)[:, None] * before + places)[inside]
    flat, which = np.unique(flat, return_inverse=True)
    w = np.bincount(which, np.broadcast_to(weights, places.shape)[inside])
    i, j = np.divmod(flat[w != 0], max(before, 1))
    w = w[w != 0]
    order = np.lexsort((j - i // up * down, i % up))
    p, q, r = i[order], j[order], w[order]
    ends = np.flatnonzero((np.diff(p) != up) | (np.diff(q) != down)) + 1
    runs: list[Run] = []
    for a, b in zip((0, *ends), (*ends, len(p)), strict=True) if len(p) else ():
        out, seen = slice(p[a], p[b - 1] + 1, up), slice(q[a], q[b - 1] + 1, down)
        runs.append((out, seen, r[a] if (r[a:b] == r[a]).all() else r[a:b]))
    return Axis(after, before, (i, j, w), tuple(runs))


class Resample(Op):
    """z = M₁ ⊗ … ⊗ M_n · x, on the last n dimensions, one after the other; ∂L/∂x by each Mᵀ."""

    def __init__(self, axes: Sequence[Axis], **native: Any) -> None:
        self.axes, self.native = list(axes), native  # the ONNX operator that does it: kind, …

    def forward(self, x: Array) -> Array:
        for dim, axis in enumerate(self.axes, -len(self.axes)):
            x = _mix(x, dim, axis.after, axis.runs, axis.choice)
        return x

    def backward(self, grad: Array) -> Grads:
        for dim, axis in enumerate(self.axes, -len(self.axes)):
            back = [(seen, out, weights) for out, seen, weights in axis.runs]
            grad = _mix(grad, dim, axis.before, back)
        return (grad,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        """A choice is a Gather; else a product, with the dimension brought to the end."""
        like = graph.traced(x)
        if self.native and like.ndim == len(self.axes) + 2:
            attributes = dict(self.native)
            return graph.add(attributes.pop("kind"), x, **attributes)
        for dim, axis in enumerate(self.axes, like.ndim - len(self.axes)):
            if axis.choice:
                x = graph.add("Gather", x, graph.constant(axis.entries[1]), axis=dim)
                continue
            order = list(range(like.ndim))
            order[dim], order[-1] = order[-1], order[dim]
            product = graph.constant(axis.matrix(like.dtype).T)
            x = graph.add("MatMul", graph.add("Transpose", x, perm=order), product)
            x = graph.add("Transpose", x, perm=order)
        return x


def _mix(x: Array, dim: int, size: int, runs: Sequence[Run], choice: bool = False) -> Array:
    """One dimension, counted from the end, made `size` long by runs; z lies in memory as x does."""
    shape, every = list(x.shape), (slice(None),) * (x.ndim + dim)
    shape[dim] = size
    z = (np.empty_like if choice else np.zeros_like)(x, shape=shape)
    for out, seen, weights in runs:
        part = x[*every, seen]
        if choice:
            z[*every, out] = part
            continue
        if np.ndim(weights) or weights != 1:
            part = part * weights.astype(x.dtype).reshape(-1, *(1,) * (-1 - dim))
        z[*every, out] += part
    return z


@lru_cache(maxsize=64)
def parts(before: int, after: int) -> Axis:
    """The average of each of `after` equal parts of `before`; what is cut belongs to both."""
    i, g = np.arange(after)[:, None], math.gcd(before, after)
    first, end = i * before // after, -(-(i + 1) * before // after)
    places = first + np.arange(-(-before // after) + 1 if after else 1)
    places[places >= end] = before  # outside
    return cut(before, places, 1 / (end - first), after // g, before // g)


def _kernel(x: Array, cubic: bool, a: float) -> Array:
    """What an element at distance x counts: a triangle, or Keys' cubic (1981)."""
    x = np.abs(x)
    if not cubic:
        return np.asarray(np.maximum(1 - x, 0))
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=64)
def interpolation(
    mode: str, before: int, after: int, scale: float | None, align: bool, antialias: bool, kind: str
) -> Axis:
    """Between the elements of one dimension, each as wide as their distance; or if `align`, so
    that the first and the last stay where they are."""
    i, g, cubic = np.arange(after)[:, None], math.gcd(before, after), mode == "bicubic"
    copied = before == after and (antialias or mode.endswith("linear"))  # whatever the scale
    step = before / after if scale is None or copied else 1 / scale
    if align:
        step = (before - 1) / (after - 1) if after > 1 else 0.0
    weights: Any = 1
    if mode in ("nearest", "nearest-exact"):
        half = 0.5 if mode == "nearest-exact" else 0  # and rounded as PyTorch rounds
        at: Any = ((i + half) * float(np.asarray(step, kind)) - half).astype(kind) + half
        places = np.minimum(at.astype(np.float32).astype(int), before - 1)
    elif antialias:  # the kernel as wide as a new element
        wide, middle = max(step, 1.0), step * (i + 0.5)
        first, end = ((middle + s * (2 if cubic else 1) * wide + 0.5).astype(int) for s in (-1, 1))
        places = np.maximum(first, 0) + np.arange(int((end - first).max()))
        weights = _kernel((places - middle + 0.5) / wide, cubic, -0.5)
        weights *= places < np.minimum(end, before)
        weights /= weights.sum(1, keepdims=True)
    else:
        at = i * step if align else (i + 0.5) * step - 0.5
        at = at if cubic else at.clip(min=0)
        places = np.floor(at).astype(int) + (np.arange(-1, 3) if cubic else np.arange(2))
        weights = _kernel(at - places, cubic, -0.75)
        places = np.clip(places, 0, before - 1)
    return cut(before, places, weights, after // g, before // g)


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
    own, factors = input.array.shape[2:], size is None
    given: Any = scale_factor if factors else size
    each = tuple(given) if isinstance(given, Sequence) else (given,) * len(own)
    if (
        factors == (scale_factor is None)
        or (recompute_scale_factor and not factors)
        or not len(own) == len(each) > 0
        or (align_corners is not None and mode not in DIMENSIONS)
        or (antialias and mode not in ("bilinear", "bicubic"))
    ):
        raise ValueError(
            f"interpolate of sizes {own} needs as many sizes, or factors (maybe to recompute); "
            f"align_corners is for {[*DIMENSIONS]}, antialias for bi-…; got {given} and {mode!r}"
        )
    nearest, kind = mode in ("nearest", "nearest-exact"), input.array.dtype
    dims = DIMENSIONS.get(mode, len(own) if nearest or mode == "area" else 0)
    if not len(own) == dims <= 3 or not (nearest or kind.kind == "f"):
        raise NotImplementedError(f"interpolate by {mode!r} of {input.array.shape}, {kind}")
    after = [math.floor(n * e) if factors else e for n, e in zip(own, each, strict=True)]
    if mode == "area":
        return apply(Resample(list(map(parts, own, after))), input)
    if min(*own, *after) < 1:
        raise RuntimeError(f"interpolate needs sizes of at least 1; got {own} and {after}")
    scales = each if factors and not recompute_scale_factor else (None,) * len(own)
    options = bool(align_corners), antialias, "f8" if kind == np.float64 else "f4"
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
