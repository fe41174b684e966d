"""Tables: from the shell's prompt to a program, three seeds; LightGBM on the very same rows.

The peer, where an interpreter that has it is given: LightGBM with its defaults, text columns as
its categories (`tables_lightgbm.py`).
"""

import json
import statistics
from pathlib import Path
from typing import Any

import polars as pl

import learnt as library
from benchmarks.timing import Row, Times, command, in_turns, learnt

SEEDS = range(3)


def rows(folder: Path, python: str | None) -> list[Row]:
    """A classification and a regression; the whole command, imports included."""
    return [
        _row(folder, python, "adult", "income", "LightGBM − 0.3 points"),
        _row(folder, python, "california", "MedHouseVal", "RMSE ≤ 1.05 × LightGBM's"),
    ]


def _row(folder: Path, python: str | None, name: str, label: str, target: str) -> Row:
    source = library.get_data(name)
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, float]] = []
    times: list[float] = []
    for seed in SEEDS:
        run = learnt("train", source, "--label", label, "-o", folder / f"{name}.pyz",
                     "--seed", str(seed), "--json")  # fmt: skip
        (taken,) = in_turns(lambda run=run: ours.append(json.loads(run())), rounds=1, warm=0)
        times += taken.seconds
        if python:
            theirs.append(_lightgbm(folder / f"{name}-{seed}", source, label, seed, python))
    metric, values = ours[0]["metric"], [report["value"] for report in ours]
    value, seconds = statistics.median(values), Times(times)
    text = f"{seconds.text()}; {metric} {value:.4f} ({min(values):.4f} to {max(values):.4f})"
    rows = sum(ours[0]["examples"].values())
    target, reached, peer, ratio = f"{target}, ≤ 30 s", None, "", ""
    if theirs:
        scores = [answer["value"] for answer in theirs]
        score, their_seconds = statistics.median(scores), Times([a["seconds"] for a in theirs])
        peer = f"LightGBM {their_seconds.text()}; {metric} {score:.4f}"
        classes = metric == "accuracy"
        pairs = zip(values, scores, strict=True)  # on the very same rows
        away = statistics.median(a - b if classes else a / b for a, b in pairs)
        good = away >= -0.003 if classes else away <= 1.05
        ratio = f"{away * 100:+.2f} points" if classes else f"{away:.3f}"
        reached = good and seconds.median <= 30
    return Row(f"{name}, {rows:,} rows, three seeds", text, peer, ratio, target, reached)


def _lightgbm(folder: Path, source: Path, label: str, seed: int, python: str) -> dict[str, float]:
    """The peer on the same training and test rows."""
    data = library.Table(source, label=label, seed=seed)
    folder.mkdir()
    for side in ("train", "test"):
        numbers = data.split[side]
        labels = [data.classes[t] if data.classes else t for t in data.targets[numbers]]
        rows = data.frame[numbers].with_columns(pl.Series("answer", labels))
        rows.write_parquet(folder / f"{side}.parquet")
    script = Path(__file__).with_name("tables_lightgbm.py")
    answer: dict[str, float] = json.loads(command(python, script, folder)())
    return answer
