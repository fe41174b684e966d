"""Inputs that wait at the same time run together: a thread takes what is there.

An input that comes alone is run at once; nobody ever waits for company. While a batch is run, the
next one gathers. An input that cannot be used hurts only itself. A large graph runs a few inputs
together on all cores, or one by one where that is as good.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

from learnt.errors import DataError, ProgramError
from learnt.runner.program import BATCH, Array, Program
from learnt.runner.session import Session

APART = 16 * 1024  # bytes of inputs from which it pays to read several in threads
HELD = 64 * 2**20  # bytes of inputs, as the graph takes them, that are run together
READERS = 2  # threads that read inputs
QUICK = 1e-3  # seconds: below, more threads cost more than they gain, as they wait by spinning
TRIED = 4  # inputs, which a larger graph runs together if that is quicker than one by one
SIDE_BY_SIDE = 2  # batches of a larger graph: inputs of one are read while the other is run
CALLS = 4  # answers that are not made in batches, at a time


@dataclass(frozen=True, slots=True)
class Job:
    """One input: `read` gives it as the graph takes it, `told` turns its answer into bytes."""

    read: Callable[[], Any]
    told: Callable[[Any], bytes]
    size: int = 0  # bytes that came


@dataclass(frozen=True, slots=True)
class Call:
    """An answer that is made by itself; `make` is given what says whether it is still wanted."""

    make: Callable[[Callable[[], bool]], bytes]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many inputs are run together, and on how many threads that is done."""

    batch: int = BATCH
    workers: int = 1


def plan_of(program: Program) -> Plan:
    """What suits a program: it is tried on an input that travels in its file."""
    members = program.archive.members
    name = next((name for name in members if name.startswith("selftest/input_")), None)
    if name is None:
        return Plan()
    try:
        items = [program.read(members[name])]
    except DataError as error:
        raise ProgramError(f"the program's {name} is no input: {error}") from None
    alone, together = (_seconds(program, items * count) / count for count in (1, TRIED))
    if alone < QUICK:
        program.session = Session(program.onnx, threads=1)
        program.outputs(items)
        return Plan()
    return Plan(batch=TRIED if together < alone else 1, workers=SIDE_BY_SIDE)


def _seconds(program: Program, items: Sequence[Any]) -> float:
    """The shortest of some runs, after one that does not count."""
    taken = []
    for _ in range(4):
        begun = time.perf_counter()
        program.outputs(items)
        taken.append(time.perf_counter() - begun)
    return min(taken[1:])


Future: TypeAlias = "asyncio.Future[bytes]"
Told: TypeAlias = bytes | Exception


class Batcher:
    """Runs jobs for an event loop; `count` is told how many inputs each batch had."""

    def __init__(
        self, program: Program, plan: Plan, seconds: float, count: Callable[[int], None]
    ) -> None:
        """An answer that takes longer than `seconds` is a TimeoutError."""
        self.program = program
        self.plan = plan
        self.seconds = seconds
        self.count = count
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Job, Future]] = deque()
        self._open: deque[tuple[float, Future]] = deque()
        self._busy = 0  # workers
        self._batches: queue.SimpleQueue[list[tuple[Job, Future]]] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, "reading")
        self._callers = ThreadPoolExecutor(CALLS, "calling")
        self._watch: asyncio.TimerHandle | None = None
        # A daemon: a graph that never ends must not keep the server from ending.
        for _ in range(plan.workers):
            threading.Thread(target=self._work, name="running", daemon=True).start()

    def submit(self, job: Job | Call) -> Future:
        """What the job gives, in the future; call it from the event loop."""
        future: Future = self._loop.create_future()
        self._open.append((self._loop.time() + self.seconds, future))
        if self._watch is None:
            self._watch = self._loop.call_later(1, self._late)
        if isinstance(job, Call):
            self._callers.submit(self._call, job, future)
            return future
        self._waiting.append((job, future))
        if self._busy < self.plan.workers:
            self._busy += 1
            self._start()
        return future

    def _start(self) -> None:
        """Hand what waits and is still wanted, up to a batch, to a worker with nothing to do."""
        batch: list[tuple[Job, Future]] = []
        while self._waiting and len(batch) < self.plan.batch:
            job, future = self._waiting.popleft()
            if not future.done():
                batch.append((job, future))
        if batch:
            self._batches.put(batch)
        else:
            self._busy -= 1

    def _late(self) -> None:
        """Once a second: what took too long is given up."""
        now, left = self._loop.time(), self._open
        while left and (left[0][1].done() or left[0][0] < now):
            _, future = left.popleft()
            if not future.done():
                future.set_exception(TimeoutError())
        self._watch = self._loop.call_later(1, self._late) if left else None

    def _done(self, batch: list[tuple[Job, Future]], told: list[Told]) -> None:
        self._start()
        self.count(len(batch))
        for (_, future), answer in zip(batch, told, strict=True):
            _settle(future, answer)

    def _work(self) -> None:
        """The thread: one batch after the other."""
        while True:
            batch = self._batches.get()
            told = self._answers([job for job, _ in batch])
            self._loop.call_soon_threadsafe(self._done, batch, told)

    def _call(self, call: Call, future: Future) -> None:
        told: Told
        if future.done():  # it was given up while it waited
            return
        try:
            told = call.make(lambda: not future.done())
        except Exception as error:
            told = error
        self._loop.call_soon_threadsafe(_settle, future, told)

    def _answers(self, jobs: Sequence[Job]) -> list[Told]:
        """What each job gives, in order, or why it gives nothing; large inputs some at a time."""
        told: list[Told] = []
        items: list[Any] = []
        held = 0
        for item in self._read(jobs):
            items.append(item)
            held += getattr(item, "nbytes", 0)
            if held > HELD:
                told += self._run(jobs[len(told) :], items)
                items, held = [], 0
        return [*told, *self._run(jobs[len(told) :], items)]

    def _read(self, jobs: Sequence[Job]) -> Iterator[Any]:
        """Each job's input, or what is wrong with it."""
        if len(jobs) > 1 and sum(job.size for job in jobs) > APART:
            for at in range(0, len(jobs), READERS):
                yield from self._readers.map(_item, jobs[at : at + READERS])
        else:
            yield from map(_item, jobs)

    def _run(self, jobs: Sequence[Job], items: list[Any]) -> list[Told]:
        """The answers for the first jobs, whose inputs these are."""
        there = [n for n, item in enumerate(items) if not isinstance(item, Exception)]
        for n, row in zip(there, self._rows([items[n] for n in there]), strict=True):
            items[n] = row if isinstance(row, Exception) else self._tell(jobs[n], items[n], row)
        return items

    def _rows(self, items: Sequence[Any]) -> Sequence[Array | Exception]:
        """The graph's result for each; where a batch fails, each by itself."""
        try:
            return self.program.outputs(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            return [row for item in items for row in self._rows([item])]

    def _tell(self, job: Job, item: Any, row: Array) -> Told:
        try:
            return job.told(self.program.finished(item, row))
        except Exception as error:
            return error


def _item(job: Job) -> Any:
    try:
        return job.read()
    except Exception as error:
        return error


def _settle(future: Future, told: Told) -> None:
    """Hand an answer over, unless it was given up meanwhile."""
    if future.done():
        return
    if isinstance(told, Exception):
        future.set_exception(told)
    else:
        future.set_result(told)
