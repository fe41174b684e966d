"""What makes a figure look better than it is: found in the data, said in words.

Each function takes arrays and gives what is to be said, or nothing. That one column gives the
answer away is found by `leaks.py`; that classes are unbalanced or
small, by `training/evaluations.py`.
"""

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.runner.text import percent

Indices = npt.NDArray[np.int64]

TELLING = 0.02  # the share of the held-out examples from which it is said that others are alike
NOISE = 0.01  # the share of labels that cannot be right, from which it is said
LOOKED = 500  # held-out examples that are compared, drawn at random
WORDS = 1000  # of a text
SHINGLE = 3  # words
SAME = 0.8  # of the shingles of two texts, of those of either
HASHES, ROWS = 12, 2  # minima of random functions of the shingles; so many must agree
PORTION = 2**26  # bytes of rows that are compared at once
THUMBNAIL = 16  # pixels
MOMENTS = 0.9995  # cosine of two centred series; in the archive's sets no two reach it
PIXELS = 0.985  # cosine of two centred small pictures; on digits no two different ones reach it
FEATURES = 0.97  # cosine of features; of nine copies in ten that were shrunk by a tenth


def contradictions(inputs: Sequence[Hashable], labels: Sequence[Hashable], noun: str) -> list[str]:
    """Are there equal inputs with different labels, and how much can be right at most?"""
    votes: dict[Hashable, dict[Hashable, int]] = {}
    for item, label in zip(inputs, labels, strict=True):
        counts = votes.setdefault(item, {})
        counts[label] = counts.get(label, 0) + 1
    both = [counts for counts in votes.values() if len(counts) > 1]
    total, wrong = len(labels), sum(sum(c.values()) - max(c.values()) for c in both)
    if wrong < NOISE * max(1, total):
        return []
    return [
        (
            f"{sum(sum(c.values()) for c in both):,} {noun} are equal to others that have another "
            f"label: no answer can be right for more than {percent(1 - wrong / total)} of all"
        )
    ]


def alike_said(count: int, looked: int, noun: str, example: str = "") -> list[str]:
    """That so many of the held-out examples are almost in train as well, if it matters."""
    if count < max(2, TELLING * looked):
        return []
    such = f" ({example})" if example else ""
    share = f"{percent(count / looked)} of the held-out {noun}"
    flattered = "the figure is better than it will be for new ones"
    return [f"{share} are almost the same as one in train{such}: {flattered}"]


