"""EfficientNet-Lite0: a small, strong network for photos, pretrained on ImageNet.

Inverted residual blocks (expand by a 1 × 1 convolution, look around with one kernel a channel,
project back) without what integer arithmetic is bad at: no squeeze-and-excitation, ReLU6 for
swish.  (Tan & Le 2019, "EfficientNet"; Liu 2020, "EfficientNet-Lite")
"""

import math
from dataclasses import dataclass

import numpy as np

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.op import Array
from learnt.engine.tensor import Tensor

EPS = 1e-3  # of every batch normalisation, as it was trained
FEATURES = 1280
BLOCKS = (  # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Map:
    """What the network sees at one coarseness: the result of the block `after` of that number."""

    after: int
    stride: int  # pixels of the picture a pixel of the map
    channels: int


MAPS = (Map(2, 4, 24), Map(4, 8, 40), Map(10, 16, 112), Map(15, 32, 320))  # the finest first


def map_shapes(size: int) -> list[tuple[int, int, int]]:
    """(channels, height, width) of each map of a picture of size × size, a multiple of 32."""
    return [(m.channels, size // m.stride, size // m.stride) for m in MAPS]


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow pads it ("SAME"): the odd pixel goes right and below."""

    def forward(self, x: Tensor) -> Tensor:
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        high, wide = _padding(x.shape[2], kh, sh), _padding(x.shape[3], kw, sw)
        if high % 2 or wide % 2:
            x = F.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
            high = wide = 0
        padding = (high // 2, wide // 2)
        y: Tensor = F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return y


class InvertedResidual(nn.Module):
    """(N, C, H, W) → expand → depthwise → project; added to its input where shapes allow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = before * expansion
        self.expand = SameConv2d(before, inside, 1, bias=False) if expansion > 1 else None
        self.expand_norm = nn.BatchNorm2d(inside, eps=EPS) if expansion > 1 else None
        self.depthwise = SameConv2d(inside, inside, kernel, stride, groups=inside, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(inside, eps=EPS)
        self.project = SameConv2d(inside, after, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(after, eps=EPS)
        self.residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expand is not None and self.expand_norm is not None:
            y = F.relu6(self.expand_norm(self.expand(y)))
        y = F.relu6(self.depthwise_norm(self.depthwise(y)))
        y = self.project_norm(self.project(y))
        result: Tensor = x + y if self.residual else y
        return result


class EfficientNetLite0(nn.Module):
    """Normalised pictures (N, 3, H, W) → scores (N, classes); `features` gives (N, 1280)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(32, eps=EPS)
        self.blocks = nn.ModuleList()
        channels = 32
        for repeats, kernel, stride, expansion, after in BLOCKS:
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                self.blocks.append(InvertedResidual(channels, after, kernel, step, expansion))
                channels = after
        self.head = SameConv2d(channels, FEATURES, 1, bias=False)
        self.head_norm = nn.BatchNorm2d(FEATURES, eps=EPS)
        self.classifier = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """What the network sees in each picture, as 1,280 numbers."""
        x = F.relu6(self.stem_norm(self.stem(x)))  # (N, 32, H/2, W/2)
        for block in self.blocks:
            x = block(x)
        x = F.relu6(self.head_norm(self.head(x)))  # (N, 1280, H/32, W/32)
        pooled: Tensor = F.adaptive_avg_pool2d(x, 1)
        return pooled.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))  # type: ignore[no-any-return]


class PhotoBody(nn.Module):
    """Bytes (N, 3, H, W) → features (N, 1280): what is frozen and cached."""

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.features((x.float() - 127.5) / 127.5)


class PhotoMaps(nn.Module):
    """Bytes (N, 3, S, S) → the maps as bytes, one after the other: (N, numbers of all maps).

    A byte a number: 128 is a channel's mean and 32 its deviation, both as the normalisations that
    made the map have them, so that the bytes depend on the weights only.
    """

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.network = network
        mean = deviation = np.zeros(1, np.float32)
        self.scales = {}
        for number, block in enumerate(network.blocks):
            norm = block.project_norm  # what a block adds: mean bias, deviation |weight|
            if block.residual:
                mean, deviation = mean + norm.bias.array, np.hypot(deviation, norm.weight.array)
            else:
                mean, deviation = norm.bias.array, np.abs(norm.weight.array)
            scale = 32 / np.maximum(deviation, 1e-6).astype(np.float32)
            self.scales[number] = Tensor(scale[:, None, None]), Tensor(mean[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        net, maps = self.network, []
        x = F.relu6(net.stem_norm(net.stem((x.float() - 127.5) / 127.5)))
        wanted = [m.after for m in MAPS]
        for number, block in enumerate(net.blocks):
            x = block(x)
            if number in wanted:
                scale, mean = self.scales[number]
                maps.append(((x - mean) * scale + 128).flatten(1))
        together: Tensor = torch.cat(maps, 1).round().clamp(0, 255)
        return together.to(torch.uint8)


def expected_inputs(network: EfficientNetLite0) -> list[Array | None]:
    """The mean input of each convolution by channel, in their order, as far as the normalisation
    before it tells: None for the first.  (Nagel et al. 2019, "Data-free quantization")"""
    means: list[Array | None] = [None]
    x, plain = _after_relu6(network.stem_norm), np.zeros(1, np.float32)
    for block in network.blocks:
        for norm in (block.expand_norm, block.depthwise_norm):
            if norm is not None:
                means.append(x)
                x = _after_relu6(norm)
        means.append(x)
        own = block.project_norm.bias.array
        x = plain = plain + own if block.residual else own
    return [*means, x]


def _after_relu6(norm: nn.BatchNorm2d) -> Array:
    """The mean of min(max(x, 0), 6) by channel, x being normal with what `norm` gives it."""
    assert norm.bias is not None, "it is learnt"
    assert norm.weight is not None, "it is learnt"
    mean = norm.bias.array.astype(np.float64)
    deviation = np.maximum(np.abs(norm.weight.array.astype(np.float64)), 1e-6)
    ends = [(edge - mean) / deviation for edge in (0, 6)]
    low, high = ([(1 + math.erf(z / 2**0.5)) / 2 for z in end] for end in ends)  # shares below
    below, above = np.array(low), 1 - np.array(high)
    first, last = (np.exp(-(end**2) / 2) / (2 * np.pi) ** 0.5 for end in ends)  # densities
    found: Array = mean * (1 - below - above) + deviation * (first - last) + 6 * above
    return found.astype(np.float32)


def _padding(size: int, kernel: int, stride: int) -> int:
    """How many pixels "SAME" adds in one direction, both sides together."""
    return max((-(-size // stride) - 1) * stride + kernel - size, 0)
