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
from learnt.data.fetch import Carrier, fetched

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
    roots |= {"torch"} if torch is not reference else set()

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
    try:
        if torch is not reference:
            sys.modules.update(_aliases(torch))
        for name, meaning in stand_ins.items():
            bare(name) if name.split(".")[0] in own else _inert(name)
            vars(sys.modules[name]).update(meaning)
        sys.path.insert(0, str(archive))
        yield load
    finally:
        sys.path.remove(str(archive))
        for name in ours():
            del sys.modules[name]
        sys.modules.update(hidden)


def _inert(name: str) -> None:
    sys.modules[name] = mock.MagicMock()


def _aliases(torch: ModuleType) -> dict[str, ModuleType]:
    """Every module of the engine, by the name it has in PyTorch."""
    below = pkgutil.walk_packages(torch.__path__, torch.__name__ + ".")
    modules = [torch, *(importlib.import_module(found.name) for found in below)]
    named = {module.__name__.replace(torch.__name__, "torch", 1): module for module in modules}
    return {name: mock.MagicMock() for name in DOWNLOADERS} | named


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
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({name: engine.tensor(number(x).copy()) for name, x in state.items()})


def near(got: Any, expected: Any, tol: float, what: str, floor: float = 0.0) -> None:
    """Equal within `tol` of the largest number expected (and no less than of `floor`)."""
    ours, theirs = number(got), number(expected)
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} for {theirs.shape}"
    scale = max(float(np.abs(theirs).max(initial=0.0)), floor)
    worst = float(np.abs(ours.astype(np.float64) - theirs).max(initial=0.0))
    assert worst <= tol * scale, f"{what}: {worst:.1e} off, of {scale:.1e}"
