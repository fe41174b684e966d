"""Export: a module to a standard ONNX graph, by running it and writing down what it did.

Every operation knows its ONNX twin (`Op.onnx`), so nothing here knows any operation. A graph is
traced at several batch sizes (and lengths, if they are free): what differs depends on the sizes
and is computed in the graph (`follow.py`), so any size runs, or it is an error.
(ONNX opset 18, IR version 9)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.engine.autograd import Constant, no_grad, topological_order, trace
from learnt.engine.follow import Sizes, follow_sizes, points
from learnt.engine.nn.module import Module
from learnt.engine.op import Array, Op
from learnt.engine.tensor import Tensor

if TYPE_CHECKING:
    import onnx

OPSET = 18
IR_VERSION = 9
FREE = ("batch",)  # the names of the dimensions that stay free, which come first

Function = Callable[..., Any]
Spec = tuple[str, np.dtype[Any], list[str | int]]  # of an input or a result


@dataclass
class Node:
    """One operator of the graph: names in, names out."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass
class Graph:
    """A graph being written; `add` appends an operator and names its result."""

    nodes: list[Node] = field(default_factory=list)
    initializers: dict[str, Array] = field(default_factory=dict)
    named: int = 0  # how many names were given: none is given again
    inputs: list[Spec] = field(default_factory=list)
    outputs: list[Spec] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)  # what each was when traced

    def add(self, kind: str, *inputs: str, output: int = 0, **attributes: Any) -> str:
        """Append an operator; returns the name of its result (or of a later one, by number)."""
        name = self._new(kind.lower())
        outputs = [name, *(f"{name}_{i}" for i in range(1, output + 1))]
        self.nodes.append(Node(kind, list(inputs), outputs, attributes))
        return outputs[output]

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Numbers that are part of the graph; returns their name."""
        name = self._new("constant")
        self.initializers[name] = np.asarray(value, dtype)
        return name

    def traced(self, name: str) -> Array:
        """What the value `name` was when it was traced: its shape and type."""
        return self.initializers[name] if name in self.initializers else self.values[name]

    def copy(self) -> "Graph":
        """Another graph that begins as this one; the numbers themselves are shared."""
        nodes, numbers, values = [*self.nodes], {**self.initializers}, {**self.values}
        return replace(self, nodes=nodes, initializers=numbers, values=values)

    def _new(self, kind: str) -> str:
        self.named += 1
        return f"{kind}_{self.named - 1}"

    def include(self, model: "onnx.ModelProto", name: str) -> str:
        """Append all of a model of one input and one result, fed by the value `name`."""
        from onnx import helper, numpy_helper

        prefix = f"part_{len(self.nodes)}_"
        renamed = {model.graph.input[0].name: name, "": ""}
        for tensor in model.graph.initializer:
            renamed[tensor.name] = prefix + tensor.name
            self.initializers[prefix + tensor.name] = numpy_helper.to_array(tensor)
        for node in model.graph.node:
            renamed |= {name: prefix + name for name in node.output}
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            sources, results = ([renamed[n] for n in names] for names in (node.input, node.output))
            self.nodes.append(Node(node.op_type, sources, results, attributes))
        return renamed[model.graph.output[0].name]

    def proto(self, name: str = "learnt") -> "onnx.ModelProto":
        """The graph as ONNX's own message."""
        from onnx import helper, numpy_helper

        def value(spec: Spec) -> Any:
            kind = helper.np_dtype_to_tensor_dtype(spec[1])
            return helper.make_tensor_value_info(spec[0], kind, spec[2])

        nodes = [  # named, as ONNX Runtime 1.20 makes the names of what it fuses from theirs
            helper.make_node(n.kind, n.inputs, n.outputs, f"{n.kind}_{i}", **n.attributes)
            for i, n in enumerate(self.nodes)
        ]
        used = {name for n in self.nodes for name in n.inputs} | {spec[0] for spec in self.outputs}
        weights = [
            numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), key)
            for key, array in self.initializers.items()
            if key in used
        ]
        inputs, outputs = map(value, self.inputs), map(value, self.outputs)
        graph = helper.make_graph(nodes, name, list(inputs), list(outputs), weights)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


