"""`learnt serve`: a program as an HTTP server."""

from pathlib import Path

import typer

PROGRAM = typer.Argument(help="A program file.")
HOST = typer.Option(
    "127.0.0.1", help="The address to serve at; only this machine reaches the default."
)
PORT = typer.Option(8000, help="The port; 0 is any free one.")
VERBOSE = typer.Option(False, "--verbose", help="Print a line a request.")
AS_JSON = typer.Option(False, "--json", help="Print the address as one JSON object.")


def serve(
    program: Path = PROGRAM,
    host: str = HOST,
    port: int = PORT,
    verbose: bool = VERBOSE,
    as_json: bool = AS_JSON,
) -> int:
    """Answer over HTTP: POST /run; / is a page, /openapi.json says what it takes.

    Example: learnt serve pets.pyz --port 8000
    """
    from learnt.runner.program import load
    from learnt.runner.serve import serve as serve_program

    return serve_program(load(program), host, port, verbose=verbose, as_json=as_json)
