"""What PyTorch has and this engine has not: an error that names it, wherever it is looked for."""

from collections.abc import Callable
from typing import Any


class NotHereError(AttributeError, NotImplementedError):
    """A name that the engine does not have; `hasattr` is False, as usual."""


def missing(where: str) -> Callable[[str], Any]:
    """A module's `__getattr__`: called for names that are not there.

    >>> import learnt.engine as torch
    >>> torch.fft
    Traceback (most recent call last):
    learnt.engine.missing.NotHereError: torch.fft is not part of this engine
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - Python's name
        raise NotHereError(f"{where}.{name} is not part of this engine")

    return __getattr__
