"""A program as an HTTP server: `./pets.pyz --serve 8000`, `learnt serve pets.pyz`.

Only this machine can reach it, unless another address is asked for. It ends on SIGTERM and Ctrl-C,
once what it accepted is answered.
"""

import importlib.util
import json
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from learnt.errors import MissingDependencyError, UsageError
from learnt.runner.program import Program
from learnt.runner.text import shown

if TYPE_CHECKING:
    from learnt.runner.endpoints import Endpoints

HOST = "127.0.0.1"
NEEDED = ("uvicorn", "httptools")
LOCAL = (HOST, "localhost", "[::1]")  # what a server that only this machine can reach is called
BACKLOG = 1024  # connections that wait to be taken
IDLE_SECONDS = 15  # that a connection may stay open without a request
END_SECONDS = 90  # that accepted requests have, once the end was asked for


def serve(
    program: Program, host: str = HOST, port: int = 8000, *, verbose: bool = False,
    as_json: bool = False,
) -> int:  # fmt: skip
    """Serve a program until SIGTERM or Ctrl-C; returns the exit code. Port 0 is any free one.

    UsageError where the address cannot be had; MissingDependencyError without the libraries.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(*missing)
    from learnt.runner.batching import plan_of
    from learnt.runner.endpoints import Endpoints
    from learnt.runner.welcome import page_of

    warnings.simplefilter("ignore")  # of libraries, on odd files: they are judged by the result
    listener, local = listening(host, port)
    with listener:
        plan = plan_of(program)
        at, taken = listener.getsockname()[:2]
        names = [f"[{name}]" if ":" in name else name for name in (at, host.lower())]
        url = f"http://{names[0]}:{taken}/"
        hosts = (*names, *LOCAL) if local else ()
        app = Endpoints(program, plan, page_of(program, url), hosts, verbose)
        _serve(app, listener, lambda: say(program, url, local, as_json))
    return 0


def listening(host: str, port: int) -> tuple[socket.socket, bool]:
    """A socket that listens there, and whether only this machine can reach it."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"a port must be from 1 to 65535, or 0 for any free one; got {port}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if sys.platform != "win32":  # where it means another thing
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{shown(host)}, port {port}, cannot be served: {reason}. "
            "Choose another with --port, or 0 for any free one"
        ) from None
    at = listener.getsockname()[0]
    return listener, at == "::1" or at.startswith("127.")


def say(program: Program, url: str, local: bool, as_json: bool) -> None:
    """Where it is, who can reach it, and what its page cannot do yet."""
    from learnt.runner.welcome import how_to_run_here, runs_here

    name = shown(program.manifest.get("name") or "the program")
    if as_json:
        print(json.dumps({"url": url, "name": name}), flush=True)
    else:
        print(f"serving {name} at {url} (Ctrl-C ends it)", flush=True)
    if not local:
        print(
            "warning: every machine that can reach this address can use the program: there is no "
            "password, and nothing is encrypted",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    if not runs_here(program):
        print(f"note: {how_to_run_here(program)}", file=sys.stderr, flush=True)


def _serve(app: "Endpoints", listener: socket.socket, begun: Callable[[], None]) -> None:
    """Serve until a signal; `begun` is called once requests are taken, and a signal ends it."""
    import uvicorn

    from learnt.runner.guard import Guard

    class _Server(uvicorn.Server):
        """It says when it has begun."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            begun()

    config = uvicorn.Config(
        app,
        http=Guard, ws="none", lifespan="on", log_config=None, log_level="critical",
        access_log=False, proxy_headers=False, server_header=False, backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS, timeout_graceful_shutdown=END_SECONDS,
    )  # fmt: skip
    # uvicorn raises the signal again when all is done: it must then end nothing.
    before = {sign: signal.signal(sign, _nothing) for sign in (signal.SIGTERM, signal.SIGINT)}
    try:
        _Server(config).run([listener])
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _nothing(sign: int, frame: Any) -> None:
    """Take a signal, and go on."""
