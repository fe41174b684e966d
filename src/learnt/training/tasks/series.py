"""Series with one of several classes each: a head on what fixed kernels find in them.

MiniRocket's kernels (models/kernels.py) are better than the pictures of Gramian angular fields
(data/gramian.py) on every set that was tried; `model="gramian"` learns from the pictures.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data.batches import Batch
from learnt.data.gramian import GramianPicture
from learnt.data.prepare import session_of
from learnt.data.series import Series, files_of
from learnt.data.survey import in_threads
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.onnx import Graph, Spec
from learnt.engine.tensor import Tensor
from learnt.errors import DataError
from learnt.models.convnet import convnet
from learnt.models.kernels import FEATURES, Kernels, fit_kernels
from learnt.models.standard import standard_head
from learnt.program.graph import class_graph
from learnt.program.pack import Check
from learnt.runner.program import Program
from learnt.runner.series import Reading
from learnt.runner.text import shown
from learnt.training import measured
from learnt.training.evaluations import of_classes
from learnt.training.features import array_in_a_file
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

MODELS = ("minirocket", "gramian")
CHUNK = 8  # series that one thread takes through the kernels
STEPS = 300  # of training at least
MANY = 20_000  # series, from which a fifth of the features are enough
CHECKED = 12  # series that a program is compared on
NEIGHBOUR = "the nearest neighbour's class"
ON_KERNELS = Recipe(
    "adamw", 1e-4, 1e-2, batch=64, warm_up=0.25, cycle_momentum=True, label_smoothing=0.1
)
ON_PICTURES = Recipe("adamw", 3e-3, 1e-2, batch=64, warm_up=0.25, cycle_momentum=True)
ABOUT = (  # what comes before the graph, for who writes it again
    "each channel stretched to that length, and missing values filled, by straight lines between "
    "neighbours; the ends by the nearest value"
)
LIMITS = (
    "It always answers with one of its classes, also for a series of something else. A series of "
    "another length is stretched to the one that was learnt, so its values must be equally far "
    "apart in time, and show about as much of what happens."
)


class SeriesClasses(Task[Series]):
    """One of several classes a series."""

    name = "series-classification"

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        sides = len(self.data.split.train), len(self.data)
        shape = self.data.channels, self.data.length
        return plan_series(shape, sides, len(self.data.classes), budget, machine, model)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        train = self.data.series[self.data.split.train]
        axes = (0, 2)
        self.mean = train.mean(axes, dtype=np.float64)[:, None].astype(np.float32)
        self.scale = (1 / np.maximum(train.std(axes, dtype=np.float64), 1e-6))[:, None]
        picture = GramianPicture(self.data.channels, self.data.length)
        self.inputs: GramianPicture | Kernels = picture
        shape: tuple[int, ...] = (2 * self.data.channels, picture.size, picture.size)
        if plan.model == "minirocket":
            plain = (train - self.mean) * self.scale.astype(np.float32)
            self.inputs = fit_kernels(plain, self.seed, plan.options["features"])
            shape = (self.inputs.features,)
        self.rows = array_in_a_file((len(self.data), *shape), np.float32)
        self._compute(shape, progress)
        self.targets = self.data.targets

    def network(self, plan: Plan) -> nn.Module:
        classes, train = len(self.data.classes), self.data.split.train
        if plan.model == "minirocket":
            return standard_head(self.rows[train[:5000]], classes)
        channels, size = self.rows.shape[1:3]
        return convnet(classes, channels, size, 0.0, float(self.rows[train[:2000]].std()))

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        return (self.rows[numbers],), self.targets[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=plan.recipe.label_smoothing)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, scores = gathered(answers)
        truth, train = self.targets[numbers], self.data.split.train
        found = of_classes(
            softmax(scores), truth, self.data.classes, self.targets[train], noun="series"
        )
        if side != "test":
            return found
        series = self.data.series
        nearest = nearest_neighbour(series[train], self.targets[train], series[numbers])
        share = float((nearest == truth).mean())
        return replace(found, baseline=share, baseline_name=NEIGHBOUR)

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        numbers = spread(self.data.split.valid, CHECKED)
        check = Check(
            [f"series {number}" for number in numbers],
            [Reading(self.data.series[number]) for number in numbers],
            list(softmax(answers(numbers))),
        )
        channels, length = self.data.channels, self.data.length
        facts = {
            "input": {"kind": "series", "channels": channels, "length": length, "about": ABOUT},
            "output": {"kind": "classes"},
            "labels": self.data.classes,
        }
        spec: Spec = ("series", np.dtype(np.float32), ["batch", channels, length])
        return Parts(class_graph(spec, self._write, network, self.rows[:1]), facts, check)

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        about = size_of(self.data.channels, self.data.length)
        return Words(
            question=f"which of {len(self.data.classes)} classes is a series?",
            limits=LIMITS,
            model=f"series are brought to {about}",
            counts=self.data.counts("train"),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        return measure_series(program, source, columns.get("label"))

    def _write(self, graph: Graph, name: str) -> str:
        """Each channel to mean 0 and deviation 1, by the training series' own; then the rest."""
        centred = graph.add("Sub", name, graph.constant(self.mean))
        plain = graph.add("Mul", centred, graph.constant(self.scale, "float32"))
        return self.inputs.write(graph, plain)

    def _compute(self, shape: tuple[int, ...], progress: Progress) -> None:
        session = session_of(
            self._write,
            ("series", np.dtype(np.float32), ["batch", *self.data.series.shape[1:]]),
            (np.dtype(np.float32), ["batch", *shape]),
        )
        series = self.data.series

        def run(at: int) -> Array:
            found: Array = session.run(None, {"series": series[at : at + CHUNK]})[0]
            return found

        starts = range(0, len(series), CHUNK)
        for at, rows in zip(starts, in_threads(run, starts), strict=True):
            self.rows[at : at + CHUNK] = rows
            progress(min(at + CHUNK, len(series)), len(series))


