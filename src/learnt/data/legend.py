"""What the numbers or colours in masks mean: levels → classes, with names and colours.

A mask is a picture without loss whose every pixel holds a class: as a number (indexed PNG, or
grey levels) or as a colour. Which of them, and which levels there are, is found in the masks
themselves; names come from classes.csv or classes.txt beside them.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from learnt.errors import DataError, ImageError, TableError
from learnt.runner.images import FORMATS, check_pixels, check_size, read
from learnt.runner.text import shown

Levels = npt.NDArray[np.int64]
MOST = 100  # classes
VOID = 255  # of numbers, usually: "no class"; and of our own class numbers, always
COLOURS = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)  # fmt: skip
LISTS = ("classes.csv", "classes.txt", "codes.txt")


@dataclass(frozen=True)
class Legend:
    """The classes of masks: class number i is the level `values[i]`, called `names[i]`.

    `by` says what levels are: "number", or "colour" (0xRRGGBB). Pixels of the level `void` have
    no class: nothing is learnt from them, nor measured on them.
    """

    by: str
    values: list[int]
    names: list[str]
    colours: list[str]  # "#rrggbb"
    void: int | None = None

    def numbers(self, levels: Levels) -> npt.NDArray[np.uint8]:
        """Levels (H, W) → class numbers, VOID where they are of no class."""
        order = np.argsort(self.values)
        known = np.array(self.values)[order]
        at = np.minimum(np.searchsorted(known, levels), len(known) - 1)
        return np.where(known[at] == levels, order[at], VOID).astype(np.uint8)


@dataclass(frozen=True)
class MaskFacts:
    """One mask file: its size, its levels as numbers or colours, how many pixels have each."""

    size: tuple[int, int]  # (width, height)
    by: str  # "number"; "colour"; or "grey": red, green and blue that are equal everywhere
    counts: dict[int, int]  # level → pixels; cut off where there are far too many
    palette: dict[int, int]  # of an indexed mask: level → colour
    lossy: bool
    digest: str  # sha256 of the file's bytes

    def as_levels(self, by: str) -> dict[int, int]:
        """Its counts with levels as the other masks have them, by number or by colour."""
        if by in (self.by, "number"):
            return self.counts
        counts: dict[int, int] = {}
        for level, pixels in self.counts.items():
            colour = self.palette.get(level, level * 0x010101)
            counts[colour] = counts.get(colour, 0) + pixels
        return counts


def look_at_mask(path: Path) -> MaskFacts:
    """The facts of a mask file; ImageError where it is no picture."""
    data = read(path)
    with _opened(data, shown(path)) as image:
        by = _sort_of(image)
        values, pixels = np.unique(_levels(image, by), return_counts=True)
        some = slice(4 * MOST)
        counts = dict(zip(values[some].tolist(), pixels[some].tolist(), strict=True))
        palette = {}
        if image.mode == "P":
            flat = (image.getpalette() or []) + [0] * 768
            palette = {n: _packed(flat[3 * n : 3 * n + 3]) for n in counts}
        lossy = image.format in ("JPEG", "WEBP")
        digest = hashlib.sha256(data).hexdigest()
        return MaskFacts(image.size, by, counts, palette, lossy, digest)


def read_levels(path: Path, by: str) -> Levels:
    """The level of every pixel, (H, W), as numbers or as colours; ImageError where it has none."""
    with _opened(read(path), shown(path)) as image:
        if by == "number" and _sort_of(image) == "colour":
            raise ImageError(f"{shown(path)} has colours where the other masks have numbers")
        return _levels(image, by)


def find_legend(masks: Iterable[tuple[Path, MaskFacts]], source: Path) -> tuple[Legend, list[str]]:
    """The legend of masks that belong together, and notes of what was taken for granted.

    Raises DataError where they are no masks of classes: mixed kinds, far too many levels, one
    level only.
    """
    found = list(masks)
    by = _kind(found)
    notes = []
    if by == "number" and _palettes_differ(found):
        by = "colour"
        notes.append("the masks have palettes that differ: their colours are the classes")
    counts: dict[int, int] = {}
    for path, facts in found:
        here = facts.as_levels(by)
        if len(here) > MOST or (facts.lossy and len(here) > 2):
            raise DataError(
                f"{shown(path)} has {'over ' if len(here) >= 4 * MOST else ''}{len(here)} "
                f"different {by}s: a mask must have one {by} a class, at most {MOST}, and be "
                "saved without loss (PNG; JPEG changes the pixels)"
            )
        for level, pixels in here.items():
            counts[level] = counts.get(level, 0) + pixels
    if len(counts) > MOST:
        raise DataError(
            f"the masks have {len(counts)} different {by}s: one {by} a class is needed, at most "
            f"{MOST}; are they masks, and saved without loss (PNG)?"
        )
    listed = _listed(source)
    void = _void(by, counts, listed)
    if void is not None:
        notes.append(f"the masks' level {void} is taken for no class: nothing is learnt from it")
    values = sorted(level for level in counts if level != void)
    if len(values) < 2:
        raise DataError(
            f"the masks must show at least 2 classes; every pixel is "
            f"{_called(values[0], by) if values else 'of no class'}"
        )
    palette = {n: colour for _, facts in found for n, colour in facts.palette.items()}
    return _legend(by, values, void, listed, palette, notes), notes


def _kind(found: list[tuple[Path, MaskFacts]]) -> str:
    first: dict[str, Path] = {}
    for path, facts in found:
        first.setdefault(facts.by, path)
    if "number" in first and "colour" in first:
        number, colour = shown(first["number"]), shown(first["colour"])
        raise DataError(
            f"the masks must all be of one sort; {number} has numbers (grey or indexed) and "
            f"{colour} has colours: save all of them alike"
        )
    return "colour" if "colour" in first else "number"


def _palettes_differ(found: list[tuple[Path, MaskFacts]]) -> bool:
    colours: dict[int, int] = {}
    return any(
        colours.setdefault(level, colour) != colour
        for _, facts in found
        for level, colour in facts.palette.items()
    )


def _void(by: str, counts: dict[int, int], listed: "list[_Listed]") -> int | None:
    """255 beside at least two small numbers means "no class" in many collections."""
    if by == "number" and VOID in counts and all(entry.value != VOID for entry in listed):
        others = sorted(set(counts) - {VOID})
        if len(others) >= 2 and others[-1] < MOST:
            return VOID
    return None


def _legend(
    by: str,
    values: list[int],
    void: int | None,
    listed: "list[_Listed]",
    palette: dict[int, int],
    notes: list[str],
) -> Legend:
    keys = {(e.colour if by == "colour" else e.value): e for e in listed}
    if by == "number" and values == [0, VOID] and [e.value for e in listed] == [0, 1]:
        keys[VOID] = keys.pop(1)  # white is the second of two classes
    if by == "number" and values == [0, VOID] and not keys:
        keys = {0: _Listed(0, "background", None), VOID: _Listed(VOID, "object", None)}
    names, colours = [], []
    for number, value in enumerate(values):
        entry = keys.get(value)
        names.append(entry.name if entry else _called(value, by))
        colour = value if by == "colour" else (entry and entry.colour)
        if colour is None:
            colour = palette.get(value)
        colours.append(f"#{colour:06x}" if colour is not None else _drawn(number))
    if listed and (unknown := [v for v in values if v not in keys]):
        some = ", ".join(_called(v, by) for v in unknown[:5])
        notes.append(f"the list of classes does not name {some}")
    absent = [shown(e.name) for key, e in keys.items() if key not in values and key != void]
    if absent:
        notes.append(f"no mask shows {', '.join(absent[:5])}: left out")
    if len(set(names)) < len(names):
        raise TableError("the list of classes has a name twice: every class needs its own")
    if len(set(colours)) < len(colours):
        colours = [_drawn(number) for number in range(len(values))]
    return Legend(by, values, names, colours, void)


def _called(value: int, by: str) -> str:
    return f"#{value:06x}" if by == "colour" else f"class {value}"


def _drawn(number: int) -> str:
    """A colour of our own for a class: the first are told apart by everybody."""
    if number < len(COLOURS):
        return "#{:02x}{:02x}{:02x}".format(*COLOURS[number])
    r, g, b = (64 + (number * step) % 192 for step in (37, 91, 151))
    return f"#{r:02x}{g:02x}{b:02x}"


# --- lists of classes ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listed:
    value: int | None  # the number in masks
    name: str
    colour: int | None


def _listed(source: Path) -> list[_Listed]:
    """What classes.csv, classes.txt or codes.txt beside the masks says; else nothing."""
    for name in LISTS:
        path = source / name
        if path.is_file():
            try:
                check_size(path.stat().st_size, shown(path))
                text = path.read_text(encoding="utf-8-sig")
                return _table(text) if name.endswith(".csv") else _lines(text)
            except (ValueError, OSError, csv.Error) as error:
                raise TableError(
                    f"{shown(path)} must be lines of number,name,colour (#rrggbb) under such a "
                    f"header, or one name a line as .txt, in UTF-8: {error}"
                ) from None
    return []


def _table(text: str) -> list[_Listed]:
    rows = list(csv.reader(io.StringIO(text)))
    header = [cell.strip().lower() for cell in rows[0]] if rows else []

    def column(*names: str) -> int | None:
        return next((header.index(name) for name in names if name in header), None)

    number = column("number", "id", "value", "index", "level")
    name = column("name", "class", "label")
    colour = column("colour", "color", "rgb", "hex")
    if name is None:
        raise ValueError("there is no column name")
    listed = []
    for at, row in enumerate(rows[1:]):
        if not any(cell.strip() for cell in row):
            continue
        cells: list[Any] = [row[c].strip() if c is not None and c < len(row) else ""
                            for c in (number, name, colour)]  # fmt: skip
        value = int(cells[0]) if cells[0] else at
        listed.append(_Listed(value, cells[1] or f"class {value}", _colour(cells[2])))
    return listed


def _lines(text: str) -> list[_Listed]:
    """One name a line; or `red green blue name`, as CamVid has it."""
    listed = []
    for at, line in enumerate(line.strip() for line in text.splitlines() if line.strip()):
        found = re.fullmatch(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+(.+)", line)
        colour = _packed([int(n) for n in found.groups()[:3]]) if found else None
        listed.append(_Listed(at, found.group(4).strip() if found else line, colour))
    return listed


def _colour(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise ValueError(f"a colour is written #rrggbb; got {text[:20]!r}")
    return int(text.lstrip("#"), 16)


# --- pixels ------------------------------------------------------------------------------------


def _opened(data: bytes, label: str) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        check_pixels(image.size, label)
        image.load()
        return image
    except ImageError:
        raise
    except Exception as error:  # Pillow's readers raise whatever a broken file provokes
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise ImageError(f"{label} is no mask that can be read{why}") from None


def _sort_of(image: Image.Image) -> str:
    if image.mode in ("1", "L", "P", "LA", "I", "I;16", "I;16B", "I;16L"):
        return "number"
    flat = np.asarray(image.convert("RGB"))
    return "colour" if (flat[..., :1] != flat[..., 1:]).any() else "grey"


def _levels(image: Image.Image, by: str) -> Levels:
    if by == "colour":
        rgb = np.asarray(image.convert("RGB")).astype(np.int64)
        packed: Levels = rgb @ np.array([1 << 16, 1 << 8, 1])
        return packed
    if image.mode not in ("1", "L", "P", "I", "I;16", "I;16B", "I;16L"):
        image = image.convert("L")
    return np.asarray(image).astype(np.int64)


def _packed(rgb: list[int]) -> int:
    return (rgb[0] << 16) + (rgb[1] << 8) + rgb[2]
