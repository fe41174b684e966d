"""The lines of a table's file: found, unpacked, decoded, bounded.

UTF-8 and UTF-16, with or without a mark; bytes that are not UTF-8 are read as Windows-1252, which
is noted. What is no text (a picture, a zip) is a TableError that says what it is.
"""

import codecs
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeAlias

from learnt.errors import TableError
from learnt.runner.text import shown

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO  # "-" is standard input

STANDARD_INPUT = "standard input"  # what messages call it
MAX_CELL = 16 * 2**20  # characters of a cell
MAX_ROW = 2 * MAX_CELL  # characters of a row
HEAD = 4096  # bytes, by which a file is seen to be no text
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
NO_TEXT = {b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture",
           b"PK\x03\x04": "a zip archive (an .xlsx is one: save it as CSV)", b"%PDF": "a PDF",
           b"\xd0\xcf\x11\xe0": "an old .xls (save it as CSV)"}  # fmt: skip
ESCAPED = re.compile("[\udc80-\udcff]+")  # bytes that were not UTF-8


def table_name(source: Source) -> str:
    """What messages call a table."""
    if isinstance(source, str | os.PathLike):
        return STANDARD_INPUT if source == "-" else shown(source)
    return "the table"


def opened(source: Source, name: str) -> io.BufferedReader:
    """The open file of a table, from its path, "-", its bytes or a file; else a TableError."""
    try:
        if isinstance(source, bytes):
            return _buffered(io.BytesIO(source))
        if source == "-":
            source = sys.stdin.buffer
        if not isinstance(source, str | os.PathLike):
            return source if isinstance(source, io.BufferedReader) else _buffered(source)
        if os.path.isdir(source):
            raise TableError(f"{name} is a folder; give one table: a CSV, JSON lines or Parquet")
        return open(source, "rb")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise TableError(f"{name} cannot be read as a table: {reason}") from None


def _buffered(file: Any) -> io.BufferedReader:
    return io.BufferedReader(file)


class Lines:
    """The lines of a text file, decoded: `number` is the last one's, `notes` what was odd.

    `size` counts the characters since `start()`, so that no row grows without bounds.
    """

    def __init__(self, file: io.BufferedReader, name: str) -> None:
        self.name, self.notes = name, list[str]()
        self.number = self.size = self.before = 0
        self._raw = file
        if file.peek(2)[:2] == b"\x1f\x8b":
            file = io.BufferedReader(gzip.GzipFile(fileobj=file))
        with self.errors():
            head = file.peek(HEAD)[:HEAD]
        for magic, what in NO_TEXT.items():
            if head.startswith(magic):
                raise TableError(f"{name} is not a table but {what}")
        encoding = next((MARKS[mark] for mark in MARKS if head.startswith(mark)), "utf-8-sig")
        if encoding == "utf-8-sig" and b"\0" in head:
            raise TableError(f"{name} begins with NUL bytes, so it is no text, or UTF-16 unmarked")
        errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
        self._file = io.TextIOWrapper(file, encoding, errors, newline="")

    def start(self) -> None:
        """A row begins: its size is counted from here."""
        self.before += self.size
        self.size = 0

    def read(self) -> int:
        """How many characters were read so far."""
        return self.before + self.size

    def __iter__(self) -> Iterator[str]:
        readline = self._file.readline
        with self.errors():
            while line := readline(MAX_ROW):
                self.number += 1
                self.size += len(line)
                if self.size >= MAX_ROW:
                    raise TableError(
                        f"{self.name}, line {self.number}: a row must be shorter than "
                        f"{MAX_ROW:,} characters; is a quote never closed?"
                    )
                if "\0" in line:
                    self._note("holds NUL bytes", "they were passed over")
                    line = line.replace("\0", "")
                if not line.isascii() and ESCAPED.search(line):
                    self._note("is not in UTF-8", "such bytes were read as Windows-1252")
                    line = ESCAPED.sub(_windows, line)
                yield line

    def _note(self, what: str, done: str) -> None:
        """Say it once, of the first line that it is true of."""
        if not any(what in note for note in self.notes):
            name = os.path.basename(self.name)  # the folder is nobody else's business
            self.notes.append(f"{name} {what} (first in line {self.number}): {done}")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of files, decompression and decoding become a TableError."""
        try:
            yield
        except (OSError, EOFError, zlib.error, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise TableError(
                f"{self.name}, after line {self.number}: it cannot be read: {reason}"
            ) from None

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        with suppress(OSError, ValueError):
            if self.name == STANDARD_INPUT:
                self._file.detach()
            else:
                self._file.close()
                self._raw.close()  # which a GzipFile leaves open


def _windows(match: re.Match[str]) -> str:
    data = match[0].encode("utf-8", "surrogateescape")
    return "".join(
        bytes([byte]).decode("cp1252" if byte not in b"\x81\x8d\x8f\x90\x9d" else "latin-1")
        for byte in data
    )
