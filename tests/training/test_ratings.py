"""Learning from ratings: the figures beside what needs no learning, and the program's answers."""

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import ndcg_score
from sklearn.metrics.pairwise import cosine_similarity

import learnt
from learnt.data.ratings import Ratings
from learnt.engine.tensor import Tensor
from learnt.errors import Interrupted, UsageError
from learnt.models.ratings import FinishedModel, RatingModel
from learnt.runner.ratings import RatingProgram
from learnt.training.learner import Learner
from learnt.training.loop import Callback, Loop
from learnt.training.plan import Budget, Machine
from learnt.training.ranking import DAMPING, Ranking, differences
from learnt.training.tasks.ratings import RatingsTask, _runs, plan_ratings


@pytest.fixture(scope="module")
def some() -> Ratings:
    """Every third user of MovieLens 100k."""
    frame = pl.read_csv(next(learnt.get_data("movielens-100k").glob("*.csv")))
    return Ratings(frame.filter(pl.col("user") % 3 == 0))


@pytest.fixture(scope="module")
def trained(some: Ratings) -> Learner:
    return Learner(some).fit()


def test_the_vectors_in_its_program_have_8_bits(trained: Learner) -> None:
    assert trained.weights.kind == "int8"
    program = trained.program()
    tensors = onnx.load_model_from_string(program.onnx).graph.initializer
    kinds = {tensor.name: tensor.data_type for tensor in tensors}
    assert kinds["users_int8"] == kinds["items_int8"] == onnx.TensorProto.INT8
    assert not {"users", "items"} & kinds.keys()


def test_it_predicts_better_than_the_means_and_ranks_better_than_popularity(
    trained: Learner,
) -> None:
    found = trained.evaluate()
    assert (found.metric, found.n) == ("RMSE", len(trained.data.split.test))
    assert found.value < found.others["RMSE of the means of user and item"] < found.baseline
    assert found.others["NDCG@10"] > found.others["NDCG@10 of the most rated"]
    outputs = trained.outputs(trained.data.split.test).clip(1, 5)
    targets = trained.data.rating[trained.data.split.test]
    assert found.value == pytest.approx(np.sqrt(np.mean((outputs - targets) ** 2)), abs=1e-6)


def test_two_trainings_with_one_seed_give_one_program_and_another_seed_another() -> None:
    random = np.random.default_rng(0)
    table = {"user": random.integers(0, 20, 300), "item": random.integers(0, 30, 300),
             "rating": random.integers(1, 6, 300)}  # fmt: skip

    def program(seed: int) -> bytes:
        return Learner(Ratings(table), seed=seed).fit(epochs=2).program().archive.data

    assert program(0) == program(0)
    assert program(0) != program(1)


@pytest.fixture(scope="module")
def program(trained: Learner) -> RatingProgram:
    return trained.program()


def test_the_program_answers_as_the_learner(trained: Learner, program: RatingProgram) -> None:
    data = trained.data
    numbers = data.split.test[:500]
    pairs = [(data.users[data.user[n]], data.items[data.item[n]]) for n in numbers]
    answers = np.array([answer.value for answer in program.batch(pairs)])
    assert np.allclose(answers, trained.outputs(numbers).clip(1, 5), atol=1e-4)


def test_the_best_items_of_a_user_are_none_that_they_have_rated(
    trained: Learner, program: RatingProgram
) -> None:
    data = trained.data
    for number in range(0, len(data.users), 40):
        rated = {data.items[i] for i in data.item[data.user == number]}
        best = program.top(data.users[number], 20)
        assert len(best) == 20
        assert not rated & {answer.item for answer in best}
        assert [a.order for a in best] == sorted((a.order for a in best), reverse=True)


def test_films_of_one_series_are_similar(program: RatingProgram) -> None:
    near = [answer.title for answer in program.similar("Star Wars (1977)", 10)]
    assert "Empire Strikes Back, The (1980)" in near
    assert "Return of the Jedi (1983)" in near


