"""A trained program: inputs → results, by ONNX Runtime, from a file that is only read as data.

What is the same for every kind of program is here; each kind is a subclass with its own file,
which reads raw inputs into what the graph takes, and says how its command line looks.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from learnt.errors import DataError, ProgramError
from learnt.runner.archive import KINDS, Archive, read_archive, unsafe
from learnt.runner.files import write_atomically
from learnt.runner.results import Answer, fits, output_of
from learnt.runner.session import Session
from learnt.runner.text import harmless, shown

Array = npt.NDArray[Any]
Feeds = dict[str, Array]  # a batch, by the names of the graph's inputs

BATCH = 16  # inputs that are run together
MAX_INPUT = 32 * 2**20  # bytes of standard input that are read
TOLERANCE = 1e-3  # of a probability, between this machine and the one that trained


class Program:
    """A program that was learnt. Call it with one input; `batch` takes many.

    >>> program = learnt.load("digits.pyz")
    >>> program("seven.png").label
    '7'
    """

    about: ClassVar[str] = ""  # what it does, as `--help` says it
    example: ClassVar[str] = ""  # of its command line

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.manifest = archive.manifest
        self.spec: dict[str, Any] = archive.manifest["input"]
        self.result = output_of(self.manifest)
        self.labels: list[str] = self.result.labels

    # What a kind of program says

    def read(self, source: Any) -> Any:
        """One raw input as an item, checked; DataError where it is not a usable one."""
        raise NotImplementedError

    def feeds(self, items: Sequence[Any]) -> Iterator[Feeds]:
        """Items in order, as batches that the graph takes; a batch may be shorter than BATCH."""
        raise NotImplementedError

    def stored(self, item: Any) -> tuple[str, bytes]:
        """An item as a file that travels: its ending, and bytes that `read` takes."""
        raise NotImplementedError

    def away(self, row: Array, wanted: Array) -> float:
        """How far an answer is from the one wanted, as a share of the larger of it and 1."""
        return float((np.abs(row - wanted) / np.maximum(1, np.abs(wanted))).max())

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add what the command line of this kind takes."""
        parser.add_argument("inputs", nargs="*", metavar="FILE", help="- is standard input")

    def wanted(self, arguments: argparse.Namespace) -> bool:
        """Does the command line ask for an answer at all?"""
        return bool(arguments.inputs)

    def answer(self, arguments: argparse.Namespace) -> int:
        """Print one line an input; returns the exit code."""
        return self.answer_each(sources(arguments.inputs), arguments)

    # What is the same for all

    def __call__(self, source: Any) -> Any:
        """The result for one input; DataError where it is not a usable one."""
        item = self.read(source)
        return self.finished(item, self.outputs([item])[0])

    def batch(self, sources: Iterable[Any]) -> Iterator[Any]:
        """The results for many inputs, in order, as they come; memory stays flat."""
        waiting: list[Any] = []
        for source in sources:
            waiting.append(self.read(source))
            if len(waiting) == BATCH:
                yield from map(self.finished, waiting, self.outputs(waiting))
                waiting = []
        yield from map(self.finished, waiting, self.outputs(waiting))

    def outputs(self, items: Sequence[Any]) -> list[Array]:
        """The graph's result for each item."""
        return [row for feeds in self.feeds(items) for row in self.run(feeds)]

    def finished(self, item: Any, row: Array) -> Any:
        """The result of one item from its row; a kind may add a note."""
        return self.result(row)

    def answer_each(
        self,
        inputs: Iterable[tuple[str, Any]],
        arguments: argparse.Namespace,
        keep: Callable[[int, Any, Any], None] = lambda number, source, result: None,
    ) -> int:
        """Print one line an input (its name, the input itself); exit code 2 if one is unusable,
        which is named on stderr. `keep` may write a result, before it is printed."""
        code = 0
        for number, (name, source) in enumerate(inputs):
            try:
                result: Answer = self(source)
                keep(number, source, result)
            except DataError as error:
                code = error.exit_code
                if arguments.json:
                    print(json.dumps({"input": name, "error": str(error)}), flush=True)
                print(f"error: {harmless(str(error))}", file=sys.stderr)
                continue
            if arguments.json:
                print(json.dumps({"input": name, **result.as_dict()}), flush=True)
            else:
                print(f"{shown(name)}: {result.line()}", flush=True)
                if result.note:
                    print(f"note: {harmless(result.note)}", file=sys.stderr)
        return code

    def run(self, feeds: Feeds) -> Array:
        """The graph's result for one batch: (N, …)."""
        rows = self.session.run(feeds)
        if not fits(rows, len(next(iter(feeds.values()))), self.result.shape):
            raise ProgramError("the program's graph does not give what its manifest says")
        return rows

    def selftest(self) -> list[str]:
        """Run the inputs that travel in the file; what differs from training, one line each."""
        try:
            expected = json.loads(self.archive.members["selftest/expected.json"])
            if len(expected) != self.selftests or not expected:
                raise ValueError("not one answer an input")
            differing = []
            for name, wanted in expected.items():
                item = self.read(self.archive.members[f"selftest/{name}"])
                row = self.outputs([item])[0].ravel()
                values = wanted  # files of older versions have a number a label
                if isinstance(wanted, dict):
                    values = [wanted[label] for label in self.labels]
                if np.shape(values) != row.shape:
                    raise ValueError("not as many numbers as the graph gives")
                away = self.away(row, np.array(values, np.float32))
                if not away <= TOLERANCE:
                    differing.append(f"{name}: a result differs by {away:.4f}")
            return differing
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError, DataError):
            raise ProgramError("the program's selftest is not whole") from None

    @property
    def selftests(self) -> int:
        """How many inputs travel in the file."""
        return sum(name.startswith("selftest/input_") for name in self.archive.members)

    @property
    def card(self) -> str:
        """What it is, what it was trained on and how good it was, as Markdown."""
        return harmless(self.archive.members["card.md"].decode("utf-8", "replace"))

    @property
    def onnx(self) -> bytes:
        """The model as a plain ONNX file."""
        return self.archive.members["model.onnx"]

    def asset(self, name: str) -> bytes:
        """A file that this kind of program needs besides its graph, such as tokenizer.json."""
        try:
            return self.archive.members[f"assets/{name}"]
        except KeyError:
            raise ProgramError(f"the program has no assets/{name}") from None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the program file, executable; an old one is replaced at once or not at all."""
        return write_atomically(path, self.archive.data, executable=True)

    def __repr__(self) -> str:
        labels = f", {len(self.labels)} labels" if self.labels else ""
        return f"Program({self.manifest['task']}{labels})"

    @cached_property
    def session(self) -> Session:
        """What runs the graph, made when it is first asked for."""
        return Session(self.onnx)


def sources(names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Files as they were named; - is what comes by standard input."""
    for name in names:
        if not name:
            raise DataError("an input must be the name of a file; got an empty one")
        yield name, sys.stdin.buffer.read(MAX_INPUT + 1) if name == "-" else name


def load(path: str | os.PathLike[str]) -> Program:
    """Read a program file, to run it as data: nothing inside it is executed.

    Raises ProgramError where the file is missing, damaged or unsafe.
    """
    return program_of(read_archive(path))


def program_of(archive: Archive, session: Session | None = None) -> Program:
    """The program in a checked archive: of the class for its kind of input.

    `session` may be there already, of the same archive.
    """
    module, name = KINDS[archive.manifest["input"]["kind"]].home.split(":")
    kind: type[Program] = getattr(import_module(module), name)
    try:
        program = kind(archive)
    except ProgramError as error:  # its spec is not what that kind must have
        raise unsafe(archive.label, error) from None
    if session is not None:
        program.session = session
    return program
