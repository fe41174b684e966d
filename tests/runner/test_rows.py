"""Tables as programs read them: the cells of Python's csv module, whatever the dialect."""

import codecs
import csv
import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from learnt.errors import MissingDependencyError, OutputError, TableError
from learnt.runner.lines import MAX_CELL
from learnt.runner.rows import open_rows, open_table

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)


def read(data: bytes) -> tuple[list[str], list[list]]:
    with open_rows(data) as rows:
        return rows.names, [list(row) for row in rows]


def refusal(data: bytes) -> str:
    with pytest.raises(TableError) as caught:
        read(data)
    return str(caught.value)


@st.composite
def tables(draw) -> list[list[str]]:
    """Rows of text as wide as the names above them, which are words."""
    width = draw(st.integers(1, 5))
    names = [f"name {i}" for i in range(width)]
    rows = draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=8))
    return [names, *rows]


@given(
    tables(),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.booleans(),
)
def test_what_the_csv_module_writes_is_read_as_it_reads_it(
    table, delimiter, end, quoting, encoding, packed
):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)
    reference = list(csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter))
    assume(reference == table)  # the module does not read all that it writes
    data = file.getvalue().encode(encoding)
    names, rows = read(gzip.compress(data) if packed else data)
    assert names == table[0]
    assert rows == [[cell or None for cell in row] for row in table[1:]]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_an_error_that_says_why(data):
    try:
        names, rows = read(data)
    except TableError:
        return
    assert all(names)
    assert all(len(row) == len(names) for row in rows)


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_the_delimiter_is_the_one_that_fits_the_rows(delimiter):
    others = [mark for mark in ",;\t|" if mark != delimiter]
    names = ["name", f"income{others[0]} yearly{others[1]} or so", "city"]
    rows = [["a", "b" + mark * count, "e"] for mark in others for count in (1, 2)]
    data = "\n".join(delimiter.join(row) for row in [names, *rows])  # no quotes to help
    assert read(data.encode()) == (names, rows)


def test_the_line_sep_of_excel_names_the_delimiter():
    assert read(b"sep=;\r\na,b;c\r\n1;2\r\n") == (["a,b", "c"], [["1", "2"]])


