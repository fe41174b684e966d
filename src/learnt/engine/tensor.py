"""Tensor: an array, and how it was computed, with PyTorch's names, defaults and answers.

Nearly every method is a function that stands beside its operation in `ops/`: the class is their
table of contents, and `torch.exp(x)` and `x.exp()` are one function.
"""

import builtins
from collections.abc import Iterator
from typing import Any

from learnt.engine.autograd import Variable, in_place
from learnt.engine.base import TensorBase
from learnt.engine.ops import activation, arithmetic, cast, draw, linear, pointwise, reduce
from learnt.engine.ops import shape as shapes


class Tensor(TensorBase):
    """An array of numbers (`array`), its gradient (`grad`), and the operation it came from.

    >>> import learnt.engine as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    grad: "Tensor | None"

    # --- type, memory, history ----------------------------------------------------------------

    to, type, type_as = cast.to, cast.type, cast.type_as
    float, double = cast.to_float, cast.to_double
    long, int, bool, byte = cast.to_long, cast.to_int, cast.to_bool, cast.to_byte
    clone, detach = cast.clone, cast.detach

    @property
    def data(self) -> "Tensor":
        """The same numbers without their history, as PyTorch's `.data`."""
        return cast.detach(self)

    @data.setter
    def data(self, value: "Tensor") -> None:
        self.array = value.array

    def cuda(self, *_: Any) -> "Tensor":
        """There is none: NotImplementedError."""
        return self.to("cuda")

    def contiguous(self, *_: Any, **__: Any) -> "Tensor":
        """The same numbers; how they lie in memory is the engine's business."""
        return self

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __contains__(self, element: Any) -> builtins.bool:
        return builtins.bool((self == element).array.any())

    # --- arithmetic and comparison ------------------------------------------------------------

    add = __add__ = __radd__ = arithmetic.add
    sub = __sub__ = arithmetic.sub
    __rsub__ = arithmetic.rsub
    mul = __mul__ = __rmul__ = arithmetic.mul
    div = __truediv__ = arithmetic.div
    __rtruediv__ = arithmetic.rdiv
    floor_divide = __floordiv__ = arithmetic.floor_divide
    remainder = __mod__ = arithmetic.remainder
    fmod = arithmetic.fmod
    pow = __pow__ = arithmetic.pow
    __rpow__ = arithmetic.rpow
    neg = __neg__ = pointwise.neg
    abs = __abs__ = pointwise.abs
    matmul = __matmul__ = linear.matmul
    maximum, minimum = arithmetic.maximum, arithmetic.minimum
    clamp = clip = arithmetic.clamp
    eq, ne = arithmetic.eq, arithmetic.ne
    lt = __lt__ = arithmetic.lt
    le = __le__ = arithmetic.le
    gt = __gt__ = arithmetic.gt
    ge = __ge__ = arithmetic.ge
    isnan, isinf, isfinite = pointwise.isnan, pointwise.isinf, pointwise.isfinite

    def __eq__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return arithmetic.eq(self, other) if other is not None else NotImplemented

    def __ne__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return arithmetic.ne(self, other) if other is not None else NotImplemented

    __hash__ = object.__hash__  # by identity, as PyTorch's

    # --- functions of each element ------------------------------------------------------------

    exp, exp2, expm1 = pointwise.exp, pointwise.exp2, pointwise.expm1
    log, log2, log10, log1p = pointwise.log, pointwise.log2, pointwise.log10, pointwise.log1p
    sqrt, rsqrt, square = pointwise.sqrt, pointwise.rsqrt, pointwise.square
    reciprocal, sign = pointwise.reciprocal, pointwise.sign
    floor, ceil, trunc, round = pointwise.floor, pointwise.ceil, pointwise.trunc, pointwise.round
    sin, cos, tan = pointwise.sin, pointwise.cos, pointwise.tan
    sinh, cosh, tanh = pointwise.sinh, pointwise.cosh, pointwise.tanh
    sigmoid, logical_not = pointwise.sigmoid, pointwise.logical_not
    relu = activation.relu
    softmax, log_softmax = activation.softmax, activation.log_softmax

    # --- reductions ---------------------------------------------------------------------------

    sum, mean, var = reduce.sum, reduce.mean, reduce.var
    amax, amin, argmax = reduce.amax, reduce.amin, reduce.argmax

    # --- shapes -------------------------------------------------------------------------------

    reshape = view = shapes.reshape
    flatten, squeeze, unsqueeze = shapes.flatten, shapes.squeeze, shapes.unsqueeze
    permute, transpose, expand = shapes.permute, shapes.transpose, shapes.expand
    __getitem__ = shapes.getitem

    @property
    def T(self) -> "Tensor":  # noqa: N802
        """A matrix transposed."""
        return self.permute(*reversed(range(self.array.ndim)))

    # --- in place -----------------------------------------------------------------------------

    add_ = __iadd__ = in_place(arithmetic.add)
    sub_ = __isub__ = in_place(arithmetic.sub)
    mul_ = __imul__ = in_place(arithmetic.mul)
    div_ = __itruediv__ = in_place(arithmetic.div)
    normal_, uniform_ = draw.normal_, draw.uniform_
    random_, bernoulli_ = draw.random_, draw.bernoulli_


Variable.make = Tensor
