"""The peers of `ratings.py`: LightGBM on statistics of user and item, and a PyTorch model such as
fastai's `collab_learner` makes. Prints one JSON line: seconds and RMSE of each.

Run by an interpreter that has Polars, LightGBM and torch. Its argument is a folder of train.csv,
valid.csv and test.csv. Seconds are of reading, preparing, learning and predicting, not of imports.
"""

import json
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import torch
from torch import nn

SIDES = ("train", "valid", "test")


def main() -> None:
    """Each peer once."""
    folder = Path(sys.argv[1])
    answers = {}
    for name, predict in (("LightGBM", trees), ("PyTorch, as fastai's collab", factors)):
        begun = time.perf_counter()
        frames = {side: pl.read_csv(folder / f"{side}.csv") for side in SIDES}
        predicted = np.clip(predict(frames), 1, 5)
        error = predicted - frames["test"]["rating"].to_numpy()
        answers[name] = {
            "seconds": time.perf_counter() - begun,
            "rmse": float(np.sqrt(np.mean(error**2))),
        }
    print(json.dumps(answers))


def trees(frames: dict[str, pl.DataFrame]) -> np.ndarray:
    """Gradient boosting on the means of user and item (without the row itself), their counts, and
    all that is known of both; as many trees as the valid side likes."""
    train = frames["train"]
    mean = train["rating"].mean()
    tables = {
        key: train.group_by(key).agg(pl.col("rating").sum().alias("sum"), pl.len().alias("n"))
        for key in ("user", "item")
    }
    genres = sorted({g for cell in train["genres"].fill_null("") for g in cell.split("|") if g})
    jobs = sorted(set(train["occupation"]))

    def features(side: str) -> np.ndarray:
        frame, columns = frames[side], []
        for key in ("user", "item"):
            joined = frame.join(tables[key], on=key, how="left", maintain_order="left")
            total = joined["sum"].fill_null(0).to_numpy().astype(float)
            count = joined["n"].fill_null(0).to_numpy().astype(float)
            if side == "train":
                total, count = total - frame["rating"].to_numpy(), count - 1
            columns += [(total + 5 * mean) / (count + 5), count]
        columns += [frame["year"].fill_null(0).to_numpy(), frame["age"].to_numpy()]
        columns += [(frame["gender"] == "M").to_numpy()]
        columns += [np.array([jobs.index(job) for job in frame["occupation"]])]
        columns += [frame["genres"].fill_null("").str.contains(g, literal=True) for g in genres]
        return np.stack([np.asarray(column, float) for column in columns], axis=1)

    model = lightgbm.LGBMRegressor(n_estimators=2000, learning_rate=0.05, verbose=-1)
    model.fit(
        features("train"),
        train["rating"].to_numpy(),
        eval_X=(features("valid"),),
        eval_y=(frames["valid"]["rating"].to_numpy(),),
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    return model.predict(features("test"))


class Factors(nn.Module):
    """fastai's EmbeddingDotBias: 50 factors, the sigmoid's range 0 to 5.5."""

    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(n, 51) for n in (users, items)])
        for table in self.tables:
            nn.init.trunc_normal_(table.weight, std=0.01)

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        p, q = self.tables[0](user), self.tables[1](item)
        score = (p[:, :50] * q[:, :50]).sum(1) + p[:, 50] + q[:, 50]
        return score.sigmoid() * 5.5


def factors(frames: dict[str, pl.DataFrame]) -> np.ndarray:
    """Five epochs of one cycle, batches of 64, weight decay 0.1: the fast.ai book's choice."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # batches are so small that two threads wait for each other
    sides = {
        side: [torch.tensor(frames[side][name].to_numpy().copy()) for name in ("user", "item")]
        for side in SIDES
    }
    ratings = torch.tensor(frames["train"]["rating"].to_numpy().copy(), dtype=torch.float32)
    model = Factors(*(max(int(sides[s][at].max()) for s in SIDES) + 1 for at in (0, 1)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.1)
    steps = len(ratings) // 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 5e-3, total_steps=5 * steps, pct_start=0.25
    )
    for _ in range(5):
        order = torch.randperm(len(ratings))
        for step in range(steps):
            some = order[step * 64 : (step + 1) * 64]
            user, item = (column[some] for column in sides["train"])
            loss = nn.functional.mse_loss(model(user, item), ratings[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return model(*sides["test"]).numpy()


if __name__ == "__main__":
    main()
