"""Learning rates that change with the steps: `scheduler.step()` after each `optimizer.step()`.

Most are a factor of the first rate by the step t, and each step multiplies the rate by factor(t)
over factor(t − 1), so that several schedules on one optimiser multiply, as PyTorch's do.
"""

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, ClassVar

from learnt.engine.optim.optimizer import Optimizer, need, number

UNSAVED = ("optimizer", "lr_lambdas", "_schedulers")


class LRScheduler:
    """Writes the `lr` of each group at each step; a subclass says which, in `get_lr`."""

    _is_initial = False
    _schedulers: list[Any] = []  # noqa: RUF012 - within a SequentialLR

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a schedule needs an optimiser; got {type(optimizer).__name__}")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        for group in optimizer.param_groups if last_epoch == -1 else ():
            group.setdefault("initial_lr", number(group["lr"]))
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def step(self, epoch: Any = None) -> None:
        """Go on to the next rates, or to those of `epoch`."""
        self._step_count += 1
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rates = self.get_lr() if epoch is None else self._get_closed_form_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    def _rates(self) -> list[float]:
        return [number(group["lr"]) for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """The rates of step `last_epoch`, from those of the step before."""
        raise NotImplementedError

    def _get_closed_form_lr(self) -> list[float]:
        return self.get_lr()  # the same, where get_lr does not ask for the step before

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, and its options, but for functions."""
        state = {key: value for key, value in vars(self).items() if key not in UNSAVED}
        within = [schedule.state_dict() for schedule in self._schedulers]
        return state | ({"_schedulers": within} if within else {})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; the rates themselves are in the optimiser's state."""
        for schedule, state in zip(
            self._schedulers, state_dict.get("_schedulers", ()), strict=True
        ):
            schedule.load_state_dict(state)
        vars(self).update({k: v for k, v in state_dict.items() if k not in UNSAVED})


class FactorLR(LRScheduler):
    """lr = eta_min + (lr₀ − eta_min)·rule(t, options): the schedules of the table below."""

    __signature__: ClassVar[inspect.Signature]
    rule: ClassVar[Callable[..., float]]
    kind: ClassVar[str]  # begun late it "holds" the rate or "steps"; "alone": never multiplies
    eta_min = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            right = "factor" not in name or (0 <= value <= 1 and (value or name != "start_factor"))
            need(right, f"{name} must be from 0 to 1, and not start at 0; got {value}")
            setattr(self, name, list(value) if name == "milestones" else value)
        super().__init__(self.optimizer, self.last_epoch)

    def _at(self, t: int) -> float:
        _, *options, _ = self.__signature__.parameters
        return self.rule(t, *[getattr(self, name) for name in options])

    def get_lr(self) -> list[float]:
        t, low, rates = self.last_epoch, self.eta_min, self._rates()
        before, now = self._at(t - 1) if t else 1.0, self._at(t)
        if self.kind == "alone":
            return self._get_closed_form_lr()
        if now == before or (t and self._is_initial and self.kind == "holds"):
            return rates
        if before == 0:  # a cosine rises again
            return [r + (first - low) * now for r, first in zip(rates, self.base_lrs, strict=True)]
        return [low + (rate - low) * (now / before) for rate in rates]

    def _get_closed_form_lr(self) -> list[float]:
        factor, low = self._at(self.last_epoch), self.eta_min
        return [low + (first - low) * factor for first in self.base_lrs]


def _by(name: str, kind: str, rule: Callable[..., float]) -> type[FactorLR]:
    """The class of a schedule; its options are the arguments of `rule` after the step."""
    t, *options = inspect.signature(rule).parameters.values()
    options = [t.replace(name="optimizer"), *options, t.replace(name="last_epoch", default=-1)]
    signature = inspect.Signature(options)
    members = {"rule": staticmethod(rule), "kind": kind, "__signature__": signature}
    return type(name, (FactorLR,), members)


def _restarts(t: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> float:  # noqa: N803
    need(T_0 >= 1 <= T_mult, f"T_0 and T_mult must be 1 or more; got {T_0} and {T_mult}")
    t = t % T_0 if T_mult == 1 else t
    while t >= T_0:
        t, T_0 = t - T_0, T_0 * T_mult
    return (1 + math.cos(math.pi * t / T_0)) / 2


StepLR = _by("StepLR", "steps", lambda t, step_size, gamma=0.1: gamma ** (t // step_size))
MultiStepLR = _by("MultiStepLR", "steps", lambda t, milestones, gamma=0.1:
    gamma ** bisect_right(sorted(milestones), t)
)  # fmt: skip
ConstantLR = _by("ConstantLR", "steps", lambda t, factor=1 / 3, total_iters=5:
    factor if t < total_iters else 1.0
)  # fmt: skip
LinearLR = _by("LinearLR", "holds", lambda t, start_factor=1 / 3, end_factor=1.0, total_iters=5:
    start_factor + (end_factor - start_factor) * min(t / max(total_iters, 1), 1)
)  # fmt: skip
ExponentialLR = _by("ExponentialLR", "holds", lambda t, gamma: gamma**t)
PolynomialLR = _by("PolynomialLR", "holds", lambda t, total_iters=5, power=1.0:
    max(1 - t / total_iters, 0) ** power
)  # fmt: skip
CosineAnnealingLR = _by("CosineAnnealingLR", "holds", lambda t, T_max, eta_min=0.0:  # noqa: N803
    (1 + math.cos(math.pi * t / T_max)) / 2  # Loshchilov & Hutter 2017; with restarts:
)  # fmt: skip
CosineAnnealingWarmRestarts = _by("CosineAnnealingWarmRestarts", "alone", _restarts)


class LambdaLR(LRScheduler):
    """lr = lr₀·f(t); `lr_lambda` is f, or a list of one a group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        self.lr_lambdas = _each("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        both = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [first * factor(self.last_epoch) for first, factor in both]


class OneCycleLR(LRScheduler):
    """Up from max_lr/div_factor to `max_lr`, then down to almost nothing, along cosines.

    Momentum (β₁ for Adam) goes the opposite way.  (Smith & Topin 2018, "Super-convergence")
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
        whole = isinstance(total, int) and total > 0
        need(whole, "total_steps, or epochs and steps_per_epoch, must be 1 or more")
        fraction = isinstance(pct_start, float) and 0 <= pct_start <= 1
        need(fraction, f"pct_start must be a fraction from 0.0 to 1.0; got {pct_start}")
        need(anneal_strategy in ("cos", "linear"), "anneal_strategy must be 'cos' or 'linear'")
        moves = not cycle_momentum or {"momentum", "betas"} & optimizer.defaults.keys()
        need(moves, "cycle_momentum needs an optimiser with momentum or betas")
        self.total_steps, self.cosine = total, anneal_strategy == "cos"
        up = (
            pct_start * total - 1
        )  # phases: until which step, lr/initial_lr there, momentum at base?
        self.phases = [(0.0, 1.0, 0), (up, div_factor, 1), (total - 1.0, 1 / final_div_factor, 0)]
        if three_phase:
            self.phases.insert(2, (2 * up, 1.0, 0))
        highest, base = (_each("momentum", m, optimizer) for m in (max_momentum, base_momentum))
        self.momenta = list(zip(highest, base, strict=True)) if cycle_momentum else []
        rates = _each("max_lr", max_lr, optimizer) if last_epoch == -1 else []
        for group, rate in zip(optimizer.param_groups, rates, strict=False):
            group["initial_lr"] = rate / div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        over = f"the cycle is over: step {t} of {self.total_steps} total steps"
        need(t <= self.total_steps, over)
        later = [i for i, phase in enumerate(self.phases) if i and t <= phase[0]]
        at = later[0] if later else len(self.phases) - 1
        (start, a, low), (end, b, high) = self.phases[at - 1 : at + 1]
        part = (t - start) / (end - start) if end > start else 1.0
        part = (1 - math.cos(math.pi * part)) / 2 if self.cosine else part
        for group, (highest, base) in zip(self.optimizer.param_groups, self.momenta, strict=False):
            momentum = highest + (base - highest) * (low + (high - low) * part)
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum
        return [first * (a + (b - a) * part) for first in self.base_lrs]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there, with its rates and momenta."""
        super().load_state_dict(state_dict)
        self.step(self.last_epoch)


class ReduceLROnPlateau(LRScheduler):
    """lr ← factor·lr once a metric has not got better for more than `patience` steps."""

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float | list[float] = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        need(factor < 1, f"factor must be below 1; got {factor}")
        known = mode in ("min", "max") and threshold_mode in ("rel", "abs")
        need(known, f"mode must be min or max: {mode}; threshold_mode rel or abs: {threshold_mode}")
        self.optimizer, self.factor, self.patience, self.eps = optimizer, factor, patience, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.min_lrs, self.cooldown = _each("min_lr", min_lr, optimizer), cooldown
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0
        self._last_lr = self._rates()

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of a metric: a number, or a tensor of one."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        current, sign = float(metrics), 1 if self.mode == "min" else -1
        margin = sign * self.threshold
        limit = self.best * (1 - margin) if self.threshold_mode == "rel" else self.best - margin
        if sign * current < sign * limit:
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(number(group["lr"]) * self.factor, least)
                group["lr"] = lr if group["lr"] - lr > self.eps else group["lr"]
        self._last_lr = self._rates()


class SequentialLR(LRScheduler):
    """One schedule after the other: at each of `milestones` the next one begins."""

    def __init__(
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int],
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        need(
            len(schedulers) == len(milestones) + 1,
            "there must be one schedule more than milestones",
        )
        for schedule in schedulers:
            fits = schedule.optimizer is optimizer and not isinstance(schedule, ReduceLROnPlateau)
            need(fits, "schedules in a row need one optimiser, and no ReduceLROnPlateau")
            schedule.last_epoch -= 1  # undo the step that each has taken on its own
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self.optimizer, self._schedulers, self._milestones = optimizer, schedulers, milestones
        self.last_epoch = last_epoch + 1
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self, epoch: None = None) -> None:
        """Go on to the next rates."""
        self.last_epoch += 1
        at = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[at]
        if at and self._milestones[at - 1] == self.last_epoch:
            schedule.step(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


def _each(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value a group."""
    groups = len(optimizer.param_groups)
    listed = list(value) if isinstance(value, list | tuple) else [value] * groups
    need(len(listed) == groups, f"{name} must have {groups} values, one a group")
    return listed
