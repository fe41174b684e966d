"""The command line for tests: within this process, with what it printed."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from learnt.cli.main import main
from learnt.storage import runs_folder


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]
Answer = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """`learnt ARGUMENT…`, as typed."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def programs(kept: Path) -> Path:
    """Programs of every kind, those that are kept, in one folder; not to be changed."""
    return kept


@pytest.fixture
def answer(cli: Cli, programs: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """`learnt run PROGRAM …` in an empty folder; `stdin` is what comes by standard input."""

    def run(name: str, *arguments: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
        return cli("run", programs / f"{name}.pyz", *arguments)

    return run


def state(*folders: Path) -> dict[str, int]:
    """Everything below these folders, and how large it is."""
    return {str(p): p.lstat().st_size for f in folders for p in f.rglob("*") if not p.is_dir()}


@pytest.fixture
def nothing_written(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Call it before the command: at the test's end no file may be new, changed or gone."""
    before: list[dict[str, int]] = []
    yield lambda: before.append(state(tmp_path, runs_folder()))
    assert before
    assert state(tmp_path, runs_folder()) == before[0]


@pytest.fixture
def refused(cli: Cli, nothing_written: Callable[[], None]) -> Callable[..., str]:
    """Run a command that must be refused: exit code 2, one message, nothing written."""

    def run(*arguments: object) -> str:
        nothing_written()
        done = cli(*arguments)
        assert done.code == 2, done
        assert done.err.startswith("error: ")
        assert done.err.count("error: ") == 1
        assert "Traceback" not in done.err
        return done.err

    return run
