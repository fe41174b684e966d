"""How a gradient is found: what is recorded, and how it is walked backwards.

Read `variable.py` (what a tensor remembers), `backward.py` (the chain rule), and then `inplace.py`.
"""

from typing import TYPE_CHECKING

from learnt.engine.autograd.backward import backward, grad, node_of, topological_order
from learnt.engine.autograd.changes import note_change
from learnt.engine.autograd.function import Function
from learnt.engine.autograd.inplace import in_place
from learnt.engine.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    mode,
    no_grad,
    set_grad_enabled,
    trace,
)
from learnt.engine.autograd.variable import (
    Constant,
    Tensor,
    apply,
    check_fractions,
    wrap,
)
from learnt.engine.missing import missing


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:  # noqa: N802 - PyTorch's name
    """What tensors with gradients were called once: the tensor itself."""
    return data.requires_grad_() if requires_grad else data


if not TYPE_CHECKING:
    __getattr__ = missing("torch.autograd")

__all__ = [
    "Constant",
    "Function",
    "Tensor",
    "Variable",
    "apply",
    "backward",
    "check_fractions",
    "enable_grad",
    "grad",
    "in_place",
    "inference_mode",
    "is_grad_enabled",
    "mode",
    "no_grad",
    "node_of",
    "note_change",
    "set_grad_enabled",
    "topological_order",
    "trace",
    "wrap",
]
