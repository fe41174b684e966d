"""Programs that take rows of a table: `./adult.pyz row.csv`, `./adult.pyz age=39 race=White`.

A row is a dict of cells by column. A column that a row lacks is missing, which the answer says;
a table's further columns (an id, the label itself) are passed over, and stand in what `-o` writes.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from learnt.errors import DataError, ProgramError, TableError, UsageError
from learnt.runner.archive import Archive
from learnt.runner.columns import Cell, Columns, Read
from learnt.runner.program import Feeds, Program
from learnt.runner.results import Answer
from learnt.runner.rows import open_rows, open_table
from learnt.runner.text import harmless, shown

TOGETHER = 1024  # rows
NAMED = 20  # columns that a message names


@dataclass(frozen=True)
class Row:
    """One row, read: what the graph takes, the cells, and what was odd, by column."""

    read: Read
    cells: Mapping[str, Cell]
    odd: dict[str, str]


def row_of(columns: Columns, cells: Mapping[str, Cell]) -> Row:
    """A row from its cells."""
    read, odd = columns.read(cells)
    return Row(read, cells, odd)


class TableProgram(Program):
    """A row is a dict; a path of a table, a list of dicts and a Polars or pandas frame are many.

    >>> program = learnt.load("adult.pyz")
    >>> program({"age": 39, "workclass": "Private"}).label
    '<=50K'
    >>> len(program("adult.csv"))
    3000
    """

    about = "Answers for rows of a table. This program was learnt from examples, not written."
    example = "row.csv"

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.columns = Columns(self.spec.get("columns"))
        self.label = self.spec.get("label")
        if not isinstance(self.label, str):
            raise ProgramError("its input must say the label's column")

    def __call__(self, source: Any) -> Any:
        """The result for one row; for a table, a frame or a list of rows a list of results."""
        if isinstance(source, Mapping):
            return super().__call__(source)
        if isinstance(source, str | os.PathLike):
            with open_rows(source) as rows:
                self.check_names(rows.names, shown(source))
                return list(self.batch(row for chunk in rows.chunks() for row in chunk))
        return list(self.batch(_rows_of(source)))

    def batch(self, sources: Iterable[Any]) -> Iterator[Any]:
        """The results for many rows, in order, as they come; memory stays flat."""
        waiting = iter(sources)
        while rows := [self.read(source) for source in islice(waiting, TOGETHER)]:
            yield from map(self.finished, rows, self.outputs(rows))

    def read(self, source: Any) -> Row:
        """One row: a dict, or JSON of one as bytes."""
        if isinstance(source, bytes):
            try:
                source = json.loads(source)
            except (ValueError, RecursionError):
                raise DataError("a row as bytes must be a JSON object") from None
        if not isinstance(source, Mapping):
            raise DataError(f"a row must be a dict of cells; got {type(source).__name__}")
        cells = {name: _plain(source[name]) for name in self.columns.names if name in source}
        if not cells:
            self.check_names([str(name) for name in source], "the row")
        return row_of(self.columns, cells)

    def read_all(self, rows: Sequence[Mapping[str, Cell]]) -> list[Row]:
        """Rows of one table, whose cells are numbers, text or None already."""
        used = [name for name in self.columns.names if name in rows[0]]
        return [row_of(self.columns, {name: row[name] for name in used}) for row in rows]

    def feeds(self, items: Sequence[Row]) -> Iterator[Feeds]:
        """Rows as arrays, some at a time."""
        for at in range(0, len(items), TOGETHER):
            some = [item.read for item in items[at : at + TOGETHER]]
            numbers, categories = self.columns.arrays(some)
            found = {"numbers": numbers, "categories": categories}
            yield {name: array for name, array in found.items() if array.shape[1]}

    def stored(self, item: Row) -> tuple[str, bytes]:
        """As JSON, which `read` takes; what is not finite is missing to it, and no JSON."""
        cells = {
            name: None if isinstance(cell, float) and not math.isfinite(cell) else cell
            for name, cell in item.cells.items()
        }
        return "json", json.dumps(cells, ensure_ascii=False).encode()

    def finished(self, item: Row, row: Any) -> Any:
        """The result, with a note of what was missing, or was never seen."""
        result = self.result(row)
        notes = [
            f"{shown(name)}: {shown(item.cells[name])!r} is {_words(odd).removeprefix('of ')}"
            for name, odd in item.odd.items()
        ]
        lacking = [name for name in self.columns.names if name not in item.cells]
        if lacking:
            notes.append(f"taken as missing: {_few(lacking)}")
        return replace(result, note="; ".join(notes)) if notes else result

    def check_names(self, names: Sequence[str], what: str) -> None:
        """A table must have one of the columns, at least."""
        if not set(names) & set(self.columns.names):
            raise TableError(
                f"{what} must have some of the columns {_few(self.columns.names)}; "
                f"it has {_few(names)}"
            )

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "inputs", nargs="*", metavar="TABLE | COLUMN=VALUE",
            help="a CSV, JSON lines or Parquet file, - is standard input; or the cells of one row",
        )  # fmt: skip
        parser.add_argument(
            "-o", metavar="OUT", dest="out", help="write the table and its answers as CSV; - prints"
        )

    def answer(self, arguments: argparse.Namespace) -> int:
        inputs: list[str] = arguments.inputs
        if all("=" in name and not os.path.lexists(name) for name in inputs):
            return self._answer_cells(inputs, arguments)
        if arguments.out is not None:
            if len(inputs) > 1:
                raise UsageError("-o takes one table at a time")
            return self._write(inputs[0], arguments.out)
        for name in inputs:
            with open_rows(name) as rows:
                self.check_names(rows.names, shown(name))
                odd = Odd(self, rows.names)
                for number, (row, result) in enumerate(self._results(rows), 1):
                    odd.add(row)
                    self._print(name if len(inputs) > 1 else None, number, result, arguments.json)
                _say([*rows.notes, *odd.notes()])
        return 0

    def _answer_cells(self, inputs: Sequence[str], arguments: argparse.Namespace) -> int:
        """One row, from `column=value` words."""
        cells: dict[str, Cell] = {}
        for word in inputs:
            name, _, value = word.partition("=")
            if name not in self.columns.names:
                raise UsageError(
                    f"{shown(name)!r} must be one of the columns {_few(self.columns.names)}"
                )
            if name in cells:
                raise UsageError(f"{shown(name)!r} is given twice")
            cells[name] = value or None
        result: Answer = self(cells)
        if arguments.json:
            print(json.dumps({"input": cells, **result.as_dict()}))
        else:
            print(result.line())
            _say([result.note] if result.note else [])
        return 0

    def _results(self, rows: Any) -> Iterator[tuple[Row, Answer]]:
        """Each row with its answer; memory stays flat."""
        for chunk in rows.chunks(TOGETHER):
            read = self.read_all(chunk)
            yield from zip(read, map(self.result, self.outputs(read)), strict=True)

    def _write(self, source: str, out: str) -> int:
        """A table in, a table out, with the answers as further columns."""
        with open_rows(source) as rows:
            self.check_names(rows.names, shown(source))
            answer, sure = _free(rows.names, "prediction"), _free(rows.names, "probability")
            extra = [answer, sure] if self.labels else [answer]
            odd = Odd(self, rows.names)
            with open_table(out, [*rows.names, *extra]) as write:
                for chunk in rows.chunks(TOGETHER):
                    read = self.read_all(chunk)
                    for cells, row, outputs in zip(chunk, read, self.outputs(read), strict=True):
                        result = self.result(outputs)
                        odd.add(row)
                        told: dict[str, object] = {answer: getattr(result, "label", None)}
                        if self.labels:
                            told[sure] = round(result.probability, 6)
                        else:
                            told[answer] = float(f"{result.value:.7g}")
                        write({**cells, **told})
            _say([*rows.notes, *odd.notes()])
        return 0

    def _print(self, name: str | None, number: int, result: Answer, as_json: bool) -> None:
        if as_json:
            where = {"row": number} if name is None else {"input": name, "row": number}
            print(json.dumps({**where, **result.as_dict()}))
        else:
            print(f"{'' if name is None else shown(name) + ' '}row {number}: {result.line()}")


class Odd:
    """What was odd in many rows, counted: said once at the end, and not for every row."""

    def __init__(self, program: TableProgram, names: Sequence[str]) -> None:
        self.lacking = [name for name in program.columns.names if name not in names]
        self.counts: dict[tuple[str, str], int] = {}
        self.examples: dict[tuple[str, str], Cell] = {}

    def add(self, row: Row) -> None:
        """Count what was odd in one more row."""
        for key in row.odd.items():
            self.counts[key] = self.counts.get(key, 0) + 1
            self.examples.setdefault(key, row.cells[key[0]])

    def notes(self) -> list[str]:
        """In words, one line a column."""
        lines = []
        if self.lacking:
            lines.append(f"columns that are not there, taken as missing: {_few(self.lacking)}")
        for (name, odd), count in list(self.counts.items())[:NAMED]:
            cells = "1 cell is" if count == 1 else f"{count:,} cells are"
            example = shown(self.examples[name, odd])
            lines.append(f"{shown(name)}: {cells} {_words(odd)}, such as {example!r}")
        return lines


def _words(odd: str) -> str:
    return "of a value that training never saw" if odd == "unseen" else f"{odd}: taken as missing"


def _say(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {harmless(note)}", file=sys.stderr)


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names[:NAMED])) + (", …" if len(names) > NAMED else "")


def _free(names: Sequence[str], wanted: str) -> str:
    """A column's name that is not taken."""
    while wanted in names:
        wanted += "_"
    return wanted


def _plain(value: Any) -> Cell:
    """A cell from Python as a number, a text or None: NumPy's and pandas' own kinds, dates."""
    if value is None or isinstance(value, str | int | float | bool):
        return None if value == "" else value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return _plain(value.item())
    return str(value)


def _rows_of(source: Any) -> Iterable[Any]:
    """The rows of a Polars or pandas frame, or of a list."""
    if hasattr(source, "iter_rows"):
        rows: Iterable[Any] = source.iter_rows(named=True)
        return rows
    if hasattr(source, "to_dict"):
        found: list[Any] = source.to_dict("records")
        return found
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        return source
    raise DataError(f"give a row as a dict, many as a list or a frame; got {type(source).__name__}")
