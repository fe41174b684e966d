"""The Learner: data in, a trained model and its figures out. The one training loop is here.

What is around the loop is a callback (`loop.Callback`); what an engine does is one step.
"""

import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import learnt.engine as torch
from learnt.data.batches import Batches
from learnt.data.images import Images
from learnt.data.prepare import Preparation
from learnt.engine import nn
from learnt.engine.onnx import OPSET
from learnt.engine.tensor import Tensor
from learnt.errors import ResumeError, UsageError
from learnt.models.bodies import body
from learnt.models.convnet import convnet
from learnt.models.head import head
from learnt.program.graph import program_graph
from learnt.program.pack import Check, pack
from learnt.runner.program import Program
from learnt.training.callbacks import Checkpoints, Deadline, OneThread
from learnt.training.card import card
from learnt.training.checkpoint import Run
from learnt.training.features import BodyFeatures, Inputs, PreparedPictures, decoded
from learnt.training.loop import Callback, Loop
from learnt.training.metrics import Evaluation, accuracy
from learnt.training.numpy_engine import NumpyEngine
from learnt.training.plan import Budget, Plan, measure_machine, plan
from learnt.version import __version__

Array = npt.NDArray[Any]
PREDICT_BATCH = 256
CHECKED = 12  # pictures that a program is compared on


