"""Texts with one of several classes each: a bag of words, pairs and letters; with MiniLM's view
of the whole text, where that body has been got."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data.batches import Batch
from learnt.data.texts import Texts, read_rows
from learnt.data.vocabulary import learnt_tokenizer
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.onnx import Graph, write, write_all
from learnt.engine.tensor import Tensor
from learnt.errors import DataError
from learnt.models import wordbag
from learnt.models.ragged import Ragged
from learnt.models.wordbag import LetterRows, TextNetwork, WordRows
from learnt.program.pack import Check
from learnt.runner.plain import CHARACTERS
from learnt.runner.program import Program
from learnt.runner.text import shown
from learnt.runner.texts import TextProgram, reading
from learnt.runner.wordpieces import Tokenizer, letters
from learnt.training.evaluations import of_classes
from learnt.training.metrics import Evaluation
from learnt.training.plan import OVERHEAD, Budget, Machine, Plan, Recipe, chosen, fitting
from learnt.training.tasks.classes import class_table, gathered, softmax
from learnt.training.tasks.task import (
    Answers,
    Array,
    Indices,
    Parts,
    Progress,
    Task,
    Words,
    spread,
)

MODELS = ("words", "minilm")
WORD_LIMIT = 2048  # words of a text that are looked at
LETTER_LIMIT = 2048  # letters
LETTER_CLASSES = 20  # with more, tables of runs of letters grow too large
FEW = 500  # training texts, up to which also words that occur once are kept
STEPS = 580  # of SGD that texts need, about
RECIPE = Recipe("adamw", 3e-3, 0.0, batch=64, warm_up=0.25, cycle_momentum=False)
AT_ONCE = 6_000_000  # numbers that a batch may look up
EACH = 4e-8  # seconds for one of them, forward and backward
MEASURED = 1024  # texts at once
CHECKED = 12  # texts that a program is compared on
LIMITS = (
    "It always answers with one of its classes, also for a text about something else or in another "
    "language. It counts words and parts of words, so irony and far-off negations escape it."
)


class TextClasses(Task[Texts]):
    """One of several classes a text."""

    name = "text-classification"

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        data = self.data
        lengths = [min(len(text), LETTER_LIMIT) for text in data.texts]
        return plan_texts(
            len(data.split.train), len(data), int(np.quantile(lengths, 0.9)), len(data.classes),
            budget, model,
        )  # fmt: skip

    def prepare(self, plan: Plan, progress: Progress) -> None:
        data, options = self.data, plan.options
        train, classes = data.split.train, len(data.classes)
        at_least = options["at_least"]
        self.targets = data.targets
        self.tokenizer, words = learnt_tokenizer(data.texts, train, at_least)
        cut = Tokenizer(self.tokenizer, WORD_LIMIT)
        texts = [cut(text) for text in data.texts]
        known = Ragged.of([texts[i] for i in train])
        keys, _ = wordbag.pair_keys(known)
        room = max(1, wordbag.MAX_NUMBERS // classes - words)
        self.buckets = [wordbag.buckets_of(keys, words, room, max(2, at_least))]
        self.rows = [wordbag.word_rows(Ragged.of(texts), self.buckets[0])]
        if options["letters"]:
            runs = [letters(text, options["letters"]) for text in data.texts]
            keys, _ = wordbag.run_keys(Ragged.of([runs[i] for i in train]))
            room = wordbag.MAX_NUMBERS // classes
            self.buckets.append(wordbag.buckets_of(keys, 1, room, max(2, at_least)))
            self.rows.append(wordbag.letter_rows(Ragged.of(runs), self.buckets[1]))
        self.counts = [max(first, int(b.max()) + 1)
                       for first, b in zip((words, 1), self.buckets, strict=False)]  # fmt: skip
        progress(len(data), len(data))

    def network(self, plan: Plan) -> nn.Module:
        train, classes = self.data.split.train, len(self.data.classes)
        targets = self.targets[train]
        tables = [
            wordbag.naive_bayes(rows.chosen(train), targets, count, classes)
            for rows, count in zip(self.rows, self.counts, strict=True)
        ]
        return TextNetwork(np.bincount(targets, minlength=classes) / len(train), tables)

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        return tuple(rows.padded(numbers) for rows in self.rows), self.targets[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=plan.recipe.label_smoothing)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, outputs = gathered(answers)
        train = self.targets[self.data.split.train]
        return of_classes(
            softmax(outputs), self.targets[numbers], self.data.classes, train, noun="texts"
        )

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        assert isinstance(network, TextNetwork)
        data, most = self.data, plan.options["letters"]
        spec = {"kind": "text", "characters": CHARACTERS, "column": data.column or "text",
                "words": WORD_LIMIT, **({"letters": most} if most else {})}  # fmt: skip
        cutters = {"words": Tokenizer(self.tokenizer, WORD_LIMIT)}
        numbers = spread(data.split.valid, CHECKED)
        check = Check(
            [f"text {number}" for number in numbers],
            [reading(data.texts[number], cutters, most) for number in numbers],
            list(softmax(answers(numbers))),
        )
        facts = {"input": spec, "output": {"kind": "classes"}, "labels": data.classes}
        return Parts(self._graph(network), facts, check, {"words.json": self.tokenizer})

    def _graph(self, network: TextNetwork) -> bytes:
        """Numbers of words and letters (N, any length) in, probabilities (N, K) out."""
        graph, parts = Graph(), list[str]()
        example = Tensor(np.full((2, wordbag.RUNS[-1] + 3), wordbag.FIRST))
        kinds = {"words": WordRows, "letters": LetterRows}
        for (name, rows), buckets, bag in zip(
            kinds.items(), self.buckets, network.bags, strict=False
        ):
            graph.inputs.append((name, np.dtype(np.int64), ["batch", name]))
            whole = nn.Sequential(rows(buckets), bag)
            # A function, not a module: the parts' parameters would have one name.
            value = write(graph, lambda ids, part=whole: part(ids), name, example, ("batch", name))
            parts.append(value.name)
        part = Tensor(np.zeros((2, len(self.data.classes)), np.float32))
        (found,) = write_all(
            graph, lambda *of: network.joined(*of).softmax(1), parts, [part] * len(parts)
        )
        graph.outputs.append((found.name, found.dtype, list(found.shape)))
        data: bytes = graph.proto().SerializeToString()
        return data

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        return Words(
            question=f"which of {len(self.data.classes)} classes is a text?",
            limits=LIMITS,
            model=dict(plan.facts)["texts"],
            details=(class_table(self.data.counts("train"), evaluation),),
        )

    @classmethod
    def measure(
        cls, program: Program, source: Path, columns: dict[str, Any]
    ) -> tuple[Evaluation, list[str]]:
        assert isinstance(program, TextProgram), "its task is one of texts"
        notes: list[str] = []
        text = columns.get("text") or None
        _, rows = read_rows(source, text, columns.get("label"), None, notes)
        numbers = {name: number for number, name in enumerate(program.labels)}
        known = [row for row in rows if row.label in numbers and row.text.strip()]
        if not known:
            raise DataError(
                f"the program knows the classes {', '.join(map(shown, program.labels[:10]))}; "
                f"{shown(source)} has no text with one of them"
            )
        if len(known) < len(rows):
            notes.append(
                f"passed over {len(rows) - len(known)} texts that are empty, or of a class that "
                "the program does not know"
            )
        found: list[Array] = []
        for at in range(0, len(known), MEASURED):
            some = known[at : at + MEASURED]
            found += program.outputs([program.read(row.text) for row in some])
        truth = np.array([numbers[row.label] for row in known])
        return of_classes(np.array(found), truth, program.labels, truth, noun="texts"), notes


def plan_texts(
    train: int, every: int, length: int, classes: int, budget: Budget, model: str | None
) -> Plan:
    """How to learn so many texts, nine tenths of which are at most so many characters long."""
    name = chosen(model, MODELS) or "words"
    limit = LETTER_LIMIT if classes <= LETTER_CLASSES else 0
    looked_up = (len(wordbag.RUNS) * length * bool(limit) + length // 2) * classes
    batch = 2 ** int(np.clip(math.log2(AT_ONCE / looked_up), 2, 6))
    each = EACH * looked_up + 1e-3 / batch
    reading = every * (1e-4 + 5e-7 * length)
    usual = int(np.clip(round(STEPS * RECIPE.batch / train), 2, 10))
    epochs, reasons = fitting(usual, each * train, reading, budget)
    what = "words, pairs of words" + (" and runs of 3 to 5 letters" if limit else "")
    return Plan(
        name, epochs, replace(RECIPE, batch=batch), reading + epochs * each * train + OVERHEAD,
        reading, tuple(reasons),
        (("texts", f"{what}, each with a score for every class"),),
        {"letters": limit, "at_least": 1 if train < FEW else 2},
    )  # fmt: skip
