"""Which weights a program gets: in 8 bits where that costs next to nothing, else in 32.

The network is rounded as soon as it is trained, and measured on the validation side before and
after: nothing is chosen by the test side, and its figure is that of what is in the program.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from learnt.engine import nn
from learnt.errors import UsageError
from learnt.training.metrics import LOWER_IS_BETTER, SHARES, Evaluation, figure
from learnt.training.tasks.task import Task

KINDS = ("auto", "int8", "float32", "fast")
MOST_LOST = 0.2  # points of a share, percent of another metric


@dataclass(frozen=True)
class Fast:
    """Was faster arithmetic, which was asked for, good enough? `exact` and `fast` are the metric
    on the validation side without it and with it; none where there is no such arithmetic."""

    kept: bool
    metric: str = ""
    exact: float | None = None
    fast: float | None = None
    lost: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {key: value for key, value in asdict(self).items() if value not in ("", None)}

    def text(self) -> str:
        """One sentence for the card."""
        if self.exact is None or self.fast is None:
            return "There is no faster arithmetic for it than the usual one."
        before, after = (figure(self.metric, value) for value in (self.exact, self.fast))
        change = f"{self.metric} on the validation examples {after}, without {before}"
        if self.kept:
            return f"It computes in 8 bits, for speed: {change}."
        return f"It computes as usual, as 8 bits would cost too much: with them {change}."


@dataclass(frozen=True)
class Weights:
    """What was decided. `exact` and `rounded` are the metric on the validation side; `lost` is
    what rounding costs: points of a share, percent of another metric; less than 0 is a gain."""

    kind: str  # int8 or float32
    metric: str = ""
    exact: float | None = None
    rounded: float | None = None
    lost: float | None = None
    fast: Fast | None = None

    @property
    def value(self) -> float:
        """The metric of the network as it goes into the program."""
        found = self.rounded if self.kind == "int8" else self.exact
        return math.nan if found is None else found

    def as_dict(self) -> dict[str, Any]:
        """As the manifest has it."""
        facts = asdict(self)
        facts["fast"] = self.fast and self.fast.as_dict()
        return {key: value for key, value in facts.items() if value not in ("", None)}

    def text(self, body: bool = False) -> str:
        """A sentence or two for the card; `body`: are some of its weights a pretrained body's?"""
        text = self._text("The weights trained here have" if body else "Its weights have")
        if body and self.lost is not None:
            text += " The body's have 8 bits in any case; what it makes of them was learnt from."
        return f"{text} {self.fast.text()}" if self.fast else text

    def _text(self, they_have: str) -> str:
        if self.lost is None or self.exact is None or self.rounded is None:
            return "Its weights have 32 bits each, as was asked for."
        before, after = (figure(self.metric, value) for value in (self.exact, self.rounded))
        change = f"{self.metric} on the validation examples {after}, with 32 bits {before}"
        if self.kind == "int8":
            return f"{they_have} 8 bits each: {change}."
        return f"{they_have} 32 bits each, as 8 would cost too much: with 8 bits {change}."


def known_weights(wanted: str) -> str:
    """One of KINDS; UsageError where it is not."""
    if wanted not in KINDS:
        raise UsageError(f"the weights must be one of {', '.join(KINDS)}; got {wanted!r}")
    return wanted


def settle(
    task: Task[Any],
    network: nn.Module,
    wanted: str,
    before: dict[str, Any],
    evaluate: Callable[[], Evaluation],
) -> Weights:
    """Round the network where that is wanted, or costs less than MOST_LOST; else leave it.

    `before` are the validation side's figures of the network as it was trained, `evaluate`
    measures them now.
    """
    if wanted == "float32":
        return Weights("float32")
    kept = [parameter.array.copy() for parameter in network.parameters()]
    task.round(network)
    found = evaluate()
    exact = float(before[found.metric])
    lost = what_is_lost(found.metric, exact, found.value)
    good = wanted == "int8" or lost < MOST_LOST
    if not good:
        for parameter, array in zip(network.parameters(), kept, strict=True):
            parameter.array[...] = array
    exact, rounded, lost = (round(number, 6) for number in (exact, found.value, lost))
    return Weights("int8" if good else "float32", found.metric, exact, rounded, lost)


def settle_fast(usual: Weights, fast: Weights) -> Fast:
    """Is what was learnt with 8-bit arithmetic nearly as good as what was learnt without?"""
    exact, quick = usual.value, fast.value
    lost = what_is_lost(usual.metric, exact, quick)
    return Fast(lost < MOST_LOST, usual.metric, exact, quick, round(lost, 6))


def what_is_lost(metric: str, exact: float, rounded: float) -> float:
    """Points of a share, percent of another metric; negative where rounding gains."""
    worse = rounded - exact if metric in LOWER_IS_BETTER else exact - rounded
    return 100 * worse if metric in SHARES else 100 * worse / max(abs(exact), 1e-12)