def test_bytes_that_are_not_utf_8_are_read_as_windows_1252_and_noted():
    text = "naïve,café\nprice 3 €,“quoted”\n"
    with open_rows(text.encode("cp1252")) as rows:
        assert rows.names == ["naïve", "café"]
        assert list(rows) == [["price 3 €", "“quoted”"]]
        assert "not in UTF-8 (first in line 1): such bytes were read" in rows.notes[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\r\n\n", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (b"a,b\n1,2\n\n1,2,3\n", "line 4: every row must have 2 cells, .* it has 3"),
        (b"a,b\n1\n", "line 2: every row must have 2 cells, .* it has 1"),
        (b'a,b\n"x\ny",2\n1\n', "line 4: every row must have 2 cells"),
        (b'a,b\n1,2\n3,"x\ny\nz', "line 3: a quote is opened in this row and never closed"),
        (b'a,b\n1,"x"y\n', "line 2: after a closing quote the cell must end"),
        (b"a,b\n1,2\n1,\0\n", "begins with NUL bytes"),
        (b"a,b,a\n1,2,3\n", "each column name once; 'a' is the name of the columns 1, 3"),
        (b"a,b, a \n1,2,3\n", "each column name once; 'a'"),
        (b",,\n1,2,3\n", "a first line of column names; it is empty"),
        (b"\x89PNG\r\n\x1a\n", "is not a table but a PNG picture"),
        (b"PK\x03\x04zip", "is not a table but a zip archive"),
        (gzip.compress(b"\xff\xd8\xff\xe0"), "is not a table but a JPEG"),
        (gzip.compress(b"a,b\n1,2\n" * 9)[:-12], "after line .*: it cannot be read"),
        (b"\x1f\x8bno gzip", "cannot be read"),
        ("a,b\n1,2".encode("utf-16")[:-1], "cannot be read"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (b'a\n"' + b"x" * (MAX_CELL + 1) + b'"', "a cell must have at most"),
        (b'a\n"' + (b"x" * 999 + b"\n") * 33_600, "line 2: a (row|cell) must"),
        (b"a\n" + b"x" * (2 * MAX_CELL + 1), "a row must be shorter than"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_an_error_that_says_where_and_why(data, words):
    with pytest.raises(TableError, match=words):
        read(data)


def test_what_can_be_read_in_one_way_only_is_read():
    assert read(b",a\n1,2\n") == (["column 1", "a"], [["1", "2"]])  # pandas' own index
    assert read(b"a,b\n1,2,\n") == (["a", "b"], [["1", "2"]])
    assert read(b"a\nx\n\ny") == (["a"], [["x"], ["y"]])
    ten = "x" * 10_000_000
    assert read(f"a,b\n{ten},1".encode()) == (["a", "b"], [[ten, "1"]])
    assert csv.field_size_limit() == 131_072  # the module's own is put back


def test_nul_bytes_within_a_long_text_are_passed_over_and_noted():
    with open_rows(b"a,b\n" + b"x,y\n" * 2000 + b"t\0ext,1\n") as rows:
        assert list(rows)[-1] == ["text", "1"]
        assert "holds NUL bytes (first in line 2002): they were passed over" in rows.notes[0]


def test_a_first_line_of_numbers_is_noted():
    with open_rows(b"1,2.5,-3e4\n1,2,3\n") as rows:
        assert "the first line is taken for the names" in rows.notes[0]


def test_json_lines_give_numbers_as_numbers(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1, "b": "x", "c": [1], "d": true}\n\n{"b": "", "a": 2.5}\n')
    with open_rows(file) as rows:
        assert rows.names == ["a", "b", "c", "d"]
        assert list(rows) == [[1, "x", "[1]", "true"], [2.5, None, None, None]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ('{"a": 1}\nx', "line 2: each line must be a JSON object"),
        ("[1]", "line 1: each line must be a JSON object"),
        ('{"a": ' + "[" * 100_000, "line 1: each line must be a JSON object"),
        ('{"a": ' + "9" * 10_000 + "}", "line 1: each line must be a JSON object"),
        (r'{"a": "\ud800"}', "line 1: .* half a character"),
        ('{"a": 1}\n{"b": 1}', "line 2: 'b' is not among the names of the first line"),
    ],
)
def test_json_lines_that_cannot_be_used_are_an_error(tmp_path: Path, text, words):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(TableError, match=words), open_rows(tmp_path / "a.jsonl") as rows:
        list(rows)


def test_parquet_gives_the_same_rows(tmp_path: Path):
    pl.DataFrame({"n": [1, None], "t": ["x", ""], "f": [True, False]}).write_parquet(
        tmp_path / "a.parquet", compression="brotli"
    )
    data = (tmp_path / "a.parquet").read_bytes()
    for source in (tmp_path / "a.parquet", data, io.BytesIO(data)):
        with open_rows(source) as rows:
            assert [list(row) for row in rows] == [[1, "x", "true"], [None, None, "false"]]


def test_parquet_whose_pages_are_damaged_is_an_error(tmp_path: Path):
    file = tmp_path / "a.parquet"
    pl.DataFrame({"n": range(9), "t": ["text"] * 9}).write_parquet(file)
    data = file.read_bytes()
    data = data[:4] + b"\xff" * 40 + data[44:]  # what says where all is, at the end, is whole
    file.write_bytes(data)
    for source in (file, data):
        with open_rows(source) as rows:
            assert rows.names == ["n", "t"]
            with pytest.raises(TableError, match="after row 0: it is damaged"):
                list(rows)


def test_parquet_without_polars_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingDependencyError, match="pip install polars"):
        open_rows(b"PAR1")


@pytest.mark.parametrize("name", ["none.csv", ".", "x" * 300, "nul\0.csv"])
def test_a_path_that_is_no_file_is_an_error(tmp_path: Path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TableError, match=r"is a folder|cannot be read as a table"):
        open_rows(name)


def test_a_table_without_rows_and_what_was_odd_are_said_when_all_is_read(capsys):
    with open_rows("é,b\n".encode("latin-1")) as rows:
        assert list(rows.chunks()) == []
        rows.say()
    first, second = capsys.readouterr().err.splitlines()
    assert "such bytes were read as Windows-1252" in first
    assert second == "note: the table has no rows, so there are no answers"


def test_rows_before_a_bad_one_come_first():
    with open_rows(b"a,b\n1,2\n3,4\n5\n") as rows:
        chunks = rows.chunks()
        assert next(chunks) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
        with pytest.raises(TableError, match="line 4"):
            next(chunks)


class Endless(io.RawIOBase):
    """A file of a first line and so many equal rows, never in memory."""

    def __init__(self, rows: int) -> None:
        self.left, self.rest = rows, b"a,b\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while self.left and len(self.rest) < len(buffer):
            count = min(1000, self.left)
            self.rest += b"some text,1.5\n" * count
            self.left -= count
        part, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def test_memory_stays_flat_however_many_rows_come(tmp_path: Path):
    def peak(count: int) -> int:
        tracemalloc.start()
        seen = 0
        with open_rows(Endless(count)) as rows, open_table(tmp_path / "out.csv", ["b"]) as write:
            for chunk in rows.chunks():
                for row in chunk:
                    write(row)
                seen += len(chunk)
        assert seen == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(20_000) < 1.2 * peak(4_000)


def test_a_table_written_is_the_table_read(tmp_path: Path):
    wanted = [["1", 'a "b"\nc'], ["é", None], [None, "x;y,z"]]
    with open_table(tmp_path / "out.csv", ["a", "b"]) as write:
        for a, b in wanted:
            write({"a": a, "b": b})
    assert read((tmp_path / "out.csv").read_bytes()) == (["a", "b"], wanted)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_a_table_that_is_half_written_does_not_replace_the_old_one(tmp_path: Path):
    (tmp_path / "out.csv").write_text("old")

    def copy() -> None:
        with open_rows(b"a,b\n1,2\n3\n") as rows, open_table(tmp_path / "out.csv", "ab") as write:
            for chunk in rows.chunks():
                write(chunk[0])

    with pytest.raises(TableError, match="line 3"):
        copy()
    assert (tmp_path / "out.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(OutputError, match="cannot be written"), open_table(tmp_path / "no/x", []):
        pass


def test_standard_input_and_output_are_tables_too(monkeypatch, capsys):
    class Stdin:
        buffer = io.BytesIO(b"a\tb\n1\t2\n")

    monkeypatch.setattr(sys, "stdin", Stdin)
    with open_rows("-") as rows, open_table(None, ["b", "sum"]) as write:
        for row in rows.chunks():
            write({**row[0], "sum": 3})
    assert capsys.readouterr().out == "b,sum\n2,3\n"
    assert not Stdin.buffer.closed


def test_the_source_of_an_error_is_safe_to_print(tmp_path: Path):
    (tmp_path / "a\x1b[2J.csv").write_text("")
    with pytest.raises(TableError) as caught:
        open_rows(tmp_path / "a\x1b[2J.csv")
    assert "\x1b" not in str(caught.value)
    assert json.dumps(str(caught.value))
