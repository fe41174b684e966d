"""How good is it? A metric, never without its baseline and its interval."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.runner.text import percent, shown
from learnt.training.scores import Statistic, mean

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution
FEW = 100  # examples, below which a figure is rough
WIDE = 0.12  # of an interval, from which a share is rough
SHARES = {  # metrics that are shares of 1, shown in percent; the others are shown as they are
    "accuracy", "macro F1", "AUC", "top-3 accuracy", "top-5 accuracy", "mean IoU",
    "mean average precision", "pixel accuracy", "label accuracy", "error rate",
}  # fmt: skip
LOWER_IS_BETTER = {"error rate", "log loss", "RMSE", "MAE", "perplexity", "bits per byte"}


class Later(Mapping[str, float]):
    """Figures by name, computed when they are first looked at: few epochs' are."""

    def __init__(self, compute: Callable[[], Mapping[str, float]]) -> None:
        self._compute = compute

    @cached_property
    def _figures(self) -> Mapping[str, float]:
        return self._compute()

    def __getitem__(self, name: str) -> float:
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)


@dataclass(frozen=True)
class Evaluation:
    """A metric on held-out examples, beside what the simplest answer of all would get."""

    metric: str
    value: float
    baseline: float
    spread: Callable[[], tuple[float, float]] = field(repr=False, compare=False)  # the interval's
    n: int
    classes: list[str] = field(default_factory=list)  # where there are classes
    confusion: list[list[int]] = field(default_factory=list)  # row: the true class; column: answer
    baseline_name: str = "always the commonest class"
    noun: str = "examples"
    others: Mapping[str, float] = field(default_factory=dict)  # further metrics by name
    warnings: Sequence[str] = ()  # what to keep in mind besides
    statistic: Statistic | None = field(default=None, repr=False, compare=False)  # the metric, as
    # a function of how often each example counts

    def __str__(self) -> str:
        text = (
            f"{self.metric} {figure(self.metric, self.value)} ({self.interval_text}) "
            f"on {self.n:,} {self.noun}; "
            f"{self.baseline_name}: {figure(self.metric, self.baseline)}"
        )
        lines = [text]
        if self.others:
            lines.append(f"also: {self.others_text}")
        return "\n".join([*lines, *self.all_warnings])

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Where the metric is with 95 % confidence; computed when it is first asked for, as
        drawing examples again may take longer than an epoch, and the loop does not want it."""
        return self.spread()

    @property
    def interval_text(self) -> str:
        """The interval in words, in percent where the metric is a share."""
        low, high = self.interval
        if self.metric in SHARES:
            return f"95 % interval {low * 100:.1f} to {high * 100:.1f}"
        return f"95 % interval {low:.4g} to {high:.4g}"

    @property
    def others_text(self) -> str:
        """The further metrics in words."""
        return ", ".join(f"{name} {figure(name, value)}" for name, value in self.others.items())

    def _doubts(self) -> list[str]:
        low, high = self.interval
        doubts = []
        if self.n < FEW or (self.metric in SHARES and high - low > WIDE):
            doubts.append(f"only {self.n} {self.noun}: the figure is rough")
        poor = high >= self.baseline if self.metric in LOWER_IS_BETTER else low <= self.baseline
        if poor:
            than = f"no better than the baseline ({self.baseline_name})"
            doubts.append(f"{than}, as far as these {self.noun} can tell")
        return doubts

    @property
    def all_warnings(self) -> list[str]:
        """All that is to keep in mind with this figure."""
        return [*self._doubts(), *self.warnings]

    def worst_confusions(self, count: int = 3) -> list[str]:
        """The commonest mistakes, in words."""
        pairs = [
            (row[answer], true, answer)
            for true, row in enumerate(self.confusion)
            for answer in range(len(row))
            if answer != true and row[answer]
        ]
        pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
        return [
            f"{shown(self.classes[true])} taken for {shown(self.classes[answer])}: {times}"
            for times, true, answer in pairs[:count]
        ]

    def as_dict(self) -> dict[str, Any]:
        """As the command line's `--json` gives it."""
        facts: dict[str, Any] = {
            "metric": self.metric,
            "value": round(self.value, 6),
            "baseline": round(self.baseline, 6),
            "interval": [round(end, 6) for end in self.interval],
            "n": self.n,
        }
        if self.confusion:
            facts["confusion"] = self.confusion
        if self.others:
            facts["others"] = {name: round(value, 6) for name, value in self.others.items()}
        if self.warnings:
            facts["warnings"] = list(self.warnings)
        return facts


def figure(metric: str, value: float) -> str:
    """A metric's value as people read it: shares in percent, others with four digits."""
    share = metric in SHARES or metric.startswith(("IoU of ", "AP of "))
    return percent(value) if share else f"{value:.4g}"


def accuracy(
    answers: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    classes: list[str],
    commonest: int,
    **facts: Any,
) -> Evaluation:
    """The share of right answers (N) among targets (N); `commonest` is train's commonest class.

    `facts` are further fields of the Evaluation.
    """
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (targets, answers), 1)
    correct, n = answers == targets, len(targets)
    right = int(correct.sum())
    return Evaluation(
        metric="accuracy",
        value=right / n,
        baseline=float(np.mean(targets == commonest)),
        spread=lambda: wilson(right, n),
        n=n,
        classes=classes,
        confusion=confusion.tolist(),
        statistic=mean(correct.astype(np.float64)),
        **facts,
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share.  (Wilson 1927; better than ±1.96·σ where shares are extreme)"""
    share, z = right / n, Z95
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
