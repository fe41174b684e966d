"""What every kind of data is: examples on three sides, found again by the same words.

A kind is a subclass with a file of its own (images.py, texts.py, tables.py …); `kinds.py` lists
them. What a network makes of the examples is no business of this room.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from learnt.data.look import Look
from learnt.data.split import FRACTIONS, SIDES, Split
from learnt.errors import DataError
from learnt.runner.text import percent, shown

MAX_BAD = 0.10  # the share of a source that may be left out
SHOWN_BAD = 5  # of what was left out, how many a message names


class Source:
    """Examples, split into train, valid and test.

    `source` is a path, or a frame in memory. `type(data)(source, **data.options,
    seed=data.seed)` finds the same examples on the same sides. `notes` says in words what was
    done with the examples, and what to keep in mind.
    """

    kind: ClassVar[str]  # in a run's folder and on the command line: "images"
    takes: ClassVar[tuple[str, ...]] = ("label",)  # options besides seed
    noun: ClassVar[str] = "examples"  # what they are called in messages
    split: Split
    own_sides: frozenset[str] = frozenset()  # that the source itself names
    groups: Sequence[str] = ()  # each example's, by a column: those of one are kept on one side

    def __init__(self, source: Any, *, seed: int = 0, **options: Any) -> None:
        self.in_memory = not isinstance(source, str | os.PathLike)
        self.source = Path(self.kind if self.in_memory else source)
        self.seed, self.options = seed, options
        self.notes: list[str] = []

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        """Why a source looks like this kind of data, in words; None where it does not."""
        return None

    def __len__(self) -> int:
        """How many examples there are, on all sides."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """The sha256 of what is on which side: the same examples give the same text."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The name of the source without its ending, also where that is `.`"""
        name = os.path.basename(os.path.abspath(self.source))
        return name if os.path.isdir(self.source) else (Path(name).stem or name)

    def sizes(self) -> str:
        """How many examples are on each side, in words."""
        return ", ".join(f"{len(self.split[side])} {side}" for side in SIDES)

    @property
    def grouped(self) -> bool:
        """Are examples kept together by a column?"""
        return len(self.groups) > 0

    def division(self) -> str:
        """How the examples came to be on their sides, in words."""
        shares = dict(zip(SIDES, (round(share * 100) for share in FRACTIONS), strict=True))
        together = ", equal groups on one side" if self.grouped else ""
        dealt = f"at random, by seed {self.seed}{together}"
        if not self.own_sides - {"train"}:
            parts = ", ".join(f"{shares[side]} % {side}" for side in SIDES)
            return f"shared out {dealt}: {parts}"
        if len(self.own_sides) == len(SIDES):
            return "the source's own sides"
        return f"the source's own test side; valid was taken out of train {dealt}"

    def note(self, text: str) -> None:
        """Say something once, however often it is found."""
        if text not in self.notes:
            self.notes.append(text)

    def short(self, message: str) -> str:
        """A message with paths as seen from the source: shorter, and nobody else's business."""
        folder = self.source if self.source.is_dir() else self.source.parent
        return message.replace(shown(folder) + os.sep, "")

    def note_bad(self, bad: list[str], found: int, noun: str = "files") -> None:
        """Say which of all that was found is left out, and why; it may be said again, of more.

        Raises DataError where it is more than a tenth.
        """
        self.notes = [note for note in self.notes if not note.startswith("left out")]
        if not bad:
            return
        named = "".join(f"\n  {line}" for line in bad[:SHOWN_BAD])
        more = len(bad) - SHOWN_BAD
        named += f"\n  … and {more} more" if more > 0 else ""
        share = len(bad) / found
        if share > MAX_BAD:
            raise DataError(
                f"at most {percent(MAX_BAD)} of the {noun} may be unusable; {len(bad)} of "
                f"{found} are ({percent(share)}):{named}"
            )
        self.notes.append(f"left out {len(bad)} of {found} {noun}:{named}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} {self.noun}: {self.sizes()})"
