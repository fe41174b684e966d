"""From answers and targets to an Evaluation: one function a kind of answer.

Each has its metric, its interval, the baseline that anybody could have without learning, and the
further metrics that suit.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from learnt.runner.text import percent, shown
from learnt.training import scores
from learnt.training.metrics import Evaluation, Later, accuracy
from learnt.training.scores import Array

UNBALANCED = 5  # the commonest class so many times as frequent as the rarest
FEW_GROUPS = 20  # below which drawing them again tells little of how far they differ
FEW = 10  # training examples of a class, below which it can hardly be learnt
MANY_CLASSES = 10  # from which it says something that the right one is among the first five


def of_classes(
    probabilities: Array, targets: Array, classes: list[str], train: Array, **facts: Any
) -> Evaluation:
    """Accuracy of probabilities (N, C) beside train's commonest class.

    `targets` (N) and `train` are class numbers; `facts` are further fields of the Evaluation.
    """
    answers, n = probabilities.argmax(1), len(targets)
    counts = np.bincount(train, minlength=len(classes))

    def others() -> dict[str, float]:
        further = {
            "macro F1": scores.macro_f1(answers, targets, len(classes)),
            "AUC": scores.auc_of_classes(probabilities, targets),
            "log loss": scores.log_loss(probabilities, targets),
        }
        found = {name: scores.value(metric, n) for name, metric in further.items()}
        if len(classes) >= MANY_CLASSES:
            found["top-5 accuracy"] = scores.top_k(probabilities, targets, 5) / n
        return _defined(found)

    warnings = [*facts.pop("warnings", ()), *unbalanced(counts, classes), *small(counts, classes)]
    return accuracy(
        answers, targets, classes, int(counts.argmax()), others=Later(others),
        warnings=warnings, **facts,
    )  # fmt: skip


def unbalanced(counts: Array, classes: Sequence[str]) -> list[str]:
    """A warning where some class is so rare that accuracy hardly notices it."""
    rare, common = int(counts.argmin()), int(counts.argmax())
    if counts[common] < UNBALANCED * counts[rare]:
        return []
    shares = [
        f"{shown(classes[number])} {percent(counts[number] / counts.sum())}"
        for number in (common, rare)
    ]
    text = "accuracy hardly notices the rare ones, macro F1 counts each class alike"
    return [f"the classes are unbalanced ({' and '.join(shares)}): {text}"]


def small(counts: Array, classes: Sequence[str]) -> list[str]:
    """A warning where there are more classes than the training examples can teach."""
    few = np.flatnonzero(counts < FEW)
    if not len(few):
        return []
    names = ", ".join(f"{shown(classes[n])} {counts[n]}" for n in few[:5])
    named = f"({names}{', …' if len(few) > 5 else ''})"
    return [f"{len(few)} of {len(classes)} classes have fewer than {FEW} examples {named}"]


def of_numbers(answers: Array, targets: Array, train: Array, **facts: Any) -> Evaluation:
    """The root mean squared error of numbers (N) beside always answering train's mean."""
    metric, n = scores.rmse(answers, targets), len(targets)
    guess = np.full(n, np.mean(train, dtype=np.float64))
    others = {
        "MAE": scores.value(scores.mae(answers, targets), n),
        "R²": scores.value(scores.r2(answers, targets), n),
    }
    return Evaluation(
        metric="RMSE",
        value=scores.value(metric, n),
        baseline=scores.value(scores.rmse(guess, targets), n),
        baseline_name=f"always the mean, {float(guess[0]):.4g}",
        spread=lambda: scores.bootstrap(metric, n),
        statistic=metric,
        n=n,
        others=_defined(others),
        **facts,
    )


def of_labels(
    probabilities: Array, positive: Array, labels: list[str], train: Array, **facts: Any
) -> Evaluation:
    """Mean average precision of probabilities (N, L) for booleans `positive` (N, L).

    The baseline orders the examples by nothing: each label's share. `train` (M, L) are booleans.
    """
    n, there = len(positive), positive.any(0)
    metric = scores.mean_average_precision(probabilities, positive)
    others = {
        "macro F1": scores.value(scores.multilabel_f1(probabilities >= 0.5, positive), n),
        "label accuracy": float(((probabilities >= 0.5) == positive).mean()),
    }
    warnings = list(facts.pop("warnings", ()))
    if not there.all():
        missing = ", ".join(shown(labels[i]) for i in np.flatnonzero(~there)[:5])
        warnings.append(f"no held-out example has the label {missing}: the figure leaves it out")
    return Evaluation(
        metric="mean average precision",
        value=scores.value(metric, n),
        baseline=float(positive[:, there].mean()) if there.any() else 0.0,
        baseline_name="in any order",
        spread=lambda: scores.bootstrap(metric, n, cost=len(labels)),
        statistic=metric,
        n=n,
        others=_defined(others),
        warnings=warnings,
        **facts,
    )


def of_masks(confusions: Array, classes: list[str], guess: int = 0, **facts: Any) -> Evaluation:
    """Mean intersection over union, from a confusion a picture (N, C, C) of its pixels.

    The baseline answers the class `guess` everywhere: the background.
    """
    n = len(confusions)
    metric, total = scores.mean_iou(confusions), confusions.sum(0)
    everywhere = np.zeros_like(confusions)
    everywhere[:, :, guess] = confusions.sum(2)
    return Evaluation(
        metric="mean IoU",
        value=scores.value(metric, n),
        baseline=scores.value(scores.mean_iou(everywhere), n),
        baseline_name=f"{shown(classes[guess])} everywhere",
        spread=lambda: scores.bootstrap(metric, n),
        statistic=metric,
        n=n,
        classes=classes,
        confusion=total.tolist(),
        others={"pixel accuracy": float(np.trace(total) / total.sum())},
        **facts,
    )


def of_text(
    nats: Array, tokens: Array, sizes: Array, baseline: float, baseline_name: str, **facts: Any
) -> Evaluation:
    """Bits per byte, from the loss in nats, the tokens and the bytes of each piece of text (N)."""
    metric, n = scores.bits_per_byte(nats, sizes), len(nats)
    further = {"perplexity": scores.value(scores.perplexity(nats, tokens), n)}
    return Evaluation(
        metric="bits per byte",
        value=scores.value(metric, n),
        baseline=baseline,
        baseline_name=baseline_name,
        spread=lambda: scores.bootstrap(metric, n),
        statistic=metric,
        n=int(sizes.sum()),
        noun="bytes",
        others=_defined(further),
        **facts,
    )


def by_groups(found: Evaluation, groups: Sequence[Hashable]) -> Evaluation:
    """The same figure where examples (N) of one group are alike, as one speaker's are: the
    interval is also that of groups drawn again, wherever that is wider."""
    statistic, n = found.statistic, found.n
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if statistic is None or len(groups) != n or len(numbers) == n:
        return found

    def spread() -> tuple[float, float]:
        whole = np.array([numbers[group] for group in groups])
        low, high = scores.bootstrap(statistic, n, groups=whole)
        return float(np.fmin(low, found.interval[0])), float(np.fmax(high, found.interval[1]))

    warnings = list(found.warnings)
    if len(numbers) < FEW_GROUPS:
        warnings.append(
            f"the {n:,} {found.noun} are of {len(numbers)} groups only: how good the figure is for "
            "other groups is hardly known, and the interval rough"
        )
    return replace(found, spread=spread, warnings=warnings)


def _defined(others: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in others.items() if np.isfinite(value)}
