"""`Ratings`: a table of user, item, rating → who rated what, on three sides, and facts about them.

A column that has one value for all ratings of an item (a year, genres) is a fact about the item,
and likewise of users (data/facts.py). What an item is called is its title.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from learnt.data.facts import Facts, facts_of, telling
from learnt.data.files import SIDE_NAMES
from learnt.data.frames import in_memory, read_frame, table_in
from learnt.data.look import Look
from learnt.data.source import Source
from learnt.data.split import FRACTIONS, SIDES, Indices, Split, own_split, stratified
from learnt.errors import DataError, TableError
from learnt.runner.text import counted, shown

if TYPE_CHECKING:
    import polars as pl

USERS = ("user", "user_id", "userid", "user id", "customer", "customer_id", "reader", "viewer",
         "reviewerid")  # fmt: skip
ITEMS = ("item", "item_id", "itemid", "item id", "movie", "movie_id", "movieid", "film", "film_id",
         "book", "book_id", "isbn", "product", "product_id", "productid", "asin", "song", "song_id",
         "artist", "joke")  # fmt: skip
RATINGS = ("rating", "ratings", "stars", "score", "grade", "overall")
TITLES = ("title", "name", "item_title", "item_name", "movie_title", "book_title", "product_name")
FEWEST = 20  # ratings
BAD = 0.10  # the share of rows that may be left out
LONGEST = 200  # characters of the name of a user or an item


class Ratings(Source):
    """Ratings that users gave to items: a CSV, Parquet, JSON lines, or a frame.

    `user`, `item`, `rating` and `title` name columns, else those with usual names are taken.
    A column `split` (train, valid, test) is the source's own division; ratings whose cells in
    `group` are equal stay on one side; else every rating is dealt by itself. Of a pair of user
    and item that is there twice, the last rating counts.

    `users` and `items` are names, sorted; `user`, `item` (N) their numbers, `rating` (N) float32.
    """

    kind = "ratings"
    takes = ("user", "item", "rating", "title", "group")
    noun = "ratings"

    def __init__(
        self,
        source: Any,
        *,
        user: str | None = None,
        item: str | None = None,
        rating: str | None = None,
        title: str | None = None,
        group: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            source, seed=seed, user=user, item=item, rating=rating, title=title, group=group
        )
        frame, self.columns = read_ratings(source, user, item, rating, self.notes)
        frame = self._once_each(frame)
        self.users, self.user = _numbered(frame["user"])
        self.items, self.item = _numbered(frame["item"])
        self.rating: npt.NDArray[np.float32] = frame["rating"].to_numpy().astype(np.float32)
        self._check()
        self.split = self._sides(frame, group)
        if np.ptp(self.rating[self.split.train]) == 0:
            raise DataError(
                f"the ratings to train on must differ; all are {self.rating[self.split.train[0]]:g}"
            )
        self._facts(frame, title)

    @classmethod
    def recognise(cls, look: Look) -> str | None:
        names = ((USERS, "user"), (ITEMS, "item"), (RATINGS, "rating"))
        found = [look.column(*usual, given=given) for usual, given in names]
        if None in found:
            return None
        return f"it has the columns {', '.join(map(shown, filter(None, found)))}"

    def __len__(self) -> int:
        return len(self.rating)

    def __repr__(self) -> str:
        return (
            f"Ratings({len(self):,} ratings of {len(self.items):,} items by {len(self.users):,} "
            f"users: {self.sizes()})"
        )

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        facts = (self.user_facts.values, self.item_facts.values)
        for array in (self.user, self.item, self.rating, *facts, *(self.split[s] for s in SIDES)):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update("\0".join([*self.users, *self.items, *self.titles]).encode())
        return digest.hexdigest()

    def _once_each(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        kept = frame.unique(["user", "item"], keep="last", maintain_order=True)
        if len(kept) < len(frame):
            self.note(
                f"{len(frame) - len(kept):,} ratings were left out: the same user rated the same "
                "item again, and the last rating counts"
            )
        return kept

    def _check(self) -> None:
        name, n = shown(self.source), len(self)
        if n < FEWEST or len(self.users) < 2 or len(self.items) < 2:
            raise DataError(
                f"{name} must hold at least {FEWEST} ratings, by 2 users, of 2 items; it holds "
                f"{n:,} by {len(self.users):,} of {len(self.items):,}"
            )
        low, high = float(self.rating.min()), float(self.rating.max())
        if low == high:
            raise DataError(
                f"the ratings must differ; all of {name} are {low:g}. Likes without dislikes teach "
                "nothing here: give the dislikes, too"
            )
        if max(abs(low), abs(high)) > 1e6:
            raise DataError(f"ratings must be within ±1,000,000; {name} has {low:g} to {high:g}")

    def _sides(self, frame: "pl.DataFrame", group: str | None) -> Split:
        """The source's own sides, if any; what is missing of them is dealt from train."""
        others = {n.lower(): n for n in reversed(frame.columns) if n not in self.columns.values()}
        if group is not None and group not in frame.columns:
            raise TableError(f"{shown(self.source)} must have the column {group!r}")
        group = group or others.get("group")
        groups = frame[group].cast(str).fill_null("").to_numpy() if group else None
        self.groups = () if groups is None else groups.tolist()

        def deal(numbers: Indices, fractions: tuple[float, ...]) -> list[Indices]:
            return self._dealt(numbers, groups, fractions)

        if "split" not in others:
            return Split(*deal(np.arange(len(self)), FRACTIONS))
        sides = [SIDE_NAMES.get(str(s).strip().lower()) for s in frame[others["split"]].to_list()]
        self.own_sides = frozenset(filter(None, sides))
        if None in sides or not {"train"} < self.own_sides:
            raise DataError(
                "the column split must say train, valid or test on every line, and two of them"
            )
        keys = [[group or None for group in self.groups]] if self.groups else []
        split, lost = own_split(sides, deal, *keys)
        if lost:
            self.note(
                f"left out {counted(sum(lost.values()), 'rating')} of groups that are also on a "
                "later side"
            )
        return split

    def _dealt(
        self, numbers: Indices, groups: npt.NDArray[Any] | None, fractions: tuple[float, ...]
    ) -> list[Indices]:
        """Examples shared out: by the seed, whatever order they came in."""
        if groups is not None:
            parts = stratified([""] * len(numbers), list(groups[numbers]), self.seed, fractions)
            return [numbers[part] for part in parts]
        ordered = numbers[np.lexsort((self.item[numbers], self.user[numbers]))]
        shuffled = np.random.default_rng(self.seed).permutation(ordered)
        ends = np.round(np.cumsum(fractions[:-1]) * len(numbers)).astype(np.int64)
        return [np.sort(part) for part in np.split(shuffled, ends)]

    def _facts(self, frame: "pl.DataFrame", title: str | None) -> None:
        """What is known of users and of items, from the other columns, and the items' titles."""
        rest = [n for n in frame.columns if n not in ("user", "item", "rating")]
        rest = [n for n in rest if n.lower() not in ("split", "group")]
        if title is not None and title not in rest:
            raise TableError(f"{shown(self.source)} must have the column {title!r}")
        title = title or next((n for n in rest if n.lower() in TITLES), None)
        self.titles: list[str] = []
        if title is not None:
            first = np.unique(self.item, return_index=True)[1]
            self.titles = frame[title].cast(str).fill_null("").gather(first).to_list()
            rest.remove(title)
        self.item_facts: Facts = facts_of(frame, rest, self.item, len(self.items))
        rest = [n for n in rest if n not in self.item_facts.columns]
        self.user_facts: Facts = facts_of(frame, rest, self.user, len(self.users))
        told = telling(frame, self.item_facts, self.item, self.rating)
        told += telling(frame, self.user_facts, self.user, self.rating)
        if told:
            self.note(
                f"{', '.join(map(shown, told))}: as if made of the ratings themselves, those to be "
                "tested on among them: then the figure is better than it will be for new ones"
            )
        unused = [n for n in rest if n not in self.user_facts.columns]
        if unused:
            self.note(
                "not used, as it is no fact about a user or an item alone: "
                + ", ".join(map(shown, unused))
            )


