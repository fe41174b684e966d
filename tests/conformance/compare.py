"""One line an operation: the same expression, by the engine and by PyTorch, must agree.

`agree(f, *inputs)` calls `f(torch, F, *tensors)` twice, once with PyTorch and once with the
engine, compares the results, then the gradients of every float input, then (unless the
operation belongs to training) the exported ONNX graph in ONNX Runtime, at two batch sizes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx as onnx_library
import onnxruntime
import torch  # noqa: TID251 - the reference

from learnt import engine
from learnt.engine import nn

Expression = Callable[..., Any]


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal float32 numbers, the same every time."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def agree(
    f: Expression, *inputs: np.ndarray, onnx: bool = True, grad: bool = True, tol: float = 1e-5
) -> None:
    """The engine's result, gradients and ONNX twin are PyTorch's."""
    theirs = [torch.from_numpy(x.copy()).requires_grad_(_float(x) and grad) for x in inputs]
    ours = [engine.Tensor(x.copy(), requires_grad=_float(x) and grad) for x in inputs]
    expected = f(torch, torch.nn.functional, *theirs)
    result = f(engine, nn.functional, *ours)
    assert result.shape == tuple(expected.shape)
    assert str(result.dtype) == str(expected.dtype).removeprefix("torch.")
    close(result.array, expected.detach().numpy(), tol)
    if grad:
        weights = draw(*expected.shape, seed=1)
        expected.backward(torch.from_numpy(weights))
        result.backward(engine.Tensor(weights))
        for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            if their.requires_grad:
                assert our.grad is not None, f"input {number} has no gradient"
                close(our.grad.array, their.grad.numpy(), tol)
    if onnx:
        exports(f, *inputs, tol=tol)


def exports(f: Expression, first: np.ndarray, *others: np.ndarray, tol: float = 1e-5) -> None:
    """The graph exported at one batch size gives the engine's answers at this one and another."""

    class Module(nn.Module):
        def forward(self, x: engine.Tensor) -> Any:
            return f(engine, nn.functional, x, *[engine.Tensor(o) for o in others])

    model = engine.onnx.export(Module(), engine.Tensor(first))
    onnx_library.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for x in (first, np.concatenate([first, first[::-1]])):
        (got,) = session.run(None, {"input": x})
        close(got, Module()(engine.Tensor(x)).array, tol)


def close(got: np.ndarray, expected: np.ndarray, tol: float) -> None:
    """Equal within `tol`, relative to the largest expected number."""
    scale = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(got, expected, rtol=tol * 10, atol=tol * scale)


def _float(x: np.ndarray) -> bool:
    return x.dtype.kind == "f"
