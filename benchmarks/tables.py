"""Tables: from the shell's prompt to a program, three seeds; the peers on the very same rows.

They are, where interpreters that have them are given: LightGBM with its defaults, text columns as
its categories (`tables_lightgbm.py`), and fastai's `tabular_learner` (`tables_fastai.py`).
"""

import json
import statistics
from pathlib import Path
from typing import Any

import polars as pl

import learnt as library
from benchmarks.timing import Peers, Row, Times, command, in_turns, learnt

SEEDS = range(3)


def rows(folder: Path, peers: Peers) -> list[Row]:
    """A classification and a regression; the whole command, imports included."""
    return [
        *_rows(folder, peers, "adult", "income", "LightGBM − 0.3 points"),
        *_rows(folder, peers, "california", "MedHouseVal", "RMSE ≤ 1.05 × LightGBM's"),
    ]


def _rows(folder: Path, peers: Peers, name: str, label: str, target: str) -> list[Row]:
    """A row a peer, LightGBM's first; or one without any."""
    source = library.get_data(name)
    pythons = {"LightGBM": peers.lightgbm, "fastai": peers.fastai}
    pythons = {peer: python for peer, python in pythons.items() if python}
    ours: list[dict[str, Any]] = []
    theirs: dict[str, list[dict[str, float]]] = {peer: [] for peer in pythons}
    times: list[float] = []
    for seed in SEEDS:
        run = learnt("train", source, "--label", label, "-o", folder / f"{name}.pyz",
                     "--seed", str(seed), "--json")  # fmt: skip
        (taken,) = in_turns(lambda run=run: ours.append(json.loads(run())), rounds=1, warm=0)
        times += taken.seconds
        sides = _written(folder / f"{name}-{seed}", source, label, seed)
        for peer, python in pythons.items():
            script = Path(__file__).with_name(f"tables_{peer.lower()}.py")
            theirs[peer].append(json.loads(command(python, script, sides)()))
    metric, values = ours[0]["metric"], [report["value"] for report in ours]
    value, seconds = statistics.median(values), Times(times)
    text = f"{seconds.text()}; {metric} {value:.4f} ({min(values):.4f} to {max(values):.4f})"
    count = sum(ours[0]["examples"].values())
    workload, target = f"{name}, {count:,} rows, three seeds", f"{target}, ≤ 30 s"
    made = [] if theirs else [Row(workload, text, "", "", target, None)]
    for peer, answers in theirs.items():
        scores, their_seconds = (
            [a["value"] for a in answers],
            Times([a["seconds"] for a in answers]),
        )
        said = f"{peer} {their_seconds.text()}; {metric} {statistics.median(scores):.4f}"
        classes = metric == "accuracy"
        pairs = zip(values, scores, strict=True)  # on the very same rows
        away = statistics.median(a - b if classes else a / b for a, b in pairs)
        good = away >= -0.003 if classes else away <= 1.05
        ratio = f"{away * 100:+.2f} points" if classes else f"{away:.3f}"
        is_target = peer == "LightGBM"
        reached = good and seconds.median <= 30 if is_target else None
        made.append(Row(workload, text, said, ratio, target if is_target else "", reached))
    return made


def _written(folder: Path, source: Path, label: str, seed: int) -> Path:
    """The very rows of each side, for the peers."""
    data = library.Table(source, label=label, seed=seed)
    folder.mkdir()
    for side in ("train", "valid", "test"):
        numbers = data.split[side]
        labels = [data.classes[t] if data.classes else t for t in data.targets[numbers]]
        rows = data.frame[numbers].with_columns(pl.Series("answer", labels))
        rows.write_parquet(folder / f"{side}.parquet")
    return folder
