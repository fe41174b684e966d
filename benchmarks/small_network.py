"""A step of a small network (20-64-2, batch 64), beside PyTorch's fastest way of the same step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import Peers, Row, in_turns
from learnt import engine
from learnt.data.batches import Batches
from learnt.engine import nn
from learnt.training.loop import Callback, Loop

STEPS = 200


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Forward, loss, backward, update, zero_grad; SGD with momentum, and Adam."""
    del folder, peers
    x, y = np.random.rand(64, 20).astype(np.float32), np.random.randint(0, 2, 64)
    found = []
    for name, ours, variants in (
        (
            "SGD",
            _ours(x, y, "SGD", lr=0.01, momentum=0.9),
            [{}, {"foreach": False}, {"fused": True}],
        ),
        ("Adam", _ours(x, y, "Adam", lr=0.001), [{}, {"foreach": False}, {"fused": True}]),
    ):
        options = {"lr": 0.01, "momentum": 0.9} if name == "SGD" else {"lr": 0.001}
        peers = [_theirs(x, y, name, **options, **extra) for extra in variants]
        mine, *theirs = in_turns(ours, *peers, rounds=20, warm=3)
        plain, best = theirs[0].median / STEPS, min(t.median for t in theirs) / STEPS
        per_step = mine.median / STEPS
        found.append(
            Row(
                f"MLP 20-64-2, a step, {name}",
                f"{per_step * 1e6:.0f} µs",
                f"PyTorch {plain * 1e6:.0f} µs, its fastest variant {best * 1e6:.0f} µs",
                f"{per_step / plain:.2f}; {per_step / best:.2f}",
                "≤ 0.6",
                per_step / best <= 0.6,
            )
        )
    return [*found, _loop_row(x, y)]


def _ours(x: np.ndarray, y: np.ndarray, name: str, **options: float) -> Callable[[], None]:
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = getattr(engine.optim, name)(model.parameters(), **options)
    inputs, targets = engine.Tensor(x), engine.Tensor(y)

    def steps() -> None:
        for _ in range(STEPS):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def _theirs(x: np.ndarray, y: np.ndarray, name: str, **options: float) -> Callable[[], None]:
    model = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    optimizer = getattr(torch.optim, name)(model.parameters(), **options)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def steps() -> None:
        for _ in range(STEPS):
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


class _Nothing:
    """An engine whose step costs nothing: what is left is the loop's own cost."""

    def step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        del inputs, targets
        return 0.0


def _loop_row(x: np.ndarray, y: np.ndarray) -> Row:
    from learnt.training.learner import Learner

    class Probe(Learner):
        def __init__(self) -> None:
            self.engine = _Nothing()  # type: ignore[assignment]

        def evaluate(self, side: str = "test") -> object:  # type: ignore[override]
            del side
            return type("Figures", (), {"value": 0.0})

    many, targets = np.tile(x, (STEPS, 1)), np.tile(y, STEPS)
    batches = Batches(many, targets, np.arange(len(many)), 64)

    def loop() -> None:
        Probe()._train(batches, Loop(1, len(batches)), [Callback(), Callback()])

    def bare() -> None:
        for _ in batches.epoch(0):
            pass

    with_loop, without = in_turns(loop, bare, rounds=30, warm=3)
    each = (with_loop.median - without.median) / STEPS
    fetch = without.median / STEPS
    return Row(
        "the Learner's loop, a step",
        f"{each * 1e6:.1f} µs, and {fetch * 1e6:.1f} µs to gather the batch",
        "",
        "",
        "≤ 15 µs",
        each <= 15e-6,
    )
