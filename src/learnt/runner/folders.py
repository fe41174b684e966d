"""Where things are kept on this machine: a cache that may be deleted, and data that may not.

`LEARNT_HOME` in the environment puts both below one folder of your choice; without it they are
where each system's programs keep such things (the XDG folders, `Library`, `LOCALAPPDATA`).
"""

import os
import sys
from pathlib import Path

from learnt.errors import OutputError
from learnt.runner.text import shown

SYSTEMS = {  # the variable that may name the folder, the folder else, what comes below "learnt"
    "linux": {
        "cache": ("XDG_CACHE_HOME", ".cache", ""),
        "data": ("XDG_DATA_HOME", ".local/share", ""),
    },
    "darwin": {
        "cache": ("XDG_CACHE_HOME", "Library/Caches", ""),
        "data": ("XDG_DATA_HOME", "Library/Application Support", ""),
    },
    "win32": {
        "cache": ("LOCALAPPDATA", "AppData/Local", "Cache"),
        "data": ("LOCALAPPDATA", "AppData/Local", ""),
    },
}


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, made if it is not there; OutputError where that cannot be."""
    return made(home("cache").joinpath(*parts))


def home(kind: str) -> Path:
    """The folder of a kind of thing, "cache" or "data", whether it is there or not; OutputError
    where nobody says which it is."""
    chosen = os.environ.get("LEARNT_HOME")
    if chosen:
        return Path(chosen) / kind
    variable, usual, below = SYSTEMS.get(sys.platform, SYSTEMS["linux"])[kind]
    base = os.environ.get(variable, "").strip()
    if base:
        return Path(base) / "learnt" / below
    try:
        return Path.home() / usual / "learnt" / below
    except RuntimeError:
        raise OutputError("no home folder is known: set LEARNT_HOME to a folder") from None


def made(folder: Path) -> Path:
    """The same folder, made if it is not there; OutputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {shown(folder)} cannot be made: {error.strerror}; "
            "set LEARNT_HOME to a folder that can be written"
        ) from None
    return folder
