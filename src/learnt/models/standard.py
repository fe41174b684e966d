"""A linear head on features, each brought to mean 0 and deviation 1 by the training examples'."""

from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.engine import nn
from learnt.engine.tensor import Tensor

LEAST = 1e-3  # deviation: a feature that hardly changes is not blown up


class Standardise(nn.Module):
    """(N, features) → the same, by the mean and deviation of `rows` (M, features)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, rows: npt.NDArray[Any]) -> None:
        super().__init__()
        mean, std = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
        self.register_buffer("mean", Tensor(mean.astype(np.float32)))
        self.register_buffer("scale", Tensor((1 / (std + LEAST)).astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) * self.scale


def standard_head(rows: npt.NDArray[Any], classes: int) -> nn.Sequential:
    """(N, features) → scores (N, classes); the weights start at zero, as nothing breaks ties."""
    linear = nn.Linear(rows.shape[1], classes)
    nn.init.zeros_(linear.weight)
    return nn.Sequential(Standardise(rows), linear)
