"""What a column of a CSV asks for: a class, several labels, or a number; and what is said of it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import learnt
from learnt.data.answers import (
    OneClass,
    SeveralLabels,
    kind_of_answers,
    separator_for,
    separator_of,
)
from learnt.data.guess import open_data
from learnt.errors import DataError, TableError, UsageError

LISTS = [["cat", "dog"], ["cat"], ["dog"], ["cat", "sun"], ["dog", "sun"], ["cat", "dog", "sun"]]


@pytest.fixture
def table(tmp_path: Path):
    """Writes a CSV of pictures, all different, with these labels."""

    def write(labels: list[str], column: str = "label") -> Path:
        lines = [f"file,{column}"]
        for number, label in enumerate(labels):
            colour = (number % 256, number // 256, 77)
            Image.new("RGB", (8, 8), colour).save(tmp_path / f"{number}.png")
            quoted = label.replace('"', '""')
            lines.append(f'{number}.png,"{quoted}"')
        (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
        return tmp_path / "table.csv"

    return write


@pytest.mark.parametrize(
    ("texts", "separator"),
    [
        ([";".join(several) for several in LISTS], ";"),
        (["|".join(several) for several in LISTS], "|"),
        ([", ".join(several) for several in LISTS], ","),
        ([" ".join(several) for several in [*LISTS, ["sun"]]], " "),
        ([str(several).replace("'", '"') for several in [*LISTS, []]], "json"),
        (["polar bear", "brown bear", "sea lion", "lion"], None),
        (["New York, NY", "Boston, MA", "Albany, NY"], None),
        (["cat", "dog", "sun"], None),
        (["[cat", "dog]"], None),
        ([], None),
    ],
)
def test_lists_are_told_from_classes_whose_names_have_commas_or_spaces(texts, separator):
    assert separator_of(texts) == separator


@pytest.mark.parametrize(
    ("texts", "separator"),
    [
        (["cat;dog", "bird", "fox;owl"], ";"),
        (["cat, dog", "big bird"], ","),
        (["cat dog", "big bird dog"], " "),
        (["big bird", "cat"], None),
        (['["cat", "big bird"]', '["dog"]', "[dog"], None),
        (["[cat", ""], None),
    ],
)
def test_lists_come_apart_into_the_labels_that_are_known(texts, separator):
    names = ["cat", "dog", "bird", "fox", "owl", "big bird"]
    assert separator_for(texts, names) == separator


def test_a_picture_to_train_on_or_a_label_on_a_side_may_not_be_missing(table):
    with pytest.raises(DataError, match="at least 2 pictures are needed to train on"):
        learnt.Images(table(["1.5", "2.5", "3.5"]))
    with pytest.raises(DataError, match="at least 2 pictures are needed to train on"):
        learnt.Images(table(["a;b", "b", "a"]), task="image-labels")
    with pytest.raises(DataError, match=r"the side (valid|test) has no picture with a label"):
        learnt.Images(table(["a;b", "b", *[""] * 9]), task="image-labels")


def test_every_picture_has_its_labels_whatever_their_order_and_spaces(table):
    texts = [";".join(several) for several in LISTS] * 5 + ["dog; cat;;cat", ""]
    data = learnt.Images(table(texts, "tags"))
    assert (data.task, data.classes) == ("image-labels", ["cat", "dog", "sun"])
    wanted = [[name in text for name in data.classes] for text in texts]
    assert data.targets.tolist() == wanted
    assert any("with ';' between them" in note for note in data.notes)
    assert any("1 of the examples (3.1 %) have no label" in note for note in data.notes)
    assert all(data.counts(side).keys() == {"cat", "dog", "sun"} for side in ("train", "test"))


def test_a_label_that_every_picture_has_is_pointed_out(table):
    data = learnt.Images(table([f"all;{text}" for text in ["cat", "dog", "cat;dog"] * 8]))
    assert any("every example has all: there is nothing to learn" in n for n in data.notes)


def test_lists_of_one_label_only_are_an_error(table):
    with pytest.raises(DataError, match="at least 2 different ones; got 'cat' only"):
        learnt.Images(table(["cat", ""] * 10), task="image-labels")


def test_fractions_and_many_whole_numbers_are_numbers(table):
    data = learnt.Images(table([f"{n / 4:.2f}" for n in range(40)]))
    assert data.task == "image-number"
    assert data.targets.tolist() == [n / 4 for n in range(40)]
    assert any("from 0 to 9.75" in note for note in data.notes)
    assert repr(data).startswith("Images(40 pictures, a number each: ")
    for side in ("train", "valid", "test"):  # large and small ones on each
        numbers = data.targets[data.split[side]]
        assert numbers.min() < 4
        assert numbers.max() > 6


@pytest.mark.parametrize("texts", [
    [f"{n // 4},{n % 4 * 25:02d}" for n in range(300)],
    [f"0,{n * 125:03d}" for n in range(8)] * 4,  # 0,125 is an eighth, and not 125
])  # fmt: skip
def test_numbers_may_have_a_decimal_comma(table, texts):
    data = learnt.Images(table(texts))
    assert data.task == "image-number"
    assert data.targets.tolist() == [float(text.replace(",", ".")) for text in texts]
    assert any("--task image-labels if they are lists" in note for note in data.notes)


def test_lists_of_numbers_are_lists(table):
    data = learnt.Images(table(["1,2", "2,3,4", "1", "3,4", "1,2,4", "4"] * 6))
    assert (data.task, data.classes) == ("image-labels", ["1", "2", "3", "4"])


def test_few_whole_numbers_are_classes_unless_one_says_otherwise(table):
    file = table([str(n % 4) for n in range(40)])
    data = learnt.Images(file)
    assert (data.task, data.classes) == ("image-classification", ["0", "1", "2", "3"])
    assert any("--task image-number" in note for note in data.notes)
    numbers, _ = open_data(file, "image-number")
    assert (numbers.task, numbers.classes) == ("image-number", [])


def test_a_tenth_of_the_numbers_may_be_none(table):
    good = [str(n / 7) for n in range(60)]
    data = learnt.Images(table([*good, "unknown", "", "inf", "nan", "1_000"]))
    assert len(data) == 60
    (note,) = [note for note in data.notes if note.startswith("left out")]
    assert "left out 5 of 65 files" in note
    assert "60.png: 'unknown' is no number" in note
    assert "61.png: the number is missing" in note
    with pytest.raises(DataError, match="at most 10"):
        learnt.Images(table([*good[:40], *["x"] * 6]), task="image-number")


def test_equal_numbers_are_an_error(table):
    with pytest.raises(DataError, match="at least 2 different numbers"):
        learnt.Images(table(["3.5"] * 20))


def test_classes_may_not_be_empty(table):
    with pytest.raises(TableError, match="row 3: it must have a file and a label"):
        learnt.Images(table(["cat", "dog", "", "cat", "dog"] * 5))


def test_a_task_must_be_known_and_suit_the_source(table, digits):
    with pytest.raises(UsageError, match="one of image-classification, image-labels"):
        learnt.Images(table(["a", "b"] * 10), task="image-words")
    with pytest.raises(UsageError, match="image-number needs a CSV"):
        learnt.Images(digits, task="image-number")


def test_a_cell_that_is_no_json_list_is_left_out_and_a_huge_one_too():
    kind, _ = kind_of_answers(['["a", "b"]', '["b"]', '["a"]'], "label")
    assert isinstance(kind, SeveralLabels)
    assert kind.names(kind.normal('["b", "a", "b"]')) == ["a", "b"]
    for text in ('["a"', "[1.5]", "[[]]", "[" * 100_000, "a" * 20_000):
        with pytest.raises(ValueError, match=r"no JSON list|characters"):
            kind.normal(text)


def test_identical_pictures_with_the_same_labels_in_another_order_are_no_contradiction(table):
    file = table([";".join(several) for several in LISTS] * 4)
    folder = file.parent
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "other.png").write_bytes((folder / "1.png").read_bytes())
    with file.open("a") as out:
        out.write('copy.png,"dog;cat"\nother.png,"dog"\n')
    data = learnt.Images(file)
    assert len(data) == 24 + 2 - 2
    assert any("2 identical files that have different labels" in note for note in data.notes)


def test_folders_of_classes_are_never_taken_for_lists(tmp_path):
    for number, name in enumerate(["a;b", "a", "b"]):
        (tmp_path / name).mkdir()
        for each in range(4):
            pixels = np.full((8, 8, 3), (number, each, 0), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{each}.png")
    data = learnt.Images(tmp_path)
    assert isinstance(data.answers, OneClass)
    assert data.classes == ["a", "a;b", "b"]
