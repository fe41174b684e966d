"""Programs over HTTP, beside a plain FastAPI handler of the same model: requests a second.

Both answer the same bodies, in turns, on loopback; `wrk` asks, over 1 and 32 connections that stay
open. The peer is `serving_fastapi.py`, run by an interpreter that has what it needs.
"""

import http.client
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import learnt as library
from benchmarks.timing import Peers, Row

CLIENTS = {1: 1.0, 32: 1.5}  # how many, and how many times the peer's requests a second are wanted
SECONDS, ROUNDS = 4, 3
SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "{media}"
local file = io.open("{file}", "rb")
wrk.body = file:read("*a")
file:close()
"""


@dataclass(frozen=True)
class Load:
    """What one server did under load."""

    rate: float  # requests a second
    p50: float  # ms
    p99: float


def rows(folder: Path, peers: Peers) -> list[Row]:
    """Digits by raw PNG, a photo of 640 × 427 by raw JPEG, rows of adult by JSON."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk must be installed: apt-get install wrk")
    found = []
    for number, (name, (program, body, media)) in enumerate(_programs(folder).items()):
        found += _rows(name, program, body, media, folder / f"serving-{number}", peers.fastapi)
    return found


def _programs(folder: Path) -> dict[str, tuple[Path, bytes, str]]:
    digits, adult = library.get_data("digits"), library.get_data("adult") / "adult.csv"
    lines = adult.read_text("utf-8").splitlines()
    small = folder / "adult.csv"
    small.write_text("\n".join(lines[:3001]) + "\n", "utf-8")
    trained = {
        "digits": library.Learner(library.Images(digits), model="convnet").fit(epochs=1),
        "photo": library.Learner(
            library.Images(_some(digits, folder / "large")), model="efficientnet-lite0"
        ).fit(epochs=1),
        "adult": library.Learner(library.Table(small)).fit(epochs=2),
    }
    saved = {n: t.program().save(folder / f"served-{n}.pyz") for n, t in trained.items()}
    cells = library.load(saved["adult"]).archive.members["selftest/input_0.json"]
    png = min((digits / "7").iterdir()).read_bytes()
    jpeg = (folder / "large" / "photo.jpg").read_bytes()
    return {
        "digits, a PNG": (saved["digits"], png, "image/png"),
        "photos, a JPEG of 640 × 427": (saved["photo"], jpeg, "image/jpeg"),
        "adult, a row as JSON": (saved["adult"], cells, "application/json"),
    }


def _some(digits: Path, folder: Path) -> Path:
    """A few pictures of three classes for the body, and a photo beside them."""
    import skimage
    from PIL import Image

    for label in "012":
        (folder / label).mkdir(parents=True)
        for file in sorted((digits / label).iterdir())[:20]:
            Image.open(file).convert("RGB").resize((320, 300)).save(folder / label / file.name)
    photo = Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png").convert("RGB")
    photo.resize((640, 427)).save(folder.parent / "photo.jpg", quality=90)
    (folder.parent / "photo.jpg").replace(folder / "photo.jpg")
    return folder


def _rows(
    name: str, program: Path, body: bytes, media: str, folder: Path, fastapi: str | None
) -> list[Row]:
    folder.mkdir()
    archive = library.load(program).archive
    for member in ("model.onnx", "manifest.json"):
        (folder / member).write_bytes(archive.members[member])
    (folder / "body").write_bytes(body)
    script = folder / "post.lua"
    script.write_text(SCRIPT.format(media=media, file=folder / "body"))
    learnt = str(Path(sys.executable).parent / "learnt")
    commands = [[learnt, "serve", str(program), "--port"]]
    if fastapi:
        peer = str(Path(__file__).with_name("serving_fastapi.py"))
        commands.append([fastapi, peer, str(folder)])
    with ExitStack() as running:
        ports = [running.enter_context(_served(command)) for command in commands]
        said = [_ask(port, body, media) for port in ports]
        if len({answer["label"] for answer in said}) != 1:
            raise RuntimeError(f"not the same answers: {said}")
        return [_row(name, clients, ports, script) for clients in CLIENTS]


def _row(name: str, clients: int, ports: list[int], script: Path) -> Row:
    loads: list[list[Load]] = [[] for _ in ports]
    for turn in range(ROUNDS + 1):
        for port, found in zip(ports, loads, strict=True):
            load = _load(port, clients, script, SECONDS if turn else 1)
            if turn:  # the first is for warming up
                found.append(load)
    texts = [_text(found) for found in loads]
    wanted = CLIENTS[clients]
    who = "one client" if clients == 1 else f"{clients} clients"
    if len(ports) == 1:
        return Row(f"serving {name}, {who}", texts[0], "", "", f"≥ {wanted}", None)
    ratio = statistics.median(a.rate / b.rate for a, b in zip(*loads, strict=True))
    return Row(f"serving {name}, {who}", texts[0], f"FastAPI {texts[1]}", f"{ratio:.2f}",
               f"≥ {wanted}", ratio >= wanted)  # fmt: skip


def _text(loads: list[Load]) -> str:
    rate, p50, p99 = (
        statistics.median(getattr(load, what) for load in loads) for what in ("rate", "p50", "p99")
    )
    return f"{rate:,.0f} a second; p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def _load(port: int, clients: int, script: Path, seconds: int) -> Load:
    command = ["wrk", "--latency", "--timeout", "20s", "-t1", f"-c{clients}",
               f"-d{seconds}s", "-s", str(script),
               f"http://127.0.0.1:{port}/run"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    p50, p99 = (_ms(re.search(rf"\s{part}%\s+(\S+)", said)[1]) for part in (50, 99))  # type: ignore[index]
    rate = re.search(r"Requests/sec:\s+(\S+)", said)
    return Load(float(rate[1]), p50, p99)  # type: ignore[index]


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def _ask(port: int, body: bytes, media: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/run", body, {"content-type": media})
    answer: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


@contextmanager
def _served(command: list[str]) -> Iterator[int]:
    """A server on a free port, which is the last of its arguments, until it is done with."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)
