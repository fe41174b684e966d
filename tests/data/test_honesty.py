"""What flatters a figure is found in real data, and not where it is not."""

import csv
import io
import random
import re
import shutil
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import learnt
from learnt.data import honesty
from learnt.data.frames import read_frame, table_in


@pytest.fixture(scope="module")
def reviews() -> list[str]:
    """Real reviews, none twice."""
    table = next(learnt.get_data("clothing-reviews").glob("*.csv"))
    rows = csv.DictReader(io.StringIO(table.read_text()))
    return sorted({row["text"] for row, _ in zip(rows, range(3000), strict=False)})[:2000]


def sides(count: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(0).permutation(count)
    return np.sort(numbers[count // 5 :]), np.sort(numbers[: count // 5])


def test_reviews_that_differ_are_not_alike(reviews):
    train, test = sides(len(reviews))
    pairs, looked = honesty.alike_texts(reviews, train, test)
    assert looked == len(test)
    assert honesty.alike_said(len(pairs), looked, "texts") == []


def test_reviews_with_a_word_changed_are_found_in_train(reviews):
    train, test = sides(len(reviews))
    texts, changed = list(reviews), {}
    for place in range(0, 200, 2):
        words = texts[train[place]].split()
        if len(words) < 40:
            continue
        words[len(words) // 2] = "WONDERFUL!!"
        texts[test[place]] = "  ".join(words).upper()
        changed[int(test[place])] = int(train[place])
    pairs, looked = honesty.alike_texts(texts, train, test)
    found = dict(pairs)
    assert sum(found.get(a) == b for a, b in changed.items()) >= 0.95 * len(changed) > 30
    (said,) = honesty.alike_said(len(pairs), looked, "texts")
    assert "of the held-out texts are almost the same as one in train" in said


def test_the_shingles_that_two_texts_share_are_those_of_sets(reviews):
    ids: dict[str, int] = {}
    for one, other in pairwise(reviews[:40]):
        mixed = one[: len(one) // 2] + other[len(other) // 2 :]
        a, b = (honesty._shingles(text, ids) for text in (one, mixed))

        def runs(text: str) -> set[tuple[str, ...]]:
            words = re.findall(r"\w+", text.lower())
            return set(zip(words, words[1:], words[2:], strict=False))

        wanted = len(runs(one) & runs(mixed)) / len(runs(one) | runs(mixed))
        assert honesty._overlap(a, b) == pytest.approx(wanted)


def test_texts_of_few_words_or_none_are_alike_if_they_are_equal():
    texts = ["Good!", "good", "", "!", "bad", "good thing"]
    pairs, looked = honesty.alike_texts(texts, np.array([0, 2, 4]), np.array([1, 3, 5]))
    assert (pairs, looked) == ([(1, 0)], 3)


def test_digits_that_differ_are_not_alike_and_brighter_copies_are(digits: Path):
    files = sorted(digits.glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    train, test = sides(len(pixels))
    args = {"least": honesty.PIXELS, "centred": True}
    assert honesty.alike_vectors(pixels, train, test, **args)[0] == []
    copies = pixels.copy()
    copies[test[:20]] = pixels[train[:20]] * 0.8 + 20
    pairs, looked = honesty.alike_vectors(copies, train, test, **args)
    assert pairs == list(zip(test[:20].tolist(), train[:20].tolist(), strict=True))
    (said,) = honesty.alike_said(len(pairs), looked, "pictures", "such as a and b")
    assert said == (
        "10.0 % of the held-out pictures are almost the same as one in train (such as a and b): "
        "the figure is better than it will be for new ones"
    )


def test_large_rows_are_compared_a_few_at_a_time():
    large = np.arange(500_000, dtype=np.float32) % 7  # 2 MB; a view of it, 120 times
    rows = np.broadcast_to(large, (120, 500_000))
    tracemalloc.start()
    pairs, looked = honesty.alike_vectors(rows, np.arange(115), np.arange(115, 120), 0.9)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pairs) == looked == 5
    assert most < 115 * large.nbytes


def test_of_many_held_out_examples_some_are_looked_at():
    rows = load_digits().data
    numbers = np.arange(len(rows))
    pairs, looked = honesty.alike_vectors(rows, numbers, numbers, 0.999)
    assert looked == honesty.LOOKED == len(pairs)  # each is like itself
    assert honesty.alike_vectors(np.zeros((4, 3)), numbers[:2], numbers[2:4], 0.9)[0] == []


def test_rows_that_are_in_train_but_for_their_number_are_found():
    keys = [random.Random(n % 70).random() for n in range(100)]
    pairs, looked = honesty.alike_rows(keys, np.arange(70), np.arange(70, 100))
    assert pairs == [(70 + n, n) for n in range(30)]
    assert looked == 30


def test_equal_inputs_with_different_labels_bound_what_can_be_right():
    said = honesty.contradictions("aabbbc", [0, 1, 0, 0, 1, 1], "rows")
    assert said == [
        (
            "5 rows are equal to others that have another label: no answer can be right for more "
            "than 66.7 % of all"
        )
    ]
    assert honesty.contradictions("aab", [0, 0, 1], "rows") == []


def test_pictures_that_are_almost_in_train_as_well_are_said(digits: Path, tmp_path: Path):
    for label in "01":
        (tmp_path / label).mkdir()
        for number, file in enumerate(sorted((digits / label).iterdir())[:30]):
            shutil.copy(file, tmp_path / label)
            if number < 15:
                with Image.open(file) as picture:  # another file, as from another camera
                    pale = picture.point(lambda grey: grey * 0.9 + 9)
                pale.save(tmp_path / label / f"{number}.png")
    learner = learnt.Learner(learnt.Images(tmp_path), model="convnet").fit(epochs=10)
    (note,) = learner.data.notes
    assert "of the held-out pictures are almost the same as one in train (such as " in note


def test_texts_that_are_almost_in_train_as_well_are_said(reviews):
    long = [text for text in reviews if len(text.split()) > 40][:300]
    again = [text.replace(" the ", " that ", 1) for text in long[:100]]
    data = {"text": [*long, *again], "label": [n % 2 for n in range(len(long) + len(again))]}
    said = [note for note in learnt.Texts(data).notes if "almost the same as one in train" in note]
    assert len(said) == 1
    plain = {name: column[:300] for name, column in data.items()}
    assert not [note for note in learnt.Texts(plain).notes if "almost the same" in note]


@pytest.fixture(scope="module")
def adult() -> pl.DataFrame:
    """Real people of a census; none twice."""
    frame = read_frame(table_in(learnt.get_data("adult")))
    return frame.unique(maintain_order=True).head(3000)


def said_of(frame: pl.DataFrame, words: str) -> list[str]:
    return [note for note in learnt.Table(frame, label="income").notes if words in note]


def test_columns_of_a_census_do_not_give_the_answer_away(adult):
    for words in ("nearly always", "almost the same", "no answer can be right"):
        assert said_of(adult, words) == []


@pytest.mark.parametrize(
    "leak",
    [
        pl.col("income").replace({"<=50K": "A", ">50K": "B"}),  # a copy of the label
        pl.when(pl.col("income") == ">50K").then(pl.col("age")),  # there for one answer only
        pl.col("income").rank("ordinal") * 3,  # numbers in the order of the label
    ],
)
def test_a_column_that_gives_the_answer_away_is_named(adult, leak):
    (note,) = said_of(adult.with_columns(leak.alias("tax code")), "nearly always")
    assert note.startswith("tax code alone tells the label nearly always")


def test_rows_that_differ_in_their_number_only_are_on_one_side(adult):
    twice = pl.concat([adult, adult.head(900)]).with_row_index("id")
    data = learnt.Table(twice, label="income")
    sides = {i: side for side in ("train", "valid", "test") for i in data.split[side]}
    assert all(sides[i] == sides[len(adult) + i] for i in range(900))
    assert not [note for note in data.notes if "almost the same" in note]


def test_equal_rows_of_two_groups_are_said(adult):
    twice = pl.concat([adult, adult.head(900)]).with_row_index("family")
    notes = learnt.Table(twice, label="income", group="family").notes
    (note,) = [note for note in notes if "almost the same" in note]
    assert "of the held-out rows are almost the same as one in train" in note


def test_labels_that_contradict_each_other_are_said(adult):
    other = pl.col("income").replace({"<=50K": ">50K", ">50K": "<=50K"})
    noisy = pl.concat([adult, adult.head(300).with_columns(other)])
    (note,) = said_of(noisy, "no answer can be right")
    assert note.startswith("600 rows are equal to others that have another label")
    assert "more than 90.9 % of all" in note


def test_series_that_are_in_train_but_for_a_little_noise_are_said():
    found = learnt.Series(learnt.get_data("gunpoint"))
    assert not [note for note in found.notes if "almost the same" in note]
    values, labels, split = found.series[:, 0], [fact.label for fact in found.facts], found.split
    noise = np.random.default_rng(0).normal(0, 1e-3, (20, found.length))
    again = values[split.train[:20]] * 1.5 + noise
    table = {f"t{i}": [*values[:, i], *again[:, i]] for i in range(found.length)}
    table["label"] = labels + [labels[i] for i in split.train[:20]]
    sides = {int(i): side for side in ("train", "valid", "test") for i in split[side]}
    table["split"] = [sides[i] for i in range(len(found))] + ["test"] * 20
    notes = learnt.Series(table, label="label").notes
    (note,) = [note for note in notes if "almost the same" in note]
    assert note.startswith(f"{20 / 170:.1%}".replace("%", " %"))


def test_pictures_with_masks_that_are_in_train_in_another_size_are_said(scenes, tmp_path):
    folder = tmp_path / "scenes"
    shutil.copytree(scenes, folder)
    for kind, how in (("pictures", Image.Resampling.BICUBIC), ("masks", Image.Resampling.NEAREST)):
        for file in sorted((folder / "train" / kind).iterdir())[:6]:
            with Image.open(file) as image:
                image.resize((80, 80), how).save(folder / "test" / kind / f"again-{file.name}")
    for source, expected in ((scenes, 0), (folder, 1)):
        learner = learnt.Learner(learnt.Masks(source), model="unet")
        learner.task.prepare(learner.plan(), lambda done, of: None)
        found = [note for note in learner.data.notes if "almost the same" in note]
        assert len(found) == expected, learner.data.notes


def test_a_text_that_is_also_trained_on_is_said_whatever_its_lines_are(novels, tmp_path):
    text = (novels / "emma.txt").read_text("utf-8")
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "train" / "emma.txt").write_text(text)
    (tmp_path / "train" / "other.txt").write_text((novels / "persuasion.txt").read_text("utf-8"))
    (tmp_path / "test" / "emma.txt").write_text(" ".join(text[-5000:].split()))
    notes = learnt.Corpus(tmp_path).notes
    assert any("of the long sentences to be tested on are also trained on" in n for n in notes)
    assert not any("are also trained on" in note for note in learnt.Corpus(novels).notes)


def test_a_fact_made_of_the_ratings_themselves_is_named():
    random = np.random.default_rng(0)
    user, item = (grid.ravel() for grid in np.meshgrid(np.arange(40), np.arange(30)))
    rating = np.clip(np.round(3 + np.sin(item) + random.normal(0, 1, len(item))), 1, 5)
    means = np.array([rating[item == number].mean() for number in range(30)])
    table = {"user": user, "item": item, "rating": rating, "year": 1950 + item * 7 % 50}
    assert not [n for n in learnt.Ratings(table).notes if "of the ratings themselves" in n]
    (note,) = [
        note
        for note in learnt.Ratings({**table, "score": means[item]}).notes
        if "of the ratings themselves" in note
    ]
    assert note.startswith("score: as if made of the ratings")
