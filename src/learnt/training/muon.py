"""Two optimisers as one: Muon for the matrices between layers, AdamW for everything else.

(Jordan et al. 2024: tables of tokens, the head and all that is no matrix do better with AdamW)
"""

from collections.abc import Callable
from typing import Any

from learnt.engine import optim
from learnt.engine.op import Array
from learnt.engine.threads import share

RULES: dict[str, Any] = {"muon": optim.Muon, "adamw": optim.AdamW}


class MuonAdamW(
    optim.Optimizer, lr=1e-3, weight_decay=0.0, rule="adamw", betas=(0.9, 0.95), amsgrad=False,
    momentum=0.95, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), ns_steps=5, eps=1e-8,
    adjust_lr_fn=None,
):  # fmt: skip
    """Each group of parameters by the `rule` it names: muon or adamw; weight decay decoupled."""

    decoupled = True

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient, shared out to the threads."""
        loss = None if closure is None else closure()
        work = [
            (p, {**group, "lr": float(group["lr"])})
            for group in self.param_groups
            for p in group["params"]
            if p.grad is not None
        ]
        work.sort(key=lambda piece: -piece[0].array.size)
        share(lambda _, p, options: self.change(p, options), work, lambda: None)
        return loss

    def update(self, p: Array, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the group's rule."""
        RULES[group["rule"]].update(self, p, grad, state, group)
