"""A table, read a row at a time: CSV in whatever dialect and encoding, JSON lines, Parquet.

Training (data/frames.py) and programs read CSV by this one parser, so both see the same cells.
Memory stays flat however many rows come; a row and its cells have bounds. An empty cell is None.
Bytes that are not UTF-8 are read as Windows-1252, which is noted. What cannot be read is a
TableError that names the line.
"""

import csv
import io
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeAlias

from learnt.errors import MissingDependencyError, TableError
from learnt.runner.files import in_place
from learnt.runner.lines import MAX_CELL, STANDARD_INPUT, Lines, Source, opened, table_name
from learnt.runner.text import harmless, shown

Cell: TypeAlias = str | int | float | None  # CSV gives text only; JSON lines and Parquet numbers

DELIMITERS = ",;\t|"
MAX_COLUMNS = 50_000
CHUNK = 1024  # rows
CHUNK_CHARACTERS = 4 * 2**20
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
SNIFFED = 50  # lines that are looked at where the first leaves several delimiters possible


class Rows:
    """An open table: `names` of its columns, `notes` on how it was read, and its rows, once.

    >>> with open_rows(b"age;job\\n39;clerk\\n\\n40;\\n") as rows:
    ...     list(rows)
    [['39', 'clerk'], ['40', None]]
    """

    def __init__(
        self,
        names: list[str],
        records: Iterator[Sequence[Cell]],
        notes: list[str],
        close: Callable[[], None],
        read: Callable[[], int] = lambda: 0,
    ) -> None:
        self.names, self.notes = names, notes
        self.read = read  # how many characters were read so far
        self._records, self._close = records, close

    def __iter__(self) -> Iterator[Sequence[Cell]]:
        """Each row's cells, as many as there are names."""
        return self._records

    def chunks(self, size: int = CHUNK) -> Iterator[list[dict[str, Cell]]]:
        """Rows as dicts, up to `size` at a time; those before a bad row come before its error."""
        chunk: list[dict[str, Cell]] = []
        names, end, any_row = self.names, self.read() + CHUNK_CHARACTERS, False
        try:
            for cells in self._records:
                chunk.append(dict(zip(names, cells, strict=True)))
                if len(chunk) >= size or self.read() > end:
                    yield chunk
                    any_row = True
                    chunk, end = [], self.read() + CHUNK_CHARACTERS
        except TableError:
            if chunk:
                yield chunk
            raise
        if chunk:
            yield chunk
        elif not any_row:
            self.notes.append("the table has no rows, so there are no answers")

    def say(self) -> None:
        """Print the notes to standard error; when all is read, as some come late."""
        for note in self.notes:
            print(f"note: {harmless(note)}", file=sys.stderr)

    def close(self) -> None:
        """Close the file."""
        self._close()

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_rows(source: Source) -> Rows:
    """Open a table by its path, "-" for standard input, its bytes or a binary file.

    CSV (delimiter , ; tab or |), gzipped or not; JSON lines (.jsonl, .ndjson); Parquet, which
    needs polars. Raises TableError for what is no table.
    """
    name = table_name(source)
    return rows_of(opened(source, name), name)


def rows_of(file: io.BufferedReader, name: str) -> Rows:
    """The same of an open file, which may have been peeked into; `name` is as messages have it."""
    try:
        if is_parquet(name) or file.peek(4)[:4] == b"PAR1":
            return _parquet(file, name)
        lines = Lines(file, name)
        return _json_rows(lines) if is_json(name) else _csv_rows(lines)
    except BaseException:
        if name != STANDARD_INPUT:
            file.close()
        raise


def is_parquet(name: str) -> bool:
    """Is a file of this name Parquet?"""
    return name.lower().endswith((".parquet", ".pq", ".parquet.brotli"))


