"""Libraries of the browser that a page holds: from the npm registry, pinned, verified, kept.

A package is fetched once; of it, only the files that pages need are kept, packed as pages hold
them, and their sha256 is compared again whenever they are used.
"""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from learnt.errors import FetchError, OutputError
from learnt.runner.fetch import Carrier, fetched
from learnt.runner.files import write_atomically
from learnt.runner.folders import home, made


@dataclass(frozen=True)
class Library:
    """A package of npm, and the sha256 of each of its files that pages hold."""

    called: str  # the name of the global that its script becomes
    licence: str
    carrier: Carrier
    files: Mapping[str, str]

    def packed(self) -> dict[str, bytes]:
        """Its files by their names, gzipped; fetched if they are not here. FetchError else."""
        kept = {name: self._kept(name) for name in self.files}
        if not all(kept.values()):
            self._fetch()
            kept = {name: self._kept(name) for name in self.files}
        return {name: data for name, data in kept.items() if data}

    @property
    def here(self) -> bool:
        """Are they all on this machine already?"""
        return all(self._kept(name) for name in self.files)

    def _place(self, name: str) -> Path:
        whole = f"{self.carrier.package}-{self.carrier.version}".replace("/", "-").lstrip("@")
        return home("cache") / "libraries" / whole / f"{Path(name).name}.gz"

    def _kept(self, name: str) -> bytes | None:
        """What is in the cache, if it is there and is what it must be."""
        try:
            data = self._place(name).read_bytes()
            plain = gzip.decompress(data)
        except (OSError, EOFError, ValueError, OutputError, zlib.error):
            return None
        return data if hashlib.sha256(plain).hexdigest() == self.files[name] else None

    def _fetch(self) -> None:
        with fetched(self.carrier) as archive, tarfile.open(archive) as package:
            for name, wanted in self.files.items():
                member = package.extractfile(f"package/{name}")
                data = member.read() if member else b""
                if hashlib.sha256(data).hexdigest() != wanted:
                    raise FetchError(f"{name} in {self.carrier.package} is not the one expected")
                made(self._place(name).parent)
                write_atomically(self._place(name), gzip.compress(data, 9, mtime=0))


RUNTIME_CODE = "dist/ort.wasm.bundle.min.mjs"
RUNTIME_WASM = "dist/ort-wasm-simd-threaded.wasm"
RUNTIME = Library(
    "ort",
    "MIT",
    Carrier(
        "npm",
        "onnxruntime-web",
        "1.30.0",
        "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    ),
    {
        RUNTIME_CODE: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
        RUNTIME_WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    },
)

TOKENIZERS = Library(
    "tokenizers",
    "Apache-2.0",
    Carrier(
        "npm",
        "@huggingface/tokenizers",
        "0.2.0",
        "2800014c83b8186b2e4210c20672f1fb65a12cef85d7e95e0f2003e022611b4a",
    ),
    {
        "dist/tokenizers.min.mjs": (
            "258e46332101335ce8d95aed7745b19ac3b46d37f3e159a89cf894c2ea9b1d3a"
        )
    },
)
