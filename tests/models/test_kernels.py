"""MiniRocket's kernels, against PyTorch's convolution and the paper's definition."""

import numpy as np
import onnxruntime
import pytest
import torch as reference  # noqa: TID251 - the reference

from learnt.engine.onnx import Graph
from learnt.models.kernels import FEATURES, Kernels, convolved, fit_kernels, shapes


def features(kernels: Kernels, series: np.ndarray) -> np.ndarray:
    """(N, C, T) → (N, features), by ONNX Runtime."""
    graph = Graph()
    graph.inputs.append(("series", np.dtype(np.float32), ["batch", *series.shape[1:]]))
    result = kernels.write(graph, "series")
    graph.outputs.append((result, np.dtype(np.float32), ["batch", kernels.features]))
    session = onnxruntime.InferenceSession(graph.proto().SerializeToString())
    found: np.ndarray = session.run(None, {"series": series})[0]
    return found


def waves(n: int, channels: int, length: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, channels, length)).astype(np.float32)


def test_the_kernels_are_all_with_three_weights_of_two_and_six_of_minus_one() -> None:
    assert len({tuple(row) for row in shapes().tolist()}) == 84
    assert (shapes().sum(1) == 0).all()
    assert ((shapes() == 2).sum(1) == 3).all()


@pytest.mark.parametrize("dilation", [1, 3, 10])
def test_their_answers_are_torchs_convolution(dilation: int) -> None:
    series, weights = waves(4, 2, 90), np.random.default_rng(1).random((84, 2, 9)).astype("f4")
    wanted = reference.conv1d(
        reference.tensor(series), reference.tensor(weights), padding=4 * dilation, dilation=dilation
    )
    np.testing.assert_allclose(convolved(series, weights, dilation), wanted, atol=1e-4)


@pytest.mark.parametrize(("channels", "length"), [(1, 150), (3, 40), (1, 9), (2, 2)])
def test_a_feature_is_the_share_of_moments_above_a_threshold(channels: int, length: int) -> None:
    series = waves(20, channels, length)
    kernels = fit_kernels(series, seed=0)
    assert kernels.features == FEATURES
    found = features(kernels, series)
    at = 0
    for scale in kernels.scales:
        answers = convolved(series, scale.weights, scale.dilation)
        above = answers[:, :, None] > scale.thresholds[None, :, :, None]
        wanted = above.mean(3).reshape(len(series), -1)
        own = found[:, at : at + wanted.shape[1]]
        assert np.abs(own - wanted).mean() < 0.01  # but for answers just beside a threshold
        at += wanted.shape[1]
    assert at == found.shape[1]


def test_the_last_digits_of_a_series_do_not_decide() -> None:
    flat = np.full(
        (2, 1, 100), 0.1, np.float32
    )  # where each kernel's answer is 0, but for rounding
    kernels = fit_kernels(np.concatenate([flat, waves(8, 1, 100)]), seed=0)
    one, other = features(kernels, flat), features(kernels, flat * np.float32(1 + 1e-6))
    assert np.abs(one - other).max() < 1e-3


def test_the_same_seed_gives_the_same_kernels() -> None:
    series = waves(10, 2, 50)
    one, same, other = (fit_kernels(series, seed).scales[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.thresholds, same.thresholds)
    assert (one.thresholds != other.thresholds).any()
