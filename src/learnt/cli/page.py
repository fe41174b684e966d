"""`learnt page`: a program as one web page."""

from pathlib import Path

import typer

from learnt.cli.output import say_json
from learnt.runner.text import shown

PROGRAM = typer.Argument(help="A program file.")
OUT = typer.Option(
    None, "--out", "-o", metavar="PAGE", help="The file to write; else beside the program."
)
AS_JSON = typer.Option(False, "--json", help="Print one JSON object.")


def page(program: Path = PROGRAM, out: Path | None = OUT, as_json: bool = AS_JSON) -> None:
    """Write ONE web page that runs a program in a browser, offline, asking nobody.

    ONNX Runtime for the browser comes once by npm, and is kept.

    Example: learnt page pets.pyz -o pets.html
    """
    from learnt.runner.files import check_unread
    from learnt.runner.page import write_page
    from learnt.runner.program import load

    loaded = load(program)
    place = out or program.with_suffix(".html")
    check_unread(place, [("the program", program)])
    written = write_page(loaded, place)
    size = written.stat().st_size
    if as_json:
        say_json({"page": str(written), "bytes": size})
    else:
        print(f"wrote {shown(written)}: {size / 2**20:.1f} MB; open it in a browser")
