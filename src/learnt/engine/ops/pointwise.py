"""Functions of each element: one operation for all, and a table of those of one number.

z = f(x), and by the chain rule ∂L/∂x = g · f′; the table gives f, the slope f′ and the ONNX twin.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op, unbroadcast

Function = Callable[[Tensor], Tensor]
Slope = Callable[..., Any] | int
Write = str | Callable[..., str]  # an operator of ONNX, or what writes several
PLACES = {"x": 0, "a": 0, "b": 1, "c": 2, "z": -1}  # of what slopes are functions of


class Pointwise(Op):
    """z = f(a, b, c), broadcast; ∂L/∂a = g · slope, summed over what was repeated; and so on.

    A slope is a number, or a function of what its parameters name (a or x, b, c: the inputs, z),
    and only that is kept; true and false let the gradient pass or not, whatever it is.
    """

    f: ClassVar[Callable[..., Any]]
    slopes: ClassVar[tuple[Slope, ...]]
    names: ClassVar[list[list[str]]]  # of each slope's parameters, …
    uses: ClassVar[list[tuple[int, str]]]  # … and one after the other, with the slope's place
    write: ClassVar[Write]

    def forward(self, *inputs: Array) -> Array:
        with SILENT():
            z: Array = type(self).f(*inputs)
        if self.needs:
            self.shapes = [i.shape for i in inputs]
            known = (*inputs, z)
            for i, name in self.uses:
                if self.needs[i]:
                    setattr(self, name, known[PLACES[name]])
        return z

    def backward(self, grad: Array) -> Grads:
        return tuple([self._part(grad, i) if n else None for i, n in enumerate(self.needs)])

    def _part(self, grad: Array, i: int) -> Array:
        """The gradient of one input."""
        slope, shape = self.slopes[i], self.shapes[i]
        if not callable(slope):
            if slope == 0:
                return np.zeros(shape, grad.dtype)
            return unbroadcast(grad.view(), shape) if slope == 1 else -unbroadcast(grad, shape)
        values = slope(*[getattr(self, name) for name in self.names[i]])
        passed = np.where(values, grad, 0) if values.dtype == bool else grad * values
        return unbroadcast(passed, shape)

    def onnx(self, graph: GraphBuilder, *names: str) -> str:
        write = type(self).write
        return graph.add(write, *names) if isinstance(write, str) else write(graph, *names)


def pointwise(
    name: str, f: Callable[..., Any], slopes: tuple[Slope, ...], write: Write, says: str
) -> Callable[[], Op]:
    """The operation of a row; without slopes gradients stop there."""
    names = [
        [n for n in inspect.signature(s).parameters if n in PLACES] if callable(s) else []
        for s in slopes
    ]
    uses = [(i, name) for i, some in enumerate(names) for name in some]
    parts = {"f": f, "slopes": slopes, "names": names, "uses": uses, "write": write}
    op: Any = type(
        name.capitalize(), (Pointwise,), {**parts, "differentiable": bool(slopes), "__doc__": says}
    )
    return op  # type: ignore[no-any-return]


def unary(
    name: str, f: Callable[[Array], Any], slope: Slope | None, write: Write, says: str,
    keeps: str = "f",
) -> Function:  # fmt: skip
    """A function of tensors from its row in the table.

    Numbers of the kinds it `keeps` (b, i, u, f: as NumPy's) stay so; if that is fractions alone,
    others become float32.
    """
    op = pointwise(name, f, () if slope is None else (slope,), write, says)

    def function(input: Tensor) -> Tensor:
        if isinstance(input, Tensor) and input.array.dtype.kind not in keeps:
            if keeps != "f":
                raise NotImplementedError(f"{name} is not there for {input.array.dtype}")
            input = input.to(np.float32)
        return apply(op(), input)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{says} of each element."
    return function


def constant(graph: GraphBuilder, x: str, value: float) -> str:
    """A number of the same type as the value `x`."""
    return graph.constant(value, graph.traced(x).dtype)


def chain(*steps: str | tuple[str, float]) -> Write:
    """One operator after the other, some with a number: chain(("Add", 1), "Log") is log(x + 1)."""

    def write(graph: GraphBuilder, *names: str) -> str:
        first = names[0]
        for step in steps:
            if isinstance(step, str):
                names = (graph.add(step, *names),)
            else:
                names = (graph.add(step[0], *names, constant(graph, first, step[1])),)
        return names[0]

    return write


def write_trunc(graph: GraphBuilder, x: str) -> str:
    """|x| rounded down, with the sign of x."""
    return graph.add("Mul", graph.add("Sign", x), graph.add("Floor", graph.add("Abs", x)))


def _sign(x: Array) -> Array:
    return np.subtract(x > 0, x < 0, dtype=x.dtype)  # 0 for nan, as in PyTorch


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


LN2, LN10 = np.log(2.0).item(), np.log(10.0).item()
WHOLE, ANY = "iuf", "biuf"  # kinds

# fmt: off
# name               z = f(x)         ∂z/∂x        ONNX and words; kinds
exp = unary("exp",   np.exp,   lambda z: z,           "Exp", "eˣ")
exp2 = unary("exp2", np.exp2,  lambda z: z * LN2,
             lambda g, x: g.add("Pow", constant(g, x, 2), x), "2ˣ")
expm1 = unary("expm1", np.expm1, lambda z: z + 1,     chain("Exp", ("Sub", 1)), "eˣ − 1")
log = unary("log",   np.log,   lambda x: 1 / x,       "Log", "The natural logarithm")
log1p = unary("log1p", np.log1p, lambda x: 1 / (1 + x), chain(("Add", 1), "Log"), "log(1 + x)")
log2 = unary("log2", np.log2,  lambda x: 1 / (x * LN2), chain("Log", ("Div", LN2)), "log₂ x")
log10 = unary("log10", np.log10, lambda x: 1 / (x * LN10), chain("Log", ("Div", LN10)), "log₁₀ x")
sqrt = unary("sqrt", np.sqrt,  lambda z: 0.5 / z,     "Sqrt", "√x")
rsqrt = unary("rsqrt", lambda x: 1 / np.sqrt(x), lambda z: -0.5 * z * z * z,
              chain("Sqrt", "Reciprocal"), "1 / √x")
square = unary("square", np.square, lambda x: 2 * x,  lambda g, x: g.add("Mul", x, x), "x²", WHOLE)
cube = unary("cube", lambda x: x * x * x, lambda x: 3 * (x * x), chain(("Pow", 3)), "x³", WHOLE)
reciprocal = unary("reciprocal", lambda x: 1 / x, lambda z: -z * z, "Reciprocal", "1 / x")
neg = unary("neg",   np.negative, -1,                 "Neg", "−x", WHOLE)
abs = unary("abs",   np.abs,   _sign,                 "Abs", "|x|", WHOLE)
sign = unary("sign", _sign,    0,                     "Sign", "−1, 0 or 1: the sign", WHOLE)
floor = unary("floor", np.floor, 0,                   "Floor", "x rounded down", WHOLE)
ceil = unary("ceil", np.ceil,  0,                     "Ceil", "x rounded up", WHOLE)
trunc = unary("trunc", np.trunc, 0,                   write_trunc, "x rounded towards 0", WHOLE)
_round = unary("round", np.round, 0,                  "Round", "x rounded, halves to even", WHOLE)
sin = unary("sin",   np.sin,   np.cos,                "Sin", "The sine")
cos = unary("cos",   np.cos,   lambda x: -np.sin(x),  "Cos", "The cosine")
tan = unary("tan",   np.tan,   lambda z: 1 + z * z,   "Tan", "The tangent")
asin = unary("asin", np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), "Asin", "The inverse sine")
acos = unary("acos", np.arccos, lambda x: -1 / np.sqrt(1 - x * x), "Acos", "The inverse cosine")
atan = unary("atan", np.arctan, lambda x: 1 / (1 + x * x), "Atan", "The inverse tangent")
sinh = unary("sinh", np.sinh,  np.cosh,               "Sinh", "The hyperbolic sine")
cosh = unary("cosh", np.cosh,  np.sinh,               "Cosh", "The hyperbolic cosine")
tanh = unary("tanh", np.tanh,  lambda z: 1 - z * z,   "Tanh", "The hyperbolic tangent")
sigmoid = unary("sigmoid", _sigmoid, lambda z: z * (1 - z), "Sigmoid", "1 / (1 + e⁻ˣ)")
isnan = unary("isnan", np.isnan, None,                "IsNaN", "Is it not a number?", ANY)
isinf = unary("isinf", np.isinf, None,                "IsInf", "Is it infinite?", ANY)
isfinite = unary("isfinite", np.isfinite, None,  # ∞ − ∞ is nan
                 lambda g, x: g.add("Not", g.add("IsNaN", g.add("Sub", x, x))), "Finite?", ANY)
logical_not = unary("logical_not", np.logical_not, None,
                    lambda g, x: g.add("Not", g.add("Cast", x, to=9)), "Is it 0 or false?", ANY)
bitwise_not = unary("bitwise_not", np.invert, None,
                    lambda g, x: g.add("Not" if g.traced(x).dtype == bool else "BitwiseNot", x),
                    "Every bit turned over", "biu")
# fmt: on
POWERS = {2: square, 3: cube, 0.5: sqrt, -0.5: rsqrt, -1: reciprocal}  # faster than np.power


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest whole number, halves to even; or to so many decimals."""
    if not decimals:
        return _round(input)
    if input.array.dtype.kind != "f":
        raise NotImplementedError(f"round to decimals is not there for {input.array.dtype}")
    scale = 10.0 ** max(decimals, -decimals)
    return _round(input * scale) / scale if decimals > 0 else _round(input / scale) * scale
