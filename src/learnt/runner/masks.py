"""Programs that give every pixel of a picture a class: `./scenes.pyz photo.png -o mask.png`.

The graph takes a picture of any size and gives the class number of each of its pixels. Large
pictures are made smaller first, and their masks larger again, so that memory stays bounded.
"""

import argparse
import io
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from learnt.errors import OutputError, ProgramError, UsageError
from learnt.runner.archive import Archive
from learnt.runner.files import write_atomically
from learnt.runner.images import Picture, Source, decode, quiet
from learnt.runner.pictures import as_png, picture_arguments, picture_spec
from learnt.runner.program import BATCH, Feeds, Program, sources
from learnt.runner.results import Answer, checked_labels
from learnt.runner.text import percent, shown

Numbers = npt.NDArray[np.uint8]  # (H, W) class numbers
MAX_SCORES = 2**24  # numbers that the graph may make of one batch: pixels × classes
MAX_CLASSES = 255
STORED = 32  # pixels, of the longer side of pictures that travel for the selftest
DIFFERING = 0.005  # the share of pixels that may differ: where two classes are as likely


@dataclass(frozen=True)
class Photo:
    """A picture as the graph takes it, and the size (height, width) that it has itself."""

    pixels: Picture
    size: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """How many bytes its pixels take."""
        return self.pixels.nbytes


@dataclass(frozen=True)
class Mask(Answer):
    """The class of every pixel of a picture, and the share of the pixels that each class has."""

    numbers: Numbers = field(repr=False)  # (H, W), of the picture's own size
    labels: list[str] = field(repr=False)
    shares: dict[str, float]  # largest first, only of classes that are there
    values: list[int] = field(repr=False)  # what each class is called in the file
    palette: list[int] = field(repr=False)  # red, green, blue of each value, from 0 on

    def image(self) -> Image.Image:
        """As an indexed picture, in the classes' own numbers and colours."""
        image = Image.fromarray(np.array(self.values, np.uint8)[self.numbers])
        image.putpalette(self.palette)
        return image

    def png(self) -> bytes:
        """The same as the bytes of a PNG file."""
        file = io.BytesIO()
        self.image().save(file, "PNG", optimize=True)
        return file.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as PNG; an old file is replaced at once or not at all."""
        return write_atomically(path, self.png())

    def over(self, picture: Picture) -> Image.Image:
        """The picture (H, W, C) with the classes' colours on it; the first class stays clear."""
        colours = np.asarray(self.image().convert("RGB"), np.float32)
        clear = np.broadcast_to(picture, colours.shape).astype(np.float32)
        mixed = np.where(self.numbers[..., None] > 0, 0.45 * clear + 0.55 * colours, clear)
        return Image.fromarray(mixed.round().astype(np.uint8))

    def line(self) -> str:
        return ", ".join(f"{shown(name)} {percent(share)}" for name, share in self.shares.items())

    def as_dict(self) -> dict[str, Any]:
        height, width = self.numbers.shape
        shares = {name: round(share, 6) for name, share in self.shares.items()}
        return {"shares": shares, "width": width, "height": height}


class MaskOutput:
    """Rows of class numbers (H, W) → Mask."""

    shape: tuple[int | None, ...] = (None, None)

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.labels = checked_labels(manifest.get("labels"))
        spec = manifest["output"]
        count = len(self.labels)
        self.values, colours = spec.get("values"), spec.get("colours")
        if (
            count > MAX_CLASSES
            or not _are_bytes(self.values, count)
            or len(set(self.values)) != count
            or not isinstance(colours, list)
            or len(colours) != count
            or not all(_are_bytes(colour, 3) for colour in colours)
        ):
            raise ProgramError("its masks must have a number and a colour a class")
        self.palette = [0] * 768
        for value, colour in zip(self.values, colours, strict=True):
            self.palette[3 * value : 3 * value + 3] = colour

    def __call__(self, row: npt.NDArray[Any]) -> Mask:
        numbers = row.astype(np.uint8)
        pixels = np.bincount(numbers.ravel(), minlength=len(self.labels))
        order = np.argsort(-pixels, kind="stable")
        shares = {self.labels[n]: float(pixels[n] / numbers.size) for n in order if pixels[n]}
        return Mask(numbers, self.labels, shares, self.values, self.palette)


