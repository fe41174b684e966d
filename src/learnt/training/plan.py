"""The plan: what to train, for how long, and why, from a summary of the data and a budget.

A pure function: the same data, budget and machine give the same plan, and nothing is touched.
"""

import math
import os
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from learnt.data.images import Summary
from learnt.engine import nn, optim
from learnt.errors import UsageError

SMALL_SIDE = 40  # pixels: up to here pictures are "small"
SMALL_LARGEST = 32  # what small pictures are brought to, at most
ENOUGH = 1000  # training examples from which a small network learns well from scratch
MODELS = ("convnet", "efficientnet-lite0")
BODY_SIZE = 224


@dataclass(frozen=True)
class Machine:
    """How fast this machine is: matrix products, in billions of operations a second."""

    gflops: float = 50.0
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
    return make(summary, budget, machine, [reason])


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


def _from_scratch(s: Summary, budget: Budget, machine: Machine, reasons: list[str]) -> Plan:
    size = max(8, min(s.side, SMALL_LARGEST))
    area = size * size
    products = area / 4 * (25 * s.channels * 8 + 72 * 16) + area / 16 * 144 * 32
    # Forward and backward; small products and the work between them run at a fifth of the speed.
    each = 6 * products / (machine.gflops * 1e9) * 5
    reading = (s.train + s.valid + s.test) * 3e-4
    steps = 600 if s.train < 10_000 else 1500
    return _schedule(s, budget, reasons, Plan(
        "convnet", size, s.channels, (), max(3, min(30, round(steps * 64 / s.train))),
        FROM_SCRATCH, each, reading, (),
    ))  # fmt: skip


def _on_features(s: Summary, budget: Budget, machine: Machine, reasons: list[str]) -> Plan:
    body_operations = 0.77e9  # of EfficientNet-Lite0 at 224 pixels; its products run at half speed
    every = s.train + s.valid + s.test
    reading = every * (body_operations * 2 / (machine.gflops * 1e9) + 4e-3 / machine.cores)
    products = 1280 * 512 + 512 * s.classes
    each = 6 * products / (machine.gflops * 1e9) * 3
    # Few examples need more passes; with very many, a few are enough.
    epochs = max(3, min(30, round(15 * math.sqrt(1200 / s.train))))
    return _schedule(s, budget, reasons, Plan(
        "efficientnet-lite0", BODY_SIZE, 3, ("whole",), epochs, ON_FEATURES, each, reading, (),
    ))  # fmt: skip


def _schedule(s: Summary, budget: Budget, reasons: list[str], draft: Plan) -> Plan:
    """The draft, whose `seconds` are for one example, with its epochs and time in all."""
    epoch = draft.seconds * s.train + 2 * draft.seconds / 3 * s.valid / 2
    epochs = draft.epochs
    if budget.epochs is not None:
        epochs = budget.epochs
        reasons.append(f"you asked for {epochs} epochs")
    elif budget.minutes is not None:
        left = budget.minutes * 60 - draft.feature_seconds
        epochs = max(1, min(draft.epochs * 3, int(left / epoch)))
        reasons.append(f"{budget.minutes:g} minutes are enough for {epochs} epochs")
    changes = {"epochs": epochs, "seconds": draft.feature_seconds + epochs * epoch + 1.5}
    return Plan(**{**draft.__dict__, **changes, "reasons": tuple(reasons)})


def measure_machine() -> Machine:
    """How fast this machine multiplies matrices just now, in a few milliseconds."""
    a = np.ones((256, 1024), np.float32)
    b = np.ones((1024, 256), np.float32)
    a @ b
    times = []
    for _ in range(5):
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
