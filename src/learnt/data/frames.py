"""Any table → a Polars frame: CSV, JSON lines, Parquet, a frame in memory, a dict of columns.

A CSV's columns are all text, read by the parser that programs use (runner/rows.py), so that what
is inferred in training is inferred from what a program will see; the others keep their types.
Every frame has at least one row, and names that are there, stripped and different.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from learnt.errors import DataError, TableError
from learnt.runner.lines import Lines, opened, table_name
from learnt.runner.rows import column_names, is_json, is_parquet, json_objects, open_rows
from learnt.runner.text import shown

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

MAX_CELLS = 500_000_000  # rows times columns
MAX_CHARACTERS = 2**31
AT_ONCE = 1_000  # rows: more would not be faster, as the processor's cache is small
ENDINGS = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet", ".pq", ".parquet.brotli",
           ".csv.gz", ".tsv.gz", ".tab.gz", ".jsonl.gz", ".ndjson.gz")  # fmt: skip


def read_frame(source: object, notes: list[str] | None = None) -> "pl.DataFrame":
    """A table as a frame; what was odd about it is added to the notes.

    `source`: the path of a CSV (any usual delimiter and encoding, gzipped or not), of JSON lines
    or of Parquet; a Polars frame, lazy or not; a pandas frame; a dict of columns. A CSV's columns
    are String, an empty cell is null. Of the others, categories become String, decimals Float64,
    pandas' NaN null; what is no number, text, date or list is left out, with a note. Raises
    TableError where there is no table with a row, or one that is too large.
    """
    notes = [] if notes is None else notes
    if in_memory(source):
        return _tidy(_from_memory(source, notes), "the table", notes)
    if not isinstance(source, str | os.PathLike):
        raise TableError(
            f"a table must be a path, a Polars or pandas frame, or a dict of columns; got "
            f"{type(source).__name__}"
        )
    source = Path(source)  # "-" is a file here
    name = table_name(source)
    with opened(source, name) as file:
        if is_parquet(name) or file.peek(4)[:4] == b"PAR1":
            return _tidy(_from_parquet(source, name), name, notes)
        if is_json(name):
            with closing(Lines(file, name)) as lines:
                return _tidy(_from_json(lines, notes), name, notes)
    return _from_csv(source, name, notes)


def in_memory(source: object) -> bool:
    """Is it a frame or a dict of columns, and not a path?"""
    return isinstance(source, dict) or _made_by(source, "polars") or _made_by(source, "pandas")


def is_table(path: str | os.PathLike[str]) -> bool:
    """Does the file's name end as a table's does?"""
    return os.fsdecode(path).lower().endswith(ENDINGS)


def table_in(folder: str | os.PathLike[str]) -> Path | None:
    """The one table of a folder; None if it has none or several, or folders that are classes."""
    try:
        entries = sorted(entry for entry in Path(folder).iterdir() if entry.name[:1] != ".")
    except OSError:
        return None
    tables = [entry for entry in entries if is_table(entry) and os.path.isfile(entry)]
    folders = sum(os.path.isdir(entry) for entry in entries)
    return tables[0] if len(tables) == 1 and folders < 2 else None


def _made_by(source: object, library: str) -> bool:
    kind = type(source)
    return kind.__module__.split(".")[0] == library and kind.__name__ in ("DataFrame", "LazyFrame")


def _from_csv(source: Path, name: str, notes: list[str]) -> "pl.DataFrame":
    import polars as pl

    parts = []
    with open_rows(source) as rows:
        for part in _portions(iter(rows)):
            _check_size(rows.read() <= MAX_CHARACTERS, name, f"{MAX_CHARACTERS:,} characters")
            columns = zip(rows.names, zip(*part, strict=True), strict=True)
            parts.append(pl.DataFrame([pl.Series(*column, pl.String) for column in columns]))
        notes.extend(rows.notes)
    if not parts:
        raise TableError(f"{name} has a first line of names ({_few(rows.names)}) and no rows")
    return pl.concat(parts, rechunk=True)


def _portions(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    while part := list(islice(rows, AT_ONCE)):
        yield part


def _from_json(lines: Lines, notes: list[str]) -> "pl.DataFrame":
    import polars as pl

    columns: dict[str, list[Any]] = {}
    for count, found in enumerate(json_objects(lines)):
        _check_size(lines.read() <= MAX_CHARACTERS, lines.name, f"{MAX_CHARACTERS:,} characters")
        for key in found:
            if key not in columns:
                columns[key] = [None] * count
            _check_size(count * len(columns) <= MAX_CELLS, lines.name, f"{MAX_CELLS:,} cells")
        for key, values in columns.items():
            values.append(found.get(key))
    notes.extend(lines.notes)
    return pl.DataFrame([_series(key, values) for key, values in columns.items()])


def _from_parquet(source: Path, name: str) -> "pl.DataFrame":
    import polars as pl

    def read() -> pl.DataFrame:
        whole = pl.scan_parquet(source, glob=False)
        cells = int(whole.select(pl.len()).collect().item()) * len(whole.collect_schema())
        _check_size(cells <= MAX_CELLS, name, f"{MAX_CELLS:,} cells")
        return whole.collect()

    return _guarded(read, f"{name} cannot be read as Parquet")


def _from_memory(source: Any, notes: list[str]) -> "pl.DataFrame":
    import polars as pl

    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, pl.LazyFrame):
        return _guarded(source.collect, "the lazy frame cannot be collected")
    if isinstance(source, dict):
        items = list(source.items())
    else:
        items = [(name, source.iloc[:, i]) for i, name in enumerate(source.columns)]
    names = column_names([str(name) for name, _ in items], "the table", notes) if items else []
    series = [_series(name, values) for name, (_, values) in zip(names, items, strict=True)]
    sizes = {column.name: len(column) for column in series}
    if len(set(sizes.values())) > 1:
        raise TableError(f"every column must have as many cells; got {sizes}")
    return pl.DataFrame(series)


def _series(name: str, values: Any) -> "pl.Series":
    """One column of whatever holds it: pandas, NumPy, a list."""
    import polars as pl

    if isinstance(values, pl.Series):
        return values.rename(name)
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise TableError(f"the column {shown(name)!r} must be a list or an array of its cells")
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    if isinstance(array, np.ndarray):
        if array.ndim != 1:
            raise TableError(f"the column {shown(name)!r} must have one dimension, not a shape of "
                             f"{array.shape}")  # fmt: skip
        if array.dtype.kind in "biuf" and array.dtype != np.float16:
            column = pl.Series(name, array)
            return column.fill_nan(None) if array.dtype.kind == "f" else column
        if array.dtype.kind == "M":
            return pl.Series(name, array.astype("datetime64[us]"))
        array = array.tolist() if array.dtype.kind != "O" else list(array)
    return _guarded(lambda: _typed(name, list(array)), f"the column {shown(name)!r}")


def _typed(name: str, values: list[Any]) -> "pl.Series":
    """Python values as one type: all alike, or else text."""
    import polars as pl

    values = [None if _missing(value) else value for value in values]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return pl.Series(name, values, pl.Boolean)
    if kinds and all(issubclass(kind, int) and kind is not bool for kind in kinds):
        large = any(value is not None and abs(value) >= 2**63 for value in values)
        return pl.Series(name, values, pl.String if large else pl.Int64, strict=False)
    if kinds and all(
        issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds
    ):
        return pl.Series(name, values, pl.Float64, strict=False)
    for kind in (datetime, date, time, timedelta):
        if kinds and all(issubclass(k, kind) for k in kinds):
            return pl.Series(name, values)
    if kinds and all(issubclass(kind, list | tuple | np.ndarray) for kind in kinds):
        return pl.Series(name, [None if v is None else [_text(x) for x in v] for v in values],
                         pl.List(pl.String))  # fmt: skip
    return pl.Series(name, [None if value is None else _text(value) for value in values], pl.String)


def _missing(value: object) -> bool:
    """None, NaN, and pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if not isinstance(value, bool | dict | list) else json.dumps(value)


