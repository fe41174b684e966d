"""Finding examples on disk: folders a class, train/valid/test folders, a table of file and label.

Links are followed, but no folder is entered twice, so loops end. Hidden files are passed over.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from learnt.data.frames import table_in
from learnt.errors import DataError, TableError
from learnt.runner.rows import Cell, open_rows
from learnt.runner.text import shown

PASSED_OVER = {"thumbs.db", "desktop.ini"}  # what systems leave in folders of pictures
SIDE_NAMES = {"train": "train", "training": "train", "valid": "valid", "val": "valid",
              "validation": "valid", "test": "test", "testing": "test"}  # fmt: skip
FILES = ("file", "path", "filename", "image", "sound")  # usual names of columns
LABELS = ("label", "class", "category", "labels", "tags")


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
    notes: list[str] | None = None,
) -> list[Example]:
    """All the examples of a folder or a table, in the order of their names.

    `group` is the column of groups, if it is not called so. The one table of a folder without
    folders of classes is taken for the folder. With 0 `classes`, labels of a table may be
    anything, also empty. `notes` gets what was odd about the table.

    Raises DataError where there are none, or where they do not make so many classes.
    """
    if not os.path.exists(source):  # which never raises, unlike Path's
        raise DataError(
            f"{shown(source)} does not exist; give a folder with one folder a class, "
            "or a table of files and labels"
        )
    table = table_of(source)
    if table is None:
        examples = _from_folder(source)
    else:
        notes = [] if notes is None else notes
        examples = _from_table(
            table, file_column, label_column, group, blank=classes == 0, notes=notes
        )
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


def _from_table(
    source: Path,
    file_column: str | None,
    label_column: str | None,
    group: str | None,
    blank: bool,
    notes: list[str],
) -> list[Example]:
    with open_rows(source) as rows:
        names = rows.names
        file = _column(source, names, file_column, FILES)
        label = _column(source, names, label_column, LABELS)
        side = next((c for c in names if c.lower() in ("split", "side")), None)
        if group or "group" in names:
            group = _column(source, names, group, ("group",))
        wanted = [names.index(c) if c else -1 for c in (file, label, side, group)]
        examples = [
            _row(source, number, [_text(cells[i]) if i >= 0 else "" for i in wanted], blank)
            for number, cells in enumerate(rows, 1)
        ]
        notes += [note for note in rows.notes if note not in notes]
    if not examples:
        raise TableError(f"{shown(source)} has a first line of names and no rows")
    return examples


def _text(cell: Cell) -> str:
    """A cell as text; a whole number among floats is written as one."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


def _column(source: Path, header: list[str], wanted: str | None, usual: tuple[str, ...]) -> str:
    names = (wanted,) if wanted else usual
    for column in header:
        if column.lower() in [n.lower() for n in names]:
            return column
    raise TableError(
        f"{shown(source)} must have a column {' or '.join(map(repr, names))}; it has "
        f"{', '.join(map(shown, header[:20]))}"
    )


def _row(source: Path, number: int, cells: list[str], blank: bool) -> Example:
    file, label, side, group = cells
    if not file or not (label or blank):
        raise TableError(
            f"{shown(source)}, row {number}: it must have a file and a label; got {shown(file)!r} "
            f"and {shown(label)!r}"
        )
    path = Path(file) if Path(file).is_absolute() else source.parent / file
    if not os.path.isfile(path):
        raise TableError(
            f"{shown(source)}, row {number}: the file {shown(file)} does not exist "
            f"(paths are taken from the folder of the table)"
        )
    if side and side.lower() not in SIDE_NAMES:
        raise TableError(
            f"{shown(source)}, row {number}: the split must be train, valid or test; got "
            f"{shown(side)!r}"
        )
    return Example(path, label, SIDE_NAMES[side.lower()] if side else None, group or None)