def alike_vectors(
    rows: npt.NDArray[Any],
    train: Indices,
    test: Indices,
    least: float,
    centred: bool = False,
    seed: int = 0,
) -> tuple[list[tuple[int, int]], int]:
    """Pairs (held-out, train) whose rows (N, …) have a cosine of at least that; of how many."""
    looked = _drawn(test, seed)
    left = _directions(rows[looked], centred)
    best, where = np.full(len(looked), -1.0), np.zeros(len(looked), np.int64)
    step = max(1, min(4096, PORTION // max(1, left[:1].nbytes)))
    for at in range(0, len(train), step):
        part = train[at : at + step]
        cosines = left @ _directions(rows[part], centred).T
        most = cosines.argmax(1)
        higher = cosines[np.arange(len(looked)), most]
        better = higher > best
        best[better], where[better] = higher[better], part[most[better]]
    alike = np.flatnonzero(best >= least)
    return [(int(looked[i]), int(where[i])) for i in alike], len(looked)


def thumbnail(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """A picture (H, W, C) in grey, 16 × 16, each the mean of its part: copies of another size
    or quality have nearly the same."""
    grey = pixels.mean(2, dtype=np.float32)
    for axis in (0, 1):
        size = grey.shape[axis]
        if size < THUMBNAIL:
            grey = grey.repeat(-(-THUMBNAIL // size), axis)
            size = grey.shape[axis]
        edges = np.arange(THUMBNAIL) * size // THUMBNAIL
        counts = np.diff(edges, append=size).reshape((-1, 1) if axis == 0 else (1, -1))
        grey = np.add.reduceat(grey, edges, axis) / counts
    return np.asarray(grey, np.float32)


def _drawn(numbers: Indices, seed: int) -> Indices:
    if len(numbers) <= LOOKED:
        return numbers
    return np.sort(np.random.default_rng(seed).choice(numbers, LOOKED, replace=False))


def _directions(rows: npt.NDArray[Any], centred: bool) -> npt.NDArray[np.float32]:
    """Of length 1 (or 0), in place where it can be: the rows must be a copy."""
    flat = rows.reshape(len(rows), -1).astype(np.float32, copy=False)
    if centred:
        flat -= flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    np.divide(flat, lengths, out=flat, where=lengths > 0)
    return flat


def alike_texts(
    texts: Sequence[str], train: Indices, test: Indices, seed: int = 0
) -> tuple[list[tuple[int, int]], int]:
    """Pairs (held-out, train) of texts that share most of their three-word shingles; of how many.

    Candidates have equal minima of two random functions of their shingles (MinHash, Broder 1997);
    then the shingles themselves are compared.
    """
    looked = _drawn(test, seed)
    numbers = np.concatenate([looked, train])
    ids: dict[str, int] = {}
    shingles = [_shingles(texts[number], ids) for number in numbers]
    minima = _minima(shingles, seed)
    pairs: dict[int, int] = {}
    for at in range(0, HASHES, ROWS):
        places: dict[bytes, list[int]] = {}
        for place in range(len(looked), len(numbers)):
            places.setdefault(minima[place, at : at + ROWS].tobytes(), []).append(place)
        for place in range(len(looked)):
            if place in pairs or not len(shingles[place]):
                continue
            for other in places.get(minima[place, at : at + ROWS].tobytes(), [])[:50]:
                if _overlap(shingles[place], shingles[other]) >= SAME:
                    pairs[place] = other
                    break
    return [(int(numbers[a]), int(numbers[b])) for a, b in sorted(pairs.items())], len(looked)


def _shingles(text: str, ids: dict[str, int]) -> npt.NDArray[np.uint64]:
    """The different runs of three words, as numbers; a shorter text is one run."""
    words = re.findall(r"\w+", text[: 10 * WORDS].lower())[:WORDS]
    numbers = np.array([ids.setdefault(word, len(ids) + 1) for word in words], np.uint64)
    if len(numbers) < SHINGLE:
        numbers = np.concatenate([numbers, np.zeros(SHINGLE - len(numbers), np.uint64)])
    if not words:
        return numbers[:0]
    runs = numbers[: len(numbers) - SHINGLE + 1].copy()
    for shift in range(1, SHINGLE):
        runs *= np.uint64(0x9E3779B97F4A7C15)
        runs ^= numbers[shift : len(numbers) - SHINGLE + 1 + shift]
    return np.unique(runs)


def _minima(shingles: list[npt.NDArray[np.uint64]], seed: int) -> npt.NDArray[np.uint64]:
    """For each text the least value of each of some random functions of its shingles."""
    sizes = np.array([max(1, len(each)) for each in shingles])
    flat = np.concatenate([each if len(each) else np.zeros(1, np.uint64) for each in shingles])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    random = np.random.default_rng(seed)
    found = np.empty((len(shingles), HASHES), np.uint64)
    for number in range(HASHES):
        start, factor = random.integers(0, 2**64, 2, np.uint64)
        mixed = (flat ^ start) * (factor | np.uint64(1))
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        found[:, number] = np.minimum.reduceat(mixed ^ (mixed >> np.uint64(29)), starts)
    return found


def _overlap(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> float:
    """The share of common shingles of all (Jaccard's)."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / max(1, len(a) + len(b) - common)


def alike_rows(
    keys: Sequence[Hashable], train: Indices, test: Indices
) -> tuple[list[tuple[int, int]], int]:
    """Pairs (held-out, train) of equal keys: rows, but for columns that only number them."""
    first: dict[Hashable, int] = {}
    for number in train:
        first.setdefault(keys[number], int(number))
    return [(int(n), first[keys[n]]) for n in test if keys[n] in first], len(test)
