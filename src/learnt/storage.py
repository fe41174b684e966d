"""Where learnt keeps things: a cache that may be deleted, and the folders of past runs.

`LEARNT_HOME` in the environment puts both below one folder of your choice.
"""

from pathlib import Path

from learnt.runner.folders import cache_folder, home, made

__all__ = ["cache_folder", "runs_folder"]


def runs_folder() -> Path:
    """Where runs are kept, made if it is not there."""
    return made(home("data") / "runs")
