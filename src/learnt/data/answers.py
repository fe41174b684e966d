"""What is to be answered of an example, by the texts in its column: one class, several labels,
or a number.

Each kind has the name of its task, a normal form of the texts (equal answers are equal texts),
and the names that a text has in it.
"""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from learnt.data.columns import has_decimal_comma
from learnt.errors import DataError, UsageError
from learnt.runner.columns import COMMA, Number
from learnt.runner.text import percent, shown

SEPARATORS = (";", "|", ",", " ")
FEW_NUMBERS = 20  # different whole numbers, up to which they are taken for classes
CELL = 10_000  # characters of a list


class OneClass:
    """One of several classes."""

    task: ClassVar[str] = "image-classification"
    about: ClassVar[str] = "classes"

    def normal(self, text: str) -> str:
        """The text itself."""
        return text

    def names(self, normal: str) -> list[str]:
        """The class."""
        return [normal]


class SeveralLabels:
    """Any number of labels: a list as JSON, or with something between them."""

    task: ClassVar[str] = "image-labels"
    about: ClassVar[str] = "labels"

    def __init__(self, separator: str | None) -> None:
        self.separator = separator  # None: one label at most

    def normal(self, text: str) -> str:
        """The list as JSON, in alphabetical order; ValueError where it cannot be one."""
        if len(text) > CELL:
            raise ValueError(f"a list of {len(text):,} characters; at most {CELL:,} are read")
        return json.dumps(sorted(set(_listed(text, self.separator))))

    def names(self, normal: str) -> list[str]:
        """The labels."""
        found: list[str] = json.loads(normal)
        return found


class ANumber:
    """A number; `comma` where its decimal mark is one."""

    task: ClassVar[str] = "image-number"
    about: ClassVar[str] = "a number each"

    def __init__(self, comma: bool = False) -> None:
        self.comma = comma

    def normal(self, text: str) -> str:
        """The number, in full; ValueError where it is none, or not finite."""
        number = _number(text, self.comma)
        if number is None:
            raise ValueError(f"{shown(text)!r} is no number" if text else "the number is missing")
        return repr(number)

    def names(self, normal: str) -> list[str]:
        """None: a number is no name."""
        return []


Answers = OneClass | SeveralLabels | ANumber
TASKS = (OneClass.task, SeveralLabels.task, ANumber.task)


def kind_of_answers(
    texts: Sequence[str], column: str, task: str | None = None
) -> tuple[Answers, list[str]]:
    """The kind of answers in a column, and notes of what was taken for granted.

    `task` names it instead; UsageError lists the known ones.
    """
    if task is not None and task not in TASKS:
        raise UsageError(f"the task must be one of {', '.join(TASKS)}; got {task!r}")
    if task == OneClass.task:
        return OneClass(), []
    if texts and all(Number({"name": column}).read(text)[2] == "infinite" for text in texts):
        raise DataError(f"the column {shown(column)} has infinite numbers only")
    comma = has_decimal_comma(texts)
    numbers = [_number(text, comma) for text in texts]
    there = {number for number in numbers if number is not None}
    if task == ANumber.task or (task is None and _are_numbers(texts, numbers)):
        few = task is None and len(there) <= FEW_NUMBERS and all(n == int(n) for n in there)
        if few:
            say = f"say --task {ANumber.task} to learn them as numbers"
            return OneClass(), [f"the column {column} has whole numbers, taken as classes: {say}"]
        return ANumber(comma), _said(there, column, task, comma)
    separator = separator_of(texts)
    if task == SeveralLabels.task or separator is not None:
        between = {" ": "spaces", "json": "JSON lists"}.get(separator or "", f"{separator!r}")
        how = f"with {between} between them" if separator != "json" else f"as {between}"
        notes = [f"the column {column} has lists of labels, {how}"] if separator else []
        return SeveralLabels(separator), notes
    return OneClass(), []


