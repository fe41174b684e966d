"""Losses: how wrong the results are, as one number that SGD can follow downhill."""

import numpy as np

from learnt.engine.ops.op import Array, Grads, GraphBuilder, Op


class CrossEntropy(Op):
    """L = −Σₖ tₖ log softmax(x)ₖ, fused: ∂L/∂x = softmax(x) − t.

    x (N, K) scores, target (N) class numbers. With label smoothing s, t is 1 − s + s/K at
    the class and s/K elsewhere.  (Szegedy et al. 2016, section 7)
    """

    def __init__(self, reduction: str, smoothing: float) -> None:
        self.reduction, self.smoothing = reduction, smoothing

    def forward(self, x: Array, target: Array) -> Array:
        n, k = x.shape
        self.target, self.rows = target, np.arange(n)
        logp = x - np.maximum.reduce(x, axis=1, keepdims=True)
        self.p = np.exp(logp)
        total = np.add.reduce(self.p, axis=1, keepdims=True)
        self.p /= total  # softmax
        logp -= np.log(total)  # log softmax
        losses = -logp[self.rows, target]
        if self.smoothing:
            even = np.add.reduce(logp, axis=1) / -k
            losses = (1 - self.smoothing) * losses + self.smoothing * even
        if self.reduction == "none":
            return np.asarray(losses)
        total_loss = np.add.reduce(losses)
        return np.asarray(total_loss / n if self.reduction == "mean" else total_loss, x.dtype)

    def backward(self, grad: Array) -> Grads:
        n, k = self.p.shape
        dx = self.p.copy()
        if self.smoothing:
            dx -= self.smoothing / k
        dx[self.rows, self.target] -= 1 - self.smoothing
        dx *= grad[:, None] if grad.ndim else (grad / n if self.reduction == "mean" else grad)
        return dx, None

    def onnx(self, graph: GraphBuilder, x: str, target: str) -> str:
        if self.smoothing:
            raise NotImplementedError("export of cross_entropy with label_smoothing")
        return graph.add("SoftmaxCrossEntropyLoss", x, target, reduction=self.reduction)
