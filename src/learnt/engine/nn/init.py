"""Where weights start: not all alike, and sized so that signals neither grow nor fade.

Each fills a tensor in place, unseen by gradients, and returns it. (Glorot & Bengio 2010; He et
al. 2015; Saxe et al. 2014 for orthogonal matrices)
"""

import math
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np

from learnt.engine import random
from learnt.engine.autograd import note_change
from learnt.engine.random import Generator
from learnt.engine.tensor import Tensor

GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}  # of functions that are not linear
LINEAR = ("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))


def _fill(tensor: Tensor, values: Any) -> Tensor:
    tensor.array[...] = values
    note_change(tensor.array)
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights must be larger, so that signals keep their size after a function."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS and nonlinearity not in LINEAR:
        raise ValueError(f"the gain of {nonlinearity!r} is not known")
    return GAINS.get(nonlinearity, 1)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output adds up, and the reverse: (out, in, …) → in · …, out · …."""
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ValueError(f"fan in and fan out need at least 2 dimensions; got shape {shape}")
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Evenly spread over [a, b)."""
    return _fill(tensor, random.uniform(a, b, tensor.array.shape, generator))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Normally distributed."""
    return _fill(tensor, random.normal(mean, std, tensor.array.shape, generator))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normally distributed, but within [a, b]: what falls outside is drawn by the inverse CDF."""
    drawn, curve = random.normal(mean, std, tensor.array.shape, generator), NormalDist(mean, std)
    outside = (drawn < a) | (drawn > b)
    low, high = max(curve.cdf(a), 1e-16), min(curve.cdf(b), 1 - 1e-16)
    again = low + (high - low) * random.rng(generator).random(np.count_nonzero(outside))
    drawn[outside] = [min(max(curve.inv_cdf(p), a), b) for p in again]
    return _fill(tensor, drawn)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """All one number."""
    return _fill(tensor, val)


ones_, zeros_ = partial(constant_, val=1), partial(constant_, val=0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity: 1 on the diagonal of a matrix."""
    if tensor.array.ndim != 2:
        raise ValueError(f"eye_ needs 2 dimensions; got shape {tensor.array.shape}")
    return _fill(tensor, np.eye(*tensor.array.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution that passes on what it gets: 1 in the middle, from channel i to channel i."""
    out, channels, *sizes = shape = tensor.array.shape
    if not 3 <= len(shape) <= 5 or out % groups:
        raise ValueError(f"dirac_ needs 3 to 5 dimensions, the first in {groups}; got {shape}")
    each = np.arange(min(out // groups, channels))
    zeros_(tensor)
    for group in range(groups):
        tensor.array[(group * (out // groups) + each, each, *(n // 2 for n in sizes))] = 1
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Evenly spread with variance gain² · 2 / (fan_in + fan_out)."""
    bound = gain * math.sqrt(6 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Normally distributed with variance gain² · 2 / (fan_in + fan_out)."""
    std = gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return normal_(tensor, 0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out'; got {mode!r}")
    fan = _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Evenly spread with variance gain² / fan; `a` is the slope of a leaky ReLU below zero."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normally distributed with variance gain² / fan; `a` as in `kaiming_uniform_`."""
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """`gain` times a matrix (first dimension, all others) with orthonormal rows or columns."""
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ValueError(f"orthogonal_ needs at least 2 dimensions; got shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = random.normal(0, 1, (max(rows, columns), min(rows, columns)), generator)
    q, r = np.linalg.qr(drawn)
    q *= np.sign(np.diag(r))  # else Q is not evenly spread among all such matrices
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(shape))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """A matrix of normal numbers; this part of each column, at random, is 0.  (Martens 2010)"""
    if tensor.array.ndim != 2:
        raise ValueError(f"sparse_ needs 2 dimensions; got shape {tensor.array.shape}")
    normal_(tensor, 0, std, generator)
    order = random.rng(generator).random(tensor.array.shape).argsort(0)
    tensor.array[order < math.ceil(sparsity * len(order))] = 0
    return tensor
