"""Ratings: any table of who rated what, its sides, its facts, and what can be wrong with it."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import learnt
from learnt.data.facts import facts_of
from learnt.data.guess import guess
from learnt.data.ratings import Ratings
from learnt.data.split import SIDES
from learnt.errors import DataError, LearntError, TableError


def frame(users: int = 6, items: int = 8) -> pl.DataFrame:
    """Every user rates every item; each has a fact of their own."""
    pairs = [(u, i) for u in range(users) for i in range(items)]
    return pl.DataFrame(
        {
            "user": [f"u{u}" for u, _ in pairs],
            "item": [f"i{i}" for _, i in pairs],
            "rating": [1 + (u * i) % 5 for u, i in pairs],
            "genre": ["even|all" if i % 2 == 0 else "odd|all" for _, i in pairs],
            "title": [f"Film {i}" for _, i in pairs],
            "age": [20 + u % 3 for u, _ in pairs],
        }
    )


@pytest.fixture(scope="module")
def movielens() -> Ratings:
    return Ratings(learnt.get_data("movielens-100k"))


def test_movielens_is_read_as_it_is_published(movielens: Ratings) -> None:
    assert (len(movielens), len(movielens.users), len(movielens.items)) == (100_000, 943, 1682)
    assert [len(movielens.split[side]) for side in SIDES] == [70_000, 15_000, 15_000]
    everything = np.concatenate([movielens.split[side] for side in SIDES])
    assert np.array_equal(np.sort(everything), np.arange(100_000))
    titles = dict(zip(movielens.items, movielens.titles, strict=True))
    assert titles["1"] == "Toy Story (1995)"
    row = np.flatnonzero(
        (movielens.user == movielens.users.index("196"))
        & (movielens.item == movielens.items.index("242"))
    )
    assert movielens.rating[row].tolist() == [3.0]  # the first line of u.data


def test_facts_are_what_each_item_and_each_user_has_once(movielens: Ratings) -> None:
    assert movielens.item_facts.columns == ("year", "genres")
    assert movielens.user_facts.columns == ("age", "gender", "occupation")
    assert any("timestamp" in note for note in movielens.notes)


def test_the_sides_do_not_depend_on_the_order_of_the_rows_but_on_the_seed() -> None:
    table = frame()

    def held_out(data: Ratings) -> set[tuple[str, str]]:
        return {(data.users[data.user[n]], data.items[data.item[n]]) for n in data.split.test}

    plain = Ratings(table)
    assert held_out(plain) == held_out(Ratings(table.sample(fraction=1, shuffle=True, seed=3)))
    assert held_out(plain) != held_out(Ratings(table, seed=1))
    assert plain.fingerprint() == Ratings(table).fingerprint()
    assert plain.fingerprint() != Ratings(table, seed=1).fingerprint()


def test_a_csv_a_folder_a_polars_and_a_pandas_frame_are_the_same_ratings(tmp_path: Path) -> None:
    table = frame()
    table.write_csv(tmp_path / "ratings.csv")
    table.write_parquet(tmp_path.with_suffix(".parquet"))
    sources = [
        table, pd.DataFrame(table.to_dict(as_series=False)), tmp_path, tmp_path / "ratings.csv",
        tmp_path.with_suffix(".parquet"),
    ]  # fmt: skip
    assert len({Ratings(source).fingerprint() for source in sources}) == 1


def test_numbers_that_pandas_made_floats_are_the_same_names() -> None:
    whole = pd.DataFrame({"user": [1, 2] * 12, "item": np.repeat(np.arange(12), 2)})
    whole["rating"] = np.arange(24) % 5
    floats = whole.astype({"user": float})
    assert Ratings(floats).users == Ratings(whole).users == ["1", "2"]


def test_columns_with_usual_names_are_found_and_others_can_be_named() -> None:
    table = frame().rename({"user": "userId", "item": "movieId", "rating": "Rating"})
    assert len(Ratings(table)) == 48
    kind, why = guess(table)
    assert kind is Ratings
    assert "userId, movieId, Rating" in why
    odd = frame().rename({"user": "who", "item": "what", "rating": "how much"})
    assert len(Ratings(odd, user="who", item="what", rating="how much")) == 48
    assert guess(odd, user="who", item="what", rating="how much")[0] is Ratings


def test_the_last_of_several_ratings_of_a_pair_counts_and_it_is_said() -> None:
    table = pl.concat([frame(), frame().head(2).with_columns(rating=pl.lit(4, pl.Int64))])
    data = Ratings(table)
    assert len(data) == 48
    assert any("2 ratings were left out" in note for note in data.notes)
    first = (data.user == data.users.index("u0")) & (data.item == data.items.index("i0"))
    assert data.rating[first].tolist() == [4]


def test_a_source_may_say_its_own_sides_or_groups() -> None:
    table = frame()
    sides = (["train"] * 4 + ["valid", "test"]) * 8
    data = Ratings(table.with_columns(split=pl.Series(sides)))
    for side in SIDES:
        assert {sides[n] for n in data.split[side]} == {side}
    two = Ratings(table.with_columns(split=pl.Series(sides).replace("valid", "train")))
    assert len(two.split.valid) == 6
    assert {sides[n] for n in two.split.test} == {"test"}
    grouped = Ratings(table, group="user")
    users = [set(grouped.user[grouped.split[side]].tolist()) for side in SIDES]
    assert sum(map(len, users)) == len(set.union(*users)) == 6


def test_a_group_that_is_also_tested_on_is_not_trained_on() -> None:
    table = frame().with_row_index("at")
    table = table.with_columns(
        group=pl.format("week {}", pl.col("at") // 6),
        split=pl.when(pl.col("at") < 35).then(pl.lit("train")).otherwise(pl.lit("test")),
    ).drop("at")
    data = Ratings(table)
    groups = [{data.groups[n] for n in data.split[side]} for side in SIDES]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 8
    assert "left out 5 ratings of groups that are also on a later side" in data.notes


def test_facts_are_places_of_values_that_are_shared() -> None:
    data = Ratings(frame())
    assert data.item_facts.columns == ("genre",)
    assert data.user_facts.columns == ("age",)
    even = np.array([int(name[1:]) % 2 == 0 for name in data.items])
    values = data.item_facts.values  # "all" is true of all: it says nothing
    assert values.shape == (8, 2)
    assert np.array_equal(values[:, 0] > 0, even)
    assert np.array_equal(values[:, 1] > 0, ~even)


def test_a_number_of_many_values_is_cut_into_parts_of_as_many_things_each() -> None:
    table = pl.DataFrame({"size": np.repeat(np.arange(400.0), 2)})
    facts = facts_of(table, ["size"], np.repeat(np.arange(400), 2), 400)
    assert facts.values.shape == (400, 8)
    assert facts.values.sum(axis=0).tolist() == [50] * 8


def bad(**columns: object) -> pl.DataFrame:
    return frame().with_columns(**{name: pl.lit(value) for name, value in columns.items()})


HALF = pl.Series([str(n) if n % 2 else "good" for n in range(48)])
BAD = {
    "no rating": (frame().drop("rating"), r"must have a column of ratings.*--rating NAME"),
    "no user": (frame().drop("user"), r"must have a column of users"),
    "text": (bad(rating="good"), r"48 of 48 have not, the first is row 1: u0, i0, good"),
    "half text": (frame().with_columns(rating=HALF), r"24 of 48 have not"),
    "infinite": (bad(rating=float("inf")), r"a rating that is a number"),
    "nan": (bad(rating=float("nan")), r"a rating that is a number"),
    "constant": (bad(rating=5), r"must differ; all of .* are 5"),
    "one user": (bad(user="u"), r"by 2 users"),
    "one item": (bad(item="i"), r"of 2 items"),
    "few": (frame().head(10), r"at least 20 ratings"),
    "no users": (bad(user=""), r"must have a user"),
    "long": (bad(item="x" * 10_000), r"must have a user, an item"),
    "huge": (frame().with_columns(rating=pl.col("rating") * 1e9), r"within ±1,000,000"),
    "constant in train": (
        frame().with_columns(
            rating=pl.Series([3] * 40 + [4] * 8), split=pl.Series(["train"] * 40 + ["test"] * 8)
        ),
        r"the ratings to train on must differ; all are 3",
    ),
    "odd sides": (bad(split="elsewhere"), r"train, valid or test on every line"),
    "one side": (bad(split="train"), r"and two of them"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_an_error_that_says_what_must_hold(name: str) -> None:
    table, words = BAD[name]
    with pytest.raises(LearntError, match=words):
        Ratings(table)


def test_columns_that_are_not_there_are_errors_that_list_those_that_are(tmp_path: Path) -> None:
    for options in ({"user": "who"}, {"title": "name"}, {"group": "family"}):
        with pytest.raises(TableError, match=r"must have (a|the) column"):
            Ratings(frame(), **options)
    with pytest.raises(TableError, match="must be three columns"):
        Ratings(frame(), user="item")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(TableError, match="is empty"):
        Ratings(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="must hold one table"):
        Ratings(Path(__file__).parent)


def test_a_few_bad_rows_are_left_out_and_named() -> None:
    table = frame().with_columns(pl.col("rating").cast(pl.String))
    table[3, "rating"] = "n/a"
    data = Ratings(table)
    assert len(data) == 47
    assert any("1 of 48 have not, the first is row 4: u0, i3, n/a" in note for note in data.notes)


def test_ratings_may_have_a_decimal_comma() -> None:
    half = frame().with_columns(rating=pl.format("{},5", pl.col("rating")))
    assert np.array_equal(Ratings(half).rating, Ratings(frame()).rating + 0.5)


def test_names_may_be_huge_numbers_or_of_any_alphabet() -> None:
    table = frame().with_columns(
        user=pl.format("{}{}", pl.lit("9" * 40), pl.col("user")), item="Ж " + pl.col("item")
    )
    assert Ratings(table).items[0] == "Ж i0"
