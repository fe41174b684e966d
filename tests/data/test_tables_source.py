"""`Table`: which column is the label, what is on which side, what is said and what is refused."""

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from learnt.data.guess import guess
from learnt.data.tables import Table
from learnt.errors import DataError, UsageError

N = 60


def columns(**more: Any) -> dict[str, list[Any]]:
    """A small table in memory: a number, a colour, and a label that follows the number."""
    size = [float(i * 7 % 31) + i / 100 for i in range(N)]
    colour = ["red", "green", "blue"] * (N // 3)
    label = ["big" if x > 15 else "small" for x in size]
    return {"size": size, "colour": colour, "label": label, **more}


def test_adult_is_read_as_its_description_says(adult: Path) -> None:
    data = Table(adult)
    kinds = {spec["name"]: spec["kind"] for spec in data.specs}
    numbers = {"age", "fnlwgt", "educational-num", "capital-gain", "capital-loss", "hours-per-week"}
    assert {name for name in kinds if kinds[name] == "number"} == numbers
    assert set(kinds.values()) == {"number", "category"}
    assert (data.label, data.classes, data.task) == (
        "income", ["<=50K", ">50K"], "table-classification"
    )  # fmt: skip
    age = data.specs[0]
    assert (age["low"], age["high"], age["whole"]) == (17, 85, True)
    assert len(kinds) == 14
    assert [len(data.split[side]) for side in ("train", "valid", "test")] == [2099, 450, 451]


def test_a_folder_of_one_table_is_that_table(adult: Path) -> None:
    assert Table(adult.parent).fingerprint() == Table(adult).fingerprint()
    kind, why = guess(adult.parent)
    assert kind is Table
    assert "income" in why


def test_a_remark_in_a_table_of_other_things_makes_it_no_table_of_texts(tmp_path: Path) -> None:
    size = [x * 1.7 for x in range(N)]
    remark = [f"this is what we said of number {i}" for i in range(N)]
    frame = pl.DataFrame(columns(remark=remark, a=size, b=[x**2 for x in size]))
    frame.write_csv(tmp_path / "t.csv")
    assert guess(tmp_path / "t.csv")[0] is Table
    assert guess(tmp_path / "t.csv", text="remark")[0] is not Table
    assert "remark" in Table(tmp_path / "t.csv").left_out


def test_every_form_of_one_table_gives_the_same_data(adult: Path) -> None:
    frame = pl.read_csv(adult).head(300)
    forms = [frame, pd.read_csv(adult).head(300), frame.to_dict(as_series=False), frame.lazy()]
    datas = [Table(form) for form in forms]
    assert len({data.fingerprint() for data in datas}) == 1
    for data in datas[1:]:
        assert data.specs == datas[0].specs
        np.testing.assert_array_equal(data.numbers, datas[0].numbers)
        np.testing.assert_array_equal(data.categories, datas[0].categories)


def test_text_cells_of_a_csv_give_the_same_arrays_as_typed_ones(adult: Path) -> None:
    text, typed = Table(adult), Table(pl.read_csv(adult))
    assert text.specs == typed.specs
    np.testing.assert_array_equal(text.numbers, typed.numbers)
    np.testing.assert_array_equal(text.categories, typed.categories)


def test_no_column_with_a_usual_name_is_an_error_that_lists_the_columns() -> None:
    table = {name.replace("label", "kind of it"): v for name, v in columns().items()}
    with pytest.raises(UsageError, match="--label says so; the columns are size, colour, kind of"):
        Table(table)
    assert Table(table, label="kind of it").classes == ["big", "small"]
    with pytest.raises(UsageError, match="--label 'x' must be one of the columns size, colour"):
        Table(table, label="x")


@pytest.mark.parametrize(
    ("labels", "task", "said"),
    [
        ([i * 1.5 for i in range(N)], "table-regression", "as a number, as it has 60 different"),
        (["1,250", "1,300"] * (N // 2), "table-classification", ""),
        ([i % 30 for i in range(N)], "table-regression", "as a number"),
        ([i % 3 for i in range(N)], "table-classification", "as one of 3 classes"),
        ([0, 1] * (N // 2), "table-classification", "as one of 2 classes"),
        ([0.5, 1.0, 1.5] * (N // 3), "table-regression", "as a number"),
        ([True, False] * (N // 2), "table-classification", ""),
    ],
)
def test_the_label_decides_the_task_and_that_is_said(
    labels: list[Any], task: str, said: str
) -> None:
    data = Table(columns(label=labels))
    assert data.task == task
    assert any(f"label is predicted {said}" in note for note in data.notes) or not said


def test_predict_decides_where_the_label_could_be_either() -> None:
    labels = [i % 3 for i in range(N)]
    assert Table(columns(label=labels), predict="number").task == "table-regression"
    many = [i % 30 for i in range(N)] * 3
    wide = {name: values * 3 for name, values in columns().items()}
    wide["size"] = [float(i) * 1.1 for i in range(3 * N)]
    assert len(Table({**wide, "label": many}, predict="classes").classes) == 30
    with pytest.raises(DataError, match="must be one in nearly every row"):
        Table(columns(), predict="number")
    with pytest.raises(UsageError, match="predict must be classes or number"):
        Table(columns(), predict="colour")


def test_classes_of_numbers_are_in_their_order() -> None:
    labels = [str(i % 12) for i in range(N)]
    assert Table(columns(label=labels)).classes == [str(i) for i in range(12)]


def test_a_class_is_the_same_however_its_number_is_written() -> None:
    forms: list[list[Any]] = [[1, 0], [1.0, 0.0], ["1", "0"], ["1.0", "0.00"]]
    assert all(Table(columns(label=form * (N // 2))).classes == ["0", "1"] for form in forms)


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    labels: list[Any] = columns()["label"]
    labels[3] = labels[4] = None
    data = Table(columns(label=labels))
    assert len(data) == N - 2
    assert "left out 2 rows without a label in label" in data.notes
    with pytest.raises(DataError, match="at most a tenth of the rows may have no label; 30 of 60"):
        Table(columns(label=[None, "a"] * (N // 2)))
    with pytest.raises(DataError, match="is empty in every row"):
        Table(columns(label=[None] * N))


def test_infinite_labels_are_left_out() -> None:
    labels = [float(i) + 0.5 for i in range(N)]
    labels[7] = math.inf
    assert len(Table(columns(label=labels))) == N - 1


def test_a_label_of_one_value_cannot_be_learnt() -> None:
    with pytest.raises(DataError, match="two different values; it is 'a' in every row"):
        Table(columns(label=["a"] * N))


def test_a_label_of_texts_that_all_differ_is_hardly_the_right_column() -> None:
    table = {"x": list(range(3000)), "label": [f"name {i}" for i in range(3000)]}
    with pytest.raises(DataError, match="3,000 different texts: at most 1,000 classes"):
        Table(table)


def test_a_class_with_too_few_rows_is_left_out_and_named() -> None:
    labels = columns()["label"]
    labels[5] = "odd one"
    data = Table(columns(label=labels))
    assert data.classes == ["big", "small"]
    assert any("left out 1 row of classes" in note and "odd one" in note for note in data.notes)


def test_a_label_alone_cannot_be_learnt() -> None:
    with pytest.raises(DataError, match="must have columns besides its label"):
        Table({"label": ["a", "b"] * 10})
    with pytest.raises(DataError, match="no column can be learnt from: x: every cell is empty"):
        Table({"x": [None] * N, "label": columns()["label"]})


def test_columns_that_are_left_out_are_named_with_why() -> None:
    data = Table(columns(row_id=list(range(N)), same=[1] * N, empty=[None] * N))
    assert set(data.left_out) == {"row_id", "same", "empty"}
    assert "left out the column empty: every cell is empty" in data.notes


def test_equal_rows_are_never_on_two_sides() -> None:
    table = {name: values + values[:9] for name, values in columns().items()}
    data = Table(table, seed=3)
    sides = {i: side for side in ("train", "valid", "test") for i in data.split[side]}
    assert all(sides[i] == sides[N + i] for i in range(9))


def test_where_most_rows_are_alike_they_are_examples_of_their_own() -> None:
    table = {"a": [i % 2 for i in range(N)], "label": ["x", "y"] * (N // 2)}
    data = Table(table)
    assert len(data.split.test) == 8
    assert any("rows have the same cells as another" in note for note in data.notes)


def test_a_group_stays_on_one_side() -> None:
    family = [f"family {i // 4}" for i in range(N)]
    data = Table(columns(family=family), group="family")
    sides = {i: side for side in ("train", "valid", "test") for i in data.split[side]}
    assert all(len({sides[i] for i in range(k, k + 4)}) == 1 for k in range(0, N, 4))
    assert "family" not in data.columns.names


def test_the_source_s_own_sides_are_kept() -> None:
    split = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    data = Table(columns(split=split))
    assert data.split.valid.tolist() == list(range(40, 50))
    assert data.split.test.tolist() == list(range(50, 60))
    assert "split" not in data.columns.names
    held_out = Table(columns(split=["train"] * 45 + ["val"] * 15))
    assert held_out.split.test.tolist() == list(range(45, 60))
    assert len(held_out.split.valid) > 0
    with pytest.raises(DataError, match="must say train, valid or test in every row; got 'later'"):
        Table(columns(split=["train"] * 59 + ["later"]))


def test_every_side_has_numbers_of_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    data = Table({"x": x, "y": x + rng.normal(size=400)})
    medians = [np.median(data.targets[data.split[side]]) for side in ("train", "valid", "test")]
    assert np.ptp(medians) < 0.3  # of a deviation of 1.4; by chance alone it is more like 0.5


def test_what_is_inferred_is_inferred_from_training_rows_only() -> None:
    data = Table(columns(size=[1.5 * i for i in range(N - 1)] + [1e6], split=["train"] * 40
                         + ["valid"] * 10 + ["test"] * 10))  # fmt: skip
    assert data.specs[0]["high"] == 1.5 * 39


def test_a_column_that_gives_the_answer_away_is_named() -> None:
    table = {name: values * 10 for name, values in columns().items()}
    table["size"] = [x + i / 1000 for i, x in enumerate(table["size"])]
    table["told"] = [label.upper() for label in table["label"]]
    del table["colour"]
    notes = Table(table).notes
    assert sum("alone tells the label" in note for note in notes) == 2  # size decides it, too
    assert any(note.startswith("told alone") for note in notes)


def test_real_columns_do_not_give_the_answer_away(adult: Path) -> None:
    assert not any("alone tells" in note for note in Table(adult).notes)


def test_another_seed_gives_other_sides_and_the_same_seed_the_same(adult: Path) -> None:
    first, same, other = Table(adult), Table(adult, seed=0), Table(adult, seed=1)
    assert first.fingerprint() == same.fingerprint() != other.fingerprint()
    again = Table(first.source, **first.options, seed=first.seed)
    assert again.fingerprint() == first.fingerprint()


def test_dates_of_a_frame_and_of_text_are_alike() -> None:
    days = [date(2020, 1, 1) + timedelta(days=17 * i) for i in range(N)]
    typed = Table(columns(when=days))
    text = Table(columns(when=[day.strftime("%d.%m.%Y") for day in days]))
    assert [spec["kind"] for spec in typed.specs] == ["number", "category", "date"]
    np.testing.assert_array_equal(typed.numbers, text.numbers)
    np.testing.assert_array_equal(typed.categories, text.categories)


def test_pandas_own_kinds_of_nothing_are_missing() -> None:
    sizes: list[Any] = columns()["size"]
    sizes[0] = None
    frame = pd.DataFrame(columns(size=pd.array(sizes, dtype="Float64")))
    data = Table(frame)
    assert np.isnan(data.numbers[0, 0])
    assert np.isfinite(data.numbers[1:, 0]).all()


@pytest.mark.parametrize(("first", "digits"), [("12,50", 2), ("0,125", 3)])
def test_a_label_may_have_a_decimal_comma(first: str, digits: int) -> None:
    number = float(first.replace(",", "."))
    prices = [number + (i / 1000 if digits == 3 else i) for i in range(N)]
    texts = [f"{price:.{digits}f}".replace(".", ",") for price in prices]
    assert texts[0] == first
    data = Table(columns(label=texts))
    assert data.task == "table-regression"
    np.testing.assert_allclose(data.targets, prices)
