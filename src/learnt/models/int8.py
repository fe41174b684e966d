"""Matrix products and tables in 8 bits: a quarter of the size, and two to three times the speed.

Weights are whole numbers with a scale for each output, made once; activations get a scale for
each row as they come (Dettmers et al. 2022, "LLM.int8()", vector-wise quantisation), so what a
row becomes depends on no other row. All in standard ONNX operators.
"""

import numpy as np

from learnt.engine.onnx import Graph, Node
from learnt.engine.op import Array

WEIGHTS = 63  # 7 bits: a CPU without VNNI adds pairs of products in 16 bits, which must hold them
ROWS = 127
ZERO = 128  # what stands for 0 in bytes without a sign
UINT8, FLOAT = 2, 1  # ONNX's numbers for the types


def quantise(graph: Graph) -> None:
    """Put 8-bit products in place of each Gemm by constant weights, and 8-bit rows in tables."""
    nodes, graph.nodes = graph.nodes, []
    for node in nodes:
        weight = graph.initializers.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if node.kind == "Gemm" and node.attributes == {"transB": 1} and weight is not None:
            _product(graph, node, weight)
        elif node.kind == "Gather" and graph.initializers[node.inputs[0]].ndim == 2:
            _table(graph, node, graph.initializers[node.inputs[0]])
        else:
            graph.nodes.append(node)


def _product(graph: Graph, node: Node, weight: Array) -> None:
    """y = x Wᵀ + b, as sₓ·s_w·(x₈ W₈ᵀ) + b."""
    x, _, bias = node.inputs
    whole, scales = _rounded(weight, WEIGHTS)  # (out, in), (out, 1)
    largest = graph.add("ReduceMax", graph.add("Abs", x), graph.constant([1], "int64"), keepdims=0)
    share = graph.add("Mul", largest, graph.constant(1 / ROWS, "float32"))
    scale = graph.add("Max", share, graph.constant(1e-12, "float32"))  # (rows)
    rows = graph.add("Shape", x, start=0, end=1)
    zeros = graph.add("Expand", graph.constant(ZERO, "uint8"), rows)
    bytes_ = graph.add("QuantizeLinear", x, scale, zeros, axis=0)
    zero = graph.constant(ZERO, "uint8")
    product = graph.add("MatMulInteger", bytes_, graph.constant(whole.T), zero)
    y = graph.add("Mul", graph.add("Cast", product, to=FLOAT), graph.constant(scales[:, 0]))
    y = graph.add("Mul", y, graph.add("Unsqueeze", scale, graph.constant([1], "int64")))
    graph.nodes.append(Node("Add", [y, bias], node.outputs, {}))


def _table(graph: Graph, node: Node, table: Array) -> None:
    """Rows of bytes with a scale each."""
    whole, scales = _rounded(table, ROWS)
    rows = graph.add("Gather", graph.constant(whole), node.inputs[1], axis=0)
    scale = graph.add("Gather", graph.constant(scales), node.inputs[1], axis=0)
    graph.nodes.append(Node("Mul", [graph.add("Cast", rows, to=FLOAT), scale], node.outputs, {}))


def _rounded(rows: Array, most: int) -> tuple[Array, Array]:
    """Whole numbers from −most to most, and what one of them is worth in each row."""
    scales = np.maximum(np.abs(rows).max(1, keepdims=True), 1e-12) / most
    return np.rint(rows / scales).astype(np.int8), scales.astype(np.float32)
