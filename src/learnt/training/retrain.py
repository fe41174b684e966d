"""How to train a program again: the very command, with its options, as a person would type it.

Sources are said by name, never by the place where they were: that is nobody else's business.
"""

import os
import shlex
from typing import TYPE_CHECKING, Any

from learnt.data.catalogue import known_source
from learnt.runner.text import shown

if TYPE_CHECKING:
    from learnt.training.learner import Learner

FLAGS = ("label", "file", "text", "user", "item", "rating", "group")  # of `learnt train`
MACHINE = "how long it trains depends on how fast the machine is"


def retraining(learner: "Learner") -> dict[str, Any]:
    """The command, its language (Python, where the shell has no words for it), and a note."""
    data, task = learner.data, learner.data.options.get("task") or learner.data.kind
    options = {k: v for k, v in data.options.items() if v is not None}
    shell = not data.in_memory and data.seed == learner.seed and set(options) <= {*FLAGS, "task"}
    command = _shell(learner, task, options) if shell else _python(learner, options)
    machine = learner.budget.minutes is not None or learner.task.machine_decides
    return {
        "language": "sh" if shell else "python",
        "command": command,
        "note": MACHINE if machine else "",
    }


def _shell(learner: "Learner", task: str, options: dict[str, Any]) -> str:
    budget, given = learner.budget, {"task": task, "model": learner.made_plan.model}
    given |= {name: str(value) for name, value in options.items() if name != "task"}
    if budget.epochs is not None:
        given["epochs"] = str(budget.epochs)
    if budget.minutes is not None:
        given["minutes"] = f"{budget.minutes:g}"
    given["seed"] = str(learner.seed)
    if learner.made_plan.weights != "auto":
        given["weights"] = learner.made_plan.weights
    words = " ".join(f"--{name} {shlex.quote(shown(value))}" for name, value in given.items())
    out = shlex.quote(shown(learner.name) + ".pyz")
    lines = [f"learnt train {_source(learner)} \\\n  -o {out} {words}"]
    if learner.made_plan.model == "minilm":
        lines.insert(0, "learnt bodies get minilm")
    return "\n".join(lines)


def _source(learner: "Learner") -> str:
    """The source as the command names it."""
    data = learner.data
    known = known_source(data.source)
    if known is not None:
        entry, rest = known
        allow = " --allow-sdist" if entry.carrier.registry == "pypi-sdist" else ""
        inside = "/" + shlex.quote(rest) if rest else ""
        return f"$(learnt data get {entry.name}{allow}){inside}"
    name = os.path.basename(os.path.abspath(data.source))
    return shlex.quote(shown(name)) + ("/" if data.source.is_dir() else "")


def _python(learner: "Learner", options: dict[str, Any]) -> str:
    data, budget = learner.data, learner.budget
    source = "frame" if data.in_memory else repr(shown(data.source.name))
    given = {**options, "seed": data.seed}
    arguments = ", ".join([source, *(f"{name}={value!r}" for name, value in given.items())])
    fitted = {"epochs": budget.epochs, "minutes": budget.minutes}
    fit = ", ".join(f"{name}={value!r}" for name, value in fitted.items() if value is not None)
    weights = learner.made_plan.weights
    more = f"model={learner.made_plan.model!r}, seed={learner.seed}"
    more += "" if weights == "auto" else f", weights={weights!r}"
    return (
        f"data = learnt.{type(data).__name__}({arguments})\n"
        f"learner = learnt.Learner(data, {more})\n"
        f"program = learner.fit({fit}).program()"
    )