def separator_of(texts: Sequence[str]) -> str | None:
    """What is between the labels of lists; "json"; or None where the texts are no lists.

    They are lists where the parts come back in other lists: there are no more different parts
    than different texts.
    """
    whole = {text for text in texts if text.strip()}
    lists = [text for text in whole if text.lstrip().startswith("[")]
    if lists and len(lists) == len(whole) and all(_json(text) is not None for text in lists):
        return "json"
    for separator in SEPARATORS:
        several = {text for text in whole if separator in text.strip()}
        parts = {part for text in whole for part in _listed(text[:CELL], separator)}
        # A class may have a space in its name: parts must come back much more often then.
        often = len(parts) * (2 if separator == " " else 1)
        alone = len(several) < len(whole) and parts == {*parts} & {t.strip() for t in whole}
        if several and (often <= len(whole) or (separator != " " and alone)):
            return separator
    return None


def separator_for(texts: Sequence[str], names: Sequence[str]) -> str | None:
    """The separator at which the texts come apart into most of these names, by their letters."""
    known = set(names)

    def found(separator: str | None) -> int:
        total = 0
        for text in texts:
            with suppress(ValueError):
                total += sum(len(part) for part in _listed(text, separator) if part in known)
        return total

    return max((None, *SEPARATORS), key=found)


def label_matrix(normals: Sequence[str], kind: Answers, names: list[str]) -> npt.NDArray[np.bool_]:
    """Which labels each example has: (N, len(names))."""
    place = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(normals), len(names)), bool)
    for row, normal in enumerate(normals):
        for name in kind.names(normal):
            if name in place:
                matrix[row, place[name]] = True
    return matrix


def bins(numbers: npt.NDArray[np.float64], count: int = 5) -> list[tuple[int, ...]]:
    """For each number in which fifth of all it is: what a split is stratified by."""
    edges = np.quantile(numbers, np.arange(1, count) / count)
    return [(int(n),) for n in np.searchsorted(edges, numbers, side="right")]


def _are_numbers(texts: Sequence[str], numbers: Sequence[float | None]) -> bool:
    """Nearly all of them, so that one that is none is a mistake and not a class."""
    return sum(n is not None for n in numbers) >= 0.9 * len(texts) > 0


def _said(there: set[float], column: str, task: str | None, comma: bool) -> list[str]:
    if len(there) < 2:
        only = f" (all are {next(iter(there)):g})" if there else ""
        raise DataError(f"the column {column} must have at least 2 different numbers{only}")
    if task is not None:
        return []
    span = f"from {min(there):.6g} to {max(there):.6g}"
    say = f"say --task {OneClass.task} if they are classes"
    say += f", --task {SeveralLabels.task} if they are lists" if comma else ""
    return [f"the column {column} has numbers, {span}: a number is learnt; {say}"]


def _number(text: str, comma: bool = False) -> float | None:
    if comma and COMMA.fullmatch(text.strip()):
        text = text.replace(".", "").replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _listed(text: str, separator: str | None) -> list[str]:
    if separator == "json" or (separator is None and text.lstrip().startswith("[")):
        found = _json(text)
        if found is None and text.strip():
            raise ValueError(f"{shown(text[:60])!r} is no JSON list of texts")
        return found or []
    parts = text.split() if separator == " " else text.split(separator) if separator else [text]
    return [part.strip() for part in parts if part.strip()]


def _json(text: str) -> list[str] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(part, str | int) for part in found):
        return None
    return [str(part).strip() for part in found if str(part).strip()]


def everywhere_or_rare(matrix: npt.NDArray[np.bool_], names: list[str]) -> list[str]:
    """Notes of examples without a label, and of labels that every example has."""
    notes = []
    none = int((~matrix.any(axis=1)).sum())
    if none:
        share = percent(none / len(matrix))
        notes.append(f"{none} of the examples ({share}) have no label: they count as having none")
    always = [shown(names[number]) for number in np.flatnonzero(matrix.all(axis=0))]
    if always:
        notes.append(f"every example has {', '.join(always[:5])}: there is nothing to learn of it")
    return notes
