"""Export: a module to a standard ONNX graph, by running it and writing down what it did.

Every operation knows its ONNX twin (`Op.onnx`), so nothing here knows any operation. A graph is
traced at two batch sizes: what differs between the two depends on the batch and is computed in
the graph, so any batch size runs, or it is an error.  (ONNX opset 18, IR version 9)
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.engine.autograd import Constant, no_grad, topological_order, trace
from learnt.engine.nn.module import Module
from learnt.engine.op import Array, Op
from learnt.engine.tensor import Tensor

if TYPE_CHECKING:
    import onnx

OPSET = 18
IR_VERSION = 9
BATCHES = (2, 3)  # the two sizes that are traced

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
    numbers: Iterator[int] = field(default_factory=count)  # for names, never used again
    inputs: list[Spec] = field(default_factory=list)
    outputs: list[Spec] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)  # what each was when traced

    def add(self, kind: str, *inputs: str, output: int = 0, **attributes: Any) -> str:
        """Append an operator; returns the name of its result (or of a later one, by number)."""
        name = f"{kind.lower()}_{next(self.numbers)}"
        outputs = [name, *(f"{name}_{i}" for i in range(1, output + 1))]
        self.nodes.append(Node(kind, list(inputs), outputs, attributes))
        return outputs[output]

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Numbers that are part of the graph; returns their name."""
        name = f"constant_{next(self.numbers)}"
        self.initializers[name] = np.asarray(value, dtype)
        return name

    def traced(self, name: str) -> Array:
        """What the value `name` was when it was traced: its shape and type."""
        return self.initializers[name] if name in self.initializers else self.values[name]

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

        nodes = [helper.make_node(n.kind, n.inputs, n.outputs, **n.attributes) for n in self.nodes]
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


def write(graph: Graph, function: Function, name: str, example: Tensor) -> Value:
    """Append to `graph` what `function` does with its value `name`, for any batch size.

    `example` has the shape that the value will have, with one row or more.
    """
    (result,) = write_all(graph, function, [name], [example])
    return result


def write_all(
    graph: Graph, function: Function, names: Sequence[str], examples: Sequence[Tensor]
) -> list[Value]:
    """As `write`, for any number of inputs, which all have the batch as their first dimension."""
    begin, traced = len(graph.nodes), []
    for size in BATCHES:
        branch = copy.deepcopy(graph) if size != BATCHES[-1] else graph
        rows = [Tensor(np.resize(t.array, (size, *t.array.shape[1:]))) for t in examples]
        traced.append((branch, record(branch, function, names, rows)))
    (small, small_values), (_, values) = traced
    _follow_batch(small, graph, begin, names[0])
    return [
        Value(v.name, tuple(map(_size, w.shape, v.shape)), v.dtype)  # type: ignore[arg-type]
        for w, v in zip(small_values, values, strict=True)
    ]


def _size(small: int, large: int) -> int | str:
    """A size that both traces agree on, or how it follows the batch."""
    slope, start = (int(n) for n in _line(np.asarray(small), np.asarray(large)))
    if slope == 0:
        return large
    return "batch" if (slope, start) == (1, 0) else f"{slope}*batch+{start}"


def _line(small: Array, large: Array) -> tuple[Array, Array]:
    """slope · batch + start, through what the two traces had."""
    low, high = BATCHES
    slope = (large - small) // (high - low)
    return slope, small - slope * low


def _follow_batch(small: Graph, large: Graph, begin: int, entry: str) -> None:
    """Replace what differs between the two traces by what computes it from the batch."""
    added = large.nodes[begin:]
    if [(n.kind, n.inputs, n.attributes) for n in small.nodes[begin:]] != [
        (n.kind, n.inputs, n.attributes) for n in added
    ]:
        raise NotImplementedError(
            "export of a module that computes otherwise for another batch size"
        )
    del large.nodes[begin:]
    users = {name: n for n in added for name in n.inputs}
    for name, one in small.initializers.items():
        other = large.initializers[name]
        if one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            continue
        user = users[name]
        if _free_reshape(large, name, user, one, other):
            continue
        renamed = _computed(large, entry, one, other)
        for node in added:
            node.inputs = [renamed if n == name else n for n in node.inputs]
    large.nodes += added


def _free_reshape(graph: Graph, name: str, user: Node, one: Array, other: Array) -> bool:
    """The shape of a Reshape may leave one size open, which is then the batch's."""
    slope = _line(one, other)[0] if one.shape == other.shape else np.zeros(1)
    if user.kind != "Reshape" or np.count_nonzero(slope) != 1 or -1 in other:
        return False
    graph.initializers[name] = np.where(slope != 0, -1, other)
    return True


def _computed(graph: Graph, entry: str, one: Array, other: Array) -> str:
    """The name of a value that is `one` and `other` at the two sizes, and so on."""
    if one.shape == other.shape and one.dtype.kind in "iu":  # numbers that grow with the batch
        slope, start = _line(one, other)
        batch = _batch(graph, entry)
        scaled = graph.add("Mul", batch, graph.constant(slope, "int64"))
        found = graph.add("Add", scaled, graph.constant(start, "int64"))
        return found if one.ndim else graph.add("Squeeze", found)
    if one.ndim == other.ndim:  # equal rows, as many as the batch has
        first = tuple(slice(0, None if a == b else 1) for a, b in
                      zip(one.shape, other.shape, strict=True))  # fmt: skip
        row = other[first]
        if all((a == np.broadcast_to(row, a.shape)).all() for a in (one, other)):
            shapes = np.array(one.shape), np.array(other.shape)
            return graph.add("Expand", graph.constant(row), _computed(graph, entry, *shapes))
    raise NotImplementedError(
        f"export of a value that depends on the size of the batch (of shape {one.shape} and "
        f"{other.shape} for {BATCHES[0]} and {BATCHES[1]} rows): compute it by operations on the "
        "input, for example x.mean(0), zeros_like(x), and not from x.shape[0]"
    )


def _batch(graph: Graph, entry: str) -> str:
    """The size of the batch, as a vector of one number."""
    known = [n for n in graph.nodes if n.kind == "Shape" and n.inputs == [entry] and n.attributes]
    return known[0].outputs[0] if known else graph.add("Shape", entry, start=0, end=1)


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
) -> "onnx.ModelProto":
    """A module (in evaluation mode) or function as an ONNX model, for inputs like `args`.

    The first dimension of every input and result stays free, unless `any_batch` is False: then
    the graph is for these very shapes. Written to the file `f`, if given.
    Raises NotImplementedError where an operation has no ONNX twin.

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
        graph.inputs.append((name, t.array.dtype, ["batch", *shape[1:]] if any_batch else shape))
    values = (write_all if any_batch else record)(graph, function, names, examples)
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
