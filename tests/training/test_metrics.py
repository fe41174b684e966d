"""Figures are those of scikit-learn and scipy, and never stand alone."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from learnt.training.metrics import Evaluation, accuracy, wilson

CLASSES = ["cat", "dog", "eel"]
NO_BETTER = "no better than the baseline (always the commonest class)"


def evaluation(right: int, n: int, baseline: float = 0.5) -> Evaluation:
    confusion = [[right, n - right], [0, 0]]
    return Evaluation(
        "accuracy", right / n, baseline, lambda: wilson(right, n), n, ["a", "b"], confusion
    )


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_and_confusion_are_scikit_learns(seed):
    random = np.random.default_rng(seed)
    targets = random.integers(3, size=200)
    answers = np.where(random.random(200) < 0.6, targets, random.integers(3, size=200))
    figures = accuracy(answers, targets, CLASSES, commonest=1)
    assert figures.value == accuracy_score(targets, answers)
    assert figures.confusion == confusion_matrix(targets, answers).tolist()
    assert figures.baseline == accuracy_score(targets, np.full(200, 1))
    assert figures.n == 200


def test_a_class_without_examples_has_its_row_and_column():
    figures = accuracy(np.array([0, 0]), np.array([0, 1]), CLASSES, commonest=0)
    assert figures.confusion == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("right", "n"),
    [(0, 1), (1, 1), (0, 50), (50, 50), (7, 10), (143, 150), (975, 1000), (1, 9999)],
)
def test_the_interval_is_scipys(right, n):
    wanted = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(right, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert 0 <= wilson(right, n)[0] <= right / n <= wilson(right, n)[1] <= 1


def test_few_examples_are_warned_of():
    assert "only 99 examples: the figure is rough" in str(evaluation(95, 99))
    assert evaluation(95, 100).all_warnings == []
    assert "only 150 examples: the figure is rough" in str(evaluation(120, 150))  # ± 6 points
    assert evaluation(320, 400).all_warnings == []


def test_few_examples_that_say_nothing_get_both_warnings():
    assert evaluation(30, 60).all_warnings == [
        "only 60 examples: the figure is rough",
        f"{NO_BETTER}, as far as these examples can tell",
    ]


def test_a_figure_no_better_than_the_baseline_is_warned_of():
    assert NO_BETTER in str(evaluation(520, 1000))
    assert evaluation(620, 1000).all_warnings == []


def test_a_figure_is_printed_with_baseline_interval_and_number():
    text = str(evaluation(960, 1000, baseline=0.113))
    assert text == (
        "accuracy 96.0 % (95 % interval 94.6 to 97.0) on 1,000 examples; "
        "always the commonest class: 11.3 %"
    )


def test_the_commonest_mistakes_come_first():
    figures = accuracy(
        np.array([1, 1, 1, 0, 2, 2]), np.array([0, 0, 2, 1, 2, 1]), CLASSES, commonest=0
    )
    assert figures.worst_confusions(2) == ["cat taken for dog: 2", "dog taken for cat: 1"]
    assert len(figures.worst_confusions(100)) == 4


def test_as_dict_holds_plain_numbers():
    figures = evaluation(2, 3).as_dict()
    assert figures["value"] == 0.666667
    assert figures["interval"] == [round(end, 6) for end in wilson(2, 3)]
    assert set(figures) == {"metric", "value", "baseline", "interval", "n", "confusion"}
