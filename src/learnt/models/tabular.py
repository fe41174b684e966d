"""A network for the rows of a table: numbers and categories in, scores or values out.

A number becomes how far it is through each bin of its column (0 below the bin, 1 above it), the
bins being cut at quantiles of the training rows: outliers are tamed, and steps are easy to learn,
as they are for trees. From that, and from a learnt row for each category, three layers go on.
(piecewise linear embeddings: Gorishniy et al. 2022) Several small networks, the members, learn
side by side, each from a start of its own: their mean is better than one large network.
(Hansen & Salamon 1990)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.tensor import Tensor

Array = npt.NDArray[Any]
NUMBER_WIDTH, CATEGORY_WIDTH = 16, 8  # of the embedding of one number, one category
MEMBERS, WIDTH = 4, 192  # small networks, and the numbers between their layers
NARROWEST = 1e-7  # of a column's range: the narrowest bin


class NumberEmbedding(nn.Module):
    """Numbers (N, F) in float64, NaN where missing → (K, N, F · width), for each member its own.

    `edges` are each column's bins: ascending, from its least number to its greatest. A missing
    number is taken as the column's median, and has a learnt row of its own besides, 0 at first.
    """

    centre: Tensor
    scale: Tensor
    low: Tensor
    slope: Tensor

    def __init__(
        self,
        edges: Sequence[Array],
        medians: Array,
        members: int = 1,
        width: int = NUMBER_WIDTH,
    ) -> None:
        super().__init__()
        self.shape = (len(edges), -1, members, width)
        width *= members
        scale = np.array([1 / (e[-1] - e[0]) for e in edges])
        bins = max(map(len, edges)) - 1
        low = np.full((len(edges), 1, bins), 2.0, np.float32)  # beyond all: such bins stay 0
        slope = np.zeros((len(edges), 1, bins), np.float32)
        spread = np.zeros((len(edges), bins + 1, 1), np.float32)
        for f, e in enumerate(edges):
            scaled = np.unique(((e - medians[f]) * scale[f]).astype(np.float32))
            scaled = scaled[np.append(True, np.diff(scaled) > NARROWEST)]
            n = len(scaled) - 1
            low[f, 0, :n], slope[f, 0, :n] = scaled[:-1], 1 / np.diff(scaled)
            spread[f, :n] = n**-0.5
        self.register_buffer("centre", Tensor(medians.astype(np.float64)))
        self.register_buffer("scale", Tensor(scale))
        self.register_buffer("low", Tensor(low))
        self.register_buffer("slope", Tensor(slope))
        start = (2 * torch.rand(len(edges), bins + 1, width) - 1) * Tensor(spread)
        self.weight = nn.Parameter(start)
        self.bias = nn.Parameter(torch.zeros(len(edges), 1, width))

    def forward(self, numbers: Tensor) -> Tensor:
        x = ((numbers - self.centre) * self.scale).transpose(0, 1).unsqueeze(2)  # (F, N, 1)
        missing = x.isnan()
        inside = torch.where(missing, 0.0, x).clamp(-1, 1).float()
        through = ((inside - self.low) * self.slope).clamp(0, 1)
        bins = torch.cat([through, missing.float()], 2)  # (F, N, bins + 1)
        embedded = F.relu(bins @ self.weight + self.bias)  # (F, N, K · width)
        return embedded.reshape(self.shape).permute(2, 1, 0, 3).flatten(2)


class CategoryEmbedding(nn.Module):
    """Categories (N, C), of `sizes` each → (K, N, C · width): a learnt row for every value."""

    start: Tensor

    def __init__(self, sizes: Sequence[int], members: int = 1, width: int = CATEGORY_WIDTH) -> None:
        super().__init__()
        self.shape = (-1, len(sizes), members, width)
        self.register_buffer("start", Tensor(np.cumsum([0, *sizes[:-1]])))
        self.rows = nn.Embedding(sum(sizes), members * width)
        self.rows.weight.array[...] *= width**-0.5

    def forward(self, categories: Tensor) -> Tensor:
        rows: Tensor = self.rows(categories + self.start)  # (N, C, K · width)
        return rows.reshape(self.shape).permute(2, 0, 1, 3).flatten(2)


class MemberLinear(nn.Module):
    """y = x W + b, each member with its own: (K, N, before) → (K, N, after)."""

    def __init__(self, members: int, before: int, after: int) -> None:
        super().__init__()
        bound = before**-0.5
        self.weight = nn.Parameter(
            nn.init.uniform_(torch.empty(members, before, after), -bound, bound)
        )
        self.bias = nn.Parameter(nn.init.uniform_(torch.empty(members, 1, after), -bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Tabular(nn.Module):
    """Numbers (N, F) and categories (N, C), either left out if there are none → (N, K, outputs),
    of each of the K members."""

    def __init__(
        self,
        edges: Sequence[Array],
        medians: Array,
        sizes: Sequence[int],
        outputs: int,
        members: int = MEMBERS,
        width: int = WIDTH,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.numbers = NumberEmbedding(edges, medians, members) if edges else None
        self.categories = CategoryEmbedding(sizes, members) if sizes else None
        before = len(edges) * NUMBER_WIDTH + len(sizes) * CATEGORY_WIDTH
        self.layers = nn.Sequential(
            MemberLinear(members, before, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            MemberLinear(members, width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            MemberLinear(members, width, outputs),
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        kinds = [kind for kind in (self.numbers, self.categories) if kind is not None]
        parts = [kind(x) for kind, x in zip(kinds, inputs, strict=True)]
        outputs: Tensor = self.layers(torch.cat(parts, 2))  # (K, N, outputs)
        return outputs.transpose(0, 1)


class Probabilities(nn.Module):
    """The members' scores (N, K, C) as probabilities (N, C): the mean of their own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        scores: Tensor = self.network(*inputs)
        return scores.softmax(2).mean(1)


class Values(nn.Module):
    """The members' outputs (N, K, 1), in deviations from a mean, as values (N, 1)."""

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.network, self.mean, self.std = network, mean, std

    def forward(self, *inputs: Tensor) -> Tensor:
        outputs: Tensor = self.network(*inputs)
        return outputs.mean(1) * self.std + self.mean


def cut(values: Array, bins: int) -> Array:
    """The edges of a number's bins, from its training values without NaN: quantiles.

    Where few values are most of the rows, as 0 often is, quantiles of the different values are
    added, so that rare ones are told apart as well.
    """
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    if len(edges) < 0.6 * bins:
        different = np.unique(values)
        more = np.quantile(different, np.linspace(0, 1, bins + 2 - len(edges)))
        edges = np.unique(np.concatenate([edges, more]))
    return edges
