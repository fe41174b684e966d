"""Any table as a frame: the same content, however it is stored."""

import csv
import gzip
import io
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn.datasets import load_iris

from learnt.data.frames import in_memory, read_frame, table_in
from learnt.errors import TableError


@pytest.fixture(scope="module")
def iris() -> pl.DataFrame:
    """Real measurements of 150 flowers, with their names."""
    data = load_iris()
    return pl.DataFrame(data.data, schema=data.feature_names).with_columns(
        kind=pl.Series(data.target_names[data.target].tolist())
    )


def stored(frame: pl.DataFrame, form: str, folder: Path) -> object:
    """The frame in one of the forms that can be read."""
    path = folder / f"iris.{form}"
    if form == "csv":
        frame.write_csv(path)
    elif form == "tsv":
        frame.write_csv(path, separator="\t")
    elif form == "csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    elif form == "jsonl":
        frame.write_ndjson(path)
    elif form in ("parquet", "parquet.brotli"):
        frame.write_parquet(path, compression="brotli" if form.endswith("brotli") else "zstd")
    elif form == "pandas":
        return pd.DataFrame(frame.to_dict(as_series=False))
    else:
        return {"dict": frame.to_dict(as_series=False), "polars": frame, "lazy": frame.lazy()}[form]
    return path


@pytest.mark.parametrize(
    "form",
    ["csv", "tsv", "csv.gz", "jsonl", "parquet", "parquet.brotli", "pandas", "dict", "polars",
     "lazy"],
)  # fmt: skip
def test_a_table_is_the_same_in_every_form(iris, form, tmp_path: Path):
    source = stored(iris, form, tmp_path)
    notes: list[str] = []
    frame = read_frame(source, notes)
    if form in ("csv", "tsv", "csv.gz"):  # text, and nothing but text
        assert set(frame.dtypes) == {pl.String}
        frame = frame.with_columns(pl.exclude("kind").cast(pl.Float64))
    assert_frame_equal(frame, iris)
    assert notes == []
    assert in_memory(source) == (form in ("pandas", "dict", "polars", "lazy"))


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
                         min_size=3, max_size=3), min_size=1, max_size=9))  # fmt: skip
def test_a_csv_s_cells_are_those_of_the_csv_module(tmp_path_factory, table):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["a", "b", "c"], *table])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.getvalue().encode())
    reference = list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    assert read_frame(path).rows() == [tuple(cell or None for cell in row) for row in reference]


def test_many_rows_are_put_together_in_order(tmp_path: Path):
    (tmp_path / "a.csv").write_text("n,twice\n" + "".join(f"{i},{2 * i}\n" for i in range(50_000)))
    frame = read_frame(tmp_path / "a.csv")
    assert frame["twice"].cast(pl.Int64).to_list() == list(range(0, 100_000, 2))


def test_pandas_columns_keep_their_types_and_lose_their_many_kinds_of_nothing():
    frame = read_frame(
        pd.DataFrame(
            {
                "float": [1.5, float("nan"), float("inf")],
                "int": pd.array([1, None, 3], dtype="Int64"),
                "bool": [True, False, True],
                "maybe": pd.array([True, None, False], dtype="boolean"),
                "text": ["a", None, ""],
                "category": pd.Categorical(["x", None, "y"]),
                "day": pd.to_datetime(["2020-01-02", None, "2021-03-04"]),
                "mixed": [1, "two", None],
                "list": [["a"], None, []],
                7: [1, 2, 3],
            }
        )
    )
    assert frame.to_dict(as_series=False) == {
        "float": [1.5, None, float("inf")],
        "int": [1, None, 3],
        "bool": [True, False, True],
        "maybe": [True, None, False],
        "text": ["a", None, ""],
        "category": ["x", None, "y"],
        "day": [datetime(2020, 1, 2), None, datetime(2021, 3, 4)],
        "mixed": ["1", "two", None],
        "list": [["a"], None, []],
        "7": [1, 2, 3],
    }


