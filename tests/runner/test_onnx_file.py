"""What `--onnx` writes is a plain model, and says itself what it needs: for any ONNX runtime."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import learnt
from learnt.errors import ProgramError
from learnt.runner.onnx_file import onnx_file
from learnt.runner.program import Program


@pytest.fixture(scope="module")
def written(program_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("onnx") / "digits.onnx"
    file.write_bytes(onnx_file(learnt.load(program_file)))
    return file


def test_onnx_runtime_reads_labels_and_the_input_s_spec(written: Path, program_file: Path) -> None:
    program = learnt.load(program_file)
    found = onnxruntime.InferenceSession(written).get_modelmeta().custom_metadata_map
    assert json.loads(found["labels"]) == list("0123456789")
    assert json.loads(found["input"]) == program.manifest["input"]
    assert json.loads(found["output"]) == {"kind": "classes"}
    assert json.loads(found["figures"]) == program.manifest["figures"]
    assert found["name"] == "digits"
    assert found["task"] == "image-classification"
    assert found["learnt"] == learnt.__version__
    assert found["card"] == program.card
    assert found["licence"].startswith("data: yours")


def test_the_onnx_library_finds_a_valid_model_with_the_same_graph(
    written: Path, program_file: Path
) -> None:
    model, plain = onnx.load(written), onnx.load_from_string(learnt.load(program_file).onnx)
    onnx.checker.check_model(model, full_check=True)
    assert model.graph == plain.graph
    assert model.opset_import == plain.opset_import
    assert model.producer_name == "learnt"
    assert model.doc_string == learnt.load(program_file).card
    assert len(model.metadata_props) == len({entry.key for entry in model.metadata_props})


def test_the_files_that_a_text_needs_travel_in_the_metadata(writing: Program) -> None:
    session = onnxruntime.InferenceSession(onnx_file(writing))
    found = session.get_modelmeta().custom_metadata_map
    assert found["assets/tokenizer.json"].encode() == writing.asset("tokenizer.json")


def test_a_manifest_of_nonsense_does_no_harm(program_file: Path) -> None:
    archive = learnt.load(program_file).archive
    for card in ([], "x", {"data": [], "model": "x"}, {"model": {"body": 3}}, None):
        manifest = {**archive.manifest, "card": card, "name": "\ud800", "learnt": {"a": 1}}
        model = onnx.load_from_string(onnx_file(Program(replace(archive, manifest=manifest))))
        found = {entry.key: entry.value for entry in model.metadata_props}
        assert (found["name"], found["licence"]) == ("?", "")


def test_an_unsafe_graph_is_not_written(program_file: Path) -> None:
    archive = learnt.load(program_file).archive
    model = onnx.load_from_string(archive.members["model.onnx"])
    model.graph.node[0].domain = "com.example"
    members = {**archive.members, "model.onnx": model.SerializeToString()}
    with pytest.raises(ProgramError, match="outside the ONNX standard"):
        onnx_file(Program(replace(archive, members=members)))


def test_lengths_of_every_size_are_written_as_protocol_buffers_have_them(
    program_file: Path,
) -> None:
    archive = learnt.load(program_file).archive
    for size in (0, 1, 127, 128, 16_383, 16_384, 300_000):
        members = {**archive.members, "card.md": np.full(size, ord("x"), np.uint8).tobytes()}
        model = onnx.load_from_string(onnx_file(Program(replace(archive, members=members))))
        assert model.doc_string == "x" * size
