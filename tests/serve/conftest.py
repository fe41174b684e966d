"""Servers that tests share: one a kind of program, and one of digits."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.servers import Server, serving, start

OLD = Path(__file__).parents[1] / "program" / "old" / "0.1.0" / "programs.tar.xz"


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small program of every kind, by name."""
    folder = tmp_path_factory.mktemp("served")
    with tarfile.open(OLD) as archive:
        archive.extractall(folder, filter="data")
    return {file.stem: file for file in sorted(folder.glob("*.pyz"))}


@pytest.fixture(scope="session")
def servers(programs: dict[str, Path]) -> Iterator[dict[str, Server]]:
    """A server of each of them; all end well."""
    started = {name: start(file) for name, file in programs.items()}
    yield started
    assert {server.end() for server in started.values()} == {(0, "")}


@pytest.fixture(scope="module")
def digits_server(program_file: Path) -> Iterator[Server]:
    """A server of digits, for a module."""
    with serving(program_file) as server:
        yield server
