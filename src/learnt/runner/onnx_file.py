"""The model as a plain ONNX file that says of itself what it needs: `--onnx`.

Labels, the input's spec, the card and the rest become its `metadata_props`, which every ONNX
runtime reads; files of older versions get them, too. A message of protocol buffers may be
appended to: fields that repeat add up, and of others the last counts.
(Field numbers: onnx.proto3, ModelProto and StringStringEntryProto)
"""

import json
from typing import TYPE_CHECKING, Any

from learnt.runner.graph_check import check_graph

if TYPE_CHECKING:
    from learnt.runner.program import Program

PRODUCER, VERSION, DOC, METADATA = 2, 3, 6, 14  # fields of a model
KEY, VALUE = 1, 2  # of an entry
MOST_ASSET = 8 * 2**20  # bytes of a file that travels with the model, in its metadata


def onnx_file(program: "Program") -> bytes:
    """The bytes of the file; ProgramError where the program's graph is not a safe one."""
    check_graph(program.onnx)
    facts = metadata(program)
    texts = [(PRODUCER, "learnt"), (VERSION, facts["learnt"]), (DOC, facts["card"])]
    entries = [_text(KEY, name) + _text(VALUE, text) for name, text in facts.items()]
    return b"".join(
        [
            program.onnx,
            *(_text(number, text) for number, text in texts),
            *(_field(METADATA, entry) for entry in entries),
        ]
    )


def metadata(program: "Program") -> dict[str, str]:
    """What the file says of itself, by name; what is not a text is JSON."""
    manifest = program.manifest
    facts: dict[str, Any] = {
        "name": str(manifest.get("name", "")),
        "task": manifest["task"],
        "input": manifest["input"],
        "output": manifest.get("output", {"kind": "classes"}),
        "labels": program.labels,
        "learnt": str(manifest.get("learnt", "")),
        "figures": manifest.get("figures", {}),
        "licence": _licences(manifest.get("card")),
        "card": program.card,
    }
    for name, data in program.archive.members.items():
        if name.startswith("assets/") and len(data) <= MOST_ASSET:
            facts[name] = data.decode("utf-8", "replace")
    return {name: v if isinstance(v, str) else json.dumps(v) for name, v in facts.items()}


def _licences(card: object) -> str:
    """Of the data and of the body, where the card says them."""
    parts = {"data": _part(card, "data"), "body": _part(_part(card, "model"), "body")}
    licences = {of: _part(part, "licence") for of, part in parts.items()}
    return "; ".join(f"{of}: {text}" for of, text in licences.items() if isinstance(text, str))


def _part(facts: object, name: str) -> object:
    return facts.get(name) if isinstance(facts, dict) else None


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8", "replace"))


def _field(number: int, data: bytes) -> bytes:
    """A field of bytes: its number and wire type, its length, itself."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