def _tidy(frame: "pl.DataFrame", name: str, notes: list[str]) -> "pl.DataFrame":
    """The promises of `read_frame`, for a frame with types."""
    import polars as pl

    if not frame.width or not frame.height:
        raise TableError(f"{name} must have rows and columns; it has {frame.height} rows of "
                         f"{frame.width} columns")  # fmt: skip
    _check_size(frame.height * frame.width <= MAX_CELLS, name, f"{MAX_CELLS:,} cells")
    frame = frame.rename(
        dict(zip(frame.columns, column_names(frame.columns, name, notes), strict=True))
    )
    kept, left_out = [], []
    for column in frame:
        kind = column.dtype
        if isinstance(kind, pl.Categorical | pl.Enum | pl.Null):
            kept.append(column.cast(pl.String))
        elif isinstance(kind, pl.Decimal):
            kept.append(column.cast(pl.Float64))
        elif isinstance(kind, pl.Struct | pl.Binary | pl.Object):
            left_out.append(column.name)
        else:
            kept.append(column)
    if left_out:
        notes.append(f"left out columns that are neither numbers, text, dates nor lists: "
                     f"{_few(left_out)}")  # fmt: skip
    if not kept:
        raise TableError(f"{name} must have columns of numbers, text, dates or lists; it has none")
    return pl.DataFrame(kept)


def _guarded(read: Callable[[], T], what: str) -> T:
    """What Polars says of bad data, in a TableError; it also panics, which is no Exception."""
    try:
        return read()
    except (DataError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise TableError(f"{what}: {error}") from None


def _check_size(fits: bool, name: str, bound: str) -> None:
    if not fits:
        raise TableError(f"{name} must have at most {bound}: give a part of it")


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names[:5])) + (", …" if len(names) > 5 else "")
