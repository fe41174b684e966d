"""Pictures with one of several classes each: from scratch if they are small and many, else a
head on the features of a frozen body."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data import honesty
from learnt.data.batches import Batch, Transform
from learnt.data.images import Images, Summary
from learnt.data.prepare import Preparation
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.onnx import Graph
from learnt.engine.tensor import Tensor
from learnt.models.bodies import BODIES, body
from learnt.models.convnet import WIDTH, convnet
from learnt.models.head import head
from learnt.program.graph import program_graph
from learnt.program.pack import Check
from learnt.runner.program import Program
from learnt.runner.text import shown
from learnt.training.evaluations import of_classes
from learnt.training.features import BodyFeatures, Inputs, PreparedPictures, decoded
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.plan import OVERHEAD, Budget, Machine, Plan, Recipe, chosen, fitting
from learnt.training.tasks.classes import gathered, softmax
from learnt.training.tasks.files import measure_files
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

SMALL_SIDE = 40  # pixels: up to here pictures are "small"
SMALL_LARGEST = 32  # what small pictures are brought to, at most
ENOUGH = 1000  # training examples from which a small network learns well from scratch
MODELS = ("convnet", "efficientnet-lite0")
BODY_SIZE = 224
BODY_OPERATIONS = 0.77e9  # of EfficientNet-Lite0 for one picture of that size
ONE_VIEW = ("whole",)
FEW_VIEWS = ("whole", "flip", "middle", "upper left", "lower right")
FEW = 500  # training examples, up to which several views of each are worth their time
HEAD_STEPS = 150  # that a head needs at least, however few its examples
CHECKED = 12  # pictures that a program is compared on
FROM_SCRATCH = Recipe("sgd", 0.1, 5e-4, batch=64, warm_up=0.25, cycle_momentum=False)
ON_FEATURES = Recipe("adamw", 2e-3, 1e-2, batch=64, warm_up=0.25, cycle_momentum=True)
LIMITS = (
    "It always answers with one of its classes, also for a picture of something else. Pictures "
    "unlike those it was trained on get worse answers than the figure above says."
)


class Pictures(Task[Images]):
    """One of several classes a picture."""

    name = "image-classification"

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        return plan_pictures(self.data.summary(), budget, machine, model)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        options = plan.options
        preparation = Preparation(options["size"], options["channels"])
        self.inputs: Inputs = (
            BodyFeatures(
                preparation,
                body(plan.model, plan.weights),
                options["views"],
            )
            if options["views"]
            else PreparedPictures(preparation)
        )
        self.rows = self.inputs.collect(self.data, progress)
        self.targets = self.data.targets
        self._note_alike()
        self.augmentation: Transform | None = self.inputs.augmentation(self.seed)

    def quicken(self, plan: Plan, progress: Progress) -> Callable[[], None] | None:
        if not isinstance(self.inputs, BodyFeatures):
            return None
        before = self.inputs, self.rows
        fast = body(plan.model).quicker()
        self.inputs = BodyFeatures(self.inputs.preparation, fast, self.inputs.views)
        self.rows = self.inputs.collect(self.data, progress)

        def undo() -> None:
            self.inputs, self.rows = before

        return undo

    def _note_alike(self) -> None:
        """Are held-out pictures almost in train as well? Their rows tell, as they are there."""
        features = isinstance(self.inputs, BodyFeatures)
        rows, split = self.inputs.plain(self.rows), self.data.split
        least = honesty.FEATURES if features else honesty.PIXELS
        pairs, looked = honesty.alike_vectors(rows, split.train, split.test, least, not features)
        first = [shown(self.data.pictures[number].path.name) for number in (*pairs, (0, 0))[0]]
        such = f"such as {first[0]} and {first[1]}"
        for text in honesty.alike_said(len(pairs), looked, "pictures", such):
            self.data.note(text)

    def network(self, plan: Plan) -> nn.Module:
        classes = max(1, len(self.data.classes))
        if plan.options["views"]:
            return head(self.rows.shape[-1], classes)
        sample = self.rows[self.data.split.train[:5000]]
        mean, std = float(sample.mean()), float(sample.std())
        return convnet(classes, plan.options["channels"], plan.options["size"], mean, std)

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        rows = self.rows[numbers]
        if random is None:
            rows = self.inputs.plain(rows)
        elif self.augmentation is not None:
            rows = self.augmentation(rows, random)
        return (rows,), self.targets[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=plan.recipe.label_smoothing)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, scores = gathered(answers)
        train = self.targets[self.data.split.train]
        return of_classes(
            softmax(scores), self.targets[numbers], self.data.classes, train, noun="pictures"
        )

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        row = self.inputs.plain(self.rows[:1])
        channels, size = plan.options["channels"], plan.options["size"]
        numbers = spread(self.data.split.valid, CHECKED)
        check = Check(
            [self.data.pictures[number].path.name for number in numbers],
            [decoded(self.data, int(n), self.inputs.preparation) for n in numbers],
            list(self.answered(answers(numbers))),
        )
        facts = {
            "input": {"kind": "image", "channels": channels, "size": size},
            **self.facts(),
        }
        graph = program_graph(self.inputs.write, network, row, channels, self.finish)
        return Parts(graph, facts, check)

    def answered(self, outputs: Array) -> Array:
        """The network's outputs (N, K) as the program gives them."""
        return softmax(outputs)

    def finish(self, graph: Graph, name: str) -> str:
        """Append the same to the program's graph, to the value `name`."""
        return graph.add("Softmax", name, axis=1)

    def facts(self) -> dict[str, Any]:
        """What the manifest says of the answers."""
        return {"output": {"kind": "classes"}, "labels": self.data.classes}

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        size, used = plan.options["size"], BODIES.get(plan.model)
        train = self.data.counts("train")
        return Words(
            question=f"which of {len(self.data.classes)} classes is a picture?",
            limits=LIMITS,
            model=f"pictures are brought to {size} × {size}",
            body=used,
            counts=train,
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        return measure_files(program, source, columns.get("file"), columns.get("label"))


def plan_pictures(
    summary: Summary, budget: Budget, machine: Machine, model: str | None = None
) -> Plan:
    """Choose a model and a schedule for the pictures, within the budget.

    `model` names one instead; UsageError lists the known ones.
    """
    asked = chosen(model, MODELS)
    small = summary.side <= SMALL_SIDE and summary.train >= ENOUGH
    reason = f"you asked for {asked}" if asked else _reason(summary, small)
    from_scratch = asked == "convnet" if asked else small
    make = _from_scratch if from_scratch else _on_features
    return make(summary, budget, machine, reason)


def _reason(summary: Summary, small: bool) -> str:
    if small:
        return (
            f"the pictures are small ({summary.side} pixels) and there are {summary.train:,} to "
            "train on: a small convolutional network learns them from scratch"
        )
    if summary.side <= SMALL_SIDE:
        return (
            f"the pictures are small, but {summary.train:,} are few to learn from: a pretrained "
            "body has seen a million"
        )
    return (
        f"the pictures are photos or drawings (about {summary.side} pixels): a pretrained body "
        "already sees shapes and textures, so only a head is trained"
    )


def _from_scratch(s: Summary, budget: Budget, machine: Machine, reason: str) -> Plan:
    size = max(8, min(s.side, SMALL_LARGEST))
    products = size**2 / 4 * 25 * s.channels * WIDTH + size**2 / 16 * 9 * WIDTH * 2 * WIDTH
    # Small products, and the work between them, run at a fifth of the speed of large ones.
    each = 6 * products / (machine.gflops * 1e9) * 5
    reading = (s.train + s.valid + s.test) * 2e-4
    steps = 385 if s.train < 10_000 else 1500
    usual = max(3, min(30, round(steps * FROM_SCRATCH.batch / s.train)))
    epochs, reasons = fitting(usual, each * s.train, reading, budget)
    seconds = reading + epochs * each * s.train + OVERHEAD
    return _planned(
        "convnet", epochs, FROM_SCRATCH, seconds, reading, [reason, *reasons], size, s.channels, ()
    )


def _on_features(s: Summary, budget: Budget, machine: Machine, reason: str) -> Plan:
    every = s.train + s.valid + s.test
    few = s.train <= FEW and s.side > SMALL_SIDE
    views = FEW_VIEWS if few else ONE_VIEW
    # The body runs at 0.7 of the speed of one large product; decoding takes some milliseconds.
    work = BODY_OPERATIONS / (0.7 * machine.gflops * 1e9) * len(views)
    reading = every * (work + 4e-3) / machine.cores
    # Forward and backward, and an optimiser that reads and writes every weight six times.
    each = 6 * (1280 * 512 + 512 * s.classes) / (machine.gflops * 1e9) * 3
    recipe = replace(ON_FEATURES, batch=64 if s.train >= 256 else 16)
    usual = max(4, math.ceil(HEAD_STEPS / max(1, s.train // recipe.batch)))
    epochs, reasons = fitting(usual, each * s.train, reading, budget)
    if few:
        reasons.append(f"they are few, so {len(views)} views of each take part: {', '.join(views)}")
    seconds = reading + epochs * each * s.train + OVERHEAD
    return _planned(
        "efficientnet-lite0", epochs, recipe, seconds, reading, [reason, *reasons], BODY_SIZE, 3,
        views,
    )  # fmt: skip


def _planned(
    model: str,
    epochs: int,
    recipe: Recipe,
    seconds: float,
    reading: float,
    reasons: list[str],
    size: int,
    channels: int,
    views: tuple[str, ...],
) -> Plan:
    colours = "grey" if channels == 1 else "RGB"
    facts = (("pictures", f"{size} × {size}, {colours}"),)
    options = {"size": size, "channels": channels, "views": list(views)}
    return Plan(model, epochs, recipe, seconds, reading, tuple(reasons), facts, options)
