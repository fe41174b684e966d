"""A program's HTTP endpoints, as a plain ASGI application.

    GET  /               a page for people
    POST /run            inputs → answers: JSON, or a file as it is
    GET  /openapi.json   what /run takes and gives, exactly
    GET  /health         is it ready?
    GET  /metrics        counters for Prometheus

Every error is {"error": "…"} with a status that says whose fault it is. Bodies, time, and what is
done at a time are bounded; bodies are never the names of files.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from learnt.errors import DataError, LearntError, MissingDependencyError
from learnt.runner.batching import Batcher, Call, Plan
from learnt.runner.inputs import CSV, JSON, MAX_BATCH, TEXT, Prompts, inputs_of
from learnt.runner.metrics import MEDIA, Metrics
from learnt.runner.openapi import openapi
from learnt.runner.program import MAX_INPUT, Program
from learnt.runner.text import shown

MAX_IN_FLIGHT = 256  # requests to /run at a time
MAX_HELD = 256 * 2**20  # bytes of bodies at a time
MAX_VALUES = 2_000_000  # of a JSON body (a key counts four times): all else waits meanwhile
MAX_DRAINED = 64 * 2**20  # bytes of a body that is refused, which are read so that the client hears
ANSWER_SECONDS = 60.0
CLOSE = {"connection": "close"}
HTML = "text/html; charset=utf-8"

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    body: bytes
    media: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that is answered by an error."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        self.reply = Reply(json.dumps({"error": reason}).encode(), JSON, status, headers)


class Torn(Refused):
    """An answer that has begun, but cannot be made whole: its connection is broken off."""

    def __init__(self, refused: Refused) -> None:
        self.reply = refused.reply


class Left(Exception):  # noqa: N818 - nobody is there to be told
    """The client is gone."""


class Endpoints:
    """The application; `page` makes the page, `hosts` are what this server may be called (any
    name, if there are none)."""

    def __init__(
        self, program: Program, plan: Plan, page: Callable[[], Reply], hosts: Sequence[str],
        verbose: bool = False,
    ) -> None:  # fmt: skip
        self.program, self.plan = program, plan
        self.page, self.hosts, self.verbose = page, hosts, verbose
        self.inputs = inputs_of(program)
        facts = {name: str(program.manifest.get(name, "")) for name in ("name", "task", "learnt")}
        self.metrics = Metrics(facts)
        self.held = 0
        self.description = json.dumps(openapi(program, self.inputs)).encode()
        self.batcher: Batcher

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        begun = time.perf_counter()
        path = scope["path"]
        counted = path if path in ROUTES else "other"
        try:
            reply = await self._reply(scope, receive, send)
        except Left:
            return
        except Exception as error:
            refused = error if isinstance(error, Refused) else _refusal(error)
            reply = refused.reply
            if not isinstance(refused, Torn):
                await _send(send, reply)
        else:
            if reply is not None:
                await _send(send, reply)
        status = reply.status if reply else 200
        seconds = time.perf_counter() - begun
        self.metrics.answered(counted, status)
        if counted == "/run":
            self.metrics.seconds.add(seconds)
        if self.verbose:
            line = f"{scope['method']} {shown(path)} {status} {seconds * 1000:.1f} ms"
            print(f"{(scope['client'] or ['?'])[0]} {line}", file=sys.stderr, flush=True)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's beginning and end."""
        await receive()
        self.batcher = Batcher(self.program, self.plan, ANSWER_SECONDS, self.metrics.batches.add)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _reply(self, scope: dict[str, Any], receive: Receive, send: Send) -> Reply | None:
        path, method = scope["path"], scope["method"]
        if path not in ROUTES:
            raise Refused(404, f"there is nothing at {shown(path)}; there is {', '.join(ROUTES)}")
        allowed = ROUTES[path]
        if method not in allowed:
            raise Refused(405, f"{path} knows {' and '.join(allowed)}", allow=", ".join(allowed))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if self.hosts or path == "/run":
            self._check_site(headers)
        if path == "/run":
            return await self._run(headers, receive, send)
        if path == "/":
            return await asyncio.get_running_loop().run_in_executor(None, self.page)
        if path == "/openapi.json":
            return Reply(self.description)
        if path == "/metrics":
            return Reply(self.metrics.text().encode("utf-8", "replace"), MEDIA)
        return Reply(b'{"status": "ok"}')

    def _check_site(self, headers: Mapping[bytes, str]) -> None:
        """A page of another site, in this machine's browser, has no business here."""
        host = headers.get(b"host", "").lower()
        if self.hosts and host and not {host, host.rpartition(":")[0]} & set(self.hosts):
            raise Refused(403, f"this server is only for this machine; ask by {self.hosts[0]}")
        origin = headers.get(b"origin", "")
        if origin and origin.partition("://")[2] != host:
            raise Refused(403, "this request comes from a page of another site")

    async def _run(self, headers: dict[bytes, str], receive: Receive, send: Send) -> Reply | None:
        """Answer inputs: the body is read, and what it asks for done, within bounds."""
        if self.metrics.in_flight >= MAX_IN_FLIGHT:
            await self._drain(headers, receive)
            raise Refused(503, "too many requests at a time: try again", **{"retry-after": "1"})
        self.metrics.in_flight += 1
        held = 0
        try:
            media = headers.get(b"content-type", "").partition(";")[0].strip().lower()
            raw = await self._check_media(media, headers, receive)
            limit = self.inputs.limit if media in (JSON, CSV) else MAX_INPUT
            body = await self._body(headers, receive, limit)
            held = len(body)
            self.held += held
            return await self._answer(body, raw, headers.get(b"accept", ""), receive, send)
        finally:
            self.held -= held
            self.metrics.in_flight -= 1

    async def _check_media(self, media: str, headers: dict[bytes, str], receive: Receive) -> bool:
        """Is the body a file (else it is JSON)? 415 where it is neither."""
        if media == JSON:
            return False
        taken = self.inputs.media
        if media in taken or media.partition("/")[0] + "/*" in taken:
            return True
        await self._drain(headers, receive)
        known = ", ".join([JSON, *taken])
        raise Refused(415, f"the body must be one of {known}, as content-type says; "
                      f"got {shown(media) or 'no content-type'}")  # fmt: skip

    async def _body(self, headers: dict[bytes, str], receive: Receive, limit: int) -> bytes:
        """The body, bounded; a larger one is read to its end, so that the client hears of it."""
        length = headers.get(b"content-length", "0")
        if int(length) > limit:
            await self._drain(headers, receive)
            raise self._too_large(limit)
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if message["type"] != "http.request":
                raise Left
            return body
        parts, size = [body], len(body)
        self.held += size
        try:
            while message.get("more_body"):
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self.held += len(parts[-1])
                if size > limit or self.held > MAX_HELD:
                    if message.get("more_body"):
                        await self._drain(headers, receive)
                    if size > limit:
                        raise self._too_large(limit)
                    raise Refused(503, "too much at a time: try again", **{"retry-after": "1"})
        finally:
            self.held -= size
        if message["type"] != "http.request":
            raise Left
        return b"".join(parts)

    @staticmethod
    def _too_large(limit: int) -> Refused:
        return Refused(413, f"the body may have at most {limit:,} bytes ({limit // 2**20} MB)",
                       **CLOSE)  # fmt: skip

    @staticmethod
    async def _drain(headers: Mapping[bytes, str], receive: Receive) -> None:
        """Read the rest of a body that is refused, and let it go."""
        if b"expect" in headers:  # the client waits for our word before it sends
            return
        left = MAX_DRAINED
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if message["type"] != "http.request":
                raise Left
            if not message.get("more_body"):
                return

    async def _answer(
        self, body: bytes, raw: bool, accept: str, receive: Receive, send: Send
    ) -> Reply | None:
        wanted = _wanted(accept, self.inputs.gives)
        if raw:
            rows = self._rows(body)
            if rows is not None:
                return await self._several(rows)
            self.metrics.inputs += 1
            return await self._one(self.inputs.raw, body, wanted)
        value = _parsed(body)
        if isinstance(value, list):
            return await self._several(value)
        self.metrics.inputs += 1
        if wanted == TEXT and isinstance(self.inputs, Prompts):
            await self._stream(value, receive, send)
            return None
        return await self._one(self.inputs.job, value, wanted)

    async def _one(self, job: Callable[[Any, str], Any], value: Any, wanted: str) -> Reply:
        try:
            return Reply(await self.batcher.submit(job(value, wanted)), wanted)
        except Exception as error:
            raise _refusal(error) from None

    def _rows(self, body: bytes) -> list[Any] | None:
        """The inputs in a file that may hold several."""
        if CSV in self.inputs.media:
            _check_values(sum(map(body.count, b",;\t|\n")))
        try:
            return self.inputs.several(body)
        except DataError as error:
            raise _refusal(error) from None

    async def _several(self, values: list[Any]) -> Reply:
        """A list's answers, in order; what cannot be used has an error in its place."""
        if not 1 <= len(values) <= MAX_BATCH:
            raise Refused(422, f"from 1 to {MAX_BATCH:,} inputs must be given at a time; "
                          f"got {'none' if not values else 'more'}")  # fmt: skip
        self.metrics.inputs += len(values)
        told = await asyncio.gather(*map(self._told, values))
        return Reply(b"[" + b", ".join(told) + b"]")

    async def _told(self, value: Any) -> bytes:
        try:
            return await self.batcher.submit(self.inputs.job(value))
        except Exception as error:
            return _refusal(error).reply.body

    async def _stream(self, value: Any, receive: Receive, send: Send) -> None:
        """A text, as it is written; writing stops where the client leaves."""
        assert isinstance(self.inputs, Prompts)
        try:
            prompt, sampling = self.inputs.asked(value)
        except DataError as error:
            raise _refusal(error) from None
        loop, parts = asyncio.get_running_loop(), asyncio.Queue[str | None]()
        program: Any = self.program

        def make(wanted: Callable[[], bool]) -> bytes:
            for part in program.stream(prompt, sampling):
                if not wanted():
                    break
                loop.call_soon_threadsafe(parts.put_nowait, part)
            return b""

        done = self.batcher.submit(Call(make))
        done.add_done_callback(lambda _: parts.put_nowait(None))
        gone = asyncio.ensure_future(receive())
        gone.add_done_callback(lambda _: done.cancel())
        try:
            part = await parts.get()
            if part is None and (failed := _failure(done)):
                raise failed
            await send(_head(200, "text/plain; charset=utf-8", {}))
            while part is not None:
                await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
                part = await parts.get()
            if failed := _failure(done):
                raise Torn(failed)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            done.cancel()


