"""A program's card: what it is, what it learnt from, how good it is, and where it stops."""

from typing import TYPE_CHECKING

from learnt.runner.text import shown
from learnt.training.metrics import Evaluation, figure
from learnt.version import __version__

if TYPE_CHECKING:
    from learnt.training.learner import Learner
    from learnt.training.tasks.task import Words


def card(learner: "Learner", evaluation: Evaluation) -> str:
    """The card as Markdown."""
    words = learner.task.words(learner.made_plan, evaluation)
    parts = [
        f"# {shown(learner.name)}: {words.question}",
        _figure(evaluation),
        "## Data",
        _data(learner),
        *words.details,
        "## Model",
        _model(learner, words),
        "## Limits",
        words.limits,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figure(evaluation: Evaluation) -> str:
    metric, name = evaluation.metric, evaluation.baseline_name
    text = (
        f"**{metric[0].upper()}{metric[1:]} {figure(metric, evaluation.value)}** "
        f"({evaluation.interval_text}) on {evaluation.n} {evaluation.noun} it never saw in "
        f"training. For comparison, {name}: {figure(metric, evaluation.baseline)}."
    )
    lines = [text]
    if evaluation.others:
        lines.append(f"Also: {evaluation.others_text}.")
    return "\n".join([*lines, *(f"Keep in mind: {text}." for text in evaluation.all_warnings)])


def _data(learner: "Learner") -> str:
    data = learner.data
    # Which files a note names is of use where they are, and nobody else's business.
    notes = [note.splitlines()[0].split(", such as ")[0].rstrip(":") for note in data.notes]
    return "\n".join(
        [
            f"{len(data)} {data.noun}: {data.sizes()}.",
            f"sha256 of the list of examples: `{data.fingerprint()}`.",
            *(f"Note: {note}." for note in notes),
        ]
    )


def _model(learner: "Learner", words: "Words") -> str:
    more = f"; {words.model}" if words.model else ""
    text = (
        f"{learner.made_plan.model}, {len(learner.history)} epochs, seed {learner.seed}{more}. "
        f"Trained by learnt {__version__}."
    )
    text += f"\n{learner.weights.text()}"
    return text + (f"\nThe body: {words.body}." if words.body else "")
