"""Tensor: an array, and how it was computed, with PyTorch's names, defaults and answers.

Nearly every method is a function that stands beside its operation in `ops/`: the class is their
table of contents, and `torch.exp(x)` and `x.exp()` are one function.
"""

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.engine.autograd import in_place
from learnt.engine.autograd.variable import Variable
from learnt.engine.base import TensorBase
from learnt.engine.missing import NotHereError
from learnt.engine.ops import (
    activation,
    arithmetic,
    cast,
    draw,
    gelu,
    index,
    linear,
    pointwise,
    products,
    rearrange,
    reduce,
)
from learnt.engine.ops import shape as shapes
from learnt.engine.ops import sort as sorts

OPERANDS = Variable | builtins.int | builtins.float | np.generic | np.ndarray


class Tensor(TensorBase):
    """An array of numbers (`array`), its gradient (`grad`), and the operation it came from.

    >>> import learnt.engine as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    grad: "Tensor | None"

    def __init__(self, data: Any = (), requires_grad: Any = False, *sizes: Any) -> None:
        """On the memory of an array; also, as PyTorch's old constructor of float32:

        `Tensor([1, 2])` holds these numbers, and `Tensor(2, 3)` has that shape, to be filled.
        """
        if type(data) is np.ndarray and not requires_grad:  # the short way of every result
            self.array = data
            return
        if isinstance(data, builtins.int):  # the sizes
            more = () if requires_grad is False else (requires_grad, *sizes)
            data, requires_grad = np.zeros((data, *more), np.float32), False
        elif not isinstance(data, np.ndarray | np.generic):
            data = np.asarray(getattr(data, "array", data), np.float32)
        super().__init__(data, requires_grad)

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

    def __iter__(self) -> "Iterator[Tensor]":
        return iter(self.unbind() if len(self) else ())

    def __contains__(self, element: Any) -> builtins.bool:
        return builtins.bool((self == element).array.any())

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise NotHereError(f"Tensor.{name} is not part of this engine")

    # --- arithmetic and comparison ------------------------------------------------------------

    add = __add__ = __radd__ = arithmetic.add
    sub = subtract = __sub__ = arithmetic.sub
    __rsub__ = arithmetic.rsub
    mul = multiply = __mul__ = __rmul__ = arithmetic.mul
    div = divide = true_divide = __truediv__ = arithmetic.div
    __rtruediv__ = __rdiv__ = arithmetic.rdiv
    floor_divide, __rfloordiv__ = arithmetic.floor_divide, arithmetic.rfloor_divide
    __floordiv__ = arithmetic.floor_divide
    remainder, __rmod__ = arithmetic.remainder, arithmetic.rremainder
    __mod__, fmod = arithmetic.remainder, arithmetic.fmod
    pow, __rpow__ = arithmetic.pow, arithmetic.rpow
    __pow__ = arithmetic.pow
    neg = negative = __neg__ = pointwise.neg
    __pos__ = positive = cast.to
    abs = absolute = __abs__ = pointwise.abs
    matmul = __matmul__ = linear.matmul
    maximum, minimum = arithmetic.maximum, arithmetic.minimum
    clamp = clip = arithmetic.clamp
    clamp_min, clamp_max = arithmetic.clamp_min, arithmetic.clamp_max
    where, lerp = arithmetic.where_method, arithmetic.lerp
    addcmul, addcdiv = arithmetic.addcmul, arithmetic.addcdiv
    isclose, allclose, equal = arithmetic.isclose, arithmetic.allclose, arithmetic.equal
    xlogy, logaddexp = arithmetic.xlogy, arithmetic.logaddexp
    logical_and, logical_or = arithmetic.logical_and, arithmetic.logical_or
    logical_xor, logical_not = arithmetic.logical_xor, pointwise.logical_not
    bitwise_and = __and__ = __rand__ = arithmetic.bitwise_and
    bitwise_or = __or__ = __ror__ = arithmetic.bitwise_or
    bitwise_xor = __xor__ = __rxor__ = arithmetic.bitwise_xor
    bitwise_not = __invert__ = pointwise.bitwise_not
    eq, ne = arithmetic.eq, arithmetic.ne
    lt = __lt__ = arithmetic.lt
    le = __le__ = arithmetic.le
    gt = __gt__ = arithmetic.gt
    ge = __ge__ = arithmetic.ge
    isnan, isinf, isfinite = pointwise.isnan, pointwise.isinf, pointwise.isfinite

    def __eq__(self, other: Any) -> "Tensor":  # type: ignore[override]
        known: Any = other
        return self.eq(known) if isinstance(other, OPERANDS) else NotImplemented

    def __ne__(self, other: Any) -> "Tensor":  # type: ignore[override]
        known: Any = other
        return self.ne(known) if isinstance(other, OPERANDS) else NotImplemented

    __hash__ = object.__hash__  # by identity, as PyTorch's

    # --- functions of each element ------------------------------------------------------------

    exp, exp2, expm1 = pointwise.exp, pointwise.exp2, pointwise.expm1
    log, log2, log10, log1p = pointwise.log, pointwise.log2, pointwise.log10, pointwise.log1p
    sqrt, rsqrt, square = pointwise.sqrt, pointwise.rsqrt, pointwise.square
    reciprocal, sign = pointwise.reciprocal, pointwise.sign
    floor, ceil, trunc, round = pointwise.floor, pointwise.ceil, pointwise.trunc, pointwise.round
    sin, cos, tan = pointwise.sin, pointwise.cos, pointwise.tan
    asin, acos, atan = pointwise.asin, pointwise.acos, pointwise.atan
    sinh, cosh, tanh = pointwise.sinh, pointwise.cosh, pointwise.tanh
    sigmoid, erf = pointwise.sigmoid, gelu.erf
    relu, relu_, prelu = activation.relu, activation.relu_, activation.prelu
    hardshrink = activation.hardshrink
    softmax, log_softmax = activation.softmax, activation.log_softmax

    # --- reductions ---------------------------------------------------------------------------

    sum, mean, prod, norm = reduce.sum, reduce.mean, reduce.prod, reduce.norm
    var, std = reduce.var, reduce.std
    max, amax, argmax = reduce.max, reduce.amax, reduce.argmax
    min, amin, argmin = reduce.min, reduce.amin, reduce.argmin
    any, all, count_nonzero = reduce.any, reduce.all, reduce.count_nonzero
    logsumexp, cumsum, cumprod = reduce.logsumexp, reduce.cumsum, reduce.cumprod

    # --- products -----------------------------------------------------------------------------

    mm, bmm, mv, dot = products.mm, products.bmm, products.mv, products.dot
    inner, outer = products.inner, products.outer
    addmm, addmv = products.addmm, products.addmv
    addbmm, baddbmm = products.addbmm, products.baddbmm

    # --- shapes -------------------------------------------------------------------------------

    reshape, view, contiguous = shapes.reshape, shapes.view, shapes.contiguous
    reshape_as, view_as, expand_as = shapes.reshape_as, shapes.view_as, shapes.expand_as
    flatten, ravel, unflatten = shapes.flatten, shapes.ravel, shapes.unflatten
    squeeze, unsqueeze, t = shapes.squeeze, shapes.unsqueeze, shapes.t
    permute, transpose, movedim, moveaxis = (
        shapes.permute, shapes.transpose, shapes.movedim, shapes.moveaxis,
    )  # fmt: skip
    swapaxes, swapdims, adjoint = shapes.swapaxes, shapes.swapdims, shapes.adjoint
    T, mT, mH = property(shapes.reverse), property(shapes.adjoint), property(shapes.adjoint)  # noqa: N815
    expand, broadcast_to = shapes.expand, shapes.broadcast_to
    tril, triu, unfold = rearrange.tril, rearrange.triu, rearrange.unfold
    diag, diag_embed, diagonal = rearrange.diag, rearrange.diag_embed, rearrange.diagonal
    repeat, tile, repeat_interleave = rearrange.repeat, rearrange.tile, rearrange.repeat_interleave
    split, chunk, unbind = rearrange.split, rearrange.chunk, rearrange.unbind
    narrow, select, flip, roll = rearrange.narrow, rearrange.select, rearrange.flip, rearrange.roll

    # --- indexing -----------------------------------------------------------------------------

    __getitem__, __setitem__ = index.getitem, index.setitem
    gather, take, take_along_dim = index.gather, index.take, index.take_along_dim
    scatter, scatter_add, index_put = index.scatter, index.scatter_add, index.index_put
    index_select, index_add = index.index_select, index.index_add
    index_copy, index_fill = index.index_copy, index.index_fill
    masked_fill, masked_select = index.masked_fill, index.masked_select
    masked_scatter, nonzero, argwhere = index.masked_scatter, index.nonzero, index.argwhere
    topk, argsort, unique, bincount = sorts.topk, sorts.argsort, sorts.unique, sorts.bincount
    sort = sorts.sort

    # --- in place -----------------------------------------------------------------------------

    add_ = __iadd__ = in_place(arithmetic.add)
    sub_ = __isub__ = in_place(arithmetic.sub)
    mul_ = __imul__ = in_place(arithmetic.mul)
    div_ = __itruediv__ = in_place(arithmetic.div)
    pow_ = __ipow__ = in_place(arithmetic.pow)
    floor_divide_ = __ifloordiv__ = in_place(arithmetic.floor_divide)
    remainder_ = __imod__ = in_place(arithmetic.remainder)
    bitwise_and_ = __iand__ = in_place(arithmetic.bitwise_and)
    bitwise_or_ = __ior__ = in_place(arithmetic.bitwise_or)
    bitwise_xor_ = __ixor__ = in_place(arithmetic.bitwise_xor)
    logical_and_, logical_or_ = in_place(arithmetic.logical_and), in_place(arithmetic.logical_or)
    clamp_ = clip_ = in_place(arithmetic.clamp)
    clamp_min_, clamp_max_ = in_place(arithmetic.clamp_min), in_place(arithmetic.clamp_max)
    addcmul_, addcdiv_ = in_place(arithmetic.addcmul), in_place(arithmetic.addcdiv)
    lerp_, addmm_ = in_place(arithmetic.lerp), in_place(products.addmm)
    zero_, fill_ = in_place(arithmetic.zero), in_place(arithmetic.fill)
    copy_ = in_place(arithmetic.copy)
    neg_, abs_, square_ = map(in_place, (pointwise.neg, pointwise.abs, pointwise.square))
    exp_, log_, sqrt_ = map(in_place, (pointwise.exp, pointwise.log, pointwise.sqrt))
    rsqrt_, reciprocal_ = in_place(pointwise.rsqrt), in_place(pointwise.reciprocal)
    sigmoid_, tanh_, sign_ = map(in_place, (pointwise.sigmoid, pointwise.tanh, pointwise.sign))
    floor_, ceil_, trunc_ = map(in_place, (pointwise.floor, pointwise.ceil, pointwise.trunc))
    round_, sin_, cos_ = map(in_place, (pointwise.round, pointwise.sin, pointwise.cos))
    erf_, log1p_ = in_place(gelu.erf), in_place(pointwise.log1p)
    cumsum_, cumprod_ = in_place(reduce.cumsum), in_place(reduce.cumprod)
    masked_fill_, masked_scatter_ = in_place(index.masked_fill), in_place(index.masked_scatter)
    scatter_, scatter_add_ = in_place(index.scatter), in_place(index.scatter_add)
    index_put_, index_add_ = in_place(index.index_put), in_place(index.index_add)
    index_copy_, index_fill_ = in_place(index.index_copy), in_place(index.index_fill)
    tril_, triu_ = in_place(rearrange.tril), in_place(rearrange.triu)
    squeeze_, unsqueeze_ = shapes.become(shapes.squeeze), shapes.become(shapes.unsqueeze)
    transpose_, t_ = shapes.become(shapes.transpose), shapes.become(shapes.t)
    normal_, uniform_ = draw.normal_, draw.uniform_
    random_, bernoulli_ = draw.random_, draw.bernoulli_


Variable.make = Tensor
