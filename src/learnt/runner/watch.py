"""What takes too long is stopped: a graph from a stranger may be made to run for days.

ONNX Runtime looks between two operators whether it shall stop. Where one operator alone has no
end, only the end of the process helps: a command line may end itself, a library may not.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS = 120.0  # of one run of a graph
MORE = 60.0  # until a process that is ours ends
TICK = 1.0

_running: dict[int, tuple[float, Any]] = {}
_state: dict[str, Any] = {"ours": False, "thread": None}


def may_end_process() -> None:
    """This process is a command line of ours, which may end itself."""
    _state["ours"] = True


@contextmanager
def timed(options: Any) -> Iterator[None]:
    """Set `options.terminate` if what is done in here takes longer than SECONDS."""
    if _state["thread"] is None or not _state["thread"].is_alive():  # a fork has no threads
        _state["thread"] = threading.Thread(target=_watch, daemon=True)
        _state["thread"].start()
    _running[id(options)] = time.monotonic(), options
    try:
        yield
    finally:
        del _running[id(options)]


def _watch() -> None:
    while True:
        time.sleep(TICK)
        for begun, options in list(_running.values()):
            seconds = time.monotonic() - begun
            if seconds > SECONDS:
                options.terminate = True
            if seconds > SECONDS + MORE and _state["ours"]:
                print(f"error: the program's graph has no end in {seconds:.0f} seconds: stopped",
                      file=sys.stderr, flush=True)  # fmt: skip
                os._exit(2)
