"""Pooling: a picture made smaller by the maximum or the mean of each window."""

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op
from learnt.engine.ops.conv import Sizes, pair

Pair = tuple[int, int]


class Pool2d(Op):
    """What the pools share: windows of `kernel`, every `stride`, on pictures (N, C, H, W)."""

    def __init__(self, kernel: Pair, stride: Pair, padding: Pair) -> None:
        if min(kernel + stride) < 1 or min(padding) < 0:
            raise RuntimeError(
                "pooling needs a kernel and a stride of at least 1 and padding of at least 0; got "
                f"{kernel}, {stride} and {padding}"
            )
        if padding[0] * 2 > kernel[0] or padding[1] * 2 > kernel[1]:
            raise RuntimeError(
                f"pooling pads by at most half its kernel; got padding {padding} for {kernel}"
            )
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def windows(self, shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
        """For each element of the kernel, where it looks in the padded pictures."""
        (kh, kw), (sh, sw) = self.kernel, self.stride
        height, width = (shape[2] - kh) // sh + 1, (shape[3] - kw) // sw + 1
        if height < 1 or width < 1:
            raise RuntimeError(
                f"pooling by {self.kernel} needs pictures at least that large; got {shape}"
            )
        every = slice(None)
        return [
            (
                every,
                every,
                slice(u, u + sh * (height - 1) + 1, sh),
                slice(v, v + sw * (width - 1) + 1, sw),
            )
            for u in range(kh)
            for v in range(kw)
        ]

    def pad(self, x: Array, value: float) -> Array:
        if x.ndim != 4:
            raise RuntimeError(f"pooling needs pictures (N, C, H, W); got shape {x.shape}")
        (ph, pw), (n, c, h, w) = self.padding, x.shape
        if not (ph or pw):
            return x
        padded = np.full((n, c, h + 2 * ph, w + 2 * pw), value, x.dtype)
        padded[:, :, ph : ph + h, pw : pw + w] = x
        return padded

    def unpad(self, padded: Array) -> Array:
        (ph, pw), (h, w) = self.padding, padded.shape[2:]
        return padded[:, :, ph : h - ph, pw : w - pw]

    def onnx_attributes(self) -> dict[str, list[int]]:
        (ph, pw) = self.padding
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.stride),
            "pads": [ph, pw, ph, pw],
        }


class MaxPool2d(Pool2d):
    """z = the largest of each window; the gradient goes to the first element that had it."""

    def forward(self, x: Array) -> Array:
        self.x = self.pad(x, -np.inf)
        first, *others = self.windows(self.x.shape)
        z = self.x[first].copy(order="K")
        for at in others:
            np.maximum(z, self.x[at], out=z)
        self.z = z
        return z

    def backward(self, grad: Array) -> Grads:
        back = np.zeros_like(self.x, dtype=grad.dtype)  # the same layout as x: fast slices
        apart = self.stride[0] >= self.kernel[0] and self.stride[1] >= self.kernel[1]
        windows = self.windows(self.x.shape)
        for number, at in enumerate(windows):
            here = self.x[at] == self.z
            if number == 0:
                left = ~here  # windows whose maximum is still to be found
            elif number < len(windows) - 1:
                here &= left
                left ^= here
            else:
                here = left
            if apart:  # no two windows meet
                np.multiply(grad, here, out=back[at])
            else:
                back[at] += grad * here
        return (self.unpad(back),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("MaxPool", x, **self.onnx_attributes())


class AvgPool2d(Pool2d):
    """z = the mean of each window, padding counted; backwards each element gets its share."""

    def forward(self, x: Array) -> Array:
        padded = self.pad(x, 0)
        self.like = padded
        first, *others = self.windows(padded.shape)
        z = padded[first].copy(order="K")
        for at in others:
            z += padded[at]
        z /= self.kernel[0] * self.kernel[1]
        return z

    def backward(self, grad: Array) -> Grads:
        back = np.zeros_like(self.like, dtype=grad.dtype)
        share = grad / (self.kernel[0] * self.kernel[1])
        for at in self.windows(back.shape):
            back[at] += share
        return (self.unpad(back),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("AveragePool", x, count_include_pad=1, **self.onnx_attributes())


class GlobalAvgPool2d(Op):
    """z[n,c] = the mean of the whole picture, shape (N, C, 1, 1).  (Lin, Chen & Yan 2013)"""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return np.asarray(np.mean(x, axis=(2, 3), keepdims=True))

    def backward(self, grad: Array) -> Grads:
        return (np.broadcast_to(grad / (self.shape[2] * self.shape[3]), self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("GlobalAveragePool", x)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
) -> Tensor:
    """The largest of each window; `stride` is the window's size by default."""
    step = pair(kernel_size if stride is None else stride)
    return apply(MaxPool2d(pair(kernel_size), step, pair(padding)), input)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
) -> Tensor:
    """The mean of each window (padding counts); `stride` is the window's size by default."""
    step = pair(kernel_size if stride is None else stride)
    return apply(AvgPool2d(pair(kernel_size), step, pair(padding)), input)


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """The mean of each of `output_size` equal parts of the picture."""
    (oh, ow), (h, w) = pair(output_size), input.shape[2:]
    if (oh, ow) == (1, 1):
        return apply(GlobalAvgPool2d(), input)
    if h % oh or w % ow:
        raise NotImplementedError(
            f"adaptive_avg_pool2d of {(h, w)} to {(oh, ow)}: only equal parts, so far"
        )
    return avg_pool2d(input, (h // oh, w // ow))
