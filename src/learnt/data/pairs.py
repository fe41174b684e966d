"""Pictures and their masks on disk: two folders side by side, one file of each name in both."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from learnt.data.files import SIDE_NAMES
from learnt.errors import DataError
from learnt.runner.text import shown

PICTURES = ("pictures", "images", "photos", "imgs", "img", "image", "jpegimages")
MASKS = ("masks", "labels", "annotations", "annots", "mask", "segmentation", "segmentationclass")
TAILS = ("_mask", "-mask", "_masks", "_label", "_labels", "_gt", "_seg", "_P", "_L")  # of masks
LAYOUT = (
    "it must hold a folder pictures/ and a folder masks/ with files of the same names, perhaps "
    "within train/, valid/ and test/"
)


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; `side` where the source itself says train, valid or test."""

    picture: Path
    mask: Path
    side: str | None = None


@dataclass(frozen=True)
class Folders:
    """A folder of pictures and a folder of their masks."""

    pictures: Path
    masks: Path
    side: str | None = None


def folders_of(source: Path) -> list[Folders]:
    """The folders of pictures and masks in a source; none where it is not laid out so.

    Known: pictures/ and masks/; train/pictures/ and train/masks/; pictures/train/ and
    masks/train/; train/ and trainannot/ (as CamVid has it). Other usual names are taken, too.
    """
    below = _folders(source)
    both = _both(source)
    if both is not None:
        pictures, masks = _folders(both.pictures), _folders(both.masks)
        shared = [n for n in pictures if n in masks and n.lower() in SIDE_NAMES]
        sides = [Folders(pictures[n], masks[n], SIDE_NAMES[n.lower()]) for n in shared]
        return sides or [both]
    found = []
    for name, folder in below.items():
        side = SIDE_NAMES.get(name.lower())
        inside = _both(folder)
        annotated = below.get(f"{name}annot")
        if side and inside is not None:
            found.append(Folders(inside.pictures, inside.masks, side))
        elif side and annotated is not None:
            found.append(Folders(folder, annotated, side))
    return found


def find_pairs(source: Path) -> tuple[list[Pair], list[str], list[Path]]:
    """The pairs of a source by name; what is wrong with pictures that have no mask (or two);
    and masks that have no picture. DataError where there are no such folders."""
    folders = folders_of(source) if os.path.isdir(source) else []
    if not folders:
        raise DataError(f"{shown(source)} holds no pictures with masks: {LAYOUT}")
    pairs: list[Pair] = []
    bad: list[str] = []
    spare: list[Path] = []
    for both in folders:
        masks: dict[str, list[Path]] = {}
        for file in _files(both.masks):
            masks.setdefault(_stem(file, both.masks), []).append(file)
        for picture in _files(both.pictures):
            stem = picture.relative_to(both.pictures).with_suffix("").as_posix()
            mine = masks.get(stem, [])
            if len(mine) == 1:
                pairs.append(Pair(picture, mine[0], both.side))
            elif mine:
                bad.append(f"{shown(picture)} has {len(mine)} masks: {_listed(mine)}")
            else:
                bad.append(
                    f"{shown(picture)} has no mask: there is no {shown(stem)}.png among them"
                )
        taken = {pair.mask for pair in pairs}
        spare += [file for files in masks.values() for file in files if file not in taken]
    if not pairs:
        raise DataError(
            f"no picture in {shown(folders[0].pictures)} has a mask of its name in "
            f"{shown(folders[0].masks)}: {LAYOUT}"
        )
    return pairs, bad, spare


def _both(folder: Path) -> Folders | None:
    below = {name.lower(): path for name, path in _folders(folder).items()}
    pictures = next((below[name] for name in PICTURES if name in below), None)
    masks = next((below[name] for name in MASKS if name in below), None)
    return Folders(pictures, masks) if pictures and masks else None


def _stem(mask: Path, folder: Path) -> str:
    stem = mask.relative_to(folder).with_suffix("").as_posix()
    tail = next((tail for tail in TAILS if stem.endswith(tail)), "")
    return stem.removesuffix(tail)


def _listed(files: list[Path]) -> str:
    return ", ".join(shown(file.name) for file in files[:3])


def _folders(folder: Path) -> dict[str, Path]:
    try:
        return {e.name: folder / e.name for e in sorted(os.scandir(folder), key=_name) if _is(e)}
    except OSError as error:
        raise DataError(f"the folder {shown(folder)} cannot be read: {error.strerror}") from None


def _is(entry: "os.DirEntry[str]") -> bool:
    return os.path.isdir(entry.path) and not entry.name.startswith(".")  # False for a loop


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _files(folder: Path) -> Iterator[Path]:
    """Every visible file below, in the order of their names; links to folders are not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in ("thumbs.db", "desktop.ini"):
                yield Path(root) / name
