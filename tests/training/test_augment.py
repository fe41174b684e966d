"""Augmentation: the same digit, a little turned, stretched and shifted; never mirrored."""

import numpy as np
import pytest
from PIL import Image

from learnt.training.augment import SmallAffine


@pytest.fixture(scope="module")
def batch(digits):
    """Two hundred digits (200, 1, 28, 28), twenty of each, as bytes."""
    files = [file for label in sorted(digits.iterdir()) for file in sorted(label.iterdir())[:20]]
    return np.stack([np.asarray(Image.open(file)) for file in files])[:, None]


def corner(height: int, width: int) -> np.ndarray:
    """A block in the lower left: mirrored, or turned by a right angle, it is somewhere else."""
    picture = np.zeros((1, 1, height, width), np.uint8)
    picture[..., height // 2 : -height // 8, width // 8 : width // 2] = 255
    return picture


def test_shape_is_kept_and_the_result_is_float32(batch):
    colour = np.repeat(batch[:5], 3, axis=1)
    for pictures in (batch, batch[:1], batch[:17], colour, batch[..., :20]):
        affine = SmallAffine(*pictures.shape[2:], seed=0)
        changed = affine(pictures, np.random.default_rng(0))
        assert changed.shape == pictures.shape
        assert changed.dtype == np.float32


def test_values_stay_within_those_of_the_pictures(batch):
    changed = SmallAffine(28, 28, 0)(batch, np.random.default_rng(1))
    assert changed.min() >= 0
    assert changed.max() <= 255 * (1 + 1e-6)


def test_the_ink_is_roughly_as_much_as_before(batch):
    before = batch.sum(axis=(1, 2, 3), dtype=np.float64)
    for seed in range(5):
        changed = SmallAffine(28, 28, seed)(batch, np.random.default_rng(seed))
        share = changed.sum(axis=(1, 2, 3)) / before
        assert 0.85 < share.mean() < 1.15
        assert share.min() > 0.6
        assert share.max() < 1.6


def test_a_plain_picture_stays_as_it_is():
    plain = np.full((3, 3, 28, 28), 77, np.uint8)
    changed = SmallAffine(28, 28, 0)(plain, np.random.default_rng(0))
    np.testing.assert_allclose(changed, 77, rtol=1e-5)


def test_equal_seeds_change_alike_and_others_do_not(batch):
    first = SmallAffine(28, 28, 4)(batch, np.random.default_rng(5))
    np.testing.assert_array_equal(first, SmallAffine(28, 28, 4)(batch, np.random.default_rng(5)))
    assert (first != SmallAffine(28, 28, 4)(batch, np.random.default_rng(6))).any()
    assert (first != SmallAffine(28, 28, 5)(batch, np.random.default_rng(5))).any()


def test_the_batch_itself_is_not_changed(batch):
    before = batch.copy()
    SmallAffine(28, 28, 0)(batch, np.random.default_rng(0))
    np.testing.assert_array_equal(batch, before)


def test_pictures_are_changed(batch):
    changed = SmallAffine(28, 28, 0)(batch, np.random.default_rng(0))
    assert (np.abs(changed - batch).max(axis=(1, 2, 3)) > 20).all()


@pytest.mark.parametrize("shape", [(28, 28), (28, 20), (9, 9), (32, 32)])
def test_no_picture_is_ever_mirrored_or_turned_around(shape):
    picture = corner(*shape)
    others = [picture[..., ::-1], picture[..., ::-1, :], picture[..., ::-1, ::-1]]
    affine = SmallAffine(*shape, seed=0)
    for seed in range(200):
        changed = affine(picture, np.random.default_rng(seed)).ravel()
        likeness = [float(changed @ p.ravel().astype(np.float32)) for p in (picture, *others)]
        assert likeness[0] > max(likeness[1:])
