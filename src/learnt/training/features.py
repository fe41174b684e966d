"""Inputs for a model: prepared pictures, or the features that a frozen body sees in them.

Both stream: pictures are decoded by several threads, a few ahead, and what is kept goes to a
file that is mapped into memory. Features are computed once per picture, in ONNX Runtime, and
cached by (file bytes, preparation, body): other labels or a second training find them again.
"""

import math
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from learnt.data.batches import Transform
from learnt.data.prepare import Preparation, Preparer
from learnt.data.survey import Picture, in_threads
from learnt.engine.onnx import Graph
from learnt.errors import ImageError, OutputError
from learnt.models.bodies import Body
from learnt.training.augment import SmallAffine
from learnt.training.cache import FeatureCache, feature_cache

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]  # (done, of)
LARGE_SIDE = 100  # pixels, from which decoding a picture is worth a thread
CHUNK = 8  # pictures that one thread takes through decoding and the body

VIEWS: dict[str, Callable[[Array], Array]] = {  # of decoded pictures (H, W, C)
    "whole": lambda picture: picture,
    "flip": lambda picture: picture[:, ::-1],
    "middle": lambda picture: _cropped(picture, 0.1, 0.1),
    "upper left": lambda picture: _cropped(picture, 0.0, 0.2),
    "lower right": lambda picture: _cropped(picture, 0.2, 0.0),
}


class Size(Protocol):
    """How large pictures are."""

    @property
    def side(self) -> int:
        """The median of each picture's longer side, in pixels."""


class Pictures(Protocol):
    """Data whose examples are pictures, whatever is to be learnt of them."""

    pictures: list[Picture]

    def __len__(self) -> int: ...

    def summary(self) -> Size:
        """At least how large they are."""

    def decoded(self, number: int, channels: int, at_least: int) -> npt.NDArray[np.uint8]:
        """One picture as (H, W, channels) bytes, perhaps made smaller."""

    def leave_out(self, reasons: dict[int, str]) -> None:
        """Drop pictures, by number, that cannot be decoded."""


class Inputs(Protocol):
    """How pictures become what the model takes, in training and in the program."""

    preparation: Preparation

    def collect(self, images: Pictures, progress: Progress) -> Array:
        """The model's inputs for all pictures, (len(images), …); bad ones are left out."""

    def plain(self, rows: Array) -> Array:
        """Collected rows as the model takes them outside training."""

    def augmentation(self, seed: int) -> Transform | None:
        """How rows are changed at random in training, if they are."""

    def write(self, graph: Graph, name: str) -> str:
        """Append to a graph what turns pictures `name` into the model's input."""


def decoded(images: Pictures, number: int, preparation: Preparation) -> npt.NDArray[np.uint8]:
    """One picture as the preparation takes it: (H, W, C) bytes."""
    return images.decoded(number, preparation.channels, preparation.size)


class PreparedPictures:
    """The model sees the pictures themselves: (N, C, size, size) bytes."""

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation

    def collect(self, images: Pictures, progress: Progress) -> Array:
        size, prepare = self.preparation.size, Preparer(self.preparation)

        def one(number: int) -> Array | str:
            try:
                return prepare(decoded(images, number, self.preparation))
            except ImageError as error:
                return str(error)

        shape = (len(images), self.preparation.channels, size, size)
        answers = in_threads(one, range(len(images)), threads=images.summary().side > LARGE_SIDE)
        return collected(images, shape, np.uint8, answers, progress)

    def plain(self, rows: Array) -> Array:
        return rows

    def augmentation(self, seed: int) -> Transform | None:
        return SmallAffine(self.preparation.size, self.preparation.size, seed)

    def write(self, graph: Graph, name: str) -> str:
        return self.preparation.write(graph, name)


