"""Programs that take series of numbers: `./gestures.pyz rows.csv`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from learnt.errors import ProgramError, TableError, UsageError
from learnt.runner.archive import Archive
from learnt.runner.program import BATCH, Feeds, Program
from learnt.runner.rows import open_table
from learnt.runner.series_rows import Row, Series, fitted, series_rows

MAX_LENGTH = 65_536
MAX_CHANNELS = 1024


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

    def read(self, source: Any) -> Series:
        """A series as the graph takes it: (channels, length); TableError if it is none."""
        if isinstance(source, Row):
            return fitted(source, self.channels, self.length)
        if isinstance(source, np.ndarray | list | tuple):
            return fitted(_from_numbers(source), self.channels, self.length)
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

    def feeds(self, items: Sequence[Series]) -> Iterator[Feeds]:
        for at in range(0, len(items), BATCH):
            yield {"series": np.stack(items[at : at + BATCH])}

    def stored(self, item: Series) -> tuple[str, bytes]:
        """As a table of one row, with nine digits: enough for every float32."""
        names = (f"c{c}_{t}" for c in range(self.channels) for t in range(self.length))
        values = (f"{value:.9g}" for value in item.ravel())
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
        with open_table(arguments.out, ["input", "label", "probability"]) as write:
            return self._write_answers(self._named(inputs), write)

    def _write_answers(
        self, rows: Iterator[tuple[str, Row]], write: Callable[[Mapping[str, object]], None]
    ) -> int:
        """One line a series, in batches; one that cannot be used has no label, and exit code 2."""
        code = 0
        while some := list(islice(rows, BATCH)):
            usable: dict[str, Series] = {}
            for name, row in some:
                try:
                    usable[name] = self.read(row)
                except TableError as error:
                    code = error.exit_code
                    print(f"error: {error}", file=sys.stderr)
            found = dict(zip(usable, self.batch(usable.values()), strict=True))
            for name, _ in some:
                answer = found.get(name)
                label = answer.label if answer else None
                share = round(answer.probability, 6) if answer else None
                write({"input": name, "label": label, "probability": share})
        return code

    def _named(self, inputs: Sequence[str]) -> Iterator[tuple[str, Row]]:
        for name in inputs:
            for row in self.rows(name):
                yield row.where, row


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