def is_json(name: str) -> bool:
    """Is a file of this name one of JSON lines?"""
    return name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def _csv_rows(lines: Lines) -> Rows:
    stream = iter(lines)
    first = next((line for line in stream if line.strip("\r\n")), "")
    if not first:
        raise TableError(f"{lines.name} is empty: it must have a first line of column names")
    if told := re.fullmatch(r"sep=(.)", first.strip()):  # as Excel writes it
        delimiter, first = told[1], next(stream, "")
        seen = [first]
    else:
        delimiter, seen = sniffed(first, stream)
    before = lines.number - len(seen)
    reader = csv.reader(chain(seen, stream), delimiter=delimiter, strict=True)
    records = _records(reader, lines, before)
    header = next(records, (0, []))[1]
    names = column_names(header, lines.name, lines.notes)
    return Rows(
        names, _fitting(records, len(names), lines.name), lines.notes, lines.close, lines.read
    )


def sniffed(first: str, more: Iterator[str]) -> tuple[str, list[str]]:
    """The delimiter, and the lines that were taken to find it.

    Where the first line holds several, it is the one that gives most rows as many cells as the
    first, and of those the one that gives most cells.
    """
    found = [mark for mark in DELIMITERS if mark in first]
    if len(found) < 2:
        return (found or [","])[0], [first]
    lines = [first, *(line for line, _ in zip(more, range(SNIFFED), strict=False))]

    def fit(mark: str) -> tuple[float, int]:
        rows: list[list[str]] = []
        with suppress(csv.Error):
            rows.extend(row for row in csv.reader(lines, delimiter=mark) if row)
        width = len(rows[0]) if rows else 0
        same = sum(len(row) == width for row in rows) / max(1, len(rows))
        return (same if width > 1 else 0.0), width

    return max(found, key=fit), lines


def _records(
    reader: Iterator[list[str]], lines: Lines, before: int
) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its first line."""
    while True:
        start = before + reader.line_num + 1  # type: ignore[attr-defined]
        lines.start()
        limit = csv.field_size_limit(MAX_CELL)  # the module's own: put back at once
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise TableError(f"{lines.name}, line {start}: {_reason(str(error))}") from None
        finally:
            csv.field_size_limit(limit)
        if row is None:
            return
        if row:
            yield start, row


def _reason(error: str) -> str:
    if "unexpected end" in error:
        return "a quote is opened in this row and never closed"
    if "expected after" in error:
        return 'after a closing quote the cell must end; a quote within a cell is written ""'
    if "field larger" in error:
        return f"a cell must have at most {MAX_CELL:,} characters; is a quote never closed?"
    return error


def column_names(header: Sequence[str], name: str, notes: list[str]) -> list[str]:
    """The names of the columns, each once and none empty; what was odd goes to the notes."""
    if len(header) > MAX_COLUMNS:
        raise TableError(f"{name} must have at most {MAX_COLUMNS:,} columns; has {len(header):,}")
    short = os.path.basename(name)  # the folder is nobody else's business
    names = [text.strip() or f"column {i}" for i, text in enumerate(header, 1)]
    unnamed = [i for i, text in enumerate(header, 1) if not text.strip()]
    if len(unnamed) == len(names):
        raise TableError(f"{name} must have a first line of column names; it is empty")
    if unnamed:
        numbers = ", ".join(map(str, unnamed[:5])) + (", …" if len(unnamed) > 5 else "")
        notes.append(f"{short}: columns without a name are called by their number: {numbers}")
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        where = ", ".join(str(i) for i, text in enumerate(names, 1) if text == twice)
        raise TableError(
            f"{name} must have each column name once; {shown(twice)!r} is the name of the columns "
            f"{where}: rename or remove one"
        )
    if all(NUMBER.fullmatch(text) for text in names):
        notes.append(
            f"{short}: the first line is taken for the names of the columns, but it holds numbers "
            "only: should it have a line of names before it?"
        )
    return names


def _fitting(
    records: Iterator[tuple[int, list[str]]], width: int, name: str
) -> Iterator[Sequence[Cell]]:
    """Rows of that many cells; empty ones at the end may be too many."""
    for line, row in records:
        if len(row) != width:
            if len(row) < width or any(row[width:]):
                raise TableError(
                    f"{name}, line {line}: every row must have {width} "
                    f"{'cells' if width > 1 else 'cell'}, as the first line has; it has "
                    f"{len(row)}. A cell that holds the delimiter must be in quotes"
                )
            del row[width:]
        yield [cell or None for cell in row] if "" in row else row


def json_objects(lines: Lines) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, checked; blank lines are passed over."""
    for line in lines:
        if line.strip():
            try:
                found = json.loads(line)
                if not isinstance(found, dict) or not found:
                    raise ValueError("it is not an object with values")
                json.dumps(found, ensure_ascii=False).encode()  # half a character in it?
            except (ValueError, RecursionError) as error:
                reason = "half a character" if isinstance(error, UnicodeError) else error
                raise TableError(
                    f"{lines.name}, line {lines.number}: each line must be a JSON object, as "
                    f'{{"age": 39}}: {reason}'
                ) from None
            yield found
        lines.start()


