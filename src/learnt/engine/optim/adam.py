"""Adam, what led to it and what followed: a step size for each number, from its own gradients."""

import math
from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, State


class Adagrad(
    Optimizer, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
    foreach=None, maximize=False, differentiable=False, fused=None,
):  # fmt: skip
    """s ← s + g²;  p ← p − lr/(1 + (t − 1)·`lr_decay`)·g/(√s + ε).  (Duchi et al. 2011)"""

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        if not state:
            start = self.defaults["initial_accumulator_value"]
            state.update(step=0, sum=np.full_like(p, start))
        state["step"] += 1
        state["sum"] += grad * grad
        lr = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        p -= lr * grad / (np.sqrt(state["sum"]) + group["eps"])


class RMSprop(
    Optimizer, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
    capturable=False, foreach=None, maximize=False, differentiable=False,
):  # fmt: skip
    """v ← αv + (1 − α)g²;  b ← μb + g/(√v + ε);  p ← p − lr·b.  (Tieleman & Hinton 2012)

    `centered` takes v − ḡ², the variance, for v, with ḡ ← αḡ + (1 − α)g.  (Graves 2013)
    """

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        alpha, momentum = group["alpha"], group["momentum"]
        if not state:
            names = ["square_avg"] + ["momentum_buffer"] * (momentum > 0)
            names += ["grad_avg"] * group["centered"]
            state.update({name: np.zeros_like(p) for name in names}, step=0)
        state["step"] += 1
        v = average(state["square_avg"], alpha, grad * grad)
        if group["centered"]:
            v = v - average(state["grad_avg"], alpha, grad) ** 2
        with np.errstate(invalid="ignore"):  # rounding may leave a variance just below 0
            step = grad / (np.sqrt(v) + group["eps"])
        if momentum > 0:
            buffer = state["momentum_buffer"]
            buffer *= momentum
            buffer += step
            step = buffer
        p -= group["lr"] * step


class Adadelta(
    Optimizer, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, capturable=False,
    maximize=False, differentiable=False,
):  # fmt: skip
    """v ← ρv + (1 − ρ)g²;  d = √(u + ε)/√(v + ε)·g;  u ← ρu + (1 − ρ)d²;  p ← p − lr·d.

    (Zeiler 2012, algorithm 1: a step has the units of the parameter)
    """

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        if not state:
            state.update(step=0, square_avg=np.zeros_like(p), acc_delta=np.zeros_like(p))
        state["step"] += 1
        v = average(state["square_avg"], group["rho"], grad * grad)
        d = np.sqrt(state["acc_delta"] + group["eps"]) / np.sqrt(v + group["eps"]) * grad
        average(state["acc_delta"], group["rho"], d * d)
        p -= group["lr"] * d


class Adam(
    Optimizer, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, foreach=None,
    maximize=False, capturable=False, differentiable=False, fused=None,
    decoupled_weight_decay=False,
):  # fmt: skip
    """m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  p ← p − lr·m̂/(√v̂ + ε).

    m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) make up for the start at 0; `amsgrad` takes the largest
    v so far.  (Kingma & Ba 2015, in the order that ends its section 2; Reddi et al. 2018)
    """

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        (beta1, beta2), (m, v, t, work) = group["betas"], moments(p, grad, state, group)
        if group["amsgrad"]:
            if t == 1:
                state["max_exp_avg_sq"] = np.zeros_like(p)
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        root = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=work)
        work += group["eps"] * root
        np.divide(m, work, out=work)
        work *= group["lr"] * root / (1 - beta1**t)
        p -= work


class AdamW(Adam, weight_decay=1e-2, decoupled_weight_decay=True):
    """Adam with its weight decay apart from the gradient.  (Loshchilov & Hutter 2019)"""

    fixed, decoupled = ("decoupled_weight_decay",), True


class NAdam(
    Optimizer, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
    decoupled_weight_decay=False, foreach=None, maximize=False, capturable=False,
    differentiable=False,
):  # fmt: skip
    """p ← p − lr·(μ'·m/(1 − Πμ·μ') + (1 − μ)·g/(1 − Πμ))/(√v̂ + ε): Adam, a step ahead.

    μ = β₁(1 − 0.96^(tψ)/2) for step t, μ' that of step t + 1, Πμ the product so far;
    ψ is `momentum_decay`.  (Dozat 2016)
    """

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        (beta1, beta2), (m, v, t, work) = group["betas"], moments(p, grad, state, group)
        mu, ahead = (beta1 * (1 - 0.96 ** (i * group["momentum_decay"]) / 2) for i in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        np.multiply(m, ahead / (1 - product * ahead), out=work)
        work += (1 - mu) / (1 - product) * grad
        p -= group["lr"] * work / (np.sqrt(v / (1 - beta2**t)) + group["eps"])


class RAdam(
    Optimizer, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
    decoupled_weight_decay=False, foreach=None, maximize=False, capturable=False,
    differentiable=False,
):  # fmt: skip
    """p ← p − lr·r·m̂/(√v̂ + ε), as Adam, once there are steps enough to trust v; before, −lr·m̂.

    ρ∞ = 2/(1 − β₂) − 1;  ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ), enough above 5;
    r² = (ρ − 4)(ρ − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρ).  (Liu et al. 2020, algorithm 2)
    """

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        (beta1, beta2), (m, v, t, work) = group["betas"], moments(p, grad, state, group)
        last, unbias = 2 / (1 - beta2) - 1, 1 - beta2**t
        rho = last - 2 * t * beta2**t / unbias
        np.multiply(m, group["lr"] / (1 - beta1**t), out=work)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho))
            work *= r * math.sqrt(unbias) / (np.sqrt(v) + group["eps"])
        p -= work


def average(mean: Array, beta: float, value: Array) -> Array:
    """mean ← β·mean + (1 − β)·value, in place."""
    mean *= beta
    mean += (1 - beta) * value
    return mean


def moments(
    p: Array, grad: Array, state: State, group: dict[str, Any]
) -> tuple[Array, Array, int, Array]:
    """One more step of m and v, from 0, in place; m, v, the steps so far, and room to work in."""
    beta1, beta2 = group["betas"]
    if not state:
        state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
    state["step"] += 1
    m, v, work = state["exp_avg"], state["exp_avg_sq"], np.empty_like(p)
    m *= beta1
    m += np.multiply(grad, 1 - beta1, out=work)
    v *= beta2
    np.multiply(grad, grad, out=work)
    work *= 1 - beta2
    v += work
    return m, v, state["step"], work
