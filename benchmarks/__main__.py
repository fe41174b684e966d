"""`python -m benchmarks [WORKLOAD…] [--fastai PYTHON] [--lightgbm PYTHON]
[--fastapi PYTHON]`: print one table.

PYTHON is the interpreter of an environment that has fastai, timm, pyarrow, spacy and the body's
package (see the files `…_fastai.py`), or LightGBM, scikit-learn and Polars (`tables.py`), and torch
too (`ratings.py`), or FastAPI (`serving_fastapi.py`). Runs in a home of its own,
so nothing is cached from before. A workload that cannot run is a row that says why.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import (
    digits,
    engine,
    language,
    masks,
    photos,
    programs,
    ratings,
    series,
    serving,
    small_network,
    sounds,
    startup,
    tables,
    texts,
)
from benchmarks.timing import HEAD, SLOWING, Peers, Row, line
from learnt.errors import LearntError

WORKLOADS = {
    "startup": startup.rows,
    "small_network": small_network.rows,
    "engine": engine.rows,
    "digits": digits.rows,
    "programs": programs.rows,
    "serving": serving.rows,
    "photos": photos.rows,
    "masks": masks.rows,
    "tables": tables.rows,
    "texts": texts.rows,
    "sounds": sounds.rows,
    "series": series.rows,
    "ratings": ratings.rows,
    "language": language.rows,
}


def main() -> None:
    """Run what was asked for, in order, and print the table as it grows."""
    if any(name in os.environ for name in SLOWING):  # they are read when NumPy is loaded
        clean = {k: v for k, v in os.environ.items() if k not in SLOWING}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], clean)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--fastai", metavar="PYTHON", help="an interpreter that has fastai")
    parser.add_argument("--lightgbm", metavar="PYTHON", help="an interpreter that has LightGBM")
    parser.add_argument("--fastapi", metavar="PYTHON", help="an interpreter that has FastAPI")
    arguments = parser.parse_args()
    peers = Peers(arguments.fastai, arguments.lightgbm, arguments.fastapi)
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="learnt-bench-") as folder:
        os.environ["LEARNT_HOME"] = str(Path(folder) / "home")
        for name in arguments.workloads:
            print(f"{name}…", file=sys.stderr)
            for row in made(name, Path(folder), peers):
                print(line(row), flush=True)


def made(name: str, folder: Path, peers: Peers) -> Iterable[Row]:
    """A workload's rows, or the one that says why there are none."""
    try:
        return WORKLOADS[name](folder, peers)
    except (ImportError, LearntError, RuntimeError) as error:
        why = " ".join(str(error).split()).replace("|", "/")
        return [Row(name, f"not run: {why[-300:]}", "", "", "", None)]


if __name__ == "__main__":
    main()
