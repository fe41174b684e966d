"""Convolution: columns and a matrix product, a few places at a time.

Every window that the kernel sees is copied into a column; the layer is then a matrix product,
which BLAS does at full speed.  (Chellapilla, Puri & Simard 2006, "High performance convolutional
neural networks for document processing".)  As many columns at a time as the cache holds: all of
them, k² times the picture, never exist, and the way back makes them anew.

Where a batch has more examples than a picture is wide, the examples lie innermost in memory:
(C, H, W, N), only *seen* as (N, C, H, W). Every copy then moves long runs, and the result of the
product needs no rearranging: it is the next layer's input as it lies.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from math import prod
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.threads import share

Dims = tuple[int, ...]  # one number a dimension of the picture
Sizes = int | Sequence[int]
EVERY = slice(None)
FEWEST, MOST, CACHE = 256, 768, 2**20  # columns at a time, and how many numbers they may be


class Conv(Op):
    """y[n,o,i] = b[o] + Σ_{c,u} W[o,c,u] · x[n,c, i·s + u·d − p], where i and u are places.

    Shapes: x (N, C, *S), W (O, C/groups, *k), b (O), y (N, O, *S') with
    S' = (S + 2p − d(k − 1) − 1) // s + 1 in each dimension. As matrices, with X the columns:
    Y = W X, ∂L/∂W = G Xᵀ, ∂L/∂X = Wᵀ G, and a column goes back where it came from.
    """

    x: Any = None
    weight: Any = None  # kept where they are wanted

    def __init__(
        self, stride: Dims, padding: tuple[Dims, Dims], dilation: Dims, groups: int
    ) -> None:
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.before, self.after = padding  # the zeros around the picture

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        self.keep(x, weight, bias, prod(weight.shape[1:2]) * self.groups, len(weight))
        one = self.reach((1,) * (x.ndim - 2))
        ends = zip(x.shape[2:], self.before, self.after, one, strict=True)
        spare = [n + p + q - r for n, p, q, r in ends]
        if min(spare) < 0:
            raise RuntimeError(
                f"a convolution needs pictures at least as large as its kernel; got {x.shape} "
                f"padded by {self.before} and a kernel of {self.kernel}: pad more, or use "
                "fewer strided layers"
            )
        size = tuple([n // s + 1 for n, s in zip(spare, self.stride, strict=True)])
        return self.correlate(x, weight, self.before, size, bias)

    def backward(self, grad: Array) -> Grads:
        dx = self.spread(grad, self.weight, self.shape) if self.needs[0] else None
        dw = self.weigh(self.x, grad) if self.needs[1] else None
        return (dx, dw, self.sums(grad))[: len(self.needs)]

    def onnx(self, graph: GraphBuilder, *names: str, kind: str = "Conv", **more: Any) -> str:
        usual = {"strides": self.stride, "dilations": self.dilation, "group": self.groups}
        return graph.add(kind, *names, **{"pads": self.before + self.after, **usual, **more})

    def keep(self, x: Array, weight: Array, bias: Array | None, channels: int, out: int) -> None:
        """Check the inputs of a layer from `channels` to `out`, and keep what will be wanted."""
        dims, groups, extent = len(self.stride), self.groups, (*self.stride, *self.dilation)
        right = x.ndim == weight.ndim == dims + 2 and x.shape[1] == channels
        if not right or min(extent) < 1 or min(self.before) < 0 or len(weight) % max(groups, 1):
            kind = "conv" if type(self) is Conv else "conv_transpose"
            raise RuntimeError(
                f"{kind}{dims}d needs pictures (N, C, *size) or (C, *size), weights for C in "
                "groups, stride and dilation of at least 1, padding of at least 0; got "
                f"{x.shape} and {weight.shape}, {groups=}, {extent} and {self.before}"
            )
        kinds = {x.dtype, weight.dtype} | (set() if bias is None else {bias.dtype})
        if len(kinds) > 1 or (bias is not None and bias.shape != (out,)):
            raise RuntimeError(
                f"a convolution needs one dtype, and a bias of shape ({out},); got {kinds} and "
                f"{None if bias is None else bias.shape}"
            )
        self.start = 1 if x.shape[0] > x.shape[-1] else 2  # (C, *S, N) or (C, N, *S): see `read`
        self.shape, self.kernel = x.shape, weight.shape[2:]
        if self.needs:
            self.x = x if self.needs[1] else None
            self.weight = weight if self.needs[0] else None

    # --- the three products: pictures come and go as (N, C, *S) --------------------------------

    def correlate(
        self, x: Array, weight: Array, before: Dims, size: Dims, bias: Array | None = None
    ) -> Array:
        """Y = W X: `size` places of pictures with `before` zeros before them."""
        view = self.columns(self.padded(x, before, size), size)
        lead = len(size) + 1
        rows = weight.reshape(self.groups, len(weight) // self.groups, prod(weight.shape[1:]))
        y = np.empty((*rows.shape[:2], prod(view.shape[lead:])), x.dtype)

        def product(y: Array, at: Any, here: slice) -> None:
            part = y[..., here]  # (groups, O/groups, places)
            np.matmul(rows, view[at].reshape(self.groups, rows.shape[2], -1), out=part)
            if bias is not None:
                part += bias.reshape(self.groups, -1, 1)

        share(product, pieces(view, lead), lambda: y)
        return self.seen(y.reshape(len(weight), *view.shape[lead:]))

    def weigh(self, x: Array, grad: Array) -> Array:
        """∂L/∂W = (X Gᵀ)ᵀ, which BLAS does faster than G Xᵀ: G is the smaller."""
        size, out = grad.shape[2:], grad.shape[1]
        view = self.columns(self.padded(x, self.before, size), size)
        rows = prod(view.shape[: len(size) + 1]) // self.groups  # C/groups·k
        g = self.read(grad).reshape(self.groups, out // self.groups, -1)

        def product(dw: Array, at: Any, here: slice) -> None:
            columns = view[at].reshape(self.groups, rows, -1)
            dw += np.matmul(columns, g[..., here].swapaxes(1, 2))

        empty = partial(np.zeros, (self.groups, rows, g.shape[1]), grad.dtype)
        dw: Array = reduce(np.add, share(product, pieces(view, len(size) + 1), empty))
        return dw.swapaxes(1, 2).reshape(out, x.shape[1] // self.groups, *self.kernel)

    def spread(self, grad: Array, weight: Array, shape: Dims) -> Array:
        """∂L/∂X = Wᵀ G, each column added where it was taken: pictures of `shape`.

        At a stride of 1, that is a convolution with the kernel turned around.
        """
        size, seen = shape[2:], grad.shape[2:]
        grouped = weight.reshape(self.groups, len(weight) // self.groups, *weight.shape[1:])
        if max(self.stride) == 1:
            turned = np.flip(grouped.swapaxes(1, 2), tuple(range(3, grouped.ndim)))
            turned = np.ascontiguousarray(turned)  # (groups, C/groups, O/groups, *k)
            before = zip(self.reach((1,) * len(size)), self.before, strict=True)
            turned = turned.reshape(shape[1], grouped.shape[1], *self.kernel)
            return self.correlate(grad, turned, tuple([r - 1 - p for r, p in before]), size)
        ends = [p + m for p, m in zip(self.before, size, strict=True)]
        room = self.lying(shape[1], shape[0], map(max, self.reach(seen), ends))
        g = self.read(grad).reshape(*grouped.shape[:2], -1)  # (groups, O/groups, places)
        rows = grouped.reshape(*grouped.shape[:2], -1).swapaxes(1, 2)

        def product(back: Array, at: Any, here: slice) -> None:
            target = self.columns(back, seen)[at]
            columns = np.matmul(rows, g[..., here]).reshape(target.shape)
            for u in np.ndindex(*self.kernel):
                target[:, *u] += columns[:, *u]

        empty = partial(np.zeros, room, grad.dtype)
        cut = pieces(self.columns(empty(), seen), len(size) + 1)
        back: Array = reduce(np.add, share(product, cut, empty))
        return self.seen(back[*(EVERY,) * self.start, *map(slice, self.before, ends)])

    def sums(self, grad: Array) -> Array | None:
        """∂L/∂b: the sum over all places."""
        if self.needs[2:] != (True,):
            return None
        g = self.read(grad)
        return np.asarray(np.add.reduce(g.reshape(len(g), -1), axis=1))

    # --- how pictures lie in memory -------------------------------------------------------------

    def read(self, x: Array) -> Array:
        """(N, C, *S) as they lie: (C, *S, N) or (C, N, *S)."""
        return x.transpose(*range(1, x.ndim), 0) if self.start == 1 else x.swapaxes(0, 1)

    def seen(self, y: Array) -> Array:
        """The way back from `read`."""
        return y.transpose(-1, *range(y.ndim - 1)) if self.start == 1 else y.swapaxes(0, 1)

    def lying(self, channels: int, n: int, size: Iterable[int]) -> Dims:
        """The shape of pictures as they lie."""
        return (channels, *size, n) if self.start == 1 else (channels, n, *size)

    def reach(self, size: Dims) -> Dims:
        """How many elements `size` windows see, in each dimension."""
        each = zip(size, self.stride, self.dilation, self.kernel, strict=True)
        return tuple([s * (m - 1) + d * (k - 1) + 1 for m, s, d, k in each])

    def padded(self, x: Array, before: Dims, size: Dims) -> Array:
        """What `size` windows see of x, as it lies: with zeros before (or less) and after."""
        x, reach = self.read(x), self.reach(size)
        own = x.shape[self.start : self.start + len(reach)]
        if not any(before) and all(map(int.__le__, reach, own)):
            return np.ascontiguousarray(x)
        padded = np.zeros(self.lying(len(x), self.shape[0], reach), x.dtype)
        there = here = (EVERY,) * self.start
        for r, p, m in zip(reach, before, own, strict=True):
            end = min(r, p + m)
            there, here = (*there, slice(max(p, 0), end)), (*here, slice(max(-p, 0), end - p))
        padded[there] = x[here]
        return padded

    def columns(self, padded: Array, size: Dims) -> Array:
        """What the kernel sees at `size` places, as a view: (C, *k, and places as they lie)."""
        channel, *steps = padded.strides
        inner = []
        for i, (s, d) in enumerate(zip(self.stride, self.dilation, strict=True), self.start - 1):
            inner.append(steps[i] * d)
            steps[i] *= s
        c, *places = self.lying(len(padded), self.shape[0], size)
        shape, strides = (c, *self.kernel, *places), (channel, *inner, *steps)
        return np.ndarray(shape, padded.dtype, padded, strides=strides)


def pieces(view: Array, lead: int) -> list[tuple[tuple[Any, ...], slice]]:
    """A few places at a time: their index in the view, whose first `lead` dimensions are columns,
    and where they are among all places in a row."""
    dims, end = view.shape[lead:], 0
    most = max(FEWEST, min(MOST, CACHE // max(prod(view.shape[:lead]), 1)))
    cut = next(i for i in range(len(dims)) if prod(dims[i + 1 :]) <= most)  # this dimension
    size, inner = max(dims[cut], 1), prod(dims[cut + 1 :])
    step = max(most // max(inner, 1), 1)
    step = -(-size // -(-size // step))  # as many pieces, of equal size
    found: list[tuple[tuple[Any, ...], slice]] = []
    for outer in np.ndindex(*dims[:cut]):
        for at in range(0, dims[cut], step):
            start, end = end, end + min(step, size - at) * inner
            found.append(((*(EVERY,) * lead, *outer, slice(at, at + step)), slice(start, end)))
    return found


class ConvTranspose(Conv):
    """y = Wᵀ x: what a convolution's way back does to its gradient, as a layer.

    Shapes: x (N, C, *S), W (C, O/groups, *k), b (O), y (N, O, *S') with
    S' = (S − 1)s − 2p + d(k − 1) + 1 + `extra`. (Zeiler et al. 2010, "Deconvolutional networks")
    """

    extra: Dims

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        out = prod(weight.shape[1:2]) * self.groups
        self.keep(x, weight, bias, len(weight), out)
        ends = zip(self.reach(x.shape[2:]), self.before, self.extra, strict=True)
        size = tuple([r - 2 * p + e for r, p, e in ends])
        most = list(map(max, self.stride, self.dilation))
        if min(size) < 1 or min(self.extra) < 0 or any(map(int.__ge__, self.extra, most)):
            raise RuntimeError(
                "a transposed convolution needs a size of at least 1 and an output_padding below "
                f"its stride or dilation; got {size}, {self.extra} and {most}"
            )
        y = self.spread(x, weight, (len(x), out, *size))
        if bias is not None:
            y += bias.reshape(-1, *(1,) * len(size))
        return y

    def backward(self, grad: Array) -> Grads:
        size = self.shape[2:]
        dx = self.correlate(grad, self.weight, self.before, size) if self.needs[0] else None
        dw = self.weigh(grad, self.x) if self.needs[1] else None
        return (dx, dw, self.sums(grad))[: len(self.needs)]

    def onnx(self, graph: GraphBuilder, *names: str, **more: Any) -> str:
        """Less padding at the end says the same as output_padding, of which ONNX takes less."""
        pairs = list(zip(self.after, self.extra, strict=True))
        after, extra = [max(p - e, 0) for p, e in pairs], [max(e - p, 0) for p, e in pairs]
        if any(map(int.__ge__, extra, self.stride)):
            raise NotImplementedError(f"export of output_padding {self.extra} beyond the stride")
        more = {"pads": [*self.before, *after], "output_padding": extra}
        return super().onnx(graph, *names, kind="ConvTranspose", **more)


def sizes(value: Sizes, n: int, name: str) -> Dims:
    """One number for every dimension, or `n` of them."""
    each = tuple(value) if isinstance(value, Sequence) else (value,)
    if len(each) not in (1, n):
        raise RuntimeError(f"{name} must be one number or {n} of them; got {value}")
    return each if len(each) == n else each * n


def around(padding: Sizes | str, kernel: Dims, dilation: Dims) -> tuple[Dims, Dims]:
    """The zeros before and after; "same" is as many as keep the size at a stride of 1."""
    if padding == "same":
        both = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple([b // 2 for b in both]), tuple([b - b // 2 for b in both])
    if isinstance(padding, str) and padding != "valid":
        raise RuntimeError(f"padding must be numbers, 'same' or 'valid'; got {padding!r}")
    each = sizes(0 if isinstance(padding, str) else padding, len(dilation), "padding")
    return each, each


def of_dimensions(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """`function(n, …)` for pictures of one dimension, and of two: `conv1d` and `conv2d`."""
    found: list[Any] = [partial(function, n) for n in (1, 2)]
    for n, f in enumerate(found, 1):
        f.__name__, f.__doc__ = f"{function.__name__}{n}d", function.__doc__
    return found


def _layer(op: Conv, input: Tensor, *others: Tensor | None) -> Tensor:
    """Of a batch of pictures, or of one; without a bias, if that is None."""
    one = input.array.ndim == len(op.stride) + 1
    given = (input.unsqueeze(0) if one else input, *[t for t in others if t is not None])
    return apply(op, *given).squeeze(0) if one else apply(op, *given)


def conv(
    n: int, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation: input (N, C, *S) or (C, *S), weight (O, C/groups, *k), bias (O).

    Padding is numbers, "valid" (none) or "same" (as many as keep the size).
    """
    steps, gaps = sizes(stride, n, "stride"), sizes(dilation, n, "dilation")
    if padding == "same" and max(steps) > 1:
        raise RuntimeError(f"padding='same' needs a stride of 1; got {stride}")
    ends = around(padding, weight.array.shape[2:], gaps)
    return _layer(Conv(steps, ends, gaps, groups), input, weight, bias)


def conv_transpose(
    n: int, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1,
    padding: Sizes = 0, output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """A convolution's way back: input (N, C, *S) or (C, *S), weight (C, O/groups, *k), bias (O)."""
    options = stride, padding, dilation, output_padding
    steps, ends, gaps, extra = (sizes(o, n, "each option of conv_transpose") for o in options)
    op = ConvTranspose(steps, (ends, ends), gaps, groups)
    op.extra = extra
    return _layer(op, input, weight, bias)


conv1d, conv2d = of_dimensions(conv)
conv_transpose1d, conv_transpose2d = of_dimensions(conv_transpose)


def _copies(kernel: Dims, channels: int, like: Tensor) -> Tensor:
    """Kernels that copy one element each: (channels·k, 1, *k)."""
    eye = np.eye(prod(kernel), dtype=like.array.dtype).reshape(-1, 1, *kernel)
    return wrap(np.tile(eye, (channels, 1, 1, 1)))


def unfold(
    input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """What the kernel sees at each place: (N, C, H, W) → (N, C·kh·kw, places)."""
    channels, kernel = input.array.shape[-3], sizes(kernel_size, 2, "kernel_size")
    weight = _copies(kernel, channels, input)
    return conv(2, input, weight, None, stride, padding, dilation, channels).flatten(-2)


def fold(
    input: Tensor, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1,
    padding: Sizes = 0, stride: Sizes = 1,
) -> Tensor:  # fmt: skip
    """The sum of all that `unfold` took: (N, C·kh·kw, places) → (N, C, *output_size)."""
    options = output_size, kernel_size, dilation, padding, stride
    size, kernel, gap, ends, step = (sizes(o, 2, "each option of fold") for o in options)
    each = zip(size, kernel, gap, ends, strict=True)
    spare = [m + 2 * p - d * (k - 1) - 1 for m, k, d, p in each]
    *lead, rows, _ = input.array.shape
    x = input.reshape(*lead, rows, *[m // s + 1 for m, s in zip(spare, step, strict=True)])
    extra = [m % s for m, s in zip(spare, step, strict=True)]
    channels = rows // prod(kernel)
    weight = _copies(kernel, channels, input)
    return conv_transpose(2, x, weight, None, step, ends, extra, channels, gap)
