"""A program's card: what it is, what it learnt from, how good it is, and where it stops."""

from typing import TYPE_CHECKING

from learnt.data.split import SIDES
from learnt.models.bodies import BODIES
from learnt.runner.text import percent, shown
from learnt.training.metrics import Evaluation
from learnt.version import __version__

if TYPE_CHECKING:
    from learnt.training.learner import Learner

LIMITS = (
    "It always answers with one of its classes, also for a picture of something else. Pictures "
    "unlike those it was trained on get worse answers than the figure above says."
)


def card(learner: "Learner", evaluation: Evaluation) -> str:
    """The card as Markdown."""
    name, classes = shown(learner.name), len(learner.data.classes)
    parts = [
        f"# {name}: which of {classes} classes is a picture?",
        _figure(evaluation),
        "## Data",
        _data(learner),
        _by_class(learner, evaluation),
        _mistakes(evaluation),
        "## Model",
        _model(learner),
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figure(evaluation: Evaluation) -> str:
    text = (
        f"**Accuracy {percent(evaluation.value)}** ({evaluation.interval_text}) "
        f"on {evaluation.n} pictures it never saw in training. "
        f"Always answering the commonest class: {percent(evaluation.baseline)}."
    )
    return text + (f"\nKeep in mind: {evaluation.warning}." if evaluation.warning else "")


def _data(learner: "Learner") -> str:
    data = learner.data
    # Which files a note names is of use where they are, and nobody else's business.
    notes = [note.splitlines()[0].split(", such as ")[0].rstrip(":") for note in data.notes]
    return "\n".join(
        [
            f"{len(data)} pictures: " + ", ".join(f"{len(data.split[s])} {s}" for s in SIDES) + ".",
            f"sha256 of the list of examples: `{data.fingerprint()}`.",
            *(f"Note: {note}." for note in notes),
        ]
    )


def _by_class(learner: "Learner", evaluation: Evaluation) -> str:
    train = learner.data.counts("train")
    rows = [
        f"| {shown(name)} | {train[name]} | {row[number]} of {sum(row)} |"
        for number, (name, row) in enumerate(
            zip(learner.data.classes, evaluation.confusion, strict=True)
        )
    ]
    return "\n".join(["| class | train | right, of held-out |", "|---|---|---|", *rows])


def _mistakes(evaluation: Evaluation) -> str:
    worst = evaluation.worst_confusions()
    return "Commonest mistakes: " + "; ".join(worst) + "." if worst else ""


def _model(learner: "Learner") -> str:
    made = learner.made_plan
    text = (
        f"{made.model}, {len(learner.history)} epochs, seed {learner.seed}; "
        f"pictures are brought to {made.size} × {made.size}. Trained by learnt {__version__}."
    )
    body = BODIES.get(made.model)
    return text + (f"\nThe body: {body.about}; licence {body.licence}." if body else "")
