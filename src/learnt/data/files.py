"""Finding examples on disk: folders a class, train/valid/test folders, a CSV of file and label.

Links are followed, but no folder is entered twice, so loops end. Hidden files are passed over.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from learnt.data.frames import table_in
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
    group: str | None = None


def find_examples(
    source: Path,
    file_column: str | None = None,
    label_column: str | None = None,
    classes: int = 2,
    group: str | None = None,
) -> list[Example]:
    """All the examples of a folder or a CSV, in the order of their names.

    `group` is the column of groups, if it is not called so. The one table of a folder without
    folders of classes is taken for the folder. With 0 `classes`, labels of a CSV may be
    anything, also empty.

    Raises DataError where there are none, or where they do not make so many classes.
    """
    if not os.path.exists(source):  # which never raises, unlike Path's
        raise DataError(
            f"{shown(source)} does not exist; give a folder with one folder a class, "
            "or a CSV of file,label"
        )
    table = table_of(source)
    if table is None:
        examples = _from_folder(source)
    else:
        examples = _from_csv(table, file_column, label_column, group, blank=classes == 0)
    found = sorted({example.label for example in examples})
    if len(found) < classes:
        got = f"the class {shown(found[0])!r} only" if found else "no files in such folders"
        raise DataError(
            f"{shown(source)} must hold examples of at least {classes} "
            f"{'classes' if classes > 1 else 'class'} (one folder a class, with pictures in it); "
            f"found {got}"
        )
    return examples


def table_of(source: Path) -> Path | None:
    """The table of examples that a source is or holds; None for folders of classes."""
    return table_in(source) if os.path.isdir(source) else source


def _from_folder(source: Path) -> list[Example]:
    seen: set[tuple[int, int]] = set()
    _enter(source, seen)
    sides = {folder: SIDE_NAMES[folder.name.lower()] for folder in _folders(source)
             if folder.name.lower() in SIDE_NAMES}  # fmt: skip
    homes: dict[Path, str | None] = {source: None}
    if "train" in sides.values() and len(set(sides.values())) > 1:
        homes = {folder: side for folder, side in sides.items() if _enter(folder, seen)}
    # Each class's own folder is entered first: a link below a class leads to no other class.
    classes = [
        (folder, side)
        for home, side in homes.items()
        for folder in _folders(home)
        if _enter(folder, seen)
    ]
    return [
        Example(path, folder.name, side)
        for folder, side in classes
        for path in _files(folder, seen)
    ]


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if os.path.isdir(entry)]


def _enter(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Is it the first time that this folder is met, however many links lead to it?"""
    facts = folder.stat()
    new = (facts.st_dev, facts.st_ino) not in seen
    seen.add((facts.st_dev, facts.st_ino))
    return new


def _files(folder: Path, seen: set[tuple[int, int]]) -> list[Path]:
    """Every visible file below."""
    found: list[Path] = []
    for entry in _entries(folder):
        if not os.path.isdir(entry):
            found.append(entry)
        elif _enter(entry, seen):
            found.extend(_files(entry, seen))
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


def _from_csv(
    source: Path,
    file_column: str | None,
    label_column: str | None,
    group: str | None,
    blank: bool,
) -> list[Example]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            header = list(rows.fieldnames or [])
            file_column = _column(
                source, header, file_column, ("file", "path", "filename", "image", "sound")
            )
            label_column = _column(
                source, header, label_column, ("label", "class", "category", "labels", "tags")
            )
            side_column = next((c for c in header if c.lower() in ("split", "side")), None)
            if group or "group" in header:
                group = _column(source, header, group, ("group",))
            columns = file_column, label_column, side_column, group
            examples = [_row(source, rows.line_num, row, columns, blank) for row in rows]
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
    source: Path,
    number: int,
    row: dict[str, str],
    columns: tuple[str, str, str | None, str | None],
    blank: bool,
) -> Example:
    file, label = (row.get(column) or "" for column in columns[:2])
    if not file.strip() or not (label.strip() or blank):
        raise TableError(
            f"{shown(source)}, line {number}: it must have a file and a label; got {file!r} "
            f"and {label!r}"
        )
    path = Path(file) if Path(file).is_absolute() else source.parent / file
    if not os.path.isfile(path):
        raise TableError(
            f"{shown(source)}, line {number}: the file {shown(file)} does not exist "
            f"(paths are taken from the folder of the CSV)"
        )
    side = (row.get(columns[2]) or "").strip().lower() if columns[2] else ""
    if side and side not in SIDE_NAMES:
        raise TableError(
            f"{shown(source)}, line {number}: the split must be train, valid or test; got {side!r}"
        )
    group = row.get(columns[3]) if columns[3] else None
    return Example(path, label.strip(), SIDE_NAMES[side] if side else None, group or None)
