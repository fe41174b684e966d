"""Where weights start: not all alike, and sized so that signals neither grow nor fade.

(Glorot & Bengio 2010; He et al. 2015)
"""

import math

from learnt.engine import random
from learnt.engine.tensor import Tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fill with numbers evenly spread over [a, b)."""
    tensor.array[...] = random.uniform(a, b, tensor.shape)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fill with normally distributed numbers."""
    tensor.array[...] = random.normal(mean, std, tensor.shape)
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    tensor.array[...] = val
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1)


def fan_in(tensor: Tensor) -> int:
    """How many inputs each output of these weights adds up: (out, in, …) → in · ….."""
    return math.prod(tensor.shape[1:])


def kaiming_uniform_(tensor: Tensor, a: float = 0.0) -> Tensor:
    """Evenly spread with variance 2 / ((1 + a²) · fan_in); `a` is the slope below zero."""
    bound = math.sqrt(6 / ((1 + a * a) * fan_in(tensor)))
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: Tensor, a: float = 0.0) -> Tensor:
    """Normally distributed with variance 2 / ((1 + a²) · fan_in)."""
    return normal_(tensor, 0.0, math.sqrt(2 / ((1 + a * a) * fan_in(tensor))))
