"""Measuring a finished program on labelled examples."""

from pathlib import Path
from typing import Any

from learnt.runner.program import Program
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.tasks.registry import task_class


def measure(program: Program, source: Path, **columns: Any) -> tuple[Evaluation, list[str]]:
    """The program's metric on every example of a source, and notes of what was left out.

    `columns` are options of its kind of data, such as `label`. The baseline is of the source's
    own examples. Raises DataError where the program cannot be measured on them.
    """
    found = measured(program, source, **columns)
    return found.evaluation, found.notes


def measured(program: Program, source: Path, **columns: Any) -> Measured:
    """The same, with every example's own answer."""
    return task_class(program.manifest["task"]).measure(program, source, columns)
