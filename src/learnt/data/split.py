"""Train, valid and test: which example goes where.

Training sees `train`; choices are made on `valid`; the reported figure is measured on `test`,
which nothing is chosen by. Examples of one group (byte-identical files) stay together.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import DataError

Indices = npt.NDArray[np.int64]
FRACTIONS = (0.70, 0.15, 0.15)
SIDES = ("train", "valid", "test")


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
    enough = {label for label, count in apart.items() if count >= 2 * len(fractions)}
    names = [str(label) if label in enough else "" for label in rarest]
    few = len({group for group, name in zip(groups, names, strict=True) if not name})
    if 0 < few < len(fractions) and enough:
        most = str(max(enough, key=lambda label: (apart[label], str(label))))
        names = [name or most for name in names]
    return stratified(names, groups, seed, fractions)


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
