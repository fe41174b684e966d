"""New tensors: from Python's numbers, from arrays, filled, and random."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.engine.device import check_device
from learnt.engine.op import Array
from learnt.engine.ops.shape import unpack
from learnt.engine.random import Generator, rng
from learnt.engine.tensor import Tensor

DType = npt.DTypeLike | None
Sizes = int | Sequence[int]
FLOAT = np.dtype(np.float32)  # the type of fractions that nobody named


def set_default_dtype(d: npt.DTypeLike) -> None:
    """The type of new fractions is float32; any other is a NotImplementedError."""
    if np.dtype(d) != FLOAT:
        raise NotImplementedError(f"set_default_dtype({np.dtype(d)}): fractions are float32 here")


def get_default_dtype() -> np.dtype[Any]:
    """The type of new fractions."""
    return FLOAT


def _new(
    array: Any, dtype: DType, device: Any, requires_grad: bool, rest: dict[str, Any] | None = None
) -> Tensor:
    """The tensor; TypeError if of the options that change no number here one is not PyTorch's."""
    if rest and not rest.keys() <= {"layout", "pin_memory", "memory_format"}:
        raise TypeError(f"an unexpected keyword argument: {', '.join(rest)}")
    check_device(device)
    found = np.asarray(array, dtype if dtype is not None else None)
    return Tensor(found, requires_grad)


def _shape(size: Sequence[Sizes]) -> tuple[int, ...]:
    shape = tuple(int(n) for n in unpack(size))
    if min(shape, default=0) < 0:
        raise RuntimeError(f"sizes must not be negative; got {shape}")
    return shape


def tensor(
    data: Any, dtype: DType = None, device: Any = None, requires_grad: bool = False, **rest: Any
) -> Tensor:
    """A new tensor from numbers or nested lists: fractions are float32, whole numbers int64.

    >>> tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    array = np.array(_plain(data), dtype=dtype)
    first = data
    while isinstance(first, list | tuple) and first:
        first = first[0]
    kind = getattr(first, "dtype", None)  # of an array, a tensor, one of NumPy's numbers
    given = kind == np.float64 or (kind is not None and first is data)
    if dtype is None and not given and array.dtype.kind == "f":
        array = array.astype(FLOAT)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a tensor holds numbers; got {type(data).__name__} of {array.dtype}")
    return _new(array, None, device, requires_grad, rest)


def _plain(data: Any) -> Any:
    """Tensors within lists as arrays."""
    if isinstance(data, Tensor):
        return data.array
    if isinstance(data, list | tuple) and any(isinstance(x, Tensor | list | tuple) for x in data):
        return [_plain(x) for x in data]
    return data


def as_tensor(data: Any, dtype: DType = None, device: Any = None) -> Tensor:
    """As `tensor`, but on the very memory of an array or tensor, where its type allows."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data) if dtype is None else _new(data, dtype, device, False)
    return tensor(data, dtype, device)


def from_numpy(ndarray: Array) -> Tensor:
    """A tensor on the very memory of `ndarray`."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy needs an array; got {type(ndarray).__name__}")
    found = Tensor(ndarray)
    found.shared = True
    return found


def zeros(
    *sizes: Sizes, size: Any = None, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """All 0."""
    shape = _shape(unpack(sizes, size))
    return _new(np.zeros(shape, dtype or FLOAT), None, device, requires_grad, rest)


def ones(
    *sizes: Sizes, size: Any = None, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """All 1."""
    shape = _shape(unpack(sizes, size))
    return _new(np.ones(shape, dtype or FLOAT), None, device, requires_grad, rest)


def empty(
    *sizes: Sizes, size: Any = None, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """Whatever is in memory: to be filled."""
    shape = _shape(unpack(sizes, size))
    return _new(np.empty(shape, dtype or FLOAT), None, device, requires_grad, rest)


def full(
    size: Sizes, fill_value: float, *, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """All `fill_value`, in its own type: int64, bool, or float32."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    kind = np.asarray(fill_value).dtype
    found = np.full(_shape((size,)), fill_value, dtype or (FLOAT if kind.kind == "f" else kind))
    return _new(found, None, device, requires_grad, rest)


