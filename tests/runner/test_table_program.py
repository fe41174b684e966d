"""Programs that take rows: from Python, from cells, from tables; what is odd is said."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import learnt
from learnt.errors import DataError, ProgramError, TableError, UsageError
from learnt.runner.archive import parse_archive
from learnt.runner.main import run
from learnt.runner.program import Program, program_of
from tests.runner.crafted import changed, members_of
from tests.runner.environments import run as run_process


@pytest.fixture(scope="module")
def program(adult_program: Path) -> Program:
    """Incomes, by people's data."""
    return learnt.load(adult_program)


@pytest.fixture(scope="module")
def rows(adult: Path) -> list[dict[str, Any]]:
    """The last 50 rows, as dicts."""
    return pl.read_csv(adult, infer_schema=False).tail(50).to_dicts()


def probabilities(results: Any) -> Any:
    """As an array, to be compared."""
    return np.array([list(result.probabilities.values()) for result in results])


def test_every_form_of_rows_gets_the_same_answers(
    program: Program, rows: list[dict[str, Any]], adult: Path, tmp_path: Path
) -> None:
    one_by_one = probabilities([program(row) for row in rows])
    frame = pl.read_csv(adult).tail(50)
    frame.write_csv(tmp_path / "rows.csv")
    frame.write_parquet(tmp_path / "rows.parquet")
    frame.write_ndjson(tmp_path / "rows.jsonl")
    forms = [rows, frame, pd.DataFrame(frame.to_dicts()), iter(rows), frame.to_dicts()]
    paths = [tmp_path / name for name in ("rows.csv", "rows.parquet", "rows.jsonl")]
    for form in [*forms, *paths]:
        np.testing.assert_allclose(probabilities(program(form)), one_by_one, atol=1e-6)


def test_the_program_answers_as_its_learner_does(
    program: Program, adult_learner: Any, adult: Path
) -> None:
    test = adult_learner.data.split.test
    scores = adult_learner.outputs(test).astype(np.float64)
    wanted = (np.exp(scores) / np.exp(scores).sum(2, keepdims=True)).mean(1)  # of the members
    results = program(pl.read_csv(adult, infer_schema=False)[test])
    np.testing.assert_allclose(probabilities(results), wanted, atol=1e-5)


