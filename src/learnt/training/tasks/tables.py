"""Rows of a table with a class or a number each: one network, by the label's kind."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnt.data.batches import Batch
from learnt.data.columns import has_decimal_comma
from learnt.data.frames import table_in
from learnt.data.tables import Table, label_text
from learnt.engine import nn, optim
from learnt.engine.nn import functional as F
from learnt.engine.onnx import Graph, write_all
from learnt.engine.tensor import Tensor
from learnt.errors import DataError, UsageError
from learnt.models.tabular import (
    CATEGORY_WIDTH,
    MEMBERS,
    NUMBER_WIDTH,
    WIDTH,
    Probabilities,
    Tabular,
    Values,
    cut,
)
from learnt.program.pack import Check
from learnt.runner.columns import MISSING, UNSEEN, Number
from learnt.runner.program import Program
from learnt.runner.rows import open_rows
from learnt.runner.tables import Odd, TableProgram, row_of
from learnt.runner.text import shown
from learnt.training import measured
from learnt.training.evaluations import of_classes, of_numbers
from learnt.training.markdown import table
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

MODELS = ("tabular",)
STEPS = 1600  # of SGD that a table needs, about
MOST_EPOCHS = 20  # more of them and a small table is learnt by heart
BATCH, SMALL_BATCH = 256, 32
MOST_BINS, ROWS_A_BIN = 256, 10  # of a number
MOST_BINS_IN_ALL = 16_384  # of all numbers together
HIDDEN = 0.01  # of the categories, in training: half as if missing, half as if never seen
RECIPE = Recipe("adamw", 2e-3, 1e-2, batch=BATCH, warm_up=0.25, cycle_momentum=False)
FADING = 1.0  # weight decay of what bins and categories mean: few rows tell of each
SLOWER = 1.7  # than large products, are small ones and the work between them
NAMES = {"f": "numbers", "i": "categories"}  # of the graph's inputs
MOST_SHOWN = 100  # columns that a card names
CHECKED = 12  # rows that a program is compared on
LIMITS = (
    "It always answers, also for rows unlike those it was trained on, and then worse than the "
    "figure above says. Numbers beyond the range of the training rows are taken as its end."
)


class Rows(Task[Table]):
    """What classes and numbers share: the network, its inputs, its program."""

    answer_batch = 1024

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        chosen(model, MODELS)
        rows, numbers = len(self.data.split.train), self.data.columns.numbers
        return plan_table(rows, numbers, self.data.columns.sizes, budget, machine)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        """All is read already."""

    def network(self, plan: Plan) -> nn.Module:
        known, options = self.data.numbers[self.data.split.train], plan.options
        columns = [column[~np.isnan(column)] for column in known.T]
        edges = [cut(column, options["bins"]) for column in columns]
        medians, sizes = np.array(list(map(np.median, columns))), self.data.columns.sizes
        return Tabular(edges, medians, sizes, self.outputs)

    def optimizer(self, network: nn.Module, plan: Plan) -> optim.Optimizer:
        """AdamW; what the bins and categories mean fades unless their rows insist."""
        kinds: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, parameter in network.named_parameters():
            kinds[name.startswith("layers.")].append(parameter)
        return optim.AdamW(
            [
                {"params": kinds[False], "weight_decay": FADING},
                {"params": kinds[True], "weight_decay": plan.recipe.weight_decay},
            ],
            lr=plan.recipe.lr,
        )

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        values, places = self.data.numbers[numbers], self.data.categories[numbers]
        if random is not None:  # some are hidden, so that the network learns to do without them
            drawn = random.random(places.shape)
            places[drawn < HIDDEN] = UNSEEN
            places[drawn < HIDDEN / 2] = MISSING
        inputs = tuple(array for array in (values, places) if array.shape[1])
        return inputs, self.targets(numbers)

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        numbers, data = spread(self.data.split.valid, CHECKED), self.data
        items = [row_of(data.columns, data.row(int(number))) for number in numbers]
        check = Check([f"row {n}" for n in numbers], items, list(self.said(answers(numbers))))
        spec = {
            "kind": "table",
            "columns": data.specs,
            "label": data.label,
            "left_out": sorted(data.left_out),
        }
        return Parts(self._graph(self.whole(network)), {"input": spec, **self.facts()}, check)

    def _graph(self, whole: nn.Module) -> bytes:
        """Numbers and categories in, probabilities (N, classes) or values (N, 1) out."""
        arrays, _ = self.batch(np.arange(1))
        names = [NAMES[array.dtype.kind] for array in arrays]
        graph = Graph()
        for name, array in zip(names, arrays, strict=True):
            graph.inputs.append((name, array.dtype, ["batch", array.shape[1]]))
        (value,) = write_all(graph, whole, names, [Tensor(array) for array in arrays])
        graph.outputs.append((value.name, value.dtype, list(value.shape)))
        data: bytes = graph.proto().SerializeToString()
        return data

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        rows = [(spec["name"], about(spec)) for spec in self.data.specs[:MOST_SHOWN]]
        if len(self.data.specs) > MOST_SHOWN:
            rows.append(("…", f"{len(self.data.specs) - MOST_SHOWN} more"))
        details = (table(("column", "what it is"), rows, texts=2),)
        return Words(self.question(), LIMITS, details=details, counts=self.counts())

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        assert isinstance(program, TableProgram), "its task is one of tables"
        return measure_table(program, source, columns.get("label"))

    outputs: int  # of the network

    def targets(self, numbers: Indices) -> Array:
        """What the loss is told of these rows."""
        raise NotImplementedError

    def said(self, outputs: Array) -> Array:
        """The members' outputs (N, K, outputs) → what a program says of each row."""
        raise NotImplementedError

    def whole(self, network: nn.Module) -> nn.Module:
        """The same as `said`, after the network, as a module."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What the manifest says of the answer."""
        raise NotImplementedError

    def question(self) -> str:
        """What the program answers, for the card's title."""
        raise NotImplementedError

    def counts(self) -> dict[str, int]:
        """The training rows of each class, if there are any."""
        return {}


