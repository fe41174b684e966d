"""Two programs side by side: SciPy's binomial test, counts that can be made by hand, and words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

import learnt
from learnt.cli.main import main
from learnt.errors import UsageError
from learnt.runner.program import Program
from learnt.runner.text import counted
from learnt.training import measured
from learnt.training.comparing import called, compare, mcnemar, on
from learnt.training.evaluations import of_numbers
from learnt.training.learner import Learner
from learnt.training.testing import measure
from tests.pictures import take

NAMES = ("a.pyz", "b.pyz")


@pytest.fixture(scope="module")
def other(digits: Path) -> Program:
    """A program of the same digits by another seed, trained less."""
    return Learner(learnt.Images(digits, seed=1), model="convnet", seed=1).fit(epochs=2).program()


@pytest.fixture(scope="module")
def some(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty of each digit."""
    folder = tmp_path_factory.mktemp("some") / "digits"
    return take(digits, folder, {str(label): 30 for label in range(10)})


@pytest.mark.parametrize(
    ("a", "b"),
    [(0, 0), (0, 1), (1, 0), (5, 5), (12, 31), (31, 12), (0, 6), (300, 360), (9000, 9400)],
)
def test_mcnemar_s_p_is_scipy_s_two_sided_binomial_test(a: int, b: int) -> None:
    wanted = binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    assert mcnemar(a, b) == pytest.approx(wanted, rel=1e-8)


def test_what_both_say_of_every_digit_is_counted(
    some: Path, program_file: Path, other: Program
) -> None:
    first = learnt.load(program_file)
    found = compare((first, other), NAMES, some)
    only_a = only_b = differ = 0
    for file in sorted(some.rglob("*.png")):
        a, b, truth = first(file).label, other(file).label, file.parent.name
        only_a += a == truth != b
        only_b += b == truth != a
        differ += a != b
    assert (found.only, found.differ, found.n) == ((only_a, only_b), differ, 300)
    assert found.p == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert found.values[0] == measure(first, some)[0].value
    assert found.values[1] == measure(other, some)[0].value
    for one in found.examples:
        file = some / one["example"]
        assert (one["a"], one["b"]) == (first(file).label, other(file).label)
        assert one["label"] == file.parent.name
        assert one["a"] != one["b"]


def test_a_program_is_as_good_as_itself(digits: Path, program_file: Path, tmp_path: Path) -> None:
    take(digits, tmp_path / "some", {"1": 10, "7": 10})
    program = learnt.load(program_file)
    found = compare((program, program), NAMES, tmp_path / "some")
    assert (found.p, found.differ, found.better, found.examples) == (1.0, 0, None, [])
    assert "that may well be chance (p = 1)" in str(found)


