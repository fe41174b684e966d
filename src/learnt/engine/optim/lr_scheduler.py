"""Learning rates that change with the steps: `scheduler.step()` after each `optimizer.step()`.

Most are a factor of the first rate by the step t, and each step multiplies by factor(t) over
factor(t − 1), so that several schedules on one optimiser multiply, as PyTorch's do.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

from learnt.engine.optim.optimizer import Optimizer, number
from learnt.engine.tensor import Tensor

FUNCTIONS = ("optimizer", "lr_lambdas", "_schedulers")  # not part of a state


class LRScheduler:
    """Writes the `lr` of each group at each step; a subclass says which, in `get_lr`."""

    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a schedule needs an optimiser; got {type(optimizer).__name__}")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", number(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError("initial_lr must be in each group where last_epoch is given")
        self.base_lrs = [number(group["initial_lr"]) for group in optimizer.param_groups]
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def step(self, epoch: Any = None) -> None:
        """Go on to the next rates, or to those of `epoch`."""
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._write(self.get_lr() if epoch is None else self._get_closed_form_lr())

    def _write(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].array[...] = rate
            else:
                group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [number(group["lr"]) for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """The rates of step `last_epoch`, from those of the step before."""
        raise NotImplementedError

    def _get_closed_form_lr(self) -> list[float]:
        return self.get_lr()  # the same, where get_lr does not need the step before

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, and its options; functions are left out."""
        return {key: value for key, value in vars(self).items() if key not in FUNCTIONS}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; the rates themselves are in the optimiser's state."""
        vars(self).update({k: v for k, v in state_dict.items() if k not in FUNCTIONS})


class FactorLR(LRScheduler):
    """lr = eta_min + (lr₀ − eta_min)·rule(t, …): the schedules in the table below."""

    __signature__: ClassVar[inspect.Signature]
    rule: ClassVar[Callable[..., float]]
    holds: ClassVar[bool]  # stays the rate as it is when a schedule is made to go on?
    eta_min = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if "factor" in name and not (name == "start_factor") * 1e-300 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1 (and not start at 0); got {value}")
            setattr(self, name, list(value) if name == "milestones" else value)
        super().__init__(self.optimizer, self.last_epoch)

    def at(self, t: int) -> float:
        """The factor of step t."""
        return self.rule(t, *[getattr(self, name) for name in list(self.__signature__.parameters)[1:-1]])

    def get_lr(self) -> list[float]:
        t, rates, low = self.last_epoch, self._rates(), self.eta_min
        before, now = self.at(t - 1) if t else 1.0, self.at(t)
        if before == now or (t and self._is_initial and self.holds):
            return rates
        if before == 0:  # from its lowest point a cosine rises again
            return [rate + (first - low) * now for rate, first in zip(rates, self.base_lrs, strict=True)]
        return [low + (rate - low) * (now / before) for rate in rates]

    def _get_closed_form_lr(self) -> list[float]:
        now, low = self.at(self.last_epoch), self.eta_min
        return [low + (first - low) * now for first in self.base_lrs]


def _by(name: str, rule: Callable[..., float], holds: bool = True) -> type[FactorLR]:
    """A schedule; the options of its class are the arguments of `rule` after the step."""
    _, *options = inspect.signature(rule).parameters.values()
    named = [inspect.Parameter("optimizer", KIND), *options]
    named.append(inspect.Parameter("last_epoch", KIND, default=-1))
    members = {"rule": staticmethod(rule), "holds": holds, "__signature__": inspect.Signature(named)}
    return type(name, (FactorLR,), {**members, "__module__": __name__})


StepLR = _by("StepLR", lambda t, step_size, gamma=0.1: gamma ** (t // step_size), holds=False)
MultiStepLR = _by(
    "MultiStepLR",
    lambda t, milestones, gamma=0.1: gamma ** sum(m <= t for m in milestones),
    holds=False,
)
ConstantLR = _by(
    "ConstantLR",
    lambda t, factor=1 / 3, total_iters=5: factor if t < total_iters else 1.0,
    holds=False,
)
LinearLR = _by(
    "LinearLR",
    lambda t, start_factor=1 / 3, end_factor=1.0, total_iters=5: (
        start_factor + (end_factor - start_factor) * min(t, total_iters) / max(total_iters, 1)
    ),
)
ExponentialLR = _by("ExponentialLR", lambda t, gamma: gamma**t)
PolynomialLR = _by(
    "PolynomialLR", lambda t, total_iters=5, power=1.0: (1 - min(t / total_iters, 1)) ** power
)
CosineAnnealingLR = _by(
    "CosineAnnealingLR", lambda t, T_max, eta_min=0.0: (1 + math.cos(math.pi * t / T_max)) / 2
)


class LambdaLR(LRScheduler):
    """lr = lr₀·f(t); `lr_lambda` is f, or one f a group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.lr_lambdas = _each(lr_lambda, optimizer, "lr_lambda")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        both = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [first * function(self.last_epoch) for first, function in both]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to `eta_min` in T_0 steps, then again, each time `T_mult` as long.

    (Loshchilov & Hutter 2017, "SGDR")
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if not (isinstance(T_0, int) and isinstance(T_mult, int) and T_0 > 0 and T_mult > 0):
            raise ValueError(f"T_0 and T_mult must be whole numbers from 1; got {T_0}, {T_mult}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next rates, or to those of `epoch`, which may be a fraction."""
        if epoch is None and self.last_epoch >= 0:
            self.last_epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur % self.T_i, self.T_i * self.T_mult
        else:
            self.T_cur, self.T_i, self.last_epoch = epoch or 0, self.T_0, math.floor(epoch or 0)
            while self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult
        self._write(self.get_lr())

    def get_lr(self) -> list[float]:
        part = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (first - self.eta_min) * part for first in self.base_lrs]


class OneCycleLR(LRScheduler):
    """Up from max_lr/div_factor to `max_lr`, then down to almost nothing, along cosines.

    Momentum (β₁ for Adam) goes the opposite way. (Smith & Topin 2018, "Super-convergence")
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85, max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        total = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
        if not isinstance(total, int) or total < 1:
            raise ValueError("total_steps, or epochs and steps_per_epoch, must be at least 1")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start must be a fraction from 0 to 1; got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be 'cos' or 'linear'; got {anneal_strategy}")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError("cycle_momentum needs an optimiser with momentum or betas")
        self.total_steps, self.cycle_momentum, self.cosine = total, cycle_momentum, anneal_strategy == "cos"
        ends = [pct_start * total - 1, 2 * pct_start * total - 2, total - 1]
        rates, momenta = ["initial_lr", "max_lr"], ["max_momentum", "base_momentum"]

