"""Layer normalisation: each example brought to mean 0 and variance 1, whatever its batch.

In blocks of rows that stay in the processor's cache; sums are products, by BLAS.
"""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.gelu import BLOCK
from learnt.engine.ops.linear import column_sums


class LayerNorm(Op):
    """y = w·x̂ + b, x̂ = (x − μ)·r, r = 1/√(σ² + ε): μ and σ² of each row.  (Ba et al. 2016)

    With d = g·w and ⟨·⟩ the mean over a row: ∂L/∂x = r·(d − ⟨d⟩ − x̂⟨d·x̂⟩),
    ∂L/∂w = Σ g·x̂, ∂L/∂b = Σ g.  Rows are the last `ndim` dimensions of x, the shape of w and b.
    """

    centred = True

    def __init__(self, ndim: int, eps: float) -> None:
        self.ndim, self.eps = ndim, eps

    def forward(self, x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        self.c = prod(x.shape[x.ndim - self.ndim :])
        self.rows = prod(x.shape[: x.ndim - self.ndim])
        self.weight = np.ones(self.c, x.dtype) if weight is None else weight.reshape(-1)
        flat, y = x.reshape(self.rows, self.c), np.empty((self.rows, self.c), x.dtype)
        self.xhat = np.empty_like(y) if self.needs else y
        self.r = np.empty((self.rows, 1), x.dtype)
        with SILENT():
            for at in self._blocks():
                self._normalise(flat[at], self.xhat[at], self.r[at])
                np.multiply(self.xhat[at], self.weight, y[at])
                if bias is not None:
                    np.add(y[at], bias.reshape(-1), y[at])
        return y.reshape(x.shape)

    def _blocks(self) -> Iterator[slice]:
        size = max(1, BLOCK // max(1, self.c))
        return (slice(i, i + size) for i in range(0, self.rows, size))

    def _normalise(self, x: Array, xhat: Array, r: Array) -> None:
        mean = np.full(self.c, 1 / max(1, self.c), x.dtype)
        if self.centred:
            x = np.subtract(x, np.dot(x, mean)[:, None], xhat)
        np.sqrt(np.vecdot(x, x)[:, None] / self.c + self.eps, r)
        np.divide(1, r, r)
        np.multiply(x, r, xhat)

    def backward(self, grad: Array) -> Grads:
        g, w = grad.reshape(self.rows, self.c), self.weight
        dx, dw = np.empty(g.shape, g.dtype), np.zeros_like(w)
        for at in self._blocks():
            inner = g[at] * self.xhat[at]
            if len(self.needs) > 1 and self.needs[1]:
                dw += column_sums(inner)
            if self.needs[0]:
                d = np.multiply(g[at], w, dx[at])
                along = np.dot(inner, w)[:, None] / self.c  # ⟨d·x̂⟩
                d -= np.multiply(self.xhat[at], along, inner)
                if self.centred:
                    d -= np.dot(g[at], w)[:, None] / self.c  # ⟨d⟩
                d *= self.r[at]
        shape = grad.shape[grad.ndim - self.ndim :]
        db = column_sums(g).reshape(shape) if len(self.needs) > 2 and self.needs[2] else None
        return (dx.reshape(grad.shape) if self.needs[0] else None, dw.reshape(shape), db)[
            : len(self.needs)
        ]

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        like = graph.traced(x)
        names = parameters or (
            graph.constant(np.ones(like.shape[like.ndim - self.ndim :], like.dtype)),
        )
        return graph.add("LayerNormalization", x, *names, axis=-self.ndim, epsilon=self.eps)


class RMSNorm(LayerNorm):
    """y = w·x/√(⟨x²⟩ + ε): the same without μ and b.  (Zhang & Sennrich 2019)"""

    centred = False

    def onnx(self, graph: GraphBuilder, x: str, *parameters: str) -> str:
        axes = graph.constant(list(range(-self.ndim, 0)), "int64")
        eps = graph.constant(self.eps, graph.traced(x).dtype)
        mean = graph.add("ReduceMean", graph.add("Mul", x, x), axes)
        y = graph.add("Div", x, graph.add("Sqrt", graph.add("Add", mean, eps)))
        return graph.add("Mul", y, *parameters) if parameters else y


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions, `normalized_shape`; then times and plus."""
    _check(input, normalized_shape, weight, bias)
    op = LayerNorm(len(normalized_shape), eps)
    if weight is None and bias is not None:
        weight = wrap(np.ones(bias.shape, bias.dtype))
    return apply(op, input, *(p for p in (weight, bias) if p is not None))


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Mean square 1 over the last dimensions, `normalized_shape`; ε is the dtype's by default."""
    _check(input, normalized_shape, weight)
    op = RMSNorm(len(normalized_shape), float(np.finfo(input.dtype).eps) if eps is None else eps)
    return apply(op, input) if weight is None else apply(op, input, weight)


def _check(input: Tensor, shape: Sequence[int], *parameters: Tensor | None) -> None:
    wanted = tuple(shape)
    if not wanted or tuple(input.shape[-len(wanted) :]) != wanted:
        raise RuntimeError(
            f"normalized_shape must be the last dimensions of the input, at least one; got "
            f"{wanted} and an input of shape {tuple(input.shape)}"
        )
    for p in parameters:
        if p is not None and p.shape != wanted:
            raise RuntimeError(f"weight and bias must have shape {wanted}; got {tuple(p.shape)}")
