"""Programs that listen: `./languages.pyz hello.ogg`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from learnt.errors import ProgramError
from learnt.runner.archive import Archive
from learnt.runner.audio import (
    MAX_SECONDS,
    RATE,
    Samples,
    Source,
    as_wav,
    decode,
    ends_early,
    window,
)
from learnt.runner.program import BATCH, Array, Feeds, Program

MUCH = 1.25  # times as long as what is heard, from which it is said


@dataclass(frozen=True)
class Heard:
    """The samples that the graph takes (size,), and what of the sound they are."""

    samples: Samples
    note: str = ""


class SoundProgram(Program):
    """A sound is a path, the bytes of a file, or an array of samples at 16 kHz (n,).

    It is answered by its loudest stretch, of the length that the manifest says, within its first
    60 seconds; a shorter sound is heard whole.
    """

    about = "Listens to sounds. This program was learnt from examples, not written."
    example = "hello.ogg"

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.size = _checked(self.spec)

    def read(self, source: Source) -> Heard:
        """What the graph takes of a sound; SoundError if it is no usable one."""
        samples = decode(source)
        heard, whole = self.size / RATE, len(samples) / RATE
        notes = []
        if whole < MAX_SECONDS and ends_early(source):
            notes.append("the file ends early: it says that it has more")
        if len(samples) > MUCH * self.size:
            whole_words = f"{whole:.3g} s" if whole < MAX_SECONDS else f"the first {MAX_SECONDS} s"
            notes.append(f"only the loudest {heard:.3g} s of {whole_words} were heard")
        return Heard(window(samples, self.size), "; ".join(notes))

    def feeds(self, items: Sequence[Heard]) -> Iterator[Feeds]:
        for at in range(0, len(items), BATCH):
            yield {"samples": np.stack([item.samples for item in items[at : at + BATCH]])}

    def finished(self, item: Heard, row: Array) -> Any:
        """The result, with a note where not all of the sound was heard."""
        result = self.result(row)
        return replace(result, note=item.note) if item.note else result

    def stored(self, item: Heard) -> tuple[str, bytes]:
        """As WAV, which loses nothing."""
        return "wav", as_wav(item.samples)

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "inputs", nargs="*", metavar="SOUND", help="a WAV, FLAC, OGG file; - is standard input"
        )


def _checked(spec: dict[str, object]) -> int:
    size, rate = spec.get("size"), spec.get("rate")
    if rate != RATE or type(size) is not int or not 1 <= size <= MAX_SECONDS * RATE:
        raise ProgramError(f"its input must be sound of {RATE} samples a second, and a size")
    return size
