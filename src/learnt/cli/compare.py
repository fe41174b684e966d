"""`learnt compare`: two programs on the same labelled examples."""

from pathlib import Path

import typer

from learnt.cli.options import AS_JSON, FILE, ITEM, LABEL, RATING, TEXT, USER
from learnt.cli.output import say_json, say_note

A = typer.Argument(help="A program file.")
B = typer.Argument(help="Another, that answers the same question.")
SOURCE = typer.Argument(help="Labelled examples, as for test; both answer all of them.")


def compare(
    a: Path = A,
    b: Path = B,
    source: Path = SOURCE,
    label: str | None = LABEL,
    file: str | None = FILE,
    text: str | None = TEXT,
    user: str | None = USER,
    item: str | None = ITEM,
    rating: str | None = RATING,
    as_json: bool = AS_JSON,
) -> None:
    """Compare two programs: where they disagree, which is right, and is it more than chance?

    Example: learnt compare old.pyz new.pyz more-pets/
    """
    from learnt.runner.program import load
    from learnt.training.comparing import called
    from learnt.training.comparing import compare as compared

    columns = {"label": label, "file": file, "text": text, "user": user, "item": item,
               "rating": rating}  # fmt: skip
    given = {name: value for name, value in columns.items() if value is not None}
    found = compared((load(a), load(b)), called((a, b)), source, **given)
    if as_json:
        return say_json(found.as_dict())
    for note in found.notes:
        say_note(note)
    print(found)
    if found.examples:
        print(f"\nSome that they disagree on:\n\n{found.table()}")
    return None