class MaskProgram(Program):
    """A picture is a path, the bytes of a file, a Pillow image, or a uint8 array (H, W, C)."""

    about = "Says what every pixel shows. This program was learnt from examples, not written."
    example = "photo.jpg -o mask.png"

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.channels, self.size = picture_spec(self.spec)

    def read(self, source: Source) -> Photo:
        with quiet():
            return photo(decode(source, self.channels), self.size, len(self.labels))

    def feeds(self, items: Sequence[Photo]) -> Iterator[Feeds]:
        """Neighbours of one size are run together, as many as memory is meant for."""
        at = 0
        while at < len(items):
            shape = items[at].pixels.shape
            most = max(1, min(BATCH, MAX_SCORES // (shape[0] * shape[1] * len(self.labels))))
            end = at + 1
            while end < min(len(items), at + most) and items[end].pixels.shape == shape:
                end += 1
            yield {"images": np.stack([item.pixels for item in items[at:end]])}
            at = end

    def finished(self, item: Photo, row: npt.NDArray[Any]) -> Mask:
        return self.result(enlarged(self._numbers(item, row), item.size))  # type: ignore[no-any-return]

    def away(self, row: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
        """The share of pixels that differ; a few may, where two classes are as likely."""
        share = float((row != wanted).mean())
        return share if share > DIFFERING else 0.0

    def stored(self, item: Photo) -> tuple[str, bytes]:
        step = math.ceil(max(item.pixels.shape) / STORED)
        return "png", as_png(np.ascontiguousarray(item.pixels[::step, ::step]))

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        picture_arguments(parser)
        parser.add_argument(
            "-o", "--out", metavar="OUT", help="write the mask as PNG; a folder for several"
        )
        parser.add_argument(
            "--overlay", metavar="OUT", help="write the picture with the mask's colours on it"
        )

    def answer(self, arguments: argparse.Namespace) -> int:
        places = {
            option: _places(arguments.inputs, getattr(arguments, option), option)
            for option in ("out", "overlay")
        }

        def keep(number: int, source: Source, mask: Mask) -> None:
            self._write(mask, source, {o: where[number] for o, where in places.items()})

        return self.answer_each(sources(arguments.inputs), arguments, keep)

    def _write(self, mask: Mask, source: Source, places: dict[str, Path | None]) -> None:
        if places["out"] is not None:
            mask.save(places["out"])
        if places["overlay"] is not None:
            file = io.BytesIO()
            with quiet():
                mask.over(decode(source, self.channels)).save(file, "PNG")
            write_atomically(places["overlay"], file.getvalue())

    def _numbers(self, item: Photo, row: npt.NDArray[Any]) -> Numbers:
        whole = np.floor(row)
        inside = (whole == row) & (row >= 0) & (row < len(self.labels))
        if row.shape != item.pixels.shape[:2] or not inside.all():
            raise ProgramError("the program's graph does not give a class number a pixel")
        return row.astype(np.uint8)


def shrunk(height: int, width: int, size: int, classes: int) -> int:
    """By which factor a picture is made smaller for a network of `size` pixels: 1 unless it has
    far more pixels than the network sees, or than memory is meant for."""
    factor = max(1, min(height, width) // size)
    while math.ceil(height / factor) * math.ceil(width / factor) * classes > MAX_SCORES:
        factor += max(1, factor // 4)
    return factor


def photo(whole: Picture, size: int, classes: int) -> Photo:
    """A picture (H, W, C) as the graph takes it: each pixel the mean of a square of its own."""
    height, width = whole.shape[:2]
    factor = shrunk(height, width, size, classes)
    if factor == 1:
        return Photo(whole, (height, width))
    image = Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole)
    small = np.asarray(image.reduce(factor))
    return Photo(small.reshape(*small.shape[:2], whole.shape[2]), (height, width))


def enlarged(numbers: Numbers, size: tuple[int, int]) -> Numbers:
    """A mask (h, w) at the size (H, W): each pixel takes the one that it lies in."""
    if numbers.shape == size:
        return numbers
    rows, columns = (
        ((np.arange(n) + 0.5) * small / n).astype(np.int64)
        for n, small in zip(size, numbers.shape, strict=True)
    )
    large: Numbers = numbers[rows[:, None], columns]
    return large


def _places(inputs: Sequence[str], out: str | None, option: str) -> list[Path | None]:
    """Where the mask of each input goes: the file `out`, or the folder `out` for several."""
    if out is None:
        return [None] * len(inputs)
    if not os.path.isdir(out):
        if len(inputs) > 1:
            raise UsageError(
                f"for several pictures --{option} must name a folder that is there; "
                f"got {shown(out)}"
            )
        return [Path(out)]
    names = [f"{Path(name).stem or 'mask'}.png" if name != "-" else "mask.png" for name in inputs]
    here = {os.path.realpath(name) for name in inputs if name != "-"}
    over = next((n for n in names if os.path.realpath(os.path.join(out, n)) in here), None)
    if over is not None:
        raise UsageError(
            f"{shown(over)} in {shown(out)} is one of the pictures: name another folder"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OutputError(f"two of the pictures would be written as {shown(twice)}: do one by one")
    return [Path(out) / name for name in names]


def _are_bytes(numbers: object, count: int) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) == count
        and all(type(n) is int and 0 <= n <= 255 for n in numbers)
    )
