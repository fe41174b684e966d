"""Weights of 8 bits: they really are, nothing is slower for it, and the gate refuses harm."""

import signal
import time

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

import learnt
from learnt.engine import nn
from learnt.errors import Interrupted, UsageError
from learnt.models.efficientnet import _after_relu6
from learnt.models.rounding import in_eight_bits, round_weights, same
from learnt.training.learner import Learner
from learnt.training.loop import Callback
from learnt.training.weights import Weights, settle_fast, what_is_lost
from tests.pictures import take

WEIGHTS = ("1.weight", "5.weight", "10.weight")  # of the network for digits


def initializers(program) -> dict[str, np.ndarray]:
    graph = onnx.load_model_from_string(program.onnx).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


@pytest.fixture(scope="module")
def few(digits, tmp_path_factory):
    return take(digits, tmp_path_factory.mktemp("data") / "few", {"0": 60, "1": 60, "7": 60})


class Shift(Callback):
    """Adds one number to all weights of the last layer: every class's score grows by as much, so
    no answer changes; but what differs between the classes is now small beside the weights."""

    def on_end(self, loop) -> None:
        self.learner.model[-1].weight.array[...] += 100


def spoilt(few, weights: str) -> Learner:
    shift = Shift()
    learner = Learner(learnt.Images(few), model="convnet", weights=weights, callbacks=[shift])
    shift.learner = learner
    return learner.fit(epochs=12)


def test_the_weights_in_the_file_are_whole_numbers_and_those_that_were_measured(learner):
    program = learner.program()
    found, state = initializers(program), learner.model.state_dict()
    assert program.manifest["weights"] == learner.weights.as_dict()
    assert program.manifest["weights"]["kind"] == "int8"
    for name in WEIGHTS:
        assert name not in found
        assert found[f"{name}_int8"].dtype == np.int8
        product = found[f"{name}_int8"] * found[f"{name}_scale"]
        np.testing.assert_allclose(product, state[name].array, rtol=1e-5)
    others = {name: a for name, a in found.items() if not name.endswith("_scale")}
    assert all(a.size < 256 for a in others.values() if a.dtype == np.float32 and a.ndim > 1)


def test_the_figure_of_the_program_is_the_learners(learner, program_file, all_digits):
    numbers = learner.data.split.test
    program = learnt.load(program_file)
    answers = [program(learner.data.pictures[n].path).label for n in numbers]
    truth = np.array(learner.data.classes)[learner.data.targets[numbers]]
    assert np.mean(np.array(answers) == truth) == learner.evaluate().value


