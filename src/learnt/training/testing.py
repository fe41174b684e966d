"""Measuring a finished program on labelled examples."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from learnt.data.kinds import kind_of_data
from learnt.data.source import MAX_BAD
from learnt.errors import LearntError
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
    found = task_class(program.manifest["task"]).measure(program, source, columns)
    if _trained_on(program, source, len(found.names)):
        return replace(found, notes=[*found.notes, TRAINED_ON])
    return found


TRAINED_ON = (
    "these are the examples that it learnt from: the figure says little about new ones; its card "
    "(learnt info) has the figure on those that it never saw"
)


def _trained_on(program: Program, source: Path, n: int) -> bool:
    """Is this the very source that the program learnt from? Its card has the sha256 of it.

    It is read again only where it has about as many examples as were measured, `n`; passages of
    text are measured in blocks.
    """
    try:
        data: dict[str, Any] = program.manifest["card"]["data"]
        few = n if data["kind"] == "corpus" else data["examples"] / (1 - MAX_BAD)
        if not data["examples"] <= n <= few:
            return False
        again = kind_of_data(data["kind"])(source, seed=data["seed"], **data["options"])
        return again.fingerprint() == str(data["sha256"])
    except (LearntError, KeyError, TypeError, AttributeError, ValueError):  # a stranger's card
        return False
