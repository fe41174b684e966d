"""Recurrent layers: RNN, LSTM and GRU over sequences, and their cells for one step.

Their equations are in `ops/rnn.py`. (Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014)
"""

import math
from typing import Any, ClassVar

import numpy as np

from learnt.engine.autograd import apply
from learnt.engine.nn import init
from learnt.engine.nn.module import Module, parameter
from learnt.engine.nn.utils.rnn import PackedSequence
from learnt.engine.ops import rnn
from learnt.engine.ops.activation import dropout
from learnt.engine.ops.shape import cat, stack
from learnt.engine.tensor import Tensor


class _Recurrent(Module):
    """What layers and cells share: weights, and states that are zero where none are given."""

    op: Any
    ndim: int  # of an input in a batch
    usual: ClassVar[dict[str, Any]]  # options that are shown where they differ from this
    nonlinearity = "tanh"

    def __init__(self, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        if min(input_size, hidden_size) < 1:
            raise ValueError(f"sizes must be above 0; got {input_size} and {hidden_size}")
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias

    def _plain(self, nonlinearity: str) -> None:
        ops = {"tanh": rnn.RNNTanh, "relu": rnn.RNNReLU}
        if nonlinearity not in ops:
            raise ValueError(f"nonlinearity must be 'tanh' or 'relu'; got {nonlinearity!r}")
        self.op, self.nonlinearity = ops[nonlinearity], nonlinearity

    def _make(self, suffix: str, inputs: int, **factory: Any) -> list[str]:
        """The weights of one layer in one direction; returns their names."""
        rows = self.op.gates * self.hidden_size
        names = [f"{kind}{suffix}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        for name, width in zip(names, (inputs, self.hidden_size), strict=False):
            setattr(self, name, parameter(rows, width, **factory))
        for name in names[2:] if self.bias else ():
            setattr(self, name, parameter(rows, **factory))
        return names if self.bias else names[:2]

    def reset_parameters(self) -> None:
        """All evenly spread within ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _batched(self, input: Tensor, at: int) -> Tensor:
        """The input, with a batch of one at a dimension where it has none."""
        shape = input.array.shape
        if len(shape) not in (self.ndim, self.ndim - 1) or shape[-1] != self.input_size:
            raise (RuntimeError if len(shape) == self.ndim else ValueError)(
                f"{type(self).__name__} needs inputs of {self.ndim} dimensions (or one less: no "
                f"batch), the last of size {self.input_size}; got shape {shape}"
            )
        return input if len(shape) == self.ndim else input.unsqueeze(at)

    def _states(self, hx: Any, shape: tuple[int, ...], like: Tensor) -> list[Tensor]:
        """The first states, of this shape: h, or h and c; zeros where none are given."""
        if hx is None:
            return [Tensor(np.zeros(shape, like.array.dtype)) for _ in range(self.op.states)]
        states = [hx] if isinstance(hx, Tensor) else list(hx)
        states = [s.unsqueeze(-2) if s.array.ndim < len(shape) else s for s in states]
        if [s.array.shape for s in states] != [shape] * self.op.states:
            wanted = "(h, c), each" if self.op.states == 2 else "h,"
            got = ", ".join(str(s.array.shape) for s in states)
            raise RuntimeError(f"the hidden state must be {wanted} of shape {shape}; got {got}")
        return states

    def extra_repr(self) -> str:
        own = {name: getattr(self, name) for name in self.usual}
        told = [f"{name}={value}" for name, value in own.items() if value != self.usual[name]]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *told])


class _Layers(_Recurrent):
    """Layers over whole sequences: (T, N, in) → (T, N, out), and the last states."""

    ndim = 3
    usual: ClassVar[dict[str, Any]] = {
        "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False,
    }  # fmt: skip

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        if proj_size:
            raise NotImplementedError("proj_size: an LSTM with projections")
        if num_layers < 1 or not 0 <= dropout <= 1:
            told = f"got {num_layers} and {dropout}"
            raise ValueError(f"num_layers must be at least 1, and dropout from 0 to 1; {told}")
        self.num_layers, self.batch_first, self.dropout = num_layers, batch_first, float(dropout)
        self.bidirectional, self._names = bidirectional, list[list[str]]()
        for layer in range(num_layers):
            inputs = hidden_size * (1 + bidirectional) if layer else input_size
            for direction in ("", "_reverse")[: 1 + bidirectional]:
                names = self._make(f"_l{layer}{direction}", inputs, device=device, dtype=dtype)
                self._names.append(names)
        self.reset_parameters()

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def flatten_parameters(self) -> None:
        """Nothing: here all is as one likes it."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The last layer's h after every step, and the states of all layers after the last."""
        if isinstance(input, PackedSequence):
            sizes, order = input.batch_sizes.tolist(), input.sorted_indices
            rows, hidden = self._run(input.data, sizes, hx, order)
            return input._replace(data=rows), hidden
        at = int(not self.batch_first)
        x = self._batched(input, at)
        x = x.transpose(0, 1) if self.batch_first else x
        steps, n, _ = x.array.shape
        rows, hidden = self._run(x.reshape(steps * n, self.input_size), [n] * steps, hx)
        y = rows.reshape(steps, n, rows.array.shape[1])
        y = y.transpose(0, 1) if self.batch_first else y
        if input.array.ndim == 3:
            return y, hidden
        states = [h.squeeze(1) for h in ([hidden] if isinstance(hidden, Tensor) else hidden)]
        return y.squeeze(at), states[0] if len(states) == 1 else tuple(states)

    def _run(self, rows: Tensor, sizes: list[int], hx: Any, order: Tensor | None = None) -> Any:
        """All layers on packed rows; `order` is that of the sequences, where they were sorted."""
        weights, both, finals = self.all_weights, 1 + self.bidirectional, []
        states = self._states(hx, (len(weights), sizes[0], self.hidden_size), rows)
        states = states if hx is None or order is None else [s[:, order] for s in states]
        for layer in range(self.num_layers):
            results = []
            for i in range(layer * both, layer * both + both):
                op = self.op(sizes, reverse=i > layer * both)
                out = apply(op, rows, *[s[i] for s in states], *weights[i])
                results.append(out[: len(rows)])
                finals.append(out[len(rows) :].reshape(len(states), sizes[0], self.hidden_size))
            rows = cat(results, 1) if self.bidirectional else results[0]
            rows = dropout(rows, self.dropout, self.training and layer < self.num_layers - 1)
        hidden = stack(finals, 1)
        hidden = hidden if order is None else hidden[:, :, Tensor(np.argsort(order.array))]
        return rows, hidden[0] if len(states) == 1 else (hidden[0], hidden[1])


class LSTM(_Layers):
    """Long short-term memory, with the states h and c.

    >>> import learnt.engine as torch
    >>> y, (h, c) = torch.nn.LSTM(3, 5, batch_first=True)(torch.zeros(2, 7, 3))
    >>> tuple(y.shape), tuple(h.shape)
    ((2, 7, 5), (1, 2, 5))
    """

    op = rnn.LSTM


class GRU(_Layers):
    """Gated recurrent units."""

    op = rnn.GRU


class RNN(_Layers):
    """The plain recurrent network, of tanh or ReLU."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        *args: Any, **options: Any,
    ) -> None:  # fmt: skip
        self._plain(nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, *args, **options)


class _Cell(_Recurrent):
    """One step: (N, in) and the states (N, H) → the next states."""

    ndim = 2
    usual: ClassVar[dict[str, Any]] = {"bias": True, "nonlinearity": "tanh"}

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        self._names = self._make("", input_size, device=device, dtype=dtype)
        for name in () if bias else ("bias_ih", "bias_hh"):
            self.register_parameter(name, None)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The next state: h, or (h, c)."""
        x = self._batched(input, 0)
        n = len(x)
        states = self._states(hx, (n, self.hidden_size), x)
        weights = [getattr(self, name) for name in self._names]
        out = apply(self.op([n]), x, *states, *weights)
        found = out[n:].reshape(len(states), *input.array.shape[:-1], self.hidden_size)
        return found[0] if len(states) == 1 else (found[0], found[1])


class LSTMCell(_Cell):
    """One step of an LSTM: (N, in), (h, c) → (h, c)."""

    op = rnn.LSTM


class GRUCell(_Cell):
    """One step of a GRU: (N, in), h → h."""

    op = rnn.GRU


class RNNCell(_Cell):
    """One step of a plain recurrent network: (N, in), h → h."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        self._plain(nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)
