"""Tables and linear layers in 8 bits: products take half the time (MiniLM, measured).

Weights are whole numbers with a scale for each output, made once; activations get a scale and a
zero for each row as they come (Dettmers et al. 2022, "LLM.int8()", vector-wise quantisation), so
what a row becomes depends on no other row. All in standard ONNX operators.
"""

import numpy as np

from learnt.engine.onnx import Graph, Node
from learnt.engine.op import Array

WEIGHTS = 63  # 7 bits: a CPU without VNNI adds pairs of products in 16 bits, which must hold them
TABLE = 127
BYTE = 255
UINT8, FLOAT = 2, 1  # ONNX's numbers for the types


def quantise_products(graph: Graph) -> None:
    """Put 8-bit products in place of each linear layer."""
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        weight = graph.initializers.get(node.inputs[1]) if node.kind == "Gemm" else None
        if weight is not None and len(node.inputs) == 3:
            _product(graph, node, weight)
        else:
            graph.nodes.append(node)


def quantise_tables(graph: Graph) -> None:
    """Put rows of 8 bits, with a scale each, into each table: a row is made floats when used."""
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        table = graph.initializers.get(node.inputs[0]) if node.kind == "Gather" else None
        if table is not None and table.ndim == 2:
            _table(graph, node, table)
        else:
            graph.nodes.append(node)


def _product(graph: Graph, node: Node, weight: Array) -> None:
    """y = x Wᵀ + b, as s·r·(x₈ W₈ᵀ − z ΣW₈) + b: x ≈ s·(x₈ − z) by row, W ≈ r·W₈ by output."""
    x, _, bias = node.inputs
    whole, scales = _rounded(weight, WEIGHTS)  # (out, in), (out, 1)
    s, z = _range_of_rows(graph, x)
    x8 = graph.add("QuantizeLinear", x, s, graph.add("Cast", z, to=UINT8), axis=0)
    product = graph.add("MatMulInteger", x8, graph.constant(whole.T))
    y = graph.add("Mul", graph.add("Cast", product, to=FLOAT), graph.constant(scales[:, 0]))
    column = graph.constant([1], "int64")
    y = graph.add("Mul", y, graph.add("Unsqueeze", s, column))
    shift = graph.add("Unsqueeze", graph.add("Mul", s, z), column)  # (rows, 1)
    sums = graph.constant(-scales.T * whole.sum(1, dtype=np.float32))  # (1, out)
    y = graph.add("Gemm", shift, sums, y)
    graph.nodes.append(Node("Add", [y, bias], node.outputs, {}))


def _range_of_rows(graph: Graph, x: str) -> tuple[str, str]:
    """What one step is worth in each row of x, and which of the 256 steps is 0."""
    zero, last = graph.constant(0, "float32"), graph.constant([1], "int64")
    low = graph.add("Min", graph.add("ReduceMin", x, last, keepdims=0), zero)
    high = graph.add("Max", graph.add("ReduceMax", x, last, keepdims=0), zero)
    width = graph.add("Max", graph.add("Sub", high, low), graph.constant(1e-12, "float32"))
    step = graph.add("Mul", width, graph.constant(1 / BYTE, "float32"))
    return step, graph.add("Round", graph.add("Neg", graph.add("Div", low, step)))


def _table(graph: Graph, node: Node, table: Array) -> None:
    """Rows of bytes with a scale each."""
    whole, scales = _rounded(table, TABLE)
    rows = graph.add("Gather", graph.constant(whole), node.inputs[1], axis=0)
    scale = graph.add("Gather", graph.constant(scales), node.inputs[1], axis=0)
    graph.nodes.append(Node("Mul", [graph.add("Cast", rows, to=FLOAT), scale], node.outputs, {}))


def _rounded(rows: Array, most: int) -> tuple[Array, Array]:
    """Whole numbers from −most to most, and what one of them is worth in each row."""
    scales = np.maximum(np.abs(rows).max(1, keepdims=True), 1e-12) / most
    return np.rint(rows / scales).astype(np.int8), scales.astype(np.float32)
