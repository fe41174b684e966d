"""Matrix products: where a network spends its time, and where BLAS spends it well."""

import numpy as np

from learnt.engine.ops.op import Array, Grads, GraphBuilder, Op, unbroadcast


class MatMul(Op):
    """z = a @ b; ∂L/∂a = g @ bᵀ, ∂L/∂b = aᵀ @ g.  Leading dimensions broadcast."""

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            raise RuntimeError(
                "matmul needs the last dimension of the first tensor to equal the last but one "
                f"of the second; got {a.shape} @ {b.shape}: did you mean to transpose one of them?"
            )
        self.a, self.b = a, b
        return np.asarray(np.matmul(a, b))

    def backward(self, grad: Array) -> Grads:
        a, b, da, db = self.a, self.b, None, None
        if a.ndim == 1:
            a, grad = a[None, :], grad[..., None, :] if b.ndim > 1 else grad[..., None]
        if b.ndim == 1:
            b, grad = b[:, None], grad[..., None]
        if self.needs[0]:
            da = np.matmul(grad, b.swapaxes(-1, -2))
            da = unbroadcast(da, a.shape).reshape(self.a.shape)
        if self.needs[1]:
            db = np.matmul(a.swapaxes(-1, -2), grad)
            db = unbroadcast(db, b.shape).reshape(self.b.shape)
        return da, db

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        return graph.add("MatMul", a, b)


class Linear(Op):
    """y = x Wᵀ + b, fused; ∂L/∂x = g W, ∂L/∂W = gᵀ x, ∂L/∂b = Σ g.

    Shapes: x (…, in), W (out, in), b (out), y (…, out).
    """

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        if x.shape[-1:] != weight.shape[1:]:
            raise RuntimeError(
                f"linear needs inputs whose last dimension is {weight.shape[-1]} (the weight is "
                f"{weight.shape}); got inputs of shape {x.shape}: flatten them, or make the layer "
                f"for {x.shape[-1] if x.ndim else 0} inputs"
            )
        self.x, self.weight = x, weight
        y: Array = np.matmul(x, weight.T)  # (…, out)
        if bias is not None:
            y += bias
        return y

    def backward(self, grad: Array) -> Grads:
        rows = grad.reshape(-1, grad.shape[-1])  # (N, out)
        dx = np.matmul(grad, self.weight) if self.needs[0] else None
        dw = rows.T @ self.x.reshape(-1, self.x.shape[-1]) if self.needs[1] else None
        if len(self.needs) == 2:
            return dx, dw
        return dx, dw, np.add.reduce(rows, axis=0) if self.needs[2] else None

    def onnx(self, graph: GraphBuilder, x: str, weight: str, bias: str | None = None) -> str:
        if self.x.ndim == 2:
            return graph.add("Gemm", x, weight, *([bias] if bias else []), transB=1)
        y = graph.add("MatMul", x, graph.add("Transpose", weight, perm=[1, 0]))
        return graph.add("Add", y, bias) if bias else y
