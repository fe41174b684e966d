"""Where learnt keeps things: a cache that may be deleted, and the folders of past runs.

`LEARNT_HOME` in the environment puts both below one folder of your choice.
"""

import os
from pathlib import Path

from learnt.errors import OutputError
from learnt.runner.text import shown


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, made if it is not there."""
    return _made(_home("cache").joinpath(*parts))


def runs_folder() -> Path:
    """Where runs are kept, made if it is not there."""
    return _made(_home("data") / "runs")


def _home(kind: str) -> Path:
    chosen = os.environ.get("LEARNT_HOME")
    if chosen:
        return Path(chosen) / kind
    import platformdirs

    found = platformdirs.user_cache_dir if kind == "cache" else platformdirs.user_data_dir
    return Path(found("learnt", appauthor=False))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {shown(folder)} cannot be made: {error.strerror}; "
            "set LEARNT_HOME to a folder that can be written"
        ) from None
    return folder
