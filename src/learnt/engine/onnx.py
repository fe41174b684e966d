"""Export: a module to a standard ONNX graph, by running it once and writing down what it did.

Every operation knows its ONNX twin (`Op.onnx`), so nothing here knows any operation. The first
dimension of every input stays free: any batch size runs.  (ONNX opset 18, IR version 9)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.engine.autograd import topological_order, trace
from learnt.engine.nn.module import Module
from learnt.engine.ops.op import Array
from learnt.engine.tensor import Tensor

if TYPE_CHECKING:
    import onnx

OPSET = 18
IR_VERSION = 9
TRACED_BATCH = 7  # unlike any size a network is likely to have, so that it is recognised


@dataclass
class Node:
    """One operator of the graph: names in, one name out."""

    kind: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


@dataclass
class Graph:
    """A graph being written; `add` appends an operator and names its result."""

    batch: int = TRACED_BATCH
    nodes: list[Node] = field(default_factory=list)
    initializers: dict[str, Array] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)  # of the constants, never used again
    inputs: list[tuple[str, np.dtype[Any], list[str | int]]] = field(default_factory=list)
    outputs: list[tuple[str, np.dtype[Any], list[str | int]]] = field(default_factory=list)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator; returns the name of its result."""
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(kind, list(inputs), output, attributes))
        return output

    def constant(self, value: Any, dtype: str | None = None) -> str:
        """Numbers that are part of the graph; returns their name."""
        name = f"constant_{next(self.numbers)}"
        self.initializers[name] = np.asarray(value, dtype)
        return name

    def include(self, model: "onnx.ModelProto", name: str) -> str:
        """Append all of a model of one input and one result, fed by the value `name`."""
        from onnx import helper, numpy_helper

        prefix = f"part_{len(self.nodes)}_"
        renamed = {model.graph.input[0].name: name, "": ""}
        for tensor in model.graph.initializer:
            renamed[tensor.name] = prefix + tensor.name
            self.initializers[prefix + tensor.name] = numpy_helper.to_array(tensor)
        for node in model.graph.node:
            renamed[node.output[0]] = prefix + node.output[0]
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            sources = [renamed[source] for source in node.input]
            self.nodes.append(Node(node.op_type, sources, prefix + node.output[0], attributes))
        return renamed[model.graph.output[0].name]

    def proto(self, name: str = "learnt") -> "onnx.ModelProto":
        """The graph as ONNX's own message."""
        from onnx import helper, numpy_helper

        def value(spec: tuple[str, np.dtype[Any], list[str | int]]) -> Any:
            kind = helper.np_dtype_to_tensor_dtype(spec[1])
            return helper.make_tensor_value_info(spec[0], kind, spec[2])

        nodes = [helper.make_node(n.kind, n.inputs, [n.output], **n.attributes) for n in self.nodes]
        weights = [
            numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), key)
            for key, array in self.initializers.items()
        ]
        inputs, outputs = map(value, self.inputs), map(value, self.outputs)
        graph = helper.make_graph(nodes, name, list(inputs), list(outputs), weights)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


@dataclass(frozen=True)
class Value:
    """A value in a graph: its name, and the shape and type it had when traced."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def write(graph: Graph, module: Module, name: str, example: Tensor) -> Value:
    """Append to `graph` what `module` does with its value `name`; returns its result.

    `example` has the shape that the value will have, with `graph.batch` as its first dimension.
    """
    names: dict[int, str] = {id(example): name}
    parameters = {id(t.array): key for key, t in module.state_dict().items()}
    was_training = module.training
    module.eval()
    try:
        with trace():
            result = module(example)
            order = topological_order(result)
    finally:
        module.train(was_training)
    for tensor in order:
        if id(tensor) in names:
            continue
        if tensor.op is not None:
            sources = [names[id(source)] for source in tensor.inputs]
            names[id(tensor)] = tensor.op.onnx(graph, *sources)
        else:
            key = parameters.get(id(tensor.array))
            if key is None:
                names[id(tensor)] = graph.constant(tensor.array)
            else:
                names[id(tensor)] = key
                graph.initializers[key] = tensor.array
    return Value(names[id(result)], result.shape, result.dtype)


def fold_batch_norm(graph: Graph) -> None:
    """Put each batch normalisation into the convolution before it.

    y = γ/√(σ² + ε)·(W∗x + b − μ) + β: both are linear, so the weights can do it all, and there
    are fewer operators to load and to run.
    """
    makers = {node.output: node for node in graph.nodes}
    uses: dict[str, int] = {}
    for node in graph.nodes:
        for source in node.inputs:
            uses[source] = uses.get(source, 0) + 1
    for node in list(graph.nodes):
        conv = makers.get(node.inputs[0]) if node.kind == "BatchNormalization" else None
        if conv is None or conv.kind != "Conv":
            continue
        own = [conv.output, *conv.inputs[1:], *node.inputs[1:]]
        if any(uses[name] > 1 for name in own):  # what others use too stays as it is
            continue
        gamma, beta, mean, var = (graph.initializers.pop(key) for key in node.inputs[1:])
        scale = gamma / np.sqrt(var + np.float32(node.attributes["epsilon"]))
        weight = graph.initializers[conv.inputs[1]]
        graph.initializers[conv.inputs[1]] = weight * scale[:, None, None, None]
        shift = beta - mean * scale
        if len(conv.inputs) > 2:
            shift = shift + graph.initializers[conv.inputs[2]] * scale
            graph.initializers[conv.inputs[2]] = shift
        else:
            conv.inputs.append(graph.constant(shift))
        graph.nodes.remove(node)
        conv.output = node.output


def export(
    module: Module, example: Tensor, input_name: str = "input", batch: int = TRACED_BATCH
) -> "onnx.ModelProto":
    """`module` in evaluation mode as an ONNX model, for inputs like `example` in any batch size.

    Raises NotImplementedError where an operation has no ONNX twin. `batch` is the size of the
    batch that is traced.

    >>> from learnt.engine import nn, zeros, onnx
    >>> model = onnx.export(nn.Linear(3, 2), zeros(1, 3))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm']
    """
    graph = Graph(batch)
    batched = Tensor(np.repeat(example.array[:1], batch, axis=0))
    shape: list[str | int] = ["batch", *example.shape[1:]]
    graph.inputs.append((input_name, example.dtype, shape))
    result = write(graph, module, input_name, batched)
    graph.outputs.append((result.name, result.dtype, ["batch", *result.shape[1:]]))
    fold_batch_norm(graph)
    return graph.proto()
