"""What a table says of each of many things (users, items), as rows of numbers.

A column that has one value in all rows of a thing is a fact about it. A fact is spread over
several places, of which those that hold are not 0: one a category, one a part of a number's
range; a text such as Comedy|Drama holds several. Facts that no two things share say nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

MOST = 100  # places of one column
MOST_NUMBERS = 50_000_000  # of all facts
FEW_VALUES = 20  # up to so many different numbers are categories
OFTEN = 10  # ratings of a thing, and things, from which their means are compared with a fact
TELLING = 0.95  # of the correlation of a fact with the mean ratings
PARTS = 8  # of the range of a number, with as many things in each


@dataclass(frozen=True)
class Facts:
    """`values` (things, places) float32; of the `columns` that they come from."""

    values: npt.NDArray[np.float32]
    columns: tuple[str, ...] = ()


def facts_of(
    frame: "pl.DataFrame", columns: list[str], number: npt.NDArray[np.int64], count: int
) -> Facts:
    """The facts about `count` things; `number` says which of them each row of the frame is about.

    Where most things have one row only, nothing can be told from their rows alone: no facts.
    """
    if not columns or len(frame) < 2 * count:
        return Facts(np.zeros((count, 0), np.float32))
    import polars as pl

    numbered = frame.select(columns).with_columns(pl.Series("thing of the row", number))
    grouped = numbered.group_by("thing of the row", maintain_order=False)
    different = grouped.agg(pl.col(columns).n_unique()).drop("thing of the row").max()
    first = np.unique(number, return_index=True)[1]
    blocks, used = [np.zeros((count, 0), np.float32)], []
    for column in columns:
        if different[column][0] != 1:
            continue
        block = _block(frame[column].gather(first))
        if count * (sum(b.shape[1] for b in blocks) + block.shape[1]) > MOST_NUMBERS:
            continue
        used.append(column)
        blocks.append(block)
    return Facts(np.concatenate(blocks, axis=1), tuple(used))


def telling(
    frame: "pl.DataFrame", facts: Facts, number: npt.NDArray[np.int64], rating: npt.NDArray[Any]
) -> list[str]:
    """The facts that look like made of the ratings: numbers that follow the things' mean ones.

    What was measured otherwise (a year, a price, an age) hardly tells the mean rating so well.
    """
    import polars as pl

    counts = np.bincount(number)
    means = np.bincount(number, rating) / np.maximum(1, counts)
    first, often = np.unique(number, return_index=True)[1], counts >= OFTEN
    found = []
    for column in facts.columns:
        values = frame[column].gather(first).cast(pl.String).cast(pl.Float64, strict=False)
        array = values.fill_null(float("nan")).to_numpy()
        there = often & np.isfinite(array)
        if there.sum() < OFTEN or not np.ptp(array[there]) or not np.ptp(means[there]):
            continue
        if abs(np.corrcoef(array[there], means[there])[0, 1]) > TELLING:
            found.append(column)
    return found


def _block(values: "pl.Series") -> npt.NDArray[np.float32]:
    """One column's value a thing → (things, places)."""
    import polars as pl

    text = values.cast(pl.String).fill_null("").str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    if bool((number.is_null() == (text == "")).all()) and number.n_unique() > FEW_VALUES:
        return _parts(number.fill_null(float("nan")).to_numpy())
    lists = [cell.split("|") if cell else [] for cell in text.to_list()]
    names, counts = np.unique([n for cell in lists for n in set(cell)] or [""], return_counts=True)
    shared = np.flatnonzero((counts >= 2) & (counts < len(values)))
    kept = names[shared[np.argsort(-counts[shared], kind="stable")[:MOST]]]
    place = {name: at for at, name in enumerate(kept)}
    block = np.zeros((len(values), len(kept)), np.float32)
    for row, cell in enumerate(lists):
        block[row, [place[name] for name in cell if name in place]] = 1
    length: Any = np.sqrt(np.maximum(1, block.sum(1, keepdims=True)))
    return np.asarray(block / length, np.float32)


def _parts(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Which part of their range numbers are in; none, where a number is missing."""
    known = np.isfinite(numbers)
    ends = np.unique(np.quantile(numbers[known], np.arange(1, PARTS) / PARTS))
    part = np.searchsorted(ends, numbers, side="right")
    return np.asarray((part[:, None] == np.arange(len(ends) + 1)) & known[:, None], np.float32)
