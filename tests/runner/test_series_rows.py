"""Files of series in every shape, and what is wrong with some."""

import io
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from learnt.errors import TableError
from learnt.runner.series_rows import Row, channels_of, fitted, numbers, series_rows


def read(data: bytes, label_first: bool = False) -> list[Row]:
    return list(series_rows(data, label_first))


def test_numbered_columns_are_a_series_in_the_order_of_their_numbers() -> None:
    (row,) = read(b"label,t10,t2,t1,name\nup,10,2,1,x\n")
    assert row.channels[0].tolist() == [1, 2, 10]
    assert row.cells == {"label": "up", "name": "x"}


def test_names_with_several_beginnings_are_several_channels() -> None:
    assert channels_of(["x_0", "y_0", "x_1", "y_1", "label"]) == {"x": [0, 2], "y": [1, 3]}
    assert channels_of(["a", "b", "label", "group"]) == {"value": [0, 1]}
    assert channels_of(["0", "1", "2"]) == {"": [0, 1, 2]}
    assert channels_of(["acc[0]", "acc[1]"]) == {"acc": [0, 1]}


@pytest.mark.parametrize("between", ["\t", ",", "  ", "; "])
def test_a_file_of_numbers_has_its_label_first(between: str) -> None:
    data = "\n".join(
        between.join(row) for row in (["1.0000000e+00", "2", "-3.5"], ["-1", "4", "5"])
    )
    first, second = read(data.encode(), label_first=True)
    assert first.cells == {"label": "1"}
    assert second.cells == {"label": "-1"}
    assert first.channels[0].tolist() == [2, -3.5]
    assert read(data.encode())[1].channels[0].tolist() == [-1, 4, 5]


def test_a_ts_file_has_channels_between_colons_and_the_label_last() -> None:
    data = b"# about\n@problemName X\n@classLabel true a b\n@data\n1,2,?:3,4,5:a\n1,NaN:2,2:b\n"
    first, second = read(data)
    np.testing.assert_array_equal(first.channels[0], [1, 2, np.nan])
    assert [len(values) for values in second.channels] == [2, 2]
    assert (first.cells["label"], second.cells["label"]) == ("a", "b")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"t0,t1\n1,x\n", r"row 1: the values of a series must be numbers; got 'x' .*t0"),
        (b"1\t2\nq\t3\n", "line 2: the values of a series must be numbers; got 'q'"),
        (b"@problemName X\n1,2:a\n", "must begin with lines like @problemName"),
        (b"@problemName X\n", "must have a line @data"),
        (b"@relation X\n@data\n", "must begin with lines like @problemName"),
        (b"@timeStamps true\n@data\n", "with time stamps cannot be read"),
        (b"", "is empty"),
        (b"t0,t1\n1\n", "every row must have 2 cells"),
    ],
)
def test_what_is_no_file_of_series_is_an_error_that_names_the_place(
    data: bytes, words: str
) -> None:
    with pytest.raises(TableError, match=words):
        read(data)


def test_missing_values_lie_on_a_line_between_their_neighbours() -> None:
    values = numbers(["", "1", None, "?", "4", "NaN"], "here")
    assert fitted(Row([values]), 1, 6)[0].tolist() == [1, 1, 2, 3, 4, 4]


def test_other_lengths_are_stretched_by_straight_lines() -> None:
    assert fitted(Row([np.array([0.0, 1, 2])]), 1, 5)[0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert fitted(Row([np.arange(9.0)]), 1, 3)[0].tolist() == [0, 4, 8]
    assert fitted(Row([np.array([7.0])]), 1, 3)[0].tolist() == [7, 7, 7]
    exact = np.random.default_rng(0).standard_normal(50).astype(np.float32)
    np.testing.assert_array_equal(fitted(Row([exact.astype(np.float64)]), 1, 50)[0], exact)


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ([np.array([np.nan, np.nan])], "all of it is missing"),
        ([np.array([1.0, np.inf])], "must be finite"),
        ([np.array([1.0, 1e300])], "must be finite"),
        ([np.ones(3), np.ones(3)], "must have 1 channel; it has 2"),
    ],
)
def test_a_series_that_cannot_be_fitted_is_an_error(channels: list, words: str) -> None:
    with pytest.raises(TableError, match=words):
        fitted(Row(channels), 1, 5)


def test_a_path_is_named_in_errors(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("t0,t1\n1,2\n3,no\n")
    with pytest.raises(TableError, match=r"rows.csv, row 2"):
        list(series_rows(tmp_path / "rows.csv"))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_file_that_can_be_read_only_once_is_read_whole(tmp_path: Path) -> None:
    table = "t0,t1,id\n" + "".join(f"{n},2,{n}\n" for n in range(10_000))
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(table,))
    writer.start()
    assert [row.cells["id"] for row in series_rows(tmp_path / "pipe")] == [
        str(n) for n in range(10_000)
    ]
    writer.join()
    with (tmp_path / "rows.csv").open("w+b") as file:
        file.write(table.encode())
        file.seek(0)
        with io.BufferedReader(file.raw) as source:
            assert len(list(series_rows(source))) == 10_000


def test_long_names_and_numbers_are_names_of_no_channel() -> None:
    assert channels_of(["c1", "c2", "c" + "1" * 5000]) == {"c": [0, 1]}
