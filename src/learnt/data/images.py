"""`Images`: a folder or CSV of labelled pictures → examples on three sides.

Every file is read once: its sha256 (so that identical files stay on one side, and features are
found again), its size and whether it is grey. Files that are no pictures are named and left
out, up to a tenth.
"""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.answers import (
    Answers,
    ANumber,
    OneClass,
    SeveralLabels,
    bins,
    everywhere_or_rare,
    kind_of_answers,
    label_matrix,
)
from learnt.data.files import Example, find_examples, table_of
from learnt.data.look import PICTURES, Look, nearly_all
from learnt.data.source import Source
from learnt.data.split import FRACTIONS, SIDES, Split, loosely_stratified, own_split, stratified
from learnt.data.survey import Picture, survey
from learnt.errors import DataError, UsageError
from learnt.runner.text import shown


@dataclass(frozen=True)
class Summary:
    """What a plan needs to know of the data."""

    train: int
    valid: int
    test: int
    classes: int
    side: int  # the median of each picture's longer side, in pixels
    channels: int  # 1 if all the pictures are grey, else 3


class Images(Source):
    """Pictures with a label each, split into train, valid and test.

    `source` is a folder with one folder a class; a folder with `train/` and `valid/` or `test/`
    of such folders; or a CSV with the columns `file` and `label` (other names through `file=`
    and `label=`), paths relative to it, and perhaps a column `split`.

    The labels of a CSV may be lists ("cat;dog"), so that a picture has several labels or none,
    or numbers; `task` says so where they could be either: "image-classification",
    "image-labels" or "image-number".

    A source's own `test/` (or, if there is only one, `valid/`) is what figures are measured
    on; what is missing is split off, 70/15/15, stratified, by `seed`. Byte-identical files are
    never on two sides. Raises DataError for what cannot be used; `notes` says what was done.

    >>> data = learnt.Images("digits/")
    >>> data
    Images(1000 pictures, 10 classes: 700 train, 150 valid, 150 test)
    """

    kind = "images"
    noun = "pictures"
    takes = ("file", "label")
    answers: Answers

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        if look.mostly(PICTURES):
            return "it holds pictures"
        column = look.column("file", "path", "filename", "image", given="file")
        files = look.values(column) if column else []
        if files and nearly_all(os.path.splitext(f)[1].lower() in PICTURES for f in files):
            return f"its column {column} names pictures"
        return None

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        file: str | None = None,
        label: str | None = None,
        task: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(source, seed=seed, file=file, label=label, task=task)
        self.bad: list[str] = []
        examples = self._examples()
        self.pictures: list[Picture] = []
        for answer in survey(examples):
            if isinstance(answer, Picture):
                self.pictures.append(answer)
            else:
                self.bad.append(self.short(answer))
        self.note_bad(self.bad, self._found)
        self._leave_out_contradictions()
        self.classes = sorted({n for e in examples for n in self.answers.names(e.label)})
        self._check_classes()
        self.split = self._split()

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        count = f"{len(self.classes)} " if self.classes else ""
        return f"Images({len(self)} pictures, {count}{self.answers.about}: {self.sizes()})"

    @property
    def task(self) -> str:
        """What is to be learnt: image-classification, image-labels or image-number."""
        return self.answers.task

    @property
    def targets(self) -> npt.NDArray[Any]:
        """The class number of each picture, (N); which labels it has, (N, L); or its number."""
        labels = [picture.label for picture in self.pictures]
        if isinstance(self.answers, ANumber):
            return np.array(list(map(float, labels)), np.float64)
        if isinstance(self.answers, SeveralLabels):
            return label_matrix(labels, self.answers, self.classes)
        numbers = {name: i for i, name in enumerate(self.classes)}
        return np.array([numbers[label] for label in labels], np.int64)

    @property
    def channels(self) -> int:
        """1 if every picture is grey, else 3."""
        return 1 if all(picture.grey for picture in self.pictures) else 3

    def summary(self) -> Summary:
        """What a plan needs to know."""
        longer = [max(picture.size) for picture in self.pictures]
        train, valid, test = (len(self.split[side]) for side in SIDES)
        side = int(np.median(longer))
        return Summary(train, valid, test, max(1, len(self.classes)), side, self.channels)

    def fingerprint(self) -> str:
        """The sha256 of what is on which side: the same examples give the same text."""
        lines = sorted(
            f"{side} {self.pictures[i].digest} {self.pictures[i].label}"
            for side in SIDES
            for i in self.split[side]
        )
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

    def decoded(self, number: int, channels: int, at_least: int) -> npt.NDArray[np.uint8]:
        """One picture as (H, W, channels) bytes; ImageError where its pixels are damaged.

        Shrunk by a whole factor where its shorter side stays `at_least` so long.
        """
        return self.pictures[number].decoded(channels, at_least)

    def leave_out(self, reasons: dict[int, str]) -> None:
        """Drop pictures (by number) whose pixels turned out to be damaged, and say so.

        The others keep their numbers and sides. DataError if too many are bad by now, or if a
        class has no example left to train on.
        """
        if not reasons:
            return
        lines = map(self.short, reasons.values())
        self.bad.extend(
            line for line in lines if line not in self.bad
        )  # once, also if fitted twice
        self.note_bad(self.bad, self._found)
        sides = [np.array([i for i in self.split[s] if i not in reasons], np.int64) for s in SIDES]
        self.split = Split(*sides)
        self._check_sides(self.split)

    def _examples(self) -> list[Example]:
        """What the source holds, labels in their normal form; what has none is bad."""
        file, label, task = (self.options[name] for name in ("file", "label", "task"))
        self.answers = OneClass()
        table = os.path.exists(self.source) and table_of(self.source) is not None
        classes = 0 if table else 2
        examples = find_examples(self.source, file, label, classes, notes=self.notes)
        if table:
            texts = [example.label for example in examples]
            self.answers, notes = kind_of_answers(texts, label or "label", task)
            self.notes += notes
        elif task not in (None, OneClass.task):
            raise UsageError(f"a folder a class is {OneClass.task}; {task} needs a CSV")
        if isinstance(self.answers, OneClass) and table:  # which must have labels, and two of them
            examples = find_examples(self.source, file, label)
        self._found = len(examples)
        kept = []
        for example in examples:
            try:
                kept.append(replace(example, label=self.answers.normal(example.label)))
            except ValueError as error:
                self.bad.append(self.short(f"{shown(example.path)}: {error}"))
        return kept

    def _leave_out_contradictions(self) -> None:
        labels: dict[str, set[str]] = {}
        for picture in self.pictures:
            labels.setdefault(picture.digest, set()).add(picture.label)
        both = [p for p in self.pictures if len(labels[p.digest]) > 1]
        if both:
            self.pictures = [p for p in self.pictures if len(labels[p.digest]) == 1]
            first = both[0]
            names = ", ".join(sorted(map(shown, labels[first.digest])))
            self.notes.append(
                f"passed over {len(both)} identical files that have different labels, such as "
                f"{self.short(shown(first.path))} ({names})"
            )

    def _check_classes(self) -> None:
        if isinstance(self.answers, SeveralLabels):
            for text in everywhere_or_rare(self.targets, self.classes):
                self.note(text)
            if len(self.classes) < 2:
                got = f"{shown(self.classes[0])!r} only" if self.classes else "none"
                raise DataError(f"lists of labels must have at least 2 different ones; got {got}")
        there = {name for p in self.pictures for name in self.answers.names(p.label)}
        missing = [shown(name) for name in self.classes if name not in there]
        if missing:
            raise DataError(
                f"every class must have usable pictures; there are none of "
                f"{', '.join(missing[:5])}: add some, or take the class out"
                + "".join(f"\n{note}" for note in self.notes)
            )

    def _split(self) -> Split:
        given = {picture.side for picture in self.pictures}
        self.own_sides = frozenset(side for side in given if side)
        if None in given and len(given) > 1:
            raise DataError("the column split must be filled in on every line, or on none")
        if given == {None}:
            everything = np.arange(len(self.pictures))
            self.split = Split(*self._shared_out(everything, FRACTIONS))
            self._check_sides(self.split)
            return self.split
        if "train" not in given:
            raise DataError("a source with its own sides must have train/ with examples in it")
        sides = [picture.side for picture in self.pictures]
        digests = [picture.digest for picture in self.pictures]
        self.split, lost = own_split(sides, self._shared_out, digests)
        if lost:
            self.notes.append(
                f"took {sum(lost.values())} files out of train/ or valid/ that are also in a "
                "later side"
            )
        self._check_sides(self.split)
        return self.split

    def _shared_out(
        self, numbers: npt.NDArray[np.int64], fractions: tuple[float, ...]
    ) -> list[npt.NDArray[np.int64]]:
        chosen = [self.pictures[i] for i in numbers]
        labels, digests = [p.label for p in chosen], [p.digest for p in chosen]
        if isinstance(self.answers, OneClass):
            return [numbers[part] for part in stratified(labels, digests, self.seed, fractions)]
        if len(set(digests)) < len(fractions):
            raise DataError(f"at least {len(fractions)} different pictures are needed")
        several: list[Any] = [self.answers.names(label) for label in labels]
        if isinstance(self.answers, ANumber):
            several = bins(self.targets[numbers])
        parts = loosely_stratified(several, digests, self.seed, fractions)
        return [numbers[part] for part in parts]

    def _check_sides(self, split: Split) -> None:
        for side in SIDES:
            there = self.counts(side)
            missing = [name for name in self.classes if name not in there]
            if not len(split[side]):
                raise DataError(f"the side {side} has no usable pictures: add some")
            if side == "train" and len(split[side]) < 2:
                raise DataError("at least 2 pictures are needed to train on; there is 1: add some")
            if isinstance(self.answers, SeveralLabels) and not there:
                raise DataError(
                    f"the side {side} has no picture with a label, so nothing can be said of it: "
                    "give more pictures labels"
                )
            if missing and side == "train" and isinstance(self.answers, OneClass):
                raise DataError(
                    f"every class must have examples on the side {side}; it has none of "
                    f"{', '.join(map(shown, missing[:5]))}: add pictures, or take the class out"
                )
            note = (
                f"the side {side} has no examples of {', '.join(map(shown, missing[:5]))}: "
                "its figures say nothing of them"
            )
            if missing and note not in self.notes:
                self.notes.append(note)

    def counts(self, side: str) -> Counter[str]:
        """How many examples of each class a side has."""
        chosen = [self.pictures[i].label for i in self.split[side]]
        return Counter(name for label in chosen for name in self.answers.names(label))
