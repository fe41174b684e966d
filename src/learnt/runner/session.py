"""What runs a program's graph: ONNX Runtime, made ready in a thread of its own.

It lets other threads work meanwhile, so the tokenizer is read and the picture decoded in time
that is needed anyhow.
"""

from typing import Any

import onnxruntime

from learnt.errors import ProgramError
from learnt.runner.background import begin
from learnt.runner.graph_check import check_graph


class Session:
    """A graph that can be run; a ProgramError comes when it is first asked for."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.opened = begin(self._open)

    def get(self) -> tuple[Any, list[str], str]:
        """What runs the graph, once it was checked; its inputs' names, and the first result's."""
        return self.opened.result()

    def _open(self) -> tuple[Any, list[str], str]:
        check_graph(self.model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                self.model, options, providers=["CPUExecutionProvider"]
            )
            names = [entry.name for entry in session.get_inputs()]
            return session, names, session.get_outputs()[0].name
        except Exception as error:  # ONNX Runtime has no common error class
            raise ProgramError(f"the program's graph cannot be loaded: {error}") from None
