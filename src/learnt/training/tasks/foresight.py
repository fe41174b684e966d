"""How well is a text foreseen? Bits per byte, beside what gzip makes of the same text."""

import gzip
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from learnt.training.metrics import Evaluation

BLOCK = 2000  # bytes: what is near is alike, so intervals are drawn of whole blocks
DRAWS = 1000

Array = npt.NDArray[np.float64]


def foresight(bits: npt.NDArray[np.floating], sizes: Array, texts: Sequence[str]) -> Evaluation:
    """The figure of a model that foresaw each token of `texts`.

    `bits` are −log₂ of what it gave each token; `sizes`, how many bytes of UTF-8 each stands for.
    """
    total, count = float(np.sum(bits, dtype=np.float64)), int(np.sum(sizes))
    data = "".join(texts).encode()
    assert len(data) == count, "every byte is foreseen, once"
    warnings = ["fewer than 10,000 bytes: the figure is rough"] if count < 10_000 else []
    return Evaluation(
        metric="bits per byte",
        value=total / count,
        baseline=8 * len(gzip.compress(data, 9)) / count,
        baseline_name="gzip -9 of the same text",
        interval=interval(bits, sizes),
        n=count,
        noun="bytes",
        others={"perplexity": math.exp(min(700.0, total / len(bits) * math.log(2)))},
        warnings=warnings,
    )


def interval(bits: npt.NDArray[np.floating], sizes: Array) -> tuple[float, float]:
    """95 % of bits per byte, over blocks of the text drawn anew.  (Efron 1979, the bootstrap)"""
    block = (np.cumsum(sizes) - sizes) // BLOCK
    by_block = [np.bincount(block.astype(np.int64), weights=w) for w in (bits, sizes)]
    drawn = np.random.default_rng(0).integers(len(by_block[0]), size=(DRAWS, len(by_block[0])))
    ratios = by_block[0][drawn].sum(axis=1) / by_block[1][drawn].sum(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)
