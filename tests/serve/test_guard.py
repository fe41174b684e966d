"""A connection's bounds in time, with less of it: an answer must be taken, but may be slowly."""

import socket
import threading
import time

import pytest
import uvicorn

from learnt.runner import guard

BODY = b"x" * 16 * 2**20


async def large(scope, receive, send):
    """An application with a large answer."""
    head = [(b"content-length", b"%d" % len(BODY)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": BODY})


@pytest.fixture
def reader(monkeypatch):
    """A client that has asked for the large answer; it has a second for each part."""
    monkeypatch.setattr(guard, "TAKE_SECONDS", 1.0)
    config = uvicorn.Config(large, http=guard.Guard, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=[[listener]])
    thread.start()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # little lies on the way
        client.settimeout(30)
        client.connect(listener.getsockname())
        client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with client.makefile("rb") as answer:
            yield answer
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def take(answer, each, seconds, parts=10**9):
    """How many bytes there are, if they are taken in parts, with some time after each."""
    size = 0
    for _ in range(parts):
        part = answer.read(each)
        if not part:
            break
        size += len(part)
        time.sleep(seconds)
    return size


def test_a_reader_who_is_slow_but_steady_gets_the_whole_answer(reader):
    assert take(reader, 2**18, 0.0625) > len(BODY)


def test_a_reader_who_takes_too_little_is_sent_away(reader):
    assert take(reader, 2**12, 0.25, 12) + take(reader, 2**18, 0) < len(BODY)
