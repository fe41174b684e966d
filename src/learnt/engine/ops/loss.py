"""Losses: how wrong the results are, as one number that SGD can follow downhill."""

from typing import Literal

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op

Reduction = Literal["mean", "sum", "none"]


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


def cross_entropy(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−log softmax(input) at the target; input (N, K) scores, target (N) class numbers."""
    if input.ndim != 2 or target.ndim != 1 or len(input) != len(target):
        raise RuntimeError(
            "cross_entropy needs scores (N, K) and class numbers (N); "
            f"got {input.shape} and {target.shape}"
        )
    _check_reduction(reduction)
    if target.dtype.kind not in "iu":
        raise RuntimeError(f"cross_entropy needs whole numbers as target; got {target.dtype}")
    _check_classes(target.array, input.shape[1])
    return apply(CrossEntropy(reduction, label_smoothing), input, target)


def _check_reduction(reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none'; got {reduction!r}")


def _check_classes(target: Array, classes: int) -> None:
    if target.size and not 0 <= target.min() <= target.max() < classes:
        raise IndexError(
            f"class numbers must be from 0 to {classes - 1}; got {target.min()} to {target.max()}"
        )


def mse_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """(x − t)², its mean by default."""
    if input.shape != target.shape:
        raise RuntimeError(f"mse_loss needs equal shapes; got {input.shape} and {target.shape}")
    _check_reduction(reduction)
    away = input - target
    squares = away * away
    if reduction == "none":
        return squares
    return squares.mean() if reduction == "mean" else squares.sum()
