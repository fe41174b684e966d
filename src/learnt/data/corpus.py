"""Corpus: text to learn to write from. One .txt, or a folder of them.

What is held out is what comes later: the end of each text, where they are few; whole texts, where
there are many. Lines end in \\n, whatever the file has.
"""

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from learnt.data.files import SIDE_NAMES
from learnt.data.look import TEXTS, Look
from learnt.data.source import Source
from learnt.data.split import SIDES, Split, stratified
from learnt.errors import DataError
from learnt.runner.plain_text import decoded
from learnt.runner.text import percent, shown

FRACTIONS = (0.85, 0.05, 0.10)  # of the text: train, valid, test
MANY = 20  # texts, from which on whole ones are held out
LEAST = 20_000  # bytes of text in all; less says nothing about a language
LEAST_TRAIN, LEAST_HELD_OUT = 10_000, 500  # bytes of a side
MOST = 2**28  # bytes of text in all: its tokens are held in memory
NEAR = 500  # characters, within which a cut looks for the end of a line
LONG = 40  # characters: sentences so long seldom repeat by chance
SENTENCES = re.compile(r"(?<=[.!?])\s+|\n\s*\n")  # what is between them, and paragraphs
SHOWN_BAD = 5


Text = tuple[Path, str | None, str]  # a file, the side it has of itself, and what it holds


@dataclass(frozen=True)
class Passage:
    """A part of one file, all of it on one side."""

    path: Path
    side: str
    text: str