def size_of(channels: int, length: int) -> str:
    """How large a series is, in words."""
    return f"{length} values" + (f" in {channels} channels" if channels > 1 else "")


def nearest_neighbour(train: Array, targets: Indices, series: Array) -> Indices:
    """The class of the training series (N, C, T) that is nearest, by Euclidean distance."""
    known = train.reshape(len(train), -1).astype(np.float64)
    square = np.square(known).sum(1)
    answers = [
        targets[np.argmin(square - 2 * (part @ known.T), axis=1)]
        for part in np.array_split(series.reshape(len(series), -1), len(series) // 256 + 1)
    ]
    found: Indices = np.concatenate(answers)
    return found


def measure_series(program: Program, source: Path, label: str | None) -> Measured:
    """The program's answers on every series of a source; the baseline is its commonest class."""
    numbers = {name: number for number, name in enumerate(program.labels)}
    notes: list[str] = []
    targets: list[int] = []
    unknown: set[str] = set()
    names: list[str] = []
    every = [0]  # series, as they come

    def known() -> Iterator[Any]:
        for one in files_of(source, label):
            every[0] += 1
            if one.label in numbers:
                names.append(f"series {every[0]}")
                targets.append(numbers[one.label])
                yield one.row
            else:
                unknown.add(one.label or "no label")

    found = [list(result.probabilities.values()) for result in program.batch(known())]
    some = ", ".join(map(shown, sorted(unknown)[:10]))
    if not found:
        raise DataError(
            f"the program knows the classes {', '.join(map(shown, program.labels[:10]))}; "
            f"{shown(source)} has only {some or 'none'}"
        )
    if unknown:
        notes.append(f"passed over series of classes that the program does not know: {some}")
    shares, truth = np.array(found), np.array(targets)
    evaluation = of_classes(shares, truth, program.labels, truth, noun="series")
    return measured.of_classes(evaluation, notes, names, shares.argmax(1), truth)


def plan_series(
    shape: tuple[int, int],
    sides: tuple[int, int],
    classes: int,
    budget: Budget,
    machine: Machine,
    model: str | None = None,
) -> Plan:
    """What learns series of `shape` (channels, length); `sides` are those to train on, and all.

    UsageError where `model` is none of the known ones.
    """
    asked, (channels, length), (train, every) = chosen(model, MODELS), shape, sides
    name = asked or MODELS[0]
    features = FEATURES if every < MANY else FEATURES // 5
    size = min(64, length)
    if name == "minirocket":
        recipe, each = ON_KERNELS, 6 * features * classes / (machine.gflops * 1e9) * 6
        reading = every * features * length * 2.5e-9 / machine.cores
        fact = f"{size_of(channels, length)}, {features:,} features"
    else:
        products = size**2 / 4 * 25 * 2 * channels * 16 + size**2 / 16 * 9 * 16 * 32
        recipe, each = ON_PICTURES, 6 * products / (machine.gflops * 1e9) * 5
        reading = every * 2e-4
        fact = f"{size_of(channels, length)}, as pictures {size} × {size}"
    recipe = replace(recipe, batch=min(recipe.batch, max(8, train // 2)))
    usual = max(4, math.ceil(STEPS / max(1, train // recipe.batch)))
    epochs, reasons = fitting(usual, each * train, reading, budget)
    reason = (
        f"you asked for {asked}"
        if asked
        else "fixed kernels find shapes at every scale in series; only a head on top is trained, "
        "so few examples are enough"
    )
    seconds = reading + epochs * each * train + OVERHEAD
    return Plan(
        name, epochs, recipe, seconds, reading, (reason, *reasons), (("series", fact),),
        {"features": features},
    )  # fmt: skip