def read_ratings(
    source: Any, user: str | None, item: str | None, rating: str | None, notes: list[str]
) -> tuple["pl.DataFrame", dict[str, str]]:
    """The table's rows that can be used, with their columns named user, item (texts) and rating
    (a finite float) besides the others; and what these three are called in the table.

    TableError where a column is missing or too many rows are unusable; fewer are noted.
    """
    import polars as pl

    frame = read_frame(_place(source), notes)
    name = "the table" if in_memory(source) else shown(source)
    columns = {
        "user": _column(frame.columns, name, "user", user, USERS),
        "item": _column(frame.columns, name, "item", item, ITEMS),
        "rating": _column(frame.columns, name, "rating", rating, RATINGS),
    }
    if len(set(columns.values())) < 3:
        raise TableError(f"user, item and rating must be three columns; got {columns}")
    text = frame[columns["rating"]].cast(pl.String).str.strip_chars()
    if not text.str.contains(".", literal=True).any():
        text = text.str.replace(",", ".", literal=True)  # as half of Europe writes numbers
    number = text.cast(pl.Float64, strict=False)
    names = [_names(frame[columns[what]]) for what in ("user", "item")]
    usable = number.is_finite().fill_null(False) & ~names[0].is_null() & ~names[1].is_null()
    bad = len(frame) - int(usable.sum())
    if bad:
        row = int((~usable).arg_true()[0])
        cells = [shown(frame[column][row]) for column in columns.values()]
        message = (
            f"every row must have a user, an item and a rating that is a number; {bad:,} of "
            f"{len(frame):,} have not, the first is row {row + 1}: {', '.join(cells)}"
        )
        if bad > BAD * len(frame):
            raise TableError(f"{name}: {message}")
        notes.append(f"left out: {message}")
    others = [column for column in frame.columns if column not in columns.values()]
    others = [column for column in others if column not in columns]  # a name that is taken
    made = [names[0].alias("user"), names[1].alias("item"), number.alias("rating")]
    return frame.select([*made, *others]).filter(usable), columns


