"""Metrics as functions of arrays, each with a 95 % interval: scikit-learn's values, NumPy only.

A metric that is a function of a whole data set is written once, as a `Statistic`: it takes how
often each example counts, (R, N), and gives R values. Counting every example once gives the
metric; counting examples as often as they are drawn with replacement gives the bootstrap (Efron
1979), from which the interval comes. Shares have Wilson's interval (metrics.py).
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Statistic: TypeAlias = Callable[[Array], Array]  # counts (R, N) → values (R)

ROUNDS = 1000
MOST_DRAWN = 20_000_000  # counts in all: with many examples fewer rounds will do
FEWEST_ROUNDS = 200
AT_ONCE = 2_000_000


def value(statistic: Statistic, n: int) -> float:
    """The metric on all n examples."""
    return float(statistic(np.ones((1, n)))[0])


def bootstrap(
    statistic: Statistic, n: int, seed: int = 0, cost: int = 1, groups: Array | None = None
) -> tuple[float, float]:
    """The 95 % interval of a metric on n examples: percentiles of it on examples drawn again.

    Rounds in which it is not defined (no example of a class was drawn) are passed over. A metric
    of a high `cost` gets fewer rounds. With `groups` (N), a number from 0 an example, whole
    groups are drawn: examples of one are alike, so they tell less than as many of their own.
    (the cluster bootstrap; Davison and Hinkley 1997, 3.8)
    """
    random = np.random.default_rng(seed)
    things = n if groups is None else int(groups.max()) + 1
    left = max(FEWEST_ROUNDS, min(ROUNDS, MOST_DRAWN // (n * cost)))
    found = []
    while left > 0:
        rounds = min(left, max(1, AT_ONCE // n))
        drawn = random.integers(0, things, (rounds, things))
        drawn += things * np.arange(rounds)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rounds * things).reshape(rounds, things)
        often = counts if groups is None else counts[:, groups]
        found.append(statistic(often.astype(np.float64)))
        left -= rounds
    values = np.concatenate(found)
    values = values[np.isfinite(values)]
    if not len(values):
        return math.nan, math.nan
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


# Classes: answers and targets are class numbers (N); probabilities (N, C).


def confusion(answers: Array, targets: Array, classes: int) -> Array:
    """How often each class (row) got each answer (column), shape (C, C)."""
    cells = targets.astype(np.int64) * classes + answers
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def _of_confusion(answers: Array, targets: Array, classes: int, of: Statistic) -> Statistic:
    """A function of confusions (R, C, C) as one of counts (R, N)."""
    cells = targets.astype(np.int64) * classes + answers
    used, where = np.unique(cells, return_inverse=True)  # few of the C² cells, and of N sorted
    order = np.argsort(where, kind="stable")
    starts = np.searchsorted(where[order], np.arange(len(used)))

    def statistic(counts: Array) -> Array:
        tables = np.zeros((len(counts), classes * classes))
        tables[:, used] = np.add.reduceat(counts[:, order], starts, axis=1)
        return of(tables.reshape(-1, classes, classes))

    return statistic


def error_rate(answers: Array, targets: Array) -> Statistic:
    """The share of wrong answers."""
    return mean((answers != targets).astype(np.float64))


def macro_f1(answers: Array, targets: Array, classes: int) -> Statistic:
    """The mean over classes of 2TP / (2TP + FP + FN), of classes that occur in either."""

    def of(tables: Array) -> Array:
        right = np.diagonal(tables, axis1=1, axis2=2)
        return _mean_of_defined(2 * right, tables.sum(1) + tables.sum(2))

    return _of_confusion(answers, targets, classes, of)


def _mean_of_defined(above: Array, below: Array) -> Array:
    """The mean (R) of the quotients (R, C) of which the divisor is not zero; else NaN."""
    defined = below > 0
    quotients = np.divide(above, below, out=np.zeros(above.shape), where=defined)
    count = defined.sum(1)
    return _quotient(quotients.sum(1), count)


def _quotient(above: Array, below: Array) -> Array:
    """Element by element, NaN where the divisor is zero."""
    found: Array = np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
    return found


def top_k(probabilities: Array, targets: Array, k: int) -> int:
    """How many targets are among their k likeliest classes; of equals, the later class first."""
    order = np.argsort(probabilities, axis=1, kind="stable")[:, ::-1][:, :k]
    return int((order == targets[:, None]).any(1).sum())


def log_loss(probabilities: Array, targets: Array) -> Statistic:
    """The mean of −log of the true class's probability, which is never taken for 0 or 1."""
    tiny = np.finfo(probabilities.dtype).eps
    right = probabilities[np.arange(len(targets)), targets] / probabilities.sum(1)
    return mean(-np.log(np.clip(right.astype(np.float64), tiny, 1 - tiny)))


