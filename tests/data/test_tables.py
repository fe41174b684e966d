"""CSVs of file and label: other columns, odd names, sides, and lines that cannot be used."""

import shutil
from pathlib import Path

import pytest

from learnt.data.images import Images
from learnt.data.split import SIDES
from learnt.errors import DataError, TableError
from tests.pictures import table, take


@pytest.fixture
def files(digits: Path, tmp_path: Path) -> list[str]:
    """Twenty pictures below tmp_path, as 0/x.png and 1/y.png."""
    take(digits, tmp_path, {"0": 10, "1": 10})
    return sorted(f"{file.parent.name}/{file.name}" for file in tmp_path.rglob("*.png"))


def rows(files: list[str]) -> list[str]:
    """The lines of a CSV of these files."""
    return [f"{file},{file[0]}" for file in files]


def labels(data: Images) -> dict[str, str]:
    """The label of each file, by its name."""
    return {picture.path.name: picture.label for picture in data.pictures}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_csv_of_file_and_label_gives_what_the_folders_give(
    tmp_path: Path, files: list[str], encoding: str
) -> None:
    source = table(tmp_path / "all.csv", ["file,label", *rows(files)], encoding)
    assert Images(source).fingerprint() == Images(tmp_path).fingerprint()


def test_columns_may_have_other_names_and_stand_anywhere(tmp_path: Path, files: list[str]) -> None:
    lines = [f"{n},{file[0]},{file}" for n, file in enumerate(files)]
    source = table(tmp_path / "all.csv", ["id,what it is,Where", *lines])
    data = Images(source, file="where", label="what it is")
    assert labels(data) == {Path(file).name: file[0] for file in files}


def test_paths_may_be_absolute_or_relative_to_the_csv(
    tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [*rows(files[:10]), *(f"{tmp_path}/{line}" for line in rows(files[10:]))]
    source = table(tmp_path / "all.csv", ["file,label", *lines])
    monkeypatch.chdir("/")
    assert len(Images(source)) == 20


def test_quoted_names_may_hold_commas_quotes_and_newlines(tmp_path: Path, files: list[str]) -> None:
    odd = ["a, b.png", 'the "best".png', "two\nlines.png"]
    for name, file in zip(odd, files, strict=False):
        shutil.move(tmp_path / file, tmp_path / name)
    lines = ['"a, b.png",0', '"the ""best"".png",0', '"two\nlines.png",0']
    source = table(tmp_path / "all.csv", ["file,label", *lines, *rows(files[3:])])
    assert set(odd) <= set(labels(Images(source)))


def test_a_column_of_sides_is_kept(tmp_path: Path, files: list[str]) -> None:
    sides = ["train", "Train", "val", "validation", "test"] * 4
    lines = [f"{line},{side}" for line, side in zip(rows(files), sides, strict=True)]
    data = Images(table(tmp_path / "all.csv", ["file,label,split", *lines]))
    assert [len(data.split[side]) for side in SIDES] == [8, 8, 4]


def test_a_column_of_sides_must_be_filled_in_on_every_line(
    tmp_path: Path, files: list[str]
) -> None:
    lines = [f"{line},{'test' if n % 2 else ''}" for n, line in enumerate(rows(files))]
    with pytest.raises(DataError, match="filled in on every line, or on none"):
        Images(table(tmp_path / "all.csv", ["file,label,split", *lines]))


def test_an_empty_column_of_sides_is_as_good_as_none(tmp_path: Path, files: list[str]) -> None:
    with_sides = table(tmp_path / "a.csv", ["file,label,split", *(f"{x}," for x in rows(files))])
    without = table(tmp_path / "b.csv", ["file,label", *rows(files)])
    assert Images(with_sides).fingerprint() == Images(without).fingerprint()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["file,label", "0/none.png,0"], "row 1: the file 0/none.png does not exist"),
        (["file,label", "", '"x\ny.png",0'], r"row 1: the file x\\ny.png does not exist"),
        (["file,label", "nul\0.png,0"], "begins with NUL bytes, so it is no text"),
        (["file,label", "x" * 300 + ".png,0"], r"row 1: the file x+\.png does not exist"),
        (["file,label", "FIRST,"], "row 1: it must have a file and a label; got '0/.*' and ''"),
        (["file,label", ",0"], "row 1: it must have a file and a label; got '' and '0'"),
        (["file,label", "FIRST"], "line 2: every row must have 2 cells"),
        (["file,label,split", "FIRST,0,dev"], "row 1: the split must be .*; got 'dev'"),
        (["name,label", "FIRST,0"], "must have a column 'file' or .*it has name, label"),
        (["file,kind", "FIRST,0"], "must have a column 'label' or 'class' or 'category'"),
        ([], "is empty: it must have a first line of column names"),
    ],
)
def test_a_table_that_cannot_be_used_is_an_error_that_says_where_and_why(
    tmp_path: Path, files: list[str], lines: list[str], words: str
) -> None:
    source = tmp_path / "all.csv"
    source.write_text("\n".join(lines).replace("FIRST", files[0]))
    with pytest.raises(TableError, match=words) as caught:
        Images(source)
    assert "all.csv" in str(caught.value)


def test_a_column_that_was_asked_for_must_be_there(tmp_path: Path, files: list[str]) -> None:
    source = table(tmp_path / "all.csv", ["file,label", *rows(files)])
    with pytest.raises(TableError, match="must have a column 'breed'"):
        Images(source, label="breed")


def test_a_picture_in_place_of_a_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_bytes(b"\x89PNG\r\n\xff")
    with pytest.raises(TableError, match="is not a table but a PNG picture"):
        Images(tmp_path / "all.csv")


def test_a_table_in_latin_1_is_read(tmp_path: Path, files: list[str]) -> None:
    shutil.move(tmp_path / files[0], tmp_path / "0é.png")
    lines = "\n".join(["file,label", *rows(["0é.png", *files[1:]])])
    (tmp_path / "all.csv").write_bytes(lines.encode("latin-1"))
    assert "0é.png" in labels(Images(tmp_path / "all.csv"))


@pytest.mark.parametrize("name", ["none", "x" * 300, "nul\0", "file.csv/below"])
def test_a_source_that_is_not_there_is_an_error_that_says_what_to_give(
    tmp_path: Path, name: str
) -> None:
    table(tmp_path / "file.csv", ["file,label"])
    with pytest.raises(DataError, match="does not exist; give a folder with one folder a class"):
        Images(tmp_path / name)
