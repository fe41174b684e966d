"""Padding: a picture made larger at its edges, or smaller where a number is negative."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.resize import Axis, Resample, cut

MODES = ("reflect", "replicate", "circular")


class Pad(Op):
    """z = x with `value` around it; ∂L/∂x = g where x is, and 0 where x was cut off.

    `pads` holds (before, after) for every dimension.
    """

    def __init__(self, pads: Sequence[tuple[int, int]], value: float) -> None:
        self.pads, self.filler = list(pads), value

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        each = [(n, p, q) for n, (p, q) in zip(x.shape, self.pads, strict=True)]
        self.seen = tuple([slice(max(-p, 0), n + min(q, 0)) for n, p, q in each])
        self.inside = tuple([slice(max(p, 0), n + p + min(q, 0)) for n, p, q in each])
        z = np.full_like(x, self.filler, shape=list(map(sum, each)))
        z[self.inside] = x[self.seen]
        return z

    def backward(self, grad: Array) -> Grads:
        back = np.zeros_like(grad, shape=self.shape)
        back[self.seen] = grad[self.inside]
        return (back,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        pads = graph.constant(np.transpose(self.pads).reshape(-1), "int64")
        return graph.add("Pad", x, pads, graph.constant(self.filler, graph.traced(x).dtype))


@lru_cache(maxsize=64)
def border(n: int, before: int, after: int, mode: str) -> Axis:
    """For each element of a dimension of n that is padded, the one whose copy it is."""
    at = np.arange(-before, n + after)
    if mode == "replicate":
        at = np.clip(at, 0, n - 1)
    elif mode == "reflect":  # at the first and the last element, which are not repeated
        at = n - 1 - np.abs(n - 1 - np.abs(at))
    else:  # around what is left
        start, left = max(-before, 0), n + min(before, 0) + min(after, 0)
        at = start + (at - start) % max(left, 1)
    return cut(n, at[:, None], 1, 1, 1)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """`pad` more elements, (left, right, top, bottom, …): the last dimension first.

    By `mode`, of `value` (constant; 0), or the picture's own: mirrored (reflect), the nearest
    (replicate), those of the other side (circular).

    >>> import learnt.engine as torch
    >>> torch.nn.functional.pad(torch.tensor([[1.0, 2.0, 3.0]]), (1, 2), "reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    shape, n = input.array.shape, len(pad) // 2
    if len(pad) % 2 or n > len(shape):
        raise RuntimeError(f"pad needs two numbers a dimension, for at most {shape}; got {pad}")
    sides = [(pad[2 * i], pad[2 * i + 1]) for i in reversed(range(n))]
    sizes = shape[len(shape) - n :]
    if any(m + p + q < 0 for m, (p, q) in zip(sizes, sides, strict=True)):
        raise RuntimeError(f"pad cannot cut off more than there is; got {pad} for {shape}")
    if mode == "constant":
        return apply(Pad([(0, 0)] * (len(shape) - n) + sides, value or 0), input)
    if mode not in MODES or not n + 1 <= len(shape) <= n + 2 or not 1 <= n <= 3:
        raise NotImplementedError(f"pad by mode={mode!r} of {n} dimensions of shape {shape}")
    left = [m + min(p, 0) + min(q, 0) for m, (p, q) in zip(sizes, sides, strict=True)]
    most = {"reflect": [m - 1 for m in sizes], "circular": left}.get(mode, [])
    if value or 0 in sizes or any(max(s) > m for s, m in zip(sides, most, strict=False)):
        raise RuntimeError(f"pad by {mode!r} repeats what is there once; got {pad} for {shape}")
    axes = [border(m, *side, mode) for m, side in zip(sizes, sides, strict=True)]
    return apply(Resample(axes), input)
