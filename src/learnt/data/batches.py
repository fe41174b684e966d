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
    """Training batches of `inputs` (N, …) with `targets` (N, …), shuffled anew every epoch.

    `transform` changes a batch of inputs at random (augmentation), from its own seed. The last
    examples of an epoch that do not fill a batch wait for another epoch's order.
    """

    def __init__(
        self,
        inputs: Array,
        targets: Array,
        size: int,
        seed: int = 0,
        transform: Transform | None = None,
    ) -> None:
        self.inputs, self.targets, self.seed, self.transform = inputs, targets, seed, transform
        self.size = min(size, len(inputs))

    def __len__(self) -> int:
        return len(self.inputs) // self.size

    def epoch(self, number: int, skip: int = 0) -> Iterator[tuple[Array, Array]]:
        """The batches of one epoch, without the first `skip`."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.inputs))
        for step in range(skip, len(self)):
            chosen = order[step * self.size : (step + 1) * self.size]
            inputs = self.inputs[chosen]
            if self.transform is not None:
                inputs = self.transform(inputs, np.random.default_rng([self.seed, number, step]))
            yield inputs, self.targets[chosen]
