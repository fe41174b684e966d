"""Layers that multiply by weights of their own, or look them up."""

import math
from typing import Any, Self

from learnt.engine.nn import functional as F
from learnt.engine.nn import init
from learnt.engine.nn.module import Module, Parameter, parameter
from learnt.engine.tensor import Tensor


class Identity(Module):
    """The input, unchanged; it takes any arguments, to stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class _Product(Module):
    """A weight (out, in, …) and a bias (out), which begin within ±1/√in."""

    def _make(self, shape: tuple[int, ...], bias: bool, **kind: Any) -> None:
        self.out_features = shape[0]
        self.weight = parameter(*shape, **kind)
        self.bias = parameter(shape[0], **kind) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin anew."""
        bound = 1 / math.sqrt(max(self.weight.array.shape[1], 1))
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def extra_repr(self) -> str:
        sizes = [f"{n}={v}" for n, v in sorted(vars(self).items()) if n.endswith("features")]
        return ", ".join([*sizes, f"bias={self.bias is not None}"])


class Linear(_Product):
    """y = x Wᵀ + b: (…, in_features) → (…, out_features)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_features = in_features
        self._make((out_features, in_features), bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)


class Bilinear(_Product):
    """yₖ = x₁ Wₖ x₂ᵀ + bₖ: (…, in1_features) and (…, in2_features) → (…, out_features)."""

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in1_features, self.in2_features = in1_features, in2_features
        self._make((out_features, in1_features, in2_features), bias, device=device, dtype=dtype)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)


class PReLU(Module):
    """x, but w·x below 0, w learnt: one, or one a channel of (N, C, …)."""

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = parameter(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin anew."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class _Rows(Module):
    """A row of numbers for each of `num_embeddings` things, normally distributed at first."""

    shown: tuple[str, ...]
    norm_type: float

    def _make(
        self, rows: int, width: int, padding_idx: int | None, weight: Tensor | None, **kind: Any
    ) -> None:
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise AssertionError(f"padding_idx must be one of {rows} rows; got {padding_idx}")
        if weight is not None and weight.array.shape != (rows, width):
            raise AssertionError(f"weight must have shape {(rows, width)}; got {weight.shape}")
        self.num_embeddings, self.embedding_dim = rows, width
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % rows
        self.weight = parameter(rows, width, **kind) if weight is None else Parameter(weight)
        if weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin anew; the row `padding_idx` is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **options: Any) -> Self:
        """The rows of `embeddings`, which training leaves as they are if `freeze`."""
        options |= {"_weight": embeddings}
        made = cls(*embeddings.array.shape, **options)
        made.weight.requires_grad = not freeze
        return made

    def extra_repr(self) -> str:
        names = [n for n in self.shown if n != "norm_type" or self.norm_type != 2]
        values = [(n, getattr(self, n)) for n in names]
        told = [f"{n}={v!r}" for n, v in values if v is not None and v is not False]
        return ", ".join([f"{self.num_embeddings}, {self.embedding_dim}", *told])


class Embedding(_Rows):
    """The row of each number: (…) → (…, embedding_dim)."""

    shown = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        kind = {"device": device, "dtype": dtype}
        self._make(num_embeddings, embedding_dim, padding_idx, _weight, **kind)
        self.weight.requires_grad = not _freeze

    def forward(self, input: Tensor) -> Tensor:
        options = self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        return F.embedding(input, self.weight, *options)


class EmbeddingBag(_Rows):
    """The mean (sum, max) of the rows of each bag of numbers: (B, L) → (B, embedding_dim)."""

    shown = ("max_norm", "norm_type", "scale_grad_by_freq", "mode", "padding_idx")

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, _weight: Tensor | None = None, include_last_offset: bool = False,
        padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.max_norm, self.norm_type, self.mode = max_norm, norm_type, mode
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.include_last_offset, kind = include_last_offset, {"device": device, "dtype": dtype}
        self._make(num_embeddings, embedding_dim, padding_idx, _weight, **kind)

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip
