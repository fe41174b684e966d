"""Work that goes on in a thread of its own, while the main thread does something else.

Nothing may be imported there: two threads that import one library can meet it half made.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def begin(work: Callable[[], T]) -> "Future[T]":
    """Start the work; `result()` of what is given waits for it, and raises what it raised."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:
            found.set_exception(error)

    Thread(target=run).start()  # no daemon: the interpreter waits for it to end
    return found
