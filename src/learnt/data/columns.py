"""What kind of column is this? Found from the distinct cells of the training rows.

A description (`spec`) is all that a program needs to read the column again, and what a form is
made from: its kind, vocabulary, range, and the value that stands for it usually. What teaches
nothing, or cannot be used, is left out, and why is said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.runner.columns import (
    COMMA,
    GROUPED,
    LARGEST,
    NO,
    YES,
    Category,
    Column,
    Date,
    Number,
    YesNo,
    cell_text,
    parsed_date,
)
from learnt.runner.text import shown

if TYPE_CHECKING:
    import polars as pl

MOSTLY = 0.9  # the share of a column's cells that must be numbers, or dates, for it to be of them
LOOKED = 5000  # distinct texts that decide the kind
VOCABULARY = 5000  # values of a category, the commonest; the others share one number
RARE = 3  # cells, below which a value counts as never seen, in large tables
LARGE = 1000  # rows
WORDS = 4  # on average, from which different texts are prose
ID = re.compile(r"(?i:(^|[_\s.-])(id|uuid|guid|key|index|idx|row|nr|no)$|^unnamed)|[a-z](ID|Id)$")


@dataclass(frozen=True)
class Found:
    """A column's description; None where it is left out, and why. Notes on what was odd."""

    spec: dict[str, Any] | None
    why: str = ""
    notes: list[str] = field(default_factory=list)


def describe(column: "pl.Series") -> Found:
    """What a column is, from its training rows: a number, a category, yes or no, or a date."""
    import polars as pl

    if isinstance(column.dtype, pl.List | pl.Array):
        return Found(None, "its cells are lists")
    counted = as_cells(column.drop_nulls()).value_counts(sort=False)
    cells, times = counted.to_series(0).to_list(), counted.to_series(1).to_numpy()
    if column.dtype.is_numeric():
        return _number(column.name, cells, times, len(column))
    texts = [cell_text(cell) for cell in cells]
    known = [text is not None for text in texts]
    return _from_texts(column.name, [t for t in texts if t is not None], times[known], len(column))


def _from_texts(name: str, texts: Sequence[str], times: Any, rows: int) -> Found:
    """What different texts are, that are there so many times."""
    if not texts:
        return Found(None, "every cell is empty")
    if all(text.lower() in YES | NO for text in texts) and _both(texts):
        return _yes_no(name, texts, times)
    return (
        _texts_as_numbers(name, texts, times, rows)
        or _texts_as_dates(name, texts, times, rows)
        or _category(name, texts, times, rows)
    )


def as_cells(column: "pl.Series") -> "pl.Series":
    """A column with the types that programs know: numbers, or text."""
    import polars as pl

    if column.dtype.is_numeric() or column.dtype == pl.String:
        return column.alias("cell")
    if isinstance(column.dtype, pl.List | pl.Array):
        return column.cast(pl.List(pl.String)).list.join(", ").alias("cell")
    return column.cast(pl.String, strict=False).alias("cell")


def read_column(column: Column, series: "pl.Series") -> tuple[Any, Any, dict[str, int]]:
    """All cells of a column: numbers (N, 0 or 1), categories (N, parts), and counts of what was
    odd. Each different cell is read once, by the very code that programs have."""
    import polars as pl

    cells = as_cells(series)
    different = cells.unique(maintain_order=True)
    places = np.arange(len(different), dtype=np.int64)
    which = cells.replace_strict(different, places, return_dtype=pl.Int64).to_numpy()
    read = [column.read(cell) for cell in different.to_list()]
    numbers = np.array([r[0] for r in read], np.float64).reshape(len(read), -1)[which]
    categories = np.array([r[1] for r in read], np.int64).reshape(len(read), -1)[which]
    odd: dict[str, int] = {}
    for (_, _, reason), count in zip(read, np.bincount(which).tolist(), strict=True):
        if reason:
            odd[reason] = odd.get(reason, 0) + count
    return numbers, categories, odd


def _number(name: str, values: Sequence[Any], times: Any, rows: int, **more: Any) -> Found:
    """A number's range and median, from its finite values."""
    array = np.array(values, np.float64)
    endless = np.abs(array) >= LARGEST  # which NaN is not
    notes = []
    if endless.any():
        count = int(times[endless].sum())
        notes.append(f"{shown(name)}: {_cells(count)} infinite, taken as missing")
    finite = np.abs(array) < LARGEST
    array, times = array[finite], times[finite]
    if not len(values) or np.isnan(values).all():
        return Found(None, "every cell is empty")
    if len(array) < 2:
        return Found(None, "it has one value only" if len(array) else "it has no finite number")
    whole = bool((array == np.floor(array)).all() and np.abs(array).max() < 2**53)
    if whole and _numbered(name, array, rows):
        return Found(None, "it numbers the rows: every one is different")
    order = np.argsort(array)
    middle = int(np.searchsorted(np.cumsum(times[order]), times.sum() / 2))
    low, high, median = (float(v) for v in (array.min(), array.max(), array[order][middle]))
    spec = {"name": name, "kind": Number.kind, "low": low, "high": high, "median": median,
            "whole": whole, **more}  # fmt: skip
    return Found(spec, notes=notes)


