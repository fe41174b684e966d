"""Finding examples on disk: folders a class, train/valid/test folders, a CSV of file and label.

Links are followed, but no folder is entered twice, so loops end. Hidden files are passed over.
"""

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

from learnt.errors import DataError, TableError
from learnt.runner.text import shown

PASSED_OVER = {"thumbs.db", "desktop.ini"}  # what systems leave in folders of pictures
SIDE_NAMES = {"train": "train", "training": "train", "valid": "valid", "val": "valid",
              "validation": "valid", "test": "test", "testing": "test"}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """One input with its label; `side` where the source itself says train, valid or test."""

    path: Path
    label: str
    side: str | None = None


def find_examples(
    source: Path,
    file_column: str | None = None,
    label_column: str | None = None,
    classes: int = 2,
) -> list[Example]:
    """All the examples of a folder or a CSV, in the order of their names.

    Raises DataError where there are none, or where they do not make so many classes.
    """
    if not source.exists():
        raise DataError(
            f"{shown(source)} does not exist; give a folder with one folder a class, "
            "or a CSV of file,label"
        )
    if source.is_dir():
        examples = _from_folder(source)
    else:
        examples = _from_csv(source, file_column, label_column)
    found = sorted({example.label for example in examples})
    if len(found) < classes:
        got = f"the class {shown(found[0])!r} only" if found else "no files in such folders"
        raise DataError(
            f"{shown(source)} must hold examples of at least {classes} "
            f"{'classes' if classes > 1 else 'class'} (one folder a class, with pictures in it); "
            f"found {got}"
        )
    return examples


def _from_folder(source: Path) -> list[Example]:
    seen: set[tuple[int, int]] = set()
    top = _folders(source)
    sides = {folder: SIDE_NAMES[folder.name.lower()] for folder in top
             if folder.name.lower() in SIDE_NAMES}  # fmt: skip
    if "train" in sides.values() and len(set(sides.values())) > 1:
        return [
            replace(example, side=side)
            for folder, side in sides.items()
            for example in _classes(folder, seen)
        ]
    return _classes(source, seen)


def _classes(folder: Path, seen: set[tuple[int, int]]) -> list[Example]:
    return [Example(path, below.name) for below in _folders(folder) for path in _files(below, seen)]


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.is_dir()]


def _files(folder: Path, seen: set[tuple[int, int]]) -> list[Path]:
    """Every visible file below, each folder entered once however many links lead to it."""
    facts = folder.stat()
    if (facts.st_dev, facts.st_ino) in seen:
        return []
    seen.add((facts.st_dev, facts.st_ino))
    found: list[Path] = []
    for entry in _entries(folder):
        if entry.is_dir():
            found.extend(_files(entry, seen))
        else:
            found.append(entry)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"the folder {shown(folder)} cannot be read: {error.strerror}") from None
    return [
        folder / name
        for name in names
        if not name.startswith(".") and name.lower() not in PASSED_OVER
    ]


def _from_csv(source: Path, file_column: str | None, label_column: str | None) -> list[Example]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            header = list(rows.fieldnames or [])
            file_column = _column(
                source, header, file_column, ("file", "path", "filename", "image")
            )
            label_column = _column(source, header, label_column, ("label", "class", "category"))
            side_column = next((c for c in header if c.lower() in ("split", "side")), None)
            examples = [
                _row(source, number, row, (file_column, label_column, side_column))
                for number, row in enumerate(rows, 2)
            ]
    except UnicodeDecodeError:
        raise TableError(
            f"{shown(source)} is not a CSV in UTF-8; if it is a picture or another kind of file, "
            "give the folder it is in"
        ) from None
    except (csv.Error, OSError) as error:
        raise TableError(f"{shown(source)} cannot be read as CSV: {error}") from None
    return examples


def _column(source: Path, header: list[str], wanted: str | None, usual: tuple[str, ...]) -> str:
    names = (wanted,) if wanted else usual
    for column in header:
        if column is not None and column.strip().lower() in [n.lower() for n in names]:
            return column
    raise TableError(
        f"{shown(source)} must have a column {' or '.join(map(repr, names))}; "
        f"its first line is {', '.join(map(repr, header)) or 'empty'}"
    )


def _row(
    source: Path, number: int, row: dict[str, str], columns: tuple[str, str, str | None]
) -> Example:
    file, label = (row.get(column) or "" for column in columns[:2])
    if not file.strip() or not label.strip():
        raise TableError(
            f"{shown(source)}, line {number}: it must have a file and a label; got {file!r} "
            f"and {label!r}"
        )
    path = Path(file) if Path(file).is_absolute() else source.parent / file
    if "\0" in file or not path.is_file():
        raise TableError(
            f"{shown(source)}, line {number}: the file {shown(file)} does not exist "
            f"(paths are taken from the folder of the CSV)"
        )
    side = (row.get(columns[2]) or "").strip().lower() if columns[2] else ""
    if side and side not in SIDE_NAMES:
        raise TableError(
            f"{shown(source)}, line {number}: the split must be train, valid or test; got {side!r}"
        )
    return Example(path, label.strip(), SIDE_NAMES[side] if side else None)
