"""Plain text from the bytes of a file, whatever wrote it: which letters do they stand for?

UTF-8 first; UTF-16 where a byte-order mark says so; else Windows-1252, which almost any bytes are.
"""

import codecs
import re

from learnt.errors import DataError

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
