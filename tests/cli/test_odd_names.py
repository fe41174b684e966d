"""Classes and files of any name, from training to the answers of the program."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

NAMES = {
    "0": b"with  spaces",
    "1": "naïve 日本 🙂".encode(),
    "2": b"two\nlines\t'\"",
    "3": b"bytes that are no text \xff\xe9",
    "4": b"--json",
}
LABELS = {digit: os.fsdecode(name) for digit, name in NAMES.items()}
EACH = 40


@pytest.fixture
def odd(digits: Path, here: Path) -> Path:
    """Forty pictures of each class, in folders and files of these names."""
    source = here / "-odd source"
    for digit, name in NAMES.items():
        folder = Path(os.fsdecode(os.fsencode(source) + b"/" + name))
        folder.mkdir(parents=True)
        for number, file in enumerate(sorted((digits / digit).iterdir())[:EACH]):
            shutil.copy(file, folder / f"{folder.name} {number}.png")
    return source


def test_odd_names_work_from_training_to_the_programs_answers(
    cli: Cli, here: Path, odd: Path
) -> None:
    options = ["--model", "convnet", "--epochs", 20, "--json", "-o", "-odd.pyz"]
    done = cli("train", *options, "--", odd.name)
    assert (done.code, done.err) == (0, "")
    summary = json.loads(done.out)
    assert summary["classes"] == sorted(LABELS.values())
    assert summary["program"] == "-odd.pyz"
    files = sorted(odd.rglob("*.png"))
    assert len(files) == EACH * len(NAMES)

    # Read as data, and run as a program: each from the folder that the files' names begin in.
    arguments = ["--json", "--", *map(os.fsencode, files)]
    started = subprocess.run(
        [sys.executable, "./-odd.pyz", *arguments], capture_output=True, check=True
    )
    read = cli("run", "--json", "--", "-odd.pyz", *files)
    assert read.out == started.stdout.decode("ascii")
    answers = [json.loads(line) for line in read.out.splitlines()]
    assert [answer["input"] for answer in answers] == [str(file) for file in files]
    assert all(set(answer["probabilities"]) == set(LABELS.values()) for answer in answers)
    right = sum(answer["label"] == Path(answer["input"]).parent.name for answer in answers)
    assert right > 0.8 * len(files)

    measured = cli("test", "--json", "--", "-odd.pyz", odd)
    assert json.loads(measured.out)["value"] == right / len(files)


def test_odd_names_are_printed_on_one_line_each(cli: Cli, here: Path, odd: Path) -> None:
    done = cli("train", "--model", "convnet", "--epochs", 1, "-o", "odd.pyz", "--", odd.name)
    assert done.code == 0
    files = sorted(odd.rglob("* 0.png"))
    lines = cli("run", "odd.pyz", "--", *files).out.splitlines()
    assert len(lines) == len(files) == len(NAMES)
    text = "".join([done.out, *lines, cli("info", "odd.pyz").out])
    text.encode("utf-8")  # no halves of characters
    assert "with  spaces" in text
    assert "naïve 日本 🙂" in text
    assert r"two\nlines\t" in text
    assert r"\udcff\udce9" in text


def test_a_terminal_that_knows_no_accents_is_told_in_ascii(cli: Cli, here: Path, odd: Path) -> None:
    program = "import sys; from learnt.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "train", "--plan", "--", odd.name],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert rb"\xd7 224, RGB" in done.stdout
