"""Normalisation: activations brought to mean 0 and variance 1, then scaled and shifted.

One operation for batch, instance and group normalisation, which differ in what shares a mean; in
blocks that stay in the processor's cache.
"""

import math
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.linear import row_sums

BLOCK = 2**18  # numbers
Optional = Tensor | None


def _sums(a: Array, b: Array | None = None) -> Array:
    """Σ a (or Σ a·b) over the last dimension, which stays as 1."""
    if b is not None and a.flags.c_contiguous:
        return np.asarray(np.vecdot(a, b))[..., None]
    flat = (a if b is None else a * b).reshape(-1, a.shape[-1])
    return row_sums(flat).reshape(*a.shape[:-1], 1)


class Normalize(Op):
    """y = w·x̂ + b, x̂ = (x − μ)·r, r = 1/√(σ² + ε).  (Ioffe & Szegedy 2015; Wu & He 2018)

    x is seen as rows (R, K, L), of which each has its own μ and σ²; w and b as (G, K, 1), for the
    row's number modulo G. With s = Σ_L g, t = Σ_L g·x̂ and m = K·L: ∂L/∂w = Σ t and ∂L/∂b = Σ s
    over the rows of a group, and ∂L/∂x = r·(w·g − Σ_K w·s/m − x̂·Σ_K w·t/m).
    """

    def __init__(self, groups: int | None, eps: float) -> None:
        self.groups, self.eps = groups, eps  # None: a channel is a row, whatever the batch

    def look(self, x: Array) -> list[tuple[slice, Any]]:
        """Find out how x becomes rows; returns blocks of them, each with the rows of w and b."""
        (n, c), size, self.shape = x.shape[:2], math.prod(x.shape[2:]), x.shape
        order = list(range(x.ndim))
        if self.groups is None:  # as it lies in memory: what a convolution made is not copied
            order.sort(key=lambda d: (d != 1, -x.strides[d]))
            self.seen, self.like = (c, 1, n * size), (c, 1, 1)
        else:
            self.like = (self.groups, c // self.groups, 1)
            self.seen = (n * self.groups, self.like[1], size)
        self.order, rows, self.m = order, self.seen[0], max(1, self.seen[1] * self.seen[2])
        step = max(1, BLOCK // self.m)
        if rows <= step and rows == self.like[0]:
            return [(slice(None), slice(None))]
        cuts = [slice(i, min(i + step, rows)) for i in range(0, rows, step)]
        return [(at, np.arange(at.start, at.stop) % self.like[0]) for at in cuts]

    def rows(self, x: Array) -> Array:
        return x.transpose(self.order).reshape(self.seen)

    def back(self, rows: Array) -> Array:
        way = sorted(range(len(self.order)), key=self.order.__getitem__)
        return rows.reshape([self.shape[d] for d in self.order]).transpose(way)

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        self.blocks = self.look(x)
        x, m, b = self.rows(x), self.m, None if bias is None else bias.reshape(self.like)
        self.w = None if weight is None else weight.reshape(self.like)
        self.xhat, y = np.empty_like(x), np.empty_like(x)
        self.mean, self.var, self.r = np.empty((3, len(x), 1), x.dtype)
        with SILENT():
            for at, group in self.blocks:
                flat, xhat = x[at].reshape(-1, m), self.xhat[at].reshape(-1, m)
                np.divide(_sums(flat), m, self.mean[at])
                np.subtract(flat, self.mean[at], xhat)
                np.divide(_sums(xhat, xhat), m, self.var[at])
                np.divide(1, np.sqrt(self.var[at] + self.eps), self.r[at])
                xhat *= self.r[at]
                np.multiply(self.xhat[at], 1 if self.w is None else self.w[group], y[at])
                if b is not None:
                    y[at] += b[group]
        return self.back(y)

    def backward(self, grad: Array) -> Grads:
        g, w, m = self.rows(grad), 1, self.m
        dx, (s, t) = np.empty_like(self.xhat), np.empty((2, *g.shape[:2], 1), g.dtype)
        for at, group in self.blocks:
            s[at], t[at] = _sums(g[at]), _sums(g[at], self.xhat[at])
            if self.w is not None:
                w = self.w[group]
            if self.needs[0]:
                d = np.multiply(g[at], w, dx[at])
                d -= (w * s[at]).sum(1, keepdims=True) / m
                d -= self.xhat[at] * ((w * t[at]).sum(1, keepdims=True) / m)
                d *= self.r[at, None]
        dw, db = (v.reshape(-1, self.shape[1]).sum(0) for v in (t, s))
        return (self.back(dx) if self.needs[0] else None, dw, db)[: len(self.needs)]

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        if self.groups is None:
            raise NotImplementedError("a batch's own figures belong to training: call eval() first")
        like, shape = graph.traced(x), (self.shape[0], self.groups, self.m)
        one, zero = (graph.constant(np.full(self.groups, v, like.dtype)) for v in (1, 0))
        y = graph.add("Reshape", x, graph.constant(shape, "int64"))
        y = graph.add("InstanceNormalization", y, one, zero, epsilon=self.eps)
        y = graph.add("Reshape", y, graph.constant(self.shape, "int64"))
        column = graph.constant((-1,) + (1,) * (like.ndim - 2), "int64")
        for kind, name in zip(("Mul", "Add"), parameters, strict=False):
            y = graph.add(kind, y, graph.add("Reshape", name, column))
        return y


class BatchNormEval(Op):
    """y = γ·(x − μ)·r + β, r = 1/√(σ² + ε), with running μ and σ²: a scale and a shift a channel.

    ∂L/∂x = γ·r·g, ∂L/∂γ = r·(Σ g·x − μ·Σ g), ∂L/∂β = Σ g.  Shapes: x (N, C, …), the others (C).
    """

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array, mean: Array, var: Array) -> Array:
        with SILENT():
            self.r = 1 / np.sqrt(var + np.asarray(self.eps, x.dtype))
        column = (-1,) + (1,) * (x.ndim - 2)  # (C, 1, …)
        self.x, self.centre, self.scale = x, mean * self.r, (weight * self.r).reshape(column)
        y: Array = x * self.scale
        y += (bias - weight * self.centre).reshape(column)
        return y

    def backward(self, grad: Array) -> Grads:
        over, dw = (0, *range(2, grad.ndim)), None
        db = np.add.reduce(grad, axis=over)
        if self.needs[1]:
            dw = np.add.reduce(grad * self.x, axis=over) * self.r - self.centre * db
        return grad * self.scale if self.needs[0] else None, dw, db, None, None

    def onnx(self, graph: GraphBuilder, *names: str) -> str:
        return graph.add("BatchNormalization", *names, epsilon=self.eps)


def _affine(input: Tensor, weight: Optional, bias: Optional, always: bool = False) -> list[Tensor]:
    """Both if there is one of them, or `always`."""
    c, dtype = input.array.shape[1], input.array.dtype
    scale = wrap(np.ones(c, dtype)) if weight is None else weight
    shift = wrap(np.zeros(c, dtype)) if bias is None else bias
    return [scale, shift] if always or weight is not bias else []


def _by_batch(
    op: Normalize, input: Tensor, mean: Optional, var: Optional, weight: Optional, bias: Optional,
    momentum: float,
) -> Tensor:  # fmt: skip
    """Normalise, and move running figures towards those of this batch."""
    result = apply(op, input, *_affine(input, weight, bias))
    for running, now, bessel in ((mean, op.mean, 1), (var, op.var, op.m / max(1, op.m - 1))):
        if running is not None:
            each = now.reshape(-1, len(running.array))  # an example's, where it is for itself
            batch = np.add.reduce(each, axis=0) * (bessel / max(1, len(each)))
            running.array += momentum * (batch - running.array)
    return result


def batch_norm(
    input: Tensor, running_mean: Optional, running_var: Optional, weight: Optional = None,
    bias: Optional = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise each channel of (N, C, …), by the batch in training, else by running figures.

    In training the running figures move by `momentum` towards the batch's mean and its
    variance with Bessel's correction.
    """
    shape = input.array.shape
    if not input.array.size:  # nothing to normalise
        column = (-1,) + (1,) * (len(shape) - 2)
        scaled = input.clone() if weight is None else input * weight.reshape(column)
        return scaled if bias is None else scaled + bias.reshape(column)
    if training and input.array.size == shape[1]:
        raise ValueError(f"batch_norm needs more than one value a channel; got {shape}")
    if training:
        figures = running_mean, running_var, weight, bias
        return _by_batch(Normalize(None, eps), input, *figures, momentum)
    if running_mean is None or running_var is None:
        raise RuntimeError("batch_norm outside training needs running_mean and running_var")
    both = _affine(input, weight, bias, always=True)
    return apply(BatchNormEval(eps), input, *both, running_mean, running_var)


def group_norm(
    input: Tensor, num_groups: int, weight: Optional = None, bias: Optional = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise each example of (N, C, …) for itself, in groups of channels."""
    shape = input.array.shape
    if len(shape) < 2 or shape[1] % num_groups:
        raise RuntimeError(f"group_norm needs channels in {num_groups} groups; got {shape}")
    if input.array.size == num_groups:
        raise ValueError(f"group_norm needs more than one value a group; got {shape}")
    return apply(Normalize(num_groups, eps), input, *_affine(input, weight, bias))


def instance_norm(
    input: Tensor, running_mean: Optional = None, running_var: Optional = None,
    weight: Optional = None, bias: Optional = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise each channel of each example of (N, C, …) for itself.  (Ulyanov et al. 2016)"""
    figures, shape = (running_mean, running_var, weight, bias), input.array.shape
    if not use_input_stats:
        return batch_norm(input, *figures, False, momentum, eps)
    if input.array.size == shape[0] * shape[1]:
        raise ValueError(f"instance_norm needs more than one value a channel; got {shape}")
    return _by_batch(Normalize(shape[1], eps), input, *figures, momentum)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + α·mean of x² over `size` neighbouring channels)^β.  (Krizhevsky et al. 2012)"""
    if input.array.ndim < 3:
        raise ValueError(f"local_response_norm needs 3 dimensions; got {input.array.shape}")
    channel = np.arange(input.array.shape[1])
    away = channel[:, None] - channel + size // 2
    shares = np.asarray(((away >= 0) & (away < size)) / size, input.array.dtype)  # (C, C)
    means = (input.square().movedim(1, -1) @ wrap(shares)).movedim(-1, 1)
    return input / (means * alpha + k).pow(beta)


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Optional = None
) -> Tensor:
    """x over its p-norm along `dim`, or over ε where that is smaller."""
    if out is not None:
        raise NotImplementedError("normalize(out=...)")
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`: x₁·x₂ / (|x₁|·|x₂|)."""
    shape = np.broadcast_shapes(x1.array.shape, x2.array.shape)
    a, b = x1.expand(shape), x2.expand(shape)
    cosine = (a * b).sum(dim)
    for x in (a, b):
        length = x.norm(2, dim)
        cosine = cosine / (length + (length.detach().clamp(min=eps) - length.detach()))
    return cosine


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x₁ − x₂ + ε along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """‖x1ᵢ − x2ⱼ‖ₚ of all pairs of rows: (…, n, d), (…, m, d) → (…, n, m)."""
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)
