"""`learnt run`: run a program as data, with the installed runner."""

from pathlib import Path

import typer

from learnt.runner.text import shown

PROGRAM = typer.Argument(help="A program file.")
INPUTS = typer.Argument(
    None, metavar="INPUT...", help="What the program takes: learnt run PROGRAM --help tells."
)
AS_JSON = typer.Option(False, "--json", help="Print one JSON object a line.")
# All that follows the program is the program's own business.
SETTINGS = {"allow_interspersed_args": False, "ignore_unknown_options": True}


def run(
    program: Path = PROGRAM,
    inputs: list[str] | None = INPUTS,
    as_json: bool = AS_JSON,
) -> int:
    """Run a program on inputs; nothing inside the file is executed.

    Example: learnt run pets.pyz cat.jpg dog.jpg
    """
    from learnt.runner.main import nobody_reads
    from learnt.runner.main import run as run_program

    arguments = [*(["--json"] if as_json else []), *(inputs or [])]
    try:
        return run_program(program, arguments, f"learnt run {shown(program)}")
    except BrokenPipeError:  # the parser of options would make an error of it
        return nobody_reads()
    except SystemExit as leaving:  # of the program's own parser
        return int(leaving.code or 0)
