"""A run's folder: what was asked, what happened, and where training is, each written whole.

config.json             the source, the options, the plan, the versions, the seed
history.jsonl           one line an epoch
checkpoint.safetensors  weights, what the optimiser remembers, and where the loop is
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import OutputError, ResumeError
from learnt.runner.files import write_atomically
from learnt.runner.text import shown
from learnt.storage import runs_folder

Arrays = dict[str, npt.NDArray[Any]]


class Run:
    """The folder of one training run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, name: str, config: Mapping[str, Any]) -> "Run":
        """A new folder, named after the time and `name`, holding `config`."""
        plain = "".join(c if c.isalnum() else "-" for c in name)[:40] or "run"
        stamp = time.strftime("%Y%m%d-%H%M%S")
        run = cls(runs_folder() / f"{stamp}-{plain}-{secrets.token_hex(2)}")
        try:
            run.folder.mkdir()
        except OSError as error:
            raise OutputError(
                f"the run's folder {shown(run.folder)} cannot be made: {error.strerror}; "
                "set LEARNT_HOME to a folder that can be written"
            ) from None
        run._write("config.json", json.dumps(config, indent=2).encode())
        return run

    @classmethod
    def find(cls, name: str | Path) -> "Run":
        """An existing run by its path or its name; ResumeError lists the latest ones."""
        for folder in (Path(name), runs_folder() / name):
            if os.path.isfile(folder / "config.json"):  # which never raises, unlike Path's
                return cls(folder)
        known = sorted((p.name for p in runs_folder().iterdir()), reverse=True)[:5]
        raise ResumeError(
            f"there is no run {shown(name)}; the latest are: {', '.join(known) or 'none'}"
        )

    @property
    def name(self) -> str:
        """What `--resume` takes."""
        return self.folder.name

    def config(self) -> dict[str, Any]:
        """What the run was started with."""
        try:
            config = json.loads((self.folder / "config.json").read_bytes())
        except (OSError, ValueError):
            config = None
        if not isinstance(config, dict):
            raise ResumeError(f"{shown(self.folder / 'config.json')} is damaged: start a new run")
        return config

    def save(self, arrays: Arrays, progress: Mapping[str, Any]) -> None:
        """Write the checkpoint and the history, each at once or not at all."""
        from safetensors.numpy import save

        plain = {name: np.require(array, requirements="C") for name, array in arrays.items()}
        words = json.dumps(progress)
        data = save(plain, metadata={"progress": words, "sha256": _digest(plain, words)})
        self._write("checkpoint.safetensors", data)
        lines = "".join(json.dumps(epoch) + "\n" for epoch in progress["history"])
        self._write("history.jsonl", lines.encode())

    def checkpoint(self) -> tuple[Arrays, dict[str, Any]] | None:
        """The arrays and the progress last saved, or None if nothing was."""
        from safetensors import SafetensorError, safe_open

        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return None
        try:
            with safe_open(path, "numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                facts = file.metadata()
            if facts["sha256"] != _digest(arrays, facts["progress"]):
                raise ValueError("not what was saved")
            return arrays, json.loads(facts["progress"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            raise ResumeError(f"{shown(path)} is damaged: start a new run") from None

    def _write(self, name: str, data: bytes) -> None:
        write_atomically(self.folder / name, data)


def _digest(arrays: Arrays, words: str) -> str:
    """The sha256 of all that a checkpoint holds: a disk may give back other bits."""
    digest = hashlib.sha256(words.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
