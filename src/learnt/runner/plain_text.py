"""Plain text from the bytes of a file, whatever wrote it: which letters do they stand for?

UTF-8 first; UTF-16 where a byte-order mark says so; else Windows-1252, which almost any bytes are.
"""

import codecs
import os
import re
import stat

from learnt.errors import DataError
from learnt.runner.text import shown

MAX_FILE = 32 * 2**20  # bytes of a file with one text that are read

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # that no text has
MOST_CONTROLS = 0.01  # of the characters


def decoded(data: bytes) -> tuple[str, str]:
    """The text with \\n at the ends of lines; and how it was read, where that is not UTF-8.

    DataError where the bytes are empty, or no text.
    """
    text, how = _letters(data)
    if not text.strip():
        raise DataError("is empty")
    if "\x00" in text or len(CONTROLS.findall(text[:100_000])) > MOST_CONTROLS * len(text):
        raise DataError("is no text but binary")
    return text.replace("\r\n", "\n").replace("\r", "\n"), how


def read_text(path: str | os.PathLike[str]) -> tuple[str, str]:
    """The one text of a file, and how it was read; DataError, with its name, where it is none."""
    label = shown(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: a pipe would wait
            raise DataError(f"{label} is not a regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE)
    except OSError as error:
        raise DataError(f"{label} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte in the name
        raise DataError(f"{label} cannot be a file's name: {error}") from None
    try:
        return decoded(whole(data))
    except DataError as error:
        raise DataError(f"{label} {error}") from None


def whole(data: bytes) -> bytes:
    """The data without a part of a character, where reading stopped within one of UTF-8."""
    if len(data) < MAX_FILE:
        return data
    begun = next((i for i in range(1, 4) if data[-i] >= 0xC0), 0)
    return data[:-begun] if begun else data


def _letters(data: bytes) -> tuple[str, str]:
    if data.startswith(UTF16):
        try:
            return data.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError:
            raise DataError("is no text but binary") from None
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "Windows-1252, as it is not UTF-8"
    except UnicodeDecodeError:  # five bytes have no letter there
        return data.decode("latin-1"), "Latin-1, as it is not UTF-8"
