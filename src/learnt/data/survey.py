"""A first look at every file: its sha256, its size, whether it is grey, and why it is unusable.

Small pictures are decoded at once, while their bytes are at hand.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from learnt.data.files import Example
from learnt.errors import ImageError
from learnt.runner.images import decode, header, quiet, read
from learnt.runner.text import shown

LARGE_FILE = 100_000  # bytes
SMALL_PICTURE = 64 * 64  # pixels
MAX_KEPT = 256 * 2**20  # bytes of small pictures

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Picture:
    """A picture file that looks usable: where it is, what it shows, what it holds."""

    path: Path
    label: str
    side: str | None
    digest: str  # sha256 of the file's bytes
    size: tuple[int, int]  # (width, height)
    grey: bool
    pixels: npt.NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    def decoded(self, channels: int, at_least: int) -> npt.NDArray[np.uint8]:
        """Its pixels as (H, W, channels) bytes, shrunk by a whole factor to no less than that."""
        return decode(self.path if self.pixels is None else self.pixels, channels, at_least)


def survey(examples: list[Example]) -> Iterator[Picture | str]:
    """For each example its facts, or in words why it is not usable."""
    kept = 0
    for answer in in_threads(_look, examples, threads=_are_large(examples)):
        if isinstance(answer, Picture) and answer.pixels is not None:
            kept += answer.pixels.nbytes
            if kept > MAX_KEPT:  # memory stays flat: the others are decoded again
                yield replace(answer, pixels=None)
                continue
        yield answer


def _look(example: Example) -> Picture | str:
    try:
        data = read(example.path)
        size, grey, pixels = header(data, shown(example.path), decode_up_to=SMALL_PICTURE)
    except ImageError as error:
        return str(error)
    digest = hashlib.sha256(data).hexdigest()
    return Picture(example.path, example.label, example.side, digest, size, grey, pixels)


def _are_large(examples: list[Example]) -> bool:
    """Are the files so large that reading one takes longer than handing it to a thread?"""
    sizes = []
    for example in examples[:: max(1, len(examples) // 20)]:
        with suppress(OSError):
            sizes.append(example.path.stat().st_size)
    return bool(sizes) and float(np.median(sizes)) > LARGE_FILE


def in_threads(function: Callable[[T], R], items: Iterable[T], threads: bool = True) -> Iterator[R]:
    """`map`, by as many threads as there are processors, a bounded number of items ahead.

    Without `threads` one item after the other: for work so small that threads would wait for
    each other most of the time.
    """
    workers = os.cpu_count() or 1
    if not threads or workers == 1:
        with quiet():
            yield from map(function, items)
        return
    iterator = iter(items)
    with quiet(), ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(function, item) for item in islice(iterator, workers * 8))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(iterator, 1))
            yield result
