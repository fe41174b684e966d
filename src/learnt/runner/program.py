"""A trained program: inputs → results, by ONNX Runtime, from a file that is only read as data."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from learnt.errors import ProgramError
from learnt.runner.archive import Archive, read_archive
from learnt.runner.files import write_atomically
from learnt.runner.graph_check import check_graph
from learnt.runner.images import Picture, Source, decode, quiet

BATCH = 16  # pictures of one size that are run together
TOLERANCE = 1e-3  # of a probability, between this machine and the one that trained


@dataclass(frozen=True)
class Result:
    """What a program says of one input: the likeliest label, and how sure it is of each."""

    label: str
    probability: float
    probabilities: dict[str, float]

    def __repr__(self) -> str:
        return f"Result(label={self.label!r}, probability={self.probability:.3f})"


class Program:
    """A program that was learnt. Call it with a picture, or with a list of them.

    A picture is a path, the bytes of a file, a Pillow image, or a uint8 array (H, W, C).

    >>> program = learnt.load("digits.pyz")
    >>> program("seven.png").label
    '7'
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.manifest = archive.manifest
        self.labels: list[str] = archive.manifest["labels"]
        self.channels: int = archive.manifest["input"]["channels"]
        self.size: int = archive.manifest["input"]["size"]

    def __call__(self, source: Source) -> Result:
        """The result for one picture; ImageError where it is not a usable one."""
        return self.result(self.probabilities([self.decode(source)])[0])

    def batch(self, sources: Iterable[Source]) -> Iterator[Result]:
        """The results for many pictures, in order, as they come; memory stays flat."""
        waiting: list[Picture] = []
        for source in sources:
            waiting.append(self.decode(source))
            if len(waiting) == BATCH:
                yield from map(self.result, self.probabilities(waiting))
                waiting = []
        yield from map(self.result, self.probabilities(waiting))

    def decode(self, source: Source) -> Picture:
        """A picture as the graph takes it: (H, W, channels) bytes."""
        with quiet():
            return decode(source, self.channels, self.size)

    def probabilities(self, pictures: list[Picture]) -> npt.NDArray[np.float32]:
        """(N, number of labels) for decoded pictures (H, W, channels); neighbours of one size
        are run together."""
        if len(pictures) == 1:
            return self._run(pictures[0][None])
        answers = [np.empty((0, len(self.labels)), np.float32)]
        at = 0
        while at < len(pictures):
            end = at + 1
            while end < len(pictures) and pictures[end].shape == pictures[at].shape:
                end += 1
            answers.append(self._run(np.stack(pictures[at:end])))
            at = end
        return np.concatenate(answers)

    def result(self, probabilities: npt.NDArray[np.float32]) -> Result:
        """One row of probabilities as a Result."""
        best = int(probabilities.argmax())
        values = map(float, probabilities)
        by_label = dict(zip(self.labels, values, strict=True))
        return Result(self.labels[best], float(probabilities[best]), by_label)

    def selftest(self) -> list[str]:
        """Run the inputs that travel in the file; what differs from training, one line each."""
        try:
            expected: dict[str, dict[str, float]] = json.loads(
                self.archive.members["selftest/expected.json"]
            )
            if len(expected) != self.selftests or not expected:
                raise ValueError("not one answer an input")
            differing = []
            for name, wanted in expected.items():
                got = self(self.archive.members[f"selftest/{name}"]).probabilities
                away = np.abs([got[label] - wanted[label] for label in self.labels]).max()
                if not away <= TOLERANCE:
                    differing.append(f"{name}: a probability differs by {away:.4f}")
            return differing
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
            raise ProgramError("the program's selftest is not whole") from None

    @property
    def selftests(self) -> int:
        """How many inputs travel in the file."""
        return sum(name.endswith(".png") for name in self.archive.members)

    @property
    def card(self) -> str:
        """What it is, what it was trained on and how good it was, as Markdown."""
        return self.archive.members["card.md"].decode("utf-8", "replace")

    @property
    def onnx(self) -> bytes:
        """The model as a plain ONNX file."""
        return self.archive.members["model.onnx"]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the program file, executable; an old one is replaced at once or not at all."""
        return write_atomically(path, self.archive.data, executable=True)

    def __repr__(self) -> str:
        return f"Program({self.manifest['task']}, {len(self.labels)} labels)"

    @cached_property
    def _session(self) -> tuple[Any, str, list[str]]:
        """What runs the graph, once it was checked; the names of its one input and result."""
        check_graph(self.onnx)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                self.onnx, options, providers=["CPUExecutionProvider"]
            )
            (entry,), (result,) = session.get_inputs(), session.get_outputs()
            return session, entry.name, [result.name]
        except Exception as error:  # ONNX Runtime has no common error class
            raise ProgramError(f"the program's graph cannot be loaded: {error}") from None

    def _run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        session, entry, result = self._session
        try:
            answers: npt.NDArray[np.float32] = session.run(result, {entry: pictures})[0]
        except Exception as error:
            raise ProgramError(f"the program's graph cannot be run: {error}") from None
        shape = len(pictures), len(self.labels)
        if getattr(answers, "shape", None) != shape or answers.dtype != np.float32:
            raise ProgramError("the program's graph does not give one number a label")
        return answers


def load(path: str | os.PathLike[str]) -> Program:
    """Read a program file, to run it as data: nothing inside it is executed.

    Raises ProgramError where the file is missing, damaged or unsafe.
    """
    return Program(read_archive(path))
