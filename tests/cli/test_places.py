"""What a finished program writes: never over what it reads, nor over what is no ordinary file."""

import csv
import os
import shutil
import sys
from pathlib import Path

import pytest

from learnt.cli.main import main
from tests.cli.conftest import Answer, Cli
from tests.runner.crafted import changed

SERIES = f"who,{','.join(f't{i}' for i in range(150))}\nme,{','.join(['1', '2'] * 75)}\n"
TABLES = {
    "adult": "age,workclass\n39,Private\n",
    "films": "user,item\n1,50\n",
    "gestures": SERIES,
    "texts": "text\na good film\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_answers_is_never_written_over_the_table_itself(
    answer: Answer, here: Path, name: str
) -> None:
    table = here / "the.csv"
    table.write_text(TABLES[name])
    (here / "link.csv").symlink_to(table)
    for out in ("the.csv", "./the.csv", "link.csv"):
        done = answer(name, "the.csv", "-o", out)
        assert (done.code, done.out) == (2, "")
        assert f"{out} is an input itself" in done.err
    assert table.read_text() == TABLES[name]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
@pytest.mark.parametrize("name", TABLES)
def test_what_is_no_ordinary_file_is_left_alone_and_said_before_the_rows(
    answer: Answer, here: Path, name: str
) -> None:
    (here / "the.csv").write_text(TABLES[name])
    os.mkfifo(here / "pipe")
    (here / "folder").mkdir()
    head, row = TABLES[name].splitlines(keepends=True)
    (here / "bad.csv").write_text(head + row * 40 + "x,y,z,\n")  # which is not come to
    for out in ("pipe", "folder"):
        for source in ("the.csv", "bad.csv"):
            done = answer(name, source, "-o", out)
            assert (done.code, done.out) == (2, "")
            assert f"{out} cannot be written: it is not an ordinary file" in done.err
    assert (here / "pipe").is_fifo()
    assert sorted(os.listdir(here)) == ["bad.csv", "folder", "pipe", "the.csv"]


@pytest.mark.parametrize("option", ["--onnx", "--page", "-o"])
def test_a_program_is_never_written_over_itself(
    cli: Cli, programs: Path, here: Path, option: str
) -> None:
    program = here / "texts.pyz"
    shutil.copy(programs / "texts.pyz", program)
    (here / "link.pyz").symlink_to(program)
    before = program.read_bytes()
    for place in ("texts.pyz", "link.pyz", here / ".." / "here" / "texts.pyz"):
        done = cli("run", "texts.pyz", option, place, "a good film")
        assert (done.code, done.out) == (2, "")
        assert "is the program itself" in done.err
        assert option == "-o" or cli("page", "texts.pyz", "-o", place).code == 2
    assert program.read_bytes() == before


def test_a_folder_is_no_program_to_make_a_page_of(cli: Cli, here: Path) -> None:
    done = cli("page", ".")
    assert (done.code, done.out) == (2, "")
    assert ". is not a regular file" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_for_a_program_is_refused_and_not_waited_for(cli: Cli, here: Path) -> None:
    os.mkfifo(here / "pipe")
    assert "is not a regular file" in cli("info", "pipe").err


def test_the_table_of_texts_holds_the_texts(answer: Answer, here: Path) -> None:
    (here / "one.txt").write_text("a good film\nwith a bad end", "utf-16")
    lines = b"great film\n\ncaf\xe9\n"
    done = answer("texts", "-", "one.txt", "half \udce9 a letter", "-o", "out.csv", stdin=lines)
    assert done.code == 0
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [
        "great film", "", "café", "a good film\nwith a bad end", "half \\udce9 a letter",
    ]  # fmt: skip
    assert [bool(row["label"]) for row in rows] == [True, False, True, True, True]


def test_json_before_the_words_leaves_the_words_alone(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--json", str(programs / "texts.pyz"), "--", "-bad film"]) == 0
    assert capsys.readouterr().out.startswith('{"input": "-bad film"')


def test_a_label_with_half_a_character_is_written_as_it_is_shown(
    cli: Cli, programs: Path, here: Path
) -> None:
    data = changed(programs / "texts.pyz", {}, labels=["\ud800", "\ud801"])
    (here / "half.pyz").write_bytes(data)
    assert cli("run", "half.pyz", "a good film", "-o", "out.csv").code == 0
    label = (here / "out.csv").read_text().splitlines()[1].split(",")[1]
    assert label in cli("run", "half.pyz", "a good film").out
    assert label in ("\\ud800", "\\ud801")
