"""fastai's `tabular_learner` on FOLDER's train, valid and test.parquet; prints one JSON line.

As its tabular tutorial has it: Categorify, FillMissing and Normalize, layers of 200 and 100,
batches of 64, one cycle up to its default rate; the range of a number as its book has it. Its
tutorial has one epoch, of which EPOCHS do better here. The column `answer` is predicted.
"""

import json
import sys
from pathlib import Path

from fastai_start import since_start

# isort: split
import numpy as np
import pandas as pd
from fastai.tabular import all as tabular

EPOCHS, RATE = 10, 1e-3


def main() -> None:
    """Train, predict, measure."""
    folder = Path(sys.argv[1])
    train, valid, test = (
        pd.read_parquet(folder / f"{side}.parquet") for side in ("train", "valid", "test")
    )
    known = pd.concat([train, valid], ignore_index=True)
    names = [name for name in known.columns if name != "answer"]
    cells = known[names].apply(pd.to_numeric, errors="coerce")
    numbers = [n for n in names if cells[n].isna().sum() == known[n].isna().sum()]
    for frame in (known, test):
        for name in numbers:
            frame[name] = pd.to_numeric(frame[name]).astype("float32")
    is_number = pd.api.types.is_numeric_dtype(known["answer"])
    tabular.set_seed(42, reproducible=True)
    loaders = tabular.TabularDataLoaders.from_df(
        known,
        procs=[tabular.Categorify, tabular.FillMissing, tabular.Normalize],
        cat_names=[name for name in names if name not in numbers],
        cont_names=numbers,
        y_names="answer",
        y_block=tabular.RegressionBlock() if is_number else tabular.CategoryBlock(),
        valid_idx=list(range(len(train), len(known))),
        bs=64,
    )
    y_range = (train["answer"].min(), train["answer"].max() * 1.05) if is_number else None
    learner = tabular.tabular_learner(loaders, y_range=y_range)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(EPOCHS, RATE)
        values = [_value(learner, frame) for frame in (known[len(train) :], test)]
    print(json.dumps({"seconds": since_start(), "valid": values[0], "value": values[1]}))


def _value(learner: "tabular.TabularLearner", frame: pd.DataFrame) -> float:
    """The share of right answers, or the root of the mean squared error."""
    rows = learner.dls.test_dl(frame.drop(columns="answer"))
    answers, _ = learner.get_preds(dl=rows)
    truth = frame["answer"].to_numpy()
    if answers.shape[1] == 1:
        return float(np.sqrt(np.mean((answers[:, 0].numpy() - truth) ** 2)))
    return float(np.mean(np.array(learner.dls.vocab)[answers.argmax(1).numpy()] == truth))


if __name__ == "__main__":
    main()
