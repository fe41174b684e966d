"""Zip files that lie: built field by field, so that any field may say something else."""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SHEBANG = b"#!/usr/bin/env python3\n"
LOCAL = ("signature", "needed", "flags", "method", "time", "date", "crc", "packed", "size",
         "letters", "extra")  # fmt: skip
PLACE = ("comment", "disk", "inner", "outer", "offset")
CENTRAL = (LOCAL[0], "made", *LOCAL[1:], *PLACE)
END = ("signature", "disk", "where", "here", "count", "length", "offset", "comment")


@dataclass
class Member:
    """A member; `local` and `central` replace fields of its header and of its entry."""

    name: bytes
    data: bytes
    method: int = 8
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    extra: bytes = b""  # of the header
    central_extra: bytes = b""
    comment: bytes = b""
    after: bytes = b""  # its packed bytes
    packed: bytes | None = None  # what stands there instead of its own
    local_name: bytes | None = None
    listed: bool = True  # in the directory

    def raw(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == 8 else self.data


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def built(
    members: Iterable[Member],
    prefix: bytes = SHEBANG,
    before: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    end: dict[str, int] | None = None,
) -> bytes:
    """A zip file; `before` and `after` stand around its directory, `end` replaces fields."""
    file, entries = bytearray(prefix), []
    for member in members:
        raw, name = member.raw(), member.name
        facts = {"signature": b"PK\3\4", "made": 20 | 3 << 8, "needed": 20, "flags": 0,
                 "method": member.method, "time": 0, "date": 33, "crc": zlib.crc32(member.data),
                 "packed": len(raw), "size": len(member.data), "letters": len(name), "disk": 0,
                 "inner": 0, "outer": 0o644 << 16, "offset": len(file)}  # fmt: skip
        own = member.local_name if member.local_name is not None else name
        header = {**facts, "letters": len(own), "extra": len(member.extra), **member.local}
        entry = {**facts, "signature": b"PK\1\2", "extra": len(member.central_extra),
                 "comment": len(member.comment), **member.central}  # fmt: skip
        file += struct.pack("<4s5H3I2H", *(header[key] for key in LOCAL))
        file += own + member.extra + raw + member.after
        if member.listed:
            packed = struct.pack("<4s6H3I5H2I", *(entry[key] for key in CENTRAL))
            entries.append(packed + name + member.central_extra + member.comment)
    file += before
    facts = {"signature": b"PK\5\6", "disk": 0, "where": 0, "here": len(entries),
             "count": len(entries), "length": len(b"".join(entries)), "offset": len(file),
             "comment": len(comment), **(end or {})}  # fmt: skip
    file += b"".join(entries) + after
    return bytes(file + struct.pack("<4s4H2IH", *(facts[key] for key in END)) + comment)


def hashed(members: dict[str, bytes], **facts: Any) -> dict[str, bytes]:
    """Members with a manifest that lists their hashes, and says these facts."""
    manifest = {**json.loads(members["manifest.json"]), **facts}
    rest = {name: data for name, data in members.items() if name != "manifest.json"}
    manifest["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in rest.items()}
    return {"manifest.json": json.dumps(manifest).encode(), **rest}


def listed(members: dict[str, bytes]) -> list[Member]:
    """As they are."""
    return [Member(name.encode(), data) for name, data in members.items()]
