"""Muon: momentum, made orthogonal: every direction of a matrix takes a step of the same size."""

import math
from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, Params, Rate, State, options


class Muon(Optimizer):
    """b ← μb + (1 − μ)g;  p ← p − lr·λ·p − lr·c·orthogonal(b), for matrices p (A, B) only.

    With `nesterov`, (1 − μ)g + μb stands for b; c = √max(1, A/B), or 0.2·√max(A, B) with
    `adjust_lr_fn="match_rms_adamw"`.  (Jordan et al. 2024; Liu et al. 2025)
    """

    decoupled = True

    def __init__(
        self, params: Params, lr: Rate = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, options(locals()))
        if shapes := [tuple(p.shape) for p in self._params() if p.array.ndim != 2]:
            raise ValueError(f"Muon only supports 2D parameters; got shape {shapes[0]}")

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        mu, (rows, columns) = group["momentum"], p.shape
        if not state:
            state["momentum_buffer"] = np.zeros_like(p)
        b = state["momentum_buffer"]
        b *= mu
        b += (1 - mu) * grad
        step = orthogonal((1 - mu) * grad + mu * b if group["nesterov"] else b, group)
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        else:
            scale = math.sqrt(max(1, rows / columns))
        p -= group["lr"] * scale * step


def orthogonal(x: Array, group: dict[str, Any]) -> Array:
    """Nearly U·Vᵀ of x = U·S·Vᵀ, by X ← aX + (bG + cG²)X with G = XXᵀ, a few times.

    (Newton & Schulz, with a quintic's coefficients; in float32 where PyTorch takes bfloat16)
    """
    if group["ns_steps"] >= 100:
        raise ValueError("ns_steps must be less than 100")
    a, b, c = group["ns_coefficients"]
    y = x.T if len(x) > x.shape[1] else x  # the smaller side's products
    y = y / max(float(np.linalg.norm(y)), group["eps"])
    for _ in range(group["ns_steps"]):
        gram = y @ y.T
        y = a * y + (b * gram + c * gram @ gram) @ y
    return y.T if len(x) > x.shape[1] else y
