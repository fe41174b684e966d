"""A first look at a source, cheap: what kinds of files it holds, how a table begins.

Every kind of data says by `recognise(look)` whether this is its kind, and why; `guess.py` asks
them in turn.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from learnt.errors import DataError
from learnt.runner.text import shown

PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
SOUNDS = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"}
TEXTS = {".txt", ".md"}
MOST = 2000  # files that are looked at
ROWS = 200  # of a table


@dataclass(frozen=True)
class Look:
    """What a source looks like: a folder of files, a table's first rows, or neither.

    `columns` are the options that were given: they may say more than the source does.
    """

    source: Any  # a path, or a frame in memory
    columns: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def path(self) -> Path | None:
        """Where it is, if it is on disk."""
        return Path(self.source) if isinstance(self.source, str | os.PathLike) else None

    @cached_property
    def is_folder(self) -> bool:
        """Is it a folder?"""
        return self.path is not None and os.path.isdir(self.path)

    @cached_property
    def folders(self) -> list[str]:
        """The names of a folder's own folders."""
        if self.path is None or not self.is_folder:
            return []
        try:
            names = sorted(name for name in os.listdir(self.path) if not name.startswith("."))
        except OSError as error:
            raise DataError(
                f"the folder {shown(self.path)} cannot be read: {error.strerror}"
            ) from None
        return [name for name in names if os.path.isdir(self.path / name)]

    @cached_property
    def endings(self) -> Counter[str]:
        """How many files of each ending a folder holds, at any depth; lower case."""
        return Counter(os.path.splitext(name)[1].lower() for name in self._files())

    def mostly(self, endings: set[str]) -> bool:
        """Do more than half of the folder's files have one of these endings?"""
        total = self.endings.total()
        return total > 0 and sum(self.endings[e] for e in endings) * 2 > total

    @cached_property
    def names(self) -> list[str]:
        """The columns of a table; empty where the source is none."""
        return list(self._table[0])

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The first rows of a table, as texts."""
        return [dict(zip(self._table[0], row, strict=False)) for row in self._table[1]]

    def column(self, *usual: str, given: str = "") -> str | None:
        """The column that was given by the option `given`, or the first with a usual name."""
        wanted = self.columns.get(given)
        if wanted:
            return str(wanted)
        plain = {name.strip().lower(): name for name in reversed(self.names)}
        return next((plain[name] for name in usual if name in plain), None)

    def values(self, name: str) -> list[str]:
        """A column's first values that are not empty."""
        return [row[name] for row in self.rows if row.get(name)]

    def _files(self) -> Iterator[str]:
        if self.path is None or not self.is_folder:
            return iter(())
        walk = os.walk(self.path)
        names = (n for _, _, files in walk for n in files if not n.startswith("."))
        return islice(names, MOST)

    @cached_property
    def table(self) -> Path | None:
        """The table on disk: the source itself, or the one in its folder."""
        from learnt.data.frames import is_table, table_in

        if self.path is None:
            return None
        if self.is_folder:
            return table_in(self.path)
        return self.path if is_table(self.path) else None

    @cached_property
    def _table(self) -> tuple[list[str], list[list[str]]]:
        from learnt.data.frames import in_memory, read_frame
        from learnt.runner.rows import open_rows

        if in_memory(self.source):
            frame = read_frame(self.source).head(ROWS)
            cells = frame.rows()
            return frame.columns, [["" if c is None else str(c) for c in row] for row in cells]
        if self.table is None:
            return [], []
        with open_rows(self.table) as rows:
            first = [["" if c is None else str(c) for c in row] for row in islice(rows, ROWS)]
            return list(rows.names), first


def nearly_all(answers: Iterable[bool]) -> bool:
    """Are nine in ten of the answers yes? One bad row makes a source no other kind of data."""
    counts = Counter(answers)
    return counts[True] >= 9 * counts[False] and counts[True] > 0
