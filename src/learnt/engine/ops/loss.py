"""Losses: how wrong the results are, as one number that SGD can follow downhill.

Cross-entropy is one operation with its softmax; the others are a table of the loss of each
element, and are reduced alike.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.activation import log_softmax, softplus
from learnt.engine.ops.arithmetic import where, xlogy
from learnt.engine.ops.gelu import BLOCK
from learnt.engine.ops.linear import ones, row_sums
from learnt.engine.ops.norm import pairwise_distance
from learnt.engine.ops.pointwise import constant, pointwise

Flag = bool | None
Weight = Tensor | None


class NLL(Op):
    """L = −Σᵢ wᵢ·xᵢₜ, t the class of row i, or the mean L/Σw; ∂L/∂xᵢₜ = −wᵢ, and 0 elsewhere.

    x (M, C) log-probabilities, target (M), weight (C): wᵢ is that of class t, or 1; and 0 where
    the class is to be `ignored`.
    """

    twin = "NegativeLogLikelihoodLoss"

    def __init__(self, reduction: str, ignored: int, smoothing: float = 0.0) -> None:
        self.reduction, self.ignored, self.smoothing = reduction, ignored, smoothing

    def weigh(self, x: Array, target: Array, weight: Array | None) -> None:
        """Where the classes are in x, and what each row weighs."""
        self.shape, self.out = x.shape, target == self.ignored
        t = np.where(self.out, 0, target) if self.out.any() else target
        if t.size and not 0 <= t.min() <= t.max() < x.shape[1]:
            raise IndexError(
                f"classes must be from 0 to {x.shape[1] - 1}; got {t.min()} to {t.max()}"
            )
        self.at = np.arange(len(t)), t
        self.w = (1 if weight is None else weight[t]) * np.asarray(~self.out, x.dtype)

    def reduced(self, losses: Array) -> Array:
        losses[self.out] = 0  # also what is nan
        if self.reduction == "none":
            return losses
        total = np.add.reduce(self.w) if self.reduction == "mean" else 1
        with SILENT():
            return np.asarray(np.add.reduce(losses) / total, losses.dtype)

    def by_row(self, grad: Array) -> Array:
        """The gradient of each row's own loss."""
        return grad / np.add.reduce(self.w) if self.reduction == "mean" else grad

    def forward(self, x: Array, target: Array, weight: Array | None = None) -> Array:
        self.weigh(x, target, weight)
        return self.reduced(-x[self.at] * self.w)

    def backward(self, grad: Array) -> Grads:
        dx = np.zeros(self.shape, grad.dtype)
        with SILENT():
            dx[self.at] = -self.w * self.by_row(grad)
        return (dx, None, None)[: len(self.needs)]

    def onnx(self, graph: GraphBuilder, *names: str) -> str:
        if self.smoothing:
            raise NotImplementedError("export of cross_entropy with label_smoothing")
        return graph.add(self.twin, *names, ignore_index=self.ignored, reduction=self.reduction)


