"""Stochastic gradient descent: a step against the gradient of a few examples, again and again."""

from typing import Any

import numpy as np

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, Params, Rate, State, options


class SGD(Optimizer):
    """v ← μ·v + (1 − τ)·g, from v = g;  p ← p − lr·v  (Nesterov: p ← p − lr·(g + μ·v)).

    (Robbins & Monro 1951; momentum: Polyak 1964; Sutskever et al. 2013)

    >>> from learnt.engine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    """

    def __init__(
        self, params: Params, lr: Rate = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, options(locals()))

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if momentum:
            v = state.get("momentum_buffer")
            if v is None:
                v = state["momentum_buffer"] = np.array(grad)
            else:
                v *= momentum
                v += grad if not group["dampening"] else (1 - group["dampening"]) * grad
            grad = grad + momentum * v if group["nesterov"] else v
        p -= group["lr"] * grad
