"""Writing files so that nothing is lost: beside the old one first, then in its place at once."""

import os
import tempfile
from pathlib import Path

from learnt.errors import OutputError
from learnt.runner.text import shown


def write_atomically(path: str | os.PathLike[str], data: bytes, executable: bool = False) -> Path:
    """Write a file beside `path`, then put it in its place: never half of it, and OutputError
    with the old file still there if the disk is full or the folder missing. A link stays one;
    what is no ordinary file (a device, a pipe) is left alone."""
    temporary = None
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            raise OSError("it is not an ordinary file")
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, (0o777 if executable else 0o666) & ~umask)
        os.replace(temporary, target)
        return Path(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{shown(path)} cannot be written: {reason}. Nothing was changed; choose another place"
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
