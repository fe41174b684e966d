"""Learning to tell texts apart: plan, figures, program, and what `learnt test` measures."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

import learnt
from learnt.errors import DataError, UsageError
from learnt.training import learner as learner_file
from learnt.training.plan import Budget, Machine
from learnt.training.tasks.classes import softmax
from learnt.training.tasks.texts import letter_limit, plan_texts
from learnt.training.testing import measure
from learnt.training.weights import Fast


def test_two_thousand_snippets_are_enough_to_beat_guessing(learner):
    evaluation = learner.evaluate()
    assert evaluation.interval[0] > evaluation.baseline
    assert evaluation.value > 0.62


def test_figures_are_scikit_learns(learner):
    numbers = learner.data.split.test
    shares = softmax(learner.outputs(numbers).sum(axis=1))
    truth, answers = learner.data.targets[numbers], shares.argmax(1)
    evaluation = learner.evaluate()
    assert evaluation.value == pytest.approx(accuracy_score(truth, answers))
    assert evaluation.others["macro F1"] == pytest.approx(f1_score(truth, answers, average="macro"))
    assert evaluation.others["AUC"] == pytest.approx(roc_auc_score(truth, shares[:, 1]))


def test_two_trainings_with_one_seed_give_the_same_program(some, program):
    again = learnt.Learner(learnt.Texts(some), model="words").fit(epochs=2).program()
    assert again.onnx == program.onnx


def test_the_program_answers_as_its_learner_for_every_tested_text(learner, program):
    numbers = learner.data.split.test[:64]
    scores = learner.outputs(numbers).sum(axis=1)
    for row, result in zip(
        scores, program.batch(learner.data.texts[n] for n in numbers), strict=True
    ):
        found = list(result.probabilities.values())
        np.testing.assert_allclose(found, softmax(row[None])[0], atol=1e-4)


def test_a_stopped_run_goes_on_from_a_table(some, learner):
    again = learnt.Learner.resume(learner.run.name)
    assert again.data.fingerprint() == learner.data.fingerprint()
    assert again.made_plan == learner.made_plan


def test_the_card_says_what_it_is_and_how_good(program, learner):
    assert "which of 2 classes is a text?" in program.card
    assert "always the commonest class" in program.card
    assert f"{learner.evaluate().value:.1%}".replace("%", " %") in program.card


def test_measuring_the_tested_texts_again_gives_the_same_figure(learner, program, tmp_path):
    rows = [
        {"text": learner.data.texts[i], "label": learner.data.labels[i]}
        for i in learner.data.split.test
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    evaluation, _ = measure(program, path)
    assert evaluation.value == pytest.approx(learner.evaluate().value)
    assert evaluation.n == len(rows)


def test_measuring_passes_over_other_classes_and_says_so(program, tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("text,label\na fine film,positive\nso so,neither\na mess,negative\n")
    evaluation, notes = measure(program, path)
    assert evaluation.n == 2
    assert any("passed over 1 texts" in note for note in notes)
    path.write_text("text,label\na fine film,yes\n")
    with pytest.raises(DataError, match="knows the classes negative, positive"):
        measure(program, path)


def planned(train: int, length: int, classes: int, budget: Budget | None = None, model="words"):
    budget = budget or Budget()
    limit = letter_limit(np.full(2 * train, length), classes)
    return plan_texts(train, 2 * train, length, classes, limit, budget, Machine(), model, "a test")


def test_many_classes_do_without_letters_and_batches_shrink_with_long_texts():
    few, many, long = planned(7000, 130, 2), planned(7000, 130, 100), planned(700, 2048, 20)
    assert few.options["letters"] > 0 == many.options["letters"]
    assert few.recipe.batch > long.recipe.batch


def test_of_many_long_texts_fewer_letters_are_looked_at():
    assert letter_limit(np.full(1_000, 2048), 2) == 2048
    assert letter_limit(np.full(10_000, 2048), 2) == 512
    assert letter_limit(np.full(1_000_000, 2048), 2) == 0
    assert letter_limit(np.full(100_000, 70), 2) == 2048


def test_a_plan_keeps_to_its_budget_and_counts_the_body():
    assert planned(7000, 130, 2, Budget(epochs=3)).epochs == 3
    assert planned(7000, 130, 2, Budget(minutes=0.01)).epochs == 1
    assert planned(7000, 130, 2, model="minilm").seconds > planned(7000, 130, 2).seconds


def test_a_model_that_is_none_is_an_error_that_lists_them(some):
    with pytest.raises(UsageError, match="one of words, minilm"):
        learnt.Learner(learnt.Texts(some), model="bert").plan()


def test_without_the_body_the_plan_says_how_to_get_it(some, monkeypatch, tmp_path):
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    data = learnt.Texts(some)
    plan = learnt.Learner(data).plan()
    assert plan.model == "words"
    assert "learnt bodies get minilm" in plan.describe()
    with pytest.raises(UsageError, match="learnt bodies get minilm"):
        learnt.Learner(data, model="minilm").plan()


def test_with_the_body_texts_are_seen_as_a_whole_too(snippets, minilm):
    columns = {name: [row[name] for row in snippets[::25]] for name in ("text", "label")}
    learner = learnt.Learner(learnt.Texts(columns)).fit(epochs=3)
    assert learner.made_plan.model == "minilm"
    program = learner.program()  # compared with the learner's own answers
    assert set(program.read("a film").parts) == {"words", "letters", "pieces"}
    good, bad = program("a wonderful film"), program("a terrible film")
    assert good.probabilities["positive"] > bad.probabilities["positive"]
    assert program("qzxv").note == "none of its words was seen in training"
    assert program.selftest() == []


def test_asked_to_be_fast_the_program_computes_in_8_bits_if_that_is_good_enough(snippets, minilm):
    columns = {name: [row[name] for row in snippets[::25]] for name in ("text", "label")}
    learner = learnt.Learner(learnt.Texts(columns), weights="fast").fit(epochs=3)
    program = learner.program()  # compared with the learner's own answers
    fast = program.manifest["weights"]["fast"]
    assert fast["kept"] == (fast["exact"] - fast["fast"] < 0.002)
    assert (b"MatMulInteger" in program.onnx) == fast["kept"]
    assert learner.evaluate("valid").value == pytest.approx(
        fast["fast" if fast["kept"] else "exact"]
    )


def test_where_8_bits_are_refused_the_figures_are_those_of_the_usual_arithmetic(
    snippets, minilm, monkeypatch
):
    monkeypatch.setattr(learner_file, "settle_fast", lambda usual, again: Fast(kept=False))
    columns = {name: [row[name] for row in snippets[::25]] for name in ("text", "label")}
    learner = learnt.Learner(learnt.Texts(columns), weights="fast").fit(epochs=2)
    assert learner.weights.fast is not None
    assert not learner.weights.fast.kept
    numbers = learner.data.split.valid
    shares = softmax(learner.outputs(numbers).sum(axis=1))
    truth = learner.data.targets[numbers]
    found = learner.evaluate("valid").others["log loss"]
    assert found == pytest.approx(log_loss(truth, shares), abs=1e-6)


def test_a_handful_of_texts_in_many_languages_is_learnt():
    texts = ["好电影", "坏电影", "хороший фильм", "плохой фильм", "فيلم جيد", "فيلم سيء"]
    columns = {
        "text": [f"{text} {i}" for i in range(4) for text in texts],
        "label": ["+", "-"] * 12,
    }
    learner = learnt.Learner(learnt.Texts(columns), model="words").fit()
    program = learner.program()
    assert program("好电影").label == "+"
    assert program("плохой фильм").label == "-"
