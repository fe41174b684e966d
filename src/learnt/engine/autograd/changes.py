"""A clock of operations and of changes in place.

Operations are numbered as they are recorded: that is the order for back-propagation. And no
gradient is computed from numbers that have changed: an operation keeps arrays for its `backward`,
whoever changes an array in place says so here, and the times of both are compared. (PyTorch
counts versions of each tensor for the same end.)
"""

import itertools
import weakref
from typing import Any

import numpy as np

from learnt.engine.op import Array, Op


class Clock:
    """`tick()` is the next time; `changed` is that of the last change of any array."""

    tick = itertools.count(1).__next__
    changed = 0
    rebased = 0  # … of the last change through a view that gradients follow


_changed: dict[int, list[Any]] = {}  # by the owner of the memory: its time, a weak reference
_rebased: dict[int, list[Any]] = {}


def note_change(array: Array, through_view: bool = False) -> None:
    """Say that `array` has been changed in place."""
    Clock.changed = Clock.tick()
    _note(_changed, array)
    if through_view:
        Clock.rebased = Clock.changed
        _note(_rebased, array)


def owner(array: Any) -> Any:
    """What owns the memory that `array` looks at."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def changed_since(array: Array, time: int) -> bool:
    """Has this memory been changed in place after `time`?"""
    known = _changed.get(id(owner(array)))
    return known is not None and known[0] > time


def rebased_since(array: Array, time: int) -> bool:
    """Has this memory been changed through a view, with gradients, after `time`?"""
    known = _rebased.get(id(owner(array)))
    return known is not None and known[0] > time


def check_usable(op: Op) -> None:
    """RuntimeError if what `op` kept was freed, or changed in place after it was recorded."""
    if op.used:
        raise RuntimeError(
            "this graph was already used: a second backward() needs the first one called with "
            "retain_graph=True, or the loss computed again"
        )
    for name, value in vars(op).items():
        if type(value) is np.ndarray and changed_since(value, op.time):
            raise RuntimeError(
                f"{type(op).__name__} kept an array ({name}, of shape {value.shape}) for its "
                "gradient, and it was changed in place before backward(): change a copy "
                "(.clone()), or compute without in-place operations (y = y + 1 for y += 1)"
            )


def _note(times: dict[int, list[Any]], array: Array) -> None:
    memory = owner(array)
    key = id(memory)
    known = times.get(key)
    if known is None:
        try:
            reference = weakref.ref(memory, lambda _: times.pop(key, None))
        except TypeError:  # memory of another library; kept, so that its id stays its own
            reference = memory
        times[key] = [Clock.changed, reference]
    else:
        known[0] = Clock.changed
