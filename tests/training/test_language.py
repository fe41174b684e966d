"""Learning to write: the network as PyTorch has it, steps, windows, figures, plans."""

import gzip
import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: TID251 - the reference

import learnt
from learnt import engine
from learnt.engine.tensor import Tensor
from learnt.errors import Interrupted
from learnt.models import gpt
from learnt.training.loop import Callback
from learnt.training.muon import MuonAdamW
from learnt.training.numpy_engine import NumpyEngine
from learnt.training.plan import Budget, Machine
from learnt.training.tasks.foresight import foresight
from learnt.training.tasks.language import MODELS, NOT_COUNTED, RECIPE, plan_language

SMALL = {"context": 16, "width": 32, "layers": 2, "heads": 2, "rows": 97, "row_size": 8}
rng = np.random.default_rng(0)


def torchs(ours):
    """The very file of our network, run by PyTorch, with the same weights."""
    source = Path(gpt.__file__).read_text(encoding="utf-8").replace("learnt.engine", "torch")
    names = {"__name__": "gpt"}
    exec(compile(source, "gpt.py", "exec"), names)
    theirs = names["GPT"](50, **SMALL)
    theirs.load_state_dict({k: torch.from_numpy(t.numpy()) for k, t in ours.state_dict().items()})
    return theirs


def lively(vocabulary=50):
    """A network in which no weight is 0, as those that end a block are at first."""
    model = gpt.GPT(vocabulary, **SMALL)
    for weight in model.parameters():
        weight.array[...] = rng.normal(0, 0.1, weight.shape)
    return model


def test_the_network_is_what_pytorch_makes_of_the_same_file():
    ours = lively()
    theirs = torchs(ours)
    tokens, wanted = rng.integers(0, 50, (3, 16)), rng.integers(0, 50, 48)
    loss = engine.nn.functional.cross_entropy(ours(Tensor(tokens)).view(-1, 50), Tensor(wanted))
    loss.backward()
    peer = torch.nn.functional.cross_entropy(
        theirs(torch.from_numpy(tokens)).view(-1, 50), torch.from_numpy(wanted)
    )
    peer.backward()
    assert float(loss.array) == pytest.approx(peer.item(), rel=1e-5)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-5, err_msg=name)


def test_no_token_is_foreseen_with_the_help_of_later_ones():
    model, tokens = lively(), rng.integers(0, 50, (1, 16))
    before = model(Tensor(tokens)).array
    tokens[0, 9:] = rng.integers(0, 50, 7)
    after = model(Tensor(tokens)).array
    np.testing.assert_array_equal(before[0, :9], after[0, :9])
    assert not np.allclose(before[0, 9], after[0, 9])


