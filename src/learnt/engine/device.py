"""The one device there is, so that code which asks for a device gets an answer."""

from typing import Any


class device:  # noqa: N801 - PyTorch's name
    """Where tensors are: the CPU. Any other is a NotImplementedError.

    >>> import learnt.engine as torch
    >>> torch.ones(1).device == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    True
    """

    type, index = "cpu", None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name = str(type)
        if name != "cpu" and not name.startswith("cpu:"):
            raise NotImplementedError(f"device {name!r}: this engine runs on the CPU")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device)

    def __hash__(self) -> int:
        return hash("cpu")

    def __str__(self) -> str:
        return "cpu"

    def __repr__(self) -> str:
        return "device(type='cpu')"


CPU = device()


def check_device(name: Any) -> None:
    """NotImplementedError for any device but the CPU; None is the CPU."""
    if name is not None and not isinstance(name, device):
        device(name)


class cuda:  # noqa: N801
    """`torch.cuda`, on a machine without one."""

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False

    @staticmethod
    def device_count() -> int:
        """0."""
        return 0

    @staticmethod
    def manual_seed(seed: int) -> None:
        """There is no GPU to seed."""

    manual_seed_all = manual_seed

    @staticmethod
    def empty_cache() -> None:
        """There is no memory of a GPU to give back."""


class _Backend:
    """Settings of a library that is not there: they may be set, and change nothing."""

    deterministic = benchmark = allow_tf32 = enabled = False

    @staticmethod
    def is_available() -> bool:
        """False."""
        return False


class backends:  # noqa: N801
    """`torch.backends`: none of these is here."""

    cudnn, mps, mkldnn, mkl = _Backend(), _Backend(), _Backend(), _Backend()
