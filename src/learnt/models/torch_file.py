"""Reading a PyTorch state dict in the legacy format, as data, without PyTorch.

The file is five pickles and then raw numbers. A pickle is a program for a small machine: ours
knows only the instructions that a state dict is made of, and may name three things only: an
ordered dictionary, a kind of storage, and "a tensor is this part of that storage". Anything
else in the file is an error, and nothing is ever run.
"""

import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from learnt.errors import DataError

MAGIC = 0x1950A86A20F9469CFC6C
INSTRUCTIONS = b"".join((  # the machine's words, one byte each; see the standard pickletools
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.BINPERSID,
    pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET,
    pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.LONG1,
    pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.BINUNICODE,
    pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
    pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT,
))  # fmt: skip
STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}
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
        if numbers is None or max(self.offset + last + 1, self.count()) > self.storage.size:
            raise ValueError("a tensor reaches beyond its storage")
        steps = [step * numbers.itemsize for step in self.stride]
        start = numbers[self.offset :]
        return np.lib.stride_tricks.as_strided(start, self.shape, steps, writeable=False).copy()

    def count(self) -> int:
        return math.prod(self.shape)


class _Reader(pickle._Unpickler):
    """The standard library's machine in Python, less all that a state dict has no use for.

    Written in C it is faster, but a damaged file can crash it: a huge place in its memory, or a
    dictionary key of tuples in tuples in tuples ….
    """

    stack: list[Any]  # these two are the standard library's own
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _empty
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in STORAGES:
            return name
        raise ValueError(f"it names {module}.{name}, which no state dict needs")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, name, key, _, size = pid[:5]
        if [type(part) for part in (kind, name, key, size)] != [str, str, str, int]:
            raise ValueError("it refers to something that is not a storage")
        if kind != "storage" or name not in STORAGES:
            raise ValueError(f"it refers to a {kind} of {name}, which is not known")
        if not 0 <= size <= MAX_NUMBERS:
            raise ValueError(f"a storage may hold up to {MAX_NUMBERS} numbers; got {size}")
        return self.storages.setdefault(key, _Storage(STORAGES[name], size))

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        if not isinstance(key, str):
            raise ValueError("a name must be text")
        self.stack[-1][key] = value

    def load_setitems(self) -> None:
        items = self.pop_mark()
        if not all(isinstance(key, str) for key in items[::2]):
            raise ValueError("a name must be text")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def load_build(self) -> None:
        """What PyTorch notes about versions is passed over; nothing else has a state to set."""
        self.stack.pop()
        if not isinstance(self.stack[-1], OrderedDict):
            raise ValueError("it changes something that is not a dictionary")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{code: pickle._Unpickler.dispatch[code] for code in INSTRUCTIONS},
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.BUILD[0]: load_build,
    }


def read_state_dict(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Names → arrays, in the order of the file; DataError for anything but a state dict."""
    file = io.BytesIO(data)
    try:
        if _Reader(file).load() != MAGIC:
            raise ValueError("its magic number is not PyTorch's")
        _Reader(file).load()  # protocol version
        _Reader(file).load()  # sizes of the machine that wrote it
        reader = _Reader(file)
        parts = reader.load()
        for key in _Reader(file).load():
            storage = reader.storages[key]
            (size,) = np.frombuffer(file.read(8), "<i8")
            if size != storage.size:
                raise ValueError("a storage is not as long as it says")
            raw = file.read(storage.size * storage.dtype.itemsize)
            storage.numbers = np.frombuffer(raw, storage.dtype, storage.size)
        if sum(part.count() for part in parts.values()) > MAX_NUMBERS:
            raise ValueError(f"its tensors may hold up to {MAX_NUMBERS} numbers")
        return {name: part.array() for name, part in parts.items()}
    except Exception as error:  # the pickle module raises nearly anything on damaged data
        raise DataError(f"the file is not a PyTorch state dict of plain tensors: {error}") from None


def _empty() -> OrderedDict[str, Any]:
    return OrderedDict()


def _rebuild(storage: _Storage, offset: int, shape: tuple[int, ...], stride: Any, *_: Any) -> _Part:
    numbers = (offset, *shape, *stride)
    if not isinstance(storage, _Storage) or any(not isinstance(n, int) or n < 0 for n in numbers):
        raise ValueError("a tensor is not a part of a storage")
    return _Part(storage, offset, tuple(shape), tuple(stride))
