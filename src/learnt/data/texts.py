"""`Texts`: a table with texts and labels, or a folder of text files a class → three sides.

Equal texts (but for capitals and spaces) are never on two sides; nor are texts of one group.
"""

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data import honesty
from learnt.data.files import find_examples
from learnt.data.frames import in_memory, read_frame, table_in
from learnt.data.honesty import alike_said, alike_texts
from learnt.data.look import PICTURES, SOUNDS, TEXTS, Look
from learnt.data.source import Source
from learnt.data.split import FRACTIONS, SIDES, Indices, Split, own_split, stratified
from learnt.data.text_columns import TEXT_NAMES, Row, label_of, rows_of, text_of
from learnt.errors import DataError
from learnt.runner.plain_text import read_text
from learnt.runner.text import counted, shown
from learnt.runner.wordpieces import CHARACTERS, fit

FEWEST = 3  # different texts of a class: one a side
WORDS_A_CELL = 1.5  # on average, for a table to be taken for texts
MANY = 6  # columns, from which one of words without a usual name is a remark
BAD = 0.10  # the share of the examples that may be left out
MOST_CLASSES = 1000


class Texts(Source):
    """Texts with a label each, split into train, valid and test.

    `source` is a table (CSV, JSON lines, Parquet, a Polars or pandas frame, a dict of columns)
    with the columns `text` and `label`, else guessed; or a folder with one folder of text files a
    class, or with `train/` and `valid/` or `test/` folders of such. A column `split` (train,
    valid, test) is the source's own division; texts whose cells in `group` are equal stay on one
    side. Of long texts the first 32,768 characters are read. Raises DataError for what cannot be
    used; `notes` says what was left out.

    >>> words = ["good", "bad", "fine", "poor", "nice", "dull"]
    >>> learnt.Texts({"text": words, "label": ["yes", "no"] * 3})
    Texts(6 texts, 2 classes: 2 train, 2 valid, 2 test)
    """

    kind = "texts"
    noun = "texts"
    takes = ("text", "label", "group")

    def __init__(
        self,
        source: Any,
        *,
        text: str | None = None,
        label: str | None = None,
        group: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(source, seed=seed, text=text, label=label, group=group)
        self.column, rows = read_rows(source, text, label, group, self.notes)
        rows = self._usable(rows)
        rows = self._without_rare_classes(rows)
        rows = self._without_straddlers(rows)
        self.texts = [row.text for row in rows]
        self.labels = [row.label for row in rows]
        self.digests = [_digest(text) for text in self.texts]
        self.classes = sorted(set(self.labels), key=_class_order)
        self._note_contradictions()
        self.split = self._split([row.side for row in rows], [row.group for row in rows])
        self._check_sides()
        self._note_alike()

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        if look.folders and look.mostly(TEXTS):
            return "it holds folders of text files"
        if not look.names:
            return None
        columns = {name: look.values(name) for name in look.names}
        text = text_of(columns, look.columns.get("text"), WORDS_A_CELL)
        label = label_of(columns, text, look.columns.get("label")) if text else None
        if text is None or label is None:
            return None
        if not (look.columns.get("text") or text.lower() in TEXT_NAMES or len(columns) < MANY):
            return None  # a remark in a table of other things
        return f"its column {shown(text)} holds texts, and {shown(label)} their labels"

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"Texts({len(self)} texts, {len(self.classes)} classes: {self.sizes()})"

    @property
    def targets(self) -> Indices:
        """The class number of each text, shape (len(self),)."""
        numbers = {name: i for i, name in enumerate(self.classes)}
        return np.array([numbers[label] for label in self.labels], np.int64)

    def counts(self, side: str) -> Counter[str]:
        """How many texts of each class a side has."""
        return Counter(self.labels[i] for i in self.split[side])

    def fingerprint(self) -> str:
        """The sha256 of what is on which side: the same examples give the same text."""
        lines = sorted(
            f"{side} {hashlib.sha256(self.texts[i].encode()).hexdigest()} {self.labels[i]}"
            for side in SIDES
            for i in self.split[side]
        )
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def _usable(self, rows: list[Row]) -> list[Row]:
        """Rows with a text and a label, each bounded; the others are noted."""
        empty = sum(not row.text.strip() for row in rows)
        unlabelled = sum(not row.label for row in rows)
        if empty:
            check_bad(empty, len(rows), "are empty", self.notes)
        if unlabelled:
            check_bad(unlabelled, len(rows), "have no label", self.notes)
        long = sum(len(row.text) > CHARACTERS for row in rows)
        if long:
            self.note(f"of {long:,} long texts only the first {CHARACTERS:,} characters are read")
        return [
            Row(fit(row.text), fit(row.label), row.side, row.group)
            for row in rows
            if row.label and row.text.strip()
        ]

    def _without_rare_classes(self, rows: list[Row]) -> list[Row]:
        """The rows of classes with enough different texts; DataError where these are too few."""
        own = any(row.side for row in rows)
        distinct = Counter(label for label, _ in {(row.label, _digest(row.text)) for row in rows})
        rare = set() if own else {name for name in distinct if distinct[name] < FEWEST}
        kept = [row for row in rows if row.label not in rare]
        names = ", ".join(shown(name[:40]) for name in sorted(rare)[:5])
        few = f"fewer than {FEWEST} different texts ({names})" if rare else ""
        if len(distinct) - len(rare) < 2 or len(kept) < (1 - BAD) * len(rows):
            got = f"{len(rare)} of {len(distinct)} classes have {few}"
            if not rare:
                only = shown(next(iter(distinct))) if distinct else ""
                got = f"all have the label {only!r}" if distinct else "none is left"
            raise DataError(
                f"texts must have at least two classes, with {FEWEST} different texts or more; "
                f"{got}. Is it the right column? --label names another"
            )
        if len(distinct) - len(rare) > MOST_CLASSES:
            raise DataError(
                f"texts may have at most {MOST_CLASSES:,} classes; got {len(distinct):,}. Is it "
                "the right column? --label names another"
            )
        if rare:
            gone = counted(len(rows) - len(kept), "text")
            self.note(f"left out {gone} of classes that have {few}")
        return kept

    def _without_straddlers(self, rows: list[Row]) -> list[Row]:
        """Each text in one group, and on one side, only: the first one and the last one."""
        home: dict[str, tuple[str, str]] = {}
        order = {side: number for number, side in enumerate(("", *SIDES))}
        for row in sorted(rows, key=lambda row: -order[row.side]):
            home.setdefault(_digest(row.text), (row.side, row.group))
        kept = [row for row in rows if home[_digest(row.text)] == (row.side, row.group)]
        if len(kept) < len(rows):
            self.note(
                f"left out {counted(len(rows) - len(kept), 'text')} also in another group or in a "
                "later side"
            )
        return kept

    def _note_contradictions(self) -> None:
        for text in honesty.contradictions(self.digests, self.labels, "texts"):
            self.note(text)

    def _note_alike(self) -> None:
        """Are held-out texts almost in train as well?"""
        split = self.split
        pairs, looked = alike_texts(self.texts, split.train, split.test, self.seed)
        first = shown(self.texts[pairs[0][0]][:40]) if pairs else ""
        for text in alike_said(len(pairs), looked, "texts", f"such as {first!r}"):
            self.note(text)

    def _split(self, sides: list[str], groups: list[str]) -> Split:
        self.groups = groups if any(groups) else ()
        self.own_sides = frozenset(filter(None, sides))
        if self.own_sides <= {"train"} and (all(sides) or not any(sides)):
            return Split(*self._shared_out(np.arange(len(self)), FRACTIONS))
        if not all(sides):
            raise DataError("the column split must be filled in on every line, or on none")
        if "train" not in sides:
            raise DataError("a source with its own sides must have train, with texts in it")
        split, lost = own_split(sides, self._shared_out, [group or None for group in groups])
        if lost:
            self.note(
                f"left out {counted(sum(lost.values()), 'text')} of groups that are also on a "
                "later side"
            )
        return split

    def _shared_out(self, numbers: Indices, fractions: tuple[float, ...]) -> list[Indices]:
        if not self.groups:
            labels = [self.labels[i] for i in numbers]
            alike = [self.digests[i] for i in numbers]
        else:
            alike = [self.groups[i] for i in numbers]
            labels = commonest_in_group([self.labels[i] for i in numbers], alike)
        return [numbers[part] for part in stratified(labels, alike, self.seed, fractions)]

    def _check_sides(self) -> None:
        for side in SIDES:
            there = self.counts(side)
            missing = [name for name in self.classes if name not in there]
            names = ", ".join(map(shown, missing[:5]))
            if missing and (side == "train" or not there):
                raise DataError(
                    f"every class must have texts on the side {side}; it has none of {names}"
                )
            if missing:
                self.note(
                    f"the side {side} has no texts of {names}: its figures say nothing of them"
                )


def read_rows(
    source: Any, text: str | None, label: str | None, group: str | None, notes: list[str]
) -> tuple[str, list[Row]]:
    """The labelled texts of a source, and the column that they are in, if it is a table."""
    if in_memory(source) or not os.path.isdir(source):
        return rows_of(read_frame(source, notes), text, label, group, notes)
    table = table_in(source)
    if table is not None:
        return rows_of(read_frame(table, notes), text, label, group, notes)
    return "", _from_folder(Path(source), notes)


def _from_folder(source: Path, notes: list[str]) -> list[Row]:
    found = find_examples(source, classes=1)
    other = PICTURES | SOUNDS
    files = [e for e in found if os.path.splitext(e.path)[1].lower() not in other]
    if len(files) < len(found):
        notes.append(f"passed over {len(found) - len(files)} files that are no texts")
    rows, bad, odd = [], [], Counter[str]()
    for example in files:
        try:
            text, how = read_text(example.path)
        except DataError as error:
            bad.append(str(error).replace(shown(source) + os.sep, ""))
            continue
        odd[how] += 1
        rows.append(Row(text, example.label, example.side or "", ""))
    notes += [f"{count} files were read as {how}" for how, count in odd.items() if how]
    if bad:
        check_bad(len(bad), len(files), f"cannot be read as text, such as {bad[0]}", notes)
    return rows


def commonest_in_group(labels: list[str], groups: list[str]) -> list[str]:
    """For each text its group's commonest label, or '' where that has too few groups.

    Groups are shared out by it, so that each side has about as much of every class.
    """
    counts: dict[str, Counter[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        counts.setdefault(group, Counter())[label] += 1
    commonest = {group: min(c, key=lambda label: (-c[label], label)) for group, c in counts.items()}
    of_label = Counter(commonest.values())
    few = {label for label in of_label if of_label[label] < FEWEST}
    if sum(of_label[label] for label in few) < FEWEST:  # they join the largest
        few |= {max(of_label, key=lambda label: of_label[label])} if few else set()
    return ["" if commonest[group] in few else commonest[group] for group in groups]


def check_bad(bad: int, of: int, why: str, notes: list[str]) -> None:
    """Note that so many were left out, or raise if they are too many."""
    if bad > BAD * of:
        raise DataError(f"at most a tenth of the texts may be unusable; {bad:,} of {of:,} {why}")
    notes.append(f"left out {bad:,} of {of:,} texts: they {why}")


def _digest(text: str) -> str:
    """Equal for texts that differ in capitals and spaces only."""
    plain = " ".join(text.lower().split())
    return hashlib.sha256(plain.encode()).hexdigest()


def _class_order(label: str) -> tuple[float, str]:
    """Numbers by their value, before all else by its letters."""
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label
