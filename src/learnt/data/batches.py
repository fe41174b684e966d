"""Batches: examples a few at a time, in an order drawn from the seed and the epoch.

The order depends on nothing else, so a resumed run sees the very batches it would have seen.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Transform = Callable[[Array, np.random.Generator], Array]


class Batches:
    """Training batches: the examples `numbers` of `inputs` (N, …) and `targets` (N), shuffled.

    Only what a batch needs is read, so `inputs` may lie in a file. `transform` changes a batch
    of inputs at random (augmentation), from a seed of its own. Examples at the end of an epoch
    that do not fill a batch wait for another epoch's order.
    """

    def __init__(
        self,
        inputs: Array,
        targets: Array,
        numbers: npt.NDArray[np.int64],
        size: int,
        seed: int = 0,
        transform: Transform | None = None,
    ) -> None:
        self.inputs, self.targets, self.numbers = inputs, targets, numbers
        self.seed, self.transform = seed, transform
        self.size = min(size, len(numbers))

    def __len__(self) -> int:
        return len(self.numbers) // self.size

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Array, Array]]:
        """The batches of one epoch, without the first `skip`."""
        order = np.random.default_rng([self.seed, number]).permutation(self.numbers)
        for step in range(skip, len(self)):
            chosen = order[step * self.size : (step + 1) * self.size]
            inputs = self.inputs[chosen]
            if self.transform is not None:
                inputs = self.transform(inputs, np.random.default_rng([self.seed, number, step]))
            yield inputs, self.targets[chosen]
