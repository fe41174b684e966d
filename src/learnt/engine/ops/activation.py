"""Activations: the functions between the linear layers, without which all layers were one.

First the operations, then a table of functions composed of them.  Also dropout, and softmax.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, in_place, mode, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op, normalize_dim
from learnt.engine.ops.arithmetic import mul, where
from learnt.engine.ops.linear import row_sums
from learnt.engine.ops.pointwise import constant, unary
from learnt.engine.random import rng

SELU = (1.6732632423543772, 1.0507009873554805)  # α and λ


class ReLU(Op):
    """z = x where x > 0, else s·x; ∂L/∂x = g or s·g.  (Nair & Hinton 2010; Maas et al. 2013)"""

    def __init__(self, slope: float = 0.0) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        s, self.kept = self.slope, x
        if s:
            return np.maximum(x, s * x) if 0 < s <= 1 else np.where(x > 0, x, s * x)
        large = x.size > 2**14 and x.dtype.kind == "f"  # then clip is twice as fast as maximum
        self.kept = np.clip(x, 0, np.inf) if large else np.maximum(x, 0)
        return self.kept

    def backward(self, grad: Array) -> Grads:
        factor = (self.kept > 0).astype(grad.dtype)  # far faster than np.where, if mixed
        if self.slope:
            factor *= 1 - self.slope
            factor += self.slope
        factor *= grad
        return (factor,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        if not self.slope:
            return graph.add("Relu", x)
        return graph.add("LeakyRelu", x, alpha=float(self.slope))


class Softmax(Op):
    """zᵢ = eˣⁱ / Σⱼ eˣʲ; ∂L/∂x = z·(g − Σ g·z).  Less the maximum first: eˣ cannot overflow."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def below_top(self, x: Array) -> Array:
        z: Array = x - np.maximum.reduce(x, axis=self.dim, keepdims=True, initial=-np.inf)
        return z

    def total(self, x: Array) -> Array:
        if self.dim == x.ndim - 1 and x.flags.c_contiguous:
            return row_sums(x)
        return np.add.reduce(x, axis=self.dim, keepdims=True)

    def forward(self, x: Array) -> Array:
        with SILENT():  # a row of −∞ is nan
            z = self.below_top(x)
            np.exp(z, z)
            z /= self.total(z)
        self.z = z
        return z

    def backward(self, grad: Array) -> Grads:
        dx = grad - self.total(grad * self.z)
        dx *= self.z
        return (dx,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add(type(self).__name__, x, axis=self.dim)


class LogSoftmax(Softmax):
    """z = x − log Σ eˣ; ∂L/∂x = g − softmax(x)·Σ g."""

    def forward(self, x: Array) -> Array:
        with SILENT():
            z = self.below_top(x)
            z -= np.log(self.total(np.exp(z)))
        self.z = z
        return z

    def backward(self, grad: Array) -> Grads:
        dx = np.exp(self.z)
        dx *= -self.total(grad)
        dx += grad
        return (dx,)


def _along(op: Callable[[int], Op], x: Tensor, dim: int | None, dtype: Any) -> Tensor:
    """As another type, if asked for; without `dim`, along the one that PyTorch takes."""
    x = x if isinstance(dtype, int) else x.to(dtype)
    ndim = x.array.ndim
    if x.array.dtype.kind != "f":
        raise NotImplementedError(f"softmax of {x.array.dtype}: convert it by .float()")
    if not ndim:
        return _along(op, x.reshape(1), dim, 0).reshape(())
    return apply(op(normalize_dim(ndim not in (1, 3) if dim is None else dim, ndim)), x)


def _drop(x: Tensor, p: float, training: bool, together: int) -> Tensor:
    """Dropout, in which the last dimensions share their fate: so many `together`."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability must be between 0 and 1; got {p}")
    if not training or p == 0:
        return x
    if mode.trace:
        raise NotImplementedError("dropout belongs to training: call model.eval() before export")
    alike: Any = (..., *[slice(1)] * together)
    mask = np.empty_like(x.array[alike])
    bits = rng().bit_generator.random_raw(mask.size // 4 + 1).view(np.uint16)[: mask.size]
    kept = (bits >= round(p * 2**16)).view(np.uint8)
    np.multiply(kept, mask.dtype.type(1 / (1 - p) if p < 1 else 0), mask.ravel(order="K"))
    return x * wrap(mask)


def _drop_channels(x: Tensor, p: float, training: bool, ndims: tuple[int, int]) -> Tensor:
    if x.array.ndim not in ndims:
        raise RuntimeError(f"dropout of channels needs {ndims} dimensions; got {x.array.shape}")
    return _drop(x, p, training, max(1, x.array.ndim - 2))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return relu_(input) if inplace else apply(ReLU(), input)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x, but w·x below 0: one learnt w, or one a channel of (N, C, …).  (He et al. 2015)"""
    x, count = input.array, weight.array.size
    if count not in (1, x.shape[1] if x.ndim > 1 else 1):
        raise RuntimeError(f"prelu needs 1 weight or 1 a channel; got {count} for {x.shape}")
    column = (count,) + (1,) * (x.ndim - 2) if count > 1 else ()
    return relu(input) + weight.reshape(column) * input.clamp(max=0)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a·σ(b), a and b the halves along `dim`.  (Dauphin et al. 2017)"""
    if not input.array.ndim or input.array.shape[dim] % 2:
        raise RuntimeError(f"glu needs an even size along {dim}; got {input.array.shape}")
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


def _softplus(x: Tensor, beta: float, threshold: float) -> Any:
    smooth = _softplus1(x) if beta == 1 else _softplus1(x * beta) / beta
    return smooth if threshold >= 20 else where(x * beta > threshold, x, smooth)


def _sigmoid(x: Array) -> Array:
    e = np.asarray(np.exp(-x))  # of one number, NumPy makes a scalar
    e += 1
    np.divide(1, e, e)
    return e


def _within(x: Array, low: float, high: float) -> Array:
    return np.asarray((x > low) & (x < high), x.dtype)


def _silu_slope(x: Array) -> Array:
    """σ + σ·x·(1 − σ)."""
    s = _sigmoid(x)
    slope: Array = 1 - s
    slope *= x
    slope += 1
    slope *= s
    return slope


def function(
    name: str, says: str, f: Callable[..., Any], inplace: bool = True
) -> Callable[..., Tensor]:
    """A function of tensors from its row in the table; PyTorch's option `inplace` comes last."""
    options = list(inspect.signature(f).parameters.values())
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    options[0] = inspect.Parameter("input", kind)
    changing, count = in_place(f), len(options)

    def function(input: Tensor, *args: Any, inplace: bool = False, **kwargs: Any) -> Tensor:
        if len(args) == count:
            args, inplace = args[:-1], args[-1]
        return (changing if inplace else f)(input, *args, **kwargs)

    last = [inspect.Parameter("inplace", kind, default=False)] if inplace else []
    function.__signature__ = inspect.Signature(options + last)  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{says}."
    return function


# fmt: off
_elu1: Any = unary("elu", lambda x: np.maximum(x, 0) + np.expm1(np.minimum(x, 0)),
    lambda x: np.exp(np.minimum(x, 0)), "Elu", "x or eˣ − 1")
_softplus1: Any = unary("softplus", lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    _sigmoid, "Softplus", "log(1 + eˣ)")

celu = function("celu", "x, but α(e^(x/α) − 1) below 0  (Barron 2017)",
    lambda x, alpha=1.0: _elu1(x / alpha) * alpha)
elu = function("elu", "x, but α(eˣ − 1) below 0  (Clevert et al. 2015)",
    lambda x, alpha=1.0: _elu1(x) if alpha == 1 else relu(x) + x.clamp(max=0).expm1() * alpha)
hardshrink = function("hardshrink", "x, but 0 within λ of 0",
    lambda x, lambd=0.5: x * (x.abs() > lambd), False)
hardsigmoid = function("hardsigmoid", "min(max(x + 3, 0), 6)/6", unary(
    "hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: _within(x, -3, 3) / 6,
    lambda g, x: g.add("HardSigmoid", x, alpha=1 / 6), ""))
hardswish = function("hardswish", "x·min(max(x + 3, 0), 6)/6  (Howard et al. 2019)", unary(
    "hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6,
    lambda x: _within(x, -3, 3) * (x / 3 + 0.5) + (x >= 3), "HardSwish", ""))
hardtanh = function("hardtanh", "min(max(x, min_val), max_val), without gradient at the ends",
    lambda x, min_val=-1.0, max_val=1.0:
        where(x <= min_val, min_val, where(x >= max_val, max_val, x)))
leaky_relu = function("leaky_relu", "x, but negative_slope · x below 0  (Maas et al. 2013)",
    lambda x, negative_slope=0.01: apply(ReLU(negative_slope), x))
logsigmoid = function("logsigmoid", "log σ(x)", lambda x: -_softplus1(-x), False)
mish = function("mish", "x·tanh(log(1 + eˣ))  (Misra 2019)", lambda x: x * _softplus1(x).tanh())
relu6 = function("relu6", "min(max(x, 0), 6)  (Howard et al. 2017)", unary(
    "relu6", lambda x: np.clip(x, 0, 6), lambda x: _within(x, 0, 6),
    lambda g, x: g.add("Clip", x, constant(g, x, 0), constant(g, x, 6)), "", "iuf"))
selu = function("selu", "λ·elu(x, α), which keeps mean and variance  (Klambauer et al. 2017)",
    lambda x: mul(elu(x, SELU[0]), SELU[1]))
silu = function("silu", "x·σ(x)  (Elfwing et al. 2017)", unary("silu", lambda x: x * _sigmoid(x),
    _silu_slope, lambda g, x: g.add("Mul", x, g.add("Sigmoid", x)), ""))
softplus = function("softplus", "log(1 + e^(βx))/β, but x where βx > threshold",
    lambda x, beta=1.0, threshold=20.0: _softplus(x, beta, threshold), False)
softshrink = function("softshrink", "x moved towards 0 by λ, and 0 within λ of it",
    lambda x, lambd=0.5: x - x.clamp(-lambd, lambd), False)
softsign = function("softsign", "x/(1 + |x|)", lambda x: x / (x.abs() + 1), False)
tanhshrink = function("tanhshrink", "x − tanh x", lambda x: x - x.tanh(), False)
threshold = function("threshold", "x where x > threshold, else `value`",
    lambda x, threshold, value: where(x <= threshold, value, x))

softmax = function("softmax", "eˣ over its sum along `dim`: probabilities",
    lambda x, dim=None, _stacklevel=3, dtype=None:
        _along(Softmax, x, dim, dtype or _stacklevel), False)
log_softmax = function("log_softmax", "log softmax along `dim`, without overflow",
    lambda x, dim=None, _stacklevel=3, dtype=None:
        _along(LogSoftmax, x, dim, dtype or _stacklevel), False)
softmin = function("softmin", "softmax of −x",
    lambda x, dim=None, _stacklevel=3, dtype=None:
        _along(Softmax, -x, dim, dtype or _stacklevel), False)

dropout = function("dropout", "In training, each element 0 with probability p, the others divided "
    "by 1 − p  (Srivastava et al. 2014)", lambda x, p=0.5, training=True: _drop(x, p, training, 0))
dropout1d = function("dropout1d", "As `dropout`, but whole channels of (N, C, L) or (C, L)",
    lambda x, p=0.5, training=True: _drop_channels(x, p, training, (2, 3)))
dropout2d = function("dropout2d", "As `dropout`, but whole channels of (N, C, H, W) or (N, C, L)",
    lambda x, p=0.5, training=True: _drop_channels(x, p, training, (3, 4)))
# fmt: on
relu_, elu_, celu_, selu_ = in_place(relu), in_place(elu), in_place(celu), in_place(selu)
hardtanh_, leaky_relu_, threshold_ = map(in_place, (hardtanh, leaky_relu, threshold))