def test_onnx_runtime_makes_floats_of_them_as_it_loads(learner, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    onnxruntime.InferenceSession(learner.program().onnx, options)
    loaded = onnx.load(options.optimized_model_filepath).graph
    assert not [t.name for t in loaded.initializer if t.data_type == onnx.TensorProto.INT8]


def test_the_card_says_which_weights_it_has_and_what_they_cost(learner):
    assert "Its weights have 8 bits each: accuracy on the validation" in " ".join(
        learner.program().card.split()
    )


def test_where_rounding_hurts_the_gate_refuses_and_the_card_says_so(few):
    learner = spoilt(few, "auto")
    assert learner.weights.kind == "float32"
    assert learner.weights.exact > 0.9
    assert learner.weights.rounded < 0.6
    assert learner.evaluate("valid").value == learner.history[-1]["accuracy"]
    program = learner.program()
    assert program.manifest["weights"]["lost"] > 20
    assert program.manifest["weights"]["kind"] == "float32"
    assert "32 bits each, as 8 would cost too much: with 8 bits accuracy" in " ".join(
        program.card.split()
    )
    assert "10.weight" in initializers(program)


def test_who_asks_for_8_bits_gets_them_and_the_truth(few):
    learner = spoilt(few, "int8")
    assert learner.weights.kind == "int8"
    assert learner.evaluate("valid").value == pytest.approx(learner.weights.rounded, abs=1e-6)
    assert learner.weights.rounded < 0.6


def test_who_asks_for_32_bits_gets_what_was_trained(few):
    learner = Learner(learnt.Images(few), model="convnet", weights="float32").fit(epochs=1)
    program = learner.program()
    assert program.manifest["weights"] == {"kind": "float32"}
    assert not [a for a in initializers(program).values() if a.dtype == np.int8]
    assert "32 bits each, as was asked for" in " ".join(program.card.split())


def test_a_resumed_run_goes_on_with_the_same_weights_in_mind(few):
    learner = Learner(learnt.Images(few), model="convnet", weights="float32").fit(epochs=1)
    again = Learner.resume(learner.run.folder).fit()
    assert again.weights.as_dict() == {"kind": "float32"}


def test_other_words_for_weights_are_refused(few):
    with pytest.raises(UsageError, match="auto, int8, float32, fast; got 'int4'"):
        Learner(learnt.Images(few), weights="int4")


def test_the_gate_refuses_fast_arithmetic_that_costs_as_much_as_it_may(few):
    usual = Weights("int8", "accuracy", exact=0.91, rounded=0.9, lost=1.0)
    good = settle_fast(usual, Weights("float32", "accuracy", exact=0.899, rounded=0.5, lost=39.9))
    bad = settle_fast(usual, Weights("int8", "accuracy", exact=0.95, rounded=0.897, lost=5.3))
    assert (good.kept, good.lost) == (True, pytest.approx(0.1))
    assert (bad.kept, bad.lost) == (False, pytest.approx(0.3))
    assert "It computes as usual, as 8 bits would cost too much" in bad.text()


def test_where_nothing_is_faster_the_card_says_so(few):
    learner = Learner(learnt.Images(few), model="convnet", weights="fast").fit(epochs=1)
    program = learner.program()
    assert program.manifest["weights"]["fast"] == {"kept": False}
    assert "There is no faster arithmetic for it" in " ".join(program.card.split())


def test_what_is_lost_is_points_of_shares_and_percent_of_other_metrics():
    assert what_is_lost("accuracy", 0.90, 0.89) == pytest.approx(1)
    assert what_is_lost("RMSE", 2.0, 2.01) == pytest.approx(0.5)
    assert what_is_lost("bits per byte", 2.0, 1.99) == pytest.approx(-0.5)


@pytest.mark.parametrize("shape", [(40, 50), (5000, 2), (4, 60, 30), (32, 16, 5), (8, 4, 3, 3)])
def test_rounded_weights_are_near_and_rounding_them_again_changes_nothing(shape):
    weight = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    whole, scales = in_eight_bits(weight)
    assert np.abs(whole).max() == 127
    assert scales.size * 8 <= weight.size
    assert (np.abs(weight - whole * scales) <= 0.5001 * scales).all()
    assert same(whole * scales, *in_eight_bits(whole * scales))
    assert not same(weight, whole, scales)


def test_what_a_relu6_lets_through_is_known_without_a_picture():
    norm = nn.BatchNorm2d(4)
    norm.bias.array[:] = [-2, 0.5, 3, 7]
    norm.weight.array[:] = [1, -2, 0.5, 3]
    drawn = np.random.default_rng(0).normal(
        norm.bias.array, np.abs(norm.weight.array), (400_000, 4)
    )
    np.testing.assert_allclose(_after_relu6(norm), drawn.clip(0, 6).mean(0), atol=0.01)


def test_small_arrays_biases_and_numbers_that_are_none_stay_as_they_are():
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 300), nn.Linear(300, 2))
    network[2].weight.array[0, 0] = np.inf
    before = [p.array.copy() for p in network.parameters()]
    round_weights(network)
    changed = [(a != p.array).any() for a, p in zip(before, network.parameters(), strict=True)]
    assert changed == [False, False, True, False, False, False]


class Watch(Callback):
    """Notes how long each network is to learn, and calls `act` while the second one does."""

    def __init__(self, act=lambda loop: None):
        self.epochs, self.act = [], act

    def on_start(self, loop):
        self.epochs.append(loop.epochs)

    def after_step(self, loop):
        if len(self.epochs) == 2:
            self.act(loop)


@pytest.fixture(scope="module")
def some(digits, tmp_path_factory):
    return take(digits, tmp_path_factory.mktemp("data") / "some", {"0": 16, "1": 16})


def quick(folder, *callbacks) -> Learner:
    data = learnt.Images(folder)
    return Learner(data, model="efficientnet-lite0", weights="fast", callbacks=callbacks)


def test_a_fast_network_learns_as_long_as_the_usual_one_did(some):
    class Enough(Callback):
        def after_epoch(self, loop):
            loop.stop = loop.stop or loop.epoch == 2

    watch = Watch()
    learner = quick(some, watch, Enough()).fit(epochs=6)
    assert watch.epochs == [6, 2]
    assert learner.weights.fast.fast is not None
    assert learner.history[-1]["accuracy"] == learner.weights.exact


@pytest.mark.parametrize("seconds", [1e-6, 2.0])
def test_without_time_for_a_second_network_the_program_computes_as_usual(some, seconds):
    watch = Watch(lambda loop: time.sleep(2.1))
    learner = quick(some, watch).fit(minutes=seconds / 60)
    assert len(watch.epochs) <= 2
    assert any("more minutes" in note.lower() for note in learner.data.notes)
    assert learner.weights.fast is None
    nodes = onnx.load_model_from_string(learner.program().onnx).graph.node
    assert "QLinearConv" not in {node.op_type for node in nodes}
    assert learner.history == learner.run.checkpoint()[1]["history"]


def test_control_c_in_the_second_network_keeps_the_first(some):
    stopped = quick(some, Watch(lambda loop: signal.raise_signal(signal.SIGINT)))
    with pytest.raises(Interrupted, match=r"the first network is kept\. Go on with: learnt train"):
        stopped.fit(epochs=2)
    again = Learner.resume(stopped.run.name).fit()
    assert again.weights.as_dict() == quick(some).fit(epochs=2).weights.as_dict()
