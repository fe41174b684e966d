"""Scenes: the exact mask of what was pasted, and nothing pasted on two sides."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnt.data.unpack.scenes import Scene, _sides, write_scenes


@pytest.fixture(scope="module")
def cutouts() -> dict[str, list[Image.Image]]:
    """Ten discs and ten squares, each of its own colour, and ten drawings for backgrounds."""
    y, x = np.mgrid[-16:16, -16:16]
    shapes = {"disc": x**2 + y**2 < 200, "square": np.maximum(abs(x), abs(y)) < 12, "": x > y}
    made: dict[str, list[Image.Image]] = {}
    for kind, (name, shape) in enumerate(shapes.items()):
        for number in range(10):
            colour = np.array([20 * number, 80 * kind, 255 - 20 * number])
            drawn = np.dstack([np.broadcast_to(colour, (32, 32, 3)), shape * 255])
            made.setdefault(name, []).append(Image.fromarray(drawn.astype(np.uint8)))
    return made


def test_a_mask_is_where_its_cutout_is_opaque_also_over_the_edge(cutouts):
    disc = cutouts["disc"][3]
    scene = Scene(np.zeros((40, 40, 3), np.float32), np.zeros((40, 40), np.uint8),
                  np.full((40, 40), -1))  # fmt: skip
    scene.paste(disc, 2, (-10, 20))
    wanted = np.zeros((40, 40), np.uint8)
    wanted[:22, 20:] = np.where(np.asarray(disc)[10:, :20, 3] >= 128, 2, 0)
    assert (scene.mask == wanted).all()
    assert (scene.picture[wanted == 2] == np.asarray(disc)[16, 16, :3]).all()
    scene.paste(cutouts["square"][0], 0, (-10, 20))  # over it: background again
    left = int((scene.mask == 2).sum())
    assert 0 < left < (wanted == 2).sum()
    assert scene.seen() == ([2] if left >= 0.005 * 40 * 40 else [])


def test_no_cutout_is_on_two_sides(cutouts):
    sides = [
        {picture.tobytes() for pictures in side.values() for picture in pictures}
        for side in _sides(cutouts, 0)
    ]
    assert [len(side) for side in sides] == [18, 6, 6]
    assert len(set.union(*sides)) == 30


def test_scenes_are_the_same_every_time(cutouts, tmp_path):
    for name in "ab":
        write_scenes(cutouts, tmp_path / name, (4, 2, 2), size=32)
    files = [f.relative_to(tmp_path / "a") for f in (tmp_path / "a").rglob("*") if f.is_file()]
    assert len(files) == 8 * 2 + 3
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_tables_say_what_the_masks_show(scenes: Path):
    names = [
        row["name"] for row in csv.DictReader(io.StringIO((scenes / "classes.csv").read_text()))
    ]
    labels = list(csv.DictReader(io.StringIO((scenes / "labels.csv").read_text())))
    numbers = list(csv.DictReader(io.StringIO((scenes / "numbers.csv").read_text())))
    assert len(labels) == len(numbers) == 96 + 24 + 48
    for row, number in zip(labels, numbers, strict=True):
        mask = scenes / row["file"].replace("pictures", "masks").replace(".jpg", ".png")
        shown = np.asarray(Image.open(mask))
        there = {names[n] for n in np.unique(shown) if n and (shown == n).mean() >= 0.005}
        assert set(filter(None, row["labels"].split(";"))) <= there
        assert float(number["covered"]) == pytest.approx((shown > 0).mean(), abs=1e-4)
        assert int(number["objects"]) >= len(set(filter(None, row["labels"].split(";"))))
