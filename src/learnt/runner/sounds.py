"""Programs that listen: `./languages.pyz hello.ogg`."""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from learnt.errors import ProgramError
from learnt.runner.archive import Archive
from learnt.runner.audio import MAX_SECONDS, RATE, Samples, Source, as_wav, decode, window
from learnt.runner.program import BATCH, Feeds, Program


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

    def read(self, source: Source) -> Samples:
        """The samples that the graph takes (size,); SoundError if it is no usable sound."""
        return window(decode(source), self.size)

    def feeds(self, items: Sequence[Samples]) -> Iterator[Feeds]:
        for at in range(0, len(items), BATCH):
            yield {"samples": np.stack(items[at : at + BATCH])}

    def stored(self, item: Samples) -> tuple[str, bytes]:
        """As WAV, which loses nothing."""
        return "wav", as_wav(item)

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
