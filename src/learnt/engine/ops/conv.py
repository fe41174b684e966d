"""Convolution: columns and one matrix product.

Every window the kernel sees is copied into a column; the layer is then one matrix product,
which BLAS does at full speed.  (Chellapilla, Puri & Simard 2006, "High performance convolutional
neural networks for document processing")

Where a batch has more examples than a picture has columns of pixels, the examples lie innermost
in memory: (C, H, W, N), only *seen* as (N, C, H, W). Every copy then moves long runs, and the
result of the product needs no rearranging: it is the next layer's input as it lies.
"""

from collections.abc import Sequence

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op

Pair = tuple[int, int]
Sizes = int | Sequence[int]
BATCH_LAST = (1, 2, 3, 0)  # (N, C, H, W) read as (C, H, W, N)
BATCH_FIRST = (1, 0, 2, 3)  # … as (C, N, H, W)


class Conv2d(Op):
    """y[n,o,i,j] = b[o] + Σ_{c,u,v} W[o,c,u,v] · x[n,c, i·s+u·d−p, j·s+v·d−p].

    Shapes: x (N, C, H, W), W (O, C/groups, kh, kw), b (O), y (N, O, H', W') with
    H' = (H + 2p − d(kh − 1) − 1) // s + 1. As matrices, with X the columns:
    Y = W X, ∂L/∂W = G Xᵀ, ∂L/∂X = Wᵀ G, and a column goes back where it came from.
    """

    def __init__(self, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        self.check(x, weight)
        self.x_shape, self.weight = x.shape, weight
        self.order = BATCH_LAST if x.shape[0] > x.shape[3] else BATCH_FIRST
        self.size = self.out_size(weight.shape[2:])
        padded = self.pad(x.transpose(self.order))  # (C, …) with H + 2p, W + 2p
        self.padded_shape = padded.shape
        self.depthwise = self.groups == x.shape[1] == len(weight) and self.groups > 1
        if self.depthwise:
            self.padded = padded
            y = self.depthwise_forward(padded, weight)  # (C, …)
        else:
            self.cols = self.columns(padded)  # (groups, C/groups·kh·kw, N·H'·W')
            y = np.matmul(weight.reshape(self.groups, -1, self.cols.shape[1]), self.cols)
            y = y.reshape(len(weight), *self.sized(self.size))
        if bias is not None:
            y += bias[:, None, None, None]
        return y.transpose(np.argsort(self.order))  # (N, O, H', W')

    def backward(self, grad: Array) -> Grads:
        g = grad.transpose(self.order)  # (O, …)
        db = None
        if len(self.needs) == 3 and self.needs[2]:
            db = np.add.reduce(g.reshape(len(g), -1), axis=1)
        if self.depthwise:
            dx, dw = self.depthwise_backward(g)
        else:
            rows = g.reshape(self.groups, len(g) // self.groups, -1)  # (groups, O/groups, N·H'·W')
            weight = self.weight.reshape(*rows.shape[:2], -1)
            dx = dw = None
            if self.needs[1]:  # (X Gᵀ)ᵀ, which BLAS does faster than G Xᵀ: G is the smaller
                dw = np.matmul(self.cols, rows.swapaxes(1, 2)).swapaxes(1, 2)
                dw = dw.reshape(self.weight.shape)
            if self.needs[0]:
                dx = self.uncolumns(np.matmul(weight.swapaxes(1, 2), rows))
        return (dx, dw) if len(self.needs) == 2 else (dx, dw, db)

    def onnx(self, graph: GraphBuilder, x: str, weight: str, bias: str | None = None) -> str:
        (ph, pw), inputs = self.padding, [x, weight] + ([bias] if bias else [])
        return graph.add(
            "Conv",
            *inputs,
            strides=list(self.stride),
            pads=[ph, pw, ph, pw],
            dilations=list(self.dilation),
            group=self.groups,
        )

    def check(self, x: Array, weight: Array) -> None:
        if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] * self.groups:
            raise RuntimeError(
                "conv2d needs pictures (N, C, H, W) and weights (O, C/groups, kh, kw) that agree "
                f"on C; got {x.shape} and {weight.shape} with groups={self.groups}"
            )
        if min(self.stride + self.dilation) < 1 or min(self.padding) < 0:
            raise RuntimeError(
                "conv2d needs stride and dilation of at least 1 and padding of at least 0; got "
                f"{self.stride}, {self.dilation} and {self.padding}"
            )
        for size, kernel, pad, gap in zip(
            x.shape[2:], weight.shape[2:], self.padding, self.dilation, strict=True
        ):
            if size + 2 * pad < gap * (kernel - 1) + 1:
                raise RuntimeError(
                    f"conv2d needs pictures at least as large as its kernel; got {x.shape} padded "
                    f"by {self.padding} and a kernel of {weight.shape[2:]}: pad more, or use fewer "
                    "strided layers"
                )

    def out_size(self, kernel: tuple[int, ...]) -> Pair:
        h, w = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, k, s, d in zip(
                self.x_shape[2:], self.padding, kernel, self.stride, self.dilation, strict=True
            )
        )
        return h, w

    def sized(self, size: Pair) -> tuple[int, ...]:
        """The dimensions after the channels, for pictures of `size`, as they lie in memory."""
        n = self.x_shape[0]
        return (*size, n) if self.order == BATCH_LAST else (n, *size)

    def inside(self, rows: slice, columns: slice) -> tuple[slice, ...]:
        """The index of a part of each picture, after the channels."""
        every = slice(None)
        if self.order == BATCH_LAST:
            return every, rows, columns, every
        return every, every, rows, columns

    def pad(self, x: Array) -> Array:
        """Zeros around pictures (C, …)."""
        (ph, pw), (h, w) = self.padding, self.x_shape[2:]
        if not (ph or pw):
            return x
        padded = np.zeros((len(x), *self.sized((h + 2 * ph, w + 2 * pw))), x.dtype)
        padded[self.inside(slice(ph, ph + h), slice(pw, pw + w))] = x
        return padded

    def unpad(self, padded: Array) -> Array:
        """The pictures without the padding, seen as (N, C, H, W)."""
        (ph, pw), (h, w) = self.padding, self.x_shape[2:]
        x = padded[self.inside(slice(ph, ph + h), slice(pw, pw + w))]
        return x.transpose(np.argsort(self.order))

    def window(self, u: int, v: int) -> tuple[slice, ...]:
        """Where the kernel's element (u, v) looks, in the padded pictures, for all places."""
        (sh, sw), (dh, dw), (height, width) = self.stride, self.dilation, self.size
        rows = slice(u * dh, u * dh + sh * (height - 1) + 1, sh)
        return self.inside(rows, slice(v * dw, v * dw + sw * (width - 1) + 1, sw))

    def columns(self, padded: Array) -> Array:
        """What the kernel sees at every place: (groups, C/groups·kh·kw, N·H'·W')."""
        c, (kh, kw) = len(padded), self.weight.shape[2:]
        if kh == kw == 1 and self.stride == (1, 1):  # a 1 × 1 kernel sees what is there
            return padded.reshape(self.groups, c // self.groups, -1)
        at = 1 if self.order == BATCH_LAST else 2  # where the rows of pixels are
        (sh, sw), (dh, dw) = self.stride, self.dilation
        channel, *places = padded.strides
        row, column = padded.strides[at : at + 2]
        places[at - 1 : at + 1] = [row * sh, column * sw]
        cols = np.lib.stride_tricks.as_strided(  # a view: the kernel's own dimensions added
            padded,
            (c, kh, kw, *self.sized(self.size)),
            (channel, row * dh, column * dw, *places),
            writeable=False,
        )
        return cols.reshape(self.groups, c // self.groups * kh * kw, -1)  # the copy

    def uncolumns(self, cols: Array) -> Array:
        """The way back: each column is added where it was taken, then the padding cut off."""
        c, (kh, kw) = self.padded_shape[0], self.weight.shape[2:]
        if kh == kw == 1 and self.stride == (1, 1):
            return self.unpad(cols.reshape(self.padded_shape))
        back = np.zeros(self.padded_shape, cols.dtype)
        cols = cols.reshape(c, kh, kw, *self.sized(self.size))
        for u in range(kh):
            for v in range(kw):
                back[self.window(u, v)] += cols[:, u, v]
        return self.unpad(back)

    def depthwise_forward(self, padded: Array, weight: Array) -> Array:
        """One kernel a channel: kh·kw multiply-adds are cheaper than columns."""
        y = np.zeros((len(padded), *self.sized(self.size)), padded.dtype)
        for u in range(weight.shape[2]):
            for v in range(weight.shape[3]):
                y += padded[self.window(u, v)] * weight[:, 0, u, v, None, None, None]
        return y

    def depthwise_backward(self, g: Array) -> tuple[Array | None, Array | None]:
        dw = np.empty_like(self.weight) if self.needs[1] else None
        back = np.zeros(self.padded_shape, g.dtype) if self.needs[0] else None
        for u in range(self.weight.shape[2]):
            for v in range(self.weight.shape[3]):
                at = self.window(u, v)
                if dw is not None:
                    dw[:, 0, u, v] = np.einsum("cxyz,cxyz->c", g, self.padded[at])
                if back is not None:
                    back[at] += g * self.weight[:, 0, u, v, None, None, None]
        return None if back is None else self.unpad(back), dw


def pair(value: Sizes) -> tuple[int, int]:
    """One size for both directions, or (height, width)."""
    if isinstance(value, int):
        return value, value
    height, width = value
    return height, width


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation; input (N, C, H, W), weight (O, C/groups, kh, kw), bias (O)."""
    op = Conv2d(pair(stride), pair(padding), pair(dilation), groups)
    return apply(op, input, weight) if bias is None else apply(op, input, weight, bias)
