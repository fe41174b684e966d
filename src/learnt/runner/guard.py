"""One HTTP connection, by uvicorn and httptools, with bounds that these do not have by themselves.

Headers may only be so large, a request must come within a time, and an answer must be taken within
a time: else the connection ends, so nobody holds one by being slow.
"""

import asyncio
import json
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADERS = 32 * 1024  # bytes of a request's first line and headers
MAX_CONNECTIONS = 1024
HEADER_SECONDS = 5.0  # from a request's first byte (or the connection) to the end of its headers
BODY_SECONDS = 60.0  # from a request's first byte to the end of its body
TAKE_SECONDS = 30.0  # that a client has for each part of an answer, of so many bytes:
TAKE_BYTES = 128 * 1024
EACH_HEADER = 32  # bytes that count for a header besides its own
REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large",
           503: "Service Unavailable"}  # fmt: skip


class Guard(HttpToolsProtocol):
    """A connection that is watched."""

    heading = True  # the end of the headers is still to come
    size = 0  # bytes of the first line and the headers so far
    fed = 0  # bytes that came while they were
    since: float | None = None  # when the request that is coming began
    stuck: float | None = None  # since when the client takes too little
    lying = 0  # bytes that were to be taken then
    watch: asyncio.TimerHandle | None = None
    refused: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; it has to begin."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.refuse(503, f"more than {MAX_CONNECTIONS:,} connections: try again later")
            return
        self.since = self.loop.time()
        self.watch = self.loop.call_later(1, self.look)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, or was sent away."""
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        super().connection_lost(exc)

    def look(self) -> None:
        """Once a second: has this taken too long?"""
        now = self.loop.time()
        self.watch = self.loop.call_later(1, self.look)
        lying, closing = self.transport.get_write_buffer_size(), self.transport.is_closing()
        taken = self.stuck is not None and lying <= self.lying - TAKE_BYTES
        if taken or (closing and self.stuck is None):  # then all that was written is to be taken
            self.stuck, self.lying = now, lying
        if self.stuck is not None and now - self.stuck > TAKE_SECONDS:
            self.transport.abort()
        elif self.since is not None and not closing and not self.flow.read_paused:
            limit = HEADER_SECONDS if self.heading else BODY_SECONDS
            if now - self.since > limit:
                self.refuse(408, f"a request must come within {limit:.0f} seconds")

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        if self.transport.is_closing():
            return
        if self.since is None and (self.cycle is None or self.cycle.response_complete):
            self.heading, self.fed = True, 0  # it may begin with empty lines, which begin nothing
            self.since = self.loop.time()
        if self.heading:
            self.fed += len(data)
        super().data_received(data)
        if self.heading and self.fed > MAX_HEADERS and not self.transport.is_closing():
            self.refuse(431, HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.heading, self.size, self.fed = True, 0, 0
        self.since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """The address in the first line, or a part of it."""
        self.grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.grow(len(name) + len(value) + EACH_HEADER)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers are there; a body may follow."""
        self.heading = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there."""
        self.since = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client takes less than it is given."""
        self.stuck, self.lying = self.loop.time(), self.transport.get_write_buffer_size()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It takes on."""
        self.stuck = None
        super().resume_writing()

    def grow(self, more: int) -> None:
        """Count bytes of the first line and the headers."""
        self.size += more
        if self.size > MAX_HEADERS:
            self.refused = 431, HEADERS_TOO_LARGE
            raise httptools.HttpParserError(HEADERS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls where the bytes are no request."""
        self.refuse(*(self.refused or (400, "this is not a request that HTTP knows")))

    def refuse(self, status: int, reason: str) -> None:
        """Say why, unless an answer has begun, and end the connection."""
        cycle: Any = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
            return
        body = json.dumps({"error": reason}).encode()
        again = "retry-after: 1\r\n" if status == 503 else ""
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{again}connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


HEADERS_TOO_LARGE = f"a request's headers may have at most {MAX_HEADERS // 1024} KB together"
