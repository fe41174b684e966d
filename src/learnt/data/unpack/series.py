"""Series: a file to train on and a file to test on, as published."""

from collections.abc import Callable
from pathlib import Path

from learnt.data.unpack.packages import zip_file


def archive_set(name: str) -> Callable[[Path, Path], None]:
    """Unpacks one set of the UCR or UEA archive that aeon's wheel carries."""

    def unpack(wheel: Path, folder: Path) -> None:
        for side in ("TRAIN", "TEST"):
            file = f"{name}_{side}.ts"
            (folder / file).write_bytes(zip_file(wheel, f"aeon/datasets/data/{name}/{file}"))

    return unpack
