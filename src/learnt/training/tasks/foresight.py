"""How well is a text foreseen? Bits per byte, beside what gzip makes of the same text."""

import gzip
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.training import measured
from learnt.training.evaluations import of_text
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation

BLOCK = 2000  # bytes: what is near is alike, so intervals are drawn of whole blocks
FEW = 10_000  # bytes

Array = npt.NDArray[np.float64]


def foresight(bits: npt.NDArray[np.floating], sizes: Array, texts: Sequence[str]) -> Evaluation:
    """The figure of a model that foresaw each token of `texts`.

    `bits` are −log₂ of what it gave each token; `sizes`, how many bytes of UTF-8 each stands for.
    """
    data = "".join(texts).encode()
    assert len(data) == int(np.sum(sizes)), "every byte is foreseen, once"
    _, nats, counts, lengths = _blocks(bits, sizes)
    return of_text(
        nats,
        counts,
        lengths,
        8 * len(gzip.compress(data, 9)) / len(data),
        "gzip -9 of the same text",
        warnings=["fewer than 10,000 bytes: the figure is rough"] if len(data) < FEW else [],
    )


def measured_text(
    bits: npt.NDArray[np.floating], sizes: Array, texts: Sequence[str], notes: list[str]
) -> Measured:
    """The same with every block's own figure."""
    places, nats, _, lengths = _blocks(bits, sizes)
    names = [f"bytes from {place * BLOCK:,} on" for place in places]
    return measured.of_text(foresight(bits, sizes, texts), notes, names, nats, lengths)


def _blocks(bits: npt.NDArray[np.floating], sizes: Array) -> tuple[Any, Any, Any, Any]:
    """Of each block of text: its number, its nats, its tokens, its bytes."""
    block = ((np.cumsum(sizes) - sizes) // BLOCK).astype(np.int64)
    nats, counts, lengths = (np.bincount(block, w) for w in (bits * math.log(2), None, sizes))
    there = np.flatnonzero(counts > 0)  # a token may be longer than a block
    return there, nats[there], counts[there], lengths[there]
