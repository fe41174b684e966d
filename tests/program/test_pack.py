"""What is written is what was trained: the file's parts, its promise, and its bytes."""

import hashlib
import os
import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import learnt
from learnt.errors import MismatchError
from learnt.program.pack import Check, pack
from learnt.training.learner import Learner
from tests.pictures import take
from tests.runner.crafted import members_of


@pytest.fixture(scope="module")
def program(learner):
    return learner.program()


@pytest.fixture(scope="module")
def enlarged(digits, tmp_path_factory):
    """Digits of two classes as larger pictures, each of another size: 60 to 90 pixels."""
    folder = tmp_path_factory.mktemp("enlarged") / "large"
    for label in ("0", "1"):
        (folder / label).mkdir(parents=True)
        for number, file in enumerate(sorted((digits / label).iterdir())[:16]):
            with Image.open(file) as image:
                larger = image.resize((60 + 2 * number, 90 - number)).convert("RGB")
                larger.save(folder / label / file.name)
    return folder


@pytest.fixture(scope="module")
def body_learner(enlarged):
    return Learner(learnt.Images(enlarged), model="efficientnet-lite0").fit(epochs=6)


def checked(learner: Learner) -> Check:
    return learner.task.program(learner.made_plan, learner.model, learner.outputs).check


def agree(learner: Learner, numbers) -> None:
    """The program answers as its Learner for these examples, within 1e-4."""
    scores = learner.outputs(numbers).astype(np.float64)
    wanted = np.exp(scores - scores.max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    program = learner.program()
    for row, number in zip(wanted, numbers, strict=True):
        result = program(learner.data.pictures[number].path)
        assert list(result.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-4)


def test_a_program_answers_as_its_learner(learner):
    agree(learner, learner.data.split.test)


def test_a_program_with_a_body_answers_as_its_learner(body_learner):
    assert body_learner.made_plan.model == "efficientnet-lite0"
    assert body_learner.evaluate().value == 1
    agree(body_learner, body_learner.data.split.test)


def test_a_fast_program_computes_in_whole_numbers_and_answers_as_its_learner(enlarged):
    learner = Learner(learnt.Images(enlarged), model="efficientnet-lite0", weights="fast")
    learner.fit(epochs=6)
    program = learner.program()
    nodes = onnx.load_model_from_string(program.onnx).graph.node
    kept = program.manifest["weights"]["fast"]
    assert (kept["kept"], kept["exact"], kept["fast"]) == (True, 1, 1)
    assert [node.op_type for node in nodes].count("QLinearConv") == 49
    assert "It computes in 8 bits, for speed" in " ".join(program.card.split())
    agree(learner, learner.data.split.test)


def test_a_photo_program_has_at_most_6_mb_as_its_body_has_weights_of_8_bits(body_learner):
    program = body_learner.program()
    assert len(program.archive.data) <= 6e6
    floats = [
        tensor.name
        for tensor in onnx.load_model_from_string(program.onnx).graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) > 1
        and np.prod(tensor.dims) > 1500  # larger than any scales
    ]
    assert floats == []


def test_a_digits_program_has_at_most_0_3_mb(program_file):
    assert program_file.stat().st_size <= 0.3e6


def test_what_travels_is_the_installed_runner_byte_for_byte(program_file):
    members = members_of(program_file)
    package = Path(str(resources.files("learnt")))
    files = [*(package / "runner").glob("*.py"), *(package / "runner" / "web").iterdir()]
    runner = {str(f.relative_to(package.parent)): f for f in files}
    travelling = {name for name in members if name.startswith("learnt/")}
    assert travelling == {*runner, "learnt/__init__.py", "learnt/errors.py"}
    for name, file in {**runner, "learnt/errors.py": package / "errors.py"}.items():
        assert members[name] == file.read_bytes()


