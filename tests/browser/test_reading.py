"""The page reads pictures as Python does: PNG and JPEG byte for byte, others nearly."""

import base64
import io
import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from learnt.runner.images import decode, header
from learnt.runner.masks import photo
from tests.browser.conftest import evaluated
from tests.pictures import SIGNATURE, chunk, encoded, png_saying, small_photo
from tests.pictures import photo as cat

RAW = """
  let binary = "";
  for (const byte of p.data) binary += String.fromCharCode(byte);
  return [p.width, p.height, btoa(binary)];"""


def read_by(page, data: bytes, channels: int, at_least: int) -> np.ndarray:
    code = f"""
      const whole = await learnt.decodePicture(bytes);
      const side = Math.min(whole.width, whole.height);
      const factor = Math.max(1, Math.floor(side / {at_least}));
      const p = learnt.prepared(whole, {channels}, factor); {RAW}"""
    width, height, pixels = evaluated(page, code, data)
    return np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, channels)


def veiled() -> Image.Image:
    """The cat's face, more transparent from left to right."""
    picture = small_photo("RGBA")
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize(picture.size))
    return picture


def deep() -> Image.Image:
    """16 bits a pixel."""
    values = np.asarray(small_photo("L")).astype(np.uint16) * 211
    return Image.fromarray(values)


def indexed() -> Image.Image:
    return small_photo().quantize(40)


def four_bits(clear: int) -> bytes:
    """16 levels of grey, one of them clear."""
    head = struct.pack(">IIBBBBB", 96, 90, 4, 0, 0, 0, 0)
    lines = b"".join(b"\0" + bytes((n * 37 + y * y) % 256 for n in range(48)) for y in range(90))
    parts = (b"IHDR", head), (b"tRNS", struct.pack(">H", clear)), (b"IDAT", zlib.compress(lines))
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in (*parts, (b"IEND", b"")))


PNGS = {
    "grey": encoded(small_photo("L"), "PNG"),
    "colours": encoded(small_photo(), "PNG"),
    "veiled": encoded(veiled(), "PNG"),
    "veiled grey": encoded(veiled().convert("LA"), "PNG"),
    "black and white": encoded(small_photo("1"), "PNG"),
    "palette": encoded(indexed(), "PNG"),
    "few colours": encoded(small_photo().quantize(4), "PNG", bits=2),
    "a clear colour of a palette": encoded(indexed(), "PNG", transparency=3),
    "palette, veiled": encoded(indexed(), "PNG", transparency=bytes(range(0, 240, 6))),
    "a clear colour": encoded(small_photo(), "PNG", transparency=small_photo().getpixel((9, 9))),
    "a clear grey": encoded(small_photo("L"), "PNG", transparency=100),
    "16 bits": encoded(deep(), "PNG"),
    "veiled nowhere": encoded(small_photo("RGBA"), "PNG"),
    "no clear colour": encoded(small_photo(), "PNG", transparency=(1, 2, 3)),
    **{f"4 bits, clear {key}": four_bits(key) for key in (0, 5, 85)},
}


def test_every_kind_of_png_is_read_as_python_reads_it(opened, program_file):
    page = opened(program_file)
    for name, data in PNGS.items():
        for channels, at_least in itertools.product([1, 3], [40, 11]):
            found = read_by(page, data, channels, at_least)
            np.testing.assert_array_equal(found, decode(data, channels, at_least), name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_turned_as_the_camera_was_held(opened, program_file, kind):
    page, exif = opened(program_file), Image.Exif()
    for how in range(1, 9):
        exif[0x0112] = how
        data = encoded(small_photo(), kind, exif=exif)
        found = read_by(page, data, 3, 60).astype(int)
        assert np.abs(found - decode(data, 3, 60)).max() <= (0 if kind == "PNG" else 2)


REAL = (
    "astronaut.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "retina.jpg",
    "rocket.jpg",
)


def test_jpegs_of_real_photos_are_read_as_python_reads_them(opened, program_file):
    page = opened(program_file)
    for name in REAL:
        with Image.open(Path(skimage.__file__).parent / "data" / name) as picture:
            for quality, subsampling in ((95, 0), (75, 2), (40, 2)):
                options = {"quality": quality, "subsampling": subsampling}
                data = encoded(picture.convert("RGB"), "JPEG", **options)
                found = read_by(page, data, 3, 224)
                np.testing.assert_array_equal(found, decode(data, 3, 224), name)


def test_other_kinds_of_file_differ_by_hardly_a_level(opened, program_file):
    page = opened(program_file)
    for kind in ("JPEG", "WEBP", "BMP", "GIF"):
        data = encoded(small_photo(), kind)
        found = read_by(page, data, 3, 60).astype(int)
        assert np.abs(found - decode(data, 3, 60)).mean() < 0.5, kind


def test_a_large_photo_is_made_smaller_for_masks_as_python_does(opened, mask_program):
    data = encoded(cat().resize((900, 637)), "PNG")
    page = opened(mask_program)
    width, height, pixels = evaluated(
        page, f"const p = (await learnt.kind.read(bytes)).small; {RAW}", data
    )
    found = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 3)
    size = page.evaluate("learnt.manifest.input.size")
    wanted = photo(decode(data, 3), size, page.evaluate("learnt.manifest.labels.length")).pixels
    np.testing.assert_array_equal(found, wanted)


def bomb() -> bytes:
    """A tiny picture, behind whose pixels lie 40 MB more."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(bytes(40_000_000))), (b"IEND", b"")
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in parts)


def test_of_a_png_no_more_is_unpacked_than_it_has_pixels(opened, program_file):
    page = opened(program_file)
    code = """
      const { prototype } = ReadableStreamDefaultReader;
      const own = prototype.read;
      let read = 0;
      prototype.read = async function () {
        const found = await own.call(this);
        read += found.value?.length ?? 0;
        return found;
      };
      const { width, height, data } = await learnt.decodePicture(bytes);
      return [width, height, Array.from(data), read];"""
    *picture, read = evaluated(page, code, bomb())
    assert picture == [1, 1, [0, 0, 0, 255]]
    assert 2 <= read < 1_000_000


BAD = {
    "This file is empty": b"",
    "This is not a picture": b"no picture at all, but a text that is long enough",
    "This picture is damaged": PNGS["colours"][:900],
    "30000 × 30000 pixels": png_saying(30_000, 30_000),
    "damaged: choose another": encoded(small_photo(), "JPEG")[:200],
    "use PNG, JPEG": encoded(small_photo(), "TIFF"),
}


def test_what_is_no_usable_picture_is_said_and_the_page_goes_on(opened, program_file):
    page = opened(program_file)
    for number, (message, data) in enumerate(BAD.items(), 1):
        file = {"name": "x", "mimeType": "", "buffer": data}
        page.set_input_files("input[type=file]", file)
        page.wait_for_selector("#problem:visible")
        assert message in page.text_content("#problem")
        page.locator(".example").first.click()
        page.wait_for_selector(f"body[data-answers='{number}']:not(.busy)")
        assert page.is_hidden("#problem")


def test_the_pictures_of_these_tests_are_what_they_say():
    assert header(PNGS["black and white"], "x")[1]
    with Image.open(io.BytesIO(PNGS["16 bits"])) as image:
        assert image.mode.startswith("I;16")
