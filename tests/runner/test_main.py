"""The program file run for real, as a user does who has three libraries and no learnt.

It runs in a virtual environment of its own, which has NumPy, ONNX Runtime and Pillow only.
"""

import json
import os
import re
import shutil
import signal
import stat
import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import learnt
from learnt.cli.main import main
from tests.runner import environments
from tests.runner.crafted import changed, members_of
from tests.runner.environments import bare_environment, environment

LINE = re.compile(r"(?P<path>.+): (?P<label>[0-9]) \((?P<percent>[0-9]{1,3}\.[0-9]) %\)")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment with what a program needs."""
    folder = tmp_path_factory.mktemp("bare")
    return bare_environment(folder, "numpy", "onnxruntime", "PIL")


@pytest.fixture(scope="module")
def pictures(digits):
    """Paths of one picture of each digit."""
    return [str(max(label.iterdir())) for label in sorted(digits.iterdir())]


@pytest.fixture
def run(python, program_file, tmp_path):
    """Runs the program file in the bare environment, from another folder."""

    def run(*arguments, file=program_file, **options):
        return environments.run([python, file, *arguments], cwd=tmp_path, **options)

    return run


@pytest.mark.parametrize("name", ["learnt", "torch", "onnx", "typer", "safetensors"])
def test_the_bare_environment_has_nothing_of_ours(python, name):
    done = environments.run([python, "-c", f"import {name}"])
    assert f"No module named '{name}'" in done.stderr


def test_each_picture_gets_a_line_with_its_label(run, pictures, program_file):
    done = run(*pictures)
    assert (done.returncode, done.stderr) == (0, "")
    program = learnt.load(program_file)
    for line, path in zip(done.stdout.splitlines(), pictures, strict=True):
        found = LINE.fullmatch(line)
        result = program(path)
        assert (found["path"], found["label"]) == (path, result.label)
        assert float(found["percent"]) == pytest.approx(result.probability * 100, abs=0.051)


def test_a_program_is_executable_by_itself(python, program_file, pictures, tmp_path):
    assert program_file.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert program_file.stat().st_mode & stat.S_IXUSR
    shutil.copy(program_file, tmp_path / "digits.pyz")
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    command = ["./digits.pyz", pictures[3]]
    options = {"cwd": tmp_path, "env": environment(PATH=path), "text": True}
    assert LINE.fullmatch(subprocess.check_output(command, **options).strip())


def test_json_is_an_object_a_line(run, pictures, program_file):
    done = run("--json", *pictures)
    program = learnt.load(program_file)
    for line, path in zip(done.stdout.splitlines(), pictures, strict=True):
        answer, result = json.loads(line), program(path)
        assert list(answer) == ["input", "label", "probability", "probabilities"]
        assert (answer["input"], answer["label"]) == (path, result.label)
        assert answer["probability"] == answer["probabilities"][answer["label"]]
        assert answer["probabilities"] == pytest.approx(result.probabilities, abs=1e-5)


def test_a_dash_is_standard_input(run, pictures):
    with open(pictures[4], "rb") as file:
        done = run("-", stdin=file)
    assert done.stdout.replace("-:", f"{pictures[4]}:") == run(pictures[4]).stdout


def test_a_bad_picture_is_named_and_the_others_answered(run, pictures, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    done = run(pictures[0], "broken.png", "missing.png", pictures[1])
    assert done.returncode == 2
    assert [LINE.fullmatch(line)["path"] for line in done.stdout.splitlines()] == pictures[:2]
    first, second = done.stderr.splitlines()
    assert first.startswith("error: broken.png")
    assert second.startswith("error: missing.png does not exist")


def test_with_json_a_bad_picture_has_its_line_too(run, pictures):
    done = run("--json", "missing.png", pictures[1])
    bad, good = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 2
    assert bad["input"] == "missing.png"
    assert "does not exist" in bad["error"]
    assert good["input"] == pictures[1]


def test_info_prints_the_card(run, program_file):
    card = learnt.load(program_file).card
    assert run("--info").stdout == card
    assert json.loads(run("--info", "--json").stdout) == learnt.load(program_file).manifest


def test_selftest_says_ok(run):
    done = run("--selftest")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ok: 3 inputs, the same answers as when trained\n"


def test_selftest_says_what_differs(run, program_file, tmp_path):
    expected = json.loads(members_of(program_file)["selftest/expected.json"])
    expected["input_0.png"][3] += 0.5
    other = {"selftest/expected.json": json.dumps(expected).encode()}
    (tmp_path / "other.pyz").write_bytes(changed(program_file, other))
    done = run("--selftest", file="other.pyz")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: input_0.png: a result differs by 0.5000\n"


def test_onnx_writes_a_plain_onnx_file_with_the_same_answers(run, pictures, tmp_path):
    done = run("--onnx", "model.onnx", "--json", pictures[6])
    assert done.stderr == "wrote model.onnx\n"
    file = tmp_path / "model.onnx"
    onnx.checker.check_model(onnx.load(file), full_check=True)
    with Image.open(pictures[6]) as image:
        rows = np.asarray(image)[None, :, :, None]
    probabilities = onnxruntime.InferenceSession(file).run(None, {"images": rows})[0][0]
    answer = json.loads(done.stdout)["probabilities"]
    assert list(answer.values()) == pytest.approx(probabilities.tolist(), abs=1e-5)


def test_a_place_that_cannot_be_written_is_one_message(run):
    done = run("--onnx", "missing/model.onnx")
    assert done.returncode == 2
    assert done.stderr.startswith("error: missing/model.onnx cannot be written")


def test_no_arguments_is_a_usage_message(run):
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
    assert run("--nonsense").returncode == 2


def test_help_shows_an_example(run):
    done = run("--help")
    assert done.returncode == 0
    assert "example: digits.pyz cat.jpg dog.jpg" in done.stdout


def test_a_missing_library_is_the_line_that_installs_it(program_file, pictures, tmp_path):
    without = bare_environment(tmp_path / "without", "numpy", "PIL")
    done = environments.run([without, program_file, pictures[0]])
    assert (done.returncode, done.stdout) == (3, "")
    install = f"onnxruntime must be installed: {without} -m pip install onnxruntime"
    assert done.stderr == f"error: {install}\n"


def test_all_that_is_missing_is_named_at_once(program_file, tmp_path):
    python = bare_environment(tmp_path / "empty")
    done = environments.run([python, program_file, "--info"])
    assert done.returncode == 3
    assert done.stderr.endswith(f"{python} -m pip install numpy onnxruntime pillow\n")
    path = {"env": environment(PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}")}
    done = environments.run([python, program_file, "--info"], **path)  # as in an active one
    assert done.stderr.endswith("installed: python3 -m pip install numpy onnxruntime pillow\n")


@pytest.mark.parametrize("arguments", [["--info"], ["--json"], []])
def test_a_reader_who_has_had_enough_is_no_error(run, pictures, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = run(
            *arguments, *pictures * 3, capture_output=False, stdout=out, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_terminal_cannot_show_is_escaped(python, program_file, pictures, tmp_path):
    shutil.copy(pictures[0], tmp_path / "käfer.png")
    options = {"cwd": tmp_path, "env": environment(PYTHONIOENCODING="ascii")}
    out = subprocess.check_output([python, program_file, "käfer.png"], **options)
    assert out.startswith(b"k\\xe4fer.png: 0 (")


def test_control_c_ends_it_without_a_traceback(python, program_file, pictures):
    process = subprocess.Popen(
        [python, program_file, *pictures * 2000],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        assert LINE.fullmatch(process.stdout.readline().strip())  # it is at work
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert (process.returncode, error) == (130, "")


def test_a_program_of_another_format_is_refused_by_its_own_runner(run, program_file, tmp_path):
    (tmp_path / "newer.pyz").write_bytes(changed(program_file, {}, format=99))
    done = run("--info", file="newer.pyz")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_learnt_run_gives_the_same_lines(run, pictures, program_file, capfd):
    for options in ([], ["--json"]):
        arguments = [*pictures, "missing.png", *options]
        done = run(*arguments)
        assert main(["run", str(program_file), *arguments]) == done.returncode == 2
        captured = capfd.readouterr()
        assert (captured.out, captured.err) == (done.stdout, done.stderr)
