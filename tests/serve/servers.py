"""Real servers for tests, as a user starts them, on free ports; and what one asks them."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JSON = "application/json"
LEARNT = [sys.executable, "-c", "import sys; from learnt.cli.main import main; sys.exit(main())"]


@dataclass(frozen=True)
class Said:
    """What a server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body, as JSON."""
        assert self.headers["content-type"] == JSON
        return json.loads(self.body)


class Server:
    """A process that serves a program."""

    def __init__(self, *command: object) -> None:
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._port = 0

    @property
    def port(self) -> int:
        """Where it is, once it is there."""
        if not self._port:
            line = self.process.stdout.readline()
            assert line.startswith("serving "), line + self.process.stderr.read()
            self._port = int(line.split("/ (")[0].rpartition(":")[2])
        return self._port

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        """A connection of one's own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str, **headers: str) -> Said:
        """GET a path."""
        return ask(self.connect(), "GET", path, None, headers)

    def run(self, value: Any, media: str = JSON, **headers: str) -> Said:
        """POST one value as JSON, or bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return ask(self.connect(), "POST", "/run", body, {"content-type": media, **headers})

    def counts(self, sample: str, seconds: float = 60) -> None:
        """Wait until /metrics says so, as one whole line; AssertionError if it does not."""
        end = time.monotonic() + seconds
        while f"\n{sample}\n" not in (told := self.get("/metrics").body.decode()):
            assert time.monotonic() < end, told
            time.sleep(0.02)

    def end(self, sign: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and what it said on stderr, less what it may say of its page."""
        try:
            self.port  # noqa: B018 - before, a signal just ends it
            self.process.send_signal(sign)
            error = self.process.communicate(timeout=60)[1]
        finally:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode, re.sub(r"^note: run `learnt page .*\n", "", error)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any,
    headers: Mapping[str, str],
) -> Said:  # fmt: skip
    """One request on a connection, which is closed then."""
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Said(answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()})
    finally:
        connection.close()


def start(program: Path, *options: object) -> Server:
    """A server that is starting; `end` it."""
    return Server(*LEARNT, "serve", program, "--port", 0, *options)


@contextmanager
def serving(program: Path, *options: object) -> Iterator[Server]:
    """A server, which is ended, and must then have ended well and said nothing."""
    server = start(program, *options)
    try:
        yield server
    finally:
        ended = server.end()
    assert ended == (0, "")
