"""What a frozen body makes of texts: tokenised, batched by length, in ONNX Runtime, cached.

Texts of like length go through the body together, so that little is padded; a text's features
do not depend on its company. Each text is computed once: other labels or a second training
find its features again, by the sha256 of the text.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.survey import in_threads
from learnt.errors import MissingDependencyError
from learnt.models.text_bodies import TextBody
from learnt.training.cache import FeatureCache, feature_cache
from learnt.training.features import array_in_a_file

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]  # (done, of)
TOGETHER = 16  # texts in a batch,
TOKENS = 1024  # but no more tokens than this, or what lies between two layers leaves the caches
PART = 4096  # texts that are tokenised, or looked up, at once


def text_features(body: TextBody, texts: Sequence[str], progress: Progress) -> Array:
    """The features of each text: (len(texts), body.features) float32, in a file."""
    if not texts:
        return np.zeros((0, body.features), np.float32)
    features = array_in_a_file((len(texts), body.features), np.float32)
    digests = [hashlib.sha256(t.encode("utf-8", "surrogatepass")).hexdigest() for t in texts]
    first = {digest: number for number, digest in reversed([*enumerate(digests)])}
    with feature_cache(body.describe()) as cache:
        missing = sorted(_fill(features, first, cache))
        done = len(texts) - len(missing)
        progress(done, len(texts))
        for numbers, rows in _computed(body, texts, missing):
            features[numbers] = rows
            cache.keep({digests[i]: row.tobytes() for i, row in zip(numbers, rows, strict=True)})
            done += len(numbers)
            progress(done, len(texts))
    for number, digest in enumerate(digests):
        if first[digest] != number:
            features[number] = features[first[digest]]
    return features


def _fill(features: Array, first: dict[str, int], cache: FeatureCache) -> list[int]:
    """Put the rows that the cache has where `first` says; returns the numbers of the others."""
    missing, digests = list[int](), list(first)
    for at in range(0, len(digests), PART):
        part = digests[at : at + PART]
        found = cache.known(part, features[0].nbytes)
        for digest in part:
            if digest in found:
                features[first[digest]] = np.frombuffer(found[digest], np.float32)
            else:
                missing.append(first[digest])
    return missing


def tokeniser(body: TextBody) -> Any:
    """What cuts a text into the body's tokens; MissingDependencyError without `tokenizers`."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingDependencyError("tokenizers") from None
    return Tokenizer.from_buffer(body.tokenizer())


def _computed(
    body: TextBody, texts: Sequence[str], numbers: list[int]
) -> Iterator[tuple[list[int], Array]]:
    """Some numbers of texts with their features, until all are done."""
    if not numbers:
        return
    cut, session = tokeniser(body), _session(body)

    def batches() -> Iterator[tuple[list[int], Array]]:
        for at in range(0, len(numbers), PART):
            part = numbers[at : at + PART]
            clean = [texts[i].encode("utf-8", "replace").decode() for i in part]
            tokens = [e.ids for e in cut.encode_batch_fast(clean)]
            for rows in by_length([len(t) for t in tokens]):
                yield [part[i] for i in rows], padded([tokens[i] for i in rows])

    def run(batch: tuple[list[int], Array]) -> tuple[list[int], Array]:
        return batch[0], session.run(None, {"ids": batch[1]})[0]

    yield from in_threads(run, batches())


def by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The numbers of texts of like length, a batch at a time; the longest first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    at = 0
    while at < len(order):
        size = min(TOGETHER, max(1, TOKENS // max(lengths[order[at]], 1)))
        yield order[at : at + size]
        at += size


def padded(tokens: Sequence[Sequence[int]]) -> Array:
    """Numbers of tokens as one array (N, L), padded with 0."""
    ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
    for row, numbers in zip(ids, tokens, strict=True):
        row[: len(numbers)] = numbers
    return ids


def _session(body: TextBody) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the batches are shared out to threads instead
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(body.onnx(), options, providers=["CPUExecutionProvider"])
