"""Arithmetic of two numbers, element by element, with broadcasting: a table, and its functions.

z = f(a, b); each slope is written as a function of a, b or z: only what is named is kept.
What broadcasting repeats forwards is added up backwards.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from learnt.engine.autograd import Tensor, Variable, apply, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op, unbroadcast

Number = float | int | bool
Operand = Tensor | Number
Slope = Callable[..., Any] | int
Write = str | Callable[[GraphBuilder, str, str], str]
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


def operands(a: Operand, b: Operand, fractions: bool = False) -> tuple[Tensor, Tensor]:
    """Both as tensors of the type that PyTorch gives to their result."""
    a = a if isinstance(a, Variable) else _number(a, b)  # type: ignore[arg-type]
    b = b if isinstance(b, Variable) else _number(b, a)
    if a.array.dtype != b.array.dtype:
        wanted = result_type(a.array, b.array)
        a, b = a.to(wanted), b.to(wanted)
    if fractions and a.array.dtype.kind != "f":
        a, b = a.to(np.float32), b.to(np.float32)
    return a, b


def _number(value: Number, like: Tensor) -> Tensor:
    """A Python number as a tensor: of the other's type, unless that is of a lesser kind."""
    if not isinstance(value, int | float | np.ndarray | np.generic):
        raise TypeError(f"an operand must be a tensor or a number; got {value!r}")
    kind = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
    if isinstance(like, Variable) and RANKS[like.array.dtype.kind] >= RANKS[kind]:
        return wrap(np.asarray(value, like.array.dtype))
    return wrap(np.asarray(value, {"b": np.bool_, "i": np.int64, "f": np.float32}[kind]))


class Binary(Op):
    """z = f(a, b); ∂L/∂a = g · slope, summed over what was repeated; and so for b."""

    f: ClassVar[Callable[[Array, Array], Array]]
    slopes: ClassVar[tuple[Slope, ...]]
    names: ClassVar[tuple[tuple[str, ...], ...]]  # what each slope is a function of
    write: ClassVar[Write]

    def forward(self, a: Array, b: Array) -> Array:
        with SILENT():
            z: Array = type(self).f(a, b)
        if self.needs:
            self.shapes = a.shape, b.shape
            for need, names in zip(self.needs, self.names, strict=True):
                for name in names if need else ():
                    setattr(self, name, a if name == "a" else b if name == "b" else z)
        return z

    def backward(self, grad: Array) -> Grads:
        return tuple([self.part(grad, i) if need else None for i, need in enumerate(self.needs)])

    def part(self, grad: Array, i: int) -> Array:
        """The gradient of one of the two."""
        slope, shape = self.slopes[i], self.shapes[i]
        if slope == 1:
            return unbroadcast(grad.view(), shape)
        if slope == -1:
            return -unbroadcast(grad, shape)
        with SILENT():
            values = slope(*[getattr(self, name) for name in self.names[i]])  # type: ignore[operator]
            return unbroadcast(grad * values, shape)

    def onnx(self, graph: GraphBuilder, *names: str) -> str:
        write = type(self).write
        return graph.add(write, *names) if isinstance(write, str) else write(graph, *names)


def binary(
    name: str, f: Callable[..., Any], slopes: tuple[Slope, ...], write: Write
) -> Callable[[], Op]:
    """An operation on two arrays, from its row in the table; no slopes: no gradient."""
    names = tuple(tuple(inspect.signature(s).parameters) if callable(s) else () for s in slopes)
    parts = {"f": f, "slopes": slopes, "names": names, "write": write}
    op: Any = type(name, (Binary,), {**parts, "differentiable": bool(slopes)})
    return op  # type: ignore[no-any-return]


def _pow_by_base(a: Array, b: Array) -> Array:
    """b·aᵇ⁻¹, but 0 where b = 0: a constant has no slope, even where a = 0."""
    return np.where(b == 0, 0, b * np.power(np.where(b == 0, 1, a), b - 1)).astype(a.dtype)


def _pow_by_exponent(a: Array, b: Array, z: Array) -> Array:
    """z·log a, but 0 where a = 0 and b ≥ 0, as in PyTorch."""
    return np.where((a == 0) & (b >= 0), 0, z * np.log(a)).astype(z.dtype)


def _or_half(better: Array, a: Array, b: Array) -> Array:
    """1 where this one was taken, ½ where both are equal."""
    return np.where(a == b, 0.5, better).astype(a.dtype)


def _fmod(g: GraphBuilder, a: str, b: str) -> str:
    return g.add("Mod", a, b, fmod=1)


def _remainder(g: GraphBuilder, a: str, b: str) -> str:
    """a − ⌊a/b⌋·b: ONNX's Mod of fractions has the sign of a."""
    if g.traced(a).dtype.kind != "f":
        return g.add("Mod", a, b)
    return g.add("Sub", a, g.add("Mul", g.add("Floor", g.add("Div", a, b)), b))


