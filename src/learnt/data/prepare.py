"""Preparing pictures: any size in, one size out, as part of the ONNX graph.

The same graph runs here, in the program, over HTTP and in a browser, so all of them agree.
`Resize` with `antialias=1, exclude_outside=1` on bytes stays within one grey level of the exact
result, as Pillow does; the two differ by two levels in fewer than one pixel of a thousand.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.engine.onnx import Graph, Spec


@dataclass(frozen=True)
class Preparation:
    """(N, H, W, C) bytes of any height and width → (N, C, size, size) bytes."""

    size: int
    channels: int

    def write(self, graph: Graph, name: str) -> str:
        """Append the preparation of the value `name` to a graph; returns the result's name."""
        # Channels last until it is resized: ONNX Runtime 1.32 fails on a Transpose before it.
        resized = graph.add(
            "Resize",
            name,
            "",
            "",
            graph.constant([self.size, self.size], "int64"),
            axes=[1, 2],
            mode="linear",
            antialias=1,
            exclude_outside=1,
            coordinate_transformation_mode="half_pixel",
        )
        return graph.add("Transpose", resized, perm=[0, 3, 1, 2])

    def describe(self) -> dict[str, Any]:
        """Its options as plain data; equal descriptions prepare equally."""
        return asdict(self)


class Preparer:
    """Runs a preparation, in ONNX Runtime, one picture at a time (they differ in size)."""

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation
        self._session: Any = None

    def __call__(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """(H, W, C) bytes → (C, size, size) bytes."""
        size = self.preparation.size
        if picture.shape[:2] == (size, size):  # resizing to the same size changes nothing
            return picture.transpose(2, 0, 1)
        if self._session is None:
            self._session = self._open()
        prepared: npt.NDArray[np.uint8] = self._session.run(None, {"images": picture[None]})[0][0]
        return prepared

    def _open(self) -> Any:
        kind, size = np.dtype(np.uint8), self.preparation.size
        given = ("images", kind, image_shape(self.preparation.channels))
        shape: list[str | int] = ["batch", self.preparation.channels, size, size]
        return session_of(self.preparation.write, given, (kind, shape))


def session_of(
    write: Callable[[Graph, str], str],
    given: Spec,
    result: tuple[np.dtype[Any], list[str | int]],
) -> Any:
    """What runs a preparation alone, on one thread: several prepare at once."""
    import onnxruntime

    graph = Graph()
    graph.inputs.append(given)
    graph.outputs.append((write(graph, given[0]), *result))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        graph.proto().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def image_shape(channels: int) -> list[str | int]:
    """The shape of a program's input: batch, height and width are free."""
    return ["batch", "height", "width", channels]
