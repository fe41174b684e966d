"""Matrix products: where a network spends its time, and where BLAS spends it well.

BLAS likes one large product better than many small ones, so leading dimensions become rows
wherever they can; a transposed matrix is read as it lies.  (Dongarra et al. 1990, level 3 BLAS)
"""

import math
from functools import lru_cache

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op, unbroadcast


@lru_cache(maxsize=64)
def ones(n: int, kind: str) -> Array:
    """n times 1: the product with it is a sum, by BLAS 2 to 20 times faster than `add.reduce`."""
    found = np.ones(n, kind)
    found.flags.writeable = False
    return found


def column_sums(rows: Array) -> Array:
    """Σ over the rows of a matrix: (m, n) → (n)."""
    return np.asarray(np.dot(ones(len(rows), rows.dtype.char), rows))


def row_sums(x: Array) -> Array:
    """Σ over the last dimension, which stays as 1: (…, n) → (…, 1)."""
    return np.asarray(np.matmul(x, ones(x.shape[-1], x.dtype.char)))[..., None]


def as_rows(x: Array) -> Array:
    """(…, n) as (m, n)."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class MatMul(Op):
    """z = a @ b; ∂L/∂a = g @ bᵀ, ∂L/∂b = aᵀ @ g.

    Shapes: a (…, n, k), b (…, k, m), z (…, n, m); leading dimensions broadcast, and a vector is
    a row on the left and a column on the right.
    """

    twin = "MatMul"

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            raise RuntimeError(
                "matmul needs the last dimension of the first tensor to equal the last but one "
                f"of the second; got {a.shape} @ {b.shape}: did you mean to transpose one of them?"
            )
        _check_types(a, b)
        before, shape = (a.shape, b.shape), a.shape[:-1] + b.shape[1:]
        a = a if a.ndim > 1 else a[None]
        b = b if b.ndim > 1 else b[:, None]
        a = as_rows(a) if b.ndim == 2 else a
        z: Array = np.matmul(a, b)
        if self.needs:
            self.a, self.b = a if self.needs[1] else None, b if self.needs[0] else None
            self.shapes = (*before, a.shape, b.shape, z.shape)
        if b.ndim == 2:
            return z.reshape(shape)
        return z if len(before[0]) > 1 else z[..., 0, :]

    def backward(self, grad: Array) -> Grads:
        sa, sb, rows, columns, z = self.shapes
        g, da, db = grad.reshape(z), None, None
        if self.b is not None:
            da = unbroadcast(np.matmul(g, self.b.swapaxes(-1, -2)), rows).reshape(sa)
        if self.a is not None:
            db = unbroadcast(np.matmul(self.a.swapaxes(-1, -2), g), columns).reshape(sb)
        return da, db


class Linear(Op):
    """y = x Wᵀ + b, fused; ∂L/∂x = g W, ∂L/∂W = gᵀ x, ∂L/∂b = Σ g.

    Shapes: x (…, in), W (out, in), b (out), y (…, out); the dimensions before are N rows.
    """

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        if x.shape[-1:] != weight.shape[1:]:
            raise RuntimeError(
                f"linear needs inputs whose last dimension is {weight.shape[-1]} (the weight is "
                f"{weight.shape}); got {x.shape}: flatten them, or make the layer for them"
            )
        _check_types(x, weight)
        rows = as_rows(x)  # (N, in)
        if self.needs:
            self.x = rows if self.needs[1] else None
            self.weight = weight if self.needs[0] else None
            self.shape, self.flipped = x.shape, rows.flags.f_contiguous
            self.bias = None if bias is None else bias.shape
        y: Array = np.dot(rows, weight.T)  # (N, out)
        if bias is not None:
            y += bias
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], len(weight))

    def backward(self, grad: Array) -> Grads:
        g, w, dx, db = as_rows(grad), self.weight, None, None  # (N, out)
        if w is not None:  # dx lies as x does: what a convolution made has the batch innermost
            dx = (np.dot(w.T, g.T).T if self.flipped else np.dot(g, w)).reshape(self.shape)
        dw = None if self.x is None else np.dot(g.T, self.x)  # (out, in)
        if self.bias is None:
            return dx, dw
        if self.needs[2]:
            db = unbroadcast(column_sums(g), self.bias)
        return dx, dw, db

    def onnx(self, graph: GraphBuilder, x: str, weight: str, bias: str | None = None) -> str:
        if graph.traced(x).ndim == 2:
            return graph.add("Gemm", x, weight, *([bias] if bias else []), transB=1)
        y = graph.add("MatMul", x, graph.add("Transpose", weight, perm=[1, 0]))
        return graph.add("Add", y, bias) if bias else y


def _check_types(a: Array, b: Array) -> None:
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        raise RuntimeError(
            f"matmul and linear need one dtype; got {a.dtype} and {b.dtype}: convert (.float())"
        )


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product (…, n, k) @ (…, k, m) → (…, n, m); vectors are a row and a column."""
    return apply(MatMul(), input, other)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b; x (…, in), weight (out, in) or (in), bias (out) → (…, out)."""
    if weight.array.ndim == 1:
        return matmul(input, weight) if bias is None else matmul(input, weight) + bias
    parameters = (weight,) if bias is None else (weight, bias)
    return apply(Linear(), input, *parameters)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """yₖ = x₁ Wₖ x₂ᵀ + bₖ; x₁ (…, n), x₂ (…, m), weight (out, n, m), bias (out) → (…, out)."""
    products = input1.unsqueeze(-1) * input2.unsqueeze(-2)  # (…, n, m)
    return linear(products.flatten(-2), weight.flatten(1), bias)
