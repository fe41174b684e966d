"""Normalisation layers: what each brings to mean 0 and variance 1, and then a learnt scale."""

from collections.abc import Sequence
from typing import Any, ClassVar

from learnt.engine.creation import ones, tensor, zeros
from learnt.engine.nn import functional as F
from learnt.engine.nn import init
from learnt.engine.nn.module import Module, parameter
from learnt.engine.tensor import Tensor

Shape = int | Sequence[int]


class _Affine(Module):
    """A scale, 1 at first, and a shift, 0 at first; or neither."""

    def _make(self, shape: Sequence[int], affine: bool, bias: bool, **kind: Any) -> None:
        self.weight = parameter(*shape, **kind) if affine else None
        self.bias = parameter(*shape, **kind) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin anew."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _Channels(_Affine):
    """Each of `num_features` channels for itself, with running figures for evaluation."""

    dims: ClassVar[tuple[int, int]]  # how many dimensions the input may have
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        c, kind, tracked = num_features, {"device": device, "dtype": dtype}, track_running_stats
        self._make((c,), affine, bias, **kind)
        self.register_buffer("running_mean", zeros(c, **kind) if tracked else None)
        self.register_buffer("running_var", ones(c, **kind) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0) if tracked else None)

    def reset_running_stats(self) -> None:
        """Begin the running figures anew."""
        for buffer, start in zip(self.buffers(), (0, 1, 0), strict=False):
            init.constant_(buffer, start)

    def _check(self, input: Tensor, channels: int) -> None:
        if input.array.ndim not in self.dims or channels != self.num_features:
            ranks = " or ".join(map(str, dict.fromkeys(self.dims)))
            raise RuntimeError(
                f"{type(self).__name__} needs {ranks} dimensions with "
                f"{self.num_features} channels second; got {input.array.shape}"
            )

    def extra_repr(self) -> str:
        figures = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        options = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{figures}, {options}, track_running_stats={self.track_running_stats}"


class _BatchNorm(_Channels):
    def forward(self, input: Tensor) -> Tensor:
        shape, training, momentum = input.array.shape, self.training, self.momentum or 0.0
        self._check(input, shape[1] if len(shape) > 1 else 0)
        if training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.array += 1
            if self.momentum is None:  # then they are plain means
                momentum = 1 / self.num_batches_tracked.item()
        known = not training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if known else (None, None)
        own = training or mean is var is None
        return F.batch_norm(input, mean, var, self.weight, self.bias, own, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Each feature of (N, C) or (N, C, L), over the batch."""

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of (N, C, H, W), over the batch."""

    dims = (4, 4)


class _InstanceNorm(_Channels):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = False, track_running_stats: bool = False, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        options = eps, momentum, affine, track_running_stats, device, dtype
        super().__init__(num_features, *options, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        one = input.array.ndim == self.dims[0]
        x = input.unsqueeze(0) if one else input
        self._check(input, x.array.shape[1] if self.affine else self.num_features)
        own = self.training or not self.track_running_stats
        figures = self.running_mean, self.running_var, self.weight, self.bias
        y = F.instance_norm(x, *figures, own, self.momentum or 0.0, self.eps)
        return y.squeeze(0) if one else y


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each example of (N, C, L), or of one (C, L)."""

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each example of (N, C, H, W), or of one (C, H, W)."""

    dims = (3, 4)


class GroupNorm(_Affine):
    """Groups of the channels of each example of (N, C, …)."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"{num_channels} channels must be a multiple of {num_groups} groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.affine = affine
        self._make((num_channels,), affine, bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        options = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, {options}"


class _LastDims(_Affine):
    eps: Any

    def _begin(self, shape: Shape, eps: Any, affine: bool, *bias: bool, **kind: Any) -> None:
        self.normalized_shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.eps, self.elementwise_affine = eps, affine
        self._make(self.normalized_shape, affine, *bias, **kind)

    def extra_repr(self) -> str:
        options = f"eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, {options}"


class LayerNorm(_LastDims):
    """The last dimensions (`normalized_shape`) of each example."""

    def __init__(
        self, normalized_shape: Shape, eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._begin(normalized_shape, eps, elementwise_affine, bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, bias={self.bias is not None}"


class RMSNorm(_LastDims):
    """The last dimensions of each example, to a mean square of 1."""

    def __init__(
        self, normalized_shape: Shape, eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._begin(normalized_shape, eps, elementwise_affine, False, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)
