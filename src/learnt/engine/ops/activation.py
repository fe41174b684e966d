"""Activations: the functions between the linear layers, without which all layers were one.

Each is fused by hand where its composition of simpler operations would make temporaries.
"""

import numpy as np

from learnt.engine import random
from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op


class ReLU(Op):
    """z = max(x, 0); the gradient passes where x > 0.  (Nair & Hinton 2010)"""

    def forward(self, x: Array) -> Array:
        self.z = np.maximum(x, 0)
        return self.z

    def backward(self, grad: Array) -> Grads:
        return (grad * (self.z > 0),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Relu", x)


class HardTanh(Op):
    """z = min(max(x, low), high); the gradient passes strictly between them.

    `relu6` is this from 0 to 6 (Howard et al. 2017): bounded, so it survives int8 well.
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.clip(x, self.low, self.high)

    def backward(self, grad: Array) -> Grads:
        return (grad * ((self.x > self.low) & (self.x < self.high)),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        low, high = graph.constant(self.low, "float32"), graph.constant(self.high, "float32")
        return graph.add("Clip", x, low, high)


class Softmax(Op):
    """zᵢ = eˣⁱ / Σⱼ eˣʲ; ∂L/∂x = z·(g − Σ g·z).  Less the maximum first: e^x cannot overflow."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        self.z: Array = np.exp(x - np.maximum.reduce(x, axis=self.dim, keepdims=True))
        self.z /= np.add.reduce(self.z, axis=self.dim, keepdims=True)
        return self.z

    def backward(self, grad: Array) -> Grads:
        inner = np.add.reduce(grad * self.z, axis=self.dim, keepdims=True)
        return (self.z * (grad - inner),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Softmax", x, axis=self.dim)


class LogSoftmax(Op):
    """z = x − log Σ eˣ; ∂L/∂x = g − softmax(x)·Σ g."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        z = x - np.maximum.reduce(x, axis=self.dim, keepdims=True)
        z -= np.log(np.add.reduce(np.exp(z), axis=self.dim, keepdims=True))
        self.z: Array = z
        return self.z

    def backward(self, grad: Array) -> Grads:
        return (grad - np.exp(self.z) * np.add.reduce(grad, axis=self.dim, keepdims=True),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("LogSoftmax", x, axis=self.dim)


class Dropout(Op):
    """z = x·m/(1 − p), m = 0 with probability p; same m backwards.  (Srivastava et al. 2014)

    The mask comes from outside, so the randomness is the caller's; its shape broadcasts.
    """

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def forward(self, x: Array) -> Array:
        return np.multiply(x, self.mask)

    def backward(self, grad: Array) -> Grads:
        return (grad * self.mask,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        raise NotImplementedError("dropout belongs to training: call model.eval() before export")


def relu(input: Tensor) -> Tensor:
    """max(x, 0)."""
    return apply(ReLU(), input)


def relu6(input: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return apply(HardTanh(0.0, 6.0), input)


def softmax(input: Tensor, dim: int) -> Tensor:
    """eˣ over its sum along `dim`: probabilities."""
    return apply(Softmax(dim), input)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """log softmax along `dim`, without overflow."""
    return apply(LogSoftmax(dim), input)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """In training, each element 0 with probability `p`, the others divided by 1 − p."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability must be between 0 and 1; got {p}")
    if not training or p == 0:
        return input
    kept = random.uniform(0, 1, input.shape) >= p
    scale = np.float32(1 / (1 - p)) if p < 1 else np.float32(0)
    return apply(Dropout(kept * scale), input)
