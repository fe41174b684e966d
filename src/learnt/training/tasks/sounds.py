"""Sounds with one of several classes each: a small network that listens, learnt from scratch.

A sound becomes a picture of bands and frames (data/mel.py) in ONNX Runtime, once; the same
operators are the beginning of the program's graph.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data import honesty
from learnt.data.batches import Batch
from learnt.data.mel import MelPicture
from learnt.data.prepare import session_of
from learnt.data.sounds import Sounds
from learnt.data.survey import in_threads
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.onnx import Spec
from learnt.engine.tensor import Tensor
from learnt.errors import SoundError
from learnt.models.listener import WIDTH, Listener
from learnt.program.graph import class_graph
from learnt.program.pack import Check
from learnt.runner.audio import RATE, window
from learnt.runner.program import Program
from learnt.runner.sounds import Heard
from learnt.runner.text import shown
from learnt.training.augment import shifted_and_masked
from learnt.training.evaluations import of_classes
from learnt.training.features import collected
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

MODELS = ("listener",)
HEARD = 0.8  # the share of sounds that are heard whole
SHORTEST, LONGEST = 0.5, 10.0  # seconds that are heard of each
STEPS = 450  # of training at least, up to so many epochs:
MOST_EPOCHS = 60
ALIKE = 0.99  # cosine of two pictures
CHECKED = 12  # sounds that a program is compared on
RECIPE = Recipe("adamw", 3e-3, 1e-2, batch=64, warm_up=0.25, cycle_momentum=True)
ABOUT = (  # what comes before the graph, for who writes it again
    "one channel, 16 bits: the channels' mean; of the first 60 s the loudest stretch of that size, "
    "a shorter sound in the middle of zeros"
)
LIMITS = (
    "It always answers with one of its classes, also for a sound of something else. Of a long "
    "sound it hears the loudest stretch of the first 60 seconds. If the sounds of a class were "
    "recorded by few people or with one microphone, it may know these by their voices, and "
    "others less well than the figure above says: measure it on other people's recordings."
)


class SoundClasses(Task[Sounds]):
    """One of several classes a sound."""

    name = "sound-classification"

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        lengths = [sound.header.seconds for sound in self.data.sounds]
        sides = len(self.data.split.train), len(self.data)
        return plan_sounds(lengths, sides, budget, machine, model)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        self.picture = MelPicture(plan.options["frames"])
        hear = _Hearing(self.data, self.picture)
        shape = len(self.data), self.picture.bands, self.picture.frames
        self.rows = collected(
            self.data, shape, np.float32, in_threads(hear, range(len(self.data))), progress
        )
        self.targets = self.data.targets
        self._note_alike()

    def _note_alike(self) -> None:
        """Are held-out sounds almost in train as well? Their pictures tell, as they are there."""
        split = self.data.split
        pairs, looked = honesty.alike_vectors(self.rows, split.train, split.test, ALIKE)
        first = [shown(self.data.sounds[number].path.name) for number in (*pairs, (0, 0))[0]]
        such = f"such as {first[0]} and {first[1]}"
        for text in honesty.alike_said(len(pairs), looked, "sounds", such):
            self.data.note(text)

    def network(self, plan: Plan) -> nn.Module:
        std = float(self.rows[self.data.split.train[:2000]].std())
        return Listener(len(self.data.classes), self.picture.bands, std)

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        rows = self.rows[numbers]
        if random is not None:
            rows = shifted_and_masked(rows, random)
        return (rows,), self.targets[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.cross_entropy(outputs, targets)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, scores = gathered(answers)
        train = self.targets[self.data.split.train]
        return of_classes(
            softmax(scores), self.targets[numbers], self.data.classes, train, noun="sounds"
        )

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        size = self.picture.size
        numbers = spread(self.data.split.valid, CHECKED)
        check = Check(
            [self.data.sounds[number].path.name for number in numbers],
            [Heard(window(self.data.decoded(int(number)), size)) for number in numbers],
            list(softmax(answers(numbers))),
        )
        facts = {
            "input": {"kind": "sound", "rate": RATE, "size": size, "about": ABOUT},
            "output": {"kind": "classes"},
            "labels": self.data.classes,
        }
        spec: Spec = ("samples", np.dtype(np.int16), ["batch", size])
        return Parts(class_graph(spec, self.picture.write, network, self.rows[:1]), facts, check)

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        return Words(
            question=f"which of {len(self.data.classes)} classes is a sound?",
            limits=LIMITS,
            model=f"{self.picture.size / RATE:.1f} s of each sound are heard, at 16 kHz",
            counts=self.data.counts("train"),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        return measure_files(program, source, columns.get("file"), columns.get("label"))


class _Hearing:
    """Decodes a sound and draws its picture; called by several threads."""

    def __init__(self, data: Sounds, picture: MelPicture) -> None:
        self.data, self.size = data, picture.size
        shape: list[str | int] = ["batch", picture.bands, picture.frames]
        self.session = session_of(
            picture.write,
            ("samples", np.dtype(np.int16), ["batch", picture.size]),
            (np.dtype(np.float32), shape),
        )

    def __call__(self, number: int) -> Array | str:
        """The picture (bands, frames), or what is wrong with the sound."""
        try:
            samples = window(self.data.decoded(number), self.size)
        except SoundError as error:
            return str(error)
        picture: Array = self.session.run(None, {"samples": samples[None]})[0][0]
        return picture


def plan_sounds(
    lengths: list[float],
    sides: tuple[int, int],
    budget: Budget,
    machine: Machine,
    model: str | None = None,
) -> Plan:
    """How much of each sound is heard, and for how long it is learnt.

    `lengths` are the sounds' own, in seconds; `sides` how many are trained on, and how many
    there are. UsageError where `model` is none of the known ones.
    """
    asked = chosen(model, MODELS)
    train, every = sides
    usual = float(np.quantile(lengths, HEARD))
    heard = min(max(math.ceil(usual * 2) / 2, SHORTEST), LONGEST)
    frames = round(heard * RATE / MelPicture(1).hop)
    # Three convolutions, of which small products run at a third of the speed of large ones.
    products = frames * WIDTH * (64 * 5 / 2 + WIDTH * 3 / 4 * 2)
    each = 6 * products / (machine.gflops * 1e9) * 3
    reading = every * (2e-3 + 4e-3 * heard) / machine.cores
    recipe = replace(RECIPE, batch=min(RECIPE.batch, max(8, train // 8)))
    steps = max(1, train // recipe.batch)
    epochs, reasons = fitting(
        max(6, min(MOST_EPOCHS, math.ceil(STEPS / steps))), each * train, reading, budget
    )
    reason = (
        f"you asked for {asked}"
        if asked
        else f"the sounds are {np.median(lengths):.1f} s long (the median): a small network over "
        "time learns them from scratch"
    )
    return Plan(
        MODELS[0],
        epochs,
        recipe,
        reading + epochs * each * train + OVERHEAD,
        reading,
        (reason, *reasons),
        (("sounds", f"{heard:g} s of each, 16 kHz, as 64 bands × {frames} frames"),),
        {"frames": frames},
    )
