"""Adam: each number has its own step size, from the gradients it has seen."""

import math
from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, Params, State


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  p ← p − lr·m̂/(√v̂ + ε).

    m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) make up for the start at 0; `weight_decay` adds
    λ·p to the gradient.  (Kingma & Ba 2015, algorithm 1)
    """

    decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
        state["step"] += 1
        m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
        if decay and self.decoupled:
            p *= 1 - lr * decay
        elif decay:
            grad = grad + decay * p
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * grad * grad
        scale = np.sqrt(v)
        scale *= 1 / math.sqrt(1 - beta2**t)
        scale += group["eps"]
        np.divide(m, scale, out=scale)
        scale *= lr / (1 - beta1**t)
        p -= scale


class AdamW(Adam):
    """Adam with its weight decay apart from the gradient: p ← p − lr·λ·p first.

    (Loshchilov & Hutter 2019, algorithm 2)
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
