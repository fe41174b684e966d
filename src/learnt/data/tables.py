"""`Table`: a CSV, Parquet file or frame → rows on three sides, with what each column is.

The label's column decides the job: numbers with many values are predicted as numbers, all else
are classes. What is inferred of the other columns is inferred from the training rows only.
"""

import hashlib
import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from learnt.data.columns import as_cells, describe, has_decimal_comma, read_column
from learnt.data.files import SIDE_NAMES
from learnt.data.frames import in_memory, read_frame, table_in
from learnt.data.honesty import alike_rows, alike_said, contradictions
from learnt.data.leaks import leaks
from learnt.data.look import Look
from learnt.data.source import Source
from learnt.data.split import FRACTIONS, SIDES, Split, own_split, stratified
from learnt.errors import DataError, UsageError
from learnt.runner.columns import Cell, Columns, Number, cell_text
from learnt.runner.text import counted, shown

if TYPE_CHECKING:
    import polars as pl

Indices = npt.NDArray[np.int64]
USUAL = ("label", "target", "class", "y", "outcome", "response", "income", "survived", "species",
         "churn", "price", "medhouseval")  # fmt: skip
MANY = 20  # different whole numbers, from which a label is a number and not a class
MOST_CLASSES = 1000
FEWEST = 3  # different rows of a class: one a side
BAD = 0.10  # the share of rows that may be left out
ALIKE = 0.5  # the share of rows whose cells all occur before, from which that is natural
STRATA = 10  # parts of a number's range that all sides have rows of


