"""`learnt train`: examples in, a program out. The main job."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from learnt.cli.options import AS_JSON, FILE, ITEM, LABEL, RATING, TEXT, USER
from learnt.cli.output import Bars, progress, say_data, say_evaluation, say_json, say_note
from learnt.errors import OutputError, UsageError
from learnt.runner.text import shown

if TYPE_CHECKING:
    from learnt.training.learner import Learner
    from learnt.training.plan import Plan

SOURCE = typer.Argument(
    None, help="A folder with one folder a class, a table (CSV, Parquet), or text files."
)
OUT = typer.Option(None, "-o", "--out", help="The program file [SOURCE's name .pyz].")
TASK = typer.Option(None, help="The kind of data, such as images [what the source looks like].")
GROUP = typer.Option(None, help="A column whose equal values stay on one side of the split.")
EPOCHS = typer.Option(None, help="Train for so many passes over the data.")
MINUTES = typer.Option(None, help="Train for so many minutes at most.")
MODEL = typer.Option(None, help="A network by its name [what suits the data].")
ENGINE = typer.Option("numpy", help="What runs the training: numpy, the built-in engine.")
SEED = typer.Option(0, min=0, help="Equal seeds give equal programs.")
WEIGHTS = typer.Option(
    "auto", help="int8, float32, or auto: int8 where that costs next to nothing."
)
FAST = typer.Option(False, "--fast", help="Compute in 8 bits, where that costs next to nothing.")
PLAN = typer.Option(False, "--plan", help="Say what would be done, why, how long; and stop.")
RESUME = typer.Option(None, metavar="RUN", help="Go on with a run that was stopped.")
WITH_RESUME = ("resume", "out", "plan", "as_json")
FIGURES = ("metric", "value", "baseline", "interval", "others", "warnings")


def train(
    context: typer.Context,
    source: Path | None = SOURCE,
    out: Path | None = OUT,
    task: str | None = TASK,
    label: str | None = LABEL,
    file: str | None = FILE,
    text: str | None = TEXT,
    user: str | None = USER,
    item: str | None = ITEM,
    rating: str | None = RATING,
    group: str | None = GROUP,
    epochs: int | None = EPOCHS,
    minutes: float | None = MINUTES,
    model: str | None = MODEL,
    engine: str = ENGINE,
    seed: int = SEED,
    weights: str = WEIGHTS,
    fast: bool = FAST,
    plan: bool = PLAN,
    resume: str | None = RESUME,
    as_json: bool = AS_JSON,
) -> None:
    """Learn a program from labelled examples.

    Example: learnt train pets/ -o pets.pyz
    """
    begun = time.perf_counter()
    from learnt.data.guess import open_data
    from learnt.training.learner import Learner

    why = ""
    if engine != "numpy":
        raise UsageError(f"the engine must be numpy, so far; got {engine!r}")
    if resume is not None:
        _check_alone(context)
        learner = Learner.resume(resume, progress(as_json))
        out = out or Path(learner.options.get("out") or default_name(learner.data.source))
    elif source is None:
        raise UsageError("give a source: a folder with one folder a class, a table, or text files")
    else:
        out = out or default_name(source)
        data, why = open_data(
            source, task, seed, label=label, file=file, text=text, user=user, item=item,
            rating=rating, group=group,
        )  # fmt: skip
        learner = Learner(
            data,
            model=model,
            seed=seed,
            weights="fast" if fast else weights,
            callbacks=progress(as_json),
        )
        learner.options["out"] = str(out.absolute())
    if plan:
        made = learner.made_plan if resume else learner.plan(epochs, minutes)
        return _show_plan(learner, made, why, as_json)
    check_writable(out)
    teach(learner, out, epochs, minutes, begun, as_json, why)
    return None


def _check_alone(context: typer.Context) -> None:
    """UsageError where something was given with --resume that a run has settled already."""
    told = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in WITH_RESUME
        and (source := context.get_parameter_source(parameter.name or "")) is not None
        and source.name == "COMMANDLINE"
    ]
    if told:
        raise UsageError(
            "--resume RUN goes on as the run was started: give nothing else but -o, --plan and "
            f"--json; got {', '.join(told)}"
        )


def teach(
    learner: "Learner",
    out: Path,
    epochs: int | None,
    minutes: float | None,
    begun: float,
    as_json: bool,
    why: str = "",
) -> None:
    """Train, evaluate, write the program, and say so."""
    from learnt.training.plan import duration

    if not as_json:
        say_data(learner.data, why)
    before = list(learner.data.notes)
    try:
        learner.fit(epochs, minutes)
    finally:  # also where Ctrl-C or a fault of the data ends it
        for callback in learner.callbacks:
            if isinstance(callback, Bars):
                callback.close()
    evaluation, program = learner.evaluate(), learner.program()
    program.save(out)
    seconds = {"total": time.perf_counter() - begun, **learner.seconds}
    if as_json:
        return say_json(_summary(learner, out, evaluation.as_dict(), seconds))
    for note in learner.data.notes:
        if note not in before:
            say_note(note)
    say_evaluation(evaluation)
    size = len(program.archive.data) / 1e6
    kind = learner.weights.kind
    print(f"wrote {shown(out)} ({size:.1f} MB, {kind}) after {duration(seconds['total'])}")
    return None


def default_name(source: Path) -> Path:
    """The program file for a source: its name, in the working folder."""
    name = Path(os.path.abspath(source)).name
    return Path((name if os.path.isdir(source) else Path(name).stem) + ".pyz")


def check_writable(out: Path) -> None:
    """Say now, and not after the training, that the program could not be written."""
    folder = out.absolute().parent
    if os.path.isdir(out):
        raise OutputError(f"{shown(out)} is a folder: give -o the name of a file")
    if os.path.exists(out) and not os.path.isfile(out):
        raise OutputError(f"{shown(out)} is not an ordinary file: give -o the name of another")
    if not os.path.isdir(folder):
        raise OutputError(
            f"the folder {shown(folder)} does not exist: make it, or choose another place with -o"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"the folder {shown(folder)} cannot be written to: choose another place with -o"
        )


def _show_plan(learner: "Learner", made: "Plan", why: str, as_json: bool) -> None:
    if as_json:
        return say_json({"task": learner.task.name, **made.as_dict()})
    say_data(learner.data, why)
    print(made.describe())
    return None


def _summary(
    learner: "Learner", out: Path, figures: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    data, run = learner.data, learner.run
    return {
        "program": str(out),
        "task": learner.task.name,
        "classes": getattr(data, "classes", []),
        "examples": {side: len(data.split[side]) for side in ("train", "valid", "test")},
        **{key: figures[key] for key in FIGURES if key in figures},
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "model": learner.made_plan.model,
        "engine": "numpy",
        "run": run.name if run else None,
        "notes": data.notes,
    }
