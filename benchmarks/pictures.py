"""Sounds and series beside fastai, on the very pictures that learnt makes of them.

`pictures_fastai.py` is run once, on the sides of seed 0, as it takes minutes. Making the pictures
is among learnt's seconds, but not among its own.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Row, Times, command
from learnt.training.learner import Learner

SCRIPT = Path(__file__).with_name("pictures_fastai.py")


def fastai_row(
    name: str, ours: float, learner: Learner, epochs: int, python: str, folder: Path
) -> Row:
    """fastai's accuracy on the learner's test side, beside `ours`."""
    learner.task.prepare(learner.plan(), lambda done, of: None)
    arrays: dict[str, Any] = {}
    for side in ("train", "valid", "test"):
        (rows,), targets = learner.task.batch(getattr(learner.data.split, side))
        pictures = rows if rows.ndim == 4 else rows[:, None]  # (N, channels, height, width)
        arrays |= {side: pictures, f"{side}_y": targets}
    file = folder / "pictures.npz"
    np.savez(file, **arrays)
    found = json.loads(command(python, SCRIPT, file, str(epochs))())
    seconds, theirs = Times([found["seconds"]]).text(), found["value"]
    return Row(
        f"{name}, one seed",
        f"accuracy {ours:.1%}",
        f"fastai's xresnet18 on {epochs} epochs of the pictures: {seconds}; accuracy {theirs:.1%}",
        f"{(ours - theirs) * 100:+.1f} points",
        "",
        None,
    )
