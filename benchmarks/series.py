"""Series with their published split, three seeds, beside the nearest neighbour of scikit-learn.

The published figures are those of the nearest neighbour by Euclidean distance and by dynamic
time warping with a full window (Bagnall et al. 2017, the great time series classification bake
off; the table is in tslearn's wheel). They use all of TRAIN; we keep 15 % of it for validation,
and so does the peer here. Where an interpreter that has it is given, so does fastai, on pictures of
the series (`pictures_fastai.py`).
"""

import json
import statistics
from pathlib import Path
from typing import Any

from sklearn.neighbors import KNeighborsClassifier

import learnt as library
from benchmarks.pictures import fastai_row
from benchmarks.timing import Peers, Row, in_turns, learnt
from learnt.training.learner import Learner

SEEDS = range(3)
EPOCHS = 100  # of fastai: the sets are small
SETS = {  # accuracy of the nearest neighbour as published: Euclidean, dynamic time warping
    "gunpoint": "91.3 %, 90.7 %",
    "arrowhead": "80.0 %, 70.3 %",
    "osuleaf": "52.1 %, 59.1 %",
    "basicmotions": "none",
}


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Each set; the whole command, imports included."""
    return [row for name in SETS for row in _rows(folder, name, peers)]


def _rows(folder: Path, name: str, peers: Peers) -> list[Row]:
    source = library.get_data(name)
    ours: list[dict[str, Any]] = []
    theirs: list[float] = []
    times = []
    for seed in SEEDS:
        run = learnt("train", source, "-o", folder / "s.pyz", "--seed", str(seed), "--json")
        (taken,) = in_turns(lambda run=run: ours.append(json.loads(run())), rounds=1, warm=0)
        times.append(taken.median)
        data = library.Series(source, seed=seed)
        flat, train, test = data.series.reshape(len(data), -1), data.split.train, data.split.test
        nearest = KNeighborsClassifier(1).fit(flat[train], data.targets[train])
        theirs.append(float(nearest.score(flat[test], data.targets[test])))
    values, score = [answer["value"] for answer in ours], statistics.median(theirs)
    value, seconds = statistics.median(values), statistics.median(times)
    row = Row(
        f"{name}, {ours[0]['examples']['train']} to train on, "
        f"{ours[0]['examples']['test']} to test on",
        f"{seconds:.1f} s; accuracy {value:.1%} ({min(values):.1%} to {max(values):.1%})",
        f"nearest neighbour {score:.1%}; published, with all of TRAIN: {SETS[name]}",
        f"{(value - score) * 100:+.1f} points",
        "above the nearest neighbour",
        value > score,
    )
    if peers.fastai is None:
        return [row]
    learner = Learner(library.Series(source), model="gramian")
    return [row, fastai_row(name, values[0], learner, EPOCHS, peers.fastai, folder)]
