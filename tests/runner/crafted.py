"""Program files made by hand: a good one, with members changed, added or left out.

The hashes in the manifest are made right again unless a test wants them wrong, so that each
test breaks one thing only.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Members = dict[str, bytes]


def members_of(file: Path) -> Members:
    """The members of a program file by name, in their order."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """These members as a program file is laid out, whatever they are."""
    file = io.BytesIO(b"#!/usr/bin/env python3\n")
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "a", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def with_hashes(members: Members, **facts: Any) -> Members:
    """The members with their manifest's facts changed, and its hashes made right."""
    manifest = {**json.loads(members["manifest.json"]), **facts}
    rest = {name: data for name, data in members.items() if name != "manifest.json"}
    manifest["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in rest.items()}
    return {"manifest.json": json.dumps(manifest).encode(), **rest}


def changed(file: Path, members: Mapping[str, bytes | None], **facts: Any) -> bytes:
    """A program file with members replaced, added or (None) taken out; all hashes right."""
    new = {**members_of(file), **members}
    kept = {name: data for name, data in new.items() if data is not None}
    return zipped(with_hashes(kept, **facts))
