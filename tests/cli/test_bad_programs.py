"""Finished programs and input that is bad in every way: one clear message, or a stated answer.

The programs are those kept in `tests/program/old`, one of each kind; they run as data, by the
runner of today. Never a crash, never silence.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from learnt.cli.main import main
from tests.cli.conftest import Answer
from tests.pictures import png_saying

PROGRAMS = {  # what each is called, and the ending of what it takes
    "adult": ".csv", "digits": ".png", "films": ".csv", "gestures": ".csv", "houses": ".csv",
    "languages": ".wav", "scenes": ".png", "texts": ".csv",
}  # fmt: skip
TABLES = [name for name, ending in PROGRAMS.items() if ending == ".csv"]


FILES: dict[str, Callable[[Path], object]] = {
    "an empty file": lambda file: file.write_bytes(b""),
    "blank lines": lambda file: file.write_bytes(b"\n\n\n"),
    "bytes": lambda file: file.write_bytes(bytes(range(256)) * 9),
    "a picture cut short": lambda file: file.write_bytes(png_saying(28, 28)[:40]),
    "a sound cut short": lambda file: file.write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt "),
    "a folder": lambda file: file.mkdir(),
    "a link to nowhere": lambda file: file.symlink_to("nowhere"),
    "a link to itself": lambda file: file.symlink_to(file),
    "nothing at all": lambda file: None,
    "/dev/null": lambda file: file.symlink_to("/dev/null"),
    "two columns of one name": lambda file: file.write_bytes(b"age,age\n39,40\n"),
    "a quote that is not closed": lambda file: file.write_bytes(b'age,user,text\n"39,1,x\n'),
    "a cell of twenty million letters": lambda file: file.write_bytes(
        b"age,user,item\n39,1," + b"x" * 20_000_000 + b"\n"
    ),
}


@pytest.mark.parametrize("fault", FILES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_that_is_none_of_its_kind_is_refused_with_its_name(
    answer: Answer, here: Path, name: str, fault: str
) -> None:
    file = here / f"the file{PROGRAMS[name]}"
    FILES[fault](file)
    done = answer(name, file.name)
    if name == "texts" and not file.is_file():  # what is no file is a text
        assert done.code == 0
        return
    assert done.code == 2
    assert done.out.count("\n") <= (
        name in ("films", "texts")
    )  # whose first line of names is written
    assert re.match(r"error: .*the file", done.err), done.err
    assert len(done.err) < 600


@pytest.mark.skipif(sys.platform == "win32", reason="names there are text")
@pytest.mark.parametrize("odd", [b"caf\xe9", '🙂 it\'s "q"'.encode(), b"two\nlines", b"-o"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_of_any_name_is_named_on_one_line(
    answer: Answer, here: Path, name: str, odd: bytes
) -> None:
    file = Path(os.fsdecode(odd) + PROGRAMS[name])
    (here / file).write_bytes(b"\0")
    done = answer(name, "--", file)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_standard_input_with_nothing_in_it_is_refused(answer: Answer, name: str) -> None:
    done = answer(name, "-")
    assert (done.code, done.out) == (2, "")
    assert re.search("empty|bytes", done.err), done.err


@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_rows_has_no_answers_and_says_so(
    answer: Answer, here: Path, name: str
) -> None:
    (here / "no.csv").write_text("age,user,item,text,t0,t1,MedInc\n")
    done = answer(name, "no.csv")
    assert "no rows" in done.err or "holds no series" in done.err


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_other_columns_is_refused_with_those_it_has(
    answer: Answer, here: Path, name: str
) -> None:
    (here / "odd.csv").write_bytes("caf\xe9,\xf6l\nx,y\n".encode("latin-1"))
    done = answer(name, "odd.csv")
    assert done.code == 2
    assert done.err.startswith("error: odd.csv")
    assert "café" in done.err
    assert name == "gestures" or "öl" in done.err


@pytest.mark.parametrize(
    ("name", "table", "out", "err"),
    [
        ("adult", b"\xef\xbb\xbfage\n39\n", "row 1: ", "columns that are not there"),
        ("adult", b"age\ninf\n1e999\n-inf\n", "row 3: ", "age: 3 cells are infinite"),
        ("adult", "age\n☃\n".encode(), "row 1: ", "age: 1 cell is not a number"),
        ("adult", b"age,workclass\n,\n", "row 1: ", "columns that are not there"),
        ("adult", b"workclass\nMartian\n", "row 1: ", "1 cell is of a value that training never"),
        ("adult", b"age\n39\n40,41\n", "row 1: ", "error: the.csv, line 3: every row must have 1"),
        ("adult", b"workclass\n" + b"x" * 10_000_000 + b"\n", "row 1: ", "a value that training"),
        ("films", b"user,item\nnobody,50\n", "the mean of all users", ""),
        ("films", b"user,item\n1,50\n1,none\n", "this item is not known", "1 row of items that"),
        ("texts", b"text,id\n,1\ngood,2\n", "good,2,", "note: 1 row: no text, and so no answer"),
        ("texts", "text,id\n☃☃,1\n".encode(), "☃☃,1,", "none of its words was seen"),
        ("texts", b"text,id\n" + b"good film " * 1_000_000 + b",1\n", ",1,", "only the first 32,"),
        ("gestures", b"t0,t1,t2,id\n1,,3,7\n", "row 1: ", "3 values, brought to 150 .*; 1 missing"),
        ("gestures", b"t0,t1,t2\n,,\n", "", "row 1: a series must have values; all of it is miss"),
        ("gestures", b"t0,t1,t2\n1,inf,2\n", "", "row 1: .* must be finite numbers"),
        ("gestures", b"t0,t1,t2\n1,two,2\n", "", "row 1: .*must be numbers; got 'two'"),
    ],
)
def test_a_table_with_odd_cells_is_answered_and_what_was_odd_is_said(
    answer: Answer, here: Path, name: str, table: bytes, out: str, err: str
) -> None:
    (here / "the.csv").write_bytes(table)
    done = answer(name, "the.csv")
    assert out in done.out
    assert re.search(err, done.err), done.err
    assert len(done.err) < 800


def test_users_and_items_that_are_not_known(answer: Answer) -> None:
    done = answer("films", "--user", "nobody", "--top", "2")
    assert done.code == 0
    assert len(done.out.splitlines()) == 2
    assert "first what this user would most likely choose" in done.err
    assert "this user is not known" in done.err
    done = answer("films", "--like", "no such film")
    assert (done.code, done.out) == (2, "")
    assert "the item no such film is not known" in done.err


def test_the_table_of_answers_has_the_columns_of_the_table(answer: Answer, here: Path) -> None:
    rows = "".join(f"{n},{','.join(['1', '2'] * 75)}\n" for n in ("first", "second"))
    (here / "the.csv").write_text(f"who,{','.join(f't{i}' for i in range(150))}\n{rows}")
    done = answer("gestures", "the.csv", "-o", "out.csv")
    assert done.code == 0, done.err
    lines = (here / "out.csv").read_text().splitlines()
    assert lines[0] == "input,who,label,probability"
    assert [line.split(",")[2] for line in lines[1:]] == ["first", "second"]  # "the.csv, row 1"


def test_a_long_sound_is_heard_in_part_and_that_is_said(answer: Answer, here: Path) -> None:
    import numpy as np

    from learnt.runner.audio import as_wav

    tone = (3000 * np.sin(np.arange(30 * 16_000) * 0.1)).astype(np.int16)
    (here / "long.wav").write_bytes(as_wav(tone))
    (here / "whole.wav").write_bytes(as_wav(tone[:4_000]))
    done = answer("languages", "long.wav", "whole.wav")
    assert done.code == 0
    assert done.err.splitlines() == ["note: only the loudest 0.3 s of 30 s were heard"]


def test_a_sound_that_is_cut_short_is_heard_and_that_is_said(answer: Answer, here: Path) -> None:
    import numpy as np

    from learnt.runner.audio import as_wav

    whole = as_wav((3000 * np.sin(np.arange(8_000) * 0.1)).astype(np.int16))
    streamed = whole[:40] + b"\xff\xff\xff\xff" + whole[44:]  # its writer did not know its length
    for data, note in ((whole, ""), (streamed, ""), (whole[:9_000], "ends early"),
                       (whole[:36] + b"LIST\1\0\0\0x\0" + whole[36:9_000], "ends early"),
                       (whole + b"more", "")):  # fmt: skip
        (here / "a.wav").write_bytes(data)
        done = answer("languages", "a.wav")
        assert done.code == 0
        assert ("the file ends early" in done.err) == bool(note)


@pytest.mark.parametrize("text", ["UTF-16 \N{SNOWMAN}", "a", ""])
def test_a_text_is_no_sound_and_no_library_says_so_by_itself(
    programs: Path, here: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    (here / "text.wav").write_bytes(text.encode("utf-16"))
    assert main(["run", str(programs / "languages.pyz"), "text.wav"]) == 2
    assert capfd.readouterr().err == "error: text.wav is no sound but text\n"


def test_options_of_a_writing_program_are_checked_before_anything_is_written(
    answer: Answer,
) -> None:
    for options in (("--temperature", "-1"), ("--top-p", "0"), ("--length", "-1")):
        done = answer("novels", "It is", *options)
        assert (done.code, done.out) == (2, "")
    done = answer("novels", "-", stdin=bytes(range(256)))
    assert (done.code, done.out) == (2, "")
    assert "the text is no text but binary" in done.err


def test_a_number_is_said_with_how_far_such_numbers_are_from_the_truth(
    answer: Answer, here: Path, programs: Path
) -> None:
    import learnt

    figures = learnt.load(programs / "houses.pyz").manifest["figures"]
    assert figures["metric"] == "RMSE"
    assert re.fullmatch(rf"[\d.]+ ± {figures['value']:.2g}\n", answer("houses", "MedInc=3").out)
