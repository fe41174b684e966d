"""Servers that tests share: one a kind of program, and one of digits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.servers import Server, serving, start


@pytest.fixture(scope="session")
def programs(small: dict[str, Path]) -> dict[str, Path]:
    """A small program of every kind, by name."""
    return small


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
