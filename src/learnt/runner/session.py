"""A graph at work in ONNX Runtime, within bounds of memory and time."""

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from learnt.errors import ProgramError
from learnt.runner.background import begin
from learnt.runner.text import shown
from learnt.runner.watch import timed

Array = npt.NDArray[Any]
MEMORY = 4 * 2**30  # bytes that all graphs of a process may hold: then a run fails
FOLDED = 2**27  # bytes of a value that is computed when a graph is loaded, once and for all
SMALL = 2**16  # bytes of a graph whose operators end before a second thread has woken up

_bounded = False


class Session:
    """A checked ONNX model, made ready in a thread of its own: that lets other threads work.

    ProgramError where it cannot be loaded, or run; it comes when a run is asked for.
    """

    def __init__(self, model: bytes, threads: int = 0) -> None:
        """On so many threads; 0: one for a small graph, else as many as ONNX Runtime likes."""
        self.model = model
        self.threads = threads or int(len(model) < SMALL)
        self.opened = begin(self._open)

    def _open(self) -> tuple[Any, dict[str, None], str]:
        """What runs the graph, its inputs' names, and the first result's."""
        _bound_memory()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self.threads
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry(
            "optimization.constant_folding_max_output_size_in_bytes", str(FOLDED)
        )
        try:
            with timed(onnxruntime.RunOptions()):
                session = onnxruntime.InferenceSession(
                    self.model, options, providers=["CPUExecutionProvider"]
                )
            names = dict.fromkeys(entry.name for entry in session.get_inputs())
            return session, names, session.get_outputs()[0].name
        except Exception as error:  # ONNX Runtime has no common error class
            raise ProgramError(f"the program's graph cannot be loaded: {_told(error)}") from None

    def run(self, feeds: dict[str, Array]) -> Array:
        """The graph's first result for one batch."""
        session, inputs, result = self.opened.result()
        if feeds.keys() != inputs.keys():
            names = ", ".join(map(shown, inputs))
            raise ProgramError(f"the program's graph takes {names}: it is another's")
        options = onnxruntime.RunOptions()
        try:
            with timed(options):
                rows: Array = session.run([result], feeds, options)[0]
        except Exception as error:
            raise ProgramError(f"the program's graph cannot be run: {_told(error)}") from None
        if isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise ProgramError("the program's graph gives what is no number")
        return rows


def _told(error: Exception) -> str:
    """What a runtime says, which may be several lines with names from the graph, on one line."""
    return shown(" ".join(str(error).split()))


def _bound_memory() -> None:
    """All sessions of a process take their memory from one store, of bounded size."""
    global _bounded  # noqa: PLW0603 - a process has one
    if _bounded:
        return
    kinds = onnxruntime.OrtAllocatorType, onnxruntime.OrtMemType
    place = onnxruntime.OrtMemoryInfo("Cpu", kinds[0].ORT_ARENA_ALLOCATOR, 0, kinds[1].DEFAULT)
    limits = onnxruntime.OrtArenaCfg({"max_mem": MEMORY, "arena_extend_strategy": 1})
    with suppress(Exception):  # where a process has a store already, of its own choice
        onnxruntime.create_and_register_allocator(place, limits)
    _bounded = True
