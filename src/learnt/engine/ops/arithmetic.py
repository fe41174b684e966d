"""Functions of two numbers, element by element, with broadcasting: a table, and its functions.

z = f(a, b); both slopes are in the table. A pair of types becomes one by PyTorch's rules.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import Array, GraphBuilder
from learnt.engine.ops.pointwise import ANY, POWERS, WHOLE, Slope, Write, pointwise, write_trunc

Number = float | int | bool
Operand = Tensor | Number
Function = Callable[[Operand, Operand], Tensor]
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
    a = a if isinstance(a, Tensor) else _number(a, b, fractions)  # type: ignore[arg-type]
    b = b if isinstance(b, Tensor) else _number(b, a, fractions)
    if a.array.dtype != b.array.dtype:
        wanted = result_type(a.array, b.array)
        a, b = a.to(wanted), b.to(wanted)
    if fractions and a.array.dtype.kind != "f":
        a, b = a.to(np.float32), b.to(np.float32)
    return a, b


def _number(value: Number, like: Tensor, fraction: bool) -> Tensor:
    """A Python number as a tensor: of the other's type, unless that is of a lesser kind."""
    if isinstance(value, np.ndarray):
        return wrap(value)
    if not isinstance(value, int | float | np.generic):
        raise TypeError(f"an operand must be a tensor or a number; got {value!r}")
    found = np.asarray(float(value) if fraction else value)
    if isinstance(like, Tensor) and RANKS[like.array.dtype.kind] >= RANKS[found.dtype.kind]:
        return wrap(found.astype(like.array.dtype))
    return wrap(found.astype(np.float32) if found.dtype.kind == "f" else found)


def binary(
    name: str, f: Callable[..., Any], slopes: tuple[Slope, ...], write: Write, says: str,
    keeps: str = ANY,
) -> Function:  # fmt: skip
    """A function from its row in the table; no slopes: no gradient.

    It is there for the kinds it `keeps` (b, i, u, f: as NumPy's); for "f", others become float32.
    """
    op = pointwise(name, f, slopes, write, says)

    def function(input: Operand, other: Operand) -> Tensor:
        a, b = operands(input, other, keeps == "f")
        if a.array.dtype.kind not in keeps:
            raise NotImplementedError(f"{name} is not there for {a.array.dtype}")
        return apply(op(), a, b)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{says}: element by element, broadcast."
    return function


def swapped(function: Function) -> Function:
    """The same of (other, input): for 2 / x."""
    return lambda a, b: function(b, a)


def _safe(b: Array) -> Array:
    """A divisor: among whole numbers not 0."""
    if b.dtype.kind in "iu" and not b.all():
        raise RuntimeError("ZeroDivisionError: whole numbers cannot be divided by 0")
    return b


def _towards_0(a: Array, b: Array) -> Array:
    return np.trunc(a / b) if a.dtype.kind == "f" else (a - np.fmod(a, _safe(b))) // b


def _power(a: Array, b: Array) -> Any:
    """aᵇ; among whole numbers a⁻ⁿ is 0, unless a is 1 or −1."""
    if b.dtype.kind != "i" or not (b < 0).any():
        return np.power(a, b)
    return np.power(a, np.abs(b)) * ((b >= 0) | (np.abs(a) == 1))


def _by_base(a: Array, b: Array) -> Array:
    """b·aᵇ⁻¹, but 0 where b = 0: a constant has no slope, even where a = 0."""
    return np.where(b == 0, 0, b * np.power(np.where(b == 0, 1, a), b - 1)).astype(a.dtype)


def _by_exponent(a: Array, b: Array, z: Array) -> Array:
    """z·log a, but 0 where a = 0 and b ≥ 0, as in PyTorch."""
    return np.where((a == 0) & (b >= 0), 0, z * np.log(a)).astype(z.dtype)


def _unless(worse: Array, a: Array, b: Array) -> Array:
    """1 unless the other was taken, ½ where both are equal."""
    return np.where(a == b, 0.5, ~worse).astype(a.dtype)


LARGER: tuple[Slope, Slope] = (
    lambda a, b: _unless(a < b, a, b), lambda a, b: _unless(b < a, a, b)
)  # fmt: skip
SMALLER = LARGER[1], LARGER[0]


def _rise(a: Array, b: Array) -> Any:
    return 1 / (1 + np.exp(b - a))


def _floor_twin(g: GraphBuilder, a: str, b: str) -> str:
    if g.traced(a).dtype.kind == "f":
        return g.add("Floor", g.add("Div", a, b))
    return g.add("Div", g.add("Sub", a, g.add("Mod", a, b)), b)  # whole: Div rounds towards 0


def _trunc_twin(g: GraphBuilder, a: str, b: str) -> str:
    z = g.add("Div", a, b)
    return write_trunc(g, z) if g.traced(a).dtype.kind == "f" else z


def _remainder_twin(g: GraphBuilder, a: str, b: str) -> str:
    return g.add("Sub", a, g.add("Mul", _floor_twin(g, a, b), b))


