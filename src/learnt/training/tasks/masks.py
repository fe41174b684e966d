"""A class a pixel: a decoder on the maps of a frozen body, or a small U-Net from scratch."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data import honesty
from learnt.data.batches import Batch
from learnt.data.images import Summary
from learnt.data.legend import VOID, Legend
from learnt.data.masks import Masks
from learnt.data.prepare import Preparation
from learnt.data.survey import in_threads
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.tensor import Tensor
from learnt.errors import ImageError
from learnt.models.bodies import BODIES, body
from learnt.models.decoder import Decoder
from learnt.models.unet import UNIT, UNet
from learnt.program.graph import mask_graph
from learnt.program.pack import Check
from learnt.runner.masks import Photo, enlarged, shrunk
from learnt.runner.program import Program
from learnt.runner.text import shown
from learnt.training.features import LARGE_SIDE, PreparedPictures, collected
from learnt.training.maps import BodyMaps
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.overlap import counted, of_overlap
from learnt.training.plan import OVERHEAD, Budget, Machine, Plan, Recipe, chosen, fitting
from learnt.training.tasks.mask_files import measure_masks
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

MODELS = ("unet", "efficientnet-lite0")
SMALL_SIDE = 96  # pixels: up to here pictures are "small"
ENOUGH = 5000  # training pictures, from which a U-Net learns small ones well from scratch
BODY_SIZES = (192, 256)  # what the body sees: of small pictures, and of others
STEPS = 360  # that a network needs at least
BODY_OPERATIONS = 0.77e9 / 224**2  # of EfficientNet-Lite0, a pixel
OPERATIONS = 1.3e4  # of a decoder or U-Net's training, a pixel: as many as a large product's
CHECKED = 8  # pictures that a program is compared on
SHIFT = 8  # the share of the side, 1 / SHIFT, by which pictures are moved in training
TRAINED = Recipe("adamw", 5e-3, 1e-2, batch=32, warm_up=0.25, cycle_momentum=True)
LIMITS = (
    "Every pixel gets one of its classes, also where the picture shows something else. Edges are "
    "as fine as the network's own pixels. Pictures unlike those it was trained on get worse "
    "answers than the figure above says."
)


class Segmentation(Task[Masks]):
    """One of several classes a pixel."""

    name = "segmentation"
    answer_batch = 32

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        return plan_masks(self.data.summary(), budget, machine, model)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        size, self.channels = plan.options["size"], plan.options["channels"]
        preparation = Preparation(size, self.channels)
        self.maps = (
            None if plan.model == "unet" else BodyMaps(preparation, body(plan.model, plan.weights))
        )
        self.pictures = PreparedPictures(preparation)
        self.rows: Any = (
            self.maps.gather(self.data, progress)
            if self.maps
            else self.pictures.collect(self.data, progress)
        )
        grid = size // 2 if self.maps else size
        shape = (len(self.data), grid, grid)
        masks = self._masks(grid)
        self.targets = collected(self.data, shape, np.uint8, masks, lambda done, of: None)
        self._note_alike()
        pixels = self.data.pixels[self.data.split.train].sum(axis=0)
        self.commonest = int(pixels.argmax())
        self.weights = class_weights(pixels)

    def _note_alike(self) -> None:
        """Are held-out pictures almost in train as well?"""
        split, data = self.data.split, self.data
        numbers = np.concatenate([split.train, split.test])

        def look(number: int) -> Array:
            return honesty.thumbnail(data.decoded(number, 1, honesty.THUMBNAIL))

        threads = data.summary().side > LARGE_SIDE
        rows = np.zeros((len(data), honesty.THUMBNAIL, honesty.THUMBNAIL), np.float32)
        rows[numbers] = list(in_threads(look, numbers.tolist(), threads=threads))
        pairs, looked = honesty.alike_vectors(
            rows, split.train, split.test, honesty.PIXELS, centred=True
        )
        first = [shown(data.pictures[number].path.name) for number in (*pairs, (0, 0))[0]]
        such = f"such as {first[0]} and {first[1]}"
        for text in honesty.alike_said(len(pairs), looked, "pictures", such):
            data.note(text)

    def network(self, plan: Plan) -> nn.Module:
        classes, size = len(self.data.classes), plan.options["size"]
        if self.maps:
            return Decoder(classes, size)
        sample = self.rows[self.data.split.train[:1000]]
        return UNet(classes, self.channels, float(sample.mean()), float(sample.std()))

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        rows, targets = self.rows[numbers], self.targets[numbers]
        if random is not None:
            rows, targets = self._changed(rows, targets, random)
        return (rows,), targets.astype(np.int64)

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.cross_entropy(outputs, targets, Tensor(self.weights), ignore_index=VOID)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        """On `test` at each picture's own size; on other sides, for speed, at the network's."""
        classes, counts = self.data.classes, []
        for numbers, scores in answers:
            for number, each in zip(numbers, scores, strict=True):
                if side == "test":
                    truth = self.data.mask(int(number))
                    answer = enlarged(self._large(each, truth.shape), truth.shape)
                else:
                    truth, answer = self.targets[number], each.argmax(axis=0)
                counts.append(counted(answer, truth, len(classes)))
        return of_overlap(counts, classes, self.commonest)

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        inputs = self.maps or self.pictures
        size = plan.options["size"]
        row = self.rows[self.data.split.train[:1]]
        graph = mask_graph(inputs.write, network, row, self.channels)
        numbers = spread(self.data.split.valid, CHECKED)
        items, wanted = [], []
        for number, scores in zip(numbers, answers(numbers), strict=True):
            pixels = self.data.decoded(int(number), self.channels, size)
            whole = self.data.mask(int(number)).shape
            items.append(Photo(pixels, (whole[0], whole[1])))
            wanted.append(self._large(scores, whole))
        names = [self.data.pictures[number].path.name for number in numbers]
        facts = {
            "input": {"kind": "photo", "channels": self.channels, "size": size},
            "output": output_spec(self.data.legend),
            "labels": self.data.classes,
        }
        return Parts(graph, facts, Check(names, items, wanted))

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        size, used = plan.options["size"], BODIES.get(plan.model)
        counts = self.data.counts("train")
        return Words(
            question=f"which of {len(self.data.classes)} classes is each pixel of a picture?",
            limits=LIMITS,
            model=f"pictures are brought to {size} × {size}, masks back to the picture's size",
            body=used,
            counts=counts,
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        return measure_masks(program, source)

    def _masks(self, grid: int) -> Iterator[Array | str]:
        """The mask of each picture, (grid, grid), or what is wrong with it."""

        def one(number: int) -> Array | str:
            try:
                return enlarged(self.data.mask(number), (grid, grid))
            except ImageError as error:
                return str(error)

        threads = self.data.summary().side > LARGE_SIDE
        return in_threads(one, range(len(self.data)), threads=threads)

    def _changed(
        self, rows: Array, targets: Array, random: np.random.Generator
    ) -> tuple[Array, Array]:
        """Pictures mirrored or not, moved, and in other colours; maps stay as they are."""
        if self.maps:
            return rows, targets
        n, channels, side, _ = rows.shape
        if random.random() < 0.5:
            rows, targets = rows[..., ::-1], targets[..., ::-1]
        move = tuple(random.integers(-(side // SHIFT), side // SHIFT + 1, 2).tolist())
        rows, targets = np.roll(rows, move, (2, 3)), np.roll(targets, move, (1, 2))
        gain = random.uniform(0.8, 1.25, (n, channels, 1, 1)).astype(np.float32)
        shift = random.uniform(-25, 25, (n, channels, 1, 1)).astype(np.float32)
        return np.clip(rows * gain + shift, 0, 255), targets

    def _large(self, scores: Array, size: tuple[int, ...]) -> Array:
        """Scores (K, h, w) → class numbers as the program's graph gives them for a picture of
        that size."""
        height, width = size
        factor = shrunk(height, width, self.pictures.preparation.size, len(scores))
        small = (-(-height // factor), -(-width // factor))
        large = F.interpolate(Tensor(scores[None]), size=small, mode="bilinear")
        best: Array = large.array[0].argmax(axis=0).astype(np.uint8)
        return best


def class_weights(pixels: Array) -> Array:
    """What a pixel of each class counts in the loss, (K): more where a class is rare, by the
    root of its share; 1 for the average pixel."""
    share = pixels / pixels.sum()
    weights = np.where(share > 0, 1 / np.sqrt(np.maximum(share, 1e-4)), 0)
    scaled: Array = (weights / (weights * share).sum()).astype(np.float32)
    return scaled


def output_spec(legend: Legend) -> dict[str, Any]:
    """What the manifest says of a program's masks: each class's number in the file (that of the
    masks it learnt from, where they had numbers) and its colour."""
    as_found = legend.by == "number" and max(legend.values) <= 255
    return {
        "kind": "mask",
        "values": legend.values if as_found else list(range(len(legend.values))),
        "colours": [list(bytes.fromhex(colour[1:])) for colour in legend.colours],
        "levels": {"by": legend.by, "values": legend.values, "void": legend.void},
    }


def plan_masks(s: Summary, budget: Budget, machine: Machine, model: str | None = None) -> Plan:
    """Choose a model and a schedule, within the budget; `model` names one instead."""
    asked = chosen(model, MODELS)
    small = s.side <= SMALL_SIDE
    from_scratch = asked == "unet" if asked else small and s.train >= ENOUGH
    if from_scratch:
        size = max(2 * UNIT, min(SMALL_SIDE, round(s.side / UNIT) * UNIT))
        channels, name, reading = s.channels, "unet", 1e-3
        why = f"the pictures are small ({s.side} pixels) and many: a U-Net learns them from scratch"
    else:
        size, channels, name = BODY_SIZES[not small], 3, "efficientnet-lite0"
        reading = BODY_OPERATIONS * size**2 / (0.7 * machine.gflops * 1e9) + 4e-3
        why = "a pretrained body already sees shapes and textures, so only a decoder is trained"
    before = (s.train + s.valid + s.test) * reading / machine.cores
    each = OPERATIONS * size**2 / (machine.gflops * 1e9)
    recipe = replace(TRAINED, batch=32 if s.train >= 256 else 8)
    usual = max(4, -(-STEPS // max(1, s.train // recipe.batch)))
    epochs, reasons = fitting(usual, each * s.train, before, budget)
    return Plan(
        model=name,
        epochs=epochs,
        recipe=recipe,
        seconds=before + epochs * each * s.train + OVERHEAD,
        feature_seconds=before,
        reasons=(f"you asked for {asked}" if asked else why, *reasons),
        facts=(("pictures", f"{size} × {size}, {'grey' if channels == 1 else 'RGB'}"),),
        options={"size": size, "channels": channels},
        threads=None,
    )
