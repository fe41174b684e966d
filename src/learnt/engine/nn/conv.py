"""Convolution layers: learnt kernels, moved over pictures or sequences; and the way back.

(LeCun et al. 1989, "Backpropagation applied to handwritten zip code recognition"; Zeiler et al.
2010 for the transposed ones)
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from learnt.engine.nn import init
from learnt.engine.nn.module import Module, parameter
from learnt.engine.ops import conv
from learnt.engine.ops.conv import Sizes, sizes
from learnt.engine.ops.pad import MODES, pad
from learnt.engine.tensor import Tensor


class _ConvNd(Module):
    """A convolution over pictures (N, C, *S), or one (C, *S), where S has `dims` sizes."""

    dims: int
    function: Callable[..., Tensor]
    transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
        padding: Any = 0, dilation: Sizes = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                "in_channels and out_channels must be divisible by groups, of at least 1; got "
                f"{in_channels}, {out_channels} and {groups}"
            )
        if padding_mode not in ("zeros", *(() if self.transposed else MODES)):
            raise ValueError(
                f"padding_mode must be 'zeros' or one of {MODES}; got {padding_mode!r}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        options = kernel_size, stride, dilation
        each = [sizes(o, self.dims, "each option of a convolution") for o in options]
        self.kernel_size, self.stride, self.dilation = each
        named = isinstance(padding, str)
        if named and padding not in ("valid", "same" if max(self.stride) == 1 else "valid"):
            raise ValueError(f"padding is numbers, 'valid', or 'same' (stride 1); got {padding!r}")
        self.padding: Any = padding if named else sizes(padding, self.dims, "padding")
        self.output_padding, self.padding_mode = (0,) * self.dims, padding_mode
        sides = zip(*conv.around(padding, self.kernel_size, self.dilation), strict=True)
        self._reversed_padding_repeated_twice = [p for side in [*sides][::-1] for p in side]
        ends = (out_channels, in_channels)[:: -1 if self.transposed else 1]
        shape, factory = (ends[0], ends[1] // groups), {"device": device, "dtype": dtype}
        self.weight = parameter(*shape, *self.kernel_size, **factory)
        self.bias = parameter(out_channels, **factory) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights and bias evenly spread within ±1/√(the inputs of each result)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
        if self.bias is not None and fan_in:
            init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
            padding = 0
        options = self.stride, padding, self.dilation, self.groups
        return self.function(input, self.weight, self.bias, *options)

    def extra_repr(self) -> str:
        zeros, own = (0,) * self.dims, {**vars(self), "bias": self.bias is not None}
        usual = {
            "kernel_size": (), "stride": (), "padding": zeros, "dilation": (1,) * self.dims,
            "output_padding": zeros, "groups": 1, "bias": True, "padding_mode": "zeros",
        }  # fmt: skip
        shown = [f"{k}={own[k]}" for k, v in usual.items() if own[k] != v]
        return ", ".join([f"{self.in_channels}, {self.out_channels}", *shown])


class _ConvTransposeNd(_ConvNd):
    """The way back of a convolution, as a layer: from few places to many."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
        padding: Sizes = 0, output_padding: Sizes = 0, groups: int = 1, bias: bool = True,
        dilation: Sizes = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        options = stride, padding, dilation, groups, bias, padding_mode, device, dtype
        super().__init__(in_channels, out_channels, kernel_size, *options)
        self.output_padding = sizes(output_padding, self.dims, "output_padding")

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            size, wanted = input.array.shape[-self.dims :], output_size[-self.dims :]
            each = zip(
                size, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
            least = [(m - 1) * s - 2 * p + d * (k - 1) + 1 for m, s, p, d, k in each]
            extra = tuple([w - m for w, m in zip(wanted, least, strict=True)])
            if not all(0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
                raise ValueError(
                    f"output_size must be {least} or up to a stride more; got {wanted}"
                )
        options = self.stride, self.padding, extra, self.groups, self.dilation
        return self.function(input, self.weight, self.bias, *options)


class Conv1d(_ConvNd):
    """Cross-correlation with learnt kernels: (N, in_channels, L) → (N, out_channels, L')."""

    dims, function = 1, staticmethod(conv.conv1d)


class Conv2d(_ConvNd):
    """Cross-correlation with learnt kernels: (N, in_channels, H, W) → (N, out_channels, H', W')."""

    dims, function = 2, staticmethod(conv.conv2d)


class ConvTranspose1d(_ConvTransposeNd):
    """A `Conv1d` backwards: (N, in_channels, L) → (N, out_channels, (L − 1)·stride + …)."""

    dims, function = 1, staticmethod(conv.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """A `Conv2d` backwards: (N, in_channels, H, W) → (N, out_channels, …)."""

    dims, function = 2, staticmethod(conv.conv_transpose2d)
