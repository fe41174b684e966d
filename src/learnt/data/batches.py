"""Batches: examples a few at a time, in an order drawn from the seed and the epoch.

The order depends on nothing else, so a resumed run sees the very batches it would have seen.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Batch = tuple[tuple[Array, ...], Array]  # a network's inputs, and the targets
Transform = Callable[[Array, np.random.Generator], Array]  # rows of inputs, changed at random
Take = Callable[[npt.NDArray[np.int64], np.random.Generator], Batch]


class Batches:
    """Training batches: the examples `numbers`, shuffled, `size` at a time.

    `take` gives the inputs and targets of some examples by their numbers, and may change them at
    random (augmentation), from a seed of its own. Examples at the end of an epoch that do not
    fill a batch wait for another epoch's order.
    """

    def __init__(
        self, take: Take, numbers: npt.NDArray[np.int64], size: int, seed: int = 0
    ) -> None:
        self.take, self.numbers, self.seed = take, numbers, seed
        self.size = min(size, len(numbers))

    def __len__(self) -> int:
        return len(self.numbers) // self.size

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, without the first `skip`."""
        order = np.random.default_rng([self.seed, number]).permutation(self.numbers)
        for step in range(skip, len(self)):
            chosen = order[step * self.size : (step + 1) * self.size]
            yield self.take(chosen, np.random.default_rng([self.seed, number, step]))
