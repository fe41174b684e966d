"""Muon: momentum, made orthogonal: every direction of a matrix takes a step of the same size."""

import math
from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, State


class Muon(
    Optimizer, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
    ns_coefficients=(3.4445, -4.775, 2.0315), eps=1e-7, ns_steps=5, adjust_lr_fn=None,
):  # fmt: skip
    """b ← μb + (1 − μ)g;  p ← p − lr·c·orthogonal(b), for matrices p (A, B), decay decoupled.

    With `nesterov`, (1 − μ)g + μb stands for b; c = √max(1, A/B), or 0.2·√max(A, B) with
    `adjust_lr_fn="match_rms_adamw"`.  (Jordan et al. 2024; Liu et al. 2025)
    """

    decoupled = True

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """One more group, of matrices only."""
        super().add_param_group(param_group)
        if wrong := [p.shape for p in param_group["params"] if p.array.ndim != 2]:
            raise ValueError(f"Muon only supports 2D parameters; got shape {wrong[0]}")
        if param_group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"adjust_lr_fn {param_group['adjust_lr_fn']!r} is not supported")

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        mu, (rows, columns) = group["momentum"], p.shape
        if not state:
            state["momentum_buffer"] = np.zeros_like(p)
        b = state["momentum_buffer"]
        b *= mu
        b += (1 - mu) * grad
        step = orthogonal((1 - mu) * grad + mu * b if group["nesterov"] else b, group)
        large = group["adjust_lr_fn"] == "match_rms_adamw"
        c = 0.2 * math.sqrt(max(rows, columns)) if large else math.sqrt(max(1, rows / columns))
        p -= group["lr"] * c * step


def orthogonal(x: Array, group: dict[str, Any]) -> Array:
    """Nearly U·Vᵀ of x = U·S·Vᵀ, by X ← aX + (bG + cG²)X with G = XXᵀ, a few times.

    (Newton and Schulz, with the coefficients of a quintic; float32, where PyTorch has bfloat16)
    """
    if group["ns_steps"] >= 100:
        raise ValueError("ns_steps must be less than 100")
    a, b, c = group["ns_coefficients"]
    y: Array = x.T if len(x) > x.shape[1] else x  # the smaller of both products
    y = y / max(float(np.linalg.norm(y)), group["eps"])
    for _ in range(group["ns_steps"]):
        gram = y @ y.T
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    return y.T if len(x) > x.shape[1] else y
