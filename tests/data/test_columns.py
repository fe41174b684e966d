"""What columns are taken for, and how their cells are read: as scikit-learn and Python would."""

import math
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from learnt.data.columns import Found, describe, read_column
from learnt.runner.columns import Category, Columns, Date, Number, YesNo


def found(values: list[Any], name: str = "x") -> Found:
    """What a column of these cells is."""
    return describe(pl.Series(name, values))


def test_fractions_with_a_decimal_comma_are_no_thousands() -> None:
    spec = found(["0,125", "0,250", "0,875"]).spec
    assert spec is not None
    assert (spec["low"], spec["high"]) == (0.125, 0.875)
    spec = found(["1,125", "2,250", "3,875"]).spec
    assert spec is not None
    assert (spec["low"], spec["high"]) == (1125, 3875)


def kind(values: list[Any], name: str = "x") -> str | None:
    """Its kind; None where it is left out."""
    spec = found(values, name).spec
    return None if spec is None else spec["kind"]


NUMBERS = ["1", "2.5", "-3e2", ".5", "+7", "8.", "9", "10", "11", "12"]


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        [1, 2, 2, 3],
        [0.5, 1.5, None],
        ["1,234", "12", "1,234,567.5"],
        ["$12", "$1,300", "$9.99"],
        ["45 %", "3%", "100 %"],
        ["1,5", "2,25", "1.234,5"],
        [*NUMBERS, "unknown"],
        ["4", "?", "NA", "", "5"],
        ["0", "1", "1", "0"],
    ],
)
def test_numbers_are_numbers_however_they_are_written(values: list[Any]) -> None:
    assert kind(values) == "number"


@pytest.mark.parametrize(
    ("text", "comma", "value"),
    [("1,234", False, 1234), ("1,234", True, 1.234), ("1.234,5", True, 1234.5), (" 7 ", False, 7),
     ("−3", False, -3), ("$1,300.50", False, 1300.5), ("12 %", False, 12), ("1e3", False, 1000)],
)  # fmt: skip
def test_a_number_is_read_as_its_writer_meant(text: str, comma: bool, value: float) -> None:
    assert Number({"name": "x", "comma": comma}).read(text) == ((value,), (), "")


@pytest.mark.parametrize("cell", [None, "", "NaN", "n/a", " ? ", "NULL", math.nan])
def test_what_people_write_for_nothing_is_missing(cell: Any) -> None:
    ((value,), _, odd) = Number({"name": "x"}).read(cell)
    assert (math.isnan(value), odd) == (True, "")
    assert Category({"name": "x", "values": ["a"]}).read(cell) == ((), (1,), "")


@pytest.mark.parametrize("cell", ["inf", "-Infinity", math.inf, "1e400", 10**400, -1e200])
def test_infinite_numbers_are_missing_and_named(cell: Any) -> None:
    ((value,), _, odd) = Number({"name": "x"}).read(cell)
    assert (math.isnan(value), odd) == (True, "infinite")
    spec = found([1.0, 2.0, math.inf])
    assert spec.notes == ["x: 1 cell is infinite, taken as missing"]
    assert (spec.spec or {})["high"] == 2


def test_cells_that_are_no_numbers_are_named() -> None:
    (note,) = found([*NUMBERS * 2, "about 9"]).notes
    assert note == "x: 1 cell is not numbers ('about 9'), taken as missing"


def test_codes_with_leading_zeros_are_no_numbers() -> None:
    assert kind(["01234", "90210", "01234", "90210"]) == "category"


