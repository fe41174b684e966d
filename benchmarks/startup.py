"""How long until something happens: `import learnt`, and a verb that needs no model."""

import sys
from pathlib import Path

from benchmarks.timing import Peers, Row, command, in_turns, learnt


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Whole processes, the interpreter's own start included; beside NumPy's and torch's import."""
    del folder, peers
    python = sys.executable
    ours, verb, numpy, torch = in_turns(
        command(python, "-c", "import learnt"),
        learnt("data", "list"),
        command(python, "-c", "import numpy"),
        command(python, "-c", "import torch"),
        rounds=9,
    )
    return [
        Row("`import learnt`", ours.text(), f"`import torch` {torch.text()}",
            f"{ours.median / torch.median:.3f}", "≤ 0.15 s", ours.median <= 0.15),
        Row("`learnt data list`", verb.text(), f"`import numpy` {numpy.text()}",
            f"{verb.median / numpy.median:.2f}", "≤ 0.25 s", verb.median <= 0.25),
    ]  # fmt: skip
