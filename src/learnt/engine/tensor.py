"""Tensor: an array, and how it was computed, with PyTorch's names, defaults and answers.

Every method is one operation from `ops/`, put on record by `apply`; `autograd` walks that
record backwards.
"""

import builtins
from collections.abc import Sequence
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from learnt.engine.autograd import Variable, mode
from learnt.engine.ops import activation, elementwise, linear, reduce, shape
from learnt.engine.ops.op import Array, Op, normalize_dims

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

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not computed by a recorded operation."""
        return self.op is None

    def detach(self) -> "Tensor":
        """The same numbers (shared memory) without their history."""
        return Tensor(self.array)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether `backward` shall leave a gradient here."""
        self.requires_grad = requires_grad
        return self

    # --- facts --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    @property
    def data(self) -> "Tensor":
        """The same numbers without their history, as PyTorch's `.data`."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        self.array = value.array

    @overload
    def size(self, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def size(self, dim: int) -> int: ...
    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    def numel(self) -> int:
        """How many numbers it holds."""
        return self.array.size

    def numpy(self) -> Array:
        """The array itself (shared memory); a tensor that requires grad is detached first."""
        if self.requires_grad:
            raise RuntimeError("numpy() needs a tensor without gradient: call .detach().numpy()")
        return self.array

    def item(self) -> Any:
        """The one number it holds, as Python's."""
        return self.array.item()

    def tolist(self) -> Any:
        """Its numbers as nested lists."""
        return self.array.tolist()

    def __len__(self) -> int:
        return len(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> builtins.float:
        return builtins.float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __repr__(self) -> str:
        text = np.array2string(self.array, separator=", ", precision=4, prefix="tensor(")
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        return f"tensor({text}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    # --- types --------------------------------------------------------------------------------

    def to(self, dtype: npt.DTypeLike) -> "Tensor":
        """The numbers as another type; gradients come back in the type they left."""
        wanted = np.dtype(dtype)
        return self if self.dtype == wanted else apply(elementwise.Cast(wanted), self)

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
        return apply(elementwise.Add(), self, self._operand(other))

    def __radd__(self, other: Scalar) -> "Tensor":
        return self + other

    def __sub__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Sub(), self, self._operand(other))

    def __rsub__(self, other: Scalar) -> "Tensor":
        return apply(elementwise.Sub(), self._operand(other), self)

    def __mul__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Mul(), self, self._operand(other))

    def __rmul__(self, other: Scalar) -> "Tensor":
        return self * other

    def __truediv__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Div(), self, self._operand(other))

    def __rtruediv__(self, other: Scalar) -> "Tensor":
        return apply(elementwise.Div(), self._operand(other), self)

    def __pow__(self, other: "Tensor | Scalar") -> "Tensor":
        return apply(elementwise.Pow(), self, self._operand(other))

    def __neg__(self) -> "Tensor":
        return apply(elementwise.Neg(), self)

    def __matmul__(self, other: "Tensor") -> "Tensor":
        return apply(linear.MatMul(), self, other)

    def _operand(self, other: "Tensor | Scalar") -> "Tensor":
        """A Python number as a tensor of our type (a fraction beside integers: float32)."""
        if isinstance(other, Tensor):
            return other
        whole = isinstance(other, int) or self.array.dtype.kind == "f"
        return Tensor(np.asarray(other, self.array.dtype if whole else np.float32))

    def exp(self) -> "Tensor":
        """eˣ of each element."""
        return apply(elementwise.Exp(), self)

    def log(self) -> "Tensor":
        """The natural logarithm of each element."""
        return apply(elementwise.Log(), self)

    def sqrt(self) -> "Tensor":
        """The square root of each element."""
        return apply(elementwise.Sqrt(), self)

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
        return apply(activation.Sigmoid(), self)

    def tanh(self) -> "Tensor":
        """The hyperbolic tangent of each element."""
        return apply(activation.Tanh(), self)

    def softmax(self, dim: int) -> "Tensor":
        """eˣ over its sum along `dim`: probabilities."""
        return apply(activation.Softmax(dim), self)

    def log_softmax(self, dim: int) -> "Tensor":
        """log softmax along `dim`, without overflow."""
        return apply(activation.LogSoftmax(dim), self)

    def eq(self, other: "Tensor | Scalar") -> "Tensor":
        """Element by element: are they equal? (bool; no gradient)"""
        return Tensor(np.asarray(self.array == self._operand(other).array))

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
        return Tensor(np.asarray(self.array.argmax(dim)))

    def _dims(self, dim: Dims) -> tuple[int, ...]:
        return normalize_dims(tuple(dim) if isinstance(dim, Sequence) else dim, self.ndim)

    # --- shapes -------------------------------------------------------------------------------

    def reshape(self, *shape_: int | Sequence[int]) -> "Tensor":
        """The same numbers in another shape; one size may be −1."""
        wanted = tuple(_unpack(shape_))
        try:
            return apply(shape.Reshape(wanted), self)
        except ValueError:
            raise RuntimeError(
                f"reshape keeps every number: {self.shape} holds {self.numel()}, "
                f"which does not fit {wanted}"
            ) from None

    view = reshape

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "Tensor":
        """The dimensions from `start_dim` to `end_dim` as one."""
        if not self.ndim:
            return self.reshape(1)
        first, last = start_dim % self.ndim, end_dim % self.ndim
        size = int(np.prod(self.shape[first : last + 1]))
        return self.reshape(*self.shape[:first], size, *self.shape[last + 1 :])

    def permute(self, *dims: int | Sequence[int]) -> "Tensor":
        """The dimensions in another order."""
        return apply(shape.Permute(tuple(d % self.ndim for d in _unpack(dims))), self)

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
        at = dim % self.ndim
        return self.reshape(self.shape[:at] + self.shape[at + 1 :]) if self.shape[at] == 1 else self

    def unsqueeze(self, dim: int) -> "Tensor":
        """With a new dimension of size 1 at `dim`."""
        at = dim % (self.ndim + 1)
        return self.reshape(*self.shape[:at], 1, *self.shape[at:])

    def expand(self, *sizes: int | Sequence[int]) -> "Tensor":
        """Dimensions of size 1 repeated, without a copy; −1 leaves one as it is."""
        wanted = list(_unpack(sizes))
        for i, n in enumerate(reversed(self.shape), 1):
            if wanted[-i] == -1:
                wanted[-i] = n
        return apply(shape.Expand(tuple(wanted)), self)

    def __getitem__(self, index: Any) -> "Tensor":
        return apply(shape.GetItem(_arrays(index)), self)


def apply(op: Op, *inputs: Tensor) -> Tensor:
    """The result of `op` on `inputs`, remembering both where a gradient will be wanted."""
    out = Tensor(op.forward(*[t.array for t in inputs]))
    if mode.grad:
        needs = tuple([t.requires_grad for t in inputs])
        if True in needs:
            op.needs = needs
            out.requires_grad, out.op, out.inputs = True, op, inputs
    if mode.trace:
        out.op, out.inputs = op, inputs
    return out


def _unpack(values: Sequence[int | Sequence[int]]) -> Sequence[int]:
    """`f(2, 3)` and `f((2, 3))` alike."""
    first = values[0] if len(values) == 1 else values
    return first if isinstance(first, Sequence) else values  # type: ignore[return-value]


def _arrays(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_arrays(part) for part in index)
    return index.array if isinstance(index, Tensor) else index