def test_the_words_say_who_is_right_and_the_json_has_it_all(
    some: Path, program_file: Path, other: Program, tmp_path: Path, capsys: Any
) -> None:
    file = other.save(tmp_path / "other.pyz")
    assert main(["compare", str(program_file), str(file), str(some)]) == 0
    said = capsys.readouterr().out
    assert main(["compare", str(program_file), str(file), str(some), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    a, b = facts["only_a_right"], facts["only_b_right"]
    assert (
        f"other.pyz is right on {counted(b, 'example')} where digits.pyz is wrong, digits.pyz on "
        f"{a}" in said
    )
    assert ("more than chance" in said) == facts["more_than_chance"] == (facts["p"] < 0.05)
    assert said.count(".png") == len(facts["examples"]) <= 10
    assert facts["better"] == (None if facts["p"] >= 0.05 else "b" if b > a else "a")


def test_rows_are_compared_with_a_program_of_an_earlier_version(
    adult: Path,
    adult_program: Path,
    unpacked: Path,
) -> None:
    old = learnt.load(unpacked / "0.1.0" / "adult.pyz")
    found = compare((old, learnt.load(adult_program)), ("old", "new"), adult)
    assert (found.n, found.better) == (3000, "b")
    assert found.values[1] > found.values[0]


def test_numbers_have_an_interval_of_the_difference(unpacked: Path, tmp_path: Path) -> None:
    table = next(learnt.get_data("california").glob("*.csv")).read_text().splitlines()[:401]
    (tmp_path / "houses.csv").write_text("\n".join(table))
    old = learnt.load(unpacked / "0.1.0" / "houses.pyz")
    new = Learner(learnt.Table(tmp_path / "houses.csv")).fit(epochs=8).program()
    found = compare((old, new), NAMES, tmp_path / "houses.csv")
    low, high = found.interval
    difference = found.values[1] - found.values[0]
    assert low <= difference <= high
    assert sum(found.only) <= found.n == 400
    assert found.more_than_chance == (low > 0 or high < 0)
    gaps = [abs(float(one["a"]) - float(one["label"])) - abs(float(one["b"]) - float(one["label"]))
            for one in found.examples]  # fmt: skip
    assert [abs(gap) for gap in gaps] == sorted(map(abs, gaps), reverse=True)


def test_text_is_compared_block_by_block_whatever_the_tokens(
    novels: Path,
    writing: Program,
    unpacked: Path,
) -> None:
    old = learnt.load(unpacked / "0.1.0" / "novels.pyz")
    found = compare((old, writing), NAMES, novels)
    assert (found.metric, found.better) == ("bits per byte", "b")
    assert found.values[1] == pytest.approx(measure(writing, novels)[0].value, rel=1e-3)


def test_masks_are_compared_picture_by_picture(
    scenes: Path,
    mask_program: Path,
    unpacked: Path,
) -> None:
    old = learnt.load(unpacked / "0.1.0" / "scenes.pyz")
    found = compare((old, learnt.load(mask_program)), NAMES, scenes / "test")
    assert (found.n, found.metric, found.better) == (48, "mean IoU", "b")


def test_a_metric_on_some_of_the_examples_is_that_of_these_alone() -> None:
    random = np.random.default_rng(0)
    truth, answers = random.normal(size=(2, 50))
    names = [f"row {number}" for number in range(50)]
    found = measured.of_numbers(of_numbers(answers, truth, truth), [], names, answers, truth)
    places, counts = np.array([7, 3, 40]), np.array([[1.0, 1, 1], [0, 2, 1]])
    errors = (answers - truth)[places]
    wanted = [np.sqrt(np.mean(errors**2)), np.sqrt((2 * errors[1] ** 2 + errors[2] ** 2) / 3)]
    assert on(found, places)(counts) == pytest.approx(wanted)


def test_films_that_only_one_knows_do_not_count(unpacked: Path, tmp_path: Path) -> None:
    table = next(learnt.get_data("movielens-100k").glob("*.csv"))
    frame = pl.read_csv(table).filter((pl.col("user") <= 60) & pl.col("item").is_between(40, 120))
    frame.write_csv(tmp_path / "films.csv")
    old = learnt.load(unpacked / "0.1.0" / "films.pyz")
    new = Learner(learnt.Ratings(tmp_path / "films.csv")).fit(epochs=2).program()
    found = compare((old, new), NAMES, tmp_path / "films.csv")
    assert found.n == len(frame.filter(pl.col("item").cast(str).is_in(list(old.items))))
    assert found.n < len(frame)
    assert found.notes[-1] == f"{len(frame) - found.n:,} examples only one can answer"


def test_examples_that_are_there_twice_are_compared_each_with_itself(tmp_path: Path) -> None:
    rows = [f"u{u},i{i},{(u * i) % 5}" for u in range(8) for i in range(8)]
    file = tmp_path / "twice.csv"
    file.write_text("\n".join(["user,item,rating", *rows, "u1,i1,4", "u2,i3,0"]) + "\n")
    program = Learner(learnt.Ratings(file)).fit(epochs=1).program()
    found = compare((program, program), NAMES, file)
    assert (found.n, found.differ, found.values[0]) == (66, 0, found.values[1])


def test_programs_of_other_jobs_or_labels_are_refused(
    program_file: Path, adult_program: Path, digits: Path, tmp_path: Path
) -> None:
    first = learnt.load(program_file)
    with pytest.raises(
        UsageError, match=r"same kind of job; a\.pyz does image-cl.*b\.pyz does tab"
    ):
        compare((first, learnt.load(adult_program)), NAMES, digits)
    take(digits, tmp_path / "two", {"1": 10, "7": 10})
    two = Learner(learnt.Images(tmp_path / "two"), model="convnet").fit(epochs=1).program()
    with pytest.raises(UsageError, match=r"same labels; only b\.pyz knows 0, 2, 3, 4, 5, …: train"):
        compare((two, first), NAMES, digits)


def test_programs_of_one_name_are_told_apart() -> None:
    assert called([Path("x/p.pyz"), Path("x/q.pyz")]) == ("p.pyz", "q.pyz")
    assert called([Path("m/x/p.pyz"), Path("m/y/p.pyz")]) == ("x/p.pyz", "y/p.pyz")
    assert called([Path("a/x/p.pyz"), Path("b/x/p.pyz")]) == ("a/x/p.pyz", "b/x/p.pyz")
