"""A language model of Jane Austen's novels: beside gzip, 5-grams, and PyTorch's speed.

The network is one file; PyTorch runs the very same one, its imports renamed, from the same
weights, by the same optimisers, in turns with the engine. 5-grams have the training and the
validation text, over bytes and over tokens: the best of them is the peer.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

import learnt
from benchmarks.ngrams import KneserNey
from benchmarks.timing import Peers, Row, Times, in_turns
from learnt import engine
from learnt.models import gpt
from learnt.runner.bpe import BytePairs
from learnt.training.muon import MuonAdamW
from learnt.training.numpy_engine import NumpyEngine
from learnt.training.tasks.language import MODELS, RECIPE, learn_pairs

TOKENS = (1024, 2048, 4096)  # vocabularies of the 5-grams
VOCABULARY = 2049
STEPS = 12
Step = Callable[[], float]


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Tokens a second, for each optimiser and number of threads; then the figures of one run."""
    del peers
    found = []
    for rule in ("muon", "adamw"):
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with threadpool_limits(threads):
                found.append(_speed(rule, threads))
    return [*found, *_figures(folder)]


def _speed(rule: str, threads: int) -> Row:
    context = MODELS["gpt"]["context"]
    rng = np.random.default_rng(0)
    text = rng.integers(0, VOCABULARY, (RECIPE.batch, context + 1))
    x, y = text[:, :-1].copy(), text[:, 1:].copy()
    ours, theirs = gpt.GPT(VOCABULARY, **MODELS["gpt"]), _theirs()
    weights = {k: torch.from_numpy(t.numpy().copy()) for k, t in ours.state_dict().items()}
    theirs.load_state_dict(weights)
    steps = [_our_step(ours, x, y, rule), _their_step(theirs, x, y, rule)]
    for _ in range(3):
        losses = [step() for step in steps]
        if not np.isclose(*losses, rtol=1e-2):
            raise RuntimeError(f"the losses must be equal; got {losses}")
    mine, peer = in_turns(*steps, rounds=STEPS, warm=1)
    ratios = Times([b / a for a, b in zip(mine.seconds, peer.seconds, strict=True)])
    low, high = np.quantile(ratios.seconds, (0.25, 0.75))
    each = RECIPE.batch * context
    return Row(
        f"GPT, tokens a second in training, {rule}, {threads} thread{'s' if threads > 1 else ''}",
        f"{each / mine.median:,.0f}",
        f"PyTorch {each / peer.median:,.0f}",
        f"{ratios.median:.2f} ({low:.2f} to {high:.2f}) times as many",
        "≥ 0.8",
        ratios.median >= 0.8,
    )


def _theirs() -> Any:
    """The network's own file, with PyTorch for the engine."""
    source = Path(gpt.__file__).read_text(encoding="utf-8").replace("learnt.engine", "torch")
    names: dict[str, Any] = {"__name__": "gpt"}
    exec(compile(source, "gpt.py", "exec"), names)
    return names["GPT"](VOCABULARY, **MODELS["gpt"])


def _matrices(model: Any, rule: str) -> tuple[list[Any], list[Any]]:
    named = list(model.named_parameters())
    muon = [p for name, p in named if name.startswith("blocks.") and rule == "muon"]
    return muon, [p for _, p in named if not any(p is other for other in muon)]


def _our_step(model: Any, x: np.ndarray, y: np.ndarray, rule: str) -> Step:
    muon, rest = _matrices(model, rule)
    groups = [{"params": muon, "rule": "muon", "lr": 0.01}] if muon else []
    optimizer = MuonAdamW([*groups, {"params": rest, "lr": 1e-3}])
    cross_entropy = engine.nn.functional.cross_entropy
    found = NumpyEngine(
        model,
        lambda scores, t: cross_entropy(scores.view(-1, VOCABULARY), t.view(-1)),
        optimizer,
        RECIPE,
        100,
    )
    found.schedule.step = lambda: None  # a steady rate, as PyTorch has here
    for group, lr in zip(optimizer.param_groups, [0.01] * bool(muon) + [1e-3], strict=True):
        group["lr"] = lr
    return lambda: found.step((x,), y)


def _their_step(model: Any, x: np.ndarray, y: np.ndarray, rule: str) -> Step:
    muon, rest = _matrices(model, rule)
    optimizers: list[Any] = [torch.optim.AdamW(rest, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0)]
    if muon:
        optimizers.append(torch.optim.Muon(muon, lr=0.01, weight_decay=0.0))
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y).view(-1)

    def step() -> float:
        scores = model(inputs).view(-1, VOCABULARY)
        loss = torch.nn.functional.cross_entropy(scores, targets)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return float(loss.item())

    return step


def _figures(folder: Path) -> list[Row]:
    data = learnt.Corpus(learnt.get_data("austen"))
    name, peer = five_grams(data)
    begun = time.perf_counter()
    learner = learnt.Learner(data).fit()
    seconds = time.perf_counter() - begun
    found = learner.evaluate()
    low, high = found.interval
    ours = f"{found.value:.3f} ({low:.3f} to {high:.3f}), {seconds:.0f} s"
    program = learnt.load(learner.program().save(folder / "austen.pyz"))
    begun = time.perf_counter()
    written = program("It is a truth", length=1000)
    speed = len(written.text) / (time.perf_counter() - begun)
    return [
        Row("austen, bits per byte", ours, f"gzip -9 {found.baseline:.3f}",
            f"{found.value / found.baseline:.2f}", "below 1", found.value < found.baseline),
        Row("austen, bits per byte", ours, f"{name} {peer:.3f}", f"{found.value / peer:.3f}",
            "below 1", found.interval[1] < peer),
        Row("austen, characters written a second", f"{speed:.0f}", "", "", "", None),
    ]  # fmt: skip


def five_grams(data: learnt.Corpus) -> tuple[str, float]:
    """The best 5-gram model of a corpus: its name, and its bits per byte of the test text."""
    size, known = data.bytes("test"), [*data.texts("train"), *data.texts("valid")]

    def of_bytes(texts: list[str]) -> list[np.ndarray]:
        return [np.frombuffer(text.encode(), np.uint8).astype(np.int64) for text in texts]

    model = KneserNey(of_bytes(known), 256)
    found = {"5-grams of bytes": model.bits(of_bytes(data.texts("test"))) / size}
    for count in TOKENS:
        pairs = BytePairs(learn_pairs(data.texts("train"), count))
        texts, test = ([np.array(t) for t in pairs.encode(x)] for x in (known, data.texts("test")))
        found[f"5-grams of {count} tokens"] = KneserNey(texts, count).bits(test) / size
    best = min(found, key=lambda name: found[name])
    return best, found[best]
