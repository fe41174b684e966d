"""Saving and loading: a safetensors file, which holds numbers and text and nothing that runs.

The tensors stand in it under the path by which they were reached ("model.conv.weight"), for any
reader of safetensors; how they hang together, and all that is no tensor, is JSON in its header.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from learnt.engine.device import check_device
from learnt.engine.nn.module import Parameter
from learnt.engine.op import Array
from learnt.engine.tensor import Tensor
from learnt.runner.files import write_atomically

KEY = "learnt"  # of the JSON in the header
TENSORS = {"tensor": Tensor, "parameter": Parameter}
PLAIN = (str, int, float, bool, type(None))


def save(obj: Any, f: Any, **_: Any) -> None:
    """Write `obj` to a path or an open binary file: tensors and arrays; numbers, text and None;
    and dicts, lists and tuples of them.

    A path is written at once or not at all. Nothing is pickled: other objects are a
    NotImplementedError, and tensors that share memory are written one by one.

    >>> import io, learnt.engine as torch
    >>> file = io.BytesIO()  # or a path
    >>> torch.save({"weights": torch.ones(2), "epoch": 3}, file)
    >>> torch.load(io.BytesIO(file.getvalue()))
    {'weights': tensor([1., 1.]), 'epoch': 3}
    """
    from safetensors.numpy import save as as_bytes

    arrays: dict[str, Array] = {}
    text = json.dumps(_packed(obj, "", arrays))
    data = as_bytes(arrays, {KEY: text})
    if hasattr(f, "write"):
        f.write(data)
    else:
        write_atomically(f, data)


def load(f: Any, map_location: Any = None, *, weights_only: bool | None = None, **_: Any) -> Any:
    """What `save` has written, from a path or an open binary file.

    A safetensors file that another program wrote is a dict of tensors. Nothing in a file is ever
    run, so `weights_only` makes no difference. A file of `torch.save` is a pickle: a ValueError.
    """
    if not callable(map_location):
        check_device(map_location)
    data: bytes = f.read() if hasattr(f, "read") else _read(f)
    arrays, text = _opened(data, getattr(f, "name", f))
    if text is None:
        return {name: Tensor(array) for name, array in arrays.items()}
    return _unpacked(json.loads(text), arrays)


def _read(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _opened(data: bytes, name: Any) -> tuple[dict[str, Array], str | None]:
    """The arrays of a safetensors file, and our JSON, if it has any."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        arrays = from_bytes(data)
    except (SafetensorError, KeyError, ValueError) as error:
        if data[:2] == b"PK" or data[:1] == b"\x80":
            raise ValueError(
                f"{name} must be a safetensors file; it is a pickle (of torch.save?), which may "
                "run any code, and is not read here: convert it where PyTorch is, with "
                "safetensors.torch.save_file(torch.load(path), new_path)"
            ) from None
        raise ValueError(f"{name} must be a whole safetensors file: {error}") from error
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    text = header.get("__metadata__", {}).get(KEY)
    return {name: array.copy() for name, array in arrays.items()}, text


def _packed(value: Any, path: str, arrays: dict[str, Array]) -> Any:
    """`value` in JSON: a list is a list, and {kind: …} what JSON does not have."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, np.generic | float | int | str):
        return value.item() if isinstance(value, np.generic) else _base(value)
    if isinstance(value, Tensor):
        kind = "parameter" if isinstance(value, Parameter) else "tensor"
        return {kind: _kept(value.array, path, arrays), "requires_grad": value.requires_grad}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"array": _kept(value, path, arrays)}
    if isinstance(value, Mapping):
        return {"dict": [
            [_packed(k, path, arrays), _packed(v, f"{path}.{k}" if path else str(k), arrays)]
            for k, v in value.items()
        ]}  # fmt: skip
    if isinstance(value, list | tuple):
        within = [_packed(v, f"{path}.{i}".lstrip("."), arrays) for i, v in enumerate(value)]
        return within if isinstance(value, list) else {"tuple": within}
    raise NotImplementedError(
        f"save() of {type(value).__name__}{f' at {path}' if path else ''}: save tensors, arrays, "
        "numbers, text, and dicts, lists and tuples of them (of a module its state_dict())"
    )


def _base(value: Any) -> Any:
    """An instance of a subclass of a plain type (an enum, say) as that type."""
    return next(kind(value) for kind in (bool, int, float, str) if isinstance(value, kind))


def _kept(array: Array, path: str, arrays: dict[str, Array]) -> str:
    """Put the array under its path; the name that it got, as two paths may read the same."""
    name = path or "tensor"
    while name in arrays or name == "__metadata__":
        name += "'"
    arrays[name] = array.copy(order="C")
    return name


def _unpacked(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    kind, within = next(iter(value.items()))
    if kind == "dict":
        return {_unpacked(k, arrays): _unpacked(v, arrays) for k, v in within}
    if kind == "tuple":
        return tuple(_unpacked(v, arrays) for v in within)
    if kind == "array":
        return arrays[within]
    if kind in TENSORS:
        return TENSORS[kind](arrays[within], value["requires_grad"])
    raise ValueError(f"a file of a newer version: it has a {kind!r}")
