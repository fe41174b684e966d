"""Arithmetic, element by element, with broadcasting: add, subtract, multiply, divide, powers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from learnt.engine.ops.op import Array, Grads, GraphBuilder, Op, unbroadcast

# onnx.proto3, TensorProto.DataType
ONNX_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9, "float64": 11}
SILENT = partial(np.errstate, all="ignore")  # 1/0 is ∞ and log −1 nan, unsaid, as in PyTorch
RANKS = {"b": 0, "i": 1, "u": 1, "f": 2}  # NumPy's kinds of numbers, from poor to rich


def result_type(a: Array, b: Array) -> np.dtype[Any]:
    """The type of a + b by PyTorch's rules, which are not NumPy's.

    Fractions win over whole numbers and those over bool, at their own size; within a kind, an
    array wins over a single number (of no dimensions), and else the larger type does.
    """
    rank_a, rank_b = RANKS[a.dtype.kind], RANKS[b.dtype.kind]
    if rank_a != rank_b:
        return a.dtype if rank_a > rank_b else b.dtype
    if (a.ndim == 0) != (b.ndim == 0):
        return a.dtype if a.ndim else b.dtype
    return np.promote_types(a.dtype, b.dtype)


class Add(Op):
    """z = a + b; ∂z/∂a = 1, ∂z/∂b = 1."""

    def forward(self, a: Array, b: Array) -> Array:
        self.shapes = a.shape, b.shape
        return np.add(a, b)

    def backward(self, grad: Array) -> Grads:
        a, b = self.shapes
        return (
            unbroadcast(grad, a) if self.needs[0] else None,
            unbroadcast(grad.view(), b) if self.needs[1] else None,
        )

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        return graph.add("Add", a, b)


class Sub(Op):
    """z = a − b; ∂z/∂a = 1, ∂z/∂b = −1."""

    def forward(self, a: Array, b: Array) -> Array:
        self.shapes = a.shape, b.shape
        return np.subtract(a, b)

    def backward(self, grad: Array) -> Grads:
        a, b = self.shapes
        return (
            unbroadcast(grad, a) if self.needs[0] else None,
            -unbroadcast(grad, b) if self.needs[1] else None,
        )

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        return graph.add("Sub", a, b)


class Mul(Op):
    """z = a · b; ∂z/∂a = b, ∂z/∂b = a."""

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        return np.multiply(a, b)

    def backward(self, grad: Array) -> Grads:
        return (
            unbroadcast(grad * self.b, self.a.shape) if self.needs[0] else None,
            unbroadcast(grad * self.a, self.b.shape) if self.needs[1] else None,
        )

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        return graph.add("Mul", a, b)


class Div(Op):
    """z = a / b; ∂z/∂a = 1/b, ∂z/∂b = −z/b."""

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        with SILENT():
            self.z = np.divide(a, b)
        return self.z

    def backward(self, grad: Array) -> Grads:
        with SILENT():
            return (
                unbroadcast(grad / self.b, self.a.shape) if self.needs[0] else None,
                unbroadcast(-grad * self.z / self.b, self.b.shape) if self.needs[1] else None,
            )

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        return graph.add("Div", a, b)


class Pow(Op):
    """z = aᵇ; ∂z/∂a = b·aᵇ⁻¹, ∂z/∂b = z·log a (0 where a = 0, as in PyTorch)."""

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        with SILENT():
            self.z = np.power(a, b)
        return self.z

    def backward(self, grad: Array) -> Grads:
        a, b, da, db = self.a, self.b, None, None
        if self.needs[0]:
            # b = 0 gives a constant: its slope is 0 even where a = 0 makes aᵇ⁻¹ infinite.
            with SILENT():
                slope = np.where(b == 0, 0, b * np.power(np.where(b == 0, 1, a), b - 1))
            da = unbroadcast(grad * slope.astype(grad.dtype), a.shape)
        if self.needs[1]:
            log = np.log(a, out=np.zeros(a.shape, self.z.dtype), where=a > 0)
            log[a < 0] = np.nan
            db = unbroadcast(grad * self.z * log, b.shape)
        return da, db

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        return graph.add("Pow", a, b)


class Neg(Op):
    """z = −x; ∂z/∂x = −1."""

    def forward(self, x: Array) -> Array:
        return np.negative(x)

    def backward(self, grad: Array) -> Grads:
        return (-grad,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Neg", x)


class Exp(Op):
    """z = eˣ; ∂z/∂x = z."""

    def forward(self, x: Array) -> Array:
        with SILENT():
            self.z = np.exp(x)
        return self.z

    def backward(self, grad: Array) -> Grads:
        return (grad * self.z,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Exp", x)


class Log(Op):
    """z = log x; ∂z/∂x = 1/x."""

    def forward(self, x: Array) -> Array:
        self.x = x
        with SILENT():
            return np.log(x)

    def backward(self, grad: Array) -> Grads:
        with SILENT():
            return (grad / self.x,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Log", x)


class Sqrt(Op):
    """z = √x; ∂z/∂x = 1/(2z)."""

    def forward(self, x: Array) -> Array:
        with SILENT():
            self.z = np.sqrt(x)
        return self.z

    def backward(self, grad: Array) -> Grads:
        with SILENT():
            return (grad / (2 * self.z),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Sqrt", x)


class Abs(Op):
    """z = |x|; ∂z/∂x = sign x (0 at 0)."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.abs(x)

    def backward(self, grad: Array) -> Grads:
        return (grad * np.sign(self.x),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Abs", x)


class Clamp(Op):
    """z = min(max(x, low), high); the gradient passes where low ≤ x ≤ high."""

    def __init__(self, low: float | None, high: float | None) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.clip(x, self.low, self.high)

    def backward(self, grad: Array) -> Grads:
        passes = np.ones(self.x.shape, bool)
        if self.low is not None:
            passes &= self.x >= self.low
        if self.high is not None:
            passes &= self.x <= self.high
        return (grad * passes,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        low = "" if self.low is None else graph.constant(self.low, "float32")
        high = "" if self.high is None else graph.constant(self.high, "float32")
        return graph.add("Clip", x, low, high)


class Compare(Op):
    """z = a ⋚ b, true or false, element by element: no gradient."""

    def __init__(self, relation: str) -> None:
        self.relation = relation  # one of COMPARISONS

    def forward(self, a: Array, b: Array) -> Array:
        return np.asarray(COMPARISONS[self.relation][0](a, b))

    def onnx(self, graph: GraphBuilder, a: str, b: str) -> str:
        z = graph.add(COMPARISONS[self.relation][1], a, b)
        return graph.add("Not", z) if self.relation == "!=" else z


COMPARISONS: dict[str, tuple[Callable[[Array, Array], Array], str]] = {
    "==": (np.equal, "Equal"),
    "!=": (np.not_equal, "Equal"),
    "<": (np.less, "Less"),
    "<=": (np.less_equal, "LessOrEqual"),
    ">": (np.greater, "Greater"),
    ">=": (np.greater_equal, "GreaterOrEqual"),
}


class Same(Op):
    """z = x, without history: it stands for `detach` in a graph that is exported."""

    def forward(self, x: Array) -> Array:
        return x

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return x


class Cast(Op):
    """The same numbers as another type; the gradient goes back in the type they had."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        self.before = x.dtype
        return x.astype(self.dtype)

    def backward(self, grad: Array) -> Grads:
        return (grad.astype(self.before),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Cast", x, to=ONNX_TYPES[self.dtype.name])
