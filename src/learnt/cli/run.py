"""`learnt run`: run a program as data, with the installed runner."""

from pathlib import Path

import typer

PROGRAM = typer.Argument(help="A program file.")
INPUTS = typer.Argument(metavar="INPUT...", help="Pictures; - is standard input.")
AS_JSON = typer.Option(False, "--json", help="Print one JSON object a line.")


def run(program: Path = PROGRAM, inputs: list[str] = INPUTS, as_json: bool = AS_JSON) -> int:
    """Run a program on inputs; nothing inside the file is executed.

    Example: learnt run pets.pyz cat.jpg dog.jpg
    """
    from learnt.runner.main import answer, nobody_reads
    from learnt.runner.program import load

    try:
        return answer(load(program), inputs, as_json)
    except BrokenPipeError:  # the parser of options would make an error of it
        return nobody_reads()
