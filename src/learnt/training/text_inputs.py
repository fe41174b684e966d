"""What a network takes of texts: rows of words and letters, and a frozen body's features.

All of it is learnt from the training texts only, once, before training; a program finds the same
by its tokenizer.json and within its graph.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnt.data.vocabulary import learnt_tokenizer
from learnt.engine import nn
from learnt.engine.onnx import Graph, write, write_all
from learnt.engine.tensor import Tensor
from learnt.models import wordbag
from learnt.models.ragged import Array, Indices, Ragged
from learnt.models.text_bodies import TextBody
from learnt.models.wordbag import LetterRows, TextNetwork, WordRows
from learnt.runner.texts import Reading, reading
from learnt.runner.wordpieces import CHARACTERS, Tokenizer, letters
from learnt.training.features import array_in_a_file
from learnt.training.text_features import text_features

Progress = Callable[[int, int], None]  # (done, of)
WORD_LIMIT = 1024  # words of a text that are looked at
LETTER_LIMIT = 2048  # letters
IDS = np.dtype(np.int64)


@dataclass(frozen=True)
class Table:
    """One bag: which rows each text has, how many there are, and how a graph finds them."""

    rows: Ragged
    count: int
    finder: nn.Module  # numbers of words or letters → rows


class TextInputs:
    """The inputs of the network for some texts, of which `train` are learnt from."""

    def __init__(
        self,
        texts: Sequence[str],
        train: Indices,
        classes: int,
        at_least: int,
        letter_limit: int,
        body: TextBody | None,
        progress: Progress,
    ) -> None:
        """`at_least` is how often a word must occur; letters are left out at a limit of 0."""
        self.classes, self.letters, self.body = classes, letter_limit, body
        self.texts, self.train = texts, train
        tokenizer, self.words = learnt_tokenizer(texts, train, at_least)
        self.assets = {"words.json": tokenizer}
        self.cutters = {"words": Tokenizer(tokenizer, WORD_LIMIT)}
        if body is not None:
            self.assets["pieces.json"] = body.tokenizer()
            self.cutters["pieces"] = Tokenizer(self.assets["pieces.json"], body.limit)
        self.tables = {"words": self._words(texts, train, max(2, at_least))}
        if letter_limit:
            self.tables["letters"] = self._letters(texts, train, max(2, at_least))
        self.features = None if body is None else self._features(body, progress)
        progress(len(texts), len(texts))

    def batch(self, numbers: Indices) -> tuple[Array, ...]:
        """The network's inputs for some texts."""
        parts: list[Array] = [table.rows.padded(numbers) for table in self.tables.values()]
        return tuple(parts if self.features is None else [*parts, self.features[numbers]])

    def quicken(self, progress: Progress) -> Callable[[], None]:
        """Take the body with products in 8 bits from now on; gives what undoes it."""
        assert self.body is not None, "there is a body"
        before = self.body, self.features
        self.body = self.body.quicker()
        self.features = self._features(self.body, progress)

        def undo() -> None:
            self.body, self.features = before

        return undo

    def network(self, train: Indices, targets: Indices) -> TextNetwork:
        """A new network; `targets` are those of the training texts."""
        tables = [
            wordbag.naive_bayes(table.rows.chosen(train), targets, table.count, self.classes)
            for table in self.tables.values()
        ]
        shares = (np.bincount(targets, minlength=self.classes) + 1) / (len(train) + self.classes)
        return TextNetwork(shares, tables, 0 if self.body is None else self.body.features)

    def reading(self, text: str) -> Reading:
        """A text as its program reads it."""
        return reading(text, self.cutters, self.letters)

    def spec(self, column: str) -> dict[str, Any]:
        """What a manifest says of the input."""
        spec = {"kind": "text", "characters": CHARACTERS, "column": column, "words": WORD_LIMIT}
        if self.letters:
            spec["letters"] = self.letters
        return spec if self.body is None else {**spec, "pieces": self.body.limit}

    def graph(self, network: TextNetwork) -> bytes:
        """Numbers of words, letters and pieces (N, any length) in, probabilities (N, K) out."""
        graph, parts = Graph(), list[str]()
        example = Tensor(np.full((2, wordbag.RUNS[-1] + 3), wordbag.FIRST))
        for (name, table), bag in zip(self.tables.items(), network.bags, strict=True):
            graph.inputs.append((name, IDS, ["batch", name]))
            whole = nn.Sequential(table.finder, bag)
            # A function, not a module: the parts' parameters would share their names.
            value = write(graph, lambda ids, part=whole: part(ids), name, example, ("batch", name))
            parts.append(value.name)
        if self.body is not None:
            graph.inputs.append(("pieces", IDS, ["batch", "pieces"]))
            features = Tensor(np.zeros((2, self.body.features), np.float32))
            assert network.head is not None, "there is a body"
            parts.append(
                write(graph, network.head, self.body.write(graph, "pieces"), features).name
            )
        part = Tensor(np.zeros((2, self.classes), np.float32))
        (found,) = write_all(
            graph, lambda *of: network.joined(*of).sum(1).softmax(1), parts, [part] * len(parts)
        )
        graph.outputs.append((found.name, found.dtype, list(found.shape)))
        data: bytes = graph.proto().SerializeToString()
        return data

    def _features(self, body: TextBody, progress: Progress) -> Array:
        """The body's features of all texts.

        What is held out is seen as the program will see it. A head learns as well from features
        in 8 bits, which take half the time; so they do, where the weights are not to be exact.
        """
        quick = body if body.weights_as == "float32" else body.quicker()
        held = np.setdiff1d(np.arange(len(self.texts)), self.train)
        found, of = array_in_a_file((len(self.texts), body.features), np.float32), len(self.texts)
        found[held] = text_features(
            body, [self.texts[i] for i in held], lambda done, _: progress(done, of)
        )
        found[self.train] = text_features(
            quick, [self.texts[i] for i in self.train],
            lambda done, _: progress(len(held) + done, of),
        )  # fmt: skip
        return found

    def _words(self, texts: Sequence[str], train: Indices, at_least: int) -> Table:
        cut = self.cutters["words"]
        every = Ragged.of([np.array(cut(text), np.int32) for text in texts])
        keys, _ = wordbag.pair_keys(every.chosen(train))
        room = max(1, wordbag.MAX_NUMBERS // self.classes - self.words)
        buckets = wordbag.buckets_of(keys, self.words, room, at_least)
        count = max(self.words, int(buckets.max()) + 1)
        return Table(wordbag.word_rows(every, buckets), count, WordRows(buckets))

    def _letters(self, texts: Sequence[str], train: Indices, at_least: int) -> Table:
        every = Ragged.of([letters(text, self.letters) for text in texts])
        keys, _ = wordbag.run_keys(every.chosen(train))
        buckets = wordbag.buckets_of(keys, 1, wordbag.MAX_NUMBERS // self.classes, at_least)
        rows = wordbag.letter_rows(every, buckets)
        return Table(rows, int(buckets.max()) + 1, LetterRows(buckets))
