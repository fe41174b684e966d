"""`learnt train`: what it prints, what it writes, and that a plan does neither."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import learnt
from learnt.cli.train import default_name
from learnt.storage import runs_folder
from tests.cli.conftest import Cli
from tests.pictures import table, take

QUICK = ("--model", "convnet", "--epochs", 1)
KEYS = [
    "program", "task", "classes", "examples", "metric", "value", "baseline", "interval",
    "others", "seconds", "model", "engine", "run",
]  # fmt: skip


def test_json_is_one_object_with_the_published_keys_and_nothing_else(
    cli: Cli, here: Path, digits: Path
) -> None:
    done = cli("train", digits, *QUICK, "-o", "d.pyz", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    summary = json.loads(done.out)
    assert list(summary) == [*KEYS, "notes"]
    assert summary["program"] == "d.pyz"
    assert summary["task"] == "image-classification"
    assert summary["classes"] == list("0123456789")
    assert summary["examples"] == {"train": 700, "valid": 150, "test": 150}
    assert (summary["metric"], summary["baseline"]) == ("accuracy", 0.1)
    low, high = summary["interval"]
    assert 0 <= low <= summary["value"] <= high <= 1
    assert list(summary["seconds"]) == ["total", "features", "fit"]
    assert all(seconds >= 0 for seconds in summary["seconds"].values())
    assert (summary["model"], summary["engine"]) == ("convnet", "numpy")
    assert (runs_folder() / summary["run"] / "checkpoint.safetensors").is_file()
    assert learnt.load("d.pyz").manifest["figures"]["value"] == summary["value"]


def test_notes_are_in_the_object_too(cli: Cli, here: Path, digits: Path) -> None:
    take(digits, here / "data", {"0": 20, "1": 20})
    (here / "data" / "0" / "bad.png").touch()
    done = cli("train", "data", *QUICK, "--json")
    note, few = json.loads(done.out)["notes"]
    assert note.startswith("left out 1 of 41 files:\n  0/bad.png is empty")
    assert few.startswith("so few steps of training (1)")
    assert done.err == ""


def test_without_json_the_figure_stands_beside_its_baseline(
    cli: Cli, here: Path, digits: Path
) -> None:
    done = cli("train", digits, *QUICK)
    assert (done.code, done.err) == (0, "")
    first, *_, last = done.out.splitlines()
    assert first.startswith("Images(1000 pictures, 10 classes: 700 train")
    assert "on 150 pictures; always the commonest class: 10.0 %" in done.out
    assert last.startswith("wrote digits.pyz (")
    assert "\x1b" not in done.out


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_plan_trains_nothing_and_writes_nothing(
    cli: Cli, here: Path, digits: Path, nothing_written: Callable[[], None], as_json: list[str]
) -> None:
    nothing_written()
    done = cli("train", digits, "--plan", *as_json)
    assert (done.code, done.err) == (0, "")
    if as_json:
        assert json.loads(done.out)["model"] == "efficientnet-lite0"
    else:
        for fact in ("model     efficientnet-lite0", "time      about", "because   the pictures"):
            assert fact in done.out


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("pets", "pets.pyz"),
        ("pets/", "pets.pyz"),
        ("./my.photos", "my.photos.pyz"),
        ("pets/../pets", "pets.pyz"),
        (".", "here.pyz"),
        ("all.csv", "all.pyz"),
        ("link", "link.pyz"),
    ],
)
def test_without_out_the_program_is_named_after_the_source(
    here: Path, source: str, name: str
) -> None:
    for folder in ("pets", "my.photos"):
        (here / folder).mkdir()
    (here / "link").symlink_to("pets")
    (here / "all.csv").touch()
    assert default_name(Path(source)) == Path(name)


def test_a_csv_with_other_columns_is_trained_and_tested_on(
    cli: Cli, here: Path, digits: Path
) -> None:
    files = sorted(digits.rglob("*.png"))[::5]
    lines = [f"{file},{file.parent.name}" for file in files]
    table(here / "all.csv", ["where,what", *lines])
    columns = ("--file", "where", "--label", "what")
    assert cli("train", "all.csv", *columns, *QUICK).code == 0
    done = cli("test", "all.pyz", "all.csv", *columns, "--json")
    assert json.loads(done.out)["n"] == len(files)


def test_equal_seeds_give_equal_programs_and_others_do_not(
    cli: Cli, here: Path, digits: Path
) -> None:
    take(digits, here / "data", {"0": 30, "1": 30})
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert cli("train", "data", *QUICK, "--seed", seed, "-o", f"{name}.pyz").code == 0
    one, same, other = ((here / f"{name}.pyz").read_bytes() for name in "abc")
    assert one == same != other


def test_an_old_program_is_replaced(cli: Cli, here: Path, digits: Path) -> None:
    take(digits, here / "data", {"0": 30, "1": 30})
    (here / "data.pyz").write_text("old")
    assert cli("train", "data", *QUICK).code == 0
    assert cli("info", "data.pyz").out.startswith("# data: which of 2 classes")
    assert sorted(os.listdir(here)) == ["data", "data.pyz"]


def test_the_program_that_was_written_runs_by_itself(cli: Cli, here: Path, digits: Path) -> None:
    take(digits, here / "data", {"0": 30, "1": 30})
    assert cli("train", "data", *QUICK).code == 0
    picture = min((here / "data" / "1").iterdir())
    done = subprocess.run(
        [sys.executable, "data.pyz", picture, "--json"], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout)["probabilities"]) == {"0", "1"}
    assert cli("run", "data.pyz", picture, "--json").out == done.stdout


def test_a_run_goes_on_as_it_was_started_and_nothing_else_can_be_asked_of_it(
    cli: Cli, here: Path, digits: Path
) -> None:
    take(digits, here / "data", {"0": 20, "1": 20})
    run = json.loads(cli("train", "data", *QUICK, "--json").out)["run"]
    for words in (("--fast",), ("--weights", "int8"), ("--model", "convnet"), ("--seed", "0")):
        done = cli("train", "--resume", run, *words)
        assert (done.code, done.out) == (2, "")
        assert f"give nothing else but -o, --plan and --json; got {words[0]}" in done.err
    done = cli("train", "--resume", run, "--plan", "--json")
    made = json.loads(done.out)
    config = json.loads((runs_folder() / run / "config.json").read_text())
    assert {key: made[key] for key in config["plan"]} == config["plan"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such terminal")
@pytest.mark.parametrize("source", ["pictures", "rows.csv"])
def test_on_a_terminal_bars_are_shown_and_the_cursor_comes_back(
    here: Path, digits: Path, source: str
) -> None:
    import pty

    take(digits, here / "pictures", {"0": 20, "1": 20})
    table(here / "rows.csv", ["a,label", *(f"{i % 7}.5,{'xy'[i % 2]}" for i in range(60))])
    model = "tabular" if source == "rows.csv" else "convnet"
    command = "import sys; from learnt.cli.main import main; sys.exit(main())"
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", command, "train", source, "--model", model, "--epochs", "2"],
        stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(slave)
        printed = b"".join(iter(lambda: read(master), b""))
    os.close(master)
    assert process.returncode == 0, printed.decode()
    assert (b"preparing" in printed) == (source == "pictures")
    assert b"training" in printed
    assert printed.rindex(b"\x1b[?25h") > printed.rindex(b"\x1b[?25l")


def test_control_c_while_pictures_are_prepared_says_so_and_brings_the_cursor_back(
    here: Path, digits: Path
) -> None:
    import pty

    command = "import sys; from learnt.cli.main import main; sys.exit(main())"
    master, slave = pty.openpty()
    printed = b""
    with subprocess.Popen(
        [sys.executable, "-c", command, "train", digits, "--model", "efficientnet-lite0"],
        stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(slave)
        while b"preparing" not in printed:
            printed += os.read(master, 1 << 16)
        process.send_signal(signal.SIGINT)
        printed += b"".join(iter(lambda: read(master), b""))
    os.close(master)
    assert process.returncode == 130
    assert printed.rindex(b"error: stopped; what was prepared") > printed.rindex(b"\x1b[?25h")
    assert printed.rindex(b"\x1b[?25h") > printed.rindex(b"\x1b[?25l")


def read(terminal: int) -> bytes:
    """What is next on it; nothing when nobody writes any more, which Linux calls a fault."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""