def test_cells_on_the_command_line(adult_program: Path, capsys: Any) -> None:
    assert run(adult_program, ["age=39", "workclass=Private", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["input"] == {"age": "39", "workclass": "Private"}
    assert answer["label"] in ("<=50K", ">50K")
    assert answer["note"].startswith("taken as missing: fnlwgt, education, ")
    with pytest.raises(UsageError, match="'agee' must be one of the columns age, workclass"):
        run(adult_program, ["agee=39"])
    with pytest.raises(UsageError, match="given twice"):
        run(adult_program, ["age=39", "age=40"])


def test_a_table_in_a_table_out(
    program: Program, adult_program: Path, adult: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out.csv"
    assert run(adult_program, [str(adult), "-o", str(out)]) == 0
    with adult.open(newline="") as before, out.open(newline="") as after:
        given, answered = list(csv.DictReader(before)), list(csv.DictReader(after))
    assert len(answered) == len(given) == 3000
    some = range(0, 3000, 97)
    for i in some:
        result = program(given[i])
        assert {name: answered[i][name] for name in given[i]} == given[i]
        assert answered[i]["prediction"] == result.label
        assert float(answered[i]["probability"]) == pytest.approx(result.probability, abs=2e-6)
    right = sum(row["prediction"] == row["income"] for row in answered) / 3000
    assert right > 0.8
    capsys.readouterr()
    assert run(adult_program, [str(out), "-o", "-"]) == 0  # answers of its own do not collide
    again = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["prediction_"] for row in again] == [row["prediction"] for row in answered]


def test_lines_for_rows(adult_program: Path, adult: Path, capsys: Any) -> None:
    assert run(adult_program, [str(adult), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["row"] for line in lines] == list(range(1, 3001))
    assert set(lines[0]) == {"row", "label", "probability", "probabilities"}
    assert run(adult_program, [str(adult)]) == 0
    assert capsys.readouterr().out.startswith("row 1: <=50K (")


def test_a_bare_python_runs_it_on_standard_input(adult_program: Path, adult: Path) -> None:
    head = "".join(adult.read_text().splitlines(keepends=True)[:4])
    done = run_process([sys.executable, adult_program, "-", "--json"], input=head)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["row"] for line in done.stdout.splitlines()] == [1, 2, 3]


def test_what_is_odd_is_said_once_for_a_table(
    adult_program: Path, adult: Path, tmp_path: Path, capsys: Any
) -> None:
    frame = pl.read_csv(adult).head(5).drop("race").with_columns(
        workclass=pl.lit("Astronaut"), age=pl.Series(["40", "inf", "old", "", "41"])
    )  # fmt: skip
    frame.write_csv(tmp_path / "odd.csv")
    assert run(adult_program, [str(tmp_path / "odd.csv")]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "note: columns that are not there, taken as missing: race",
        "note: workclass: 5 cells are of a value that training never saw, such as 'Astronaut'",
        "note: age: 1 cell is infinite: taken as missing, such as 'inf'",
        "note: age: 1 cell is not a number: taken as missing, such as 'old'",
    ]
    assert len(said.out.splitlines()) == 5


def test_a_value_never_seen_is_answered_and_said(
    program: Program, rows: list[dict[str, Any]]
) -> None:
    usual, odd = program(rows[0]), program({**rows[0], "workclass": "Astronaut"})
    assert usual.note == ""
    assert odd.note == "workclass: 'Astronaut' is a value that training never saw"
    assert abs(odd.probability - usual.probability) < 0.3
    empty = program({**rows[0], "age": None, "workclass": float("nan")})
    assert empty.note == ""


@pytest.mark.parametrize("row", [{}, {"agee": 3}, {"": 1}])
def test_a_row_without_any_of_the_columns_is_refused(program: Program, row: Any) -> None:
    with pytest.raises(TableError, match="some of the columns age, workclass"):
        program(row)


def test_a_table_without_any_of_the_columns_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match=r"x\.csv must have some of the columns age"):
        program(tmp_path / "x.csv")
    with pytest.raises(DataError, match="give a row as a dict"):
        program(3)
    with pytest.raises(DataError, match="a row must be a dict"):
        program([3])


def test_numbers_out_of_all_bounds_are_answered(
    program: Program, rows: list[dict[str, Any]]
) -> None:
    for value in (1e99, -1e99, 10**30, "1e400", 0.1 + 0.2j):
        assert 0.5 <= program({**rows[0], "age": value}).probability <= 1


def test_the_table_itself_is_not_overwritten(adult_program: Path, adult: Path) -> None:
    before = adult.read_bytes()
    with pytest.raises(learnt.LearntError, match="is an input itself"):
        run(adult_program, [str(adult), "-o", str(adult)])
    assert adult.read_bytes() == before


def spec(file: Path, **changes: Any) -> dict[str, Any]:
    """The input of a program's manifest, changed."""
    manifest = json.loads(members_of(file)["manifest.json"])
    return {**manifest["input"], **changes}


HOSTILE: list[Any] = [
    None, [], {}, "age", [3], [{}], [{"name": "age"}], [{"name": 3, "kind": "number"}],
    [{"name": "age", "kind": "pickle"}], [{"name": "age", "kind": ["number"]}],
    [{"name": "", "kind": "number"}], [{"name": "age", "kind": "category"}],
    [{"name": "age", "kind": "category", "values": [1, 2]}],
    [{"name": "age", "kind": "category", "values": ["a", "a"]}],
    [{"name": "age", "kind": "category", "values": ["a" * 5000]}],
    [{"name": "age", "kind": "number", "comma": 1}],
    [{"name": "age", "kind": "date", "parts": ["century"]}],
    [{"name": "age", "kind": "date", "parts": [["month"]]}],
    [{"name": "age", "kind": "date", "parts": [], "order": "year"}],
    [{"name": "age", "kind": "number"}] * 2,
]  # fmt: skip


@pytest.mark.parametrize("columns", HOSTILE)
def test_descriptions_that_cannot_be_are_refused(adult_program: Path, columns: Any) -> None:
    data = changed(adult_program, {}, input=spec(adult_program, columns=columns))
    with pytest.raises(ProgramError):
        program_of(parse_archive(data, "it"))


def test_descriptions_that_do_not_fit_the_graph_are_refused(
    adult_program: Path, rows: list[dict[str, Any]]
) -> None:
    columns = spec(adult_program)["columns"]
    wrong = [
        columns[:3],
        [{"name": "age", "kind": "number"}],
        [{**c, "values": [f"{i}" for i in range(99)]} if c["kind"] == "category" else c
         for c in columns],
    ]  # fmt: skip
    for some in wrong:
        data = changed(adult_program, {}, input=spec(adult_program, columns=some))
        with pytest.raises(ProgramError):
            program_of(parse_archive(data, "it"))({**rows[0], "workclass": "98", "race": "98"})


def test_memory_stays_flat_however_many_rows_come(adult_program: Path) -> None:
    """A hundred thousand rows from standard input take no more than two thousand do."""
    code = (
        "import itertools, resource, sys; from learnt.runner.main import run;"
        f"run({str(adult_program)!r}, ['-', '-o', '/dev/null' if 0 else '-']);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    peaks = []
    for count in (2_000, 30_000):
        table = "age,workclass\n" + "39,Private\n" * count
        done = subprocess.run(
            [sys.executable, "-c", code], input=table, capture_output=True, text=True, check=True
        )
        assert done.stdout.count("\n") == count + 1
        peaks.append(int(done.stderr.splitlines()[-1]))
    assert peaks[1] < peaks[0] * 1.1


def test_a_row_that_travels_is_json_for_every_reader_of_it(program: Program) -> None:
    for odd in (float("nan"), float("inf"), -np.inf, np.float64("nan")):
        item = program.read({"age": odd, "workclass": odd, "race": "White"})
        data = program.stored(item)[1]
        assert json.loads(data, parse_constant=pytest.fail)["age"] is None
        again = program.read(data)
        assert str(again.read) == str(item.read)  # NaN is NaN
