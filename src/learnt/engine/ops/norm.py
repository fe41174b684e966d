"""Normalisation: activations brought to mean 0 and variance 1, then scaled and shifted.

One operation for batch, instance and group normalisation, which differ in the values that share
a mean; it works in blocks that stay in the processor's cache, and its sums are products, by BLAS.
"""

from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.gelu import BLOCK
from learnt.engine.ops.linear import row_sums

Optional = Tensor | None


class Normalize(Op):
    """y = w·x̂ + b, x̂ = (x − μ)·r, r = 1/√(σ² + ε).  (Ioffe & Szegedy 2015; Wu & He 2018)

    x is seen as (R, K, L): a row r is what shares μ and σ, w and b are (G, K), for r modulo G.
    With s = Σ_L g, t = Σ_L g·x̂ and m = K·L: ∂L/∂w = Σ t and ∂L/∂b = Σ s, over the rows of a
    group, and ∂L/∂x = r·(w·g − Σ_K w·s/m − x̂·Σ_K w·t/m).  Without `groups`, a channel is a row.
    """

    def __init__(self, groups: int | None, eps: float) -> None:
        self.groups, self.eps = groups, eps

    def rows(self, x: Array) -> Array:
        """(N, C, …) as (R, K, L), by the order of memory, so what a convolution made stays."""
        return x.transpose(self.order).reshape(self.table)

    def back(self, rows: Array) -> Array:
        shape = [self.shape[d] for d in self.order]
        return rows.reshape(shape).transpose(np.argsort(self.order))

    def look(self, x: Array) -> None:
        """How x becomes rows, in which blocks, and which w and b each has."""
        (n, c), rest, self.shape = x.shape[:2], x.size // max(1, x.shape[0] * x.shape[1]), x.shape
        if self.groups is None:
            others = sorted((d for d in range(x.ndim) if d != 1), key=lambda d: -x.strides[d])
            self.order, self.table, self.like = (1, *others), (c, 1, n * rest), (c, 1)
        else:
            self.order, self.like = tuple(range(x.ndim)), (self.groups, c // self.groups)
            self.table = (n * self.groups, self.like[1], rest)
        self.m = max(1, self.table[1] * self.table[2])

    def blocks(self) -> list[tuple[slice, Any]]:
        rows, size = self.table[0], max(1, BLOCK // self.m)
        if rows <= size and rows == self.like[0]:
            return [(slice(None), slice(None))]
        cuts = [slice(i, min(i + size, rows)) for i in range(0, rows, size)]
        return [(at, np.arange(at.start, at.stop) % self.like[0]) for at in cuts]

    def sums(self, x: Array) -> Array:
        """Σ over L: (R, K, L) → (R, K)."""
        return row_sums(x.reshape(-1, x.shape[2])).reshape(x.shape[:2])

    def products(self, a: Array, b: Array) -> Array:
        return np.vecdot(a, b) if a.flags.c_contiguous else self.sums(a * b)

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        self.look(x)
        x = self.rows(x)
        self.xhat, y = np.empty_like(x), np.empty_like(x)
        self.mean, self.var = np.empty((2, len(x), 1, 1), x.dtype)
        self.w = None if weight is None else weight.reshape(*self.like, 1)
        b = None if bias is None else bias.reshape(*self.like, 1)
        with SILENT():
            for at, group in self.blocks():
                np.divide(self.sums(x[at]).sum(1)[:, None, None], self.m, self.mean[at])
                xhat = np.subtract(x[at], self.mean[at], self.xhat[at])
                np.divide(self.products(xhat, xhat).sum(1)[:, None, None], self.m, self.var[at])
                xhat *= 1 / np.sqrt(self.var[at] + self.eps)
                np.multiply(xhat, 1 if self.w is None else self.w[group], y[at])
                if b is not None:
                    y[at] += b[group]
            self.r = 1 / np.sqrt(self.var + self.eps)
        return self.back(y)

    def backward(self, grad: Array) -> Grads:
        g, dx = self.rows(grad), np.empty_like(self.xhat)
        s, t = np.empty((2, *g.shape[:2], 1), g.dtype)
        for at, group in self.blocks():
            s[at, :, 0], t[at, :, 0] = self.sums(g[at]), self.products(g[at], self.xhat[at])
            if self.needs[0]:
                w = 1 if self.w is None else self.w[group]
                d = np.multiply(g[at], w, dx[at])
                d -= (w * s[at]).sum(1, keepdims=True) / self.m
                d -= self.xhat[at] * ((w * t[at]).sum(1, keepdims=True) / self.m)
                d *= self.r[at]
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
        column = (-1,) + (1,) * (x.ndim - 2)  # (C, 1, …)
        with SILENT():
            self.r = 1 / np.sqrt(var + np.asarray(self.eps, x.dtype))
            self.scale = (weight * self.r).reshape(column)
            self.centre = mean * self.r
            y: Array = x * self.scale
            y += (bias - mean * weight * self.r).reshape(column)
        self.x = x
        return y

    def backward(self, grad: Array) -> Grads:
        over, dw = (0, *range(2, grad.ndim)), None
        db = np.add.reduce(grad, axis=over)
        if self.needs[1]:
            dw = np.add.reduce(grad * self.x, axis=over) * self.r - self.centre * db
        return grad * self.scale if self.needs[0] else None, dw, db, None, None

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        return graph.add("BatchNormalization", x, *parameters, epsilon=self.eps)


def _parameters(input: Tensor, weight: Optional, bias: Optional) -> list[Tensor]:
    """Weight and bias: both, if there is one of them."""
    c, dtype = input.array.shape[1], input.array.dtype
    scale = wrap(np.ones(c, dtype)) if weight is None else weight
    shift = wrap(np.zeros(c, dtype)) if bias is None else bias
    return [] if weight is bias is None else [scale, shift]


def _follow(op: Normalize, mean: Optional, var: Optional, momentum: float) -> None:
    """Move running figures towards those of this batch."""
    for running, now, bessel in ((mean, op.mean, 1), (var, op.var, op.m / max(1, op.m - 1))):
        if running is not None:
            batch = now.reshape(-1, len(running.array)).mean(0) * bessel
            running.array += momentum * (batch - running.array)


def batch_norm(
    input: Tensor,
    running_mean: Optional,
    running_var: Optional,
    weight: Optional = None,
    bias: Optional = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of (N, C, …), by the batch in training, else by running figures.

    In training the running figures move by `momentum` towards the batch's mean and its
    variance with Bessel's correction.
    """
    if not input.array.size and input.array.ndim < 2:
        return input.clone()
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm outside training needs running_mean and running_var")
        both = _parameters(input, weight, bias) or _parameters(input, running_var * 0 + 1, None)
        return apply(BatchNormEval(eps), input, *both, running_mean, running_var)
    if input.array.size == input.array.shape[1]:
        raise ValueError(
            f"batch_norm in training needs more than one value a channel; got {input.array.shape}"
        )
    op = Normalize(None, eps)
    result = apply(op, input, *_parameters(input, weight, bias))
    _follow(op, running_mean, running_var, momentum)
    return result


def group_norm(
    input: Tensor, num_groups: int, weight: Optional = None, bias: Optional = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise each example of (N, C, …) by itself, in groups of channels."""
    shape = input.array.shape
    if len(shape) < 2 or shape[1] % num_groups:
        raise RuntimeError(f"group_norm needs channels in {num_groups} groups; got {shape}")
    if input.array.size == num_groups:
        raise ValueError(f"group_norm needs more than one value a group; got {shape}")
    return apply(Normalize(num_groups, eps), input, *_parameters(input, weight, bias))


def instance_norm(
    input: Tensor, running_mean: Optional = None, running_var: Optional = None,
    weight: Optional = None, bias: Optional = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise each channel of each example of (N, C, …) by itself.  (Ulyanov et al. 2016)"""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = input.array.shape
    if input.array.size == shape[0] * shape[1]:
        raise ValueError(f"instance_norm needs more than one value a channel; got {shape}")
    op = Normalize(shape[1], eps)
    result = apply(op, input, *_parameters(input, weight, bias))
    _follow(op, running_mean, running_var, momentum)
    return result


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + α·mean of x² over `size` neighbouring channels)^β.  (Krizhevsky et al. 2012)"""
    channel = np.arange(input.array.shape[1])
    away = channel[:, None] - channel
    near = (away >= -(size // 2)) & (away <= (size - 1) // 2)
    shares = wrap(np.asarray(near / size, input.array.dtype))  # (C, C)
    means = ((input * input).movedim(1, -1) @ shares).movedim(-1, 1)
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
    product = (a * b).sum(dim)
    for x in (a, b):
        length = x.norm(2, dim)
        product = product / (length + (length.detach().clamp(min=eps) - length.detach()))
    return product


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x₁ − x₂ + ε along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)
