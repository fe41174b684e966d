"""Digits from scratch: from the shell's prompt to a program, five seeds."""

import json
import statistics
from pathlib import Path

import learnt as library
from benchmarks.timing import Peers, Row, Times, in_turns, learnt

SEEDS = range(5)


def rows(folder: Path, peers: Peers) -> list[Row]:
    """The whole command, imports, reading 5,000 files and writing the program included."""
    del peers
    source = library.get_data("digits")
    reports = []
    times: list[float] = []
    for seed in SEEDS:
        run = learnt("train", source, "-o", folder / "digits.pyz", "--seed", str(seed), "--json")
        (seconds,) = in_turns(lambda run=run: reports.append(json.loads(run())), rounds=1, warm=0)
        times += seconds.seconds
    values = [report["value"] for report in reports]
    median = statistics.median(values)
    total = Times(times)
    return [
        Row(
            "digits from scratch (5,000, 70/15/15)",
            f"{total.text()}; accuracy {median:.1%} ({min(values):.1%} to {max(values):.1%})",
            "",
            "",
            "≤ 4 s at ≥ 97.5 %",
            total.median <= 4 and median >= 0.975,
        )
    ]
