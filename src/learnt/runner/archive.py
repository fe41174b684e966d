"""Reading a program file as data: a zip of known members, bounded, hashed, never executed.

A file from a stranger is hostile until checked: member names are compared with a list, sizes
and ratios are bounded before anything is unpacked, and every member's sha256 must be the one
in the manifest.
"""

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from learnt.errors import ProgramError
from learnt.runner.graph_check import check_graph
from learnt.runner.text import shown
from learnt.runner.unzip import Entry, unzip
from learnt.runner.zipped import zipped

FORMAT = 1  # of the program file
MEMBERS = re.compile(
    r"__main__\.py|model\.onnx|manifest\.json|card\.md|"
    r"learnt/(__init__|errors)\.py|learnt/runner/[a-z_]{1,40}\.py|"
    r"learnt/runner/web/[a-z_]{1,40}\.(html|css|js)|"
    r"assets/[a-z0-9_]{1,40}\.(json|csv|txt)|"
    r"selftest/(expected\.json|input_[0-9]{1,3}\.(png|json|txt|csv|wav))"
)
MAX_FILE = 2 * 2**30
MAX_MEMBER = {"model.onnx": 2**30, "manifest.json": 16 * 2**20}  # others: 32 MB
MAX_REST = 128 * 2**20  # of all members but the model together
MAX_RATIO = 200  # of a member but the manifest, where a table of zeros may be smaller yet


@dataclass(frozen=True)
class Kind:
    """A kind of program, by what goes in: where its class is, what it does, and what it needs
    installed."""

    home: str  # module:class
    tasks: Mapping[str, str]  # each with the kind of its output
    needs: tuple[str, ...] = ()  # packages besides numpy and onnxruntime, as pip calls them


KINDS = {
    "image": Kind(
        "learnt.runner.pictures:PictureProgram",
        {"image-classification": "classes", "image-labels": "labels", "image-number": "number"},
        ("pillow",),
    ),
    "text": Kind(
        "learnt.runner.texts:TextProgram", {"text-classification": "classes"}, ("tokenizers",)
    ),
    "prompt": Kind(
        "learnt.runner.corpus:CorpusProgram", {"language-model": "next-token"}, ("tokenizers",)
    ),
    "ratings": Kind("learnt.runner.ratings:RatingProgram", {"ratings": "rating"}),
    "sound": Kind("learnt.runner.sounds:SoundProgram", {"sound-classification": "classes"}),
    "series": Kind("learnt.runner.series:SeriesProgram", {"series-classification": "classes"}),
    "photo": Kind("learnt.runner.masks:MaskProgram", {"segmentation": "mask"}, ("pillow",)),
    "table": Kind(
        "learnt.runner.tables:TableProgram",
        {"table-classification": "classes", "table-regression": "number"},
    ),
}
TASKS = tuple(task for kind in KINDS.values() for task in kind.tasks)


@dataclass(frozen=True)
class Archive:
    """The members of a program file, checked."""

    manifest: dict[str, Any]
    members: dict[str, bytes]
    label: str = "the program"  # what messages call it

    @property
    def data(self) -> bytes:
        """The whole file, put together again: nobody who only runs it needs it twice."""
        return zipped(self.members)


def read_archive(path: str | os.PathLike[str]) -> Archive:
    """Read and check a program file; a ProgramError says what is wrong with it."""
    label = shown(path)
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):  # before it is opened: a pipe would wait
            raise ProgramError(f"{label} is not a regular file")
        if facts.st_size > MAX_FILE:
            raise ProgramError(f"{label} is larger than any program ({facts.st_size} bytes)")
        with open(path, "rb") as file:
            return parse_archive(file.read(), label)
    except FileNotFoundError:
        raise ProgramError(f"{label} does not exist") from None
    except ValueError as error:  # a null byte in the name
        raise ProgramError(f"{label} cannot be a file's name: {error}") from None
    except OSError as error:
        raise ProgramError(f"{label} cannot be read: {error.strerror}") from None


def parse_archive(data: bytes, label: str) -> Archive:
    """The same from the bytes of the file; `label` is what messages call it."""
    try:
        members = unzip(data, _check_entries)
        manifest = _manifest(members)
        _check_hashes(members, manifest)
        check_graph(members["model.onnx"])
    except ProgramError as error:
        raise unsafe(label, error) from None
    return Archive(manifest, members, label)


def unsafe(label: str, error: ProgramError) -> ProgramError:
    """What is said of a file that has something wrong with it."""
    return ProgramError(f"{label} is not a safe, whole program file: {error}")


def _check_entries(entries: list[Entry]) -> None:
    for entry in entries:
        if not MEMBERS.fullmatch(entry.name):
            raise ProgramError(f"it has an unexpected member {entry.name[:80]!r}")
        limit = MAX_MEMBER.get(entry.name, 32 * 2**20)
        if entry.name != "manifest.json":
            limit = min(limit, MAX_RATIO * max(entry.packed, 100))
        if entry.size > limit:
            raise ProgramError(f"{entry.name} is too large ({entry.size} bytes)")
    rest = sum(entry.size for entry in entries if entry.name != "model.onnx")
    if rest > MAX_REST:
        raise ProgramError(f"its members are too large together ({rest} bytes)")


def _manifest(members: dict[str, bytes]) -> dict[str, Any]:
    for needed in ("manifest.json", "model.onnx", "card.md"):
        if needed not in members:
            raise ProgramError(f"it has no {needed}")
    try:
        manifest = json.loads(
            members["manifest.json"].decode(), parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError):
        raise ProgramError("its manifest is not JSON") from None
    if not isinstance(manifest, dict):
        raise ProgramError("its manifest is not an object")
    version = manifest.get("format")
    if type(version) is not int or not 1 <= version <= FORMAT:  # True is an int, too
        raise ProgramError(
            f"its format is {str(version)[:20]!r}; this version of learnt reads up to {FORMAT}: "
            "upgrade with python3 -m pip install -U learnt"
        )
    task, spec = manifest.get("task"), manifest.get("input")
    if task not in TASKS:
        raise ProgramError(f"its task is {str(task)[:40]!r}; known: {', '.join(TASKS)}")
    kind = spec.get("kind") if isinstance(spec, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ProgramError(
            f"its input is {str(spec)[:40]!r}; this version of learnt knows {', '.join(KINDS)}"
        )
    if output_kind(manifest) != KINDS[kind].tasks.get(task):
        raise ProgramError(f"its task ({task}), input ({kind}) and output do not go together")
    return manifest


def output_kind(manifest: Mapping[str, Any]) -> str:
    """The kind of output that a manifest names: classes, if it names none."""
    output = manifest.get("output", {"kind": "classes"})
    kind = output.get("kind") if isinstance(output, dict) else None
    if not isinstance(kind, str):
        raise ProgramError(f"its output is {str(output)[:40]!r}: it must name its kind")
    return kind


def _check_hashes(members: dict[str, bytes], manifest: dict[str, Any]) -> None:
    hashes = manifest.get("sha256")
    if not isinstance(hashes, dict) or set(hashes) != set(members) - {"manifest.json"}:
        raise ProgramError("its manifest does not list the sha256 of exactly its members")
    for member, data in members.items():
        if member != "manifest.json" and hashlib.sha256(data).hexdigest() != hashes[member]:
            raise ProgramError(f"{member} is not what the manifest says (sha256 differs)")


def _finite(text: str) -> float:
    """A number of the manifest; NaN and what is beyond all floats are no JSON."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number
