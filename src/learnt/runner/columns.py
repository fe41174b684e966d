"""Cells of a table → the numbers that a graph takes: the same in training and in programs.

A column is a number (the graph gets it as it is; NaN is missing), a category (0 is a value that
training never saw, 1 is missing, then the vocabulary in order), a yes or no, or a date (days since
1970, and the month, weekday and hour as categories). All that is needed to read a column is in its
description in the manifest; the class of each kind checks that first.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from learnt.errors import ProgramError
from learnt.runner.text import shown

Cell: TypeAlias = str | int | float | bool | None
Spec: TypeAlias = Mapping[str, Any]
Read: TypeAlias = tuple[Sequence[float], Sequence[int], str]  # numbers, categories, what was odd

UNSEEN, MISSING, FIRST = 0, 1, 2  # the numbers of categories
MISSING_WORDS = {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--"}
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)  # 1,234,567.8
COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+)?,\d+([eE][-+]?\d+)?", re.ASCII)  # 1.234,5
INFINITE = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
YES = {"true", "t", "yes", "y", "1", "on"}
NO = {"false", "f", "no", "n", "0", "off"}
DAY = 86_400.0
DATES = ("%Y/%m/%d", "%Y%m%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S %Z")
DAY_FIRST = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
             "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y")  # fmt: skip
MONTH_FIRST = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m-%d-%Y")
PARTS = {"month": 12, "weekday": 7, "hour": 24}  # of a date, with how many values
NAN = float("nan")
LARGEST = 1e100  # numbers beyond count as infinite
MAX_COLUMNS, MAX_VALUES, MAX_VALUE = 50_000, 1_000_000, 1000  # columns, values, letters of one


class Number:
    """A number; `comma` where its decimal mark is one. Infinite counts as missing."""

    numbers = 1
    sizes: tuple[int, ...] = ()
    kind: ClassVar[str] = "number"

    def __init__(self, spec: Spec) -> None:
        self.name = str(spec["name"])
        self.comma = _flag(spec, "comma")

    def read(self, cell: Cell) -> Read:
        """The number, or NaN and why."""
        if isinstance(cell, str):
            if NUMBER.fullmatch(cell) and not self.comma:
                value = float(cell)
            else:
                found = self._plain(cell)
                if found is None:
                    return (NAN,), (), "" if _is_missing(cell) else "not a number"
                value = found
        elif cell is None:
            return (NAN,), (), ""
        else:
            value = _float(cell)
        if not -LARGEST < value < LARGEST:
            return (NAN,), (), "" if math.isnan(value) else "infinite"
        return (value,), (), ""

    def _plain(self, text: str) -> float | None:
        """Numbers as people write them: 1,234.5 and $12 and 45 %; None for other text."""
        text = text.strip().strip("$€£%").strip().replace("\u2212", "-")
        if self.comma and COMMA.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
        elif GROUPED.fullmatch(text):
            text = text.replace(",", "")
        if NUMBER.fullmatch(text):
            return float(text)
        return math.inf if INFINITE.fullmatch(text) else None


class Category:
    """One of a vocabulary's values."""

    numbers = 0
    kind: ClassVar[str] = "category"

    def __init__(self, spec: Spec) -> None:
        self.name = str(spec["name"])
        values = _values(spec)
        self.places = {value: place for place, value in enumerate(values, FIRST)}
        self.sizes: tuple[int, ...] = (len(values) + FIRST,)

    def read(self, cell: Cell) -> Read:
        """The value's number, and whether it was never seen."""
        place = self.places.get(cell) if isinstance(cell, str) else None
        if place is not None:
            return (), (place,), ""
        text = cell_text(cell)
        if text is None:
            return (), (MISSING,), ""
        place = self.places.get(text, UNSEEN)
        return (), (place,), "" if place else "unseen"


class YesNo:
    """Yes or no, in any of the usual words."""

    numbers, sizes = 0, (2 + FIRST,)
    kind: ClassVar[str] = "yes or no"

    def __init__(self, spec: Spec) -> None:
        self.name = str(spec["name"])

    def read(self, cell: Cell) -> Read:
        """2 for no, 3 for yes."""
        text = cell_text(cell)
        if text is None:
            return (), (MISSING,), ""
        word = text.lower()
        place = FIRST + 1 if word in YES else FIRST if word in NO else UNSEEN
        return (), (place,), "" if place else "neither yes nor no"


