"""New tensors: from Python's numbers, from arrays, and filled ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.engine.ops import shape as shapes
from learnt.engine.ops.op import Array, normalize_dim
from learnt.engine.tensor import Tensor, apply, unpack


def tensor(data: Any, dtype: npt.DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A new tensor from numbers or nested lists: fractions are float32, whole numbers int64.

    >>> tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    array = np.array(data.array if isinstance(data, Tensor) else data, dtype=dtype)
    if dtype is None and array.dtype == np.float64 and not isinstance(data, np.ndarray | Tensor):
        array = array.astype(np.float32)
    return Tensor(array, requires_grad)


def from_numpy(array: Array) -> Tensor:
    """A tensor on the very memory of `array`."""
    return Tensor(array)


def zeros(
    *shape: int | Sequence[int], dtype: npt.DTypeLike = np.float32, requires_grad: bool = False
) -> Tensor:
    """All 0."""
    return Tensor(np.zeros(unpack(shape), dtype), requires_grad)


def ones(
    *shape: int | Sequence[int], dtype: npt.DTypeLike = np.float32, requires_grad: bool = False
) -> Tensor:
    """All 1."""
    return Tensor(np.ones(unpack(shape), dtype), requires_grad)


def full(shape: tuple[int, ...], fill_value: float, dtype: npt.DTypeLike = np.float32) -> Tensor:
    """All `fill_value`."""
    return Tensor(np.full(shape, fill_value, dtype))


def arange(
    start: float, end: float | None = None, step: float = 1, dtype: npt.DTypeLike | None = None
) -> Tensor:
    """start, start + step, … up to but without `end` (int64 if all are whole, else float32)."""
    first, last = (0, start) if end is None else (start, end)
    numbers = np.arange(first, last, step)
    kind = np.int64 if all(isinstance(n, int) for n in (first, last, step)) else np.float32
    return Tensor(numbers.astype(dtype or kind))


def cat(tensors: list[Tensor] | tuple[Tensor, ...], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`; their other sizes must be equal."""
    at = normalize_dim(dim, tensors[0].ndim) if tensors else 0
    sizes = {t.shape[:at] + t.shape[at + 1 :] for t in tensors}
    if len(sizes) != 1:
        raise RuntimeError(
            f"cat along {dim} needs tensors equal in all other dimensions; "
            f"got {', '.join(str(t.shape) for t in tensors)}"
        )
    return apply(shapes.Cat(at), *tensors)


def stack(tensors: list[Tensor] | tuple[Tensor, ...], dim: int = 0) -> Tensor:
    """The tensors along a new dimension."""
    return cat([t.unsqueeze(dim) for t in tensors], dim)
