"""The Learner: data in, a trained model and its figures out. The one training loop is here.

What is around the loop is a callback (`loop.Callback`); what an engine does is one step; what
depends on the kind of job (pictures, texts, a table …) is its task (`tasks/`).
"""

import hashlib
import math
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import learnt.engine as torch
from learnt.data.batches import Batches
from learnt.data.kinds import kind_of_data
from learnt.data.source import Source
from learnt.engine import nn
from learnt.engine.onnx import OPSET
from learnt.errors import ResumeError, UsageError
from learnt.program.graph import small
from learnt.program.pack import pack
from learnt.runner.program import Program
from learnt.training.callbacks import Checkpoints, Deadline, Threads
from learnt.training.card import card_facts
from learnt.training.card_text import card_text
from learnt.training.checkpoint import Run
from learnt.training.evaluations import by_groups
from learnt.training.loop import Callback, Loop
from learnt.training.metrics import Evaluation
from learnt.training.numpy_engine import NumpyEngine
from learnt.training.plan import Budget, Plan, measure_machine
from learnt.training.tasks.registry import task_of
from learnt.training.tasks.task import Answers, Indices
from learnt.training.weights import Fast, Weights, known_weights, settle, settle_fast
from learnt.version import __version__

Array = npt.NDArray[Any]
NOTHING: tuple[Any, Any] = None, None  # the last evaluation: of which side and weights, and itself
FEW_STEPS = 10  # of training, below which hardly anything is learnt
HALF = "half of the minutes, as --fast trains a second network in the others"
TOO_LATE = (
    "--fast: the time was over before a second network, for 8-bit arithmetic, had learnt as long "
    "as the first: the program computes as usual. More minutes or fewer epochs leave time for both"
)


