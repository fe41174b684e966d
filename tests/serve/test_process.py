"""The server as a process: how it begins, what it says, and how it ends."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

import learnt
from tests.runner.crafted import changed
from tests.runner.environments import bare_environment, run
from tests.serve.servers import LEARNT, Server, ask, start


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_under_load_with_what_it_accepted_answered(program_file, digits, sign):
    picture = max((digits / "3").iterdir()).read_bytes()
    server = start(program_file)
    whole, torn, begun = [], [], threading.Event()

    def client():
        with contextlib.closing(server.connect()) as connection:
            while asked(connection):
                begun.set()

    def asked(connection):
        try:
            connection.request("POST", "/run", picture, {"content-type": "image/png"})
            answer = connection.getresponse()
        except (OSError, http.client.BadStatusLine):
            return False  # not accepted: no byte of an answer came
        with answer:
            try:
                whole.append(answer.status == 200 and json.loads(answer.read())["label"])
            except (OSError, ValueError, http.client.HTTPException) as error:
                torn.append(error)
        return not torn

    server.port  # noqa: B018 - it is there
    clients = [threading.Thread(target=client) for _ in range(16)]
    for thread in clients:
        thread.start()
    assert begun.wait(60)
    ended = server.end(sign)
    for thread in clients:
        thread.join(60)
    assert (ended, torn) == ((0, ""), [])
    assert set(whole) == {learnt.load(program_file)(picture).label}


def test_what_is_under_way_at_the_end_is_answered(programs):
    server = start(programs["novels"])
    asked = {"prompt": "It is", "length": 300, "seed": 1}
    said = []
    threads = [
        threading.Thread(target=lambda: said.append(server.run(asked))) for _ in range(8)
    ]  # more than are made at a time
    server.port  # noqa: B018
    for thread in threads:
        thread.start()
    server.counts("learnt_in_flight 8")
    assert server.end() == (0, "")
    for thread in threads:
        thread.join(60)
    assert [answer.status for answer in said] == [200] * 8
    assert len({answer.body for answer in said}) == 1


def test_a_reader_who_leaves_is_forgotten(programs):
    server = start(programs["novels"])
    body = json.dumps({"prompt": "It is", "length": 10_000}).encode()
    connection = server.connect()
    headers = {"content-type": "application/json", "accept": "text/plain"}
    connection.request("POST", "/run", body, headers)
    assert connection.getresponse().read(5)
    connection.close()
    server.counts("learnt_in_flight 0")
    assert server.end() == (0, "")


def test_a_port_that_is_taken_is_one_message(program_file):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run([*LEARNT, "serve", program_file, "--port", port], env=os.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: 127.0.0.1, port {port}, cannot be served: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [["--port", "70000"], ["--host", "no such host"]])
def test_an_address_that_cannot_be_is_one_message(program_file, options):
    done = run([*LEARNT, "serve", program_file, *options], env=os.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "member", "data", "reason"),
    [
        ("films", "selftest/input_0.json", b'["1", "50"]', "input_0.json is no input"),
        ("films", "selftest/input_0.json", b'{"user": "1"}', "input_0.json is no input"),
        ("gestures", "selftest/input_0.csv", b"no, numbers", "input_0.csv is no input"),
    ],
)  # fmt: skip
def test_a_program_whose_own_inputs_are_none_is_one_message(
    programs, tmp_path, name, member, data, reason
):
    file = tmp_path / "odd.pyz"
    file.write_bytes(changed(programs[name], {member: data}))
    done = run([*LEARNT, "serve", file, "--port", "0"], env=os.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_a_column_need_not_say_is_not_believed(programs, tmp_path):
    spec = learnt.load(programs["adult"]).spec
    columns = [
        {**column, "values": 5} if column["kind"] == "number" else column
        for column in spec["columns"]
    ]
    file = tmp_path / "odd.pyz"
    file.write_bytes(changed(programs["adult"], {}, input={**spec, "columns": columns}))
    server = start(file)
    assert server.get("/openapi.json").status == 200
    assert server.end() == (0, "")


def test_another_host_is_served_with_a_warning(program_file):
    server = start(program_file, "--host", "0.0.0.0", "--verbose")
    assert server.get("/health", host="any.example").status == 200
    code, error = server.end()
    assert code == 0
    assert error.startswith("warning: every machine that can reach this address can use")
    assert "127.0.0.1 GET /health 200 " in error


def test_a_program_serves_itself(program_file, digits):
    server = Server(sys.executable, program_file, "--serve", 0)
    picture = max((digits / "5").iterdir()).read_bytes()
    said = server.run(picture, "image/png")
    assert server.end() == (0, "")
    assert said.json["label"] == learnt.load(program_file)(picture).label


def test_with_json_the_address_is_an_object(program_file):
    command = [*LEARNT, "serve", program_file, "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            told = json.loads(process.stdout.readline())
            host, _, port = told["url"].removeprefix("http://").rstrip("/").partition(":")
            said = ask(http.client.HTTPConnection(host, int(port)), "GET", "/health", None, {})
            assert said.status == 200
        finally:
            process.terminate()
            assert process.wait(60) == 0


def test_a_missing_library_is_the_line_that_installs_it(program_file, tmp_path):
    python = bare_environment(tmp_path / "bare", "numpy", "onnxruntime", "PIL")
    done = run([python, program_file, "--serve", 0])
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith(f"{python} -m pip install uvicorn httptools\n")
