"""Scenes: pictures whose every pixel has a class, made by pasting cut-outs onto backgrounds.

A cut-out is a transparent drawing; its alpha is the exact mask. Each cut-out, also of what only
serves as background, is used on one side (train, valid, test) only, so a network that remembers
drawings gains nothing. The same cut-outs and the same seed give the same scenes.
"""

import csv
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from learnt.data.legend import COLOURS
from learnt.data.split import FRACTIONS, SIDES, stratified
from learnt.errors import FetchError

Cutouts = dict[str, list[Image.Image]]  # transparent pictures by class; "" is for backgrounds
SIZE = 96  # pixels, of a scene
COUNTS = (1200, 200, 400)  # scenes for train, valid and test
OBJECTS = (0.04, 0.26, 0.30, 0.25, 0.15)  # how likely a scene has 0, 1, 2, 3 or 4 objects
SEEN = 0.005  # the share of a scene that an object must show to be counted
CLASSES = {  # subcategories of emoji, by how they begin
    "animal": "animal-",
    "face": "face-",
    "flag": "country-flag",
    "food": "food-",
    "vehicle": "transport-",
}
BACKGROUNDS = ("Objects", "Symbols", "Activities")  # categories that are in no class


@dataclass
class Scene:
    """A picture (S, S, 3), its mask (S, S) of class numbers, and what of each object is seen."""

    picture: npt.NDArray[np.float32]
    mask: npt.NDArray[np.uint8]
    owner: npt.NDArray[np.int64]  # which object a pixel shows, -1 for none
    objects: list[int] = field(default_factory=list)  # the class numbers, in order of pasting

    def paste(self, cutout: Image.Image, number: int, at: tuple[int, int]) -> None:
        """Lay a cut-out over the scene; `number` is its class, 0 for a part of the background."""
        drawn = np.asarray(cutout, np.float32)
        (top, left), side = at, self.mask.shape[0]
        y, x = slice(max(0, top), top + len(drawn)), slice(max(0, left), left + drawn.shape[1])
        part = drawn[max(0, -top) :, max(0, -left) :][: side - y.start, : side - x.start]
        alpha = part[..., 3:] / 255
        self.picture[y, x] += alpha * (part[..., :3] - self.picture[y, x])
        solid = part[..., 3] >= 128
        self.mask[y, x][solid] = number
        self.owner[y, x][solid] = len(self.objects) if number else -1
        if number:
            self.objects.append(number)

    def seen(self) -> list[int]:
        """The class numbers of the objects that are not nearly hidden."""
        pixels = np.bincount(self.owner[self.owner >= 0], minlength=len(self.objects))
        return [n for n, count in zip(self.objects, pixels, strict=True) if self._much(count)]

    def _much(self, pixels: int) -> bool:
        return pixels >= SEEN * self.mask.size


