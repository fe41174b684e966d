"""A class for every pixel: the figures, what is trained, and that the program answers alike."""

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from sklearn.metrics import jaccard_score

import learnt
from learnt.data.images import Summary
from learnt.data.legend import VOID
from learnt.data.prepare import Preparation
from learnt.errors import DataError, OutputError
from learnt.models.bodies import Body, body
from learnt.training.cache import cache_file, feature_cache
from learnt.training.maps import BodyMaps
from learnt.training.overlap import counted, of_overlap
from learnt.training.plan import Budget, Machine
from learnt.training.tasks.masks import class_weights, plan_masks
from learnt.training.testing import measure
from tests.pictures import truncated


@pytest.fixture(scope="module")
def masks() -> tuple[np.ndarray, np.ndarray]:
    """Answers and truths of thirty pictures in four classes, the last of which is rare."""
    random = np.random.default_rng(0)
    truth = random.choice(4, (30, 20, 24), p=[0.6, 0.25, 0.13, 0.02]).astype(np.uint8)
    answer = np.where(random.random(truth.shape) < 0.7, truth, random.integers(0, 4, truth.shape))
    return answer.astype(np.uint8), truth


@pytest.fixture(scope="module")
def few(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four of the scenes, without sides of their own."""
    folder = tmp_path_factory.mktemp("few")
    for kind in ("pictures", "masks"):
        (folder / kind).mkdir()
        for file in sorted((scenes / "train" / kind).iterdir())[:24]:
            shutil.copy(file, folder / kind)
    return folder


def test_mean_iou_is_scikit_learns_jaccard_score_of_all_pixels(masks):
    answer, truth = masks
    names = ["a", "b", "c", "d"]
    found = of_overlap([counted(a, t, 4) for a, t in zip(answer, truth, strict=True)], names, 0)
    each = jaccard_score(truth.ravel(), answer.ravel(), average=None)
    assert found.value == pytest.approx(each.mean())
    assert [found.others[f"IoU of {name}"] for name in names] == pytest.approx(each)
    nothing = np.zeros_like(truth).ravel()
    baseline = jaccard_score(truth.ravel(), nothing, average="macro")
    assert found.baseline == pytest.approx(baseline)
    assert found.others["pixel accuracy"] == pytest.approx((answer == truth).mean())
    assert found.interval[0] < found.value < found.interval[1]


def test_names_of_classes_are_harmless_on_a_terminal(masks):
    answer, truth = masks
    found = of_overlap([counted(answer[0], truth[0], 4)], ["a", "b", "\x1b[31mc", "d"], 0)
    assert found.others["IoU of a"] > 0
    assert "\x1b" not in str(found)


def test_pixels_without_a_class_and_classes_that_are_nowhere_do_not_count(masks):
    answer, truth = masks
    part = np.where(truth == 2, VOID, truth)
    pairs = zip(np.where(answer == 3, 0, answer), np.where(part == 3, 0, part), strict=True)
    found = of_overlap([counted(a, t, 4) for a, t in pairs], ["a", "b", "c", "d"], 0)
    known = part != VOID
    t, a = np.where(part == 3, 0, part)[known], np.where(answer == 3, 0, answer)[known]
    assert found.value == pytest.approx(jaccard_score(t, a, average="macro"))
    assert "IoU of d" not in found.others
    assert any("no held-out picture shows c, d" in text for text in found.warnings)


def test_the_average_pixel_counts_1_in_the_loss_and_rare_classes_by_the_root_of_their_share():
    pixels = np.array([9000, 900, 100, 0])
    weights = class_weights(pixels)
    assert (weights * pixels).sum() / pixels.sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(10**0.5)
    assert weights[3] == 0


def test_a_learner_of_scenes_is_better_than_background_everywhere(mask_learner):
    found = mask_learner.evaluate()
    assert (found.metric, found.n) == ("mean IoU", 48)
    assert found.interval[0] > found.baseline
    assert found.baseline_name == "background everywhere"
    assert list(mask_learner.history[0])[:3] == ["epoch", "loss", "mean IoU"]


def test_its_program_has_the_same_figure_on_the_same_pictures(
    mask_learner, mask_program, scenes, tmp_path
):
    for kind in ("pictures", "masks"):
        shutil.copytree(scenes / "test" / kind, tmp_path / kind)
    found, notes = measure(learnt.load(mask_program), tmp_path)
    wanted = mask_learner.evaluate()
    assert notes == []
    assert found.value == pytest.approx(wanted.value, abs=2e-4)
    assert found.n == wanted.n


def test_measuring_leaves_out_classes_that_the_program_does_not_know(
    mask_program, scenes, tmp_path
):
    shutil.copytree(scenes / "test" / "pictures", tmp_path / "pictures")
    (tmp_path / "masks").mkdir()
    for file in (scenes / "test" / "masks").iterdir():
        numbers = np.asarray(Image.open(file))
        changed = np.where(numbers == 1, 77, numbers).astype(np.uint8)
        Image.fromarray(changed).save(tmp_path / "masks" / file.name)
    found, notes = measure(learnt.load(mask_program), tmp_path)
    assert "of classes that it does not know" in notes[0]
    assert sum(found.confusion[1]) == 0
    for file in (tmp_path / "masks").iterdir():
        Image.fromarray(np.full((96, 96), 78, np.uint8)).save(file)
    with pytest.raises(DataError, match="have none of their numbers or colours"):
        measure(learnt.load(mask_program), tmp_path)


def test_a_unet_learns_from_scratch_and_its_program_answers_alike(few):
    """That the two answer alike is checked by `program()` itself."""
    learner = learnt.Learner(learnt.Masks(few), model="unet").fit(epochs=2)
    assert learner.history[1]["loss"] < learner.history[0]["loss"]
    program = learner.program()
    assert program(few / "pictures" / "0000.jpg").numbers.shape == (96, 96)


def test_the_first_picture_may_be_damaged(few, tmp_path):
    shutil.copytree(few, tmp_path / "few")
    first = min((tmp_path / "few" / "pictures").iterdir())
    first.write_bytes(truncated(first))
    data = learnt.Masks(tmp_path / "few")
    program = learnt.Learner(data).fit(epochs=1).program()
    assert any(first.name in note for note in data.notes)
    assert program(few / "pictures" / first.name).numbers.shape == (96, 96)


def test_maps_are_computed_once_a_picture_and_again_where_the_cache_was_emptied(few, monkeypatch):
    data = learnt.Masks(few)
    inputs = BodyMaps(Preparation(192, 3), body("efficientnet-lite0"))
    some = np.array([5, 2])
    before = inputs.gather(data, lambda done, of: None)[some]

    def refuse(self: Body, size: int) -> bytes:
        pytest.fail("the body was asked for again")

    with monkeypatch.context() as patch:
        patch.setattr(Body, "maps_onnx", refuse)
        rows = BodyMaps(inputs.preparation, inputs.body).gather(data, lambda done, of: None)
        assert (rows[some] == before).all()
    cache_file(inputs.depends()).unlink()
    assert (rows[some] == before).all()


def test_pictures_that_change_while_a_program_learns_are_an_error(few, tmp_path):
    shutil.copytree(few, tmp_path / "few")
    data = learnt.Masks(tmp_path / "few")
    inputs = BodyMaps(Preparation(192, 3), body("efficientnet-lite0"))
    rows = inputs.gather(data, lambda done, of: None)
    with feature_cache(inputs.depends()) as cache:
        cache.connection.execute("DELETE FROM features")
        cache.connection.commit()
    data.pictures[3].path.unlink()
    with pytest.raises(OutputError, match="were changed while the program learnt"):
        _ = rows[np.array([3])]


def test_maps_are_bytes_about_128(scenes):
    inputs = BodyMaps(Preparation(192, 3), body("efficientnet-lite0"))
    session = onnxruntime.InferenceSession(inputs.model())
    with Image.open(scenes / "test/pictures/0004.jpg") as image:
        picture = np.asarray(image.resize((192, 192))).transpose(2, 0, 1)
    (maps,) = session.run(None, {"pictures": picture[None]})
    assert (maps.dtype, maps.shape) == (np.uint8, (1, inputs.width))
    assert abs(maps.mean() - 128) < 8
    assert 24 < maps.std() < 40
    assert np.isin(maps, [0, 255]).mean() < 0.002


@pytest.mark.parametrize(
    ("summary", "model", "size"),
    [
        (Summary(1200, 200, 400, 6, 96, 3), "efficientnet-lite0", 192),
        (Summary(200, 40, 40, 3, 640, 3), "efficientnet-lite0", 256),
        (Summary(9000, 900, 900, 3, 60, 1), "unet", 64),
    ],
)
def test_the_plan_chooses_by_size_and_number(summary, model, size):
    made = plan_masks(summary, Budget(), Machine())
    assert (made.model, made.options["size"]) == (model, size)
    assert made.epochs * (summary.train // made.recipe.batch) >= 360


def test_equal_seeds_give_equal_programs(few):
    a, b = (learnt.Learner(learnt.Masks(few)).fit(epochs=1).program().onnx for _ in range(2))
    assert a == b


def test_a_run_is_found_again_with_its_masks(few):
    learner = learnt.Learner(learnt.Masks(few)).fit(epochs=1)
    again = learnt.Learner.resume(learner.run.name).fit()
    assert again.evaluate().value == learner.evaluate().value
