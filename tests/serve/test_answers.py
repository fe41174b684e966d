"""What an answer is where something is odd: the client's wishes, the program, or what it gives."""

import asyncio
import http.client
import json
import threading

import numpy as np
import pytest

import learnt
from learnt.engine.onnx import Graph
from learnt.runner.batching import Plan
from learnt.runner.endpoints import Endpoints
from tests.runner.crafted import changed
from tests.serve.servers import JSON, ask, serving, start

TEXT = "text/plain"
PROMPT = {"prompt": "It is", "length": 9, "seed": 1}


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/json, text/plain, */*", JSON), ("*/*", JSON), ("", JSON),
        ("text/plain;q=0, */*", JSON), ("text/plain; q=0.0", JSON), ("text/plainer", JSON),
        ("text/plain", TEXT), ("text/plain, */*", TEXT), ("Text/Plain;q=0.5", TEXT),
        ("application/json;q=0, text/plain", TEXT),
    ],
)  # fmt: skip
def test_another_media_type_than_json_is_given_where_only_that_is_named(servers, accept, media):
    said = servers["novels"].run(PROMPT, accept=accept)
    assert said.status == 200
    assert said.headers["content-type"].partition(";")[0] == media


def failing(novels, token, at):
    """The program with a graph that writes one token only, and fails once it is at a place."""
    program = learnt.load(novels)
    graph = Graph()
    graph.inputs.append(("tokens", np.dtype(np.int64), ["batch", program.context]))
    seen = graph.add("Gather", "tokens", graph.constant(at, np.int64), axis=1)
    there = graph.add("Cast", graph.add("Equal", seen, graph.constant(token, np.int64)), to=1)
    divisor = graph.add("Sub", graph.constant(1, np.float32), there)
    scores = np.zeros((1, program.context, program.vocabulary), np.float32)
    scores[..., token] = 100
    divisor = graph.add("Reshape", divisor, graph.constant([-1, 1, 1], np.int64))
    result = graph.add("Div", graph.constant(scores), divisor)
    graph.outputs.append((result, np.dtype(np.float32), ["batch", *scores.shape[1:]]))
    return changed(novels, {"model.onnx": graph.proto().SerializeToString()})


def test_a_text_that_fails_is_never_taken_for_a_whole_one(programs, tmp_path):
    (letter,) = learnt.load(programs["novels"]).tokenizer.encode(["x"])[0]
    file = tmp_path / "failing.pyz"
    file.write_bytes(failing(programs["novels"], letter, 3))
    server = start(file)
    assert server.run({"prompt": ""}).status == 500
    with pytest.raises(http.client.IncompleteRead) as broken:
        server.run({"prompt": ""}, accept=TEXT)
    assert broken.value.partial == b"xxx"
    assert b'learnt_requests_total{path="/run",status="500"} 2\n' in server.get("/metrics").body
    code, error = server.end()
    assert code == 0
    assert error.count("error: the program's graph gives what is no number") == 2


@pytest.mark.parametrize("letters", ["\ud800", "It is\udce9", "a\0b", ""])
def test_any_letters_are_answered_as_in_python(servers, programs, letters):
    said = servers["novels"].run({**PROMPT, "prompt": letters})
    assert said.json == learnt.load(programs["novels"])(letters, length=9, seed=1).as_dict()
    said = servers["texts"].run({"text": f"good {letters}"})
    assert said.json == learnt.load(programs["texts"])(f"good {letters}").as_dict()


@pytest.mark.parametrize(
    "series",
    [True, "1", [], [1, True], [1, "2"], [[1], 2], [1, [2]], [[1, 2], [3]], [[[1]]], [1e31],
     [10**400], [-(10**400)], [[1], [1e999]], {"0": 1}, [None]],
)  # fmt: skip
def test_what_is_no_series_is_refused(servers, series):
    body = json.dumps({"series": series}).replace("Infinity", "1e999").encode()
    said = servers["gestures"].run(body)
    assert (said.status, list(said.json)) == (422, ["error"])


@pytest.mark.parametrize("part", [b"1,", b"[],", b'{"a":1},'])
def test_more_values_than_are_read_at_a_time_are_refused(servers, part):
    said = servers["gestures"].run(b"[" + part * 2_000_001 + b"1]")
    wanted = 413, "the body has too many values: send fewer at a time"
    assert (said.status, said.json["error"]) == wanted


@pytest.mark.parametrize("host", ["127.0.0.2", "LOCALHOST"])
def test_it_answers_by_the_address_that_it_says_and_by_the_one_that_was_asked_for(
    program_file, host
):
    with serving(program_file, "--host", host) as server:
        for name in (host, "localhost"):
            connection = http.client.HTTPConnection(host, server.port, timeout=60)
            asked = {"host": f"{name}:{server.port}"}
            assert ask(connection, "GET", "/health", None, asked).status == 200


@pytest.mark.parametrize("name", ["\ud800", 'a"\n\\b', "é" * 5000])
def test_a_program_with_an_odd_name_is_served(programs, tmp_path, name):
    file = tmp_path / "odd.pyz"
    file.write_bytes(changed(programs["texts"], {}, name=name))
    with serving(file) as server:
        for path in ("/", "/openapi.json", "/metrics"):
            assert server.get(path).status == 200


def test_an_error_that_nobody_foresaw_is_an_answer_too_and_counted_and_told(programs, capsys):
    def page():
        raise ZeroDivisionError

    async def live():
        said = []

        async def send(message):
            said.append(message)

        app = Endpoints(learnt.load(programs["texts"]), Plan(), page, ())
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
        await app(scope, None, send)
        return said, app.metrics.requests

    said, requests = asyncio.run(live())
    assert [message.get("status") for message in said] == [500, None]
    assert json.loads(said[1]["body"]) == {"error": "the program failed on this input"}
    assert requests == {("/", 500): 1}
    assert capsys.readouterr().err == "error: ZeroDivisionError\n"


def test_writing_stops_where_the_reader_leaves(programs, monkeypatch):
    program = learnt.load(programs["novels"])
    stream, written, stopped = program.stream, [], threading.Event()

    def spied(*asked):
        try:
            for part in stream(*asked):
                written.append(part)
                yield part
        finally:
            stopped.set()

    async def live():
        app, left, began = Endpoints(program, Plan(), None, ()), asyncio.Event(), asyncio.Event()
        body = json.dumps({"prompt": "It is", "length": 10_000}).encode()
        coming = [{"type": "http.request", "body": body}]

        async def receive():
            if not coming:
                await left.wait()
            return coming.pop() if coming else {"type": "http.disconnect"}

        async def send(message):
            began.set()
            if message.get("body"):
                left.set()

        living = asyncio.create_task(app({"type": "lifespan"}, lambda: asyncio.sleep(0), send))
        await began.wait()
        headers = [(b"content-type", JSON.encode()), (b"accept", TEXT.encode())]
        scope = {"type": "http", "method": "POST", "path": "/run", "headers": headers}
        await app(scope, receive, send)
        await living

    monkeypatch.setattr(program, "stream", spied)
    asyncio.run(live())
    assert stopped.wait(60)
    assert 0 < len("".join(written)) < 5_000
