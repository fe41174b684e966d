"""Several labels a picture, and a number a picture: on scenes, from the CSV to the program."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

import learnt
from learnt.errors import DataError
from learnt.runner.results import Labels, Several, Value
from learnt.training.tasks.picture_answers import of_each_label
from learnt.training.testing import measure


@pytest.fixture(scope="module")
def labelled(scenes: Path):
    """A Learner of which things are in a scene."""
    return learnt.Learner(learnt.Images(scenes / "labels.csv"), model="convnet").fit(epochs=25)


@pytest.fixture(scope="module")
def counted(scenes: Path):
    """A Learner of what share of a scene is covered by things."""
    data = learnt.Images(scenes / "numbers.csv", label="covered")
    return learnt.Learner(data, model="convnet").fit(epochs=25)


def rows(scenes: Path, name: str) -> list[dict[str, str]]:
    with (scenes / name).open() as file:
        return [row for row in csv.DictReader(file) if row["split"] == "test"]


def test_mean_average_precision_and_f1_are_scikit_learns():
    random = np.random.default_rng(0)
    positive = random.random((80, 4)) < [0.5, 0.3, 0.1, 0.7]
    probabilities = np.clip(0.5 * positive + random.random(positive.shape) * 0.6, 0, 1)
    found = of_each_label(probabilities, positive, ["a", "b", "c", "d"], positive)
    each = average_precision_score(positive, probabilities, average=None)
    assert found.value == pytest.approx(each.mean())
    assert [found.others[f"AP of {name}"] for name in "abcd"] == pytest.approx(each)
    wanted = f1_score(positive, probabilities >= 0.5, average="macro")
    assert found.others["macro F1"] == pytest.approx(wanted)


def test_names_of_labels_are_harmless_on_a_terminal():
    names = ["a", "\x1b[31mb"]
    positive = np.array([[True, False], [False, True]])
    found = of_each_label(positive * 1.0, positive, names, positive)
    assert found.others["AP of a"] == 1
    assert "\x1b" not in str(found)


def test_labels_are_learnt_and_the_figures_stand_beside_a_baseline(labelled):
    assert labelled.history[-1]["loss"] < labelled.history[0]["loss"]
    found = labelled.evaluate()
    assert (found.metric, found.n) == ("mean average precision", 48)
    assert found.interval[0] < found.value < found.interval[1]
    assert 0.2 < found.baseline < 0.6


def test_a_program_of_labels_answers_as_its_learner(labelled, scenes, tmp_path):
    program = labelled.program()
    file = program.save(tmp_path / "labels.pyz")
    numbers = labelled.data.split.test[:6]
    wanted = 1 / (1 + np.exp(-labelled.outputs(numbers)))
    for number, row in zip(numbers, wanted, strict=True):
        answer = program(labelled.data.pictures[number].path)
        assert isinstance(answer, Several)
        assert list(answer.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-4)
        assert set(answer.labels) == {n for n, p in answer.probabilities.items() if p >= 0.5}
    picture = scenes / rows(scenes, "labels.csv")[0]["file"]
    done = subprocess.run(
        [sys.executable, file, picture, "--json"], capture_output=True, text=True, check=True
    )
    line = json.loads(done.stdout)
    assert set(line["probabilities"]) == {"animal", "face", "flag", "food", "vehicle"}
    assert program.selftest() == []
    assert learnt.load(file).card.startswith("# labels: which of 5 labels does a picture have?")


def test_measuring_a_program_of_labels_gives_the_learners_figure(labelled, scenes, tmp_path):
    lines = ["file,labels"]
    lines += [f"{scenes / row['file']},{row['labels']}" for row in rows(scenes, "labels.csv")]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    found, notes = measure(labelled.program(), tmp_path / "test.csv")
    assert notes == []
    assert found.value == pytest.approx(labelled.evaluate().value, abs=1e-3)
    few = [line for line in lines[1:] if line.count(";") == 2][:3]
    (tmp_path / "few.csv").write_text("\n".join([lines[0], *few]))  # nothing comes back in these
    assert measure(labelled.program(), tmp_path / "few.csv")[1] == []
    lines[1] = lines[1].rsplit(",", 1)[0] + ",face;unicorn"
    (tmp_path / "test.csv").write_text("\n".join(lines))
    _, notes = measure(labelled.program(), tmp_path / "test.csv")
    assert "labels that it does not know: unicorn (1)" in notes[0]


def test_a_program_of_numbers_answers_as_its_learner(counted, scenes, tmp_path):
    found = counted.evaluate()
    assert found.metric == "RMSE"
    train = counted.data.targets[counted.data.split.train]
    truth = counted.data.targets[counted.data.split.test]
    assert found.baseline == pytest.approx(np.sqrt(np.mean((truth - train.mean()) ** 2)))
    assert found.interval[0] < found.value < found.interval[1]
    program = counted.program()
    answer = program(scenes / rows(scenes, "numbers.csv")[3]["file"])
    assert isinstance(answer, Value)
    assert -0.5 < answer.value < 1.5
    lines = ["file,covered"]
    lines += [f"{scenes / row['file']},{row['covered']}" for row in rows(scenes, "numbers.csv")]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    again, notes = measure(program, tmp_path / "test.csv", label="covered")
    assert notes == []
    assert again.value == pytest.approx(found.value, rel=1e-3)


def test_measuring_with_no_label_that_is_known_or_no_numbers_is_an_error(
    labelled, counted, scenes, tmp_path
):
    files = [scenes / row["file"] for row in rows(scenes, "labels.csv")][:8]
    text = "\n".join(["file,label", *(f"{file},unicorn;dragon" for file in files)])
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match="the program knows the labels animal, face"):
        measure(labelled.program(), tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"at least 2 different numbers|may be unusable"):
        measure(counted.program(), tmp_path / "t.csv")


def test_the_labels_of_an_answer_are_in_the_order_of_their_probability():
    answers = Labels({"labels": ["a", "b", "c"]})
    found = answers(np.array([0.6, 0.1, 0.9], np.float32))
    assert found.labels == ["c", "a"]
    assert found.line() == "c (90.0 %), a (60.0 %)"
    none = answers(np.array([0.1, 0.4, 0.2], np.float32))
    assert none.line() == "none (the likeliest: b 40.0 %)"
    assert none.as_dict()["labels"] == []
