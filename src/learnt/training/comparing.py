"""Two programs side by side, on the same labelled examples: where they disagree, which is right,
and whether the difference is more than chance.

Of classes, an answer is right or wrong, and McNemar's exact test asks: if both programs were
equally good, how often would the examples that only one of them gets right fall so unevenly?
(McNemar 1947; two-sided, by the binomial distribution.) For numbers, labels, masks and text the
metric of both is found again on examples drawn with replacement, the same for both: a 95 %
interval of the difference that holds 0 tells of chance. (Paired bootstrap; Efron 1979)
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learnt.errors import DataError, UsageError
from learnt.runner.program import Program
from learnt.runner.text import counted, shown
from learnt.training import scores
from learnt.training.markdown import wide
from learnt.training.measured import Measured
from learnt.training.metrics import LOWER_IS_BETTER, SHARES, figure
from learnt.training.scores import Array, Statistic
from learnt.training.testing import measured

LEVEL = 0.05  # of p, from which a difference may well be chance
NAMED = 10  # examples of disagreement
LABELS_NAMED = 5
MOST_WIDE = 60  # characters of a cell


@dataclass(frozen=True)
class Comparison:
    """What two programs, a and b, said of the same n examples."""

    names: tuple[str, str]  # of the programs, as people call them
    metric: str
    n: int
    values: tuple[float, float]
    baseline: float
    baseline_name: str
    only: tuple[int, int]  # examples that only a, only b gets right; or where it is nearer
    differ: int  # examples with different answers
    exact: bool  # is an answer right or wrong, and nothing between?
    p: float | None  # McNemar's, where it is
    interval: tuple[float, float] | None  # of the difference b - a, else
    examples: list[dict[str, str]]
    notes: list[str]

    @property
    def more_than_chance(self) -> bool:
        """Can the difference hardly be chance?"""
        if self.p is not None:
            return self.p < LEVEL
        assert self.interval is not None, "one of both is there"
        return not self.interval[0] <= 0 <= self.interval[1]

    @property
    def better(self) -> str | None:
        """The program that is better by more than chance, if one is: "a" or "b"."""
        if not self.more_than_chance:
            return None
        a, b = self.values if self.metric not in LOWER_IS_BETTER else self.values[::-1]
        return "b" if b > a else "a"

    def __str__(self) -> str:
        (a, b), (left, right) = self.names, self.only
        lines = [
            f"{name}: {self.metric} {figure(self.metric, value)}"
            for name, value in zip(self.names, self.values, strict=True)
        ]
        lines.append(
            f"on the same {self.n:,} examples; {self.baseline_name}: "
            f"{figure(self.metric, self.baseline)}"
        )
        if self.exact:
            both = self.differ - left - right
            lines.append(f"They answer differently on {counted(self.differ, 'example')}.")
            lines.append(
                f"{b} is right on {counted(right, 'example')} where {a} is wrong, "
                f"{a} on {left:,} where {b} is wrong"
                f"{f'; on {both:,} both are wrong' if both else ''}: {self._said()}."
            )
        else:
            lines.append(
                f"{b} is nearer on {counted(right, 'example')}, {a} on {left:,}. "
                f"The difference of the metric is {self._said()}."
            )
        return "\n".join(lines)

    def _said(self) -> str:
        """How sure the difference is, in words."""
        chance = "more than chance" if self.more_than_chance else "that may well be chance"
        if self.p is not None:
            p = f"p = {self.p:.2g}" if self.p >= 0.0001 else "p < 0.0001"
            return f"{chance} ({p})"
        assert self.interval is not None, "one of both is there"
        times, unit = (100, " points") if self.metric in SHARES else (1, "")
        low, high = (f"{times * end:+.3g}" for end in self.interval)
        difference = f"{times * (self.values[1] - self.values[0]):+.3g}{unit}"
        return f"{difference} (95 % interval {low} to {high}): {chance}"

    def table(self) -> str:
        """Some of the examples that they disagree on, one a line."""
        head = ("example", "label", *self.names)
        rows = [head, *(tuple(one.values()) for one in self.examples)]
        texts = [[shown(text)[:MOST_WIDE] for text in row] for row in rows]
        widths = [max(map(wide, column)) for column in zip(*texts, strict=True)]
        return "\n".join(
            "  ".join(t + " " * (w - wide(t)) for t, w in zip(row, widths, strict=True)).rstrip()
            for row in texts
        )

    def as_dict(self) -> dict[str, Any]:
        """As `--json` gives it."""
        (a, b), (left, right) = self.values, self.only
        facts: dict[str, Any] = {
            "metric": self.metric,
            "n": self.n,
            "a": {"program": self.names[0], "value": round(a, 6)},
            "b": {"program": self.names[1], "value": round(b, 6)},
            "baseline": round(self.baseline, 6),
            "difference": round(b - a, 6),
            "differ": self.differ,
        }
        if self.exact:
            facts |= {"only_a_right": left, "only_b_right": right}
            facts |= {"both_wrong": self.differ - left - right, "p": self.p}
        else:
            facts |= {"a_nearer": left, "b_nearer": right}
            facts["interval"] = [round(end, 6) for end in self.interval or ()]
        facts |= {"more_than_chance": self.more_than_chance, "better": self.better}
        return {**facts, "examples": self.examples, "notes": self.notes}


def compare(
    programs: tuple[Program, Program], names: tuple[str, str], source: Path, **columns: Any
) -> Comparison:
    """Both programs on every example of a source that both can answer.

    `columns` are options of their kind of data, such as `label`. Raises UsageError where the
    two do not answer the same question, DataError where they cannot be measured.
    """
    check_alike(programs, names)
    a, b = (measured(program, source, **columns) for program in programs)
    places = {name: place for place, name in enumerate(_once_each(b.names))}
    pairs = [(i, places[name]) for i, name in enumerate(_once_each(a.names)) if name in places]
    if not pairs:
        raise DataError(f"no example of {shown(source)} can be answered by both programs")
    here, there = np.array(pairs, np.int64).T
    first, second = on(a, here), on(b, there)
    n, everyone = len(pairs), np.ones((1, len(pairs)))
    values = float(first(everyone)[0]), float(second(everyone)[0])
    left, right = a.errors[here] < b.errors[there], a.errors[here] > b.errors[there]
    only, p, interval = (int(left.sum()), int(right.sum())), None, None
    answers = [(a.said(i), b.said(j)) for i, j in pairs] if a.exact else []
    differ = sum(x != y for (_, x), (_, y) in answers) if a.exact else only[0] + only[1]
    if a.exact:
        p = mcnemar(*only)
    else:
        cost = max(1, len(programs[0].labels))
        interval = scores.bootstrap(lambda counts: second(counts) - first(counts), n, cost=cost)
    named = [
        _named(a, b, *pairs[k]) for k in _telling(np.abs(a.errors[here] - b.errors[there]), a.exact)
    ]
    notes = _notes((a, b), names)
    if n < max(len(a.names), len(b.names)):
        notes.append(
            f"{counted(max(len(a.names), len(b.names)) - n, 'example')} only one can answer"
        )
    return Comparison(
        names, a.evaluation.metric, n, values, a.evaluation.baseline, a.evaluation.baseline_name,
        only, differ, a.exact, p, interval,
        named, notes,
    )  # fmt: skip


def _once_each(names: Sequence[str]) -> list[tuple[str, int]]:
    """Names with how often each was there before: a source may hold an example twice."""
    times: Counter[str] = Counter()
    found = []
    for name in names:
        found.append((name, times[name]))
        times[name] += 1
    return found


def _notes(both: tuple[Measured, Measured], names: tuple[str, str]) -> list[str]:
    """What is to be said of the examples, and of which program, where it is of one only."""
    a, b = both
    shared = [note for note in a.notes if note in b.notes]
    return shared + [
        f"{name}: {note}"
        for name, one in zip(names, both, strict=True)
        for note in one.notes
        if note not in shared
    ]


def check_alike(programs: tuple[Program, Program], names: tuple[str, str]) -> None:
    """UsageError unless both answer the same question: one task, one column, the same labels."""
    a, b = programs
    tasks = [program.manifest["task"] for program in programs]
    if tasks[0] != tasks[1]:
        raise UsageError(
            f"both programs must do the same kind of job; {names[0]} does {tasks[0]}, {names[1]} "
            f"does {tasks[1]}"
        )
    columns = [shown(getattr(program, "label", "")) for program in programs]
    if columns[0] != columns[1]:
        raise UsageError(
            f"both programs must answer for the same column; {names[0]} answers for "
            f"{columns[0]}, {names[1]} for {columns[1]}"
        )
    missing = [sorted(set(one.labels) - set(other.labels)) for one, other in ((a, b), (b, a))]
    if any(missing):
        said = [
            f"only {name} knows {', '.join(map(shown, some[:LABELS_NAMED]))}"
            + (", …" if len(some) > LABELS_NAMED else "")
            for name, some in zip(names, missing, strict=True)
            if some
        ]
        raise UsageError(
            f"both programs must know the same labels; {'; '.join(said)}: train both on the same "
            "classes"
        )


def mcnemar(only_a: int, only_b: int) -> float:
    """The probability that, of so many examples that one of two equals gets right, at least as
    many fall to one of them: exact and two-sided."""
    n, least = only_a + only_b, min(only_a, only_b)
    if n == 0 or only_a == only_b:
        return 1.0
    k = np.arange(1, least + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log(n - k + 1) - np.log(k))])  # log of n over k
    tail = np.exp(ways - ways.max()).sum()
    return float(min(1.0, math.exp(math.log(2 * tail) + ways.max() - n * math.log(2))))


def on(measured: Measured, places: Array) -> Statistic:
    """The metric of a program on these of its examples only, in their order."""

    def statistic(counts: Array) -> Array:
        every = np.zeros((len(counts), len(measured.names)))
        every[:, places] = counts
        return measured.statistic(every)

    return statistic


def _telling(apart: Array, exact: bool) -> list[int]:
    """A few examples that say most: of right and wrong any, spread evenly; else the furthest."""
    order = np.argsort(-apart, kind="stable")
    found = order[: int((apart > 0).sum())]
    if exact and len(found) > NAMED:
        found = found[np.linspace(0, len(found) - 1, NAMED).astype(np.int64)]
    some: list[int] = found[:NAMED].tolist()
    return some


def _named(a: Measured, b: Measured, here: int, there: int) -> dict[str, str]:
    """One example, and what both said of it."""
    (truth, first), (_, second) = a.said(here), b.said(there)
    return {"example": a.names[here], "label": truth, "a": first, "b": second}


def called(paths: Sequence[Path]) -> tuple[str, str]:
    """What two program files are called: by name, with the folder where names are the same."""
    for parts in (1, 2):
        a, b = (shown("/".join(path.parts[-parts:])) for path in paths)
        if a != b:
            return a, b
    return shown(paths[0]), shown(paths[1])
