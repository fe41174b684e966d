"""Metrics beside scikit-learn's, ties and missing classes included; intervals beside SciPy's."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from learnt.training import scores


@st.composite
def classified(draw, least: int = 2) -> tuple[np.ndarray, np.ndarray, int]:
    """Probabilities with ties and targets that may miss classes; the number of classes."""
    n, classes = draw(st.integers(2, 30)), draw(st.integers(least, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rough = random.integers(1, draw(st.integers(2, 9)), (n, classes)).astype(np.float64)
    return rough / rough.sum(1, keepdims=True), random.integers(0, classes, n), classes


@given(classified())
def test_metrics_of_classes_are_scikit_learn_s(drawn):
    probabilities, targets, classes = drawn
    answers, n = probabilities.argmax(1), len(targets)
    labels = list(range(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers that are in no target
        for got, wanted in [
            (scores.error_rate(answers, targets), reference.zero_one_loss(targets, answers)),
            (
                scores.macro_f1(answers, targets, classes),
                reference.f1_score(targets, answers, average="macro"),
            ),
            (
                scores.log_loss(probabilities, targets),
                reference.log_loss(targets, probabilities, labels=labels),
            ),
        ]:
            assert scores.value(got, n) == pytest.approx(wanted, abs=1e-12)
    found = scores.confusion(answers, targets, classes)
    assert (found == reference.confusion_matrix(targets, answers, labels=labels)).all()


@given(classified(3), st.integers(1, 2))
def test_top_k_is_scikit_learn_s_ties_included(drawn, k):
    probabilities, targets, classes = drawn
    wanted = reference.top_k_accuracy_score(
        targets, probabilities, k=k, labels=range(classes), normalize=False
    )
    assert scores.top_k(probabilities, targets, k) == wanted


@given(classified())
def test_auc_and_average_precision_are_scikit_learn_s_ties_included(drawn):
    probabilities, targets, classes = drawn
    positive = targets == 0
    assume(0 < positive.sum() < len(targets))
    got = scores.value(scores.auc(probabilities[:, 0], positive), len(targets))
    assert got == pytest.approx(reference.roc_auc_score(positive, probabilities[:, 0]))
    got = scores.value(scores.average_precision(probabilities[:, 0], positive), len(targets))
    assert got == pytest.approx(reference.average_precision_score(positive, probabilities[:, 0]))
    several = targets[:, None] == np.arange(classes)
    there = several.any(0)
    wanted = reference.average_precision_score(several[:, there], probabilities[:, there])
    got = scores.value(scores.mean_average_precision(probabilities, several), len(targets))
    assert got == pytest.approx(wanted)
    guessed = probabilities >= 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        either = (several | guessed).any(0)
        wanted = reference.f1_score(several[:, either], guessed[:, either], average="macro")
    assert scores.value(scores.multilabel_f1(guessed, several), len(targets)) == pytest.approx(
        wanted
    )


@given(classified())
def test_auc_of_several_classes_is_the_mean_of_each_against_the_rest(drawn):
    probabilities, targets, classes = drawn
    assume(len(np.unique(targets)) == classes)
    got = scores.value(scores.auc_of_classes(probabilities, targets), len(targets))
    wanted = reference.roc_auc_score(
        targets, probabilities[:, 1] if classes == 2 else probabilities, multi_class="ovr"
    )
    assert got == pytest.approx(wanted)


NUMBERS = st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=30)


@given(NUMBERS, st.sampled_from([0.1, 1.0, 1e5]))
def test_metrics_of_numbers_are_scikit_learn_s(pairs, scale):
    answers, targets = np.array(pairs, np.float64).T * scale
    n = len(pairs)
    rmse = reference.root_mean_squared_error(targets, answers)
    assert scores.value(scores.rmse(answers, targets), n) == pytest.approx(rmse)
    mae = reference.mean_absolute_error(targets, answers)
    assert scores.value(scores.mae(answers, targets), n) == pytest.approx(mae)
    assume(len(set(targets)) > 1)
    r2 = reference.r2_score(targets, answers)
    assert scores.value(scores.r2(answers, targets), n) == pytest.approx(r2)


@given(classified())
def test_mean_iou_is_scikit_learn_s_jaccard_of_all_pixels(drawn):
    probabilities, targets, classes = drawn
    answers = probabilities.argmax(1)
    halves = np.array_split(np.arange(len(targets)), 2)  # as if the pixels of two pictures
    tables = np.stack([scores.confusion(answers[h], targets[h], classes) for h in halves])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = reference.jaccard_score(targets, answers, average="macro")
    assert scores.value(scores.mean_iou(tables), 2) == pytest.approx(wanted)


def test_perplexity_and_bits_per_byte_are_of_the_whole_text():
    nats, tokens, sizes = np.array([8.0, 2.0]), np.array([4.0, 1.0]), np.array([10.0, 5.0])
    assert scores.value(scores.perplexity(nats, tokens), 2) == pytest.approx(math.exp(2))
    assert scores.value(scores.bits_per_byte(nats, sizes), 2) == pytest.approx(
        10 / math.log(2) / 15
    )


def test_metrics_of_real_models_are_scikit_learn_s():
    wine = load_wine()
    train, test = np.arange(178) % 2 == 0, np.arange(178) % 2 == 1
    probabilities = (
        GaussianNB().fit(wine.data[train], wine.target[train]).predict_proba(wine.data[test])
    )
    targets, n = wine.target[test], test.sum()
    assert scores.value(scores.auc_of_classes(probabilities, targets), n) == pytest.approx(
        reference.roc_auc_score(targets, probabilities, multi_class="ovr")
    )
    assert scores.value(scores.log_loss(probabilities, targets), n) == pytest.approx(
        reference.log_loss(targets, probabilities)
    )
    single = probabilities.astype(np.float32)
    assert scores.value(scores.log_loss(single, targets), n) == pytest.approx(
        reference.log_loss(targets, single), rel=1e-5
    )
    diabetes = load_diabetes()
    answers = Ridge().fit(diabetes.data[:300], diabetes.target[:300]).predict(diabetes.data[300:])
    assert scores.value(scores.r2(answers, diabetes.target[300:]), 142) == pytest.approx(
        reference.r2_score(diabetes.target[300:], answers)
    )


def reference_interval(metric, *arrays) -> tuple[float, float]:
    found = stats.bootstrap(
        arrays, metric, paired=True, vectorized=False, n_resamples=300, method="percentile",
        rng=np.random.default_rng(1),
    )  # fmt: skip
    return found.confidence_interval


def test_intervals_are_those_of_scipy_s_bootstrap():
    data = load_breast_cancer()
    model = LogisticRegression().fit(data.data[::2, :3] / 10, data.target[::2])
    probabilities = model.predict_proba(data.data[1::2, :3] / 10)
    answers, targets = probabilities.argmax(1), data.target[1::2]
    n = len(targets)
    for statistic, metric, arrays in [
        (scores.auc(probabilities[:, 1], targets == 1), reference.roc_auc_score,
         (targets, probabilities[:, 1])),
        (scores.macro_f1(answers, targets, 2),
         lambda a, b: reference.f1_score(a, b, average="macro"), (targets, answers)),
        (scores.average_precision(probabilities[:, 0], targets == 0),
         reference.average_precision_score, (1 - targets, probabilities[:, 0])),
        (scores.r2(probabilities[:, 1], targets), reference.r2_score,
         (targets, probabilities[:, 1])),
    ]:  # fmt: skip
        low, high = scores.bootstrap(statistic, n)
        wanted = reference_interval(metric, *arrays)
        tolerance = 0.2 * (wanted[1] - wanted[0])  # of 1000 and of 300 draws
        assert (low, high) == pytest.approx(tuple(wanted), abs=tolerance)
        assert scores.bootstrap(statistic, n) == (low, high)  # the same seed, the same interval


def test_examples_that_are_copies_in_a_group_tell_as_much_as_one_of_each():
    numbers = np.random.default_rng(0).exponential(size=60)
    copies, groups = np.repeat(numbers, 7), np.repeat(np.arange(60), 7)
    wanted = scores.bootstrap(scores.mean(numbers), 60)
    got = scores.bootstrap(scores.mean(copies), 420, groups=groups)
    assert got == pytest.approx(wanted)
    low, high = scores.bootstrap(scores.mean(copies), 420)
    assert high - low < (got[1] - got[0]) / 2


def test_metrics_of_many_classes_need_little_memory_beside_the_probabilities():
    random = np.random.default_rng(0)
    probabilities, targets = random.random((1000, 300)), random.integers(0, 300, 1000)
    for make in (
        lambda: scores.auc_of_classes(probabilities, targets),
        lambda: scores.mean_average_precision(probabilities, targets[:, None] == np.arange(300)),
    ):
        tracemalloc.start()
        scores.value(make(), 1000)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < probabilities.nbytes / 2


def test_the_interval_of_a_mean_is_the_one_of_the_normal_distribution_however_many_examples():
    for n in (400, 60_000):
        numbers = np.random.default_rng(0).exponential(size=n)
        half = 1.96 * numbers.std() / math.sqrt(n)
        low, high = scores.bootstrap(scores.mean(numbers), n)
        assert (low, high) == pytest.approx(
            (numbers.mean() - half, numbers.mean() + half), abs=half / 3
        )


def test_what_is_not_defined_is_not_a_number_and_breaks_nothing():
    one_class = scores.auc(np.array([0.1, 0.9]), np.array([True, True]))
    assert math.isnan(scores.value(one_class, 2))
    assert all(map(math.isnan, scores.bootstrap(one_class, 2)))
    rare = scores.auc(np.array([0.1, 0.9, 0.3]), np.array([True, False, False]))
    assert scores.bootstrap(rare, 3) == (0.0, 0.0)  # of the rounds that drew both
    assert math.isnan(scores.value(scores.r2(np.ones(3), np.ones(3)), 3))
