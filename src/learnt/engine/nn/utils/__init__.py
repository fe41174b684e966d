"""What is done to all parameters at once: gradients kept small, numbers laid out in one row."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from learnt.engine.autograd import note_change
from learnt.engine.nn.utils import rnn as rnn
from learnt.engine.op import SILENT
from learnt.engine.ops.shape import cat
from learnt.engine.tensor import Tensor

Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _grads(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, **_: Any
) -> Tensor:
    """The norm of all numbers of all tensors, as if they were one vector: (Σ|x|ᵖ)^(1/p)."""
    listed, p = _listed(tensors), float(norm_type)
    norms = [np.linalg.norm(t.array.ravel(order="K"), p) for t in listed]
    total = np.linalg.norm(norms, p) if norms else np.float32(0)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(f"the gradients' norm must be finite; got {total}")
    return Tensor(np.asarray(total, listed[0].array.dtype if listed else np.float32))


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, **_: Any
) -> None:
    """Scale the gradients by max_norm / total_norm where that is below 1."""
    scale = float(np.minimum(1.0, max_norm / (total_norm.item() + 1e-6)))
    for grad in _grads(parameters) if scale != 1 else ():
        with SILENT():
            grad.array *= scale
        note_change(grad.array)


def clip_grad_norm_(
    parameters: Tensors, max_norm: float, norm_type: float = 2.0,
    error_if_nonfinite: bool = False, **_: Any,
) -> Tensor:  # fmt: skip
    """Scale all gradients alike, so that their norm is at most `max_norm`; returns what it was.

    (Pascanu et al. 2013)
    """
    listed = _listed(parameters)
    total = get_total_norm(_grads(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, **_: Any) -> None:
    """Every number of the gradients at least −clip_value and at most clip_value."""
    for grad in _grads(parameters):
        np.clip(grad.array, -float(clip_value), float(clip_value), out=grad.array)
        note_change(grad.array)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers in one row; gradients pass."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Each parameter's numbers from its part of the row, whose memory it shares from now on."""
    start = 0
    for p in parameters:
        p.data = vec.detach()[start : start + p.numel()].reshape(p.array.shape)
        start += p.numel()
