"""Labelled examples → sides: the source's own, or shared out; nothing is on two of them.

What is the same (byte for byte, or by its group) stays together, and what has two labels is left
out. Whatever is left out is on no side, and is noted.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from learnt.data.source import Source
from learnt.data.split import FRACTIONS, SIDES, Indices, Split, own_split, stratified
from learnt.errors import DataError
from learnt.runner.text import shown

Note = Callable[[str], None]


@dataclass(frozen=True)
class Facts:
    """What decides on which side an example is."""

    label: str
    digest: str  # of its content
    side: str | None = None  # where the source itself says so
    group: str | None = None


class Labelled(Source):
    """A source whose examples have a label each; `facts` decided on their sides."""

    facts: list[Facts]
    classes: list[str]

    @property
    def targets(self) -> Indices:
        """The class number of each example, shape (len(self),)."""
        numbers = {name: i for i, name in enumerate(self.classes)}
        return np.array([numbers[fact.label] for fact in self.facts], np.int64)

    def counts(self, side: str) -> Counter[str]:
        """How many examples of each class a side has."""
        return counts(self.facts, self.split[side])

    def fingerprint(self) -> str:
        """The sha256 of what is on which side: the same examples give the same text."""
        facts = self.facts
        lines = sorted(
            f"{side} {facts[i].digest} {facts[i].label}" for side in SIDES for i in self.split[side]
        )
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def settle(facts: Sequence[Facts], seed: int, noun: str, note: Note) -> tuple[list[int], Split]:
    """The examples that are kept, by number, and the split of these; `noun` is their name.

    Raises DataError where a class would have nothing to train on.
    """
    numbers = _without_contradictions(facts, noun, note)
    given = {facts[i].side for i in numbers}
    if None in given and len(given) > 1:
        raise DataError("the column split must be filled in on every line, or on none")
    if given and given != {None} and "train" not in given:
        raise DataError("a source with its own sides must have a side train with examples in it")
    if len({facts[i].label for i in numbers}) < 2:
        raise DataError(f"there must be {noun} of at least 2 classes")
    if any(facts[i].group for i in numbers):
        numbers = _in_one_group(facts, numbers, noun, note)
    if given == {None}:
        split = Split(*_shared_out(facts, numbers, seed, FRACTIONS))
    else:
        split = _own_sides(facts, numbers, seed, noun, note)
    _check(facts, split, noun, note)
    kept = np.sort(np.concatenate([split[side] for side in SIDES]))
    return kept.tolist(), Split(*(np.searchsorted(kept, split[side]) for side in SIDES))


def groups_of(facts: Sequence[Facts]) -> list[str]:
    """The group of each example, an example in none being its own; nothing where there are none."""
    grouped = any(fact.group for fact in facts)
    return [fact.group or fact.digest for fact in facts] if grouped else []


def _without_contradictions(facts: Sequence[Facts], noun: str, note: Note) -> list[int]:
    labels: dict[str, set[str]] = {}
    for fact in facts:
        labels.setdefault(fact.digest, set()).add(fact.label)
    kept = [i for i, fact in enumerate(facts) if len(labels[fact.digest]) == 1]
    if len(kept) < len(facts):
        note(f"passed over {len(facts) - len(kept)} identical {noun} that have different labels")
    return kept


def _in_one_group(facts: Sequence[Facts], numbers: list[int], noun: str, note: Note) -> list[int]:
    """Identical examples of several groups are kept in the first of them."""
    home: dict[str, str | None] = {}
    for i in numbers:
        home.setdefault(facts[i].digest, facts[i].group)
    kept = [i for i in numbers if home[facts[i].digest] == facts[i].group]
    if len(kept) < len(numbers):
        note(f"passed over {len(numbers) - len(kept)} {noun} that are also in another group")
    return kept


def _shared_out(
    facts: Sequence[Facts], numbers: Sequence[int], seed: int, fractions: tuple[float, ...]
) -> list[Indices]:
    grouped = any(facts[i].group for i in numbers)  # a group may have examples of every class
    labels = ["all" if grouped else facts[i].label for i in numbers]
    alike = [facts[i].group or facts[i].digest for i in numbers]
    whole = np.array(numbers, np.int64)
    return [whole[part] for part in stratified(labels, alike, seed, fractions)]


def _own_sides(
    facts: Sequence[Facts], numbers: list[int], seed: int, noun: str, note: Note
) -> Split:
    def deal(some: Indices, fractions: tuple[float, ...]) -> list[Indices]:
        return _shared_out(facts, some.tolist(), seed, fractions)

    kept = set(numbers)
    given = [fact.side if i in kept else None for i, fact in enumerate(facts)]
    groups = [fact.group or None for fact in facts]
    split, lost = own_split(given, deal, [fact.digest for fact in facts], groups)
    for side, count in lost.items():
        note(f"took {count} {noun} out of the side {side} that are also on a later side")
    if not len(split.test):
        share = FRACTIONS[2]
        train, test = deal(split.train, (1 - share, share))
        split = Split(train, split.valid, test)
    return split


def _check(facts: Sequence[Facts], split: Split, noun: str, note: Note) -> None:
    classes = {fact.label for fact in facts}
    for side in SIDES:
        missing = sorted(classes - set(counts(facts, split[side])))
        some = ", ".join(map(shown, missing[:5]))
        if missing and side == "train":
            raise DataError(
                f"every class must have {noun} to train on; there are none of {some}: add some, "
                "or take the class out"
            )
        if missing:
            note(f"the side {side} has no {noun} of {some}: its figures say nothing of them")


def counts(facts: Sequence[Facts], numbers: Indices) -> Counter[str]:
    """How many examples of each class are among these."""
    return Counter(facts[i].label for i in numbers)
