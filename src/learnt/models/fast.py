"""The body for photos in whole numbers: bytes between the layers, 7-bit weights, no floats.

What a layer's results are like is known without any picture: its batch normalisation says their
mean and deviation, and ReLU6 ends at 6. (Nagel et al. 2019, "Data-free quantization") Weights
have 7 bits, as processors without VNNI add pairs of products in 16 bits, which must hold them:
so all processors answer alike.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.engine.op import Array
from learnt.models.rounding import what_is_missing

if TYPE_CHECKING:
    import onnx

    from learnt.models.efficientnet import EfficientNetLite0

WEIGHTS, BYTE = 63, 255
MOST_BIAS = 2.0**30
DEVIATIONS = 5.0  # around a mean, within which nearly all results are
PIXEL, MIDDLE = np.float32(1 / 127.5), 128  # what one step of a pixel is worth; what is nearly 0

Range = tuple[np.float32, int]  # what one step is worth, and which byte is 0


def ranges(network: "EfficientNetLite0") -> list[Range]:
    """Of each result that no ReLU6 bounds, in the order of the graph: projections and sums."""
    found = list[Range]()
    mean = deviation = np.zeros(1, np.float32)
    for block in network.blocks:
        norm = block.project_norm
        own = norm.bias.array, np.abs(norm.weight.array)
        found.append(_range(*own))
        if block.residual:
            mean, deviation = mean + own[0], np.hypot(deviation, own[1])
            found.append(_range(mean, deviation))
        else:
            mean, deviation = own
    return found


def _range(mean: Array, deviation: Array) -> Range:
    low = min(0.0, float((mean - DEVIATIONS * deviation).min()))
    high = max(0.0, float((mean + DEVIATIONS * deviation).max()))
    step = (high - low) / BYTE
    return np.float32(step), round(-low / step)


class Whole:
    """A chain of convolutions being written again in whole numbers."""

    def __init__(
        self, model: "onnx.ModelProto", known: list[Range], inputs: Iterable[Array | None]
    ) -> None:
        """`known` are the ranges, and `inputs` the mean inputs, of a network of `ranges`."""
        from onnx import numpy_helper

        self.model, self.known, self.inputs = model, iter(known), iter(inputs)
        self.arrays = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.bytes: dict[str, tuple[str, Range]] = {}  # what each float result is now
        self.nodes: list[Any] = []
        self.numbers: dict[str, Array] = {}

    def write(self) -> "onnx.ModelProto":
        """The model with its body in whole numbers; only the features are floats again."""
        from onnx import helper, numpy_helper

        graph, pads = self.model.graph, dict[str, tuple[str, list[int]]]()
        clipped = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Clip"}
        for node in graph.node:
            if node.op_type == "Div":  # pixels about 0
                self.bytes[node.output[0]] = graph.input[0].name, (PIXEL, MIDDLE)
            elif node.op_type == "Pad":
                pads[node.output[0]] = node.input[0], self.arrays[node.input[1]].tolist()
            elif node.op_type == "Conv":
                source, around = pads.get(node.input[0], (node.input[0], []))
                self._convolution(node, source, around, clipped.get(node.output[0]))
            elif node.op_type == "Add":
                self._sum(node)
            elif node.op_type not in ("Cast", "Sub", "Clip"):
                self._floats(node)
        used = {name for node in self.nodes for name in node.input}
        kept = [t for t in graph.initializer if t.name in used]
        kept += [numpy_helper.from_array(a, name) for name, a in self.numbers.items()]
        opsets, version = self.model.opset_import, self.model.ir_version
        made = helper.make_graph(self.nodes, graph.name, graph.input, graph.output, kept)
        return helper.make_model(made, opset_imports=opsets, ir_version=version)

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _number(self, name: str, value: Any, dtype: Any) -> str:
        self.numbers[name] = np.asarray(value, dtype)
        return name

    def _scaled(self, name: str, of: Range) -> list[str]:
        """The names of a range's step and zero."""
        step = self._number(f"{name}_step", of[0], np.float32)
        return [step, self._number(f"{name}_zero", of[1], np.uint8)]

    def _convolution(self, node: Any, source: str, around: list[int], clip: str | None) -> None:
        from onnx import helper

        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if around:
            attributes["pads"] = [*around[2:4], *around[6:8]]
        x, (step, zero) = self.bytes[source]
        weight, bias = self.arrays[node.input[1]], self.arrays[node.input[2]]
        axes = tuple(range(1, weight.ndim))
        top = np.abs(weight).max(axes)
        # No bias may be more than 32 bits hold, where a channel has next to no weights.
        scales = np.maximum(top / WEIGHTS, np.maximum(np.abs(bias), 1e-6) / (step * MOST_BIAS))
        each = scales.reshape(-1, 1, 1, 1)
        whole = np.rint(weight / each).clip(-WEIGHTS, WEIGHTS)
        bias = bias + what_is_missing(weight - whole * each, next(self.inputs))
        if x == self.model.graph.input[0].name:  # a pixel is 127.5 less, and the byte 128
            bias = bias + weight.sum(axes) * PIXEL / 2
        name, y = node.input[1], clip or node.output[0]
        after = (np.float32(6 / BYTE), 0) if clip else next(self.known)
        self._add(
            "QLinearConv",
            [
                x, *self._scaled(f"{name}_x", (step, zero)),
                self._number(f"{name}_int8", whole, np.int8),
                self._number(f"{name}_scale", scales, np.float32),
                self._number(f"{name}_nought", np.zeros(len(scales)), np.int8),
                *self._scaled(f"{name}_y", after),
                self._number(f"{name}_bias", np.rint(bias / (scales * step)), np.int32),
            ],
            f"{y}_bytes",
            **attributes,
        )  # fmt: skip
        self.bytes[y] = f"{y}_bytes", after

    def _sum(self, node: Any) -> None:
        """Two results of layers, added up as floats, which ONNX Runtime does in one go."""
        name, after = node.output[0], next(self.known)
        self._add("Add", [self._float(source) for source in node.input], name)
        self._add("QuantizeLinear", [name, *self._scaled(name, after)], f"{name}_bytes")
        self.bytes[name] = f"{name}_bytes", after

    def _float(self, source: str) -> str:
        """The name of a result as floats."""
        x, of = self.bytes[source]
        name = f"{source}_{len(self.nodes)}"
        self._add("DequantizeLinear", [x, *self._scaled(name, of)], name)
        return name

    def _floats(self, node: Any) -> None:
        """What goes on in floats: the mean over all places."""
        for at, source in enumerate(node.input):
            if source in self.bytes:
                node.input[at] = self._float(source)
        self.nodes.append(node)
