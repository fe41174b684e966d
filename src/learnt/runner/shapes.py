"""Values of JSON that must have a shape: what they are called, checked, and described."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from learnt.errors import DataError
from learnt.runner.text import shown

Schema: TypeAlias = dict[str, Any]  # JSON Schema, 2020-12


def only(value: Any, needed: str, others: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object that has what is needed, and nothing but that and some others; else DataError."""
    if not isinstance(value, dict) or needed not in value:
        raise DataError(f"an object with {needed!r} is needed; got {kind(value)}")
    odd = next((name for name in value if name != needed and name not in others), None)
    if odd is not None:
        raise DataError(f"{shown(odd)!r} is not known here; known: {', '.join([needed, *others])}")
    return dict(value)


def text_in(value: Any, field: str, what: str = "a text") -> str:
    """The text in an object of JSON that has nothing else; DataError if there is none."""
    text = only(value, field)[field]
    if not isinstance(text, str):
        raise DataError(f"{field!r} must be {what}; got {kind(text)}")
    return text


def record(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    """An object of these, and nothing else."""
    return {"type": "object", "properties": dict(properties), "required": required,
            "additionalProperties": False}  # fmt: skip


def is_number(value: Any, whole: bool = False) -> bool:
    """Is it a number of JSON (1.0 is whole, true is none)?"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not whole or isinstance(value, int) or value.is_integer()


def kind(value: Any) -> str:
    """What JSON calls a value."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    names: list[tuple[Any, str]] = [(dict, "an object"), (list, "a list"), (str, "a text")]
    return next((name for cls, name in names if isinstance(value, cls)), "a number")