class Date:
    """A date, perhaps with a time: days since 1970, and the `parts` as categories.

    `order` says whether 03/04/2021 is in April ("day") or in March ("month").
    """

    numbers = 1
    kind: ClassVar[str] = "date"

    def __init__(self, spec: Spec) -> None:
        self.name = str(spec["name"])
        parts, order = spec.get("parts", []), spec.get("order", "day")
        if not isinstance(parts, list) or not all(part in tuple(PARTS) for part in parts):
            raise ProgramError(f"a date's parts must be of {', '.join(PARTS)}")
        if order not in ("day", "month"):
            raise ProgramError("a date's order must be day or month")
        self.parts: list[str] = parts
        self.sizes = tuple(PARTS[part] + FIRST for part in parts)
        self.formats = (*DATES, *(DAY_FIRST if order == "day" else MONTH_FIRST))

    def read(self, cell: Cell) -> Read:
        """Days since 1970 (UTC where a zone is told) and the parts, or missing and why."""
        text = cell_text(cell)
        when = parsed_date(text, self.formats) if text is not None else None
        if when is None:
            odd = "" if text is None else "not a date"
            return (NAN,), (MISSING,) * len(self.parts), odd
        told = {"month": when.month - 1, "weekday": when.weekday(), "hour": when.hour}
        days = (when - datetime(1970, 1, 1)).total_seconds() / DAY
        return (days,), tuple(FIRST + told[part] for part in self.parts), ""


Column: TypeAlias = Number | Category | YesNo | Date
KINDS: dict[str, type[Number] | type[Category] | type[YesNo] | type[Date]] = {
    cls.kind: cls for cls in (Number, Category, YesNo, Date)
}


class Columns:
    """All the columns of a table, from their descriptions; ProgramError for one that cannot be.

    >>> columns = Columns([{"name": "age", "kind": "number"},
    ...                    {"name": "job", "kind": "category", "values": ["clerk", "cook"]}])
    >>> columns.arrays([columns.read({"age": "39", "job": "cook"})[0]])
    (array([[39.]]), array([[3]]))
    """

    def __init__(self, specs: object) -> None:
        if not isinstance(specs, list) or not 1 <= len(specs) <= MAX_COLUMNS:
            raise ProgramError(f"its columns must be a list of 1 to {MAX_COLUMNS:,}")
        self.all: list[Column] = [_column(spec) for spec in specs]
        self.names = [column.name for column in self.all]
        if len(set(self.names)) < len(self.names):
            raise ProgramError("two of its columns have one name")
        self.numbers = sum(column.numbers for column in self.all)
        self.sizes = [size for column in self.all for size in column.sizes]

    def read(self, row: Mapping[str, Cell]) -> tuple[Read, dict[str, str]]:
        """One row; a column that is not there is missing. Also what was odd, by column."""
        numbers: list[float] = []
        categories: list[int] = []
        odd: dict[str, str] = {}
        for column in self.all:
            some, places, reason = column.read(row.get(column.name))
            numbers += some
            categories += places
            if reason:
                odd[column.name] = reason
        return (numbers, categories, ""), odd

    def arrays(self, rows: Sequence[Read]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Rows that were read, as (N, numbers) float64 and (N, categories) int64."""
        numbers = np.array([row[0] for row in rows], np.float64)
        categories = np.array([row[1] for row in rows], np.int64)
        count = len(rows)
        return numbers.reshape(count, self.numbers), categories.reshape(count, len(self.sizes))


def cell_text(cell: Cell) -> str | None:
    """A cell as a category's text, stripped; None where it is missing.

    3.0 is the text 3, as a column of whole numbers becomes one of floats where a cell is missing.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return None
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    text = "" if cell is None else str(cell).strip()
    return None if text == "" or _is_missing(text) else text


def parsed_date(text: str, formats: Sequence[str]) -> datetime | None:
    """A date in ISO 8601, or in one of the formats; without its zone, in UTC if it has one."""
    if not (6 <= len(text) <= 40 and text[0].isdigit()):
        return None
    found = None
    if text[4:5] == "-":
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = None
    for form in formats if found is None else ():
        try:
            found = datetime.strptime(text, form)
            break
        except ValueError:
            continue
    if found is not None and found.tzinfo is not None:
        try:
            found = found.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return None
    return found


def _is_missing(text: str) -> bool:
    return len(text) < 12 and text.strip().lower() in MISSING_WORDS


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:  # an integer beyond all floats
        return math.inf
    except (TypeError, ValueError):
        return NAN


def _column(spec: object) -> Column:
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str) or not spec["name"]:
        raise ProgramError("each of its columns must have a name")
    kind = spec.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ProgramError(
            f"the kind of its column {shown(spec['name'])!r} must be one of {', '.join(KINDS)}"
        )
    return KINDS[kind](spec)


def _flag(spec: Spec, name: str) -> bool:
    value = spec.get(name, False)
    if not isinstance(value, bool):
        raise ProgramError(f"{name!r} of its column {shown(spec['name'])!r} must be true or false")
    return value


def _values(spec: Spec) -> list[str]:
    values = spec.get("values")
    if (
        not isinstance(values, list)
        or len(values) > MAX_VALUES
        or not all(isinstance(value, str) and len(value) <= MAX_VALUE for value in values)
        or len(set(values)) < len(values)
    ):
        raise ProgramError(
            f"the values of its column {shown(spec['name'])!r} must be a list of different texts"
        )
    return values