def zeros_like(input: Tensor, *, dtype: DType = None, **options: Any) -> Tensor:
    """All 0, of the shape and type of `input`."""
    return zeros(input.array.shape, dtype=dtype or input.array.dtype, **options)


def ones_like(input: Tensor, *, dtype: DType = None, **options: Any) -> Tensor:
    """All 1, of the shape and type of `input`."""
    return ones(input.array.shape, dtype=dtype or input.array.dtype, **options)


def empty_like(input: Tensor, *, dtype: DType = None, **options: Any) -> Tensor:
    """Whatever is in memory, of the shape and type of `input`."""
    return empty(input.array.shape, dtype=dtype or input.array.dtype, **options)


def full_like(input: Tensor, fill_value: float, *, dtype: DType = None, **options: Any) -> Tensor:
    """All `fill_value`, of the shape and type of `input`."""
    return full(input.array.shape, fill_value, dtype=dtype or input.array.dtype, **options)


def arange(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """start, start + step, … up to but without `end` (int64 if all are whole, else float32)."""
    first, last = (0, start) if end is None else (start, end)
    first, last, step = (n.item() if isinstance(n, Tensor) else n for n in (first, last, step))
    if not step or (last - first) / step < 0:
        raise RuntimeError(f"arange needs a step from {first} towards {last}; got {step}")
    whole = all(isinstance(n, int | np.integer) for n in (first, last, step))
    numbers = np.arange(first, last, step)
    return _new(numbers.astype(dtype or (np.int64 if whole else FLOAT)), None, device,
                requires_grad, rest)  # fmt: skip


def linspace(
    start: Any, end: Any, steps: int, *, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """`steps` numbers, evenly spaced from `start` to `end`, both included."""
    first, last = (n.item() if isinstance(n, Tensor) else n for n in (start, end))
    if steps < 0:
        raise RuntimeError(f"linspace needs a number of steps that is not negative; got {steps}")
    numbers = np.linspace(first, last, steps)
    return _new(numbers.astype(dtype or FLOAT), None, device, requires_grad, rest)


def eye(
    n: int, m: int | None = None, *, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """1 on the diagonal, 0 elsewhere: (n, m), square by default."""
    if n < 0 or (m or 0) < 0:
        raise RuntimeError(f"eye needs sizes that are not negative; got {n} and {m}")
    return _new(np.eye(n, m, dtype=dtype or FLOAT), None, device, requires_grad, rest)


def rand(
    *sizes: Sizes, size: Any = None, generator: Generator | None = None, dtype: DType = None,
    device: Any = None, requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """Numbers evenly spread over [0, 1)."""
    kind: Any = np.dtype(dtype or FLOAT)
    drawn = rng(generator).random(_shape(unpack(sizes, size)), kind)
    return _new(drawn, None, device, requires_grad, rest)


def randn(
    *sizes: Sizes, size: Any = None, generator: Generator | None = None, dtype: DType = None,
    device: Any = None, requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """Numbers normally distributed around 0 with standard deviation 1."""
    kind: Any = np.dtype(dtype or FLOAT)
    drawn = rng(generator).standard_normal(_shape(unpack(sizes, size)), kind)
    return _new(drawn, None, device, requires_grad, rest)


def randint(
    low: Any = None, high: Any = None, size: Any = None, *, generator: Generator | None = None,
    dtype: DType = np.int64, device: Any = None, requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """Whole numbers from `low` (0, if one bound is given) to `high` − 1: int64."""
    if size is None:
        low, high, size = 0, low, high
    low = 0 if low is None else low
    if low >= high:
        raise RuntimeError(f"randint needs low < high; got {low} and {high}")
    numbers = rng(generator).integers(low, high, _shape((size,)))
    return _new(numbers.astype(dtype or np.int64), None, device, requires_grad, rest)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: DType = np.int64, device: Any = None,
    **rest: Any,
) -> Tensor:  # fmt: skip
    """The numbers 0 … n − 1 in random order (int64)."""
    if n < 0:
        raise RuntimeError(f"randperm needs a number that is not negative; got {n}")
    return _new(rng(generator).permutation(n), dtype or np.int64, device, False, rest)


def rand_like(input: Tensor, *, dtype: DType = None, **options: Any) -> Tensor:
    """As `rand`, of the shape and type of `input`."""
    return rand(input.array.shape, dtype=dtype or input.array.dtype, **options)


def randn_like(input: Tensor, *, dtype: DType = None, **options: Any) -> Tensor:
    """As `randn`, of the shape and type of `input`."""
    return randn(input.array.shape, dtype=dtype or input.array.dtype, **options)


def randint_like(
    input: Tensor, low: int, high: int | None = None, *, dtype: DType = None, **options: Any
) -> Tensor:
    """As `randint`, of the shape and type of `input`."""
    first, last = (0, low) if high is None else (low, high)
    size = input.array.shape
    return randint(first, last, size, dtype=dtype or input.array.dtype, **options)


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
    dtype: DType = None, device: Any = None, requires_grad: bool = False, **rest: Any,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers; `mean` and `std` may be tensors, a pair for each number."""
    mean, std = (v.array if isinstance(v, Tensor) else v for v in (mean, std))
    shape = _shape((size,)) if size is not None else np.broadcast(mean, std).shape
    if np.min(std, initial=0) < 0:
        raise RuntimeError(f"normal needs a std of at least 0; got {std}")
    numbers = rng(generator).standard_normal(shape) * std + mean
    return _new(numbers, dtype or FLOAT, device, requires_grad, rest)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that `input` says (or `p`), else 0."""
    chance = input.array if p is None else p
    if np.min(chance, initial=0) < 0 or np.max(chance, initial=1) > 1:
        raise RuntimeError("bernoulli needs probabilities from 0 to 1")
    drawn = rng(generator).random(input.array.shape) < chance
    return Tensor(np.asarray(drawn, input.array.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Places drawn by weight: (classes) or (rows, classes) → (…, num_samples) int64.

    >>> import learnt.engine as torch
    >>> torch.multinomial(torch.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = np.atleast_2d(input.array).astype(np.float64)
    totals = weights.sum(1, keepdims=True)
    if not np.isfinite(weights).all() or (weights < 0).any() or (totals <= 0).any():
        raise RuntimeError("multinomial needs weights of at least 0, finite, not all 0")
    enough = weights.shape[1] if replacement else (weights > 0).sum(1).min()
    if not replacement and num_samples > enough:
        raise RuntimeError(
            f"multinomial without replacement needs {num_samples} weights above 0; got {enough}"
        )
    random = rng(generator)
    if replacement:  # where an evenly spread number falls among the cumulated weights
        ends = np.cumsum(weights / totals, axis=1)
        drawn = random.random((len(weights), num_samples))
        found = np.stack(
            [np.searchsorted(e / e[-1], d, "right") for e, d in zip(ends, drawn, strict=True)]
        )
    else:  # the largest of log w + Gumbel noise is drawn by weight, and so on down
        with np.errstate(divide="ignore"):
            keys = np.log(weights) + random.gumbel(size=weights.shape)
        found = np.argsort(-keys, axis=1)[:, :num_samples]
    return Tensor(found.reshape(*input.array.shape[:-1], num_samples).astype(np.int64))


def is_tensor(obj: Any) -> bool:
    """Is it a tensor?"""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Does it hold fractions?"""
    return input.is_floating_point()


def numel(input: Tensor) -> int:
    """How many numbers it holds."""
    return input.numel()


def typed(dtype: npt.DTypeLike) -> Any:
    """PyTorch's old constructor of one type: `FloatTensor([1, 2])`, or of sizes, to be filled."""

    def make(*data: Any) -> Tensor:
        sizes = bool(data) and all(isinstance(n, int) for n in data)
        return zeros(*data, dtype=dtype) if sizes else tensor(data[0] if data else [], dtype)

    make.dtype = np.dtype(dtype)  # type: ignore[attr-defined]
    return make


FloatTensor, DoubleTensor = typed(np.float32), typed(np.float64)
LongTensor, IntTensor = typed(np.int64), typed(np.int32)
ByteTensor, BoolTensor = typed(np.uint8), typed(np.bool_)
