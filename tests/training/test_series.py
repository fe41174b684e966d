"""Series, from files to a program: real ones with their published split."""

import json
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_wine
from sklearn.neighbors import KNeighborsClassifier

import learnt
from learnt.data.guess import guess
from learnt.data.look import Look
from learnt.data.series import files_of
from learnt.errors import DataError, ProgramError, TableError
from learnt.runner.archive import parse_archive
from learnt.runner.program import program_of
from learnt.training.learner import Learner
from learnt.training.plan import Budget, Machine
from learnt.training.tasks.series import nearest_neighbour, plan_series
from learnt.training.testing import measure
from tests.runner.environments import bare_environment, environment


@pytest.fixture(scope="module")
def gunpoint(home: Path) -> Path:
    """The data set gunpoint: 50 series to train on, 150 to test on."""
    return learnt.get_data("gunpoint")


@pytest.fixture(scope="module")
def gestures(gunpoint: Path) -> Learner:
    """A Learner of them; not to be trained further."""
    return Learner(learnt.Series(gunpoint)).fit()


@pytest.fixture(scope="module")
def program_file(gestures: Learner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gestures.program().save(tmp_path_factory.mktemp("programs") / "gestures.pyz")


@pytest.fixture(scope="module")
def rows(gunpoint: Path) -> list[tuple[str, list[float]]]:
    """(label, values) of every series of its test file."""
    return [
        (one.label, one.row.channels[0].tolist()) for one in files_of(gunpoint / "GunPoint_TEST.ts")
    ]


def table(rows: list[tuple[str, list[float]]], path: Path, label: bool = True) -> Path:
    """The series as a CSV with a line of names."""
    names = [f"t{i}" for i in range(len(rows[0][1]))] + ["label"] * label
    lines = [",".join([*map(str, values), *[name] * label]) for name, values in rows]
    path.write_text("\n".join([",".join(names), *lines]) + "\n")
    return path


def test_the_published_split_is_kept_and_the_nearest_neighbour_beaten(gestures: Learner) -> None:
    data, evaluation = gestures.data, gestures.evaluate()
    assert [len(data.split[side]) for side in ("train", "valid", "test")] == [42, 8, 150]
    assert evaluation.n == 150
    assert evaluation.value > 0.97 > evaluation.baseline > 0.85
    assert evaluation.baseline_name == "the nearest neighbour's class"


def test_the_baseline_is_sklearns_nearest_neighbour(gestures: Learner) -> None:
    data = gestures.data
    train, test = data.split.train, data.split.test
    flat = data.series.reshape(len(data), -1)
    reference = KNeighborsClassifier(1).fit(flat[train], data.targets[train])
    wanted = reference.predict(flat[test])
    found = nearest_neighbour(data.series[train], data.targets[train], data.series[test])
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("model", ["minirocket", "gramian"])
def test_the_program_answers_as_its_learner(gunpoint: Path, model: str) -> None:
    learner = Learner(learnt.Series(gunpoint), model=model).fit(epochs=3)
    program = learner.program()
    numbers = learner.data.split.test[:20]
    scores = learner.outputs(numbers).astype(np.float64)
    wanted = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    results = program.batch(learner.data.series[numbers])
    found = [[r.probabilities[c] for c in learner.data.classes] for r in results]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert program.selftest() == []


def test_every_shape_of_input_gets_the_same_answer(
    program_file: Path, gunpoint: Path, rows: list[tuple[str, list[float]]], tmp_path: Path
) -> None:
    program = learnt.load(program_file)
    wanted = [program(values).label for _, values in rows]
    assert program([rows[0][1]]).label == wanted[0]
    with_labels = table(rows, tmp_path / "with.csv")
    without = table(rows, tmp_path / "without.csv", label=False)
    ucr = tmp_path / "ucr.tsv"
    ucr.write_text("\n".join("\t".join([n, *map(str, v)]) for n, v in rows))
    bare = tmp_path / "bare.txt"
    bare.write_text("\n".join(" ".join(map(str, v)) for _, v in rows))
    files = with_labels, without, ucr, bare, gunpoint / "GunPoint_TEST.ts"
    for file in files:
        assert [result.label for result in program.batch(program.rows(file))] == wanted


def test_it_runs_on_tables_where_only_numpy_and_onnxruntime_are(
    program_file: Path, rows: list[tuple[str, list[float]]], tmp_path: Path
) -> None:
    python = bare_environment(tmp_path / "bare", "numpy", "onnxruntime")
    program, few = learnt.load(program_file), rows[:3]
    wanted = [program(values).label for _, values in few]
    file = table(few, tmp_path / "rows.csv", label=False)

    def run(*arguments: object, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [python, program_file, *map(str, arguments)],
            input=given, capture_output=True, text=True, env=environment(), check=False,
        )  # fmt: skip

    done = run(file, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in lines] == wanted
    assert lines[1]["input"].endswith("rows.csv, row 2")
    done = run("-", "-o", tmp_path / "out.csv", given=file.read_text())
    assert (done.returncode, done.stderr) == (0, "")
    out = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    assert out.columns == ["input", "label", "probability"]
    assert out["label"].to_list() == wanted
    with file.open("a") as more:
        more.write("," * 149 + "\n")
    done = run(file, "-o", tmp_path / "out.csv")
    assert done.returncode == 2
    assert done.stderr.endswith("row 4: a series must have values; all of it is missing\n")
    assert pl.read_csv(tmp_path / "out.csv")["label"].to_list() == [*map(int, wanted), None]
    done = run(*few[0][1])
    assert done.stdout.startswith(f"the series: {wanted[0]} (")
    (tmp_path / "bad.csv").write_text("t0,t1\n1,what\n")
    done = run(tmp_path / "bad.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.csv, row 1: the values of a series must be numbers; got 'what'" in done.stderr


def test_a_program_is_measured_on_labelled_series(
    program_file: Path, gestures: Learner, rows: list[tuple[str, list[float]]], tmp_path: Path
) -> None:
    file = table([*rows, ("9", rows[0][1])], tmp_path / "rows.csv")
    evaluation, notes = measure(learnt.load(program_file), file)
    assert evaluation.value == pytest.approx(gestures.evaluate().value, abs=1e-6)
    assert notes == ["passed over series of classes that the program does not know: 9"]
    with pytest.raises(DataError, match=r"the program knows the classes 1, 2; .* has only 9"):
        measure(learnt.load(program_file), table([("9", rows[0][1])], tmp_path / "nine.csv"))


def test_six_channels_and_words_for_classes(home: Path) -> None:
    data = learnt.Series(learnt.get_data("basicmotions"))
    assert data.series.shape == (80, 6, 100)
    assert data.classes == ["Badminton", "Running", "Standing", "Walking"]
    learner = Learner(data).fit(epochs=40)
    assert learner.evaluate().value > 0.9
    assert learner.program()(data.series[0]).label in data.classes


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_a_table_of_numbered_columns_is_recognised(
    kind: str, rows: list[tuple[str, list[float]]], tmp_path: Path
) -> None:
    source = table(rows, tmp_path / "rows.csv")
    frame = pl.read_csv(source, schema_overrides={"label": pl.String})
    if kind == "parquet":
        source = tmp_path / "rows.parquet"
        frame.write_parquet(source)
    found, why = guess(frame if kind == "frame" else source)
    assert found is learnt.Series
    assert "are numbered and neighbours are alike: moments of series" in why
    data = learnt.Series(frame if kind == "frame" else source)
    assert [len(data.split[side]) for side in ("train", "valid", "test")] == [106, 22, 22]
    assert data.series.shape == (150, 1, 150)


def test_a_table_of_numbered_facts_is_not_taken_for_series(tmp_path: Path) -> None:
    data = load_wine()
    names = {name: f"x{i}" for i, name in enumerate(data.feature_names)}
    facts = pl.DataFrame(data.data, list(names.values())).with_columns(label=data.target)
    facts.write_csv(tmp_path / "wine.csv")
    assert learnt.Series.recognise(Look(tmp_path / "wine.csv")) is None
    assert learnt.Series.recognise(Look(facts)) is None


def test_lengths_gaps_and_constant_rows_are_noted(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = []
    for number in range(40):
        values = random.standard_normal(20 + number % 5).cumsum() * (1 + number % 2 * 5)
        cells = [f"{value:.4f}" for value in values]
        cells[3] = "?" if number < 7 else cells[3]
        lines.append(",".join(["5.0"] * 20 if number == 39 else cells) + f":{'ab'[number % 2]}")
    head = "@problemName x\n@classLabel true a b\n@data\n"
    (tmp_path / "x.ts").write_text(head + "\n".join(lines))
    data = learnt.Series(tmp_path / "x.ts")
    assert data.series.shape == (40, 1, 24)
    assert data.notes == [
        "the series have 20 to 24 values; all were stretched or shortened to 24, by straight lines",
        "7 of 40 series have missing values, filled by straight lines",
        "1 of 40 series are constant",
    ]
    assert np.isfinite(Learner(data).fit(epochs=2).outputs(data.split.test)).all()


def test_rows_that_cannot_be_used_are_left_out_up_to_a_tenth(
    rows: list[tuple[str, list[float]]], tmp_path: Path
) -> None:
    few = [(name, list(values)) for name, values in rows[:30]]
    few[4][1][:] = [float("nan")] * 150
    data = learnt.Series(table(few, tmp_path / "rows.csv"))
    assert len(data) == 29
    assert data.notes[-1].startswith("left out 1 of 30 rows:\n")
    assert "row 5: a series must have values; all of it is missing" in data.notes[-1]
    for number in range(5, 9):
        few[number][1][0] = float("inf")
    with pytest.raises(DataError, match=r"at most 10.0 % of the rows may be unusable; 5 of 30"):
        learnt.Series(table(few, tmp_path / "rows.csv"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t0,t1,t2\n1,2,3\n", "must have a label, in a column label or class or target or y"),
        ("t0,t1,label\n1,2,\n", "row 1: the label is empty"),
        ("t0,t1,label,split\n1,2,a,nowhere\n", "must be train, valid or test; got nowhere"),
        ("t0,t1,label\n1,2,a\n3,4,a\n5,6,a\n", "series of at least 2 classes"),
        ("t0,t1,label\n", "must hold series, a row each; it has none"),
        ("t0,t1,label\n1,2,a\n3,4,b\n", "'a' has 1 different example"),
    ],
)
def test_tables_that_cannot_be_learnt_are_errors(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        learnt.Series(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    "change", [{"channels": 0}, {"length": 1}, {"length": True}, {"channels": 10**6}]
)
def test_a_manifest_that_lies_is_refused(program_file: Path, change: dict[str, object]) -> None:
    archive = parse_archive(program_file.read_bytes(), "it")
    archive.manifest["input"].update(change)
    with pytest.raises(ProgramError, match="must be series of some channels and a length"):
        program_of(archive)


@pytest.mark.parametrize("source", [[], [[[1.0]]], ["a", "b"], b"t0,t1\n1,2\n3,4\n"])
def test_what_is_no_one_series_is_an_error(program_file: Path, source: object) -> None:
    with pytest.raises(TableError, match="series"):
        learnt.load(program_file)(source)


def test_the_plan_says_what_learns_and_why() -> None:
    plan = plan_series((1, 150), (42, 200), 2, Budget(), Machine())
    assert (plan.model, plan.options, plan.recipe.batch) == ("minirocket", {"features": 9996}, 21)
    pictures = plan_series((6, 100), (42, 200), 2, Budget(epochs=3), Machine(), "gramian")
    assert (pictures.model, pictures.epochs) == ("gramian", 3)
    assert "as pictures 64 × 64" in pictures.describe()
    with pytest.raises(learnt.LearntError, match="one of minirocket, gramian; got 'x'"):
        plan_series((1, 150), (42, 200), 2, Budget(), Machine(), "x")
