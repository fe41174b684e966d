"""Step sizes from the squares of the gradients: Adagrad, and what came between it and Adam."""

from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Flag, Optimizer, Params, Rate, State, options


class Adagrad(Optimizer):
    """s ← s + g²;  p ← p − lr/(1 + (t − 1)·`lr_decay`)·g/(√s + ε).  (Duchi et al. 2011)"""

    def __init__(
        self, params: Params, lr: Rate = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: Flag = None, *,
        maximize: bool = False, differentiable: bool = False, fused: Flag = None,
    ) -> None:  # fmt: skip
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        if not state:
            start = self.defaults["initial_accumulator_value"]
            state.update(step=0, sum=np.full_like(p, start))
        state["step"] += 1
        state["sum"] += grad * grad
        lr = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        p -= lr * grad / (np.sqrt(state["sum"]) + group["eps"])


class RMSprop(Optimizer):
    """v ← αv + (1 − α)g²;  b ← μb + g/(√v + ε);  p ← p − lr·b.  (Tieleman & Hinton 2012)

    `centered` takes v − ḡ², the variance, for v, with ḡ ← αḡ + (1 − α)g.  (Graves 2013)
    """

    def __init__(
        self, params: Params, lr: Rate = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False,
        capturable: bool = False, foreach: Flag = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        if not state:
            names = {"square_avg": True, "momentum_buffer": group["momentum"] > 0}
            names["grad_avg"] = group["centered"]
            state.update({k: np.zeros_like(p) for k, wanted in names.items() if wanted}, step=0)
        state["step"] += 1
        v = state["square_avg"]
        average(v, group["alpha"], grad * grad)
        if group["centered"]:
            average(state["grad_avg"], group["alpha"], grad)
            v = v - state["grad_avg"] ** 2
        with np.errstate(invalid="ignore"):  # rounding may leave a variance just below 0
            step = grad / (np.sqrt(v) + group["eps"])
        if group["momentum"] > 0:
            state["momentum_buffer"] *= group["momentum"]
            state["momentum_buffer"] += step
            step = state["momentum_buffer"]
        p -= group["lr"] * step


class Adadelta(Optimizer):
    """v ← ρv + (1 − ρ)g²;  d = √(u + ε)/√(v + ε)·g;  u ← ρu + (1 − ρ)d²;  p ← p − lr·d.

    (Zeiler 2012, algorithm 1: a step has the units of the parameter)
    """

    def __init__(
        self, params: Params, lr: Rate = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0, foreach: Flag = None, *, capturable: bool = False,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, square_avg=np.zeros_like(p), acc_delta=np.zeros_like(p))
        state["step"] += 1
        v, u, rho, eps = state["square_avg"], state["acc_delta"], group["rho"], group["eps"]
        average(v, rho, grad * grad)
        delta = np.sqrt(u + eps) / np.sqrt(v + eps) * grad
        average(u, rho, delta * delta)
        p -= group["lr"] * delta


def average(mean: Array, beta: float, value: Array) -> None:
    """mean ← β·mean + (1 − β)·value, in place."""
    mean *= beta
    mean += (1 - beta) * value
