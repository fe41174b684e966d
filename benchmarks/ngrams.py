"""The honest peer of a language model: counts of the last few symbols, smoothed as well as known.

Interpolated Kneser-Ney with three discounts (Kneser & Ney 1995; Chen & Goodman 1999, section
3), over bytes or over the tokens of a tokenizer. An n-gram is one whole number, base V, so that
counting is sorting.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


class KneserNey:
    """P(w | the n − 1 before it), from texts as arrays of numbers below `symbols`."""

    def __init__(self, texts: Sequence[Numbers], symbols: int, n: int = 5) -> None:
        if symbols**n >= 2**64:
            raise ValueError(f"{n}-grams of {symbols} symbols are no 64-bit numbers")
        self.symbols, self.n = np.uint64(symbols), n
        self.orders: list[
            tuple[Keys, Numbers, npt.NDArray[np.float64], Keys, Numbers, Numbers]
        ] = []
        grams = np.concatenate([self._grams(text, n) for text in texts])
        keys, counts = np.unique(grams, return_counts=True)
        for order in range(n, 0, -1):
            self.orders.insert(0, self._order(keys, counts))
            # Of lower orders what counts is not how often, but after how many others.
            keys, counts = np.unique(
                keys % self.symbols ** np.uint64(order - 1), return_counts=True
            )

    def _grams(self, text: Numbers, order: int) -> Keys:
        """The n-gram that ends at each place from the (order − 1)-th on."""
        found = np.zeros(max(0, len(text) - order + 1), np.uint64)
        for j in range(order):
            found = found * self.symbols + text[j : len(text) - order + 1 + j].astype(np.uint64)
        return found

    def _order(self, keys: Keys, counts: Numbers) -> tuple:
        n1, n2, n3, n4 = (max(1, int((counts == i).sum())) for i in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        discounts = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        discounts = np.clip(discounts, 0, [0, 1, 2, 3])
        contexts, starts = np.unique(keys // self.symbols, return_index=True)
        totals = np.add.reduceat(counts, starts)
        left = np.add.reduceat(discounts[np.minimum(counts, 3)], starts)
        return keys, counts, discounts, contexts, totals, left

    def probabilities(self, text: Numbers) -> npt.NDArray[np.float64]:
        """Of each symbol of a text, given those before it."""
        p = np.full(len(text), 1 / int(self.symbols))
        for order, (keys, counts, discounts, contexts, totals, left) in enumerate(self.orders, 1):
            if len(text) < order:
                break
            grams = self._grams(text, order)
            before = grams // self.symbols
            place = np.minimum(np.searchsorted(contexts, before), len(contexts) - 1)
            here = np.minimum(np.searchsorted(keys, grams), len(keys) - 1)
            count = np.where(keys[here] == grams, counts[here], 0)
            lower = p[order - 1 :]
            kept = np.maximum(count - discounts[np.minimum(count, 3)], 0)
            mixed = (kept + left[place] * lower) / totals[place]
            p = np.concatenate([p[: order - 1], np.where(contexts[place] == before, mixed, lower)])
        return p

    def bits(self, texts: Sequence[Numbers]) -> float:
        """−log₂ of the probability of all the texts."""
        return -sum(float(np.log(self.probabilities(text)).sum()) for text in texts) / math.log(2)
