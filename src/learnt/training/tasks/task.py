"""A task: all that the Learner does not know by itself, from examples to a program.

The Learner holds the loop; a task says what goes in, what network learns it, what SGD follows,
what people read, and what a program needs. Each kind of job is a subclass with its own file.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from learnt.data.batches import Batch
from learnt.data.source import Source
from learnt.engine import nn, optim
from learnt.engine.tensor import Tensor
from learnt.models.rounding import round_weights
from learnt.program.pack import Check
from learnt.runner.program import Program
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.plan import Budget, Machine, Plan

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
Answers = Iterator[tuple[Indices, Array]]  # some examples, and the network's outputs for them
Progress = Callable[[int, int], None]  # (done, of)
Data = TypeVar("Data", bound=Source)


@dataclass(frozen=True)
class Parts:
    """What a program is made of, besides the runner and the card."""

    graph: bytes  # ONNX, raw input to answer
    facts: dict[str, Any]  # for the manifest: input, output, labels
    check: Check
    assets: dict[str, bytes] = field(default_factory=dict)  # by name: tokenizer.json


class Task(ABC, Generic[Data]):
    """One kind of job on its data; the order of the methods is that of the work."""

    answer_batch: ClassVar[int] = 256  # examples that are answered together
    keeps_best: ClassVar[bool] = False  # the weights of the best epoch, and not of the last?
    machine_decides: ClassVar[bool] = False  # does a plan depend on the machine's speed?
    name: ClassVar[str]  # what manifests and `--json` call it: "image-classification"

    def __init__(self, data: Data, seed: int = 0) -> None:
        self.data, self.seed = data, seed

    @abstractmethod
    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        """What to train and how, within the budget; the same question gets the same plan."""

    @abstractmethod
    def prepare(self, plan: Plan, progress: Progress) -> None:
        """Read and compute, once, what `batch` and `network` will want."""

    @abstractmethod
    def network(self, plan: Plan) -> nn.Module:
        """A new network for this data."""

    def optimizer(self, network: nn.Module, plan: Plan) -> optim.Optimizer:
        """What changes the network's weights."""
        return plan.recipe.optimizer(network)

    def round(self, network: nn.Module) -> None:
        """Round the trained weights to 8 bits, in place, as the program will have them."""
        round_weights(network)

    def quicken(self, plan: Plan, progress: Progress) -> Callable[[], None] | None:
        """Let examples and the program go through 8-bit arithmetic from now on; gives what
        undoes it. None where there is no faster arithmetic than the usual one."""
        return None

    def examples(self, side: str) -> Indices:
        """The numbers of one side's examples, as `batch` takes them."""
        return self.data.split[side]

    @abstractmethod
    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        """The network's inputs, one array an argument of its forward, and the targets.

        With `random` changed as in training (augmentation); without, as they are.
        """

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        """What SGD follows: one number for a batch."""

    @abstractmethod
    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        """The metric over `answers`, which come batch by batch, in the order of `examples`."""

    @abstractmethod
    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        """What the program is made of; `answers` are the network's outputs for examples."""

    @abstractmethod
    def words(self, plan: Plan, evaluation: Evaluation) -> "Words":
        """What the card says of this kind of job."""

    @classmethod
    @abstractmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        """What a finished program says of every example of a source, and what that comes to.

        `columns` are the options of the kind's data that were given.
        """


class Carried(Protocol):
    """A pretrained body, as a card names it."""

    @property
    def name(self) -> str:
        """What the catalogue of bodies calls it."""

    @property
    def about(self) -> str:
        """What it was trained on."""

    @property
    def licence(self) -> str:
        """Of its weights."""


@dataclass(frozen=True)
class Words:
    """A card's words that depend on the kind of job."""

    question: str  # after the name, as the title: "which of 10 classes is a picture?"
    limits: str
    model: str = ""  # after the model's name: "pictures are brought to 28 × 28"
    body: "Carried | None" = None  # whose weights it uses
    details: tuple[str, ...] = ()  # further paragraphs of Markdown, after the data
    counts: Mapping[str, int] = field(default_factory=dict)  # training examples of each class


def spread(numbers: Indices, count: int) -> Indices:
    """At most `count` of the numbers, spread evenly."""
    return numbers[np.linspace(0, len(numbers) - 1, min(count, len(numbers))).astype(np.int64)]
