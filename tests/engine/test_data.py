"""Datasets, samplers and the loader: PyTorch's batches where nothing is drawn, and its promises
where something is."""

import collections
import inspect

import numpy as np
import pytest
import torch as reference  # noqa: TID251
import torch.utils.data  # noqa: TID251

from learnt import engine
from learnt.engine.utils import data

Point = collections.namedtuple("Point", ["x", "y"])
LIBRARIES = ((engine, data), (reference, torch.utils.data))


def squares(library, base):
    """A dataset as people write them, on either library."""

    class Squares(base.Dataset):
        def __init__(self, n, make):
            self.n, self.make = n, make

        def __len__(self):
            return self.n

        def __getitem__(self, i):
            if not 0 <= i < self.n:
                raise IndexError(i)
            return self.make(library, i)

    return Squares


EXAMPLES = {
    "tensors": lambda t, i: t.tensor([float(i), i * i]),
    "numbers of no dimension": lambda t, i: t.tensor(i),
    "arrays": lambda t, i: np.full((2, 3), i, np.float32),
    "arrays of bytes": lambda t, i: np.full(2, i, np.uint8),
    "float": lambda t, i: i / 2,
    "int": lambda t, i: i,
    "bool": lambda t, i: i % 2 == 0,
    "NumPy's numbers": lambda t, i: np.float32(i),
    "NumPy's whole numbers": lambda t, i: np.int32(i),
    "NumPy's truth": lambda t, i: np.bool_(i % 2),
    "NumPy's floats": lambda t, i: np.float64(i),
    "text": lambda t, i: f"example {i}",
    "bytes": lambda t, i: bytes([i]),
    "pairs": lambda t, i: (t.tensor([i, i]), i),
    "lists": lambda t, i: [t.tensor([i, i]), float(i)],
    "dicts": lambda t, i: {"x": t.tensor([i]), "name": str(i), "more": {"y": i}},
    "named tuples": lambda t, i: Point(t.tensor([i]), i),
    "all at once": lambda t, i: {"a": (i, [np.array([i]), "b"]), "p": Point(i, (i, i))},
    "ordered dicts": lambda t, i: collections.OrderedDict(x=i, y=str(i)),
}


def plain(value):
    """A batch of either library as Python's types, with the types of its tensors."""
    if isinstance(value, reference.Tensor | engine.Tensor):
        return "tensor", str(value.dtype).removeprefix("torch."), value.tolist()
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(v) for v in value]
    return value


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 3},
        {"batch_size": 3, "drop_last": True},
        {"batch_size": 20},
        {"batch_size": 20, "drop_last": True},
        {"batch_size": None},
        {"batch_size": 4, "sampler": [3, 1, 1, 0, 7]},
        {"batch_size": None, "sampler": [3, 1]},
        {"batch_sampler": [[0, 1, 2], [5], [7, 6]]},
        {"batch_size": 2, "collate_fn": lambda batch: batch},
        {"batch_size": 4, "pin_memory": False, "timeout": 0},
    ],
    ids=str,
)
def test_a_loader_gives_pytorchs_batches_in_pytorchs_types(kind, options):
    loaders = []
    for library, base in LIBRARIES:
        dataset = squares(library, base)(8, EXAMPLES[kind])
        loaders.append(base.DataLoader(dataset, **options))
    mine, theirs = ([plain(batch) for batch in loader] for loader in loaders)
    assert mine == theirs
    assert len(loaders[0]) == len(loaders[1]) == len(mine)


@pytest.mark.parametrize("wrap", ["whole", "subset", "subset of subset", "own class"])
def test_a_dataset_of_tensors_gives_pytorchs_batches(wrap):
    x, y = np.arange(60, dtype=np.float32).reshape(10, 2, 3), np.arange(10)
    results = []
    for library, base in LIBRARIES:

        class Own(base.TensorDataset):
            def __getitem__(self, index):
                a, b = super().__getitem__(index)
                return a * 2, b

        kind = Own if wrap == "own class" else base.TensorDataset
        dataset = kind(library.tensor(x), library.tensor(y))
        for _ in range(wrap.count("subset")):
            dataset = base.Subset(dataset, [5, 2, 3, 0, 1, 4][: len(dataset)])
        loader = base.DataLoader(dataset, batch_size=4)
        results.append([plain(batch) for batch in loader])
        results[-1].append(plain(dataset[1]))
    assert results[0] == results[1]


