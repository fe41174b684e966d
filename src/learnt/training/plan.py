"""The plan: what to train, for how long, and why, from a summary of the data and a budget.

A pure function: the same data, budget and machine give the same plan, and nothing is touched.
"""

import math
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from learnt.data.images import Summary
from learnt.engine import nn, optim
from learnt.errors import UsageError
from learnt.models.convnet import WIDTH

SMALL_SIDE = 40  # pixels: up to here pictures are "small"
SMALL_LARGEST = 32  # what small pictures are brought to, at most
ENOUGH = 1000  # training examples from which a small network learns well from scratch
MODELS = ("convnet", "efficientnet-lite0")
BODY_SIZE = 224
BODY_OPERATIONS = 0.77e9  # of EfficientNet-Lite0 for one picture of that size
OVERHEAD = 1.0  # seconds, for imports and for writing the program
ONE_VIEW = ("whole",)
FEW_VIEWS = ("whole", "flip", "middle", "upper left", "lower right")
FEW = 500  # training examples, up to which several views of each are worth their time
HEAD_STEPS = 150  # that a head needs at least, however few its examples


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

    algorithm: str  # sgd or adamw
    lr: float  # the highest, in the middle of the cycle
    weight_decay: float  # of weights; never of biases and normalisation
    batch: int
    warm_up: float  # the share of the steps in which the rate rises
    cycle_momentum: bool
    label_smoothing: float = 0.0

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


FROM_SCRATCH = Recipe("sgd", 0.1, 5e-4, batch=64, warm_up=0.25, cycle_momentum=False)
ON_FEATURES = Recipe("adamw", 2e-3, 1e-2, batch=64, warm_up=0.25, cycle_momentum=True)


@dataclass(frozen=True)
class Plan:
    """What will be trained and how, how long that takes, and the reasons in words."""

    model: str
    size: int  # pixels, of the prepared pictures
    channels: int
    views: tuple[str, ...]  # of each picture, that a body sees; empty without a body
    epochs: int
    recipe: Recipe
    seconds: float  # expected, in all
    feature_seconds: float  # of them, for reading pictures and computing features
    reasons: tuple[str, ...]

    def describe(self) -> str:
        """The plan in words, one line a fact."""
        recipe = self.recipe
        lines = [
            f"model     {self.model}",
            f"pictures  {self.size} × {self.size}, {'grey' if self.channels == 1 else 'RGB'}",
            (
                f"training  {self.epochs} epochs, batches of {recipe.batch}, "
                f"{recipe.algorithm}, one cycle up to a learning rate of {recipe.lr:g}"
            ),
            f"time      about {duration(self.seconds)}"
            + (f", {duration(self.feature_seconds)} of it for features" if self.views else ""),
            *(f"because   {reason}" for reason in self.reasons),
        ]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for `--json` and a run's folder."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Plan":
        """The plan that `as_dict` gave."""
        views, reasons = tuple(data["views"]), tuple(data["reasons"])
        recipe = Recipe(**data["recipe"])
        return cls(**{**data, "views": views, "reasons": reasons, "recipe": recipe})


def plan(summary: Summary, budget: Budget, machine: Machine, model: str | None = None) -> Plan:
    """Choose a model and a schedule for the data, within the budget.

    `model` names one instead; UsageError lists the known ones.
    """
    if model is not None and model not in MODELS:
        raise UsageError(f"the model must be one of {', '.join(MODELS)}; got {model!r}")
    small = summary.side <= SMALL_SIDE and summary.train >= ENOUGH
    chosen = model or ("convnet" if small else "efficientnet-lite0")
    reason = f"you asked for {model}" if model else _reason(summary, small)
    make = _from_scratch if chosen == "convnet" else _on_features
    return make(summary, budget, machine, reason)


def _reason(summary: Summary, small: bool) -> str:
    if small:
        return (
            f"the pictures are small ({summary.side} pixels) and there are {summary.train:,} to "
            "train on: a small convolutional network learns them from scratch"
        )
    if summary.side <= SMALL_SIDE:
        return (
            f"the pictures are small, but {summary.train:,} are few to learn from: a pretrained "
            "body has seen a million"
        )
    return (
        f"the pictures are photos or drawings (about {summary.side} pixels): a pretrained body "
        "already sees shapes and textures, so only a head is trained"
    )


def _from_scratch(s: Summary, budget: Budget, machine: Machine, reason: str) -> Plan:
    size = max(8, min(s.side, SMALL_LARGEST))
    products = size**2 / 4 * 25 * s.channels * WIDTH + size**2 / 16 * 9 * WIDTH * 2 * WIDTH
    # Small products, and the work between them, run at a fifth of the speed of large ones.
    each = 6 * products / (machine.gflops * 1e9) * 5
    reading = (s.train + s.valid + s.test) * 2e-4
    steps = 385 if s.train < 10_000 else 1500
    usual = max(3, min(30, round(steps * FROM_SCRATCH.batch / s.train)))
    epochs, reasons = _epochs(usual, each * s.train, reading, budget)
    seconds = reading + epochs * each * s.train + OVERHEAD
    return Plan(
        "convnet", size, s.channels, (), epochs, FROM_SCRATCH, seconds, reading, (reason, *reasons)
    )


def _on_features(s: Summary, budget: Budget, machine: Machine, reason: str) -> Plan:
    every = s.train + s.valid + s.test
    few = s.train <= FEW and s.side > SMALL_SIDE
    views = FEW_VIEWS if few else ONE_VIEW
    # The body runs at 0.7 of the speed of one large product; decoding takes some milliseconds.
    body = BODY_OPERATIONS / (0.7 * machine.gflops * 1e9) * len(views)
    reading = every * (body + 4e-3) / machine.cores
    # Forward and backward, and an optimiser that reads and writes every weight six times.
    each = 6 * (1280 * 512 + 512 * s.classes) / (machine.gflops * 1e9) * 3
    recipe = replace(ON_FEATURES, batch=64 if s.train >= 256 else 16)
    usual = max(4, math.ceil(HEAD_STEPS / max(1, s.train // recipe.batch)))
    epochs, reasons = _epochs(usual, each * s.train, reading, budget)
    if few:
        reasons.append(f"they are few, so {len(views)} views of each take part: {', '.join(views)}")
    seconds = reading + epochs * each * s.train + OVERHEAD
    return Plan(
        "efficientnet-lite0", BODY_SIZE, 3, views, epochs, recipe, seconds, reading,
        (reason, *reasons),
    )  # fmt: skip


def _epochs(usual: int, each: float, before: float, budget: Budget) -> tuple[int, list[str]]:
    """How many epochs of `each` seconds fit the budget, after `before` seconds; and why."""
    if budget.epochs is not None:
        return budget.epochs, [f"you asked for {budget.epochs} epochs"]
    if budget.minutes is None:
        return usual, []
    fitting = int((budget.minutes * 60 - before) / each)
    if fitting < 1:
        return 1, [f"{budget.minutes:g} minutes may not be enough even for one epoch"]
    epochs = min(usual * 3, fitting)
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