# fmt: off
#             name        z = f(a, b)      ∂z/∂a                          ∂z/∂b                       ONNX
Add  = binary("Add",      np.add,          (1,                            1),                         "Add")
Sub  = binary("Sub",      np.subtract,     (1,                            -1),                        "Sub")
Mul  = binary("Mul",      np.multiply,     (lambda b: b,                  lambda a: a),               "Mul")
Div  = binary("Div",      np.divide,       (lambda b: 1 / b,              lambda z, b: -z / b),       "Div")
Pow  = binary("Pow",      np.power,        (_pow_by_base,                 _pow_by_exponent),          "Pow")
Max  = binary("Maximum",  np.maximum,      (lambda a, b: _or_half(a > b, a, b), lambda a, b: _or_half(b > a, a, b)), "Max")
Min  = binary("Minimum",  np.minimum,      (lambda a, b: _or_half(a < b, a, b), lambda a, b: _or_half(b < a, a, b)), "Min")
Rem  = binary("Remainder", np.remainder,   (1,                            lambda a, b: -np.floor(a / b)), _remainder)
Fmod = binary("Fmod",     np.fmod,         (1,                            lambda a, b: -np.trunc(a / b)), _fmod)
Eq   = binary("Eq",       np.equal,        (), "Equal")
Ne   = binary("Ne",       np.not_equal,    (), lambda g, a, b: g.add("Not", g.add("Equal", a, b)))
Lt   = binary("Lt",       np.less,         (), "Less")
Le   = binary("Le",       np.less_equal,   (), "LessOrEqual")
Gt   = binary("Gt",       np.greater,      (), "Greater")
Ge   = binary("Ge",       np.greater_equal, (), "GreaterOrEqual")
# fmt: on


def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input + alpha · other."""
    return apply(Add(), *operands(input, other if alpha == 1 else mul(other, alpha)))


def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input − alpha · other."""
    return apply(Sub(), *operands(input, other if alpha == 1 else mul(other, alpha)))


def rsub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """other − alpha · input."""
    return sub(other, input, alpha=alpha)


def mul(input: Operand, other: Operand) -> Tensor:
    """input · other."""
    return apply(Mul(), *operands(input, other))


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounded down ("floor") or towards zero ("trunc") if asked for."""
    quotient = apply(Div(), *operands(input, other, fractions=True))
    if rounding_mode is None:
        return quotient
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(f"rounding_mode must be None, 'floor' or 'trunc'; got {rounding_mode!r}")
    rounded = quotient.floor() if rounding_mode == "floor" else quotient.trunc()
    return rounded.to(operands(input, other)[0].array.dtype)


def rdiv(input: Operand, other: Operand) -> Tensor:
    """other / input."""
    return div(other, input)


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """⌊input / other⌋."""
    return div(input, other, rounding_mode="floor")


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input to the power of exponent."""
    return apply(Pow(), *operands(input, exponent))


def rpow(input: Operand, other: Operand) -> Tensor:
    """other to the power of input."""
    return pow(other, input)


def remainder(input: Operand, other: Operand) -> Tensor:
    """input − ⌊input / other⌋ · other: with the sign of `other`, as Python's %."""
    return apply(Rem(), *operands(input, other))


def fmod(input: Operand, other: Operand) -> Tensor:
    """The remainder with the sign of `input`, as C's."""
    return apply(Fmod(), *operands(input, other))


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of the two; equals share the gradient."""
    return apply(Max(), *operands(input, other))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of the two; equals share the gradient."""
    return apply(Min(), *operands(input, other))


def comparison(op: Callable[[], Op], sign: str) -> Callable[[Operand, Operand], Tensor]:
    """A function that is true or false for each element."""

    def function(input: Operand, other: Operand) -> Tensor:
        return apply(op(), *operands(input, other))

    function.__doc__ = f"input {sign} other, true or false for each element."
    return function


eq, ne = comparison(Eq, "="), comparison(Ne, "≠")
lt, le, gt, ge = (comparison(op, sign) for op, sign in ((Lt, "<"), (Le, "≤"), (Gt, ">"), (Ge, "≥")))


class Where(Op):
    """z = a where c, else b; ∂L/∂a = g where c, ∂L/∂b = g elsewhere."""

    twin = "Where"

    def forward(self, c: Array, a: Array, b: Array) -> Array:
        self.c, self.shapes = c, (a.shape, b.shape)
        return np.where(c, a, b)

    def backward(self, grad: Array) -> Grads:
        a, b = self.shapes
        zero = np.zeros((), grad.dtype)
        da = unbroadcast(np.where(self.c, grad, zero), a) if self.needs[1] else None
        return None, da, unbroadcast(np.where(self.c, zero, grad), b) if self.needs[2] else None


def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    """`input` where the condition holds, else `other`; all three are broadcast."""
    return apply(Where(), condition.to(np.bool_), *operands(input, other))


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
        dtype = graph.traced(x).dtype
        low, high = ("" if b is None else graph.constant(b, dtype) for b in (self.low, self.high))
        return graph.add("Clip", x, low, high)


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Each element, at least `min` and at most `max`."""
    if min is None and max is None:
        raise RuntimeError("clamp needs at least one of min and max; got neither")
    if isinstance(min, Variable) or isinstance(max, Variable):
        low = input if min is None else maximum(input, min)  # type: ignore[arg-type]
        return low if max is None else minimum(low, max)  # type: ignore[arg-type]
    return apply(Clamp(min, max), input)
