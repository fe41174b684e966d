"""Programs that write masks: their files, their command line, and that they stay bounded."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import learnt
from learnt.engine.onnx import Graph
from learnt.errors import ProgramError
from learnt.runner.archive import parse_archive
from learnt.runner.masks import MAX_SCORES, MaskProgram, enlarged, photo
from learnt.runner.program import program_of
from tests.runner.crafted import changed, members_of


@pytest.fixture
def picture(scenes: Path) -> Path:
    return scenes / "test" / "pictures" / "0000.jpg"


@pytest.fixture
def large(picture: Path, tmp_path: Path) -> Path:
    """The same picture with 700 × 500 pixels: more than the network sees."""
    file = tmp_path / "large.png"
    Image.open(picture).resize((700, 500), Image.Resampling.BICUBIC).save(file)
    return file


def run(program: Path, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment, **options,
    )  # fmt: skip


def test_the_mask_is_an_indexed_png_of_the_pictures_own_size(mask_program, large, tmp_path):
    done = run(mask_program, large, "-o", tmp_path / "mask.png", "--overlay", tmp_path / "on.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "mask.png") as mask:
        assert (mask.format, mask.mode, mask.size) == ("PNG", "P", (700, 500))
        numbers = np.asarray(mask)
        assert mask.getpalette()[:6] == [0, 0, 0, 230, 159, 0]
    assert set(np.unique(numbers)) <= set(range(6))
    share = (numbers == 0).mean() * 100
    assert f"background {share:.1f} %" in done.stdout
    with Image.open(tmp_path / "on.png") as overlay, Image.open(large) as whole:
        assert overlay.size == (700, 500)
        same = (np.asarray(overlay) == np.asarray(whole)).all(axis=2)
        assert (same | (numbers > 0)).all()


def test_json_has_the_share_of_each_class_that_is_there(mask_program, picture):
    done = run(mask_program, picture, "--json")
    line = json.loads(done.stdout)
    assert (line["width"], line["height"]) == (96, 96)
    assert sum(line["shares"].values()) == pytest.approx(1, abs=1e-5)
    mask = learnt.load(mask_program)(picture)
    assert line["shares"] == {name: round(share, 6) for name, share in mask.shares.items()}


def test_several_pictures_go_to_a_folder(mask_program, scenes, tmp_path):
    files = sorted((scenes / "test" / "pictures").iterdir())[:3]
    done = run(mask_program, *files, "-o", tmp_path)
    assert done.returncode == 0
    assert sorted(f.name for f in tmp_path.iterdir()) == ["0000.png", "0001.png", "0002.png"]
    program = learnt.load(mask_program)
    for mask, file in zip(program.batch(files), files, strict=True):
        assert (np.asarray(Image.open(tmp_path / f"{file.stem}.png")) == mask.numbers).all()


def test_standard_input_is_a_picture_too(mask_program, picture, tmp_path):
    done = subprocess.run(
        [sys.executable, mask_program, "-", "-o", tmp_path / "m.png"],
        input=picture.read_bytes(), capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(b"-: background")
    assert (tmp_path / "m.png").exists()


def test_a_mask_is_never_written_over_its_picture_or_another_mask(mask_program, large, tmp_path):
    before = large.read_bytes()
    for arguments in ([large, "-o", large], [large, large.parent / "x" / ".." / "large.png"]):
        done = run(mask_program, *arguments, *(["-o", tmp_path] if "-o" not in arguments else []))
        assert (done.returncode, done.stdout) == (2, "")
    assert "is an input itself" in run(mask_program, large, "-o", large).stderr
    done = run(mask_program, large, large, "-o", tmp_path / "none")
    assert "must name a folder that is there" in done.stderr
    assert large.read_bytes() == before


def test_a_bad_picture_is_named_and_the_others_are_done(mask_program, picture, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "out").mkdir()
    done = run(mask_program, tmp_path / "bad.jpg", picture, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "bad.jpg is not a picture" in done.stderr
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["0000.png"]


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (97, 301)])
def test_pictures_of_any_shape_get_a_mask_of_that_shape(mask_program, size):
    random = np.random.default_rng(0)
    for channels in (1, 3, 4):
        pixels = random.integers(0, 256, (*size, channels), dtype=np.uint8)
        assert learnt.load(mask_program)(pixels).numbers.shape == size


def test_memory_is_bounded_for_the_largest_picture_and_many_classes():
    for size, classes in (((5000, 5000), 6), ((1, 25_000_000), 6), ((5000, 5000), 100)):
        whole = np.zeros((*size, 1), np.uint8)
        small = photo(whole, 224, classes)
        assert small.pixels.shape[0] * small.pixels.shape[1] * classes <= MAX_SCORES
        assert small.size == size


def test_a_mask_made_larger_has_each_pixel_of_the_small_one_where_it_was():
    small = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (enlarged(small, (9, 8)) == small.repeat(3, 0).repeat(2, 1)).all()
    assert (enlarged(small, (3, 4)) == small).all()


@pytest.mark.parametrize(
    "output",
    [
        {"values": [0, 1], "colours": [[0, 0, 0]] * 6},
        {"values": [0, 1, 2, 3, 4, 4], "colours": [[0, 0, 0]] * 6},
        {"values": [0, 1, 2, 3, 4, 256], "colours": [[0, 0, 0]] * 6},
        {"values": [0, 1, 2, 3, 4, 5], "colours": [[0, 0, -1]] * 6},
        {"values": [0, 1, 2, 3, 4, 5], "colours": "black"},
        {},
    ],
)
def test_masks_without_a_number_and_a_colour_a_class_are_refused(mask_program, output):
    data = changed(mask_program, {}, output={"kind": "mask", **output})
    with pytest.raises(ProgramError, match="a number and a colour a class"):
        program_of(parse_archive(data, "it"))


def test_another_kind_of_answer_is_refused(mask_program):
    with pytest.raises(ProgramError, match="do not go together"):
        program_of(parse_archive(changed(mask_program, {}, output={"kind": "classes"}), "it"))


@pytest.mark.parametrize("number", [7.0, -1.0, 0.5, np.nan])
def test_a_graph_that_gives_no_class_numbers_is_refused(mask_program, picture, number):
    graph = Graph()
    shape = ["batch", "height", "width", 3]
    graph.inputs.append(("images", np.dtype(np.uint8), shape))
    reduced = graph.add("ReduceMax", graph.add("Cast", "images", to=1), keepdims=0,
                        noop_with_empty_axes=0)  # fmt: skip
    size = graph.add("Shape", "images", start=0, end=3)
    zero = graph.add("Mul", reduced, graph.constant(0, np.float32))
    filled = graph.add("Expand", graph.add("Add", zero, graph.constant(number, np.float32)), size)
    graph.outputs.append((filled, np.dtype(np.float32), shape[:3]))
    data = changed(mask_program, {"model.onnx": graph.proto().SerializeToString()})
    program = program_of(parse_archive(data, "it"))
    with pytest.raises(
        ProgramError, match=r"does not give a class number a pixel|what is no number"
    ):
        program(picture)


def test_a_selftest_finds_a_graph_that_answers_otherwise(mask_program):
    program = learnt.load(mask_program)
    assert isinstance(program, MaskProgram)
    assert program.selftest() == []
    expected = json.loads(members_of(mask_program)["selftest/expected.json"])
    wrong = {name: [5.0 - value for value in values] for name, values in expected.items()}
    data = changed(mask_program, {"selftest/expected.json": json.dumps(wrong).encode()})
    assert len(program_of(parse_archive(data, "it")).selftest()) == len(expected)


def test_a_mask_can_be_saved_and_looked_at_in_python(mask_program, picture, tmp_path):
    mask = learnt.load(mask_program)(picture)
    mask.save(tmp_path / "m.png")
    assert (np.asarray(Image.open(tmp_path / "m.png")) == mask.numbers).all()
    assert Image.open(io.BytesIO(mask.png())).mode == "P"
    assert repr(mask).startswith("Mask(shares={'background':")
