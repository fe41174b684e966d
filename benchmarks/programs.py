"""A program file: from nothing to its first answer, and each answer after that."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

import learnt as library
from benchmarks.timing import Peers, Row, command, in_turns


def rows(folder: Path, peers: Peers) -> list[Row]:
    """The digits program, and a photo program on a body; the peer is ONNX Runtime alone."""
    del peers
    digits = library.get_data("digits")
    found = []
    for name, options in (("digits", {}), ("photos", {"model": "efficientnet-lite0"})):
        source = digits if name == "digits" else _some(digits, folder / "some")
        learner = library.Learner(library.Images(source), **options).fit(epochs=1)
        path = learner.program().save(folder / f"{name}.pyz")
        found += _rows(name, path, _sample(name, digits))
    return found


def _rows(name: str, path: Path, sample: str) -> list[Row]:
    program = library.load(path)
    session = onnxruntime.InferenceSession(program.onnx, providers=["CPUExecutionProvider"])
    picture = program.decode(sample)
    direct = {"images": picture[None]}
    size = path.stat().st_size / 1e6
    (cold,) = in_turns(command(sys.executable, path, sample), rounds=9)
    whole, graph, alone, decode = in_turns(
        lambda: program(sample),
        lambda: program.probabilities([picture]),
        lambda: np.asarray(session.run(None, direct)[0]),
        lambda: program.decode(sample),
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
