"""Layer normalisation: each example brought to mean 0 and variance 1, whatever its batch."""

from collections.abc import Sequence
from math import prod

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.linear import column_sums, row_sums


class LayerNorm(Op):
    """y = w·x̂ + b, x̂ = (x − μ)·r, r = 1/√(σ² + ε): μ and σ² of each row.  (Ba et al. 2016)

    With d = g·w and ⟨·⟩ the mean over a row: ∂L/∂x = r·(d − ⟨d⟩ − x̂⟨d·x̂⟩), ∂L/∂w = Σ g·x̂,
    ∂L/∂b = Σ g.  A row is the last `ndim` dimensions of x, which are the shape of w and b.
    """

    centred = True

    def __init__(self, ndim: int, eps: float) -> None:
        self.ndim, self.eps = ndim, eps

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        c = prod(x.shape[x.ndim - self.ndim :])
        rows = x.reshape(prod(x.shape[: x.ndim - self.ndim]), c)
        with SILENT():
            if self.centred:
                rows = rows - row_sums(rows) / c
            self.r = 1 / np.sqrt(np.vecdot(rows, rows)[:, None] / c + self.eps)
            self.xhat = np.multiply(rows, self.r, out=rows if self.centred else None)
        self.weight = np.ones(c, x.dtype) if weight is None else weight.reshape(c)
        y: Array = self.xhat * self.weight
        if bias is not None:
            y += bias.reshape(c)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Grads:
        shape, g = grad.shape[grad.ndim - self.ndim :], grad.reshape(self.xhat.shape)
        inner, db = g * self.xhat, None
        dw = column_sums(inner).reshape(shape)
        if self.needs[2:] == (True,):
            db = column_sums(g).reshape(shape)
        dx, share = g * self.weight, self.weight / max(1, len(self.weight))
        along = np.dot(inner, share)[:, None]  # ⟨d·x̂⟩
        dx -= np.multiply(self.xhat, along, out=inner)
        if self.centred:
            dx -= np.dot(g, share)[:, None]  # ⟨d⟩
        dx *= self.r
        return (dx.reshape(grad.shape), dw, db)[: len(self.needs)]

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        if not parameters:
            like = graph.traced(x)
            parameters = (graph.constant(np.ones(like.shape[like.ndim - self.ndim :], like.dtype)),)
        return graph.add("LayerNormalization", x, *parameters, axis=-self.ndim, epsilon=self.eps)


class RMSNorm(LayerNorm):
    """y = w·x·r, r = 1/√(⟨x²⟩ + ε): the same without μ and b.  (Zhang & Sennrich 2019)"""

    centred = False

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        axes = graph.constant(list(range(-self.ndim, 0)), "int64")
        eps = graph.constant(self.eps, graph.traced(x).dtype)
        mean = graph.add("ReduceMean", graph.add("Mul", x, x), axes)
        y = graph.add("Div", x, graph.add("Sqrt", graph.add("Add", mean, eps)))
        return graph.add("Mul", y, *parameters) if parameters else y


def _check(input: Tensor, normalized_shape: Sequence[int], *parameters: Tensor | None) -> None:
    wanted = tuple(normalized_shape)
    if input.array.dtype.kind != "f":
        raise NotImplementedError(f"layer_norm and rms_norm of {input.array.dtype}")
    if not wanted or tuple(input.shape[-len(wanted) :]) != wanted:
        raise RuntimeError(
            f"normalized_shape must be the last dimensions of the input, one or more; got "
            f"{wanted} for an input of shape {tuple(input.shape)}"
        )
    for p in parameters:
        if p is not None and tuple(p.shape) != wanted:
            raise RuntimeError(f"weight and bias must have shape {wanted}; got {tuple(p.shape)}")


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0, variance 1 over the last dimensions (`normalized_shape`); then · weight + bias."""
    _check(input, normalized_shape, weight, bias)
    if weight is None and bias is not None:
        weight = wrap(np.ones_like(bias.array))
    parameters = (p for p in (weight, bias) if p is not None)
    return apply(LayerNorm(len(normalized_shape), eps), input, *parameters)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Mean square 1 over the last dimensions; then · weight.  ε is the dtype's own by default."""
    _check(input, normalized_shape, weight)
    op = RMSNorm(
        len(normalized_shape), float(np.finfo(input.array.dtype).eps) if eps is None else eps
    )
    return apply(op, input) if weight is None else apply(op, input, weight)
