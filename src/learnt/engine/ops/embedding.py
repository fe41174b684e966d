"""Embeddings: a learnt row of numbers for each thing that can be counted, as words.

(Bengio et al. 2003; bags: Joulin et al. 2016)
"""

import numpy as np

from learnt.engine.autograd import Tensor, apply, note_change, wrap
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.arithmetic import where
from learnt.engine.ops.pick import scatter_rows


class Embedding(Op):
    """z = W[i]; ∂L/∂W = g, added up at the rows that were taken, or its mean there; 0 at `padding`.

    Shapes: W (V, D), i (…), z (…, D).
    """

    def __init__(self, padding: int | None, by_count: bool) -> None:
        self.padding, self.by_count = padding, by_count

    def forward(self, weight: Array, indices: Array) -> Array:
        if indices.size and not 0 <= indices.min() <= indices.max() < len(weight):
            raise IndexError(
                f"embedding needs numbers from 0 to {len(weight) - 1}; got {indices.min()} to "
                f"{indices.max()}"
            )
        self.shape, self.indices = weight.shape, indices
        return np.take(weight, indices, axis=0)

    def backward(self, grad: Array) -> Grads:
        dw = scatter_rows(self.shape, self.indices, grad)
        if self.by_count:
            counts = np.bincount(self.indices.reshape(-1), minlength=len(dw))
            dw /= np.maximum(counts, 1)[:, None].astype(dw.dtype)
        if self.padding is not None:
            dw[self.padding] = 0
        return dw, None

    def onnx(self, graph: GraphBuilder, weight: str, indices: str) -> str:
        return graph.add("Gather", weight, indices, axis=0)


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of weight (V, D) that `input` (…) counts: (…, D).

    No gradient reaches the row `padding_idx`. Rows longer than `max_norm` are made that short
    first, in place. Gradients are dense, also with `sparse`.
    """
    if input.array.dtype.kind not in "iu" or weight.array.ndim != 2:
        raise RuntimeError(
            f"embedding needs whole numbers, and a weight (V, D); got {input.array.dtype} and "
            f"{weight.array.shape}: .long() converts"
        )
    if padding_idx is not None and not -len(weight) <= padding_idx < len(weight):
        raise AssertionError(f"padding_idx must be one of {len(weight)} rows; got {padding_idx}")
    if max_norm is not None:
        rows = np.unique(input.array)
        lengths = np.linalg.norm(weight.array[rows], norm_type, axis=1)
        long = lengths > max_norm
        weight.array[rows[long]] *= (max_norm / (lengths[long, None] + 1e-7)).astype(weight.dtype)
        note_change(weight.array)
    return apply(Embedding(padding_idx, scale_grad_by_freq), weight, input)


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or max of the rows of weight (V, D) that each bag counts: (B, D).

    A bag is a row of `input` (B, L), or what begins at one of `offsets` (B) in `input` (n).
    """
    if mode not in ("sum", "mean", "max") or input.array.ndim != (2 if offsets is None else 1):
        raise ValueError(
            "embedding_bag needs mode 'sum', 'mean' or 'max', and (B, L) numbers, or (n) and "
            f"offsets; got {mode!r}, {input.array.shape} and {offsets}"
        )
    rows = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    kept = input != (-1 if padding_idx is None else padding_idx % len(weight))
    if per_sample_weights is not None:
        if mode != "sum" or per_sample_weights.array.shape != input.array.shape:
            raise NotImplementedError("per_sample_weights need mode='sum' and the shape of input")
        rows = rows * per_sample_weights.unsqueeze(-1)
    if offsets is not None:  # bags of the length of the longest
        last = [] if include_last_offset else [input.array.size]
        ends = np.append(offsets.array, np.asarray(last, np.int64))
        starts, sizes = ends[:-1, None], np.diff(ends)[:, None]
        steps = np.arange(max(1, sizes.max(initial=0)))
        places = wrap(np.where(steps < sizes, starts + steps, 0))
        rows, kept = rows[places], kept[places].logical_and(wrap(steps < sizes))
    kept = kept.unsqueeze(-1)
    if mode == "max":
        found: Tensor = where(kept.any(1), where(kept, rows, -np.inf).max(1).values, 0)
    else:
        found = where(kept, rows, 0).sum(1)
    return found / kept.sum(1).clamp(min=1) if mode == "mean" else found


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 in the place that each number of `input` (…) counts, else 0: (…, num_classes), int64.

    >>> import learnt.engine as torch
    >>> one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if input.array.dtype != np.int64:
        raise RuntimeError(f"one_hot needs int64; got {input.array.dtype}: .long() converts")
    low, high = input.array.min(initial=0), input.array.max(initial=-1)
    count = high + 1 if num_classes == -1 else num_classes
    if low < 0 or high >= count or not count:
        raise RuntimeError(f"one_hot needs numbers from 0 to {count - 1}; got {low} to {high}")
    return (input.unsqueeze(-1) == wrap(np.arange(count))).long()
