"""Programs that take a picture: `./pets.pyz cat.jpg dog.jpg`."""

import argparse
import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from learnt.errors import ProgramError
from learnt.runner.archive import Archive
from learnt.runner.images import Picture, Source, decode, quiet
from learnt.runner.program import BATCH, Feeds, Program

MAX_SIZE = 4096  # pixels, of the prepared picture


class PictureProgram(Program):
    """A picture is a path, the bytes of a file, a Pillow image, or a uint8 array (H, W, C)."""

    about = "Looks at pictures. This program was learnt from examples, not written."
    example = "cat.jpg dog.jpg"

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.channels, self.size = picture_spec(self.spec)

    def read(self, source: Source) -> Picture:
        """A picture as the graph takes it: (H, W, channels) bytes; ImageError if it is none."""
        with quiet():
            return decode(source, self.channels, self.size)

    def feeds(self, items: Sequence[Picture]) -> Iterator[Feeds]:
        """Neighbours of one size are run together."""
        at = 0
        while at < len(items):
            end = at + 1
            while end < min(len(items), at + BATCH) and items[end].shape == items[at].shape:
                end += 1
            some = items[at:end]
            yield {"images": np.stack(some) if len(some) > 1 else some[0][np.newaxis]}
            at = end

    def stored(self, item: Picture) -> tuple[str, bytes]:
        """As PNG, which loses nothing."""
        return "png", as_png(item)

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        picture_arguments(parser)


def picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the pictures to a command line."""
    parser.add_argument("inputs", nargs="*", metavar="PICTURE", help="a file; - is standard input")


def as_png(picture: Picture) -> bytes:
    """(H, W, 1 or 3) as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(file, "PNG")
    return file.getvalue()


def picture_spec(spec: dict[str, object]) -> tuple[int, int]:
    """The channels and the size of the pictures that a program takes; else a ProgramError."""
    channels, size = spec.get("channels"), spec.get("size")
    if (
        type(channels) is not int
        or channels not in (1, 3)
        or type(size) is not int
        or not 1 <= size <= MAX_SIZE
    ):
        raise ProgramError("its input must be an image of 1 or 3 channels and a size")
    return channels, size
