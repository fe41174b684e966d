"""A program's card: what it is, what it learnt from, how good it is, and where it stops."""

from typing import TYPE_CHECKING

from learnt.data.split import SIDES
from learnt.models.bodies import BODIES
from learnt.runner.text import percent, shown
from learnt.training.metrics import Evaluation
from learnt.version import __version__

if TYPE_CHECKING:
    from learnt.training.learner import Learner


def card(learner: "Learner", evaluation: Evaluation) -> str:
    """The card as Markdown."""
    data, made = learner.data, learner.made_plan
    low, high = evaluation.interval
    classes = [_class_line(learner, evaluation, number) for number in range(len(data.classes))]
    body = BODIES.get(made.model)
    lines = [
        f"# {shown(data.source.name)}: which of {len(data.classes)} classes is a picture?",
        "",
        (
            f"**Accuracy {percent(evaluation.value)}** (95 % interval {low * 100:.1f} to "
            f"{high * 100:.1f}) on {evaluation.n} pictures it never saw in training. "
            f"Always answering the commonest class: {percent(evaluation.baseline)}."
        ),
        *([f"Keep in mind: {evaluation.warning}."] if evaluation.warning else []),
        "",
        "## Data",
        "",
        f"{len(data)} pictures: " + ", ".join(f"{len(data.split[s])} {s}" for s in SIDES) + ".",
        f"sha256 of the list of examples: `{data.fingerprint()}`.",
        *(f"Note: {_indented(note)}" for note in data.notes),
        "",
        "| class | train | right, of held-out |",
        "|---|---|---|",
        *classes,
        "",
        *_mistakes(evaluation),
        "## Model",
        "",
        (
            f"{made.model}, {made.epochs} epochs, seed {learner.seed}; "
            f"pictures are brought to {made.size} × {made.size}. Trained by learnt {__version__}."
        ),
        *([f"The body: {body.about}; licence {body.licence}."] if body else []),
        "",
        "## Limits",
        "",
        (
            "It always answers with one of its classes, also for a picture of something else. "
            "Pictures unlike those it was trained on get worse answers than the figure above says."
        ),
    ]
    return "\n".join(lines) + "\n"


def _class_line(learner: "Learner", evaluation: Evaluation, number: int) -> str:
    name, row = learner.data.classes[number], evaluation.confusion[number]
    train = learner.data.counts("train")[name]
    return f"| {shown(name)} | {train} | {row[number]} of {sum(row)} |"


def _mistakes(evaluation: Evaluation) -> list[str]:
    worst = evaluation.worst_confusions()
    return ["Commonest mistakes: " + "; ".join(worst) + ".", ""] if worst else []


def _indented(note: str) -> str:
    return note.replace("\n", "\n  ")