class CrossEntropy(NLL):
    """L = −Σᵢ wᵢ·log softmax(x)ᵢₜ, fused: ∂L/∂xᵢⱼ = wᵢ·(softmax(x)ᵢⱼ − [j = t]).

    With smoothing s, a row's loss is (1 − s) of this, and s/C of the sum of −log softmax(x)ᵢₖ
    over all classes k, weighed by their weights q.  (Szegedy et al. 2016, section 7)
    """

    twin = "SoftmaxCrossEntropyLoss"

    def forward(self, x: Array, target: Array, weight: Array | None = None) -> Array:
        self.weigh(x, target, weight)
        rows, classes = x.shape
        self.p, self.sums = np.empty(x.shape, x.dtype), np.empty((rows, 1), x.dtype)
        self.q = ones(classes, x.dtype.char) if weight is None else weight
        here, all_of_it = np.empty((2, rows), x.dtype)
        step = max(1, BLOCK // max(1, classes))
        with SILENT():
            for at in [slice(i, i + step) for i in range(0, rows, step)]:  # they fit in the cache
                top = np.maximum.reduce(x[at], axis=1, keepdims=True)
                p = np.subtract(x[at], top, self.p[at])
                here[at] = p[np.arange(len(p)), self.at[1][at]]
                if self.smoothing:
                    np.dot(p, self.q, all_of_it[at])
                np.exp(p, p)
                self.sums[at] = row_sums(p)
            logs = np.log(self.sums[:, 0])
            losses = self.w * (logs - here)
            if self.smoothing:
                losses *= 1 - self.smoothing
                losses += (np.add.reduce(self.q) * logs - all_of_it) * (self.smoothing / classes)
        return self.reduced(losses)

    def backward(self, grad: Array) -> Grads:
        with SILENT():
            by_row = self.by_row(grad)
            here = self.w * by_row * (1 - self.smoothing)
            even = by_row * (self.smoothing / self.shape[1])
            all_of_it = here + even * np.add.reduce(self.q) if self.smoothing else here
            dx = self.p * (all_of_it[:, None] / self.sums)
            dx[self.at] -= here
            if self.smoothing:
                dx -= np.multiply.outer(np.broadcast_to(even, len(dx)), self.q)
        if self.out.any():
            dx[self.out] = 0
        return (dx, None, None)[: len(self.needs)]


def _by_class(op: NLL, input: Tensor, target: Tensor, weight: Weight) -> Tensor:
    """The loss of (N, C, …) and classes (N, …), or of (C) and one class: each place a row."""
    x, t = input.array, target.array
    dim = min(x.ndim - 1, 1)
    if not x.ndim or t.shape != x.shape[:dim] + x.shape[dim + 1 :]:
        raise ValueError(
            f"classes (N, …) must fit (N, C, …); got {t.shape} and {x.shape} (or probabilities, "
            "of the same shape)"
        )
    if t.dtype.kind not in "iu":
        raise RuntimeError(f"classes must be whole numbers (int64); got {t.dtype}")
    rows = input if x.ndim == 2 else input.movedim(dim, -1).reshape(-1, x.shape[dim])
    found = apply(op, rows, target.reshape(-1), *([] if weight is None else [weight]))
    return found.reshape(t.shape) if op.reduction == "none" else found


def _named(reduction: str, size_average: Flag, reduce: Flag, *others: str) -> str:
    """The reduction, also from the two options that were there before it."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in ("none", "mean", "sum", *others):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none'; got {reduction!r}")
    return reduction


def nll_loss(
    input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
    ignore_index: int = -100, reduce: Flag = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """−x at the class; x (N, C, …) log-probabilities, target (N, …)."""
    op = NLL(_named(reduction, size_average, reduce), ignore_index)
    return _by_class(op, input, target, weight)


def cross_entropy(
    input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
    ignore_index: int = -100, reduce: Flag = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """−log softmax(x) at the class; x (N, C, …) scores, target (N, …), or probabilities as x.

    >>> import learnt.engine as torch
    >>> cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))  # log 2
    tensor(0.6931)
    """
    reduction = _named(reduction, size_average, reduce)
    if target.array.dtype.kind != "f" or target.array.shape != input.array.shape:
        op = CrossEntropy(reduction, ignore_index, label_smoothing)
        return _by_class(op, input, target, weight)
    dim = min(input.array.ndim - 1, 1)
    share = label_smoothing / input.array.shape[dim]
    parts = log_softmax(input, dim) * (target * (1 - label_smoothing) + share)
    if weight is not None:
        parts = parts * weight.reshape((-1,) + (1,) * (parts.array.ndim - 1 - dim))
    return _reduced(-parts.sum(dim), reduction)


def _reduced(losses: Tensor, reduction: str, total: Tensor | int | None = None) -> Tensor:
    if reduction == "none":
        return losses
    if reduction == "mean" and total is None:
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses.sum() / total


def loss(name: str, says: str, options: str, f: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function of tensors from its row in the table.

    `options` are PyTorch's, in its order; of those that do not name the reduction, `f` gives the
    losses, and for some what their mean divides by.
    """
    known: dict[str, Any] = {"reduction": "mean", "size_average": None, "reduce": None}
    own = iter(inspect.signature(f).parameters.values())
    defaults = {n: known[n] if n in known else next(own).default for n in options.split()}
    others = ["batchmean"] if name == "kl_div" else []

    def function(*args: Any, **kwargs: Any) -> Tensor:
        given = {**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}
        if len(given) > len(defaults) or any(v is inspect.Parameter.empty for v in given.values()):
            raise TypeError(f"{name} takes {', '.join(defaults)}; got {', '.join(kwargs)}")
        legacy = [given.pop(n, None) for n in ("size_average", "reduce")]
        reduction = _named(given.pop("reduction"), *legacy, *others)
        found = f(*given.values())
        losses, total = found if isinstance(found, tuple) else (found, None)
        if reduction == "batchmean":
            reduction, total = "mean", len(losses)
        return _reduced(losses, reduction, total)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [inspect.Parameter(n, kind, default=d) for n, d in defaults.items()]
    function.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{says}."
    return function


