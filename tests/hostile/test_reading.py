"""Damaged files, byte by byte, and manifests that say odd things, of programs of every kind."""

import json
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from learnt.errors import LearntError, ProgramError
from learnt.runner.archive import KINDS as INPUTS
from learnt.runner.archive import Archive, parse_archive, read_archive
from learnt.runner.archive import _manifest as checked_manifest
from learnt.runner.graph_check import check_graph
from learnt.runner.program import program_of
from learnt.runner.results import OUTPUTS
from learnt.runner.unzip import unzip
from tests.hostile.zips import built, hashed, listed

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, "", "x", "\0", "\u202e",
    "\x1b[31m", "../../x", "é" * 2000, [], [[]], [None], [1, "a"], {}, {"": None}, {"a": {"b": []}},
    [0] * 300, list("abcdefghij"), [["a", "a"]],
]  # fmt: skip
KINDS = ("adult", "digits", "films", "gestures", "houses", "labels", "languages", "novels",
         "number", "scenes", "texts")  # fmt: skip


def stored(members: dict[str, bytes]) -> bytes:
    """A small program: without code and pictures, nothing packed, so every byte counts once."""
    keep = ("manifest.json", "card.md", "model.onnx", "__main__.py")
    few = {name: members[name] for name in keep}
    few["model.onnx"] = few["model.onnx"][:0]
    small = listed(hashed(few))
    for member in small:
        member.method = 0
    return built(small)


def test_a_small_program_cut_off_at_every_byte_is_refused(members):
    data = stored(members)
    assert len(unzip(data, lambda entries: None)) == 4
    for length in range(len(data)):
        with pytest.raises(ProgramError):
            parse_archive(data[:length], "cut")


def test_a_small_program_with_any_byte_changed_is_refused_or_the_same(members):
    data, same = stored(members), 0
    good = unzip(data, lambda entries: None)
    for at in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            bad = bytearray(data)
            bad[at] ^= change
            try:
                found = parse_archive(bytes(bad), "flipped").members
            except ProgramError:
                continue
            assert found == good  # the date of a member, or its rights
            same += 1
    assert same < 200


def test_a_graph_cut_off_or_changed_at_any_byte_is_refused_or_is_a_graph(small):
    for name in ("digits", "films", "gestures"):
        model = read_archive(small[name]).members["model.onnx"]
        model = model[:3000] if name == "digits" else model[-3000:]
        chance = random.Random(0)
        for at in range(len(model)):
            with suppress(ProgramError):
                check_graph(model[:at])
            bad = bytearray(model)
            bad[at] ^= 1 << chance.randrange(8)
            with suppress(ProgramError):
                check_graph(bytes(bad))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that is in a manifest; of long lists and objects the first three."""
    found = [path]
    if isinstance(value, dict):
        for key in list(value)[: 40 if not path else 6]:
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for number in range(min(3, len(value))):
            found += places(value[number], (*path, number))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with something else at the path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def used(archive: Archive, kind: str, manifest: Any, run: bool) -> None:
    """Make a program of an archive with this manifest, and perhaps run it; LearntError if not."""
    text = json.dumps(manifest).encode()
    checked = checked_manifest({**archive.members, "manifest.json": text})
    program = program_of(replace(archive, manifest=checked))
    if run:
        row = archive.members[min(n for n in archive.members if n.startswith("selftest/input"))]
        if kind == "novels":
            program.score(row[:200])
            return
        answer = program(json.loads(row) if kind in ("adult", "houses") else row)
        assert isinstance(json.dumps(answer.as_dict(), allow_nan=False), str)
        assert answer.line().isprintable()


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_with_anything_anywhere_is_refused_or_works(small, kind):
    archive = read_archive(small[kind])
    given = {k: v for k, v in archive.manifest.items() if k != "sha256"}
    chance, refused = random.Random(0), 0
    every = [(path, odd) for path in places(given) for odd in ODD]
    some = [pair for pair in every if pair[0][:1] in (("input",), ("output",), ("labels",))]
    for number, (path, odd) in enumerate(chance.sample(every, 120) + chance.sample(some, 120)):
        try:
            used(archive, kind, put(given, path, odd), run=number % 8 == 0)
        except LearntError as error:
            refused += len(str(error)) < 3000
    assert refused > 50


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_and_outputs_that_do_not_go_together_are_refused(small, kind):
    archive = read_archive(small[kind])
    given = {k: v for k, v in archive.manifest.items() if k != "sha256"}
    task, spec, own = given["task"], given["input"], given["output"]
    for known in INPUTS.values():
        for other in known.tasks:
            for output in OUTPUTS:
                fits = INPUTS[spec["kind"]].tasks.get(other) == output
                manifest = {**given, "task": other, "output": {**own, "kind": output}}
                if (other, output) == (task, own["kind"]):
                    used(archive, kind, manifest, run=True)
                elif not fits:
                    with pytest.raises(ProgramError, match="do not go together"):
                        used(archive, kind, manifest, run=False)


def test_every_output_is_of_a_task():
    assert {output for kind in INPUTS.values() for output in kind.tasks.values()} == set(OUTPUTS)
