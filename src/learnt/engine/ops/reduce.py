"""Reductions: many numbers to fewer, over chosen dimensions; and running sums and products.

Long sums are products with ones: BLAS adds rows faster than `add.reduce`, and in blocks also
with smaller errors.  (Higham 1993, on blocked summation)
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from learnt.engine.autograd import Tensor, apply, mode
from learnt.engine.op import (
    SILENT,
    Array,
    Grads,
    GraphBuilder,
    Op,
    normalize_dim,
    normalize_dims,
    numpy_names,
)
from learnt.engine.ops.arithmetic import fill, maximum, minimum, where, zero
from learnt.engine.ops.index import gather
from learnt.engine.ops.linear import ones
from learnt.engine.ops.pointwise import unary

Dims = int | Sequence[int] | None
DType = npt.DTypeLike | None
BLOCK = 512


class Extremes(NamedTuple):
    """What `max` and `min` over a dimension return."""

    values: Tensor
    indices: Tensor


def total(x: Array, dims: tuple[int, ...]) -> Array:
    """Σ over `dims`, which stay as 1."""
    k, n = len(dims), x.ndim
    if 0 < k < n and x.size >= 8 * BLOCK and x.dtype.kind == "f" and x.flags.c_contiguous:
        shape = [1 if d in dims else size for d, size in enumerate(x.shape)]
        if dims[0] == n - k and (size := math.prod(x.shape[n - k :])) <= 8 * BLOCK:  # the last
            return np.reshape(np.dot(x.reshape(-1, size), ones(size, x.dtype.char)), shape)
        if dims[-1] == k - 1:  # the first
            return _down(x.reshape(math.prod(x.shape[:k]), -1)).reshape(shape)
    return np.add.reduce(x, axis=dims, dtype=x.dtype, keepdims=True)


def _down(x: Array) -> Array:
    """Σ over the rows of a matrix, in blocks: (m, n) → (n)."""
    blocks, kind = len(x) // BLOCK, x.dtype.char
    if blocks < 2:
        return np.asarray(np.dot(ones(len(x), kind), x))
    whole = x[: blocks * BLOCK].reshape(blocks, BLOCK, -1)
    return _down(np.matmul(ones(BLOCK, kind), whole)) + _down(x[blocks * BLOCK :])


class Reduce(Op):
    """Over `dims` (sorted, non-negative), keeping them as size 1 with `keepdim`."""

    def __init__(self, twin: str, dims: tuple[int, ...], keepdim: bool) -> None:
        self.twin, self.dims, self.keepdim = twin, dims, keepdim

    def narrow(self, wide: Array) -> Array:
        """A result whose dimensions were kept, as asked for."""
        return wide if self.keepdim else np.squeeze(wide, self.dims)

    def widen(self, reduced: Array) -> Array:
        """A reduced array with its dimensions back as 1, so that it broadcasts."""
        return reduced if self.keepdim else np.expand_dims(reduced, self.dims)

    def onnx(self, graph: GraphBuilder, *inputs: str) -> str:
        axes, keep = graph.constant(list(self.dims), "int64"), int(self.keepdim)
        return graph.add(self.twin, *inputs, axes, keepdims=keep, noop_with_empty_axes=1)


class Sum(Reduce):
    """z = Σ x; ∂z/∂x = 1."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        with SILENT():
            return self.narrow(total(x, self.dims))

    def backward(self, grad: Array) -> Grads:
        return (np.broadcast_to(self.widen(grad), self.shape),)


class Mean(Sum):
    """z = Σ x / n; ∂z/∂x = 1/n."""

    def forward(self, x: Array) -> Array:
        self.shape, self.n = x.shape, math.prod([x.shape[d] for d in self.dims])
        with SILENT():
            return self.narrow(np.divide(total(x, self.dims), self.n, dtype=x.dtype))

    def backward(self, grad: Array) -> Grads:
        return super().backward(grad / (self.n or 1))


