"""What takes too long is stopped: a graph from a stranger may be made to run for days.

ONNX Runtime looks between two operators whether it shall stop. Where one operator alone has no
end, only the end of the process helps: a command line may end itself, a library may not.
"""

import os
import sys
import threading
import time
from typing import Any

SECONDS = 120.0  # of one run of a graph
MORE = 60.0  # until a process that is ours ends
TICK = 1.0

_running: dict[int, tuple[float, Any]] = {}
_state = {"ours": False, "process": 0}  # the process whose runs a thread of ours looks at


def may_end_process() -> None:
    """This process is a command line of ours, which may end itself."""
    _state["ours"] = True


class timed:  # noqa: N801 - used as `with timed(options):`, for every run of a graph: no generator
    """Set `options.terminate` if what is done in here takes longer than SECONDS."""

    __slots__ = ("options",)

    def __init__(self, options: Any) -> None:
        self.options = options

    def __enter__(self) -> None:
        if _state["process"] != os.getpid():  # a fork has no threads
            _state["process"] = os.getpid()
            threading.Thread(target=_watch, daemon=True).start()
        _running[id(self.options)] = time.monotonic(), self.options

    def __exit__(self, *error: object) -> None:
        del _running[id(self.options)]


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
