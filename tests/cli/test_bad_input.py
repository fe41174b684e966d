"""What the command line says of input that cannot be used: one message, exit code 2."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.pictures import photo, png_saying, table, take, truncated

Refused = Callable[..., str]


def bad(folder: Path, count: int) -> None:
    """So many files in a folder that are no pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"bad-{number}.png").write_text("not a picture")


def test_no_such_folder(refused: Refused, here: Path) -> None:
    assert "nosuch does not exist: give a folder with one folder a class" in refused(
        "train", "nosuch"
    )


@pytest.mark.parametrize("name", ["x" * 300, "loop", "a\nb"])
def test_a_source_that_cannot_be_a_file(refused: Refused, here: Path, name: str) -> None:
    (here / "loop").symlink_to(here / "loop")
    assert refused("train", name).count("\n") == 1


def test_an_empty_folder(refused: Refused, here: Path) -> None:
    (here / "empty").mkdir()
    message = refused("train", "empty")
    assert "empty holds no examples of a known kind: give a folder with" in message


def test_a_folder_of_files_without_classes(refused: Refused, here: Path, digits: Path) -> None:
    message = refused("train", digits / "0")
    assert "one folder a class, with pictures in it); found no files" in message


def test_one_class(refused: Refused, here: Path, digits: Path) -> None:
    take(digits, here / "data", {"7": 20})
    assert "at least 2 classes" in (message := refused("train", "data"))
    assert "found the class '7' only" in message


def test_a_class_with_one_picture(refused: Refused, here: Path, digits: Path) -> None:
    take(digits, here / "data", {"0": 20, "1": 20, "7": 1})
    message = refused("train", "data")
    assert "the class '7' has 1 different example: at least 3 are needed" in message


def test_all_files_bad(refused: Refused, here: Path) -> None:
    bad(here / "data" / "a", 4)
    bad(here / "data" / "b", 4)
    message = refused("train", "data")
    assert "at most 10.0 % of the files may be unusable; 8 of 8 are (100.0 %)" in message
    assert "a/bad-0.png is not a picture that can be read" in message


def test_more_than_a_tenth_bad(refused: Refused, here: Path, digits: Path) -> None:
    take(digits, here / "data")
    bad(here / "data" / "0", 4)
    assert "4 of 34 are (11.8 %):\n  0/bad-0.png is not" in refused("train", "data")


def test_a_class_with_bad_files_only(refused: Refused, here: Path, digits: Path) -> None:
    take(digits, here / "data")
    bad(here / "data" / "seven", 1)
    message = refused("train", "data")
    assert "every class must have usable pictures; there are none of seven" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file,label\nnone.png,1\n", "row 1: the file none.png does not exist"),
        (b"file,label\na.png,\n", "row 1: it must have a file and a label"),
        ("file,label\ncafé.png,1\n".encode("latin-1"), "row 1: the file café.png does not exist"),
        (b"", "empty"),
        (b"file,label\n", "has a first line of names (file, label) and no rows"),
    ],
)
def test_a_table_that_cannot_be_used(
    refused: Refused, here: Path, content: bytes, words: str
) -> None:
    (here / "all.csv").write_bytes(content)
    (here / "a.png").write_bytes(png_saying(28, 28))
    message = refused("train", "all.csv")
    assert "all.csv" in message
    assert words in message


def test_a_table_whose_files_have_another_name_is_a_table_of_cells(
    refused: Refused, here: Path
) -> None:
    table(here / "all.csv", ["where,label", "a.png,1"])
    assert "the label 'label' must have at least two different values" in refused(
        "train", "all.csv"
    )


def test_an_output_that_cannot_be_written(refused: Refused, here: Path, digits: Path) -> None:
    message = refused("train", digits, "-o", "no/such/folder/x.pyz")
    assert "no/such/folder does not exist: make it, or choose another place with -o" in message


def test_an_output_that_is_a_folder(refused: Refused, here: Path, digits: Path) -> None:
    (here / "there").mkdir()
    assert "there is a folder: give -o the name of a file" in refused(
        "train", digits, "-o", "there"
    )


