"""The peer of `tables.py`: LightGBM's defaults on FOLDER/train.parquet and FOLDER/test.parquet.

The column `answer` is predicted; columns of numbers are numbers, all else are categories. Prints
seconds (imports included) and the metric, as JSON. Needs lightgbm, scikit-learn and polars.
"""

import time

BEGUN = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402


def main() -> None:
    """Train, predict, measure."""
    folder = Path(sys.argv[1])
    train, test = (pl.read_parquet(folder / f"{side}.parquet") for side in ("train", "test"))
    inputs, categories = [], []
    for place, name in enumerate(n for n in train.columns if n != "answer"):
        pair = [side[name].cast(pl.Float64, strict=False) for side in (train, test)]
        if pair[0].null_count() > train[name].null_count():  # not all are numbers
            categories.append(place)
            known = {cell: code for code, cell in enumerate(train[name].unique().sort())}
            pair = [
                pl.Series([known.get(cell) for cell in side[name]], dtype=pl.Float64)
                for side in (train, test)
            ]
        inputs.append([column.to_numpy() for column in pair])
    x, test_x = (np.stack([pair[side] for pair in inputs], 1) for side in (0, 1))
    y, test_y = train["answer"].to_numpy(), test["answer"].to_numpy()
    numbers = train["answer"].dtype.is_numeric()
    make = lightgbm.LGBMRegressor if numbers else lightgbm.LGBMClassifier
    model = make(verbose=-1).fit(x, y, categorical_feature=categories)
    answers = model.predict(test_x)
    if numbers:
        value = float(np.sqrt(np.mean((answers - test_y) ** 2)))
    else:
        value = float(np.mean(answers == test_y))
    print(json.dumps({"seconds": time.perf_counter() - BEGUN, "value": value}))


if __name__ == "__main__":
    main()