class Learner:
    """Learns a program from examples.

    `data` is one of learnt's kinds: Images, Texts, Table, Ratings, … `model` names a network;
    without it the plan chooses one for the data. `seed` makes a training repeatable.
    `weights` of the program are "int8" where that costs next to nothing, else "float32"; or as
    you say; with "fast" it also computes in 8 bits, where that costs next to nothing.
    `callbacks` follow the training.

    >>> learner = learnt.Learner(learnt.Images("digits/"), model="convnet")
    >>> learner.fit(epochs=3)
    Learner(convnet on Images(1000 pictures, 10 classes: 700 train, 150 valid, 150 test))
    >>> learner.evaluate().value > 0.8
    True
    >>> learner.program()("seven.png").label
    '7'
    """

    model: nn.Module
    engine: NumpyEngine

    def __init__(
        self,
        data: Source,
        *,
        model: str | None = None,
        seed: int = 0,
        weights: str = "auto",
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.data, self.seed, self.callbacks = data, seed, list(callbacks)
        self.task = task_of(data, seed)
        self.wanted, self.wanted_weights = model, known_weights(weights)
        self.seconds: dict[str, float] = {"features": 0.0, "fit": 0.0}
        self.history: list[dict[str, Any]] = []
        self.run: Run | None = None
        self.budget = Budget()
        self.options: dict[str, Any] = {}  # kept in the run's folder for who resumes it
        self._machine = measure_machine()
        self._plan: Plan | None = None
        self._resumed = False
        self._known = NOTHING

    @classmethod
    def resume(
        cls, run: str | Path, callbacks: Sequence[Callback] = (), data: Source | None = None
    ) -> "Learner":
        """The Learner of a run that was stopped; `fit()` goes on to the very same weights.

        `data` is needed where the run learnt from a frame in memory. Raises ResumeError where
        there is no such run, or where its examples have changed.
        """
        found = Run.find(run)
        config = found.config()
        other = ResumeError(f"the run {found.name} was written by another version")
        try:
            if data is None and config["in_memory"]:
                raise ResumeError(
                    f"the run {found.name} learnt from a frame in memory: "
                    "Learner.resume(run, data=…) needs it again"
                )
            if not isinstance(config["source"], str):
                raise TypeError("a source is a path")
            kind, columns, seed = kind_of_data(config["kind"]), config["columns"], config["seed"]
            made, options = Plan.from_dict(config["plan"]), {**config["options"]}
            budget = Budget(options.get("epochs"), options.get("minutes"))
            fingerprint = config["fingerprint"]
        except (KeyError, TypeError, ValueError, AttributeError, UsageError):
            raise other from None
        try:  # a UsageError would be about the source as it is by now
            data = data or kind(config["source"], **columns, seed=seed)
            learner = cls(data, model=made.model, seed=seed, callbacks=callbacks)
        except (TypeError, ValueError, AttributeError):
            raise other from None
        if data.fingerprint() != fingerprint:
            raise ResumeError(
                f"the examples in {config['source']} are not those the run {found.name} was "
                "started with: put them back, or start a new run"
            )
        learner.options, learner.budget = options, budget
        learner.run, learner._plan, learner._resumed = found, made, True
        return learner

    def plan(self, epochs: int | None = None, minutes: float | None = None) -> Plan:
        """What `fit` would do with this budget, why, and about how long it would take."""
        fast = self.wanted_weights == "fast"
        budget = Budget(epochs, minutes / 2 if minutes and fast else minutes)
        made = self.task.plan(budget, self._machine, self.wanted)
        reasons = (*made.reasons, HALF) if minutes and fast else made.reasons
        return replace(made, weights=self.wanted_weights, reasons=reasons)

    def fit(self, epochs: int | None = None, minutes: float | None = None) -> Self:
        """Train by the plan; `epochs` or `minutes` bound it. Returns the Learner itself.

        Ctrl-C saves and raises `Interrupted`, which says how to resume.
        """
        begun = time.perf_counter()
        if self._plan is None or not self._resumed:
            self._plan = self.plan(epochs, minutes)
            self.budget = Budget(epochs, minutes)
            self.run = Run.create(self.name, self._config())
        made, saved = self._plan, self.run.checkpoint() if self.run and self._resumed else None
        self._resumed = False
        self.task.prepare(made, self._progress)
        self.seconds["features"] = time.perf_counter() - begun
        batches, loop = self._begin(made, made.epochs)
        loop.started = begun
        if saved is not None:
            arrays, progress = saved
            self.engine.load_state(arrays, progress["engine"])
            loop = Loop(**progress["loop"], started=begun)
        limit = minutes or self.options.get("minutes") or math.inf
        deadline = Deadline(limit - loop.seconds / 60)
        callbacks = [*self.callbacks, deadline, Threads(made.threads)]
        self._train(batches, loop, [*callbacks, self._checkpoints(loop)])
        self.history = loop.history
        self.weights = self._settle(self._settled(loop), made.weights)
        if made.weights == "fast":
            self.weights = self._quickened(made, deadline, callbacks)
        self.seconds["fit"] = time.perf_counter() - begun - self.seconds["features"]
        return self

    def _settle(self, figures: dict[str, Any], wanted: str) -> Weights:
        """How the network's numbers are kept in the program."""
        return settle(self.task, self.model, wanted, figures, lambda: self.evaluate("valid"))

    def _quickened(self, made: Plan, deadline: Deadline, callbacks: Sequence[Callback]) -> Weights:
        """Learn a second network, from what 8-bit arithmetic makes of the examples, and as long;
        where it is not as good, or the time is over before, the first is the Learner's again."""
        usual, fast = self.weights, None
        before = self.model, self.engine, self.history
        if not deadline.over:
            undo = self.task.quicken(made, self._progress)
            self._known = NOTHING  # equal weights give other answers now
            if undo is None:
                return replace(usual, fast=Fast(kept=False))
            try:
                again = self._again(made, callbacks)
                fast = None if deadline.over else settle_fast(usual, again)
            finally:
                if fast is None or not fast.kept:
                    undo()
                    self.model, self.engine, self.history = before
                    self._known = NOTHING
        if fast is None:
            self.data.note(TOO_LATE)
            return usual
        return replace(again if fast.kept else usual, fast=fast)

    def _again(self, made: Plan, callbacks: Sequence[Callback]) -> Weights:
        """Train a new network for as many epochs as the one before."""
        batches, loop = self._begin(made, len(self.history))
        self._train(batches, loop, [*callbacks, Checkpoints(None, self._goes_on)])
        self.history = loop.history
        return self._settle(self._settled(loop), "auto")

    def _begin(self, made: Plan, epochs: int) -> tuple[Batches, Loop]:
        """A new network and its engine; its batches, and the loop over them at its beginning."""
        batches = Batches(
            self.task.batch, self.task.examples("train"), made.recipe.batch, self.seed
        )
        torch.manual_seed(self.seed)
        steps = epochs * len(batches)
        if steps < FEW_STEPS:
            self.data.note(
                f"so few steps of training ({steps}) teach hardly anything: ask for more epochs, "
                "or for none, and learnt chooses"
            )
        self.model = self.task.network(made)
        self.engine = NumpyEngine(
            self.model,
            lambda outputs, targets: self.task.loss(outputs, targets, made),
            self.task.optimizer(self.model, made),
            made.recipe,
            steps,
        )
        return batches, Loop(epochs, len(batches))

    def _train(self, batches: Batches, loop: Loop, callbacks: Sequence[Callback]) -> None:
        """The training loop: for each batch, one step; for each epoch, the figures."""
        for callback in callbacks:
            callback.on_start(loop)
        try:
            while loop.epoch < loop.epochs and not loop.stop:
                for inputs, targets in batches.epoch(loop.epoch, skip=loop.step):
                    loop.total_loss += self.engine.step(inputs, targets)
                    loop.step += 1
                    for callback in callbacks:
                        callback.after_step(loop)
                    if loop.stop:
                        break
                figures = self.evaluate("valid")
                loop.finish_epoch({figures.metric: figures.value})
                if self.task.keeps_best and loop.best() is loop.history[-1]:
                    self.engine.keep()
                for callback in callbacks:
                    callback.after_epoch(loop)
        finally:
            for callback in callbacks:
                callback.on_end(loop)

    def _settled(self, loop: Loop) -> dict[str, Any]:
        """The epoch whose weights the program gets: the last, or the best where it was kept."""
        last = loop.history[-1]
        best = loop.best() if self.task.keeps_best else last
        if best is not last:
            self.engine.bring_back()
            self.data.note(
                f"the weights are those of epoch {best['epoch']} of {last['epoch']}, the best on "
                "validation: after it, the network only learnt the examples by heart"
            )
        return best

    def evaluate(self, side: str = "test") -> Evaluation:
        """The metric on one side of the data (nothing is chosen by `test`), with its baseline.

        It is computed once for the same weights.
        """
        if not hasattr(self, "engine"):
            raise UsageError("the Learner has learnt nothing yet: call fit() first")
        key = side, self._weights_digest()
        if key != self._known[0]:
            numbers, groups = self.task.examples(side), self.data.groups
            found = self.task.evaluate(side, self._answers(numbers))
            if len(groups):
                found = by_groups(found, [groups[number] for number in numbers])
            self._known = key, found
        evaluation: Evaluation = self._known[1]
        return evaluation

    def outputs(self, numbers: Indices) -> Array:
        """The network's outputs for examples by their numbers, such as scores (N, classes)."""
        if not hasattr(self, "engine"):
            raise UsageError("the Learner has learnt nothing yet: call fit() first")
        return np.concatenate([rows for _, rows in self._answers(numbers)])

    def program(self) -> Program:
        """The trained model as a program, checked against this Learner's own answers.

        Raises MismatchError where the two would not answer alike.
        """
        evaluation, made = self.evaluate(), self.made_plan
        self.model.eval()
        try:
            parts = self.task.program(made, self.model, self.outputs)
        finally:
            self.model.train()
        graph = parts.graph if made.weights == "float32" else small(parts.graph)
        facts = {
            "task": self.task.name,
            "name": self.name,
            "opset": OPSET,
            **parts.facts,
            "model": made.model,
            "weights": self.weights.as_dict(),
            "figures": evaluation.as_dict(),
        }
        words = self.task.words(made, evaluation)
        facts["card"] = card_facts(self, words, evaluation, graph)
        card = card_text(self.name, facts["card"], evaluation, words.details)
        return pack(graph, facts, card, parts.check, parts.assets)

    @property
    def name(self) -> str:
        """The name of the data's source."""
        return self.data.name

    @property
    def made_plan(self) -> Plan:
        """The plan that `fit` followed."""
        if self._plan is None:
            raise UsageError("the Learner has no plan yet: call fit() first")
        return self._plan

    def __repr__(self) -> str:
        name = self._plan.model if self._plan else self.wanted or "a model to be planned"
        return f"Learner({name} on {self.data})"

    @property
    def _goes_on(self) -> str:
        """The command that goes on with the run."""
        return f"learnt train --resume {self.run.name}" if self.run else ""

    def _weights_digest(self) -> bytes:
        digest = hashlib.blake2b()
        for tensor in self.model.state_dict().values():
            digest.update(np.ascontiguousarray(tensor.array).data)
        return digest.digest()

    def _progress(self, done: int, of: int) -> None:
        for callback in self.callbacks:
            callback.on_inputs(done, of)

    def _answers(self, numbers: Indices) -> Answers:
        size = self.task.answer_batch
        for at in range(0, len(numbers), size):
            some = numbers[at : at + size]
            inputs, _ = self.task.batch(some)
            yield some, self.engine.answers(inputs)

    def _checkpoints(self, loop: Loop) -> Checkpoints:
        run = self.run
        assert run is not None, "fit() made or found it"

        def save() -> None:
            arrays, numbers = self.engine.state()
            progress = {"loop": loop.progress(), "engine": numbers, "history": loop.history}
            run.save(arrays, progress)

        return Checkpoints(save, self._goes_on)

    def _config(self) -> dict[str, Any]:
        import onnxruntime

        return {
            "learnt": __version__,
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "onnxruntime": onnxruntime.__version__,
            },
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "kind": self.data.kind,
            "in_memory": self.data.in_memory,
            "source": str(self.data.source.resolve()),
            "columns": self.data.options,
            "seed": self.seed,
            "fingerprint": self.data.fingerprint(),
            "plan": self.made_plan.as_dict(),
            "options": {**self.options, **asdict(self.budget)},
        }
