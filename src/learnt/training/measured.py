"""What a finished program said of labelled examples, one by one, and what that comes to.

`learnt test` shows the evaluation; `learnt compare` sets the examples of two programs side by
side. One function a kind of answer makes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnt.runner.text import percent
from learnt.training import scores
from learnt.training.metrics import Evaluation
from learnt.training.scores import Array, Statistic


@dataclass(frozen=True)
class Measured:
    """N examples: `names`; how wrong each answer is (0: right), as `wrong` says it in
    a word; the metric as a function of how often each example counts; `said` gives the label and
    the answer of one in words."""

    evaluation: Evaluation
    notes: list[str]
    names: Sequence[str]
    errors: Array  # (N)
    statistic: Statistic
    said: Callable[[int], tuple[str, str]]
    exact: bool = False  # is an answer right or wrong, and nothing between?


def of_classes(
    evaluation: Evaluation, notes: list[str], names: Sequence[str], answers: Any, targets: Any
) -> Measured:
    """One of several classes: answers and targets are class numbers (N)."""
    errors = (np.asarray(answers) != np.asarray(targets)).astype(np.float64)
    classes = evaluation.classes
    return Measured(
        evaluation,
        notes,
        names,
        errors,
        scores.mean(1 - errors),
        lambda i: (classes[int(targets[i])], classes[int(answers[i])]),
        exact=True,
    )


def of_numbers(
    evaluation: Evaluation, notes: list[str], names: Sequence[str], answers: Any, targets: Any
) -> Measured:
    """A number an example (N): how far off it is counts."""
    return Measured(
        evaluation,
        notes,
        names,
        np.abs(answers.astype(np.float64) - targets),
        scores.rmse(answers, targets),
        lambda i: (f"{float(targets[i]):.6g}", f"{float(answers[i]):.6g}"),
    )


def of_labels(
    evaluation: Evaluation,
    notes: list[str],
    names: Sequence[str],
    probabilities: Array,
    positive: Array,
    labels: Sequence[str],
) -> Measured:
    """Several labels an example: (N, L); how many of them are wrong counts."""
    given = probabilities >= 0.5

    def words(row: Array) -> str:
        return ", ".join(label for label, there in zip(labels, row, strict=True) if there) or "none"

    return Measured(
        evaluation,
        notes,
        names,
        (given != positive).sum(1).astype(np.float64),
        scores.mean_average_precision(probabilities, positive),
        lambda i: (words(positive[i]), words(given[i])),
    )


def of_masks(
    evaluation: Evaluation, notes: list[str], names: Sequence[str], confusions: Array
) -> Measured:
    """A class a pixel, from a confusion a picture (N, C, C): the share of wrong pixels counts."""
    pixels = np.maximum(1, confusions.sum((1, 2)))
    right = np.trace(confusions, axis1=1, axis2=2)
    return Measured(
        evaluation,
        notes,
        names,
        (pixels - right) / pixels,
        scores.mean_iou(confusions),
        lambda i: ("its mask", f"{percent(right[i] / pixels[i])} of the pixels right"),
    )


def of_text(
    evaluation: Evaluation, notes: list[str], names: Sequence[str], nats: Array, sizes: Array
) -> Measured:
    """Text in pieces, by the nats and bytes of each (N): the bits a byte count."""
    each = nats / np.log(2) / sizes
    return Measured(
        evaluation,
        notes,
        names,
        each,
        scores.bits_per_byte(nats, sizes),
        lambda i: ("its text", f"{each[i]:.3f} bits per byte"),
    )
