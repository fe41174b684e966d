"""Sounds: which of eight languages is a word in? From the shell's prompt to a program, three seeds.

No word (in any language) is both trained and tested on, but few people speak each language, so
the figure may owe much to their voices. The peer is given the very same pictures of pitches:
the loudest moment, deviation and change of each band, and scikit-learn's logistic regression;
and, where an interpreter that has it is given, fastai (`pictures_fastai.py`).
"""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import learnt as library
from benchmarks.pictures import fastai_row
from benchmarks.timing import Peers, Row, in_turns, learnt
from learnt.training.learner import Learner

SEEDS = range(3)
LEAST, MOST = 0.90, 90  # accuracy, seconds
EPOCHS = 10  # of fastai


def rows(folder: Path, peers: Peers) -> list[Row]:
    """The whole command, imports included."""
    source = library.get_data("spoken-names")
    ours: list[dict[str, Any]] = []
    theirs: list[float] = []
    out = folder / "languages.pyz"
    times = []
    for seed in SEEDS:
        run = learnt("train", source, "-o", out, "--seed", str(seed), "--json")
        (taken,) = in_turns(lambda run=run: ours.append(json.loads(run())), rounds=1, warm=0)
        times.append(taken.median)
        theirs.append(_scikit_learn(source, seed))
    values, score = [answer["value"] for answer in ours], statistics.median(theirs)
    value, seconds = statistics.median(values), statistics.median(times)
    spread = f"{min(times):.1f} to {max(times):.1f}"
    made = [
        Row(
            f"spoken-names, {sum(ours[0]['examples'].values()):,} sounds, eight languages",
            f"{seconds:.1f} s ({spread}); accuracy {value:.1%} "
            f"({min(values):.1%} to {max(values):.1%})",
            f"logistic regression on three facts a band; accuracy {score:.1%}",
            f"{(value - score) * 100:+.1f} points",
            f"≥ {LEAST:.0%} in ≤ {MOST} s",
            value >= LEAST and seconds <= MOST,
        )
    ]
    if peers.fastai:
        learner = Learner(library.Sounds(source))
        first = ours[0]["value"]
        made.append(fastai_row("the same", first, learner, EPOCHS, peers.fastai, folder))
    return made


def _scikit_learn(source: Path, seed: int) -> float:
    """The peer's accuracy on the same test sounds."""
    learner = Learner(library.Sounds(source, seed=seed), seed=seed)
    task, split = learner.task, learner.data.split
    task.prepare(learner.plan(), lambda done, of: None)

    def taken(numbers: Any) -> tuple[Any, Any]:
        (pictures,), targets = task.batch(numbers)
        means = pictures.max(2), pictures.std(2), np.abs(np.diff(pictures, axis=2)).mean(2)
        return np.concatenate(means, 1), targets

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(*taken(split.train))
    return float(model.score(*taken(split.test)))