def auc(scores: Array, positive: Array) -> Statistic:
    """The area under the ROC curve: how often a positive (N, bool) has the higher score (N).

    A tie counts half.  (Hanley and McNeil 1982)
    """
    order = np.argsort(scores, kind="stable")
    starts = _starts(scores[order])
    true = positive[order].astype(np.float64)

    def statistic(counts: Array) -> Array:
        weights = counts[:, order]
        good = np.add.reduceat(weights * true, starts, axis=1)  # per distinct score
        bad = np.add.reduceat(weights * (1 - true), starts, axis=1)
        below = np.cumsum(bad, axis=1) - bad / 2
        pairs = good.sum(1) * bad.sum(1)
        won = (good * below).sum(1)
        return _quotient(won, pairs)

    return statistic


def _starts(ordered: Array) -> Array:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def auc_of_classes(probabilities: Array, targets: Array) -> Statistic:
    """AUC of the second of two classes; of more, the mean of each against the rest."""
    if probabilities.shape[1] == 2:
        return auc(probabilities[:, 1], targets == 1)
    classes = range(probabilities.shape[1])
    return _mean_of(lambda: (auc(probabilities[:, c], targets == c) for c in classes))


def _mean_of(statistics: Callable[[], Iterable[Statistic]]) -> Statistic:
    """The mean of those that are defined; NaN if none is. One after the other is made, used and
    forgotten, as each holds several arrays of all examples."""

    def statistic(counts: Array) -> Array:
        values = np.stack([each(counts) for each in statistics()])
        there = np.isfinite(values)
        return _mean_of_defined(np.where(there, values, 0).T, there.T.astype(np.float64))

    return statistic


# Numbers: answers and targets are floats (N).


def mean(numbers: Array) -> Statistic:
    """The mean of a number an example (N)."""
    return ratio(numbers, np.ones(len(numbers)))


def ratio(above: Array, below: Array) -> Statistic:
    """The sum of one number an example over the sum of another: nats over bytes, say."""
    return lambda counts: (counts @ above) / (counts @ below)


def rmse(answers: Array, targets: Array) -> Statistic:
    """The root of the mean squared error."""
    squared = mean((answers - targets).astype(np.float64) ** 2)
    return lambda counts: np.sqrt(squared(counts))


def mae(answers: Array, targets: Array) -> Statistic:
    """The mean absolute error."""
    return mean(np.abs(answers - targets).astype(np.float64))


def r2(answers: Array, targets: Array) -> Statistic:
    """The share of the variance that is explained: 1 − Σ(y − answer)² / Σ(y − ȳ)²."""
    y = (targets - targets.mean()).astype(np.float64)  # so that squares do not cancel
    squared = (answers - targets).astype(np.float64) ** 2

    def statistic(counts: Array) -> Array:
        total = counts @ y**2 - (counts @ y) ** 2 / counts.sum(1)
        return 1 - _quotient(counts @ squared, np.where(total > 1e-12, total, 0))

    return statistic


# Several labels an example: scores (N, L), positive (N, L) booleans.


def average_precision(scores: Array, positive: Array) -> Statistic:
    """The mean of the precision at each positive, best score first; ties are one step."""
    order = np.argsort(-scores, kind="stable")
    starts = _starts(scores[order])
    true = positive[order].astype(np.float64)

    def statistic(counts: Array) -> Array:
        weights = counts[:, order]
        good = np.add.reduceat(weights * true, starts, axis=1)
        all_ = np.cumsum(np.add.reduceat(weights, starts, axis=1), axis=1)
        found = np.cumsum(good, axis=1)
        precision = np.divide(found, all_, out=np.zeros(found.shape), where=all_ > 0)
        positives = found[:, -1]
        gained = (good * precision).sum(1)
        return _quotient(gained, positives)

    return statistic


def mean_average_precision(scores: Array, positive: Array) -> Statistic:
    """The mean over the labels that occur of the average precision of each."""
    there = np.flatnonzero(positive.any(0))
    return _mean_of(lambda: (average_precision(scores[:, i], positive[:, i]) for i in there))


def multilabel_f1(answers: Array, positive: Array) -> Statistic:
    """The mean over the labels that occur of 2TP / (2TP + FP + FN); answers (N, L) booleans."""
    both, either = (answers & positive) * 2.0, answers * 1.0 + positive
    return lambda counts: _mean_of_defined(counts @ both, counts @ either)


# Masks, and text.


def mean_iou(confusions: Array) -> Statistic:
    """The mean over classes of intersection over union, from a confusion a picture (N, C, C)."""
    n, classes = confusions.shape[:2]
    flat = confusions.reshape(n, -1).astype(np.float64)

    def statistic(counts: Array) -> Array:
        tables = (counts @ flat).reshape(-1, classes, classes)
        right = np.diagonal(tables, axis1=1, axis2=2)
        return _mean_of_defined(right, tables.sum(1) + tables.sum(2) - right)

    return statistic


def perplexity(nats: Array, tokens: Array) -> Statistic:
    """e to the mean loss a token, from the nats and tokens of each piece of text (N)."""
    each = ratio(nats, tokens)
    return lambda counts: np.exp(each(counts))


def bits_per_byte(nats: Array, sizes: Array) -> Statistic:
    """The bits in which a model would store a byte, from nats and bytes of each piece (N)."""
    return ratio(nats / math.log(2), sizes)
