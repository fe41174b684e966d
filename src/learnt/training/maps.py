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


class BodyMaps(BodyFeatures):
    """The model sees the maps of a frozen body: (N, numbers of all maps) bytes."""

    dtype = np.dtype(np.uint8)
    at_once = 1  # more of them are no quicker, and take their memory each

    def __init__(self, preparation: Preparation, body: Body) -> None:
        super().__init__(preparation, body, ("whole",))
        self.shapes = map_shapes(preparation.size)
        self.width = sum(c * h * w for c, h, w in self.shapes)

    def gather(self, images: Pictures, progress: Progress) -> "MapRows":
        """The maps of all pictures, computed where the cache has none; bad ones are left out."""
        images.leave_out(self.compute(images, progress))
        return MapRows(self, images)

    def compute(self, images: Pictures, progress: Progress) -> dict[int, str]:
        """Fill the cache; what is wrong with pictures, by their numbers."""
        bad: dict[int, str] = {}
        with feature_cache(self.depends()) as cache:
            for number, answer in enumerate(self._answers(images, cache)):
                if isinstance(answer, str):
                    bad[number] = answer
                progress(number + 1, len(images))
        return bad

    def depends(self) -> dict[str, Any]:
        """What the maps depend on."""
        return self._facts()

    def model(self) -> bytes:
        return self.body.maps_onnx(self.preparation.size)

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "maps": self.shapes}


class MapRows:
    """Rows of maps in the cache, by the numbers of their pictures: rows[numbers] is (N, M).

    What somebody took out of the cache meanwhile is computed again.
    """

    def __init__(self, maps: BodyMaps, images: Pictures) -> None:
        self.maps, self.images = maps, images

    def __getitem__(self, numbers: npt.NDArray[np.int64]) -> Bytes:
        wanted = [self.images.pictures[number].digest for number in numbers]
        found = self._known(wanted)
        if not found.keys() >= set(wanted):
            self.maps.compute(self.images, lambda done, of: None)
            found = self._known(wanted)
        if not found.keys() >= set(wanted):
            raise OutputError("pictures were changed while the program learnt: start again")
        return np.stack([np.frombuffer(found[digest], np.uint8) for digest in wanted])

    def _known(self, digests: Sequence[str]) -> dict[str, bytes]:
        with feature_cache(self.maps.depends()) as cache:
            return cache.known(digests, self.maps.width)