class Learner:
    """Learns a program from examples.

    `model` names one of `learnt.training.plan.MODELS`; without it the plan chooses one for the
    data. `seed` makes a training repeatable. `callbacks` follow it.

    >>> learner = learnt.Learner(learnt.Images("digits/"), model="convnet")
    >>> learner.fit(epochs=3)
    Learner(convnet on Images(1000 pictures, 10 classes: 700 train, 150 valid, 150 test))
    >>> learner.evaluate().value > 0.8
    True
    >>> learner.program()("seven.png").label
    '7'
    """

    def __init__(
        self,
        data: Images,
        *,
        model: str | None = None,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.data, self.seed, self.callbacks = data, seed, list(callbacks)
        self.wanted = model
        self.seconds: dict[str, float] = {"features": 0.0, "fit": 0.0}
        self.history: list[dict[str, Any]] = []
        self.run: Run | None = None
        self.options: dict[str, Any] = {}  # kept in the run's folder for who resumes it
        self._machine = measure_machine()
        self._plan: Plan | None = None
        self._resumed = False

    @classmethod
    def resume(cls, run: str | Path, callbacks: Sequence[Callback] = ()) -> "Learner":
        """The Learner of a run that was stopped; `fit()` goes on to the very same weights.

        Raises ResumeError where there is no such run, or where its examples have changed.
        """
        found = Run.find(run)
        config = found.config()
        try:
            data = Images(config["source"], **config["columns"], seed=config["seed"])
            made = Plan.from_dict(config["plan"])
            learner = cls(data, model=made.model, seed=config["seed"], callbacks=callbacks)
            learner.options = {**config["options"]}
            same = data.fingerprint() == config["fingerprint"]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ResumeError(f"the run {found.name} was written by another version") from None
        if not same:
            raise ResumeError(
                f"the examples in {config['source']} are not those the run {found.name} was "
                "started with: put them back, or start a new run"
            )
        learner.run, learner._plan, learner._resumed = found, made, True
        return learner

    def plan(self, epochs: int | None = None, minutes: float | None = None) -> Plan:
        """What `fit` would do with this budget, why, and about how long it would take."""
        budget = Budget(epochs, minutes)
        return plan(self.data.summary(), budget, self._machine, self.wanted)

    def fit(self, epochs: int | None = None, minutes: float | None = None) -> Self:
        """Train by the plan; `epochs` or `minutes` bound it. Returns the Learner itself.

        Ctrl-C saves and raises `Interrupted`, which says how to resume.
        """
        begun = time.perf_counter()
        if self._plan is None or not self._resumed:
            self._plan = self.plan(epochs, minutes)
            self.run = Run.create(self.name, self._config(minutes))
        made, saved = self._plan, self.run.checkpoint() if self.run and self._resumed else None
        self._resumed = False
        self._collect(made)
        batches = Batches(
            self.rows,
            self.data.targets,
            self.data.split.train,
            made.recipe.batch,
            self.seed,
            self.inputs.augmentation(self.seed),
        )
        torch.manual_seed(self.seed)
        self.model = self._build(made)
        self.engine = NumpyEngine(self.model, made.recipe, made.epochs * len(batches))
        loop = Loop(made.epochs, len(batches))
        if saved is not None:
            arrays, progress = saved
            self.engine.load_state(arrays, progress["engine"])
            loop = Loop(**progress["loop"])
        limit = minutes or self.options.get("minutes")
        extra = [Deadline(limit - (time.perf_counter() - begun) / 60)] if limit else []
        self._train(batches, loop, [*self.callbacks, *extra, OneThread(), self._checkpoints(loop)])
        self.history = loop.history
        self.seconds["fit"] = time.perf_counter() - begun - self.seconds["features"]
        return self

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
                loop.finish_epoch({"accuracy": self.evaluate("valid").value})
                for callback in callbacks:
                    callback.after_epoch(loop)
        finally:
            for callback in callbacks:
                callback.on_end(loop)

    def evaluate(self, side: str = "test") -> Evaluation:
        """The metric on one side of the data (nothing is chosen by `test`), with its baseline."""
        numbers = self.data.split[side]
        answers = self.scores(numbers).argmax(axis=1)
        counts = np.bincount(self.data.targets[self.data.split.train])
        classes = self.data.classes
        return accuracy(answers, self.data.targets[numbers], classes, int(counts.argmax()))

    def scores(self, numbers: npt.NDArray[np.int64]) -> Array:
        """The model's scores (N, classes) for examples by their numbers."""
        if not hasattr(self, "engine"):
            raise UsageError("the Learner has learnt nothing yet: call fit() first")

        def batches() -> Iterator[Array]:
            for at in range(0, len(numbers), PREDICT_BATCH):
                yield self.inputs.plain(self.rows[numbers[at : at + PREDICT_BATCH]])

        return self.engine.scores(batches())

    def program(self) -> Program:
        """The trained model as a program, checked against this Learner's own answers.

        Raises MismatchError where the two would not answer alike.
        """
        evaluation, made = self.evaluate(), self.made_plan
        row = self.inputs.plain(self.rows[:1])
        graph = program_graph(self.inputs.write, self.model, row, made.channels)
        facts = {
            "task": "image-classification",
            "name": self.name,
            "opset": OPSET,
            "input": {"kind": "image", "channels": made.channels, "size": made.size},
            "labels": self.data.classes,
            "model": made.model,
            "figures": evaluation.as_dict(),
        }
        return pack(graph, facts, card(self, evaluation), self._check())

    @property
    def name(self) -> str:
        """The name of the data's source, also where that is `.`"""
        return Path(os.path.abspath(self.data.source)).name

    @property
    def made_plan(self) -> Plan:
        """The plan that `fit` followed."""
        if self._plan is None:
            raise UsageError("the Learner has no plan yet: call fit() first")
        return self._plan

    def __repr__(self) -> str:
        name = self._plan.model if self._plan else self.wanted or "a model to be planned"
        return f"Learner({name} on {self.data})"

    def _collect(self, made: Plan) -> None:
        begun = time.perf_counter()
        preparation = Preparation(made.size, made.channels)
        self.inputs: Inputs = (
            BodyFeatures(preparation, body(made.model), made.views)
            if made.views
            else PreparedPictures(preparation)
        )

        def progress(done: int, of: int) -> None:
            for callback in self.callbacks:
                callback.on_inputs(done, of)

        self.rows = self.inputs.collect(self.data, progress)
        self.seconds["features"] = time.perf_counter() - begun

    def _build(self, made: Plan) -> nn.Module:
        classes = len(self.data.classes)
        if made.views:
            return head(self.rows.shape[-1], classes)
        sample = self.rows[self.data.split.train[:5000]]
        return convnet(classes, made.channels, made.size, float(sample.mean()), float(sample.std()))

    def _checkpoints(self, loop: Loop) -> Checkpoints:
        run = self.run
        assert run is not None, "fit() made or found it"

        def save() -> None:
            arrays, numbers = self.engine.state()
            progress = {"loop": loop.progress(), "engine": numbers, "history": loop.history}
            run.save(arrays, progress)

        return Checkpoints(save, f"learnt train --resume {run.name}")

    def _check(self) -> Check:
        """Validation pictures, spread over the classes, and the Learner's answers for them."""
        valid = self.data.split.valid
        numbers = valid[np.linspace(0, len(valid) - 1, min(CHECKED, len(valid))).astype(np.int64)]
        wanted = Tensor(self.scores(numbers)).softmax(1).array
        names = [self.data.pictures[number].path.name for number in numbers]
        return Check(
            names, [decoded(self.data, int(n), self.inputs.preparation) for n in numbers], wanted
        )

    def _config(self, minutes: float | None) -> dict[str, Any]:
        import onnxruntime

        return {
            "learnt": __version__,
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "onnxruntime": onnxruntime.__version__,
            },
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "source": str(self.data.source.resolve()),
            "columns": self.data.columns,
            "seed": self.seed,
            "fingerprint": self.data.fingerprint(),
            "plan": self.made_plan.as_dict(),
            "options": {**self.options, "minutes": minutes},
        }
