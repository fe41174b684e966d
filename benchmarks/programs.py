"""A program file: from nothing to its first answer, and each answer after that."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

import learnt as library
from benchmarks.timing import Peers, Row, command, in_turns, peak

KINDS = {  # the data set, its kind, a model that is soon trained
    "table": ("adult", "Table", None),
    "ratings": ("movielens-100k", "Ratings", None),
    "series": ("gunpoint", "Series", None),
    "texts": ("movie-snippets", "Texts", "words"),
    "sounds": ("spoken-names", "Sounds", None),
    "masks": ("scenes", "Masks", None),
    "language": ("austen", "Corpus", "gpt-small"),
}


def rows(folder: Path, peers: Peers) -> list[Row]:
    """The digits program, and a photo program on a body; the peer is ONNX Runtime alone."""
    del peers
    digits = library.get_data("digits")
    found = []
    for name, options in (("digits", {}), ("photos", {"model": "efficientnet-lite0"})):
        source = digits if name == "digits" else _some(digits, folder / "some")
        learner = library.Learner(library.Images(source), **options).fit(epochs=1)
        path = learner.program().save(folder / f"{name}.pyz")
        found += [*_rows(name, path, _sample(name, digits)), _whole(name, path)]
    for name, (source, kind, model) in KINDS.items():
        data = getattr(library, kind)(library.get_data(source, allow_sdist=True))
        learner = library.Learner(data, model=model).fit(epochs=1)
        found.append(_whole(name, learner.program().save(folder / f"{name}.pyz")))
    return found


def _whole(name: str, path: Path) -> Row:
    """Its three own inputs, from nothing to the last answer: time and peak memory."""
    (cold,) = in_turns(command(sys.executable, path, "--selftest"), rounds=9)
    memory = peak(sys.executable, path, "--selftest")
    what = f"{name} program ({path.stat().st_size / 1e6:.1f} MB), cold start and selftest"
    return Row(what, f"{cold.text()}, {memory:.0f} MB at most", "", "", "", None)


def _rows(name: str, path: Path, sample: str) -> list[Row]:
    program = library.load(path)
    session = onnxruntime.InferenceSession(program.onnx, providers=["CPUExecutionProvider"])
    picture = program.read(sample)
    direct = {"images": picture[None]}
    size = path.stat().st_size / 1e6
    (cold,) = in_turns(command(sys.executable, path, sample), rounds=9)
    whole, graph, alone, decode = in_turns(
        lambda: program(sample),
        lambda: program.outputs([picture]),
        lambda: np.asarray(session.run(None, direct)[0]),
        lambda: program.read(sample),
        rounds=200,
        warm=20,
    )
    ratio = graph.median / alone.median
    return [
        Row(f"{name} program ({size:.1f} MB), cold start to the first answer", cold.text(), "", "",
            "≤ 0.35 s", cold.median <= 0.35),
        Row(f"{name} program, latency of the graph", graph.text("ms"),
            f"ONNX Runtime {alone.text('ms')}", f"{ratio:.2f}", "≤ 1.1", ratio <= 1.1),
        Row(f"{name} program, a file on disk to its Result", whole.text("ms"),
            f"of it decoding {decode.text('ms')}", "", "", None),
    ]  # fmt: skip


def _some(digits: Path, folder: Path) -> Path:
    """A few pictures of three classes, larger than the body takes."""
    from PIL import Image

    for label in "012":
        (folder / label).mkdir(parents=True)
        for file in sorted((digits / label).iterdir())[:20]:
            Image.open(file).convert("RGB").resize((320, 300)).save(folder / label / file.name)
    return folder


def _sample(name: str, digits: Path) -> str:
    if name == "digits":
        return str(min((digits / "7").iterdir()))
    import skimage

    return str(Path(skimage.__file__).parent / "data" / "chelsea.png")
