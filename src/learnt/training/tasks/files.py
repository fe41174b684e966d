"""Measuring a finished program on labelled files: pictures or sounds, a folder a class or a CSV."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from learnt.data.files import find_examples
from learnt.data.source import MAX_BAD
from learnt.errors import DataError
from learnt.runner.program import Program
from learnt.runner.text import shown
from learnt.training.measured import Measured, of_classes
from learnt.training.metrics import accuracy


def measure_files(
    program: Program, source: Path, file: str | None = None, label: str | None = None
) -> Measured:
    """The program's answers on every example of a source, and notes of what was left out.

    The baseline answers the source's own commonest class. DataError where no label of the
    source is one that the program knows, or where too many files are unusable.
    """
    numbers = {name: number for number, name in enumerate(program.labels)}
    examples = find_examples(source, file, label, classes=1)
    known = [example for example in examples if example.label in numbers]
    unknown = Counter(example.label for example in examples if example.label not in numbers)
    if not known:
        raise DataError(
            f"the program knows the classes {', '.join(map(shown, program.labels[:10]))}; "
            f"{shown(source)} has only {', '.join(map(shown, list(unknown)[:10]))}"
        )
    notes = []
    if unknown:
        some = ", ".join(f"{shown(name)} ({count})" for name, count in unknown.most_common(5))
        notes.append(f"passed over {unknown.total()} examples of classes it does not know: {some}")
    answers, targets, names, bad = [], [], [], []
    for example in known:
        try:
            answers.append(numbers[program(example.path).label])
            targets.append(numbers[example.label])
            names.append(named(example.path, source))
        except DataError as error:
            bad.append(str(error))
    if len(bad) > MAX_BAD * len(known):
        raise DataError(
            f"at most a tenth of the files may be unusable; {len(bad)} of {len(known)} are: "
            + "; ".join(bad[:5])
        )
    if bad:
        notes.append(f"left out {len(bad)} of {len(known)} files: " + "; ".join(bad[:5]))
    truth = np.array(targets)
    commonest = int(np.bincount(truth).argmax())
    found = accuracy(np.array(answers), truth, program.labels, commonest)
    return of_classes(found, notes, names, answers, targets)


def named(path: Path, source: Path) -> str:
    """A file as seen from the source."""
    folder = source if source.is_dir() else source.parent
    return os.path.relpath(path, folder)
