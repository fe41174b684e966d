"""Real snippets of film reviews, and a program that has learnt a part of them."""

import csv
from pathlib import Path

import pytest

import learnt


@pytest.fixture(scope="session")
def snippets(home: Path) -> list[dict[str, str]]:
    """All 10,568 of them, in their order: text, group and label."""
    folder = learnt.get_data("movie-snippets", allow_sdist=True)
    with (folder / "movie-snippets.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def some(snippets: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifth of their blocks, as a CSV."""
    path = tmp_path_factory.mktemp("texts") / "snippets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, list(snippets[0]))
        rows.writeheader()
        rows.writerows(row for row in snippets if int(row["group"]) % 5 == 0)
    return path


@pytest.fixture(scope="session")
def learner(some: Path) -> learnt.Learner:
    """A Learner of those; not to be trained further."""
    return learnt.Learner(learnt.Texts(some), model="words").fit(epochs=2)


@pytest.fixture(scope="session")
def program(learner: learnt.Learner) -> learnt.Program:
    """Its program."""
    return learner.program()


@pytest.fixture(scope="session")
def program_file(program: learnt.Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on disk; not to be changed."""
    return program.save(tmp_path_factory.mktemp("programs") / "reviews.pyz")