def test_pieces_of_a_batch_on_several_threads_learn_what_the_whole_does():
    batches = [(rng.integers(0, 50, (8, 16)), rng.integers(0, 50, (8, 16))) for _ in range(3)]
    found = []
    for pieces in (1, 4):
        engine.manual_seed(0)
        model = gpt.GPT(50, **SMALL)
        step = NumpyEngine(
            model,
            lambda y, t: engine.nn.functional.cross_entropy(y.view(-1, 50), t.view(-1)),
            engine.optim.SGD(model.parameters(), lr=0.1),
            replace(RECIPE, pieces=pieces),
            10,
        )
        losses = [step.step((x,), y) for x, y in batches]
        found.append((losses, model.head.weight.array.copy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-6)


def test_each_group_of_weights_follows_its_own_of_pytorchs_rules():
    start = [rng.normal(size=(6, 4)).astype(np.float32) for _ in range(2)]
    ours = [engine.nn.Parameter(engine.tensor(w)) for w in start]
    theirs = [torch.nn.Parameter(torch.from_numpy(w.copy())) for w in start]
    both = MuonAdamW([{"params": ours[:1], "rule": "muon", "lr": 0.02}, {"params": ours[1:]}])
    peers = [
        torch.optim.Muon(theirs[:1], lr=0.02, weight_decay=0.0),
        torch.optim.AdamW(theirs[1:], lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            grad = rng.normal(size=(6, 4)).astype(np.float32)
            p.grad, q.grad = engine.tensor(grad), torch.from_numpy(grad.copy())
        both.step()
        for peer in peers:
            peer.step()
    # PyTorch's Muon rounds to bfloat16 on its way.
    np.testing.assert_allclose(ours[0].array, theirs[0].detach().numpy(), atol=2e-3)
    np.testing.assert_allclose(ours[1].array, theirs[1].detach().numpy(), atol=1e-6)


def test_a_tiny_text_is_learnt_by_heart(tmp_path):
    line = "It is a truth universally acknowledged, that a single man must be in want of a wife. "
    (tmp_path / "wife.txt").write_text(line * 300)
    data = learnt.Corpus(tmp_path / "wife.txt")
    learner = learnt.Learner(data, model="gpt-small").fit(epochs=20)
    assert learner.evaluate().value < 0.2
    written = learner.program()("It is a truth", temperature=0, length=60)
    assert written.text == line[13:73]


def test_a_little_training_foresees_better_than_gzip(writer):
    evaluation = writer.evaluate()
    text = "".join(writer.data.texts("test")).encode()
    assert evaluation.n == len(text)
    assert evaluation.baseline == pytest.approx(8 * len(gzip.compress(text, 9)) / len(text))
    assert evaluation.interval[0] < evaluation.value < evaluation.interval[1]
    assert evaluation.interval[1] < evaluation.baseline
    tokens = len(writer.task.tokenizer.encode(["".join(writer.data.texts("test"))])[0])
    bits = evaluation.value * evaluation.n / tokens
    assert evaluation.others["perplexity"] == pytest.approx(2**bits, rel=0.02)


def test_training_windows_are_moved_at_random_and_targets_are_the_next_tokens(writer):
    task, numbers = writer.task, writer.task.examples("train")[:8]
    (still,), targets = task.batch(numbers)
    np.testing.assert_array_equal(still[:, 1:], targets[:, :-1])
    assert (targets != NOT_COUNTED).all()
    (moved,), _ = task.batch(numbers, np.random.default_rng(0))
    (again,), _ = task.batch(numbers, np.random.default_rng(0))
    np.testing.assert_array_equal(moved, again)
    assert (moved != still).any()


def test_each_held_out_token_is_counted_once(writer):
    for side in ("valid", "test"):
        _, targets = writer.task.batch(writer.task.examples(side))
        counted = targets[targets != NOT_COUNTED]
        wanted = writer.task.tokenizer.encode(writer.data.texts(side))
        np.testing.assert_array_equal(counted, np.concatenate(wanted))


class Stop(Callback):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def after_step(self, loop):
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


def test_a_run_that_was_stopped_goes_on_to_the_very_same_weights(novels):
    data, options = learnt.Corpus(novels), {"model": "gpt-small", "seed": 1}
    straight = learnt.Learner(data, **options).fit(epochs=2)
    stopped = learnt.Learner(data, **options, callbacks=[Stop(13)])
    with pytest.raises(Interrupted):
        stopped.fit(epochs=2)
    resumed = learnt.Learner.resume(stopped.run.name).fit()
    assert [line["loss"] for line in resumed.history] == [line["loss"] for line in straight.history]
    for (name, p), q in zip(
        straight.model.named_parameters(), resumed.model.parameters(), strict=True
    ):
        np.testing.assert_array_equal(p.array, q.array, err_msg=name)


def test_the_interval_is_narrower_the_more_text_there_is():
    bits = rng.gamma(2.0, 3.0, 40_000).astype(np.float32)
    widths = []
    for count in (4_000, 40_000):
        found = foresight(bits[:count], np.full(count, 4), ["abcd" * count])
        widths.append(found.interval[1] - found.interval[0])
        assert found.value == pytest.approx(bits[:count].sum() / count / 4, rel=1e-5)
    assert widths[0] / widths[1] == pytest.approx(math.sqrt(10), rel=0.4)


def test_the_plan_reads_small_texts_often_and_large_ones_in_part():
    machine = Machine(80.0, 2)
    small = plan_language(60_000, Budget(), machine)
    large = plan_language(3_400_000, Budget(), machine)
    huge = plan_language(900_000_000, Budget(), machine)
    assert (small.model, large.model) == ("gpt-small", "gpt")
    assert small.epochs > large.epochs > huge.epochs == 1
    assert huge.options["windows"] < 900_000_000 / 3.2 / MODELS["gpt"]["context"]
    assert large.seconds <= 300
    short = plan_language(3_400_000, Budget(minutes=1), machine)
    assert short.seconds < 75 < large.seconds
    assert plan_language(60_000, Budget(epochs=3), machine).epochs == 3


def test_the_weights_of_the_best_epoch_are_kept_also_by_a_run_that_was_stopped(novels):
    class Stop(Callback):
        def after_step(self, loop):
            if loop.epoch == 9:
                signal.raise_signal(signal.SIGINT)

    stopped = learnt.Learner(learnt.Corpus(novels), model="gpt-small", callbacks=[Stop()])
    with pytest.raises(Interrupted):
        stopped.fit(epochs=12)
    resumed = learnt.Learner.resume(stopped.run.name).fit()
    figures = [epoch["bits per byte"] for epoch in resumed.history]
    best = int(np.argmin(figures))
    assert best < 8  # 30 kB are soon learnt by heart; so it was kept before the run was stopped
    assert resumed.evaluate("valid").value == pytest.approx(figures[best], abs=0.02)
    assert figures[-1] > figures[best] + 0.1
    assert f"those of epoch {best + 1} of 12, the best on validation" in resumed.data.notes[-1]
