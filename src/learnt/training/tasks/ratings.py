"""Ratings: what would a user rate an item, and which items suit them best?"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.batches import Batch
from learnt.data.ratings import Ratings, read_ratings
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.onnx import export
from learnt.engine.tensor import Tensor
from learnt.errors import DataError
from learnt.models.ratings import FinishedModel, RatingModel
from learnt.program.pack import Check
from learnt.runner.program import Program
from learnt.runner.ratings import RatingProgram
from learnt.runner.text import shown
from learnt.training import measured
from learnt.training.evaluations import of_numbers
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.plan import OVERHEAD, Budget, Machine, Plan, Recipe, chosen, fitting
from learnt.training.ranking import Ranking, differences
from learnt.training.tasks.classes import gathered
from learnt.training.tasks.task import Answers, Array, Indices, Parts, Progress, Task, Words, spread

MODELS = ("factors",)
WIDTH = 50
LEARN = Recipe("adamw", 5e-3, 1.0, batch=512, warm_up=0.25, cycle_momentum=True)
DECAYS = (1.0, 6.0)  # the weight decay, at the least and at the most
STEPS = 820  # that the vectors need
FEWEST_EPOCHS = 4
MOST_HISTORY = 25_000_000  # users times items, up to which who rated what is told to the network
CHECKED = 12
FEW = 20.0  # ratings, of which an item is half known
MOST_ASSET = 24 * 2**20  # bytes
LIMITS = (
    "It knows the users and items it was trained with, as they were then. It says what a user "
    "would rate an item, from what people chose to rate; of items that nobody would choose it "
    "knows little."
)
NO_BETTER = "no better than the means of user and item, which need no learning"
STRANGERS = "A user who is not known gets what the mean of all users would rate."


class RatingsTask(Task[Ratings]):
    """A number for a pair of user and item."""

    name = "ratings"
    answer_batch = 2048

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        return plan_ratings(self.data, budget, machine, model)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        self.known = [self.data.user_facts.values, self.data.item_facts.values]
        if plan.options["history"]:
            rated = self._rated()
            for side, of in enumerate((rated, rated.T)):
                share = of / np.sqrt(np.maximum(1, of.sum(1, keepdims=True)))
                self.known[side] = np.concatenate([self.known[side], share], axis=1)

    def _rated(self) -> Array:
        """Who rated what in train: 1, else 0; (users, items)."""
        data, train = self.data, self.data.split.train
        rated = np.zeros((len(data.users), len(data.items)), np.float32)
        rated[data.user[train], data.item[train]] = 1
        return rated

    def network(self, plan: Plan) -> nn.Module:
        usual, of_user, of_item = differences(self.data, self.data.split.train)
        self.model = RatingModel(
            (self.known[0], self.known[1]), (of_user, of_item), plan.options["width"], usual,
            *self._ends(),
        )  # fmt: skip
        return self.model

    def round(self, network: nn.Module) -> None:
        for things in (self.model.users, self.model.items):
            things.round()

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        data = self.data
        return (data.user[numbers], data.item[numbers]), data.rating[numbers]

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.mse_loss(outputs, targets)

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        data, train = self.data, self.data.split.train
        numbers, ratings = gathered(answers)
        targets = data.rating[numbers]
        found = of_numbers(ratings.clip(*self._ends()), targets, data.rating[train], noun="ratings")
        if side != "test":
            return found
        mean, of_user, of_item = differences(data, train)
        means = mean + of_user[data.user[numbers]] + of_item[data.item[numbers]]
        simple = _rmse(means - targets)
        others = {"RMSE of the means of user and item": simple}
        warnings = [] if found.value < simple else [NO_BETTER]
        ranking = Ranking(data, before=np.concatenate([train, data.split.valid]), wanted=numbers)
        extra, popularity = self._extra(), data_counts(data, train)
        others.update(ranking.figures(lambda users: self.model.scores(users) + extra))
        named = ranking.figures(lambda users: np.tile(popularity, (len(users), 1)))
        others.update({f"{name} of the most rated": value for name, value in named.items()})
        return replace(found, others={**found.others, **others}, warnings=warnings)

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        data, extra = self.data, self._extra()
        finished = FinishedModel(self.model, extra, self._trust(), *self._ends()).eval()
        one = Tensor(np.zeros(1, np.int64))
        graph = export(finished, (one, one, one), input_names=["user", "item", "other"])
        assets, history = _assets(data)
        facts = {
            "input": {
                "kind": "ratings",
                "users": len(data.users),
                "items": len(data.items),
                "history": history,
                "columns": data.columns,
            },
            "output": {"kind": "rating"},
        }
        return Parts(graph.SerializeToString(), facts, self._check(answers, extra), assets)

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        data, (low, high) = self.data, self._ends()
        known = [*data.user_facts.columns, *data.item_facts.columns]
        more = f", and of what is known: {', '.join(map(shown, known))}" if known else ""
        return Words(
            question=f"what would a user rate an item, from {low:g} to {high:g}?",
            limits=LIMITS,
            model=f"vectors of {plan.options['width']} numbers of users and items{more}",
            details=(f"{len(data.users):,} users, {len(data.items):,} items. {STRANGERS}",),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        assert isinstance(program, RatingProgram)
        notes: list[str] = []
        named = {what: columns.get(what) for what in ("user", "item", "rating")}
        frame, _ = read_ratings(source, **named, notes=notes)
        targets = frame["rating"].to_numpy().astype(np.float32)
        pairs = list(zip(frame["user"].to_list(), frame["item"].to_list(), strict=True))
        known = np.array([item in program.items for _, item in pairs])
        if not known.any():
            raise DataError(f"the program knows none of the items of {shown(source)}")
        if not known.all():
            notes.append(f"passed over {int((~known).sum()):,} ratings of items it does not know")
        kept = [pair for pair, there in zip(pairs, known, strict=True) if there]
        strangers = len({user for user, _ in kept if user not in program.users})
        if strangers:
            notes.append(f"{strangers:,} users are not known: the mean of all users stands in")
        answers = np.array([answer.value for answer in program.batch(kept)], np.float32)
        truth = targets[known]
        found = of_numbers(answers, truth, truth, noun="ratings")
        names = [f"user {user}, item {item}" for user, item in kept]
        return measured.of_numbers(found, notes, names, answers, truth)

    def _ends(self) -> tuple[float, float]:
        """The least and the most rating of train."""
        ratings = self.data.rating[self.data.split.train]
        return float(ratings.min()), float(ratings.max())

    def _extra(self) -> npt.NDArray[np.float32]:
        """What is added to an item's score in a ranking: so much of its popularity as ranks the
        valid side best."""
        data, train = self.data, self.data.split.train
        ranking = Ranking(data, before=train, wanted=data.split.valid, most_users=500)
        popularity = np.log1p(data_counts(data, train)).astype(np.float32)
        best = ranking.best_share(self.model.scores, popularity)
        return np.asarray(best * popularity, np.float32)

    def _trust(self) -> npt.NDArray[np.float32]:
        """How far an item's vector is its own, from 0 to 1: few ratings say little."""
        counts = data_counts(self.data, self.data.split.train)
        return np.asarray(counts / (counts + FEW), np.float32)

    def _check(self, answers: Callable[[Indices], Array], extra: Array) -> Check:
        """Ratings that the program must give, with the order and similarity that go with them."""
        data, numbers = self.data, spread(self.data.split.valid, CHECKED)
        users, items = data.user[numbers], data.item[numbers]
        scores = self.model.scores(users)[np.arange(len(users)), items] + extra[items]
        vectors = self.model.items.vectors()[items][:, :-1]
        alike = ((vectors**2).sum(1) > 1e-10) * self._trust()[items]  # each with itself
        ratings = answers(numbers).clip(*self._ends())
        pairs = list(zip(users.tolist(), items.tolist(), strict=True))
        return Check(
            [f"user {data.users[u]}, item {data.items[i]}" for u, i in pairs],
            [(u, i, i) for u, i in pairs],
            list(np.stack([ratings, scores, alike], axis=1).astype(np.float32)),
        )


