"""MiniRocket: 84 fixed kernels at many dilations, that find patterns in series.

Each kernel has nine weights, three of them 2 and six of them −1, so it answers to a shape and
not to a level. A feature is the share of the moments at which a kernel's answer is above a
threshold; thresholds are quantiles of its answers to examples. Nothing else is learnt here: the
head on top is.  (Dempster, Schmidt and Webb 2021, https://arxiv.org/abs/2012.08791)
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from learnt.engine.onnx import Graph

Array = npt.NDArray[np.float32]

KERNELS, TAPS = 84, 9
FEATURES = 9_996  # 84 × 119, as in the paper
DILATIONS = 32  # at most
GOLDEN = (5**0.5 - 1) / 2
SOFT = 0.02  # how wide a threshold is, in deviations of the answers


@dataclass(frozen=True)
class Scale:
    """The kernels at one dilation: weights (84, C, 9), and thresholds (84, count)."""

    dilation: int
    weights: Array
    thresholds: Array
    width: float  # of the thresholds: an answer just beside one counts in part


@dataclass(frozen=True)
class Kernels:
    """All the scales: (N, C, T) series → (N, features)."""

    scales: list[Scale]

    @property
    def features(self) -> int:
        """How many features a series gets."""
        return sum(scale.thresholds.size for scale in self.scales)

    def write(self, graph: Graph, name: str) -> str:
        """Append the features of the series `name` to a graph; returns the result's name."""
        parts = []
        for scale in self.scales:
            answers = _convolution(graph, name, scale)  # (N, 84, T)
            stacked = graph.add("Unsqueeze", answers, graph.constant([2], "int64"))
            # The share above a threshold t: the mean of a step, which rises within `width`, so
            # that the last digits of an answer never decide.
            slope = 1 / scale.width
            start = 0.5 - scale.thresholds[None, :, :, None] * slope  # (1, 84, count, 1)
            rising = graph.add("Mul", stacked, graph.constant(slope, "float32"))
            steps = graph.add("Add", rising, graph.constant(start, "float32"))
            above = graph.add(
                "Clip", steps, graph.constant(0, "float32"), graph.constant(1, "float32")
            )  # (N, 84, count, T)
            share = graph.add("ReduceMean", above, graph.constant([3], "int64"), keepdims=0)
            size = scale.thresholds.size
            parts.append(graph.add("Reshape", share, graph.constant([-1, size], "int64")))
        return graph.add("Concat", *parts, axis=1)


def fit_kernels(series: Array, seed: int, features: int = FEATURES) -> Kernels:
    """Kernels for series like these, (N, C, T): thresholds are quantiles of their answers."""
    n, channels, length = series.shape
    random = np.random.default_rng(seed)
    scales, number = [], 0
    for dilation, count in _dilations(length, features // KERNELS):
        taken = np.ones((KERNELS, channels), bool)
        if channels > 1:  # each kernel listens to some of the channels
            taken = random.random((KERNELS, channels)) < 0.5
            taken[~taken.any(1), random.integers(channels)] = True
        weights = taken[:, :, None] * shapes()[:, None, :]  # (84, C, 9)
        chosen = series[random.integers(n, size=min(count, 32))]
        answers = convolved(chosen, weights, dilation)  # (≤ count, 84, T)
        thresholds = np.empty((KERNELS, count), np.float32)
        for k in range(count):  # quantiles spread evenly, without a pattern
            number += 1
            one = answers[k % len(answers)]
            thresholds[:, k] = np.quantile(one, number * GOLDEN % 1, axis=1)
        width = SOFT * max(float(answers.std()), 1e-3)
        scales.append(Scale(dilation, weights, thresholds, width))
    return Kernels(scales)


def shapes() -> Array:
    """(84, 9): every way to have three weights of 2 among nine, the others −1; their sum is 0."""
    weights = np.full((KERNELS, TAPS), -1, np.float32)
    for row, chosen in enumerate(combinations(range(TAPS), 3)):
        weights[row, chosen] = 2
    return weights


def convolved(series: Array, weights: Array, dilation: int) -> Array:
    """(N, C, T) by (84, C, 9) → (N, 84, T), zeros around."""
    n, channels, length = series.shape
    pad = dilation * (TAPS // 2)
    padded = np.pad(series, ((0, 0), (0, 0), (pad, pad)))
    columns = np.stack([padded[:, :, k * dilation : k * dilation + length] for k in range(TAPS)], 2)
    flat = columns.reshape(n, channels * TAPS, length)
    answers: Array = weights.reshape(KERNELS, -1) @ flat
    return answers


def _dilations(length: int, each: int) -> list[tuple[int, int]]:
    """(dilation, thresholds a kernel): powers of two, evenly, up to a kernel as long as the
    series."""
    highest = np.log2(max(1.0, (length - 1) / (TAPS - 1)))
    steps = np.logspace(0, highest, min(each, DILATIONS), base=2).astype(int)
    dilations, counts = np.unique(steps, return_counts=True)
    shares = np.diff(np.round(np.cumsum([0, *counts]) * each / counts.sum())).astype(int)
    return [(int(d), int(c)) for d, c in zip(dilations, shares, strict=True) if c]


def _convolution(graph: Graph, name: str, scale: Scale) -> str:
    pad = scale.dilation * (TAPS // 2)
    return graph.add(
        "Conv",
        name,
        graph.constant(scale.weights),
        dilations=[scale.dilation],
        pads=[pad, pad],
    )
