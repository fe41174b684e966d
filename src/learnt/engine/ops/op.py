"""What an operation is: forward, backward and its ONNX twin, side by side.

Every file beside this one holds one family of operations. They know arrays and nothing of
`Tensor`: an operation is made with its options, `forward` takes arrays and keeps what its
`backward` will want, and `onnx` says which standard operators compute the same thing.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Grads = tuple[Array | None, ...]


class GraphBuilder(Protocol):
    """What an operation may ask of the graph it is exported into."""

    batch: int  # the size of the batch that was traced: such a dimension stays free

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str: ...

    def constant(self, value: Any, dtype: str | None = None) -> str: ...


class Op:
    """One operation, applied once: it lives as long as the result it computed.

    `forward` takes one array an input; `backward` takes the gradient of the loss by the
    result and returns one gradient an input (None where `needs` says it is not wanted).
    """

    needs: tuple[bool, ...] = ()  # which inputs want a gradient; set before `backward`
    forward: Callable[..., Array]
    onnx: Callable[..., str]

    def backward(self, grad: Array) -> Grads:
        """Gradients of the inputs from the gradient of the result (the chain rule).

        An array returned becomes its receiver's: one that others hold goes back as a view.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradient")


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum `grad` back to `shape`: what was repeated forwards is added up backwards."""
    if grad.shape == shape:
        return grad
    extra = grad.ndim - len(shape)
    stretched = (i + extra for i, n in enumerate(shape) if n == 1 and grad.shape[i + extra] != 1)
    axes = (*range(extra), *stretched)
    return np.add.reduce(grad, axis=axes, keepdims=True).reshape(shape)


def channel_rows(x: Array) -> tuple[Array, tuple[int, ...]]:
    """(N, C, …) as (C, m): a channel a row; and the order of dimensions that it was read in.

    The dimensions are taken as they lie in memory, so what a convolution made is not copied.
    """
    others = sorted((d for d in range(x.ndim) if d != 1), key=lambda d: -x.strides[d])
    order = (1, *others)
    return x.transpose(order).reshape(x.shape[1], -1), order


def from_channel_rows(rows: Array, shape: tuple[int, ...], order: tuple[int, ...]) -> Array:
    """The way back from `channel_rows`, for an array of `shape`."""
    return rows.reshape([shape[d] for d in order]).transpose(np.argsort(order))


def normalize_dim(dim: int, ndim: int) -> int:
    """One dimension as a non-negative number; IndexError if there is no such dimension."""
    (found,) = normalize_dims(dim, ndim) or (0,)
    return found


def normalize_dims(dims: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Dimensions as sorted non-negative numbers; None is all of them."""
    if dims is None:
        return tuple(range(ndim))
    wanted = (dims,) if isinstance(dims, int) else tuple(dims)
    for d in wanted:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise IndexError(
                f"dim must be between {-ndim} and {ndim - 1} for a tensor of {ndim} dimensions; "
                f"got {d}"
            )
    return tuple(sorted(d % max(ndim, 1) for d in wanted if ndim))
