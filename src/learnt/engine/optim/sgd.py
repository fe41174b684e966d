"""Stochastic gradient descent: a step against the gradient of a few examples, again and again."""

from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, State


class SGD(
    Optimizer, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False,
    foreach=None, differentiable=False, fused=None,
):  # fmt: skip
    """v ← μ·v + (1 − τ)·g, at first v = g;  p ← p − lr·v  (Nesterov: p ← p − lr·(g + μ·v)).

    (Robbins & Monro 1951; momentum: Polyak 1964; Sutskever et al. 2013)

    >>> from learnt.engine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    """

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        if not momentum:
            p -= lr * grad
            return
        v = state.get("momentum_buffer")
        if v is None:
            v = state["momentum_buffer"] = np.array(grad)
        else:
            v *= momentum
            v += grad if not group["dampening"] else (1 - group["dampening"]) * grad
        step = v * (momentum if group["nesterov"] else lr)
        if group["nesterov"]:
            step += grad
            step *= lr  # in place: one new array a step stays in memory, two do not (memory.py)
        p -= step
