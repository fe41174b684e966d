"""Bare environments: a Python with a few libraries and nothing else, as a program's user has."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def bare_environment(folder: Path, *packages: str) -> Path:
    """A virtual environment with links to these packages; returns its interpreter."""
    make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(make, check=True, capture_output=True)
    python = folder / SCRIPTS / "python3"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", ask], text=True).strip())
    for name in packages:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        libraries = package.parent / f"{'pillow' if name == 'PIL' else name}.libs"
        for found in (package, libraries):
            if found.exists():
                (site / found.name).symlink_to(found)
    return python


def environment(**changes: str) -> dict[str, str]:
    """What a user's process has, without what would show it our own packages."""
    ours = ("PYTHON", "VIRTUAL_ENV", "LEARNT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **changes}


def run(command: Sequence[object], **options: Any) -> "subprocess.CompletedProcess[str]":
    """What a user's process prints and how it ends; as bytes, with `text=False`."""
    usual = {"capture_output": True, "text": True, "env": environment(), "timeout": 120}
    return subprocess.run(list(map(str, command)), check=False, **{**usual, **options})