def test_a_batch_of_a_dataset_of_tensors_has_memory_of_its_own():
    x = engine.zeros(4, 2)
    for (batch,) in data.DataLoader(data.TensorDataset(x), batch_size=4):
        batch.array[...] += 1
    assert x.tolist() == [[0, 0]] * 4


def test_gradients_reach_the_tensors_of_a_dataset_through_its_batches():
    for library, base in LIBRARIES:
        x = library.ones(4, 2, requires_grad=True)
        for dataset in (base.TensorDataset(x), [x[i] for i in range(4)]):
            total = sum(
                (batch[0] if isinstance(batch, list) else batch).sum()
                for batch in base.DataLoader(dataset, batch_size=3)
            )
            x.grad = None
            total.backward()
            assert x.grad.tolist() == [[1, 1]] * 4


@pytest.mark.parametrize("options", [{"batch_size": 3}, {"batch_size": 5, "drop_last": True}])
def test_a_shuffled_epoch_has_every_example_once_and_the_next_another_order(options):
    engine.manual_seed(0)
    dataset = data.TensorDataset(engine.arange(100))
    loader = data.DataLoader(dataset, shuffle=True, **options)
    epochs = [[i for (batch,) in loader for i in batch.tolist()] for _ in range(2)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(100))
        assert epoch != sorted(epoch)
    assert epochs[0] != epochs[1]
    assert isinstance(loader.sampler, data.RandomSampler)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_seed_gives_the_same_order_whatever_the_number_of_workers(workers):
    dataset = data.TensorDataset(engine.arange(20))

    def order(generator=None, workers=0):
        loader = data.DataLoader(dataset, 4, shuffle=True, generator=generator, num_workers=workers)
        return [batch.tolist() for (batch,) in loader]

    engine.manual_seed(3)
    first = order()
    engine.manual_seed(3)
    assert order(workers=workers) == first
    generator = engine.Generator().manual_seed(5)
    one, two = order(generator), order(generator)
    assert one != two
    assert order(engine.Generator().manual_seed(5), workers) == one


@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {"batch_size": None}]
)
def test_a_stream_gives_pytorchs_batches(options):
    results = []
    for _, base in LIBRARIES:

        class Stream(base.IterableDataset):
            def __iter__(self):
                assert base.get_worker_info() is None  # noqa: B023
                return ((i, f"{i}") for i in range(10))

            def __len__(self):
                return 10

        loader = base.DataLoader(Stream(), **options)
        results.append([plain(batch) for batch in loader])
        assert len(loader) == len(results[-1])
    assert results[0] == results[1]


def test_datasets_add_up_to_one_after_the_other():
    for library, base in LIBRARIES:
        first, second = (base.TensorDataset(library.arange(n)) for n in (3, 4))
        both = first + second
        assert isinstance(both, base.ConcatDataset)
        assert both.cumulative_sizes == [3, 7]
        assert [int(both[i][0]) for i in range(-7, 7)] == [0, 1, 2, 0, 1, 2, 3] * 2
        with pytest.raises(ValueError):  # noqa: PT011
            both[-8]
        with pytest.raises(IndexError):
            both[7]
        with pytest.raises(AssertionError):
            base.ConcatDataset([])


@pytest.mark.parametrize(
    ("n", "lengths", "expected"),
    [
        (10, [7, 3], [7, 3]),
        (10, [10, 0], [10, 0]),
        (10, [0.8, 0.2], [8, 2]),
        (11, [0.5, 0.5], [6, 5]),
        (17, [0.3, 0.3, 0.4], [6, 5, 6]),
        (100, [0.7, 0.15, 0.15], [70, 15, 15]),
    ],
    ids=str,
)
def test_a_random_split_has_pytorchs_lengths_and_every_example_once(n, lengths, expected):
    for library, base in LIBRARIES:
        parts = base.random_split(range(n), lengths, generator=library.Generator().manual_seed(1))
        again = base.random_split(range(n), lengths, generator=library.Generator().manual_seed(1))
        assert [len(part) for part in parts] == expected
        assert sorted(i for part in parts for i in part) == list(range(n))
        assert [list(part) for part in parts] == [list(part) for part in again]


@pytest.mark.parametrize("lengths", [[5, 4], [0.5, 0.4], [12, -2]], ids=str)
def test_lengths_that_do_not_add_up_are_errors(lengths):
    with pytest.raises(ValueError, match="add up"):
        data.random_split(range(10), lengths)


