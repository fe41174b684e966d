"""The card: facts that scikit-learn confirms, a command that gives the same program, and words
that nothing can break."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from sklearn.metrics import jaccard_score, precision_recall_fscore_support

import learnt
from learnt.cli.main import main
from learnt.training.card_text import card_text
from learnt.training.classwise import classwise
from learnt.training.learner import Learner
from learnt.training.markdown import WIDTH, escaped, table
from learnt.training.metrics import Evaluation, accuracy
from learnt.training.overlap import counted, of_overlap
from tests.pictures import take

SECTIONS = [
    "Data", "Model", "Class by class", "Limits", "Licences", "To train it again",
]  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>", "a|b", "two\nlines", "`code`", "**bold**", "[x](http://a.b)",
    "\\", "_x_", "# head", "&lt;", "\x1b[31mred", "![i](j)", "~~s~~", "漢字", "- item", "x" * 900,
]  # fmt: skip


@pytest.fixture(scope="module")
def program(learner: Learner) -> learnt.Program:
    return learner.program()


def evaluated(labels: list[str], n: int = 2000) -> tuple[Evaluation, np.ndarray, np.ndarray]:
    """A made-up evaluation with mistakes, where some classes are missing."""
    random = np.random.default_rng(0)
    truth = random.integers(0, max(2, len(labels) - 1), n)
    answers = np.where(random.random(n) < 0.7, truth, random.integers(0, len(labels), n))
    return accuracy(answers, truth, labels, 0), answers, truth


def test_figures_class_by_class_are_scikit_learn_s() -> None:
    labels = [f"class {number}" for number in range(7)]
    found, answers, truth = evaluated(labels)
    classes = classwise(found, dict.fromkeys(labels, 5))["classes"]
    wanted = precision_recall_fscore_support(truth, answers, labels=range(7), zero_division=np.nan)
    for name, values in zip(("precision", "recall", "f1", "support"), wanted, strict=True):
        ours = [np.nan if one[name] is None else one[name] for one in classes]
        assert ours == pytest.approx(values.tolist(), abs=1e-6, nan_ok=True), name


def test_the_facts_in_the_manifest_are_those_of_the_learner(
    learner: Learner, program: learnt.Program
) -> None:
    card = json.loads(program.archive.members["manifest.json"])["card"]
    data, model = card["data"], card["model"]
    assert data["sides"] == {"train": 700, "valid": 150, "test": 150}
    assert data["sha256"] == learner.data.fingerprint()
    assert data["division"].startswith("shared out at random, by seed 0: 70 % train")
    assert model["parameters"] == sum(p.detach().numpy().size for p in learner.model.parameters())
    assert (model["network"], model["epochs"], model["seed"]) == ("convnet", 4, 0)
    assert model["bytes"] == len(program.onnx)
    assert sum(one["support"] for one in card["classes"]) == 150
    assert sum(one["right"] for one in card["classes"]) / 150 == learner.evaluate().value
    assert {"learnt", "python", "numpy", "onnxruntime"} == set(card["versions"])
    mistakes = [(c["true"], c["answer"]) for c in card["confused"]]
    confusion = program.manifest["figures"]["confusion"]
    assert [confusion[int(t)][int(a)] for t, a in mistakes] == [
        c["times"] for c in card["confused"]
    ]


def test_the_sections_are_in_order_and_lines_fit_a_terminal(program: learnt.Program) -> None:
    assert re.findall(r"^## (.*)$", program.card, re.MULTILINE) == SECTIONS
    assert all(len(line) <= WIDTH for line in program.card.splitlines())


def test_the_command_of_the_card_gives_the_same_program_to_the_byte(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    take(digits, tmp_path / "my pets", {"0": 20, "1": 20, "2": 20})
    given = ["my pets", "-o", "a.pyz", "--model", "convnet", "--epochs", "2", "--seed", "3"]
    assert main(["train", *given]) == 0
    command = learnt.load("a.pyz").manifest["card"]["retrain"]["command"]
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:3] == ["learnt", "train", "my pets/"]
    assert main(words[1:]) == 0
    assert Path("my pets.pyz").read_bytes() == Path("a.pyz").read_bytes()


def test_a_known_data_set_is_named_with_its_licence(all_digits: Path) -> None:
    learner = Learner(learnt.Images(all_digits), model="convnet", seed=0).fit(epochs=1)
    card = learner.program().manifest["card"]
    assert card["data"]["known"] == "digits"
    assert card["data"]["licence"].startswith("CC BY-SA 3.0")
    command = card["retrain"]["command"]
    assert command.startswith("learnt train $(learnt data get digits) \\\n")
    assert str(all_digits) not in json.dumps(card)


def test_a_frame_in_memory_is_trained_again_from_python(adult: Path) -> None:
    import polars as pl

    frame = pl.read_csv(adult).head(200)
    learner = Learner(learnt.Table(frame, label="income"), seed=1).fit(epochs=1)
    again = learner.program().manifest["card"]["retrain"]
    assert again["language"] == "python"
    names = {"learnt": learnt, "frame": frame}
    exec(again["command"], names)
    assert names["program"].archive.data == learner.program().archive.data


def test_labels_cannot_break_a_table_or_become_html() -> None:
    rows = [(label, number) for number, label in enumerate(HOSTILE)]
    text = table(("class", "n"), rows)
    assert len({len(line) for line in text.splitlines() if line.isascii()}) == 1
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    assert html.count("<tr>") == len(HOSTILE) + 1
    assert html.count("<td") == 2 * len(HOSTILE)
    for tag in ("<script", "<strong", "<em", "<code", "<a ", "<img", "<h1", "<li", "<s>", "\x1b"):
        assert tag not in html
    for label in ("&lt;script&gt;alert(1)&lt;/script&gt;", "a|b", "**bold**", "_x_", "漢字"):
        assert label in html
    for label in HOSTILE:
        plain = MarkdownIt("gfm-like", {"linkify": False}).render("x " + escaped(label))
        assert plain.count("<") == 2  # the paragraph's


def test_a_card_of_hostile_names_has_its_sections_and_nothing_else(program: learnt.Program) -> None:
    found, _, _ = evaluated(HOSTILE)
    facts = {**program.manifest["card"], **classwise(found, {}), "question": "<b>which</b>?"}
    facts["retrain"] = {**facts["retrain"], "command": "learnt train '```\n# x'"}
    facts["data"] = {**facts["data"], "notes": ["</li>\n# Note", "<img src=x>"]}
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
        card_text("<i>|\n# x", facts, found)
    )
    assert re.findall(r"<h2>(.*)</h2>", html) == SECTIONS
    assert html.count("<h1>") == 1
    for tag in ("<b>", "<i>", "<img", "<script"):
        assert tag not in html


def test_of_many_classes_the_worst_and_the_best_are_shown(program: learnt.Program) -> None:
    labels = [f"class {number}" for number in range(60)]
    found, _, _ = evaluated(labels)
    facts = {**program.manifest["card"], **classwise(found, {})}
    text = card_text("many", facts, found)
    rows = re.findall(r"^\| (class \d+) ", text, re.MULTILINE)
    order = [o for o in sorted(facts["classes"], key=lambda c: c["f1"] or 0) if o["f1"] is not None]
    assert len(rows) == 15
    assert rows[0] == order[0]["label"]
    assert rows[-1] == order[-1]["label"]


def test_masks_are_counted_in_pixels_and_their_overlap_is_scikit_learn_s(
    program: learnt.Program,
) -> None:
    random = np.random.default_rng(1)
    truth, answer = random.integers(0, 3, (2, 5, 40, 40))
    pictures = [
        counted(a.astype(np.uint8), t.astype(np.uint8), 4)
        for a, t in zip(answer, truth, strict=True)
    ]
    found = of_overlap(pictures, ["a", "b", "c", "never"], 0)
    facts = {**program.manifest["card"], **classwise(found, {"a": 7})}
    wanted = jaccard_score(truth.ravel(), answer.ravel(), average=None)
    ious = [one["iou"] for one in facts["classes"]]
    assert ious == [*(pytest.approx(value, abs=1e-6) for value in wanted), None]
    text = card_text("scenes", facts, found)
    assert re.search(rf"^\| a +\| +7 \|.* {100 * wanted[0]:.1f} % \|$", text, re.MULTILINE)
    assert "IoU of" not in text


def test_info_shows_the_card_at_eighty_columns(program_file: Path, tmp_path: Path) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    with (tmp_path / "out.txt").open("w") as file:
        console = Console(file=file, width=80, force_terminal=False)
        console.print(Markdown(learnt.load(program_file).card))
    shown = (tmp_path / "out.txt").read_text()
    assert "Class by class" in shown
    row = next(line for line in shown.splitlines() if line.split()[:3] == ["7", "70", "15"])
    assert row.count("%") == 3
