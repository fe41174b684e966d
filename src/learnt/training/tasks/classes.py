"""What all tasks share whose answer is one of several classes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.engine.tensor import Tensor

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]


def gathered(answers: Iterable[tuple[Indices, Array]]) -> tuple[Indices, Array]:
    """Answers that come batch by batch, as all the numbers and all the outputs."""
    numbers, outputs = zip(*answers, strict=True)
    return np.concatenate(numbers), np.concatenate(outputs)


def softmax(scores: Array) -> Array:
    """Scores (N, K) as probabilities."""
    return Tensor(scores).softmax(1).array
