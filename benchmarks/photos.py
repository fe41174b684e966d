"""Photos to a program: the clipart set, first with nothing cached, then again.

The peer, where an interpreter that has it is given: fastai's `fine_tune(3)` on the same split,
with the same pretrained weights (`photos_fastai.py`).
"""

import json
import shutil
from pathlib import Path

import learnt as library
from benchmarks.timing import Peers, Row, Times, command, in_turns, learnt
from learnt.storage import cache_folder


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Whole commands, imports and decoding included; features cached by nobody the first time."""
    fastai = peers.fastai
    source = library.get_data("clipart")
    body = learnt("bodies", "get", "efficientnet-lite0")
    body()  # turned into ONNX once a machine, as pip installs it once a machine
    reports = []

    def first() -> None:
        shutil.rmtree(cache_folder("features"))
        again()

    def again() -> None:
        out = folder / "clipart.pyz"
        reports.append(json.loads(learnt("train", source, "-o", out, "--json")()))

    (cold,) = in_turns(first, rounds=3, warm=0)
    (warm,) = in_turns(again, rounds=3, warm=0)
    report = reports[0]
    count = sum(report["examples"].values())
    text = f"{cold.text()}; accuracy {report['value']:.1%}"
    peer, ratio, reached = "", "", cold.median <= 12 * count / 1427
    if fastai:
        theirs = _fastai(folder, source, fastai)
        peer = f"fastai {Times([theirs['seconds']]).text()}; accuracy {theirs['accuracy']:.1%}"
        ratio = f"1/{theirs['seconds'] / cold.median:.0f}"
        reached = reached and theirs["accuracy"] <= report["value"]
        reached = reached and theirs["seconds"] >= 40 * cold.median
    target = f"≤ 12 s for 1,427 pictures (≤ {12 * count / 1427:.1f} s for these), 1/40"
    return [
        Row(f"clipart, {count:,} pictures, 8 classes", text, peer, ratio, target, reached),
        Row("the same again, features cached", warm.text(), "", "", "", None),
    ]


def _fastai(folder: Path, source: Path, python: str) -> dict[str, float]:
    """The peer on the very same train and test pictures."""
    data = library.Images(source)
    for side, name in (("train", "train"), ("test", "valid")):
        for number in data.split[side]:
            picture = data.pictures[number]
            (folder / "peer" / name / picture.label).mkdir(parents=True, exist_ok=True)
            shutil.copy(picture.path, folder / "peer" / name / picture.label)
    script = Path(__file__).with_name("photos_fastai.py")
    answer: dict[str, float] = json.loads(command(python, script, folder / "peer")())
    return answer
