"""`Masks`: pictures whose every pixel has a class, in a mask beside each → examples on three sides.

Every file is read once: its sha256, its size, which classes a mask shows. Pictures without a
mask, or of another size than theirs, are named and left out, up to a tenth.
"""

import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from learnt.data.files import Example
from learnt.data.images import Summary
from learnt.data.legend import MaskFacts, find_legend, look_at_mask, read_levels
from learnt.data.look import Look
from learnt.data.pairs import Pair, find_pairs, folders_of
from learnt.data.source import Source
from learnt.data.split import FRACTIONS, SIDES, Indices, Split, loosely_stratified, own_split
from learnt.data.survey import Picture, in_threads, survey
from learnt.errors import DataError, ImageError
from learnt.runner.images import decode
from learnt.runner.masks import photo
from learnt.runner.text import counted, shown

FEWEST = 3  # pictures


class Masks(Source):
    """Pictures with a mask each, split into train, valid and test.

    `source` is a folder with `pictures/` and `masks/` (or images/, labels/ …), files of the same
    names in both; or with such folders in `train/` and `valid/` or `test/`. A mask is a PNG of
    its picture's size that holds a number (indexed, or grey) or a colour a class; names are
    taken from classes.csv (number, name, colour) or classes.txt beside them.

    What sides are missing is split off, 70/15/15, by `seed`, so that rare classes are on each.
    """

    kind = "masks"
    noun = "pictures"
    takes = ()

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        """A folder of pictures beside a folder of masks."""
        if look.path is not None and look.is_folder and folders_of(look.path):
            return "it holds pictures and, beside them, masks"
        return None

    def __init__(self, source: str | os.PathLike[str], *, seed: int = 0) -> None:
        super().__init__(source, seed=seed)
        pairs, bad, spare = find_pairs(self.source)
        self.bad = list(map(self.short, bad))
        if spare:
            name = self.short(shown(spare[0]))
            self.note(
                f"{counted(len(spare), 'mask')} without a picture of the name, such as {name}"
            )
        self._found = len(pairs) + len(self.bad)
        self.pictures: list[Picture] = []
        self.masks: list[Path] = []
        facts = self._survey(pairs)
        self.note_bad(self.bad, self._found, self.noun)
        if not facts:
            raise DataError(f"{shown(self.source)} has no usable pictures with masks")
        self.legend, notes = find_legend(zip(self.masks, facts, strict=True), self.source)
        for text in notes:
            self.note(self.short(text))
        self.classes = self.legend.names
        facts = self._with_classes(facts)
        self.pixels = np.stack([self._pixels(found) for found in facts])  # (len(self), classes)
        self.split = self._split()

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"Masks({len(self)} pictures, {len(self.classes)} classes: {self.sizes()})"

    @property
    def channels(self) -> int:
        """1 if every picture is grey, else 3."""
        return 1 if all(picture.grey for picture in self.pictures) else 3

    def summary(self) -> Summary:
        """What a plan needs to know."""
        side = int(np.median([max(picture.size) for picture in self.pictures]))
        train, valid, test = (len(self.split[side]) for side in SIDES)
        return Summary(train, valid, test, len(self.classes), side, self.channels)

    def fingerprint(self) -> str:
        """The sha256 of what is on which side: the same examples give the same text."""
        lines = sorted(
            f"{side} {self.pictures[i].digest} {self.pictures[i].label}"
            for side in SIDES
            for i in self.split[side]
        )
        return hashlib.sha256("\n".join([*lines, *self.classes]).encode()).hexdigest()

    def decoded(self, number: int, channels: int, at_least: int) -> npt.NDArray[np.uint8]:
        """One picture as its program reads it, (H, W, channels) bytes: made smaller by a whole
        factor where it is far larger than `at_least`. ImageError where its pixels are damaged."""
        whole = self.pictures[number].decoded(channels, 0)
        return photo(whole, at_least, len(self.classes)).pixels

    def mask(self, number: int) -> npt.NDArray[np.uint8]:
        """The class number of every pixel of one picture, (H, W); VOID (255) where it has none."""
        return self.legend.numbers(read_levels(self.masks[number], self.legend.by))

    def leave_out(self, reasons: dict[int, str]) -> None:
        """Drop pictures (by number) whose pixels turned out to be damaged, and say so."""
        if reasons:
            new = map(self.short, reasons.values())
            self.bad += [line for line in new if line not in self.bad]
            self.note_bad(self.bad, self._found, self.noun)
            kept = ([i for i in self.split[s] if i not in reasons] for s in SIDES)
            self.split = Split(*(np.array(side, np.int64) for side in kept))
            self._check_sides()

    def counts(self, side: str) -> Counter[str]:
        """In how many pictures of a side each class is seen."""
        there = (self.pixels[self.split[side]] > 0).sum(axis=0)
        return Counter(dict(zip(self.classes, there.tolist(), strict=True)))

    def _survey(self, pairs: list[Pair]) -> list[MaskFacts]:
        """Keep what is usable, with the facts of its mask; note what is not."""
        looks = in_threads(_mask_of, pairs)
        examples = [Example(pair.picture, "", pair.side) for pair in pairs]
        kept = []
        for pair, picture, found in zip(pairs, survey(examples), looks, strict=True):
            wrong = picture if isinstance(picture, str) else found if isinstance(found, str) else ""
            if isinstance(picture, Picture) and not isinstance(found, str):
                if picture.size == found.size or _turned(picture, found):
                    self.pictures.append(replace(picture, label=found.digest))
                    self.masks.append(pair.mask)
                    kept.append(found)
                    continue
                sizes = " and ".join(f"{w} × {h}" for w, h in (picture.size, found.size))
                wrong = f"{shown(pair.picture)} and its mask must be of one size; got {sizes}"
            self.bad.append(self.short(wrong))
        return kept

    def _with_classes(self, facts: list[MaskFacts]) -> list[MaskFacts]:
        """Leave out what has no class anywhere: there is nothing to learn from it."""
        kept = [number for number, found in enumerate(facts) if self._pixels(found).any()]
        if len(kept) < len(facts):
            self.note(f"passed over {len(facts) - len(kept)} pictures whose masks have no class")
            self.pictures = [self.pictures[number] for number in kept]
            self.masks = [self.masks[number] for number in kept]
        return [facts[number] for number in kept]

    def _pixels(self, facts: MaskFacts) -> npt.NDArray[np.int64]:
        """How many pixels of each class a mask has."""
        counts = facts.as_levels(self.legend.by)
        return np.array([counts.get(value, 0) for value in self.legend.values], np.int64)

    def _split(self) -> Split:
        given = {picture.side for picture in self.pictures}
        self.own_sides = frozenset(side for side in given if side)
        if given == {None}:
            return Split(*self._shared_out(np.arange(len(self)), FRACTIONS))
        if "train" not in given or len(given) < 2:
            raise DataError("a source with its own sides must have train/ and valid/ or test/")
        sides = [picture.side for picture in self.pictures]
        digests = [picture.digest for picture in self.pictures]
        self.split, lost = own_split(sides, self._shared_out, digests)
        for side, count in lost.items():
            self.note(f"took {count} pictures out of {side} that are also in a later side")
        self._check_sides()
        return self.split

    def _shared_out(self, numbers: Indices, fractions: tuple[float, ...]) -> list[Indices]:
        if len(numbers) < FEWEST:
            raise DataError(f"at least {FEWEST} pictures with masks are needed; got {len(numbers)}")
        shown_classes = [tuple(np.flatnonzero(self.pixels[i]).tolist()) for i in numbers]
        digests = [self.pictures[i].digest for i in numbers]
        parts = loosely_stratified(shown_classes, digests, self.seed, fractions)
        return [numbers[part] for part in parts]

    def _check_sides(self) -> None:
        for side in SIDES:
            numbers = self.split[side]
            if not len(numbers):
                raise DataError(f"the side {side} has no usable pictures: add some")
            shows = self.pixels[numbers].sum(axis=0) > 0
            missing = [shown(n) for n, there in zip(self.classes, shows, strict=True) if not there]
            if missing:
                what = "it cannot be learnt" if side == "train" else "its figures say nothing of it"
                self.note(f"no picture on the side {side} shows {', '.join(missing[:5])}: {what}")


def _mask_of(pair: Pair) -> MaskFacts | str:
    try:
        return look_at_mask(pair.mask)
    except ImageError as error:
        return str(error)


def _turned(picture: Picture, facts: MaskFacts) -> bool:
    """Is it the picture as it stands upright (by its EXIF) that the mask is of the size of?"""
    if picture.size != facts.size[::-1]:
        return False
    try:
        return decode(picture.path, 1).shape[1::-1] == facts.size
    except ImageError:
        return False