class Table(Source):
    """Rows with a label each: a CSV, JSON lines, Parquet, a Polars or pandas frame, a dict.

    `label` is the column to predict (else one with a usual name); `group` a column whose equal
    cells keep rows on one side; `predict` says "classes" or "number" where the label could be
    either. A column `split` (train, valid, test) is the source's own division. Raises DataError
    for what cannot be used; `notes` says what was inferred and done.

    >>> data = learnt.Table("adult.csv", label="income")
    >>> data
    Table(3,000 rows, 14 columns → income, 2 classes: 2099 train, 450 valid, 451 test)
    """

    kind = "table"
    takes = ("label", "group", "predict")
    noun = "rows"

    def __init__(
        self,
        source: Any,
        *,
        label: str | None = None,
        group: str | None = None,
        predict: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(source, seed=seed, label=label, group=group, predict=predict)
        if predict not in (None, "classes", "number"):
            raise UsageError(f"predict must be classes or number; got {predict!r}")
        frame = read_frame(_place(source), self.notes)
        self.label = _label_column(frame.columns, label)
        others = [name for name in frame.columns if name != self.label]
        group = _named(others, group, "group")
        side = next((name for name in others if name.lower() == "split"), None)
        if not others or others == [side]:
            raise DataError(f"a table must have columns besides its label {shown(self.label)!r}")
        self._take_labels(frame, predict)
        self.frame = frame[self._kept].drop(self.label)
        self._leave_out_rare_classes(others, side)
        self.split = self._sides(side, group)
        self._describe({name for name in (side, group) if name})

    task: str
    classes: list[str]
    comma: bool  # the decimal mark of the label, if that is a number: 12,5
    targets: npt.NDArray[Any]  # (N): numbers of classes, int64; or the numbers themselves
    specs: list[dict[str, Any]]  # of the columns, as the manifest has them
    columns: Columns
    numbers: npt.NDArray[np.float64]  # (N, numbers), NaN where missing
    categories: Indices  # (N, categories)
    left_out: dict[str, str]  # columns, and why

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        if not look.names:
            return None
        label = look.column(*USUAL, given="label")
        if label is None:
            return f"it is a table of {len(look.names)} columns"
        return f"it is a table, with the column {shown(label)} to predict"

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes" if self.classes else "a number"
        return (
            f"Table({len(self):,} rows, {len(self.specs)} columns → {self.label}, {what}: "
            f"{self.sizes()})"
        )

    def row(self, number: int) -> dict[str, Cell]:
        """One row's cells, as a program would get them, of the columns that are used."""
        row = self.frame[[number]].select(self.columns.names)
        return {column.name: as_cells(column)[0] for column in row}

    def fingerprint(self) -> str:
        """The sha256 of what is on which side: the same examples give the same text."""
        keys = _keys(self.frame, self.frame.columns)
        lines = sorted(f"{s} {keys[i]} {self.targets[i]}" for s in SIDES for i in self.split[s])
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def _take_labels(self, frame: "pl.DataFrame", predict: str | None) -> None:
        """`targets`, `classes` and `task` from the label's column; rows without one go."""
        cells = as_cells(frame[self.label])
        texts = [label_text(cell) for cell in cells.to_list()]
        self.comma = has_decimal_comma([text for text in dict.fromkeys(texts) if text is not None])
        number = Number({"name": self.label, "comma": self.comma})
        values, _, odd = read_column(number, frame[self.label])
        there = np.array([text is not None for text in texts])
        if not there.any():
            raise DataError(f"the label {shown(self.label)!r} is empty in every row")
        if odd.get("infinite", 0) == there.sum():
            raise DataError(f"the label {shown(self.label)!r} is infinite in every row")
        is_number, why = _is_number(values[there, 0], predict)
        kept = np.isfinite(values[:, 0]) if is_number else there
        if kept.mean() < 1 - BAD:
            raise DataError(
                f"at most a tenth of the rows may have no label; {(~kept).sum():,} of "
                f"{len(kept):,} have none in the column {shown(self.label)!r}"
            )
        if not kept.all():
            self.note(
                f"left out {counted((~kept).sum(), 'row')} without a label in {shown(self.label)}"
            )
        self._kept = np.flatnonzero(kept)
        named = [text for text, good in zip(texts, kept, strict=True) if good and text is not None]
        self.task = "table-regression" if is_number else "table-classification"
        self.classes = [] if is_number else sorted(set(named), key=_class_order)
        self.targets = values[self._kept, 0] if is_number else _numbered(named, self.classes)
        if why:
            self.note(f"{shown(self.label)} is predicted as {why}")
        self._check_labels()

    def _check_labels(self) -> None:
        different = len(np.unique(self.targets))
        if different < 2:
            only = self.classes[0] if self.classes else f"{self.targets[0]:g}"
            raise DataError(
                f"the label {shown(self.label)!r} must have at least two different values; it is "
                f"{shown(only)!r} in every row"
            )
        if len(self.classes) > MOST_CLASSES:
            raise DataError(
                f"the label {shown(self.label)!r} has {different:,} different texts: at most "
                f"{MOST_CLASSES:,} classes can be told apart. Is it the right column? --label "
                "names another"
            )

    def _leave_out_rare_classes(self, others: list[str], side: str | None) -> None:
        """Classes with too few rows to be on every side, if they are a small part."""
        if not self.classes or side:
            return
        keys = _keys(self.frame, others)
        distinct = Counter(label for label, _ in set(zip(self.targets.tolist(), keys, strict=True)))
        rare = [number for number in distinct if distinct[number] < FEWEST]
        gone = np.isin(self.targets, rare)
        if not rare or gone.mean() > BAD or len(self.classes) - len(rare) < 2:
            return
        names = ", ".join(shown(self.classes[n]) for n in rare[:5])
        self.note(
            f"left out {counted(gone.sum(), 'row')} of classes that have fewer than {FEWEST} "
            f"different rows: {names}"
        )
        kept = np.flatnonzero(~gone)
        labels = [self.classes[n] for n in self.targets[kept]]
        self.classes = [name for i, name in enumerate(self.classes) if i not in rare]
        self.targets, self.frame = _numbered(labels, self.classes), self.frame[kept]

    def _sides(self, side: str | None, group: str | None) -> Split:
        """The rows' sides: the table's own, or shared out; equal rows and groups on one side."""
        others = [name for name in self.frame.columns if name not in (side, group)]
        telling = [name for name in others if describe(self.frame[name]).spec is not None]
        keys = _keys(self.frame, telling or others)  # a row's number makes it no other row
        alike = len(set(keys)) < (1 - ALIKE) * len(keys)
        if alike:
            self.note(
                f"{len(keys) - len(set(keys)):,} rows have the same cells as another: with so many "
                "they count as examples of their own, and may be on two sides"
            )
            keys = [f"{i:09d} {key}" for i, key in enumerate(keys)]
        groups = _keys(self.frame, [group]) if group else keys
        self.groups = groups if group else ()

        def deal(numbers: Indices, fractions: tuple[float, ...]) -> list[Indices]:
            return self._shared_out(numbers, groups, fractions)

        if side is None:
            return Split(*deal(np.arange(len(self)), FRACTIONS))
        given = self._own_sides(side).tolist()
        self.own_sides = frozenset(given)
        if not {"train"} < self.own_sides:
            raise DataError("the column split must put rows in train, and in test or valid")
        split, lost = own_split(given, deal, groups)
        if lost:
            count = sum(lost.values())
            self.note(f"took {count:,} rows out of train or valid that are also on a later side")
        return split

    def _own_sides(self, side: str) -> npt.NDArray[np.str_]:
        texts = [(cell_text(cell) or "").lower() for cell in self.frame[side].to_list()]
        wrong = next((text for text in texts if text not in SIDE_NAMES), None)
        if wrong is not None:
            raise DataError(
                f"the column {shown(side)} must say train, valid or test in every row; got "
                f"{shown(wrong)!r}"
            )
        return np.array([SIDE_NAMES[text] for text in texts])

    def _shared_out(
        self, numbers: Indices, groups: list[str], fractions: tuple[float, ...]
    ) -> list[Indices]:
        strata = [str(self.classes[n] if self.classes else n) for n in self._strata()[numbers]]
        dealt = stratified(strata, [groups[i] for i in numbers], self.seed, fractions)
        return [numbers[part] for part in dealt]

    def _strata(self) -> Indices:
        """What every side has rows of: each class, or each part of a number's range."""
        if self.classes or self.options["group"] or len(self) < 20 * STRATA:
            return self.targets if self.classes else np.zeros(len(self), np.int64)
        edges = np.quantile(self.targets, np.linspace(0, 1, STRATA + 1)[1:-1])
        return np.searchsorted(np.unique(edges), self.targets)

    def _describe(self, apart: set[str]) -> None:
        """`specs` and `columns` from the training rows, and all rows as arrays."""
        train = self.frame[self.split.train]
        self.specs, self.left_out = [], {}
        for name in self.frame.columns:
            if name in apart:
                continue
            found = describe(train[name])
            for note in found.notes:
                self.note(note)
            if found.spec is None:
                self.left_out[name] = found.why
            else:
                self.specs.append(found.spec)
        for name, why in list(self.left_out.items())[:20]:
            self.note(f"left out the column {shown(name)}: {why}")
        if not self.specs:
            raise DataError(
                "no column can be learnt from: "
                + "; ".join(f"{shown(name)}: {why}" for name, why in self.left_out.items())[:1000]
            )
        self.columns = Columns(self.specs)
        parts = [read_column(column, self.frame[column.name]) for column in self.columns.all]
        self.numbers = np.concatenate([numbers for numbers, _, _ in parts], axis=1)
        self.categories = np.concatenate([places for _, places, _ in parts], axis=1)
        for name in leaks(self):
            self.note(
                f"{shown(name)} alone tells the label nearly always: if it is not known when the "
                "program is to answer, it gives the answer away; take it out"
            )
        self._note_repeats()

    def _note_repeats(self) -> None:
        """Rows that differ in nothing that is learnt from: on two sides, or with other labels."""
        keys = _keys(self.frame, self.columns.names)
        if self.options["group"]:  # else equal rows are on one side, or were spoken of
            pairs, looked = alike_rows(keys, self.split.train, self.split.test)
            for text in alike_said(len(pairs), looked, "rows"):
                self.note(text)
        if self.classes:
            for text in contradictions(keys, self.targets.tolist(), "rows"):
                self.note(text)


def _place(source: Any) -> Any:
    """The table itself, where the source is a folder that holds just one."""
    if in_memory(source) or not isinstance(source, str | os.PathLike) or not os.path.isdir(source):
        return source
    found = table_in(source)
    if found is None:
        raise DataError(f"the folder {shown(source)} must hold one table (CSV, Parquet)")
    return found


def label_text(cell: Cell) -> str | None:
    """A cell as a class: 1.0 is the class 1, as a whole number is written with others that are
    missing."""
    text = cell_text(cell)
    return re.sub(r"^(-?\d+)\.0+$", r"\1", text) if text is not None else None


def _label_column(names: list[str], label: str | None) -> str:
    """The label's column, by its name or by a usual one; UsageError lists the columns."""
    if label is not None:
        return _named(names, label, "label") or label
    plain = {name.lower(): name for name in reversed(names)}
    found = next((plain[name] for name in USUAL if name in plain), None)
    if found is None:
        raise UsageError(
            "which column is to be predicted? --label says so; the columns are "
            + ", ".join(map(shown, names[:50])) + (", …" if len(names) > 50 else "")
        )  # fmt: skip
    return found


def _named(names: list[str], wanted: str | None, option: str) -> str | None:
    if wanted is None or wanted in names:
        return wanted
    raise UsageError(
        f"--{option} {wanted!r} must be one of the columns "
        + ", ".join(map(shown, names[:50])) + (", …" if len(names) > 50 else "")
    )  # fmt: skip


def _is_number(values: npt.NDArray[np.float64], predict: str | None) -> tuple[bool, str]:
    """Is a label, read as numbers, a number to be predicted and not a class? And why, in words."""
    good = values[np.isfinite(values)]
    if predict == "number" and len(good) < (1 - BAD) * len(values):
        raise DataError("to be predicted as a number, the label must be one in nearly every row")
    if predict is not None:
        return predict == "number", ""
    if len(good) < 0.99 * len(values):
        return False, ""
    different = np.unique(good)
    whole = bool((different == np.floor(different)).all())
    if len(different) > MANY or (not whole and len(different) > 2):
        return True, f"a number, as it has {len(different):,} different ones"
    few = f"one of {len(different)} classes, as it has so few different numbers"
    return False, few + "; say --task table-regression to learn it as a number" if len(
        different
    ) > 2 else few


def _numbered(labels: list[str], classes: list[str]) -> Indices:
    places = {name: number for number, name in enumerate(classes)}
    return np.array([places[label] for label in labels], np.int64)


def _class_order(name: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts by the alphabet."""
    (value,), _, odd = Number({"name": ""}).read(name)
    return bool(odd), 0.0 if odd else value, name


def _keys(frame: "pl.DataFrame", names: list[str]) -> list[str]:
    """Each row's cells as one text: rows that are alike have the same."""
    import polars as pl

    cells = pl.DataFrame([as_cells(frame[name]).alias(str(i)) for i, name in enumerate(names)])
    joined = pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("\x00") for name in cells.columns],
        separator="\x1f",
    )
    return cells.select(joined.alias("key"))["key"].to_list()
