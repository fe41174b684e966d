"""A disk that is full and files that may not be read: a clear message, and nothing lost."""

import os
import resource
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.pictures import take

LEARNT = "import sys; from learnt.cli.main import main; sys.exit(main())"
# As LEARNT, but as a user who may not read everything, this project's own files included: a
# first go loads all that is loaded late.
AS_NOBODY = """
import contextlib, io, os, sys
from PIL import Image
import learnt.runner.program, learnt.runner.pictures, learnt.training.learner
import learnt.data.frames, learnt.training.tasks.pictures
from learnt.data.kinds import KINDS, kind_of_data
from learnt.cli.main import main
Image.init()
for name in KINDS:
    kind_of_data(name)
with contextlib.redirect_stderr(io.StringIO()):
    main(["train", os.devnull + "/nowhere", "--plan"])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main())
"""
LIMIT = 200_000  # bytes a file; the program below has more, all else that is written fewer


@pytest.fixture
def noise(here: Path) -> Path:
    """Long pictures of noise: what travels of them in the program is large."""
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        (here / "noise" / label).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 256, (600, 63, 3), np.uint8)
            Image.fromarray(pixels).save(here / "noise" / label / f"{number}.png")
    return here / "noise"


def test_when_a_file_cannot_grow_any_more_the_old_program_is_kept_and_still_runs(
    cli: Cli, here: Path, noise: Path
) -> None:
    options = ["train", "noise", "--model", "convnet", "--epochs", "1", "-o", "p.pyz"]
    assert cli(*options).code == 0
    before = (here / "p.pyz").read_bytes()
    assert len(before) > LIMIT

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    done = subprocess.run(
        [sys.executable, "-c", LEARNT, *options, "--seed", "1"],
        preexec_fn=full,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: p.pyz cannot be written: File too large. "
        "Nothing was changed; choose another place\n"
    )
    assert (here / "p.pyz").read_bytes() == before
    assert sorted(os.listdir(here)) == ["noise", "p.pyz"]
    picture = min(noise.rglob("*.png"))
    again = subprocess.run(
        [sys.executable, "p.pyz", picture], capture_output=True, text=True, check=True
    )
    assert again.stdout.startswith(str(picture))


def test_when_the_folder_for_temporary_files_is_full_that_is_said(
    cli: Cli, here: Path, noise: Path
) -> None:
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        [sys.executable, "-c", LEARNT, "train", "noise", "--model", "convnet", "--epochs", "1"],
        preexec_fn=full,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the prepared inputs need 0 MB in the folder for tempor")
    assert sorted(os.listdir(here)) == ["noise"]


def test_a_program_is_executable_and_a_link_to_it_stays_a_link(
    cli: Cli, here: Path, noise: Path
) -> None:
    (here / "elsewhere").mkdir()
    (here / "p.pyz").symlink_to(here / "elsewhere" / "real.pyz")
    assert cli("train", "noise", "--model", "convnet", "--epochs", 1, "-o", "p.pyz").code == 0
    assert (here / "p.pyz").is_symlink()
    mode = (here / "elsewhere" / "real.pyz").stat().st_mode
    assert mode & stat.S_IXUSR
    assert os.listdir(here / "elsewhere") == ["real.pyz"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; tmp_path is its owner's alone."""
    with tempfile.TemporaryDirectory(prefix="learnt-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def as_nobody(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`learnt ARGUMENT…` in a folder, as a user for whom permissions count."""
    command = [sys.executable, "-c", AS_NOBODY, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_file_that_may_not_be_read_is_named_and_skipped(open_folder: Path, digits: Path) -> None:
    take(digits, open_folder / "data")
    secret = min((open_folder / "data" / "1").iterdir())
    secret.chmod(0)
    done = as_nobody(open_folder, "train", "data", "--plan")
    assert done.returncode == 0, done.stderr
    assert "Images(29 pictures, 3 classes:" in done.stdout
    assert f"1/{secret.name} cannot be read (Permission denied)" in done.stderr


def test_a_class_that_may_not_be_read_is_an_error(open_folder: Path, digits: Path) -> None:
    take(digits, open_folder / "data")
    (open_folder / "data" / "1").chmod(0)
    done = as_nobody(open_folder, "train", "data", "--plan")
    (open_folder / "data" / "1").chmod(0o755)
    assert done.returncode == 2
    assert done.stderr == "error: the folder data/1 cannot be read: Permission denied\n"


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_source_that_may_not_be_entered_is_an_error(
    open_folder: Path, digits: Path, mode: int
) -> None:
    take(digits, open_folder / "data")
    (open_folder / "data").chmod(mode)
    for source in ("data", "data/0"):
        done = as_nobody(open_folder, "train", source, "--plan")
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
    (open_folder / "data").chmod(0o755)


def test_a_folder_that_may_not_be_written_to_is_an_error_before_training(
    open_folder: Path, digits: Path
) -> None:
    take(digits, open_folder / "data")
    open_folder.chmod(0o555)
    done = as_nobody(open_folder, "train", "data", "-o", "p.pyz")
    open_folder.chmod(0o755)
    assert done.returncode == 2
    assert "cannot be written to: choose another place with -o" in done.stderr
    assert done.stdout == ""