class Extreme(Reduce):
    """z = max x or min x; the gradient is shared among equals, and among nans if `nan`."""

    nan = False

    def forward(self, x: Array) -> Array:
        z = (np.max if self.twin == "ReduceMax" else np.min)(x, axis=self.dims, keepdims=True)
        if self.needs:
            self.x, self.z = x, z
        return self.narrow(z)

    def backward(self, grad: Array) -> Grads:
        equal = self.x == self.z
        if self.nan:
            equal |= np.isnan(self.x) & np.isnan(self.z)
        with SILENT():
            share = self.widen(grad) / np.sum(equal, self.dims, grad.dtype, keepdims=True)
            return (equal * share,)


class Arg(Op):
    """z = where the largest (or smallest) number along `dim` is: the first, int64."""

    differentiable = False

    def __init__(self, twin: str, dim: int, keepdim: bool) -> None:
        self.twin, self.dim, self.keepdim = twin, dim, keepdim

    def forward(self, x: Array) -> Array:
        find = np.argmax if self.twin == "ArgMax" else np.argmin
        return np.asarray(find(x, self.dim, keepdims=self.keepdim))

    def onnx(self, graph: GraphBuilder, *inputs: str) -> str:
        return graph.add(self.twin, *inputs, axis=self.dim, keepdims=int(self.keepdim))


def running(f: np.ufunc, x: Array, dim: int, back: bool = False) -> Array:
    """Sums or products up to each place (`back`: from each place on), in float64."""
    x = np.flip(x, dim) if back else x
    with SILENT():
        z = f.accumulate(x, dim, np.float64 if x.dtype.kind == "f" else x.dtype).astype(x.dtype)
    return np.flip(z, dim) if back else z


class CumSum(Op):
    """zᵢ = x₁ + … + xᵢ along `dim`; ∂L/∂xᵢ = gᵢ + … + gₙ."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return running(np.add, x, self.dim)

    def backward(self, grad: Array) -> Grads:
        return (running(np.add, grad, self.dim, back=True),)

    def onnx(self, graph: GraphBuilder, *inputs: str) -> str:
        return graph.add("CumSum", *inputs, graph.constant(self.dim, "int64"))


class CumProd(CumSum):
    """zᵢ = x₁ · … · xᵢ along `dim`; ∂L/∂xᵢ = (gᵢ zᵢ + … + gₙ zₙ) / xᵢ, up to the first 0.

    There it is the same with 1 in place of that 0, and after it 0.
    """

    def forward(self, x: Array) -> Array:
        self.x = x
        return running(np.multiply, x, self.dim)

    def backward(self, grad: Array) -> Grads:
        zeros = np.cumsum(self.x == 0, self.dim)  # so far
        first = (self.x == 0) & (zeros == 1)
        filled = np.where(first, 1, self.x).astype(grad.dtype)
        with SILENT():
            slopes = [running(np.add, grad * running(np.multiply, x, self.dim), self.dim, True)
                      for x in (self.x, filled)]  # fmt: skip
            return (np.where(zeros == 0, slopes[0] / filled, np.where(first, slopes[1], 0)),)

    def onnx(self, graph: GraphBuilder, *inputs: str) -> str:
        like = graph.traced(
            *inputs
        )  # for each place the product of all x, but 1 for those after it
        n, after = like.shape[self.dim], [1] * (like.ndim - self.dim - 1)
        mask = graph.constant(np.tril(np.ones((n, n), bool)).reshape(n, n, *after))
        rows = graph.add("Unsqueeze", *inputs, graph.constant([self.dim], "int64"))
        parts = graph.add("Where", mask, rows, graph.constant(1, like.dtype))
        return graph.add("ReduceProd", parts, graph.constant([self.dim + 1], "int64"), keepdims=0)


def dims_of(dim: Dims, input: Tensor) -> tuple[int, ...]:
    """The dimensions meant, sorted; None and () are all."""
    wanted = tuple(dim) if isinstance(dim, Sequence) else dim
    return normalize_dims(None if wanted == () else wanted, input.array.ndim)


def _line(input: Tensor, dim: int, keepdim: bool = True) -> tuple[Tensor, int, bool]:
    """A dimension to go along; a single number is a line of one."""
    at = normalize_dim(dim, input.array.ndim)
    return (input, at, keepdim) if input.array.ndim else (input.reshape(1), 0, False)


def _summable(input: Tensor, dtype: DType) -> Tensor:
    """Of the type asked for; whole numbers and bools are added as int64."""
    return input.to(dtype) if dtype else input if input.array.dtype.kind == "f" else input.long()


def _fractions(input: Tensor, name: str, dtype: DType = None) -> Tensor:
    x = input.to(dtype) if dtype else input
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"{name} needs fractions; got {x.dtype}: convert them by .float()")
    return x


@numpy_names
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None) -> Tensor:
    """The sum over `dim` (all by default)."""
    return apply(Sum("ReduceSum", dims_of(dim, input), keepdim), _summable(input, dtype))


@numpy_names
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None) -> Tensor:
    """The mean over `dim` (all by default)."""
    x = _fractions(input, "mean", dtype)
    return apply(Mean("ReduceMean", dims_of(dim, x), keepdim), x)


@numpy_names
def var_mean(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False,
    *, correction: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The variance over `dim`, or all, and the mean: Σ (x − x̄)² / (n − correction) and x̄.

    The correction is 1 by default (Bessel's), and 0 if not `unbiased`.
    """
    if isinstance(dim, bool):  # x.var(False): of all, not unbiased
        dim, unbiased = None, dim
    x, dims = _fractions(input, "var"), dims_of(dim, input)
    c = int(unbiased is not False) if correction is None else correction
    average = mean(x, dims, True)
    squares = (x - average).square()
    left: Any = math.prod([x.array.shape[d] for d in dims]) - c
    if mode.trace:  # a sum that follows the size of the batch
        left = sum(fill(x, 1), dims, keepdim) - c
    z = sum(squares, dims, keepdim) / (left * (left > 0)) if c else mean(squares, dims, keepdim)
    return z, average.reshape(z.array.shape)


