"""A training step of the engine beside PyTorch eager: the same model code, run by both.

Forward, loss, backward, update; the same weights, threads equal (one, and two), in turns. What
counts is the median of the ratios of neighbouring steps: a slow moment meets both.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.timing import Peers, Row, Times, in_turns
from learnt import engine

ROUNDS, SECONDS = 40, 6.0  # of a comparison: so many pairs of steps, if they take no longer
rng = np.random.default_rng(0)
Step = Callable[[], float]


def rows(folder: Path, peers: Peers) -> list[Row]:
    """By network, size and number of threads."""
    del folder, peers
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            found += [
                _row(name, threads, make, x, y, target) for name, make, x, y, target in _cases()
            ]
    return found


def _cases() -> list[tuple[str, Callable[[Any], Any], np.ndarray, np.ndarray, float]]:
    """A name, the model by library, inputs, targets, and the ratio that shall be reached."""
    cases: list[Any] = []
    for batch in (64, 256):
        x, y = _examples(batch, 784)
        cases.append((f"MLP 784-256-10, batch {batch}", mlp, x, y, 1.2))
    for width, heads, context, batch in ((128, 4, 64, 32), (256, 4, 128, 16), (384, 6, 128, 16)):
        text = rng.integers(0, 65, (batch, context + 1))
        name = f"GPT width {width}, 2 layers, {heads} heads, context {context}, batch {batch}"
        make = _gpt_of(width, heads, context)
        cases.append((name, make, text[:, :-1].copy(), text[:, 1:].copy(), 1.2))
    for channels, batch in ((8, 64), (32, 64)):
        x, y = _examples(batch, 1, 28, 28)
        make = _lenet_of(channels)
        cases.append((f"LeNet {channels}-{2 * channels}, 28 px, batch {batch}", make, x, y, 2.0))
    for channels, batch in ((8, 128), (16, 64), (32, 32)):
        x, y = _examples(batch, 3, 32, 32)
        name = f"ResNet {channels}-{2 * channels}-{4 * channels}, 32 px, batch {batch}"
        cases.append((name, _resnet_of(channels), x, y, 2.0))
    return cases


def _examples(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal(shape).astype(np.float32), rng.integers(0, 10, shape[0])


def _row(
    name: str,
    threads: int,
    make: Callable[[Any], Any],
    x: np.ndarray,
    y: np.ndarray,
    target: float,
) -> Row:
    ours, theirs = make(engine), make(torch)
    weights = {k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(weights, strict=False)
    steps = [_step(engine, ours, x, y), _step(torch, theirs, x, y)]
    losses = [step() for step in steps]
    if not np.isclose(*losses, rtol=1e-3):
        raise RuntimeError(f"{name}: the losses must be equal; got {losses}")
    once = sum(t.median for t in in_turns(*steps, rounds=2))
    rounds = max(7, min(ROUNDS, int(SECONDS / once)))
    mine, peer = in_turns(*steps, rounds=rounds, warm=2)
    ratios = Times([a / b for a, b in zip(mine.seconds, peer.seconds, strict=True)])
    low, high = np.quantile(ratios.seconds, (0.25, 0.75))
    return Row(
        f"{name}, {threads} thread{'s' if threads > 1 else ''}",
        mine.text("ms"),
        f"PyTorch {peer.text('ms')}",
        f"{ratios.median:.2f} ({low:.2f} to {high:.2f}); of the fastest {_fastest(mine, peer):.2f}",
        f"≤ {target}",
        ratios.median <= target,
    )


def _fastest(mine: Times, peer: Times) -> float:
    return min(mine.seconds) / min(peer.seconds)


def _step(lib: Any, model: Any, x: np.ndarray, y: np.ndarray) -> Step:
    inputs, targets = lib.from_numpy(x), lib.from_numpy(y)
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> float:
        scores = model(inputs)
        loss = lib.nn.functional.cross_entropy(scores.view(-1, scores.size(-1)), targets.view(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def mlp(lib: Any) -> Any:
    """784-256-10, as the first lesson has it."""
    nn = lib.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def _gpt_of(width: int, heads: int, context: int, layers: int = 2) -> Callable[[Any], Any]:
    return lambda lib: gpt(lib, width, heads, context, layers)


def gpt(lib: Any, width: int, heads: int, context: int, layers: int, vocabulary: int = 65) -> Any:
    """A GPT-2, small: as it is written for PyTorch, with `lib` for torch.  (Radford et al. 2019)"""
    nn, F = lib.nn, lib.nn.functional

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            b, t, c = x.size()
            q, k, v = self.qkv(x).split(width, dim=2)  # (B, T, C) each
            q, k, v = (z.view(b, t, heads, c // heads).transpose(1, 2) for z in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, C/H)
            return self.out(y.transpose(1, 2).contiguous().view(b, t, c))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.attention = nn.LayerNorm(width), Attention()
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, text: Any) -> Any:
            x = self.words(text) + self.places(lib.arange(text.size(1)))
            return self.head(self.norm(self.blocks(x)))

    return GPT()


def _lenet_of(channels: int) -> Callable[[Any], Any]:
    def make(lib: Any) -> Any:
        nn, c = lib.nn, channels
        return nn.Sequential(
            *(nn.Conv2d(1, c, 5), nn.ReLU(), nn.MaxPool2d(2)),  # 28 → 24 → 12
            *(nn.Conv2d(c, 2 * c, 5), nn.ReLU(), nn.MaxPool2d(2)),  # → 8 → 4
            *(nn.Flatten(), nn.Linear(32 * c, 120), nn.ReLU(), nn.Linear(120, 10)),
        )

    return make


def _resnet_of(channels: int) -> Callable[[Any], Any]:
    return lambda lib: resnet(lib, channels)


def resnet(lib: Any, c: int) -> Any:
    """Three stages of one block, each half the size and twice the channels.  (He et al. 2016)"""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.relu = nn.ReLU()
            self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
            self.short = nn.Sequential()
            if before != after:
                conv = nn.Conv2d(before, after, 1, stride=stride, bias=False)
                self.short = nn.Sequential(conv, nn.BatchNorm2d(after))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.norm1(self.conv1(x)))
            return self.relu(self.norm2(self.conv2(y)) + self.short(x))

    stem = (nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU())
    blocks = (Block(c, c, 1), Block(c, 2 * c, 2), Block(2 * c, 4 * c, 2))
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * c, 10))
    return nn.Sequential(*stem, *blocks, *head)
