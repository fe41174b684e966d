"""Texts with one of several classes each: a bag of words, pairs and letters; with MiniLM's view
of the whole text, where that body has been got."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data import honesty
from learnt.data.batches import Batch
from learnt.data.texts import Texts, read_rows
from learnt.engine import nn, optim
from learnt.engine.nn import functional as F
from learnt.engine.tensor import Tensor
from learnt.errors import DataError, UsageError
from learnt.models.text_bodies import text_body
from learnt.models.wordbag import RUNS, TextNetwork
from learnt.program.pack import Check
from learnt.runner.program import Program
from learnt.runner.text import shown
from learnt.runner.texts import TextProgram
from learnt.training import measured
from learnt.training.evaluations import of_classes
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.plan import OVERHEAD, Budget, Machine, Plan, Recipe, chosen, fitting
from learnt.training.tasks.classes import gathered, softmax
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
from learnt.training.text_inputs import LETTER_LIMIT, TextInputs

MODELS = ("words", "minilm")
LETTER_CLASSES = 20  # with more, tables of runs of letters grow too large
MOST_LETTERS = 8_000_000  # of all texts: each is in three runs, and each run takes 40 bytes
FEWEST_LETTERS = 128  # of a text: fewer tell too little
FEW = 500  # training texts, up to which also words that occur once are kept
STEPS = 580  # of SGD that texts need, about
RECIPE = Recipe("adamw", 3e-3, 0.0, batch=64, warm_up=0.25, cycle_momentum=False)
AT_ONCE = 6_000_000  # numbers that a batch may look up
EACH = 1e-8  # seconds for one of them, forward and backward
CHARACTER = 9e-7  # seconds, to read one of a text
PIECE = 4  # letters of a piece of a word, as MiniLM takes them
PIECE_OPERATIONS = 17e6  # for each: two thirds of the texts take half of what others do
SLOWER_HEAD = 3  # times, than the bags
MEASURED = 1024  # texts at once
CHECKED = 12  # texts that a program is compared on
LIMITS = (
    "It always answers with one of its classes, also for a text about something else or in another "
    "language. It mostly counts words and parts of words: irony and far-off negations escape it."
)


class TextClasses(Task[Texts]):
    """One of several classes a text."""

    name = "text-classification"

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        data = self.data
        whole = np.array([len(text) for text in data.texts])
        lengths = np.minimum(whole, LETTER_LIMIT)
        limit = letter_limit(lengths, len(data.classes))
        lengths = np.minimum(lengths, limit or LETTER_LIMIT)
        name, reason = _model(chosen(model, MODELS))
        return plan_texts(
            len(data.split.train), len(data), int(np.quantile(lengths, 0.9)), len(data.classes),
            limit, budget, machine, name, reason, int(whole.sum()),
        )  # fmt: skip

    def prepare(self, plan: Plan, progress: Progress) -> None:
        data, options = self.data, plan.options
        self.targets = data.targets
        body = text_body("minilm", plan.weights) if plan.model == "minilm" else None
        self.inputs = TextInputs(
            data.texts, data.split.train, len(data.classes), options["at_least"],
            options["letters"], body, progress,
        )  # fmt: skip
        pairs, looked = honesty.alike_texts(data.texts, data.split.train, data.split.test)
        for text in honesty.alike_said(len(pairs), looked, "texts"):
            data.note(text)

    def quicken(self, plan: Plan, progress: Progress) -> Callable[[], None] | None:
        return None if self.inputs.body is None else self.inputs.quicken(progress)

    def network(self, plan: Plan) -> nn.Module:
        train = self.data.split.train
        return self.inputs.network(train, self.targets[train])

    def optimizer(self, network: nn.Module, plan: Plan) -> optim.Optimizer:
        assert isinstance(network, TextNetwork)
        lr = plan.recipe.lr
        groups = [{"params": [*network.bags.parameters(), network.bias], "lr": lr}]
        if network.head is not None:
            groups.append({"params": list(network.head.parameters()), "lr": lr / SLOWER_HEAD})
        return optim.AdamW(groups, lr=lr, weight_decay=plan.recipe.weight_decay)

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        return self.inputs.batch(numbers), self.targets[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        """The sum of the parts' own losses.  outputs (N, P, K)"""
        parts = [F.cross_entropy(outputs[:, p], targets) for p in range(outputs.shape[1])]
        return sum(parts[1:], parts[0])

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, outputs = gathered(answers)
        train = self.targets[self.data.split.train]
        shares = softmax(outputs.sum(axis=1))
        return of_classes(shares, self.targets[numbers], self.data.classes, train, noun="texts")

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        assert isinstance(network, TextNetwork)
        data, inputs = self.data, self.inputs
        numbers = spread(data.split.valid, CHECKED)
        check = Check(
            [f"text {number}" for number in numbers],
            [inputs.reading(data.texts[number]) for number in numbers],
            list(softmax(answers(numbers).sum(axis=1))),
        )
        spec = inputs.spec(data.column or "text")
        facts = {"input": spec, "output": {"kind": "classes"}, "labels": data.classes}
        return Parts(inputs.graph(network), facts, check, inputs.assets)

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        body = text_body("minilm")
        return Words(
            question=f"which of {len(self.data.classes)} classes is a text?",
            limits=LIMITS,
            model=dict(plan.facts)["texts"],
            body=body if plan.model == "minilm" else None,
            counts=self.data.counts("train"),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        assert isinstance(program, TextProgram), "its task is one of texts"
        notes: list[str] = []
        text = columns.get("text") or None
        _, rows = read_rows(source, text, columns.get("label"), None, notes)
        numbers = {name: number for number, name in enumerate(program.labels)}
        places = [i for i, row in enumerate(rows) if row.label in numbers and row.text.strip()]
        known = [rows[place] for place in places]
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
        shares = np.array(found)
        evaluation = of_classes(shares, truth, program.labels, truth, noun="texts")
        names = [f"text {at + 1}: {rows[at].text.strip()[:50]}" for at in places]
        return measured.of_classes(evaluation, notes, names, shares.argmax(1), truth)


def letter_limit(lengths: Indices, classes: int) -> int:
    """How many letters of each text are looked at, so that they are not too many in all."""
    limit = LETTER_LIMIT if classes <= LETTER_CLASSES else 0
    while limit and int(np.minimum(lengths, limit).sum()) > MOST_LETTERS:
        limit = limit // 2 if limit > FEWEST_LETTERS else 0
    return limit


def plan_texts(
    train: int,
    every: int,
    length: int,
    classes: int,
    limit: int,
    budget: Budget,
    machine: Machine,
    model: str,
    reason: str,
    characters: int | None = None,
) -> Plan:
    """How to learn so many texts, nine tenths of which are at most so many characters long.

    Of each, so many letters are looked at as runs: `limit`; all of them have so many characters,
    which are read, cut into words and compared.
    """
    looked_up = (len(RUNS) * length * bool(limit) + length // 2) * classes
    batch = 2 ** int(np.clip(math.log2(AT_ONCE / max(1, looked_up)), 2, 6))
    each = EACH * looked_up + 1e-3 / batch
    reading = every * 1e-4 + CHARACTER * (every * length if characters is None else characters)
    if model == "minilm":
        pieces = min(text_body(model).limit, length // PIECE + 2)
        reading += every * pieces * PIECE_OPERATIONS / (machine.gflops * 1e9 * machine.cores)
    usual = int(np.clip(round(STEPS * RECIPE.batch / train), 2, 10))
    epochs, reasons = fitting(usual, each * train, reading, budget)
    what = "words, pairs of words" + (" and runs of 3 to 5 letters" if limit else "")
    return Plan(
        model, epochs, replace(RECIPE, batch=batch), reading + epochs * each * train + OVERHEAD,
        reading, (reason, *reasons),
        (("texts", f"{what}, each with a score for every class"),),
        {"letters": limit, "at_least": 1 if train < FEW else 2},
    )  # fmt: skip


def _model(asked: str | None) -> tuple[str, str]:
    """The model, and why it is that."""
    body = text_body("minilm")
    if asked:
        if asked == "minilm" and not body.ready():
            raise UsageError(f"the model minilm needs its body first, {body.unready}")
        return asked, f"you asked for {asked}"
    if body.ready():
        return "minilm", (
            "the body minilm is here: it sees each text as a whole, besides the words in it"
        )
    return "words", (
        f"words and letters alone tell much; the body minilm tells more, {body.unready}"
    )
