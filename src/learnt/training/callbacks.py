"""What happens around the loop: saving, threads, stopping in time, stopping when asked."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from learnt.errors import Interrupted
from learnt.training.loop import Callback, Loop

SAVE_EPOCH, SAVE_STEP = 0.5, 30.0  # seconds between checkpoints, at an epoch's end and within


class Checkpoints(Callback):
    """Saves the run now and then, at its end, and when Ctrl-C is pressed.

    Ctrl-C waits for the step that is being made, so that what is saved is whole. Without `save`,
    a second network learns, and the run goes on from the first.
    """

    def __init__(self, save: Callable[[], None] | None, resume: str) -> None:
        self.save, self.resume = save, resume
        self.saved = time.perf_counter()
        self.asked = False
        self.before: Any = None

    def on_start(self, loop: Loop) -> None:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._ask)

    def after_step(self, loop: Loop) -> None:
        if self.asked:
            self._save()
            raise self._stopped(f"in epoch {loop.epoch + 1} of {loop.epochs}")
        self._save_after(SAVE_STEP)

    def after_epoch(self, loop: Loop) -> None:
        last = loop.stop or loop.epoch == loop.epochs
        self._save_after(0.0 if last else SAVE_EPOCH)
        if last and self.asked:  # there is no step after it
            raise self._stopped(f"after epoch {loop.epoch} of {loop.epochs}")

    def on_end(self, loop: Loop) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:  # asked twice: at once, then
            raise KeyboardInterrupt
        self.asked = True

    def _stopped(self, where: str) -> Interrupted:
        kept = "nothing is lost" if self.save else "the first network is kept"
        return Interrupted(f"stopped {where}; {kept}. Go on with: {self.resume}")

    def _save_after(self, seconds: float) -> None:
        if time.perf_counter() - self.saved >= seconds:
            self._save()

    def _save(self) -> None:
        if self.save is not None:
            self.save()
        self.saved = time.perf_counter()


class Threads(Callback):
    """Matrix products by so many threads while a model trains: by one, if it is small.

    Its products are so small that a second thread gains little; and where another process has
    the processor, the two wait for each other, at several times the cost.
    """

    def __init__(self, count: int | None) -> None:
        self.count = count  # None: all there are
        self.limits: Any = None

    def on_start(self, loop: Loop) -> None:
        from threadpoolctl import threadpool_limits

        self.limits = threadpool_limits(self.count, user_api="blas")

    def on_end(self, loop: Loop) -> None:
        self.limits.restore_original_limits()


class Deadline(Callback):
    """Ends training when its time is over, whatever was planned."""

    def __init__(self, minutes: float) -> None:
        self.end = time.perf_counter() + minutes * 60
        self.over = False  # has it ended a training?

    def after_step(self, loop: Loop) -> None:
        self.over = time.perf_counter() > self.end
        loop.stop = loop.stop or self.over
