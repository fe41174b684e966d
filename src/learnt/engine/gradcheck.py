"""Numerical gradients: the slope measured, to check the slope derived.

(f(x + h) − f(x − h)) / 2h for every number of every input, in float64: slow, and impossible to
get wrong, so it is what a hand-written `backward` is checked with.
"""

from collections.abc import Callable

import numpy as np

from learnt.engine.autograd import no_grad
from learnt.engine.tensor import Tensor


def gradcheck(
    func: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """True if the gradients of `func` agree with central differences; else a RuntimeError.

    Inputs that require a gradient must be float64. A result of several numbers is weighed by
    fixed random numbers, so that errors cannot cancel.

    >>> import learnt.engine as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.gradcheck(lambda x: x.log() * x, (x,))
    True
    """
    result = func(*inputs)
    weights = Tensor(np.random.default_rng(0).standard_normal(result.shape))
    for x in inputs:
        x.grad = None
    (result * weights).sum().backward()
    for number, x in enumerate(inputs):
        if not x.requires_grad:
            continue
        if x.dtype != np.float64:
            raise ValueError(f"gradcheck needs float64 inputs; input {number} is {x.dtype}")
        derived = np.zeros(x.shape) if x.grad is None else x.grad.array
        measured = _slopes(lambda: float((func(*inputs) * weights).sum().item()), x, eps)
        if not np.allclose(derived, measured, rtol=rtol, atol=atol):
            raise RuntimeError(
                f"the gradient of input {number} must be what central differences measure:\n"
                f"measured {measured}\nderived  {derived}"
            )
    return True


def _slopes(loss: Callable[[], float], x: Tensor, eps: float) -> np.ndarray:
    slopes = np.zeros(x.shape)
    with no_grad():
        for at in np.ndindex(x.shape):
            kept = x.array[at]
            x.array[at] = kept + eps
            above = loss()
            x.array[at] = kept - eps
            slopes[at] = (above - loss()) / (2 * eps)
            x.array[at] = kept
    return slopes