def test_the_same_training_gives_the_same_file(digits, tmp_path):
    few = take(digits, tmp_path / "few", {"0": 20, "1": 20})
    files = []
    for name in ("first.pyz", "second.pyz"):
        learner = Learner(learnt.Images(few), model="convnet", seed=3).fit(epochs=1)
        files.append(learner.program().save(tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_a_graph_that_answers_otherwise_is_refused(learner, program, tmp_path, monkeypatch):
    wrong = onnx.load_model_from_string(program.onnx)
    weights = next(t for t in wrong.graph.initializer if t.dims == [10])
    numbers = onnx.numpy_helper.to_array(weights) + np.linspace(0, 0.1, 10, dtype=np.float32)
    weights.CopyFrom(onnx.numpy_helper.from_array(numbers, weights.name))
    monkeypatch.chdir(tmp_path)
    facts = {k: v for k, v in program.manifest.items() if k != "sha256"}
    with pytest.raises(MismatchError, match="Nothing was written"):
        pack(wrong.SerializeToString(), facts, program.card, checked(learner))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("count", [1, 3, 4, 5, 7])
def test_at_most_three_inputs_travel(learner, program, count):
    check = checked(learner)
    few = Check(check.names[:count], check.items[:count], check.wanted[:count])
    facts = {k: v for k, v in program.manifest.items() if k not in ("format", "learnt", "sha256")}
    assert pack(program.onnx, facts, "", few).selftests == min(count, 3)


def test_an_answer_that_is_no_number_is_a_mismatch(learner, program):
    check = checked(learner)
    check = replace(check, wanted=[np.full_like(row, np.nan) for row in check.wanted])
    facts = {k: v for k, v in program.manifest.items() if k != "sha256"}
    with pytest.raises(MismatchError):
        pack(program.onnx, facts, program.card, check)


def test_the_manifest_says_what_a_program_is(learner, program, program_file):
    manifest = program.manifest
    assert manifest["format"] == 1
    assert manifest["learnt"] == learnt.__version__
    assert manifest["task"] == "image-classification"
    assert manifest["input"] == {"kind": "image", "channels": 1, "size": 28}
    assert manifest["labels"] == learner.data.classes == [str(digit) for digit in range(10)]
    assert manifest["opset"] == onnx.load_model_from_string(program.onnx).opset_import[0].version
    assert manifest["figures"] == learner.evaluate().as_dict()
    members = members_of(program_file)
    del members["manifest.json"]
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    assert manifest["sha256"] == hashes


@pytest.mark.parametrize("name", ["learner", "body_learner"])
def test_the_graph_is_standard_onnx(name, request):
    model = onnx.load_model_from_string(request.getfixturevalue(name).program().onnx)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.domain for opset in model.opset_import] == [""]
    assert 18 <= model.opset_import[0].version <= 20
    assert model.ir_version <= 9
    assert {node.domain for node in model.graph.node} == {""}


@pytest.mark.parametrize("name", ["learner", "body_learner"])
def test_any_batch_and_any_size_of_picture_runs_in_plain_onnx_runtime(name, request):
    learner = request.getfixturevalue(name)
    session = onnxruntime.InferenceSession(learner.program().onnx)
    channels = learner.made_plan.options["channels"]
    for n, height, width in ((1, 28, 28), (5, 17, 90), (2, 300, 200)):
        pictures = np.zeros((n, height, width, channels), np.uint8)
        answers = session.run(None, {"images": pictures})[0]
        assert answers.shape == (n, len(learner.data.classes))


def test_the_card_tells_the_figure_its_baseline_and_its_limits(learner, program):
    card, evaluation = " ".join(program.card.split()), learner.evaluate()
    low, high = evaluation.interval
    assert f"**Accuracy {evaluation.value * 100:.1f} %**" in card
    assert f"95 % interval {low * 100:.1f} to {high * 100:.1f}) on 150 pictures" in card
    assert "always the commonest class: 10.0 %" in card
    assert "1,000 pictures: 700 train, 150 valid, 150 test." in card
    assert f"| 7 | 70 | 15 | {evaluation.confusion[7][7]} |" in card
    assert "convnet, 4 epochs, seed 0" in card
    assert "## Limits" in card


def test_the_card_of_a_body_names_its_licence(body_learner):
    assert "licence Apache-2.0" in body_learner.program().card


def test_a_program_tells_nobody_where_it_was_made(digits, tmp_path):
    folder = take(digits, tmp_path / "secret" / "pets", {"0": 20, "1": 20})
    shutil.copy(next((folder / "0").iterdir()), folder / "1" / "both.png")  # and so a note
    (folder / "1" / "broken.png").write_bytes(b"no picture")  # and another
    learner = Learner(learnt.Images(folder), model="convnet").fit(epochs=1)
    program = learner.program()
    assert "Note: passed over 2 identical files that have different labels." in program.card
    assert "Note: left out 1 of 42 files." in program.card
    for name, member in program.archive.members.items():
        for word in (str(tmp_path), "secret", str(Path.home()), os.uname().nodename):
            if len(word) > 5:
                assert word.encode() not in member, f"{word} in {name}"


def test_a_program_of_the_working_folder_has_its_name(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(take(digits, tmp_path / "pets", {"0": 6, "1": 6}))
    program = Learner(learnt.Images("."), model="convnet").fit(epochs=1).program()
    assert program.card.startswith("# pets: which of 2 classes")
    assert program.manifest["name"] == "pets"


def test_a_program_of_two_thousand_classes_is_packed_and_read(tmp_path):
    count = 2000
    labels = [f"class {number}" for number in range(count)]
    figures = {"confusion": (np.eye(count, dtype=int) * 3).tolist()}
    facts = {
        "task": "image-classification",
        "input": {"kind": "image", "channels": 1, "size": 8},
        "labels": labels,
        "figures": figures,
    }
    shape = ["n", "h", "w", 1]
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=kinds.FLOAT),
            helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
            helper.make_node("Mul", ["means", "zeros"], ["answers"]),
        ],
        "g",
        [helper.make_tensor_value_info("images", kinds.UINT8, shape)],
        [helper.make_tensor_value_info("answers", kinds.FLOAT, ["n", count])],
        [
            onnx.numpy_helper.from_array(np.array([1, 2]), "axes"),
            onnx.numpy_helper.from_array(np.zeros((1, count), np.float32), "zeros"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    picture = np.zeros((8, 8, 1), np.uint8)
    check = Check(["one"], [picture], [np.zeros(count, np.float32)])
    file = pack(model, facts, "# many", check).save(tmp_path / "many.pyz")
    assert learnt.load(file).labels == labels
    assert learnt.load(file).manifest["figures"] == figures
