"""Preparing pictures: the ONNX graph resizes as Pillow does, and batches keep their order."""

import numpy as np
import pytest
from PIL import Image

from learnt.data.batches import Batch, Batches
from learnt.data.prepare import Preparation, Preparer
from tests.pictures import photo

SIZES = [
    (451, 300), (300, 451), (28, 28), (64, 48), (225, 223), (1000, 700), (448, 448), (5, 7),
    (1, 1), (1, 90), (90, 1), (2, 600), (700, 3), (31, 33), (223, 224),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [8, 28, 32, 224])
def test_a_picture_is_resized_as_pillow_resizes_it_within_one_grey_level(
    size: int, mode: str
) -> None:
    """Pillow, in floating point, gives the exact result; on bytes both round, each its own way."""
    prepare = Preparer(Preparation(size, len(mode)))
    for width, height in SIZES:
        picture = photo().resize((width, height)).convert(mode)
        got = prepare(np.asarray(picture).reshape(height, width, -1))
        assert got.dtype == np.uint8
        for plane, values in zip(picture.split(), got.astype(int), strict=True):
            exact = plane.convert("F").resize((size, size), Image.Resampling.BILINEAR)
            assert np.abs(values - np.asarray(exact)).max() <= 1.01, f"{width} × {height}"
            pillows = np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR))
            away = np.abs(values - pillows)
            assert away.max() <= 2, f"{width} × {height}"
            assert (away > 1).mean() < 1e-3, f"{width} × {height}"


def test_noise_is_resized_as_pillow_resizes_it_within_one_grey_level() -> None:
    random = np.random.default_rng(0)
    for height, width in ((37, 91), (130, 64), (20, 20)):
        picture = random.integers(0, 256, (height, width, 3), np.uint8)
        resized = Image.fromarray(picture).resize((48, 48), Image.Resampling.BILINEAR)
        got = Preparer(Preparation(48, 3))(picture).transpose(1, 2, 0)
        assert np.abs(got.astype(int) - np.asarray(resized)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_the_same_size_is_unchanged(channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, channels), np.uint8)
    preparation = Preparation(28, channels)
    np.testing.assert_array_equal(Preparer(preparation)(picture), picture.transpose(2, 0, 1))
    session = Preparer(preparation)._open()  # and the graph, as it is in a program, agrees
    got = session.run(None, {"images": picture[None]})[0][0]
    np.testing.assert_array_equal(got, picture.transpose(2, 0, 1))


def test_a_batch_is_prepared_in_order_as_its_pictures_are_one_by_one() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 30, 40, 3), np.uint8)
    prepare = Preparer(Preparation(16, 3))
    alone = np.stack([prepare(picture) for picture in pictures])
    together = prepare._open().run(None, {"images": pictures})[0]
    np.testing.assert_array_equal(together, alone)


def test_equal_preparations_describe_themselves_equally_and_others_do_not() -> None:
    descriptions = [Preparation(*facts).describe() for facts in ((28, 1), (28, 3), (32, 1))]
    assert Preparation(28, 1).describe() == descriptions[0]
    assert descriptions[0] not in descriptions[1:]


def batches(size: int, seed: int = 0, count: int = 10) -> Batches:
    """Batches of `count` examples whose inputs are their own numbers times ten."""

    def take(numbers: np.ndarray, random: np.random.Generator) -> Batch:
        return (numbers * 10,), numbers

    return Batches(take, np.arange(5, 5 + count), size, seed)


def test_an_epoch_shows_each_training_example_at_most_once_with_its_own_target() -> None:
    shown = list(batches(3).epoch(0))
    inputs = np.concatenate([one for (one,), _ in shown])
    targets = np.concatenate([some for _, some in shown])
    np.testing.assert_array_equal(inputs, targets * 10)
    assert len(shown) == len(batches(3)) == 3
    assert len(set(targets)) == 9
    assert set(targets) <= set(range(5, 15))


def test_what_waits_in_one_epoch_is_shown_in_others() -> None:
    shown = {int(t) for epoch in range(10) for _, y in batches(3).epoch(epoch) for t in y}
    assert shown == set(range(5, 15))


def test_the_order_depends_on_the_seed_and_the_epoch_and_on_nothing_else() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [int(t) for _, targets in batches(5, seed).epoch(epoch) for t in targets]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_a_resumed_epoch_goes_on_with_the_very_batches_it_would_have_had() -> None:
    def take(numbers: np.ndarray, random: np.random.Generator) -> Batch:
        return (numbers * 10 + random.integers(0, 10, numbers.shape),), numbers

    made = Batches(take, np.arange(20), 4, 1)
    whole, rest = list(made.epoch(3)), list(made.epoch(3, skip=2))
    for ((inputs,), targets), ((again,), same) in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(inputs, again)
        np.testing.assert_array_equal(targets, same)


def test_fewer_examples_than_a_batch_are_one_batch() -> None:
    assert [len(targets) for _, targets in batches(64, count=7).epoch(0)] == [7]
