"""A network for the rows of a table: numbers and categories in, scores or values out.

A number becomes how far it is through each bin of its column (0 below the bin, 1 above it), the
bins being cut at quantiles of the training rows: outliers are tamed, and steps are easy to learn,
as they are for trees. From that, and from a learnt row for each category, three layers go on.
(piecewise linear embeddings: Gorishniy et al. 2022)
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
NARROWEST = 1e-7  # of a column's range: the narrowest bin


class NumberEmbedding(nn.Module):
    """Numbers (N, F) in float64, NaN where missing → (N, F · width).

    `edges` are each column's bins: ascending, from its least number to its greatest. A missing
    number is taken as the column's median, and has a learnt row of its own besides, 0 at first.
    """

    centre: Tensor
    scale: Tensor
    low: Tensor
    slope: Tensor

    def __init__(self, edges: Sequence[Array], medians: Array, width: int = NUMBER_WIDTH) -> None:
        super().__init__()
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
        embedded = F.relu(bins @ self.weight + self.bias)  # (F, N, width)
        return embedded.transpose(0, 1).flatten(1)  # (N, F · width)


class CategoryEmbedding(nn.Module):
    """Categories (N, C), of `sizes` each → (N, C · width): a learnt row for every value."""

    start: Tensor

    def __init__(self, sizes: Sequence[int], width: int = CATEGORY_WIDTH) -> None:
        super().__init__()
        self.register_buffer("start", Tensor(np.cumsum([0, *sizes[:-1]])))
        self.rows = nn.Embedding(sum(sizes), width)
        self.rows.weight.array[...] *= width**-0.5

    def forward(self, categories: Tensor) -> Tensor:
        rows: Tensor = self.rows(categories + self.start)  # (N, C, width)
        return rows.flatten(1)


class Tabular(nn.Module):
    """Numbers (N, F) and categories (N, C), either left out if there are none → (N, outputs)."""

    def __init__(
        self,
        edges: Sequence[Array],
        medians: Array,
        sizes: Sequence[int],
        outputs: int,
        width: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.numbers = NumberEmbedding(edges, medians) if edges else None
        self.categories = CategoryEmbedding(sizes) if sizes else None
        self.layers = nn.Sequential(
            nn.Linear(len(edges) * NUMBER_WIDTH + len(sizes) * CATEGORY_WIDTH, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, outputs),
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        kinds = [kind for kind in (self.numbers, self.categories) if kind is not None]
        parts = [kind(x) for kind, x in zip(kinds, inputs, strict=True)]
        scores: Tensor = self.layers(torch.cat(parts, 1))
        return scores


class Probabilities(nn.Module):
    """A network's scores (N, C) as probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        scores: Tensor = self.network(*inputs)
        return scores.softmax(1)


class Values(nn.Module):
    """A network's outputs (N, 1), which are in deviations from a mean, as values."""

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.network, self.mean, self.std = network, mean, std

    def forward(self, *inputs: Tensor) -> Tensor:
        outputs: Tensor = self.network(*inputs)
        return outputs * self.std + self.mean


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
