"""Convolution layers: learnt kernels, moved over pictures or sequences; and the way back.

(LeCun et al. 1989; Zeiler et al. 2010 for the transposed ones)
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from learnt.engine.nn import init
from learnt.engine.nn.module import Module, parameter
from learnt.engine.ops import conv
from learnt.engine.ops.conv import Sizes, sizes
from learnt.engine.ops.pad import pad
from learnt.engine.tensor import Tensor

MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """A convolution over pictures (N, C, *S), or one (C, *S), where S has `dims` dimensions."""

    dims: int
    function: Callable[..., Tensor]
    transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
        padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                "in_channels and out_channels must be divisible by groups, of at least 1; got "
                f"{in_channels}, {out_channels} and {groups}"
            )
        if padding_mode not in MODES[: 1 if self.transposed else None]:
            raise ValueError(f"padding_mode must be one of {MODES}; got {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = sizes(kernel_size, self.dims, "kernel_size")
        self.stride, self.dilation = (sizes(s, self.dims, "stride") for s in (stride, dilation))
        named = isinstance(padding, str)
        if named and (
            padding not in ("same", "valid") or (padding == "same" and max(self.stride) > 1)
        ):
            raise ValueError(
                f"padding must be numbers, 'valid', or 'same' (stride 1); got {padding!r}"
            )
        self.padding = padding if named else sizes(padding, self.dims, "padding")
        self.output_padding, self.padding_mode = (0,) * self.dims, padding_mode
        before, after = conv.around(padding, self.kernel_size, self.dilation)
        both = zip(reversed(before), reversed(after), strict=True)
        self._reversed_padding_repeated_twice = [p for side in both for p in side]  # as `pad` wants
        ends = in_channels, out_channels
        first, second = ends if self.transposed else reversed(ends)
        factory = {"device": device, "dtype": dtype}
        self.weight = parameter(first, second // groups, *self.kernel_size, **factory)
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
        n, text = self.dims, f"{self.in_channels}, {self.out_channels}"
        always = {"kernel_size": (), "stride": ()}
        usual = {
            "padding": (0,) * n, "dilation": (1,) * n, "output_padding": (0,) * n, "groups": 1,
            "bias": True, "padding_mode": "zeros",
        }  # fmt: skip
        own = {**vars(self), "bias": self.bias is not None}
        shown = {k: own[k] for k, v in (always | usual).items() if own[k] != v}
        return ", ".join([text, *(f"{k}={v}" for k, v in shown.items())])


class _ConvTranspose(_Conv):
    """The way back of a convolution, as a layer: from few places to many."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1,
        padding: Sizes = 0, output_padding: Sizes = 0, groups: int = 1, bias: bool = True,
        dilation: Sizes = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip
        self.output_padding = sizes(output_padding, self.dims, "output_padding")

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            kernel = zip(self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
            least = [
                (m - 1) * s - 2 * p + d * (k - 1) + 1
                for m, (s, p, d, k) in zip(input.array.shape[-self.dims :], kernel, strict=True)
            ]
            wanted = output_size[-self.dims :]
            extra = tuple([w - m for w, m in zip(wanted, least, strict=True)])
            if not all(0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
                raise ValueError(
                    f"output_size must be {least} or less than a stride more; got {wanted}"
                )
        options = self.stride, self.padding, extra, self.groups, self.dilation
        return self.function(input, self.weight, self.bias, *options)


class Conv1d(_Conv):
    """Cross-correlation with learnt kernels: (N, in_channels, L) → (N, out_channels, L')."""

    dims, function = 1, staticmethod(conv.conv1d)


class Conv2d(_Conv):
    """Cross-correlation with learnt kernels: (N, in_channels, H, W) → (N, out_channels, H', W')."""

    dims, function = 2, staticmethod(conv.conv2d)


class ConvTranspose1d(_ConvTranspose):
    """A `Conv1d` backwards: (N, in_channels, L) → (N, out_channels, (L − 1)·stride + …)."""

    dims, function = 1, staticmethod(conv.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """A `Conv2d` backwards: (N, in_channels, H, W) → (N, out_channels, …)."""

    dims, function = 2, staticmethod(conv.conv_transpose2d)
