"""Tensor: an array, and how it was computed, with PyTorch's names, defaults and answers.

Every method is one operation from `ops/`, put on record by `apply`; `autograd` walks that
record backwards.
"""

import builtins
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from learnt.engine.autograd import Variable, check_fractions, mode, no_grad
from learnt.engine.ops import activation, elementwise, linear, reduce, shape
from learnt.engine.ops.op import Array, Op, normalize_dim, normalize_dims

Scalar = float | int | bool
Bound = float | None
Dims = int | Sequence[int] | None


class Tensor(Variable):
    """An array of numbers (`array`), its gradient (`grad`), and the operation it came from.

    >>> import learnt.engine as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()
    __array_priority__ = 100  # so that array * tensor is ours to compute
    grad: "Tensor | None"

    def _plain(self, array: Array) -> "Tensor":
        return Tensor(array)

    def detach(self) -> "Tensor":
        """The same numbers (shared memory) without their history."""
        return _fixed(elementwise.Same(), self) if mode.trace else Tensor(self.array)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether `backward` shall leave a gradient here."""
        if requires_grad:
            check_fractions(self.array)
        self.requires_grad = requires_grad
        return self

    @property
    def data(self) -> "Tensor":
        """The same numbers without their history, as PyTorch's `.data`."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        self.array = value.array

    def __repr__(self) -> str:
        text = np.array2string(self.array, separator=", ", precision=4, prefix="tensor(")
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        return f"tensor({text}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    # --- types --------------------------------------------------------------------------------

    def to(self, dtype: npt.DTypeLike) -> "Tensor":
        """The numbers as another type; gradients come back in the type they left."""
        wanted = np.dtype(dtype)
        if self.dtype == wanted:
            return self
        return (apply if wanted.kind == "f" else _fixed)(elementwise.Cast(wanted), self)

    def float(self) -> "Tensor":
        """The numbers as float32."""
        return self.to(np.float32)

    def long(self) -> "Tensor":
        """The numbers as int64."""
        return self.to(np.int64)

    def clone(self) -> "Tensor":
        """A copy, through which gradients pass."""
        return apply(elementwise.Add(), self, Tensor(np.zeros((), self.dtype)))

    # --- arithmetic ---------------------------------------------------------------------------

    def __add__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Add(), *self._pair(other))

    def __radd__(self, other: Scalar) -> "Tensor":
        return self + other

    def __sub__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Sub(), *self._pair(other))

    def __rsub__(self, other: Scalar) -> "Tensor":
        return apply(elementwise.Sub(), *self._pair(other)[::-1])

    def __mul__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Mul(), *self._pair(other))

    def __rmul__(self, other: Scalar) -> "Tensor":
        return self * other

    def __truediv__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Div(), *self._fractions(other))

    def __rtruediv__(self, other: Scalar) -> "Tensor":
        return apply(elementwise.Div(), *self._fractions(other)[::-1])

    def __pow__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Pow(), *self._pair(other))

    def __neg__(self) -> "Tensor":
        return apply(elementwise.Neg(), self)

    def __matmul__(self, other: "Tensor") -> "Tensor":
        return apply(linear.MatMul(), self, other)

    def _pair(self, other: "Tensor | Scalar") -> "tuple[Tensor, Tensor]":
        """Both operands, in the type that PyTorch gives to their result."""
        if not isinstance(other, Tensor):
            other = self._number(other)
        if self.array.dtype == other.array.dtype:
            return self, other
        wanted = elementwise.result_type(self.array, other.array)
        return self.to(wanted), other.to(wanted)

    def _fractions(self, other: "Tensor | Scalar") -> "tuple[Tensor, Tensor]":
        """Both operands, whole numbers as float32: for true division."""
        a, b = self._pair(other)
        return a._fraction(), b._fraction()

    def _fraction(self) -> "Tensor":
        return self if self.array.dtype.kind == "f" else self.float()

    def _number(self, other: Scalar) -> "Tensor":
        """A Python number as a tensor: of our type, unless that is of a lesser kind."""
        if not isinstance(other, int | builtins.float | np.ndarray | np.generic):
            raise TypeError(f"an operand must be a tensor or a number; got {other!r}")
        kind = "b" if isinstance(other, bool) else "i" if isinstance(other, int) else "f"
        if elementwise.RANKS[self.array.dtype.kind] >= elementwise.RANKS[kind]:
            return Tensor(np.asarray(other, self.array.dtype))
        return Tensor(np.asarray(other, np.int64 if kind == "i" else np.float32))

    # In place: the tensor itself changes, where nothing is recorded that would not know of it.

    def __iadd__(self, other: "Tensor | Scalar") -> Self:
        return self._in_place(self + other)

    def __isub__(self, other: "Tensor | Scalar") -> Self:
        return self._in_place(self - other)

    def __imul__(self, other: "Tensor | Scalar") -> Self:
        return self._in_place(self * other)

    def __itruediv__(self, other: "Tensor | Scalar") -> Self:
        return self._in_place(self / other)

    def _in_place(self, result: "Tensor") -> Self:
        if result.op is not None:  # recorded: a new tensor of that name, unless it is the user's
            if self.op is None and self.requires_grad:
                raise RuntimeError(
                    "a leaf that requires grad cannot be changed in place: do so in no_grad()"
                )
            return result  # type: ignore[return-value]
        if result.shape != self.shape:
            raise RuntimeError(f"in place, shape {self.shape} must stay; got {result.shape}")
        np.copyto(self.array, result.array, casting="same_kind")
        return self

    # --- comparisons --------------------------------------------------------------------------

    def eq(self, other: "Tensor | Scalar") -> "Tensor":
        """Element by element: are they equal? (bool; no gradient)"""
        return _fixed(elementwise.Compare("=="), *self._pair(other))

    def __eq__(self, other: "Tensor | Scalar") -> "Tensor":  # type: ignore[override]
        return self.eq(other) if other is not None else NotImplemented

    def __ne__(self, other: "Tensor | Scalar") -> "Tensor":  # type: ignore[override]
        if other is None:
            return NotImplemented
        return _fixed(elementwise.Compare("!="), *self._pair(other))

    def __lt__(self, other: "Tensor | Scalar") -> "Tensor":
        return _fixed(elementwise.Compare("<"), *self._pair(other))

    def __le__(self, other: "Tensor | Scalar") -> "Tensor":
        return _fixed(elementwise.Compare("<="), *self._pair(other))

    def __gt__(self, other: "Tensor | Scalar") -> "Tensor":
        return _fixed(elementwise.Compare(">"), *self._pair(other))

    def __ge__(self, other: "Tensor | Scalar") -> "Tensor":
        return _fixed(elementwise.Compare(">="), *self._pair(other))

    __hash__ = object.__hash__  # by identity, as PyTorch's

    # --- functions ----------------------------------------------------------------------------

    def exp(self) -> "Tensor":
        """eˣ of each element."""
        return apply(elementwise.Exp(), self._fraction())

    def log(self) -> "Tensor":
        """The natural logarithm of each element."""
        return apply(elementwise.Log(), self._fraction())

    def sqrt(self) -> "Tensor":
        """The square root of each element."""
        return apply(elementwise.Sqrt(), self._fraction())

    def abs(self) -> "Tensor":
        """Each element without its sign."""
        return apply(elementwise.Abs(), self)

    def pow(self, exponent: "Tensor | Scalar") -> "Tensor":
        """Each element to the power of `exponent`."""
        return self**exponent

    def clamp(self, min: Bound = None, max: Bound = None) -> "Tensor":
        """Each element, at least `min` and at most `max`."""
        return apply(elementwise.Clamp(min, max), self)

    def relu(self) -> "Tensor":
        """max(x, 0) of each element."""
        return apply(activation.ReLU(), self)

    def sigmoid(self) -> "Tensor":
        """1 / (1 + e⁻ˣ) of each element."""
        return apply(activation.Sigmoid(), self._fraction())

    def tanh(self) -> "Tensor":
        """The hyperbolic tangent of each element."""
        return apply(activation.Tanh(), self._fraction())

    def softmax(self, dim: int) -> "Tensor":
        """eˣ over its sum along `dim`: probabilities."""
        return apply(activation.Softmax(dim), self)

    def log_softmax(self, dim: int) -> "Tensor":
        """log softmax along `dim`, without overflow."""
        return apply(activation.LogSoftmax(dim), self)

    # --- reductions ---------------------------------------------------------------------------

    def sum(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """The sum over `dim` (all by default)."""
        return apply(reduce.Sum(self._dims(dim), keepdim), self)

    def mean(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """The mean over `dim` (all by default)."""
        return apply(reduce.Mean(self._dims(dim), keepdim), self)

    def var(self, dim: Dims = None, *, correction: int = 1, keepdim: bool = False) -> "Tensor":
        """The variance over `dim`, with Bessel's correction unless `correction=0`."""
        return apply(reduce.Var(self._dims(dim), keepdim, correction), self)

    def amax(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """The largest over `dim`; equals share the gradient."""
        return apply(reduce.Extreme(self._dims(dim), keepdim, True), self)

    def amin(self, dim: Dims = None, keepdim: bool = False) -> "Tensor":
        """The smallest over `dim`; equals share the gradient."""
        return apply(reduce.Extreme(self._dims(dim), keepdim, False), self)

    def argmax(self, dim: int | None = None) -> "Tensor":
        """Where the largest element is, along `dim` or in all (int64; no gradient)."""
        if dim is None:
            return self.flatten().argmax(0)
        return _fixed(reduce.ArgMax(normalize_dim(dim, self.ndim)), self)

    def _dims(self, dim: Dims) -> tuple[int, ...]:
        return normalize_dims(tuple(dim) if isinstance(dim, Sequence) else dim, self.ndim)

    # --- shapes -------------------------------------------------------------------------------

    def reshape(self, *shape_: int | Sequence[int]) -> "Tensor":
        """The same numbers in another shape; one size may be −1."""
        wanted = tuple(unpack(shape_))
        try:
            return apply(shape.Reshape(wanted), self)
        except RuntimeError:
            raise RuntimeError(
                f"reshape keeps every number: {self.shape} holds {self.numel()}, "
                f"which does not fit {wanted}"
            ) from None

    view = reshape

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "Tensor":
        """The dimensions from `start_dim` to `end_dim` as one."""
        if not self.ndim:
            return self.reshape(1)
        first, last = normalize_dim(start_dim, self.ndim), normalize_dim(end_dim, self.ndim)
        size = int(np.prod(self.shape[first : last + 1]))
        return self.reshape(*self.shape[:first], size, *self.shape[last + 1 :])

    def permute(self, *dims: int | Sequence[int]) -> "Tensor":
        """The dimensions in another order."""
        return apply(shape.Permute(tuple(normalize_dim(d, self.ndim) for d in unpack(dims))), self)

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Two dimensions exchanged."""
        order = list(range(self.ndim))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        return self.permute(*order)

    @property
    def T(self) -> "Tensor":  # noqa: N802
        """A matrix transposed."""
        return self.permute(*reversed(range(self.ndim)))

    def squeeze(self, dim: int) -> "Tensor":
        """Without dimension `dim`, where that is of size 1."""
        at = normalize_dim(dim, self.ndim)
        return self.reshape(self.shape[:at] + self.shape[at + 1 :]) if self.shape[at] == 1 else self

    def unsqueeze(self, dim: int) -> "Tensor":
        """With a new dimension of size 1 at `dim`."""
        at = normalize_dim(dim, self.ndim + 1)
        return self.reshape(*self.shape[:at], 1, *self.shape[at:])

    def expand(self, *sizes: int | Sequence[int]) -> "Tensor":
        """Dimensions of size 1 repeated, without a copy; −1 leaves one as it is."""
        wanted = list(unpack(sizes))
        for i, n in enumerate(reversed(self.shape), 1):
            if wanted[-i] == -1:
                wanted[-i] = n
        return apply(shape.Expand(tuple(wanted)), self)

    def __getitem__(self, index: Any) -> "Tensor":
        return apply(shape.GetItem(_arrays(index)), self)


def apply(op: Op, *inputs: Tensor) -> Tensor:
    """The result of `op` on `inputs`, remembering both where a gradient will be wanted."""
    try:
        out = Tensor(op.forward(*[t.array for t in inputs]))
    except ValueError as error:  # NumPy's; a dimension that is not there is an IndexError too
        if isinstance(error, IndexError):
            raise
        shapes = " and ".join(str(t.shape) for t in inputs)
        name = type(op).__name__.lower()
        raise RuntimeError(f"{name} cannot be of shapes {shapes}: {error}") from None
    if mode.grad:
        needs = tuple([t.requires_grad for t in inputs])
        if True in needs:
            op.needs = needs
            out.requires_grad, out.op, out.inputs = True, op, inputs
    if mode.trace:
        out.op, out.inputs = op, inputs
    return out


def _fixed(op: Op, *inputs: Tensor) -> Tensor:
    """The result of an operation that gradients do not pass."""
    with no_grad():
        return apply(op, *inputs)


def unpack(values: Sequence[int | Sequence[int]]) -> Sequence[int]:
    """`f(2, 3)` and `f((2, 3))` alike."""
    first = values[0] if len(values) == 1 else values
    return first if isinstance(first, Sequence) else values  # type: ignore[return-value]


def _arrays(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_arrays(part) for part in index)
    if isinstance(index, slice) and index.step is not None and index.step < 1:
        raise ValueError(f"a slice needs a step of at least 1; got {index.step}")
    return index.array if isinstance(index, Tensor) else index
