"""Pictures in a terminal: two pixels a character, by half blocks."""

import shutil
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
WIDTH = 18  # columns a picture
SHADES = " .:-=+*#%@"


def side_by_side(pictures: Sequence[Picture], captions: Sequence[str]) -> str:
    """Pictures (H, W, C) as lines of text in rows that fit the terminal, each over its caption."""
    columns = max(1, (shutil.get_terminal_size((100, 24)).columns + 2) // (WIDTH + 2))
    rows = []
    for at in range(0, len(pictures), columns):
        blocks = [draw(picture) for picture in pictures[at : at + columns]]
        lines = ["  ".join(parts) for parts in zip(*blocks, strict=True)]
        names = "  ".join(caption[:WIDTH].center(WIDTH) for caption in captions[at : at + columns])
        rows.append("\n".join([*lines, names.rstrip()]))
    return "\n\n".join(rows)


def draw(picture: Picture, colour: bool | None = None) -> list[str]:
    """A picture as lines of WIDTH characters; in colour on a terminal, else in shades of ink."""
    height = max(2, round(picture.shape[0] / picture.shape[1] * WIDTH / 2) * 2)
    small = _shrunk(picture, height, WIDTH)
    if not (sys.stdout.isatty() if colour is None else colour):
        ink = (small.mean(axis=2) / 256 * len(SHADES)).astype(int)
        return ["".join(SHADES[value] for value in row) for row in ink[::2]]
    lines = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        cells = [
            f"\x1b[38;2;{_rgb(above)}m\x1b[48;2;{_rgb(below)}m▀"
            for above, below in zip(upper, lower, strict=True)
        ]
        lines.append("".join(cells) + "\x1b[0m")
    return lines


def _shrunk(picture: Picture, height: int, width: int) -> Picture:
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BOX))


def _rgb(pixel: Picture) -> str:
    return ";".join(str(int(value)) for value in pixel)
