"""How good is it? A metric, never without its baseline and its interval."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.runner.text import percent, shown

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


@dataclass(frozen=True)
class Evaluation:
    """A metric on held-out examples, beside what guessing the commonest class would get."""

    metric: str
    value: float
    baseline: float
    interval: tuple[float, float]  # 95 %
    n: int
    classes: list[str]
    confusion: list[list[int]]  # row: the true class; column: the answer

    def __str__(self) -> str:
        text = (
            f"{self.metric} {percent(self.value)} ({self.interval_text}) "
            f"on {self.n:,} examples; "
            f"always the commonest class: {percent(self.baseline)}"
        )
        return text + (f"\n{self.warning}" if self.warning else "")

    @property
    def interval_text(self) -> str:
        """The interval in words, in percent."""
        low, high = self.interval
        return f"95 % interval {low * 100:.1f} to {high * 100:.1f}"

    @property
    def warning(self) -> str:
        """What to keep in mind with this figure, or nothing."""
        if self.n < 100:
            return f"only {self.n} examples: the figure is rough"
        if self.interval[0] <= self.baseline:
            return "no better than guessing, as far as these examples can tell"
        return ""

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
        return {
            "metric": self.metric,
            "value": round(self.value, 6),
            "baseline": round(self.baseline, 6),
            "interval": [round(end, 6) for end in self.interval],
            "n": self.n,
            "confusion": self.confusion,
        }


def accuracy(
    answers: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    classes: list[str],
    commonest: int,
) -> Evaluation:
    """The share of right answers (N) among targets (N); `commonest` is train's commonest class."""
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (targets, answers), 1)
    right, n = int(np.sum(answers == targets)), len(targets)
    return Evaluation(
        metric="accuracy",
        value=right / n,
        baseline=float(np.mean(targets == commonest)),
        interval=wilson(right, n),
        n=n,
        classes=classes,
        confusion=confusion.tolist(),
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share.  (Wilson 1927; better than ±1.96·σ where shares are extreme)"""
    share, z = right / n, Z95
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
