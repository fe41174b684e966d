"""Every kind of program answers over HTTP as it does in Python: JSON, lists, and raw files."""

import base64
import gzip
import html
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

import learnt
from learnt.runner.inputs import inputs_of
from learnt.runner.libraries import RUNTIME
from learnt.runner.page import page_bytes
from tests.kept import NAMES
from tests.needs import needs
from tests.serve.servers import serving, start

RAW = {"digits": "image/png", "labels": "image/png", "number": "image/png",
       "scenes": "application/octet-stream", "languages": "audio/x-wav",
       "texts": "text/plain; charset=utf-8"}  # fmt: skip


def alone(program, value):
    """What the program itself says of what a request asks."""
    kind = program.spec["kind"]
    if kind in ("image", "photo", "sound"):
        (data,) = map(base64.b64decode, value.values())
        return program(data).as_dict()
    if kind == "prompt":
        return program(value.pop("prompt"), **value).as_dict()
    if kind == "ratings" and "top" in value:
        found = program.top(value["user"], value["top"]) if "user" in value else (
            program.similar(value["like"], value["top"]))  # fmt: skip
        told = [{**r.as_dict(), "similarity": round(r.similarity, 6)} for r in found]
        gone = "similarity" if "user" in value else "value"
        for answer in told:
            del answer[gone]
            if gone == "value":
                answer.pop("note", None)
        return {"items": told}
    return program(value if kind in ("table", "ratings") else next(iter(value.values()))).as_dict()


