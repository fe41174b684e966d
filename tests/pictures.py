"""Picture files for tests: a real photo, digits in odd folders, and files that are broken.

Everything is made below a folder that the test gives.
"""

import io
import shutil
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import skimage
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # with which a PNG file begins


def photo() -> Image.Image:
    """A cat, 451 × 300, RGB; it came with scikit-image."""
    return Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png").convert("RGB")


def small_photo(mode: str = "RGB") -> Image.Image:
    """The cat's face, 60 × 40: upside down or mirrored it is another picture."""
    return photo().crop((100, 50, 340, 210)).resize((60, 40)).convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_saying(width: int, height: int) -> bytes:
    """A whole, tiny PNG file that says it is so large (grey, 8 bits), with one line in it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    line = zlib.compress(b"\0" * (min(width, 100_000) + 1), 9)
    parts = ((b"IHDR", head), (b"IDAT", line), (b"IEND", b""))
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def truncated(file: Path) -> bytes:
    """A picture whose header is whole and whose pixels are not."""
    data = file.read_bytes()
    return data[: len(data) * 2 // 3]


def take(
    digits: Path, folder: Path, counts: Mapping[str, int] | None = None, skip: int = 0
) -> Path:
    """Copies of digits: so many of each class, as in {"3": 12}, after the first `skip`."""
    for label, count in (counts or {"0": 10, "1": 10, "2": 10}).items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for file in sorted((digits / label).iterdir())[skip : skip + count]:
            shutil.copy(file, folder / label)
    return folder


def table(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    """A CSV of these lines."""
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path