def _logaddexp_twin(g: GraphBuilder, a: str, b: str) -> str:
    away = g.add("Neg", g.add("Abs", g.add("Sub", a, b)))
    return g.add("Add", g.add("Max", a, b), g.add("Softplus", away))


def _clamp_twin(g: GraphBuilder, a: str, b: str, c: str) -> str:
    if g.traced(b).ndim or g.traced(c).ndim:
        return g.add("Min", g.add("Max", a, b), c)
    return g.add("Clip", a, b, c)


def _logical(kind: str) -> Write:
    return lambda g, a, b: g.add(kind, g.add("Cast", a, to=9), g.add("Cast", b, to=9))


def _bitwise(kind: str) -> Write:
    return lambda g, a, b: g.add(kind if g.traced(a).dtype == bool else f"Bitwise{kind}", a, b)


def _put_twin(g: GraphBuilder, a: str, b: str) -> str:
    return g.add("Expand", b, g.constant(g.traced(a).shape, "int64"))


# fmt: off
# name                z = f(a, b)     ∂z/∂a, ∂z/∂b             ONNX and words; kinds
_add = binary("add",  np.add,         (1, 1),                  "Add", "a + b")
_sub = binary("sub",  np.subtract,    (1, -1),                 "Sub", "a − b", WHOLE)
mul = binary("mul",   np.multiply,    (lambda b: b, lambda a: a), "Mul", "a · b")
_div = binary("div",  np.divide,      (lambda b: 1 / b, lambda z, b: -z / b), "Div", "a / b", "f")
_pow = binary("pow",  _power,         (_by_base, _by_exponent), "Pow", "aᵇ", WHOLE)
floor_divide = binary("floor_divide", lambda a, b: np.floor_divide(a, _safe(b)), (0, 0),
                      _floor_twin, "⌊a / b⌋", WHOLE)
_trunc_divide = binary("div", _towards_0, (0, 0), _trunc_twin, "a / b, rounded towards 0", WHOLE)
remainder = binary("remainder", lambda a, b: np.remainder(a, _safe(b)),
                   (1, lambda a, b: -np.floor_divide(a, b)),
                   _remainder_twin, "a − ⌊a/b⌋ · b, with the sign of b, as Python's %", WHOLE)
fmod = binary("fmod", lambda a, b: np.fmod(a, _safe(b)), (1, lambda a, b: -np.trunc(a / b)),
              lambda g, a, b: g.add("Mod", a, b, fmod=1), "The rest, with the sign of a", WHOLE)
maximum = binary("maximum", np.maximum, LARGER, "Max", "The larger (equals share the gradient)")
minimum = binary("minimum", np.minimum, SMALLER, "Min", "The smaller (equals share the gradient)")
logaddexp = binary("logaddexp", np.logaddexp, (_rise, lambda a, b: _rise(b, a)),
                   _logaddexp_twin, "log(eᵃ + eᵇ)", "f")
eq = binary("eq",     np.equal,         (), "Equal", "a = b")
ne = binary("ne", np.not_equal, (), lambda g, a, b: g.add("Not", g.add("Equal", a, b)), "a ≠ b")
lt = binary("lt",     np.less,          (), "Less", "a < b")
le = binary("le",     np.less_equal,    (), "LessOrEqual", "a ≤ b")
gt = binary("gt",     np.greater,       (), "Greater", "a > b")
ge = binary("ge",     np.greater_equal, (), "GreaterOrEqual", "a ≥ b")
logical_and = binary("logical_and", np.logical_and, (), _logical("And"), "Are both true?")
logical_or = binary("logical_or",   np.logical_or,  (), _logical("Or"), "Is one true, or both?")
logical_xor = binary("logical_xor", np.logical_xor, (), _logical("Xor"), "Is one true, not both?")
bitwise_and = binary("bitwise_and", np.bitwise_and, (), _bitwise("And"), "Bits of both", "biu")
bitwise_or = binary("bitwise_or",   np.bitwise_or,  (), _bitwise("Or"), "Bits of either", "biu")
bitwise_xor = binary("bitwise_xor", np.bitwise_xor, (), _bitwise("Xor"), "Bits of one", "biu")
_put = binary("put",  lambda a, b: np.broadcast_to(b, a.shape).copy(), (0, 1), _put_twin, "b")
# fmt: on

_where = pointwise("where", np.where, (0, lambda a: a, lambda a: ~a), "Where", "b where a, else c")
_clamp = pointwise(
    "clamp",
    np.clip,  # three times as fast as np.maximum with a number
    (lambda a, b, c: (a >= b) & (a <= c), lambda a, b, c: (a < b) & (b < c),
     lambda a, b, c: (a > c) | (b > c)),
    _clamp_twin, "a, but at least b, and at most c",
)  # fmt: skip


def scaled(x: Tensor, by: Number) -> Tensor:
    """A number times x, in the type of x."""
    return x if by == 1 else mul(x, wrap(np.asarray(by).astype(x.array.dtype)))


