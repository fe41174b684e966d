"""Measuring a finished program on pictures that have masks."""

from pathlib import Path
from typing import Any

import numpy as np

from learnt.data.legend import VOID, Legend, read_levels
from learnt.data.pairs import find_pairs
from learnt.data.source import MAX_BAD
from learnt.errors import DataError, ImageError, ProgramError
from learnt.runner.masks import MaskProgram
from learnt.runner.program import Program
from learnt.runner.text import percent, shown
from learnt.training.measured import Measured, of_masks
from learnt.training.overlap import counted, of_overlap
from learnt.training.tasks.files import named


def measure_masks(program: Program, source: Path) -> Measured:
    """The program's masks on every picture of a source, and notes of what was left out.

    Masks must hold the numbers or colours of those the program learnt from; pixels of others are
    not counted. The baseline gives every pixel the source's own commonest class.
    """
    if not isinstance(program, MaskProgram):
        raise ProgramError("its answers are no masks")
    legend = _legend(program)
    pairs, bad, _ = find_pairs(source)
    counts: list[Any] = []
    names: list[str] = []
    unknown = pixels = 0
    for pair in pairs:
        try:
            levels = read_levels(pair.mask, legend.by)
            answer = program(pair.picture).numbers
        except ImageError as error:
            bad.append(str(error))
            continue
        if answer.shape != levels.shape:
            bad.append(f"{shown(pair.mask)} is not of its picture's size")
            continue
        truth = legend.numbers(levels)
        unknown += int(((truth == VOID) & (levels != legend.void)).sum())
        pixels += truth.size
        names.append(named(pair.picture, source))
        counts.append(counted(answer, truth, len(program.labels)))
    _check(bad, len(pairs), unknown, pixels, source, program.labels)
    notes = [f"left out {len(bad)} pictures: " + "; ".join(bad[:5])] if bad else []
    if unknown:
        share = percent(unknown / pixels)
        notes.append(f"passed over {share} of the pixels: of classes that it does not know")
    commonest = int(np.sum(counts, axis=0).sum(axis=1).argmax())
    found = of_overlap(counts, program.labels, commonest)
    return of_masks(found, notes, names, np.stack(counts))


def _check(
    bad: list[str], pairs: int, unknown: int, pixels: int, source: Path, labels: list[str]
) -> None:
    if len(bad) > MAX_BAD * pairs:
        raise DataError(
            f"at most a tenth of the pictures may be unusable; {len(bad)} of {pairs} are: "
            + "; ".join(bad[:5])
        )
    if unknown == pixels:
        raise DataError(
            f"the program knows the classes {', '.join(map(shown, labels[:10]))}; the masks in "
            f"{shown(source)} have none of their numbers or colours"
        )


def _legend(program: Program) -> Legend:
    """What the levels in masks mean, as the program's manifest says."""
    levels: Any = program.manifest["output"].get("levels")
    if (
        not isinstance(levels, dict)
        or levels.get("by") not in ("number", "colour")
        or not isinstance(levels.get("values"), list)
        or len(levels["values"]) != len(program.labels)
        or not all(type(n) is int and 0 <= n < 2**24 for n in levels["values"])
        or type(levels.get("void")) not in (int, type(None))
    ):
        raise ProgramError("it does not say what masks it learnt from look like")
    return Legend(levels["by"], levels["values"], program.labels, [], levels["void"])
