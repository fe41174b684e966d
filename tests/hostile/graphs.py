"""Graphs that no training wrote, for a program of digits: each one line of what it tries.

`unsafe` are refused before a runtime sees them; `wild` are made of known operators, and are
stopped when they are loaded or run.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Case = tuple[str, bytes]
Node = onnx.NodeProto
node = helper.make_node
IMAGES = helper.make_tensor_value_info("images", TensorProto.UINT8, ["b", "h", "w", 1])
ANSWERS = helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["b", 10])
FIRST = [node("Cast", ["images"], ["f"], to=1), node("ReduceMean", ["f", "axes"], ["m"])]
LAST = [node("ReduceMax", ["big"], ["top"], keepdims=0), node("Add", ["ten", "top"], ["answers"])]
HUGE = 2**40


def model(
    nodes: Sequence[Node], weights: Sequence[Any] = (), inputs: Any = None, outputs: Any = None,
    opsets: Sequence[Any] = (), **parts: Any,
) -> onnx.ModelProto:  # fmt: skip
    """A model of pictures; `weights` are arrays by name, or tensors."""
    known = {"axes": np.array([1, 2]), "ten": np.zeros((1, 10), np.float32)}
    tensors = [w for w in weights if isinstance(w, TensorProto)]
    arrays = {**known, **dict(w for w in weights if not isinstance(w, TensorProto))}
    used = {name for n in nodes for name in n.input}
    tensors += [numpy_helper.from_array(a, name) for name, a in arrays.items() if name in used]
    graph = helper.make_graph(
        list(nodes), "g", inputs if inputs is not None else [IMAGES], outputs or [ANSWERS], tensors
    )
    opsets = opsets or [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, **parts)


def simple(**parts: Any) -> onnx.ModelProto:
    """A good one: the mean grey level, ten times."""
    return model([*FIRST, node("Squeeze", ["m", "axes"], ["s"]), node("Add", ["s", "ten"],
                 ["answers"])], **parts)  # fmt: skip


def elsewhere(place: str) -> TensorProto:
    tensor = TensorProto(name="ten", data_type=TensorProto.FLOAT, dims=[1, 10])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return tensor


def unsafe() -> Iterator[Case]:
    """Refused by their form."""
    for what, place in (("beside it", "w.bin"), ("above it", "../../etc/passwd"),
                        ("of the system", "/etc/passwd"), ("by a link", "/proc/self/fd/0"),
                        ("of a device", "/dev/zero"), ("of Windows", "C:\\w.bin"),
                        ("in memory", "*/_ORT_MEM_ADDR_/*")):  # fmt: skip
        yield f"numbers in a file {what}", _bytes(simple(weights=[elsewhere(place)]))
    for operator in ("Loop", "Scan", "If"):
        yield f"a graph within {operator}", _bytes(model([_nested(operator), *LAST]))
        yield (
            f"numbers elsewhere within {operator}",
            _bytes(model([_nested(operator, elsewhere("w.bin")), *LAST])),
        )
    hidden = simple()
    hidden.graph.node[0].attribute.append(helper.make_attribute("x", elsewhere("../w.bin")))
    yield "numbers elsewhere in an attribute", _bytes(hidden)
    for domain in ("com.microsoft", "ai.onnx.ml", "evil", "com.microsoft.nchwc", "\0"):
        other = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
        yield f"operators of the domain {domain!r}", _bytes(simple(opsets=other))
        yield (
            f"an operator of {domain!r}",
            _bytes(model([node("X", [], ["answers"], domain=domain)])),
        )
    others = "StringNormalizer RandomNormal ConstantOfShape Tile STFT Optional Constant É"
    for operator in ("", "SequenceConstruct", "RegexFullMatch", *others.split()):
        yield f"the operator {operator!r}", _bytes(model([node(operator, ["ten"], ["answers"])]))
    relu = [node("Relu", ["x"], ["y"])]
    own = helper.make_function("", "Own", ["x"], ["y"], relu, [helper.make_opsetid("", 18)])
    yield "a function of its own", _bytes(simple(functions=[own]))
    itself = helper.make_function(
        "evil", "Own", ["x"], ["y"], [node("Own", ["x"], ["y"], domain="evil")],
        [helper.make_opsetid("evil", 1)],
    )  # fmt: skip
    yield "a function that calls itself", _bytes(simple(functions=[itself]))
    training = simple()
    training.training_info.add().algorithm.name = "sgd"
    yield "a training part", _bytes(training)
    sparse = simple()
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    places = numpy_helper.from_array(np.array([HUGE - 1]), "i")
    sparse.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [HUGE]))
    yield "a sparse tensor of terabytes", _bytes(sparse)
    external = elsewhere("w.bin")
    sparse.graph.sparse_initializer[0].values.CopyFrom(external)
    yield "a sparse tensor in another file", _bytes(sparse)
    yield from _tensors()
    yield "a million versions", _bytes(simple()) + b"\x08\x09" * 1_000_000
    yield "20,001 operators", _bytes(model([node("Identity", ["ten"], [f"v{n}"])
                                           for n in range(20_001)]))  # fmt: skip
    good = _bytes(simple())
    yield "two graphs", good + good
    yield "a graph cut off", good[:-40]
    yield "no graph", b"\x08\x09"
    yield "a pickle for a graph", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94."
    yield "an empty graph file", b""


def _tensors() -> Iterator[Case]:
    for what, sizes in (("of terabytes", [HUGE]), ("whose size overflows", [2**32, 2**32]),
                        ("whose size overflows to one", [2**32, 2**32, 1]), ("of size -1", [-1]),
                        ("of a hundred dimensions", [1] * 100)):  # fmt: skip
        for raw in (b"", b"\0" * 40):
            lying = TensorProto(name="ten", data_type=1, dims=sizes, raw_data=raw)
            yield f"a tensor {what}, {len(raw)} bytes", _bytes(simple(weights=[lying]))
    many = TensorProto(name="ten", data_type=1, dims=[2**63 - 1] * 300_000)
    yield "a tensor of 300,000 dimensions", _bytes(simple(weights=[many]))
    texts = TensorProto(name="ten", data_type=8, dims=[1], string_data=[b"x"])
    yield "a tensor of texts", _bytes(simple(weights=[texts]))
    for kind in (0, 14, 16, 99):
        odd = TensorProto(name="ten", data_type=kind, dims=[1], raw_data=b"\0\0")
        yield f"a tensor of type {kind}", _bytes(simple(weights=[odd]))


def wild() -> Iterator[Case]:
    """Well formed; ONNX Runtime would load or run them, but for our bounds."""
    sizes = ("sizes", np.array([HUGE]))
    one = ("one", np.ones(1, np.float32))
    yield "Expand to terabytes", _bytes(model([node("Expand", ["one", "sizes"], ["big"]), *LAST],
                                              [sizes, one]))  # fmt: skip
    yield "Expand of the input to terabytes", _bytes(
        model([*FIRST, node("Reshape", ["m", "flat"], ["v"]),
               node("Expand", ["v", "wide"], ["big"]), *LAST],
              [("flat", np.array([-1, 1])), ("wide", np.array([1, HUGE]))])
    )  # fmt: skip
    yield "Expand to 12 GB", _bytes(model([node("Expand", ["one", "sizes"], ["big"]), *LAST],
                                          [("sizes", np.array([3 * 10**9])), one]))  # fmt: skip
    yield "Expand to a size that overflows", _bytes(
        model([node("Expand", ["one", "sizes"], ["big"]), *LAST],
              [("sizes", np.array([2**33, 2**33])), one])
    )  # fmt: skip
    ends = [("from", np.array(0)), ("to", np.array(HUGE)), ("by", np.array(1))]
    yield "Range to terabytes", _bytes(
        model([node("Range", ["from", "to", "by"], ["r"]), node("Cast", ["r"], ["big"], to=1),
               *LAST],
              ends)
    )  # fmt: skip
    yield "Range that never ends", _bytes(
        model([node("Range", ["from", "to", "by"], ["r"]), node("Cast", ["r"], ["big"], to=1),
               *LAST],
              [("from", np.array(0.0)), ("to", np.array(np.inf)), ("by", np.array(1e-30))])
    )  # fmt: skip
    picture, scale = (
        ("p", np.ones((1, 1, 9, 9), np.float32)),
        np.array([1, 1, 1e6, 1e6], np.float32),
    )
    yield (
        "Resize to terabytes",
        _bytes(model([node("Resize", ["p", "", "s"], ["big"]), *LAST], [picture, ("s", scale)])),
    )
    yield (
        "Pad to terabytes",
        _bytes(
            model(
                [node("Pad", ["one", "pads"], ["big"]), *LAST],
                [one, ("pads", np.array([HUGE, HUGE]))],
            )
        ),
    )
    column, row = np.ones((2**17, 1), np.float32), np.ones((1, 2**17), np.float32)
    yield (
        "MatMul to 64 GB",
        _bytes(model([node("MatMul", ["c", "r"], ["big"]), *LAST], [("c", column), ("r", row)])),
    )
    double = [node("Concat", [f"v{n}", f"v{n}"], [f"v{n + 1}"], axis=0) for n in range(50)]
    yield "Concat fifty times", _bytes(
        model([node("Identity", ["one"], ["v0"]), *double, node("Identity", ["v50"], ["big"]),
               *LAST],
              [one])
    )  # fmt: skip
    yield (
        "Reshape that fits nothing",
        _bytes(model([node("Reshape", ["one", "sizes"], ["big"]), *LAST], [sizes, one])),
    )
    yield (
        "Gather beyond the end",
        _bytes(
            model(
                [node("Gather", ["ten", "far"], ["answers"], axis=0)], [("far", np.array([2**40]))]
            )
        ),
    )
    yield (
        "a kernel larger than the picture",
        _bytes(
            model([node("MaxPool", ["p"], ["big"], kernel_shape=[10**6, 10**6]), *LAST], [picture])
        ),
    )
    yield (
        "negative strides",
        _bytes(
            model(
                [node("MaxPool", ["p"], ["big"], kernel_shape=[1, 1], strides=[-1, 0]), *LAST],
                [picture],
            )
        ),
    )
    yield (
        "a kernel of no size",
        _bytes(model([node("AveragePool", ["p"], ["big"], kernel_shape=[0, 0]), *LAST], [picture])),
    )
    yield "a cycle", _bytes(model([node("Add", ["b", "ten"], ["a"]), node("Relu", ["a"], ["b"]),
                                   node("Add", ["a", "b"], ["answers"])]))  # fmt: skip
    yield "a value that nobody makes", _bytes(model([node("Relu", ["nobody"], ["answers"])]))
    yield "a value made twice", _bytes(model([node("Relu", ["ten"], ["answers"])] * 2))
    for what, number in (("NaN", np.nan), ("infinity", np.inf)):
        weights = [("bad", np.full((1, 10), number, np.float32))]
        yield f"answers of {what}", _bytes(model([*FIRST, node("Squeeze", ["m", "axes"], ["s"]),
                                           node("Add", ["s", "bad"], ["answers"])],
                                                 weights))  # fmt: skip
    for what, kind in (("text", TensorProto.STRING), ("doubles", TensorProto.DOUBLE)):
        info = helper.make_tensor_value_info("images", kind, ["b", "h", "w", 1])
        yield f"an input of {what}", _bytes(simple(inputs=[info]))
    other = helper.make_tensor_value_info("\x1b[31mother\n", TensorProto.UINT8, ["b"])
    yield "an input of another name", _bytes(simple(inputs=[IMAGES, other]))
    flat = helper.make_tensor_value_info("images", TensorProto.UINT8, ["b"])
    yield "an input of another rank", _bytes(simple(inputs=[flat]))
    yield "no inputs", _bytes(model([node("Relu", ["ten"], ["answers"])], inputs=[]))
    wide = ("wide", np.zeros((1, 11), np.float32))
    yield "a class too many", _bytes(model([*FIRST, node("Squeeze", ["m", "axes"], ["s"]),
                                            node("Add", ["s", "wide"], ["answers"])],
                                           [wide]))  # fmt: skip
    whole = helper.make_tensor_value_info("answers", TensorProto.INT64, ["b", 10])
    yield "answers that are whole numbers", _bytes(
        model([*FIRST, node("Squeeze", ["m", "axes"], ["s"]), node("Add", ["s", "ten"], ["a"]),
               node("Cast", ["a"], ["answers"], to=7)], outputs=[whole])
    )  # fmt: skip
    for version in (0, 99, 2**62):
        opset = [helper.make_opsetid("", version)]
        yield f"version {version} of the operators", _bytes(simple(opsets=opset))
    yield "no version of the operators", _no_opset()
    odd = simple()
    text = odd.SerializeToString().replace(b"answers", b"\xff\xfenswers"[:7])
    yield "a name that is no UTF-8", text


def _no_opset() -> bytes:
    found = simple()
    del found.opset_import[:]
    return _bytes(found)


def _nested(operator: str, weight: TensorProto | None = None) -> Node:
    body = helper.make_graph([node("Relu", ["ten"], ["y"])], "b", [], [ANSWERS],
                             [weight] if weight is not None else [])  # fmt: skip
    names = {"If": ("then_branch", "else_branch"), "Loop": ("body",), "Scan": ("body",)}[operator]
    return node(operator, ["ten"], ["big"], **dict.fromkeys(names, body))


def _bytes(found: onnx.ModelProto) -> bytes:
    data: bytes = found.SerializeToString()
    return data