def test_an_output_that_is_no_ordinary_file(refused: Refused, here: Path, digits: Path) -> None:
    os.mkfifo(here / "pipe")  # /dev/null would be as wrong, and costly if this test failed
    assert "pipe is not an ordinary file" in refused("train", digits, "-o", "pipe")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--nosuch"], "No such option: --nosuch"),
        (["--epochs", "0"], "epochs must be from 1 to 100,000; got 0"),
        (["--epochs", "-3"], "epochs must be from 1 to 100,000; got -3"),
        (["--epochs", "many"], "a valid integer, unable to parse string as an integer"),
        (["--minutes", "0"], "minutes must be more than 0; got 0"),
        (["--minutes", "nan"], "minutes must be more than 0; got nan"),
        (["--epochs", "1", "--minutes", "1"], "give epochs or minutes, not both"),
        (["--model", "nosuch"], "one of convnet, efficientnet-lite0; got 'nosuch'"),
        (["--engine", "torch"], "the engine must be numpy, so far; got 'torch'"),
        (["--seed", "-1"], "'--seed'"),
        (["--resume", "nosuch"], "--resume RUN goes on as the run was started"),
    ],
)
@pytest.mark.parametrize("plan", [[], ["--plan"]])
def test_an_option_that_cannot_be(
    refused: Refused, here: Path, digits: Path, options: list[str], words: str, plan: list[str]
) -> None:
    assert words in refused("train", digits, *options, *plan)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "give a source: a folder with one folder a class, a table, or text files"),
        (["train", "--resume", "nosuch"], "there is no run nosuch; the latest are: "),
        (["train", "a", "b"], "unexpected extra argument"),
        (["nosuch"], "No such command 'nosuch'"),
        (["run", "none.pyz", "x.png"], "none.pyz does not exist"),
        (["run", "words.txt", "x.png"], "words.txt is not a safe, whole program file"),
        (["run", ".", "x.png"], "error: . is not a regular file"),
        (["run"], "Missing argument 'program'"),
        (["info", "none.pyz"], "none.pyz does not exist"),
        (["info", "words.txt"], "words.txt is not a safe, whole program file"),
        (["test", "none.pyz", "."], "none.pyz does not exist"),
        (["data", "get", "nosuch"], "must be one of digits, clipart, emoji, "),
        (["bodies", "get", "nosuch"], "must be one of efficientnet-lite0, minilm; got 'nosuch'"),
    ],
)
def test_arguments_that_cannot_be(
    refused: Refused, here: Path, arguments: list[str], words: str
) -> None:
    (here / "words.txt").write_text("just words")
    assert words in refused(*arguments)


def test_testing_on_classes_that_the_program_does_not_know(
    refused: Refused, here: Path, digits: Path, program_file: Path
) -> None:
    take(digits, here / "data", {"0": 5})
    (here / "data" / "0").rename(here / "data" / "cat")
    message = refused("test", program_file, "data")
    assert "the program knows the classes 0, 1, 2" in message
    assert "data has only cat" in message


def test_testing_on_bad_files(
    refused: Refused, here: Path, digits: Path, program_file: Path
) -> None:
    take(digits, here / "data", {"0": 5})
    bad(here / "data" / "0", 2)
    assert "may be unusable; 2 of 7 are: " in refused("test", program_file, "data")


def test_a_few_bad_files_among_good_ones_are_named_and_skipped(
    cli: Cli, here: Path, digits: Path
) -> None:
    take(digits, here / "data", {"0": 30, "1": 30})
    (here / "data" / "0" / "dangling.png").symlink_to(here / "nowhere")
    os.mkfifo(here / "data" / "0" / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("data/1/plug.png")
    damaged = min((here / "data" / "1").glob("0*.png"))
    photo().save(damaged)  # too large to be decoded before training
    damaged.write_bytes(truncated(damaged))
    done = cli("train", "data", "--model", "convnet", "--epochs", 1)
    assert done.code == 0, done
    assert "error" not in done.err
    for words in ("0/dangling.png does not exist", "0/pipe.png is not a regular file",
                  "1/plug.png is not a regular file", f"1/{damaged.name} is damaged"):  # fmt: skip
        assert f"\n  {words}" in done.err
    assert "note: left out 3 of 63 files:" in done.err  # before training
    assert "note: left out 4 of 63 files:" in done.err  # and after it
    assert (here / "data.pyz").is_file()


def test_inputs_that_cannot_be_read_are_named_and_the_others_answered(
    cli: Cli, here: Path, digits: Path, program_file: Path
) -> None:
    (here / "words.png").write_text("not a picture")
    good = min((digits / "3").iterdir())
    done = cli("run", program_file, "words.png", good, "none.png", "--json")
    assert done.code == 2
    assert done.out.count("\n") == 3
    lines = done.err.splitlines()
    assert [line.split(" ")[:2] for line in lines] == [
        ["error:", "words.png"],
        ["error:", "none.png"],
    ]


@pytest.mark.parametrize(
    "arguments", [["train", "nosuch"], ["--nosuch"], ["run", "a.pyz", "b"], ["train", "t.csv"]]
)
def test_a_real_process_ends_with_2_and_one_message(here: Path, arguments: list[str]) -> None:
    table(here / "t.csv", ["file,label", "caf\u00e9.png,1"])
    program = "import sys; from learnt.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},  # a terminal that knows no accents
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
