"""A program's card: what it is, what it learnt from, how good it is, and where it stops.

First the facts, as plain data that the manifest keeps under "card" (what it says elsewhere, such
as the figures, is not there again); then the same in words (card_text.py). The same training
gives the same card: there is no date in it.
"""

import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.data.catalogue import known_source
from learnt.training.classwise import classwise
from learnt.training.metrics import Evaluation
from learnt.training.retrain import retraining
from learnt.version import __version__

if TYPE_CHECKING:
    from learnt.training.learner import Learner
    from learnt.training.tasks.task import Words

YOURS = "yours to say; learnt knows of none"


def card_facts(
    learner: "Learner", words: "Words", evaluation: Evaluation, graph: bytes
) -> dict[str, Any]:
    """The card as plain data; `graph` is the program's model."""
    import onnxruntime

    return {
        "question": words.question,
        "data": _data(learner),
        "model": _model(learner, words, graph),
        **classwise(evaluation, words.counts),
        "limits": words.limits,
        "versions": {
            "learnt": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        "retrain": retraining(learner),
    }


def _data(learner: "Learner") -> dict[str, Any]:
    data, known = (
        learner.data,
        None if learner.data.in_memory else known_source(learner.data.source),
    )
    sides = {side: len(data.split[side]) for side in ("train", "valid", "test")}
    # Which files a note names is of use where they are, and nobody else's business.
    notes = [note.splitlines()[0].split(", such as ")[0].rstrip(":") for note in data.notes]
    return {
        "name": data.name,
        "kind": data.kind,
        "known": known[0].name if known else None,
        "about": known[0].about if known else None,
        "licence": known[0].licence if known else YOURS,
        "examples": len(data),
        "noun": data.noun,
        "sides": sides,
        "sizes": ", ".join(f"{count:,} {side}" for side, count in sides.items()),
        "division": data.division(),
        "options": {name: value for name, value in data.options.items() if value is not None},
        "seed": data.seed,
        "sha256": data.fingerprint(),
        "notes": notes,
    }


def _model(learner: "Learner", words: "Words", graph: bytes) -> dict[str, Any]:
    body = words.body
    return {
        "network": learner.made_plan.model,
        "about": words.model,
        "parameters": sum(p.numel() for p in learner.model.parameters()),
        "bytes": len(graph),
        "weights": learner.weights.text(body is not None),
        "epochs": len(learner.history),
        "seed": learner.seed,
        "engine": "numpy",
        "algorithm": learner.made_plan.recipe.algorithm,
        "body": body and {"name": body.name, "about": body.about, "licence": body.licence},
    }
