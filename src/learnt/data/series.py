"""`Series`: rows of numbers, each with a label → examples on three sides.

A table (numbered columns and a label), UCR's files, the archive's `.ts`, or a folder of a TRAIN
and a TEST file. Rows that cannot be used are named and left out, up to a tenth.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.files import SIDE_NAMES
from learnt.data.honesty import MOMENTS, alike_said, alike_vectors
from learnt.data.look import Look
from learnt.data.sides import Facts, Labelled, groups_of, settle
from learnt.errors import DataError, TableError
from learnt.runner.series_rows import (
    LABELS,
    Row,
    channels_of,
    fitted,
    is_bare,
    numbers,
    series_rows,
    table_row,
)
from learnt.runner.series_rows import SIDES as SIDE_COLUMNS
from learnt.runner.text import shown

LONGEST = 512  # moments; longer series are shortened
SHORTEST = 8  # moments of a series in a table, so that it is taken for one
MAX_NUMBERS = 2**28  # of all series together, once they are equally long
ENDINGS = (".ts", ".tsv", ".csv", ".txt", ".parquet", ".pq", ".jsonl", ".gz")
SIDED = re.compile(r"(?:(.*)[_\-. ])?(" + "|".join(SIDE_NAMES) + r")", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A row with its label, and where the source itself puts it."""

    row: Row
    label: str
    side: str | None
    group: str | None


