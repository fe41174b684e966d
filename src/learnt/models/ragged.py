"""Rows of whole numbers of different lengths, such as texts as numbers of words."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]


class Ragged:
    """One row after the other in one array: `numbers` (T), and whose each is, `owners` (T)."""

    def __init__(self, numbers: Array, owners: Indices, count: int) -> None:
        """`owners` are numbers of rows below `count`, ascending."""
        self.numbers, self.owners = numbers, owners
        self.starts = np.searchsorted(owners, np.arange(count + 1))

    @classmethod
    def of(cls, rows: Sequence[Sequence[int] | Array]) -> Self:
        """From a list or an array a row."""
        lengths = [len(row) for row in rows]
        if all(isinstance(row, np.ndarray) for row in rows):
            numbers: Array = np.concatenate([np.zeros(0, np.int32), *rows])
        else:
            numbers = np.fromiter(chain.from_iterable(rows), np.int32, sum(lengths))
        return cls(numbers, np.repeat(np.arange(len(rows)), lengths), len(rows))

    @classmethod
    def sorted(cls, numbers: Array, owners: Indices, count: int) -> Self:
        """From numbers whose owners come in any order."""
        order = np.argsort(owners, kind="stable")
        return cls(numbers[order], owners[order], count)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def chosen(self, rows: Indices) -> Self:
        """Some of the rows, in that order."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        owners = np.repeat(np.arange(len(rows)), lengths)
        places = np.arange(len(owners)) + np.repeat(
            self.starts[rows] - np.cumsum(lengths) + lengths, lengths
        )
        return type(self)(self.numbers[places], owners, len(rows))

    def padded(self, chosen: Indices) -> Indices:
        """Some rows as (N, L), 0 after the end of each; L is at least 1."""
        starts, ends = self.starts[chosen, None], self.starts[chosen + 1, None]
        places = starts + np.arange(max(1, int((ends - starts).max(initial=0))))
        if not len(self.numbers):
            return np.zeros(places.shape, np.int64)
        found = self.numbers[np.minimum(places, len(self.numbers) - 1)]
        return np.where(places < ends, found, 0).astype(np.int64)
