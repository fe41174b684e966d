"""`learnt train` on folders of files that are bad in every way: pictures, their tables, masks,
sounds, texts, corpora, series. One clear message, or a stated answer; `--plan` reads them all.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnt.runner.audio import as_wav
from tests.cli.conftest import Cli

Refused = Callable[..., str]
EACH = 12  # files of a class


def pixels(number: int) -> np.ndarray:
    """A picture of its own."""
    return np.random.default_rng(number).integers(0, 255, (28, 28), np.uint8)


def pictures(folder: Path) -> Path:
    """Two classes of pictures; gives the file that tests spoil."""
    for place, name in enumerate(("a", "b")):
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            Image.fromarray(pixels(2 * number + place)).save(folder / name / f"{number}.png")
    return folder / "a" / "3.png"


def sounds(folder: Path) -> Path:
    """Two classes of sounds."""
    for place, name in enumerate(("a", "b")):
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            noise = np.random.default_rng(2 * number + place).integers(-999, 999, 8000, np.int16)
            (folder / name / f"{number}.wav").write_bytes(as_wav(noise))
    return folder / "a" / "3.wav"


def texts(folder: Path) -> Path:
    """Two classes of texts."""
    for word in ("good", "bad"):
        (folder / word).mkdir(parents=True)
        for number in range(EACH):
            (folder / word / f"{number}.txt").write_text(f"A very {word} film, number {number}.")
    return folder / "good" / "3.txt"


def masks(folder: Path) -> Path:
    """Pictures with masks beside them."""
    for name in ("pictures", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(2 * EACH):
        Image.fromarray(pixels(number)).save(folder / "pictures" / f"{number}.png")
        mask = np.zeros((28, 28), np.uint8)
        mask[number % 16 : number % 16 + 9, 4:20] = 1 + number % 2
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    return folder / "masks" / "3.png"


def corpus(folder: Path) -> Path:
    """Three texts."""
    folder.mkdir()
    for number in range(3):
        words = (f"Line {number} {i} of a text that is long enough to learn from.\n"
                 for i in range(400))  # fmt: skip
        (folder / f"{number}.txt").write_text("".join(words))
    return folder / "2.txt"


MAKERS = {"images": pictures, "sounds": sounds, "texts": texts, "masks": masks, "corpus": corpus}
SPECIAL = "is not a regular file"
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), "is empty"),
    "of bytes": (
        lambda file: file.write_bytes(bytes(range(256)) * 9), "can be read|no text but binary"
    ),
    "a link to nowhere": (lambda file: file.symlink_to("nowhere"), "does not exist|No such file"),
    "a link to itself": (
        lambda file: file.symlink_to(file), "levels of symbolic links|cannot be read"
    ),
    "/dev/null": (lambda file: file.symlink_to("/dev/null"), SPECIAL),
    "/dev/zero": (lambda file: file.symlink_to("/dev/zero"), SPECIAL),
    "a pipe that nobody writes to": (os.mkfifo, SPECIAL),
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_that_cannot_be_used_is_named_and_the_others_are_learnt_from(
    cli: Cli, here: Path, kind: str, fault: str
) -> None:
    file = MAKERS[kind](here / "data")
    spoil, words = FAULTS[fault]
    file.unlink()
    spoil(file)
    done = cli("train", "data", "--plan")
    assert done.code == 0, done.err
    assert f"taken for {kind}" in done.out
    found = re.search(f"left out .*{re.escape(file.name)} .*({words})", done.err, re.DOTALL)
    assert found, done.err
    assert str(here) not in done.err
    assert "object at" not in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="names there are text")
@pytest.mark.parametrize("name", [b"caf\xe9", '🙂 it\'s "q"'.encode(), b"two\nlines"])
@pytest.mark.parametrize("kind", ["images", "sounds", "texts", "corpus"])
def test_a_file_of_any_name_is_learnt_from(cli: Cli, here: Path, kind: str, name: bytes) -> None:
    file = MAKERS[kind](here / "data")
    file.rename(file.with_name(os.fsdecode(name) + file.suffix))
    done = cli("train", "data", "--plan")
    assert done.code == 0, done.err
    assert "left out" not in done.err


def test_masks_of_another_size_are_left_out_or_refused(
    cli: Cli, refused: Refused, here: Path
) -> None:
    file = masks(here / "data")
    Image.fromarray(np.zeros((20, 28), np.uint8)).save(file)
    assert (
        "its mask must be of one size; got 28 × 28 and 28 × 20"
        in cli("train", "data", "--plan").err
    )
    for other in file.parent.iterdir():
        Image.fromarray(np.zeros((20, 28), np.uint8)).save(other)
    assert "24 of 24 are (100.0 %)" in refused("train", "data")


GOOD = ["file,label", *(f"{c}/{n}.png,{c}" for n in range(EACH) for c in "ab")]
TABLES: dict[str, tuple[bytes, str]] = {  # of pictures that can be read in one way
    "as it should be": ("\n".join(GOOD).encode(), ""),
    "a byte order mark": (b"\xef\xbb\xbf" + "\n".join(GOOD).encode(), ""),
    "UTF-16": ("\n".join(GOOD).encode("utf-16"), ""),
    "semicolons": ("\n".join(GOOD).replace(",", ";").encode(), ""),
    "tabs": ("\n".join(GOOD).replace(",", "\t").encode(), ""),
    "Latin-1": (
        "\n".join(GOOD).replace(",a", ",\xe4").encode("latin-1"),
        "note: x.csv is not in UTF-8 .*: such bytes were read as Windows-1252",
    ),
    "a number that is infinite": (
        "\n".join(["file,label", *(f"{line.split(',')[0]},{'inf' if i == 5 else i / 2}"
                                    for i, line in enumerate(GOOD[1:]))]).encode(),
        "'inf' is no number",
    ),
}  # fmt: skip
HOPELESS: dict[str, tuple[list[str], str]] = {
    "a row too short": ([*GOOD, "a/1.png"], "line 26: every row must have 2 cells"),
    "a row too long": ([*GOOD, "a/1.png,a,b"], "line 26: every row must have 2 cells"),
    "a file that is not there": ([*GOOD, "a/99.png,a"], "row 25: the file a/99.png does not exist"),
    "a folder for a file": ([*GOOD, "a,a"], "row 25: the file a does not exist"),
    "a file without a label": ([*GOOD, "a/1.png,"], "row 25: it must have a file and a label"),
    "a label without a file": ([*GOOD, ",a"], "row 25: it must have a file and a label"),
    "two columns of one name": (["file,file,label", *(f"x,{r}" for r in GOOD[1:])], "name once"),
    "no column of labels": ([row.split(",")[0] for row in GOOD], "must have a column 'label'"),
    "one label": ([row.replace(",b", ",a") for row in GOOD], "the class 'a' only"),
    "no rows": (GOOD[:1], "no rows"),
    "a quote that is not closed": ([*GOOD, '"a/1.png,a'], "line 26: a quote is opened"),
    "a cell of twenty million letters": ([*GOOD, "a/1.png," + "x" * 20_000_000], "a cell must"),
    "a split of its own": (
        ["file,label,split", *(f"{row},never" for row in GOOD[1:])], "row 1: the split must be"
    ),
    "infinite numbers only": (
        ["file,label", *(f"{r.split(',')[0]},{('inf', '1e999')[i % 2]}"
                         for i, r in enumerate(GOOD[1:]))], "infinite numbers only"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_table_of_pictures_that_can_be_read_in_one_way_is_read_so(
    cli: Cli, here: Path, case: str
) -> None:
    content, words = TABLES[case]
    pictures(here)
    (here / "x.csv").write_bytes(content)
    done = cli("train", "x.csv", "--plan")
    assert done.code == 0, done.err
    assert "taken for images, as its column file names pictures" in done.out
    assert re.search(words, done.err), done.err


@pytest.mark.parametrize("case", HOPELESS)
def test_a_table_of_pictures_that_is_hopeless_is_refused_with_its_row(
    refused: Refused, here: Path, case: str
) -> None:
    lines, words = HOPELESS[case]
    pictures(here)
    (here / "x.csv").write_text("\n".join(lines) + "\n")
    message = refused("train", "x.csv")
    assert re.search(words, message), message
    assert len(message) < 500


def moments(change: Callable[[int, list[str]], list[str]] = lambda number, cells: cells) -> str:
    """A table of series: slow and fast waves, and what `change` makes of each row."""
    random = np.random.default_rng(0)
    rows = [[*(f"t{at}" for at in range(30)), "label"]]
    for number in range(20):
        wave = np.sin(np.arange(30) * (0.2, 0.5)[number % 2]) + random.normal(0, 0.05, 30)
        cells = [*(f"{value:.3f}" for value in wave), "ab"[number % 2]]
        rows.append(change(number, cells))
    return "".join(",".join(row) + "\n" for row in rows)


def in_row_seven(**cells: str) -> Callable[[int, list[str]], list[str]]:
    """Other cells in the seventh row: `first`, `label`, or all of them by `every`."""

    def change(number: int, row: list[str]) -> list[str]:
        if number != 6:
            return row
        if "every" in cells:
            return [*[cells["every"]] * (len(row) - 1), row[-1]]
        return [cells.get("first", row[0]), *row[1:-1], cells.get("label", row[-1])]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_row_seven(first=""), "1 of 20 series have missing values, filled by straight lines"),
        (in_row_seven(first="inf"), r"left out 1 of 20 rows:\n  s.csv, row 7: .* finite numbers"),
        (in_row_seven(label=""), r"left out 1 of 20 rows:\n  s.csv, row 7: the label is empty"),
        (in_row_seven(every=""), r"row 7: a series must have values; all of it is missing"),
        (in_row_seven(every="1"), "1 of 20 series are constant"),
    ],
)
def test_a_series_that_is_odd_is_named_and_the_others_are_learnt_from(
    cli: Cli, here: Path, change: Callable[[int, list[str]], list[str]], words: str
) -> None:
    (here / "s.csv").write_text(moments(change))
    done = cli("train", "s.csv", "--plan")
    assert done.code == 0, done.err
    assert "taken for series" in done.out
    assert re.search(words, done.err), done.err


def test_a_series_with_a_word_in_it_is_refused_with_its_row(refused: Refused, here: Path) -> None:
    (here / "s.csv").write_text(moments(in_row_seven(first="two")))
    assert "row 7: the values of a series must be numbers; got 'two'" in refused("train", "s.csv")


def test_numbers_that_are_few_can_be_learnt_as_numbers(cli: Cli, here: Path) -> None:
    (here / "t.csv").write_text("a,label\n" + "".join(f"{i},{i % 4}\n" for i in range(200)))
    done = cli("train", "t.csv", "--plan")
    assert "4 classes" in done.out
    assert "say --task table-regression to learn it as a number" in done.err
    done = cli("train", "t.csv", "--task", "table-regression", "--plan")
    assert "→ label, a number" in done.out


@pytest.mark.parametrize("words", [("inf", "1e999"), ("inf", "-Infinity")])
def test_a_label_that_is_infinite_everywhere_is_refused(
    refused: Refused, here: Path, words: tuple[str, str]
) -> None:
    rows = "".join(f"{i},{words[i % 2]}\n" for i in range(100))
    (here / "t.csv").write_text(f"a,label\n{rows}")
    assert "the label 'label' is infinite in every row" in refused("train", "t.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("kind", [None, "table", "series", "corpus"])
@pytest.mark.parametrize("ending", ["", ".csv", ".txt"])
def test_a_pipe_is_no_source_and_nobody_waits_for_it(
    refused: Refused, here: Path, ending: str, kind: str | None
) -> None:
    os.mkfifo(here / f"pipe{ending}")
    message = refused("train", f"pipe{ending}", *(["--task", kind] if kind else []))
    assert "is neither a folder nor an ordinary file" in message
