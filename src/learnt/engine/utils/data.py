"""Datasets, samplers, and the loader: which examples, in which order, in batches of tensors.

As PyTorch's `torch.utils.data`; random orders come from the engine's own generator. Everything
is loaded in this process, whatever `num_workers` says: the results and their order are the same.
"""

import bisect
import itertools
import math
from collections import abc
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from learnt.engine.autograd import wrap
from learnt.engine.creation import as_tensor
from learnt.engine.ops.shape import stack
from learnt.engine.random import Generator, rng
from learnt.engine.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Examples by number: `dataset[i]`, and `len(dataset)` of them."""

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: "Dataset[Any]") -> "Dataset[Any]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Examples one after the other, from `__iter__`: a stream, which has no numbers."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Example i is the tuple of the i-th parts of all `tensors`."""

    def __init__(self, *tensors: Tensor) -> None:
        if len(set(map(len, tensors))) > 1:
            raise AssertionError(f"Size mismatch between tensors: {[len(t) for t in tensors]}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset[T_co]):
    """The examples of `dataset` with these numbers."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        return _examples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[T_co]):
    """The examples of several datasets, one after the other."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets: list[Any] = list(datasets)
        if not self.datasets or any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("a ConcatDataset needs datasets, and no IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: Any) -> Any:
        _need(index >= -len(self), f"index must not be below -{len(self)}; got {index}")
        index = index + len(self) if index < 0 else index
        at = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[at][index - self.cumulative_sizes[at - 1] if at else index]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Subsets of these lengths, or of these fractions of the whole, drawn without overlap."""
    whole, sizes = len(dataset), [*lengths]  # type: ignore[arg-type]
    if math.isclose(sum(sizes), 1) and sum(sizes) <= 1:
        sizes = [math.floor(whole * part) for part in sizes]
        for i in range(whole - int(sum(sizes))):  # what is left over, one each in turn
            sizes[i % len(sizes)] += 1
    _need(sum(sizes) == whole and min(sizes) >= 0, f"lengths must add up to {whole}; got {sizes}")
    order = rng(generator).permutation(whole).tolist()
    ends = itertools.accumulate(int(size) for size in sizes)
    return [Subset(dataset, order[end - int(n) : end]) for end, n in zip(ends, sizes, strict=True)]


class Sampler(Generic[T_co]):
    """The numbers of the examples, in the order in which they are wanted."""

    def __init__(self, data_source: Sized | None = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, …"""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Every number once, shuffled; or `num_samples` draws, each from all, with `replacement`."""

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        _positive("num_samples", self.num_samples)

    def __iter__(self) -> Iterator[int]:
        size, wanted, source = len(self.data_source), self.num_samples, rng(self.generator)
        if self.replacement:
            return iter(source.integers(0, size, wanted).tolist())
        rounds = [source.permutation(size) for _ in range(-(-wanted // size))]
        return iter(np.concatenate(rounds)[:wanted].tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """These numbers, shuffled."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[i] for i in rng(self.generator).permutation(len(self)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` draws, number i with a probability in proportion to `weights[i]`."""

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        _positive("num_samples", num_samples)
        self.weights = as_tensor(weights, np.float64)
        _need(self.weights.ndim == 1, f"weights must have 1 dimension; got {self.weights.ndim}")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        chances, source = self.weights.array / self.weights.array.sum(), rng(self.generator)
        return iter(source.choice(len(chances), len(self), self.replacement, chances).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The numbers of `sampler`, in lists of `batch_size`; the last may be shorter, or dropped."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _positive("batch_size", batch_size)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return _batches(iter(self.sampler), self.batch_size, self.drop_last)

    def __len__(self) -> int:
        return _count(self.sampler, self.batch_size, self.drop_last)


class DataLoader(Generic[T_co]):
    """The examples of `dataset` in batches, each epoch anew: `for x, y in loader:`.

    `collate_fn` makes a batch of a list of examples; with `batch_size=None` they come one by one.
    Workers, pinned memory and the like change nothing: all is loaded here, by this process.

    >>> import learnt.engine as torch
    >>> dataset = torch.utils.data.TensorDataset(torch.arange(5))
    >>> [x for x, in torch.utils.data.DataLoader(dataset, batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None, batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
        generator: Generator | None = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        workers = num_workers > 0
        _need(num_workers >= 0 and timeout >= 0, "num_workers and timeout must be at least 0")
        asked = prefetch_factor is not None or persistent_workers
        _need(workers or not asked, "prefetch_factor and persistent_workers need num_workers")
        stream, given = isinstance(dataset, IterableDataset), sampler is not None
        own = given or batch_sampler is not None or shuffle
        _need(not (stream and own), "an IterableDataset has its own order: no shuffle or sampler")
        _need(not (given and shuffle), "sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            alone = batch_size == 1 and not (shuffle or given or drop_last)
            _need(alone, "batch_sampler needs batch_size, shuffle, sampler and drop_last left out")
            batch_size = None
        elif batch_size is None:
            _need(not drop_last, "drop_last needs batches: give a batch_size")
        if not (given or stream):
            random = shuffle and RandomSampler(dataset, generator=generator)
            sampler = random or SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler or (), batch_size, drop_last)
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.generator, self.num_workers, self.pin_memory = generator, num_workers, pin_memory
        one_by_one = batch_sampler is None
        self.collate_fn = collate_fn or (default_convert if one_by_one else default_collate)

    def __iter__(self) -> Iterator[Any]:
        dataset, collate, batches = self.dataset, self.collate_fn, self.batch_sampler
        if isinstance(dataset, IterableDataset):
            items, size = iter(dataset), self.batch_size
            return map(collate, _batches(items, size, self.drop_last) if size else items)
        if batches is None:
            return (collate(dataset[index]) for index in self.sampler or ())
        if collate is default_collate and _is_tensors(dataset):  # the same, and many times faster
            return (list(dataset[[int(i) for i in indices]]) for indices in batches)
        return (collate(_examples(dataset, indices)) for indices in batches)

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            return _count(self.dataset, self.batch_size or 1, self.drop_last)
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]


def get_worker_info() -> None:
    """None: there are no workers."""


def default_collate(batch: Any) -> Any:
    """One example made of many: their tensors, arrays or numbers stacked along a new first
    dimension, in the tuples, lists and dicts in which they were; text stays a list.

    >>> default_collate([("a", 1), ("b", 2)])
    [('a', 'b'), tensor([1, 2])]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        grows = any(t.requires_grad for t in batch)
        return stack(list(batch)) if grows else default_collate([t.array for t in batch])
    if isinstance(first, np.ndarray) and first.dtype.kind in "biuf":
        if any(array.shape != first.shape for array in batch):
            raise RuntimeError(f"stack expects each tensor to be equal size, as {first.shape}")
        return wrap(np.stack(batch))
    if isinstance(first, np.bool_ | np.number | float | int):
        return wrap(np.asarray(batch, np.float64 if type(first) is float else None))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, abc.Mapping):
        return _like(first, {key: default_collate([one[key] for one in batch]) for key in first})
    if isinstance(first, Sequence):
        if not hasattr(first, "_fields") and len(set(map(len, batch))) > 1:
            raise RuntimeError("each element in list of batch should be of equal size")
        return _like(first, [default_collate(parts) for parts in zip(*batch, strict=False)])
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{first.dtype if isinstance(first, np.ndarray) else type(first)}"
    )


def default_convert(data: Any) -> Any:
    """The same with tensors in place of arrays: what becomes of an example outside a batch."""
    if isinstance(data, np.ndarray | np.generic):
        return as_tensor(data) if data.dtype.kind in "biuf" else data
    if isinstance(data, abc.Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like(data, [default_convert(value) for value in data])
    return data


def _like(model: Any, parts: Any) -> Any:
    """`parts` in a container like `model`; in a list for a tuple, as PyTorch has it."""
    if isinstance(model, tuple):
        return type(model)(*parts) if hasattr(model, "_fields") else parts
    try:
        return type(model)(parts)
    except TypeError:
        return parts


def _examples(dataset: Any, indices: Any) -> list[Any]:
    """The examples of these numbers: at once, if the dataset can."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if at_once else [dataset[i] for i in indices]


def _is_tensors(dataset: Any) -> bool:
    """Does it, asked for a list of numbers, give what collating the examples would?"""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return getattr(type(dataset), "__getitem__", None) is TensorDataset.__getitem__


def _batches(items: Iterator[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    while batch := list(itertools.islice(items, size)):
        if len(batch) == size or not drop_last:
            yield batch


def _count(items: Any, size: int, drop_last: bool) -> int:
    return len(items) // size if drop_last else -(-len(items) // size)


def _positive(name: str, value: Any) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    _need(whole and value > 0, f"{name} should be a positive integer value, but got {value}")


def _need(holds: Any, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
