"""The picture of a series, against the paper's own definition with angles."""

import numpy as np
import pytest

from learnt.data.gramian import GramianPicture, means
from learnt.data.prepare import session_of


def drawn(series: np.ndarray) -> np.ndarray:
    """(N, C, T) → (N, 2·C, size, size), by ONNX Runtime."""
    _, channels, length = series.shape
    picture = GramianPicture(channels, length)
    kind = np.dtype(np.float32)
    session = session_of(
        picture.write,
        ("series", kind, ["batch", channels, length]),
        (kind, ["batch", 2 * channels, picture.size, picture.size]),
    )
    found: np.ndarray = session.run(None, {"series": series})[0]
    return found


@pytest.mark.parametrize("length", [30, 64, 128, 150])
def test_the_picture_is_cosines_of_sums_and_sines_of_differences_of_angles(length: int) -> None:
    series = np.random.default_rng(0).standard_normal((3, 2, length)).astype(np.float32).cumsum(2)
    size = min(64, length)
    short = np.stack([part.mean(2) for part in np.array_split(series, size, axis=2)], 2)
    if length % size:
        short = series @ means(length, size)
    low, high = short.min(2, keepdims=True), short.max(2, keepdims=True)
    angles = np.arccos(np.clip((2 * short - low - high) / (high - low), -1, 1))
    total = np.cos(angles[..., :, None] + angles[..., None, :])
    difference = np.sin(angles[..., :, None] - angles[..., None, :])
    np.testing.assert_allclose(drawn(series), np.concatenate([total, difference], 1), atol=2e-3)


def test_a_flat_series_has_a_picture_of_numbers() -> None:
    found = drawn(np.full((1, 1, 100), 3.3, np.float32))
    assert np.isfinite(found).all()


def test_shortening_keeps_the_mean() -> None:
    series = np.random.default_rng(1).standard_normal(150)
    shares = means(150, 64)
    np.testing.assert_allclose(shares.sum(0), 1, rtol=1e-6)
    np.testing.assert_allclose((series @ shares).mean(), series.mean(), rtol=1e-4)