@pytest.mark.parametrize("values", [[True, False, True], ["yes", "no", "Yes"], ["t", "f", "f"]])
def test_yes_and_no(values: list[Any]) -> None:
    assert kind(values) == "yes or no"
    numbers, categories, odd = read_column(YesNo({"name": "x"}), pl.Series("x", values))
    assert numbers.shape == (3, 0)
    assert [place - 2 for place in categories[:, 0]] == [str(v).lower()[0] in "yt" for v in values]
    assert odd == {}
    assert YesNo({"name": "x"}).read("perhaps") == ((), (0,), "neither yes nor no")


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["2021-03-04", "2021-12-25"], "day"),
        (["2021-03-04T10:30:00Z", "2021-03-04 22:00"], "day"),
        (["25.12.2021", "24.12.2021"], "day"),
        (["12/25/2021", "03/04/2021"], "month"),
        (["25/12/2021", "03/04/2021"], "day"),
        ([datetime(2021, 3, 4), datetime(2022, 3, 4)], "day"),
    ],
)
def test_dates_are_dates_in_the_order_that_fits(values: list[Any], order: str) -> None:
    spec = found(values).spec
    assert spec is not None
    assert (spec["kind"], spec["order"]) == ("date", order)


def test_a_date_is_days_and_the_parts_that_differ() -> None:
    spec = found(["2021-03-04 06:00", "2021-04-05 18:00"]).spec
    assert spec is not None
    assert spec["parts"] == ["month", "weekday", "hour"]
    (days,), places, odd = Date(spec).read("2021-03-04 06:00")
    assert days == (datetime(2021, 3, 4, 6) - datetime(1970, 1, 1)).total_seconds() / 86400
    assert [place - 2 for place in places] == [2, datetime(2021, 3, 4).weekday(), 6]
    assert odd == ""
    assert Date(spec).read("2021-03-04T08:00+02:00")[0] == (days,)
    (days,), places, odd = Date(spec).read("soon")
    assert (math.isnan(days), places, odd) == (True, (1, 1, 1), "not a date")


def test_a_vocabulary_has_the_values_that_are_there_often_enough_the_commonest_first() -> None:
    rare = [f"rare {i}" for i in range(10)]
    column = found(["b"] * 600 + ["a"] * 500 + rare)
    assert column.spec == {"name": "x", "kind": "category", "values": ["b", "a"]}
    assert column.notes == [
        "x: 10 of 12 values are rare: they count as one, as values that were never seen do"
    ]
    category = Category(column.spec)
    assert [category.read(cell)[1:] for cell in ("b", " a ", "rare 3", "new")] == [
        ((2,), ""), ((3,), ""), ((0,), "unseen"), ((0,), "unseen")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "name", "why"),
    [
        ([None] * 30, "x", "every cell is empty"),
        (["?", "NA", ""], "x", "every cell is empty"),
        ([7] * 30, "x", "it has one value only"),
        (["same"] * 30, "x", "it has one value only"),
        (list(range(100, 200)), "x", "it numbers the rows"),
        ([10 * i for i in range(100)], "customer_id", "it numbers the rows"),
        ([f"u{i}" for i in range(100)], "x", "it names the rows"),
        ([f"this is quite a long text {i}" for i in range(100)], "x", "it is text"),
        ([["a"], ["b"]], "x", "lists"),
        ([math.inf, math.nan], "x", "no finite number"),
    ],
)
def test_what_teaches_nothing_is_left_out_and_why(values: list[Any], name: str, why: str) -> None:
    column = found(values, name)
    assert column.spec is None
    assert why in column.why


def test_numbers_that_differ_in_every_row_stay_if_they_do_not_count_the_rows() -> None:
    assert kind(np.random.default_rng(0).normal(size=100).tolist()) == "number"
    assert kind([i * i for i in range(100)]) == "number"


def test_every_way_to_a_cell_reads_alike() -> None:
    """Text of a CSV, numbers of Parquet, and Python's own give the same row."""
    columns = Columns(
        [{"name": "n", "kind": "number"}, {"name": "c", "kind": "category", "values": ["3"]},
         {"name": "b", "kind": "yes or no"}, {"name": "d", "kind": "date", "parts": []}]
    )  # fmt: skip
    rows = [
        {"n": "3", "c": "3", "b": "true", "d": "2021-03-04"},
        {"n": 3, "c": 3, "b": True, "d": "2021-03-04 00:00:00"},
        {"n": 3.0, "c": 3.0, "b": 1, "d": "04.03.2021"},
    ]
    read = [columns.read(row) for row in rows]
    assert read[0] == read[1] == read[2]
