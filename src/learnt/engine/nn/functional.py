"""Layers as functions, with PyTorch's signatures: what they need, they are given."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from learnt.engine import random
from learnt.engine.ops import activation, conv, loss, norm, pool, shape
from learnt.engine.ops import linear as matrix
from learnt.engine.ops.op import Array
from learnt.engine.tensor import Tensor, apply

Sizes = int | Sequence[int]
Reduction = Literal["mean", "sum", "none"]


def pair(value: Sizes) -> tuple[int, int]:
    """One size for both directions, or (height, width)."""
    if isinstance(value, int):
        return value, value
    height, width = value
    return height, width


def relu(input: Tensor) -> Tensor:
    """max(x, 0)."""
    return apply(activation.ReLU(), input)


def relu6(input: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return apply(activation.HardTanh(0.0, 6.0), input)


def softmax(input: Tensor, dim: int) -> Tensor:
    """eˣ over its sum along `dim`: probabilities."""
    return input.softmax(dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """log softmax along `dim`, without overflow."""
    return input.log_softmax(dim)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """In training, each element 0 with probability `p`, the others divided by 1 − p."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability must be between 0 and 1; got {p}")
    if not training or p == 0:
        return input
    kept = random.uniform(0, 1, input.shape) >= p
    scale = np.float32(1 / (1 - p)) if p < 1 else np.float32(0)
    return apply(activation.Dropout(kept * scale), input)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b; x (…, in), weight (out, in), bias (out) → (…, out)."""
    if bias is None:
        return apply(matrix.Linear(), input, weight)
    return apply(matrix.Linear(), input, weight, bias)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation; input (N, C, H, W), weight (O, C/groups, kh, kw), bias (O)."""
    op = conv.Conv2d(pair(stride), pair(padding), pair(dilation), groups)
    return apply(op, input, weight) if bias is None else apply(op, input, weight, bias)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
) -> Tensor:
    """The largest of each window; `stride` is the window's size by default."""
    step = pair(kernel_size if stride is None else stride)
    return apply(pool.MaxPool2d(pair(kernel_size), step, pair(padding)), input)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
) -> Tensor:
    """The mean of each window (padding counts); `stride` is the window's size by default."""
    step = pair(kernel_size if stride is None else stride)
    return apply(pool.AvgPool2d(pair(kernel_size), step, pair(padding)), input)


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """The mean of each of `output_size` equal parts of the picture."""
    (oh, ow), (h, w) = pair(output_size), input.shape[2:]
    if (oh, ow) == (1, 1):
        return apply(pool.GlobalAvgPool2d(), input)
    if h % oh or w % ow:
        raise NotImplementedError(
            f"adaptive_avg_pool2d of {(h, w)} to {(oh, ow)}: only equal parts, so far"
        )
    return avg_pool2d(input, (h // oh, w // ow))


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """`value` (0) around: `pad` is (left, right, top, bottom, …), the last dimension first."""
    if mode != "constant" or min(pad, default=0) < 0:
        raise NotImplementedError(f"pad is constant and adds, so far; got {mode!r} and {pad}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise RuntimeError(
            f"pad needs two numbers a dimension, for at most {input.ndim}; got {pad}"
        )
    sides = [(0, 0)] * input.ndim
    for i in range(len(pad) // 2):
        sides[-1 - i] = (pad[2 * i], pad[2 * i + 1])
    return apply(shape.Pad(tuple(sides), value or 0.0), input)


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
    scale = weight if weight is not None else Tensor(np.ones(channels, input.dtype))
    shift = bias if bias is not None else Tensor(np.zeros(channels, input.dtype))
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm outside training needs running_mean and running_var")
        return apply(norm.BatchNormEval(eps), input, scale, shift, running_mean, running_var)
    n = input.numel() // channels
    if n <= 1:
        raise ValueError(
            f"batch_norm in training needs more than one value a channel; got {input.shape}"
        )
    op = norm.BatchNorm(eps)
    result = apply(op, input, scale, shift)
    for running, now in ((running_mean, op.mean), (running_var, op.var * (n / (n - 1)))):
        if running is not None:
            running.array += momentum * (now - running.array)
    return result


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
    return apply(loss.CrossEntropy(reduction, label_smoothing), input, target)


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