def _times(input: Operand, other: Operand, alpha: Number) -> Operand:
    """alpha · other, in the type of the result."""
    if alpha == 1 and not isinstance(alpha, bool):
        return other
    like = operands(input, other)[1]
    kind = like.array.dtype.kind
    if (isinstance(alpha, bool) and kind != "b") or (isinstance(alpha, float) and kind != "f"):
        raise RuntimeError(f"alpha must be of the kind of the result, {like.dtype}; got {alpha}")
    return scaled(like, alpha)


def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input + alpha · other."""
    return _add(input, _times(input, other, alpha))


def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """input − alpha · other; not of bools."""
    for t in (input, other):
        if isinstance(t, bool) or (isinstance(t, Tensor) and t.array.dtype.kind == "b"):
            raise RuntimeError("the difference of bools is not clear: use ~, ^ or logical_xor()")
    return _sub(input, _times(input, other, alpha))


def rsub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """other − alpha · input."""
    return sub(other, input, alpha=alpha)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounded down ("floor") or towards zero ("trunc") if asked for."""
    modes = {None: _div, "floor": floor_divide, "trunc": _trunc_divide}
    if rounding_mode not in modes:
        raise RuntimeError(f"rounding_mode must be None, 'floor' or 'trunc'; got {rounding_mode!r}")
    return modes[rounding_mode](input, other)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """input to the power of exponent."""
    if isinstance(exponent, int | float) and isinstance(input, Tensor):
        if input.array.dtype.kind == "f" and exponent in POWERS:
            return POWERS[exponent](input)
        if input.array.dtype.kind != "f" and isinstance(exponent, int) and exponent < 0:
            raise RuntimeError(f"whole numbers need an exponent of at least 0; got {exponent}")
    return _pow(input, exponent)


rdiv, rpow = swapped(div), swapped(pow)
rfloor_divide, rremainder = swapped(floor_divide), swapped(remainder)


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Each element, at least `min` and at most `max`."""
    if min is None and max is None:
        raise RuntimeError("clamp needs at least one of min and max; got neither")
    x, bounds = input, (min, max)
    for bound in bounds:
        x = x if bound is None else operands(x, bound)[0]
    kind = x.array.dtype
    if kind.kind == "b":
        raise NotImplementedError("clamp is not there for bool")
    ends = (-np.inf, np.inf) if kind.kind == "f" else (np.iinfo(kind).min, np.iinfo(kind).max)
    low, high = (
        wrap(np.asarray(e, kind)) if b is None else operands(x, b)[1]
        for b, e in zip(bounds, ends, strict=True)
    )
    return apply(_clamp(), x, low, high)


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Each element, at least `min`."""
    return clamp(input, min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Each element, at most `max`."""
    return clamp(input, None, max)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; all three are broadcast.

    With the condition alone: the places where it holds, one tensor of indices a dimension.
    """
    whole = input is None
    return condition.nonzero(as_tuple=True) if whole else where_method(input, condition, other)


def where_method(input: Operand, condition: Tensor, other: Operand) -> Tensor:
    """The input where the condition holds, else `other`."""
    if condition.array.dtype.name not in ("bool", "uint8"):
        raise RuntimeError(f"where needs a condition of bools; got {condition.array.dtype}")
    return apply(_where(), condition.bool(), *operands(input, other))


def xlogy(input: Operand, other: Operand) -> Tensor:
    """input · log other, but 0 where the input is 0."""
    x, y = operands(input, other, fractions=True)
    return where_method(0, (x == 0) & ~y.isnan(), mul(x, y.log()))


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """input + weight · (end − input): on the way from one to the other."""
    return _add(input, mul(weight, _sub(end, input)))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value · tensor1 · tensor2."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """input + value · tensor1 / tensor2."""
    return add(input, _div(tensor1, tensor2), alpha=value)


def copy(input: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """The numbers of `src`, in the shape and type of `input`, whose own have no say any more."""
    return _put(input, src.to(input.array.dtype))


def fill(input: Tensor, value: Operand) -> Tensor:
    """One value everywhere, in the shape and type of `input`."""
    return copy(input, value if isinstance(value, Tensor) else wrap(np.asarray(value)))


def zero(input: Tensor) -> Tensor:
    """0 everywhere."""
    return fill(input, 0)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """|input − other| ≤ atol + rtol · |other|, or both are equal (or nan, if `equal_nan`)."""
    if input.array.dtype != other.array.dtype:
        raise RuntimeError(f"isclose needs one dtype; got {input.dtype} and {other.dtype}")
    away = _sub(input, other).abs()
    close = (input == other) | (away.isfinite() & (away <= other.abs() * rtol + atol))
    return close | (input.isnan() & other.isnan()) if equal_nan else close


def allclose(input: Tensor, other: Tensor, *args: Any, **options: Any) -> bool:
    """Is all of it close?  The options are those of `isclose`."""
    return bool(isclose(input, other, *args, **options).array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """The same shape and the same numbers?"""
    return np.array_equal(input.array, other.array)
