"""Sequences of different lengths, as one batch: padded, or packed step by step.

Packed are, the longest sequence first, all first steps, then the second steps of all that have
one, and so on: a batch that shrinks, without padding.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from learnt.engine.op import Array
from learnt.engine.ops.shape import cat, stack
from learnt.engine.tensor import Tensor


class PackedSequence(NamedTuple):
    """All steps (Σ batch_sizes, …), how many a step, and which sequence came from where."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The same as another type."""
        return self._replace(data=self.data.to(*args, **kwargs))


def _rows(sizes: Array, length: int) -> Array:
    """(T, N): where each step of each sequence is among the packed rows; past its end, −1."""
    there = np.arange(sizes[0]) < np.pad(sizes, (0, length - len(sizes)))[:, None]
    return np.where(there, np.cumsum(there).reshape(there.shape) - 1, -1)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packed from padded (T, N, …) or (N, T, …), by the length of each of the N.

    With `enforce_sorted` the longest must come first; without, they are sorted here.
    """
    sizes, order = np.asarray(getattr(lengths, "array", lengths)), None
    input = input.transpose(0, 1) if batch_first else input
    if len(sizes) != input.array.shape[1] or sizes.min(initial=1) < 1:
        raise RuntimeError(f"{input.array.shape[1]} lengths above 0 are needed; got {sizes}")
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes, input = sizes[order], input[:, Tensor(order)]
    if (np.diff(sizes) > 0).any():
        raise RuntimeError(f"lengths must not increase (or enforce_sorted=False); got {sizes}")
    steps, places = np.nonzero(np.arange(sizes[0])[:, None] < sizes)
    data, batch_sizes = input[Tensor(steps), Tensor(places)], np.bincount(steps)
    indices = [] if order is None else [Tensor(order), Tensor(np.argsort(order))]
    return PackedSequence(data, Tensor(batch_sizes), *indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Padded (T, N, …) or (N, T, …) from packed, and the lengths (N)."""
    data, sizes = sequence.data, sequence.batch_sizes.array
    length = len(sizes) if total_length is None else total_length
    if length < len(sizes):
        raise ValueError(f"total_length must be at least {len(sizes)}; got {total_length}")
    rows = _rows(sizes, length)
    if sequence.sorted_indices is not None:
        rows = rows[:, np.argsort(sequence.sorted_indices.array)]
    filler = np.full((1, *data.array.shape[1:]), padding_value, data.array.dtype)
    padded = cat([data, Tensor(filler)])[Tensor(rows)]
    lengths = Tensor(np.count_nonzero(rows >= 0, axis=0))
    return padded.transpose(0, 1) if batch_first else padded, lengths


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:  # fmt: skip
    """Sequences (Tᵢ, …) as one (T, N, …) or (N, T, …), padded at their end, or "left"."""
    length = max(len(s) for s in sequences)
    padded = []
    for s in sequences:
        shape = (length - len(s), *s.array.shape[1:])
        parts = [s, Tensor(np.full(shape, padding_value, s.array.dtype))]
        padded.append(cat(parts if padding_side == "right" else parts[::-1]))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences without their padding."""
    by_sequence = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [by_sequence[i, : int(n)] for i, n in enumerate(lengths.array)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packed from a list of sequences (Tᵢ, …)."""
    lengths = [len(s) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)