def _json_rows(lines: Lines) -> Rows:
    objects = json_objects(lines)
    first = next(objects, None)
    if first is None:
        raise TableError(f"{lines.name} is empty: each line must be a JSON object")
    names = column_names(list(first), lines.name, lines.notes)
    known = set(first)

    def records() -> Iterator[Sequence[Cell]]:
        for found in chain([first], objects):
            if not found.keys() <= known:
                name = next(key for key in found if key not in known)
                raise TableError(
                    f"{lines.name}, line {lines.number}: {shown(name)!r} is not among the names "
                    "of the first line"
                )
            yield [_cell(found.get(key)) for key in first]

    return Rows(names, records(), lines.notes, lines.close, lines.read)


def _cell(value: object) -> Cell:
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value if value != "" else None
    return json.dumps(value, ensure_ascii=False)


def _parquet(file: io.BufferedReader, name: str) -> Rows:
    """Parquet, some rows at a time; what is neither text nor a number comes as text."""
    try:
        import polars as pl
    except ImportError:
        raise MissingDependencyError("polars") from None
    broken = pl.exceptions.PolarsError, pl.exceptions.PanicException  # which is no Exception
    notes: list[str] = []
    path = getattr(file, "name", None)
    at_path = isinstance(path, str) and os.path.isfile(path)
    try:
        whole = pl.scan_parquet(Path(file.name) if at_path else io.BytesIO(file.read()), glob=False)
        names = column_names(whole.collect_schema().names(), name, notes)
        total = int(whole.select(pl.len()).collect().item())
    except (*broken, OSError, UnicodeError) as error:
        raise TableError(f"{name} cannot be read as Parquet: {error}") from None

    def records() -> Iterator[Sequence[Cell]]:
        for start in range(0, total, 64 * CHUNK):
            try:
                part = whole.slice(start, 64 * CHUNK).collect()
            except (*broken, OSError) as error:
                raise TableError(f"{name}, after row {start:,}: it is damaged: {error}") from None
            kept = [c if c.dtype.is_numeric() else c.cast(pl.String, strict=False) for c in part]
            for row in pl.DataFrame(kept).iter_rows():
                yield [None if cell == "" else cell for cell in row]

    return Rows(names, records(), notes, file.close)


def free_name(name: str, names: Sequence[str]) -> str:
    """A name for a new column that no column has yet."""
    while name in names:
        name = f"predicted {name}"
    return name


@contextmanager
def open_table(
    path: str | os.PathLike[str] | None, names: Sequence[str]
) -> Iterator[Callable[[Mapping[str, object]], None]]:
    """Gives the function that writes one row of a CSV to a file, or to standard output (None).

    The file stands in its place once all is written, or not at all. OutputError if it cannot.
    """
    if path is None or path == "-":
        yield _writer(sys.stdout, names)
        sys.stdout.flush()
        return
    with in_place(path) as file:
        text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")  # half characters
        yield _writer(text, names)
        text.detach()


def _writer(file: IO[str], names: Sequence[str]) -> Callable[[Mapping[str, object]], None]:
    writer = csv.writer(file, lineterminator="\n")
    terminal = file.isatty()  # which would obey what a cell says

    def write(cells: Sequence[object]) -> None:
        texts = (harmless(cell) if isinstance(cell, str) else cell for cell in cells)
        writer.writerow(list(texts) if terminal else cells)

    write(names)
    return lambda row: write([row.get(name) for name in names])  # None: empty
