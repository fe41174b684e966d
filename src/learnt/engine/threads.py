"""Pieces of one operation on several threads: as many as BLAS may use, and BLAS then one in each.

Many small products are slower on BLAS's own threads, which wait for each other at every one, than
one after the other. NumPy lets other threads run while it computes.
"""

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from learnt.engine.op import SILENT


def share(
    task: Callable[..., None], pieces: Sequence[tuple[Any, ...]], make: Callable[[], Any]
) -> list[Any]:
    """Call `task(own, *piece)` for every piece; `own` is what `make` made for its thread.

    Returns what was made, in order: added up, it is the same for as many threads.
    """
    count = get_num_threads() if len(pieces) >= 4 else 1
    count = 1 if len(pieces) < 2 * count else count

    def run(number: int) -> Any:
        own = make()
        with SILENT():
            for piece in pieces[number::count]:
                task(own, *piece)
        return own

    if count == 1:
        return [run(0)]
    try:
        set_num_threads(1)
        others = [_pool().submit(run, number) for number in range(1, count)]
        return [run(0), *[other.result() for other in others]]
    finally:
        set_num_threads(count)


@functools.cache
def _blas() -> list[Any]:
    """What sets the threads of NumPy's BLAS, where that is OpenBLAS."""
    from threadpoolctl import ThreadpoolController

    known = ThreadpoolController().lib_controllers
    return [library for library in known if library.internal_api == "openblas"]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "learnt")


if hasattr(os, "register_at_fork"):  # a child process has no threads but its own
    os.register_at_fork(after_in_child=_pool.cache_clear)


def set_num_threads(count: int) -> None:
    """How many threads products may use."""
    for library in _blas():
        library.set_num_threads(count)


def get_num_threads() -> int:
    """How many threads products may use."""
    return max((int(library.num_threads) for library in _blas()), default=1)
