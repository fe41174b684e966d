"""`learnt test`: how good is a program, on labelled examples it never saw?"""

from pathlib import Path

import typer

from learnt.cli.options import AS_JSON, FILE, ITEM, LABEL, PROGRAM, RATING, TEXT, USER
from learnt.cli.output import say_evaluation, say_json, say_note

SOURCE = typer.Argument(help="Labelled examples, as for train; all of them are tested on.")


def test_program(
    program: Path = PROGRAM,
    source: Path = SOURCE,
    label: str | None = LABEL,
    file: str | None = FILE,
    text: str | None = TEXT,
    user: str | None = USER,
    item: str | None = ITEM,
    rating: str | None = RATING,
    as_json: bool = AS_JSON,
) -> None:
    """Measure a program on labelled examples.

    Example: learnt test pets.pyz more-pets/
    """
    from learnt.runner.program import load
    from learnt.training.testing import measure

    columns = {"label": label, "file": file, "text": text, "user": user, "item": item,
               "rating": rating}  # fmt: skip
    given = {name: value for name, value in columns.items() if value is not None}
    evaluation, notes = measure(load(program), source, **given)
    if as_json:
        return say_json({**evaluation.as_dict(), "notes": notes})
    for note in notes:
        say_note(note)
    say_evaluation(evaluation)
    return None
