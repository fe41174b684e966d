"""Small programs of every kind, to be made bad: those that are kept in tests/program/old."""

import tarfile
from pathlib import Path

import pytest

OLD = Path(__file__).parent.parent / "program" / "old" / "0.1.0" / "programs.tar.xz"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name; not to be changed."""
    folder = tmp_path_factory.mktemp("small")
    with tarfile.open(OLD) as archive:
        archive.extractall(folder, filter="data")
    return {file.stem: file for file in sorted(folder.glob("*.pyz"))}


@pytest.fixture(scope="session")
def members(small: dict[str, Path]) -> dict[str, bytes]:
    """The members of the one that reads digits."""
    from learnt.runner.archive import read_archive

    return read_archive(small["digits"]).members
