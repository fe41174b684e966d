"""Which column holds the texts, and which their labels: by name, else by what is in them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from learnt.data.files import SIDE_NAMES
from learnt.errors import DataError, TableError
from learnt.runner.text import shown

if TYPE_CHECKING:
    import polars as pl

TEXT_NAMES = ("text", "texts", "review", "review text", "reviews", "comment", "comments", "message",
              "sentence", "content", "body", "tweet", "document", "description")  # fmt: skip
LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "topic", "spam",
               "rating", "stars", "score", "y")  # fmt: skip
SPLIT = "split"
WORDS = 4  # in a cell on average, from which a column without a usual name holds texts
MOST_LABELS = 100  # different values of a column that could be labels without a usual name


class Row(NamedTuple):
    """One text with its label; the side that the source says it is on, and its group, or ''."""

    text: str
    label: str
    side: str
    group: str


Columns = Mapping[str, Sequence[str]]  # cells that are not empty, by name


def rows_of(
    frame: "pl.DataFrame",
    text: str | None,
    label: str | None,
    group: str | None,
    notes: list[str],
) -> tuple[str, list[Row]]:
    """The text's column, and the rows of a frame; TableError where the columns are not there."""
    columns = {name: cells(frame[name]) for name in frame.columns}
    there = {name: [cell for cell in found[:2000] if cell] for name, found in columns.items()}
    names = ", ".join(map(shown, frame.columns[:10]))
    chosen = text_of(there, text)
    if chosen is None:
        raise TableError(
            f"the table must have a column of texts, {text or 'text'!r}; it has {names}. "
            "--text names it"
        )
    labels = label_of(there, chosen, label)
    if labels is None or labels == chosen:
        raise TableError(
            f"the table must have a column of labels, {label or 'label'!r}, besides its texts "
            f"{shown(chosen)!r}; it has {names}. --label names it"
        )
    if text is None or label is None:
        notes.append(f"texts are in the column {shown(chosen)!r}, labels in {shown(labels)!r}")
    groups = _named(columns, group) if group else _named(columns, "group", must=False)
    empty = [""] * len(frame)
    split = _named(columns, SPLIT, must=False)
    sides = _sides(columns[split]) if split and split not in (chosen, labels) else empty
    grouped = columns[groups] if groups and groups not in (chosen, labels) else empty
    found = zip(columns[chosen], map(str.strip, columns[labels]), sides, grouped, strict=True)
    return chosen, [Row(*row) for row in found]


def cells(column: "pl.Series") -> list[str]:
    """A column as text: whole numbers without a point, '' where nothing is."""
    found = []
    for cell in column.to_list():
        whole = isinstance(cell, float) and cell.is_integer()
        found.append("" if cell is None else str(int(cell)) if whole else str(cell))
    return found


def text_of(columns: Columns, given: str | None, fewest: float = 0) -> str | None:
    """The column of texts: that given, one with a usual name, else the one with most words.

    One with a usual name must have `fewest` words a cell.
    """
    if given:
        return _named(columns, given)
    words = {name: _words(found) for name, found in columns.items()}
    for usual in TEXT_NAMES:
        name = _named(columns, usual, must=False)
        if name is not None and words[name] >= fewest:
            return name
    longest = max(words, key=lambda name: words[name], default="")
    return longest if longest and words[longest] >= WORDS else None


def label_of(columns: Columns, text: str, given: str | None) -> str | None:
    """The column of labels: that given, one with a usual name, else the only one it can be."""
    if given:
        return _named(columns, given)
    others = [name for name in columns if name != text]
    for usual in LABEL_NAMES:
        name = _named({name: columns[name] for name in others}, usual, must=False)
        if name is not None:
            return name
    free = [n for n in others if n.lower() not in (SPLIT, "group", "id")]
    possible = [n for n in free if 2 <= len(set(columns[n])) <= MOST_LABELS]
    return possible[0] if len(possible) == 1 else None


def _named(columns: Columns, wanted: str, must: bool = True) -> str | None:
    """The column of that name, whatever its capitals and underscores."""
    if wanted in columns:
        return wanted
    plain = wanted.strip().lower().replace("_", " ")
    found = [name for name in columns if name.strip().lower().replace("_", " ") == plain]
    if found or not must:
        return found[0] if found else None
    names = ", ".join(map(shown, list(columns)[:10]))
    raise TableError(f"the table has no column {shown(wanted)!r}; it has {names}")


def _words(found: Sequence[str]) -> float:
    """Words in a cell, on average."""
    return sum(len(cell.split()) for cell in found[:200]) / max(1, len(found[:200]))


def _sides(found: Sequence[str]) -> list[str]:
    """The sides that a column `split` names; DataError where one is none."""
    plain = [cell.strip().lower() for cell in found]
    for side in plain:
        if side and side not in SIDE_NAMES:
            raise DataError(f"the split must be train, valid or test; got {shown(side)!r}")
    return [SIDE_NAMES[side] if side else "" for side in plain]
