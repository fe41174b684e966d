"""Programs that take series of numbers: `./gestures.pyz rows.csv`."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from learnt.errors import ProgramError, TableError, UsageError
from learnt.runner.archive import Archive
from learnt.runner.lines import table_name
from learnt.runner.program import BATCH, Array, Feeds, Program
from learnt.runner.rows import free_name, open_table
from learnt.runner.series_rows import Row, Series, fitted, series_rows
from learnt.runner.text import harmless

MAX_LENGTH = 65_536
MAX_CHANNELS = 1024


@dataclass(frozen=True)
class Reading:
    """A series as the graph takes it, (channels, length), and what was done to it."""

    series: Series
    note: str = ""


def reading(row: Row, channels: int, length: int) -> Reading:
    """A row as a program reads it, with a note of what was stretched or filled."""
    series = fitted(row, channels, length)
    sizes = sorted({len(values) for values in row.channels})
    missing = sum(int(np.isnan(values).sum()) for values in row.channels)
    notes = [] if sizes == [length] else [
        f"{' and '.join(map(str, sizes))} values, brought to {length} by straight lines"
    ]  # fmt: skip
    if missing:
        notes.append(f"{missing:,} missing values were filled by straight lines")
    return Reading(series, "; ".join(notes))


class SeriesProgram(Program):
    """A series is a list or array of numbers (n,), or (channels, n); or a file of one row.

    Any length is stretched to the one that was learnt; missing values (NaN) lie on a straight
    line between their neighbours. `rows(path)` reads a file of many.
    """

    about = "Reads series of numbers. This program was learnt from examples, not written."
    example = "rows.csv"

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.channels, self.length = _checked(self.spec)

    def read(self, source: Any) -> Reading:
        """A series as the graph takes it; TableError if it is none."""
        if isinstance(source, Row):
            return reading(source, self.channels, self.length)
        if isinstance(source, np.ndarray | list | tuple):
            return self.read(_from_numbers(source))
        found = list(islice(self.rows(source), 2))
        if len(found) != 1:
            raise TableError(f"one series is needed, a row of numbers; got {len(found) or 'none'}")
        return self.read(found[0])

    def rows(self, source: Any) -> Iterator[Row]:
        """The series of a file, one after the other; a label at the beginning is passed over."""
        rows = iter(series_rows(source))
        first = list(islice(rows, BATCH))
        extra = bool(first) and self.channels == 1 and all(map(self._has_label, first))
        for row in chain(first, rows):
            if len(row.channels) == 1 and extra:
                yield Row([row.channels[0][1:]], row.cells, row.where)
            else:
                yield row

    def _has_label(self, row: Row) -> bool:
        """Is it one number too long, and the first of them one of the labels?"""
        values = row.channels[0]
        return len(values) == self.length + 1 and f"{values[0]:g}" in self.labels

    def feeds(self, items: Sequence[Reading]) -> Iterator[Feeds]:
        for at in range(0, len(items), BATCH):
            yield {"series": np.stack([item.series for item in items[at : at + BATCH]])}

    def finished(self, item: Reading, row: Array) -> Any:
        """The result, with a note where the series was stretched or had gaps."""
        result = self.result(row)
        return replace(result, note=item.note) if item.note else result

    def stored(self, item: Reading) -> tuple[str, bytes]:
        """As a table of one row, with nine digits: enough for every float32."""
        names = (f"c{c}_{t}" for c in range(self.channels) for t in range(self.length))
        values = (f"{value:.9g}" for value in item.series.ravel())
        return "csv", f"{','.join(names)}\n{','.join(values)}\n".encode()

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "inputs", nargs="*", metavar="FILE",
            help="a table, .tsv or .ts, a series a row; or the numbers of one series; "
            "- is standard input",
        )  # fmt: skip
        parser.add_argument("-o", "--out", metavar="CSV", help="write the answers as a table")

    def answer(self, arguments: argparse.Namespace) -> int:
        """Print (or write, with -o) one line a row; returns the exit code."""
        inputs: list[str] = arguments.inputs
        if len(inputs) > 1 and all(map(_is_number, inputs)):
            values = [float(text) for text in inputs]
            return self.answer_each([("the series", values)], arguments)
        if arguments.out is None:
            return self.answer_each(self._named(inputs), arguments)
        if arguments.json:
            raise UsageError("give --json or -o, not both")
        found = self._named(inputs)
        first = list(islice(found, 1))  # its other columns are written, too
        own = [name for _, row in first for name in row.cells]
        new = [free_name(name, own) for name in ("input", "label", "probability")]
        with open_table(arguments.out, [new[0], *own, *new[1:]]) as write:
            return self._write_answers(chain(first, found), write, new)

    def _write_answers(
        self,
        rows: Iterator[tuple[str, Row]],
        write: Callable[[Mapping[str, object]], None],
        new: Sequence[str],
    ) -> int:
        """One line a series, in batches; one that cannot be used has no label, and exit code 2."""
        code, odd = 0, Counter[str]()
        while some := list(islice(rows, BATCH)):
            usable: dict[str, Reading] = {}
            for name, row in some:
                try:
                    usable[name] = self.read(row)
                    odd.update(filter(None, [usable[name].note]))
                except TableError as error:
                    code = error.exit_code
                    print(f"error: {harmless(str(error))}", file=sys.stderr)
            outputs = self.outputs(list(usable.values()))
            found = dict(zip(usable, map(self.result, outputs), strict=True))
            for name, row in some:
                answer = found.get(name)
                label = answer.label if answer else None
                share = round(answer.probability, 6) if answer else None
                write({**row.cells, **dict(zip(new, (name, label, share), strict=True))})
        for note, count in odd.items():
            print(f"note: {count:,} series: {note}", file=sys.stderr)
        return code

    def _named(self, inputs: Sequence[str]) -> Iterator[tuple[str, Row]]:
        for name in inputs:
            row = None
            for row in self.rows(name):
                yield row.where, row
            if row is None:
                raise TableError(f"{table_name(name)} holds no series: give a row of numbers each")


def _from_numbers(source: Any) -> Row:
    try:
        values = np.asarray(source, np.float64)
    except (TypeError, ValueError):
        raise TableError("a series must be numbers, (n,) or (channels, n)") from None
    if values.ndim not in (1, 2) or not values.size:
        raise TableError(f"a series must be numbers, (n,) or (channels, n); got {values.shape}")
    return Row(list(np.atleast_2d(values)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _checked(spec: dict[str, object]) -> tuple[int, int]:
    channels, length = spec.get("channels"), spec.get("length")
    if (
        type(channels) is not int
        or type(length) is not int
        or not 1 <= channels <= MAX_CHANNELS
        or not 2 <= length <= MAX_LENGTH
    ):
        raise ProgramError("its input must be series of some channels and a length")
    return channels, length
