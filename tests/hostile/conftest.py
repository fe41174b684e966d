"""Small programs of every kind, to be made bad: those that are kept in tests/program/old."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def members(small: dict[str, Path]) -> dict[str, bytes]:
    """The members of the one that reads digits."""
    from learnt.runner.archive import read_archive

    return read_archive(small["digits"]).members
