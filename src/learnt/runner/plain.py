"""Plain text out of bytes, whatever its encoding; and a text made fit to be cut into words.

UTF-8 and UTF-16 with a mark are read as such, and all else that is not UTF-8 as Windows-1252.
Bytes that are no text (a picture, a zip) are a DataError.
"""

import codecs
import os
import re
import stat

from learnt.errors import DataError
from learnt.runner.lines import MARKS, NO_TEXT
from learnt.runner.text import shown

MAX_FILE = 32 * 2**20  # bytes of a file that are read; the rest is left, which is said
CHARACTERS = 32_768  # of a text that are looked at
LONE = re.compile("[\ud800-\udfff]")  # halves of characters, which are no text by themselves


def read_text(path: str | os.PathLike[str]) -> tuple[str, str]:
    """A file's text, and a note on how it was read, or ''. DataError where it is none."""
    label = shown(path)
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{label} is not a regular file")
            data = file.read(MAX_FILE)
    except OSError as error:
        raise DataError(f"{label} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte in the name
        raise DataError(f"{label} cannot be a file's name: {error}") from None
    return decoded(data, label)


def decoded(data: bytes, label: str) -> tuple[str, str]:
    """Bytes as text, and a note on its encoding, or ''; messages call them `label`."""
    for magic, what in NO_TEXT.items():
        if data.startswith(magic):
            raise DataError(f"{label} is not a text but {what}")
    mark = next((mark for mark in MARKS if data.startswith(mark)), None)
    if mark is not None:
        return data.decode(MARKS[mark], "replace"), ""
    if b"\0" in data:
        raise DataError(f"{label} is not a text: it holds NUL bytes")
    try:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        return decoder.decode(data, final=len(data) < MAX_FILE), ""
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        return text, f"{label} is not in UTF-8: it was read as Windows-1252"


def fit(text: str, characters: int = CHARACTERS) -> str:
    """The beginning of a text, so many characters of it, without halves of characters."""
    text = text[:characters]
    return text if text.isascii() else LONE.sub("\N{REPLACEMENT CHARACTER}", text)
