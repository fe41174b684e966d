"""Reading a PyTorch state dict in the legacy format, as data, without PyTorch.

The file is five pickles and then raw numbers. A pickle can name any function to be called, so
ours may name three things only: an ordered dictionary, a kind of storage, and "a tensor is
this part of that storage". Anything else in the file is an error, and nothing is ever run.
"""

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import DataError

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
MAX_NUMBERS = 2**28


@dataclass
class _Storage:
    dtype: np.dtype[Any]
    size: int
    numbers: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class _Part:
    """A tensor: some of the numbers of a storage, `stride` apart, in a shape."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> npt.NDArray[Any]:
        numbers = self.storage.numbers
        last = sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if numbers is None or self.offset + last >= self.storage.size:
            raise ValueError("a tensor reaches beyond its storage")
        steps = [step * numbers.itemsize for step in self.stride]
        start = numbers[self.offset :]
        return np.lib.stride_tricks.as_strided(start, self.shape, steps, writeable=False).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise ValueError(f"it names {module}.{name}, which no state dict needs")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, size = pid[:5]
        if kind != "storage" or not isinstance(size, int) or not 0 <= size <= MAX_NUMBERS:
            raise ValueError("it refers to something that is not a storage")
        return self.storages.setdefault(str(key), _Storage(np.dtype(dtype), size))


def read_state_dict(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Names → arrays, in the order of the file; DataError for anything but a state dict."""
    file = io.BytesIO(data)
    try:
        if _Unpickler(file).load() != MAGIC:
            raise ValueError("its magic number is not PyTorch's")
        _Unpickler(file).load()  # protocol version
        _Unpickler(file).load()  # sizes of the machine that wrote it
        reader = _Unpickler(file)
        parts = reader.load()
        for key in _Unpickler(file).load():
            storage = reader.storages[str(key)]
            (size,) = np.frombuffer(file.read(8), "<i8")
            if size != storage.size:
                raise ValueError("a storage is not as long as it says")
            raw = file.read(storage.size * storage.dtype.itemsize)
            storage.numbers = np.frombuffer(raw, storage.dtype, storage.size)
        return {str(name): part.array() for name, part in parts.items()}
    except Exception as error:  # the pickle module raises nearly anything on damaged data
        raise DataError(f"the file is not a PyTorch state dict of plain tensors: {error}") from None


def _rebuild(storage: _Storage, offset: int, shape: tuple[int, ...], stride: Any, *_: Any) -> _Part:
    numbers = (offset, *shape, *stride)
    if not isinstance(storage, _Storage) or any(not isinstance(n, int) or n < 0 for n in numbers):
        raise ValueError("a tensor is not a part of a storage")
    return _Part(storage, offset, tuple(shape), tuple(stride))
