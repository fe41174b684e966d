"""Texts from tables and folders: what is found, what is left out, and that sides are honest."""

import pandas as pd
import polars as pl
import pytest

import learnt
from learnt.data.guess import guess
from learnt.errors import DataError, TableError

ENCODINGS = {  # and what is said of them
    "utf-16": ["UTF-16"], "utf-8-sig": [], "cp1252": ["Windows-1252, as it is not UTF-8"]
}  # fmt: skip
WORDS = ("good", "fine", "nice", "great", "bad", "poor", "dull", "weak")


def table(count: int = 24, **columns: list[str]) -> dict[str, list[str]]:
    texts = [f"a {WORDS[i % 8]} film number {i}" for i in range(count)]
    labels = ["+" if i % 8 < 4 else "-" for i in range(count)]
    return {"text": texts, "label": labels, **columns}


def folder(home, encoding="utf-8", **classes):
    for label, texts in classes.items():
        (home / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            (home / label / f"{number}.txt").write_bytes(text.encode(encoding))
    return home


def test_blocks_of_neighbours_stay_on_one_side(snippets, some):
    data = learnt.Texts(some)
    groups = {row["text"]: row["group"] for row in snippets}
    sides = {
        side: {groups[data.texts[i]] for i in data.split[side]}
        for side in ("train", "valid", "test")
    }
    assert not sides["train"] & sides["test"]
    assert not sides["train"] & sides["valid"]
    assert not sides["valid"] & sides["test"]
    assert len(set().union(*sides.values())) == 44


def test_a_table_a_frame_and_a_csv_give_the_same_examples(tmp_path):
    frame = pl.DataFrame(table())
    frame.write_csv(tmp_path / "texts.csv")
    frame.write_parquet(tmp_path / "texts.parquet")
    sources = [
        table(),
        frame,
        pd.DataFrame(table()),
        tmp_path / "texts.csv",
        tmp_path / "texts.parquet",
    ]
    assert len({learnt.Texts(source).fingerprint() for source in sources}) == 1


def test_the_same_seed_gives_the_same_sides_and_another_seed_others():
    first, again, other = (learnt.Texts(table(), seed=seed).fingerprint() for seed in (0, 0, 1))
    assert first == again != other


def test_texts_that_differ_in_capitals_and_spaces_are_never_on_two_sides():
    texts = [t for i in range(20) for t in (f"film {i} is fine", f"Film  {i} is FINE ")]
    data = learnt.Texts({"text": texts, "label": ["+", "+", "-", "-"] * 10})
    for side in ("train", "valid", "test"):
        numbers = set(data.split[side].tolist())
        assert {n ^ 1 for n in numbers} == numbers  # each with its twin


def test_columns_are_found_by_their_names_or_by_what_is_in_them():
    texts, labels = table()["text"], table()["label"]
    for columns in (
        {"Review_Text": texts, "Rating": labels},
        {"words": texts, "kind": labels, "id": [str(i) for i in range(24)]},
    ):
        data = learnt.Texts(columns)
        assert (data.texts, data.labels) == (texts, labels)
        assert any("texts are in the column" in note for note in data.notes)


def test_a_column_that_is_not_there_is_an_error_that_names_those_that_are():
    with pytest.raises(TableError, match="no column 'body'; it has text, label"):
        learnt.Texts(table(), text="body")
    with pytest.raises(TableError, match=r"column of labels.*it has text, other, more"):
        learnt.Texts({"text": table()["text"], "other": table()["label"], "more": ["1", "2"] * 12})
    with pytest.raises(TableError, match="column of texts"):
        learnt.Texts({"a": ["1", "2"], "b": ["3", "4"]})


def test_the_sources_own_sides_are_kept():
    sides = ["train"] * 12 + ["validation"] * 6 + ["Test"] * 6
    data = learnt.Texts(table(split=sides))
    assert data.split.test.tolist() == list(range(18, 24))
    assert data.split.valid.tolist() == list(range(12, 18))


def test_a_text_that_is_also_tested_on_is_not_trained_on():
    columns = table(split=["train"] * 16 + ["test"] * 8)
    columns["text"][0] = columns["text"][23]
    data = learnt.Texts(columns)
    tested = {data.texts[i] for i in data.split.test}
    assert columns["text"][23] in tested
    assert not tested & {data.texts[i] for i in data.split.train}
    assert any("left out 1 text also in another" in note for note in data.notes)


def test_a_group_that_is_also_tested_on_is_not_trained_on():
    groups = [f"author {i // 3}" for i in range(24)]  # of the sixth, one text is tested on
    data = learnt.Texts(table(split=["train"] * 17 + ["test"] * 7, group=groups))
    sides = [{groups[i] for i in data.split[side]} for side in ("train", "valid", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 8
    assert "left out 2 texts of groups that are also on a later side" in data.notes


def test_empty_texts_and_missing_labels_are_left_out_and_noted():
    columns = table(42)
    columns["text"][3], columns["label"][5] = " \n", ""
    data = learnt.Texts(columns)
    assert len(data) == 40
    assert "left out 1 of 42 texts: they are empty" in data.notes
    assert "left out 1 of 42 texts: they have no label" in data.notes


def test_contradicting_labels_are_noted():
    columns = table()
    columns["text"][0] = columns["text"][4]  # + and -
    notes = learnt.Texts(columns).notes
    assert any("2 texts are equal to others that have another label" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": ["+"] * 24}, "all have the label '[+]'"),
        ({"label": [str(i) for i in range(24)]}, "24 of 24 classes have fewer than 3"),
        ({"text": [""] * 24}, "at most a tenth.*24 of 24 are empty"),
        ({"text": ["the same"] * 24}, "2 of 2 classes have fewer than 3 different texts"),
        ({"split": ["nowhere"] * 24}, "must be train, valid or test; got 'nowhere'"),
        ({"split": ["train", ""] * 12}, "filled in on every line, or on none"),
    ],
)
def test_what_cannot_be_learnt_from_is_said(change, words):
    with pytest.raises(DataError, match=words):
        learnt.Texts(table() | change)


def test_a_class_of_two_texts_is_left_out_if_the_rest_is_enough():
    columns = table(40)
    columns["label"][:2] = ["rare", "rare"]
    data = learnt.Texts(columns)
    assert data.classes == ["+", "-"]
    assert "left out 2 texts of classes that have fewer than 3 different texts (rare)" in data.notes


def test_folders_of_text_files_are_classes_whatever_their_encoding(tmp_path):
    texts = [f"ein schöner Film, Nummer {i}" for i in range(5)]
    others = [f"ein übler Film, Nummer {i}" for i in range(5)]
    plain = learnt.Texts(folder(tmp_path / "a", gut=texts, schlecht=others))
    assert plain.classes == ["gut", "schlecht"]
    for encoding, notes in ENCODINGS.items():
        data = learnt.Texts(folder(tmp_path / encoding, encoding, gut=texts, schlecht=others))
        assert data.fingerprint() == plain.fingerprint()
        assert data.notes == [f"10 files were read as {note}" for note in notes]


def test_files_that_are_no_texts_are_left_out_if_few_and_an_error_if_many(tmp_path):
    texts = [f"film number {i}" for i in range(12)]
    home = folder(tmp_path / "some", a=texts, b=[f"another {text}" for text in texts])
    (home / "a" / "0.txt").write_bytes(b"\x89PNG\r\n\0")
    (home / "b" / "cat.png").write_bytes(b"")
    notes = learnt.Texts(home).notes
    assert any("0.txt is no text but binary" in note for note in notes)
    assert "passed over 1 files that are no texts" in notes
    for number in range(6):
        (home / "a" / f"{number}.txt").write_bytes(b"\0\1\2")
    with pytest.raises(DataError, match="at most a tenth"):
        learnt.Texts(home)


def test_long_texts_are_cut_and_that_is_noted():
    columns = table()
    columns["text"][0] = "a good film " * 1_000_000
    data = learnt.Texts(columns)
    assert len(data.texts[0]) == 32_768
    assert "of 1 long texts only the first 32,768 characters are read" in data.notes


def test_the_kind_is_guessed_and_said(some, tmp_path):
    kind, why = guess(some)
    assert (kind, why) == (learnt.Texts, "its column text holds texts, and label their labels")
    texts = [f"number {i}" for i in range(3)]
    kind, why = guess(folder(tmp_path / "texts", a=texts, b=texts))
    assert (kind, why) == (learnt.Texts, "it holds folders of text files")
