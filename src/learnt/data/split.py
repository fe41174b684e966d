"""Train, valid and test: which example goes where.

Training sees `train`; choices are made on `valid`; the reported figure is measured on `test`,
which nothing is chosen by. Examples of one group (byte-identical files) stay together.
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import DataError

Indices = npt.NDArray[np.int64]
FRACTIONS = (0.70, 0.15, 0.15)
SIDES = ("train", "valid", "test")
Deal = Callable[[Indices, tuple[float, ...]], list[Indices]]  # some examples, shared out


@dataclass(frozen=True)
class Split:
    """Which examples (by number, ascending) are on which side; no example is on two."""

    train: Indices
    valid: Indices
    test: Indices

    def __getitem__(self, side: str) -> Indices:
        if side not in SIDES:
            raise DataError(f"a split has the sides {', '.join(SIDES)}; got {side!r}")
        chosen: Indices = getattr(self, side)
        return chosen


def stratified(
    labels: Sequence[str],
    groups: Sequence[str],
    seed: int,
    fractions: tuple[float, ...] = FRACTIONS,
) -> list[Indices]:
    """The examples' numbers, shared out by `fractions`, class by class, groups kept together.

    Every class gets at least one group on each side (DataError where it has too few). The same
    seed gives the same sides, whatever order the examples come in: groups are dealt in an order
    drawn from the seed after sorting them by name.
    """
    members: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    by_class: dict[str, list[str]] = {}
    for group, numbers in members.items():
        by_class.setdefault(labels[numbers[0]], []).append(group)
    sides: list[list[int]] = [[] for _ in fractions]
    for label in sorted(by_class):
        names = sorted(by_class[label])
        if len(names) < len(fractions):
            raise DataError(
                f"the class {label!r} has {len(names)} different "
                f"{'example' if len(names) == 1 else 'examples'}: at least {len(fractions)} are "
                f"needed, one each for {', '.join(SIDES[: len(fractions)])}"
            )
        np.random.default_rng([seed, *label.encode("utf-8", "surrogatepass")]).shuffle(names)
        for side, part in zip(sides, _deal(names, fractions), strict=True):
            side.extend(number for name in part for number in members[name])
    return [np.array(sorted(side), np.int64) for side in sides]


def loosely_stratified(
    labels: Sequence[Collection[Any]],
    groups: Sequence[str],
    seed: int,
    fractions: tuple[float, ...] = FRACTIONS,
) -> list[Indices]:
    """The same where an example has several labels, or none: by the rarest label it has.

    So every label is on every side in about its share; labels that are too rare for that are
    dealt together.
    """
    often = Counter(label for several in labels for label in set(several))
    rarest = [min(several, key=lambda n: (often[n], n), default=None) for several in labels]
    apart = Counter(dict(set(zip(groups, rarest, strict=True))).values())  # groups of each
    least = {None: len(fractions)}  # without a label: apart, so that every side has labels, too
    enough = {n for n, count in apart.items() if count >= least.get(n, 2 * len(fractions))}
    names = [str(label) if label in enough else "" for label in rarest]
    few = len({group for group, name in zip(groups, names, strict=True) if not name})
    if 0 < few < len(fractions) and enough:
        most = str(max(enough, key=lambda label: (apart[label], str(label))))
        names = [name or most for name in names]
    return stratified(names, groups, seed, fractions)


def own_split(
    sides: Sequence[str | None], deal: Deal, *keys: Sequence[Hashable]
) -> tuple[Split, dict[str, int]]:
    """The split that a source itself names, an example a side; and how many were lost, by side.

    One held-out side is test, as figures are measured on it; valid is then dealt from train.
    Examples with an equal key (of the same column of `keys`; None is no key) stay together on the
    last side that one of them is on: what is tested is never trained on. What is lost is on no
    side. DataError where nothing is left to train on.
    """
    parts = {side: [i for i, own in enumerate(sides) if own == side] for side in SIDES}
    if not parts["test"]:
        parts["test"], parts["valid"] = parts["valid"], []
    taken: list[set[Hashable]] = [set() for _ in keys]
    pairs = list(zip(keys, taken, strict=True))
    lost: dict[str, int] = {}
    for side in reversed(SIDES):
        kept = [i for i in parts[side] if not any(key[i] in seen for key, seen in pairs)]
        if len(kept) < len(parts[side]):
            lost[side] = len(parts[side]) - len(kept)
        for key, seen in pairs:
            seen.update(key[i] for i in kept if key[i] is not None)
        parts[side] = kept
    if not parts["train"]:
        raise DataError(
            "there must be examples to train on; all of the side train are also on a later side, "
            "or of a group that is: give others, or another column of sides or of groups"
        )
    split = Split(*(np.array(parts[side], np.int64) for side in SIDES))
    if not len(split.valid):
        share = FRACTIONS[1]
        train, valid = deal(split.train, (1 - share, share))
        split = Split(train, valid, split.test)
    return split, lost


def _deal(names: list[str], fractions: tuple[float, ...]) -> list[list[str]]:
    """`names` cut into consecutive parts by `fractions`, none of them empty."""
    sizes = [max(1, round(len(names) * share)) for share in fractions[1:]]
    while sum(sizes) >= len(names):
        sizes[sizes.index(max(sizes))] -= 1
    parts, at = [], len(names) - sum(sizes)
    parts.append(names[:at])
    for size in sizes:
        parts.append(names[at : at + size])
        at += size
    return parts
