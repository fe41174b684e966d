"""Text files as data: what is read, what is left out and said, what is held out."""

import codecs
import shutil

import pytest

import learnt
from learnt.data.guess import guess
from learnt.data.look import Look
from learnt.data.split import SIDES
from learnt.errors import DataError

AESOP = "Ein Fuchs sah süße Trauben, die über ihm hingen; „sie sind sauer“, sagte er.\n"


@pytest.fixture
def folder(novels, tmp_path):
    """A copy of the novels, to be changed."""
    return shutil.copytree(novels, tmp_path / "texts")


def test_of_a_few_texts_the_end_of_each_is_held_out(novels):
    data = learnt.Corpus(novels)
    for path in data.files:
        whole = path.read_text(encoding="utf-8")
        parts = [p for p in data.passages if p.path == path]
        assert [p.side for p in parts] == ["train", "valid", "test"]
        assert "".join(p.text for p in parts) == whole
        assert [len(p.text) / len(whole) for p in parts] == pytest.approx(
            [0.85, 0.05, 0.10], abs=0.01
        )
        assert all(p.text.endswith("\n") for p in parts[:2])
    assert len(data.files) == 2
    assert data.fingerprint() == learnt.Corpus(novels, seed=5).fingerprint()


def test_of_many_texts_whole_ones_are_held_out_by_the_seed(novels, tmp_path):
    text = (novels / "emma.txt").read_text(encoding="utf-8")
    for number in range(25):
        part = text[number * 590 : (number + 1) * 590] + text[-number - 400 :]
        (tmp_path / f"{number}.txt").write_text(part)
    data = learnt.Corpus(tmp_path)
    assert sorted(p.path.name for p in data.passages) == sorted(p.name for p in tmp_path.iterdir())
    assert [len(data.split[side]) for side in SIDES] == [22, 1, 2]
    assert data.fingerprint() == learnt.Corpus(tmp_path).fingerprint()
    assert data.fingerprint() != learnt.Corpus(tmp_path, seed=1).fingerprint()


def test_folders_of_its_own_are_the_sides_and_what_is_missing_is_cut_from_train(novels, tmp_path):
    for side, name in (("train", "emma.txt"), ("test", "persuasion.txt")):
        (tmp_path / side).mkdir()
        shutil.copy(novels / name, tmp_path / side)
    data = learnt.Corpus(tmp_path)
    emma = (novels / "emma.txt").read_text(encoding="utf-8")
    assert data.texts("train")[0] + data.texts("valid")[0] == emma
    assert data.texts("test") == [(novels / "persuasion.txt").read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (AESOP.encode(), ""),
        (codecs.BOM_UTF8 + AESOP.encode(), ""),
        (AESOP.encode("utf-16"), "UTF-16"),
        (AESOP.encode("cp1252"), "Windows-1252"),
        (AESOP.replace("\n", "\r\n").encode(), ""),
    ],
    ids=["utf-8", "mark", "utf-16", "windows", "line ends"],
)
def test_a_text_is_the_same_whatever_its_encoding_and_line_ends(folder, data, said):
    (folder / "fox.txt").write_bytes(data)
    corpus = learnt.Corpus(folder)
    assert "".join(p.text for p in corpus.passages if p.path.name == "fox.txt") == AESOP
    assert [note for note in corpus.notes if "fox.txt" in note and said in note] or not said


def test_what_is_no_text_is_left_out_by_name(folder):
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.txt").write_bytes(b" \n\n ")
    (folder / "program.txt").write_bytes(b"\x7fELF\x02\x01\x01\x00\x00\x00" * 100)
    shutil.copy(folder / "emma.txt", folder / "emma again.txt")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    data = learnt.Corpus(folder)
    notes = "\n".join(data.notes)
    for name in ("empty.txt is empty", "blank.txt is empty", "program.txt is no text but binary"):
        assert name in notes
    assert "emma.txt" in notes.split("another holds the same text")[1]
    assert len(data.files) == 2


def test_text_that_is_also_trained_on_is_said_to_flatter(folder):
    text = (folder / "emma.txt").read_text(encoding="utf-8")
    (folder / "emma.txt").write_text(text + text[:8_000], encoding="utf-8")
    assert any("flatters" in note for note in learnt.Corpus(folder).notes)
    (folder / "emma.txt").write_text(text, encoding="utf-8")
    assert not any("flatters" in note for note in learnt.Corpus(folder).notes)


def test_too_little_text_or_none_is_an_error_that_says_how_much_is_needed(tmp_path):
    with pytest.raises(DataError, match=r"a \.txt file or a folder"):
        learnt.Corpus(["It is a truth"])
    with pytest.raises(DataError, match="does not exist"):
        learnt.Corpus(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"no \.txt"):
        learnt.Corpus(tmp_path)
    (tmp_path / "fox.txt").write_text(AESOP, encoding="utf-8")
    with pytest.raises(DataError, match="at least 20,000 bytes"):
        learnt.Corpus(tmp_path)
    (tmp_path / "fox.txt").write_bytes(b"\0" * 30_000)
    with pytest.raises(DataError, match="binary"):
        learnt.Corpus(tmp_path / "fox.txt")


def test_texts_are_recognised_as_a_corpus_unless_folders_name_classes(novels, tmp_path):
    assert guess(novels)[0] is learnt.Corpus
    assert guess(novels / "emma.txt")[0] is learnt.Corpus
    (tmp_path / "good").mkdir()
    shutil.copy(novels / "emma.txt", tmp_path / "good")
    (tmp_path / "bad").mkdir()
    shutil.copy(novels / "persuasion.txt", tmp_path / "bad")
    assert learnt.Corpus.recognise(Look(tmp_path)) is None
