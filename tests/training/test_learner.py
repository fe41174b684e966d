"""The Learner: it learns, repeatably, chooses nothing by the test side, and keeps a record."""

import json
import signal
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

import learnt
from learnt.errors import DataError, Interrupted, UsageError
from learnt.training.learner import Learner
from learnt.training.loop import Callback, Loop
from learnt.training.metrics import wilson
from tests.pictures import take


def weights(learner: Learner) -> dict[str, np.ndarray]:
    return {name: t.array.copy() for name, t in learner.model.state_dict().items()}


def same(one: Learner, other: Learner) -> bool:
    pairs = zip(weights(one).values(), weights(other).values(), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.fixture
def few(digits, tmp_path):
    """Forty digits of three classes, as a folder that a test may change."""
    return take(digits, tmp_path / "few", {"0": 40, "1": 40, "7": 40})


def fitted(folder, epochs: int = 2, **options) -> Learner:
    return Learner(learnt.Images(folder), model="convnet", **options).fit(epochs=epochs)


def test_a_small_network_learns_the_digits(learner):
    evaluation = learner.evaluate()
    assert evaluation.value > 0.85
    assert evaluation.baseline == pytest.approx(0.1)
    assert evaluation.n == len(learner.data.split.test) == 150
    assert learner.history[-1]["loss"] < learner.history[0]["loss"] / 2


def test_two_runs_with_one_seed_give_the_same_weights(few):
    assert same(fitted(few, seed=5), fitted(few, seed=5))


def test_another_seed_gives_other_weights(few):
    assert not same(fitted(few, seed=5), fitted(few, seed=6))


def test_fitting_twice_starts_anew(few):
    learner = fitted(few)
    before = weights(learner)
    assert all((before[k] == w).all() for k, w in weights(learner.fit(epochs=2)).items())


def test_evaluate_reads_only_the_side_it_is_asked_for(few):
    learner = fitted(few)
    for side in ("valid", "test"):
        rows, split = learner.task.rows.copy(), learner.data.split
        right = learner.outputs(split[side]).argmax(1) == learner.data.targets[split[side]]
        for other in {"train", "valid", "test"} - {side}:
            learner.task.rows[split[other]] = 0
        assert learner.evaluate(side).value == right.mean()
        learner.task.rows[:] = rows
    with pytest.raises(DataError, match="train, valid, test; got 'tests'"):
        learner.evaluate("tests")


def test_equal_weights_are_evaluated_once_and_others_anew(few):
    learner = fitted(few, epochs=8)
    before = learner.evaluate()
    assert learner.evaluate() is before
    assert learner.program().manifest["figures"] == before.as_dict()
    assert learner.evaluate() is before
    for tensor in learner.model.state_dict().values():
        tensor.array[...] = 0
    assert learner.evaluate().value < before.value


def test_where_examples_come_in_groups_the_interval_is_wider_and_few_groups_are_told_of(tmp_path):
    random = np.random.default_rng(0)
    table, lines = tmp_path / "people.csv", ["x,y,person,kind"]
    for person in range(100):
        odd = person % 4 == 0  # then all of the person's rows are unlike the others'
        for _ in range(8):
            kind = random.integers(2)
            lines.append(f"{kind ^ odd},{random.random()},p{person},{'ab'[kind]}")
    table.write_text("\n".join(lines))
    learner = Learner(learnt.Table(table, label="kind", group="person")).fit(epochs=20)
    found = learner.evaluate()
    low, high = wilson(round(found.value * found.n), found.n)
    assert found.interval[0] < low - 0.05
    assert found.interval[1] > high + 0.05
    assert f"the {found.n} rows are of 15 groups only" in found.all_warnings[-1]
    assert learner.program().manifest["figures"]["interval"] == found.as_dict()["interval"]


def test_the_accuracy_is_that_of_the_scores(learner):
    numbers = learner.data.split.test
    right = learner.outputs(numbers).argmax(axis=1) == learner.data.targets[numbers]
    assert learner.evaluate().value == right.mean()


def test_nothing_is_chosen_by_the_test_side(digits, tmp_path):
    for name, skip in (("first", 30), ("second", 60)):
        for side, count, start in (("train", 20, 0), ("valid", 8, 20), ("test", 8, skip)):
            take(digits, tmp_path / name / side, {"0": count, "1": count}, skip=start)
    tests = tmp_path / "second" / "test"
    (tests / "0").rename(tests / "swap")  # the test side's labels are all wrong
    (tests / "1").rename(tests / "0")
    (tests / "swap").rename(tests / "1")
    first, second = fitted(tmp_path / "first"), fitted(tmp_path / "second")
    assert same(first, second)
    assert [row["accuracy"] for row in first.history] == [r["accuracy"] for r in second.history]


def test_the_history_has_a_row_an_epoch(few):
    learner = fitted(few, epochs=5)
    assert [row["epoch"] for row in learner.history] == [1, 2, 3, 4, 5]
    assert all(set(row) == {"epoch", "loss", "accuracy", "seconds"} for row in learner.history)
    assert learner.history[-1]["accuracy"] == learner.evaluate("valid").value


def test_minutes_end_the_training_whatever_was_planned(few):
    class Slow(Callback):
        """Uses up the time at the first epoch's end."""

        def after_epoch(self, loop: Loop) -> None:
            if loop.epoch == 1:
                time.sleep(1.3)

    learner = Learner(learnt.Images(few), model="convnet", callbacks=[Slow()])
    learner.fit(minutes=1.2 / 60)
    done = len(learner.history)
    assert done <= 2 < learner.made_plan.epochs
    assert f"convnet, {done} epochs" in learner.program().card
    assert learner.run.checkpoint()[1]["history"] == learner.history  # the end is kept:
    resumed = Learner.resume(learner.run.name).fit()
    assert same(learner, resumed)
    assert resumed.history == learner.history


class Stop(Callback):
    """Presses Ctrl-C in the second epoch, when the time is over too."""

    def after_step(self, loop: Loop) -> None:
        if loop.epoch == 1:
            loop.stop = True
            signal.raise_signal(signal.SIGINT)


def test_a_run_that_was_stopped_within_its_last_epoch_goes_on_with_that_epoch(few):
    whole = fitted(few, epochs=3)
    stopped = Learner(learnt.Images(few), model="convnet", callbacks=[Stop()])
    with pytest.raises(Interrupted):
        stopped.fit(epochs=3)
    resumed = Learner.resume(stopped.run.name).fit()
    assert same(resumed, whole)
    assert [row["accuracy"] for row in resumed.history] == [r["accuracy"] for r in whole.history]


def test_the_minutes_of_a_run_that_goes_on_are_those_that_are_left(few):
    class Sleepy(Stop):
        def after_step(self, loop: Loop) -> None:
            time.sleep(0.4)
            super().after_step(loop)

    stopped = Learner(learnt.Images(few), model="convnet", callbacks=[Sleepy()])
    with pytest.raises(Interrupted):
        stopped.fit(minutes=0.8 / 60)
    resumed = Learner.resume(stopped.run.name).fit()
    assert len(resumed.history) <= 3 < resumed.made_plan.epochs
    assert resumed.history[-1]["seconds"] > 0.8


def test_a_single_step_teaches_something_and_it_is_said_that_it_is_little(few):
    learner = fitted(few, epochs=1)
    before = learner.task.network(learner.made_plan).state_dict()
    moved = {name: t.array - before[name].array for name, t in learner.model.state_dict().items()}
    assert max(np.abs(change).max() for change in moved.values()) > 1e-3
    assert "so few steps of training (1) teach" in learner.data.notes[-1]


def test_what_is_wrong_with_the_source_of_a_run_is_said_as_it_is(tmp_path):
    table = tmp_path / "rows.csv"
    rows = [f"{i % 7},{i % 5},{'ab'[i % 7 > 3]}" for i in range(60)]
    table.write_text("\n".join(["x,y,kind", *rows]))
    learner = Learner(learnt.Table(table, label="kind")).fit(epochs=1)
    table.write_text("\n".join(["x,y,sort", *rows]))
    with pytest.raises(UsageError, match=r"kind.*sort"):
        Learner.resume(learner.run.name)


def test_callbacks_are_called_in_their_order(few):
    calls = []

    class Told(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_inputs(self, done: int, of: int) -> None:
            calls.append((self.name, f"inputs {done} of {of}"))

        def on_start(self, loop: Loop) -> None:
            calls.append((self.name, "start"))

        def after_step(self, loop: Loop) -> None:
            calls.append((self.name, f"step {loop.epoch} {loop.step}"))

        def after_epoch(self, loop: Loop) -> None:
            calls.append((self.name, f"epoch {loop.epoch} {len(loop.history)}"))

        def on_end(self, loop: Loop) -> None:
            calls.append((self.name, "end"))

    fitted(few, callbacks=[Told("first"), Told("second")])
    happened = [what for name, what in calls if name == "first"]
    inputs = [f"inputs {n} of 120" for n in range(1, 121)]
    epochs = ["start", "step 0 1", "epoch 1 1", "step 1 1", "epoch 2 2", "end"]
    assert happened == inputs + epochs  # 84 pictures to train on: one batch of 64 an epoch
    assert calls == [(name, what) for what in happened for name in ("first", "second")]


def test_a_callback_that_fails_ends_the_training_and_all_are_told(few):
    class Fails(Callback):
        ended = False

        def after_step(self, loop: Loop) -> None:
            raise ZeroDivisionError

        def on_end(self, loop: Loop) -> None:
            Fails.ended = True

    with pytest.raises(ZeroDivisionError):
        fitted(few, callbacks=[Fails()])
    assert Fails.ended


def test_control_c_after_the_last_step_stops_as_well(few):
    class Asks(Callback):
        def after_epoch(self, loop: Loop) -> None:
            if loop.epoch == loop.epochs:
                signal.raise_signal(signal.SIGINT)

    stopped = Learner(learnt.Images(few), model="convnet", callbacks=[Asks()])
    with pytest.raises(Interrupted, match="stopped after epoch 2 of 2; nothing is lost"):
        stopped.fit(epochs=2)
    resumed = Learner.resume(stopped.run.name).fit()
    assert same(resumed, fitted(few))


@pytest.mark.parametrize("name", ["evaluate", "program", "made_plan"])
def test_what_needs_training_says_so_before(few, name):
    learner = Learner(learnt.Images(few), model="convnet")
    with pytest.raises(UsageError, match=r"call fit\(\) first"):
        getattr(learner, name)() if name != "made_plan" else learner.made_plan


def test_a_runs_folder_holds_what_was_asked_and_what_happened(few):
    learner = fitted(few, epochs=3, seed=9, weights="float32")
    folder = learner.run.folder
    names = {"config.json", "history.jsonl", "checkpoint.safetensors"}
    assert {file.name for file in folder.iterdir()} == names
    config = json.loads((folder / "config.json").read_text())
    assert config["seed"] == 9
    assert config["source"] == str(few.resolve())
    assert config["learnt"] == learnt.__version__
    assert config["versions"]["numpy"] == np.__version__
    assert set(config["versions"]) >= {"python", "numpy", "onnxruntime"}
    assert config["plan"] == json.loads(json.dumps(learner.made_plan.as_dict()))
    assert config["fingerprint"] == learner.data.fingerprint()
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert rows == learner.history
    saved = load_file(folder / "checkpoint.safetensors")
    for name, array in weights(learner).items():
        np.testing.assert_array_equal(saved[f"model.{name}"], array)


def test_each_training_has_a_folder_of_its_own(few):
    assert fitted(few, epochs=1).run.folder != fitted(few, epochs=1).run.folder


def test_a_learner_says_what_it_is(learner, few):
    assert repr(learner).startswith("Learner(convnet on Images(1000 pictures")
    assert "a model to be planned" in repr(Learner(learnt.Images(few)))
