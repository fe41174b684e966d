"""Weights in 8 bits: whole numbers from −127 to 127 with a scale for every output.

A quarter of the size; a runtime makes them floats again as it loads them, so nothing is slower.
A network is rounded once, in place: what is measured and what travels are the same numbers. A
graph then tells by the numbers themselves which of them are whole ones times a scale.
(vector-wise quantisation: Dettmers et al. 2022, "LLM.int8()"; only weights, by rounding)
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np

from learnt.engine import nn
from learnt.engine.op import Array

if TYPE_CHECKING:
    import onnx

LEAST = 256  # numbers: a smaller array stays as it is
MOST = 127
EACH = 8  # numbers at least for each scale: a kernel of 3 × 3 has its own
EXACT = 1e-5  # of the largest number of a scale: closer is the same
FLOAT = 1  # ONNX's number for the type


def in_eight_bits(weight: Array) -> tuple[Array, Array] | None:
    """Whole numbers (int8) and the scales whose product is near `weight`; None for a small array.

    A scale is shared by what is along some of the axes: by those that lose least.
    """
    if weight.dtype != np.float32 or weight.ndim < 2 or weight.size < LEAST:
        return None
    best, least = None, np.inf
    for axes in _shared(weight.shape):
        top = np.abs(weight).max(axis=axes, keepdims=True)
        if not np.isfinite(top).all():
            return None
        scales = np.where(top > 0, top, np.float32(1)) / np.float32(MOST)
        whole = np.rint(weight / scales)
        lost = float(np.square(weight - whole * scales).sum(dtype=np.float64))
        if lost < least:
            best, least = (whole.astype(np.int8), scales), lost
    return best


def _shared(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Axes that may share a scale, such that each scale has enough numbers.

    Each output of a convolution has its own: what is near in the mean may be far off in one.
    """
    after, size = tuple(range(1, len(shape))), np.array(shape)
    found = {after, (0,), (len(shape) - 2,)}
    fitting = sorted(axes for axes in found if np.prod(size[list(axes)]) >= EACH)
    return [after] if len(shape) > 3 and after in fitting else fitting


def round_weights(network: nn.Module) -> None:
    """Round all large weights of a network, in place."""
    for name, parameter in network.named_parameters():
        found = None if name.endswith("bias") else in_eight_bits(parameter.array)
        if found is not None:
            parameter.array[...] = found[0] * found[1]


def store_whole(model: "onnx.ModelProto", rounded: Collection[str] = ()) -> "onnx.ModelProto":
    """Store weights that are whole numbers times scales as such, in place; and those named in
    `rounded`, whatever they are.

    Cast → Mul, which ONNX Runtime computes once, as it loads a graph; DequantizeLinear it would
    compute at every run.
    """
    from onnx import helper, numpy_helper

    graph, kept, nodes = model.graph, [], []
    for tensor in graph.initializer:
        weight = numpy_helper.to_array(tensor)
        found = in_eight_bits(weight)
        if found is None or not (tensor.name in rounded or same(weight, *found)):
            kept.append(tensor)
            continue
        name, (whole, scales) = tensor.name, found
        kept += [
            numpy_helper.from_array(array, f"{name}_{part}")
            for part, array in (("int8", whole), ("scale", scales))
        ]
        nodes += [
            helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=FLOAT),
            helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name]),
        ]
    nodes += graph.node
    for field, values in ((graph.initializer, kept), (graph.node, nodes)):
        copies = list(values)
        del field[:]
        field.extend(copies)
    return model


def round_convolutions(model: "onnx.ModelProto", inputs: Iterable[Array | None]) -> None:
    """Store the weights of all convolutions in 8 bits, in place; biases make up for what that
    changes in the mean.

    `inputs` are the mean inputs by channel, of each convolution in order, where they are known:
    Σ (W − W₈) x̄ is added to the bias.  (Nagel et al. 2019)
    """
    from onnx import numpy_helper

    nodes = [node for node in model.graph.node if node.op_type == "Conv"]
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node, mean in zip(nodes, inputs, strict=False):  # a part of a body has fewer of them
        weight, bias = (numpy_helper.to_array(tensors[name]) for name in node.input[1:3])
        found = in_eight_bits(weight)
        if found is not None:
            shift = what_is_missing(weight - found[0] * found[1], mean)
            after = numpy_helper.from_array((bias + shift).astype(np.float32), node.input[2])
            tensors[node.input[2]].CopyFrom(after)
    store_whole(model, {node.input[1] for node in nodes})


def what_is_missing(wrong: Array, mean: Array | None) -> Array | float:
    """By how much each output is less in the mean, where weights are less by `wrong`, (out, in,
    kh, kw) or (channels, 1, kh, kw), and inputs have the mean (in); 0 where nothing is known."""
    if mean is None:
        return 0.0
    each = wrong.sum((2, 3))
    found: Array = each[:, 0] * mean if wrong.shape[1] == 1 else each @ mean
    return found


def same(weight: Array, whole: Array, scales: Array) -> bool:
    """Is the product of whole numbers and scales the weight, but for the last digits?"""
    return bool((np.abs(weight - whole * scales) <= EXACT * MOST * scales).all())
