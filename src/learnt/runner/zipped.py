"""The members of a program as the bytes of its file: the same members give the same bytes."""

import io
import zipfile
import zlib
from collections.abc import Mapping

SHEBANG = b"#!/usr/bin/env python3\n"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # zip's first moment: the same training gives the same bytes


def zipped(members: Mapping[str, bytes]) -> bytes:
    """An executable zip of the members, in their order."""
    file = io.BytesIO()
    file.write(SHEBANG)
    with zipfile.ZipFile(file, "a") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, EARLIEST)
            info.external_attr = 0o644 << 16
            packed = _shrinks(name, data)
            info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return file.getvalue()


def _shrinks(name: str, data: bytes) -> bool:
    """Is it worth its time to read it packed? A graph is only where it is more than halved."""
    if name.endswith(".onnx"):
        return 2 * len(zlib.compress(data, 1)) < len(data)
    return not name.endswith(".png")
