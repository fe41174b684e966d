"""Random numbers for the engine: a generator, seeded by `manual_seed`.

The numbers are NumPy's (PCG64), not PyTorch's: the same seed repeats a run of this engine, and
its state can be saved and set again, so that a resumed run goes on exactly where it was.
"""

from typing import Any, Self

import numpy as np

from learnt.engine.op import Array


class Generator:
    """A source of random numbers of its own; `rng` is NumPy's.

    >>> import learnt.engine as torch
    >>> g = torch.Generator().manual_seed(1)
    >>> torch.equal(torch.rand(3, generator=g), torch.rand(3, generator=g.manual_seed(1)))
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.rng = np.random.Generator(np.random.PCG64())
        self._seed: int | None = None

    def manual_seed(self, seed: int) -> Self:
        """Start anew: the same seed gives the same numbers."""
        self._seed = int(seed)
        self.rng.bit_generator.state = np.random.PCG64(self._seed % 2**64).state
        return self

    def seed(self) -> int:
        """Start anew from a seed that nobody chose; returns it."""
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """What it was last seeded with."""
        return self.seed() if self._seed is None else self._seed

    def get_state(self) -> dict[str, Any]:
        """Where it is, as plain numbers that JSON can hold."""
        return dict(self.rng.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> Self:
        """Go back to where `get_state` was called."""
        self.rng.bit_generator.state = state
        return self


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the random numbers anew: the same seed gives the same numbers."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the random numbers from a seed that nobody chose; returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """What the random numbers were last seeded with."""
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """Where the generator is, as plain numbers that JSON can hold."""
    return default_generator.get_state()


def set_rng_state(state: dict[str, Any]) -> None:
    """Go back to where `get_rng_state` was called."""
    default_generator.set_state(state)


def rng(generator: Generator | None = None) -> np.random.Generator:
    """NumPy's generator under `generator`, or under the one that all share."""
    return (generator or default_generator).rng


def uniform(
    low: float, high: float, shape: tuple[int, ...], generator: Generator | None = None
) -> Array:
    """float32 numbers, evenly spread over [low, high)."""
    numbers = rng(generator).random(shape, np.float32)
    return numbers * np.float32(high - low) + np.float32(low)


def normal(
    mean: float, std: float, shape: tuple[int, ...], generator: Generator | None = None
) -> Array:
    """float32 numbers around `mean`, with standard deviation `std`."""
    numbers = rng(generator).standard_normal(shape, np.float32)
    return numbers * np.float32(std) + np.float32(mean)
