"""`learnt train` in a process of its own, that can be killed, in a home of its own."""

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load

from tests.runner.crafted import members_of
from tests.runner.environments import environment


@dataclass(frozen=True)
class Home:
    """A folder that a training keeps its runs in."""

    folder: Path

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """`learnt train` with these arguments, just started."""
        code = "import sys; from learnt.cli.main import main; sys.exit(main())"
        return subprocess.Popen(
            [sys.executable, "-c", code, "train", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(LEARNT_HOME=str(self.folder)),
        )

    def train(self, *arguments: object) -> tuple[int, str, str]:
        """`learnt train` to its end: exit code, stdout, stderr."""
        process = self.start(*arguments)
        out, error = process.communicate(timeout=120)
        return process.returncode, out, error

    @property
    def run(self) -> Path:
        """The folder of the only run."""
        (found,) = (self.folder / "data" / "runs").iterdir()
        return found

    @property
    def checkpoint(self) -> Path:
        """The run's checkpoint, which may not be there yet."""
        return self.run / "checkpoint.safetensors"

    def wait_for(self, process: "subprocess.Popen[str]", checkpoints: int = 1) -> None:
        """Wait until so many checkpoints were written one over the other."""
        seen: set[tuple[int, int]] = set()
        end = time.monotonic() + 60
        while len(seen) < checkpoints:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < end
            for file in self.folder.glob("data/runs/*/checkpoint.safetensors"):
                facts = os.stat(file)
                seen.add((facts.st_ino, facts.st_mtime_ns))
            time.sleep(0.002)

    def weights(self) -> str:
        """The sha256 of all arrays in the checkpoint."""
        arrays = load(self.checkpoint.read_bytes())
        parts = [f"{name}{arrays[name].tobytes().hex()}" for name in sorted(arrays)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()


def graph(program: Path) -> bytes:
    """The model in a program file."""
    return members_of(program)["model.onnx"]
