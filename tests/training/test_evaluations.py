"""Each kind of answer's metric stands beside the baseline that needs no learning."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from learnt.training import evaluations


def halves(data) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return data.data[::2], data.target[::2], data.data[1::2], data.target[1::2]


def test_classes_are_measured_beside_the_commonest():
    x, y, test_x, test_y = halves(load_breast_cancer())
    model = LogisticRegression().fit(x[:, :3] / 10, y)
    probabilities = model.predict_proba(test_x[:, :3] / 10)
    found = evaluations.of_classes(probabilities, test_y, ["bad", "good"], y, noun="tumours")
    dummy = DummyClassifier().fit(x, y)
    assert found.value == pytest.approx(model.score(test_x[:, :3] / 10, test_y))
    assert found.baseline == pytest.approx(dummy.score(test_x, test_y))
    assert found.interval[0] < found.value < found.interval[1]
    assert found.others == pytest.approx(
        {
            "macro F1": reference.f1_score(test_y, probabilities.argmax(1), average="macro"),
            "AUC": reference.roc_auc_score(test_y, probabilities[:, 1]),
            "log loss": reference.log_loss(test_y, probabilities),
        }
    )
    assert not found.all_warnings
    assert "on 284 tumours; always the commonest class" in str(found)


def test_classes_of_which_one_is_rare_get_a_warning_and_macro_f1():
    _, _, _, y = halves(load_breast_cancer())
    rare = np.where(np.arange(len(y)) % 10 == 0, y, 1)
    always = np.tile([0.1, 0.9], (len(y), 1))
    found = evaluations.of_classes(always, rare, ["rare", "usual"], rare)
    assert found.value > 0.9
    assert found.others["macro F1"] < 0.5
    assert "the classes are unbalanced (usual 9" in found.all_warnings[-1]


def test_classes_with_few_examples_to_learn_from_are_named():
    found = evaluations.of_classes(
        np.eye(3)[np.arange(300) % 3], np.arange(300) % 3, list("abc"), np.array([0] * 40 + [1] * 9)
    )
    text = "2 of 3 classes have fewer than 10 examples (b 9, c 0)"
    assert text in found.all_warnings


def test_ten_classes_have_a_top_5():
    x, y, test_x, test_y = halves(load_digits())
    probabilities = LogisticRegression(max_iter=50, tol=1).fit(x, y).predict_proba(test_x)
    found = evaluations.of_classes(probabilities, test_y, list("0123456789"), y)
    wanted = reference.top_k_accuracy_score(test_y, probabilities, k=5)
    assert found.others["top-5 accuracy"] == pytest.approx(wanted)


def test_the_interval_of_groups_is_never_narrower_than_that_of_examples():
    right = np.eye(2)[np.arange(400) % 2]
    found = evaluations.of_classes(right, np.arange(400) % 2, ["a", "b"], np.arange(400) % 2)
    grouped = evaluations.by_groups(found, [str(i // 100) for i in range(400)])
    assert grouped.interval == pytest.approx(
        found.interval
    )  # not 100 % to 100 %, as drawing groups would say
    assert "the 400 examples are of 4 groups only" in grouped.all_warnings[-1]
    each = evaluations.by_groups(found, [str(i) for i in range(400)])
    assert each == found


def test_numbers_are_measured_beside_the_mean():
    x, y, test_x, test_y = halves(load_diabetes())
    answers = Ridge(0.1).fit(x, y).predict(test_x)
    found = evaluations.of_numbers(answers, test_y, y)
    guess = DummyRegressor().fit(x, y).predict(test_x)
    assert found.value == pytest.approx(reference.root_mean_squared_error(test_y, answers))
    assert found.baseline == pytest.approx(reference.root_mean_squared_error(test_y, guess))
    assert found.interval[0] < found.value < found.interval[1] < found.baseline
    assert found.others == pytest.approx(
        {
            "MAE": reference.mean_absolute_error(test_y, answers),
            "R²": reference.r2_score(test_y, answers),
        }
    )
    poor = evaluations.of_numbers(guess, test_y, y)
    assert "no better than the baseline (always the mean" in poor.all_warnings[0]
    assert "R²" not in evaluations.of_numbers(answers[:1], test_y[:1], y).others  # of one example


def test_labels_are_measured_beside_their_shares():
    x, y, test_x, test_y = halves(load_digits())
    scores = LogisticRegression(max_iter=50, tol=1).fit(x, y).predict_proba(test_x)
    even, large = np.isin(np.arange(10), [0, 2, 4, 6, 8]), np.arange(10) > 4
    meaning = np.stack([even, large, np.zeros(10, bool)], 1)  # the labels of each digit
    positive = meaning[test_y]
    found = evaluations.of_labels(scores @ meaning, positive, ["even", "large", "no"], meaning[y])
    wanted = reference.average_precision_score(positive[:, :2], (scores @ meaning)[:, :2])
    assert found.value == pytest.approx(wanted)
    assert found.baseline == pytest.approx(positive[:, :2].mean())
    assert "no held-out example has the label no" in found.all_warnings[-1]


def test_masks_are_measured_beside_background_everywhere():
    random = np.random.default_rng(0)
    masks = random.integers(0, 3, (40, 8, 8))
    answers = np.where(random.random(masks.shape) < 0.8, masks, 0)
    tables = np.stack([
        reference.confusion_matrix(m.ravel(), a.ravel(), labels=range(3))
        for m, a in zip(masks, answers, strict=True)
    ])  # fmt: skip
    found = evaluations.of_masks(tables, ["background", "cat", "dog"])
    jaccard = reference.jaccard_score(masks.ravel(), answers.ravel(), average="macro")
    nothing = reference.jaccard_score(masks.ravel(), 0 * masks.ravel(), average="macro")
    assert found.value == pytest.approx(jaccard)
    assert found.baseline == pytest.approx(nothing)
    assert found.others["pixel accuracy"] == pytest.approx((masks == answers).mean())
    assert "background everywhere" in str(found)


def test_text_is_measured_in_bits_per_byte():
    sizes = np.full(200, 64)
    nats = sizes * math.log(2) * np.random.default_rng(0).uniform(1.5, 2.5, 200)
    found = evaluations.of_text(nats, sizes / 4, sizes, 3.0, "gzip")
    assert found.value == pytest.approx(nats.sum() / math.log(2) / sizes.sum())
    assert found.others["perplexity"] == pytest.approx(2 ** (found.value * 4))
    assert "bits per byte 2.0" in str(found)
    assert "gzip: 3" in str(found)
    assert not asdict(found)["warnings"]
