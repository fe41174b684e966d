"""Model files written for PyTorch by others run on the engine, unmodified: as good as on PyTorch.

From the same weights and data: the same logits, loss and gradients; the same 50 steps of training.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as reference  # noqa: TID251
from PIL import Image

from learnt import engine
from tests.conformance.foreign import hand_over, near, same_chance, under_torchs_name
from tests.conformance.foreign_models import CASES, VOCABULARY, WINDOW, Case

STEPS = 50
BATCH = 8
Batches = list[tuple[np.ndarray, ...]]


# The data: real digits, and a real text, the project's licence


@pytest.fixture(scope="module")
def pictures(digits: Path) -> Batches:
    """Batches of digits: (N, 1, 28, 28) from 0 to 1, and what they are."""
    files = [sorted(folder.iterdir()) for folder in sorted(digits.iterdir())]
    mixed = [(file, digit) for row in zip(*files, strict=True) for digit, file in enumerate(row)]
    wanted = mixed[: STEPS * BATCH]
    x = np.stack([np.asarray(Image.open(file), np.float32) / 255 for file, _ in wanted])
    y = np.array([digit for _, digit in wanted])
    return list(zip(x.reshape(STEPS, BATCH, 1, 28, 28), y.reshape(STEPS, BATCH), strict=True))


@pytest.fixture(scope="module")
def characters() -> Batches:
    """Batches of windows of a text as numbers (N, T), and of the characters that follow."""
    text = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8").lower()
    index = {character: code for code, character in enumerate(sorted(set(text)), 1)}
    codes = np.array([index[character] for character in text])
    assert codes.max() < VOCABULARY
    starts = np.random.default_rng(0).integers(0, len(codes) - WINDOW - 1, (STEPS, BATCH))
    windows = codes[starts[..., None] + np.arange(WINDOW + 1)]
    return [(window[:, :-1], window[:, 1:]) for window in windows]


# What must hold


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archives")


@dataclass
class Side:
    """A model on one of the two libraries."""

    torch: Any
    model: Any
    case: Case

    def step(self, batch: tuple[np.ndarray, ...]) -> tuple[Any, Any]:
        """The output and the loss for a batch, and the gradients left in the parameters."""
        self.model.zero_grad()
        output, loss = self.case.task.step(self.torch, self.model, *map(self.torch.tensor, batch))
        loss.backward()
        return output, loss


@pytest.fixture(params=CASES)
def sides(request: pytest.FixtureRequest, archives: Path) -> tuple[Side, Side]:
    """The model on the engine and on PyTorch, with PyTorch's weights in both."""
    wanted = CASES[request.param]
    archive = wanted.package.fetch(archives)
    made = []
    for torch in (engine, reference):
        torch.manual_seed(0)
        with under_torchs_name(wanted.package, archive, torch) as load:
            made.append(Side(torch, wanted.build(torch, *map(load, wanted.modules)), wanted))
    ours, theirs = made
    hand_over(theirs.model, ours.model)
    return ours, theirs


@pytest.fixture
def batches(sides: tuple[Side, Side], request: pytest.FixtureRequest) -> Batches:
    return request.getfixturevalue(sides[0].case.task.data)


def test_same_logits_loss_and_gradients(sides: tuple[Side, Side], batches: Batches) -> None:
    results = []
    for side in sides:
        with same_chance(side.torch):
            results.append(side.step(batches[0]))
    (output, loss), (expected, expected_loss) = results
    near(output, expected, 1e-4, "output")
    near(loss, expected_loss, 1e-5, "loss")
    ours, theirs = (dict(side.model.named_parameters()) for side in sides)
    assert list(ours) == list(theirs)
    largest = max(float(p.grad.abs().max()) for p in theirs.values() if p.grad is not None)
    for name, their in theirs.items():
        assert (ours[name].grad is None) == (their.grad is None), name
        if their.grad is not None:
            near(ours[name].grad, their.grad, 1e-4, name, floor=1e-3 * largest)


def test_same_training_curve(sides: tuple[Side, Side], batches: Batches) -> None:
    curves = []
    for side in sides:
        optimizer = side.case.optimizer(side.torch, side.model)
        with same_chance(side.torch):
            curve = []
            for batch in batches:
                curve.append(side.step(batch)[1].item())
                optimizer.step()
        curves.append(np.array(curve))
    ours, theirs = curves
    assert theirs[-5:].mean() < 0.97 * theirs[:5].mean(), "nothing was learnt"
    off = np.abs(ours - theirs) / np.abs(theirs)
    assert off.max() <= 1e-4, f"{off.max():.1e} off in step {off.argmax()}: {theirs[off.argmax()]}"
    for name, their in sides[1].model.state_dict().items():
        near(sides[0].model.state_dict()[name], their, 1e-2, name)
