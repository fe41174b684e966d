"""What a program answers: rows of the graph's result → results that people and JSON can read.

The manifest's `output` says which kind of answer a program gives; `labels` names its classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import ProgramError
from learnt.runner.archive import output_kind
from learnt.runner.text import percent, shown

Array = npt.NDArray[Any]
MAX_LABELS = 100_000
THRESHOLD = 0.5  # of the probability from which an example has a label
MAX_SCORES = 2**26  # of the tokens that may follow each of a context


class Answer:
    """What a program says of one input; every kind of answer has these two."""

    note: str = ""  # what to keep in mind with this answer, if anything

    def line(self) -> str:
        """In words, on one line of a terminal."""
        raise NotImplementedError

    def as_dict(self) -> dict[str, Any]:
        """As `--json` gives it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Result(Answer):
    """One of several classes: the likeliest label, and how sure the program is of each."""

    label: str
    probability: float
    probabilities: dict[str, float]
    note: str = ""

    def __repr__(self) -> str:
        return f"Result(label={self.label!r}, probability={self.probability:.3f})"

    def line(self) -> str:
        return f"{shown(self.label)} ({percent(self.probability)})"

    def as_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probability": round(self.probability, 6),
            "probabilities": {k: round(p, 6) for k, p in self.probabilities.items()},
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True)
class Several(Answer):
    """Any of several labels, or none: those of a probability of a half and more, surest first."""

    labels: list[str]
    probabilities: dict[str, float]

    def __repr__(self) -> str:
        return f"Several(labels={self.labels!r})"

    def line(self) -> str:
        if not self.labels:
            best = max(self.probabilities, key=lambda name: self.probabilities[name])
            return f"none (the likeliest: {shown(best)} {percent(self.probabilities[best])})"
        return ", ".join(f"{shown(n)} ({percent(self.probabilities[n])})" for n in self.labels)

    def as_dict(self) -> dict[str, Any]:
        probabilities = {name: round(p, 6) for name, p in self.probabilities.items()}
        return {"labels": self.labels, "probabilities": probabilities}


@dataclass(frozen=True)
class Value(Answer):
    """A number; `error` is how far such answers are from the truth (the root mean square on
    examples that training never saw), 0 where that is not known."""

    value: float
    note: str = ""
    error: float = 0.0

    def line(self) -> str:
        return f"{self.value:.6g}" + (f" ± {self.error:.2g}" if self.error else "")

    def as_dict(self) -> dict[str, Any]:
        return {"value": round(self.value, 6), **({"note": self.note} if self.note else {})}


@dataclass(frozen=True)
class Rated(Answer):
    """What a user would rate an item: the value; its place in an order; how similar it is to
    another item. `title` is what people call the item, if anything."""

    value: float
    order: float
    similarity: float
    item: str = ""
    title: str = ""
    note: str = ""

    def __repr__(self) -> str:
        return f"Rated({self.called()!r}, value={self.value:.2f})"

    def called(self) -> str:
        """The item's title, else its name."""
        return shown(self.title or self.item)

    def line(self) -> str:
        return f"{self.value:.4g}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "title": self.title,
            "value": round(self.value, 6),
            **({"note": self.note} if self.note else {}),
        }


class Classes:
    """Rows of probabilities (K) → Result."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.labels = checked_labels(manifest.get("labels"))
        self.shape: tuple[int, ...] = (len(self.labels),)

    def __call__(self, row: Array) -> Result:
        best = int(row.argmax())
        by_label = dict(zip(self.labels, map(float, row), strict=True))
        return Result(self.labels[best], float(row[best]), by_label)


class Labels(Classes):
    """Rows of a probability a label → Several."""

    def __call__(self, row: Array) -> Any:
        by_label = dict(zip(self.labels, map(float, row), strict=True))
        chosen = [name for name, p in by_label.items() if p >= THRESHOLD]
        return Several(sorted(chosen, key=lambda name: -by_label[name]), by_label)


class Number:
    """Rows of one number → Value."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.labels: list[str] = []
        self.shape: tuple[int, ...] = (1,)
        self.error = _rmse(manifest.get("figures"))

    def __call__(self, row: Array) -> Value:
        return Value(float(row[0]), error=self.error)


def _rmse(figures: object) -> float:
    """The root mean squared error that a manifest tells, or 0."""
    if not isinstance(figures, dict) or figures.get("metric") != "RMSE":
        return 0.0
    value = figures.get("value")
    return float(value) if isinstance(value, int | float) and 0 < value < np.inf else 0.0


class NextToken:
    """Scores (context, vocabulary) of the token after each: what a writing program draws from."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.labels: list[str] = []
        sizes = [manifest["output"].get(name) for name in ("context", "vocabulary")]
        if not all(type(n) is int and 2 <= n <= MAX_LABELS for n in sizes):
            raise ProgramError("its output must have a context and a vocabulary")
        if sizes[0] * sizes[1] > MAX_SCORES:
            raise ProgramError("its context and vocabulary are too large")
        self.shape: tuple[int, ...] = tuple(sizes)

    def __call__(self, row: Array) -> Answer:
        raise TypeError("a writing program draws a token from its scores; they are no answer")


class Ratings:
    """Rows of three numbers → Rated."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.labels: list[str] = []
        self.shape: tuple[int, ...] = (3,)

    def __call__(self, row: Array) -> Rated:
        return Rated(float(row[0]), float(row[1]), float(row[2]))


def _mask(manifest: dict[str, Any]) -> Any:
    from learnt.runner.masks import MaskOutput

    return MaskOutput(manifest)


OUTPUTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "classes": Classes, "number": Number, "next-token": NextToken, "rating": Ratings,
    "mask": _mask, "labels": Labels,
}  # fmt: skip


def output_of(manifest: dict[str, Any]) -> Any:
    """What reads the rows of a program's graph: by its manifest, checked.

    It has `labels`, the `shape` of a row (None for any size), and is called with a row.
    """
    return OUTPUTS[output_kind(manifest)](manifest)


def checked_labels(labels: object) -> list[str]:
    """Labels as a manifest must have them; a ProgramError says so else."""
    if (
        not isinstance(labels, list)
        or not 2 <= len(labels) <= MAX_LABELS
        or not all(isinstance(label, str) and len(label) <= 1000 for label in labels)
        or len(set(labels)) != len(labels)
    ):
        raise ProgramError("its labels must be 2 to 100,000 different texts")
    return labels


def fits(rows: object, count: int, shape: tuple[int | None, ...]) -> bool:
    """Are these so many rows of that shape, in float32?"""
    return (
        isinstance(rows, np.ndarray)
        and rows.dtype == np.float32
        and rows.ndim == 1 + len(shape)
        and len(rows) == count
        and all(b is None or a == b for a, b in zip(rows.shape[1:], shape, strict=True))
    )
