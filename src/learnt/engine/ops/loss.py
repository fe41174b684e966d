"""Losses: how wrong the results are, as one number that SGD can follow downhill.

Cross-entropy is one operation with its softmax; the others are a table of the loss of each
element, and are reduced alike.
"""

import inspect
import math
import warnings
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
SAME_SHAPE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
OLD = "size_average reduce reduction"  # options, of which the first two came before the third


class CrossEntropy(Op):
    """L = −Σᵢ wᵢ·log pᵢₜ, t the class of row i, or its mean L/Σw; p = softmax(x), or eˣ itself.

    Fused: ∂L/∂xᵢⱼ = wᵢ·(pᵢⱼ − [j = t]), or −wᵢ·[j = t] without softmax. Shapes: x (M, C), target
    (M), q (C): wᵢ is q of class t, or 1, and 0 where the class is `ignored`. With smoothing s, a
    row's loss is (1 − s) of this, and s/C of −Σₖ qₖ·log pᵢₖ.  (Szegedy et al. 2016, section 7)
    """

    def __init__(self, softmax: bool, reduction: str, ignored: int, smoothing: float = 0) -> None:
        self.softmax, self.reduction, self.ignored, self.s = softmax, reduction, ignored, smoothing

    def forward(self, x: Array, target: Array, q: Array | None = None) -> Array:
        self.shape, self.rows = x.shape, np.arange(len(x))
        low, high = (target.min(), target.max()) if target.size else (0, 0)
        self.out: Array | None = None  # the rows that are ignored
        self.w: Array | None = None  # the weight of each row
        self.t = target
        if low == self.ignored or self.ignored >= 0 or low < 0:
            self.out = target == self.ignored
            self.t = np.where(self.out, 0, target)
            low, high = (self.t.min(), self.t.max()) if target.size else (0, 0)
        if not 0 <= low <= high < max(x.shape[1], 1):
            raise IndexError(f"classes must be from 0 to {x.shape[1] - 1}; got {low} to {high}")
        self.q = ones(x.shape[1], x.dtype.char) if q is None else q
        if self.q.shape != x.shape[1:]:
            raise RuntimeError(f"weight needs a number a class {x.shape[1:]}; got {self.q.shape}")
        if q is not None or self.out is not None:
            self.w = self.q[self.t] if self.out is None else self.q[self.t] * ~self.out
        with SILENT():
            losses = self.of_scores(x) if self.softmax else -x[self.rows, self.t]
            losses = losses if self.w is None or self.softmax else losses * self.w
            if self.out is not None:
                losses[self.out] = 0  # also what is nan
            count = len(x) if self.w is None else np.add.reduce(self.w)
            self.total = count if self.reduction == "mean" else 1
            none = self.reduction == "none"
            return losses if none else np.asarray(np.add.reduce(losses) / self.total, x.dtype)

    def of_scores(self, x: Array) -> Array:
        """The loss of each row, and what its gradient needs, in blocks that fit in the cache."""
        rows, classes = x.shape
        self.p, self.sums = np.empty(x.shape, x.dtype), np.empty((rows, 1), x.dtype)
        (here, every), step = np.empty((2, rows), x.dtype), max(1, BLOCK // max(1, classes))
        for i in range(0, rows, step):
            at = slice(i, i + step)
            p = np.subtract(x[at], np.maximum.reduce(x[at], axis=1, keepdims=True), self.p[at])
            here[at] = p[self.rows[: len(p)], self.t[at]]
            if self.s:
                np.dot(p, self.q, every[at])
            np.exp(p, p)
            self.sums[at] = row_sums(p)
        logs = np.log(self.sums[:, 0])
        losses: Array = logs - here
        losses = losses if self.w is None else losses * self.w
        if self.s:
            losses *= 1 - self.s
            losses += (np.add.reduce(self.q) * logs - every) * (self.s / classes)
        return losses

    def backward(self, grad: Array) -> Grads:
        g = grad / np.asarray(self.total, grad.dtype)
        here = g if self.w is None else self.w * g
        if self.s:
            here = here * (1 - self.s)
            even = np.broadcast_to(g * (self.s / self.shape[1]), self.shape[:1])
        if self.softmax:
            every = here + even * np.add.reduce(self.q) if self.s else here
            dx = self.p * ((every[:, None] if every.ndim else every) / self.sums)
        else:
            dx = np.zeros(self.shape, grad.dtype)
        dx[self.rows, self.t] -= here
        if self.s:
            dx -= np.multiply.outer(even, self.q)
        if self.out is not None:
            dx[self.out] = 0
        return (dx, None, None)[: len(self.needs)]

    def onnx(self, graph: GraphBuilder, *names: str) -> str:
        if self.s:
            raise NotImplementedError("export of cross_entropy with label_smoothing")
        kind = "SoftmaxCrossEntropyLoss" if self.softmax else "NegativeLogLikelihoodLoss"
        return graph.add(kind, *names, ignore_index=self.ignored, reduction=self.reduction)


def _by_class(op: CrossEntropy, input: Tensor, target: Tensor, weight: Weight) -> Tensor:
    """The loss of (N, C, …) and classes (N, …), or of (C) and one class: each place a row."""
    x, t, dim = input.array, target.array, min(input.array.ndim - 1, 1)
    if not x.ndim or t.shape != x.shape[:dim] + x.shape[dim + 1 :]:
        raise ValueError(f"classes (N, …) must fit (N, C, …); got {t.shape} and {x.shape}")
    if t.dtype.kind not in "iu":
        raise RuntimeError(f"classes must be whole numbers (int64); got {t.dtype}")
    if x.ndim != 2:
        input, target = input.movedim(dim, -1).reshape(-1, x.shape[dim]), target.reshape(-1)
    found = apply(op, input, target, *([] if weight is None else [weight]))
    return found.reshape(t.shape) if op.reduction == "none" and x.ndim != 2 else found


def _named(reduction: str, size_average: Flag, reduce: Flag, *others: str) -> str:
    """The reduction, also by the two options that came before it."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in ("none", "mean", "sum", *others):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none'; got {reduction!r}")
    return reduction


def _reduced(losses: Tensor, reduction: str, total: Tensor | int | None = None) -> Tensor:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    return losses.mean() if total is None else losses.sum() / total


def nll_loss(
    input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
    ignore_index: int = -100, reduce: Flag = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """−x at the class; x (N, C, …) log-probabilities, target (N, …)."""
    op = CrossEntropy(False, _named(reduction, size_average, reduce), ignore_index)
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
        op = CrossEntropy(True, reduction, ignore_index, label_smoothing)
        return _by_class(op, input, target, weight)
    dim = min(input.array.ndim - 1, 1)
    t = target * (1 - label_smoothing) + label_smoothing / input.array.shape[dim]
    if weight is not None:
        t = t * weight.reshape((-1,) + (1,) * (t.array.ndim - 1 - dim))
    return _reduced(-(log_softmax(input, dim) * t).sum(dim), reduction)


def _broadcast(name: str, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Shapes that differ are seldom meant: a warning, or an error where they cannot meet."""
    said = f"{name} needs input and target of one shape; got {a} and {b}"
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        raise RuntimeError(said) from None
    warnings.warn(f"{said}, which are broadcast", stacklevel=3)


def loss(name: str, says: str, options: str, f: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function of tensors from its row in the table.

    `options` are PyTorch's, in its order. Of those that are not about reduction, `f` gives the
    losses; some with what their mean divides by.
    """
    empty, kind = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = iter(inspect.signature(f).parameters.values())
    known: dict[str, Any] = {"reduction": "mean", "size_average": None, "reduce": None}
    defaults = {n: known[n] if n in known else next(own).default for n in options.split()}
    others = ["batchmean"] if name == "kl_div" else []

    def function(*args: Any, **kwargs: Any) -> Tensor:
        given = {**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}
        if len(given) > len(defaults) or any(v is empty for v in given.values()):
            raise TypeError(f"{name} takes {', '.join(defaults)}; got {len(args)} and {[*kwargs]}")
        old = [given.pop(n, None) for n in ("size_average", "reduce")]
        reduction = _named(given.pop("reduction"), *old, *others)
        a, b, *_ = given.values()
        if name in SAME_SHAPE and a.array.shape != b.array.shape:
            _broadcast(name, a.array.shape, b.array.shape)
        found = f(*given.values())
        if name.startswith("binary") and b.array.dtype.kind != "f":
            raise RuntimeError(f"{name} needs a target of fractions; got {b.array.dtype}: .float()")
        losses, total = found if isinstance(found, tuple) else (found, None)
        if reduction == "batchmean":
            reduction, total = "mean", len(losses) if losses.array.ndim else 1
        return _reduced(losses, reduction, total)

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
    parts = [g.add("Mul", a, g.add("Max", g.add("Log", b), low)) for a, b in sides]
    return g.add("Neg", g.add("Add", *parts))


# fmt: off
_bce1 = pointwise("bce", lambda a, b: -(b * _log(a) + (1 - b) * _log(1 - a)), (
    lambda a, b: (a - b) / np.maximum((1 - a) * a, 1e-12), lambda a: _log(1 - a) - _log(a)),
    _bce_twin, "−(t·log x + (1 − t)·log(1 − x)), each log at least −100")
_logits1 = pointwise("logits", lambda a, b: np.maximum(a, 0) - a * b + np.log1p(np.exp(-np.abs(a))),
    (lambda a, b: 1 / (1 + np.exp(-a)) - b, lambda a: -a),
    lambda g, x, t: g.add("Sub", g.add("Softplus", x), g.add("Mul", x, t)), "log(1 + eˣ) − t·x")
# fmt: on


def _bce(x: Tensor, t: Tensor, weight: Weight = None, pos_weight: Any = False) -> Tensor:
    """Of probabilities if `pos_weight` is False, else of scores."""
    if x.array.shape != t.array.shape:
        raise ValueError(f"target must have the shape {x.array.shape} of input; got {t.shape}")
    if pos_weight is not False:
        more = None if pos_weight is None else ((pos_weight - 1) * t + 1) * softplus(-x)
        losses = apply(_logits1(), x, t) if more is None else (1 - t) * x + more
    elif x.array.size and not (x.array.min() >= 0 and x.array.max() <= 1):
        raise RuntimeError("input of binary_cross_entropy must be probabilities, from 0 to 1")
    else:
        losses = apply(_bce1(), x, t)
    return losses if weight is None else losses * weight


def _weighed(losses: Tensor, weight: Weight) -> Any:
    if weight is None:
        return losses
    if weight.array.shape != losses.array.shape:
        raise ValueError(f"weight must have the shape {losses.shape}; got {weight.shape}")
    return losses * weight, weight.sum()


def _bent(x: Tensor, t: Tensor, width: float) -> Any:
    """|x − t|²/2 up to `width`, then straight on."""
    away = (x - t).abs()
    return where(away <= width, away.square() * 0.5, (away - 0.5 * width) * width)


def _cosine(x1: Tensor, x2: Tensor, t: Tensor, margin: float = 0.0) -> Any:
    squares = ((x1 * x1).sum(-1) + 1e-12) * ((x2 * x2).sum(-1) + 1e-12)
    alike = (x1 * x2).sum(-1) / squares.sqrt()
    return where(t == 1, 1 - alike, where(t == -1, (alike - margin).clamp(min=0), 0))


def _poisson(
    x: Tensor, t: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> Tensor:
    losses = x.exp() - t * x if log_input else x - t * (x + eps).log()
    above = t.clamp(min=1)
    stirling = above * above.log() - above + (above * (2 * math.pi)).log() * 0.5  # ≈ log t!
    return losses + (stirling * (t > 1)) if full else losses


def _gaussian(x: Tensor, t: Tensor, var: Any, full: bool = False, eps: float = 1e-6) -> Any:
    var = x.detach() * 0 + var if isinstance(var, float) else var
    if (var.array < 0).any():
        raise ValueError("var has negative entry/entries")
    var = var + (var.detach().clamp(min=eps) - var.detach())  # its gradient passes all the same
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
mse_loss = loss("mse_loss", "(x − t)²", f"input target {OLD} weight",
    lambda x, t, weight=None: _weighed((x - t).square(), weight))
l1_loss = loss("l1_loss", "|x − t|", f"input target {OLD} weight",
    lambda x, t, weight=None: _weighed((x - t).abs(), weight))
smooth_l1_loss = loss("smooth_l1_loss", "(x − t)²/2β, but |x − t| − β/2 beyond β  (Girshick 2015)",
    f"input target {OLD} beta",
    lambda x, t, beta=1.0: _bent(x, t, beta) / beta if beta else (x - t).abs())
huber_loss = loss("huber_loss", "(x − t)²/2, but δ(|x − t| − δ/2) beyond δ  (Huber 1964)",
    "input target reduction delta weight",
    lambda x, t, delta=1.0, w=None: _bent(x, t, delta) if w is None else _bent(x, t, delta) * w)
kl_div = loss("kl_div", "t·(log t − x), x log-probabilities  (Kullback & Leibler 1951)",
    f"input target {OLD} log_target",
    lambda x, t, log_target=False: t.exp() * (t - x) if log_target else xlogy(t, t) - t * x)
binary_cross_entropy = loss("binary_cross_entropy", "−(t·log x + (1 − t)·log(1 − x))",
    f"input target weight {OLD}", lambda x, t, weight=None: _bce(x, t, weight))
binary_cross_entropy_with_logits = loss("binary_cross_entropy_with_logits",
    "Binary cross-entropy of σ(x), without overflow", f"input target weight {OLD} pos_weight",
    lambda x, t, weight=None, pos_weight=None: _bce(x, t, weight, pos_weight))
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