class Corpus(Source):
    """Text files, for a language model: a .txt, or a folder of .txt (and .md) files.

    From 20 files on, 85 % of the files are to train on, 5 % to choose by and 10 % to test on,
    drawn by the seed; with fewer, the first 85 %, the next 5 % and the last 10 % of each. Folders
    train/, valid/ and test/ are taken as they are. Files that are UTF-8, UTF-16 with its mark, or
    else Windows-1252 are read; empty and binary ones are left out by name; equal ones count once.

    >>> data = learnt.Corpus("novels/")
    >>> len(data.texts("train"))
    2
    """

    kind = "corpus"
    takes = ()
    noun = "passages"

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        if look.path is None or look.columns.get("label") or look.columns.get("text"):
            return None
        if not look.is_folder:
            return "it is a text" if look.path.suffix.lower() in TEXTS else None
        sides = all(name.lower() in SIDE_NAMES for name in look.folders)
        return "it is a folder of texts" if sides and look.mostly(TEXTS) else None

    def __init__(self, source: str | os.PathLike[str], *, seed: int = 0) -> None:
        if not isinstance(source, str | os.PathLike):
            raise DataError(
                f"a corpus is a .txt file or a folder of them; got {type(source).__name__}"
            )
        super().__init__(source, seed=seed)
        read, self.notes = _read(self.source)
        self.files = [path for path, _, _ in read]
        self.passages = self._passages(read)
        self.split = Split(*(self._numbers(side) for side in SIDES))
        self._check_sizes()
        self._note_repeats()

    def __len__(self) -> int:
        return len(self.passages)

    def texts(self, side: str) -> list[str]:
        """The passages of one side."""
        return [self.passages[number].text for number in self.split[side]]

    def bytes(self, side: str) -> int:
        """How many bytes one side's texts have, in UTF-8."""
        return sum(len(text.encode()) for text in self.texts(side))

    def sizes(self) -> str:
        return ", ".join(f"{self.bytes(side) / 1000:,.0f} kB {side}" for side in SIDES)

    def __repr__(self) -> str:
        files = f"{len(self.files)} {'text' if len(self.files) == 1 else 'texts'}"
        return f"Corpus({files}: {self.sizes()})"

    def division(self) -> str:
        return self.divided

    def fingerprint(self) -> str:
        lines = [f"{p.side} {hashlib.sha256(p.text.encode()).hexdigest()}" for p in self.passages]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _passages(self, read: list[Text]) -> list[Passage]:
        sides = {side for _, side, _ in read}
        if sides != {None}:
            return self._own_sides(read)
        if len(read) < MANY:
            self.divided = "the last 10 % of each text are test, the 5 % before them valid"
            self.note("held out is the end of each text: its last 10 % to test on, 5 % before")
            cuts = [_cut(text, FRACTIONS) for _, _, text in read]
            return [
                Passage(path, side, part)
                for (path, _, _), parts in zip(read, cuts, strict=True)
                for side, part in zip(SIDES, parts, strict=True)
                if part
            ]
        digests = [hashlib.sha256(text.encode()).hexdigest() for _, _, text in read]
        dealt = stratified(["text"] * len(read), digests, self.seed, FRACTIONS)
        where = {int(n): side for side, part in zip(SIDES, dealt, strict=True) for n in part}
        self.divided = (
            f"whole texts, at random, by seed {self.seed}: 85 % train, 5 % valid, 10 % test"
        )
        self.note("held out are whole texts: 10 % of them to test on, 5 % to choose by")
        return [Passage(path, where[n], text) for n, (path, _, text) in enumerate(read)]

    def _own_sides(self, read: list[Text]) -> list[Passage]:
        """The source's own folders; what is missing is cut from the end of what is there."""
        found = [Passage(path, side or "train", text) for path, side, text in read]
        there = {passage.side for passage in found}
        if "test" not in there:  # one held-out side: it is what figures are measured on
            swap = {"valid": "test"}
            found = [Passage(p.path, swap.get(p.side, p.side), p.text) for p in found]
        if "train" not in there or len(there) == 1:
            raise DataError("a source with its own sides needs texts in train/ and in test/")
        self.divided = "the source's own sides"
        if not {"valid", "test"} <= there:
            self.divided = "the source's own test side; valid is the last 5 % of each text of train"
            self.note("to choose by, the last 5 % of each text in train/ are held out")
            train = [p for p in found if p.side == "train"]
            rest = [p for p in found if p.side != "train"]
            cuts = [(p, _cut(p.text, (0.95, 0.05))) for p in train]
            found = [
                Passage(p.path, side, part)
                for p, parts in cuts
                for side, part in zip(("train", "valid"), parts, strict=True)
                if part
            ]
            found += rest
        return found

    def _numbers(self, side: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([i for i, p in enumerate(self.passages) if p.side == side], np.int64)

    def _check_sizes(self) -> None:
        sizes = {side: self.bytes(side) for side in SIDES}
        if sum(sizes.values()) < LEAST or sizes["train"] < LEAST_TRAIN:
            raise DataError(
                f"a language model needs at least {LEAST:,} bytes of text, {LEAST_TRAIN:,} of "
                f"them to train on; {shown(self.source)} has {sum(sizes.values()):,}: add texts"
            )
        short = [side for side in ("valid", "test") if sizes[side] < LEAST_HELD_OUT]
        if short:
            raise DataError(
                f"each side must have at least {LEAST_HELD_OUT} bytes of text; {short[0]} has "
                f"{sizes[short[0]]}: add texts"
            )

    def _note_repeats(self) -> None:
        """Sentences of the test that are also trained on flatter the figure."""
        seen = {hash(each) for text in self.texts("train") for each in _sentences(text)}
        found = Counter(hash(s) in seen for text in self.texts("test") for s in _sentences(text))
        share = found[True] / max(1, found.total())
        if share > 0.02:
            self.note(
                f"{percent(share)} of the long sentences to be tested on are also trained on: "
                "the figure flatters"
            )


def read_texts(source: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Every usable text of a source, and notes of what was left out; DataError where none is."""
    read, notes = _read(source)
    return [(path, text) for path, _, text in read], notes


def _read(source: Path) -> tuple[list[Text], list[str]]:
    """Path, side and text of each usable file, equal ones once, on the latest of their sides."""
    known: dict[str, Text] = {}
    bad, again, other = list[str](), list[str](), list[str]()
    for path, side in _found(source):
        name = shown(path.relative_to(source) if path != source else path.name)
        try:
            text, how = decoded(_bytes(path))
        except DataError as error:
            bad.append(f"{name} {error}")
            continue
        if how:
            other.append(f"{name} as {how}")
        if text in known:
            again.append(name)
            earlier = known[text][1]
            if side is None or earlier is None or SIDES.index(side) <= SIDES.index(earlier):
                continue
        known[text] = (path, side, text)
    if not known:
        what = "; ".join(bad[:SHOWN_BAD]) or "no .txt or .md file is there"
        raise DataError(f"{shown(source)} must hold text: {what}")
    said = {"left out": bad, "passed over, as another holds the same text:": again, "read": other}
    return list(known.values()), [_listed(w, names) for w, names in said.items() if names]


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_BAD} more" if len(names) > SHOWN_BAD else ""
    return f"{what} {'; '.join(names[:SHOWN_BAD])}{more}"


def _sentences(text: str) -> Iterator[str]:
    """The longer ones, whatever their lines are: a copy may be wrapped otherwise."""
    every = (" ".join(part.split()) for part in SENTENCES.split(text))
    return (sentence for sentence in every if len(sentence) >= LONG)


def _cut(text: str, fractions: tuple[float, ...]) -> list[str]:
    """A text in consecutive parts of about these sizes, cut after a line where one ends near."""
    ends, total = [0], 0.0
    for share in fractions[:-1]:
        total += share
        at = max(round(len(text) * total), ends[-1])
        line = text.rfind("\n", max(ends[-1], at - NEAR), at)
        ends.append(at if line < 0 else line + 1)
    ends.append(len(text))
    return [text[a:b] for a, b in pairwise(ends)]


def _bytes(path: Path) -> bytes:
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):  # before it is opened: a pipe would wait
            raise DataError("is not a regular file")
        if (size := facts.st_size) > MOST:
            raise DataError(f"at most {MOST // 2**20} MB are read from a file; it has {size}")
        with open(path, "rb") as file:
            return file.read(MOST)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None


def _found(source: Path) -> list[tuple[Path, str | None]]:
    """The text files of a source in the order of their names, with the sides it has itself."""
    if not os.path.exists(source):  # which never raises, unlike Path's
        raise DataError(f"{shown(source)} does not exist; give a .txt, or a folder of them")
    if not os.path.isdir(source):
        return [(source, None)]
    found: list[tuple[Path, str | None]] = []
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            (Path(folder, name), None)
            for name in sorted(names)
            if os.path.splitext(name)[1].lower() in TEXTS and name[:1] != "."
        ]
    tops = {path: path.relative_to(source).parts[0].lower() for path, _ in found}
    if all(len(p.relative_to(source).parts) > 1 and top in SIDE_NAMES for p, top in tops.items()):
        found = [(path, SIDE_NAMES[tops[path]]) for path, _ in found]
    total = sum(os.path.getsize(path) for path, _ in found if os.path.isfile(path))
    if total > MOST:
        raise DataError(
            f"at most {MOST // 2**20} MB of text are learnt from; {shown(source)} has "
            f"{total / 2**20:.0f}: give a part of it"
        )
    return found
