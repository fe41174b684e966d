"""Figures class by class: of a confusion, precision, recall and F1, and what is mixed up most.

Precision: of what was given this class, the share that is of it. Recall: of what is of this class,
the share that was given it. F1: the harmonic mean of both, 2TP / (2TP + FP + FN).
(scikit-learn's precision_recall_fscore_support)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from learnt.training.metrics import Evaluation

MOST_CLASSES = 1000  # whose figures a manifest holds
MOST_PAIRS = 10  # of classes that are taken for each other


def classwise(evaluation: Evaluation, train: Mapping[str, int]) -> dict[str, Any]:
    """Under "classes" each with its figures, under "confused" pairs, the commonest first.

    `train` says how many training examples each class has. Nothing where there are no classes.
    """
    if not evaluation.confusion:
        return {}
    table = np.array(evaluation.confusion, np.int64)
    right, support, given = np.diagonal(table), table.sum(1), table.sum(0)
    shares = [
        _quotients(above, below)
        for above, below in (
            (right, given),
            (right, support),
            (2 * right, support + given),
            (right, support + given - right),
        )
    ]
    names = ("precision", "recall", "f1", "iou")
    classes = [
        {
            "label": label,
            "train": train.get(label),
            "support": int(support[number]),
            "right": int(right[number]),
            **{name: column[number] for name, column in zip(names, shares, strict=True)},
        }
        for number, label in enumerate(evaluation.classes[:MOST_CLASSES])
    ]
    confused = [
        {"true": evaluation.classes[t], "answer": evaluation.classes[a], "times": int(table[t, a])}
        for t, a in _worst(table)
    ]
    return {"classes": classes, "confused": confused}


def _quotients(above: Any, below: Any) -> list[float | None]:
    pairs = zip(above.tolist(), below.tolist(), strict=True)
    return [round(a / b, 6) if b else None for a, b in pairs]


def _worst(table: Any) -> list[tuple[int, int]]:
    """The cells beside the diagonal that hold most, ties in their order."""
    mistakes = table.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MOST_PAIRS]
    cells = [divmod(int(cell), len(table)) for cell in order]
    return [(t, a) for t, a in cells if mistakes[t, a]]
