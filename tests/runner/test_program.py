"""A loaded program: any kind of picture in, probabilities out, and a file that is kept whole."""

import json
import os
import stat
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import learnt
from learnt.errors import ImageError, OutputError, ProgramError
from tests.pictures import small_photo
from tests.runner.crafted import changed, members_of


@pytest.fixture(scope="module")
def program(program_file):
    return learnt.load(program_file)


@pytest.fixture(scope="module")
def pictures(digits):
    """Four pictures of each digit, and their files' names say which."""
    return [file for label in sorted(digits.iterdir()) for file in sorted(label.iterdir())[-4:]]


def test_a_path_bytes_a_pillow_image_and_an_array_get_one_answer(program, pictures):
    for file in pictures[::7]:
        with Image.open(file) as image:
            answers = [
                program(file),
                program(str(file)),
                program(file.read_bytes()),
                program(image),
                program(np.asarray(image)),
                program(np.asarray(image)[..., None]),
                program(np.asarray(image.convert("RGB"))),
            ]
        assert all(answer == answers[0] for answer in answers)


def test_the_answers_are_those_of_onnx_runtime_on_the_plain_graph(program, pictures):
    session = onnxruntime.InferenceSession(program.onnx)
    for file in pictures[::5]:
        with Image.open(file) as image:
            wanted = session.run(None, {"images": np.asarray(image)[None, :, :, None]})[0][0]
        result = program(file)
        assert list(result.probabilities.values()) == pytest.approx(wanted.tolist(), abs=1e-6)
        assert result.label == program.labels[int(wanted.argmax())]


def test_most_answers_are_right(program, pictures):
    right = sum(program(file).label == file.parent.name for file in pictures)
    assert right >= 0.85 * len(pictures)


def test_probabilities_are_of_all_labels_and_sum_to_one(program, pictures):
    for result in program.batch(pictures):
        assert list(result.probabilities) == program.labels
        assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert result.probability == max(result.probabilities.values())
        assert result.probability == result.probabilities[result.label]


def test_a_batch_gives_the_single_answers_in_order(program, pictures):
    enlarged = [Image.open(file).resize((50, 41)) for file in pictures[:5]]
    mixed = [*pictures[:20], *enlarged, small_photo("L"), *pictures[20:]]
    for one, many in zip(map(program, mixed), program.batch(mixed), strict=True):
        assert many.label == one.label
        assert many.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_a_batch_takes_inputs_only_as_results_are_asked_for(program, pictures):
    taken = []

    def endless():
        while True:
            taken.append(pictures[len(taken) % len(pictures)])
            yield taken[-1]

    results = program.batch(endless())
    for _ in range(20):
        next(results)
    assert len(taken) <= 40
    assert list(program.batch([])) == []


def test_what_is_no_picture_is_named(program, tmp_path):
    file = tmp_path / "notes.png"
    file.write_text("not a picture")
    with pytest.raises(ImageError, match=r"notes\.png"):
        program(file)


def test_any_size_and_colour_of_picture_gets_an_answer(program):
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        for size in ((1, 1), (1, 200), (28, 28), (301, 40)):
            assert program(Image.new(mode, size)).label in program.labels


def test_the_selftest_of_a_saved_program_finds_nothing(program):
    assert program.selftest() == []
    assert program.selftests == 3


def test_a_selftest_that_differs_is_reported(program_file, tmp_path):
    expected = json.loads(members_of(program_file)["selftest/expected.json"])
    expected["input_1.png"][7] += 0.25
    expected["input_2.png"][7] = float("nan")
    other = {"selftest/expected.json": json.dumps(expected).encode()}
    file = tmp_path / "other.pyz"
    file.write_bytes(changed(program_file, other))
    first, second = learnt.load(file).selftest()
    assert first == "input_1.png: a result differs by 0.2500"
    assert second.startswith("input_2.png: a result differs")


@pytest.mark.parametrize(
    "expected",
    [
        b"", b"{", b"[]", b"{}", b"null", b'{"input_0.png": {}}', b"[" * 5000,
        b'{"input_0.png": 1, "input_1.png": 1, "input_2.png": 1}',
        b'{"a": {}, "b": {}, "c": {}}', None,
    ],
)  # fmt: skip
def test_a_selftest_that_is_not_whole_is_refused(program_file, tmp_path, expected):
    file = tmp_path / "other.pyz"
    file.write_bytes(changed(program_file, {"selftest/expected.json": expected}))
    with pytest.raises(ProgramError, match="selftest is not whole"):
        learnt.load(file).selftest()