def test_pandas_is_read_without_pyarrow():
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import pandas as pd\n"
        "from learnt.data.frames import read_frame\n"
        "print(read_frame(pd.DataFrame({'a': [1, 2], 'b': ['x', None]})).rows())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(1, 'x'), (2, None)]"


def test_columns_of_a_dict_may_be_lists_arrays_and_series():
    frame = read_frame(
        {
            "a": [date(2020, 1, 1), None],
            "b": np.array([1, 2], np.int8),
            "c": pl.Series([0.5, None]),
            "d": np.array(["x", "y"]),
            "e": (2**70, 1),
            "f": [1, 2.5],
        }
    )
    assert frame.rows() == [
        (date(2020, 1, 1), 1, 0.5, "x", str(2**70), 1.0),
        (None, 2, None, "y", "1", 2.5),
    ]


def test_json_lines_may_leave_values_out(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"b": ["x", 2], "a": 2}\n{"c": {"d": 1}}')
    frame = read_frame(tmp_path / "a.jsonl")
    assert frame["a"].to_list() == [1, 2, None]
    assert frame["b"].to_list() == [None, ["x", "2"], None]
    assert frame["c"].to_list() == [None, None, '{"d": 1}']


def test_columns_that_are_no_data_are_left_out_with_a_note():
    notes: list[str] = []
    frame = pl.DataFrame({"a": ["x"], "b": [b"raw"], "c": [{"d": 1}], "e": [None]})
    read = read_frame(frame.with_columns(pl.col("a").cast(pl.Categorical)), notes)
    assert read.schema == {"a": pl.String, "e": pl.String}
    assert "left out columns that are neither numbers, text, dates nor lists: b, c" in notes[0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, "must have rows and columns"),
        ({"a": []}, "must have rows and columns"),
        ({"a": [1], "b": [1, 2]}, "every column must have as many cells"),
        ({"a": "text"}, "must be a list"),
        ({"a": 1}, "must be a list"),
        ({"a": np.zeros((2, 2))}, "must have one dimension"),
        ({"a": ["\ud800"]}, "the column 'a'"),
        ({"a": [1], " a": [2]}, "each column name once"),
        ({"a": [b"x"], "": [1]}, None),
        (pl.DataFrame({"a": [b"x"]}), "it has none"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "each column name once"),
        (pl.LazyFrame({"a": [1]}).select("b"), "the lazy frame cannot be collected"),
        (3, "a table must be a path, a Polars or pandas frame, or a dict of columns; got int"),
    ],
)
def test_what_is_no_table_is_an_error_that_says_so(source, words):
    if words is None:
        assert read_frame(source).columns == ["a", "column 2"]
        return
    with pytest.raises(TableError, match=words):
        read_frame(source)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"a,b\n", r"a.csv has a first line of names \(a, b\) and no rows"),
        ("a.parquet", b"not Parquet", "a.parquet cannot be read as Parquet"),
        ("a.parquet", b"", "a.parquet cannot be read as Parquet"),
        ("a.csv", b"PAR1" + bytes(99), "a.csv cannot be read as Parquet"),
        ("a.jsonl", b"\n", "a.jsonl must have rows and columns"),
        ("a.csv", bytes(range(256)), "a.csv begins with NUL bytes"),
    ],
)
def test_a_file_that_is_no_table_is_an_error_that_names_it(tmp_path: Path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TableError, match=words):
        read_frame(tmp_path / name)


def test_a_folder_s_one_table_is_found(tmp_path: Path):
    assert table_in(tmp_path) is None
    assert table_in(tmp_path / "none") is None
    for name in ("README.txt", ".hidden.csv", "adult.parquet.brotli"):
        (tmp_path / name).touch()
    (tmp_path / "pictures").mkdir()
    assert table_in(tmp_path) == tmp_path / "adult.parquet.brotli"
    (tmp_path / "more").mkdir()  # two folders: a folder a class
    assert table_in(tmp_path) is None
    (tmp_path / "more").rmdir()
    (tmp_path / "b.csv").touch()
    assert table_in(tmp_path) is None
