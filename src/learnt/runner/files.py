"""Writing files so that nothing is lost: beside the old one first, then in its place at once."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from learnt.errors import OutputError, UsageError
from learnt.runner.text import shown


def write_atomically(path: str | os.PathLike[str], data: bytes, executable: bool = False) -> Path:
    """Write a file whole, as `in_place` does."""
    with in_place(path, executable) as file:
        file.write(data)
    return Path(path)


@contextmanager
def in_place(path: str | os.PathLike[str], executable: bool = False) -> Iterator[BinaryIO]:
    """A new file beside `path`, put in its place when all went well: never half of it, and
    OutputError with the old file still there if the disk is full or the folder missing. A link
    stays one; what is no ordinary file (a device, a pipe) is left alone, which is said first."""
    temporary = None
    try:
        target = _real(path)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, (0o777 if executable else 0o666) & ~umask)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(
            f"{shown(path)} cannot be written: {error.strerror or error}. Nothing was changed; "
            "choose another place"
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def check_unread(path: str | os.PathLike[str], read: Iterable[tuple[str, object]]) -> None:
    """What is written must not be what is read, by whatever name: UsageError if it is.

    `read` are names of files, or texts, each with what to call it.
    """
    for what, name in read:
        try:
            same = os.path.samefile(path, name)  # type: ignore[arg-type]
        except (OSError, ValueError, TypeError):  # one of them is no file at all
            continue
        if same:
            raise UsageError(f"{shown(path)} is {what} itself: name another file to write")


def _real(path: str | os.PathLike[str]) -> Path:
    """Where a file is, or will be; OSError where it can be none."""
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:  # a null byte in the name
        raise OSError(str(error)) from None
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError("it is not an ordinary file")
    return target