class Series(Labelled):
    """Series of numbers with a label each, split into train, valid and test.

    `source` is a table with numbered columns (`t0`, `t1`, …; `x0`, … and `y0`, … are two
    channels) and a column `label` (another by `label=`), perhaps `split` and `group`; a file of
    numbers only, the label first, as UCR's; a `.ts` file; a folder of a TRAIN and a TEST file; or
    a frame in memory. All series are stretched to one length, that of the longest to train on,
    up to 512; missing values lie on a straight line between their neighbours.

    What is missing of the sides is split off, 70/15/15, by `seed`. Equal rows are never on two
    sides. Raises DataError for what cannot be used; `notes` says what was done.
    """

    kind = "series"
    noun = "series"
    takes = ("label", "group")

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        if look.path is not None and _side_files(look.path):
            return "it holds files of series to train and to test on"
        if look.path is not None and _begins_bare(look.path):
            return "its rows are numbers only"
        layout = channels_of(look.names) if look.names else {}
        first = next(iter(layout), "")
        numbered = first != "value" or len(layout) > 1
        label = look.column(*LABELS, given="label")
        moments = min(map(len, layout.values()), default=0)
        if label and numbered and moments >= SHORTEST and _are_alike(look, layout[first]):
            return f"its columns {first}… are numbered and neighbours are alike: moments of series"
        return None

    def __init__(
        self, source: Any, *, label: str | None = None, group: str | None = None, seed: int = 0
    ) -> None:
        super().__init__(source, seed=seed, label=label, group=group)
        read = _from_memory if self.in_memory else files_of
        found = list(read(source, label, group))
        if not found:
            raise DataError(f"{shown(self.source)} must hold series, a row each; it has none")
        self.channels = Counter(len(one.row.channels) for one in found).most_common(1)[0][0]
        self.length = self._length(found)
        self._note_oddities(found)
        self.bad: list[str] = []
        series, facts = self._fitted(found)
        self.own_sides = frozenset(fact.side for fact in facts if fact.side)
        kept, self.split = settle(facts, seed, self.noun, self.note)
        self.facts = [facts[i] for i in kept]
        self.groups = groups_of(self.facts)
        self.series = np.stack([series[i] for i in kept])  # (N, channels, length)
        self.classes = sorted({fact.label for fact in self.facts})
        self._note_alike()

    def __len__(self) -> int:
        return len(self.series)

    def __repr__(self) -> str:
        return f"Series({len(self)} series, {len(self.classes)} classes: {self.sizes()})"

    def _length(self, found: Sequence[Found]) -> int:
        train = [one for one in found if one.side in (None, "train")] or found
        length = max(len(values) for one in train for values in one.row.channels)
        if length < 2:
            raise DataError("a series must have at least 2 values")
        return min(length, LONGEST, max(2, MAX_NUMBERS // (len(found) * self.channels)))

    def _note_oddities(self, found: Sequence[Found]) -> None:
        """What was done to series that are not as they are learnt from, in words."""
        lengths = {len(values) for one in found for values in one.row.channels}
        if lengths != {self.length}:
            self.note(
                f"the series have {min(lengths)} to {max(lengths)} values; all were stretched or "
                f"shortened to {self.length}, by straight lines"
            )
        gaps = sum(any(np.isnan(v).any() for v in one.row.channels) for one in found)
        if gaps:
            self.note(
                f"{gaps} of {len(found)} series have missing values, filled by straight lines"
            )
        flat = sum(all(_is_flat(v) for v in one.row.channels) for one in found)
        if flat:
            self.note(f"{flat} of {len(found)} series are constant")

    def _note_alike(self) -> None:
        """Are held-out series almost in train as well? Equal ones are on one side already."""
        train, test = self.split.train, self.split.test
        pairs, looked = alike_vectors(self.series, train, test, MOMENTS, centred=True)
        for text in alike_said(len(pairs), looked, "series"):
            self.note(text)

    def _fitted(self, found: Sequence[Found]) -> tuple[list[npt.NDArray[np.float32]], list[Facts]]:
        series, facts = [], []
        for one in found:
            try:
                if not one.label:
                    raise TableError(f"{one.row.where}: the label is empty")
                fit = fitted(one.row, self.channels, self.length)
            except TableError as error:
                self.bad.append(self.short(str(error)))
                continue
            series.append(fit)
            digest = hashlib.sha256(fit.tobytes()).hexdigest()
            facts.append(Facts(one.label, digest, one.side, one.group))
        self.note_bad(self.bad, len(found), "rows")
        return series, facts


def read_labelled(
    source: Path, label: str | None = None, group: str | None = None
) -> Iterator[Found]:
    """The rows of one file, each with its label, '' where it is missing."""
    given = (label,) if label else LABELS
    for row in series_rows(source, label_first=_begins_bare(source)):
        yield _labelled(row, given, group)


def files_of(source: Path, label: str | None = None, group: str | None = None) -> Iterator[Found]:
    """The labelled rows of a source on disk, side by side."""
    path = Path(source)
    if not path.exists():
        raise DataError(f"{shown(path)} does not exist: give a file of series, or a folder of them")
    if not path.is_dir():
        yield from read_labelled(path, label, group)
        return
    files: dict[str | None, Path] = dict(_side_files(path).items())
    table = Look(path).table
    if not files and table is None:
        raise DataError(
            f"{shown(path)} must hold one table of series, or files such as NAME_TRAIN.ts and "
            "NAME_TEST.ts"
        )
    for side, file in files.items() if table is None or files else [(None, table)]:
        for one in read_labelled(file, label, group):
            yield Found(one.row, one.label, side or one.side, one.group)


def _from_memory(source: Any, label: str | None, group: str | None) -> Iterator[Found]:
    from learnt.data.frames import read_frame

    frame = read_frame(source)
    names = [name for name in frame.columns if name not in (label, group)]
    layout = channels_of(names)
    others = [name for name in (label, group) if name]
    for number, cells in enumerate(frame.select(names + others).iter_rows(), 1):
        row = table_row(names + others, cells, layout, f"row {number}")
        yield _labelled(row, (label,) if label else LABELS, group)


def _labelled(row: Row, usual: Sequence[str], group: str | None) -> Found:
    cells = {name.lower(): cell for name, cell in row.cells.items()}
    name = next((n.lower() for n in usual if n.lower() in cells), None)
    if name is None:
        raise TableError(
            f"{row.where}: a series must have a label, in a column {' or '.join(usual)}; the "
            f"other columns are {', '.join(map(shown, row.cells)) or 'none'}"
        )
    label = str(cells[name]).strip() if cells[name] is not None else ""
    side = next((str(cells[n] or "").strip().lower() for n in SIDE_COLUMNS if n in cells), "")
    if side and side not in SIDE_NAMES:
        raise TableError(f"{row.where}: the split must be train, valid or test; got {shown(side)}")
    of = cells.get((group or "group").lower())
    return Found(row, label, SIDE_NAMES.get(side), None if of is None else str(of))


def _side_files(folder: Path) -> dict[str, Path]:
    """The files of a folder that are a side each, if one is to train on and one to test on."""
    if not os.path.isdir(folder):
        return {}
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        match = SIDED.fullmatch(file.name.split(".")[0])
        if match and file.is_file() and file.suffix.lower() in ENDINGS:
            found.setdefault(SIDE_NAMES[match[2].lower()], file)
    return found if "train" in found and len(found) > 1 else {}


def _begins_bare(file: Path) -> bool:
    """Does a file begin with a line of numbers, and no names?"""
    try:
        with open(file, "rb") as opened:
            return is_bare(opened.read(4096))
    except (OSError, ValueError):
        return False


def _are_alike(look: Look, columns: Sequence[int]) -> bool:
    """Is a value closer to its neighbours in the row than to others? In a table of facts it is
    not.

    The mean squared step is below the half of what it is between any two (von Neumann's ratio).
    """
    names = [look.names[column] for column in columns]
    rows = []
    for row in look.rows:
        with suppress(TableError):
            values = numbers([row.get(name) for name in names], "")
            if np.isfinite(values).any() and not np.isinf(values).any():
                rows.append(values)
    if not rows or len(rows) < 0.9 * len(look.rows):
        return False
    values = np.array([_filled(row) for row in rows])
    steps, spread = np.square(np.diff(values, axis=1)).mean(), 2 * values.var(axis=1).mean()
    return bool(steps < spread / 2)


def _filled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    there = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), there, values[there])


def _is_flat(values: npt.NDArray[np.float64]) -> bool:
    there = values[~np.isnan(values)]
    return bool(len(there)) and bool((there == there[0]).all())
