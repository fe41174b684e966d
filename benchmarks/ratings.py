"""Ratings to a program: MovieLens 100k, three seeds.

The peers (`ratings_peers.py`, `ratings_fastai.py`), where interpreters that have them are given,
learn from the very same train side and are measured on the very same test side.
"""

import json
from pathlib import Path
from statistics import median

import learnt as library
from benchmarks.timing import Peers, Row, Times, command, learnt

SEEDS = (0, 1, 2)
TARGET = 0.92


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Whole commands, imports and reading included."""
    source = library.get_data("movielens-100k")
    reports = []
    for seed in SEEDS:
        out = folder / "films.pyz"
        done = learnt("train", source, "-o", out, "--seed", str(seed), "--json")()
        reports.append(json.loads(done))
    times = Times([report["seconds"]["total"] for report in reports])
    value = median(report["value"] for report in reports)
    ndcg = [median(r["others"][n] for r in reports) for n in ("NDCG@10", RATED)]
    text = f"{times.text()}; RMSE {value:.3f}"
    target, reached = f"RMSE ≤ {TARGET}, ≤ 15 s", value <= TARGET and times.median <= 15
    made = [
        Row(
            "movielens-100k, 70/15/15, three seeds: the ten best items",
            f"NDCG@10 {ndcg[0]:.3f}",
            f"the most rated {ndcg[1]:.3f}",
            f"{ndcg[0] / ndcg[1]:.2f}",
            "",
            None,
        )
    ]
    scripts = {"ratings_peers.py": peers.lightgbm, "ratings_fastai.py": peers.fastai}
    given = {script: python for script, python in scripts.items() if python}
    if not given:
        return [Row(WORKLOAD, text, "", "", target, reached), *made]
    for peer, theirs in _peers(folder, source, given).items():
        seconds, rmse = Times([t["seconds"] for t in theirs]), median(t["rmse"] for t in theirs)
        said = f"{peer} {seconds.text()}; RMSE {rmse:.3f}"
        ratio = f"{value / rmse:.3f} of the error"
        made.insert(-1, Row(WORKLOAD, text, said, ratio, target, reached))
    return made


WORKLOAD = "movielens-100k, 70/15/15, three seeds"
RATED = "NDCG@10 of the most rated"


def _peers(
    folder: Path, source: Path, scripts: dict[str, str]
) -> dict[str, list[dict[str, float]]]:
    """The peers' seconds and errors, a seed after the other, each script by its interpreter."""
    import polars as pl

    frame = pl.read_csv(next(source.glob("*.csv")))
    found: dict[str, list[dict[str, float]]] = {}
    for seed in SEEDS:
        split = library.Ratings(source, seed=seed).split  # no rating of this set is left out
        for side in ("train", "valid", "test"):
            frame[split[side]].write_csv(folder / f"{side}.csv")
        for name, python in scripts.items():
            script = Path(__file__).with_name(name)
            for peer, answer in json.loads(command(python, script, folder)()).items():
                found.setdefault(peer, []).append(answer)
    return found