@dataclass(frozen=True)
class Value:
    """A value in a graph: its name, its shape (sizes that follow the batch as text), its type."""

    name: str
    shape: tuple[int | str, ...]
    dtype: np.dtype[Any]


class Input(Op):
    """Where a value enters a trace."""


def record(
    graph: Graph, function: Function, names: Sequence[str], examples: Sequence[Tensor]
) -> list[Value]:
    """Append to `graph` what `function` does with the values `names`; returns its results.

    For the very shapes of the examples. A module is traced in evaluation mode.
    """
    tensors, known = [], dict[int, str]()
    for name, example in zip(names, examples, strict=True):
        tensor = Tensor(example.array)
        tensor.op, graph.values[name] = Input(), example.array
        known[id(tensor.op)] = name
        tensors.append(tensor)
    module = function if isinstance(function, Module) else None
    state = module.state_dict() if module is not None else {}
    parameters = {id(t.array): key for key, t in state.items()}
    modes = [(m, m.training) for m in module.modules()] if module is not None else []
    try:
        if module is not None:
            module.eval()
        with no_grad(), trace():
            found = function(*tensors)
    finally:
        for part, training in modes:
            part.training = training
    results = list(found) if isinstance(found, tuple | list) else [found]
    for node in topological_order([t.op or Constant(t.array) for t in results]):
        if id(node) not in known and not isinstance(node, Constant):
            sources = [
                known[id(s)] if id(s) in known else _named(graph, s, parameters)
                for s in node.inputs
            ]
            known[id(node)] = node.onnx(graph, *sources)  # type: ignore[union-attr]
            graph.values[known[id(node)]] = node.traced  # type: ignore[union-attr]
    return [
        Value(known[id(t.op)] if t.op else graph.constant(t.array), t.array.shape, t.array.dtype)
        for t in results
    ]


def _named(graph: Graph, constant: Constant, parameters: dict[int, str]) -> str:
    """The name of a value that no input decides."""
    key = parameters.get(id(constant.traced))
    if key is None:
        return graph.constant(constant.traced)
    graph.initializers[key] = constant.traced
    return key


def write(
    graph: Graph, function: Function, name: str, example: Tensor, free: Sequence[str] = FREE
) -> Value:
    """Append to `graph` what `function` does with its value `name`, for any size that is free.

    `example` has the shape that the value will have; see `write_all`.
    """
    (result,) = write_all(graph, function, [name], [example], free)
    return result


def write_all(
    graph: Graph, function: Function, names: Sequence[str], examples: Sequence[Tensor],
    free: Sequence[str] = FREE,
) -> list[Value]:  # fmt: skip
    """As `write`, for any number of inputs; the sizes that `free` names come first in all of them.

    It is traced at batches of 2, 3 and 4 rows; and for other free sizes at that of the examples
    (2, if that is less) and at the next two.
    """
    dims = range(len(free))
    if len(free) > max(t.array.ndim for t in examples):
        raise NotImplementedError(f"export of inputs without the dimensions {', '.join(free)}")
    firsts = [next(i for i, t in enumerate(examples) if t.array.ndim > d) for d in dims]
    smallest = [2, *(max(2, examples[firsts[d]].array.shape[d]) for d in dims[1:])][: len(free)]
    state = function.state_dict() if isinstance(function, Module) else {}
    tables = {key: t.array for key, t in state.items()}
    sizes = Sizes(tuple(free), points(smallest), tuple(names[i] for i in firsts), tables)
    begin, traced = len(graph.nodes), []
    for point in sizes.points:
        branch = graph if point == sizes.points[-1] else graph.copy()
        rows = [Tensor(_resized(t.array, point)) for t in examples]
        traced.append((branch, record(branch, function, names, rows)))
    renamed = follow_sizes([branch for branch, _ in traced], begin, sizes)
    results = list[Value]()
    for several in zip(*(values for _, values in traced), strict=True):
        shape = tuple(map(sizes.expression, zip(*(v.shape for v in several), strict=True)))
        name = several[-1].name
        results.append(Value(renamed.get(name, name), shape, several[-1].dtype))
    return results


