"""Two optimisers as one: Muon for the matrices between layers, AdamW for everything else.

(Jordan et al. 2024: tables of tokens, the head and all that is no matrix do better with AdamW)
"""

from typing import Any

from learnt.engine import optim
from learnt.engine.op import Array

RULES: dict[str, Any] = {"muon": optim.Muon, "adamw": optim.AdamW}


class MuonAdamW(
    optim.Optimizer, lr=1e-3, weight_decay=0.0, rule="adamw", betas=(0.9, 0.95), amsgrad=False,
    momentum=0.95, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), ns_steps=5, eps=1e-8,
    adjust_lr_fn=None,
):  # fmt: skip
    """Each group of parameters by the `rule` it names: muon or adamw; weight decay decoupled."""

    decoupled = True

    def update(self, p: Array, grad: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of the group's rule."""
        RULES[group["rule"]].update(self, p, grad, state, group)
