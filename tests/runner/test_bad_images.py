"""Files that are no usable pictures: each a clear ImageError, before much is read or decoded."""

import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from learnt.errors import ImageError
from learnt.runner.images import MAX_BYTES, MAX_PIXELS, decode, header, quiet, read
from tests.pictures import encoded, png_saying, small_photo, truncated

KINDS = ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM")
FILES = {kind: encoded(small_photo(), kind) for kind in KINDS}
TURNED = Image.Exif()
TURNED[0x0112] = 6
FILES["JPEG"] = encoded(small_photo(), "JPEG", exif=TURNED)
FILES["TIFF"] = encoded(small_photo(), "TIFF", compression="tiff_lzw")


def refused(path: Path) -> str:
    """What is said of a file that must be refused; always with its name."""
    with quiet(), pytest.raises(ImageError) as caught:
        decode(path, 3)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    assert refused(path).endswith("is empty (0 bytes): a picture file is needed")


@pytest.mark.parametrize("content", [b"just words", b"\0" * 1000, b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "the picture.png"
    path.write_bytes(content)
    message = refused(path)
    assert message.startswith(f"{path} is ")
    assert "save it as one of PNG, JPEG" in message or "replace it, or take it out" in message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF"])
def test_a_truncated_picture_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cut"
    path.write_bytes(encoded(small_photo(), kind))
    path.write_bytes(truncated(path))
    assert "replace it, or take it out" in refused(path) or "save it as" in refused(path)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe, plug = tmp_path / "pipe.png", tmp_path / "plug.png"
    os.mkfifo(pipe)  # opening it would wait for a writer
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(plug))
        for path in (pipe, plug, Path("/dev/null")):
            assert refused(path).endswith("is not a regular file: a picture file is needed")
    assert refused(tmp_path).endswith("is a folder: a picture file is needed")


@pytest.mark.parametrize("name", ["none.png", "file/none.png", "dangling", "loop", "x" * 300])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    message = refused(tmp_path / name)
    assert "does not exist: give a picture file" in message or "cannot be read (" in message


def test_a_name_with_a_null_byte_is_refused() -> None:
    with pytest.raises(ImageError, match=r"a\\x00b.png cannot be a file's name"):
        decode("a\0b.png", 3)


def test_a_name_with_line_breaks_or_other_bytes_stays_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"two\nlines \xff.png")
    path.touch()
    with pytest.raises(ImageError, match=re.escape(r"two\nlines \udcff.png is empty")):
        decode(path, 3)


def test_a_file_of_more_than_32_mb_is_refused_and_one_of_32_is_not(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(encoded(small_photo(), "PNG"))
    os.truncate(path, MAX_BYTES)  # PNG readers stop at its end
    assert decode(path, 3).shape == (40, 60, 3)
    os.truncate(path, MAX_BYTES + 1)
    assert refused(path).endswith(
        "33,554,433 bytes: pictures may have at most 33,554,432 (32 MB); make it smaller first"
    )
    with pytest.raises(ImageError, match="the picture has 33,554,433 bytes"):
        decode(path.read_bytes(), 3)


def test_25_million_pixels_are_read_and_one_row_more_is_refused(tmp_path: Path) -> None:
    assert MAX_PIXELS == 5000 * 5000
    full = Image.new("1", (5000, 5000))
    assert decode(encoded(full, "PNG"), 1, 28).shape[2] == 1
    path = tmp_path / "more.png"
    path.write_bytes(encoded(Image.new("1", (5000, 5001)), "PNG"))
    assert "has 5000 × 5001 = 25,005,000 pixels: at most 25,000,000 are read" in refused(path)


@pytest.mark.parametrize("size", [(10_000, 10_000), (24_500, 24_500), (2**31 - 1, 2**31 - 1)])
def test_a_picture_that_would_be_immense_is_refused_before_it_is_decoded(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_saying(*size))
    assert path.stat().st_size < 2000
    assert "pixels" in refused(path)
    assert "make it smaller first" in refused(path)


def test_refusing_600_million_pixels_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_saying(24_500, 24_500))
    program = (
        "import resource, sys, warnings\n"
        "from learnt.errors import ImageError\n"
        "from learnt.runner.images import decode, quiet\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with quiet():\n"
        "    try:\n"
        "        decode(sys.argv[1], 3)\n"
        "    except ImageError:\n"
        "        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 20 * 2**20  # decoded it is 600 MB, or 1,800


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "TGA", "PCX", "DDS", "ICNS", "JPEG2000"])
def test_formats_that_are_not_needed_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cat.png"  # the name says nothing
    path.write_bytes(encoded(small_photo(), kind))
    assert "is not a picture that can be read: save it as one of" in refused(path)


def test_a_postscript_file_is_refused_without_starting_ghostscript(tmp_path: Path) -> None:
    mark, tools = tmp_path / "started", tmp_path / "bin"
    tools.mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (tools / "gs").chmod(0o755)
    path = tmp_path / "cat.eps"
    path.write_bytes(encoded(small_photo(), "EPS"))
    program = f"from learnt.runner.images import decode; decode({str(path)!r}, 3)"
    search = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=search, capture_output=True, check=False)
    assert b"learnt.errors.ImageError" in done.stderr
    assert not mark.exists()


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "heights.tif"
    Image.fromarray(np.zeros((8, 8), np.float32)).save(path)
    assert refused(path).endswith("which have no fixed white: save it with 8 or 16 bits")


def test_reading_only_the_header_refuses_what_decoding_would(tmp_path: Path) -> None:
    for content in (b"", b"words", png_saying(9000, 9000), png_saying(24_500, 24_500)):
        with quiet(), pytest.raises(ImageError, match="the name of the file"):
            header(content, "the name of the file")
    assert read(Path(__file__)) == Path(__file__).read_bytes()


@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=20),
    cut=st.integers(0, 5000),
    extra=st.binary(max_size=20),
)
@settings(derandomize=True, deadline=None, max_examples=400)
def test_whatever_is_in_a_file_it_is_a_picture_or_an_image_error(
    kind: str, changes: list[tuple[int, int]], cut: int, extra: bytes
) -> None:
    data = bytearray(FILES[kind])
    for at, value in changes:
        data[at % len(data)] = value
    broken = bytes(data[: max(1, len(data) - cut)] if cut < len(data) else data) + extra
    with quiet():
        for channels in (1, 3):
            with suppress(ImageError):  # any other exception fails the test
                got = decode(broken, channels, 16)
                assert got.dtype == np.uint8
                assert got.shape[2] == channels
        with suppress(ImageError):
            size, *_ = header(broken, "the picture")
            assert size[0] * size[1] <= MAX_PIXELS
