"""A small convolutional network over time, for sounds as pictures of bands and frames.

Each band of pitch is a channel; three convolutions find short patterns, wherever in time they
are, and of each pattern the mean and the maximum over time are kept. 41,000 parameters for 64
bands and 8 classes.
"""

import numpy as np

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.tensor import Tensor

WIDTH = 64  # patterns


class Listener(nn.Module):
    """(N, bands, frames) → scores (N, classes); `std` is the deviation of training pictures."""

    scale: Tensor

    def __init__(self, classes: int, bands: int, std: float, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("scale", Tensor(np.array([1 / max(std, 1e-3)], np.float32)))
        self.patterns = nn.Sequential(
            nn.Conv1d(bands, width, 5, stride=2, padding=2, bias=False),  # (N, W, T/2)
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1, bias=False),  # (N, W, T/4)
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=1, bias=False),  # (N, W, T/4)
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        found = self.patterns(x * self.scale)
        scores: Tensor = self.head(torch.cat([found.mean(2), found.amax(2)], 1))
        return scores
