"""`learnt info`: a program's card."""

import sys
from pathlib import Path

import typer

from learnt.cli.output import say_json

PROGRAM = typer.Argument(help="A program file.")
AS_JSON = typer.Option(False, "--json", help="Print the manifest as one JSON object.")


def info(program: Path = PROGRAM, as_json: bool = AS_JSON) -> None:
    """Show what a program is, what it was trained on, and how good it is.

    Example: learnt info pets.pyz
    """
    from learnt.runner.program import load

    loaded = load(program)
    if as_json:
        say_json(loaded.manifest)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(loaded.card, hyperlinks=False))
    else:
        print(loaded.card.rstrip())
