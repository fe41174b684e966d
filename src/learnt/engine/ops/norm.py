"""Normalisation: activations brought to mean 0 and variance 1, then scaled and shifted."""

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import (
    Array,
    Grads,
    GraphBuilder,
    Op,
)


def channel_rows(x: Array) -> tuple[Array, tuple[int, ...]]:
    """(N, C, …) as (C, m): a channel a row; and the order of dimensions that it was read in.

    The dimensions are taken as they lie in memory, so what a convolution made is not copied.
    """
    others = sorted((d for d in range(x.ndim) if d != 1), key=lambda d: -x.strides[d])
    order = (1, *others)
    return x.transpose(order).reshape(x.shape[1], -1), order


def from_channel_rows(rows: Array, shape: tuple[int, ...], order: tuple[int, ...]) -> Array:
    """The way back from `channel_rows`, for an array of `shape`."""
    return rows.reshape([shape[d] for d in order]).transpose(np.argsort(order))


class BatchNorm(Op):
    """y = γ·(x − μ)/√(σ² + ε) + β, with μ and σ² of the batch.  (Ioffe & Szegedy 2015)

    Shapes: x (N, C, …), γ and β (C). With x̂ the normalised input and m values a channel:
    ∂L/∂x = γ/√(σ² + ε) · (g − Σg/m − x̂·Σ(g·x̂)/m).
    """

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        rows, self.order = channel_rows(x)  # (C, m)
        self.shape = x.shape
        self.mean = np.mean(rows, axis=1)  # also read by the layer, for its running figures
        self.xhat: Array = rows - self.mean[:, None]
        self.var = np.vecdot(self.xhat, self.xhat) / np.asarray(rows.shape[1], x.dtype)
        self.inv = 1 / np.sqrt(self.var + np.asarray(self.eps, x.dtype))
        self.xhat *= self.inv[:, None]
        self.weight = weight
        y = self.xhat * weight[:, None]
        y += bias[:, None]
        return from_channel_rows(y, self.shape, self.order)

    def backward(self, grad: Array) -> Grads:
        g = grad.transpose(self.order).reshape(len(self.mean), -1)  # (C, m)
        db = np.add.reduce(g, axis=1)
        dw = np.vecdot(g, self.xhat)
        if not self.needs[0]:
            return None, dw, db
        m = np.asarray(g.shape[1], g.dtype)
        dx = self.xhat * (-dw / m)[:, None]
        dx += g
        dx -= (db / m)[:, None]
        dx *= (self.weight * self.inv)[:, None]
        return from_channel_rows(dx, self.shape, self.order), dw, db

    def onnx(self, graph: GraphBuilder, x: str, weight: str, bias: str) -> str:
        raise NotImplementedError("batch statistics belong to training: call model.eval() first")


class BatchNormEval(Op):
    """y = γ·(x − μ)/√(σ² + ε) + β, with running μ and σ²: a scale and a shift a channel."""

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array, mean: Array, var: Array) -> Array:
        self.column = (-1,) + (1,) * (x.ndim - 2)  # (C, 1, …)
        self.x, self.mean = x, mean
        self.inv = 1 / np.sqrt(var + np.asarray(self.eps, x.dtype))
        self.scale = (weight * self.inv).reshape(self.column)
        return np.asarray(
            x * self.scale + (bias.reshape(self.column) - mean.reshape(self.column) * self.scale)
        )

    def backward(self, grad: Array) -> Grads:
        over = tuple(d for d in range(grad.ndim) if d != 1)
        xhat = (self.x - self.mean.reshape(self.column)) * self.inv.reshape(self.column)
        return (
            grad * self.scale if self.needs[0] else None,
            np.sum(grad * xhat, axis=over) if self.needs[1] else None,
            np.sum(grad, axis=over) if self.needs[2] else None,
            None,
            None,
        )

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        return graph.add("BatchNormalization", x, *parameters, epsilon=self.eps)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of (N, C, …), by the batch in training, else by running figures.

    In training the running figures move by `momentum` towards the batch's mean and its
    variance with Bessel's correction.
    """
    channels = input.shape[1]
    scale = weight if weight is not None else wrap(np.ones(channels, input.dtype))
    shift = bias if bias is not None else wrap(np.zeros(channels, input.dtype))
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm outside training needs running_mean and running_var")
        return apply(BatchNormEval(eps), input, scale, shift, running_mean, running_var)
    n = input.numel() // channels
    if n <= 1:
        raise ValueError(
            f"batch_norm in training needs more than one value a channel; got {input.shape}"
        )
    op = BatchNorm(eps)
    result = apply(op, input, scale, shift)
    for running, now in ((running_mean, op.mean), (running_var, op.var * (n / (n - 1)))):
        if running is not None:
            running.array += momentum * (now - running.array)
    return result
