"""How well do masks agree? Pixels counted picture by picture, and the IoU of each class.

IoU of a class: the pixels that both masks give it, as a share of those that either does
(Jaccard's index); over all pixels of all pictures.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from learnt.data.legend import VOID
from learnt.runner.text import shown
from learnt.training.evaluations import of_masks
from learnt.training.metrics import Evaluation

Counts = npt.NDArray[np.int64]  # (K, K) pixels: of the true class, given the class


def counted(answer: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], classes: int) -> Counts:
    """The pixels of one picture by true class and answer; where truth is VOID none is counted."""
    known = truth != VOID
    pairs = truth[known].astype(np.int64) * classes + answer[known]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def of_overlap(
    pictures: Sequence[Counts], classes: list[str], commonest: int, noun: str = "pictures"
) -> Evaluation:
    """Mean IoU over the classes that pictures show or are said to show; beside it each class's.

    The baseline gives every pixel the class `commonest`.
    """
    confusions = np.stack(pictures)
    total = confusions.sum(axis=0)
    both = np.diagonal(total)
    either = total.sum(axis=0) + total.sum(axis=1) - both
    each = {
        f"IoU of {shown(name)}": float(b / e)
        for name, b, e in zip(classes, both, either, strict=True)
        if e
    }
    absent = [shown(n) for n, row in zip(classes, total, strict=True) if not row.sum()]
    warnings = [f"no held-out picture shows {', '.join(absent[:5])}"] if absent else []
    found = of_masks(confusions, classes, commonest, noun=noun, warnings=warnings)
    return replace(found, others={**found.others, **each})