# at 0 it is flat: so are a norm and a deviation of equal numbers, in PyTorch
_root = unary("root", np.sqrt, lambda z: np.where(z == 0, 0, 0.5 / z).astype(z.dtype), "Sqrt", "√x")


@numpy_names
def var(input: Tensor, *args: Any, **options: Any) -> Tensor:
    """The variance: as `var_mean`, alone."""
    return var_mean(input, *args, **options)[0]


@numpy_names
def std_mean(input: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """The standard deviation, which is the root of the variance, and the mean: as `var_mean`."""
    variance, average = var_mean(input, *args, **options)
    return _root(variance), average


@numpy_names
def std(input: Tensor, *args: Any, **options: Any) -> Tensor:
    """The standard deviation: as `std_mean`, alone."""
    return std_mean(input, *args, **options)[0]


def extreme(kind: str, pair: Callable[..., Tensor]) -> tuple[Callable[..., Any], ...]:
    """`amax`, `argmax` and `max`; or those of the minimum."""

    def some(input: Tensor, dims: tuple[int, ...]) -> None:
        if 0 in [input.array.shape[d] for d in dims]:
            raise IndexError(f"{kind.lower()} needs numbers; got shape {input.array.shape}")

    def shared(input: Tensor, dim: Dims = (), keepdim: bool = False, nan: bool = False) -> Tensor:
        op = Extreme(f"Reduce{kind}", dims := dims_of(dim, input), keepdim)
        some(input, dims)
        op.nan = nan
        return apply(op, input)

    def arg(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        if input.array.dtype.kind == "b":
            raise RuntimeError(f"Arg{kind} of bools is not there: convert them by .int()")
        if dim is None:
            found = arg(input.reshape(-1), 0)
            return found.reshape((1,) * input.array.ndim) if keepdim else found
        x, at, keepdim = _line(input, dim, keepdim)
        some(x, (at,))
        return apply(Arg(f"Arg{kind}", at, keepdim), x)

    def best(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if other is not None or isinstance(dim, Tensor):
            return pair(input, dim if other is None else other)
        if dim is None:
            return shared(input, nan=True)
        x, at, keepdim = _line(input, dim, keepdim)
        some(x, (at,))
        places = apply(Arg(f"Arg{kind}", at, True), x)
        found = gather(x, at, places), places
        return Extremes(*(found if keepdim else [t.squeeze(at) for t in found]))

    shared.__doc__ = f"The {kind}imum over `dim` (all by default); equals share the gradient."
    arg.__doc__ = f"Where the {kind}imum is, along `dim` or in all: the first, int64."
    best.__doc__ = f"""The {kind}imum of all or of two tensors; along `dim`, values and indices.

    Of equals along `dim` the first gets the gradient; of all, they share it.
    """
    return numpy_names(shared), numpy_names(arg), numpy_names(best)


amax, argmax, max = extreme("Max", maximum)
amin, argmin, min = extreme("Min", minimum)


@numpy_names
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log Σ eˣ over `dim`; less the maximum first, so that eˣ cannot overflow."""
    x = input if input.array.dtype.kind == "f" else input.float()
    peak = amax(x.detach(), dim, True)
    top: Tensor = where(peak.isfinite(), peak, 0)
    z = (x - top).exp().sum(dim, keepdim).log()
    return z + top.reshape(z.array.shape)


@numpy_names
def norm(
    input: Tensor, p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False,
    out: None = None, dtype: DType = None,
) -> Tensor:  # fmt: skip
    """(Σ |x|ᵖ)^(1/p) over `dim` (all by default): the length, for p = 2 or "fro"."""
    if isinstance(p, str) and p != "fro":
        raise NotImplementedError(f"norm takes numbers and 'fro' as p; got {p!r}")
    power, x = 2.0 if p is None or isinstance(p, str) else p, _fractions(input, "norm", dtype)
    if power == 2:
        return _root(sum(x.square(), dim, keepdim))
    if math.isinf(power):
        furthest: Tensor = (amax if power > 0 else amin)(x.abs(), dim, keepdim, nan=True)
        return furthest
    if power in (0, 1):
        return sum(x.abs() if power else where(x != 0, 1, zero(x)), dim, keepdim)
    powers = where(x == 0, 1, x).abs() ** power  # of 0 apart: it has no slope
    return sum(where(x == 0, 0.0 if power > 0 else math.inf, powers), dim, keepdim) ** (1 / power)


@numpy_names
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many are not 0, over `dim` (all by default): int64."""
    return sum(input != 0, dim)


@numpy_names
def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Is one of the numbers over `dim` (all by default) not 0?"""
    found = (input if dim == () else sum(input != 0, dim, keepdim)) != 0
    return found.byte() if input.array.dtype == np.uint8 else found


@numpy_names
def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Is none of the numbers over `dim` (all by default) 0?"""
    found = any(input == 0, dim, keepdim).logical_not()
    return found.byte() if input.array.dtype == np.uint8 else found


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: DType = None) -> Tensor:
    """The sum up to each place along `dim`."""
    x, at, _ = _line(_summable(input, dtype), dim)
    return apply(CumSum(at), x).reshape(input.array.shape)


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: DType = None) -> Tensor:
    """The product up to each place along `dim`."""
    x, at, _ = _line(_summable(input, dtype), dim)
    return apply(CumProd(at), x).reshape(input.array.shape)


@numpy_names
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DType = None
) -> Tensor:
    """The product along `dim`, or of all: the last of `cumprod`."""
    x = _summable(input, dtype)
    x, at, keepdim = _line(x.reshape(-1), 0, False) if dim is None else _line(x, dim, keepdim)
    if not x.array.shape[at]:
        return sum(x, at, keepdim, dtype=x.dtype) + 1
    last = apply(CumProd(at), x)[(*[slice(None)] * at, slice(-1, None))]
    return last if keepdim else last.squeeze(at)