def plan_ratings(data: Ratings, budget: Budget, machine: Machine, model: str | None = None) -> Plan:
    """So many passes as the vectors need, in batches that grow with the ratings."""
    chosen(model, MODELS)
    train, users, items = len(data.split.train), len(data.users), len(data.items)
    history = users * items <= MOST_HISTORY
    batch = int(2 ** np.clip(np.round(np.log2(train * 6 / STEPS)), 3, 12))
    steps = max(1, train // batch)
    decay = round(1.5 * (70_000 / train) ** 0.3, 2)  # found on MovieLens 100k and parts of it
    usual = max(FEWEST_EPOCHS, round(STEPS / steps))
    facts = data.user_facts.values.shape[1] + data.item_facts.values.shape[1]
    known = facts + (users + items if history else 0)
    products = 6 * batch * WIDTH * known
    numbers = (users + items + known) * WIDTH  # read and written several times a step
    each = steps * (products / (machine.gflops * 1e9) + numbers * 1.5e-8 + 8e-4)
    epochs, reasons = fitting(usual, each, 0.0, budget)
    if history:
        reasons.append("who rated what says much of both, whatever the ratings were")
    else:
        reasons.append(f"{users:,} users × {items:,} items are too many to tell who rated what")
    return Plan(
        "factors",
        epochs,
        replace(LEARN, batch=batch, weight_decay=float(np.clip(decay, *DECAYS))),
        epochs * each + OVERHEAD,
        0.0,
        tuple(reasons),
        (("vectors", f"{WIDTH} numbers and a bias for each user, item and known fact"),),
        {"width": WIDTH, "history": history},
    )


def data_counts(data: Ratings, numbers: Indices) -> npt.NDArray[np.float32]:
    """How often each item was rated."""
    return np.bincount(data.item[numbers], minlength=len(data.items)).astype(np.float32)


def _rmse(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors.astype(np.float64) ** 2)))


def _assets(data: Ratings) -> tuple[dict[str, bytes], bool]:
    """users.json: what each has rated; items.json: what each is called; and is the first told?

    The rated items of a user are their numbers, as "0-3 7 9-12".
    """
    titles = data.titles or [""] * len(data.items)
    items = json.dumps(dict(zip(data.items, titles, strict=True)), ensure_ascii=False).encode()
    order = np.lexsort((data.item, data.user))
    ends = np.cumsum(np.bincount(data.user, minlength=len(data.users)))[:-1]
    rated = [_runs(part) for part in np.split(data.item[order], ends)]
    users = json.dumps(dict(zip(data.users, rated, strict=True)), ensure_ascii=False).encode()
    history = len(users) <= MOST_ASSET
    if not history:
        nothing = dict.fromkeys(data.users, "")
        users = json.dumps(nothing, ensure_ascii=False).encode()
        data.note("too many ratings to travel in the program: --top names rated items, too")
    if max(len(users), len(items)) > MOST_ASSET:
        raise DataError("too many users or items for a program: their names alone are over 24 MB")
    return {"users.json": users, "items.json": items}, history


def _runs(numbers: Indices) -> str:
    """Ascending numbers, as "0-3 7 9-12"."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return " ".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts if len(p))
