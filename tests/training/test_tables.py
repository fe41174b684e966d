"""Learning from tables: real ones, beside scikit-learn; from one row of words to `learnt test`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import learnt
from learnt.data.tables import Table
from learnt.errors import DataError, UsageError
from learnt.training.learner import Learner
from learnt.training.plan import Budget, Machine
from learnt.training.tasks.tables import plan_table
from learnt.training.testing import measure


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_a_hundred_rows_are_learnt_as_well_as_by_boosted_trees(load: Any) -> None:
    x, y = load(return_X_y=True)
    ours, theirs = [], []
    for seed in range(2):
        data = Table({**{f"x{i}": c for i, c in enumerate(x.T)}, "label": y}, seed=seed)
        train, test = data.split.train, data.split.test
        trees = HistGradientBoostingClassifier(min_samples_leaf=5, random_state=0)
        theirs.append(trees.fit(x[train], y[train]).score(x[test], y[test]))
        ours.append(Learner(data, seed=seed).fit().evaluate().value)
    assert np.mean(ours) >= np.mean(theirs) - 0.05  # two rows of some fifty


def test_a_few_hundred_numbers_are_predicted_as_well_as_by_boosted_trees() -> None:
    x, y = load_diabetes(return_X_y=True)
    data = Table({**{f"x{i}": c for i, c in enumerate(x.T)}, "y": y})
    train, test = data.split.train, data.split.test
    trees = HistGradientBoostingRegressor(random_state=0).fit(x[train], y[train])
    theirs = float(np.sqrt(np.mean((trees.predict(x[test]) - y[test]) ** 2)))
    evaluation = Learner(data).fit().evaluate()
    assert evaluation.metric == "RMSE"
    assert evaluation.value < 1.1 * theirs
    assert evaluation.value < 0.8 * evaluation.baseline
    assert evaluation.interval[0] < evaluation.value < evaluation.interval[1]


@pytest.fixture(scope="module")
def california(home: Path) -> Learner:
    """A Learner of 3,000 districts, their order drawn, trained a little."""
    frame = pl.read_csv(learnt.get_data("california") / "california.csv")
    return Learner(Table(frame.sample(3000, seed=0))).fit(epochs=12)


def test_house_values_are_predicted_nearly_as_well_as_by_boosted_trees(california: Learner) -> None:
    data = california.data
    train, test = data.split.train, data.split.test
    trees = HistGradientBoostingRegressor(random_state=0).fit(
        data.numbers[train], data.targets[train]
    )
    found = trees.predict(data.numbers[test])
    theirs = float(np.sqrt(np.mean((found - data.targets[test]) ** 2)))
    assert california.evaluate().value < 1.1 * theirs


def test_a_number_s_program_says_numbers(california: Learner) -> None:
    program = california.program()
    data = california.data
    test = data.split.test[:200]
    rows = [data.row(int(i)) for i in test]
    values = [program(row).value for row in rows]
    wanted = california.outputs(test).mean(axis=(1, 2)) * data.targets[data.split.train].std()
    np.testing.assert_allclose(values, wanted + data.targets[data.split.train].mean(), rtol=1e-4)
    assert program(rows[0]).as_dict()["value"] == pytest.approx(values[0], abs=1e-6)
    assert "what is the MedHouseVal of a row?" in program.card
    age = next(spec for spec in data.specs if spec["name"] == "HouseAge")
    card = " ".join(program.card.split())
    assert f"| HouseAge | a number from {age['low']:g} to {age['high']:g} |" in card


def test_incomes_are_told_better_than_by_guessing(adult_learner: Learner) -> None:
    evaluation = adult_learner.evaluate()
    assert evaluation.value > evaluation.baseline + 0.05
    assert set(evaluation.others) == {"macro F1", "AUC", "log loss"}
    assert evaluation.others["AUC"] > 0.85


def test_a_program_is_measured_on_a_table_as_the_learner_was(
    adult_learner: Learner, adult_program: Path, adult: Path, tmp_path: Path
) -> None:
    frame = pl.read_csv(adult, infer_schema=False)[adult_learner.data.split.test]
    frame.write_csv(tmp_path / "test.csv")
    found, notes = measure(learnt.load(adult_program), tmp_path / "test.csv")
    wanted = adult_learner.evaluate()
    assert (found.value, found.n) == (pytest.approx(wanted.value), wanted.n)
    assert found.others["AUC"] == pytest.approx(wanted.others["AUC"], abs=1e-4)
    assert not [note for note in notes if "never saw" not in note]
    renamed = frame.rename({"income": "pay"})
    renamed.write_csv(tmp_path / "renamed.csv")
    with pytest.raises(UsageError, match="must have the label's column 'income'"):
        measure(learnt.load(adult_program), tmp_path / "renamed.csv")
    again, _ = measure(learnt.load(adult_program), tmp_path / "renamed.csv", label="pay")
    assert again.value == found.value


def test_labels_that_the_program_does_not_know_are_passed_over(
    adult_program: Path, adult: Path, tmp_path: Path
) -> None:
    frame = pl.read_csv(adult, infer_schema=False).head(100)
    income = frame["income"].to_list()
    frame.with_columns(income=pl.Series([*income[:-2], "millions", None])).write_csv(
        tmp_path / "t.csv"
    )
    found, notes = measure(learnt.load(adult_program), tmp_path / "t.csv")
    assert found.n == 98
    assert any("passed over 2 rows" in note and "millions" in note for note in notes)
    frame.with_columns(income=pl.lit("millions")).write_csv(tmp_path / "t.csv")
    with pytest.raises(DataError, match="no row of"):
        measure(learnt.load(adult_program), tmp_path / "t.csv")


def test_two_trainings_with_one_seed_give_the_same_program(adult: Path) -> None:
    small = pl.read_csv(adult).head(400)
    first, second = (Learner(Table(small)).fit(epochs=1).program() for _ in range(2))
    assert first.onnx == second.onnx


def test_the_manifest_says_all_that_a_form_needs(adult_program: Path) -> None:
    spec = learnt.load(adult_program).manifest["input"]
    assert (spec["kind"], spec["label"], spec["left_out"]) == ("table", "income", [])
    by_name = {column["name"]: column for column in spec["columns"]}
    assert by_name["age"]["low"] == 17
    assert by_name["workclass"]["values"][0] == "Private"
    assert json.loads(json.dumps(spec)) == spec


def test_the_plan_gives_small_tables_small_batches_and_few_bins() -> None:
    tiny, large = (plan_table(rows, 6, [10, 10], Budget(), Machine()) for rows in (100, 100_000))
    assert tiny.recipe.batch < large.recipe.batch
    assert tiny.options["bins"] < large.options["bins"]
    assert tiny.epochs > large.epochs
    assert plan_table(100, 6, [], Budget(epochs=3), Machine()).epochs == 3
    assert plan_table(100_000, 1000, [], Budget(), Machine()).options["bins"] == 16


BAD = {
    "an empty file": (b"", "is empty"),
    "one column": (b"label\na\nb\n", "besides its label"),
    "a header alone": (b"a,label\n", "no rows"),
    "a column twice": (b"a,a,label\n1,2,x\n", "each column name once"),
    "ragged rows": (b"a,label\n1,x\n1,x,3\n", "line 3: every row must have 2 cells"),
    "one class": (b"a,label\n1,x\n2,x\n3,x\n", "two different values"),
    "a few rows": (b"a,label\n1,x\n2,y\n", "at least 3 are needed"),
    "all missing": (b"a,label\n,x\n,y\n,x\n,y\n,x\n,y\n", "every cell is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused_in_one_message(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        Table(tmp_path / "t.csv", label="label")


def test_a_label_with_a_decimal_comma_is_measured_as_it_was_learnt(tmp_path: Path) -> None:
    rows = [(i % 13, i % 13 + i % 7 / 10) for i in range(120)]
    lines = [f"{a};{price:.3f}" for a, price in rows]
    (tmp_path / "points.csv").write_text("\n".join(["a;price", *lines]))
    (tmp_path / "commas.csv").write_text("\n".join(["a;price", *lines]).replace(".", ","))
    program = Learner(Table(tmp_path / "commas.csv")).fit(epochs=1).program()
    found, other = (measure(program, tmp_path / f"{name}.csv")[0] for name in ("commas", "points"))
    assert (found.value, found.n) == (other.value, 120)
    assert found.value < 10
    (tmp_path / "few.csv").write_text("a;price\n1;1,200\n2;2,100\n")  # is it 1200?
    assert measure(program, tmp_path / "few.csv")[0].value < 10


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_odd_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    rows = "".join(f"{i % 13}.5,{'é' if i % 2 else 'ü'},{'öl' if i % 3 else 'gas'}\n"
                   for i in range(60))  # fmt: skip
    (tmp_path / "t.csv").write_text("größe,art,label\n" + rows, encoding)
    data = Table(tmp_path / "t.csv")
    assert data.columns.names == ["größe", "art"]
    assert data.classes == ["gas", "öl"]


def test_a_huge_cell_is_no_category(tmp_path: Path) -> None:
    rows = [f"{i % 13}.5,{'ab'[i % 2]},{'xy'[i % 3 > 0]}\n" for i in range(60)]
    rows[7] = f"1.5,{'z' * 10_000_000},x\n"
    (tmp_path / "t.csv").write_text("n,c,label\n" + "".join(rows))
    data = Table(tmp_path / "t.csv")
    assert data.specs[1]["values"] == ["a", "b"]
    program = Learner(data).fit(epochs=1).program()
    assert "never saw" in program({"n": 1, "c": "z" * 10_000_000}).note