def _log(x: Array) -> Array:
    return np.maximum(np.log(x), -100)


def _bce_twin(g: GraphBuilder, x: str, t: str) -> str:
    one, low = constant(g, x, 1), constant(g, x, -100)
    sides = [(t, x), (g.add("Sub", one, t), g.add("Sub", one, x))]
    return g.add("Neg", g.add("Add", *(
        g.add("Mul", a, g.add("Max", g.add("Log", b), low)) for a, b in sides
    )))  # fmt: skip


_bce1 = pointwise(
    "bce",
    lambda a, b: -(b * _log(a) + (1 - b) * _log(1 - a)),
    (lambda a, b: (a - b) / np.maximum((1 - a) * a, 1e-12), lambda a: _log(1 - a) - _log(a)),
    _bce_twin,
    "−(t·log x + (1 − t)·log(1 − x)), each log at least −100",
)
_logits1 = pointwise(
    "bce_with_logits",
    lambda a, b: np.maximum(a, 0) - a * b + np.log1p(np.exp(-np.abs(a))),
    (lambda a, b: 1 / (1 + np.exp(-a)) - b, lambda a: -a),
    lambda g, x, t: g.add("Sub", g.add("Softplus", x), g.add("Mul", x, t)),
    "log(1 + eˣ) − t·x",
)


def _alike(name: str, t: Tensor, x: Tensor) -> None:
    if x.array.shape != t.array.shape:
        raise ValueError(f"{name} must have the input's shape {x.array.shape}; got {t.array.shape}")


def _times(losses: Tensor, weight: Weight) -> Tensor:
    return losses if weight is None else losses * weight


def _weighed(losses: Tensor, weight: Weight) -> Any:
    if weight is None:
        return losses
    _alike("weight", weight, losses)
    return losses * weight, weight.sum()


def _bce(x: Tensor, t: Tensor, weight: Weight = None) -> Tensor:
    _alike("target", t, x)
    if x.array.size and not (x.array.min() >= 0 and x.array.max() <= 1):
        raise RuntimeError("input of binary_cross_entropy must be probabilities, from 0 to 1")
    return _times(apply(_bce1(), x, t), weight)


def _logits(x: Tensor, t: Tensor, weight: Weight = None, pos_weight: Weight = None) -> Tensor:
    _alike("target", t, x)
    if pos_weight is None:
        return _times(apply(_logits1(), x, t), weight)
    return _times((1 - t) * x + ((pos_weight - 1) * t + 1) * softplus(-x), weight)


def _smooth_l1(x: Tensor, t: Tensor, beta: float = 1.0) -> Tensor:
    away = (x - t).abs()
    return where(away < beta, away.square() * (0.5 / beta), away - 0.5 * beta) if beta else away


def _huber(x: Tensor, t: Tensor, delta: float = 1.0, weight: Weight = None) -> Tensor:
    away = (x - t).abs()
    losses = where(away <= delta, away.square() * 0.5, (away - 0.5 * delta) * delta)
    return _times(losses, weight)


def _cosine(x1: Tensor, x2: Tensor, t: Tensor, margin: float = 0.0) -> Tensor:
    squares = ((x1 * x1).sum(-1) + 1e-12) * ((x2 * x2).sum(-1) + 1e-12)
    alike = (x1 * x2).sum(-1) / squares.sqrt()
    return where(t == 1, 1 - alike, 0) + where(t == -1, (alike - margin).clamp(min=0), 0)


