"""Columns that give the answer away: one alone tells the label of held-out rows nearly always."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from learnt.data.tables import Table

PARTS = 256  # of a number's range
MOST = 0.98  # of what the baseline leaves to be explained
FEW = 50  # held-out rows, below which nothing is said


def leaks(table: "Table") -> list[str]:
    """The names of such columns: what each part of their values says in the training rows is
    nearly always right in the valid ones."""
    train, valid = table.split.train, table.split.valid
    if len(valid) < FEW:
        return []
    found, number, category = [], 0, 0
    for column in table.columns.all:
        parts = []
        for _ in range(column.numbers):
            parts.append(_parts(table.numbers[:, number], train))
            number += 1
        for _ in column.sizes:
            parts.append(table.categories[:, category])
            category += 1
        if any(explained(p, table.targets, train, valid) > MOST for p in parts):
            found.append(column.name)
    return found


def explained(parts: Any, targets: Any, train: Any, valid: Any) -> float:
    """How much of what the baseline gets wrong on `valid` the parts get right: 1 is all."""
    count = int(parts.max()) + 1
    seen, truth = targets[train], targets[valid]
    if targets.dtype.kind == "f":
        sums = np.bincount(parts[train], seen, count)
        times = np.bincount(parts[train], minlength=count)
        means = np.where(times > 0, sums / np.maximum(times, 1), seen.mean())
        rest = float(((truth - means[parts[valid]]) ** 2).sum())
        whole = float(((truth - seen.mean()) ** 2).sum())
    else:
        classes = int(targets.max()) + 1
        table = np.bincount(parts[train] * classes + seen, minlength=count * classes)
        rest = float((truth != table.reshape(count, classes).argmax(1)[parts[valid]]).sum())
        whole = float((truth != np.bincount(seen).argmax()).sum())
    return 1 - rest / whole if whole else 0.0


def _parts(values: npt.NDArray[np.float64], train: Any) -> npt.NDArray[np.int64]:
    """Numbers as the part of their range that they are in; 0 is missing."""
    known = values[train][np.isfinite(values[train])]
    if not len(known):
        return np.zeros(len(values), np.int64)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)[1:-1]))
    return np.where(np.isfinite(values), 1 + np.searchsorted(edges, values, side="right"), 0)
