"""Saving tensors: safetensors, a format of names, shapes and numbers and nothing that runs."""

from collections.abc import Mapping
from pathlib import Path

from learnt.engine.tensor import Tensor


def save(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Write named tensors (a `state_dict`) to a .safetensors file."""
    from safetensors.numpy import save_file

    save_file({name: t.array.copy(order="C") for name, t in tensors.items()}, path)


def load(path: str | Path) -> dict[str, Tensor]:
    """Read named tensors from a .safetensors file."""
    from safetensors.numpy import load_file

    return {name: Tensor(array) for name, array in load_file(path).items()}
