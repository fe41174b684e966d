"""Hostile and clumsy clients: each is told what is wrong, or sent away, and hurts nobody else."""

import json
import socket
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

import learnt
from learnt.runner.guard import MAX_HEADERS
from learnt.runner.program import MAX_INPUT
from tests.runner.crafted import changed
from tests.serve.servers import JSON, ask, serving

HEAD = b"POST /run HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"


@pytest.fixture(scope="module")
def picture(digits):
    """The bytes of one picture."""
    return max((digits / "7").iterdir()).read_bytes()


@pytest.fixture(autouse=True)
def _it_goes_on(digits_server, picture, program_file):
    """After each test the server answers as before, and nothing is left under way."""
    yield
    said = digits_server.run(picture, "image/png")
    assert said.json["label"] == learnt.load(program_file)(picture).label
    digits_server.counts("learnt_in_flight 0")


def raw(server, *parts):
    """The answer to these bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer


def refusal(answer):
    """The status of a raw answer, and its error."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"", JSON, 400), (b"{", JSON, 400), (b"\xff\xfe\xfd", JSON, 400), (b"NaN", JSON, 400),
        (b"[" * 100_000, JSON, 400), (b'{"image": NaN}', JSON, 400), (b"9" * 5000, JSON, 400),
        (b"null", JSON, 422), (b"[]", JSON, 422), (b"{}", JSON, 422), (b'{"image": 1}', JSON, 422),
        (b'{"image": "/etc/passwd"}', JSON, 422), (b'{"image": "%%%"}', JSON, 422),
        (b'{"image": "\\ud800"}', JSON, 422), (b'{"image": "", "more": 1}', JSON, 422),
        (b"[" + b"1," * 1000 + b"1]", JSON, 422), (b"no picture", "image/png", 422),
        (b"", "image/png", 422), (b"x", "text/plain", 415), (b"x", "", 415),
        (b"x", "multipart/form-data; boundary=x", 415), (b"{}", "application/jsonp", 415),
    ],
)  # fmt: skip
def test_what_is_no_input_is_an_error_in_json(digits_server, body, media, status):
    said = digits_server.run(body, media)
    assert (said.status, list(said.json)) == (status, ["error"])
    assert "Traceback" not in said.json["error"]


def test_a_name_of_a_file_is_never_opened(digits_server, digits):
    path = str(max((digits / "7").iterdir()))
    assert digits_server.run({"image": path}).status == 422
    assert digits_server.run(path.encode(), "image/png").status == 422
    for told in digits_server.run([path, {"image": f"file://{path}"}, {"path": path}]).json:
        assert list(told) == ["error"]


@pytest.mark.parametrize("path", ["/nothing", "/run/", "/../etc/passwd", "/%2e%2e/x", "//"])
def test_there_is_nothing_elsewhere(digits_server, path):
    said = digits_server.get(path)
    assert (said.status, list(said.json)) == (404, ["error"])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_another_method_is_told_the_right_one(digits_server, method):
    said = ask(digits_server.connect(), method, "/run", None, {})
    assert (said.status, said.headers["allow"]) == (405, "POST")


def test_a_page_of_another_site_is_refused(digits_server, picture):
    assert digits_server.run(picture, "image/png", origin="https://evil.example").status == 403
    assert digits_server.get("/health", host="evil.example:80").status == 403
    own = f"http://127.0.0.1:{digits_server.port}"
    assert digits_server.run(picture, "image/png", origin=own).status == 200


@pytest.mark.parametrize("told", [True, False])
def test_a_body_that_is_too_large_is_refused(digits_server, told):
    body = b"x" * (MAX_INPUT + 1)
    parts = body if told else iter([body[:1000], body[1000:]])  # an iterator is sent in chunks
    said = ask(digits_server.connect(), "POST", "/run", parts, {"content-type": "image/png"})
    assert said.status == 413
    assert f"at most {MAX_INPUT:,} bytes" in said.json["error"]


def test_a_client_that_asks_first_is_refused_before_it_sends(digits_server):
    head = HEAD + b"expect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n"
    assert refusal(raw(digits_server, head))[0] == 413


def test_pixels_beyond_the_limit_are_refused(digits_server):
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    crc = struct.pack(">I", zlib.crc32(chunk))
    said = digits_server.run(b"\x89PNG\r\n\x1a\n\0\0\0\r" + chunk + crc + b"\0\0\0\0IDAT\0\0\0\0",
                             "image/png")  # fmt: skip
    assert said.status == 422
    assert "25,000,000" in said.json["error"]