def _resized(array: Array, sizes: Sequence[int]) -> Array:
    """The array with other sizes in front, its numbers repeated."""
    return np.resize(array, (*sizes[: array.ndim], *array.shape[len(sizes) :]))


def fold_batch_norm(graph: Graph) -> None:
    """Put each batch normalisation into the convolution before it.

    y = γ/√(σ² + ε)·(W∗x + b − μ) + β: both are linear, so the weights can do it all, and there
    are fewer operators to load and to run.
    """
    makers = {name: node for node in graph.nodes for name in node.outputs}
    uses: dict[str, int] = {}
    for node in graph.nodes:
        for source in node.inputs:
            uses[source] = uses.get(source, 0) + 1
    for node in list(graph.nodes):
        conv = makers.get(node.inputs[0]) if node.kind == "BatchNormalization" else None
        if conv is None or conv.kind != "Conv":
            continue
        own = [*conv.outputs, *conv.inputs[1:], *node.inputs[1:]]
        if any(uses[name] > 1 for name in own):  # what others use too stays as it is
            continue
        gamma, beta, mean, var = (graph.initializers.pop(key) for key in node.inputs[1:])
        scale = gamma / np.sqrt(var + np.float32(node.attributes["epsilon"]))
        weight = graph.initializers[conv.inputs[1]]
        column = (-1,) + (1,) * (weight.ndim - 1)
        graph.initializers[conv.inputs[1]] = weight * scale.reshape(column)
        shift = beta - mean * scale
        if len(conv.inputs) > 2:
            shift = shift + graph.initializers[conv.inputs[2]] * scale
            graph.initializers[conv.inputs[2]] = shift
        else:
            conv.inputs.append(graph.constant(shift))
        graph.nodes.remove(node)
        conv.outputs = node.outputs


def export(
    function: Function,
    args: Tensor | tuple[Tensor, ...],
    f: str | Path | None = None,
    *,
    input_names: Sequence[str] | None = None,
    any_batch: bool = True,
    free: Sequence[str] = FREE,
) -> "onnx.ModelProto":
    """A module (in evaluation mode) or function as an ONNX model, for inputs like `args`.

    The first dimensions of every input stay free, as many as `free` names: ("batch", "length")
    takes sequences of any length. Where `any_batch` is False, the graph is for these very shapes.
    Written to the file `f`, if given.
    Raises NotImplementedError where an operation has no ONNX twin, or does not follow the sizes.

    >>> from learnt.engine import nn, zeros, onnx
    >>> model = onnx.export(nn.Linear(3, 2), zeros(1, 3))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm']
    """
    examples = args if isinstance(args, tuple) else (args,)
    one = ["input"] if len(examples) == 1 else [f"input_{i}" for i in range(len(examples))]
    graph, names = Graph(), list(input_names or one)
    for name, t in zip(names, examples, strict=True):
        shape: list[str | int] = list(t.array.shape)
        open_sizes = free[: len(shape)] if any_batch else []
        graph.inputs.append((name, t.array.dtype, [*open_sizes, *shape[len(open_sizes) :]]))
    if any_batch:
        values = write_all(graph, function, names, examples, free)
    else:
        values = record(graph, function, names, examples)
    for value in values:
        graph.outputs.append((value.name, value.dtype, list(value.shape)))
    fold_batch_norm(graph)
    _name_results(graph)
    model = graph.proto()
    if f is not None:
        Path(f).write_bytes(model.SerializeToString())
    return model


def _name_results(graph: Graph) -> None:
    """A result that is an input, a constant or twice a result gets an operator of its own."""
    made = {name for node in graph.nodes for name in node.outputs}
    for i, (name, dtype, shape) in enumerate(graph.outputs):
        own = name if name in made else graph.add("Identity", name)
        made.discard(own)
        graph.outputs[i] = (own, dtype, shape)
