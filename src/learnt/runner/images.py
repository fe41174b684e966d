"""Any picture file → an array of bytes, the same everywhere: in training and in the program.

Limits hold before anything is decoded. EXIF rotation is applied, transparency is put on white,
the first frame of an animation is taken, and every mode becomes grey or red-green-blue.
"""

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from learnt.errors import ImageError
from learnt.runner.text import shown

Picture = npt.NDArray[np.uint8]  # (height, width, channels)
Source = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[Any]

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 25_000_000
ORIENTATION = 0x0112  # the EXIF tag that says how a camera was held
NAMELESS = "the picture"  # what messages call one that did not come from a file
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # none that runs a program


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file of at most 32 MB; an ImageError says what is wrong else."""
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            what = "a folder" if stat.S_ISDIR(facts.st_mode) else "not a regular file"
            raise ImageError(f"{shown(path)} is {what}: a picture file is needed")
        check_size(facts.st_size, shown(path))
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{shown(path)} does not exist: give a picture file") from None
    except ValueError as error:  # a null byte in the name
        raise ImageError(f"{shown(path)} cannot be a file's name ({error}): give another") from None
    except OSError as error:
        raise ImageError(
            f"{shown(path)} cannot be read ({error.strerror}): check the file and its permissions"
        ) from None


def check_size(size: int, label: str) -> None:
    """Is a file of so many bytes a picture we may open?"""
    if size == 0:
        raise ImageError(f"{label} is empty (0 bytes): a picture file is needed")
    if size > MAX_BYTES:
        raise ImageError(
            f"{label} has {size:,} bytes: pictures may have at most {MAX_BYTES:,} "
            f"({MAX_BYTES // 2**20} MB); make it smaller first"
        )


def decode(source: Source, channels: int, at_least: int | None = None) -> Picture:
    """The picture as (height, width, channels) bytes; `channels` is 1 (grey) or 3 (RGB).

    `source` is a path, the bytes of a file, a Pillow image, or an array: (H, W) or (H, W, 1/3/4)
    of uint8. A picture whose shorter side is twice `at_least` or more is made smaller by a whole
    factor, each pixel the mean of its square, so that what follows need not see millions.
    Raises ImageError, with the file's name, for anything that is not a usable picture.
    """
    if isinstance(source, np.ndarray):
        return _convert(_from_array(source), channels, at_least)
    if isinstance(source, Image.Image):
        return _convert(source, channels, at_least)
    data = source if isinstance(source, bytes) else read(source)
    label = NAMELESS if isinstance(source, bytes) else shown(source)
    with _opened(data, label) as image:
        return _convert(_upright(image), channels, at_least, label)


def header(
    data: bytes, label: str, decode_up_to: int = 0
) -> tuple[tuple[int, int], bool, Picture | None]:
    """((width, height), is it grey?, its pixels) of a picture's bytes.

    Pixels are decoded only of pictures of at most so many, else None. Raises ImageError, in
    which `label` is the picture's name, where they cannot be a picture.
    """
    with _opened(data, label) as image:
        grey = image.mode in ("1", "L", "I", "I;16", "I;16B", "I;16L")
        pixels = None
        if image.size[0] * image.size[1] <= decode_up_to:
            pixels = _convert(_upright(image), 1 if grey else 3, None, label)
        return image.size, grey, pixels


@contextmanager
def _opened(data: bytes, label: str) -> Iterator[Image.Image]:
    """The picture in a file's bytes, its size checked; any failure inside is an ImageError."""
    check_size(len(data), label)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_pixels(image.size, label)
            yield image
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{label} has far more pixels than the {MAX_PIXELS:,} that are read: "
            "make it smaller first"
        ) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{label} is not a picture that can be read: save it as one of {', '.join(FORMATS)}"
        ) from None
    except Exception as error:  # Pillow's readers raise whatever a broken file provokes
        raise ImageError(f"{label} is damaged ({error}): replace it, or take it out") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings of odd files: we judge by the result. Not for several threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_pixels(size: tuple[int, int], label: str) -> None:
    """May a picture of this size be decoded?"""
    width, height = size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{label} has {width} × {height} = {width * height:,} pixels: "
            f"at most {MAX_PIXELS:,} are read; make it smaller first"
        )
    if width * height == 0:
        raise ImageError(f"{label} has no pixels ({width} × {height})")


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image) if _is_turned(image) else image


def _is_turned(image: Image.Image) -> bool:
    return bool(image.getexif().get(ORIENTATION, 1) != 1)


def _convert(
    image: Image.Image, channels: int, at_least: int | None, label: str = NAMELESS
) -> Picture:
    check_pixels(image.size, label)
    if image.mode.startswith("I"):  # 16 bits a pixel: the upper 8 are the picture
        deep = np.asarray(image).astype(np.int64)
        deep[deep == image.info.get("transparency", -1)] = 65535
        image = Image.fromarray((np.clip(deep, 0, 65535) // 257).astype(np.uint8))
    elif image.mode == "F":
        raise ImageError(
            f"{label} has floating-point pixels, which have no fixed white: "
            "save it with 8 or 16 bits"
        )
    factor = min(image.size) // at_least if at_least else 1
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = _smaller(image.convert("RGBA"), factor)
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image, factor = white, 1
    if image.mode == "LAB":  # Pillow turns it into RGB only
        image = image.convert("RGB")
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    image = _smaller(image, factor)
    array = np.asarray(image)
    return array.reshape(*array.shape[:2], channels)


def _smaller(image: Image.Image, factor: int) -> Image.Image:
    """Each square of `factor` pixels as their mean, weighed by how opaque they are."""
    return image.reduce(factor) if factor > 1 else image


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype != np.uint8 or not (
        flat.ndim == 2 or (flat.ndim == 3 and flat.shape[2] in (3, 4))
    ):
        raise ImageError(
            "a picture as an array must be uint8 of shape (H, W), (H, W, 1), (H, W, 3) or "
            f"(H, W, 4); got {array.dtype} of shape {array.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(flat))