ROUTES = {"/": ("GET", "HEAD"), "/run": ("POST",), "/openapi.json": ("GET", "HEAD"),
          "/health": ("GET", "HEAD"), "/metrics": ("GET", "HEAD")}  # fmt: skip


def _wanted(accept: str, gives: Sequence[str]) -> str:
    """The media type of an answer: JSON where that is named, or nothing else is that we have."""
    named = set()
    for part in accept.lower().split(","):
        media, *options = (word.strip() for word in part.split(";"))
        if not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", option) for option in options):
            named.add(media)
    return next((media for media in (JSON, *gives) if media in named), JSON)


def _failure(done: "asyncio.Future[bytes]") -> Refused | None:
    """Why there is no answer, if that is so by now; Left where nobody wants it."""
    if done.cancelled():
        raise Left
    error = done.exception() if done.done() else None
    return _refusal(error) if error is not None else None


def _parsed(body: bytes) -> Any:
    if len(body) > MAX_VALUES // 4:
        _check_values(sum(map(body.count, b",[{")) + 4 * body.count(b":"))
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "the body must be JSON, in UTF-8") from None


def _check_values(count: int) -> None:
    if count > MAX_VALUES:
        raise Refused(413, "the body has too many values: send fewer at a time")


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _refusal(error: BaseException | None) -> Refused:
    """What a client is told of an error: its own fault, ours, or nobody's."""
    if isinstance(error, MissingDependencyError):
        return Refused(415, f"this server cannot read such a file ({error})")
    if isinstance(error, DataError):
        return Refused(422, str(error))
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return Refused(503, f"no answer within {ANSWER_SECONDS:.0f} seconds",
                       **{"retry-after": "1"})  # fmt: skip
    told = str(error) if isinstance(error, LearntError) else type(error).__name__
    print(f"error: {shown(told)}", file=sys.stderr, flush=True)
    return Refused(500, "the program failed on this input")


def _head(status: int, media: str, headers: Mapping[str, str]) -> dict[str, Any]:
    pairs = [(b"content-type", media.encode()), (b"x-content-type-options", b"nosniff")]
    pairs += [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


async def _send(send: Send, reply: Reply) -> None:
    head = _head(reply.status, reply.media, reply.headers)
    head["headers"].append((b"content-length", b"%d" % len(reply.body)))
    await send(head)
    await send({"type": "http.response.body", "body": reply.body})
