"""A small U-Net: a class for every pixel of a small picture, trained from scratch.

The way down sees more and more of the picture with fewer and fewer pixels; the way up joins what
was seen to where it was.  (Ronneberger, Fischer & Brox 2015, "U-Net".)  Its finest pixels are
two of the picture's wide, where a convolution costs a quarter, and each of them answers for its
four.  (Shi et al. 2016, sub-pixel convolution)
"""

from collections.abc import Sequence
from itertools import pairwise

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.tensor import Tensor
from learnt.models.convnet import Normalize

WIDTHS = (16, 32, 64, 128)  # channels, from the finest level to the coarsest
UNIT = 2 ** len(WIDTHS)  # pixels: a picture's side must be a multiple of it


def block(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution, normalised, and ReLU: (N, before, H, W) → (N, after, H/stride, W/stride)."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class UNet(nn.Module):
    """(N, channels, S, S) bytes → scores (N, classes, S, S), S a multiple of 16."""

    def __init__(
        self,
        classes: int,
        channels: int,
        mean: float,
        std: float,
        widths: Sequence[int] = WIDTHS,
    ) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.stem = block(channels, widths[0], 5, 2)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Sequential(block(a, b, 3, 2), block(b, b)) for a, b in pairs)
        self.up = nn.ModuleList(block(b, a, 1) for a, b in pairs)
        self.join = nn.ModuleList(block(2 * a, a) for a, _ in pairs)
        self.head = nn.Conv2d(widths[0], 4 * classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(self.normalize(x))  # (N, 16, S/2, S/2)
        seen = []
        for down in self.down:
            seen.append(x)
            x = down(x)  # (N, 32, S/4, S/4) … (N, 128, S/16, S/16)
        for level in reversed(range(len(seen))):
            x = F.interpolate(self.up[level](x), scale_factor=2.0)
            x = self.join[level](torch.cat([x, seen[level]], 1))
        scores: Tensor = F.pixel_shuffle(self.head(x), 2)  # (N, classes, S, S)
        return scores
