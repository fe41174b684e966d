"""Recurrent layers: a state carried from step to step of a sequence.

One operation is one layer in one direction. All that does not need the step before (forwards) or
after (backwards) is computed for all steps at once, as one product; the loop does the rest.
(Werbos 1990: back-propagation through time; Elman 1990; Hochreiter & Schmidhuber 1997; Cho 2014)
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.linear import column_sums


class Recurrence(Op):
    """sₜ = cell(Wx·xₜ + bx, Wh·hₜ₋₁ + bh, sₜ₋₁), for batches that may shrink from step to step.

    The rows of x are all first steps, all second steps, …: `sizes` says how many each. For G
    gates: x (rows, in), s₀ (N, H), Wx (G·H, in), Wh (G·H, H). The state s is h, or (h, c). The
    result (rows + N, H) is h after each step, then after the last of each sequence (then c).
    One running state serves both directions: whoever takes no part in a step keeps theirs.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    order: ClassVar[tuple[int, ...]]  # of the gates, in ONNX
    options: ClassVar[dict[str, Any]] = {}  # of the twin
    cell: Callable[..., None]  # (rows, g, p, s), in place: Wx·x + bx to gates g, s to the next
    slopes: Callable[[], tuple[Array, Array | None]]  # ∂s' to gates (rows, G, H), ∂s' to ∂s

    def __init__(self, sizes: Sequence[int], reverse: bool = False) -> None:
        self.sizes, self.reverse, ends = sizes, reverse, np.cumsum(sizes).tolist()
        steps = [(slice(end - n, end), n) for end, n in zip(ends, sizes, strict=True)]
        self.steps = steps[::-1] if reverse else steps

    def forward(self, x: Array, *others: Array) -> Array:
        start, (wx, wh, *biases) = others[: self.states], others[self.states :]
        if any(a.dtype != x.dtype for a in others):
            raise RuntimeError(f"weights and states must be of the input's dtype, {x.dtype}")
        rows, (n, h) = len(x), start[0].shape
        g = np.dot(x, wx.T)
        if biases:
            g += biases[0]
        self.x, self.wx, self.wh, self.g = x, wx, wh, g.reshape(rows, self.gates, h)
        self.before = np.empty((self.states, rows, h), g.dtype)
        self.kept = np.empty((rows, h), g.dtype)  # what a cell likes to remember
        out = np.empty((rows + self.states * n, h), g.dtype)
        state = out[rows:].reshape(self.states, n, h)
        state[...] = start
        for at, n in self.steps:
            s = state[:, :n]
            self.before[:, at] = s
            p = np.dot(s[0], wh.T)
            if biases:
                p += biases[1]
            self.cell(at, self.g[at], p.reshape(n, self.gates, h), s)
            out[at] = s[0]
        return out

    def step_back(self, at: slice, s: Array, slopes: Array, d: Array) -> None:
        """From gradients s of the states to gradients d of Wx·x + bx."""
        np.multiply(slopes[at], s[0][:, None], d)

    def hidden(self, at: slice, d: Array) -> Array:
        """From gradients of Wx·x + bx to those of Wh·h + bh."""
        return d

    def backward(self, grad: Array) -> Grads:
        rows, _, h = self.g.shape
        state = grad[rows:].reshape(self.states, -1, h).copy()
        (slopes, keep), d = self.slopes(), np.empty_like(self.g)
        for at, n in reversed(self.steps):
            s = state[:, :n]
            s[0] += grad[at]
            self.step_back(at, s, slopes, d[at])
            back = np.dot(self.hidden(at, d[at]).reshape(n, -1), self.wh)
            if keep is not None:
                s[-1] *= keep[at]
                back += s[0] if self.states == 1 else 0
            s[0] = back
        q, d = self.hidden(slice(None), d).reshape(rows, -1), d.reshape(rows, -1)
        dx = np.dot(d, self.wx) if self.needs[0] else None
        dw = np.dot(d.T, self.x), np.dot(q.T, self.before[0])
        biases = (column_sums(d), column_sums(q)) if len(self.needs) > self.states + 3 else ()
        return dx, *(s.copy() for s in state), *dw, *biases

    def onnx(self, graph: GraphBuilder, x: str, *others: str) -> str:
        if len(set(self.sizes)) > 1:
            raise NotImplementedError("export of a packed batch of sequences of different lengths")
        rows, gates, h = self.g.shape
        places = np.arange(gates * h).reshape(gates, h)[list(self.order)].reshape(-1)
        first, flat = graph.constant([0], "int64"), graph.constant([-1, h], "int64")
        own = [graph.add("Gather", name, graph.constant(places), axis=0)
               for name in others[self.states :]]  # fmt: skip
        bias = [graph.add("Concat", *own[2:], axis=0)] if len(own) > 2 else []
        wx, wh, *bias = (graph.add("Unsqueeze", name, first) for name in own[:2] + bias)
        start = [graph.add("Unsqueeze", name, first) for name in others[: self.states]]
        shape = graph.constant([len(self.sizes), rows // len(self.sizes), self.x.shape[1]], "int64")
        direction = "reverse" if self.reverse else "forward"
        name = graph.add(self.twin, graph.add("Reshape", x, shape), wx, wh, *(bias or [""]), "",
                         *start, hidden_size=h, direction=direction, output=self.states,
                         **self.options)[:-2]  # fmt: skip
        results = [name, *(f"{name}_{i + 1}" for i in range(self.states))]
        return graph.add("Concat", *[graph.add("Reshape", r, flat) for r in results], axis=0)


class RNNTanh(Recurrence):
    """h' = tanh(Wx·x + bx + Wh·h + bh);  ∂h'/∂(…) = 1 − h'²."""

    gates, order, twin, options = 1, (0,), "RNN", {"activations": ["Tanh"]}

    def cell(self, at: slice, g: Array, p: Array, s: Array) -> None:
        np.tanh(np.add(g, p, g), g)
        s[0] = g[:, 0]

    def slopes(self) -> tuple[Array, Array | None]:
        return 1 - self.g * self.g, None


class RNNReLU(Recurrence):
    """h' = max(Wx·x + bx + Wh·h + bh, 0);  ∂h'/∂(…) = 1 where h' > 0."""

    gates, order, twin, options = 1, (0,), "RNN", {"activations": ["Relu"]}

    def cell(self, at: slice, g: Array, p: Array, s: Array) -> None:
        np.maximum(np.add(g, p, g), 0, out=g)
        s[0] = g[:, 0]

    def slopes(self) -> tuple[Array, Array | None]:
        return (self.g > 0).astype(self.g.dtype), None


@lru_cache(maxsize=16)
def _column(numbers: tuple[float, ...], kind: str) -> Array:
    return np.array(numbers, kind)[:, None]


def _curves(x: Array, *scales: float) -> None:
    """tanh (scale 1) or σ (½) of each gate, in place: σ(x) = 1/(1 + e⁻ˣ) = ½tanh(½x) + ½."""
    scale = _column(scales, x.dtype.char)
    np.tanh(np.multiply(x, scale, x), x)
    np.add(np.multiply(x, scale, x), 1 - scale, x)


class LSTM(Recurrence):
    """c' = f·c + i·ĉ, h' = o·tanh c'; i, f, o = σ(Wx·x + bx + Wh·h + bh), ĉ = tanh(the same).

    With t = tanh c': ∂c' += ∂h'·o(1 − t²); ∂i = ∂c'·ĉ, ∂f = ∂c'·c, ∂ĉ = ∂c'·i, ∂o = ∂h'·t, each
    times σ' = (1 − σ)σ or (1 − ĉ)(1 + ĉ); ∂c = ∂c'·f.  The gates lie in the order i, f, ĉ, o.
    """

    gates, states, order, twin = 4, 2, (0, 3, 1, 2), "LSTM"

    def cell(self, at: slice, g: Array, p: Array, s: Array) -> None:
        _curves(np.add(g, p, g), 0.5, 0.5, 1, 0.5)
        s[1] = g[:, 1] * s[1] + g[:, 0] * g[:, 2]
        t = self.kept[at] = np.tanh(s[1])
        s[0] = g[:, 3] * t

    def slopes(self) -> tuple[Array, Array | None]:
        (i, f, g, o), t = self.g.swapaxes(0, 1), self.kept
        self.by_h = o * (1 - t * t)
        found = (1 - self.g) * (self.g + _column((0, 0, 1, 0), t.dtype.char))
        for k, partner in enumerate((g, self.before[1], i, t)):
            found[:, k] *= partner
        return found, f

    def step_back(self, at: slice, s: Array, slopes: Array, d: Array) -> None:
        s[1] += s[0] * self.by_h[at]
        np.multiply(slopes[at], s[1][:, None], d)
        np.multiply(slopes[at, 3], s[0], d[:, 3])


class GRU(Recurrence):
    """h' = n + z(h − n), n = tanh(xₙ + r·pₙ); r, z = σ(x + p); x = Wx·x + bx, p = Wh·h + bh.

    ∂n = ∂h'(1 − z)(1 − n²), ∂r = ∂n·pₙ·r(1 − r), ∂z = ∂h'(h − n)·z(1 − z), ∂pₙ = ∂n·r; ∂h = ∂h'·z.
    The gates lie in the order r, z, n.
    """

    gates, order, twin, options = 3, (1, 0, 2), "GRU", {"linear_before_reset": 1}

    def cell(self, at: slice, g: Array, p: Array, s: Array) -> None:
        _curves(np.add(g[:, :2], p[:, :2], g[:, :2]), 0.5, 0.5)
        n, self.kept[at] = g[:, 2], p[:, 2]
        np.tanh(np.add(n, g[:, 0] * p[:, 2], n), n)
        s[0] = n + g[:, 1] * (s[0] - n)

    def slopes(self) -> tuple[Array, Array | None]:
        r, z, n = self.g.swapaxes(0, 1)
        by_n = (1 - z) * (1 - n * n)
        parts = (by_n * self.kept * r * (1 - r), (self.before[0] - n) * z * (1 - z), by_n)
        return np.stack(parts, axis=1), z

    def hidden(self, at: slice, d: Array) -> Array:
        d = d.copy()
        d[:, 2] *= self.g[at, 0]
        return d
