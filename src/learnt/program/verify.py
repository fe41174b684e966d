"""What a program file would do, said before anyone runs it; nothing inside it is run for that."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from learnt.program.known import code_of, differing, version_of
from learnt.runner.archive import KINDS
from learnt.runner.graph_check import elements, fields
from learnt.runner.program import Program
from learnt.runner.text import shown

FLOAT = 4  # bytes of a number in memory, however it is stored


@dataclass(frozen=True)
class Report:
    """What is known of a program file that could be loaded: so it is whole, and safe as data."""

    members: int
    size: int  # bytes
    task: str
    told: str  # the version that its manifest says it is from
    needs: list[str]
    operators: dict[str, int]  # how many of each
    weights: int  # bytes of the model
    numbers: int  # that it has learnt, or computes with
    code: list[str]  # members that ./program.pyz would run
    version: str | None  # of the learnt whose code that is, byte for byte
    differing: list[str]  # code that is not the installed version's, if it is unknown

    @property
    def known(self) -> bool:
        """Is the code one that a known version of learnt writes?"""
        return self.version is not None

    def as_dict(self) -> dict[str, Any]:
        """As `--json` gives it."""
        code = {"members": self.code, "version": self.version, "differing": self.differing}
        return {
            "whole": True,
            "safe as data": True,
            "known code": self.known,
            "members": self.members,
            "bytes": self.size,
            "task": self.task,
            "learnt": self.told,
            "needs": self.needs,
            "graph": {
                "bytes": self.weights,
                "operators": self.operators,
                "numbers": self.numbers,
                "bytes as float32": FLOAT * self.numbers,
            },
            "code": code,
        }

    def lines(self) -> list[str]:
        """In words."""
        number = sum(self.operators.values())
        names = ", ".join(sorted(self.operators))
        whole = "in learnt's layout, each with the sha256 that the manifest says"
        graph = f"{number} operators of the ONNX standard, none that repeats ({names})"
        loaded = f"{self.numbers:,} numbers ({FLOAT * self.numbers:,} bytes when it is loaded)"
        size = f"{self.weights:,} bytes, {loaded}, and nothing in other files"
        writes = "writes only what -o, --overlay, --onnx or --page name; listens only with --serve"
        brought = "--page also brings ONNX Runtime by npm, once, into the cache of learnt"
        return [
            f"whole: {self.members} members in {self.size:,} bytes, {whole}",
            f"what it is: {shown(self.task)}; says it is from learnt {shown(self.told)}",
            f"as data (learnt run, load, info …): safe. Its graph has {graph}, {size}",
            f"needs: {', '.join(self.needs)}",
            f"reads the inputs that it is given; {writes}; {brought}",
            self._of_code(),
        ]

    def _of_code(self) -> str:
        if self.version is not None:
            return (
                f"as a program (./program.pyz): runs {len(self.code)} members of code, which are "
                f"byte for byte those of learnt {self.version}"
            )
        names = ", ".join(self.differing) or "members that are left out"
        return (
            "as a program (./program.pyz): runs code that no known version of learnt wrote; it "
            f"may do anything. Not as in the installed version: {names}. learnt run does not "
            "execute it"
        )


def verify(program: Program, size: int) -> Report:
    """The report on a program that was loaded, which has checked it, from a file of that size."""
    archive = program.archive
    version = version_of(archive.members)
    kind = KINDS[program.spec["kind"]]
    return Report(
        len(archive.members),
        size,
        str(archive.manifest["task"]),
        str(archive.manifest.get("learnt"))[:40],
        ["numpy", "onnxruntime", *kind.needs],
        operators(program.onnx),
        len(program.onnx),
        numbers(program.onnx),
        sorted(code_of(archive.members)),
        version,
        [] if version is not None else differing(archive.members),
    )


def operators(model: bytes) -> dict[str, int]:
    """How many of each operator a checked ONNX model has."""
    kinds = (kind for node in _parts(model, 1) for kind in _messages(node, 4))
    return dict(sorted(Counter(bytes(kind).decode() for kind in kinds).items()))


def numbers(model: bytes) -> int:
    """How many numbers the tensors of a checked ONNX model have."""
    return sum(elements(fields(tensor)) for tensor in _parts(model, 5))


def _parts(model: bytes, wanted: int) -> Iterator[memoryview]:
    """Parts of its graph: 1 is an operator, 5 a tensor."""
    for graph in _messages(memoryview(model), 7):
        yield from _messages(graph, wanted)


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The fields of that number which are messages, or texts."""
    for number, value in fields(message):
        if number == wanted and isinstance(value, memoryview):
            yield value
