"""`learnt test`: how good is a program, on labelled examples it never saw?"""

from pathlib import Path

import typer

from learnt.cli.output import say_evaluation, say_json, say_note

PROGRAM = typer.Argument(help="A program file.")
SOURCE = typer.Argument(help="Labelled examples, as for train; all of them are tested on.")
LABEL = typer.Option(None, help="The column of labels in a CSV.")
FILE = typer.Option(None, help="The column of files in a CSV.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")


def test_program(
    program: Path = PROGRAM,
    source: Path = SOURCE,
    file: str | None = FILE,
    label: str | None = LABEL,
    as_json: bool = AS_JSON,
) -> None:
    """Measure a program on labelled examples.

    Example: learnt test pets.pyz more-pets/
    """
    from learnt.runner.program import load
    from learnt.training.testing import measure

    evaluation, notes = measure(load(program), source, file, label)
    if as_json:
        return say_json({**evaluation.as_dict(), "notes": notes})
    for note in notes:
        say_note(note)
    say_evaluation(evaluation)
    return None