def test_draws_with_replacement_are_from_all_and_as_many_as_wanted():
    sampler = data.RandomSampler(range(5), replacement=True, num_samples=1000)
    drawn = list(sampler)
    assert len(sampler) == len(drawn) == 1000
    assert np.bincount(drawn).min() > 100
    more = list(data.RandomSampler(range(5), num_samples=12))
    assert sorted(more[:5]) == sorted(more[5:10]) == list(range(5))
    assert len(set(more[10:])) == 2


def test_weighted_draws_follow_the_weights():
    engine.manual_seed(0)
    sampler = data.WeightedRandomSampler(engine.tensor([0.0, 1.0, 3.0]), 4000)
    counts = np.bincount(list(sampler), minlength=3)
    assert counts[0] == 0
    assert counts[2] / counts[1] == pytest.approx(3, rel=0.15)
    assert sorted(data.WeightedRandomSampler([1, 2, 3], 3, replacement=False)) == [0, 1, 2]


def test_samplers_that_draw_nothing_are_pytorchs():
    for _, base in LIBRARIES:
        assert list(base.SequentialSampler("abc")) == [0, 1, 2]
        for drop, expected in ((False, [[0, 1], [2, 3], [4]]), (True, [[0, 1], [2, 3]])):
            sampler = base.BatchSampler(base.SequentialSampler(range(5)), 2, drop)
            assert list(sampler) == expected
            assert len(sampler) == len(expected)
        assert sorted(base.SubsetRandomSampler([4, 7, 9])) == [4, 7, 9]


def test_a_loader_asks_a_dataset_that_can_for_many_examples_at_once():
    for _, base in LIBRARIES:

        class AtOnce(base.Dataset):
            def __len__(self):
                return 5

            def __getitems__(self, indices):
                return [10 * i for i in indices]

        assert [b.tolist() for b in base.DataLoader(AtOnce(), 3)] == [[0, 10, 20], [30, 40]]
        assert [b.tolist() for b in base.DataLoader(base.Subset(AtOnce(), [4, 1]), 3)] == [[40, 10]]


WRONG = {
    "ValueError": [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"sampler": [0], "shuffle": True},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": True},
    ]
}


@pytest.mark.parametrize("options", WRONG["ValueError"], ids=str)
def test_options_that_pytorch_refuses_are_refused(options):
    for _, base in LIBRARIES:
        with pytest.raises(ValueError):  # noqa: PT011
            base.DataLoader(range(5), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_a_stream_has_its_own_order(options):
    for _, base in LIBRARIES:

        class Stream(base.IterableDataset):
            def __iter__(self):
                return iter(())

        with pytest.raises(ValueError, match="IterableDataset"):
            base.DataLoader(Stream(), **options)


@pytest.mark.parametrize(
    ("error", "batch"),
    [
        (RuntimeError, lambda t: [t.ones(2), t.ones(3)]),
        (RuntimeError, lambda t: [np.ones(2), np.ones(3)]),
        (RuntimeError, lambda t: [[1, 2], [1]]),
        (TypeError, lambda t: [object(), object()]),
        (TypeError, lambda t: [np.array(["a"]), np.array(["b"])]),
        (TypeError, lambda t: [None]),
        (KeyError, lambda t: [{"a": 1}, {"b": 1}]),
    ],
)
def test_what_cannot_be_collated_is_pytorchs_error(error, batch):
    for library, base in LIBRARIES:
        with pytest.raises(error):
            base.default_collate(batch(library))


def test_tensors_of_different_lengths_make_no_dataset():
    for library, base in LIBRARIES:
        with pytest.raises(AssertionError, match="Size mismatch"):
            base.TensorDataset(library.ones(3), library.ones(4))


@pytest.mark.parametrize(
    "name",
    ["DataLoader", "BatchSampler", "RandomSampler", "SequentialSampler", "SubsetRandomSampler",
     "Subset", "WeightedRandomSampler", "TensorDataset", "ConcatDataset"],
)  # fmt: skip
def test_signatures_are_pytorchs(name):
    mine, theirs = (
        [
            (p.name, p.kind, p.default)
            for p in inspect.signature(getattr(base, name)).parameters.values()
        ]
        for _, base in LIBRARIES
    )
    assert mine == theirs