def _poisson(
    x: Tensor, t: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> Tensor:
    losses = x.exp() - t * x if log_input else x - t * (x + eps).log()
    above = t.clamp(min=1)
    stirling = above * above.log() - above + (above * (2 * math.pi)).log() * 0.5  # ≈ log t!
    return losses + where(t > 1, stirling, 0) if full else losses


def _gaussian(x: Tensor, t: Tensor, var: Any, full: bool = False, eps: float = 1e-6) -> Tensor:
    var = x.detach() * 0 + var if isinstance(var, float) else var
    if (var.array < 0).any():
        raise ValueError("var has negative entry/entries")
    fixed = var.detach()
    var = var + (fixed.clamp(min=eps) - fixed)  # gradients pass where it is clamped, too
    if var.array.shape == x.array.shape[:-1]:
        var = var.unsqueeze(-1)
    return (var.log() + (x - t).square() / var + full * math.log(2 * math.pi)) * 0.5


def _triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False,
) -> Tensor:  # fmt: skip
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0; got {margin}")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return (near - far + margin).clamp(min=0)


# fmt: off
OLD = "size_average reduce reduction"
mse_loss = loss("mse_loss", "(x − t)²", f"input target {OLD} weight",
    lambda x, t, weight=None: _weighed((x - t).square(), weight))
l1_loss = loss("l1_loss", "|x − t|", f"input target {OLD} weight",
    lambda x, t, weight=None: _weighed((x - t).abs(), weight))
smooth_l1_loss = loss("smooth_l1_loss", "(x − t)²/2β, but |x − t| − β/2 from β on  (Girshick 2015)",
    f"input target {OLD} beta", _smooth_l1)
huber_loss = loss("huber_loss", "(x − t)²/2, but δ(|x − t| − δ/2) beyond δ  (Huber 1964)",
    "input target reduction delta weight", _huber)
kl_div = loss("kl_div", "t·(log t − x), x log-probabilities  (Kullback & Leibler 1951)",
    f"input target {OLD} log_target",
    lambda x, t, log_target=False: t.exp() * (t - x) if log_target else xlogy(t, t) - t * x)
binary_cross_entropy = loss("binary_cross_entropy", "−(t·log x + (1 − t)·log(1 − x))",
    f"input target weight {OLD}", _bce)
binary_cross_entropy_with_logits = loss("binary_cross_entropy_with_logits",
    "Binary cross-entropy of σ(x), without overflow",
    f"input target weight {OLD} pos_weight", _logits)
cosine_embedding_loss = loss("cosine_embedding_loss",
    "1 − cos(x₁, x₂) where t = 1, max(cos(x₁, x₂) − margin, 0) where t = −1",
    f"input1 input2 target margin {OLD}", _cosine)
margin_ranking_loss = loss("margin_ranking_loss", "max(margin − t·(x₁ − x₂), 0), t ±1",
    f"input1 input2 target margin {OLD}",
    lambda x1, x2, t, margin=0.0: (margin - t * (x1 - x2)).clamp(min=0))
hinge_embedding_loss = loss("hinge_embedding_loss", "x where t = 1, else max(margin − x, 0)",
    f"input target margin {OLD}",
    lambda x, t, margin=1.0: where(t != 1, (margin - x).clamp(min=0), 0) + where(t != -1, x, 0))
soft_margin_loss = loss("soft_margin_loss", "log(1 + e^(−t·x)), t ±1", f"input target {OLD}",
    lambda x, t: softplus(-t * x))
poisson_nll_loss = loss("poisson_nll_loss", "eˣ − t·x, of counts t; `full` adds log t!, nearly",
    "input target log_input full size_average eps reduce reduction", _poisson)
gaussian_nll_loss = loss("gaussian_nll_loss", "½(log var + (x − t)²/var)  (Nix & Weigend 1994)",
    "input target var full eps reduction", _gaussian)
triplet_margin_loss = loss("triplet_margin_loss",
    "max(|a − p| − |a − n| + margin, 0)  (Balntas et al. 2016)",
    f"anchor positive negative margin p eps swap {OLD}", _triplet)
# fmt: on
