"""A zip file of one layout only: the one that `learnt` writes.

A zip says twice what is in it, before each member and in the directory at its end, and readers
differ in what they believe: Python runs what its `zipimport` finds, others check what `zipfile`
finds, or read from the front. So nothing is left open here: a first line, the members without a
gap, the directory in the same order with the same facts, the end; no comments, extra fields,
links, encryption, zip64. In such a file all readers see the same members.
(Layout: PKWARE's APPNOTE.TXT, 4.3)
"""

import stat
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from learnt.errors import ProgramError
from learnt.runner.zipped import SHEBANG

STORED, DEFLATED = 0, 8
MAX_MEMBERS = 200
_LOCAL = struct.Struct("<4s5H3I2H")  # before a member; then its name and its bytes
_CENTRAL = struct.Struct("<4s6H3I5H2I")  # its entry in the directory; then its name
_END = struct.Struct("<4s4H2IH")
_LOCATOR = 20  # bytes before the end that would make it a zip64 file


@dataclass(frozen=True)
class Entry:
    """A member, as the directory and its own header say."""

    name: str
    size: int  # bytes
    packed: int
    method: int
    crc: int
    begin: int  # of its packed bytes


def unzip(data: bytes, check: Callable[[list[Entry]], None]) -> dict[str, bytes]:
    """The members of a program file by name, in their order; ProgramError for another layout.

    `check` sees the entries, and may refuse them, before anything is unpacked.
    """
    entries = _entries(data)
    check(entries)
    return {entry.name: _unpacked(data, entry) for entry in entries}


def _entries(data: bytes) -> list[Entry]:
    at = len(data) - _END.size
    if at < len(SHEBANG) or not data.startswith(SHEBANG):
        raise ProgramError(f"it must begin with the line {SHEBANG.decode().strip()}")
    found = _END.unpack_from(data, at)
    signature, *disks, count, same, size, begin, comment = found
    _need(signature == b"PK\5\6", "it does not end as a zip file ends")
    _need(count == same and not any(disks) and comment == 0, "it has a comment, or several parts")
    _need(begin + size == at, "its directory is not right before its end")
    _need(data[at - _LOCATOR :][:4] != b"PK\6\7", "it is a zip64 file")
    _need(count <= MAX_MEMBERS, f"it has {count} members; at most {MAX_MEMBERS} are expected")
    entries, place, end = [], begin, len(SHEBANG)
    for _ in range(count):
        _need(place + _CENTRAL.size <= at, "its directory is too short")
        entry, place = _entry(data, place, end)
        end = entry.begin + entry.packed
        entries.append(entry)
    _need(place == at and end == begin, "it has gaps, or members that its directory lacks")
    names = sorted(entry.name for entry in entries)
    _need(all(a != b for a, b in pairwise(names)), "a member is there twice")
    return entries


def _entry(data: bytes, place: int, expected: int) -> tuple[Entry, int]:
    """The directory's entry at `place`, of a member that begins at `expected`; and its end."""
    signature, _, *facts, disk, inner, outer, offset = _CENTRAL.unpack_from(data, place)
    needed, flags, method, _, _, crc, packed, size, letters, extra, comment = facts
    end = place + _CENTRAL.size + letters
    name = data[end - letters : end]
    begin = expected + _LOCAL.size + letters
    called = ascii(name[:80])[1:]
    _need(signature == b"PK\1\2" and offset == expected, "its directory is not in order")
    _need(flags == 0, f"{called} is a link or encrypted, or has other flags")
    _need(not (extra or comment or disk or inner), f"{called} has extra fields")
    mode = outer >> 16
    _need(
        stat.S_IFMT(mode) in (0, stat.S_IFREG) and not outer & 0xFFFF,
        f"{called} is a link or encrypted, or no file",
    )
    _need(method in (STORED, DEFLATED) and needed <= 20, f"{called} is packed in an unknown way")
    _need(method == DEFLATED or packed == size, f"{called} is not as long as it says")
    local = _LOCAL.pack(b"PK\3\4", *facts[:-1]) + name
    _need(data[expected:begin] == local, f"{called} has another header than its entry says")
    _need(name.isascii(), f"it has an unexpected member {called}")
    return Entry(name.decode("ascii"), size, packed, method, crc, begin), end


def _unpacked(data: bytes, entry: Entry) -> bytes:
    raw = data[entry.begin : entry.begin + entry.packed]
    if entry.method == DEFLATED:
        reader = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            raw = reader.decompress(raw, entry.size + 1)
        except zlib.error as error:
            raise ProgramError(f"{entry.name} is damaged: {error}") from None
        _need(reader.eof and not reader.unused_data, f"{entry.name} is not as long as it says")
    _need(len(raw) == entry.size, f"{entry.name} is not as long as it says")
    _need(zlib.crc32(raw) == entry.crc, f"{entry.name} is damaged: its checksum differs")
    return raw


def _need(holds: bool, wrong: str) -> None:
    if not holds:
        raise ProgramError(wrong)
