"""Adam and its relatives: each number has its own step size, from the gradients it has seen."""

import math
from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Flag, Optimizer, Params, Rate, State, options


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  p ← p − lr·m̂/(√v̂ + ε).

    m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) make up for the start at 0; `amsgrad` takes the largest
    v so far.  (Kingma & Ba 2015, in the order that ends its section 2; Reddi et al. 2018)
    """

    def __init__(
        self, params: Params, lr: Rate = 1e-3, betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *,
        foreach: Flag = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: Flag = None, decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        m, v, t, work = moments(p, grad, state, group["betas"])
        (beta1, beta2), root = group["betas"], math.sqrt(1 - group["betas"][1] ** t)
        if group["amsgrad"]:
            if t == 1:
                state["max_exp_avg_sq"] = np.zeros_like(p)
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        np.sqrt(v, out=work)
        work += group["eps"] * root
        np.divide(m, work, out=work)
        work *= group["lr"] * root / (1 - beta1**t)
        p -= work


class AdamW(Adam):
    """Adam with its weight decay apart from the gradient.  (Loshchilov & Hutter 2019)"""

    decoupled = True

    def __init__(
        self, params: Params, lr: Rate = 1e-3, betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
        maximize: bool = False, foreach: Flag = None, capturable: bool = False,
        differentiable: bool = False, fused: Flag = None,
    ) -> None:  # fmt: skip
        super().__init__(params, **options(locals()), decoupled_weight_decay=True)


class NAdam(Optimizer):
    """p ← p − lr·(μ'·m/(1 − Πμ·μ') + (1 − μ)·g/(1 − Πμ))/(√v̂ + ε): Adam, a step ahead.

    μ = β₁(1 − 0.96^(tψ)/2) for step t, μ' that of step t + 1, Πμ the product so far;
    ψ is `momentum_decay`.  (Dozat 2016)
    """

    def __init__(
        self, params: Params, lr: Rate = 2e-3, betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, *, foreach: Flag = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        m, v, t, work = moments(p, grad, state, group["betas"])
        (beta1, beta2), decay = group["betas"], group["momentum_decay"]
        mu, ahead = [beta1 * (1 - 0.5 * 0.96 ** (i * decay)) for i in (t, t + 1)]
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        scale = np.sqrt(v / (1 - beta2**t)) + group["eps"]
        np.multiply(m, ahead / (1 - product * ahead), out=work)
        work += (1 - mu) / (1 - product) * grad
        p -= group["lr"] * work / scale


class RAdam(Optimizer):
    """p ← p − lr·r·m̂/(√v̂ + ε), as Adam, once there are steps enough to trust v; before, −lr·m̂.

    ρ∞ = 2/(1 − β₂) − 1;  ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ), enough above 5;
    r² = (ρ − 4)(ρ − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρ).  (Liu et al. 2020, algorithm 2)
    """

    def __init__(
        self, params: Params, lr: Rate = 1e-3, betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False, *,
        foreach: Flag = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        m, v, t, work = moments(p, grad, state, group["betas"])
        beta1, beta2 = group["betas"]
        last, unbias = 2 / (1 - beta2) - 1, 1 - beta2**t
        rho = last - 2 * t * beta2**t / unbias
        np.multiply(m, group["lr"] / (1 - beta1**t), out=work)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho))
            work *= r * math.sqrt(unbias) / (np.sqrt(v) + group["eps"])
        p -= work


def moments(
    p: Array, grad: Array, state: State, betas: tuple[float, float]
) -> tuple[Array, Array, int, Array]:
    """One more step of m and v, from 0, in place; m, v, the steps so far, and room to work in."""
    if not state:
        state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
    state["step"] += 1
    m, v, work = state["exp_avg"], state["exp_avg_sq"], np.empty_like(p)
    m *= betas[0]
    m += np.multiply(grad, 1 - betas[0], out=work)
    v *= betas[1]
    np.multiply(grad, grad, out=work)
    work *= 1 - betas[1]
    v += work
    return m, v, state["step"], work