def _numbered(name: str, values: Any, rows: int) -> bool:
    """Whole numbers that are all different, and either called an id or without gaps."""
    if len(values) < max(20, 0.99 * rows):
        return False
    return bool(ID.search(name)) or bool(values.max() - values.min() < 1.05 * len(values))


def _yes_no(name: str, texts: Sequence[str], times: Any) -> Found:
    yes = sum(int(n) for text, n in zip(texts, times, strict=True) if text.lower() in YES)
    usual = "yes" if 2 * yes > times.sum() else "no"
    return Found({"name": name, "kind": YesNo.kind, "usual": usual})


def _both(texts: Sequence[str]) -> bool:
    words = {text.lower() for text in texts}
    return bool(words & YES) and bool(words & NO) and not words <= {"0", "1"}


def _texts_as_numbers(name: str, texts: Sequence[str], times: Any, rows: int) -> Found | None:
    """Numbers that came as text; None where they are not. 007 is a code, not a number."""
    comma = has_decimal_comma(texts)
    column = Number({"name": name, "comma": comma})
    read = [column.read(text) for text in texts]
    good = np.array([not odd for _, _, odd in read])
    infinite = np.array([odd == "infinite" for _, _, odd in read])
    if infinite.all():
        return Found(None, "it has no finite number")
    codes = sum(len(text) > 1 and text[0] == "0" and text.isdigit() for text in texts)
    if times[good].sum() < MOSTLY * times[~infinite].sum() or codes or not good.any():
        return None
    values = [numbers[0] for (numbers, _, odd) in read if not odd]
    found = _number(name, values, times[good], rows, **({"comma": True} if comma else {}))
    for wrong, words in ((infinite, "infinite"), (~good & ~infinite, "not numbers")):
        if wrong.any():
            example = texts[int(np.argmax(wrong))]
            count = int(times[wrong].sum())
            found.notes.append(
                f"{shown(name)}: {_cells(count)} {words} ({shown(example)!r}), taken as missing"
            )
    return found


def has_decimal_comma(texts: Sequence[str]) -> bool:
    """1,5 and 1.234,5 and 0,125, and never a number that only a decimal point can explain."""
    some = texts[:LOOKED]
    pointed = sum(text.count(".") == 1 and "," not in text for text in some)
    return not pointed and any(
        COMMA.fullmatch(text) and (text.lstrip("+-").startswith("0") or not GROUPED.fullmatch(text))
        for text in some
    )


def _texts_as_dates(name: str, texts: Sequence[str], times: Any, rows: int) -> Found | None:
    """Dates, with the parts that differ between rows; None where they are none."""
    some = texts[: LOOKED // 10]
    if sum(text[0].isdigit() and len(text) >= 6 for text in some) < MOSTLY * len(some):
        return None
    best: tuple[int, str, list[datetime]] = (0, "day", [])
    for order in ("day", "month"):
        formats = Date({"name": name, "order": order}).formats
        dates = [when for text in some if (when := parsed_date(text, formats)) is not None]
        if len(dates) > best[0]:
            best = len(dates), order, dates
    good, order, dates = best
    if good < MOSTLY * len(some):
        return None
    if len(set(dates)) < 2:
        return Found(None, "it has one date only")
    parts = [part for part, values in (
        ("month", {when.month for when in dates}), ("weekday", {when.weekday() for when in dates}),
        ("hour", {when.hour for when in dates}),
    ) if len(values) > 1]  # fmt: skip
    spec = {"name": name, "kind": Date.kind, "order": order, "parts": parts,
            "low": min(dates).isoformat(), "high": max(dates).isoformat()}  # fmt: skip
    return Found(spec)


def _category(name: str, texts: Sequence[str], times: Any, rows: int) -> Found:
    """A vocabulary of the values that are there often enough, the commonest first."""
    counts: dict[str, int] = {}
    for text, n in zip(texts, times.tolist(), strict=True):
        counts[text] = counts.get(text, 0) + n
    if len(counts) == 1 and times.sum() == rows:
        return Found(None, "it has one value only")
    some = list(counts)[:LOOKED]
    words = sum(text.count(" ") + 1 for text in some) / len(some)
    if len(counts) > 0.5 * times.sum() and len(counts) > 20:
        if words >= WORDS:
            return Found(None, "it is text: `learnt train --text` learns from text")
        if len(counts) > MOSTLY * times.sum():
            return Found(None, "nearly every row has a value of its own: it names the rows")
    least = RARE if rows >= LARGE else 2 if rows >= LARGE // 5 else 1
    ordered = sorted(counts, key=lambda text: (-counts[text], text))
    values = [text for text in ordered if counts[text] >= least and len(text) <= 200]
    values = values[:VOCABULARY]
    if not values:
        return Found(None, "every value is rare")
    notes = []
    if len(values) < len(ordered):
        notes.append(
            f"{shown(name)}: {len(ordered) - len(values):,} of {len(ordered):,} values are rare: "
            "they count as one, as values that were never seen do"
        )
    return Found({"name": name, "kind": Category.kind, "values": values}, notes=notes)


def _cells(count: int) -> str:
    return f"{count:,} {'cell is' if count == 1 else 'cells are'}"