def test_a_finished_program_is_measured_on_other_ratings(
    trained: Learner, program: RatingProgram, tmp_path: Path
) -> None:
    data = trained.data
    test = data.split.test
    table = pl.DataFrame(
        {
            "user": [data.users[u] for u in data.user[test]],
            "item": [data.items[i] for i in data.item[test]],
            "rating": data.rating[test],
        }
    )
    stranger = pl.DataFrame({"user": ["new", "1"], "item": ["1", "new"], "rating": [4.0, 4.0]})
    both = pl.concat([table, stranger.cast(table.schema)])
    both.write_csv(tmp_path / "more.csv")
    measured = type(trained.task).measure(program, tmp_path / "more.csv", {})
    found, notes = measured.evaluation, measured.notes
    assert found.n == len(test) + 1
    assert found.value == pytest.approx(trained.evaluate().value, abs=1e-3)
    assert "passed over 1 ratings of items it does not know" in notes
    assert any("1 users are not known" in note for note in notes)


def test_the_means_without_learning_are_those_of_pandas(some: Ratings) -> None:
    train, test = some.split.train, some.split.test
    frame = pd.DataFrame({"u": some.user[train], "i": some.item[train], "r": some.rating[train]})
    mean = frame.r.astype(float).mean()
    frame["rest"] = frame.r - mean
    item = frame.groupby("i").rest.agg(lambda r: r.sum() / (len(r) + DAMPING))
    frame["rest"] -= frame.i.map(item)
    user = frame.groupby("u").rest.agg(lambda r: r.sum() / (len(r) + DAMPING))
    users, items = pd.Series(some.user[test]), pd.Series(some.item[test])
    wanted = mean + items.map(item).fillna(0) + users.map(user).fillna(0)
    found, of_user, of_item = differences(some, train)
    assert np.allclose(found + of_user[users] + of_item[items], wanted, atol=1e-4)


def test_ndcg_is_that_of_scikit_learn() -> None:
    """Nothing rated before, so that every item is a candidate."""
    random = np.random.default_rng(0)
    users, items = 20, 30
    pairs = [(f"{u:02}", f"{i:02}") for u in range(users) for i in range(items)]
    ratings = random.integers(1, 6, len(pairs))
    data = Ratings({"user": [u for u, _ in pairs], "item": [i for _, i in pairs],
                    "rating": ratings})  # fmt: skip
    everything = np.arange(len(pairs))
    ranking = Ranking(data, before=everything[:0], wanted=everything)
    scores = random.normal(size=(users, items)).astype(np.float32)
    good = (ratings >= ratings.mean()).reshape(users, items)
    found = ranking.figures(lambda some: scores[some])
    assert found["NDCG@10"] == pytest.approx(ndcg_score(good, scores, k=10))
    first = np.argsort(-scores, axis=1)[:, :10]
    hits = np.take_along_axis(good, first, 1).sum(1)
    assert found["precision@10"] == pytest.approx((hits / 10).mean())
    assert found["recall@10"] == pytest.approx((hits / good.sum(1)).mean())


def test_the_model_is_its_equation() -> None:
    random = np.random.default_rng(0)
    users, items = (random.random((n, 3), dtype=np.float32) for n in (4, 5))
    apart = (random.random(4, dtype=np.float32), random.random(5, dtype=np.float32))
    model = RatingModel((users, items), apart, 6, usual=3.0, low=1, high=5)
    for parameter in model.parameters():
        parameter.array[...] = random.normal(size=parameter.shape)
    u, i = np.array([0, 3]), np.array([4, 1])
    tables = []
    for things, known in ((model.users, users), (model.items, items)):
        tables.append(things.own.weight.array + known @ things.of_known.array)
    p, q = tables[0][u], tables[1][i]
    p[:, 6] += apart[0][u] / 1.25  # 5/4: the slope of 0.5 + 5 σ(x) at 0
    q[:, 6] += apart[1][i] / 1.25
    score = (p[:, :6] * q[:, :6]).sum(1) + p[:, 6] + q[:, 6]
    wanted = 0.5 + 5 / (1 + np.exp(-score))  # σ(0) is the usual rating: 3
    assert np.allclose(model(Tensor(u), Tensor(i)).array, wanted, atol=1e-5)
    trust = np.full(5, 0.5, np.float32)
    rows = FinishedModel(model, np.arange(5, dtype=np.float32), trust, 1, 5)(
        Tensor(u), Tensor(i), Tensor(np.array([2, 2]))
    ).array
    assert np.allclose(rows[:, 0], wanted.clip(1, 5), atol=1e-5)
    assert np.allclose(rows[:, 1], score + i, atol=1e-5)
    cosines = cosine_similarity(tables[1][:, :6])[i, 2]
    assert np.allclose(rows[:, 2], 0.5 * cosines, atol=1e-5)


