"""The decoder: a class for every pixel, from the maps that a frozen body sees in a picture.

From the coarsest map, which knows what is there, to the finest, which knows where: each level is
widened, added to the next finer map, and mixed.  (Lin et al. 2017, "Feature pyramid networks")
"""

from itertools import pairwise

from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.tensor import Tensor
from learnt.models.efficientnet import MAPS, map_shapes
from learnt.models.unet import block

WIDTHS = (24, 48, 64, 96)  # channels of the decoder's levels, from the finest
DROPOUT = 0.2


class Decoder(nn.Module):
    """Maps (N, numbers of all maps) bytes → scores (N, classes, size / 2, size / 2)."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.shapes = map_shapes(size)
        self.bring = nn.ModuleList(
            block(m.channels, w, 1) for m, w in zip(MAPS, WIDTHS, strict=True)
        )
        pairs = list(pairwise(WIDTHS))
        self.up = nn.ModuleList(block(b, a, 1) for a, b in pairs)
        self.join = nn.ModuleList(block(a, a) for a, _ in pairs)
        self.drop = nn.Dropout(DROPOUT)
        self.head = nn.Conv2d(WIDTHS[0], 4 * classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps, at = [], 0
        for bring, (c, h, w) in zip(self.bring, self.shapes, strict=True):
            part = x[:, at : at + c * h * w].float().reshape(-1, c, h, w)
            maps.append(bring((part - 128) / 32))  # as they were kept: about mean 0, deviation 1
            at += c * h * w
        y = self.drop(maps[-1])  # (N, 96, S/32, S/32)
        for level in reversed(range(len(maps) - 1)):
            wider = F.interpolate(self.up[level](y), scale_factor=2.0)
            y = self.join[level](wider + maps[level])  # … (N, 24, S/4, S/4)
        scores: Tensor = F.pixel_shuffle(self.head(y), 2)  # (N, classes, S/2, S/2)
        return scores
