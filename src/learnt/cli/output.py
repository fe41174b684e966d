"""What the command line prints: progress on a terminal, plain lines elsewhere, JSON if asked."""

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from learnt.runner.text import harmless
from learnt.training.loop import Callback, Loop

if TYPE_CHECKING:
    from learnt.data.source import Source
    from learnt.training.metrics import Evaluation

LINE_EVERY = 5.0  # seconds between plain lines


def say_error(message: str) -> None:
    """One message on stderr."""
    print(f"error: {harmless(message)}", file=sys.stderr)


def say_note(note: str) -> None:
    """What a person should know, on stderr, so that stdout holds results only."""
    print(f"note: {harmless(note)}", file=sys.stderr)


def say_json(value: Any) -> None:
    """One JSON object on a line of stdout."""
    print(json.dumps(value), flush=True)


def say_data(data: "Source", why: str = "") -> None:
    """What was found, why it is taken for that, and what was done with it."""
    print(data, flush=True)
    if why:
        print(f"taken for {data.kind}, as {why}", flush=True)
    for note in data.notes:
        say_note(note)


def say_evaluation(evaluation: "Evaluation") -> None:
    """The figure, never alone; and the commonest mistakes."""
    print(evaluation)
    worst = evaluation.worst_confusions()
    if worst:
        print(f"commonest mistakes: {'; '.join(worst)}")


def progress(as_json: bool) -> list[Callback]:
    """The callbacks that show how far training is, suited to where they are shown."""
    if as_json:
        return []
    return [Bars()] if sys.stdout.isatty() else [Lines()]


class Lines(Callback):
    """A plain line now and then: for files and pipes."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def on_inputs(self, done: int, of: int) -> None:
        if done == of or time.perf_counter() - self.last > LINE_EVERY:
            self._line(f"prepared {done:,} of {of:,}")

    def after_epoch(self, loop: Loop) -> None:
        if loop.epoch == loop.epochs or time.perf_counter() - self.last > LINE_EVERY:
            self._line(f"epoch {loop.epoch} of {loop.epochs}: {figures(loop)}")

    def _line(self, text: str) -> None:
        print(text, flush=True)
        self.last = time.perf_counter()


class Bars(Callback):
    """Bars with the time left: for a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self.inputs: Any = None
        self.done = 0  # of the inputs
        self.steps: Any = None

    def on_inputs(self, done: int, of: int) -> None:
        if self.inputs is None or done < self.done:  # the first time, or once more
            self.progress.start()
            self.inputs = self.progress.add_task("preparing", total=of, figures=f"{of:,} examples")
        self.done = done
        if done == of or done % 20 == 0:
            self.progress.update(self.inputs, completed=done)

    def on_start(self, loop: Loop) -> None:
        self.progress.start()
        total = loop.epochs * loop.steps
        self.steps = self.progress.add_task("training ", total=total, figures="")
        self.after_step(loop)

    def after_step(self, loop: Loop) -> None:
        if loop.step % 10 == 0:
            done = loop.epoch * loop.steps + loop.step
            self.progress.update(self.steps, completed=done)

    def after_epoch(self, loop: Loop) -> None:
        done = loop.epoch * loop.steps
        total = done if loop.stop else loop.epochs * loop.steps
        text = f"epoch {loop.epoch}/{loop.epochs}  {figures(loop)}"
        self.progress.update(self.steps, completed=done, total=total, figures=text)

    def close(self) -> None:
        """No more of them will be shown: the terminal has its cursor again."""
        self.progress.stop()


def figures(loop: Loop) -> str:
    """The last epoch's figures in words."""
    from learnt.training.metrics import figure

    last = loop.history[-1]
    metric = next(name for name in last if name not in ("epoch", "loss", "seconds"))
    return f"loss {last['loss']:.3f}, {metric} on validation {figure(metric, last[metric])}"
