"""Texts: from the shell's prompt to a program, three seeds; scikit-learn on the very same texts.

The peer: TF-IDF of word 1- and 2-grams and logistic regression, with their defaults. For
movie-snippets also fastai's AWD-LSTM from scratch (`texts_fastai.py`), where an interpreter that
has it is given, for one seed: it takes minutes, and for e-mails hours.
"""

import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

import learnt as library
from benchmarks.timing import Peers, Row, Times, command, in_turns, learnt
from learnt.models.text_bodies import text_body
from learnt.storage import cache_folder

SEEDS = range(3)
SETS = (  # name, options, model, the accuracy to reach, seconds
    ("movie-snippets", {"group": "group"}, "words", 0.775, 10),
    ("movie-snippets", {"group": "group"}, "minilm", 0.805, 45),
    ("spam", {}, "words", None, None),
)  # fmt: skip
PEER = """
import time; begun = time.perf_counter()
import json, sys
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
sides = json.load(open(sys.argv[1]))
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
model.fit(*sides["train"])
value = model.score(*sides["test"])
print(json.dumps({"seconds": time.perf_counter() - begun, "value": value}))
"""


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Each set of texts; the whole command, imports included. The body is brought before."""
    text_body("minilm").get()
    made = [row for facts in SETS for row in _rows(folder, *facts)]
    return made + ([_fastai(folder, peers.fastai)] if peers.fastai else [])


def _rows(
    folder: Path,
    name: str,
    options: dict[str, str],
    model: str,
    least: float | None,
    most: float | None,
) -> list[Row]:
    source = library.get_data(name, allow_sdist=True)
    program = folder / f"{name}-{model}.pyz"
    given = [word for key, value in options.items() for word in (f"--{key}", value)]
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, float]] = []
    times: list[float] = []
    for seed in SEEDS:
        shutil.rmtree(cache_folder("features"))  # the body's, of the seed before
        run = learnt("train", source, *given, "-o", program, "--seed", str(seed),
                     "--model", model, "--json")  # fmt: skip
        (taken,) = in_turns(lambda run=run: ours.append(json.loads(run())), rounds=1, warm=0)
        times += taken.seconds
        theirs.append(_scikit_learn(folder / "texts.json", source, options, seed))
    values, scores = [r["value"] for r in ours], [answer["value"] for answer in theirs]
    value, score, seconds = statistics.median(values), statistics.median(scores), Times(times)
    their_seconds = Times([answer["seconds"] for answer in theirs])
    start = command(sys.executable, program, "I really liked that movie!")
    (cold,) = in_turns(start, rounds=7)
    whole = Row(
        f"{name}, {sum(ours[0]['examples'].values()):,} texts, {model}, three seeds",
        f"{seconds.text()}; accuracy {value:.1%} ({min(values):.1%} to {max(values):.1%})",
        f"TF-IDF and logistic regression {their_seconds.text()}; accuracy {score:.1%}",
        f"{(value - score) * 100:+.1f} points",
        f"≥ {least:.1%} in ≤ {most} s" if least and most else "",
        value >= least and seconds.median <= most if least and most else None,
    )
    size = program.stat().st_size / 1e6
    begun = f"{name} by {model}: program ({size:.1f} MB), cold start to the first answer"
    return [whole, Row(begun, cold.text(), "", "", "≤ 0.35 s", cold.median <= 0.35)]


def _scikit_learn(file: Path, source: Path, options: dict[str, str], seed: int) -> dict[str, float]:
    """The peer on the same training and test texts."""
    _write(file, source, options, seed)
    answer: dict[str, float] = json.loads(command(sys.executable, "-c", PEER, file)())
    return answer


def _fastai(folder: Path, python: str) -> Row:
    """fastai on the texts of the first row, whose figures it is to be read beside."""
    name, options, model, _, _ = SETS[0]
    source, file = library.get_data(name, allow_sdist=True), folder / "texts.json"
    _write(file, source, options, SEEDS[0])
    found = json.loads(command(python, Path(__file__).with_name("texts_fastai.py"), file)())
    seconds = Times([found["seconds"]]).text()
    peer = f"fastai's AWD-LSTM from scratch {seconds}; accuracy {found['value']:.1%}"
    return Row(f"{name}, the very texts of {model}'s first seed", "", peer, "", "", None)


def _write(file: Path, source: Path, options: dict[str, str], seed: int) -> None:
    """The very texts and labels of each side, for the peers."""
    data = library.Texts(source, seed=seed, **options)
    sides = {
        side: [
            [data.texts[n] for n in data.split[side]],
            [data.labels[n] for n in data.split[side]],
        ]
        for side in ("train", "valid", "test")
    }
    file.write_text(json.dumps(sides))
