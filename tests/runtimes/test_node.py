"""ONNX Runtime for Node answers as Python does, by the lines that stand in the README."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import learnt
from learnt.runner.main import run
from learnt.runner.program import Program

README = (Path(learnt.__file__).parent.parent.parent / "README.md").read_text("utf-8")
(LINES,) = re.findall(r"```js\n(.*?)```", README, re.DOTALL)
ASK = """
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
const tensor = ([type, data, dims]) =>
  new ort.Tensor(type, type === "int64" ? BigInt64Array.from(data.map(BigInt)) : data, dims);
const answers = {};
for (const [name, feeds] of Object.entries(JSON.parse(readFileSync("feeds.json")))) {
  const session = await ort.InferenceSession.create(`${name}.onnx`);
  const given = Object.fromEntries(Object.entries(feeds).map(([k, v]) => [k, tensor(v)]));
  answers[name] = Array.from(Object.values(await session.run(given))[0].data);
}
console.log(JSON.stringify(answers));
"""


def node(folder: Path, code: str) -> str:
    """What a script prints, run as a module beside node_modules."""
    (folder / "main.mjs").write_text(code, "utf-8")
    done = subprocess.run(
        ["node", "main.mjs"], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_javascript_of_the_readme_answers_as_the_program(
    digits: Path, node_modules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules / "node_modules")
    for name, digit in (("cat", "0"), ("dog", "1")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for file in sorted((digits / digit).iterdir())[:20]:
            shutil.copy(file, tmp_path / "pets" / name)
    program = learnt.Learner(learnt.Images(tmp_path / "pets")).fit(epochs=2).program()
    pets = program.save(tmp_path / "pets.pyz")
    shutil.copy(sorted((digits / "0").iterdir())[50], tmp_path / "cat.png")
    assert run(pets, ["--onnx", str(tmp_path / "pets.onnx")]) == 0
    assert run(pets, ["--info", "--json"]) == 0
    (tmp_path / "pets.json").write_text(capsys.readouterr().out)
    label, probability = node(tmp_path, LINES).split()
    wanted = program(tmp_path / "cat.png")
    assert label == wanted.label == "cat"
    assert float(probability) == pytest.approx(wanted.probability, abs=1e-4)


def feeds_of(program: Program) -> dict[str, Any]:
    """The first input that travels in a program, as the graph takes it."""
    name = next(n for n in program.archive.members if n.startswith("selftest/input_0."))
    return next(iter(program.feeds([program.read(program.archive.members[name])])))


def test_programs_of_every_kind_and_of_earlier_versions_answer_in_node(
    unpacked: Path, node_modules: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules / "node_modules")
    wanted, asked = {}, {}
    for file in sorted(unpacked.glob("*/*.pyz")):
        program, name = learnt.load(file), f"{file.parent.name}-{file.stem}"
        feeds = feeds_of(program)
        assert run(file, ["--onnx", str(tmp_path / f"{name}.onnx")]) == 0
        wanted[name] = program.run(feeds).ravel()
        asked[name] = {k: [str(v.dtype), v.ravel().tolist(), v.shape] for k, v in feeds.items()}
    (tmp_path / "feeds.json").write_text(json.dumps(asked))
    found = json.loads(node(tmp_path, ASK))
    assert len(found) == len(wanted) >= 11
    for name, values in wanted.items():
        assert np.allclose(found[name], values, rtol=1e-4, atol=1e-4), name
