"""Series, a row each, from a file: a table, UCR's `.tsv`, or the archive's `.ts`.

    t0,t1,t2,…,label             a table: numbered columns are a series; x0,…,y0,… are two channels
    2<tab>0.31<tab>0.35 …        no line of names, numbers only: UCR's files, the label first
    @data                        sktime's and aeon's .ts: channels between colons, the label last
    0.31,0.35:1.2,1.1:walking

Series may be of different lengths and have missing values (empty, ? or NaN).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import TableError
from learnt.runner.lines import Lines, Source, opened, table_name
from learnt.runner.rows import Cell, rows_of
from learnt.runner.text import shown

Values = npt.NDArray[np.float64]  # (n,); NaN is missing
Series = npt.NDArray[np.float32]  # (channels, length)

NUMBERED = re.compile(r"(.*?)[ _.\-]*[\[(]?(\d+)[\])]?")
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[nN][aA][nN]|\?|")
BETWEEN = re.compile(r"[,;\t ]\s*")
MAX_NUMBERED = 100  # characters of the name of a numbered column
MISSING = {"", "?", "nan", "na", "null", "none"}
MAX_VALUES = 1_000_000  # of a row
LABELS = ("label", "class", "target", "y")
SIDES = ("split", "side")


@dataclass(frozen=True)
class Row:
    """One series as it was found: its channels, and the other cells by their names."""

    channels: list[Values]
    cells: dict[str, Cell] = field(default_factory=dict)
    where: str = "the series"  # what messages call it


def series_rows(source: Source, label_first: bool = False) -> Iterator[Row]:
    """The rows of a file of series; TableError where it is none.

    `source` is a path, "-" for standard input, bytes or a binary file. In a file without a line
    of names the first number is the label if `label_first`, else part of the series.
    """
    name = table_name(source)
    file = opened(source, name)
    first = file.peek(64)[:64].lstrip(b"\xef\xbb\xbf \r\n")
    if first[:1] in (b"@", b"#"):
        yield from _ts(Lines(file, name))
    elif is_bare(file.peek(4096)[:4096]):
        yield from _bare(Lines(file, name), label_first)
    else:
        with rows_of(file, name) as rows:
            layout = channels_of(rows.names)
            for number, cells in enumerate(rows, 1):
                yield table_row(rows.names, cells, layout, f"{name}, row {number}")


def is_bare(head: bytes) -> bool:
    """Does a file begin with a line of numbers only, and no names?"""
    text = head.decode("latin-1").lstrip("\xef\xbb\xbf\r\n ")
    line, _, rest = text.partition("\n")
    cells = BETWEEN.split(line.strip())
    if not rest and len(head) >= 4096:  # the line goes on: its last number is cut
        cells = cells[:-1]
    return len(cells) > 1 and any(cells) and all(NUMBER.fullmatch(cell) for cell in cells)


def channels_of(names: Sequence[str]) -> dict[str, list[int]]:
    """The columns of each channel, in the order of their numbers, by the channel's name.

    Where no column is numbered, every one that is no label, split or group is one value.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for column, name in enumerate(names):
        match = NUMBERED.fullmatch(name) if len(name) <= MAX_NUMBERED else None
        if match:
            found.setdefault(match[1], []).append((int(match[2]), column))
    series = {name: [c for _, c in sorted(at)] for name, at in found.items() if len(at) > 1}
    if series:
        return series
    known = (*LABELS, *SIDES, "group")
    return {"value": [i for i, name in enumerate(names) if name.lower() not in known]}


def table_row(
    names: Sequence[str], cells: Sequence[Any], layout: dict[str, list[int]], where: str
) -> Row:
    """A table's row: the layout's columns as channels, the others as cells."""
    taken = {column for columns in layout.values() for column in columns}
    channels = [
        numbers([cells[c] for c in columns], where, names[columns[0]])
        for columns in layout.values()
    ]
    return Row(channels, {n: cells[i] for i, n in enumerate(names) if i not in taken}, where)


def numbers(cells: Sequence[Any], where: str, what: str = "") -> Values:
    """Cells as numbers, NaN where one is missing; TableError where one is no number."""
    if len(cells) > MAX_VALUES:
        raise TableError(f"{where}: a series has at most {MAX_VALUES:,} values; it has more")
    try:
        return np.array([np.nan if _missing(cell) else float(cell) for cell in cells])
    except (TypeError, ValueError):
        bad = next(cell for cell in cells if not _missing(cell) and not _is_number(cell))
        raise TableError(
            f"{where}: the values of a series must be numbers; got {shown(str(bad)[:40])!r}"
            + (f" in the columns from {shown(what)} on" if what else "")
        ) from None


def fitted(row: Row, channels: int, length: int) -> Series:
    """A series as the graph takes it: (channels, length), missing values filled, stretched.

    Both by straight lines between neighbours; the ends by the nearest value. TableError where
    it has other channels, nothing in one of them, or a number that is not finite.
    """
    if len(row.channels) != channels:
        raise TableError(
            f"{row.where}: a series must have {channels} "
            f"{'channel' if channels == 1 else 'channels'}; it has {len(row.channels)}"
        )
    return np.stack([_stretched(values, length, row.where) for values in row.channels])


def _stretched(values: Values, length: int, where: str) -> npt.NDArray[np.float32]:
    there = ~np.isnan(values)
    if not there.any():
        raise TableError(f"{where}: a series must have values; all of it is missing")
    with np.errstate(over="ignore"):
        low = values[there].astype(np.float32)
    if not np.isfinite(low).all():
        raise TableError(f"{where}: the values of a series must be finite numbers")
    if there.all() and len(values) == length:
        return low
    at = np.linspace(0, len(values) - 1, length)
    return np.interp(at, np.flatnonzero(there), values[there]).astype(np.float32)


def _bare(lines: Lines, label_first: bool) -> Iterator[Row]:
    for line in lines:
        lines.start()
        cells = BETWEEN.split(line.strip())
        if cells == [""]:
            continue
        where = f"{lines.name}, line {lines.number}"
        label = {"label": _label(cells[0])} if label_first else {}
        yield Row([numbers(cells[1:] if label_first else cells, where)], dict(label), where)
    lines.close()


def _label(text: str) -> str:
    """UCR's classes are numbers, which some of its files write as 1.0000000e+00."""
    if _is_number(text) and float(text).is_integer():
        return str(int(float(text)))
    return text


def _ts(lines: Lines) -> Iterator[Row]:
    labelled = begun = False
    for line in map(str.strip, lines):
        lines.start()
        where = f"{lines.name}, line {lines.number}"
        if begun and line:
            parts = line.split(":")
            values = [numbers(part.split(","), where) for part in parts[: len(parts) - labelled]]
            yield Row(values, {"label": parts[-1].strip()} if labelled else {}, where)
            continue
        words = line.lower().split()
        if not line or line[0] == "#":
            continue
        if line[0] != "@" or words[0] in ("@relation", "@attribute"):
            raise TableError(f"{where}: a .ts file must begin with lines like @problemName, @data")
        if words[:2] == ["@timestamps", "true"]:
            raise TableError(f"{where}: series with time stamps cannot be read; take them out")
        labelled = labelled or words[:2] == ["@classlabel", "true"]
        begun = words[0] == "@data"
    lines.close()
    if not begun:
        raise TableError(f"{lines.name}: a .ts file must have a line @data")


def _missing(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
