"""Writing a program file: a zip that Python runs, with the runner, the graph and its card.

What is written is first compared with the answers it must give: a program that would answer
otherwise is never written.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy.typing as npt

from learnt.errors import MismatchError
from learnt.runner.archive import FORMAT, parse_archive
from learnt.runner.program import Program, program_of
from learnt.runner.zipped import zipped
from learnt.version import __version__

MAIN = """import sys

if sys.version_info < (3, 11):
    sys.exit("error: this program needs Python 3.11 or newer")

from learnt.runner.main import main

sys.exit(main())
"""
PACKAGE = '"""What a program needs of learnt."""\n'
TOLERANCE = 1e-4  # between the answer wanted and the program's, in shares of the larger of it and 1
SELFTESTS = 3  # inputs that travel in the file


@dataclass(frozen=True)
class Check:
    """Inputs, as the program reads them, with the rows that its graph must give for them."""

    names: Sequence[str]
    items: Sequence[Any]
    wanted: Sequence[npt.NDArray[Any]]


def pack(
    graph: bytes,
    facts: dict[str, Any],
    card: str,
    check: Check,
    assets: Mapping[str, bytes] | None = None,
) -> Program:
    """A program of an ONNX graph; `facts` go into its manifest (task, labels, input, …).

    Raises MismatchError where the program does not answer as `check` wants, alone or in batches.
    """
    members = {
        **code(),
        **{f"assets/{name}": data for name, data in (assets or {}).items()},
        "model.onnx": graph,
        "card.md": card.encode("utf-8", "replace"),
    }
    facts = {"format": FORMAT, "learnt": __version__, **facts}
    draft = _program(members, facts)
    _compare(draft, check)
    members.update(_selftests(draft, check))
    return _program(members, facts)


def code() -> dict[str, bytes]:
    """The members of a program that are run by `./program.pyz`: the same in all of a version."""
    return {
        "__main__.py": MAIN.encode(),
        "learnt/__init__.py": PACKAGE.encode(),
        "learnt/errors.py": _source("learnt", "errors.py"),
        **_runner(),
    }


def _program(members: dict[str, bytes], facts: dict[str, Any]) -> Program:
    return program_of(parse_archive(_zipped(members, facts), "the program"))


def _compare(program: Program, check: Check) -> None:
    for name, item, wanted in zip(check.names, check.items, check.wanted, strict=True):
        for batch in (1, 3):
            for row in program.outputs([item] * batch):
                away = program.away(row, wanted)
                if not away <= TOLERANCE:
                    raise MismatchError(
                        f"the program must answer as its Learner does, within {TOLERANCE}; for "
                        f"{name} at batch {batch} a result differs by {away:.2g}. "
                        "Nothing was written"
                    )


def _selftests(program: Program, check: Check) -> dict[str, bytes]:
    """A few of the inputs, with the program's answers."""
    members, expected = {}, {}
    some = check.items[:: max(1, len(check.items) // SELFTESTS)][:SELFTESTS]
    for number, item in enumerate(some):
        ending, data = program.stored(item)
        name = f"input_{number}.{ending}"
        members[f"selftest/{name}"] = data
        row = program.outputs([program.read(data)])[0]
        expected[name] = [round(float(value), 7) for value in row.ravel()]
    members["selftest/expected.json"] = json.dumps(expected).encode()
    return members


def _zipped(members: dict[str, bytes], facts: dict[str, Any]) -> bytes:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(members.items())}
    manifest = json.dumps({**facts, "sha256": hashes}, separators=(",", ":")).encode()
    return zipped({"manifest.json": manifest, **members})


def _runner() -> dict[str, bytes]:
    """The runner's own files, as they are installed: what was tested is what travels."""
    runner = resources.files("learnt.runner")
    names = [entry.name for entry in runner.iterdir() if entry.name.endswith(".py")]
    names += [f"web/{entry.name}" for entry in runner.joinpath("web").iterdir()]
    return {f"learnt/runner/{name}": _source("learnt.runner", name) for name in sorted(names)}


def _source(package: str, name: str) -> bytes:
    return resources.files(package).joinpath(name).read_bytes()