def test_a_chunked_body_is_put_together(digits_server, picture):
    parts = (picture[at : at + 7] for at in range(0, len(picture), 7))
    said = ask(digits_server.connect(), "POST", "/run", parts, {"content-type": "image/png"})
    assert said.json == digits_server.run(picture, "image/png").json


@pytest.mark.parametrize(
    "line",
    [b"GET / HTTP/1.1\r\nx: " + b"x" * MAX_HEADERS + b"\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"x: \r\n" * MAX_HEADERS + b"\r\n",
     b"GET /" + b"x" * MAX_HEADERS + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\nx: " + b"x" * 40 * MAX_HEADERS],
    ids=["a value", "many", "the path", "without an end"],
)  # fmt: skip
def test_headers_that_are_too_large_are_refused(digits_server, line):
    with socket.create_connection(("127.0.0.1", digits_server.port), timeout=30) as connection:
        try:
            connection.sendall(line)
            answer = connection.recv(65536)
        except ConnectionError:  # sent away while it still talked
            return
    assert not answer or refusal(answer)[0] == 431


@pytest.mark.parametrize(
    "nonsense",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"hello\r\n\r\n", b"\0" * 100,
     HEAD + b"content-length: -1\r\n\r\n", HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
     HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
     HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_what_is_not_http_is_refused(digits_server, nonsense):
    status, error = refusal(raw(digits_server, nonsense))
    assert status == 400
    assert error


def test_clients_that_leave_are_no_trouble(digits_server, picture):
    wanted = HEAD + b"content-length: %d\r\n\r\n" % len(picture)
    for sent in (b"", wanted[:20], wanted, wanted + picture[:-1], wanted + picture):
        with socket.create_connection(("127.0.0.1", digits_server.port)) as connection:
            linger = struct.pack("ii", 1, 0)  # so that it resets, and does not say good-bye
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(sent)


def test_requests_on_one_connection_are_answered_in_order(digits_server, picture):
    wanted = HEAD + b"content-length: %d\r\n" % len(picture)
    one = wanted + b"\r\n" + picture
    answer = raw(digits_server, one * 20 + wanted + b"connection: close\r\n\r\n" + picture)
    assert answer.count(b"HTTP/1.1 200 OK") == 21


def test_slow_clients_are_sent_away_while_others_are_answered(digits_server, picture):
    slow = [socket.create_connection(("127.0.0.1", digits_server.port), 30) for _ in range(3)]
    for connection, sent in zip(slow, (b"", b"GET / HT", HEAD), strict=True):
        connection.sendall(sent)
    idle = digits_server.connect()
    idle.request("GET", "/health")
    assert idle.getresponse().read()
    idle.sock.sendall(b"\r\n")  # which may stand before a request, but begins none
    slow.append(idle.sock)
    assert digits_server.run(picture, "image/png").status == 200
    for connection in slow:
        with connection:
            wanted = 408, "a request must come within 5 seconds"
            assert refusal(connection.recv(65536)) == wanted
            assert connection.recv(1) == b""


def test_two_hundred_at_once_are_answered_as_the_program_alone_does(
    digits_server, digits, program_file
):
    files = [file for label in sorted(digits.iterdir()) for file in sorted(label.iterdir())[:20]]
    pictures = [file.read_bytes() for file in files]
    assert len(pictures) == 200
    with ThreadPoolExecutor(200) as clients:
        said = list(clients.map(lambda data: digits_server.run(data, "image/png"), pictures))
    program = learnt.load(program_file)
    for answer, data in zip(said, pictures, strict=True):
        wanted = program(data)
        assert (answer.status, answer.json["label"]) == (200, wanted.label)
        assert answer.json["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-5)
    lines = digits_server.get("/metrics").body.decode().splitlines()
    counted = dict(line.rsplit(" ", 1) for line in lines)
    inputs, batches = (float(counted[f"learnt_batch_inputs_{what}"]) for what in ("sum", "count"))
    assert inputs > batches, "some were run together"


def test_html_in_a_program_stays_text(program_file, picture, tmp_path, monkeypatch):
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))  # no runtime for browsers: the plain card
    evil = "<script>alert(1)</script>"
    labels = [evil, *map(str, range(9))]
    file = tmp_path / "evil.pyz"
    file.write_bytes(changed(program_file, {"card.md": evil.encode()}, labels=labels, name=evil))
    with serving(file) as server:
        page = server.get("/")
        assert evil.encode() not in page.body
        assert b"&lt;script&gt;" in page.body
        assert "default-src 'none'" in page.headers["content-security-policy"]
        said = server.run(picture, "image/png")
        assert evil in said.json["probabilities"]
        assert said.headers["x-content-type-options"] == "nosniff"