def test_the_plan_keeps_steps_alike_and_drops_the_history_where_it_is_too_large(
    some: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_ratings(some, Budget(), Machine())
    steps = plan.epochs * (len(some.split.train) // plan.recipe.batch)
    assert 500 < steps < 1300
    assert plan.options == {"width": 50, "history": True}
    assert plan_ratings(some, Budget(epochs=2), Machine()).epochs == 2
    monkeypatch.setattr("learnt.training.tasks.ratings.MOST_HISTORY", 1000)
    without = plan_ratings(some, Budget(), Machine())
    assert not without.options["history"]
    assert any("too many to tell who rated what" in reason for reason in without.reasons)
    with pytest.raises(UsageError, match="must be one of factors"):
        Learner(some, model="magic").plan()


def test_users_and_items_that_train_never_saw_are_no_trouble() -> None:
    table = {"user": [], "item": [], "rating": [], "split": []}
    for u in range(10):
        for i in range(10):
            side = "test" if u == 9 or i == 9 else "train"
            for name, value in zip(table, (u, i, 1 + (u + i) % 5, side), strict=True):
                table[name].append(value)
    learner = Learner(Ratings(table)).fit(epochs=2)
    assert np.isfinite(learner.evaluate().value)
    assert 1 <= learner.program()(("9", "9")).value <= 5


def test_runs_of_numbers_are_short_texts() -> None:
    assert _runs(np.array([0, 1, 2, 3, 7, 9, 10])) == "0-3 7 9-10"
    assert _runs(np.array([], np.int64)) == ""


def test_a_split_of_nothing_to_rank_gives_no_figures(some: Ratings) -> None:
    nothing = some.split.test[:0]
    ranking = Ranking(some, before=some.split.train, wanted=nothing)
    assert ranking.figures(lambda users: np.zeros((len(users), len(some.items)))) == {}


def test_ratings_drawn_at_random_teach_nothing_and_it_is_said() -> None:
    random = np.random.default_rng(0)
    table = {"user": random.integers(0, 30, 2000), "item": random.integers(0, 90, 2000),
             "rating": random.integers(1, 6, 2000)}  # fmt: skip
    found = Learner(Ratings(table)).fit(epochs=4).evaluate()
    assert any("no better than" in text for text in found.all_warnings)


def test_before_it_learns_anything_it_answers_with_the_means(some: Ratings) -> None:
    task = RatingsTask(some)
    plan = task.plan(Budget(), Machine(), None)
    task.prepare(plan, lambda done, of: None)
    (user, item), targets = task.batch(some.split.test)
    answers = task.network(plan)(Tensor(user), Tensor(item)).array
    mean, of_user, of_item = differences(some, some.split.train)
    means = mean + of_user[user] + of_item[item]
    errors = [np.sqrt(np.mean((a - targets) ** 2)) for a in (answers, means)]
    assert errors[0] == pytest.approx(errors[1], rel=0.01)
    assert np.corrcoef(answers, means)[0, 1] > 0.99


def test_a_training_that_was_stopped_goes_on_to_the_very_same_program(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    table = {"user": random.integers(0, 20, 300), "item": random.integers(0, 30, 300),
             "rating": random.integers(1, 6, 300)}  # fmt: skip
    pl.DataFrame(table).write_csv(tmp_path / "ratings.csv")

    class Stop(Callback):
        """Ends the training in the second epoch."""

        def after_step(self, loop: Loop) -> None:
            if loop.epoch == 1 and loop.step == 3:
                raise Interrupted("enough")

    whole = Learner(Ratings(tmp_path / "ratings.csv")).fit(epochs=3).program().archive.data
    stopped = Learner(Ratings(tmp_path / "ratings.csv"), callbacks=[Stop()])
    with pytest.raises(Interrupted):
        stopped.fit(epochs=3)
    resumed = Learner.resume(stopped.run.name).fit()
    assert resumed.program().archive.data == whole