class BodyFeatures:
    """The model sees what a frozen body makes of each view: (N, views, features) float32."""

    dtype: np.dtype[Any] = np.dtype(np.float32)
    at_once = 64  # views that the body takes together

    def __init__(self, preparation: Preparation, body: Body, views: Sequence[str]) -> None:
        self.preparation, self.body, self.views = preparation, body, tuple(views)
        self.width = body.features

    def model(self) -> bytes:
        """The body as ONNX: pictures in, `width` numbers each."""
        return self.body.onnx()

    def collect(self, images: Pictures, progress: Progress) -> Array:
        shape = (len(images), len(self.views), self.width)
        with feature_cache(self._facts()) as cache:
            answers = self._answers(images, cache)
            return collected(images, shape, np.float32, answers, progress)

    def plain(self, rows: Array) -> Array:
        return rows[:, 0]  # the first view is the picture as it is

    def augmentation(self, seed: int) -> Transform | None:
        return _one_view

    def write(self, graph: Graph, name: str) -> str:
        import onnx

        prepared = self.preparation.write(graph, name)
        return graph.include(onnx.load_model_from_string(self.model()), prepared)

    def _facts(self) -> dict[str, Any]:
        """What the features depend on."""
        return {**self.preparation.describe(), **self.body.describe(), "views": self.views}

    def _answers(self, images: Pictures, cache: FeatureCache) -> Iterator[Array | str]:
        """The features of each picture, in order: from the cache, or computed and kept there."""
        size = len(self.views) * self.width * self.dtype.itemsize
        waiting: deque[tuple[list[str], dict[str, bytes]]] = deque()

        def work() -> Iterator[list[int]]:
            for at in range(0, len(images), CHUNK):
                numbers = range(at, min(at + CHUNK, len(images)))
                digests = [images.pictures[i].digest for i in numbers]
                found = cache.known(digests, size)
                waiting.append((digests, found))
                yield [i for i in numbers if images.pictures[i].digest not in found]

        for computed in in_threads(_Computer(self, images), work()):
            digests, found = waiting.popleft()
            fresh = {images.pictures[i].digest: row for i, row in computed.items()}
            cache.keep({k: row.tobytes() for k, row in fresh.items() if not isinstance(row, str)})
            for digest in digests:
                if digest in fresh:
                    yield fresh[digest]
                else:
                    yield np.frombuffer(found[digest], self.dtype).reshape(len(self.views), -1)


def _cropped(picture: Array, first: float, last: float) -> Array:
    """(H, W, C) without a share of its rows and columns before and after."""
    h, w = picture.shape[:2]
    return picture[int(h * first) : h - int(h * last), int(w * first) : w - int(w * last)]


def _one_view(rows: Array, random: np.random.Generator) -> Array:
    """One of each picture's views: (N, views, features) → (N, features)."""
    return rows[np.arange(len(rows)), random.integers(rows.shape[1], size=len(rows))]


class _Computer:
    """Decodes, prepares and runs the body on a few pictures; called by several threads."""

    def __init__(self, inputs: BodyFeatures, images: Pictures) -> None:
        self.inputs, self.images = inputs, images
        self.prepare = Preparer(inputs.preparation)
        self.session: Any = None

    def __call__(self, numbers: list[int]) -> dict[int, Array | str]:
        """Features (views, features) or what is wrong with the picture, by its number."""
        answers: dict[int, Array | str] = {}
        views: dict[int, list[Array]] = {}
        for number in numbers:
            try:
                picture = decoded(self.images, number, self.inputs.preparation)
            except ImageError as error:
                answers[number] = str(error)
                continue
            seen = (VIEWS[view](picture) for view in self.inputs.views)
            views[number] = [self.prepare(np.ascontiguousarray(view)) for view in seen]
        if views:
            every = np.stack([view for several in views.values() for view in several])
            step = self.inputs.at_once
            parts = [self._run(every[at : at + step]) for at in range(0, len(every), step)]
            features = np.concatenate(parts)
            by_picture = features.reshape(len(views), len(self.inputs.views), -1)
            answers.update(zip(views, by_picture, strict=True))
        return answers

    def _run(self, pictures: Array) -> Array:
        if self.session is None:
            self.session = self._open()
        features: Array = self.session.run(None, {"pictures": pictures})[0]
        return features

    def _open(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the pictures are shared out to threads instead
        options.log_severity_level = 4
        model = self.inputs.model()
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Files(Protocol):
    """Data in files, some of which may turn out to be damaged."""

    def __len__(self) -> int: ...

    def leave_out(self, reasons: dict[int, str]) -> None:
        """Drop examples by their number."""


def collected(
    data: Files,
    shape: tuple[int, ...],
    dtype: type[np.generic],
    answers: Iterator[Array | str],
    progress: Progress,
) -> Array:
    """All the answers in one array that lives in a file, not in memory; a text says of an
    example what is wrong with it."""
    rows = array_in_a_file(shape, dtype)
    bad: dict[int, str] = {}
    for number, answer in enumerate(answers):
        if isinstance(answer, str):
            bad[number] = answer
        else:
            rows[number] = answer
        progress(number + 1, len(data))
    data.leave_out(bad)
    return rows


def array_in_a_file(shape: tuple[int, ...], dtype: type[np.generic]) -> Array:
    """A new array that lives in a file, not in memory; OutputError where the disk is full."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    try:
        with tempfile.TemporaryFile(prefix="learnt-") as file:  # gone when the array is
            if hasattr(os, "posix_fallocate"):  # a full disk says so here, and kills nobody later
                os.posix_fallocate(file.fileno(), 0, size)
            rows: Array = np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise OutputError(
            f"the prepared inputs need {size / 1e6:.0f} MB in the folder for temporary files: "
            f"{error.strerror or error}"
        ) from None
    return rows