def near(found, wanted):
    if isinstance(wanted, dict):
        return set(found) == set(wanted) and all(near(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(near, found, wanted))
    return found == (pytest.approx(wanted, abs=2e-6) if isinstance(wanted, float) else wanted)


@pytest.fixture(params=NAMES)
def pair(request, servers, programs):
    """A server, and the program that it serves."""
    return servers[request.param], learnt.load(programs[request.param])


def test_one_input_is_answered_as_in_python(pair):
    server, program = pair
    for value in inputs_of(program).examples():
        said = server.run(value)
        assert said.status == 200
        assert near(said.json, alone(program, value))


def test_a_list_is_answered_in_order_and_a_bad_input_hurts_only_itself(pair):
    server, program = pair
    values = inputs_of(program).examples()
    said = server.run([*values, 17, *values])
    assert said.status == 200
    wanted = [alone(program, value) for value in values]
    found = said.json
    assert near(found[: len(values)], wanted)
    assert list(found[len(values)]) == ["error"]
    assert near(found[len(values) + 1 :], wanted)


@pytest.mark.parametrize("name", RAW)
def test_a_file_is_answered_as_in_python(servers, programs, name):
    program = learnt.load(programs[name])
    for member, data in program.archive.members.items():
        if member.startswith("selftest/input_"):
            said = servers[name].run(data, RAW[name])
            assert said.status == 200
            assert near(said.json, program(data).as_dict())


def test_a_table_is_answered_row_by_row_as_in_python(servers, programs):
    program = learnt.load(programs["adult"])
    rows = [{**row, "age": age} for row in inputs_of(program).examples() for age in (20, 60, None)]
    lines = [";".join(rows[0])]
    lines += [";".join("" if cell is None else str(cell) for cell in row.values()) for row in rows]
    said = servers["adult"].run("\r\n".join(lines).encode(), "text/csv; charset=utf-8")
    assert said.status == 200
    assert near(said.json, [alone(program, row) for row in rows])


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 422, "is empty"), (b"age\n", 422, "got none"), (b"what\n1\n", 422, "must have some"),
        (b"age,sex\n1\n", 422, "line 2: every row must have 2 cells"),
        (b"age\n" + b"1\n" * 1001, 422, "from 1 to 1,000 inputs must be given at a time; got more"),
        (gzip.compress(b"age\n1\n"), 422, "neither packed nor Parquet"),
        (b"PAR1" + b"x" * 99 + b"PAR1", 422, "neither packed nor Parquet"),
        (b"age\n" + b"," * 2_000_001, 413, "too many values"),
        (b"age\n" + b"1" * 8 * 2**20, 413, "at most 8,388,608 bytes"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused(servers, body, status, reason):
    said = servers["adult"].run(body, "text/csv")
    assert said.status == status
    assert reason in said.json["error"]


def test_a_mask_is_png_where_that_is_asked(servers, programs, tmp_path):
    program = learnt.load(programs["scenes"])
    data = program.archive.members["selftest/input_0.png"]
    said = servers["scenes"].run(data, "image/png", accept="image/png")
    assert (said.status, said.headers["content-type"]) == (200, "image/png")
    (tmp_path / "mask.png").write_bytes(said.body)
    with Image.open(tmp_path / "mask.png") as mask:
        assert np.array_equal(np.asarray(mask), np.asarray(program(data).image()))


def test_a_text_comes_as_it_is_written_where_that_is_asked(servers, programs):
    program = learnt.load(programs["novels"])
    asked = {"prompt": "It is a truth", "length": 40, "seed": 3}
    said = servers["novels"].run(asked, accept="text/plain")
    assert (said.status, said.headers["transfer-encoding"]) == (200, "chunked")
    assert said.body.decode() == program("It is a truth", length=40, seed=3).text


def test_what_a_server_counts_is_read_by_prometheus(pair):
    server, program = pair
    before = counted(server)
    values = inputs_of(program).examples()
    server.run(values)
    server.run(b"no json")
    after = counted(server)
    grown = {key: after[key] - before.get(key, 0) for key in after}
    assert grown["learnt_inputs_total"] == len(values)
    assert grown["learnt_requests_total", "/run", "200"] == 1
    assert grown["learnt_requests_total", "/run", "400"] == 1
    assert grown["learnt_run_seconds_count"] == 2
    assert after["learnt_in_flight"] == 0


def counted(server):
    """All samples, by name (and the labels of requests)."""
    found = {}
    for family in text_string_to_metric_families(server.get("/metrics").body.decode()):
        assert family.documentation
        for sample in family.samples:
            labels = [sample.labels[n] for n in ("path", "status") if n in sample.labels]
            found[(sample.name, *labels) if labels else sample.name] = sample.value
    return found


def test_the_description_has_the_programs_own_examples(pair):
    server, program = pair
    described = server.get("/openapi.json").json
    content = described["paths"]["/run"]["post"]["requestBody"]["content"]
    told = [example["value"] for example in content["application/json"]["examples"].values()]
    assert told == json.loads(json.dumps(inputs_of(program).examples()))
    assert described["info"]["title"] == program.manifest["name"]


def test_the_health_is_there(pair):
    assert pair[0].get("/health").json == {"status": "ok"}


def test_without_the_runtime_the_page_says_how_to_call_it_and_how_to_get_the_other(
    programs, tmp_path, monkeypatch
):
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    server = start(programs["adult"])
    page = server.get("/")
    server.process.terminate()
    error = server.process.communicate(timeout=60)[1]
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"curl http://127.0.0.1:" in page.body
    how = f"run `learnt page {programs['adult']}` once on this machine"
    assert how in html.unescape(page.body.decode())
    assert error.startswith(f"note: {how}, and / becomes the page that runs the program")


def test_as_soon_as_the_runtime_is_there_the_page_is_the_programs_own(
    programs, tmp_path, monkeypatch, home
):
    needs("npm")
    RUNTIME.packed()
    own = page_bytes(learnt.load(programs["adult"]))
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    with serving(programs["adult"]) as server:
        assert b"curl" in server.get("/").body
        (kept,) = {file.parent for file in home.rglob("ort.wasm.bundle.min.mjs.gz")}
        shutil.copytree(kept, tmp_path / kept.relative_to(home), dirs_exist_ok=True)
        assert server.get("/").body == own
        assert server.get("/").headers["content-type"] == "text/html; charset=utf-8"
