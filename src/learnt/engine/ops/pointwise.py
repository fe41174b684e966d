"""Functions of one number, element by element: a table of values, slopes and ONNX twins.

z = f(x), and by the chain rule ∂L/∂x = g · f′. A slope is written as a function of x or of z,
whichever is simpler: that is what is kept.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op

Function = Callable[[Tensor], Tensor]
Twin = str | Callable[[GraphBuilder, str], str]


class Unary(Op):
    """z = f(x); ∂L/∂x = g · slope(x or z), or 0 where there is no slope."""

    f: ClassVar[Callable[[Array], Array]]
    slope: ClassVar[Callable[[Array], Any] | None]
    keeps_z: ClassVar[bool]
    write: ClassVar[Twin]

    def forward(self, x: Array) -> Array:
        with SILENT():
            z: Array = type(self).f(x)
        if self.needs and type(self).slope is not None:
            self.kept = z if self.keeps_z else x
        return z

    def backward(self, grad: Array) -> Grads:
        slope = type(self).slope
        if slope is None:
            return (np.zeros_like(grad),)
        with SILENT():
            return (grad * slope(self.kept),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        write = type(self).write
        return graph.add(write, x) if isinstance(write, str) else write(graph, x)


def unary(
    name: str,
    f: Callable[[Array], Any],
    slope: Callable[[Array], Any] | None,
    write: Twin,
    says: str,
    *,
    whole: bool = False,
    truth: bool = False,
) -> Function:
    """A function of tensors from its row in the table.

    Whole numbers become float32 first, unless they may stay `whole`; `truth` is a result of
    true and false, without gradient.
    """
    keeps_z = slope is not None and "z" in inspect.signature(slope).parameters
    parts = {"f": f, "slope": slope, "keeps_z": keeps_z, "write": write, "__doc__": says}
    op: Any = type(name.capitalize(), (Unary,), {**parts, "differentiable": not truth})

    def function(input: Tensor) -> Tensor:
        keep = whole or truth or input.array.dtype.kind == "f"
        return apply(op(), input if keep else input.to(np.float32))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{says} of each element."
    return function


def constant(graph: GraphBuilder, x: str, value: float) -> str:
    """A number of the same type as the value `x`."""
    return graph.constant(value, graph.traced(x).dtype)


def over(graph: GraphBuilder, kind: str, x: str, value: float) -> str:
    """The operator `kind` of x, divided by a number."""
    return graph.add("Div", graph.add(kind, x), constant(graph, x, value))


def plus(graph: GraphBuilder, x: str, value: float) -> str:
    """x plus a number."""
    return graph.add("Add", x, constant(graph, x, value))


LN2, LN10 = np.log(2.0).item(), np.log(10.0).item()

# fmt: off
#                  name         z = f(x)        ∂z/∂x                       ONNX, and in words
exp        = unary("exp",       np.exp,         lambda z: z,                "Exp", "eˣ")
log        = unary("log",       np.log,         lambda x: 1 / x,            "Log", "The natural logarithm")
log2       = unary("log2",      np.log2,        lambda x: 1 / (x * LN2),    lambda g, x: over(g, "Log", x, LN2), "The logarithm to base 2")
log10      = unary("log10",     np.log10,       lambda x: 1 / (x * LN10),   lambda g, x: over(g, "Log", x, LN10), "The logarithm to base 10")
log1p      = unary("log1p",     np.log1p,       lambda x: 1 / (1 + x),      lambda g, x: g.add("Log", plus(g, x, 1)), "log(1 + x)")
expm1      = unary("expm1",     np.expm1,       lambda z: z + 1,            lambda g, x: plus(g, g.add("Exp", x), -1), "eˣ − 1")
exp2       = unary("exp2",      np.exp2,        lambda z: z * LN2,          lambda g, x: g.add("Pow", constant(g, x, 2), x), "2ˣ")
sqrt       = unary("sqrt",      np.sqrt,        lambda z: 0.5 / z,          "Sqrt", "√x")
rsqrt      = unary("rsqrt",     lambda x: 1 / np.sqrt(x), lambda z: -0.5 * z * z * z, lambda g, x: g.add("Reciprocal", g.add("Sqrt", x)), "1/√x")
square     = unary("square",    np.square,      lambda x: 2 * x,            lambda g, x: g.add("Mul", x, x), "x²", whole=True)
reciprocal = unary("reciprocal", lambda x: 1 / x, lambda z: -z * z,         "Reciprocal", "1/x")
neg        = unary("neg",       np.negative,    lambda x: -1,               "Neg", "−x", whole=True)
abs        = unary("abs",       np.abs,         np.sign,                    "Abs", "|x|", whole=True)
sign       = unary("sign",      np.sign,        None,                       "Sign", "−1, 0 or 1: the sign", whole=True)
floor      = unary("floor",     np.floor,       None,                       "Floor", "The largest whole number not above x", whole=True)
ceil       = unary("ceil",      np.ceil,        None,                       "Ceil", "The smallest whole number not below x", whole=True)
trunc      = unary("trunc",     np.trunc,       None,                       lambda g, x: g.add("Mul", g.add("Sign", x), g.add("Floor", g.add("Abs", x))), "x without what follows the point", whole=True)
_round     = unary("round",     np.round,       None,                       "Round", "The nearest whole number", whole=True)
sin        = unary("sin",       np.sin,         lambda x: np.cos(x),        "Sin", "The sine")
cos        = unary("cos",       np.cos,         lambda x: -np.sin(x),       "Cos", "The cosine")
tan        = unary("tan",       np.tan,         lambda z: 1 + z * z,        "Tan", "The tangent")
sinh       = unary("sinh",      np.sinh,        lambda x: np.cosh(x),       "Sinh", "The hyperbolic sine")
cosh       = unary("cosh",      np.cosh,        lambda x: np.sinh(x),       "Cosh", "The hyperbolic cosine")
tanh       = unary("tanh",      np.tanh,        lambda z: 1 - z * z,        "Tanh", "The hyperbolic tangent")
sigmoid    = unary("sigmoid",   lambda x: 1 / (1 + np.exp(-x)), lambda z: z * (1 - z), "Sigmoid", "1 / (1 + e⁻ˣ)")
isnan      = unary("isnan",     np.isnan,       None,                       "IsNaN", "Is it not a number?", truth=True)
isinf      = unary("isinf",     np.isinf,       None,                       "IsInf", "Is it infinite?", truth=True)
isfinite   = unary("isfinite",  np.isfinite,    None,                       lambda g, x: g.add("Not", g.add("Or", g.add("IsNaN", x), g.add("IsInf", x))), "Is it a finite number?", truth=True)
logical_not = unary("logical_not", np.logical_not, None,                    lambda g, x: g.add("Not", g.add("Cast", x, to=9)), "Is it zero or false?", truth=True)
# fmt: on


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest whole number, halves to even; or to so many decimals."""
    if decimals:
        scale = 10.0**decimals
        return round(input * scale) / scale
    return _round(input)
