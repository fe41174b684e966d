"""A series as a picture: the Gramian angular field, as part of the ONNX graph.

A series is shortened by means, rescaled to −1 … 1, and each value read as the cosine of an
angle. The picture holds, for each pair of moments, the cosine of the sum of their angles; a
second one the sine of their difference.  (Wang and Oates 2015, https://arxiv.org/abs/1506.00327)

    cos(a + b) = cos a · cos b − sin a · sin b      sin(a − b) = sin a · cos b − cos a · sin b
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from learnt.engine.onnx import Graph

SIZE = 64  # moments, at most
TINY = 1e-6  # a range below which a series is flat


@dataclass(frozen=True)
class GramianPicture:
    """(N, channels, length) series → (N, 2·channels, size, size), from −1 to 1."""

    channels: int
    length: int

    @property
    def size(self) -> int:
        """Moments, which is the picture's height and width."""
        return min(SIZE, self.length)

    def write(self, graph: Graph, name: str) -> str:
        """Append the picture of the value `name` to a graph; returns the result's name."""
        axis = graph.constant([2], "int64")
        short = graph.add("MatMul", name, graph.constant(means(self.length, self.size)))
        low = graph.add("ReduceMin", short, axis, keepdims=1)
        high = graph.add("ReduceMax", short, axis, keepdims=1)
        middle = graph.add("Mul", graph.add("Add", low, high), graph.constant(0.5, "float32"))
        half = graph.add("Mul", graph.add("Sub", high, low), graph.constant(0.5, "float32"))
        scale = graph.add("Max", half, graph.constant(TINY, "float32"))
        cosine = graph.add("Div", graph.add("Sub", short, middle), scale)  # (N, C, S)
        square = graph.add("Sub", graph.constant(1, "float32"), graph.add("Mul", cosine, cosine))
        sine = graph.add("Sqrt", graph.add("Max", square, graph.constant(0, "float32")))
        rows, columns = graph.constant([3], "int64"), graph.constant([2], "int64")

        def product(a: str, b: str) -> str:  # (N, C, S, S)
            left, right = graph.add("Unsqueeze", a, rows), graph.add("Unsqueeze", b, columns)
            return graph.add("Mul", left, right)

        total = graph.add("Sub", product(cosine, cosine), product(sine, sine))
        difference = graph.add("Sub", product(sine, cosine), product(cosine, sine))
        return graph.add("Concat", total, difference, axis=1)


def means(length: int, size: int) -> npt.NDArray[np.float32]:
    """(length, size): column j takes the mean of the j-th of `size` equal stretches, in which a
    moment on the border counts in part."""
    edges = np.arange(size + 1) * (length / size)
    at = np.arange(length)[:, None]
    inside = np.minimum(at + 1, edges[1:]) - np.maximum(at, edges[:-1])
    shares: npt.NDArray[np.float32] = (inside.clip(0) * (size / length)).astype(np.float32)
    return shares
