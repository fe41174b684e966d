"""Programs that earlier versions wrote are read, run and answer as they did: for ever.

They are in `old/`, a folder a version, and are never written again.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest

import learnt
from learnt.cli.main import main
from learnt.runner.archive import TASKS
from learnt.runner.program import Program
from tests.kept import OLD
from tests.needs import needs

KNOWN = {  # by version and name: what each said of its inputs
    f"{folder.name}/{name}": answers
    for folder in sorted(OLD.glob("*.*.*"))
    for name, answers in json.loads((folder / "answers.json").read_text("utf-8")).items()
}


@pytest.fixture(params=KNOWN)
def old(request: pytest.FixtureRequest, unpacked: Path) -> tuple[Path, dict[str, Any]]:
    """One of them: its file, and what it said."""
    return unpacked / f"{request.param}.pyz", KNOWN[request.param]


def answer(program: Program, data: bytes) -> Any:
    """What a program says of an input that travels in it."""
    if program.spec["kind"] == "table":
        return program(json.loads(data)).as_dict()
    if program.spec["kind"] == "prompt":
        return program.score(data).bits_per_byte
    return program(data).as_dict()


def near(found: Any, wanted: Any) -> bool:
    """The same, but for the last digits of numbers."""
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(near(found[k], wanted[k]) for k in wanted)
    return found == (pytest.approx(wanted, abs=1e-3) if isinstance(wanted, float) else wanted)


def test_every_task_of_the_first_version_is_there(unpacked: Path) -> None:
    first = {learnt.load(file).manifest["task"] for file in (unpacked / "0.1.0").glob("*.pyz")}
    assert first == set(TASKS[:11])


def test_an_old_program_answers_as_it_did(old: tuple[Path, dict[str, Any]]) -> None:
    file, answers = old
    program = learnt.load(file)
    assert program.selftest() == []
    assert program.selftests == len(answers) >= 3
    for name, wanted in answers.items():
        assert near(answer(program, program.archive.members[name]), wanted), name


def test_the_card_of_an_old_program_is_shown_as_it_is(
    old: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = old
    assert main(["info", str(file)]) == 0
    shown = capsys.readouterr().out
    assert shown.strip() == learnt.load(file).archive.members["card.md"].decode().strip()
    assert "95 % interval" in shown
    assert main(["info", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["interval"]


def test_an_old_program_s_model_is_a_plain_onnx_file_that_says_what_it_needs(
    old: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    file, _ = old
    program, model = learnt.load(file), tmp_path / "model.onnx"
    assert main(["run", str(file), "--onnx", str(model)]) == 0
    onnx.checker.check_model(onnx.load(model), full_check=True)
    found = onnxruntime.InferenceSession(model).get_modelmeta().custom_metadata_map
    assert json.loads(found["labels"]) == program.labels
    assert json.loads(found["input"]) == program.manifest["input"]
    assert found["card"] == program.card


def test_the_runner_in_an_old_program_still_runs(unpacked: Path) -> None:
    for file in sorted(unpacked.glob("*/digits.pyz")):
        done = subprocess.run(
            [sys.executable, file, "--selftest"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "ok: 3 inputs, the same answers as when trained\n"


def test_verify_finds_an_old_program_whole_and_its_answers_the_same(
    old: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = old
    main(["verify", str(file), "--selftest"])
    said = capsys.readouterr()
    assert said.out.startswith("whole: ")
    assert f"says it is from learnt {file.parent.name}" in said.out
    assert "the same answers as when trained" in said.out
    assert said.err == ""


def test_an_old_program_becomes_a_page(old: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    needs("npm")
    file, _ = old
    assert main(["page", str(file), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 1_000_000