def graph(inputs: int = 1, labels: int = 10, kind: int = TensorProto.FLOAT) -> bytes:
    """A graph that is well formed, but perhaps not a program's."""
    shape = ["n", "h", "w", 1]
    entries = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, shape)
        for name in ("images", "others")[:inputs]
    ]
    answer = helper.make_tensor_value_info("y", kind, ["n", labels])
    nodes = [
        helper.make_node("Shape", ["images"], ["n"], start=0, end=1),
        helper.make_node("Concat", ["n", "k"], ["shape"], axis=0),
        helper.make_node("Expand", ["zero", "shape"], ["zeros"]),
        helper.make_node("Cast", ["zeros"], ["y"], to=kind),
    ]
    numbers = {"k": np.array([labels]), "zero": np.zeros(1, np.float32)}
    weights = [numpy_helper.from_array(array, name) for name, array in numbers.items()]
    made = helper.make_graph(nodes, "g", entries, [answer], weights)
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()


def answered(program_file, folder, model: bytes):
    file = folder / "other.pyz"
    file.write_bytes(changed(program_file, {"model.onnx": model}))
    return learnt.load(file)(np.zeros((28, 28), np.uint8))


def test_a_graph_of_the_right_shape_is_run(program_file, tmp_path):
    assert answered(program_file, tmp_path, graph()).probability == 0


@pytest.mark.parametrize(
    ("model", "because"),
    [
        (graph(inputs=2), "takes images, others"),
        (graph(labels=9), "does not give what its manifest says"),
        (graph(kind=TensorProto.STRING), "does not give what its manifest says"),
        (graph(kind=TensorProto.INT64), "does not give what its manifest says"),
        (onnx.ModelProto(ir_version=9).SerializeToString(), "must have one graph"),
        (graph().replace(b"Concat", b"Concap"), "the operator 'Concap': not known"),
        (graph().replace(b"Concat", b"MatMul"), "cannot be loaded"),
        (b"not a graph", "damaged"),
    ],
)
def test_a_graph_that_is_no_programs_is_refused(program_file, tmp_path, model, because):
    with pytest.raises(ProgramError, match=because):
        answered(program_file, tmp_path, model)


def test_a_saved_program_is_the_same_file_and_executable(program, program_file, tmp_path):
    saved = program.save(tmp_path / "copy.pyz")
    assert saved == tmp_path / "copy.pyz"
    assert saved.read_bytes() == program_file.read_bytes()
    assert stat.S_IMODE(saved.stat().st_mode) & stat.S_IXUSR
    assert os.listdir(tmp_path) == ["copy.pyz"]


def test_saving_replaces_an_old_file_as_a_whole(program, tmp_path):
    old = tmp_path / "p.pyz"
    old.write_bytes(b"old")
    reader = old.open("rb")  # who still has the old file open keeps the old one
    program.save(old)
    with reader:
        assert reader.read() == b"old"
    assert old.read_bytes() == program.archive.data


def test_a_place_that_cannot_be_written_is_named_and_nothing_changes(program, tmp_path):
    with pytest.raises(OutputError, match=r"missing/p\.pyz cannot be written"):
        program.save(tmp_path / "missing" / "p.pyz")
    (tmp_path / "folder.pyz").mkdir()
    with pytest.raises(OutputError, match=r"folder\.pyz cannot be written"):
        program.save(tmp_path / "folder.pyz")
    assert os.listdir(tmp_path) == ["folder.pyz"]


FULL_DISK = """
import resource, signal, sys, learnt
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
program = learnt.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as a full disk: no more can be written
try:
    program.save(sys.argv[2])
except learnt.LearntError as error:
    sys.exit(str(error))
"""


def test_a_disk_that_is_full_leaves_the_old_file(program_file, tmp_path):
    old = tmp_path / "p.pyz"
    old.write_bytes(b"old")
    command = [sys.executable, "-c", FULL_DISK, str(program_file), str(old)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "p.pyz cannot be written: File too large. Nothing was changed" in done.stderr
    assert old.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["p.pyz"]


def test_a_program_says_what_it_is(program, pictures):
    assert repr(program) == "Program(image-classification, 10 labels)"
    result = program(pictures[0])
    assert repr(result) == f"Result(label='{result.label}', probability={result.probability:.3f})"
    assert program.card.startswith("# digits: which of 10 classes")
