"""Augmentation: training inputs changed a little at random, so that the model learns what stays.

Pictures: small turns, stretches and shifts; never a mirror, as a mirrored digit is another thing.
Sounds: earlier or later, and without some bands and some moments.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
GROUP = 16  # pictures of a batch that are changed alike
BANK = 64  # ways of changing
DEGREES, STRETCH, SHEAR, SHIFT = 10.0, 0.10, 0.10, 1.5  # the most of each; SHIFT in pixels of 28


class SmallAffine:
    """Changes batches of pictures (N, C, H, W), each group of 16 in a way drawn from a bank.

    The ways are drawn once: to which pixels each pixel goes is most of the work.
    """

    def __init__(self, height: int, width: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.bank = [_sources(height, width, random) for _ in range(BANK)]

    def __call__(self, pictures: Array, random: np.random.Generator) -> Array:
        """The pictures, changed, as float32 of the same shape."""
        n, c, h, w = pictures.shape
        # A pixel a row, so that moving pixels moves long runs; and one row of edge colour.
        rows = np.empty((h * w + 1, n * c), np.float32)
        rows[:-1] = pictures.reshape(n * c, h * w).T
        rows[-1] = (rows[0] + rows[w - 1] + rows[-1 - w] + rows[-2]) / 4
        changed = np.empty((h * w, n * c), np.float32)
        for at in range(0, n, GROUP):
            part = slice(at * c, min(at + GROUP, n) * c)
            places, weights = self.bank[random.integers(BANK)]
            group = np.ascontiguousarray(rows[:, part])
            total = group[places[0]]
            total *= weights[0]
            for place, weight in zip(places[1:], weights[1:], strict=True):
                near = group[place]
                near *= weight
                total += near
            changed[:, part] = total
        return changed.T.reshape(n, c, h, w)


def shifted_and_masked(sounds: Array, random: np.random.Generator) -> Array:
    """Sounds as (N, bands, frames), each moved in time, with a stretch of its bands and one of
    its frames at their mean, which is 0.  (Park et al. 2019, SpecAugment)"""
    n, bands, frames = sounds.shape
    changed = np.empty_like(sounds)
    most = frames // 6
    shifts = random.integers(-most, most + 1, n)
    for row, sound, shift in zip(changed, sounds, shifts, strict=True):
        row[:] = np.roll(sound, shift, axis=1)
        width, height = random.integers(most + 1), random.integers(bands // 6 + 1)
        start, low = random.integers(frames - width + 1), random.integers(bands - height + 1)
        row[:, start : start + width] = 0
        row[low : low + height] = 0
    return changed


def _sources(h: int, w: int, random: np.random.Generator) -> tuple[Array, Array]:
    """For each pixel of the result its four sources (4, H·W) and their weights (4, H·W, 1)."""
    angle = np.deg2rad(random.uniform(-DEGREES, DEGREES))
    stretch = 1 + random.uniform(-STRETCH, STRETCH, 2)
    shear = random.uniform(-SHEAR, SHEAR)
    shift = random.uniform(-SHIFT, SHIFT, 2) * np.array([h, w]) / 28
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, shear], [0, 1]]) * stretch
    centre = (np.array([h, w]) - 1) / 2
    grid = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij")).reshape(2, -1)
    at = matrix @ (grid - centre[:, None]) + (centre + shift)[:, None]  # (2, H·W)
    low = np.floor(at).astype(np.int64)
    share = (at - low).astype(np.float32)
    places, weights = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = low[0] + dy, low[1] + dx
            outside = (y < 0) | (y >= h) | (x < 0) | (x >= w)
            places.append(np.where(outside, h * w, y * w + x))
            weights.append((share[0] if dy else 1 - share[0]) * (share[1] if dx else 1 - share[1]))
    return np.stack(places), np.stack(weights)[:, :, None]
