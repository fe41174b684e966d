"""Every verb: its help, its words, and its JSON."""

import io
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import learnt
from learnt.cli.main import app
from learnt.cli.pictures import SHADES, WIDTH, draw, side_by_side
from learnt.data.catalogue import DATASETS
from learnt.runner.images import decode
from learnt.version import __version__
from tests.cli.conftest import Cli
from tests.pictures import take

VERBS = [str(verb.name) for verb in app.registered_commands] + [
    f"{group.name} {verb.name}"
    for group in app.registered_groups
    for verb in group.typer_instance.registered_commands
]


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example_that_begins_with_the_verb(cli: Cli, verb: str) -> None:
    done = cli(*verb.split(), "--help")
    assert (done.code, done.err) == (0, "")
    (line,) = [line for line in done.out.splitlines() if "Example: " in line]
    assert line.strip().startswith(f"Example: learnt {verb}")


def test_help_lists_every_verb_and_learnt_alone_is_help(cli: Cli) -> None:
    done = cli("--help")
    assert done.out.startswith("Usage: learnt [OPTIONS] COMMAND")
    for verb in VERBS:
        assert f"\n  {verb.split()[0]} " in done.out
    assert cli().out.strip() == done.out.strip()


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version").out == f"learnt {__version__}\n"


def test_a_program_answers_in_words(cli: Cli, digits: Path, program_file: Path) -> None:
    files = [min((digits / label).iterdir()) for label in "37"]
    done = cli("run", program_file, *files)
    assert (done.code, done.err) == (0, "")
    for file, line in zip(files, done.out.splitlines(), strict=True):
        name, _, answer = line.rpartition(": ")
        assert name == str(file)
        assert answer[0] in "0123456789"
        assert answer.endswith(" %)")


def test_run_gives_all_that_follows_the_program_to_the_program(
    cli: Cli, digits: Path, program_file: Path
) -> None:
    own = cli("run", program_file, "--help")
    assert own.code == 0
    assert own.out.startswith(f"usage: learnt run {program_file}")
    assert "PICTURE" in own.out
    assert cli("run", program_file, "--selftest").out.startswith("ok: 3 inputs")
    file = min((digits / "3").iterdir())
    before, after = (
        cli("run", "--json", program_file, file),
        cli("run", program_file, file, "--json"),
    )
    assert json.loads(before.out) == json.loads(after.out)
    assert cli("run", program_file, "--nosuch").code == 2


