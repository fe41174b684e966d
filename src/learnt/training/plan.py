"""The plan: what to train, for how long, and why.

Each kind of job (`tasks/`) makes its own from a summary of its data, a budget and a machine, by
a pure function: the same three give the same plan, and nothing is touched.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from learnt.engine import nn, optim
from learnt.errors import UsageError

OVERHEAD = 1.0  # seconds, for imports and for writing the program


@dataclass(frozen=True)
class Machine:
    """How fast this machine is: matrix products by one core, in billions of operations a second."""

    gflops: float = 80.0
    cores: int = 2


@dataclass(frozen=True)
class Budget:
    """What the user allows: so many passes over the data, or so many minutes."""

    epochs: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and not 1 <= self.epochs <= 100_000:
            raise UsageError(f"epochs must be from 1 to 100,000; got {self.epochs}")
        if self.minutes is not None and not 0 < self.minutes <= 100_000:
            raise UsageError(f"minutes must be more than 0; got {self.minutes:g}")
        if self.epochs is not None and self.minutes is not None:
            raise UsageError("give epochs or minutes, not both: either one bounds the training")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: optimiser, one-cycle schedule, batch."""

    algorithm: str  # sgd, adamw or muon
    lr: float  # the highest, in the middle of the cycle
    weight_decay: float  # of weights; never of biases and normalisation
    batch: int
    warm_up: float  # the share of the steps in which the rate rises
    cycle_momentum: bool
    label_smoothing: float = 0.0
    pieces: int = 1  # that a batch is cut into, learnt from side by side on several threads

    def optimizer(self, model: nn.Module) -> optim.Optimizer:
        """The optimiser of `model`'s parameters."""
        weights = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [
            {"params": weights, "weight_decay": self.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        if self.algorithm == "adamw":
            return optim.AdamW(groups, lr=self.lr)
        return optim.SGD(groups, lr=self.lr, momentum=0.9, nesterov=True)


@dataclass(frozen=True)
class Plan:
    """What will be trained and how, how long that takes, and the reasons in words.

    `facts` are what else people should read, as (word, words); `options` is what the kind of job
    wants to know again: plain data, that survives JSON.
    """

    model: str
    epochs: int
    recipe: Recipe
    seconds: float  # expected, in all
    feature_seconds: float  # of them, for reading examples and computing features
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    weights: str = "auto"  # in 8 bits where that costs little; or int8, or float32
    threads: int | None = 1  # of matrix products while training; None: all there are

    def describe(self) -> str:
        """The plan in words, one line a fact."""
        recipe = self.recipe
        part = self.feature_seconds / self.seconds > 0.1
        features = f", {duration(self.feature_seconds)} of it for features" if part else ""
        how = (
            f"{self.epochs} epochs, batches of {recipe.batch}, {recipe.algorithm}, "
            f"one cycle up to a learning rate of {recipe.lr:g}"
        )
        lines = [
            ("model", self.model),
            *self.facts,
            ("training", how),
            ("time", f"about {duration(self.seconds)}{features}"),
            *(("because", reason) for reason in self.reasons),
        ]
        return "\n".join(f"{word:<9} {words}" for word, words in lines)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for `--json` and a run's folder."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Plan":
        """The plan that `as_dict` gave."""
        facts = tuple((word, words) for word, words in data["facts"])
        reasons, recipe = tuple(data["reasons"]), Recipe(**data["recipe"])
        return cls(**{**data, "facts": facts, "reasons": reasons, "recipe": recipe})


def chosen(model: str | None, models: Sequence[str]) -> str | None:
    """The model that was asked for, if any; UsageError where it is not one of `models`."""
    if model is not None and model not in models:
        raise UsageError(f"the model must be one of {', '.join(models)}; got {model!r}")
    return model


def fitting(usual: int, each: float, before: float, budget: Budget) -> tuple[int, list[str]]:
    """How many epochs of `each` seconds fit the budget, after `before` seconds; and why."""
    if budget.epochs is not None:
        return budget.epochs, [f"you asked for {budget.epochs} epochs"]
    if budget.minutes is None:
        return usual, []
    most = int((budget.minutes * 60 - before) / each)
    if most < 1:
        return 1, [f"{budget.minutes:g} minutes may not be enough even for one epoch"]
    epochs = min(usual * 3, most)
    return epochs, [f"{budget.minutes:g} minutes are enough for {epochs} epochs"]


def measure_machine() -> Machine:
    """How fast one core multiplies matrices just now, in a few milliseconds; and the cores."""
    from threadpoolctl import threadpool_limits

    a = np.ones((256, 1024), np.float32)
    b = np.ones((1024, 256), np.float32)
    times = []
    with threadpool_limits(1, user_api="blas"):
        for _ in range(6):
            start = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - start)
    return Machine(2 * a.size * 256 / min(times) / 1e9, os.cpu_count() or 1)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
