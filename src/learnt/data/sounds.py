"""`Sounds`: a folder or CSV of labelled sounds → examples on three sides.

Every file is read once: its sha256, and how long it is. Files that are no sounds are named and
left out, up to a tenth.
"""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learnt.data.files import Example, find_examples
from learnt.data.look import SOUNDS, Look, nearly_all
from learnt.data.sides import Facts, Labelled, groups_of, settle
from learnt.data.split import SIDES, Split
from learnt.data.survey import in_threads
from learnt.errors import DataError, SoundError
from learnt.runner.audio import Header, Samples, decode, header, opened
from learnt.runner.text import percent, shown

TELLING = (
    0.05  # more of the classes told by the files' form than by guessing, from which it is said
)


@dataclass(frozen=True)
class Sound:
    """A sound file that looks usable."""

    path: Path
    facts: Facts
    header: Header


class Sounds(Labelled):
    """Sounds with a label each, split into train, valid and test.

    `source` is a folder with one folder a class, of WAV, FLAC or OGG files; a folder with
    `train/` and `valid/` or `test/` of such folders; or a CSV with the columns `file` and
    `label` (other names through `file=` and `label=`), paths relative to it, and perhaps `split`
    or `group`: sounds of one group, such as a speaker's, stay on one side.

    What is missing of the sides is split off, 70/15/15, by `seed`. Identical files are never on
    two sides. Raises DataError for what cannot be used; `notes` says what was done.
    """

    kind = "sounds"
    noun = "sounds"
    takes = ("file", "label", "group")

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        if look.folders and look.mostly(SOUNDS):
            return "it holds folders of sounds"
        column = look.column("file", "path", "filename", "sound", given="file")
        files = look.values(column) if column else []
        if files and nearly_all(os.path.splitext(f)[1].lower() in SOUNDS for f in files):
            return f"its column {column} names sounds"
        return None

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        file: str | None = None,
        label: str | None = None,
        group: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(source, seed=seed, file=file, label=label, group=group)
        examples = find_examples(self.source, file, label, group=group, notes=self.notes)
        self._found = len(examples)
        self.sounds: list[Sound] = []
        self.bad: list[str] = []
        for answer in in_threads(_look, examples):
            if isinstance(answer, Sound):
                self.sounds.append(answer)
            else:
                self.bad.append(self.short(answer))
        self.note_bad(self.bad, self._found)
        facts = [sound.facts for sound in self.sounds]
        self.own_sides = frozenset(fact.side for fact in facts if fact.side)
        kept, self.split = settle(facts, seed, self.noun, self.note)
        self.sounds = [self.sounds[i] for i in kept]
        self.facts = [facts[i] for i in kept]
        self.groups = groups_of(self.facts)
        self.classes = sorted({fact.label for fact in self.facts})
        self._note_forms()

    def __len__(self) -> int:
        return len(self.sounds)

    def __repr__(self) -> str:
        return f"Sounds({len(self)} sounds, {len(self.classes)} classes: {self.sizes()})"

    def decoded(self, number: int) -> Samples:
        """A sound's samples at 16 kHz; SoundError where they are damaged."""
        return decode(self.sounds[number].path)

    def leave_out(self, reasons: dict[int, str]) -> None:
        """Drop sounds (by number) that turned out to be damaged or silent, and say so."""
        if not reasons:
            return
        self.bad += [line for line in map(self.short, reasons.values()) if line not in self.bad]
        self.note_bad(self.bad, self._found)
        sides = [np.array([i for i in self.split[s] if i not in reasons], np.int64) for s in SIDES]
        self.split = Split(*sides)
        missing = [name for name in self.classes if name not in self.counts("train")]
        if missing or not all(map(len, sides)):
            raise DataError(
                f"every class must have sounds to train on; there are none of "
                f"{', '.join(map(shown, missing[:5])) or 'a whole side'}"
            )

    def _note_forms(self) -> None:
        """Do the files give their class away by their rate and channels alone?"""
        forms: dict[tuple[int, int], Counter[str]] = {}
        for sound in self.sounds:
            form = sound.header.rate, sound.header.channels
            forms.setdefault(form, Counter())[sound.facts.label] += 1
        told = sum(max(labels.values()) for labels in forms.values()) / len(self)
        usual = max(Counter(fact.label for fact in self.facts).values()) / len(self)
        if told > usual + TELLING:
            self.note(
                f"the files' rates and channels alone tell the class of {percent(told)} (the "
                f"commonest is {percent(usual)}): the classes were recorded differently, so a "
                "program may know microphones and rooms, and do worse on other recordings"
            )


def _look(example: Example) -> Sound | str:
    try:
        with opened(example.path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            file.seek(0)
            found = header(file, shown(example.path))
        if not found.seconds > 0:
            return f"{shown(example.path)} holds no sound (0 samples)"
    except SoundError as error:
        return str(error)
    return Sound(example.path, Facts(example.label, digest, example.side, example.group), found)
