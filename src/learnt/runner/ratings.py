"""Programs that know who rated what: `./films.pyz --user 42 --top 5`.

The graph takes numbers of a user, an item and another item, and gives the rating, what the best
items are ordered by, and how similar the two items are. users.json and items.json say which
number is whose: the first, second … name in them is 0, 1 …; a user who is not known has the
number after the last.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from learnt.errors import DataError, ProgramError, TableError, UsageError
from learnt.runner.archive import Archive
from learnt.runner.program import Feeds, Program
from learnt.runner.results import Rated
from learnt.runner.rows import Cell, open_rows, open_table
from learnt.runner.text import counted, shown

Item: TypeAlias = tuple[int, int, int]  # numbers of a user, an item, and another item
TOGETHER = 4096  # pairs that are run together
MOST = 50_000_000  # users, items
MOST_TOP = 10_000
SOME = 5  # names in a message
RUN = re.compile(r"(\d{1,8})(?:-(\d{1,8}))?")
Names: TypeAlias = dict[str, int]


class RatingProgram(Program):
    """An input is a pair (user, item), or {"user": …, "item": …}; both are names."""

    about = "Says what users would rate. This program was learnt from examples, not written."
    example = "--user 42 --top 5"

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.columns = _checked(self.spec)
        told, titles = self._names("users"), self._names("items")
        self.titles: list[str] = list(titles.values())
        self.users: Names = {name: number for number, name in enumerate(told)}
        self.items: Names = {name: number for number, name in enumerate(titles)}
        self._rated = list(told.values())
        self._item_names = list(self.items)

    def read(self, source: Any) -> Item:
        """A pair of names as numbers; DataError for an item that is not known."""
        if isinstance(source, bytes):
            try:
                source = json.loads(source)
            except (ValueError, RecursionError):
                raise DataError("a pair as bytes must be JSON of a user and an item") from None
        if isinstance(source, dict):
            source = (source.get("user"), source.get("item"))
        if not isinstance(source, tuple | list) or len(source) != 2:
            raise DataError(f"an input must be a pair of user and item; got {str(source)[:80]}")
        item = self.items.get(_name(source[1]))
        if item is None:
            raise DataError(f"the item {shown(source[1])} is not known")
        return self.users.get(_name(source[0]), len(self.users)), item, item

    def feeds(self, items: Sequence[Item]) -> Iterator[Feeds]:
        for at in range(0, len(items), TOGETHER):
            part = np.array(items[at : at + TOGETHER], np.int64)
            yield {"user": part[:, 0], "item": part[:, 1], "other": part[:, 2]}

    def stored(self, item: Item) -> tuple[str, bytes]:
        user = [*self.users, ""][item[0]]
        return "json", json.dumps({"user": user, "item": self._item_names[item[1]]}).encode()

    def finished(self, item: Item, row: Any) -> Rated:
        answer: Rated = self.result(row)
        note = "" if item[0] < len(self.users) else STRANGER
        return replace(
            answer, item=self._item_names[item[1]], title=self.titles[item[1]], note=note
        )

    def batch(self, sources: Any) -> Iterator[Rated]:
        """Ratings for many pairs, in order, as they come; memory stays flat."""
        waiting = iter(sources)
        while some := [self.read(source) for source in islice(waiting, TOGETHER)]:
            yield from map(self.finished, some, self.outputs(some))

    def top(self, user: object, count: int = 10) -> list[Rated]:
        """The items that suit a user best, of those that they have not rated, best first.

        They are ordered by the rating and by how many people rated an item at all.
        """
        number = self.users.get(_name(user), len(self.users))
        rated = self._seen(number)
        left = [item for item in range(len(self.items)) if item not in rated]
        return self._best([(number, item, item) for item in left], count, by=1)

    def similar(self, item: object, count: int = 10) -> list[Rated]:
        """The items most similar to one, by the angle between their vectors, nearest first."""
        number = self.find(item)
        others = [other for other in range(len(self.items)) if other != number]
        return self._best([(len(self.users), other, number) for other in others], count, by=2)

    def find(self, text: object) -> int:
        """The number of an item by its name, its title or a part of it; DataError else."""
        wanted = _name(text)
        if wanted in self.items:
            return self.items[wanted]
        plain = wanted.casefold()
        titles = [title.casefold() for title in self.titles]
        for fits in (plain.__eq__, lambda title: title.startswith(plain), lambda t: plain in t):
            found = [n for n, title in enumerate(titles) if plain and fits(title)]
            if len({titles[n] for n in found}) == 1:
                return found[0]
            if found:
                some = ", ".join(shown(self.titles[n]) for n in found[:SOME])
                raise DataError(f"{len(found)} items are called {wanted!r} or so: {some} …")
        some = ", ".join(shown(name) for name in islice(self.items, SOME))
        raise DataError(f"the item {shown(wanted)} is not known; some that are: {some} …")

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("inputs", nargs="*", metavar="TABLE",
                            help="users and items, as CSV; - is standard input")  # fmt: skip
        parser.add_argument("--user", help="what this user would rate")
        parser.add_argument("--item", help="this item, by its name or title")
        parser.add_argument("--like", metavar="ITEM", help="the items most similar to this one")
        parser.add_argument("--top", type=int, metavar="N", help="so many items [10]")
        parser.add_argument("-o", "--out", metavar="OUT", help="write the table's answers there")

    def wanted(self, arguments: argparse.Namespace) -> bool:
        given = (arguments.user, arguments.item, arguments.like, arguments.top)
        return bool(arguments.inputs) or any(value is not None for value in given)

    def answer(self, arguments: argparse.Namespace) -> int:
        user, item, like, count = arguments.user, arguments.item, arguments.like, arguments.top
        if sum((bool(arguments.inputs), user is not None, like is not None)) != 1:
            raise UsageError("give --user, --like or a table of users and items: one of them")
        if count is not None and not 1 <= count <= MOST_TOP:
            raise UsageError(f"--top must be from 1 to {MOST_TOP:,}; got {count}")
        if arguments.inputs:
            return max(self._table(name, arguments) for name in arguments.inputs)
        if item is not None:
            name = self._item_names[self.find(item)]
            return self._say([self((user, name))], {"user": user, "item": name}, arguments)
        if like is not None:
            return self._say_similar(like, count or 10, arguments)
        return self._say(self.top(user, count or 10), {"user": user}, arguments)

    def _say(self, found: list[Rated], asked: dict[str, Any], arguments: argparse.Namespace) -> int:
        """Print one line an item."""
        for answer in found:
            if arguments.json:
                print(json.dumps({"input": asked, **answer.as_dict()}))
            else:
                print(f"{answer.value:.1f}  {answer.called()}")
        if len(found) > 1 and not arguments.json:
            print("note: first what this user would most likely choose; the number is the rating "
                  "it would get", file=sys.stderr)  # fmt: skip
        if found and found[0].note and not arguments.json:
            print(f"note: {found[0].note}", file=sys.stderr)
        if "item" not in asked and not self.spec.get("history"):
            print("note: who rated what is not in this program: rated items are named, too",
                  file=sys.stderr)  # fmt: skip
        if not found:
            print("note: nothing is left: this user has rated every item", file=sys.stderr)
        return 0

    def _say_similar(self, like: str, count: int, arguments: argparse.Namespace) -> int:
        for answer in self.similar(like, count):
            if arguments.json:
                facts = {"item": answer.item, "title": answer.title}
                near = {"similarity": round(answer.similarity, 6)}
                print(json.dumps({"input": {"like": like}, **facts, **near}))
            else:
                print(f"{answer.similarity:.2f}  {answer.called()}")
        return 0

    def _table(self, name: str, arguments: argparse.Namespace) -> int:
        """A table in, the same with ratings out, row by row; exit code 2 if an item is unknown."""
        unknown = 0
        with open_rows(name) as rows:
            user, item = (
                _column(rows.names, self.columns[what], what, shown(name))
                for what in ("user", "item")
            )
            names = [*rows.names, *self._made(rows.names)]
            if arguments.json:
                for chunk in rows.chunks():
                    for row, answer in self._rated_rows(chunk, user, item):
                        unknown += answer["rating"] is None
                        asked = {"user": row[user], "item": row[item]}
                        facts = {"value": answer["rating"], "note": answer["note"]}
                        print(json.dumps({"input": asked, **facts}))
                rows.say()
                return _unknown(unknown)
            with open_table(arguments.out, names) as write:
                for chunk in rows.chunks():
                    for row, answer in self._rated_rows(chunk, user, item):
                        unknown += answer["rating"] is None
                        made = (answer["rating"], answer["note"])
                        write({**row, **dict(zip(self._made(rows.names), made, strict=True))})
            rows.say()
        return _unknown(unknown)

    def _rated_rows(
        self, chunk: list[dict[str, Cell]], user: str, item: str
    ) -> Iterator[tuple[dict[str, Cell], dict[str, Any]]]:
        numbers = [self.items.get(_name(row[item])) for row in chunk]
        stranger = len(self.users)
        users = [self.users.get(_name(row[user]), stranger) for row in chunk]
        known = [(u, n, n) for u, n in zip(users, numbers, strict=True) if n is not None]
        ratings = iter(np.stack(self.outputs(known))[:, 0].tolist() if known else [])
        for row, who, number in zip(chunk, users, numbers, strict=True):
            if number is None:
                yield row, {"rating": None, "note": "this item is not known"}
            else:
                note = STRANGER if who == stranger else ""
                yield row, {"rating": round(next(ratings), 4), "note": note}

    def _made(self, names: Sequence[str]) -> list[str]:
        """The two columns that are added, by names that are free."""
        rating, note = self.columns["rating"], "note"
        return [f"predicted {rating}" if rating in names else rating,
                "note of the program" if note in names else note]  # fmt: skip

    def _best(self, items: list[Item], count: int, by: int) -> list[Rated]:
        if not items:
            return []
        rows = np.stack(self.outputs(items))
        best = np.argsort(-rows[:, by], kind="stable")[:count]
        return [self.finished(items[n], rows[n]) for n in best]

    def _seen(self, user: int) -> set[int]:
        """The items that a user has rated."""
        if user >= len(self._rated):
            return set()
        found: set[int] = set()
        next_ = 0  # runs rise: so there are not more of them than items
        for first, last in RUN.findall(self._rated[user]):
            run = range(max(int(first), next_), min(int(last or first), len(self.items) - 1) + 1)
            found.update(run)
            next_ = max(next_, run.stop)
        return found

    def _names(self, what: str) -> dict[str, str]:
        """users.json or items.json, checked."""
        try:
            found = json.loads(self.asset(f"{what}.json"))
        except (ValueError, RecursionError):
            raise ProgramError(f"its assets/{what}.json is not JSON") from None
        if (
            not isinstance(found, dict)
            or len(found) != self.spec[what]
            or not all(isinstance(text, str) for text in found.values())
        ):
            raise ProgramError(f"its assets/{what}.json is not what the manifest says")
        return found


STRANGER = "this user is not known: it is what the mean of all users would rate"


def _unknown(rows: int) -> int:
    """Say how many rows have no answer; gives the exit code."""
    if rows:
        print(f"error: {counted(rows, 'row')} of items that are not known: no rating there",
              file=sys.stderr)  # fmt: skip
    return 2 if rows else 0


def _name(value: object) -> str:
    """A user's or an item's name as text: the number 42 is the text 42."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _column(names: Sequence[str], wanted: str, what: str, table: str) -> str:
    for name in (wanted, what):
        if name in names:
            return name
    raise TableError(
        f"{'standard input' if table == '-' else table} must have a column of {what}s, "
        f"{shown(wanted)!r}; it has "
        f"{', '.join(map(shown, names[:20]))}"
    )


def _checked(spec: dict[str, Any]) -> dict[str, str]:
    """The names of the columns, if the spec is as it must be."""
    counts, columns = (spec.get("users"), spec.get("items")), spec.get("columns")
    if not all(type(count) is int and 2 <= count <= MOST for count in counts):
        raise ProgramError("its input must say how many users and items there are")
    if (
        not isinstance(columns, dict)
        or set(columns) != {"user", "item", "rating"}
        or not all(isinstance(name, str) and len(name) <= 1000 for name in columns.values())
    ):
        raise ProgramError("its input must name the columns user, item and rating")
    return columns
