"""Where training is: what the loop and its callbacks share, and what a checkpoint holds."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from learnt.training.metrics import LOWER_IS_BETTER


@dataclass
class Loop:
    """The state of one training: which step of which epoch, and what happened so far."""

    epochs: int
    steps: int  # in an epoch
    epoch: int = 0
    step: int = 0  # in this epoch: so many are done
    total_loss: float = 0.0  # of this epoch
    history: list[dict[str, Any]] = field(default_factory=list)
    stop: bool = False  # a callback may set it: the loop ends after this step
    spent: float = 0.0  # seconds, before the run was stopped and went on
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long this has taken so far, in all sittings."""
        return self.spent + time.perf_counter() - self.started

    def finish_epoch(self, figures: dict[str, float]) -> None:
        """Note the epoch's figures, and go on to the next."""
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "loss": self.total_loss / max(1, self.step),
                **figures,
                "seconds": round(self.seconds, 3),
            }
        )
        self.epoch, self.step, self.total_loss = self.epoch + 1, 0, 0.0

    def best(self) -> dict[str, Any]:
        """The epoch that was best on validation, the earliest of equals."""
        metric = next(name for name in self.history[0] if name not in ("epoch", "loss", "seconds"))
        sign = 1 if metric in LOWER_IS_BETTER else -1
        return min(self.history, key=lambda epoch: sign * float(epoch[metric]))

    def progress(self) -> dict[str, Any]:
        """As plain data, from which `Loop(**…)` goes on; in the middle of an epoch, although it
        was to stop: an epoch without its figures is nothing to end with."""
        data = {**asdict(self), "stop": self.stop and not self.step, "spent": self.seconds}
        del data["started"]
        return data


class Callback:
    """Something to do at certain moments of training; a subclass overrides some of these."""

    def on_inputs(self, done: int, of: int) -> None:
        """`done` of so many examples are prepared."""

    def on_start(self, loop: Loop) -> None:
        """Training begins, or goes on."""

    def after_step(self, loop: Loop) -> None:
        """A batch was learnt from."""

    def after_epoch(self, loop: Loop) -> None:
        """Every training example was seen once more; `loop.history[-1]` has the figures."""

    def on_end(self, loop: Loop) -> None:
        """Training is over, by success or by an exception."""
