"""Order: sort, topk, unique, bincount; NaN is larger than any number.

NumPy finds the places; values are gathered from there, and so their gradients go back there.
"""

from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, GraphBuilder, Op, normalize_dim
from learnt.engine.ops.index import axis, gather
from learnt.engine.ops.reduce import Extremes as Found  # values and indices


class TopK(Op):
    """z = the places of the k smallest or largest along `dim`, in order; equals in theirs."""

    differentiable = False

    def __init__(self, k: int, dim: int, largest: bool) -> None:
        self.k, self.dim, self.largest = k, dim, largest

    def forward(self, x: Array) -> Array:
        n, at = x.shape[self.dim], self.dim
        if 0 < self.k * 8 < n:  # first the k, in any order, then their order
            first = n - self.k if self.largest else 0
            few = np.argpartition(x, first or self.k - 1, at).take(range(first, first + self.k), at)
            return np.take_along_axis(few, self.order(np.take_along_axis(x, few, at)), at)
        return self.order(x).take(range(self.k), at)

    def order(self, x: Array) -> Array:
        """All places; the largest first is the reverse order, read backwards."""
        if not self.largest:
            return x.argsort(self.dim, kind="stable")
        back = np.flip(x, self.dim).argsort(self.dim, kind="stable")
        found: Array = x.shape[self.dim] - 1 - np.flip(back, self.dim)
        return found

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        x = graph.add("Cast", x, to=6) if graph.traced(x).dtype.kind in "bu" else x
        k = graph.constant([self.k], "int64")
        return graph.add("TopK", x, k, output=1, axis=self.dim, largest=int(self.largest))


class Count(Op):
    """z = what was found in x: of a size that depends on the numbers, and without gradient."""

    differentiable = False

    def __init__(self, found: Array) -> None:
        self.found = found

    def forward(self, *_: Array) -> Array:
        return self.found


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """The k largest (or smallest) along `dim`, in order: (values, indices)."""
    if not input.array.ndim:
        return Found(*[t.reshape(()) for t in topk(input.reshape(1), k, dim, largest)])
    at = axis(input, dim)
    if not 0 <= k <= input.array.shape[at]:
        raise RuntimeError(f"k must be from 0 to {input.array.shape[at]}; got {k}")
    places = apply(TopK(k, at, largest), input)
    return Found(gather(input, at, places), places)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Found:
    """In order along `dim`, equals in theirs: (values, indices).

    >>> import learnt.engine as torch
    >>> torch.tensor([3.0, 1.0, 2.0]).sort().indices
    tensor([1, 2, 0])
    """
    n = input.array.shape[normalize_dim(dim, input.array.ndim)] if input.array.ndim else 1
    return topk(input, n, dim, descending)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places of the numbers in order along `dim`."""
    return sort(input, dim, descending).indices


def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False,
    return_counts: bool = False, dim: int | None = None,
) -> Any:  # fmt: skip
    """The different numbers (or slices of `dim`), in order; where each went; how often it was."""
    at, choice = None if dim is None else axis(input, dim), (True, return_inverse, return_counts)
    values, inverse, counts = np.unique(
        input.array, return_inverse=True, return_counts=True, axis=at, equal_nan=False
    )
    parts = (values, inverse.reshape(input.array.shape if at is None else -1), counts)
    found = [apply(Count(part), input) for part, ask in zip(parts, choice, strict=True) if ask]
    return found[0] if len(found) == 1 else tuple(found)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often 0, 1, 2, … are there; or the sum of the weights of where they are."""
    x, w = input.array, None if weights is None else weights.array
    if x.ndim != 1 or x.dtype.kind not in "iu" or x.min(initial=0) < 0:
        raise RuntimeError(f"bincount needs a vector of whole numbers from 0 on; got {input!r}")
    found = np.bincount(x, w, minlength)
    return apply(
        Count(found.astype(np.float32) if w is not None and w.dtype == np.float32 else found), input
    )
