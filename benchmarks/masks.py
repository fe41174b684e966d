"""A class for every pixel: scenes to a program, three seeds; and several labels, and a number.

The peer of the whole, where an interpreter that has it is given, is fastai's `unet_learner` on the
very same pictures with the same body (`masks_fastai.py`); once, as it takes minutes an epoch. The
peer of a step of training is PyTorch eager, on the very same models: their files are read with
PyTorch's names in the place of the engine's.
"""

import inspect
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np

import learnt as library
import learnt.engine
from benchmarks.timing import Peers, Row, Times, in_turns
from benchmarks.timing import command as command_of
from benchmarks.timing import learnt as command
from learnt.models import convnet, decoder, unet
from learnt.models.efficientnet import map_shapes
from learnt.storage import cache_folder

SEEDS = (0, 1, 2)
BATCH, CLASSES = 32, 6


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Whole commands on the data set scenes, then single steps beside PyTorch's."""
    source = library.get_data("scenes")
    command("bodies", "get", "efficientnet-lite0")()
    cold, seconds, warm = [], [], []
    for seed in SEEDS:
        shutil.rmtree(cache_folder("features"))
        for reports in (cold, warm):
            reports.append(_trained(source, folder, "--seed", seed))
        seconds.append(cold[-1]["seconds"]["total"])
    every = [
        Row(
            "scenes with masks: 1,800 pictures of 96 × 96, 6 classes",
            f"{Times(seconds).text()}; {_figures(cold)}",
            "",
            "",
            "≤ 60 s",
            statistics.median(seconds) <= 60,
        ),
        Row(
            "the same again, maps cached",
            Times([report["seconds"]["total"] for report in warm]).text(),
            "", "", "", None,
        ),
    ]  # fmt: skip
    jobs = (
        ("which labels has a scene?", ("labels.csv",)),
        ("what share of it is covered?", ("numbers.csv", "--label", "covered")),
        ("how many objects are in it?", ("numbers.csv", "--label", "objects",
                                         "--task", "image-number")),
    )  # fmt: skip
    for name, (table, *options) in jobs:
        found = [_trained(source / table, folder, *options, "--seed", seed) for seed in SEEDS]
        text = f"{Times([f['seconds']['total'] for f in found]).text()}; {_figures(found)}"
        every.append(Row(name, text, "", "", "", None))
    if peers.fastai:
        every.insert(1, _fastai(source, peers.fastai, cold))
    return every + [_step(name) for name in ("decoder", "unet")]


def _fastai(source: Path, python: str, ours: list[dict[str, Any]]) -> Row:
    """The peer on the same train and test pictures, once."""
    script = Path(__file__).with_name("masks_fastai.py")
    found = json.loads(command_of(python, script, source)())
    value, theirs = statistics.median(report["value"] for report in ours), found["value"]
    said = f"fastai's unet_learner {Times([found['seconds']]).text()}; mean IoU {theirs:.3f}"
    return Row("the same", f"mean IoU {value:.3f}", said, f"{value - theirs:+.3f}", "", None)


def _trained(source: Path, folder: Path, *options: object) -> dict[str, Any]:
    out = folder / "scenes.pyz"
    printed = command("train", source, "-o", out, "--json", *map(str, options))()
    report: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return report


def _figures(reports: list[dict[str, Any]]) -> str:
    """The run whose figure is the one in the middle."""
    report = sorted(reports, key=lambda r: r["value"])[len(reports) // 2]
    low, high = report["interval"]
    return (
        f"{report['metric']} {report['value']:.3f} ({low:.3f} to {high:.3f}), "
        f"baseline {report['baseline']:.3f}"
    )


def _step(name: str) -> Row:
    """One step of training, forward and backward and update, ours and PyTorch's."""
    import torch

    random = np.random.default_rng(0)
    size, theirs = 192 if name == "decoder" else 96, _in_torch()
    if name == "decoder":
        width = sum(c * h * w for c, h, w in map_shapes(size))
        x = random.integers(0, 256, (BATCH, width), dtype=np.uint8)
        models = [decoder.Decoder(CLASSES, size), theirs["Decoder"](CLASSES, size)]
    else:
        x = random.integers(0, 256, (BATCH, 3, size, size), dtype=np.uint8)
        models = [unet.UNet(CLASSES, 3, 120.0, 60.0), theirs["UNet"](CLASSES, 3, 120.0, 60.0)]
    y = random.integers(0, CLASSES, (BATCH, 96, 96))
    engines: list[Any] = [learnt.engine, torch]
    tasks = [_stepper(e, m, e.tensor(x), e.tensor(y)) for e, m in zip(engines, models, strict=True)]
    ours, peer = in_turns(*tasks, rounds=15, warm=2)
    return Row(
        f"a step of the {name}, batch {BATCH}",
        ours.text("ms"),
        f"PyTorch eager {peer.text('ms')}",
        f"{ours.median / peer.median:.2f}",
        "≤ 2",
        ours.median <= 2 * peer.median,
    )


def _stepper(engine: Any, model: Any, x: Any, y: Any) -> Any:
    optimizer = engine.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        loss = engine.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _in_torch() -> dict[str, Any]:
    """The models' own code, with PyTorch under it."""
    names: dict[str, Any] = {}
    for module in (convnet, unet, decoder):
        text = inspect.getsource(module)
        for before, after in (
            ("from learnt.engine.tensor import", "from torch import"),
            ("learnt.engine", "torch"),
            ("from learnt.models.convnet import Normalize\n", ""),
            ("from learnt.models.unet import block\n", ""),
        ):
            text = text.replace(before, after)
        exec(text, names)
    return names
