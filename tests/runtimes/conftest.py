"""Packages of npm for these tests: pinned, verified, unpacked; nothing of them is set up."""

import platform
import tarfile
from pathlib import Path

import pytest

from learnt.runner.fetch import Carrier, fetched
from tests.needs import needs

# The package's own set-up would fetch more, for GPUs, from elsewhere: it is not run.
PACKAGES = [
    Carrier(
        "npm",
        "onnxruntime-node",
        "1.27.0",
        "c3779c01c59832f8c03e2c392ac3af10bf08579f1822e8b1c63cc451edb302a2",
    ),
    Carrier(
        "npm",
        "onnxruntime-common",
        "1.27.0",
        "37faaa5883b7f317b0f357ae8b2f4f8c8d97d177638be12cbcdf8239d75bbd7b",
    ),
    Carrier(
        "npm",
        "pngjs",
        "7.0.0",
        "c4b71873d48a692dd5eeb1dcb62185c7aafe40f2180c7cc7f30ec71e89a080be",
    ),
]


@pytest.fixture(scope="session")
def node_modules(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with node_modules in it. Where Node is missing the tests are passed over, except
    where all tests must run."""
    needs("node", "npm")
    folder = tmp_path_factory.mktemp("node")
    for carrier in PACKAGES:
        with fetched(carrier) as file, tarfile.open(file) as archive:
            for member in archive.getmembers():
                if "/bin/" in member.name and not here(member.name):
                    continue
                member.name = member.name.removeprefix("package/")
                archive.extract(member, folder / "node_modules" / carrier.package, filter="data")
    return folder


def here(name: str) -> bool:
    """Is a file for machines such as this one?"""
    system = {"Darwin": "darwin", "Windows": "win32"}.get(platform.system(), "linux")
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
    return f"/{system}/{machine}/" in name
