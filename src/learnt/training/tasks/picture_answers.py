"""Pictures with several labels each, or with a number: the same networks, other answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data.answers import ANumber, SeveralLabels, kind_of_answers, label_matrix, separator_for
from learnt.data.files import Example, find_examples
from learnt.data.source import MAX_BAD
from learnt.engine.nn import functional as F
from learnt.engine.onnx import Graph
from learnt.engine.tensor import Tensor
from learnt.errors import DataError
from learnt.runner.program import Program
from learnt.runner.text import percent, shown
from learnt.training import measured, scores
from learnt.training.evaluations import of_labels, of_numbers
from learnt.training.markdown import table
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.plan import Budget, Machine, Plan
from learnt.training.tasks.classes import gathered
from learnt.training.tasks.files import named as of_file
from learnt.training.tasks.pictures import Pictures
from learnt.training.tasks.task import Answers, Array, Progress, Words

MOST_SHOWN = 12  # labels whose own figures are given


class PictureLabels(Pictures):
    """Any of several labels a picture, or none."""

    name = "image-labels"

    def prepare(self, plan: Plan, progress: Progress) -> None:
        super().prepare(plan, progress)
        self.targets = self.targets.astype(np.float32)

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, targets)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, outputs = gathered(answers)
        train = self.targets[self.data.split.train] > 0
        positive = self.targets[numbers] > 0
        return of_each_label(self.answered(outputs), positive, self.data.classes, train)

    def answered(self, outputs: Array) -> Array:
        return Tensor(outputs).sigmoid().array

    def finish(self, graph: Graph, name: str) -> str:
        return graph.add("Sigmoid", name)

    def facts(self) -> dict[str, Any]:
        return {"output": {"kind": "labels"}, "labels": self.data.classes}

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        counts = self.data.counts("train")
        rows = []
        for name in self.data.classes[:MOST_SHOWN]:
            found = evaluation.others.get(f"AP of {shown(name)}")
            figure = "unknown" if found is None else percent(found)
            rows.append((name, f"{counts[name]:,}", figure))
        return replace(
            super().words(plan, evaluation),
            question=f"which of {len(self.data.classes)} labels does a picture have?",
            limits=(
                "It knows no other labels. A label is given from a probability of a half on. "
                "Pictures unlike those it was trained on get worse answers than the figure says."
            ),
            details=(table(("label", "train", "average precision"), rows),),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        examples = find_examples(source, columns.get("file"), columns.get("label"), classes=0)
        texts = [example.label for example in examples]
        kind = SeveralLabels(separator_for(texts, program.labels))
        answers, normals, names, notes = _answered(program, examples, kind, source)
        found = Counter(name for normal in normals for name in kind.names(normal))
        unknown = {name: n for name, n in found.items() if name not in program.labels}
        if unknown:
            some = ", ".join(f"{shown(name)} ({n})" for name, n in list(unknown.items())[:5])
            notes.append(f"passed over labels that it does not know: {some}")
        positive = label_matrix(normals, kind, program.labels)
        if not positive.any():
            raise DataError(
                f"the program knows the labels {', '.join(map(shown, program.labels[:10]))}; no "
                f"example in {shown(source)} has one of them"
            )
        rows = [[a.probabilities[name] for name in program.labels] for a in answers]
        shares = np.array(rows)
        evaluation = of_each_label(shares, positive, program.labels, positive)
        return measured.of_labels(evaluation, notes, names, shares, positive, program.labels)


class PictureNumber(Pictures):
    """A number a picture. What is learnt is the number less train's mean, in its deviations."""

    name = "image-number"

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        made = super().plan(budget, machine, model)
        if made.recipe.algorithm != "sgd":
            return made
        # The gradient of a square has no bound: a rate that suits classes would blow it up.
        return replace(made, recipe=replace(made.recipe, lr=made.recipe.lr / 10))

    def prepare(self, plan: Plan, progress: Progress) -> None:
        super().prepare(plan, progress)
        self.numbers: Array = self.targets
        train = self.numbers[self.data.split.train]
        self.mean, self.deviation = float(train.mean()), float(train.std()) or 1.0
        scaled = (self.numbers - self.mean) / self.deviation
        self.targets = scaled.astype(np.float32)[:, None]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.mse_loss(outputs, targets)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, outputs = gathered(answers)
        train = self.numbers[self.data.split.train]
        answer = self.answered(outputs)[:, 0].astype(np.float64)
        return of_numbers(answer, self.numbers[numbers], train, noun="pictures")

    def answered(self, outputs: Array) -> Array:
        return outputs * np.float32(self.deviation) + np.float32(self.mean)

    def finish(self, graph: Graph, name: str) -> str:
        scaled = graph.add("Mul", name, graph.constant(self.deviation, np.float32))
        return graph.add("Add", scaled, graph.constant(self.mean, np.float32))

    def facts(self) -> dict[str, Any]:
        comma = isinstance(self.data.answers, ANumber) and self.data.answers.comma
        return {"output": {"kind": "number", **({"comma": True} if comma else {})}}

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        train = self.numbers[self.data.split.train]
        low, high = float(train.min()), float(train.max())
        return replace(
            super().words(plan, evaluation),
            question="which number belongs to a picture?",
            limits=(
                f"It learnt from numbers from {low:.6g} to {high:.6g} and knows nothing beyond. "
                "Pictures unlike those it was trained on get worse answers than the figure says."
            ),
            details=(f"Of train: mean {self.mean:.6g}, deviation {self.deviation:.6g}.",),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        examples = find_examples(source, columns.get("file"), columns.get("label"), classes=0)
        texts = [example.label for example in examples]
        column = columns.get("label") or "label"
        kind, _ = kind_of_answers(texts, column, ANumber.task)
        if program.manifest["output"].get("comma") is True:
            kind = ANumber(comma=True)
        answers, normals, names, notes = _answered(program, examples, kind, source)
        truth = np.array(list(map(float, normals)))
        values = np.array([answer.value for answer in answers])
        found = of_numbers(values, truth, truth, noun="pictures")
        return measured.of_numbers(found, notes, names, values, truth)


def of_each_label(
    probabilities: Array, positive: Array, labels: list[str], train: Array
) -> Evaluation:
    """Mean average precision, and beside it each label's own."""
    found = of_labels(probabilities, positive, labels, train, noun="pictures")
    each = {
        f"AP of {shown(name)}": scores.value(
            scores.average_precision(probabilities[:, at], positive[:, at]), len(positive)
        )
        for at, name in enumerate(labels[:MOST_SHOWN])
        if positive[:, at].any()
    }
    return replace(found, others={**found.others, **each})


def _answered(
    program: Program, examples: Sequence[Example], kind: Any, source: Path
) -> tuple[list[Any], list[str], list[str], list[str]]:
    """The program's answers, the examples' own in normal form, their names, and notes of what
    was left out."""
    answers, normals, names, bad = [], [], [], []
    for example in examples:
        try:
            normal = kind.normal(example.label)
            answers.append(program(example.path))
            normals.append(normal)
            names.append(of_file(example.path, source))
        except (DataError, ValueError) as error:
            reason = str(error) if isinstance(error, DataError) else f"{example.path.name}: {error}"
            bad.append(reason)
    if not answers or len(bad) > MAX_BAD * len(examples):
        raise DataError(
            f"at most a tenth of the examples may be unusable; {len(bad)} of {len(examples)} are: "
            + "; ".join(bad[:5])
        )
    notes = [f"left out {len(bad)} of {len(examples)}: " + "; ".join(bad[:5])] if bad else []
    return answers, normals, names, notes
