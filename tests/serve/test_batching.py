"""What waits for a program: it is run together, and not at all once nobody waits for it."""

import asyncio
import threading

import pytest

import learnt
from learnt.runner.batching import Batcher, Call, Job, Plan

SOON = 0.01  # seconds after which what waits is given up
LONG = 60


@pytest.fixture
def digits(programs):
    """A program, and a picture that travels in it."""
    program = learnt.load(programs["digits"])
    return program, program.archive.members["selftest/input_0.png"]


def read(program, data, begun=lambda: None):
    """A job that reads a picture, once `begun` lets it; the answer is the label."""
    return Job(lambda: begun() or program.read(data), lambda answer: answer.label.encode())


def test_what_was_given_up_is_not_computed(digits):
    program, picture = digits
    go_on, begun = threading.Event(), []

    def wait(name):
        begun.append(name)
        assert go_on.wait(LONG)

    async def live():
        batcher = Batcher(program, Plan(batch=1), SOON, lambda count: None)
        jobs = [read(program, picture, lambda n=n: wait(n)) for n in range(50)]
        told = await asyncio.gather(*map(batcher.submit, jobs), return_exceptions=True)
        assert {type(answer) for answer in told} == {TimeoutError}
        batcher.seconds = LONG
        last = batcher.submit(read(program, picture, lambda: wait("last")))
        go_on.set()
        return await last

    assert asyncio.run(live()).decode() == program(picture).label
    assert begun == [0, "last"]


def test_an_answer_that_was_given_up_before_it_was_begun_is_not_made(digits):
    program, _ = digits
    go_on, begun = threading.Event(), []

    def make(name):
        begun.append(name)
        assert go_on.wait(LONG)
        return b"made"

    async def live():
        batcher = Batcher(program, Plan(), SOON, lambda count: None)
        calls = [Call(lambda wanted, n=n: make(n)) for n in range(50)]
        await asyncio.gather(*map(batcher.submit, calls), return_exceptions=True)
        batcher.seconds = LONG
        last = batcher.submit(Call(lambda wanted: make("last")))
        go_on.set()
        return await last

    assert asyncio.run(live()) == b"made"
    assert len(begun) < 50
    assert begun[-1] == "last"


def test_inputs_that_come_while_others_are_run_are_run_together(digits):
    program, picture = digits
    go_on, sizes = threading.Event(), []

    async def live():
        batcher = Batcher(program, Plan(), LONG, sizes.append)
        first = batcher.submit(read(program, picture, lambda: go_on.wait(LONG) and None))
        later = [batcher.submit(read(program, picture)) for _ in range(10)]
        go_on.set()
        return await asyncio.gather(first, *later)

    assert set(asyncio.run(live())) == {program(picture).label.encode()}
    assert sizes == [1, 10]


def test_inputs_that_are_large_together_are_run_some_at_a_time(programs, monkeypatch):
    program = learnt.load(programs["scenes"])
    picture = program.archive.members["selftest/input_0.png"]
    sizes, outputs = [], program.outputs
    monkeypatch.setattr(
        program, "outputs", lambda items: sizes.append(len(items)) or outputs(items)
    )
    monkeypatch.setattr("learnt.runner.batching.HELD", 3 * program.read(picture).pixels.nbytes)

    async def live():
        batcher = Batcher(program, Plan(), LONG, lambda count: None)
        jobs = [Job(lambda: program.read(picture), lambda mask: mask.png())] * 9
        return await asyncio.gather(*map(batcher.submit, jobs))

    assert set(asyncio.run(live())) == {program(picture).png()}
    assert max(sizes) == 4
