"""The whole program as one ONNX graph: a raw input such as a picture in, its answer out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.prepare import image_shape
from learnt.engine import nn
from learnt.engine.onnx import Graph, Spec, fold_batch_norm, write
from learnt.engine.tensor import Tensor
from learnt.models.rounding import store_whole

Finish = Callable[[Graph, str], str]  # appends what turns scores into answers
WriteInputs = Callable[[Graph, str], str]  # appends what turns raw input into the model's


def program_graph(
    write_inputs: WriteInputs,
    model: nn.Module,
    row: npt.NDArray[Any],
    channels: int,
    finish: Finish | None = None,
) -> bytes:
    """Prepare → (body) → model → `finish`, or else softmax: `images` (N, H, W, C) bytes →
    probabilities (N, K), or what else the answers are.

    `row` is one input of the model, of shape (1, …).
    """
    spec = ("images", np.dtype(np.uint8), image_shape(channels))
    return class_graph(spec, write_inputs, model, row, finish)


def class_graph(
    spec: Spec,
    write_inputs: WriteInputs,
    model: nn.Module,
    row: npt.NDArray[Any],
    finish: Finish | None = None,
) -> bytes:
    """The same for any raw input: its name, type and shape are `spec`."""
    graph = Graph()
    graph.inputs.append(spec)
    entry = write_inputs(graph, spec[0])
    scores = write(graph, model, entry, Tensor(row))
    fold_batch_norm(graph)
    answers = finish(graph, scores.name) if finish else graph.add("Softmax", scores.name, axis=1)
    graph.outputs.append((answers, np.dtype(np.float32), list(scores.shape)))
    data: bytes = graph.proto().SerializeToString()
    return data


def small(graph: bytes) -> bytes:
    """The same graph; what is whole numbers times scales in it is stored as such."""
    import onnx

    data: bytes = store_whole(onnx.load_model_from_string(graph)).SerializeToString()
    return data


def mask_graph(
    write_inputs: WriteInputs, model: nn.Module, row: npt.NDArray[Any], channels: int
) -> bytes:
    """Prepare → (body) → model → back to the picture's size: `images` (N, H, W, C) bytes →
    `classes` (N, H, W), the number of each pixel's likeliest class as a float."""
    graph = Graph()
    graph.inputs.append(("images", np.dtype(np.uint8), image_shape(channels)))
    scores = write(graph, model, write_inputs(graph, "images"), Tensor(row))
    fold_batch_norm(graph)
    size = graph.add("Shape", "images", start=1, end=3)
    large = graph.add(
        "Resize",
        scores.name,
        "",
        "",
        size,
        axes=[2, 3],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    best = graph.add("Cast", graph.add("ArgMax", large, axis=1, keepdims=0), to=1)
    graph.outputs.append((best, np.dtype(np.float32), ["batch", "height", "width"]))
    data: bytes = graph.proto().SerializeToString()
    return data
