"""Pictures from files: `decode` against Pillow, for every format, mode and way to be held."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from learnt.errors import ImageError
from learnt.runner.images import FORMATS, ORIENTATION, decode, header
from tests.pictures import encoded, photo, small_photo


def by_pillow(data: bytes, mode: str) -> np.ndarray:
    """What Pillow itself makes of a file without transparency."""
    with Image.open(io.BytesIO(data)) as image:
        array = np.asarray(image.convert(mode))
    return array[..., None] if mode == "L" else array


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_decodes_as_pillow_decodes_it(
    tmp_path: Path, kind: str, channels: int
) -> None:
    path = tmp_path / f"cat.{kind.lower()}"
    data = encoded(small_photo(), kind)
    path.write_bytes(data)
    got = decode(path, channels)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, by_pillow(data, "L" if channels == 1 else "RGB"))
    np.testing.assert_array_equal(got, decode(data, channels))
    assert header(data, "cat")[:2] == ((60, 40), False)


def test_a_picture_that_was_stored_without_loss_comes_back_exactly() -> None:
    picture = np.asarray(small_photo())
    for kind, options in (("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        data = encoded(small_photo(), kind, **options)
        np.testing.assert_array_equal(decode(data, 3), picture)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"), ("1", "TIFF"), ("1", "PPM"), ("1", "BMP"), ("L", "PNG"), ("L", "JPEG"),
        ("P", "PNG"), ("P", "GIF"), ("P", "BMP"), ("P", "TIFF"), ("CMYK", "JPEG"),
        ("CMYK", "TIFF"), ("YCbCr", "JPEG"), ("YCbCr", "TIFF"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_every_opaque_mode_decodes_as_pillow_converts_it(
    mode: str, kind: str, channels: int
) -> None:
    data = encoded(small_photo(mode), kind)
    wanted = by_pillow(data, "L" if channels == 1 else "RGB")
    np.testing.assert_array_equal(decode(data, channels), wanted)


def test_a_picture_in_lab_decodes_as_pillow_converts_it() -> None:
    data = encoded(Image.merge("LAB", small_photo().split()), "TIFF")
    np.testing.assert_array_equal(decode(data, 3), by_pillow(data, "RGB"))
    decode(data, 1)


@pytest.mark.parametrize(("mode", "grey"), [("1", True), ("L", True), ("P", False), ("RGB", False)])
def test_the_header_says_whether_a_picture_is_grey(mode: str, grey: bool) -> None:
    assert header(encoded(small_photo(mode), "PNG"), "cat")[:2] == ((60, 40), grey)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_upper_8_of_16_bits_are_the_picture(kind: str) -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    data = encoded(Image.fromarray(levels * 257), kind)  # 0 … 65,535
    assert header(data, "deep")[:2] == ((16, 16), True)
    np.testing.assert_array_equal(decode(data, 1)[..., 0], levels)
    np.testing.assert_array_equal(decode(data, 3), np.stack([levels] * 3, axis=-1))


def test_16_bits_a_pixel_in_a_pgm_are_read_too() -> None:
    levels = (np.arange(64, dtype=">u2") * 1028).reshape(8, 8)
    data = b"P5 8 8 65535\n" + levels.tobytes()
    np.testing.assert_array_equal(decode(data, 1)[..., 0], levels // 257)


def test_the_transparent_colour_of_16_bits_is_white() -> None:
    levels = np.full((4, 4), 257 * 100, np.uint16)
    levels[0, 0] = 5
    data = encoded(Image.fromarray(levels), "PNG", transparency=5)
    got = decode(data, 1)[..., 0]
    assert (got[0, 0], got[1, 1]) == (255, 100)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_transparency_is_put_on_white(mode: str, kind: str) -> None:
    alpha = Image.linear_gradient("L").resize((60, 40))
    alpha.paste(0, (0, 0, 60, 1))
    picture = small_photo(mode)
    picture.putalpha(alpha)
    data = encoded(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(io.BytesIO(data)) as image:
        opaque = image.convert("RGBA")
    white = Image.new("RGBA", opaque.size, "white")
    wanted = np.asarray(Image.alpha_composite(white, opaque).convert("RGB")).astype(int)
    assert np.abs(decode(data, 3).astype(int) - wanted).max() <= 1
    assert (decode(data, 3)[0] == 255).all()  # where nothing is seen


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_the_transparent_colour_of_a_palette_is_white(kind: str) -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.putpixel((0, 0), 0)
    got = decode(encoded(picture, kind, transparency=0), 3)
    assert got[0, 0].tolist() == [255, 255, 255]
    assert got[4, 4].tolist() == [0, 0, 200]


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_a_single_transparent_colour_is_white(mode: str) -> None:
    picture = Image.new(mode, (8, 8), "white")
    picture.putpixel((3, 2), 0)
    clear = (0, 0, 0) if mode == "RGB" else 0
    assert (decode(encoded(picture, "PNG", transparency=clear), 3) == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_however_the_camera_was_held_the_picture_is_upright(kind: str, orientation: int) -> None:
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
             6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    upright = small_photo()  # EXIF 2.3, tag 0x0112: how the stored rows and columns lie
    stored = upright
    if orientation > 1:
        stored = upright.transpose(Image.Transpose[turns[orientation]])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    got = decode(encoded(stored, kind, exif=exif, quality=95, **options), 3)
    assert got.shape == (40, 60, 3)
    away = np.abs(got.astype(int) - np.asarray(upright).astype(int))
    assert away.mean() < (4 if kind == "JPEG" else 1e-9)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    first = small_photo()
    others = [ImageOps.invert(first), ImageOps.mirror(first)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(first, kind, save_all=True, append_images=others, **options)
    np.testing.assert_array_equal(decode(data, 3), by_pillow(data, "RGB"))
    assert np.abs(decode(data, 3).astype(int) - np.asarray(first)).mean() < 8


def test_of_a_cameras_double_picture_the_first_is_taken() -> None:
    first = small_photo()
    data = encoded(first, "MPO", save_all=True, append_images=[ImageOps.invert(first)])
    assert np.abs(decode(data, 3).astype(int) - np.asarray(first)).mean() < 8


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
@pytest.mark.parametrize("at_least", [30, 75, 100, 149, 150])
def test_a_large_picture_is_reduced_by_a_whole_factor_as_pillow_does(
    channels: int, mode: str, at_least: int
) -> None:
    cat = photo()
    wanted = np.asarray(cat.convert(mode).reduce(300 // at_least)).reshape(-1)
    got = decode(encoded(cat, "PNG"), channels, at_least)
    np.testing.assert_array_equal(got.reshape(-1), wanted)
    assert min(got.shape[:2]) >= at_least


def test_a_picture_less_than_twice_as_large_is_not_reduced() -> None:
    assert decode(encoded(photo(), "PNG"), 3, 151).shape == (300, 451, 3)


def test_a_single_pixel_is_a_picture() -> None:
    assert decode(encoded(Image.new("L", (1, 1), 7), "PNG"), 1, 28).tolist() == [[[7]]]


def test_arrays_and_pillow_images_decode_as_their_files_do() -> None:
    for mode in ("L", "RGB", "RGBA", "P"):
        picture = small_photo(mode)
        wanted = decode(encoded(picture, "PNG"), 3)
        np.testing.assert_array_equal(decode(picture, 3), wanted)
        if mode != "P":
            np.testing.assert_array_equal(decode(np.asarray(picture), 3), wanted)
    grey = np.asarray(small_photo("L"))
    np.testing.assert_array_equal(decode(grey[..., None], 1), decode(grey, 1))
    np.testing.assert_array_equal(decode(grey[::-2, ::3], 1)[..., 0], grey[::-2, ::3])


def test_a_pillow_image_is_not_changed() -> None:
    picture = small_photo("RGBA")
    before = picture.tobytes()
    decode(picture, 1, 10)
    assert (picture.mode, picture.tobytes()) == ("RGBA", before)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_an_array_of_another_kind_is_an_error_that_says_what_is_taken(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"must be uint8 of shape|has no pixels \(4 × 0\)"):
        decode(array, 3)
