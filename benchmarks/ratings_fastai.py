"""fastai's `collab_learner` on FOLDER's train, valid and test.csv; prints one JSON line.

As its collaborative filtering tutorial and book have it: the dot product of 50 factors, and the
network of layers 100 and 50; ratings from 0 to 5.5, batches of 64, five epochs of one cycle up to
5e-3, weight decay 0.1. Seconds are of each from the loaded files on; the import is in neither.
"""

import json
import sys
import time
from pathlib import Path

import fastai_start  # noqa: F401

# isort: split
import numpy as np
import pandas as pd
from fastai import collab


def main() -> None:
    """Each of the two models once."""
    folder = Path(sys.argv[1])
    sides = ("train", "valid", "test")
    columns = ["user", "item", "rating"]
    answers = {}
    for name, options in (
        ("fastai's collab_learner", {"n_factors": 50}),
        ("fastai's with a network", {"use_nn": True, "layers": [100, 50]}),
    ):
        begun = time.perf_counter()
        train, valid, test = (pd.read_csv(folder / f"{side}.csv")[columns] for side in sides)
        known = pd.concat([train, valid], ignore_index=True)
        collab.set_seed(42, reproducible=True)
        data = collab.TabularCollab(
            known,
            [collab.Categorify],
            ["user", "item"],
            y_names=["rating"],
            y_block=collab.TransformBlock(),
            splits=(list(range(len(train))), list(range(len(train), len(known)))),
        )
        learner = collab.collab_learner(data.dataloaders(bs=64), y_range=(0, 5.5), **options)
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(5, 5e-3, wd=0.1)
            predicted, _ = learner.get_preds(dl=learner.dls.test_dl(test))
        error = np.clip(predicted.flatten().numpy(), 1, 5) - test["rating"].to_numpy()
        answers[name] = {
            "seconds": time.perf_counter() - begun,
            "rmse": float(np.sqrt(np.mean(error**2))),
        }
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