def test_a_program_answers_in_json_one_object_a_line(
    cli: Cli, digits: Path, program_file: Path
) -> None:
    files = [min((digits / label).iterdir()) for label in "37"]
    done = cli("run", program_file, *files, "--json")
    assert (done.code, done.err) == (0, "")
    program = learnt.load(program_file)
    for file, line in zip(files, done.out.splitlines(), strict=True):
        answer, wanted = json.loads(line), program(file)
        assert list(answer) == ["input", "label", "probability", "probabilities"]
        assert (answer["input"], answer["label"]) == (str(file), wanted.label)
        assert answer["probability"] == max(answer["probabilities"].values())
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_a_dash_is_standard_input(
    cli: Cli, digits: Path, program_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = min((digits / "3").iterdir())
    stdin = SimpleNamespace(buffer=io.BytesIO(file.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    answer = json.loads(cli("run", program_file, "-", "--json").out)
    assert (answer["input"], answer["label"]) == ("-", learnt.load(program_file)(file).label)


def test_a_reader_that_has_had_enough_ends_the_command_quietly(
    digits: Path, program_file: Path
) -> None:
    files = [shlex.quote(str(file)) for file in sorted((digits / "3").iterdir())]
    learnt_ = "import sys; from learnt.cli.main import main; sys.exit(main())"
    command = f'{sys.executable} -c "{learnt_}" run {program_file} {" ".join(files)} | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_testing_gives_the_metric_beside_its_baseline(
    cli: Cli, digits: Path, program_file: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path / "data", {"3": 30, "7": 10})
    done = cli("test", program_file, tmp_path / "data")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("accuracy ")
    assert "on 40 examples; always the commonest class: 75.0 %" in done.out
    measured = json.loads(cli("test", program_file, tmp_path / "data", "--json").out)
    keys = ["metric", "value", "baseline", "interval", "n", "confusion"]
    assert list(measured) == [*keys, "notes"]
    assert (measured["n"], measured["baseline"]) == (40, 0.75)
    assert [sum(row) for row in measured["confusion"]] == [0, 0, 0, 30, 0, 0, 0, 10, 0, 0]
    program = learnt.load(program_file)
    files = sorted((tmp_path / "data").rglob("*.png"))
    right = sum(program(file).label == file.parent.name for file in files)
    assert measured["value"] == right / 40


def test_testing_says_what_it_passed_over(
    cli: Cli, digits: Path, program_file: Path, tmp_path: Path
) -> None:
    take(digits, tmp_path / "data", {"3": 30, "7": 10})
    (tmp_path / "data" / "7").rename(tmp_path / "data" / "cat")
    (tmp_path / "data" / "3" / "bad.png").touch()
    done = cli("test", program_file, tmp_path / "data")
    assert done.code == 0
    first, second = done.err.splitlines()
    assert first == "note: passed over 10 examples of classes it does not know: cat (10)"
    assert second.startswith("note: left out 1 of 31 files: ")
    notes = json.loads(cli("test", program_file, tmp_path / "data", "--json").out)["notes"]
    assert [f"note: {note}" for note in notes] == [first, second]


def test_testing_on_what_a_program_learnt_from_says_so(
    cli: Cli, digits: Path, program_file: Path, tmp_path: Path
) -> None:
    same = tmp_path / "same"
    shutil.copytree(digits, same)
    assert "these are the examples that it learnt from" in cli("test", program_file, same).err
    compared = cli("compare", program_file, program_file, same)
    assert compared.err.count("these are the examples that it learnt from") == 1
    picture = min((same / "7").iterdir())
    picture.write_bytes(picture.read_bytes() + b" ")  # another file of the same picture
    assert cli("test", program_file, same).err == ""


def test_info_is_the_card_or_the_manifest(cli: Cli, program_file: Path) -> None:
    done = cli("info", program_file)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() == learnt.load(program_file).card.strip()
    assert "**Accuracy" in done.out
    assert json.loads(cli("info", program_file, "--json").out) == learnt.load(program_file).manifest


def test_data_sets_are_listed_with_licence_and_place(cli: Cli, all_digits: Path) -> None:
    done = cli("data", "list")
    assert (done.code, done.err) == (0, "")
    for entry in DATASETS.values():
        assert f"{entry.name:<17} {entry.about}\n" in done.out
        assert entry.licence in done.out
    assert "CC BY-SA 3.0, Yann LeCun and Corinna Cortes; the package: BSD-3-Clause; here" in (
        done.out
    )
    listed = json.loads(cli("data", "list", "--json").out)
    assert list(listed) == list(DATASETS)
    assert list(listed["digits"]) == ["about", "licence", "from"]


def test_getting_data_prints_its_folder(cli: Cli, all_digits: Path, tmp_path: Path) -> None:
    assert cli("data", "get", "digits").out == f"{all_digits}\n"
    new = tmp_path / "new"
    assert json.loads(cli("data", "get", "digits", "--to", new, "--json").out) == {
        "name": "digits",
        "folder": str(new),
    }
    again = cli("data", "get", "digits", "--to", new)
    assert again.code == 2
    assert again.err == f"error: {new} is already there; choose another folder\n"
    shutil.rmtree(new)


def test_bodies_are_listed_and_made_ready(cli: Cli) -> None:
    ready = json.loads(cli("bodies", "get", "efficientnet-lite0", "--json").out)
    assert Path(ready["file"]).is_file()
    assert cli("bodies", "get", "efficientnet-lite0").out == f"{ready['file']}\n"
    assert "Apache-2.0; ready" in cli("bodies", "list").out
    listed = json.loads(cli("bodies", "list", "--json").out)["efficientnet-lite0"]
    assert (listed["features"], listed["size"], listed["ready"]) == (1280, 224, True)


def test_a_body_that_must_be_brought_says_how(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    assert "brought by: learnt bodies get minilm" in cli("bodies", "list").out
    listed = json.loads(cli("bodies", "list", "--json").out)["minilm"]
    assert (listed["features"], listed["tokens"], listed["ready"]) == (384, 256, False)


def test_the_demo_writes_a_program_and_shows_it_at_work(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, all_digits: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("demo")
    assert (done.code, done.err) == (0, "")
    assert "Images(5000 pictures, 10 classes: 3500 train, 750 valid, 750 test)" in done.out
    assert "The program at work, on pictures it never saw:  ./digits.pyz PICTURE..." in done.out
    assert json.loads(cli("info", "digits.pyz", "--json").out)["figures"]["value"] > 0.95


def test_pictures_are_drawn_in_shades_or_in_colour(digits: Path) -> None:
    picture = decode(min((digits / "1").iterdir()), 1)
    plain = draw(picture, colour=False)
    assert {len(line) for line in plain} == {WIDTH}
    assert set("".join(plain)) <= set(SHADES)
    assert plain[5].strip()  # the stroke
    assert all("▀" in line and line.endswith("\x1b[0m") for line in draw(picture, colour=True))
    rows = side_by_side([picture] * 3, ["one", "two", "three"]).splitlines()
    assert "one" in rows[-1] or "three" in rows[-1]
