"""Which kind of data a source is taken for: from real sources, and from options."""

import shutil
import wave
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_iris

import learnt
from learnt.data.guess import guess, open_data
from learnt.data.kinds import KINDS
from learnt.errors import DataError, UsageError

QUOTE = "It is a truth universally acknowledged, that a single man must be in want of a wife. "


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.zeros(800, np.int16).tobytes())


def words(path: Path, text: str = QUOTE * 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8)).save(path)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, all_digits: Path) -> Path:
    """A small source of every kind, as people have them."""
    folder = tmp_path_factory.mktemp("sources")
    for label in "01":
        (folder / "digits" / label).mkdir(parents=True)
        for file in sorted((all_digits / label).iterdir())[:5]:
            shutil.copy(file, folder / "digits" / label)
        for side in ("train", "test"):
            shutil.copytree(folder / "digits" / label, folder / "sides" / side / label)
        for i in range(3):
            sound(folder / "noises" / label / f"{i}.wav")
            words(folder / "letters" / label / f"{i}.txt")
            picture(folder / "scenes" / "train" / "pictures" / f"{label}{i}.png")
            picture(folder / "scenes" / "train" / "masks" / f"{label}{i}.png")
    words(folder / "novels" / "one.txt")
    words(folder / "novels" / "two.txt")
    (folder / "ratings.csv").write_text("userId,movieId,rating\n1,2,3.5\n1,3,4\n2,2,1\n")
    (folder / "pictures.csv").write_text("file,label\na.png,cat\nb.jpg,dog\n")
    (folder / "sounds.csv").write_text("path,label\na.wav,cat\nb.ogg,dog\n")
    (folder / "reviews.csv").write_text(
        "review,sentiment\n" + f'"{QUOTE}",good\n"No. {QUOTE}",bad\n'
    )
    iris = load_iris(as_frame=True).frame
    iris.to_csv(folder / "iris.csv", index=False)
    (folder / "in-a-folder").mkdir()
    iris.to_csv(folder / "in-a-folder" / "iris.csv", index=False)
    moments = np.random.default_rng(0).normal(size=(6, 30)).cumsum(axis=1)
    names = ["label", *(f"t{i}" for i in range(30))]
    rows = [f"{i % 2}," + ",".join(f"{v:.3f}" for v in row) for i, row in enumerate(moments)]
    (folder / "moves.csv").write_text("\n".join([",".join(names), *rows]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("digits", "images"), ("sides", "images"), ("pictures.csv", "images"), ("scenes", "masks"),
        ("noises", "sounds"), ("sounds.csv", "sounds"), ("letters", "texts"),
        ("reviews.csv", "texts"), ("novels", "corpus"), ("novels/one.txt", "corpus"),
        ("ratings.csv", "ratings"), ("iris.csv", "table"), ("in-a-folder", "table"),
        ("moves.csv", "series"),
    ],
)  # fmt: skip
def test_a_source_is_taken_for_what_it_is(sources, name, kind):
    found, why = guess(sources / name)
    assert (found.kind, KINDS[kind][1]) == (kind, found.__name__)
    assert len(why.split()) >= 3


def test_a_frame_is_taken_for_what_its_columns_say(sources):
    for name, kind in (("iris.csv", "table"), ("ratings.csv", "ratings"), ("reviews.csv", "texts")):
        assert guess(pl.read_csv(sources / name))[0].kind == kind


def test_columns_that_are_named_say_more_than_their_usual_names(sources):
    frame = pl.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "stars": [1, 5]})
    assert guess(frame)[0].kind == "table"
    assert guess(frame, user="who", item="what", rating="stars")[0].kind == "ratings"


def test_a_kind_that_is_named_is_taken(sources):
    assert guess(sources / "reviews.csv", "table") == (learnt.Table, "you said so")
    with pytest.raises(UsageError, match=f"one of {', '.join(KINDS)}; got 'movies'"):
        guess(sources / "reviews.csv", "movies")


def test_an_option_of_another_kind_is_refused_with_those_of_this_one(sources):
    with pytest.raises(UsageError, match=r"--user says nothing about images.*--file, --label"):
        guess(sources / "digits", user="who")


def test_what_is_no_source_is_an_error_that_says_what_would_be(sources, tmp_path):
    with pytest.raises(DataError, match=r"nowhere does not exist: give a folder"):
        guess(tmp_path / "nowhere")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.bin").write_bytes(b"\0")
    with pytest.raises(DataError, match=r"no examples of a known kind \(\.bin\): give"):
        guess(tmp_path / "data")


def test_the_data_that_is_opened_is_of_that_kind(sources):
    data, why = open_data(sources / "in-a-folder", seed=3, label="target")
    assert isinstance(data, learnt.Table)
    assert (data.seed, data.name, len(data)) == (3, "in-a-folder", 150)
    assert "target" in why
