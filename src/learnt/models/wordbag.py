"""A bag of words, of pairs of neighbouring words, and of runs of letters: a row of scores each.

Numbers of words and of letters come in. Which row of a table a pair or a run has is computed from
them by hashing, in the graph of a program by `WordRows` and `LetterRows`, before training by
their twins for arrays. Rows begin as naive Bayes has them, and training improves on that.
(Wang & Manning 2012; hashed n-grams and parts of words: Joulin et al., Bojanowski et al. 2016)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.autograd import apply
from learnt.engine.nn import functional as F
from learnt.engine.op import Grads, GraphBuilder, Op
from learnt.engine.ops.pick import scatter_rows
from learnt.engine.tensor import Tensor
from learnt.models.ragged import Ragged

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

FIRST = 2  # the number of the commonest word; 0 is the padding, 1 an unknown word
RUNS = (3, 4, 5)  # letters in a run
FACTOR = 1_000_003
PRIME = 2**31 - 1
SPARSE = 8  # buckets for each that is in use: what was never seen seldom meets one of those
MAX_BUCKETS = 1 << 20
FEW_COLUMNS = 8  # of a table, up to which they are looked up one by one
MAX_NUMBERS = 12_000_000  # in a table: rows times classes


def combined(key: Any, number: Any) -> Any:
    """The key of what `key` stands for, followed by `number`; for arrays and for tensors."""
    return (key * FACTOR + number) % PRIME


def buckets_of(keys: Indices, first: int, room: int, at_least: int) -> Array:
    """The row of each bucket (B), from the keys of all that was seen in training (T).

    Rows are counted from `first`; a bucket that was seen less than `at_least` times has row 0,
    and so have the rarest where more than `room` would have one.
    """
    counts = np.bincount(keys % MAX_BUCKETS, minlength=MAX_BUCKETS)
    size = 1 << int(np.ceil(np.log2(SPARSE * np.count_nonzero(counts >= at_least) + 16)))
    size = min(size, MAX_BUCKETS)
    counts = np.bincount(keys % size, minlength=size)
    if np.count_nonzero(counts >= at_least) > room:
        at_least = int(np.sort(counts)[::-1][room]) + 1
    used = counts >= at_least
    rows = np.zeros(size, np.int32)
    rows[used] = first + np.arange(np.count_nonzero(used))
    return rows


def pair_keys(texts: Ragged) -> tuple[Indices, Indices]:
    """The keys of all neighbours that are both known words, and whose texts they are."""
    numbers = texts.numbers.astype(np.int64)
    known = numbers >= FIRST
    real = (texts.owners[:-1] == texts.owners[1:]) & known[:-1] & known[1:]
    return combined(numbers[:-1][real], numbers[1:][real]), texts.owners[:-1][real]


def run_keys(texts: Ragged) -> tuple[Indices, Indices]:
    """The keys of all runs of letters, and whose texts they are."""
    numbers = texts.numbers.astype(np.int64)
    key, keys, owners = numbers, [], []
    for size in range(2, RUNS[-1] + 1):
        rest = max(0, len(numbers) - size + 1)
        key = combined(key[:rest], numbers[size - 1 :])
        inside = texts.owners[:rest] == texts.owners[size - 1 :]
        if size in RUNS:
            keys.append(key[inside])
            owners.append(texts.owners[:rest][inside])
    return np.concatenate(keys), np.concatenate(owners)


def word_rows(texts: Ragged, buckets: Array) -> Ragged:
    """The rows of the words and pairs of each text: what `WordRows` gives, without its zeros."""
    keys, owners = pair_keys(texts)
    pairs = buckets[keys % len(buckets)]
    known = texts.numbers >= FIRST
    return Ragged.sorted(
        np.concatenate([texts.numbers[known], pairs[pairs > 0]]),
        np.concatenate([texts.owners[known], owners[pairs > 0]]),
        len(texts),
    )


def letter_rows(texts: Ragged, buckets: Array) -> Ragged:
    """The rows of the runs of letters of each text, as `LetterRows`, without its zeros."""
    keys, owners = run_keys(texts)
    rows = buckets[keys % len(buckets)]
    return Ragged.sorted(rows[rows > 0], owners[rows > 0], len(texts))


def naive_bayes(rows: Ragged, targets: Indices, count: int, classes: int) -> Array:
    """The table (count, classes) of log P(row|class), less its mean over the classes.

    A row counts once a text, and once more in every class, so that nothing is impossible.
    """
    once = np.sort(rows.owners * count + rows.numbers)
    once = once[np.diff(once, prepend=-1) > 0]  # each (text, row) once
    text, row = once // count, once % count
    seen = np.bincount(row * classes + targets[text], minlength=count * classes) + 1.0
    seen = seen.reshape(count, classes)
    logs = np.log(seen / seen.sum(axis=0))
    table = logs - logs.mean(axis=1, keepdims=True)
    table[0] = 0
    found: Array = table.astype(np.float32)
    return found


class Buckets(nn.Module):
    """Keys (…) → the rows of their buckets (…)."""

    def __init__(self, rows: Array) -> None:
        super().__init__()
        self.rows: Tensor
        self.register_buffer("rows", torch.tensor(rows[:, None]), persistent=False)

    def forward(self, keys: Tensor) -> Tensor:
        return F.embedding(keys % len(self.rows), self.rows).squeeze(-1).long()


class WordRows(nn.Module):
    """Numbers of words (N, L), 0 after the end → rows (N, 2L − 1) of the words and the pairs."""

    def __init__(self, buckets: Array) -> None:
        super().__init__()
        self.buckets = Buckets(buckets)

    def forward(self, ids: Tensor) -> Tensor:
        known = (ids >= FIRST).long()
        pairs = self.buckets(combined(ids[:, :-1], ids[:, 1:])) * known[:, :-1] * known[:, 1:]
        return torch.cat([ids * known, pairs], 1)


class LetterRows(nn.Module):
    """Numbers of letters (N, M), 0 after the end → rows (N, 3M − 9) of runs of 3, 4 and 5."""

    def __init__(self, buckets: Array) -> None:
        super().__init__()
        self.buckets = Buckets(buckets)

    def forward(self, letters: Tensor) -> Tensor:
        key, keys, there = letters, [], []
        for size in range(2, RUNS[-1] + 1):
            last = letters[:, size - 1 :]
            key = combined(key[:, :-1], last)
            if size in RUNS:
                keys.append(key)
                there.append((last > 0).long())
        rows: Tensor = self.buckets(torch.cat(keys, 1))
        return rows * torch.cat(there, 1)


class RowSum(Op):
    """z = Σᵣ W[iᵣ], of each text; ∂L/∂W adds up ∂L/∂z at every row that was taken, but for row 0.

    Shapes: W (V, K), i (N, R), z (N, K). As F.embedding(i, W, 0).sum(1), but column by column
    where these are few: two to four times as fast as with an array (N, R, K) between.
    """

    def forward(self, weight: Array, rows: Array) -> Array:
        self.shape, self.rows = weight.shape, rows
        if weight.shape[1] > FEW_COLUMNS:
            found: Array = np.take(weight, rows, axis=0).sum(1)
            return found
        columns = [np.ascontiguousarray(column).take(rows).sum(1) for column in weight.T]
        return np.stack(columns, 1)

    def backward(self, grad: Array) -> Grads:
        (size, columns), (n, r) = self.shape, self.rows.shape
        if columns > FEW_COLUMNS:
            dw = scatter_rows(
                self.shape, self.rows, np.broadcast_to(grad[:, None], (n, r, columns))
            )
        else:
            rows, each = self.rows.reshape(-1), (np.repeat(g, r) for g in grad.T)
            dw = np.stack([np.bincount(rows, g, size) for g in each], 1).astype(grad.dtype)
        dw[0] = 0
        return dw, None

    def onnx(self, graph: GraphBuilder, weight: str, rows: str) -> str:
        taken = graph.add("Gather", weight, rows, axis=0)
        return graph.add("ReduceSum", taken, graph.constant([1], "int64"), keepdims=0)


class Bag(nn.Module):
    """Rows of a text (N, R), 0 where there is none, → scores (N, K): Σ table[row] / √n.

    n is how many rows are not 0; without any, all scores are 0. Row 0 of the table stays 0.
    """

    def __init__(self, table: Array) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor(table))

    def forward(self, rows: Tensor) -> Tensor:
        count = (rows > 0).sum(1, keepdim=True).clamp(min=1)
        scores = apply(RowSum(), self.table, rows)  # (N, K)
        return scores / count.float().sqrt()


def head(features: int, classes: int) -> nn.Sequential:
    """Features (N, F) → scores (N, K), all 0 as training begins."""
    last = nn.Linear(features, classes)
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return nn.Sequential(nn.BatchNorm1d(features), nn.Dropout(0.2), last)


class TextNetwork(nn.Module):
    """Bags, and a head on a frozen body's features → scores (N, P, K), of P parts.

    The bags are one part, the head another: each learns by itself, and their scores are added
    up. Together, the bags would soon be right about every training text, and the head would
    learn no more.
    """

    def __init__(self, shares: Array, bags: Sequence[Array], features: int = 0) -> None:
        """The classes' shares (K) of the texts; the tables of the bags as training begins."""
        super().__init__()
        self.bags = nn.ModuleList([Bag(table) for table in bags])
        self.head = head(features, len(shares)) if features else None
        logs = np.log(shares)
        self.bias = nn.Parameter(torch.tensor((logs - logs.mean()).astype(np.float32)))

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = [bag(rows) for bag, rows in zip(self.bags, inputs, strict=False)]
        if self.head is not None:
            parts.append(self.head(inputs[-1]))
        return self.joined(*parts)

    def joined(self, *scores: Tensor) -> Tensor:
        """The scores of each bag, and of the head, (N, K) each, as the parts' (N, P, K)."""
        count = len(self.bags)
        bags = sum(scores[1:count], scores[0]) + self.bias
        return torch.stack([bags, *scores[count:]], 1)
