"""Stochastic gradient descent: a step against the gradient of a few examples, again and again."""

from typing import Any

from learnt.engine.op import Array
from learnt.engine.optim.optimizer import Optimizer, Params, State


class SGD(Optimizer):
    """g ← g + λ·p;  v ← μ·v + (1 − τ)·g;  p ← p − lr·v  (Nesterov: p ← p − lr·(g + μ·v)).

    (Robbins & Monro 1951; momentum: Polyak 1964; Sutskever et al. 2013)

    >>> from learnt.engine import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        if momentum:
            v = state.get("momentum_buffer")
            if v is None:
                v = state["momentum_buffer"] = grad.copy()
            else:
                v *= momentum
                v += grad if not group["dampening"] else (1 - group["dampening"]) * grad
            grad = grad + momentum * v if group["nesterov"] else v
        p -= group["lr"] * grad