def write_scenes(
    cutouts: Cutouts,
    folder: Path,
    counts: tuple[int, int, int] = COUNTS,
    size: int = SIZE,
    seed: int = 0,
) -> None:
    """Fill a folder: `train`, `valid` and `test`, each with `pictures/*.jpg` and `masks/*.png`.

    Beside them classes.csv (number, name, colour), and two tables of the same pictures:
    labels.csv (file, labels, split), the classes that are seen; numbers.csv (file, objects,
    covered, split), how many objects are seen and the share of the pixels they cover.
    """
    names = ["background", *sorted(name for name in cutouts if name)]
    labels: list[list[Any]] = [["file", "labels", "split"]]
    numbers: list[list[Any]] = [["file", "objects", "covered", "split"]]
    for side, chosen, count in zip(SIDES, _sides(cutouts, seed), counts, strict=True):
        for kind in ("pictures", "masks"):
            (folder / side / kind).mkdir(parents=True)
        for number in range(count):
            random = np.random.default_rng([seed, SIDES.index(side), number])
            scene = _scene(chosen, names, size, random)
            file = f"{side}/pictures/{number:04}.jpg"
            _save(scene, folder / file, folder / side / "masks" / f"{number:04}.png", len(names))
            seen = scene.seen()
            labels.append([file, ";".join(sorted({names[n] for n in seen})), side])
            numbers.append([file, len(seen), round(float((scene.mask > 0).mean()), 4), side])
    colours = ["#{:02x}{:02x}{:02x}".format(*COLOURS[n]) for n in range(len(names))]
    table: list[list[Any]] = [["number", "name", "colour"]]
    table += [[n, *pair] for n, pair in enumerate(zip(names, colours, strict=True))]
    for name, rows in (("classes", table), ("labels", labels), ("numbers", numbers)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
            csv.writer(out, lineterminator="\n").writerows(rows)


def unpack_scenes(archive: Path, folder: Path) -> None:
    """From the package of emoji to a folder of scenes: what the catalogue calls."""
    write_scenes(emoji_cutouts(archive), folder)


def emoji_cutouts(archive: Path) -> Cutouts:
    """The emoji that are of a class, or serve as background, from their package."""
    with tarfile.open(archive) as tar:
        listed = tar.extractfile("package/emoji.json")
        if listed is None:
            raise FetchError("the package of emoji has no list of them")
        wanted = {entry["image"]: _class_of(entry) for entry in json.load(listed)}
        found: dict[str, tuple[str, bytes]] = {}
        for member in tar:
            name = Path(member.name).name
            label = wanted.get(name)
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None and label is not None and "/img/google/64/" in member.name:
                found[name] = label, content.read()
    cutouts: Cutouts = {}
    for name in sorted(found):
        label, data = found[name]
        cutouts.setdefault(label, []).append(Image.open(io.BytesIO(data)).convert("RGBA"))
    return cutouts


def _class_of(entry: dict[str, str]) -> str | None:
    for name, start in CLASSES.items():
        if entry["subcategory"].startswith(start) and entry["subcategory"] != "transport-sign":
            return name
    return "" if entry["category"] in BACKGROUNDS else None


def _sides(cutouts: Cutouts, seed: int) -> list[Cutouts]:
    """The cut-outs for train, valid and test: none is on two sides."""
    flat = [(label, picture) for label in sorted(cutouts) for picture in cutouts[label]]
    same = [hashlib.sha256(p.tobytes()).hexdigest() for _, p in flat]  # these stay together
    shared = stratified([label for label, _ in flat], same, seed, FRACTIONS)
    sides: list[Cutouts] = []
    for part in shared:
        sides.append({})
        for number in part:
            label, picture = flat[number]
            sides[-1].setdefault(label, []).append(picture)
    return sides


def _scene(cutouts: Cutouts, names: list[str], size: int, random: np.random.Generator) -> Scene:
    picture = _background(cutouts[""], size, random)
    scene = Scene(picture, np.zeros((size, size), np.uint8), np.full((size, size), -1))
    objects = random.choice(len(OBJECTS), p=OBJECTS)
    numbers = [*random.integers(1, len(names), objects), *[0] * random.integers(3)]
    for number in random.permutation(np.array(numbers, np.int64)):
        label = names[number] if number else ""
        drawn = _changed(cutouts[label][random.integers(len(cutouts[label]))], size, random)
        at = random.integers(0, size, 2) - np.array(drawn.size[::-1]) // 2
        scene.paste(drawn, int(number), (int(at[0]), int(at[1])))
    return scene


def _changed(cutout: Image.Image, size: int, random: np.random.Generator) -> Image.Image:
    """A cut-out mirrored or not, turned a little, and of a size of its own."""
    if random.random() < 0.5:
        cutout = cutout.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    cutout = cutout.crop(cutout.getbbox() or (0, 0, 1, 1))
    scale = random.uniform(0.3, 0.65) * size / max(cutout.size)
    wanted = max(1, round(cutout.width * scale)), max(1, round(cutout.height * scale))
    cutout = cutout.resize(wanted, Image.Resampling.BICUBIC)
    return cutout.rotate(random.uniform(-20, 20), Image.Resampling.BICUBIC, expand=True)


def _background(
    textures: list[Image.Image], size: int, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """(size, size, 3): a slope of colours with coarse noise on it, or a drawing much enlarged."""
    corners = Image.fromarray(random.integers(0, 256, (2, 2, 3)).astype(np.uint8))
    slope = np.asarray(corners.resize((size, size), Image.Resampling.BICUBIC), np.float32)
    if random.random() < 0.4:
        drawn = textures[random.integers(len(textures))]
        large = drawn.resize((size * 3, size * 3), Image.Resampling.BICUBIC)
        left, top = (int(n) for n in random.integers(size // 2, size * 3 // 2, 2))
        over = np.asarray(large.crop((left, top, left + size, top + size)), np.float32)
        slope = slope + over[..., 3:] / 255 * (over[..., :3] - slope)
    for cells in (6, 12, 24, 48):
        grain = random.normal(0, random.uniform(2, 90 / cells**0.5), (cells, cells, 1))
        noise = Image.fromarray(grain[..., 0].astype(np.float32))
        slope = slope + np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))[..., None]
    return np.clip(slope, 0, 255).astype(np.float32)


def _save(scene: Scene, picture: Path, mask: Path, classes: int) -> None:
    Image.fromarray(scene.picture.round().astype(np.uint8)).save(picture, quality=92)
    image = Image.fromarray(scene.mask)
    image.putpalette([channel for colour in COLOURS[:classes] for channel in colour])
    image.save(mask, optimize=True)
