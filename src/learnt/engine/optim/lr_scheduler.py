"""Learning rates that change with the steps: `scheduler.step()` after each `optimizer.step()`."""

import math
from typing import Any

from learnt.engine.optim.optimizer import Optimizer


class LRScheduler:
    """Sets `lr` (and maybe momentum) of each group from the number of steps taken."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.last_epoch = 0
        self.set()

    def step(self) -> None:
        """Go on to the next rate."""
        self.last_epoch += 1
        self.set()

    def set(self) -> None:
        """Write the rates of step `last_epoch` into the optimiser."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.last_epoch = state_dict["last_epoch"]
        self.set()


class OneCycleLR(LRScheduler):
    """Up from max_lr/div_factor to `max_lr`, then down to almost nothing, along cosines.

    Momentum (β₁ for Adam) goes the opposite way. (Smith & Topin 2018, "Super-convergence")
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int,
        *,
        pct_start: float = 0.3,
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        if total_steps < 1:
            raise ValueError(f"total_steps must be at least 1; got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be from 0 to 1; got {pct_start}")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError("cycle_momentum needs an optimiser with momentum or betas")
        groups = optimizer.param_groups
        rates = max_lr if isinstance(max_lr, list) else [max_lr] * len(groups)
        for group, rate in zip(groups, rates, strict=True):
            group["initial_lr"] = rate / div_factor
            group["max_lr"] = rate
            group["min_lr"] = group["initial_lr"] / final_div_factor
        self.total_steps, self.pct_start = total_steps, pct_start
        self.momenta = (max_momentum, base_momentum) if cycle_momentum else None
        super().__init__(optimizer)

    def set(self) -> None:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"the cycle is over: step {self.last_epoch} of {self.total_steps} total steps"
            )
        up_to, end = self.pct_start * self.total_steps - 1, self.total_steps - 1
        for group in self.optimizer.param_groups:
            if self.last_epoch <= up_to:
                done = self.last_epoch / up_to if up_to else 1.0
                lr = _cosine(group["initial_lr"], group["max_lr"], done)
                momentum = self.momenta and _cosine(*self.momenta, done)
            else:
                done = (self.last_epoch - up_to) / (end - up_to)
                lr = _cosine(group["max_lr"], group["min_lr"], done)
                momentum = self.momenta and _cosine(*self.momenta[::-1], done)
            group["lr"] = lr
            if momentum and "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif momentum:
                group["momentum"] = momentum


def _cosine(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine; `done` is from 0 to 1."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)
