"""A small convolutional network for small pictures, trained from scratch on the built-in engine.

Each of two convolutions is pooled before it is normalised, which gives the same kind of result
for a quarter of the work; the picture is an eighth as wide in the end. For 28 × 28 digits that
is 7,994 parameters.
"""

import numpy as np

from learnt.engine import nn
from learnt.engine.tensor import Tensor

WIDTH = 16  # channels of the first convolution; the second has twice as many


class Normalize(nn.Module):
    """Bytes or floats 0 … 255 to about mean 0 and deviation 1, by the training pictures' own."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.register_buffer("mean", Tensor(np.array([mean], np.float32)))
        self.register_buffer("std", Tensor(np.array([max(std, 1e-3)], np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        return (x.float() - self.mean) / self.std


def convnet(
    classes: int, channels: int, size: int, mean: float, std: float, width: int = WIDTH
) -> nn.Sequential:
    """(N, channels, size, size) bytes → scores (N, classes)."""
    side = ((size + 1) // 2) // 2 // 2
    if side < 1:
        raise ValueError(f"the network needs pictures of at least 7 pixels; got {size}")
    return nn.Sequential(
        Normalize(mean, std),
        nn.Conv2d(channels, width, 5, stride=2, padding=2, bias=False),  # (N, 16, S/2, S/2)
        nn.MaxPool2d(2),  # (N, 16, S/4, S/4)
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),  # (N, 32, S/4, S/4)
        nn.MaxPool2d(2),  # (N, 32, S/8, S/8)
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * side * side, classes),
    )
