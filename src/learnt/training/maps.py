"""What a frozen body sees where: its maps of each picture, as bytes, computed once and kept.

They are large (0.1 MB a picture), so they are read from the cache batch by batch: memory stays
flat, and nothing is on the disk twice.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.prepare import Preparation
from learnt.errors import OutputError
from learnt.models.bodies import Body
from learnt.models.efficientnet import map_shapes
from learnt.training.cache import feature_cache
from learnt.training.features import BodyFeatures, Pictures, Progress

Bytes = npt.NDArray[np.uint8]


class MapRows:
    """Rows of maps in the cache, by the numbers of their pictures: rows[numbers] is (N, M)."""

    def __init__(self, facts: dict[str, Any], digests: Sequence[str], width: int) -> None:
        self.facts, self.digests, self.width = facts, digests, width

    def __getitem__(self, numbers: npt.NDArray[np.int64]) -> Bytes:
        wanted = [self.digests[number] for number in numbers]
        with feature_cache(self.facts) as cache:
            found = cache.known(wanted, self.width)
        if not found.keys() >= set(wanted):
            raise OutputError(
                "the cache of features was changed meanwhile: start again, and they are made anew"
            )
        return np.stack([np.frombuffer(found[digest], np.uint8) for digest in wanted])


class BodyMaps(BodyFeatures):
    """The model sees the maps of a frozen body: (N, numbers of all maps) bytes."""

    dtype = np.dtype(np.uint8)

    def __init__(self, preparation: Preparation, body: Body) -> None:
        super().__init__(preparation, body, ("whole",))
        self.shapes = map_shapes(preparation.size)
        self.width = sum(c * h * w for c, h, w in self.shapes)

    def gather(self, images: Pictures, progress: Progress) -> MapRows:
        """Compute what is not in the cache yet; bad pictures are left out."""
        bad: dict[int, str] = {}
        with feature_cache(self._facts()) as cache:
            for number, answer in enumerate(self._answers(images, cache)):
                if isinstance(answer, str):
                    bad[number] = answer
                progress(number + 1, len(images))
        images.leave_out(bad)
        digests = [picture.digest for picture in images.pictures]
        return MapRows(self._facts(), digests, self.width)

    def model(self) -> bytes:
        return self.body.maps_onnx(self.preparation.size)

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "maps": self.shapes}
