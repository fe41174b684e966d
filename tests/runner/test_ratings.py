"""Programs that know who rated what: their command line, their answers, and crafted files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import learnt
from learnt.errors import DataError, ProgramError
from learnt.runner.main import run
from tests.runner.crafted import changed, members_of

TITLES = ("Alien", "Aliens", "Brazil", "Casablanca", "Das Boot", "Metropolis", "Solaris", "")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of ten users and eight films; user 0 has rated all, user 1 but one."""
    rows = [(u, i) for u in range(10) for i in range(8) if u == 0 or (u * i) % 7 != 1]
    table = {
        "user": [u for u, _ in rows],
        "item": [f"f{i}" for _, i in rows],
        "rating": [1 + (u + i * i) % 5 for u, i in rows],
        "title": [TITLES[i] for _, i in rows],
    }
    learner = learnt.Learner(learnt.Ratings(table)).fit(epochs=3)
    return learner.program().save(tmp_path_factory.mktemp("films") / "films.pyz")


def said(capsys: pytest.CaptureFixture[str], films: Path, *arguments: str) -> list[str]:
    """The lines that a command prints; its exit code must be 0."""
    capsys.readouterr()
    assert run(films, arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_the_file_is_a_program_by_itself(films: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(films), "--user", "1", "--top", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    (line,) = done.stdout.splitlines()
    assert line.endswith("Aliens")
    assert 1 <= float(line.split()[0]) <= 5
    assert subprocess.run([sys.executable, str(films), "--selftest"], check=False).returncode == 0


def test_one_rating_by_name_title_or_a_part_of_it(capsys, films: Path) -> None:
    lines = [said(capsys, films, "--user", "3", "--item", name)
             for name in ("f2", "Brazil", "brazil", "braz", "azi")]  # fmt: skip
    assert all(line == lines[0] for line in lines)
    assert lines[0][0].endswith("Brazil")
    (answer,) = said(capsys, films, "--user", "3", "--item", "f2", "--json")
    found = json.loads(answer)
    assert found["input"] == {"user": "3", "item": "f2"}
    assert (found["item"], found["title"]) == ("f2", "Brazil")
    assert found["value"] == pytest.approx(learnt.load(films)((3, "f2")).value, abs=1e-6)


def test_titles_that_begin_alike_are_told_apart(films: Path) -> None:
    program = learnt.load(films)
    assert program.find("alien") == 0  # the whole title comes before a part of one
    with pytest.raises(DataError, match="2 items are called 'ali' or so: Alien, Aliens"):
        program.find("ali")


def test_similar_items_are_the_others_nearest_first(capsys, films: Path) -> None:
    lines = said(capsys, films, "--like", "Brazil", "--json")
    found = [json.loads(line) for line in lines]
    assert sorted(f["item"] for f in found) == sorted({f"f{i}" for i in range(8)} - {"f2"})
    likeness = [f["similarity"] for f in found]
    assert likeness == sorted(likeness, reverse=True)
    assert said(capsys, films, "--like", "Brazil", "--top", "1")[0].endswith(
        found[0]["title"] or found[0]["item"]
    )


def test_who_has_rated_everything_gets_nothing_and_is_told(capsys, films: Path) -> None:
    assert run(films, ["--user", "0"]) == 0
    done = capsys.readouterr()
    assert done.out == ""
    assert "has rated every item" in done.err


def test_a_user_who_is_not_known_gets_the_mean_of_all_and_is_told(capsys, films: Path) -> None:
    assert run(films, ["--user", "nobody", "--top", "8"]) == 0
    done = capsys.readouterr()
    assert len(done.out.splitlines()) == 8
    assert "this user is not known" in done.err
    (line,) = said(capsys, films, "--user", "nobody", "--item", "f1", "--json")
    assert "not known" in json.loads(line)["note"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--user", "1", "--item", "zzz"], "the item zzz is not known; some that are: f0, f1"),
        (["--like", ""], "is not known"),
        (["--user", "1", "--top", "0"], "must be from 1 to 10,000"),
        (["--top", "3"], "give --user, --like or a table"),
        (["--item", "f1"], "give --user, --like or a table"),
        (["--user", "1", "--like", "f1"], "one of them"),
        (["nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_what_to_do(
    films: Path, arguments: list[str], words: str
) -> None:
    command = [sys.executable, str(films), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_in_is_the_table_out_with_two_columns_more(
    capsys, films: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("item,user,shop\nf1,3,a\nf9,3,b\nf2,nobody,c\n")
    out = tmp_path / "out.csv"
    assert run(films, [str(tmp_path / "in.csv"), "-o", str(out)]) == 2  # one item is unknown
    lines = out.read_text().splitlines()
    assert lines[0] == "item,user,shop,rating,note"
    value = learnt.load(films)(("3", "f1")).value
    assert lines[1] == f"f1,3,a,{round(value, 4)},"
    assert lines[2] == "f9,3,b,,this item is not known"
    assert lines[3].startswith("f2,nobody,c,")
    assert lines[3].endswith("what the mean of all users would rate")
    capsys.readouterr()
    assert run(films, [str(tmp_path / "in.csv"), "--json"]) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [f["value"] is None for f in found] == [False, True, False]
    assert found[0]["input"] == {"user": "3", "item": "f1"}


def test_standard_input_is_a_table_too_and_a_rating_in_it_is_kept(films: Path) -> None:
    rows = "user,item,rating\n" + "3,f1,5\n" * 5000
    command = [sys.executable, str(films), "-"]
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "user,item,rating,predicted rating,note"
    assert len(lines) == 5001
    assert len(set(lines[1:])) == 1


def test_a_table_without_the_columns_says_which_it_needs(films: Path) -> None:
    command = [sys.executable, str(films), "-"]
    done = subprocess.run(command, input="a,b\n1,2\n", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "must have a column of users, 'user'; it has a, b" in done.stderr


def test_an_input_in_python_is_a_pair(films: Path) -> None:
    program = learnt.load(films)
    same = [("3", "f1"), [3, "f1"], {"user": 3.0, "item": "f1"}, b'{"user": "3", "item": "f1"}']
    assert len({program(source).value for source in same}) == 1
    for source in ("f1", ("3",), 7, {"user": "3"}, b"3,f1", b"[" * 100_000, b"\xff", b"7"):
        with pytest.raises(DataError, match=r"pair (of|as)|is not known"):
            program(source)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("users.json", b"[]"),
        ("users.json", b"{"),
        ("users.json", b'{"0": ""}'),
        ("items.json", b"[" * 100_000),
        ("items.json", json.dumps({f"f{i}": i for i in range(8)}).encode()),
        ("items.json", None),
    ],
)
def test_names_that_are_not_whole_are_refused(
    films: Path, tmp_path: Path, name: str, data: bytes | None
) -> None:
    (tmp_path / "bad.pyz").write_bytes(changed(films, {f"assets/{name}": data}))
    with pytest.raises(ProgramError, match=f"assets/{name}"):
        learnt.load(tmp_path / "bad.pyz")


@pytest.mark.parametrize(
    "spec",
    [
        {"users": 1}, {"users": True}, {"items": 10**12}, {"items": "8"}, {"columns": None},
        {"columns": {"user": "u"}}, {"columns": {"user": 1, "item": "i", "rating": "r"}},
    ],
)  # fmt: skip
def test_a_spec_that_is_not_as_it_must_be_is_refused(
    films: Path, tmp_path: Path, spec: dict[str, object]
) -> None:
    manifest = json.loads(members_of(films)["manifest.json"])
    data = changed(films, {}, input={**manifest["input"], **spec})
    (tmp_path / "bad.pyz").write_bytes(data)
    with pytest.raises(ProgramError, match="its input must"):
        learnt.load(tmp_path / "bad.pyz")


def test_a_history_that_lies_does_no_harm(films: Path, tmp_path: Path) -> None:
    users = {str(u): "0-99999999 7-3 x 5" for u in range(10)}
    data = changed(films, {"assets/users.json": json.dumps(users).encode()})
    (tmp_path / "odd.pyz").write_bytes(data)
    assert learnt.load(tmp_path / "odd.pyz").top("1") == []


def test_reading_stops_quietly_when_nobody_listens(films: Path) -> None:
    command = f"{sys.executable} {films} - | head -1"
    rows = "user,item\n" + "3,f1\n" * 20_000
    done = subprocess.run(
        command, shell=True, input=rows, capture_output=True, text=True, check=False
    )
    assert done.stdout == "user,item,rating,note\n"
    assert done.stderr == ""


def test_answers_are_shown_by_what_people_call_the_item(films: Path) -> None:
    program = learnt.load(films)
    assert repr(program(("3", "f2"))).startswith("Rated('Brazil', value=")
    assert repr(program(("3", "f7"))).startswith("Rated('f7', value=")
