"""A graph is read as a stranger's: only what the ONNX standard can compute from itself passes.

Good and bad graphs are made with the onnx library, so that what we look for is what is there.
Bytes that the library would not write are put together by hand, field by field.
"""

import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import learnt
from learnt.engine import nn, zeros
from learnt.engine.onnx import export
from learnt.errors import ProgramError
from learnt.models.bodies import BODIES
from learnt.runner.graph_check import MAX_NODES, OPERATORS, check_graph

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
SMALL = numpy_helper.from_array(np.ones(2, np.float32), "w")


def model(nodes=None, weights=(), domains=("",), **parts) -> onnx.ModelProto:
    nodes = nodes or [helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [FLOATS], [RESULT], list(weights))
    opsets = [helper.make_opsetid(domain, 18) for domain in domains]
    return helper.make_model(graph, opset_imports=opsets, **parts)


def refused(bad: onnx.ModelProto | bytes, because: str) -> None:
    data = bad if isinstance(bad, bytes) else bad.SerializeToString()
    with pytest.raises(ProgramError, match=because):
        check_graph(data)


def elsewhere() -> TensorProto:
    """A tensor whose numbers are in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    return tensor


def varint(number: int) -> bytes:
    data = b""
    while number >= 128:
        number, data = number >> 7, data + bytes([number & 127 | 128])
    return data + bytes([number])


def field(number: int, data: bytes, high: int = 0) -> bytes:
    """A field of a message; `high` is put into the bits of its key that should not be there."""
    return varint(number << 3 | 2 | high << 32) + varint(len(data)) + data


def hand_made(high: int) -> bytes:
    """A model that gives the numbers in w.bin, which `high` bits in two keys try to hide."""
    place = field(1, b"location") + field(2, b"w.bin")
    tensor = b"\x08\x02" + b"\x10\x01" + field(8, b"w") + field(13, place, high)
    tensor += varint(14 << 3 | high << 32) + b"\x01"
    node = helper.make_node("Identity", ["w"], ["y"]).SerializeToString()
    graph = field(1, node) + field(2, b"g") + field(5, tensor)
    graph += field(12, RESULT.SerializeToString())
    return b"\x08\x09" + field(7, graph) + field(8, b"\x10\x12")


def test_every_graph_that_we_write_passes(program_file):
    check_graph(learnt.load(program_file).onnx)
    check_graph(export(nn.Linear(3, 2), zeros(1, 3)).SerializeToString())
    check_graph(BODIES["efficientnet-lite0"].onnx())
    check_graph(model().SerializeToString())


def test_the_standard_domain_by_its_full_name_passes():
    check_graph(model(domains=("ai.onnx",)).SerializeToString())


def test_numbers_in_another_file_are_refused():
    refused(model(weights=[elsewhere()]), "numbers in another file")
    only_said = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    only_said.data_location = TensorProto.EXTERNAL
    refused(model(weights=[only_said]), "numbers in another file")


@pytest.mark.parametrize("place", ["an attribute", "a list of tensors"])
@pytest.mark.parametrize("tensor", [elsewhere(), SMALL], ids=["elsewhere", "here"])
def test_tensors_within_operators_are_refused(place, tensor):
    node = helper.make_node("Relu", ["x"], ["y"])
    value = tensor if place == "an attribute" else [tensor]
    node.attribute.append(helper.make_attribute("value", value))
    refused(model([node]), "tensors within its operators")


def test_numbers_in_another_file_cannot_hide_behind_odd_field_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.array([7, 9], np.float32).tofile("w.bin")
    refused(hand_made(high=0), "numbers in another file")
    Path("m.onnx").write_bytes(hand_made(high=1))
    read = onnxruntime.InferenceSession("m.onnx").run(None, {})[0]
    assert read.tolist() == [7, 9]  # ONNX Runtime cuts the keys to 32 bits, and reads the file
    refused(hand_made(high=1), "damaged")


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "ai.onnx.training", "x", "AI"])
def test_operators_of_another_domain_are_refused(domain):
    refused(model(domains=("", domain)), "outside the ONNX standard")
    refused(model([helper.make_node("Relu", ["x"], ["y"], domain=domain)]), "outside the ONNX")


@pytest.mark.parametrize("operator", ["Loop", "Scan", "If", "Constant", "Tile", "relu", "", "Ré"])
def test_an_operator_that_we_never_write_is_refused(operator):
    refused(model([helper.make_node(operator, ["x"], ["y"])]), "uses the operator")


def test_every_operator_that_the_exporter_and_the_tasks_can_write_is_known():
    source = "".join(
        path.read_text()
        for room in ("engine", "data", "models", "program", "training")
        for path in (Path(learnt.__file__).parent / room).rglob("*.py")
    )
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    written = set(re.findall(r'(?:\badd\(\s*|twin.*?= (?:"", )?)"([A-Z][A-Za-z]+)"', source))
    assert len(written & known) > 50
    assert written & known <= OPERATORS


def test_functions_of_its_own_are_refused():
    opsets = [helper.make_opsetid("", 18)]
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    function = helper.make_function("", "Own", ["x"], ["y"], relu, opsets)
    refused(model(functions=[function]), "functions or training parts")


def test_a_training_part_is_refused():
    bad = model()
    bad.training_info.add().algorithm.name = "sgd"
    refused(bad, "functions or training parts")


@pytest.mark.parametrize("place", ["the graph", "an attribute", "a list"])
def test_sparse_tensors_are_refused(place):
    places = numpy_helper.from_array(np.array([1]))
    sparse = helper.make_sparse_tensor(SMALL, places, [4])
    if place == "the graph":
        bad = model()
        bad.graph.sparse_initializer.append(sparse)
    else:
        node = helper.make_node("Relu", ["x"], ["y"])
        value = sparse if place == "an attribute" else [sparse]
        node.attribute.append(helper.make_attribute("sparse_value", value))
        bad = model([node])
    refused(bad, "sparse tensors")


@pytest.mark.parametrize("listed", [False, True])
def test_graphs_within_operators_are_refused(listed):
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "b", [], [RESULT])
    node = helper.make_node("Relu", ["x"], ["y"])
    node.attribute.append(helper.make_attribute("body", [body] if listed else body))
    refused(model([node]), "graphs within its operators")


def test_nesting_that_would_fill_the_stack_is_refused():
    attribute = b""
    for _ in range(3000):
        attribute = field(1, field(5, field(6, attribute)))
    refused(field(7, attribute), "graphs within its operators")


def tensor(dims, kind=TensorProto.FLOAT, **numbers) -> TensorProto:
    return TensorProto(name="w", data_type=kind, dims=dims, **numbers)


@pytest.mark.parametrize(
    ("bad", "because"),
    [
        (tensor([2**62, 4], raw_data=b"1234"), "too large"),
        (tensor([2**32, 2**32], raw_data=b""), "too large"),
        (tensor([-1], raw_data=b"1234"), "too large"),
        (tensor([1] * 9, raw_data=b"1234"), "too large"),
        (tensor([2], raw_data=b"1234"), "not as long as it says"),
        (tensor([1], raw_data=b"12345"), "not as long as it says"),
        (tensor([1], raw_data=b"1234", float_data=[1.0]), "not as long as it says"),
        (tensor([5]), "not as long as it says"),
        (tensor([5], float_data=[1.0]), "not as long as it says"),
        (tensor([1], TensorProto.STRING, string_data=[b"x"]), "unknown parts"),
        (tensor([1], TensorProto.COMPLEX64, raw_data=b"12345678"), "a type that is not known"),
        (tensor([1], 99, raw_data=b"1"), "a type that is not known"),
        (TensorProto(name="w", dims=[1], raw_data=b"1234"), "a type that is not known"),
    ],
    ids=str,
)  # fmt: skip
def test_a_tensor_that_lies_is_refused(bad, because):
    refused(model(weights=[bad]), because)


def test_the_number_of_operators_is_bounded():
    node = helper.make_node("Relu", ["x"], ["y"])
    check_graph(model([node] * MAX_NODES).SerializeToString())
    refused(model([node] * (MAX_NODES + 1)), "operators")


def test_a_graph_cut_off_within_its_parts_is_refused(program_file):
    data = learnt.load(program_file).onnx
    for length in range(0, len(data), 101):
        refused(data[:length], "damaged|must have one graph")


def test_a_model_with_two_graphs_is_refused():
    data = model().SerializeToString()
    refused(data + data, "must have one graph")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 20, b"\x80" * 11 + b"\x01", b"\x08" + b"\xff" * 9 + b"\x02", b"\x08",
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x3a\x05ab", b"\x38\x01", b"\x00\x01",
        b"\x0b\x0c", b"\x0d\x00", b"\x09\x00", b"\x0f", b"\x3a\x02\x08\x01",
    ],
    ids=lambda data: data[:6].hex(),
)  # fmt: skip
def test_what_is_no_protocol_buffer_is_refused(data):
    refused(data, "damaged|must have one graph")


def test_numbers_of_64_bits_are_read_and_larger_ones_refused():
    rest = model().SerializeToString()
    check_graph(rest + b"\x28" + b"\xff" * 9 + b"\x01")  # model_version = -1
    refused(rest + b"\x28" + b"\xff" * 9 + b"\x02", "damaged")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_nothing_worse(data):
    with suppress(ProgramError):
        check_graph(data)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.data())
def test_a_changed_byte_gives_a_graph_or_a_refusal_and_nothing_worse(data):
    good = model(weights=[SMALL]).SerializeToString()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    with suppress(ProgramError):
        check_graph(bad)