def _place(source: Any) -> Any:
    """The table itself, where a folder was given."""
    if not isinstance(source, str | os.PathLike) or not os.path.isdir(source):
        return source
    found = table_in(source)
    if found is None:
        raise DataError(f"{shown(source)} must hold one table (CSV, Parquet, JSON lines)")
    return Path(found)


def _column(
    names: list[str], table: str, what: str, wanted: str | None, usual: tuple[str, ...]
) -> str:
    options = (wanted.strip().lower(),) if wanted else usual
    plain = {name.lower(): name for name in reversed(names)}
    for option in options:
        if option in plain:
            return plain[option]
    looked = repr(wanted) if wanted else f"of {what}s, such as {usual[0]!r}"
    raise TableError(
        f"{table} must have a column {looked}; it has {', '.join(map(repr, names[:20]))}. "
        f"--{what} NAME says which it is"
    )


def _names(series: "pl.Series") -> "pl.Series":
    """Names of users or items as texts; null where there is none, or one that is too long."""
    import polars as pl

    if series.dtype.is_float():  # whole numbers that came as floats, as pandas makes them
        whole = series.cast(pl.Int64, strict=False)
        if (whole.cast(pl.Float64) == series).all():
            series = whole
    text = series.cast(pl.String).str.strip_chars()
    return text.set((text == "") | (text.str.len_chars() > LONGEST), None)


def _numbered(names: "pl.Series") -> tuple[list[str], Indices]:
    """The different names, sorted, and each row's number among them."""
    import polars as pl

    different = names.unique().sort()
    table = pl.DataFrame({"name": different, "number": np.arange(len(different))})
    rows = pl.DataFrame({"name": names})
    numbers = rows.join(table, on="name", how="left", maintain_order="left")["number"]
    return different.to_list(), numbers.to_numpy().astype(np.int64)
