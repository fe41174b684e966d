"""What the README says is run: its Python, its shell lines, and the two commands it opens with."""

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import learnt

REPOSITORY = Path(learnt.__file__).parent.parent.parent
README = (REPOSITORY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def pets(digits, tmp_path, monkeypatch):
    """What the README's lines name: pets/ and more-pets/ with cats and dogs, and two pictures."""
    monkeypatch.chdir(tmp_path)
    for name, digit in (("cat", "0"), ("dog", "1")):
        files = sorted((digits / digit).iterdir())
        for folder, part in (("pets", files[:30]), ("more-pets", files[30:40])):
            (tmp_path / folder / name).mkdir(parents=True)
            for file in part:
                shutil.copy(file, tmp_path / folder / name)
        Image.open(files[50]).save(tmp_path / f"{name}.jpg")
    return tmp_path


def test_the_python_of_the_main_job_does_what_its_comments_say(pets, capsys):
    code = next(block for block in blocks("python") if "learnt.Images" in block)
    names: dict[str, object] = {}
    exec(code, names)
    assert "accuracy" in capsys.readouterr().out
    result = names["program"]("cat.jpg")
    assert result.label == "cat"
    assert repr(result).startswith("Result(label='cat', probability=")
    assert (pets / "pets.pyz").stat().st_mode & 0o111


def shell_lines() -> list[str]:
    """The shell lines about pets, without what is said beside them."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if "cat" in line
             or "pets" in line]  # fmt: skip
    return [line.split("#")[0].strip() for line in lines]


def shell(line: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        line, shell=True, capture_output=True, text=True, check=False, env=environment(),
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, (line, done.stderr)
    return done


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_the_shell_lines_of_the_main_job_and_of_the_program_run(pets):
    lines = [line for line in shell_lines() if not re.search(r"\b(serve|page|curl)\b", line)]
    assert len(lines) == 7
    for line in lines:
        assert shell(line).stdout or "--onnx" in line
    assert (pets / "pets.onnx").exists()


def test_the_server_of_the_readme_answers_to_its_curl(pets, program_file):
    shutil.copy(program_file, pets / "pets.pyz")
    serving, by_itself, asking = (
        next(line for line in shell_lines() if part in line)
        for part in ("learnt serve", "--serve", "curl")
    )
    for line in (serving.removesuffix("&"), by_itself):
        port = free_port()
        server = subprocess.Popen(
            line.replace("8000", str(port)).split(), stdout=subprocess.PIPE, text=True,
            env=environment(),
        )  # fmt: skip
        assert server.stdout is not None
        with server, server.stdout:
            try:
                assert str(port) in server.stdout.readline()
                answer = json.loads(shell(asking.replace("8000", str(port))).stdout)
            finally:
                server.terminate()
                assert server.wait(60) == 0
        assert answer["label"] == "0"  # the cat is a nought


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_the_network_of_the_readme_learns_exclusive_or():
    code = next(block for block in blocks("python") if "learnt.engine" in block)
    learnt.engine.manual_seed(0)
    exec(code, {})


def test_the_verbs_of_the_readme_are_the_verbs_there_are():
    learnt_command = Path(sys.executable).parent / "learnt"
    said = set(re.findall(r"\| `learnt (\w+)", README))
    done = subprocess.run([learnt_command, "--help"], capture_output=True, text=True, check=True)
    there = set(re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE))
    assert said == there


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in blocks("sh")[0]
    assert (REPOSITORY / ".ci" / "run").read_text().splitlines()[-1] == "make test"


def test_the_reference_of_the_command_line_is_what_the_verbs_say():
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    said = generate.PAGE.read_text()
    assert said == generate.page(), "run: make docs"
    assert set(re.findall(r"## learnt (\w+)", said)) == set(re.findall(r"\| `learnt (\w+)", README))


def test_the_extras_of_the_readme_are_those_that_can_be_installed():
    (said,) = re.findall(r"'\.\[(.*)\]'", README)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert {*said.split(","), "dev"} == set(project["optional-dependencies"])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/pages.md"])
def test_what_a_page_links_to_is_there(page):
    file = REPOSITORY / page
    links = re.findall(r"\]\(([^)#:]+)\)", file.read_text())
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_every_picture_of_the_docs_is_shown():
    shown = README + (REPOSITORY / "docs" / "pages.md").read_text()
    docs = REPOSITORY / "docs"
    assert [p.name for p in docs.glob("*.*g") if p.name not in shown] == []