class RowClasses(Rows):
    """One of several classes a row."""

    name = "table-classification"

    def __init__(self, data: Table, seed: int = 0) -> None:
        super().__init__(data, seed)
        self.outputs = len(data.classes)

    def targets(self, numbers: Indices) -> Array:
        return self.data.targets[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        """The mean of the members' own losses: each learns by itself."""
        every = targets.repeat_interleave(outputs.shape[1])
        smoothing = plan.recipe.label_smoothing
        return F.cross_entropy(outputs.flatten(0, 1), every, label_smoothing=smoothing)

    def said(self, outputs: Array) -> Array:
        shares = softmax(outputs.reshape(-1, self.outputs)).reshape(outputs.shape)
        mean: Array = shares.mean(axis=1)
        return mean

    def whole(self, network: nn.Module) -> nn.Module:
        return Probabilities(network)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, outputs = gathered(answers)
        targets, train = self.data.targets[numbers], self.data.targets[self.data.split.train]
        return of_classes(self.said(outputs), targets, self.data.classes, train, noun="rows")

    def facts(self) -> dict[str, Any]:
        return {"output": {"kind": "classes"}, "labels": self.data.classes}

    def question(self) -> str:
        return f"which of {self.outputs} classes is the {shown(self.data.label)} of a row?"

    def counts(self) -> dict[str, int]:
        known = self.data.targets[self.data.split.train]
        counts = np.bincount(known, minlength=self.outputs).tolist()
        return dict(zip(self.data.classes, counts, strict=True))


class RowNumbers(Rows):
    """A number a row. The network learns it less its mean, in deviations."""

    name = "table-regression"
    outputs = 1

    def __init__(self, data: Table, seed: int = 0) -> None:
        super().__init__(data, seed)
        known = data.targets[data.split.train]
        self.mean, self.std = float(known.mean()), float(known.std()) or 1.0

    def targets(self, numbers: Indices) -> Array:
        scaled = (self.data.targets[numbers] - self.mean) / self.std
        return scaled.astype(np.float32)

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        """The mean of the members' own squared errors."""
        values = outputs.squeeze(2)
        return F.mse_loss(values, targets.unsqueeze(1).expand(-1, values.shape[1]))

    def said(self, outputs: Array) -> Array:
        values: Array = outputs.mean(axis=1) * np.float32(self.std) + np.float32(self.mean)
        return values

    def whole(self, network: nn.Module) -> nn.Module:
        return Values(network, self.mean, self.std)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        numbers, outputs = gathered(answers)
        values = self.said(outputs)[:, 0]
        targets, train = self.data.targets[numbers], self.data.targets[self.data.split.train]
        return of_numbers(values, targets, train, noun="rows")

    def facts(self) -> dict[str, Any]:
        return {"output": {"kind": "number", **({"comma": True} if self.data.comma else {})}}

    def question(self) -> str:
        return f"what is the {shown(self.data.label)} of a row?"


def about(spec: dict[str, Any]) -> str:
    """A column's description, in words."""
    kind = spec["kind"]
    if kind in ("number", "date"):
        low, high = (f"{v:g}" if kind == "number" else str(v) for v in (spec["low"], spec["high"]))
        return f"a {kind} from {low} to {high}"
    if kind == "category":
        few = ", ".join(map(shown, spec["values"][:5]))
        return f"one of {len(spec['values']):,} values: {few}" + (
            ", …" if len(spec["values"]) > 5 else ""
        )
    return str(kind)


def plan_table(rows: int, numbers: int, sizes: list[int], budget: Budget, machine: Machine) -> Plan:
    """How long to train on so many rows, with what batches and bins."""
    batch = max(SMALL_BATCH, min(BATCH, 2 ** int(math.log2(max(2, rows / 32)))))
    bins = max(4, min(MOST_BINS, rows // ROWS_A_BIN, MOST_BINS_IN_ALL // max(1, numbers)))
    size = numbers * NUMBER_WIDTH + len(sizes) * CATEGORY_WIDTH
    products = MEMBERS * (size * WIDTH + WIDTH**2 + numbers * (bins + 1) * NUMBER_WIDTH)
    each = 6 * products / (machine.gflops * 1e9) * SLOWER
    reading = rows * 2e-5
    usual = max(4, min(MOST_EPOCHS, round(STEPS * batch / rows)))
    epochs, reasons = fitting(usual, each * rows, reading, budget)
    recipe = replace(RECIPE, batch=batch)
    columns = f"{numbers} numbers in up to {bins} bins, {len(sizes)} categories"
    return Plan(
        "tabular", epochs, recipe, reading + epochs * each * rows + OVERHEAD, reading,
        (f"there are {rows:,} rows: the mean of {MEMBERS} small networks answers", *reasons),
        (("columns", columns),),
        {"bins": bins},
    )  # fmt: skip


def measure_table(program: TableProgram, source: Path, label: str | None) -> Measured:
    """A program's answers on a labelled table, read in parts; the baseline is the table's own."""
    label = label or program.label
    truth: list[Any] = []
    outputs: list[Array] = []
    with open_rows(table_in(source) or source if source.is_dir() else source) as rows:
        program.check_names(rows.names, shown(source))
        if label not in rows.names:
            raise UsageError(
                f"{shown(source)} must have the label's column {shown(label)!r}; it has "
                f"{', '.join(map(shown, rows.names[:20]))}: --label names another"
            )
        odd = Odd(program, rows.names)
        for chunk in rows.chunks():
            read = program.read_all(chunk)
            for row in read:
                odd.add(row)
            outputs += program.outputs(read)
            truth += [row[label] for row in chunk]
        notes = [*rows.notes, *odd.notes()]
    targets, kept = _truth(program, label, truth)
    if not kept.any():
        raise DataError(f"no row of {shown(source)} has a label that the program knows")
    if not kept.all():
        unknown = {shown(truth[i]) for i in np.flatnonzero(~kept)[:1000]}
        notes.append(
            f"passed over {(~kept).sum():,} rows with labels that the program does not know: "
            + ", ".join(sorted(unknown)[:5])
        )
    names, found = [f"row {at + 1}" for at in np.flatnonzero(kept)], np.array(outputs, np.float32)
    found, targets = found[kept], targets[kept]
    if program.labels:
        classes = of_classes(found, targets, program.labels, targets, noun="rows")
        return measured.of_classes(classes, notes, names, found.argmax(1), targets)
    values = of_numbers(found[:, 0], targets, targets, noun="rows")
    return measured.of_numbers(values, notes, names, found[:, 0], targets)


def _truth(program: TableProgram, label: str, cells: list[Any]) -> tuple[Array, Array]:
    """The labels' cells as class numbers or as numbers, and which of them the program knows."""
    if program.labels:
        places = {name: number for number, name in enumerate(program.labels)}
        classes = np.array([places.get(label_text(cell) or "", -1) for cell in cells])
        return classes, classes >= 0
    texts = [cell for cell in dict.fromkeys(cells) if isinstance(cell, str)]
    comma = program.manifest["output"].get("comma") is True or has_decimal_comma(texts)
    column = Number({"name": label, "comma": comma})
    numbers = np.array([column.read(cell)[0][0] for cell in cells])
    return numbers, np.isfinite(numbers)
