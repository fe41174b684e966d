"""Timing that can be trusted on a noisy machine: in turns, after a warm-up, medians with spread."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # settings that make NumPy's BLAS slower


@dataclass(frozen=True)
class Peers:
    """The interpreters that have what learnt is compared with, where they were given."""

    fastai: str | None = None
    lightgbm: str | None = None
    fastapi: str | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    workload: str
    ours: str
    peer: str
    ratio: str
    target: str
    reached: bool | None


@dataclass(frozen=True)
class Times:
    """Seconds of several runs of one thing."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.seconds)

    def text(self, unit: str = "s") -> str:
        """Median, with the least and the most, in a unit."""
        scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
        low, middle, high = (n * scale for n in (min(self.seconds), self.median, max(self.seconds)))
        digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
        return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f})"


def in_turns(*tasks: Callable[[], object], rounds: int = 15, warm: int = 1) -> list[Times]:
    """Each task once a round, the rounds one after the other."""
    times: list[list[float]] = [[] for _ in tasks]
    for turn in range(warm + rounds):
        for task, seconds in zip(tasks, times, strict=True):
            begun = time.perf_counter()
            task()
            if turn >= warm:
                seconds.append(time.perf_counter() - begun)
    return [Times(seconds) for seconds in times]


def command(*arguments: str | Path, home: Path | None = None) -> Callable[[], str]:
    """A whole process, started anew each time; gives what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in SLOWING}
    if home is not None:
        environment["LEARNT_HOME"] = str(home)

    def run() -> str:
        done = subprocess.run(
            [str(a) for a in arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    return run


PEAK = """
import os, sys
silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
started = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, code, used = os.wait4(started, 0)
print(used.ru_maxrss)
sys.exit(bool(code))
"""


def peak(*arguments: str | Path) -> float:
    """The most memory that a whole process had at once, resident, in MB.

    It is started by a small one: what a process begins as counts, too, and that is its parent.
    """
    return int(command(sys.executable, "-c", PEAK, *arguments)()) * 1024 / 1e6


def learnt(*arguments: str | Path, home: Path | None = None) -> Callable[[], str]:
    """The command line, as the shell starts it."""
    return command(Path(sys.executable).parent / "learnt", *arguments, home=home)


HEAD = "| workload | learnt | peer | ratio | target | reached |\n|---|---|---|---|---|---|"


def line(row: Row) -> str:
    """A row as Markdown, to stand below HEAD."""
    reached = {True: "yes", False: "**no**", None: ""}[row.reached]
    cells = (row.workload, row.ours, row.peer, row.ratio, row.target, reached)
    return "| " + " | ".join(cells) + " |"
