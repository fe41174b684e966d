"""`learnt verify` says whose code is in a program, before anyone runs it."""

import json
import subprocess
import sys

import pytest

import learnt
from learnt.cli.main import main
from learnt.program.known import code_of, digest, written
from learnt.program.pack import code
from learnt.runner.archive import read_archive
from tests.hostile.zips import built, hashed, listed


def report(file, capsys) -> tuple[int, dict]:
    status = main(["verify", str(file), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_program_of_every_kind_with_the_code_of_this_version_is_known(small, tmp_path, capsys):
    for name, kept in small.items():
        members = read_archive(kept).members
        data = {name: member for name, member in members.items() if name not in code_of(members)}
        file = tmp_path / f"{name}.pyz"
        file.write_bytes(built(listed(hashed({**data, **code()}))))
        status, found = report(file, capsys)
        assert (status, found["code"]["version"]) == (0, learnt.__version__)
        assert found["whole"]
        assert found["known code"]
        assert main(["verify", str(file), "--selftest"]) == 0
        assert "the same answers as when trained" in capsys.readouterr().out


def test_what_is_written_down_of_this_version_is_the_code_as_it_is():
    assert written()[learnt.__version__] == digest(code()), "run: make release-hash"


def test_code_from_before_a_release_is_not_of_that_version(small, capsys):
    status, found = report(small["digits"], capsys)  # kept from before 0.1.0 was finished
    assert (status, found["whole"], found["learnt"]) == (2, True, "0.1.0")
    assert (found["known code"], found["code"]["version"]) == (False, None)


@pytest.mark.parametrize("name", ["__main__.py", "learnt/runner/main.py", "learnt/errors.py"])
def test_other_code_is_named_and_not_run(members, tmp_path, capsys, name):
    marker, file = tmp_path / "marker", tmp_path / "stranger.pyz"
    trap = f"open({str(marker)!r}, 'w').close()\n".encode()
    file.write_bytes(built(listed(hashed({**members, **code(), name: trap}))))
    status, found = report(file, capsys)
    assert (status, found["known code"], found["code"]["version"]) == (2, False, None)
    assert found["code"]["differing"] == [name]
    assert main(["verify", str(file)]) == 2
    out = capsys.readouterr().out
    assert "runs code that no known version of learnt wrote; it may do anything" in out
    assert name in out
    assert not marker.exists()
    subprocess.run([sys.executable, str(file)], check=False)  # as a program it is run
    assert marker.exists()


@pytest.mark.parametrize("name", ["learnt/runner/zz.py", "learnt/runner/web/zz.js"])
def test_code_that_is_added_or_left_out_is_seen(members, tmp_path, capsys, name):
    whole = {**members, **code()}
    file = tmp_path / "stranger.pyz"
    file.write_bytes(built(listed(hashed({**whole, name: b""}))))
    status, found = report(file, capsys)
    assert (status, found["code"]["differing"]) == (2, [name])
    file.write_bytes(built(listed(hashed({k: v for k, v in whole.items() if "watch" not in k}))))
    status, found = report(file, capsys)
    assert (status, found["known code"]) == (2, False)
    main(["verify", str(file)])
    assert "members that are left out" in capsys.readouterr().out


def test_a_wrong_selftest_is_told(members, tmp_path, capsys):
    expected = json.loads(members["selftest/expected.json"])
    expected["input_0.png"] = [1 - number for number in expected["input_0.png"]]
    wrong = {"selftest/expected.json": json.dumps(expected).encode()}
    file = tmp_path / "wrong.pyz"
    file.write_bytes(built(listed(hashed({**members, **wrong}))))
    assert main(["verify", str(file), "--selftest"]) == 2
    assert "input_0.png: a result differs" in capsys.readouterr().err


def test_the_report_counts_what_onnx_counts(small, capsys):
    import onnx

    for file in small.values():
        nodes = onnx.load_from_string(read_archive(file).members["model.onnx"]).graph.node
        counted = report(file, capsys)[1]["graph"]["operators"]
        assert sum(counted.values()) == len(nodes)
        assert set(counted) == {node.op_type for node in nodes}


def test_the_report_says_how_large_a_model_is_once_it_is_loaded(small, capsys):
    import onnx

    for file in small.values():
        model = onnx.load_from_string(read_archive(file).members["model.onnx"])
        wanted = sum(onnx.numpy_helper.to_array(t).size for t in model.graph.initializer)
        found = report(file, capsys)[1]["graph"]
        assert (found["numbers"], found["bytes as float32"]) == (wanted, 4 * wanted)
        main(["verify", str(file)])
        assert f"{wanted:,} numbers ({4 * wanted:,} bytes" in capsys.readouterr().out
